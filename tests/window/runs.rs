//! Trained nets are nets like any other: listed, measured and kept; and what was measured comes back.

use std::sync::Arc;

use crate::window::{Opening, Window};
use doppelganger::app::{App, Tab};
use doppelganger::engine::attack::{AttackSettings, Loss, Rules};
use doppelganger::engine::data::{DataSource, Split};
use doppelganger::engine::eval::{EvalPlan, evaluate};
use doppelganger::engine::model::{Catalogue, Model};
use doppelganger::engine::train::{Config, RunFolder};
use doppelganger::worker::RunState;
use egui::{Key, vec2};
use egui_kittest::kittest::Queryable as _;
use serde_json::json;

/// A net and data so small that an epoch takes a few hundredths of a second.
fn tiny() -> Config {
    Config {
        data: DataSource::Drawn { count: 600, seed: 0 },
        model: "maxout:8x2".into(),
        epochs: 2,
        batch: 50,
        validation: 100,
        pgd_pictures: 20,
        ..Config::default()
    }
}

/// A survey of two attacks on few pictures.
fn quick() -> serde_json::Value {
    json!({ "n": 40, "eps": "0.1, 0.2", "attacks": ["fgsm", "pgd"] })
}

/// Returns a window with a finished run and nothing measured.
fn trained() -> Window {
    let opening = Opening::default().setting("tab", "train").setting("train", json!(tiny()));
    let mut window = opening.setting("tests", quick()).size(vec2(1280.0, 900.0)).open();
    window.until("the list of runs", |app| app.shell.train.is_listed);
    train(&mut window, "run-0001");
    window
}

/// Trains a run of this name, which is then in the list of nets.
fn train(window: &mut Window, run: &str) {
    window.reach("Train");
    window.until("the end of the run", |app| {
        app.shell.train.run(&run.into()).is_some_and(|run| run.info.state == RunState::Finished)
    });
    let name = format!("run:{run}");
    window.until("the net in the list", |app| is_usable(app, &name));
}

fn is_usable(app: &App, name: &str) -> bool {
    app.shell.explore.catalogue.iter().any(|entry| entry.name == name && entry.problem.is_none())
}

/// Measures what the settings say, to the end.
fn measure(window: &mut Window, curves: usize) {
    window.click("Measure");
    window.until("the curves", |app| app.tests().progress.is_none() && app.tests().curves.len() == curves);
}

#[test]
fn a_trained_net_is_in_the_lists_of_explore_and_of_test_sets() {
    let mut window = trained();
    window.command(Key::Num1);
    window.click("Model");
    window.check_accessibility();
    window.reach("Model: run-0001");
    window.until_shown("its answer", |shown| shown.view.model == "run:run-0001");
    window.settle();
    assert_eq!(window.shown().model.title, "run-0001");
    window.command(Key::Num4);
    window.run_steps(2);
    window.get_by_label("run-0001").click_accesskit();
    window.run_steps(2);
    assert!(window.app().tests().choices.nets.contains(&"run:run-0001".to_owned()));
    // The net is remembered, like any other.
    let window = window.reopen();
    assert_eq!(window.shown().view.model, "run:run-0001");
}

#[test]
fn runs_are_measured_by_one_command_and_the_results_come_back() {
    let mut window = trained();
    window.key(Key::M);
    window.until("Test sets", |app| app.shell.settings.tab == Tab::TestSets);
    let choices = window.app().tests().choices.clone();
    assert_eq!((&*choices.nets, &*choices.data), (&["run:run-0001".to_owned()][..], "drawn:600"));
    measure(&mut window, 2);
    let nets = RunFolder::nets(&window.folder().join("runs/run-0001")).unwrap();
    let model = Arc::new(Model::new(nets.manifest, &nets.best).unwrap());
    let data = tiny().data.open(Split::Test, &model.classes, &mut |_| true).unwrap();
    let rules = Rules { loss: Loss::LogOdds, ..Rules::default() };
    let measured = window.app().tests().curves.clone();
    for (curve, name) in measured.iter().zip(["fgsm", "pgd"]) {
        let attack = AttackSettings::named(name).unwrap();
        let plan = EvalPlan { rules, limit: Some(40), ..EvalPlan::new(attack, &[0.1, 0.2]) };
        assert_eq!(curve.found, evaluate(&model, &data, &plan, |_| true).unwrap());
        assert_eq!((curve.title.as_str(), curve.digest().len()), ("run-0001", 64));
    }
    window.check_accessibility();
    let mut window = window.reopen();
    window.until("the results", |app| app.tests().curves.len() == 2);
    for (curve, before) in window.app().tests().curves.iter().zip(&measured) {
        assert_eq!(
            (&curve.found, &curve.provenance, &curve.attack),
            (&before.found, &before.provenance, &before.attack)
        );
        assert_eq!((&curve.net, &curve.title, curve.took), (&before.net, &before.title, before.took));
        assert_eq!(curve.survey.rules, before.survey.rules);
    }
    window.run_steps(4);
    assert!(!window.mentions("have changed"), "they are as the settings say");
    assert!(window.notices().is_empty(), "{:?}", window.notices());
    // Taken out, they are gone for good.
    window.click("Remove all curves");
    let folder = window.folder().join("results");
    window.until("the files", |_| std::fs::read_dir(&folder).unwrap().count() == 0);
    assert!(window.reopen().app().tests().curves.is_empty());
}

#[test]
fn a_net_that_has_changed_is_noticed_and_a_damaged_file_is_told_of_once() {
    let mut window = trained();
    window.key(Key::M);
    measure(&mut window, 2);
    let results = window.folder().join("results");
    let path = |attack: &str| {
        let files = std::fs::read_dir(&results).unwrap().map(|entry| entry.unwrap().path());
        files.into_iter().find(|path| path.display().to_string().contains(attack)).expect("its file")
    };
    let whole = std::fs::read(path("pgd")).unwrap();
    std::fs::write(path("pgd"), &whole[..whole.len() / 2]).unwrap();
    // Another run's weights under the name of the first.
    window.command(Key::Num2);
    window.run_steps(2);
    window.reach("Section Learning");
    window.enter("Seed", "5");
    train(&mut window, "run-0002");
    let of = |run: &str| window.folder().join("runs").join(run).join("checkpoint.safetensors");
    std::fs::copy(of("run-0002"), of("run-0001")).unwrap();
    window.command(Key::Num4);
    let mut window = window.reopen();
    window.until("one curve", |app| app.tests().curves.len() == 1);
    assert_eq!(window.app().tests().curves[0].attack.name(), "fgsm");
    window.until_notice("A measurement could not be read");
    window.until_part("The net has other weights now than when it was measured");
    window.check_accessibility();
    let mut window = window.reopen();
    window.until("one curve", |app| app.tests().curves.len() == 1);
    assert!(window.notices().is_empty(), "told of once: {:?}", window.notices());
    // What is out of date and what is missing is measured; the net is gone afterwards.
    measure(&mut window, 2);
    assert!(!window.mentions("other weights now"));
}

#[test]
fn a_survey_that_was_interrupted_goes_on_with_what_is_missing() {
    let mut window = trained();
    window.key(Key::M);
    measure(&mut window, 2);
    let first = window.app().tests().curves[0].provenance.clone();
    window.get_all_by_label("Remove").last().unwrap().click();
    window.run_steps(2);
    assert_eq!(window.app().tests().curves.len(), 1);
    measure(&mut window, 2);
    assert_eq!(window.app().tests().curves[0].provenance, first, "it was not measured again");
    let second = window.app().tests().curves[1].provenance.clone();
    window.click("Measure");
    window.until("both anew", |app| app.tests().curves[1].provenance != second && app.tests().progress.is_none());
    assert_ne!(window.app().tests().curves[0].provenance, first);
}

#[test]
fn a_net_is_kept_as_a_model_that_stays_when_the_run_is_deleted() {
    let mut window = trained();
    window.find_command("keep as a model");
    window.run_steps(2);
    window.retype("Name of the model", "digits_cnn");
    window.check_accessibility();
    assert!(window.has_part("There is a model called"));
    window.retype("Name of the model", "mine");
    window.key(Key::Enter);
    window.until("the model", |app| is_usable(app, "mine"));
    window.until_notice("mine is there.");
    let expected = RunFolder::nets(&window.folder().join("runs/run-0001")).unwrap().best;
    window.key(Key::Delete);
    window.click("Delete");
    window.until("the end of the run", |app| {
        !app.shell.explore.catalogue.iter().any(|entry| entry.name == "run:run-0001")
    });
    let catalogue = Catalogue { own: Some(window.folder().join("own")), ..Catalogue::new(Vec::new()) };
    let kept = catalogue.params(&catalogue.manifest("mine").unwrap()).unwrap();
    let values = |params: doppelganger::engine::model::Params| {
        let tensors =
            params.into_iter().map(|(name, tensor)| (name, tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()));
        tensors.collect::<Vec<_>>()
    };
    assert_eq!(values(kept), values(expected));
}

#[test]
fn nets_of_photos_and_of_digits_have_values_of_eps_of_their_own() {
    let photos = json!({ "data": "/no/such/folder", "nets": ["photos109"], "eps": "0.1, 0.2" });
    let mut window = Opening::default().setting("tab", "testsets").setting("tests", photos).open();
    window.await_nets();
    window.run_steps(2);
    assert_eq!(window.value("Values of ε"), "1/255, 2/255, 4/255, 8/255, 16/255");
    window.retype("Values of ε", "2/255");
    window.retype("Test pictures", "mnist");
    assert_eq!(window.value("Values of ε"), "0.1, 0.2", "digits keep theirs");
    window.retype("Test pictures", "/no/such/folder");
    assert_eq!(window.value("Values of ε"), "2/255");
    assert_eq!(window.reopen().app().tests().choices.photo_eps, "2/255");
}
