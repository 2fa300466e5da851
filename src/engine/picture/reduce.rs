//! Pictures too large to be held whole are made smaller row by row, while they are read.

/// A picture of more pixels is read at a reduced size where its format allows that, and refused otherwise.
pub const MAX_PIXELS: u64 = 100_000_000;
/// A picture of more pixels is refused in every format.
pub(super) const MAX_LARGE: u64 = 400_000_000;

/// Returns by how much the sides of a picture are divided so that at most [`MAX_PIXELS`] remain; 1 for most.
pub(super) fn reduction(width: u32, height: u32) -> u32 {
    let pixels = |factor: u32| u64::from(width.div_ceil(factor)) * u64::from(height.div_ceil(factor));
    [1, 2, 4].into_iter().find(|&factor| pixels(factor) <= MAX_PIXELS).unwrap_or(8)
}

/// Says why a picture of this size is refused.
pub(super) fn too_large(width: u32, height: u32) -> String {
    let (most, reduced) = (MAX_PIXELS / 1_000_000, MAX_LARGE / 1_000_000);
    format!(
        "it claims to be {width}×{height} pixels; at most {most} megapixels can be read ({reduced} of a JPEG, or of a \
         PNG or TIFF that is not interlaced, at a reduced size); save it with fewer pixels, or as JPEG"
    )
}

/// Says that a picture was read at a reduced size.
pub(super) fn reduced_note([width, height]: [u32; 2], [now_width, now_height]: [u32; 2]) -> String {
    let megapixels = f64::from(width) * f64::from(height) / 1e6;
    format!(
        "{width}×{height} pixels ({megapixels:.0} megapixels) are too many to hold; read at the reduced size of \
         {now_width}×{now_height}."
    )
}

/// This averages squares of pixels of 8 bits per channel, from rows that come one after the other.
pub(super) struct RowReducer {
    width: usize,
    channels: usize,
    factor: usize,
    /// The sums of the squares that are not complete yet, one for each channel of a row that comes out.
    sums: Vec<u32>,
    rows: usize,
    pub bytes: Vec<u8>,
}

impl RowReducer {
    /// Makes a reducer of rows of `width` pixels; `factor` × `factor` pixels become one.
    pub(super) fn new(width: u32, channels: usize, factor: u32) -> Self {
        let (width, factor) = (width as usize, factor as usize);
        Self { width, channels, factor, sums: vec![0; width.div_ceil(factor) * channels], rows: 0, bytes: Vec::new() }
    }

    /// Takes the next row: `width * channels` bytes.
    pub(super) fn push(&mut self, row: &[u8]) {
        let squares = row[..self.width * self.channels].chunks(self.factor * self.channels);
        for (sums, square) in self.sums.chunks_exact_mut(self.channels).zip(squares) {
            for pixel in square.chunks_exact(self.channels) {
                sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += u32::from(value));
            }
        }
        self.rows += 1;
        if self.rows == self.factor {
            self.end_squares();
        }
    }

    /// Ends with what is there, and returns the bytes of the smaller picture.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.rows > 0 {
            self.end_squares();
        }
        self.bytes
    }

    fn end_squares(&mut self) {
        let last = self.sums.len() / self.channels - 1;
        let width_of_last = self.width - last * self.factor;
        for (i, sums) in self.sums.chunks_exact_mut(self.channels).enumerate() {
            let across = if i == last { width_of_last } else { self.factor };
            let count = (across * self.rows) as u32;
            self.bytes.extend(sums.iter().map(|&sum| ((sum + count / 2) / count) as u8));
            sums.fill(0);
        }
        self.rows = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_of_pixels_are_averaged_also_at_the_edges() {
        let mut reducer = RowReducer::new(3, 2, 2);
        reducer.push(&[0, 10, 4, 20, 7, 30]);
        reducer.push(&[8, 30, 4, 40, 9, 50]);
        reducer.push(&[1, 2, 3, 4, 5, 6]);
        assert_eq!(reducer.finish(), [4, 25, 8, 40, 2, 3, 5, 6]);
    }

    #[test]
    fn sides_are_divided_no_further_than_needed() {
        for (width, height, factor) in [(4000, 3000, 1), (12_000, 9000, 2), (16_320, 12_240, 2), (65_000, 6000, 2)] {
            assert_eq!(reduction(width, height), factor, "{width}×{height}");
        }
    }
}
