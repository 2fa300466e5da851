//! A progressive JPEG is decoded as a whole, which takes two bytes for each sample. One too large for that is read at
//! an eighth of its sides: from the means of its blocks (DC coefficients), which its first scans hold (ITU-T T.81,
//! G.1.2).

use super::jpeg_markers::{CUT_SHORT, Frame, next_marker, segment};

/// These are the means of the blocks of one component, row by row.
struct Plane {
    /// These are the sampling factors across and down.
    factors: [usize; 2],
    /// The component itself has so many blocks across and down; units of several components have more.
    own: [usize; 2],
    /// So many blocks are held across.
    stride: usize,
    table: u8,
    number: u8,
    means: Vec<i16>,
    /// A scan of the means has been read.
    is_there: bool,
}

/// This is a Huffman code of up to 16 bits: for each length the first code, its place among the symbols, and how many
/// there are.
struct Code {
    lengths: [(i32, usize, i32); 16],
    symbols: Vec<u8>,
}

/// These bits are those of one scan up to a marker. What is missing is an error.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    held: u32,
    count: u32,
}

/// These are the parts of a JPEG that its means need.
struct Means {
    planes: Vec<Plane>,
    most: [usize; 2],
    codes: [Option<Code>; 4],
    /// These are the steps of the means, by the number of the quantisation table.
    steps: [Option<u16>; 4],
    restart: usize,
}

/// These are planes of equal size, one for each component, of values from 0 to 255.
pub(super) struct Eighth {
    pub size: [u32; 2],
    pub planes: Vec<Vec<u8>>,
}

/// Reads the means of the blocks of a progressive JPEG.
///
/// # Errors
/// Returns a sentence where the scans that hold them are damaged or cut short.
pub(super) fn read(bytes: &[u8], frame: &Frame) -> Result<Eighth, String> {
    let mut means = Means::new(frame).ok_or(DAMAGED)?;
    let mut at = 2;
    while let Some((marker, after)) = next_marker(bytes, at) {
        if matches!(marker, 0x01 | 0xD0..=0xD8) {
            at = after;
            continue;
        }
        if marker == 0xD9 {
            break;
        }
        let segment = segment(bytes, after).ok_or(CUT_SHORT)?;
        at = after + segment.len();
        let content = segment.get(2..).unwrap_or_default();
        match marker {
            0xDB => means.read_steps(content).ok_or(DAMAGED)?,
            0xC4 => means.read_codes(content).ok_or(DAMAGED)?,
            0xDD => means.restart = content.first_chunk().map_or(0, |value| u16::from_be_bytes(*value).into()),
            0xDA => at = means.read_scan(bytes, content, at)?,
            _ => {}
        }
    }
    means.finish(frame)
}

const DAMAGED: &str = "the file is damaged or cut short; get it again (this JPEG's tables make no sense)";

impl Means {
    /// Sets aside the planes of a frame; none where its sampling factors cannot be.
    fn new(frame: &Frame) -> Option<Self> {
        let parts = &frame.parts;
        let most = |i: usize| parts.iter().map(|part| usize::from(part[i])).max().unwrap_or(0);
        let most = [most(1), most(2)];
        let plane = |part: &[u8; 4]| {
            let factors = [usize::from(part[1]), usize::from(part[2])];
            if !factors.iter().all(|factor| (1..=4).contains(factor)) {
                return None;
            }
            let side = |side: u16, i: usize| (usize::from(side) * factors[i]).div_ceil(most[i]).div_ceil(8);
            let units = |side: u16, i: usize| usize::from(side).div_ceil(8 * most[i]) * factors[i];
            let (stride, rows) = (units(frame.width, 0), units(frame.height, 1));
            let own = [side(frame.width, 0), side(frame.height, 1)];
            let means = vec![0; stride * rows];
            Some(Plane { factors, own, stride, table: part[3], number: part[0], means, is_there: false })
        };
        let planes = parts.iter().map(plane).collect::<Option<Vec<_>>>()?;
        Some(Self { planes, most, codes: Default::default(), steps: [None; 4], restart: 0 })
    }

    /// Reads quantisation tables (DQT); of each only the step of the mean.
    fn read_steps(&mut self, mut content: &[u8]) -> Option<()> {
        while let [head, rest @ ..] = content {
            let size = if head >> 4 == 0 { 1 } else { 2 };
            let step = rest.get(..size)?.iter().fold(0, |value, &byte| value << 8 | u16::from(byte));
            *self.steps.get_mut(usize::from(head & 15))? = Some(step);
            content = rest.get(64 * size..)?;
        }
        Some(())
    }

    /// Reads Huffman codes (DHT); those of means are of class 0.
    fn read_codes(&mut self, mut content: &[u8]) -> Option<()> {
        while let [head, rest @ ..] = content {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let count: usize = counts.iter().map(|&count| usize::from(count)).sum();
            if head >> 4 == 0 {
                *self.codes.get_mut(usize::from(head & 15))? = Some(Code::new(counts, rest.get(..count)?));
            }
            content = rest.get(count..)?;
        }
        Some(())
    }

    /// Reads a scan, if it is one of means, and returns where it ends.
    fn read_scan(&mut self, bytes: &[u8], head: &[u8], mut at: usize) -> Result<usize, String> {
        let count = usize::from(*head.first().ok_or(DAMAGED)?);
        let Some(&[first, _, approximation]) = head.get(1 + 2 * count..4 + 2 * count) else {
            return Err(DAMAGED.into());
        };
        if first != 0 {
            return Ok(at);
        }
        let mut parts = Vec::new();
        for part in head[1..=2 * count].chunks_exact(2) {
            let plane = self.planes.iter().position(|plane| plane.number == part[0]).ok_or(DAMAGED)?;
            parts.push((plane, usize::from(part[1] >> 4)));
        }
        // One component alone goes block by block; several go by units of all.
        let units = match parts[..] {
            [] => return Err(DAMAGED.into()),
            [(plane, _)] => self.planes[plane].own,
            [(plane, _), ..] => {
                let plane = &self.planes[plane];
                let across = plane.stride / plane.factors[0];
                [across, plane.means.len() / plane.stride.max(1) / plane.factors[1]]
            }
        };
        let mut bits = Bits::new(bytes, at);
        let mut before = [0_i16; 4];
        for unit in 0..units[0] * units[1] {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                at = bits.restart().ok_or(CUT_SHORT)?;
                bits = Bits::new(bytes, at);
                before = [0; 4];
            }
            let place = [unit % units[0], unit / units[0]];
            for (&(plane, code), before) in parts.iter().zip(&mut before) {
                let blocks = if parts.len() == 1 { [1, 1] } else { self.planes[plane].factors };
                for block in 0..blocks[0] * blocks[1] {
                    let (x, y) = (place[0] * blocks[0] + block % blocks[0], place[1] * blocks[1] + block / blocks[0]);
                    let plane = &mut self.planes[plane];
                    let mean = plane.means.get_mut(y * plane.stride + x).ok_or(DAMAGED)?;
                    if approximation >> 4 == 0 {
                        let code = self.codes.get(code).and_then(Option::as_ref).ok_or(DAMAGED)?;
                        *before = before.wrapping_add(bits.difference(code).ok_or(CUT_SHORT)?);
                        *mean = before.wrapping_shl(u32::from(approximation & 15));
                    } else {
                        let bit = bits.take(1).ok_or(CUT_SHORT)? as i16;
                        *mean |= bit.wrapping_shl(u32::from(approximation & 15));
                    }
                }
            }
        }
        parts.iter().for_each(|&(plane, _)| self.planes[plane].is_there = true);
        Ok(bits.at)
    }

    /// Makes levels of the means, and planes of equal size.
    fn finish(&self, frame: &Frame) -> Result<Eighth, String> {
        let size = [frame.width.div_ceil(8), frame.height.div_ceil(8)];
        let mut planes = Vec::new();
        for plane in &self.planes {
            if !plane.is_there {
                return Err(CUT_SHORT.into());
            }
            let step = self.steps.get(usize::from(plane.table)).copied().flatten().ok_or(DAMAGED)?;
            let level = |mean: i16| (((i32::from(mean) * i32::from(step) + 4) >> 3) + 128).clamp(0, 255) as u8;
            let mut levels = Vec::with_capacity(usize::from(size[0]) * usize::from(size[1]));
            for y in 0..usize::from(size[1]) {
                let row = y * plane.factors[1] / self.most[1] * plane.stride;
                let level = |x: usize| level(plane.means[row + x * plane.factors[0] / self.most[0]]);
                levels.extend((0..usize::from(size[0])).map(level));
            }
            planes.push(levels);
        }
        Ok(Eighth { size: size.map(u32::from), planes })
    }
}

impl Code {
    /// Makes a code of how many symbols have each length, and of the symbols in their order.
    fn new(counts: &[u8; 16], symbols: &[u8]) -> Self {
        let (mut first, mut place) = (0, 0);
        let lengths = counts.map(|count| {
            let length = (first, place, i32::from(count));
            first = (first + i32::from(count)) << 1;
            place += usize::from(count);
            length
        });
        Self { lengths, symbols: symbols.to_vec() }
    }
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, held: 0, count: 0 }
    }

    /// Takes up to 16 bits; none where a marker or the end of the file comes first.
    fn take(&mut self, count: u32) -> Option<u32> {
        while self.count < count {
            let byte = *self.bytes.get(self.at)?;
            let is_stuffed = byte == 0xFF;
            if is_stuffed && self.bytes.get(self.at + 1) != Some(&0) {
                return None;
            }
            self.at += 1 + usize::from(is_stuffed);
            self.held = self.held << 8 | u32::from(byte);
            self.count += 8;
        }
        self.count -= count;
        Some(self.held >> self.count & ((1 << count) - 1))
    }

    /// Takes the difference of a mean from the one before: the number of its bits, then those.
    fn difference(&mut self, code: &Code) -> Option<i16> {
        let mut value = 0;
        for (first, place, count) in code.lengths {
            value = value << 1 | self.take(1)? as i32;
            if (0..count).contains(&(value - first)) {
                let size = u32::from(*code.symbols.get(place + (value - first) as usize)?);
                if size > 11 {
                    return None;
                }
                let bits = self.take(size)? as i32;
                let is_negative = size > 0 && bits >> (size - 1) == 0;
                return Some((if is_negative { bits + 1 - (1 << size) } else { bits }) as i16);
            }
        }
        None
    }

    /// Returns the place behind the restart marker that follows.
    fn restart(&self) -> Option<usize> {
        next_marker(self.bytes, self.at).and_then(|(marker, after)| (0xD0..=0xD7).contains(&marker).then_some(after))
    }
}

#[cfg(test)]
mod tests {
    use super::super::jpeg_markers::Markers;
    use super::*;

    #[test]
    fn the_means_of_blocks_are_those_of_libjpeg() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/pictures/formats");
        for name in ["progressive", "restarts"] {
            let bytes = std::fs::read(folder.join(format!("{name}.jpg"))).unwrap();
            let frame = Markers::read(&bytes).unwrap().frame;
            let eighth = read(&bytes, &frame).unwrap();
            assert_eq!((eighth.size, eighth.planes.len()), ([13, 10], 3), "{name}");
            // formats.py has Pillow write the first component, which has all its samples.
            let expected = std::fs::read(folder.join(format!("{name}.means"))).unwrap();
            let gap = eighth.planes[0].iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(expected.len() == 130 && gap <= Some(1), "{name}: {gap:?}");
            // The scan of means comes first; without the whole of it the file is refused.
            let scan = bytes.windows(2).position(|window| window == b"\xFF\xDA").unwrap();
            for length in 0..scan + 40 {
                assert!(read(&bytes[..length], &frame).is_err(), "{name} cut to {length}");
            }
            assert!(read(&bytes[..bytes.len() - 2], &frame).is_ok());
        }
    }
}
