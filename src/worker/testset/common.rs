//! The runs of a sweep are measured under one attack at one ε, so that they can be compared.

use std::time::Instant;

use super::bench::Bench;
use super::{CommonSurvey, MeasuredRun};
use crate::engine::attack::Rules;
use crate::engine::eval::{EvalPlan, evaluate};
use crate::engine::model::name_of_run;
use crate::engine::train::Robustness;
use crate::engine::{Error, Result};
use crate::worker::job::Failure;
use crate::worker::{Event, MeasuringProgress, TrainEvent};

impl Bench {
    /// Measures the net of each run, and keeps what it finds beside the run. Runs that cannot be measured are told of and
    /// left out.
    pub(super) fn measure_runs(&mut self, survey: &CommonSurvey) -> Result<()> {
        // Runs may have gone on since they were measured last.
        self.models.clear();
        let started = Instant::now();
        for number in 0..survey.runs.len() {
            match self.measure_run(survey, number, started) {
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => {
                    let text = format!("{} was not measured: {error}", survey.runs[number].run);
                    self.tell_of_runs(TrainEvent::Problem(text));
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn measure_run(&mut self, survey: &CommonSurvey, number: usize, started: Instant) -> Result<()> {
        let CommonSurvey { runs, attack, eps, n, seed } = survey;
        let MeasuredRun { run, folder, data, skip_damaged, epochs } = &runs[number];
        let (model, _) = self.model(&name_of_run(run))?;
        let data = self.data(data, *skip_damaged, &model)?;
        let rules = Rules { seed: *seed, ..Rules::default() };
        let plan = EvalPlan { rules, limit: Some(*n), ..EvalPlan::new(attack.clone(), &[*eps]) };
        let found = evaluate(&model, &data, &plan, |reached| {
            let done = reached.done as f32 / reached.n.max(1) as f32;
            let share = (number as f32 + done) / runs.len() as f32;
            if self.progress.is_due() {
                let left = (share > 0.02).then(|| started.elapsed().mul_f32((1.0 - share) / share));
                let text = format!("run {} of {}: {reached}", number + 1, runs.len());
                self.tell_of_runs(TrainEvent::Measuring(Some(MeasuringProgress { share, text, left })));
            }
            self.goes_on()
        })?;
        if let Some(found) = Robustness::found(attack, *seed, *epochs, &found) {
            let robustness = found.keep(folder)?;
            self.tell_of_runs(TrainEvent::Robust { run: run.clone(), robustness });
        }
        Ok(())
    }

    pub(super) fn tell_of_runs(&self, event: TrainEvent) {
        self.outbox.send(Event::Training(event));
    }

    pub(super) fn tell_of_runs_failure(&self, done: Result<(), Failure>) {
        if let Some(message) = done.err().and_then(Failure::message) {
            self.tell_of_runs(TrainEvent::Problem(message));
        }
    }
}
