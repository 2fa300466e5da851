//! The film of an attack shows what the net says from step to step.

use egui::{self, Key, Rect, Response, Sense, Shape, Stroke, Ui, WidgetInfo, pos2, vec2};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::format::{self, per_cent};
use crate::app::pages::explore::commands::attack::AttackCommand;
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::words;
use crate::app::theme::{self, SPACE_2, palette};
use crate::app::widgets::rail::{describe_slider, held_at, keep_arrows, requested_value};
use crate::app::widgets::{icon_button, row};
use crate::worker::{Moment, Shown, Timeline};

const MOST_TEXT: f32 = 0.4;

/// Draws buttons, the track, and the step in words, where there is more than one step to see.
pub fn timeline(ui: &mut Ui, explore: &Explore, out: &mut Vec<Command>) {
    let has_film = |shown: &&Shown| shown.timeline.of > 1 && !explore.hidden.answer;
    let Some(shown) = explore.shown.as_deref().filter(has_film) else { return };
    let timeline = &shown.timeline;
    row(ui, |ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        icon_button(ui, AttackCommand::StepBack, out);
        play_button(ui, explore.playing.is_running(timeline), out);
        icon_button(ui, AttackCommand::StepOn, out);
        ui.add_space(SPACE_2);
        let short = theme::compact(ui);
        let text = widest_text(ui, shown, short).min(MOST_TEXT * ui.available_width());
        let width = ui.available_width() - text - 2.0 * SPACE_2;
        let (rect, response) = ui.allocate_exact_size(vec2(width, theme::CONTROL_HEIGHT), Sense::click_and_drag());
        Track { rect, shown, last: if timeline.is_over { timeline.done } else { timeline.of }.max(1) }
            .show(ui, &response, out);
        ui.add_space(SPACE_2);
        ui.add(egui::Label::new(theme::number(place_in_words(shown, short))).truncate());
    });
}

fn play_button(ui: &mut Ui, is_running: bool, out: &mut Vec<Command>) {
    if !is_running {
        icon_button(ui, AttackCommand::PlayPause, out);
        return;
    }
    let pause = egui::Button::new(icons::ICON_PAUSE.rich_text().size(17.0)).frame_when_inactive(false);
    let pause = ui.add(pause.min_size(egui::Vec2::splat(theme::CONTROL_HEIGHT)));
    if pause.on_hover_text("Pause the attack  (K)").accessible_name("Pause the attack").clicked() {
        out.push(AttackCommand::PlayPause.into());
    }
}

fn place_in_words(shown: &Shown, short: bool) -> String {
    let Timeline { step, done, of, is_over, is_result, member, .. } = shown.timeline;
    let place = match (is_result, step) {
        (true, _) => format!("after {done} step{}", format::plural(done)),
        (false, 0) => "untouched".to_owned(),
        (false, _) => format!("step {step} of {}", if is_over { done } else { of }),
    };
    let place = match member.filter(|_| step > 0) {
        Some(member) => format!("{place}, {member}"),
        None => place,
    };
    match shown.adversarial_top.first().filter(|_| !short) {
        Some(guess) => format!("{place} · {} {}", guess.name, per_cent(guess.prob)),
        None => place,
    }
}

/// Returns the width of the longest text of this film, so that the track keeps its length.
fn widest_text(ui: &Ui, shown: &Shown, short: bool) -> f32 {
    let of = shown.timeline.of;
    let followed = shown.view.goal.class(shown.label.index);
    let said = shown.timeline.moments.iter().map(|moment| moment.answer).chain([followed]);
    let longest = said.map(|class| shown.class_name(class)).max_by_key(|name| name.chars().count()).unwrap_or_default();
    let class = if short { String::new() } else { format!(" · {longest} >99.9 %") };
    let member = shown.timeline.member.map(|member| format!(", {member}")).unwrap_or_default();
    let text = format!("step {of} of {of}{member}{class}");
    ui.painter().layout_no_wrap(text, theme::number_font(), palette(ui).text).size().x
}

struct Track<'a> {
    rect: Rect,
    shown: &'a Shown,
    last: usize,
}

impl Track<'_> {
    fn x(&self, step: usize) -> f32 {
        egui::lerp(self.rect.x_range().shrink(6.0), (step as f32 / self.last as f32).min(1.0))
    }

    fn step_at(&self, x: f32) -> usize {
        let inner = self.rect.x_range().shrink(6.0);
        let share = ((x - inner.min) / inner.span()).clamp(0.0, 1.0);
        (share * self.last as f32).round() as usize
    }

    fn show(&self, ui: &Ui, response: &Response, out: &mut Vec<Command>) {
        let now = self.shown.timeline.step;
        let mut step = held_at(response).map_or(now, |pointer| self.step_at(pointer.x));
        keep_arrows(ui, response, false);
        if response.has_focus() {
            ui.input(|i| {
                let presses = |key| i.num_presses(key) as isize;
                step = step.saturating_add_signed(presses(Key::ArrowRight) - presses(Key::ArrowLeft));
                if i.key_pressed(Key::Home) {
                    step = 0;
                }
                if i.key_pressed(Key::End) {
                    step = self.last;
                }
            });
        }
        step = requested_value(ui, response).map_or(step, |step| step.max(0.0) as usize);
        if step != now {
            out.push(AttackCommand::Seek(step.min(self.last)).into());
        }
        let info = WidgetInfo::slider(ui.is_enabled(), now as f64, "Step of the attack");
        describe_slider(ui, response, info, [0.0, self.last as f64]);
        self.paint(ui, response);
        self.tell(response);
    }

    fn paint(&self, ui: &Ui, response: &Response) {
        let (palette, timeline) = (palette(ui), &self.shown.timeline);
        let painter = ui.painter().with_clip_rect(self.rect.expand(4.0));
        painter.rect_filled(self.rect, theme::SMALL_RADIUS, palette.well);
        let height = self.rect.shrink(4.0).y_range();
        let y = |share: f32| egui::lerp(height.max..=height.min, share.clamp(0.0, 1.0));
        // Where the net says something else than the label.
        for pair in timeline.moments.windows(2).filter(|pair| pair[0].answer != self.shown.label.index) {
            let part = Rect::from_x_y_ranges(self.x(pair[0].step)..=self.x(pair[1].step), self.rect.y_range());
            painter.rect_filled(part, 0, theme::band_of(palette.fooled));
        }
        let line = |value: &dyn Fn(&Moment) -> Option<f32>, colour| {
            let point = |moment: &Moment| Some(pos2(self.x(moment.step), y(value(moment)?)));
            let path: Vec<_> = timeline.moments.iter().filter_map(point).collect();
            painter.add(Shape::line(path, Stroke::new(1.8, colour)));
        };
        line(&|moment| moment.target, palette.asked);
        line(&|moment| Some(moment.label), theme::label_colour(palette, words::standing_before(self.shown)));
        let x = painter.round_to_pixel_center(self.x(timeline.step));
        let radius = if response.hovered() || response.dragged() { 5.5 } else { 4.5 };
        painter.vline(x, self.rect.y_range(), Stroke::new(2.0, palette.accent));
        painter.circle(pos2(x, self.rect.center().y), radius, palette.accent, Stroke::new(2.0, palette.panel));
        if response.has_focus() {
            let stroke = Stroke::new(2.0, palette.accent);
            painter.rect_stroke(self.rect, theme::SMALL_RADIUS, stroke, egui::StrokeKind::Outside);
        }
    }

    fn tell(&self, response: &Response) {
        let Some(pointer) = response.hover_pos().filter(|_| !response.dragged()) else { return };
        let (moments, step) = (&self.shown.timeline.moments, self.step_at(pointer.x));
        let at = moments.partition_point(|moment| moment.step <= step);
        let Some(moment) = at.checked_sub(1).and_then(|at| moments.get(at)) else { return };
        let target = self.shown.class_name(self.shown.view.goal.class(self.shown.label.index));
        let target = moment.target.map(|share| format!(", {target} {}", per_cent(share))).unwrap_or_default();
        let shares = format!("{} {}{target}", self.shown.label.name, per_cent(moment.label));
        let says = self.shown.class_name(moment.answer);
        let text = format!("Step {}: the net says {says} ({shares})", moment.step);
        response.clone().on_hover_cursor(egui::CursorIcon::ResizeHorizontal).on_hover_text_at_pointer(text);
    }
}
