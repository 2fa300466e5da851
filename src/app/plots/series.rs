//! From a history to lines: smoothing, gaps, and no more points than pixels.

use eframe::egui::{Pos2, pos2, vec2};

use crate::engine::train::EpochRecord;

/// A point of a line. `x` counts epochs from 1 through all stages of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub x: f64,
    /// As measured.
    pub raw: f64,
    /// The same, smoothed.
    pub smooth: f64,
}

/// The unbroken stretches of a quantity. A stretch ends where an epoch lacks the value and where another stage begins.
///
/// Smoothing is exponential, `sₜ = w·sₜ₋₁ + (1 − w)·xₜ` from `s₀ = 0`, divided by `1 − wᵗ` so that the first values are
/// not drawn towards 0 (Kingma & Ba, Adam, 2015, section 3). It begins afresh in each stage and passes over gaps. `weight`
/// lies in [0, 1).
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
            None => {
                let mut stretch = Vec::with_capacity(history.len() - at);
                stretch.push(point);
                found.push(stretch);
            }
        }
        is_open = true;
    }
    found
}

/// The part of a stretch that a plot from `low` to `high` needs: what lies in it and one point more on each side.
pub fn visible(stretch: &[Point], (low, high): (f64, f64)) -> &[Point] {
    let first = stretch.partition_point(|point| point.x < low).saturating_sub(1);
    let end = (stretch.partition_point(|point| point.x <= high) + 1).min(stretch.len());
    &stretch[first.min(end)..end]
}

/// A path with at most four points in each column of `width` points on the screen: its first, highest, lowest and last
/// there, so that it looks the same. The path goes from left to right.
pub fn thinned(path: &[Pos2], width: f32) -> Vec<Pos2> {
    let column = |position: &Pos2| (position.x / width).floor();
    let mut thin = Vec::with_capacity(path.len());
    for group in path.chunk_by(|a, b| column(a) == column(b)) {
        if group.len() <= 4 {
            thin.extend_from_slice(group);
            continue;
        }
        let extreme = |better: fn(f32, f32) -> bool| {
            (1..group.len()).fold(0, |best, at| if better(group[at].y, group[best].y) { at } else { best })
        };
        let (top, bottom) = (extreme(|a, b| a < b), extreme(|a, b| a > b));
        let mut kept = vec![0, top.min(bottom), top.max(bottom), group.len() - 1];
        kept.dedup();
        thin.extend(kept.into_iter().map(|at| group[at]));
    }
    thin
}

/// A path with one point in each column of `width` points on the screen, the mean of those there.
pub fn averaged(path: &[Pos2], width: f32) -> Vec<Pos2> {
    let column = |position: &Pos2| (position.x / width).floor();
    let mean = |group: &[Pos2]| {
        let sum = group.iter().fold(vec2(0.0, 0.0), |sum, position| sum + position.to_vec2());
        (sum / group.len() as f32).to_pos2()
    };
    path.chunk_by(|a, b| column(a) == column(b)).map(mean).collect()
}

/// Like [`thinned`], of a band, given as its upper and its lower edge: in each column the outermost of both.
pub fn thinned_band(edges: &[(Pos2, Pos2)], width: f32) -> Vec<(Pos2, Pos2)> {
    let column = |edge: &(Pos2, Pos2)| (edge.0.x / width).floor();
    let outermost = |group: &[(Pos2, Pos2)]| {
        let first = group[0];
        let (top, bottom) =
            group.iter().fold((first.0.y, first.1.y), |(top, bottom), (a, b)| (top.min(a.y), bottom.max(b.y)));
        (pos2(first.0.x, top), pos2(first.0.x, bottom))
    };
    edges.chunk_by(|a, b| column(a) == column(b)).map(outermost).collect()
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

    fn smooth(stretch: &[Point]) -> Vec<f64> {
        stretch.iter().map(|point| point.smooth).collect()
    }

    #[test]
    fn smoothing_is_exponential_and_unbiased() {
        // By hand with w = 1/2: s = 4, 4, 5, 3 -> sums 2, 3, 4, 3.5 over 1/2, 3/4, 7/8, 15/16.
        let found = stretches(&history(&[4.0, 4.0, 5.0, 3.0]), 0.5, loss);
        assert_eq!(found.len(), 1);
        let expected = [4.0, 4.0, 32.0 / 7.0, 56.0 / 15.0];
        for (value, expected) in smooth(&found[0]).into_iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{value} {expected}");
        }
        let raw = stretches(&history(&[4.0, 1.0]), 0.0, loss);
        assert_eq!(smooth(&raw[0]), [4.0, 1.0], "without smoothing the line is the raw one");
    }

    #[test]
    fn a_gap_breaks_the_line_but_not_the_smoothing() {
        let found = stretches(&history(&[1.0, f32::NAN, 3.0]), 0.5, loss);
        assert_eq!(found.len(), 2);
        assert_eq!(found[1][0].x, 3.0);
        // (1/2·1/2·1 + 1/2·3) / (3/4)
        assert!((found[1][0].smooth - 7.0 / 3.0).abs() < 1e-12);
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
    fn no_history_is_no_line() {
        assert!(stretches(&[], 0.5, loss).is_empty());
        assert!(stretches(&history(&[f32::NAN]), 0.5, loss).is_empty());
    }

    #[test]
    fn what_is_out_of_sight_is_left_out_but_for_its_neighbours() {
        let stretch = &stretches(&history(&[0.0; 10]), 0.0, loss)[0];
        let ends = |range| {
            let part = visible(stretch, range);
            (part.first().map(|p| p.x), part.last().map(|p| p.x))
        };
        assert_eq!(ends((4.0, 6.0)), (Some(3.0), Some(7.0)));
        assert_eq!(ends((0.5, 10.5)), (Some(1.0), Some(10.0)));
        assert_eq!(ends((4.2, 4.8)), (Some(4.0), Some(5.0)));
        assert_eq!(ends((20.0, 30.0)), (Some(10.0), Some(10.0)));
        assert_eq!(visible(&[], (0.0, 1.0)), &[]);
    }

    #[test]
    fn a_thin_path_keeps_ends_and_extremes_of_each_column() {
        let path: Vec<Pos2> =
            [5.0, 9.0, 1.0, 4.0, 6.0, 2.0].iter().enumerate().map(|(i, &y)| pos2(0.1 * i as f32, y)).collect();
        let thin = thinned(&path, 1.0);
        assert_eq!(thin.iter().map(|p| p.y).collect::<Vec<_>>(), [5.0, 9.0, 1.0, 2.0]);
        let spread: Vec<Pos2> = (0..10).map(|i| pos2(i as f32, 0.0)).collect();
        assert_eq!(thinned(&spread, 1.0), spread, "nothing is lost where there is room");
        assert!(thinned(&[], 1.0).is_empty());
    }

    #[test]
    fn an_averaged_path_goes_through_the_means() {
        let path = [pos2(0.0, 1.0), pos2(1.0, 3.0), pos2(2.0, 7.0)];
        assert_eq!(averaged(&path, 2.0), [pos2(0.5, 2.0), pos2(2.0, 7.0)]);
        assert!(averaged(&[], 2.0).is_empty());
    }

    #[test]
    fn a_thin_band_covers_all_that_was_in_it() {
        let edges =
            [(pos2(0.0, 3.0), pos2(0.0, 5.0)), (pos2(0.5, 1.0), pos2(0.5, 4.0)), (pos2(1.5, 2.0), pos2(1.5, 9.0))];
        let thin = thinned_band(&edges, 1.0);
        assert_eq!(thin, [(pos2(0.0, 1.0), pos2(0.0, 5.0)), (pos2(1.5, 2.0), pos2(1.5, 9.0))]);
    }
}
