//! Figures are read back: texts are texts, points lie where the data say, files have the asked size.

use std::sync::Arc;

use svg::node::element::tag::Type;
use svg::parser::Event;
use svg2pdf::usvg::{self, Tree};

use super::axes::{AxisScale, Interval, plain};
use super::quantity::Panel;
use super::*;
use crate::engine::attack::{AttackSettings, PIXELS, Rules};
use crate::engine::eval::{AttackedResult, Evaluation, Prediction};
use crate::engine::picture::Rgba;
use crate::engine::train::{Config, EpochRecord, Measured};
use crate::engine::transfer_table::Transfer;

const COLUMN: FigureOptions = FigureOptions { width: Width::Millimetres(84.0), dpi: 300, font_size: 8.0 };

fn measured(wrong: usize) -> Option<Measured> {
    Some(Measured {
        n: 1000,
        wrong,
        loss: 0.01 * wrong as f32,
        confidence_on_mistakes: Some(0.7),
        ..Measured::default()
    })
}

fn history(worse: usize) -> Vec<EpochRecord> {
    let record = |epoch: usize| EpochRecord {
        epoch,
        loss: 1.0 / epoch as f32,
        clean: measured(60 / epoch + worse),
        adversarial: measured(700 / epoch + 3 * worse),
        pgd: measured(800 / epoch + 4 * worse),
        ..EpochRecord::default()
    };
    (1..=8).map(record).collect()
}

fn evaluation(n: usize) -> Evaluation {
    let results = [0.05, 0.1, 0.2].map(|eps: f32| AttackedResult {
        eps,
        correct: n - (eps * 4.0 * n as f32) as usize,
        ..AttackedResult::default()
    });
    Evaluation { n, classes: 10, clean_correct: n - 3, attacked: results.to_vec(), ..Evaluation::default() }
}

fn conditions() -> Conditions {
    let rules = Rules { bounds: Some(PIXELS), seed: 7, ..Rules::default() };
    Conditions { data: "mnist".into(), rules, command: Some("doppelganger sweep --eps 0.1 <a & b>".into()) }
}

fn shaded(width: usize, height: usize) -> Arc<Rgba> {
    let pixel = |i: usize| [(i % 256) as u8, (i / 3 % 256) as u8, 90, 255];
    Arc::new(Rgba { width, height, bytes: (0..width * height).flat_map(pixel).collect() })
}

fn step(eps: Option<f32>) -> Step {
    Step {
        eps,
        picture: shaded(28, 28),
        class: "Egyptian cat & a very long name of a class".into(),
        probability: 0.984,
    }
}

fn facts() -> AttackFacts {
    AttackFacts {
        picture: "chelsea".into(),
        model: "efficientnet_lite0".into(),
        attack: "FGSM".into(),
        goal: "away from \"tabby\" (given)".into(),
        fgsm_sign: Some(1),
        rules: Rules::default(),
        command: None,
    }
}

/// Returns one figure of each kind, with its name.
fn figures() -> Vec<(&'static str, Figure)> {
    let configs = [(0.1, 0.5), (0.1, 1.0), (0.25, 0.5), (0.25, 1.0)].map(|(eps, alpha)| Config {
        eps,
        alpha,
        ..Config::default()
    });
    let histories = [0, 10, 20, 40].map(history);
    let run =
        |at: usize| FigureRun { name: "run-0001", config: &configs[at], history: &histories[at], robustness: &[] };
    let runs: Vec<FigureRun<'_>> = (0..4).map(run).collect();
    let (fgsm, pgd) = (AttackSettings::default(), AttackSettings::named("pgd").unwrap());
    let found = [evaluation(1000), evaluation(200)];
    let curves = [("digits_cnn", &fgsm, 0), ("digits_cnn", &pgd, 1), ("digits_maxout", &fgsm, 1)]
        .map(|(net, attack, at)| MeasuredCurve { net, attack, found: &found[at] });
    let classes: Vec<String> = (0..10).map(|class| class.to_string()).collect();
    let answer = |i: usize| Prediction {
        label: i % 10,
        says: if i.is_multiple_of(7) { (i + 3) % 10 } else { i % 10 },
        confidence: (i % 100) as f32 / 100.0,
    };
    let answers: Vec<Prediction> = (0..500).map(answer).collect();
    let nets = ["digits_softmax", "digits_cnn", "digits_maxout"].map(String::from);
    let right = [vec![100, 700, 990], vec![880, 20, 400], vec![950, 640, 0]];
    let lines = ["tabby", "Egyptian cat", "tiger cat"].map(|class| ClassLine {
        class: class.into(),
        probabilities: (0..41).map(|i| (i as f32 / 40.0).powi(class.len() as i32 - 4)).collect(),
    });
    let eps: Vec<f32> = (0..41).map(|i| (i as f32 - 20.0) / 200.0).collect();
    let steps: Vec<Step> = [0.0, 2.0 / 255.0, 0.05, 0.1, 0.15, 0.2].map(|eps| step(Some(eps))).to_vec();
    let deepfool = AttackSettings::named("deepfool").unwrap();
    let lengths_found = Evaluation {
        lengths: Some((0..90).map(|i| if i < 80 { 0.02 * i as f32 } else { f32::INFINITY }).collect()),
        ..evaluation(100)
    };
    let of_lengths = MeasuredCurve { net: "digits_cnn", attack: &deepfool, found: &lengths_found };
    vec![
        ("curves", run_curves(&runs[..1], &Panel::ALL, false, None)),
        ("curves-of-runs", run_curves(&runs, &[Panel::Error], true, Some("doppelganger figure a".into()))),
        ("sweep", sweep_grid(&runs, SweepMeasure::default(), None)),
        ("trade-off", trade_off(&runs, SweepMeasure::default(), None)),
        ("weights", first_layer(&runs[0], &shaded(300, 60), None)),
        ("security", security_curves(&curves, &conditions())),
        (
            "confusion",
            confusion("digits_cnn", Some(AttackAt { attack: &fgsm, eps: 0.1 }), &answers, &classes, &conditions()),
        ),
        (
            "transfer",
            transfer(
                &Transfer { nets: &nets, attack: &fgsm, eps: 0.1, seed: 0, n: 1000, right: &right },
                &conditions(),
            ),
        ),
        ("confidences", confidences("digits_cnn", None, &answers, &conditions())),
        ("lengths", lengths(&of_lengths, &conditions()).unwrap()),
        ("sum", attack_sum(&facts(), &step(None), &shaded(28, 28), 0.1, &step(Some(8.0 / 255.0)))),
        ("pictures", attack_steps(&facts(), &steps)),
        ("church-window", of_maps::examples::church(facts(), &["efficientnet_lite0"])),
        ("church-windows", of_maps::examples::church(facts(), &["digits_cnn", "digits_cnn_robust"])),
        ("eps-curve", eps_curve(&facts(), &eps, &lines, Some(8.0 / 255.0))),
    ]
}

/// An element of an SVG with its attributes, and the text inside.
struct Element {
    name: String,
    attributes: svg::node::Attributes,
    text: String,
}

impl Element {
    fn number(&self, name: &str) -> f64 {
        self.attributes.get(name).map_or(0.0, |value| value.parse().unwrap())
    }
}

fn elements(svg: &str) -> Vec<Element> {
    let mut found: Vec<Element> = Vec::new();
    for event in svg::read(svg).unwrap() {
        match event {
            Event::Tag(name, Type::Start | Type::Empty, attributes) => {
                found.push(Element { name: name.into(), attributes, text: String::new() });
            }
            Event::Text(text) => found.last_mut().unwrap().text.push_str(text),
            Event::Error(error) => panic!("{error}"),
            _ => {}
        }
    }
    found
}

fn texts(figure: &Figure) -> Vec<String> {
    let svg = figure.svg(&COLUMN).unwrap();
    elements(&svg)
        .into_iter()
        .filter(|element| element.name == "text")
        .map(|element| element.text.trim().to_owned())
        .collect()
}

/// A text as it is drawn.
struct DrawnText {
    text: String,
    size: f32,
    /// What the letters cover, without the room above and below them.
    around: usvg::Rect,
}

fn drawn_texts(group: &usvg::Group, found: &mut Vec<DrawnText>) {
    for node in group.children() {
        match node {
            usvg::Node::Group(group) => drawn_texts(group, found),
            usvg::Node::Text(text) => found.push(DrawnText {
                text: text.chunks().iter().map(|chunk| chunk.text()).collect(),
                size: text.chunks()[0].spans()[0].font_size().get(),
                around: text.flattened().bounding_box().transform(text.abs_transform()).unwrap(),
            }),
            _ => {}
        }
    }
}

fn read_back(figure: &Figure) -> (usvg::Size, Vec<DrawnText>) {
    let options = usvg::Options { dpi: 72.0, fontdb: font::database(), ..usvg::Options::default() };
    let tree = Tree::from_str(&figure.svg(&COLUMN).unwrap(), &options).unwrap();
    let mut found = Vec::new();
    drawn_texts(tree.root(), &mut found);
    (tree.size(), found)
}

#[test]
fn every_figure_is_an_svg_with_texts_that_nothing_cuts_off() {
    for (name, figure) in figures() {
        let (page, texts) = read_back(&figure);
        assert!((f64::from(page.width()) - COLUMN.points()).abs() < 0.02, "{name}");
        assert!(!texts.is_empty() || name == "weights", "{name}");
        for DrawnText { text, size, around } in texts {
            let is_inside = around.left() >= 0.0
                && around.top() >= 0.0
                && around.right() <= page.width()
                && around.bottom() <= page.height();
            assert!(is_inside, "{name}: {text:?} lies at {around:?} of {page:?}");
            assert!(size >= 7.0, "{name}: {text:?} is {size} points large");
        }
    }
}

#[test]
fn texts_do_not_touch_each_other() {
    for (name, figure) in figures() {
        let (_, texts) = read_back(&figure);
        for (at, a) in texts.iter().enumerate() {
            for b in &texts[..at] {
                let across = a.around.right().min(b.around.right()) - a.around.left().max(b.around.left());
                let down = a.around.bottom().min(b.around.bottom()) - a.around.top().max(b.around.top());
                assert!(across < 0.3 || down < 0.3, "{name}: {:?} touches {:?}", a.text, b.text);
            }
        }
    }
}

#[test]
fn what_was_written_stands_in_the_svg_as_text() {
    let figures = figures();
    let of = |name: &str| texts(&figures.iter().find(|(found, _)| *found == name).unwrap().1);
    let expected: [(&str, &[&str]); 9] = [
        ("curves", &["Epoch", "Validation error (%)", "Loss (nats)", "clean", "FGSM", "PGD-10", "objective"]),
        ("curves-of-runs", &["ε 0.1, α 0.5", "ε 0.25, α 1", "Epoch"]),
        ("sweep", &["ε 0.1, α 1", "ε 0.25, α 0.5", "Epoch", "Error (%)"]),
        ("security", &["ε in L∞ (pixels in [0, 1])", "Accuracy (%)", "0", "100"]),
        ("church-window", &["ε along a random direction", "ε along the attack's direction (L∞, pixels in [0, 1])"]),
        ("church-windows", &["digits_cnn", "digits_cnn_robust", "ε along the attack", "and 5 other classes"]),
        ("sum", &["x", "ε sign ∇ₓJ", "x′", "+", "=", "ε = 8/255", "98.4 %"]),
        ("transfer", &["digits_cnn", "Made on", "Asked", "100.0 %", "90.0 %"]),
        ("confidences", &["Right answers: 428 of 500", "Confidence (%)", "Pictures"]),
    ];
    for (name, words) in expected {
        let found = of(name);
        for word in words {
            assert!(found.iter().any(|text| text == word), "{name}: {word:?} is not in {found:?}");
        }
    }
}

#[test]
fn points_lie_where_the_data_say() {
    let points = vec![[0.0, 0.25], [1.0, 0.5], [3.0, 1.0], [4.0, 0.0625]];
    for scale in [AxisScale::Linear, AxisScale::Logarithmic { floor: 0.01 }] {
        let x = Axis::linear("x", Interval::new(-1.0, 4.0), plain);
        let y = Axis {
            scale,
            ends: scale.ends(Interval::new(0.0625, 1.0), 1.0),
            ..Axis::linear("y", Interval::new(0.0, 1.0), plain)
        };
        let ends = y.ends;
        let line = Line {
            pen: Pen::plain(0, Dash::Solid),
            stretches: vec![points.clone()],
            intervals: Vec::new(),
            spread: Spread::Band,
            is_joined: true,
        };
        let plot = Plot { lines: vec![line], ..Plot::new(x, y) };
        let figure = Figure::new(Content::Plots(PlotGrid::single(plot)), Caption::default());
        let all = elements(&figure.svg(&COLUMN).unwrap());
        let frame = all.iter().rfind(|element| element.name == "rect").unwrap();
        let path =
            all.iter().find(|element| element.attributes.get("stroke").is_some_and(|s| &**s == "#0072b2")).unwrap();
        let drawn: Vec<f64> = path.attributes["d"]
            .split(['M', 'L', ' '])
            .filter(|part| !part.is_empty())
            .map(|number| number.parse().unwrap())
            .collect();
        assert_eq!(drawn.len(), 2 * points.len());
        for (drawn, [x, y]) in drawn.chunks(2).zip(&points) {
            let place = if scale == AxisScale::Linear { *y } else { y.log10() };
            let across = frame.number("x") + (x + 1.0) / 5.0 * frame.number("width");
            let up = (place - ends.low) / (ends.high - ends.low) * frame.number("height");
            let down = frame.number("y") + frame.number("height") - up;
            assert!((drawn[0] - across).abs() < 0.011 && (drawn[1] - down).abs() < 0.011, "{drawn:?}");
        }
    }
}

#[test]
fn bands_and_strokes_are_wilson_intervals() {
    // From scipy: binomtest(60, 1000).proportion_ci(method="wilson") is 0.0469 to 0.0765.
    let (config, history) = (Config::default(), history(0));
    let run = FigureRun { name: "run", config: &config, history: &history, robustness: &[] };
    let figure = run_curves(&[run], &[Panel::Error], false, None);
    let Content::Plots(plots) = &figure.content else { panic!("these are plots") };
    let (x, interval) = plots.plots[0].lines[0].intervals[0];
    assert_eq!(x, 1.0);
    assert!((interval.low - 0.0469).abs() < 1e-4 && (interval.high - 0.0765).abs() < 1e-4, "{interval:?}");
    assert!(
        figure.caption.text.contains("n = 1000") && figure.caption.text.contains("seed 0"),
        "{}",
        figure.caption.text
    );
}

#[test]
fn a_png_has_the_asked_pixels_and_knows_its_size_in_print() {
    let figure = &figures()[0].1;
    for (options, width) in [(COLUMN, 992), (FigureOptions { width: Width::Pixels(640), dpi: 96, font_size: 9.0 }, 640)]
    {
        let bytes = figure.png(&options).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let info = reader.info();
        assert_eq!(info.width, width);
        let dots = info.pixel_dims.unwrap();
        assert!((f64::from(dots.xppu) * 0.0254 - f64::from(options.dpi)).abs() < 0.1);
        assert!(info.utf8_text[0].get_text().unwrap().contains("Validation error"));
    }
    let pixels = figure.pixels(&COLUMN).unwrap();
    assert_eq!(pixels.bytes[..4], [255; 4], "the ground is white");
    assert!(pixels.bytes.chunks(4).any(|pixel| pixel[..3] == [0, 0, 0]), "something is drawn");
    assert!(pixels.bytes.chunks(4).all(|pixel| pixel[3] == 255));
}

#[test]
fn a_pdf_has_its_font_and_its_size() {
    let bytes = figures()[0].1.pdf(&COLUMN).unwrap();
    assert!(bytes.starts_with(b"%PDF-1."));
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("Inter-Regular") && text.contains("/FontFile3") && text.contains("/ToUnicode"));
    let size = text.split("/MediaBox").nth(1).unwrap();
    let width: f64 = size.trim_start_matches([' ', '[']).split_whitespace().nth(2).unwrap().parse().unwrap();
    assert!((width - COLUMN.points()).abs() < 0.1, "{width}");
}

#[test]
fn files_are_written_with_their_caption() {
    let folder = tempfile::tempdir().unwrap();
    let figure = security_curves(&[], &conditions());
    for format in Format::ALL {
        let path = folder.path().join(format!("curve_1.{}", format.ending()));
        write(&figure, &COLUMN, &path).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() > 500);
    }
    let caption = std::fs::read_to_string(folder.path().join("curve_1.caption.tex")).unwrap();
    assert!(caption.starts_with("\\caption{Accuracy") && caption.contains("seed 7"), "{caption}");
    assert!(caption.contains("\\ensuremath{<}a \\& b\\ensuremath{>}"), "{caption}");
    assert!(caption.contains("\\label{fig:curve-1}"), "{caption}");
    let message = write(&figure, &COLUMN, &folder.path().join("a.jpg")).unwrap_err().to_string();
    assert!(message.contains(".svg, .pdf or .png"), "{message}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4, "nothing else was written");
}

#[test]
fn captions_are_inside_the_svg_and_no_markup() {
    let svg = security_curves(&[], &conditions()).svg(&COLUMN).unwrap();
    let all = elements(&svg);
    let description = all.iter().find(|element| element.name == "desc").unwrap();
    assert!(description.text.contains("&lt;a &amp; b&gt;"), "{}", description.text);
}

/// Saves every figure for a look at them: `FIGURES=folder cargo test --release --lib every_figure_is_saved -- --ignored`.
#[test]
#[ignore = "it is for a look at the figures"]
fn every_figure_is_saved() {
    let folder = std::env::var("FIGURES").expect("FIGURES names a folder");
    for (name, figure) in figures() {
        for format in Format::ALL {
            let path = std::path::Path::new(&folder).join(format!("{name}.{}", format.ending()));
            write(&figure, &COLUMN, &path).unwrap();
        }
    }
}
