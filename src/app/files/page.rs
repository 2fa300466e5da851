//! A page other than Explore, kept in a PNG of the window: which it is, and its settings.

use serde::{Deserialize, Serialize};

use crate::app::pages::explore::state::Explore;
use crate::app::pages::test_sets::state::{Choices, Part, TestSet};
use crate::app::settings::Tab;
use crate::engine::attack::AttackSettings;
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
    part: Part,
    choices: Choices,
    /// The parameters of its attacks.
    attacks: Vec<AttackSettings>,
}

impl TestPage {
    /// The page as it is; the parameters of its attacks are those of Explore.
    pub fn of(tests: &TestSet, explore: &Explore) -> Self {
        let choices = tests.choices.clone();
        let mut names: Vec<&String> = choices.attacks.iter().chain(&choices.smallest).collect();
        names.sort();
        names.dedup();
        let attacks = names.into_iter().map(|name| explore.parameters(name)).collect();
        Self { part: tests.part, choices, attacks }
    }

    /// Sets the page so; what was measured stays.
    pub fn restore(self, tests: &mut TestSet, explore: &mut Explore) {
        (tests.part, tests.choices) = (self.part, self.choices.sane());
        self.attacks.into_iter().for_each(|attack| explore.leave_parameters(attack));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::pages::train::state::draft;
    use crate::app::settings::Settings;

    #[test]
    fn a_page_of_test_sets_comes_back_with_the_parameters_of_its_attacks() {
        let fresh = || Explore::new(&Settings::default(), None, None);
        let mut explore = fresh();
        let mut pgd = AttackSettings::named("pgd").unwrap();
        *pgd.steps_mut().unwrap() = 7;
        explore.leave_parameters(pgd);
        let choices = Choices {
            attacks: vec!["pgd".into()],
            smallest: vec!["fgsm".into(), "pgd".into()],
            eps: "0.1, 8/255".into(),
            n: 77,
            clip: false,
            ..Choices::default()
        };
        let mut tests = TestSet::default();
        (tests.choices, tests.part) = (choices, Part::Lengths);
        let page = Page { tab: Tab::TestSets, train: None, tests: Some(TestPage::of(&tests, &explore)) };
        let text = toml::to_string(&page).unwrap();
        let read: Page = toml::from_str(&text).unwrap();
        assert_eq!(read, page);
        let (mut restored, mut explore) = (TestSet::default(), fresh());
        read.tests.unwrap().restore(&mut restored, &mut explore);
        assert_eq!(page.tests, Some(TestPage::of(&restored, &explore)));
        assert_eq!(explore.parameters("pgd").to_string(), "pgd in L∞, 7 steps, random start");
        assert_eq!(restored.choices, tests.choices);
    }

    #[test]
    fn a_page_of_training_comes_back_with_its_settings() {
        let config = Config { max_norm: Some(3.0), alpha: 0.25, seed: 9, ..draft::usual() };
        let page = Page { tab: Tab::Train, train: Some(config), tests: None };
        assert_eq!(toml::from_str::<Page>(&toml::to_string(&page).unwrap()), Ok(page));
        assert!(toml::from_str::<Page>("tab = \"train\"\nfoo = 1").is_err());
    }
}
