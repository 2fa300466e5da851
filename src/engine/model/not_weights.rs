//! Messages name the files that people take for weights, and say what to do with them.

use std::path::Path;

use crate::file_kind::FileKind;

/// Says what a file of a kind that holds no weights is, and what to do.
pub fn why_no_weights(kind: FileKind) -> String {
    const SAVE: &str = "torch.save(net.state_dict(), \"weights.pth\")";
    const LOAD: &str = "load it where it was made, copy its values into the net in PyTorch, and save them";
    let what = kind.name();
    match kind {
        FileKind::Empty => "the file is empty; get it again".into(),
        FileKind::TorchScript => format!(
            "it is {what}, a program with its weights; save the weights alone:\n  \
             torch.save(torch.jit.load(FILE, map_location=\"cpu\").state_dict(), \"weights.pth\")"
        ),
        FileKind::ExportedProgram => format!(
            "it is {what}; save the weights alone:\n  \
             torch.save(torch.export.load(FILE).state_dict, \"weights.pth\")"
        ),
        FileKind::GitLfsPointer => {
            format!("it is {what}, not the file itself; fetch that with: git lfs pull")
        }
        FileKind::Html | FileKind::Xml => format!(
            "it is {what}: the download gave a page in place of the weights; open its address in a browser and \
             download the file itself"
        ),
        FileKind::Onnx => format!(
            "it is {what}, which describes a whole net and needs no manifest of layers; add it as a model of its own"
        ),
        FileKind::Json => {
            format!("it is {what}, not weights; expected safetensors or a .pth file of PyTorch's")
        }
        FileKind::Hdf5 | FileKind::KerasZip | FileKind::SavedModel | FileKind::TensorflowCheckpoint => format!(
            "it is {what}; expected safetensors or a .pth file of PyTorch's. Export the net as ONNX (tf2onnx, \
             model.export), or {LOAD}: {SAVE}"
        ),
        FileKind::TensorflowLite | FileKind::Gguf => format!(
            "it is {what}, whose numbers are mostly quantised; expected the weights before, as safetensors or a .pth \
             file of PyTorch's"
        ),
        FileKind::Numpy | FileKind::NumpyZip => format!(
            "it is {what}; expected safetensors or a .pth file of PyTorch's: make tensors of its arrays \
             (torch.from_numpy) under the names that the net has, and save them: torch.save(tensors, \"weights.pth\")"
        ),
        kind if kind.is_archive() => {
            format!("it is {what} without weights of torch.save; unpack it, and choose the file with the weights")
        }
        _ => format!("it is {what}, not weights; expected safetensors or a .pth file of PyTorch's"),
    }
}

/// Says what a folder is that was given in place of a file of weights.
pub fn why_no_file(folder: &Path) -> String {
    let has = |name: &str| folder.join(name).exists();
    if has("saved_model.pb") {
        return why_no_weights(FileKind::SavedModel);
    }
    let whole = ["model.safetensors", "pytorch_model.bin"].into_iter().find(|name| has(name));
    whole.map_or_else(
        || "this is a folder; expected a file, safetensors or a .pth file of PyTorch's".into(),
        |name| format!("this is a folder; choose the file {name:?} in it"),
    )
}

/// Says what to do with one of several files that hold a net together; `None` for the name of a whole one.
pub fn shard(file: &Path) -> Option<String> {
    let stem = file.file_stem()?.to_str()?;
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (begin, number) = rest.rsplit_once('-')?;
    let (number, count): (usize, usize) = (number.parse().ok()?, count.parse().ok()?);
    let end = file.extension()?.to_str()?;
    (count > 1)
        .then(|| format!("the file is part {number} of {count}. Join them:\n  {}", join(&format!("{begin}-*.{end}"))))
}

/// Returns the line of Python that joins files.
pub fn join(pattern: &str) -> String {
    let load = if pattern.ends_with(".safetensors") { "safetensors.torch.load_file(f)" } else { "torch.load(f)" };
    format!("torch.save({{k: v for f in glob.glob({pattern:?}) for k, v in {load}.items()}}, \"weights.pth\")")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_net_are_told_by_their_names() {
        let found = shard(Path::new("a/model-00001-of-00003.safetensors")).unwrap();
        assert!(found.contains("part 1 of 3") && found.contains("model-*.safetensors"), "{found}");
        let found = shard(Path::new("pytorch_model-00002-of-00002.bin")).unwrap();
        assert!(found.contains("torch.load(f)"), "{found}");
        for whole in ["model.safetensors", "net-of-mine.pth", "x-1-of-1.pth", "one-of-two.pth"] {
            assert_eq!(shard(Path::new(whole)), None, "{whole}");
        }
    }
}
