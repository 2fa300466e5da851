//! The menu at the right end of the top bar has what has no button of its own everywhere, and recent files.

use std::path::PathBuf;

use egui::{self, Button, Popup, ScrollArea, Ui};
use egui_material_icons::icons;

use crate::app::commands::tab::Tab;
use crate::app::commands::window::WindowCommand;
use crate::app::commands::{Command, Place};
use crate::app::lessons::commands::LessonCommand;
use crate::app::page::Menu;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::settings::Settings;
use crate::app::theme;
use crate::app::undo::CanStep;
use crate::app::widgets::about::Action as _;
use crate::app::widgets::name_of_file;
use crate::worker::Source;

/// Shows the button and its menu, in which `page` has what there is on the page alone.
pub fn more_menu(ui: &mut Ui, settings: &Settings, page: Menu, out: &mut Vec<Command>) {
    let size = egui::Vec2::splat(theme::CONTROL_HEIGHT);
    let button = Button::new(icons::ICON_MORE_VERT.rich_text().size(17.0)).frame_when_inactive(false).min_size(size);
    let response = ui.add(button).on_hover_text("Undo, save, copy, recent files, and more").accessible_name("Menu");
    Popup::menu(&response).width(300.0).show(|ui| {
        let room = ui.ctx().content_rect().height() - 96.0;
        // A popup has 400 points otherwise.
        ui.set_max_height(room);
        ScrollArea::vertical().max_height(room).show(ui, |ui| {
            if let Some(CanStep { undo, redo }) = page.history {
                item(ui, settings.tab, WindowCommand::Undo.into(), undo, out);
                item(ui, settings.tab, WindowCommand::Redo.into(), redo, out);
            }
            let group = |ui: &mut Ui, commands: Vec<Command>, out: &mut Vec<Command>| {
                for command in commands {
                    item(ui, settings.tab, command, true, out);
                }
            };
            group(ui, [page.change, vec![ExploreCommand::OpenDialog.into()]].concat(), out);
            recent(ui, &settings.recent, out);
            let learn = [LessonCommand::Toggle, LessonCommand::AskFile].map(Command::from).into();
            let look = [
                WindowCommand::Palette,
                WindowCommand::CycleTheme,
                WindowCommand::LargeType,
                WindowCommand::Present,
                WindowCommand::Help,
            ];
            for commands in [page.save, page.copy, learn, look.map(Command::from).into()] {
                ui.separator();
                group(ui, commands, out);
            }
        });
    });
}

fn item(ui: &mut Ui, tab: Tab, command: Command, is_possible: bool, out: &mut Vec<Command>) {
    let about = command.about();
    // Another tab may have another command on the same keys.
    let works_here =
        [Place::Everywhere, Place::In(tab)].into_iter().any(|place| Command::listed_in(place).contains(&command));
    let keys = if works_here { about.spelled_keys() } else { String::new() };
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
    for path in files.iter().take(4) {
        let name = name_of_file(path);
        let response = ui.add(Button::new(name.as_str()).truncate()).on_hover_text(path.display().to_string());
        if response.accessible_name(format!("Recent file: {name}")).clicked() {
            out.push(ExploreCommand::Show(Source::File(path.clone())).into());
        }
    }
}
