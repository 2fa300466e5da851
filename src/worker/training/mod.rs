//! The trainer: one run at a time on a thread of its own, orders in, events out.

mod desk;
mod fetching;
mod protocol;
mod shipped;

pub use protocol::{Order, RunId, RunInfo, RunState, TrainEvent};

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::Outbox;
use super::mailbox::Mailbox;
use crate::engine::model::Catalogue;
use desk::Desk;

/// The environment variable that names the folder of the runs.
const VARIABLE: &str = "DOPPELGANGER_RUNS";

/// Orders that may wait.
const ORDERS: usize = 4096;

/// A handle on the trainer's thread. Dropping it keeps the run in hand, which takes no longer than a step and a checkpoint.
pub struct Training {
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// Where the runs of the window are kept: what the environment says, or the user's data folder.
pub fn runs_folder() -> PathBuf {
    let asked = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let own = || directories::ProjectDirs::from("", "", "doppelganger").map(|dirs| dirs.data_dir().join("runs"));
    asked.or_else(own).unwrap_or_else(|| PathBuf::from("doppelganger-runs"))
}

impl Training {
    /// # Errors
    /// When the operating system gives no thread.
    pub fn spawn(
        runs: PathBuf,
        catalogue: Catalogue,
        explorer: Arc<Mailbox>,
        outbox: Arc<Outbox>,
    ) -> std::io::Result<Self> {
        let (orders, receive) = sync_channel(ORDERS);
        let pool = patient_pool("trainer")?;
        let work = move || {
            step_back();
            Desk::new(runs, catalogue, explorer, outbox, pool, receive).serve();
        };
        let thread = std::thread::Builder::new().name("trainer".into()).spawn(work)?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    pub fn order(&self, order: Order) {
        if let Some(orders) = &self.orders {
            // The thread only ends when this handle is dropped, and nobody gives so many orders in one step.
            let _ = orders.try_send(order);
        }
    }
}

/// Threads below all others: the window and the live picture always come first.
///
/// # Errors
/// When the operating system gives no thread.
pub fn patient_pool(name: &'static str) -> std::io::Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(rayon::current_num_threads())
        .thread_name(move |number| format!("{name}-{number}"))
        .start_handler(|_| step_back())
        .build()
        .map_err(std::io::Error::other)
}

/// The lowest priority that the system has. It is no more than a courtesy: where it is refused, the work goes on.
pub fn step_back() {
    let _ = thread_priority::set_current_thread_priority(thread_priority::ThreadPriority::Min);
}

impl Drop for Training {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported already.
            let _ = thread.join();
        }
    }
}
