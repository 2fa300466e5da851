//! The Test sets page: nets under attacks on whole test sets.

use eframe::egui::{self, Button, CentralPanel, Context, Frame, Margin, Panel, ScrollArea, Ui, vec2};
use egui_material_icons::icons;

use crate::app::commands::{Command, spelled};
use crate::app::pages::explore::state::Explore;
use crate::app::pages::test_sets::commands::TestCommand;
use crate::app::pages::test_sets::settings::Fields;
use crate::app::pages::test_sets::sheet::Textures;
use crate::app::pages::test_sets::state::{Part, TestSet};
use crate::app::pages::test_sets::{confusion, curves, histogram, settings};
use crate::app::pages::train::view::remark;
use crate::app::theme::{self, SPACE_2, SPACE_3, palette};
use crate::app::widgets::progress_bar::progress;
use crate::app::widgets::{command_button, icon_button, problem_line, segmented_wrapped};
use crate::app::words;
use crate::engine::attack::{Attack, Loss, Rules};
use crate::worker::{Curve, Sheet};

const SETTINGS: f32 = 264.0;
const NARROW_SETTINGS: f32 = 212.0;

/// What the page keeps from frame to frame.
#[derive(Default)]
pub struct TestSetPage {
    fields: Fields,
    textures: Textures,
}

impl TestSetPage {
    /// Takes the pictures of a contact sheet.
    pub fn take(&mut self, ctx: &Context, sheet: &Sheet) {
        self.textures.take(ctx, sheet);
    }

    pub fn show(&mut self, ui: &mut Ui, tests: &mut TestSet, explore: &Explore, out: &mut Vec<Command>) {
        let width = if theme::compact(ui) { NARROW_SETTINGS } else { SETTINGS };
        // The scroll bar has the room at the right to itself.
        let left = theme::bar_frame(ui).inner_margin(Margin { left: 16, right: 0, top: 12, bottom: 12 });
        Panel::left("test settings").frame(left).resizable(false).exact_size(width + 32.0).show(ui, |ui| {
            self.foot(ui, tests, out);
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                ui.set_max_width(width);
                settings::show(ui, &mut self.fields, &mut tests.choices, explore);
            });
        });
        let middle =
            Frame::new().fill(palette(ui).canvas).inner_margin(Margin { left: 16, right: 16, top: 12, bottom: 12 });
        CentralPanel::default().frame(middle).show(ui, |ui| self.results(ui, tests, explore, out));
    }

    /// Measure and Stop, below the settings wherever they are scrolled to.
    fn foot(&self, ui: &mut Ui, tests: &TestSet, out: &mut Vec<Command>) {
        let frame = Frame::new().inner_margin(Margin { left: 0, right: 16, top: 8, bottom: 0 });
        Panel::bottom("test run").frame(frame).show_separator_line(false).show(ui, |ui| {
            if let Some((share, text, left)) = &tests.progress {
                let left = left.map(|left| format!(" · {} s left", left.as_secs() + 1)).unwrap_or_default();
                progress(ui, ui.available_width(), *share, &format!("{:.0} %{left}", share * 100.0));
                ui.add(egui::Label::new(theme::weak(ui, text.as_str())).truncate());
                command_button(ui, Command::Test(TestCommand::Stop), out);
            } else {
                ui.horizontal(|ui| {
                    // An empty page has the primary button in its middle.
                    let is_empty = tests.curves.is_empty() && tests.part != Part::Transfer;
                    if is_empty {
                        command_button(ui, Command::Test(TestCommand::Measure), out);
                    } else {
                        measure_button(ui, "Measure", out);
                    }
                    command_button(ui, Command::Test(TestCommand::Transfer), out);
                });
            }
        });
    }

    fn results(&mut self, ui: &mut Ui, tests: &mut TestSet, explore: &Explore, out: &mut Vec<Command>) {
        for problem in &tests.problems {
            problem_line(ui, problem);
        }
        ui.horizontal_wrapped(|ui| {
            let options =
                Part::ALL.map(|part| TestCommand::View(part).about()).map(|about| (about.name, about.tooltip));
            let chosen = Part::ALL.iter().position(|part| *part == tests.part).unwrap_or(0);
            if let Some(index) = segmented_wrapped(ui, "Show", &options, chosen) {
                out.push(Command::Test(TestCommand::View(Part::ALL[index])));
            }
            let is_transfer = tests.part == Part::Transfer;
            if if is_transfer { tests.transferred.is_some() } else { !tests.curves.is_empty() } {
                icon_button(ui, Command::Test(TestCommand::CopyTable), out);
                icon_button(ui, Command::Test(TestCommand::CopyCommand), out);
            }
            if !is_transfer && !tests.curves.is_empty() {
                icon_button(ui, Command::Test(TestCommand::RemoveAll), out);
            }
        });
        if tests.part == Part::Transfer {
            confusion::transfer(ui, tests);
            return;
        }
        if tests.curves.is_empty() {
            empty(ui, tests.progress.is_some(), out);
            return;
        }
        warnings(ui, tests);
        if tests.part != Part::Curves {
            curves::chooser(ui, tests);
        }
        match tests.part {
            Part::Curves => curves::show(ui, tests, explore, out),
            Part::Sheet => self.textures.show(ui, tests, out),
            Part::Confusion => confusion::show(ui, tests),
            Part::Confidence => histogram::confidence(ui, tests),
            Part::Lengths => histogram::lengths(ui, tests),
            Part::Transfer => {}
        }
    }
}

/// What to do first.
fn empty(ui: &mut Ui, is_measuring: bool, out: &mut Vec<Command>) {
    if is_measuring {
        remark(ui, "Measuring", "The first curve appears as soon as it is measured.");
        return;
    }
    let text = "Choose pictures, nets and attacks at the left: each net is asked about the same test pictures, attacked with each \
                ε. The usual settings take a few seconds and need no network.";
    remark(ui, "Measure how much a net withstands", text);
    ui.vertical_centered(|ui| measure_button(ui, "Measure with these settings", out));
}

/// The one primary button of the page. `name` is for assistive technology.
fn measure_button(ui: &mut Ui, name: &str, out: &mut Vec<Command>) {
    let command = Command::Test(TestCommand::Measure);
    let (about, palette) = (command.about(), palette(ui));
    let icon = icons::ICON_PLAY_ARROW.rich_text().size(17.0).color(palette.on_accent);
    let text = theme::strong(about.name).color(palette.on_accent);
    let button = Button::new((icon, text)).fill(palette.accent).min_size(vec2(0.0, theme::CONTROL_HEIGHT));
    let keys = about.shortcut.as_ref().map(spelled).unwrap_or_default();
    let response = ui.add(button).on_hover_text(format!("{}  ({keys})", about.tooltip));
    if response.accessible_name(name).clicked() {
        out.push(command);
    }
}

/// What makes the curves doubtful, a sentence each.
fn warnings(ui: &mut Ui, tests: &TestSet) {
    let palette = palette(ui);
    let mut told: Vec<String> = Vec::new();
    for curve in &tests.curves {
        let of_net = |warning: &String| format!("{}: {warning}.", curve.title);
        told.extend(curve.warnings.iter().map(of_net));
    }
    told.sort();
    told.dedup();
    if told.is_empty() {
        return;
    }
    ui.add_space(SPACE_2);
    let frame =
        Frame::new().fill(palette.fooled_soft).corner_radius(theme::RADIUS).inner_margin(Margin::symmetric(8, 6));
    frame.show(ui, |ui| {
        ScrollArea::vertical().max_height(76.0).id_salt("warnings").show(ui, |ui| {
            for text in told {
                ui.horizontal_top(|ui| {
                    ui.label(icons::ICON_WARNING.rich_text().size(16.0).color(palette.fooled));
                    ui.add(egui::Label::new(text).wrap());
                });
            }
        });
    });
}

/// What the numbers of a curve rest on.
pub fn conditions(curve: &Curve) -> String {
    let survey = &curve.survey;
    let pixels = pixels(survey.rules);
    let loss = match curve.attack.follows_loss() {
        true if survey.rules.loss == Loss::LogOdds => ", slope of the log-odds",
        true => ", slope of the cross-entropy",
        false => "",
    };
    format!("{}, {}, true labels, {pixels}{loss}, seed {}", survey.data, first(curve.found.n), survey.rules.seed)
}

/// "first 500 test pictures"
pub fn first(n: usize) -> String {
    match n {
        1 => "first test picture".into(),
        n => format!("first {} test pictures", words::thousands(n)),
    }
}

/// How a survey treats pixels.
pub fn pixels(rules: Rules) -> String {
    let clip = if rules.bounds.is_some() { "clipped to [0, 1]" } else { "not clipped" };
    if rules.eight_bit { format!("{clip}, rounded to 8 bits") } else { clip.into() }
}

pub fn space(ui: &mut Ui) {
    ui.add_space(SPACE_3);
}
