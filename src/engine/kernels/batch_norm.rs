//! Batch normalisation in training (Ioffe & Szegedy, Batch Normalization, 2015, algorithm 1) with its gradient.

use rayon::prelude::*;

use super::planes::each_row;
use super::simd::Isa;
use super::values::{Fused, Values, ValuesMut};

/// Batch normalisation over the pictures and pixels of a batch, per channel: its scale γ and shift β.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm<'a> {
    /// Added to the variance.
    pub eps: f32,
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
}

/// The places that the gradients of a batch normalisation go to.
pub struct BatchNormGradient<'a> {
    /// The gradient of γ, which is added to what is there.
    pub gamma: &'a mut [f32],
    /// The gradient of β, which is added to what is there.
    pub beta: &'a mut [f32],
    /// The gradient of x; `None` where nobody wants it.
    pub x: Option<ValuesMut<'a>>,
    /// Whether to add to what is there of x rather than to write over it.
    pub add: bool,
}

/// What a training pass saw of each channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    pub mean: Vec<f32>,
    /// `1 / √(variance + eps)` with the biased variance.
    pub inverse_std: Vec<f32>,
    /// The variance with n − 1 in the denominator, for the running one.
    pub unbiased_variance: Vec<f32>,
}

/// The number of parts that the sums over pixels are taken in, whatever the number of threads.
const PARTS: usize = 16;

/// Two sums for each channel.
struct Sums<T> {
    first: Vec<T>,
    second: Vec<T>,
}

impl<T: Clone + Default> Sums<T> {
    fn zeros(channels: usize) -> Self {
        Self { first: vec![T::default(); channels], second: vec![T::default(); channels] }
    }
}

/// Takes two sums per channel over all pixels: `f(row of x, row of dy, sums so far)` adds a row.
fn sums(isa: Isa, x: Values<'_>, dy: Values<'_>, f: impl Fn(Row<'_>, Row<'_>, &mut Sums<f32>) + Sync) -> Sums<f64> {
    let map = x.map;
    let rows = x.n * map.height;
    let per_part = rows.div_ceil(PARTS).max(1);
    let parts: Vec<Sums<f32>> = (0..rows.div_ceil(per_part))
        .into_par_iter()
        .map(|part| {
            let mut sums = Sums::zeros(map.channels);
            isa.vectorised(|| {
                for row in part * per_part..((part + 1) * per_part).min(rows) {
                    let (picture, y) = (row / map.height, row % map.height);
                    f(Row::new(x, picture, y), Row::new(dy, picture, y), &mut sums);
                }
            });
            sums
        })
        .collect();
    let mut total = Sums::zeros(map.channels);
    for part in parts {
        total.first.iter_mut().zip(part.first).for_each(|(sum, part)| *sum += f64::from(part));
        total.second.iter_mut().zip(part.second).for_each(|(sum, part)| *sum += f64::from(part));
    }
    total
}

/// A row of pixels.
#[derive(Clone, Copy)]
struct Row<'a> {
    data: &'a [f32],
    stride: usize,
    channels: usize,
}

impl<'a> Row<'a> {
    #[inline(always)]
    fn new(values: Values<'a>, picture: usize, y: usize) -> Self {
        let map = values.map;
        let data = &values.from(picture, y as isize, 0)[..(map.width - 1) * map.stride + map.channels];
        Self { data, stride: map.stride, channels: map.channels }
    }

    #[inline(always)]
    fn pixels(self) -> impl Iterator<Item = &'a [f32]> {
        self.data.chunks(self.stride).map(move |pixel| &pixel[..self.channels])
    }
}

impl BatchNorm<'_> {
    /// Computes `y = clamp(γ·(x − mean)/std + β + add)` with the statistics of this batch, and returns these.
    pub fn forward(&self, isa: Isa, x: Values<'_>, y: ValuesMut<'_>, fused: Fused<'_>) -> Statistics {
        let (map, y_map) = (x.map, y.map);
        let channels = map.channels;
        let count = (x.n * map.pixels()) as f64;
        // One pass for both moments, about a pixel of the batch: near enough to the mean that little cancels.
        let about = x.pixel(x.n / 2, map.height / 2, map.width / 2).to_vec();
        let Sums { first: sum, second: squares } = sums(isa, x, x, |x, _, sums| {
            for x in x.pixels() {
                let sums = sums.first.iter_mut().zip(&mut sums.second);
                for (((sum, squares), x), about) in sums.zip(x).zip(&about) {
                    let centred = x - about;
                    *sum += centred;
                    *squares += centred * centred;
                }
            }
        });
        let mean: Vec<f32> =
            sum.iter().zip(&about).map(|(sum, about)| (f64::from(*about) + sum / count) as f32).collect();
        let variance: Vec<f64> =
            squares.iter().zip(&sum).map(|(squares, sum)| ((squares - sum * sum / count) / count).max(0.0)).collect();
        let inverse_std: Vec<f32> = variance.iter().map(|v| (1.0 / (v + f64::from(self.eps)).sqrt()) as f32).collect();
        let unbiased = count / (count - 1.0).max(1.0);
        let scale: Vec<f32> = self.gamma.iter().zip(&inverse_std).map(|(gamma, inverse)| gamma * inverse).collect();
        let shift: Vec<f32> =
            self.beta.iter().zip(&mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
        let lower = if fused.clamp.is_some() { 0.0 } else { f32::NEG_INFINITY };
        let upper = fused.clamp.unwrap_or(f32::INFINITY);
        // NaN stays NaN.
        let clamp = |value: f32| {
            let value = if value < lower { lower } else { value };
            if value > upper { upper } else { value }
        };
        each_row(y, |picture, row, out| {
            isa.vectorised(|| {
                let out = out.chunks_mut(y_map.stride).map(|out| &mut out[..channels]);
                let pixels = out.zip(Row::new(x, picture, row).pixels());
                match fused.add {
                    Some(add) => {
                        for ((out, x), add) in pixels.zip(Row::new(add, picture, row).pixels()) {
                            for ((((out, x), scale), shift), add) in
                                out.iter_mut().zip(x).zip(&scale).zip(&shift).zip(add)
                            {
                                *out = clamp(x * scale + shift + add);
                            }
                        }
                    }
                    None => {
                        for (out, x) in pixels {
                            for (((out, x), scale), shift) in out.iter_mut().zip(x).zip(&scale).zip(&shift) {
                                *out = clamp(x * scale + shift);
                            }
                        }
                    }
                }
            });
        });
        let unbiased_variance = variance.iter().map(|v| (v * unbiased) as f32).collect();
        Statistics { mean, inverse_std, unbiased_variance }
    }

    /// Adds the gradients of γ and β, and computes that of x, after [`Self::forward`] on the same x.
    pub fn backward(
        &self,
        isa: Isa,
        x: Values<'_>,
        dy: Values<'_>,
        statistics: &Statistics,
        to: BatchNormGradient<'_>,
    ) {
        let channels = x.map.channels;
        let count = (x.n * x.map.pixels()) as f64;
        let Statistics { mean, inverse_std, .. } = statistics;
        let Sums { first: sum, second: product } = sums(isa, x, dy, |x, dy, sums| {
            for (x, dy) in x.pixels().zip(dy.pixels()) {
                let sums = sums.first.iter_mut().zip(&mut sums.second);
                for ((((sum, product), x), dy), mean) in sums.zip(x).zip(dy).zip(mean) {
                    *sum += dy;
                    *product += dy * (x - mean);
                }
            }
        });
        to.beta.iter_mut().zip(&sum).for_each(|(d, sum)| *d += *sum as f32);
        for ((d, product), inverse) in to.gamma.iter_mut().zip(&product).zip(inverse_std) {
            *d += (product * f64::from(*inverse)) as f32;
        }
        let Some(dx) = to.x else { return };
        // dx = scale·dy + slope·x + offset.
        let scale: Vec<f32> = self.gamma.iter().zip(inverse_std).map(|(gamma, inverse)| gamma * inverse).collect();
        let slope: Vec<f32> = (0..channels)
            .map(|c| -scale[c] * (product[c] * f64::from(inverse_std[c] * inverse_std[c]) / count) as f32)
            .collect();
        let offset: Vec<f32> =
            (0..channels).map(|c| -scale[c] * (sum[c] / count) as f32 - slope[c] * mean[c]).collect();
        let factors = || scale.iter().zip(&slope).zip(&offset);
        let (dx_map, add) = (dx.map, to.add);
        each_row(dx, |picture, row, dx| {
            isa.vectorised(|| {
                let dx = dx.chunks_mut(dx_map.stride).map(|dx| &mut dx[..channels]);
                let pixels = Row::new(x, picture, row).pixels().zip(Row::new(dy, picture, row).pixels());
                for (dx, (x, dy)) in dx.zip(pixels) {
                    for (((dx, x), dy), ((scale, slope), offset)) in dx.iter_mut().zip(x).zip(dy).zip(factors()) {
                        let value = scale * dy + slope * x + offset;
                        *dx = if add { *dx + value } else { value };
                    }
                }
            });
        });
    }
}
