//! This figure lets a click choose the direction: away from the label, or towards one of the errors.

use egui::{Align, Align2, Pos2, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::app::commands::Command;
use crate::app::format::per_cent;
use crate::app::lessons::figures::{Figures, Pen, describe, fitted};
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::shell::Shell;
use crate::app::theme;
use crate::engine::attack::Goal;
use crate::worker::Shown;

/// The errors lie here around the picture, in shares of the room.
const ERRORS: [(f32, f32); 3] = [(0.56, 0.1), (0.86, 0.24), (0.8, 0.84)];

pub fn show(figures: &mut Figures, ui: &mut Ui, room: Rect, shell: &Shell, shown: &Shown, out: &mut Vec<Command>) {
    let labels = shell.lessons.step().map_or(&[][..], |step| &step.labels);
    let size = theme::size_of_body(ui);
    let answer = room.with_min_y(room.bottom() - 4.4 * size);
    let map = fitted(room.with_max_y(answer.top() - size), 1.45);
    let at = |(x, y): (f32, f32)| map.min + vec2(x * map.width(), y * map.height());
    let goal = shell.explore.view.goal;
    let picture = Rect::from_center_size(map.center(), Vec2::splat(0.26 * map.height()));
    let class = |name: &String| shown.model.classes.iter().position(|class| class == name);
    let others = labels.iter().filter_map(class).filter(|index| *index != shown.label.index);
    let what = match goal {
        Goal::Untargeted => format!("away from {}", shown.label.name),
        Goal::Targeted(target) => format!("towards {}", shown.class_name(target)),
    };
    describe(ui, map, format!("The direction of the attack: {what}"));
    let place = |middle| Rect::from_center_size(at(middle), vec2(9.0, 3.6) * size);
    let is_chosen = goal == Goal::Untargeted;
    let share = per_cent(shown.label_prob.1);
    let label =
        DirectionTile { name: &shown.label.name, share, goal: Goal::Untargeted, is_chosen, place: place((0.15, 0.5)) };
    let errors = others.zip(ERRORS).map(|(index, middle)| {
        let (tile, share) = (Goal::Targeted(index), probability(shown, index));
        let name = &shown.model.classes[index];
        DirectionTile { name, share, goal: tile, is_chosen: goal == tile, place: place(middle) }
    });
    let tiles: Vec<DirectionTile<'_>> = std::iter::once(label).chain(errors).collect();
    arrows(&Pen::new(ui), &tiles, picture, at((0.9, 0.5)));
    figures.picture(ui, 0, picture, &shown.original_rgba);
    for tile in &tiles {
        if tile.show(ui) {
            out.push(ExploreCommand::Goal(tile.goal).into());
        }
    }
    says(ui, answer, shown, &what);
}

/// Draws the ways from the picture to each error, and away from the label; the one that is taken is bold.
fn arrows(pen: &Pen<'_>, tiles: &[DirectionTile<'_>], picture: Rect, away: Pos2) {
    let faint = Stroke::new(0.08 * pen.size, pen.palette.weak);
    let bold = |colour| Stroke::new(0.26 * pen.size, colour);
    for tile in tiles {
        match (tile.goal, tile.is_chosen) {
            (Goal::Untargeted, is_chosen) => {
                pen.painter.line_segment([tile.place.right_center(), picture.left_center()], faint);
                if is_chosen {
                    ray(pen, picture, Rect::from_min_max(away, away), bold(pen.palette.fooled));
                    let below = pos2(away.x, away.y + 0.5 * pen.size);
                    pen.strong(below, Align2::RIGHT_TOP, "any error will do", pen.palette.fooled);
                }
            }
            (Goal::Targeted(_), true) => ray(pen, picture, tile.place, bold(pen.palette.asked)),
            (Goal::Targeted(_), false) => ray(pen, picture, tile.place, faint),
        }
    }
}

fn ray(pen: &Pen<'_>, picture: Rect, to: Rect, stroke: Stroke) {
    let way = (to.center() - picture.center()).normalized();
    // How far from the middle of a rectangle its edge is.
    let inside = |size: Vec2| (0.5 * size.x / way.x.abs().max(1e-3)).min(0.5 * size.y / way.y.abs().max(1e-3));
    let gap = 0.4 * pen.size;
    let from = picture.center() + (inside(picture.size()) + gap) * way;
    pen.arrow(from, to.center() - (inside(to.size()) + gap) * way, stroke);
}

struct DirectionTile<'a> {
    name: &'a str,
    share: String,
    goal: Goal,
    is_chosen: bool,
    place: Rect,
}

impl DirectionTile<'_> {
    fn show(&self, ui: &Ui) -> bool {
        let pen = Pen::new(ui);
        let (role, tip, colour) = match self.goal {
            Goal::Untargeted => ("label: ", "Go away from this label", pen.palette.fooled),
            Goal::Targeted(_) => ("", "Go towards this class", pen.palette.asked),
        };
        let response = ui.interact(self.place, ui.scope_id().with(("class", self.name)), Sense::click());
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, self.is_chosen, self.name));
        let ground = if response.hovered() { pen.palette.raised_hover } else { pen.palette.raised };
        let edge = match self.is_chosen || response.has_focus() {
            true => Stroke::new(0.12 * pen.size, colour),
            false => Stroke::new(1.0, pen.palette.line),
        };
        pen.painter.rect(self.place, theme::RADIUS, ground, edge, StrokeKind::Inside);
        let inner = self.place.shrink2(vec2(0.6, 0.5) * pen.size);
        pen.cut(inner, self.name, pen.palette.text);
        let below = inner.min + vec2(0.0, 1.35 * pen.size);
        pen.text(below, Align2::LEFT_TOP, format!("{role}{}", self.share), pen.palette.weak);
        response.on_hover_text(tip).clicked()
    }
}

/// Writes the probability of a class; where only the first five are known, what it lies below.
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
    let line = pen.paragraph(room, &format!("One step {what}:"), Align::Center, pen.palette.weak);
    let text = format!("the net says {} ({})", now.name, per_cent(now.prob));
    pen.larger(1.3).strong(pos2(room.center().x, line.bottom() + 0.3 * pen.size), Align2::CENTER_TOP, text, colour);
}
