//! This is the plain state of the Explore page: what it wants to see and what it was last told.

pub mod changes;
pub mod playing;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::app::pages::explore::commands::attack::AttackCommand;
use crate::app::pages::explore::state::playing::Playing;
use crate::app::pages::train::state::is_net_of_run;
use crate::app::settings::{LastOfKinds, Settings};
use crate::app::undo::{CanStep, History, HistoryStep};
use crate::engine::attack::{AttackSettings, Goal, Label, Norm};
use crate::engine::data::{Invert, Sample, sample, sample_unless_file};
use crate::engine::model::Entry;
use crate::engine::picture::PictureKind;
use crate::engine::units::LEVELS;
use crate::worker::{Mismatch, Revision, Shown, Source, Timeline, View};

/// The slider ends here in L∞; half the pixel range is already far more than any attack needs.
pub const MAX_EPS: f32 = 0.5;
pub const DEFAULT_ETA: f32 = 0.1;
pub const ETA_RANGE: RangeInclusive<f32> = 1e-4..=100.0;
pub const GAIN_RANGE: RangeInclusive<f32> = 1.0..=64.0;
const REST: Duration = Duration::from_millis(250);
/// Work shorter than this is not announced: it would only flicker.
pub const PATIENCE: Duration = Duration::from_millis(150);

/// The state of the page is the view that is wanted and what is on screen. What differs is computed.
#[derive(Default)]
pub struct Explore {
    /// This is the view that is wanted, but for what `playing` and a moving ε add to it.
    pub view: View,
    /// The parameters that the other attacks were left with, by the names of the attacks.
    others: HashMap<&'static str, AttackSettings>,
    lengths: Lengths,
    /// The kind of net that ε was chosen for; `None` where that is not known yet.
    kind: Option<PictureKind>,
    last: LastOfKinds,
    /// ε counts as moving until then: an attack of many steps begins anew when it has rested.
    moving_until: Option<Instant>,
    pub playing: Playing,
    pub is_blank: bool,
    /// All settings of the attack are on screen.
    pub has_more: bool,
    pub catalogue: Vec<Entry>,
    pub shown: Option<Box<Shown>>,
    pub hidden: Hidden,
    wish: Option<View>,
    /// That view is to be asked for again: the net or the file behind a name changed.
    is_stale: bool,
    asked: Option<Asked>,
    pub history: History<View>,
    /// These names are looked up again when a model with other indices arrives.
    carried: Carried,
    /// A file names this step of a film, to go to once the film is whole.
    awaited_step: Option<usize>,
    /// This picture was asked for at the start together with a net, before either was found to be good.
    refused_picture: Option<Source>,
}

/// Each norm has an ε of its own: a number in one norm says nothing in another.
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
    /// Returns the usual ε for nets with this number of channels; in L1 it is twenty pixels from black to white.
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

/// Returns a file, or else the bundled sample of this name.
pub fn named(picture: PathBuf) -> Source {
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

/// These parts of the page are covered until somebody has predicted them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hidden {
    pub perturbation: bool,
    pub adversarial: bool,
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
        let picture = picture.map_or_else(|| settings.picture.clone(), named);
        let view = View {
            model: model.unwrap_or_else(|| settings.model.clone()),
            crop: picture.usual_crop(),
            picture,
            attack: settings.attack.clone(),
            eps: *settings.lengths.clone().in_norm(settings.attack.norm()),
            clip: settings.clip,
            eight_bit: settings.eight_bit,
            loss: settings.loss,
            ..View::default()
        };
        let mut explore = Self {
            view,
            lengths: settings.lengths,
            kind: Some(if settings.channels == 3 { PictureKind::Photo } else { PictureKind::Digit }),
            last: settings.last.clone(),
            has_more: settings.more,
            carried: Carried { label: None, target: settings.target.clone() },
            ..Self::default()
        };
        match (has_picture, has_model) {
            (true, false) => explore.let_net_give_way(),
            (false, true) => explore.let_picture_give_way(),
            (true, true) | (false, false) => {}
        }
        explore
    }

    /// Begins with this choice for the first picture.
    pub fn inverting(mut self, invert: Invert) -> Self {
        self.view.invert = invert;
        self
    }

    pub fn wanted(&self) -> View {
        View { along_line: self.is_moving(), step: self.playing.step, ..self.view.clone() }
    }

    /// Returns the kind of net that ε was chosen for; digits where that is not known yet.
    pub fn net_kind(&self) -> PictureKind {
        self.kind.unwrap_or(PictureKind::Digit)
    }

    /// Returns the usual ε of such nets, in the norm of the attack.
    pub fn usual_eps(&self) -> f32 {
        let channels = if self.net_kind() == PictureKind::Photo { 3 } else { 1 };
        *Lengths::usual(channels).in_norm(self.view.attack.norm())
    }

    /// Takes note of what the net reads. With another kind of net comes the ε that was last used with such nets.
    pub fn know_kind(&mut self, kind: PictureKind) {
        let Some(before) = self.kind.replace(kind).filter(|before| *before != kind) else { return };
        self.last.of_mut(before).lengths = self.lengths();
        self.lengths = self.last.of(kind).lengths;
        self.view.eps = *self.lengths.in_norm(self.view.attack.norm());
    }

    /// Returns ε in each norm: in that of the attack as it is now, in the others as it was left.
    pub fn lengths(&self) -> Lengths {
        let mut lengths = self.lengths;
        *lengths.in_norm(self.view.attack.norm()) = self.view.eps;
        lengths
    }

    /// Returns the kind of picture that a net reads, as far as the list of models says.
    fn kind_of(&self, model: &str) -> Option<PictureKind> {
        let entry = self.catalogue.iter().find(|entry| entry.name == model)?;
        let is_digit = entry.facts.as_ref()?.channels == 1;
        Some(if is_digit { PictureKind::Digit } else { PictureKind::Photo })
    }

    /// Returns whether the strip offers digits, because a digit is on screen.
    pub fn shows_digits(&self) -> bool {
        match (&self.view.picture, self.shown.as_deref()) {
            (Source::Sample(name), _) => sample(name).is_some_and(Sample::is_digit),
            (picture, Some(shown)) if shown.view.picture == *picture => shown.kind == Some(PictureKind::Digit),
            _ => self.kind == Some(PictureKind::Digit),
        }
    }

    /// Lets the net last used for such pictures take the place of one that does not read them.
    fn let_net_give_way(&mut self) {
        let LastOfKinds { photo, digit } = &self.last;
        self.view.mismatch = Mismatch::UseModel { photo: photo.net.clone(), digit: digit.net.clone() };
    }

    /// Lets the picture last shown of its kind take the place of one that the net does not read.
    fn let_picture_give_way(&mut self) {
        let LastOfKinds { photo, digit } = &self.last;
        self.view.mismatch = Mismatch::UsePicture { photo: photo.picture.clone(), digit: digit.picture.clone() };
    }

    pub fn largest_eps(&self) -> f32 {
        let values = self.shown.as_ref().map_or(28 * 28, |shown| shown.original.values.len());
        self.view.attack.norm().largest_eps(values)
    }

    /// Returns by how much one press of a key moves ε: a grey level in L∞, a hundredth of the slider elsewhere.
    pub fn eps_step(&self) -> f32 {
        if self.view.attack.norm() == Norm::Linf { 1.0 / LEVELS } else { 0.01 * self.largest_eps() }
    }

    /// Returns whether the picture's own pixels are attacked: as the person wants it, or else as it is on screen.
    pub fn has_own_pixels(&self) -> bool {
        self.view.own_pixels.unwrap_or_else(|| self.shown.as_ref().is_some_and(|shown| shown.own_pixels))
    }

    /// Returns whether the picture on screen has other pixels than the net sees.
    pub fn is_resampled(&self) -> bool {
        let size = |shown: &Shown| (shown.model.input.width, shown.model.input.height);
        self.shown.as_ref().is_some_and(|shown| shown.picture_size != size(shown))
    }

    /// Returns whether the attack can be on the picture's own pixels, of which the net does not see each one as it is.
    pub fn may_have_own_pixels(&self) -> bool {
        self.is_resampled() && !self.is_inverted()
    }

    pub fn is_inverted(&self) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.is_inverted)
    }

    /// Takes the picture as it is where it is inverted, and inverts it where it is not.
    pub fn toggle_invert(&mut self) {
        self.view.invert = if self.is_inverted() { Invert::No } else { Invert::Yes };
    }

    /// Returns the view to ask for now, if it is another one than the last time.
    pub fn take_wish(&mut self) -> Option<View> {
        let mut view = self.wanted();
        if !std::mem::take(&mut self.is_stale) && self.wish.as_ref() == Some(&view) {
            return None;
        }
        if self.wish.as_ref().is_some_and(|wish| !wish.is_same_attack(&view)) {
            self.playing = Playing::default();
            view.step = None;
        }
        self.wish = Some(view.clone());
        Some(view)
    }

    /// Notes views that were answered, for undo: before, another net or picture may take the place of what is wanted.
    pub fn note(&mut self, seconds: f64) {
        if !self.waiting() {
            self.history.note(seconds, &self.view);
        }
    }

    /// Goes on with the film of the attack. Returns how long it may rest then, while it runs.
    pub fn play_on(&mut self, now: Instant) -> Option<Duration> {
        // An answer on its way wakes the window by itself.
        let shown = self.shown.as_ref().filter(|_| !self.waiting())?;
        self.playing.go_on(&shown.timeline, now)
    }

    fn play(&mut self, change: impl FnOnce(&mut Playing, &Timeline)) {
        if let Some(shown) = &self.shown {
            change(&mut self.playing, &shown.timeline);
        }
    }

    pub fn change_attack(&mut self, command: AttackCommand) {
        match command {
            AttackCommand::Use(name) => self.use_attack(name),
            AttackCommand::Set(attack) => self.set_attack(attack),
            AttackCommand::NextSeed => self.view.seed += 1,
            AttackCommand::PlayPause => self.play(|playing, timeline| playing.toggle(timeline, Instant::now())),
            AttackCommand::StepOn => self.play(|playing, timeline| playing.step_by(1, timeline)),
            AttackCommand::StepBack => self.play(|playing, timeline| playing.step_by(-1, timeline)),
            AttackCommand::Seek(step) => self.play(|playing, timeline| playing.seek(step, timeline)),
        }
    }

    pub fn can_step(&self) -> CanStep {
        self.history.can(&self.view)
    }

    pub fn step_history(&mut self, step: HistoryStep) {
        if let Some(view) = self.history.step(step, &self.view) {
            self.restore(view);
        }
    }

    pub fn restore(&mut self, view: View) {
        self.lengths = self.lengths();
        self.moving_until = None;
        self.kind = self.kind_of(&view.model);
        let before = std::mem::replace(&mut self.view, View { step: None, along_line: false, ..view }).attack;
        self.others.insert(before.name(), before);
        self.carried = Carried::default();
    }

    /// Asks for the view again: the net or the file behind a name is another one.
    pub fn refresh(&mut self) {
        self.is_stale = true;
    }

    pub fn asked(&mut self, revision: Revision, view: View) {
        // While the slider moves, the waiting began with the first request that is still unanswered.
        let at = match &self.asked {
            Some(asked) if self.waiting() => asked.at,
            _ => Instant::now(),
        };
        self.asked = Some(Asked { revision, view, at, doing: None });
    }

    pub fn waiting(&self) -> bool {
        let shown = self.shown.as_ref().map_or(0, |s| s.revision);
        self.asked.as_ref().is_some_and(|asked| asked.revision > shown)
    }

    /// Returns what to say while waiting, once it has taken noticeably long.
    pub fn busy(&self) -> Option<&str> {
        let asked = self.asked.as_ref().filter(|asked| self.waiting() && asked.at.elapsed() >= PATIENCE)?;
        Some(asked.doing.as_deref().unwrap_or("computing"))
    }

    pub fn set_doing(&mut self, revision: Revision, doing: String) {
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.revision == revision) {
            asked.doing = Some(doing);
        }
    }

    /// Takes an answer, with what the worker chose in it. Returns `false` when a newer one is already on screen.
    pub fn take_shown(&mut self, shown: Box<Shown>) -> bool {
        if self.shown.as_ref().is_some_and(|old| old.revision > shown.revision) {
            return false;
        }
        if shown.view.model == self.view.model {
            self.adopt_carried(&shown.model.classes);
            self.know_kind(shown.reads);
        }
        if let Some(asked) = self.asked.as_ref().filter(|asked| asked.revision == shown.revision) {
            self.adopt_choices(asked.view.clone(), &shown);
        }
        if shown.kind.is_none_or(|kind| kind == shown.reads) {
            let last = self.last.of_mut(shown.reads);
            if !is_net_of_run(&shown.view.model) {
                last.net.clone_from(&shown.view.model);
            }
            if shown.view.picture.is_lasting() {
                last.picture.clone_from(&shown.view.picture);
            }
        }
        self.shown = Some(shown);
        self.go_to_awaited_step();
        true
    }

    /// Makes what the worker chose in the answer to `asked` what is wanted, where nothing else is wanted by now.
    fn adopt_choices(&mut self, asked: View, shown: &Shown) {
        let View { model, picture, crop, .. } = &shown.view;
        let is_wanted = (&self.view.model, &self.view.picture) == (&asked.model, &asked.picture);
        let gave_way = is_wanted && (&asked.model, &asked.picture) != (model, picture);
        let takes_crop = self.view.crop == asked.crop;
        for view in [Some(&mut self.view), self.wish.as_mut()].into_iter().flatten() {
            if gave_way {
                (view.model, view.picture) = (model.clone(), picture.clone());
                (view.label, view.goal) = (Label::Predicted, Goal::Untargeted);
            }
            if takes_crop {
                view.crop = *crop;
            }
        }
        if gave_way {
            self.know_kind(shown.reads);
        }
    }

    /// Returns whether what is on screen is what is wanted, to the end of the attack.
    pub fn is_settled(&self) -> bool {
        let is_here = self.shown.as_ref().is_some_and(|shown| shown.view == self.wanted() && shown.timeline.is_over);
        is_here && !self.is_stale && !self.waiting() && !self.is_moving()
    }

    pub fn is_moving(&self) -> bool {
        self.moving_until.is_some()
    }

    /// Begins an attack of many steps anew once ε has rested. Returns how long it has yet to rest.
    pub fn rest(&mut self, now: Instant) -> Option<Duration> {
        let left = self.moving_until?.saturating_duration_since(now);
        self.moving_until.take_if(|_| left.is_zero());
        (!left.is_zero()).then_some(left)
    }

    /// Goes to the step that a file names, once all that the file says is on screen and the attack is over.
    fn go_to_awaited_step(&mut self) {
        let Some(shown) = self.shown.as_ref().filter(|shown| shown.timeline.is_over) else { return };
        if self.wish != Some(self.wanted()) || self.waiting() {
            return;
        }
        if let Some(step) = self.awaited_step.take() {
            self.playing.seek(step, &shown.timeline);
        }
    }

    /// Goes back to what is on screen where a view fails. Returns `false` when the failure is of no interest any more.
    pub fn take_failure(&mut self, revision: Revision) -> bool {
        let Some(asked) = self.asked.take_if(|asked| asked.revision == revision) else { return false };
        self.awaited_step = None;
        if let Some(shown) = &self.shown {
            let View { model, picture, crop, invert, own_pixels, label, goal, .. } = shown.view.clone();
            let kind = shown.reads;
            self.view = View { model, picture, crop, invert, own_pixels, label, goal, ..self.view.clone() };
            self.know_kind(kind);
            return true;
        }
        // Nothing is on screen yet, but the bundled picture and net are there. One of the two that were asked for may
        // do.
        let fresh = Explore::new(&Settings::default(), None, None).view;
        let View { model, picture, .. } = asked.view;
        let (is_usual_model, is_usual_picture) = (model == fresh.model, picture == fresh.picture);
        if !is_usual_model && !is_usual_picture {
            self.refused_picture = Some(picture);
            self.view = View { model, attack: self.view.attack.clone(), eps: self.view.eps, ..fresh };
            self.let_picture_give_way();
        } else if !is_usual_model || !is_usual_picture {
            self.set_attack(fresh.attack.clone());
            let picture = self.refused_picture.take().unwrap_or(fresh.picture.clone());
            self.view = View { crop: picture.usual_crop(), picture, eps: self.view.eps, ..fresh };
            if is_usual_model { self.let_picture_give_way() } else { self.let_net_give_way() }
        }
        true
    }

    pub fn remember(&self, settings: &mut Settings) {
        // Nets of runs are offered afresh each time.
        let kept = &self.last.of(self.kind.unwrap_or(PictureKind::Photo)).net;
        settings.model.clone_from(if is_net_of_run(&self.view.model) { kept } else { &self.view.model });
        if self.view.picture.is_lasting() {
            settings.picture.clone_from(&self.view.picture);
        }
        settings.last = self.last.clone();
        settings.attack = self.view.attack.clone();
        let here = self.shown.as_ref().filter(|shown| shown.view.model == self.view.model);
        settings.target = match (self.view.goal, here) {
            (Goal::Targeted(class), Some(shown)) => shown.model.classes.get(class).cloned(),
            (Goal::Untargeted, Some(_)) => None,
            // The net is not there yet.
            (_, None) => self.carried.target.clone(),
        };
        settings.more = self.has_more;
        settings.lengths = self.lengths();
        if let Some(kind) = self.kind {
            settings.channels = if kind == PictureKind::Photo { 3 } else { 1 };
        }
        (settings.clip, settings.eight_bit, settings.loss) = (self.view.clip, self.view.eight_bit, self.view.loss);
    }
}
