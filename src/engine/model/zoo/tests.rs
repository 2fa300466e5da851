use super::*;
use crate::model::layers::{entries_of, graph_of_entries};

fn tensors(word: &Word, convention: &Convention) -> Tensors {
    let graph = word.graph_of(convention, convention.usual.side).unwrap();
    graph.tensors().map(|(_, name, shape)| (name, shape)).collect()
}

#[test]
fn every_word_is_read_as_it_is_written() {
    let mut names = std::collections::BTreeSet::new();
    for entry in words() {
        let word = entry.word();
        assert_eq!(Word::parse(&word.to_string()), Ok(word));
        assert!(names.insert(&entry.name), "{} is there twice", entry.name);
        assert!(entry.aliases.iter().all(|alias| names.insert(alias)), "{} has an alias of another", entry.name);
        assert_eq!(plain_name(&entry.name), entry.name);
    }
}

#[test]
fn spellings_of_libraries_are_words() {
    let cases = [
        ("wrn:28x10", "wrn:28x10"),
        ("VGG11_bn", "vgg11-bn"),
        ("resnet50.a1_in1k", "resnet50"),
        ("vit_base_patch16_224.augreg_in21k", "vit-b-16"),
        ("swin_t", "swin-t"),
        ("mobilenetv3_large_100", "mobilenet-v3-large"),
        ("tf_efficientnet_b0", "tf-efficientnet-b0"),
        ("regnety_004", "regnet-y-400mf"),
        ("regnet_y_1_6gf", "regnet-y-1-6gf"),
        ("squeezenet1_1", "squeezenet1-1"),
        ("cifar10_resnet20", "resnet20"),
    ];
    for (text, word) in cases {
        assert_eq!(Word::parse(text).map(|word| word.to_string()), Ok(word.to_owned()), "{text}");
    }
}

#[test]
fn what_is_no_word_is_refused_in_a_sentence() {
    let why = Word::parse("resnet5").unwrap_err();
    assert!(why.contains("\"resnet5\"") && why.contains("resnet50"), "{why}");
    for (text, expected) in [
        ("wrn", "as in wrn:28x10"),
        ("wrn:28", "as in 28x10"),
        ("wrn:28x-1", "as in 28x10"),
        ("wrn:99999x1", "as in 28x10"),
        ("resnet50:3x4", "without \"3x4\""),
    ] {
        let why = Word::parse(text).unwrap_err();
        assert!(why.contains(expected), "{text}: {why}");
    }
    let word = Word::parse("wrn:27x10").unwrap();
    let why = word.graph_of(&word.conventions()[0], 32).unwrap_err();
    assert!(why.contains("the depth is 27; expected 6·n + 4"), "{why}");
}

#[test]
fn every_net_is_a_manifest_that_is_read_again() {
    for entry in words() {
        let word = entry.word();
        for convention in &entry.conventions {
            let side = convention.usual.side;
            let graph = word.graph_of(convention, side).unwrap();
            assert_eq!(graph.shape(graph.output).count(), 1000, "{word} of {}", convention.whose);
            let again = graph_of_entries(&entries_of(&graph).unwrap(), Shape::planes([3, side, side])).unwrap();
            assert_eq!(again, graph, "{word} of {}", convention.whose);
        }
    }
}

#[test]
fn a_file_decides_on_names_classes_and_channels() {
    let word = Word::parse("resnet18").unwrap();
    for convention in word.conventions() {
        let mut tensors = tensors(&word, convention);
        let last = tensors.keys().find(|name| name.starts_with("fc.w") || name.starts_with("linear.w")).cloned();
        let last = last.unwrap();
        tensors.insert(last.clone(), vec![7, 512]);
        tensors.insert(last.replace("weight", "bias"), vec![7]);
        let first = tensors.get_mut("conv1.weight").unwrap();
        first[1] = 1;
        assert_eq!(word.usual(&tensors), convention.usual, "{}", convention.whose);
        assert_eq!(word.channels(&tensors), Some(1));
        let graph = word.graph(&tensors, Shape::planes([1, 64, 96])).unwrap();
        assert_eq!(graph.shape(graph.output), Shape::features(7));
    }
}

#[test]
fn a_new_head_behind_a_dropout_is_found() {
    let word = Word::parse("resnet18").unwrap();
    let mut tensors = tensors(&word, &word.conventions()[0]);
    tensors.remove("fc.weight");
    tensors.remove("fc.bias");
    tensors.insert("fc.1.weight".into(), vec![5, 512]);
    let graph = word.graph(&tensors, Shape::planes([3, 64, 64])).unwrap();
    assert_eq!(graph.shape(graph.output), Shape::features(5));
}

#[test]
fn what_does_not_fit_is_named() {
    let word = Word::parse("resnet18").unwrap();
    let picture = Shape::planes([3, 64, 64]);
    let whole = tensors(&word, &word.conventions()[0]);
    let refusal = |change: &dyn Fn(&mut Tensors)| {
        let mut tensors = whole.clone();
        change(&mut tensors);
        word.graph(&tensors, picture).unwrap_err()
    };
    let why = refusal(&|tensors| drop(tensors.remove("layer3.1.conv2.weight")));
    assert!(why.contains("\"layer3.1.conv2.weight\" of [256, 256, 3, 3] is missing"), "{why}");
    let why = refusal(&|tensors| drop(tensors.insert("layer1.0.conv1.weight".into(), vec![64, 64, 1, 1])));
    assert!(why.contains("has the shape [64, 64, 1, 1], expected [64, 64, 3, 3]"), "{why}");
    let why = refusal(&|tensors| drop(tensors.insert("layer1.0.se.weight".into(), vec![4])));
    assert!(why.contains("\"layer1.0.se.weight\", and the net has no use for it"), "{why}");
    let swin = Word::parse("swin-t").unwrap();
    let why = swin.graph_of(&swin.conventions()[0], 100).unwrap_err();
    assert!(why.contains("expected an input such as 224×224"), "{why}");
}

#[test]
fn empty_and_hostile_lists_of_tensors_are_refused() {
    assert_eq!(candidates(&Tensors::new()), []);
    let word = Word::parse("densenet121").unwrap();
    let whole = tensors(&word, &word.conventions()[0]);
    for shape in [vec![], vec![0], vec![0, 0], vec![usize::MAX, 1024], vec![1; 9]] {
        for name in ["classifier.weight", "features.conv0.weight", "features.norm0.bias"] {
            let mut tensors = whole.clone();
            tensors.insert(name.into(), shape.clone());
            assert!(word.graph(&tensors, Shape::planes([3, 64, 64])).is_err(), "{name} {shape:?}");
        }
    }
    // A picture that vanishes on its way.
    assert!(word.graph(&whole, Shape::planes([3, 8, 8])).is_err());
}

/// As timm writes it beside `resnet50.a1_in1k`.
const CONFIG: &str = r#"{"architecture": "resnet50", "num_classes": 1000, "num_features": 2048, "pretrained_cfg": {
    "tag": "a1_in1k", "input_size": [3, 224, 224], "crop_pct": 0.95, "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225], "num_classes": 1000, "first_conv": "conv1", "classifier": "fc"}}"#;

#[test]
fn a_configuration_says_net_and_pictures() {
    let config = Config::parse(CONFIG).unwrap();
    assert_eq!(config.word.to_string(), "resnet50");
    assert_eq!((config.class_count, config.classes), (Some(1000), None));
    assert_eq!(config.input, Some([3, 224, 224]));
    assert_eq!(config.mean.as_deref(), Some(&[0.485, 0.456, 0.406][..]));
    assert_eq!(config.std.as_deref(), Some(&[0.229, 0.224, 0.225][..]));
}

#[test]
fn a_configuration_names_classes_in_three_ways() {
    for names in [
        r#""label_names": ["cat", "dog"]"#,
        r#""label_names": {"dog": 1, "cat": 0}"#,
        r#""num_classes": 1000, "id2label": {"1": "dog", "0": "cat"}"#,
    ] {
        let config = Config::parse(&format!(r#"{{"architecture": "vit_tiny_patch16_224", {names}}}"#)).unwrap();
        assert_eq!(config.classes, Some(vec!["cat".to_owned(), "dog".to_owned()]), "{names}");
        assert_eq!(config.class_count, Some(2));
    }
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    for (text, expected) in [
        ("[]", "not a config.json"),
        (r#"{"model_type": "resnet"}"#, "no architecture (its model_type is \"resnet\")"),
        (r#"{"architecture": "resnet5000000"}"#, "architecture: there is no net"),
        (r#"{"architecture": "resnet50", "num_classes": 1}"#, "1 classes; expected two or more"),
        (r#"{"architecture": "resnet50", "num_classes": 99999999999}"#, "expected two or more"),
        (r#"{"architecture": "resnet50", "id2label": {"0": "a", "2": "c"}}"#, "leave out number 1"),
        (r#"{"architecture": "resnet50", "id2label": {"a": "b"}}"#, "expected numbers of classes"),
        (r#"{"architecture": "resnet50", "input_size": [4, 8, 8]}"#, "expected 1 or 3 channels"),
        (r#"{"architecture": "resnet50", "input_size": [3, 0, 8]}"#, "sides of 1 to 4096"),
        (r#"{"architecture": "resnet50", "mean": [0.5]}"#, "expected 3 finite numbers"),
        (r#"{"architecture": "resnet50", "std": [1, 0, 1]}"#, "finite numbers above 0"),
    ] {
        let why = Config::parse(text).unwrap_err();
        assert!(why.contains(expected), "{text}: {why}");
    }
}

#[test]
fn means_and_deviations_in_a_file_are_part_of_the_input() {
    for [mean, std] in [["mean", "std"], ["normalizer.new_mean", "normalizer.new_std"], ["mu", "sigma"]] {
        let word = Word::parse("wrn:10x1").unwrap();
        let mut tensors = tensors(&word, &word.conventions()[0]);
        assert_eq!(normalisers(&tensors), None);
        tensors.insert(mean.into(), vec![1, 3, 1, 1]);
        tensors.insert(std.into(), vec![1, 3, 1, 1]);
        assert_eq!(normalisers(&tensors), Some([mean.to_owned(), std.to_owned()]));
        assert!(word.graph(&tensors, Shape::planes([3, 32, 32])).is_ok());
        tensors.insert(std.into(), vec![64]);
        assert!(word.graph(&tensors, Shape::planes([3, 32, 32])).is_err());
    }
}
