//! Attacks that minimise a length and a margin together look for the smallest weight of the margin that fools.

/// This is the search for the weight `c` of one picture: it grows tenfold until it fools, and is bisected then. Carlini,
/// Wagner 2017 (arXiv 1608.04644), section V.B.
#[derive(Clone, Copy)]
pub(super) struct WeightSearch {
    /// The weight that is being tried.
    pub now: f32,
    low: f32,
    high: f32,
    /// The present weight has fooled the net.
    pub fooled: bool,
}

impl WeightSearch {
    pub fn from(first: f32) -> Self {
        Self { now: first, low: 0.0, high: f32::INFINITY, fooled: false }
    }

    /// Goes on to the next weight.
    pub fn next(&mut self) {
        if self.fooled {
            self.high = self.now;
        } else {
            self.low = self.now;
        }
        self.now = if self.high.is_finite() { (self.low + self.high) / 2.0 } else { self.now * 10.0 };
        self.fooled = false;
    }
}
