//! The draft holds the settings of the next run; its fields are read here, and the sizes of nets become knobs.

use std::ops::RangeInclusive;

use crate::app::pages::train::commands::Panel;
use crate::app::pages::train::state::Train;
use crate::app::undo::{CanStep, HistoryStep};
use crate::engine::data::DataSource;
use crate::engine::model::{Architecture, Kind};
use crate::engine::train::{Adversary, Config, Rule, Stopping};
use crate::engine::units::parse_eps;

/// The slider of ε ends here, as in Explore.
pub const MAX_EPS: f32 = crate::app::pages::explore::state::MAX_EPS;
pub const RATE_RANGE: RangeInclusive<f32> = 1e-4..=1.0;
pub const UNITS_RANGE: RangeInclusive<usize> = 4..=2048;
pub const PIECES_RANGE: RangeInclusive<usize> = 2..=8;
pub const LAYERS_RANGE: RangeInclusive<usize> = 1..=4;
pub const CHANNELS_RANGE: RangeInclusive<usize> = 2..=128;
pub const MOST_RUNS: usize = 64;

/// Returns the settings of a new user: in about a minute both errors part and fall. At this ε the error under ten
/// steps of PGD falls with that under FGSM; from about 0.2 on plain FGSM is overfitted.
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
        self.panel = Panel::NextRun;
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

    pub fn name(self) -> &'static str {
        match self {
            Self::Maxout => "Maxout",
            Self::Cnn => "Convolutional",
            Self::Mlp => "Rectified layers",
            Self::Softmax => "Softmax regression",
        }
    }

    pub fn tooltip(self) -> &'static str {
        match self {
            Self::Maxout => "Each unit gives the largest of a few linear functions: the net of the paper",
            Self::Cnn => "5×5 convolutions with max-pools behind them, then a rectified layer",
            Self::Mlp => "Fully connected layers with ReLU",
            Self::Softmax => "One linear layer",
        }
    }
}

/// Knobs describe the size of a net whose layers are all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knobs {
    pub kind: NetKind,
    /// A CNN has so many convolutions, another net so many hidden layers.
    pub layers: usize,
    pub units: usize,
    /// A maxout unit has so many linear functions.
    pub pieces: usize,
    /// The first convolution has so many channels; each further one has twice as many.
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
    let words = text.split([',', ';', ' ']).filter(|word| !word.is_empty());
    let mut values: Vec<f32> = Vec::new();
    for word in words {
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
    fn the_largest_knobs_still_make_a_net() {
        let most = |range: RangeInclusive<usize>| *range.end();
        for kind in NetKind::ALL {
            let knobs = Knobs {
                kind,
                layers: most(LAYERS_RANGE),
                units: most(UNITS_RANGE),
                pieces: most(PIECES_RANGE),
                channels: most(CHANNELS_RANGE),
            };
            let words = Architecture { kind: knobs.build(), dropout: None }.to_string();
            assert_eq!(words.parse::<Architecture>().unwrap().kind, knobs.build(), "{words}");
        }
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
    fn lists_of_values() {
        assert_eq!(list("0.1, 8/255;0.25 0.1", eps), Ok(vec![0.1, 8.0 / 255.0, 0.25]));
        assert!(list(" , ", eps).is_err());
        assert!(list("0.1, x", eps).unwrap_err().contains("\"x\""));
    }

    #[test]
    fn the_usual_settings_are_possible() {
        usual().check(10_000).unwrap();
        assert!(usual().is_adversarial());
    }
}
