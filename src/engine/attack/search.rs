//! This looks for the smallest ε that works on one picture, one trial at a time.

use std::sync::Arc;

/// This goes up a ladder of ε until a rung works, then by halves between it and the rung below. What works need not do
/// so from there on, hence the ladder; an interval that lies between two rungs is not seen.
#[derive(Clone, Debug)]
pub struct EpsSearch {
    rungs: Arc<[f32]>,
    tried: usize,
    low: f32,
    high: Option<f32>,
    halvings: usize,
}

impl EpsSearch {
    /// Tries 0, then at least two `rungs` from `least` (above 0) to `largest` in equal ratios, then halves.
    pub fn in_ratios(least: f32, largest: f32, rungs: usize, halvings: usize) -> Self {
        let last = rungs.saturating_sub(1).max(1) as f32;
        Self::new((0..rungs).map(|i| least * (largest / least).powf(i as f32 / last)), halvings)
    }

    /// Tries 0, then `rungs` values up to `largest` at equal distances, then halves.
    pub fn in_parts(largest: f32, rungs: usize, halvings: usize) -> Self {
        Self::new((1..=rungs).map(|i| largest * (i as f32 / rungs as f32)), halvings)
    }

    fn new(rungs: impl Iterator<Item = f32>, halvings: usize) -> Self {
        let rungs = std::iter::once(0.0).chain(rungs).collect();
        Self { rungs, tried: 0, low: 0.0, high: None, halvings }
    }

    /// Returns the ε to try now; none at the end.
    pub fn trial(&self) -> Option<f32> {
        let Some(high) = self.high else { return self.rungs.get(self.tried).copied() };
        let middle = 0.5 * (self.low + high);
        (self.halvings > 0 && self.low < middle && middle < high).then_some(middle)
    }

    pub fn learn(&mut self, works: bool) {
        let Some(eps) = self.trial() else { return };
        match self.high {
            None => self.tried += 1,
            Some(_) => self.halvings -= 1,
        }
        if works {
            self.high = Some(eps);
        } else {
            self.low = eps;
        }
    }

    pub fn found(&self) -> Option<f32> {
        self.high
    }

    /// Returns how far the search is at least, from 0 to 1.
    pub fn share_done(&self) -> f32 {
        if self.trial().is_none() {
            return 1.0;
        }
        let done = if self.high.is_none() { self.tried } else { self.rungs.len() };
        done as f32 / (self.rungs.len() + self.halvings) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(works: impl Fn(f32) -> bool) -> (Option<f32>, usize) {
        let mut search = EpsSearch::in_ratios(1e-4, 0.5, 40, 12);
        let (mut trials, mut share) = (0, 0.0);
        while let Some(eps) = search.trial() {
            assert!(search.share_done() >= share && search.share_done() < 1.0);
            share = search.share_done();
            search.learn(works(eps));
            trials += 1;
        }
        assert_eq!(search.share_done(), 1.0);
        (search.found(), trials)
    }

    #[test]
    fn a_threshold_is_found_to_a_few_parts_in_a_hundred_thousand() {
        for least in [2e-4, 0.0123, 0.25, 0.499] {
            let found = search(|eps| eps >= least).0.unwrap();
            assert!(found >= least && found < least * 1.0001, "{found} for {least}");
        }
    }

    #[test]
    fn the_lowest_interval_is_found() {
        let found = search(|eps| (0.02..0.05).contains(&eps) || eps > 0.3).0.unwrap();
        assert!((0.02..0.02001).contains(&found), "{found}");
    }

    #[test]
    fn nothing_and_everything_end_at_once() {
        assert_eq!(search(|_| false), (None, 41));
        assert_eq!(search(|_| true), (Some(0.0), 1));
    }
}
