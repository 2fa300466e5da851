//! The page offers its curves, the confusion, both histograms and the transfer.

use std::sync::Arc;

use crate::app::files::figures::OfferedFigure;
use crate::app::pages::test_sets::commands::TestPart;
use crate::app::pages::test_sets::state::TestSet;
use crate::engine::eval::Prediction;
use crate::engine::transfer_table::Transfer;
use crate::figure::{
    AttackAt, Conditions, MeasuredCurve, Table, confidences, confusion, lengths, security_curves, transfer,
};
use crate::worker::{Curve, Survey, Transferred};

/// A caption has no more commands than this.
const MOST_COMMANDS: usize = 4;

fn conditions(survey: &Survey, command: Option<String>) -> Conditions {
    Conditions { data: survey.data.to_string(), rules: survey.rules, command }
}

fn measured(curve: &Curve) -> MeasuredCurve<'_> {
    MeasuredCurve { net: &curve.title, attack: &curve.attack, found: &curve.found }
}

pub fn figures(tests: &TestSet) -> Vec<OfferedFigure> {
    let mut offered: Vec<(TestPart, OfferedFigure)> = Vec::new();
    if let Some(curve) = tests.curve() {
        offered.push((TestPart::Curves, curves(tests, curve)));
        offered.extend(of_answers(tests, curve));
        if curve.found.lengths.is_some() {
            let (curve, conditions) = (curve.clone(), conditions(&curve.survey, Some(curve.command())));
            let describe = move || {
                let found = lengths(&measured(&curve), &conditions);
                found.unwrap_or_else(|| security_curves(&[measured(&curve)], &conditions))
            };
            let option = "--figure-of lengths --figure";
            offered.push((TestPart::Lengths, OfferedFigure::new("Lengths", option, describe)));
        }
    }
    offered.extend(tests.transferred.as_ref().and_then(of_transfer).map(|figure| (TestPart::Transfer, figure)));
    offered.sort_by_key(|(part, _)| *part != tests.part);
    offered.into_iter().map(|(_, figure)| figure).collect()
}

fn curves(tests: &TestSet, first: &Curve) -> OfferedFigure {
    let all = tests.curves.clone();
    let commands: Vec<String> = all.iter().take(MOST_COMMANDS + 1).map(Curve::command).collect();
    let command = (commands.len() <= MOST_COMMANDS).then(|| commands.join("; "));
    let conditions = conditions(&first.survey, command);
    let option = if all.len() == 1 { "--figure" } else { "" };
    OfferedFigure::new("Security curves", option, move || {
        security_curves(&all.iter().map(measured).collect::<Vec<_>>(), &conditions)
    })
    .with_tables(vec![Table::from_csv(&tests.table())])
}

/// Offers what the answers show that are looked at: those to the untouched pictures, or those at one ε.
fn of_answers(tests: &TestSet, curve: &Curve) -> Vec<(TestPart, OfferedFigure)> {
    let Some((eps, answers)) = tests.answers() else { return Vec::new() };
    let answers: Arc<[Prediction]> = answers.into();
    let (net, classes) = (curve.title.clone(), curve.classes.clone());
    let attack = (!tests.clean).then(|| curve.attack.clone());
    let conditions = conditions(&curve.survey, Some(curve.command()));
    let confused = {
        let (net, attack, answers, conditions) = (net.clone(), attack.clone(), answers.clone(), conditions.clone());
        move || confusion(&net, attack.as_ref().map(|attack| AttackAt { attack, eps }), &answers, &classes, &conditions)
    };
    let sure = move || confidences(&net, attack.as_ref().map(|attack| AttackAt { attack, eps }), &answers, &conditions);
    vec![
        (TestPart::Confusion, OfferedFigure::new("Confusion", "", confused)),
        (TestPart::Confidence, OfferedFigure::new("Confidence", "", sure)),
    ]
}

fn of_transfer(found: &Transferred) -> Option<OfferedFigure> {
    let attack = found.survey.attacks.first()?.clone();
    let (found, conditions) = (found.clone(), conditions(&found.survey, Some(found.command())));
    let tables = found.table().iter().map(|table| Table::from_csv(&table.csv())).collect();
    let describe = move || {
        let Transferred { titles, right, survey, .. } = &found;
        let (eps, seed, n) = (found.eps, survey.rules.seed, found.n);
        transfer(&Transfer { nets: titles, attack: &attack, eps, seed, n, right }, &conditions)
    };
    Some(OfferedFigure::new("Transfer", "--figure", describe).with_tables(tables))
}
