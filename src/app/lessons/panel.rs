//! This panel shows the lesson that is open: its text, its question, and the way on.

use egui::{
    self, Align, Align2, Button, Layout, Panel, Rect, RichText, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2, vec2,
};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::format::{plural, short};
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::file::{LessonStep, filled};
use crate::app::lessons::state::Lessons;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::theme::{self, SPACE_1, SPACE_2, SPACE_3, SPACE_4, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::{acting, icon_at, icon_button, primary_button};
use crate::worker::Shown;

pub fn lesson(ui: &mut Ui, lessons: &Lessons, shown: Option<&Shown>, out: &mut Vec<Command>) {
    let (Some((lesson, number)), Some(step)) = (lessons.current(), lessons.step()) else { return };
    let width = (ui.available_width() * 0.24).clamp(216.0, 340.0);
    let frame = theme::bar_frame(ui).inner_margin(SPACE_4);
    Panel::left("lesson").frame(frame).resizable(false).exact_size(width).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = SPACE_2;
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                icon_button(ui, LessonCommand::Close, out);
                if step.notes.is_some() {
                    icon_button(ui, LessonCommand::Notes, out);
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(theme::caption(ui, lesson.title.as_str())).truncate());
                });
            });
        });
        let chapter = if lessons.next_chapter().is_some() { theme::CONTROL_HEIGHT + SPACE_2 } else { 0.0 };
        let buttons = theme::CONTROL_HEIGHT + SPACE_3 + chapter;
        let height = (ui.available_height() - buttons).max(80.0);
        ScrollArea::vertical().max_height(height).min_scrolled_height(height).auto_shrink(false).show(ui, |ui| {
            contents(ui, lessons, step, shown, out);
        });
        ui.add_space(SPACE_1);
        ways(ui, lessons, number, lesson.steps.len(), out);
    });
}

/// Shows heading, text, question and what is said once it is answered, in the type that `ui` has.
pub fn contents(ui: &mut Ui, lessons: &Lessons, step: &LessonStep, shown: Option<&Shown>, out: &mut Vec<Command>) {
    let size = theme::size_of_body(ui);
    let fill = |text: &str| filled(text, shown, lessons.alpha);
    let is_revealed = !lessons.is_hiding();
    ui.label(RichText::new(&step.heading).font(theme::strong_of(1.48 * size)));
    for line in &step.formula {
        ui.label(RichText::new(fill(line)).font(theme::strong_of(1.15 * size)).color(palette(ui).accent));
    }
    paragraphs(ui, &fill(&step.text));
    if step.invite {
        invitation(ui, out);
    }
    if let Some(ask) = &step.ask {
        ui.add_space(0.4 * size);
        ui.label(theme::strong(fill(ask)));
        for (index, text) in step.choices.iter().enumerate() {
            let is_right = is_revealed && step.right_choice() == Some(index);
            if choice(ui, lessons, index, fill(text), is_right).clicked() {
                out.push(LessonCommand::Predict(index).into());
            }
        }
    }
    let seen = ui.scope_id().with(("seen", &step.heading));
    let now = (is_revealed, lessons.has_notes);
    let before = ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or_insert_with(seen, || now), now));
    if let Some(then) = step.then.as_ref().filter(|_| is_revealed) {
        framed(ui, palette(ui).accent_soft, !before.0, |ui| {
            class_said(ui, lessons, step, &fill);
            paragraphs(ui, &fill(then));
        });
    }
    if let Some(notes) = step.notes.as_ref().filter(|_| lessons.has_notes) {
        framed(ui, palette(ui).raised, !before.1, |ui| {
            ui.label(theme::strong(times(lessons, step).unwrap_or_else(|| "Notes".into())));
            paragraphs(ui, &fill(notes));
        });
    }
}

/// Writes "1 min; until here 4.5 of 15 min".
pub fn times(lessons: &Lessons, step: &LessonStep) -> Option<String> {
    let (until, all) = lessons.minutes()?;
    let own = step.minutes.map(|minutes| format!("{} min; ", short(minutes))).unwrap_or_default();
    Some(format!("{own}until here {} of {} min", short(until), short(all)).replace(" min", "\u{a0}min"))
}

fn framed(ui: &mut Ui, fill: egui::Color32, is_new: bool, contents: impl FnOnce(&mut Ui)) {
    let size = theme::size_of_body(ui);
    ui.add_space(0.4 * size);
    let frame = egui::Frame::new().fill(fill).corner_radius(theme::RADIUS).inner_margin(0.9 * size);
    let shown = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        contents(ui);
    });
    if is_new {
        shown.response.scroll_to_me(Some(Align::BOTTOM));
    }
}

fn paragraphs(ui: &mut Ui, text: &str) {
    for paragraph in text.trim().split("\n\n") {
        ui.label(paragraph);
    }
}

fn invitation(ui: &mut Ui, out: &mut Vec<Command>) {
    ui.horizontal_wrapped(|ui| {
        for command in [Command::from(ExploreCommand::OpenDialog), LessonCommand::Paste.into()] {
            let about = command.about();
            let icon = about.icon.unwrap_or(icons::ICON_IMAGE).rich_text().size(1.2 * theme::size_of_body(ui));
            let button = ui.add(Button::new((icon, about.name))).on_hover_text(about.tooltip);
            if button.accessible_name(format!("{} in the lesson", about.name)).clicked() {
                out.push(command);
            }
        }
    });
}

fn class_said(ui: &mut Ui, lessons: &Lessons, step: &LessonStep, fill: &dyn Fn(&str) -> String) {
    let votes = lessons.votes();
    let all: usize = votes.iter().sum();
    let text = match lessons.guess() {
        Some(guess) if all == 1 => format!("You said: {}", fill(&step.choices[guess])),
        Some(guess) => format!("Most said: {} ({} of {all})", fill(&step.choices[guess]), votes[guess]),
        None if all > 0 => "The votes are split.".to_owned(),
        None => return,
    };
    ui.label(theme::strong(text));
}

fn choice(ui: &mut Ui, lessons: &Lessons, index: usize, text: String, is_right: bool) -> egui::Response {
    let (all, is_open) = (lessons.votes(), lessons.is_voting());
    let (votes, of) = (all[index], all.iter().sum::<usize>());
    let (palette, size) = (palette(ui), theme::size_of_body(ui));
    let (pad, key) = (0.55 * size, 1.5 * size);
    let colour = if is_right { palette.right } else { palette.text };
    let font = if is_right { theme::strong_of(size) } else { egui::FontId::proportional(size) };
    let count = if of > 1 { votes.to_string() } else { String::new() };
    let count = ui.painter().layout_no_wrap(count, theme::strong_of(size), colour);
    let tail = if is_right { 1.7 * size } else { 0.0 } + count.size().x + pad;
    let room = (ui.available_width() - 2.0 * pad - key - tail).max(size);
    let galley = ui.painter().layout(text.clone(), font, colour, room);
    let height = (galley.size().y + 0.7 * size).max(theme::CONTROL_HEIGHT);
    let sense = if is_open { Sense::click() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), sense);
    response.widget_info(|| WidgetInfo::selected(Role::Button, is_open, votes > 0, &text));
    let counted = format!("{votes} of {of} vote{}{}", plural(of), if is_right { "; right" } else { "" });
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_value(counted));
    let (painter, middle) = (ui.painter(), rect.center().y);
    let ground = if response.hovered() && is_open { palette.raised_hover } else { palette.raised };
    painter.rect_filled(rect, theme::RADIUS, ground);
    if votes > 0 {
        let share = votes as f32 / of.max(1) as f32;
        let fill = if is_right { palette.right_soft } else { palette.accent_soft };
        painter.rect_filled(rect.with_max_x(rect.left() + share * rect.width()), theme::RADIUS, fill);
    }
    let edge = match () {
        () if is_right => egui::Stroke::new(2.0, palette.right),
        () if response.has_focus() => egui::Stroke::new(2.0, palette.accent),
        () => egui::Stroke::new(1.0, palette.line),
    };
    painter.rect_stroke(rect, theme::RADIUS, edge, egui::StrokeKind::Inside);
    let at = pos2(rect.left() + pad, middle);
    painter.text(at, Align2::LEFT_CENTER, index + 1, theme::strong_of(size), palette.weak);
    painter.galley(pos2(at.x + key, middle - galley.size().y / 2.0), galley, colour);
    let mut right = rect.right() - pad;
    if is_right {
        let icon = Rect::from_center_size(pos2(right - 0.6 * size, middle), vec2(size, size));
        icon_at(ui, icon, icons::ICON_CHECK_CIRCLE, 1.25 * size, palette.right);
        right -= 1.7 * size;
    }
    ui.painter().galley(pos2(right - count.size().x, middle - count.size().y / 2.0), count, colour);
    if !is_open {
        return response;
    }
    response.on_hover_text(format!(
        "{} (or press {} for each raised hand; Backspace takes one back)",
        LessonCommand::Predict(index).about().tooltip,
        index + 1
    ))
}

/// Returns the name of the button that goes on, and what it does.
pub fn way_on(lessons: &Lessons) -> (String, LessonCommand) {
    match lessons.next_chapter() {
        _ if lessons.is_hiding() => ("Reveal".into(), LessonCommand::Next),
        Some((_, chapter)) => (format!("Next: {}", chapter.title), LessonCommand::Next),
        None if !lessons.is_at_end() => ("Next".into(), LessonCommand::Next),
        None => ("Done".into(), LessonCommand::Close),
    }
}

fn ways(ui: &mut Ui, lessons: &Lessons, number: usize, of: usize, out: &mut Vec<Command>) {
    let (name, command) = way_on(lessons);
    let go_on = |ui: &mut Ui, out: &mut Vec<Command>| {
        if primary_button(ui, &name, true).on_hover_text(command.about().tooltip).clicked() {
            out.push(command.clone().into());
        }
    };
    let is_chapter = name.starts_with("Next: ");
    if is_chapter {
        let layout = Layout::top_down_justified(Align::Center);
        ui.allocate_ui_with_layout(vec2(ui.available_width(), theme::CONTROL_HEIGHT), layout, |ui| go_on(ui, out));
    }
    ui.horizontal(|ui| {
        let back = Button::new(icons::ICON_ARROW_BACK.rich_text().size(17.0));
        acting(ui.add_enabled(number > 0, back), LessonCommand::Back, out);
        let minutes = lessons.minutes().map(|(until, all)| format!(" · {} of {} min", short(until), short(all)));
        let text = format!("{} of {of}{}", number + 1, minutes.unwrap_or_default());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if !is_chapter {
                go_on(ui, out);
            }
            // In the room that the button leaves.
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let label = ui.add(egui::Label::new(theme::weak(ui, text)).truncate());
                label.on_hover_text("Steps, and the minutes that they should have taken");
            });
        });
    });
}
