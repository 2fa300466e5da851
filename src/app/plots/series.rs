//! Histories become lines here: smoothed, with gaps, and with no more points than pixels.

use egui_plot::PlotPoint;

use crate::engine::train::EpochRecord;
use crate::figure::axes::Interval;

/// `x` counts epochs from 1 through all stages of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub x: f64,
    pub raw: f64,
    pub smooth: f64,
}

/// Returns the unbroken stretches of a quantity. A stretch ends where an epoch lacks the value or a stage begins.
///
/// Smoothing is exponential, `sₜ = w·sₜ₋₁ + (1 − w)·xₜ` from `s₀ = 0`, divided by `1 − wᵗ` against a bias to 0
/// (Kingma & Ba, Adam, 2015, section 3). It begins afresh in each stage and passes over gaps. `weight` lies in [0, 1).
pub fn stretches(history: &[EpochRecord], weight: f64, value: impl Fn(&EpochRecord) -> Option<f64>) -> Vec<Vec<Point>> {
    let mut found: Vec<Vec<Point>> = Vec::new();
    let (mut sum, mut share, mut is_open) = (0.0, 1.0, false);
    let mut stage = None;
    for (at, record) in history.iter().enumerate() {
        if stage != Some(record.stage) {
            (stage, sum, share, is_open) = (Some(record.stage), 0.0, 1.0, false);
        }
        let Some(raw) = value(record) else {
            is_open = false;
            continue;
        };
        sum = weight * sum + (1.0 - weight) * raw;
        share *= weight;
        let point = Point { x: (at + 1) as f64, raw, smooth: sum / (1.0 - share) };
        match found.last_mut().filter(|_| is_open) {
            Some(stretch) => stretch.push(point),
            None => found.push(vec![point]),
        }
        is_open = true;
    }
    found
}

/// Returns the part of a stretch that lies in these epochs, and one point more on each side.
pub fn visible(stretch: &[Point], epochs: Interval) -> &[Point] {
    let first = stretch.partition_point(|point| point.x < epochs.low).saturating_sub(1);
    let end = (stretch.partition_point(|point| point.x <= epochs.high) + 1).min(stretch.len());
    &stretch[first.min(end)..end]
}

/// Returns a path with at most four points in each column: the first, highest, lowest and last one.
pub fn thinned(path: &[PlotPoint], column: f64) -> Vec<PlotPoint> {
    let mut thin = Vec::with_capacity(path.len());
    for group in path.chunk_by(|a, b| is_same_column(a.x, b.x, column)) {
        let extreme = |sign: f64| (0..group.len()).max_by(|a, b| (sign * group[*a].y).total_cmp(&(sign * group[*b].y)));
        let (top, bottom) = (extreme(1.0).unwrap_or(0), extreme(-1.0).unwrap_or(0));
        let mut kept = vec![0, top.min(bottom), top.max(bottom), group.len() - 1];
        kept.dedup();
        thin.extend(kept.into_iter().map(|at| group[at]));
    }
    thin
}

fn is_same_column(a: f64, b: f64, column: f64) -> bool {
    (a / column).floor() == (b / column).floor()
}

#[derive(Debug, Default, PartialEq)]
pub struct Band {
    pub x: Vec<f64>,
    pub low: Vec<f64>,
    pub high: Vec<f64>,
}

impl Band {
    /// Makes a band of intervals from left to right, with the outermost edges in each column.
    pub fn new(intervals: &[(f64, Interval)], column: f64) -> Self {
        let mut band = Self::default();
        for group in intervals.chunk_by(|a, b| is_same_column(a.0, b.0, column)) {
            let around = Interval::around(group.iter().flat_map(|(_, interval)| [interval.low, interval.high]));
            band.x.push(group[0].0);
            band.low.push(around.low);
            band.high.push(around.high);
        }
        band
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::train::Stage;

    fn history(losses: &[f32]) -> Vec<EpochRecord> {
        losses.iter().map(|&loss| EpochRecord { loss, ..EpochRecord::default() }).collect()
    }

    fn loss(record: &EpochRecord) -> Option<f64> {
        Some(f64::from(record.loss)).filter(|value| value.is_finite())
    }

    #[test]
    fn smoothing_is_exponential_and_unbiased_and_passes_over_gaps() {
        type Case<'a> = (&'a [f32], f64, &'a [&'a [f64]]);
        let cases: [Case<'_>; 5] = [
            // By hand with w = 1/2: sums 2, 3, 4, 3.5 over 1/2, 3/4, 7/8, 15/16.
            (&[4.0, 4.0, 5.0, 3.0], 0.5, &[&[4.0, 4.0, 32.0 / 7.0, 56.0 / 15.0]]),
            (&[4.0, 1.0], 0.0, &[&[4.0, 1.0]]),
            // (1/2·1/2·1 + 1/2·3) / (3/4)
            (&[1.0, f32::NAN, 3.0], 0.5, &[&[1.0], &[7.0 / 3.0]]),
            (&[f32::NAN], 0.5, &[]),
            (&[], 0.5, &[]),
        ];
        for (losses, weight, expected) in cases {
            let found = stretches(&history(losses), weight, loss);
            assert_eq!(found.len(), expected.len(), "{losses:?}");
            for (stretch, expected) in found.iter().zip(expected) {
                assert_eq!(stretch.len(), expected.len());
                assert!(stretch.iter().zip(*expected).all(|(point, value)| (point.smooth - value).abs() < 1e-12));
            }
        }
    }

    #[test]
    fn another_stage_begins_afresh() {
        let mut history = history(&[8.0, 2.0]);
        history[1].stage = Stage::Retraining;
        let found = stretches(&history, 0.9, loss);
        assert_eq!(found.len(), 2);
        assert!((found[1][0].smooth - 2.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_out_of_sight_is_left_out_but_for_its_neighbours() {
        let stretch = &stretches(&history(&[0.0; 10]), 0.0, loss)[0];
        for (low, high, first, last) in
            [(4.0, 6.0, 3.0, 7.0), (0.5, 10.5, 1.0, 10.0), (4.2, 4.8, 4.0, 5.0), (20.0, 30.0, 10.0, 10.0)]
        {
            let part = visible(stretch, Interval::new(low, high));
            assert_eq!((part[0].x, part[part.len() - 1].x), (first, last), "{low} to {high}");
        }
        assert_eq!(visible(&[], Interval::new(0.0, 1.0)), &[]);
    }

    #[test]
    fn a_thin_path_keeps_ends_and_extremes_of_each_column() {
        let path = |values: &[f64], step: f64| -> Vec<PlotPoint> {
            values.iter().enumerate().map(|(at, y)| PlotPoint::new(step * at as f64, *y)).collect()
        };
        let thin = thinned(&path(&[5.0, 9.0, 1.0, 4.0, 6.0, 2.0], 0.1), 1.0);
        assert_eq!(thin.iter().map(|point| point.y).collect::<Vec<_>>(), [5.0, 9.0, 1.0, 2.0]);
        let spread = path(&[0.0; 10], 1.0);
        assert_eq!(thinned(&spread, 1.0), spread, "nothing is lost where there is room");
        assert!(thinned(&[], 1.0).is_empty());
    }

    #[test]
    fn a_thin_band_covers_all_that_was_in_it() {
        let interval = |x, low, high| (x, Interval::new(low, high));
        let band = Band::new(&[interval(0.0, 3.0, 5.0), interval(0.5, 1.0, 4.0), interval(1.5, 2.0, 9.0)], 1.0);
        assert_eq!(band, Band { x: vec![0.0, 1.5], low: vec![1.0, 2.0], high: vec![5.0, 9.0] });
    }
}
