//! This tells the window and Explore of a run.

use std::sync::Arc;

use super::Desk;
use crate::engine::Result;
use crate::engine::device::Backend;
use crate::engine::model::{FirstLayer, Manifest, Model, Params, name_of_run};
use crate::engine::train::{Robustness, RunLabel, RunNets, WorkDone};
use crate::worker::Event;
use crate::worker::explorer::Task;
use crate::worker::training::protocol::{RunId, RunInfo, RunState, TrainEvent};

impl Desk {
    pub(super) fn report(&mut self, work: WorkDone) {
        let is_epoch = work == WorkDone::Epoch;
        let Some(in_hand) = &mut self.in_hand else { return };
        let run = in_hand.run.clone();
        if is_epoch && let Some(&record) = in_hand.trainer.history().last() {
            self.outbox.send(Event::Training(TrainEvent::Epoch { run: run.clone(), record }));
        }
        let at_once = is_epoch || in_hand.is_paused;
        if is_epoch && (in_hand.list_due.is_due() || in_hand.is_paused) {
            self.explorer.refresh_net(name_of_run(&run));
        }
        if (in_hand.first_layer_due.is_due() || at_once)
            && let Some(sheet) = in_hand.trainer.first_layer_sheet()
        {
            self.outbox.send(Event::Training(TrainEvent::FirstLayer { run: run.clone(), sheet: Arc::new(sheet) }));
        }
        if in_hand.offered && (in_hand.nets_due.is_due() || at_once) {
            let nets = in_hand.trainer.nets();
            let provided = nets.and_then(|RunNets { manifest, now, best, .. }| {
                self.provide(&run, &manifest, &[("now", &now), ("best", &best)])
            });
            if let Err(error) = provided {
                self.send(TrainEvent::Problem(error.to_string()));
            }
        }
        self.report_progress(at_once);
    }

    pub(super) fn report_progress(&mut self, at_once: bool) {
        let Some(in_hand) = &mut self.in_hand else { return };
        if in_hand.progress_due.is_due() || at_once {
            let (run, progress) = (in_hand.run.clone(), in_hand.trainer.progress());
            self.send(TrainEvent::Progress { run, progress });
        }
    }

    pub(super) fn report_run(&self) {
        let Some(in_hand) = &self.in_hand else { return };
        let trainer = &in_hand.trainer;
        let state = if in_hand.is_paused { RunState::Paused(None) } else { RunState::Running };
        self.send(TrainEvent::Run(Box::new(RunInfo {
            run: in_hand.run.clone(),
            state,
            folder: in_hand.folder.path().to_owned(),
            config: trainer.config().clone(),
            net: trainer.manifest().name.clone(),
            parameters: trainer.manifest().parameter_count(),
            pictures: trainer.data_len(),
            classes: trainer.manifest().classes.len(),
            history: trainer.history().to_vec(),
            label: RunLabel::read(in_hand.folder.path()),
            robustness: Robustness::read_all(in_hand.folder.path()),
        })));
    }

    pub(super) fn offer(&mut self, run: &RunId) -> Result<()> {
        let RunNets { manifest, before, now, best } = match self.in_hand.as_mut().filter(|in_hand| in_hand.run == *run)
        {
            Some(in_hand) => {
                in_hand.offered = true;
                in_hand.trainer.nets()?
            }
            None => self.nets(run)?,
        };
        self.provide(run, &manifest, &[("before", &before), ("now", &now), ("best", &best)])?;
        let name = |when: &str| format!("{run}:{when}");
        let (before, now, best) = (name("before"), name("now"), name("best"));
        self.send(TrainEvent::Offered { run: run.clone(), before, now, best });
        Ok(())
    }

    pub(super) fn show_first_layer(&self, run: &RunId) -> Result<()> {
        if self.has_in_hand(run) {
            return Ok(());
        }
        let RunNets { manifest, best, .. } = self.nets(run)?;
        let Some(layer) = FirstLayer::of(&manifest) else { return Ok(()) };
        let weights = best.get(&layer.tensor).map(|tensor| tensor.flatten_all()?.to_vec1()).transpose()?;
        if let Some(weights) = weights {
            let sheet = Arc::new(layer.sheet(&weights));
            self.send(TrainEvent::FirstLayer { run: run.clone(), sheet });
        }
        Ok(())
    }

    fn provide(&self, run: &RunId, manifest: &Manifest, nets: &[(&str, &Params)]) -> Result<()> {
        for (when, params) in nets {
            let model = Arc::new(Model::on(&Backend::from_environment()?, manifest.clone(), *params)?);
            self.explorer.push(Task::Provide(format!("{run}:{when}"), model));
        }
        Ok(())
    }
}
