//! The person's own models are fetched, added from files, and removed, in a folder of their own.
//!
//! What is kept was loaded once as a check, and is written whole or not at all.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::catalogue::{Catalogue, WeightsPlace, extension, is_path};
use super::import::{Description, ImportedNet};
use super::manifest::{FACTS_OF_WEIGHTS, Manifest};
use super::parameters::Params;
use super::pytorch::PytorchFile;
use super::weights::{Precision, WeightsFile, check_weights, is_hash, read_weights, sha256_hex, weights_bytes};
use crate::download::{Patience, fetch, is_under_way};
use crate::files::write_atomically;
use crate::{Error, Remedy, Result};

/// The report on a model that was added, or on weights that were added to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Added {
    /// The name that `--model` takes.
    pub name: String,
    pub title: String,
    /// The weights are others than those that the manifest knew, so the model now has a manifest of its own.
    pub other_weights: bool,
    /// There are no weights yet: a manifest came alone.
    pub wants_weights: bool,
    /// Notes on the weights' file, such as a prefix of names that was left out.
    pub notes: Vec<String>,
}

impl Catalogue {
    /// Fetches the weights of a model into the person's folder, checks and keeps them. `progress(bytes so far)` is
    /// called several times a second; false stops, and what came is kept for the next time.
    ///
    /// # Errors
    /// [`Error::Argument`] for a model that cannot be fetched; those of [`fetch`]; [`Error::Weights`] for a file with
    /// the right hash that is not what the manifest says, and then nothing is kept.
    pub fn fetch(&self, name: &str, patience: Patience, progress: &mut dyn FnMut(u64) -> bool) -> Result<PathBuf> {
        let manifest = self.named(name)?;
        let Some(remote) = manifest.remote() else {
            let why = format!("the manifest of {name:?} has no address to fetch from; add a file that you have");
            return Err(Error::Missing { path: manifest.path, why, remedy: Remedy::AddWeights(name.to_owned()) });
        };
        let target = self.own_folder()?.join(&manifest.weights);
        let path = fetch(&remote, target.parent().unwrap_or(Path::new(".")), patience, progress)?;
        let check = || check_weights(&read_weights(&path)?, &path, &manifest.graph, manifest.sha256.as_deref());
        if let Err(error) = check() {
            // Nothing may be left that looks like weights.
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok(path)
    }

    /// Adds a file of weights to a model, or to the one that it fits; or a manifest with the weights beside it.
    ///
    /// # Errors
    /// [`Error::Weights`] for a file that is damaged, or fits no model or more than one; those of [`Manifest::read`].
    pub fn add(&self, name: Option<&str>, file: &Path) -> Result<Added> {
        if extension(file) == Some("toml") {
            return self.add_manifest(file);
        }
        let bytes = read_weights(file)?;
        let hash = sha256_hex(&bytes);
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.fitting(&bytes, &hash, file)?,
        };
        let manifest = self.named(&name)?;
        let notes = check_weights(&bytes, file, &manifest.graph, None)?;
        let own = self.own_folder()?;
        let is_known = manifest.sha256.as_deref().is_none_or(|expected| is_hash(&hash, expected));
        let is_free = match self.weights_place(&manifest) {
            WeightsPlace::Nowhere => true,
            WeightsPlace::Disk { path, .. } => path.starts_with(&own),
            WeightsPlace::Bundled(_) => false,
        };
        let title = manifest.name.clone();
        let other_weights = !is_known || !is_free;
        if other_weights {
            let weights = OwnWeights::new(&name, &hash, &bytes);
            let mut document = manifest.document(&weights.file, Some(&hash))?;
            relabel(&mut document, &manifest, file);
            self.keep(&name, &document.to_string(), Some(weights))?;
        } else {
            write(&own.join(&manifest.weights), &bytes, "keep the weights")?;
        }
        Ok(Added { name, title, other_weights, wants_weights: false, notes })
    }

    /// Removes the files of a model from the person's folder, its weights and its manifest; refuses one that has none.
    pub fn remove(&self, name: &str) -> Result<()> {
        let files = match self.named(name) {
            Ok(manifest) => self.own_files(name, &manifest),
            // A manifest that cannot be read can still be removed.
            Err(error) => self.own_manifest(name).map(|path| vec![path]).ok_or(error)?,
        };
        if files.is_empty() {
            return Err(Error::Argument(format!("nothing of {name:?} lies in {}", self.own_folder()?.display())));
        }
        if let Some(path) = files.iter().find(|path| is_under_way(path)) {
            let why = "this file is being fetched; wait until that is done, or stop it".into();
            return Err(Error::Download { path: path.clone(), why });
        }
        files.iter().try_for_each(|path| std::fs::remove_file(path).map_err(Error::io("remove", path)))
    }

    /// Returns the files of a model in the person's folder.
    pub(super) fn own_files(&self, name: &str, manifest: &Manifest) -> Vec<PathBuf> {
        let Some(own) = &self.own else { return Vec::new() };
        let weights = own.join(&manifest.weights);
        let part = manifest.remote().map(|remote| remote.part(weights.parent().unwrap_or(own)));
        let files = self.own_manifest(name).into_iter().chain([weights]).chain(part);
        files.filter(|path| path.is_file()).collect()
    }

    fn own_manifest(&self, name: &str) -> Option<PathBuf> {
        self.own.as_ref().map(|own| own.join(format!("{name}.toml"))).filter(|path| path.is_file())
    }

    fn own_folder(&self) -> Result<PathBuf> {
        self.own.clone().ok_or_else(|| {
            Error::Argument("the system names no folder for your data; name one in DOPPELGANGER_OWN_MODELS".into())
        })
    }

    /// Reads the manifest of a model of the catalogue, by its name alone.
    fn named(&self, name: &str) -> Result<Manifest> {
        if name.is_empty() || is_path(name) {
            return Err(Error::Argument(format!("{name:?} is no name of a model; expected one of the models here")));
        }
        self.manifest(name)
    }

    /// Finds the one model that these weights fit: the one that knows their hash, or else by names and shapes.
    fn fitting(&self, bytes: &[u8], hash: &str, file: &Path) -> Result<String> {
        let refuse = |why: String| Error::Weights { path: file.to_owned(), why };
        let names = self.entries().into_iter().map(|entry| entry.name);
        let mut known: Vec<(String, Manifest)> =
            names.filter_map(|name| Some((name.clone(), self.named(&name).ok()?))).collect();
        let is_of = |manifest: &Manifest| manifest.sha256.as_deref().is_some_and(|expected| is_hash(hash, expected));
        if let Some((name, _)) = known.iter().find(|(_, manifest)| is_of(manifest)) {
            return Ok(name.clone());
        }
        let weights = WeightsFile::open(bytes, None).map_err(refuse)?;
        known.retain(|(_, manifest)| weights.fits(&manifest.graph));
        let fits: Vec<String> = known.into_iter().map(|(name, _)| name).collect();
        match fits.as_slice() {
            [name] => Ok(name.clone()),
            [] => Err(refuse(
                "the names and shapes of its tensors are those of no model here.\n  Add the manifest of \
                         its net first; docs/models.md says how one is written"
                    .into(),
            )),
            _ => Err(refuse(format!(
                "it fits {}.\n  Choose one of them, and add the file to that one",
                fits.join(" and ")
            ))),
        }
    }

    /// Adds a manifest of the person's own, with the weights that lie beside it.
    fn add_manifest(&self, file: &Path) -> Result<Added> {
        let manifest = Manifest::read(file)?;
        let name = file.file_stem().and_then(OsStr::to_str).unwrap_or_default().to_owned();
        if self.is_taken(&name) {
            let why = format!("there is a model called {name:?} already; rename this file, or remove that model");
            return Err(Error::Manifest { path: file.to_owned(), why });
        }
        let title = manifest.name.clone();
        let beside = file.parent().unwrap_or(Path::new("")).join(&manifest.weights);
        if !beside.is_file() {
            let weights = format!("{name}.{}", extension(&manifest.weights).unwrap_or("safetensors"));
            self.keep(&name, &manifest.document(&weights, None)?.to_string(), None)?;
            return Ok(Added { name, title, other_weights: false, wants_weights: true, notes: Vec::new() });
        }
        let bytes = read_weights(&beside)?;
        let notes = check_weights(&bytes, &beside, &manifest.graph, manifest.sha256.as_deref())?;
        let weights = OwnWeights::new(&name, &sha256_hex(&bytes), &bytes);
        self.keep(&name, &manifest.document(&weights.file, None)?.to_string(), Some(weights))?;
        Ok(Added { name, title, other_weights: false, wants_weights: false, notes })
    }

    fn is_taken(&self, name: &str) -> bool {
        self.entries().iter().any(|entry| entry.name == name)
    }

    /// Keeps a net in the person's own folder.
    ///
    /// # Errors
    /// [`Error::Argument`] for a name that is taken, or that no file can have; those of writing.
    pub fn keep_net(&self, name: &str, net: &ImportedNet, description: &Description) -> Result<Added> {
        let replaces = net.replaces.as_deref() == Some(name) && self.own_manifest(name).is_none();
        let title = description.title.clone();
        let added = self.keep_params(name, title, &net.params, replaces, |file, hash| {
            Ok(net.manifest(description, file)?.document(file, Some(hash))?.to_string())
        })?;
        Ok(Added { notes: net.notes.clone(), ..added })
    }

    /// Keeps weights in the person's own folder, with the manifest that `text(file of the weights, SHA-256)` returns.
    ///
    /// # Errors
    /// As those of [`Self::keep_net`]; `replaces` allows a name that is taken.
    pub(crate) fn keep_params(
        &self,
        name: &str,
        title: String,
        params: &Params,
        replaces: bool,
        text: impl FnOnce(&str, &str) -> Result<String>,
    ) -> Result<Added> {
        check_name(name)?;
        if self.is_taken(name) && !replaces {
            let why = format!("there is a model called {name:?} already; choose another name, or remove that model");
            return Err(Error::Argument(why));
        }
        let bytes = weights_bytes(params, Precision::Single, None)?;
        let hash = sha256_hex(&bytes);
        let weights = OwnWeights::new(name, &hash, &bytes);
        let text = text(&weights.file, &hash)?;
        self.keep(name, &text, Some(weights))?;
        Ok(Added { name: name.to_owned(), title, other_weights: false, wants_weights: false, notes: Vec::new() })
    }

    /// Writes weights, then their manifest; both or none.
    fn keep(&self, name: &str, text: &str, weights: Option<OwnWeights<'_>>) -> Result<()> {
        let own = self.own_folder()?;
        let before = self.own_manifest(name).and_then(|path| Manifest::read(&path).ok());
        let new = weights.as_ref().map(|weights| own.join(&weights.file));
        if let (Some(path), Some(weights)) = (&new, &weights) {
            write(path, weights.bytes, "keep the weights")?;
        }
        let written = write(&own.join(format!("{name}.toml")), text.as_bytes(), "keep the manifest");
        let superfluous = match &written {
            Ok(()) => before.map(|manifest| own.join(&manifest.weights)).filter(|old| Some(old) != new.as_ref()),
            Err(_) => new,
        };
        if let Some(path) = superfluous {
            let _ = std::fs::remove_file(path);
        }
        written
    }
}

/// These weights have a manifest of their own.
struct OwnWeights<'a> {
    /// The name of their file, which no others share.
    file: String,
    bytes: &'a [u8],
}

impl<'a> OwnWeights<'a> {
    fn new(model: &str, hash: &str, bytes: &'a [u8]) -> Self {
        let extension = if PytorchFile::is_one(bytes) { "pth" } else { "safetensors" };
        Self { file: format!("{model}-{}.{extension}", &hash[..8]), bytes }
    }
}

/// Refuses names of models that are no plain names of files on every system.
///
/// # Errors
/// [`Error::Argument`] with the name and what was expected.
pub fn check_name(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_. ".contains(c);
    if !name.is_empty() && name.len() <= 100 && name.chars().all(is_plain) && !name.starts_with(['.', '-', ' ']) {
        return Ok(());
    }
    Err(Error::Argument(format!(
        "{name:?} is no name for a model; expected letters, digits, - and _, such as resnet50"
    )))
}

fn write(path: &Path, bytes: &[u8], doing: &'static str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(Error::io("make the folder for your models", folder))?;
    write_atomically(path, bytes, doing)
}

/// Turns the manifest of a net into one for weights of the person's own, of which nothing else is known.
fn relabel(document: &mut toml_edit::DocumentMut, manifest: &Manifest, file: &Path) {
    const OWN: &str = ", other weights";
    let title = manifest.name.trim_end_matches(OWN);
    document["name"] = toml_edit::value(format!("{title}{OWN}"));
    let from = file.file_name().unwrap_or_default().to_string_lossy();
    document["licence"] = toml_edit::value(format!("not stated (weights from {from})"));
    for key in FACTS_OF_WEIGHTS.iter().chain(&["command", "trained"]) {
        document.remove(key);
    }
}
