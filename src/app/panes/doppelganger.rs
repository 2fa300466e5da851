//! The button that makes a doppelgänger: the picture, taken for a class that is absurd.

use eframe::egui::{Button, Id, Popup, PopupCloseBehavior, RichText, Ui, vec2};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::explore::Explore;
use crate::app::theme::{self, palette};
use crate::app::widgets::{ClassPicker, Picked};
use crate::app::words;
use crate::engine::attack::Goal;
use crate::worker::Shown;

/// Classes that nobody would take a photograph of something else for, the first one first.
const ABSURD: [&str; 5] = ["fiddler crab", "guacamole", "gibbon", "teapot", "king penguin"];
/// Classes that are proposed.
const MOST: usize = 4;
/// From this room on the button says all of its name.
const ROOMY: f32 = 560.0;
const LIST_WIDTH: f32 = 220.0;

/// The button, and the search in its list.
#[derive(Default)]
pub struct Doppelganger {
    picker: ClassPicker,
}

/// Classes to propose for what is on screen: absurd ones for a photograph, and for digits those that the net finds next in
/// probability.
fn proposals(shown: &Shown) -> Vec<usize> {
    let classes = &shown.model.classes;
    let answer = shown.clean_top.first().map(|guess| guess.index);
    let index = |name: &&str| classes.iter().position(|class| class.eq_ignore_ascii_case(name));
    let mut found: Vec<usize> = ABSURD.iter().filter_map(|name| index(name)).collect();
    found.extend(shown.clean_top.iter().map(|guess| guess.index));
    let mut seen = Vec::new();
    found.retain(|class| {
        Some(*class) != answer && !seen.contains(class) && {
            seen.push(*class);
            true
        }
    });
    found.truncate(MOST);
    found
}

impl Doppelganger {
    /// Draws the button and what hangs on it from right to left.
    pub fn show(&mut self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
        let Some(shown) = explore.shown.as_deref().filter(|_| !explore.hidden.answer) else { return };
        let proposed = proposals(shown);
        let Some(first) = proposed.first().copied() else { return };
        let classes = &shown.model.classes;
        let is_made = matches!(explore.goal, Goal::Targeted(_));
        let height = theme::ROW_HEIGHT;
        let arrow = Button::new(icons::ICON_ARROW_DROP_UP.rich_text().size(18.0)).min_size(vec2(24.0, height));
        let arrow = ui.add(arrow).on_hover_text("Other classes").accessible_name("Other classes to make it");
        Popup::menu(&arrow).width(LIST_WIDTH).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
            ui.set_width(LIST_WIDTH);
            for class in proposed.iter().copied() {
                let name = words::with_article(&classes[class]);
                let button = Button::new(name.as_str()).min_size(vec2(LIST_WIDTH, theme::CONTROL_HEIGHT)).truncate();
                if ui.add(button).accessible_name(format!("Make it {name}")).clicked() {
                    out.push(Command::MakeIt(class));
                    ui.close();
                }
            }
            ui.separator();
            ui.label(theme::caption(ui, format!("Any of {} classes", classes.len())));
            let chosen = if let Goal::Targeted(index) = explore.goal { Some(index) } else { None };
            let id = Id::unique("class of the doppelgänger");
            if let Some(Picked(class)) = self.picker.show(ui, id, "Class to make it", classes, chosen) {
                out.push(Command::MakeIt(class));
                ui.close();
            }
        });
        if is_made {
            let about = Command::StartOver.about();
            let button = Button::new((icons::ICON_RESTART_ALT.rich_text().size(17.0), about.name));
            let button = ui.add(button.min_size(vec2(0.0, height))).on_hover_text(about.tooltip);
            if button.accessible_name(about.name).clicked() {
                out.push(Command::StartOver);
            }
            return;
        }
        let name = words::with_article(&classes[first]);
        let text = if ui.available_width() >= ROOMY { format!("Make it {name}") } else { classes[first].clone() };
        let palette = palette(ui);
        let icon = icons::ICON_AUTO_AWESOME.rich_text().size(17.0).color(palette.on_accent);
        let button = Button::new((icon, RichText::new(text).color(palette.on_accent))).fill(palette.accent);
        let button = ui.add(button.min_size(vec2(0.0, height))).on_hover_text(Command::MakeIt(first).about().tooltip);
        if button.accessible_name(format!("Make it {name}")).clicked() {
            out.push(Command::MakeIt(first));
        }
    }
}
