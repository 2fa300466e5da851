//! The bar at the top has the pages, the net and the menus.

use egui::text::{LayoutJob, TextFormat};
use egui::{self, Align, Button, Color32, ComboBox, Layout, Response, Ui, WidgetText, vec2};
use egui_material_icons::icons;

use crate::app::bars::more_menu::more_menu;
use crate::app::commands::Command;
use crate::app::commands::tab::Tab;
use crate::app::commands::window::WindowCommand;
use crate::app::files::view::examples;
use crate::app::format::{megabytes, thousands};
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::state::Lessons;
use crate::app::page::Menu;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::nets::{grouped, misfit};
use crate::app::pages::explore::state::Explore;
use crate::app::pages::train::state::Train;
use crate::app::pages::train::state::words;
use crate::app::shell::Shell;
use crate::app::theme::{self, SPACE_2, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::progress_bar::progress_ring;
use crate::app::widgets::{alternatives, command_button};
use crate::engine::model::Entry;

const MENU_WIDTH: f32 = 380.0;
const MENU_HEIGHT: f32 = 560.0;

/// Draws the bar; `menu` is what the menu offers on the page on screen.
pub fn top_bar(ui: &mut Ui, shell: &Shell, menu: Menu, out: &mut Vec<Command>) {
    ui.horizontal(|ui| {
        if ui.available_width() >= 760.0 {
            ui.label(egui::RichText::new("Doppelgänger").font(theme::heading_font()));
            ui.add_space(SPACE_2);
        }
        tabs(ui, &shell.train, shell.settings.tab, out);
        ui.add_space(SPACE_2);
        if shell.settings.tab == Tab::Explore {
            model_picker(ui, &shell.explore, &shell.train, out);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            more_menu(ui, &shell.settings, menu, out);
            lesson_menu(ui, &shell.lessons, out);
        });
    });
}

/// Shows the switch of pages; a run in hand shows its progress beside it.
fn tabs(ui: &mut Ui, train: &Train, tab: Tab, out: &mut Vec<Command>) {
    let tips: Vec<_> = Tab::ALL.iter().map(|tab| tab.about().tip()).collect();
    let options: Vec<_> = Tab::ALL.iter().zip(&tips).map(|(tab, tip)| (*tab, tab.about().name, tip.as_str())).collect();
    if let Some(tab) = alternatives(ui, "Tab", &options, tab) {
        out.push(WindowCommand::Tab(tab).into());
    }
    if let Some(run) = train.in_hand() {
        let share = run.share_done();
        let what = format!("{} is {}, {:.0} % done", run.info.run, words::state(&run.info.state), share * 100.0);
        progress_ring(ui, share, &what);
    }
}

fn model_picker(ui: &mut Ui, explore: &Explore, train: &Train, out: &mut Vec<Command>) {
    let current = explore.catalogue.iter().find(|entry| entry.name == explore.view.model);
    let title = match (train.net(&explore.view.model), current) {
        (Some((run, moment)), _) => format!("{} {}", run.info.run, moment.name()),
        (None, Some(entry)) => entry.title.clone(),
        (None, None) => explore.shown.as_ref().map_or(&explore.view.model, |shown| &shown.model.title).clone(),
    };
    let width = (ui.available_width() * 0.4).clamp(128.0, 280.0);
    // The box is as wide as it may be, whatever the title.
    let response = ui.scope(|ui| {
        ui.set_max_width(width);
        let picker = ComboBox::from_id_salt("model").selected_text(title).width(width).truncate().height(MENU_HEIGHT);
        picker.show_ui(ui, |ui| model_menu(ui, explore, out)).response
    });
    response.inner.on_hover_text(shown_about(explore)).accessible_name("Model");
}

fn model_menu(ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
    ui.set_width(MENU_WIDTH);
    for (group, entries) in grouped(&explore.catalogue) {
        ui.label(theme::caption(ui, group));
        for entry in entries {
            entry_row(ui, entry, explore, out);
        }
    }
    if explore.catalogue.is_empty() {
        ui.label(theme::weak(ui, "Looking for models…"));
    }
    ui.separator();
    if ui.button("Models…").on_hover_text(WindowCommand::Tab(Tab::Models).about().tooltip).clicked() {
        out.push(WindowCommand::Tab(Tab::Models).into());
        ui.close();
    }
    if ui.button(WindowCommand::RefreshModels.about().name).clicked() {
        out.push(WindowCommand::RefreshModels.into());
    }
}

fn shown_about(explore: &Explore) -> String {
    let Some(shown) = &explore.shown else { return ExploreCommand::UseModel(String::new()).about().tooltip.into() };
    let (model, input) = (&shown.model, &shown.model.input);
    let (parameters, classes) = (thousands(model.parameters), model.classes.len());
    let size = format!("{}×{}×{}", input.width, input.height, input.channels);
    format!("{}\n{parameters} parameters, {classes} classes, input {size}", model.title)
}

/// Shows the title and what the net is. A net that is not there leads to the page where it can be had.
fn entry_row(ui: &mut Ui, entry: &Entry, explore: &Explore, out: &mut Vec<Command>) {
    let palette = palette(ui);
    let (chosen, misfit) = (entry.name == explore.view.model, misfit(explore, entry));
    let colour = if entry.problem.is_none() && misfit.is_none() { palette.text } else { palette.weak };
    let remark = match (&entry.problem, entry.facts.as_ref().and_then(|facts| facts.remote.as_ref())) {
        (None, _) => misfit.map_or_else(|| entry.description.clone(), |why| format!("{why}, so another comes with it")),
        (Some(_), Some((remote, _))) => format!("not here yet: fetch {}…", megabytes(remote.bytes)),
        (Some(problem), None) if entry.run().is_some() => problem.lines().next().unwrap_or_default().into(),
        (Some(_), None) => "not here: see why…".into(),
    };
    let text = two_lines(&entry.title, colour, &remark, palette.weak);
    let licence =
        if entry.licence.is_empty() { "No licence stated".into() } else { format!("Licence: {}", entry.licence) };
    let tip = entry.problem.clone().unwrap_or(licence);
    if menu_row(ui, chosen, text, format!("Model: {}", entry.title)).on_hover_text(tip).clicked() {
        out.push(match entry.problem {
            None => ExploreCommand::UseModel(entry.name.clone()).into(),
            Some(_) => WindowCommand::Tab(Tab::Models).into(),
        });
        ui.close();
    }
}

fn menu_row(ui: &mut Ui, is_chosen: bool, text: impl Into<WidgetText>, name: String) -> Response {
    let button = Button::selectable(is_chosen, text.into()).wrap().min_size(vec2(ui.available_width(), 0.0));
    ui.add(button).accessible_name(name)
}

fn two_lines(title: &str, colour: Color32, remark: &str, weak: Color32) -> LayoutJob {
    let mut text = LayoutJob::default();
    text.append(title, 0.0, TextFormat::simple(theme::strong_font(), colour));
    text.append(&format!("\n{remark}"), 0.0, TextFormat::simple(theme::small_font(), weak));
    text
}

fn lesson_menu(ui: &mut Ui, lessons: &Lessons, out: &mut Vec<Command>) {
    let about = LessonCommand::Toggle.about();
    let size = egui::Vec2::splat(theme::CONTROL_HEIGHT);
    let text = (icons::ICON_SCHOOL.rich_text().size(17.0), about.name);
    let button = if ui.available_width() >= 240.0 { Button::new(text) } else { Button::new(text.0) };
    let button = button.frame_when_inactive(false).min_size(size);
    let response = ui.add(button).on_hover_text(about.tip()).accessible_name(about.name);
    if lessons.is_open() {
        let line = egui::Stroke::new(2.0, palette(ui).accent);
        ui.painter().hline(response.rect.shrink(6.0).x_range(), response.rect.bottom() - 3.0, line);
    }
    egui::Popup::menu(&response).width(MENU_WIDTH).show(|ui| {
        for (index, lesson) in lessons.known.iter().enumerate() {
            let text = two_lines(&lesson.title, palette(ui).text, &lesson.about, palette(ui).weak);
            let is_open = lessons.current().is_some_and(|(open, _)| std::ptr::eq(open, lesson));
            if menu_row(ui, is_open, text, format!("Lesson: {}", lesson.title)).clicked() {
                out.push(LessonCommand::Begin(index).into());
            }
        }
        ui.separator();
        ui.label(theme::caption(ui, "Doppelgängers of photographs"));
        for (index, example) in examples().into_iter().enumerate() {
            if menu_row(ui, false, &example.title, format!("Example: {}", example.title)).clicked() {
                out.push(ExploreCommand::ShowExample(index).into());
            }
        }
        ui.separator();
        command_button(ui, LessonCommand::AskFile, out);
    });
}
