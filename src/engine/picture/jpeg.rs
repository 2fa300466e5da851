//! A walk along the markers of a JPEG (ITU-T T.81, Annex B), for what its decoder does not tell: whether the file is
//! whole (the decoder fills what is missing with grey) and how many colour components it has.

pub(super) struct Jpeg {
    /// 1 grey, 3 colour, 4 CMYK; 0 when no frame header was seen.
    pub(super) components: u8,
}

const CUT_SHORT: &str = "the file is cut short: this JPEG has no end marker; get it again";

/// Walks from the start-of-image marker to the end-of-image marker.
pub(super) fn scan(bytes: &[u8]) -> Result<Jpeg, String> {
    let mut components = 0;
    let mut at = 2;
    loop {
        let (marker, after) = next_marker(bytes, at).ok_or(CUT_SHORT)?;
        match marker {
            0xD9 => return Ok(Jpeg { components }),
            // Markers that stand alone: restarts and TEM.
            0x01 | 0xD0..=0xD7 => at = after,
            _ => {
                let segment = segment(bytes, after).ok_or(CUT_SHORT)?;
                // SOF0 to SOF15, which share their numbers with DHT, JPG and DAC.
                if matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC) {
                    components = segment.get(7).copied().unwrap_or(0);
                }
                at = after + segment.len();
            }
        }
    }
}

/// The next marker at or after `at`, and where it ends. Skips entropy-coded data, in which 0xFF is followed by 0.
fn next_marker(bytes: &[u8], mut at: usize) -> Option<(u8, usize)> {
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xFF)?;
        match *bytes.get(at + 1)? {
            0x00 => at += 2,
            0xFF => at += 1,
            marker => return Some((marker, at + 2)),
        }
    }
}

/// The segment at `at`, its two bytes of length included.
fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = bytes.get(at..at + 2)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    bytes.get(at..at + length.max(2))
}
