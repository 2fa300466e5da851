use serde::{Deserialize, Serialize};

use super::apgd::{Apgd, Objective};
use super::fab::Fab;
use super::parameter::{AttackInfo, Parameter, norm};
use super::run::{Attack, MemberUnderWay, Run, Step};
use super::square::Square;
use super::{Measure, Norm, Problem, within};
use crate::{Error, Result};

/// AutoAttack is the worst of four attacks without parameters of their own: each is made on the pictures that withstood
/// those before it. Croce, Hein, *Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free
/// Attacks*, 2020 (arXiv 2003.01690), section 5; this is its standard version.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AutoAttack {
    /// This is L∞ or L2.
    pub norm: Norm,
}

/// One of the attacks of the ensemble.
#[derive(Clone, Copy)]
enum Member {
    Apgd(Apgd),
    Fab(Fab),
    Square(Square),
}

impl Member {
    fn start(self, problem: &Problem) -> Result<Box<dyn Run>> {
        match self {
            Self::Apgd(apgd) => apgd.start(problem),
            Self::Fab(fab) => fab.start_within_eps(problem),
            Self::Square(square) => square.start(problem),
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Apgd(apgd) => apgd.info().title,
            Self::Fab(fab) => fab.info().title,
            Self::Square(square) => square.info().title,
        }
    }

    /// Returns the most steps that it can take, for each of up to nine targets where it goes through some.
    fn steps(self, problem: &Problem) -> usize {
        let others = problem.classes() - 1;
        let rounds = |targets: usize| if problem.targets.is_some() { 1 } else { targets.min(others) };
        match self {
            Self::Apgd(Apgd { steps, objective: Objective::TargetedDlr { targets }, .. }) => steps * rounds(targets),
            Self::Apgd(Apgd { steps, .. }) => steps,
            Self::Fab(Fab { steps, targets, .. }) => steps * rounds(targets),
            Self::Square(Square { queries, .. }) => queries,
        }
    }
}

impl AutoAttack {
    fn members(self) -> Vec<Member> {
        let Self { norm } = self;
        vec![
            Member::Apgd(Apgd::new(norm, Objective::Loss)),
            Member::Apgd(Apgd::new(norm, Objective::TargetedDlr { targets: 9 })),
            Member::Fab(Fab::new(norm)),
            Member::Square(Square::new(norm)),
        ]
    }
}

impl Attack for AutoAttack {
    fn usual() -> Vec<Self> {
        vec![Self { norm: Norm::Linf }]
    }

    fn info(&self) -> &'static AttackInfo {
        &AttackInfo {
            names: &["autoattack", "aa"],
            title: "AutoAttack",
            summary: "The worst of Auto-PGD, targeted Auto-PGD, targeted FAB and Square: the number that papers report",
            brief: "The standard ensemble of four attacks: Croce and Hein 2020",
            paper: "Croce, Hein 2020, arXiv 2003.01690, section 5",
        }
    }

    fn parameters(&mut self) -> Vec<Parameter<'_>> {
        vec![norm(&mut self.norm, &[Norm::Linf, Norm::L2])]
    }

    fn in_words(&self) -> String {
        format!("in {}, standard version", self.norm.title())
    }

    fn measure(&self) -> Measure {
        Measure::Norm(self.norm)
    }

    fn is_random(&self) -> bool {
        true
    }

    fn start(&self, problem: &Problem) -> Result<Box<dyn Run>> {
        if self.norm == Norm::L1 {
            return Err(Error::Argument("AutoAttack has no L1 form here; expected the norm linf or l2".into()));
        }
        Ok(Box::new(Ensemble {
            norm: self.norm,
            members: self.members(),
            next: 0,
            under_way: None,
            open: None,
            at: problem.x.to_vec(),
            best: problem.x.to_vec(),
            problem: problem.clone(),
        }))
    }
}

/// Projections leave perturbations this much longer than ε at most.
const ROUNDING: f32 = 1.0 + 1e-5;

struct Ensemble {
    problem: Problem,
    norm: Norm,
    members: Vec<Member>,
    /// The number of the member that is next, or under way.
    next: usize,
    under_way: Option<Box<dyn Run>>,
    /// These pictures have withstood all members so far; they are known from the first step on.
    open: Option<Vec<usize>>,
    at: Vec<f32>,
    best: Vec<f32>,
}

impl Ensemble {
    /// Returns the pictures that still stand after a member, and takes over those that do not. What does not fool is taken
    /// over as well, unless it is the untouched picture, so that the last attempt can be seen.
    fn judge(&mut self, open: Vec<usize>, found: &[f32]) -> Result<Vec<usize>> {
        let (problem, size) = (&self.problem, self.problem.size());
        let logits = problem.logits(found)?;
        let mut left = Vec::with_capacity(open.len());
        for ((i, logits), found) in open.into_iter().zip(logits.chunks(problem.classes())).zip(found.chunks(size)) {
            let pixels = i * size..(i + 1) * size;
            let perturbation: Vec<f32> = found.iter().zip(&problem.x[pixels.clone()]).map(|(at, x)| at - x).collect();
            let length = self.norm.length(&perturbation);
            let is_within = length <= problem.eps[i] * ROUNDING;
            if is_within && length > 0.0 {
                self.best[pixels].copy_from_slice(found);
            }
            if !(is_within && problem.fooled(i, logits)) {
                left.push(i);
            }
        }
        Ok(left)
    }

    fn steps_before(&self, member: usize) -> usize {
        self.members[..member].iter().map(|member| member.steps(&self.problem)).sum()
    }
}

impl Run for Ensemble {
    fn advance(&mut self) -> Result<Option<Step<'_>>> {
        let (size, of) = (self.problem.size(), self.steps_before(self.members.len()));
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.problem.movable()?,
        };
        while let Some(&member) = self.members.get(self.next).filter(|_| !open.is_empty()) {
            let mut run = match self.under_way.take() {
                Some(run) => run,
                None => member.start(&self.problem.subset(&open))?,
            };
            if let Some(step) = run.advance()? {
                for (&i, picture) in open.iter().zip(step.pictures.chunks(size)) {
                    let (pixels, problem) = (i * size..(i + 1) * size, &self.problem);
                    let at = &mut self.at[pixels.clone()];
                    at.copy_from_slice(picture);
                    // FAB goes as far as it likes on its way.
                    within(self.norm, at, &problem.x[pixels], problem.eps[i], problem.rules.bounds);
                }
                let number = self.steps_before(self.next) + step.number;
                (self.open, self.under_way) = (Some(open), Some(run));
                return Ok(Some(Step { number, of, pictures: &self.at }));
            }
            open = self.judge(open, run.result())?;
            self.next += 1;
        }
        self.open = Some(open);
        Ok(None)
    }

    fn result(&self) -> &[f32] {
        &self.best
    }

    fn member(&self) -> Option<MemberUnderWay> {
        let member = self.members.get(self.next)?;
        Some(MemberUnderWay { title: member.title(), number: self.next + 1, of: self.members.len() })
    }
}
