//! Histograms show how sure the net is, and how long a perturbation its pictures need.

use egui::{self, Color32, Rect, Role, Sense, Ui, WidgetInfo, vec2};
use egui_plot::{Bar, BarChart};

use crate::app::format::{self, per_cent};
use crate::app::pages::test_sets::state::TestSet;
use crate::app::plots::quiet::{PlotAxis, QuietPlot};
use crate::app::theme::{self, SPACE_2, SPACE_3, palette};
use crate::engine::attack::Measure;
use crate::engine::units::counted;
use crate::figure::axes::{AxisScale, Interval, per_cent_tick};
use crate::figure::counts;

const BINS: usize = 10;
const LENGTHS: usize = 20;
const WIDEST: f32 = 680.0;
const AXIS: f32 = 40.0;

pub fn confidence(ui: &mut Ui, tests: &TestSet) {
    ui.add_space(SPACE_3);
    let Some((_, answers)) = tests.answers() else { return };
    let palette = palette(ui);
    let parts = [("Right answers", true, palette.right), ("Wrong answers", false, palette.fooled)];
    let height = ((ui.available_height() - 96.0) / 2.0).clamp(60.0, 220.0);
    for (title, is_right, colour) in parts {
        let chosen: Vec<f32> =
            answers.iter().filter(|answer| answer.is_right() == is_right).map(|answer| answer.confidence).collect();
        let mean = chosen.iter().sum::<f32>() / chosen.len().max(1) as f32;
        let mean = if chosen.is_empty() { String::new() } else { format!(", {} sure on average", per_cent(mean)) };
        ui.label(theme::strong(format!("{title}: {} of {}{mean}", chosen.len(), answers.len())));
        let words = |count, bin| format!("{} given {} to {} %", counted(count, "answer"), bin * 10, bin * 10 + 10);
        let histogram = Histogram { counts: counts(&chosen, 1.0, BINS), most: 1.0, colour, text: per_cent_tick };
        histogram.show(ui, height, words);
        ui.add_space(SPACE_2);
    }
}

/// Shows how long a perturbation each picture needs, and how many pictures withstand all of them.
pub fn lengths(ui: &mut Ui, tests: &TestSet) {
    ui.add_space(SPACE_3);
    let Some(curve) = tests.curve() else { return };
    let Some(found) = &curve.found.lengths else {
        let text = "These attacks are given their ε. Measure one that finds a length of its own, such as Smallest ε \
                    of FGSM, DeepFool or Carlini–Wagner.";
        ui.add(egui::Label::new(egui::RichText::new(text).color(palette(ui).weak)).wrap());
        return;
    };
    let reached: Vec<f32> = found.iter().copied().filter(|length| length.is_finite()).collect();
    let what = match curve.attack.measure() {
        Measure::Count => "Changed values that fool the net".to_owned(),
        measure => format!("{} that fools the net", measure.symbol()),
    };
    let longest = reached.iter().copied().fold(0.0, f32::max);
    let median = curve.found.median_length().filter(|median| median.is_finite());
    let median = median.map_or_else(String::new, |median| format!(", median {}", format::short(median)));
    let pictures = counted(found.len(), "picture");
    ui.label(theme::strong(format!("{what}: {} of {pictures} that it had right{median}", reached.len())));
    let from = |bin: usize| format::short(longest * bin as f32 / LENGTHS as f32);
    let words = |count: usize, bin: usize| {
        let need = if count == 1 { "needs" } else { "need" };
        format!("{} {need} {} to {}", counted(count, "picture"), from(bin), from(bin + 1))
    };
    let height = (ui.available_height() - 64.0).clamp(60.0, 320.0);
    if longest > 0.0 {
        let text = |length| format::short(length as f32);
        let counts = counts(&reached, longest, LENGTHS);
        Histogram { counts, most: longest, colour: palette(ui).accent, text }.show(ui, height, words);
    }
    if reached.len() < found.len() {
        let rest = found.len() - reached.len();
        let was = if rest == 1 { "was" } else { "were" };
        let rest = format!("{} {was} not changed into another class at all.", counted(rest, "picture"));
        ui.label(theme::weak(ui, rest));
    }
}

struct Histogram {
    counts: Vec<usize>,
    most: f32,
    colour: Color32,
    text: fn(f64) -> String,
}

impl Histogram {
    /// Draws a bar for each count; `words` describes it to a pointer that rests there.
    fn show(&self, ui: &mut Ui, height: f32, words: impl Fn(usize, usize) -> String) {
        let highest = self.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let step = f64::from(self.most) / self.counts.len() as f64;
        let x = PlotAxis::new(AxisScale::Linear, Interval::new(0.0, f64::from(self.most)));
        let x = PlotAxis { apart: 90.0, text: self.text, ..x };
        // Half a line is left for the topmost number.
        let y = PlotAxis::new(AxisScale::Linear, Interval::new(0.0, highest * f64::from(height / (height - 8.0))));
        let y = PlotAxis { apart: height / 4.5, is_whole: true, ticks_from: 0.5, room: AXIS, ..y };
        let mut quiet = QuietPlot::new(ui, "histogram", x, y);
        quiet.id = quiet.id.with(self.colour);
        quiet.size = vec2(ui.available_width().min(WIDEST), height);
        let bar = |(bin, count): (usize, &usize)| {
            Bar::new(step * (bin as f64 + 0.5), *count as f64).width(0.94 * step).fill(self.colour)
        };
        let bars: Vec<Bar> = self.counts.iter().enumerate().map(bar).collect();
        let frame = *quiet.show(ui, |plot| plot.bar_chart(BarChart::new("", bars))).transform.frame();
        let width = frame.width() / self.counts.len() as f32;
        for (bin, &count) in self.counts.iter().enumerate() {
            let left = frame.left() + width * bin as f32;
            let whole = Rect::from_x_y_ranges(left..=left + width, frame.y_range());
            let response = ui.interact(whole, ui.scope_id().with((bin, self.colour)), Sense::hover());
            let text = words(count, bin);
            response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text.clone()));
            response.on_hover_text(text);
        }
    }
}
