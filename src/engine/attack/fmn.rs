use std::f32::consts::PI;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::parameter::{AttackInfo, Parameter, Scale, Value, norm, steps};
use super::problem::{Problem, difference, gather};
use super::run::{Attack, Run, Step, check_positive, check_steps};
use super::step::clip;
use super::{Measure, Norm};
use crate::Result;

/// The fast minimum-norm attack goes up the margin within an ε that it makes smaller wherever the net is fooled, and larger
/// elsewhere, so that it settles on the boundary. Pintor, Roli, Brendel, Biggio, *Fast Minimum-norm Adversarial Attacks
/// through Adaptive Norm Constraints*, 2021 (arXiv 2102.12827), algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fmn {
    pub shortest: Shortest,
    pub steps: usize,
    /// The length in L2 of the first step; steps become shorter by a cosine, down to a hundredth of it.
    pub step_size: f32,
    /// The share γ by which ε changes at first; it falls to 0 by a cosine.
    pub gamma: f32,
}

/// This is what the attack makes small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shortest {
    /// The length of the perturbation in this norm.
    In(Norm),
    /// The number of values that change, L0.
    Count,
}

/// The last step size as a share of the first.
const LAST_STEP: f32 = 0.01;

impl Attack for Fmn {
    fn usual() -> Vec<Self> {
        [Shortest::In(Norm::L2), Shortest::Count]
            .map(|shortest| Self { shortest, steps: 100, step_size: 1.0, gamma: 0.05 })
            .to_vec()
    }

    fn info(&self) -> &'static AttackInfo {
        match self.shortest {
            Shortest::In(_) => &AttackInfo {
                names: &["fmn"],
                title: "Fast minimum norm",
                summary: "The shortest perturbation in L2, L∞ or L1: an ε that shrinks where the net is fooled and grows \
                          elsewhere",
                brief: "The fast minimum-norm attack: Pintor et al. 2021",
                paper: "Pintor, Roli, Brendel, Biggio 2021, arXiv 2102.12827, algorithm 1",
            },
            Shortest::Count => &AttackInfo {
                names: &["fmn-l0"],
                title: "Fewest values",
                summary: "The fewest changed values: the fast minimum-norm attack in L0",
                brief: "The fast minimum-norm attack in L0: Pintor et al. 2021",
                paper: "Pintor, Roli, Brendel, Biggio 2021, arXiv 2102.12827, algorithm 1",
            },
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        let mut parameters = Vec::new();
        if let Shortest::In(in_norm) = &mut self.shortest {
            parameters.push(Parameter { is_terse: false, ..norm(in_norm, &[Norm::Linf, Norm::L2, Norm::L1]) });
        }
        parameters.extend([
            steps(&mut self.steps),
            Parameter {
                label: "First step",
                tooltip: "Length in L2 of the first step; later ones are shorter",
                help: "the length in L2 of the first step; later ones are shorter",
                placeholder: "LENGTH",
                is_terse: true,
                ..Parameter::of("first-step", Value::Real(&mut self.step_size, Scale::new(0.0..=10.0, 1000.0)))
            },
            Parameter {
                label: "γ of ε",
                tooltip: "The share by which ε shrinks or grows in the first step",
                help: "the share by which ε shrinks or grows in the first step",
                placeholder: "SHARE",
                is_terse: true,
                ..Parameter::of("shrink", Value::Real(&mut self.gamma, Scale::new(0.0..=0.5, 1.0)))
            },
        ]);
        parameters
    }

    fn in_words(&self) -> String {
        let measure = match self.shortest {
            Shortest::In(norm) => norm.title(),
            Shortest::Count => "L0",
        };
        format!("in {measure}, {} steps", self.steps)
    }

    fn measure(&self) -> Measure {
        match self.shortest {
            Shortest::In(norm) => Measure::Norm(norm),
            Shortest::Count => Measure::Count,
        }
    }

    fn takes_eps(&self) -> bool {
        false
    }

    fn follows_loss(&self) -> bool {
        false
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        check_steps(self.steps, "steps")?;
        check_positive(self.step_size, "the first step")?;
        check_positive(self.gamma, "γ")?;
        let place = |_| Place { eps: self.shortest.first_eps(), shortest: f32::INFINITY };
        Ok(Box::new(Descent {
            places: (0..problem.len()).map(place).collect(),
            open: None,
            at: problem.x.to_vec(),
            best: problem.x.to_vec(),
            done: 0,
            problem: problem.clone(),
            settings: *self,
        }))
    }
}

impl Shortest {
    /// Returns the ε to begin with: none, but one value where values are counted.
    fn first_eps(self) -> f32 {
        match self {
            Self::In(_) => f32::INFINITY,
            Self::Count => 1.0,
        }
    }

    /// Brings a perturbation to the nearest one whose length is at most ε.
    fn project(self, delta: &mut [f32], eps: f32) {
        let measure = |delta: &[f32], norm: Norm| norm.length(delta);
        match self {
            Self::In(Norm::Linf) => delta.iter_mut().for_each(|d| *d = d.clamp(-eps, eps)),
            Self::In(Norm::L2) => {
                let length = measure(delta, Norm::L2);
                if length > eps {
                    delta.iter_mut().for_each(|d| *d *= eps / length);
                }
            }
            Self::In(Norm::L1) => {
                if measure(delta, Norm::L1) > eps {
                    let less = excess(delta, eps);
                    delta.iter_mut().for_each(|d| *d = d.signum() * (d.abs() - less).max(0.0));
                }
            }
            Self::Count => {
                let keep = eps as usize;
                if keep < delta.len() {
                    let mut order: Vec<usize> = (0..delta.len()).collect();
                    order.select_nth_unstable_by(keep, |&a, &b| {
                        delta[b].abs().total_cmp(&delta[a].abs()).then(a.cmp(&b))
                    });
                    order[keep..].iter().for_each(|&value| delta[value] = 0.0);
                }
            }
        }
    }
}

/// Returns what all values have to lose for their lengths to sum to ε: Duchi, Shalev-Shwartz, Singer, Chandra, *Efficient
/// Projections onto the ℓ1-Ball for Learning in High Dimensions*, 2008, figure 1.
fn excess(delta: &[f32], eps: f32) -> f32 {
    let mut sizes: Vec<f32> = delta.iter().map(|d| d.abs()).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut less) = (0.0f64, 0.0f64);
    for (count, size) in sizes.into_iter().enumerate() {
        sum += f64::from(size);
        let candidate = (sum - f64::from(eps)) / (count + 1) as f64;
        if f64::from(size) <= candidate {
            break;
        }
        less = candidate;
    }
    less.max(0.0) as f32
}

/// This is how far the search for one picture has come.
#[derive(Clone, Copy)]
struct Place {
    eps: f32,
    /// The length of the shortest perturbation that fools.
    shortest: f32,
}

impl Place {
    /// Adapts ε to what the net says at a perturbation of this length, equation 6 and section 2.2; `distance` is that
    /// of the boundary as the slope there shows it.
    fn adapt(&mut self, shortest: Shortest, fooled: bool, length: f32, distance: f32, gamma: f32) {
        let is_count = shortest == Shortest::Count;
        self.eps = match fooled {
            true if is_count => (self.eps - 1.0).min((self.eps * (1.0 - gamma)).floor()).min(self.shortest).max(0.0),
            true => (self.eps * (1.0 - gamma)).min(self.shortest),
            false if is_count => (self.eps + 1.0).max((self.eps * (1.0 + gamma)).floor()),
            false if self.shortest.is_finite() => self.eps * (1.0 + gamma),
            // A net that is shown rounded pictures may hold on at the boundary, where there is no distance to go.
            false => (length + distance).max(length * (1.0 + gamma)),
        };
    }
}

struct Descent {
    problem: Problem,
    settings: Fmn,
    places: Vec<Place>,
    /// The pictures that do not fool from the start; they are known from the first step on.
    open: Option<Vec<usize>>,
    at: Vec<f32>,
    best: Vec<f32>,
    done: usize,
}

impl Run for Descent {
    fn advance(&mut self) -> Result<Option<Step<'_>>> {
        let Fmn { shortest, steps, step_size, gamma } = self.settings;
        let (problem, size, classes) = (&self.problem, self.problem.size(), self.problem.classes());
        let open = match &self.open {
            Some(open) => open,
            None => self.open.insert(problem.standing()?),
        };
        // The last step only looks at where the one before it came to.
        if self.done > steps || open.is_empty() {
            return Ok(None);
        }
        let towards = |row: usize, _: usize, logits: &[f32]| {
            let margin = problem.margin(open[row], logits);
            difference(classes, margin.up, margin.down)
        };
        let (logits, gradients) = problem.gradients(&gather(&self.at, size, open), 1, towards)?;
        let fooled = problem.fooling(&self.at, open, &logits)?;
        let cosine = (1.0 + (PI * self.done as f32 / steps as f32).cos()) / 2.0;
        let (length_of_step, gamma) = (step_size * (LAST_STEP + (1.0 - LAST_STEP) * cosine), gamma * cosine);
        let dual = match shortest {
            Shortest::In(Norm::Linf) => Norm::L1,
            Shortest::In(Norm::L2) | Shortest::Count => Norm::L2,
            Shortest::In(Norm::L1) => Norm::Linf,
        };
        let is_last = self.done == steps;
        let next: Vec<(Place, Option<Vec<f32>>, bool)> = (0..open.len())
            .into_par_iter()
            .map(|row| {
                let i = open[row];
                let pixels = i * size..(i + 1) * size;
                let (x, at, mut place) = (&problem.x[pixels.clone()], &self.at[pixels], self.places[i]);
                let gradient = &gradients[row * size..(row + 1) * size];
                let mut delta: Vec<f32> = at.iter().zip(x).map(|(at, x)| at - x).collect();
                let length = self.settings.measure().length(&delta);
                let is_best = fooled[row] && length < place.shortest;
                if is_best {
                    place.shortest = length;
                }
                if is_last {
                    return (place, None, is_best);
                }
                let margin = problem.margin(i, &logits[row * classes..(row + 1) * classes]).value;
                let distance = margin.abs() / dual.length(gradient);
                let distance = if distance.is_finite() { distance } else { 0.0 };
                place.adapt(shortest, fooled[row], length, distance, gamma);
                let direction = Norm::L2.steepest(gradient);
                delta.iter_mut().zip(direction).for_each(|(delta, d)| *delta += length_of_step * d);
                shortest.project(&mut delta, place.eps);
                let mut moved: Vec<f32> = x.iter().zip(delta).map(|(x, delta)| x + delta).collect();
                clip(&mut moved, problem.rules.bounds);
                (place, Some(moved), is_best)
            })
            .collect();
        for (&i, (place, moved, is_best)) in open.iter().zip(next) {
            let pixels = i * size..(i + 1) * size;
            self.places[i] = place;
            if is_best {
                self.best[pixels.clone()].copy_from_slice(&self.at[pixels.clone()]);
            }
            if let Some(moved) = moved {
                self.at[pixels].copy_from_slice(&moved);
            }
        }
        self.done += 1;
        Ok(Some(Step { number: self.done, of: steps + 1, pictures: &self.at }))
    }

    fn result(&self) -> &[f32] {
        &self.best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projections_are_the_nearest_points() {
        // By Duchi et al.: of (3, −2, .5) less 1.5 each leaves (1.5, −.5, 0), whose lengths sum to 2.
        let mut delta = [3.0, -2.0, 0.5];
        Shortest::In(Norm::L1).project(&mut delta, 2.0);
        assert_eq!(delta, [1.5, -0.5, 0.0]);
        let mut delta = [3.0, -4.0];
        Shortest::In(Norm::L2).project(&mut delta, 1.0);
        assert!((delta[0] - 0.6).abs() < 1e-6 && (delta[1] + 0.8).abs() < 1e-6, "{delta:?}");
        let mut delta = [0.3, -2.0, 0.5, 1.0];
        Shortest::Count.project(&mut delta, 2.0);
        assert_eq!(delta, [0.0, -2.0, 0.0, 1.0]);
        let mut delta = [0.3, -2.0];
        Shortest::In(Norm::Linf).project(&mut delta, 0.5);
        assert_eq!(delta, [0.3, -0.5]);
        for shortest in [Shortest::Count, Shortest::In(Norm::L1), Shortest::In(Norm::L2), Shortest::In(Norm::Linf)] {
            let mut delta = [0.25, -0.25];
            shortest.project(&mut delta, 2.0);
            assert_eq!(delta, [0.25, -0.25], "{shortest:?} keeps what is short enough");
        }
    }
}
