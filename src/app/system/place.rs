//! The place of the window is remembered from frame to frame, and brought back in where screens have changed.

use std::time::{Duration, Instant};

use egui::{Rect, ViewportInfo, pos2, vec2};

use crate::app::settings::Settings;

/// A place counts once it has rested: while a window is maximized, its size changes before its state does.
const REST: Duration = Duration::from_millis(400);
/// So much of a window's upper edge must be on a screen, in pixels, for it to be seen and dragged.
const HANDLE: [f32; 2] = [120.0, 24.0];
/// The system draws a bar of this height above a window, in points.
const TITLE_BAR: f32 = 40.0;

/// A place is in points of the system, without the zoom of large type.
#[derive(Clone, Copy, Debug, PartialEq)]
struct WindowPlace {
    size: [f32; 2],
    /// The upper left corner of the frame is unknown on Wayland.
    corner: Option<[f32; 2]>,
    maximized: bool,
}

impl WindowPlace {
    /// Returns `None` while the window is minimized or has the whole screen, which are not remembered.
    fn of(viewport: &ViewportInfo, zoom: f32) -> Option<Self> {
        if viewport.minimized == Some(true) || viewport.fullscreen == Some(true) {
            return None;
        }
        let size = viewport.inner_rect?.size() * zoom;
        Some(Self {
            size: [size.x.round(), size.y.round()],
            corner: viewport.outer_rect.map(|outer| (outer.min.to_vec2() * zoom).round().into()),
            maximized: viewport.maximized.unwrap_or(false),
        })
    }
}

#[derive(Default)]
pub struct PlaceKeeper {
    seen: Option<(WindowPlace, Instant)>,
}

impl PlaceKeeper {
    /// Looks once per frame, and remembers a place that rests. Returns when to look again.
    pub fn look(&mut self, viewport: &ViewportInfo, zoom: f32, settings: &mut Settings) -> Option<Duration> {
        let Some(now) = WindowPlace::of(viewport, zoom) else {
            self.seen = None;
            return None;
        };
        let since = match self.seen {
            Some((before, since)) if before == now => since,
            _ => self.seen.insert((now, Instant::now())).1,
        };
        let left = REST.saturating_sub(since.elapsed());
        if !left.is_zero() {
            return Some(left);
        }
        settings.maximized = now.maximized;
        if !now.maximized {
            settings.window = Some(now.size);
            settings.corner = now.corner;
        }
        None
    }
}

/// Returns where a window is to be, in pixels: where it was, if it fits a screen and its upper edge can be reached, or
/// else on the screen that it overlaps most.
pub fn brought_in(window: Rect, screens: &[Rect], scale: f32) -> Rect {
    let handle = |screen: &Rect| {
        let edge = Rect::from_min_size(window.min, vec2(window.width(), HANDLE[1]));
        let on_screen = edge.intersect(*screen);
        on_screen.width() >= HANDLE[0].min(window.width()) && on_screen.height() >= HANDLE[1]
    };
    let fits = |screen: &Rect| window.width() <= screen.width() && window.height() <= screen.height();
    if screens.iter().any(|screen| handle(screen) && fits(screen)) {
        return window;
    }
    let overlap = |screen: &Rect| {
        let common = screen.intersect(window);
        if common.is_positive() { common.area() } else { 0.0 }
    };
    // The first of those that are alike.
    let Some(screen) = screens.iter().rev().max_by(|a, b| overlap(a).total_cmp(&overlap(b))) else { return window };
    let mut size = window.size();
    if !fits(screen) {
        size = size.min(screen.size() - vec2(0.0, TITLE_BAR * scale));
    }
    Rect::from_min_size(window.min.min(screen.max - size).max(screen.min), size)
}

/// Brings a window that is not shown yet to the screens that there are, unless the system alone decides about places.
pub fn bring_in(made: &eframe::CreationContext<'_>) {
    let Some(window) = made.winit_window() else { return };
    let Ok(corner) = window.outer_position() else { return };
    let size = window.inner_size();
    let rect = |x: i32, y: i32, width: u32, height: u32| {
        Rect::from_min_size(pos2(x as f32, y as f32), vec2(width as f32, height as f32))
    };
    let monitors = window.available_monitors().map(|monitor| (monitor.position(), monitor.size()));
    let screens: Vec<Rect> = monitors.map(|(at, size)| rect(at.x, at.y, size.width, size.height)).collect();
    let now = rect(corner.x, corner.y, size.width, size.height);
    let wanted = brought_in(now, &screens, window.scale_factor() as f32);
    if wanted.size() != now.size() {
        let mut inside = size;
        (inside.width, inside.height) = (wanted.width() as u32, wanted.height() as u32);
        // The answer tells of a size that is set at once; either way the window is asked for its size in every frame.
        let _ = window.request_inner_size(inside);
    }
    if wanted.min != now.min {
        let mut inside = corner;
        (inside.x, inside.y) = (wanted.min.x as i32, wanted.min.y as i32);
        window.set_outer_position(inside);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x: f32, y: f32, width: f32, height: f32) -> Rect {
        Rect::from_min_size(pos2(x, y), vec2(width, height))
    }

    #[test]
    fn a_window_is_brought_to_a_screen_that_is_there_and_no_larger_than_it() {
        let one = [rect(0.0, 0.0, 1920.0, 1080.0)];
        let two = [one[0], rect(1920.0, 0.0, 1280.0, 1024.0)];
        let projector = [rect(0.0, 0.0, 1024.0, 768.0)];
        for (window, screens, scale, expected) in [
            (rect(200.0, 100.0, 1280.0, 800.0), &one[..], 1.0, None),
            (rect(2000.0, 100.0, 1200.0, 800.0), &two, 1.0, None),
            // Half of it off the screen is where a person put it.
            (rect(1500.0, 900.0, 1280.0, 800.0), &one, 1.0, None),
            (rect(-900.0, 0.0, 1280.0, 800.0), &one, 1.0, None),
            // The second screen is gone; the title bar is above all screens; no screens are known.
            (rect(2000.0, 100.0, 1200.0, 800.0), &one, 1.0, Some(rect(720.0, 100.0, 1200.0, 800.0))),
            (rect(300.0, -600.0, 1200.0, 800.0), &one, 1.0, Some(rect(300.0, 0.0, 1200.0, 800.0))),
            (rect(-5000.0, 9000.0, 640.0, 480.0), &two, 1.0, Some(rect(0.0, 600.0, 640.0, 480.0))),
            (rect(9000.0, 9000.0, 640.0, 480.0), &[], 1.0, None),
            // The window is larger than the screen, or just as large.
            (rect(100.0, 60.0, 1280.0, 800.0), &projector, 1.0, Some(rect(0.0, 40.0, 1024.0, 728.0))),
            (rect(0.0, 0.0, 1024.0, 2000.0), &projector, 2.0, Some(rect(0.0, 0.0, 1024.0, 688.0))),
            (projector[0], &projector, 1.0, None),
        ] {
            assert_eq!(brought_in(window, screens, scale), expected.unwrap_or(window));
        }
    }

    #[test]
    fn a_place_counts_once_it_rests() {
        let mut keeper = PlaceKeeper::default();
        let mut settings = Settings::default();
        let mut viewport = ViewportInfo {
            inner_rect: Some(rect(50.0, 80.0, 600.0, 400.0)),
            outer_rect: Some(rect(48.0, 50.0, 604.0, 432.0)),
            maximized: Some(false),
            ..ViewportInfo::default()
        };
        let mut rest = |viewport: &ViewportInfo, maximized: bool| {
            if let Some(left) = keeper.look(viewport, 2.0, &mut settings) {
                std::thread::sleep(left);
                assert_eq!(keeper.look(viewport, 2.0, &mut settings), None);
            }
            let place = (settings.window, settings.corner, settings.maximized);
            assert_eq!(place, (Some([1200.0, 800.0]), Some([96.0, 100.0]), maximized));
        };
        rest(&viewport, false);
        // The size is that of the screen before the state says so.
        viewport.inner_rect = Some(rect(0.0, 20.0, 1920.0, 1060.0));
        assert!(PlaceKeeper::default().look(&viewport, 2.0, &mut Settings::default()).is_some());
        viewport.maximized = Some(true);
        rest(&viewport, true);
        viewport.fullscreen = Some(true);
        viewport.maximized = Some(false);
        rest(&viewport, true);
    }
}
