//! The smallest ε with which an attack works.

use std::sync::Arc;

use super::Subject;
use crate::engine::Result;
use crate::engine::attack::{Attack, AttackSettings, EpsSearch, Goal, Problem, Rules, Run, Verdict};
use crate::engine::picture::Planes;
use crate::worker::{Shown, View};

/// A ladder whose rungs are 19 % apart, from a 5000th of the largest ε, then twelve halves: to a few parts in 100 000.
const LEAST_SHARE: f32 = 2e-4;
const RUNGS: usize = 49;
const HALVINGS: usize = 12;

/// How far the search is, or what it found.
#[derive(Clone, Debug)]
pub struct Least {
    key: Key,
    /// Which wish it answers.
    pub number: u64,
    /// From 0 to 1.
    pub share: f32,
    /// At the end: the ε, or none up to the largest.
    pub found: Option<Option<f32>>,
}

impl Least {
    /// Whether it is that of a view.
    pub fn is_of(&self, shown: &Shown) -> bool {
        self.key.is_same(&Key::new(&shown.view, &shown.gradient))
    }

    /// Whose ε it is: the attack of the view, or FGSM for one that takes none.
    pub fn attack(&self) -> &AttackSettings {
        &self.key.attack
    }
}

/// What the search depends on.
#[derive(Clone, Debug)]
struct Key {
    /// ∇ₓJ at the picture.
    gradient: Arc<Planes>,
    attack: AttackSettings,
    rules: Rules,
}

impl Key {
    fn new(view: &View, gradient: &Arc<Planes>) -> Self {
        let attack = match view.attack.takes_eps() {
            true => view.attack.clone(),
            false => AttackSettings::default(),
        };
        Self { gradient: gradient.clone(), attack, rules: view.rules() }
    }

    fn of(subject: &Subject) -> Self {
        Self::new(&subject.view, &subject.baseline.gradient)
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.gradient, &other.gradient) && (&self.attack, self.rules) == (&other.attack, other.rules)
    }
}

/// A search in the making.
pub struct Work {
    key: Key,
    number: u64,
    search: EpsSearch,
    /// The attack with the ε that is tried.
    trial: Option<(Problem, Box<dyn Run>)>,
}

impl Work {
    pub fn new(subject: &Subject, number: u64) -> Self {
        let key = Key::of(subject);
        let largest = key.attack.norm().largest_eps(subject.baseline.original.values.len());
        let search = EpsSearch::in_ratios(LEAST_SHARE * largest, largest, RUNGS, HALVINGS);
        Self { key, number, search, trial: None }
    }

    pub fn is_for(&self, subject: &Subject, number: u64) -> bool {
        self.number == number && self.key.is_same(&Key::of(subject))
    }

    pub fn is_done(&self) -> bool {
        self.search.trial().is_none()
    }

    /// One step of a trial; tells how far it is after each trial.
    pub fn advance(&mut self, subject: &Subject) -> Result<Option<Least>> {
        if let Some(eps) = self.search.trial() {
            let (model, baseline) = (&subject.model, &subject.baseline);
            let (problem, mut run) = match self.trial.take() {
                Some(trial) => trial,
                None => {
                    let problem = baseline.problem(model, self.key.rules)?.with_eps(&[eps])?;
                    let run = self.key.attack.start(&problem)?;
                    (problem, run)
                }
            };
            if run.advance()?.is_some() {
                self.trial = Some((problem, run));
                return Ok(None);
            }
            let attacked = baseline.judge(model, baseline.original.with_values(problem.shown(run.result())))?;
            self.search.learn(match subject.view.goal {
                Goal::Untargeted => attacked.verdict == Verdict::Fooled,
                Goal::Targeted(_) => attacked.verdict == Verdict::FooledAsAsked,
            });
        }
        Ok(Some(Least {
            key: self.key.clone(),
            number: self.number,
            share: self.search.share_done(),
            found: self.is_done().then(|| self.search.found()),
        }))
    }
}
