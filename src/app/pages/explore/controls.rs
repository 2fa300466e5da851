//! The dock says how far, how, where to, and from which label.

use egui::{self, Align, Button, Checkbox, Id, Layout, Ui, vec2};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::format;
use crate::app::pages::explore::attack_form::AttackForm;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::commands::attack::AttackCommand;
use crate::app::pages::explore::commands::why::WhyCommand;
use crate::app::pages::explore::doppelganger::Doppelganger;
use crate::app::pages::explore::presets::eps_presets;
use crate::app::pages::explore::state::{DEFAULT_ETA, ETA_RANGE, Explore};
use crate::app::pages::explore::timeline::timeline;
use crate::app::pages::explore::words;
use crate::app::theme::{self, SPACE_2, SPACE_4};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::class_picker::ClassPicker;
use crate::app::widgets::fields::Field;
use crate::app::widgets::progress_bar::progress_ring;
use crate::app::widgets::rail::{Rail, Spacing};
use crate::app::widgets::{acting, command_button, hint, icon_button, row, segmented};
use crate::engine::attack::{AttackSettings, Goal, GradientSteps, Label, Loss, Norm};
use crate::engine::units::{self, LEVELS};

/// This is one grey level of a picture in 8 bits.
const ONE: f32 = 1.0 / LEVELS;
const MARKS: [f32; 14] =
    [0.0, ONE, 2.0 * ONE, 4.0 * ONE, 8.0 * ONE, 12.0 * ONE, 16.0 * ONE, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5];
const MARK_TEXTS: [&str; 14] =
    ["0", "1/255", "2/255", "4/255", "8/255", "12/255", "16/255", ".1", ".15", ".2", ".25", ".3", ".4", ".5"];
/// The rail ends here for photographs in colour: far more than any attack on them needs.
const PHOTO_REACH: f32 = 16.0 / LEVELS;

const EPS_HINT: &str = "Each pixel moves by at most ε, on a scale where 0 is black and 1 is white. One grey level of a \
                        picture in 8 bits is 1/255: nobody can see it.";
const ETA_HINT: &str = "Each step moves a pixel by η times its gradient, so pixels that matter more move more. \
                        A gradient is small where the net is sure, so η may have to be large.";
const EPS_KEYS: &str = "Drag, or use the arrow keys: one grey level a step, a tenth with Shift, ten with Page Up and \
                        Down. A double click brings back the usual ε.";
const LENGTH_HINT: &str = "The whole perturbation is at most ε long: ‖δ‖₂ is the root of the sum of its squares, ‖δ‖₁ \
                           the sum of its sizes. A single pixel may move far, so ε is larger than in L∞.";

const READOUT_WIDTH: f32 = 152.0;
const NARROW_READOUT_WIDTH: f32 = 96.0;
const ETA_READOUT_WIDTH: f32 = 232.0;
const ROOMY: f32 = 900.0;
const NARROW_RAIL: f32 = 120.0;

/// The groups below the slider need this width, without the parameters and the fields for classes.
const GROUPS_WIDTH: f32 = 952.0;
const SHORT_GROUPS_WIDTH: f32 = 814.0;
const OWN_PIXELS_WIDTH: f32 = 108.0;
const SHORT_PARAMETERS: f32 = 96.0;
const PARAMETERS: f32 = 240.0;
const SWITCHES_WIDTH: f32 = 444.0;
const PICKER_WIDTH: f32 = 132.0;
const GOAL_AND_LABEL_WIDTH: f32 = 532.0;
const SHORT_GOAL_AND_LABEL_WIDTH: f32 = 432.0;

/// The slider reaches this many gradient steps; more can be typed.
const MOST_GRADIENT_STEPS: f32 = 50.0;

#[derive(Default)]
pub struct Controls {
    eps: Field,
    eta: Field,
    attack: AttackForm,
    doppelganger: Doppelganger,
    pub target: ClassField,
    pub label: ClassField,
}

pub const TARGET_FIELD: &str = "target class";
pub const LABEL_FIELD: &str = "label class";

/// A class can be searched for in this field, beside a choice that needs no class.
#[derive(Default)]
pub struct ClassField {
    picker: ClassPicker,
    /// The search was asked for, but no class is chosen yet.
    pub is_wanted: bool,
}

struct ClassChoice {
    name: &'static str,
    ways: [(&'static str, ExploreCommand); 2],
    id: &'static str,
    field: &'static str,
    chosen: Option<usize>,
}

impl ClassField {
    pub fn search(&mut self, ctx: &egui::Context, id: &str) {
        self.is_wanted = true;
        ctx.memory_mut(|m| m.request_focus(Id::unique(id)));
    }

    fn is_shown(&self, chosen: Option<usize>) -> bool {
        self.is_wanted || chosen.is_some()
    }

    fn show(&mut self, ui: &mut Ui, explore: &Explore, choice: ClassChoice, out: &mut Vec<Command>) -> Option<usize> {
        let ClassChoice { name, ways, id, field, chosen } = choice;
        let is_shown = self.is_shown(chosen);
        ui.label(theme::caption(ui, name));
        let options = ways.each_ref().map(|(text, command)| (*text, command.about().tooltip));
        if let Some(index) = segmented(ui, name, &options, usize::from(is_shown)) {
            out.push(ways[index].1.clone().into());
        }
        let classes: &[String] = explore.shown.as_ref().map_or(&[], |shown| &shown.model.classes);
        if is_shown { self.picker.show(ui, Id::unique(id), field, classes, chosen) } else { None }
    }
}

impl Controls {
    /// Draws the dock; `search` says how far the search for the smallest ε is, while there is one.
    pub fn show(&mut self, ui: &mut Ui, explore: &Explore, search: Option<f32>, out: &mut Vec<Command>) {
        timeline(ui, explore, out);
        let view = &explore.view;
        let gradient = if let AttackSettings::Gradient(gradient) = &view.attack { Some(gradient) } else { None };
        ui.horizontal(|ui| {
            if gradient.is_none() {
                ui.set_min_height(if view.attack.takes_eps() { theme::LARGE_RAIL } else { theme::row_height(ui) });
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let is_roomy = ui.available_width() >= ROOMY;
                self.ends(ui, explore, out);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| match gradient {
                    Some(gradient) => self.eta(ui, explore, gradient, out),
                    None if view.attack.takes_eps() => self.eps(ui, explore, is_roomy, out),
                    None => shortest(ui, explore),
                });
            });
        });
        if let Some(gradient) = gradient {
            self.eta.show_problem(ui);
            if !theme::compact(ui) || explore.has_more {
                ui.horizontal(|ui| steps(ui, gradient, out));
            }
        }
        if explore.has_more {
            self.expert_rows(ui, explore, search, out);
        }
    }

    fn expert_rows(&mut self, ui: &mut Ui, explore: &Explore, search: Option<f32>, out: &mut Vec<Command>) {
        if explore.view.attack.takes_eps() {
            self.number_row(ui, explore, search, out);
        }
        // The groups stay whole: one row where they fit, else two, else three.
        let shows_target = self.target.is_shown(explore.view.goal.target());
        let pickers = usize::from(shows_target) + usize::from(self.label.is_shown(explore.view.label.given()));
        let own_pixels = if explore.may_have_own_pixels() { OWN_PIXELS_WIDTH } else { 0.0 };
        let room = ui.available_width() - pickers as f32 * (PICKER_WIDTH + SPACE_2) - own_pixels;
        let parameters = AttackForm::wanted_width(ui, explore).clamp(SHORT_PARAMETERS, PARAMETERS);
        if room >= SHORT_GROUPS_WIDTH + parameters {
            let short = room < GROUPS_WIDTH + parameters;
            let width = room - if short { SHORT_GROUPS_WIDTH } else { GROUPS_WIDTH };
            row(ui, |ui| {
                self.attack.show(ui, explore, width.min(PARAMETERS), out);
                ui.add_space(SPACE_4);
                self.goal(ui, explore, out, short);
                ui.add_space(SPACE_4);
                self.label(ui, explore, out);
                ui.add_space(SPACE_4);
                switches(ui, explore, out, short);
            });
            return;
        }
        row(ui, |ui| {
            let width = ui.available_width() - SWITCHES_WIDTH - own_pixels;
            self.attack.show(ui, explore, width.clamp(SHORT_PARAMETERS, PARAMETERS), out);
            ui.add_space(SPACE_2);
            switches(ui, explore, out, theme::compact(ui));
        });
        let short = room < GOAL_AND_LABEL_WIDTH;
        if room >= SHORT_GOAL_AND_LABEL_WIDTH {
            row(ui, |ui| {
                self.goal(ui, explore, out, short);
                ui.add_space(SPACE_4);
                self.label(ui, explore, out);
            });
        } else {
            row(ui, |ui| self.goal(ui, explore, out, false));
            row(ui, |ui| self.label(ui, explore, out));
        }
    }

    fn eps(&mut self, ui: &mut Ui, explore: &Explore, is_roomy: bool, out: &mut Vec<Command>) {
        let eps = explore.view.eps;
        let is_linf = explore.view.attack.norm() == Norm::Linf;
        let moved = explore.shown.as_ref().map_or(0.0, |shown| shown.linf);
        let meaning = if is_linf { units::grey_levels(eps) } else { format!("moves {}", units::grey_levels(moved)) };
        let letter = ui.label(egui::RichText::new("ε").font(theme::symbol_font()));
        letter.on_hover_text(format!("{}\n\n{EPS_KEYS}", if is_linf { EPS_HINT } else { LENGTH_HINT }));
        let meaning = if is_roomy { meaning } else { format::brief_levels(&meaning) };
        let width = if is_roomy { READOUT_WIDTH } else { NARROW_READOUT_WIDTH };
        let width = (ui.available_width() - width - SPACE_2).max(NARROW_RAIL);
        self.eps_rail(ui, explore, width, out);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let value = if is_linf { format::spelled_eps(eps) } else { format::short(eps) };
            ui.add(egui::Label::new(egui::RichText::new(value).font(theme::verdict_font())).truncate());
            ui.add(egui::Label::new(theme::weak(ui, meaning)).truncate());
        });
    }

    fn eps_rail(&mut self, ui: &mut Ui, explore: &Explore, width: f32, out: &mut Vec<Command>) {
        let (eps, largest) = (explore.view.eps, explore.largest_eps());
        let is_linf = explore.view.attack.norm() == Norm::Linf;
        let is_photo = explore.shown.as_ref().is_some_and(|shown| shown.model.input.channels == 3);
        let reach = if is_linf && is_photo && eps <= PHOTO_REACH { PHOTO_REACH } else { largest };
        let rail = Rail {
            marks: if is_linf { &MARKS } else { &[] },
            texts: Some(&MARK_TEXTS),
            // Of pictures in 8 bits only whole grey levels are left.
            grid: if is_linf && explore.view.eight_bit { 1.0 / LEVELS } else { 0.0 },
            ..Rail::new("Epsilon", 0.0..=reach, Spacing::Square, explore.eps_step())
        };
        let (response, moved) = rail.show(ui, width, eps);
        if response.double_clicked() {
            out.push(ExploreCommand::EpsReset.into());
        } else if let Some(eps) = moved {
            self.eps.clear();
            out.push(ExploreCommand::Eps(eps).into());
        }
    }

    fn ends(&mut self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
        let (about, has_more) = (ExploreCommand::ToggleMore.about(), explore.has_more);
        let icon = if has_more { icons::ICON_EXPAND_MORE } else { icons::ICON_TUNE };
        let more = Button::new((icon.rich_text().size(17.0), about.name)).selected(has_more);
        let more = ui.add(more.min_size(vec2(0.0, theme::ROW_HEIGHT)));
        ui.ctx().accesskit_node_builder(more.id, |node| node.set_expanded(has_more));
        acting(more, ExploreCommand::ToggleMore, out);
        ui.add_space(SPACE_2);
        self.doppelganger.show(ui, explore, out);
        ui.add_space(SPACE_2);
    }

    fn number_row(&mut self, ui: &mut Ui, explore: &Explore, search: Option<f32>, out: &mut Vec<Command>) {
        let (eps, largest) = (explore.view.eps, explore.largest_eps());
        let half = "half of the way from black to white at every pixel";
        let parse = |text: &str| match units::parse_eps(text) {
            Ok(eps) if eps > largest => Err(format!("ε is {eps}; the largest is {largest}, {half}")),
            parsed => parsed.map_err(|e| e.to_string()),
        };
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().interact_size.y = 24.0;
            ui.label(theme::caption(ui, "ε"));
            if let Some(eps) = self.eps.show(ui, "ε as a number", &format!("{eps:.4}"), parse) {
                out.push(ExploreCommand::Eps(eps).into());
            }
            if theme::compact(ui) {
                ui.menu_button("Presets", |ui| self.presets(ui, explore, out));
            } else {
                self.presets(ui, explore, out);
                icon_button(ui, ExploreCommand::EpsReset, out);
            }
            find_least(ui, search, out);
        });
        self.eps.show_problem(ui);
    }

    fn presets(&mut self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
        for &(name, eps, tip) in eps_presets(explore.view.attack.norm(), explore.net_kind()) {
            let is_chosen = (explore.view.eps - eps).abs() < 1e-6;
            if ui.add(Button::new(name).selected(is_chosen)).on_hover_text(tip).clicked() {
                self.eps.clear();
                out.push(ExploreCommand::Eps(eps).into());
                ui.close();
            }
        }
    }

    fn eta(&mut self, ui: &mut Ui, explore: &Explore, gradient: &GradientSteps, out: &mut Vec<Command>) {
        let set = |eta| AttackCommand::Set(GradientSteps { eta, ..*gradient }.into()).into();
        ui.label(egui::RichText::new("η").font(theme::symbol_font()));
        hint(ui, ETA_HINT);
        let marks = &[0.001, 0.01, 0.1, 1.0, 10.0];
        let rail = Rail { marks, ..Rail::new("Eta", ETA_RANGE, Spacing::Logarithmic, 1.25) };
        let width = (ui.available_width() - 88.0 - ETA_READOUT_WIDTH).max(NARROW_RAIL);
        let (response, moved) = rail.show(ui, width, gradient.eta);
        if let Some(eta) = response.double_clicked().then_some(DEFAULT_ETA).or(moved) {
            self.eta.clear();
            out.push(set(eta));
        }
        let parse = |text: &str| {
            let eta = text.trim().parse().ok().filter(|eta| ETA_RANGE.contains(eta));
            eta.ok_or_else(|| format!("η is {text:?}; expected a number from 0.0001 to 100, such as 0.1"))
        };
        if let Some(eta) = self.eta.show(ui, "η as a number", &format::short(gradient.eta), parse) {
            out.push(set(eta));
        }
        let moved = explore.shown.as_ref().map_or(0.0, |shown| shown.linf);
        ui.add(egui::Label::new(theme::number(format!("largest change {}", units::grey_levels(moved)))).truncate());
    }

    fn goal(&mut self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>, short: bool) {
        let away = if short { "Away" } else { "Away from the label" };
        let choice = ClassChoice {
            name: "Goal",
            ways: [(away, ExploreCommand::Goal(Goal::Untargeted)), ("Towards…", ExploreCommand::SearchTarget)],
            id: TARGET_FIELD,
            field: "Target class",
            chosen: explore.view.goal.target(),
        };
        if let Some(index) = self.target.show(ui, explore, choice, out) {
            out.push(ExploreCommand::Goal(Goal::Targeted(index)).into());
        }
    }

    fn label(&mut self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
        let choice = ClassChoice {
            name: "Label",
            ways: [("Predicted", ExploreCommand::Label(Label::Predicted)), ("Given…", ExploreCommand::GiveLabel)],
            id: LABEL_FIELD,
            field: "Given label",
            chosen: explore.view.label.given(),
        };
        if let Some(index) = self.label.show(ui, explore, choice, out) {
            out.push(ExploreCommand::Label(Label::Given(index)).into());
        }
    }
}

fn steps(ui: &mut Ui, gradient: &GradientSteps, out: &mut Vec<Command>) {
    ui.label(theme::caption(ui, "Steps"));
    let rail = Rail::new("Number of steps", 1.0..=MOST_GRADIENT_STEPS, Spacing::Linear, 1.0);
    let rail = Rail { grid: 1.0, ..rail };
    if let (_, Some(steps)) = rail.show(ui, 240.0, gradient.steps as f32) {
        let gradient = GradientSteps { steps: steps.round() as usize, ..*gradient };
        out.push(AttackCommand::Set(gradient.into()).into());
    }
    ui.label(theme::number(format!("{:2}", gradient.steps)));
}

fn switches(ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>, short: bool) {
    let mut switches = vec![
        (ExploreCommand::ToggleClip, explore.view.clip),
        (ExploreCommand::ToggleEightBit, explore.view.eight_bit),
        (ExploreCommand::ToggleLoss, explore.view.loss == Loss::LogOdds),
    ];
    if explore.may_have_own_pixels() {
        switches.push((ExploreCommand::ToggleOwnPixels, explore.has_own_pixels()));
    }
    for (index, (command, mut is_on)) in switches.into_iter().enumerate() {
        ui.add_space(if index > 0 { SPACE_2 } else { 0.0 });
        let about = command.about();
        let name = if short && command == ExploreCommand::ToggleClip { "Clip" } else { about.name };
        let switch = ui.add(Checkbox::new(&mut is_on, name)).on_hover_text(about.tooltip);
        if switch.accessible_name(about.name).changed() {
            out.push(command.into());
        }
    }
}

fn shortest(ui: &mut Ui, explore: &Explore) {
    let title = explore.view.attack.info().title;
    let found = explore.shown.as_deref().filter(|shown| shown.view.attack.name() == explore.view.attack.name());
    let text = match found {
        Some(shown) if shown.linf == 0.0 && shown.timeline.is_result => "found no perturbation that fools".to_owned(),
        Some(shown) => format!("finds a short perturbation by itself: {}", words::length(shown)),
        None => "finds a short perturbation by itself".to_owned(),
    };
    ui.add(egui::Label::new(format!("{title} {text}")).truncate());
}

fn find_least(ui: &mut Ui, search: Option<f32>, out: &mut Vec<Command>) {
    let command = Command::from(WhyCommand::FindLeast);
    match search {
        Some(share) => {
            progress_ring(ui, share, &format!("Searching for the smallest ε, {:.0} % done", share * 100.0));
            if ui.button("Stop searching").on_hover_text(command.about().tooltip).clicked() {
                out.push(command);
            }
        }
        None if theme::compact(ui) => drop(icon_button(ui, command, out)),
        None => drop(command_button(ui, command, out)),
    }
}
