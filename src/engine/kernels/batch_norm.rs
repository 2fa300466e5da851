//! Batch normalisation in training (Ioffe & Szegedy, Batch Normalization, 2015, algorithm 1) with its gradient.

use rayon::prelude::*;

use super::conv::{Fused, Values};
use super::map::Map;
use super::planes::each_row;
use super::simd::Isa;
use super::tile::Finish;

/// Batch normalisation over the pictures and pixels of a batch, per channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f32,
}

/// What a training pass saw of each channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    pub mean: Vec<f32>,
    /// `1 / √(variance + eps)` with the biased variance.
    pub inverse_std: Vec<f32>,
    /// With n − 1 in the denominator, for the running variance.
    pub unbiased_variance: Vec<f32>,
}

/// The sums over pixels are taken in this many parts, whatever the number of threads.
const PARTS: usize = 16;

/// Two sums per channel over all pixels: `f(values of a row of x, of a row of dy, first sum, second sum)`.
fn sums(
    isa: Isa,
    n: usize,
    (x, dy): (Values<'_>, Values<'_>),
    f: impl Fn(Rows<'_>, Rows<'_>, &mut [f32], &mut [f32]) + Sync,
) -> (Vec<f64>, Vec<f64>) {
    let map = x.1;
    let rows = n * map.height;
    let per_part = rows.div_ceil(PARTS).max(1);
    let parts: Vec<(Vec<f32>, Vec<f32>)> = (0..rows.div_ceil(per_part))
        .into_par_iter()
        .map(|part| {
            let (mut a, mut b) = (vec![0.0; map.channels], vec![0.0; map.channels]);
            isa.vectorised(|| {
                for row in part * per_part..((part + 1) * per_part).min(rows) {
                    let (picture, y) = (row / map.height, row % map.height);
                    f(Rows::new(x, picture, y), Rows::new(dy, picture, y), &mut a, &mut b);
                }
            });
            (a, b)
        })
        .collect();
    let mut total = (vec![0.0f64; map.channels], vec![0.0f64; map.channels]);
    for (a, b) in parts {
        total.0.iter_mut().zip(a).for_each(|(sum, part)| *sum += f64::from(part));
        total.1.iter_mut().zip(b).for_each(|(sum, part)| *sum += f64::from(part));
    }
    total
}

/// The pixels of a row.
#[derive(Clone, Copy)]
struct Rows<'a> {
    values: &'a [f32],
    map: Map,
}

impl<'a> Rows<'a> {
    #[inline(always)]
    fn new((values, map): Values<'a>, picture: usize, y: usize) -> Self {
        let start = map.at(picture, y as isize, 0);
        Self { values: &values[start..start + (map.width - 1) * map.stride + map.channels], map }
    }

    #[inline(always)]
    fn pixels(self) -> impl Iterator<Item = &'a [f32]> {
        self.values.chunks(self.map.stride).map(move |pixel| &pixel[..self.map.channels])
    }
}

impl BatchNorm {
    /// `y = finish(γ·(x − mean)/std + β + add)` with the statistics of this batch.
    pub fn forward(
        &self,
        (isa, n): (Isa, usize),
        x: Values<'_>,
        (gamma, beta): (&[f32], &[f32]),
        (y, y_map): (&mut [f32], Map),
        fused: Fused<'_>,
    ) -> Statistics {
        let map = x.1;
        let channels = map.channels;
        let count = (n * map.pixels()) as f64;
        // One pass for both moments, about a pixel of the batch: near enough to the mean that little cancels.
        let middle = map.at(n / 2, (map.height / 2) as isize, (map.width / 2) as isize);
        let about = x.0[middle..middle + channels].to_vec();
        let (sum, squares) = sums(isa, n, (x, x), |x, _, a, b| {
            for x in x.pixels() {
                for (((a, b), x), about) in a.iter_mut().zip(&mut *b).zip(x).zip(&about) {
                    let centred = x - about;
                    *a += centred;
                    *b += centred * centred;
                }
            }
        });
        let mean: Vec<f32> =
            sum.iter().zip(&about).map(|(sum, about)| (f64::from(*about) + sum / count) as f32).collect();
        let variance: Vec<f64> =
            squares.iter().zip(&sum).map(|(squares, sum)| ((squares - sum * sum / count) / count).max(0.0)).collect();
        let inverse_std: Vec<f32> = variance.iter().map(|v| (1.0 / (v + f64::from(self.eps)).sqrt()) as f32).collect();
        let unbiased = count / (count - 1.0).max(1.0);
        let scale: Vec<f32> = gamma.iter().zip(&inverse_std).map(|(gamma, inverse)| gamma * inverse).collect();
        let shift: Vec<f32> =
            beta.iter().zip(&mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
        let (lower, upper) = match fused.finish {
            Finish::Clamp { upper } => (0.0, upper),
            _ => (f32::NEG_INFINITY, f32::INFINITY),
        };
        // NaN stays NaN.
        let clamp = |value: f32| {
            let value = if value < lower { lower } else { value };
            if value > upper { upper } else { value }
        };
        each_row(y, y_map, n, |picture, row, out| {
            isa.vectorised(|| {
                let out = out.chunks_mut(y_map.stride).map(|out| &mut out[..channels]);
                let pixels = out.zip(Rows::new(x, picture, row).pixels());
                match fused.add {
                    Some(add) => {
                        for ((out, x), add) in pixels.zip(Rows::new(add, picture, row).pixels()) {
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

    /// Adds the gradients of γ and β, and writes that of x (or adds it to what is there).
    pub fn backward(
        &self,
        (isa, n): (Isa, usize),
        (x, dy): (Values<'_>, Values<'_>),
        (gamma, statistics): (&[f32], &Statistics),
        (d_gamma, d_beta): (&mut [f32], &mut [f32]),
        dx: Option<((&mut [f32], Map), bool)>,
    ) {
        let channels = x.1.channels;
        let count = (n * x.1.pixels()) as f64;
        let Statistics { mean, inverse_std, .. } = statistics;
        let (sum, product) = sums(isa, n, (x, dy), |x, dy, a, b| {
            for (x, dy) in x.pixels().zip(dy.pixels()) {
                for ((((a, b), x), dy), mean) in a.iter_mut().zip(&mut *b).zip(x).zip(dy).zip(mean) {
                    *a += dy;
                    *b += dy * (x - mean);
                }
            }
        });
        d_beta.iter_mut().zip(&sum).for_each(|(d, sum)| *d += *sum as f32);
        for ((d, product), inverse) in d_gamma.iter_mut().zip(&product).zip(inverse_std) {
            *d += (product * f64::from(*inverse)) as f32;
        }
        let Some(((dx, dx_map), add)) = dx else { return };
        // dx = scale·dy + slope·x + offset.
        let scale: Vec<f32> = gamma.iter().zip(inverse_std).map(|(gamma, inverse)| gamma * inverse).collect();
        let slope: Vec<f32> = (0..channels)
            .map(|c| -scale[c] * (product[c] * f64::from(inverse_std[c] * inverse_std[c]) / count) as f32)
            .collect();
        let offset: Vec<f32> =
            (0..channels).map(|c| -scale[c] * (sum[c] / count) as f32 - slope[c] * mean[c]).collect();
        let factors = || scale.iter().zip(&slope).zip(&offset);
        each_row(dx, dx_map, n, |picture, row, dx| {
            isa.vectorised(|| {
                let dx = dx.chunks_mut(dx_map.stride).map(|dx| &mut dx[..channels]);
                let pixels = Rows::new(x, picture, row).pixels().zip(Rows::new(dy, picture, row).pixels());
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
