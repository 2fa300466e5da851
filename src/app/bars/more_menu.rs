//! The menu at the right end of the top bar: what has no button of its own everywhere, and the files of late.

use std::path::PathBuf;

use eframe::egui::{self, Button, Popup, ScrollArea, Ui};
use egui_material_icons::icons;

use crate::app::commands::{Command, Place, spelled};
use crate::app::lessons::commands::LessonCommand;
use crate::app::pages::test_sets::commands::TestCommand;
use crate::app::pages::train::commands::TrainCommand;
use crate::app::settings::{Settings, Tab};
use crate::app::theme;
use crate::app::widgets::name_of_file;
use crate::worker::Source;

const WIDTH: f32 = 300.0;
/// Recent files that it lists; the question for a file has them all.
const MOST_FILES: usize = 4;

/// The button and its menu. `can`: whether there is something to undo and to redo.
pub fn more_menu(ui: &mut Ui, settings: &Settings, can: (bool, bool), out: &mut Vec<Command>) {
    let size = egui::Vec2::splat(theme::CONTROL_HEIGHT);
    let button = Button::new(icons::ICON_MORE_VERT.rich_text().size(17.0)).frame_when_inactive(false).min_size(size);
    let response = ui.add(button).on_hover_text("Undo, save, copy, recent files, and more").accessible_name("Menu");
    Popup::menu(&response).width(WIDTH).show(|ui| {
        let room = ui.ctx().content_rect().height() - 96.0;
        // A popup has 400 points otherwise.
        ui.set_max_height(room);
        ScrollArea::vertical().max_height(room).show(ui, |ui| {
            for (index, group) in groups(settings.tab).into_iter().enumerate() {
                if index > 0 {
                    ui.separator();
                }
                for command in group {
                    let is_possible = match command {
                        Command::Undo => can.0,
                        Command::Redo => can.1,
                        _ => true,
                    };
                    item(ui, settings.tab, command.clone(), is_possible, out);
                    if command == Command::OpenDialog {
                        recent(ui, &settings.recent, out);
                    }
                }
            }
        });
    });
}

/// What there is in a tab.
fn groups(tab: Tab) -> [Vec<Command>; 5] {
    let copy = match tab {
        Tab::Explore => vec![Command::CopyPicture, Command::CopyCommand],
        Tab::Train => vec![Command::Train(TrainCommand::CopyCommand)],
        Tab::TestSets => vec![Command::Test(TestCommand::CopyTable), Command::Test(TestCommand::CopyCommand)],
        Tab::Models => Vec::new(),
    };
    let save = match tab {
        Tab::Explore => vec![
            Command::SaveDialog,
            Command::SaveOriginalDialog,
            Command::SaveViewDialog,
            Command::SaveAnimationDialog,
        ],
        _ => vec![Command::SaveViewDialog],
    };
    let change = match tab {
        Tab::Explore => vec![Command::Undo, Command::Redo, Command::Draw],
        Tab::Train => vec![Command::Undo, Command::Redo],
        Tab::Models | Tab::TestSets => Vec::new(),
    };
    let look = [Command::Palette, Command::CycleTheme, Command::LargeType, Command::Present, Command::Help];
    let learn = [LessonCommand::Toggle, LessonCommand::AskFile].map(Command::Lesson);
    [[change, vec![Command::OpenDialog]].concat(), save, copy, learn.into(), look.into()]
}

fn item(ui: &mut Ui, tab: Tab, command: Command, is_possible: bool, out: &mut Vec<Command>) {
    let about = command.about();
    // Another tab may have another command on the same keys.
    let works_here =
        [Place::Everywhere, Place::In(tab)].into_iter().any(|place| Command::listed(place).contains(&command));
    let keys = about.shortcut.as_ref().filter(|_| works_here).map(spelled).unwrap_or_default();
    let icon = about.icon.unwrap_or(icons::ICON_CIRCLE).rich_text().size(17.0);
    let button = Button::new((icon, about.name)).right_text(theme::number(keys));
    let response = ui.add_enabled(is_possible, button).on_hover_text(about.tooltip).accessible_name(about.name);
    if response.clicked() {
        out.push(command);
    }
}

fn recent(ui: &mut Ui, files: &[PathBuf], out: &mut Vec<Command>) {
    if files.is_empty() {
        return;
    }
    ui.label(theme::caption(ui, "Recent files"));
    for path in files.iter().take(MOST_FILES) {
        let name = name_of_file(path);
        let button = Button::new(name.as_str()).truncate();
        let response = ui.add(button).on_hover_text(path.display().to_string());
        if response.accessible_name(format!("Recent file: {name}")).clicked() {
            out.push(Command::Show(Source::File(path.clone())));
        }
    }
}
