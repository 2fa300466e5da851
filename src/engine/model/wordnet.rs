//! WordNet numbers the things that ImageNet's classes stand for: n01443537 is the goldfish. Folders of ImageNet and of
//! its kin are called by these numbers.

use std::sync::OnceLock;

/// The numbers of the thousand classes of ILSVRC 2012, in the order of the classes, which is also their own.
const NUMBERS: &str = include_str!("../../../models/imagenet_wordnet.txt");
const NAMES: &str = include_str!("../../../models/imagenet_classes.txt");

/// Returns the numbers of ImageNet's thousand classes in the order of the classes.
pub fn imagenet_numbers() -> &'static [&'static str] {
    static LINES: OnceLock<Vec<&'static str>> = OnceLock::new();
    LINES.get_or_init(|| NUMBERS.lines().collect())
}

/// Returns the names of ImageNet's thousand classes; two cranes and two maillots have the same.
pub fn imagenet_names() -> &'static [&'static str] {
    static LINES: OnceLock<Vec<&'static str>> = OnceLock::new();
    LINES.get_or_init(|| NAMES.lines().collect())
}

/// Returns the class of ImageNet that has this number.
pub fn imagenet_class(number: &str) -> Option<usize> {
    imagenet_numbers().binary_search(&number).ok()
}

/// Returns the number that a text begins with and what follows it: `n01443537` and `goldfish` of
/// `n01443537_goldfish`, and `n01443537` and nothing of the number alone.
pub fn split_number(text: &str) -> Option<(&str, &str)> {
    let (number, rest) = text.split_at_checked(9)?;
    let is_number = number.strip_prefix('n')?.bytes().all(|byte| byte.is_ascii_digit());
    let rest = if rest.is_empty() { rest } else { rest.strip_prefix(['_', '-', ' ', '.', ','])? };
    is_number.then_some((number, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_imagenets() {
        assert_eq!((imagenet_numbers().len(), imagenet_names().len()), (1000, 1000));
        assert!(imagenet_numbers().is_sorted() && imagenet_numbers().iter().all(|n| split_number(n).is_some()));
        for (number, class, name) in [
            ("n01440764", 0, "tench"),
            ("n02012849", 134, "crane"),
            ("n03126707", 517, "crane"),
            ("n02102040", 217, "English springer"),
            ("n15075141", 999, "toilet tissue"),
        ] {
            assert_eq!(imagenet_class(number), Some(class));
            assert_eq!(imagenet_names()[class], name);
        }
        assert_eq!(imagenet_class("n00000001"), None);
    }

    #[test]
    fn numbers_stand_at_the_beginning() {
        assert_eq!(split_number("n01443537_goldfish"), Some(("n01443537", "goldfish")));
        assert_eq!(split_number("n01443537"), Some(("n01443537", "")));
        for text in ["n0144353_goldfish", "n014435370", "m01443537", "goldfish", "", "n0144353é"] {
            assert_eq!(split_number(text), None, "{text}");
        }
    }
}
