//! What to measure.

use eframe::egui::{self, AtomExt as _, Checkbox, TextEdit, Ui};

use crate::app::commands::{AttackCommand, attack_title};
use crate::app::explore::Explore;
use crate::app::testset::{SMALLEST, TestSet};
use crate::app::theme::{self, SPACE_2};
use crate::app::widgets::{Field, problem_line};
use crate::app::words;

/// Half-typed numbers.
#[derive(Default)]
pub struct Fields {
    n: Field,
    seed: Field,
}

/// Sets to choose among, as a command line names them.
const SETS: [(&str, &str, &str); 3] = [
    ("drawn:5000", "Drawn digits", "1 000 test digits that the program draws itself"),
    ("mnist", "MNIST", "10 000 test digits, if they were fetched in the Train tab"),
    ("fashion-mnist", "Fashion-MNIST", "10 000 test pictures of clothes, if they were fetched in the Train tab"),
];

pub fn show(ui: &mut Ui, fields: &mut Fields, tests: &mut TestSet, explore: &Explore) {
    ui.spacing_mut().item_spacing.y = 4.0;
    heading(ui, "Pictures");
    ui.horizontal_wrapped(|ui| {
        for (name, title, tip) in SETS {
            if ui.selectable_label(tests.data == name, title).on_hover_text(tip).clicked() {
                tests.data = name.into();
            }
        }
    });
    let path = TextEdit::singleline(&mut tests.data).desired_width(f32::INFINITY).margin(egui::Margin::symmetric(8, 6));
    let tip =
        "A set by name, or the path of a folder with MNIST's files or a sub-folder per class, or of such an archive";
    ui.add(path).on_hover_text(tip).accessible_name("Test pictures");
    number(ui, &mut fields.n, "How many", "The first so many pictures of the test split", 1..=1_000_000, &mut tests.n);

    heading(ui, "Nets");
    for entry in explore.catalogue.iter().filter(|entry| entry.problem.is_none()) {
        let mut on = tests.nets.contains(&entry.name);
        let tip = if entry.description.is_empty() { &entry.name } else { &entry.description };
        if tick(ui, &mut on, &entry.title, tip) {
            toggle(&mut tests.nets, entry.name.clone(), on);
        }
    }

    heading(ui, "Attacks");
    for command in AttackCommand::listed() {
        let AttackCommand::Use(name) = command else { continue };
        let attack = explore.parameters(name);
        let mut on = tests.attacks.contains(&name);
        let text = format!("{}{}", attack_title(&attack), words::parameters(&attack));
        let tip = format!("{}\nIts parameters are those of Explore.", command.about().tooltip);
        if tick(ui, &mut on, &text, &tip) {
            toggle(&mut tests.attacks, name, on);
        }
    }
    let mut on = tests.attacks.contains(&SMALLEST);
    let tip =
        "For each picture the smallest ε with which FGSM fools the net: 20 rungs up to the largest ε, then ten halves";
    if tick(ui, &mut on, "Smallest ε of FGSM", tip) {
        toggle(&mut tests.attacks, SMALLEST, on);
    }

    heading(ui, "ε");
    let eps = TextEdit::singleline(&mut tests.eps).desired_width(f32::INFINITY).margin(egui::Margin::symmetric(8, 6));
    let tip = "With commas between, such as 0.1, 8/255; in the norm of each attack";
    ui.add(eps.font(theme::number_font())).on_hover_text(tip).accessible_name("Values of ε");
    number(ui, &mut fields.seed, "Seed", "Of random starts and noise", 0..=usize::MAX, &mut tests.seed);
    for (on, name, tip) in [
        (&mut tests.clip, "Clip to [0, 1]", "Keep pixels in the range that a screen shows"),
        (&mut tests.eight_bit, "8 bit", "Round every picture to 8 bits, as a file holds it, before the net sees it"),
        (
            &mut tests.log_odds,
            "Log-odds",
            "Follow the slope of the log-odds: rounding does not hide it where a net is very sure",
        ),
    ] {
        ui.add(Checkbox::new(on, name)).on_hover_text(tip);
    }
    if let Err(problem) = tests.survey(|name| explore.parameters(name)) {
        ui.add_space(SPACE_2);
        problem_line(ui, &problem);
    }
}

fn heading(ui: &mut Ui, text: &str) {
    ui.add_space(SPACE_2);
    ui.label(theme::caption(ui, text));
}

fn tick(ui: &mut Ui, on: &mut bool, text: &str, tip: &str) -> bool {
    let switch = Checkbox::new(on, egui::Atom::from(text).atom_shrink(true));
    ui.add(switch).on_hover_text(format!("{text}\n{tip}")).accessible_name(text).changed()
}

fn toggle<T: PartialEq>(all: &mut Vec<T>, one: T, on: bool) {
    all.retain(|known| *known != one);
    if on {
        all.push(one);
    }
}

fn number<T: Copy + ToString + TryFrom<usize>>(
    ui: &mut Ui,
    field: &mut Field,
    name: &str,
    tip: &str,
    range: std::ops::RangeInclusive<usize>,
    value: &mut T,
) {
    ui.horizontal(|ui| {
        ui.label(name).on_hover_text(tip);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let parse = |text: &str| {
                let number = text.trim().replace(['\u{202F}', ' '], "").parse::<usize>().ok();
                let found = number.filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
                let (least, most) = (range.start(), range.end());
                found.ok_or_else(|| format!("{name} is {text:?}; expected a whole number from {least} to {most}"))
            };
            if let Some(typed) = field.show(ui, &format!("{name} as a number"), &value.to_string(), parse) {
                *value = typed;
            }
        });
    });
    if let Some(problem) = &field.problem {
        problem_line(ui, problem);
    }
}
