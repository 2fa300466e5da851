//! Pictures without class folders may have a text that says what each shows, as the validation pictures of Tiny
//! ImageNet and ImageNet do. A text of another kind gives words for WordNet's numbers.

use std::collections::{BTreeMap, HashMap};

use super::layout::{Class, Folders};
use super::listing::{DataFile, Listing};
use crate::Result;
use crate::model::split_number;

/// A longer text is no list of pictures.
const MOST_BYTES: usize = 256 << 20;

/// Returns the classes of pictures that lie in one folder, by the text that lists nearly all of them; `None` where
/// there is none.
///
/// # Errors
/// [`crate::Error::Data`] for a text that cannot be read.
pub(super) fn classes_of(listing: &Listing, folders: &Folders) -> Result<Option<(Vec<Class>, String)>> {
    let pictures = folders.pictures();
    let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
    let by_stem: HashMap<String, usize> =
        pictures.iter().map(|&number| (stem(listing.pictures[number].name()), number)).collect();
    if by_stem.is_empty() {
        return Ok(None);
    }
    // Of the texts, those nearest to the pictures come first.
    let nearness = |file: &&DataFile| {
        let near = folders.root.starts_with(file.folder()) || file.folder().starts_with(&folders.root);
        (!near, usize::MAX - file.folder().len())
    };
    let mut texts: Vec<&DataFile> = listing.others.iter().filter(|file| is_text(file)).collect();
    texts.sort_by_key(nearness);
    for file in texts {
        let text = listing.read(file, &mut |_| true)?;
        if text.len() > MOST_BYTES {
            continue;
        }
        let Ok(text) = crate::files::text(text.into_owned()) else { continue };
        let found = listed(&text, &by_stem).or_else(|| in_order(&text, &pictures));
        if let Some(found) = found {
            let mut classes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
            found.into_iter().for_each(|(class, number)| classes.entry(class).or_default().push(number));
            let class = |(name, mut pictures): (&str, Vec<usize>)| {
                pictures.sort_unstable();
                Class { name: name.to_owned(), pictures }
            };
            return Ok(Some((classes.into_iter().map(class).collect(), file.path.clone())));
        }
    }
    Ok(None)
}

fn is_text(file: &DataFile) -> bool {
    let lower = file.name().to_lowercase();
    ["txt", "csv", "tsv"].iter().any(|end| lower.rsplit_once('.').is_some_and(|(_, extension)| extension == *end))
}

/// Returns the classes of pictures that a text lists line by line, the name of the picture first. Nearly all pictures
/// have to stand there.
fn listed<'a>(text: &'a str, by_stem: &HashMap<String, usize>) -> Option<Vec<(&'a str, usize)>> {
    let mut found = HashMap::new();
    for line in text.lines() {
        let separator = [',', '\t', ';'].into_iter().find(|separator| line.contains(*separator)).unwrap_or(' ');
        let mut fields = line.split(separator).map(|field| field.trim().trim_matches('"'));
        let (Some(name), Some(class)) = (fields.next(), fields.next()) else { continue };
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let number = by_stem.get(name).or_else(|| by_stem.get(name.rsplit_once('.')?.0));
        // "n03995372 85 1 499 272": the number, and where in the picture it is.
        let class = class.split(' ').next().filter(|first| split_number(first).is_some()).unwrap_or(class);
        if let Some(&number) = number.filter(|_| !class.is_empty()) {
            found.entry(number).or_insert(class);
        }
    }
    let is_nearly_all = found.len() * 10 >= by_stem.len() * 9;
    is_nearly_all.then(|| found.into_iter().map(|(number, class)| (class, number)).collect())
}

/// Returns the classes of pictures in their order, from a text of WordNet's numbers alone.
fn in_order<'a>(text: &'a str, pictures: &[usize]) -> Option<Vec<(&'a str, usize)>> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let is_number = |line: &str| split_number(line).is_some_and(|(_, rest)| rest.is_empty());
    let fits = lines.len() == pictures.len() && lines.iter().all(|line| is_number(line));
    fits.then(|| lines.into_iter().zip(pictures.iter().copied()).collect())
}

/// Returns the words for WordNet's numbers that lie beside the pictures: Tiny ImageNet's `words.txt`, ImageNet's
/// `LOC_synset_mapping.txt`.
pub(super) fn words(listing: &Listing) -> Result<HashMap<String, String>> {
    let is_words = |file: &&DataFile| {
        let name = file.name().to_lowercase();
        name == "words.txt" || name.ends_with("synset_mapping.txt") || name.ends_with("synset_words.txt")
    };
    let mut words = HashMap::new();
    for file in listing.others.iter().filter(is_words) {
        for line in listing.text(file, &mut |_| true)?.lines() {
            if let Some((number, name)) = line.split_once([' ', '\t'])
                && split_number(number).is_some()
            {
                // The first of several words is enough.
                let first = name.split(',').next().unwrap_or(name).trim();
                words.entry(number.to_owned()).or_insert_with(|| first.to_owned());
            }
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_stem() -> HashMap<String, usize> {
        HashMap::from([("val_0".to_owned(), 0), ("val_1".to_owned(), 1)])
    }

    #[test]
    fn texts_say_what_pictures_show() {
        let sorted = |text| {
            let mut found = listed(text, &by_stem())?;
            found.sort_by_key(|(_, number)| *number);
            Some(found)
        };
        let expected = Some(vec![("n03444034", 0), ("n04067472", 1)]);
        for text in [
            "val_0.JPEG\tn03444034\t0\t32\t44\t62\r\nval_1.JPEG\tn04067472\t52\t55\t57\t59\r\n",
            "ImageId,PredictionString\nval_0,n03444034 85 1 499 272 \nval_1,n04067472 1 2 3 4\n",
            "val/val_0.JPEG n03444034\nval/val_1.JPEG n04067472\n",
        ] {
            assert_eq!(sorted(text), expected, "{text}");
        }
        assert_eq!(
            sorted("id,breed\nval_0,boston bull\nval_1,\"dingo\"\n"),
            Some(vec![("boston bull", 0), ("dingo", 1)])
        );
        assert_eq!(sorted("val_0.JPEG 65\n"), None);
        assert_eq!(in_order("n03444034\nn04067472\n", &[5, 7]), Some(vec![("n03444034", 5), ("n04067472", 7)]));
        assert_eq!(in_order("490\n361\n", &[5, 7]), None);
    }
}
