//! The results are the line above the pictures, the bars under them, and the tags that say what the numbers rest on.

use std::f32::consts::SQRT_2;

use egui::{self, Align2, Mesh, Rect, Role, Sense, Shape, Ui, WidgetInfo, pos2, vec2};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::format;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::commands::attack::AttackCommand;
use crate::app::pages::explore::state::{Explore, GAIN_RANGE};
use crate::app::pages::explore::words::{self, Obstacle};
use crate::app::theme::{self, BAR_HEIGHT, SPACE_1, SPACE_2, SPACE_3, Standing, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::bar_chart::{ClassRole, bars};
use crate::app::widgets::rail::{Rail, Spacing};
use crate::app::widgets::{acting, alternatives, hint, row};
use crate::engine::attack::Loss;
use crate::engine::picture::{Channel, Heatmap, HeatmapQuantity, diverging, sequential};
use crate::engine::units::LEVELS;
use crate::worker::Shown;

const FOLLOW: &str = "Follow the log-odds";
const SEVERAL: &str = "Take several";
const ICON: f32 = 17.0 + SPACE_2;
const HINT: f32 = 18.0 + SPACE_2;
const CHANNELS: f32 = 9.0;
const GAIN: f32 = 104.0;
const LEAST_CONTROLS: f32 = 112.0;
/// From this width on the ends of the legend have room for both units.
const ROOMY_LEGEND: f32 = 340.0;
const CONFIDENCE_HINT: &str = "A high percentage is not a measure of being right: nets are often surest of all about \
                               adversarial pictures. And a net that withstands this attack may fall to another one.";
const HEATMAP_HINT: &str = "Every pixel of δ moves the same way as the slope of the loss at that pixel, so it looks \
                            like noise, but it is made for this net and this picture: the same amount of random \
                            noise hardly ever changes the answer. There is no hidden picture of the other class in it.";
const MAGNITUDE_HINT: &str = "The darker, the more the pixel moves; the darkest stands for the value at the right end";
const SIGN_HINT: &str = "Blue is below zero, red above, and the paler the nearer to zero; full colour stands for the \
                         values at the ends";

/// Where the pictures need the room there are fewer bars.
pub const ROWS: usize = 5;
pub const FEW_ROWS: usize = 3;

pub fn below(ui: &mut Ui, column: usize, rows: usize, explore: &Explore, out: &mut Vec<Command>) {
    let Some(shown) = explore.shown.as_deref() else { return };
    let role = |class| ClassRole::new(class, shown.view.goal.target(), shown.label.index, label_role(shown));
    match column {
        0 => bars(ui, "before", shown.clean_top.iter().take(rows), role),
        1 => heatmap_controls(ui, explore, shown, out),
        _ => bars(ui, "after", shown.adversarial_top.iter().take(rows), role),
    }
}

/// Returns the role of the label: one that is known, or the net's own answer.
pub fn label_role(shown: &Shown) -> ClassRole {
    if words::standing_before(shown) == Standing::Own { ClassRole::Own } else { ClassRole::Label }
}

fn heatmap_controls(ui: &mut Ui, explore: &Explore, shown: &Shown, out: &mut Vec<Command>) {
    ui.spacing_mut().item_spacing = vec2(SPACE_2, SPACE_1);
    legend(ui, shown);
    if !explore.has_more || ui.available_width() < LEAST_CONTROLS {
        return;
    }
    let is_low = ui.available_height() < 2.0 * theme::ROW_HEIGHT + SPACE_1;
    row(ui, |ui| {
        quantity(ui, explore.view.heatmap, out);
        // What would be cut is left out.
        let line = ui.text_style_height(&egui::TextStyle::Body);
        if shown.original.channels == 3 && ui.available_width() >= CHANNELS * line {
            channel(ui, explore.view.heatmap, out);
        }
        if is_low && ui.available_width() >= GAIN {
            gain(ui, explore.view.heatmap, out);
        } else if ui.available_width() >= HINT {
            hint(ui, HEATMAP_HINT);
        }
    });
    if !is_low {
        ui.horizontal(|ui| {
            ui.label(theme::caption(ui, "Gain"));
            gain(ui, explore.view.heatmap, out);
        });
    }
}

fn quantity(ui: &mut Ui, heatmap: Heatmap, out: &mut Vec<Command>) {
    let quantities =
        [(HeatmapQuantity::Perturbation, "δ"), (HeatmapQuantity::Magnitude, "|δ|"), (HeatmapQuantity::Gradient, "∇J")];
    let options = quantities.map(|(quantity, text)| (quantity, text, ExploreCommand::Look(quantity).about().tooltip));
    if let Some(quantity) = alternatives(ui, "Middle picture", &options, heatmap.quantity) {
        out.push(ExploreCommand::Look(quantity).into());
    }
}

fn channel(ui: &mut Ui, heatmap: Heatmap, out: &mut Vec<Command>) {
    let options = [
        (Channel::Strongest, "max", "At each pixel the channel that moves most"),
        (Channel::One(0), "R", "Red only"),
        (Channel::One(1), "G", "Green only"),
        (Channel::One(2), "B", "Blue only"),
    ];
    if let Some(channel) = alternatives(ui, "Channel", &options, heatmap.channel) {
        out.push(ExploreCommand::Heatmap(Heatmap { channel, ..heatmap }).into());
    }
}

fn gain(ui: &mut Ui, heatmap: Heatmap, out: &mut Vec<Command>) {
    let rail = Rail::new("Gain of the middle picture", GAIN_RANGE, Spacing::Logarithmic, SQRT_2);
    let width = (ui.available_width() - 48.0).max(48.0);
    let (response, moved) = rail.show(ui, width, heatmap.gain);
    if let Some(gain) = response.double_clicked().then_some(1.0).or(moved) {
        out.push(ExploreCommand::Heatmap(Heatmap { gain, ..heatmap }).into());
    }
    response.on_hover_text("Gain: makes small values visible; it changes only how they are drawn. Double click: 1");
    ui.label(theme::number(format!("×{}", format::short(heatmap.gain))));
}

fn legend(ui: &mut Ui, shown: &Shown) {
    let palette = palette(ui);
    let quantity = shown.view.heatmap.quantity;
    let (limit, is_magnitude) = (shown.heatmap_limit, quantity == HeatmapQuantity::Magnitude);
    let low = if is_magnitude { 0.0 } else { -1.0 };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 36.0), Sense::hover());
    let bar = Rect::from_min_size(rect.min + vec2(0.0, 2.0), vec2(rect.width(), SPACE_3));
    let mut mesh = Mesh::default();
    const STOPS: u32 = 32;
    for i in 0..=STOPS {
        let share = i as f32 / STOPS as f32;
        let at = egui::lerp(low..=1.0, share);
        let [r, g, b] = if is_magnitude { sequential(at) } else { diverging(at) };
        let colour = egui::Color32::from_rgb(r, g, b);
        let x = egui::lerp(bar.x_range(), share);
        mesh.colored_vertex(pos2(x, bar.top()), colour);
        mesh.colored_vertex(pos2(x, bar.bottom()), colour);
        if i > 0 {
            let k = 2 * i;
            mesh.add_triangle(k - 2, k - 1, k);
            mesh.add_triangle(k - 1, k, k + 1);
        }
    }
    ui.painter().add(Shape::mesh(mesh));
    ui.painter().rect_stroke(bar, 2, egui::Stroke::new(1.0, palette.line), egui::StrokeKind::Outside);
    if limit == 0.0 {
        let at = pos2(bar.center().x, bar.bottom() + SPACE_1);
        ui.painter().text(at, Align2::CENTER_TOP, "zero everywhere", theme::small_font(), palette.weak);
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, "Colours: zero everywhere"));
        return;
    }
    let roomy = rect.width() >= ROOMY_LEGEND;
    let value = |share: f32| {
        let levels = format!("{}/255", format::signed(share * limit * LEVELS, 1));
        match quantity {
            _ if share == 0.0 => "0".to_owned(),
            HeatmapQuantity::Gradient => format!("{}{}", if share < 0.0 { '−' } else { '+' }, format::short(limit)),
            _ if roomy => format!("{} = {levels}", format::signed(share * limit, 4)),
            _ => levels,
        }
    };
    let y = bar.bottom() + SPACE_1;
    let text = |x: f32, anchor: Align2, text: String| {
        ui.painter().text(pos2(x, y), anchor, text, theme::number_font(), palette.weak);
    };
    let (left, right) = (value(low), value(1.0));
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("Colours from {left} to {right}")));
    text(bar.left(), Align2::LEFT_TOP, left);
    if low < 0.0 {
        text(bar.center().x, Align2::CENTER_TOP, "0".into());
    }
    text(bar.right(), Align2::RIGHT_TOP, right);
    response.on_hover_text(if is_magnitude { MAGNITUDE_HINT } else { SIGN_HINT });
}

/// Draws the line above the pictures: what to do or what has come of it, and beside it what is in the way.
pub fn line(ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
    let Some(shown) = explore.shown.as_deref() else {
        ui.label(theme::weak(ui, explore.busy().unwrap_or("starting")));
        return;
    };
    if explore.is_blank {
        let text = "Draw a digit in the black square: the net answers, and is attacked, as you draw.";
        let text = egui::RichText::new(text).font(theme::line_font());
        return drop(row(ui, |ui| ui.add(egui::Label::new(text).truncate())));
    }
    if explore.hidden.answer {
        return drop(row(ui, |ui| ui.label(theme::weak(ui, "The answer is hidden: predict it, then reveal it."))));
    }
    let sentence = words::line(shown);
    let aside = Aside { obstacle: words::obstacle(shown), remark: words::judge(shown).remark };
    row(ui, |ui| {
        let font = theme::line_font();
        let width = width_of(ui, &sentence, font.clone());
        let is_whole = width + aside.width(ui, true) <= ui.available_width();
        let busy = explore.busy().map(|doing| format!("{doing}…"));
        let busy_width = busy.as_ref().map_or(0.0, |doing| ICON + width_of(ui, doing, theme::small_font()));
        ui.scope(|ui| {
            ui.set_max_width((ui.available_width() - aside.width(ui, is_whole) - busy_width).max(0.0));
            let text = egui::RichText::new(sentence.as_str()).font(font);
            let label = egui::Label::new(text).truncate().show_tooltip_when_elided(false);
            ui.add(label).on_hover_text(format!("{sentence}\n\n{CONFIDENCE_HINT}"));
        });
        aside.show(ui, is_whole, out);
        if let Some(doing) = busy {
            ui.label(icons::ICON_HOURGLASS_EMPTY.rich_text().size(15.0).color(palette(ui).accent));
            ui.label(theme::weak(ui, doing));
        }
    });
}

pub fn conditions(ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
    let Some(shown) = explore.shown.as_deref() else { return };
    let tags = words::tags(shown);
    ui.spacing_mut().interact_size.y = BAR_HEIGHT - 6.0;
    if theme::compact(ui) || !explore.has_more {
        ui.horizontal(|ui| {
            if explore.has_more {
                copy_command(ui, out);
            }
            linear_link(ui, shown, out);
            let all = tags.join(" · ");
            let label = egui::Label::new(theme::weak(ui, all.as_str())).truncate().show_tooltip_when_elided(false);
            ui.add(label).on_hover_text(all);
        });
        return;
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(SPACE_2, 2.0);
        for (index, tag) in tags.iter().enumerate() {
            if index > 0 {
                ui.label(theme::weak(ui, "·"));
            }
            ui.label(theme::weak(ui, tag.as_str()));
        }
        copy_command(ui, out);
        linear_link(ui, shown, out);
    });
}

/// This stands beside the verdict: in whole sentences where there is room, else in a few words with a tooltip.
struct Aside {
    obstacle: Option<Obstacle>,
    remark: Option<&'static str>,
}

impl Aside {
    fn width(&self, ui: &Ui, is_whole: bool) -> f32 {
        let text = |text: &str| width_of(ui, text, theme::body_font());
        let small = |text: &str| width_of(ui, text, theme::small_font());
        let obstacle = self.obstacle.as_ref().map_or(0.0, |obstacle| {
            let link = if obstacle.log_odds_help { text(FOLLOW) } else { 0.0 };
            ICON + text(if is_whole { &obstacle.text } else { obstacle.brief }) + link + 2.0 * SPACE_2
        });
        let remark = self.remark.map_or(0.0, |remark| small(SEVERAL) + if is_whole { small(remark) } else { 0.0 });
        obstacle + remark
    }

    fn show(&self, ui: &mut Ui, is_whole: bool, out: &mut Vec<Command>) {
        if let Some(obstacle) = &self.obstacle {
            warning(ui, obstacle, is_whole, out);
        }
        let Some(remark) = self.remark else { return };
        if is_whole {
            ui.label(theme::weak(ui, remark));
        }
        let several = AttackCommand::Use("bim");
        let tip = format!("{remark}\n{}", several.about().tooltip);
        if ui.link(egui::RichText::new(SEVERAL).small()).on_hover_text(tip).clicked() {
            out.push(several.into());
        }
    }
}

fn width_of(ui: &Ui, text: &str, font: egui::FontId) -> f32 {
    ui.painter().layout_no_wrap(text.to_owned(), font, palette(ui).text).size().x + ui.spacing().item_spacing.x
}

fn warning(ui: &mut Ui, obstacle: &Obstacle, is_whole: bool, out: &mut Vec<Command>) {
    let palette = palette(ui);
    let frame = egui::Frame::new().fill(palette.fooled_soft).corner_radius(theme::RADIUS);
    frame.inner_margin(egui::Margin::symmetric(SPACE_2 as i8, 0)).show(ui, |ui| {
        ui.horizontal(|ui| {
            ui.label(icons::ICON_WARNING.rich_text().size(17.0).color(palette.fooled));
            let text = ui.label(if is_whole { &obstacle.text } else { obstacle.brief });
            if !is_whole {
                text.widget_info(|| WidgetInfo::labeled(Role::Label, true, &obstacle.text));
                text.on_hover_text(obstacle.text.as_str());
            }
            let command = ExploreCommand::Follow(Loss::LogOdds);
            let tip = command.about().tooltip;
            if obstacle.log_odds_help && ui.link(FOLLOW).on_hover_text(tip).clicked() {
                out.push(command.into());
            }
        });
    });
}

fn linear_link(ui: &mut Ui, shown: &Shown, out: &mut Vec<Command>) {
    if shown.linear.is_some() {
        let name = egui::RichText::new(ExploreCommand::ToggleLinear.about().name).small();
        acting(ui.link(name), ExploreCommand::ToggleLinear, out);
    }
}

fn copy_command(ui: &mut Ui, out: &mut Vec<Command>) {
    acting(ui.link(icons::ICON_TERMINAL.rich_text().size(14.0)), ExploreCommand::CopyCommand, out);
}
