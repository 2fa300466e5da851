//! The page offers the sum of picture and perturbation, the pictures of rising ε, the net's answers along the way, and
//! the church window.

use std::sync::Arc;

use crate::app::files::figures::OfferedFigure;
use crate::app::format::quoted;
use crate::app::pages::explore::words;
use crate::app::shell::Shell;
use crate::engine::attack::{Goal, Label};
use crate::engine::model::Guess;
use crate::engine::picture::{Heatmap, Planes, Rgba};
use crate::figure::{
    AttackFacts, ClassLine, MappedNet, PlaneFacts, Step, attack_steps, attack_sum, church_window, eps_curve,
};
use crate::worker::{Along, NetMap, Shown, Source};

/// So many pictures show how ε rises, that of ε = 0 among them.
const STEPS: usize = 6;
/// The curve goes on for a share of ε beyond it.
const BEYOND: f32 = 1.25;

pub fn figures(shell: &Shell) -> Vec<OfferedFigure> {
    let Some(shown) = shell.explore.shown.as_deref() else { return Vec::new() };
    let mut offered = vec![sum(shown)];
    if let Some(along) = shell.why.current(shown) {
        offered.extend(rising(shown, along));
        offered.push(curve(shown, along));
    }
    offered.extend(church(shell, shown));
    offered
}

fn sum(shown: &Shown) -> OfferedFigure {
    let (facts, eps) = (facts(shown), shown.view.attack.takes_eps().then_some(shown.view.eps));
    let before = step(None, &shown.original_rgba, shown.clean_top.first());
    let after = step(eps, &shown.adversarial_rgba, shown.adversarial_top.first());
    let (perturbation, gradient) = (shown.perturbation.clone(), shown.gradient.clone());
    OfferedFigure::new("Picture + perturbation", "--figure", move || {
        let (map, limit) = Heatmap::default().draw(&perturbation, &gradient);
        attack_sum(&facts, &before, &Arc::new(map), limit, &after)
    })
}

fn facts(shown: &Shown) -> AttackFacts {
    let view = &shown.view;
    let source = if matches!(view.label, Label::Given(_)) { "given" } else { "the net's own answer" };
    let label = format!("\"{}\" ({source})", shown.label.name);
    let class = |index: usize| shown.model.classes.get(index).cloned().unwrap_or_default();
    AttackFacts {
        picture: match &view.picture {
            Source::File(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            Source::Sample(name) | Source::Memory { name, .. } => name.clone(),
        },
        model: shown.model.title.clone(),
        attack: words::attack(&view.attack),
        goal: match view.goal {
            Goal::Untargeted => format!("away from {label}"),
            Goal::Targeted(target) => format!("from {label} towards \"{}\"", class(target)),
        },
        fgsm_sign: view.is_fgsm().then_some(sign(shown)),
        rules: view.rules(),
        command: words::command_of(shown).ok().map(|(line, _)| line),
    }
}

fn sign(shown: &Shown) -> i8 {
    if shown.view.goal == Goal::Untargeted { 1 } else { -1 }
}

fn step(eps: Option<f32>, picture: &Arc<Rgba>, guess: Option<&Guess>) -> Step {
    let (class, probability) = guess.map_or((String::new(), 0.0), |guess| (guess.name.clone(), guess.prob));
    Step { eps, picture: picture.clone(), class, probability }
}

/// Returns where the curve is looked at: ε of FGSM, and the largest change of a pixel of other attacks.
fn at(shown: &Shown) -> f32 {
    if shown.view.is_fgsm() { shown.view.eps } else { shown.linf }
}

/// Offers the pictures on the way of FGSM at points of the curve, where the net was asked about them.
fn rising(shown: &Shown, along: &Along) -> Option<OfferedFigure> {
    let top = at(shown);
    if !shown.view.is_fgsm() || shown.own_pixels || top <= 0.0 {
        return None;
    }
    let nearest = |wanted: f32| {
        (0..along.eps.len()).min_by(|&a, &b| {
            let distance = |at: usize| (along.eps[at] - wanted).abs();
            distance(a).total_cmp(&distance(b))
        })
    };
    let wanted = (0..STEPS).map(|number| top * number as f32 / (STEPS - 1) as f32);
    let mut points: Vec<usize> = wanted.filter_map(nearest).filter(|&point| along.eps[point] >= 0.0).collect();
    points.dedup();
    let answers: Vec<(f32, Guess)> =
        points.iter().map(|&point| (along.eps[point], answer(shown, along, point))).collect();
    let (facts, sign) = (AttackFacts { command: None, ..facts(shown) }, f32::from(sign(shown)));
    let (original, gradient, rules) = (shown.original.clone(), shown.gradient.clone(), shown.view.rules());
    Some(OfferedFigure::new("Pictures of rising ε", "", move || {
        let moved = |eps: f32| -> Planes {
            let step = |g: f32| if g == 0.0 { 0.0 } else { sign * g.signum() };
            let values = original.values.iter().zip(&gradient.values).map(|(x, g)| x + eps * step(*g));
            let clipped = values.map(|value| rules.bounds.map_or(value, |bounds| value.clamp(bounds.min, bounds.max)));
            original.with_values(clipped.collect())
        };
        let step = |(eps, guess): &(f32, Guess)| step(Some(*eps), &Rgba::from_planes(&moved(*eps)).into(), Some(guess));
        attack_steps(&facts, &answers.iter().map(step).collect::<Vec<_>>())
    }))
}

/// Returns the class that leads among those of the curve at one of its points.
fn answer(shown: &Shown, along: &Along, point: usize) -> Guess {
    let lead = along.lines.iter().max_by(|a, b| a.probabilities[point].total_cmp(&b.probabilities[point]));
    let (index, prob) = lead.map_or((0, 0.0), |line| (line.class, line.probabilities[point]));
    Guess { index, name: shown.model.classes.get(index).cloned().unwrap_or_default(), prob }
}

fn curve(shown: &Shown, along: &Along) -> OfferedFigure {
    let (facts, top) = (facts(shown), at(shown));
    let whole = along.eps.last().copied().unwrap_or(top);
    let reach = if top > 0.0 { (BEYOND * top).min(whole) } else { whole };
    let inside: Vec<usize> = (0..along.eps.len()).filter(|&point| along.eps[point].abs() <= reach).collect();
    let eps: Vec<f32> = inside.iter().map(|&point| along.eps[point]).collect();
    let line = |line: &crate::worker::ClassLine| ClassLine {
        class: shown.model.classes.get(line.class).cloned().unwrap_or_default(),
        probabilities: inside.iter().map(|&point| line.probabilities[point]).collect(),
    };
    let classes: Vec<ClassLine> = along.lines.iter().map(line).collect();
    OfferedFigure::new("Answers against ε", "--figure-of curve --figure", move || {
        eps_curve(&facts, &eps, &classes, (top > 0.0).then_some(top))
    })
}

/// Offers the maps on screen, as fine as they are.
fn church(shell: &Shell, shown: &Shown) -> Option<OfferedFigure> {
    let (church, _) = shell.why.church(shown).filter(|(_, is_current)| *is_current && shell.settings.why.has_map)?;
    let mapped = |net: &NetMap| MappedNet {
        name: net.title.clone(),
        classes: net.classes.clone(),
        map: net.map.clone(),
        places: net.names.clone(),
    };
    let nets: Vec<MappedNet> = church.maps().map(mapped).collect();
    let map = &nets.first()?.map;
    let mut attack = facts(shown);
    if let Some(command) = &mut attack.command {
        let (reach, side, seed) = (map.reach, map.side, church.wish.seed);
        command.push_str(&format!(" --figure-of church-window --reach {reach} --map-side {side} --plane-seed {seed}"));
        if let (Some(name), true) = (&church.wish.second, nets.len() > 1) {
            command.push_str(&format!(" --other {}", quoted(name)));
        }
    }
    if church.is_one_step() {
        attack.fgsm_sign = Some(sign(shown));
    }
    let (label, at) = (church.label.clone(), church.place(shown));
    let facts = PlaneFacts { attack, norm: church.norm(), seed: church.wish.seed, label, at };
    Some(OfferedFigure::new("Church window", "--figure", move || church_window(&facts, &nets)))
}
