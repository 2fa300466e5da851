//! For a linear net this window shows its weights as pictures, and the formula with the numbers on screen.

use std::sync::Arc;

use egui::{
    Align, Color32, Context, Id, Image, Layout, Role, TextureHandle, TextureOptions, Ui, WidgetInfo, Window, pos2, vec2,
};

use crate::app::commands::Command;
use crate::app::format;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::state::Explore;
use crate::app::theme::{self, SPACE_1, SPACE_2, SPACE_3, SPACE_4};
use crate::app::widgets::icon_button;
use crate::app::widgets::texture::image;
use crate::worker::{LinearFacts, Shown};

const WIDTH: f32 = 348.0;
/// The window lies below the names of the pictures.
const TOP: f32 = 140.0;
const WEIGHTS_TIP: &str =
    "The weights of the nearest class less those of the label: where ink helps it (red) or hurts it (blue)";
const SIGN_TIP: &str = "What the exact attack adds to each pixel, ε times: the same at every picture of this label";

#[derive(Default)]
pub struct LinearView {
    pub open: bool,
    of: Option<Arc<LinearFacts>>,
    textures: Option<[TextureHandle; 2]>,
}

impl LinearView {
    pub fn take(&mut self, ctx: &Context, shown: &Shown) {
        if self.of.as_ref().map(Arc::as_ptr) != shown.linear.as_ref().map(Arc::as_ptr) {
            self.of.clone_from(&shown.linear);
            let load = |rgba| ctx.load_texture("weights", image(ctx, rgba), TextureOptions::NEAREST);
            self.textures = self.of.as_ref().map(|linear| linear.pictures.each_ref().map(load));
        }
    }

    pub fn show(&self, ui: &Ui, explore: &Explore, out: &mut Vec<Command>) {
        let (true, Some(linear), Some(textures), Some(shown)) = (self.open, &self.of, &self.textures, &explore.shown)
        else {
            return;
        };
        // Over the original, so that what is compared with it and the legend of the curve stay in sight.
        let corner = pos2(ui.cursor().left() + SPACE_4, TOP);
        let visuals = ui.visuals();
        let frame = theme::bar_frame(ui).shadow(visuals.window_shadow).stroke(visuals.window_stroke);
        let frame = frame.corner_radius(theme::RADIUS).inner_margin(SPACE_3);
        let window = Window::new("A linear net").id(Id::unique("linear")).frame(frame).default_pos(corner);
        window.title_bar(false).auto_sized().show(ui.ctx(), |ui| {
            ui.set_width(WIDTH);
            ui.horizontal(|ui| {
                ui.label(theme::strong("A linear net: FGSM is exact"));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    icon_button(ui, ExploreCommand::CloseLinear, out);
                });
            });
            weights(ui, linear, shown, textures);
            ui.add_space(SPACE_1);
            for line in formula(linear, shown, explore.lengths().linf) {
                ui.label(theme::number(line));
            }
            ui.add_space(SPACE_1);
            ui.label(theme::weak(ui, conclusion(linear)));
        });
    }
}

fn weights(ui: &mut Ui, linear: &LinearFacts, shown: &Shown, textures: &[TextureHandle; 2]) {
    let side = (WIDTH - SPACE_3) / 2.0;
    let difference = format!("w({}) − w({})", linear.class, shown.label.name);
    let columns = [(format!("sign({difference})"), SIGN_TIP)];
    let columns = [(difference, WEIGHTS_TIP)].into_iter().chain(columns);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_3;
        for ((name, about), texture) in columns.zip(textures) {
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = SPACE_1;
                ui.label(theme::caption(ui, name.as_str()));
                let picture = Image::new((texture.id(), vec2(side, side))).tint(Color32::WHITE);
                let response = ui.add(picture).on_hover_text(about);
                response.widget_info(|| WidgetInfo::labeled(Role::Image, true, format!("Picture of {name}")));
            });
        }
    });
    ui.add_space(SPACE_2);
}

fn formula(linear: &LinearFacts, shown: &Shown, eps: f32) -> [String; 4] {
    let (label, class, rival) = (&shown.label.name, &linear.class, &linear.rival);
    let number = |value: f32| format::signed(value, 2).replace('+', "");
    let slope = number(rival.slope());
    [
        format!("z({label}) − z({class}) = {}", number(rival.lead)),
        format!("‖w({class}) − w({label})‖₁ = {slope}"),
        format!("ε‖…‖₁ = {eps:.4} × {slope} = {}", number(eps * rival.slope())),
        format!("remaining margin: {}", number(rival.lead_at(eps))),
    ]
}

fn conclusion(linear: &LinearFacts) -> String {
    let class = &linear.class;
    if linear.rival.lead <= 0.0 {
        return format!("The net does not say the label even untouched: \"{class}\" is ahead.");
    }
    let least = linear.rival.least_eps();
    format!(
        "Without clipping, ε = {least:.4} turns the answer to \"{class}\", and nothing smaller turns it to any class: \
         no attack of whatever kind does better on a linear net. Many small steps in one direction add up, pixel by \
         pixel: that is the paper's explanation of adversarial examples."
    )
}
