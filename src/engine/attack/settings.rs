//! An attack with its parameters is one value: to choose among, to save, to compare.

use super::parameter::{RESTARTS, STEPS, Value};
use super::{AttackSettings, Fgsm, MinimalEps, Norm};

/// Makes [`AttackSettings`] from the list of attacks; the name in files is the variant's in kebab case.
macro_rules! attacks {
    ($($variant:ident($module:ident::$attack:ident),)+) => {
        $(pub use $module::$attack;)+

        /// This is an attack and its parameters; what it can do is that of the attack itself.
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

        impl std::ops::Deref for AttackSettings {
            type Target = dyn Attack;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$variant(attack) => attack,)+
                }
            }
        }

        impl std::ops::DerefMut for AttackSettings {
            fn deref_mut(&mut self) -> &mut Self::Target {
                match self {
                    $(Self::$variant(attack) => attack,)+
                }
            }
        }

        impl AttackSettings {
            /// Returns every attack but the search for the smallest ε, with its usual settings.
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
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|attack| attack.name() == name)
    }

    /// Returns how many steps it takes at most, where it is told so.
    pub fn steps_mut(&mut self) -> Option<&mut usize> {
        self.parameters().into_iter().find_map(|parameter| match parameter.value {
            Value::Whole(steps, _) if parameter.name == STEPS => Some(steps),
            _ => None,
        })
    }

    /// Returns the norm in which it keeps to ε or finds the least, where it is told so; and those that it knows.
    pub fn norm_mut(&mut self) -> Option<(&mut Norm, &'static [Norm])> {
        self.parameters().into_iter().find_map(|parameter| match parameter.value {
            Value::Norm(norm, known) => Some((norm, known)),
            _ => None,
        })
    }

    /// Says the attack with its parameters under a name, such as `PGD in L∞, 40 steps, random start`.
    pub fn called(&self, name: &str) -> String {
        let words = self.in_words();
        let comma = if words.starts_with("in ") { "" } else { "," };
        format!("{name}{comma} {words}")
    }

    /// Returns the attack that ends where this one is after `step` steps with this ε; none where that cannot be said.
    pub fn stopped_at(&self, step: usize, eps: f32) -> Option<Self> {
        let mut stopped = self.clone();
        let steps = *stopped.steps_mut()?;
        for parameter in stopped.parameters() {
            match parameter.value {
                Value::Whole(value, _) if parameter.name == STEPS => *value = step,
                Value::Whole(value, _) if parameter.name == RESTARTS => *value = 1,
                // A step's usual length is a share of ε by the number of steps, which is another one now.
                Value::OptionalLength(length, share) => {
                    length.get_or_insert(share * eps / steps as f32);
                }
                Value::Norm(..) | Value::Switch(_) | Value::Whole(..) | Value::Real(..) => {}
            }
        }
        (self.is_cut_by_steps() && (1..=steps).contains(&step)).then_some(stopped)
    }
}

impl std::fmt::Display for AttackSettings {
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
