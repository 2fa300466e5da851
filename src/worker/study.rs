//! What is worked out beside a view once it is answered, while nothing else waits: the window's pictures never wait for it.

mod along;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use along::{Along, ClassLine};

use super::protocol::{Event, View};
use crate::engine::Result;
use crate::engine::attack::Baseline;
use crate::engine::model::Model;

/// What the window wants to know beside its pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The net's answers along the attack's direction.
    pub curve: bool,
}

/// A view that takes longer than this is not followed at once: ε may be moving, and the next view must not wait.
const SLOW: Duration = Duration::from_millis(6);
/// Then nothing may have come for so long.
const REST: Duration = Duration::from_millis(60);

/// A view that was answered, and what the study needs of it.
#[derive(Clone)]
pub struct Subject {
    pub model: Arc<Model>,
    pub baseline: Arc<Baseline>,
    pub view: View,
    pub took: Duration,
}

/// The newest view's study.
#[derive(Default)]
pub struct Study {
    wish: Wish,
    subject: Option<Subject>,
    along: Option<along::Work>,
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
        *self = Self { wish: self.wish.clone(), ..Self::default() };
    }

    /// Goes on piece by piece until all is done or something else is to be done. `rests` waits so long for another task and
    /// says whether none came.
    ///
    /// # Errors
    /// Those of a net; what failed is not tried again.
    pub fn go_on(&mut self, rests: &dyn Fn(Duration) -> bool, send: &dyn Fn(Event)) -> Result<()> {
        let Some(subject) = &self.subject else { return Ok(()) };
        let mut pause = if subject.took > SLOW { REST } else { Duration::ZERO };
        while self.is_something_left() {
            if !rests(pause) {
                return Ok(());
            }
            pause = Duration::ZERO;
            if let Err(error) = self.advance(send) {
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
        self.wish.curve && self.along.as_ref().is_some_and(|work| !work.is_done())
    }

    /// One piece of what is left.
    fn advance(&mut self, send: &dyn Fn(Event)) -> Result<()> {
        let Some(subject) = &self.subject else { return Ok(()) };
        if let Some(work) = self.along.as_mut().filter(|work| !work.is_done())
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
