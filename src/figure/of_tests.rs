//! Measurements on test sets become figures: security curves, confusion, transfer and histograms.

use super::axes::{Interval, plain};
use super::description::{Axis, Caption, Cell, Content, Figure, LegendEntry, Line, Matrix, Plot, PlotGrid, Spread};
use super::ink::Pen;
use super::of_attacks::attack_in_words;
use super::of_runs::per_cent_number;
use crate::engine::attack::{AttackSettings, Measure, Rules};
use crate::engine::eval::{Evaluation, Prediction, confusion as counts_of};
use crate::engine::statistics::wilson_interval;
use crate::engine::transfer_table::Transfer;
use crate::engine::units::{counted, per_cent, short};

const BINS: usize = 10;
const LENGTHS: usize = 20;

/// A net was measured under an attack.
#[derive(Clone, Copy, Debug)]
pub struct MeasuredCurve<'a> {
    pub net: &'a str,
    pub attack: &'a AttackSettings,
    pub found: &'a Evaluation,
}

/// Pictures were attacked like this.
#[derive(Clone, Copy, Debug)]
pub struct AttackAt<'a> {
    pub attack: &'a AttackSettings,
    /// The ε of an attack that takes one; for others, the longest perturbation that counts, which may be infinite.
    pub eps: f32,
}

/// Measurements were made under these conditions.
#[derive(Clone, Debug)]
pub struct Conditions {
    pub data: String,
    pub rules: Rules,
    pub command: Option<String>,
}

impl Conditions {
    fn words(&self, n: &str) -> String {
        let clip = if self.rules.bounds.is_some() { "clipped to [0, 1]" } else { "not clipped" };
        let rounded = if self.rules.eight_bit { ", rounded to 8 bits" } else { "" };
        let (data, seed) = (&self.data, self.rules.seed);
        format!("n = {n} test pictures of {data} with their true labels, {clip}{rounded}, seed {seed}")
    }

    fn caption(&self, text: String) -> Caption {
        Caption { text, command: self.command.clone() }
    }
}

/// Returns what is written of the numbers of pictures, which are nearly always the same.
fn numbers(curves: &[MeasuredCurve<'_>]) -> String {
    let mut all: Vec<usize> = curves.iter().map(|curve| curve.found.n).collect();
    all.sort_unstable();
    all.dedup();
    all.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ")
}

/// Plots accuracies against ε with their 95 % intervals. Attacks that count values have no ε and are left out.
pub fn security_curves(curves: &[MeasuredCurve<'_>], conditions: &Conditions) -> Figure {
    let shown: Vec<_> = curves.iter().filter(|curve| curve.attack.measure() != Measure::Count).collect();
    let is_one = |of: fn(&MeasuredCurve<'_>) -> String| shown.iter().all(|curve| of(curve) == of(shown[0]));
    let (one_net, one_attack) = (is_one(|curve| curve.net.to_owned()), is_one(|curve| attack_in_words(curve.attack)));
    let line = |(number, curve): (usize, &&MeasuredCurve<'_>)| {
        let n = curve.found.n.max(1);
        let attacked = curve.found.attacked.iter().filter(|result| result.eps.is_finite() && result.eps > 0.0);
        let attacked = attacked.map(|result| (f64::from(result.eps), result.correct));
        let points: Vec<(f64, usize)> = std::iter::once((0.0, curve.found.clean_correct)).chain(attacked).collect();
        let interval = |&(eps, correct): &(f64, usize)| {
            let (low, high) = wilson_interval(correct, n);
            (eps, Interval::new(low, high))
        };
        let intervals = points.iter().map(interval).collect();
        let stretches = vec![points.iter().map(|(eps, correct)| [*eps, *correct as f64 / n as f64]).collect()];
        Line { pen: Pen::nth(number), stretches, intervals, spread: Spread::Strokes, is_joined: true }
    };
    let lines: Vec<Line> = shown.iter().enumerate().map(line).collect();
    let eps = lines.iter().flat_map(|line| line.stretches.iter().flatten().map(|point| point[0]));
    let most = eps.fold(0.0, f64::max).max(1e-3);
    let one_norm = is_one(|curve| curve.attack.measure().name().to_owned()).then_some(shown.first()).flatten();
    let norm = one_norm.map_or("in the norm of each attack", |curve| curve.attack.measure().norm().title());
    let within = if one_norm.is_some() { "in " } else { "" };
    let name = format!("ε {within}{norm} (pixels in [0, 1])");
    let x = Axis::linear(&name, Interval::new(-0.02 * most, 1.02 * most), plain);
    let y = Axis::linear("Accuracy (%)", Interval::new(-0.02, 1.02), per_cent_number);
    let name = |curve: &MeasuredCurve<'_>| match (one_net, one_attack) {
        (true, false) => attack_in_words(curve.attack),
        (_, true) => curve.net.to_owned(),
        (false, false) => format!("{}, {}", curve.net, attack_in_words(curve.attack)),
    };
    let entry = |(number, curve): (usize, &&MeasuredCurve<'_>)| LegendEntry::line(&name(curve), Pen::nth(number));
    let legend = shown.iter().enumerate().map(entry).collect();
    let mut of = Vec::new();
    if let Some(first) = shown.first() {
        of.extend(one_net.then(|| format!(" of {}", first.net)));
        of.extend(one_attack.then(|| format!(" under {}", attack_in_words(first.attack))));
    }
    let conditions_text = conditions.words(&numbers(curves));
    let text = format!("Accuracy{} against ε: {conditions_text}. Strokes are 95 % intervals (Wilson).", of.concat());
    let content = Content::Plots(PlotGrid::single(Plot { lines, ..Plot::new(x, y) }));
    Figure { legend, ..Figure::new(content, conditions.caption(text)) }
}

/// Says under what a net gave its answers: "untouched", or the attack and its ε.
fn under(attack: Option<AttackAt<'_>>) -> String {
    let Some(AttackAt { attack, eps }) = attack else { return "untouched pictures".into() };
    let name = attack_in_words(attack);
    match eps {
        eps if attack.takes_eps() => format!("pictures under {name} at ε = {}", short(eps)),
        eps if eps.is_infinite() => format!("pictures under {name}"),
        eps => format!("pictures under {name} with perturbations of up to {}", short(eps)),
    }
}

/// Shows which class is taken for which, as shares of each class.
pub fn confusion(
    net: &str,
    attack: Option<AttackAt<'_>>,
    answers: &[Prediction],
    classes: &[String],
    conditions: &Conditions,
) -> Figure {
    let cells = counts_of(answers, classes.len()).into_iter().map(|row| {
        let all = row.iter().sum::<usize>().max(1) as f64;
        let cell = |count: usize| Cell {
            share: count as f64 / all,
            text: if count > 0 { count.to_string() } else { String::new() },
        };
        row.into_iter().map(cell).collect::<Vec<Cell>>()
    });
    let matrix = Matrix {
        row_axis: "What it is".into(),
        column_axis: "What the net says".into(),
        rows: classes.to_vec(),
        columns: classes.to_vec(),
        cells: cells.collect(),
    };
    let text = format!(
        "Confusion of {net} on {}: {}. Numbers are counts, shades are shares of each row.",
        under(attack),
        conditions.words(&answers.len().to_string())
    );
    Figure::new(Content::Matrix(matrix), conditions.caption(text))
}

/// Shows how often each net (column) errs on the pictures that were made on each (row).
pub fn transfer(found: &Transfer<'_>, conditions: &Conditions) -> Figure {
    let &Transfer { nets, attack, eps, n, right, .. } = found;
    let cell = |right: &usize| {
        let share = (n - right) as f64 / n.max(1) as f64;
        Cell { share, text: per_cent(share as f32) }
    };
    let matrix = Matrix {
        row_axis: "Made on".into(),
        column_axis: "Asked".into(),
        rows: nets.to_vec(),
        columns: nets.to_vec(),
        cells: right.iter().map(|row| row.iter().map(cell).collect()).collect(),
    };
    let text = format!(
        "Transfer: errors of each net (column) on {} that were made on each (row): {}.",
        under(Some(AttackAt { attack, eps })),
        conditions.words(&n.to_string())
    );
    Figure::new(Content::Matrix(matrix), conditions.caption(text))
}

/// Counts the values in each of `bins` equal parts of 0 to `most`.
pub fn counts(values: &[f32], most: f32, bins: usize) -> Vec<usize> {
    let mut counts = vec![0; bins];
    for value in values {
        counts[((value / most * bins as f32) as usize).min(bins - 1)] += 1;
    }
    counts
}

/// Makes a plot with a bar for each count; they stand side by side from end to end of the axis, which begins with 0.
fn histogram(title: String, x: Axis, counts: &[usize]) -> Plot {
    let step = x.ends.high / counts.len().max(1) as f64;
    let highest = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let bar = |(bin, count): (usize, &usize)| {
        let low = step * bin as f64;
        (Interval::new(low, low + step), *count as f64)
    };
    let bars = counts.iter().enumerate().map(bar).collect();
    let y = Axis::linear("Pictures", Interval::new(0.0, 1.06 * highest), plain);
    Plot { title, bars, ..Plot::new(x, y) }
}

/// Shows how sure a net is of its right and of its wrong answers.
pub fn confidences(net: &str, attack: Option<AttackAt<'_>>, answers: &[Prediction], conditions: &Conditions) -> Figure {
    let plot = |(title, is_right): (&str, bool)| {
        let chosen = answers.iter().filter(|answer| answer.is_right() == is_right);
        let chosen: Vec<f32> = chosen.map(|answer| answer.confidence).collect();
        let title = format!("{title}: {} of {}", chosen.len(), answers.len());
        let x = Axis::linear("Confidence (%)", Interval::new(0.0, 1.0), per_cent_number);
        histogram(title, x, &counts(&chosen, 1.0, BINS))
    };
    let plots = [("Right answers", true), ("Wrong answers", false)].map(plot).to_vec();
    let text = format!(
        "How sure {net} is of its answers to {}: {}.",
        under(attack),
        conditions.words(&answers.len().to_string())
    );
    let grid = PlotGrid { plots, columns: 1, shares_axes: true, aspect: 0.4 };
    Figure::new(Content::Plots(grid), conditions.caption(text))
}

/// Shows how long a perturbation each picture needs, of attacks that find their own lengths; `None` for others.
pub fn lengths(curve: &MeasuredCurve<'_>, conditions: &Conditions) -> Option<Figure> {
    let found = curve.found.lengths.as_ref()?;
    let reached: Vec<f32> = found.iter().copied().filter(|length| length.is_finite()).collect();
    let longest = reached.iter().copied().fold(0.0, f32::max).max(f32::MIN_POSITIVE);
    let symbol = curve.attack.measure().symbol();
    let name = match curve.attack.measure() {
        Measure::Count => "Changed values that fool the net".to_owned(),
        Measure::Norm(_) => format!("{symbol} that fools the net"),
    };
    let x = Axis::linear(&name, Interval::new(0.0, f64::from(longest)), plain);
    let plot = histogram(String::new(), x, &counts(&reached, longest, LENGTHS));
    let median = curve.found.median_length().filter(|median| median.is_finite());
    let median = median.map_or_else(String::new, |median| format!(" Their median is {}.", short(median)));
    let text = format!(
        "Lengths of the perturbations with which {} fools {}, {} of the {} that it had right: {}.{median}",
        attack_in_words(curve.attack),
        curve.net,
        reached.len(),
        counted(found.len(), "picture"),
        conditions.words(&curve.found.n.to_string())
    );
    Some(Figure::new(Content::Plots(PlotGrid::single(plot)), conditions.caption(text)))
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn every_value_is_counted_once() {
        assert_eq!(counts(&[0.0, 0.1, 0.49, 0.5, 1.0], 1.0, 2), [3, 2]);
        assert_eq!(counts(&[2.0, 4.0], 4.0, 4), [0, 0, 1, 1]);
    }
}
