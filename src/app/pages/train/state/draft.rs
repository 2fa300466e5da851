//! The draft holds the settings of the next run; its fields are read here, and the sizes of nets become knobs.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::app::pages::explore::state::MAX_EPS;
use crate::app::pages::train::commands::SettingsOf;
use crate::app::pages::train::state::Train;
use crate::app::undo::{CanStep, HistoryStep};
use crate::app::widgets::about::{About, about};
use crate::engine::attack::Norm;
use crate::engine::data::DataSource;
use crate::engine::model::{Architecture, Kind};
use crate::engine::train::{Adversary, Config, Rule, Stopping};
use crate::engine::units::parse_eps;

pub const RATE_RANGE: RangeInclusive<f32> = 1e-4..=1.0;
pub const MOST_RUNS: usize = 64;

/// Returns the settings of a new user, with which both errors part and fall in about a minute. From an ε of about 0.2
/// on plain FGSM is overfitted.
pub fn usual() -> Config {
    Config {
        data: DataSource::Drawn { count: 10_000, seed: 0 },
        model: "maxout:240x2,240x2".into(),
        epochs: 30,
        learning_rate: 0.1,
        adversary: Adversary::Fgsm,
        eps: 0.1,
        alpha: 0.5,
        validation: 1000,
        pgd_pictures: 200,
        stopping: Stopping { rule: Rule::Adversarial, patience: None, retrain: false },
        ..Config::default()
    }
}

impl Train {
    pub fn set_draft(&mut self, draft: Config) {
        self.draft = draft;
        self.panel = SettingsOf::NextRun;
    }

    /// Returns the settings for a picture of the window.
    pub fn to_table(&self) -> toml::Table {
        // Plain data with names for keys: this cannot fail.
        toml::Table::try_from(SavedTrain { train: Some(self.draft.clone()) }).unwrap_or_default()
    }

    /// Takes the settings from a picture of the window.
    ///
    /// # Errors
    /// The message says what in the table cannot be used.
    pub fn restore(&mut self, table: toml::Table) -> Result<(), toml::de::Error> {
        table.try_into::<SavedTrain>()?.train.into_iter().for_each(|draft| self.set_draft(draft));
        Ok(())
    }

    pub fn can_step(&self) -> CanStep {
        self.history.can(&self.draft)
    }

    pub fn step_history(&mut self, step: HistoryStep) {
        if let Some(draft) = self.history.step(step, &self.draft) {
            self.set_draft(draft);
        }
    }
}

/// A picture of the window holds these settings of the page.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedTrain {
    train: Option<Config>,
}

/// Nets of these kinds have knobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetKind {
    Maxout,
    Cnn,
    Mlp,
    Softmax,
}

impl NetKind {
    pub const ALL: [Self; 4] = [Self::Maxout, Self::Cnn, Self::Mlp, Self::Softmax];

    pub fn of(architecture: &Architecture) -> Self {
        match architecture.kind {
            Kind::Softmax => Self::Softmax,
            Kind::Mlp(_) => Self::Mlp,
            Kind::Maxout(_) => Self::Maxout,
            Kind::Cnn { .. } => Self::Cnn,
        }
    }

    pub fn about(self) -> About {
        match self {
            Self::Maxout => {
                about("Maxout", "Each unit gives the largest of a few linear functions: the net of the paper")
            }
            Self::Cnn => about("Convolutional", "5×5 convolutions with max-pools behind them, then a rectified layer"),
            Self::Mlp => about("Rectified layers", "Fully connected layers with ReLU"),
            Self::Softmax => about("Softmax regression", "One linear layer"),
        }
    }
}

/// Knobs describe the size of a net whose layers are all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knobs {
    pub kind: NetKind,
    pub layers: usize,
    pub units: usize,
    pub pieces: usize,
    /// The number of channels of the first convolution; each further one has twice as many.
    pub channels: usize,
}

impl Default for Knobs {
    fn default() -> Self {
        Self { kind: NetKind::Maxout, layers: 2, units: 240, pieces: 2, channels: 16 }
    }
}

impl Knobs {
    /// Reads the knobs of a net; the first layer stands for all.
    pub fn of(architecture: &Architecture) -> Self {
        let knobs = Self { kind: NetKind::of(architecture), ..Self::default() };
        match &architecture.kind {
            Kind::Softmax => knobs,
            Kind::Mlp(hidden) => {
                let units = hidden.first().copied().unwrap_or(knobs.units);
                Self { layers: hidden.len(), units, ..knobs }
            }
            Kind::Maxout(hidden) => {
                let (units, pieces) = hidden.first().copied().unwrap_or((knobs.units, knobs.pieces));
                Self { layers: hidden.len(), units, pieces, ..knobs }
            }
            Kind::Cnn { channels, hidden } => {
                let first = channels.first().copied().unwrap_or(knobs.channels);
                Self { layers: channels.len(), units: *hidden, channels: first, ..knobs }
            }
        }
    }

    pub fn build(self) -> Kind {
        let Self { kind, layers, units, pieces, channels } = self;
        match kind {
            NetKind::Softmax => Kind::Softmax,
            NetKind::Mlp => Kind::Mlp(vec![units; layers]),
            NetKind::Maxout => Kind::Maxout(vec![(units, pieces); layers]),
            NetKind::Cnn => Kind::Cnn { channels: (0..layers).map(|layer| channels << layer).collect(), hidden: units },
        }
    }
}

/// Reads a number within `range`; `expected` reads like "a number above 0, such as 0.05".
pub fn number(text: &str, what: &str, range: impl Fn(f32) -> bool, expected: &str) -> Result<f32, String> {
    let number = text.trim().parse::<f32>().ok().filter(|number| number.is_finite() && range(*number));
    number.ok_or_else(|| format!("{what} is {text:?}; expected {expected}"))
}

/// Reads ε up to the end of the slider, as a number or in grey levels.
pub fn eps(text: &str) -> Result<f32, String> {
    match parse_eps(text) {
        Ok(eps) if eps <= MAX_EPS => Ok(eps),
        Ok(eps) => Err(format!("ε is {eps}; the slider ends at {MAX_EPS}, half of the way from black to white")),
        Err(error) => Err(error.to_string()),
    }
}

pub fn alpha(text: &str) -> Result<f32, String> {
    number(text, "α", |alpha| (0.0..=1.0).contains(&alpha), "a number from 0 to 1, such as 0.5")
}

/// The knob of ε ends here in this norm.
pub fn largest_eps(norm: Norm) -> f32 {
    if norm == Norm::Linf { MAX_EPS } else { 5.0 }
}

/// Returns the ε to begin with in this norm.
pub fn usual_eps(norm: Norm) -> f32 {
    if norm == Norm::Linf { usual().eps } else { 1.0 }
}

/// Reads a length ε in L2.
pub fn length(text: &str) -> Result<f32, String> {
    parse_eps(text).map_err(|error| error.to_string())
}

pub fn beta(text: &str) -> Result<f32, String> {
    number(text, "β", |beta| beta > 0.0, "a number above 0, such as 6")
}

/// Reads a net in words; a name of the catalogue and the path of a manifest are taken as they are.
pub fn net(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.parse::<Architecture>() {
        Ok(architecture) => Ok(architecture.to_string()),
        Err(_) if text.ends_with(".toml") => Ok(text.to_owned()),
        Err(error) if text.is_empty() || text.contains([':', '+', ' ']) => Err(error.to_string()),
        Err(_) => Ok(text.to_owned()),
    }
}

/// Reads values separated by commas, semicolons or spaces; repeated ones count once.
pub fn list(text: &str, value: impl Fn(&str) -> Result<f32, String>) -> Result<Vec<f32>, String> {
    let mut values: Vec<f32> = Vec::new();
    for word in text.split([',', ';', ' ']).filter(|word| !word.is_empty()) {
        let value = value(word)?;
        if !values.contains(&value) {
            values.push(value);
        }
    }
    if values.is_empty() { Err("no value; expected some, such as 0.1, 0.25".into()) } else { Ok(values) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::widgets::form;
    use crate::engine::train::Schedule;

    #[test]
    fn knobs_build_the_nets_they_read() {
        for words in ["softmax", "mlp:100,100", "maxout:240x5,240x5,240x5", "cnn:32,64,1024", "cnn:8,64"] {
            let net: Architecture = words.parse().unwrap();
            assert_eq!(Knobs::of(&net).build(), net.kind, "{words}");
        }
        let uneven: Architecture = "mlp:30,20".parse().unwrap();
        assert_eq!(Architecture { kind: Knobs::of(&uneven).build(), dropout: None }.to_string(), "mlp:30,30");
    }

    #[test]
    fn what_is_typed_is_taken_or_told() {
        assert_eq!(number(" 0.05 ", "the rate", |rate| rate > 0.0, "more"), Ok(0.05));
        for bad in ["0", "NaN", "inf", "-1", "abc"] {
            assert!(number(bad, "the rate", |rate| rate > 0.0, "a number above 0").is_err(), "{bad}");
        }
        assert_eq!(eps("8/255"), Ok(8.0 / 255.0));
        assert_eq!(alpha("1"), Ok(1.0));
        assert!(eps("0.6").unwrap_err().contains("the slider ends at 0.5"));
        assert!(eps("x").unwrap_err().contains("\"x\"") && alpha("1.1").unwrap_err().contains("from 0 to 1"));
        assert_eq!(list("0.1, 8/255;0.25 0.1", eps), Ok(vec![0.1, 8.0 / 255.0, 0.25]));
        assert!(list(" , ", eps).is_err());
        assert!(list("0.1, x", eps).unwrap_err().contains("\"x\""));
    }

    #[test]
    fn nets_are_words_names_or_files() {
        assert_eq!(net(" maxout:64x2 "), Ok("maxout:64x2".into()));
        assert_eq!(net("digits_cnn"), Ok("digits_cnn".into()));
        assert_eq!(net("/some where/net.toml"), Ok("/some where/net.toml".into()));
        for bad in ["", "maxout:0x2", "cnn:8", "maxout 240"] {
            assert!(net(bad).unwrap_err().contains("maxout:240x5"), "{bad}");
        }
    }

    #[test]
    fn the_usual_settings_are_possible() {
        usual().check(10_000).unwrap();
        assert!(usual().is_adversarial());
    }

    #[test]
    fn saved_settings_are_restored_or_refused() {
        let folder = DataSource::Folder("/my data".into());
        let pgd = Config { data: folder, adversary: Adversary::Pgd { steps: 7 }, fine_tune: true, ..usual() };
        let decay = Config { schedule: Schedule::Decay(1.5), max_norm: Some(2.0), ..Config::default() };
        let largest = Config { seed: *form::SEEDS.end() as u64, ..usual() };
        for draft in [usual(), pgd, decay, largest] {
            let text = Train::new(draft.clone()).to_table().to_string();
            let mut train = Train::new(Config::default());
            train.restore(text.parse().unwrap()).unwrap();
            assert_eq!(train.draft, draft, "{text}");
        }
        for (text, part) in [("tests = 1", "unknown field `tests`"), ("train = 1", "struct Config")] {
            let mut train = Train::new(usual());
            let message = train.restore(text.parse().unwrap()).unwrap_err().to_string();
            assert!(message.contains(part) && train.draft == usual(), "{message}");
        }
    }
}
