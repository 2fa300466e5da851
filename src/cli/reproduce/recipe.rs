//! This says which nets are trained, and how.

use clap::Args;

use crate::engine::Result;
use crate::engine::data::{DataShape, DataSource};
use crate::engine::model::{Architecture, Manifest};
use crate::engine::train::{Adversary, Config, Momentum, Rule, Schedule, Stopping};

/// This is a net of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaperNet {
    Softmax,
    /// This net is a logistic regression, 3 against 7.
    Logistic,
    Maxout,
    AdversarialMaxout,
    SignNoise,
    UniformNoise,
}

pub const EPS: f32 = 0.25;

impl PaperNet {
    pub const ALL: [Self; 6] =
        [Self::Softmax, Self::Logistic, Self::Maxout, Self::AdversarialMaxout, Self::SignNoise, Self::UniformNoise];

    pub fn name(self) -> &'static str {
        match self {
            Self::Softmax => "softmax",
            Self::Logistic => "logistic-3-7",
            Self::Maxout => "maxout",
            Self::AdversarialMaxout => "adversarial-maxout",
            Self::SignNoise => "sign-noise",
            Self::UniformNoise => "uniform-noise",
        }
    }

    pub fn folder(self, seed: u64) -> String {
        format!("{}-seed-{seed}", self.name())
    }

    /// Returns the digits that it is about; none means all.
    pub fn digits(self) -> &'static [usize] {
        if self == Self::Logistic { &[3, 7] } else { &[] }
    }

    pub fn manifest(self, config: &Config) -> Result<Manifest> {
        let architecture: Architecture = config.model.parse()?;
        let DataShape { input, classes, .. } = DataSource::Mnist.shape(&mut |_| true)?;
        let digits = self.digits();
        let classes = if digits.is_empty() { classes } else { digits.iter().map(usize::to_string).collect() };
        architecture.manifest(&input, &classes)
    }
}

/// The recipe says how much of the paper is done, and how large its nets are.
#[derive(Args, Clone, Copy)]
pub struct Recipe {
    /// A version for the class-room: one seed, few epochs, no dropout; some minutes
    #[arg(long)]
    pub quick: bool,
    /// How many seeds the maxout nets are trained with, from 1 on
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub seeds: u64,
    /// Units of each maxout layer
    #[arg(long, value_name = "N", default_value_t = 240)]
    pub units: usize,
    /// Units of each layer of the adversarially trained net, if not as many: the paper's best has 1600
    #[arg(long, value_name = "N")]
    pub adversarial_units: Option<usize>,
    /// The most epochs of a maxout net before it is retrained; with --brief, clean ones get twice as many
    #[arg(long, value_name = "N", default_value_t = 250)]
    pub epochs: usize,
    /// A recipe that needs a part of the epochs: the learning rate falls to zero along half a cosine, and
    /// less of the hidden units is dropped
    #[arg(long, conflicts_with = "quick")]
    pub brief: bool,
}

impl Recipe {
    pub fn seeds_of(&self, net: PaperNet) -> Vec<u64> {
        match net {
            PaperNet::Maxout | PaperNet::AdversarialMaxout if !self.quick => (1..=self.seeds).collect(),
            _ => vec![1],
        }
    }

    /// Returns the settings of a run on all pictures for as many epochs as another one chose.
    pub fn config_for(&self, net: PaperNet, seed: u64, epochs: usize) -> Config {
        let stopping = Stopping { rule: Rule::Off, patience: None, retrain: false };
        Config { epochs, stopping, ..self.config(net, seed, 0) }
    }

    /// Returns the settings of a run that chooses its epochs on the last sixth of the pictures; the data set apart.
    /// Perturbed pixels may leave [0, 1]: the paper's formula has no clipping.
    pub fn config(&self, net: PaperNet, seed: u64, pictures: usize) -> Config {
        let units = self.adversarial_units.filter(|_| net == PaperNet::AdversarialMaxout).unwrap_or(self.units);
        let common = Config { eps: EPS, seed, validation: pictures / 6, ..Config::default() };
        let base = common.clone();
        let maxout = if self.quick { quick_maxout(net, units, base) } else { self.maxout(units, base) };
        let clean = Stopping { rule: Rule::Clean, ..maxout.stopping };
        // The controls are not trained anew: half the time for a number that is near nine in ten anyway.
        let control = Stopping { retrain: false, ..clean };
        let with_dropout = |kept: &str| format!("maxout:{units}x5,{units}x5+dropout={kept}");
        // Perturbed pictures regularise too: in brief, there is less dropout.
        let perturbed = |adversary: Adversary, stopping: Stopping, maxout: Config| Config {
            model: if self.brief { with_dropout("0.8,0.8") } else { maxout.model },
            adversary,
            stopping,
            alpha: 0.5,
            clip: false,
            ..maxout
        };
        match net {
            // The paper does not say how its linear nets were trained: this is plain descent until nothing moves any
            // more.
            PaperNet::Softmax | PaperNet::Logistic => Config {
                model: "softmax".into(),
                epochs: if self.quick { 5 } else { 30 },
                learning_rate: 0.02,
                adversary: Adversary::None,
                stopping: Stopping { rule: Rule::Clean, patience: None, retrain: !self.quick },
                ..common
            },
            PaperNet::Maxout => Config {
                model: if self.brief { with_dropout("0.8,0.6") } else { maxout.model },
                // A step on clean pictures takes a third of the time.
                epochs: if self.brief { 2 * maxout.epochs } else { maxout.epochs },
                adversary: Adversary::None,
                stopping: clean,
                ..maxout
            },
            // The deck's rule: adversarial examples alone.
            PaperNet::AdversarialMaxout => perturbed(Adversary::Fgsm, maxout.stopping, maxout),
            PaperNet::SignNoise => perturbed(Adversary::Signs, control, maxout),
            PaperNet::UniformNoise => perturbed(Adversary::Uniform, control, maxout),
        }
    }

    /// Returns the recipe of Goodfellow et al., *Maxout Networks*, 2013, section 5.1, and its published configuration,
    /// except for the number of epochs.
    fn maxout(&self, units: usize, base: Config) -> Config {
        let published = Config {
            model: format!("maxout:{units}x5,{units}x5+dropout"),
            epochs: self.epochs,
            learning_rate: 0.1,
            schedule: Schedule::Decay(1.000_004),
            momentum: Momentum { start: 0.5, end: 0.7, epochs: 250 },
            max_norm: Some(1.9365),
            init: Some(0.005),
            stopping: Stopping { rule: Rule::Adversarial, patience: Some(100), retrain: true },
            ..base
        };
        if !self.brief {
            return published;
        }
        // These come as far in a part of the epochs.
        let momentum = Momentum { start: 0.9, end: 0.9, epochs: 1 };
        Config { learning_rate: 0.05, schedule: Schedule::Cosine, momentum, ..published }
    }
}

/// Returns the settings of a net of the same kind without dropout, which learns in a few epochs.
fn quick_maxout(net: PaperNet, units: usize, base: Config) -> Config {
    Config {
        model: format!("maxout:{units}x5,{units}x5"),
        epochs: match net {
            PaperNet::AdversarialMaxout => 4,
            PaperNet::SignNoise | PaperNet::UniformNoise => 2,
            PaperNet::Softmax | PaperNet::Logistic | PaperNet::Maxout => 3,
        },
        max_norm: Some(1.9365),
        stopping: Stopping { rule: Rule::Adversarial, patience: None, retrain: false },
        ..base
    }
}
