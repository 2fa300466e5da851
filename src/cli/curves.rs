//! `doppelganger sweep --models …` measures security curves: the accuracy of some nets under some attacks against ε.

use std::sync::Arc;

use super::attack_options::warning_text;
use super::progress::{open_data, say_what_is_doubtful, watched};
use super::sweep::{CurveArgs, SweepArgs};
use super::{check_limit, print, print_json};
use crate::command_line::invocation;
use crate::engine::attack::{PIXELS, Rules, warnings};
use crate::engine::curve_table::{HEADER, rows};
use crate::engine::data::{Opening, Split};
use crate::engine::eval::{EvalPlan, evaluate};
use crate::engine::files::write_atomically;
use crate::engine::model::Catalogue;
use crate::engine::{Error, Result};
use crate::figure::{Conditions, MeasuredCurve, security_curves};

/// Measures every net under every attack, prints each curve as it is known, and keeps the table up to date.
pub fn run(args: &SweepArgs) -> Result<()> {
    let &CurveArgs { limit, loss, eight_bit, ref csv, .. } = &args.curves;
    check_limit(limit, "evaluate")?;
    let attacks = args.options.all_settings(&args.curves.attacks, &args.eps)?;
    let source = args.training.data.as_ref().ok_or_else(|| Error::Argument("--data is missing".into()))?;
    let (bounds, seed) = ((!args.training.no_clip).then_some(PIXELS), args.training.seed);
    let rules = Rules { loss, bounds, seed, eight_bit };
    let (mut table, mut number, of) = (String::from(HEADER), 0, args.models.len() * attacks.len());
    let mut measured = Vec::new();
    for name in &args.models {
        let model = Arc::new(Catalogue::from_environment().load(name)?);
        let how = Opening { skips_damaged: args.training.skip_damaged, ..Opening::default() };
        let data = open_data(source, Split::Test, &model.classes, how)?;
        say_what_is_doubtful(&data, limit, &model.manifest);
        let first = measured.len();
        for attack in &attacks {
            let plan = EvalPlan { rules, limit, ..EvalPlan::new(attack.clone(), &args.eps) };
            number += 1;
            let what = format!("curve {number} of {of}: {name} under {}", attack.name());
            let found = watched(|line| {
                evaluate(&model, &data, &plan, |reached| {
                    line.draw(&format!("{what}, {reached}"), reached.done, reached.n)
                })
            })?;
            for row in rows(name, attack, &found, seed) {
                if args.json {
                    print_json(&row)?
                } else {
                    print(&row.text())?
                }
                table.push_str(&row.csv());
            }
            if let Some(path) = csv {
                write_atomically(path, table.as_bytes(), "write the table of the curves")?;
            }
            measured.push((name, attack, found));
        }
        let curves: Vec<_> = measured[first..].iter().map(|(_, attack, found)| found.curve(attack, loss)).collect();
        for warning in warnings(&curves) {
            // Where rows are read by a program, warnings go where people look.
            let text = format!("warning: {name}: {}", warning_text(&warning));
            if args.json { eprintln!("{text}") } else { print(&text)? }
        }
    }
    let figure = || {
        let conditions = Conditions { data: source.to_string(), rules, command: Some(invocation()) };
        let curves: Vec<MeasuredCurve<'_>> =
            measured.iter().map(|(net, attack, found)| MeasuredCurve { net, attack, found }).collect();
        Ok(security_curves(&curves, &conditions))
    };
    args.figure.write(figure, args.json)
}
