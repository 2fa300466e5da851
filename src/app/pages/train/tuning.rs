//! ε and α are two large knobs, with a picture that is attacked as they are turned and the errors that follow.

use egui::{self, Color32, Rect, RichText, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::app::commands::Command;
use crate::app::format::{per_cent, short, thousands};
use crate::app::pages::train::commands::TrainCommand;
use crate::app::pages::train::state::probing::Probing;
use crate::app::pages::train::state::run::TrainingRun;
use crate::app::pages::train::state::{draft, words};
use crate::app::plots::quantity::Quantity;
use crate::app::theme::{self, SPACE_1, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::form::Fields;
use crate::app::widgets::knob::Face;
use crate::app::widgets::rail::{Rail, Spacing};
use crate::app::widgets::texture::Texture;
use crate::app::widgets::{elided, toggle};
use crate::engine::attack::Norm;
use crate::engine::train::{Adversary, Config, Measured};
use crate::engine::units::LEVELS;
use crate::worker::{Probe, ProbeAnswer, ProbeExample};

const EPS_MARKS: [f32; 5] = [8.0 / 255.0, 0.07, 0.1, 0.25, 0.3];
const LENGTH_MARKS: [f32; 4] = [0.5, 1.0, 2.0, 3.0];
const KNOB: f32 = 104.0;
const SMALL_KNOB: f32 = 84.0;
const SIGN: f32 = 16.0;
const CAPTION: f32 = 18.0;

/// This draws the knobs and what a probe of them found.
#[derive(Default)]
pub struct Tuning {
    pictures: [Texture; 3],
}

impl Tuning {
    /// Shows the knobs and the formula with their values.
    pub fn knobs(&mut self, ui: &mut Ui, fields: &mut Fields, config: &mut Config) {
        let diameter = if theme::compact(ui) { SMALL_KNOB } else { KNOB };
        ui.columns_const(|[left, right]| {
            eps(left, fields, diameter, config);
            share(right, fields, diameter, config);
        });
        ["ε", "α", "β"].into_iter().for_each(|name| fields.get(name).show_problem(ui));
        formula(ui, config);
    }

    /// Shows a training picture as the probe's net sees it, untouched and attacked, and the errors of that net.
    pub fn probe(&mut self, ui: &mut Ui, probing: &Probing, is_on: bool, out: &mut Vec<Command>) {
        toggle(ui, TrainCommand::ToggleProbe, is_on, out);
        if !is_on {
            return;
        }
        let found = probing.found.as_deref();
        self.example(ui, found.and_then(|found| found.example.as_ref()), out);
        errors(
            ui,
            found.and_then(|found| found.record).map(|record| [record.clean, record.adversarial]),
            probing.is_current(),
        );
        let text = match (&probing.problem, found) {
            (Some(why), _) => format!("No probe: {why}"),
            (None, None) => "Training begins: a few seconds.".into(),
            (None, Some(found)) => conditions(found),
        };
        ui.add(egui::Label::new(theme::weak(ui, text)).wrap());
    }

    fn example(&mut self, ui: &mut Ui, example: Option<&ProbeExample>, out: &mut Vec<Command>) {
        let side = ((ui.available_width() - 2.0 * SIGN) / 3.0).floor().min(96.0);
        let size = vec2(ui.available_width(), side + CAPTION);
        let (rect, response) = ui.allocate_exact_size(size, Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, described(example)));
        let about = TrainCommand::NextExample.about();
        if response.on_hover_text(about.tip()).clicked() {
            out.push(TrainCommand::NextExample.into());
        }
        let palette = palette(ui);
        let place = |index: usize| {
            let left = rect.left() + index as f32 * (side + SIGN);
            Rect::from_min_size(pos2(left, rect.top()), vec2(side, side))
        };
        for (index, sign) in ["+", "="].into_iter().enumerate() {
            let at = pos2(place(index).right() + 0.5 * SIGN, place(index).center().y);
            ui.painter().text(at, egui::Align2::CENTER_CENTER, sign, theme::heading_font(), palette.weak);
        }
        for index in 0..3 {
            ui.painter().rect_filled(place(index), theme::SMALL_RADIUS, palette.well);
        }
        let Some(example) = example else { return };
        let ProbeExample { clean, adversarial, perturbation, .. } = example;
        let pictures = [&clean.picture, perturbation, &adversarial.picture];
        for (index, (texture, picture)) in self.pictures.iter_mut().zip(pictures).enumerate() {
            texture.paint(ui, picture, place(index));
        }
        let outline = Stroke::new(1.5, colour(palette, adversarial));
        ui.painter().rect_stroke(place(2), theme::SMALL_RADIUS, outline, StrokeKind::Inside);
        let delta = format!("|δ| ≤ {}", short(example.eps));
        let captions = [
            (answer(clean), colour(palette, clean)),
            (delta, palette.weak),
            (answer(adversarial), colour(palette, adversarial)),
        ];
        for (index, (text, colour)) in captions.into_iter().enumerate() {
            let galley = elided(ui.painter(), &text, theme::small_font(), colour, side + SIGN);
            let at = pos2(place(index).center().x - 0.5 * galley.size().x, place(index).bottom() + 2.0);
            ui.painter().galley(at, galley, colour);
        }
    }
}

fn answer(answer: &ProbeAnswer) -> String {
    format!("{} {:.0} %", answer.class, 100.0 * answer.probability)
}

fn colour(palette: &theme::Palette, answer: &ProbeAnswer) -> Color32 {
    if answer.is_right { palette.right } else { palette.fooled }
}

fn described(example: Option<&ProbeExample>) -> String {
    let Some(ProbeExample { eps, label, clean, adversarial, .. }) = example else {
        return "Training picture, not attacked yet".into();
    };
    let [before, after] = [clean, adversarial].map(answer);
    format!("Training picture of {label}; the probe's net says {before}, and {after} under attack at ε {}", short(*eps))
}

fn eps(ui: &mut Ui, fields: &mut Fields, diameter: f32, config: &mut Config) {
    let is_linf = config.norm == Norm::Linf;
    let caption = if is_linf { format!("{}/255", short(config.eps * LEVELS)) } else { "‖δ‖₂".into() };
    let face = Face { symbol: "ε", caption: &caption };
    let range = 0.0..=draft::largest_eps(config.norm);
    let rail = Rail::new("Training ε", range, Spacing::Square, if is_linf { 1.0 / LEVELS } else { 0.05 });
    let marks: &[f32] = if is_linf { &EPS_MARKS } else { &LENGTH_MARKS };
    let tip = match is_linf {
        true => {
            "How far each pixel may move, as a share of the way from black to white; 8/255 can be typed. Double click: \
             as it was at first"
        }
        false => "How long the perturbation may be, ‖δ‖₂, where each pixel is from 0 to 1. Double click: as at first",
    };
    let turned = Turned {
        rail: Rail { marks, ..rail },
        face,
        diameter,
        tip,
        name: "ε",
        text: format!("{:.4}", config.eps),
        usual: draft::usual_eps(config.norm),
        round: |eps| (eps * 1e4).round() / 1e4,
    };
    knob(ui, fields, turned, &mut config.eps, if is_linf { draft::eps } else { draft::length });
}

/// Shows the knob of α, or with TRADES that of β, which takes its place.
fn share(ui: &mut Ui, fields: &mut Fields, diameter: f32, config: &mut Config) {
    match &mut config.trades {
        Some(beta) => self::beta(ui, fields, diameter, beta),
        None => alpha(ui, fields, diameter, config),
    }
}

fn beta(ui: &mut Ui, fields: &mut Fields, diameter: f32, beta: &mut f32) {
    let turned = Turned {
        rail: Rail { marks: &[1.0, 6.0], grid: 0.1, ..Rail::new("Training β", 0.1..=10.0, Spacing::Linear, 0.1) },
        face: Face { symbol: "β", caption: "TRADES" },
        diameter,
        tip: "The weight of the divergence: the larger, the stronger and the less exact the net; the paper has 1 and 6",
        name: "β",
        text: short(*beta),
        usual: 6.0,
        round: |beta| (beta * 100.0).round() / 100.0,
    };
    knob(ui, fields, turned, beta, draft::beta);
}

fn alpha(ui: &mut Ui, fields: &mut Fields, diameter: f32, config: &mut Config) {
    let is_attacked = config.adversary != Adversary::None;
    let turned = Turned {
        rail: Rail { marks: &[0.5], grid: 0.01, ..Rail::new("Training α", 0.0..=1.0, Spacing::Linear, 0.05) },
        face: Face { symbol: "α", caption: if is_attacked { "clean share" } else { "clean only" } },
        diameter,
        tip: "The share of the clean loss: 1 trains clean, 0 on adversarial examples alone; the paper has 0.5. Double \
              click: as it was at first",
        name: "α",
        text: short(config.alpha),
        usual: draft::usual().alpha,
        round: |alpha| (alpha * 1000.0).round() / 1000.0,
    };
    ui.add_enabled_ui(is_attacked, |ui| knob(ui, fields, turned, &mut config.alpha, draft::alpha));
}

struct Turned<'a> {
    rail: Rail<'a>,
    face: Face<'a>,
    diameter: f32,
    tip: &'static str,
    name: &'static str,
    /// The value as its field shows it.
    text: String,
    usual: f32,
    round: fn(f32) -> f32,
}

/// Shows a knob with a field below it.
fn knob(ui: &mut Ui, fields: &mut Fields, turned: Turned<'_>, value: &mut f32, parse: fn(&str) -> Result<f32, String>) {
    let Turned { rail, face, diameter, tip, name, text, usual, round } = turned;
    let field = fields.get(name);
    ui.vertical_centered(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let (response, moved) = rail.show_knob(ui, diameter, &face, *value);
        let reset = response.double_clicked().then_some(usual);
        response.on_hover_text(tip);
        if let Some(moved) = reset.or(moved) {
            field.clear();
            *value = round(moved);
        } else if let Some(typed) = field.show(ui, &format!("{name} as a number"), &text, parse) {
            *value = typed;
        }
    });
}

fn formula(ui: &mut Ui, config: &Config) {
    let [symbols, numbers] = words::objective(config);
    let frame = egui::Frame::new().fill(palette(ui).raised).corner_radius(theme::RADIUS);
    frame.inner_margin(egui::Margin::symmetric(8, 6)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.add(egui::Label::new(theme::number(symbols)).wrap());
        ui.add(egui::Label::new(theme::number(format!("= {numbers}")).color(palette(ui).weak)).wrap());
    });
}

/// Shows the errors of a run in hand, of its newest epoch.
pub fn errors_of(ui: &mut Ui, run: &TrainingRun) {
    let Some(record) = run.info.history.last() else { return };
    errors(ui, Some([record.clean, record.adversarial]), true);
    let n = record.clean.map_or(0, |clean| clean.n);
    let text = format!("Validation errors of epoch {}, at ε {}, n = {}", record.epoch, short(record.eps), thousands(n));
    ui.add(egui::Label::new(theme::weak(ui, text)).wrap());
}

/// Shows a clean and an adversarial validation error side by side; those of earlier settings stand back.
fn errors(ui: &mut Ui, errors: Option<[Option<Measured>; 2]>, is_current: bool) {
    let palette = palette(ui);
    let errors = errors.unwrap_or_default();
    let colours = [Quantity::Clean, Quantity::Fgsm].map(|quantity| quantity.colour(palette));
    ui.columns_const(|columns: &mut [Ui; 2]| {
        for (index, ui) in columns.iter_mut().enumerate() {
            let (name, measured) = (["Clean error", "Adversarial error"][index], errors[index]);
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.label(theme::weak(ui, name));
            let text = measured.map_or("–".to_owned(), |measured| per_cent(measured.error() as f32));
            let colour = if is_current { colours[index] } else { palette.weak };
            let response = ui.label(RichText::new(&text).font(theme::symbol_font()).color(colour));
            if let Some(measured) = measured {
                response.on_hover_text(words::interval(measured));
            }
        }
    });
    ui.add_space(SPACE_1);
}

/// Says what the errors are of.
fn conditions(found: &Probe) -> String {
    let Probe { config, training_pictures, steps, of, record, .. } = found;
    let net = if found.is_of_small_net() { format!("{} in place of the net, ", config.model) } else { String::new() };
    let eps = record.map_or(config.eps, |record| record.eps);
    let n = record.and_then(|record| record.clean).map_or(config.validation, |clean| clean.n);
    format!(
        "{net}{steps} of {of} steps on {} pictures; FGSM at ε {}{}, n = {}, seed {}",
        thousands(*training_pictures),
        short(eps),
        if config.norm == Norm::L2 { " in L2" } else { "" },
        thousands(n),
        config.seed
    )
}
