//! The panels are laid out in the room that there is.

use egui::{Pos2, Rect, Vec2, pos2, vec2};

use crate::app::plots::quantity::Panel;

pub const LOWEST: f32 = 96.0;
const WIDE: f32 = 720.0;
const HIGH: f32 = 470.0;
const GAP: f32 = 8.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    pub panel: Panel,
    pub rect: Rect,
    pub has_epochs: bool,
}

/// Puts the panels into a room of this size; `None` where only one of them has room.
pub fn arrange(panels: &[Panel], size: Vec2) -> Option<Vec<Placed>> {
    let (first, rest) = panels.split_first()?;
    if rest.is_empty() || size.y >= HIGH {
        return Some(stacked(panels, Rect::from_min_size(Pos2::ZERO, size)));
    }
    let beside = LOWEST * rest.len() as f32 + GAP * (rest.len() - 1) as f32;
    if size.x >= WIDE && size.y >= beside {
        let split = (size.x * 0.6).round();
        let left = Rect::from_min_size(Pos2::ZERO, vec2(split, size.y));
        let right = Rect::from_min_max(pos2(split + 2.0 * GAP, 0.0), size.to_pos2());
        return Some([stacked(&[*first], left), stacked(rest, right)].concat());
    }
    None
}

fn stacked(panels: &[Panel], room: Rect) -> Vec<Placed> {
    let weight = |panel: &Panel| if *panel == Panel::Error { 2.0 } else { 1.0 };
    let total: f32 = panels.iter().map(weight).sum();
    let height = room.height() - GAP * (panels.len().max(1) - 1) as f32;
    let mut top = room.top();
    let place = |(index, panel): (usize, &Panel)| {
        let is_last = index + 1 == panels.len();
        let bottom = if is_last { room.bottom() } else { top + (height * weight(panel) / total).round() };
        let rect = Rect::from_x_y_ranges(room.x_range(), top..=bottom);
        top = bottom + GAP;
        Placed { panel: *panel, rect, has_epochs: is_last }
    };
    panels.iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_are_stacked_where_it_is_high_and_beside_each_other_where_it_is_wide() {
        let all: &[Panel] = &Panel::ALL;
        let stack = Some(vec![(900.0, false), (900.0, false), (900.0, true)]);
        let cases = [
            (all, vec2(900.0, 600.0), stack),
            (all, vec2(900.0, 300.0), Some(vec![(540.0, true), (344.0, false), (344.0, true)])),
            (all, vec2(500.0, 480.0), Some(vec![(500.0, false), (500.0, false), (500.0, true)])),
            (all, vec2(500.0, 300.0), None),
            (all, vec2(900.0, 150.0), None),
            (all, vec2(500.0, 420.0), None),
            (&[Panel::Loss], vec2(300.0, 80.0), Some(vec![(300.0, true)])),
            (&[], vec2(300.0, 80.0), None),
        ];
        for (panels, size, expected) in cases {
            let placed = arrange(panels, size);
            let room = Rect::from_min_size(Pos2::ZERO, size).expand(0.5);
            for (index, a) in placed.iter().flatten().enumerate() {
                assert!(
                    room.contains_rect(a.rect) && (a.rect.height() >= LOWEST || panels.len() == 1),
                    "{size:?} {a:?}"
                );
                assert!(placed.iter().flatten().take(index).all(|b| !a.rect.intersects(b.rect)), "{size:?}");
            }
            let found = placed.map(|placed| placed.iter().map(|p| (p.rect.width(), p.has_epochs)).collect::<Vec<_>>());
            assert_eq!(found, expected, "{size:?}");
        }
    }
}
