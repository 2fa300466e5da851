//! `doppelganger transfer` shows nets the pictures that were made on the others.

use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::attack_options::{AttackingArgs, RulesReport, attack_name, budgets};
use super::figure_options::FigureArgs;
use super::progress::{open_data, say_what_is_doubtful, watched};
use super::{check_limit, print, print_json};
use crate::command_line::invocation;
use crate::engine::attack::AttackSettings;
use crate::engine::data::{DataSource, Opening, Split};
use crate::engine::eval::{EvalPlan, transfer};
use crate::engine::model::Catalogue;
use crate::engine::transfer_table::{Transfer, TransferRow};
use crate::engine::units::{counted, parse_eps};
use crate::engine::{Error, Result};
use crate::figure::{Conditions, transfer as transfer_figure};

#[derive(Args)]
pub struct TransferArgs {
    /// Two nets or more for the same pictures, with commas between: names from "doppelganger models", or paths of
    /// manifests
    #[arg(long, value_name = "NAME|MANIFEST", value_delimiter = ',', required = true)]
    models: Vec<String>,
    /// A test set, as of "doppelganger eval"
    #[arg(long, value_name = "PATH|SET")]
    data: DataSource,
    /// Look for damaged pictures first, and leave them out
    #[arg(long)]
    skip_damaged: bool,
    /// ε in units of the pixel range [0, 1]: 0.1, or 8/255. Attacks that look for the shortest perturbation take none
    #[arg(long, value_parser = parse_eps, allow_hyphen_values = true)]
    eps: Option<f32>,
    /// The attack that makes the pictures on each net, against the true labels; fgsm if not given
    #[arg(long, value_parser = attack_name(), value_name = "ATTACK")]
    attack: Option<AttackSettings>,
    /// Only N pictures, spread over the classes
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    #[command(flatten)]
    common: AttackingArgs,
    /// Print a table (CSV): a line for each pair of nets
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    figure: FigureArgs,
}

#[derive(Serialize)]
struct TransferReport<'a> {
    models: &'a [String],
    attack: &'static str,
    settings: &'a AttackSettings,
    eps: Option<f32>,
    #[serde(flatten)]
    rules: RulesReport,
    seed: u64,
    n: usize,
    rows: Vec<TransferRow<'a>>,
}

/// Makes the pictures on each net, asks all nets about them, and prints who errs how often.
pub fn run(args: &TransferArgs) -> Result<()> {
    let names = &args.models;
    if names.len() < 2 {
        return Err(Error::Argument("--models names one net; expected two or more, with commas between".into()));
    }
    check_limit(args.limit, "attack")?;
    args.figure.check()?;
    let attack = args.common.options.settings(args.attack.as_ref(), args.eps.as_slice())?;
    budgets(&attack, args.eps.as_slice())?;
    let catalogue = Catalogue::from_environment();
    let models = names.iter().map(|name| catalogue.load(name).map(Arc::new)).collect::<Result<Vec<_>>>()?;
    let how = Opening { skips_damaged: args.skip_damaged, ..Opening::default() };
    let data = open_data(&args.data, Split::Test, &models[0].classes, how)?;
    say_what_is_doubtful(&data, args.limit, &models[0].manifest);
    let rules = args.common.rules();
    let plan = EvalPlan { rules, limit: args.limit, ..EvalPlan::new(attack, args.eps.as_slice()) };
    let right = watched(|line| {
        transfer(&models, &data, &plan, |done, of| line.draw(&format!("{done} of {of} pictures attacked"), done, of))
    })?;
    let n = data.len().min(args.limit.unwrap_or(usize::MAX));
    let eps = args.eps.unwrap_or_default();
    let found = Transfer { nets: names, attack: &plan.attack, eps, seed: rules.seed, n, right: &right };
    let figure = || {
        let conditions = Conditions { data: args.data.to_string(), rules, command: Some(invocation()) };
        Ok(transfer_figure(&found, &conditions))
    };
    if args.csv {
        print(found.csv().trim_end())?;
        return args.figure.write(figure, true);
    }
    let report = TransferReport {
        models: names,
        attack: plan.attack.name(),
        settings: &plan.attack,
        eps: found.eps(),
        rules: rules.into(),
        seed: rules.seed,
        n,
        rows: found.rows(),
    };
    if args.common.json { print_json(&report) } else { print(&describe(&report)) }?;
    args.figure.write(figure, args.common.json)
}

fn describe(report: &TransferReport<'_>) -> String {
    let TransferReport { settings, seed, .. } = report;
    let eps = report.eps.map(|eps| format!(" at {}", settings.measure().describe(eps))).unwrap_or_default();
    let (pictures, clipping) = (counted(report.n, "picture"), report.rules.clipping());
    let head = format!("{settings}{eps} on {pictures}, true labels; {clipping}, seed {seed}; 95 % intervals");
    std::iter::once(head).chain(report.rows.iter().map(TransferRow::text)).collect::<Vec<_>>().join("\n")
}
