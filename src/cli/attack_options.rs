//! The attacks and their parameters on the command line: the same for one picture, a test set and a sweep.

use clap::{Args, ValueEnum};

use super::LossArgument;
use crate::engine::attack::{
    Attack, AttackSettings, Bim, CarliniWagner, DeepFool, Fgsm, GradientSteps, MinimalEps, MomentumFgsm, Noise,
    NoiseKind, Norm, PIXELS, Pgd, Rules, SaliencyMap,
};
use crate::engine::{Error, Result};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AttackName {
    /// One step of the sign: Goodfellow et al. 2015; with --norm l2 or l1 its relatives
    #[default]
    Fgsm,
    /// Plain gradient steps, --eta times the gradient
    Gradient,
    /// The basic iterative method: Kurakin et al. 2017
    Bim,
    /// Projected gradient descent: Madry et al. 2018
    Pgd,
    /// The momentum iterative method: Dong et al. 2018
    #[value(alias = "mifgsm")]
    Momentum,
    /// To the nearest boundary: Moosavi-Dezfooli et al. 2016
    Deepfool,
    /// The smallest perturbation in L2: Carlini and Wagner 2017
    Cw,
    /// The Jacobian saliency map, few pixels: Papernot et al. 2016
    Jsma,
    /// Random signs, a control
    Signs,
    /// Uniform noise, a control
    Uniform,
    /// Gaussian noise of length ε in L2, a control
    Gaussian,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum NormName {
    Linf,
    L2,
    L1,
}

impl From<NormName> for Norm {
    fn from(name: NormName) -> Self {
        match name {
            NormName::Linf => Self::Linf,
            NormName::L2 => Self::L2,
            NormName::L1 => Self::L1,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// What every attack holds to.
#[derive(Args, Clone, Copy)]
pub struct RuleOptions {
    /// Whose slope to follow
    #[arg(long, value_enum, default_value_t)]
    loss: LossArgument,
    /// Let pixels leave [0, 1]
    #[arg(long)]
    no_clip: bool,
    /// Show the net every picture as a file of 8 bits holds it
    #[arg(long = "8-bit")]
    eight_bit: bool,
    /// Of all random choices
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl RuleOptions {
    pub fn rules(self) -> Rules {
        let bounds = (!self.no_clip).then_some(PIXELS);
        Rules { loss: self.loss.into(), bounds, seed: self.seed, eight_bit: self.eight_bit }
    }
}

/// Parameters of attacks; each belongs to some of them, and is left at its usual value if not given.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Parameters of attacks")]
pub struct AttackOptions {
    /// fgsm, bim, pgd, momentum, deepfool: the norm that the perturbation is measured in
    #[arg(long, value_enum)]
    norm: Option<NormName>,
    /// gradient, bim, pgd, momentum, deepfool, cw: how many steps at most
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// bim, pgd, momentum: length of a step; otherwise ε/steps, for pgd 2.5 times that
    #[arg(long, value_name = "LENGTH")]
    step_size: Option<f32>,
    /// pgd: start from a random point within ε
    #[arg(long, value_enum)]
    random_start: Option<Switch>,
    /// pgd: try from so many random points
    #[arg(long, value_name = "N")]
    restarts: Option<usize>,
    /// momentum: what is left of the momentum after a step
    #[arg(long, value_name = "MU")]
    decay: Option<f32>,
    /// gradient: a step is this times the gradient
    #[arg(long)]
    eta: Option<f32>,
    /// deepfool: how much farther than the boundary
    #[arg(long, value_name = "SHARE")]
    overshoot: Option<f32>,
    /// deepfool: of how many classes to look at the boundaries
    #[arg(long, value_name = "N")]
    candidates: Option<usize>,
    /// cw: by how much the wrong logit exceeds the right one at least
    #[arg(long, value_name = "KAPPA")]
    confidence: Option<f32>,
    /// cw: how many values of c to try
    #[arg(long, value_name = "N")]
    search_steps: Option<usize>,
    /// cw: of Adam
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f32>,
    /// cw: the first c
    #[arg(long, value_name = "C")]
    initial_c: Option<f32>,
    /// cw: give a c up where the objective has stopped falling
    #[arg(long, value_enum)]
    abort_early: Option<Switch>,
    /// jsma: what is added to a pixel value; below 0 pixels are darkened
    #[arg(long, allow_hyphen_values = true)]
    theta: Option<f32>,
    /// jsma: the largest share of pixel values to change
    #[arg(long, value_name = "SHARE")]
    gamma: Option<f32>,
    /// Look for the smallest ε with which the attack fools each picture, up to the largest --eps
    #[arg(long)]
    minimal: bool,
    /// With --minimal: how many equal parts of the largest ε to go up by, before bisecting
    #[arg(long, value_name = "N", requires = "minimal")]
    rungs: Option<usize>,
    /// With --minimal: how often to bisect
    #[arg(long, value_name = "N", requires = "minimal")]
    bisections: Option<usize>,
}

/// Halvings of --minimal: of a rung of a twentieth of ε = 1 they leave 0.00005.
const BISECTIONS: usize = 10;

impl AttackOptions {
    /// The attack with its parameters. `largest` is the largest ε for --minimal.
    ///
    /// # Errors
    /// A parameter that the attack does not have.
    pub fn settings(&self, name: AttackName, largest: Option<f32>) -> Result<AttackSettings> {
        let mut left = self.clone();
        let settings = left.take(name, largest)?;
        match left.names().first() {
            None => Ok(settings),
            Some(option) => {
                let message = format!("{option} is no parameter of this attack, {settings}; see --help");
                Err(Error::Argument(message))
            }
        }
    }

    /// Several attacks; a parameter has to belong to one of them at least.
    ///
    /// # Errors
    /// A parameter that none of the attacks has.
    pub fn all_settings(&self, names: &[AttackName], largest: Option<f32>) -> Result<Vec<AttackSettings>> {
        let mut unused = self.names();
        let mut all = Vec::new();
        for &name in names {
            let mut left = self.clone();
            all.push(left.take(name, largest)?);
            let left = left.names();
            unused.retain(|option| left.contains(option));
        }
        match unused.first() {
            None => Ok(all),
            Some(option) => {
                Err(Error::Argument(format!("{option} is no parameter of any of these attacks; see --help")))
            }
        }
    }

    /// Builds an attack, taking the parameters that it has.
    fn take(&mut self, name: AttackName, largest: Option<f32>) -> Result<AttackSettings> {
        let attack = self.take_attack(name);
        if !std::mem::take(&mut self.minimal) {
            return Ok(attack);
        }
        let Some(largest) = largest else {
            return Err(Error::Argument("--minimal needs the largest ε to try; give it as --eps".into()));
        };
        let (rungs, bisections) = (self.rungs.take().unwrap_or(20), self.bisections.take().unwrap_or(BISECTIONS));
        Ok(AttackSettings::MinimalEps(MinimalEps { attack: attack.into(), largest, rungs, bisections }))
    }

    fn take_attack(&mut self, name: AttackName) -> AttackSettings {
        let noise = |kind| AttackSettings::Noise(Noise { kind });
        match name {
            AttackName::Fgsm => AttackSettings::Fgsm(Fgsm { norm: self.take_norm(Norm::Linf) }),
            AttackName::Gradient => AttackSettings::Gradient(GradientSteps {
                eta: self.eta.take().unwrap_or(0.1),
                steps: self.steps.take().unwrap_or(10),
            }),
            AttackName::Bim => AttackSettings::Bim(Bim {
                norm: self.take_norm(Norm::Linf),
                steps: self.steps.take().unwrap_or(10),
                step_size: self.step_size.take(),
            }),
            AttackName::Pgd => AttackSettings::Pgd(Pgd {
                norm: self.take_norm(Norm::Linf),
                steps: self.steps.take().unwrap_or(40),
                step_size: self.step_size.take(),
                random_start: self.random_start.take() != Some(Switch::Off),
                restarts: self.restarts.take().unwrap_or(1),
            }),
            AttackName::Momentum => AttackSettings::Momentum(MomentumFgsm {
                norm: self.take_norm(Norm::Linf),
                steps: self.steps.take().unwrap_or(10),
                step_size: self.step_size.take(),
                decay: self.decay.take().unwrap_or(1.0),
            }),
            AttackName::Deepfool => self.take_deepfool(),
            AttackName::Cw => self.take_cw(),
            AttackName::Jsma => {
                let usual = SaliencyMap::default();
                let (theta, gamma) = (self.theta.take(), self.gamma.take());
                AttackSettings::SaliencyMap(SaliencyMap {
                    theta: theta.unwrap_or(usual.theta),
                    gamma: gamma.unwrap_or(usual.gamma),
                })
            }
            AttackName::Signs => noise(NoiseKind::Signs),
            AttackName::Uniform => noise(NoiseKind::Uniform),
            AttackName::Gaussian => noise(NoiseKind::Gaussian),
        }
    }

    fn take_norm(&mut self, usual: Norm) -> Norm {
        self.norm.take().map_or(usual, Norm::from)
    }

    fn take_deepfool(&mut self) -> AttackSettings {
        let usual = DeepFool::default();
        AttackSettings::DeepFool(DeepFool {
            norm: self.take_norm(usual.norm),
            steps: self.steps.take().unwrap_or(usual.steps),
            overshoot: self.overshoot.take().unwrap_or(usual.overshoot),
            candidates: self.candidates.take().unwrap_or(usual.candidates),
        })
    }

    fn take_cw(&mut self) -> AttackSettings {
        let usual = CarliniWagner::default();
        AttackSettings::CarliniWagner(CarliniWagner {
            confidence: self.confidence.take().unwrap_or(usual.confidence),
            search_steps: self.search_steps.take().unwrap_or(usual.search_steps),
            steps: self.steps.take().unwrap_or(usual.steps),
            learning_rate: self.learning_rate.take().unwrap_or(usual.learning_rate),
            initial_c: self.initial_c.take().unwrap_or(usual.initial_c),
            abort_early: self.abort_early.take() != Some(Switch::Off),
        })
    }

    /// The parameters that are given.
    fn names(&self) -> Vec<&'static str> {
        let given = [
            ("--norm", self.norm.is_some()),
            ("--steps", self.steps.is_some()),
            ("--step-size", self.step_size.is_some()),
            ("--random-start", self.random_start.is_some()),
            ("--restarts", self.restarts.is_some()),
            ("--decay", self.decay.is_some()),
            ("--eta", self.eta.is_some()),
            ("--overshoot", self.overshoot.is_some()),
            ("--candidates", self.candidates.is_some()),
            ("--confidence", self.confidence.is_some()),
            ("--search-steps", self.search_steps.is_some()),
            ("--learning-rate", self.learning_rate.is_some()),
            ("--initial-c", self.initial_c.is_some()),
            ("--abort-early", self.abort_early.is_some()),
            ("--theta", self.theta.is_some()),
            ("--gamma", self.gamma.is_some()),
            ("--minimal", self.minimal),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect()
    }
}

/// The values of ε to attack with; none at all once for an attack that takes none.
///
/// # Errors
/// An attack that takes an ε and is given none, and one that takes none and is given some.
pub fn budgets(settings: &AttackSettings, eps: &[f32]) -> Result<Vec<Option<f32>>> {
    let is_search = matches!(settings, AttackSettings::MinimalEps(_));
    match (settings.takes_eps(), eps.is_empty()) {
        (true, false) => Ok(eps.iter().copied().map(Some).collect()),
        (true, true) => {
            let message = format!("--eps is missing: {settings} needs to know how far pixels may move");
            Err(Error::Argument(message))
        }
        (false, false) if !is_search => {
            Err(Error::Argument(format!("{settings} takes no --eps: it goes as far as it needs to")))
        }
        (false, _) => Ok(vec![None]),
    }
}

/// The largest of some values of ε.
pub fn largest(eps: &[f32]) -> Option<f32> {
    eps.iter().copied().max_by(f32::total_cmp)
}
