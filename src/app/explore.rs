//! What the Explore tab wants to see and what it was last told: plain state, no window.

mod changes;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::commands::AttackCommand;
use super::history::History;
use super::playing::Playing;
use super::settings::{LastOfKinds, LastPicture, Settings};
use super::train::is_net_of_run;
use crate::engine::attack::{Attack, AttackSettings, Goal, Label, Loss, Norm};
use crate::engine::data::{Sample, sample, sample_unless_file};
use crate::engine::model::Entry;
use crate::engine::picture::{Background, Channel, Heatmap, PictureKind, Quantity, Region};
use crate::engine::units::LEVELS;
use crate::worker::{Mismatch, Revision, Shown, Source, Timeline, View};

/// ε in L∞ at the right end of the slider; half the pixel range is already far more than any attack needs.
pub const MAX_EPS: f32 = 0.5;
pub const DEFAULT_ETA: f32 = 0.1;
pub const ETA_RANGE: RangeInclusive<f32> = 1e-4..=100.0;
pub const GAIN_RANGE: RangeInclusive<f32> = 1.0..=64.0;
/// ε that has not moved for so long is at rest.
const REST: Duration = Duration::from_millis(250);
/// Work shorter than this is not announced: it would only flicker.
pub const PATIENCE: Duration = Duration::from_millis(150);

/// The state of the Explore tab.
pub struct Explore {
    pub model: String,
    pub picture: Source,
    pub background: Background,
    pub crop: Option<Region>,
    /// As the person wants it; `None` where they have not said.
    pub own_pixels: Option<bool>,
    pub label: Label,
    pub goal: Goal,
    pub attack: AttackSettings,
    /// The other attacks as they were left.
    others: Vec<AttackSettings>,
    pub lengths: Lengths,
    /// The kind of net that ε is for; `None` where ε was chosen for a net of which that is not known yet.
    kind: Option<PictureKind>,
    /// What was shown last of each kind of picture.
    pub last: LastOfKinds,
    /// What gives way where picture and net are of different kinds.
    mismatch: Mismatch,
    /// Until when ε counts as moving: an attack of many steps begins anew when it has rested.
    moving_until: Option<Instant>,
    /// Of random starts and noise.
    pub seed: u64,
    pub playing: Playing,
    pub clip: bool,
    pub eight_bit: bool,
    pub loss: Loss,
    pub heatmap: Heatmap,
    /// Somebody is about to draw: there is no picture yet.
    pub is_blank: bool,
    pub catalogue: Vec<Entry>,
    pub shown: Option<Box<Shown>>,
    /// What a lesson does not show yet.
    pub hidden: Hidden,
    /// The view changed since it was last asked for.
    dirty: bool,
    asked: Option<Asked>,
    history: History<View>,
    /// Names of the label and the target, looked up again when another model with other indices arrives.
    carried: Carried,
    /// The step of a film that a file names, to go to once the film is whole.
    awaited_step: Option<usize>,
    /// Asked for at the start together with a net, before either was found to be good.
    refused_picture: Option<Source>,
}

/// ε in each norm: a number in one says nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lengths {
    pub linf: f32,
    pub l2: f32,
    pub l1: f32,
}

impl Default for Lengths {
    fn default() -> Self {
        Self::usual(1)
    }
}

impl Lengths {
    /// For nets that see so many channels. In L∞, the paper's for digits, and for photographs in colour what nobody sees; what
    /// is usual in L2; in L1, twenty pixels from black to white.
    pub fn usual(channels: usize) -> Self {
        let linf = if channels == 3 { 2.0 / LEVELS } else { 0.25 };
        Self { linf, l2: 2.0, l1: 20.0 }
    }

    pub fn in_norm(&mut self, norm: Norm) -> &mut f32 {
        match norm {
            Norm::Linf => &mut self.linf,
            Norm::L2 => &mut self.l2,
            Norm::L1 => &mut self.l1,
        }
    }
}

/// A file, or else the bundled sample of this name.
pub(super) fn named(picture: PathBuf) -> Source {
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
        let (has_picture, has_model) = (picture.is_some(), model.is_some());
        let mut explore = Self {
            model: model.unwrap_or_else(|| settings.model.clone()),
            picture: picture.map_or_else(|| settings.picture.source(), named),
            background: Background::default(),
            crop: None,
            own_pixels: None,
            label: Label::Predicted,
            goal: Goal::Untargeted,
            attack: settings.attack.clone(),
            others: Vec::new(),
            lengths: settings.lengths,
            kind: Some(if settings.channels == 3 { PictureKind::Photo } else { PictureKind::Digit }),
            last: settings.last.clone(),
            mismatch: Mismatch::Keep,
            moving_until: None,
            seed: 0,
            playing: Playing::default(),
            clip: settings.clip,
            eight_bit: settings.eight_bit,
            loss: settings.loss,
            heatmap: Heatmap { quantity: Quantity::Perturbation, channel: Channel::Strongest, gain: 1.0 },
            is_blank: false,
            catalogue: Vec::new(),
            shown: None,
            hidden: Hidden::default(),
            dirty: true,
            asked: None,
            history: History::default(),
            carried: Carried { label: None, target: settings.target.clone() },
            awaited_step: None,
            refused_picture: None,
        };
        explore.crop = explore.picture.usual_crop();
        match (has_picture, has_model) {
            (true, false) => explore.let_net_give_way(),
            (false, true) => explore.let_picture_give_way(),
            _ => {}
        }
        explore
    }

    /// The view that the controls describe.
    pub fn view(&self) -> View {
        View {
            model: self.model.clone(),
            picture: self.picture.clone(),
            mismatch: self.mismatch.clone(),
            background: self.background,
            crop: self.crop,
            own_pixels: self.own_pixels,
            label: self.label,
            goal: self.goal,
            attack: self.attack.clone(),
            eps: self.eps(),
            along_line: self.moving_until.is_some(),
            seed: self.seed,
            step: self.playing.step(),
            clip: self.clip,
            eight_bit: self.eight_bit,
            loss: self.loss,
            heatmap: self.heatmap,
        }
    }

    /// ε in the norm of the attack.
    pub fn eps(&self) -> f32 {
        *self.lengths.clone().in_norm(self.attack.norm())
    }

    /// The usual ε of such nets, in the norm of the attack.
    pub fn usual_eps(&self) -> f32 {
        let channels = if self.kind == Some(PictureKind::Photo) { 3 } else { 1 };
        *Lengths::usual(channels).in_norm(self.attack.norm())
    }

    /// Takes note of what the net reads. With another kind of net comes the ε that was last used with such nets.
    pub fn know_kind(&mut self, kind: PictureKind) {
        let Some(before) = self.kind.replace(kind).filter(|before| *before != kind) else { return };
        self.last.of_mut(before).lengths = self.lengths;
        self.lengths = self.last.of(kind).lengths;
        self.dirty = true;
    }

    /// As far as the list of models says.
    pub(super) fn kind_of(&self, model: &str) -> Option<PictureKind> {
        let entry = self.catalogue.iter().find(|entry| entry.name == model)?;
        let is_digit = entry.facts.as_ref()?.channels == 1;
        Some(if is_digit { PictureKind::Digit } else { PictureKind::Photo })
    }

    /// Tells whether the strip offers digits, because a digit is on screen.
    pub fn shows_digits(&self) -> bool {
        match (&self.picture, self.shown.as_deref()) {
            (Source::Sample(name), _) => sample(name).is_some_and(Sample::is_digit),
            (picture, Some(shown)) if shown.view.picture == *picture => shown.kind == Some(PictureKind::Digit),
            _ => self.kind == Some(PictureKind::Digit),
        }
    }

    /// The picture was chosen: where the net does not read such pictures, the one last used for them takes its place.
    pub(super) fn let_net_give_way(&mut self) {
        let LastOfKinds { photo, digit } = &self.last;
        self.mismatch = Mismatch::UseModel { photo: photo.net.clone(), digit: digit.net.clone() };
    }

    /// The net was chosen: where it does not read such pictures, the one last shown of its kind takes its place.
    pub(super) fn let_picture_give_way(&mut self) {
        let LastOfKinds { photo, digit } = &self.last;
        self.mismatch = Mismatch::UsePicture { photo: photo.picture.source(), digit: digit.picture.source() };
    }

    /// The largest ε in that norm, for the picture on screen.
    pub fn largest_eps(&self) -> f32 {
        let values = self.shown.as_ref().map_or(28 * 28, |shown| shown.original.values.len());
        self.attack.norm().largest_eps(values)
    }

    /// One press of a key: a grey level in L∞, a hundredth of the slider elsewhere.
    pub fn eps_step(&self) -> f32 {
        if self.attack.norm() == Norm::Linf { 1.0 / LEVELS } else { 0.01 * self.largest_eps() }
    }

    /// Whether the picture's own pixels are attacked: as the person wants it, or else as it is on screen.
    pub fn has_own_pixels(&self) -> bool {
        self.own_pixels.unwrap_or_else(|| self.shown.as_ref().is_some_and(|shown| shown.own_pixels))
    }

    /// Whether the picture on screen has other pixels than the net sees.
    pub fn is_resampled(&self) -> bool {
        self.shown
            .as_ref()
            .is_some_and(|shown| shown.picture_size != (shown.model.input.width, shown.model.input.height))
    }

    /// The view to ask for now, if anything changed since the last time.
    pub fn take_wish(&mut self) -> Option<View> {
        let mut view = std::mem::take(&mut self.dirty).then(|| self.view())?;
        if self.asked.as_ref().is_some_and(|asked| !asked.view.is_same_attack(&view)) {
            self.playing = Playing::default();
            view.step = None;
        }
        self.history.note(&View { step: None, along_line: false, ..view.clone() }, Instant::now());
        Some(view)
    }

    /// Goes on with the film of the attack; how long it may rest then, while it runs.
    pub fn play_on(&mut self, now: Instant) -> Option<Duration> {
        // An answer on its way wakes the window by itself.
        if self.waiting() { None } else { self.play(|playing, timeline| playing.go_on(timeline, now))? }
    }

    fn play<T>(&mut self, change: impl FnOnce(&mut Playing, &Timeline) -> T) -> Option<T> {
        let shown = self.shown.as_ref()?;
        let before = self.playing.step();
        let answer = change(&mut self.playing, &shown.timeline);
        self.dirty |= self.playing.step() != before;
        Some(answer)
    }

    pub fn change_attack(&mut self, command: AttackCommand) {
        match command {
            AttackCommand::Use(name) => self.use_attack(name),
            AttackCommand::Set(attack) => self.set_attack(attack),
            AttackCommand::NextSeed => self.set_seed(self.seed + 1),
            AttackCommand::PlayPause => {
                self.play(|playing, timeline| playing.toggle(timeline, Instant::now()));
            }
            AttackCommand::StepOn => {
                self.play(|playing, timeline| playing.step_by(1, timeline));
            }
            AttackCommand::StepBack => {
                self.play(|playing, timeline| playing.step_by(-1, timeline));
            }
            AttackCommand::Seek(step) => {
                self.play(|playing, timeline| playing.seek(step, timeline));
            }
        }
    }

    pub fn can_undo(&self) -> bool {
        self.history.can_undo()
    }

    pub fn can_redo(&self) -> bool {
        self.history.can_redo()
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

    /// Goes back to a view.
    pub(super) fn restore(&mut self, view: View) {
        self.model = view.model;
        self.picture = view.picture;
        self.background = view.background;
        self.mismatch = view.mismatch;
        self.moving_until = None;
        self.crop = view.crop;
        self.own_pixels = view.own_pixels;
        self.label = view.label;
        self.goal = view.goal;
        *self.lengths.in_norm(view.attack.norm()) = view.eps;
        self.kind = self.kind_of(&self.model);
        self.others.push(std::mem::replace(&mut self.attack, view.attack));
        self.seed = view.seed;
        self.clip = view.clip;
        self.eight_bit = view.eight_bit;
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

    /// Takes an answer, with the crop that it has of a photo too large for its own resolution; `false` when a newer one is already
    /// on screen.
    pub fn take_shown(&mut self, shown: Box<Shown>) -> bool {
        if self.shown.as_ref().is_some_and(|old| old.revision > shown.revision) {
            return false;
        }
        if shown.view.model == self.model {
            self.adopt_carried(&shown.model.classes);
            self.know_kind(shown.reads);
        }
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.revision == shown.revision) {
            let before = (&asked.view.model, &asked.view.picture);
            if (&self.model, &self.picture) == before && before != (&shown.view.model, &shown.view.picture) {
                self.model.clone_from(&shown.view.model);
                self.picture = shown.view.picture.clone();
                asked.view.model.clone_from(&shown.view.model);
                asked.view.picture = shown.view.picture.clone();
                self.label = Label::Predicted;
                self.goal = Goal::Untargeted;
                self.know_kind(shown.reads);
            }
        }
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.revision == shown.revision)
            && self.crop == asked.view.crop
        {
            self.crop = shown.view.crop;
            asked.view.crop = shown.view.crop;
        }
        let last = self.last.of_mut(shown.reads);
        if shown.kind.is_none_or(|kind| kind == shown.reads) {
            if !is_net_of_run(&shown.view.model) {
                last.net.clone_from(&shown.view.model);
            }
            last.picture = LastPicture::of(&shown.view.picture).unwrap_or_else(|| last.picture.clone());
        }
        self.shown = Some(shown);
        self.go_to_awaited_step();
        true
    }

    /// Tells whether what is on screen is what is wanted, to the end of the attack.
    pub fn is_settled(&self) -> bool {
        let is_here = self.shown.as_ref().is_some_and(|shown| shown.view == self.view() && shown.timeline.is_over);
        is_here && !self.dirty && !self.waiting() && !self.is_moving()
    }

    /// Tells whether ε is still moving under the hand.
    pub fn is_moving(&self) -> bool {
        self.moving_until.is_some()
    }

    /// Begins an attack of many steps anew once ε has rested; how long it has yet to rest.
    pub fn rest(&mut self, now: Instant) -> Option<Duration> {
        let until = self.moving_until?;
        if now < until {
            return Some(until - now);
        }
        self.moving_until = None;
        self.dirty = true;
        None
    }

    /// Goes to the step that a file names, once all that the file says is on screen and the attack is over.
    fn go_to_awaited_step(&mut self) {
        let Some(shown) = self.shown.as_ref().filter(|shown| shown.timeline.is_over) else { return };
        if self.dirty || self.waiting() {
            return;
        }
        if let Some(step) = self.awaited_step.take() {
            self.playing.seek(step, &shown.timeline);
            self.dirty = true;
        }
    }

    /// Notes that a view cannot be shown and goes back to what is on screen, so that the next move of the slider
    /// works. `false` when the failure is of no interest any more.
    pub fn take_failure(&mut self, revision: Revision) -> bool {
        let Some(asked) = self.asked.take_if(|asked| asked.revision == revision) else { return false };
        let asked_model = asked.view.model.clone();
        self.awaited_step = None;
        let back = match &self.shown {
            Some(shown) => shown.view.clone(),
            // Nothing on screen yet: the bundled picture and net are always there. One of the two that were asked for may do.
            None => {
                let fresh = Explore::new(&Settings::default(), None, None).view();
                let View { model, picture, .. } = asked.view;
                match (model == fresh.model, picture == fresh.picture) {
                    (true, true) => return true,
                    (false, false) => {
                        self.refused_picture = Some(picture);
                        View { model, ..fresh }
                    }
                    _ => {
                        self.set_attack(fresh.attack.clone());
                        let picture = self.refused_picture.take().unwrap_or(fresh.picture);
                        View { crop: picture.usual_crop(), picture, ..fresh }
                    }
                }
            }
        };
        let reverts = self.model != back.model || self.label != back.label || self.goal != back.goal;
        let reframes = self.crop != back.crop || self.own_pixels != back.own_pixels;
        if reverts || reframes || self.picture != back.picture {
            self.crop = back.crop;
            self.own_pixels = back.own_pixels;
            self.model = back.model;
            if let Some(kind) = self.shown.as_ref().map(|shown| shown.reads) {
                self.know_kind(kind);
            }
            self.picture = back.picture;
            self.label = back.label;
            self.goal = back.goal;
            self.dirty = true;
            if self.shown.is_none() {
                match self.model == asked_model {
                    true => self.let_picture_give_way(),
                    false => self.let_net_give_way(),
                }
            }
        }
        true
    }

    /// Copies what is worth keeping into the settings.
    pub fn remember(&self, settings: &mut Settings) {
        // Nets of runs are offered afresh each time.
        let kept = &self.last.of(self.kind.unwrap_or(PictureKind::Photo)).net;
        settings.model.clone_from(if is_net_of_run(&self.model) { kept } else { &self.model });
        if let Some(picture) = LastPicture::of(&self.picture) {
            settings.picture = picture;
        }
        settings.last = self.last.clone();
        settings.attack = self.attack.clone();
        let here = self.shown.as_ref().filter(|shown| shown.view.model == self.model);
        settings.target = match (self.goal, here) {
            (Goal::Targeted(class), Some(shown)) => shown.model.classes.get(class).cloned(),
            (Goal::Untargeted, Some(_)) => None,
            // The net is not there yet.
            (_, None) => self.carried.target.clone(),
        };
        settings.lengths = self.lengths;
        if let Some(kind) = self.kind {
            settings.channels = if kind == PictureKind::Photo { 3 } else { 1 };
        }
        settings.clip = self.clip;
        settings.eight_bit = self.eight_bit;
        settings.loss = self.loss;
    }
}
