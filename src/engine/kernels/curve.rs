//! Curves: functions of one number that a net applies to every value, and their slopes.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use super::simd::{Isa, Simd, Vectorised};
use super::strided::{Strided, StridedMut, combine};

/// A function of one number. Slopes at kinks are those of PyTorch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// `min(max(x, low), high)`: ReLU from 0 to ∞, ReLU6 from 0 to 6.
    Clip {
        low: f32,
        high: f32,
    },
    /// `x` above 0, `slope·x` below.
    LeakyRelu {
        slope: f32,
    },
    /// `scale·x` above 0, `scale·alpha·(eˣ − 1)` below: ELU (Clevert et al., 2016) and SELU (Klambauer et al., 2017).
    Elu {
        alpha: f32,
        scale: f32,
    },
    /// `1/(1 + e⁻ˣ)`
    Sigmoid,
    Tanh,
    /// `min(max(slope·x + offset, 0), 1)`
    HardSigmoid {
        slope: f32,
        offset: f32,
    },
    /// `x·min(max(x/6 + 1/2, 0), 1)` (Howard et al., Searching for MobileNetV3, 2019)
    HardSwish,
    /// `x·sigmoid(x)`, also called Swish (Ramachandran et al., 2017)
    Silu,
    /// `x·Φ(x)` (Hendrycks and Gimpel, Gaussian Error Linear Units, 2016)
    Gelu,
    /// GELU's approximation `x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))`
    GeluTanh,
    /// `ln(1 + eˣ)`
    Softplus,
    Exp,
    /// The natural logarithm.
    Log,
    Sqrt,
    /// The error function.
    Erf,
    Abs,
    /// The sine of an angle in radians.
    Sin,
    /// The cosine of an angle in radians.
    Cos,
    /// 1 above 0, 0 elsewhere.
    Step,
    /// `x^exponent`
    Power {
        exponent: f32,
    },
    /// `scale·x + offset`
    Linear {
        scale: f32,
        offset: f32,
    },
}

impl Curve {
    /// Computes `y = f(x)`.
    pub fn forward(self, isa: Isa, x: Strided<'_>, y: StridedMut<'_>) {
        combine(isa, y, [x], false, |y, [x]| {
            // SAFETY: `Isa::run` asks that the processor has the instructions, which an `Isa` says, and that the fields
            // are as the loop needs them: it needs nothing of them.
            unsafe { isa.run(Values { curve: self, x, y }) };
        });
    }

    /// Computes the gradient of x, `dx = dy·f′(x)`, or adds it to what is there.
    pub fn backward(self, isa: Isa, [x, y, dy]: [Strided<'_>; 3], dx: StridedMut<'_>, add: bool) {
        combine(isa, dx, [x, y, dy], add, |dx, [x, y, dy]| {
            // SAFETY: as in `forward`.
            unsafe { isa.run(Slopes { curve: self, x, y, dy, dx }) };
        });
    }
}

/// The values of a curve for a block.
struct Values<'a> {
    curve: Curve,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Vectorised for Values<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { curve, x, y } = self;
        // A macro, since closures would not always be compiled with the caller's instructions.
        macro_rules! each {
            ($x:ident => $value:expr) => {
                y.iter_mut().zip(x).for_each(|(y, &$x)| *y = $value)
            };
        }
        match curve {
            Curve::Clip { low, high } => each!(x => clip(x, low, high)),
            Curve::LeakyRelu { slope } => each!(x => if x < 0.0 { slope * x } else { x }),
            Curve::Elu { alpha, scale } => each!(x => scale * if x < 0.0 { alpha * exp_m1(x) } else { x }),
            Curve::Sigmoid => each!(x => sigmoid(x)),
            Curve::Tanh => each!(x => tanh(x)),
            Curve::HardSigmoid { slope, offset } => each!(x => clip(slope * x + offset, 0.0, 1.0)),
            Curve::HardSwish => each!(x => x * clip(x / 6.0 + 0.5, 0.0, 1.0)),
            Curve::Silu => each!(x => x * sigmoid(x)),
            Curve::Gelu => each!(x => x * normal(x)),
            Curve::GeluTanh => each!(x => 0.5 * x * (1.0 + tanh(SQRT_2_PI * (x + CUBIC * x * x * x)))),
            // ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|)
            Curve::Softplus => y.iter_mut().zip(x).for_each(|(y, &x)| *y = x.max(0.0) + (-x.abs()).exp().ln_1p()),
            Curve::Exp => each!(x => exp(x)),
            Curve::Log => each!(x => x.ln()),
            Curve::Sqrt => each!(x => x.sqrt()),
            Curve::Erf => each!(x => erf(x)),
            Curve::Abs => each!(x => x.abs()),
            Curve::Sin => each!(x => x.sin()),
            Curve::Cos => each!(x => x.cos()),
            Curve::Step => each!(x => if x.is_nan() { x } else if x > 0.0 { 1.0 } else { 0.0 }),
            Curve::Power { exponent: 2.0 } => each!(x => x * x),
            Curve::Power { exponent: -1.0 } => each!(x => 1.0 / x),
            Curve::Power { exponent } => each!(x => x.powf(exponent)),
            Curve::Linear { scale, offset } => each!(x => scale * x + offset),
        }
    }
}

/// The gradient of a curve for a block.
struct Slopes<'a> {
    curve: Curve,
    x: &'a [f32],
    y: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Vectorised for Slopes<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { curve, x, y, dy, dx } = self;
        macro_rules! each {
            ($x:ident, $y:ident => $slope:expr) => {
                dx.iter_mut().zip(dy).zip(x.iter().zip(y)).for_each(|((dx, dy), (&$x, &$y))| {
                    *dx = dy * $slope;
                })
            };
        }
        match curve {
            Curve::Clip { low, high } => each!(x, _y => inside(x, low, high)),
            Curve::LeakyRelu { slope } => each!(x, _y => if x > 0.0 { 1.0 } else { slope }),
            Curve::Elu { alpha, scale } => each!(x, y => if x > 0.0 { scale } else { y + scale * alpha }),
            Curve::Sigmoid => each!(_x, y => y * (1.0 - y)),
            Curve::Tanh => each!(_x, y => 1.0 - y * y),
            Curve::HardSigmoid { slope, offset } => each!(x, _y => slope * inside(slope * x + offset, 0.0, 1.0)),
            Curve::HardSwish => each!(x, _y => {
                let middle = x / 3.0 + 0.5;
                let above = if x < 3.0 { middle } else { 1.0 };
                if x > -3.0 { above } else { 0.0 }
            }),
            Curve::Silu => each!(x, _y => {
                let s = sigmoid(x);
                s * (1.0 + x * (1.0 - s))
            }),
            Curve::Gelu => each!(x, _y => normal(x) + x * SQRT_1_2_PI * exp(-0.5 * x * x)),
            Curve::GeluTanh => each!(x, _y => {
                let t = tanh(SQRT_2_PI * (x + CUBIC * x * x * x));
                0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * SQRT_2_PI * (1.0 + 3.0 * CUBIC * x * x)
            }),
            Curve::Softplus => each!(x, _y => sigmoid(x)),
            Curve::Exp => each!(_x, y => y),
            Curve::Log => each!(x, _y => 1.0 / x),
            Curve::Sqrt => each!(_x, y => 0.5 / y),
            Curve::Erf => each!(x, _y => FRAC_2_SQRT_PI * exp(-x * x)),
            Curve::Sin => each!(x, _y => x.cos()),
            Curve::Cos => each!(x, _y => -x.sin()),
            Curve::Step => each!(_x, _y => 0.0),
            Curve::Abs => each!(x, _y => if x == 0.0 { 0.0 } else { 1.0_f32.copysign(x) }),
            Curve::Power { exponent: 2.0 } => each!(x, _y => 2.0 * x),
            Curve::Power { exponent: -1.0 } => each!(_x, y => -y * y),
            Curve::Power { exponent } => each!(x, _y => exponent * x.powf(exponent - 1.0)),
            Curve::Linear { scale, .. } => each!(_x, _y => scale),
        }
    }
}

/// √(2/π)
const SQRT_2_PI: f32 = FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
/// 1/√(2π)
const SQRT_1_2_PI: f32 = 0.5 * SQRT_2_PI;
const CUBIC: f32 = 0.044_715;

/// Clamps a number; NaN stays NaN.
#[inline(always)]
fn clip(x: f32, low: f32, high: f32) -> f32 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// Returns 1 between two numbers, 0 elsewhere and at both.
#[inline(always)]
fn inside(x: f32, low: f32, high: f32) -> f32 {
    let below = if x < high { 1.0 } else { 0.0 };
    if x > low { below } else { 0.0 }
}

/// Evaluates a polynomial whose coefficients begin with the constant one.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, coefficients: [f32; N]) -> f32 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// Computes eˣ to about one unit in the last place, in a form of which the compiler can do several at a time.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // eˣ = 2ᵏ·eʳ with |r| ≤ ln(2)/2; ln 2 in two parts, so that r is nearly exact (Cody and Waite, 1980).
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding and taking away 1.5·2²³ rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    // Beyond these ends the result is ∞ or 0.
    let x = clip(x, -104.0, 89.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = x - k * LN2_HIGH - k * LN2_LOW;
    let p = polynomial(r, [1.0, 1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0]);
    // 2ᵏ in two factors, since neither 2¹²⁸ nor 2⁻¹⁵⁰ is a normal number.
    let k = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = k >> 1;
    let power = |k: i32| f32::from_bits((k.wrapping_add(127) as u32) << 23);
    p * power(half) * power(k.wrapping_sub(half))
}

/// Computes eˣ − 1 for x ≤ 0, by its Taylor series near 0.
#[inline(always)]
fn exp_m1(x: f32) -> f32 {
    let near = x * polynomial(x, [1.0, 0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0]);
    let far = exp(x) - 1.0;
    if x > -0.35 { near } else { far }
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Computes tanh: by a polynomial (Chebyshev's nodes, relative error 5e-9) near 0, by the exponential function beyond.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    let s = x * x;
    let near = x * polynomial(s, [1.0, -0.333_332_5, 0.133_309_17, -0.053_704_277, 0.020_536_972, -0.005_599_785]);
    let far = (1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0)).copysign(x);
    if s < 0.4 { near } else { far }
}

/// Computes the error function by a rational function (least squares with Lawson's weights, relative error 2e-8) up to
/// 3.924, from where on f32 knows nothing but ±1.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let x = clip(x, -3.924, 3.924);
    let s = x * x;
    let above = [FRAC_2_SQRT_PI, 0.190_093_5, 0.052_702_613, 0.003_751_177_3, 0.000_284_376_5, 0.000_002_049_883];
    let below = [1.0, 0.501_798_8, 0.113_975_52, 0.014_940_1, 0.001_158_719_2, 0.000_038_063_7];
    clip(x * polynomial(s, above) / polynomial(s, below), -1.0, 1.0)
}

/// Computes the normal distribution function Φ.
#[inline(always)]
fn normal(x: f32) -> f32 {
    0.5 + 0.5 * erf(x * std::f32::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strided::View;

    const CURVES: [Curve; 25] = [
        Curve::Clip { low: 0.0, high: f32::INFINITY },
        Curve::Clip { low: 0.0, high: 6.0 },
        Curve::Clip { low: -1.0, high: 0.5 },
        Curve::LeakyRelu { slope: 0.1 },
        Curve::Elu { alpha: 1.0, scale: 1.0 },
        Curve::Elu { alpha: 1.673_263_2, scale: 1.050_701 },
        Curve::Sigmoid,
        Curve::Tanh,
        Curve::HardSigmoid { slope: 1.0 / 6.0, offset: 0.5 },
        Curve::HardSwish,
        Curve::Silu,
        Curve::Gelu,
        Curve::GeluTanh,
        Curve::Softplus,
        Curve::Exp,
        Curve::Erf,
        Curve::Sin,
        Curve::Cos,
        Curve::Abs,
        Curve::Step,
        Curve::Power { exponent: 2.0 },
        Curve::Power { exponent: -1.0 },
        Curve::Power { exponent: 0.5 },
        Curve::Sqrt,
        Curve::Log,
    ];

    /// Returns values and slopes of a curve.
    fn of(curve: Curve, x: &[f32]) -> [Vec<f32>; 2] {
        let view = View::dense(&[x.len()]);
        let (mut y, mut dx, ones) = (vec![0.0; x.len()], vec![0.0; x.len()], vec![1.0; x.len()]);
        let at = |data| Strided { data, view: &view };
        curve.forward(Isa::current(), at(x), StridedMut { data: &mut y, view: &view });
        let to = StridedMut { data: &mut dx, view: &view };
        curve.backward(Isa::current(), [at(x), at(&y), at(&ones)], to, false);
        [y, dx]
    }

    #[test]
    fn slopes_are_central_differences() {
        for curve in CURVES {
            let is_of_positive = matches!(curve, Curve::Sqrt | Curve::Log | Curve::Power { .. });
            // No kink lies on one of these, nor within a step of one.
            let x: Vec<f32> = (0..997)
                .map(|i| i as f32 * 0.013 - 6.4871)
                .map(|x| if is_of_positive { x.abs() + 0.1 } else { x })
                .collect();
            let step = 1.0 / 256.0;
            let [_, slopes] = of(curve, &x);
            let moved = |by: f32| of(curve, &x.iter().map(|x| x + by).collect::<Vec<_>>())[0].clone();
            let (above, below) = (moved(step), moved(-step));
            for (i, slope) in slopes.iter().enumerate() {
                let kinks: &[f32] = match curve {
                    Curve::Clip { low, high } => &[low, high],
                    Curve::HardSigmoid { .. } | Curve::HardSwish => &[-3.0, 3.0],
                    Curve::LeakyRelu { .. } | Curve::Elu { .. } | Curve::Abs | Curve::Step => &[0.0],
                    _ => &[],
                };
                if kinks.iter().any(|kink| (x[i] - kink).abs() <= 2.0 * step) {
                    continue;
                }
                let difference = (f64::from(above[i]) - f64::from(below[i])) / (2.0 * f64::from(step));
                let error = (f64::from(*slope) - difference).abs();
                assert!(error < 2e-3 * (1.0 + difference.abs()), "{curve:?} at {}: {slope}, {difference}", x[i]);
            }
        }
    }

    /// ```python
    /// x = torch.tensor([-20, -3, -1, -1e-4, 0, 0.3, 1, 3, 20.], dtype=torch.float64).requires_grad_()
    /// for f in (torch.relu, F.relu6, F.leaky_relu, F.elu, F.selu, torch.sigmoid, torch.tanh, F.hardsigmoid,
    ///           F.hardswish, F.silu, F.gelu, lambda x: F.gelu(x, approximate="tanh"), F.softplus, torch.erf):
    ///     y = f(x)
    ///     print(y.tolist(), torch.autograd.grad(y.sum(), x)[0].tolist())
    /// ```
    #[test]
    #[expect(
        clippy::approx_constant,
        clippy::excessive_precision,
        reason = "the digits are those that PyTorch printed"
    )]
    fn values_and_slopes_are_those_of_pytorch() {
        let x = [-20.0, -3.0, -1.0, -1e-4, 0.0, 0.3, 1.0, 3.0, 20.0];
        let printed: [(Curve, [f32; 9], [f32; 9]); 14] = [
            (
                Curve::Clip { low: 0.0, high: f32::INFINITY },
                [0.0, 0.0, 0.0, 0.0, 0.0, 0.3, 1.0, 3.0, 20.0],
                [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0],
            ),
            (
                Curve::Clip { low: 0.0, high: 6.0 },
                [0.0, 0.0, 0.0, 0.0, 0.0, 0.3, 1.0, 3.0, 6.0],
                [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0],
            ),
            (
                Curve::LeakyRelu { slope: 0.01 },
                [-0.2, -0.03, -0.01, -1e-06, 0.0, 0.3, 1.0, 3.0, 20.0],
                [0.01, 0.01, 0.01, 0.01, 0.01, 1.0, 1.0, 1.0, 1.0],
            ),
            (
                Curve::Elu { alpha: 1.0, scale: 1.0 },
                [-1.0, -0.9502129, -0.6321206, -9.9995e-05, 0.0, 0.3, 1.0, 3.0, 20.0],
                [2.061154e-09, 0.04978707, 0.3678794, 0.9999, 1.0, 1.0, 1.0, 1.0, 1.0],
            ),
            (
                Curve::Elu { alpha: 1.673_263_2, scale: 1.050_701 },
                [-1.758099, -1.670569, -1.111331, -0.0001758011, 0.0, 0.3152103, 1.050701, 3.152103, 21.01402],
                [3.623713e-09, 0.08753061, 0.6467686, 1.757924, 1.758099, 1.050701, 1.050701, 1.050701, 1.050701],
            ),
            (
                Curve::Sigmoid,
                [2.061154e-09, 0.04742587, 0.2689414, 0.499975, 0.5, 0.5744425, 0.7310586, 0.9525741, 1.0],
                [2.061154e-09, 0.04517666, 0.1966119, 0.25, 0.25, 0.2444583, 0.1966119, 0.04517666, 2.061154e-09],
            ),
            (
                Curve::Tanh,
                [-1.0, -0.9950548, -0.7615942, -0.0001, 0.0, 0.2913126, 0.7615942, 0.9950548, 1.0],
                [0.0, 0.009866037, 0.4199743, 1.0, 1.0, 0.915137, 0.4199743, 0.009866037, 0.0],
            ),
            (
                Curve::HardSigmoid { slope: 1.0 / 6.0, offset: 0.5 },
                [0.0, 0.0, 0.3333333, 0.4999833, 0.5, 0.55, 0.6666667, 1.0, 1.0],
                [0.0, 0.0, 0.1666667, 0.1666667, 0.1666667, 0.1666667, 0.1666667, 0.0, 0.0],
            ),
            (
                Curve::HardSwish,
                [0.0, 0.0, -0.3333333, -4.999833e-05, 0.0, 0.165, 0.6666667, 3.0, 20.0],
                [0.0, 0.0, 0.1666667, 0.4999667, 0.5, 0.6, 0.8333333, 1.0, 1.0],
            ),
            (
                Curve::Silu,
                [-4.122307e-08, -0.1422776, -0.2689414, -4.99975e-05, 0.0, 0.1723328, 0.7310586, 2.857722, 20.0],
                [-3.916192e-08, -0.08810411, 0.07232949, 0.49995, 0.5, 0.64778, 0.9276705, 1.088104, 1.0],
            ),
            (
                Curve::Gelu,
                [0.0, -0.004049694, -0.1586553, -4.999601e-05, 0.0, 0.1853734, 0.8413447, 2.99595, 20.0],
                [-1.10419e-86, -0.01194565, -0.08331547, 0.4999202, 0.5, 0.7323278, 1.083315, 1.011946, 1.0],
            ),
            (
                Curve::GeluTanh,
                [0.0, -0.003637392, -0.158808, -4.999601e-05, 0.0, 0.1853709, 0.841192, 2.996363, 20.0],
                [0.0, -0.01158417, -0.08296408, 0.4999202, 0.5, 0.7322955, 1.082964, 1.011584, 1.0],
            ),
            (
                Curve::Softplus,
                [2.061154e-09, 0.04858735, 0.3132617, 0.6930972, 0.6931472, 0.8543552, 1.313262, 3.048587, 20.0],
                [2.061154e-09, 0.04742587, 0.2689414, 0.499975, 0.5, 0.5744425, 0.7310586, 0.9525741, 1.0],
            ),
            (
                Curve::Erf,
                [-1.0, -0.9999779, -0.8427008, -0.0001128379, 0.0, 0.3286268, 0.8427008, 0.9999779, 1.0],
                [
                    2.161037e-174,
                    0.0001392531,
                    0.4151075,
                    1.128379,
                    1.128379,
                    1.031261,
                    0.4151075,
                    0.0001392531,
                    2.161037e-174,
                ],
            ),
        ];
        for (curve, values, slopes) in printed {
            for (ours, theirs) in of(curve, &x).iter().zip([values, slopes]) {
                for ((x, ours), theirs) in x.iter().zip(ours).zip(theirs) {
                    let error = (ours - theirs).abs();
                    assert!(error <= 4e-7 * theirs.abs() + 5e-7, "{curve:?} of {x}: {ours}, PyTorch {theirs}");
                }
            }
        }
    }

    #[test]
    fn ends_and_nan_are_kept() {
        for curve in CURVES {
            let [y, _] = of(curve, &[f32::NAN]);
            assert!(y[0].is_nan(), "{curve:?} hides NaN");
        }
        assert_eq!(of(Curve::Exp, &[200.0, -200.0, 0.0])[0], [f32::INFINITY, 0.0, 1.0]);
        assert_eq!(of(Curve::Sigmoid, &[-200.0, 200.0])[0], [0.0, 1.0]);
        assert_eq!(of(Curve::Tanh, &[-200.0, 200.0])[0], [-1.0, 1.0]);
    }
}
