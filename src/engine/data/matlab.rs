//! MATLAB's files of version 5, as SVHN's cropped digits come in: `X` of (height, width, channels, pictures) and `y`.
//! The format is that of MathWorks' "MAT-File Format", chapter 1.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;

use super::Split;
use super::array::{ArrayPart, ArraySet, Number, NumberArray, of_split, paired};
use super::layout::{Parts, Purpose};
use super::listing::{DataFile, Listing, MOST_BYTES};
use super::watch::{Watch, WatchedRead, part};
use crate::{Error, Result};

/// The text and the version before the first element.
const HEADER: usize = 128;
/// A file with more variables is refused.
const MOST_VARIABLES: usize = 1000;

const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;

/// A variable with its name.
struct Variable {
    name: String,
    array: NumberArray<'static>,
}

/// Tells whether bytes begin like a file of this kind.
fn is_version_5(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER && matches!(&bytes[124..128], [0, 1, b'I', b'M'])
}

/// Reads the arrays of numbers in a file; others, such as structures, are passed over.
///
/// # Errors
/// One sentence for a file that is damaged or of another version.
fn variables(bytes: &[u8], watch: &mut Watch) -> Result<Vec<Variable>, String> {
    if bytes.starts_with(b"\x89HDF") || bytes.get(124..126) == Some(&[0, 2]) {
        return Err("it is a MATLAB file of version 7.3 (HDF5); save it again with save(FILE, \"-v7\")".into());
    }
    if !is_version_5(bytes) {
        return Err("it is no MATLAB file of version 5; save it again with save(FILE, \"-v7\")".into());
    }
    let (mut rest, mut found) = (&bytes[HEADER..], Vec::new());
    while !rest.is_empty() {
        let done = (bytes.len() - rest.len()) as f32 / bytes.len() as f32;
        let element = Element::next(&mut rest)?;
        if found.len() >= MOST_VARIABLES {
            return Err(format!("it holds more than {MOST_VARIABLES} variables"));
        }
        match element.kind {
            MATRIX => found.extend(matrix(element.data)?),
            COMPRESSED => {
                let mut unpacked = Vec::new();
                let after = (bytes.len() - rest.len()) as f32 / bytes.len() as f32;
                let (file, of) = (element.data, element.data.len() as u64);
                let watched = WatchedRead { file, read: 0, of, watch: &mut part(watch, done, after) };
                let read = ZlibDecoder::new(watched).take(MOST_BYTES + 1).read_to_end(&mut unpacked);
                if read.is_err() || unpacked.len() as u64 > MOST_BYTES {
                    return Err(DAMAGED.into());
                }
                let inner = Element::next(&mut &unpacked[..])?;
                if inner.kind == MATRIX {
                    found.extend(matrix(inner.data)?);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// A part of a file: what it holds, and the bytes.
struct Element<'a> {
    kind: u32,
    data: &'a [u8],
}

impl<'a> Element<'a> {
    /// Takes the next element, which begins at a multiple of 8 bytes, except behind a packed one.
    fn next(rest: &mut &'a [u8]) -> Result<Self, String> {
        let word = |at: usize| Some(u32::from_le_bytes(*rest.get(at..)?.first_chunk::<4>()?));
        let first = word(0).ok_or(DAMAGED)?;
        // A small element has its length in the upper half of its first word.
        let (kind, length, begin) = match first >> 16 {
            0 => (first, word(4).ok_or(DAMAGED)? as usize, 8),
            length => (first & 0xFFFF, length as usize, 4),
        };
        let data = rest.get(begin..).and_then(|rest| rest.get(..length)).ok_or(DAMAGED)?;
        let end = if begin == 4 { 8 } else { begin + length };
        let end = if kind == COMPRESSED { end } else { end.next_multiple_of(8) };
        *rest = rest.get(end.min(rest.len())..).unwrap_or_default();
        Ok(Self { kind, data })
    }
}

/// Reads a matrix; `None` for one that is no array of real numbers.
fn matrix(mut data: &[u8]) -> Result<Option<Variable>, String> {
    let flags = Element::next(&mut data)?;
    let flags = flags.data.first_chunk::<4>().map(|flags| u32::from_le_bytes(*flags)).ok_or(DAMAGED)?;
    let (class, is_complex) = (flags & 0xFF, flags & 0x800 != 0);
    let sizes = Element::next(&mut data)?.data;
    let name = String::from_utf8_lossy(Element::next(&mut data)?.data).into_owned();
    // Doubles, singles and whole numbers.
    if !(6..=15).contains(&class) || is_complex {
        return Ok(None);
    }
    let size = |bytes: &[u8; 4]| usize::try_from(i32::from_le_bytes(*bytes)).map_err(|_| DAMAGED.to_owned());
    let mut shape = sizes.as_chunks::<4>().0.iter().map(size).collect::<Result<Vec<_>, _>>()?;
    let numbers = Element::next(&mut data)?;
    // Numbers may lie in a smaller format than the class of the array needs.
    let number = match numbers.kind {
        1 => Number::I8,
        2 => Number::U8,
        3 => Number::I16,
        4 => Number::U16,
        5 => Number::I32,
        6 => Number::U32,
        7 => Number::F32,
        9 => Number::F64,
        12 => Number::I64,
        13 => Number::U64,
        _ => return Err(DAMAGED.into()),
    };
    // The first axis is the innermost one.
    shape.reverse();
    let bytes = Cow::Owned(numbers.data.to_vec());
    let array = NumberArray { number, is_big_endian: false, is_fortran: false, shape, bytes }.checked()?;
    Ok(Some(Variable { name, array }))
}

const DAMAGED: &str = "this MATLAB file is damaged or cut short; get it again";

/// These are files of MATLAB's with pictures and labels.
#[derive(Debug)]
pub(super) struct MatlabSet {
    folder: String,
    parts: Parts<DataFile>,
}

/// Returns the sets of MATLAB's files among these: one for each folder.
pub(super) fn find(listing: &Listing) -> Vec<MatlabSet> {
    let is_mat = |file: &&DataFile| file.name().to_lowercase().ends_with(".mat");
    let files: Vec<&DataFile> = listing.others.iter().filter(is_mat).collect();
    let mut folders: Vec<&str> = files.iter().map(|file| file.folder()).collect();
    folders.dedup();
    let set = |folder: &str| {
        let own = files.iter().filter(|file| file.folder() == folder);
        let purpose = |file: &DataFile| {
            if listing.asked.as_deref() == Some(&file.path) {
                return None;
            }
            let words = file.name().split(|c: char| !c.is_ascii_alphabetic());
            words.into_iter().find_map(Purpose::of)
        };
        let by_purpose = own.clone().filter_map(|file| Some((purpose(file)?, (*file).clone()))).collect();
        let whole = own.clone().find(|file| purpose(file).is_none()).map(|file| (*file).clone());
        Some(MatlabSet { folder: folder.to_owned(), parts: Parts::of_purposes(whole, by_purpose)? })
    };
    folders.into_iter().filter_map(set).collect()
}

impl ArraySet for MatlabSet {
    fn title(&self) -> String {
        let within = if self.folder.is_empty() { "this folder" } else { &self.folder };
        format!("MATLAB's files in {within}")
    }

    fn has(&self, path: &str) -> bool {
        self.parts.any(|file| file.path == path)
    }

    fn read(&self, listing: &Listing, split: Split, watch: &mut Watch) -> Result<ArrayPart> {
        let file = of_split(listing, &self.parts, split)?;
        let wrong = |why: String| Error::Data { path: listing.path(file), why };
        let mut found = variables(&listing.read(file, &mut |_| true)?, &mut part(watch, 0.0, 0.9)).map_err(wrong)?;
        let mut take = |names: &[&str], what: &str| {
            let place = found.iter().position(|variable| names.contains(&variable.name.to_lowercase().as_str()));
            place.map(|place| found.swap_remove(place).array).ok_or_else(|| {
                wrong(format!("it has no variable of {what}; expected {} among its variables", names.join(" or ")))
            })
        };
        let images = take(&["x", "images", "data"], "pictures")?;
        let labels = take(&["y", "labels"], "labels")?;
        // Columns of columns: turned, they are rows.
        let images = images.images(&mut part(watch, 0.9, 1.0)).map_err(wrong)?.transposed();
        let mut labels = labels.labels().map_err(wrong)?;
        paired(&images, &labels).map_err(wrong)?;
        // SVHN's digit 0 is class 10.
        let is_svhn = (images.width, images.height, images.channels) == (32, 32, 3)
            && labels.iter().all(|label| (1..=10).contains(label));
        let mut notes = Vec::new();
        if is_svhn {
            labels.iter_mut().filter(|label| **label == 10).for_each(|label| *label = 0);
            notes.push("taken for SVHN's digits: label 10 stands for the digit 0".to_owned());
        }
        let names = is_svhn.then(|| (0..10).map(|digit| digit.to_string()).collect());
        Ok(ArrayPart { images, labels, names, notes })
    }
}
