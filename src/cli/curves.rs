//! `doppelganger sweep --models …` measures security curves: the accuracy of some nets under some attacks against ε.

use std::sync::Arc;

use super::attack_options::warning_text;
use super::progress::{open_data, watched};
use super::sweep::SweepArgs;
use super::{check_limit, print, print_json};
use crate::engine::attack::{AttackSettings, PIXELS, Rules, warnings};
use crate::engine::curve_table::{HEADER, rows};
use crate::engine::data::Split;
use crate::engine::eval::{EvalPlan, Evaluation, evaluate};
use crate::engine::files::write_atomically;
use crate::engine::model::Catalogue;
use crate::engine::{Error, Result};

/// Measures every net under every attack, prints each curve as it is known, and keeps the table up to date.
pub fn run(args: &SweepArgs) -> Result<()> {
    check_limit(args.curves.limit, "evaluate")?;
    let attacks = args.options.all_settings(&args.curves.attacks, &args.eps)?;
    if args.eps.is_empty() || attacks.is_empty() {
        return Err(Error::Argument("a curve needs --eps and --attacks; see doppelganger sweep --help".into()));
    }
    let mut table = String::from(HEADER);
    for (number, name) in args.models.iter().enumerate() {
        let evaluations = measure(args, number, &attacks, &mut table)?;
        let curves = attacks.iter().zip(&evaluations);
        let compared: Vec<_> = curves.map(|(attack, found)| found.curve(attack, args.curves.loss)).collect();
        for warning in warnings(&compared) {
            // Where rows are read by a program, warnings go where people look.
            let text = format!("warning: {name}: {}", warning_text(&warning));
            if args.json { eprintln!("{text}") } else { print(&text)? }
        }
    }
    Ok(())
}

/// Measures the net of this number under every attack.
fn measure(args: &SweepArgs, net: usize, attacks: &[AttackSettings], table: &mut String) -> Result<Vec<Evaluation>> {
    let source = args.training.data.as_ref().ok_or_else(|| Error::Argument("--data is missing".into()))?;
    let name = &args.models[net];
    let model = Arc::new(Catalogue::from_environment().load(name)?);
    let data = open_data(source, Split::Test, &model.classes)?;
    let (of, seed) = (args.models.len() * attacks.len(), args.training.seed);
    let bounds = (!args.training.no_clip).then_some(PIXELS);
    let rules = Rules { loss: args.curves.loss, bounds, seed, eight_bit: args.curves.eight_bit };
    let mut evaluations = Vec::new();
    for (number, attack) in attacks.iter().enumerate() {
        let plan = EvalPlan { rules, limit: args.curves.limit, ..EvalPlan::new(attack.clone(), &args.eps) };
        let what = format!("curve {} of {of}: {name} under {}", net * attacks.len() + number + 1, attack.name());
        let evaluation = watched(|line| {
            evaluate(&model, &data, &plan, |pictures, n| line.draw(&format!("{what}, {pictures} of {n}"), pictures, n))
        })?;
        for row in rows(name, attack, &evaluation, seed) {
            if args.json {
                print_json(&row)?
            } else {
                print(&row.text())?
            }
            table.push_str(&row.csv());
        }
        if let Some(path) = &args.curves.csv {
            write_atomically(path, table.as_bytes(), "write the table of the curves")?;
        }
        evaluations.push(evaluation);
    }
    Ok(evaluations)
}
