//! Manifests and weights: what is accepted, and how what is not is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use doppelganger::engine::data::sample;
use doppelganger::engine::model::{
    Catalogue, Manifest, Model, Params, Precision, find_class, sha256_hex, weights_bytes,
};
use doppelganger::engine::picture::PictureKind;

const LENET: &str = r#"
name = "LeNet-5"
input = { channels = 1, height = 28, width = 28, mean = [0.0], std = [1.0], fit = "squash" }
classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
weights = "lenet5.safetensors"
layers = [
  { kind = "conv2d", name = "conv1", in = 1, out = 32, kernel = 3, padding = 1 },
  { kind = "relu" },
  { kind = "max_pool2d", kernel = 2 },
  { kind = "flatten" },
  { kind = "linear", name = "linear1", in = 6272, out = 10 },
]
"#;

fn parse(text: &str) -> Result<Manifest, String> {
    Manifest::with_classes(text, Path::new("some/model.toml"), &[]).map_err(|e| e.to_string())
}

fn lenet_params() -> Params {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, candle_core::DType::F32, &Device::Cpu).unwrap();
    BTreeMap::from([
        ("conv1.weight".into(), zeros(&[32, 1, 3, 3])),
        ("conv1.bias".into(), zeros(&[32])),
        ("linear1.weight".into(), zeros(&[10, 6272])),
        ("linear1.bias".into(), Tensor::arange(0.0f32, 10.0, &Device::Cpu).unwrap()),
    ])
}

/// A folder with the manifest and, unless it is empty, the weights.
fn folder(manifest: &str, weights: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lenet5.toml");
    std::fs::write(&path, manifest).unwrap();
    if !weights.is_empty() {
        std::fs::write(folder.path().join("lenet5.safetensors"), weights).unwrap();
    }
    (folder, path)
}

fn lenet_bytes() -> Vec<u8> {
    weights_bytes(&lenet_params(), Precision::Single, None).unwrap()
}

fn load(manifest: &str, weights: &[u8]) -> Result<Model, String> {
    let (_folder, path) = folder(manifest, weights);
    Catalogue::new(Vec::new()).load(path.to_str().unwrap()).map_err(|e| e.to_string())
}

fn assert_refused(manifest: &str, expected: &[&str]) {
    let message = parse(manifest).expect_err(manifest);
    for part in expected {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
    assert!(message.lines().count() <= 6, "{message}");
    assert!(message.ends_with("some/model.toml"), "{message}");
}

#[test]
fn the_example_of_the_readme_loads_and_answers() {
    let model = load(LENET, &lenet_bytes()).unwrap();
    assert_eq!(model.manifest.parameter_count(), 320 + 62_730);
    let x = Tensor::zeros((2, 1, 28, 28), candle_core::DType::F32, &Device::Cpu).unwrap();
    // Zero weights leave the last biases: 0, 1, …, 9.
    let logits = model.logits(&x).unwrap().to_vec2::<f32>().unwrap();
    assert_eq!(logits, vec![(0..10).map(|i| i as f32).collect::<Vec<_>>(); 2]);
}

#[test]
fn weights_are_found_beside_the_manifest_and_in_the_folders() {
    let (_manifests, path) = folder(LENET, &[]);
    let weights = tempfile::tempdir().unwrap();
    let text = path.to_str().unwrap();
    let message = Catalogue::new(Vec::new()).load(text).err().unwrap().to_string();
    assert!(message.contains("lenet5.safetensors") && message.contains("DOPPELGANGER_MODELS"), "{message}");
    assert!(message.lines().count() <= 6);
    std::fs::write(weights.path().join("lenet5.safetensors"), lenet_bytes()).unwrap();
    let catalogue = Catalogue::new(vec![weights.path().to_owned(), path.parent().unwrap().to_owned()]);
    catalogue.load(text).unwrap();
    // By name, the stem of the file.
    catalogue.load("lenet5").unwrap();
    let entry = catalogue.entries().into_iter().find(|entry| entry.name == "lenet5").unwrap();
    assert_eq!((entry.title.as_str(), entry.problem), ("LeNet-5", None));
    // What is called a manifest and is no file is passed over.
    std::fs::create_dir(weights.path().join("folder.toml")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("gone.toml", weights.path().join("dangling.toml")).unwrap();
    assert!(!catalogue.entries().iter().any(|entry| ["folder", "dangling"].contains(&entry.name.as_str())));
    let message = catalogue.load("lenet").err().unwrap().to_string();
    assert!(message.contains("\"lenet5\""), "{message}");
}

#[test]
fn bundled_models_load_without_any_folder() {
    let catalogue = Catalogue::new(Vec::new());
    for name in ["digits_cnn", "digits_cnn_robust", "digits_maxout", "digits_maxout_robust", "digits_softmax"] {
        assert_eq!(catalogue.load(name).unwrap().classes.len(), 10);
    }
    for name in ["photos109", "photos109_robust"] {
        assert_eq!(catalogue.load(name).unwrap().classes.len(), 109);
    }
    assert_eq!(catalogue.load("efficientnet_lite0").unwrap().classes.len(), 1000);
    let squeezenet = catalogue.manifest("squeezenet1_1_caffe").unwrap();
    assert_eq!(squeezenet.classes.len(), 1000);
    assert_eq!((squeezenet.classes[120].as_str(), squeezenet.classes[368].as_str()), ("fiddler crab", "gibbon"));
    assert!(catalogue.load("squeezenet1_1_caffe").err().unwrap().to_string().contains("DOPPELGANGER_MODELS"));
}

#[test]
fn layers_that_do_not_fit_are_refused_with_found_and_expected() {
    let with = |from: &str, to: &str| {
        assert!(LENET.contains(from));
        LENET.replace(from, to)
    };
    assert_refused(&with("in = 6272", "in = 6271"), &["layers[4]", "linear1", "gets 6272 features", "expected 6271"]);
    assert_refused(&with("in = 1, out = 32", "in = 3, out = 32"), &["layers[0]", "conv1", "1×28×28", "3 channels"]);
    assert_refused(&with("out = 10", "out = 11"), &["11", "expected 10 values"]);
    assert_refused(&with("kernel = 2", "kernel = [29, 2]"), &["layers[2]", "max_pool2d", "32×28×28", "29×2"]);
    assert_refused(&with("kernel = 2", "kernel = 17"), &["layers[2]", "max_pool2d", "17×17", "at most 256"]);
    assert_refused(&with("kind = \"relu\"", "kind = \"rleu\""), &["layers[1]", "rleu", "relu"]);
    assert_refused(&with("{ kind = \"flatten\" },", ""), &["layers[3]", "32×14×14", "flatten"]);
    assert_refused(&with("padding = 1 }", "padding = 1, groups = 2 }"), &["layers[0] (conv1)", "groups"]);
    assert_refused(&with("kernel = 3", "kernel = 0"), &["conv1", "kernel is 0"]);
    assert_refused(&with("kernel = 3", "kernal = 3"), &["conv1", "kernal"]);
    assert_refused(&with("kernel = 3, padding = 1", "kernel = -3"), &["conv1"]);
    assert_refused(&with("kernel = 2 }", "kernel = 2, padding = 2 }"), &["padding", "half of the kernel"]);
    assert_refused(
        &with("kernel = 2 }", "kernel = 2, padding = [0, 0, 0, 2] }"),
        &["[0, 0, 0, 2]", "half of the kernel"],
    );
    for padding in ["-1", "[0, -1]", "[0, 0, 1]", "[0, 0, -1, 1]", "\"same\"", "0.5"] {
        let parts = ["layers[0] (conv1)", "padding", "[top, left, bottom, right]", "none below 0"];
        assert_refused(&with("padding = 1 }", &format!("padding = {padding} }}")), &parts);
    }
    assert_refused(&with("padding = 1 }", "padding = [0, 0, 0, 9999999] }"), &["padding is 9999999", "at most"]);
    assert_refused(&with("name = \"linear1\"", "name = \"conv1\""), &["conv1.weight", "two layers"]);
    assert_refused(&with("{ kind = \"relu\" }", "{ kind = \"dropout\", keep = 0 }"), &["keep is 0"]);
    let bad_sum = "{ kind = \"residual\", body = [{ kind = \"max_pool2d\", kernel = 2 }] }";
    assert_refused(&with("{ kind = \"relu\" }", bad_sum), &["residual", "32×14×14", "32×28×28"]);
    let bad_cat = "{ kind = \"concat\", branches = [[], [{ kind = \"max_pool2d\", kernel = 2 }]] }";
    assert_refused(&with("{ kind = \"relu\" }", bad_cat), &["concat", "different sizes"]);
    let inside = "{ kind = \"residual\", body = [{ kind = \"nope\" }] }";
    assert_refused(&with("{ kind = \"relu\" }", inside), &["layers[1].body[0]", "nope"]);
    let huge = "{ kind = \"conv2d\", name = \"c\", in = 32, out = 1000000, kernel = 1 }";
    assert_refused(&with("{ kind = \"relu\" }", huge), &["too large"]);
}

#[test]
fn impossible_inputs_classes_and_paths_are_refused() {
    let with = |from: &str, to: &str| LENET.replace(from, to);
    assert_refused(&with("mean = [0.0]", "mean = [0.0, 0.0]"), &["input.mean", "1 finite numbers"]);
    assert_refused(&with("std = [1.0]", "std = [0.0]"), &["input.std", "above 0"]);
    assert_refused(&with("mean = [0.0]", "mean = [nan]"), &["input.mean"]);
    assert_refused(&with("channels = 1", "channels = 2"), &["channels is 2", "1 (grey) or 3"]);
    assert_refused(&with("height = 28", "height = 0"), &["0×28"]);
    assert_refused(&with("fit = \"squash\"", "fit = \"squish\""), &["squish", "letterbox"]);
    for bad in ["/etc/passwd", "../w.safetensors", "a/../../w", "C:\\\\w", ""] {
        assert_refused(&with("lenet5.safetensors", bad), &["weights is", "beside the manifest"]);
    }
    assert_refused(&with("weights = ", "weigths = "), &["weights"]);
    assert_refused(&(LENET.to_owned() + "sha265 = \"00\""), &["sha265", "did you mean \"sha256\""]);
    assert_refused(&with("classes = [", "classes_file = \"c.txt\"\nclasses = ["), &["either classes"]);
    assert_refused("layers = [", &["line 1"]);
    assert_refused("", &["name"]);
    let one = LENET.replace("\"1\", \"2\", \"3\", \"4\", \"5\", \"6\", \"7\", \"8\", \"9\"", "");
    assert_refused(&one, &["1 classes", "two or more"]);
    let hash = "sha256 = \"0123abcd\"\n";
    for (more, says) in [
        ("sha256 = \"0123abc\"", "at least the first 8"),
        ("sha256 = \"0123abcg\"", "hexadecimal"),
        ("download = { address = \"https://a.b/c\", bytes = 7 }", "expected sha256"),
        (&format!("{hash}download = {{ address = \"file:///c\", bytes = 7 }}"), "begins with https://"),
        (&format!("{hash}download = {{ address = \"https://a.b/c\" }}"), "either bytes"),
        (&format!("{hash}download = {{ address = \"https://a.b/c\", bytes = 7, bytes_about = 7 }}"), "either bytes"),
        (&format!("{hash}download = {{ url = \"https://a.b/c\", bytes = 7 }}"), "unknown field `url`"),
        ("accuracy = { top1 = 69.8, of = \"photos\" }", "shares from 0 to 1"),
        ("acuracy = { top1 = 0.7, of = \"photos\" }", "did you mean \"accuracy\""),
    ] {
        assert_refused(&(LENET.to_owned() + more), &[says]);
    }
    // Facts about where a net comes from are welcome.
    parse(&(LENET.to_owned() + "trained = { epochs = 3 }\nsource = \"me\"")).unwrap();
}

#[test]
fn nested_combinators_have_an_end() {
    let mut layer = "{ kind = \"relu\" }".to_owned();
    for _ in 0..60 {
        layer = format!("{{ kind = \"residual\", body = [{layer}] }}");
    }
    let message = parse(&LENET.replacen("{ kind = \"relu\" }", &layer, 1)).expect_err("60 levels");
    assert!(message.lines().count() <= 6, "{message}");
}

#[test]
fn bad_weights_are_refused_with_found_and_expected() {
    let whole = lenet_bytes();
    let refused = |weights: &[u8], expected: &[&str]| {
        let message = load(LENET, weights).err().expect("refused");
        for part in expected {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
        assert!(message.lines().count() <= 6 && message.contains("lenet5.safetensors"), "{message}");
    };
    refused(&whole[..whole.len() - 100], &["cut short", "63050 values"]);
    refused(&whole[..5], &["safetensors"]);
    refused(b"this is a text that somebody named .safetensors", &["safetensors"]);
    let changed = |change: &dyn Fn(&mut Params)| {
        let mut params = lenet_params();
        change(&mut params);
        weights_bytes(&params, Precision::Single, None).unwrap()
    };
    let tensor = |values: Vec<f32>, shape: &[usize]| Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
    let wrong_shape = changed(&|p| drop(p.insert("conv1.weight".into(), tensor(vec![0.0; 288], &[32, 9]))));
    refused(&wrong_shape, &["conv2d", "conv1.weight", "[32, 9]", "expected [32, 1, 3, 3]"]);
    let missing = changed(&|p| drop(p.remove("linear1.bias")));
    refused(&missing, &["linear", "linear1.bias", "missing"]);
    let mut values = vec![0.0; 32];
    values[7] = f32::NAN;
    let not_a_number = changed(&|p| drop(p.insert("conv1.bias".into(), tensor(values.clone(), &[32]))));
    refused(&not_a_number, &["conv1.bias", "value 7", "NaN", "finite"]);
    // More than is asked for is fine.
    let more = changed(&|p| drop(p.insert("aux.weight".into(), tensor(vec![0.0], &[1]))));
    load(LENET, &more).unwrap();
}

#[test]
fn the_hash_is_checked_when_given() {
    let bytes = lenet_bytes();
    let right = format!("{LENET}sha256 = \"{}\"", sha256_hex(&bytes));
    load(&right, &bytes).unwrap();
    let wrong = format!("{LENET}sha256 = \"{}\"", "0".repeat(64));
    let message = load(&wrong, &bytes).err().unwrap();
    assert!(message.contains("SHA-256") && message.lines().count() <= 6, "{message}");
}

#[test]
fn sha256_of_the_empty_text_is_the_published_one() {
    assert_eq!(sha256_hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/// Half precision has eleven bits: no value is off by more than one part in 2048, or by half the least value it knows.
#[test]
fn a_halved_model_takes_half_the_bytes_and_answers_alike() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new(Vec::new());
    let path = catalogue.halve("digits_cnn", folder.path(), "half").unwrap();
    let (whole, half) = (catalogue.load("digits_cnn").unwrap(), catalogue.load(path.to_str().unwrap()).unwrap());
    let bytes = std::fs::metadata(folder.path().join("half.safetensors")).unwrap().len() as usize;
    let count = whole.manifest.parameter_count();
    assert!((2 * count..2 * count + 4096).contains(&bytes), "{bytes}");
    let picture = sample("digit-7").unwrap().picture().unwrap();
    let probabilities = [&whole, &half].map(|model| model.probabilities(&model.fit(&picture).unwrap()).unwrap());
    let gap = probabilities[0].iter().zip(&probabilities[1]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(gap < 2e-3, "{gap}");
    assert_ne!(probabilities[0], probabilities[1]);
}

#[test]
fn manifests_that_are_written_keep_the_four_pads() {
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::new(Vec::new());
    let path = catalogue.halve("efficientnet_lite0", folder.path(), "copy").unwrap();
    let (original, copy) = (catalogue.manifest("efficientnet_lite0").unwrap(), Manifest::read(&path).unwrap());
    assert!(std::fs::read_to_string(&path).unwrap().contains("padding = [1, 1, 2, 2]"));
    assert_eq!(original.graph, copy.graph);
    let trained = original.with_weights("w.safetensors", &"0".repeat(64), &[]).unwrap();
    assert_eq!(Manifest::with_classes(&trained, &path, &[]).unwrap().graph, original.graph);
}

#[test]
fn lists_tell_nets_of_photographs_from_those_of_digits() {
    let entries = Catalogue::new(Vec::new()).entries();
    let named = |kind: Option<PictureKind>| -> Vec<&str> {
        entries.iter().filter(|entry| entry.made_for == kind).map(|entry| entry.name.as_str()).collect()
    };
    let photos = named(Some(PictureKind::Photo));
    assert_eq!(photos[..3], ["efficientnet_lite0", "photos109", "photos109_robust"]);
    for name in ["squeezenet1_1", "resnet18", "googlenet", "mobilenet_v2", "squeezenet1_1_caffe"] {
        assert!(photos.contains(&name), "{name}");
    }
    let digits = named(Some(PictureKind::Digit));
    assert_eq!(digits.len(), 5);
    assert!(digits.iter().all(|name| name.starts_with("digits_")), "{digits:?}");
    assert_eq!(named(None), [""; 0]);
    // Neither letters nor small pictures in colour.
    let made_for = |text: &str| Manifest::with_classes(text, Path::new("m.toml"), &[]).unwrap().made_for();
    assert_eq!(made_for(LENET), Some(PictureKind::Digit));
    assert_eq!(made_for(&LENET.replace("\"9\"]", "\"nine\"]")), None);
    let colour = |side: usize| {
        format!(
            "name = \"c\"\nweights = \"w\"\nclasses = [\"a\", \"b\", \"c\"]\nlayers = [{{ kind = \"global_avg_pool\" \
             }}]\n\
             input = {{ channels = 3, height = {side}, width = {side}, mean = [0, 0, 0], std = [1, 1, 1] }}"
        )
    };
    assert_eq!((made_for(&colour(32)), made_for(&colour(64))), (None, Some(PictureKind::Photo)));
}

#[test]
fn classes_are_written_as_people_write_them() {
    let catalogue = Catalogue::new(Vec::new());
    for name in ["photos109", "photos109_robust"] {
        let classes = catalogue.manifest(name).unwrap().classes;
        for class in
            ["Egyptian cat", "German shepherd", "iPod", "Chihuahua", "Persian cat", "Yorkshire terrier", "go-kart"]
        {
            assert!(classes.iter().any(|found| found == class), "{name}: {class}");
        }
        // Folders of its data set.
        for (folder, class) in [
            ("german_shepherd", "German shepherd"),
            ("christmas_stocking", "Christmas stocking"),
            ("go_kart", "go-kart"),
        ] {
            assert_eq!(classes[find_class(&classes, folder).unwrap()], class);
        }
    }
}
