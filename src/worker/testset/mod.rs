//! This measures nets on whole test sets: one survey at a time, on a thread that comes after everything else. Contact
//! sheets are made in between, so that they need not wait for its end.

mod bench;
mod common;
mod results;

pub use bench::start;
pub use results::{KeptResults, Results, results_folder};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::attack::{AttackSettings, Rules};
use crate::engine::data::DataSource;
use crate::engine::eval::{Evaluation, Prediction};
use crate::engine::picture::{Picture, Rgba};
use crate::engine::transfer_table::Transfer;
use crate::worker::RunId;

/// A survey measures each net under each attack.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    pub data: DataSource,
    /// Damaged pictures are looked for and left out.
    pub skip_damaged: bool,
    /// The names of the nets in the catalogue.
    pub nets: Vec<String>,
    pub attacks: Vec<AttackSettings>,
    /// The values of ε in the norm of each attack, ascending.
    pub eps: Vec<f32>,
    /// The number of pictures that are measured, the first ones of the test split.
    pub n: usize,
    pub rules: Rules,
}

/// The nets of these runs are to be compared under one attack at one ε.
#[derive(Clone, Debug)]
pub struct CommonSurvey {
    pub runs: Vec<MeasuredRun>,
    pub attack: AttackSettings,
    pub eps: f32,
    /// The number of pictures, the first ones of the test split.
    pub n: usize,
    pub seed: u64,
}

/// This is a training run to be measured.
#[derive(Clone, Debug)]
pub struct MeasuredRun {
    pub run: RunId,
    pub folder: PathBuf,
    pub data: DataSource,
    pub skip_damaged: bool,
    /// The run has so many epochs now.
    pub epochs: usize,
}

/// A contact sheet is asked for: some pictures of a survey, attacked.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetWish {
    pub data: DataSource,
    pub skip_damaged: bool,
    pub net: String,
    pub attack: AttackSettings,
    /// The ε of the attack; of one that takes none, the longest perturbation that counts, infinite for any.
    pub eps: f32,
    pub rules: Rules,
    /// The first picture has this number in the test split.
    pub first: usize,
    pub count: usize,
}

/// This is what the window can ask for.
#[derive(Clone, Debug)]
pub enum TestOrder {
    /// The survey in hand is put down for this one; what it has measured was told. A net under an attack is left out
    /// where one of the `known` curves is of the weights that the net has now.
    Measure {
        survey: Survey,
        known: Vec<Curve>,
    },
    Sheet(SheetWish),
    /// The nets of training runs are measured under one attack at one ε, in place of the survey in hand; told by
    /// [`TrainEvent::Robust`](crate::worker::TrainEvent).
    Common(CommonSurvey),
    /// The weights of these nets are compared with those that were measured.
    Compare(Vec<String>),
    /// The nets of a survey are shown each other's pictures, made with its first attack at this ε.
    Transfer(Survey, f32),
}

impl TestOrder {
    /// Tells whether this takes the place of what is being measured.
    pub fn overtakes(&self) -> bool {
        self.is_survey() || matches!(self, Self::Common(_))
    }

    fn is_survey(&self) -> bool {
        matches!(self, Self::Measure { .. } | Self::Transfer(..))
    }
}

/// This is what the window is told.
#[derive(Clone, Debug)]
pub enum TestEvent {
    Progress {
        share: f32,
        text: String,
        left: Option<Duration>,
    },
    Measured(Box<Curve>),
    Transferred(Box<Transferred>),
    Sheet(Box<Sheet>),
    /// This was kept the last times; told at the start.
    Kept(Box<KeptResults>),
    /// The nets of these names have weights of these SHA-256 now; `None` for one that is there no longer.
    Digests(BTreeMap<String, Option<String>>),
    /// This sentence says how the pictures were read.
    Note(String),
    /// A net, or the whole survey, could not be measured for this reason.
    Failed(String),
    /// The survey is through, or was stopped, and no other was ordered.
    Ended,
}

/// This says when and by which version something was measured, and of which weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Provenance {
    /// The SHA-256 of the weights of each net, as [`Catalogue::digest`](crate::engine::model::Catalogue::digest)
    /// returns them.
    pub digests: Vec<String>,
    pub version: String,
    /// These were counted from the beginning of 1970, in UTC.
    pub milliseconds: u64,
}

/// This is what was measured of a net under an attack.
#[derive(Clone, Debug)]
pub struct Curve {
    pub survey: Survey,
    pub net: String,
    /// The title is the `name` of the net's manifest.
    pub title: String,
    pub attack: AttackSettings,
    pub classes: Arc<[String]>,
    pub found: Evaluation,
    /// Each sentence is a reason to doubt the net's curves so far.
    pub warnings: Vec<String>,
    pub took: Duration,
    pub provenance: Provenance,
}

/// This tells which net is right on whose pictures.
#[derive(Clone, Debug)]
pub struct Transferred {
    pub survey: Survey,
    pub eps: f32,
    pub titles: Vec<String>,
    pub n: usize,
    /// The numbers of right answers: a row for the net that pictures were made on, a column for the one asked.
    pub right: Vec<Vec<usize>>,
    pub provenance: Provenance,
}

impl Curve {
    /// Returns the SHA-256 of the weights that were measured.
    pub fn digest(&self) -> &str {
        self.provenance.digests.first().map_or("", String::as_str)
    }
}

impl Transferred {
    /// Returns the counts as a table, with the names of the catalogue; `None` where the survey had no attack.
    pub fn table(&self) -> Option<Transfer<'_>> {
        let (nets, seed) = (&self.survey.nets, self.survey.rules.seed);
        let attack = self.survey.attacks.first()?;
        Some(Transfer { nets, attack, eps: self.eps, seed, n: self.n, right: &self.right })
    }
}

/// A contact sheet shows attacked test pictures.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub wish: SheetWish,
    pub classes: Arc<[String]>,
    pub of: usize,
    pub pictures: Vec<SheetPicture>,
}

#[derive(Clone, Debug)]
pub struct SheetPicture {
    pub original: Arc<Picture>,
    pub adversarial: Rgba,
    /// The perturbation has this length in the measure of the attack.
    pub length: f32,
    pub before: Prediction,
    pub after: Prediction,
}

/// An order carries the number of the survey that it came with or after: a newer one, or a stop, overtakes it.
pub struct Numbered {
    pub number: u64,
    pub order: TestOrder,
}

impl Numbered {
    fn is_sheet(&self) -> bool {
        matches!(self.order, TestOrder::Sheet(_))
    }

    fn is_survey(&self) -> bool {
        self.order.is_survey()
    }

    fn is_common(&self) -> bool {
        matches!(self.order, TestOrder::Common(_))
    }
}
