use super::*;
use crate::engine::attack::{MinimalEps, Pgd};
use crate::engine::eval::{AttackedResult, Evaluation};
use crate::worker::Provenance;

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
        provenance: Provenance::default(),
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
    let smallest = Choices { smallest: vec!["pgd".into(), "bim".into()], seed: 7, clip: false, ..Choices::default() };
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

#[test]
fn a_curve_stands_until_its_net_or_the_settings_change() {
    let of_version = |version: &str, name: &str| {
        let provenance = Provenance { digests: vec!["a".into()], version: version.into(), milliseconds: 0 };
        Curve { provenance, ..curve(name, &[0.05, 0.1, 0.15, 0.2, 0.25, 0.3]) }
    };
    let mut tests = TestSet::default();
    tests.choices.nets = vec!["net".into()];
    let survey = tests.choices.survey(usual).unwrap();
    tests.take(TestEvent::Measured(Box::new(of_version(env!("CARGO_PKG_VERSION"), "fgsm"))));
    let outdated = |tests: &TestSet| tests.outdated(&tests.curves[0], usual);
    assert_eq!((outdated(&tests), tests.known(&survey, usual).len()), (None, 1));
    // Once all are there, they are measured anew; and so is what another version measured.
    tests.take(TestEvent::Measured(Box::new(of_version(env!("CARGO_PKG_VERSION"), "pgd"))));
    assert_eq!(tests.known(&survey, usual).len(), 0);
    tests.take(TestEvent::Measured(Box::new(of_version("0.0.0", "pgd"))));
    assert_eq!(tests.known(&survey, usual).len(), 1);
    tests.choices.seed = 3;
    assert_eq!(outdated(&tests), Some("The settings have changed since it was measured"));
    for (digest, told) in [
        (Some("b".to_owned()), "The net has other weights now than when it was measured"),
        (None, "The net is no longer there"),
    ] {
        tests.take(TestEvent::Digests(BTreeMap::from([("net".to_owned(), digest)])));
        assert_eq!(outdated(&tests), Some(told));
    }
}

#[test]
fn nets_are_looked_at_when_they_have_changed() {
    let entry = |name: &str, description: &str| Entry {
        name: name.into(),
        description: description.into(),
        ..Entry::default()
    };
    let mut tests = measured(&[("fgsm", &[0.1])]);
    let before = [entry("net", "one epoch"), entry("other", "one epoch")];
    let now = [entry("net", "two epochs"), entry("other", "two epochs")];
    tests.take_nets(&[], &before);
    assert_eq!(tests.take_unchecked(), None);
    tests.take_nets(&before, &now);
    assert_eq!((tests.take_unchecked(), tests.take_unchecked()), (Some(vec!["net".to_owned()]), None));
}
