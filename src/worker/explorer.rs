//! Brings a view up to date, recomputing only what changed since the last one.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::mailbox::Task;
use super::pairing::{Kind, Mismatch};
use super::playback::{Line, Playback};
use super::protocol::{Event, Linear, ModelInfo, Revision, Saved, Shown, Source, View};
use super::study::{self, Study};
use crate::engine::attack::{
    Attack, Attacked, Baseline, Goal, Label, MAX_PHOTO_PIXELS, Problem, Subject, attackable_part, linear_rival,
};
use crate::engine::data::sample;
use crate::engine::files::Stamp;
use crate::engine::model::{Catalogue, Model, argmax};
use crate::engine::picture::{Background, Fit, Lens, Picture, Region, Rgba, fit, open_over, png_crop};
use crate::engine::{Error, Result};

/// Classes listed before and after.
const TOP: usize = 5;

/// The longer side of a small picture of a photo.
const OVERVIEW: usize = 512;

/// While an attack goes on, what it comes to is shown so often; less often where that takes long.
const LIVE: Duration = Duration::from_millis(60);
const LIVE_SHARE: u32 = 3;

/// Nets in training that are remembered: those of some runs before, now and at their best.
const MOST_PROVIDED: usize = 24;

pub struct Explorer {
    catalogue: Catalogue,
    model: Option<LoadedModel>,
    /// Nets in training, the newest last.
    provided: Vec<(String, Arc<Model>)>,
    picture: Option<((Source, Background), Loaded)>,
    /// The picture fitted to the model, with the gradient for a label and a goal.
    prepared: Option<Prepared>,
    /// The attack on it, as far as it has come.
    playback: Option<Playback>,
    /// The way to what an attack of many steps found last.
    line: Option<Line>,
    /// When something was shown last.
    shown_at: Instant,
    /// What is on screen, for saving, with the model that it was made for: another one may be loading already.
    attacked: Option<(Arc<Model>, Attacked)>,
    study: Study,
}

struct LoadedModel {
    name: String,
    model: Arc<Model>,
    info: ModelInfo,
}

/// A picture, and a small one of it.
#[derive(Clone)]
struct Loaded {
    picture: Arc<Picture>,
    overview: Arc<Rgba>,
    /// Of its file, as it was when it was read.
    stamp: Option<Stamp>,
    /// Whether its file was saved with a crop.
    has_crop: bool,
}

impl Loaded {
    fn new(picture: Arc<Picture>, stamp: Option<Stamp>) -> Result<Self> {
        Ok(Self { overview: Arc::new(overview(&picture)?), picture, stamp, has_crop: false })
    }

    fn read(path: &Path, background: Background) -> Result<Self> {
        // Measured first: what changes in between is noticed the next time.
        let stamp = stamp(path)?;
        let loaded = Self::new(Arc::new(open_over(path, background)?), Some(stamp))?;
        Ok(Self { has_crop: png_crop(path).is_some(), ..loaded })
    }
}

struct Prepared {
    model: String,
    picture: Arc<Picture>,
    /// The crop that was asked for, and the one that was taken: photos too large for their own resolution are cropped.
    asked_crop: Option<Region>,
    crop: Option<Region>,
    /// As it was asked for, and as it is.
    asked_own_pixels: Option<bool>,
    own_pixels: bool,
    /// The part of the picture that the net sees, and how large it may become.
    shown: Region,
    largest_crop: f64,
    label: Label,
    original_rgba: Arc<Rgba>,
    baseline: Arc<Baseline>,
    problem: Problem,
    linear: Option<Arc<Linear>>,
}

impl Explorer {
    pub fn new(catalogue: Catalogue) -> Self {
        Self {
            catalogue,
            model: None,
            provided: Vec::new(),
            picture: None,
            prepared: None,
            playback: None,
            line: None,
            shown_at: Instant::now(),
            attacked: None,
            study: Study::default(),
        }
    }

    /// As after the start, but for what was wished for.
    pub fn afresh(self, catalogue: Catalogue) -> Self {
        let mut study = self.study;
        study.forget();
        Self { study, ..Self::new(catalogue) }
    }

    /// Goes on with what is to be known beside the view.
    ///
    /// # Errors
    /// As [`Study::go_on`].
    pub fn study(&mut self, rests: &dyn Fn(Duration) -> bool, send: &dyn Fn(Event)) -> Result<()> {
        let (provided, catalogue) = (&self.provided, &self.catalogue);
        let load = |name: &str| match provided.iter().find(|(known, _)| known == name) {
            Some((_, model)) => Ok(model.clone()),
            None => Ok(Arc::new(catalogue.load(name)?)),
        };
        self.study.go_on(rests, &load, send)
    }

    /// Does one task; `is_stale` tells that a view need not be finished, `send` reports.
    pub fn carry_out(&mut self, task: Task, is_stale: &dyn Fn(Revision) -> bool, send: &dyn Fn(Event)) -> Result<()> {
        match task {
            Task::Show(revision, view) => {
                if let Some(shown) = self.show(revision, *view, is_stale, send)? {
                    send(Event::Shown(Box::new(shown)));
                }
            }
            Task::Save(path) => send(Event::Saved(self.save(&path)?)),
            Task::ForgetModel => {
                self.model = None;
                self.prepared = None;
                self.playback = None;
                self.line = None;
                self.study.forget();
            }
            Task::Study(wish) => self.study.wish(wish),
            Task::Provide(name, model) => {
                self.provide(&name, model);
                send(Event::NetChanged(name));
            }
            Task::LookAgain => self.look_again(send)?,
            Task::ListModels => send(Event::Catalogue(self.catalogue.entries())),
        }
        Ok(())
    }

    fn show(
        &mut self,
        revision: Revision,
        view: View,
        is_stale: &dyn Fn(Revision) -> bool,
        send: &dyn Fn(Event),
    ) -> Result<Option<Shown>> {
        let started = Instant::now();
        let busy = |doing: String| send(Event::Busy { revision, doing });
        let view = self.paired(view, &busy, send)?;
        let (model, info) = self.model(&view.model, &busy)?;
        let Loaded { picture, overview, has_crop, .. } = self.picture(&view, &busy, send)?;
        if is_stale(revision) {
            return Ok(None);
        }
        self.prepare(&model, &picture, &view)?;
        let Some(prepared) = self.prepared.as_ref().filter(|_| !is_stale(revision)) else { return Ok(None) };
        let view = View { crop: prepared.crop, ..view };
        let baseline = &prepared.baseline;
        let mut problem = prepared.problem.with_eps(&[view.eps])?;
        problem.rules = view.rules();
        let line = self.line.as_ref().filter(|line| view.along_line && line.is_of(baseline, &view.attack));
        let on_line = match line {
            Some(line) => Some((line, line.at(&problem, view.eps)?)),
            None => None,
        };
        let own_pixels = prepared.own_pixels;
        let (reads, kind) = (Kind::of_input(model.input()), Kind::of_picture(&picture));
        let mut playback = match self.playback.take().filter(|known| known.is_of(baseline, &view.attack, &problem)) {
            Some(known) => known,
            None => Playback::new(baseline.clone(), &view.attack, problem)?,
        };
        let shown = |playback: &Playback| {
            let (frame, timeline, along_line) = match &on_line {
                Some((line, frame)) => (frame, line.timeline.clone(), Some(line.eps)),
                None => (playback.at(view.step), playback.timeline(view.step), None),
            };
            let attacked = baseline.judged(frame.pixels.clone(), frame.probabilities.clone());
            let (heatmap, heatmap_limit) = view.heatmap.draw(&attacked.perturbation, &baseline.gradient);
            let before_and_after = |class: usize| (baseline.probabilities[class], attacked.probabilities[class]);
            let shown = Shown {
                revision,
                model: info.clone(),
                picture_notes: picture.notes.clone(),
                picture_size: (picture.width, picture.height),
                has_crop,
                is_transparent: picture.transparent,
                overview: overview.clone(),
                crop: prepared.shown,
                largest_crop: prepared.largest_crop,
                original: baseline.original.clone(),
                perturbation: attacked.perturbation.clone(),
                gradient: baseline.gradient.clone(),
                adversarial: attacked.adversarial.clone(),
                original_rgba: prepared.original_rgba.clone(),
                heatmap_rgba: Arc::new(heatmap),
                heatmap_limit,
                adversarial_rgba: Arc::new(Rgba::from_planes(&attacked.adversarial)),
                label: baseline.label_guess(&model),
                clean_top: model.top(&baseline.probabilities, TOP),
                adversarial_top: model.top(&attacked.probabilities, TOP),
                label_prob: before_and_after(baseline.label),
                target_prob: match view.goal {
                    Goal::Targeted(target) => Some(before_and_after(target)),
                    Goal::Untargeted => None,
                },
                verdict: attacked.verdict,
                linf: attacked.linf,
                l2: attacked.l2,
                length: view.attack.length(&attacked.perturbation.values),
                zero_gradient_fraction: baseline.zero_gradient_fraction,
                saturated: baseline.saturated,
                timeline,
                reads,
                kind,
                own_pixels,
                along_line,
                linear: prepared.linear.clone(),
                view: view.clone(),
                took: started.elapsed(),
            };
            (shown, attacked)
        };
        if on_line.is_some() {
            let (shown, attacked) = shown(&playback);
            self.playback = Some(playback);
            self.attacked = Some((model, attacked));
            return Ok(Some(shown));
        }
        let mut pause = LIVE;
        while !playback.has(view.step) {
            playback.advance()?;
            // What is as good as done is shown, however quickly ε moves on.
            if playback.is_ending() {
                continue;
            }
            if self.shown_at.elapsed() >= pause {
                let drawing = Instant::now();
                send(Event::Shown(Box::new(shown(&playback).0)));
                self.shown_at = Instant::now();
                pause = LIVE.max(LIVE_SHARE * drawing.elapsed());
            }
            if is_stale(revision) {
                self.playback = Some(playback);
                return Ok(None);
            }
        }
        self.shown_at = Instant::now();
        let (shown, attacked) = shown(&playback);
        self.study.take(study::Subject {
            revision,
            model: model.clone(),
            baseline: baseline.clone(),
            view: shown.view.clone(),
            own_pixels,
            picture: picture.clone(),
            adversarial: attacked.adversarial.clone(),
            perturbation: attacked.perturbation.clone(),
            linf: attacked.linf,
            answer: model.guess(&attacked.probabilities, argmax(&attacked.probabilities)),
            label_prob: shown.label_prob.1,
            took: shown.took,
        });
        if view.step.is_none() {
            self.line = Line::through(&playback);
        }
        self.playback = Some(playback);
        self.attacked = Some((model, attacked));
        Ok(Some(shown))
    }

    /// The view with another model or another picture, where the two are of different kinds and one of them gives way.
    fn paired(&mut self, view: View, busy: &dyn Fn(String), send: &dyn Fn(Event)) -> Result<View> {
        if view.mismatch == Mismatch::Keep {
            return Ok(view);
        }
        let known = self.model.as_ref().filter(|loaded| loaded.name == view.model).map(|loaded| loaded.model.clone());
        let provided = || self.provided.iter().find(|(name, _)| *name == view.model).map(|(_, model)| model.clone());
        let reads = match known.or_else(provided) {
            Some(model) => Kind::of_input(model.input()),
            None => Kind::of_input(&self.catalogue.manifest(&view.model)?.input),
        };
        let kind = Kind::of_picture(&self.picture(&view, busy, send)?.picture);
        let Some(kind) = kind.filter(|kind| *kind != reads) else { return Ok(view) };
        Ok(match view.mismatch.clone() {
            Mismatch::Keep => view,
            // Classes of another net have other numbers.
            Mismatch::UseModel { photo, digit } => {
                let model = if kind == Kind::Photo { photo } else { digit };
                View { model, label: Label::Predicted, goal: Goal::Untargeted, ..view }
            }
            Mismatch::UsePicture { photo, digit } => {
                let picture = if reads == Kind::Photo { photo } else { digit };
                View { crop: picture.usual_crop(), picture, ..view }
            }
        })
    }

    fn model(&mut self, name: &str, busy: &dyn Fn(String)) -> Result<(Arc<Model>, ModelInfo)> {
        if let Some(loaded) = self.model.as_ref().filter(|loaded| loaded.name == name) {
            return Ok((loaded.model.clone(), loaded.info.clone()));
        }
        let model = match self.provided.iter().find(|(known, _)| known == name) {
            Some((_, model)) => model.clone(),
            None => {
                busy(format!("loading the model {name}"));
                Arc::new(self.catalogue.load(name)?)
            }
        };
        let info = ModelInfo {
            title: model.manifest.name.clone(),
            input: model.input().clone(),
            classes: model.classes.clone(),
            parameters: model.parameter_count(),
        };
        self.model = Some(LoadedModel { name: name.to_owned(), model: model.clone(), info: info.clone() });
        Ok((model, info))
    }

    /// Makes a net known by a name, in place of an older one.
    fn provide(&mut self, name: &str, model: Arc<Model>) {
        self.study.forget_net(name);
        self.provided.retain(|(known, _)| known != name);
        self.provided.push((name.to_owned(), model));
        if self.provided.len() > MOST_PROVIDED {
            self.provided.remove(0);
        }
        if self.model.as_ref().is_some_and(|loaded| loaded.name == name) {
            self.model = None;
            self.prepared = None;
        }
    }

    fn picture(&mut self, view: &View, busy: &dyn Fn(String), send: &dyn Fn(Event)) -> Result<Loaded> {
        let View { picture: source, background, .. } = view;
        let is_same = |known: &(Source, Background)| (&known.0, &known.1) == (source, background);
        if let Some((_, loaded)) = self.picture.as_ref().filter(|(known, _)| is_same(known)) {
            return Ok(loaded.clone());
        }
        let loaded = match source {
            Source::Sample(name) => {
                let sample = sample(name).ok_or_else(|| {
                    Error::Argument(format!("there is no bundled picture {name:?}; choose one of the strip"))
                })?;
                Loaded::new(Arc::new(sample.picture()?), None)?
            }
            Source::File(path) => {
                busy(format!("reading {}", path.display()));
                let loaded = Loaded::read(path, *background)?;
                let before = self.picture.as_ref().filter(|((known, _), _)| known == source);
                if before.is_some_and(|(_, before)| before.stamp != loaded.stamp) {
                    send(Event::PictureChanged(path.clone()));
                }
                loaded
            }
            Source::Memory { picture, .. } if picture.alpha.is_some() => {
                Loaded::new(Arc::new(picture.over(*background)), None)?
            }
            Source::Memory { picture, .. } => Loaded::new(picture.clone(), None)?,
        };
        self.picture = Some(((source.clone(), *background), loaded.clone()));
        Ok(loaded)
    }

    /// Reads the file on screen again if it is not what it was; if it cannot be read, what is known of it stays.
    fn look_again(&mut self, send: &dyn Fn(Event)) -> Result<()> {
        let Some(((Source::File(path), background), loaded)) = &self.picture else { return Ok(()) };
        if loaded.stamp == Some(stamp(path)?) {
            return Ok(());
        }
        let (path, background) = (path.clone(), *background);
        let loaded = Loaded::read(&path, background)?;
        self.picture = Some(((Source::File(path.clone()), background), loaded));
        send(Event::PictureChanged(path));
        Ok(())
    }

    fn prepare(&mut self, model: &Arc<Model>, picture: &Arc<Picture>, view: &View) -> Result<()> {
        let same_picture = |known: &Prepared| {
            (&known.model, known.asked_own_pixels) == (&view.model, view.own_pixels)
                && (known.asked_crop == view.crop || known.crop == view.crop)
                && Arc::ptr_eq(&known.picture, picture)
        };
        let (subject, own_pixels, crop, shown, largest_crop, original_rgba) =
            match self.prepared.take().filter(same_picture) {
                Some(known)
                    if (known.label, known.baseline.goal, known.baseline.loss)
                        == (view.label, view.goal, view.loss) =>
                {
                    self.prepared = Some(known);
                    return Ok(());
                }
                Some(known) => {
                    let Prepared { own_pixels, crop, shown, largest_crop, original_rgba, .. } = known;
                    (known.baseline.subject.clone(), own_pixels, crop, shown, largest_crop, original_rgba)
                }
                None => {
                    let mut lens = model.lens(picture, view.crop)?;
                    let own_pixels = view.own_pixels.unwrap_or_else(|| is_larger(&lens, model));
                    if let Some(part) = attackable_part(&lens).filter(|_| own_pixels) {
                        lens = model.lens(picture, Some(part))?;
                    }
                    let (crop, shown, largest_crop) = (lens.crop(), lens.shown(), lens.largest_area(MAX_PHOTO_PIXELS));
                    let subject = Subject::new(picture, lens, own_pixels)?;
                    let rgba = Arc::new(Rgba::from_planes(subject.pixels()));
                    (subject, own_pixels, crop, shown, largest_crop, rgba)
                }
            };
        let baseline = Baseline::new(model, subject, view.label, view.goal, view.loss)?;
        self.prepared = Some(Prepared {
            model: view.model.clone(),
            picture: picture.clone(),
            asked_crop: view.crop,
            crop,
            asked_own_pixels: view.own_pixels,
            own_pixels,
            shown,
            largest_crop,
            label: view.label,
            original_rgba,
            linear: linear(model, &baseline)?,
            problem: baseline.problem(model, view.rules())?,
            baseline: Arc::new(baseline),
        });
        Ok(())
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

/// Tells whether a lens shows more pixels than the net's input has, and no more than can be attacked.
fn is_larger(lens: &Lens, model: &Model) -> bool {
    let (_, _, width, height) = lens.support();
    let input = model.input();
    width * height > input.width * input.height && attackable_part(lens).is_none()
}

fn stamp(path: &Path) -> Result<Stamp> {
    Ok(Stamp::of(&std::fs::metadata(path).map_err(Error::io("open this picture", path))?))
}

/// What is exactly so of a linear net, where its very pixels are attacked.
fn linear(model: &Model, baseline: &Baseline) -> Result<Option<Arc<Linear>>> {
    let (original, input) = (&baseline.original, model.input());
    if (original.channels, original.height, original.width) != (input.channels, input.height, input.width) {
        return Ok(None);
    }
    let rival = linear_rival(model, original, baseline.label)?;
    Ok(rival
        .map(|rival| Arc::new(Linear { class: model.classes[rival.class].clone(), pictures: rival.pictures(), rival })))
}

/// The whole picture, small enough to be drawn at once.
fn overview(picture: &Picture) -> Result<Rgba> {
    let scale = (OVERVIEW as f64 / picture.width.max(picture.height) as f64).min(1.0);
    let small = |side: usize| ((side as f64 * scale).round() as usize).max(1);
    let planes = fit(picture, picture.channels, small(picture.height), small(picture.width), Fit::Squash)?;
    Ok(Rgba::from_planes(&planes))
}
