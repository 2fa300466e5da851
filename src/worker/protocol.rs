//! What the window asks of the worker and what it is told. All of it is plain data.

use std::path::PathBuf;
use std::sync::Arc;

use super::pairing::Mismatch;
use super::playback::Timeline;
use super::study::{Along, Controls, Least, Second};
use super::testset::TestEvent;
use super::training::TrainEvent;
use crate::engine::attack::{AttackSettings, Goal, Label, LinearRival, Loss, Norm, PIXELS, Reread, Rules, Verdict};
use crate::engine::data::sample;
use crate::engine::model::{Added, Entry, Guess, Input};
use crate::engine::picture::{Background, Heatmap, Picture, PictureKind, Planes, Region, Rgba};

/// The whole of what a person wants to see. The worker holds the newest one and works out what changed: a moved ε costs
/// one forward pass, a new picture or label also one gradient, a new model also a load.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// A model's name in the catalogue, or the path of a manifest.
    pub model: String,
    pub picture: Source,
    /// What to do where the picture is of another kind than the model reads.
    pub mismatch: Mismatch,
    /// What shows through where the picture is transparent.
    pub background: Background,
    /// The part of the picture that the net is shown; the model's own choice without one.
    pub crop: Option<Region>,
    /// Whether to attack the picture's own pixels, or those that are left when it is fitted to the net; `None`: its
    /// own where it is larger than the net's input and at most
    /// [`MAX_PHOTO_PIXELS`](crate::engine::attack::MAX_PHOTO_PIXELS) of it are seen.
    pub own_pixels: Option<bool>,
    pub label: Label,
    pub goal: Goal,
    pub attack: AttackSettings,
    /// The longest perturbation, in the norm of an attack that takes one.
    pub eps: f32,
    /// Whether to show, of an attack of many steps, the picture at this ε on the straight line to the perturbation
    /// that was found last, if there is one: that costs one forward pass.
    pub along_line: bool,
    /// The seed of random starts and noise.
    pub seed: u64,
    /// The step of the attack to show, 0 being the untouched picture; without one its result, and what it comes to
    /// until then.
    pub step: Option<usize>,
    /// The loss whose slope the attack follows.
    pub loss: Loss,
    /// Whether to clip the adversarial picture to [0, 1].
    pub clip: bool,
    /// Whether to show the net pictures as a file of 8 bits holds them.
    pub eight_bit: bool,
    pub heatmap: Heatmap,
}

impl Default for View {
    /// No model and no picture yet, with FGSM away from the net's own answer at ε = 0, clipped, everything else as usual.
    fn default() -> Self {
        Self {
            model: String::new(),
            picture: Source::Sample(String::new()),
            mismatch: Mismatch::Keep,
            background: Background::default(),
            crop: None,
            own_pixels: None,
            label: Label::Predicted,
            goal: Goal::Untargeted,
            attack: AttackSettings::default(),
            eps: 0.0,
            along_line: false,
            seed: 0,
            step: None,
            loss: Loss::default(),
            clip: true,
            eight_bit: false,
            heatmap: Heatmap::default(),
        }
    }
}

impl View {
    /// ε in L∞, of an attack that takes one there: no pixel moves by more.
    pub fn pixel_eps(&self) -> Option<f32> {
        (self.attack.takes_eps() && self.attack.norm() == Norm::Linf).then_some(self.eps)
    }

    /// The rules that its attack, and everything beside it, keeps to.
    pub fn rules(&self) -> Rules {
        Rules { loss: self.loss, bounds: self.clip.then_some(PIXELS), seed: self.seed, eight_bit: self.eight_bit }
    }

    /// Whether another view shows the same attack, at whatever step and with whatever heatmap.
    pub fn is_same_attack(&self, other: &Self) -> bool {
        let Self { step, heatmap, along_line, .. } = other;
        Self { step: *step, heatmap: *heatmap, along_line: *along_line, ..self.clone() } == *other
    }

    /// Whether it is the fast gradient sign method: one direction for all ε.
    pub fn is_fgsm(&self) -> bool {
        self.attack == AttackSettings::default()
    }
}

/// Where a picture comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// One of the bundled samples, by its name (see `crate::engine::data::samples`).
    Sample(String),
    File(PathBuf),
    /// A picture from the clipboard, a drop without a path, or the canvas; `name` is shown to the person.
    Memory {
        name: String,
        picture: Arc<Picture>,
    },
}

impl Source {
    /// The part of a bundled picture to begin with, if there is one.
    pub fn usual_crop(&self) -> Option<Region> {
        match self {
            Self::Sample(name) => sample(name)?.crop,
            Self::File(_) | Self::Memory { .. } => None,
        }
    }
}

/// A numbered wish for a view; answers carry the number, so that stale ones can be dropped.
pub type Revision = u64;

/// What the worker reports. Every event also wakes the window.
#[derive(Clone, Debug)]
pub enum Event {
    /// The models that were found, in the order in which to show them.
    Catalogue(Vec<Entry>),
    /// Something slow has begun on the way to a view ("loading squeezenet1_1_caffe").
    Busy { revision: Revision, doing: String },
    /// The answer to a view.
    Shown(Box<Shown>),
    /// The file on screen was changed since it was read, and has been read again: a view of it is out of date.
    PictureChanged(PathBuf),
    /// The net's answers along the attack's direction, after the view that they belong to.
    Along(Box<Along>),
    /// How far the search for the smallest ε is, and what it found.
    Least(Least),
    /// Other perturbations of the same length, after the view that they belong to.
    Controls(Box<Controls>),
    /// Another net on the same picture, after the view that it belongs to.
    Second(Box<Second>),
    /// A view cannot be shown; what was on screen stays. `message` is for a person, at most six lines.
    Failed { revision: Revision, message: String },
    /// The adversarial picture was written, read back and classified again.
    Saved(Saved),
    /// It was not: nothing half-written is left behind.
    SaveFailed { path: PathBuf, message: String },
    /// A net of this name has new weights: a view of it is out of date.
    NetChanged(String),
    /// The trainer reports.
    Training(TrainEvent),
    /// A survey of a test set reports.
    TestSet(TestEvent),
    /// Models are fetched, added or removed. What changes the list is followed by [`Event::Catalogue`].
    Models(ModelEvent),
}

/// What happens to the person's models.
#[derive(Clone, Debug)]
pub enum ModelEvent {
    /// So many bytes have arrived, of how many; told several times a second.
    Fetching {
        name: String,
        done: u64,
        of: u64,
    },
    Fetched(String),
    /// `None` when the person cancelled it. What has arrived is kept for the next time.
    FetchFailed {
        name: String,
        message: Option<String>,
    },
    Added(Added),
    /// `name` is the model that was named, if one was.
    AddFailed {
        name: Option<String>,
        message: String,
    },
    Removed(String),
    RemoveFailed {
        name: String,
        message: String,
    },
}

/// A view, computed.
#[derive(Clone, Debug)]
pub struct Shown {
    pub revision: Revision,
    /// The view as it was asked for; but with the model or the picture that took the place of one of another kind,
    /// and where a photo was too large for its own resolution, with the crop that was taken of it.
    pub view: View,
    /// What the net reads, and what the picture is.
    pub reads: PictureKind,
    pub kind: Option<PictureKind>,
    /// Whether the picture's own pixels are attacked.
    pub own_pixels: bool,
    /// The ε at which the perturbation was found on the straight line to which the picture lies, if it lies on one.
    pub along_line: Option<f32>,
    pub model: ModelInfo,
    /// What the person should know of how the picture was read.
    pub picture_notes: Vec<String>,
    /// Width and height of the picture as loaded, before it was fitted to the net.
    pub picture_size: (usize, usize),
    /// Whether its file was saved with a crop, which the headless commands take.
    pub has_crop: bool,
    /// Whether the background shows through it.
    pub is_transparent: bool,
    /// The whole picture, small.
    pub overview: Arc<Rgba>,
    /// The part of it that the net sees.
    pub crop: Region,
    /// The largest area of a crop with these proportions that can be attacked at its own resolution, in pixels of the
    /// picture.
    pub largest_crop: f64,
    /// The pixels that are attacked, in [0, 1]: what the net sees, or the picture's own.
    pub original: Arc<Planes>,
    /// `adversarial − original`.
    pub perturbation: Arc<Planes>,
    /// ∇ₓJ at the original.
    pub gradient: Arc<Planes>,
    pub adversarial: Arc<Planes>,
    pub original_rgba: Arc<Rgba>,
    pub heatmap_rgba: Arc<Rgba>,
    /// The value at the heatmap's full colour (its legend runs from −limit to +limit, or from 0 for magnitudes).
    pub heatmap_limit: f32,
    pub adversarial_rgba: Arc<Rgba>,
    /// The label that the attack moved away from, and its class.
    pub label: Guess,
    /// Top five before and after, most probable first (fewer if the net has fewer classes).
    pub clean_top: Vec<Guess>,
    pub adversarial_top: Vec<Guess>,
    /// The probability of the attacked label before and after.
    pub label_prob: (f32, f32),
    /// The probability of the target before and after, for a targeted attack.
    pub target_prob: Option<(f32, f32)>,
    pub verdict: Verdict,
    /// max|δ| and ‖δ‖₂ of the perturbation after clipping, in [0, 1] units.
    pub linf: f32,
    pub l2: f32,
    /// The perturbation's length in the attack's own measure.
    pub length: f32,
    /// The share of pixels whose gradient is exactly zero: 1 means that the attack has nothing to follow.
    pub zero_gradient_fraction: f32,
    /// Whether the net is so sure of the class that rounding hides most of the cross-entropy's gradient; the log-odds
    /// show it.
    pub saturated: bool,
    /// How far the attack has come, and where it has been.
    pub timeline: Timeline,
    /// What is exactly so of a linear net; `None` for others.
    pub linear: Option<Arc<Linear>>,
    /// The time from taking up the view to this answer.
    pub took: std::time::Duration,
}

/// The class that is nearest to a picture's label in the terms of a linear net.
#[derive(Debug)]
pub struct Linear {
    pub rival: LinearRival,
    /// The rival's name.
    pub class: String,
    /// Its weights less the label's, and their signs.
    pub pictures: [Rgba; 2],
}

/// What the window needs to know of a loaded model.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// The manifest's `name`.
    pub title: String,
    pub input: Input,
    pub classes: Arc<[String]>,
    pub parameters: usize,
}

#[derive(Clone, Debug)]
pub struct Saved {
    pub path: PathBuf,
    /// What the net says of the file when it is opened again.
    pub reread: Reread,
    /// What the screen said when it was saved.
    pub on_screen: Guess,
}
