//! Runs are compared by one error, each at its own ε or all of them at the same one on test pictures.

use std::path::Path;
use std::sync::Arc;

use clap::Args;

use super::choice::choice;
use super::progress::{open_data, watched};
use crate::engine::attack::Rules;
use crate::engine::data::{Opening, Split};
use crate::engine::eval::{EvalPlan, evaluate};
use crate::engine::model::Catalogue;
use crate::engine::train::{Config, Robustness};
use crate::engine::units::{parse_eps, short};
use crate::engine::{Error, Result};
use crate::figure::{FigureRun, SweepAttack, SweepMeasure};

pub const ATTACKS: [(&str, &str, SweepAttack); 3] = [
    ("fgsm", "One step", SweepAttack::Fgsm),
    ("pgd", "Projected gradient descent", SweepAttack::Pgd),
    ("autoattack", "The standard ensemble, at a common ε only", SweepAttack::AutoAttack),
];

/// These options say by which error drawn runs are compared.
#[derive(Args)]
#[command(next_help_heading = "How runs are compared")]
pub struct MeasureArgs {
    /// The attack whose errors are compared
    #[arg(long, value_parser = choice(&ATTACKS), default_value = "pgd")]
    under: SweepAttack,
    /// Compare the errors at this ε, as `sweep --at-eps` or the window measured them on test pictures; without it each run
    /// counts at its own ε, on the held-out pictures
    #[arg(long = "at-eps", value_parser = parse_eps)]
    at_eps: Option<f32>,
}

impl MeasureArgs {
    /// Returns the measure, which some of these runs must have.
    pub fn measure(&self, runs: &[FigureRun<'_>]) -> Result<SweepMeasure> {
        let measure = measure(self.under, self.at_eps)?;
        if measure.is_common() && runs.iter().all(|run| measure.judge(run).is_none()) {
            let (under, name) = (measure.in_words(), measure.attack.key());
            let eps = short(measure.eps);
            return Err(Error::Argument(format!(
                "none of these runs was measured under {under}; measure them with doppelganger sweep … --at-eps {eps} \
                 --under {name}, or in the sweep of the Train page"
            )));
        }
        Ok(measure)
    }
}

fn measure(attack: SweepAttack, at_eps: Option<f32>) -> Result<SweepMeasure> {
    if attack == SweepAttack::AutoAttack && at_eps.is_none() {
        let why = "AutoAttack is made at one ε for all runs; say which with --at-eps";
        return Err(Error::Argument(why.into()));
    }
    let eps = at_eps.unwrap_or(SweepMeasure::default().eps);
    Ok(SweepMeasure { attack, at_common_eps: at_eps.is_some(), eps })
}

/// These options have the runs of a sweep measured at one ε once they are trained.
#[derive(Args)]
#[command(next_help_heading = "Comparing the trained nets")]
pub struct CommonArgs {
    /// Measure each trained net on test pictures at this ε too, so that runs of different ε can be compared
    #[arg(long = "at-eps", value_parser = parse_eps, conflicts_with = "models")]
    at_eps: Option<f32>,
    /// The attacks of that, with commas between
    #[arg(long, value_parser = choice(&ATTACKS), value_delimiter = ',', default_value = "pgd", requires = "at_eps")]
    under: Vec<SweepAttack>,
    /// The number of pictures of that, the first ones of the test split
    #[arg(long = "test-pictures", value_name = "N", default_value = "500", requires = "at_eps")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    test_pictures: u32,
}

impl CommonArgs {
    /// Returns the measures that are asked for.
    pub fn measures(&self) -> Vec<SweepMeasure> {
        let at = |eps: f32| move |&attack: &SweepAttack| SweepMeasure { attack, at_common_eps: true, eps };
        self.at_eps.map(|eps| self.under.iter().map(at(eps)).collect()).unwrap_or_default()
    }

    /// Measures the net of a run where that was not done before. Returns all that is kept of the run.
    pub fn complete(&self, folder: &Path, config: &Config, epochs: usize) -> Result<Vec<Robustness>> {
        let mut kept = Robustness::read_all(folder);
        let n = self.test_pictures as usize;
        for SweepMeasure { attack, eps, .. } in self.measures() {
            let attack = attack.settings(config.norm);
            let rules = Rules { seed: config.seed, ..Rules::default() };
            let is_known = |kept: &Robustness| {
                let is_of_net = kept.epochs == epochs && kept.n >= n;
                is_of_net && (&kept.attack, kept.eps, kept.seed) == (&attack, eps, rules.seed)
            };
            if kept.iter().any(is_known) {
                continue;
            }
            let model = Arc::new(Catalogue::from_environment().load(&folder.display().to_string())?);
            let how = Opening { skips_damaged: config.skip_damaged, ..Opening::default() };
            let data = open_data(&config.data, Split::Test, &model.classes, how)?;
            let plan = EvalPlan { rules, limit: Some(n), ..EvalPlan::new(attack.clone(), &[eps]) };
            let found = watched(|line| {
                evaluate(&model, &data, &plan, |reached| {
                    line.draw(&format!("{} at ε {}: {reached}", attack.name(), short(eps)), reached.done, reached.n)
                })
            })?;
            if let Some(found) = Robustness::found(&attack, rules.seed, epochs, &found) {
                kept = found.keep(folder)?;
            }
        }
        Ok(kept)
    }
}
