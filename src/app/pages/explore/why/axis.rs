//! The axes say where ε and the values lie in the plot.

use crate::app::format::per_cent;
use crate::app::plots::quiet::PlotAxis;
use crate::figure::axes::{AxisScale, Interval, per_cent_tick, plain};
use crate::worker::Along;

/// A logarithmic axis begins at an eighth of a grey level.
const FLOOR: f64 = 0.0005;
/// The vertical axis goes beyond the lines by this share of their range.
const MARGIN: f64 = 0.04;
const AXIS_WIDTH: f32 = 48.0;
/// Ticks of the vertical axis stay clear of the texts of the other one.
const TICK_CLEAR: f32 = 8.0;

#[derive(Clone, Copy, Debug)]
pub struct EpsAxis {
    pub is_log: bool,
    pub reach: f32,
}

impl EpsAxis {
    fn scale(self) -> AxisScale {
        if self.is_log { AxisScale::Logarithmic { floor: FLOOR } } else { AxisScale::Linear }
    }

    fn ends(self) -> Interval {
        let max = f64::from(self.reach);
        if self.is_log { Interval::new(FLOOR.log10(), max.log10()) } else { Interval::new(-max, max) }
    }

    pub fn axis(self) -> PlotAxis {
        PlotAxis { apart: 56.0, ..PlotAxis::new(self.scale(), self.ends()) }
    }

    /// Returns where ε lies; `None` where the axis does not reach.
    pub fn place(self, eps: f32) -> Option<f64> {
        let eps = f64::from(eps);
        (!self.is_log || eps >= FLOOR).then(|| self.scale().place(eps))
    }

    pub fn shows(self, eps: f32) -> bool {
        eps.abs() <= self.reach && self.place(eps).is_some()
    }

    pub fn eps(self, place: f64) -> f32 {
        let eps = if self.is_log { 10f64.powf(place) } else { place };
        (eps as f32).clamp(-self.reach, self.reach)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct ValueAxis {
    pub are_logits: bool,
    ends: Interval,
}

impl ValueAxis {
    pub fn new(along: &Along, axis: EpsAxis, are_logits: bool) -> Self {
        let all = along.lines.iter().flat_map(|line| along.eps.iter().zip(&line.logits));
        let in_sight = all.filter(|(eps, z)| are_logits && axis.shows(**eps) && z.is_finite());
        let around = Interval::around(in_sight.map(|(_, z)| f64::from(*z)));
        let Interval { low, high } = if around.width() > 0.0 { around } else { Interval::new(0.0, 1.0) };
        let margin = MARGIN * (high - low);
        Self { are_logits, ends: Interval::new(low - margin, high + margin) }
    }

    /// Returns the axis of a plot of this height. The lowest tick of logits is clear of the other axis.
    pub fn axis(self, height: f32) -> PlotAxis {
        let text = if self.are_logits { plain } else { per_cent_tick };
        let clear = self.ends.width() * f64::from(TICK_CLEAR / height.max(TICK_CLEAR));
        let ticks_from = self.ends.low + if self.are_logits { clear } else { 0.0 };
        PlotAxis { apart: 24.0, text, room: AXIS_WIDTH, ticks_from, ..PlotAxis::new(AxisScale::Linear, self.ends) }
    }

    pub fn spelled(self, value: f32) -> String {
        if self.are_logits { format!("{value:.2}").replace('-', "−") } else { per_cent(value) }
    }
}

/// Returns the value of a class at ε, on the straight pieces that are drawn; `None` outside of the curve.
pub fn value_at(eps: &[f32], values: &[f32], at: f32) -> Option<f32> {
    let above = eps.partition_point(|eps| *eps < at);
    let (high, value) = (*eps.get(above)?, *values.get(above)?);
    if high == at || above == 0 {
        return (high == at).then_some(value);
    }
    let share = (at - eps[above - 1]) / (high - eps[above - 1]);
    Some(values[above - 1] + share * (value - values[above - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_values_are_inverse() {
        for is_log in [false, true] {
            let axis = EpsAxis { is_log, reach: 0.5 };
            for eps in [0.001, 0.1, 0.5] {
                assert!((axis.eps(axis.place(eps).unwrap()) - eps).abs() < 1e-6);
            }
        }
        let [linear, log] = [false, true].map(|is_log| EpsAxis { is_log, reach: 1.0 });
        assert_eq!((log.place(-0.1), linear.place(-0.1).map(|place| place as f32)), (None, Some(-0.1)));
        assert_eq!((linear.eps(0.8), linear.eps(3.0)), (0.8, 1.0));
    }

    #[test]
    fn the_lowest_tick_of_logits_is_clear_of_the_other_axis() {
        let axis = |are_logits| ValueAxis { are_logits, ends: Interval::new(-10.5, 10.5) }.axis(80.0);
        assert!(axis(true).ticks_from > -10.0 && axis(false).ticks_from < -10.0);
    }

    #[test]
    fn values_lie_on_straight_pieces() {
        let (eps, values) = ([-1.0, 0.0, 2.0], [1.0, 3.0, 4.0]);
        let at = |eps_at| value_at(&eps, &values, eps_at);
        assert_eq!([at(-1.0), at(-0.5), at(0.0), at(1.0), at(2.0)], [1.0, 2.0, 3.0, 3.5, 4.0].map(Some));
        assert_eq!([at(-1.1), at(2.1)], [None, None]);
    }
}
