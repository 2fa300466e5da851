//! The trainer's desk holds the run in hand and those that wait, and does what is ordered.

mod preparing;
mod reports;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::protocol::{Order, RunId, RunInfo, RunState, TrainEvent};
use crate::engine::data::DataSource;
use crate::engine::model::{Catalogue, name_of_run};
use crate::engine::train::{Config, RunFolder, RunLabel, RunNets, Trainer, WorkDone, shipped};
use crate::engine::{Error, Result};
use crate::worker::explorer::Inbox;
use crate::worker::job::{
    BackgroundDownload, DownloadEvent, Failure, INTERNAL_ERROR, PatientThread, Throttle, guarded,
};
use crate::worker::last::LastData;
use crate::worker::mailbox::Mailbox;
use crate::worker::{Event, Outbox};

struct Desk {
    runs: PathBuf,
    catalogue: Catalogue,
    explorer: Arc<Inbox>,
    outbox: Arc<Outbox>,
    pool: rayon::ThreadPool,
    orders: Arc<Mailbox<Order>>,
    queue: VecDeque<QueuedRun>,
    in_hand: Option<InHand>,
    /// The pictures of the last run; the next one of a sweep wants them too.
    data: LastData,
    number: usize,
    fetching: Option<BackgroundDownload>,
}

/// A run that waits has its settings with it if it is new.
struct QueuedRun {
    run: RunId,
    config: Option<Box<Config>>,
}

/// This follows the message of a checkpoint that could not be written.
const FULL: &str = "\n  The history stays; free some space and go on";

struct InHand {
    run: RunId,
    folder: RunFolder,
    trainer: Trainer,
    is_paused: bool,
    /// The run pauses after its next step or epoch.
    pause_after: Option<WorkDone>,
    offered: bool,
    progress_due: Throttle,
    first_layer_due: Throttle,
    nets_due: Throttle,
    /// The list of nets shows what the last epochs came to.
    list_due: Throttle,
}

/// Starts the thread. Dropping it keeps the run in hand, which takes no longer than a step and a checkpoint.
pub fn start(
    runs: PathBuf,
    catalogue: Catalogue,
    explorer: Arc<Inbox>,
    outbox: Arc<Outbox>,
) -> std::io::Result<PatientThread<Order>> {
    PatientThread::start("trainer", |orders, pool| {
        let (queue, data) = (VecDeque::new(), LastData::default());
        let desk = Desk {
            runs,
            catalogue,
            explorer,
            outbox,
            pool,
            orders,
            queue,
            in_hand: None,
            data,
            number: 1,
            fetching: None,
        };
        desk.serve();
    })
}

impl Desk {
    /// Works until nobody gives orders any more, then keeps the run in hand.
    fn serve(mut self) {
        self.list();
        while let Some(order) = self.orders.next_unless(!self.is_idle()) {
            let done = guarded(|| match order {
                Some(order) => self.obey(order),
                None => {
                    self.work();
                    Ok(())
                }
            });
            match done {
                Ok(()) | Err(Failure::Stopped) => {}
                Err(Failure::Error(why)) => self.send(TrainEvent::Problem(why)),
                Err(Failure::Panic) => {
                    // Whatever was half done is dropped; the last checkpoint is whole.
                    let why = format!("{INTERNAL_ERROR} The run can be taken up from its checkpoint");
                    self.put_down(RunState::Failed(why));
                }
            }
        }
        if let Some(InHand { mut folder, trainer, .. }) = self.in_hand.take() {
            // Nobody is there to be told of an error; the checkpoint before this one still stands.
            let _ = folder.keep(&trainer);
        }
    }

    fn is_idle(&self) -> bool {
        match &self.in_hand {
            Some(run) => run.is_paused,
            None => self.queue.is_empty(),
        }
    }

    fn send(&self, event: TrainEvent) {
        self.outbox.send(Event::Training(event));
    }

    fn tell(&self, run: &RunId, state: RunState) {
        self.send(TrainEvent::State { run: run.clone(), state });
    }

    /// Reports the run that came with the program and those on disk with a whole checkpoint, oldest first.
    fn list(&mut self) {
        let names = std::fs::read_dir(&self.runs).into_iter().flatten();
        let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut runs: Vec<(usize, String)> =
            names.filter_map(|name| Some((name.strip_prefix("run-")?.parse().ok()?, name))).collect();
        runs.sort();
        self.number = runs.last().map_or(1, |(number, _)| number + 1);
        let on_disk = runs.iter().filter_map(|(_, name)| self.info_on_disk(&name.as_str().into()).ok());
        self.send(TrainEvent::Runs(self.shipped().into_iter().chain(on_disk).collect()));
    }

    /// Returns the run that came with the program; `None` where it was deleted from this folder of runs.
    fn shipped(&self) -> Option<RunInfo> {
        let checkpoint = (!shipped::is_deleted(&self.runs)).then(shipped::checkpoint)?.ok()?;
        RunInfo::from_summary(shipped::NAME.into(), self.runs.join(shipped::NAME), checkpoint.summary).ok()
    }

    fn folder(&self, run: &RunId) -> PathBuf {
        self.runs.join(&**run)
    }

    fn nets(&self, run: &RunId) -> Result<RunNets> {
        if RunInfo::is_name_of_shipped(run) {
            shipped::checkpoint()?.nets()
        } else {
            RunFolder::nets(&self.folder(run))
        }
    }

    fn info_on_disk(&self, run: &RunId) -> Result<RunInfo> {
        let folder = self.folder(run);
        if let Some(config) = RunFolder::waiting(&folder) {
            return Ok(RunInfo::of_waiting(run.clone(), folder, config, RunState::Stopped));
        }
        let summary = RunFolder::summary(&folder)?;
        RunInfo::from_summary(run.clone(), folder, summary)
    }

    /// Does what was ordered. Its errors have no place in the state of a run.
    fn obey(&mut self, order: Order) -> Result<()> {
        match order {
            Order::Start(config) => self.enqueue(config),
            Order::Resume(run) => {
                let known = self.queue.iter().any(|waiting| waiting.run == run) || self.has_in_hand(&run);
                if !known {
                    self.tell(&run, RunState::Queued);
                    self.queue.push_back(QueuedRun { run, config: None });
                }
            }
            Order::Withdraw(run) => self.withdraw(&run),
            Order::Pause => self.enter(RunState::Paused(None), None),
            Order::Play => self.enter(RunState::Running, None),
            Order::OneStep => self.enter(RunState::Running, Some(WorkDone::Step)),
            Order::OneEpoch => self.enter(RunState::Running, Some(WorkDone::Epoch)),
            Order::Stop => self.stop(),
            Order::Retune { eps, alpha } => self.change(|trainer| trainer.retune(eps, alpha))?,
            Order::LearningRate(rate) => self.change(|trainer| trainer.set_learning_rate(rate))?,
            Order::Offer(run) => self.offer(&run)?,
            Order::FirstLayer(run) => self.show_first_layer(&run)?,
            Order::Label(run, label) => self.label(run, label)?,
            Order::Delete(run) => self.delete(&run),
            Order::Fetch(source) => {
                // The one before stops first.
                self.fetching = None;
                self.fetching = self.fetch(source);
            }
            Order::CancelFetch => self.fetching = None,
        }
        Ok(())
    }

    /// Fetches a data set from the network; tells and returns `None` for one that cannot be fetched.
    fn fetch(&self, source: DataSource) -> Option<BackgroundDownload> {
        let Some(offer) = source.offer() else {
            let why = format!("the data set {source} cannot be fetched");
            self.send(TrainEvent::Download(source, DownloadEvent::Failed(Some(why))));
            return None;
        };
        let fetch = move |progress: &mut dyn FnMut(u64, u64) -> bool| {
            let of = offer.bytes();
            offer.fetch(&mut |done| progress(done, of))
        };
        let outbox = self.outbox.clone();
        let tell = move |event| outbox.send(Event::Training(TrainEvent::Download(source.clone(), event)));
        Some(BackgroundDownload::start(fetch, tell))
    }

    fn has_in_hand(&self, run: &RunId) -> bool {
        self.in_hand.as_ref().is_some_and(|in_hand| in_hand.run == *run)
    }

    fn enqueue(&mut self, mut config: Box<Config>) {
        // Settings that were kept by an earlier version begin new runs as all others.
        config.is_as_filed = false;
        match self.reserve(&config) {
            Ok(run) => {
                let info = RunInfo::of_waiting(run.clone(), self.folder(&run), (*config).clone(), RunState::Queued);
                self.send(TrainEvent::Run(Box::new(info)));
                self.queue.push_back(QueuedRun { run, config: Some(config) });
            }
            Err(error) => self.send(TrainEvent::Problem(format!("No run was begun: {error}"))),
        }
    }

    /// Makes a folder for a new run, whose settings outlive the program. Other windows may take numbers, too.
    fn reserve(&mut self, config: &Config) -> Result<RunId> {
        std::fs::create_dir_all(&self.runs).map_err(Error::io("make the folder for runs", &self.runs))?;
        loop {
            let run: RunId = format!("run-{:04}", self.number).into();
            self.number += 1;
            let folder = self.folder(&run);
            if !folder.exists() {
                return RunFolder::reserve(&folder, config).map(|()| run);
            }
        }
    }

    fn forget(&self, run: &RunId) {
        // A folder that cannot be deleted is listed as a run that can be begun or deleted.
        let _ = std::fs::remove_dir_all(self.folder(run));
        self.explorer.refresh_net(name_of_run(run));
        self.send(TrainEvent::Deleted(run.clone()));
    }

    fn withdraw(&mut self, run: &RunId) {
        if let Some(at) = self.queue.iter().position(|waiting| waiting.run == *run)
            && let Some(waiting) = self.queue.remove(at)
        {
            match waiting.config {
                Some(_) => self.forget(run),
                None => self.tell(run, RunState::Stopped),
            }
        }
    }

    fn enter(&mut self, state: RunState, pause_after: Option<WorkDone>) {
        let Some(in_hand) = &mut self.in_hand else { return };
        (in_hand.is_paused, in_hand.pause_after) = (state != RunState::Running, pause_after);
        let run = in_hand.run.clone();
        self.tell(&run, state);
        self.report_progress(true);
    }

    fn pause_because(&mut self, why: String) {
        self.enter(RunState::Paused(Some(why)), None);
    }

    fn stop(&mut self) {
        let Some(in_hand) = &mut self.in_hand else { return };
        if let Err(error) = in_hand.folder.keep(&in_hand.trainer) {
            let advice = "The run is still in memory: free some space, then go on or stop";
            return self.pause_because(format!("{error}\n  {advice}"));
        }
        let is_finished = in_hand.trainer.is_finished();
        self.put_down(if is_finished { RunState::Finished } else { RunState::Stopped });
    }

    fn put_down(&mut self, state: RunState) {
        if let Some(in_hand) = self.in_hand.take() {
            self.explorer.refresh_net(name_of_run(&in_hand.run));
            self.tell(&in_hand.run, state);
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Trainer) -> Result<()>) -> Result<()> {
        let Some(in_hand) = &mut self.in_hand else { return Ok(()) };
        change(&mut in_hand.trainer)?;
        let kept = in_hand.folder.keep(&in_hand.trainer);
        self.report_run();
        if let Err(error) = kept {
            self.pause_because(format!("{error}{FULL}"));
        }
        Ok(())
    }

    fn label(&self, run: RunId, label: RunLabel) -> Result<()> {
        let folder = self.folder(&run);
        if !folder.is_dir() {
            return Err(Error::Argument(format!(
                "{run} has no folder for a name or a note, because it came with the program; “Same settings” begins one \
                 that has"
            )));
        }
        label.write(&folder)?;
        self.send(TrainEvent::Labelled { run, label });
        Ok(())
    }

    fn delete(&mut self, run: &RunId) {
        self.withdraw(run);
        let folder = self.folder(run);
        let deleted = if RunInfo::is_name_of_shipped(run) {
            shipped::delete(&self.runs).map_err(|error| error.to_string())
        } else if self.has_in_hand(run) {
            Err("it is in hand; stop it first".into())
        } else if Path::new(&**run).components().count() != 1 {
            Err("there is no such run".into())
        } else if !folder.exists() {
            Ok(())
        } else if RunFolder::summary(&folder).is_err() && RunFolder::waiting(&folder).is_none() {
            // Nothing is deleted that may not be a run of ours.
            Err("its folder holds no whole checkpoint".into())
        } else {
            std::fs::remove_dir_all(&folder).map_err(|error| error.to_string())
        };
        self.send(match deleted {
            Ok(()) => {
                self.explorer.refresh_net(name_of_run(run));
                TrainEvent::Deleted(run.clone())
            }
            Err(why) => TrainEvent::Problem(format!("{run} was not deleted: {why}")),
        });
    }

    fn work(&mut self) {
        let Some(in_hand) = &mut self.in_hand else { return self.begin_next() };
        // Only a disk that takes nothing leaves a finished run in hand.
        let finished = in_hand.trainer.is_finished();
        let work = (!finished).then(|| self.pool.install(|| in_hand.trainer.advance()));
        let kept = match &work {
            Some(Ok(WorkDone::Step | WorkDone::Validation)) => in_hand.folder.keep_now_and_then(&in_hand.trainer),
            _ => in_hand.folder.keep(&in_hand.trainer),
        };
        let pauses = |now: &WorkDone| in_hand.pause_after.is_some_and(|after| after == WorkDone::Step || after == *now);
        if matches!(&work, Some(Ok(now)) if pauses(now)) {
            self.enter(RunState::Paused(None), None);
        }
        match work {
            Some(Err(error)) => return self.pause_because(error.to_string()),
            Some(Ok(work)) => self.report(work),
            None => {}
        }
        match kept {
            Err(error) => self.pause_because(format!("{error}{FULL}")),
            Ok(()) => self.finish_if_done(),
        }
    }

    fn finish_if_done(&mut self) {
        let Some(in_hand) = self.in_hand.as_ref().filter(|in_hand| in_hand.trainer.is_finished()) else { return };
        if let Err(error) = in_hand.folder.write_net(&in_hand.trainer) {
            return self.pause_because(format!("{error}\n  Free some space and go on"));
        }
        self.put_down(RunState::Finished);
    }
}
