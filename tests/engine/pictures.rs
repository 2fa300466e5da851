//! Pictures in and out. The fixtures and how Pillow wrote them: tests/fixtures/pictures/make.py.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common;
use doppelganger::engine::picture::{
    Channel, Fit, Heatmap, HeatmapQuantity, MAX_PIXELS, Picture, Planes, Resampler, Rgba, decode, diverging, fit, open,
    open_over, png_bytes, save_png, sequential,
};

fn path(name: &str) -> PathBuf {
    common::fixture("pictures").join(name)
}

fn read(name: &str) -> Picture {
    open(&path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn grey(width: usize, height: usize, bytes: Vec<u8>) -> Picture {
    Picture::new(width, height, 1, bytes)
}

fn pixel(picture: &Picture, x: usize, y: usize) -> [u8; 3] {
    let at = (y * picture.width + x) * 3;
    picture.bytes[at..at + 3].try_into().unwrap()
}

fn close(a: [u8; 3], b: [u8; 3], tolerance: u8) -> bool {
    a.iter().zip(b).all(|(&a, b)| a.abs_diff(b) <= tolerance)
}

#[test]
fn all_eight_orientations_come_out_upright() {
    let jpegs = (1..=8).map(|orientation| format!("orientation-{orientation}.jpg"));
    // Other formats keep the orientation elsewhere.
    let others = ["png", "webp", "tif"].map(|format| format!("orientation-6.{format}"));
    for name in jpegs.chain(others) {
        let picture = read(&name);
        assert_eq!((picture.width, picture.height, picture.channels), (24, 16, 3), "{name}");
        for (x, y, colour) in [(4, 4, [255, 0, 0]), (20, 4, [0, 0, 255]), (4, 12, [255, 255, 0]), (20, 12, [0, 0, 0])] {
            assert!(close(pixel(&picture, x, y), colour, 3), "{name} at {x}, {y}");
        }
    }
}

#[test]
fn sixteen_bits_become_eight_with_a_note() {
    let grey = read("grey16.png");
    // v · 255 / 65535, rounded: 1000 is 3.89 and 32768 is 127.502.
    assert_eq!((grey.channels, grey.bytes), (1, vec![0, 4, 128, 255, 0, 1]));
    assert_eq!(grey.notes, ["16 bits per channel, reduced to 8."]);
    let rgb = read("rgb16.png");
    assert_eq!((rgb.channels, rgb.bytes), (3, vec![255, 0, 1, 0, 1, 128]));
    assert_eq!(rgb.notes.len(), 1);
}

#[test]
fn palettes_and_single_pixels() {
    let palette = read("palette.png");
    assert_eq!((palette.width, palette.height, palette.channels), (3, 2, 3));
    assert_eq!(palette.bytes, [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0, 0, 255, 255, 0, 0, 0]);
    assert!(palette.notes.is_empty());
    let one = read("one.png");
    assert_eq!((one.width, one.height, one.bytes.as_slice()), (1, 1, [200, 100, 50].as_slice()));
}

#[test]
fn transparency_is_shown_over_white() {
    // value · α/255 + 255 · (1 − α/255)
    for name in ["alpha.png", "alpha.webp"] {
        let colour = read(name);
        assert_eq!(colour.bytes, [255, 127, 127, 255, 255, 255, 1, 2, 3], "{name}");
        assert_eq!(colour.notes, ["Transparent parts are shown over white."], "{name}");
    }
    let grey = read("grey-alpha.png");
    assert_eq!((grey.channels, grey.bytes.as_slice()), (1, [0, 127, 255].as_slice()));
    assert!(grey.transparent && !read("palette.png").transparent);
}

#[test]
fn a_background_can_be_chosen() {
    let over = |name, background: &str| open_over(&path(name), background.parse().unwrap()).unwrap();
    // value · α/255 + background · (1 − α/255), of pixels with α 128, 0 and 255
    let colour = over("alpha.png", "#0040c0");
    assert_eq!(colour.bytes, [128, 32, 96, 0, 64, 192, 1, 2, 3]);
    assert_eq!(colour.notes, ["Transparent parts are shown over #0040c0."]);
    assert_eq!(over("grey-alpha.png", "black").channels, 1);
    assert_eq!(over("grey-alpha.png", "#0040c0").channels, 3, "a colour shows through a grey picture");
}

#[test]
fn cmyk_is_converted() {
    // Pillow: np.array(Image.open(name).convert("RGB"))[8, 8::16]
    let pillow = [[0, 255, 255], [255, 0, 255], [255, 255, 0], [0, 0, 0]];
    for name in ["cmyk.jpg", "cmyk.tif"] {
        let picture = read(name);
        for (i, colour) in pillow.into_iter().enumerate() {
            let found = pixel(&picture, 8 + 16 * i, 8);
            assert!(close(found, colour, 3), "{name}, {i}: {found:?}");
        }
        assert_eq!(picture.notes, ["CMYK, converted to RGB without a colour profile."], "{name}");
    }
}

#[test]
fn animations_give_their_first_frame_with_a_note() {
    for name in ["animated.gif", "animated.webp", "animated.png"] {
        let picture = read(name);
        assert_eq!((picture.width, picture.height), (4, 3), "{name}");
        assert!((0..12).all(|i| pixel(&picture, i % 4, i / 4) == [255, 0, 0]), "{name}");
        assert_eq!(picture.notes, ["An animation; its first frame is used."], "{name}");
    }
    assert!(read("noise.gif").notes.is_empty());
    // Without its end mark, which some programs forget, a GIF is still no animation.
    let whole = std::fs::read(path("noise.gif")).unwrap();
    assert_eq!(decode(&whole[..whole.len() - 1], "a GIF").unwrap(), read("noise.gif"));
}

#[test]
fn a_foreign_colour_profile_is_told() {
    assert!(read("profile.png").notes.iter().any(|note| note.contains("ICC")));
    assert!(read("noise.png").notes.is_empty());
    assert!(read("profile-srgb.png").notes.is_empty());
}

#[test]
fn the_content_tells_the_format_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let misnamed = folder.path().join("a.png");
    std::fs::copy(path("noise.jpg"), &misnamed).unwrap();
    assert_eq!(open(&misnamed).unwrap(), read("noise.jpg"));
}

#[test]
fn a_grey_jpeg_keeps_its_one_channel() {
    let picture = read("grey.jpg");
    assert_eq!((picture.width, picture.height, picture.channels, picture.bytes.len()), (24, 16, 1, 24 * 16));
}

#[test]
fn real_photos_are_read() {
    let Some(photos) = common::shared("data/imagenet/photos") else { return };
    let mut count = 0;
    for path in std::fs::read_dir(photos).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|extension| extension != "json") {
            let photo = open(&path).unwrap();
            assert!(photo.width > 32 && photo.height > 32, "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}

/// The largest file is 256 MB. A sparse file takes no room on the disk.
#[test]
fn a_file_that_is_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.png");
    std::fs::File::create(&large).unwrap().set_len((256 << 20) + 1).unwrap();
    assert!(refusal(&large).contains("larger than 256 MB"));
}

#[test]
fn lossless_formats_agree() {
    let png = read("noise.png");
    for name in ["noise.webp", "noise.bmp", "noise.tif"] {
        assert_eq!(read(name), png, "{name}");
    }
}

/// One clear message: at most six lines, the path last.
fn refusal(path: &Path) -> String {
    let message = open(path).expect_err("a bad picture was read").to_string();
    assert!(message.lines().count() <= 6, "{message}");
    assert!(message.ends_with(&path.display().to_string()), "{message}");
    message
}

#[test]
fn what_is_no_picture_is_refused() {
    for (name, says) in [
        ("empty.png", "the file is empty"),
        ("text.png", "this is text, not a picture; expected JPEG, PNG"),
        ("bomb.png", "100000×100000 pixels; at most 100 megapixels"),
        ("no-such-file.png", "cannot open this picture"),
        (".", "this is a folder"),
    ] {
        let message = refusal(&path(name));
        assert!(message.contains(says), "{name}: {message}");
    }
    for (bytes, says) in [
        (b"\0\0\0\x18ftypheic\0\0\0\0".as_slice(), "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"\x01\x02\xFF\xFE\x00\x00", "not a picture that is known"),
    ] {
        let message = decode(bytes, "the clipboard").unwrap_err().to_string();
        assert!(message.contains(says) && message.ends_with("the clipboard"), "{message}");
    }
}

/// Headers that claim enormous sizes, in every format, are refused at once: no pixel is decoded or set aside.
#[test]
fn headers_that_claim_too_much_are_refused_at_once() {
    let mut gif = std::fs::read(path("animated.gif")).unwrap();
    gif[6..10].copy_from_slice(&[0xFF; 4]);
    let mut bmp = std::fs::read(path("noise.bmp")).unwrap();
    bmp[18..26].copy_from_slice(&[0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, 0]);
    let mut jpeg = std::fs::read(path("noise.jpg")).unwrap();
    let frame = jpeg.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF]);
    let mut webp = std::fs::read(path("animated.webp")).unwrap();
    webp[24..30].copy_from_slice(&[0xFE, 0xFF, 0, 0xFE, 0xFF, 0]);
    for (name, bytes) in [("gif", gif), ("bmp", bmp), ("jpeg", jpeg), ("webp", webp)] {
        let start = Instant::now();
        let message = decode(&bytes, name).unwrap_err().to_string();
        assert!(message.contains("at most 100 megapixels"), "{name}: {message}");
        assert!(start.elapsed() < Duration::from_millis(200), "{name}");
    }
    assert_eq!(MAX_PIXELS, 100_000_000);
}

/// Wherever a file is cut, it is refused, or nothing of the picture is missing.
#[test]
fn truncated_pictures_are_never_half_shown() {
    for name in [
        "noise.png",
        "noise.webp",
        "noise.bmp",
        "noise.tif",
        "noise.gif",
        "noise.jpg",
        "noise-progressive.jpg",
        "cmyk.jpg",
        "animated.webp",
        "animated.gif",
        "animated.png",
        "orientation-6.jpg",
        "orientation-6.png",
        "orientation-6.webp",
        "orientation-6.tif",
        "alpha.webp",
        "palette.png",
        "formats/adobe_inks.jpg",
        "formats/rgb.ico",
        "formats/bits32.ico",
        "formats/deep_first.ico",
    ] {
        let whole = std::fs::read(path(name)).unwrap();
        let full = decode(&whole, name).unwrap();
        for length in 0..whole.len() {
            if let Ok(cut) = decode(&whole[..length], name) {
                assert!(cut.bytes == full.bytes, "{name} cut to {length} of {} bytes", whole.len());
            }
        }
        let half = decode(&whole[..whole.len() / 2], name).unwrap_err().to_string();
        assert!(half.lines().count() <= 6, "{half}");
    }
}

/// Damaged files may be refused or shown, but nothing panics.
#[test]
fn damaged_pictures_never_panic() {
    for name in [
        "noise.png",
        "noise.webp",
        "noise.bmp",
        "noise.tif",
        "noise.gif",
        "noise.jpg",
        "noise-progressive.jpg",
        "cmyk.jpg",
        "animated.webp",
        "animated.gif",
        "animated.png",
        "orientation-6.jpg",
        "orientation-6.webp",
        "orientation-6.tif",
        "cmyk.tif",
        "alpha.webp",
        "profile.png",
        "formats/cicp.png",
        "formats/rgb.ico",
        "formats/deep_first.ico",
        "formats/palette.tif",
    ] {
        let whole = std::fs::read(path(name)).unwrap();
        for at in 0..whole.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                if let Ok(picture) = decode(&damaged, name) {
                    assert_eq!(picture.bytes.len(), picture.width * picture.height * picture.channels, "{name} {at}");
                }
            }
        }
    }
}

#[test]
fn a_saved_picture_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    for picture in [read("noise.png"), grey(3, 2, vec![0, 1, 2, 253, 254, 255])] {
        let file = folder.path().join("saved.png");
        save_png(&picture, &file, &[]).unwrap();
        assert_eq!(open(&file).unwrap(), picture);
    }
    // Overwriting left no temporary file behind.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn text_travels_inside_a_png() {
    let picture = grey(1, 1, vec![7]);
    let png = png_bytes(&picture, &[("Description", "ε = 8/255")]).unwrap();
    assert_eq!(decode(&png, "png").unwrap(), picture);
    // Python: data = b"iTXtDescription\0\0\0\0\0" + "ε = 8/255".encode()
    //         struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    let expected = b"\0\0\0\x1aiTXtDescription\0\0\0\0\0\xce\xb5 = 8/255\x2d\xdb\x54\x93";
    assert!(png.windows(expected.len()).any(|w| w == expected), "{png:x?}");
    assert!(png_bytes(&picture, &[("", "x")]).is_err());
    assert!(png_bytes(&picture, &[("Ümlaut", "x")]).is_err());
}

#[test]
fn what_cannot_be_saved_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let picture = grey(1, 1, vec![7]);
    let missing = folder.path().join("missing/saved.png");
    let message = save_png(&picture, &missing, &[]).unwrap_err().to_string();
    assert!(message.contains("no such folder") && message.ends_with(&missing.display().to_string()), "{message}");
    let message = save_png(&picture, folder.path(), &[]).unwrap_err().to_string();
    assert!(message.contains("this is a folder"), "{message}");
    assert!(save_png(&picture, Path::new("/proc/saved.png"), &[]).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    for impossible in [grey(0, 0, vec![]), grey(2, 2, vec![1]), Picture { channels: 2, ..grey(1, 1, vec![1, 2]) }] {
        assert!(png_bytes(&impossible, &[]).is_err());
    }
}

/// Python: x = [[(37*x*x + 91*y + 13*x*y) % 256 for x in range(7)] for y in range(5)] as uint8.
fn pattern() -> Picture {
    let at = |i: usize| (i % 7, i / 7);
    grey(7, 5, (0..35).map(at).map(|(x, y)| ((37 * x * x + 91 * y + 13 * x * y) % 256) as u8).collect())
}

fn assert_within_one_level(planes: &Planes, expected: &[u8]) {
    assert_eq!(planes.values.len(), expected.len());
    for (value, &level) in planes.values.iter().zip(expected) {
        assert!((value * 255.0 - f32::from(level)).abs() <= 1.001, "{:?}\n{expected:?}", planes.to_picture().bytes);
        assert_eq!((value * 255.0).round() / 255.0, *value, "on the 8-bit grid");
    }
}

#[test]
fn squashing_agrees_with_pillow() {
    // np.array(Image.fromarray(x).resize((3, 4), Image.BILINEAR))
    let smaller = [60, 111, 115, 138, 136, 156, 139, 174, 137, 133, 133, 115];
    assert_within_one_level(&fit(&pattern(), 1, 4, 3, Fit::Squash).unwrap(), &smaller);
    // np.array(Image.fromarray(x).resize((10, 8), Image.BILINEAR))
    #[rustfmt::skip]
    let larger = [
        0, 20, 65, 142, 102, 78, 84, 138, 110, 52, 40, 63, 84, 87, 118, 137, 141, 121, 119, 126, 97, 124, 115, 23, 135,
        205, 209, 105, 134, 216, 154, 186, 182, 96, 110, 129, 146, 160, 163, 161, 130, 168, 189, 165, 136, 133, 156,
        175, 148, 107, 27, 69, 136, 230, 214, 218, 238, 150, 89, 52, 68, 114, 155, 165, 149, 157, 183, 90, 95, 142, 108,
        157, 174, 109, 92, 104, 134, 45, 104, 216,
    ];
    assert_within_one_level(&fit(&pattern(), 1, 8, 10, Fit::Squash).unwrap(), &larger);
}

#[test]
fn cropping_agrees_with_pillow() {
    // np.array(Image.fromarray(x).resize((4, 4), Image.BILINEAR, box=(1, 0, 6, 5)))
    let pillow = [72, 112, 113, 125, 151, 98, 167, 139, 160, 179, 178, 158, 157, 130, 147, 79];
    assert_within_one_level(&fit(&pattern(), 1, 4, 4, Fit::Crop).unwrap(), &pillow);
}

#[test]
fn letterboxing_agrees_with_pillow() {
    // np.array(Image.fromarray(x).resize((6, 4), Image.BILINEAR)), a black row above and below
    #[rustfmt::skip]
    let pillow = [
        0, 0, 0, 0, 0, 0, 30, 79, 112, 113, 127, 102, 139, 145, 100, 166, 139, 173, 99, 168, 178, 177, 167, 97, 102,
        161, 129, 146, 79, 148, 0, 0, 0, 0, 0, 0,
    ];
    assert_within_one_level(&fit(&pattern(), 1, 6, 6, Fit::Letterbox).unwrap(), &pillow);
}

#[test]
fn grey_and_colour_become_each_other() {
    let bytes = vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 12, 200, 99];
    let colour = Picture { channels: 3, ..grey(4, 1, bytes) };
    // np.array(Image.fromarray(...).convert("L"))
    assert_within_one_level(&fit(&colour, 1, 1, 4, Fit::Squash).unwrap(), &[76, 150, 29, 132]);
    // Grey shown in colour and taken back does not drift by a level.
    let ramp = grey(256, 1, (0..=255).collect());
    let shown = fit(&ramp, 3, 1, 256, Fit::Squash).unwrap().to_picture();
    assert_eq!(fit(&shown, 1, 1, 256, Fit::Squash).unwrap().to_picture(), ramp);
    let repeated = fit(&pattern(), 3, 5, 7, Fit::Squash).unwrap();
    assert!(repeated.values.chunks(35).all(|plane| plane == &repeated.values[..35]));
}

#[test]
fn the_same_size_comes_back_bit_for_bit() {
    for how in [Fit::Squash, Fit::Crop, Fit::Letterbox] {
        assert_eq!(fit(&pattern(), 1, 5, 7, how).unwrap().to_picture(), pattern());
        let noise = read("noise.png");
        assert_eq!(fit(&noise, 3, 8, 8, how).unwrap().to_picture(), noise);
    }
}

#[test]
fn extreme_shapes_and_impossible_sizes() {
    for (width, height) in [(1, 1), (1, 5000), (5000, 1)] {
        let picture = grey(width, height, vec![200; width * height]);
        for how in [Fit::Squash, Fit::Crop] {
            assert!(fit(&picture, 3, 9, 4, how).unwrap().values.iter().all(|&v| v == 200.0 / 255.0));
        }
        let boxed = fit(&picture, 1, 9, 4, Fit::Letterbox).unwrap();
        assert!(boxed.values.iter().all(|&v| v == 200.0 / 255.0 || v == 0.0));
        assert!(boxed.values.contains(&(200.0 / 255.0)));
    }
    assert!(fit(&pattern(), 2, 4, 4, Fit::Squash).is_err());
    assert!(fit(&pattern(), 1, 0, 4, Fit::Squash).is_err());
    assert!(fit(&grey(0, 0, vec![]), 1, 4, 4, Fit::Crop).is_err());
    assert!(fit(&grey(2, 2, vec![1, 2, 3]), 1, 4, 4, Fit::Crop).is_err());
}

#[test]
fn a_resampler_is_a_matrix_whose_rows_sum_to_one() {
    // Halving: the triangle of half-width 2 on half-pixel centres weighs 1, 3, 3, 1; what falls outside is left out.
    let half = Resampler::new(6, 0.0..6.0, 3);
    assert_eq!((half.first(0), half.weights(0)), (0, [3.0 / 7.0, 3.0 / 7.0, 1.0 / 7.0].as_slice()));
    assert_eq!((half.first(1), half.weights(1)), (1, [0.125, 0.375, 0.375, 0.125].as_slice()));
    for (from, to) in [(1, 7), (7, 1), (100, 33), (33, 100)] {
        let resampler = Resampler::new(from, 0.0..from as f64, to);
        assert_eq!(resampler.len(), to);
        for i in 0..to {
            assert!((resampler.weights(i).iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(resampler.first(i) + resampler.weights(i).len() <= from);
        }
    }
}

#[test]
fn a_photo_of_24_megapixels_is_fitted_quickly() {
    let bytes = (0..6000 * 4000 * 3).map(|i: usize| (i.wrapping_mul(2_654_435_761) >> 16) as u8).collect();
    let photo = Picture { channels: 3, ..grey(6000, 4000, bytes) };
    let start = Instant::now();
    let planes = fit(&photo, 3, 224, 224, Fit::Crop).unwrap();
    let took = start.elapsed();
    println!("6000×4000 to 224×224: {took:?}");
    assert_eq!(planes.values.len(), 3 * 224 * 224);
    if !cfg!(debug_assertions) {
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}

fn planes(channels: usize, values: &[f32]) -> Planes {
    Planes { channels, height: 1, width: values.len() / channels, values: values.to_vec() }
}

fn colours(rgba: &Rgba) -> Vec<[u8; 3]> {
    rgba.bytes.chunks_exact(4).map(|p| [p[0], p[1], p[2]]).collect()
}

#[test]
fn a_heatmap_is_signed_and_centred_on_zero() {
    let delta = planes(2, &[0.0, 0.1, -0.2, 0.0, 0.0, -0.4, 0.1, f32::NAN]);
    let gradient = planes(1, &[1e-40, -2e-40, 0.0, -0.0]);
    let draw = |quantity, channel, gain| Heatmap { quantity, channel, gain }.draw(&delta, &gradient);
    let (map, limit) = draw(HeatmapQuantity::Perturbation, Channel::Strongest, 1.0);
    assert_eq!(limit, 0.4);
    let nan = diverging(f32::NAN);
    assert_eq!(colours(&map), [diverging(0.0), diverging(-1.0), diverging(-0.5), nan]);
    assert_eq!(diverging(0.0), [255; 3]);
    // Twice the gain: full colour at half the value.
    let (map, limit) = draw(HeatmapQuantity::Magnitude, Channel::One(0), 2.0);
    assert_eq!((colours(&map), limit), ([0.0, 1.0, 1.0, 0.0].map(sequential).to_vec(), 0.1));
    // The smallest numbers there are.
    let (map, _) = draw(HeatmapQuantity::Gradient, Channel::One(2), 1.0);
    assert_eq!(colours(&map), [0.5, -1.0, 0.0, 0.0].map(diverging));
    // A channel that is not there is drawn as the strongest: not the last one, which is 0 here.
    let two = planes(2, &[0.3, 0.0]);
    let beyond = Heatmap { quantity: HeatmapQuantity::Perturbation, channel: Channel::One(2), gain: 1.0 };
    assert_eq!(colours(&beyond.draw(&two, &two).0), [diverging(1.0)]);
    // Nothing at all, and a gain that cannot be.
    let nothing = planes(1, &[0.0, 0.0]);
    let heatmap = Heatmap { quantity: HeatmapQuantity::Perturbation, channel: Channel::Strongest, gain: f32::NAN };
    assert_eq!(heatmap.draw(&nothing, &nothing).1, 0.0);
    assert_eq!(colours(&heatmap.draw(&nothing, &nothing).0), [[255; 3]; 2]);
    let infinite = planes(1, &[f32::INFINITY, 1.0, f32::NEG_INFINITY]);
    assert_eq!(colours(&heatmap.draw(&infinite, &nothing).0), [1.0, 1.0, -1.0].map(diverging));
}

/// CIE L* of an sRGB colour (IEC 61966-2-1 and CIE 15), which knows nothing of OKLab.
fn lightness(colour: [u8; 3]) -> f32 {
    let linear = colour.map(|v| {
        let v = f32::from(v) / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    });
    let y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    if y > 0.008_856 { 116.0 * y.cbrt() - 16.0 } else { 903.3 * y }
}

#[test]
fn the_colour_maps_are_even_and_symmetric_in_lightness() {
    let steps: Vec<f32> = (0..=20).map(|i| i as f32 / 20.0).collect();
    for t in &steps {
        let (red, blue) = (diverging(*t), diverging(-*t));
        assert!((lightness(red) - lightness(blue)).abs() < 5.0, "{t}: {red:?} {blue:?}");
        assert!(*t == 0.0 || (red[0] > red[2] && blue[2] > blue[0]), "{t}: {red:?} {blue:?}");
    }
    for map in [|t: f32| diverging(t), |t: f32| diverging(-t), sequential] {
        let falls: Vec<f32> = steps.windows(2).map(|t| lightness(map(t[0])) - lightness(map(t[1]))).collect();
        let mean = falls.iter().sum::<f32>() / falls.len() as f32;
        assert!(falls.iter().all(|fall| (0.5 * mean..1.6 * mean).contains(fall)), "{falls:?}");
    }
    assert_eq!(diverging(7.0), diverging(1.0));
    assert_eq!(sequential(-1.0), sequential(0.0));
    let nan = diverging(f32::NAN);
    assert!(nan[1] > nan[0] && nan[1] > nan[2], "green, which neither map contains");
}

#[test]
fn pixels_become_textures() {
    let grey = Rgba::from_planes(&planes(1, &[0.0, 0.5, 1.0, 2.0]));
    assert_eq!(colours(&grey), [[0; 3], [128; 3], [255; 3], [255; 3]]);
    let colour = Rgba::from_planes(&planes(3, &[1.0, 0.0, 0.0, 1.0, 0.2, 0.4]));
    assert_eq!(colour.bytes, [255, 0, 51, 255, 0, 255, 102, 255]);
    assert_eq!((colour.width, colour.height), (2, 1));
}
