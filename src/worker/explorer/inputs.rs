//! This finds the nets and the pictures of views. The last of each is kept, since most views only move ε.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::engine::attack::{Goal, Label};
use crate::engine::data::{digit_on_paper, reads_handwriting, sample};
use crate::engine::files::Stamp;
use crate::engine::model::{Catalogue, Manifest, Model};
use crate::engine::picture::{Background, Fit, Picture, PictureKind, Rgba, fit, open_over, png_crop};
use crate::engine::{Error, Result};
use crate::worker::last::Last;
use crate::worker::protocol::{Event, ModelInfo, Revision, Source, View};
use crate::worker::{Mismatch, Outbox};

/// This tells the window of slow steps on the way to a view.
#[derive(Clone, Copy)]
pub struct Reporter<'a> {
    pub outbox: &'a Outbox,
    pub revision: Revision,
}

impl Reporter<'_> {
    fn busy(self, doing: String) {
        self.outbox.send(Event::Busy { revision: self.revision, doing });
    }
}

struct Reads {
    kind: PictureKind,
    is_handwriting: bool,
}

impl Reads {
    fn of(net: &Manifest) -> Self {
        Self { kind: net.input.kind(), is_handwriting: reads_handwriting(net) }
    }
}

pub struct Nets {
    pub catalogue: Catalogue,
    provided: Vec<(String, Arc<Model>)>,
    pub last: Last<String, (Arc<Model>, ModelInfo)>,
}

impl Nets {
    pub fn new(catalogue: Catalogue) -> Self {
        Self { catalogue, provided: Vec::new(), last: Last::default() }
    }

    fn provided(&self, name: &str) -> Option<&Arc<Model>> {
        self.provided.iter().find(|(known, _)| known == name).map(|(_, model)| model)
    }

    pub fn load(&self, name: &str) -> Result<Arc<Model>> {
        match self.provided(name) {
            Some(model) => Ok(model.clone()),
            None => Ok(Arc::new(self.catalogue.load(name)?)),
        }
    }

    pub fn get(&mut self, name: &str, reporter: Reporter) -> Result<(Arc<Model>, ModelInfo)> {
        let key = name.to_owned();
        if let Some(last) = self.last.get(&key) {
            return Ok(last.clone());
        }
        if self.provided(name).is_none() {
            reporter.busy(format!("loading the model {name}"));
        }
        let model = self.load(name)?;
        let info = ModelInfo {
            title: model.manifest.name.clone(),
            input: model.input().clone(),
            classes: model.classes.clone(),
            parameters: model.manifest.parameter_count(),
        };
        self.last.set(key, (model.clone(), info.clone()));
        Ok((model, info))
    }

    /// Returns which pictures a net reads, without loading it.
    fn reads(&self, name: &str) -> Result<Reads> {
        let known = self.last.get(&name.to_owned()).map(|(model, _)| model).or_else(|| self.provided(name));
        match known {
            Some(model) => Ok(Reads::of(&model.manifest)),
            None => Ok(Reads::of(&self.catalogue.manifest(name)?)),
        }
    }

    /// Makes a net known by a name, in place of an older one; tells whether that was the net of the last view.
    pub fn provide(&mut self, name: &str, model: Arc<Model>) -> bool {
        self.provided.retain(|(known, _)| known != name);
        self.provided.push((name.to_owned(), model));
        // These are the nets of eight runs before, now and at their best.
        if self.provided.len() > 24 {
            self.provided.remove(0);
        }
        self.forget(name)
    }

    /// Has a net read afresh the next time; tells whether it was that of the last view.
    pub fn forget(&mut self, name: &str) -> bool {
        let was_last = self.last.get(&name.to_owned()).is_some();
        if was_last {
            self.last.forget();
        }
        was_last
    }
}

/// A picture comes with a copy that is small enough to be drawn at once.
#[derive(Clone)]
pub struct LoadedPicture {
    pub picture: Arc<Picture>,
    pub overview: Arc<Rgba>,
    /// A picture that may be of either kind has `None`.
    pub kind: Option<PictureKind>,
    stamp: Option<Stamp>,
    pub has_crop: bool,
    /// Tells whether it shows a digit on paper, once that was asked.
    shows_digit: Arc<OnceLock<bool>>,
}

impl LoadedPicture {
    fn new(picture: Arc<Picture>) -> Result<Self> {
        let scale = (512.0 / picture.width.max(picture.height) as f64).min(1.0);
        let small = |side: usize| ((side as f64 * scale).round() as usize).max(1);
        let planes = fit(&picture, picture.channels, small(picture.height), small(picture.width), Fit::Squash)?;
        let overview = Arc::new(Rgba::from_planes(&planes));
        Ok(Self {
            overview,
            kind: PictureKind::of(&picture),
            picture,
            stamp: None,
            has_crop: false,
            shows_digit: Arc::default(),
        })
    }

    fn shows_digit(&self) -> bool {
        *self.shows_digit.get_or_init(|| matches!(digit_on_paper(&self.picture, None), Ok(Some(_))))
    }

    fn read(path: &Path, background: Background) -> Result<Self> {
        // The stamp is taken first, so that a change in between is noticed the next time.
        let stamp = Some(Stamp::of_path(path, "open this picture")?);
        let loaded = Self::new(Arc::new(open_over(path, background)?))?;
        Ok(Self { stamp, has_crop: png_crop(path).is_some(), ..loaded })
    }
}

#[derive(Default)]
pub struct PicturesOfViews(Last<(Source, Background), LoadedPicture>);

impl PicturesOfViews {
    /// Returns the picture of a view. Tells the window when its file is not what it was when it was read before.
    pub fn get(&mut self, view: &View, reporter: Reporter) -> Result<LoadedPicture> {
        let key = (view.picture.clone(), view.background);
        if let Some(loaded) = self.0.get(&key) {
            return Ok(loaded.clone());
        }
        let loaded = match &view.picture {
            Source::Sample(name) => {
                let unknown = || format!("there is no bundled picture {name:?}; choose one of the strip");
                let sample = sample(name).ok_or_else(|| Error::Argument(unknown()))?;
                LoadedPicture::new(Arc::new(sample.picture()?))?
            }
            Source::File(path) => {
                reporter.busy(format!("reading {}", path.display()));
                let loaded = LoadedPicture::read(path, view.background)?;
                let before = self.0.newest().filter(|((known, _), _)| *known == view.picture);
                if before.is_some_and(|(_, before)| before.stamp != loaded.stamp) {
                    reporter.outbox.send(Event::PictureChanged(path.clone()));
                }
                loaded
            }
            Source::Memory { picture, .. } if picture.alpha.is_some() => {
                LoadedPicture::new(Arc::new(picture.over(view.background)))?
            }
            Source::Memory { picture, .. } => LoadedPicture::new(picture.clone())?,
        };
        self.0.set(key, loaded.clone());
        Ok(loaded)
    }

    /// Reads the file on screen again if it was changed, and tells the window then; on an error the picture stays.
    pub fn look_again(&mut self, outbox: &Outbox) -> Result<()> {
        let Some((key @ (Source::File(path), background), loaded)) = self.0.newest() else { return Ok(()) };
        if loaded.stamp == Some(Stamp::of_path(path, "open this picture")?) {
            return Ok(());
        }
        let (path, key, loaded) = (path.clone(), key.clone(), LoadedPicture::read(path, *background)?);
        self.0.set(key, loaded);
        outbox.send(Event::PictureChanged(path));
        Ok(())
    }
}

/// Returns the view with another model or picture, where the two are of different kinds and one gives way.
pub fn paired(view: View, nets: &Nets, pictures: &mut PicturesOfViews, reporter: Reporter) -> Result<View> {
    if view.mismatch == Mismatch::Keep {
        return Ok(view);
    }
    let Reads { kind: reads, is_handwriting } = nets.reads(&view.model)?;
    let loaded = pictures.get(&view, reporter)?;
    let kind = loaded.kind.unwrap_or(reads);
    // A photo of a digit on paper is for a net of digits, however large it is.
    if kind == reads || (is_handwriting && loaded.shows_digit()) {
        return Ok(view);
    }
    Ok(match view.mismatch.clone() {
        Mismatch::Keep => view,
        Mismatch::UseModel { photo, digit } => {
            let model = if kind == PictureKind::Photo { photo } else { digit };
            // Classes of another net have other numbers.
            View { model, label: Label::Predicted, goal: Goal::Untargeted, ..view }
        }
        Mismatch::UsePicture { photo, digit } => {
            let picture = if reads == PictureKind::Photo { photo } else { digit };
            View { crop: picture.usual_crop(), picture, ..view }
        }
    })
}
