//! Buttons, menus, tooltips and the help all describe an action by this.

use egui::{Key, KeyboardShortcut, ModifierNames, Modifiers};
use egui_material_icons::MaterialIcon;

/// Most shortcuts have this modifier: Ctrl, or Command on a Mac.
pub const CTRL: Modifiers = Modifiers::COMMAND;
pub const NONE: Modifiers = Modifiers::NONE;

/// An action is something that a person can do.
pub trait Action: Clone {
    fn about(&self) -> About;

    /// Returns the actions of this kind that have a name to find them by, in the order of the help.
    fn listed() -> Vec<Self>;
}

#[derive(Clone, Copy)]
pub struct About {
    pub name: &'static str,
    pub tooltip: &'static str,
    pub shortcut: Option<KeyboardShortcut>,
    pub icon: Option<MaterialIcon>,
}

pub const fn about(name: &'static str, tooltip: &'static str) -> About {
    About { name, tooltip, shortcut: None, icon: None }
}

impl About {
    pub const fn keys(self, modifiers: Modifiers, key: Key) -> Self {
        Self { shortcut: Some(KeyboardShortcut::new(modifiers, key)), ..self }
    }

    pub const fn icon(self, icon: MaterialIcon) -> Self {
        Self { icon: Some(icon), ..self }
    }

    /// Returns the shortcut as it is written on the keys; empty without one.
    pub fn spelled_keys(&self) -> String {
        self.shortcut.as_ref().map(spelled).unwrap_or_default()
    }

    /// Returns the tooltip with the shortcut behind it.
    pub fn tip(&self) -> String {
        let keys = self.shortcut.as_ref().map(|keys| format!("  ({})", spelled(keys)));
        self.tooltip.to_owned() + &keys.unwrap_or_default()
    }
}

/// Spells a shortcut as it is written on the keys, such as "Ctrl+]".
pub fn spelled(keys: &KeyboardShortcut) -> String {
    let names = &ModifierNames::NAMES;
    let modifiers = names.format(&keys.modifiers, cfg!(target_os = "macos"));
    let key = match keys.logical_key {
        Key::PageUp => "Page Up",
        Key::PageDown => "Page Down",
        other => other.symbol_or_name(),
    };
    if modifiers.is_empty() { key.to_owned() } else { format!("{modifiers}{}{key}", names.concat) }
}
