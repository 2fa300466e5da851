//! This module lays out the pane and its heading.

use egui::{self, Layout, Rect, Ui, UiBuilder, pos2, vec2};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::pages::explore::columns::height_with;
use crate::app::pages::explore::commands::why::{WhyCommand, WhyPart};
use crate::app::pages::explore::results;
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::why::church::{self, Maps};
use crate::app::pages::explore::why::state::{Why, WhyLook};
use crate::app::pages::explore::why::{controls, curve, second};
use crate::app::shell::Shell;
use crate::app::theme::{self, CONTROL_HEIGHT, MIN_WELL, SPACE_1, SPACE_2, SPACE_4, SPACE_6, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::{alternatives, hint, icon_button, segmented};

const HEADING: f32 = CONTROL_HEIGHT;
/// The body has at least this height; it grows with the window.
const LEAST: f32 = 102.0;
/// Pictures of this height are left beside it, where the window has room for both.
const GOOD_WELL: f32 = 244.0;
const GOOD_WELL_BESIDE_MAP: f32 = 144.0;
const MAP: f32 = 240.0;
const LOWEST: f32 = 136.0;
const BODY: f32 = 152.0;
const BODY_AT: f32 = 800.0;
const GROWTH: f32 = 0.35;
const HIGHEST: f32 = 300.0;
/// From these widths on there is room for the curve and one part more side by side, and for all.
const TWO_FROM: f32 = 1120.0;
const ALL_FROM: f32 = 1560.0;
const REMARK_FROM: f32 = 900.0;

const CURVE_HINT: &str = "Goodfellow, Shlens and Szegedy's figure 4 (arXiv 1412.6572), live: what the net says as the \
                          whole picture moves along the one direction that the attack takes, ε to the right and −ε to \
                          the left. The logits change almost in straight lines, so one step goes a long way; and the \
                          net is right only in a narrow interval around the picture. Drag to move ε; the arrow keys \
                          move it too.";

/// Returns the height of the pane in the `room` that it shares with the pictures, which come first. A map is a square,
/// which wants more height than a curve.
pub fn height(ui: &Ui, room: f32, is_open: bool, has_map: bool) -> f32 {
    let window = ui.ctx().content_rect().height();
    let wanted = (BODY + GROWTH * (window - BODY_AT)).clamp(LOWEST, HIGHEST);
    let curve = (wanted, GOOD_WELL, results::FEW_ROWS);
    let (wanted, well, rows) = if has_map { (wanted.max(MAP), GOOD_WELL_BESIDE_MAP, 2) } else { curve };
    let beside = |well, rows| room - height_with(ui, well, rows) - HEADING - SPACE_1;
    let body = (beside(well, rows) - SPACE_1).clamp(LEAST, wanted);
    if is_open && beside(MIN_WELL, 1) >= LEAST { HEADING + SPACE_1 + body } else { HEADING }
}

/// The pane keeps its maps as textures.
#[derive(Default)]
pub struct WhyPane {
    maps: Maps,
}

impl WhyPane {
    pub fn show(&mut self, ui: &mut Ui, shell: &Shell, out: &mut Vec<Command>) {
        let (explore, why, look, is_open) = (&shell.explore, &shell.why, &shell.settings.why, shell.is_why_open());
        ui.spacing_mut().item_spacing = vec2(SPACE_2, SPACE_1);
        let remark = match ui.available_height() < HEADING + SPACE_1 + LEAST - 1.0 {
            _ if !is_open => "the net's answers along the direction of the attack",
            true => "the pictures need all the room here; make the window taller to see it",
            false => "",
        };
        heading(ui, explore, why, look, remark, out);
        if !remark.is_empty() {
            return;
        }
        if explore.hidden.answer {
            ui.centered_and_justified(|ui| {
                ui.label(theme::weak(ui, "Hidden until you reveal it: the answer can be read off here."))
            });
            return;
        }
        let body = ui.available_rect_before_wrap();
        let mut ui = ui.new_child(UiBuilder::new().max_rect(body).id_salt("body"));
        ui.set_clip_rect(body.expand2(vec2(SPACE_4, SPACE_2)).intersect(ui.clip_rect()));
        let parts = parts(ui.available_width(), look);
        let mut right = body.right();
        for part in parts.iter().rev() {
            let width = if *part == WhyPart::Second { second::WIDTH } else { controls::width(body.width()) };
            let left = if *part == parts[0] { body.left() } else { right - width };
            let rect = Rect::from_min_max(pos2(left, body.top()), pos2(right, body.bottom()));
            right = left - SPACE_6;
            let mut ui = ui.new_child(UiBuilder::new().max_rect(rect).id_salt(part));
            match part {
                WhyPart::Curve if look.has_map => self.maps.show(&mut ui, explore, why),
                WhyPart::Curve => curve::show(&mut ui, explore, why, look, out),
                WhyPart::Controls => controls::show(&mut ui, explore, why, out),
                WhyPart::Second => second::show(&mut ui, explore, why, look, out),
            }
        }
    }
}

fn parts(width: f32, look: &WhyLook) -> Vec<WhyPart> {
    let known = known_parts(look);
    // A net to compare with may have been the last thing to look at, before it was put away.
    let part = if known.contains(&look.part) { look.part } else { WhyPart::default() };
    match width {
        _ if width >= ALL_FROM => known,
        _ if width >= TWO_FROM && part == WhyPart::Second => vec![WhyPart::Curve, WhyPart::Second],
        _ if width >= TWO_FROM => vec![WhyPart::Curve, WhyPart::Controls],
        _ => vec![part],
    }
}

fn known_parts(look: &WhyLook) -> Vec<WhyPart> {
    let mut known = vec![WhyPart::Curve, WhyPart::Controls];
    known.extend(look.second.as_ref().map(|_| WhyPart::Second));
    known
}

fn heading(ui: &mut Ui, explore: &Explore, why: &Why, look: &WhyLook, remark: &str, out: &mut Vec<Command>) {
    let room = Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), HEADING));
    let layout = Layout::left_to_right(egui::Align::Center);
    ui.scope_builder(UiBuilder::new().max_rect(room).layout(layout), |ui| {
        ui.set_min_size(room.size());
        fold_button(ui, remark.is_empty(), out);
        if !remark.is_empty() {
            ui.add(egui::Label::new(theme::weak(ui, remark)).truncate());
            return;
        }
        hint(ui, if look.has_map { church::HINT } else { CURVE_HINT });
        let parts = parts(room.width(), look);
        part_switch(ui, &parts, look, out);
        let has_main = parts.contains(&WhyPart::Curve);
        if has_main {
            switch(ui, WhyCommand::Map, "View", ["Curve", "Church window"], look.has_map, out);
        }
        if has_main && look.has_map {
            icon_button(ui, WhyCommand::NextDirection, out);
        } else if has_main {
            switch(ui, WhyCommand::Values, "Values", ["Probabilities", "Logits"], look.has_logits, out);
            switch(ui, WhyCommand::Axis, "Axis", ["Linear", "Log"], look.is_log, out);
        }
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            second::picker(ui, explore, look, out);
            ui.with_layout(Layout::left_to_right(egui::Align::Center), |ui| {
                if room.width() >= REMARK_FROM
                    && let Some(shown) = &explore.shown
                {
                    let basis = match why.church(shown) {
                        Some((church, _)) if look.has_map => church::basis(shown, church),
                        _ => curve::basis(shown),
                    };
                    ui.add(egui::Label::new(theme::weak(ui, basis.as_str())).truncate()).on_hover_text(basis);
                }
            });
        });
    });
}

fn fold_button(ui: &mut Ui, is_open: bool, out: &mut Vec<Command>) {
    let about = WhyCommand::Fold.about();
    let icon = if is_open { icons::ICON_EXPAND_MORE } else { icons::ICON_CHEVRON_RIGHT };
    let text = (icon.rich_text().size(17.0), theme::caption(ui, about.name));
    let button = ui.scope(|ui| {
        // Flush with what is above and below.
        ui.spacing_mut().button_padding.x = 0.0;
        ui.add(egui::Button::new(text).frame_when_inactive(false))
    });
    let response = button.inner.on_hover_text(about.tip()).accessible_name(about.name);
    ui.ctx().accesskit_node_builder(response.id, |node| node.set_expanded(is_open));
    if response.has_focus() {
        let stroke = egui::Stroke::new(1.0, palette(ui).accent);
        ui.painter().rect_stroke(response.rect, theme::RADIUS, stroke, egui::StrokeKind::Inside);
    }
    if response.clicked() {
        out.push(WhyCommand::Fold.into());
    }
}

/// Leads to what there is no room for; what always has its place is not among the choices.
fn part_switch(ui: &mut Ui, parts: &[WhyPart], look: &WhyLook, out: &mut Vec<Command>) {
    let mut known = known_parts(look);
    if known.iter().all(|part| parts.contains(part)) {
        return;
    }
    if parts.len() > 1 {
        known.retain(|part| *part != WhyPart::Curve);
    }
    let option = |part| match part {
        WhyPart::Curve if look.has_map => (part, "Map", "What the net says on a plane through the picture"),
        WhyPart::Curve => (part, "Curve", "What the net says along the direction of the attack"),
        WhyPart::Controls => (part, "Controls", "What other perturbations of the same length come to"),
        WhyPart::Second => (part, "Other net", "What another net says"),
    };
    let options: Vec<_> = known.into_iter().map(option).collect();
    if let Some(part) = alternatives(ui, "Show", &options, parts.last().copied().unwrap_or_default()) {
        out.push(WhyCommand::Part(part).into());
    }
}

fn switch(ui: &mut Ui, command: WhyCommand, name: &str, texts: [&str; 2], is_second: bool, out: &mut Vec<Command>) {
    let tip = command.about().tip();
    let options = texts.map(|text| (text, tip.as_str()));
    if segmented(ui, name, &options, usize::from(is_second)).is_some() {
        out.push(command.into());
    }
}

#[cfg(test)]
mod tests {
    use egui::{Context, RawInput};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn pictures_come_before_the_pane(window in 340.0_f32..2400.0, share in 0.2_f32..0.8, (is_open, has_map) in any::<(bool, bool)>()) {
            let room = share * window;
            let screen = Rect::from_min_size(pos2(0.0, 0.0), vec2(1280.0, window));
            let (mut height, mut pictures) = (0.0, 0.0);
            let _output = Context::default().run_ui(
                RawInput { screen_rect: Some(screen), ..RawInput::default() },
                |ui| (height, pictures) = (super::height(ui, room, is_open, has_map), height_with(ui, MIN_WELL, 1)),
            );
            prop_assert!((HEADING..=HEADING + SPACE_1 + HIGHEST).contains(&height), "{height}");
            let is_shown = height > HEADING;
            prop_assert!(is_open || !is_shown, "folded, it is its heading");
            prop_assert!(!is_shown || height >= HEADING + SPACE_1 + LEAST, "{height} is of no use");
            prop_assert!(!is_shown || height + pictures <= room + 0.01, "{height} of {room} leaves no whole picture");
            let has_room = room >= pictures + HEADING + SPACE_1 + LEAST;
            prop_assert_eq!(is_shown, is_open && has_room);
        }
    }
}
