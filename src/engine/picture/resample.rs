use std::ops::Range;

/// This resamples one axis by a sparse matrix: output `i` is the sum of `weights(i)[k] · input[first(i) + k]`.
///
/// The filter is a triangle, stretched by the scale when shrinking, on half-pixel centres (PIL's `BILINEAR`).
#[derive(Clone, Debug, PartialEq)]
pub struct Resampler {
    taps: Vec<Taps>,
}

#[derive(Clone, Debug, PartialEq)]
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Resampler {
    /// Maps the stretch `shown` of an axis of `from` pixels (within 0 to `from`, not empty) to `to` pixels.
    pub fn new(from: usize, shown: Range<f64>, to: usize) -> Self {
        let scale = (shown.end - shown.start) / to as f64;
        let stretch = scale.max(1.0);
        let taps = (0..to).map(|i| {
            let centre = shown.start + (i as f64 + 0.5) * scale;
            let first = ((centre - stretch + 0.5).max(0.0) as usize).min(from.saturating_sub(1));
            let end = ((centre + stretch + 0.5).max(0.0) as usize).clamp(first + 1, from.max(first + 1));
            let triangle = |j: usize| (1.0 - ((j as f64 + 0.5 - centre) / stretch).abs()).max(0.0);
            // Where nothing is resampled, the neighbours just out of reach weigh nothing.
            let end = (first + 1..end).rev().find(|&j| triangle(j) > 0.0).map_or(first + 1, |last| last + 1);
            let total: f64 = (first..end).map(triangle).sum();
            Taps { first, weights: (first..end).map(|j| (triangle(j) / total) as f32).collect() }
        });
        Self { taps: taps.collect() }
    }

    pub fn len(&self) -> usize {
        self.taps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.taps.is_empty()
    }

    /// Returns the first input that output `i` draws on.
    pub fn first(&self, i: usize) -> usize {
        self.taps[i].first
    }

    /// Returns the weights of the inputs from [`Self::first`] on; they sum to 1.
    pub fn weights(&self, i: usize) -> &[f32] {
        &self.taps[i].weights
    }

    /// Returns the inputs that any output draws on.
    pub fn support(&self) -> Range<usize> {
        let start = self.taps.iter().map(|taps| taps.first).min().unwrap_or(0);
        let end = self.taps.iter().map(|taps| taps.first + taps.weights.len()).max().unwrap_or(0);
        start..end
    }

    /// Returns the columns of the matrix over [`Self::support`]: the outputs that each input adds to, with the weights.
    pub fn columns(&self) -> Vec<Vec<(usize, f32)>> {
        let support = self.support();
        let mut columns = vec![Vec::new(); support.len()];
        for (i, taps) in self.taps.iter().enumerate() {
            for (k, &weight) in taps.weights.iter().enumerate() {
                columns[taps.first + k - support.start].push((i, weight));
            }
        }
        columns
    }

    /// Computes output row `i` of rows of bytes as long as `out`: only one row is ever held as `f32`.
    pub(super) fn mix_rows(&self, i: usize, bytes: &[u8], out: &mut [f32]) {
        out.fill(0.0);
        let rows = bytes.chunks_exact(out.len()).skip(self.first(i));
        for (row, &weight) in rows.zip(self.weights(i)) {
            for (sum, &byte) in out.iter_mut().zip(row) {
                *sum += weight * f32::from(byte);
            }
        }
    }

    pub(super) fn mix_pixels(&self, row: &[f32], channels: usize, out: &mut [f32]) {
        out.fill(0.0);
        for (sums, taps) in out.chunks_exact_mut(channels).zip(&self.taps) {
            for (pixel, &weight) in row.chunks_exact(channels).skip(taps.first).zip(&taps.weights) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += weight * value;
                }
            }
        }
    }
}
