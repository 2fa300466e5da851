//! `doppelganger sweep --models …`: security curves, the accuracy of some nets under some attacks against ε.

use std::path::Path;
use std::sync::Arc;

use super::attack_options::{AttackName, AttackOptions, largest};
use super::progress::{ProgressLine, open_data};
use super::{LossArgument, interrupt, print, print_json};
use crate::engine::attack::{Attack, AttackSettings, PIXELS, Rules, warnings};
use crate::engine::curve_table::{HEADER, rows};
use crate::engine::data::{DataSource, Split};
use crate::engine::eval::{Evaluation, Plan, evaluate};
use crate::engine::files::write_atomically;
use crate::engine::model::Catalogue;
use crate::engine::{Error, Result};

/// What to measure, and how.
pub struct Curves<'a> {
    pub models: &'a [String],
    pub attacks: &'a [AttackName],
    pub options: &'a AttackOptions,
    pub eps: &'a [f32],
    pub data: &'a DataSource,
    pub limit: Option<usize>,
    pub loss: LossArgument,
    pub clip: bool,
    pub eight_bit: bool,
    pub seed: u64,
    pub csv: Option<&'a Path>,
    pub json: bool,
}

/// Measures every net under every attack, prints each curve as it is known, and keeps the table up to date.
pub fn run(curves: &Curves<'_>) -> Result<()> {
    interrupt::watch();
    let attacks = curves.options.all_settings(curves.attacks, largest(curves.eps))?;
    if curves.eps.is_empty() || attacks.is_empty() {
        return Err(Error::Argument("a curve needs --eps and --attacks; see doppelganger sweep --help".into()));
    }
    let mut table = String::from(HEADER);
    for (number, name) in curves.models.iter().enumerate() {
        let evaluations = measure(curves, name, &attacks, number * attacks.len(), &mut table)?;
        let compared: Vec<_> =
            attacks.iter().zip(&evaluations).map(|(attack, found)| found.curve(attack, curves.loss.into())).collect();
        for warning in warnings(&compared) {
            // Where rows are read by a program, warnings go where people look.
            let text = format!("warning: {name}: {warning}");
            if curves.json { eprintln!("{text}") } else { print(&text)? }
        }
    }
    Ok(())
}

/// One net under every attack; `done` curves are measured already.
fn measure(
    curves: &Curves<'_>,
    name: &str,
    attacks: &[AttackSettings],
    done: usize,
    table: &mut String,
) -> Result<Vec<Evaluation>> {
    let model = Arc::new(Catalogue::from_environment().load(name)?);
    let data = open_data(curves.data, Split::Test, &model.classes)?;
    let of = curves.models.len() * attacks.len();
    let mut evaluations = Vec::new();
    for (number, attack) in attacks.iter().enumerate() {
        let bounds = curves.clip.then_some(PIXELS);
        let rules = Rules { loss: curves.loss.into(), bounds, seed: curves.seed, eight_bit: curves.eight_bit };
        let plan = Plan { rules, limit: curves.limit, ..Plan::new(attack.clone(), curves.eps) };
        let mut line = ProgressLine::new(true);
        let evaluation = evaluate(&model, &data, &plan, |pictures, n| {
            let what =
                format!("curve {} of {of}: {name} under {}, {pictures} of {n}", done + number + 1, attack.name());
            line.draw(&what, pictures, n);
            !interrupt::requested()
        });
        line.clear();
        let evaluation = evaluation?;
        for row in rows(name, attack, &evaluation, curves.seed) {
            if curves.json {
                print_json(&row)?
            } else {
                print(&row.text())?
            }
            table.push_str(&row.csv());
        }
        if let Some(path) = curves.csv {
            write_atomically(path, table.as_bytes(), "write the table of the curves")?;
        }
        evaluations.push(evaluation);
    }
    Ok(evaluations)
}
