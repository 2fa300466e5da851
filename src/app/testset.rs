//! What the Test sets page wants to measure and what it was told: plain state, no window.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::attack::{Attack, AttackSettings, Loss, MinimalEps, PIXELS, Rules};
use crate::engine::curve_table::{HEADER, rows};
use crate::engine::data::DataSource;
use crate::engine::eval::{Answer, Evaluation};
use crate::engine::units::parse_eps;
use crate::worker::{Curve, Sheet, SheetWish, Survey, TestEvent, Transferred};

/// Pictures of a contact sheet: five rows of five.
pub const PER_SHEET: usize = 25;
/// Room for a survey's ε.
const MOST_EPS: usize = 100;

/// What is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    #[default]
    Curves,
    Sheet,
    Confusion,
    Confidence,
    /// Of attacks that find their own: how long the perturbations are.
    Lengths,
    Transfer,
}

/// The settings of the next survey, and the results of those before.
pub struct TestSet {
    /// As a command line names it.
    pub data: String,
    pub nets: Vec<String>,
    /// Names of attacks; their parameters are those of Explore.
    pub attacks: Vec<&'static str>,
    /// Numbers with commas between.
    pub eps: String,
    pub n: usize,
    pub seed: u64,
    pub clip: bool,
    pub eight_bit: bool,
    pub log_odds: bool,
    /// Share, what is going on, and the time that is left.
    pub progress: Option<(f32, String, Option<Duration>)>,
    pub curves: Vec<Curve>,
    pub transferred: Option<Transferred>,
    pub sheet: Option<Sheet>,
    pub problems: Vec<String>,
    pub part: Part,
    /// The curve that is looked at, and which of its ε.
    pub chosen: usize,
    pub at: usize,
    pub page: usize,
    /// Show the untouched pictures' answers.
    pub clean: bool,
    wished: Option<SheetWish>,
}

impl Default for TestSet {
    fn default() -> Self {
        Self {
            data: "drawn:5000".into(),
            nets: vec!["digits_maxout".into(), "digits_cnn_robust".into()],
            attacks: vec!["fgsm", "pgd"],
            eps: "0.05, 0.1, 0.15, 0.2, 0.25, 0.3".into(),
            n: 500,
            seed: 0,
            clip: true,
            eight_bit: false,
            log_odds: true,
            progress: None,
            curves: Vec::new(),
            transferred: None,
            sheet: None,
            problems: Vec::new(),
            part: Part::Curves,
            chosen: 0,
            at: 0,
            page: 0,
            clean: false,
            wished: None,
        }
    }
}

/// The name under which the smallest ε of FGSM is listed among the attacks.
pub const SMALLEST: &str = "smallest ε of FGSM";

impl TestSet {
    /// What the settings ask for; `parameters` are those of an attack in Explore.
    ///
    /// # Errors
    /// A message that says which setting cannot be used, and what was expected.
    pub fn survey(&self, parameters: impl Fn(&str) -> AttackSettings) -> Result<Survey, String> {
        let data: DataSource = self.data.trim().parse().map_err(|error: crate::engine::Error| error.to_string())?;
        let eps = self.values()?;
        let largest = eps.last().copied().unwrap_or_default();
        let attack = |name: &&'static str| match *name {
            SMALLEST => {
                AttackSettings::MinimalEps(MinimalEps { attack: Box::default(), largest, rungs: 20, bisections: 10 })
            }
            name => parameters(name),
        };
        if self.nets.is_empty() {
            return Err("No net is chosen; tick at least one.".into());
        }
        if self.attacks.is_empty() {
            return Err("No attack is chosen; tick at least one.".into());
        }
        let loss = if self.log_odds { Loss::LogOdds } else { Loss::CrossEntropy };
        let rules = Rules { loss, seed: self.seed, bounds: self.clip.then_some(PIXELS), eight_bit: self.eight_bit };
        Ok(Survey {
            data,
            nets: self.nets.clone(),
            attacks: self.attacks.iter().map(attack).collect(),
            eps,
            n: self.n,
            rules,
        })
    }

    /// The ε that are asked for, ascending.
    fn values(&self) -> Result<Vec<f32>, String> {
        let parsed = self.eps.split(',').map(str::trim).filter(|text| !text.is_empty()).map(parse_eps);
        let mut eps = parsed.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        eps.sort_by(f32::total_cmp);
        eps.dedup();
        match eps.len() {
            0 => Err("There is no ε; expected numbers with commas between, such as 0.1, 8/255".into()),
            count if count > MOST_EPS => Err(format!("There are {count} values of ε; expected at most {MOST_EPS}")),
            _ => Ok(eps),
        }
    }

    /// Takes what the worker tells.
    pub fn take(&mut self, event: TestEvent) {
        match event {
            TestEvent::Progress { share, text, left } => {
                if self.progress.is_some() {
                    self.progress = Some((share, text, left));
                }
            }
            TestEvent::Measured(curve) => {
                let same = |known: &Curve| known.net == curve.net && known.attack == curve.attack;
                match self.curves.iter().position(same) {
                    Some(at) => self.curves[at] = *curve,
                    None => self.curves.push(*curve),
                }
                self.wished = None;
                self.at = self.at.min(self.points().saturating_sub(1));
            }
            TestEvent::Transferred(transferred) => {
                self.transferred = Some(*transferred);
                self.part = Part::Transfer;
            }
            TestEvent::Sheet(sheet) => self.sheet = Some(*sheet),
            TestEvent::Failed(message) => self.problems.push(message),
            TestEvent::Ended => self.progress = None,
        }
    }

    /// A survey was ordered: what is there stays until it is measured anew.
    pub fn begin(&mut self, text: &str) {
        self.problems.clear();
        // A sheet on its way is put down for it.
        self.wished = None;
        self.progress = Some((0.0, text.into(), None));
    }

    /// Whether a curve was measured as the settings are now.
    pub fn is_current(&self, curve: &Curve, parameters: impl Fn(&str) -> AttackSettings) -> bool {
        self.survey(parameters).is_ok_and(|survey| {
            let Survey { data, eps, n, rules, .. } = &curve.survey;
            (data, eps, n, rules) == (&survey.data, &survey.eps, &survey.n, &survey.rules)
                && survey.nets.contains(&curve.net)
                && survey.attacks.contains(&curve.attack)
        })
    }

    pub fn curve(&self) -> Option<&Curve> {
        self.curves.get(self.chosen).or(self.curves.last())
    }

    fn points(&self) -> usize {
        self.curve().map_or(0, |curve| curve.found.attacked.len())
    }

    /// Of the curve that is looked at: ε (infinite where an attack may go as far as it likes), and the answers there.
    pub fn answers(&self) -> Option<(f32, &[Answer])> {
        let found: &Evaluation = &self.curve()?.found;
        let result = found.attacked.get(self.at.min(found.attacked.len().checked_sub(1)?))?;
        Some(if self.clean { (0.0, &found.clean_answers) } else { (result.eps, &result.answers) })
    }

    /// The contact sheet that is to be fetched, if it is not on its way.
    pub fn sheet_wish(&mut self) -> Option<SheetWish> {
        if self.part != Part::Sheet || self.progress.is_some() {
            return None;
        }
        let (eps, _) = self.answers()?;
        let curve = self.curve()?;
        let attack = match &curve.attack {
            AttackSettings::MinimalEps(search) => (*search.attack).clone(),
            attack => attack.clone(),
        };
        let largest = curve.survey.eps.last().copied().unwrap_or_default();
        let eps = if self.clean || eps.is_finite() { eps } else { largest };
        let eps = if attack.takes_eps() { eps } else { 0.0 };
        let wish = SheetWish {
            data: curve.survey.data.clone(),
            net: curve.net.clone(),
            attack,
            eps,
            rules: curve.survey.rules,
            first: self.page * PER_SHEET,
            count: PER_SHEET.min(curve.found.n.saturating_sub(self.page * PER_SHEET)),
        };
        if self.wished.as_ref() == Some(&wish) {
            return None;
        }
        self.wished = Some(wish.clone());
        Some(wish)
    }

    pub fn turn_page(&mut self, by: isize) {
        let pages = self.curve().map_or(1, |curve| curve.found.n.div_ceil(PER_SHEET)).max(1);
        self.page = self.page.saturating_add_signed(by).min(pages - 1);
    }

    /// All points as the headless command writes them.
    pub fn table(&self) -> String {
        let rows = self.curves.iter().flat_map(|curve| {
            rows(&curve.net, &curve.attack, &curve.found, curve.survey.rules.seed)
                .into_iter()
                .map(|row| row.csv())
                .collect::<Vec<_>>()
        });
        std::iter::once(HEADER.to_owned()).chain(rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(name: &str) -> AttackSettings {
        AttackSettings::named(name).unwrap()
    }

    #[test]
    fn the_settings_become_a_survey() {
        let mut tests = TestSet { eps: "8/255, .1, 0.05,0.1".into(), ..TestSet::default() };
        let survey = tests.survey(usual).unwrap();
        assert_eq!(survey.eps, [8.0 / 255.0, 0.05, 0.1]);
        assert_eq!(survey.attacks, [usual("fgsm"), usual("pgd")]);
        tests.attacks = vec![SMALLEST];
        assert!(
            matches!(&tests.survey(usual).unwrap().attacks[0], AttackSettings::MinimalEps(search) if search.largest == 0.1)
        );
        for (eps, part) in [("", "There is no ε"), ("0.1, much", "much"), ("-1", "-1")] {
            tests.eps = eps.into();
            assert!(tests.survey(usual).unwrap_err().contains(part), "{eps}");
        }
        tests = TestSet { nets: Vec::new(), ..TestSet::default() };
        assert!(tests.survey(usual).unwrap_err().contains("No net"));
        tests = TestSet { attacks: Vec::new(), ..TestSet::default() };
        assert!(tests.survey(usual).unwrap_err().contains("No attack"));
    }
}
