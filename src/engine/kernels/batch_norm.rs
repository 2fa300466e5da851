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

/// Two sums per channel over all pixels: `f(c, i, place in the first batch, pixel) -> (a, b)`.
fn sums(
    isa: Isa,
    n: usize,
    map: Map,
    f: impl Fn(usize, isize, usize, &mut [f32], &mut [f32]) + Sync,
) -> (Vec<f64>, Vec<f64>) {
    let rows = n * map.height;
    let per_part = rows.div_ceil(PARTS).max(1);
    let parts: Vec<(Vec<f32>, Vec<f32>)> = (0..rows.div_ceil(per_part))
        .into_par_iter()
        .map(|part| {
            let (mut a, mut b) = (vec![0.0; map.channels], vec![0.0; map.channels]);
            isa.vectorised(|| {
                for row in part * per_part..((part + 1) * per_part).min(rows) {
                    for x in 0..map.width {
                        f(row / map.height, (row % map.height) as isize, x, &mut a, &mut b);
                    }
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

impl BatchNorm {
    /// `y = finish(γ·(x − mean)/std + β + add)` with the statistics of this batch.
    pub fn forward(
        &self,
        isa: Isa,
        n: usize,
        (x, x_map): Values<'_>,
        (gamma, beta): (&[f32], &[f32]),
        (y, y_map): (&mut [f32], Map),
        fused: Fused<'_>,
    ) -> Statistics {
        let channels = x_map.channels;
        let count = (n * x_map.pixels()) as f64;
        let pixel = |picture, y, x_index: usize| &x[x_map.at(picture, y, x_index as isize)..][..channels];
        let (sum, _) = sums(isa, n, x_map, |picture, y, i, a, _| {
            a.iter_mut().zip(pixel(picture, y, i)).for_each(|(a, x)| *a += x);
        });
        let mean: Vec<f32> = sum.iter().map(|sum| (sum / count) as f32).collect();
        let (squares, rest) = sums(isa, n, x_map, |picture, y, i, a, b| {
            for (((a, b), x), mean) in a.iter_mut().zip(b).zip(pixel(picture, y, i)).zip(&mean) {
                let centred = x - mean;
                *a += centred * centred;
                *b += centred;
            }
        });
        // The second term takes back what the rounding of the mean added.
        let variance: Vec<f64> =
            squares.iter().zip(rest).map(|(squares, rest)| (squares - rest * rest / count) / count).collect();
        let inverse_std: Vec<f32> = variance.iter().map(|v| (1.0 / (v + f64::from(self.eps)).sqrt()) as f32).collect();
        let unbiased = count / (count - 1.0).max(1.0);
        let scale: Vec<f32> = gamma.iter().zip(&inverse_std).map(|(gamma, inverse)| gamma * inverse).collect();
        let shift: Vec<f32> =
            beta.iter().zip(&mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
        each_row(y, y_map, n, |picture, row, out| {
            isa.vectorised(|| {
                for i in 0..x_map.width {
                    let x = pixel(picture, row as isize, i);
                    let out = &mut out[i * y_map.stride..][..channels];
                    for (((out, x), scale), shift) in out.iter_mut().zip(x).zip(&scale).zip(&shift) {
                        *out = x * scale + shift;
                    }
                    if let Some((values, map)) = fused.add {
                        let values = &values[map.at(picture, row as isize, i as isize)..][..channels];
                        out.iter_mut().zip(values).for_each(|(out, value)| *out += value);
                    }
                    if let Finish::Clamp { upper } = fused.finish {
                        for out in out {
                            let value = if *out < 0.0 { 0.0 } else { *out };
                            *out = if value > upper { upper } else { value };
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
        isa: Isa,
        n: usize,
        ((x, x_map), (dy, dy_map)): (Values<'_>, Values<'_>),
        (gamma, statistics): (&[f32], &Statistics),
        (d_gamma, d_beta): (&mut [f32], &mut [f32]),
        dx: Option<((&mut [f32], Map), bool)>,
    ) {
        let channels = x_map.channels;
        let count = (n * x_map.pixels()) as f64;
        let Statistics { mean, inverse_std, .. } = statistics;
        let pixels = |picture, y, i: usize| {
            let x = &x[x_map.at(picture, y, i as isize)..][..channels];
            (x, &dy[dy_map.at(picture, y, i as isize)..][..channels])
        };
        let (sum, product) = sums(isa, n, x_map, |picture, y, i, a, b| {
            let (x, dy) = pixels(picture, y, i);
            for ((((a, b), x), dy), mean) in a.iter_mut().zip(b).zip(x).zip(dy).zip(mean) {
                *a += dy;
                *b += dy * (x - mean);
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
        each_row(dx, dx_map, n, |picture, row, dx| {
            isa.vectorised(|| {
                for i in 0..x_map.width {
                    let (x, dy) = pixels(picture, row as isize, i);
                    let dx = &mut dx[i * dx_map.stride..][..channels];
                    for c in 0..channels {
                        let value = scale[c] * dy[c] + slope[c] * x[c] + offset[c];
                        dx[c] = if add { dx[c] + value } else { value };
                    }
                }
            });
        });
    }
}
