//! An attack on the picture of a view, step by step. What it came to at each step is kept, to be looked at again.

use std::sync::Arc;

use crate::engine::Result;
use crate::engine::attack::{AttackSettings, Baseline, Goal, Problem, Run, Step};
use crate::engine::model::argmax;
use crate::engine::picture::Planes;

/// The most pictures that are kept, and the most room for them in bytes: beyond that every second one goes.
const MOST_FRAMES: usize = 512;
const MOST_BYTES: usize = 512 << 20;

/// This is how far an attack has come.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The step on screen: 0 is the untouched picture.
    pub step: usize,
    /// The steps that were taken, and the most that it takes.
    pub done: usize,
    pub of: usize,
    /// Whether nothing is left to do.
    pub is_over: bool,
    /// Whether the result is on screen. Some attacks keep the best picture, not the last.
    pub is_result: bool,
    /// What the net said on the way, from the untouched picture on; of long attacks not at every step.
    pub moments: Arc<[Moment]>,
}

/// What the net says at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    pub step: usize,
    pub answer: usize,
    /// The probability of the label.
    pub label: f32,
    /// The probability of the target, of a targeted attack.
    pub target: Option<f32>,
}

/// A picture on the way.
#[derive(Clone)]
pub struct Frame {
    step: usize,
    pub pixels: Arc<Planes>,
    pub probabilities: Vec<f32>,
}

pub struct Playback {
    attack: AttackSettings,
    problem: Problem,
    baseline: Arc<Baseline>,
    run: Box<dyn Run>,
    done: usize,
    of: usize,
    /// The pictures from the untouched one on, `stride` steps apart, and the newest.
    frames: Vec<Frame>,
    stride: usize,
    /// The result, once the attack is over.
    result: Option<Frame>,
}

impl Playback {
    /// # Errors
    /// Parameters that the attack cannot have.
    pub fn new(baseline: Arc<Baseline>, attack: &AttackSettings, problem: Problem) -> Result<Self> {
        let untouched =
            Frame { step: 0, pixels: baseline.original.clone(), probabilities: baseline.probabilities.clone() };
        Ok(Self {
            run: attack.start(&problem)?,
            attack: attack.clone(),
            problem,
            baseline,
            done: 0,
            of: 0,
            frames: vec![untouched],
            stride: 1,
            result: None,
        })
    }

    /// Whether it is this attack on this picture.
    pub fn is_of(&self, baseline: &Arc<Baseline>, attack: &AttackSettings, problem: &Problem) -> bool {
        let same = Arc::ptr_eq(&self.baseline, baseline) && self.attack == *attack;
        let is_indifferent = !attack.takes_eps() || self.problem.eps == problem.eps;
        same && self.problem.rules == problem.rules && is_indifferent
    }

    /// Whether there is what a view wants: a step, or without one the result.
    pub fn has(&self, step: Option<usize>) -> bool {
        self.result.is_some() || step.is_some_and(|step| step <= self.done)
    }

    /// Whether no step is left, or none but to take the result.
    pub fn is_ending(&self) -> bool {
        self.result.is_some() || (self.done > 0 && self.done == self.of)
    }

    /// Goes one step on.
    ///
    /// # Errors
    /// Those of the net.
    pub fn advance(&mut self) -> Result<()> {
        let is_kept = (self.done + 1).is_multiple_of(self.stride);
        let pixels = match self.run.advance()? {
            Some(Step { number, of, pictures }) => {
                (self.done, self.of) = (number, of);
                is_kept.then(|| self.problem.shown(pictures))
            }
            None => {
                let pixels = self.problem.shown(self.run.result());
                self.result = Some(self.frame(pixels)?);
                return Ok(());
            }
        };
        if let Some(pixels) = pixels {
            let frame = self.frame(pixels)?;
            self.frames.push(frame);
            self.thin_out();
        }
        Ok(())
    }

    fn frame(&self, pixels: Vec<f32>) -> Result<Frame> {
        if let Some(last) = self.frames.last().filter(|last| last.pixels.values == pixels) {
            return Ok(Frame { step: self.done, ..last.clone() });
        }
        let pixels = Arc::new(self.baseline.original.with_values(pixels));
        let probabilities = self.baseline.input.probabilities(&self.problem.model, &pixels)?;
        Ok(Frame { step: self.done, pixels, probabilities })
    }

    fn thin_out(&mut self) {
        let bytes = self.baseline.original.values.len() * size_of::<f32>();
        while self.frames.len() > MOST_FRAMES.min(MOST_BYTES / bytes.max(1)).max(2) {
            self.stride *= 2;
            let stride = self.stride;
            self.frames.retain(|frame| frame.step.is_multiple_of(stride));
        }
    }

    /// The frame that shows a step: the nearest one before it that is kept; without one the newest, at the end the
    /// result.
    pub fn at(&self, step: Option<usize>) -> &Frame {
        let newest = self.result.as_ref().unwrap_or(&self.frames[self.frames.len() - 1]);
        match step {
            Some(step) if step < self.done || self.result.is_none() => {
                let after = self.frames.partition_point(|frame| frame.step <= step);
                &self.frames[after.saturating_sub(1)]
            }
            _ => newest,
        }
    }

    /// Where it is, with this step on screen.
    pub fn timeline(&self, step: Option<usize>) -> Timeline {
        let frame = self.at(step);
        let is_result = self.result.as_ref().is_some_and(|result| std::ptr::eq(result, frame));
        let target = match self.baseline.goal {
            Goal::Targeted(target) => Some(target),
            Goal::Untargeted => None,
        };
        let moment = |frame: &Frame| Moment {
            step: frame.step,
            answer: argmax(&frame.probabilities),
            label: frame.probabilities[self.baseline.label],
            target: target.map(|target| frame.probabilities[target]),
        };
        Timeline {
            step: step.map_or(frame.step, |step| step.min(self.done)),
            done: self.done,
            of: self.of,
            is_over: self.result.is_some(),
            is_result,
            moments: self.frames.iter().map(moment).collect(),
        }
    }
}

/// The straight line from a picture to what an attack of many steps found.
pub struct Line {
    baseline: Arc<Baseline>,
    attack: AttackSettings,
    /// What was found, and at which ε.
    end: Arc<Planes>,
    pub eps: f32,
    /// The timeline of the attack that found it.
    pub timeline: Timeline,
}

impl Line {
    /// The line to the result of an attack; `None` before it is over, and for attacks of one step, whose every ε
    /// costs no more than a point of the line.
    pub fn through(playback: &Playback) -> Option<Self> {
        let result = playback.result.as_ref()?;
        let eps = *playback.problem.eps.first()?;
        let has_line = playback.of > 1 && playback.attack.takes_eps() && eps > 0.0;
        has_line.then(|| Self {
            baseline: playback.baseline.clone(),
            attack: playback.attack.clone(),
            end: result.pixels.clone(),
            eps,
            timeline: playback.timeline(None),
        })
    }

    /// Tells whether it was found by this attack on this picture.
    pub fn is_of(&self, baseline: &Arc<Baseline>, attack: &AttackSettings) -> bool {
        Arc::ptr_eq(&self.baseline, baseline) && self.attack == *attack
    }

    /// The picture at `x + (ε/ε₀)·δ₀`, where δ₀ was found at ε₀, by the rules of a problem.
    ///
    /// # Errors
    /// Those of the net.
    pub fn at(&self, problem: &Problem, eps: f32) -> Result<Frame> {
        let (original, share) = (&self.baseline.original, eps / self.eps);
        let mut values: Vec<f32> =
            original.values.iter().zip(&self.end.values).map(|(x, end)| x + share * (end - x)).collect();
        if let Some(bounds) = problem.rules.bounds {
            values.iter_mut().for_each(|value| *value = value.clamp(bounds.min, bounds.max));
        }
        let pixels = Arc::new(original.with_values(problem.shown(&values)));
        let probabilities = self.baseline.input.probabilities(&problem.model, &pixels)?;
        Ok(Frame { step: self.timeline.step, pixels, probabilities })
    }
}
