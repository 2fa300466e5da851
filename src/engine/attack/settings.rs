//! Every attack with its parameters as one value: to choose among, to save, to compare.

use serde::{Deserialize, Serialize};

use super::climb::{Bim, GradientSteps, MomentumFgsm, Pgd};
use super::one_step::{Fgsm, Noise, NoiseKind};
use super::run::{Attack, Run};
use super::{CarliniWagner, DeepFool, Measure, MinimalEps, Norm, Problem, SaliencyMap};
use crate::Result;

/// An attack and its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum AttackSettings {
    Fgsm(Fgsm),
    Gradient(GradientSteps),
    Bim(Bim),
    Pgd(Pgd),
    Momentum(MomentumFgsm),
    DeepFool(DeepFool),
    CarliniWagner(CarliniWagner),
    SaliencyMap(SaliencyMap),
    Noise(Noise),
    MinimalEps(MinimalEps),
}

impl Default for AttackSettings {
    fn default() -> Self {
        Self::Fgsm(Fgsm { norm: Norm::Linf })
    }
}

impl AttackSettings {
    /// Every attack but the search for the smallest ε, with the settings that its paper or the libraries start from.
    pub fn all() -> Vec<Self> {
        let (norm, step_size) = (Norm::Linf, None);
        let mut all = vec![
            Self::Fgsm(Fgsm { norm }),
            Self::Gradient(GradientSteps { eta: 0.1, steps: 10 }),
            Self::Bim(Bim { norm, steps: 10, step_size }),
            Self::Pgd(Pgd { norm, steps: 40, step_size, random_start: true, restarts: 1 }),
            Self::Momentum(MomentumFgsm { norm, steps: 10, step_size, decay: 1.0 }),
            Self::DeepFool(DeepFool::default()),
            Self::CarliniWagner(CarliniWagner::default()),
            Self::SaliencyMap(SaliencyMap::default()),
        ];
        all.extend(NoiseKind::ALL.map(|kind| Self::Noise(Noise { kind })));
        all
    }

    /// The attack of this name, as [`Self::all`] has it.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|attack| attack.name() == name)
    }

    /// How many steps it takes at most, of attacks that are told so.
    pub fn steps_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Gradient(GradientSteps { steps, .. })
            | Self::Bim(Bim { steps, .. })
            | Self::Pgd(Pgd { steps, .. })
            | Self::Momentum(MomentumFgsm { steps, .. })
            | Self::DeepFool(DeepFool { steps, .. })
            | Self::CarliniWagner(CarliniWagner { steps, .. }) => Some(steps),
            Self::Fgsm(_) | Self::SaliencyMap(_) | Self::Noise(_) | Self::MinimalEps(_) => None,
        }
    }

    /// The norm in which it keeps to ε or finds the least, of attacks that can be told so; and those that it knows.
    pub fn norm_mut(&mut self) -> Option<(&mut Norm, &'static [Norm])> {
        match self {
            Self::Fgsm(Fgsm { norm }) => Some((norm, &[Norm::Linf, Norm::L2, Norm::L1])),
            Self::Bim(Bim { norm, .. })
            | Self::Pgd(Pgd { norm, .. })
            | Self::Momentum(MomentumFgsm { norm, .. })
            | Self::DeepFool(DeepFool { norm, .. }) => Some((norm, &[Norm::Linf, Norm::L2])),
            _ => None,
        }
    }

    /// The attack whose result is what this one comes to after `step` steps with this ε; none where no parameters say so.
    pub fn stopped_at(&self, step: usize, eps: f32) -> Option<Self> {
        let mut stopped = self.clone();
        let of = *stopped.steps_mut()?;
        if step == 0 || step > of {
            return None;
        }
        // A step's usual length is a share of ε by the number of steps, which is another one now.
        let pace = |size: &mut Option<f32>, share: f32| *size = size.or(Some(share * eps / of as f32));
        match &mut stopped {
            Self::Gradient(_) | Self::DeepFool(_) => {}
            Self::Bim(Bim { step_size, .. }) | Self::Momentum(MomentumFgsm { step_size, .. }) => pace(step_size, 1.0),
            Self::Pgd(Pgd { step_size, restarts, .. }) => {
                pace(step_size, 2.5);
                *restarts = 1;
            }
            // Its steps are those of each of several searches.
            _ => return None,
        }
        *stopped.steps_mut()? = step;
        Some(stopped)
    }

    /// What its perturbations are measured in; ε of an evaluation too.
    pub fn measure(&self) -> Measure {
        match self {
            Self::SaliencyMap(_) => Measure::Count,
            attack => Measure::Norm(attack.norm()),
        }
    }

    /// Whether what it does depends on the seed.
    pub fn is_random(&self) -> bool {
        match self {
            Self::Pgd(pgd) => pgd.random_start,
            Self::Noise(_) => true,
            Self::MinimalEps(search) => search.attack.is_random(),
            _ => false,
        }
    }

    /// As options of the command line, without those that are as usual: `--attack bim --steps 20`.
    pub fn options(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.extend([format!("--{name}"), value]);
            }
        };
        let in_norm = |given: Norm| (given != Norm::Linf).then(|| given.name().to_owned());
        let (attack, minimal) = match self {
            Self::MinimalEps(search) => (&*search.attack, Some(search)),
            attack => (attack, None),
        };
        add("attack", (attack.name() != "fgsm").then(|| attack.name().into()));
        match *attack {
            Self::Fgsm(Fgsm { norm }) => add("norm", in_norm(norm)),
            Self::Gradient(GradientSteps { eta, steps }) => {
                add("eta", Some(eta.to_string()));
                add("steps", Some(steps.to_string()));
            }
            Self::Bim(Bim { norm, steps, step_size }) => {
                add("norm", in_norm(norm));
                add("steps", Some(steps.to_string()));
                add("step-size", step_size.map(|size| size.to_string()));
            }
            Self::Pgd(Pgd { norm, steps, step_size, random_start, restarts }) => {
                add("norm", in_norm(norm));
                add("steps", Some(steps.to_string()));
                add("step-size", step_size.map(|size| size.to_string()));
                add("random-start", (!random_start).then(|| "off".into()));
                add("restarts", (restarts != 1).then(|| restarts.to_string()));
            }
            Self::Momentum(MomentumFgsm { norm, steps, step_size, decay }) => {
                add("norm", in_norm(norm));
                add("steps", Some(steps.to_string()));
                add("step-size", step_size.map(|size| size.to_string()));
                add("decay", Some(decay.to_string()));
            }
            Self::DeepFool(DeepFool { norm, steps, overshoot, candidates }) => {
                add("norm", Some(norm.name().into()));
                add("steps", Some(steps.to_string()));
                add("overshoot", Some(overshoot.to_string()));
                add("candidates", Some(candidates.to_string()));
            }
            Self::CarliniWagner(CarliniWagner {
                confidence,
                search_steps,
                steps,
                learning_rate,
                initial_c,
                abort_early,
            }) => {
                add("confidence", Some(confidence.to_string()));
                add("search-steps", Some(search_steps.to_string()));
                add("steps", Some(steps.to_string()));
                add("learning-rate", Some(learning_rate.to_string()));
                add("initial-c", Some(initial_c.to_string()));
                add("abort-early", (!abort_early).then(|| "off".into()));
            }
            Self::SaliencyMap(SaliencyMap { theta, gamma }) => {
                add("theta", Some(theta.to_string()));
                add("gamma", Some(gamma.to_string()));
            }
            Self::Noise(_) | Self::MinimalEps(_) => {}
        }
        if let Some(MinimalEps { rungs, bisections, .. }) = minimal {
            add("rungs", Some(rungs.to_string()));
            add("bisections", Some(bisections.to_string()));
            words.push("--minimal".into());
        }
        words
    }

    fn inner(&self) -> &dyn Attack {
        match self {
            Self::Fgsm(attack) => attack,
            Self::Gradient(attack) => attack,
            Self::Bim(attack) => attack,
            Self::Pgd(attack) => attack,
            Self::Momentum(attack) => attack,
            Self::DeepFool(attack) => attack,
            Self::CarliniWagner(attack) => attack,
            Self::SaliencyMap(attack) => attack,
            Self::Noise(attack) => attack,
            Self::MinimalEps(attack) => attack,
        }
    }
}

impl Attack for AttackSettings {
    fn name(&self) -> &'static str {
        self.inner().name()
    }

    fn paper(&self) -> &'static str {
        self.inner().paper()
    }

    fn norm(&self) -> Norm {
        self.inner().norm()
    }

    fn takes_eps(&self) -> bool {
        self.inner().takes_eps()
    }

    fn follows_loss(&self) -> bool {
        self.inner().follows_loss()
    }

    fn length(&self, perturbation: &[f32]) -> f32 {
        self.inner().length(perturbation)
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        self.inner().start(problem)
    }
}

impl std::fmt::Display for AttackSettings {
    /// Such as `pgd in L∞, 40 steps, random start`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let norm = match self.norm() {
            Norm::Linf => "L∞",
            Norm::L2 => "L2",
            Norm::L1 => "L1",
        };
        let size = |size: &Option<f32>| size.map(|size| format!(" of {size}")).unwrap_or_default();
        let name = self.name();
        match self {
            Self::Fgsm(_) | Self::Noise(_) => write!(f, "{name} in {norm}"),
            Self::Gradient(GradientSteps { eta, steps }) => write!(f, "{name}, {steps} steps of {eta}·∇J"),
            Self::Bim(Bim { steps, step_size, .. }) => write!(f, "{name} in {norm}, {steps} steps{}", size(step_size)),
            Self::Pgd(Pgd { steps, step_size, random_start, restarts, .. }) => {
                write!(f, "{name} in {norm}, {steps} steps{}", size(step_size))?;
                match (random_start, restarts) {
                    (false, _) => Ok(()),
                    (true, 1) => f.write_str(", random start"),
                    (true, restarts) => write!(f, ", {restarts} random starts"),
                }
            }
            Self::Momentum(MomentumFgsm { steps, step_size, decay, .. }) => {
                write!(f, "{name} in {norm}, {steps} steps{}, decay {decay}", size(step_size))
            }
            Self::DeepFool(DeepFool { steps, overshoot, candidates, .. }) => {
                write!(f, "{name} in {norm}, at most {steps} steps, overshoot {overshoot}, {candidates} classes")
            }
            Self::CarliniWagner(CarliniWagner { confidence, search_steps, steps, .. }) => {
                write!(f, "{name} in {norm}, {search_steps} values of c, {steps} steps each, confidence {confidence}")
            }
            Self::SaliencyMap(SaliencyMap { theta, gamma }) => write!(f, "{name}, θ {theta}, γ {gamma}"),
            Self::MinimalEps(MinimalEps { attack, largest, .. }) => write!(f, "smallest ε up to {largest} of {attack}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::attack::{AttackInput, Baseline, Goal, Label, Loss, Rules};
    use crate::data::sample;
    use crate::model::Catalogue;

    #[test]
    fn a_stopped_attack_ends_where_the_longer_one_was() {
        let model = Arc::new(Catalogue::new(Vec::new()).load("digits_softmax").unwrap());
        let picture = Arc::new(sample("digit-7").unwrap().picture().unwrap());
        let input = AttackInput::new(&picture, model.lens(&picture, None).unwrap(), false).unwrap();
        let baseline = Baseline::new(&model, input, Label::Predicted, Goal::Targeted(3), Loss::default()).unwrap();
        let problem =
            baseline.problem(&model, Rules { seed: 5, ..Rules::default() }).unwrap().with_eps(&[0.03]).unwrap();
        let mut told = 0;
        for attack in AttackSettings::all() {
            let mut run = attack.start(&problem).unwrap();
            let mut pictures = Vec::new();
            while pictures.len() < 3
                && let Some(step) = run.advance().unwrap()
            {
                pictures.push(step.pictures.to_vec());
            }
            for (index, picture) in pictures.iter().enumerate() {
                let Some(stopped) = attack.stopped_at(index + 1, 0.03) else { continue };
                let mut run = stopped.start(&problem).unwrap();
                while run.advance().unwrap().is_some() {}
                assert_eq!(run.result(), picture, "{attack} at step {}", index + 1);
                told += 1;
            }
            assert_eq!(attack.stopped_at(0, 0.03), None);
        }
        assert!(told >= 3 * 4, "{told}");
    }
}
