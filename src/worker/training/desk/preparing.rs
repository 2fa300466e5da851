//! From a run that waits to one in hand.

use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Instant;

use super::{Desk, InHand, PROGRESS_EVERY, Pace, Told, Waiting, is_due};
use crate::engine::data::{DataSource, Dataset, Split, Watch};
use crate::engine::train::RunFolder;
use crate::engine::{Error, Result};
use crate::worker::Event;
use crate::worker::training::protocol::{Order, RunId, RunState, TrainEvent};

impl Desk {
    pub(super) fn begin_next(&mut self) {
        let Some(waiting) = self.queue.pop_front() else { return };
        let run = waiting.run.clone();
        self.tell(&run, RunState::Preparing);
        let is_new = waiting.config.is_some();
        match self.begin(waiting) {
            Ok(in_hand) => {
                self.in_hand = Some(in_hand);
                self.report_run();
                self.tell(&run, RunState::Running);
                self.report_progress(true);
            }
            // It never began.
            Err(Error::Stopped) if is_new => self.forget(&run),
            Err(Error::Stopped) => self.tell(&run, RunState::Stopped),
            Err(error) => self.tell(&run, RunState::Failed(error.to_string())),
        }
    }

    fn begin(&mut self, Waiting { run, config }: Waiting) -> Result<InHand> {
        let path = self.folder(&run);
        // One that waited when the program ended has its settings on disk.
        let config = config.or_else(|| RunFolder::waiting(&path).map(Box::new));
        let (folder, trainer) = match config {
            Some(config) => {
                self.watched(&run, |watch| config.data.unpack(watch))?;
                let manifest = config.manifest(&self.catalogue)?;
                let data = self.open(&run, &config.data, &manifest.classes)?;
                RunFolder::begin(&path, manifest, data, *config)?
            }
            None => RunFolder::resume(&path, |source, classes| self.open(&run, source, classes))?,
        };
        Ok(InHand { run, folder, trainer, pace: Pace::Running, offered: false, told: Told::default() })
    }

    fn open(&mut self, run: &RunId, source: &DataSource, classes: &[String]) -> Result<Arc<Dataset>> {
        if let Some((_, _, data)) = self.data.as_ref().filter(|(known, of, _)| known == source && of == classes) {
            return Ok(data.clone());
        }
        // Two sets at once would take twice the memory.
        self.data = None;
        let data = self.watched(run, |watch| Ok(Arc::new(source.open(Split::Train, classes, watch)?)))?;
        self.data = Some((source.clone(), classes.to_vec(), data.clone()));
        Ok(data)
    }

    /// Prepares something of a run on the trainer's threads. It is told how far that is, and an order to stop is obeyed at
    /// once; all others wait.
    fn watched<T: Send>(&mut self, run: &RunId, prepare: impl FnOnce(&mut Watch) -> Result<T> + Send) -> Result<T> {
        let Self { orders, early, outbox, fetching, pool, .. } = self;
        let (began, mut told) = (Instant::now(), Some(Instant::now()));
        let mut watch = move |share: f32| {
            if is_due(&mut told, PROGRESS_EVERY) {
                let left = began.elapsed().mul_f32((1.0 - share).max(0.0) / share.max(1e-3));
                outbox.send(Event::Training(TrainEvent::Preparing { run: run.clone(), share, left }));
            }
            loop {
                match orders.try_recv() {
                    Ok(Order::Stop) => return false,
                    Ok(order @ (Order::Withdraw(_) | Order::Delete(_))) => {
                        let is_for_it = matches!(&order, Order::Withdraw(other) | Order::Delete(other) if other == run);
                        early.push_back(order);
                        if is_for_it {
                            return false;
                        }
                    }
                    Ok(Order::CancelFetch) => *fetching = None,
                    Ok(order) => early.push_back(order),
                    Err(TryRecvError::Empty) => return true,
                    Err(TryRecvError::Disconnected) => return false,
                }
            }
        };
        pool.install(|| prepare(&mut watch))
    }
}
