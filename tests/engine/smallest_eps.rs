//! The search for the smallest ε keeps its promises on nets by chance, whose answers change to and fro along the path of
//! one pixel.

use std::sync::Arc;

use doppelganger::engine::attack::{AttackSettings, Fgsm, MinimalEps, Norm, Problem, Rules, finish};
use doppelganger::engine::model::{Model, argmax};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::attacks::model;

const UNITS: usize = 6;
/// Logits closer to each other than this are a tie: the last digits decide.
const TIE: f32 = 1e-4;

/// Logits (0, f) of one pixel, where f is made of straight pieces that these weights join.
fn pieces(weights: &[f32]) -> Arc<Model> {
    let layers = format!(
        r#"{{ kind = "linear", name = "a", in = 1, out = {UNITS} }}, {{ kind = "relu" }},
        {{ kind = "linear", name = "b", in = {UNITS}, out = 2 }}"#
    );
    let (first, rest) = weights.split_at(UNITS);
    let (biases, second) = rest.split_at(UNITS);
    let rows = [&[0.0; UNITS][..], second].concat();
    let params = vec![
        ("a.weight", first.to_vec(), vec![UNITS, 1]),
        ("a.bias", biases.to_vec(), vec![UNITS]),
        ("b.weight", rows, vec![2, UNITS]),
        ("b.bias", vec![0.0, 0.1], vec![2]),
    ];
    model(&layers, 1, 2, params)
}

/// This is a pixel between 0 and 1 that the net is asked about; the label is the net's own answer.
struct Pixel {
    problem: Problem,
    x: f32,
    label: usize,
}

impl Pixel {
    fn new(weights: &[f32], x: f32) -> Self {
        let model = pieces(weights);
        let rules = Rules { bounds: None, ..Rules::default() };
        let problem = |label| Problem::new(Arc::clone(&model), vec![x], vec![label], rules).unwrap();
        let label = argmax(&problem(0).logits(&[x]).unwrap());
        let problem = problem(label);
        Self { problem, x, label }
    }

    /// Returns by how much the answer at ε of FGSM is still the label's; less than 0 where it fools.
    fn margin(&self, eps: f32) -> f32 {
        let problem = self.problem.with_eps(&[eps]).unwrap();
        let moved = finish(&Fgsm { norm: Norm::Linf }, &problem, |_| true).unwrap();
        self.margin_at(&moved)
    }

    fn margin_at(&self, pixel: &[f32]) -> f32 {
        let logits = self.problem.logits(pixel).unwrap();
        logits[self.label] - logits[1 - self.label]
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_smallest_eps_works_and_a_little_less_does_not(
        weights in vec(-3.0_f32..3.0, 3 * UNITS),
        x in 0.0_f32..1.0,
        largest in 0.05_f32..2.0,
        rungs in 1_usize..12,
        bisections in 0_usize..8,
    ) {
        let pixel = Pixel::new(&weights, x);
        let attack = Box::new(AttackSettings::Fgsm(Fgsm { norm: Norm::Linf }));
        let search = MinimalEps { attack, largest, rungs, bisections };
        let mut steps = 0;
        let found = finish(&search, &pixel.problem, |_| { steps += 1; true }).unwrap();
        prop_assert!(steps <= rungs + bisections + 1, "{steps} trials");

        let rung = |k: usize| largest * (k as f32 / rungs as f32);
        let eps = (found[0] - pixel.x).abs();
        if eps == 0.0 {
            for k in 1..=rungs {
                prop_assert!(pixel.margin(rung(k)) > -TIE, "ε = {} fools, and nothing was found", rung(k));
            }
            return Ok(());
        }
        prop_assert!(pixel.margin_at(&found) < TIE, "it does not fool");
        let resolution = rung(1) / (bisections as f32).exp2();
        let less = (eps - resolution).max(0.0);
        prop_assert!(pixel.margin(less) > -TIE, "ε = {less} fools as well as {eps}");
        // The lowest interval of the ladder with a rung that fools is the one that was looked into.
        for k in (1..rungs).filter(|k| rung(*k) < eps - 0.5 * resolution) {
            prop_assert!(pixel.margin(rung(k)) > -TIE, "ε = {} fools, and {eps} was found", rung(k));
        }
        prop_assert!(eps <= largest * 1.001);
    }
}
