//! TIFF is read by the library tiff. What is done here: which of the pictures is taken, palettes, colour differences
//! (YCbCr), inks, numbers of any size and kind, and rows of what is too large to be held whole.

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::{ColorType, TiffError};

use super::directories::{Directories, Directory, Patched, tag};
use super::profile::{Colours, inks_to_rgb};
use super::raster::{MAX_MEMORY, Raster, check_sides, in_short};
use super::reduce::{MAX_LARGE, RowReducer, reduced_note, reduction, too_large};
use super::tiff_values::{Levels, YcbcrRule, levels, packed, palette, rgb_of_units, ycbcr_to_rgb};

/// Reads a TIFF or BigTIFF: its first page that is not a smaller copy of another.
///
/// # Errors
/// Returns a sentence where the file is damaged, cut short, too large or of a kind that is not read.
pub(super) fn read(bytes: &[u8]) -> Result<Raster, String> {
    let file = Directories::read(bytes).ok_or(CUT_SHORT)?;
    let kind = |directory: &Directory| file.number(directory, tag::SUBFILE_TYPE).unwrap_or(0);
    // Bit 0: a smaller copy of another picture; bit 2: a mask.
    let is_full = |directory: &&Directory| kind(directory) & 5 == 0 && file.size(directory).is_some();
    let pages: Vec<_> = file.all.iter().filter(|directory| !directory.is_below).filter(is_full).collect();
    let area = |directory: &&Directory| file.size(directory).map_or(0, |[w, h]| u64::from(w) * u64::from(h));
    let largest = || file.all.iter().filter(is_full).max_by_key(area).or_else(|| file.all.iter().max_by_key(area));
    let page = pages.first().copied().or_else(largest).ok_or(CUT_SHORT)?;
    let mut raster = read_directory(bytes, &file, page)?;
    let first = &file.all[0];
    if page.at != first.at
        && let (Some([width, height]), Some([small_width, small_height])) = (file.size(page), file.size(first))
    {
        let note = format!(
            "The first picture of this TIFF is a smaller copy ({small_width}×{small_height}); the full one of \
             {width}×{height} is used."
        );
        raster.notes.insert(0, note);
    }
    if pages.len() > 1 {
        raster.notes.insert(0, format!("A TIFF of {} pages; its first page is used.", pages.len()));
    }
    Ok(raster)
}

const CUT_SHORT: &str = "the file is damaged or cut short: this TIFF has no directory of a picture; get it again";

/// Reads the picture of one directory.
pub(super) fn read_directory(bytes: &[u8], file: &Directories, page: &Directory) -> Result<Raster, String> {
    let source = Source::new(file, page)?;
    let [width, height] = source.size;
    let factor = reduction(width, height);
    let decoder = source.decoder(bytes, file, page)?;
    let mut raster = if factor > 1 {
        source.reduced(decoder, factor)?
    } else {
        check_sides(width, height)?;
        source.whole(decoder, file, page)?
    };
    let icc = file.bytes(page, tag::ICC).filter(|_| source.photometric != INKS);
    raster.colours = icc.map_or(Colours::Srgb, |icc| Colours::Icc(icc.to_vec()));
    let orientation = file.number(page, tag::ORIENTATION).map(|number| number.min(255) as u8);
    raster.orientation = orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
    Ok(raster)
}

/// These are values of the tag PhotometricInterpretation.
const GREY: [u64; 2] = [0, 1];
const RGB: u64 = 2;
const PALETTE: u64 = 3;
const INKS: u64 = 5;
const YCBCR: u64 = 6;

/// This is how the picture of a directory is stored.
struct Source {
    size: [u32; 2],
    photometric: u64,
    bits: u64,
    samples: usize,
    /// This is the first of the samples beside the colours: 1 is alpha that the colours were multiplied by, 2 is
    /// alpha, 0 is anything else.
    extra: Option<u64>,
    /// So many pixels across and down share the colour of YCbCr, where the library does not see to that.
    shared: Option<[u32; 2]>,
}

impl Source {
    fn new(file: &Directories, page: &Directory) -> Result<Self, String> {
        let size = file.size(page).ok_or(CUT_SHORT)?;
        let photometric = file.number(page, tag::PHOTOMETRIC).unwrap_or(1);
        let compression = file.number(page, tag::COMPRESSION).unwrap_or(1);
        refuse(photometric, compression)?;
        let shared = (photometric == YCBCR && compression != 7).then(|| file.numbers(page, tag::YCBCR_SUBSAMPLING));
        let shared = shared.map(|numbers| match numbers[..] {
            [across, down] => [across.clamp(1, 4) as u32, down.clamp(1, 4) as u32],
            _ => [2, 2],
        });
        let shared = shared.filter(|shared| *shared != [1, 1]);
        if shared.is_some() && (page.has(tag::TILE_WIDTH) || file.number(page, tag::PREDICTOR).unwrap_or(1) > 1) {
            return Err("this is a TIFF of shared colours (YCbCr) in tiles, which is not read; save it as RGB".into());
        }
        Ok(Self {
            size,
            photometric,
            bits: file.number(page, tag::BITS).unwrap_or(1),
            samples: file.number(page, tag::SAMPLES).unwrap_or(1).min(64) as usize,
            extra: file.number(page, tag::EXTRA_SAMPLES),
            shared,
        })
    }

    /// Makes the library's decoder of the picture; palettes and shared colours are grey to it.
    fn decoder<'a>(
        &self,
        bytes: &'a [u8],
        file: &Directories,
        page: &Directory,
    ) -> Result<Decoder<Patched<'a>>, String> {
        let mut patches = vec![file.first(page)];
        let mut set = |tag: u16, value: u64| patches.extend(file.with_number(page, tag, value));
        if self.photometric == PALETTE {
            set(tag::PHOTOMETRIC, 1);
        }
        if let Some([across, down]) = self.shared {
            let [width, height] = self.size;
            set(tag::PHOTOMETRIC, 1);
            set(tag::SAMPLES, 1);
            set(tag::BITS, 8);
            // A unit is the grey of all its pixels, followed by two numbers for their colour.
            set(tag::WIDTH, u64::from(width.div_ceil(across)) * u64::from(across * down + 2));
            set(tag::HEIGHT, u64::from(height.div_ceil(down)));
            let rows = file.number(page, tag::ROWS_PER_STRIP).unwrap_or(u64::from(height)).min(u64::from(height));
            set(tag::ROWS_PER_STRIP, rows.div_ceil(u64::from(down)));
        }
        let mut limits = Limits::default();
        limits.decoding_buffer_size = MAX_MEMORY as usize;
        limits.intermediate_buffer_size = MAX_MEMORY as usize;
        limits.ifd_value_size = 64 << 20;
        let decoder = Decoder::new(Patched::new(bytes, patches)).map_err(|e| explain(&e))?;
        Ok(decoder.with_limits(limits))
    }

    /// Reads all of it.
    fn whole(&self, mut decoder: Decoder<Patched>, file: &Directories, page: &Directory) -> Result<Raster, String> {
        let mut values = DecodingResult::U8(Vec::new());
        let layout = decoder.read_image_to_buffer(&mut values).map_err(|e| explain(&e))?;
        if values.as_buffer(0).byte_len() < layout.complete_len {
            return Err(too_large(self.size[0], self.size[1]));
        }
        if let Some(shared) = self.shared {
            let DecodingResult::U8(units) = values else { return Err(CUT_SHORT.into()) };
            let rgb = rgb_of_units(&units, self.size, shared, &self.rule(file, page))?;
            return self.raster(Levels::Eight(rgb), 3, None);
        }
        let pixels = self.size[0] as usize * self.size[1] as usize;
        if self.bits < 8 {
            let DecodingResult::U8(bytes) = values else { return Err(CUT_SHORT.into()) };
            let per_row = self.size[0] as usize * if layout.planes > 1 { 1 } else { self.samples };
            let rows = self.size[1] as usize * layout.planes;
            let whole = packed(&bytes, self.bits as usize, per_row, rows, self.photometric != PALETTE);
            values = DecodingResult::U8(whole.ok_or(CUT_SHORT)?);
        }
        if self.photometric == PALETTE {
            let map = file.numbers(page, tag::COLOUR_MAP);
            let rgb = palette(&values, &map).ok_or("the file is damaged: this TIFF has no colours for its palette")?;
            return self.raster(Levels::Eight(rgb), 3, None);
        }
        let (mut levels, note) = levels(values).ok_or(CUT_SHORT)?;
        if layout.planes > 1 {
            levels = levels.interleaved(pixels);
        }
        let found = levels.len().checked_div(pixels).unwrap_or(0);
        if levels.len() != found * pixels {
            return Err(CUT_SHORT.into());
        }
        if self.photometric == YCBCR {
            let Levels::Eight(values) = levels else {
                return Err("this is a TIFF of colour differences (YCbCr) in 16 bits; save it as RGB".into());
            };
            let rgb = ycbcr_to_rgb(&values, found, &self.rule(file, page)).ok_or(CUT_SHORT)?;
            return self.raster(Levels::Eight(rgb), 3, note);
        }
        if self.photometric == INKS {
            let inks = levels.picked(found, 4).ok_or(CUT_SHORT)?.into_eight();
            let (image, ink_note) = inks_to_rgb(&inks, self.size[0], self.size[1], file.bytes(page, tag::ICC));
            return Ok(Raster { notes: note.into_iter().collect(), ..Raster::new(image) }.with_note(ink_note));
        }
        self.raster(levels, found, note)
    }

    fn rule(&self, file: &Directories, page: &Directory) -> YcbcrRule {
        YcbcrRule::new(
            &file.fractions(page, tag::YCBCR_COEFFICIENTS),
            &file.fractions(page, tag::REFERENCE_BLACK_WHITE),
        )
    }

    /// Makes a raster of levels with `found` of them for each pixel: the colours, alpha where there is one, and no
    /// more.
    fn raster(&self, levels: Levels, found: usize, note: Option<String>) -> Result<Raster, String> {
        let colours = if found >= 3 && !GREY.contains(&self.photometric) { 3 } else { 1 };
        // The library, too, takes a fourth sample that is not explained for alpha.
        let extra = self.extra.or((found == 4 && colours == 3).then_some(2)).filter(|_| found > colours);
        let has_alpha = matches!(extra, Some(1 | 2));
        let kept = colours + usize::from(has_alpha);
        let mut levels = levels.picked(found, kept).ok_or(CUT_SHORT)?;
        if extra == Some(1) {
            levels.divide_by_alpha(kept);
        }
        let [width, height] = self.size;
        let image = levels.into_image(width, height, kept).ok_or(CUT_SHORT)?;
        let mut raster = Raster::new(image);
        if found > kept {
            let what = if colours == 3 { "three are used as colours" } else { "first is used as grey" };
            raster.notes.push(format!("{found} channels, of which the {what}."));
        }
        raster.notes.extend(note);
        Ok(raster)
    }

    /// Reads a large picture strip by strip or tile by tile, and averages squares of `factor` × `factor` pixels.
    fn reduced(&self, mut decoder: Decoder<Patched>, factor: u32) -> Result<Raster, String> {
        let [width, height] = self.size;
        let channels = match decoder.colortype().map_err(|e| explain(&e))? {
            ColorType::Gray(8) => 1,
            ColorType::RGB(8) => 3,
            _ => return Err(too_large(width, height)),
        };
        let (chunk_width, chunk_height) = decoder.chunk_dimensions();
        let is_plain = matches!(self.photometric, 0..=RGB) && self.samples == channels;
        // The rows of one strip, or of the tiles beside each other, are held at a time.
        let band = u64::from(width) * u64::from(chunk_height.min(height)) * channels as u64;
        if u64::from(width) * u64::from(height) > MAX_LARGE || band > 256 << 20 || !is_plain || chunk_width == 0 {
            return Err(too_large(width, height));
        }
        let across = width.div_ceil(chunk_width);
        let mut reducer = RowReducer::new(width, channels, factor);
        let row = width as usize * channels;
        for down in 0..height.div_ceil(chunk_height.max(1)) {
            let rows = chunk_height.min(height - down * chunk_height) as usize;
            let mut band = vec![0; row * rows];
            for column in 0..across {
                let chunk = down * across + column;
                let DecodingResult::U8(values) = decoder.read_chunk(chunk).map_err(|e| explain(&e))? else {
                    return Err(CUT_SHORT.into());
                };
                let part = decoder.chunk_data_dimensions(chunk).0 as usize * channels;
                let left = (column * chunk_width) as usize * channels;
                if part == 0 || left + part > row {
                    return Err(CUT_SHORT.into());
                }
                for (to, from) in band.chunks_exact_mut(row).zip(values.chunks_exact(part)) {
                    to[left..left + part].copy_from_slice(from);
                }
            }
            band.chunks_exact(row).for_each(|row| reducer.push(row));
        }
        let now = [width.div_ceil(factor), height.div_ceil(factor)];
        let values = reducer.finish();
        let image = match channels {
            1 => ImageBuffer::from_raw(now[0], now[1], values).map(DynamicImage::ImageLuma8),
            _ => ImageBuffer::from_raw(now[0], now[1], values).map(DynamicImage::ImageRgb8),
        };
        Ok(Raster::new(image.ok_or(CUT_SHORT)?).with_note(reduced_note(self.size, now)))
    }
}

/// Refuses what neither the library nor this reader knows, by its name.
fn refuse(photometric: u64, compression: u64) -> Result<(), String> {
    let name = match (photometric, compression) {
        (_, 6) => "JPEG as TIFF 6.0 had it (compression 6)",
        (_, 50000) => "Zstandard",
        (_, 50001) => "WebP",
        (_, 34925) => "LZMA",
        (_, 33003..=33005 | 34712) => "JPEG 2000",
        (_, 2) => "Huffman coding of CCITT",
        (4, _) => "a transparency mask",
        (8..=10, _) => "colours in CIE L*a*b*",
        (32844 | 32845, _) => "colours in LogLuv",
        _ => return Ok(()),
    };
    Err(format!("this is a TIFF with {name}, which is not read here; save it as RGB, with LZW, Deflate or without"))
}

fn explain(error: &TiffError) -> String {
    let detail = in_short(&error.to_string());
    match error {
        TiffError::UnsupportedError(_) => {
            format!("this variant of TIFF is not supported; save it again as 8-bit PNG ({detail})")
        }
        TiffError::LimitsExceeded => format!("it needs too much memory; save it smaller ({detail})"),
        _ => format!("the file is damaged or cut short; get it again ({detail})"),
    }
}
