//! Mailboxes bring tasks to a thread, and their numbers tell which of them are still wanted.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A mailbox holds the tasks that wait for one thread. Of tasks that have a number only those with the newest one are
/// wanted: all others are overtaken, and whoever works on them stops.
pub struct Mailbox<T> {
    waiting: Mutex<Waiting<T>>,
    arrived: Condvar,
    rank: fn(&T) -> u8,
}

struct Waiting<T> {
    tasks: VecDeque<T>,
    newest: u64,
    is_closed: bool,
}

impl<T> Mailbox<T> {
    /// Makes an empty mailbox. Tasks of a lower rank are taken first, those of one rank in order.
    pub fn new(rank: fn(&T) -> u8) -> Self {
        let waiting = Waiting { tasks: VecDeque::new(), newest: 0, is_closed: false };
        Self { waiting: Mutex::new(waiting), arrived: Condvar::new(), rank }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        // Nothing in here can be left half done, so a poisoned lock is as good as any.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, task: T) {
        self.lock().tasks.push_back(task);
        self.arrived.notify_one();
    }

    /// Overtakes all numbered tasks so far, and returns the number of the next one, from 1 on.
    pub fn overtake(&self) -> u64 {
        let mut waiting = self.lock();
        waiting.newest += 1;
        waiting.newest
    }

    pub fn newest(&self) -> u64 {
        self.lock().newest
    }

    pub fn is_overtaken(&self, number: u64) -> bool {
        self.newest() > number
    }

    /// Lets no more tasks in. Those that wait are still done, but those with a number are overtaken.
    pub fn close(&self) {
        self.overtake();
        self.lock().is_closed = true;
        self.arrived.notify_one();
    }

    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Waits for the next task; `None` when the mailbox is closed and empty.
    pub fn next(&self) -> Option<T> {
        self.next_unless(false).flatten()
    }

    /// Takes the next task. A thread that is busy does not wait for one, and gets `Some(None)` where there is none;
    /// `None` when the mailbox is closed and empty.
    pub fn next_unless(&self, is_busy: bool) -> Option<Option<T>> {
        let must_wait = |waiting: &mut Waiting<T>| !is_busy && waiting.tasks.is_empty() && !waiting.is_closed;
        let waited = self.arrived.wait_while(self.lock(), must_wait);
        let mut waiting = waited.unwrap_or_else(PoisonError::into_inner);
        let next = waiting.tasks.iter().enumerate().min_by_key(|(_, task)| (self.rank)(task)).map(|(at, _)| at);
        let task = next.and_then(|at| waiting.tasks.remove(at));
        (task.is_some() || !waiting.is_closed).then_some(task)
    }

    /// Takes the first task of a kind, whatever waits before it.
    pub fn take(&self, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
        let mut waiting = self.lock();
        let at = waiting.tasks.iter().position(is_wanted)?;
        waiting.tasks.remove(at)
    }

    pub fn holds(&self, is_wanted: impl Fn(&T) -> bool) -> bool {
        self.lock().tasks.iter().any(is_wanted)
    }

    /// Waits at most this long for a task; returns true when none came and more may be done meanwhile.
    pub fn rests(&self, time: Duration) -> bool {
        let is_empty = |waiting: &mut Waiting<T>| !waiting.is_closed && waiting.tasks.is_empty();
        let waited = self.arrived.wait_timeout_while(self.lock(), time, is_empty);
        is_empty(&mut waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgent_tasks_come_first_and_newer_numbers_overtake() {
        let tasks = Mailbox::new(|task: &&str| u8::from(!task.starts_with('!')));
        ["a", "b", "!c"].into_iter().for_each(|task| tasks.push(task));
        assert!(tasks.holds(|task| *task == "a") && !tasks.rests(Duration::ZERO));
        assert_eq!(tasks.take(|task| *task == "b"), Some("b"));
        assert_eq!([tasks.next(), tasks.next()], [Some("!c"), Some("a")]);
        assert_eq!(tasks.next_unless(true), Some(None));
        let [first, second] = [tasks.overtake(), tasks.overtake()];
        assert!(tasks.is_overtaken(first) && !tasks.is_overtaken(second));
        tasks.push("last");
        tasks.close();
        assert_eq!([tasks.next(), tasks.next()], [Some("last"), None]);
        assert!(tasks.next_unless(true).is_none() && tasks.is_overtaken(second));
    }
}
