//! The threads of the worker share a name, a guard that turns a panic into a message, and throttled progress.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::mailbox::Mailbox;
use crate::engine::{Error, Result};

/// A person is told this of a panic, and then what becomes of the work in hand.
pub const INTERNAL_ERROR: &str = "an internal error: please report what you were doing.";

/// This is why a piece of work came to nothing. After a panic, whatever was half done is to be dropped.
#[derive(Clone, Debug)]
pub enum Failure {
    Stopped,
    Error(String),
    Panic,
}

impl Failure {
    /// Returns the message for a person; `None` for work that was stopped.
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

/// Starts a thread with a name, unless the operating system gives none.
pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(work)
}

/// Does one piece of work on a thread of its own, and hands over what came of it or that there is no thread.
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

/// This thread takes its tasks from a mailbox and has the lowest priority: the window and the live picture go first.
/// When it is dropped, the mailbox is closed, and the end of the thread is waited for.
pub struct PatientThread<T> {
    pub tasks: Arc<Mailbox<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> PatientThread<T> {
    /// Starts the thread and a pool of threads for what it computes, all at the lowest priority.
    pub fn start(
        name: &'static str,
        serve: impl FnOnce(Arc<Mailbox<T>>, rayon::ThreadPool) + Send + 'static,
    ) -> std::io::Result<Self> {
        // Where the lowest priority is refused, the work goes on.
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

    /// Lets the thread end by itself: nothing waits for it.
    pub fn detached(mut self) -> Self {
        self.thread = None;
        self
    }
}

impl<T> Drop for PatientThread<T> {
    fn drop(&mut self) {
        self.tasks.close();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported already.
            let _ = thread.join();
        }
    }
}

/// Tells when it is time to report again.
pub struct Throttle {
    every: Duration,
    last: Option<Instant>,
}

impl Throttle {
    /// The shortest time between two reports of progress.
    pub const PROGRESS: Duration = Duration::from_millis(100);

    /// Makes a throttle whose first report is due at once.
    pub fn at_once(every: Duration) -> Self {
        Self { every, last: None }
    }

    /// Makes a throttle whose first report is due when this time has passed once.
    pub fn later(every: Duration) -> Self {
        Self { every, last: Some(Instant::now()) }
    }

    /// Returns whether a report is due; then the next one is due when the time has passed again.
    pub fn is_due(&mut self) -> bool {
        let is_due = self.last.is_none_or(|last| last.elapsed() >= self.every);
        if is_due {
            self.last = Some(Instant::now());
        }
        is_due
    }
}

/// A download reports this.
#[derive(Clone, Debug)]
pub enum DownloadEvent {
    /// How many bytes have arrived, and of how many; told several times a second.
    Progress { done: u64, of: u64 },
    /// All of it has arrived.
    Done,
    /// It failed with this message, or, without one, was cancelled by the person. What has arrived is kept for the next
    /// time.
    Failed(Option<String>),
}

/// This is a download on a thread of its own. When it is dropped, it stops within a moment.
pub struct BackgroundDownload {
    _wanted: Arc<()>,
}

impl BackgroundDownload {
    /// Starts a download. `fetch` calls what it is given with the bytes that have arrived and their final number, and
    /// stops when that returns false.
    pub fn start(
        fetch: impl FnOnce(&mut dyn FnMut(u64, u64) -> bool) -> Result<()> + Send + 'static,
        tell: impl Fn(DownloadEvent) + Clone + Send + 'static,
    ) -> Self {
        let wanted = Arc::new(());
        let (is_wanted, tell_progress) = (Arc::downgrade(&wanted), tell.clone());
        let work = move || {
            let mut throttle = Throttle::at_once(Throttle::PROGRESS);
            fetch(&mut |done, of| {
                if throttle.is_due() {
                    tell_progress(DownloadEvent::Progress { done, of });
                }
                is_wanted.strong_count() > 0
            })
        };
        once("fetching", work, move |fetched| match fetched {
            Ok(()) => tell(DownloadEvent::Done),
            Err(failure) => tell(DownloadEvent::Failed(failure.message())),
        });
        Self { _wanted: wanted }
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
