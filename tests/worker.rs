//! The worker without a window: the newest view wins, failures are messages, saving is verified.

use std::time::Duration;

use doppelganger::engine::attack::{Goal, Label, Loss, Method};
use doppelganger::engine::model::Catalogue;
use doppelganger::engine::picture::{Channel, Heatmap, Quantity, open};
use doppelganger::worker::{Event, Shown, Source, View, Wish, Worker};

fn worker() -> Worker {
    Worker::with_folders(Catalogue::new(Vec::new()), "no runs".into(), || {}).unwrap()
}

fn view(eps: f32) -> View {
    View {
        model: "digits_maxout".into(),
        picture: Source::Sample("digit-7".into()),
        crop: None,
        own_pixels: false,
        label: Label::Predicted,
        goal: Goal::Untargeted,
        method: Method::Fgsm { eps },
        loss: Loss::CrossEntropy,
        clip: true,
        heatmap: Heatmap { quantity: Quantity::Perturbation, channel: Channel::Strongest, gain: 1.0 },
    }
}

/// The next event that is an answer of some kind.
fn next(worker: &Worker) -> Event {
    loop {
        match worker.wait(Duration::from_secs(30)).expect("an event within 30 seconds") {
            Event::Busy { .. } | Event::Catalogue(_) | Event::Training(_) => {}
            event => return event,
        }
    }
}

fn shown(worker: &Worker) -> Shown {
    match next(worker) {
        Event::Shown(shown) => *shown,
        event => panic!("expected a picture, got {event:?}"),
    }
}

#[test]
fn the_newest_view_is_answered_and_overtaken_ones_are_dropped() {
    let worker = worker();
    let mut last = 0;
    for i in 0..200 {
        last = worker.show(view(i as f32 / 1000.0));
    }
    let mut answers = 0;
    loop {
        let shown = shown(&worker);
        answers += 1;
        if shown.revision == last {
            assert_eq!(shown.view, view(0.199));
            assert!((shown.linf - 0.199).abs() < 1e-6);
            break;
        }
    }
    // All were asked for before the model was loaded once.
    assert!(answers < 100, "{answers} of 200 were answered");
    while let Some(event) = worker.wait(Duration::from_millis(100)) {
        assert!(!matches!(event, Event::Shown(_)), "no picture comes after the newest: {event:?}");
    }
}

#[test]
fn a_view_that_fails_is_a_message_and_the_next_one_works() {
    let worker = worker();
    for (bad, part) in [
        (View { picture: Source::File("/no/such/picture.png".into()), ..view(0.1) }, "/no/such/picture.png"),
        (View { model: "none".into(), ..view(0.1) }, "no model"),
        (View { label: Label::Given(12), ..view(0.1) }, "no class 12"),
        (View { method: Method::Fgsm { eps: f32::NAN }, ..view(0.1) }, "ε is NaN"),
    ] {
        let revision = worker.show(bad);
        match next(&worker) {
            Event::Failed { revision: failed, message } => {
                assert_eq!(failed, revision);
                assert!(message.contains(part) && message.lines().count() <= 6, "{message}");
            }
            event => panic!("expected a failure, got {event:?}"),
        }
    }
    worker.show(view(0.1));
    assert_eq!(shown(&worker).label.name, "7");
}

#[test]
fn what_is_saved_is_what_was_on_screen() {
    let folder = tempfile::tempdir().unwrap();
    let worker = worker();
    worker.show(view(0.25));
    let on_screen = shown(&worker);
    let path = folder.path().join("fooled.png");
    worker.save(path.clone());
    match next(&worker) {
        Event::Saved(saved) => {
            assert_eq!(saved.on_screen, on_screen.adversarial_top[0]);
            assert_eq!(saved.reread.index, saved.on_screen.index);
        }
        event => panic!("expected a saved picture, got {event:?}"),
    }
    let picture = open(&path).unwrap();
    assert_eq!((picture.width, picture.height), (28, 28));
    worker.save(folder.path().join("missing/fooled.png"));
    match next(&worker) {
        Event::SaveFailed { message, .. } => assert!(message.contains("missing/fooled.png"), "{message}"),
        event => panic!("expected a failure, got {event:?}"),
    }
}

#[test]
fn a_curve_comes_after_its_view_and_only_for_the_one_that_stays() {
    let worker = worker();
    worker.study(Wish { curve: true, ..Wish::default() });
    let mut last = 0;
    for i in 0..50 {
        // Another label each time: nothing of the last curve holds.
        last = worker.show(View { label: Label::Given(i % 10), ..view(0.1) });
    }
    let mut newest = None;
    let along = loop {
        match next(&worker) {
            Event::Shown(shown) => newest = Some(shown),
            Event::Along(along) if newest.as_ref().is_some_and(|shown| shown.revision == last) => break along,
            Event::Along(_) => {}
            event => panic!("expected a picture or a curve, got {event:?}"),
        }
    };
    let newest = newest.unwrap();
    assert!(along.is_of(&newest));
    assert_eq!(along.lines[0].class, 9);
    // Moving ε brings the picture and no curve.
    while worker.wait(Duration::from_millis(100)).is_some() {}
    worker.show(View { label: Label::Given(9), ..view(0.2) });
    let moved = shown(&worker);
    assert!(along.is_of(&moved));
    assert!(worker.wait(Duration::from_millis(100)).is_none());
}
