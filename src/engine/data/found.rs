//! A path becomes a data set: its files are listed, and what they are is found.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::array::ArraySet;
use super::layout::{Class, Folders, Parts, Purpose, arrange, lacking, why_none};
use super::listing::{DataFile, Listing};
use super::{Split, Watch, annotations, archive, cifar, csv, idx, matlab, numpy};
use crate::file_kind::FileKind;
use crate::files::open_ordinary;
use crate::model::{imagenet_class, imagenet_names, split_number};
use crate::{Error, Result};

/// This is a data set that was found at a path.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) listing: Arc<Listing>,
    pub(super) content: Content,
    pub(super) notes: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Content {
    /// The pictures lie in class folders, or a text says what they show.
    Folders(Parts<Vec<Class>>),
    Arrays(Box<dyn ArraySet>),
}

impl Found {
    /// Finds the data set at a path: a folder, an archive, or a file of arrays.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Data`] for what is no data set or is damaged; [`Error::Stopped`].
    pub(super) fn open(path: &Path, watch: &mut Watch) -> Result<Self> {
        let about = std::fs::metadata(path).map_err(Error::io("open this data set", path))?;
        let listing = if about.is_dir() {
            Arc::new(Listing::of_folder(path, watch)?)
        } else if is_archive(path)? {
            archive::open(path, watch)?
        } else {
            Arc::new(Listing::of_file(path)?)
        };
        Self::of_listing(listing, path)
    }

    /// Finds the data set that one file is, by its name and its bytes.
    pub(super) fn of_bytes(name: &str, bytes: &[u8]) -> Result<Self> {
        let file = DataFile::packed(name.to_owned(), Arc::from(bytes));
        Self::of_listing(Arc::new(Listing::of_archive(Path::new(""), vec![file], &[])), Path::new(name))
    }

    fn of_listing(listing: Arc<Listing>, path: &Path) -> Result<Self> {
        let refuse = |why: String| Error::Data { path: path.to_owned(), why };
        let mut sets = array_sets(&listing)?;
        if let Some(asked) = &listing.asked {
            sets.retain(|set| set.has(asked));
        }
        let mut notes: Vec<String> = listing.left_out().into_iter().collect();
        if sets.len() > 1 {
            let titles: Vec<String> = sets.iter().map(|set| format!("\n  - {}", set.title())).collect();
            let why =
                format!("there are {} data sets; give the folder or a file of one:{}", sets.len(), titles.concat());
            return Err(refuse(why));
        }
        if let Some(set) = sets.pop() {
            if !listing.pictures.is_empty() {
                notes.push(format!(
                    "{} is read, and the {} picture files beside it are not",
                    set.title(),
                    listing.pictures.len()
                ));
            }
            return Ok(Self { listing, content: Content::Arrays(set), notes });
        }
        if listing.asked.is_some() {
            return Err(refuse(why_no_set(path)?));
        }
        let parts = parts(&listing, &mut notes)?;
        let parts = parts.ok_or_else(|| refuse(why_none(&listing)))?;
        Ok(Self { listing, content: Content::Folders(parts), notes })
    }

    /// Returns the names of the classes that a new net for this set gets; none for arrays that only number them.
    pub(super) fn class_names(&self) -> Result<Option<Vec<String>>> {
        let Content::Folders(parts) = &self.content else { return Ok(None) };
        let classes = self.of_split(parts, Split::Train)?;
        let words = annotations::words(&self.listing)?;
        Ok(Some(classes.iter().map(|class| class_name(&class.name, &words)).collect()))
    }

    pub(super) fn of_split<'a>(&self, parts: &'a Parts<Vec<Class>>, split: Split) -> Result<&'a Vec<Class>> {
        parts.of_split(split).map_err(|why| Error::Data { path: self.listing.root.clone(), why })
    }

    /// Says which classes the pictures for a split lack.
    pub(super) fn lacking(&self, parts: &Parts<Vec<Class>>, split: Split) -> Option<String> {
        let names = |classes: &'_ Vec<Class>| classes.iter().map(|class| class.name.clone()).collect::<Vec<_>>();
        let own = names(parts.of_split(split).ok()?);
        let other = names(parts.of_other(split)?);
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        lacking(split, &own, other.iter().map(String::as_str))
    }
}

/// Returns what a class is called: the folder's name, or, of a number of WordNet's, a word with it.
fn class_name(folder: &str, words: &std::collections::HashMap<String, String>) -> String {
    let Some((number, "")) = split_number(folder) else { return folder.to_owned() };
    let own = words.get(number).map(String::as_str);
    let known = || imagenet_class(number).map(|class| imagenet_names()[class]);
    own.or_else(known).map_or_else(|| folder.to_owned(), |word| format!("{word} ({number})"))
}

/// Returns all sets of arrays among some files.
fn array_sets(listing: &Listing) -> Result<Vec<Box<dyn ArraySet>>> {
    let mut sets: Vec<Box<dyn ArraySet>> = Vec::new();
    sets.extend(idx::find(listing).into_iter().map(|set| Box::new(set) as Box<dyn ArraySet>));
    sets.extend(cifar::find(listing).into_iter().map(|set| Box::new(set) as Box<dyn ArraySet>));
    sets.extend(numpy::find(listing)?.into_iter().map(|set| Box::new(set) as Box<dyn ArraySet>));
    sets.extend(matlab::find(listing).into_iter().map(|set| Box::new(set) as Box<dyn ArraySet>));
    sets.extend(csv::find(listing)?.into_iter().map(|set| Box::new(set) as Box<dyn ArraySet>));
    Ok(sets)
}

/// Returns the parts of a set of picture files; `None` where there are none in class folders.
fn parts(listing: &Listing, notes: &mut Vec<String>) -> Result<Option<Parts<Vec<Class>>>> {
    let mut whole = None;
    let mut by_purpose: BTreeMap<Purpose, Vec<Class>> = BTreeMap::new();
    let arranged = arrange(&listing.pictures);
    let known: Vec<String> = arranged
        .values()
        .filter(|part| !part.is_flat())
        .flat_map(|part| &part.classes)
        .map(|class| class.name.clone())
        .collect();
    let mut unlabelled = Vec::new();
    for (purpose, folders) in arranged {
        let classes =
            if folders.is_flat() { flat(listing, folders, &known, notes)? } else { folders_with(folders, notes) };
        match (purpose, classes) {
            (_, None) => unlabelled.extend(purpose),
            (None, Some(classes)) => whole = Some(classes),
            (Some(purpose), Some(classes)) => drop(by_purpose.insert(purpose, classes)),
        }
    }
    for purpose in unlabelled {
        let name = match purpose {
            Purpose::Train => "training",
            Purpose::Test => "test",
            Purpose::Validation => "validation",
        };
        notes.push(format!("the {name} pictures lie in no class folders, and no text says what they show: left out"));
    }
    if by_purpose.contains_key(&Purpose::Test) && by_purpose.contains_key(&Purpose::Validation) {
        notes.push("its own pictures for validation are not used".into());
    }
    Ok(Parts::of_purposes(whole, by_purpose))
}

fn folders_with(folders: Folders, notes: &mut Vec<String>) -> Option<Vec<Class>> {
    if !folders.loose.is_empty() {
        let count = folders.loose.len();
        let verb = if count == 1 { "picture lies" } else { "pictures lie" };
        notes.push(format!("{count} {verb} beside the class folders: left out"));
    }
    Some(folders.classes)
}

/// Returns the classes of pictures that all lie in one folder: those that a text lists, or the one of the folder.
fn flat(listing: &Listing, folders: Folders, known: &[String], notes: &mut Vec<String>) -> Result<Option<Vec<Class>>> {
    let is_known = |class: &Class| known.is_empty() || known.contains(&class.name);
    let named = folders.classes.first().filter(|class| is_known(class));
    if let Some(named) = named.filter(|_| !known.is_empty()) {
        return Ok(Some(vec![named.clone()]));
    }
    if let Some((classes, text)) = annotations::classes_of(listing, &folders)? {
        notes.push(format!(
            "{text} says what the pictures in {:?} show",
            if folders.root.is_empty() { "." } else { &folders.root }
        ));
        return Ok(Some(classes));
    }
    Ok(named.map(|class| vec![class.clone()]))
}

/// Tells whether a file is an archive of others, by its content.
fn is_archive(path: &Path) -> Result<bool> {
    use std::io::Read;
    let doing = "open this archive";
    let mut start = Vec::new();
    open_ordinary(path, doing)?.take(1024).read_to_end(&mut start).map_err(Error::io(doing, path))?;
    let kind = match FileKind::of(&start) {
        FileKind::Gzip => archive::kind_within(path)?,
        kind => kind,
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_called_tar = [".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar"].iter().any(|end| name.ends_with(end));
    let is_npz = || path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"));
    let is_packed = matches!(FileKind::of(&start), FileKind::Gzip);
    Ok(matches!(kind, FileKind::Tar | FileKind::Xz)
        || (is_called_tar && is_packed)
        || (kind == FileKind::Zip && !is_npz()))
}

/// Returns why a file is no data set.
fn why_no_set(path: &Path) -> Result<String> {
    use std::io::Read;
    let mut start = Vec::new();
    let doing = "open this file";
    open_ordinary(path, doing)?.take(4096).read_to_end(&mut start).map_err(Error::io(doing, path))?;
    let kind = FileKind::of(&start);
    let what = if kind == FileKind::Unknown { String::new() } else { format!(", but {}", kind.name()) };
    Ok(format!(
        "this file is no data set{what}; give the folder that holds the IDX files or the class folders, or a .tar, \
         .tar.gz, .tar.xz or .zip of them, or a .npz, .mat or .csv of pictures and labels"
    ))
}
