//! The objective says what a training minimises, and the adversary what its pictures are attacked with.

use crate::attack::{Bounds, Norm, PIXELS};
use crate::{Error, Result};

/// The second part of an objective is made of such pictures, within ε of the clean ones and afresh at every step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adversary {
    /// There is the clean loss alone.
    None,
    /// One step is taken to `x + ε·sign(∇ₓJ)`: arXiv 1412.6572, section 6.
    #[default]
    Fgsm,
    /// One step of 1.25·ε is taken from a point drawn from U(x − ε, x + ε), and brought back to within ε: Wong, Rice &
    /// Kolter, Fast is better than free, 2020, algorithm 3.
    RandomFgsm,
    /// One step of ε is taken from a point drawn from U(x − 2ε, x + 2ε), and nothing is brought back: de Jorge et al.,
    /// Make Some Noise: Reliable and Efficient Single-Step Adversarial Training, 2022, algorithm 1 (arXiv 2202.01181).
    NoisyFgsm,
    /// So many steps of 2.5·ε/steps are taken from such a point, each brought back to within ε: Madry et al., Towards
    /// Deep Learning Models Resistant to Adversarial Attacks, 2018, section 2.1.
    Pgd { steps: usize },
    /// A batch is taken so many times in a row, and each pass over the net moves both its weights and the pictures:
    /// Shafahi et al., Adversarial Training for Free!, 2019, algorithm 1 (arXiv 1904.12843). The perturbation begins
    /// by chance with each batch, where the paper keeps that of the batch before.
    Free { replays: usize },
    /// Chance draws the sign of each pixel in `x ± ε`: the paper's first control.
    Signs,
    /// Chance draws `x + U(−ε, ε)`: the paper's second control.
    Uniform,
}

impl Adversary {
    /// Returns how often a batch is taken in a row.
    pub(super) fn replays(self) -> usize {
        if let Self::Free { replays } = self { replays } else { 1 }
    }
}

impl std::fmt::Display for Adversary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Fgsm => f.write_str("fgsm"),
            Self::RandomFgsm => f.write_str("random-fgsm"),
            Self::NoisyFgsm => f.write_str("noisy-fgsm"),
            Self::Pgd { steps } => write!(f, "pgd-{steps}"),
            Self::Free { replays } => write!(f, "free-{replays}"),
            Self::Signs => f.write_str("signs"),
            Self::Uniform => f.write_str("uniform"),
        }
    }
}

impl std::str::FromStr for Adversary {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let others = [Self::None, Self::Fgsm, Self::RandomFgsm, Self::NoisyFgsm, Self::Signs, Self::Uniform];
        let number = |prefix: &str| text.strip_prefix(prefix).and_then(|number| number.parse().ok());
        let found = others.into_iter().find(|other| other.to_string() == text);
        let found = found.or(number("pgd-").map(|steps| Self::Pgd { steps }));
        found.or(number("free-").map(|replays| Self::Free { replays })).ok_or_else(|| {
            let expected = "none, fgsm, random-fgsm, noisy-fgsm, pgd-7 (7 steps), free-8 (8 replays), signs or uniform";
            Error::Argument(format!("the adversary is {text:?}; expected {expected}"))
        })
    }
}

/// Training minimises `α·J(x) + (1 − α)·J(x')` (arXiv 1412.6572, section 6), where the adversary makes x' of x, or with
/// TRADES `J(x) + β·KL(f(x) ‖ f(x'))` (Zhang et al., Theoretically Principled Trade-off between Robustness and Accuracy,
/// 2019, equation 5 and algorithm 1, arXiv 1901.08573).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    pub adversary: Adversary,
    /// The perturbation is measured in L∞ or L2.
    pub norm: Norm,
    /// The longest perturbation, in units of the pixel range; in L∞ the largest move of a pixel.
    pub eps: f32,
    /// The share of the clean loss, from 0 to 1.
    pub alpha: f32,
    /// The β of TRADES, in which α has no part.
    pub trades: Option<f32>,
    /// The range that adversarial examples are clipped to.
    pub bounds: Option<Bounds>,
    /// The share of the target that is spread over all classes.
    pub smoothing: f32,
}

impl Default for Objective {
    fn default() -> Self {
        let (adversary, norm, bounds) = (Adversary::Fgsm, Norm::Linf, Some(PIXELS));
        Self { adversary, norm, eps: 0.0, alpha: 1.0, trades: None, bounds, smoothing: 0.0 }
    }
}

impl Objective {
    pub(super) fn is_adversarial(self) -> bool {
        self.adversary != Adversary::None && self.eps > 0.0 && (self.alpha < 1.0 || self.trades.is_some())
    }
}
