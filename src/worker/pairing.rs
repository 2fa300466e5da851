//! Photographs belong to nets that were trained on photographs, digits to nets of digits.

use super::protocol::{Source, View};
use crate::engine::attack::{Goal, Label};
use crate::engine::picture::PictureKind;

/// The rule for a view whose picture is of another kind than its model reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Mismatch {
    /// Show the two together all the same: somebody chose both.
    #[default]
    Keep,
    /// The picture was chosen: use the one of these models that reads such pictures.
    UseModel { photo: String, digit: String },
    /// The model was chosen: show it the one of these pictures that it reads.
    UsePicture { photo: Source, digit: Source },
}

impl View {
    /// Returns the view with another model or picture, where its picture is of one kind and its model reads the other.
    pub(super) fn paired(self, picture: PictureKind, reads: PictureKind) -> Self {
        if picture == reads {
            return self;
        }
        match self.mismatch.clone() {
            Mismatch::Keep => self,
            // Classes of another net have other numbers.
            Mismatch::UseModel { photo, digit } => {
                let model = if picture == PictureKind::Photo { photo } else { digit };
                Self { model, label: Label::Predicted, goal: Goal::Untargeted, ..self }
            }
            Mismatch::UsePicture { photo, digit } => {
                let picture = if reads == PictureKind::Photo { photo } else { digit };
                Self { crop: picture.usual_crop(), picture, ..self }
            }
        }
    }
}
