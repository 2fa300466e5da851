//! The raw file of a camera holds what its sensor measured, which is no picture yet, and pictures that the camera made
//! of it. The largest of those is shown, and said to be one.

use std::collections::BTreeSet;

use image::metadata::Orientation;

use super::directories::{Directories, Directory, tag};
use super::jpeg_markers::{Frame, next_marker, segment};
use super::raster::Raster;
use super::{jpeg_reader, tiff_reader};

/// At most so many pictures of a file are looked at.
const MOST_PICTURES: usize = 1000;
/// Cameras store what the sensor measured in JPEGs without loss, which are of this process (SOF3).
const LOSSLESS: u8 = 0xC3;
/// A picture is a thumbnail if it has this share of the sensor's pixels at most, and no side longer than the other
/// number.
const THUMBNAIL_SHARE: u64 = 16;
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

/// This is a picture in a raw file.
struct Preview {
    place: Place,
    size: [u32; 2],
}

enum Place {
    /// A JPEG begins at this byte.
    Jpeg(usize),
    /// The directory of a TIFF with this number holds it.
    Directory(usize),
}

/// These are the pictures in a raw file, and the size of its sensor where the file tells it.
#[derive(Default)]
struct Pictures {
    previews: Vec<Preview>,
    sensor: Option<[u32; 2]>,
}

impl Pictures {
    fn find(bytes: &[u8], file: Option<&Directories>) -> Self {
        let mut pictures = Self::default();
        let mut pieces = BTreeSet::new();
        if let Some(file) = file {
            pictures.previews = finished(file);
            pictures.sensor = sensor_size(file);
            pieces = pieces_of_pictures(file);
        }
        pictures.add_jpegs(bytes, &pieces);
        pictures
    }

    /// Finds the JPEGs in a file. Those of 8 bits in grey or colour are pictures, unless they are a piece of one; those
    /// without loss hold a sensor's values.
    fn add_jpegs(&mut self, bytes: &[u8], pieces: &BTreeSet<u64>) {
        let mut at = 0;
        let next_start = |at: usize| {
            let rest = bytes.get(at..)?;
            Some(at + rest.windows(3).position(|window| window == b"\xFF\xD8\xFF")?)
        };
        while let Some(start) = next_start(at) {
            at = start + 2;
            let Some(frame) = frame(&bytes[start..]) else { continue };
            let size = [u32::from(frame.width), u32::from(frame.height)];
            if frame.process == LOSSLESS {
                // Columns of a colour filter array are taken for components.
                let sensor = [size[0] * frame.components().max(1) as u32, size[1]];
                self.sensor = Some(self.sensor.filter(|known| area(*known) >= area(sensor)).unwrap_or(sensor));
            } else if !pieces.contains(&(start as u64)) {
                self.previews.push(Preview { place: Place::Jpeg(start), size });
            }
            if self.previews.len() >= MOST_PICTURES {
                break;
            }
        }
    }
}

/// Returns the number of pixels of a size.
fn area(size: [u32; 2]) -> u64 {
    u64::from(size[0]) * u64::from(size[1])
}

/// Reads the largest picture in a raw file that the camera made.
///
/// # Errors
/// Returns a sentence where there is none but a thumbnail, or where it is damaged.
pub(super) fn read(bytes: &[u8]) -> Result<Raster, String> {
    let name = raw_format(bytes).unwrap_or("raw");
    let file = Directories::read(bytes);
    let Pictures { previews, sensor } = Pictures::find(bytes, file.as_ref());
    let Some(best) = previews.into_iter().max_by_key(|preview| area(preview.size)) else {
        return Err(format!("this is a camera's raw file ({name}) without a preview; {DEVELOP}"));
    };
    let [width, height] = best.size;
    let longest = width.max(height);
    // A sensor's values take about a byte each where the file does not say how many there are.
    let of_sensor = sensor.map_or(bytes.len() as u64, area);
    if longest <= THUMBNAIL_SIDE && area(best.size) * THUMBNAIL_SHARE <= of_sensor {
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

/// Returns the size of the largest picture of the sensor: a grey one of more than 8 bits is one, too.
fn sensor_size(file: &Directories) -> Option<[u32; 2]> {
    let is_deep_grey = |directory: &Directory| {
        let number = |tag| file.number(directory, tag);
        number(tag::SAMPLES).unwrap_or(1) == 1 && number(tag::BITS).is_some_and(|bits| bits > 8)
    };
    let sensors = file.all.iter().filter(|directory| is_sensor(file, directory) || is_deep_grey(directory));
    sensors.filter_map(|directory| file.size(directory)).max_by_key(|size| area(*size))
}

/// Returns the places of strips and tiles that are no picture for themselves: of a sensor, or several of one picture.
fn pieces_of_pictures(file: &Directories) -> BTreeSet<u64> {
    let places = |directory: &Directory| {
        let places = [tag::STRIP_OFFSETS, tag::TILE_OFFSETS].map(|tag| file.numbers(directory, tag)).concat();
        if is_sensor(file, directory) || places.len() > 1 { places } else { Vec::new() }
    };
    file.all.iter().flat_map(places).collect()
}

/// Returns the pictures in directories that are finished ones: grey or RGB in 8 bits, in a compression of TIFF.
fn finished(file: &Directories) -> Vec<Preview> {
    let is_finished = |directory: &Directory| {
        let number = |tag, otherwise| file.number(directory, tag).unwrap_or(otherwise);
        let compression = number(tag::COMPRESSION, 1);
        let samples = number(tag::SAMPLES, 1);
        let has_colours = match number(tag::PHOTOMETRIC, 0) {
            1 => compression != 7,
            2 | 6 => samples >= 3,
            _ => false,
        };
        has_colours && number(tag::BITS, 1) == 8 && matches!(compression, 1 | 5 | 7 | 8 | 32773 | 32946)
    };
    let of_number = |(number, directory)| {
        let size = file.size(directory).filter(|_| is_finished(directory))?;
        Some(Preview { place: Place::Directory(number), size })
    };
    file.all.iter().enumerate().filter_map(of_number).collect()
}

/// Reads the frame of a JPEG up to its first scan: of one that can be shown, or of one without loss.
fn frame(bytes: &[u8]) -> Option<Frame> {
    let mut at = 2;
    let mut found = None;
    for _ in 0..64 {
        // Segments follow each other without a gap; anything else is no JPEG but chance.
        let (marker, after) = next_marker(bytes, at).filter(|(_, after)| *after == at + 2)?;
        let segment = segment(bytes, after)?;
        match marker {
            0xC0..=LOSSLESS => found = Frame::read(marker, segment),
            0xDA => return found.filter(is_known),
            0xC4..=0xFE if marker != 0xD8 && marker != 0xD9 => {}
            _ => return None,
        }
        at = after + segment.len();
    }
    None
}

/// Returns whether a frame is that of a picture, or of a sensor's values.
fn is_known(frame: &Frame) -> bool {
    let is_shown = frame.check().is_ok() && matches!(frame.components(), 1 | 3);
    (is_shown || frame.process == LOSSLESS) && frame.width > 0 && frame.height > 0
}
