//! Messages that stay until they are put away.

use std::time::{Duration, Instant};

use eframe::egui::{self, Align2, Area, Id, Label, Order, Ui, vec2};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::theme::{self, SPACE_2, SPACE_3, SPACE_4, palette};
use crate::app::widgets::icon_button;

const WIDTH: f32 = 380.0;
const MOST: usize = 4;
const BRIEF: Duration = Duration::from_secs(6);

/// How grave a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Done,
    Caution,
    Problem,
}

/// One message.
#[derive(Debug)]
pub struct Notice {
    pub id: u64,
    pub tone: Tone,
    pub text: String,
    /// When it goes by itself, for what needs no answer.
    until: Option<Instant>,
}

/// The messages on screen, newest first.
#[derive(Default)]
pub struct Notices {
    shown: Vec<Notice>,
    next: u64,
}

impl Notices {
    /// Adds a message; the same text twice is one message.
    pub fn add(&mut self, tone: Tone, text: impl Into<String>) {
        self.insert(tone, text.into(), None);
    }

    /// Adds a message that goes by itself after a few seconds.
    pub fn add_brief(&mut self, text: impl Into<String>) {
        self.insert(Tone::Done, text.into(), Some(Instant::now() + BRIEF));
    }

    fn insert(&mut self, tone: Tone, text: String, until: Option<Instant>) {
        // Indented lines are for terminals.
        let text = text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
        self.shown.retain(|notice| notice.text != text);
        self.next += 1;
        self.shown.insert(0, Notice { id: self.next, tone, text, until });
        self.shown.truncate(MOST);
    }

    pub fn dismiss(&mut self, id: u64) {
        self.shown.retain(|notice| notice.id != id);
    }

    pub fn clear(&mut self) {
        self.shown.clear();
    }

    pub fn all(&self) -> &[Notice] {
        &self.shown
    }

    pub fn show(&mut self, ui: &Ui, top: f32, out: &mut Vec<Command>) {
        let now = Instant::now();
        self.shown.retain(|notice| notice.until.is_none_or(|until| until > now));
        if let Some(next) = self.shown.iter().filter_map(|notice| notice.until).min() {
            ui.ctx().request_repaint_after(next - now);
        }
        if self.shown.is_empty() {
            return;
        }
        let width = WIDTH.min(ui.ctx().content_rect().width() - 2.0 * SPACE_4);
        Area::new(Id::unique("notices"))
            .order(Order::Foreground)
            .anchor(Align2::RIGHT_TOP, vec2(-SPACE_4, top + SPACE_2))
            .show(ui.ctx(), |ui| {
                for notice in &self.shown {
                    self.one(ui, notice, width, out);
                    ui.add_space(SPACE_2);
                }
            });
    }

    fn one(&self, ui: &mut Ui, notice: &Notice, width: f32, out: &mut Vec<Command>) {
        let palette = palette(ui);
        let (icon, colour) = match notice.tone {
            Tone::Done => (icons::ICON_CHECK_CIRCLE, palette.right),
            Tone::Caution => (icons::ICON_WARNING, palette.fooled),
            Tone::Problem => (icons::ICON_ERROR, palette.error),
        };
        let frame = egui::Frame::popup(ui.style()).inner_margin(SPACE_3).stroke(egui::Stroke::new(1.0, colour));
        frame.show(ui, |ui| {
            ui.set_width(width - 2.0 * SPACE_3);
            ui.horizontal_top(|ui| {
                ui.label(icon.rich_text().size(18.0).color(colour));
                let room = ui.available_width() - theme::CONTROL_HEIGHT - SPACE_2;
                ui.vertical(|ui| {
                    ui.set_width(room);
                    ui.add_space(1.0);
                    ui.add(Label::new(notice.text.as_str()).wrap().selectable(true));
                });
                icon_button(ui, Command::DismissNotice(notice.id), out);
            });
        });
    }
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
        let texts: Vec<_> = notices.all().iter().map(|n| n.text.as_str()).collect();
        assert_eq!(texts, ["e", "d", "c", "a"]);
        notices.dismiss(notices.all()[1].id);
        assert_eq!(notices.all().len(), 3);
    }
}
