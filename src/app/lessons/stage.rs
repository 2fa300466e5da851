//! A lesson on the whole screen: its text at the left, pictures or a figure at the right, and nothing else. A bar comes while
//! the pointer moves.

use std::sync::Arc;
use std::time::Duration;

use eframe::egui::{
    self, Align, Align2, Area, Button, CentralPanel, Color32, Frame, Id, Key, Layout, Margin, Order, Panel, Rect, Role,
    ScrollArea, Sense, Stroke, StrokeKind, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::commands::window::WindowCommand;
use crate::app::format::{per_cent, short};
use crate::app::lessons::commands::LessonCommand;
use crate::app::lessons::panel::{contents, times, way_on};
use crate::app::lessons::state::Lessons;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::state::Explore;
use crate::app::theme::{self, palette};
use crate::app::widgets::about::Action as _;
use crate::app::widgets::rail::{Curve, Rail};
use crate::app::widgets::texture::Texture;
use crate::app::widgets::typing;
use crate::engine::attack::Verdict;
use crate::engine::model::Guess;
use crate::engine::picture::Rgba;
use crate::engine::units::LEVELS;
use crate::worker::Shown;

/// The share of the window that the text has.
const TEXT_SHARE: f32 = 0.34;
/// In heights of type.
const MARGIN: f32 = 1.2;
const CAPTION: f32 = 3.4;
/// The share of the height that the perturbation and ε have.
const LOW_SHARE: f32 = 0.24;
/// How long the bar stays after the pointer has moved, in seconds.
const BAR_STAYS: f64 = 2.5;

/// What the stage keeps from frame to frame.
#[derive(Default)]
pub struct Stage {
    textures: [Texture; 3],
    /// When the pointer last moved.
    moved_at: Option<f64>,
    /// The pointer is on the bar.
    is_on_bar: bool,
}

impl Stage {
    /// Draws the text of the step at the left.
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

    /// Draws the pictures into the room that is left: original and adversarial large, the perturbation and ε below them. They
    /// lie where they lay in the step before.
    pub fn show_pictures(&mut self, ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
        let size = theme::stage_size(ui.ctx());
        let frame = Frame::new().fill(palette(ui).canvas).inner_margin(Margin::same((MARGIN * size) as i8));
        CentralPanel::default().frame(frame).show(ui, |ui| {
            theme::enlarge(ui, size);
            let places = Places::of(ui.available_rect_before_wrap(), size);
            let Some(shown) = explore.shown.as_deref() else {
                let text = explore.busy().unwrap_or("Loading the net and the first picture…");
                ui.painter().text(
                    places.original.center(),
                    Align2::CENTER_CENTER,
                    text,
                    egui::FontId::proportional(size),
                    palette(ui).weak,
                );
                return;
            };
            let is_flipped = ui.input(|i| i.key_down(Key::Space)) && !typing(ui.ctx()) && !explore.hidden.adversarial;
            let (original, adversarial) = (&shown.original_rgba, &shown.adversarial_rgba);
            self.picture(ui, 0, places.original, Some(original), &says("Original", &shown.clean_top, false));
            let hidden = explore.hidden;
            let in_place = if is_flipped { original } else { adversarial };
            let is_answer_hidden = hidden.adversarial || hidden.answer;
            let words = says("Adversarial", &shown.adversarial_top, is_answer_hidden);
            self.picture(ui, 2, places.adversarial, Some(in_place).filter(|_| !hidden.adversarial), &words);
            let perturbation = Some(&shown.heatmap_rgba).filter(|_| !hidden.perturbation);
            self.picture(ui, 1, places.perturbation, perturbation, "Perturbation");
            let text = palette(ui).text;
            caption(ui, places.caption(places.original), "Original", shown.clean_top.first(), text);
            let after = shown.adversarial_top.first().filter(|_| !is_answer_hidden);
            let changed = match shown.verdict {
                Verdict::StillRight => text,
                Verdict::Fooled => palette(ui).fooled,
                Verdict::FooledAsAsked => palette(ui).asked,
            };
            let name = if is_flipped { "Original again" } else { "Adversarial" };
            caption(ui, places.caption(places.adversarial), name, after, changed);
            let room = places.eps;
            ui.scope_builder(UiBuilder::new().max_rect(room), |ui| eps(ui, explore, shown, out));
        });
    }

    /// Draws a picture as large as it fits, or a question mark in its place.
    fn picture(&mut self, ui: &Ui, index: usize, well: Rect, rgba: Option<&Arc<Rgba>>, words: &str) {
        let palette = palette(ui);
        let response = ui.interact(well, ui.scope_id().with(("picture", words)), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, words));
        ui.painter().rect_filled(well, theme::RADIUS, palette.well);
        match rgba {
            Some(rgba) => {
                self.textures[index].paint(ui, rgba, well);
            }
            None => {
                let font = theme::strong_of(0.3 * well.height());
                ui.painter().text(well.center(), Align2::CENTER_CENTER, "?", font, palette.weak);
            }
        }
        ui.painter().rect_stroke(well, theme::RADIUS, Stroke::new(1.0, palette.line), StrokeKind::Inside);
    }

    /// Lays the bar over the lower edge while the pointer moves.
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

/// Where the pictures lie; it depends on the window alone.
struct Places {
    original: Rect,
    adversarial: Rect,
    perturbation: Rect,
    eps: Rect,
    caption: f32,
}

impl Places {
    fn of(room: Rect, size: f32) -> Self {
        let (gap, caption) = (MARGIN * size, CAPTION * size);
        let low = LOW_SHARE * room.height();
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

fn says(name: &str, top: &[Guess], is_hidden: bool) -> String {
    match top.first().filter(|_| !is_hidden) {
        Some(guess) => format!("{name} picture, the net says {} with {}", guess.name, per_cent(guess.prob)),
        None => format!("{name} picture"),
    }
}

/// The name of the picture, and below it what the net says, as large as it fits.
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
    let format = egui::TextFormat { font_id: font, color: colour, ..egui::TextFormat::default() };
    let mut job = egui::text::LayoutJob::single_section(text, format);
    job.wrap = egui::text::TextWrapping::truncate_at_width((room.width() - share.size().x - size).max(size));
    let line = top + 1.35 * size;
    let at = pos2(room.right() - share.size().x, line);
    painter.galley(at, share, colour);
    let galley = painter.layout_job(job);
    painter.galley(pos2(room.left(), line), galley, colour);
}

/// ε in words, and a slider for it.
fn eps(ui: &mut Ui, explore: &Explore, shown: &Shown, out: &mut Vec<Command>) {
    let size = theme::size_of_body(ui);
    ui.label(egui::RichText::new("Perturbation").color(palette(ui).weak));
    if explore.hidden.perturbation {
        return;
    }
    let Some(eps) = explore.wanted().pixel_eps() else {
        let text = format!("moves a pixel by at most {} of 255 grey levels", short(shown.linf * LEVELS));
        ui.label(text);
        return;
    };
    ui.label(egui::RichText::new(format!("ε = {}", short(eps))).font(theme::strong_of(1.35 * size)));
    ui.label(format!("{} of 255 grey levels", short(eps * LEVELS)));
    let is_photo = shown.model.input.channels == 3;
    let end = if is_photo { 16.0 / LEVELS } else { crate::app::pages::explore::state::MAX_EPS };
    let rail = Rail {
        name: "ε on the stage",
        range: 0.0..=end.max(eps),
        curve: Curve::Linear,
        step: 1.0 / LEVELS,
        marks: &[],
        grid: 0.0,
    };
    if let (_, Some(eps)) = rail.show(ui, ui.available_width(), eps) {
        out.push(ExploreCommand::Eps(eps).into());
    }
}

fn bar(ui: &mut Ui, lessons: &Lessons, out: &mut Vec<Command>) {
    let (Some((lesson, number)), Some(step)) = (lessons.current(), lessons.step()) else { return };
    let of = lesson.steps.len();
    let size = theme::size_of_body(ui);
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        let mut button = |ui: &mut Ui, icon: egui_material_icons::MaterialIcon, command: Command, enabled: bool| {
            let about = command.about();
            let button = Button::new(icon.rich_text().size(1.2 * size));
            let response = ui.add_enabled(enabled, button).on_hover_text(about.tooltip).accessible_name(about.name);
            if response.clicked() {
                out.push(command);
            }
        };
        button(ui, icons::ICON_ARROW_BACK, LessonCommand::Back.into(), number > 0);
        let minutes = times(lessons, step).map(|times| format!(" · {times}")).unwrap_or_default();
        ui.label(format!("{} of {of}{minutes}", number + 1));
        let (name, command) = way_on(lessons, number + 1 == of);
        let text = egui::RichText::new(name).color(palette(ui).on_accent);
        let go_on = ui.add(Button::new(text).fill(palette(ui).accent)).on_hover_text(command.about().tooltip);
        let is_asked = go_on.clicked();
        button(ui, icons::ICON_SPEAKER_NOTES, LessonCommand::Notes.into(), step.notes.is_some());
        button(ui, icons::ICON_FULLSCREEN_EXIT, WindowCommand::Present.into(), true);
        if is_asked {
            out.push(command.into());
        }
    });
}

#[cfg(test)]
mod tests {
    use eframe::egui::RawInput;
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
