//! Nothing is cut, whatever the scale of the screen: in a window of as many points as a screen has at that scale,
//! every widget lies inside, or in something that scrolls to it.

use crate::window::{Opening, Window};
use egui::accesskit::{NodeId, Role};
use egui::{Key, Modifiers, Pos2, Rect, Vec2, vec2};
use egui_kittest::kittest::NodeT as _;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

/// Screens in pixels with their scales: a laptop at three of them, and an old projector. The last one is the smallest
/// window.
const SCREENS: [(Vec2, f32); 5] = [
    (vec2(1440.0, 900.0), 2.0),
    (vec2(1440.0, 900.0), 1.5),
    (vec2(1440.0, 900.0), 1.25),
    (vec2(1024.0, 768.0), 1.0),
    (vec2(640.0, 480.0), 1.0),
];

fn open(pixels: Vec2, scale: f32) -> Window {
    let mut window = Opening::default().setting("tab", "explore").size(pixels / scale).scale(scale).open();
    window.until("all lists", |app| !app.shell.explore.catalogue.is_empty() && app.shell.train.is_listed);
    window
}

/// What a person can use or read: its node, its role with its name, and its place.
fn widgets(window: &Window) -> Vec<(NodeId, String, Rect)> {
    let is_widget = |role: Role| {
        !matches!(role, Role::Window | Role::GenericContainer | Role::Pane | Role::ScrollBar | Role::Unknown)
    };
    let mut found = Vec::new();
    for node in window.root().children_recursive() {
        let accesskit = node.accesskit_node();
        let name = accesskit.label().or_else(|| accesskit.value()).filter(|name| !name.trim().is_empty());
        let has_area = accesskit.bounding_box().is_some_and(|rect| rect.width() > 0.0 && rect.height() > 0.0);
        if let Some(name) = name.filter(|_| has_area && is_widget(accesskit.role())) {
            found.push((accesskit.locate().0, format!("{:?} “{name}”", accesskit.role()), node.rect()));
        }
    }
    found
}

fn scroll_to(window: &Window, id: NodeId) {
    let root = window.root();
    if let Some(node) = root.children_recursive().find(|node| node.accesskit_node().locate().0 == id) {
        node.scroll_to_me();
    }
}

/// Checks all widgets on screen; those that lie outside of the window must come into it when they are scrolled to.
fn nothing_is_cut(window: &mut Window, what: &str) {
    let size = window.ctx.content_rect().size();
    let inside = Rect::from_min_size(Pos2::ZERO, size).expand(1.0);
    let found = widgets(window);
    assert!(found.len() > 5, "{what} at {size}: {} widgets only", found.len());
    let mut cut = Vec::new();
    for (id, name, _) in found.into_iter().filter(|(_, _, rect)| !inside.contains_rect(*rect)) {
        scroll_to(window, id);
        window.run_steps(4);
        let after = widgets(window).into_iter().find(|(other, _, _)| *other == id).map(|(_, _, rect)| rect);
        // What is higher than the window is read from its upper end, and a row of a wide table from its left one.
        let is_reached = after.is_some_and(|rect| {
            inside.contains_rect(rect)
                || (rect.height() > 0.5 * size.y
                    && inside.x_range().contains(rect.left())
                    && rect.right() <= inside.right()
                    && inside.intersects(rect))
                || (rect.width() > 0.5 * size.x
                    && inside.y_range().contains(rect.top())
                    && rect.bottom() <= inside.bottom()
                    && inside.x_range().contains(rect.left()))
        });
        if !is_reached {
            cut.push(format!("{name} at {after:?}"));
        }
    }
    assert!(cut.is_empty(), "{what} at {size} points: cut are\n{}", cut.join("\n"));
}

/// Goes over one tab on all screens, with what lies over it.
fn all_screens(what: &str, key: Key, more: impl Fn(&mut Window, &str)) {
    for (pixels, scale) in SCREENS {
        let mut window = open(pixels, scale);
        window.command(key);
        nothing_is_cut(&mut window, what);
        more(&mut window, what);
    }
}

/// Opens something, looks at it, and closes it.
fn with_open(window: &mut Window, what: &str, keys: (Modifiers, Key)) {
    let before = widgets(window).len();
    window.press(keys.0, keys.1);
    assert_ne!(widgets(window).len(), before, "{what} does not open");
    nothing_is_cut(window, what);
    window.key(Key::Escape);
    window.key(Key::Escape);
}

#[test]
fn explore_is_whole_at_every_scale() {
    all_screens("Explore", Key::Num1, |_, _| ());
}

#[test]
fn train_is_whole_at_every_scale() {
    all_screens("Train", Key::Num2, |window, _| {
        window.click("Menu");
        nothing_is_cut(window, "the menu over Train");
    });
}

#[test]
fn the_other_pages_are_whole_at_every_scale() {
    all_screens("Models", Key::Num3, |_, _| ());
    all_screens("Test sets", Key::Num4, |_, _| ());
}

#[test]
fn what_lies_over_a_page_is_whole_at_every_scale() {
    all_screens("Models", Key::Num3, |window, _| {
        with_open(window, "help", (Modifiers::NONE, Key::F1));
        with_open(window, "the palette", (Modifiers::COMMAND, Key::K));
        with_open(window, "a file question", (Modifiers::COMMAND, Key::O));
    });
}

proptest! {
    // The same few windows every time.
    #![proptest_config(ProptestConfig {
        cases: 5,
        max_shrink_iters: 20,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        ..ProptestConfig::default()
    })]

    #[test]
    fn explore_is_whole_in_any_window(
        width in 640.0_f32..1900.0,
        height in 480.0_f32..1100.0,
        [more, why, film, lesson, notice] in any::<[bool; 5]>(),
    ) {
        let opening = Opening::on_a_digit().setting("more", more).setting("why", json!({ "open": why }));
        let mut window = opening.size(vec2(width, height).round()).open();
        if film {
            window.key(Key::Num3);
            window.finish();
        }
        if lesson {
            window.begin_lesson("Away from the label");
        }
        if notice {
            window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::K);
        }
        let open = [(more, "More"), (why, "the reasons"), (film, "a film"), (lesson, "a lesson"), (notice, "a notice")];
        let open: Vec<_> = open.into_iter().filter_map(|(is_open, what)| is_open.then_some(what)).collect();
        nothing_is_cut(&mut window, &format!("Explore with {open:?}"));
    }
}
