//! These tests check the bundled lessons: their names, and what they claim of the nets.

use std::time::Duration;

use crate::app::commands::tab::Tab;
use crate::app::lessons::file::filled;
use crate::app::lessons::state::*;
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::words::obstacle;
use crate::app::settings::Settings;
use crate::command_line::attack_options;
use crate::engine::attack::{AttackSettings, Fgsm, Loss, Norm, Verdict};
use crate::engine::model::Catalogue;
use crate::engine::picture::{Channel, Heatmap, HeatmapQuantity, Region};
use crate::worker::{Event, Shown, Worker};

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

/// A step of a bundled lesson claims this of what is on screen.
enum Claim {
    /// At ε = 0 the net says this, and is sure of it.
    Clean(&'static str),
    /// At ε = 0 the net is sure of nothing: what it says is not called right.
    Unsure,
    /// The net says the first before and the second after, and is at least this sure of the second.
    Says(&'static str, &'static str, f32),
    /// The net says this before, and after one step away from it another class, be it with little confidence.
    Leaves(&'static str),
    /// Whatever the net says before, it says this afterwards, which is another class, and is at least this sure of it.
    Reaches(&'static str, f32),
    /// The text is about a drawing, or about figures from elsewhere.
    Drawing,
    /// Another page is on screen.
    Elsewhere,
}

/// The claims stand in the order of the steps, each with the beginning of its heading.
const CLAIMS: [&[(&str, Claim)]; 6] = [
    &[
        ("Two update rules", Claim::Clean("espresso")),
        ("A small, worst-case", Claim::Leaves("espresso")),
        ("Panda and gibbon", Claim::Reaches("gibbon", 0.9)),
        ("Your photo", Claim::Unsure),
        ("A doppelgänger", Claim::Reaches("fiddler crab", 0.9)),
        ("Why harder", Claim::Says("4", "4", 0.9)),
        ("Which way?", Claim::Leaves("espresso")),
        ("How far?", Claim::Leaves("espresso")),
        ("Why the sign?", Claim::Leaves("espresso")),
        ("The new cost", Claim::Leaves("espresso")),
        ("Train on it", Claim::Drawing),
        ("Made afresh", Claim::Drawing),
        ("You need more", Claim::Drawing),
        ("When to stop", Claim::Drawing),
        ("Does it work?", Claim::Drawing),
        ("Ain't nobody", Claim::Says("4", "9", 0.9)),
        ("Thank you", Claim::Drawing),
    ],
    &[
        ("A net that reads", Claim::Clean("4")),
        ("The same question", Claim::Clean("4")),
        ("A step uphill", Claim::Says("4", "9", 0.9)),
    ],
    &[
        ("The picture that", Claim::Clean("Egyptian cat")),
        ("A small ε", Claim::Leaves("Egyptian cat")),
        ("Look at", Claim::Leaves("Egyptian cat")),
        ("Gibbon, please", Claim::Reaches("gibbon", 0.9)),
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
        ("What a photograph's", Claim::Reaches("teapot", 0.2)),
        ("What it shows", Claim::Says("espresso", "espresso", 0.9)),
        ("Train one", Claim::Elsewhere),
    ],
];

/// Returns the Explore page as a person may have left it: nothing as usual.
fn left() -> Explore {
    let mut explore = Explore::new(&Settings::default(), Some("digits_cnn".into()), None);
    explore.set_attack(AttackSettings::Fgsm(Fgsm { norm: Norm::L1 }));
    explore.set_eps(3.0);
    explore.set_attack(AttackSettings::named("pgd").unwrap());
    explore.view.crop = Some(Region { left: 3.0, top: 3.0, width: 9.0, height: 9.0 });
    explore.view.own_pixels = Some(true);
    explore.view.eight_bit = true;
    explore.view.clip = false;
    explore.view.seed = 5;
    explore.view.loss = Loss::LogOdds;
    explore.view.heatmap = Heatmap { quantity: HeatmapQuantity::Magnitude, channel: Channel::One(0), gain: 8.0 };
    explore
}

/// Hands wishes to the worker until what it shows is what is wanted.
fn answer<'a>(explore: &'a mut Explore, worker: &Worker) -> &'a Shown {
    loop {
        if let Some(view) = explore.take_wish() {
            let revision = worker.show(view.clone());
            explore.asked(revision, view);
        }
        let wanted = explore.wanted();
        if explore.shown.as_ref().is_some_and(|shown| shown.view == wanted && shown.timeline.is_over) {
            break;
        }
        match worker.wait(Duration::from_secs(60)).expect("the worker answers in time") {
            Event::Shown(shown) => {
                explore.take_shown(shown);
            }
            Event::Failed { message, .. } => panic!("{message}"),
            _ => {}
        }
    }
    explore.shown.as_deref().expect("it was just there")
}

fn hold(claim: &Claim, shown: &Shown) {
    let (before, after) = (&shown.clean_top[0], &shown.adversarial_top[0]);
    match *claim {
        Claim::Clean(says) => {
            assert_eq!((shown.view.eps, before.name.as_str()), (0.0, says));
            assert!(before.prob >= 0.75, "{before:?}");
        }
        Claim::Unsure => {
            assert_eq!(shown.view.eps, 0.0);
            assert!(before.prob < 0.5, "{before:?}");
        }
        Claim::Leaves(says) => {
            assert_eq!(before.name, says);
            assert_eq!((after.index == before.index, shown.verdict), (false, Verdict::Fooled), "{after:?}");
        }
        Claim::Says(first, second, least) => {
            assert_eq!((before.name.as_str(), after.name.as_str()), (first, second));
            assert!(after.prob >= least, "{after:?}");
            let hit = shown.target_prob.is_some() && shown.verdict == Verdict::FooledAsAsked;
            assert_eq!(hit, second == "0", "of the targets, only the one that the text says");
        }
        Claim::Reaches(target, least) => {
            assert_ne!(before.index, after.index);
            assert_eq!((after.name.as_str(), shown.verdict), (target, Verdict::FooledAsAsked));
            assert!(after.prob >= least, "{after:?}");
        }
        Claim::Drawing | Claim::Elsewhere => {}
    }
}

#[test]
fn the_bundled_lessons_are_true_of_what_they_show() {
    let runs = tempfile::tempdir().unwrap();
    let worker =
        Worker::with_folders(Catalogue::new(Vec::new()), runs.path().to_owned(), "no results".into(), || {}).unwrap();
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
            assert!(obstacle(shown).is_none(), "no warning that the lesson does not speak of");
            let steepest = shown.gradient.values.iter().fold(0.0_f32, |most, slope| most.max(slope.abs()));
            assert!(steepest > 1e-7, "the slope is hidden by rounding: {steepest}");
            for text in [Some(&step.text), step.then.as_ref()].into_iter().flatten() {
                let text = filled(text, Some(shown), 0.5);
                assert!(!text.contains(['{', '…']), "{text}");
            }
        }
    }
}

#[test]
fn a_scene_is_as_usual_where_it_names_nothing() {
    let lesson = Lesson::parse(BUNDLED[FIRST_CHAPTER], None).unwrap();
    let mut explore = left();
    explore.set_scene(lesson.scene(2));
    let mut fresh = Explore::new(&Settings::default(), None, None);
    fresh.set_scene(lesson.scene(2));
    assert_eq!(explore.wanted(), fresh.view);
    assert_eq!((fresh.view.loss, fresh.view.seed, fresh.view.eps), (Loss::LogOdds, 0, 0.2));
}

#[test]
fn a_scene_sets_all_that_it_names() {
    let text = "title = \"T\"\nabout = \"A\"\n[[step]]\nheading = \"H\"\ntext = \"x\"\nview = { attack = \"pgd\", \
                steps = 3, norm = \"l2\", eps = 1.5, seed = 7, loss = \"log-odds\", eight-bit = true, \
                own-pixels = true, clip = false }";
    let mut explore = left();
    explore.set_scene(Lesson::parse(text, None).unwrap().scene(0));
    let view = explore.wanted();
    assert_eq!(attack_options(&view.attack), ["--attack", "pgd", "--norm", "l2", "--steps", "3"]);
    assert_eq!((view.eps, view.seed, view.loss), (1.5, 7, Loss::LogOdds));
    assert!(view.eight_bit && view.own_pixels == Some(true) && !view.clip);
    assert_eq!((view.crop, view.heatmap.gain), (view.picture.usual_crop(), 1.0));
    assert_eq!(view.model, "digits_cnn", "the net that no step names stays");
}

#[test]
fn next_reveals_before_it_goes_on() {
    let mut lessons = Lessons::default();
    let first = |lesson: &Lesson| lesson.steps.iter().position(|step| !step.choices.is_empty());
    let (at, step) = lessons.known.iter().enumerate().find_map(|(at, lesson)| Some((at, first(lesson)?))).unwrap();
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
    assert!(lessons.is_at_end());
}

#[test]
fn the_talk_is_short_enough_and_its_minutes_add_up() {
    let lessons = Lessons::default();
    let talk = &lessons.known[0];
    assert_eq!(talk.title, "The deck in 15 minutes");
    assert!((15..=20).contains(&talk.steps.len()), "{}", talk.steps.len());
    let minutes: f32 = talk.steps.iter().map(|step| step.minutes.expect("each step says how long it takes")).sum();
    assert_eq!(minutes, 15.0);
    for step in &talk.steps {
        assert!(step.notes.is_some(), "{}", step.heading);
        for text in [Some(&step.text), step.then.as_ref()].into_iter().flatten() {
            assert!(text.split_whitespace().count() <= 45, "{}", step.heading);
        }
        assert_eq!(step.choices.is_empty(), step.right.is_none(), "{}: a question has a right answer", step.heading);
    }
}

#[test]
fn what_the_talk_quotes_was_measured() {
    let measured = include_str!("../../../../docs/reproduction.md");
    let row = |name: &str| {
        let line = measured.lines().find(|line| line.starts_with(&format!("| {name} |"))).expect(name);
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        (cells[2].to_owned(), cells[3].to_owned())
    };
    let rounded = |text: &str| {
        let value: f32 = text.trim_end_matches(" %").parse().unwrap();
        if value < 2.0 { format!("{value:.2} %") } else { format!("{value:.1} %") }
    };
    let (clean, cured) = (row("maxout, clean: error"), row("adversarially trained maxout, clean: error"));
    let (attacked, withstood) = (row("maxout, FGSM: error"), row("adversarially trained maxout, FGSM: error"));
    let sure = row("maxout, FGSM: confidence on mistakes");
    let pgd = [row("maxout, PGD-40: error").1, row("adversarially trained maxout, PGD-40: error").1];
    let fall = |from: &str, to: &str| format!("{} → {}", rounded(from), rounded(to));
    let lessons = Lessons::default();
    let table = lessons.known[0].steps.iter().find(|step| !step.table.is_empty()).expect("a table").table.clone();
    let right: Vec<[String; 2]> = table.iter().skip(1).map(|row| [row[1].clone(), row[2].clone()]).collect();
    assert_eq!(right[0], [fall(&clean.0, &cured.0), fall(&clean.1, &cured.1)]);
    assert_eq!(right[1], [fall(&attacked.0, &withstood.0), fall(&attacked.1, &withstood.1)]);
    assert_eq!(right[2], [rounded(&sure.0), rounded(&sure.1)]);
    assert_eq!(right[3], ["–".to_owned(), fall(&pgd[0], &pgd[1])]);
}

/// Goes to the first step of the first lesson that has choices of which one is right.
fn at_a_question() -> (Lessons, usize) {
    let mut lessons = Lessons::default();
    lessons.begin(0).unwrap();
    while lessons.step().is_some_and(|step| step.right_choice().is_none()) {
        lessons.go_on();
    }
    let right = lessons.step().and_then(LessonStep::right_choice).unwrap();
    (lessons, right)
}

#[test]
fn votes_are_counted_and_one_person_may_think_again() {
    let (mut lessons, right) = at_a_question();
    let wrong = 1 - right;
    lessons.predict(wrong);
    lessons.predict(right);
    assert_eq!((lessons.votes()[right], lessons.votes()[wrong]), (1, 0), "a single vote moves");
    for choice in [wrong, wrong, 9] {
        lessons.vote(choice);
    }
    assert_eq!((lessons.votes()[right], lessons.votes()[wrong], lessons.guess()), (1, 2, Some(wrong)));
    lessons.take_back();
    assert_eq!(lessons.guess(), None, "as many for one as for the other");
    lessons.vote(right);
    assert_eq!(lessons.score(), Score::default(), "not before it is revealed");
    lessons.go_on();
    lessons.vote(right);
    lessons.take_back();
    assert_eq!(lessons.votes().iter().sum::<usize>(), 3, "too late");
    let score = Score { questions: 1, won: 1, votes: 3, right: 2 };
    assert_eq!(lessons.score(), score);
    lessons.go_on();
    assert_eq!(lessons.score(), score, "it is kept on the way");
    lessons.back();
    assert!(!lessons.is_hiding() && lessons.guess() == Some(right), "what was revealed once is known");
    lessons.begin(0).unwrap();
    assert_eq!(lessons.score(), Score::default());
}

#[test]
fn a_chapter_leads_to_the_next_and_the_talk_ends() {
    let mut lessons = Lessons::default();
    let titles: Vec<String> = lessons.known.iter().map(|lesson| lesson.title.clone()).collect();
    lessons.begin(1).unwrap();
    for title in &titles[2..] {
        while !lessons.is_at_end() || lessons.is_hiding() {
            assert!(lessons.next_chapter().is_none() || lessons.is_hiding());
            lessons.go_on();
        }
        assert_eq!(lessons.next_chapter().map(|(_, lesson)| lesson.title.clone()).as_ref(), Some(title));
        assert!(lessons.go_on().is_some());
        assert_eq!(lessons.current().map(|(lesson, step)| (&lesson.title, step)), Some((title, 0)));
    }
    lessons.begin(0).unwrap();
    while !lessons.is_at_end() || lessons.is_hiding() {
        lessons.go_on();
    }
    assert!(lessons.next_chapter().is_none() && lessons.go_on().is_none());
    assert_eq!(lessons.minutes(), Some((15.0, 15.0)));
}

#[test]
fn a_picture_of_ones_own_stands_in_wherever_its_word_does() {
    let mut lessons = Lessons::default();
    let at = lessons.known.iter().position(|lesson| lesson.title == "Panda and gibbon").unwrap();
    let panda = Source::File("/pictures/panda.jpg".into());
    let fallback = named(lessons.known[at].scene(0).picture.unwrap());
    lessons.begin(at).unwrap();
    assert!(lessons.step().unwrap().invite && lessons.yours().is_none());
    lessons.note_picture(&fallback);
    assert_eq!(lessons.yours(), None, "the one that stands in until then is none");
    lessons.note_picture(&panda);
    lessons.go_on();
    assert_eq!(lessons.yours(), Some(&panda));
    lessons.note_picture(&Source::Sample("digit-7".into()));
    assert_eq!(lessons.yours(), Some(&panda), "this step does not ask for one");
    lessons.begin(0).unwrap();
    while lessons.step().unwrap().yours.as_deref() != Some("panda") {
        lessons.go_on();
    }
    assert_eq!(lessons.yours(), Some(&panda), "the talk knows it, too");
}
