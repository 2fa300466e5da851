//! Which way? Away from the label, or towards one of the errors: a choice that is made by a click.

use eframe::egui::{Align, Align2, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};

use super::{FigureWorld, Figures, Pen, describe, fitted, wait};
use crate::app::commands::Command;
use crate::app::theme;
use crate::app::widgets::per_cent;
use crate::engine::attack::Goal;
use crate::worker::Shown;

/// Where the errors lie around the picture, in shares of the room; the label lies at the left, and away from it is right.
const ERRORS: [(f32, f32); 3] = [(0.56, 0.1), (0.86, 0.24), (0.8, 0.84)];
const LABEL: (f32, f32) = (0.15, 0.5);
const CENTRE: (f32, f32) = (0.5, 0.5);
/// Where the way away from the label ends.
const AWAY: (f32, f32) = (0.9, 0.5);
/// Width and height of a tile, in heights of type.
const TILE: Vec2 = Vec2::new(9.0, 3.6);

pub fn show(figures: &mut Figures, ui: &mut Ui, room: Rect, world: &FigureWorld<'_>, out: &mut Vec<Command>) {
    let (Some(shown), Some(step)) = (world.explore.shown.as_deref(), world.lessons.step()) else {
        return wait(ui, room, "Loading the net and the first picture…");
    };
    let size = theme::size_of_body(ui);
    let answer = room.with_min_y(room.bottom() - 4.4 * size);
    let map = fitted(room.with_max_y(answer.top() - size), 1.45);
    let at = |(x, y): (f32, f32)| map.min + vec2(x * map.width(), y * map.height());
    let goal = world.explore.goal;
    let side = 0.26 * map.height();
    let picture = Rect::from_center_size(at(CENTRE), Vec2::splat(side));
    let others: Vec<(usize, &str)> = step
        .labels
        .iter()
        .filter_map(|name| shown.model.classes.iter().position(|class| class == name).map(|index| (index, name.as_str())))
        .filter(|(index, _)| *index != shown.label.index)
        .collect();
    let what = match goal {
        Goal::Untargeted => format!("away from {}", shown.label.name),
        Goal::Targeted(target) => format!("towards {}", shown.model.classes.get(target).map_or("", String::as_str)),
    };
    describe(ui, map, format!("The direction of the attack: {what}"));
    let pen = Pen::new(ui);
    let faint = Stroke::new(0.08 * pen.size, pen.palette.weak);
    let bold = |colour| Stroke::new(0.26 * pen.size, colour);
    for ((index, _), place) in others.iter().zip(ERRORS) {
        let is_goal = goal == Goal::Targeted(*index);
        let stroke = if is_goal { bold(pen.palette.asked) } else { faint };
        ray(&pen, picture, (at(place), TILE * size), stroke);
    }
    if goal == Goal::Untargeted {
        ray(&pen, picture, (at(AWAY), Vec2::ZERO), bold(pen.palette.fooled));
        let words = pos2(at(AWAY).x, at(AWAY).y + 0.5 * pen.size);
        pen.strong(words, Align2::RIGHT_TOP, "any error will do", (1.0, pen.palette.fooled));
    }
    let label = at(LABEL) + vec2(0.5 * TILE.x * size, 0.0);
    pen.painter.line_segment([label, picture.left_center()], faint);
    figures.picture(ui, 0, picture, &shown.original_rgba);
    if tile(ui, at(LABEL), (&shown.label.name, &per_cent(shown.label_prob.1)), Tile::Label(goal == Goal::Untargeted)) {
        out.push(Command::Goal(Goal::Untargeted));
    }
    for ((index, name), place) in others.iter().zip(ERRORS) {
        let share = probability(shown, *index);
        if tile(ui, at(place), (name, &share), Tile::Error(goal == Goal::Targeted(*index))) {
            out.push(Command::Goal(Goal::Targeted(*index)));
        }
    }
    says(ui, answer, shown, &what);
}

/// From the edge of the picture to the edge of a tile of this size.
fn ray(pen: &Pen<'_>, picture: Rect, (to, tile): (Pos2, Vec2), stroke: Stroke) {
    let way = (to - picture.center()).normalized();
    let inside = |half: Vec2| (half.x / way.x.abs().max(1e-3)).min(half.y / way.y.abs().max(1e-3));
    let gap = 0.4 * pen.size;
    let from = picture.center() + (inside(0.5 * picture.size()) + gap) * way;
    let end = if tile == Vec2::ZERO { to } else { to - (inside(0.5 * tile) + gap) * way };
    pen.arrow(from, end, stroke);
}

enum Tile {
    /// Whether the attack goes away from it.
    Label(bool),
    /// Whether the attack goes towards it.
    Error(bool),
}

/// A class that can be chosen by a click.
fn tile(ui: &mut Ui, centre: Pos2, (name, share): (&str, &str), tile: Tile) -> bool {
    let size = theme::size_of_body(ui);
    let palette = theme::palette(ui);
    let (role, is_chosen, colour) = match tile {
        Tile::Label(is_chosen) => ("the label", is_chosen, palette.fooled),
        Tile::Error(is_chosen) => ("an error", is_chosen, palette.asked),
    };
    let rect = Rect::from_center_size(centre, TILE * size);
    let response = ui.interact(rect, ui.scope_id().with(("class", name)), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, is_chosen, name));
    let ground = if response.hovered() { palette.raised_hover } else { palette.raised };
    ui.painter().rect_filled(rect, theme::RADIUS, ground);
    let edge = match is_chosen || response.has_focus() {
        true => Stroke::new(0.12 * size, colour),
        false => Stroke::new(1.0, palette.line),
    };
    ui.painter().rect_stroke(rect, theme::RADIUS, edge, StrokeKind::Inside);
    let pen = Pen::new(ui);
    let at = rect.min + vec2(0.6 * size, 0.5 * size);
    pen.cut(at, name, (rect.width() - 1.2 * size, palette.text));
    pen.text(at + vec2(0.0, 1.3 * size), Align2::LEFT_TOP, format!("{role}: {share}"), palette.weak);
    let tip = match tile {
        Tile::Label(_) => "Go away from this label",
        Tile::Error(_) => "Go towards this class",
    };
    response.on_hover_text(tip).clicked()
}

/// What the net says of a class of the adversarial picture; where only the first five are known, what it lies below.
fn probability(shown: &Shown, class: usize) -> String {
    let target = shown.target_prob.filter(|_| shown.view.goal == Goal::Targeted(class));
    let top = shown.adversarial_top.iter().find(|guess| guess.index == class);
    match (target.map(|(_, after)| after).or(top.map(|guess| guess.prob)), shown.adversarial_top.last()) {
        (Some(share), _) => per_cent(share),
        (None, Some(last)) => format!("below {}", per_cent(last.prob)),
        (None, None) => "–".into(),
    }
}

fn says(ui: &Ui, room: Rect, shown: &Shown, what: &str) {
    let pen = Pen::new(ui);
    let Some(now) = shown.adversarial_top.first() else { return };
    let is_moved = shown.clean_top.first().is_none_or(|before| before.index != now.index);
    let colour = if is_moved { pen.palette.fooled } else { pen.palette.text };
    let line = pen.paragraph(room, &format!("One step {what}:"), Align::Center, (1.0, pen.palette.weak));
    let text = format!("the net says {} ({})", now.name, per_cent(now.prob));
    pen.strong(pos2(room.center().x, line.bottom() + 0.3 * pen.size), Align2::CENTER_TOP, text, (1.3, colour));
}
