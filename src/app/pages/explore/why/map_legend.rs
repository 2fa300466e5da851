//! The legend of a church window names the classes that occur, the most frequent first.

use egui::{Align2, Color32, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::app::format::per_cent;
use crate::app::theme::{self, Palette, SPACE_2, palette};
use crate::app::widgets::elided;
use crate::engine::attack::MapClass;
use crate::worker::Church;

const ROW: f32 = 18.0;
const SWATCH: f32 = 12.0;
const SHARE: f32 = 56.0;

/// These are the classes of the maps with their colours.
pub struct ClassColours<'a> {
    pub classes: &'a [MapClass],
    colours: Vec<Color32>,
}

impl<'a> ClassColours<'a> {
    pub fn new(classes: &'a [MapClass], palette: &Palette) -> Self {
        let colour = |class: &MapClass| match class.rank {
            None => palette.map_label,
            Some(rank) => palette.map_classes.get(rank).copied().unwrap_or(palette.map_others),
        };
        Self { classes, colours: classes.iter().map(colour).collect() }
    }

    /// Returns the colour of the class of this name.
    pub fn of(&self, name: &str) -> Color32 {
        let at = self.classes.iter().position(|class| class.name == name);
        at.map_or(Color32::TRANSPARENT, |at| self.colours[at])
    }

    /// Returns black or white, whichever can be read on the colour of a class.
    pub fn ink_on(&self, name: &str) -> Color32 {
        let [red, green, blue, _] = self.of(name).to_normalized_gamma_f32();
        let is_light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55;
        if is_light { Color32::BLACK } else { Color32::WHITE }
    }
}

/// Shows a row for each class, with its share of each map, and what the maps rest on.
pub fn legend(ui: &mut Ui, church: &Church, colours: &ClassColours<'_>, points: &str) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let weak = palette(ui).weak;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let sides: &[&str] = if church.maps().count() > 1 { &["right", "left"] } else { &[] };
    for (number, side) in sides.iter().enumerate() {
        let at = pos2(rect.right() - number as f32 * SHARE, rect.top());
        ui.painter().text(at, Align2::RIGHT_TOP, side, theme::small_font(), weak);
    }
    let text = elided(ui.painter(), points, theme::small_font(), weak, rect.width() - SHARE * sides.len() as f32);
    ui.painter().galley(rect.min, text, weak);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, points));
    response.on_hover_text(points);
    if let Some(Err(problem)) = &church.second {
        ui.add(egui::Label::new(theme::weak(ui, problem)).wrap());
    }
    let titles: Vec<&str> = church.maps().map(|map| map.title.as_str()).collect();
    let count = colours.classes.len();
    for (number, class) in colours.classes.iter().enumerate() {
        let wanted = if number + 1 == count { 2.0 } else { 3.0 };
        if ui.available_height() < wanted * ROW {
            others(ui, &colours.classes[number..]);
            break;
        }
        row(ui, class, colours.colours[number], class.name == church.label, &titles);
    }
    if ui.available_height() >= ROW {
        marks(ui);
    }
}

fn row(ui: &mut Ui, class: &MapClass, colour: Color32, is_label: bool, titles: &[&str]) {
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let swatch = Rect::from_center_size(pos2(rect.left() + 0.5 * SWATCH, rect.center().y), Vec2::splat(SWATCH));
    ui.painter().rect_filled(swatch, 2, colour);
    ui.painter().rect_stroke(swatch, 2, Stroke::new(1.0, palette.weak), StrokeKind::Inside);
    for (number, share) in class.shares.iter().rev().enumerate() {
        let at = pos2(rect.right() - number as f32 * SHARE, rect.center().y);
        ui.painter().text(at, Align2::RIGHT_CENTER, per_cent(*share), theme::number_font(), palette.text);
    }
    let room = rect.width() - SWATCH - SPACE_2 - SHARE * titles.len() as f32;
    let (name, font) = match is_label {
        true => (format!("{}, the label", class.name), theme::strong_of(12.0)),
        false => (class.name.clone(), theme::small_font()),
    };
    let text = elided(ui.painter(), &name, font, palette.text, room);
    let at = Align2::LEFT_CENTER.align_size_within_rect(text.size(), rect).min + vec2(SWATCH + SPACE_2, 0.0);
    ui.painter().galley(at, text, palette.text);
    let shares: Vec<String> = class.shares.iter().map(|share| per_cent(*share)).collect();
    let words = format!("on the map: {name}: {}", shares.join(", "));
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
    let nets = titles.iter().zip(&shares).map(|(title, share)| format!("\n{share} of the map of {title}"));
    response.on_hover_text(name + &nets.collect::<String>());
}

fn others(ui: &mut Ui, classes: &[MapClass]) {
    let shares = |class: &MapClass| class.shares.iter().sum::<f32>() / class.shares.len().max(1) as f32;
    let share = classes.iter().map(shares).sum::<f32>();
    let s = if classes.len() == 1 { "" } else { "es" };
    let words = format!("and {} other class{s}: {}", classes.len(), per_cent(share));
    let names: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let at = rect.left_center() + vec2(SWATCH + SPACE_2, 0.0);
    ui.painter().text(at, Align2::LEFT_CENTER, &words, theme::small_font(), palette(ui).weak);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &words));
    response.on_hover_text(names.join(", "));
}

/// Says what the ring and the cross are.
fn marks(ui: &mut Ui) {
    let weak = palette(ui).weak;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
    let stroke = Stroke::new(1.5, palette(ui).text);
    let text = |left: f32, text: &str| {
        let at = pos2(left, rect.center().y);
        ui.painter().text(at, Align2::LEFT_CENTER, text, theme::small_font(), weak).right()
    };
    let ring = pos2(rect.left() + 0.5 * SWATCH, rect.center().y);
    ui.painter().circle_stroke(ring, 4.0, stroke);
    let right = text(rect.left() + SWATCH + SPACE_2, "untouched");
    let cross = pos2(right + 2.0 * SPACE_2 + 0.5 * SWATCH, rect.center().y);
    ui.painter().hline(cross.x - 5.0..=cross.x + 5.0, cross.y, stroke);
    ui.painter().vline(cross.x, cross.y - 5.0..=cross.y + 5.0, stroke);
    text(cross.x + 0.5 * SWATCH + SPACE_2, "at the present ε");
}
