//! `doppelganger attack … --figure` draws the sum of picture and perturbation, the pictures of rising ε, what the net says
//! along the way, or its church window.

use std::sync::Arc;

use clap::Args;

use super::choice::choice;
use super::progress::{check_ctrl_c, watched};
use crate::command_line::invocation;
use crate::engine::attack::{
    AttackInput, AttackSettings, Attacked, Baseline, ChurchWindow, Goal, MAP_SIDES, Plane, Rules,
    eps_curve as answers_along, eps_range,
};
use crate::engine::model::{Catalogue, Model, argmax};
use crate::engine::picture::{Heatmap, Planes, Rgba};
use crate::engine::units::parse_eps;
use crate::engine::{Error, Result};
use crate::figure::{
    AttackFacts, ClassLine, Figure, MappedNet, PlaneFacts, Step, attack_in_words, attack_steps, attack_sum,
    church_window, eps_curve,
};

/// The curve has so many points, and shows at most so many classes.
const POINTS: usize = 81;
const CLASSES: usize = 5;
/// A church window asks about so many points at once.
const AT_ONCE: usize = 64;
/// Beyond the largest ε the curve goes on for a share of it.
const BEYOND: f32 = 1.25;

/// The figure of an attack shows one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureOf {
    Sum,
    Pictures,
    Curve,
    ChurchWindow,
}

pub const FIGURE_OF: [(&str, &str, FigureOf); 4] = [
    ("sum", "Picture + perturbation = adversarial picture, for the last ε", FigureOf::Sum),
    ("pictures", "The adversarial picture of every ε, with the net's answers", FigureOf::Pictures),
    (
        "curve",
        "The probabilities of the likeliest classes along the direction of the attack, against ε",
        FigureOf::Curve,
    ),
    (
        "church-window",
        "The classes on the plane of the attack's direction and a random one, for the last ε",
        FigureOf::ChurchWindow,
    ),
];

/// These options are about the plane of a church window.
#[derive(Args)]
#[command(next_help_heading = "Church window")]
pub struct PlaneArgs {
    /// Map another net's answers on the same plane beside it; it must see the same pixels
    #[arg(long, value_name = "NAME|MANIFEST")]
    other: Option<String>,
    /// How far the plane goes from the picture, in ε; twice the last ε (or the length of the perturbation) if not given
    #[arg(long, value_name = "EPS", value_parser = parse_reach)]
    reach: Option<f32>,
    /// The seed of the random direction; 0 if not given
    #[arg(long, value_name = "S")]
    plane_seed: Option<u64>,
    /// So many points on each side of a map: 9, 17, 33, 65 or 129; 129 if not given
    #[arg(long, value_name = "N", value_parser = parse_side)]
    map_side: Option<usize>,
}

fn parse_reach(text: &str) -> Result<f32> {
    let reach = parse_eps(text)?;
    if reach > 0.0 { Ok(reach) } else { Err(Error::Argument(format!("the reach is {reach}; expected an ε above 0"))) }
}

fn parse_side(text: &str) -> Result<usize> {
    let side = text.trim().parse().ok().filter(|side| MAP_SIDES.contains(side));
    side.ok_or_else(|| {
        Error::Argument(format!("a map has {text:?} points on each side; expected one of {MAP_SIDES:?}"))
    })
}

impl PlaneArgs {
    /// Refuses options of a church window where another figure is asked for, or none.
    pub fn check(&self, of: FigureOf, has_figure: bool) -> Result<()> {
        let given = [
            ("--other", self.other.is_some()),
            ("--reach", self.reach.is_some()),
            ("--plane-seed", self.plane_seed.is_some()),
            ("--map-side", self.map_side.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) if of != FigureOf::ChurchWindow || !has_figure => Err(Error::Argument(format!(
                "{name} is about a church window; expected --figure-of church-window --figure FILE beside it"
            ))),
            _ => Ok(()),
        }
    }

    /// Loads the other net, if there is one, and sees to it that it sees the same pixels.
    pub fn other(&self, input: &AttackInput) -> Result<Option<OtherNet>> {
        let load = |name: &String| {
            let model = Catalogue::from_environment().load(name)?;
            Ok(OtherNet { name: name.clone(), input: input.seen_by(&model)?, model })
        };
        self.other.as_ref().map(load).transpose()
    }
}

/// This is another net, whose answers are mapped on the same plane.
pub struct OtherNet {
    name: String,
    model: Model,
    input: AttackInput,
}

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
    pub plane: &'a PlaneArgs,
    pub other: Option<OtherNet>,
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
            (FigureOf::ChurchWindow, Some((eps, attacked))) => self.church_window(facts, *eps, attacked),
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

    /// Maps what the net says on a plane through the picture, and beside it what the other net says.
    fn church_window(&self, attack: AttackFacts, eps: Option<f32>, attacked: &Attacked) -> Result<Figure> {
        let (baseline, args, norm) = (self.baseline, self.plane, self.settings.measure().norm());
        let seed = args.plane_seed.unwrap_or_default();
        let way = Plane::way(self.settings, baseline, attacked);
        let plane = Arc::new(Plane::new(&way, norm, seed)?);
        let is_one_step = matches!(self.settings, AttackSettings::Fgsm(_));
        let at = eps.filter(|_| is_one_step).unwrap_or_else(|| norm.length(&attacked.perturbation.values));
        let reach = args.reach.unwrap_or(2.0 * at);
        if reach <= 0.0 {
            let expected = "expected an ε above 0, or --reach EPS";
            return Err(Error::Argument(format!(
                "a church window of a perturbation of length 0 has no extent; {expected}"
            )));
        }
        let side = args.map_side.unwrap_or(MAP_SIDES[MAP_SIDES.len() - 1]);
        let mapped = |name: &str, model: &Model, input: &AttackInput| -> Result<MappedNet> {
            let mut window = ChurchWindow::new(plane.clone(), reach, self.rules)?;
            let map = watched(|line| {
                loop {
                    check_ctrl_c()?;
                    let is_whole = window.advance(model, input, AT_ONCE)?;
                    if let Some(map) = window.map().filter(|map| is_whole && map.side == side) {
                        return Ok(map);
                    }
                    line.draw(&format!("asking {name}"), window.known(), side * side);
                }
            })?;
            let classes = model.classes.clone();
            Ok(MappedNet { name: name.to_owned(), places: map.name_places(&classes), classes, map: map.into() })
        };
        let mut nets = vec![mapped(self.name, self.model, &baseline.input)?];
        if let Some(OtherNet { name, model, input }) = &self.other {
            nets.push(mapped(name, model, input)?);
        }
        let label = self.model.classes[baseline.label].clone();
        let fgsm_sign = is_one_step.then_some(if baseline.goal == Goal::Untargeted { 1 } else { -1 });
        let facts = PlaneFacts { attack: AttackFacts { fgsm_sign, ..attack }, norm, seed, label, at };
        Ok(church_window(&facts, &nets))
    }
}
