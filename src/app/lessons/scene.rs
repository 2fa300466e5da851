//! What a step of a lesson sets, by names that are looked up when the lesson is opened.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::app::commands::tab::Tab;
use crate::app::pages::explore::state::MAX_EPS;
use crate::engine::attack::{AttackSettings, Loss, MAX_STEPS, Norm};
use crate::engine::data::{sample_unless_file, samples};
use crate::engine::model::{Catalogue, Manifest, find_class};
use crate::engine::picture::Quantity;

/// What a step sets: its `view`. The net, the picture, ε and the pane under the pictures stay as they are where no step so far
/// names them; everything else is then as usual, whatever was left in the Explore tab.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scene {
    pub tab: Option<Tab>,
    /// A name of the catalogue.
    pub model: Option<String>,
    /// The name of a bundled picture, or a path from the lesson's file.
    pub picture: Option<PathBuf>,
    /// In the norm of the attack.
    pub eps: Option<f32>,
    /// FGSM without one; with the parameters that it has at first, but for `steps` and `norm`.
    pub attack: Option<AttackName>,
    pub steps: Option<usize>,
    pub norm: Option<Norm>,
    /// Of random starts and noise.
    pub seed: Option<u64>,
    pub loss: Option<Loss>,
    /// A class by name; the net's own answer with an empty name.
    pub label: Option<String>,
    /// A class by name; away from the label with an empty name.
    pub target: Option<String>,
    pub clip: Option<bool>,
    pub eight_bit: Option<bool>,
    pub own_pixels: Option<bool>,
    pub show: Option<Shown>,
    /// Whether the pane is open that shows why the attack works.
    pub why: Option<bool>,
    /// The net that the pane compares with, by its name; none with an empty name.
    pub second: Option<String>,
}

/// The name of an attack, as on the command line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AttackName(pub String);

impl TryFrom<String> for AttackName {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        if AttackSettings::named(&name).is_some() {
            return Ok(Self(name));
        }
        let known: Vec<_> = AttackSettings::all().iter().map(|attack| attack.name()).collect();
        Err(format!("there is no attack {name:?}; expected one of {}", known.join(", ")))
    }
}

/// What the middle picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shown {
    Perturbation,
    Magnitude,
    Gradient,
}

impl From<Shown> for Quantity {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Perturbation => Self::Perturbation,
            Shown::Magnitude => Self::Magnitude,
            Shown::Gradient => Self::Gradient,
        }
    }
}

impl Scene {
    /// This scene where it says something, and `earlier` elsewhere. An attack that is named comes without the parameters of
    /// the one before.
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

    /// The attack with its parameters.
    pub fn attack(&self) -> AttackSettings {
        let named = self.attack.as_ref().and_then(|AttackName(name)| AttackSettings::named(name));
        let mut attack = named.unwrap_or_default();
        if let (Some(to), Some(steps)) = (self.steps, attack.steps_mut()) {
            *steps = to;
        }
        if let (Some(to), Some((norm, _))) = (self.norm, attack.norm_mut()) {
            *norm = to;
        }
        attack
    }

    /// Checks the numbers of a scene that has all that the steps so far have set.
    pub fn check(&self) -> Result<(), String> {
        if let Some(steps) = self.steps.filter(|steps| !(1..=MAX_STEPS).contains(steps)) {
            return Err(format!("steps is {steps}; expected 1 to {MAX_STEPS}"));
        }
        let mut attack = self.attack();
        let name = attack.name();
        if self.steps.is_some() && attack.steps_mut().is_none() {
            return Err(format!("{name} takes no steps; expected an attack of many steps, such as attack = \"bim\""));
        }
        match (self.norm, attack.norm_mut()) {
            (Some(_), None) => return Err(format!("{name} has one norm of its own; expected none beside it")),
            (Some(norm), Some((_, norms))) if !norms.contains(&norm) => {
                let [norm, norms] = [format!("{norm:?}"), format!("{norms:?}")].map(|text| text.to_lowercase());
                return Err(format!("norm is {norm}; expected one of those of {name}: {norms}"));
            }
            _ => {}
        }
        let most = match attack.norm() {
            Norm::Linf => MAX_EPS,
            norm => norm.largest_eps(MOST_VALUES),
        };
        match self.eps.filter(|eps| !(0.0..=most).contains(eps)) {
            Some(eps) => Err(format!("eps is {eps}; expected 0 to {most}")),
            None => Ok(()),
        }
    }

    /// Looks up what this scene of a step names, and spells classes as their net does; `all` has what the steps before it have set, too.
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
}

impl Scene {
    /// Classes as the net of this scene spells them; `self` has what the steps before it have set, too.
    pub fn classes(&self, names: &[String], catalogue: &Catalogue) -> Result<Vec<String>, String> {
        let found = names.iter().map(|name| in_net(Some(name), self.model.as_deref(), catalogue));
        Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}

/// Of the largest photo whose own pixels are attacked, with room to spare.
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
        "there is no picture {name:?}; expected a bundled one, of which the nearest are {nearest:?}, or the path of a file\n{}",
        picture.display()
    ))
}

/// The full name of a class of a net; an empty name stays one.
fn in_net(class: Option<&str>, net: Option<&str>, catalogue: &Catalogue) -> Result<Option<String>, String> {
    let Some(class) = class.filter(|class| !class.is_empty()) else { return Ok(class.map(ToOwned::to_owned)) };
    let net = net.ok_or_else(|| format!("the class {class:?} is of no net; expected a model beside it, or before"))?;
    let Manifest { classes, .. } = catalogue.ready(net).map_err(|error| error.to_string())?;
    let index = find_class(&classes, class).map_err(|error| format!("{net}: {error}"))?;
    Ok(classes.into_iter().nth(index))
}
