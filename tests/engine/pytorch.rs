//! Files that PyTorch wrote (`tests/torchvision/make_pth.py`): the good ones give PyTorch's logits, the bad ones one
//! message each, and code in them is never run.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::fixture;
use candle_core::{Device, Tensor};
use doppelganger::engine::model::{Catalogue, Model};

/// The model of `tiny.toml` with these bytes for weights.
fn load(bytes: &[u8]) -> Result<Model, String> {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("tiny.toml");
    std::fs::copy(fixture("pth/tiny.toml"), &manifest).unwrap();
    std::fs::write(folder.path().join("tiny.pth"), bytes).unwrap();
    Catalogue::new(Vec::new()).load(manifest.to_str().unwrap()).map_err(|error| error.to_string())
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(fixture(&format!("pth/{name}.pth"))).unwrap()
}

/// `ramp` of make_pth.py.
fn ramp(side: usize) -> Tensor {
    let values: Vec<f32> = (0..3 * side * side).map(|i| ((i as f64 * 0.618033988749895) % 1.0) as f32).collect();
    Tensor::from_vec(values, (1, 3, side, side), &Device::Cpu).unwrap()
}

/// How far the logits of the ramp are from those that PyTorch printed, as a share of their norm.
fn gap(model: &Model, golden: &Path) -> f64 {
    let expected: Vec<f64> = serde_json::from_str(&std::fs::read_to_string(golden).unwrap()).unwrap();
    let found: Vec<f32> = model.logits(&ramp(model.input().width)).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(found.len(), expected.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    norm(&mut found.iter().zip(&expected).map(|(a, b)| f64::from(*a) - b)) / norm(&mut expected.iter().copied())
}

#[test]
fn whatever_way_the_weights_were_saved_the_logits_are_those_of_pytorch() {
    for (name, allowed) in [
        ("tiny", 1e-6),
        ("old", 1e-6),
        ("protocol4", 1e-6),
        ("channels_last", 1e-6),
        ("checkpoint", 1e-6),
        ("parameters", 1e-6),
        ("doubles", 1e-6),
        // Under another key, behind wrappers, beside whatever Python can pickle.
        ("wrapped", 1e-6),
        ("average", 1e-6),
        ("beside", 1e-6),
        ("old_beside", 1e-6),
        ("nested", 1e-6),
        ("subclass", 1e-6),
        ("deflated", 1e-6),
        ("big_endian", 1e-6),
        ("no_crc", 1e-6),
        // Rounded to 11 and to 8 bits.
        ("half", 2e-3),
        ("bfloat16", 2e-2),
    ] {
        let gap = gap(&load(&file(name)).unwrap(), &fixture("pth/logits.json"));
        assert!(gap <= allowed, "{name}: logits are apart by {gap} of their norm, {allowed} are allowed");
        assert!(allowed < 1e-4 || gap > 1e-6, "{name} is not what it says");
    }
}

#[test]
fn bad_files_get_one_message_each() {
    let mark = Path::new("/tmp/doppelganger-was-here");
    for (name, says) in [
        ("code", &["posix.system", "nothing of them was run", "state_dict"][..]),
        ("old_code", &["posix.system", "nothing of it was run"]),
        ("module", &["__main__.Tiny", "torch.load(FILE, weights_only=False).state_dict()"]),
        ("inner_module", &["__main__.Tiny", "weights_only=False)[\"model\"].state_dict()"]),
        ("script", &["TorchScript", "torch.jit.load(FILE, map_location=\"cpu\").state_dict()"]),
        ("list", &["have no names", "state_dict"]),
        ("twice", &["\"student\" and \"teacher\"", "torch.load(FILE)[\"student\"]"]),
        ("float8", &["\"fc.weight\" holds F8_E4M3", "quantised"]),
        ("int8", &["\"fc.weight\" holds I8", "quantised"]),
        ("missing", &["linear needs the tensor \"fc.bias\" of [3]", "nearest name in the file is \"aux.bias\""]),
        ("nan", &["linear: value 1 of the tensor \"fc.bias\" is NaN", "finite"]),
        ("wrong_shape", &["\"fc.weight\" has shape [3, 7], expected [3, 6]"]),
        ("huge", &["\"fc.weight\" has shape [2147483647, 6], expected [3, 6]"]),
        ("beyond", &["\"fc.weight\" reaches beyond its storage of 72 bytes"]),
        ("bomb", &["compressed parts grow to far more than"]),
        ("no_tensors", &["no dictionary of tensors"]),
    ] {
        let message = load(&file(name)).err().unwrap_or_else(|| panic!("{name} is accepted"));
        for part in says {
            assert!(message.contains(part), "{name}: {part:?} is missing in: {message}");
        }
        assert!(message.lines().count() <= 6 && message.ends_with("tiny.pth"), "{name}: {message}");
    }
    assert!(!mark.exists(), "code of a pickle was run");
}

/// What was left out of the names of a file, or chosen in it, is told.
#[test]
fn what_was_decided_is_told() {
    for (name, says) in [
        ("tiny", None),
        ("checkpoint", None),
        ("beside", None),
        ("wrapped", Some("without \"_orig_mod.module.\"")),
        ("average", Some("\"state_dict\" was taken, not \"state_dict_ema\"")),
    ] {
        let notes = load(&file(name)).unwrap().notes;
        assert_eq!(notes.len(), usize::from(says.is_some()), "{name}: {notes:?}");
        assert!(says.is_none_or(|says| notes[0].contains(says)), "{name}: {notes:?}");
    }
}

/// What people take for weights is named, with what to do.
#[test]
fn other_files_are_named() {
    let zip = |name: &str| {
        // An archive with one empty part.
        let (name, length) = (name.as_bytes(), name.len() as u16);
        let local =
            [b"PK\x03\x04".to_vec(), vec![0; 22], length.to_le_bytes().into(), vec![0; 2], name.into()].concat();
        let entry =
            [b"PK\x01\x02".to_vec(), vec![0; 24], length.to_le_bytes().into(), vec![0; 16], name.into()].concat();
        let size = |bytes: &[u8]| (bytes.len() as u32).to_le_bytes().to_vec();
        let counts = [vec![0; 4], 1u16.to_le_bytes().into(), 1u16.to_le_bytes().into()].concat();
        let end = [b"PK\x05\x06".to_vec(), counts, size(&entry), size(&local), vec![0; 2]].concat();
        [local, entry, end].concat()
    };
    for (bytes, says) in [
        (b"".to_vec(), &["empty"][..]),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 12345\n".to_vec(),
            &["Git LFS", "git lfs pull"],
        ),
        (b"\x89HDF\r\n\x1a\n\0\0\0".to_vec(), &["HDF5", "Keras"]),
        (b"<!DOCTYPE html>\n<html><body>Not found".to_vec(), &["HTML page", "download"]),
        (
            b"{\"metadata\": {}, \"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\"}}".to_vec(),
            &["several files", "glob"],
        ),
        (b"{\"architectures\": []}".to_vec(), &["JSON"]),
        (b"conv1.weight = 3".to_vec(), &["a text"]),
        (b"\x08\x08\x12\x07pytorch\x1a\x05".to_vec(), &["ONNX", "whole net"]),
        (b"\x08\x01\x12\x90\x01".to_vec(), &["SavedModel"]),
        (b"GGUF\x03\0\0\0".to_vec(), &["GGUF"]),
        (b"\x93NUMPY\x01\0".to_vec(), &["NumPy", "torch.from_numpy"]),
        (zip("arr_0.npy"), &[".npz", "torch.from_numpy"]),
        (zip("model.weights.h5"), &["Keras"]),
        (zip("weights/net.pth"), &["zip archive", "unpack"]),
        (b"\x80\x04}.".to_vec(), &["pickle, but not one of torch.save"]),
        (b"\x00\x01\x02\x03 what is this".to_vec(), &["not a whole safetensors file"]),
    ] {
        let message = load(&bytes).err().unwrap();
        for part in says {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
        assert!(message.lines().count() <= 6 && message.ends_with("tiny.pth"), "{message}");
    }
    // A folder in the file's place.
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("tiny.toml");
    std::fs::copy(fixture("pth/tiny.toml"), &manifest).unwrap();
    std::fs::create_dir(folder.path().join("tiny.pth")).unwrap();
    std::fs::write(folder.path().join("tiny.pth/saved_model.pb"), b"").unwrap();
    let message = Catalogue::new(Vec::new()).load(manifest.to_str().unwrap()).err().unwrap().to_string();
    assert!(message.contains("SavedModel") && message.ends_with("tiny.pth"), "{message}");
}

/// Whatever is cut off or flipped, there is a message and no panic; a flipped bit in the numbers is noticed too.
#[test]
fn damage_is_noticed() {
    for name in ["tiny", "old"] {
        let whole = file(name);
        for length in (0..whole.len()).step_by(37).chain([whole.len() - 1]) {
            let message =
                load(&whole[..length]).err().unwrap_or_else(|| panic!("{name} of {length} bytes is accepted"));
            assert!(message.lines().count() <= 6, "{message}");
        }
        for at in (0..whole.len()).step_by(11) {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x55;
            // Some bytes are padding or names of no consequence.
            if let Err(message) = load(&flipped) {
                assert!(message.lines().count() <= 6, "{message}");
            }
        }
    }
    let mut flipped = file("tiny");
    let numbers = flipped.windows(6).position(|window| window == b"data/0").unwrap() + 100;
    flipped[numbers] ^= 1;
    assert!(load(&flipped).err().unwrap().contains("damaged"));
}

/// Pickles that no PyTorch wrote.
#[test]
fn hostile_pickles_end_quickly() {
    let old = |pickle: &[u8]| {
        let begin = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e\x80\x02M\xe9\x03.";
        [begin, &b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s."[..], pickle].concat()
    };
    let deep = [b"\x80\x02)".to_vec(), b"\x85".repeat(3_000_000), b".".to_vec()].concat();
    // Each tuple holds the one before twice.
    let doubling = [b"\x80\x02)".to_vec(), b"q\x00h\x00\x86".repeat(600_000), b".".to_vec()].concat();
    let marks = [b"\x80\x02".to_vec(), b"(".repeat(3_000_000), b".".to_vec()].concat();
    let endless = b"\x80\x02X\xff\xff\xff\xffabc".to_vec();
    let own_list = b"\x80\x02]q\x00h\x00a.".to_vec();
    for pickle in
        [deep, doubling, marks, endless, own_list, b"\x80\x02R.".to_vec(), b"\x80\x02h\x07.".to_vec(), Vec::new()]
    {
        let start = Instant::now();
        let message = load(&old(&pickle)).err().expect("refused");
        assert!(message.lines().count() <= 6, "{message}");
        assert!(start.elapsed() < Duration::from_secs(5), "{message}");
    }
    let message = load(&old(b"\x80\x02Y")).err().unwrap();
    assert!(message.contains("pickle instruction 'Y'") && message.contains("at byte 2"), "{message}");
}

/// torchvision's own four nets with seeded random weights, where someone wrote them (see make_pth.py).
#[test]
fn the_nets_of_torchvision_give_its_logits() {
    let Some(folder) = std::env::var_os("DOPPELGANGER_PTH").map(PathBuf::from) else {
        eprintln!("skipped: DOPPELGANGER_PTH names no folder of make_pth.py");
        return;
    };
    let own = tempfile::tempdir().unwrap();
    let catalogue = Catalogue { own: Some(own.path().to_owned()), folders: Vec::new(), runs: None };
    for name in ["squeezenet1_1", "resnet18", "mobilenet_v2", "googlenet"] {
        let added = catalogue.add(Some(name), &folder.join(format!("{name}.pth"))).unwrap();
        assert!(added.other_weights, "they are not the published ones");
        let gap = gap(&catalogue.load(name).unwrap(), &folder.join(format!("{name}.json")));
        eprintln!("{name}: logits within {gap:.1e} of their norm");
        assert!(gap <= 1e-4, "{name}: logits are apart by {gap} of their norm");
    }
}
