//! This part shows what a second net says of the same picture.

use egui::{self, Align2, Button, ComboBox, Rect, Sense, Ui, UiBuilder, pos2, vec2};

use crate::app::commands::Command;
use crate::app::pages::explore::commands::why::WhyCommand;
use crate::app::pages::explore::nets::{grouped, misfit};
use crate::app::pages::explore::results::label_role;
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::why::state::{Why, WhyLook};
use crate::app::theme::{self, BAR_HEIGHT, SPACE_1, SPACE_2, SPACE_3, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::bar_chart::{ClassRole, bars};
use crate::app::widgets::segmented;
use crate::engine::attack::Verdict;
use crate::engine::model::Guess;
use crate::worker::{SecondAnswers, Shown, Timeline};

pub const WIDTH: f32 = 436.0;
/// Each net has this many bars, before and after, where there is room, and otherwise one.
const BARS: usize = 2;
const PICKER: f32 = 150.0;
const MENU: f32 = 280.0;
const NAME_HEIGHT: f32 = 18.0;
const WHEN: f32 = 52.0;

pub fn picker(ui: &mut Ui, explore: &Explore, look: &WhyLook, out: &mut Vec<Command>) {
    let about = WhyCommand::Second(None).about();
    let title = match &look.second {
        None => "Compare with…".to_owned(),
        Some(name) => format!("With: {}", title(explore, name)),
    };
    let picker = ComboBox::from_id_salt("second net").selected_text(title).width(PICKER).truncate();
    let mut choose = |ui: &mut Ui, name: Option<&str>, title: &str| {
        let is_chosen = look.second.as_deref() == name;
        let button = Button::selectable(is_chosen, title).min_size(vec2(ui.available_width(), 0.0)).truncate();
        if ui.add(button).accessible_name(format!("Compare with: {title}")).clicked() {
            out.push(WhyCommand::Second(name.map(ToOwned::to_owned)).into());
            ui.close();
        }
    };
    let menu = |ui: &mut Ui| {
        ui.set_width(MENU);
        choose(ui, None, "No other net");
        for (group, entries) in grouped(&explore.catalogue) {
            ui.label(theme::caption(ui, group));
            for entry in entries.into_iter().filter(|entry| entry.problem.is_none() && entry.name != explore.view.model)
            {
                match misfit(explore, entry) {
                    None => choose(ui, Some(&entry.name), &entry.title),
                    Some(why) => drop(ui.label(theme::weak(ui, format!("{}: {why}", entry.title)))),
                }
            }
        }
    };
    picker.show_ui(ui, menu).response.on_hover_text(about.tooltip).accessible_name(about.name);
}

fn title<'a>(explore: &'a Explore, name: &'a str) -> &'a str {
    explore.catalogue.iter().find(|entry| entry.name == name).map_or(name, |entry| &entry.title)
}

pub fn show(ui: &mut Ui, explore: &Explore, why: &Why, look: &WhyLook, out: &mut Vec<Command>) {
    ui.spacing_mut().item_spacing = vec2(SPACE_2, SPACE_1);
    let answers = why.second().map(|second| second.outcome.as_ref());
    ui.horizontal(|ui| {
        let about = [false, true].map(|is_own| WhyCommand::OwnAttack(is_own).about());
        let options = about.each_ref().map(|about| (about.name, about.tooltip));
        if let Some(index) = segmented(ui, "The other net", &options, usize::from(look.is_own)) {
            out.push(WhyCommand::OwnAttack(index == 1).into());
        }
        if let Some(Ok(answers)) = answers {
            verdict(ui, answers, look.is_own);
        }
    });
    let (shown, answers) = match (explore.shown.as_deref(), answers) {
        (Some(shown), Some(Ok(answers))) => (shown, answers),
        (Some(_), Some(Err(problem))) => return drop(ui.add(egui::Label::new(problem).wrap())),
        _ if look.second.as_ref() == Some(&explore.view.model) => {
            return drop(ui.label(theme::weak(ui, "This is the net itself: choose another one to compare with.")));
        }
        _ => return drop(ui.label(theme::weak(ui, "asking the other net…"))),
    };
    // The gap below the last bar may be cut.
    let count = if ui.available_height() + SPACE_2 >= net_height(BARS) { BARS } else { 1 };
    egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| both(ui, explore, shown, answers, count));
}

fn verdict(ui: &mut Ui, answers: &SecondAnswers, is_own: bool) {
    let palette = palette(ui);
    let tops = [&answers.clean_top, &answers.adversarial_top];
    let [before, after] = tops.map(|top| top.first().map(|guess| guess.index));
    let (text, colour) = match (answers.verdict, is_own) {
        // Who is wrong about the untouched picture is not fooled by what is added.
        (verdict, _) if verdict != Verdict::StillRight && before == after => ("It said so before, too", palette.weak),
        (Verdict::Fooled, _) if before != Some(answers.label) => ("Wrong before, and otherwise now", palette.weak),
        (Verdict::StillRight, false) => ("It does not transfer: not fooled", palette.text),
        (Verdict::StillRight, true) => ("Not fooled", palette.text),
        (Verdict::Fooled, false) => ("It transfers: fooled too", palette.fooled),
        (Verdict::Fooled, true) => ("Fooled too", palette.fooled),
        (Verdict::FooledAsAsked, _) => ("Fooled as asked too", palette.asked),
    };
    ui.add(egui::Label::new(theme::strong(text).color(colour)).truncate());
}

fn bars_height(count: usize) -> f32 {
    count as f32 * (BAR_HEIGHT + 2.0) + 4.0
}

fn net_height(count: usize) -> f32 {
    NAME_HEIGHT + 2.0 * bars_height(count)
}

fn both(ui: &mut Ui, explore: &Explore, shown: &Shown, answers: &SecondAnswers, count: usize) {
    let (room, _) = ui.allocate_exact_size(vec2(ui.available_width(), net_height(count)), Sense::hover());
    captions(ui, room, shown, count);
    let width = ((room.width() - WHEN - SPACE_3) / 2.0).floor();
    let (label, target) = (shown.label.index, shown.view.goal.target());
    let tops: [&[Guess]; 2] = [&shown.clean_top, &shown.adversarial_top];
    let first = Net { name: title(explore, &shown.view.model), tops, label, target };
    // Classes of two nets have their names in common, not their numbers.
    let name = target.map(|class| shown.class_name(class));
    let tops: [&[Guess]; 2] = [&answers.clean_top, &answers.adversarial_top];
    let target = tops.into_iter().flatten().find(|guess| Some(guess.name.as_str()) == name).map(|guess| guess.index);
    let second = Net { name: &answers.title, tops, label: answers.label, target };
    for (index, net) in [first, second].iter().enumerate() {
        let left = room.left() + WHEN + index as f32 * (width + SPACE_3);
        let rect = Rect::from_min_size(pos2(left, room.top()), vec2(width, room.height()));
        let mut ui = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(("net", index)));
        net.show(&mut ui, label_role(shown), count);
    }
}

/// Says beside the bars which are of the untouched picture and which of the one on screen.
fn captions(ui: &Ui, room: Rect, shown: &Shown, count: usize) {
    let Timeline { step, is_result, .. } = shown.timeline;
    let after = if is_result { "after".to_owned() } else { format!("step {step}") };
    let palette = palette(ui);
    for (block, text) in ["before".to_owned(), after].into_iter().enumerate() {
        let at = pos2(room.left(), room.top() + NAME_HEIGHT + block as f32 * bars_height(count) + 0.5 * BAR_HEIGHT);
        ui.painter().text(at, Align2::LEFT_CENTER, text, theme::small_font(), palette.weak);
    }
}

struct Net<'a> {
    name: &'a str,
    tops: [&'a [Guess]; 2],
    label: usize,
    target: Option<usize>,
}

impl Net<'_> {
    fn show(&self, ui: &mut Ui, label_role: ClassRole, count: usize) {
        let top = ui.max_rect().min;
        let width = ui.available_width();
        ui.add(egui::Label::new(theme::caption(ui, self.name)).truncate());
        let role = |class| ClassRole::new(class, self.target, self.label, label_role);
        for (block, (when, guesses)) in ["before", "after"].into_iter().zip(self.tops).enumerate() {
            let corner = top + vec2(0.0, NAME_HEIGHT + block as f32 * bars_height(count));
            let rect = Rect::from_min_size(corner, vec2(width, bars_height(count)));
            let mut ui = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(when));
            bars(&mut ui, &format!("{}, {when}", self.name), guesses.iter().take(count), role);
        }
    }
}
