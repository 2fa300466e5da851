//! What all threads of the worker have in common: a name, a guard that turns a panic into a message, and progress
//! that is told now and then.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::mailbox::Mailbox;
use crate::engine::{Error, Result};

/// What a person is told of a panic; what becomes of the work in hand follows.
pub const INTERNAL_ERROR: &str = "an internal error: please report what you were doing.";

/// Why a piece of work came to nothing.
#[derive(Clone, Debug)]
pub enum Failure {
    /// It was no longer wanted.
    Stopped,
    /// For a person.
    Error(String),
    /// Whatever was half done is to be dropped.
    Panic,
}

impl Failure {
    /// What a person is told; nothing of work that was stopped.
    pub fn message(self) -> Option<String> {
        match self {
            Self::Stopped => None,
            Self::Error(message) => Some(message),
            Self::Panic => Some(format!("{INTERNAL_ERROR} The app goes on")),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Stopped => Self::Stopped,
            error => Self::Error(error.to_string()),
        }
    }
}

/// Does a piece of work; a panic in it is a failure like others.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Ok(done?),
        Err(_) => Err(Failure::Panic),
    }
}

/// Starts a thread with a name.
///
/// # Errors
/// When the operating system gives none.
pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(work)
}

/// Does one piece of work on a thread of its own and hands over what came of it. A thread that the operating system
/// does not give is a failure too.
pub fn once<T>(
    name: &str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
    done: impl FnOnce(Result<T, Failure>) + Clone + Send + 'static,
) {
    let refused = done.clone();
    if let Err(error) = start(name, move || done(guarded(work))) {
        refused(Err(Failure::Error(format!("the system gave no thread for this: {error}"))));
    }
}

/// A thread that takes its tasks from a mailbox and comes after all others: the window and the live picture always go
/// first. When it is dropped, the mailbox is closed and the thread ends by itself.
pub struct PatientThread<T> {
    pub tasks: Arc<Mailbox<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> PatientThread<T> {
    /// Starts the thread and a pool of threads for what it computes, all at the lowest priority.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(
        name: &'static str,
        serve: impl FnOnce(Arc<Mailbox<T>>, rayon::ThreadPool) + Send + 'static,
    ) -> std::io::Result<Self> {
        // The lowest priority is no more than a courtesy: where it is refused, the work goes on.
        let step_back = || drop(thread_priority::set_current_thread_priority(thread_priority::ThreadPriority::Min));
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(rayon::current_num_threads())
            .thread_name(move |number| format!("{name}-{number}"))
            .start_handler(move |_| step_back())
            .build()
            .map_err(std::io::Error::other)?;
        let tasks = Arc::new(Mailbox::new(|_| 0));
        let theirs = tasks.clone();
        let thread = start(name, move || {
            step_back();
            serve(theirs, pool);
        })?;
        Ok(Self { tasks, thread: Some(thread) })
    }

    /// Closes the mailbox and waits until the thread has ended.
    pub fn finish(&mut self) {
        self.tasks.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported already.
            let _ = thread.join();
        }
    }
}

impl<T> Drop for PatientThread<T> {
    fn drop(&mut self) {
        self.tasks.close();
    }
}

/// Tells when it is time to report again.
pub struct Throttle {
    every: Duration,
    last: Option<Instant>,
}

impl Throttle {
    /// How often progress is told: at most ten times a second.
    pub const PROGRESS: Duration = Duration::from_millis(100);

    /// Makes a throttle whose first report is due at once.
    pub fn at_once(every: Duration) -> Self {
        Self { every, last: None }
    }

    /// Makes a throttle whose first report is due when this time has passed once.
    pub fn later(every: Duration) -> Self {
        Self { every, last: Some(Instant::now()) }
    }

    /// Whether a report is due; then the next one is due when the time has passed again.
    pub fn is_due(&mut self) -> bool {
        let is_due = self.last.is_none_or(|last| last.elapsed() >= self.every);
        if is_due {
            self.last = Some(Instant::now());
        }
        is_due
    }
}

/// How a download goes.
pub enum Arrival {
    /// So many bytes are here, of how many; several times a second.
    Bytes {
        done: u64,
        of: u64,
    },
    Complete,
    /// Why it ended before; nothing where the person stopped it. What has arrived is kept for the next time.
    Failed(Option<String>),
}

/// A download on a thread of its own. When it is dropped, it stops within a moment.
pub struct Download {
    is_stopped: Arc<AtomicBool>,
}

impl Download {
    /// Starts a download. `fetch` calls what it is given with the bytes that are here and those that there are, and
    /// stops when that returns false.
    pub fn start(
        fetch: impl FnOnce(&mut dyn FnMut(u64, u64) -> bool) -> Result<()> + Send + 'static,
        tell: impl Fn(Arrival) + Clone + Send + 'static,
    ) -> Self {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (stopped, progress) = (is_stopped.clone(), tell.clone());
        let work = move || {
            let mut told = Throttle::at_once(Throttle::PROGRESS);
            fetch(&mut |done, of| {
                if told.is_due() {
                    progress(Arrival::Bytes { done, of });
                }
                !stopped.load(Ordering::Relaxed)
            })
        };
        once("fetching", work, move |fetched| {
            tell(fetched.map_or_else(|failure| Arrival::Failed(failure.message()), |()| Arrival::Complete));
        });
        Self { is_stopped }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_with_a_message() {
        assert_eq!(guarded(|| Ok(7)).unwrap(), 7);
        let message = |failure: Failure| failure.message();
        assert_eq!(guarded(|| Err::<(), _>(Error::Stopped)).map_err(message), Err(None));
        let broken = guarded(|| -> Result<()> { panic!("a test of the guard") }).map_err(message);
        assert!(broken.unwrap_err().unwrap().starts_with(INTERNAL_ERROR));
    }
}
