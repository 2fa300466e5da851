//! These are the plots of the Train tab: quantities over epochs, a sweep as a grid of small plots, and clean against
//! adversarial errors.

pub mod flags;
pub mod group;
pub mod hover;
pub mod kept;
pub mod layout;
pub mod legend;
pub mod marks;
pub mod panel;
pub mod paper;
pub mod quantity;
pub mod quiet;
pub mod scene;
pub mod series;
pub mod sweep_grid;
#[cfg(test)]
mod tests;
pub mod toolbar;
pub mod trade_off;

use egui::{self, Rect, Ui, UiBuilder, pos2, vec2};
use egui_material_icons::icons;

use crate::app::plots::kept::Kept;
use crate::app::plots::scene::{PlotLook, PlotRun, Scene};
use crate::app::theme::{self, SPACE_1, SPACE_2, SPACE_4, SPACE_6, palette};
use crate::figure::axes::Interval;

const LOW: f32 = 460.0;

/// This draws the plots of errors, loss and confidence, and keeps what a person has chosen about them.
#[derive(Debug, Default)]
pub struct Plots {
    pub look: PlotLook,
    zoom: Option<Interval>,
    cursor: Option<usize>,
    raised: Option<usize>,
    is_single: bool,
    kept: [Kept; 3],
}

impl Plots {
    pub fn new(look: PlotLook) -> Self {
        Self { look, ..Self::default() }
    }

    /// Draws the plots of `runs`, whose order decides their colours. Returns the area that the plots and their legend
    /// cover; `None` while there is nothing to see.
    pub fn show(&mut self, ui: &mut Ui, runs: &[PlotRun<'_>]) -> Option<Rect> {
        if runs.iter().all(|run| run.history.is_empty()) {
            (self.zoom, self.cursor, self.raised) = (None, None, None);
            empty(ui, runs);
            return None;
        }
        ui.spacing_mut().item_spacing = vec2(SPACE_2, SPACE_1);
        let is_low = ui.available_height() < LOW;
        let is_reset = toolbar::toolbar(ui, &mut self.look, self.zoom.is_some(), self.is_single);
        let top = ui.cursor().top();
        let primary = runs.iter().position(|run| run.is_primary).unwrap_or(0);
        let Self { look, zoom, cursor, raised, .. } = *self;
        let scene = Scene { runs, primary, look, zoom, cursor, raised };
        // A view of epochs that these runs do not have, or of more than all, is no view.
        let scene = if is_reset || scene.is_lost() { Scene { zoom: None, ..scene } } else { scene };

        let raised = legend::legend(ui, &scene, &mut self.look);
        alarm(ui, &scene, is_low);
        let (cursor, zoom) = self.panels(ui, &scene);
        if (cursor, zoom, raised, look) != (self.cursor, self.zoom, self.raised, self.look) {
            ui.ctx().request_repaint();
        }
        (self.cursor, self.zoom, self.raised) = (cursor, zoom, raised);
        Some(Rect::from_min_max(pos2(ui.max_rect().left(), top), ui.min_rect().max))
    }

    fn panels(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> (Option<usize>, Option<Interval>) {
        let room = ui.available_rect_before_wrap();
        let all = layout::arrange(&scene.look.wanted(), room.size());
        if self.is_single != all.is_none() {
            self.is_single = all.is_none();
            ui.ctx().request_repaint();
        }
        let placed = all.unwrap_or_else(|| {
            let least = vec2(room.width(), room.height().max(layout::LOWEST));
            layout::arrange(&[scene.look.only()], least).unwrap_or_default()
        });
        let (mut cursor, mut zoom) = (None, scene.zoom);
        for layout::Placed { panel, rect, has_epochs } in placed {
            let builder = UiBuilder::new().max_rect(rect.translate(room.min.to_vec2()));
            let (kept, has_heading) = (&mut self.kept[panel as usize], !self.is_single);
            let show = |ui: &mut Ui| panel::show(ui, panel, scene, kept, has_heading, has_epochs);
            let shown = ui.scope_builder(builder, show).inner;
            cursor = cursor.or(shown.cursor);
            if shown.zoom != scene.zoom {
                zoom = shown.zoom;
            }
        }
        (cursor, zoom)
    }
}

fn empty(ui: &mut Ui, runs: &[PlotRun<'_>]) {
    let palette = palette(ui);
    let rect = ui.available_rect_before_wrap();
    let title = if runs.is_empty() { "No run to plot yet" } else { "No epoch has ended yet" };
    let text = "Epoch by epoch, clean and adversarial validation error appear here with their 95 % intervals, so that \
                you see them part and fall; below them the loss, and how sure the net is of its mistakes.";
    let column = Rect::from_center_size(rect.center(), vec2(rect.width().min(520.0), rect.height()));
    let layout = egui::Layout::top_down(egui::Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(column).layout(layout), |ui| {
        ui.add_space((rect.height() * 0.28 - SPACE_6).max(SPACE_4));
        ui.label(icons::ICON_MONITORING.rich_text().size(32.0).color(palette.weak));
        ui.label(theme::strong(title).font(theme::heading_font()));
        ui.add(egui::Label::new(egui::RichText::new(text).color(palette.weak)).wrap());
    });
    ui.expand_to_include_rect(rect);
}

/// Warns where FGSM and PGD have parted in the selected run. Where there is little room, the advice is a tooltip.
fn alarm(ui: &mut Ui, scene: &Scene<'_>, is_low: bool) {
    let run = scene.primary();
    let Some(alarm) = marks::alarm(run.history, run.config) else { return };
    let palette = palette(ui);
    let text = if is_low { alarm.what.clone() } else { alarm.text() };
    let shown = theme::caution_frame(ui, 4).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().interact_size.y = 0.0;
        let icon = icons::ICON_WARNING.rich_text().size(17.0).color(palette.fooled);
        let label = egui::Label::new(egui::RichText::new(text).color(palette.text));
        if is_low {
            ui.horizontal(|ui| (ui.label(icon), ui.add(label.truncate())));
        } else {
            ui.horizontal_top(|ui| (ui.label(icon), ui.add(label.wrap())));
        }
    });
    if is_low {
        shown.response.on_hover_text(alarm.text());
    }
}
