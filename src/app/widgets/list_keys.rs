use eframe::egui::{Key, Modifiers, Ui};

/// These keys belong to a list of hits rather than to the field above it.
#[derive(Default)]
pub struct ListKeys {
    pub up: usize,
    pub down: usize,
    pub enter: bool,
    pub escape: bool,
}

impl ListKeys {
    pub fn take(ui: &Ui) -> Self {
        ui.input_mut(|i| Self {
            up: i.count_and_consume_key(Modifiers::NONE, Key::ArrowUp),
            down: i.count_and_consume_key(Modifiers::NONE, Key::ArrowDown),
            enter: i.consume_key(Modifiers::NONE, Key::Enter),
            escape: i.consume_key(Modifiers::NONE, Key::Escape),
        })
    }
}
