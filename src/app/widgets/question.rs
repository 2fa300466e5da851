//! A question lies over the window until it is answered.

use egui::{Grid, Id, Key, Label, Modal, RichText, Ui};

use crate::app::theme::{self, SPACE_3};
use crate::app::widgets::primary_button;

/// Shows a question. `contents` pushes its answer and returns whether there is one; then, or when a person leaves the
/// question, `close` comes before it.
pub fn question<C>(
    ui: &Ui,
    title: &str,
    widest: f32,
    close: impl Into<C>,
    out: &mut Vec<C>,
    contents: impl FnOnce(&mut Ui, &mut Vec<C>) -> bool,
) {
    let mut answer = Vec::new();
    let id = Id::unique("question").with(title);
    let modal = Modal::new(id).frame(theme::question_frame(ui)).show(ui.ctx(), |ui| {
        ui.set_width((ui.ctx().content_rect().width() - 96.0).min(widest));
        ui.label(RichText::new(title).font(theme::verdict_font()));
        contents(ui, &mut answer)
    });
    if modal.inner || modal.should_close() {
        out.push(close.into());
    }
    out.append(&mut answer);
}

/// A question has these two answers.
pub struct Answers<'a> {
    pub yes: &'a str,
    pub no: &'a str,
    /// Enter means yes where nothing is lost by it.
    pub by_enter: bool,
}

impl Answers<'_> {
    /// Shows both buttons; yes pushes the command, and needs one. Returns whether there is an answer.
    pub fn show<C>(self, ui: &mut Ui, command: Option<C>, out: &mut Vec<C>) -> bool {
        ui.add_space(SPACE_3);
        ui.horizontal(|ui| {
            let (yes, no) = (primary_button(ui, self.yes, command.is_some()), ui.button(self.no));
            let has_focus = yes.has_focus() || no.has_focus();
            let is_entered = self.by_enter && !has_focus && ui.input(|i| i.key_pressed(Key::Enter));
            let is_yes = command.is_some() && (yes.clicked() || is_entered);
            out.extend(command.filter(|_| is_yes));
            is_yes || no.clicked()
        })
        .inner
    }
}

pub fn fact_table(ui: &mut Ui, facts: [(&str, String); 4]) {
    Grid::new("facts").num_columns(2).spacing([SPACE_3, 2.0]).show(ui, |ui| {
        for (name, fact) in facts {
            ui.label(theme::caption(ui, name));
            ui.add(Label::new(fact).wrap());
            ui.end_row();
        }
    });
}
