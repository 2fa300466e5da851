//! Where everything lies in the window.

use eframe::egui::{self, Align2, CentralPanel, Frame, Margin, Panel, Stroke, StrokeKind, Ui, ViewportCommand};

use crate::app::bars::help::help;
use crate::app::bars::top_bar::top_bar;
use crate::app::commands::Command;
use crate::app::lessons::figures::figure_room;
use crate::app::lessons::panel::lesson;
use crate::app::pages::explore::net_band::net_band;
use crate::app::pages::explore::results::{Look, conditions, line};
use crate::app::pages::explore::why::pane::{self, why_height};
use crate::app::pages::train::view::Around;
use crate::app::settings::Tab;
use crate::app::theme::{self, SPACE_3, SPACE_4, palette};
use crate::app::window::App;

impl App {
    /// Draws a frame and carries out what was asked for in it.
    pub fn draw(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.leave_keys_to_input_method(&ctx);
        self.take_input(&ctx);
        self.remember_place(ui);
        let mut out = std::mem::take(&mut self.commands);

        match self.is_on_stage() {
            true => self.draw_stage(ui, &mut out),
            false => self.draw_tabs(ui, &mut out),
        }
        self.dialogs.show(ui, &self.settings.recent, &mut out);
        if let Some(folder) = self.dialogs.wanted_folder() {
            self.note_failure(|app| app.background.list(folder));
        }
        self.questions.show(ui, &mut out);
        self.models_page.show_question(ui, &self.models, &self.explore.catalogue, &mut out);
        if self.help {
            help(ui, &mut out);
        }
        self.palette.show(ui, &self.settings, &self.explore, &self.lessons, &mut out);
        drop_target(ui, self.settings.tab);

        if self.fonts.begin_to_look() {
            self.note_failure(|app| app.background.look_for_fonts(app.fonts.clone()));
        }
        self.take_picture(&ctx);
        self.commands = out;
        self.carry_out(&ctx);
    }

    /// Draws the top bar, the lesson that is open, messages and the tab on screen.
    fn draw_tabs(&mut self, ui: &mut Ui, out: &mut Vec<Command>) {
        Panel::top("top bar").frame(theme::bar_frame(ui)).show(ui, |ui| {
            top_bar(ui, &self.explore, &self.train, &self.settings, &self.lessons, out);
        });
        lesson(ui, &self.lessons, self.explore.shown.as_deref(), out);
        let has_line = self.settings.tab == Tab::Explore && self.figure().is_none();
        if !has_line {
            self.notices.show(ui, out);
        }
        if let Some(figure) = self.figure() {
            figure_room(ui, false, |ui| self.draw_figure(ui, figure, out));
            return;
        }
        match self.settings.tab {
            Tab::Explore => self.draw_explore(ui, out),
            Tab::Train => {
                let around = Around { facts: self.facts.as_ref(), catalogue: &self.explore.catalogue };
                self.train_tab.show(ui, &self.train, &around, out);
            }
            Tab::TestSets => self.test_page.show(ui, &mut self.tests, &self.explore, out),
            Tab::Models => {
                let (catalogue, current) = (&self.explore.catalogue, &self.explore.model);
                self.models_page.show(ui, &self.models, catalogue, current, out);
            }
        }
    }

    fn draw_explore(&mut self, ui: &mut Ui, out: &mut Vec<Command>) {
        self.explore.is_blank = self.canvas.is_blank();
        let gap = theme::row_gap(ui);
        let look = Look { more: self.settings.more };
        let margins = |top: f32, bottom: f32| Margin { left: 16, right: 16, top: top as i8, bottom: bottom as i8 };
        let strip = Frame::new().fill(palette(ui).canvas).inner_margin(margins(gap, 0.0));
        Panel::top("samples").frame(strip).show_separator_line(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = gap;
            self.samples.show(ui, &self.explore, &self.settings.recent, out);
            net_band(ui, &self.train, &self.explore.model, out);
            // Messages stand in the place of the line, so that nothing moves.
            if !self.notices.show_rows(ui, out) {
                line(ui, &self.explore, out);
            }
        });
        let dock = theme::bar_frame(ui).inner_margin(margins(gap, gap));
        Panel::bottom("dock").frame(dock).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = gap;
            self.controls.show(ui, &self.explore, look, self.why.search(), out);
            ui.spacing_mut().item_spacing.y = 0.0;
            conditions(ui, &self.explore, look, out);
        });
        let band = |top, bottom| Frame::new().fill(palette(ui).canvas).inner_margin(margins(top, bottom));
        let half = 0.5 * gap;
        let (why, pictures) = (band(half, half), band(half, half));
        let is_open = self.is_why_open();
        let room = ui.available_height() - why.total_margin().sum().y - pictures.total_margin().sum().y;
        let height = why_height(ui, room, is_open) + why.total_margin().sum().y;
        Panel::bottom("why").frame(why).exact_size(height).show(ui, |ui| {
            pane::why(ui, &self.explore, &self.why, (&self.settings.why, is_open), out);
        });
        CentralPanel::default().frame(pictures).show(ui, |ui| {
            self.pictures.show(ui, &self.explore, &mut self.canvas, look, out);
        });

        self.linear.show(ui, &self.explore, out);
        self.ask_why();
    }

    fn remember_place(&mut self, ui: &Ui) {
        // The first frame is drawn before the window is shown.
        if ui.ctx().cumulative_frame_nr() > 0 && self.to_maximize.take() == Some(true) {
            ui.ctx().send_viewport_cmd(ViewportCommand::Maximized(true));
        }
        let zoom = ui.ctx().zoom_factor();
        let left = ui.input(|i| self.place.look(i.viewport(), zoom, &mut self.settings));
        if let Some(left) = left {
            ui.ctx().request_repaint_after(left);
        }
    }
}

/// While a file hovers over the window, says what dropping it does.
fn drop_target(ui: &Ui, tab: Tab) {
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
    let text = match (tab, hovered) {
        (Tab::Train, _) => "Drop to train on the pictures of this folder or archive",
        (Tab::Models, _) => "Drop to add these weights or this manifest",
        (Tab::TestSets, _) => "Drop to test nets on the pictures of this folder or archive",
        (Tab::Explore, 1) => "Drop to attack this picture",
        (Tab::Explore, _) => "Drop to attack the last of these pictures",
    };
    let galley = painter.layout_no_wrap(text.into(), theme::verdict_font(), palette.on_overlay);
    let ground = egui::Rect::from_center_size(rect.center(), galley.size() + egui::Vec2::splat(2.0 * SPACE_4));
    painter.rect_filled(ground, theme::RADIUS, palette.overlay);
    painter.galley(Align2::CENTER_CENTER.anchor_size(rect.center(), galley.size()).min, galley, palette.on_overlay);
}
