//! The tensors of a net are found in a file under names with something in front: the keys of dictionaries in which a
//! training program kept them, and the names of modules that wrapped the net.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Wrappers that leave their name wherever they were: of data parallelism, compilation, sharding, checkpointing and
/// privacy.
const WRAPPERS: [&str; 5] = ["module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_module"];

/// Of several sets of the same tensors, the first of these is meant; then one without a key; then running averages.
const USUAL: [&str; 13] = [
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "weights",
    "params",
    "ema_state_dict",
    "state_dict_ema",
    "model_ema",
    "params_ema",
    "ema",
];

/// The names that a net's tensors have in a file.
#[derive(Debug, Default)]
pub struct Names {
    /// The name in the file by the name in the net, for those that are there.
    pub of: HashMap<String, String>,
    /// The prefix that stands before them in the file.
    pub prefix: String,
    /// Notes for the person, in whole sentences.
    pub notes: Vec<String>,
}

/// A place is a prefix under which a file has some of the wanted tensors.
struct Place<'a> {
    /// The prefix of their names, wrappers left out.
    prefix: &'a str,
    count: usize,
}

impl Names {
    /// Finds the wanted tensors among the names of a file. `within(name)` is the length of what names the dictionary of
    /// a tensor, which is no part of its own name.
    ///
    /// # Errors
    /// One sentence where several sets of tensors are all there, and none has a usual name.
    pub fn find<'a>(
        wanted: &BTreeSet<String>,
        names: impl Iterator<Item = &'a str>,
        within: impl Fn(&str) -> usize,
    ) -> Result<Self, String> {
        let names: BTreeSet<&str> = names.collect();
        if wanted.iter().all(|name| names.contains(name.as_str())) {
            return Ok(Self {
                of: wanted.iter().map(|name| (name.clone(), name.clone())).collect(),
                ..Self::default()
            });
        }
        // A manifest may have been written after a file with wrappers, too.
        let wanted: BTreeMap<String, &String> = wanted.iter().map(|name| (without_wrappers(name), name)).collect();
        let longest = wanted.keys().map(String::len).max().unwrap_or(0);
        let file: BTreeMap<String, &str> = names.into_iter().map(|name| (without_wrappers(name), name)).collect();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for name in file.keys() {
            for begin in std::iter::once(0).chain(name.match_indices('.').map(|(dot, _)| dot + 1)) {
                if name.len() - begin <= longest && wanted.contains_key(&name[begin..]) {
                    *counts.entry(&name[..begin]).or_default() += 1;
                }
            }
        }
        let most = counts.values().copied().max().unwrap_or(0);
        let mut best: Vec<Place<'_>> = counts
            .iter()
            .filter(|(_, count)| **count == most)
            .map(|(&prefix, &count)| Place { prefix, count })
            .collect();
        best.sort_by_key(|place| (rank(place.prefix), place.prefix));
        let Some(Place { prefix, count }) = best.first() else { return Ok(Self::default()) };
        let keys = || best.iter().map(|place| format!("{:?}", place.prefix.trim_end_matches('.'))).collect::<Vec<_>>();
        let mut found = Self { prefix: (*prefix).to_owned(), ..Self::default() };
        if let Some(second) = best.get(1).filter(|_| *count == wanted.len()) {
            if rank(prefix) == rank(second.prefix) {
                return Err(format!(
                    "it holds the net's tensors {} times, under {}; keep one of them: \
                     torch.save(torch.load(FILE){}, \"weights.pth\")",
                    best.len(),
                    keys().join(" and "),
                    prefix.trim_end_matches('.').split('.').map(|key| format!("[{key:?}]")).collect::<String>()
                ));
            }
            let (taken, others) = (&keys()[0], &keys()[1..]);
            let taken = if prefix.is_empty() { "those without a prefix" } else { taken };
            found.notes.push(format!(
                "the file holds the net's tensors {} times; {taken} was taken, not {}",
                best.len(),
                others.join(" or ")
            ));
        }
        for (bare, name) in wanted {
            if let Some(original) = file.get(&format!("{prefix}{bare}")) {
                found.of.insert(name.clone(), (*original).to_owned());
            }
        }
        found.note_left_out(within);
        Ok(found)
    }

    /// Notes what is left out of the names, beside the keys of dictionaries.
    fn note_left_out(&mut self, within: impl Fn(&str) -> usize) {
        let mut left_out = BTreeSet::new();
        for (name, original) in &self.of {
            let own = original.get(within(original)..).unwrap_or(original);
            match own.strip_suffix(name.as_str()) {
                Some(prefix) => left_out.extend((!prefix.is_empty()).then(|| prefix.to_owned())),
                None if name.ends_with(own) => {}
                None => left_out.extend(wrappers(own).map(|wrapper| format!("{wrapper}."))),
            }
        }
        if !left_out.is_empty() {
            let quoted: Vec<String> = left_out.iter().take(3).map(|part| format!("{part:?}")).collect();
            let part = quoted.join(" and ");
            self.notes
                .push(format!("the names of the weights are read without {part}, which a wrapper of the net put in"));
        }
    }
}

fn wrappers(name: &str) -> impl Iterator<Item = &str> {
    name.split('.').filter(|part| WRAPPERS.contains(part))
}

fn without_wrappers(name: &str) -> String {
    if wrappers(name).next().is_none() {
        return name.to_owned();
    }
    name.split('.').filter(|part| !WRAPPERS.contains(part)).collect::<Vec<_>>().join(".")
}

/// Returns which of several sets of tensors is meant: the one with the least rank.
fn rank(prefix: &str) -> usize {
    let key = prefix.split('.').next().unwrap_or_default();
    let averages = 8;
    match USUAL.iter().position(|usual| *usual == key) {
        Some(place) if place < averages => place,
        _ if prefix.is_empty() => averages,
        Some(place) => place + 1,
        None => USUAL.len() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(names: &[&str], within: usize) -> Result<Names, String> {
        let wanted = ["conv.weight", "features.0.bias"].map(str::to_owned).into();
        Names::find(&wanted, names.iter().copied(), |_| within)
    }

    #[test]
    fn prefixes_are_left_out_and_noted() {
        for (prefix, within) in
            [("module.", 0), ("model.", 0), ("1.", 0), ("_orig_mod.module.", 0), ("state_dict.backbone.net.", 11)]
        {
            let names = ["conv.weight", "features.0.bias", "extra.weight"].map(|name| format!("{prefix}{name}"));
            let names: Vec<&str> = names.iter().map(String::as_str).chain(["0.mean", "loss.weight"]).collect();
            let found = find(&names, within).unwrap();
            assert_eq!((found.of["conv.weight"].as_str(), found.of.len()), (names[0], 2));
            let own = &prefix[within..];
            assert!(found.notes.len() == 1 && found.notes[0].contains(&format!("{own:?}")), "{:?}", found.notes);
        }
        let inner = find(&["conv.weight", "features.module.0.bias"], 0).unwrap();
        assert_eq!(inner.of["features.0.bias"], "features.module.0.bias");
        assert!(inner.notes[0].contains("\"module.\""), "{:?}", inner.notes);
        let plain = find(&["conv.weight", "features.0.bias"], 0).unwrap();
        assert!(plain.notes.is_empty() && plain.prefix.is_empty());
        assert!(find(&["sd.conv.weight", "sd.features.0.bias"], 3).unwrap().notes.is_empty());
    }

    #[test]
    fn of_several_sets_the_usual_one_is_taken_or_all_are_named() {
        let both = |a: &str, b: &str| {
            let names =
                [a, b].map(|set| ["conv.weight", "features.0.bias"].map(|name| format!("{set}.{name}"))).concat();
            find(&names.iter().map(String::as_str).collect::<Vec<_>>(), 0)
        };
        let found = both("state_dict", "state_dict_ema").unwrap();
        assert_eq!(found.prefix, "state_dict.");
        assert!(found.notes[0].contains("\"state_dict\" was taken, not \"state_dict_ema\""), "{:?}", found.notes);
        assert_eq!(both("best", "ema").unwrap().prefix, "ema.");
        let message = both("student", "teacher").unwrap_err();
        assert!(message.contains("\"student\" and \"teacher\"") && message.contains("[\"student\"]"), "{message}");
    }

    #[test]
    fn what_is_not_all_there_is_still_looked_for_where_most_is() {
        let found = find(&["model.conv.weight", "optimizer.x"], 0).unwrap();
        assert_eq!((found.prefix.as_str(), found.of.len()), ("model.", 1));
        assert!(find(&["other"], 0).unwrap().of.is_empty());
    }
}
