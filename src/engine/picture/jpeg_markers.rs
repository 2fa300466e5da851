//! Markers of a JPEG (ITU-T T.81, Annex B) are read here: they say what its decoder does not, and whether all is there.

pub(super) const CUT_SHORT: &str = "the file is cut short: this JPEG ends before its last row; get it again";

/// These are the markers of a JPEG that tell whether and how it can be read.
#[derive(Debug, Default)]
pub(super) struct Markers {
    pub frame: Frame,
    /// An Adobe segment names this colour transform; where there is one, inks are stored inverted.
    pub adobe: Option<u8>,
    pub is_jfif: bool,
    /// The end marker ends here; there is none where the file ends before it.
    pub end: Option<usize>,
    /// The scans bring these coefficients of a component, one bit each, to their last bit.
    covered: Vec<(u8, u64)>,
}

/// This is the header of a frame: the process by the number of its marker, 0xC0 to 0xCF, and the size.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub process: u8,
    pub bits: u8,
    pub width: u16,
    pub height: u16,
    /// Each component has a number, sampling factors across and down, and a quantisation table.
    pub parts: Vec<[u8; 4]>,
}

impl Frame {
    /// Reads the segment of a frame; none where it is too short.
    pub(super) fn read(process: u8, segment: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u16::from_be_bytes([*segment.get(at)?, *segment.get(at + 1)?]));
        let parts = segment.get(8..)?.chunks_exact(3).take(usize::from(segment[7]));
        let parts = parts.map(|part| [part[0], part[1] >> 4, part[1] & 15, part[2]]).collect();
        Some(Self { process, bits: *segment.get(2)?, height: number(3)?, width: number(5)?, parts })
    }

    /// Returns the number of colour components: 1 grey, 3 colour, 4 inks.
    pub(super) fn components(&self) -> usize {
        self.parts.len()
    }

    pub(super) fn is_progressive(&self) -> bool {
        self.process == 0xC2
    }

    /// Returns the number of samples of all components, which a progressive JPEG is held as.
    pub(super) fn samples(&self) -> u64 {
        let most = |i: usize| self.parts.iter().map(|part| u64::from(part[i])).max().unwrap_or(1).max(1);
        let pixels = u64::from(self.width) * u64::from(self.height);
        let share = |part: &[u8; 4]| pixels * u64::from(part[1]) * u64::from(part[2]) / (most(1) * most(2));
        self.parts.iter().map(share).sum()
    }

    /// Refuses the kinds of JPEG that hardly any program reads, by their names.
    pub(super) fn check(&self) -> Result<(), String> {
        let name = match self.process {
            0xC0..=0xC2 if self.bits != 8 => format!("a JPEG of {} bits per channel", self.bits),
            0xC0..=0xC2 => return Ok(()),
            0xC3 => "a lossless JPEG".into(),
            0xC5..=0xC7 => "a hierarchical JPEG".into(),
            0xCB => "a lossless JPEG with arithmetic coding".into(),
            0xC9 | 0xCA => "a JPEG with arithmetic coding in place of Huffman's".into(),
            0xCD..=0xCF => "a hierarchical JPEG with arithmetic coding".into(),
            _ => "a JPEG-LS".into(),
        };
        let how = match self.process {
            0xC9 | 0xCA => "jpegtran -optimize IN > OUT makes an ordinary JPEG of it without loss",
            _ => "save it as PNG or as an ordinary JPEG of 8 bits where it was made",
        };
        Err(format!("this is {name}, which is not read here; the file may well be whole: {how}"))
    }
}

impl Markers {
    /// Reads the markers up to the end of the picture.
    ///
    /// # Errors
    /// Returns a sentence where the file ends before any row of the picture.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut markers = Self::default();
        let (mut at, mut has_scan) = (2, false);
        while let Some((marker, after)) = next_marker(bytes, at) {
            match marker {
                0xD9 => {
                    markers.end = Some(after);
                    break;
                }
                // Markers that stand alone: restarts and TEM.
                0x01 | 0xD0..=0xD7 => at = after,
                _ => {
                    let Some(segment) = segment(bytes, after) else { break };
                    has_scan |= marker == 0xDA;
                    markers.take(marker, segment);
                    at = after + segment.len();
                }
            }
        }
        // A JPEG that ends without a scan is the decoder's business; one without an end is not.
        if markers.end.is_none() && (!has_scan || markers.frame.process == 0) {
            return Err(CUT_SHORT.into());
        }
        Ok(markers)
    }

    fn take(&mut self, marker: u8, segment: &[u8]) {
        match marker {
            // SOF0 to SOF15, which share their numbers with DHT, JPG and DAC, and SOF55 of JPEG-LS.
            0xC0..=0xCF | 0xF7 if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => {
                self.frame = Frame::read(marker, segment).unwrap_or_default();
            }
            0xDA => self.cover(segment),
            0xE0 if segment[2..].starts_with(b"JFIF") => self.is_jfif = true,
            0xEE if segment[2..].starts_with(b"Adobe") => self.adobe = Some(segment.get(13).copied().unwrap_or(0)),
            _ => {}
        }
    }

    /// Notes the coefficients that a scan brings to their last bit.
    fn cover(&mut self, segment: &[u8]) {
        let count = segment.get(2).map_or(0, |&count| usize::from(count));
        let Some(&[first, last, bits]) = segment.get(3 + 2 * count..6 + 2 * count) else { return };
        if bits & 15 != 0 || first > last || last > 63 {
            return;
        }
        let coefficients = (u64::MAX >> (63 - last)) & (u64::MAX << first);
        for part in segment[3..3 + 2 * count].chunks_exact(2) {
            match self.covered.iter_mut().find(|(number, _)| *number == part[0]) {
                Some((_, covered)) => *covered |= coefficients,
                None => self.covered.push((part[0], coefficients)),
            }
        }
    }

    /// Returns whether the scans, as far as they are there, bring all coefficients of all components.
    pub(super) fn has_all_scans(&self) -> bool {
        let covered = |number: u8| self.covered.iter().any(|&(known, bits)| known == number && bits == u64::MAX);
        self.frame.parts.iter().all(|part| covered(part[0]))
    }
}

/// Finds the next marker at or after `at`, and where it ends. In entropy-coded data 0xFF is followed by 0.
pub(super) fn next_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xFF)?;
        match *bytes.get(at + 1)? {
            0x00 => at += 2,
            0xFF => at += 1,
            marker => return Some((marker, at + 2)),
        }
    }
}

/// Returns a segment from its length on.
pub(super) fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = bytes.get(at..at + 2)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    bytes.get(at..at + length.max(2))
}
