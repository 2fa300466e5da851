//! These are the wishes of the window and the answers of the worker. All of it is plain data.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::job::DownloadEvent;
use super::playback::Timeline;
use super::probe::ProbeEvent;
use super::study::{Along, Church, ControlTable, Least, Second};
use super::testset::TestEvent;
use super::training::TrainEvent;
use crate::engine::attack::{AttackSettings, Goal, Label, LinearRival, Loss, Norm, PIXELS, Reread, Rules, Verdict};
use crate::engine::data::{Invert, sample};
use crate::engine::model::{Added, Entry, Guess, Input};
use crate::engine::picture::{Background, Heatmap, Picture, PictureKind, Planes, Region, Rgba};

/// A view is the whole of what a person wants to see. The worker holds the newest one and works out what changed.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The model's name in the catalogue, or the path of a manifest.
    pub model: String,
    pub picture: Source,
    pub mismatch: Mismatch,
    /// The colour that shows through where the picture is transparent.
    pub background: Background,
    /// The part of the picture that the net is shown; `None` leaves the choice to the model.
    pub crop: Option<Region>,
    /// Says whether the picture is inverted, cropped and centred as MNIST has its digits.
    pub invert: Invert,
    /// Tells whether the picture's own pixels are attacked, or those that are left when it is fitted to the net; `None`
    /// attacks its own where the net sees more than its input has, and no more than can be attacked.
    pub own_pixels: Option<bool>,
    pub label: Label,
    pub goal: Goal,
    pub attack: AttackSettings,
    /// The longest perturbation, in the norm of an attack that takes one.
    pub eps: f32,
    /// Tells whether to show the point at this ε on the straight line to what an attack of many steps found last.
    pub along_line: bool,
    pub seed: u64,
    /// The step of the attack to show, 0 being the untouched picture; `None` shows the newest, at last the result.
    pub step: Option<usize>,
    pub loss: Loss,
    /// Tells whether the adversarial picture is clipped to [0, 1].
    pub clip: bool,
    /// Tells whether the net is shown pictures as a file of 8 bits holds them.
    pub eight_bit: bool,
    pub heatmap: Heatmap,
}

impl Default for View {
    /// Returns a view without model and picture: FGSM away from the net's own answer at ε = 0, clipped.
    fn default() -> Self {
        Self {
            model: String::new(),
            picture: Source::Sample(String::new()),
            mismatch: Mismatch::Keep,
            background: Background::default(),
            crop: None,
            invert: Invert::Auto,
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
    /// Returns ε for an attack that takes one in L∞: no pixel moves by more.
    pub fn pixel_eps(&self) -> Option<f32> {
        (self.attack.takes_eps() && self.attack.norm() == Norm::Linf).then_some(self.eps)
    }

    /// Returns the rules of the attack and of everything beside it.
    pub fn rules(&self) -> Rules {
        Rules { loss: self.loss, bounds: self.clip.then_some(PIXELS), seed: self.seed, eight_bit: self.eight_bit }
    }

    /// Tells whether another view shows the same attack, at any step and with any heatmap.
    pub fn is_same_attack(&self, other: &Self) -> bool {
        let Self { step, heatmap, along_line, .. } = other;
        Self { step: *step, heatmap: *heatmap, along_line: *along_line, ..self.clone() } == *other
    }

    /// Tells whether the attack is the fast gradient sign method, which has one direction for all ε.
    pub fn is_fgsm(&self) -> bool {
        self.attack == AttackSettings::default()
    }
}

/// This is the rule for a view whose picture is of another kind than its model reads: photographs belong to nets that
/// were trained on photographs, digits to nets of digits.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Mismatch {
    /// Somebody chose both: the two are shown together all the same.
    #[default]
    Keep,
    /// The picture was chosen: the one of these models that reads such pictures takes its place.
    UseModel { photo: String, digit: String },
    /// The model was chosen: it is shown the one of these pictures that it reads.
    UsePicture { photo: Source, digit: Source },
}

/// A picture comes from one of these places.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// This is a bundled sample, by its name (see `crate::engine::data::samples`).
    Sample(String),
    /// This is a file.
    File(PathBuf),
    /// The picture came from the clipboard, the canvas, or a drop without a path; the person sees its `name`.
    #[serde(skip)]
    Memory { name: String, picture: Arc<Picture> },
}

impl Source {
    /// Tells whether the picture can be found again when the program is started anew.
    pub fn is_lasting(&self) -> bool {
        !matches!(self, Self::Memory { .. })
    }

    /// Returns the part of a bundled picture to begin with, if there is one.
    pub fn usual_crop(&self) -> Option<Region> {
        match self {
            Self::Sample(name) => sample(name)?.crop,
            Self::File(_) | Self::Memory { .. } => None,
        }
    }
}

/// Wishes for views are numbered; answers carry the number, so that stale ones can be dropped.
pub type Revision = u64;

/// This is what the worker reports. Every event also wakes the window.
#[derive(Clone, Debug)]
pub enum Event {
    /// These models were found, in the order in which to show them.
    Catalogue(Vec<Entry>),
    /// Something slow has begun on the way to a view ("loading squeezenet1_1_caffe").
    Busy { revision: Revision, doing: String },
    /// The answer to a view.
    Shown(Box<Shown>),
    /// The file on screen was changed, and has been read again: a view of it is out of date.
    PictureChanged(PathBuf),
    /// These are the net's answers along the attack's direction, told after the view that they belong to.
    Along(Box<Along>),
    /// The search for the smallest ε is this far, or found this.
    Least(Least),
    /// These are other perturbations of the same length, told after the view that they belong to.
    Controls(Box<ControlTable>),
    /// Another net answered on the same picture, told after the view that it belongs to.
    Second(Box<Second>),
    /// What the nets say on a plane through the picture, told after the view that it belongs to, and again when the
    /// maps are finer.
    Church(Box<Church>),
    /// A view cannot be shown; what was on screen stays. `message` is for a person, at most six lines.
    Failed { revision: Revision, message: String },
    /// The adversarial picture was written, read back and classified again.
    Saved(Saved),
    /// The adversarial picture was not written, nor any part of it.
    SaveFailed { path: PathBuf, message: String },
    /// A net of this name has new weights: a view of it is out of date.
    NetChanged(String),
    /// The trainer reports.
    Training(TrainEvent),
    /// A probe of the settings of the next run reports.
    Probe(ProbeEvent),
    /// A survey of a test set reports.
    TestSet(TestEvent),
    /// Models are fetched, added or removed. What changes the list is followed by [`Event::Catalogue`].
    Models(ModelEvent),
}

/// This happens to the person's models. What fails has the name of the model that was named, if one was.
#[derive(Clone, Debug)]
pub enum ModelEvent {
    Download(String, DownloadEvent),
    Added(Added),
    Removed(String),
    /// The file holds a net of another program, and more has to be known before it can be added.
    WholeNet(PathBuf),
    ChangeFailed {
        name: Option<String>,
        message: String,
    },
}

/// This is the answer to a view.
#[derive(Clone, Debug)]
pub struct Shown {
    pub revision: Revision,
    /// The view was asked for like this, except for a model or picture that gave way to another kind, and for the crop
    /// that was taken of a photo too large for its own resolution.
    pub view: View,
    pub reads: PictureKind,
    /// A picture that may be of either kind has `None`.
    pub kind: Option<PictureKind>,
    pub own_pixels: bool,
    /// Tells whether the net sees the inverted, cropped and centred picture, whose pixels are then attacked.
    pub is_inverted: bool,
    /// The ε at which the perturbation was found, where the picture lies on the straight line to it.
    pub along_line: Option<f32>,
    pub model: ModelInfo,
    /// The person should know this of how the picture was read.
    pub picture_notes: Vec<String>,
    /// The width and height of the picture, before it was fitted to the net.
    pub picture_size: (usize, usize),
    /// Tells whether its file was saved with a crop, which the headless commands take.
    pub has_crop: bool,
    pub is_transparent: bool,
    pub overview: Arc<Rgba>,
    /// The part of it that the net sees.
    pub crop: Region,
    /// The largest area of a crop that can be attacked at its own resolution, in pixels of the picture.
    pub largest_crop: f64,
    /// The pixels that are attacked, in [0, 1]: what the net sees, or the picture's own.
    pub original: Arc<Planes>,
    pub perturbation: Arc<Planes>,
    /// The gradient ∇ₓJ is taken at the original.
    pub gradient: Arc<Planes>,
    pub adversarial: Arc<Planes>,
    pub original_rgba: Arc<Rgba>,
    pub heatmap_rgba: Arc<Rgba>,
    /// The heatmap's legend runs from −limit to +limit, or from 0 for magnitudes.
    pub heatmap_limit: f32,
    pub adversarial_rgba: Arc<Rgba>,
    /// The label that the attack moved away from, and its class.
    pub label: Guess,
    /// The five most probable classes before and after (fewer if the net has fewer).
    pub clean_top: Vec<Guess>,
    pub adversarial_top: Vec<Guess>,
    /// The probability of the attacked label before and after.
    pub label_prob: (f32, f32),
    /// The probability of the target before and after, for a targeted attack.
    pub target_prob: Option<(f32, f32)>,
    pub verdict: Verdict,
    /// The lengths max|δ| and ‖δ‖₂ of the perturbation after clipping, in units of the pixel range [0, 1].
    pub linf: f32,
    pub l2: f32,
    /// The perturbation's length in the attack's own measure.
    pub length: f32,
    /// The share of pixels whose gradient is exactly zero: 1 means that the attack has nothing to follow.
    pub zero_gradient_fraction: f32,
    /// Tells whether the net is so sure that rounding hides most of the cross-entropy's gradient; the log-odds show it.
    pub saturated: bool,
    pub timeline: Timeline,
    pub linear: Option<Arc<LinearFacts>>,
    /// The time from taking up the view to this answer.
    pub took: std::time::Duration,
}

impl Shown {
    /// Returns the name of a class of the net; empty for one that it does not have.
    pub fn class_name(&self, class: usize) -> &str {
        self.model.classes.get(class).map_or("", String::as_str)
    }
}

/// These facts hold exactly for a linear net: they are about the class nearest to a picture's label.
#[derive(Debug)]
pub struct LinearFacts {
    pub rival: LinearRival,
    pub class: String,
    /// The rival's weights less the label's, and their signs.
    pub pictures: [Rgba; 2],
}

/// The window needs to know this of a loaded model; its title is the `name` of the manifest.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    pub title: String,
    pub input: Input,
    pub classes: Arc<[String]>,
    pub parameters: usize,
}

/// A picture was saved and classified again.
#[derive(Clone, Debug)]
pub struct Saved {
    pub path: PathBuf,
    pub reread: Reread,
    /// The answer on screen when it was saved.
    pub on_screen: Guess,
}
