//! Every attack with its parameters as one value: to choose among, to save, to compare.

use super::parameter::{AttackInfo, Parameter, STEPS, Value};
use super::run::{Attack, Run};
use super::{AttackSettings, Fgsm, Measure, MinimalEps, Norm, Problem};
use crate::Result;

/// Makes [`AttackSettings`] from the list of attacks: a variant for each, and its name in files, the variant's in
/// kebab case.
macro_rules! attacks {
    ($($variant:ident($module:ident::$attack:ident),)+) => {
        $(pub use $module::$attack;)+

        /// An attack and its parameters.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "name", rename_all = "kebab-case")]
        pub enum AttackSettings {
            $($variant($attack),)+
        }

        $(
            impl From<$attack> for AttackSettings {
                fn from(attack: $attack) -> Self {
                    Self::$variant(attack)
                }
            }
        )+

        impl AttackSettings {
            pub(in crate::attack) fn inner(&self) -> &dyn Attack {
                match self {
                    $(Self::$variant(attack) => attack,)+
                }
            }

            pub(in crate::attack) fn inner_mut(&mut self) -> &mut dyn Attack {
                match self {
                    $(Self::$variant(attack) => attack,)+
                }
            }

            /// Returns every attack but the search for the smallest ε, with the settings that its paper or the
            /// libraries start from.
            pub fn all() -> Vec<Self> {
                let mut all = Vec::new();
                $(all.extend($attack::usual().into_iter().map(Self::$variant));)+
                all
            }
        }
    };
}
pub(super) use attacks;

impl Default for AttackSettings {
    fn default() -> Self {
        Self::Fgsm(Fgsm { norm: Norm::Linf })
    }
}

impl AttackSettings {
    /// Returns the attack of this name, as [`Self::all`] has it.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|attack| attack.name() == name)
    }

    /// Returns how many steps it takes at most, of attacks that are told so.
    pub fn steps_mut(&mut self) -> Option<&mut usize> {
        self.parameters().into_iter().find_map(|parameter| match parameter.value {
            Value::Whole(steps, _) if parameter.name == STEPS => Some(steps),
            _ => None,
        })
    }

    /// Returns the norm in which it keeps to ε or finds the least, of attacks that can be told so; and those that it
    /// knows.
    pub fn norm_mut(&mut self) -> Option<(&mut Norm, &'static [Norm])> {
        self.parameters().into_iter().find_map(|parameter| match parameter.value {
            Value::Norm(norm, known) => Some((norm, known)),
            _ => None,
        })
    }

    /// Says the attack with its parameters under a name: `PGD in L∞, 40 steps, random start`.
    pub fn called(&self, name: &str) -> String {
        let words = self.in_words();
        let comma = if words.starts_with("in ") { "" } else { "," };
        format!("{name}{comma} {words}")
    }

    /// Returns the attack whose result is what this one comes to after `step` steps with this ε; none where no
    /// parameters say so.
    pub fn stopped_at(&self, step: usize, eps: f32) -> Option<Self> {
        let mut stopped = self.clone();
        let is_reached = (1..=*stopped.steps_mut()?).contains(&step);
        (is_reached && stopped.stop_at(step, eps)).then_some(stopped)
    }
}

impl Attack for AttackSettings {
    fn usual() -> Vec<Self> {
        Self::all()
    }

    fn info(&self) -> &'static AttackInfo {
        self.inner().info()
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        self.inner_mut().parameters()
    }

    fn in_words(&self) -> String {
        self.inner().in_words()
    }

    fn measure(&self) -> Measure {
        self.inner().measure()
    }

    fn takes_eps(&self) -> bool {
        self.inner().takes_eps()
    }

    fn follows_loss(&self) -> bool {
        self.inner().follows_loss()
    }

    fn is_random(&self) -> bool {
        self.inner().is_random()
    }

    fn stop_at(&mut self, step: usize, eps: f32) -> bool {
        self.inner_mut().stop_at(step, eps)
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        self.inner().start(problem)
    }
}

impl std::fmt::Display for AttackSettings {
    /// Writes such as `pgd in L∞, 40 steps, random start`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MinimalEps(MinimalEps { attack, largest, .. }) => write!(f, "smallest ε up to {largest} of {attack}"),
            attack => f.write_str(&attack.called(attack.name())),
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
