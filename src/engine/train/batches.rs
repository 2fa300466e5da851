//! The pictures of an epoch are divided into batches. A net that normalises over the batch alone needs two or more.

use std::ops::Range;

use crate::model::{Graph, Operation};
use crate::{Error, Result};

/// These are the batches of an epoch.
pub(super) struct Batches {
    pub(super) pictures: usize,
    /// The number of pictures in each batch but the last.
    pub(super) size: usize,
    /// Tells whether a single picture that is left at the end goes with the batch before it.
    pub(super) leaves_none_alone: bool,
}

impl Batches {
    /// Returns how many there are.
    pub(super) fn count(&self) -> usize {
        let is_merged = self.leaves_none_alone && self.pictures > self.size && self.pictures % self.size == 1;
        self.pictures.div_ceil(self.size) - usize::from(is_merged)
    }

    /// Returns where the pictures of a batch are in the order of the epoch.
    pub(super) fn range(&self, batch: usize) -> Range<usize> {
        let end = if batch + 1 == self.count() { self.pictures } else { (batch + 1) * self.size };
        batch * self.size..end.min(self.pictures)
    }
}

/// Returns the name of a batch normalisation that sees one value of each picture and channel, since its maps are 1×1: in
/// a batch of one picture its output does not depend on the picture.
pub(super) fn norm_of_single_values(graph: &Graph) -> Option<&str> {
    graph.nodes().iter().find_map(|node| match &node.operation {
        Operation::BatchNorm2d(norm) if node.shape.count() == norm.channels => Some(norm.name.as_str()),
        _ => None,
    })
}

/// Refuses batches of one picture for a net that learns nothing from them. `pictures` are trained on.
///
/// # Errors
/// [`Error::Argument`] says which layer it is.
pub(super) fn check(graph: &Graph, size: usize, pictures: usize) -> Result<()> {
    let Some(norm) = norm_of_single_values(graph).filter(|_| size.min(pictures) == 1) else { return Ok(()) };
    let expected = if size == 1 { "2 pictures per batch or more, such as 32" } else { "2 training pictures or more" };
    Err(Error::Argument(format!(
        "a batch of one picture teaches this net nothing: its batch normalisation {norm:?} takes the variance over the \
         batch, since its maps are 1×1, and one value has none; expected {expected}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_picture_once() {
        for (pictures, size, leaves_none_alone, ends) in [
            (10, 5, true, vec![5, 10]),
            (11, 5, true, vec![5, 11]),
            (11, 5, false, vec![5, 10, 11]),
            (12, 5, true, vec![5, 10, 12]),
            (3, 5, true, vec![3]),
            (1, 5, true, vec![1]),
            (3, 2, true, vec![3]),
            (3, 1, false, vec![1, 2, 3]),
        ] {
            let batches = Batches { pictures, size, leaves_none_alone };
            let starts = [0].into_iter().chain(ends.iter().copied());
            let expected: Vec<Range<usize>> = starts.zip(&ends).map(|(start, &end)| start..end).collect();
            let ranges: Vec<Range<usize>> = (0..batches.count()).map(|batch| batches.range(batch)).collect();
            assert_eq!(ranges, expected, "{pictures} by {size}");
        }
    }
}
