//! What the worker is asked to do: one view, the newest, and a short list of other tasks.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::protocol::{Revision, View};
use super::study::Wish;
use crate::engine::model::Model;

/// One thing to do.
pub enum Task {
    Show(Revision, Box<View>),
    Save(PathBuf),
    /// The files may have changed: the next view loads its model afresh.
    ForgetModel,
    ListModels,
    /// The file on screen may have changed.
    LookAgain,
    /// A net that is known by this name from now on: one in training.
    Provide(String, Arc<Model>),
    /// What to work out beside views from now on.
    Study(Wish),
}

#[derive(Default)]
struct Waiting {
    newest: Revision,
    view: Option<Box<View>>,
    tasks: VecDeque<Task>,
    closed: bool,
}

/// Latest wins for views; nets that are provided come first, other tasks keep their order and come after the view that was
/// asked for before them.
#[derive(Default)]
pub struct Mailbox {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing in here can be left half done, so a poisoned lock is as good as any.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn show(&self, view: View) -> Revision {
        let mut waiting = self.lock();
        waiting.newest += 1;
        waiting.view = Some(Box::new(view));
        self.arrived.notify_one();
        waiting.newest
    }

    pub fn push(&self, task: Task) {
        self.lock().tasks.push_back(task);
        self.arrived.notify_one();
    }

    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Whether a newer view than this one waits.
    pub fn is_stale(&self, revision: Revision) -> bool {
        let waiting = self.lock();
        waiting.closed || waiting.newest > revision
    }

    /// Waits so long for something to do; whether nothing came.
    pub fn rests(&self, time: Duration) -> bool {
        let is_empty = |waiting: &Waiting| !waiting.closed && waiting.view.is_none() && waiting.tasks.is_empty();
        let waiting = self.lock();
        if time.is_zero() {
            return is_empty(&waiting);
        }
        let waited = self.arrived.wait_timeout_while(waiting, time, |waiting| is_empty(waiting));
        is_empty(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Waits for something to do; `None` when closed.
    pub fn next(&self) -> Option<Task> {
        let mut waiting = self.lock();
        loop {
            if waiting.closed {
                return None;
            }
            // A view may want the very net that is being provided.
            let provided = waiting.tasks.iter().position(|task| matches!(task, Task::Provide(..)));
            if let Some(task) = provided.and_then(|at| waiting.tasks.remove(at)) {
                return Some(task);
            }
            if let Some(view) = waiting.view.take() {
                return Some(Task::Show(waiting.newest, view));
            }
            if let Some(task) = waiting.tasks.pop_front() {
                return Some(task);
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
