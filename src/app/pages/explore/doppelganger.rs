//! The button makes a doppelgänger: the picture is taken for a class that is absurd.

use egui::{Button, Key, Margin, Popup, PopupCloseBehavior, RichText, TextEdit, Ui, vec2};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::words;
use crate::app::theme::{self, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::acting;
use crate::app::widgets::class_picker::hits;
use crate::worker::Shown;

const ABSURD: [&str; 5] = ["fiddler crab", "guacamole", "gibbon", "teapot", "king penguin"];
const MOST: usize = 4;
const MOST_FOUND: usize = 6;
const ROOMY: f32 = 560.0;
const LIST_WIDTH: f32 = 220.0;

#[derive(Default)]
pub struct Doppelganger {
    text: String,
    was_open: bool,
}

/// Proposes absurd classes for a photograph, and for digits those that the net finds next in probability.
fn proposals(shown: &Shown) -> Vec<usize> {
    let classes = &shown.model.classes;
    let answer = shown.clean_top.first().map(|guess| guess.index);
    let absurd = ABSURD.iter().filter_map(|name| classes.iter().position(|class| class.eq_ignore_ascii_case(name)));
    let mut found = Vec::new();
    for class in absurd.chain(shown.clean_top.iter().map(|guess| guess.index)) {
        if Some(class) != answer && !found.contains(&class) {
            found.push(class);
        }
    }
    found.truncate(MOST);
    found
}

impl Doppelganger {
    fn list(&mut self, ui: &mut Ui, classes: &[String], proposed: &[usize], out: &mut Vec<Command>) {
        ui.set_width(LIST_WIDTH);
        if !self.was_open {
            self.text.clear();
        }
        let found = hits(classes, &self.text);
        let listed = if self.text.trim().is_empty() { proposed } else { &found };
        let mut chosen = None;
        let row = vec2(LIST_WIDTH, theme::CONTROL_HEIGHT);
        let height = MOST_FOUND as f32 * (theme::CONTROL_HEIGHT + ui.spacing().item_spacing.y);
        ui.allocate_ui(vec2(LIST_WIDTH, height), |ui| {
            ui.set_min_height(ui.max_rect().height());
            for class in listed.iter().copied().take(MOST_FOUND) {
                let name = words::with_article(&classes[class]);
                let button = Button::new(name.as_str()).min_size(row).truncate();
                if ui.add(button).accessible_name(format!("Make it {name}")).clicked() {
                    chosen = Some(class);
                }
            }
            if listed.is_empty() {
                ui.label(format!("No class is called “{}”.", self.text.trim()));
            }
        });
        ui.separator();
        let hint = format!("Find any of {} classes…", classes.len());
        let field = TextEdit::singleline(&mut self.text).hint_text(hint).desired_width(LIST_WIDTH);
        let field = ui.add(field.margin(Margin::symmetric(8, 6))).accessible_name("Class to make it");
        if !self.was_open {
            field.request_focus();
        }
        if field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
            chosen = listed.first().copied();
        }
        if let Some(class) = chosen {
            out.push(ExploreCommand::MakeIt(class).into());
            ui.close();
        }
    }

    pub fn show(&mut self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
        let Some(shown) = explore.shown.as_deref().filter(|_| !explore.hidden.answer) else { return };
        let proposed = proposals(shown);
        let Some(first) = proposed.first().copied() else { return };
        let classes = &shown.model.classes;
        let height = theme::ROW_HEIGHT;
        let arrow = Button::new(icons::ICON_ARROW_DROP_UP.rich_text().size(18.0)).min_size(vec2(24.0, height));
        let arrow = ui.add(arrow).on_hover_text("Other classes").accessible_name("Other classes to make it");
        let menu = Popup::menu(&arrow).width(LIST_WIDTH).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        let is_open = menu.is_open();
        menu.show(|ui| self.list(ui, classes, &proposed, out));
        self.was_open = is_open;
        if explore.view.goal.target().is_some() {
            let name = ExploreCommand::StartOver.about().name;
            let button = Button::new((icons::ICON_RESTART_ALT.rich_text().size(17.0), name));
            return acting(ui.add(button.min_size(vec2(0.0, height))), ExploreCommand::StartOver, out);
        }
        let name = words::with_article(&classes[first]);
        let text = if ui.available_width() >= ROOMY { format!("Make it {name}") } else { classes[first].clone() };
        let palette = palette(ui);
        let icon = icons::ICON_AUTO_AWESOME.rich_text().size(17.0).color(palette.on_accent);
        let button = Button::new((icon, RichText::new(text).color(palette.on_accent))).fill(palette.accent);
        let tip = ExploreCommand::MakeIt(first).about().tooltip;
        let button = ui.add(button.min_size(vec2(0.0, height))).on_hover_text(tip);
        if button.accessible_name(format!("Make it {name}")).clicked() {
            out.push(ExploreCommand::MakeIt(first).into());
        }
    }
}
