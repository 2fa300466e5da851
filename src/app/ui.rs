//! This lays out the window.

use egui::{self, Align2, Panel, Stroke, StrokeKind, Ui, ViewportCommand};

use crate::app::bars::help::help;
use crate::app::bars::top_bar::top_bar;
use crate::app::commands::Command;
use crate::app::commands::tab::Tab;
use crate::app::lessons::figures::figure_room;
use crate::app::lessons::file::Figure;
use crate::app::lessons::logic::figure;
use crate::app::lessons::panel::lesson;
use crate::app::pages::explore::why::logic::study;
use crate::app::pages::models::page::is_net;
use crate::app::theme::{self, SPACE_3, SPACE_4, palette};
use crate::app::window::App;

impl App {
    /// Draws a frame and carries out what was asked for in it.
    pub fn draw(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.leave_keys_to_input_method(&ctx);
        self.take_input(&ctx);
        self.remember_place(ui);
        let mut out = std::mem::take(&mut self.shell.commands);

        match self.shell.is_on_stage() {
            true => self.draw_stage(ui, &mut out),
            false => self.draw_page(ui, &mut out),
        }
        self.shell.dialogs.show(ui, &self.shell.settings.recent, &mut out);
        if let Some(folder) = self.shell.dialogs.wanted_folder() {
            self.shell.background.list(folder);
        }
        self.pages.all().into_iter().for_each(|page| page.show_question(ui, &self.shell, &mut out));
        if self.help {
            help(ui, &mut out);
        }
        self.palette.show(ui, &self.shell, &mut out);
        self.show_drop_hint(ui);

        if self.fonts.begin_to_look() {
            let fonts = self.fonts.clone();
            self.shell.background.look_for_fonts(fonts);
        }
        self.take_screenshot(&ctx);
        self.shell.commands = out;
        self.carry_out(&ctx);
    }

    /// Draws the top bar, the lesson that is open, messages and the page on screen.
    fn draw_page(&mut self, ui: &mut Ui, out: &mut Vec<Command>) {
        let tab = self.shell.settings.tab;
        let menu = self.pages.of(tab).menu(&self.shell);
        Panel::top("top bar").frame(theme::bar_frame(ui)).show(ui, |ui| top_bar(ui, &self.shell, menu, out));
        lesson(ui, &self.shell.lessons, self.shell.explore.shown.as_deref(), out);
        let figure = figure(&self.shell);
        // On the Explore page messages have their place in the page.
        if tab != Tab::Explore || figure.is_some() {
            self.shell.notices.show(ui, out);
        }
        match figure {
            Some(figure) => figure_room(ui, false, |ui| self.draw_figure(ui, figure, out)),
            None => self.pages.of(tab).show(ui, &mut self.shell, out),
        }
    }

    fn draw_stage(&mut self, ui: &mut Ui, out: &mut Vec<Command>) {
        let tab = self.shell.settings.tab;
        self.stage.show_text(ui, &self.shell.lessons, self.shell.explore.shown.as_deref(), out);
        match (figure(&self.shell), tab) {
            (Some(figure), _) => figure_room(ui, true, |ui| self.draw_figure(ui, figure, out)),
            (None, Tab::Explore | Tab::Train) => self.stage.show_pictures(ui, &self.shell.explore, out),
            (None, _) => self.pages.of(tab).show(ui, &mut self.shell, out),
        }
        self.stage.show_bar(ui, &self.shell.lessons, out);
    }

    fn draw_figure(&mut self, ui: &mut Ui, figure: Figure, out: &mut Vec<Command>) {
        study(&mut self.shell);
        self.figures.show(ui, figure, &self.shell, out);
    }

    fn remember_place(&mut self, ui: &Ui) {
        // The first frame is drawn before the window is shown.
        if ui.ctx().cumulative_frame_nr() > 0 && self.to_maximize.take() == Some(true) {
            ui.ctx().send_viewport_cmd(ViewportCommand::Maximized(true));
        }
        let zoom = ui.ctx().zoom_factor();
        if let Some(left) = ui.input(|i| self.place.look(i.viewport(), zoom, &mut self.shell.settings)) {
            ui.ctx().request_repaint_after(left);
        }
    }

    /// Says what dropping does while a file hovers over the window.
    fn show_drop_hint(&mut self, ui: &Ui) {
        let hovered = ui.input(|i| i.raw.hovered_files.len());
        if hovered == 0 {
            return;
        }
        let palette = palette(ui);
        let layer = egui::LayerId::new(egui::Order::Tooltip, egui::Id::unique("drop target"));
        let painter = ui.ctx().layer_painter(layer);
        let rect = ui.ctx().content_rect();
        painter.rect_filled(rect, 0, palette.veil);
        painter.rect_stroke(rect.shrink(SPACE_3), 12, Stroke::new(3.0, palette.accent), StrokeKind::Inside);
        let is_net = ui.input(|i| i.raw.hovered_files.last().and_then(|file| file.path.as_deref()).is_some_and(is_net));
        let text = match is_net {
            true => "Drop to add this net",
            false => self.pages.of(self.shell.settings.tab).drop_hint(hovered),
        };
        let galley = painter.layout_no_wrap(text.into(), theme::verdict_font(), palette.on_overlay);
        let ground = egui::Rect::from_center_size(rect.center(), galley.size() + egui::Vec2::splat(2.0 * SPACE_4));
        painter.rect_filled(ground, theme::RADIUS, palette.overlay);
        let corner = Align2::CENTER_CENTER.anchor_size(rect.center(), galley.size()).min;
        painter.galley(corner, galley, palette.on_overlay);
    }
}
