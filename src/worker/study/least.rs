//! The smallest ε with which one step works.

use std::sync::Arc;

use super::Subject;
use crate::engine::Result;
use crate::engine::attack::{EpsSearch, Goal, Method, Verdict, attack};
use crate::engine::picture::Planes;
use crate::worker::Shown;

/// A ladder whose rungs are 19 % apart, then twelve halves: to a few parts in 100 000.
const LEAST: f32 = 1e-4;
const LARGEST: f32 = 0.5;
const RUNGS: usize = 49;
const HALVINGS: usize = 12;

/// How far the search is, or what it found.
#[derive(Clone, Debug)]
pub struct Least {
    /// ∇ₓJ of the view that it belongs to.
    gradient: Arc<Planes>,
    clip: bool,
    /// Which wish it answers.
    pub number: u64,
    /// From 0 to 1.
    pub share: f32,
    /// At the end: the ε, or none up to the slider's end.
    pub found: Option<Option<f32>>,
}

impl Least {
    /// Whether it is that of a view.
    pub fn is_of(&self, shown: &Shown) -> bool {
        Arc::ptr_eq(&self.gradient, &shown.gradient) && self.clip == shown.view.clip
    }
}

/// A search in the making.
pub struct Work {
    gradient: Arc<Planes>,
    clip: bool,
    number: u64,
    search: EpsSearch,
}

impl Work {
    pub fn new(subject: &Subject, number: u64) -> Self {
        let search = EpsSearch::new(LEAST, LARGEST, RUNGS, HALVINGS);
        Self { gradient: subject.baseline.gradient.clone(), clip: subject.view.clip, number, search }
    }

    pub fn is_for(&self, subject: &Subject, number: u64) -> bool {
        let same = Arc::ptr_eq(&self.gradient, &subject.baseline.gradient) && self.clip == subject.view.clip;
        same && self.number == number
    }

    pub fn is_done(&self) -> bool {
        self.search.trial().is_none()
    }

    /// One trial.
    pub fn advance(&mut self, subject: &Subject) -> Result<Least> {
        if let Some(eps) = self.search.trial() {
            let attacked = attack(&subject.model, &subject.baseline, Method::Fgsm { eps }, self.clip)?;
            self.search.learn(match subject.view.goal {
                Goal::Untargeted => attacked.verdict == Verdict::Fooled,
                Goal::Targeted(_) => attacked.verdict == Verdict::FooledAsAsked,
            });
        }
        Ok(Least {
            gradient: self.gradient.clone(),
            clip: self.clip,
            number: self.number,
            share: self.search.share_done(),
            found: self.is_done().then(|| self.search.found()),
        })
    }
}
