//! The content of a file tells what it is, whatever it is called, so that a message can name it.

use crate::picture::raw_format;

/// This is a kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Empty,
    Safetensors,
    /// This is a Python pickle, which PyTorch's older files are, too.
    Pickle,
    /// This is a zip whose parts say more, see [`Self::of_zip`].
    Zip,
    /// This is a zip of PyTorch's `torch.save`.
    Pytorch,
    TorchScript,
    /// This is a zip of `torch.export`.
    ExportedProgram,
    KerasZip,
    NumpyZip,
    Numpy,
    /// This is MNIST's format of arrays.
    Idx,
    /// This is MATLAB's format of version 5.
    Matlab,
    Parquet,
    Hdf5,
    Onnx,
    SavedModel,
    TensorflowCheckpoint,
    TensorflowLite,
    Gguf,
    GitLfsPointer,
    Html,
    Xml,
    Json,
    Text,
    Tar,
    Gzip,
    Xz,
    Zstandard,
    Bzip2,
    SevenZip,
    Rar,
    Pdf,
    Png,
    Jpeg,
    Gif,
    Webp,
    Bmp,
    Tiff,
    /// This is the raw file of a camera; most of them are TIFFs.
    CameraRaw,
    /// These are PBM, PGM, PPM and PAM.
    Pnm,
    /// This is a floating-point relative of PNM.
    Pfm,
    Tga,
    Ico,
    Qoi,
    Farbfeld,
    RadianceHdr,
    OpenExr,
    Dds,
    Heic,
    Avif,
    JpegXl,
    Jpeg2000,
    Psd,
    Xcf,
    Svg,
    PostScript,
    Video,
    Unknown,
}

/// These bytes at this place tell a kind.
struct Signature {
    at: usize,
    bytes: &'static [u8],
    kind: FileKind,
}

const fn sign(at: usize, bytes: &'static [u8], kind: FileKind) -> Signature {
    Signature { at, bytes, kind }
}

/// The most telling ones come first.
const SIGNATURES: [Signature; 52] = [
    sign(0, b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
    sign(0, b"\x93NUMPY", FileKind::Numpy),
    sign(0, b"\x00\x00\x08\x01\x00", FileKind::Idx),
    sign(0, b"\x00\x00\x08\x03\x00", FileKind::Idx),
    sign(0, b"MATLAB 5.0 MAT-file", FileKind::Matlab),
    sign(0, b"PAR1", FileKind::Parquet),
    sign(0, b"GGUF", FileKind::Gguf),
    sign(0, b"PK\x03\x04", FileKind::Zip),
    sign(0, b"PK\x05\x06", FileKind::Zip),
    sign(4, b"TFL3", FileKind::TensorflowLite),
    sign(257, b"ustar", FileKind::Tar),
    sign(0, b"\x1f\x8b", FileKind::Gzip),
    sign(0, b"\xfd7zXZ\x00", FileKind::Xz),
    sign(0, b"\x28\xb5\x2f\xfd", FileKind::Zstandard),
    sign(0, b"BZh", FileKind::Bzip2),
    sign(0, b"7z\xbc\xaf\x27\x1c", FileKind::SevenZip),
    sign(0, b"Rar!\x1a\x07", FileKind::Rar),
    sign(0, b"%PDF-", FileKind::Pdf),
    sign(0, b"\x89PNG\r\n\x1a\n", FileKind::Png),
    sign(0, b"\xff\xd8\xff", FileKind::Jpeg),
    sign(0, b"GIF87a", FileKind::Gif),
    sign(0, b"GIF89a", FileKind::Gif),
    sign(8, b"WEBP", FileKind::Webp),
    sign(0, b"qoif", FileKind::Qoi),
    sign(0, b"farbfeld", FileKind::Farbfeld),
    sign(0, b"#?RADIANCE", FileKind::RadianceHdr),
    sign(0, b"#?RGBE", FileKind::RadianceHdr),
    sign(0, b"v/1\x01", FileKind::OpenExr),
    sign(0, b"DDS ", FileKind::Dds),
    sign(0, b"\xff\x0a", FileKind::JpegXl),
    sign(4, b"JXL \r\n\x87\n", FileKind::JpegXl),
    sign(4, b"jP  \r\n\x87\n", FileKind::Jpeg2000),
    sign(0, b"\xff\x4f\xff\x51", FileKind::Jpeg2000),
    sign(0, b"8BPS", FileKind::Psd),
    sign(0, b"gimp xcf ", FileKind::Xcf),
    sign(0, b"%!PS", FileKind::PostScript),
    sign(0, b"\xc5\xd0\xd3\xc6", FileKind::PostScript),
    sign(0, b"\x1aE\xdf\xa3", FileKind::Video),
    sign(0, b"FLV\x01", FileKind::Video),
    sign(0, b"\x00\x00\x01\xba", FileKind::Video),
    sign(0, b"\x00\x00\x01\xb3", FileKind::Video),
    sign(0, b"0&\xb2u\x8ef\xcf\x11", FileKind::Video),
    sign(8, b"AVI LIST", FileKind::Video),
    sign(4, b"moov", FileKind::Video),
    sign(0, b"version https://git-lfs.github.com/spec/", FileKind::GitLfsPointer),
    sign(0, b"\x80\x02", FileKind::Pickle),
    sign(0, b"\x80\x03", FileKind::Pickle),
    sign(0, b"\x80\x04", FileKind::Pickle),
    sign(0, b"\x80\x05", FileKind::Pickle),
    // A message of protocol buffers: version 1 of the schema, then graphs.
    sign(0, b"\x08\x01\x12", FileKind::SavedModel),
    sign(0, b"<?xml", FileKind::Xml),
    sign(0, b"\xef\xbb\xbf<?xml", FileKind::Xml),
];

/// The index of a TensorFlow checkpoint is a table of LevelDB's, which ends in this number.
const LEVELDB_END: &[u8] = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb";

/// This much of a file tells whether it is a text.
const START: usize = 1024;

impl FileKind {
    /// Tells whether it holds other files, or a compressed one.
    pub fn is_archive(self) -> bool {
        use FileKind::{Bzip2, Gzip, Rar, SevenZip, Tar, Xz, Zip, Zstandard};
        matches!(self, Zip | Tar | Gzip | Xz | Zstandard | Bzip2 | SevenZip | Rar)
    }

    /// Returns what a file with these bytes is.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::Empty;
        }
        let is_signed = |sign: &&Signature| bytes.get(sign.at..).is_some_and(|rest| rest.starts_with(sign.bytes));
        match SIGNATURES.iter().find(is_signed).map(|found| found.kind) {
            Some(Self::Xml) if is_svg(bytes) => return Self::Svg,
            Some(kind) => return kind,
            None => {}
        }
        if is_safetensors(bytes) {
            return Self::Safetensors;
        }
        if let Some(kind) = picture_kind(bytes) {
            return kind;
        }
        // The version of ONNX's format, then the producer, a domain, the graph or a list of operators.
        if let [0x08, 3..=30, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42 | 0x72, ..] = bytes {
            return Self::Onnx;
        }
        if bytes.ends_with(LEVELDB_END) {
            return Self::TensorflowCheckpoint;
        }
        let text = text_kind(&bytes[..bytes.len().min(START)]);
        text.unwrap_or(if is_tga(bytes) { Self::Tga } else { Self::Unknown })
    }

    /// Returns what a zip with parts of these names is.
    pub fn of_zip<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let has = |end: &str| names.clone().any(|name| name == end || name.ends_with(&format!("/{end}")));
        if has("constants.pkl") {
            Self::TorchScript
        } else if has("data.pkl") {
            Self::Pytorch
        } else if has("archive_format") || has("serialized_exported_program.json") {
            Self::ExportedProgram
        } else if has("model.weights.h5") {
            Self::KerasZip
        } else if names.clone().any(|name| name.ends_with(".npy")) {
            Self::NumpyZip
        } else {
            Self::Zip
        }
    }

    /// Returns what such a file is called, with its article: "an HDF5 file".
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "an empty file",
            Self::Safetensors => "a safetensors file",
            Self::Pickle => "a Python pickle",
            Self::Zip => "a zip archive",
            Self::Pytorch => "a file of PyTorch's torch.save",
            Self::TorchScript => "a TorchScript file (torch.jit.save)",
            Self::ExportedProgram => "a program of torch.export",
            Self::KerasZip => "a Keras model (.keras)",
            Self::NumpyZip => "an archive of NumPy arrays (.npz)",
            Self::Numpy => "a NumPy array (.npy)",
            Self::Idx => "a file of MNIST's format (IDX)",
            Self::Matlab => "a MATLAB file (.mat)",
            Self::Parquet => "a Parquet table; export it as class folders or .npz",
            Self::Hdf5 => "an HDF5 file, as Keras and MATLAB write them",
            Self::Onnx => "an ONNX file",
            Self::SavedModel => "a TensorFlow SavedModel",
            Self::TensorflowCheckpoint => "the index of a TensorFlow checkpoint",
            Self::TensorflowLite => "a TensorFlow Lite file",
            Self::Gguf => "a GGUF file",
            Self::GitLfsPointer => "a Git LFS pointer, a text that stands for a large file",
            Self::Html => "an HTML page",
            Self::Xml => "an XML file",
            Self::Json => "a JSON text",
            Self::Text => "a text",
            Self::Tar => "a tar archive",
            Self::Gzip => "a gzip file",
            Self::Xz => "an xz file",
            Self::Zstandard => "a Zstandard file",
            Self::Bzip2 => "a bzip2 file",
            Self::SevenZip => "a 7z archive",
            Self::Rar => "a RAR archive",
            Self::Pdf => "a PDF document",
            Self::Png => "a PNG picture",
            Self::Jpeg => "a JPEG picture",
            Self::Gif => "a GIF picture",
            Self::Webp => "a WebP picture",
            Self::Bmp => "a BMP picture",
            Self::Tiff => "a TIFF picture",
            Self::CameraRaw => "a camera's raw file",
            Self::Pnm => "a PPM, PGM, PBM or PAM picture",
            Self::Pfm => "a PFM picture of floating-point numbers",
            Self::Tga => "a TGA picture",
            Self::Ico => "an icon (ICO)",
            Self::Qoi => "a QOI picture",
            Self::Farbfeld => "a farbfeld picture",
            Self::RadianceHdr => "a Radiance HDR picture",
            Self::OpenExr => "an OpenEXR picture",
            Self::Dds => "a DDS texture",
            Self::Heic => "a HEIC picture, as phones take them",
            Self::Avif => "an AVIF picture",
            Self::JpegXl => "a JPEG XL picture",
            Self::Jpeg2000 => "a JPEG 2000 picture",
            Self::Psd => "a Photoshop document (PSD)",
            Self::Xcf => "a GIMP document (XCF)",
            Self::Svg => "an SVG drawing",
            Self::PostScript => "a PostScript document",
            Self::Video => "a video",
            Self::Unknown => "a file of an unknown kind",
        }
    }
}

/// Returns whether a file begins with the length of a header and then a header of JSON.
fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return false };
    u64::from_le_bytes(*length) < 1 << 32 && rest.first() == Some(&b'{')
}

/// Returns the kind of a picture that a few bytes at its start do not tell for sure.
fn picture_kind(bytes: &[u8]) -> Option<FileKind> {
    let number = |at: usize| Some(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let place = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if raw_format(bytes).is_some() {
        return Some(FileKind::CameraRaw);
    }
    match bytes {
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => return Some(FileKind::Tiff),
        [b'P', b'1'..=b'7', b'\t' | b'\n' | b'\r' | b' ' | b'#', ..] => return Some(FileKind::Pnm),
        [b'P', b'F' | b'f', b'\n' | b'\r', ..] => return Some(FileKind::Pfm),
        // The size of the header tells a BMP from a text that begins with these letters.
        [b'B', b'M', ..] if matches!(number(14), Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124)) => {
            return Some(FileKind::Bmp);
        }
        // Icon or cursor, a few pictures, and of the first the reserved byte (255 of .NET) and where it lies.
        [0, 0, 1 | 2, 0, 1..=255, 0, _, _, _, 0 | 255, ..] if place(18)? >= 6 + 16 * u32::from(bytes[4]) => {
            return Some(FileKind::Ico);
        }
        _ => {}
    }
    // ISO's base media format: the brands, the main one first.
    let brands = bytes.get(4..64.min(bytes.len()))?.strip_prefix(b"ftyp")?;
    let has = |wanted: &[&[u8; 4]]| brands.chunks_exact(4).any(|brand| wanted.iter().any(|wanted| brand == *wanted));
    Some(if has(&[b"avif", b"avis"]) {
        FileKind::Avif
    } else if has(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"]) {
        FileKind::Heic
    } else {
        FileKind::Video
    })
}

/// Returns whether a file has the footer of a TGA, or a header that can be of nothing else.
fn is_tga(bytes: &[u8]) -> bool {
    if bytes.ends_with(b"TRUEVISION-XFILE.\0") {
        return true;
    }
    let Some(header) = bytes.first_chunk::<18>() else { return false };
    let [id, map, kind, .., width, width_high, height, height_high, bits, flags] = *header;
    let map_length = u64::from(u16::from_le_bytes([header[5], header[6]]));
    let map_bits = u64::from(header[7]);
    let has_map = match (map, kind) {
        (1, 1 | 9) => bits == 8 && (1..=256).contains(&map_length) && matches!(map_bits, 15 | 16 | 24 | 32),
        (0, 2 | 10) => matches!(bits, 15 | 16 | 24 | 32) && header[3..8] == [0; 5],
        (0, 3 | 11) => matches!(bits, 8 | 16) && header[3..8] == [0; 5],
        _ => false,
    };
    let side = |low, high| u64::from(u16::from_le_bytes([low, high]));
    let pixels = side(width, width_high) * side(height, height_high);
    let before = 18 + u64::from(id) + map_length * map_bits.div_ceil(8);
    let least = if kind < 8 { pixels * u64::from(bits.div_ceil(8)) } else { 1 };
    has_map && flags & 0xC0 == 0 && pixels > 0 && before + least <= bytes.len() as u64
}

fn is_svg(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(START)].windows(4).any(|window| window == b"<svg")
}

/// Returns the kind of a text; `None` where its start is none.
fn text_kind(start: &[u8]) -> Option<FileKind> {
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // A letter of several bytes may be cut off.
        Err(e) if e.error_len().is_none() => std::str::from_utf8(&start[..e.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    if text.chars().any(|c| c.is_control() && !c.is_whitespace() && c != '\x1b') {
        return None;
    }
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let begins = |with: &str| text.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    Some(match text.chars().next() {
        _ if ["<!doctype html", "<html", "<head", "<body"].into_iter().any(begins) => FileKind::Html,
        Some('<') if is_svg(start) => FileKind::Svg,
        Some('{' | '[') => FileKind::Json,
        _ => FileKind::Text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_content() {
        for (bytes, kind) in [
            (&b""[..], FileKind::Empty),
            (b"\x89HDF\r\n\x1a\n\x00\x00", FileKind::Hdf5),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", FileKind::GitLfsPointer),
            (b"\xef\xbb\xbf\n<!DOCTYPE HTML><html>", FileKind::Html),
            (b"{\"weight_map\": {}}", FileKind::Json),
            (b"404: Not Found", FileKind::Text),
            ("größer ".repeat(200).as_bytes(), FileKind::Text),
            (b"\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":", FileKind::Safetensors),
            (b"\x08\x08\x12\x07pytorch", FileKind::Onnx),
            (b"\x08\x01\x12\x07\x0a", FileKind::SavedModel),
            (b"\x1c\x00\x00\x00TFL3", FileKind::TensorflowLite),
            (b"\x00\x01\x02\x03", FileKind::Unknown),
            (b"\x00\x00\x08\x03\x00\x00\x00\x01", FileKind::Idx),
            (b"MATLAB 5.0 MAT-file, Platform", FileKind::Matlab),
            (b"PAR1\x15\x04", FileKind::Parquet),
            (b"P5\n2 2\n255\n\x00\x01\x02\x03", FileKind::Pnm),
            (b"Pf\n2 2\n-1.0\n", FileKind::Pfm),
            (b"BMW and BMX", FileKind::Text),
            (b"II*\x00\x08\x00\x00\x00\x00\x00", FileKind::Tiff),
            (b"II*\x00\x10\x00\x00\x00CR\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00", FileKind::CameraRaw),
            (b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom", FileKind::CameraRaw),
            (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", FileKind::Heic),
            (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif", FileKind::Avif),
            (b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2", FileKind::Video),
            (b"\x00\x00\x00\x0cJXL \r\n\x87\n", FileKind::JpegXl),
            (b"<?xml version='1.0'?><svg/>", FileKind::Svg),
            (b"<svg width='4'/>", FileKind::Svg),
            (b"\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01\x00\x18\x20abc", FileKind::Tga),
            (b"\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00\x01\x00\x18\x20abc", FileKind::Unknown),
        ] {
            assert_eq!(FileKind::of(bytes), kind, "{bytes:?}");
        }
        let mut table = vec![0; 40];
        table.extend(LEVELDB_END);
        assert_eq!(FileKind::of(&table), FileKind::TensorflowCheckpoint);
        for (names, kind) in [
            (&["net/data.pkl", "net/constants.pkl", "net/code/x.py"][..], FileKind::TorchScript),
            (&["net/data.pkl", "net/data/0"], FileKind::Pytorch),
            (&["arr_0.npy"], FileKind::NumpyZip),
            (&["config.json", "model.weights.h5"], FileKind::KerasZip),
            (&["word/document.xml"], FileKind::Zip),
        ] {
            assert_eq!(FileKind::of_zip(names.iter().copied()), kind);
        }
    }
}
