//! The questions of the form, each with the answer that it begins with.

use egui::{self, Align, ComboBox, Label, Layout, TextEdit, Ui};

use crate::app::commands::Command;
use crate::app::pages::models::commands::{Answer, ClassChoice, ModelsCommand};
use crate::app::pages::models::import::pixels;
use crate::app::pages::models::state::import::Import;
use crate::app::pages::models::state::steps::Built;
use crate::app::theme::{self, SPACE_2, SPACE_3};
use crate::app::widgets::about::about;
use crate::app::widgets::form::{Fields, named, parse_whole};
use crate::app::widgets::{alternatives, command_button, name_of_file, problem_line};
use crate::engine::model::Entry;
use crate::engine::picture::Fit;

const FITS: [(Fit, &str, &str); 3] = [
    (Fit::Squash, "Squash", "Both sides are scaled on their own; the picture may look stretched"),
    (Fit::Crop, "Crop", "The picture covers the input; what sticks out on two sides is cut off"),
    (Fit::Letterbox, "Letterbox", "The whole picture lies in the middle, with black bars beside it"),
];

/// The first names of the classes are shown, up to so many letters.
const PREVIEW: usize = 90;

fn say(answer: Answer) -> Command {
    ModelsCommand::Answer(answer).into()
}

pub fn show(ui: &mut Ui, import: &Import, catalogue: &[Entry], fields: &mut Fields, out: &mut Vec<Command>) {
    name(ui, import, catalogue, out);
    word(ui, import, out);
    output(ui, import, out);
    picture(ui, import, fields, out);
    if let Some(built) = import.net() {
        classes(ui, import, built, out);
    }
    named(ui, about("Fit", "How a picture gets the net's size"), |ui| {
        if let Some(fit) = alternatives(ui, "Fit", &FITS, import.fit) {
            out.push(say(Answer::Fit(fit)));
        }
    });
    if import.net().is_some() {
        ui.add_space(SPACE_3);
        pixels::show(ui, import, fields, out);
        pixels::problem(ui, import);
    }
}

fn name(ui: &mut Ui, import: &Import, catalogue: &[Entry], out: &mut Vec<Command>) {
    named(ui, about("Name", "What the lists and --model call it"), |ui| {
        let mut text = import.name.clone();
        let edit = TextEdit::singleline(&mut text).font(theme::number_font()).desired_width(ui.available_width());
        let edit = ui.add(edit.margin(egui::Margin::symmetric(8, 6))).accessible_name("Name of the net");
        if edit.changed() {
            out.push(say(Answer::Name(text)));
        }
    });
    if let Some(problem) = import.name_problem(catalogue).filter(|_| !import.is_keeping) {
        problem_line(ui, &problem);
    }
}

/// Names and shapes of weights do not tell all of a net: the person says which it is.
fn word(ui: &mut Ui, import: &Import, out: &mut Vec<Command>) {
    let Some(words) = import.words() else { return };
    let chosen = import.word();
    named(ui, about("Net", "The net that these weights are of; names and shapes do not tell such nets apart"), |ui| {
        let text = chosen.map_or("Choose one".into(), |word| word.to_string());
        let combo = ComboBox::from_id_salt("word").selected_text(text).width(ui.available_width()).truncate();
        let response = combo.show_ui(ui, |ui| {
            for word in words {
                let label = format!("{word}: {}", word.about());
                if ui.selectable_label(chosen == Some(*word), label).clicked() && chosen != Some(*word) {
                    out.push(say(Answer::Word(*word)));
                }
            }
        });
        response.response.accessible_name("Net");
    });
}

fn output(ui: &mut Ui, import: &Import, out: &mut Vec<Command>) {
    let Some(Ok(opened)) = &import.opened else { return };
    let (outputs, chosen) = (&opened.questions.outputs, import.output().unwrap_or_default());
    if outputs.len() < 2 {
        return;
    }
    named(ui, about("Output", "The output that holds one number a class"), |ui| {
        let combo = ComboBox::from_id_salt("output").selected_text(chosen).width(ui.available_width()).truncate();
        let response = combo.show_ui(ui, |ui| {
            for name in outputs {
                if ui.selectable_label(name == chosen, name).clicked() && name != chosen {
                    out.push(say(Answer::Output(name.clone())));
                }
            }
        });
        response.response.accessible_name("Output");
    });
}

/// Shows the size of the pictures; what the file leaves open can be chosen.
fn picture(ui: &mut Ui, import: &Import, fields: &mut Fields, out: &mut Vec<Command>) {
    let Some(Ok(opened)) = &import.opened else { return };
    let [channels, height, width] = opened.questions.axes;
    named(ui, about("Picture", "Height and width of the pictures that the net takes"), |ui| {
        let (_, [high, wide]) = (import.channels, import.size);
        match (height, width) {
            (Some(height), Some(width)) => {
                ui.label(format!("{height} × {width} pixels"));
            }
            _ => {
                let mut side = |ui: &mut Ui, name: &'static str, fixed: Option<usize>, value: usize| match fixed {
                    Some(fixed) => {
                        ui.label(fixed.to_string());
                        fixed
                    }
                    None => {
                        let parse = |text: &str| parse_whole(text, name, &(8..=4096));
                        fields.get(name).show(ui, name, &value.to_string(), parse).unwrap_or(value)
                    }
                };
                let high_now = side(ui, "Height", height, high);
                ui.label("×");
                let wide_now = side(ui, "Width", width, wide);
                ui.label("pixels");
                if [high_now, wide_now] != [height.unwrap_or(high), width.unwrap_or(wide)] {
                    out.push(say(Answer::Size([high_now, wide_now])));
                }
            }
        }
        ui.add_space(SPACE_2);
        match channels {
            Some(channels) => {
                ui.label(if channels == 1 { "grey" } else { "in colour" });
            }
            None => {
                let options = [(3, "Colour", "3 channels"), (1, "Grey", "1 channel")];
                if let Some(channels) = alternatives(ui, "Channels", &options, import.channels) {
                    out.push(say(Answer::Channels(channels)));
                }
            }
        }
    });
    for name in ["Height", "Width"] {
        fields.get(name).show_problem(ui);
    }
}

fn classes(ui: &mut Ui, import: &Import, built: &Built, out: &mut Vec<Command>) {
    named(ui, about("Classes", "What the outputs of the net are called, in their order"), |ui| {
        let chosen = match &import.classes {
            ClassChoice::Known(at) => built.lists.get(*at).map_or("", |list| spoken(list.name)).to_owned(),
            ClassChoice::File(path) => name_of_file(path),
        };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            command_button(ui, ModelsCommand::AskClasses, out);
            let combo = ComboBox::from_id_salt("classes").selected_text(chosen);
            let response = combo.width(ui.available_width()).truncate().show_ui(ui, |ui| {
                for (at, list) in built.lists.iter().enumerate() {
                    let is_chosen = import.classes == ClassChoice::Known(at);
                    if ui.selectable_label(is_chosen, spoken(list.name)).clicked() && !is_chosen {
                        out.push(say(Answer::Classes(ClassChoice::Known(at))));
                    }
                }
            });
            response.response.accessible_name("Classes");
        });
    });
    if let Some(problem) = import.class_problem() {
        problem_line(ui, problem);
    } else if let Some(names) = import.class_names() {
        named(ui, about("", ""), |ui| {
            ui.add(Label::new(theme::weak(ui, preview(names))).truncate());
        });
    }
}

/// Returns what people call a list of names.
fn spoken(list: &str) -> &str {
    match list {
        "imagenet" => "ImageNet",
        "cifar10" => "CIFAR-10",
        "cifar100" => "CIFAR-100",
        "fashion-mnist" => "Fashion-MNIST",
        "digits" => "Digits",
        "numbers" => "Numbers",
        other => other,
    }
}

/// Writes "1000: tench, goldfish, great white shark …".
fn preview(names: &[String]) -> String {
    let mut text = format!("{}: ", names.len());
    for (at, name) in names.iter().enumerate() {
        if text.len() > PREVIEW {
            return text + " …";
        }
        text += if at == 0 { "" } else { ", " };
        text += name;
    }
    text
}
