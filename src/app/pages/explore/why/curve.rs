//! The curve is figure 4 of arXiv 1412.6572: the net's answers along the attack's direction, with ε as a cursor.

use egui::{
    Align2, Atom, AtomExt as _, AtomPaintArgs, Color32, CursorIcon, Grid, Key, Rect, Response, RichText, Role, Sense,
    Stroke, TextWrapMode, Ui, UiBuilder, Vec2, WidgetAtom, WidgetInfo, pos2, vec2,
};
use egui_plot::{Line, LineStyle, PlotPoint, PlotTransform, PlotUi, Span, Text, VLine};

use crate::app::commands::Command;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::state::{Explore, MAX_EPS};
use crate::app::pages::explore::why::axis::{EpsAxis, ValueAxis, value_at};
use crate::app::pages::explore::why::mark::{AnswerChange, FLAGS, eps_text, flags};
use crate::app::pages::explore::why::state::{Why, WhyLook};
use crate::app::pages::explore::words;
use crate::app::plots::quiet::{QuietPlot, sample};
use crate::app::theme::{self, Palette, SPACE_2, SPACE_3, SPACE_4, Standing, palette};
use crate::app::widgets::rail::{describe_slider, held_at, keep_arrows, requested_value};
use crate::engine::attack::{Flip, Goal, Loss};
use crate::engine::units::LEVELS;
use crate::figure::axes::Interval;
use crate::worker::{Along, ClassLine, Shown};

/// The second half of the last tick's text needs this room.
const RIGHT: f32 = 10.0;
const WIDTHS: Widths = Widths { strong: 3.0, other: 1.8 };
const WIDE_LEGEND: f32 = 228.0;
const LEGEND: f32 = 148.0;
const ROW: f32 = 19.0;
const SAMPLE: f32 = 20.0;
/// A narrower interval, in points on the screen, has no room for a word.
const LEAST_WORD: f64 = 70.0;
/// The answers of nets of photographs change within a few grey levels, which a pixel may exceed by a rounding error.
const NEAR: f32 = 0.1;
const ROUNDING: f32 = 1e-4;

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

pub fn show(ui: &mut Ui, explore: &Explore, why: &Why, look: &WhyLook, out: &mut Vec<Command>) {
    let room = ui.available_rect_before_wrap();
    let known = explore.shown.as_deref().and_then(|shown| Some((shown, why.along(shown)?)));
    let Some((shown, (along, is_current))) = known else {
        let text = explore.busy().unwrap_or("computing the net's answers along the direction of the attack");
        let (text, colour) = (format!("{text}…"), palette(ui).weak);
        ui.painter().text(room.center(), Align2::CENTER_CENTER, text, theme::body_font(), colour);
        return;
    };
    let width = if room.width() >= 900.0 { WIDE_LEGEND } else { LEGEND };
    let split = room.right() - width;
    let plot = Rect::from_min_max(room.min, pos2(split - SPACE_4, room.bottom()));
    let eps = if explore.wanted().is_fgsm() { explore.view.eps } else { shown.linf };
    // A linear axis of a net of photographs ends near the picture, unless ε is beyond.
    let is_near = !look.is_log && shown.model.input.channels == 3 && eps <= NEAR + ROUNDING;
    let whole = along.eps.last().copied().unwrap_or(MAX_EPS);
    let axis = EpsAxis { is_log: look.is_log, reach: if is_near { whole.min(NEAR) } else { whole } };
    let values = ValueAxis::new(along, axis, look.has_logits);
    let view = CurveView { axis, values, shown, along, is_current, eps };
    ui.scope_builder(UiBuilder::new().max_rect(plot), |ui| view.show(ui, explore, out));
    let column = Rect::from_min_max(pos2(split, room.top()), room.max);
    ui.scope_builder(UiBuilder::new().max_rect(column), |ui| legend(ui, &view));
}

pub struct Widths {
    pub strong: f32,
    pub other: f32,
}

/// This is a curve along the direction of an attack, and how it is looked at.
pub struct CurveView<'a> {
    pub axis: EpsAxis,
    pub values: ValueAxis,
    pub shown: &'a Shown,
    pub along: &'a Along,
    pub is_current: bool,
    pub eps: f32,
}

impl<'a> CurveView<'a> {
    fn show(&self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
        ui.spacing_mut().item_spacing = Vec2::ZERO;
        ui.add_space(FLAGS);
        let palette = palette(ui);
        let x = self.axis.axis();
        let mut quiet = QuietPlot::new(ui, "along", x, self.values.axis(ui.available_height() - x.room));
        quiet.size.x -= RIGHT;
        quiet.corner = "ε";
        let transform = quiet.show(ui, |plot| self.add(plot, palette, WIDTHS)).transform;
        let id = ui.make_persistent_id("ε on the curve");
        let response = ui.interact(*transform.frame(), id, Sense::click_and_drag());
        if let Some(eps) = self.steer(ui, &transform, &response, explore.wanted().is_fgsm()) {
            out.push(ExploreCommand::Eps(eps).into());
        }
        self.paint_cursor(ui, &transform, &response);
        // ε of other lengths, or none, leads to other places than those of the curve.
        let can_go = explore.wanted().pixel_eps().is_some();
        flags(ui, &transform, can_go, self.answer_changes(palette), out);
        self.tell(&response, &transform);
    }

    fn answer_changes(&self, palette: &Palette) -> Vec<AnswerChange<'a>> {
        if !self.is_current {
            return Vec::new();
        }
        let change = |flip: &'a Flip| {
            // On the other side of the picture one goes down from it, so "from" is the answer farther away.
            let beyond = if flip.eps < 0.0 { flip.from } else { flip.to };
            let line = self.along.lines.iter().position(|line| line.class == beyond);
            let colour = line.map_or(palette.weak, |index| self.colour(palette, index));
            let name = self.shown.class_name(beyond);
            Some(AnswerChange { eps: flip.eps, place: self.axis.place(flip.eps)?, name, colour })
        };
        self.along.flips.iter().filter(|flip| self.axis.shows(flip.eps)).filter_map(change).collect()
    }

    /// Returns the colour of a line; those of the label and the target stay apart from the others.
    pub fn colour(&self, palette: &Palette, index: usize) -> Color32 {
        let Self { shown, along, .. } = self;
        let class = along.lines[index].class;
        let own = |class: usize| class == shown.label.index || shown.view.goal == Goal::Targeted(class);
        if class == shown.label.index {
            return theme::label_colour(palette, words::standing_before(shown));
        }
        if own(class) {
            return palette.asked;
        }
        let before = along.lines[..index].iter().filter(|line| !own(line.class)).count();
        palette.classes[before % palette.classes.len()]
    }

    pub fn numbers(&self, line: &'a ClassLine) -> &'a [f32] {
        if self.values.are_logits { &line.logits } else { &line.probabilities }
    }

    /// Adds the interval in which the net gives the label, and the lines.
    pub fn add(&self, plot: &mut PlotUi<'_>, palette: &Palette, widths: Widths) {
        let before = words::standing_before(self.shown);
        let label = theme::label_colour(palette, before);
        let ends = self.axis.axis().ends;
        let right = self.along.right.filter(|_| self.is_current).and_then(|(low, high)| {
            Some(Interval::new(self.axis.place(low).unwrap_or(ends.low), self.axis.place(high)?))
        });
        if let Some(right) = right {
            plot.span(Span::new("", right.low..=right.high).fill(theme::band_of(label)));
        }
        if let Some(zero) = self.axis.place(0.0) {
            plot.vline(VLine::new("", zero).color(theme::faint_of(palette.weak)));
        }
        // The label last, over the others.
        for (index, line) in self.along.lines.iter().enumerate().rev() {
            let colour = self.colour(palette, index);
            let colour = if self.is_current { colour } else { theme::faint_of(colour) };
            let point = |(eps, value): (&f32, &f32)| Some([self.axis.place(*eps)?, f64::from(*value)]);
            let path: Vec<_> = self.along.eps.iter().zip(self.numbers(line)).filter_map(point).collect();
            let width = if role(self.shown, line.class).is_empty() { widths.other } else { widths.strong };
            plot.line(Line::new("", path).stroke(Stroke::new(width, colour)));
        }
        // The label's line has the same colour, so the word has a ground of its own.
        let points = |width: f64| width * plot.transform().dpos_dvalue_x();
        if let Some(right) = right.filter(|right| points(right.width()) > LEAST_WORD) {
            let word = if before == Standing::Own { "same answer" } else { "right" };
            let word = RichText::new(word).font(theme::small_font()).background_color(palette.canvas);
            let frame = *plot.transform().frame();
            let left = plot.screen_from_plot(PlotPoint::new(right.low, 0.0)).x.max(frame.left());
            let at = plot.plot_from_screen(pos2(left + SPACE_2, frame.center().y));
            plot.text(Text::new("", at, word).color(label).anchor(Align2::LEFT_CENTER));
        }
    }

    /// Returns the ε that a press or a drag on the plot, or the arrow keys, move it to.
    fn steer(&self, ui: &Ui, transform: &PlotTransform, response: &Response, can_move: bool) -> Option<f32> {
        let info = WidgetInfo::slider(can_move, f64::from(self.eps), "ε on the curve");
        describe_slider(ui, response, info, [0.0, f64::from(self.axis.reach)]);
        if !can_move {
            return None;
        }
        let value = |pointer| self.axis.eps(transform.value_from_position(pointer).x).max(0.0);
        let mut eps = held_at(response).map_or(self.eps, value);
        keep_arrows(ui, response, false);
        if response.has_focus() {
            eps += ui.input(|i| {
                let presses = i.num_presses(Key::ArrowRight) as f32 - i.num_presses(Key::ArrowLeft) as f32;
                presses * if i.modifiers.shift { 0.1 } else { 1.0 } / LEVELS
            });
        }
        let eps = requested_value(ui, response).map_or(eps, |eps| eps as f32).clamp(0.0, MAX_EPS);
        (eps != self.eps).then_some(eps)
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

    fn tell(&self, response: &Response, transform: &PlotTransform) {
        if !self.is_current {
            return;
        }
        let response = response.clone().on_hover_cursor(CursorIcon::ResizeHorizontal);
        let Some(pointer) = response.hover_pos().filter(|_| response.hovered() && !response.dragged()) else { return };
        let eps = self.axis.eps(transform.value_from_position(pointer).x);
        let value = |line| value_at(&self.along.eps, self.numbers(line), eps);
        let Some(values) = self.along.lines.iter().map(value).collect::<Option<Vec<f32>>>() else { return };
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        response.on_hover_ui_at_pointer(|ui| {
            ui.spacing_mut().interact_size.y = 0.0;
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.label(theme::strong(format!("ε = {} = {:.1}/255", eps_text(eps), eps * LEVELS).replace('-', "−")));
            Grid::new("values on the curve").num_columns(3).spacing([SPACE_3, 2.0]).min_col_width(0.0).show(ui, |ui| {
                for index in order {
                    let line = &self.along.lines[index];
                    let colour = self.colour(palette(ui), index);
                    let (rect, _) = ui.allocate_exact_size(vec2(20.0, 12.0), Sense::hover());
                    ui.painter().hline(rect.x_range(), rect.center().y, Stroke::new(2.5, colour));
                    ui.label(self.shown.class_name(line.class));
                    ui.label(theme::number(self.values.spelled(values[index])));
                    ui.end_row();
                }
            });
        });
    }
}

fn role(shown: &Shown, class: usize) -> &'static str {
    match shown.view.goal.target() {
        _ if class == shown.label.index => "the label",
        Some(target) if class == target => "the target",
        _ => "",
    }
}

/// Gives each class of the curve its colour and its value at ε.
fn legend(ui: &mut Ui, view: &CurveView<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let what = if view.values.are_logits { "logit" } else { "probability" };
    let at = format!("{what} at ε = {}", eps_text(view.eps));
    ui.painter().text(rect.right_center(), Align2::RIGHT_CENTER, at, theme::small_font(), palette(ui).weak);
    for index in 0..view.along.lines.len() {
        // What does not fit is still in the tooltip of the plot.
        if ui.available_height() < ROW {
            break;
        }
        legend_row(ui, view, index);
    }
}

/// Returns what the net said of a class in the view on screen, if its picture lies at this ε on the line.
fn probability(shown: &Shown, class: usize, eps: f32) -> Option<f32> {
    let place = if shown.view.is_fgsm() { shown.view.eps } else { shown.linf };
    if place != eps {
        return None;
    }
    match shown.view.goal {
        _ if class == shown.label.index => Some(shown.label_prob.1),
        Goal::Targeted(target) if class == target => shown.target_prob.map(|(_, after)| after),
        _ => shown.adversarial_top.iter().find(|guess| guess.index == class).map(|guess| guess.prob),
    }
}

fn legend_row(ui: &mut Ui, view: &CurveView<'_>, index: usize) {
    let CurveView { shown, along, values, eps, .. } = *view;
    let palette = palette(ui);
    let line = &along.lines[index];
    let name = shown.class_name(line.class);
    let colour = view.colour(palette, index);
    let exact = (!values.are_logits).then(|| probability(shown, line.class, eps)).flatten();
    let value = exact.or_else(|| value_at(&along.eps, view.numbers(line), eps));
    let value = value.map_or_else(|| "–".into(), |value| values.spelled(value));
    let role = role(shown, line.class);
    let words = if role.is_empty() { name.to_owned() } else { format!("{name}, {role}") };
    let stroke = Stroke::new(if role.is_empty() { 2.0 } else { 3.0 }, colour);
    let line = move |ui: &Ui, args: AtomPaintArgs| sample(ui, args.rect, LineStyle::Solid, stroke);
    let text = if role.is_empty() { RichText::new(name).small() } else { theme::strong(name) };
    let number = theme::number(&*value).color(palette.text);
    let name = text.atom_shrink(true).atom_grow(true).atom_align(Align2::LEFT_CENTER);
    let atoms = (Atom::paint(vec2(SAMPLE, ROW), line), name, number);
    let size = vec2(ui.available_width(), ROW);
    let row = WidgetAtom::new(atoms).gap(SPACE_2).wrap_mode(TextWrapMode::Truncate).min_size(size).max_size(size);
    let response = ui.add(row);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("on the curve: {words}: {value}")));
    response.on_hover_text(words);
}
