//! A window may reach into zeros around a picture.

/// Padding is the number of rows and columns of zeros on the four sides of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// These are `[top, left]`.
    pub before: [usize; 2],
    /// These are `[bottom, right]`.
    pub after: [usize; 2],
}

impl Padding {
    /// Pads as much above as below, and to the left as to the right, by `[height, width]`.
    pub const fn even(pair: [usize; 2]) -> Self {
        Self { before: pair, after: pair }
    }

    /// Returns the padding on both sides together, along an axis.
    pub fn both(&self, axis: usize) -> usize {
        self.before[axis] + self.after[axis]
    }

    pub fn largest(&self) -> usize {
        self.before.into_iter().chain(self.after).fold(0, usize::max)
    }

    pub fn is_even(&self) -> bool {
        self.before == self.after
    }
}
