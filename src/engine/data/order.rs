//! The order of a set's pictures: its beginning, which a limit leaves, and its end, which training holds out, are of
//! all classes.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Dataset, Pictures};

/// Returns the pictures of labelled classes in turn, in proportion to their sizes: thus the last pictures, which
/// training holds out, and the first ones, which a limit leaves, are of all classes.
pub(super) fn in_turn<T>(classes: Vec<(usize, Vec<T>)>) -> (Vec<usize>, Vec<T>) {
    let spread = |(label, pictures): (usize, Vec<T>)| {
        let count = pictures.len() as f64;
        pictures.into_iter().enumerate().map(move |(i, picture)| ((i as f64 + 0.5) / count, label, picture))
    };
    let mut all: Vec<(f64, usize, T)> = classes.into_iter().flat_map(spread).collect();
    all.sort_by(|(a, ..), (b, ..)| a.total_cmp(b));
    all.into_iter().map(|(_, label, picture)| (label, picture)).unzip()
}

impl Dataset {
    /// Lets the classes of an array take turns, each in a random order that is always the same; picture files do so
    /// already.
    pub(super) fn spread(self) -> Self {
        if matches!(self.pictures, Pictures::Files(_)) {
            return self;
        }
        let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        self.labels.iter().enumerate().for_each(|(i, &label)| classes.entry(label).or_default().push(i));
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        classes.values_mut().for_each(|numbers| numbers.shuffle(&mut rng));
        let (_, order) = in_turn(classes.into_iter().collect());
        self.picked(&order)
    }

    /// Says which classes are not among the pictures from `from` on to `to`; `None` where all are that the set has.
    pub fn lacking_in(&self, from: usize, to: usize, classes: &[String]) -> Option<String> {
        let set = |labels: &[usize]| labels.iter().copied().collect::<std::collections::BTreeSet<usize>>();
        let (all, part) = (set(&self.labels), set(self.labels.get(from..to.min(self.len())).unwrap_or_default()));
        let missing: Vec<&str> =
            all.difference(&part).filter_map(|&label| Some(classes.get(label)?.as_str())).collect();
        let more = if missing.len() > 5 { format!(" and {} more", missing.len() - 5) } else { String::new() };
        let listed = missing[..missing.len().min(5)].join(", ");
        let (count, of) = (missing.len(), all.len());
        (count > 0).then(|| format!("{} pictures hold none of {count} of the {of} classes: {listed}{more}", to - from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_take_turns() {
        let (labels, pictures) = in_turn(vec![(7, vec!["a", "b", "c", "d"]), (3, vec!["x", "y"]), (5, vec![])]);
        assert_eq!(pictures, ["a", "x", "b", "c", "y", "d"]);
        assert_eq!(labels, [7, 3, 7, 7, 3, 7]);
        let (labels, _) = in_turn((0..109).map(|label| (label, vec![(); 500])).collect());
        // The sixth that training holds out.
        let held_out = &labels[labels.len() - 54_500 / 6..];
        let counts = (0..109).map(|label| held_out.iter().filter(|&&l| l == label).count());
        assert!(counts.clone().all(|count| (83..=84).contains(&count)), "{:?}", counts.collect::<Vec<_>>());
    }
}
