//! This plays an attack on the picture of a view, step by step, and keeps the picture at each step.

use std::sync::Arc;

use crate::engine::Result;
use crate::engine::attack::{AttackSettings, Baseline, MemberUnderWay, Problem, Run, Step};
use crate::engine::model::argmax;
use crate::engine::picture::Planes;

/// At most this many pictures, and this many bytes of them, are kept: beyond that every second one goes.
const MOST_FRAMES: usize = 512;
const MOST_BYTES: usize = 512 << 20;

/// This is how far an attack has come.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// This step is on screen; 0 is the untouched picture.
    pub step: usize,
    /// The number of steps taken, and the most that the attack takes.
    pub done: usize,
    pub of: usize,
    pub is_over: bool,
    /// Tells whether the result is on screen. Some attacks keep the best picture, not the last.
    pub is_result: bool,
    /// The attack of an ensemble that is under way; `None` once the result is known.
    pub member: Option<MemberUnderWay>,
    /// The net's answers begin with that to the untouched picture; of long attacks not every step has one.
    pub moments: Arc<[Moment]>,
}

/// This is the net's answer at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    pub step: usize,
    pub answer: usize,
    /// These are the probabilities of the label and of the target, if there is one.
    pub label: f32,
    pub target: Option<f32>,
}

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
    /// These are the pictures from the untouched one on, `stride` steps apart, and the newest.
    frames: Vec<Frame>,
    stride: usize,
    result: Option<Frame>,
}

impl Playback {
    /// Goes on with a known attack if it is this one on this picture, and begins it otherwise.
    pub fn resumed(
        known: Option<Self>,
        baseline: &Arc<Baseline>,
        attack: &AttackSettings,
        problem: Problem,
    ) -> Result<Self> {
        if let Some(known) = known.filter(|known| known.is_of(baseline, attack, &problem)) {
            return Ok(known);
        }
        let untouched =
            Frame { step: 0, pixels: baseline.original.clone(), probabilities: baseline.probabilities.clone() };
        Ok(Self {
            run: attack.start(&problem)?,
            attack: attack.clone(),
            problem,
            baseline: baseline.clone(),
            done: 0,
            of: 0,
            frames: vec![untouched],
            stride: 1,
            result: None,
        })
    }

    fn is_of(&self, baseline: &Arc<Baseline>, attack: &AttackSettings, problem: &Problem) -> bool {
        let has_same_eps = !attack.takes_eps() || self.problem.eps == problem.eps;
        let is_same_attack = Arc::ptr_eq(&self.baseline, baseline) && self.attack == *attack;
        is_same_attack && has_same_eps && self.problem.rules == problem.rules
    }

    /// Tells whether the wanted step was taken, or without one whether the result is known.
    pub fn has(&self, step: Option<usize>) -> bool {
        self.result.is_some() || step.is_some_and(|step| step <= self.done)
    }

    /// Tells whether no step is left but perhaps the one that takes the result.
    pub fn is_ending(&self) -> bool {
        self.result.is_some() || (self.done > 0 && self.done == self.of)
    }

    pub fn advance(&mut self) -> Result<()> {
        let is_kept = (self.done + 1).is_multiple_of(self.stride);
        let Some(Step { number, of, pictures }) = self.run.advance()? else {
            let pixels = self.problem.shown(self.run.result());
            self.result = Some(self.frame(pixels)?);
            return Ok(());
        };
        (self.done, self.of) = (number, of);
        if is_kept {
            let pixels = self.problem.shown(pictures);
            let frame = self.frame(pixels)?;
            self.frames.push(frame);
        }
        let bytes = self.baseline.original.values.len() * size_of::<f32>();
        while self.frames.len() > MOST_FRAMES.min(MOST_BYTES / bytes.max(1)).max(2) {
            self.stride *= 2;
            self.frames.retain(|frame| frame.step.is_multiple_of(self.stride));
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

    /// Returns the nearest frame that is not after a step; without a step the newest, at the end the result.
    pub fn at(&self, step: Option<usize>) -> &Frame {
        match step {
            Some(step) if step < self.done || self.result.is_none() => {
                let after = self.frames.partition_point(|frame| frame.step <= step);
                &self.frames[after.saturating_sub(1)]
            }
            Some(_) | None => self.result.as_ref().unwrap_or(&self.frames[self.frames.len() - 1]),
        }
    }

    /// Returns how far the attack is, with this step on screen.
    pub fn timeline(&self, step: Option<usize>) -> Timeline {
        let frame = self.at(step);
        let moment = |frame: &Frame| Moment {
            step: frame.step,
            answer: argmax(&frame.probabilities),
            label: frame.probabilities[self.baseline.label],
            target: self.baseline.goal.target().map(|target| frame.probabilities[target]),
        };
        Timeline {
            step: step.map_or(frame.step, |step| step.min(self.done)),
            done: self.done,
            of: self.of,
            is_over: self.result.is_some(),
            is_result: self.result.as_ref().is_some_and(|result| std::ptr::eq(result, frame)),
            member: self.run.member().filter(|_| self.result.is_none() && self.done > 0),
            moments: self.frames.iter().map(moment).collect(),
        }
    }
}

/// This is the straight line from a picture to what an attack of many steps found, with the timeline of the attack.
pub struct Line {
    baseline: Arc<Baseline>,
    attack: AttackSettings,
    end: Arc<Planes>,
    pub eps: f32,
    pub timeline: Timeline,
}

impl Line {
    /// Returns the line to the result of an attack that is over; every ε of one step costs no more than a point of it.
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

    pub fn is_of(&self, baseline: &Arc<Baseline>, attack: &AttackSettings) -> bool {
        Arc::ptr_eq(&self.baseline, baseline) && self.attack == *attack
    }

    /// Returns the picture at `x + (ε/ε₀)·δ₀`, where δ₀ was found at ε₀, under the rules of a problem.
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
