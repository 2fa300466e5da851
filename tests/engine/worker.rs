//! The worker without a window: the newest view wins, failures are messages, saving is verified.

use std::time::Duration;

use doppelganger::engine::attack::{AttackSettings, Baseline, Goal, Label, Loss, Norm, Pgd, Rules, Verdict};
use doppelganger::engine::data::{Invert, Split};
use doppelganger::engine::model::Catalogue;
use doppelganger::engine::picture::{Background, Channel, Heatmap, HeatmapQuantity, Picture, Region, open, save_png};
use doppelganger::engine::train::{Config, EpochRecord, Trainer};
use doppelganger::worker::{
    Church, ChurchWish, Event, Mismatch, Probe, ProbeEvent, ProbeWish, SecondWish, Shown, Source, TestEvent, View,
    Wish, Worker,
};

fn worker() -> Worker {
    Worker::with_folders(Catalogue::new(Vec::new()), "no runs".into(), "no results".into(), || {}).unwrap()
}

fn view(eps: f32) -> View {
    View {
        model: "digits_maxout".into(),
        picture: Source::Sample("digit-7".into()),
        background: Background::default(),
        crop: None,
        invert: Invert::Auto,
        own_pixels: Some(false),
        mismatch: Mismatch::Keep,
        along_line: false,
        label: Label::Predicted,
        goal: Goal::Untargeted,
        attack: AttackSettings::default(),
        eps,
        seed: 0,
        step: None,
        loss: Loss::CrossEntropy,
        clip: true,
        eight_bit: false,
        heatmap: Heatmap { quantity: HeatmapQuantity::Perturbation, channel: Channel::Strongest, gain: 1.0 },
    }
}

/// The next event that is an answer of some kind.
fn next(worker: &Worker) -> Event {
    loop {
        match worker.wait(Duration::from_secs(30)).expect("an event within 30 seconds") {
            Event::Busy { .. } | Event::Catalogue(_) | Event::Training(_) | Event::TestSet(TestEvent::Kept(_)) => {}
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
        (view(f32::NAN), "ε is NaN"),
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
            assert_eq!(saved.reread.guess.index, saved.on_screen.index);
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
fn a_file_that_changed_is_read_again_when_somebody_looks_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let write =
        |level, side: usize| save_png(&Picture::new(side, side, 1, vec![level; side * side]), &path, &[]).unwrap();
    let at = |eps| View { picture: Source::File(path.clone()), ..view(eps) };
    let level = |worker: &Worker, eps| {
        worker.show(at(eps));
        (shown(worker).original.values[400] * 255.0).round()
    };
    write(90, 28);
    let worker = worker();
    assert_eq!(level(&worker, 0.1), 90.0);
    write(200, 29);
    assert_eq!(level(&worker, 0.2), 90.0, "nobody looked yet");
    worker.look_again();
    let told = |event: Event| matches!(event, Event::PictureChanged(changed) if changed == path);
    assert!(told(next(&worker)));
    assert_eq!(level(&worker, 0.3), 200.0);
    worker.look_again();
    let event = worker.wait(Duration::from_millis(200));
    assert!(event.is_none(), "nothing is new, but {event:?}");
    // A file that cannot be read is told, and what is on screen can still be attacked.
    std::fs::write(&path, b"no picture").unwrap();
    worker.look_again();
    match next(&worker) {
        Event::Failed { revision: 0, message } => assert!(message.contains("a.png"), "{message}"),
        event => panic!("expected a failure, got {event:?}"),
    }
    assert_eq!(level(&worker, 0.2), 200.0);
    // Another background needs the file again, and says that it is another one.
    write(50, 30);
    worker.show(View { background: Background([0; 3]), ..at(0.1) });
    assert!(told(next(&worker)));
    assert_eq!((shown(&worker).original.values[400] * 255.0).round(), 50.0);
}

#[test]
fn of_a_photo_too_large_for_its_own_resolution_the_middle_is_attacked() {
    let worker = worker();
    let (width, height) = (2400, 1500);
    let picture = Picture::new(width, height, 1, vec![120; width * height]).into();
    let large = View { picture: Source::Memory { name: "large".into(), picture }, own_pixels: Some(true), ..view(0.1) };
    worker.show(large.clone());
    let first = shown(&worker);
    let crop = first.view.crop.expect("a crop");
    assert_eq!(first.view, View { crop: Some(crop), ..large.clone() });
    assert!((crop.left + crop.width / 2.0 - 1200.0).abs() < 1e-6 && (crop.width / crop.height - 1.6).abs() < 1e-9);
    assert!(crop.width * crop.height <= first.largest_crop + 1e-3 && first.original.values.len() <= 1 << 21);
    // Asked for as it is, nothing is computed anew; and what fits stays as it was chosen.
    worker.show(first.view.clone());
    let again = shown(&worker);
    assert!(std::sync::Arc::ptr_eq(&again.original, &first.original));
    let small = Region { left: 10.0, top: 10.0, width: 300.0, height: 200.0 };
    worker.show(View { crop: Some(small), ..large });
    assert_eq!(shown(&worker).view.crop, Some(small));
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

#[test]
fn an_iterated_attack_is_shown_step_by_step_and_at_its_end_as_it_is_headless() {
    let worker = worker();
    let pgd = Pgd { norm: Norm::Linf, steps: 12, step_size: None, random_start: true, restarts: 1 };
    let at = |step, seed| View { attack: AttackSettings::Pgd(pgd), seed, step, ..view(0.1) };
    let show = |view| {
        worker.show(view);
        loop {
            let shown = shown(&worker);
            // What comes before the end, or the step that was asked for, is what the attack comes to on the way.
            if shown.timeline.is_over || shown.view.step == Some(shown.timeline.step) {
                return shown;
            }
        }
    };
    // Only as far as it is wanted.
    let third = show(at(Some(3), 5));
    assert_eq!((third.timeline.step, third.timeline.done, third.timeline.of), (3, 3, 12));
    assert!(!third.timeline.is_over && third.timeline.moments.len() == 4);
    let untouched = show(at(Some(0), 5));
    assert_eq!(untouched.adversarial.values, untouched.original.values);
    assert_eq!(untouched.timeline.done, 3, "what was done is kept");
    let last = show(at(None, 5));
    assert!(last.timeline.is_result && last.timeline.done == 12);
    assert_eq!(show(at(Some(3), 5)).adversarial.values, third.adversarial.values);
    // Each moment says what the net says of that step.
    for step in [0, 3, 7, 12] {
        let shown = show(at(Some(step), 5));
        let moment = shown.timeline.moments[step];
        assert_eq!((moment.step, moment.answer), (step, shown.adversarial_top[0].index));
        assert_eq!(moment.label, shown.label_prob.1);
    }

    let model = std::sync::Arc::new(Catalogue::new(Vec::new()).load("digits_maxout").unwrap());
    let picture = model.fit(&doppelganger::engine::data::sample("digit-7").unwrap().picture().unwrap()).unwrap();
    let baseline = Baseline::new(&model, picture, Label::Predicted, Goal::Untargeted, Loss::CrossEntropy).unwrap();
    let problem = baseline.problem(&model, Rules { seed: 5, ..Rules::default() }).unwrap().with_eps(&[0.1]).unwrap();
    assert_eq!(last.adversarial.values, baseline.attacked(&pgd, &problem).unwrap().adversarial.values);
    assert_ne!(show(at(None, 6)).adversarial.values, last.adversarial.values, "another start");
}

#[test]
fn an_attack_that_keeps_the_best_picture_ends_with_it() {
    let worker = worker();
    worker.show(View { attack: AttackSettings::named("cw").unwrap(), ..view(0.0) });
    let last = loop {
        let shown = shown(&worker);
        if shown.timeline.is_over {
            break shown;
        }
    };
    assert!(last.timeline.is_result && last.verdict == Verdict::Fooled);
    assert!((1e-3..3.0).contains(&last.length) && (last.length - last.l2).abs() < 1e-6, "{}", last.length);
    // Long films keep what fits.
    let moments = &last.timeline.moments;
    assert!((100..=512).contains(&moments.len()) && moments.len() < last.timeline.done, "{}", moments.len());
    assert!(moments.is_sorted_by_key(|moment| moment.step));
}

#[test]
fn an_attacked_photo_is_shown_to_another_net_as_its_file_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cup.png");
    let worker = worker();
    let other = SecondWish { model: "photos109_robust".into(), is_own: false };
    worker.study(Wish { second: Some(other), ..Wish::default() });
    let crop = Some(Region { left: 110.0, top: 20.0, width: 350.0, height: 350.0 });
    let photo = View { model: "photos109".into(), picture: Source::Sample("coffee".into()), crop, ..view(4.0 / 255.0) };
    let revision = worker.show(View { own_pixels: Some(true), ..photo });
    let answers = loop {
        match next(&worker) {
            Event::Second(second) if second.revision == revision => break second.outcome.unwrap(),
            Event::Second(_) | Event::Shown(_) => {}
            event => panic!("expected a picture or the other net's answer, got {event:?}"),
        }
    };
    worker.save(path.clone());
    assert!(matches!(next(&worker), Event::Saved(_)));
    let robust = Catalogue::new(Vec::new()).load("photos109_robust").unwrap();
    let file = open(&path).unwrap();
    let expected = robust.probabilities(&robust.lens(&file, crop).unwrap().fit(&file).unwrap()).unwrap();
    assert_eq!(answers.adversarial_top, robust.top(&expected, 2));
    assert_ne!(answers.adversarial_top[0].prob, answers.clean_top[0].prob);
}

/// What a probe of these settings comes to after its last step.
fn probe(worker: &Worker, wish: &ProbeWish) -> Probe {
    worker.probe(Some(wish.clone()));
    loop {
        match worker.wait(Duration::from_secs(60)).expect("an event within a minute") {
            Event::Probe(ProbeEvent::Found(found)) if found.wish == *wish && found.is_over => return *found,
            Event::Probe(ProbeEvent::Failed(_, why)) => panic!("{why}"),
            _ => {}
        }
    }
}

#[test]
fn a_probe_is_a_short_run_of_the_settings() {
    let worker = worker();
    let config = Config {
        data: "drawn:3000".parse().unwrap(),
        model: "maxout:16x2".into(),
        batch: 400,
        eps: 0.1,
        ..Config::default()
    };
    let wish = ProbeWish { config: config.clone(), picture: 4 };
    let found = probe(&worker, &wish);
    assert_eq!((found.of, found.training_pictures, found.is_of_small_net()), (301, 2500, false));
    // A busy machine may not take all of them in its time.
    assert!(found.steps > 0 && found.steps.is_multiple_of(7), "{} steps", found.steps);
    // The same settings as a run of their own, to the last bit.
    let manifest = config.manifest(&Catalogue::new(Vec::new())).unwrap();
    let data = config.open_data(Split::Train, &manifest.classes, &mut |_| true).unwrap();
    let mut run = Trainer::new(manifest, data.into(), found.config.clone()).unwrap();
    while run.history().len() < found.steps / 7 {
        run.advance().unwrap();
    }
    let alone = run.history().last().copied().map(|record| EpochRecord { seconds: 0.0, ..record });
    assert_eq!(found.record.map(|record| EpochRecord { seconds: 0.0, ..record }), alone);
    let [clean, adversarial] = [alone.unwrap().clean.unwrap(), alone.unwrap().adversarial.unwrap()];
    assert!(clean.error() < 0.5 && adversarial.error() > clean.error(), "{clean:?} {adversarial:?}");

    // Its picture was attacked at ε, and what stands below it is the net's answer.
    let example = found.example.unwrap();
    let seen = run.example(4, &config).unwrap();
    let moved = seen.adversarial.pixels.iter().zip(&seen.clean.pixels).map(|(to, from)| (to - from).abs());
    let most = moved.fold(0.0, f32::max);
    assert!((most - 0.1).abs() < 1e-6, "{most}");
    assert_eq!(example.adversarial.probability, seen.adversarial.probability);
    assert_eq!((example.label, example.clean.class), (seen.label.to_string(), seen.clean.answer.to_string()));

    // Only the newest wish is fulfilled.
    for eps in [0.2, 0.25] {
        worker.probe(Some(ProbeWish { config: Config { eps, ..config.clone() }, picture: 0 }));
    }
    let newest = ProbeWish { config: Config { eps: 0.3, ..config.clone() }, picture: 0 };
    assert_eq!(probe(&worker, &newest).record.unwrap().eps, 0.3);
}

fn church(worker: &Worker) -> Church {
    loop {
        match next(worker) {
            Event::Church(church) => return *church,
            Event::Shown(_) => {}
            event => panic!("expected a church window, got {event:?}"),
        }
    }
}

#[test]
fn a_church_window_gets_finer_and_stays_while_epsilon_moves() {
    let worker = worker();
    let wish = |seed, second: Option<&str>| Wish {
        church: Some(ChurchWish { seed, second: second.map(Into::into) }),
        ..Wish::default()
    };
    worker.study(wish(0, None));
    worker.show(view(0.1));
    let first = shown(&worker);
    let mut sides = Vec::new();
    let last = loop {
        let church = church(&worker);
        assert!(church.is_of(&first) && church.second.is_none());
        sides.push(church.first.as_ref().unwrap().map.side);
        if church.is_final {
            break church;
        }
    };
    assert_eq!(sides, [9, 17, 33, 65, 129]);
    // The map is that of the attack at any ε.
    let map = last.first.unwrap().map;
    for eps in [0.0, 0.125, 0.25, 0.5] {
        worker.show(view(eps));
        let shown = shown(&worker);
        assert_eq!(map.at(eps, 0.0).unwrap().class, shown.adversarial_top[0].index, "at ε = {eps}");
        assert!((map.at(eps, 0.0).unwrap().probability - shown.adversarial_top[0].prob).abs() < 1e-3);
        assert!(worker.wait(Duration::from_millis(150)).is_none(), "it was computed again at ε = {eps}");
    }
    // Another net on the same plane.
    worker.study(wish(0, Some("digits_cnn")));
    let both = loop {
        let church = church(&worker);
        assert_eq!(church.first.as_ref().unwrap().map, map);
        if church.is_final {
            break church;
        }
    };
    let second = both.second.unwrap().unwrap();
    let cnn = Catalogue::new(Vec::new()).load("digits_cnn").unwrap();
    let expected = cnn.top(&cnn.probabilities(&shown_at(&worker, 0.25).adversarial).unwrap(), 1);
    assert_eq!((second.title, second.map.at(0.25, 0.0).unwrap().class), (cnn.manifest.name, expected[0].index));
    // Another random direction leaves the row of the attack as it is, and a newer view comes first.
    worker.study(wish(1, None));
    let other = church(&worker);
    assert!(!other.is_final && other.wish.seed == 1);
    let coarse = other.first.unwrap().map;
    for column in 0..coarse.side {
        let along = coarse.coordinate(column);
        assert_eq!(coarse.at(along, 0.0), map.at(along, 0.0));
    }
    let revision = worker.show(View { attack: AttackSettings::named("deepfool").unwrap(), ..view(0.1) });
    loop {
        match next(&worker) {
            Event::Shown(shown) if shown.revision == revision && shown.timeline.is_over => {
                let church = church(&worker);
                assert!(church.is_of(&shown), "the map follows the attack");
                break;
            }
            _ => {}
        }
    }
}

fn shown_at(worker: &Worker, eps: f32) -> Shown {
    worker.show(view(eps));
    loop {
        if let Event::Shown(shown) = next(worker) {
            return *shown;
        }
    }
}
