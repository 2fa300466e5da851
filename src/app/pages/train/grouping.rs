//! Long lists of runs are read in groups, which open and close.

use std::collections::HashSet;

use crate::app::pages::train::state::run::TrainingRun;
use crate::app::pages::train::state::words;

/// Runs that have this in common stand together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    #[default]
    None,
    /// All settings but ε and α.
    Sweep,
    Net,
    Data,
    /// A run with several tags stands under each of them.
    Tag,
}

impl Grouping {
    pub const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::None, "No groups", "List all runs, the newest first"),
        (Self::Sweep, "Sweeps", "Group runs that differ in ε and α alone"),
        (Self::Net, "Nets", "Group the runs of each net"),
        (Self::Data, "Data", "Group the runs on each data set"),
        (Self::Tag, "Tags", "Group the runs with each of your tags"),
    ];

    /// Returns the names of the groups that a run belongs to.
    fn of(self, run: &TrainingRun) -> Vec<String> {
        let config = &run.info.config;
        let data = words::data_in_short(&config.data);
        match self {
            Self::None => vec![String::new()],
            Self::Net => vec![run.info.net.clone()],
            Self::Data => vec![data],
            Self::Tag if run.info.label.tags.is_empty() => vec!["Without a tag".into()],
            Self::Tag => run.info.label.tags.clone(),
            Self::Sweep => {
                let (against, epochs, seed) = (words::adversary(config), config.epochs, config.seed);
                let named = format!("{} on {data}, {against}, {epochs} epochs, seed {seed}", run.info.net);
                vec![named]
            }
        }
    }
}

/// A row of the list is the heading of a group, or a run.
pub enum ListedRow<'a> {
    Group(Group),
    Run(&'a TrainingRun),
}

pub struct Group {
    pub name: String,
    pub count: usize,
    pub is_open: bool,
}

/// Returns the rows of a list of runs, the newest first: groups stand in the order of their newest runs, and those that are
/// closed show none.
pub fn rows<'a>(runs: &[&'a TrainingRun], grouping: Grouping, closed: &HashSet<String>) -> Vec<ListedRow<'a>> {
    if grouping == Grouping::None {
        return runs.iter().copied().map(ListedRow::Run).collect();
    }
    let mut groups: Vec<(String, Vec<&TrainingRun>)> = Vec::new();
    for &run in runs {
        for name in grouping.of(run) {
            match groups.iter_mut().find(|(known, _)| *known == name) {
                Some((_, inside)) => inside.push(run),
                None => groups.push((name, vec![run])),
            }
        }
    }
    let rows = groups.into_iter().flat_map(|(name, inside)| {
        let is_open = !closed.contains(&name);
        let heading = ListedRow::Group(Group { name, count: inside.len(), is_open });
        let shown = inside.into_iter().filter(move |_| is_open).map(ListedRow::Run);
        std::iter::once(heading).chain(shown)
    });
    rows.collect()
}
