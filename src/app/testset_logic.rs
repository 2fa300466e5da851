//! What happens on the Test sets page between frames.

use eframe::egui::Context;

use super::clipboard::Clip;
use super::commands::TestCommand;
use super::panes::Tone;
use super::settings::Tab;
use super::testset::Part;
use super::window::App;
use crate::engine::attack::{Attack, AttackSettings};
use crate::worker::{Curve, SheetPicture, SheetWish, Source, TestEvent, TestOrder, Transferred};

impl App {
    pub(super) fn take_test(&mut self, ctx: &Context, event: TestEvent) {
        if let TestEvent::Sheet(sheet) = &event {
            self.test_page.take(ctx, sheet);
        }
        self.tests.take(event);
    }

    /// Asks for the pictures that the page shows.
    pub(super) fn ask_sheet(&mut self) {
        if self.settings.tab == Tab::TestSets
            && let Some(wish) = self.tests.sheet_wish()
        {
            self.worker.test(TestOrder::Sheet(wish));
        }
    }

    pub(super) fn change_tests(&mut self, command: TestCommand) {
        match command {
            TestCommand::Measure | TestCommand::Transfer => self.measure(command == TestCommand::Transfer),
            TestCommand::Stop => self.worker.stop_test(),
            TestCommand::NextPage => self.tests.turn_page(1),
            TestCommand::PreviousPage => self.tests.turn_page(-1),
            TestCommand::View(part) => self.tests.part = part,
            TestCommand::Explore(index) => self.explore_test_picture(index),
            TestCommand::Remove(index) => self.tests.remove(index),
            TestCommand::RemoveAll => self.tests.remove_all(),
            TestCommand::CopyTable => {
                let transferred = self.tests.transferred.as_ref().filter(|_| self.tests.part == Part::Transfer);
                let table = transferred.and_then(Transferred::table);
                let what = if table.is_some() { "the table of transfer" } else { "the table of measurements" };
                let table = table.map_or_else(|| self.tests.table(), |table| table.csv());
                let lines = table.lines().count().saturating_sub(1);
                let what = format!("{what}, {lines} {} as CSV", if lines == 1 { "row" } else { "rows" });
                self.copy(Clip::Text(table), what, String::new());
            }
            TestCommand::CopyCommand => {
                let line = match self.tests.part {
                    Part::Transfer => self.tests.transferred.as_ref().map(Transferred::command),
                    _ => self.tests.curve().map(Curve::command),
                };
                match line {
                    Some(line) => {
                        let what = match self.tests.part {
                            Part::Transfer => "the command of this transfer",
                            _ => "the command of this measurement",
                        };
                        self.copy(Clip::Text(line.clone()), what, line);
                    }
                    None => {
                        self.notices.add(Tone::Caution, "There is nothing yet to copy the command of; measure first.")
                    }
                }
            }
        }
    }

    fn measure(&mut self, is_transfer: bool) {
        let explore = &self.explore;
        let survey = match self.tests.choices.survey(|name| explore.parameters(name)) {
            Ok(survey) => survey,
            Err(problem) => {
                self.notices.add(Tone::Problem, problem);
                return;
            }
        };
        self.tests.begin("beginning");
        let largest = survey.eps.last().copied().unwrap_or_default();
        self.worker.test(if is_transfer { TestOrder::Transfer(survey, largest) } else { TestOrder::Measure(survey) });
    }

    /// Takes a picture of the sheet to Explore, with everything that it was measured with.
    fn explore_test_picture(&mut self, index: usize) {
        let Some(sheet) = &self.tests.sheet else { return };
        let Some(picture) = sheet.pictures.get(index) else { return };
        let wish = sheet.wish.clone();
        let (name, label) = (format!("test picture {}", wish.first + index + 1), picture.after.label);
        let source = Source::Memory { name, picture: picture.original.clone() };
        let is_random = wish.attack.is_random();
        self.explore.set_measured(source, label, at_its_length(wish, picture));
        self.settings.tab = Tab::Explore;
        if is_random {
            let text =
                "Explore draws its own random start for this picture, so the answer can differ from the sheet's.";
            self.notices.add_brief(text);
        }
    }
}

/// What a search for the smallest ε came to on a picture, as the attack that it tried at that ε; others as they are.
fn at_its_length(mut wish: SheetWish, picture: &SheetPicture) -> SheetWish {
    if let AttackSettings::MinimalEps(search) = wish.attack {
        wish.eps = match picture.length {
            // It needed none, or nothing up to the ε looked at was enough.
            0.0 if !picture.before.is_right() => 0.0,
            0.0 => wish.eps.min(search.largest),
            length => length,
        };
        wish.attack = *search.attack;
    }
    wish
}
