//! Data sets, drawn digits and samples.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::common;
use doppelganger::engine::Error;
use doppelganger::engine::data::{
    DIGIT_SIDE, Dataset, Split, Strokes, Watch, class_folders, draw_digit, sample, samples,
};
use doppelganger::engine::model::Input;
use doppelganger::engine::picture::{Fit, Picture, save_png};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn classes(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

fn digits() -> Vec<String> {
    (0..10).map(|d| d.to_string()).collect()
}

fn input(channels: usize, height: usize, width: usize) -> Input {
    Input { channels, height, width, mean: vec![0.0; channels], std: vec![1.0; channels], fit: Fit::Squash }
}

#[test]
fn mnist_is_read_as_it_is() {
    let Some(folder) = common::shared("data/mnist") else { return };
    let test = Dataset::open(&folder, Split::Test, &digits()).unwrap();
    let mut counts = [0; 10];
    test.labels().iter().for_each(|&label| counts[label] += 1);
    assert_eq!(counts, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    assert_eq!((test.len(), test.labels()[0]), (10000, 7));
    // np.frombuffer(gzip.open("t10k-images-idx3-ubyte.gz").read(), np.uint8, offset=16).reshape(-1, 784)[[0,
    // 9999]].sum(1)
    let sum = |i: usize| test.picture(i).unwrap().bytes.iter().map(|&b| u32::from(b)).sum::<u32>();
    assert_eq!([sum(0), sum(9999)], [18454, 41833]);
    let (values, labels) = test.batch_values(&[0, 9999], &input(1, 28, 28)).unwrap();
    assert_eq!((values.len(), labels), (2 * 28 * 28, vec![7, 6]));
    let total: f32 = values.iter().sum();
    assert!((total - (18454.0 + 41833.0) / 255.0).abs() < 0.01, "{total}");

    let message = Dataset::open(&folder, Split::Test, &digits()[..5]).unwrap_err().to_string();
    assert!(message.contains("picture 0 is of class 7, but the model has 5 classes (0 to 4)"), "{message}");
    assert_eq!(Dataset::open(&folder, Split::Train, &digits()).unwrap().len(), 60000);
}

fn idx(magic: u32, sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = magic.to_be_bytes().to_vec();
    sizes.iter().for_each(|size| file.extend(size.to_be_bytes()));
    file.extend(bytes);
    file
}

fn write_idx(folder: &Path, images: &[u8], labels: &[u8]) {
    fs::write(folder.join("t10k-images.idx3-ubyte"), images).unwrap();
    fs::write(folder.join("t10k-labels.idx1-ubyte"), labels).unwrap();
}

#[test]
fn idx_files_of_any_size_packed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let images = idx(0x803, &[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
    let labels = idx(0x801, &[2], &[1, 0]);
    write_idx(folder.path(), &images, &labels);
    let check = |split| {
        let data = Dataset::open(folder.path(), split, &classes(&["a", "b"])).unwrap();
        let picture = data.picture(1).unwrap();
        assert_eq!((picture.width, picture.height, picture.channels, picture.bytes), (3, 1, 1, vec![4, 5, 6]));
        assert_eq!(data.labels(), [1, 0]);
        assert!(matches!(data.picture(2), Err(Error::Argument(_))));
        assert!(matches!(data.batch_values(&[0, 2], &input(1, 1, 3)), Err(Error::Argument(_))));
        assert!(data.batch_values(&[], &input(1, 1, 3)).is_err());
    };
    check(Split::Test);
    for (name, bytes) in [("train-images-idx3-ubyte.gz", &images), ("train-labels-idx1-ubyte.gz", &labels)] {
        let file = fs::File::create(folder.path().join(name)).unwrap();
        let mut packer = flate2::write::GzEncoder::new(file, flate2::Compression::default());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap();
    }
    check(Split::Train);
    // A packed file that is cut short.
    let path = folder.path().join("train-images-idx3-ubyte.gz");
    let packed = fs::read(&path).unwrap();
    for length in 0..packed.len() {
        fs::write(&path, &packed[..length]).unwrap();
        let error = Dataset::open(folder.path(), Split::Train, &classes(&["a", "b"])).unwrap_err().to_string();
        assert!(error.ends_with(&path.display().to_string()), "{length}: {error}");
    }
}

#[test]
fn damaged_idx_files_are_refused() {
    let good = (idx(0x803, &[2, 1, 3], &[0; 6]), idx(0x801, &[2], &[1, 0]));
    for (images, labels, says) in [
        (idx(0x802, &[2, 1, 3], &[0; 6]), good.1.clone(), "magic number is 0x00000802"),
        (idx(0x803, &[2, 1, 3], &[0; 5]), good.1.clone(), "asks for 6 bytes, but 5 follow"),
        (idx(0x803, &[2, 1, 3], &[0; 7]), good.1.clone(), "asks for 6 bytes, but more follow"),
        (idx(0x803, &[u32::MAX; 3], &[]), good.1.clone(), "at most 1 GiB"),
        (idx(0x803, &[2, 0, 3], &[]), good.1.clone(), "at most 1 GiB"),
        (idx(0x803, &[2, 1], &[]), good.1.clone(), "cannot read the sizes"),
        (vec![], good.1.clone(), "cannot read the magic number"),
        (good.0.clone(), idx(0x801, &[1], &[1]), "1 labels for 2 pictures"),
        (good.0.clone(), idx(0x801, &[2], &[1, 9]), "picture 1 is of class 9, but the model has 2 classes"),
        (good.0.clone(), good.0.clone(), "magic number is 0x00000803; expected 0x00000801"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_idx(folder.path(), &images, &labels);
        let message = Dataset::open(folder.path(), Split::Test, &classes(&["a", "b"])).unwrap_err().to_string();
        assert!(message.contains(says) && message.lines().count() <= 6, "{message}\nexpected: {says}");
    }
}

/// A picture of one grey level.
fn put(root: &Path, name: &str, level: u8) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    save_png(&Picture::new(1, 1, 1, vec![level]), &path, &[]).unwrap();
}

#[test]
fn class_folders_are_matched_by_name_and_take_turns() {
    let root = tempfile::tempdir().unwrap();
    let names = classes(&["goldfish, Carassius auratus", "fiddler crab", "Egyptian cat", "jeep, landrover"]);
    put(root.path(), "n01443537_goldfish/b.png", 2);
    put(root.path(), "n01443537_goldfish/a.png", 1);
    put(root.path(), "fiddler-crab/1.PNG", 3);
    put(root.path(), "EGYPTIAN_CAT/1.png", 4);
    put(root.path(), "3/1.png", 5);
    fs::write(root.path().join("3/notes.txt"), "no picture").unwrap();
    fs::create_dir(root.path().join(".hidden")).unwrap();
    for split in [Split::Train, Split::Test] {
        let data = Dataset::open(root.path(), split, &names).unwrap();
        let found: Vec<(usize, u8)> =
            (0..data.len()).map(|i| (data.labels()[i], data.picture(i).unwrap().bytes[0])).collect();
        assert_eq!(found, [(0, 1), (3, 5), (2, 4), (1, 3), (0, 2)]);
    }
    assert_eq!(class_folders(root.path()).unwrap(), ["3", "EGYPTIAN_CAT", "fiddler-crab", "n01443537_goldfish"]);

    put(root.path(), "fidler crap/1.png", 6);
    let message = Dataset::open(root.path(), Split::Test, &names).unwrap_err().to_string();
    assert!(message.contains("fiddler crab") && message.ends_with("fidler crap"), "{message}");
}

#[test]
fn train_and_test_folders_are_kept_apart() {
    let root = tempfile::tempdir().unwrap();
    let names = classes(&["cat", "dog"]);
    put(root.path(), "train/cat/1.png", 1);
    put(root.path(), "train/dog/1.png", 2);
    let message = Dataset::open(root.path(), Split::Test, &names).unwrap_err().to_string();
    assert!(message.contains("test/<class> or val/<class>"), "{message}");
    put(root.path(), "val/dog/1.png", 3);
    let test = Dataset::open(root.path(), Split::Test, &names).unwrap();
    assert_eq!((test.labels(), test.picture(0).unwrap().bytes), ([1].as_slice(), vec![3]));
    assert_eq!(Dataset::open(root.path(), Split::Train, &names).unwrap().labels(), [0, 1]);
    assert_eq!(class_folders(root.path()).unwrap(), ["cat", "dog"]);
}

#[test]
fn what_is_no_data_set_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let says = |path: &Path| Dataset::open(path, Split::Test, &digits()).unwrap_err().to_string();
    assert!(says(root.path()).contains("no data set in this folder"));
    assert!(says(&root.path().join("missing")).contains("cannot open this data set"));
    fs::create_dir(root.path().join("7")).unwrap();
    assert!(says(root.path()).contains("hold no pictures"));
    fs::write(root.path().join("file"), "x").unwrap();
    assert!(says(&root.path().join("file")).contains("this file is no data set"));
    // A damaged picture is only noticed when it is asked for, and named then.
    fs::write(root.path().join("7/broken.png"), "x").unwrap();
    let data = Dataset::open(root.path(), Split::Test, &digits()).unwrap();
    assert!(data.batch_values(&[0], &input(1, 2, 2)).unwrap_err().to_string().contains("broken.png"));
}

/// Packs files into a tar, in the order given.
fn tar_of(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // As other programs may write it: `set_path` refuses what leads out of the archive.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, bytes.as_slice()).unwrap();
    }
    archive.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// A picture file of one grey level.
fn png(level: u8) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "1.png", level);
    fs::read(folder.path().join("1.png")).unwrap()
}

#[test]
fn archives_of_class_folders_are_read_like_the_folders() {
    let folder = tempfile::tempdir().unwrap();
    let names = classes(&["cat", "dog"]);
    let tar = tar_of(&[
        ("set/val/dog/1.png", png(5)),
        ("set/train/dog/1.png", png(3)),
        ("set/train/cat/2.png", png(2)),
        ("set/train/cat/1.png", png(1)),
        ("set/train/cat/._1.png", b"hidden".to_vec()),
        ("set/train/cat/notes.txt", b"no picture".to_vec()),
        ("../set/train/cat/3.png", png(9)),
        ("set/train/../../../out/4.png", png(9)),
    ]);
    for (name, bytes) in [("a.tar", tar.clone()), ("a.tar.gz", gzip(&tar)), ("no ending", gzip(&tar))] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        assert_eq!(class_folders(&path).unwrap(), ["cat", "dog"]);
        let train = Dataset::open(&path, Split::Train, &names).unwrap();
        let levels: Vec<u8> = (0..train.len()).map(|i| train.picture(i).unwrap().bytes[0]).collect();
        assert_eq!((train.labels(), levels), ([0, 1, 0].as_slice(), vec![1, 3, 2]));
        assert_eq!(train.name(1), format!("{}: set/train/dog/1.png", path.display()));
        let test = Dataset::open(&path, Split::Test, &names).unwrap();
        assert_eq!((test.labels(), test.picture(0).unwrap().bytes), ([1].as_slice(), vec![5]));
        let dogs = train.only(&[1]);
        assert_eq!((dogs.labels(), dogs.picture(0).unwrap().bytes), ([0].as_slice(), vec![3]));
        let message = Dataset::open(&path, Split::Train, &names[..1]).unwrap_err().to_string();
        assert!(message.contains("\"dog\"") && message.ends_with(&format!("{name}/dog")), "{message}");
    }
    // Nothing was unpacked anywhere.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    // The same name, another file: it is read anew.
    fs::write(folder.path().join("a.tar"), tar_of(&[("dog/1.png", png(7))])).unwrap();
    let whole = Dataset::open(&folder.path().join("a.tar"), Split::Test, &names).unwrap();
    assert_eq!((whole.len(), whole.picture(0).unwrap().bytes), (1, vec![7]));
}

/// ```python
/// import io, tarfile
/// from PIL import Image
/// with tarfile.open("classes.tar.xz", "w:xz", format=tarfile.PAX_FORMAT) as archive:
///     for name, level in [("dog/1.png", 30), ("cat/" + "long" * 60 + ".png", 20), ("cat/1.png", 10)]:
///         file = io.BytesIO()
///         Image.new("L", (3, 2), level).save(file, "png")
///         info = tarfile.TarInfo("./" + name)
///         info.size = len(file.getvalue())
///         archive.addfile(info, io.BytesIO(file.getvalue()))
///     link = tarfile.TarInfo("cat/link.png")
///     link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
///     archive.addfile(link)
/// ```
#[test]
fn an_archive_that_python_wrote() {
    let path = common::fixture("classes.tar.xz");
    let data = Dataset::open(&path, Split::Train, &classes(&["dog", "cat"])).unwrap();
    let levels: Vec<u8> = (0..data.len()).map(|i| data.picture(i).unwrap().bytes[0]).collect();
    assert_eq!((data.labels(), levels), ([1, 0, 1].as_slice(), vec![10, 30, 20]));
}

#[test]
fn an_archive_says_how_far_it_is_and_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("noise.tar");
    // More than is read at a time.
    let noise: Vec<u8> = (0..100_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(&path, tar_of(&[("a/1.png", noise.clone()), ("b/1.png", noise)])).unwrap();
    let open = |watch: &mut Watch| Dataset::open_watched(&path, Split::Train, &classes(&["a", "b"]), watch);
    let error = open(&mut |share| share < 0.5).unwrap_err();
    assert!(matches!(error, Error::Stopped), "{error}");
    let mut shares = Vec::new();
    let data = open(&mut |share| {
        shares.push(share);
        true
    });
    assert_eq!(data.unwrap().len(), 2);
    assert!(shares.is_sorted() && shares.len() > 10 && shares.last().is_some_and(|&share| share > 0.9), "{shares:?}");
}

#[test]
fn damaged_archives_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    let says = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let message = Dataset::open(&path, Split::Train, &classes(&["cat"])).unwrap_err().to_string();
        assert!(message.ends_with("a.tar.gz") && message.lines().count() <= 6, "{message}");
        message
    };
    let tar = tar_of(&[("cat/1.png", png(1))]);
    for (what, bytes) in [("gzip", gzip(&tar)), ("xz", fs::read(common::fixture("classes.tar.xz")).unwrap())] {
        for length in [bytes.len() - 1, bytes.len() - 9, bytes.len() / 2, 20] {
            assert!(says(&bytes[..length]).contains("damaged or cut short"), "{what} cut to {length}");
        }
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 0x10;
        assert!(says(&flipped).contains("damaged or cut short"), "{what}");
    }
    // In the middle of a picture.
    assert!(says(&tar[..520]).contains("damaged or cut short"));
    assert!(says(&gzip(b"no archive at all")).contains("damaged or cut short"));
    assert!(says(&tar_of(&[("1.png", png(1)), ("cat/notes.txt", vec![1])])).contains("no class folders"));
    assert!(says(b"text").contains("this file is no data set"));
}

#[test]
fn photos_are_read_from_their_archive() {
    let Some(path) = common::shared("data/photos109.tar.xz") else { return };
    let names = class_folders(&path).unwrap();
    assert_eq!((names.len(), names[0].as_str()), (109, "abacus"));
    for (split, each) in [(Split::Train, 500), (Split::Test, 50)] {
        let data = Dataset::open(&path, split, &names).unwrap();
        assert_eq!(data.len(), 109 * each);
        assert!((0..data.len()).all(|i| data.labels()[i] == i % 109));
    }
    let data = Dataset::open(&path, Split::Train, &names).unwrap();
    let (values, _) = data.batch_values(&[0, 54_499], &input(3, 64, 64)).unwrap();
    let mean = |values: &[f32]| 255.0 * values.iter().sum::<f32>() / values.len() as f32;
    let (first, last) = values.split_at(3 * 64 * 64);
    // [np.asarray(Image.open(archive.extractfile(name)).convert("RGB")).mean() for name in (names[0], names[-1])]
    assert!(
        (mean(first) - 60.4559).abs() < 0.2 && (mean(last) - 103.8331).abs() < 0.2,
        "{} {}",
        mean(first),
        mean(last)
    );
}

/// Columns and rows with ink, and the centre of mass in pixel indices.
fn measure(digit: &Picture) -> (usize, usize, f32, f32) {
    assert_eq!((digit.width, digit.height, digit.channels), (DIGIT_SIDE, DIGIT_SIDE, 1));
    let inked = |x: usize, y: usize| f32::from(digit.bytes[y * DIGIT_SIDE + x]);
    let side = 0..DIGIT_SIDE;
    let columns = side.clone().filter(|&x| side.clone().any(|y| inked(x, y) > 127.0)).count();
    let rows = side.clone().filter(|&y| side.clone().any(|x| inked(x, y) > 127.0)).count();
    let mut sums = [0.0; 3];
    for (y, x) in side.clone().flat_map(|y| side.clone().map(move |x| (y, x))) {
        sums[0] += inked(x, y);
        sums[1] += inked(x, y) * x as f32;
        sums[2] += inked(x, y) * y as f32;
    }
    (columns, rows, sums[1] / sums[0], sums[2] / sums[0])
}

#[test]
fn drawn_digits_have_mnist_format_and_depend_on_the_seed_alone() {
    let draw = |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..200).map(|i| draw_digit((i % 10) as u8, &mut rng)).collect::<Vec<_>>()
    };
    let drawn = draw(1);
    assert!(drawn == draw(1) && drawn != draw(2));
    let mut ink = 0.0;
    for digit in &drawn {
        let (columns, rows, x, y) = measure(digit);
        assert!((18..=21).contains(&columns.max(rows)), "the box is 20×20: {columns}×{rows}");
        // MNIST's own mean centre of mass is (14.0, 14.0).
        assert!((x - 14.0).abs() < 0.3 && (y - 14.0).abs() < 0.3, "{x}, {y}");
        ink += digit.bytes.iter().map(|&b| f64::from(b) / 255.0).sum::<f64>() / 784.0;
    }
    // The mean of MNIST is 0.1307.
    assert!((0.11..0.15).contains(&(ink / 200.0)), "{}", ink / 200.0);
}

#[test]
fn strokes_of_a_canvas_become_a_digit() {
    let line = |points: &[[f32; 2]]| Strokes { lines: vec![points.to_vec()] };
    // A vertical line far away in a large canvas, and the same one small.
    let large = line(&[[900.0, 100.0], [900.0, 500.0]]).to_digit();
    let small = line(&[[0.1, 0.1], [0.1, 0.5]]).to_digit();
    let (columns, rows, x, y) = measure(&large);
    assert!(rows == 20 && (2..=3).contains(&columns), "{columns}×{rows}");
    assert!((x - 14.0).abs() < 0.1 && (y - 14.0).abs() < 0.1, "{x}, {y}");
    let difference = large.bytes.iter().zip(&small.bytes).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(difference <= Some(2), "{difference:?}");

    let dot = measure(&line(&[[3.0, 3.0]]).to_digit());
    assert!(dot.0 <= 3 && dot.1 <= 3 && dot.0 > 0, "{dot:?}");
    let not_numbers = line(&[[f32::NAN, 1.0], [f32::INFINITY, 2.0]]).to_digit();
    for nothing in [Strokes::default(), Strokes { lines: vec![vec![]] }] {
        assert!(nothing.is_empty());
        assert!(nothing.to_digit().bytes.iter().all(|&b| b == 0));
        assert_eq!(nothing.to_digit(), not_numbers);
    }
}

#[test]
fn all_samples_can_be_shown() {
    for sample in samples() {
        let picture = sample.picture().unwrap();
        // The rocket alone carries a colour profile that is not sRGB.
        assert_eq!(picture.notes.len(), usize::from(sample.name == "rocket"), "{}: {:?}", sample.name, picture.notes);
        assert!(!sample.title.is_empty() && !sample.credit.is_empty());
    }
    for d in 0..10 {
        let picture = sample(&format!("digit-{d}")).unwrap().picture().unwrap();
        assert_eq!((picture.width, picture.height, picture.channels), (28, 28, 1));
    }
    for (name, width, height) in
        [("astronaut", 512, 512), ("chelsea", 451, 300), ("coffee", 600, 400), ("rocket", 640, 427)]
    {
        let picture = sample(name).unwrap().picture().unwrap();
        assert_eq!((picture.width, picture.height, picture.channels), (width, height, 3), "{name}");
    }
    assert_eq!(samples().len(), 14);
    assert!(sample("digit-10").is_none());
}
