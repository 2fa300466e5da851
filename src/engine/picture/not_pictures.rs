//! Messages name the files that people take for pictures, and say what to do with them.

use crate::file_kind::FileKind;

const READ: &str = "JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, TGA, ICO, QOI or HDR";

/// Says what a file of a kind that is no picture, or none that is read, is, and what to do.
pub(super) fn why_no_picture(kind: FileKind) -> String {
    let what = match kind {
        FileKind::Unknown => "this is not a picture that is known here".into(),
        FileKind::Text => "this is text, not a picture".into(),
        kind => format!("this is {}", kind.name()),
    };
    let advice = match kind {
        FileKind::Heic => {
            "; save it as JPEG or PNG: phones do when they send it by mail (iPhone: Settings, Camera, Formats, Most \
             Compatible), and so does heif-convert"
        }
        FileKind::Avif => "; save it as PNG or JPEG in a browser or an image editor, or with avifdec",
        FileKind::JpegXl => "; save it as PNG or JPEG; djxl does, without loss where it was made of a JPEG",
        FileKind::Jpeg2000 => "; save it as PNG or TIFF, in an image editor or with opj_decompress",
        FileKind::Psd | FileKind::Xcf => "; export it as PNG, with its layers as one",
        FileKind::OpenExr | FileKind::Pfm => "; map its light to the range of a screen and save it as 16-bit PNG",
        FileKind::Dds => "; save it as PNG in an image editor",
        FileKind::Svg => "; export it as PNG in the size that you want",
        FileKind::Pdf | FileKind::PostScript => "; save its page as PNG: pdftoppm -png does, or a screenshot",
        FileKind::Video => "; save one of its frames as PNG, with a player or ffmpeg",
        FileKind::Html | FileKind::Xml => {
            ": the download gave a page in place of the picture; open its address in a browser and save the picture"
        }
        FileKind::GitLfsPointer => "; fetch the file itself with: git lfs pull",
        kind if kind.is_archive() => {
            "; unpack it and open a picture of it; a data set is opened in Test sets, Train or with --data"
        }
        FileKind::Safetensors
        | FileKind::Pickle
        | FileKind::Pytorch
        | FileKind::TorchScript
        | FileKind::ExportedProgram
        | FileKind::KerasZip
        | FileKind::Hdf5
        | FileKind::Onnx
        | FileKind::SavedModel
        | FileKind::TensorflowCheckpoint
        | FileKind::TensorflowLite
        | FileKind::Gguf => ", not a picture; nets are opened in Models or with --model",
        FileKind::Numpy | FileKind::NumpyZip => {
            "; save the array as PNG: PIL.Image.fromarray(array).save(\"picture.png\")"
        }
        _ => "",
    };
    format!("{what}{advice}; expected {READ}")
}
