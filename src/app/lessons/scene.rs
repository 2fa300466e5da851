//! A scene is what a step of a lesson sets, by names that are looked up when the lesson is opened.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::app::commands::tab::Tab;
use crate::app::pages::explore::state::MAX_EPS;
use crate::engine::attack::{AttackSettings, Loss, MAX_STEPS, Norm};
use crate::engine::data::{sample_unless_file, samples};
use crate::engine::model::{Catalogue, Manifest, find_class};
use crate::engine::picture::HeatmapQuantity;

/// A scene is the `view` of a step. Where no step so far names them, the net, the picture, ε and the pane under the
/// pictures stay as they are, and everything else is as usual.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LessonScene {
    pub tab: Option<Tab>,
    pub model: Option<String>,
    /// This is the name of a bundled picture, or a path from the lesson's file.
    pub picture: Option<PathBuf>,
    /// ε in the norm of the attack.
    pub eps: Option<f32>,
    /// The name of an attack, FGSM without one; `steps` and `norm` change its usual parameters.
    #[serde(deserialize_with = "attack_named")]
    pub attack: Option<AttackSettings>,
    pub steps: Option<usize>,
    pub norm: Option<Norm>,
    pub seed: Option<u64>,
    pub loss: Option<Loss>,
    /// An empty name stands for the net's own answer.
    pub label: Option<String>,
    /// An empty name stands for away from the label.
    pub target: Option<String>,
    pub clip: Option<bool>,
    pub eight_bit: Option<bool>,
    pub own_pixels: Option<bool>,
    #[serde(deserialize_with = "quantity")]
    pub show: Option<HeatmapQuantity>,
    /// This opens or closes the pane under the pictures.
    pub why: Option<bool>,
    /// The pane compares with this net; with none where the name is empty.
    pub second: Option<String>,
}

fn attack_named<'de, D: Deserializer<'de>>(source: D) -> Result<Option<AttackSettings>, D::Error> {
    let name = String::deserialize(source)?;
    let known: Vec<_> = AttackSettings::all().iter().map(|attack| attack.name()).collect();
    let unknown = || D::Error::custom(format!("there is no attack {name:?}; expected one of {}", known.join(", ")));
    AttackSettings::named(&name).map(Some).ok_or_else(unknown)
}

/// Lessons write what the middle picture shows in small letters.
#[derive(Deserialize)]
#[serde(remote = "HeatmapQuantity", rename_all = "lowercase")]
enum MiddlePicture {
    Perturbation,
    Magnitude,
    Gradient,
}

fn quantity<'de, D: Deserializer<'de>>(source: D) -> Result<Option<HeatmapQuantity>, D::Error> {
    MiddlePicture::deserialize(source).map(Some)
}

impl LessonScene {
    /// Returns this scene where it says something, and `earlier` elsewhere. A named attack brings its own parameters.
    pub fn over(self, earlier: Self) -> Self {
        let (steps, norm) = if self.attack.is_some() { (None, None) } else { (earlier.steps, earlier.norm) };
        Self {
            tab: self.tab.or(earlier.tab),
            model: self.model.or(earlier.model),
            picture: self.picture.or(earlier.picture),
            eps: self.eps.or(earlier.eps),
            attack: self.attack.or(earlier.attack),
            steps: self.steps.or(steps),
            norm: self.norm.or(norm),
            seed: self.seed.or(earlier.seed),
            loss: self.loss.or(earlier.loss),
            label: self.label.or(earlier.label),
            target: self.target.or(earlier.target),
            clip: self.clip.or(earlier.clip),
            eight_bit: self.eight_bit.or(earlier.eight_bit),
            own_pixels: self.own_pixels.or(earlier.own_pixels),
            show: self.show.or(earlier.show),
            why: self.why.or(earlier.why),
            second: self.second.or(earlier.second),
        }
    }

    /// Returns the attack with its parameters.
    pub fn attack(&self) -> AttackSettings {
        let mut attack = self.attack.clone().unwrap_or_default();
        if let (Some(to), Some(steps)) = (self.steps, attack.steps_mut()) {
            *steps = to;
        }
        if let (Some(to), Some((norm, _))) = (self.norm, attack.norm_mut()) {
            *norm = to;
        }
        attack
    }

    /// Checks the numbers of a scene that has all that the steps so far have set.
    pub fn check(&self) -> anyhow::Result<()> {
        let mut attack = self.attack();
        let name = attack.name();
        if let Some(steps) = self.steps {
            ensure!((1..=MAX_STEPS).contains(&steps), "steps is {steps}; expected 1 to {MAX_STEPS}");
            let takes_steps = attack.steps_mut().is_some();
            ensure!(takes_steps, "{name} takes no steps; expected an attack of many steps, such as attack = \"bim\"");
        }
        if let Some(norm) = self.norm {
            let known = attack.norm_mut().map(|(_, norms)| norms);
            let norms = known.with_context(|| format!("{name} has one norm of its own; expected none beside it"))?;
            let texts = [format!("{norm:?}"), format!("{norms:?}")].map(|text| text.to_lowercase());
            ensure!(norms.contains(&norm), "norm is {}; expected one of those of {name}: {}", texts[0], texts[1]);
        }
        let most = match attack.norm() {
            Norm::Linf => MAX_EPS,
            norm => norm.largest_eps(MOST_VALUES),
        };
        let eps = self.eps.unwrap_or_default();
        ensure!((0.0..=most).contains(&eps), "eps is {eps}; expected 0 to {most}");
        Ok(())
    }

    /// Looks up what this scene names, and spells classes as their net does; `all` has what earlier steps have set too.
    pub fn look_up(&mut self, all: &Self, catalogue: &Catalogue) -> Result<(), String> {
        for net in [&self.model, &self.second].into_iter().flatten().filter(|name| !name.is_empty()) {
            catalogue.ready(net).map_err(|error| error.to_string())?;
        }
        self.picture.as_deref().map_or(Ok(()), picture_exists)?;
        if self.model.is_none() && self.label.is_none() && self.target.is_none() {
            return Ok(());
        }
        // A class that was named for the net of an earlier step holds for this one, too.
        self.label = in_net(all.label.as_deref(), all.model.as_deref(), catalogue)?;
        self.target = in_net(all.target.as_deref(), all.model.as_deref(), catalogue)?;
        Ok(())
    }

    /// Spells classes as the net of this scene does; `self` has what the steps before it have set, too.
    pub fn classes(&self, names: &[String], catalogue: &Catalogue) -> Result<Vec<String>, String> {
        let found = names.iter().map(|name| in_net(Some(name), self.model.as_deref(), catalogue));
        Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}

/// This is more than the values of the largest photo whose own pixels are attacked.
const MOST_VALUES: usize = 3 << 21;

fn picture_exists(picture: &Path) -> Result<(), String> {
    if picture.is_file() || sample_unless_file(picture).is_some() {
        return Ok(());
    }
    let name = picture.file_name().unwrap_or_default().to_string_lossy();
    let mut nearest: Vec<_> = samples().iter().map(|sample| sample.name).collect();
    nearest.sort_by(|a, b| strsim::jaro_winkler(b, &name).total_cmp(&strsim::jaro_winkler(a, &name)));
    nearest.truncate(3);
    Err(format!(
        "there is no picture {name:?}; expected a bundled one, of which the nearest are {nearest:?}, or the path of a \
         file\n{}",
        picture.display()
    ))
}

/// Returns the full name of a class of a net; an empty name stays one.
fn in_net(class: Option<&str>, net: Option<&str>, catalogue: &Catalogue) -> Result<Option<String>, String> {
    let Some(class) = class.filter(|class| !class.is_empty()) else { return Ok(class.map(ToOwned::to_owned)) };
    let net = net.ok_or_else(|| format!("the class {class:?} is of no net; expected a model beside it, or before"))?;
    let Manifest { classes, .. } = catalogue.ready(net).map_err(|error| error.to_string())?;
    let index = find_class(&classes, class).map_err(|error| format!("{net}: {error}"))?;
    Ok(classes.into_iter().nth(index))
}
