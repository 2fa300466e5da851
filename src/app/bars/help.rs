//! The help lists the shortcuts, read from the list of commands, and says how to read the picture.

use egui::{self, Grid, Id, Modal, ScrollArea, Ui};

use crate::app::commands::tab::Tab;
use crate::app::commands::window::WindowCommand;
use crate::app::commands::{Command, Place};
use crate::app::theme::{self, SPACE_2, SPACE_4, SPACE_6};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::about::spelled;

const READING: [(&str, &str); 7] = [
    (
        "Small is not invisible.",
        "1/255 cannot be seen. ε = 0.3 can be seen by anyone, and a person still reads the digit: that is what makes \
         it an adversarial example.",
    ),
    (
        "It is not just noise.",
        "Random noise of the same size hardly ever changes the answer. δ follows the slope of the loss at this \
         picture.",
    ),
    (
        "FGSM cannot force any label.",
        "It takes one step. Away from the label it usually succeeds; to one chosen class of many it rarely does.",
    ),
    (
        "High confidence does not mean right.",
        "Nets are often more certain of an adversarial picture than of the one it was made from.",
    ),
    (
        "Withstanding FGSM does not mean robust.",
        "Another attack, or several smaller steps, may still succeed; a gradient of zero only hides the way. That \
         is why the Train tab also measures PGD.",
    ),
    (
        "Adversarial training need not cost accuracy.",
        "In the paper the clean error fell too, from 0.94 % to 0.84 %. Train a run with α = 1 beside one with α = 0.5 \
         and compare.",
    ),
    (
        "The clean error is no guide when to stop.",
        "It is flat long before the adversarial one is: early stopping looks at the adversarial error alone.",
    ),
];

/// Shows the help; Escape, a click beside it and its button close it.
pub fn help(ui: &Ui, out: &mut Vec<Command>) {
    let modal = Modal::new(Id::unique("help")).frame(theme::question_frame(ui)).show(ui.ctx(), |ui| {
        let room = ui.ctx().content_rect();
        ui.set_width((room.width() - 96.0).min(820.0));
        ui.horizontal(|ui| {
            ui.label(egui::RichText::new("Help").font(theme::verdict_font()));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button("Close").clicked() {
                    out.push(WindowCommand::CloseOverlay.into());
                }
            });
        });
        ui.add_space(SPACE_2);
        let height = room.height() - 160.0;
        ui.spacing_mut().interact_size.y = 20.0;
        let scroll = ScrollArea::vertical().max_height(height).min_scrolled_height(height);
        scroll.auto_shrink([false, true]).show(ui, |ui| {
            if ui.available_width() < 720.0 + SPACE_6 {
                shortcuts(ui);
                return reading(ui);
            }
            ui.spacing_mut().item_spacing.x = SPACE_6;
            ui.columns(2, |columns| {
                columns[0].vertical(shortcuts);
                columns[1].vertical(reading);
            });
        });
    });
    if modal.should_close() {
        out.push(WindowCommand::CloseOverlay.into());
    }
}

fn shortcuts(ui: &mut Ui) {
    let of_explore = [
        ("Paste a picture or its path", "Ctrl+V"),
        ("Flip original and adversarial", "hold Space"),
        ("Zoom and move the pictures", "wheel, drag"),
        ("Read a pixel", "point, or Tab and arrows"),
    ];
    group(ui, "Everywhere", Place::Everywhere, &[("Whole window larger, smaller", "Ctrl+Plus, Ctrl+Minus")]);
    group(ui, "In a lesson", Place::Lesson, &[]);
    for tab in Tab::ALL {
        let others = if *tab == Tab::Explore { &of_explore[..] } else { &[] };
        group(ui, tab.about().name, Place::In(*tab), others);
    }
}

fn group(ui: &mut Ui, title: &str, place: Place, others: &[(&str, &str)]) {
    ui.label(theme::caption(ui, title));
    Grid::new(("shortcuts", title)).num_columns(2).spacing([SPACE_4, 2.0]).show(ui, |ui| {
        let mut row = |name: &str, keys: &str| {
            ui.label(name);
            ui.label(theme::number(keys));
            ui.end_row();
        };
        for command in Command::listed_in(place) {
            let about = command.about();
            if let Some(keys) = about.shortcut {
                row(about.name, &spelled(&keys));
            }
        }
        others.iter().for_each(|(name, keys)| row(name, keys));
    });
    ui.add_space(SPACE_2);
}

fn reading(ui: &mut Ui) {
    ui.label(theme::caption(ui, "How to read it"));
    for (title, text) in READING {
        ui.label(theme::strong(title));
        ui.add(egui::Label::new(text).wrap());
        ui.add_space(SPACE_2);
    }
}
