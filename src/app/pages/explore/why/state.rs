//! This is what the window knows beside its pictures.

use crate::worker::{Along, ControlTable, Second, Shown, View, Wish};

/// This holds what the worker's studies have told, and what they were asked for.
#[derive(Default)]
pub struct Why {
    pub along: Option<Box<Along>>,
    pub controls: Option<Box<ControlTable>>,
    pub second: Option<Box<Second>>,
    pub search: Option<Search>,
    pub searches: u64,
    pub seed: u64,
    pub asked: Wish,
    /// A lesson opens or closes the pane; this is not kept.
    pub in_lesson: Option<bool>,
}

pub struct Search {
    pub number: u64,
    pub share: f32,
    /// It is for this view, whatever ε is.
    pub view: View,
}

impl Why {
    /// Returns what the net to compare with said last, if that is the net that is wanted now.
    pub fn second(&self) -> Option<&Second> {
        self.second.as_deref().filter(|second| self.asked.second.as_ref() == Some(&second.wish))
    }

    pub fn controls(&self) -> Option<&ControlTable> {
        self.controls.as_deref()
    }

    /// Returns the newest curve of the net on screen, and whether it is that of the view.
    pub fn along(&self, shown: &Shown) -> Option<(&Along, bool)> {
        let along = self.along.as_deref().filter(|along| along.is_of_net(shown))?;
        Some((along, along.is_of(shown)))
    }

    /// Returns the curve of the view on screen.
    pub fn current(&self, shown: &Shown) -> Option<&Along> {
        self.along(shown).and_then(|(along, is_current)| is_current.then_some(along))
    }
}
