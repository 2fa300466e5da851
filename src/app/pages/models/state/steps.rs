//! The slow steps of adding a net. Each is done beside the window, and knows all that it needs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::data::{trial_pictures, trial_samples};
use crate::engine::model::import::{
    Answers, ClassNames, Description, Draft, ImportedNet, Preprocessing, Questions, Trial, known_class_names,
    read_class_names, try_out,
};
use crate::engine::model::{Catalogue, GraphRow, Guess};
use crate::engine::picture::{Fit, Planes, Rgba};
use crate::engine::{Error, Result};
use crate::worker::guarded;

/// The check shows so many pictures, with so many answers each.
const CHECKED: usize = 3;

/// The trial of one preprocessing may take about this long.
const TRIAL_TIME: Duration = Duration::from_secs(4);

/// This is the result of a step, or a sentence for people that says why there is none.
pub type Told<T> = std::result::Result<T, String>;

/// The pictures that preprocessings are tried on.
pub type TrialPictures = Arc<Vec<Planes>>;

/// A step is one of these.
pub enum Step {
    Open(PathBuf),
    Build(Arc<Draft>, Answers),
    /// This reads as many names of classes.
    ReadNames(PathBuf, usize),
    /// This tries a preprocessing; the pictures are there from the second one on.
    Try(Arc<ImportedNet>, Preprocessing, Option<TrialPictures>),
    /// This shows what the net says of a few pictures.
    Check(Arc<ImportedNet>, Box<Description>),
}

/// A step comes to one of these.
pub enum Done {
    Opened(Told<Opened>),
    Built(Answers, Told<Built>),
    Named(PathBuf, Told<Vec<String>>),
    Tried(Told<(Trial, TrialPictures)>),
    Checked(Told<Vec<CheckedPicture>>),
}

/// A file of a net with what it leaves open.
#[derive(Clone)]
pub struct Opened {
    pub draft: Arc<Draft>,
    pub questions: Questions,
}

/// A net with what is worked out of it once.
#[derive(Clone)]
pub struct Built {
    pub net: Arc<ImportedNet>,
    pub rows: Arc<Vec<GraphRow>>,
    pub parameters: usize,
    /// Lists of class names that fit it, the likeliest first.
    pub lists: Arc<Vec<ClassNames>>,
    /// The preprocessings to choose from: the one that the file itself says, or else all likely ones.
    pub candidates: Vec<Preprocessing>,
}

/// A bundled picture as the net sees it, with its first answers.
pub struct CheckedPicture {
    pub title: &'static str,
    pub seen: Arc<Rgba>,
    pub guesses: Vec<Guess>,
}

impl Step {
    pub fn run(self) -> Done {
        match self {
            Self::Open(path) => Done::Opened(told(|| open(&path))),
            Self::Build(draft, answers) => {
                let built = told(|| draft.build(&answers).map(Built::new));
                Done::Built(answers, built)
            }
            Self::ReadNames(path, count) => {
                let names = told(|| read_class_names(&path, count));
                Done::Named(path, names)
            }
            Self::Try(net, preprocessing, pictures) => Done::Tried(told(|| try_one(&net, preprocessing, pictures))),
            Self::Check(net, description) => Done::Checked(told(|| check(&net, &description))),
        }
    }
}

impl Built {
    fn new(net: ImportedNet) -> Self {
        let rows = net.graph.rows();
        let own = net.classes.clone().map(|names| ClassNames { name: "The file's", names });
        let known = known_class_names(net.class_count(), net.axes());
        Self {
            parameters: rows.iter().map(|row| row.parameters).sum(),
            rows: Arc::new(rows),
            lists: Arc::new(own.into_iter().chain(known).collect()),
            candidates: net.normalisation.clone().map_or_else(|| net.likely(), |own| vec![own]),
            net: Arc::new(net),
        }
    }
}

/// Looks up what a net of the catalogue computes.
///
/// # Errors
/// Why its manifest cannot be read.
pub fn operations_of(name: &str, catalogue: &Catalogue) -> Told<Arc<Vec<GraphRow>>> {
    told(|| catalogue.manifest(name).map(|manifest| Arc::new(manifest.graph.rows())))
}

fn told<T>(work: impl FnOnce() -> Result<T>) -> Told<T> {
    guarded(work).map_err(|failure| failure.message().unwrap_or_default())
}

fn open(path: &Path) -> Result<Opened> {
    let draft = Draft::open(path)?;
    let questions = draft.questions()?;
    Ok(Opened { draft: Arc::new(draft), questions })
}

fn try_one(
    net: &ImportedNet,
    preprocessing: Preprocessing,
    pictures: Option<TrialPictures>,
) -> Result<(Trial, TrialPictures)> {
    let pictures = match pictures {
        Some(pictures) => pictures,
        None => Arc::new(affordable_pictures(net, &preprocessing)?),
    };
    let trial = try_out(net, &[preprocessing], &pictures)?.pop();
    let trial = trial.ok_or_else(|| Error::Argument("nothing came of trying the net".into()))?;
    Ok((trial, pictures))
}

/// Returns the pictures for all trials of a net: fewer for a slow one, by the time that the first picture takes.
fn affordable_pictures(net: &ImportedNet, preprocessing: &Preprocessing) -> Result<Vec<Planes>> {
    // What the pixels mean does not depend on how a picture gets its size.
    let all = trial_pictures(net.axes(), Fit::Squash)?;
    let started = Instant::now();
    try_out(net, std::slice::from_ref(preprocessing), &all[..all.len().min(1)])?;
    let affordable = (TRIAL_TIME.as_secs_f32() / started.elapsed().as_secs_f32().max(1e-3)) as usize;
    // Each photo comes with two parts of itself, so that every third picture is a whole one.
    let step = if affordable >= all.len() { 1 } else { 3 };
    Ok(all.into_iter().step_by(step).collect())
}

fn check(net: &ImportedNet, description: &Description) -> Result<Vec<CheckedPicture>> {
    let model = net.model(description)?;
    let checked = trial_samples(net.axes()).take(CHECKED).map(|sample| {
        let planes = model.fit(&sample.picture()?)?;
        let probabilities = model.probabilities(&planes)?;
        let guesses = model.top(&probabilities, CHECKED);
        Ok(CheckedPicture { title: sample.title, seen: Arc::new(Rgba::from_planes(&planes)), guesses })
    });
    checked.collect()
}
