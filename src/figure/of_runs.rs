//! Training runs become figures: quantities over epochs, a sweep as a grid, clean against adversarial errors.

use std::sync::Arc;

use super::axes::{AxisScale, Interval, linear, per_cent_tick, plain};
use super::description::{
    Axis, Caption, CaptionedPicture, Content, Figure, LegendEntry, Line, Mark, PictureRows, Plot, PlotGrid, Spread,
};
use super::ink::{Dash, Marker, Pen};
use super::plot::grey;
use super::quantity::{Panel, Quantity};
use super::sweep_measure::{Judged, SweepMeasure};
use crate::engine::picture::Rgba;
use crate::engine::train::{Adversary, Config, EpochRecord, Robustness, Rule, Stage};
use crate::engine::units::short;

/// A training run as figures see it.
#[derive(Clone, Copy, Debug)]
pub struct FigureRun<'a> {
    pub name: &'a str,
    pub config: &'a Config,
    pub history: &'a [EpochRecord],
    /// This was measured of its net on test pictures.
    pub robustness: &'a [Robustness],
}

impl<'a> FigureRun<'a> {
    /// Returns the epoch whose weights the run keeps: the one that its stopping rule finds best, or its last.
    pub fn kept(&self) -> Option<&'a EpochRecord> {
        let selection = self.history.iter().take_while(|record| record.stage == Stage::Selection);
        match self.config.stopping.rule {
            Rule::Off => selection.last(),
            rule => self.history.get(rule.best(self.history)?),
        }
    }
}

/// Returns names that say in what the runs differ, ε and α first; where that does not tell them apart, their own.
fn names(runs: &[FigureRun<'_>]) -> Vec<String> {
    type Setting = (&'static str, fn(&Config) -> String);
    let settings: [Setting; 7] = [
        ("ε ", |config| short(config.eps)),
        ("α ", |config| short(config.alpha)),
        ("", |config| config.model.clone()),
        ("", |config| config.data.to_string()),
        ("adversary ", |config| config.adversary.to_string()),
        ("rate ", |config| short(config.learning_rate)),
        ("seed ", |config| config.seed.to_string()),
    ];
    let differs = |of: &fn(&Config) -> String| runs.iter().any(|run| of(run.config) != of(runs[0].config));
    let telling: Vec<_> = settings.iter().filter(|(_, of)| differs(of)).collect();
    let name = |run: &FigureRun<'_>| {
        let parts = telling.iter().map(|(name, of)| format!("{name}{}", of(run.config)));
        parts.collect::<Vec<_>>().join(", ")
    };
    let told: Vec<String> = runs.iter().map(name).collect();
    let full = |(run, name): (&FigureRun<'_>, &String)| {
        let is_alone = told.iter().filter(|other| *other == name).count() == 1;
        match (name.is_empty(), is_alone) {
            (true, _) => run.name.to_owned(),
            (false, true) => name.clone(),
            (false, false) => format!("{name} ({})", run.name),
        }
    };
    runs.iter().zip(&told).map(full).collect()
}

/// Says what all runs have in common, and on how many pictures they were validated.
fn conditions(runs: &[FigureRun<'_>]) -> String {
    [settings(runs), validation(runs)].concat().join(", ")
}

/// Says which settings all runs have in common.
fn settings(runs: &[FigureRun<'_>]) -> Vec<String> {
    let Some(first) = runs.first() else { return Vec::new() };
    let config = first.config;
    let all = |same: fn(&Config, &Config) -> bool| runs.iter().all(|run| same(run.config, config));
    let mut words = Vec::new();
    if all(|a, b| a.model == b.model && a.data == b.data) {
        words.push(format!("{} on {}", config.model, config.data));
    }
    if all(|a, b| a.adversary == b.adversary) && config.adversary != Adversary::None {
        words.push(format!("adversarial training with {}", config.adversary));
    }
    if all(|a, b| a.eps == b.eps) {
        words.push(format!("ε = {}", short(config.eps)));
    }
    if all(|a, b| a.alpha == b.alpha) {
        words.push(format!("α = {}", short(config.alpha)));
    }
    let clip = if config.clip { "clipped to [0, 1]" } else { "not clipped" };
    if all(|a, b| a.clip == b.clip) {
        words.push(format!("adversarial pictures {clip}"));
    }
    if all(|a, b| a.seed == b.seed) {
        words.push(format!("seed {}", config.seed));
    }
    words
}

fn validation(runs: &[FigureRun<'_>]) -> Vec<String> {
    let mut words = Vec::new();
    let measured = |of: fn(&EpochRecord) -> Option<usize>| {
        let mut found: Vec<usize> = runs.iter().flat_map(|run| run.history.iter().filter_map(of)).collect();
        found.sort_unstable();
        found.dedup();
        found.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ")
    };
    let clean = measured(|record| record.clean.map(|m| m.n));
    let pgd = measured(|record| record.pgd.map(|m| m.n));
    if !clean.is_empty() {
        words.push(format!("n = {clean} held-out pictures with their true labels"));
    }
    if !pgd.is_empty() {
        words.push(format!("for PGD n = {pgd}"));
    }
    words
}

/// Plots quantities over the epochs, one panel below the other. A single run has a colour for each quantity; several
/// have a colour and a marker for each run, and dashes for each quantity.
pub fn run_curves(runs: &[FigureRun<'_>], panels: &[Panel], is_log: bool, command: Option<String>) -> Figure {
    let is_measured = |quantity: &Quantity| {
        let shows = |panel: &Panel, record: &EpochRecord| {
            panel.quantities().contains(quantity) && panel.value(*quantity, record).is_some()
        };
        runs.iter().any(|run| run.history.iter().any(|record| panels.iter().any(|panel| shows(panel, record))))
    };
    let quantities: Vec<Quantity> = Quantity::ALL.into_iter().filter(is_measured).collect();
    let epochs = runs.iter().map(|run| run.history.len()).max().unwrap_or(0).max(2) as f64;
    let x = Axis { counts: true, ..Axis::linear("Epoch", Interval::new(0.5, epochs + 0.5), plain) };
    let plot = |&panel: &Panel| {
        let lines: Vec<Line> =
            runs.iter().enumerate().flat_map(|(at, run)| lines(run, at, runs.len(), panel)).collect();
        let mut plot = Plot::new(x.clone(), value_axis(panel, &lines, is_log));
        if let ([run], Panel::Error) = (runs, panel) {
            let of_kept = |kept: &EpochRecord| run.history.iter().position(|record| record == kept);
            let kept = run.kept().and_then(of_kept).filter(|at| at + 1 < run.history.len());
            plot.marks = kept.map(|at| Mark { x: at as f64 + 1.0, text: "weights kept".into() }).into_iter().collect();
        }
        plot.lines = lines;
        plot
    };
    let plots: Vec<Plot> = panels.iter().map(plot).collect();
    let aspect = if plots.len() > 1 { 0.45 } else { 0.62 };
    let shown: Vec<&str> = panels.iter().map(|panel| axis_name(*panel).0).collect();
    let text = format!(
        "{} after each epoch: {}. Bands are 95 % intervals of the errors (Wilson).",
        upper_first(&shown.join("; ")),
        conditions(runs)
    );
    let content = Content::Plots(PlotGrid { plots, columns: 1, shares_axes: true, aspect });
    Figure { legend: legend(runs, &quantities), ..Figure::new(content, Caption { text, command }) }
}

fn legend(runs: &[FigureRun<'_>], quantities: &[Quantity]) -> Vec<LegendEntry> {
    if let [_] = runs {
        let entry = |quantity: &Quantity| LegendEntry::line(quantity.name(), pen(0, 1, *quantity));
        return quantities.iter().map(entry).collect();
    }
    let of_run = |(at, name): (usize, String)| {
        LegendEntry::line(&name, Pen { dash: Dash::Solid, ..pen(at, 2, Quantity::Clean) })
    };
    let of_quantity = |quantity: &Quantity| LegendEntry::line(quantity.name(), grey(dash(*quantity)));
    let runs = names(runs).into_iter().enumerate().map(of_run);
    runs.chain(quantities.iter().map(of_quantity).filter(|_| quantities.len() > 1)).collect()
}

fn dash(quantity: Quantity) -> Dash {
    match quantity {
        Quantity::Clean => Dash::Solid,
        Quantity::Fgsm => Dash::Dashed,
        Quantity::Pgd => Dash::Dotted,
        Quantity::Objective => Dash::LongDashed,
    }
}

fn pen(run: usize, of: usize, quantity: Quantity) -> Pen {
    let number = if of > 1 { run } else { quantity as usize };
    Pen { colour: number, dash: dash(quantity), marker: Some(Marker::nth(number)) }
}

/// Returns the lines of a run in a panel, one for each quantity that was measured.
fn lines(run: &FigureRun<'_>, at: usize, of: usize, panel: Panel) -> Vec<Line> {
    let line = |&quantity: &Quantity| {
        let mut stretches: Vec<Vec<[f64; 2]>> = Vec::new();
        let (mut intervals, mut before) = (Vec::new(), None);
        for (epoch, record) in run.history.iter().enumerate() {
            let Some(value) = panel.value(quantity, record) else {
                before = None;
                continue;
            };
            let point = [epoch as f64 + 1.0, value];
            match stretches.last_mut().filter(|_| before == Some(record.stage)) {
                Some(stretch) => stretch.push(point),
                None => stretches.push(vec![point]),
            }
            before = Some(record.stage);
            if let (Panel::Error, Some(measured)) = (panel, quantity.measured(record)) {
                let (low, high) = measured.interval();
                intervals.push((point[0], Interval::new(low, high)));
            }
        }
        let pen = pen(at, of, quantity);
        Line { pen, stretches, intervals, spread: Spread::Band, is_joined: true }
    };
    panel.quantities().iter().map(line).filter(|line| !line.stretches.is_empty()).collect()
}

/// Returns the name of a panel's quantity, without and with its unit.
fn axis_name(panel: Panel) -> (&'static str, &'static str) {
    match panel {
        Panel::Error => ("validation error", "Validation error (%)"),
        Panel::Loss => ("loss", "Loss (nats)"),
        Panel::Confidence => ("mean confidence on mistakes", "Confidence on mistakes (%)"),
    }
}

fn upper_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Writes a tick of an axis whose name has the unit per cent.
pub fn per_cent_number(share: f64) -> String {
    per_cent_tick(share).trim_end_matches(" %").to_owned()
}

fn value_axis(panel: Panel, lines: &[Line], is_log: bool) -> Axis {
    let points = || lines.iter().flat_map(|line| line.stretches.iter().flatten().map(|point| point[1]));
    let ends = || lines.iter().flat_map(|line| line.intervals.iter().flat_map(|(_, i)| [i.low, i.high]));
    let smallest = points().filter(|value| *value > 0.0).fold(1.0, f64::min);
    let scale = if is_log { AxisScale::Logarithmic { floor: 0.5 * smallest } } else { AxisScale::Linear };
    let values = Interval::around(points().chain(ends()));
    let values = if values.low.is_finite() { values } else { Interval::new(0.0, 1.0) };
    let ceiling = if panel == Panel::Loss { f64::MAX } else { 1.0 };
    let text = if panel == Panel::Loss { plain } else { per_cent_number };
    let name = axis_name(panel).1.to_owned();
    let mut ends = scale.ends(values, ceiling);
    if !is_log {
        ends.low = ends.low.max(-0.02 * ends.high);
    }
    Axis { name, scale, ends, text, counts: false }
}

fn sorted(runs: &[FigureRun<'_>], of: fn(&Config) -> f32) -> Vec<f32> {
    let mut all: Vec<f32> = runs.iter().map(|run| of(run.config)).collect();
    all.sort_by(f32::total_cmp);
    all.dedup();
    all
}

/// Plots errors over epochs for each ε (along x) and α (along y) of a sweep, all with the same axes. The caption names the
/// runs with the lowest error by the measure.
pub fn sweep_grid(runs: &[FigureRun<'_>], measure: SweepMeasure, command: Option<String>) -> Figure {
    let (all_eps, mut all_alpha) = (sorted(runs, |config| config.eps), sorted(runs, |config| config.alpha));
    all_alpha.reverse();
    let epochs = runs.iter().map(|run| run.history.len()).max().unwrap_or(0).max(2) as f64;
    let all: Vec<Line> = runs.iter().flat_map(|run| lines(run, 0, 1, Panel::Error)).collect();
    let highest = all.iter().flat_map(|line| line.stretches.iter().flatten()).map(|point| point[1]).fold(0.0, f64::max);
    let tops = linear(Interval::new(0.0, 2.0), 0.1);
    let top = tops.into_iter().find(|tick| *tick >= highest).unwrap_or(1.0).clamp(0.1, 1.0);
    let plot = |alpha: f32, eps: f32| {
        let inside = runs.iter().filter(|run| run.config.eps == eps && run.config.alpha == alpha);
        let lines = inside.flat_map(|run| lines(run, 0, 1, Panel::Error)).map(|line| {
            // There is no room for bands and markers.
            Line { pen: Pen { marker: None, ..line.pen }, intervals: Vec::new(), ..line }
        });
        let x = Axis { counts: true, ..Axis::linear("Epoch", Interval::new(0.5, epochs + 0.5), plain) };
        let y = Axis::linear("Error (%)", Interval::new(-0.02 * top, 1.02 * top), per_cent_number);
        let title = format!("ε {}, α {}", short(eps), short(alpha));
        Plot { title, lines: lines.collect(), ..Plot::new(x, y) }
    };
    let plots: Vec<Plot> =
        all_alpha.iter().flat_map(|&alpha| all_eps.iter().map(move |&eps| plot(alpha, eps))).collect();
    let quantities: Vec<Quantity> = [Quantity::Clean, Quantity::Fgsm, Quantity::Pgd]
        .into_iter()
        .filter(|quantity| all.iter().any(|line| line.pen == pen(0, 1, *quantity)))
        .collect();
    let best = lowest(runs, measure).map(|lowest| format!(" {lowest}")).unwrap_or_default();
    let text = format!("Validation error over the epochs for each ε and α of a sweep: {}.{best}", conditions(runs));
    let columns = all_eps.len().max(1);
    let content = Content::Plots(PlotGrid { plots, columns, shares_axes: true, aspect: 0.75 });
    let entry = |quantity: &Quantity| LegendEntry::line(quantity.name(), Pen { marker: None, ..pen(0, 1, *quantity) });
    let legend = quantities.iter().map(entry).collect();
    Figure { legend, ..Figure::new(content, Caption { text, command }) }
}

/// Says which runs have the lowest error by a measure, and that error; `None` where none was measured.
fn lowest(runs: &[FigureRun<'_>], measure: SweepMeasure) -> Option<String> {
    let told = measure.best(runs).into_iter().filter_map(|best| {
        let Judged { attacked, .. } = measure.judge(&runs[best])?;
        let Config { eps, alpha, .. } = runs[best].config;
        Some(format!("{:.1} % with ε = {}, α = {}", 100.0 * attacked.error(), short(*eps), short(*alpha)))
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| format!("The lowest error under {}: {}.", measure.in_words(), told.join("; ")))
}

/// Plots the clean against the adversarial error of each run by a measure, for the net that it keeps, with intervals both
/// ways.
pub fn trade_off(runs: &[FigureRun<'_>], measure: SweepMeasure, command: Option<String>) -> Figure {
    let mut lines = Vec::new();
    let (mut clean_errors, mut adversarial_errors) = (Vec::new(), Vec::new());
    let (mut legend, mut pictures) = (Vec::new(), Vec::new());
    for ((at, run), name) in runs.iter().enumerate().zip(names(runs)) {
        let Some(Judged { clean, attacked: adversarial, .. }) = measure.judge(run) else { continue };
        pictures.extend((!pictures.contains(&adversarial.n)).then_some(adversarial.n));
        let pen = Pen::nth(at);
        let ((left, right), (low, high)) = (clean.interval(), adversarial.interval());
        let (x, y) = (clean.error(), adversarial.error());
        clean_errors.extend([left, right]);
        adversarial_errors.extend([low, high]);
        let whisker = Line {
            pen: Pen::plain(at, Dash::Solid),
            stretches: vec![vec![[left, y], [right, y]]],
            intervals: Vec::new(),
            spread: Spread::Strokes,
            is_joined: true,
        };
        let intervals = vec![(x, Interval::new(low, high))];
        let dot = Line { pen, stretches: vec![vec![[x, y]]], intervals, spread: Spread::Strokes, is_joined: false };
        lines.extend([whisker, dot]);
        legend.push(LegendEntry::line(&name, Pen { dash: Dash::Solid, ..pen }));
    }
    let ends = |errors: &[f64]| {
        let around = Interval::around(errors.iter().copied());
        let around = if around.low.is_finite() { around } else { Interval::new(0.0, 1.0) };
        let room = 0.06 * around.width().max(0.005);
        Interval::new(around.low - room, (around.high + room).min(1.02))
    };
    let set = if measure.is_common() { "test" } else { "validation" };
    let x = Axis::linear(&format!("Clean {set} error (%)"), ends(&clean_errors), per_cent_number);
    let under = measure.in_words();
    let y = Axis::linear(&format!("Error under {under} (%)"), ends(&adversarial_errors), per_cent_number);
    let pictures = pictures.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ");
    let text = format!(
        "Error of each run under {under} on {pictures} {set} pictures against the clean error, at the epoch that it \
         keeps: {}. Strokes are 95 % intervals (Wilson).",
        if measure.is_common() { settings(runs).join(", ") } else { conditions(runs) }
    );
    let content = Content::Plots(PlotGrid { aspect: 0.75, ..PlotGrid::single(Plot { lines, ..Plot::new(x, y) }) });
    Figure { legend, ..Figure::new(content, Caption { text, command }) }
}

/// Shows the weights of a run's first layer, each unit scaled to its own largest weight.
pub fn first_layer(run: &FigureRun<'_>, sheet: &Arc<Rgba>, command: Option<String>) -> Figure {
    let on_white = |pixel: &[u8]| {
        let alpha = u32::from(pixel[3]);
        let over = |level: u8| ((u32::from(level) * alpha + 255 * (255 - alpha)) / 255) as u8;
        [over(pixel[0]), over(pixel[1]), over(pixel[2]), 255]
    };
    let bytes = sheet.bytes.chunks_exact(4).flat_map(on_white).collect();
    let picture = Arc::new(Rgba { width: sheet.width, height: sheet.height, bytes });
    let text = format!(
        "Weights of the first layer of {}, each unit scaled to its own largest weight: {}, {} epochs.",
        run.name,
        conditions(std::slice::from_ref(run)),
        run.history.len()
    );
    let pictures = vec![CaptionedPicture { picture, title: String::new(), words: String::new() }];
    let rows = PictureRows { pictures, columns: 1, signs: Vec::new() };
    Figure::new(Content::Pictures(rows), Caption { text, command })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_called_by_what_they_differ_in() {
        let config = |eps, alpha, seed| Config { eps, alpha, seed, ..Config::default() };
        let of = |configs: &[Config]| {
            let run = |config| FigureRun { name: "run", config, history: &[], robustness: &[] };
            names(&configs.iter().map(run).collect::<Vec<_>>())
        };
        assert_eq!(of(&[config(0.1, 0.5, 0), config(0.25, 0.5, 0)]), ["ε 0.1", "ε 0.25"]);
        assert_eq!(of(&[config(0.1, 0.5, 0), config(0.25, 1.0, 0)]), ["ε 0.1, α 0.5", "ε 0.25, α 1"]);
        assert_eq!(of(&[config(0.1, 0.5, 0), config(0.1, 0.5, 3)]), ["seed 0", "seed 3"]);
        assert_eq!(of(&[config(0.1, 0.5, 0)]), ["run"]);
        let twice = [config(0.1, 0.5, 0), config(0.1, 0.5, 0), config(0.2, 0.5, 0)];
        assert_eq!(of(&twice), ["ε 0.1 (run)", "ε 0.1 (run)", "ε 0.2"]);
    }
}
