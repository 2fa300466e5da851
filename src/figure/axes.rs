//! Scales of axes and their ticks.

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    pub fn new(low: f64, high: f64) -> Self {
        Self { low, high }
    }

    pub fn width(self) -> f64 {
        self.high - self.low
    }

    pub fn contains(self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Returns the smallest interval with all of these values in it; it is infinite and empty where there are none.
    pub fn around(values: impl Iterator<Item = f64>) -> Self {
        let nothing = Self::new(f64::INFINITY, f64::NEG_INFINITY);
        values.fold(nothing, |all, value| Self::new(all.low.min(value), all.high.max(value)))
    }
}

/// A scale says where values lie on an axis. The plot library only knows linear axes, so it is given places.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AxisScale {
    Linear,
    /// Equal ratios take equal room. Values below `floor`, zero above all, are drawn at it.
    Logarithmic {
        floor: f64,
    },
}

impl AxisScale {
    /// Returns where a value lies, in units of the plot.
    pub fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic { floor } => value.max(floor).log10(),
        }
    }

    /// Returns the value that lies at a place, without what powers and logarithms leave behind.
    pub fn value(self, place: f64) -> f64 {
        let value = if self == Self::Linear { place } else { 10f64.powf(place) };
        if value == 0.0 || !value.is_finite() {
            return 0.0;
        }
        let unit = 10f64.powf(value.abs().log10().floor() - 6.0);
        (value / unit).round() * unit
    }

    /// Returns the ends, as places, of an axis that has all of `values` on it, none of which is above `ceiling`.
    pub fn ends(self, values: Interval, ceiling: f64) -> Interval {
        match self {
            // The lines at both ends stay clear of the frame.
            Self::Linear => {
                let top = (values.high * 1.08).clamp(1e-6, ceiling * 1.02);
                Interval::new(-0.04 * top, top)
            }
            Self::Logarithmic { floor } => {
                let low = values.low.max(floor);
                let high = values.high.clamp(2.0 * low, ceiling.max(2.0 * low));
                Interval::new((low / 1.2).log10(), (high * 1.2).log10())
            }
        }
    }

    /// Returns the places between two places that have round values and are at least `apart` from each other.
    pub fn ticks(self, within: Interval, apart: f64) -> Vec<f64> {
        if self == Self::Linear {
            return linear(within, apart);
        }
        let places = logarithmic(within, apart).into_iter().map(f64::log10);
        places.filter(|place| within.contains(*place)).collect()
    }
}

/// Returns multiples of 1, 2 or 5 times a power of ten that are at least `apart` from each other.
pub fn linear(within: Interval, apart: f64) -> Vec<f64> {
    if !(within.width() > 0.0 && apart > 0.0) {
        return Vec::new();
    }
    let power = 10f64.powf(apart.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= apart * 0.999_999);
    let step = step.unwrap_or(10.0 * power);
    let (first, last) = ((within.low / step).ceil() as i64, (within.high / step + 1e-9).floor() as i64);
    (first..=last).map(|count| count as f64 * step).collect()
}

/// Returns round values between two places (logarithms) that are at least `apart`: the finest of all digits, 1–2–5,
/// 1–3 and powers of ten, or over less than a decade evenly spaced ones.
fn logarithmic(within: Interval, apart: f64) -> Vec<f64> {
    let sets: [&[f64]; 4] = [&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
    let decades = within.low.floor() as i32..=within.high.floor() as i32;
    let values = |digits: &[f64]| -> Vec<f64> {
        let all = decades.clone().flat_map(|decade| digits.iter().map(move |digit| digit * 10f64.powi(decade)));
        all.filter(|value| within.contains(value.log10())).collect()
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
    let end = 10f64.powf(within.high);
    let even = linear(Interval::new(10f64.powf(within.low), end), end * (1.0 - 10f64.powf(-apart)));
    if even.len() > found.len() { even } else { found }
}

/// Writes a tick in per cent: "0.05 %", "20 %".
pub fn per_cent_tick(share: f64) -> String {
    format!("{} %", plain(share * 100.0))
}

/// Writes a tick with a true minus sign: "0.05", "−2", "1e−5".
pub fn plain(value: f64) -> String {
    let text = if value != 0.0 && !(1e-4..1e5).contains(&value.abs()) {
        format!("{value:.0e}")
    } else {
        // Rounding errors are hidden by nine decimals, and the sign of zero by the sum.
        let text = format!("{:.9}", value + 0.0);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: AxisScale = AxisScale::Logarithmic { floor: 0.0005 };

    #[test]
    fn linear_ticks_are_round() {
        let cases: [(Interval, f64, &[f64]); 4] = [
            (Interval::new(0.0, 1.0), 0.18, &[0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]),
            (Interval::new(0.0, 1.0), 0.5, &[0.0, 0.5, 1.0]),
            (Interval::new(0.0, 0.05), 0.02, &[0.0, 0.02, 0.04]),
            (Interval::new(3.0, 3.0), 1.0, &[]),
        ];
        for (within, apart, expected) in cases {
            assert_eq!(linear(within, apart), expected, "{within:?}");
        }
    }

    #[test]
    fn logarithmic_ticks_take_the_finest_set_that_fits() {
        let cases: [(f64, f64, f64, &[&str]); 4] = [
            (0.001, 1.0, 0.9, &["0.1 %", "1 %", "10 %", "100 %"]),
            (0.0095, 1.0, 0.25, &["1 %", "2 %", "5 %", "10 %", "20 %", "50 %", "100 %"]),
            (0.0095, 1.0, 0.4, &["1 %", "3 %", "10 %", "30 %", "100 %"]),
            // Less than a decade gets even ticks.
            (0.011, 0.0181, 0.05, &["1.2 %", "1.4 %", "1.6 %", "1.8 %"]),
        ];
        for (low, high, apart, expected) in cases {
            let ticks = LOG.ticks(Interval::new(low.log10(), high.log10()), apart);
            let texts: Vec<String> = ticks.into_iter().map(|place| per_cent_tick(LOG.value(place))).collect();
            assert_eq!(texts, expected, "{low} to {high}");
        }
        let decades = LOG.ticks(Interval::new(-12.0, 0.0), 2.5);
        assert!(decades.windows(2).all(|pair| pair[1] - pair[0] >= 2.5), "{decades:?}");
    }

    #[test]
    fn axes_hold_all_that_is_on_them_and_no_more_than_there_is() {
        assert_eq!(LOG.place(0.0), 0.0005f64.log10());
        for (scale, low, high, ceiling) in
            [(LOG, 0.0, 0.0, 1.0), (AxisScale::Linear, 0.1, 1.0, 1.0), (AxisScale::Linear, 0.0, 0.0, 1.0)]
        {
            let ends = scale.ends(Interval::new(low, high), ceiling);
            assert!(ends.low.is_finite() && ends.low < ends.high && ends.high < 1.03, "{ends:?}");
            assert!(ends.contains(scale.place(high)), "{ends:?}");
        }
    }

    #[test]
    fn ticks_have_no_noise_in_their_text() {
        let expected = [
            (0.6000000000000001, "0.6"),
            (1e-5, "1e−5"),
            (2.5, "2.5"),
            (-0.0, "0"),
            (-0.2, "−0.2"),
            (LOG.value(-2.0), "0.01"),
        ];
        for (value, text) in expected {
            assert_eq!(plain(value), text);
        }
        assert_eq!(per_cent_tick(0.0005), "0.05 %");
    }
}
