//! The bundled lessons: their names, and what they claim of the nets.

use std::time::Duration;

use super::*;
use crate::app::explore::Explore;
use crate::app::settings::{Settings, Tab};
use crate::engine::attack::{AttackSettings, Fgsm, Loss, Norm, Verdict};
use crate::engine::model::Catalogue;
use crate::engine::picture::{Channel, Heatmap, Quantity, Region};
use crate::worker::{Event, Worker};

#[test]
fn the_bundled_lessons_are_whole() {
    let catalogue = Catalogue::new(Vec::new());
    let lessons = Lessons::default();
    for text in BUNDLED {
        let lesson = Lesson::parse(text, None).unwrap();
        assert!(lesson.steps.len() >= 3 && lessons.known.contains(&lesson), "{}", lesson.title);
        let mut found = lesson.clone();
        found.look_up(&catalogue).unwrap();
        for number in 0..lesson.steps.len() {
            let (scene, found) = (lesson.scene(number), found.scene(number));
            assert!(scene.model.is_some() && scene.picture.is_some());
            assert_eq!(scene, found, "classes are spelled as their net spells them");
        }
    }
}

/// What a step of a bundled lesson says of what is on screen.
enum Claim {
    /// ε is 0, and the net says this, and is sure of it.
    Clean(&'static str),
    /// The net says the first before and the second after, and is at least this sure of the second.
    Says(&'static str, &'static str, f32),
    /// Whatever the net says before, it says this afterwards, which is another class.
    Reaches(&'static str),
    /// Another tab is on screen.
    Elsewhere,
}

/// Of every step of every lesson, by the beginning of its heading.
const CLAIMS: [&[(&str, Claim)]; 5] = [
    &[
        ("A net that reads", Claim::Clean("4")),
        ("The same question", Claim::Clean("4")),
        ("A step uphill", Claim::Says("4", "9", 0.9)),
    ],
    &[
        ("The picture that", Claim::Clean("7")),
        ("A small ε", Claim::Says("7", "9", 0.99)),
        ("Look at", Claim::Says("7", "9", 0.99)),
        ("A photograph", Claim::Reaches("teapot")),
    ],
    &[
        ("Anywhere", Claim::Says("7", "8", 0.9)),
        ("Towards", Claim::Says("7", "8", 0.9)),
        ("Several", Claim::Says("7", "0", 0.9)),
    ],
    &[
        ("The simplest", Claim::Clean("4")),
        ("A tenth", Claim::Says("4", "9", 0.9)),
        ("Noise", Claim::Says("4", "4", 0.5)),
    ],
    &[
        ("A net that was", Claim::Says("4", "9", 0.9)),
        ("The same net", Claim::Says("4", "4", 0.9)),
        ("It is no proof", Claim::Says("4", "9", 0.9)),
        ("Train against", Claim::Says("4", "4", 0.9)),
        ("What a photograph's", Claim::Reaches("teapot")),
        ("What it shows", Claim::Says("espresso", "espresso", 0.9)),
        ("Train one", Claim::Elsewhere),
    ],
];

/// The Explore tab as a person may have left it: nothing as usual.
fn left() -> Explore {
    let mut explore = Explore::new(&Settings::default(), Some("digits_cnn".into()), None);
    explore.set_attack(AttackSettings::Fgsm(Fgsm { norm: Norm::L1 }));
    explore.set_eps(3.0);
    explore.set_attack(AttackSettings::named("pgd").unwrap());
    explore.set_crop(Some(Region { left: 3.0, top: 3.0, width: 9.0, height: 9.0 }));
    explore.set_own_pixels(Some(true));
    explore.set_eight_bit(true);
    explore.set_clip(false);
    explore.set_seed(5);
    explore.set_loss(Loss::LogOdds);
    explore.set_heatmap(Heatmap { quantity: Quantity::Magnitude, channel: Channel::One(0), gain: 8.0 });
    explore
}

/// Hands wishes to the worker until what it shows is what is wanted.
fn answer<'a>(explore: &'a mut Explore, worker: &Worker) -> &'a Shown {
    loop {
        if let Some(view) = explore.take_wish() {
            let revision = worker.show(view.clone());
            explore.asked(revision, view);
        }
        match worker.wait(Duration::from_secs(60)).expect("the worker answers in time") {
            Event::Shown(shown) => {
                explore.take_shown(shown);
            }
            Event::Failed { message, .. } => panic!("{message}"),
            _ => {}
        }
        let wanted = explore.view();
        if explore.shown.as_ref().is_some_and(|shown| shown.view == wanted && shown.timeline.is_over) {
            break;
        }
    }
    explore.shown.as_deref().expect("it was just there")
}

fn hold(claim: &Claim, shown: &Shown) {
    let (before, after) = (&shown.clean_top[0], &shown.adversarial_top[0]);
    match *claim {
        Claim::Clean(says) => {
            assert_eq!((shown.view.eps, before.name.as_str()), (0.0, says));
            assert!(before.prob >= 0.8, "{before:?}");
        }
        Claim::Says(first, second, least) => {
            assert_eq!((before.name.as_str(), after.name.as_str()), (first, second));
            assert!(after.prob >= least, "{after:?}");
            let hit = shown.target_prob.is_some() && shown.verdict == Verdict::FooledAsAsked;
            assert_eq!(hit, second == "0", "of the targets, only the one that the text says");
        }
        Claim::Reaches(target) => {
            assert_ne!(before.index, after.index);
            assert_eq!((after.name.as_str(), shown.verdict), (target, Verdict::FooledAsAsked));
        }
        Claim::Elsewhere => {}
    }
}

#[test]
fn the_bundled_lessons_are_true_of_what_they_show() {
    let runs = tempfile::tempdir().unwrap();
    let worker = Worker::with_folders(Catalogue::new(Vec::new()), runs.path().to_owned(), || {}).unwrap();
    for (lesson, claims) in Lessons::default().known.iter().zip(CLAIMS) {
        assert_eq!(lesson.steps.len(), claims.len(), "{}", lesson.title);
        let mut explore = left();
        for (number, (step, (heading, claim))) in lesson.steps.iter().zip(claims).enumerate() {
            eprintln!("{}: {}", lesson.title, step.heading);
            assert!(step.heading.starts_with(heading));
            let scene = lesson.scene(number);
            assert_eq!(scene.tab.unwrap_or_default() == Tab::Explore, !matches!(claim, Claim::Elsewhere));
            explore.set_scene(scene);
            let shown = answer(&mut explore, &worker);
            hold(claim, shown);
            assert!(crate::app::words::obstacle(shown).is_none(), "no warning that the lesson does not speak of");
            let steepest = shown.gradient.values.iter().fold(0.0_f32, |most, slope| most.max(slope.abs()));
            assert!(steepest > 1e-7, "the slope is hidden by rounding: {steepest}");
            for text in [Some(&step.text), step.then.as_ref()].into_iter().flatten() {
                let text = filled(text, Some(shown));
                assert!(!text.contains(['{', '…']), "{text}");
            }
        }
    }
}

#[test]
fn a_scene_is_as_usual_where_it_names_nothing() {
    let lesson = Lesson::parse(BUNDLED[0], None).unwrap();
    let mut explore = left();
    explore.set_scene(lesson.scene(2));
    let mut fresh = Explore::new(&Settings::default(), None, None);
    fresh.set_scene(lesson.scene(2));
    assert_eq!(explore.view(), fresh.view());
    assert_eq!((fresh.view().loss, fresh.view().seed, fresh.view().eps), (Loss::LogOdds, 0, 0.2));
}

#[test]
fn a_scene_sets_all_that_it_names() {
    let text = "title = \"T\"\nabout = \"A\"\n[[step]]\nheading = \"H\"\ntext = \"x\"\nview = { attack = \"pgd\", steps = 3, \
                norm = \"l2\", eps = 1.5, seed = 7, loss = \"log-odds\", eight-bit = true, own-pixels = true, clip = false }";
    let mut explore = left();
    explore.set_scene(Lesson::parse(text, None).unwrap().scene(0));
    let view = explore.view();
    assert_eq!(view.attack.options(), ["--attack", "pgd", "--norm", "l2", "--steps", "3"]);
    assert_eq!((view.eps, view.seed, view.loss), (1.5, 7, Loss::LogOdds));
    assert!(view.eight_bit && view.own_pixels == Some(true) && !view.clip);
    assert_eq!((view.crop, view.heatmap.gain), (None, 1.0));
    assert_eq!(view.model, "digits_cnn", "the net that no step names stays");
}

#[test]
fn next_reveals_before_it_goes_on() {
    let mut lessons = Lessons::default();
    let (at, step) = lessons
        .known
        .iter()
        .enumerate()
        .find_map(|(at, lesson)| Some((at, lesson.steps.iter().position(|step| !step.choices.is_empty())?)))
        .unwrap();
    lessons.begin(at).unwrap();
    for _ in 0..step {
        while lessons.is_hiding() {
            assert_eq!(lessons.go_on(), None);
        }
        assert!(lessons.go_on().is_some());
    }
    assert!(lessons.is_hiding());
    lessons.predict(1);
    assert_eq!((lessons.go_on(), lessons.guess(), lessons.is_hiding()), (None, Some(1), false));
    lessons.predict(0);
    assert_eq!(lessons.guess(), Some(1), "too late");
    lessons.begin(at).unwrap();
    assert_eq!(lessons.back(), None, "there is nothing before the first step");
    while lessons.is_hiding() || lessons.go_on().is_some() {
        lessons.go_on();
    }
    assert_eq!(lessons.current().map(|(lesson, step)| step + 1 == lesson.steps.len()), Some(true));
}
