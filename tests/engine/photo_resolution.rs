//! Attacks on a photo's own pixels: through crop, resampling and grey, and back.

use std::sync::Arc;

use crate::common;
use crate::common::shared;
use doppelganger::engine::attack::{
    AttackInput, Baseline, Bim, Goal, Label, Loss, MAX_PHOTO_PIXELS, Norm, Rules, Verdict, attackable_part, finish,
};
use doppelganger::engine::data::sample;
use doppelganger::engine::model::{Catalogue, Model, argmax};
use doppelganger::engine::picture::{Picture, Planes, Region, decode, open, png_bytes, png_crop};

fn digits_cnn() -> Arc<Model> {
    Arc::new(Catalogue::new(Vec::new()).load("digits_cnn").unwrap())
}

fn photo(name: &str) -> Arc<Picture> {
    Arc::new(sample(name).unwrap().picture().unwrap())
}

fn baseline(model: &Model, picture: &Arc<Picture>, region: Option<Region>) -> Baseline {
    let input = AttackInput::photo(picture.clone(), model.lens(picture, region).unwrap()).unwrap();
    Baseline::new(model, input, Label::Predicted, Goal::Untargeted, Loss::CrossEntropy).unwrap()
}

#[test]
fn the_gradient_agrees_with_finite_differences_of_the_photo() {
    let (model, picture) = (digits_cnn(), photo("coffee"));
    let region = Region { left: 31.5, top: 20.25, width: 150.0, height: 170.5 };
    let baseline = baseline(&model, &picture, Some(region));
    let lens = model.lens(&picture, Some(region)).unwrap();
    let (x, g) = (&baseline.original, &baseline.gradient);
    assert_eq!((g.channels, g.height, g.width), (3, x.height, x.width));
    let loss =
        |pixels: &Planes| -f64::from(model.probabilities(&lens.see(pixels).unwrap()).unwrap()[baseline.label]).ln();
    // Along the gradient, where the slope is ‖g‖₂, and along each channel's part of it.
    for channels in [0..3, 0..1, 1..2, 2..3] {
        let plane = x.width * x.height;
        let inside = |i: usize| channels.contains(&(i / plane));
        let part = |i: usize| if inside(i) { g.values[i] } else { 0.0 };
        let norm = (0..g.values.len()).map(|i| f64::from(part(i)).powi(2)).sum::<f64>().sqrt();
        let moved = |h: f64| {
            let values = x.values.iter().enumerate().map(|(i, &v)| v + (h * f64::from(part(i)) / norm) as f32);
            loss(&x.with_values(values.collect()))
        };
        let h = 0.05;
        let slope = (moved(h) - moved(-h)) / (2.0 * h);
        assert!((slope - norm).abs() < 0.02 * norm, "{channels:?}: {slope} along the gradient, expected {norm}");
    }
}

#[test]
fn a_saved_photo_keeps_its_size_and_still_gets_the_answer_on_screen() {
    let model = digits_cnn();
    let part = Region { left: 100.0, top: 60.5, width: 200.25, height: 180.0 };
    for (name, region) in [("coffee", None), ("chelsea", Some(part)), ("rocket", Some(part))] {
        let picture = photo(name);
        let baseline = baseline(&model, &picture, region);
        let lens = model.lens(&picture, region).unwrap();
        for eps in [0.0, 1.0 / 255.0, 8.0 / 255.0, 0.1] {
            let attacked = common::fgsm(&model, &baseline, eps, true);
            let saved =
                decode(&png_bytes(&attacked.in_8_bits(&model).unwrap(), &[]).unwrap(), "the saved file").unwrap();
            assert_eq!((saved.width, saved.height), (picture.width, picture.height));
            let says = argmax(&model.probabilities(&lens.fit(&saved).unwrap()).unwrap());
            assert_eq!(says, argmax(&attacked.probabilities), "{name} at ε = {eps}");
            let furthest = saved.bytes.iter().zip(&picture.bytes).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(f32::from(furthest) <= (eps * 255.0).ceil(), "{furthest} levels at ε = {eps}");
            let (left, top, width, height) = lens.support();
            for (i, (old, new)) in picture.bytes.iter().zip(&saved.bytes).enumerate() {
                let (x, y) = (i / picture.channels % picture.width, i / picture.channels / picture.width);
                let inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
                assert!(inside || old == new, "a pixel outside the crop moved");
            }
        }
    }
}

#[test]
fn a_crop_is_saved_with_its_photo_and_opened_with_it() {
    let (model, picture) = (digits_cnn(), photo("coffee"));
    let folder = tempfile::tempdir().unwrap();
    let part = Region { left: 100.1, top: 60.5, width: 200.0 / 3.0, height: 80.0 };
    for crop in [None, Some(part)] {
        let path = folder.path().join("saved.png");
        let attacked = common::fgsm(&model, &baseline(&model, &picture, crop), 0.1, true);
        let reread = attacked.save(&model, &path).unwrap();
        assert_eq!(png_crop(&path), crop);
        // Somebody opens the file and knows nothing else of it.
        let saved = Arc::new(open(&path).unwrap());
        let says = |crop| baseline(&model, &saved, crop).label;
        assert_eq!(says(png_crop(&path)), argmax(&attacked.probabilities));
        assert_eq!(reread.guess.index, argmax(&attacked.probabilities));
        assert_eq!(reread.whole.map(|whole| whole.index), crop.map(|_| says(None)));
        // A part that is not inside any more is none.
        let small = Picture::new(90, 90, 3, vec![0; 90 * 90 * 3]);
        let text = png_crop(&path).map(|crop| crop.to_string()).unwrap_or_default();
        let texts = [(doppelganger::engine::picture::CROP, text.as_str())];
        doppelganger::engine::picture::save_png(&small, &path, &texts).unwrap();
        assert_eq!(png_crop(&path), None);
    }
}

#[test]
fn of_too_large_a_photo_the_largest_part_in_the_middle_is_attackable() {
    let model = digits_cnn();
    for (width, height) in [(2000, 1500), (40_000, 100)] {
        let picture = Arc::new(Picture::new(width, height, 1, vec![90; width * height]));
        let part = attackable_part(&model.lens(&picture, None).unwrap()).unwrap();
        let lens = model.lens(&picture, Some(part)).unwrap();
        assert_eq!(attackable_part(&lens), None);
        let middle = (part.left + part.width / 2.0, part.top + part.height / 2.0);
        assert!((middle.0 - width as f64 / 2.0).abs() < 1e-6 && (middle.1 - height as f64 / 2.0).abs() < 1e-6);
        let input = AttackInput::photo(picture, lens).unwrap();
        assert!(input.pixels.values.len() > MAX_PHOTO_PIXELS * 9 / 10);
    }
}

#[test]
fn too_large_a_part_is_refused_and_a_crop_of_it_is_not() {
    let model = digits_cnn();
    let (width, height) = (2000, 1500);
    let picture = Picture::new(width, height, 3, vec![90; width * height * 3]);
    let error = AttackInput::photo(Arc::new(picture.clone()), model.lens(&picture, None).unwrap()).err().unwrap();
    let error = error.to_string();
    assert!(error.contains("2000×1500") && error.contains("smaller crop"), "{error}");
    let region = Region { left: 0.0, top: 0.0, width: 1400.0, height: 1400.0 };
    let input = AttackInput::photo(Arc::new(picture.clone()), model.lens(&picture, Some(region)).unwrap()).unwrap();
    // The filter reaches beyond the frame by one pixel of the net's input at most.
    let (pixels, reach) = (input.pixels, 1400..=1400 + 1400 / 28 + 2);
    assert!(reach.contains(&pixels.width) && reach.contains(&pixels.height), "{}×{}", pixels.width, pixels.height);
}

#[test]
fn squeezenet_is_fooled_by_whole_photos_and_by_the_files_of_them() {
    let (Some(photos), Some(weights)) = (shared("data/imagenet/photos"), shared("models")) else { return };
    let model = Arc::new(Catalogue::new(vec![weights]).load("squeezenet1_1_caffe").unwrap());
    let mut files: Vec<_> = std::fs::read_dir(photos).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "json"));
    files.sort();
    let (mut fooled, some) = (0, &files[..10]);
    for path in some {
        let picture = Arc::new(open(path).unwrap());
        let baseline = baseline(&model, &picture, None);
        let attacked = common::fgsm(&model, &baseline, 4.0 / 255.0, true);
        fooled += usize::from(attacked.verdict == Verdict::Fooled);
        let saved = decode(&png_bytes(&attacked.in_8_bits(&model).unwrap(), &[]).unwrap(), "the saved file").unwrap();
        let says = argmax(&model.probabilities(&model.fit(&saved).unwrap()).unwrap());
        assert_eq!(says, argmax(&attacked.probabilities), "{}", path.display());
    }
    assert!(fooled >= 8, "{fooled} of {} fooled", some.len());
}

#[test]
fn an_iterated_attack_goes_through_the_lens_too() {
    let model = digits_cnn();
    let picture = photo("rocket");
    let lens = model.lens(&picture, None).unwrap();
    let input = AttackInput::photo(picture.clone(), lens.clone()).unwrap();
    let says =
        Baseline::new(&model, input.clone(), Label::Predicted, Goal::Untargeted, Loss::CrossEntropy).unwrap().label;
    let mut reached = 0;
    for target in (0..10).filter(|&class| class != says) {
        let goal = Goal::Targeted(target);
        let baseline = Baseline::new(&model, input.clone(), Label::Predicted, goal, Loss::CrossEntropy).unwrap();
        let problem = baseline.problem(&model, Rules::default()).unwrap().with_eps(&[0.1]).unwrap();
        let bim = Bim { norm: Norm::Linf, steps: 20, step_size: Some(0.01) };
        let result = finish(&bim, &problem, |_| true).unwrap();
        let attacked = baseline.judge(&model, baseline.original.with_values(result)).unwrap();
        assert!(attacked.linf <= 0.1 + 1e-6, "{}", attacked.linf);
        let whole = attacked.in_8_bits(&model).unwrap();
        let file = argmax(&model.probabilities(&lens.fit(&whole).unwrap()).unwrap());
        assert_eq!(file, argmax(&attacked.probabilities));
        reached += usize::from(file == target);
    }
    assert!(reached >= 4, "{reached} of 9 targets");
}
