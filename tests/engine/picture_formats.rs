//! Pictures in the formats that people have. `tests/fixtures/pictures/formats.py` and `raws.py` beside it wrote them
//! and what Pillow reads of them; colours were converted by Little CMS.

use std::path::PathBuf;

use doppelganger::engine::picture::{Picture, decode, open};

use crate::common::{self, shared};

fn path(name: &str) -> PathBuf {
    common::fixture("pictures/formats").join(name)
}

/// Reads a picture and compares it with what Pillow read of it, so many levels away at most.
fn check(name: &str, tolerance: u8, note: &str) {
    check_as(name, name, tolerance, note);
}

/// Does what [`check`] does with what Pillow read of another picture.
fn check_as(name: &str, other: &str, tolerance: u8, note: &str) {
    let picture = open(&path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut expected = std::fs::read(path(&format!("{other}.raw"))).unwrap();
    let pixels = picture.width * picture.height;
    // Some decoders give a grey picture three equal channels, which the reader takes for one.
    if picture.channels == 3 && expected.len() == pixels {
        expected = expected.iter().flat_map(|&value| [value; 3]).collect();
    }
    assert_eq!(picture.bytes.len(), expected.len(), "{name} is {}×{}", picture.width, picture.height);
    let gap = picture.bytes.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(gap <= Some(tolerance), "{name} is {gap:?} levels away from what Pillow reads");
    let notes = picture.notes.join(" ");
    assert!(if note.is_empty() { notes.is_empty() } else { notes.contains(note) }, "{name}: {notes}");
}

#[test]
fn plain_formats_are_read_as_pillow_reads_them() {
    for name in ["colour.ppm", "grey.pgm", "text.pgm", "bits.pbm", "plain.tga", "runs.tga", "colour.qoi"] {
        check(name, 0, "");
    }
    check("deep.pgm", 0, "16 bits per channel");
}

#[test]
fn icons_of_all_kinds_are_read_and_the_largest_is_taken() {
    check("sizes.ico", 0, "An icon of 2 pictures; the largest, 32×32, is used.");
    // PNGs without alpha, which the image library refuses.
    for name in ["rgb.ico", "grey.ico", "palette.ico"] {
        check(name, 0, "An icon of 2 pictures; the largest, 32×32, is used.");
    }
    check("bits8.ico", 0, "");
    check("bits32.ico", 0, "Transparent");
    check("hot.cur", 0, "Transparent");
    // The smaller picture has more bits.
    check("deep_first.ico", 0, "the largest, 32×32, is used");
}

#[test]
fn inks_are_read_by_what_the_jpeg_says_of_them() {
    for name in ["adobe_inks.jpg", "plain_inks.jpg", "ycck.jpg"] {
        check(name, 3, "CMYK");
    }
}

#[test]
fn progressive_jpegs_are_read_as_pillow_reads_them() {
    for name in ["progressive.jpg", "restarts.jpg"] {
        check(name, 4, "");
    }
}

#[test]
fn kinds_of_png_are_read_as_pillow_reads_them() {
    check("grey_alpha16.png", 1, "16 bits per channel");
    for name in ["clear1.png", "clear2.png", "clear4.png"] {
        check(name, 1, "Transparent");
    }
    check("cicp.png", 1, "cICP 12, 13");
}

#[test]
fn the_largest_preview_of_a_raw_file_is_taken_and_never_a_thumbnail() {
    let files = [
        ("cr2", "Canon CR2"),
        ("arw", "Sony ARW"),
        ("dng", "DNG"),
        ("orf", "Olympus ORF"),
        ("rw2", "Panasonic RW2"),
        ("raf", "Fujifilm RAF"),
        ("cr3", "Canon CR3"),
    ];
    for (ending, name) in files {
        check_as(
            &format!("preview.{ending}"),
            "preview.jpg",
            2,
            &format!(
                "({name}); shown is the camera's own \
        preview"
            ),
        );
        let why = open(&path(&format!("thumb.{ending}"))).unwrap_err().to_string();
        assert!(why.contains(&format!("({name}), and its only preview is a thumbnail of 24×16")), "{ending}: {why}");
    }
    // Its tiles of what the sensor measured are JPEGs that are larger than the preview.
    check_as("lossy.dng", "preview.jpg", 2, "(DNG)");
}

#[test]
fn tiff_is_read_in_all_its_kinds() {
    // Pillow writes a palette's values times 256, where 257 times are 16 bits.
    check("palette.tif", 1, "");
    for name in ["bits.tif", "big.tif", "deflate.tif", "lzw.tif"] {
        check(name, 0, "");
    }
    check("float.tif", 0, "float");
    check("difference.tif", 1, "");
    check("pages.tif", 0, "A TIFF of 2 pages; its first page is used.");
}

#[test]
fn colours_are_brought_to_srgb() {
    for name in ["p3.png", "p3.tif", "adobe.png", "grey_profile.png"] {
        check(name, 1, "“A profile”");
    }
    check("linear.png", 1, "gAMA");
    check("cut_profile.png", 0, "damaged");
}

#[test]
fn what_is_transparent_everywhere_is_taken_as_opaque() {
    check("invisible.png", 0, "opaque");
    check("invisible.tga", 0, "opaque");
}

#[test]
fn a_jpeg_without_its_end_marker_opens_with_a_note() {
    let whole = std::fs::read(common::fixture("pictures/noise.jpg")).unwrap();
    let expected = decode(&whole, "noise.jpg").unwrap();
    let picture = decode(&whole[..whole.len() - 2], "noise.jpg").unwrap();
    assert_eq!(picture.bytes, expected.bytes);
    assert_eq!(picture.notes, ["The end marker of this JPEG is missing; all its rows are there."]);
}

/// An eighth of them end with a whole byte, of which no bit is left to show that nothing is missing.
#[test]
fn a_jpeg_without_its_end_marker_is_whole_wherever_its_last_bit_lies() {
    for seed in 0..40_u32 {
        let noise =
            image::GrayImage::from_fn(16, 16, |x, y| image::Luma([((x * 37 + y * 91 + seed * 53) % 251) as u8]));
        let mut whole = Vec::new();
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut whole, 85);
        noise.write_with_encoder(encoder).unwrap();
        let expected = decode(&whole, "noise.jpg").unwrap().bytes;
        let scan = &whole[..whole.len() - 2];
        assert_eq!(decode(scan, "noise.jpg").unwrap().bytes, expected, "{seed}");
        for missing in 1..12 {
            let cut = decode(&scan[..scan.len() - missing], "noise.jpg");
            assert!(cut.map_or(true, |cut| cut.bytes == expected), "{seed} lacks {missing} bytes");
        }
    }
}

/// With an end marker and without: what a few bytes claim to hold is not decoded to find that they do not.
#[test]
fn a_jpeg_that_claims_more_blocks_than_it_has_bits_is_refused_at_once() {
    let mut bytes = std::fs::read(common::fixture("pictures/cmyk.jpg")).unwrap();
    let frame = bytes.windows(2).position(|window| window == [0xFF, 0xC0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xE0, 0, 5, 0]);
    let start = std::time::Instant::now();
    for length in [bytes.len(), bytes.len() - 2] {
        let why = decode(&bytes[..length], "claims.jpg").unwrap_err().to_string();
        assert!(why.contains("cut short"), "{why}");
    }
    assert!(start.elapsed().as_millis() < 200, "{:?}", start.elapsed());
}

#[test]
fn what_is_not_read_is_named() {
    let files: [(&[u8], [&str; 2]); 9] = [
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", ["HEIC", "JPEG"]),
        (b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif", ["AVIF", "avifdec"]),
        (b"\xff\x0a\x00\x00\x00\x00", ["JPEG XL", "djxl"]),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n\x00\x00", ["JPEG 2000", "TIFF"]),
        (b"8BPS\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03", ["Photoshop", "PNG"]),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", ["SVG", "PNG"]),
        (b"%PDF-1.7\n", ["PDF", "PNG"]),
        (b"\x1aE\xdf\xa3\x01\x00\x00\x00", ["video", "frame"]),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", ["Git LFS", "git lfs pull"]),
    ];
    for (bytes, words) in files {
        let why = decode(bytes, "picture").unwrap_err().to_string();
        assert!(words.iter().all(|word| why.contains(word)), "{words:?}: {why}");
    }
}

#[test]
fn a_photo_of_108_megapixels_is_read_at_a_reduced_size() {
    // An eighth of a second of one colour: a JPEG of 12 000 × 9 000 whose blocks are all alike.
    let mut bytes = Vec::new();
    let grey = image::GrayImage::from_pixel(12_000, 9_000, image::Luma([90]));
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90);
    grey.write_with_encoder(encoder).unwrap();
    drop(grey);
    let picture = decode(&bytes, "large.jpg").unwrap();
    assert_eq!((picture.width, picture.height, picture.channels), (6_000, 4_500, 1));
    assert!(picture.bytes.iter().all(|value| value.abs_diff(90) <= 1));
    assert!(
        picture.notes[0].contains("108 megapixels") && picture.notes[0].contains("6000×4500"),
        "{:?}",
        picture.notes
    );
}

/// Reads one of the pictures that were made after public reports.
fn case(name: &str) -> Option<Result<Picture, String>> {
    let path = shared(&format!("cases/pictures/{name}"))?;
    Some(open(&path).map_err(|e| e.to_string()))
}

#[test]
fn pictures_of_public_reports_are_read_with_a_note() {
    let read = [
        ("p3.jpg", "Display P3"),
        ("gamma1.png", "gAMA"),
        ("b32_v5_alpha0.bmp", "opaque"),
        ("t_multi.tif", "first page"),
        ("t_pal.tif", ""),
        ("t_f32_01.tif", "float"),
        ("photo.ppm", ""),
        ("nef_like.nef", "preview"),
        ("trunc_eoi.jpg", "end marker"),
    ];
    for (name, note) in read {
        let Some(picture) = case(name) else { return };
        let picture = picture.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(picture.notes.join(" ").contains(note), "{name}: {:?}", picture.notes);
    }
    let Some(Err(why)) = case("arith.jpg") else { panic!("arith.jpg is read") };
    assert!(why.contains("arithmetic") && !why.contains("damaged"), "{why}");
}
