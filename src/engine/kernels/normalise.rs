//! Normalisation over axes of each picture: layer, group and instance normalisation are one sum over other axes.

use super::rows::{each_row, sum_of};
use super::simd::{Isa, Simd, Vectorised};
use super::strided::{Axis, Strided, StridedMut, View, combine};

/// A normalisation `(x − mean)/√(var + eps)·γ + β` with the mean and the variance over some axes (Ba et al., Layer
/// Normalization, 2016; Wu and He, Group Normalization, 2018).
#[derive(Clone, Debug)]
pub struct Normalise {
    /// The axes that a mean is taken over.
    pub axes: Vec<usize>,
    pub eps: f32,
}

/// These values scale and shift the normalised ones; both views have the shape of the values.
#[derive(Clone, Copy)]
pub struct Affine<'a> {
    pub gamma: Strided<'a>,
    pub beta: Strided<'a>,
}

/// One mean and one factor for all values that share them.
struct Statistics {
    mean: Vec<f32>,
    /// `1/√(var + eps)`
    scale: Vec<f32>,
    /// The view of both, in the shape of the values.
    view: View,
}

impl Statistics {
    fn mean(&self) -> Strided<'_> {
        Strided { data: &self.mean, view: &self.view }
    }

    fn scale(&self) -> Strided<'_> {
        Strided { data: &self.scale, view: &self.view }
    }
}

impl Normalise {
    /// Returns where the statistics of values of this shape lie, and how many there are.
    fn statistics_view(&self, shape: &[usize]) -> (View, usize) {
        let mut kept = shape.to_vec();
        self.axes.iter().for_each(|&axis| kept[axis] = 1);
        let mut view = View::dense(&kept);
        for &axis in &self.axes {
            view.axes[axis] = Axis { len: shape[axis], stride: 0 };
        }
        (view, kept.iter().product())
    }

    /// Returns the number of values that a mean is taken over.
    fn count(&self, shape: &[usize]) -> f32 {
        self.axes.iter().map(|&axis| shape[axis]).product::<usize>() as f32
    }

    fn statistics(&self, isa: Isa, x: Strided<'_>) -> Statistics {
        let shape = x.view.shape();
        let (view, len) = self.statistics_view(&shape);
        let count = self.count(&shape);
        let (mut mean, mut scale) = (vec![0.0; len], vec![0.0; len]);
        combine(isa, StridedMut { data: &mut mean, view: &view }, [x], true, |sum, [x]| sum.copy_from_slice(x));
        mean.iter_mut().for_each(|mean| *mean /= count);
        let of_mean = Strided { data: &mean, view: &view };
        combine(isa, StridedMut { data: &mut scale, view: &view }, [x, of_mean], true, |sum, [x, mean]| {
            isa.vectorised(|| {
                sum.iter_mut().zip(x.iter().zip(mean)).for_each(|(sum, (x, mean))| {
                    *sum = (x - mean) * (x - mean);
                })
            });
        });
        scale.iter_mut().for_each(|scale| *scale = 1.0 / (*scale / count + self.eps).sqrt());
        Statistics { mean, scale, view }
    }

    /// Returns the axis, where there is one and its values lie next to each other in all views.
    fn row_axis(&self, views: &[&View]) -> Option<usize> {
        let [axis] = self.axes[..] else { return None };
        views.iter().all(|view| view.axes[axis].stride == 1).then_some(axis)
    }

    /// Computes y of x.
    pub fn forward(&self, isa: Isa, x: Strided<'_>, affine: Option<Affine<'_>>, y: StridedMut<'_>) {
        if let Some(Affine { gamma, beta }) = affine
            && let Some(axis) = self.row_axis(&[x.view, y.view, gamma.view, beta.view])
        {
            return each_row(axis, [x, gamma, beta], y, |y, [x, gamma, beta]| {
                // SAFETY: `Isa::run` asks that the processor has the instructions, which an `Isa` says, and what the
                // loop asks of its fields: nothing.
                unsafe { isa.run(Row { x, gamma, beta, y, eps: self.eps }) };
            });
        }
        let statistics = self.statistics(isa, x);
        let (mean, scale) = (statistics.mean(), statistics.scale());
        match affine {
            None => combine(isa, y, [x, mean, scale], false, |y, [x, mean, scale]| {
                isa.vectorised(|| {
                    y.iter_mut().zip(x.iter().zip(mean).zip(scale)).for_each(|(y, ((x, mean), scale))| {
                        *y = (x - mean) * scale;
                    })
                });
            }),
            Some(Affine { gamma, beta }) => combine(isa, y, [x, mean, scale, gamma, beta], false, |y, blocks| {
                let [x, mean, scale, gamma, beta] = blocks;
                let values = x.iter().zip(mean).zip(scale).zip(gamma.iter().zip(beta));
                isa.vectorised(|| {
                    y.iter_mut().zip(values).for_each(|(y, (((x, mean), scale), (gamma, beta)))| {
                        *y = (x - mean) * scale * gamma + beta;
                    })
                });
            }),
        }
    }

    /// Computes the gradient of x, or adds it to what is there: with `g = dy·γ` and the normalised values x̂ it is
    /// `(g − mean g − x̂·mean(g·x̂))/√(var + eps)`.
    pub fn backward(
        &self,
        isa: Isa,
        [x, dy]: [Strided<'_>; 2],
        gamma: Option<Strided<'_>>,
        dx: StridedMut<'_>,
        add: bool,
    ) {
        if let Some(gamma) = gamma
            && let Some(axis) = self.row_axis(&[x.view, dy.view, dx.view, gamma.view])
        {
            return each_row(axis, [x, gamma, dy], dx, |dx, [x, gamma, dy]| {
                // SAFETY: as in `forward`.
                unsafe { isa.run(RowGradient { x, gamma, dy, dx, eps: self.eps, add }) };
            });
        }
        let shape = x.view.shape();
        let statistics = self.statistics(isa, x);
        let (mean, scale, view) = (statistics.mean(), statistics.scale(), &statistics.view);
        let one = View::dense(&[]).broadcast(&shape).unwrap_or_default();
        let gamma = gamma.unwrap_or(Strided { data: &[1.0], view: &one });
        let count = self.count(&shape);
        let len = statistics.mean.len();
        let (mut sums, mut products) = (vec![0.0; len], vec![0.0; len]);
        combine(isa, StridedMut { data: &mut sums, view }, [dy, gamma], true, |sum, [dy, gamma]| {
            isa.vectorised(|| {
                sum.iter_mut().zip(dy.iter().zip(gamma)).for_each(|(sum, (dy, gamma))| *sum = dy * gamma)
            });
        });
        combine(
            isa,
            StridedMut { data: &mut products, view },
            [dy, gamma, x, mean],
            true,
            |sum, [dy, gamma, x, mean]| {
                let values = dy.iter().zip(gamma).zip(x.iter().zip(mean));
                isa.vectorised(|| {
                    sum.iter_mut().zip(values).for_each(|(sum, ((dy, gamma), (x, mean)))| {
                        *sum = dy * gamma * (x - mean);
                    })
                });
            },
        );
        for ((sum, product), scale) in sums.iter_mut().zip(&mut products).zip(&statistics.scale) {
            *sum /= count;
            *product *= scale * scale / count;
        }
        let [sums, products] = [&sums, &products].map(|data| Strided { data, view });
        combine(isa, dx, [dy, gamma, x, mean, scale, sums, products], add, |dx, blocks| {
            let [dy, gamma, x, mean, scale, sum, product] = blocks;
            let values = dy.iter().zip(gamma).zip(x.iter().zip(mean)).zip(scale).zip(sum.iter().zip(product));
            isa.vectorised(|| {
                dx.iter_mut().zip(values).for_each(|(dx, ((((dy, gamma), (x, mean)), scale), (sum, product)))| {
                    *dx = scale * (dy * gamma - sum - (x - mean) * product);
                })
            });
        });
    }

    /// Adds the gradient of γ, `Σ dy·x̂`, to what is there; its view has the shape of the values.
    pub fn gamma_gradient(&self, isa: Isa, x: Strided<'_>, dy: Strided<'_>, dgamma: StridedMut<'_>) {
        let statistics = self.statistics(isa, x);
        combine(isa, dgamma, [dy, x, statistics.mean(), statistics.scale()], true, |sum, [dy, x, mean, scale]| {
            let values = dy.iter().zip(x).zip(mean.iter().zip(scale));
            isa.vectorised(|| {
                sum.iter_mut().zip(values).for_each(|(sum, ((dy, x), (mean, scale)))| {
                    *sum = dy * (x - mean) * scale;
                })
            });
        });
    }
}

/// Returns the mean of a row, and `1/√(var + eps)`.
#[inline(always)]
fn row_statistics(x: &[f32], eps: f32) -> [f32; 2] {
    let count = x.len() as f32;
    let mean = sum_of(x, x, |x, _| x) / count;
    let var = sum_of(x, x, |x, _| (x - mean) * (x - mean)) / count;
    [mean, 1.0 / (var + eps).sqrt()]
}

struct Row<'a> {
    x: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    y: &'a mut [f32],
    eps: f32,
}

impl Vectorised for Row<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let [mean, scale] = row_statistics(self.x, self.eps);
        let values = self.x.iter().zip(self.gamma.iter().zip(self.beta));
        self.y.iter_mut().zip(values).for_each(|(y, (x, (gamma, beta)))| *y = (x - mean) * scale * gamma + beta);
    }
}

struct RowGradient<'a> {
    x: &'a [f32],
    gamma: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
    eps: f32,
    add: bool,
}

impl Vectorised for RowGradient<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { x, gamma, dy, dx, eps, add } = self;
        let [mean, scale] = row_statistics(x, eps);
        let count = x.len() as f32;
        let sum = sum_of(dy, gamma, |dy, gamma| dy * gamma) / count;
        // Partial sums of dy·γ·(x − mean), which the compiler keeps in one vector.
        let mut products = [0.0f32; 16];
        for ((x, gamma), dy) in x.chunks(16).zip(gamma.chunks(16)).zip(dy.chunks(16)) {
            for (product, ((x, gamma), dy)) in products.iter_mut().zip(x.iter().zip(gamma).zip(dy)) {
                *product += dy * gamma * (x - mean);
            }
        }
        let product = products.iter().sum::<f32>() * scale * scale / count;
        for (dx, ((x, gamma), dy)) in dx.iter_mut().zip(x.iter().zip(gamma).zip(dy)) {
            let gradient = scale * (dy * gamma - sum - (x - mean) * product);
            *dx = if add { *dx + gradient } else { gradient };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Normalises a (2, 3, 4) array over some axes, in `f64`.
    fn by_hand(x: &[f32], axes: &[usize], gamma: &[f32; 3]) -> Vec<f64> {
        let group = |i: usize| {
            let index = [i / 12, i / 4 % 3, i % 4];
            (0..3).filter(|axis| !axes.contains(axis)).map(|axis| index[axis]).collect::<Vec<_>>()
        };
        (0..24)
            .map(|i| {
                let members: Vec<f64> = (0..24).filter(|&j| group(j) == group(i)).map(|j| f64::from(x[j])).collect();
                let mean = members.iter().sum::<f64>() / members.len() as f64;
                let var = members.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / members.len() as f64;
                (f64::from(x[i]) - mean) / (var + 1e-3).sqrt() * f64::from(gamma[i / 4 % 3]) + 0.5
            })
            .collect()
    }

    #[test]
    fn values_and_gradients_over_any_axes() {
        let isa = Isa::current();
        let shape = [2, 3, 4];
        let (view, x): (_, Vec<f32>) = (View::dense(&shape), (0..24).map(|i| (i * 11 % 17) as f32 * 0.2).collect());
        let dy: Vec<f32> = (0..24).map(|i| (i * 5 % 7) as f32 * 0.1 - 0.2).collect();
        let gamma = [0.5, -1.0, 2.0];
        let channel = View::dense(&[3, 1]).broadcast(&shape).expect("broadcasts");
        let one = View::dense(&[]).broadcast(&shape).expect("broadcasts");
        for axes in [vec![2], vec![1, 2], vec![0, 2], vec![1]] {
            let normalise = Normalise { axes: axes.clone(), eps: 1e-3 };
            let of = |data| Strided { data, view: &view };
            let affine =
                Affine { gamma: Strided { data: &gamma, view: &channel }, beta: Strided { data: &[0.5], view: &one } };
            let mut y = vec![0.0; 24];
            normalise.forward(isa, of(&x), Some(affine), StridedMut { data: &mut y, view: &view });
            let expected = by_hand(&x, &axes, &gamma);
            assert!(
                y.iter().zip(&expected).all(|(y, e)| (f64::from(*y) - e).abs() < 2e-6),
                "{axes:?} {y:?} {expected:?}"
            );
            let (mut dx, mut dgamma) = (vec![0.0; 24], vec![0.0; 3]);
            normalise.backward(
                isa,
                [of(&x), of(&dy)],
                Some(affine.gamma),
                StridedMut { data: &mut dx, view: &view },
                false,
            );
            normalise.gamma_gradient(isa, of(&x), of(&dy), StridedMut { data: &mut dgamma, view: &channel });
            let loss = |x: &[f32], gamma: &[f32; 3]| {
                by_hand(x, &axes, gamma).iter().zip(&dy).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>()
            };
            for (at, dx) in dx.iter().enumerate() {
                let moved =
                    |by: f32| x.iter().enumerate().map(|(i, x)| if i == at { x + by } else { *x }).collect::<Vec<_>>();
                let difference = (loss(&moved(0.004), &gamma) - loss(&moved(-0.004), &gamma)) / 0.008;
                assert!((f64::from(*dx) - difference).abs() < 1e-3, "{axes:?}, {at}: {} {difference}", dx);
            }
            for (at, dgamma) in dgamma.iter().enumerate() {
                let moved = |by: f32| std::array::from_fn(|i| if i == at { gamma[i] + by } else { gamma[i] });
                let difference = (loss(&x, &moved(0.01)) - loss(&x, &moved(-0.01))) / 0.02;
                assert!((f64::from(*dgamma) - difference).abs() < 1e-4, "{axes:?}, γ{at}: {} {difference}", dgamma);
            }
        }
    }
}
