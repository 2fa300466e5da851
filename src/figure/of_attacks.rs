//! An attack on one picture becomes a figure: the sum of picture and perturbation, the pictures of rising ε, and what
//! the net says along the way.

use std::sync::Arc;

use super::axes::{AxisScale, Interval, plain};
use super::description::{
    Axis, Caption, CaptionedPicture, Content, Figure, LegendEntry, Line, Mark, PictureRows, Plot, PlotGrid, Spread,
};
use super::ink::Pen;
use super::of_runs::per_cent_number;
use crate::engine::attack::{AttackSettings, Rules};
use crate::engine::picture::Rgba;
use crate::engine::units::{LEVELS, per_cent, short};

/// Pictures of rising ε stand in rows of this many at most.
const ACROSS: usize = 6;

/// The conditions of an attack on one picture.
#[derive(Clone, Debug)]
pub struct AttackFacts {
    pub picture: String,
    pub model: String,
    /// The attack with its parameters.
    pub attack: String,
    /// Says where the attack goes: "away from \"espresso\" (the net's own answer)".
    pub goal: String,
    /// The sign of the step along `sign ∇ₓJ`, for FGSM only.
    pub fgsm_sign: Option<i8>,
    pub rules: Rules,
    pub command: Option<String>,
}

/// A picture on the way of an attack, with the net's answer.
#[derive(Clone, Debug)]
pub struct Step {
    /// The ε in the norm of the attack; none for attacks that take none.
    pub eps: Option<f32>,
    pub picture: Arc<Rgba>,
    pub class: String,
    /// The probability of that class, from 0 to 1.
    pub probability: f32,
}

/// A class along the direction of an attack, with a probability, from 0 to 1, for each ε.
#[derive(Clone, Debug)]
pub struct ClassLine {
    pub class: String,
    pub probabilities: Vec<f32>,
}

impl AttackFacts {
    pub(super) fn conditions(&self) -> String {
        let clip = if self.rules.bounds.is_some() { "clipped to [0, 1]" } else { "not clipped" };
        let rounded = if self.rules.eight_bit { ", rounded to 8 bits" } else { "" };
        format!("{}, {}, {clip}{rounded}, seed {}", self.attack, self.goal, self.rules.seed)
    }

    pub(super) fn caption(&self, text: String) -> Caption {
        Caption { text, command: self.command.clone() }
    }
}

impl Step {
    fn words(&self) -> String {
        format!("{}\n{}", self.class, per_cent(self.probability))
    }
}

/// Names an attack with its parameters: "PGD in L∞, 40 steps, random start".
pub fn attack_in_words(attack: &AttackSettings) -> String {
    match attack {
        AttackSettings::MinimalEps(search) => {
            format!("Smallest ε of {}, up to {}", attack_in_words(&search.attack), short(search.largest))
        }
        attack => attack.called(attack.info().title),
    }
}

/// Writes ε as a number, in L∞ below a tenth also in 255ths.
fn eps_words(eps: f32) -> String {
    let levels = eps * LEVELS;
    let is_level = (levels - levels.round()).abs() < 0.02 && levels >= 0.98;
    if is_level && eps < 0.0995 { format!("{levels:.0}/255") } else { short(eps) }
}

/// Shows `x + δ = x′`. `limit` is the value at the full colour of the perturbation's map.
pub fn attack_sum(facts: &AttackFacts, before: &Step, map: &Arc<Rgba>, limit: f32, after: &Step) -> Figure {
    let middle = match facts.fgsm_sign {
        Some(sign) => format!("{}ε sign ∇ₓJ", if sign < 0 { "−" } else { "" }),
        None => "δ".to_owned(),
    };
    let scale = after.eps.map_or_else(|| format!("±{}", short(limit)), |eps| format!("ε = {}", eps_words(eps)));
    let picture = |step: &Step, title: &str| CaptionedPicture {
        picture: step.picture.clone(),
        title: title.to_owned(),
        words: step.words(),
    };
    let pictures = vec![
        picture(before, "x"),
        CaptionedPicture { picture: map.clone(), title: middle, words: scale },
        picture(after, "x′"),
    ];
    let text = format!(
        "An adversarial picture of {} for {}: {}. The perturbation is shown from −{limit} (blue) over 0 (white) to {limit} \
         (red), pixels being in [0, 1].",
        facts.picture,
        facts.model,
        facts.conditions(),
        limit = short(limit)
    );
    let rows = PictureRows { pictures, columns: 3, signs: vec!["+", "="] };
    Figure::new(Content::Pictures(rows), facts.caption(text))
}

/// Shows the adversarial pictures of rising ε with the net's answers.
pub fn attack_steps(facts: &AttackFacts, steps: &[Step]) -> Figure {
    let picture = |step: &Step| CaptionedPicture {
        picture: step.picture.clone(),
        title: step.eps.map(|eps| format!("ε = {}", eps_words(eps))).unwrap_or_default(),
        words: step.words(),
    };
    let pictures: Vec<_> = steps.iter().map(picture).collect();
    let columns = ACROSS;
    let (name, model) = (&facts.picture, &facts.model);
    let text = format!("Adversarial pictures of {name} for {model} as ε rises: {}.", facts.conditions());
    Figure::new(Content::Pictures(PictureRows { pictures, columns, signs: Vec::new() }), facts.caption(text))
}

/// Plots the probabilities of some classes along `x + ε·η`; `eps` are the values of ε, ascending, and `at` is the one
/// that is looked at.
pub fn eps_curve(facts: &AttackFacts, eps: &[f32], classes: &[ClassLine], at: Option<f32>) -> Figure {
    let ends = Interval::around(eps.iter().map(|eps| f64::from(*eps)));
    let x = Axis {
        name: "ε (pixels in [0, 1])".into(),
        scale: AxisScale::Linear,
        ends: if ends.width() > 0.0 { ends } else { Interval::new(0.0, 1.0) },
        text: plain,
        counts: false,
    };
    let y = Axis::linear("Probability (%)", Interval::new(-0.02, 1.02), per_cent_number);
    let line = |(number, class): (usize, &ClassLine)| {
        let points = eps.iter().zip(&class.probabilities).map(|(eps, p)| [f64::from(*eps), f64::from(*p)]);
        let stretches = vec![points.collect()];
        Line { pen: Pen::nth(number), stretches, intervals: Vec::new(), spread: Spread::Band, is_joined: true }
    };
    let lines = classes.iter().enumerate().map(line).collect();
    let mark = |eps: f32| Mark { x: f64::from(eps), text: format!("ε = {}", eps_words(eps)) };
    let plot = Plot { lines, marks: at.map(mark).into_iter().collect(), ..Plot::new(x, y) };
    let direction = match facts.fgsm_sign {
        Some(sign) => format!("x {} ε sign ∇ₓJ", if sign < 0 { "−" } else { "+" }),
        None => "x + ε δ/max|δ|, the line through what the attack found".to_owned(),
    };
    let text = format!("What {} says along {direction} of {}: {}.", facts.model, facts.picture, facts.conditions());
    let entry = |(number, class): (usize, &ClassLine)| LegendEntry::line(&class.class, Pen::nth(number));
    let legend = classes.iter().enumerate().map(entry).collect();
    Figure { legend, ..Figure::new(Content::Plots(PlotGrid::single(plot)), facts.caption(text)) }
}
