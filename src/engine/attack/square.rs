use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::parameter::{AttackInfo, Parameter, Scale, Value, norm};
use super::problem::Problem;
use super::run::{Attack, Run, Step, check_steps};
use super::step::clip;
use super::{Measure, Norm, within};
use crate::{Error, Result};

/// The Square attack needs no gradient: it tries squares at random places, smaller and smaller, and keeps what brings the
/// net nearer to another answer. Andriushchenko, Croce, Flammarion, Hein, *Square Attack: a Query-efficient Black-box
/// Adversarial Attack via Random Search*, 2020 (arXiv 1912.00049), algorithms 1 to 3.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Square {
    /// This is L∞ or L2.
    pub norm: Norm,
    /// The number of times that the net is asked; pictures that fool are done.
    pub queries: usize,
    /// The share of the pixels that the first squares cover, above 0 to 1.
    pub share: f32,
}

impl Square {
    /// Returns the member of the ensemble of Croce and Hein.
    pub fn new(norm: Norm) -> Self {
        Self { norm, queries: 5000, share: 0.8 }
    }

    /// Returns the share of the pixels that a square covers at this query: it is halved after so many, as in section 3.1.
    fn share_at(&self, query: usize) -> f32 {
        const HALVED_AFTER: [usize; 9] = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];
        let halvings = HALVED_AFTER.iter().filter(|&&after| query > after).count();
        self.share / 2f32.powi(halvings as i32)
    }
}

impl Attack for Square {
    fn usual() -> Vec<Self> {
        vec![Self::new(Norm::Linf)]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            names: &["square"],
            title: "Square",
            summary: "Random squares of ±ε: needs no gradient, only the net's answers",
            brief: "Random squares, without a gradient: Andriushchenko et al. 2020",
            paper: "Andriushchenko, Croce, Flammarion, Hein 2020, arXiv 1912.00049, algorithms 1 to 3",
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        vec![
            norm(&mut self.norm, &[Norm::Linf, Norm::L2]),
            Parameter {
                label: "Queries",
                tooltip: "How often the net may be asked",
                help: "how often the net may be asked",
                ..Parameter::of("queries", Value::Whole(&mut self.queries, Scale::whole(1.0..=5000.0, 10_000.0)))
            },
            Parameter {
                label: "Share",
                tooltip: "The share of the pixels that the first squares cover",
                help: "the share of the pixels that the first squares cover",
                placeholder: "SHARE",
                is_terse: true,
                ..Parameter::of("share", Value::Real(&mut self.share, Scale::new(0.01..=1.0, 1.0)))
            },
        ]
    }

    fn in_words(&self) -> String {
        format!("in {}, {} queries", self.norm.title(), self.queries)
    }

    fn measure(&self) -> Measure {
        Measure::Norm(self.norm)
    }

    fn follows_loss(&self) -> bool {
        false
    }

    fn is_random(&self) -> bool {
        true
    }

    fn is_cut_by_steps(&self) -> bool {
        false
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        check_steps(self.queries, "queries")?;
        if !(self.share > 0.0 && self.share <= 1.0) {
            return Err(Error::Argument(format!("the share is {}; expected above 0 to 1 of the pixels", self.share)));
        }
        if self.norm == Norm::L1 {
            return Err(Error::Argument("this attack has no L1 form; expected the norm linf or l2".into()));
        }
        Ok(Box::new(RandomSearch {
            generators: (0..problem.len()).map(|i| problem.generator(i)).collect(),
            open: None,
            margins: vec![f32::INFINITY; problem.len()],
            at: problem.x.to_vec(),
            done: 0,
            problem: problem.clone(),
            settings: *self,
        }))
    }
}

struct RandomSearch {
    problem: Problem,
    settings: Square,
    generators: Vec<ChaCha8Rng>,
    /// The net does not answer these pictures as the attack wants yet; they are known from the first step on.
    open: Option<Vec<usize>>,
    /// The least margins so far, and where they were.
    margins: Vec<f32>,
    at: Vec<f32>,
    done: usize,
}

impl Run for RandomSearch {
    fn advance(&mut self) -> Result<Option<Step<'_>>> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.problem.movable()?,
        };
        if open.is_empty() || self.done == self.settings.queries {
            self.open = Some(open);
            return Ok(None);
        }
        let (problem, settings, size, done) = (&self.problem, &self.settings, self.problem.size(), self.done);
        let is_open = |i: &usize| open.binary_search(i).is_ok();
        let tried = self.generators.par_iter_mut().enumerate().filter(|(i, _)| is_open(i)).map(|(i, rng)| {
            let (at, x) = (&self.at[i * size..][..size], &problem.x[i * size..][..size]);
            let picture = Picture { axes: problem.axes(), x, eps: problem.eps[i] };
            let mut next = match (settings.norm, done) {
                (Norm::Linf | Norm::L1, 0) => picture.stripes(rng),
                (Norm::Linf | Norm::L1, _) => picture.with_square(at, settings.share_at(done - 1), rng),
                (Norm::L2, 0) => picture.tiled(rng),
                (Norm::L2, _) => picture.with_bumps_moved(at, settings.share_at(done - 1), rng),
            };
            within(settings.norm, &mut next, x, problem.eps[i], problem.rules.bounds);
            clip(&mut next, problem.rules.bounds);
            next
        });
        let tried: Vec<Vec<f32>> = tried.collect();
        let logits = problem.logits(&tried.concat())?;
        let mut left = Vec::with_capacity(open.len());
        for ((i, next), logits) in open.into_iter().zip(tried).zip(logits.chunks(problem.classes())) {
            let margin = problem.margin(i, logits).value;
            let fooled = problem.fooled(i, logits);
            if fooled || margin < self.margins[i] || done == 0 {
                self.margins[i] = margin;
                self.at[i * size..(i + 1) * size].copy_from_slice(&next);
            }
            if !fooled {
                left.push(i);
            }
        }
        self.open = Some(left);
        self.done += 1;
        Ok(Some(Step { number: self.done, of: self.settings.queries, pictures: &self.at }))
    }

    fn result(&self) -> &[f32] {
        &self.at
    }
}

/// This is an untouched picture, and how far it may move.
struct Picture<'a> {
    axes: [usize; 3],
    x: &'a [f32],
    eps: f32,
}

/// This is a square of a picture.
#[derive(Clone, Copy)]
struct Window {
    top: usize,
    left: usize,
    side: usize,
}

impl Window {
    fn draw([_, height, width]: [usize; 3], side: usize, rng: &mut impl Rng) -> Self {
        let side = side.min(height).min(width);
        Self { top: rng.random_range(0..=height - side), left: rng.random_range(0..=width - side), side }
    }

    /// Returns the places of its values in one channel of a picture of this width, row by row.
    fn places(self, width: usize) -> impl Iterator<Item = usize> {
        let Self { top, left, side } = self;
        (top..top + side).flat_map(move |row| (left..left + side).map(move |column| row * width + column))
    }
}

fn sign(rng: &mut impl Rng) -> f32 {
    if rng.random() { 1.0 } else { -1.0 }
}

impl Picture<'_> {
    /// Returns the side of a square that covers this share of the pixels.
    fn side(&self, share: f32, least: usize) -> usize {
        let [_, height, width] = self.axes;
        ((share * (height * width) as f32).sqrt().round() as usize).max(least)
    }

    /// Returns the picture with columns of ±ε, where the search in L∞ begins.
    fn stripes(&self, rng: &mut impl Rng) -> Vec<f32> {
        let [channels, height, width] = self.axes;
        let signs: Vec<f32> = (0..channels * width).map(|_| sign(rng)).collect();
        let moved = |(place, x): (usize, &f32)| x + self.eps * signs[place / (height * width) * width + place % width];
        self.x.iter().enumerate().map(moved).collect()
    }

    /// Returns `at` with a square in which every channel is at the bound of ±ε: algorithm 2.
    fn with_square(&self, at: &[f32], share: f32, rng: &mut impl Rng) -> Vec<f32> {
        let [channels, height, width] = self.axes;
        let window = Window::draw(self.axes, self.side(share, 1), rng);
        let mut next = at.to_vec();
        for channel in 0..channels {
            let offset = self.eps * sign(rng);
            for place in window.places(width).map(|place| channel * height * width + place) {
                next[place] = self.x[place] + offset;
            }
        }
        next
    }

    /// Returns the picture with bumps of either sign in tiles, of length ε, where the search in L2 begins.
    fn tiled(&self, rng: &mut impl Rng) -> Vec<f32> {
        let [channels, height, width] = self.axes;
        let side = (height.min(width) / 5).max(1);
        let mut delta = vec![0.0; self.x.len()];
        for channel in delta.chunks_mut(height * width).take(channels) {
            for top in (0..=height - side).step_by(side) {
                for left in (0..=width - side).step_by(side) {
                    let sign = sign(rng);
                    let window = Window { top, left, side };
                    window.places(width).zip(bump(side, rng)).for_each(|(place, value)| channel[place] = sign * value);
                }
            }
        }
        self.of_length_eps(&delta)
    }

    /// Returns `at` with what a second window holds moved to a first one, with another bump: algorithm 3.
    fn with_bumps_moved(&self, at: &[f32], share: f32, rng: &mut impl Rng) -> Vec<f32> {
        let [channels, height, width] = self.axes;
        let (area, side) = (height * width, self.side(share, 3) | 1);
        let (to, from) = (Window::draw(self.axes, side, rng), Window::draw(self.axes, side, rng));
        let mut delta: Vec<f32> = at.iter().zip(self.x).map(|(at, x)| at - x).collect();
        let squares = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v) * f64::from(v)).sum::<f64>();
        let unused = (f64::from(self.eps).powi(2) - squares(&mut delta.iter().copied())).max(0.0) / channels as f64;
        let pattern = bump(to.side, rng);
        for channel in delta.chunks_mut(area).take(channels) {
            let sign = sign(rng);
            let old: Vec<f32> = to.places(width).map(|place| channel[place]).collect();
            let old_length = squares(&mut old.iter().copied()).sqrt();
            let moved: Vec<f64> = old
                .iter()
                .zip(&pattern)
                .map(|(old, bump)| f64::from(sign * bump) + f64::from(*old) / (1e-12 + old_length))
                .collect();
            let of_both = from.places(width).chain(to.places(width).filter(|&place| !from.holds(place, width)));
            let budget = (unused + squares(&mut of_both.map(|place| channel[place]))).sqrt();
            let length = moved.iter().map(|v| v * v).sum::<f64>().sqrt() + 1e-12;
            from.places(width).for_each(|place| channel[place] = 0.0);
            to.places(width).zip(moved).for_each(|(place, value)| channel[place] = (value / length * budget) as f32);
        }
        self.of_length_eps(&delta)
    }

    fn of_length_eps(&self, delta: &[f32]) -> Vec<f32> {
        let scale = self.eps / Norm::L2.length(delta).max(f32::MIN_POSITIVE);
        self.x.iter().zip(delta).map(|(x, delta)| x + scale * delta).collect()
    }
}

impl Window {
    fn holds(self, place: usize, width: usize) -> bool {
        let (row, column) = (place / width, place % width);
        (self.top..self.top + self.side).contains(&row) && (self.left..self.left + self.side).contains(&column)
    }
}

/// Returns a square of length 1 whose halves have opposite signs, with the largest values in their middle: section 3.4.
/// By chance it lies on its side.
fn bump(side: usize, rng: &mut impl Rng) -> Vec<f32> {
    let half = side / 2;
    let mut values = hill(half, side);
    values.extend(hill(side - half, side).into_iter().map(|value| -value));
    let length = Norm::L2.length(&values).max(f32::MIN_POSITIVE);
    values.iter_mut().for_each(|value| *value /= length);
    if rng.random() {
        return values;
    }
    (0..side * side).map(|place| values[place % side * side + place / side]).collect()
}

/// Returns a rectangle of length 1 that grows towards its middle: rectangles about it lie on one another, each weighing
/// 1/k² where k counts them from the innermost.
fn hill(rows: usize, columns: usize) -> Vec<f32> {
    let mut values = vec![0.0; rows * columns];
    let [middle_row, middle_column] = [rows / 2, columns / 2];
    for k in 0..=middle_row.max(middle_column) {
        let weight = 1.0 / ((k + 1) * (k + 1)) as f32;
        for row in middle_row.saturating_sub(k)..(middle_row + k + 1).min(rows) {
            for column in middle_column.saturating_sub(k)..(middle_column + k + 1).min(columns) {
                values[row * columns + column] += weight;
            }
        }
    }
    let length = Norm::L2.length(&values).max(f32::MIN_POSITIVE);
    values.iter_mut().for_each(|value| *value /= length);
    values
}
