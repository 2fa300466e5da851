//! EfficientNet-Lite0, the bundled net for photographs, against what PyTorch printed
//! (`tests/goldens/efficientnet_lite0.py`).

use std::path::Path;
use std::sync::Arc;

use crate::common;
use crate::common::shared;
use doppelganger::engine::attack::{Baseline, Goal, Label, Loss};
use doppelganger::engine::model::{Catalogue, argmax};
use doppelganger::engine::picture::open;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    /// Photos whose most probable class is the right one, and those where it is among the first five.
    right: usize,
    in_five: usize,
    /// Wrong answers under FGSM along the cross-entropy of the true class at 1, 2, 4 and 8/255.
    fgsm: [usize; 4],
    photos: Vec<Photo>,
}

#[derive(Deserialize)]
struct Photo {
    file: String,
    label: usize,
    /// The five most probable classes and their probabilities.
    top: [usize; 5],
    probs: [f32; 5],
}

#[test]
fn answers_and_fgsm_agree_with_pytorch_on_photos() {
    let Some(folder) = shared("data/imagenet/photos") else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = std::fs::read_to_string(root.join("tests/goldens/efficientnet_lite0.json")).unwrap();
    let golden: Golden = serde_json::from_str(&golden).unwrap();
    assert_eq!(golden.photos.len(), 42);
    let model = Arc::new(Catalogue::new(Vec::new()).load("efficientnet_lite0").unwrap());
    let (mut right, mut in_five, mut wrong, mut gap, mut converted) = (0, 0, [0; 4], 0.0f32, 0);
    for Photo { file, label, top, probs } in &golden.photos {
        let picture = open(&folder.join(file)).unwrap();
        // PyTorch's tools pass colour profiles over; one photo is in Adobe RGB.
        let is_converted = picture.notes.iter().any(|note| note.contains("Adobe RGB"));
        converted += usize::from(is_converted);
        let planes = model.fit(&picture).unwrap();
        let baseline =
            Baseline::new(&model, planes, Label::Given(*label), Goal::Untargeted, Loss::CrossEntropy).unwrap();
        let found = model.top(&baseline.probabilities, 5);
        for (place, (guess, (class, prob))) in found.iter().zip(top.iter().zip(probs)).enumerate() {
            // Where two are as good as equal either may come first.
            let near = (baseline.probabilities[*class] - prob).abs();
            if is_converted {
                assert!(near < 0.01, "{file}, place {place}: {guess:?}, expected class {class} with {prob}");
                continue;
            }
            gap = gap.max(near);
            let same = guess.index == *class || (baseline.probabilities[*class] - guess.prob).abs() < 1e-4;
            assert!(same && near < 1e-3, "{file}, place {place}: {guess:?}, expected class {class} with {prob}");
        }
        right += usize::from(found[0].index == *label);
        in_five += usize::from(found.iter().any(|guess| guess.index == *label));
        for (levels, wrong) in [1.0, 2.0, 4.0, 8.0].into_iter().zip(&mut wrong) {
            let attacked = common::fgsm(&model, &baseline, levels / 255.0, true);
            *wrong += usize::from(argmax(&attacked.probabilities) != *label);
        }
    }
    eprintln!("probabilities within {gap:.1e}; {right} right, {in_five} among five; wrong under FGSM {wrong:?}");
    assert_eq!((right, in_five, converted), (golden.right, golden.in_five, 1));
    for (found, expected) in wrong.iter().zip(golden.fgsm) {
        assert!(found.abs_diff(expected) <= 1, "wrong under FGSM: {wrong:?}, expected {:?}", golden.fgsm);
    }
}
