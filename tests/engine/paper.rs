//! Digits on paper are inverted, cropped and centred as MNIST has them; what is light on dark is left alone.

use std::f32::consts::TAU;
use std::sync::Arc;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::common::{self, shared};
use doppelganger::engine::attack::{Baseline, Goal, Label, Loss};
use doppelganger::engine::data::{
    DIGIT_SIDE, Dataset, Invert, Split, digit_on_paper, draw_digit, reads_handwriting, sample, samples,
};
use doppelganger::engine::model::{Catalogue, Model, argmax};
use doppelganger::engine::picture::{Fit, Picture, Region, decode, fit, open, save_png};

fn net(name: &str) -> Arc<Model> {
    Arc::new(Catalogue::new(Vec::new()).load(name).unwrap())
}

fn answer(model: &Model, picture: &Picture) -> usize {
    argmax(&model.probabilities(&model.fit(picture).unwrap()).unwrap())
}

/// A sheet of paper in colour, with light that falls on it.
struct Sheet {
    width: usize,
    height: usize,
    paper: [f32; 3],
    pen: [f32; 3],
    /// The distance of its lines and whether they are squares.
    lines: Option<(usize, bool)>,
    light: fn(x: f32, y: f32) -> f32,
    noise: f32,
}

impl Default for Sheet {
    fn default() -> Self {
        let (paper, pen) = ([245.0, 243.0, 238.0], [30.0, 30.0, 35.0]);
        Self { width: 480, height: 360, paper, pen, lines: None, light: |_, _| 1.0, noise: 4.0 }
    }
}

impl Sheet {
    /// Draws a digit of 28×28, light on dark, with its box of 20×20 so many pixels large, at a place of the sheet.
    fn with(&self, digit: &Picture, side: usize, [left, top]: [usize; 2], rng: &mut ChaCha8Rng) -> Picture {
        let large = side * DIGIT_SIDE / 20;
        let ink = fit(digit, 1, large, large, Fit::Squash).unwrap();
        let mut bytes = Vec::with_capacity(self.width * self.height * 3);
        for y in 0..self.height {
            for x in 0..self.width {
                // The pen has sharp edges.
                let at = ink.get(0, x.wrapping_sub(left), y.wrapping_sub(top)).unwrap_or_default();
                let covered = ((at - 0.35) / 0.3).clamp(0.0, 1.0);
                let ruled = |pitch: usize, squares: bool| y % pitch < 2 || (squares && x % pitch < 2);
                let is_line = self.lines.is_some_and(|(pitch, squares)| ruled(pitch, squares));
                let light = (self.light)(x as f32 / self.width as f32, y as f32 / self.height as f32);
                let grain = self.noise * rng.random_range(-1.0..1.0f32);
                bytes.extend([0, 1, 2].map(|c| {
                    let paper = if is_line { [185.0, 200.0, 225.0][c] } else { self.paper[c] };
                    (light * (paper + covered * (self.pen[c] - paper)) + grain).round().clamp(0.0, 255.0) as u8
                }));
            }
        }
        Picture::new(self.width, self.height, 3, bytes)
    }
}

/// Draws the digits 0 to 9, so many times, with what a net says of them.
fn drawn(model: &Model, times: usize) -> Vec<(Picture, usize)> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let digits = (0..10 * times).map(|i| draw_digit((i % 10) as u8, &mut rng));
    digits.map(|digit| (digit.clone(), answer(model, &digit))).collect()
}

/// Puts drawn digits on a sheet, and returns how many of how many get the answer that they had before.
fn kept(sheet: &Sheet, side: usize) -> (usize, usize) {
    let model = net("digits_cnn");
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let digits = drawn(&model, 2);
    let is_kept = |(digit, expected): &(Picture, usize)| {
        let large = side * DIGIT_SIDE / 20;
        let place = [sheet.width, sheet.height].map(|length| rng.random_range(4..length - large - 4));
        let page = sheet.with(digit, side, place, &mut rng);
        let found = Invert::Auto.apply(&page, None, &model.manifest).unwrap();
        found.is_some_and(|found| answer(&model, &found) == *expected)
    };
    (digits.iter().map(is_kept).filter(|is_kept| *is_kept).count(), digits.len())
}

#[test]
fn digits_on_paper_get_the_answers_that_they_had() {
    let plain = Sheet::default;
    let sheets = [
        ("plain", plain(), 90),
        ("light from a side", Sheet { light: |x, y| 0.3 + 0.7 * (0.8 * x + 0.2 * y), ..plain() }, 90),
        ("dark corners", Sheet { light: |x, y| 1.0 - 1.2 * ((x - 0.5).powi(2) + (y - 0.5).powi(2)), ..plain() }, 90),
        ("a shadow", Sheet { light: |x, y| if x + 0.3 * y > 0.6 { 0.45 } else { 1.0 }, ..plain() }, 90),
        ("waves", Sheet { light: |x, y| 0.75 + 0.2 * (TAU * (x + y)).sin(), ..plain() }, 90),
        ("ruled", Sheet { lines: Some((40, false)), ..plain() }, 90),
        ("squared", Sheet { lines: Some((24, true)), ..plain() }, 90),
        ("squared, a shadow", Sheet { lines: Some((24, true)), light: |x, _| 0.5 + 0.5 * x, ..plain() }, 90),
        ("grey paper", Sheet { paper: [140.0; 3], pen: [60.0; 3], ..plain() }, 90),
        ("pencil", Sheet { paper: [225.0; 3], pen: [150.0; 3], ..plain() }, 90),
        ("blue ink", Sheet { pen: [40.0, 60.0, 190.0], ..plain() }, 90),
        ("red ink", Sheet { pen: [200.0, 40.0, 40.0], ..plain() }, 90),
        ("large", Sheet { width: 240, height: 240, ..plain() }, 150),
        ("small on a large sheet", Sheet { width: 1600, height: 1200, ..plain() }, 70),
        ("no larger than MNIST's", Sheet { width: 64, height: 64, noise: 0.0, ..plain() }, 20),
    ];
    for (what, sheet, side) in sheets {
        let (kept, of) = kept(&sheet, side);
        println!("{what}: {kept} of {of}");
        assert!(kept * 100 >= of * 93, "{what}: {kept} of {of}");
    }
}

#[test]
fn thin_pens_become_as_thick_as_mnists() {
    // A 7 of two lines, two pixels thick in 300.
    let mut bytes = vec![255; 400 * 400];
    for i in 0..300 {
        if i < 180 {
            (60..62).for_each(|y| bytes[y * 400 + 110 + i] = 40);
        }
        let x = 289 - i * 2 / 5;
        (0..2).for_each(|dx| bytes[(60 + i) * 400 + x - dx] = 40);
    }
    let found = digit_on_paper(&Picture::new(400, 400, 1, bytes), None).unwrap().unwrap();
    let ink: f32 = found.bytes.iter().map(|&value| f32::from(value) / 255.0).sum();
    // About 32 pixels of line, two pixels thick.
    assert!((45.0..90.0).contains(&ink), "{ink}");
    assert_eq!(answer(&net("digits_cnn"), &found), 7);
}

#[test]
fn a_digit_is_in_a_box_of_20_with_its_mass_in_the_middle() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let sheet = Sheet::default();
    for digit in 0..10 {
        let page = sheet.with(&draw_digit(digit, &mut rng), 100, [300, 20], &mut rng);
        let found = digit_on_paper(&page, None).unwrap().unwrap();
        assert_eq!((found.width, found.height, found.channels), (DIGIT_SIDE, DIGIT_SIDE, 1));
        let (mut x, mut y, mut mass) = (0.0, 0.0, 0.0);
        let (mut across, mut down) = ([28, 0], [28, 0]);
        for (i, value) in found.bytes.iter().enumerate() {
            let at = [i % DIGIT_SIDE, i / DIGIT_SIDE];
            x += f64::from(*value) * (at[0] as f64 + 0.5);
            y += f64::from(*value) * (at[1] as f64 + 0.5);
            mass += f64::from(*value);
            if *value > 127 {
                across = [across[0].min(at[0]), across[1].max(at[0] + 1)];
                down = [down[0].min(at[1]), down[1].max(at[1] + 1)];
            }
        }
        let middle = [x / mass, y / mass];
        assert!(middle.iter().all(|middle| (middle - 14.5).abs() < 0.1), "{digit}: {middle:?}");
        let side = (across[1] - across[0]).max(down[1] - down[0]);
        assert!((19..=21).contains(&side), "{digit}: {side}");
        assert!(found.bytes.iter().max() >= Some(&240), "{digit}");
    }
}

#[test]
fn what_is_light_on_dark_comes_through_as_it_is() {
    let model = net("digits_cnn");
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let is_kept = |picture: &Picture| Invert::Auto.apply(picture, None, &model.manifest).unwrap().is_none();
    for (digit, _) in drawn(&model, 20) {
        assert!(is_kept(&digit));
        let mut wide = vec![0; 60 * 50];
        for (y, row) in digit.bytes.chunks_exact(DIGIT_SIDE).enumerate() {
            wide[(y + 20) * 60 + 2..][..DIGIT_SIDE].copy_from_slice(row);
        }
        assert!(is_kept(&Picture::new(60, 50, 1, wide)), "off its centre");
        let board = Sheet { paper: [50.0; 3], pen: [220.0; 3], light: |x, _| 0.5 + 0.5 * x, ..Sheet::default() };
        assert!(is_kept(&board.with(&digit, 90, [20, 200], &mut rng)), "chalk on a board");
    }
    for (value, what) in [(0, "black"), (90, "grey"), (255, "white")] {
        assert!(is_kept(&Picture::new(28, 28, 1, vec![value; 784])), "{what}");
        assert!(is_kept(&Picture::new(300, 200, 3, vec![value; 180_000])), "{what}");
    }
    for sample in samples() {
        assert!(is_kept(&sample.picture().unwrap()), "{}", sample.name);
    }
}

#[test]
fn adversarial_digits_are_not_taken_for_paper() {
    let model = net("digits_cnn");
    for (digit, _) in drawn(&model, 3) {
        let fitted = model.fit(&digit).unwrap();
        let baseline = Baseline::new(&model, fitted, Label::Predicted, Goal::Untargeted, Loss::LogOdds).unwrap();
        for eps in [0.1, 0.3, 0.5] {
            let adversarial = common::fgsm(&model, &baseline, eps, true).in_8_bits(&model).unwrap();
            assert!(Invert::Auto.apply(&adversarial, None, &model.manifest).unwrap().is_none(), "ε = {eps}");
        }
    }
}

#[test]
fn dark_strokes_on_a_transparent_ground_lie_on_paper() {
    let model = net("digits_cnn");
    for (digit, expected) in drawn(&model, 1) {
        let mut rgba = vec![0; 200 * 200 * 4];
        let large = fit(&digit, 1, 112, 112, Fit::Squash).unwrap();
        for y in 0..112 {
            for x in 0..112 {
                rgba[((y + 10) * 200 + x + 80) * 4 + 3] = (large.get(0, x, y).unwrap() * 255.0) as u8;
            }
        }
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(&rgba, 200, 200, ExtendedColorType::Rgba8).unwrap();
        let page = decode(&png, "strokes.png").unwrap();
        let found = Invert::Auto.apply(&page, None, &model.manifest).unwrap().unwrap();
        assert_eq!(answer(&model, &found), expected);
    }
}

#[test]
fn the_digit_is_looked_for_in_the_part_that_is_shown() {
    let model = net("digits_cnn");
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let sheet = Sheet { noise: 0.0, ..Sheet::default() };
    let mut page = |name: &str, place| sheet.with(&sample(name).unwrap().picture().unwrap(), 100, place, &mut rng);
    let (three, seven) = (page("digit-3", [20, 40]), page("digit-7", [300, 150]));
    let both = three.bytes.iter().zip(&seven.bytes).map(|(a, b)| *a.min(b)).collect();
    let both = Picture::new(sheet.width, sheet.height, 3, both);
    for (digit, left) in [(3, 0.0), (7, 240.0)] {
        let part = Region { left, top: 0.0, width: 240.0, height: 360.0 };
        let found = Invert::Auto.apply(&both, Some(part), &model.manifest).unwrap().unwrap();
        assert_eq!(answer(&model, &found), digit);
    }
    let outside = Region { left: 400.0, top: 0.0, width: 240.0, height: 360.0 };
    assert!(Invert::Auto.apply(&both, Some(outside), &model.manifest).is_err());
}

#[test]
fn only_nets_of_dark_grounds_and_characters_invert_by_themselves() {
    let digits = net("digits_cnn").manifest.clone();
    let page = Sheet::default().with(&samples()[4].picture().unwrap(), 90, [40, 40], &mut ChaCha8Rng::seed_from_u64(1));
    let inverts = |invert: Invert, net| invert.apply(&page, None, net).unwrap().is_some();
    assert!(reads_handwriting(&digits) && inverts(Invert::Auto, &digits) && !inverts(Invert::No, &digits));
    let mut clothes = digits.clone();
    clothes.classes[0] = "T-shirt/top".into();
    assert!(!inverts(Invert::Auto, &clothes) && inverts(Invert::Yes, &clothes));
    let mut white = digits.clone();
    white.input.mean = vec![0.87];
    assert!(!inverts(Invert::Auto, &white) && inverts(Invert::Yes, &white));
    let photos = net("photos109").manifest.clone();
    assert!(!inverts(Invert::Auto, &photos) && !inverts(Invert::Yes, &photos));
}

#[test]
fn whatever_is_darkest_is_inverted_on_request() {
    let digits = net("digits_cnn").manifest.clone();
    let coffee = samples()[0].picture().unwrap();
    let found = Invert::Yes.apply(&coffee, None, &digits).unwrap().unwrap();
    assert_eq!((found.width, found.height, found.channels), (DIGIT_SIDE, DIGIT_SIDE, 1));
    for value in [0, 255] {
        assert!(Invert::Yes.apply(&Picture::new(9, 9, 1, vec![value; 81]), None, &digits).unwrap().is_none());
    }
    // Nothing is too small or too thin for it.
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    for (width, height) in [(1, 1), (2, 1), (1, 40), (3, 3), (2000, 1), (1, 2000), (17, 5), (101, 100)] {
        for _ in 0..20 {
            let bytes = (0..width * height).map(|_| rng.random()).collect();
            let picture = Picture::new(width, height, 1, bytes);
            Invert::Yes.apply(&picture, None, &digits).unwrap();
            Invert::Auto.apply(&picture, None, &digits).unwrap();
        }
    }
}

#[test]
fn a_data_set_that_is_dark_on_light_is_said_to_be() {
    let net = net("digits_cnn").manifest.clone();
    let set = |invert: bool| {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(12);
        for i in 0..20 {
            let mut digit = draw_digit(i % 10, &mut rng);
            if invert {
                digit.bytes.iter_mut().for_each(|value| *value = 255 - *value);
            }
            let class = folder.path().join("test").join((i % 10).to_string());
            std::fs::create_dir_all(&class).unwrap();
            save_png(&digit, &class.join(format!("{i}.png")), &[]).unwrap();
        }
        Dataset::open(folder.path(), Split::Test, &net.classes).unwrap().on_paper_for(&net)
    };
    assert_eq!(set(false), None);
    let note = set(true).unwrap();
    assert!(note.contains("dark on light") && note.contains("taken as they are"), "{note}");
}

#[test]
fn the_digit_of_a_public_report_is_a_1() {
    let Some(path) = shared("cases/pictures/paper1.png") else { return };
    let (model, picture) = (net("digits_cnn"), open(&path).unwrap());
    assert_ne!(answer(&model, &picture), 1);
    let found = Invert::Auto.apply(&picture, None, &model.manifest).unwrap().unwrap();
    assert_eq!(answer(&model, &found), 1);
}

#[test]
fn mnist_survives_paper() {
    let Some(folder) = shared("data/mnist") else { return };
    let model = net("digits_cnn");
    let data = Dataset::open(&folder, Split::Test, &model.classes).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let sheet = Sheet { light: |x, y| 0.35 + 0.65 * (0.6 * x + 0.4 * y), lines: Some((40, true)), ..Sheet::default() };
    let (mut kept, of) = (0, 100);
    for i in 0..of {
        let digit = data.picture(i).unwrap();
        assert!(Invert::Auto.apply(&digit, None, &model.manifest).unwrap().is_none(), "{i}");
        let place = [sheet.width, sheet.height].map(|length| rng.random_range(4..length - 130));
        let page = sheet.with(&digit, 90, place, &mut rng);
        let found = Invert::Auto.apply(&page, None, &model.manifest).unwrap();
        kept += usize::from(found.is_some_and(|found| answer(&model, &found) == answer(&model, &digit)));
    }
    println!("{kept} of {of} test digits keep their answers");
    assert!(kept * 100 >= of * 96, "{kept} of {of}");
}
