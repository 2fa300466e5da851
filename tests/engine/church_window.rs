//! Church windows against what is known of them: the straight boundary of a linear net, the attack itself, and the net
//! asked point by point.

use std::sync::Arc;

use doppelganger::engine::attack::{
    AttackInput, AttackSettings, Baseline, ChurchWindow, ClassMap, DeepFool, Fgsm, Goal, Label, Loss, MAP_SIDES, Norm,
    Pgd, Plane, Rules,
};
use doppelganger::engine::data::sample;
use doppelganger::engine::model::{Catalogue, Model, argmax};
use doppelganger::engine::picture::Planes;

use crate::attacks::{hidden, linear, random};

const INPUTS: usize = 24;

fn row(values: Vec<f32>) -> AttackInput {
    AttackInput::from(Planes { channels: 1, height: 1, width: values.len(), values })
}

/// Computes maps up to the finest, `count` points at a time, and returns all of them.
fn maps(
    model: &Model,
    input: &AttackInput,
    plane: &Arc<Plane>,
    reach: f32,
    rules: Rules,
    count: usize,
) -> Vec<ClassMap> {
    let mut window = ChurchWindow::new(plane.clone(), reach, rules).unwrap();
    let mut maps = Vec::new();
    while window.left() > 0 {
        if window.advance(model, input, count).unwrap() {
            maps.push(window.map().unwrap());
        }
    }
    assert!(!window.advance(model, input, count).unwrap(), "nothing is left to do");
    maps
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

#[test]
fn the_boundary_of_a_linear_net_is_a_straight_line() {
    let unclipped = Rules { bounds: None, ..Rules::default() };
    let weights = random(INPUTS, -1.0..1.0, 3);
    let x = random(INPUTS, 0.0..1.0, 4);
    let (model, input) = (linear(&weights, 0.1), row(x.clone()));
    let score = dot(&weights, &x) + 0.1;
    for norm in Norm::ALL {
        // Towards the boundary, but not straight, so that the line lies askew.
        let way: Vec<f32> = weights
            .iter()
            .enumerate()
            .map(|(i, w)| if i % 3 == 0 { 0.2 } else { -w * score.signum() as f32 })
            .collect();
        let plane = Arc::new(Plane::new(&way, norm, 8).unwrap());
        let (along, across) = (dot(&weights, &plane.along), dot(&weights, &plane.across));
        let reach = 1.6 * (score / along).abs() as f32;
        let maps = maps(&model, &input, &plane, reach, unclipped, 500);
        let map = maps.last().unwrap();
        assert_eq!(map.counts().len(), 2, "{norm:?}: the boundary runs through the square");
        for (at, cell) in map.cells.iter().enumerate() {
            let [b, a] = [-map.coordinate(at / map.side), map.coordinate(at % map.side)].map(f64::from);
            let exact = score + a * along + b * across;
            if exact.abs() > 1e-4 {
                assert_eq!(cell.class, usize::from(exact > 0.0), "{norm:?} at ({a}, {b})");
                let probability = 1.0 / (1.0 + (-exact.abs()).exp());
                assert!((f64::from(cell.probability) - probability).abs() < 1e-5, "{norm:?} at ({a}, {b})");
            }
        }
        // Each row changes its class where the line crosses it.
        let step = f64::from(map.coordinate(1) - map.coordinate(0));
        for row in 0..map.side {
            let crossing = -(score - f64::from(map.coordinate(row)) * across) / along;
            let classes = &map.cells[row * map.side..(row + 1) * map.side];
            let changes: Vec<usize> = (1..map.side).filter(|at| classes[*at].class != classes[at - 1].class).collect();
            if crossing.abs() < f64::from(reach) - step {
                let change = f64::from(map.coordinate(changes[0]));
                assert!(changes.len() == 1 && (change - crossing - step / 2.0).abs() < step, "{norm:?}, row {row}");
            }
        }
    }
}

#[test]
fn coarse_maps_are_parts_of_fine_ones_whatever_the_batch() {
    let (model, input) = (hidden(), row(random(INPUTS, 0.0..1.0, 21)));
    let plane = Arc::new(Plane::new(&random(INPUTS, -1.0..1.0, 22), Norm::Linf, 1).unwrap());
    let of = |count| maps(&model, &input, &plane, 0.8, Rules::default(), count);
    let all = of(1);
    assert_eq!(all.iter().map(|map| map.side).collect::<Vec<_>>(), MAP_SIDES);
    assert!(all[4].counts().len() > 1);
    for pair in all.windows(2) {
        let [coarse, fine] = pair else { unreachable!() };
        for (at, cell) in coarse.cells.iter().enumerate() {
            let (row, column) = (at / coarse.side, at % coarse.side);
            assert_eq!(*cell, fine.cells[2 * row * fine.side + 2 * column]);
            assert!((coarse.coordinate(column) - fine.coordinate(2 * column)).abs() < 1e-6);
        }
    }
    for count in [7, 1000, usize::MAX] {
        assert_eq!(of(count), all, "{count} at a time");
    }
}

#[test]
fn the_point_at_epsilon_is_the_answer_of_the_attack() {
    let model = Arc::new(Catalogue::new(Vec::new()).load("digits_maxout").unwrap());
    let picture = model.fit(&sample("digit-7").unwrap().picture().unwrap()).unwrap();
    let l2 = Pgd { norm: Norm::L2, steps: 5, step_size: None, random_start: false, restarts: 1 };
    let attacks: [(AttackSettings, f32); 5] = [
        (Fgsm { norm: Norm::Linf }.into(), 0.1),
        (Fgsm { norm: Norm::L2 }.into(), 1.5),
        (Pgd { norm: Norm::Linf, ..l2 }.into(), 0.1),
        (l2.into(), 1.0),
        (DeepFool::default().into(), 0.0),
    ];
    for goal in [Goal::Untargeted, Goal::Targeted(3)] {
        let baseline =
            Baseline::new(&model, Arc::new(picture.clone()), Label::Predicted, goal, Loss::CrossEntropy).unwrap();
        for (attack, eps) in &attacks {
            for rules in [Rules::default(), Rules { bounds: None, ..Rules::default() }] {
                let problem = baseline.problem(&model, rules).unwrap().with_eps(&[*eps]).unwrap();
                let attacked = baseline.attacked(&**attack, &problem).unwrap();
                let norm = attack.norm();
                let plane = Plane::new(&Plane::way(attack, &baseline, &attacked), norm, 5).unwrap();
                let is_one_step = matches!(attack, AttackSettings::Fgsm(_));
                let at = if is_one_step { *eps } else { norm.length(&attacked.perturbation.values) };
                let map = maps(&model, &baseline.input, &Arc::new(plane), 2.0 * at, rules, 999).remove(1);
                let cell = map.at(at, 0.0).unwrap();
                assert_eq!(cell.class, argmax(&attacked.probabilities), "{attack} {goal:?}");
                let probability = attacked.probabilities[cell.class];
                assert!((cell.probability - probability).abs() < 1e-3, "{attack}: {} {probability}", cell.probability);
                let clean = map.at(0.0, 0.0).unwrap();
                assert_eq!(clean.class, 7);
                assert!((clean.probability - baseline.probabilities[7]).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn points_are_clipped_and_rounded_as_the_rules_say() {
    let (model, x) = (hidden(), random(INPUTS, 0.0..1.0, 31));
    let plane = Arc::new(Plane::new(&random(INPUTS, -1.0..1.0, 32), Norm::L2, 2).unwrap());
    let rules = Rules { eight_bit: true, ..Rules::default() };
    let map = maps(&model, &row(x.clone()), &plane, 3.0, rules, 64).remove(2);
    for (at, cell) in map.cells.iter().enumerate().step_by(7) {
        let (a, b) = (map.coordinate(at % map.side), -map.coordinate(at / map.side));
        let ways = plane.along.iter().zip(&plane.across);
        let moved = x.iter().zip(ways).map(|(x, (u, v))| ((x + a * u + b * v).clamp(0.0, 1.0) * 255.0).round() / 255.0);
        let probabilities = model.probabilities(&row(moved.collect()).pixels).unwrap();
        assert!((cell.probability - probabilities[cell.class]).abs() < 1e-4, "({a}, {b})");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let plane = Arc::new(Plane::new(&[1.0, -1.0, 1.0], Norm::Linf, 0).unwrap());
    let mut window = ChurchWindow::new(plane, 0.1, Rules::default()).unwrap();
    assert!(window.map().is_none());
    let error = window.advance(&hidden(), &row(random(INPUTS, 0.0..1.0, 1)), 5).unwrap_err().to_string();
    assert!(error.contains("a plane of 3 values for a picture of 24"), "{error}");

    let input = row(random(INPUTS, 0.0..1.0, 1));
    assert!(input.seen_by(&hidden()).is_ok());
    let Err(error) = input.seen_by(&linear(&[1.0, 2.0], 0.0)) else { panic!("it has another input") };
    assert!(error.to_string().contains("test sees other pixels"), "{error}");
}
