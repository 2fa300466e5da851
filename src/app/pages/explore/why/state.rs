//! What the window knows beside its pictures: why the attack works.

use crate::worker::{Along, Controls, Second, Shown, View, Wish};

/// What the worker's study has told, and what it was asked for.
#[derive(Default)]
pub struct Why {
    along: Option<Box<Along>>,
    controls: Option<Box<Controls>>,
    second: Option<Box<Second>>,
    /// The search for the smallest ε that is under way.
    pub search: Option<Search>,
    pub searches: u64,
    /// Of the random controls.
    pub seed: u64,
    pub asked: Wish,
    /// Whether the pane is open beside a lesson that says so; it is not kept.
    pub in_lesson: Option<bool>,
}

pub struct Search {
    /// Of the wish.
    pub number: u64,
    pub share: f32,
    /// What it is for, whatever ε is.
    pub view: View,
}

impl Why {
    pub fn take_along(&mut self, along: Box<Along>) {
        self.along = Some(along);
    }

    pub fn take_controls(&mut self, controls: Box<Controls>) {
        self.controls = Some(controls);
    }

    pub fn take_second(&mut self, second: Box<Second>) {
        self.second = Some(second);
    }

    /// What the net to compare with said last, if that is the net that is wanted now.
    pub fn second(&self) -> Option<&Second> {
        self.second.as_deref().filter(|second| self.asked.second.as_ref() == Some(&second.wish))
    }

    /// The newest controls; while ε moves they may be those of a view before, and say of which ε.
    pub fn controls(&self) -> Option<&Controls> {
        self.controls.as_deref()
    }

    /// The newest curve of the net on screen, and whether it is that of the view; the one before is better than none for a moment.
    pub fn along(&self, shown: &Shown) -> Option<(&Along, bool)> {
        let along = self.along.as_deref().filter(|along| along.is_of_net(shown))?;
        Some((along, along.is_of(shown)))
    }

    /// How far the search for the smallest ε is, while there is one.
    pub fn search(&self) -> Option<f32> {
        self.search.as_ref().map(|search| search.share)
    }

    /// The curve of the view on screen.
    pub fn current(&self, shown: &Shown) -> Option<&Along> {
        self.along(shown).and_then(|(along, is_current)| is_current.then_some(along))
    }
}
