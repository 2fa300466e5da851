//! The settings say what is measured next.

use egui::{self, AtomExt as _, Checkbox, TextEdit, Ui};

use crate::app::pages::explore::commands::attack::AttackCommand;
use crate::app::pages::explore::nets::grouped;
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::words;
use crate::app::pages::test_sets::state::choices::{Choices, MOST_PICTURES};
use crate::app::theme::{self, SPACE_2};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::form::{self, Fields};
use crate::app::widgets::problem_line;
use crate::engine::picture::PictureKind;

/// The names are those of the command line.
const SETS: [(&str, &str, &str); 3] = [
    ("drawn:5000", "Drawn digits", "1 000 test digits that the program draws itself"),
    ("mnist", "MNIST", "10 000 test digits, if they were fetched in the Train tab"),
    ("fashion-mnist", "Fashion-MNIST", "10 000 test pictures of clothes, if they were fetched in the Train tab"),
];

pub fn show(ui: &mut Ui, fields: &mut Fields, choices: &mut Choices, explore: &Explore) {
    ui.spacing_mut().item_spacing.y = 4.0;
    choices.know_kind(&explore.catalogue);
    pictures(ui, fields, choices);
    nets(ui, choices, explore);
    attacks(ui, choices, explore);
    heading(ui, if choices.reads_photos { "ε for photos" } else { "ε for grey pictures" });
    let eps =
        TextEdit::singleline(choices.eps_mut()).desired_width(f32::INFINITY).margin(egui::Margin::symmetric(8, 6));
    let tip = "With commas between, such as 0.1, 8/255; in the norm of each attack. Nets of pictures in colour and nets of \
               grey ones have values of their own, which are kept.";
    ui.add(eps.font(theme::number_font())).on_hover_text(tip).accessible_name("Values of ε");
    number(ui, fields, "Seed", "Of random starts and noise", form::SEEDS, &mut choices.seed);
    for (on, name, tip) in [
        (&mut choices.clip, "Clip to [0, 1]", "Keep pixels in the range that a screen shows"),
        (&mut choices.eight_bit, "8 bit", "Round every picture to 8 bits, as a file holds it, before the net sees it"),
        (
            &mut choices.skip_damaged,
            "Skip damaged pictures",
            "Look for picture files that cannot be read before measuring, and leave them out",
        ),
        (
            &mut choices.log_odds,
            "Log-odds",
            "Follow the slope of the log-odds: rounding does not hide it where a net is very sure",
        ),
    ] {
        ui.add(Checkbox::new(on, name)).on_hover_text(tip);
    }
    if let Err(problem) = choices.survey(|name| explore.parameters(name)) {
        ui.add_space(SPACE_2);
        problem_line(ui, &problem);
    }
}

fn pictures(ui: &mut Ui, fields: &mut Fields, choices: &mut Choices) {
    heading(ui, "Pictures");
    ui.horizontal_wrapped(|ui| {
        for (name, title, tip) in SETS {
            if ui.selectable_label(choices.data == name, title).on_hover_text(tip).clicked() {
                choices.data = name.into();
            }
        }
    });
    let path =
        TextEdit::singleline(&mut choices.data).desired_width(f32::INFINITY).margin(egui::Margin::symmetric(8, 6));
    let tip =
        "A set by name, or the path of a folder with MNIST's files or a sub-folder per class, or of such an archive";
    ui.add(path).on_hover_text(tip).accessible_name("Test pictures");
    let tip = "The first so many pictures of the test split";
    number(ui, fields, "How many", tip, 1..=MOST_PICTURES, &mut choices.n);
}

fn nets(ui: &mut Ui, choices: &mut Choices, explore: &Explore) {
    heading(ui, "Nets");
    let reads_no_photos = choices.has_grey_pictures();
    for (group, entries) in grouped(&explore.catalogue) {
        let entries: Vec<_> = entries.into_iter().filter(|entry| entry.problem.is_none()).collect();
        if !entries.is_empty() {
            ui.label(theme::caption(ui, group));
        }
        for entry in entries {
            let mut on = choices.nets.contains(&entry.name);
            let is_misfit = reads_no_photos && entry.made_for == Some(PictureKind::Photo);
            let tip = match (is_misfit, entry.description.is_empty()) {
                (true, _) => "reads photos; these pictures are small and grey",
                (false, true) => &entry.name,
                (false, false) => &entry.description,
            };
            // What was ticked for another set can be unticked.
            let is_changed = ui.add_enabled_ui(!is_misfit || on, |ui| tick(ui, &mut on, &entry.title, tip)).inner;
            if is_changed {
                toggle(&mut choices.nets, &entry.name, on);
            }
        }
    }
}

fn attacks(ui: &mut Ui, choices: &mut Choices, explore: &Explore) {
    heading(ui, "Attacks");
    let names = || {
        AttackCommand::listed().into_iter().filter_map(|command| match command {
            AttackCommand::Use(name) => Some((name, command.about().tooltip, explore.parameters(name))),
            _ => None,
        })
    };
    for (name, tooltip, attack) in names() {
        let mut on = choices.attacks.iter().any(|known| known == name);
        let tip = format!("{tooltip}\nIts parameters are those of Explore.");
        if tick(ui, &mut on, &words::attack(&attack), &tip) {
            toggle(&mut choices.attacks, name, on);
        }
    }
    ui.add_space(SPACE_2);
    let tip = "For each picture the smallest ε with which an attack fools the net: 20 rungs up to the largest ε, then \
               ten halves. Its lengths are under Lengths.";
    ui.label(theme::caption(ui, "Smallest ε of")).on_hover_text(tip);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        for (name, _, attack) in names().filter(|(_, _, attack)| attack.takes_eps()) {
            let is_on = choices.smallest.iter().any(|known| known == name);
            let title = attack.info().title;
            let chip = ui.selectable_label(is_on, title).on_hover_text(format!("{}\n{tip}", words::attack(&attack)));
            if chip.accessible_name(format!("Smallest ε of {title}")).clicked() {
                toggle(&mut choices.smallest, name, !is_on);
            }
        }
    });
}

fn heading(ui: &mut Ui, text: &str) {
    ui.add_space(SPACE_2);
    ui.label(theme::caption(ui, text));
}

fn tick(ui: &mut Ui, on: &mut bool, text: &str, tip: &str) -> bool {
    let switch = Checkbox::new(on, egui::Atom::from(text).atom_shrink(true));
    let tip = format!("{text}\n{tip}");
    ui.add(switch).on_hover_text(&tip).on_disabled_hover_text(tip).accessible_name(text).changed()
}

fn toggle(all: &mut Vec<String>, one: &str, on: bool) {
    all.retain(|known| known != one);
    if on {
        all.push(one.to_owned());
    }
}

fn number<T: Copy + ToString + TryFrom<usize>>(
    ui: &mut Ui,
    fields: &mut Fields,
    name: &'static str,
    tip: &str,
    range: std::ops::RangeInclusive<usize>,
    value: &mut T,
) {
    let field = fields.get(name);
    ui.horizontal(|ui| {
        ui.label(name).on_hover_text(tip);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let parse = |text: &str| form::parse_whole(text, name, &range);
            if let Some(typed) = field.show(ui, &format!("{name} as a number"), &value.to_string(), parse) {
                *value = T::try_from(typed).unwrap_or(*value);
            }
        });
    });
    field.show_problem(ui);
}
