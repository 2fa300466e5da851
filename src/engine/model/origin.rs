//! A manifest says where weights come from and how good they are.

use serde::Deserialize;

use super::manifest::Manifest;
use crate::download::Remote;

/// Weights can be fetched from here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Download {
    pub address: String,
    pub bytes: Option<u64>,
    /// The size of the file within half a per cent, where it is only known so.
    pub bytes_about: Option<u64>,
}

impl Download {
    /// Returns how many bytes will come, and how far that may be off.
    pub fn size(&self) -> (u64, u64) {
        let about = self.bytes_about.unwrap_or(0);
        self.bytes.map_or((about, about / 200), |bytes| (bytes, 0))
    }

    pub(super) fn check(&self, sha256: Option<&str>) -> Result<(), String> {
        if !["https://", "http://"].iter().any(|scheme| self.address.starts_with(scheme)) {
            return Err(format!("download.address is {:?}; expected one that begins with https://", self.address));
        }
        if self.bytes.is_some() == self.bytes_about.is_some() || self.size().0 == 0 {
            return Err("download: expected either bytes = N or bytes_about = N".into());
        }
        let expected = "download: expected sha256 = \"…\" beside it, at least its first 8 digits";
        sha256.map(drop).ok_or(expected.to_owned())
    }
}

/// An accuracy says how often a net is right.
#[derive(Clone, Debug, PartialEq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// The share of pictures whose most probable class is the right one.
    pub top1: f32,
    /// The share whose right class is among the five most probable.
    pub top5: Option<f32>,
    /// The pictures that it was measured on.
    pub of: String,
    /// The one who says so.
    pub source: Option<String>,
}

impl Accuracy {
    /// Reads `test_error`, which stands in the manifest of a net that this program trained.
    pub(super) fn of_test_error(error: f32) -> Self {
        Self { top1: 1.0 - error, top5: None, of: "the test pictures of its data set".into(), source: None }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let shares = [Some(self.top1), self.top5];
        if shares.into_iter().flatten().all(|share| (0.0..=1.0).contains(&share)) {
            return Ok(());
        }
        Err(format!("accuracy is {} and {:?}; expected shares from 0 to 1", self.top1, self.top5))
    }
}

/// Refuses what is no hash. Eight digits are what torchvision writes into its files' names and checks.
pub(super) fn check_sha256(sha256: &str) -> Result<(), String> {
    let digits = sha256.len();
    if (8..=64).contains(&digits) && sha256.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(format!("sha256 is {sha256:?}; expected its 64 hexadecimal digits, or at least the first 8"))
}

impl Manifest {
    /// Returns the file to fetch, if there is one to fetch.
    pub fn remote(&self) -> Option<Remote> {
        let download = self.download.as_ref()?;
        let (bytes, slack) = download.size();
        Some(Remote {
            name: self.weights.file_name()?.to_str()?.to_owned(),
            bytes,
            slack,
            sha256: self.sha256.as_deref()?.to_lowercase(),
            mirrors: vec![download.address.clone()],
        })
    }
}
