//! The state of the Test sets page knows no window.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::pages::test_sets::commands::TestPart;
use crate::engine::attack::{AttackSettings, Loss, MinimalEps, Norm, PIXELS, Rules};
use crate::engine::curve_table::{HEADER, rows};
use crate::engine::data::DataSource;
use crate::engine::eval::Prediction;
use crate::engine::units::{check_pixel_eps, parse_eps};
use crate::worker::{Curve, Sheet, SheetWish, Survey, TestEvent, Transferred};

/// A sheet has five rows of five pictures.
pub const PER_SHEET: usize = 25;
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
    pub eps: String,
    pub n: usize,
    pub seed: u64,
    pub clip: bool,
    pub eight_bit: bool,
    pub log_odds: bool,
    pub skip_damaged: bool,
}

/// A picture of the window holds these settings of the page.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPage {
    tests: SavedTests,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedTests {
    part: TestPart,
    choices: Choices,
    attacks: Vec<AttackSettings>,
}

/// This holds the settings of the next survey, and the results of those before.
#[derive(Default)]
pub struct TestSet {
    pub choices: Choices,
    /// This is the share that is done, what is going on, and the time that is left.
    pub progress: Option<(f32, String, Option<Duration>)>,
    pub curves: Vec<Curve>,
    pub transferred: Option<Transferred>,
    pub sheet: Option<Sheet>,
    pub problems: Vec<String>,
    /// These sentences say how the pictures were read.
    pub notes: Vec<String>,
    pub part: TestPart,
    pub chosen: usize,
    /// This ε is looked at; without one it is the largest that was measured.
    pub eps: Option<f32>,
    pub page: usize,
    pub clean: bool,
    wished: Option<SheetWish>,
}

impl Default for Choices {
    fn default() -> Self {
        Self {
            data: "drawn:5000".into(),
            nets: vec!["digits_maxout".into(), "digits_cnn_robust".into()],
            attacks: vec!["fgsm".into(), "pgd".into()],
            smallest: Vec::new(),
            eps: "0.05, 0.1, 0.15, 0.2, 0.25, 0.3".into(),
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
}

impl TestSet {
    pub fn new(choices: Choices) -> Self {
        Self { choices, ..Self::default() }
    }

    pub fn take(&mut self, event: TestEvent) {
        match event {
            TestEvent::Progress { share, text, left } => {
                if self.progress.is_some() {
                    self.progress = Some((share, text, left));
                }
            }
            TestEvent::Measured(curve) => {
                let same = |known: &Curve| known.net == curve.net && known.attack == curve.attack;
                // The net of the pictures on screen may be another one now.
                self.wished.take_if(|wish| (&wish.net, &wish.attack) == (&curve.net, &curve.attack));
                match self.curves.iter().position(same) {
                    Some(at) => self.curves[at] = *curve,
                    None => self.curves.push(*curve),
                }
            }
            TestEvent::Transferred(transferred) => {
                self.transferred = Some(*transferred);
                self.part = TestPart::Transfer;
            }
            TestEvent::Sheet(sheet) => self.sheet = Some(*sheet),
            TestEvent::Failed(message) => self.problems.push(message),
            // Each net of a survey opens the set.
            TestEvent::Note(note) if self.notes.contains(&note) => {}
            TestEvent::Note(note) => self.notes.push(note),
            TestEvent::Ended => {
                self.progress = None;
                // A sheet on its way may have been put down.
                let shown = self.sheet.as_ref().map(|sheet| &sheet.wish);
                self.wished.take_if(|wish| Some(&*wish) != shown);
            }
        }
    }

    /// Notes that a survey was ordered, for which a sheet on its way is put down.
    pub fn begin(&mut self, text: &str) {
        self.problems.clear();
        self.notes.clear();
        self.wished = None;
        self.progress = Some((0.0, text.into(), None));
    }

    /// Tells whether a curve was measured as the settings are now.
    pub fn is_current(&self, curve: &Curve, parameters: impl Fn(&str) -> AttackSettings) -> bool {
        self.choices.survey(parameters).is_ok_and(|survey| {
            let Survey { data, skip_damaged, eps, n, rules, .. } = &curve.survey;
            (data, skip_damaged, eps, n, rules)
                == (&survey.data, &survey.skip_damaged, &survey.eps, &survey.n, &survey.rules)
                && survey.nets.contains(&curve.net)
                && survey.attacks.contains(&curve.attack)
        })
    }

    /// Returns the settings for a picture of the window; Explore has the `parameters` of an attack.
    pub fn to_table(&self, parameters: impl Fn(&str) -> AttackSettings) -> toml::Table {
        let choices = self.choices.clone();
        let names: BTreeSet<&String> = choices.attacks.iter().chain(&choices.smallest).collect();
        let attacks = names.into_iter().map(|name| parameters(name)).collect();
        let saved = SavedPage { tests: SavedTests { part: self.part, choices, attacks } };
        // Plain data with names for keys: this cannot fail.
        toml::Table::try_from(saved).unwrap_or_default()
    }

    /// Takes the settings from a picture of the window. Returns the parameters of its attacks, which are Explore's.
    ///
    /// # Errors
    /// The message says what in the table cannot be used.
    pub fn restore(&mut self, table: toml::Table) -> Result<Vec<AttackSettings>, toml::de::Error> {
        let SavedPage { tests: SavedTests { part, choices, attacks } } = table.try_into()?;
        (self.part, self.choices) = (part, choices.sane());
        Ok(attacks)
    }

    /// Returns the curve that is looked at: the chosen one, or where lengths are shown one that has some.
    pub fn looked_at(&self) -> Option<usize> {
        let chosen = self.chosen.min(self.curves.len().checked_sub(1)?);
        let has_lengths = |curve: &Curve| curve.found.lengths.is_some();
        if self.part == TestPart::Lengths && !has_lengths(&self.curves[chosen]) {
            return self.curves.iter().position(has_lengths).or(Some(chosen));
        }
        Some(chosen)
    }

    pub fn curve(&self) -> Option<&Curve> {
        self.curves.get(self.looked_at()?)
    }

    /// Returns which ε of a curve is looked at: the one that was asked for, or the last.
    pub fn at(&self, curve: &Curve) -> Option<usize> {
        let attacked = &curve.found.attacked;
        let asked = self.eps.and_then(|eps| attacked.iter().position(|result| result.eps == eps));
        asked.or(attacked.len().checked_sub(1))
    }

    pub fn remove(&mut self, index: Option<usize>) {
        let Some(index) = index.or(self.looked_at()).filter(|index| *index < self.curves.len()) else { return };
        self.curves.remove(index);
        if self.chosen > index {
            self.chosen -= 1;
        }
        self.chosen = self.chosen.min(self.curves.len().saturating_sub(1));
    }

    pub fn remove_all(&mut self) {
        self.curves.clear();
        (self.chosen, self.eps, self.page) = (0, None, 0);
        (self.sheet, self.wished) = (None, None);
    }

    /// Returns the ε that is looked at, which is infinite where an attack has no limit, and the answers there.
    pub fn answers(&self) -> Option<(f32, &[Prediction])> {
        let curve = self.curve()?;
        let result = curve.found.attacked.get(self.at(curve)?)?;
        Some(if self.clean { (0.0, &curve.found.clean_answers) } else { (result.eps, &result.answers) })
    }

    /// Returns the contact sheet that is to be fetched, unless it is on its way.
    pub fn sheet_wish(&mut self) -> Option<SheetWish> {
        if self.part != TestPart::Sheet {
            return None;
        }
        // Another curve may have fewer pictures.
        self.turn_page(0);
        let (eps, _) = self.answers()?;
        let curve = self.curve()?;
        let wish = SheetWish {
            data: curve.survey.data.clone(),
            skip_damaged: curve.survey.skip_damaged,
            net: curve.net.clone(),
            attack: curve.attack.clone(),
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

    /// Writes all points as the headless command does.
    pub fn table(&self) -> String {
        let mut table = HEADER.to_owned();
        for curve in &self.curves {
            let rows = rows(&curve.net, &curve.attack, &curve.found, curve.survey.rules.seed);
            table.extend(rows.iter().map(|row| row.csv()));
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attack::Pgd;
    use crate::engine::eval::{AttackedResult, Evaluation};

    fn usual(name: &str) -> AttackSettings {
        AttackSettings::named(name).unwrap()
    }

    #[test]
    fn the_settings_become_a_survey() {
        let mut choices = Choices { eps: "8/255, .1, 0.05,0.1".into(), ..Choices::default() };
        let survey = choices.survey(usual).unwrap();
        assert_eq!(survey.eps, [8.0 / 255.0, 0.05, 0.1]);
        assert_eq!(survey.attacks, [usual("fgsm"), usual("pgd")]);
        (choices.attacks, choices.smallest) = (Vec::new(), vec!["bim".into()]);
        assert_eq!(choices.survey(usual).unwrap().attacks, [MinimalEps::new(usual("bim"), 0.1).into()]);
        let with_eps = |eps: &str| Choices { eps: eps.into(), ..Choices::default() };
        for (choices, part) in [
            (with_eps(""), "There is no ε"),
            (with_eps("0.1, much"), "much"),
            (with_eps("-1"), "-1"),
            (Choices { nets: Vec::new(), ..Choices::default() }, "No net"),
            (Choices { attacks: Vec::new(), ..Choices::default() }, "No attack"),
        ] {
            assert!(choices.survey(usual).unwrap_err().contains(part), "{choices:?}");
        }
    }

    #[test]
    fn choices_that_no_version_knows_are_forgotten() {
        let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        let odd =
            Choices { attacks: names(["fgsm", "magic"]), smallest: names(["pgd", "jsma"]), n: 0, ..Choices::default() };
        let sane = odd.sane();
        assert_eq!((sane.attacks, sane.smallest, sane.n), (vec!["fgsm".to_owned()], vec!["pgd".to_owned()], 1));
    }

    /// Returns a curve with points at these ε, and with lengths if its attack takes no ε.
    fn curve(name: &str, eps: &[f32]) -> Curve {
        let attack = usual(name);
        let survey = Choices { nets: vec!["net".into()], ..Choices::default() }.survey(usual).unwrap();
        let result = |&eps: &f32| AttackedResult {
            eps,
            correct: 0,
            reached: 1,
            mean_confidence_on_mistakes: None,
            answers: vec![Prediction { label: 0, says: 1, confidence: 0.5 }],
        };
        let found = Evaluation {
            n: 1,
            classes: 2,
            clean_correct: 1,
            clean_top5_correct: 1,
            clean_answers: Vec::new(),
            without_gradient: 0,
            saturated: 0,
            attacked: eps.iter().map(result).collect(),
            lengths: (!attack.takes_eps()).then(|| vec![0.5]),
        };
        Curve {
            survey,
            net: "net".into(),
            title: "Net".into(),
            attack,
            classes: ["a".to_owned(), "b".to_owned()].into(),
            found,
            warnings: Vec::new(),
            took: Duration::ZERO,
        }
    }

    fn measured(curves: &[(&str, &[f32])]) -> TestSet {
        let mut tests = TestSet::default();
        for (name, eps) in curves {
            tests.take(TestEvent::Measured(Box::new(curve(name, eps))));
        }
        tests
    }

    #[test]
    fn saved_settings_are_restored_or_refused() {
        let parameters = |name: &str| match usual(name) {
            AttackSettings::Pgd(pgd) => AttackSettings::Pgd(Pgd { steps: 3, ..pgd }),
            other => other,
        };
        let smallest =
            Choices { smallest: vec!["pgd".into(), "bim".into()], seed: 7, clip: false, ..Choices::default() };
        for (part, choices) in [(TestPart::Curves, Choices::default()), (TestPart::Transfer, smallest)] {
            let saved = TestSet { part, choices, ..TestSet::default() };
            let text = saved.to_table(parameters).to_string();
            let mut tests = TestSet::default();
            let attacks = tests.restore(text.parse().unwrap()).unwrap();
            assert_eq!((tests.part, &tests.choices), (saved.part, &saved.choices), "{text}");
            assert!(attacks.contains(&parameters("pgd")) && attacks.contains(&usual("fgsm")), "{text}");
        }
        for (text, part) in [("train = 1", "unknown field `train`"), ("", "missing field `tests`")] {
            let message = TestSet::default().restore(text.parse().unwrap()).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn the_largest_eps_is_looked_at_until_another_is_chosen() {
        let mut tests = measured(&[("fgsm", &[0.1, 0.2]), ("deepfool", &[0.1, 0.2, f32::INFINITY])]);
        assert_eq!(tests.answers().unwrap().0, 0.2);
        tests.eps = Some(0.1);
        assert_eq!(tests.answers().unwrap().0, 0.1);
        tests.chosen = 1;
        assert_eq!(tests.answers().unwrap().0, 0.1, "another curve is looked at there too");
        tests.eps = None;
        assert_eq!(tests.answers().unwrap().0, f32::INFINITY);
    }

    #[test]
    fn lengths_are_those_of_a_curve_that_has_some() {
        let mut tests = measured(&[("fgsm", &[0.1]), ("jsma", &[f32::INFINITY]), ("pgd", &[0.1])]);
        assert_eq!(tests.looked_at(), Some(0));
        tests.part = TestPart::Lengths;
        assert_eq!(tests.looked_at(), Some(1));
        tests.remove(Some(1));
        assert_eq!(tests.looked_at(), Some(0), "there is none");
    }

    #[test]
    fn curves_are_removed_and_the_chosen_one_stays_chosen() {
        let mut tests = measured(&[("fgsm", &[0.1]), ("bim", &[0.1]), ("pgd", &[0.1])]);
        tests.chosen = 2;
        tests.remove(Some(0));
        assert_eq!((tests.curves.len(), tests.curve().unwrap().attack.name()), (2, "pgd"));
        tests.remove(None);
        assert_eq!((tests.curves.len(), tests.curve().unwrap().attack.name()), (1, "bim"));
        tests.remove(Some(7));
        tests.remove_all();
        assert!(tests.curves.is_empty() && tests.looked_at().is_none());
    }

    #[test]
    fn a_sheet_need_not_wait_for_the_survey_and_is_asked_for_once() {
        let mut tests = measured(&[("fgsm", &[0.1, 0.2])]);
        tests.part = TestPart::Sheet;
        tests.page = 4;
        tests.progress = Some((0.5, String::new(), None));
        let wish = tests.sheet_wish().unwrap();
        assert_eq!((wish.eps, wish.first, wish.count), (0.2, 0, 1));
        assert_eq!(tests.sheet_wish(), None);
        // Stopped with the survey, it is asked for again.
        tests.take(TestEvent::Ended);
        assert_eq!(tests.sheet_wish(), Some(wish));
    }
}
