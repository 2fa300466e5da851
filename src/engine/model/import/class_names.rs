//! The names of classes: those of well-known data sets by their number, or a person's own from a file.

use std::path::Path;

use crate::model::manifest::read_text;
use crate::{Error, Result};

/// A list of class names that a net of as many outputs may have been trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassNames {
    /// Its usual name: "ImageNet", "digits", "numbers".
    pub name: &'static str,
    pub names: Vec<String>,
}

const CIFAR10: &str = "airplane automobile bird cat deer dog frog horse ship truck";

const CLOTHES: &str = "T-shirt/top,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot";

/// CIFAR-100's fine labels, in their order.
const CIFAR100: &str = "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus \
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup \
    dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion \
    lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear \
    pickup_truck pine_tree plain plate poppy \
    porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider \
    squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle \
    wardrobe whale willow_tree wolf woman worm";

/// Returns the lists of so many names, the likeliest for such pictures first; numbers are always among them.
pub fn known_class_names(count: usize, [channels, height, width]: [usize; 3]) -> Vec<ClassNames> {
    let list = |name, names: Vec<String>| ClassNames { name, names };
    let numbers = || (0..count).map(|class| class.to_string()).collect();
    let words = |text: &str| text.split_whitespace().map(|word| word.replace('_', " ")).collect();
    let is_small = height.max(width) <= 40;
    let mut lists = Vec::new();
    match count {
        10 => {
            let digits = list("digits", numbers());
            let cifar = list("cifar10", words(CIFAR10));
            let clothes = list("fashion-mnist", CLOTHES.split(',').map(str::to_owned).collect());
            if channels == 1 && is_small {
                lists.extend([digits, clothes]);
            } else {
                lists.extend([cifar, digits]);
            }
        }
        100 => lists.push(list("cifar100", words(CIFAR100))),
        1000 => lists.push(list("imagenet", imagenet())),
        // The place 0 of TensorFlow's older nets is that of no class at all.
        1001 => lists.push(list("imagenet", std::iter::once("background".to_owned()).chain(imagenet()).collect())),
        _ => {}
    }
    lists.push(list("numbers", numbers()));
    lists
}

fn imagenet() -> Vec<String> {
    let text = crate::model::embedded::text("imagenet_classes.txt").unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Reads the names of classes from a file: one a line, a JSON list, or a JSON table from numbers to names.
///
/// # Errors
/// [`Error::Data`] for another number of names than `count`, and for JSON that holds something else.
pub fn read_class_names(path: &Path, count: usize) -> Result<Vec<String>> {
    let text = read_text(path, "read the names of the classes")?;
    let refuse = |why: String| Error::Data { path: path.to_owned(), why };
    let text = text.trim_start_matches('\u{feff}');
    let names: Vec<String> = if text.trim_start().starts_with(['[', '{']) {
        let json = serde_json::from_str(text).map_err(|e| refuse(format!("it is no whole JSON text ({e})")))?;
        from_json(&json).ok_or_else(|| {
            refuse("expected a JSON list of names, or a table from the numbers 0, 1, 2 … to names".into())
        })?
    } else {
        text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    };
    if names.len() == count {
        return Ok(names);
    }
    Err(refuse(format!("it names {} classes, and the net has {count}; expected one name a line", names.len())))
}

/// Hugging Face's id2label is a table from numbers to names; older tables of ImageNet hold lists of two names, the
/// second of them for people.
fn from_json(json: &serde_json::Value) -> Option<Vec<String>> {
    let name = |value: &serde_json::Value| match value {
        serde_json::Value::String(name) => Some(name.clone()),
        serde_json::Value::Array(parts) => parts.last()?.as_str().map(str::to_owned),
        _ => None,
    };
    match json {
        serde_json::Value::Array(names) => names.iter().map(name).collect(),
        serde_json::Value::Object(table) => {
            (0..table.len()).map(|class| name(table.get(&class.to_string())?)).collect()
        }
        _ => None,
    }
}
