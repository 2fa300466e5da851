//! This writes the table as a document.

use std::fmt::Write;
use std::path::Path;

use super::recipe::{PaperNet, Recipe};
use super::rows::TableRow;
use crate::engine::Result;
use crate::engine::train::{RunFolder, Stage};

/// Writes the published numbers against the measured ones, and what each net took.
pub fn markdown(recipe: &Recipe, rows: &[TableRow], out: &Path) -> Result<String> {
    let mut text = String::from(
        "# The paper's numbers, measured again\n\n\
         Goodfellow, Shlens and Szegedy, *Explaining and Harnessing Adversarial Examples* (arXiv 1412.6572), on MNIST, with this\n\
         program's trainer. Printed by\n\n",
    );
    let &Recipe { seeds, units, adversarial_units, epochs, quick, brief } = recipe;
    let flags = [(quick, " --quick"), (brief, " --brief")].map(|(on, flag)| if on { flag } else { "" }).concat();
    let wider = adversarial_units.filter(|wider| *wider != units);
    let wider = wider.map(|wider| format!(" --adversarial-units {wider}")).unwrap_or_default();
    let _ = writeln!(
        text,
        "```sh\ndoppelganger reproduce --data path/to/mnist --out DIR{flags} --seeds {seeds} \
         --units {units}{wider} --epochs {epochs}\n```\n"
    );
    text.push_str(
        "- ε = .25 in pixels of [0, 1]. Perturbed pixels may leave the range, in training and in measuring, as in the paper's\n\
         \x20\x20formula.\n\
         - The labels are the true ones, on the 10 000 test digits. PGD-40 attacks the first 1 000, clipped to [0, 1], with a\n\
         \x20\x20random start and steps of ε/16.\n\
         - The interval of an error is Wilson's 95 % interval for so many test pictures around the mean of the seeds. That of a\n\
         \x20\x20confidence on mistakes runs from the least to the greatest seed.\n\
         - FGSM follows the sign of the log-odds, which is that of the loss.\n\
         - \"FGSM, A → B\" is made on net A and shown to net B.\n\n\
         | net and attack | published | measured | interval | n | seeds |\n|---|--:|--:|--:|--:|---|\n",
    );
    for row in rows {
        let what = if row.row.ends_with("_confidence") { "confidence on mistakes" } else { "error" };
        let published = row.published.map_or_else(String::new, per_cent);
        let [measured, low, high] = [row.measured, row.low, row.high].map(per_cent);
        let (low, seeds) = (low.trim_end_matches(" %"), row.seeds.iter().map(u64::to_string).collect::<Vec<_>>());
        let (title, n, seeds) = (&row.title, row.n, seeds.join(", "));
        let _ = writeln!(text, "| {title}: {what} | {published} | {measured} | {low} to {high} | {n} | {seeds} |");
    }
    text.push_str(
        "\n## The nets\n\nThe epochs of a net are chosen on the last sixth of the training pictures. Then it is trained anew on all of them for\n\
         so many epochs (except for the controls on noise). Where there are several seeds, the first one chooses for all, as for\n\
         the paper's five runs. The learning rates of the others then fall over the chosen epochs, and those of the first over\n\
         all the epochs that it might have had.\n\n",
    );
    text.push_str(schedule_note(recipe));
    text.push_str("| net | seed | epochs chosen | of | best validation error | hours |\n|---|--:|--:|--:|--:|--:|\n");
    for net in PaperNet::ALL {
        for seed in recipe.seeds_of(net) {
            let summary = RunFolder::summary(&out.join(net.folder(seed)))?;
            let selected: Vec<_> = summary.history.iter().filter(|record| record.stage == Stage::Selection).collect();
            let rule = summary.config.stopping.rule;
            let best = rule.best_epochs(&summary.history);
            let error = selected.get(best.saturating_sub(1)).and_then(|record| rule.error(record));
            let error = error.map_or_else(|| "–".to_owned(), |error| format!("{} ({})", per_cent(error), rule));
            let hours = summary.history.iter().map(|record| f64::from(record.seconds)).sum::<f64>() / 3600.0;
            let (name, of) = (net.name(), selected.len());
            let _ = writeln!(text, "| {name} | {seed} | {best} | {of} | {error} | {hours:.2} |");
        }
    }
    Ok(text)
}

/// Says in what the training differs from the published recipe.
fn schedule_note(recipe: &Recipe) -> &'static str {
    if recipe.quick {
        "Without dropout and for a few epochs, for the classroom.\n\n"
    } else if recipe.brief {
        "The recipe is that of Goodfellow et al., *Maxout Networks* (2013), except for the learning rate, which falls from .05\n\
         to zero along half a cosine at momentum .9. The published one (.1, divided by 1.000004 a step, momentum from .5 to .7)\n\
         needs more epochs. Nets that are trained on perturbed pictures keep .8 of their hidden units in training and clean\n\
         ones .6, not .5. Clean ones get twice as many epochs, because a step takes a third of the time.\n\n"
    } else {
        "The recipe is that of Goodfellow et al., *Maxout Networks* (2013).\n\n"
    }
}

fn per_cent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}
