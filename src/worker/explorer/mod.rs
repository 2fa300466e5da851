//! This thread brings a view up to date, recomputing only what changed since the last one.

mod answer;
mod inputs;
mod prepared;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Outbox;
use super::job::{self, Failure, guarded};
use super::mailbox::Mailbox;
use super::playback::{Line, Playback};
use super::protocol::{Event, Revision, Saved, Shown, View};
use super::study::{AnsweredView, Studies, Wish};
use crate::engine::attack::Attacked;
use crate::engine::model::{Catalogue, Model, argmax};
use crate::engine::{Error, Result};
use answer::Answer;
use inputs::{Nets, PicturesOfViews, Reporter};
use prepared::Prepared;

/// While an attack goes on, what it comes to is shown so often; less often where that takes long.
const LIVE: Duration = Duration::from_millis(60);
const LIVE_SHARE: u32 = 3;

pub enum Task {
    Show(Revision, Box<View>),
    Save(PathBuf),
    /// The files may have changed: the next view loads its model afresh.
    ForgetModel,
    ListModels,
    LookAgain,
    /// A net in training is known by this name from now on.
    Provide(String, Arc<Model>),
    /// The net of this name has other weights on disk than before.
    NetChanged(String),
    Study(Wish),
}

impl Task {
    /// Returns the place in the queue: a view may want the very net that is being provided, and other tasks come after
    /// the view that was asked for before them.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Provide(..) | Self::NetChanged(_) => 0,
            Self::Show(..) => 1,
            Self::Save(_) | Self::ForgetModel | Self::ListModels | Self::LookAgain | Self::Study(_) => 2,
        }
    }

    fn failed(&self) -> Box<dyn FnOnce(String) -> Event> {
        let revision = if let Self::Show(revision, _) = self { *revision } else { 0 };
        let Self::Save(path) = self else { return Box::new(move |message| Event::Failed { revision, message }) };
        let path = path.clone();
        Box::new(move |message| Event::SaveFailed { path, message })
    }
}

/// This is the way to the explorer. Of views the newest alone is wanted.
pub type Inbox = Mailbox<Task>;

impl Inbox {
    /// Has the net of a name read afresh for the next view, and looks for models again.
    pub fn refresh_net(&self, name: String) {
        self.push(Task::NetChanged(name));
        self.push(Task::ListModels);
    }

    /// Looks for models again, and has the present one loaded afresh for the next view.
    pub fn refresh_models(&self) {
        self.push(Task::ForgetModel);
        self.push(Task::ListModels);
    }
}

/// Starts the thread, which begins with a list of the models.
pub fn start(inbox: &Arc<Inbox>, catalogue: Catalogue, outbox: Arc<Outbox>) -> std::io::Result<()> {
    inbox.push(Task::ListModels);
    let explorer = Explorer::new(catalogue, inbox.clone(), outbox);
    job::start("worker", move || serve(explorer)).map(drop)
}

fn serve(mut explorer: Explorer) {
    let (inbox, outbox) = (explorer.inbox.clone(), explorer.outbox.clone());
    while let Some(task) = inbox.next() {
        let failed = task.failed();
        let is_whole = report(&outbox, guarded(|| explorer.carry_out(task)), failed)
            && report(&outbox, guarded(|| explorer.study()), |message| Event::Failed { revision: 0, message });
        if !is_whole {
            explorer = explorer.afresh();
        }
    }
}

/// Tells what went wrong; returns false after a panic, when whatever was half done has to be dropped.
fn report(outbox: &Outbox, done: Result<(), Failure>, event: impl FnOnce(String) -> Event) -> bool {
    let Err(failure) = done else { return true };
    let is_panic = matches!(failure, Failure::Panic);
    if let Some(message) = failure.message() {
        outbox.send(event(message));
    }
    !is_panic
}

struct Explorer {
    inbox: Arc<Inbox>,
    outbox: Arc<Outbox>,
    nets: Nets,
    pictures: PicturesOfViews,
    prepared: Option<Arc<Prepared>>,
    playback: Option<Playback>,
    line: Option<Line>,
    shown_at: Instant,
    /// This is the picture on screen, for saving, and its model: another one may be loading already.
    attacked: Option<(Arc<Model>, Arc<Attacked>)>,
    studies: Studies,
}

impl Explorer {
    fn new(catalogue: Catalogue, inbox: Arc<Inbox>, outbox: Arc<Outbox>) -> Self {
        Self {
            inbox,
            outbox,
            nets: Nets::new(catalogue),
            pictures: PicturesOfViews::default(),
            prepared: None,
            playback: None,
            line: None,
            shown_at: Instant::now(),
            attacked: None,
            studies: Studies::new(Wish::default()),
        }
    }

    fn afresh(mut self) -> Self {
        let new = Self::new(self.nets.catalogue, self.inbox, self.outbox);
        Self { studies: self.studies.afresh(), ..new }
    }

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
                self.nets.last.forget();
                (self.prepared, self.playback, self.line) = (None, None, None);
                self.studies = self.studies.afresh();
            }
            Task::Study(wish) => self.studies.wish = wish,
            Task::Provide(name, model) => {
                self.studies.forget_net(&name);
                if self.nets.provide(&name, model) {
                    self.prepared = None;
                }
                self.outbox.send(Event::NetChanged(name));
            }
            Task::NetChanged(name) => {
                self.studies.forget_net(&name);
                if self.nets.forget(&name) {
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
        let point = line.map(|line| line.at(&problem, view.eps)).transpose()?;
        let on_line = line.zip(point).map(|(line, at)| answer.shown(&at, line.timeline.clone(), Some(line.eps)));
        let mut playback = Playback::resumed(self.playback.take(), baseline, &view.attack, problem)?;
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
            self.studies.newest = Some(AnsweredView {
                revision,
                view: shown.view.clone(),
                model: answer.model.clone(),
                picture: answer.prepared.seen().clone(),
                crop: answer.prepared.lens.crop(),
                own_pixels: answer.prepared.own_pixels,
                baseline: baseline.clone(),
                attacked,
                took: shown.took,
            });
        }
        self.playback = Some(playback);
        Ok(Some(shown))
    }

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
        let view = View { crop: prepared.crop(), ..view };
        Ok(Some(Answer { revision, view, model, info, loaded, prepared, started }))
    }

    /// Goes on with an attack until there is what the view wants, and shows now and then what it comes to; returns
    /// false where a newer view has overtaken this one.
    fn play(&mut self, answer: &Answer, playback: &mut Playback) -> Result<bool> {
        let mut pause = LIVE;
        while !playback.has(answer.view.step) {
            playback.advance()?;
            // An attack that is as good as done is shown, however quickly ε moves on.
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
