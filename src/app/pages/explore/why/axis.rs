//! Where ε and the values lie in the plot.

use eframe::egui::Ui;
use egui_plot::GridMark;

use crate::app::format::per_cent;
use crate::app::plots::axes;
use crate::worker::Along;

/// The left end of a logarithmic axis: an eighth of a grey level.
const FLOOR: f64 = 0.0005;
/// Beyond the lines, so that they stay clear of the frame.
const MARGIN: f64 = 0.04;

/// The horizontal axis.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    pub is_log: bool,
    /// The largest |ε|.
    pub reach: f32,
}

impl Axis {
    /// Where ε lies; `None` where the axis does not reach.
    pub fn place(self, eps: f32) -> Option<f64> {
        let eps = f64::from(eps);
        match self.is_log {
            false => Some(eps),
            true => (eps >= FLOOR).then(|| eps.log10()),
        }
    }

    /// Whether ε is in sight.
    pub fn shows(self, eps: f32) -> bool {
        eps.abs() <= self.reach && self.place(eps).is_some()
    }

    /// The ε at a place, within what the axis shows.
    pub fn eps(self, place: f64) -> f32 {
        let eps = if self.is_log { 10f64.powf(place) } else { place };
        (eps as f32).clamp(-self.reach, self.reach)
    }

    pub fn ends(self) -> (f64, f64) {
        let max = f64::from(self.reach);
        if self.is_log { (FLOOR.log10(), max.log10()) } else { (-max, max) }
    }

    /// Round values at least `apart` from each other.
    pub fn ticks(self, apart: f64) -> Vec<GridMark> {
        let (low, high) = self.ends();
        let places = match self.is_log {
            false => axes::linear(low, high, apart),
            true => {
                let scale = axes::Scale::Logarithmic { floor: FLOOR };
                scale.ticks((low, high), apart).into_iter().map(|(place, _)| place).collect()
            }
        };
        marks(places)
    }

    pub fn spelled(self, place: f64) -> String {
        let eps = if self.is_log { 10f64.powf(place) } else { place };
        plain((eps * 1e7).round() / 1e7)
    }
}

/// The vertical axis: of logits, or of probabilities.
#[derive(Clone, Copy, Debug)]
pub struct Values {
    pub are_logits: bool,
    pub low: f64,
    pub high: f64,
}

impl Values {
    pub fn of(along: &Along, axis: Axis, are_logits: bool) -> Self {
        let all = along.lines.iter().flat_map(|line| along.eps.iter().zip(&line.logits));
        let in_sight = all.filter(|(eps, z)| are_logits && axis.shows(**eps) && z.is_finite());
        let (low, high) = in_sight.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, z)| {
            (low.min(f64::from(*z)), high.max(f64::from(*z)))
        });
        let (low, high) = if low < high { (low, high) } else { (0.0, 1.0) };
        let margin = MARGIN * (high - low);
        Self { are_logits, low: low - margin, high: high + margin }
    }

    /// Round values at least `apart` from each other. Of logits none is nearer than `clear` to the lower end, where its text
    /// would run into the first one of the other axis.
    pub fn ticks(self, apart: f64, clear: f64) -> Vec<GridMark> {
        let lowest = if self.are_logits { self.low + clear } else { self.low };
        marks(axes::linear(lowest, self.high, apart))
    }

    pub fn tick(self, value: f64) -> String {
        if self.are_logits { plain(value) } else { axes::per_cent_tick(value) }
    }

    pub fn spelled(self, value: f32) -> String {
        if self.are_logits { format!("{value:.2}").replace('-', "−") } else { per_cent(value) }
    }
}

/// With a true minus sign.
fn plain(value: f64) -> String {
    axes::plain(if value == 0.0 { 0.0 } else { value }).replace('-', "−")
}

fn marks(places: Vec<f64>) -> Vec<GridMark> {
    let step_size = places.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    places.into_iter().map(|value| GridMark { value, step_size }).collect()
}

/// The values of a class at ε, on the straight pieces that are drawn; `None` outside of the curve.
pub fn value_at(eps: &[f32], values: &[f32], at: f32) -> Option<f32> {
    let above = eps.partition_point(|eps| *eps < at);
    let (high, value) = (*eps.get(above)?, *values.get(above)?);
    if high == at || above == 0 {
        return (high == at).then_some(value);
    }
    let share = (at - eps[above - 1]) / (high - eps[above - 1]);
    Some(values[above - 1] + share * (value - values[above - 1]))
}

/// Whether there is room to write names out.
pub fn is_wide(ui: &Ui) -> bool {
    ui.available_width() >= 900.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_values_are_inverse() {
        for is_log in [false, true] {
            let axis = Axis { is_log, reach: 0.5 };
            for eps in [0.001, 0.1, 0.5] {
                assert!((axis.eps(axis.place(eps).unwrap()) - eps).abs() < 1e-6);
            }
            let (low, high) = axis.ends();
            assert!(axis.ticks(0.2).iter().all(|tick| (low..=high + 1e-9).contains(&tick.value)));
        }
        let [linear, log] = [false, true].map(|is_log| Axis { is_log, reach: 1.0 });
        assert_eq!(log.place(-0.1), None);
        assert_eq!(linear.place(-0.1).map(|place| place as f32), Some(-0.1));
        assert_eq!(linear.spelled(-0.2), "−0.2");
        assert_eq!(log.spelled(-2.0), "0.01");
        assert_eq!((linear.eps(0.8), linear.eps(3.0), linear.ends()), (0.8, 1.0, (-1.0, 1.0)));
    }

    #[test]
    fn the_lowest_tick_of_logits_is_clear_of_the_other_axis() {
        let places = |are_logits| {
            let ticks = Values { are_logits, low: -10.5, high: 10.5 }.ticks(5.0, 1.0);
            ticks.iter().map(|tick| tick.value).collect::<Vec<_>>()
        };
        assert_eq!(places(true), [-5.0, 0.0, 5.0, 10.0]);
        assert_eq!(places(false)[0], -10.0);
    }

    #[test]
    fn values_lie_on_straight_pieces() {
        let (eps, values) = ([-1.0, 0.0, 2.0], [1.0, 3.0, 4.0]);
        let at = |eps_at| value_at(&eps, &values, eps_at);
        assert_eq!([at(-1.0), at(-0.5), at(0.0), at(1.0), at(2.0)], [1.0, 2.0, 3.0, 3.5, 4.0].map(Some));
        assert_eq!([at(-1.1), at(2.1)], [None, None]);
    }
}
