//! At the very first start ε rises by itself, unless somebody takes hold.

use std::time::{Duration, Instant};

use crate::app::pages::explore::state::Lengths;

/// The untouched picture stands for the first of these times, and ε then rises for the second.
const STANDS: Duration = Duration::from_millis(1200);
const TAKES: Duration = Duration::from_millis(2200);

#[derive(Debug, Default)]
pub struct Opening {
    began: Option<Instant>,
}

impl Opening {
    /// Returns ε now, and whether it goes on rising. The first call begins it.
    pub fn eps(&mut self, now: Instant) -> (f32, bool) {
        let began = *self.began.get_or_insert(now);
        let risen = now.saturating_duration_since(began).saturating_sub(STANDS);
        let share = (risen.as_secs_f32() / TAKES.as_secs_f32()).min(1.0);
        // Slow at both ends.
        let eased = share * share * (3.0 - 2.0 * share);
        (eased * Lengths::usual(3).linf, share < 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_the_untouched_picture_and_ends_at_two_grey_levels() {
        let (mut opening, start) = (Opening::default(), Instant::now());
        assert_eq!(opening.eps(start), (0.0, true));
        assert_eq!(opening.eps(start + STANDS), (0.0, true));
        let (half, goes_on) = opening.eps(start + STANDS + TAKES / 2);
        assert!((half * 255.0 - 1.0).abs() < 1e-3 && goes_on, "{half}");
        assert_eq!(opening.eps(start + STANDS + TAKES), (2.0 / 255.0, false));
    }
}
