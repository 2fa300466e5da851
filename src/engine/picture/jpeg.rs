//! Markers of a JPEG (ITU-T T.81, Annex B) are read here, as its decoder fills what is missing with grey.

const CUT_SHORT: &str = "the file is cut short: this JPEG has no end marker; get it again";

/// Returns the number of colour components: 1 grey, 3 colour, 4 CMYK; 0 when no frame header was seen.
pub(super) fn components(bytes: &[u8]) -> Result<u8, String> {
    let mut components = 0;
    let mut at = 2;
    loop {
        let (marker, after) = next_marker(bytes, at).ok_or(CUT_SHORT)?;
        match marker {
            0xD9 => return Ok(components),
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

/// Finds the next marker at or after `at`, and where it ends. In entropy-coded data 0xFF is followed by 0.
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

fn segment(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let length = bytes.get(at..at + 2)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    bytes.get(at..at + length.max(2))
}
