//! The numbers of a TIFF, of any size and kind, become levels.

use image::{DynamicImage, ImageBuffer};
use tiff::decoder::DecodingResult;

/// These are the values of a picture, interleaved, as whole levels from black to white.
pub(super) enum Levels {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

impl Levels {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Eight(values) => values.len(),
            Self::Sixteen(values) => values.len(),
        }
    }

    /// Makes pixel after pixel of plane after plane.
    pub(super) fn interleaved(self, pixels: usize) -> Self {
        fn of<T: Copy>(values: &[T], pixels: usize) -> Vec<T> {
            let planes: Vec<_> = values.chunks_exact(pixels.max(1)).collect();
            (0..pixels).flat_map(|i| planes.iter().map(move |plane| plane[i])).collect()
        }
        match self {
            Self::Eight(values) => Self::Eight(of(&values, pixels)),
            Self::Sixteen(values) => Self::Sixteen(of(&values, pixels)),
        }
    }

    /// Keeps the first values of each pixel; none where there are fewer.
    pub(super) fn picked(self, found: usize, kept: usize) -> Option<Self> {
        fn of<T: Copy>(values: Vec<T>, found: usize, kept: usize) -> Vec<T> {
            if found == kept {
                return values;
            }
            values.chunks_exact(found).flat_map(|pixel| pixel[..kept].iter().copied()).collect()
        }
        if found < kept || found == 0 {
            return None;
        }
        Some(match self {
            Self::Eight(values) => Self::Eight(of(values, found, kept)),
            Self::Sixteen(values) => Self::Sixteen(of(values, found, kept)),
        })
    }

    /// Undoes that colours were multiplied by the alpha that follows them.
    pub(super) fn divide_by_alpha(&mut self, channels: usize) {
        fn of<T: Copy + Into<u64> + TryFrom<u64>>(values: &mut [T], channels: usize, white: u64) {
            for pixel in values.chunks_exact_mut(channels) {
                let alpha: u64 = pixel[channels - 1].into();
                for value in &mut pixel[..channels - 1] {
                    let whole = (Into::<u64>::into(*value) * white + alpha / 2).checked_div(alpha).unwrap_or(0);
                    if let Ok(whole) = T::try_from(whole.min(white)) {
                        *value = whole;
                    }
                }
            }
        }
        match self {
            Self::Eight(values) => of(values, channels, 255),
            Self::Sixteen(values) => of(values, channels, 65_535),
        }
    }

    pub(super) fn into_eight(self) -> Vec<u8> {
        match self {
            Self::Eight(values) => values,
            Self::Sixteen(values) => {
                values.into_iter().map(|value| ((u32::from(value) * 255 + 32_767) / 65_535) as u8).collect()
            }
        }
    }

    /// Makes an image; none where the values do not fill it.
    pub(super) fn into_image(self, width: u32, height: u32, channels: usize) -> Option<DynamicImage> {
        Some(match (self, channels) {
            (Self::Eight(values), 1) => DynamicImage::ImageLuma8(ImageBuffer::from_raw(width, height, values)?),
            (Self::Eight(values), 2) => DynamicImage::ImageLumaA8(ImageBuffer::from_raw(width, height, values)?),
            (Self::Eight(values), 3) => DynamicImage::ImageRgb8(ImageBuffer::from_raw(width, height, values)?),
            (Self::Eight(values), _) => DynamicImage::ImageRgba8(ImageBuffer::from_raw(width, height, values)?),
            (Self::Sixteen(values), 1) => DynamicImage::ImageLuma16(ImageBuffer::from_raw(width, height, values)?),
            (Self::Sixteen(values), 2) => DynamicImage::ImageLumaA16(ImageBuffer::from_raw(width, height, values)?),
            (Self::Sixteen(values), 3) => DynamicImage::ImageRgb16(ImageBuffer::from_raw(width, height, values)?),
            (Self::Sixteen(values), _) => DynamicImage::ImageRgba16(ImageBuffer::from_raw(width, height, values)?),
        })
    }
}

/// Unpacks rows of values of less than 8 bits, each row beginning with a byte; where they are levels, they are
/// stretched to 255.
pub(super) fn packed(bytes: &[u8], bits: usize, per_row: usize, rows: usize, are_levels: bool) -> Option<Vec<u8>> {
    let row_bytes = (per_row * bits).div_ceil(8);
    let white = (1_u32 << bits) - 1;
    let mut out = Vec::with_capacity(per_row * rows);
    for row in bytes.get(..row_bytes * rows)?.chunks_exact(row_bytes.max(1)) {
        for i in 0..per_row {
            let value = (0..bits).fold(0, |value, k| {
                let bit = i * bits + k;
                value << 1 | u32::from(row[bit / 8] >> (7 - bit % 8) & 1)
            });
            out.push(if are_levels { value * 255 / white } else { value } as u8);
        }
    }
    Some(out)
}

/// Returns the colours of a palette: a map holds all reds, then greens and blues, in 16 bits.
pub(super) fn palette(values: &DecodingResult, map: &[u64]) -> Option<Vec<u8>> {
    let count = map.len() / 3;
    // Some programs write maps of 8 bits.
    let divisor = if map.iter().all(|&value| value < 256) { 1 } else { 257 };
    let colour = |index: usize| (0..3).map(move |c| map.get(c * count + index).map(|value| (value / divisor) as u8));
    let all = |indices: &mut dyn Iterator<Item = usize>| {
        indices.flat_map(|index| colour(index.min(count.saturating_sub(1)))).collect::<Option<Vec<u8>>>()
    };
    match values {
        DecodingResult::U8(values) => all(&mut values.iter().map(|&value| value.into())),
        DecodingResult::U16(values) => all(&mut values.iter().map(|&value| value.into())),
        _ => None,
    }
}

/// Returns the levels of numbers. Bytes and words are levels; what white is among others is told by the largest.
pub(super) fn levels(values: DecodingResult) -> Option<(Levels, Option<String>)> {
    Some(match values {
        DecodingResult::U8(values) => (Levels::Eight(values), None),
        DecodingResult::U16(values) => (Levels::Sixteen(values), None),
        DecodingResult::U32(values) => stretched(&values, 32, "whole numbers", |v| v as f64),
        DecodingResult::U64(values) => stretched(&values, 64, "whole numbers", |v| v as f64),
        DecodingResult::I8(values) => stretched(&values, 8, "signed numbers", f64::from),
        DecodingResult::I16(values) => stretched(&values, 16, "signed numbers", f64::from),
        DecodingResult::I32(values) => stretched(&values, 32, "signed numbers", f64::from),
        DecodingResult::I64(values) => stretched(&values, 64, "signed numbers", |v| v as f64),
        DecodingResult::F16(values) => stretched(&values, 16, "floating-point numbers", f64::from),
        DecodingResult::F32(values) => stretched(&values, 32, "floating-point numbers", f64::from),
        DecodingResult::F64(values) => stretched(&values, 64, "floating-point numbers", |v| v),
    })
}

/// Stretches numbers so that white is the least of 1, 255, 65 535 and 2³² − 1 that none exceeds; numbers below 0 and
/// larger ones, such as heights and temperatures, are stretched from the least to the largest.
fn stretched<T: Copy>(values: &[T], bits: u32, kind: &str, number: impl Fn(T) -> f64) -> (Levels, Option<String>) {
    let finite = || values.iter().map(|&value| number(value)).filter(|value| value.is_finite());
    let (least, largest) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let whites: &[f64] =
        if kind.starts_with("floating") { &[1.0, 255.0, 65_535.0] } else { &[255.0, 65_535.0, 4_294_967_295.0] };
    // A little more than white, as sharpening leaves it, is white.
    let known = whites.iter().copied().find(|white| largest <= white * 1.001).filter(|_| least >= -1e-3);
    let (black, white) = known.map_or((least, largest), |white| (0.0, white));
    let range = if white > black { white - black } else { 1.0 };
    let level = |value: f64| if value.is_nan() { 0 } else { ((value - black) / range * 65_535.0).round() as u16 };
    let levels = values.iter().map(|&value| level(number(value))).collect();
    let shown = |value: f64| if value.abs() >= 1e7 { format!("{value:e}") } else { format!("{value}") };
    let note = if finite().next().is_none() {
        format!("{bits}-bit {kind}, none of which is finite: all black.")
    } else {
        format!("{bits}-bit {kind}, shown from {} (black) to {} (white).", shown(black), shown(white))
    };
    (Levels::Sixteen(levels), Some(note))
}

/// This is how colour differences become red, green and blue.
pub(super) struct YcbcrRule {
    /// These are the shares of red, green and blue in Y.
    luma: [f32; 3],
    /// These are black and white of Y, then the middles and ends of Cb and Cr.
    reference: [f32; 6],
}

impl YcbcrRule {
    /// Takes the rule of a file, or that of TIFF's defaults (ITU-R BT.601, full range).
    pub(super) fn new(luma: &[f32], reference: &[f32]) -> Self {
        let all_finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        let luma = <[f32; 3]>::try_from(luma).ok().filter(|luma| all_finite(luma) && luma[1] > 0.0);
        let reference =
            <[f32; 6]>::try_from(reference).ok().filter(|r| all_finite(r) && r[1] > r[0] && r[3] > r[2] && r[5] > r[4]);
        Self {
            luma: luma.unwrap_or([0.299, 0.587, 0.114]),
            reference: reference.unwrap_or([0.0, 255.0, 128.0, 255.0, 128.0, 255.0]),
        }
    }

    fn rgb(&self, [y, cb, cr]: [u8; 3]) -> [u8; 3] {
        let [red, green, blue] = self.luma;
        let part = |code: u8, i: usize, range: f32| {
            (f32::from(code) - self.reference[i]) * range / (self.reference[i + 1] - self.reference[i])
        };
        let (y, cb, cr) = (part(y, 0, 255.0), part(cb, 2, 127.0), part(cr, 4, 127.0));
        let r = cr * (2.0 - 2.0 * red) + y;
        let b = cb * (2.0 - 2.0 * blue) + y;
        let g = (y - blue * b - red * r) / green;
        [r, g, b].map(|value| value.round().clamp(0.0, 255.0) as u8)
    }
}

/// Makes RGB of pixels that begin with Y, Cb and Cr.
pub(super) fn ycbcr_to_rgb(values: &[u8], found: usize, rule: &YcbcrRule) -> Option<Vec<u8>> {
    if found < 3 {
        return None;
    }
    Some(values.chunks_exact(found).flat_map(|pixel| rule.rgb([pixel[0], pixel[1], pixel[2]])).collect())
}

/// Makes RGB of units: `across × down` values of Y, then one of Cb and one of Cr.
pub(super) fn rgb_of_units(
    units: &[u8],
    [width, height]: [u32; 2],
    [across, down]: [u32; 2],
    rule: &YcbcrRule,
) -> Result<Vec<u8>, String> {
    let (width, height, across, down) = (width as usize, height as usize, across as usize, down as usize);
    let unit = across * down + 2;
    let in_row = width.div_ceil(across);
    if units.len() < in_row * unit * height.div_ceil(down) {
        return Err("the file is damaged or cut short; get it again".into());
    }
    let mut rgb = vec![0; width * height * 3];
    for (i, pixel) in rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (i % width, i / width);
        let unit = &units[(y / down * in_row + x / across) * unit..][..unit];
        let grey = unit[y % down * across + x % across];
        pixel.copy_from_slice(&rule.rgb([grey, unit[across * down], unit[across * down + 1]]));
    }
    Ok(rgb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_is_told_by_the_largest_number() {
        let first = |values| match levels(values).unwrap() {
            (Levels::Sixteen(values), note) => (values, note.unwrap()),
            (Levels::Eight(_), _) => panic!("bytes"),
        };
        let (values, note) = first(DecodingResult::F32(vec![0.0, 0.5, 1.0, f32::NAN]));
        assert_eq!(values, [0, 32_768, 65_535, 0]);
        assert_eq!(note, "32-bit floating-point numbers, shown from 0 (black) to 1 (white).");
        assert_eq!(first(DecodingResult::F64(vec![0.0, 51.0, 255.0])).0, [0, 13_107, 65_535]);
        assert_eq!(first(DecodingResult::U32(vec![0, u32::MAX])).0, [0, 65_535]);
        assert_eq!(first(DecodingResult::U32(vec![0, 255])).0, [0, 65_535]);
        assert_eq!(first(DecodingResult::I16(vec![-100, 0, 300])).0, [0, 16_384, 65_535]);
        assert!(first(DecodingResult::F32(vec![f32::NAN])).1.contains("none of which is finite"));
        assert_eq!(first(DecodingResult::F32(vec![-2.0, -2.0])).0, [0, 0]);
    }

    #[test]
    fn few_bits_are_unpacked_row_by_row() {
        assert_eq!(packed(&[0b1010_0000, 0b0100_0000], 1, 3, 2, true).unwrap(), [255, 0, 255, 0, 255, 0]);
        assert_eq!(packed(&[0x1F], 4, 2, 1, false).unwrap(), [1, 15]);
        assert_eq!(packed(&[0x1F], 4, 2, 1, true).unwrap(), [17, 255]);
        assert_eq!(packed(&[0x1F], 4, 2, 2, true), None);
    }

    #[test]
    fn colour_differences_become_colours() {
        let rule = YcbcrRule::new(&[], &[]);
        assert_eq!(rule.rgb([76, 85, 255]), [254, 0, 0]);
        assert_eq!(rule.rgb([128, 128, 128]), [128; 3]);
        let units = [0, 50, 100, 150, 128, 128];
        let grey = rgb_of_units(&units, [2, 2], [2, 2], &rule).unwrap();
        assert_eq!(grey, [0, 0, 0, 50, 50, 50, 100, 100, 100, 150, 150, 150]);
    }
}
