//! Between frames, for the Models page: what was fetched, added or removed comes in, orders go out.

use std::path::Path;

use crate::app::files::dialogs::Question;
use crate::app::notices::Tone;
use crate::app::pages::models::commands::ModelsCommand;
use crate::app::pages::models::state::Outcome;
use crate::app::settings::{Settings, Tab};
use crate::app::window::App;
use crate::worker::ModelEvent;

impl App {
    pub fn take_models(&mut self, event: ModelEvent) {
        match self.models.take(event, &self.explore.catalogue) {
            Some(Outcome::Changed { name, message }) => {
                self.facts = None;
                self.notices.add_brief(message);
                if self.explore.model == name {
                    self.explore.refresh();
                }
            }
            Some(Outcome::Removed(name)) => {
                self.facts = None;
                if self.explore.model == name {
                    // It may be gone altogether; the first net is always there.
                    self.explore.set_model(Settings::default().model);
                    self.explore.refresh();
                }
            }
            Some(Outcome::Problem(message)) => self.notices.add(Tone::Problem, message),
            None => {}
        }
    }

    pub fn change_models(&mut self, command: ModelsCommand) {
        match command {
            ModelsCommand::Use(name) => {
                self.explore.set_model(name);
                self.settings.tab = Tab::Explore;
            }
            ModelsCommand::AskFetch(name) => self.models_page.ask_fetch(name),
            ModelsCommand::Fetch(name) => {
                let entry = self.explore.catalogue.iter().find(|entry| entry.name == name);
                let remote = entry.and_then(|entry| entry.facts.as_ref()?.remote.as_ref());
                self.models.begin(&name, remote.map_or(0, |(remote, _)| remote.bytes));
                self.worker.fetch_model(&name);
            }
            ModelsCommand::StopFetching(name) => self.worker.stop_fetching_model(&name),
            ModelsCommand::AskFile(name) => {
                self.models.asked_for = name;
                self.dialogs.ask(Question::Model, Path::new(""));
            }
            ModelsCommand::Add(path) => {
                let name = self.models.asked_for.take();
                name.iter().for_each(|name| self.models.forget_problem(name));
                self.worker.add_model(name, path);
            }
            ModelsCommand::AskRemove(name) => self.models_page.ask_remove(name),
            ModelsCommand::Remove(name) => {
                self.models.forget_problem(&name);
                self.worker.remove_model(name);
            }
        }
    }
}
