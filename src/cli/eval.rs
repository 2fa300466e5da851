//! `doppelganger eval`: a net on a whole set of pictures.

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::progress::ProgressLine;
use super::{LossArgument, eps_argument, interrupt, print, print_json};
use crate::engine::attack::Loss;
use crate::engine::data::{DataSource, Split};
use crate::engine::eval::{Evaluation, Plan, evaluate};
use crate::engine::model::Catalogue;
use crate::engine::units::describe_eps;
use crate::engine::{Error, Result};

#[derive(Args)]
pub struct EvalArgs {
    /// A name from "doppelganger models", or the path of a manifest
    #[arg(long, value_name = "NAME|MANIFEST")]
    model: String,
    /// A folder with the IDX files of a test set (gzipped or not), or with one folder of pictures per class, or a .tar,
    /// .tar.gz or .tar.xz of such; or a set by name: mnist, fashion-mnist, drawn:20000
    #[arg(long, value_name = "PATH|SET")]
    data: DataSource,
    /// The attack, always against the true labels
    #[arg(long, value_enum, default_value_t = Attack::Fgsm)]
    attack: Attack,
    /// ε in units of the pixel range [0, 1]: 0.1, or 8/255, or several with commas between
    #[arg(long, value_parser = eps_argument, value_delimiter = ',', required = true, allow_hyphen_values = true)]
    eps: Vec<f32>,
    /// Whose slope to follow
    #[arg(long, value_enum, default_value_t)]
    loss: LossArgument,
    /// Only the first N pictures
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Let pixels leave [0, 1]
    #[arg(long)]
    no_clip: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Attack {
    Fgsm,
}

#[derive(Serialize)]
struct Report {
    model: String,
    attack: &'static str,
    loss: Loss,
    clip: bool,
    n: usize,
    /// Pictures whose gradient is zero everywhere.
    without_gradient: usize,
    /// Pictures of which the net is so sure that rounding hides most of the cross-entropy's gradient.
    saturated: usize,
    clean: Clean,
    attacked: Vec<Attacked>,
}

#[derive(Serialize)]
struct Clean {
    correct: usize,
    error: f64,
}

#[derive(Serialize)]
struct Attacked {
    eps: f32,
    correct: usize,
    error: f64,
    mean_confidence_on_mistakes: Option<f32>,
}

pub fn run(args: &EvalArgs) -> Result<()> {
    let model = Catalogue::from_environment().load(&args.model)?;
    if args.limit == Some(0) {
        return Err(Error::Argument("--limit is 0; expected at least 1 picture to evaluate".into()));
    }
    let data = args.data.open(Split::Test, &model.classes)?;
    interrupt::watch();
    let mut line = ProgressLine::new(true);
    let plan = Plan { eps: args.eps.clone(), clip: !args.no_clip, loss: args.loss.into(), limit: args.limit };
    let evaluation = evaluate(&model, &data, &plan, |done, n| {
        line.draw(&format!("{done} of {n} pictures"), done, n);
        !interrupt::requested()
    });
    line.clear();
    let report = report(args, &evaluation?);
    if args.json { print_json(&report) } else { print(&describe(&report)) }
}

fn report(args: &EvalArgs, evaluation: &Evaluation) -> Report {
    let error = |correct: usize| (evaluation.n - correct) as f64 / evaluation.n as f64;
    Report {
        model: args.model.clone(),
        attack: "fgsm",
        loss: args.loss.into(),
        clip: !args.no_clip,
        n: evaluation.n,
        without_gradient: evaluation.without_gradient,
        saturated: evaluation.saturated,
        clean: Clean { correct: evaluation.clean_correct, error: error(evaluation.clean_correct) },
        attacked: evaluation
            .attacked
            .iter()
            .map(|result| Attacked {
                eps: result.eps,
                correct: result.correct,
                error: error(result.correct),
                mean_confidence_on_mistakes: result.mean_confidence_on_mistakes,
            })
            .collect(),
    }
}

fn describe(report: &Report) -> String {
    let clip = if report.clip { "on" } else { "off" };
    let mut lines = vec![
        format!("{} on {} pictures, true labels; FGSM, clipping {clip}", report.model, report.n),
        format!("{:<44} {:>6.2} % wrong", "untouched", report.clean.error * 100.0),
    ];
    for result in &report.attacked {
        let confidence = result.mean_confidence_on_mistakes;
        let confidence = confidence.map(|c| format!(", mean confidence on mistakes {:.1} %", c * 100.0));
        let confidence = confidence.unwrap_or_default();
        lines.push(format!("ε {:<42} {:>6.2} % wrong{confidence}", describe_eps(result.eps), result.error * 100.0));
    }
    if report.without_gradient > 0 {
        lines.push(format!("{} pictures have no gradient to follow", report.without_gradient));
    }
    if report.saturated > 0 && report.loss == Loss::CrossEntropy {
        lines.push(format!(
            "of {} pictures the net is so sure that rounding hides most of its loss's slope; --loss log-odds follows it all the same",
            report.saturated
        ));
    }
    lines.join("\n")
}
