//! Batch normalisation in training (Ioffe & Szegedy, Batch Normalization, 2015, algorithm 1) is computed with its
//! gradient.

use rayon::prelude::*;

use super::planes::each_row;
use super::simd::Isa;
use super::values::{Fused, Values, ValuesMut};

/// A batch normalisation has a scale γ and a shift β per channel, and takes its statistics over pictures and pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm<'a> {
    /// This is added to the variance.
    pub eps: f32,
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
}

/// The gradients of a batch normalisation go to these places: those of γ and β are added to what is there.
pub struct BatchNormGradient<'a> {
    pub gamma: &'a mut [f32],
    pub beta: &'a mut [f32],
    pub x: Option<ValuesMut<'a>>,
    /// Whether the gradient of x is added to what is there.
    pub add: bool,
}

/// These numbers describe each channel of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    pub mean: Vec<f32>,
    /// This is `1 / √(variance + eps)` with the biased variance.
    pub inverse_std: Vec<f32>,
    /// This variance has n − 1 in the denominator, for the running one.
    pub unbiased_variance: Vec<f32>,
}

/// The sums over pixels are taken in this many parts, whatever the number of threads.
const PARTS: usize = 16;

/// Takes two sums per channel over all pixels: `f(row of x, row of dy, sums so far)` adds a row.
fn sums(
    isa: Isa,
    x: Values<'_>,
    dy: Values<'_>,
    f: impl Fn(PixelRow<'_>, PixelRow<'_>, &mut [Vec<f32>; 2]) + Sync,
) -> [Vec<f64>; 2] {
    let map = x.map;
    let rows = x.n * map.height;
    let per_part = rows.div_ceil(PARTS).max(1);
    let sums_of = |part: usize| {
        let mut sums = [0, 1].map(|_| vec![0.0; map.channels]);
        isa.vectorised(|| {
            for row in part * per_part..((part + 1) * per_part).min(rows) {
                let (picture, y) = (row / map.height, row % map.height);
                f(PixelRow::new(x, picture, y), PixelRow::new(dy, picture, y), &mut sums);
            }
        });
        sums
    };
    let parts: Vec<[Vec<f32>; 2]> = (0..rows.div_ceil(per_part)).into_par_iter().map(sums_of).collect();
    let mut total = [0, 1].map(|_| vec![0.0; map.channels]);
    for part in parts {
        for (total, part) in total.iter_mut().zip(part) {
            total.iter_mut().zip(part).for_each(|(sum, part)| *sum += f64::from(part));
        }
    }
    total
}

#[derive(Clone, Copy)]
struct PixelRow<'a> {
    data: &'a [f32],
    stride: usize,
    channels: usize,
}

impl<'a> PixelRow<'a> {
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
        let [sum, squares] = sums(isa, x, x, |x, _, [sum, squares]| {
            for x in x.pixels() {
                for (((sum, squares), x), about) in sum.iter_mut().zip(&mut *squares).zip(x).zip(&about) {
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
                let pixels = out.zip(PixelRow::new(x, picture, row).pixels());
                let factors = || scale.iter().zip(&shift);
                if let Some(add) = fused.add {
                    for ((out, x), add) in pixels.zip(PixelRow::new(add, picture, row).pixels()) {
                        for (((out, x), (scale, shift)), add) in out.iter_mut().zip(x).zip(factors()).zip(add) {
                            *out = clamp(x * scale + shift + add);
                        }
                    }
                } else {
                    for (out, x) in pixels {
                        for ((out, x), (scale, shift)) in out.iter_mut().zip(x).zip(factors()) {
                            *out = clamp(x * scale + shift);
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
        let [sum, product] = sums(isa, x, dy, |x, dy, [sum, product]| {
            for (x, dy) in x.pixels().zip(dy.pixels()) {
                for ((((sum, product), x), dy), mean) in sum.iter_mut().zip(&mut *product).zip(x).zip(dy).zip(mean) {
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
                let pixels = PixelRow::new(x, picture, row).pixels().zip(PixelRow::new(dy, picture, row).pixels());
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
