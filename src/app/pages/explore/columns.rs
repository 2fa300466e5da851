//! This module lays out the three pictures.

use egui::{Rect, Ui, pos2, vec2};

use crate::app::pages::explore::results;
use crate::app::theme::{self, BAR_HEIGHT, CONTROL_HEIGHT, MIN_WELL, SPACE_1};

/// The pane of the perturbation is at least so wide; the two pictures beside it come first.
const LEAST_MIDDLE: f32 = 152.0;
const NARROW_MIDDLE: f32 = 104.0;
/// All three panes have one size where it is at least this share of what the outer two could have.
const EVEN_FROM: f32 = 0.85;
const SIGN: f32 = 32.0;
const NARROW_SIGN: f32 = 20.0;
const NARROW: f32 = 900.0;

/// Returns the height that pictures of height `well` need, with `rows` rows of bars below them.
pub fn height_with(ui: &Ui, well: f32, rows: usize) -> f32 {
    CONTROL_HEIGHT + well + 2.0 * theme::row_gap(ui) + below_height(rows) - SPACE_1
}

fn below_height(rows: usize) -> f32 {
    rows as f32 * (BAR_HEIGHT + 2.0) + SPACE_1
}

pub struct Columns {
    pub heads: [Rect; 3],
    pub wells: [Rect; 3],
    pub below: [Rect; 3],
    pub rows: usize,
}

impl Columns {
    /// Shares out a room. The outer two are as large as its height allows; the middle one takes what is left.
    pub fn new(room: Rect, proportions: f32, gap: f32) -> Self {
        let (sign, least) = if room.width() < NARROW { (NARROW_SIGN, NARROW_MIDDLE) } else { (SIGN, LEAST_MIDDLE) };
        let width = room.width() - 2.0 * sign;
        let beside = |rows| CONTROL_HEIGHT + 2.0 * gap + below_height(rows);
        let fitting = |rows| {
            let height = (room.height() - beside(rows)).max(MIN_WELL);
            vec2((height * proportions).min(0.5 * (width - least)), height)
        };
        // In the lowest windows bars make room, down to the first.
        let spare = room.height() - beside(0) - MIN_WELL;
        let few_rows = ((spare / (BAR_HEIGHT + 2.0)) as usize).clamp(1, results::FEW_ROWS);
        let few = fitting(few_rows);
        let height = few.y.min(few.x / proportions);
        let is_roomy = room.height() - height >= beside(results::ROWS);
        let rows = if is_roomy { results::ROWS } else { few_rows };
        // Three of one size where that costs the outer two little.
        let third = width / 3.0;
        let is_even = third >= EVEN_FROM * few.x;
        let across = if is_even { few.x.min(third) } else { few.x };
        let outer = vec2(across, height.min(across / proportions)).floor();
        let middle_width = (width - 2.0 * outer.x).min(outer.x).floor();
        let middle = vec2(middle_width, (middle_width / proportions).min(outer.y).floor());
        // What is left over is shared out at both ends.
        let left = room.left() + (0.5 * (width - 2.0 * outer.x - middle.x)).max(0.0).floor();
        let lefts = [left, left + outer.x + sign, left + outer.x + middle.x + 2.0 * sign];
        let sizes = [outer, middle, outer];
        let top = room.top() + CONTROL_HEIGHT + gap;
        let wells = [0, 1, 2].map(|index| {
            let size = sizes[index];
            Rect::from_min_size(pos2(lefts[index], top + (0.5 * (outer.y - size.y)).floor()), size)
        });
        let head = vec2(0.0, gap + CONTROL_HEIGHT);
        let heads = wells.map(|well| Rect::from_min_size(well.min - head, vec2(well.width(), CONTROL_HEIGHT)));
        let bottom = top + outer.y + gap + below_height(rows);
        let below = wells.map(|well| well.with_min_y(well.bottom() + gap).with_max_y(bottom));
        Self { heads, wells, below, rows }
    }
}

#[cfg(test)]
mod tests {
    use crate::app::theme::SPACE_2;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn three_panes_lie_beside_each_other_in_any_room(
            width in 400.0_f32..4000.0,
            height in 100.0_f32..2400.0,
            proportions in 0.7_f32..=1.6,
            is_compact in any::<bool>(),
        ) {
            let gap = if is_compact { SPACE_1 } else { SPACE_2 };
            let room = Rect::from_min_size(pos2(16.0, 90.0), vec2(width, height));
            let columns = Columns::new(room, proportions, gap);
            let bottom = columns.below[0].bottom();
            prop_assert!((1..=results::ROWS).contains(&columns.rows));
            for index in 0..3 {
                let (head, well, below) = (columns.heads[index], columns.wells[index], columns.below[index]);
                for rect in [head, well, below] {
                    prop_assert!(rect.width() > 0.0 && rect.height() >= 0.0, "{:?}", rect);
                    prop_assert_eq!(rect.x_range(), well.x_range());
                    prop_assert!(room.x_range().contains(rect.left()) && room.right() >= rect.right(), "{:?}", rect);
                    prop_assert!(rect.top() >= room.top() && rect.bottom() <= bottom, "{:?}", rect);
                }
                prop_assert!(head.bottom() <= well.top() && well.bottom() <= below.top());
                let ratio = well.width() / well.height();
                prop_assert!((ratio / proportions - 1.0).abs() < 0.05, "{ratio}, the photo has {proportions}");
            }
            for pair in columns.wells.windows(2) {
                prop_assert!(pair[0].right() + NARROW_SIGN <= pair[1].left(), "room for a sign");
                prop_assert!((pair[0].center().y - pair[1].center().y).abs() <= 1.0);
            }
            prop_assert_eq!(columns.wells[0].size(), columns.wells[2].size(), "the outer two are alike");
            prop_assert!(columns.wells[1].width() <= columns.wells[0].width());
            // Only in lower rooms than this are the panes scrolled.
            let least = CONTROL_HEIGHT + MIN_WELL + 2.0 * gap + below_height(1);
            prop_assert!(height < least || bottom <= room.bottom(), "{}", bottom);
        }
    }
}
