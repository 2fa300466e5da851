//! The palette finds everything that can be done by a part of its name.

use egui::{self, Button, Id, Modal, ScrollArea, TextEdit, Ui};

use crate::app::commands::tab::Tab;
use crate::app::commands::window::WindowCommand;
use crate::app::commands::{Command, Place};
use crate::app::files::view::examples;
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::state::Lessons;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::commands::why::WhyCommand;
use crate::app::pages::explore::presets::eps_presets;
use crate::app::pages::explore::state::Explore;
use crate::app::pages::models::commands::ModelsCommand;
use crate::app::settings::Settings;
use crate::app::shell::Shell;
use crate::app::theme::{self, SPACE_2};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::class_picker::ListKeys;
use crate::app::widgets::name_of_file;
use crate::engine::data::samples;
use crate::worker::Source;

const ROWS: usize = 10;
const WIDTH: f32 = 560.0;

#[derive(Default)]
pub struct CommandPalette {
    pub is_open: bool,
    is_fresh: bool,
    text: String,
    lit: usize,
}

struct PaletteEntry {
    name: String,
    keys: String,
    about: String,
    /// The command needs this tab on screen.
    tab: Option<Tab>,
    command: Command,
}

impl CommandPalette {
    pub fn open(&mut self) {
        *self = Self { is_open: true, is_fresh: true, ..Self::default() };
    }

    pub fn show(&mut self, ui: &Ui, shell: &Shell, out: &mut Vec<Command>) {
        if !self.is_open {
            return;
        }
        let modal = Modal::new(Id::unique("palette")).frame(theme::question_frame(ui)).show(ui.ctx(), |ui| {
            ui.set_width((ui.ctx().content_rect().width() - 96.0).min(WIDTH));
            let keys = ListKeys::take(ui);
            let field = TextEdit::singleline(&mut self.text)
                .id(Id::unique("palette text"))
                .hint_text("What do you want to do?")
                .desired_width(f32::INFINITY)
                .margin(egui::Margin::symmetric(8, 8));
            let field = ui.add(field).accessible_name("Find a command");
            if std::mem::take(&mut self.is_fresh) {
                field.request_focus();
            }
            if field.changed() {
                self.lit = 0;
            }
            let hits = hits(entries(&shell.settings, &shell.explore, &shell.lessons), &self.text);
            self.lit = (self.lit + keys.down).saturating_sub(keys.up).min(hits.len().saturating_sub(1));
            ui.add_space(SPACE_2);
            let clicked = self.list(ui, &hits, keys.down + keys.up > 0);
            self.is_open &= !keys.escape;
            clicked.or(keys.enter.then_some(self.lit)).and_then(|at| hits.into_iter().nth(at))
        });
        self.is_open &= !modal.should_close() && modal.inner.is_none();
        if let Some(PaletteEntry { tab, command, .. }) = modal.inner {
            out.extend(tab.map(|tab| WindowCommand::Tab(tab).into()));
            out.push(command);
        }
    }

    fn list(&mut self, ui: &mut Ui, hits: &[PaletteEntry], follow: bool) -> Option<usize> {
        ui.spacing_mut().item_spacing.y = 0.0;
        let height = theme::CONTROL_HEIGHT;
        let most = height * ROWS as f32;
        let mut clicked = None;
        ScrollArea::vertical().max_height(most).min_scrolled_height(most).auto_shrink(false).show(ui, |ui| {
            if hits.is_empty() {
                ui.label(theme::weak(ui, format!("Nothing is called “{}”", self.text)));
            }
            for (at, entry) in hits.iter().enumerate() {
                let button = Button::selectable(at == self.lit, entry.name.as_str()).truncate();
                let button = button.right_text(theme::number(entry.keys.as_str()));
                let response = ui.add(button.min_size(egui::vec2(ui.available_width(), height)));
                if at == self.lit && follow {
                    response.scroll_to_me(None);
                }
                if response.hovered() && ui.input(|i| i.pointer.is_moving()) {
                    self.lit = at;
                }
                if response.clicked() {
                    clicked = Some(at);
                }
            }
        });
        ui.add_space(SPACE_2);
        let about = hits.get(self.lit).map_or(" ", |entry| entry.about.as_str());
        ui.add(egui::Label::new(theme::weak(ui, about)).truncate());
        clicked
    }
}

fn entry(name: String, about: &str, tab: Option<Tab>, command: impl Into<Command>) -> PaletteEntry {
    PaletteEntry { name, keys: String::new(), about: about.into(), tab, command: command.into() }
}

/// Lists the commands, those of the tab on screen first, and what can be chosen by its own name.
fn entries(settings: &Settings, explore: &Explore, lessons: &Lessons) -> Vec<PaletteEntry> {
    let in_explore = Some(Tab::Explore).filter(|explore| *explore != settings.tab);
    let mut all = commands_from(settings.tab, lessons);
    all.extend(nets(explore, in_explore));
    all.extend(for_the_attack(settings, explore, in_explore));
    all.extend(files_and_lessons(settings, lessons));
    all
}

fn commands_from(tab: Tab, lessons: &Lessons) -> Vec<PaletteEntry> {
    let others = Tab::ALL.iter().copied().filter(|other| *other != tab);
    let lesson = lessons.is_open().then_some(Place::Lesson);
    let places = lesson.into_iter().chain([Place::In(tab), Place::Everywhere]).chain(others.map(Place::In));
    let commands = places.flat_map(|place| Command::listed_in(place).into_iter().map(move |command| (place, command)));
    let named = |(place, command): (Place, Command)| {
        let about = command.about();
        let other = match place {
            Place::In(other) => Some(other).filter(|other| *other != tab),
            Place::Everywhere | Place::Lesson => None,
        };
        let name = match (&command, other) {
            (Command::Window(WindowCommand::Tab(_)), _) => format!("{} tab", about.name),
            (_, Some(other)) => format!("{}: {}", other.about().name, about.name),
            (_, None) => about.name.into(),
        };
        PaletteEntry { keys: about.spelled_keys(), ..entry(name, about.tooltip, other, command) }
    };
    commands.map(named).collect()
}

fn for_the_attack(settings: &Settings, explore: &Explore, tab: Option<Tab>) -> Vec<PaletteEntry> {
    let preset =
        |(name, eps, about): &(&str, f32, &str)| entry(format!("ε = {name}"), about, tab, ExploreCommand::Eps(*eps));
    let presets =
        if explore.view.attack.takes_eps() { eps_presets(explore.view.attack.norm(), explore.net_kind()) } else { &[] };
    let mut all: Vec<PaletteEntry> = presets.iter().map(preset).collect();
    let about = WhyCommand::Second(None).about();
    let second =
        |name: &str, net| entry(format!("{}: {name}", about.name), about.tooltip, tab, WhyCommand::Second(net));
    let others = explore.catalogue.iter().filter(|net| net.problem.is_none() && net.name != explore.view.model);
    all.extend(others.map(|net| second(&net.title, Some(net.name.clone()))));
    all.extend(settings.why.second.as_ref().map(|_| second("no other net", None)));
    all
}

fn nets(explore: &Explore, tab: Option<Tab>) -> Vec<PaletteEntry> {
    let (here, missing): (Vec<_>, Vec<_>) = explore.catalogue.iter().partition(|net| net.problem.is_none());
    let to_use = here.into_iter().map(|net| {
        let command = ExploreCommand::UseModel(net.name.clone());
        entry(format!("Net: {}", net.title), &net.description, tab, command)
    });
    let remote = missing.into_iter().filter(|net| net.facts.as_ref().is_some_and(|facts| facts.remote.is_some()));
    let to_fetch = remote.map(|net| {
        let command = ModelsCommand::AskFetch(net.name.clone());
        entry(format!("Fetch: {}…", net.title), command.about().tooltip, Some(Tab::Models), command)
    });
    to_use.chain(to_fetch).collect()
}

fn files_and_lessons(settings: &Settings, lessons: &Lessons) -> Vec<PaletteEntry> {
    let show = |name: String, about: &str, source| entry(name, about, None, ExploreCommand::Show(source));
    let pictures = samples().iter().map(|sample| {
        let about = format!("{}: {}", sample.name, sample.credit);
        show(format!("Picture: {}", sample.title), &about, Source::Sample(sample.name.into()))
    });
    let recent = settings.recent.iter().map(|path| {
        let about = path.display().to_string();
        show(format!("Recent file: {}", name_of_file(path)), &about, Source::File(path.clone()))
    });
    let examples = examples().into_iter().enumerate().map(|(index, example)| {
        let command = ExploreCommand::ShowExample(index);
        entry(format!("Example: {}", example.title), command.about().tooltip, None, command)
    });
    let lessons = lessons.known.iter().enumerate().map(|(index, lesson)| {
        entry(format!("Lesson: {}", lesson.title), &lesson.about, None, LessonCommand::Begin(index))
    });
    pictures.chain(recent).chain(examples).chain(lessons).collect()
}

/// Lets Greek letters and signs be found by their names, too.
fn searchable(text: &str) -> String {
    text.to_lowercase().replace('ε', "ε epsilon").replace('δ', "δ delta").replace('∇', "∇ gradient ")
}

/// Returns entries that hold every word, those first whose names begin with the text, and descriptions last.
fn hits(entries: Vec<PaletteEntry>, text: &str) -> Vec<PaletteEntry> {
    let text = text.trim().to_lowercase();
    let rank = |entry: &PaletteEntry| {
        let name = searchable(&entry.name);
        let whole = format!("{name} {}", searchable(&entry.about));
        match () {
            () if name.starts_with(&text) => Some(0),
            () if name.split(' ').any(|word| word.starts_with(&text)) => Some(1),
            () if text.split(' ').all(|word| name.contains(word)) => Some(2),
            () => text.split(' ').all(|word| whole.contains(word)).then_some(3),
        }
    };
    let mut ranked: Vec<(usize, PaletteEntry)> =
        entries.into_iter().filter_map(|entry| Some((rank(&entry)?, entry))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, entry)| entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_before_descriptions() {
        let explore = Explore::new(&Settings::default(), None, None);
        let settings = Settings { recent: vec!["/some/where/cat.png".into()], ..Settings::default() };
        let found = |text: &str| {
            let hits = hits(entries(&settings, &explore, &Lessons::default()), text);
            hits.into_iter().map(|entry| entry.name).collect::<Vec<_>>()
        };
        assert_eq!(found("theme")[0], "Theme");
        assert_eq!(found("smallest")[0], "Smallest ε");
        assert!(found("panda").contains(&"Lesson: Panda and gibbon".into()), "{:?}", found("panda"));
        assert!(found("train: ").len() > 10 && found("no such thing").is_empty());
        for (text, name) in [
            ("compare", "Same δ"),
            ("open a l", "Open a lesson…"),
            ("other random", "Other random controls"),
            ("own att", "Own attack"),
            ("away", "Away from the label"),
            ("predicted", "Predicted label"),
            ("epsilon = 8/255", "ε = 8/255"),
            ("panda", "ε = 1/255 panda"),
            ("gradient itself", "Show ∇J"),
            ("recent", "Recent file: cat.png"),
            ("how sure", "Test sets: Confidence"),
            ("transfer", "Test sets: Transfer"),
            ("train tab", "Train tab"),
            ("copy pic", "Copy picture"),
            ("undo", "Undo"),
        ] {
            assert!(found(text).contains(&name.into()), "{text}: {:?}", found(text));
        }
        let all = found("");
        assert!(all.len() > 50 && all.contains(&"Quit".into()), "{}", all.len());
    }
}
