//! The toolbar has the controls of how the plots are drawn.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{PopupCloseBehavior, Ui};

use crate::app::plots::quantity::Panel;
use crate::app::plots::scene::{PlotLook, SMOOTHEST};
use crate::app::theme::{self, SPACE_2, palette};
use crate::app::widgets::alternatives;
use crate::app::widgets::rail::{Rail, Spacing};

const NARROW: f32 = 560.0;
const VERY_NARROW: f32 = 300.0;
const CHOICE: f32 = 200.0;

/// Shows the controls. Returns whether all epochs are asked for.
pub fn toolbar(ui: &mut Ui, look: &mut PlotLook, is_zoomed: bool, is_single: bool) -> bool {
    let mut is_reset = false;
    let room = ui.available_width() - if is_single { CHOICE } else { 0.0 };
    let (is_narrow, is_very_narrow) = (room < NARROW, room < VERY_NARROW);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_2;
        if !is_very_narrow {
            axis(ui, look);
        }
        let stays = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        let (button, _) = MenuButton::new("Show").config(stays).ui(ui, |ui| {
            if is_very_narrow {
                axis(ui, look);
            }
            if is_narrow {
                smoothing(ui, look);
                ui.separator();
            }
            menu(ui, look);
        });
        button.on_hover_text("Choose the plots and what is in them");
        if is_single {
            panel_choice(ui, look);
        }
        if !is_narrow {
            smoothing(ui, look);
        }
        if is_zoomed {
            let tip = "Show all epochs again, as a double click on a plot does";
            is_reset = ui.button("All epochs").on_hover_text(tip).clicked();
        }
    });
    is_reset
}

fn axis(ui: &mut Ui, look: &mut PlotLook) {
    let log = "On a logarithmic axis: equal ratios take equal room, so that small errors can be told apart";
    let options = [(false, "linear", "Errors and losses on a linear axis"), (true, "log", log)];
    look.is_log = alternatives(ui, "Axis", &options, look.is_log).unwrap_or(look.is_log);
}

fn smoothing(ui: &mut Ui, look: &mut PlotLook) {
    ui.horizontal(|ui| {
        ui.label(theme::caption(ui, "Smoothing"));
        let rail = Rail { grid: 0.05, ..Rail::new("Smoothing", 0.0..=SMOOTHEST, Spacing::Linear, 0.05) };
        let (response, moved) = rail.show(ui, 96.0, look.smoothing);
        let reset = response.double_clicked().then_some(0.0);
        if let Some(value) = reset.or(moved) {
            look.smoothing = value;
        }
        response.on_hover_text(
            "Exponential smoothing: the weight of the past. The faint line stays as measured. Double click: none",
        );
        let text = if look.smoothing == 0.0 { "none".into() } else { format!("{:.2}", look.smoothing) };
        ui.label(theme::number(text).color(palette(ui).weak));
    });
}

fn menu(ui: &mut Ui, look: &mut PlotLook) {
    for (panel, shown) in Panel::ALL.iter().zip(&mut look.panels).skip(1) {
        ui.checkbox(shown, panel.about().name).on_hover_text(panel.about().tooltip);
    }
    ui.separator();
    ui.checkbox(&mut look.has_bands, "95 % intervals")
        .on_hover_text("Faint bands around the errors of the selected run");
    ui.checkbox(&mut look.has_paper, "Numbers of the paper").on_hover_text(
        "Dots at the right edge: the errors and confidences of a maxout net on MNIST at ε = 0.25, hollow after clean \
         and filled after adversarial training (arXiv 1412.6572)",
    );
}

fn panel_choice(ui: &mut Ui, look: &mut PlotLook) {
    let option = |panel: Panel| match panel {
        Panel::Error => (panel, "error", panel.about().tooltip),
        Panel::Loss => (panel, "loss", panel.about().tooltip),
        Panel::Confidence => (panel, "confidence", panel.about().tooltip),
    };
    let options: Vec<_> = look.wanted().into_iter().map(option).collect();
    look.only = alternatives(ui, "Plot", &options, look.only()).unwrap_or(look.only);
}
