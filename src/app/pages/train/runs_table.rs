//! The table shows all runs, newest first, with what they were and what came of them.

use std::collections::HashSet;
use std::time::Duration;

use egui::{
    self, Align2, Checkbox, Color32, ComboBox, FontId, Key, Popup, Rect, Role, ScrollArea, Sense, TextEdit, Ui,
    UiBuilder, WidgetInfo, vec2,
};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::format::{short, thousands};
use crate::app::pages::train::commands::{Export, NetMoment, TrainCommand};
use crate::app::pages::train::grouping::{Group, Grouping, ListedRow, rows};
use crate::app::pages::train::state::run::TrainingRun;
use crate::app::pages::train::state::{Train, words};
use crate::app::theme::{self, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::{command_button, elided, icon_at, icon_button};
use crate::engine::train::RunLabel;
use crate::engine::units::counted;
use crate::worker::{RunId, RunState};

const ROW: f32 = 28.0;
const HEADER: f32 = 22.0;
const ROOMY: f32 = 760.0;
const TICK: f32 = 26.0;

struct Column {
    name: &'static str,
    tooltip: &'static str,
    width: f32,
    right: bool,
}

const fn column(name: &'static str, tooltip: &'static str, width: f32, right: bool) -> Column {
    Column { name, tooltip, width, right }
}

/// The columns stand behind the tick with these least widths; the net takes some of the room that is left.
const COLUMNS: [Column; 13] = [
    column("Run", "", 60.0, false),
    column("State", "", 66.0, false),
    column("Against", "What the objective holds beside the clean loss", 76.0, false),
    column("ε", "", 38.0, true),
    column("α", "", 32.0, true),
    column("Clean", "Validation error on untouched pictures, of the epoch that is kept; n: pictures", 82.0, true),
    column("FGSM", "Validation error under FGSM at ε, of the epoch that is kept; n: pictures", 82.0, true),
    column("PGD", "Validation error under ten steps of PGD at ε, of the epoch that is kept; n: pictures", 82.0, true),
    column("Epochs", "Epochs done, of how many", 50.0, true),
    column("Time", "Spent on its epochs", 48.0, true),
    column("Net", "", 106.0, false),
    column("Data", "", 84.0, false),
    column("Seed", "", 36.0, true),
];
const FIRST_ERROR: usize = 5;
const NET: usize = 10;
/// A longer name is cut in the table.
const LONGEST_NAME: f32 = 320.0;
const N_WIDTH: f32 = 12.0;
const SMALL: f32 = 10.5;
/// The name of a typical net needs this much more than the least width of its column.
const NET_TAKES: f32 = 120.0;

/// Where all runs have the same number of pictures behind a kind of error, it stands in the header.
struct RunColumns {
    widths: [f32; 13],
    pictures: [Option<usize>; 3],
}

impl RunColumns {
    fn of(ui: &Ui, runs: &[TrainingRun]) -> Self {
        let mut widths = COLUMNS.each_ref().map(|column| column.width);
        let name = |run: &TrainingRun| {
            let text = ui.painter().layout_no_wrap(run.title.clone(), theme::small_font(), Color32::WHITE);
            text.size().x + 8.0
        };
        widths[0] = runs.iter().map(name).fold(widths[0], f32::max).min(LONGEST_NAME);
        let mut pictures = [None; 3];
        for (index, pictures) in pictures.iter_mut().enumerate() {
            let mut all = runs.iter().filter_map(|run| run.errors()[index]).map(|measured| measured.n);
            let first = all.next();
            *pictures = first.filter(|first| all.all(|n| n == *first));
            if first.is_some() && pictures.is_none() {
                widths[FIRST_ERROR + index] += N_WIDTH;
            }
        }
        Self { widths, pictures }
    }

    /// Returns the place of a cell in a row. A column of text keeps a distance from the numbers before it.
    fn cell(&self, row: Rect, index: usize) -> Rect {
        let left = row.left() + TICK + self.widths[..index].iter().sum::<f32>();
        let is_behind_numbers = index > 0 && COLUMNS[index - 1].right && !COLUMNS[index].right;
        let inset = if is_behind_numbers { 8.0 } else { 0.0 };
        row.with_min_x(left + inset).with_max_x(left + self.widths[index])
    }
}

#[derive(Default)]
pub struct RunsTable {
    last_selected: Option<RunId>,
    /// Only runs with these words in their names, tags, notes or settings are listed.
    filter: String,
    grouping: Grouping,
    /// The groups of these names show none of their runs.
    closed: HashSet<String>,
    renaming: Option<Renaming>,
}

/// A run is being renamed in its row.
struct Renaming {
    run: RunId,
    text: String,
    is_fresh: bool,
}

impl RunsTable {
    pub fn show(&mut self, ui: &mut Ui, train: &Train, out: &mut Vec<Command>) {
        self.toolbar(ui, train, out);
        if train.runs.is_empty() {
            let text = if train.is_listed {
                "Each run appears here with its settings and errors, and is kept on disk."
            } else {
                "Looking for earlier runs…"
            };
            ui.label(theme::weak(ui, text));
            return;
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::horizontal().auto_shrink([false, false]).show(ui, |ui| {
            let mut shape = RunColumns::of(ui, &train.runs);
            let least = TICK + shape.widths.iter().sum::<f32>();
            let width = ui.available_width().max(least);
            ui.set_width(width);
            shape.widths[NET] += (width - least).clamp(0.0, NET_TAKES);
            header(ui, &shape);
            let listed: Vec<&TrainingRun> = train.runs.iter().rev().filter(|run| matches(run, &self.filter)).collect();
            let rows = rows(&listed, self.grouping, &self.closed);
            let mut area = ScrollArea::vertical().auto_shrink([false, false]);
            if let Some(top) = self.newly_selected(train, &rows) {
                area = area.vertical_scroll_offset((top - ui.available_height() / 2.0).max(0.0));
            }
            if listed.is_empty() {
                ui.label(theme::weak(ui, "No run has these words in its name, tags, note or settings."));
            }
            area.show_rows(ui, ROW, rows.len(), |ui, range| {
                for at in range {
                    let run = match &rows[at] {
                        ListedRow::Run(run) => run,
                        ListedRow::Group(group) => {
                            self.heading(ui, group);
                            continue;
                        }
                    };
                    // A run with several tags is listed more than once.
                    let twice = if self.grouping == Grouping::Tag { at } else { 0 };
                    let response = ui.push_id(twice, |ui| row(ui, train, run, &shape, out)).inner;
                    if response.double_clicked() && !run.info.is_shipped() {
                        let (run, text) = (run.info.run.clone(), run.title.clone());
                        self.renaming = Some(Renaming { run, text, is_fresh: true });
                    }
                    self.rename(ui, run, shape.cell(response.rect, 0), out);
                }
            });
        });
    }

    /// Shows the heading of a group, which opens and closes it.
    fn heading(&mut self, ui: &mut Ui, group: &Group) {
        let palette = palette(ui);
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
        let Group { name, count, is_open } = group;
        let words = format!("{name}, {}", counted(*count, "run"));
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, *is_open, &words));
        if response.hovered() || response.has_focus() {
            ui.painter().rect_filled(rect, theme::SMALL_RADIUS, palette.raised);
        }
        let icon = if *is_open { icons::ICON_EXPAND_MORE } else { icons::ICON_CHEVRON_RIGHT };
        icon_at(ui, rect.with_max_x(rect.left() + TICK), icon, 17.0, palette.weak);
        let cell = rect.with_min_x(rect.left() + TICK);
        write(ui, cell, false, &words, &theme::strong_font(), palette.text);
        let is_entered = response.has_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        if (response.clicked() || is_entered) && !self.closed.remove(name) {
            self.closed.insert(name.clone());
        }
    }

    /// Shows a field in place of the name of the run that is being renamed. Enter keeps what it holds, and Escape does
    /// not; nothing gives the run back the name of its settings.
    fn rename(&mut self, ui: &mut Ui, run: &TrainingRun, cell: Rect, out: &mut Vec<Command>) {
        let Some(renaming) = self.renaming.as_mut().filter(|renaming| renaming.run == run.info.run) else { return };
        let field = TextEdit::singleline(&mut renaming.text).font(theme::small_font());
        let response = ui.put(cell.shrink2(vec2(0.0, 2.0)), field).accessible_name("New name of the run");
        if std::mem::take(&mut renaming.is_fresh) {
            response.request_focus();
        } else if response.lost_focus() {
            if ui.input(|i| i.key_pressed(Key::Enter)) {
                let name = renaming.text.trim().to_owned();
                let label = RunLabel { name, ..run.info.label.clone() };
                out.push(TrainCommand::Label(run.info.run.clone(), label).into());
            }
            self.renaming = None;
        }
    }

    /// Returns where the selected run lies if it was not selected before.
    fn newly_selected(&mut self, train: &Train, rows: &[ListedRow<'_>]) -> Option<f32> {
        let selected = train.selected().map(|run| run.info.run.clone());
        let is_new = selected != self.last_selected;
        self.last_selected = selected;
        let is_this = |row: &ListedRow<'_>| matches!(row, ListedRow::Run(run) if train.is_selected(run));
        let below = rows.iter().position(is_this).filter(|_| is_new);
        below.map(|row| row as f32 * ROW)
    }
}

/// Tells whether a run has all of these words in what is known of it.
fn matches(run: &TrainingRun, words: &str) -> bool {
    // Most often there are none, and this is asked for every run in every frame.
    if words.trim().is_empty() {
        return true;
    }
    let RunLabel { note, tags, .. } = &run.info.label;
    let told = format!("{} {} {note} {}", words::summary(run), run.title, tags.join(" ")).to_lowercase();
    words.to_lowercase().split_whitespace().all(|word| told.contains(word))
}

/// Shows a run. Returns the response of its row.
fn row(ui: &mut Ui, train: &Train, run: &TrainingRun, shape: &RunColumns, out: &mut Vec<Command>) -> egui::Response {
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let selected = train.is_selected(run);
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, selected, words::summary(run)));
    let is_entered = response.has_focus() && ui.input(|i| i.key_pressed(Key::Enter));
    if response.clicked() || response.secondary_clicked() || is_entered {
        out.push(TrainCommand::Select(run.info.run.clone()).into());
    }
    if selected || response.hovered() {
        let fill = if selected { palette.accent_soft } else { palette.raised };
        ui.painter().rect_filled(rect, theme::SMALL_RADIUS, fill);
    }
    if response.has_focus() {
        let stroke = egui::Stroke::new(1.5, palette.accent);
        ui.painter().rect_stroke(rect, theme::SMALL_RADIUS, stroke, egui::StrokeKind::Inside);
    }
    tick(ui, run, rect, out);
    cells(ui, run, rect, shape);
    Popup::context_menu(&response).show(|ui| entries(ui, [actions(run), others(run)].concat(), out));
    response.on_hover_ui(|ui| tooltip(ui, run))
}

fn header(ui: &mut Ui, shape: &RunColumns) {
    let palette = palette(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEADER), Sense::hover());
    for (index, column) in COLUMNS.iter().enumerate() {
        let mut cell = shape.cell(rect, index);
        let font = FontId::new(12.0, theme::strong_font().family);
        let pictures = index.checked_sub(FIRST_ERROR).and_then(|at| shape.pictures.get(at).copied().flatten());
        if let Some(n) = pictures {
            let small = FontId::new(SMALL, theme::small_font().family);
            let written = write(ui, cell, true, &format!("n {}", thousands(n)), &small, palette.weak);
            cell.set_right(written);
        }
        write(ui, cell, column.right, column.name, &font, palette.weak);
        if !column.tooltip.is_empty() {
            let id = ui.scope_id().with(("column", index));
            ui.interact(cell, id, Sense::hover()).on_hover_text(column.tooltip);
        }
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, egui::Stroke::new(1.0, palette.line));
}

fn tick(ui: &mut Ui, run: &TrainingRun, rect: Rect, out: &mut Vec<Command>) {
    let mut is_ticked = run.is_ticked;
    let place = Rect::from_min_size(rect.min + vec2(2.0, 0.0), vec2(TICK - 2.0, ROW));
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let mut child = ui.new_child(UiBuilder::new().id_salt(&*run.info.run).max_rect(place).layout(layout));
    let response = child.add(Checkbox::without_text(&mut is_ticked));
    let name = format!("Overlay {}", run.info.run);
    let about = TrainCommand::TickSelected.about();
    if response.on_hover_text(about.tooltip).accessible_name(name).changed() {
        out.push(TrainCommand::Tick(run.info.run.clone(), is_ticked).into());
    }
}

fn cells(ui: &Ui, run: &TrainingRun, rect: Rect, shape: &RunColumns) {
    let palette = palette(ui);
    let config = &run.info.config;
    let errors = run.errors();
    let state = match run.info.state {
        RunState::Running | RunState::Preparing => palette.accent,
        RunState::Paused(Some(_)) | RunState::Failed(_) => palette.error,
        RunState::Finished => palette.right,
        _ => palette.weak,
    };
    let (eps, alpha) = run.tuning();
    let epochs = match run.progress.filter(|_| run.is_in_hand()) {
        Some(progress) => format!("{}/{}", progress.epoch, progress.epochs),
        None => format!("{}/{}", run.info.history.len(), config.epochs.max(run.info.history.len())),
    };
    let [clean, fgsm, pgd] = errors.map(|error| error.map_or_else(|| "–".to_owned(), words::error));
    let seconds = run.info.history.iter().map(|record| record.seconds).sum();
    let time = Duration::try_from_secs_f32(seconds).unwrap_or_default();
    let values: [String; 13] = [
        run.title.clone(),
        words::state_of(run).into(),
        words::adversary(config),
        short(eps),
        short(alpha),
        clean,
        fgsm,
        pgd,
        epochs,
        words::clock(time),
        run.info.net.clone(),
        words::data_in_short(&config.data),
        config.seed.to_string(),
    ];
    for (index, (column, text)) in COLUMNS.iter().zip(&values).enumerate() {
        let mut cell = shape.cell(rect, index);
        let colour = if index == 1 { state } else { palette.text };
        let font = if column.right { theme::number_font() } else { theme::small_font() };
        let error = index.checked_sub(FIRST_ERROR).filter(|at| shape.pictures.get(*at) == Some(&None));
        if let Some(measured) = error.and_then(|at| errors[at]) {
            let small = FontId::new(SMALL, theme::number_font().family);
            let written = write(ui, cell, true, &format!("n {}", thousands(measured.n)), &small, palette.weak);
            cell.set_right(written);
        }
        write(ui, cell, column.right, text, &font, colour);
    }
}

/// Writes one line into a cell, cut to fit, and returns the left edge of what is written.
fn write(ui: &Ui, cell: Rect, right: bool, text: &str, font: &FontId, colour: Color32) -> f32 {
    let galley = elided(ui.painter(), text, font.clone(), colour, cell.width() - 6.0);
    let anchor = if right { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
    let at = anchor.align_size_within_rect(galley.size(), cell.shrink2(vec2(3.0, 0.0))).min;
    ui.painter().galley(at, galley, colour);
    at.x
}

fn tooltip(ui: &mut Ui, run: &TrainingRun) {
    ui.label(theme::strong(&*run.title));
    ui.label(theme::weak(ui, format!("{}, {}", run.info.run, words::state_of(run))));
    let RunLabel { note, tags, .. } = &run.info.label;
    if !tags.is_empty() {
        ui.label(theme::weak(ui, format!("Tags: {}", tags.join(", "))));
    }
    if !note.is_empty() {
        ui.add(egui::Label::new(note.as_str()).wrap());
    }
    let for_training = thousands(run.info.pictures.saturating_sub(run.info.config.validation));
    let mut lines = vec![
        format!("{}, {} parameters", run.info.net, thousands(run.info.parameters)),
        format!("{}, {for_training} for training", words::data(&run.info.config.data)),
    ];
    if let Some(kept) = run.kept() {
        lines.push(format!("of epoch {}, validation errors:", kept.epoch));
        for (name, measured) in ["clean", "FGSM", "PGD"].into_iter().zip(run.errors()) {
            lines.extend(measured.map(|measured| format!("{name}: {}", words::interval(measured))));
        }
        if kept.overfits_the_attack() && run.info.config.trains_on_an_attack() {
            lines.push("It withstands large steps far better than small ones: catastrophic overfitting.".into());
        }
    }
    if let RunState::Failed(why) | RunState::Paused(Some(why)) = &run.info.state {
        lines.push(why.clone());
    }
    if run.info.is_shipped() {
        lines.push(format!("It came with the program. What made it:\n{}", words::command_line_of(run)));
    }
    ui.label(lines.join("\n"));
}

fn actions(run: &TrainingRun) -> Vec<TrainCommand> {
    possible([
        (run.has_net(), TrainCommand::UseNet(NetMoment::Now)),
        (has_history(run), TrainCommand::Measure),
        (run.is_resumable(), TrainCommand::Resume),
        (run.info.state == RunState::Queued, TrainCommand::Withdraw),
        (true, TrainCommand::Again),
    ])
}

fn others(run: &TrainingRun) -> Vec<TrainCommand> {
    possible([
        (has_history(run), TrainCommand::AskKeep),
        (has_history(run), TrainCommand::AskExport(Export::History)),
        (has_history(run), TrainCommand::AskExport(Export::Plots)),
        (true, TrainCommand::AskExport(Export::Settings)),
        (!run.info.is_shipped(), TrainCommand::AskLabel),
        (true, TrainCommand::CopyCommand),
        (!run.is_in_hand(), TrainCommand::AskDelete),
    ])
}

/// A run has a net to keep and to measure once an epoch is over.
fn has_history(run: &TrainingRun) -> bool {
    !run.info.history.is_empty()
}

fn possible<const N: usize>(commands: [(bool, TrainCommand); N]) -> Vec<TrainCommand> {
    commands.into_iter().filter_map(|(is_possible, command)| is_possible.then_some(command)).collect()
}

impl RunsTable {
    fn grouping_box(&mut self, ui: &mut Ui) {
        let name =
            |grouping: Grouping| Grouping::ALL.iter().find(|(of, ..)| *of == grouping).map_or("", |(_, name, _)| name);
        let shown = ComboBox::from_id_salt("groups of runs").width(96.0).selected_text(name(self.grouping));
        let shown = shown.show_ui(ui, |ui| {
            for (grouping, name, tip) in Grouping::ALL {
                ui.selectable_value(&mut self.grouping, grouping, name).on_hover_text(tip);
            }
        });
        shown.response.accessible_name("Groups of runs");
    }

    fn toolbar(&mut self, ui: &mut Ui, train: &Train, out: &mut Vec<Command>) {
        let roomy = ui.available_width() >= ROOMY;
        ui.horizontal(|ui| {
            ui.label(theme::caption(ui, "Runs"));
            let count = train.runs.len();
            let ticked = train.runs.iter().filter(|run| run.is_ticked).count();
            let overlaid = if ticked > 0 { format!(", {ticked} overlaid") } else { String::new() };
            if count > 0 && roomy {
                ui.label(theme::weak(ui, format!("{}{overlaid}", counted(count, "run"))));
            }
            if count > MANY && roomy {
                let field = TextEdit::singleline(&mut self.filter).hint_text("Filter").desired_width(120.0);
                ui.add(field).accessible_name("Filter runs").on_hover_text(FILTER);
                self.grouping_box(ui);
            }
            let Some(run) = train.selected() else { return };
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                more(ui, run, out);
                let button = if roomy { command_button } else { icon_button };
                for action in actions(run).into_iter().rev() {
                    button(ui, action, out);
                }
                if roomy {
                    ui.add(egui::Label::new(theme::strong(&*run.title)).truncate());
                }
            });
        });
    }
}

/// From more runs than this on, they can be filtered.
const MANY: usize = 3;
const FILTER: &str = "List only runs that have these words in their names, tags, notes or settings";

fn more(ui: &mut Ui, run: &TrainingRun, out: &mut Vec<Command>) {
    let button = egui::Button::new(icons::ICON_MORE_VERT.rich_text().size(17.0));
    let response = ui.add(button.min_size(egui::Vec2::splat(theme::CONTROL_HEIGHT)));
    let response = response.on_hover_text("Keep, export, copy, delete").accessible_name("More about this run");
    Popup::menu(&response).show(|ui| entries(ui, others(run), out));
}

fn entries(ui: &mut Ui, commands: Vec<TrainCommand>, out: &mut Vec<Command>) {
    ui.set_min_width(220.0);
    for command in commands {
        let about = command.about();
        let keys = about.spelled_keys();
        let icon = about.icon.unwrap_or(icons::ICON_CIRCLE).rich_text().size(17.0);
        let button = egui::Button::new((icon, about.name)).shortcut_text(keys).frame_when_inactive(false);
        let button = button.min_size(vec2(ui.available_width(), theme::CONTROL_HEIGHT));
        if ui.add(button).on_hover_text(about.tooltip).accessible_name(about.name).clicked() {
            out.push(command.into());
            ui.close();
        }
    }
}
