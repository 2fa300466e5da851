//! This finds a class by what a person types.

use crate::{Error, Result};

/// Returns a text in lower case, with `_` and `-` as spaces.
fn normal(text: &str) -> String {
    text.trim().to_lowercase().replace(['_', '-'], " ")
}

/// Returns the names of a class: the whole of it, and each of its comma-separated synonyms.
fn synonyms(class: &str) -> impl Iterator<Item = String> {
    std::iter::once(normal(class)).chain(class.split(',').map(normal))
}

/// Returns the class that `text` names: a name in any case, one of its comma-separated synonyms, or an index. A name
/// wins over an index, so that a class called "7" is found wherever it stands. A refusal offers the nearest names.
pub fn find_class(classes: &[String], text: &str) -> Result<usize> {
    let wanted = normal(text);
    if let Some(index) = classes.iter().position(|class| synonyms(class).any(|name| name == wanted)) {
        return Ok(index);
    }
    if let Ok(index) = wanted.parse::<usize>() {
        let last = classes.len() - 1;
        let why = format!("there is no class {index}; the model's classes are 0 to {last}");
        return if index <= last { Ok(index) } else { Err(Error::Argument(why)) };
    }
    let closeness = |class: &String| {
        let name_closeness = |name: String| {
            let contained = name.contains(&wanted) || wanted.contains(&name);
            strsim::jaro_winkler(&name, &wanted) + if contained { 1.0 } else { 0.0 }
        };
        synonyms(class).map(name_closeness).fold(0.0, f64::max)
    };
    let mut ranked: Vec<(f64, &String)> = classes.iter().map(|class| (closeness(class), class)).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let nearest: Vec<String> = ranked.iter().take(3).map(|(_, class)| format!("{class:?}")).collect();
    Err(Error::Argument(format!("the model has no class {text:?}; the nearest names are {}", nearest.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes() -> Vec<String> {
        ["goldfish, Carassius auratus", "fiddler crab", "Egyptian cat", "7"].map(String::from).to_vec()
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
    }
}
