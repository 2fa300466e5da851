//! `doppelganger eval` measures a net on a whole set of pictures.

use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::attack_options::{AttackingArgs, RulesReport, attack_name, budgets, warning_text};
use super::choice::choice;
use super::figure_options::FigureArgs;
use super::progress::{open_data, say_what_is_doubtful, watched};
use super::{check_limit, print, print_json};
use crate::command_line::invocation;
use crate::engine::attack::{AttackSettings, Measure, warnings};
use crate::engine::data::{DataSource, Opening, Split};
use crate::engine::eval::{AttackedResult, EvalPlan, Evaluation, Target, evaluate};
use crate::engine::model::{Catalogue, Model, find_class};
use crate::engine::statistics::wilson_interval;
use crate::engine::units::{counted, parse_eps, per_cent};
use crate::engine::{Error, Result};
use crate::figure::{AttackAt, Conditions, Figure, MeasuredCurve, confidences, confusion, lengths, security_curves};

#[derive(Args)]
pub struct EvalArgs {
    /// A name from "doppelganger models" (run:NAME for a training run), or the path of a manifest or of a run
    #[arg(long, value_name = "NAME|MANIFEST")]
    model: String,
    /// A folder with one folder of pictures per class or with the files of MNIST, its kin or CIFAR; a .tar, .tar.gz,
    /// .tar.xz or .zip of such; a .npz, .mat or .csv of pictures; or a set by name: mnist, fashion-mnist, drawn:20000
    #[arg(long, value_name = "PATH|SET")]
    data: DataSource,
    /// Look for damaged pictures first, and leave them out
    #[arg(long)]
    skip_damaged: bool,
    /// The attack, against the true labels; fgsm if not given
    #[arg(long, value_parser = attack_name(), value_name = "ATTACK")]
    attack: Option<AttackSettings>,
    /// ε in units of the pixel range [0, 1]: 0.1, or 8/255, or several with commas between. With attacks that look for
    /// the shortest perturbation by themselves: count those that are no longer (for jsma: that change no more values)
    #[arg(long, value_parser = parse_eps, value_delimiter = ',', allow_hyphen_values = true)]
    #[arg(required_unless_present = "attack")]
    eps: Vec<f32>,
    /// Move every picture towards this class (index or name), or "next": the class after its own
    #[arg(long, value_name = "CLASS|next")]
    target: Option<String>,
    /// Only N pictures, spread over the classes
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    common: AttackingArgs,
    /// What the figure shows; the last two are of the largest ε, or of the untouched pictures without one
    #[arg(long, value_parser = choice(&FIGURE_OF), default_value = "curve", requires = "figure")]
    #[arg(help_heading = "Figure", value_name = "WHAT")]
    figure_of: FigureOf,
    #[command(flatten)]
    figure: FigureArgs,
}

#[derive(Clone, Copy)]
enum FigureOf {
    Curve,
    Confusion,
    Confidence,
    Lengths,
}

const FIGURE_OF: [(&str, &str, FigureOf); 4] = [
    ("curve", "The accuracy against ε, with 95 % intervals", FigureOf::Curve),
    ("lengths", "How long a perturbation each picture needs, of attacks that find their own", FigureOf::Lengths),
    ("confusion", "Which class is taken for which", FigureOf::Confusion),
    ("confidence", "How sure the net is of its right and its wrong answers", FigureOf::Confidence),
];

#[derive(Serialize)]
struct Report {
    model: String,
    attack: &'static str,
    settings: AttackSettings,
    #[serde(flatten)]
    rules: RulesReport,
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    n: usize,
    without_gradient: usize,
    saturated: usize,
    clean: ErrorCounts,
    attacked: Vec<AttackedCounts>,
    /// The result for perturbations of any length, of attacks that take no ε.
    #[serde(skip_serializing_if = "Option::is_none")]
    unlimited: Option<AttackedCounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<Length>,
    warnings: Vec<String>,
    seconds: f64,
}

#[derive(Serialize)]
struct ErrorCounts {
    correct: usize,
    error: f64,
    error_interval: (f64, f64),
    /// The number of pictures whose right class is among the five most probable ones, for nets of many classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    top5_correct: Option<usize>,
}

#[derive(Serialize)]
struct AttackedCounts {
    eps: Option<f32>,
    #[serde(flatten)]
    counts: ErrorCounts,
    /// The number of pictures that got where the attack was to move them.
    reached: usize,
    mean_confidence_on_mistakes: Option<f32>,
}

/// These are the lengths of the perturbations of pictures that the net had right.
#[derive(Serialize)]
struct Length {
    measure: &'static str,
    /// There is no median where more than half of the pictures are not fooled.
    median: Option<f32>,
    pictures: usize,
    reached: usize,
}

pub fn run(args: &EvalArgs) -> Result<()> {
    let model = Arc::new(Catalogue::from_environment().load(&args.model)?);
    check_limit(args.limit, "evaluate")?;
    let plan = plan(args, &model)?;
    let how = Opening { skips_damaged: args.skip_damaged, ..Opening::default() };
    let data = open_data(&args.data, Split::Test, &model.classes, how)?;
    say_what_is_doubtful(&data, args.limit, &model.manifest);
    let started = Instant::now();
    let evaluation = watched(|line| {
        evaluate(&model, &data, &plan, |reached| line.draw(&reached.to_string(), reached.done, reached.n))
    })?;
    let report = report(args, &plan, &evaluation, started.elapsed().as_secs_f64());
    if args.common.json {
        print_json(&report)?;
        return args.figure.write(|| figure(args, &model, &plan, &evaluation), true);
    }
    model.notes.iter().try_for_each(|note| print(&format!("note: {note}")))?;
    print(&describe(&report))?;
    args.figure.write(|| figure(args, &model, &plan, &evaluation), false)
}

fn figure(args: &EvalArgs, model: &Model, plan: &EvalPlan, found: &Evaluation) -> Result<Figure> {
    let data = args.data.to_string();
    let conditions = Conditions { data, rules: plan.rules, command: Some(invocation()) };
    let curve = MeasuredCurve { net: &args.model, attack: &plan.attack, found };
    let last = found.attacked.last();
    let answers = last.map_or(&found.clean_answers, |last| &last.answers);
    let attack = last.map(|last| AttackAt { attack: &plan.attack, eps: last.eps });
    let net = &args.model;
    match args.figure_of {
        FigureOf::Curve if plan.attack.measure() == Measure::Count => {
            let why = "this attack counts the values that it changes and has no curve against ε";
            Err(Error::Argument(format!("{why}; choose --figure-of lengths")))
        }
        FigureOf::Curve => Ok(security_curves(&[curve], &conditions)),
        FigureOf::Confusion => Ok(confusion(net, attack, answers, &model.classes, &conditions)),
        FigureOf::Confidence => Ok(confidences(net, attack, answers, &conditions)),
        FigureOf::Lengths => lengths(&curve, &conditions).ok_or_else(|| {
            let why = "this attack is given its ε and finds no lengths of its own";
            Error::Argument(format!("{why}; choose --minimal, or another attack such as deepfool"))
        }),
    }
}

fn plan(args: &EvalArgs, model: &Model) -> Result<EvalPlan> {
    let attack = args.common.options.settings(args.attack.as_ref(), &args.eps)?;
    if attack.takes_eps() {
        budgets(&attack, &args.eps)?;
    }
    let target = match args.target.as_deref() {
        None => None,
        Some("next") => Some(Target::Next),
        Some(class) => Some(Target::Class(find_class(&model.classes, class)?)),
    };
    Ok(EvalPlan { attack, eps: args.eps.clone(), rules: args.common.rules(), target, limit: args.limit })
}

fn report(args: &EvalArgs, plan: &EvalPlan, evaluation: &Evaluation, seconds: f64) -> Report {
    let (unlimited, attacked): (Vec<_>, Vec<_>) =
        evaluation.attacked.iter().partition(|result| result.eps.is_infinite());
    let attacked_counts = |result: &AttackedResult| AttackedCounts {
        eps: result.eps.is_finite().then_some(result.eps),
        counts: ErrorCounts::new(result.correct, evaluation.n),
        reached: result.reached,
        mean_confidence_on_mistakes: result.mean_confidence_on_mistakes,
    };
    Report {
        model: args.model.clone(),
        attack: plan.attack.name(),
        settings: plan.attack.clone(),
        rules: plan.rules.into(),
        seed: plan.rules.seed,
        target: args.target.clone(),
        n: evaluation.n,
        without_gradient: evaluation.without_gradient,
        saturated: evaluation.saturated,
        clean: ErrorCounts {
            top5_correct: (evaluation.classes > 10).then_some(evaluation.clean_top5_correct),
            ..ErrorCounts::new(evaluation.clean_correct, evaluation.n)
        },
        attacked: attacked.into_iter().map(attacked_counts).collect(),
        unlimited: unlimited.into_iter().map(attacked_counts).next(),
        length: evaluation.lengths.as_ref().map(|lengths| Length {
            measure: plan.attack.measure().symbol(),
            median: evaluation.median_length().filter(|length| length.is_finite()),
            pictures: lengths.len(),
            reached: lengths.iter().filter(|length| length.is_finite()).count(),
        }),
        warnings: warnings(&[evaluation.curve(&plan.attack, plan.rules.loss)])
            .iter()
            .map(|warning| warning_text(warning))
            .collect(),
        seconds,
    }
}

impl ErrorCounts {
    fn new(correct: usize, n: usize) -> Self {
        let wrong = n - correct;
        let (error, error_interval) = (wrong as f64 / n.max(1) as f64, wilson_interval(wrong, n));
        Self { correct, error, error_interval, top5_correct: None }
    }

    fn describe(&self) -> String {
        let (low, high) = self.error_interval;
        format!("{:>6.2} % wrong ({:.2} to {:.2})", self.error * 100.0, low * 100.0, high * 100.0)
    }
}

fn describe(report: &Report) -> String {
    let towards = report.target.as_ref().map(|target| format!(", towards {target}")).unwrap_or_default();
    let Report { model, settings, seed, .. } = report;
    let (pictures, clipping) = (counted(report.n, "picture"), report.rules.clipping());
    let mut lines = vec![
        format!("{model} on {pictures}, true labels; {settings}{towards}, {clipping}, seed {seed}; 95 % intervals"),
        format!("{:<44} {}", "untouched", report.clean.describe()),
    ];
    if let Some(right) = report.clean.top5_correct {
        let share = 100.0 * right as f64 / report.n.max(1) as f64;
        lines.push(format!("{:<44} {share:>6.2} % have the right class among the first five", ""));
    }
    for result in report.attacked.iter().chain(&report.unlimited) {
        let eps = settings.measure().describe(result.eps.unwrap_or(f32::INFINITY));
        let confidence = result.mean_confidence_on_mistakes;
        let confidence =
            confidence.map(|c| format!(", mean confidence on mistakes {}", per_cent(c))).unwrap_or_default();
        let reached = report.target.as_ref().map(|_| format!(", {} where they should be", result.reached));
        lines.push(format!("{eps:<44} {}{confidence}{}", result.counts.describe(), reached.unwrap_or_default()));
    }
    if let Some(Length { measure, median, pictures, reached }) = &report.length {
        let median = median.map_or("none: more than half are not fooled".into(), |median| format!("{median:.4}"));
        lines.push(format!("median {measure} {median}; {reached} of the {pictures} that were right are fooled"));
    }
    lines.extend(report.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.join("\n")
}
