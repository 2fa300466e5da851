//! What is worked out beside a view once it is answered, while nothing else waits: the window's pictures never wait for it.

mod along;
mod controls;
mod least;
mod second;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use along::{Along, ClassLine};
pub use controls::{ControlRow, Controls};
pub use least::Least;
pub use second::{Answers, Second, SecondWish};

use super::protocol::{Event, Revision, View};
use crate::engine::Result;
use crate::engine::attack::{Baseline, Norm};
use crate::engine::model::{Guess, Model};
use crate::engine::picture::{Picture, Planes};

/// What the window wants to know beside its pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The net's answers along the attack's direction.
    pub curve: bool,
    /// Other perturbations at the same ε, the random ones from this seed.
    pub controls: Option<u64>,
    /// Another net on the same picture.
    pub second: Option<SecondWish>,
    /// The smallest ε with which FGSM works, and the number of the wish: a new one searches anew.
    pub least: Option<u64>,
}

/// A view that takes longer than this is not followed at once: ε may be moving, and the next view must not wait.
const SLOW: Duration = Duration::from_millis(6);
/// Then nothing may have come for so long.
const REST: Duration = Duration::from_millis(60);

/// A view that was answered, and what the study needs of it.
#[derive(Clone)]
pub struct Subject {
    pub revision: Revision,
    pub model: Arc<Model>,
    pub baseline: Arc<Baseline>,
    pub view: View,
    /// The picture's own pixels are attacked.
    pub own_pixels: bool,
    pub picture: Arc<Picture>,
    pub adversarial: Arc<Planes>,
    /// What the attack adds, how far any pixel moves, and what the net says then; the label's probability.
    pub perturbation: Arc<Planes>,
    pub linf: f32,
    pub answer: Guess,
    pub label_prob: f32,
    pub took: Duration,
}

impl Subject {
    /// How far any pixel may move; where the attack keeps to nothing of the kind, how far one does.
    fn eps(&self) -> f32 {
        self.view.pixel_eps().unwrap_or(self.linf)
    }

    /// The way of the attack, no pixel of which is longer than 1: the sign of the gradient, which holds for all ε, or the
    /// straight line to where another attack came.
    fn way(&self) -> Vec<f32> {
        if self.view.is_fgsm() {
            let direction = self.baseline.goal.direction();
            return Norm::Linf.steepest(&self.baseline.gradient.values).iter().map(|d| direction * d).collect();
        }
        let scale = if self.linf > 0.0 { 1.0 / self.linf } else { 0.0 };
        self.perturbation.values.iter().map(|d| scale * d).collect()
    }
}

/// The newest view's study.
#[derive(Default)]
pub struct Study {
    wish: Wish,
    subject: Option<Subject>,
    along: Option<along::Work>,
    controls: Option<controls::Work>,
    second: second::Work,
    least: Option<least::Work>,
}

impl Study {
    pub fn wish(&mut self, wish: Wish) {
        self.wish = wish;
    }

    /// Turns to another view; what is known of the last one and holds for this one too is kept.
    pub fn take(&mut self, subject: Subject) {
        self.subject = Some(subject);
    }

    /// Forgets everything: the nets behind the names are others.
    pub fn forget(&mut self) {
        *self = Self { wish: std::mem::take(&mut self.wish), ..Self::default() };
    }

    /// The net of this name is another one.
    pub fn forget_net(&mut self, name: &str) {
        if self.second.knows(name) {
            self.second = second::Work::default();
        }
    }

    /// Goes on piece by piece until all is done or something else is to be done. `rests` waits so long for another task and
    /// says whether none came; `load` finds a net by its name.
    ///
    /// # Errors
    /// Those of a net; what failed is not tried again.
    pub fn go_on(
        &mut self,
        rests: &dyn Fn(Duration) -> bool,
        load: &dyn Fn(&str) -> Result<Arc<Model>>,
        send: &dyn Fn(Event),
    ) -> Result<()> {
        let Some(subject) = &self.subject else { return Ok(()) };
        let mut pause = if subject.took > SLOW { REST } else { Duration::ZERO };
        while self.is_something_left() {
            if !rests(pause) {
                return Ok(());
            }
            pause = Duration::ZERO;
            if let Err(error) = self.advance(load, send) {
                self.subject = None;
                return Err(error);
            }
        }
        Ok(())
    }

    fn is_something_left(&mut self) -> bool {
        let Some(subject) = &self.subject else { return false };
        if self.wish.curve && !self.along.as_ref().is_some_and(|work| work.is_of(subject)) {
            self.along = Some(along::Work::new(subject));
        }
        let curve = self.wish.curve && self.along.as_ref().is_some_and(|work| !work.is_done());
        if let Some(number) = self.wish.least
            && !self.least.as_ref().is_some_and(|work| work.is_for(subject, number))
        {
            self.least = Some(least::Work::new(subject, number));
        }
        let least = self.wish.least.is_some() && self.least.as_ref().is_some_and(|work| !work.is_done());
        least || curve || self.controls_left().is_some() || self.second_left().is_some()
    }

    /// The seed of the controls that are not there yet.
    fn controls_left(&self) -> Option<u64> {
        let subject = self.subject.as_ref()?;
        self.wish.controls.filter(|&seed| !self.controls.as_ref().is_some_and(|work| work.is_done(subject, seed)))
    }

    /// The second net that is not asked yet.
    fn second_left(&self) -> Option<SecondWish> {
        let subject = self.subject.as_ref()?;
        self.wish.second.clone().filter(|wish| !self.second.is_done(subject, wish))
    }

    /// One piece of what is left. The second net and the controls change with every ε: they come first.
    fn advance(&mut self, load: &dyn Fn(&str) -> Result<Arc<Model>>, send: &dyn Fn(Event)) -> Result<()> {
        let (second, seed) = (self.second_left(), self.controls_left());
        let Some(subject) = &self.subject else { return Ok(()) };
        // The person waits for this one.
        if let Some(work) = self.least.as_mut().filter(|work| self.wish.least.is_some() && !work.is_done()) {
            if let Some(least) = work.advance(subject)? {
                send(Event::Least(least));
            }
        } else if let Some(wish) = second {
            if let Some(second) = self.second.advance(subject, &wish, load) {
                send(Event::Second(Box::new(second)));
            }
        } else if let Some(seed) = seed {
            let work = self.controls.get_or_insert_with(|| controls::Work::new(seed));
            if let Some(controls) = work.advance(subject, seed)? {
                send(Event::Controls(Box::new(controls)));
            }
        } else if let Some(work) = self.along.as_mut().filter(|work| !work.is_done())
            && let Some(along) = work.advance(subject)?
        {
            send(Event::Along(Box::new(along)));
        }
        Ok(())
    }
}

/// How many pictures a net is given at once, so that a piece takes a moment: more and more while it is quick.
struct Pace(usize);

impl Pace {
    const QUICK: Duration = Duration::from_millis(4);

    fn new() -> Self {
        Self(1)
    }

    /// Does a piece and learns from how long it took.
    fn keep<T>(&mut self, piece: impl FnOnce(usize) -> T) -> T {
        let started = Instant::now();
        let done = piece(self.0);
        if started.elapsed() < Self::QUICK {
            self.0 *= 4;
        }
        done
    }
}
