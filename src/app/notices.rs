//! Notices stand in rows of their own above the page: they cover nothing, and go after some seconds.

use std::time::{Duration, Instant};

use egui::{self, Align, Label, Layout, Margin, Panel, Ui};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::commands::window::WindowCommand;
use crate::app::theme::{self, SPACE_1, SPACE_2, palette};
use crate::app::widgets::icon_button;

const MOST: usize = 4;
/// A report goes soon, what there is to consider or to undo stays longer, and a problem can be read twice.
const BRIEF: Duration = Duration::from_secs(6);
const LONG: Duration = Duration::from_secs(12);
const LONGEST: Duration = Duration::from_secs(45);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Done,
    Caution,
    Problem,
}

#[derive(Debug)]
pub struct Notice {
    pub id: u64,
    pub tone: Tone,
    pub text: String,
    action: Option<NoticeButton>,
    until: Instant,
}

#[derive(Debug)]
pub struct NoticeButton {
    pub name: &'static str,
    pub command: Command,
}

/// The newest message comes first.
#[derive(Default)]
pub struct Notices {
    pub shown: Vec<Notice>,
    next: u64,
}

impl Notices {
    /// Adds a message; the same text twice is one message.
    pub fn add(&mut self, tone: Tone, text: impl Into<String>) {
        let stays = if tone == Tone::Problem { LONGEST } else { LONG };
        self.insert(tone, text.into(), None, stays);
    }

    pub fn add_brief(&mut self, text: impl Into<String>) {
        self.insert(Tone::Done, text.into(), None, BRIEF);
    }

    pub fn add_with(&mut self, text: impl Into<String>, action: NoticeButton) {
        self.insert(Tone::Done, text.into(), Some(action), LONG);
    }

    fn insert(&mut self, tone: Tone, text: String, action: Option<NoticeButton>, stays: Duration) {
        // Indented lines are for terminals.
        let text = text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
        self.shown.retain(|notice| notice.text != text);
        self.next += 1;
        self.shown.insert(0, Notice { id: self.next, tone, text, action, until: Instant::now() + stays });
        self.shown.truncate(MOST);
    }

    pub fn dismiss(&mut self, id: u64) {
        self.shown.retain(|notice| notice.id != id);
    }

    /// Shows the messages in a panel at the top, if there are any.
    pub fn show(&mut self, ui: &mut Ui, out: &mut Vec<Command>) {
        if self.are_none(ui) {
            return;
        }
        let frame = egui::Frame::new().fill(palette(ui).canvas).inner_margin(Margin::symmetric(16, SPACE_1 as i8));
        Panel::top("notices").frame(frame).show_separator_line(false).show(ui, |ui| self.show_rows(ui, out));
    }

    /// Shows the messages in rows, and returns whether there are any.
    pub fn show_rows(&mut self, ui: &mut Ui, out: &mut Vec<Command>) -> bool {
        if self.are_none(ui) {
            return false;
        }
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = SPACE_1;
            for notice in &mut self.shown {
                if one(ui, notice, out) {
                    notice.until = notice.until.max(Instant::now() + BRIEF);
                }
            }
        });
        true
    }

    /// Takes away messages whose time is over, and wakes the window when that of the next one is.
    fn are_none(&mut self, ui: &Ui) -> bool {
        let now = Instant::now();
        self.shown.retain(|notice| notice.until > now);
        if let Some(next) = self.shown.iter().map(|notice| notice.until).min() {
            ui.ctx().request_repaint_after(next - now);
        }
        self.shown.is_empty()
    }
}

/// Returns whether the pointer is over the message.
fn one(ui: &mut Ui, notice: &Notice, out: &mut Vec<Command>) -> bool {
    let palette = palette(ui);
    let (icon, colour, soft) = match notice.tone {
        Tone::Done => (icons::ICON_CHECK_CIRCLE, palette.right, palette.right_soft),
        Tone::Caution => (icons::ICON_WARNING, palette.fooled, palette.fooled_soft),
        Tone::Problem => (icons::ICON_ERROR, palette.error, palette.panel),
    };
    let frame = egui::Frame::new()
        .fill(soft)
        .stroke(egui::Stroke::new(1.0, colour))
        .corner_radius(theme::RADIUS)
        .inner_margin(Margin::symmetric(SPACE_2 as i8, 1));
    let shown = frame.show(ui, |ui| {
        ui.with_layout(Layout::right_to_left(Align::Min), |ui| {
            icon_button(ui, WindowCommand::DismissNotice(notice.id), out);
            if let Some(action) = &notice.action
                && ui.button(action.name).clicked()
            {
                out.extend([action.command.clone(), WindowCommand::DismissNotice(notice.id).into()]);
            }
            ui.with_layout(Layout::left_to_right(Align::Min), |ui| {
                ui.vertical(|ui| {
                    ui.add_space(SPACE_1);
                    ui.label(icon.rich_text().size(18.0).color(colour));
                });
                ui.vertical(|ui| {
                    ui.add_space(5.0);
                    ui.add(Label::new(notice.text.as_str()).wrap().selectable(true));
                });
            });
        });
    });
    shown.response.contains_pointer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_few_and_do_not_repeat() {
        let mut notices = Notices::default();
        for text in ["a", "b", "a", "c", "d", "e"] {
            notices.add(Tone::Problem, text);
        }
        let texts: Vec<_> = notices.shown.iter().map(|n| n.text.as_str()).collect();
        assert_eq!(texts, ["e", "d", "c", "a"]);
        notices.dismiss(notices.shown[1].id);
        assert_eq!(notices.shown.len(), 3);
    }
}
