//! How sure the net is, and how long a perturbation its pictures need.

use eframe::egui::{self, Align2, Color32, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use crate::app::format::{self, per_cent};
use crate::app::pages::test_sets::state::TestSet;
use crate::app::pages::test_sets::wording::space;
use crate::app::plots::axes;
use crate::app::theme::{self, SPACE_2, palette};
use crate::engine::attack::{Attack, Measure};
use crate::engine::units::counted;

/// Bars of confidence, and of lengths.
const BINS: usize = 10;
const LENGTHS: usize = 20;
const WIDEST: f32 = 680.0;
/// Room for the numbers of the axis at the left.
const AXIS: f32 = 40.0;

/// How sure the net is where it is right and where it is wrong.
pub fn confidence(ui: &mut Ui, tests: &TestSet) {
    space(ui);
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
        let mark = |bin: usize| bin.is_multiple_of(2).then(|| format!("{} %", bin * 10));
        bars(ui, &counts(&chosen, 1.0, BINS), (height, colour), mark, words);
        ui.add_space(SPACE_2);
    }
}

/// How long a perturbation each picture needs, and how many of them the net gets right whatever is done.
pub fn lengths(ui: &mut Ui, tests: &TestSet) {
    space(ui);
    let Some(curve) = tests.curve() else { return };
    let Some(found) = &curve.found.lengths else {
        let text = "These attacks are given their ε. Measure one that finds a length of its own, such as Smallest ε of FGSM, DeepFool \
                    or Carlini–Wagner.";
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
    ui.label(theme::strong(format!(
        "{what}: {} of {} that it had right{median}",
        reached.len(),
        counted(found.len(), "picture")
    )));
    let from = |bin: usize| format::short(longest * bin as f32 / LENGTHS as f32);
    let words = |count: usize, bin: usize| {
        let need = if count == 1 { "needs" } else { "need" };
        format!("{} {need} {} to {}", counted(count, "picture"), from(bin), from(bin + 1))
    };
    let height = (ui.available_height() - 64.0).clamp(60.0, 320.0);
    // Every fourth mark, so that the numbers have room.
    let mark = |bin: usize| bin.is_multiple_of(4).then(|| from(bin));
    if longest > 0.0 {
        bars(ui, &counts(&reached, longest, LENGTHS), (height, palette(ui).accent), mark, words);
    }
    if reached.len() < found.len() {
        let rest = found.len() - reached.len();
        let was = if rest == 1 { "was" } else { "were" };
        let rest = format!("{} {was} not changed into another class at all.", counted(rest, "picture"));
        ui.label(theme::weak(ui, rest));
    }
}

/// How many values lie in each of so many equal parts of 0 to `most`.
fn counts(values: &[f32], most: f32, bins: usize) -> Vec<usize> {
    let mut counts = vec![0; bins];
    for value in values {
        counts[((value / most * bins as f32) as usize).min(bins - 1)] += 1;
    }
    counts
}

/// A bar for each count over an axis of counts; `mark` stands under its left edge, the last one under the right end, `words`
/// say a bar to a pointer that rests there.
fn bars(
    ui: &mut Ui,
    counts: &[usize],
    (height, colour): (f32, Color32),
    mark: impl Fn(usize) -> Option<String>,
    words: impl Fn(usize, usize) -> String,
) {
    let palette = palette(ui);
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let (whole, _) = ui.allocate_exact_size(vec2(ui.available_width().min(WIDEST), height), Sense::hover());
    // The topmost number is as high as half a line above the highest bar.
    let rect = Rect::from_min_max(whole.min + vec2(AXIS, 8.0), pos2(whole.right(), whole.bottom() - 18.0));
    let y = |count: f32| rect.bottom() - rect.height() * count / most as f32;
    let font = theme::number_font();
    for count in axes::linear(0.0, most as f64, (most as f64 / 4.0).max(1.0)) {
        let at = y(count as f32);
        ui.painter().hline(rect.x_range(), at, Stroke::new(1.0, palette.line));
        ui.painter().text(pos2(rect.left() - 6.0, at), Align2::RIGHT_CENTER, count, font.clone(), palette.weak);
    }
    let step = rect.width() / counts.len() as f32;
    for (bin, &count) in counts.iter().enumerate() {
        let left = rect.left() + step * bin as f32;
        let bar = Rect::from_min_max(pos2(left + 1.0, y(count as f32)), pos2(left + step - 1.0, rect.bottom()));
        ui.painter().rect_filled(bar, 2, colour);
        let whole = Rect::from_min_max(pos2(left, rect.top()), pos2(left + step, rect.bottom()));
        let response = ui.interact(whole, ui.scope_id().with((bin, colour)), Sense::hover());
        let text = words(count, bin);
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text.clone()));
        response.on_hover_text(text);
    }
    for bin in 0..=counts.len() {
        let Some(text) = mark(bin) else { continue };
        let align = match bin {
            0 => Align2::LEFT_TOP,
            bin if bin == counts.len() => Align2::RIGHT_TOP,
            _ => Align2::CENTER_TOP,
        };
        let at = pos2(rect.left() + step * bin as f32, rect.bottom() + 2.0);
        ui.painter().text(at, align, text, font.clone(), palette.weak);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_value_is_counted_once() {
        assert_eq!(super::counts(&[0.0, 0.1, 0.49, 0.5, 1.0], 1.0, 2), [3, 2]);
        assert_eq!(super::counts(&[2.0, 4.0], 4.0, 4), [0, 0, 1, 1]);
    }
}
