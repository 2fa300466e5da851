//! A run that waits becomes the one in hand here.

use std::sync::Arc;
use std::time::Duration;

use super::{Desk, InHand, QueuedRun};
use crate::engine::data::{Dataset, Pace, Split, Watch};
use crate::engine::train::{Config, NewNet, RunFolder};
use crate::engine::{Error, Result};
use crate::worker::Event;
use crate::worker::job::Throttle;
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
            Err(Error::Stopped) if is_new => self.forget(&run),
            Err(Error::Stopped) => self.tell(&run, RunState::Stopped),
            Err(error) => self.tell(&run, RunState::Failed(error.to_string())),
        }
    }

    fn begin(&mut self, QueuedRun { run, config }: QueuedRun) -> Result<InHand> {
        let path = self.folder(&run);
        // A run that waited when the program ended has its settings on disk.
        let config = config.or_else(|| RunFolder::waiting(&path).map(Box::new));
        let (folder, trainer) = match config {
            Some(config) => {
                let catalogue = self.catalogue.clone();
                let NewNet { manifest, note } = self.watched(&run, |watch| config.net(&catalogue, watch))?;
                self.tell_notes(&run, note.as_slice());
                let data = self.open(&run, &config, &manifest.classes)?;
                RunFolder::begin(&path, manifest, data, *config)?
            }
            None => RunFolder::resume(&path, |config, classes| self.open(&run, config, classes))?,
        };
        Ok(InHand {
            run,
            folder,
            trainer,
            is_paused: false,
            pause_after: None,
            offered: false,
            progress_due: Throttle::at_once(Throttle::PROGRESS),
            first_layer_due: Throttle::at_once(Duration::from_millis(500)),
            nets_due: Throttle::at_once(Duration::from_secs(2)),
            list_due: Throttle::at_once(Duration::from_secs(2)),
        })
    }

    fn open(&mut self, run: &RunId, config: &Config, classes: &[String]) -> Result<Arc<Dataset>> {
        let mut last = std::mem::take(&mut self.data);
        let data = self.watched(run, |watch| last.open(&config.data, Split::Train, classes, config.opening(), watch));
        self.data = last;
        let data = data?;
        self.tell_notes(run, data.notes());
        Ok(data)
    }

    /// Says what there is to say of the data of a run.
    fn tell_notes(&self, run: &RunId, notes: &[String]) {
        if !notes.is_empty() {
            self.send(TrainEvent::Notes { run: run.clone(), notes: notes.to_vec() });
        }
    }

    /// Prepares something of a run on the trainer's threads. It obeys an order to stop at once; all others wait.
    fn watched<T: Send>(&mut self, run: &RunId, prepare: impl FnOnce(&mut Watch) -> Result<T> + Send) -> Result<T> {
        let Self { orders, outbox, fetching, pool, .. } = self;
        let (mut pace, mut told) = (Pace::started(), Throttle::later(Throttle::PROGRESS));
        let is_to_go = |order: &Order| matches!(order, Order::Withdraw(other) | Order::Delete(other) if other == run);
        let mut watch = move |share: f32| {
            if told.is_due() {
                let left = pace.left(share);
                outbox.send(Event::Training(TrainEvent::Preparing { run: run.clone(), share, left }));
            }
            if orders.take(|order| matches!(order, Order::CancelFetch)).is_some() {
                *fetching = None;
            }
            let is_stopped = orders.take(|order| matches!(order, Order::Stop)).is_some();
            !is_stopped && !orders.holds(is_to_go) && !orders.is_closed()
        };
        pool.install(|| prepare(&mut watch))
    }
}
