//! Classes are found by everyday words, too: "dog" stands for 118 breeds, "fridge" for "refrigerator".

use std::collections::HashMap;
use std::sync::OnceLock;

use super::classes::without_number;
use super::wordnet::imagenet_names;

const WORDS: &str = include_str!("../../../assets/class_words.txt");

/// Returns the words for a class beside its name, whichever net it is of.
pub fn class_words(class: &str) -> &'static [&'static str] {
    static TABLE: OnceLock<HashMap<String, Vec<&'static str>>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut table: HashMap<String, Vec<&'static str>> = HashMap::new();
        for (words, classes) in lines() {
            for class in classes {
                let known = table.entry(key(&class)).or_default();
                known.extend(words.iter().filter(|word| !class.eq_ignore_ascii_case(word)));
            }
        }
        table.values_mut().for_each(|words| {
            words.sort_unstable();
            words.dedup();
        });
        table
    });
    table.get(&key(class)).map_or(&[], Vec::as_slice)
}

fn key(class: &str) -> String {
    without_number(class).to_lowercase().replace('_', " ")
}

/// Returns words, and the names of the classes that they stand for: a name, a number or a range such as 3-5.
fn lines() -> impl Iterator<Item = (Vec<&'static str>, Vec<String>)> {
    let names = imagenet_names();
    let lines = WORDS.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(':')).map(move |(words, classes)| {
        let classes = classes.split(',').map(str::trim).flat_map(|class| {
            let (from, to) = class.split_once('-').unwrap_or((class, class));
            match (from.parse::<usize>(), to.parse::<usize>()) {
                (Ok(from), Ok(to)) => names[from..=to].iter().map(|name| (*name).to_owned()).collect(),
                _ => vec![class.to_owned()],
            }
        });
        (words.split(',').map(str::trim).collect(), classes.collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_found_by_everyday_words() {
        for (class, word) in [
            ("Chihuahua", "dog"),
            ("egyptian_cat", "cat"),
            ("refrigerator", "fridge"),
            ("fiddler crab", "crab"),
            ("Granny Smith", "apple"),
            ("lesser panda", "panda"),
            ("sports car", "car"),
            ("gibbon", "ape"),
        ] {
            assert!(class_words(class).contains(&word), "{class}: {:?}", class_words(class));
        }
        assert!(class_words("7").is_empty());
    }

    #[test]
    fn the_table_is_sound() {
        let mut seen = std::collections::HashSet::new();
        for (words, classes) in lines() {
            assert!(!classes.is_empty() && classes.iter().all(|class| !class.is_empty()), "{words:?}");
            for word in words {
                assert!(seen.insert(word), "{word} stands twice");
            }
        }
        assert!(seen.len() > 150, "{}", seen.len());
    }
}
