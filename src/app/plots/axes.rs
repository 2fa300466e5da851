//! Scales and ticks.

/// How values lie along the vertical axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    Linear,
    /// Equal ratios take equal room. What lies below `floor`, zero above all, is drawn at it.
    Logarithmic {
        floor: f64,
    },
}

impl Scale {
    /// Where a value lies, in units of the plot.
    pub fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic { floor } => value.max(floor).log10(),
        }
    }

    /// The ends of an axis that has values from `low` to `high` on it, as places.
    /// `ceiling` is the largest value there can be.
    pub fn ends(self, low: f64, high: f64, ceiling: f64) -> (f64, f64) {
        match self {
            // The lines at both ends stay clear of the frame.
            Self::Linear => {
                let top = (high * 1.08).clamp(1e-6, ceiling * 1.02);
                (-0.04 * top, top)
            }
            Self::Logarithmic { floor } => {
                let low = low.max(floor);
                let high = high.clamp(2.0 * low, ceiling.max(2.0 * low));
                ((low / 1.2).log10(), (high * 1.2).log10())
            }
        }
    }

    /// Ticks between two places, as (place, value), at least `apart` from each other.
    pub fn ticks(self, (low, high): (f64, f64), apart: f64) -> Vec<(f64, f64)> {
        let values = match self {
            Self::Linear => linear(low.max(0.0), high, apart),
            Self::Logarithmic { .. } => logarithmic(low, high, apart),
        };
        values
            .into_iter()
            .map(|value| (self.place(value), value))
            .filter(|(place, _)| (low..=high).contains(place))
            .collect()
    }
}

/// Multiples of 1, 2 or 5 times a power of ten from `low` to `high`, at least `apart` from each other.
pub fn linear(low: f64, high: f64, apart: f64) -> Vec<f64> {
    if !(high > low && apart > 0.0) {
        return Vec::new();
    }
    let power = 10f64.powf(apart.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= apart * 0.999_999);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((low / step).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last).map(|count| count as f64 * step).collect()
}

/// Whole numbers from 1 on.
pub fn epochs(low: f64, high: f64, apart: f64) -> Vec<f64> {
    linear(low.max(1.0), high, apart.max(1.0)).into_iter().filter(|epoch| *epoch >= 1.0).collect()
}

/// Round values between `10^low` and `10^high` whose logarithms are at least `apart` from each other: the finest of
/// powers of ten, 1–3, 1–2–5 and all digits; over less than a decade, where those leave the axis bare, evenly spaced ones.
fn logarithmic(low: f64, high: f64, apart: f64) -> Vec<f64> {
    let sets: [&[f64]; 4] = [&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
    let decades = low.floor() as i32..=high.floor() as i32;
    let values = |digits: &[f64]| -> Vec<f64> {
        let all = decades.clone().flat_map(|decade| digits.iter().map(move |digit| digit * 10f64.powi(decade)));
        all.filter(|value| (low..=high).contains(&value.log10())).collect()
    };
    let fits = |values: &[f64]| values.windows(2).all(|pair| (pair[1] / pair[0]).log10() >= apart);
    let found = sets.iter().map(|digits| values(digits)).find(|values| fits(values));
    let found = found.unwrap_or_else(|| {
        // More decades than there is room for: every second power, or every third…
        let every = apart.ceil() as i32;
        decades.clone().filter(|decade| decade % every == 0).map(|decade| 10f64.powi(decade)).collect()
    });
    if found.len() > 1 {
        return found;
    }
    // Near the upper end, where they lie closest, even steps must be `apart` too.
    let end = 10f64.powf(high);
    let even = linear(10f64.powf(low), end, end * (1.0 - 10f64.powf(-apart)));
    if even.len() > found.len() { even } else { found }
}

/// The text of a tick in per cent: "0.05 %", "20 %".
pub fn per_cent_tick(share: f64) -> String {
    format!("{} %", plain(share * 100.0))
}

/// The text of a tick: "0.05", "2", "1e-5".
pub fn plain(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e5).contains(&value.abs()) {
        return format!("{value:.0e}");
    }
    // Ten significant digits hide what multiplication with a power of ten leaves behind.
    let text = format!("{value:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Scale = Scale::Logarithmic { floor: 0.0005 };

    fn texts(low: f64, high: f64, apart: f64) -> Vec<String> {
        let ticks = LOG.ticks((low.log10(), high.log10()), apart);
        ticks.into_iter().map(|(_, value)| per_cent_tick(value)).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(linear(0.0, 1.0, 0.18), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(linear(0.0, 0.05, 0.02).len(), 3);
        assert!(linear(3.0, 3.0, 1.0).is_empty());
        assert_eq!(linear(0.0, 1.0, 0.5), [0.0, 0.5, 1.0], "exactly as much room as asked for");
    }

    #[test]
    fn epochs_are_whole_and_begin_at_one() {
        assert_eq!(epochs(0.5, 5.5, 0.2), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(epochs(0.5, 1000.5, 90.0).first(), Some(&100.0));
        assert_eq!(epochs(0.5, 1.5, 0.1), [1.0]);
    }

    #[test]
    fn logarithmic_ticks_take_the_finest_set_that_fits() {
        assert_eq!(texts(0.001, 1.0, 0.9), ["0.1 %", "1 %", "10 %", "100 %"]);
        assert_eq!(texts(0.0095, 1.0, 0.25), ["1 %", "2 %", "5 %", "10 %", "20 %", "50 %", "100 %"]);
        assert_eq!(texts(0.0095, 1.0, 0.4), ["1 %", "3 %", "10 %", "30 %", "100 %"]);
        assert_eq!(texts(0.0095, 0.1, 0.04).len(), 10, "all digits of a decade and the next one");
    }

    #[test]
    fn less_than_a_decade_gets_even_ticks() {
        assert_eq!(texts(0.011, 0.0181, 0.05), ["1.2 %", "1.4 %", "1.6 %", "1.8 %"]);
    }

    #[test]
    fn very_many_decades_keep_their_distance() {
        let ticks = Scale::Logarithmic { floor: 1e-12 }.ticks((-12.0, 0.0), 2.5);
        assert_eq!(ticks.iter().map(|(place, _)| place.round()).collect::<Vec<_>>(), [-12.0, -9.0, -6.0, -3.0, 0.0]);
    }

    #[test]
    fn zero_is_never_on_a_logarithmic_axis() {
        assert_eq!(LOG.place(0.0), 0.0005f64.log10());
        let (low, high) = LOG.ends(0.0, 0.0, 1.0);
        assert!(low.is_finite() && high > low);
        assert!(LOG.ticks((low, high), 0.1).iter().all(|(_, value)| *value > 0.0));
    }

    #[test]
    fn linear_ends_hold_zero_and_no_more_than_there_is() {
        let (low, high) = Scale::Linear.ends(0.1, 1.0, 1.0);
        assert!(low < 0.0 && (1.0..1.03).contains(&high));
        let (_, high) = Scale::Linear.ends(0.0, 0.0, 1.0);
        assert!(high > 0.0);
    }

    #[test]
    fn ticks_have_no_noise_in_their_text() {
        assert_eq!(per_cent_tick(0.6000000000000001), "60 %");
        assert_eq!(per_cent_tick(0.0005), "0.05 %");
        assert_eq!(per_cent_tick(0.0), "0 %");
        assert_eq!(plain(1e-5), "1e-5");
        assert_eq!(plain(2.5), "2.5");
    }
}
