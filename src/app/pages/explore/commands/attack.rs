//! Which attack, with which parameters, and the film of its steps.

use eframe::egui::Key;
use egui_material_icons::icons;

use crate::app::widgets::about::{About, Action, NONE, about};
use crate::engine::attack::{Attack, AttackSettings};

/// One action on the attack.
#[derive(Clone, Debug, PartialEq)]
pub enum AttackCommand {
    /// Another attack, by its name, with the parameters that it was left with.
    Use(&'static str),
    /// An attack with these parameters.
    Set(AttackSettings),
    /// Another random start, other noise.
    NextSeed,
    PlayPause,
    StepOn,
    StepBack,
    /// Go to this step, and pause.
    Seek(usize),
}

/// What people call an attack, and what it does; its paper is the engine's to name.
const ATTACKS: [(&str, &str, &str, Option<Key>); 11] = [
    (
        "fgsm",
        "FGSM",
        "The fast gradient sign method: one step x + ε·sign(∇J), so every pixel moves by exactly ε",
        Some(Key::Num1),
    ),
    ("gradient", "Gradient steps", "Several plain steps x ± η·∇J: pixels that matter more move more", Some(Key::Num2)),
    (
        "bim",
        "BIM",
        "The basic iterative method: FGSM in small steps, brought back to within ε after each",
        Some(Key::Num3),
    ),
    (
        "pgd",
        "PGD",
        "Projected gradient descent: small signed steps within ε from a random point. The usual yardstick.",
        Some(Key::Num4),
    ),
    (
        "momentum",
        "Momentum",
        "Small steps along a running sum of gradients; carries over to other nets well",
        Some(Key::Num5),
    ),
    (
        "deepfool",
        "DeepFool",
        "To the nearest boundary of the linearised net, again and again: finds a short perturbation by itself",
        Some(Key::Num6),
    ),
    (
        "cw",
        "Carlini–Wagner",
        "Adam on the perturbation's length and a margin of the logits together: slow, and finds very short ones",
        Some(Key::Num7),
    ),
    (
        "jsma",
        "Saliency map",
        "Changes few pixels, all the way, two at a time: those that matter most (JSMA)",
        Some(Key::Num8),
    ),
    (
        "signs",
        "Random signs",
        "+ε or −ε at each pixel by chance: no attack, but what one has to be better than",
        Some(Key::Num9),
    ),
    ("uniform", "Uniform noise", "Anything from −ε to ε at each pixel, by chance", None),
    ("gaussian", "Gaussian noise", "A random direction of length ε in L2", None),
];

/// What people call an attack.
pub fn attack_title(attack: &AttackSettings) -> &'static str {
    ATTACKS.iter().find(|(name, ..)| *name == attack.name()).map_or("Attack", |(_, title, ..)| title)
}

impl Action for AttackCommand {
    fn about(&self) -> About {
        match self {
            Self::Use(attack) => {
                let found = ATTACKS.iter().find(|(name, ..)| name == attack);
                let (_, title, tooltip, key) = *found.unwrap_or(&ATTACKS[0]);
                key.map_or(about(title, tooltip), |key| about(title, tooltip).keys(NONE, key))
            }
            Self::Set(_) => about("Parameters of the attack", "Its norm, its steps and what else it takes"),
            Self::NextSeed => about("Another random start", "Draw the random start, or the noise, from the next seed")
                .keys(NONE, Key::R)
                .icon(icons::ICON_CASINO),
            Self::PlayPause => about("Play the attack", "Play the attack step by step, or pause it")
                .keys(NONE, Key::K)
                .icon(icons::ICON_PLAY_ARROW),
            Self::StepOn => {
                about("One step on", "One step of the attack on").keys(NONE, Key::Period).icon(icons::ICON_SKIP_NEXT)
            }
            Self::StepBack => about("One step back", "One step of the attack back")
                .keys(NONE, Key::Comma)
                .icon(icons::ICON_SKIP_PREVIOUS),
            Self::Seek(_) => about("Step of the attack", "Show this step of the attack"),
        }
    }

    fn listed() -> Vec<Self> {
        let attacks = ATTACKS.iter().map(|(name, ..)| Self::Use(name));
        attacks.chain([Self::PlayPause, Self::StepOn, Self::StepBack, Self::NextSeed]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_has_a_name_for_people() {
        let named: Vec<_> = ATTACKS.iter().map(|(name, ..)| *name).collect();
        assert_eq!(named, AttackSettings::all().iter().map(Attack::name).collect::<Vec<_>>());
    }
}
