//! A page other than Explore, kept in a PNG of the window: which it is, and its settings.

use serde::{Deserialize, Serialize};

use super::explore::Explore;
use super::settings::Tab;
use super::testset::{Part, SMALLEST, TestSet};
use crate::engine::attack::{Attack, AttackSettings};
use crate::engine::train::Config;

/// A page with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    pub tab: Tab,
    /// Of the next run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub train: Option<Config>,
    /// Of the next survey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestPage>,
}

/// The settings of the Test sets page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestPage {
    data: String,
    nets: Vec<String>,
    /// Whether the smallest ε of FGSM is among the attacks.
    smallest_eps: bool,
    /// As they were typed.
    eps: String,
    n: usize,
    seed: u64,
    clip: bool,
    eight_bit: bool,
    log_odds: bool,
    part: Part,
    /// The other attacks with their parameters.
    attacks: Vec<AttackSettings>,
}

impl TestPage {
    /// The page as it is; the parameters of its attacks are those of Explore.
    pub fn of(tests: &TestSet, explore: &Explore) -> Self {
        let others = tests.attacks.iter().filter(|name| **name != SMALLEST);
        Self {
            data: tests.data.clone(),
            nets: tests.nets.clone(),
            smallest_eps: tests.attacks.contains(&SMALLEST),
            eps: tests.eps.clone(),
            n: tests.n,
            seed: tests.seed,
            clip: tests.clip,
            eight_bit: tests.eight_bit,
            log_odds: tests.log_odds,
            part: tests.part,
            attacks: others.map(|name| explore.parameters(name)).collect(),
        }
    }

    /// Sets the page so; what was measured stays.
    pub fn restore(self, tests: &mut TestSet, explore: &mut Explore) {
        tests.data = self.data;
        tests.nets = self.nets;
        tests.attacks = self.attacks.iter().map(Attack::name).collect();
        tests.attacks.extend(self.smallest_eps.then_some(SMALLEST));
        (tests.eps, tests.n, tests.seed) = (self.eps, self.n, self.seed);
        (tests.clip, tests.eight_bit, tests.log_odds) = (self.clip, self.eight_bit, self.log_odds);
        tests.part = self.part;
        self.attacks.into_iter().for_each(|attack| explore.leave_parameters(attack));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::settings::Settings;
    use crate::app::train::draft;

    #[test]
    fn a_page_of_test_sets_comes_back_with_the_parameters_of_its_attacks() {
        let fresh = || Explore::new(&Settings::default(), None, None);
        let mut explore = fresh();
        explore.use_attack("pgd");
        explore.set_steps(7);
        explore.use_attack("fgsm");
        let mut tests = TestSet::default();
        (tests.attacks, tests.eps) = (vec!["pgd", SMALLEST], "0.1, 8/255".into());
        (tests.n, tests.clip, tests.part) = (77, false, Part::Lengths);
        let page = Page { tab: Tab::TestSets, train: None, tests: Some(TestPage::of(&tests, &explore)) };
        let text = toml::to_string(&page).unwrap();
        let read: Page = toml::from_str(&text).unwrap();
        assert_eq!(read, page);
        let (mut restored, mut explore) = (TestSet::default(), fresh());
        read.tests.unwrap().restore(&mut restored, &mut explore);
        assert_eq!(page.tests, Some(TestPage::of(&restored, &explore)));
        assert_eq!(explore.parameters("pgd").to_string(), "pgd in L∞, 7 steps, random start");
        assert_eq!(restored.attacks, tests.attacks);
    }

    #[test]
    fn a_page_of_training_comes_back_with_its_settings() {
        let config = Config { max_norm: Some(3.0), alpha: 0.25, seed: 9, ..draft::usual() };
        let page = Page { tab: Tab::Train, train: Some(config), tests: None };
        assert_eq!(toml::from_str::<Page>(&toml::to_string(&page).unwrap()), Ok(page));
        assert!(toml::from_str::<Page>("tab = \"train\"\nfoo = 1").is_err());
    }
}
