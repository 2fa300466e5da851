//! This study searches for the smallest ε with which an attack works.

use std::sync::Arc;

use super::{AnsweredView, LoadNet, Study, Wish};
use crate::engine::Result;
use crate::engine::attack::{AttackSettings, EpsSearch, Goal, Problem, Rules, Run, Verdict};
use crate::engine::picture::Planes;
use crate::worker::last::{Last, Same};
use crate::worker::{Event, Shown, View};

/// The rungs are 19 % apart, from a 5000th of the largest ε; halvings then give the ε to a few parts in 100 000.
const LEAST_SHARE: f32 = 2e-4;
const RUNGS: usize = 49;
const HALVINGS: usize = 12;

/// This is how far the search is, or what it found.
#[derive(Clone, Debug)]
pub struct Least {
    key: LeastKey,
    pub number: u64,
    /// This share of the search is done, from 0 to 1.
    pub share: f32,
    /// The result, once there is one: the ε, or none up to the largest.
    pub found: Option<Option<f32>>,
}

impl Least {
    /// Tells whether the search is that of a view.
    pub fn is_of(&self, shown: &Shown) -> bool {
        self.key == LeastKey::new(&shown.view, &shown.gradient)
    }

    /// Returns the attack that the ε is for: that of the view, or FGSM for one that takes none.
    pub fn attack(&self) -> &AttackSettings {
        &self.key.attack
    }
}

#[derive(Clone, Debug, PartialEq)]
struct LeastKey {
    gradient: Same<Planes>,
    attack: AttackSettings,
    rules: Rules,
}

impl LeastKey {
    fn new(view: &View, gradient: &Arc<Planes>) -> Self {
        let attack = if view.attack.takes_eps() { view.attack.clone() } else { AttackSettings::default() };
        Self { gradient: Same(gradient.clone()), attack, rules: view.rules() }
    }
}

#[derive(Default)]
pub struct LeastStudy(Last<(LeastKey, u64), Trials>);

impl Study for LeastStudy {
    fn is_left(&self, of: &AnsweredView, wish: &Wish) -> bool {
        wish.least.is_some_and(|number| {
            let key = (LeastKey::new(&of.view, &of.baseline.gradient), number);
            self.0.get(&key).is_none_or(|trials| trials.search.trial().is_some())
        })
    }

    /// Goes one step of a trial, and tells how far the search is when the trial is over.
    fn advance(&mut self, of: &AnsweredView, wish: &Wish, _: &LoadNet<'_>) -> Result<Option<Event>> {
        let Some(number) = wish.least else { return Ok(None) };
        let known = (LeastKey::new(&of.view, &of.baseline.gradient), number);
        let mut trials = self.0.take(&known).unwrap_or_else(|| Trials::new(&known.0.attack, of));
        let is_trial_over = trials.advance(&known.0, of)?;
        let least = is_trial_over.then(|| {
            let found = trials.search.trial().is_none().then(|| trials.search.found());
            Least { key: known.0.clone(), number, share: trials.search.share_done(), found }
        });
        self.0.set(known, trials);
        Ok(least.map(Event::Least))
    }
}

struct Trials {
    search: EpsSearch,
    trial: Option<(Problem, Box<dyn Run>)>,
}

impl Trials {
    fn new(attack: &AttackSettings, of: &AnsweredView) -> Self {
        let largest = attack.norm().largest_eps(of.baseline.original.values.len());
        Self { search: EpsSearch::in_ratios(LEAST_SHARE * largest, largest, RUNGS, HALVINGS), trial: None }
    }

    fn advance(&mut self, key: &LeastKey, of: &AnsweredView) -> Result<bool> {
        let Some(eps) = self.search.trial() else { return Ok(true) };
        let (model, baseline) = (&of.model, &of.baseline);
        let (problem, mut run) = match self.trial.take() {
            Some(trial) => trial,
            None => {
                let problem = baseline.problem(model, key.rules)?.with_eps(&[eps])?;
                let run = key.attack.start(&problem)?;
                (problem, run)
            }
        };
        if run.advance()?.is_some() {
            self.trial = Some((problem, run));
            return Ok(false);
        }
        let attacked = baseline.judge(model, baseline.original.with_values(problem.shown(run.result())))?;
        self.search.learn(match of.view.goal {
            Goal::Untargeted => attacked.verdict == Verdict::Fooled,
            Goal::Targeted(_) => attacked.verdict == Verdict::FooledAsAsked,
        });
        Ok(true)
    }
}
