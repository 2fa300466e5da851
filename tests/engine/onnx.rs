//! Nets that other programs wrote as ONNX compute what they do in PyTorch, Keras and scikit-learn, and files that are
//! not read are refused with a reason. `tests/fixtures/onnx/make.py` and the scripts beside it wrote the files and the
//! answers.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use doppelganger::engine::Error;
use doppelganger::engine::attack::{Loss, input_gradient};
use doppelganger::engine::device::Backend;
use doppelganger::engine::model::import::{Answers, Description, Draft, ImportedNet, Preprocessing};
use doppelganger::engine::model::onnx::OnnxFile;
use doppelganger::engine::model::{Catalogue, Model};
use doppelganger::engine::picture::Fit;

use crate::common::fixture;

/// A net with what another program says of its first picture.
struct Case {
    name: String,
    path: PathBuf,
    logits: Vec<f32>,
    gradient: Vec<f32>,
    axes: [usize; 3],
    /// Three pictures.
    pictures: Tensor,
}

/// The logits of our program for some pictures, and the gradient of the cross-entropy at class 0.
struct Found {
    logits: Vec<f32>,
    gradient: Vec<f32>,
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Reads the answers to the nets of a folder.
fn cases(folder: &str, answers: &str) -> Vec<Case> {
    let answers = fixture(&format!("onnx/{answers}.safetensors"));
    let tensors: HashMap<String, Tensor> = candle_core::safetensors::load(answers, &Device::Cpu).unwrap();
    let names: BTreeSet<&str> = tensors.keys().filter_map(|name| name.strip_suffix(".logits")).collect();
    let case = |name: &str| {
        let gradient = &tensors[&format!("{name}.gradient")];
        let (channels, height, width) = gradient.dims3().unwrap();
        Case {
            name: name.to_owned(),
            path: fixture(&format!("onnx/{folder}/{name}.onnx")),
            logits: values(&tensors[&format!("{name}.logits")]),
            gradient: values(gradient),
            axes: [channels, height, width],
            pictures: tensors[&format!("pictures.{channels}x{height}x{width}")].clone(),
        }
    };
    names.into_iter().map(case).collect()
}

fn description(net: &ImportedNet) -> Description {
    Description {
        title: "A net".into(),
        file: "net.onnx".into(),
        classes: (0..net.class_count()).map(|class| format!("class {class}")).collect(),
        preprocessing: net.normalisation.clone().unwrap_or_else(|| Preprocessing::plain(net.axes()[0])),
        fit: Fit::Squash,
    }
}

fn run(model: &Model, pictures: &Tensor) -> Found {
    let labels = vec![0; pictures.dims()[0]];
    let found = input_gradient(model, pictures, &labels, Loss::CrossEntropy).unwrap();
    Found { logits: values(&found.logits), gradient: values(&found.gradient) }
}

/// Returns the largest difference as a share of the largest value.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let gap = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    if found.iter().all(|value| value.is_finite()) { gap / largest } else { f32::INFINITY }
}

/// Returns the norm of the difference as a share of the norm.
fn gap(found: &[f32], expected: &[f32]) -> f32 {
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    let difference = norm(&mut found.iter().zip(expected).map(|(a, b)| a - b));
    (difference / norm(&mut expected.iter().copied())) as f32
}

/// Returns the share of right signs among the larger 95 % of a gradient.
fn right_signs(found: &[f32], expected: &[f32]) -> f32 {
    let mut sorted: Vec<f32> = expected.iter().map(|value| value.abs()).collect();
    sorted.sort_by(f32::total_cmp);
    // Of a gradient that is zero in places, rounding leaves one sign or the other.
    let least = sorted[sorted.len() / 20].max(1e-5 * sorted[sorted.len() - 1]);
    let large: Vec<_> = found.iter().zip(expected).filter(|(_, value)| value.abs() >= least).collect();
    large.iter().filter(|(found, value)| found.signum() == value.signum()).count() as f32 / large.len() as f32
}

impl Case {
    fn open(&self) -> Result<ImportedNet, Error> {
        let draft = Draft::open(&self.path)?;
        let output = draft.questions()?.outputs.first().cloned();
        draft.build(&Answers { axes: Some(self.axes), output, ..Answers::default() })
    }

    /// Returns what is wrong with this net.
    fn complaints(&self) -> Vec<String> {
        let net = match self.open() {
            Ok(net) => net,
            Err(error) => return vec![error.to_string()],
        };
        let mut complaints = Vec::new();
        let mut check = |is_right: bool, complaint: String| {
            if !is_right {
                complaints.push(complaint);
            }
        };
        let description = description(&net);
        let model = net.model(&description).unwrap();
        let first = self.pictures.narrow(0, 0, 1).unwrap();
        let found = run(&model, &first);
        let logits = difference(&found.logits, &self.logits);
        // PyTorch's exporter multiplies normalisations into convolutions, there in half precision.
        let allowed = if self.name == "half" { 1e-3 } else { 1e-4 };
        check(logits <= allowed, format!("logits {logits:.1e} away"));
        let gradient = gap(&found.gradient, &self.gradient);
        let signs = right_signs(&found.gradient, &self.gradient);
        check(gradient <= 1e-3 && signs >= 0.995, format!("gradient {gradient:.1e} away, {signs} of the signs"));

        // Three pictures at a time, and each alone.
        let together = run(&model, &self.pictures);
        let alone: Vec<Found> = (0..3).map(|i| run(&model, &self.pictures.narrow(0, i, 1).unwrap())).collect();
        let alone_logits: Vec<f32> = alone.iter().flat_map(|found| found.logits.clone()).collect();
        let alone_gradient: Vec<f32> = alone.iter().flat_map(|found| found.gradient.clone()).collect();
        let logits = difference(&together.logits, &alone_logits);
        let gradient = gap(&together.gradient, &alone_gradient);
        check(
            logits <= 1e-5 && gradient <= 1e-4,
            format!("three at once: logits {logits:.1e}, gradient {gradient:.1e}"),
        );

        // candle's tensors, which share no arithmetic with our kernels.
        let manifest = net.manifest(&description, "net.safetensors").unwrap();
        let tensors = Model::on(&Backend::Tensors(Device::Cpu), manifest, &net.params).unwrap();
        let candle = run(&tensors, &self.pictures);
        let (logits, gradient) =
            (difference(&candle.logits, &together.logits), gap(&candle.gradient, &together.gradient));
        check(logits <= 1e-4 && gradient <= 1e-3, format!("candle: logits {logits:.1e}, gradient {gradient:.1e}"));

        // What is kept is the same net.
        let folder = tempfile::tempdir().unwrap();
        let catalogue = Catalogue { own: Some(folder.path().to_owned()), folders: Vec::new(), runs: None };
        catalogue.keep_net(&self.name, &net, &description).unwrap();
        let kept = run(&catalogue.load(&self.name).unwrap(), &first);
        let is_same = kept.logits == found.logits && kept.gradient == found.gradient;
        check(is_same, "what is read back from the manifest computes something else".into());
        complaints
    }
}

fn check(folder: &str, answers: &[&str], at_least: usize) {
    let cases: Vec<Case> = answers.iter().flat_map(|answers| cases(folder, answers)).collect();
    assert!(cases.len() >= at_least, "there are only {} nets in {folder}", cases.len());
    let complaints = cases
        .iter()
        .flat_map(|case| case.complaints().into_iter().map(|complaint| format!("{}: {complaint}", case.name)));
    let complaints: Vec<String> = complaints.collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_operator_computes_what_it_does_in_pytorch() {
    check("operators", &["operators"], 130);
}

#[test]
fn whole_nets_compute_what_they_do_elsewhere() {
    check("nets", &["nets", "keras", "sklearn"], 20);
}

#[test]
fn a_step_along_the_gradient_changes_the_loss_as_much_as_it_says() {
    let smooth = ["convnext", "vit_dynamo", "swin_dynamo", "mixer", "keras"];
    let cases = cases("nets", "nets").into_iter().chain(cases("nets", "keras"));
    let mut count = 0;
    for case in cases.filter(|case| smooth.contains(&case.name.as_str())) {
        let net = case.open().unwrap();
        let model = net.model(&description(&net)).unwrap();
        let picture = values(&case.pictures.narrow(0, 1, 1).unwrap());
        let [channels, height, width] = case.axes;
        let at = |step: f32, gradient: &[f32]| {
            let moved = picture.iter().zip(gradient).map(|(pixel, slope)| pixel + step * slope.signum());
            Tensor::from_vec(moved.collect(), (1, channels, height, width), &Device::Cpu).unwrap()
        };
        let gradient = run(&model, &at(0.0, &picture)).gradient;
        let loss = |step: f32| {
            let logits = values(&model.logits(&at(step, &gradient)).unwrap());
            f64::from(Loss::CrossEntropy.values(&logits, &[0]).unwrap()[0])
        };
        const STEP: f32 = 1e-3;
        let slope = (loss(STEP) - loss(-STEP)) / f64::from(2.0 * STEP);
        let expected: f64 = gradient.iter().map(|slope| f64::from(slope.abs())).sum();
        assert!((slope / expected - 1.0).abs() < 0.02, "{}: {slope}, expected {expected}", case.name);
        count += 1;
    }
    assert_eq!(count, smooth.len());
}

#[test]
fn the_files_are_of_old_and_new_versions_of_the_operators() {
    let mut versions = BTreeSet::new();
    for folder in ["operators", "nets"] {
        for entry in std::fs::read_dir(fixture("onnx").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "onnx") {
                versions.insert(OnnxFile::read(&path, std::fs::read(&path).unwrap()).unwrap().opset);
            }
        }
    }
    assert!([7, 9, 11, 13, 17, 20, 25].iter().all(|version| versions.contains(version)), "{versions:?}");
}

#[test]
fn what_a_net_does_before_and_after_its_logits_is_left_out_and_told() {
    let all: Vec<Case> = cases("nets", "nets").into_iter().chain(cases("nets", "sklearn")).collect();
    let net = |name: &str| all.iter().find(|case| case.name == name).unwrap().open().unwrap();
    let normalised = net("normalised").normalisation.unwrap();
    assert!(difference(&normalised.mean, &[0.4914, 0.4822, 0.4465]) < 1e-5);
    assert!(difference(&normalised.std, &[0.2471, 0.2435, 0.2616]) < 1e-5);
    // Bytes from 0 to 255 that are divided by 255 are pixels in [0, 1].
    let bytes = net("bytes").normalisation.unwrap();
    assert!(difference(&bytes.std, &[1.0; 3]) < 1e-6 && bytes.mean == [0.0; 3]);
    assert!(net("resnet").normalisation.is_none());
    let says = |name: &str, words: &str| {
        let notes = net(name).notes.join(" ");
        assert!(notes.contains(words), "{name}: {notes}");
    };
    says("two_outputs", "softmax at the end is left out");
    says("one_probability", "two classes");
    says("sklearn", "one row of numbers");
    says("sklearn_two_classes", "two classes");
}

#[test]
fn a_net_that_takes_a_row_of_numbers_asks_for_the_size_of_its_picture() {
    let draft = Draft::open(&fixture("onnx/nets/sklearn.onnx")).unwrap();
    let questions = draft.questions().unwrap();
    assert_eq!((questions.axes, questions.usual), ([None; 3], Some([1, 8, 8])));
    assert_eq!(questions.outputs, ["output_probability"]);
    let why = refusal(&fixture("onnx/nets/sklearn.onnx"), &Answers { axes: Some([3, 8, 8]), ..Answers::default() });
    assert!(why.contains("takes in 64 numbers") && why.contains("3×8×8"), "{why}");
}

/// Returns why a file is refused.
fn refusal(path: &Path, answers: &Answers) -> String {
    let refused = Draft::open(path).and_then(|draft| draft.questions().and_then(|_| draft.build(answers)));
    match refused {
        Ok(_) => panic!("{} is not refused", path.display()),
        Err(Error::Net { why, .. }) => why,
        Err(other) => panic!("{} is refused as {other:?}", path.display()),
    }
}

#[test]
fn what_cannot_be_read_is_refused_in_one_sentence_that_says_what_helps() {
    let expected: &[(&str, &[&str])] = &[
        ("quantised", &["QuantizeLinear", "quantised", "no gradient", "export the net before"]),
        ("quantised_convolution", &["quantised", "export the net before"]),
        ("if", &["the_If", "control flow", "tracing"]),
        ("loop", &["the_Loop", "control flow", "tracing"]),
        ("foreign_domain", &["the_Blur", "org.example", "export the net without it"]),
        ("two_pictures", &["takes in 2 (x, other)", "expected one picture"]),
        ("data_missing", &["not_there.data", "not beside the ONNX file", "copy both files into one folder"]),
        ("data_elsewhere", &["../answers.py", "expected a file beside the ONNX file"]),
        ("four_pictures", &["4 pictures at a time", "export it for 1"]),
        ("padding_below_zero", &["the_Pad", "below 0"]),
        ("dilated_pool", &["the_MaxPool", "dilated"]),
        ("unknown_operator", &["the_Det", "not read", "export the net without it"]),
        ("two_outputs", &["\"y\"", "\"second\"", "one number a class"]),
        ("huge_tensor", &["\"w\"", "too large"]),
        ("huge_constant", &["the_ConstantOfShape", "1099511627776 values"]),
        ("huge_expansion", &["the_Expand", "too large"]),
        ("huge_range", &["the_Range", "1000000015047466", "steps of 1"]),
        ("old", &["version 6", "opset_version=7"]),
        ("text", &["\"x\"", "kind 8"]),
        ("circle", &["the_Add", "the_Relu", "wait for each other"]),
        ("rounding", &["the_Cast", "no gradient"]),
        ("training_mode", &["the_BatchNormalization", "model.eval()"]),
        ("reordered", &["ONNX Runtime", "ORT_ENABLE_EXTENDED"]),
    ];
    let mut wrong = Vec::new();
    for (name, words) in expected {
        let why = refusal(&fixture(&format!("onnx/refused/{name}.onnx")), &Answers::default());
        if words.iter().all(|word| why.contains(word)) && !why.contains('\n') {
            continue;
        }
        wrong.push(format!("{name}: {why}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let files = std::fs::read_dir(fixture("onnx/refused")).unwrap().count();
    assert_eq!(files, expected.len(), "every file of the folder is one of these");
}

#[test]
fn files_that_fuzzing_found_are_read_or_refused() {
    // Sizes that overflow, constants that fill the memory, and a step from a value that has no neighbour.
    let files = ["constants_fill_memory", "sizes_overflow", "step_overflows"].map(|name| {
        let path = fixture(&format!("onnx/fuzzed/{name}.onnx"));
        let draft = Draft::open(&path).unwrap();
        let output = draft.questions().unwrap().outputs.first().cloned();
        draft.build(&Answers { axes: Some([3, 8, 8]), output, word: None })
    });
    let [constants, sizes, step] = files;
    let why = constants.err().unwrap().to_string();
    assert!(why.contains("33554436 values"), "{why}");
    assert!(sizes.is_err());
    assert!(step.unwrap().executor().is_ok());
}

#[test]
fn one_of_several_outputs_is_chosen_by_name() {
    let path = fixture("onnx/refused/two_outputs.onnx");
    let answers = |output: &str| Answers { output: Some(output.into()), ..Answers::default() };
    assert_eq!(Draft::open(&path).unwrap().questions().unwrap().outputs, ["y", "second"]);
    assert_eq!(Draft::open(&path).unwrap().build(&answers("second")).unwrap().class_count(), 10);
    let why = refusal(&path, &answers("third"));
    assert!(why.contains("no output \"third\"") && why.contains("\"y\", \"second\""), "{why}");
}

#[test]
fn files_that_are_cut_off_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    let whole = std::fs::read(fixture("onnx/nets/vit_dynamo.onnx")).unwrap();
    for len in (1..whole.len()).step_by(whole.len() / 97) {
        std::fs::write(&path, &whole[..len]).unwrap();
        let why = refusal(&path, &Answers { axes: Some([3, 16, 16]), ..Answers::default() });
        assert!(why.contains("not a whole ONNX file") && why.contains("export the net again"), "{len}: {why}");
    }
    std::fs::copy(fixture("onnx/nets/external_data.onnx"), &path).unwrap();
    let data = std::fs::read(fixture("onnx/nets/external_data.onnx.data")).unwrap();
    std::fs::write(folder.path().join("external_data.onnx.data"), &data[..data.len() - 1]).unwrap();
    let why = refusal(&path, &Answers::default());
    assert!(why.contains("external_data.onnx.data") && why.contains("cut off"), "{why}");
}
