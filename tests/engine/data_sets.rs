//! Data sets in the forms in which they are downloaded, packed and named by other people and programs.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::common::{fixture, shared};
use doppelganger::engine::Error;
use doppelganger::engine::data::{DataSource, Dataset, Opening, Split, class_folders};
use doppelganger::engine::model::{Catalogue, Model};
use doppelganger::engine::picture::{Picture, save_png};
use doppelganger::engine::train::Config;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

fn open(path: &Path, split: Split, classes: &[String]) -> Dataset {
    Dataset::open(path, split, classes).unwrap_or_else(|error| panic!("{error}"))
}

/// The classes that a new net for a set gets, and the channels, height and width of its pictures.
fn shape(path: &Path) -> (Vec<String>, [usize; 3]) {
    let shape = DataSource::Folder(path.to_owned()).shape(&mut |_| true).unwrap_or_else(|error| panic!("{error}"));
    (shape.classes, [shape.input.channels, shape.input.height, shape.input.width])
}

fn put(root: &Path, name: &str, [width, height, channels]: [usize; 3], level: u8) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    save_png(&Picture::new(width, height, channels, vec![level; width * height * channels]), &path, &[]).unwrap();
}

fn levels(data: &Dataset) -> Vec<u8> {
    (0..data.len()).map(|i| data.picture(i).unwrap().bytes[0]).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// A zip of stored files.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        fields.extend(crc.sum().to_le_bytes());
        fields.extend((bytes.len() as u32).to_le_bytes());
        fields.extend((bytes.len() as u32).to_le_bytes());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        let at = body.len() as u32;
        body.extend([&b"PK\x03\x04"[..], &fields, name.as_bytes(), bytes].concat());
        directory.extend([&b"PK\x01\x02\x14\x00"[..], &fields, &[0; 10], &at.to_le_bytes(), name.as_bytes()].concat());
    }
    let count = (files.len() as u16).to_le_bytes();
    let (size, at) = ((directory.len() as u32).to_le_bytes(), (body.len() as u32).to_le_bytes());
    let end = [&b"PK\x05\x06"[..], &[0; 4], &count, &count, &size, &at, &[0, 0]].concat();
    [body, directory, end].concat()
}

#[test]
fn cifar_is_read_in_all_its_forms() {
    let ten = names(&["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]);
    for (file, labels) in [("cifar-10-python.tar.gz", vec![6, 9, 3, 0, 1]), ("cifar-10-binary.tar.gz", vec![6, 9])] {
        let path = fixture("data").join(file);
        assert_eq!(shape(&path), (ten.clone(), [3, 32, 32]));
        let data = open(&path, Split::Train, &ten);
        assert_eq!(data.labels(), labels, "{file}");
        for i in 0..data.len() {
            let red = 10 * (i as u8 + 1);
            assert_eq!(data.picture(i).unwrap().bytes[..6], [red, red + 1, red + 2, red, red + 1, red + 2], "{file}");
        }
        let test = open(&path, Split::Test, &ten);
        assert_eq!((test.labels(), levels(&test)), ([8].as_slice(), vec![60]));
        // A net that lists them in another order, and one that has other names.
        let mut turned = ten.clone();
        turned.reverse();
        assert_eq!(open(&path, Split::Test, &turned).labels(), [1]);
        let numbers: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
        let numbered = open(&path, Split::Test, &numbers);
        assert!(numbered.labels() == [8] && numbered.notes().iter().any(|note| note.contains("label k")));
        let message = Dataset::open(&path, Split::Test, &ten[..9]).unwrap_err().to_string();
        assert!(message.contains("\"truck\""), "{message}");
    }
    for (file, labels) in [("cifar-100-python.tar.gz", vec![2, 0]), ("cifar-100-binary.tar.gz", vec![2])] {
        let path = fixture("data").join(file);
        let (classes, axes) = shape(&path);
        assert_eq!((classes.clone(), axes), (names(&["apple", "aquarium_fish", "baby"]), [3, 32, 32]));
        let data = open(&path, Split::Train, &classes);
        assert_eq!(data.labels(), labels);
        assert!(data.notes().iter().any(|note| note.contains("coarse")), "{:?}", data.notes());
        assert_eq!(open(&path, Split::Test, &classes).labels(), [1]);
    }
}

#[test]
fn arrays_of_numpy_and_matlab_are_read() {
    let three = names(&["0", "1", "2"]);
    let path = fixture("data/keras.npz");
    assert_eq!(shape(&path), (three.clone(), [1, 4, 4]));
    let data = open(&path, Split::Train, &three);
    assert_eq!((data.labels(), levels(&data)), ([0, 1, 2, 1].as_slice(), vec![0, 16, 32, 48]));
    assert_eq!(levels(&open(&path, Split::Test, &three)), [100]);
    let path = fixture("data/medmnist.npz");
    assert_eq!(shape(&path).1, [3, 4, 4]);
    let data = open(&path, Split::Train, &three);
    assert_eq!((data.labels(), data.picture(1).unwrap().bytes), ([1, 0].as_slice(), (48..96).collect()));
    assert!(data.notes().iter().any(|note| note.contains("validation are not used")), "{:?}", data.notes());
    let digits: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    let path = fixture("data/train_32x32.mat");
    assert_eq!(shape(&path), (digits.clone(), [3, 32, 32]));
    let data = open(&path, Split::Train, &digits);
    assert_eq!(data.labels(), [0, 3]);
    let first = data.picture(0).unwrap();
    assert_eq!((first.bytes[(5 * 32 + 7) * 3 + 1], first.bytes.iter().filter(|&&byte| byte > 0).count()), (200, 1));
    assert_eq!(data.picture(1).unwrap().bytes[..3], [0, 0, 9]);
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("cut.npz", "keras.npz"), ("cut.mat", "train_32x32.mat")] {
        let whole = fs::read(fixture("data").join(bytes)).unwrap();
        for length in [0, 100, 200, whole.len() / 2, whole.len() - 1] {
            let path = folder.path().join(name);
            fs::write(&path, &whole[..length]).unwrap();
            assert!(Dataset::open(&path, Split::Train, &digits).is_err(), "{name} cut to {length}");
        }
    }
}

#[test]
fn tables_of_pixels_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let header = (0..16).map(|i| format!("pixel{i}")).collect::<Vec<_>>().join(",");
    let row = |label: u8, level: u8| format!("{label},{}", vec![level.to_string(); 16].join(","));
    let text = format!("\u{feff}label,{header}\r\n{}\r\n{}\r\n", row(1, 7), row(0, 8));
    for (name, bytes) in [("train.csv", text.clone().into_bytes()), ("train.csv.gz", gzip(text.as_bytes()))] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let data = open(&path, Split::Train, &names(&["a", "b"]));
        assert_eq!((data.labels(), levels(&data)), ([1, 0].as_slice(), vec![7, 8]), "{name}");
        assert_eq!(shape(&path).1, [1, 4, 4]);
        fs::remove_file(path).unwrap();
    }
    let fer = "emotion,pixels,Usage\n0,1 2 3 4,Training\n1,5 6 7 8,PublicTest\n";
    fs::write(folder.path().join("fer.csv"), fer).unwrap();
    assert_eq!(levels(&open(folder.path(), Split::Train, &names(&["a", "b"]))), [1]);
    assert_eq!(levels(&open(folder.path(), Split::Test, &names(&["a", "b"]))), [5]);
}

fn write_idx(folder: &Path, prefix: &str, [width, height]: [u32; 2], pixels: &[u8], labels: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    let count = labels.len() as u32;
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let images = [numbers(&[0x803, count, height, width]), pixels.to_vec()].concat();
    let labels = [numbers(&[0x801, count]), labels.to_vec()].concat();
    fs::write(folder.join(format!("{prefix}-images-idx3-ubyte.gz")), gzip(&images)).unwrap();
    fs::write(folder.join(format!("{prefix}-labels-idx1-ubyte.gz")), gzip(&labels)).unwrap();
}

#[test]
fn the_kin_of_mnist_is_known_by_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write_idx(&root.join("FashionMNIST/raw"), "train", [1, 1], &[1, 2], &[0, 9]);
    let (classes, _) = shape(root);
    assert_eq!((classes[0].as_str(), classes[9].as_str()), ("T-shirt/top", "Ankle boot"));
    // Two sets in one folder are not mixed up.
    write_idx(&root.join("KMNIST/raw"), "train", [1, 1], &[1, 2], &[0, 9]);
    let message = Dataset::open(root, Split::Train, &classes).unwrap_err().to_string();
    assert!(message.contains("2 data sets") && message.contains("KMNIST/raw/train-images"), "{message}");
    assert_eq!(shape(&root.join("KMNIST")).0[1], "ki");
    // EMNIST's letters are counted from 1 and lie on their side.
    let emnist = root.join("gzip");
    write_idx(&emnist, "emnist-letters-train", [2, 2], &[1, 2, 3, 4], &[2]);
    write_idx(&emnist, "emnist-digits-train", [2, 2], &[1, 2, 3, 4], &[2]);
    let path = emnist.join("emnist-letters-train-images-idx3-ubyte.gz");
    let (classes, _) = shape(&path);
    assert_eq!((classes.len(), classes[1].as_str()), (26, "B"));
    let data = open(&path, Split::Train, &classes);
    assert_eq!((data.labels(), data.picture(0).unwrap().bytes), ([1].as_slice(), vec![1, 3, 2, 4]));
    fs::write(emnist.join("emnist-letters-mapping.txt"), "1 97 65\r\n2 98 66\r\n").unwrap();
    assert_eq!(shape(&path).0, ["a", "b"]);
}

#[test]
fn sorted_arrays_are_spread_over_the_classes() {
    let folder = tempfile::tempdir().unwrap();
    let labels: Vec<u8> = (0..60).map(|i| i / 20).collect();
    let pixels: Vec<u8> = (0..60).collect();
    write_idx(folder.path(), "train", [1, 1], &pixels, &labels);
    let source = DataSource::Folder(folder.path().to_owned());
    let classes = names(&["a", "b", "c"]);
    let data = source.open(Split::Train, &classes, &mut |_| true).unwrap();
    let mut seen = levels(&data);
    for part in [&data.labels()[..9], &data.labels()[51..]] {
        assert!((0..3).all(|class| part.iter().filter(|&&label| label == class).count() == 3), "{part:?}");
    }
    assert!((0..60).all(|i| data.labels()[i] == usize::from(seen[i] / 20)), "labels stay with their pictures");
    assert_eq!(data.lacking_in(0, 9, &classes), None);
    assert!(data.lacking_in(0, 2, &classes).unwrap().contains("1 of the 3 classes"));
    seen.sort_unstable();
    assert_eq!(seen, pixels);
    // A run that was begun by an earlier version keeps the order of the file.
    let how = Opening { is_as_filed: true, ..Opening::default() };
    assert_eq!(levels(&source.open_as(Split::Train, &classes, how, &mut |_| true).unwrap()), pixels);
    let mut old = serde_json::to_value(Config::default()).unwrap();
    old.as_object_mut().unwrap().remove("is_as_filed");
    assert!(serde_json::from_value::<Config>(old).unwrap().is_as_filed && !Config::default().is_as_filed);
}

#[test]
fn class_folders_are_found_wherever_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (name, level) in [("Training/cat/a/1.png", 1), ("Training/dog/b/c/1.png", 2), ("TEST_SET/dog/1.png", 3)] {
        put(&root.join("outer/inner"), name, [1, 1, 1], level);
    }
    put(root, "__MACOSX/outer/1.png", [1, 1, 1], 9);
    fs::create_dir_all(root.join("outer/inner/Training/bird")).unwrap();
    let classes = class_folders(root).unwrap();
    assert_eq!(classes, ["cat", "dog"]);
    let data = open(root, Split::Train, &classes);
    assert_eq!((data.labels(), levels(&data)), ([0, 1].as_slice(), vec![1, 2]));
    assert!(data.notes()[0].contains("__MACOSX") && data.notes()[0].contains("bird"), "{:?}", data.notes());
    let test = open(root, Split::Test, &classes);
    assert_eq!(levels(&test), [3]);
    assert!(test.notes().iter().any(|note| note.contains("lack 1 of the 2 classes: \"cat\"")), "{:?}", test.notes());
    // The same packed.
    let bytes = |name: &str| fs::read(root.join("outer/inner").join(name)).unwrap();
    let (cat, dog) = (bytes("Training/cat/a/1.png"), bytes("Training/dog/b/c/1.png"));
    let packed = zip(&[
        ("set/Train/cat/1.png", &cat),
        ("set/Train/dog/1.png", &dog),
        ("set/Val/cat/2.png", &dog),
        ("__MACOSX/set/x.png", b"x"),
    ]);
    let path = root.join("set.zip");
    fs::write(&path, &packed).unwrap();
    assert_eq!(levels(&open(&path, Split::Train, &classes)), [1, 2]);
    assert_eq!(levels(&open(&path, Split::Test, &classes)), [2]);
    fs::write(&path, &packed[..packed.len() - 30]).unwrap();
    assert!(Dataset::open(&path, Split::Train, &classes).is_err());
    // One folder alone, and an archive that was not given.
    put(root, "alone/cat/1.png", [1, 1, 1], 1);
    let says = |path: &Path| DataSource::Folder(path.to_owned()).shape(&mut |_| true).unwrap_err().to_string();
    assert!(says(&root.join("alone")).contains("one class folder in it, \"cat\""), "{}", says(&root.join("alone")));
    fs::create_dir(root.join("downloads")).unwrap();
    fs::write(root.join("downloads/set.zip"), packed).unwrap();
    assert!(says(&root.join("downloads")).contains("archive \"set.zip\""), "{}", says(&root.join("downloads")));
}

#[test]
fn tiny_imagenet_has_words_and_a_list_of_its_validation_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tiny-imagenet-200");
    put(&root, "train/n01443537/images/n01443537_0.png", [2, 2, 3], 1);
    put(&root, "train/n99999999/images/n99999999_0.png", [2, 2, 3], 2);
    put(&root, "val/images/val_0.png", [2, 2, 3], 3);
    put(&root, "val/images/val_1.png", [2, 2, 3], 4);
    put(&root, "test/images/test_0.png", [2, 2, 3], 5);
    fs::write(root.join("words.txt"), "n99999999\tgrumble, grumbler\r\nn01443537\tgoldfish, Carassius\r\n").unwrap();
    fs::write(root.join("val/val_annotations.txt"), "val_0.png\tn99999999\t0\t0\nval_1.png\tn01443537\t0\t0\n")
        .unwrap();
    let classes = class_folders(folder.path()).unwrap();
    assert_eq!(classes, ["goldfish (n01443537)", "grumble (n99999999)"]);
    let test = open(folder.path(), Split::Test, &classes);
    let mut found: Vec<(usize, u8)> = test.labels().iter().copied().zip(levels(&test)).collect();
    found.sort_unstable();
    assert_eq!(found, [(0, 4), (1, 3)]);
    assert!(test.notes().iter().any(|note| note.contains("val_annotations.txt")), "{:?}", test.notes());
    // Nets of ImageNet know the numbers, others the words.
    assert_eq!(open(folder.path(), Split::Train, &names(&["grumble", "goldfish"])).labels(), [1, 0]);
}

#[test]
fn damaged_pictures_are_named_all_at_once_and_left_out_on_request() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..8 {
        put(folder.path(), &format!("{}/{i}.png", ["a", "b"][i % 2]), [2, 2, 1], i as u8);
    }
    for i in [2, 5, 6] {
        fs::write(folder.path().join(format!("{}/{i}.png", ["a", "b"][i % 2])), "damaged").unwrap();
    }
    let source = DataSource::Folder(folder.path().to_owned());
    let shape = source.shape(&mut |_| true).unwrap();
    let data = source.open(Split::Train, &shape.classes, &mut |_| true).unwrap();
    let all: Vec<usize> = (0..data.len()).collect();
    let message = data.batch_values(&all, &shape.input).unwrap_err().to_string();
    for part in ["3 of the 8 pictures", "2.png", "5.png", "6.png", "--skip-damaged"] {
        assert!(message.contains(part), "{message}");
    }
    let how = Opening { skips_damaged: true, ..Opening::default() };
    let data = source.open_as(Split::Train, &shape.classes, how, &mut |_| true).unwrap();
    let mut left = levels(&data);
    left.sort_unstable();
    assert_eq!(left, [0, 1, 3, 4, 7]);
    assert!(data.notes().iter().any(|note| note.contains("left out: 3 of 8")), "{:?}", data.notes());
}

#[test]
fn the_shape_of_a_set_comes_from_many_pictures() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..9 {
        let size = if i == 0 { [3, 5, 1] } else { [8, 6, 3] };
        put(folder.path(), &format!("{}/{i}.png", ["a", "b"][i % 2]), size, 7);
    }
    let source = DataSource::Folder(folder.path().to_owned());
    assert_eq!(shape(folder.path()).1, [3, 6, 8]);
    let note = source.shape(&mut |_| true).unwrap().note.unwrap();
    assert!(note.contains("8×6") && note.contains("8 are in colour"), "{note}");
    let config =
        Config { data: source, model: "softmax".into(), size: Some([4, 5]), channels: Some(1), ..Config::default() };
    let manifest = config.manifest(&Catalogue::new(Vec::new())).unwrap();
    assert_eq!((manifest.input.channels, manifest.input.height, manifest.input.width), (1, 4, 5));
    assert!(Config { model: "digits_cnn".into(), ..config }.manifest(&Catalogue::new(Vec::new())).is_err());
}

#[test]
fn sets_as_people_have_them() {
    let Some(root) = shared("cases") else { return };
    let digits: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    for (name, count) in [("mnist_png", 40), ("wrapped", 120), ("emnist_digits", 300), ("tv_root", 30)] {
        assert_eq!(open(&root.join("data").join(name), Split::Test, &digits).len(), count, "{name}");
    }
    assert_eq!(class_folders(&root.join("data/junk_macosx")).unwrap(), ["cat", "dog"]);
    assert_eq!(class_folders(&root.join("data/nested")).unwrap(), ["cat", "dog"]);
    assert_eq!(shape(&root.join("data/grey_first")).1[0], 3);
    assert_eq!(shape(&root.join("data/cifar-10-python.tar.gz")).0[9], "truck");
    let nfc = class_folders(&root.join("data/nfc")).unwrap();
    assert_eq!(open(&root.join("data/nfd"), Split::Test, &nfc).len(), 24);
    let cranes = Catalogue::new(Vec::new()).load(root.join("weights/cranes.toml").to_str().unwrap()).unwrap();
    let data = open(&root.join("data/cranes"), Split::Test, &cranes.classes);
    assert_eq!(data.labels()[..2], [0, 1]);
    let Some(models) = shared("models") else { return };
    let net: Model = Catalogue::new(vec![models]).load("squeezenet1_1_caffe").unwrap();
    let data = open(&root.join("data/inet_wnid"), Split::Test, &net.classes);
    assert_eq!(data.labels()[..2], [0, 217]);
}

#[test]
fn medmnist_names_its_classes_by_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| {
        let path = folder.path().join(name);
        fs::copy(fixture("data/medmnist.npz"), &path).unwrap();
        path
    };
    // The names are those of the INFO of github.com/MedMNIST/MedMNIST, medmnist/info.py, version 3.0.2.
    let (classes, axes) = shape(&file("octmnist_64.npz"));
    assert_eq!(classes, ["choroidal neovascularization", "diabetic macular edema", "drusen", "normal"]);
    assert_eq!(axes, [3, 4, 4]);
    let data = open(&file("octmnist_64.npz"), Split::Train, &classes);
    assert_eq!(data.labels(), [1, 0]);
    assert!(data.notes().iter().any(|note| note.contains("taken for OCTMNIST")), "{:?}", data.notes());
    // A net that was trained on the names in another order is asked by name.
    let turned: Vec<String> = classes.iter().rev().cloned().collect();
    assert_eq!(open(&file("octmnist_64.npz"), Split::Train, &turned).labels(), [2, 3]);
    assert_eq!(shape(&file("organcmnist.npz")).0[10], "spleen");
    assert_eq!(shape(&file("PathMNIST.npz")).0[8], "colorectal adenocarcinoma epithelium");
    assert_eq!(shape(&file("retinamnist.npz")).0[..2], ["0", "1"]);
    assert_eq!(shape(&file("other.npz")).0[..2], ["0", "1"]);
}

#[test]
fn sets_of_arrays_tell_how_far_they_are_read_and_are_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let ten: Vec<String> = (0..10).map(|digit| digit.to_string()).collect();
    let idx = folder.path().join("idx");
    fs::create_dir(&idx).unwrap();
    let labels: Vec<u8> = (0..3000_u32).map(|i| (i % 10) as u8).collect();
    write_idx(&idx, "train", [64, 64], &vec![7; 64 * 64 * 3000], &labels);
    let csv = folder.path().join("train.csv");
    let row = |i: usize| format!("{},{}\n", i % 10, ["7"; 16].join(","));
    fs::write(&csv, (0..2000).map(row).collect::<String>()).unwrap();
    let keras = folder.path().join("deflated.npz");
    fs::copy(fixture("data/keras.npz"), &keras).unwrap();
    for path in [idx, csv, keras, fixture("data/train_32x32.mat")] {
        let mut shares = Vec::new();
        let read = Dataset::open_watched(&path, Split::Train, &ten, &mut |share| {
            shares.push(share);
            true
        });
        read.unwrap_or_else(|error| panic!("{error}"));
        assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{shares:?}");
        // Wherever it is stopped, it is stopped.
        for stop in 1..=shares.len() {
            let mut heard = 0;
            let read = Dataset::open_watched(&path, Split::Train, &ten, &mut |_| {
                heard += 1;
                heard < stop
            });
            assert!(matches!(read, Err(Error::Stopped)), "{}: {read:?} at {stop} of {}", path.display(), shares.len());
            assert!(heard <= stop + 1, "{}: asked {heard} times, though {stop} was no", path.display());
        }
    }
}
