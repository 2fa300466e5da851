//! The net's answers along the attack's direction, with ε as a cursor: figure 4 of arXiv 1412.6572.

use eframe::egui::{
    self, Align2, CursorIcon, EventFilter, Grid, Key, Rangef, Rect, Response, Sense, Shape, Stroke, Ui, UiBuilder,
    Vec2, WidgetInfo, accesskit, pos2, vec2,
};
use egui_plot::{AxisHints, Plot, PlotTransform};

use crate::app::commands::Command;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::state::{Explore, MAX_EPS};
use crate::app::pages::explore::why::axis::{Axis, Values, is_wide, value_at};
use crate::app::pages::explore::why::legend;
use crate::app::pages::explore::why::look::WhyLook;
use crate::app::pages::explore::why::mark::{self, FLAGS, Mark};
use crate::app::pages::explore::why::state::Why;
use crate::app::pages::explore::words;
use crate::app::theme::{self, SPACE_2, SPACE_3, SPACE_4, Standing, palette};
use crate::engine::attack::{Attack, Goal, Loss};
use crate::engine::units::LEVELS;
use crate::worker::{Along, Shown};

const AXIS_WIDTH: f32 = 48.0;
/// Room for the second half of the last tick's text.
const RIGHT: f32 = 10.0;
/// Smallest distance between ticks.
const TICKS_APART: [f64; 2] = [56.0, 24.0];
/// Smallest distance of a tick of the vertical axis from the texts of the other one.
const TICK_CLEAR: f64 = 8.0;
const STRONG_LINE: f32 = 3.0;
const LINE: f32 = 1.8;
/// The answers of nets of photographs change within a few grey levels. As far as a pixel moves is this and a rounding error.
const NEAR: f32 = 0.1;
const ROUNDING: f32 = 1e-4;

/// What the curve rests on.
pub fn basis(shown: &Shown) -> String {
    let way = match (shown.view.is_fgsm(), shown.view.goal) {
        (true, Goal::Untargeted) => "+ ε·sign ∇J",
        (true, Goal::Targeted(_)) => "− ε·sign ∇J",
        (false, _) => "+ ε·δ/max|δ|, straight through what the attack came to",
    };
    let clip = match (shown.view.clip, shown.view.eight_bit) {
        (true, false) => ", clipped to [0, 1]",
        (false, false) => ", not clipped",
        (_, true) => ", rounded to 8 bits",
    };
    let follows = shown.view.loss == Loss::LogOdds && shown.view.attack.follows_loss();
    let loss = if follows { ", slope of the log-odds" } else { "" };
    format!("x {way}{clip}{loss}; label: {}", shown.label.name)
}

/// Plot and legend.
pub fn show(ui: &mut Ui, explore: &Explore, why: &Why, look: &WhyLook, out: &mut Vec<Command>) {
    let room = ui.available_rect_before_wrap();
    let known = explore.shown.as_deref().and_then(|shown| Some((shown, why.along(shown)?)));
    let Some((shown, (along, is_current))) = known else {
        let text = explore.busy().unwrap_or("computing the net's answers along the direction of the attack");
        ui.painter().text(
            room.center(),
            Align2::CENTER_CENTER,
            format!("{text}…"),
            theme::body_font(),
            palette(ui).weak,
        );
        return;
    };
    let width = if is_wide(ui) { legend::WIDE } else { legend::NARROW };
    let split = room.right() - width;
    let plot = Rect::from_min_max(room.min, pos2(split - SPACE_4, room.bottom()));
    let eps = cursor_eps(explore, shown);
    let axis = Axis { is_log: look.is_log, reach: reach((shown, along), look, eps) };
    let sheet = Sheet { axis, values: Values::of(along, axis, look.has_logits), shown, along, is_current, eps };
    ui.scope_builder(UiBuilder::new().max_rect(plot), |ui| sheet.show(ui, explore, out));
    let column = Rect::from_min_max(pos2(split, room.top()), room.max);
    ui.scope_builder(UiBuilder::new().max_rect(column), |ui| {
        legend::show(ui, shown, along, (sheet.values, sheet.eps));
    });
}

/// As far as the curve goes. A linear axis of a net of photographs in colour ends where there is little to see any more, unless
/// ε is beyond.
fn reach((shown, along): (&Shown, &Along), look: &WhyLook, eps: f32) -> f32 {
    let whole = along.eps.last().copied().unwrap_or(MAX_EPS);
    let is_near = !look.is_log && shown.model.input.channels == 3 && eps <= NEAR + ROUNDING;
    if is_near { whole.min(NEAR) } else { whole }
}

/// ε of the slider; of other attacks than FGSM, how far a pixel moved.
fn cursor_eps(explore: &Explore, shown: &Shown) -> f32 {
    if explore.wanted().is_fgsm() { explore.view.eps } else { shown.linf }
}

struct Sheet<'a> {
    axis: Axis,
    values: Values,
    shown: &'a Shown,
    along: &'a Along,
    /// The curve is that of the view on screen.
    is_current: bool,
    eps: f32,
}

impl Sheet<'_> {
    fn show(&self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
        ui.spacing_mut().item_spacing = Vec2::ZERO;
        ui.add_space(FLAGS);
        let transform = self.axes(ui);
        let frame = *transform.frame();
        let x = |place: f64| transform.position_from_point_x(place);
        let classes = &self.shown.model.classes;
        let name = |class: usize| classes.get(class).map_or("", String::as_str);
        let marks = if self.is_current { mark::marks(&self.along.flips, self.axis, x, name) } else { Vec::new() };
        self.paint(ui, &transform);
        let response = ui.interact(frame, ui.make_persistent_id("ε on the curve"), Sense::click_and_drag());
        self.steer(ui, explore, &transform, &response, out);
        self.paint_cursor(ui, &transform, &response);
        let palette = palette(ui);
        // ε of other lengths, or none, leads to other places than those of the curve.
        let follows_eps = explore.wanted().pixel_eps().is_some();
        mark::flags(ui, (frame, follows_eps), &marks, |mark| self.colour_of(palette, mark), out);
        self.tell(&response, &transform);
    }

    fn axes(&self, ui: &mut Ui) -> PlotTransform {
        let palette = palette(ui);
        let (axis, values) = (self.axis, self.values);
        let hints = |hints: AxisHints<'static>| {
            hints
                .label_spacing(Rangef::new(1.0, 2.0))
                .tick_label_color(palette.weak)
                .tick_label_font(theme::number_font())
        };
        let across = hints(AxisHints::new_x()).formatter(move |mark, _| axis.spelled(mark.value)).min_thickness(18.0);
        let up = hints(AxisHints::new_y()).formatter(move |mark, _| values.tick(mark.value)).min_thickness(AXIS_WIDTH);
        let (left, right) = axis.ends();
        // The library offers the width in units of the plot of eight points on the screen.
        let mut plot = Plot::new("along")
            .width(ui.available_width() - RIGHT)
            .height(ui.available_height())
            .custom_x_axes(vec![across])
            .custom_y_axes(vec![up])
            .x_grid_spacer(move |input| axis.ticks(input.base_step_size / 8.0 * TICKS_APART[0]))
            .y_grid_spacer(move |input| {
                let point = input.base_step_size / 8.0;
                values.ticks(point * TICKS_APART[1], point * TICK_CLEAR)
            })
            .grid_color(palette.line)
            .grid_fade(0.0)
            .sense(Sense::hover())
            .show_x(false)
            .show_y(false)
            .allow_scroll(false)
            .allow_zoom(false)
            .allow_drag(false)
            .allow_boxed_zoom(false)
            .allow_axis_zoom_drag(false)
            .set_margin_fraction(Vec2::ZERO);
        for (x, y) in [(left, values.low), (right, values.high)] {
            plot = plot.include_x(x).include_y(y);
        }
        let shown = plot.show(ui, |plot| plot.set_auto_bounds(true));
        let frame = shown.transform.frame();
        let at = pos2(frame.left() - 2.0 * SPACE_4, frame.bottom() + 1.0);
        ui.painter().text(at, Align2::RIGHT_TOP, "ε", theme::small_font(), palette.weak);
        shown.transform
    }

    fn colour_of(&self, palette: &theme::Palette, mark: &Mark<'_>) -> egui::Color32 {
        let beyond = if mark.flip.eps < 0.0 { mark.flip.from } else { mark.flip.to };
        let line = self.along.lines.iter().position(|line| line.class == beyond);
        line.map_or(palette.weak, |index| legend::colour(palette, self.shown, self.along, index))
    }

    fn numbers<'l>(&self, line: &'l crate::worker::ClassLine) -> &'l [f32] {
        if self.values.are_logits { &line.logits } else { &line.probabilities }
    }

    /// The interval in which the net gives the label, and the lines.
    fn paint(&self, ui: &Ui, transform: &PlotTransform) {
        let palette = palette(ui);
        let frame = *transform.frame();
        let painter = ui.painter().with_clip_rect(frame.intersect(ui.clip_rect()));
        let before = words::standing_before(self.shown);
        let label = theme::label_colour(palette, before);
        let mut word = None;
        if let Some((low, high)) = self.along.right.filter(|_| self.is_current)
            && let Some(high) = self.axis.place(high)
        {
            let x = |place: f64| transform.position_from_point_x(place);
            let left = self.axis.place(low).map_or(frame.left(), x);
            let band = Rect::from_x_y_ranges(left..=x(high), frame.y_range()).intersect(frame);
            painter.rect_filled(band, 0, theme::band_of(label));
            let says = if before == Standing::Own { "same answer" } else { "right" };
            let text = painter.layout_no_wrap(says.into(), theme::small_font(), label);
            let at = pos2(band.left() + SPACE_2, frame.center().y - text.size().y / 2.0);
            word = (band.width() > text.size().x + 4.0 * SPACE_2).then_some((at, text));
        }
        if let Some(zero) = self.axis.place(0.0) {
            let x = painter.round_to_pixel_center(transform.position_from_point_x(zero));
            painter.vline(x, frame.y_range(), Stroke::new(1.0, theme::faint_of(palette.weak)));
        }
        // The label last, over the others.
        for (index, line) in self.along.lines.iter().enumerate().rev() {
            let colour = legend::colour(palette, self.shown, self.along, index);
            let colour = if self.is_current { colour } else { theme::faint_of(colour) };
            let point = |(eps, value): (&f32, &f32)| {
                let x = transform.position_from_point_x(self.axis.place(*eps)?);
                Some(pos2(x, transform.position_from_point_y(f64::from(*value))))
            };
            let path = self.along.eps.iter().zip(self.numbers(line)).filter_map(point).collect();
            let width = if legend::role(self.shown, line.class).is_empty() { LINE } else { STRONG_LINE };
            painter.add(Shape::line(path, Stroke::new(width, colour)));
        }
        if let Some((at, text)) = word {
            // The label's line has its colour.
            let ground = Rect::from_min_size(at, text.size()).expand2(vec2(2.0, 0.0));
            painter.rect_filled(ground, theme::SMALL_RADIUS, palette.canvas);
            painter.galley(at, text, label);
        }
    }

    /// A press or a drag on the plot moves ε, and so do the arrow keys.
    fn steer(
        &self,
        ui: &Ui,
        explore: &Explore,
        transform: &PlotTransform,
        response: &Response,
        out: &mut Vec<Command>,
    ) {
        let can_move = explore.wanted().is_fgsm();
        let mut eps = self.eps;
        if can_move {
            if let Some(pointer) = response.interact_pointer_pos()
                && (response.dragged() || response.is_pointer_button_down_on())
            {
                eps = self.axis.eps(transform.value_from_position(pointer).x).max(0.0);
            }
            if response.has_focus() {
                let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
                ui.memory_mut(|m| m.set_focus_lock_filter(response.id, filter));
                eps += ui.input(|i| {
                    let presses = i.num_presses(Key::ArrowRight) as f32 - i.num_presses(Key::ArrowLeft) as f32;
                    presses * if i.modifiers.shift { 0.1 } else { 1.0 } / LEVELS
                });
            }
            ui.input(|i| {
                for request in i.accesskit_action_requests(response.id, accesskit::Action::SetValue) {
                    if let Some(accesskit::ActionData::NumericValue(number)) = request.data {
                        eps = number as f32;
                    }
                }
            });
            let eps = eps.clamp(0.0, MAX_EPS);
            if eps != self.eps {
                out.push(ExploreCommand::Eps(eps).into());
            }
        }
        response.widget_info(|| WidgetInfo::slider(can_move, f64::from(self.eps), "ε on the curve"));
        ui.ctx().accesskit_node_builder(response.id, |node| {
            node.set_min_numeric_value(0.0);
            node.set_max_numeric_value(f64::from(self.axis.reach));
            node.add_action(accesskit::Action::SetValue);
        });
    }

    fn paint_cursor(&self, ui: &Ui, transform: &PlotTransform, response: &Response) {
        let palette = palette(ui);
        let frame = *transform.frame();
        let Some(place) = self.axis.place(self.eps) else {
            // Left of what a logarithmic axis shows.
            ui.painter().circle_stroke(frame.left_bottom(), 4.5, Stroke::new(2.0, palette.accent));
            return;
        };
        // A curve that is not yet that of the picture may end before it.
        let x = transform.position_from_point_x(place).min(frame.right());
        ui.painter().vline(x, frame.y_range(), Stroke::new(2.0, palette.accent));
        let radius = if response.hovered() || response.dragged() { 6.5 } else { 5.5 };
        let knob = pos2(x, frame.bottom());
        ui.painter().circle(knob, radius, palette.accent, Stroke::new(2.0, palette.canvas));
        if response.has_focus() {
            ui.painter().circle_stroke(knob, radius + 3.0, Stroke::new(2.0, palette.accent));
        }
    }

    /// The values under the pointer.
    fn tell(&self, response: &Response, transform: &PlotTransform) {
        if !self.is_current {
            return;
        }
        let response = response.clone().on_hover_cursor(CursorIcon::ResizeHorizontal);
        let Some(pointer) = response.hover_pos().filter(|_| response.hovered() && !response.dragged()) else { return };
        let eps = self.axis.eps(transform.value_from_position(pointer).x);
        let values: Option<Vec<f32>> =
            self.along.lines.iter().map(|line| value_at(&self.along.eps, self.numbers(line), eps)).collect();
        let Some(values) = values else { return };
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        response.on_hover_ui_at_pointer(|ui| {
            ui.spacing_mut().interact_size.y = 0.0;
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.label(theme::strong(format!("ε = {} = {:.1}/255", mark::eps_text(eps), eps * LEVELS).replace('-', "−")));
            Grid::new("values on the curve").num_columns(3).spacing([SPACE_3, 2.0]).min_col_width(0.0).show(ui, |ui| {
                for index in order {
                    let line = &self.along.lines[index];
                    let colour = legend::colour(palette(ui), self.shown, self.along, index);
                    let (rect, _) = ui.allocate_exact_size(vec2(20.0, 12.0), Sense::hover());
                    ui.painter().hline(rect.x_range(), rect.center().y, Stroke::new(2.5, colour));
                    ui.label(self.shown.model.classes.get(line.class).map_or("", String::as_str));
                    ui.label(theme::number(self.values.spelled(values[index])));
                    ui.end_row();
                }
            });
        });
    }
}
