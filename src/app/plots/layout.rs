//! Where the panels lie in the room that there is.

use eframe::egui::{Rect, Vec2, pos2, vec2};

use crate::app::plots::quantity::Panel;

/// A panel lower than this says nothing.
pub const LOWEST: f32 = 96.0;
/// From this width on, panels may lie side by side.
const WIDE: f32 = 720.0;
/// From this height on, panels above each other are the better choice: their epochs line up.
const HIGH: f32 = 470.0;
const GAP: f32 = 8.0;

/// A panel, where it lies, and whether epochs are written below it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    pub panel: Panel,
    pub rect: Rect,
    pub has_epochs: bool,
}

/// Puts the panels into a room of this size; `None` where only one of them has room.
pub fn arrange(panels: &[Panel], size: Vec2) -> Option<Vec<Placed>> {
    let (first, rest) = panels.split_first()?;
    if rest.is_empty() {
        return Some(stacked(panels, Rect::from_min_size(pos2(0.0, 0.0), size)));
    }
    if size.y >= HIGH {
        return Some(stacked(panels, Rect::from_min_size(pos2(0.0, 0.0), size)));
    }
    let beside = LOWEST * rest.len() as f32 + GAP * (rest.len() - 1) as f32;
    if size.x >= WIDE && size.y >= beside {
        let split = (size.x * 0.6).round();
        let left = Rect::from_min_size(pos2(0.0, 0.0), vec2(split, size.y));
        let right = Rect::from_min_max(pos2(split + 2.0 * GAP, 0.0), size.to_pos2());
        return Some([stacked(&[*first], left), stacked(rest, right)].concat());
    }
    None
}

/// Panels above each other; errors take half of the height, and the lowest writes the epochs for all.
fn stacked(panels: &[Panel], room: Rect) -> Vec<Placed> {
    let weight = |panel: &Panel| if *panel == Panel::Error { 2.0 } else { 1.0 };
    let total: f32 = panels.iter().map(weight).sum();
    let height = room.height() - GAP * (panels.len().max(1) - 1) as f32;
    let mut top = room.top();
    let mut placed = Vec::new();
    for (index, panel) in panels.iter().enumerate() {
        let bottom =
            if index + 1 == panels.len() { room.bottom() } else { top + (height * weight(panel) / total).round() };
        let rect = Rect::from_x_y_ranges(room.x_range(), top..=bottom);
        placed.push(Placed { panel: *panel, rect, has_epochs: index + 1 == panels.len() });
        top = bottom + GAP;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(size: Vec2) -> Option<Vec<Placed>> {
        let placed = arrange(&Panel::ALL, size)?;
        let room = Rect::from_min_size(pos2(0.0, 0.0), size).expand(0.5);
        for (index, a) in placed.iter().enumerate() {
            assert!(room.contains_rect(a.rect) && a.rect.height() >= LOWEST, "{size:?} {a:?}");
            assert!(placed[..index].iter().all(|b| !a.rect.intersects(b.rect)), "{size:?} {placed:?}");
        }
        Some(placed)
    }

    #[test]
    fn panels_are_stacked_where_it_is_high_and_beside_each_other_where_it_is_wide() {
        let high = check(vec2(900.0, 600.0)).expect("room for all");
        assert!(high.iter().all(|placed| placed.rect.width() == 900.0));
        assert_eq!(high.iter().map(|placed| placed.has_epochs).collect::<Vec<_>>(), [false, false, true]);
        let wide = check(vec2(900.0, 300.0)).expect("room for all");
        assert!(wide[0].rect.height() == 300.0 && wide[1].rect.left() > wide[0].rect.right());
        assert_eq!(wide.iter().map(|placed| placed.has_epochs).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(check(vec2(500.0, 300.0)), None, "room for one only");
        assert_eq!(check(vec2(900.0, 150.0)), None);
        assert_eq!(check(vec2(500.0, 420.0)), None);
        assert!(check(vec2(500.0, 480.0)).is_some());
    }

    #[test]
    fn one_panel_takes_all_and_none_takes_nothing() {
        let placed = arrange(&[Panel::Loss], vec2(300.0, 80.0)).expect("it is alone");
        assert_eq!(placed[0].rect.size(), vec2(300.0, 80.0));
        assert_eq!(arrange(&[], vec2(300.0, 80.0)), None);
    }
}
