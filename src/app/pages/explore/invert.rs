//! The switch that inverts a picture of paper for a net of digits, and the notice that it was done.

use egui::{Button, Ui};
use egui_material_icons::icons;

use crate::app::commands::Command;
use crate::app::notices::{NoticeButton, Notices, Tone};
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::state::Explore;
use crate::app::widgets::about::Action as _;
use crate::engine::data::{INVERTED, Invert};
use crate::engine::picture::PictureKind;
use crate::worker::{Shown, Source};

/// The switch is its icon alone where there is less room than this.
const ROOM: f32 = 240.0;

const NOTHING: &str = "Nothing in this picture is darker than what is around it, so it is not inverted.";

/// This is what there is to say of a picture on screen, once.
#[derive(PartialEq)]
pub struct InvertRemark {
    picture: Source,
    asked: Invert,
    is_inverted: bool,
    reads: PictureKind,
}

impl InvertRemark {
    pub fn of(shown: &Shown) -> Self {
        let (picture, asked) = (shown.view.picture.clone(), shown.view.invert);
        Self { picture, asked, is_inverted: shown.is_inverted, reads: shown.reads }
    }

    /// Says that a picture was inverted unasked, with the way back, or that it could not be.
    pub fn tell(&self, notices: &mut Notices) {
        match (self.asked, self.is_inverted) {
            (Invert::Auto, true) => {
                let command = ExploreCommand::Invert(Invert::No).into();
                notices.add_with(INVERTED, NoticeButton { name: "Undo", command });
            }
            (Invert::Yes, false) if self.reads == PictureKind::Digit => notices.add(Tone::Caution, NOTHING),
            (Invert::Auto | Invert::Yes | Invert::No, _) => {}
        }
    }
}

/// Draws the switch, where the picture is inverted or might be.
pub fn invert_switch(ui: &mut Ui, explore: &Explore, shown: &Shown, out: &mut Vec<Command>) {
    let is_chosen = !explore.view.invert.is_auto() || explore.has_more && explore.is_resampled();
    if shown.reads != PictureKind::Digit || !(shown.is_inverted || is_chosen) {
        return;
    }
    let about = ExploreCommand::ToggleInvert.about();
    let icon = icons::ICON_INVERT_COLORS.rich_text().size(16.0);
    // The size of the picture stands beside it.
    let button = if ui.available_width() >= ROOM { Button::new((icon, about.name)) } else { Button::new(icon) };
    let button = button.selected(shown.is_inverted).frame_when_inactive(shown.is_inverted);
    if ui.add(button).on_hover_text(about.tooltip).accessible_name(about.name).clicked() {
        out.push(ExploreCommand::ToggleInvert.into());
    }
}
