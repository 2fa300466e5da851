//! The settings of the next survey.

use serde::{Deserialize, Serialize};

use crate::engine::attack::{AttackSettings, Loss, MinimalEps, Norm, PIXELS, Rules};
use crate::engine::data::DataSource;
use crate::engine::model::Entry;
use crate::engine::units::{check_pixel_eps, parse_eps};
use crate::worker::Survey;

const MOST_EPS: usize = 100;
/// This bound is larger than any test set.
pub const MOST_PICTURES: usize = 1_000_000;

/// The settings of the next survey are kept between starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choices {
    /// A command line names the data in the same way.
    pub data: String,
    pub nets: Vec<String>,
    /// The parameters of these attacks are those of Explore.
    pub attacks: Vec<String>,
    /// Each picture's smallest ε is looked for with these attacks.
    pub smallest: Vec<String>,
    /// These values of ε are for nets of grey pictures.
    pub eps: String,
    /// These values of ε are for nets of pictures in colour.
    pub photo_eps: String,
    /// The chosen nets see pictures in colour.
    #[serde(skip)]
    pub reads_photos: bool,
    pub n: usize,
    pub seed: u64,
    pub clip: bool,
    pub eight_bit: bool,
    pub log_odds: bool,
    pub skip_damaged: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            data: "drawn:5000".into(),
            nets: vec!["digits_maxout".into(), "digits_cnn_robust".into()],
            attacks: vec!["fgsm".into(), "pgd".into()],
            smallest: Vec::new(),
            eps: "0.05, 0.1, 0.15, 0.2, 0.25, 0.3".into(),
            photo_eps: "1/255, 2/255, 4/255, 8/255, 16/255".into(),
            reads_photos: false,
            n: 500,
            seed: 0,
            clip: true,
            eight_bit: false,
            log_odds: true,
            skip_damaged: false,
        }
    }
}

impl Choices {
    /// Forgets what this version does not know, and bounds the number of pictures.
    pub fn sane(mut self) -> Self {
        self.attacks.retain(|name| AttackSettings::named(name).is_some());
        self.smallest.retain(|name| AttackSettings::named(name).is_some_and(|attack| attack.takes_eps()));
        self.n = self.n.clamp(1, MOST_PICTURES);
        self
    }

    /// Chooses nets, and the data whose test pictures they are measured on.
    pub fn choose(&mut self, nets: Vec<String>, data: &DataSource) {
        (self.nets, self.data) = (nets, data.to_string());
    }

    /// Takes note of what the chosen nets read: of nets of both kinds, those that fit the pictures decide.
    pub fn know_kind(&mut self, catalogue: &[Entry]) {
        let chosen = catalogue.iter().filter(|entry| self.nets.contains(&entry.name));
        let mut channels = chosen.filter_map(|entry| Some(entry.facts.as_ref()?.channels)).peekable();
        if channels.peek().is_some() {
            self.reads_photos = !self.has_grey_pictures() && channels.any(|channels| channels == 3);
        }
    }

    /// Tells whether the pictures are a set that has a name: these hold digits, or clothes of the same size.
    pub fn has_grey_pictures(&self) -> bool {
        matches!(self.data.trim().parse(), Ok(DataSource::Drawn { .. } | DataSource::Mnist | DataSource::FashionMnist))
    }

    /// Returns the values of ε that suit the chosen nets, as they are typed.
    pub fn eps_mut(&mut self) -> &mut String {
        if self.reads_photos { &mut self.photo_eps } else { &mut self.eps }
    }

    /// Forgets nets that are there no longer: they could not be unticked.
    pub fn forget_missing(&mut self, catalogue: &[Entry]) {
        let is_usable = |net: &String| catalogue.iter().any(|entry| entry.problem.is_none() && entry.name == *net);
        self.nets.retain(is_usable);
    }

    /// Returns what the settings ask for; `parameters` are those of an attack in Explore.
    ///
    /// # Errors
    /// The message says which setting cannot be used, and what was expected.
    pub fn survey(&self, parameters: impl Fn(&str) -> AttackSettings) -> Result<Survey, String> {
        let data: DataSource = self.data.trim().parse().map_err(|error: crate::engine::Error| error.to_string())?;
        let eps = self.values()?;
        let largest = eps.last().copied().unwrap_or_default();
        let smallest = |name: &String| MinimalEps::new(parameters(name), largest).into();
        let attacks = self.attacks.iter().map(|name| parameters(name)).chain(self.smallest.iter().map(smallest));
        let attacks: Vec<AttackSettings> = attacks.collect();
        if self.nets.is_empty() {
            return Err("No net is chosen; tick at least one.".into());
        }
        if attacks.is_empty() {
            return Err("No attack is chosen; tick at least one.".into());
        }
        let is_of_pixels = |attack: &&AttackSettings| attack.takes_eps() && attack.norm() == Norm::Linf;
        if attacks.iter().any(|attack| is_of_pixels(&attack)) {
            eps.iter().try_for_each(|&eps| check_pixel_eps(eps)).map_err(|error| error.to_string())?;
        }
        let loss = if self.log_odds { Loss::LogOdds } else { Loss::CrossEntropy };
        let rules = Rules { loss, seed: self.seed, bounds: self.clip.then_some(PIXELS), eight_bit: self.eight_bit };
        let skip_damaged = self.skip_damaged;
        Ok(Survey { data, skip_damaged, nets: self.nets.clone(), attacks, eps, n: self.n, rules })
    }

    fn values(&self) -> Result<Vec<f32>, String> {
        let typed = if self.reads_photos { &self.photo_eps } else { &self.eps };
        let parsed = typed.split(',').map(str::trim).filter(|text| !text.is_empty()).map(parse_eps);
        let mut eps = parsed.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        eps.sort_by(f32::total_cmp);
        eps.dedup();
        match eps.len() {
            0 => Err("There is no ε; expected numbers with commas between, such as 0.1, 8/255".into()),
            count if count > MOST_EPS => Err(format!("There are {count} values of ε; expected at most {MOST_EPS}")),
            _ => Ok(eps),
        }
    }
}
