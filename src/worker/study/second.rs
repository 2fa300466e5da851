//! This study shows the same picture to another net: fooled by the same perturbation, or by an attack of its own.

use std::sync::Arc;

use super::{AnsweredView, LoadNet, Study, Wish};
use crate::engine::attack::{AttackInput, Baseline, Goal, Label, Verdict};
use crate::engine::model::{Guess, Model, argmax};
use crate::engine::picture::{Picture, Planes};
use crate::engine::{Error, Result};
use crate::worker::last::{Last, Same};
use crate::worker::playback::Playback;
use crate::worker::{Event, Revision};

/// This says which net to ask too, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondWish {
    /// The model's name in the catalogue.
    pub model: String,
    /// Tells whether it is attacked itself, with the same settings, or shown the first net's adversarial picture.
    pub is_own: bool,
}

#[derive(Clone, Debug)]
pub struct Second {
    pub revision: Revision,
    pub wish: SecondWish,
    /// The net's answers; or why it cannot be asked, for a person.
    pub outcome: std::result::Result<SecondAnswers, String>,
}

#[derive(Clone, Debug)]
pub struct SecondAnswers {
    /// The title is the `name` of its manifest.
    pub title: String,
    /// It says this of the untouched picture, the most probable class first.
    pub clean_top: Vec<Guess>,
    pub adversarial_top: Vec<Guess>,
    /// This is the first net's label, or the net's own answer to the untouched picture where it lacks that class.
    pub label: usize,
    pub verdict: Verdict,
}

#[derive(Default)]
pub struct SecondStudy {
    model: Last<String, Arc<Model>>,
    /// An attack of its own begins with this, for ∇J of the view that it belongs to.
    baseline: Last<Same<Planes>, Arc<Baseline>>,
    playback: Option<Playback>,
    told: Option<(Revision, SecondWish)>,
}

impl Study for SecondStudy {
    fn is_left(&self, of: &AnsweredView, wish: &Wish) -> bool {
        let is_told = |wish| self.told.as_ref().is_some_and(|(told, known)| (*told, known) == (of.revision, wish));
        wish.second.as_ref().is_some_and(|wish| !is_told(wish))
    }

    /// Loads the net, looks at the picture, goes a step of an attack, or answers. An error is an answer too.
    fn advance(&mut self, of: &AnsweredView, wish: &Wish, load: &LoadNet<'_>) -> Result<Option<Event>> {
        let Some(wish) = &wish.second else { return Ok(None) };
        let Some(outcome) = self.piece(of, wish, load).transpose() else { return Ok(None) };
        self.told = Some((of.revision, wish.clone()));
        let outcome = outcome.map_err(|error| error.to_string());
        Ok(Some(Event::Second(Box::new(Second { revision: of.revision, wish: wish.clone(), outcome }))))
    }

    fn forget_net(&mut self, name: &str) {
        if self.model.get(&name.to_owned()).is_some() {
            *self = Self::default();
        }
    }
}

impl SecondStudy {
    fn piece(&mut self, of: &AnsweredView, wish: &SecondWish, load: &LoadNet<'_>) -> Result<Option<SecondAnswers>> {
        let Some(model) = self.model.get(&wish.model) else {
            let model = load(&wish.model)?;
            *self = Self::default();
            self.model.set(wish.model.clone(), model);
            return Ok(None);
        };
        if !wish.is_own {
            return transferred(of, model).map(Some);
        }
        let gradient = Same(of.baseline.gradient.clone());
        let Some(baseline) = self.baseline.get(&gradient) else {
            self.baseline.set(gradient, Arc::new(baseline_of(of, model)?));
            return Ok(None);
        };
        let view = &of.view;
        let problem = baseline.problem(model, view.rules())?.with_eps(&[view.eps])?;
        let mut playback = Playback::resumed(self.playback.take(), baseline, &view.attack, problem)?;
        // Both attacks are seen at the same step.
        let is_there = playback.has(view.step);
        if !is_there {
            playback.advance()?;
        }
        let after = is_there.then(|| playback.at(view.step).probabilities.clone());
        self.playback = Some(playback);
        Ok(after.map(|after| answers(of, model, &baseline.probabilities, &after)))
    }
}

/// Returns what the net says of the first one's adversarial picture.
fn transferred(of: &AnsweredView, model: &Model) -> Result<SecondAnswers> {
    let photo = &of.baseline.input;
    if photo.is_photo() {
        // The adversarial picture is as its file, of which each net takes its own part.
        let says = |photo: &Picture| model.probabilities(&model.lens(photo, of.crop)?.fit(photo)?);
        let adversarial = photo.whole(of.attacked.adversarial.to_picture())?;
        return Ok(answers(of, model, &says(&of.picture)?, &says(&adversarial)?));
    }
    let (first, second) = (of.model.input(), model.input());
    let [fits, sees] = [first, second].map(|input| format!("{}×{}×{}", input.width, input.height, input.channels));
    if fits != sees {
        let why =
            format!("it is for {fits} pixels and {} sees {sees}. Choose its own attack instead.", model.manifest.name);
        return Err(Error::Argument(format!("The same perturbation does not fit: {why}")));
    }
    let clean = model.probabilities(&of.baseline.original)?;
    let adversarial = model.probabilities(&of.attacked.adversarial)?;
    Ok(answers(of, model, &clean, &adversarial))
}

fn baseline_of(of: &AnsweredView, model: &Model) -> Result<Baseline> {
    let view = &of.view;
    let lens = model.lens(&of.picture, of.crop)?;
    let own = AttackInput::new(&of.picture, lens, of.own_pixels)?;
    let label = same_class(of, model, of.baseline.label).map_or(Label::Predicted, Label::Given);
    let goal = match view.goal {
        Goal::Untargeted => Goal::Untargeted,
        Goal::Targeted(target) => Goal::Targeted(same_class(of, model, target).ok_or_else(|| {
            let name = &of.model.classes[target];
            Error::Argument(format!("{} has no class {name:?} to be led to.", model.manifest.name))
        })?),
    };
    Baseline::new(model, own, label, goal, view.loss)
}

fn answers(of: &AnsweredView, model: &Model, clean: &[f32], adversarial: &[f32]) -> SecondAnswers {
    let label = same_class(of, model, of.baseline.label).unwrap_or_else(|| argmax(clean));
    let target = of.view.goal.target().and_then(|target| same_class(of, model, target));
    SecondAnswers {
        title: model.manifest.name.clone(),
        clean_top: model.top(clean, 2),
        adversarial_top: model.top(adversarial, 2),
        label,
        verdict: Verdict::of(label, target.map_or(Goal::Untargeted, Goal::Targeted), argmax(adversarial)),
    }
}

fn same_class(of: &AnsweredView, model: &Model, class: usize) -> Option<usize> {
    let name = of.model.classes.get(class)?;
    model.classes.iter().position(|other| other == name)
}
