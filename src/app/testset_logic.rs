//! What happens on the Test sets page between frames.

use eframe::egui::Context;

use super::commands::TestCommand;
use super::panes::Tone;
use super::settings::Tab;
use super::window::App;
use crate::engine::attack::Label;
use crate::worker::{Curve, Source, TestEvent, TestOrder};

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

    pub(super) fn change_tests(&mut self, ctx: &Context, command: TestCommand) {
        match command {
            TestCommand::Measure | TestCommand::Transfer => self.measure(command == TestCommand::Transfer),
            TestCommand::Stop => self.worker.stop_test(),
            TestCommand::NextPage => self.tests.turn_page(1),
            TestCommand::PreviousPage => self.tests.turn_page(-1),
            TestCommand::View(part) => self.tests.part = part,
            TestCommand::Explore(index) => self.explore_test_picture(index),
            TestCommand::CopyTable => {
                ctx.copy_text(self.tests.table());
                self.notices.add_brief("Copied the table.");
            }
            TestCommand::CopyCommand => match self.tests.curve().map(Curve::command) {
                Some(line) => {
                    self.notices.add_brief(format!("Copied:\n{line}"));
                    ctx.copy_text(line);
                }
                None => self.notices.add(Tone::Caution, "There is no curve yet to copy the command of; measure first."),
            },
        }
    }

    fn measure(&mut self, is_transfer: bool) {
        let explore = &self.explore;
        let survey = match self.tests.survey(|name| explore.parameters(name)) {
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

    /// Takes a picture of the sheet to Explore, with the net, the attack and the label of the test set.
    fn explore_test_picture(&mut self, index: usize) {
        let Some(sheet) = &self.tests.sheet else { return };
        let Some(picture) = sheet.pictures.get(index) else { return };
        let wish = sheet.wish.clone();
        let (name, label) = (format!("test picture {}", wish.first + index + 1), picture.after.label);
        let source = Source::Memory { name, picture: picture.original.clone() };
        self.explore.set_model(wish.net);
        self.explore.set_picture(source);
        self.explore.set_attack(wish.attack);
        self.explore.set_eps(wish.eps);
        self.explore.set_seed(wish.rules.seed);
        self.explore.set_loss(wish.rules.loss);
        self.explore.set_label(Label::Given(label));
        self.settings.tab = Tab::Explore;
    }
}
