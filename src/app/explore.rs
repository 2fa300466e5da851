//! What the Explore tab wants to see and what it was last told: plain state, no window.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::history::History;
use super::lessons::Scene;
use super::settings::{LastPicture, MethodChoice, Settings};
use crate::engine::attack::{Goal, Label, Loss, Method};
use crate::engine::data::sample_unless_file;
use crate::engine::model::Entry;
use crate::engine::picture::{Channel, Heatmap, Quantity, Region};
use crate::worker::{Revision, Shown, Source, View};

pub const DEFAULT_EPS: f32 = 0.25;
/// ε at the right end of the slider; half the pixel range is already far more than any attack needs.
pub const MAX_EPS: f32 = 0.5;
pub const DEFAULT_ETA: f32 = 0.1;
pub const ETA_RANGE: RangeInclusive<f32> = 1e-4..=100.0;
pub const DEFAULT_STEPS: usize = 10;
pub const MAX_STEPS: usize = 50;
pub const GAIN_RANGE: RangeInclusive<f32> = 1.0..=64.0;
/// Work shorter than this is not announced: it would only flicker.
pub const PATIENCE: Duration = Duration::from_millis(150);

/// The state of the Explore tab.
pub struct Explore {
    pub model: String,
    pub picture: Source,
    pub crop: Option<Region>,
    pub own_pixels: bool,
    pub label: Label,
    pub goal: Goal,
    pub method: MethodChoice,
    pub eps: f32,
    pub eta: f32,
    pub steps: usize,
    pub clip: bool,
    pub loss: Loss,
    pub heatmap: Heatmap,
    pub catalogue: Vec<Entry>,
    pub shown: Option<Box<Shown>>,
    /// What a lesson does not show yet.
    pub hidden: Hidden,
    /// The view changed since it was last asked for.
    dirty: bool,
    asked: Option<Asked>,
    history: History,
    /// Names of the label and the target, looked up again when another model with other indices arrives.
    carried: Carried,
}

/// A file, or else the bundled sample of this name.
fn named(picture: PathBuf) -> Source {
    match sample_unless_file(&picture) {
        Some(sample) => Source::Sample(sample.name.to_owned()),
        None => Source::File(picture),
    }
}

struct Asked {
    revision: Revision,
    view: View,
    at: Instant,
    doing: Option<String>,
}

/// Parts of the tab that are covered until somebody has predicted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    pub perturbation: bool,
    pub adversarial: bool,
    /// What the net says of the adversarial picture.
    pub answer: bool,
}

#[derive(Default)]
struct Carried {
    label: Option<String>,
    target: Option<String>,
}

impl Explore {
    /// Starts from what was kept; `model` and `picture` of the command line win.
    pub fn new(settings: &Settings, model: Option<String>, picture: Option<PathBuf>) -> Self {
        let remembered = match &settings.picture {
            LastPicture::Sample(name) => Source::Sample(name.clone()),
            LastPicture::File(path) => Source::File(path.clone()),
        };
        Self {
            model: model.unwrap_or_else(|| settings.model.clone()),
            picture: picture.map_or(remembered, named),
            crop: None,
            own_pixels: false,
            label: Label::Predicted,
            goal: Goal::Untargeted,
            method: settings.method,
            eps: settings.eps,
            eta: settings.eta,
            steps: settings.steps,
            clip: settings.clip,
            loss: settings.loss,
            heatmap: Heatmap { quantity: Quantity::Perturbation, channel: Channel::Strongest, gain: 1.0 },
            catalogue: Vec::new(),
            shown: None,
            hidden: Hidden::default(),
            dirty: true,
            asked: None,
            history: History::default(),
            carried: Carried::default(),
        }
    }

    /// The view that the controls describe.
    pub fn view(&self) -> View {
        View {
            model: self.model.clone(),
            picture: self.picture.clone(),
            crop: self.crop,
            own_pixels: self.own_pixels,
            label: self.label,
            goal: self.goal,
            method: match self.method {
                MethodChoice::Fgsm => Method::Fgsm { eps: self.eps },
                MethodChoice::GradientSteps => Method::GradientSteps { eta: self.eta, steps: self.steps },
            },
            clip: self.clip,
            loss: self.loss,
            heatmap: self.heatmap,
        }
    }

    /// Whether the picture on screen has other pixels than the net sees.
    pub fn is_resampled(&self) -> bool {
        self.shown
            .as_ref()
            .is_some_and(|shown| shown.picture_size != (shown.model.input.width, shown.model.input.height))
    }

    /// The view to ask for now, if anything changed since the last time.
    pub fn take_wish(&mut self) -> Option<View> {
        let view = std::mem::take(&mut self.dirty).then(|| self.view())?;
        self.history.note(&view, Instant::now());
        Some(view)
    }

    pub fn undo(&mut self) {
        if let Some(view) = self.history.undo() {
            self.restore(view);
        }
    }

    pub fn redo(&mut self) {
        if let Some(view) = self.history.redo() {
            self.restore(view);
        }
    }

    fn restore(&mut self, view: View) {
        self.model = view.model;
        self.picture = view.picture;
        self.crop = view.crop;
        self.own_pixels = view.own_pixels;
        self.label = view.label;
        self.goal = view.goal;
        match view.method {
            Method::Fgsm { eps } => (self.method, self.eps) = (MethodChoice::Fgsm, eps),
            Method::GradientSteps { eta, steps } => {
                (self.method, self.eta, self.steps) = (MethodChoice::GradientSteps, eta, steps);
            }
        }
        self.clip = view.clip;
        self.loss = view.loss;
        self.heatmap = view.heatmap;
        self.carried = Carried::default();
        self.dirty = true;
    }

    /// Asks for the view again: the net behind the name is another one.
    pub fn refresh(&mut self) {
        self.dirty = true;
    }

    pub fn asked(&mut self, revision: Revision, view: View) {
        // While the slider moves, the waiting began with the first request that is still unanswered.
        let at = match &self.asked {
            Some(asked) if self.waiting() => asked.at,
            _ => Instant::now(),
        };
        self.asked = Some(Asked { revision, view, at, doing: None });
    }

    /// Whether an answer is still on its way.
    pub fn waiting(&self) -> bool {
        let shown = self.shown.as_ref().map_or(0, |s| s.revision);
        self.asked.as_ref().is_some_and(|asked| asked.revision > shown)
    }

    /// What to say while waiting, once it has taken noticeably long.
    pub fn busy(&self) -> Option<&str> {
        let asked = self.asked.as_ref().filter(|asked| self.waiting() && asked.at.elapsed() >= PATIENCE)?;
        Some(asked.doing.as_deref().unwrap_or("computing"))
    }

    pub fn set_doing(&mut self, revision: Revision, doing: String) {
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.revision == revision) {
            asked.doing = Some(doing);
        }
    }

    /// Takes an answer; `false` when a newer one is already on screen.
    pub fn take_shown(&mut self, shown: Box<Shown>) -> bool {
        if self.shown.as_ref().is_some_and(|old| old.revision > shown.revision) {
            return false;
        }
        if shown.view.model == self.model {
            self.adopt_carried(&shown.model.classes);
        }
        self.shown = Some(shown);
        true
    }

    /// Notes that a view cannot be shown and goes back to what is on screen, so that the next move of the slider
    /// works. `false` when the failure is of no interest any more.
    pub fn take_failure(&mut self, revision: Revision) -> bool {
        let Some(asked) = self.asked.take_if(|asked| asked.revision == revision) else { return false };
        let back = match &self.shown {
            Some(shown) => shown.view.clone(),
            // Nothing on screen yet: the bundled picture and net are always there.
            None => {
                let fresh = Explore::new(&Settings::default(), None, None);
                if asked.view.model == fresh.model && asked.view.picture == fresh.picture {
                    return true;
                }
                fresh.view()
            }
        };
        let reverts = self.model != back.model || self.label != back.label || self.goal != back.goal;
        let reframes = self.crop != back.crop || self.own_pixels != back.own_pixels;
        if reverts || reframes || self.picture != back.picture {
            self.crop = back.crop;
            self.own_pixels = back.own_pixels;
            self.model = back.model;
            self.picture = back.picture;
            self.label = back.label;
            self.goal = back.goal;
            self.dirty = true;
        }
        true
    }

    // ---- What a person changes. Each marks the view as changed only if it did.

    pub fn set_model(&mut self, model: String) {
        if self.model == model {
            return;
        }
        let class = |index: usize| self.shown.as_ref().and_then(|s| s.model.classes.get(index).cloned());
        let label = if let Label::Given(index) = self.label { class(index) } else { None };
        let target = if let Goal::Targeted(index) = self.goal { class(index) } else { None };
        self.carried = Carried { label, target };
        self.label = Label::Predicted;
        self.goal = Goal::Untargeted;
        self.model = model;
        self.dirty = true;
    }

    fn adopt_carried(&mut self, classes: &[String]) {
        let carried = std::mem::take(&mut self.carried);
        let index = |name: Option<String>| name.and_then(|name| classes.iter().position(|class| *class == name));
        if let Some(index) = index(carried.label) {
            self.set_label(Label::Given(index));
        }
        if let Some(index) = index(carried.target) {
            self.set_goal(Goal::Targeted(index));
        }
    }

    /// Another picture also drops a label that a person gave for the one before.
    pub fn set_picture(&mut self, picture: Source) {
        let redrawn = matches!((&self.picture, &picture), (Source::Memory { name: a, .. }, Source::Memory { name: b, .. }) if a == b);
        if !redrawn {
            self.label = Label::Predicted;
            self.carried.label = None;
            self.crop = None;
        }
        self.picture = picture;
        self.dirty = true;
    }

    pub fn set_crop(&mut self, crop: Option<Region>) {
        self.dirty |= self.crop != crop;
        self.crop = crop;
    }

    pub fn set_own_pixels(&mut self, own_pixels: bool) {
        self.dirty |= self.own_pixels != own_pixels;
        self.own_pixels = own_pixels;
    }

    pub fn set_label(&mut self, label: Label) {
        self.dirty |= self.label != label;
        self.label = label;
    }

    pub fn set_goal(&mut self, goal: Goal) {
        self.dirty |= self.goal != goal;
        self.goal = goal;
    }

    pub fn set_method(&mut self, method: MethodChoice) {
        self.dirty |= self.method != method;
        self.method = method;
    }

    pub fn set_eps(&mut self, eps: f32) {
        let eps = eps.clamp(0.0, MAX_EPS);
        self.dirty |= self.eps != eps;
        self.eps = eps;
    }

    pub fn set_eta(&mut self, eta: f32) {
        let eta = eta.clamp(*ETA_RANGE.start(), *ETA_RANGE.end());
        self.dirty |= self.eta != eta;
        self.eta = eta;
    }

    pub fn set_steps(&mut self, steps: usize) {
        let steps = steps.clamp(1, MAX_STEPS);
        self.dirty |= self.steps != steps;
        self.steps = steps;
    }

    pub fn set_clip(&mut self, clip: bool) {
        self.dirty |= self.clip != clip;
        self.clip = clip;
    }

    pub fn set_loss(&mut self, loss: Loss) {
        self.dirty |= self.loss != loss;
        self.loss = loss;
    }

    pub fn set_heatmap(&mut self, heatmap: Heatmap) {
        self.dirty |= self.heatmap != heatmap;
        self.heatmap = heatmap;
    }

    /// Sets what a step of a lesson names.
    pub fn set_scene(&mut self, scene: Scene) {
        if let Some(model) = scene.model {
            self.set_model(model);
        }
        if let Some(picture) = scene.picture {
            self.set_picture(named(picture));
        }
        if let Some(method) = scene.method {
            self.set_method(method);
        }
        self.set_eps(scene.eps.unwrap_or(self.eps));
        self.set_steps(scene.steps.unwrap_or(self.steps));
        self.set_clip(scene.clip.unwrap_or(self.clip));
        if let Some(show) = scene.show {
            self.set_heatmap(Heatmap { quantity: show.into(), ..self.heatmap });
        }
        // Empty names are no classes: the net's own answer, and away from the label.
        if scene.label.is_some() {
            self.set_label(Label::Predicted);
        }
        if scene.target.is_some() {
            self.set_goal(Goal::Untargeted);
        }
        self.carried = Carried { label: scene.label, target: scene.target };
        let here = self.shown.as_ref().filter(|shown| shown.view.model == self.model);
        if let Some(classes) = here.map(|shown| shown.model.classes.clone()) {
            self.adopt_carried(&classes);
        }
    }

    /// Copies what is worth keeping into the settings.
    pub fn remember(&self, settings: &mut Settings) {
        settings.model.clone_from(&self.model);
        match &self.picture {
            Source::Sample(name) => settings.picture = LastPicture::Sample(name.clone()),
            Source::File(path) => settings.picture = LastPicture::File(path.clone()),
            Source::Memory { .. } => {}
        }
        settings.method = self.method;
        settings.eps = self.eps;
        settings.eta = self.eta;
        settings.steps = self.steps;
        settings.clip = self.clip;
        settings.loss = self.loss;
    }
}
