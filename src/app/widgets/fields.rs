//! A field keeps a draft of what is typed, and says why it cannot be taken.

use egui::{self, Id, Key, Stroke, TextEdit, Ui};

use crate::app::theme::{self, palette};
use crate::app::widgets::problem_line;

#[derive(Default)]
pub struct Field {
    draft: Option<String>,
    pub problem: Option<String>,
}

impl Field {
    /// Shows the field. Outside of typing it holds `value`; Enter or leaving it parses the draft, and Escape drops it.
    pub fn show<T>(
        &mut self,
        ui: &mut Ui,
        name: &str,
        value: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.show_wide(ui, 64.0, name, value, parse)
    }

    pub fn show_wide<T>(
        &mut self,
        ui: &mut Ui,
        width: f32,
        name: &str,
        value: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let id = Id::unique(name);
        let mut text = self.draft.clone().unwrap_or_else(|| value.to_owned());
        let mut edit = TextEdit::singleline(&mut text).id(id).font(theme::number_font()).desired_width(width);
        if self.problem.is_some() {
            edit = edit.text_color(palette(ui).error);
        }
        let response = ui.add(edit.margin(egui::Margin::symmetric(8, 6))).accessible_name(name);
        if self.problem.is_some() {
            let stroke = Stroke::new(1.5, palette(ui).error);
            ui.painter().rect_stroke(response.rect, theme::RADIUS, stroke, egui::StrokeKind::Inside);
        }
        if response.changed() {
            self.draft = Some(text.clone());
            self.problem = None;
        }
        if !response.lost_focus() || self.draft.is_none() {
            return None;
        }
        if ui.input(|i| i.key_pressed(Key::Escape)) {
            self.clear();
            return None;
        }
        match parse(&text) {
            Ok(parsed) => {
                self.clear();
                Some(parsed)
            }
            Err(problem) => {
                self.problem = Some(problem);
                None
            }
        }
    }

    /// Says under the field why what was typed is not taken.
    pub fn show_problem(&self, ui: &mut Ui) {
        if let Some(problem) = &self.problem {
            problem_line(ui, problem);
        }
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
