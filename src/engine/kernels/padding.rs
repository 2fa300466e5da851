//! The zeros around a picture that a window may reach into.

/// The rows and columns of zeros on the four sides of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// The number of rows above and of columns to the left: `[top, left]`.
    pub before: [usize; 2],
    /// The number of rows below and of columns to the right: `[bottom, right]`.
    pub after: [usize; 2],
}

impl Padding {
    /// Pads as much above as below, and to the left as to the right: `[height, width]`.
    pub const fn even(pair: [usize; 2]) -> Self {
        Self { before: pair, after: pair }
    }

    /// Returns the padding on both sides together, along an axis.
    pub fn both(&self, axis: usize) -> usize {
        self.before[axis] + self.after[axis]
    }

    /// Returns the largest of the four.
    pub fn largest(&self) -> usize {
        self.before.into_iter().chain(self.after).fold(0, usize::max)
    }

    /// Returns whether it is the same on opposite sides.
    pub fn is_even(&self) -> bool {
        self.before == self.after
    }
}
