//! The thread that brings a view up to date, recomputing only what changed since the last one.

mod answer;
mod inputs;
mod prepared;
mod tasks;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use tasks::{Inbox, Task, start};

use super::Outbox;
use super::playback::{Line, Playback};
use super::protocol::{Event, Revision, Saved, Shown, View};
use super::study::{AnsweredView, Studies, Wish};
use crate::engine::attack::Attacked;
use crate::engine::model::{Catalogue, Model, argmax};
use crate::engine::{Error, Result};
use answer::Answer;
use inputs::{Nets, Pictures, Reporter};
use prepared::Prepared;

/// While an attack goes on, what it comes to is shown so often; less often where that takes long.
const LIVE: Duration = Duration::from_millis(60);
const LIVE_SHARE: u32 = 3;

struct Explorer {
    inbox: Arc<Inbox>,
    outbox: Arc<Outbox>,
    nets: Nets,
    pictures: Pictures,
    prepared: Option<Arc<Prepared>>,
    /// The attack on it, as far as it has come.
    playback: Option<Playback>,
    /// The way to what an attack of many steps found last.
    line: Option<Line>,
    /// The time at which something was shown last.
    shown_at: Instant,
    /// What is on screen, for saving, with the model that it was made for: another one may be loading already.
    attacked: Option<(Arc<Model>, Arc<Attacked>)>,
    studies: Studies,
}

impl Explorer {
    fn new(catalogue: Catalogue, inbox: Arc<Inbox>, outbox: Arc<Outbox>) -> Self {
        Self {
            inbox,
            outbox,
            nets: Nets::new(catalogue),
            pictures: Pictures::default(),
            prepared: None,
            playback: None,
            line: None,
            shown_at: Instant::now(),
            attacked: None,
            studies: Studies::new(Wish::default()),
        }
    }

    /// An explorer as after the start, but for what was wished for.
    fn afresh(mut self) -> Self {
        let new = Self::new(self.nets.catalogue, self.inbox, self.outbox);
        Self { studies: self.studies.afresh(), ..new }
    }

    /// Goes on with what is to be known beside the view.
    ///
    /// # Errors
    /// As [`Studies::go_on`].
    fn study(&mut self) -> Result<()> {
        let Self { inbox, outbox, nets, studies, .. } = self;
        studies.go_on(|time| inbox.rests(time), &|name| nets.load(name), |event| outbox.send(event))
    }

    fn carry_out(&mut self, task: Task) -> Result<()> {
        match task {
            Task::Show(revision, view) => {
                if let Some(shown) = self.show(revision, *view)? {
                    self.outbox.send(Event::Shown(Box::new(shown)));
                }
            }
            Task::Save(path) => self.outbox.send(Event::Saved(self.save(&path)?)),
            Task::ForgetModel => {
                self.nets.forget_last();
                (self.prepared, self.playback, self.line) = (None, None, None);
                self.studies = self.studies.afresh();
            }
            Task::Study(wish) => self.studies.wish(wish),
            Task::Provide(name, model) => {
                self.studies.forget_net(&name);
                if self.nets.provide(&name, model) {
                    self.prepared = None;
                }
                self.outbox.send(Event::NetChanged(name));
            }
            Task::LookAgain => self.pictures.look_again(&self.outbox)?,
            Task::ListModels => self.outbox.send(Event::Catalogue(self.nets.catalogue.entries())),
        }
        Ok(())
    }

    /// Computes a view; `None` where a newer one has overtaken it.
    fn show(&mut self, revision: Revision, view: View) -> Result<Option<Shown>> {
        let Some(answer) = self.begin(revision, view)? else { return Ok(None) };
        let (view, baseline) = (&answer.view, &answer.prepared.baseline);
        let mut problem = answer.prepared.problem.with_eps(&[view.eps])?;
        problem.rules = view.rules();
        let line = self.line.as_ref().filter(|line| view.along_line && line.is_of(baseline, &view.attack));
        let on_line = match line {
            Some(line) => Some(answer.on_line(&line.at(&problem, view.eps)?, line)),
            None => None,
        };
        let mut playback = match self.playback.take().filter(|known| known.is_of(baseline, &view.attack, &problem)) {
            Some(known) => known,
            None => Playback::new(baseline.clone(), &view.attack, problem)?,
        };
        let (shown, attacked) = match on_line {
            Some(on_line) => on_line,
            None if self.play(&answer, &mut playback)? => answer.at_step(&playback),
            None => {
                self.playback = Some(playback);
                return Ok(None);
            }
        };
        let attacked = Arc::new(attacked);
        self.attacked = Some((answer.model.clone(), attacked.clone()));
        if shown.along_line.is_none() {
            if view.step.is_none() {
                self.line = Line::through(&playback);
            }
            self.studies.take(AnsweredView {
                revision,
                view: shown.view.clone(),
                model: answer.model.clone(),
                picture: answer.loaded.picture.clone(),
                own_pixels: answer.prepared.own_pixels,
                baseline: baseline.clone(),
                attacked,
                took: shown.took,
            });
        }
        self.playback = Some(playback);
        Ok(Some(shown))
    }

    /// Finds the model and the picture of a view and prepares the attack.
    fn begin(&mut self, revision: Revision, view: View) -> Result<Option<Answer>> {
        let started = Instant::now();
        let is_stale = || self.inbox.is_overtaken(revision);
        if is_stale() {
            return Ok(None);
        }
        let reporter = Reporter { outbox: &self.outbox, revision };
        let view = inputs::paired(view, &self.nets, &mut self.pictures, reporter)?;
        let (model, info) = self.nets.get(&view.model, reporter)?;
        let loaded = self.pictures.get(&view, reporter)?;
        if is_stale() {
            return Ok(None);
        }
        let prepared = Prepared::updated(self.prepared.take(), &model, &loaded.picture, &view)?;
        self.prepared = Some(prepared.clone());
        if is_stale() {
            return Ok(None);
        }
        let view = View { crop: prepared.lens.crop(), ..view };
        Ok(Some(Answer { revision, view, model, info, loaded, prepared, started }))
    }

    /// Goes on with an attack until there is what the view wants, and shows now and then what it comes to; false
    /// where a newer view has overtaken this one.
    fn play(&mut self, answer: &Answer, playback: &mut Playback) -> Result<bool> {
        let mut pause = LIVE;
        while !playback.has(answer.view.step) {
            playback.advance()?;
            // What is as good as done is shown, however quickly ε moves on.
            if playback.is_ending() {
                continue;
            }
            if self.shown_at.elapsed() >= pause {
                let drawing = Instant::now();
                self.outbox.send(Event::Shown(Box::new(answer.at_step(playback).0)));
                self.shown_at = Instant::now();
                pause = LIVE.max(LIVE_SHARE * drawing.elapsed());
            }
            if self.inbox.is_overtaken(answer.revision) {
                return Ok(false);
            }
        }
        self.shown_at = Instant::now();
        Ok(true)
    }

    /// Writes what is on screen in 8 bits and asks the net about the file itself.
    fn save(&self, path: &Path) -> Result<Saved> {
        let Some((model, attacked)) = &self.attacked else {
            return Err(Error::Argument("there is no adversarial picture yet to save".into()));
        };
        Ok(Saved {
            path: path.to_owned(),
            reread: attacked.save(model, path)?,
            on_screen: model.guess(&attacked.probabilities, argmax(&attacked.probabilities)),
        })
    }
}
