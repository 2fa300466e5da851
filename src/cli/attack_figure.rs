//! `doppelganger attack … --figure` draws the sum of picture and perturbation, the pictures of rising ε, or what the net
//! says along the way.

use std::sync::Arc;

use super::choice::choice;
use crate::command_line::invocation;
use crate::engine::Result;
use crate::engine::attack::{AttackSettings, Attacked, Baseline, Goal, Rules, eps_curve as answers_along, eps_range};
use crate::engine::model::{Model, argmax};
use crate::engine::picture::{Heatmap, Planes, Rgba};
use crate::figure::{AttackFacts, ClassLine, Figure, Step, attack_in_words, attack_steps, attack_sum, eps_curve};

/// The curve has so many points, and shows at most so many classes.
const POINTS: usize = 81;
const CLASSES: usize = 5;
/// Beyond the largest ε the curve goes on for a share of it.
const BEYOND: f32 = 1.25;

/// The figure of an attack shows one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureOf {
    Sum,
    Pictures,
    Curve,
}

pub const FIGURE_OF: [(&str, &str, FigureOf); 3] = [
    ("sum", "Picture + perturbation = adversarial picture, for the last ε", FigureOf::Sum),
    ("pictures", "The adversarial picture of every ε, with the net's answers", FigureOf::Pictures),
    (
        "curve",
        "The probabilities of the likeliest classes along the direction of the attack, against ε",
        FigureOf::Curve,
    ),
];

pub fn parser() -> impl clap::builder::TypedValueParser<Value = FigureOf> {
    choice(&FIGURE_OF)
}

/// An attack with all that its figures need.
pub struct AttackFigure<'a> {
    pub picture: String,
    pub name: &'a str,
    pub model: &'a Model,
    pub baseline: &'a Baseline,
    pub settings: &'a AttackSettings,
    pub rules: Rules,
    pub is_label_given: bool,
    /// The results, each at its ε if the attack takes one.
    pub attacked: &'a [(Option<f32>, Attacked)],
}

impl AttackFigure<'_> {
    pub fn draw(&self, of: FigureOf) -> Result<Figure> {
        let facts = self.facts();
        match (of, self.attacked.last()) {
            (FigureOf::Pictures, _) => {
                let steps: Vec<Step> = self.attacked.iter().map(|(eps, attacked)| self.step(*eps, attacked)).collect();
                Ok(attack_steps(&facts, &steps))
            }
            (FigureOf::Curve, Some((eps, attacked))) => self.curve(&facts, *eps, attacked),
            (FigureOf::Sum, Some((eps, attacked))) => {
                let (map, limit) = Heatmap::default().draw(&attacked.perturbation, &self.baseline.gradient);
                let before = self.answer(None, &self.baseline.original, &self.baseline.probabilities);
                Ok(attack_sum(&facts, &before, &Arc::new(map), limit, &self.step(*eps, attacked)))
            }
            (_, None) => Ok(attack_steps(&facts, &[])),
        }
    }

    fn facts(&self) -> AttackFacts {
        let class = |index: usize| &self.model.classes[index];
        let source = if self.is_label_given { "given" } else { "the net's own answer" };
        let label = format!("\"{}\" ({source})", class(self.baseline.label));
        AttackFacts {
            picture: self.picture.clone(),
            model: self.name.to_owned(),
            attack: attack_in_words(self.settings),
            goal: match self.baseline.goal {
                Goal::Untargeted => format!("away from {label}"),
                Goal::Targeted(target) => format!("from {label} towards \"{}\"", class(target)),
            },
            fgsm_sign: self.fgsm_sign(),
            rules: self.rules,
            command: Some(invocation()),
        }
    }

    fn fgsm_sign(&self) -> Option<i8> {
        let is_fgsm = *self.settings == AttackSettings::default();
        is_fgsm.then_some(if self.baseline.goal == Goal::Untargeted { 1 } else { -1 })
    }

    fn step(&self, eps: Option<f32>, attacked: &Attacked) -> Step {
        self.answer(eps, &attacked.adversarial, &attacked.probabilities)
    }

    fn answer(&self, eps: Option<f32>, pixels: &Planes, probabilities: &[f32]) -> Step {
        let class = argmax(probabilities);
        Step {
            eps,
            picture: Arc::new(Rgba::from_planes(pixels)),
            class: self.model.classes[class].clone(),
            probability: probabilities[class],
        }
    }

    /// Asks the net along the direction of the attack, to both sides of the picture.
    fn curve(&self, facts: &AttackFacts, eps: Option<f32>, attacked: &Attacked) -> Result<Figure> {
        let baseline = self.baseline;
        let direction: Vec<f32> = match self.fgsm_sign() {
            Some(sign) => {
                let step = |g: &f32| if *g == 0.0 { 0.0 } else { g.signum() * f32::from(sign) };
                baseline.gradient.values.iter().map(step).collect()
            }
            None => attacked.perturbation.values.iter().map(|d| d / attacked.linf.max(f32::MIN_POSITIVE)).collect(),
        };
        let at = if self.fgsm_sign().is_some() { eps.unwrap_or_default() } else { attacked.linf };
        let reach = if at > 0.0 { BEYOND * at } else { 0.1 };
        let values = eps_range(reach, POINTS);
        let found = answers_along(self.model, &baseline.input, &direction, &values, self.rules)?;
        let mut classes = found.top_classes(CLASSES);
        if !classes.contains(&baseline.label) {
            classes.truncate(CLASSES - 1);
            classes.push(baseline.label);
        }
        let line = |&class: &usize| ClassLine {
            class: self.model.classes[class].clone(),
            probabilities: found.probabilities.iter().map(|of| of[class]).collect(),
        };
        let lines: Vec<ClassLine> = classes.iter().map(line).collect();
        Ok(eps_curve(facts, &found.eps, &lines, Some(at)))
    }
}
