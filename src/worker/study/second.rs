//! Another net on the same picture: fooled by the same perturbation, or by an attack of its own.

use std::sync::Arc;

use super::Subject;
use crate::engine::attack::{self, Baseline, Goal, Label, Verdict};
use crate::engine::model::{Guess, Model, argmax};
use crate::engine::picture::{Picture, Planes};
use crate::engine::{Error, Result};
use crate::worker::Revision;
use crate::worker::playback::Playback;

/// Classes listed before and after.
const TOP: usize = 2;

/// Which net to ask too, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondWish {
    /// A model's name in the catalogue.
    pub model: String,
    /// It is attacked itself, with the same settings; without that it is shown the first net's adversarial picture.
    pub is_own: bool,
}

/// A second net beside the first.
#[derive(Clone, Debug)]
pub struct Second {
    /// The view that it belongs to.
    pub revision: Revision,
    pub wish: SecondWish,
    /// What the net says; or why it cannot be asked, for a person.
    pub outcome: std::result::Result<Answers, String>,
}

/// What a second net says.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The manifest's `name`.
    pub title: String,
    /// Most probable first.
    pub clean_top: Vec<Guess>,
    pub adversarial_top: Vec<Guess>,
    /// The first net's label among this net's classes; its own answer to the untouched picture where it has no such class.
    pub label: usize,
    pub verdict: Verdict,
}

/// A second net in hand.
#[derive(Default)]
pub struct Work {
    model: Option<(String, Arc<Model>)>,
    /// For an attack of its own, with ∇J of the view that it belongs to.
    baseline: Option<(Arc<Planes>, Arc<Baseline>)>,
    /// That attack, as far as it has come.
    playback: Option<Playback>,
    done: Option<(Revision, SecondWish)>,
}

impl Work {
    pub fn is_done(&self, subject: &Subject, wish: &SecondWish) -> bool {
        self.done.as_ref().is_some_and(|(revision, known)| *revision == subject.revision && known == wish)
    }

    /// Whether this net is in hand.
    pub fn knows(&self, name: &str) -> bool {
        self.model.as_ref().is_some_and(|(known, _)| known == name)
    }

    /// Does one piece: loads the net, looks at the picture, goes a step of an attack, or answers. What goes wrong is an answer too.
    pub fn advance(
        &mut self,
        subject: &Subject,
        wish: &SecondWish,
        load: &dyn Fn(&str) -> Result<Arc<Model>>,
    ) -> Option<Second> {
        let outcome = match self.piece(subject, wish, load) {
            Ok(None) => return None,
            Ok(Some(answers)) => Ok(answers),
            Err(error) => Err(error.to_string()),
        };
        self.done = Some((subject.revision, wish.clone()));
        Some(Second { revision: subject.revision, wish: wish.clone(), outcome })
    }

    fn piece(
        &mut self,
        subject: &Subject,
        wish: &SecondWish,
        load: &dyn Fn(&str) -> Result<Arc<Model>>,
    ) -> Result<Option<Answers>> {
        let Some((_, model)) = self.model.as_ref().filter(|(name, _)| *name == wish.model) else {
            *self = Self { model: Some((wish.model.clone(), load(&wish.model)?)), ..Self::default() };
            return Ok(None);
        };
        if !wish.is_own {
            return transferred(subject, model).map(Some);
        }
        let gradient = &subject.baseline.gradient;
        let Some((_, baseline)) = self.baseline.as_ref().filter(|(known, _)| Arc::ptr_eq(known, gradient)) else {
            self.baseline = Some((gradient.clone(), Arc::new(baseline_of(subject, model)?)));
            self.playback = None;
            return Ok(None);
        };
        let view = &subject.view;
        let problem = baseline.problem(model, view.rules())?.with_eps(&[view.eps])?;
        let known = self.playback.take().filter(|known| known.is_of(baseline, &view.attack, &problem));
        let mut playback = match known {
            Some(known) => known,
            None => Playback::new(baseline.clone(), &view.attack, problem)?,
        };
        // As far as the first net's attack is shown, so that both are seen at the same step.
        let is_there = playback.has(view.step);
        if !is_there {
            playback.advance()?;
        }
        let after = is_there.then(|| playback.at(view.step).probabilities.clone());
        self.playback = Some(playback);
        Ok(after.map(|after| answers(subject, model, &baseline.probabilities, &after)))
    }
}

/// What the net says of the first one's adversarial picture.
fn transferred(subject: &Subject, model: &Model) -> Result<Answers> {
    let photo = &subject.baseline.subject;
    if matches!(photo, attack::Subject::Photo { .. }) {
        // As a file of it, of which each net takes its own part.
        let says = |photo: &Picture| model.probabilities(&model.lens(photo, subject.view.crop)?.fit(photo)?);
        let adversarial = photo.whole(subject.adversarial.to_picture())?;
        return Ok(answers(subject, model, &says(&subject.picture)?, &says(&adversarial)?));
    }
    let (first, second) = (subject.model.input(), model.input());
    let size = |input: &crate::engine::model::Input| (input.width, input.height, input.channels);
    if size(first) != size(second) {
        let spelled = |(width, height, channels)| format!("{width}×{height}×{channels}");
        return Err(Error::Argument(format!(
            "The same perturbation does not fit: it is for {} pixels and {} sees {}. Choose its own attack instead.",
            spelled(size(first)),
            model.manifest.name,
            spelled(size(second))
        )));
    }
    let clean = model.probabilities(&subject.baseline.original)?;
    let adversarial = model.probabilities(&subject.adversarial)?;
    Ok(answers(subject, model, &clean, &adversarial))
}

fn baseline_of(subject: &Subject, model: &Model) -> Result<Baseline> {
    let view = &subject.view;
    let lens = model.lens(&subject.picture, view.crop)?;
    let own = attack::Subject::new(&subject.picture, lens, subject.own_pixels)?;
    let label = same_class(subject, model, subject.baseline.label).map_or(Label::Predicted, Label::Given);
    let goal = match view.goal {
        Goal::Untargeted => Goal::Untargeted,
        Goal::Targeted(target) => Goal::Targeted(same_class(subject, model, target).ok_or_else(|| {
            let name = &subject.model.classes[target];
            Error::Argument(format!("{} has no class {name:?} to be led to.", model.manifest.name))
        })?),
    };
    Baseline::new(model, own, label, goal, view.loss)
}

fn answers(subject: &Subject, model: &Model, clean: &[f32], adversarial: &[f32]) -> Answers {
    let label = same_class(subject, model, subject.baseline.label).unwrap_or_else(|| argmax(clean));
    let target = match subject.view.goal {
        Goal::Targeted(target) => same_class(subject, model, target),
        Goal::Untargeted => None,
    };
    Answers {
        title: model.manifest.name.clone(),
        clean_top: model.top(clean, TOP),
        adversarial_top: model.top(adversarial, TOP),
        label,
        verdict: Verdict::of(label, target.map_or(Goal::Untargeted, Goal::Targeted), argmax(adversarial)),
    }
}

/// The class of the same name.
fn same_class(subject: &Subject, model: &Model, class: usize) -> Option<usize> {
    let name = subject.model.classes.get(class)?;
    model.classes.iter().position(|other| other == name)
}
