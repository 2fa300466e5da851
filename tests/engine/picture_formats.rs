//! Pictures in the formats that people have. `tests/fixtures/pictures/formats.py` wrote them and what Pillow reads of
//! them; colours were converted by Little CMS.

use std::path::PathBuf;

use doppelganger::engine::picture::{Picture, decode, open};

use crate::common::{self, shared};

fn path(name: &str) -> PathBuf {
    common::fixture("pictures/formats").join(name)
}

/// Reads a picture and compares it with what Pillow read of it, so many levels away at most.
fn check(name: &str, tolerance: u8, note: &str) {
    let picture = open(&path(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut expected = std::fs::read(path(&format!("{name}.raw"))).unwrap();
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
    check("sizes.ico", 0, "the largest, 32×32, is used");
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
