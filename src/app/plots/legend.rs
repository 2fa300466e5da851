//! The legend has one entry for each quantity, which hides and shows it, and one for each run.

use egui::{Atom, AtomPaintArgs, Button, Rect, Response, RichText, Role, Ui, Vec2, WidgetAtom, WidgetInfo, vec2};
use egui_material_icons::icons;

use crate::app::plots::marks;
use crate::app::plots::quantity::Quantity;
use crate::app::plots::quiet::{sample, shortened};
use crate::app::plots::scene::{PlotLook, Scene, run_colour};
use crate::app::theme::{self, SPACE_1, SPACE_2, palette};

const HEIGHT: f32 = 22.0;
const SAMPLE: Vec2 = vec2(28.0, 12.0);
const NAME: usize = 26;

/// Hides and shows quantities in `look`. Returns the run under the pointer.
pub fn legend(ui: &mut Ui, scene: &Scene<'_>, look: &mut PlotLook) -> Option<usize> {
    let mut raised = None;
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(SPACE_1, 2.0);
        ui.spacing_mut().button_padding = vec2(SPACE_2 / 2.0, 0.0);
        ui.spacing_mut().interact_size.y = HEIGHT;
        for quantity in Quantity::ALL.into_iter().filter(|quantity| scene.has(*quantity)) {
            if line(ui, scene, quantity).clicked() {
                look.hidden[quantity as usize] ^= true;
            }
        }
        if scene.runs.len() > 1 {
            for index in 0..scene.runs.len() {
                if run(ui, scene, index).hovered() {
                    raised = Some(index);
                }
            }
        }
    });
    raised
}

fn line(ui: &mut Ui, scene: &Scene<'_>, quantity: Quantity) -> Response {
    let palette = palette(ui);
    let is_shown = !scene.is_hidden(quantity);
    // Where several runs are laid over each other, the style alone is the quantity's.
    let colour = if scene.runs.len() > 1 { palette.text } else { quantity.colour(palette) };
    let colour = if is_shown { colour } else { theme::faint_of(colour) };
    let line = move |ui: &Ui, args: AtomPaintArgs| {
        sample(ui, args.rect, quantity.style(1.0), quantity.stroke(2.0, colour));
    };
    let text = RichText::new(quantity.name()).small();
    let text = if is_shown { text } else { text.strikethrough().color(palette.weak) };
    let button = Button::new((Atom::paint(SAMPLE, line), text)).gap(SPACE_1);
    let response = ui.add(button.frame_when_inactive(false).min_size(vec2(0.0, HEIGHT)));
    let name = || format!("Line: {}", quantity.name());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, ui.is_enabled(), is_shown, name()));
    let what = if is_shown { "Click to hide the line" } else { "Click to show the line" };
    response.on_hover_text(format!("{}. {what}.", quantity.about().tooltip))
}

fn run(ui: &mut Ui, scene: &Scene<'_>, index: usize) -> Response {
    let run = &scene.runs[index];
    let (is_primary, alarm) = (index == scene.primary, marks::alarm(run.history, run.config));
    let colour = run_colour(palette(ui), index);
    let swatch = move |ui: &Ui, args: AtomPaintArgs| {
        let square = Rect::from_center_size(args.rect.center(), Vec2::splat(12.0));
        ui.painter().rect_filled(square, theme::SMALL_RADIUS, colour);
    };
    let name = shortened(run.name, NAME);
    let name = if is_primary { theme::strong(name) } else { RichText::new(name) };
    let sign = if alarm.is_some() { icons::ICON_WARNING.rich_text().size(14.0) } else { RichText::new("") };
    let atoms = (Atom::paint(Vec2::splat(14.0), swatch), name, sign.color(palette(ui).fooled));
    let response = ui.add(WidgetAtom::new(atoms).gap(SPACE_1).min_size(vec2(0.0, HEIGHT)));
    let selected = if is_primary { ", selected" } else { "" };
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("Run: {}{selected}", run.name)));
    response.on_hover_text(alarm.map_or_else(|| run.name.into(), |alarm| alarm.text()))
}
