//! The numbers of arXiv 1412.6572, section 6, are shown as dots at the right edge of the plots.

use egui::{Align2, Rect, Response, RichText, Stroke, Vec2, pos2, vec2};
use egui_plot::{HLine, LineStyle, MarkerShape, PlotPoint, PlotUi, Text};

use crate::app::plots::quantity::{Panel, Quantity};
use crate::app::plots::quiet::{Labels, Marker, rimmed, text_size};
use crate::app::plots::scene::Scene;
use crate::app::theme::{self, Palette, SPACE_1};
use crate::figure::axes::AxisScale;

const RADIUS: f32 = 4.5;

pub struct PaperDot {
    panel: Panel,
    quantity: Quantity,
    pub value: f64,
    is_trained_adversarially: bool,
}

const fn dot(panel: Panel, quantity: Quantity, value: f64, is_trained_adversarially: bool) -> PaperDot {
    PaperDot { panel, quantity, value, is_trained_adversarially }
}

const PAPER: [PaperDot; 6] = [
    dot(Panel::Error, Quantity::Clean, 0.0094, false),
    dot(Panel::Error, Quantity::Clean, 0.0084, true),
    dot(Panel::Error, Quantity::Fgsm, 0.894, false),
    dot(Panel::Error, Quantity::Fgsm, 0.179, true),
    dot(Panel::Confidence, Quantity::Fgsm, 0.976, false),
    dot(Panel::Confidence, Quantity::Fgsm, 0.814, true),
];

impl PaperDot {
    fn told(&self) -> String {
        let training = if self.is_trained_adversarially { "adversarial" } else { "clean" };
        let what = match self.panel {
            Panel::Confidence => "mean confidence on mistakes",
            Panel::Error | Panel::Loss => "error",
        };
        let under = if self.quantity == Quantity::Fgsm { " under FGSM with ε = 0.25" } else { "" };
        format!(
            "Goodfellow, Shlens & Szegedy, 2015 (arXiv 1412.6572): {} {what}{under} on the 10 000 test pictures of \
             MNIST, of a maxout net after {training} training.",
            self.panel.spelled(self.value)
        )
    }
}

pub fn dots(panel: Panel, scene: &Scene<'_>) -> impl Iterator<Item = &'static PaperDot> + use<> {
    let look = scene.look;
    PAPER.iter().filter(move |dot| look.has_paper && dot.panel == panel && !look.hidden[dot.quantity as usize])
}

/// Adds the dots of a panel, hollow after clean training, each with its value where there is room.
pub fn add(plot: &mut PlotUi<'_>, palette: &Palette, panel: Panel, scene: &Scene<'_>, scale: AxisScale) {
    let frame = *plot.transform().frame();
    let mut labels = Labels { room: frame, apart: 0.0, taken: Vec::new() };
    for dot in dots(panel, scene) {
        let colour = dot.quantity.colour(palette);
        let y = scale.place(dot.value);
        let faint = Stroke::new(1.0, theme::band_of(colour));
        plot.hline(HLine::new("", y).stroke(faint).style(LineStyle::Dashed { length: 3.0 }));
        let x = plot.plot_from_screen(frame.right_center() - vec2(2.0 * RADIUS, 0.0)).x;
        let inside = if dot.is_trained_adversarially { colour } else { palette.field };
        let rim = Stroke::new(1.5, colour);
        let marker = Marker { shape: MarkerShape::Circle, radius: RADIUS - 0.7, colour: inside, rim };
        rimmed(plot, PlotPoint::new(x, y), marker);
        let text = format!("paper {}", panel.spelled(dot.value));
        let size = text_size(plot, &text, theme::small_font());
        let left = frame.right_center() - vec2(3.0 * RADIUS + SPACE_1, 0.0);
        let beside = PlotPoint::new(plot.plot_from_screen(left).x, y);
        let place = |align: Align2| align.anchor_size(plot.screen_from_plot(beside), size);
        let is_free = |align: &Align2| labels.place([place(*align)]).is_some();
        if let Some(align) = [Align2::RIGHT_BOTTOM, Align2::RIGHT_TOP].into_iter().find(is_free) {
            let text = RichText::new(text).font(theme::small_font());
            plot.text(Text::new("", beside, text).color(colour).anchor(align));
        }
    }
}

/// Returns what is said of the dots under the pointer.
pub fn told(response: &Response, at: impl Fn(f64) -> f32, panel: Panel, scene: &Scene<'_>) -> Option<String> {
    let pointer = response.hover_pos()?;
    let near = |dot: &&PaperDot| {
        let centre = pos2(response.rect.right() - 2.0 * RADIUS, at(dot.value));
        Rect::from_center_size(centre, Vec2::splat(4.0 * RADIUS)).contains(pointer)
    };
    let texts: Vec<String> = dots(panel, scene).filter(near).map(PaperDot::told).collect();
    (!texts.is_empty()).then(|| texts.join("\n\n"))
}
