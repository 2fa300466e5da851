//! Many data sets are arrays of numbers, which become pictures of 8 bits and labels here.

use std::borrow::Cow;
use std::fmt::Debug;

use half::f16;

use super::listing::Listing;
use super::watch::{Watch, part};
use super::{Split, layout::Parts};
use crate::Result;
use crate::picture::Picture;

const MOST_SIDE: usize = 4096;

/// This holds pictures of one size, planar: `channels × height × width` bytes each.
#[derive(Debug, PartialEq)]
pub(super) struct Images {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    pub(super) bytes: Vec<u8>,
}

impl Images {
    pub(super) fn size(&self) -> usize {
        self.channels * self.height * self.width
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() / self.size().max(1)
    }

    pub(super) fn bytes(&self, i: usize) -> Option<&[u8]> {
        self.bytes.get(i * self.size()..(i + 1) * self.size())
    }

    pub(super) fn picture(&self, i: usize) -> Option<Picture> {
        let (planes, pixels) = (self.bytes(i)?, self.width * self.height);
        let bytes = match self.channels {
            1 => planes.to_vec(),
            channels => (0..pixels).flat_map(|at| (0..channels).map(move |c| planes[c * pixels + at])).collect(),
        };
        Some(Picture::new(self.width, self.height, self.channels, bytes))
    }

    /// Lays rows down as columns in all pictures, where they lie on their side.
    pub(super) fn transposed(mut self) -> Self {
        let (width, height) = (self.width, self.height);
        let mut turned = vec![0; width * height];
        for plane in self.bytes.chunks_exact_mut(width * height) {
            for (i, byte) in plane.iter().enumerate() {
                turned[(i % width) * height + i / width] = *byte;
            }
            plane.copy_from_slice(&turned);
        }
        (self.width, self.height) = (height, width);
        self
    }
}

/// This is one part of a set that is an array.
pub(super) struct ArrayPart {
    pub(super) images: Images,
    /// A number of a class for each picture.
    pub(super) labels: Vec<usize>,
    /// The names of the classes; `None` where the set only numbers them.
    pub(super) names: Option<Vec<String>>,
    pub(super) notes: Vec<String>,
}

/// A data set of arrays, found in some files and not yet read.
pub(super) trait ArraySet: Debug + Send + Sync {
    /// Returns what it is and where: "CIFAR-10 in cifar-10-batches-py".
    fn title(&self) -> String;

    /// Tells whether this file is one of its files.
    fn has(&self, file: &str) -> bool;

    /// Reads the part for a split.
    ///
    /// # Errors
    /// [`crate::Error::Data`] for a part that is missing, or a file that is damaged or not as it has to be; any error
    /// once the watch says no.
    fn read(&self, listing: &Listing, split: Split, watch: &mut Watch) -> Result<ArrayPart>;

    /// Returns the axes and the classes of the part for training. A set that tells them by less than the pictures does
    /// so. Fails as [`Self::read`] does.
    fn outline(&self, listing: &Listing, watch: &mut Watch) -> Result<Outline> {
        let ArrayPart { images, labels, names, .. } = self.read(listing, Split::Train, watch)?;
        let axes = Axes { channels: images.channels, height: images.height, width: images.width };
        Ok(Outline::new(axes, &labels, names))
    }
}

/// These are the axes of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axes {
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

/// This is what a net for some arrays has to know of them.
#[derive(Debug, PartialEq)]
pub(super) struct Outline {
    pub(super) axes: Axes,
    /// The names of the classes, which are numbers where the set has no names.
    pub(super) classes: Vec<String>,
}

impl Outline {
    pub(super) fn new(axes: Axes, labels: &[usize], names: Option<Vec<String>>) -> Self {
        let count = labels.iter().max().map_or(0, |most| most + 1);
        let numbered = || (0..count.max(2)).map(|class| class.to_string()).collect();
        Self { axes, classes: names.filter(|names| names.len() >= count).unwrap_or_else(numbered) }
    }
}

/// So many numbers are looked at between two looks at the watch.
const AT_ONCE: usize = 1 << 20;

/// A number in an array has one of these formats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Bool,
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F16,
    F32,
    F64,
}

impl Number {
    /// Returns the format that NumPy calls so, without the sign of the byte order: "u1", "f4".
    pub(super) fn of_numpy(name: &str) -> Option<Self> {
        Some(match name {
            "b1" | "?" => Self::Bool,
            "u1" => Self::U8,
            "i1" => Self::I8,
            "u2" => Self::U16,
            "i2" => Self::I16,
            "u4" => Self::U32,
            "i4" => Self::I32,
            "u8" => Self::U64,
            "i8" => Self::I64,
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            _ => return None,
        })
    }

    pub(super) fn width(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Returns the number in these bytes, the lowest one first.
    fn value(self, bytes: [u8; 8]) -> f64 {
        let [a, b, c, d, ..] = bytes;
        match self {
            Self::Bool | Self::U8 => f64::from(a),
            Self::I8 => f64::from(a as i8),
            Self::U16 => f64::from(u16::from_le_bytes([a, b])),
            Self::I16 => f64::from(i16::from_le_bytes([a, b])),
            Self::F16 => f16::from_le_bytes([a, b]).to_f64(),
            Self::U32 => f64::from(u32::from_le_bytes([a, b, c, d])),
            Self::I32 => f64::from(i32::from_le_bytes([a, b, c, d])),
            Self::F32 => f64::from(f32::from_le_bytes([a, b, c, d])),
            Self::U64 => u64::from_le_bytes(bytes) as f64,
            Self::I64 => i64::from_le_bytes(bytes) as f64,
            Self::F64 => f64::from_le_bytes(bytes),
        }
    }
}

/// These are numbers of one format in an array of any rank.
#[derive(Debug)]
pub(super) struct NumberArray<'a> {
    pub(super) number: Number,
    pub(super) is_big_endian: bool,
    /// The last axis is the outermost one, as Fortran and MATLAB have it.
    pub(super) is_fortran: bool,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Cow<'a, [u8]>,
}

impl<'a> NumberArray<'a> {
    /// Checks that there are as many bytes as the shape needs.
    pub(super) fn checked(self) -> Result<Self, String> {
        let count = self.shape.iter().try_fold(1usize, |count, &axis| count.checked_mul(axis));
        let needed = count.and_then(|count| count.checked_mul(self.number.width()));
        match needed {
            Some(needed) if needed == self.bytes.len() => Ok(self),
            _ => Err(format!(
                "an array of the shape {:?} has {} bytes: the file is damaged or cut short; get it again",
                self.shape,
                self.bytes.len()
            )),
        }
    }

    fn count(&self) -> usize {
        self.bytes.len() / self.number.width()
    }

    /// Returns the number at a place in memory.
    fn at(&self, place: usize) -> f64 {
        let width = self.number.width();
        let mut bytes = [0; 8];
        bytes[..width].copy_from_slice(&self.bytes[place * width..(place + 1) * width]);
        if self.is_big_endian {
            bytes[..width].reverse();
        }
        self.number.value(bytes)
    }

    /// Returns the same array with its last axis innermost, which in Fortran is the first one.
    fn in_order(self, watch: &mut Watch) -> Result<Self, String> {
        if !self.is_fortran {
            return Ok(self);
        }
        let (width, mut bytes) = (self.number.width(), Vec::with_capacity(self.bytes.len()));
        for i in 0..self.count() {
            if i % AT_ONCE == 0 && !watch(i as f32 / self.count() as f32) {
                return Err(STOPPED.into());
            }
            let (mut rest, mut place) = (i, 0);
            for (axis, size) in self.shape.iter().enumerate().rev() {
                let step: usize = self.shape[..axis].iter().product();
                place += rest % size * step;
                rest /= size;
            }
            bytes.extend_from_slice(&self.bytes[place * width..(place + 1) * width]);
        }
        Ok(Self { is_fortran: false, bytes: Cow::Owned(bytes), ..self })
    }

    /// Returns the numbers as grey levels: 0 to 255 as they are, 0 to 1 stretched, yes and no as white and black.
    fn levels(self, watch: &mut Watch) -> Result<Vec<u8>, String> {
        if self.number == Number::U8 && self.bytes.iter().any(|&byte| byte > 1) {
            return Ok(self.bytes.into_owned());
        }
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for place in 0..self.count() {
            if place % AT_ONCE == 0 && !watch(place as f32 / self.count() as f32) {
                return Err(STOPPED.into());
            }
            let value = self.at(place);
            if !value.is_finite() {
                return Err("its pictures hold values that are no numbers".into());
            }
            (least, most) = (least.min(value), most.max(value));
        }
        let is_float = matches!(self.number, Number::F16 | Number::F32 | Number::F64);
        match (least, most) {
            (0.0.., ..=1.0) => self.map(|value| value * 255.0, watch),
            (0.0.., ..=255.0) => self.map(|value| value, watch),
            (-1.0.., ..=1.0) if is_float => self.map(|value| (value + 1.0) * 127.5, watch),
            _ => Err(format!(
                "its pictures have values from {least} to {most}; expected 0 to 255, or 0 to 1: undo their normalisation"
            )),
        }
    }

    fn map(&self, level: impl Fn(f64) -> f64, watch: &mut Watch) -> Result<Vec<u8>, String> {
        let mut levels = Vec::with_capacity(self.count());
        while levels.len() < self.count() {
            let end = self.count().min(levels.len() + AT_ONCE);
            levels.extend((levels.len()..end).map(|place| level(self.at(place)).round() as u8));
            if !watch(end as f32 / self.count() as f32) {
                return Err(STOPPED.into());
            }
        }
        Ok(levels)
    }

    /// Returns the pictures of an array of (n, height, width), with a last or second axis of 1 or 3 channels, or of
    /// (n, pixels) whose pictures are squares.
    pub(super) fn images(self, watch: &mut Watch) -> Result<Images, String> {
        let (Axes { channels, height, width }, is_interleaved) = axes(&self.shape)?;
        let array = self.in_order(&mut part(watch, 0.0, 0.5))?;
        let mut bytes = array.levels(&mut part(watch, 0.5, 1.0))?;
        if is_interleaved {
            make_planar(&mut bytes, channels, height * width);
        }
        Ok(Images { width, height, channels, bytes })
    }

    /// Returns labels, one for each picture; a row with a single 1 among zeros stands for the place of the 1.
    pub(super) fn labels(self) -> Result<Vec<usize>, String> {
        let array = self.in_order(&mut |_| true)?;
        let n = array.shape.first().copied().unwrap_or(0);
        let wide: usize = array.shape.iter().skip(1).product();
        let label = |value: f64| {
            let is_label = value >= 0.0 && value.fract() == 0.0 && value < 1e6;
            is_label.then_some(value as usize).ok_or_else(|| format!("a label is {value}; expected whole numbers"))
        };
        // MATLAB writes a list as a table of one row or one column.
        if wide <= 1 || n == 1 {
            return (0..array.count()).map(|place| label(array.at(place))).collect();
        }
        let one_hot = |row: usize| {
            let ones: Vec<usize> = (0..wide).filter(|&column| array.at(row * wide + column) != 0.0).collect();
            let found = ones.len();
            match ones[..] {
                [one] if array.at(row * wide + one) == 1.0 => Ok(one),
                _ => Err(format!("picture {row} has {found} labels of {wide}; expected one class for each picture")),
            }
        };
        (0..n).map(one_hot).collect()
    }
}

/// Returns the axes of the pictures in an array of this shape, and whether its channels lie innermost.
///
/// # Errors
/// One sentence for a shape that is not one of pictures.
pub(super) fn axes(shape: &[usize]) -> Result<(Axes, bool), String> {
    let refuse = || {
        format!(
            "its pictures have the shape {shape:?}; expected (pictures, height, width), with a last axis of 1 or 3 \
             channels or none"
        )
    };
    let (axes, is_interleaved) = match *shape {
        [_, height, width, channels @ (1 | 3)] => (Axes { channels, height, width }, channels > 1),
        [_, channels @ (1 | 3), height, width] => (Axes { channels, height, width }, false),
        [_, height, width] => (Axes { channels: 1, height, width }, false),
        [_, values] => (squares(values).ok_or_else(refuse)?, false),
        _ => return Err(refuse()),
    };
    let is_side = |side: usize| (1..=MOST_SIDE).contains(&side);
    let is_sane = is_side(axes.width) && is_side(axes.height) && shape[0] > 0;
    is_sane.then_some((axes, is_interleaved)).ok_or_else(refuse)
}

/// Returns the axes of square pictures with so many values.
fn squares(values: usize) -> Option<Axes> {
    let square = |count: usize| Some(count.isqrt()).filter(|side| side * side == count && count > 0);
    let of = |channels: usize| move |side| Axes { channels, height: side, width: side };
    square(values).map(of(1)).or_else(|| square(values / 3).filter(|_| values.is_multiple_of(3)).map(of(3)))
}

/// Sorts the interleaved channels of pictures with so many pixels into planes, in place.
pub(super) fn make_planar(levels: &mut [u8], channels: usize, pixels: usize) {
    let mut planes = vec![0; channels * pixels];
    for picture in levels.chunks_exact_mut((channels * pixels).max(1)) {
        for (at, pixel) in picture.chunks_exact(channels).enumerate() {
            pixel.iter().enumerate().for_each(|(c, level)| planes[c * pixels + at] = *level);
        }
        picture.copy_from_slice(&planes);
    }
}

/// Whoever watches has said no; nobody reads this.
const STOPPED: &str = "stopped";

/// Puts pictures and labels together.
///
/// # Errors
/// One sentence where their numbers differ.
pub(super) fn paired(images: &Images, labels: &[usize]) -> Result<(), String> {
    let (found, n) = (labels.len(), images.len());
    if found == n { Ok(()) } else { Err(format!("{found} labels for {n} pictures; they do not belong together")) }
}

/// Returns the part of some parts that is for a split.
pub(super) fn of_split<'a, T>(listing: &Listing, parts: &'a Parts<T>, split: Split) -> Result<&'a T> {
    parts.of_split(split).map_err(|why| crate::Error::Data { path: listing.root.clone(), why })
}
