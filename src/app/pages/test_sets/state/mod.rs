//! The state of the Test sets page knows no window.

pub mod choices;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::pages::test_sets::commands::TestPart;
use crate::app::pages::test_sets::state::choices::Choices;
use crate::engine::attack::AttackSettings;
use crate::engine::curve_table::{HEADER, rows};
use crate::engine::eval::Prediction;
use crate::engine::model::Entry;
use crate::worker::{Curve, Sheet, SheetWish, Survey, TestEvent, Transferred};

/// A sheet has five rows of five pictures.
pub const PER_SHEET: usize = 25;

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
    /// The nets that were measured have weights of these SHA-256 now; `None` for one that is there no longer.
    digests: BTreeMap<String, Option<String>>,
    /// The weights of these nets are to be looked at.
    unchecked: BTreeSet<String>,
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
            TestEvent::Kept(kept) => {
                self.unchecked.extend(kept.curves.iter().map(|curve| curve.net.clone()));
                self.curves.extend(kept.curves);
                self.transferred = kept.transferred;
            }
            TestEvent::Digests(digests) => self.digests.extend(digests),
            TestEvent::Measured(curve) => {
                self.digests.insert(curve.net.clone(), Some(curve.digest().to_owned()));
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

    /// Takes note of the nets that there are now, and were before; those that are others are to be looked at.
    pub fn take_nets(&mut self, before: &[Entry], now: &[Entry]) {
        self.choices.forget_missing(now);
        let find = |all: &[Entry], name: &str| all.iter().find(|entry| entry.name == name).cloned();
        let nets = self.curves.iter().map(|curve| &curve.net);
        let changed = nets.filter(|net| !before.is_empty() && find(before, net) != find(now, net));
        self.unchecked.extend(changed.cloned());
    }

    /// Returns the nets whose weights are to be looked at, once.
    pub fn take_unchecked(&mut self) -> Option<Vec<String>> {
        let unchecked = std::mem::take(&mut self.unchecked);
        (!unchecked.is_empty()).then(|| unchecked.into_iter().collect())
    }

    /// Returns why a curve is not what the settings and the net would give now; `None` where it is.
    pub fn outdated(&self, curve: &Curve, parameters: impl Fn(&str) -> AttackSettings) -> Option<&'static str> {
        match self.digests.get(&curve.net) {
            Some(None) => Some("The net is no longer there"),
            Some(Some(digest)) if digest != curve.digest() => {
                Some("The net has other weights now than when it was measured")
            }
            _ if !self.has_its_settings(curve, parameters) => Some("The settings have changed since it was measured"),
            Some(Some(_)) | None => None,
        }
    }

    /// Returns the curves of a survey that were measured already, as it would measure them; none where all of them were,
    /// since then they are to be measured anew.
    pub fn known(&self, survey: &Survey, parameters: impl Fn(&str) -> AttackSettings) -> Vec<Curve> {
        let is_known = |curve: &&Curve| {
            let is_in = survey.nets.contains(&curve.net) && survey.attacks.contains(&curve.attack);
            let is_of_this_version = curve.provenance.version == env!("CARGO_PKG_VERSION");
            is_in && is_of_this_version && self.outdated(curve, &parameters).is_none()
        };
        let known: Vec<Curve> = self.curves.iter().filter(is_known).cloned().collect();
        if known.len() < survey.nets.len() * survey.attacks.len() { known } else { Vec::new() }
    }

    fn has_its_settings(&self, curve: &Curve, parameters: impl Fn(&str) -> AttackSettings) -> bool {
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

    /// Takes a curve out. Returns the net and the attack that it was of.
    pub fn remove(&mut self, index: Option<usize>) -> Option<(String, AttackSettings)> {
        let index = index.or(self.looked_at()).filter(|index| *index < self.curves.len())?;
        let curve = self.curves.remove(index);
        if self.chosen > index {
            self.chosen -= 1;
        }
        self.chosen = self.chosen.min(self.curves.len().saturating_sub(1));
        Some((curve.net, curve.attack))
    }

    /// Takes all curves out. Returns the nets and the attacks that they were of.
    pub fn remove_all(&mut self) -> Vec<(String, AttackSettings)> {
        let removed = self.curves.drain(..).map(|curve| (curve.net, curve.attack)).collect();
        (self.chosen, self.eps, self.page) = (0, None, 0);
        (self.sheet, self.wished) = (None, None);
        removed
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
