//! The page measures nets under attacks on whole test sets.

use std::collections::BTreeSet;
use std::path::PathBuf;

use egui::{self, Button, CentralPanel, Context, Frame, Margin, Panel, ScrollArea, Ui, vec2};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::commands::tab::Tab;
use crate::app::commands::window::WindowCommand;
use crate::app::files::figures::OfferedFigure;
use crate::app::notices::Tone;
use crate::app::page::{Menu, Page};
use crate::app::pages::explore::state::Explore;
use crate::app::pages::test_sets::commands::{TestCommand, TestPart};
use crate::app::pages::test_sets::figures::figures;
use crate::app::pages::test_sets::sheet::Textures;
use crate::app::pages::test_sets::state::TestSet;
use crate::app::pages::test_sets::{confusion, curves, histogram, settings};
use crate::app::settings::Settings;
use crate::app::shell::Shell;
use crate::app::system::clipboard::Clip;
use crate::app::theme::{self, SPACE_2, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::form::{Fields, note};
use crate::app::widgets::progress_bar::progress;
use crate::app::widgets::{command_button, icon_button, problem_line, remark, segmented_wrapped};
use crate::engine::attack::AttackSettings;
use crate::engine::data::tells_of_damaged;
use crate::engine::units::counted;
use crate::figure::Table;
use crate::worker::{Curve, SheetPicture, SheetWish, Source, TestEvent, TestOrder, Transferred};

const SETTINGS: f32 = 264.0;
const NARROW_SETTINGS: f32 = 212.0;
/// Longer lists of problems are scrolled.
const MOST_PROBLEMS: f32 = 120.0;

pub struct TestSetsPage {
    pub tests: TestSet,
    fields: Fields,
    textures: Textures,
}

impl Page for TestSetsPage {
    fn show(&mut self, ui: &mut Ui, shell: &mut Shell, out: &mut Vec<Command>) {
        let width = if theme::compact(ui) { NARROW_SETTINGS } else { SETTINGS };
        let left = theme::bar_frame(ui).inner_margin(Margin { left: 16, right: 0, top: 12, bottom: 12 });
        Panel::left("test settings").frame(left).resizable(false).exact_size(width + 32.0).show(ui, |ui| {
            self.foot(ui, out);
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                ui.set_max_width(width);
                settings::show(ui, &mut self.fields, &mut self.tests.choices, &shell.explore);
            });
        });
        let middle =
            Frame::new().fill(palette(ui).canvas).inner_margin(Margin { left: 16, right: 16, top: 12, bottom: 12 });
        CentralPanel::default().frame(middle).show(ui, |ui| self.results(ui, &shell.explore, out));
    }

    fn tick(&mut self, _ctx: &Context, shell: &mut Shell) {
        if shell.settings.tab == Tab::TestSets
            && let Some(wish) = self.tests.sheet_wish()
        {
            shell.worker.test(TestOrder::Sheet(wish));
        }
        if shell.settings.tab == Tab::TestSets
            && let Some(nets) = self.tests.take_unchecked()
        {
            shell.worker.test(TestOrder::Compare(nets));
        }
    }

    fn drop_hint(&self, _files: usize) -> &'static str {
        "Drop to test nets on the pictures of this folder or archive"
    }

    fn take_dropped(&mut self, path: PathBuf, _shell: &mut Shell) -> Option<Command> {
        self.tests.choices.data = path.display().to_string();
        None
    }

    fn menu(&self, _shell: &Shell) -> Menu {
        Menu {
            save: vec![
                WindowCommand::ExportFigure.into(),
                WindowCommand::SaveReport.into(),
                WindowCommand::SaveViewDialog.into(),
            ],
            copy: vec![
                WindowCommand::CopyFigure.into(),
                TestCommand::CopyTable.into(),
                TestCommand::CopyCommand.into(),
            ],
            ..Menu::default()
        }
    }

    fn figures(&self, _shell: &Shell) -> Vec<OfferedFigure> {
        figures(&self.tests)
    }

    fn remember(&self, shell: &mut Shell) {
        shell.settings.tests.clone_from(&self.tests.choices);
    }

    fn to_table(&self, shell: &Shell) -> toml::Table {
        self.tests.to_table(|name| shell.explore.parameters(name))
    }

    fn restore(&mut self, table: toml::Table, shell: &mut Shell) -> Result<(), toml::de::Error> {
        self.tests.restore(table)?.into_iter().for_each(|attack| shell.explore.leave_parameters(attack));
        Ok(())
    }
}

impl TestSetsPage {
    pub fn new(settings: &Settings) -> Self {
        Self { tests: TestSet::new(settings.tests.clone()), fields: Fields::default(), textures: Textures::default() }
    }

    pub fn take(&mut self, event: TestEvent, shell: &mut Shell, ctx: &Context) {
        if let TestEvent::Kept(kept) = &event {
            kept.problems.iter().for_each(|problem| shell.notices.add(Tone::Caution, problem.clone()));
        }
        if let TestEvent::Sheet(sheet) = &event {
            self.textures.take(ctx, sheet);
        }
        self.tests.take(event);
    }

    pub fn carry_out(&mut self, command: TestCommand, shell: &mut Shell, _ctx: &Context) {
        match command {
            TestCommand::Measure | TestCommand::Transfer => self.measure(command == TestCommand::Transfer, shell),
            TestCommand::SkipDamaged => {
                self.tests.choices.skip_damaged = true;
                self.measure(self.tests.part == TestPart::Transfer, shell);
            }
            TestCommand::Stop => shell.worker.stop_test(),
            TestCommand::Choose { nets, data } => {
                self.tests.choices.choose(nets, &data);
                self.tests.part = TestPart::Curves;
                shell.settings.tab = Tab::TestSets;
            }
            TestCommand::NextPage => self.tests.turn_page(1),
            TestCommand::PreviousPage => self.tests.turn_page(-1),
            TestCommand::View(part) => self.tests.part = part,
            TestCommand::Explore(index) => self.explore_picture(index, shell),
            TestCommand::Remove(index) => shell.worker.forget_curves(self.tests.remove(index).into_iter().collect()),
            TestCommand::RemoveAll => shell.worker.forget_curves(self.tests.remove_all()),
            TestCommand::CopyTable => {
                let transferred = self.tests.transferred.as_ref().filter(|_| self.tests.part == TestPart::Transfer);
                let table = transferred.and_then(Transferred::table);
                let what = if table.is_some() { "the table of transfer" } else { "the table of measurements" };
                let table = table.map_or_else(|| self.tests.table(), |table| table.csv());
                let rows = counted(table.lines().count().saturating_sub(1), "row");
                // Spreadsheets take columns from the clipboard by their tabs.
                let table = Table::from_csv(&table).tabbed();
                shell.copy(Clip::Text(table), format!("{what}, {rows} with tabs between"), String::new());
            }
            TestCommand::CopyCommand => {
                let (line, what) = match self.tests.part {
                    TestPart::Transfer => (self.tests.transferred.as_ref().map(Transferred::command), "transfer"),
                    _ => (self.tests.curve().map(Curve::command), "measurement"),
                };
                match line {
                    Some(line) => shell.copy_line(line, format!("the command of this {what}")),
                    None => {
                        shell.notices.add(Tone::Caution, "There is nothing yet to copy the command of; measure first.")
                    }
                }
            }
        }
    }

    fn measure(&mut self, is_transfer: bool, shell: &mut Shell) {
        let explore = &shell.explore;
        let survey = match self.tests.choices.survey(|name| explore.parameters(name)) {
            Ok(survey) => survey,
            Err(problem) => return shell.notices.add(Tone::Problem, problem),
        };
        let known = self.tests.known(&survey, |name| explore.parameters(name));
        self.tests.begin("beginning");
        let largest = survey.eps.last().copied().unwrap_or_default();
        shell.worker.test(if is_transfer {
            TestOrder::Transfer(survey, largest)
        } else {
            TestOrder::Measure { survey, known }
        });
    }

    /// Takes a picture of the sheet to Explore, with everything that it was measured with.
    fn explore_picture(&self, index: usize, shell: &mut Shell) {
        let Some(sheet) = &self.tests.sheet else { return };
        let Some(picture) = sheet.pictures.get(index) else { return };
        let wish = sheet.wish.clone();
        let (name, label) = (format!("test picture {}", wish.first + index + 1), picture.after.label);
        let source = Source::Memory { name, picture: picture.original.clone() };
        let is_random = wish.attack.is_random();
        shell.explore.set_measured(source, label, at_its_length(wish, picture));
        shell.settings.tab = Tab::Explore;
        if is_random {
            let text =
                "Explore draws its own random start for this picture, so the answer can differ from the sheet's.";
            shell.notices.add_brief(text);
        }
    }

    /// Shows Measure and Stop below the settings, wherever those are scrolled to.
    fn foot(&self, ui: &mut Ui, out: &mut Vec<Command>) {
        let tests = &self.tests;
        let frame = Frame::new().inner_margin(Margin { left: 0, right: 16, top: 8, bottom: 0 });
        Panel::bottom("test run").frame(frame).show_separator_line(false).show(ui, |ui| {
            if let Some((share, text, left)) = &tests.progress {
                let left = left.map(|left| format!(" · {} s left", left.as_secs() + 1)).unwrap_or_default();
                progress(ui, ui.available_width(), *share, &format!("{:.0} %{left}", share * 100.0));
                ui.add(egui::Label::new(theme::weak(ui, text.as_str())).truncate());
                command_button(ui, TestCommand::Stop, out);
            } else {
                ui.horizontal(|ui| {
                    // An empty page has the primary button in its middle.
                    if tests.curves.is_empty() && tests.part != TestPart::Transfer {
                        command_button(ui, TestCommand::Measure, out);
                    } else {
                        measure_button(ui, "Measure", out);
                    }
                    command_button(ui, TestCommand::Transfer, out);
                });
            }
        });
    }

    fn results(&mut self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
        let tests = &mut self.tests;
        problems(ui, tests, out);
        tests.notes.iter().for_each(|text| note(ui, text));
        ui.horizontal_wrapped(|ui| {
            let options =
                TestPart::ALL.map(|part| TestCommand::View(part).about()).map(|about| (about.name, about.tooltip));
            let chosen = TestPart::ALL.iter().position(|part| *part == tests.part).unwrap_or(0);
            if let Some(index) = segmented_wrapped(ui, "Show", &options, chosen) {
                out.push(TestCommand::View(TestPart::ALL[index]).into());
            }
            let is_transfer = tests.part == TestPart::Transfer;
            if if is_transfer { tests.transferred.is_some() } else { !tests.curves.is_empty() } {
                icon_button(ui, WindowCommand::ExportFigure, out);
                icon_button(ui, WindowCommand::SaveReport, out);
                icon_button(ui, TestCommand::CopyTable, out);
                icon_button(ui, TestCommand::CopyCommand, out);
            }
            if !is_transfer && !tests.curves.is_empty() {
                icon_button(ui, TestCommand::RemoveAll, out);
            }
        });
        if tests.part == TestPart::Transfer {
            confusion::transfer(ui, tests);
            return;
        }
        if tests.curves.is_empty() {
            empty(ui, tests.progress.is_some(), out);
            return;
        }
        warnings(ui, tests);
        if tests.part != TestPart::Curves {
            curves::chooser(ui, tests);
        }
        match tests.part {
            TestPart::Curves => curves::show(ui, tests, explore, out),
            TestPart::Sheet => self.textures.show(ui, tests, out),
            TestPart::Confusion => confusion::show(ui, tests),
            TestPart::Confidence => histogram::confidence(ui, tests),
            TestPart::Lengths => histogram::lengths(ui, tests),
            TestPart::Transfer => {}
        }
    }
}

/// Shows what went wrong, and a way past damaged pictures.
fn problems(ui: &mut Ui, tests: &TestSet, out: &mut Vec<Command>) {
    if tests.problems.is_empty() {
        return;
    }
    ScrollArea::vertical().max_height(MOST_PROBLEMS).id_salt("problems").show(ui, |ui| {
        tests.problems.iter().for_each(|problem| problem_line(ui, problem));
    });
    if tests.progress.is_none() && tests.problems.iter().any(|problem| tells_of_damaged(problem)) {
        command_button(ui, TestCommand::SkipDamaged, out);
    }
}

fn empty(ui: &mut Ui, is_measuring: bool, out: &mut Vec<Command>) {
    if is_measuring {
        remark(ui, "Measuring", "The first curve appears as soon as it is measured.");
        return;
    }
    let text = "Choose pictures, nets and attacks at the left: each net is asked about the same test pictures, \
                attacked with each ε. The usual settings take a few seconds and need no network.";
    remark(ui, "Measure how much a net withstands", text);
    ui.vertical_centered(|ui| measure_button(ui, "Measure with these settings", out));
}

/// Shows the one primary button of the page. `name` is for assistive technology.
fn measure_button(ui: &mut Ui, name: &str, out: &mut Vec<Command>) {
    let command = TestCommand::Measure;
    let (about, palette) = (command.about(), palette(ui));
    let icon = icons::ICON_PLAY_ARROW.rich_text().size(17.0).color(palette.on_accent);
    let text = theme::strong(about.name).color(palette.on_accent);
    let button = Button::new((icon, text)).fill(palette.accent).min_size(vec2(0.0, theme::CONTROL_HEIGHT));
    let response = ui.add(button).on_hover_text(about.tip());
    if response.accessible_name(name).clicked() {
        out.push(command.into());
    }
}

fn warnings(ui: &mut Ui, tests: &TestSet) {
    let of_net =
        |curve: &Curve| -> Vec<_> { curve.warnings.iter().map(|why| format!("{}: {why}.", curve.title)).collect() };
    let told: BTreeSet<String> = tests.curves.iter().flat_map(of_net).collect();
    if told.is_empty() {
        return;
    }
    ui.add_space(SPACE_2);
    theme::caution_frame(ui, 6).show(ui, |ui| {
        ScrollArea::vertical().max_height(76.0).id_salt("warnings").show(ui, |ui| {
            for text in told {
                ui.horizontal_top(|ui| {
                    ui.label(icons::ICON_WARNING.rich_text().size(16.0).color(palette(ui).fooled));
                    ui.add(egui::Label::new(text).wrap());
                });
            }
        });
    });
}

/// Turns a search for the smallest ε into the attack that it tried, at the ε that it found.
fn at_its_length(mut wish: SheetWish, picture: &SheetPicture) -> SheetWish {
    if let AttackSettings::MinimalEps(search) = wish.attack {
        wish.eps = match picture.length {
            // The picture needed none, or nothing up to this ε was enough.
            0.0 if !picture.before.is_right() => 0.0,
            0.0 => wish.eps.min(search.largest),
            length => length,
        };
        wish.attack = *search.attack;
    }
    wish
}
