//! Models are found by name in a few folders and inside the binary, or by path.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{Manifest, read_text};
use super::not_weights::why_no_file;
use super::origin::Accuracy;
use super::store::{NetStore, RUN};
use super::weights::{NetWeights, Precision, weights_digest};
use super::{Model, Params, TensorSource, embedded, weights};
use crate::device::Backend;
use crate::download::Remote;
use crate::files::write_atomically;
use crate::picture::PictureKind;
use crate::units::megabytes;
use crate::{Error, Remedy, Result};

/// An entry is a model that was found, loaded or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// The name that `--model` takes: the manifest's file stem.
    pub name: String,
    /// The name for people: the manifest's `name`.
    pub title: String,
    pub description: String,
    pub licence: String,
    /// The kind of pictures that it is made for; `None` for others, and where its manifest cannot be read.
    pub made_for: Option<PictureKind>,
    /// The path of its manifest, if it does not lie inside the binary.
    pub path: Option<PathBuf>,
    /// The reason why it cannot be used ("the weights squeezenet….safetensors were not found"); `None` when it can.
    pub problem: Option<String>,
    /// The facts that its manifest states; `None` where it cannot be read.
    pub facts: Option<Facts>,
}

/// These facts are known of a model without loading it.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// This counts the trained values.
    pub parameters: usize,
    pub classes: usize,
    /// The pictures that it sees have 1 channel (grey) or 3 (colour).
    pub channels: usize,
    pub accuracy: Option<Accuracy>,
    pub weights: WeightsPlace,
    /// The file to fetch where there is one, and how much of it arrived earlier.
    pub remote: Option<(Remote, u64)>,
    /// True when something of it lies in the user's own folder, and so can be removed.
    pub is_own: bool,
}

/// This is the place of a model's weights.
#[derive(Clone, Debug, PartialEq)]
pub enum WeightsPlace {
    Nowhere,
    /// The binary contains them; this is their size in bytes.
    Bundled(u64),
    Disk {
        path: PathBuf,
        bytes: u64,
    },
}

/// A catalogue looks for manifests and weights in its folders, in this order; the binary itself comes last.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The folder in which models are kept that the person fetched or added, the first of all folders.
    pub own: Option<PathBuf>,
    pub folders: Vec<PathBuf>,
    /// The training runs, whose nets come last.
    pub runs: Option<Arc<dyn NetStore>>,
}

impl Entry {
    /// Returns the name of the training run that this is the net of; `None` for any other net.
    pub fn run(&self) -> Option<&str> {
        self.name.strip_prefix(RUN)
    }
}

impl Catalogue {
    /// Looks in the user's own folder, `models/` in the working folder, and the folders of `DOPPELGANGER_MODELS`.
    pub fn without_runs() -> Self {
        let mut folders = vec![PathBuf::from("models")];
        if let Some(paths) = std::env::var_os("DOPPELGANGER_MODELS") {
            folders.extend(std::env::split_paths(&paths).filter(|path| !path.as_os_str().is_empty()));
        }
        Self { own: user_models_folder(), folders, runs: None }
    }

    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { own: None, folders, runs: None }
    }

    fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        self.own.iter().chain(&self.folders)
    }

    /// Returns every model that can be found by name, the bundled ones first, then by name, then those of training runs.
    pub fn entries(&self) -> Vec<Entry> {
        let mut names: Vec<String> = embedded::models().map(str::to_owned).collect();
        let bundled = names.len();
        for folder in self.folders() {
            let Ok(files) = std::fs::read_dir(folder) else { continue };
            for path in files.filter_map(|file| Some(file.ok()?.path())) {
                if let (Some("toml"), Some(stem)) = (extension(&path), path.file_stem().and_then(|s| s.to_str()))
                    && !names.iter().any(|name| name == stem)
                    && path.is_file()
                {
                    names.push(stem.to_owned());
                }
            }
        }
        names[bundled..].sort();
        names.extend(self.runs.iter().flat_map(|runs| runs.names()));
        names.into_iter().map(|name| self.entry(name)).collect()
    }

    fn entry(&self, name: String) -> Entry {
        match self.manifest(&name) {
            Ok(manifest) => Entry {
                problem: self.check_weights(&manifest).err().map(|error| error.to_string()),
                facts: Some(self.facts(&name, &manifest)),
                made_for: manifest.made_for(),
                title: manifest.name,
                description: manifest.description,
                licence: manifest.licence,
                path: (!is_bundled(&manifest.path)).then_some(manifest.path),
                name,
            },
            Err(error) => Entry {
                title: name.strip_prefix(RUN).unwrap_or(&name).to_owned(),
                path: self.manifest_path(&name),
                problem: Some(error.to_string()),
                name,
                ..Entry::default()
            },
        }
    }

    fn facts(&self, name: &str, manifest: &Manifest) -> Facts {
        let folder = self.own.as_ref().map(|own| own.join(&manifest.weights).with_file_name(""));
        let arrived = |remote: &Remote| folder.as_ref().map_or(0, |folder| size(&remote.part(folder)));
        Facts {
            parameters: manifest.parameter_count(),
            classes: manifest.classes.len(),
            channels: manifest.input.channels,
            accuracy: manifest.accuracy.clone(),
            is_own: !self.own_files(name, manifest).is_empty(),
            weights: self.weights_place(manifest),
            remote: manifest.remote().map(|remote| (remote.clone(), arrived(&remote))),
        }
    }

    /// Returns the manifest of a model by its name, by the path of the manifest, or by the folder of a training run; the
    /// refusal of a name offers the nearest ones.
    pub fn manifest(&self, model: &str) -> Result<Manifest> {
        let store = self.runs.as_ref().filter(|runs| runs.claims(model));
        match store {
            Some(runs) if is_path(model) || model.starts_with(RUN) => return runs.manifest(model),
            None if is_path(model) => return Manifest::read(Path::new(model)),
            Some(_) | None => {}
        }
        if let Some(path) = self.manifest_path(model) {
            return Manifest::read(&path);
        }
        if let Some(text) = embedded::text(&format!("{model}.toml")) {
            let beside = |file: &Path| match file.to_str().and_then(embedded::text) {
                Some(text) => Ok(text.to_owned()),
                None => read_text(file, "read the manifest's classes_file"),
            };
            return Manifest::parse(text, &PathBuf::from(format!("<bundled>/{model}.toml")), beside);
        }
        if let Some(runs) = store {
            return runs.manifest(model);
        }
        let mut names: Vec<String> = self.entries().into_iter().map(|entry| entry.name).collect();
        names.sort_by(|a, b| strsim::jaro_winkler(b, model).total_cmp(&strsim::jaro_winkler(a, model)));
        names.truncate(3);
        Err(Error::Argument(format!(
            "there is no model {model:?}; the nearest names are {}. Give the name of a model, or the path of a \
             manifest",
            names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
        )))
    }

    /// Returns the manifest of a model whose weights are there, unread; [`Error::Missing`] says that they are not.
    pub fn ready(&self, model: &str) -> Result<Manifest> {
        let manifest = self.manifest(model)?;
        self.check_weights(&manifest)?;
        Ok(manifest)
    }

    /// Loads a model; refuses what [`Self::manifest`] and [`Self::params`] do.
    pub fn load(&self, model: &str) -> Result<Model> {
        self.with_net(model, |model, _, _| Ok(model))
    }

    /// Loads a model together with the SHA-256 of its weights, as [`Self::digest`] returns it.
    pub fn load_with_digest(&self, model: &str) -> Result<(Model, String)> {
        self.with_net(model, |model, manifest, weights| Ok((model, weights_digest(&manifest.graph, weights)?)))
    }

    /// Returns the SHA-256 of the weights of a model: of the names, the shapes and the values in single precision. It is
    /// the same for equal weights in whatever file, and changes when they do.
    pub fn digest(&self, model: &str) -> Result<String> {
        let manifest = self.manifest(model)?;
        match self.stored(&manifest) {
            Some(params) => weights_digest(&manifest.graph, &params?),
            None => self.with_weights(&manifest, |weights| weights_digest(&manifest.graph, weights)),
        }
    }

    /// Calls `f` with a model and the weights that it was made of.
    fn with_net<T: Send>(
        &self,
        model: &str,
        f: impl FnOnce(Model, &Manifest, &dyn TensorSource) -> Result<T> + Send,
    ) -> Result<T> {
        let (manifest, backend) = (self.manifest(model)?, Backend::from_environment()?);
        if let Some(params) = self.stored(&manifest) {
            let params = params?;
            return f(Model::on(&backend, manifest.clone(), &params)?, &manifest, &params);
        }
        self.with_weights(&manifest, |weights| {
            let model = Model::on(&backend, manifest.clone(), weights)?;
            f(Model { notes: weights.notes.clone().into(), ..model }, &manifest, weights)
        })
    }

    /// Returns the weights of a net of a training run; `None` for any other.
    fn stored(&self, manifest: &Manifest) -> Option<Result<Params>> {
        self.runs.as_ref()?.params(manifest)
    }

    /// Writes the manifest and the weights of a model into a folder, both under `name`, the weights in half precision.
    /// Refuses weights that half precision cannot hold.
    pub fn halve(&self, model: &str, folder: &Path, name: &str) -> Result<PathBuf> {
        let manifest = self.manifest(model)?;
        let bytes = weights::weights_bytes(&self.params(&manifest)?, Precision::Half, None)?;
        let file = format!("{name}.safetensors");
        let document = manifest.document(&file, Some(&weights::sha256_hex(&bytes)))?;
        std::fs::create_dir_all(folder).map_err(Error::io("make the folder for the model", folder))?;
        write_atomically(&folder.join(&file), &bytes, "write the weights")?;
        let path = folder.join(format!("{name}.toml"));
        write_atomically(&path, document.to_string().as_bytes(), "write the manifest")?;
        Ok(path)
    }

    /// Returns the weights of a manifest; [`Error::Missing`] says that there are none, [`Error::Weights`] that they do
    /// not fit.
    pub fn params(&self, manifest: &Manifest) -> Result<Params> {
        if let Some(params) = self.stored(manifest) {
            return params;
        }
        self.with_weights(manifest, |weights| weights.params().map_err(Error::Argument))
    }

    fn with_weights<T: Send>(
        &self,
        manifest: &Manifest,
        f: impl FnOnce(&NetWeights<'_>) -> Result<T> + Send,
    ) -> Result<T> {
        let sha256 = manifest.sha256.as_deref();
        match (self.weights_place(manifest), bundled_weights(manifest)) {
            (WeightsPlace::Disk { path, .. }, _) => {
                let bytes = weights::open_weights(&path)?;
                weights::with_weights(&bytes, &path, &manifest.graph, sha256, f)
            }
            (WeightsPlace::Bundled(_), Some(bytes)) => {
                weights::with_weights(bytes, &manifest.path, &manifest.graph, sha256, f)
            }
            (WeightsPlace::Bundled(_) | WeightsPlace::Nowhere, _) => Err(self.weights_missing(manifest)),
        }
    }

    fn manifest_path(&self, name: &str) -> Option<PathBuf> {
        self.folders().map(|folder| folder.join(format!("{name}.toml"))).find(|path| path.is_file())
    }

    /// Looks for the weights beside the manifest, then in the folders, then inside the binary.
    pub(super) fn weights_place(&self, manifest: &Manifest) -> WeightsPlace {
        match (self.weights_paths(manifest).find(|path| path.is_file()), bundled_weights(manifest)) {
            (Some(path), _) => WeightsPlace::Disk { bytes: size(&path), path },
            (None, Some(bytes)) => WeightsPlace::Bundled(bytes.len() as u64),
            (None, None) => WeightsPlace::Nowhere,
        }
    }

    fn weights_paths<'a>(&'a self, manifest: &'a Manifest) -> impl Iterator<Item = PathBuf> + 'a {
        let beside = manifest.path.parent().into_iter();
        beside.chain(self.folders().map(PathBuf::as_path)).map(|folder| folder.join(&manifest.weights))
    }

    /// Refuses a manifest whose weights are nowhere.
    fn check_weights(&self, manifest: &Manifest) -> Result<()> {
        match self.weights_place(manifest) {
            WeightsPlace::Nowhere => Err(self.weights_missing(manifest)),
            WeightsPlace::Disk { .. } | WeightsPlace::Bundled(_) => Ok(()),
        }
    }

    fn weights_missing(&self, manifest: &Manifest) -> Error {
        if let Some(path) = self.weights_paths(manifest).find(|path| path.is_dir()) {
            return Error::Weights { why: why_no_file(&path), path };
        }
        let folders: Vec<String> = self.folders().map(|folder| folder.display().to_string()).collect();
        let name = manifest.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (fetch, remedy) = match manifest.remote() {
            Some(remote) => (format!("Fetch it ({}), add", megabytes(remote.bytes)), Remedy::FetchModel(name)),
            None => ("Add".into(), Remedy::AddWeights(name)),
        };
        let why = format!(
            "weights: {:?} was not found beside the manifest, nor in {}.\n  {fetch} a file that you \
                     have, or name its folder in DOPPELGANGER_MODELS",
            manifest.weights.display().to_string(),
            folders.join(", "),
        );
        Error::Missing { path: manifest.path.clone(), why, remedy }
    }
}

fn is_bundled(manifest: &Path) -> bool {
    manifest.starts_with("<bundled>")
}

fn bundled_weights(manifest: &Manifest) -> Option<&'static [u8]> {
    is_bundled(&manifest.path).then(|| embedded::file(manifest.weights.to_str()?)).flatten()
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

/// Returns whether this is the path of a manifest, not a name of the catalogue.
pub fn is_path(model: &str) -> bool {
    let path = Path::new(model);
    path.components().count() > 1 || extension(path) == Some("toml")
}

pub(super) fn extension(path: &Path) -> Option<&str> {
    path.extension().and_then(|extension| extension.to_str())
}

/// Returns where a person's own models are kept: `DOPPELGANGER_OWN_MODELS`, or in the user's data folder.
pub fn user_models_folder() -> Option<PathBuf> {
    let asked = std::env::var_os("DOPPELGANGER_OWN_MODELS").filter(|path| !path.is_empty()).map(PathBuf::from);
    asked.or_else(|| directories::ProjectDirs::from("", "", "doppelganger").map(|dirs| dirs.data_dir().join("models")))
}
