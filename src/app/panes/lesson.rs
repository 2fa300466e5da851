//! The lesson beside the window: its text, what to predict, and the way on.

use eframe::egui::{self, Align, Button, Layout, Panel, ScrollArea, Ui};
use egui_material_icons::icons;

use crate::app::commands::{Command, LessonCommand};
use crate::app::lessons::{Lessons, Step, filled};
use crate::app::theme::{self, SPACE_1, SPACE_2, SPACE_3, SPACE_4, palette};
use crate::app::widgets::{icon_button, primary_button};
use crate::worker::Shown;

/// Of the whole window, within these bounds.
const SHARE: f32 = 0.24;
const WIDTH: (f32, f32) = (216.0, 340.0);

/// Shows the lesson that is open in a panel on the left.
pub fn lesson(ui: &mut Ui, lessons: &Lessons, shown: Option<&Shown>, out: &mut Vec<Command>) {
    let (Some((lesson, number)), Some(step)) = (lessons.current(), lessons.step()) else { return };
    let width = (ui.available_width() * SHARE).clamp(WIDTH.0, WIDTH.1);
    let frame = theme::bar_frame(ui).inner_margin(SPACE_4);
    Panel::left("lesson").frame(frame).resizable(false).exact_size(width).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = SPACE_2;
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                icon_button(ui, Command::Lesson(LessonCommand::Close), out);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(theme::caption(ui, lesson.title.as_str())).truncate());
                });
            });
        });
        let buttons = theme::CONTROL_HEIGHT + SPACE_3;
        let height = (ui.available_height() - buttons).max(80.0);
        ScrollArea::vertical().max_height(height).min_scrolled_height(height).auto_shrink(false).show(ui, |ui| {
            contents(ui, lessons, step, shown, out);
        });
        ui.add_space(SPACE_1);
        ways(ui, lessons, (number, lesson.steps.len()), out);
    });
}

fn contents(ui: &mut Ui, lessons: &Lessons, step: &Step, shown: Option<&Shown>, out: &mut Vec<Command>) {
    ui.label(egui::RichText::new(&step.heading).font(theme::verdict_font()));
    paragraphs(ui, &filled(&step.text, shown));
    if let Some(ask) = &step.ask {
        ui.add_space(SPACE_2);
        ui.label(theme::strong(filled(ask, shown)));
        for (index, choice) in step.choices.iter().enumerate() {
            let is_chosen = lessons.guess() == Some(index);
            let button = Button::selectable(is_chosen, choice.as_str()).frame_when_inactive(true).wrap();
            let wide = button.min_size(egui::vec2(ui.available_width(), theme::CONTROL_HEIGHT));
            let response =
                ui.add_enabled(lessons.is_hiding(), wide).on_hover_text(LessonCommand::Predict(index).about().tooltip);
            if response.clicked() {
                out.push(Command::Lesson(LessonCommand::Predict(index)));
            }
        }
    }
    let revealed = ui.scope_id().with(("revealed", &step.heading));
    let was_revealed =
        ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or_default(revealed), !lessons.is_hiding()));
    if let Some(then) = step.then.as_ref().filter(|_| !lessons.is_hiding()) {
        ui.add_space(SPACE_2);
        let frame = egui::Frame::new().fill(palette(ui).asked_soft).corner_radius(theme::RADIUS).inner_margin(SPACE_3);
        let shown = frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            if let Some(choice) = lessons.guess().and_then(|guess| step.choices.get(guess)) {
                ui.label(theme::caption(ui, format!("You said: {choice}")));
            }
            paragraphs(ui, &filled(then, shown));
        });
        if !was_revealed {
            shown.response.scroll_to_me(Some(Align::BOTTOM));
        }
    }
}

fn paragraphs(ui: &mut Ui, text: &str) {
    for paragraph in text.trim().split("\n\n") {
        ui.label(paragraph);
    }
}

fn ways(ui: &mut Ui, lessons: &Lessons, (number, of): (usize, usize), out: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        let tip = |command: &LessonCommand| command.about().tooltip;
        let back = Button::new(icons::ICON_ARROW_BACK.rich_text().size(17.0));
        let back = ui.add_enabled(number > 0, back).on_hover_text(tip(&LessonCommand::Back));
        if back.accessible_name(LessonCommand::Back.about().name).clicked() {
            out.push(Command::Lesson(LessonCommand::Back));
        }
        ui.label(theme::weak(ui, format!("{} of {of}", number + 1)));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let (name, command) = match () {
                () if lessons.is_hiding() => ("Reveal", LessonCommand::Next),
                () if number + 1 < of => ("Next", LessonCommand::Next),
                () => ("Done", LessonCommand::Close),
            };
            if primary_button(ui, name, true).on_hover_text(tip(&command)).clicked() {
                out.push(Command::Lesson(command));
            }
        });
    });
}
