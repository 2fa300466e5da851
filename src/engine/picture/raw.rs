//! The raw file of a camera holds what its sensor measured, which is no picture yet, and pictures that the camera made
//! of it. The largest of those is shown, and said to be one.

use image::metadata::Orientation;

use super::directories::{Directories, Directory, tag};
use super::jpeg_markers::{Frame, next_marker, segment};
use super::raster::Raster;
use super::{jpeg_reader, tiff_reader};

/// So many pictures of a file are looked at, at most.
const MOST_JPEGS: usize = 1000;
/// A picture whose sides are this share of the sensor's at most, and no longer than the other number, is a thumbnail.
const THUMBNAIL_SHARE: u32 = 4;
const THUMBNAIL_SIDE: u32 = 640;

const DEVELOP: &str = "develop it (darktable, RawTherapee, the camera maker's program) and save it as PNG or JPEG";

/// Returns the name of the raw format of a file, such as "Nikon NEF"; none where it is no raw file.
pub(crate) fn raw_format(bytes: &[u8]) -> Option<&'static str> {
    let starts = |at: usize, with: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(with));
    let by_signature = [
        (0, &b"FUJIFILMCCD-RAW"[..], "Fujifilm RAF"),
        (4, b"ftypcrx ", "Canon CR3"),
        (6, b"HEAPCCDR", "Canon CRW"),
        (0, b"FOVb", "Sigma X3F"),
        (0, b"\0MRM", "Minolta MRW"),
        (0, b"IIRO", "Olympus ORF"),
        (0, b"IIRS", "Olympus ORF"),
        (0, b"MMOR", "Olympus ORF"),
        (0, b"IIU\0", "Panasonic RW2"),
    ];
    if let Some((.., name)) = by_signature.iter().find(|(at, with, _)| starts(*at, with)) {
        return Some(name);
    }
    let is_cr2 = starts(0, b"II*\0") && starts(8, b"CR\x02");
    let file = Directories::read(bytes)?;
    let is_sensor = file.all.iter().any(|directory| is_sensor(&file, directory) || directory.has(tag::DNG_VERSION));
    let make = file.bytes(&file.all[0], tag::MAKE).map(<[u8]>::to_ascii_uppercase).unwrap_or_default();
    // A camera's file that begins with a smaller copy, too, is none of an image editor's.
    let is_small_first = file.number(&file.all[0], tag::SUBFILE_TYPE).is_some_and(|kind| kind & 1 == 1);
    if !(is_cr2 || is_sensor || (!make.is_empty() && is_small_first)) {
        return None;
    }
    if file.all[0].has(tag::DNG_VERSION) {
        return Some("DNG");
    }
    let by_make = [
        (&b"NIKON"[..], "Nikon NEF"),
        (b"CANON", "Canon CR2"),
        (b"SONY", "Sony ARW"),
        (b"PENTAX", "Pentax PEF"),
        (b"RICOH", "Pentax PEF"),
        (b"SAMSUNG", "Samsung SRW"),
        (b"OLYMPUS", "Olympus ORF"),
        (b"HASSELBLAD", "Hasselblad 3FR"),
        (b"KODAK", "Kodak DCR"),
        (b"EASTMAN", "Kodak DCR"),
        (b"LEAF", "Leaf MOS"),
        (b"PHASE ONE", "Phase One IIQ"),
    ];
    let known = by_make.iter().find(|(begin, _)| make.starts_with(begin));
    Some(known.map_or("TIFF with a sensor's values", |(_, name)| name))
}

/// Returns whether a directory holds what a sensor measured: a colour filter array or linear raw values.
fn is_sensor(file: &Directories, directory: &Directory) -> bool {
    matches!(file.number(directory, tag::PHOTOMETRIC), Some(32803 | 34892))
        || matches!(file.number(directory, tag::COMPRESSION), Some(34713 | 32767 | 65535))
}

/// A picture in a raw file.
struct Preview {
    place: Place,
    size: [u32; 2],
}

enum Place {
    /// A JPEG from this byte on.
    Jpeg(usize),
    /// The directory of a TIFF with this number.
    Directory(usize),
}

/// Reads the largest picture in a raw file that the camera made.
///
/// # Errors
/// A sentence where there is none but a thumbnail, or where it is damaged.
pub(super) fn read(bytes: &[u8]) -> Result<Raster, String> {
    let name = raw_format(bytes).unwrap_or("raw");
    let file = Directories::read(bytes);
    let sensor = file.as_ref().and_then(sensor_size);
    let in_directories = file.as_ref().map(finished).unwrap_or_default();
    let area = |preview: &Preview| u64::from(preview.size[0]) * u64::from(preview.size[1]);
    let Some(best) = jpegs(bytes).into_iter().chain(in_directories).max_by_key(area) else {
        return Err(format!("this is a camera's raw file ({name}) without a preview; {DEVELOP}"));
    };
    let [width, height] = best.size;
    let (longest, of_sensor) = (width.max(height), sensor.map_or(0, |size| size[0].max(size[1])));
    if longest <= THUMBNAIL_SIDE && longest.saturating_mul(THUMBNAIL_SHARE) <= of_sensor {
        return Err(format!(
            "this is a camera's raw file ({name}), and its only preview is a thumbnail of {width}×{height}; {DEVELOP}"
        ));
    }
    let mut raster = match best.place {
        Place::Jpeg(at) => jpeg_reader::read(&bytes[at..])?,
        Place::Directory(number) => {
            let file = file.as_ref().ok_or("the file changed")?;
            tiff_reader::read_directory(bytes, file, &file.all[number])?
        }
    };
    // A preview that does not say how the camera was held leaves that to the file around it.
    if raster.orientation == Orientation::NoTransforms
        && let Some(file) = &file
        && let Some(orientation) = file.number(&file.all[0], tag::ORIENTATION)
    {
        raster.orientation = Orientation::from_exif(orientation.min(255) as u8).unwrap_or(Orientation::NoTransforms);
    }
    let smaller = sensor.filter(|size| size[0].max(size[1]) > longest + longest / 8);
    let instead = smaller.map_or_else(String::new, |[width, height]| {
        format!(", not the {width}×{height} of the sensor; for those {DEVELOP}")
    });
    let note =
        format!("A camera's raw file ({name}); shown is the camera's own preview of {width}×{height} pixels{instead}.");
    raster.notes.insert(0, note);
    Ok(raster)
}

/// Returns the size of the largest picture of the sensor.
fn sensor_size(file: &Directories) -> Option<[u32; 2]> {
    let sensors = file.all.iter().filter(|directory| is_sensor(file, directory));
    sensors.filter_map(|directory| file.size(directory)).max_by_key(|size| u64::from(size[0]) * u64::from(size[1]))
}

/// Returns the pictures in directories that are finished ones: grey or RGB, in a compression of TIFF.
fn finished(file: &Directories) -> Vec<Preview> {
    let is_finished = |directory: &Directory| {
        let compression = file.number(directory, tag::COMPRESSION).unwrap_or(1);
        let is_read = matches!(compression, 1 | 5 | 7 | 8 | 32773 | 32946);
        let photometric = file.number(directory, tag::PHOTOMETRIC);
        is_read && (matches!(photometric, Some(2 | 6)) || (photometric == Some(1) && compression != 7))
    };
    let of_number = |(number, directory)| {
        let size = file.size(directory).filter(|_| is_finished(directory))?;
        Some(Preview { place: Place::Directory(number), size })
    };
    file.all.iter().enumerate().filter_map(of_number).collect()
}

/// Finds the JPEGs in a file, of 8 bits and in grey or colour: not those that hold a sensor's values without loss.
fn jpegs(bytes: &[u8]) -> Vec<Preview> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = bytes.get(at..).and_then(|rest| rest.windows(3).position(|window| window == b"\xFF\xD8\xFF"))
    {
        at += next;
        if let Some(frame) = frame(&bytes[at..]) {
            found.push(Preview { place: Place::Jpeg(at), size: [frame.width.into(), frame.height.into()] });
        }
        at += 2;
        if found.len() == MOST_JPEGS {
            break;
        }
    }
    found
}

/// Reads the frame of a JPEG that can be shown, up to its first scan.
fn frame(bytes: &[u8]) -> Option<Frame> {
    let mut at = 2;
    let mut found = None;
    for _ in 0..64 {
        // Segments follow each other without a gap; anything else is no JPEG but chance.
        let (marker, after) = next_marker(bytes, at).filter(|(_, after)| *after == at + 2)?;
        let segment = segment(bytes, after)?;
        match marker {
            0xC0..=0xC2 => found = Frame::read(marker, segment).filter(|frame| frame.check().is_ok()),
            0xDA => {
                return found
                    .filter(|frame| matches!(frame.components(), 1 | 3) && frame.width > 0 && frame.height > 0);
            }
            0xC3..=0xFE if marker != 0xD8 && marker != 0xD9 => {}
            _ => return None,
        }
        at = after + segment.len();
    }
    None
}
