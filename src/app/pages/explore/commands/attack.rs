//! These commands choose an attack and its parameters, and play the film of its steps.

use egui::Key;
use egui_material_icons::icons;

use crate::app::widgets::about::{About, Action, NONE, about};
use crate::engine::attack::AttackSettings;

#[derive(Clone, Debug, PartialEq)]
pub enum AttackCommand {
    /// Chooses another attack, by its name, with the parameters that it was left with.
    Use(&'static str),
    Set(AttackSettings),
    NextSeed,
    PlayPause,
    StepOn,
    StepBack,
    Seek(usize),
}

const KEYS: [Key; 9] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

impl Action for AttackCommand {
    fn about(&self) -> About {
        match self {
            Self::Use(name) => {
                let all = AttackSettings::all();
                let index = all.iter().position(|attack| attack.name() == *name).unwrap_or_default();
                let described = about(all[index].info().title, all[index].info().summary);
                KEYS.get(index).map_or(described, |key| described.keys(NONE, *key))
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
        let attacks = AttackSettings::all().into_iter().map(|attack| Self::Use(attack.name()));
        attacks.chain([Self::PlayPause, Self::StepOn, Self::StepBack, Self::NextSeed]).collect()
    }
}
