//! This finds a class by what a person types, or by what a folder is called.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use super::wordnet;
use crate::{Error, Result};

/// Returns a text as it is compared where case counts: macOS writes an `ü` as two characters, others as one.
fn exact(text: &str) -> String {
    text.trim().trim_start_matches('\u{feff}').nfc().collect()
}

/// Returns a text in lower case, with `_` and `-` as spaces.
fn normal(text: &str) -> String {
    exact(text).to_lowercase().replace(['_', '-'], " ")
}

/// Tells whether two names are one, in whichever form of Unicode they are written; case counts.
pub fn is_same_name(a: &str, b: &str) -> bool {
    a == b || exact(a) == exact(b)
}

/// Returns a class's name without the number that tells it from others of the same name: "crane" of
/// "crane (n03126707)" and of "crane (7)".
pub fn without_number(class: &str) -> &str {
    let marked = class.strip_suffix(')').and_then(|class| class.rsplit_once(" ("));
    let is_mark = |mark: &str| {
        let digits = mark.strip_prefix('n').unwrap_or(mark);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    marked.filter(|(_, mark)| is_mark(mark)).map_or(class, |(name, _)| name)
}

/// Returns the names of a class: the whole of it, and each of its comma-separated synonyms.
fn synonyms(class: &str) -> impl Iterator<Item = String> {
    std::iter::once(normal(class)).chain(class.split(',').map(normal))
}

/// Tells classes of one name apart: ImageNet's two cranes become "crane (n02012849)" and "crane (n03126707)", those
/// of other nets get the numbers of the classes in place of WordNet's.
pub fn told_apart(classes: Vec<String>) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    classes.iter().for_each(|class| *counts.entry(exact(class)).or_default() += 1);
    if counts.len() == classes.len() {
        return classes;
    }
    let is_imagenet = is_imagenet(&classes);
    let tell = |(i, class): (usize, String)| match counts[&exact(&class)] {
        1 => class,
        _ if is_imagenet => format!("{class} ({})", wordnet::imagenet_numbers()[i]),
        _ => format!("{class} ({i})"),
    };
    classes.into_iter().enumerate().map(tell).collect()
}

/// Tells whether these are ImageNet's thousand classes in their order, whichever of their synonyms name them.
fn is_imagenet(classes: &[String]) -> bool {
    let names = wordnet::imagenet_names();
    let is_named = |(class, name): &(&String, &&str)| synonyms(without_number(class)).any(|own| own == normal(name));
    classes.len() == names.len() && classes.iter().zip(names).filter(is_named).count() >= 900
}

/// Finds classes by their names; made once for many questions.
pub struct ClassFinder<'a> {
    classes: &'a [String],
    /// The classes of each name: spelled alike, by any of their synonyms, and by these without the numbers that tell
    /// them apart. The first list that knows a name decides.
    names: [HashMap<String, Vec<usize>>; 3],
    /// The classes that carry a number of WordNet's in their names.
    numbers: HashMap<&'a str, usize>,
    is_imagenet: bool,
}

impl<'a> ClassFinder<'a> {
    pub fn new(classes: &'a [String]) -> Self {
        let mut names = [HashMap::new(), HashMap::new(), HashMap::new()];
        let mut numbers = HashMap::new();
        for (i, class) in classes.iter().enumerate() {
            let mut add = |list: usize, name: String| {
                let known: &mut Vec<usize> = names[list].entry(name).or_default();
                if known.last() != Some(&i) {
                    known.push(i);
                }
            };
            add(0, exact(class));
            synonyms(class).for_each(|name| add(1, name));
            synonyms(without_number(class)).for_each(|name| add(2, name));
            let mark = class.strip_suffix(')').and_then(|class| class.rsplit_once(" (")).map(|(_, mark)| mark);
            let number = wordnet::split_number(class).or_else(|| wordnet::split_number(mark?));
            number.map(|(number, _)| numbers.entry(number).or_insert(i));
        }
        Self { classes, names, numbers, is_imagenet: is_imagenet(classes) }
    }

    /// Returns the classes of this name.
    fn named(&self, text: &str) -> &[usize] {
        let [spelled, synonyms, bare] = &self.names;
        let normal = normal(text);
        let found = spelled.get(&exact(text)).or_else(|| synonyms.get(&normal)).or_else(|| bare.get(&normal));
        found.map_or(&[], Vec::as_slice)
    }

    /// Returns the one class of this name, if there is one.
    pub fn by_name(&self, text: &str) -> Option<usize> {
        if let [one] = self.named(text) { Some(*one) } else { None }
    }

    /// Returns the class that `text` names, as [`find_class`] does.
    ///
    /// # Errors
    /// [`Error::Argument`] for a name of no class, which offers the nearest ones, or of several, which lists them.
    pub fn find(&self, text: &str) -> Result<usize> {
        match self.named(text) {
            [one] => return Ok(*one),
            [] => {}
            several => return Err(self.ambiguous(text, several)),
        }
        let Some((number, rest)) = wordnet::split_number(text.trim()) else { return self.by_index(text) };
        if let Some(&class) = self.numbers.get(number) {
            return Ok(class);
        }
        let class = wordnet::imagenet_class(number);
        if let Some(class) = class.filter(|_| self.is_imagenet) {
            return Ok(class);
        }
        let names = [Some(rest).filter(|rest| !rest.is_empty()), class.map(|class| wordnet::imagenet_names()[class])];
        for name in names.into_iter().flatten() {
            match self.named(name) {
                [one] => return Ok(*one),
                [] => {}
                several => return self.by_order(number, name, several),
            }
        }
        Err(self.unknown(names.into_iter().flatten().next().unwrap_or(text)))
    }

    /// Tells classes of one name apart by a number of WordNet's: classes stand in the order of these numbers.
    fn by_order(&self, number: &str, name: &str, several: &[usize]) -> Result<usize> {
        let of_name = wordnet::imagenet_names().iter().zip(wordnet::imagenet_numbers());
        let numbers: Vec<&str> =
            of_name.filter(|(own, _)| normal(own) == normal(name)).map(|(_, number)| *number).collect();
        let place = numbers.iter().position(|own| *own == number).filter(|_| numbers.len() == several.len());
        place.map(|place| several[place]).ok_or_else(|| self.ambiguous(name, several))
    }

    fn by_index(&self, text: &str) -> Result<usize> {
        let Ok(index) = text.trim().parse::<usize>() else { return Err(self.unknown(text)) };
        if index < self.classes.len() {
            return Ok(index);
        }
        let last = self.classes.len().saturating_sub(1);
        Err(Error::Argument(format!("there is no class {index}; the model's classes are 0 to {last}")))
    }

    fn ambiguous(&self, text: &str, several: &[usize]) -> Error {
        let listed: Vec<String> = several.iter().map(|&i| format!("{i} ({})", self.classes[i])).collect();
        let (count, listed) = (several.len(), listed.join(", "));
        Error::Argument(format!("{count} classes are called {text:?}: {listed}; give the number of one of them"))
    }

    fn unknown(&self, text: &str) -> Error {
        let wanted = normal(text);
        let closeness = |class: &String| {
            let name_closeness = |name: String| {
                let contained = name.contains(&wanted) || wanted.contains(&name);
                strsim::jaro_winkler(&name, &wanted) + if contained { 1.0 } else { 0.0 }
            };
            synonyms(class).map(name_closeness).fold(0.0, f64::max)
        };
        let mut ranked: Vec<(f64, &String)> = self.classes.iter().map(|class| (closeness(class), class)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let nearest: Vec<String> = ranked.iter().take(3).map(|(_, class)| format!("{class:?}")).collect();
        let nearest = nearest.join(", ");
        Error::Argument(format!("the model has no class {text:?}; the nearest names are {nearest}"))
    }
}

/// Returns the class that `text` names: a name in any case, one of its comma-separated synonyms, a number of WordNet's
/// with a name behind it or without, or an index. A name wins over an index, so that a class called "7" is found
/// wherever it stands. A refusal offers the nearest names, and lists the classes that a name stands for if it is that
/// of several.
pub fn find_class(classes: &[String], text: &str) -> Result<usize> {
    ClassFinder::new(classes).find(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes() -> Vec<String> {
        ["goldfish, Carassius auratus", "fiddler crab", "Egyptian cat", "7"].map(String::from).to_vec()
    }

    fn imagenet() -> Vec<String> {
        told_apart(wordnet::imagenet_names().iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn names_synonyms_and_indices() {
        let classes = classes();
        for (text, index) in
            [("fiddler_crab", 1), ("Fiddler Crab", 1), ("carassius auratus", 0), ("goldfish", 0), ("2", 2), ("7", 3)]
        {
            assert_eq!(find_class(&classes, text).unwrap(), index, "{text}");
        }
    }

    #[test]
    fn a_class_that_does_not_exist_is_answered_with_its_neighbours() {
        let message = find_class(&classes(), "fidler crab").unwrap_err().to_string();
        assert!(message.contains("\"fiddler crab\""), "{message}");
        let message = find_class(&classes(), "cat").unwrap_err().to_string();
        assert!(message.contains("nearest names are \"Egyptian cat\""), "{message}");
        assert!(find_class(&classes(), "4").unwrap_err().to_string().contains("0 to 3"));
        assert!(find_class(&[], "4").is_err());
    }

    #[test]
    fn classes_of_one_name_are_told_apart() {
        let classes = imagenet();
        assert_eq!((classes[134].as_str(), classes[517].as_str()), ("crane (n02012849)", "crane (n03126707)"));
        assert_eq!(told_apart(classes.clone()), classes);
        let message = find_class(&classes, "Crane").unwrap_err().to_string();
        assert!(message.contains("2 classes are called \"Crane\": 134 (crane (n02012849)), 517 ("), "{message}");
        for (text, index) in [
            ("crane (n03126707)", 517),
            ("n03126707", 517),
            ("n02012849_crane", 134),
            ("n03126707-crane", 517),
            ("517", 517),
            ("n01440764", 0),
            ("n02102040", 217),
            ("tench", 0),
            // Spelled as the net has them.
            ("Cardigan", 264),
            ("cardigan", 474),
            ("n02963159", 474),
        ] {
            assert_eq!(find_class(&classes, text).unwrap(), index, "{text}");
        }
        assert!(find_class(&classes, "CARDIGAN").unwrap_err().to_string().contains("264 (Cardigan), 474 (cardigan)"));
        // Another net has its classes in the same order, and no list says which numbers they have.
        let few = told_apart(["owl", "crane", "crane"].map(String::from).to_vec());
        assert_eq!(few, ["owl", "crane (1)", "crane (2)"]);
        assert_eq!(find_class(&few, "n02012849_crane").unwrap(), 1);
        assert_eq!(find_class(&few, "n03126707").unwrap(), 2);
        assert!(find_class(&few, "n09999999_crane").unwrap_err().to_string().contains("1 (crane (1)), 2 (crane (2))"));
        let cars = ["car", "car (2)"].map(String::from);
        assert_eq!(find_class(&cars, "car").unwrap(), 0);
    }

    #[test]
    fn a_folder_is_its_own_class_before_it_is_wordnets() {
        let find = |text: &str, classes: &[&str]| {
            find_class(&classes.iter().map(|&class| class.to_owned()).collect::<Vec<_>>(), text)
        };
        // A net trained on ImageNet's folders, and one that knows plain names.
        assert_eq!(find("n01443537_goldfish", &["cat", "n01443537_goldfish"]).unwrap(), 1);
        assert_eq!(find("n01443537_goldfish", &["goldfish", "cat"]).unwrap(), 0);
        assert_eq!(find("n01443537", &["cat", "n01443537"]).unwrap(), 1);
        assert_eq!(find("n01443537", &["cat", "gold fish, goldfish"]).unwrap(), 1);
        assert_eq!(find("n01443537", &["cat", "Goldfisch (n01443537)"]).unwrap(), 1);
        let message = find("n01443538_gold_fish", &["goldfish", "cat"]).unwrap_err().to_string();
        assert!(message.contains("\"gold_fish\"") && message.contains("\"goldfish\""), "{message}");
    }

    #[test]
    fn names_are_compared_in_one_form_of_unicode() {
        let classes = ["u\u{308}ber cat".to_owned(), "\u{17d}lut\u{fd}".to_owned()];
        assert_eq!(find_class(&classes, "über cat").unwrap(), 0);
        assert_eq!(find_class(&classes, "Z\u{30c}luty\u{301}").unwrap(), 1);
        assert!(is_same_name("ü", "u\u{308}") && !is_same_name("a", "A"));
    }
}
