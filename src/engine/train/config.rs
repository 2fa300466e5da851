//! These are the settings of a run.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::augment::Augment;
use super::history::EpochRecord;
use super::objective::{Adversary, Objective};
use super::optimiser::Algorithm;
use super::schedule::{Momentum, Schedule};
use super::stopping::Stopping;
use crate::attack::{Norm, PIXELS};
use crate::data::{DataShape, DataSource, Dataset, Opening, Split, Watch};
use crate::model::{Architecture, Catalogue, Manifest, RUN};
use crate::units::check_pixel_eps;
use crate::{Error, Result};

/// Everything that decides how a run goes; with the data and the manifest it determines the weights bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    #[serde(with = "in_words")]
    pub data: DataSource,
    /// Tells whether damaged pictures are looked for and left out.
    #[serde(default)]
    pub skip_damaged: bool,
    /// Tells whether arrays keep the order of their file, so that its last pictures are held out. Runs of earlier
    /// versions do; a new run has the classes take turns.
    #[serde(default = "as_filed")]
    pub is_as_filed: bool,
    /// The height and width of what a net by its sizes takes in, in place of those that suit the pictures.
    #[serde(default)]
    pub size: Option<[usize; 2]>,
    /// The channels of what such a net takes in: 1 or 3.
    #[serde(default)]
    pub channels: Option<usize>,
    /// The name or manifest that the net came from, as settings and command lines name it.
    pub model: String,
    /// Tells whether to begin with the trained weights of that net instead of fresh ones.
    #[serde(default)]
    pub fine_tune: bool,
    pub epochs: usize,
    pub batch: usize,
    pub optimiser: Algorithm,
    /// This is the largest rate of the schedule.
    pub learning_rate: f32,
    pub schedule: Schedule,
    pub momentum: Momentum,
    /// Tells whether the momentum has Nesterov's form, as in PyTorch.
    pub nesterov: bool,
    pub weight_decay: f32,
    pub max_norm: Option<f32>,
    /// The bound of the first weights, U(−init, init), in place of one range for each layer.
    pub init: Option<f32>,
    /// The share of the target that is spread over all classes (Szegedy et al., 2016, section 7).
    pub label_smoothing: f32,
    pub augment: Augment,
    /// This makes the pictures of the second part of the objective.
    #[serde(with = "in_words")]
    pub adversary: Adversary,
    /// The norm that adversarial examples are measured in, in the objective and in the validation: L∞ or L2.
    #[serde(default = "linf")]
    pub norm: Norm,
    /// ε of the adversarial examples, in the objective and in the validation, in units of the pixel range.
    pub eps: f32,
    /// The share of the clean loss in the objective; 1 trains clean.
    pub alpha: f32,
    /// The β of TRADES in place of the mix with α (see [`Objective`]).
    #[serde(default)]
    pub trades: Option<f32>,
    /// An average of the weights is kept, validated and saved in place of the last ones; it decays like this at each
    /// step, and is usually 0.999.
    #[serde(default)]
    pub averaging: Option<f32>,
    /// Tells whether adversarial examples are clipped to [0, 1].
    pub clip: bool,
    /// The number of pictures held out for validation, the last ones of the training split.
    pub validation: usize,
    /// The number of those, from the first on, that are also attacked with projected gradient descent.
    pub pgd_pictures: usize,
    pub stopping: Stopping,
    pub seed: u64,
}

fn as_filed() -> bool {
    true
}

fn linf() -> Norm {
    Norm::Linf
}

/// This is the net of a run before its training.
pub struct NewNet {
    pub manifest: Manifest,
    /// This sentence says what its input follows from, where that was decided by a look at the pictures.
    pub note: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: DataSource::default(),
            skip_damaged: false,
            is_as_filed: false,
            size: None,
            channels: None,
            model: "digits_maxout".into(),
            fine_tune: false,
            epochs: 10,
            batch: 100,
            optimiser: Algorithm::Sgd,
            learning_rate: 0.05,
            schedule: Schedule::Cosine,
            momentum: Momentum::constant(0.9),
            nesterov: false,
            weight_decay: 0.0,
            max_norm: None,
            init: None,
            label_smoothing: 0.0,
            augment: Augment::default(),
            adversary: Adversary::Fgsm,
            norm: Norm::Linf,
            eps: 0.25,
            alpha: 0.5,
            trades: None,
            averaging: None,
            clip: true,
            validation: 1000,
            pgd_pictures: 500,
            stopping: Stopping::default(),
            seed: 0,
        }
    }
}

impl Config {
    /// Returns the net without its weights, as [`Self::net`] does.
    pub fn manifest(&self, catalogue: &Catalogue) -> Result<Manifest> {
        self.net(catalogue, &mut |_| true).map(|net| net.manifest)
    }

    /// Returns the net without its weights: by its name in the catalogue, the path of a manifest, or its sizes in
    /// words, which then suit the pictures of the data. Fails for a net that is not found; may end with
    /// [`Error::Stopped`].
    pub fn net(&self, catalogue: &Catalogue, watch: &mut Watch) -> Result<NewNet> {
        match self.model.parse::<Architecture>() {
            Ok(architecture) => {
                let DataShape { mut input, classes, note } = self.data.shape(watch)?;
                if let Some([height, width]) = self.size {
                    (input.height, input.width) = (height, width);
                }
                if let Some(channels) = self.channels {
                    input.channels = channels;
                    (input.mean, input.std) = (vec![0.0; channels], vec![1.0; channels]);
                }
                let note = note.filter(|_| self.size.is_none() || self.channels.is_none());
                Ok(NewNet { manifest: architecture.manifest(&input, &classes)?, note })
            }
            // Only sizes and the nets of runs have a colon or a plus.
            Err(error) if self.is_meant_as_sizes() => Err(error),
            Err(_) if self.size.is_some() || self.channels.is_some() => {
                let why = "--size and --channels are for nets by their sizes, such as cnn:16,32,64; the input of any \
                           other net is fixed";
                Err(Error::Argument(why.into()))
            }
            Err(_) => {
                let found = catalogue.manifest(&self.model)?;
                // A net of a run is called like the run, which is not this one.
                let name = Manifest::with_classes(&found.source, &found.path, &found.classes)?.name;
                Ok(NewNet { manifest: Manifest { name, ..found }, note: None })
            }
        }
    }

    fn is_meant_as_sizes(&self) -> bool {
        self.model.contains([':', '+']) && !self.model.ends_with(".toml") && !self.model.starts_with(RUN)
    }

    /// Returns the settings that a run was begun with, as far as its history tells; these are those that it has now.
    pub fn begun(&self, history: &[EpochRecord]) -> Self {
        let mut begun = self.clone();
        if let Some(first) = history.first() {
            (begun.eps, begun.alpha) = (first.eps, first.alpha);
            if first.learning_rate > 0.0 {
                begun.learning_rate = first.learning_rate;
            }
        }
        begun
    }

    /// Names the second part of the objective, such as "FGSM" or "PGD-7"; `None` where there is the clean loss alone.
    pub fn adversary_in_words(&self) -> Option<String> {
        let name: String = match self.adversary {
            _ if !self.is_adversarial() => return None,
            Adversary::None => return None,
            Adversary::Fgsm => "FGSM".into(),
            Adversary::RandomFgsm => "random FGSM".into(),
            Adversary::NoisyFgsm => "noisy FGSM".into(),
            Adversary::Pgd { steps } => format!("PGD-{steps}"),
            Adversary::Free { replays } => format!("free-{replays}"),
            Adversary::Signs => "±ε noise".into(),
            Adversary::Uniform => "uniform noise".into(),
        };
        let norm = if self.norm == Norm::L2 { " in L2" } else { "" };
        let trades = self.trades.map(|beta| format!("TRADES β {beta}, ")).unwrap_or_default();
        Some(format!("{trades}{name}{norm}"))
    }

    /// Opens a split of the data for these classes; may end with [`Error::Stopped`].
    pub fn open_data(&self, split: Split, classes: &[String], watch: &mut Watch) -> Result<Dataset> {
        self.data.open_as(split, classes, self.opening(), watch)
    }

    /// Returns how the data is opened.
    pub fn opening(&self) -> Opening {
        Opening { is_as_filed: self.is_as_filed, skips_damaged: self.skip_damaged }
    }

    pub(super) fn objective(&self) -> Objective {
        let Self { adversary, norm, eps, alpha, trades, clip, label_smoothing: smoothing, .. } = *self;
        Objective { adversary, norm, eps, alpha, trades, bounds: clip.then_some(PIXELS), smoothing }
    }

    /// Tells whether the objective has anything but the clean loss in it.
    pub fn is_adversarial(&self) -> bool {
        self.objective().is_adversarial()
    }

    /// Tells whether the net learns on examples that follow its gradient: only then is there an attack to overfit.
    pub fn trains_on_an_attack(&self) -> bool {
        let is_control = matches!(self.adversary, Adversary::None | Adversary::Signs | Adversary::Uniform);
        !is_control && self.is_adversarial()
    }

    /// Refuses impossible settings, for a training split of this many pictures. The error says what was expected.
    pub fn check(&self, pictures: usize) -> Result<()> {
        let above_zero = |value: f32| value.is_finite() && value > 0.0;
        let share = |value: f32| (0.0..1.0).contains(&value);
        let zoom = self.augment.zoom;
        expect(zoom > 0.0 && zoom <= 1.0, "zoom", &zoom, "above 0 and at most 1")?;
        expect(self.epochs > 0, "epochs", &self.epochs, "at least 1")?;
        expect(self.batch > 0, "batch", &self.batch, "at least 1")?;
        let numbers = [
            ("the learning rate", Some(self.learning_rate)),
            ("max-norm", self.max_norm),
            ("the range of the first weights", self.init),
        ];
        for (what, number) in numbers {
            expect(number.is_none_or(above_zero), what, &number.unwrap_or_default(), "a number above 0")?;
        }
        let Momentum { start, end, epochs } = self.momentum;
        for (what, number) in [("momentum", start), ("momentum", end), ("label smoothing", self.label_smoothing)] {
            expect(share(number), what, &number, "0 or more and below 1")?;
        }
        expect(epochs > 0, "the number of epochs in which momentum changes", &epochs, "at least 1")?;
        let decay = self.weight_decay;
        expect(decay.is_finite() && decay >= 0.0, "weight decay", &decay, "a number of at least 0")?;
        if let Schedule::Decay(factor) = self.schedule {
            expect(factor.is_finite() && factor >= 1.0, "the decay of the rate", &factor, "a number of at least 1")?;
        }
        expect(self.stopping.patience != Some(0), "patience", &0, "at least 1 epoch")?;
        self.check_objective()?;
        expect(matches!(self.channels, None | Some(1 | 3)), "channels", &self.channels.unwrap_or(0), "1 or 3")?;
        let fewer = format!("fewer than the {pictures} pictures of the training split");
        expect(self.validation < pictures, "validation", &self.validation, &fewer)?;
        let deciding = self.stopping.patience.is_some() || self.stopping.retrain;
        expect(!deciding || self.validation > 0, "validation", &self.validation, "at least 1 for early stopping")
    }

    fn check_objective(&self) -> Result<()> {
        match self.norm {
            Norm::Linf => check_tuning(self.eps, self.alpha)?,
            Norm::L2 => check_length_and_share(self.eps, self.alpha)?,
            Norm::L1 => expect(false, "the norm of the adversary", &self.norm.name(), "linf or l2")?,
        }
        match self.adversary {
            Adversary::Pgd { steps } => {
                expect((1..=1000).contains(&steps), "the attack's number of steps", &steps, "1 to 1000")?;
            }
            Adversary::Free { replays } => expect((1..=100).contains(&replays), "replays", &replays, "1 to 100")?,
            _ => {}
        }
        if let Some(beta) = self.trades {
            expect(beta.is_finite() && beta > 0.0, "the β of TRADES", &beta, "a number above 0, such as 6")?;
            let is_free = matches!(self.adversary, Adversary::None | Adversary::Free { .. });
            expect(!is_free, "the adversary of TRADES", &self.adversary, "one that moves pictures, such as pgd-10")?;
        }
        let decay = self.averaging.unwrap_or_default();
        expect((0.0..1.0).contains(&decay), "the decay of the average", &decay, "0 or more and below 1, such as 0.999")
    }
}

/// Reads a height and a width, such as 48x64, or one number for both.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_size(text: &str) -> Result<[usize; 2], String> {
    let side = |text: &str| text.trim().parse().ok().filter(|side| (1..=1024).contains(side));
    let (height, width) = text.split_once(['x', 'X', '×']).unwrap_or((text, text));
    let size = side(height).zip(side(width));
    size.map(Into::into).ok_or_else(|| format!("the size is {text:?}; expected 32, or 48x64, up to 1024"))
}

/// Refuses an impossible ε of L∞, or α.
fn check_tuning(eps: f32, alpha: f32) -> Result<()> {
    check_length_and_share(eps, alpha)?;
    check_pixel_eps(eps)
}

fn check_length_and_share(eps: f32, alpha: f32) -> Result<()> {
    expect(eps.is_finite() && eps >= 0.0, "ε", &eps, "a number of at least 0 in units of the pixel range")?;
    expect((0.0..=1.0).contains(&alpha), "α", &alpha, "0 to 1")
}

fn expect(holds: bool, what: &str, value: &dyn Display, expected: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::Argument(format!("{what} is {value}; expected {expected}"))) }
}

/// Serde keeps a setting in the words that the command line takes for it.
mod in_words {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub fn serialize<S: Serializer>(setting: &impl Display, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(setting)
    }

    pub fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        String::deserialize(from)?.parse().map_err(Error::custom)
    }
}
