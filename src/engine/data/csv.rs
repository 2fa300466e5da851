//! Tables of pixels, as Kaggle has them: a line for each picture, with its label and its grey levels.

use super::Split;
use super::array::{ArrayPart, ArraySet, Images, make_planar, of_split};
use super::layout::{Parts, Purpose};
use super::listing::{DataFile, Listing};
use super::watch::{Watch, part};
use crate::{Error, Result};

/// A picture has at least so many pixels: fewer numbers in a line are something else.
const LEAST_PIXELS: usize = 16;
/// The first line may have so many bytes.
const MOST_LINE: u64 = 4 << 20;
/// So many lines are read between two looks at the watch.
const AT_ONCE: usize = 256;
const LABELS: [&str; 6] = ["label", "labels", "class", "target", "y", "emotion"];

/// The columns of a table.
#[derive(Clone, Debug, PartialEq)]
struct Columns {
    label: Option<usize>,
    /// The columns that are pixels, from the first one on; or one column with all pixels, with spaces between.
    first: usize,
    pixels: usize,
    /// This column says whether a line is for training or for tests, as in FER-2013.
    usage: Option<usize>,
    has_header: bool,
    separator: char,
}

impl Columns {
    /// Reads them from the first line; `None` for a table of something else.
    fn of(line: &str) -> Option<Self> {
        let line = line.trim_start_matches('\u{feff}').trim_end();
        let separator = [',', ';', '\t'].into_iter().find(|separator| line.contains(*separator))?;
        let fields: Vec<String> =
            line.split(separator).map(|field| field.trim().trim_matches('"').to_lowercase()).collect();
        let label = fields.iter().position(|field| LABELS.contains(&field.as_str()));
        let usage = fields.iter().position(|field| field == "usage");
        if let Some(first) = fields.iter().position(|field| field == "pixels") {
            return Some(Self { label, first, pixels: 1, usage, has_header: true, separator });
        }
        let is_pixel = |field: &String| {
            let digits = field.trim_start_matches("pixel").trim_start_matches("px");
            digits.parse::<u32>().is_ok()
                || digits.split_once('x').is_some_and(|(a, b)| a.parse::<u32>().is_ok() && b.parse::<u32>().is_ok())
        };
        let has_header = fields.iter().any(|field| field.parse::<f64>().is_err());
        if !has_header {
            // Lines of numbers alone: the label comes first.
            return (fields.len() > LEAST_PIXELS).then_some(Self {
                label: Some(0),
                first: 1,
                pixels: fields.len() - 1,
                usage: None,
                has_header,
                separator,
            });
        }
        let first = (0..fields.len()).find(|&i| Some(i) != label && is_pixel(&fields[i]))?;
        let pixels = (first..fields.len()).take_while(|&i| Some(i) != label && is_pixel(&fields[i])).count();
        (pixels >= LEAST_PIXELS).then_some(Self { label, first, pixels, usage, has_header, separator })
    }
}

/// These are tables of pixels.
#[derive(Debug)]
pub(super) struct CsvSet {
    folder: String,
    parts: Parts<DataFile>,
}

/// Returns the sets of tables among these files: one for each folder.
///
/// # Errors
/// [`Error::Data`] for a file that cannot be read.
pub(super) fn find(listing: &Listing) -> Result<Vec<CsvSet>> {
    let mut folders: Vec<(&str, Vec<(&DataFile, Columns)>)> = Vec::new();
    for file in &listing.others {
        let lower = file.name().to_lowercase();
        let is_table = [".csv", ".csv.gz", ".tsv"].iter().any(|end| lower.ends_with(end));
        if !is_table && listing.asked.as_deref() != Some(&file.path) {
            continue;
        }
        let Some(columns) = first_line(listing, file).and_then(|line| Columns::of(&line)) else { continue };
        match folders.last_mut().filter(|(folder, _)| *folder == file.folder()) {
            Some((_, files)) => files.push((file, columns)),
            None => folders.push((file.folder(), vec![(file, columns)])),
        }
    }
    let set = |(folder, files): (&str, Vec<(&DataFile, Columns)>)| {
        let is_asked = |file: &DataFile| listing.asked.as_deref() == Some(&file.path);
        let purpose = |file: &DataFile| {
            let mut words = file.name().split(|c: char| !c.is_ascii_alphabetic()).filter(|_| !is_asked(file));
            words.find_map(Purpose::of)
        };
        let labelled = || files.iter().filter(|(_, columns)| columns.label.is_some()).map(|(file, _)| *file);
        let by_purpose = labelled().filter_map(|file| Some((purpose(file)?, file.clone()))).collect();
        let whole = labelled().find(|file| purpose(file).is_none()).cloned();
        Some(CsvSet { folder: folder.to_owned(), parts: Parts::of_purposes(whole, by_purpose)? })
    };
    Ok(folders.into_iter().filter_map(set).collect())
}

fn first_line(listing: &Listing, file: &DataFile) -> Option<String> {
    use std::io::{BufRead, BufReader, Read};
    let mut line = Vec::new();
    BufReader::new(listing.open(file).ok()?).take(MOST_LINE).read_until(b'\n', &mut line).ok()?;
    String::from_utf8(line).ok()
}

impl ArraySet for CsvSet {
    fn title(&self) -> String {
        let within = if self.folder.is_empty() { "this folder" } else { &self.folder };
        format!("the tables of pixels in {within}")
    }

    fn has(&self, path: &str) -> bool {
        self.parts.any(|file| file.path == path)
    }

    fn read(&self, listing: &Listing, split: Split, watch: &mut Watch) -> Result<ArrayPart> {
        let file = of_split(listing, &self.parts, split)?;
        let text = listing.text(file, &mut part(watch, 0.0, 0.3))?;
        let table = Table::read(&text, split, &mut part(watch, 0.3, 1.0));
        let table = table.map_err(|why| Error::Data { path: listing.path(file), why })?;
        Ok(ArrayPart { images: table.images, labels: table.labels, names: None, notes: table.notes })
    }
}

struct Table {
    images: Images,
    labels: Vec<usize>,
    notes: Vec<String>,
}

impl Table {
    fn read(text: &str, split: Split, watch: &mut Watch) -> Result<Self, String> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
        let first = lines.peek().map_or("", |(_, line)| *line);
        let columns = Columns::of(first).ok_or("it is no table of pixels; expected columns label, pixel0, pixel1 …")?;
        let label = columns.label.ok_or("it has no column label: these pictures cannot be judged")?;
        if columns.has_header {
            lines.next();
        }
        let (mut bytes, mut labels, mut size, mut left_out, mut read) = (Vec::new(), Vec::new(), 0, 0, 0);
        for (number, line) in lines {
            let wrong = |what: &str| format!("line {}: {what}", number + 1);
            read += line.len() + 1;
            if number % AT_ONCE == 0 && !watch(read as f32 / text.len() as f32) {
                return Err("stopped".into());
            }
            let before = bytes.len();
            let (mut found, mut is_wanted) = (None, true);
            for (i, field) in line.trim_end().split(columns.separator).enumerate() {
                let field = field.trim().trim_matches('"');
                if i == label {
                    let whole = field.strip_suffix(".0").unwrap_or(field);
                    found = Some(whole.parse::<usize>().map_err(|_| wrong(&format!("the label is {field:?}")))?);
                } else if Some(i) == columns.usage {
                    is_wanted = field.eq_ignore_ascii_case("training") == (split == Split::Train);
                } else if i == columns.first && columns.pixels == 1 {
                    for value in field.split_whitespace() {
                        bytes.push(level(value).ok_or_else(|| wrong(&no_level(value)))?);
                    }
                } else if (columns.first..columns.first + columns.pixels).contains(&i) {
                    bytes.push(level(field).ok_or_else(|| wrong(&no_level(field)))?);
                }
            }
            let found = found.ok_or_else(|| wrong("there is no label"))?;
            if !is_wanted {
                bytes.truncate(before);
                left_out += 1;
                continue;
            }
            if size == 0 {
                size = bytes.len();
            }
            if bytes.len() - before != size {
                return Err(wrong(&format!("there are {} pixels; expected {size}", bytes.len() - before)));
            }
            labels.push(found);
        }
        let side = size.isqrt();
        let grey = side * side == size && side > 0;
        let colour_side = (size / 3).isqrt();
        let images = match () {
            () if labels.is_empty() => return Err("it holds no pictures for this split".into()),
            () if grey => Images { width: side, height: side, channels: 1, bytes },
            () if 3 * colour_side * colour_side == size => {
                make_planar(&mut bytes, 3, colour_side * colour_side);
                Images { width: colour_side, height: colour_side, channels: 3, bytes }
            }
            () => return Err(format!("its pictures have {size} pixels; expected squares, such as 784 for 28×28")),
        };
        let notes = (left_out > 0).then(|| format!("{left_out} lines are for another use, as the column Usage says"));
        Ok(Self { images, labels, notes: notes.into_iter().collect() })
    }
}

/// Returns a grey level, which other programs may have written as a float.
fn level(text: &str) -> Option<u8> {
    let value = text.parse::<u8>().ok();
    value.or_else(|| {
        text.parse::<f64>()
            .ok()
            .filter(|value| (0.0..=255.0).contains(value) && value.fract() == 0.0)
            .map(|value| value as u8)
    })
}

fn no_level(text: &str) -> String {
    format!("a pixel is {text:?}; expected a whole number from 0 to 255")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_their_names_or_their_numbers() {
        let names: Vec<String> = (0..16).map(|i| format!("pixel{i}")).collect();
        let columns = Columns::of(&format!("\u{feff}label,{}\r\n", names.join(","))).unwrap();
        assert_eq!((columns.label, columns.first, columns.pixels, columns.has_header), (Some(0), 1, 16, true));
        let columns = Columns::of(&format!("{};class", names.join(";"))).unwrap();
        assert_eq!((columns.label, columns.first, columns.pixels, columns.separator), (Some(16), 0, 16, ';'));
        let columns = Columns::of(&["7"; 17].join(",")).unwrap();
        assert_eq!((columns.label, columns.first, columns.pixels, columns.has_header), (Some(0), 1, 16, false));
        assert_eq!(Columns::of(&names.join(",")).unwrap().label, None);
        let fer = Columns::of("emotion,pixels,Usage").unwrap();
        assert_eq!((fer.label, fer.first, fer.usage), (Some(0), 1, Some(2)));
        for other in ["file,label", "a", "", "id,breed", "1,2,3"] {
            assert_eq!(Columns::of(other), None, "{other}");
        }
    }

    #[test]
    fn damaged_tables_name_the_line() {
        let header = format!("label,{}", (0..16).map(|i| format!("pixel{i}")).collect::<Vec<_>>().join(","));
        let row = |label: &str, level: &str, count: usize| format!("{label},{}", vec![level; count].join(","));
        let read =
            |rows: &[String]| Table::read(&format!("{header}\r\n{}", rows.join("\r\n")), Split::Train, &mut |_| true);
        let table = read(&[row("3", "7", 16), row("0", "255.0", 16)]).unwrap();
        assert_eq!((table.labels, table.images.width, table.images.len()), (vec![3, 0], 4, 2));
        for (bad, part) in [
            (row("3", "256", 16), "line 3: a pixel is \"256\""),
            (row("3", "7", 15), "line 3: there are 15 pixels"),
            (row("x", "7", 16), "line 3: the label is \"x\""),
        ] {
            let message = read(&[row("1", "1", 16), bad]).map(drop).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
    }
}
