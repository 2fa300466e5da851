//! The plots of the Train tab: errors, loss and confidence as a run goes, a sweep as a grid of small plots, and what
//! clean error each run pays for its adversarial error.

pub(super) mod axes;
mod flags;
mod group;
mod hover;
mod kept;
mod layout;
mod legend;
mod marks;
mod panel;
mod paper;
mod quantity;
pub(super) mod quiet;
mod scene;
mod series;
mod sweep_grid;
#[cfg(test)]
mod tests;
mod toolbar;
mod trade_off;

use eframe::egui::{self, Rect, Ui, UiBuilder, pos2, vec2};
use egui_material_icons::icons;

use self::axes::Interval;
use self::kept::Kept;
use self::scene::Scene;
use crate::app::theme::{self, SPACE_1, SPACE_2, SPACE_4, SPACE_6, palette};
use crate::engine::train::{Config, EpochRecord, Rule, Stage};

pub use scene::Look as PlotLook;
pub use sweep_grid::sweep_grid;
pub use trade_off::trade_off;

/// Below this height the plots need every line.
const LOW: f32 = 460.0;

/// A run that is to be plotted.
#[derive(Clone, Copy, Debug)]
pub struct PlotRun<'a> {
    /// The name in legends and tooltips.
    pub name: &'a str,
    /// All its epochs so far, in order.
    pub history: &'a [EpochRecord],
    pub config: &'a Config,
    /// Whether it is the selected run: that one gets bands, markers and the alarm; the others are laid over it as
    /// lines.
    pub is_primary: bool,
}

impl PlotRun<'_> {
    /// Returns the epoch whose weights the run keeps: the one that its stopping rule finds best, or its last.
    fn kept(&self) -> Option<&EpochRecord> {
        let selection = self.history.iter().take_while(|record| record.stage == Stage::Selection);
        match self.config.stopping.rule {
            Rule::Off => selection.last(),
            rule => self.history.get(rule.best(self.history)?),
        }
    }
}

/// The plots of errors, loss and confidence, and what a person has chosen about them.
#[derive(Debug, Default)]
pub struct Plots {
    look: PlotLook,
    zoom: Option<Interval>,
    cursor: Option<usize>,
    raised: Option<usize>,
    /// Whether there was room for one panel only.
    is_single: bool,
    /// The curves of each panel, in the order of [`Panel::ALL`](quantity::Panel::ALL).
    kept: [Kept; 3],
}

impl Plots {
    /// Makes plots that look as a person left them.
    pub fn new(look: PlotLook) -> Self {
        Self { look, ..Self::default() }
    }

    pub fn look(&self) -> PlotLook {
        self.look
    }

    /// Draws the plots of `runs` into the room that `ui` has. Returns the area that they and their legend cover, for a
    /// picture of them; `None` while there is nothing to see.
    ///
    /// Colours of runs follow the order of `runs`. Without a primary run the first one is taken for it.
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
        let look = self.look;
        let scene = Scene { runs, primary, look: &look, zoom: self.zoom, cursor: self.cursor, raised: self.raised };
        // A view of epochs that these runs do not have, or of more than all, is no view.
        let scene = if is_reset || scene.is_lost() { Scene { zoom: None, ..scene } } else { scene };

        let touched = legend::legend(ui, &scene);
        alarm(ui, &scene, is_low);
        let (cursor, zoom) = self.panels(ui, &scene);
        if let Some(quantity) = touched.toggled {
            self.look.hidden[quantity as usize] ^= true;
        }
        // The axes and the other panels follow one frame later.
        if (cursor, zoom, touched.raised) != (self.cursor, self.zoom, self.raised) || touched.toggled.is_some() {
            ui.ctx().request_repaint();
        }
        (self.cursor, self.zoom, self.raised) = (cursor, zoom, touched.raised);
        let rect = Rect::from_min_max(pos2(ui.max_rect().left(), top), ui.min_rect().max);
        Some(rect)
    }

    /// Draws the panels in all the room that is left. Returns the cursor and the epochs to show from now on.
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
            let place = rect.translate(room.min.to_vec2());
            let setting = panel::Setting { has_heading: !self.is_single, has_epochs };
            let kept = &mut self.kept[panel as usize];
            let builder = UiBuilder::new().max_rect(place);
            let shown = ui.scope_builder(builder, |ui| panel::show(ui, panel, scene, kept, setting)).inner;
            cursor = cursor.or(shown.cursor);
            if shown.zoom != scene.zoom {
                zoom = shown.zoom;
            }
        }
        (cursor, zoom)
    }
}

/// Says what will appear here.
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

/// Shows the alarm of the selected run: FGSM and PGD have parted. Where there is little room, what it means comes as
/// a tooltip.
fn alarm(ui: &mut Ui, scene: &Scene<'_>, is_low: bool) {
    let run = scene.primary();
    let Some(alarm) = marks::alarm(run.history, run.config) else { return };
    let palette = palette(ui);
    let text = if is_low { alarm.what.clone() } else { alarm.text() };
    let frame = egui::Frame::new()
        .fill(palette.fooled_soft)
        .corner_radius(theme::RADIUS)
        .inner_margin(egui::Margin::symmetric(SPACE_2 as i8, SPACE_1 as i8));
    let shown = frame.show(ui, |ui| {
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
