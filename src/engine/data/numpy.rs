//! NumPy's arrays: `.npz` as Keras and MedMNIST have them, and `.npy`. The format is that of NumPy's
//! `numpy.lib.format`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Split;
use super::array::{ArrayPart, ArraySet, Number, NumberArray, Outline, axes, of_split, paired};
use super::known::Medical;
use super::layout::{Parts, Purpose};
use super::listing::{DataFile, Listing, MOST_BYTES};
use super::watch::{Watch, part};
use crate::model::pytorch::zip;
use crate::{Error, Result};

const MAGIC: &[u8] = b"\x93NUMPY";
/// A longer header is refused.
const MOST_HEADER: usize = 64 << 10;
/// An archive with more arrays is no data set.
const MOST_ARRAYS: u64 = 10_000;

/// This is what the header of a `.npy` file says.
struct Head {
    number: Number,
    is_big_endian: bool,
    is_fortran: bool,
    shape: Vec<usize>,
    /// The numbers begin here.
    begin: usize,
}

/// Reads the header of a `.npy` file from its beginning. Fails as [`read_npy`] does.
fn read_head(bytes: &[u8]) -> Result<Head, String> {
    let (begin, header) = header(bytes).ok_or("this array of NumPy's is damaged or cut short; get it again")?;
    let value = |key: &str| {
        let rest = header.split_once(&format!("'{key}'"))?.1.trim_start().strip_prefix(':')?;
        Some(rest.trim_start())
    };
    let damaged = || format!("the header of this array cannot be read: {}", header.trim());
    let descr = value("descr").ok_or_else(damaged)?;
    let descr = descr.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).map(|(descr, _)| descr);
    let descr = descr.ok_or("this array holds records of several fields; expected numbers")?;
    let (order, name) = match descr.split_at_checked(1) {
        Some((order @ ("<" | ">" | "|" | "="), name)) => (order, name),
        _ => ("|", descr),
    };
    let number = Number::of_numpy(name).ok_or_else(|| {
        let advice = if name.starts_with('O') { ": save it again with a format of numbers" } else { "" };
        format!("this array holds values of the kind {descr:?}; expected numbers{advice}")
    })?;
    let is_fortran = value("fortran_order").ok_or_else(damaged)?.starts_with("True");
    let shape = value("shape").and_then(|rest| rest.strip_prefix('(')?.split_once(')')).ok_or_else(damaged)?.0;
    let axes = shape.split(',').map(str::trim).filter(|axis| !axis.is_empty()).map(|axis| axis.trim_end_matches('L'));
    let shape = axes.map(str::parse).collect::<Result<Vec<usize>, _>>().map_err(|_| damaged())?;
    Ok(Head { number, is_big_endian: order == ">", is_fortran, shape, begin })
}

/// Reads the bytes of a `.npy` file.
///
/// # Errors
/// One sentence for a file that is damaged, or whose numbers are of a kind that holds no pictures.
pub(super) fn read_npy(bytes: Cow<'_, [u8]>) -> Result<NumberArray<'_>, String> {
    let Head { number, is_big_endian, is_fortran, shape, begin } = read_head(&bytes)?;
    let bytes = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[begin..]),
        Cow::Owned(mut bytes) => {
            bytes.drain(..begin);
            Cow::Owned(bytes)
        }
    };
    NumberArray { number, is_big_endian, is_fortran, shape, bytes }.checked()
}

/// Returns where the numbers begin, and the text before them.
fn header(bytes: &[u8]) -> Option<(usize, String)> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (&major, rest) = rest.split_first()?;
    let (_minor, rest) = rest.split_first()?;
    let (length, rest) = match major {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        _ => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
    };
    let text = rest.get(..length).filter(|_| length <= MOST_HEADER)?;
    Some((bytes.len() - rest.len() + length, String::from_utf8_lossy(text).into_owned()))
}

/// An array holds this, as its name says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Content {
    Pictures,
    Labels,
}

/// Returns what the name of an array says: "x_train", "val_images", "kmnist-test-labels".
fn parse(name: &str) -> (Option<Purpose>, Option<Content>) {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is = |names: &[&str]| words.iter().any(|word| names.contains(word));
    let purpose = words.iter().find_map(|word| Purpose::of(word)).or_else(|| {
        // "xtrain", "ytest".
        words.iter().find_map(|word| Purpose::of(word.strip_prefix(['x', 'y'])?))
    });
    let joined =
        |letter: char| words.iter().any(|word| word.strip_prefix(letter).is_some_and(|w| Purpose::of(w).is_some()));
    let content = if is(&["y", "label", "labels", "target", "targets", "class", "classes"]) || joined('y') {
        Some(Content::Labels)
    } else if is(&["x", "image", "images", "img", "imgs", "picture", "pictures", "data", "features", "pixels"])
        || joined('x')
    {
        Some(Content::Pictures)
    } else {
        None
    };
    (purpose, content)
}

/// One array: a file, or a part of one.
#[derive(Clone, Debug)]
struct Place {
    file: DataFile,
    /// The name of the part in a `.npz`.
    part: Option<String>,
}

#[derive(Clone, Debug, Default)]
struct Pair {
    pictures: Option<Place>,
    labels: Option<Place>,
}

/// These are arrays of pictures and labels.
#[derive(Debug)]
pub(super) struct NumpySet {
    title: String,
    parts: Parts<Pair>,
    has_validation: bool,
    files: Vec<String>,
    /// The set of MedMNIST that it is by the name of its file.
    medical: Option<Medical>,
}

/// Returns the sets of NumPy's arrays among these files: one for each `.npz` with pictures and labels, and one for the
/// `.npy` (or `.npz` of single arrays) of each folder.
///
/// # Errors
/// [`Error::Data`] for an archive that is damaged.
pub(super) fn find(listing: &Listing) -> Result<Vec<NumpySet>> {
    let mut sets = Vec::new();
    let mut singles: BTreeMap<&str, Vec<(String, Place)>> = BTreeMap::new();
    for file in &listing.others {
        let lower = file.name().to_lowercase();
        let place = |part: Option<String>| Place { file: file.clone(), part };
        if let Some(stem) = lower.strip_suffix(".npy") {
            singles.entry(file.folder()).or_default().push((stem.to_owned(), place(None)));
        } else if let Some(stem) = lower.strip_suffix(".npz") {
            let arrays = arrays(listing, file)?;
            if let [one] = arrays.as_slice() {
                singles.entry(file.folder()).or_default().push((stem.to_owned(), place(Some(one.clone()))));
                continue;
            }
            let named = arrays.into_iter().map(|part| (part.clone(), place(Some(part)))).collect();
            let set = of_arrays(format!("the arrays in {}", file.path), named);
            sets.extend(set.map(|set| NumpySet { medical: Medical::of(stem), ..set }));
        }
    }
    for (folder, named) in singles {
        let title = format!("the arrays in {}", if folder.is_empty() { "this folder" } else { folder });
        sets.extend(of_arrays(title, named));
    }
    Ok(sets)
}

/// Returns the names of the arrays in a `.npz`.
fn arrays(listing: &Listing, file: &DataFile) -> Result<Vec<String>> {
    let bytes = listing.read(file, &mut |_| true)?;
    let parts = zip::parts(&bytes, MOST_ARRAYS).map_err(|why| Error::Data { path: listing.path(file), why })?;
    Ok(parts.keys().filter_map(|name| name.strip_suffix(".npy")).map(str::to_owned).collect())
}

/// Puts arrays together by their names; `None` where there are no pictures with labels.
fn of_arrays(title: String, named: Vec<(String, Place)>) -> Option<NumpySet> {
    let mut parts: BTreeMap<Option<Purpose>, Pair> = BTreeMap::new();
    let files = named.iter().map(|(_, place)| place.file.path.clone()).collect();
    // Of two arrays without telling names the first one holds the pictures, as in `numpy.savez(file, x, y)`.
    let is_mute = named.len() == 2 && named.iter().all(|(name, _)| parse(name).1.is_none());
    for (i, (name, place)) in named.into_iter().enumerate() {
        let (purpose, content) = parse(&name);
        let mute = if i == 0 { Content::Pictures } else { Content::Labels };
        let pair = parts.entry(purpose).or_default();
        match content.or(is_mute.then_some(mute)) {
            Some(Content::Pictures) => pair.pictures = pair.pictures.take().or(Some(place)),
            Some(Content::Labels) => pair.labels = pair.labels.take().or(Some(place)),
            None => {}
        }
    }
    parts.retain(|_, pair| pair.pictures.is_some() && pair.labels.is_some());
    let has_validation = parts.contains_key(&Some(Purpose::Validation)) && parts.contains_key(&Some(Purpose::Test));
    let whole = parts.remove(&None);
    let parts = parts.into_iter().filter_map(|(purpose, pair)| Some((purpose?, pair))).collect();
    let parts = Parts::of_purposes(whole, parts)?;
    Some(NumpySet { title, parts, has_validation, files, medical: None })
}

impl Place {
    /// Reads the array.
    fn array(&self, listing: &Listing, watch: &mut Watch) -> Result<NumberArray<'static>, String> {
        let bytes = listing.read(&self.file, watch).map_err(|error| error.to_string())?;
        let Some(part) = &self.part else { return read_npy(Cow::Owned(bytes.into_owned())) };
        let parts = zip::parts(&bytes, MOST_ARRAYS)?;
        let part = parts.get(&format!("{part}.npy")).ok_or(MISSING)?;
        if part.len() as u64 > MOST_BYTES {
            return Err(format!("an array has more than {} GiB", MOST_BYTES >> 30));
        }
        read_npy(Cow::Owned(part.read_watched(watch)?.into_owned()))
    }

    /// Reads the header alone.
    fn head(&self, listing: &Listing) -> Result<Head, String> {
        let bytes = listing.read(&self.file, &mut |_| true).map_err(|error| error.to_string())?;
        let Some(part) = &self.part else { return read_head(&bytes) };
        let parts = zip::parts(&bytes, MOST_ARRAYS)?;
        read_head(&parts.get(&format!("{part}.npy")).ok_or(MISSING)?.start(MOST_HEADER + 16)?)
    }

    fn wrong(&self, listing: &Listing) -> impl Fn(String) -> Error {
        let path = listing.path(&self.file);
        move |why| Error::Data { path: path.clone(), why }
    }
}

const MISSING: &str = "an array is missing";

impl NumpySet {
    /// Returns the pictures and the labels for a split.
    fn pair(&self, listing: &Listing, split: Split) -> Result<(&Place, &Place)> {
        let Pair { pictures, labels } = of_split(listing, &self.parts, split)?;
        pictures.as_ref().zip(labels.as_ref()).ok_or_else(|| {
            let why = "pictures or labels are missing".into();
            Error::Data { path: listing.root.clone(), why }
        })
    }
}

impl ArraySet for NumpySet {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file == path)
    }

    fn read(&self, listing: &Listing, split: Split, watch: &mut Watch) -> Result<ArrayPart> {
        let (pictures, of_labels) = self.pair(listing, split)?;
        let array = pictures.array(listing, &mut part(watch, 0.0, 0.8));
        let images = array.and_then(|array| array.images(&mut part(watch, 0.8, 1.0)));
        let images = images.map_err(pictures.wrong(listing))?;
        let labels = of_labels.array(listing, &mut |_| true).and_then(NumberArray::labels);
        let labels = labels.map_err(of_labels.wrong(listing))?;
        paired(&images, &labels).map_err(of_labels.wrong(listing))?;
        let mut notes = Vec::new();
        if let Some(Medical { title, .. }) = self.medical {
            notes.push(format!("taken for {title} by the name of its file"));
        }
        if self.has_validation {
            notes.push("its own pictures for validation are not used".to_owned());
        }
        Ok(ArrayPart { images, labels, names: self.medical.and_then(Medical::classes), notes })
    }

    fn outline(&self, listing: &Listing, watch: &mut Watch) -> Result<Outline> {
        let (pictures, of_labels) = self.pair(listing, Split::Train)?;
        let head = pictures.head(listing).and_then(|head| axes(&head.shape));
        let (axes, _) = head.map_err(pictures.wrong(listing))?;
        let labels = of_labels.array(listing, watch).and_then(NumberArray::labels);
        let labels = labels.map_err(of_labels.wrong(listing))?;
        Ok(Outline::new(axes, &labels, self.medical.and_then(Medical::classes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a `.npy` file of version 1.
    fn npy(header: &str, numbers: &[u8]) -> Vec<u8> {
        let mut file = [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes()].concat();
        file.extend(header.as_bytes());
        file.extend(numbers);
        file
    }

    #[test]
    fn headers_tell_formats_and_orders() {
        let read = |header: &str, numbers: &[u8]| read_npy(Cow::Owned(npy(header, numbers)));
        let array = read("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3), }\n", &[0, 1, 2, 3, 4, 255]);
        let images = array.unwrap().images(&mut |_| true).unwrap();
        assert_eq!((images.width, images.height, images.bytes), (3, 2, vec![0, 1, 2, 3, 4, 255]));
        // np.asfortranarray: the pictures' axis is the innermost.
        let array = read("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2, 2), }", &[1, 5, 3, 7, 2, 6, 4, 8]);
        let images = array.unwrap().images(&mut |_| true).unwrap();
        assert_eq!(images.bytes, [1, 2, 3, 4, 5, 6, 7, 8]);
        let labels = read("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", &[0, 3, 1, 0]);
        assert_eq!(labels.unwrap().labels().unwrap(), [3, 256]);
        let floats: Vec<u8> = [0.0f32, 0.5, 1.0, 0.25].iter().flat_map(|value| value.to_le_bytes()).collect();
        let array = read("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 4), }", &floats);
        assert_eq!(array.unwrap().images(&mut |_| true).unwrap().bytes, [0, 128, 255, 64]);
        let one_hot = read("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", &[0, 0, 1, 1, 0, 0]);
        assert_eq!(one_hot.unwrap().labels().unwrap(), [2, 0]);
        for (header, numbers, part) in [
            ("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", &[0, 0][..], "kind \"|O\""),
            ("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 9), }", &[0, 0], "cut short"),
            ("{'descr': '|u1', 'fortran_order': False, 'shape': (18446744073709551615, 9), }", &[0, 0], "cut short"),
            ("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (2,), }", &[0, 0], "several fields"),
            ("no header", &[], "cannot be read"),
        ] {
            let message = read(header, numbers).map(drop).unwrap_err();
            assert!(message.contains(part), "{header}: {message}");
        }
        assert!(read_npy(Cow::Borrowed(b"\x93NUMPY\x01\x00\xff\xff{")).is_err());
    }

    #[test]
    fn names_of_arrays_tell_their_content() {
        use Content::{Labels, Pictures};
        for (name, purpose, content) in [
            ("x_train", Some(Purpose::Train), Some(Pictures)),
            ("y_test", Some(Purpose::Test), Some(Labels)),
            ("val_images", Some(Purpose::Validation), Some(Pictures)),
            ("kmnist-test-labels", Some(Purpose::Test), Some(Labels)),
            ("X", None, Some(Pictures)),
            ("Y", None, Some(Labels)),
            ("xtrain", Some(Purpose::Train), Some(Pictures)),
            ("arr_0", None, None),
            ("targets", None, Some(Labels)),
        ] {
            assert_eq!(parse(name), (purpose, content), "{name}");
        }
    }
}
