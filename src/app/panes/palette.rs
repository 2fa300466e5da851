//! Everything that can be done, found by a part of its name.

use eframe::egui::{self, Button, Id, Modal, ScrollArea, TextEdit, Ui};

use crate::app::commands::{self, Command, LessonCommand, Place};
use crate::app::explore::Explore;
use crate::app::lessons::Lessons;
use crate::app::settings::Tab;
use crate::app::theme::{self, SPACE_2};
use crate::app::view_file::examples;
use crate::app::widgets::ListKeys;
use crate::engine::data::samples;
use crate::worker::Source;

const ROWS: usize = 10;
const WIDTH: f32 = 560.0;

/// What is typed, and which of the hits is lit.
#[derive(Default)]
pub struct Palette {
    open: bool,
    is_fresh: bool,
    text: String,
    lit: usize,
}

/// One thing to do.
struct Entry {
    name: String,
    keys: String,
    about: String,
    /// The tab that it belongs to, and what is done there.
    does: (Option<Tab>, Command),
}

impl Palette {
    pub fn open(&mut self) {
        *self = Self { open: true, is_fresh: true, ..Self::default() };
    }

    pub fn close(&mut self) {
        self.open = false;
    }

    pub fn is_open(&self) -> bool {
        self.open
    }

    pub fn show(&mut self, ui: &Ui, tab: Tab, explore: &Explore, lessons: &Lessons, out: &mut Vec<Command>) {
        if !self.open {
            return;
        }
        let modal = Modal::new(Id::unique("palette")).frame(theme::question_frame(ui)).show(ui.ctx(), |ui| {
            let width = (ui.ctx().content_rect().width() - 96.0).min(WIDTH);
            ui.set_width(width);
            ui.set_max_width(width);
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
            let hits = hits(entries(tab, explore, lessons), &self.text);
            self.lit = (self.lit + keys.down).saturating_sub(keys.up).min(hits.len().saturating_sub(1));
            ui.add_space(SPACE_2);
            let clicked = self.list(ui, &hits, keys.down + keys.up > 0);
            let chosen = clicked.or(keys.enter.then_some(self.lit)).and_then(|at| hits.into_iter().nth(at));
            (chosen, keys.escape)
        });
        let should_close = modal.should_close();
        let (chosen, escape) = modal.inner;
        if let Some(Entry { does: (tab, command), .. }) = chosen {
            self.close();
            out.extend(tab.map(Command::Tab));
            out.push(command);
        } else if should_close || escape {
            self.close();
        }
    }

    fn list(&mut self, ui: &mut Ui, hits: &[Entry], follow: bool) -> Option<usize> {
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

/// Everything: the commands of the tab on screen first, then those of the window, of the other tabs, nets, pictures, lessons.
fn entries(tab: Tab, explore: &Explore, lessons: &Lessons) -> Vec<Entry> {
    let tabs = [Tab::Explore, Tab::Train, Tab::Models, Tab::TestSets];
    let others = tabs.into_iter().filter(|other| *other != tab);
    let places = [Place::In(tab), Place::Everywhere].into_iter().chain(others.map(Place::In));
    let commands = places.flat_map(|place| Command::listed(place).into_iter().map(move |does| (place, does)));
    let mut all: Vec<Entry> = commands
        .map(|(place, command)| {
            let (about, of) = (
                command.about(),
                match place {
                    Place::In(other) => Some(other).filter(|other| *other != tab),
                    Place::Everywhere | Place::Lesson => None,
                },
            );
            Entry {
                name: of.map_or(about.name.into(), |of| format!("{}: {}", Command::Tab(of).about().name, about.name)),
                keys: about.shortcut.as_ref().map(commands::spelled).unwrap_or_default(),
                about: about.tooltip.into(),
                does: (of, command),
            }
        })
        .collect();
    let mut add = |name: String, about: &str, does: (Option<Tab>, Command)| {
        all.push(Entry { name, keys: String::new(), about: about.into(), does });
    };
    let in_explore = Some(Tab::Explore).filter(|explore| *explore != tab);
    for net in explore.catalogue.iter().filter(|net| net.problem.is_none()) {
        add(format!("Net: {}", net.title), &net.description, (in_explore, Command::UseModel(net.name.clone())));
    }
    for sample in samples() {
        let source = Source::Sample(sample.name.into());
        add(format!("Picture: {}", sample.title), sample.credit, (in_explore, Command::Show(source)));
    }
    for (index, example) in examples().into_iter().enumerate() {
        add(
            format!("Example: {}", example.title),
            "A photograph that is taken for something else",
            (None, Command::ShowExample(index)),
        );
    }
    for (index, lesson) in lessons.known.iter().enumerate() {
        let begin = Command::Lesson(LessonCommand::Begin(index));
        add(format!("Lesson: {}", lesson.title), &lesson.about, (None, begin));
    }
    all
}

/// Those whose name or description holds every word: names that begin with the text, then names with a word that does, then
/// other names, then descriptions.
fn hits(entries: Vec<Entry>, text: &str) -> Vec<Entry> {
    let text = text.trim().to_lowercase();
    let rank = |entry: &Entry| {
        let name = entry.name.to_lowercase();
        let whole = format!("{name} {}", entry.about.to_lowercase());
        match () {
            () if name.starts_with(&text) => Some(0),
            () if name.split(' ').any(|word| word.starts_with(&text)) => Some(1),
            () if text.split(' ').all(|word| name.contains(word)) => Some(2),
            () => text.split(' ').all(|word| whole.contains(word)).then_some(3),
        }
    };
    let mut ranked: Vec<(usize, Entry)> =
        entries.into_iter().filter_map(|entry| Some((rank(&entry)?, entry))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, entry)| entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::settings::Settings;

    #[test]
    fn names_come_before_descriptions() {
        let explore = Explore::new(&Settings::default(), None, None);
        let found = |text: &str| {
            let hits = hits(entries(Tab::Explore, &explore, &Lessons::default()), text);
            hits.into_iter().map(|entry| entry.name).collect::<Vec<_>>()
        };
        assert_eq!(found("theme")[0], "Theme");
        assert_eq!(found("smallest")[0], "Smallest ε");
        assert!(found("panda").contains(&"Lesson: Panda and gibbon".into()), "{:?}", found("panda"));
        assert!(found("train: ").len() > 10 && found("no such thing").is_empty());
        let all = found("");
        assert!(all.len() > 50 && all.contains(&"Quit".into()), "{}", all.len());
    }
}
