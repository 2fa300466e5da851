//! The stage is a lesson on the whole screen. A bar comes while the pointer moves.

use std::sync::Arc;
use std::time::Duration;

use egui::{
    self, Align, Align2, Area, Button, CentralPanel, Color32, Frame, Id, Key, Layout, Margin, Order, Panel, Rect, Role,
    ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::commands::window::WindowCommand;
use crate::app::format::{per_cent, short};
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::figures::wait;
use crate::app::lessons::panel::{contents, times, way_on};
use crate::app::lessons::state::Lessons;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::pictures::written_well;
use crate::app::pages::explore::state::{Explore, MAX_EPS};
use crate::app::theme::{self, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::elided;
use crate::app::widgets::rail::{Rail, Spacing};
use crate::app::widgets::texture::Texture;
use crate::app::widgets::{acting, primary_button};
use crate::engine::attack::Verdict;
use crate::engine::model::Guess;
use crate::engine::picture::Rgba;
use crate::engine::units::LEVELS;
use crate::worker::Shown;

const TEXT_SHARE: f32 = 0.34;
/// The room around the pictures is in heights of type.
const MARGIN: f32 = 1.2;
/// The bar stays visible for this many seconds after the pointer has moved.
const BAR_STAYS: f64 = 2.5;

#[derive(Default)]
pub struct LessonStage {
    textures: [Texture; 3],
    moved_at: Option<f64>,
    is_on_bar: bool,
}

impl LessonStage {
    pub fn show_text(&self, ui: &mut Ui, lessons: &Lessons, shown: Option<&Shown>, out: &mut Vec<Command>) {
        let Some(step) = lessons.step() else { return };
        let size = theme::stage_size(ui.ctx());
        let frame = Frame::new().fill(palette(ui).panel).inner_margin(Margin::same((MARGIN * size) as i8));
        let width = TEXT_SHARE * ui.available_width();
        let panel = Panel::left("stage text").frame(frame).resizable(false).show_separator_line(false);
        panel.exact_size(width).show(ui, |ui| {
            theme::enlarge(ui, size);
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| contents(ui, lessons, step, shown, out));
        });
    }

    /// Draws the pictures into the room that is left. They lie where they lay in the step before.
    pub fn show_pictures(&mut self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
        let size = theme::stage_size(ui.ctx());
        let frame = Frame::new().fill(palette(ui).canvas).inner_margin(Margin::same((MARGIN * size) as i8));
        CentralPanel::default().frame(frame).show(ui, |ui| {
            theme::enlarge(ui, size);
            let places = Places::of(ui.available_rect_before_wrap(), size);
            let Some(shown) = explore.shown.as_deref() else {
                let text = explore.busy().unwrap_or("Loading the net and the first picture…");
                return wait(ui, places.original, text);
            };
            let hidden = explore.hidden;
            let is_flipped =
                ui.input(|i| i.key_down(Key::Space)) && !ui.ctx().text_edit_focused() && !hidden.adversarial;
            let before = shown.clean_top.first();
            let after = shown.adversarial_top.first().filter(|_| !hidden.adversarial && !hidden.answer);
            let original = &shown.original_rgba;
            self.picture(ui, 0, places.original, Some(original), &says("Original", before));
            let in_place = if is_flipped { original } else { &shown.adversarial_rgba };
            let in_place = Some(in_place).filter(|_| !hidden.adversarial);
            self.picture(ui, 2, places.adversarial, in_place, &says("Adversarial", after));
            let perturbation = Some(&shown.heatmap_rgba).filter(|_| !hidden.perturbation);
            self.picture(ui, 1, places.perturbation, perturbation, "Perturbation");
            let palette = palette(ui);
            caption(ui, places.caption(places.original), "Original", before, palette.text);
            let changed = match shown.verdict {
                Verdict::StillRight => palette.text,
                Verdict::Fooled => palette.fooled,
                Verdict::FooledAsAsked => palette.asked,
            };
            let name = if is_flipped { "Original again" } else { "Adversarial" };
            caption(ui, places.caption(places.adversarial), name, after, changed);
            ui.scope_builder(UiBuilder::new().max_rect(places.eps), |ui| eps(ui, explore, shown, out));
        });
    }

    fn picture(&mut self, ui: &Ui, index: usize, well: Rect, rgba: Option<&Arc<Rgba>>, words: &str) {
        let palette = palette(ui);
        let response = ui.interact(well, ui.scope_id().with(("picture", words)), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, words));
        let Some(rgba) = rgba else { return written_well(ui, well, "?", theme::strong_of(0.3 * well.height())) };
        ui.painter().rect_filled(well, theme::RADIUS, palette.well);
        self.textures[index].paint(ui, rgba, well);
        ui.painter().rect_stroke(well, theme::RADIUS, Stroke::new(1.0, palette.line), StrokeKind::Inside);
    }

    pub fn show_bar(&mut self, ui: &Ui, lessons: &Lessons, out: &mut Vec<Command>) {
        let now = ui.input(|i| i.time);
        if ui.input(|i| i.pointer.delta() != Vec2::ZERO || i.pointer.any_pressed()) {
            self.moved_at = Some(now);
        }
        let Some(moved_at) = self.moved_at else { return };
        let rest = moved_at + BAR_STAYS - now;
        if rest <= 0.0 && !self.is_on_bar {
            self.moved_at = None;
            return;
        }
        ui.ctx().request_repaint_after(Duration::from_secs_f64(rest.max(0.1)));
        let size = 0.8 * theme::stage_size(ui.ctx());
        let area = Area::new(Id::unique("stage bar")).order(Order::Foreground);
        // Below the pictures: the text stays clear of it.
        let aside = 0.5 * TEXT_SHARE * ui.ctx().content_rect().width();
        let shown = area.anchor(Align2::CENTER_BOTTOM, vec2(aside, -0.5 * size)).show(ui.ctx(), |ui| {
            theme::enlarge(ui, size);
            let fill = palette(ui).panel.gamma_multiply(0.92);
            let frame = Frame::new().fill(fill).stroke(Stroke::new(1.0, palette(ui).line)).corner_radius(theme::RADIUS);
            frame.inner_margin(0.5 * size).show(ui, |ui| bar(ui, lessons, out));
        });
        self.is_on_bar = ui.input(|i| i.pointer.hover_pos()).is_some_and(|at| shown.response.rect.contains(at));
    }
}

struct Places {
    original: Rect,
    adversarial: Rect,
    perturbation: Rect,
    eps: Rect,
    caption: f32,
}

impl Places {
    fn of(room: Rect, size: f32) -> Self {
        let (gap, caption) = (MARGIN * size, 3.4 * size);
        let low = 0.24 * room.height();
        let side = (0.5 * (room.width() - gap)).min(room.height() - low - caption - gap).max(size);
        let left = room.center().x - side - 0.5 * gap;
        let original = Rect::from_min_size(pos2(left, room.top()), Vec2::splat(side));
        let adversarial = original.translate(vec2(side + gap, 0.0));
        let top = original.bottom() + caption + gap;
        let low = low.min(side).min(room.bottom() - top).max(size);
        let perturbation = Rect::from_min_size(pos2(left, top), Vec2::splat(low));
        let eps = Rect::from_min_max(pos2(perturbation.right() + gap, top), pos2(adversarial.right(), top + low));
        Self { original, adversarial, perturbation, eps, caption }
    }

    fn caption(&self, picture: Rect) -> Rect {
        Rect::from_min_size(picture.left_bottom(), vec2(picture.width(), self.caption))
    }
}

fn says(name: &str, guess: Option<&Guess>) -> String {
    let answer = guess.map(|guess| format!(", the net says {} with {}", guess.name, per_cent(guess.prob)));
    format!("{name} picture{}", answer.unwrap_or_default())
}

/// Draws the name of the picture, and below it what the net says, as large as it fits.
fn caption(ui: &Ui, room: Rect, name: &str, guess: Option<&Guess>, colour: Color32) {
    let (palette, size) = (palette(ui), theme::size_of_body(ui));
    let painter = ui.painter();
    let top = room.top() + 0.3 * size;
    painter.text(pos2(room.left(), top), Align2::LEFT_TOP, name, egui::FontId::proportional(size), palette.weak);
    let (text, colour) = match guess {
        Some(guess) => (guess.name.clone(), colour),
        None => ("?".into(), palette.weak),
    };
    let share = guess.map(|guess| per_cent(guess.prob)).unwrap_or_default();
    let font = theme::strong_of(1.35 * size);
    let share = painter.layout_no_wrap(share, font.clone(), colour);
    let text = elided(painter, &text, font, colour, (room.width() - share.size().x - size).max(size));
    let line = top + 1.35 * size;
    painter.galley(pos2(room.right() - share.size().x, line), share, colour);
    painter.galley(pos2(room.left(), line), text, colour);
}

fn eps(ui: &mut Ui, explore: &Explore, shown: &Shown, out: &mut Vec<Command>) {
    let size = theme::size_of_body(ui);
    ui.label(egui::RichText::new("Perturbation").color(palette(ui).weak));
    if explore.hidden.perturbation {
        return;
    }
    let Some(eps) = explore.wanted().pixel_eps() else {
        ui.label(format!("moves a pixel by at most {} of 255 grey levels", short(shown.linf * LEVELS)));
        return;
    };
    ui.label(egui::RichText::new(format!("ε = {}", short(eps))).font(theme::strong_of(1.35 * size)));
    ui.label(format!("{} of 255 grey levels", short(eps * LEVELS)));
    let is_photo = shown.model.input.channels == 3;
    let end = if is_photo { 16.0 / LEVELS } else { MAX_EPS };
    let rail = Rail::new("ε on the stage", 0.0..=end.max(eps), Spacing::Linear, 1.0 / LEVELS);
    if let (_, Some(eps)) = rail.show(ui, ui.available_width(), eps) {
        out.push(ExploreCommand::Eps(eps).into());
    }
}

fn bar(ui: &mut Ui, lessons: &Lessons, out: &mut Vec<Command>) {
    let (Some((lesson, number)), Some(step)) = (lessons.current(), lessons.step()) else { return };
    let size = theme::size_of_body(ui);
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        let mut button = |ui: &mut Ui, icon: egui_material_icons::MaterialIcon, command: Command, enabled: bool| {
            acting(ui.add_enabled(enabled, Button::new(icon.rich_text().size(1.2 * size))), command, out);
        };
        button(ui, icons::ICON_ARROW_BACK, LessonCommand::Back.into(), number > 0);
        let minutes = times(lessons, step).map(|times| format!(" · {times}")).unwrap_or_default();
        ui.label(format!("{} of {}{minutes}", number + 1, lesson.steps.len()));
        let (name, command) = way_on(lessons);
        let go_on = primary_button(ui, &name, true).on_hover_text(command.about().tooltip);
        button(ui, icons::ICON_SPEAKER_NOTES, LessonCommand::Notes.into(), step.notes.is_some());
        button(ui, icons::ICON_FULLSCREEN_EXIT, WindowCommand::Present.into(), true);
        if go_on.clicked() {
            out.push(command.into());
        }
    });
}

#[cfg(test)]
mod tests {
    use egui::RawInput;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_on_the_stage_lies_apart_in_any_window(width in 450.0_f32..4000.0, height in 340.0_f32..2400.0) {
            let window = Rect::from_min_size(pos2(0.0, 0.0), vec2(width, height));
            let ctx = egui::Context::default();
            let _output = ctx.run_ui(RawInput { screen_rect: Some(window), ..RawInput::default() }, |_| ());
            let size = theme::stage_size(&ctx);
            let room = window.with_min_x(TEXT_SHARE * width).shrink(MARGIN * size);
            let places = Places::of(room, size);
            let captions = [places.original, places.adversarial].map(|picture| places.caption(picture));
            let all = [places.original, places.adversarial, captions[0], captions[1], places.perturbation, places.eps];
            for (at, rect) in all.iter().enumerate() {
                prop_assert!(rect.width() > 0.0 && rect.height() > 0.0, "{at}: {:?}", rect);
                prop_assert!(room.expand(0.01).contains_rect(*rect), "{at}: {:?} in {:?}", rect, room);
                for other in &all[..at] {
                    let common = rect.intersect(*other);
                    prop_assert!(common.width() < 0.01 || common.height() < 0.01, "{:?} over {:?}", rect, other);
                }
            }
            let difference = places.original.size() - places.adversarial.size();
            prop_assert!(difference.length() < 0.01, "the two pictures are alike");
            prop_assert!(places.perturbation.width() <= places.original.width(), "the pictures come first");
        }
    }
}
