//! The shapes of the values in a net, of one picture each.

use std::ops::Deref;

/// The largest number of axes.
pub const MAX_RANK: usize = 8;

/// The lengths of the axes of a value, in PyTorch's order, the axis of the pictures left out: a picture is (channels,
/// height, width), logits are (classes).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    axes: [usize; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// Makes a shape of these axes.
    ///
    /// # Errors
    /// A sentence, for more than [`MAX_RANK`] axes.
    pub fn new(axes: &[usize]) -> Result<Self, String> {
        let rank = axes.len();
        if rank > MAX_RANK {
            return Err(format!("a value has {rank} axes; expected at most {MAX_RANK}"));
        }
        let mut shape = Self { axes: [0; MAX_RANK], rank };
        shape.axes[..rank].copy_from_slice(axes);
        Ok(shape)
    }

    pub const fn planes([channels, height, width]: [usize; 3]) -> Self {
        Self { axes: [channels, height, width, 0, 0, 0, 0, 0], rank: 3 }
    }

    pub const fn features(count: usize) -> Self {
        Self { axes: [count, 0, 0, 0, 0, 0, 0, 0], rank: 1 }
    }

    /// Returns channels, height and width; `None` for what are no planes.
    pub fn as_planes(&self) -> Option<[usize; 3]> {
        self[..].try_into().ok()
    }

    /// Returns the number of values, the largest number for more.
    pub fn count(&self) -> usize {
        count(self)
    }
}

/// Returns the number of values of these lengths; the largest number for more, which no check of a size lets through.
pub fn count(lengths: &[usize]) -> usize {
    if lengths.contains(&0) { 0 } else { lengths.iter().fold(1, |count: usize, &len| count.saturating_mul(len)) }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.axes[..self.rank]
    }
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", &self[..])
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self[..] {
            [] => f.write_str("1 number"),
            [count] => write!(f, "{count} features"),
            _ => {
                let axes: Vec<String> = self.iter().map(usize::to_string).collect();
                f.write_str(&axes.join("×"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_with_more_values_than_can_be_counted_is_not_a_small_one() {
        let large = Shape::new(&[1 << 32, 1 << 32]).unwrap();
        assert_eq!(large.count(), usize::MAX);
        assert_eq!((count(&[1 << 40, 1 << 40, 0]), count(&[]), count(&[2, 3])), (0, 1, 6));
    }
}
