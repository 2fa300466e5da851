//! The picker finds one class among up to a thousand by a part of its name, with mouse and keyboard.

use egui::{self, Button, Id, Key, Modifiers, Popup, PopupCloseBehavior, ScrollArea, TextEdit, Ui};
use egui_material_icons::icons;

use crate::app::theme::{self, palette};
use crate::engine::model::class_words;

const ROWS: usize = 9;

#[derive(Default)]
pub struct ClassPicker {
    open: bool,
    focused: bool,
    text: String,
    lit: usize,
}

impl ClassPicker {
    /// Shows the field, whose `name` is for assistive technology; `chosen` is the class that it stands on.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        id: Id,
        name: &str,
        classes: &[String],
        chosen: Option<usize>,
    ) -> Option<usize> {
        let standing = chosen.and_then(|index| classes.get(index)).cloned().unwrap_or_default();
        let mut text = if self.open { std::mem::take(&mut self.text) } else { standing };
        let focused = ui.memory(|m| m.has_focus(id));
        let keys = if self.open && focused { ListKeys::take(ui) } else { ListKeys::default() };
        let field = TextEdit::singleline(&mut text).id(id).hint_text("Find a class…").desired_width(132.0);
        let field = ui.add(field.margin(egui::Margin::symmetric(8, 6))).accessible_name(name);
        let field = field.on_hover_text("Type a part of the name; arrow keys and Enter choose");
        // Also when a shortcut gave it the focus before it was there; `gained_focus` does not see that.
        let gained = field.has_focus() && !self.focused;
        self.focused = field.has_focus();
        if gained && !self.open {
            // Typing starts afresh: what stands there is a choice, not a search.
            (self.open, self.lit) = (true, 0);
            text.clear();
        }
        if field.changed() {
            (self.open, self.lit) = (true, 0);
        }
        self.text = text;
        if !self.open {
            return None;
        }
        let hits = hits(classes, &self.text);
        self.lit = (self.lit + keys.down).saturating_sub(keys.up).min(hits.len().saturating_sub(1));
        let mut picked = if keys.enter { hits.get(self.lit).copied() } else { None };
        let popup = Popup::from_response(&field)
            .id(id.with("hits"))
            .open(true)
            .close_behavior(PopupCloseBehavior::IgnoreClicks)
            .width(field.rect.width().max(240.0))
            .show(|ui| self.list(ui, classes, &hits, keys.down + keys.up > 0));
        if let Some(popup) = popup {
            picked = picked.or(popup.inner);
            let is_outside = |at| !popup.response.rect.contains(at) && !field.rect.contains(at);
            let outside = ui.input(|i| i.pointer.any_pressed() && i.pointer.interact_pos().is_some_and(is_outside));
            // Tab goes on to the next control; a press on the list takes the focus too, but must not close it.
            let tabbed = field.lost_focus() && !ui.input(|i| i.pointer.any_down() || i.pointer.any_released());
            if outside || keys.escape || tabbed {
                self.close(ui, id);
            }
        }
        if picked.is_some() {
            self.close(ui, id);
        }
        picked
    }

    fn close(&mut self, ui: &Ui, id: Id) {
        *self = Self::default();
        ui.memory_mut(|m| m.surrender_focus(id));
    }

    fn list(&mut self, ui: &mut Ui, classes: &[String], hits: &[usize], scroll: bool) -> Option<usize> {
        if hits.is_empty() {
            ui.horizontal(|ui| {
                ui.label(icons::ICON_SEARCH.rich_text().color(palette(ui).weak));
                ui.label(format!("No class is called “{}”", self.text));
            });
            return None;
        }
        let height = theme::CONTROL_HEIGHT;
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut picked = None;
        let mut area = ScrollArea::vertical().max_height(height * ROWS as f32).auto_shrink([false, true]);
        if scroll {
            area = area.vertical_scroll_offset((self.lit as f32 - ROWS as f32 / 2.0).max(0.0) * height);
        }
        area.show_rows(ui, height, hits.len(), |ui, rows| {
            for row in rows {
                let name = &classes[hits[row]];
                let text = self.text.trim().to_lowercase();
                let word = if name.to_lowercase().contains(&text) { None } else { word_for(name, &text) };
                let button = Button::selectable(row == self.lit, name.as_str()).truncate();
                let button = button.right_text(theme::weak(ui, word.unwrap_or_default()));
                let size = egui::vec2(ui.available_width(), height);
                let response = ui.add(button.min_size(size)).accessible_name(name.as_str());
                if response.hovered() && ui.input(|i| i.pointer.is_moving()) {
                    self.lit = row;
                }
                if response.clicked() {
                    picked = Some(hits[row]);
                }
            }
        });
        if hits.len() > ROWS {
            ui.add_space(theme::SPACE_1);
            ui.label(theme::weak(ui, format!("{} classes", hits.len())));
        }
        picked
    }
}

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

/// Returns the classes whose name holds the text, those that begin with it first; then those for which an everyday
/// word that begins with it stands.
pub fn hits(classes: &[String], text: &str) -> Vec<usize> {
    let text = text.trim().to_lowercase();
    let rank = |name: &String| match name.to_lowercase().find(&text) {
        Some(_) if text.is_empty() => Some(0),
        Some(at) => Some(at.min(1)),
        None => word_for(name, &text).map(|_| 2),
    };
    let ranks = classes.iter().enumerate().filter_map(|(index, name)| Some((rank(name)?, index)));
    let mut found: Vec<_> = ranks.collect();
    found.sort();
    found.into_iter().map(|(_, index)| index).collect()
}

fn word_for(class: &str, text: &str) -> Option<&'static str> {
    class_words(class).iter().find(|word| word.starts_with(text)).copied()
}

#[cfg(test)]
mod tests {
    use super::hits;

    #[test]
    fn hits_begin_with_the_text_first() {
        let classes: Vec<String> = ["giant panda", "panther", "Pan", "gibbon"].map(String::from).into();
        assert_eq!(hits(&classes, " pan "), [1, 2, 0]);
        assert_eq!(hits(&classes, "GIB"), [3]);
        assert_eq!(hits(&classes, ""), [0, 1, 2, 3]);
        assert!(hits(&classes, "crab").is_empty());
        assert_eq!(hits(&classes, "ape"), [3], "by an everyday word");
        let pets: Vec<String> = ["hot dog", "basenji", "dogsled", "cup"].map(String::from).into();
        assert_eq!(hits(&pets, "dog"), [2, 0, 1]);
    }
}
