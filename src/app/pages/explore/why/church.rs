//! The church window maps what the nets say on the plane of the attack's direction and a random one.

use std::collections::BTreeMap;
use std::sync::Arc;

use egui::{
    Align2, Color32, Grid, Rect, Response, Role, Sense, Stroke, TextureId, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};
use egui_plot::{PlotImage, PlotPoint, PlotTransform};

use crate::app::format::per_cent;
use crate::app::pages::explore::state::Explore;
use crate::app::pages::explore::why::map_legend::{ClassColours, legend};
use crate::app::pages::explore::why::mark::eps_text;
use crate::app::pages::explore::why::state::Why;
use crate::app::plots::quiet::{PlotAxis, QuietPlot};
use crate::app::theme::{self, Palette, SPACE_2, SPACE_4, SPACE_6, palette};
use crate::app::widgets::elided;
use crate::app::widgets::texture::Texture;
use crate::engine::attack::{Goal, Label, MapClass, Norm};
use crate::engine::picture::Rgba;
use crate::figure::axes::{AxisScale, Interval};
use crate::worker::{Church, NetMap, Shown};

/// The texts of the axes need this room beside the square.
const LEFT: f32 = 62.0;
const BOTTOM: f32 = 34.0;
const TITLE: f32 = 18.0;
const LEAST_LEGEND: f32 = 176.0;
const LEGEND: f32 = 248.0;
/// The long names of the axes have room beside maps of at least this side.
const LONG_NAMES_FROM: f32 = 160.0;
const TICK_CLEAR: f32 = 9.0;
const CROSS: f32 = 7.0;

pub const HINT: &str = "A church window (Warde-Farley and Goodfellow, 2016): what the net says on a plane through the \
                        picture. To the right lies the direction of the attack, up and down a random direction of the \
                        same length. Mostly only the attack's direction leads to another class nearby. The cross is \
                        the picture on screen; it moves with ε.";

/// Says what the plane is made of, and under which conditions the net was asked.
pub fn basis(shown: &Shown, church: &Church) -> String {
    let norm = church.norm();
    let along = match (church.is_one_step(), norm, shown.view.goal) {
        (true, Norm::Linf, Goal::Untargeted) => "a·sign ∇J",
        (true, Norm::Linf, Goal::Targeted(_)) => "−a·sign ∇J",
        (true, Norm::L2, _) => "a·(the step of FGSM in L2)",
        (true, Norm::L1, _) => "a·(the step of FGSM in L1)",
        (false, Norm::Linf, _) => "a·δ/max|δ|",
        (false, Norm::L2, _) => "a·δ/‖δ‖₂",
        (false, Norm::L1, _) => "a·δ/‖δ‖₁",
    };
    let random = if norm == Norm::Linf { "random signs" } else { "Gaussian noise" };
    let rules = church.rules();
    let clip = if rules.bounds.is_some() { "clipped to [0, 1]" } else { "not clipped" };
    let rounded = if rules.eight_bit { ", 8 bits" } else { "" };
    let source = if matches!(shown.view.label, Label::Given(_)) { "given" } else { "its own answer" };
    let (seed, label) = (church.wish.seed, &shown.label.name);
    format!("x + {along} + b·({random}, seed {seed}), {clip}{rounded}; label: {label}, {source}")
}

/// Returns how many points each map has.
pub fn points(church: &Church) -> String {
    let Ok(first) = &church.first else { return String::new() };
    let side = first.map.side;
    let so_far = if church.is_final { "" } else { " so far" };
    let norm = church.norm().title();
    format!("{side} × {side} points{so_far}, ε in {norm}")
}

/// The maps are kept as textures.
#[derive(Default)]
pub struct Maps {
    textures: [MapTexture; 2],
}

#[derive(Default)]
struct MapTexture {
    texture: Texture,
    drawn: Option<DrawnMap>,
}

/// A map is drawn anew for other classes and for another theme.
struct DrawnMap {
    legend: Arc<[MapClass]>,
    is_dark: bool,
    rgba: Arc<Rgba>,
}

impl DrawnMap {
    fn new(map: &NetMap, legend: &Arc<[MapClass]>, palette: &Palette, is_dark: bool) -> Self {
        let (colours, class_map) = (ClassColours::new(legend, palette), &map.map);
        let classes = class_map.counts().into_iter().map(|(class, _)| (class, colours.of(&map.classes[class])));
        let classes: BTreeMap<usize, Color32> = classes.collect();
        let bytes = class_map.cells.iter().flat_map(|cell| classes[&cell.class].to_array()).collect();
        let rgba = Arc::new(Rgba { width: class_map.side, height: class_map.side, bytes });
        Self { legend: legend.clone(), is_dark, rgba }
    }
}

impl MapTexture {
    fn of(&mut self, ui: &Ui, map: &NetMap, legend: &Arc<[MapClass]>) -> TextureId {
        let is_dark = ui.visuals().dark_mode;
        self.drawn.take_if(|drawn| !Arc::ptr_eq(&drawn.legend, legend) || drawn.is_dark != is_dark);
        let drawn = self.drawn.get_or_insert_with(|| DrawnMap::new(map, legend, palette(ui), is_dark));
        self.texture.of(ui.ctx(), &drawn.rgba, true)
    }
}

impl Maps {
    /// Shows the map of the net on screen, that of the second net beside it, and the legend of both.
    pub fn show(&mut self, ui: &mut Ui, explore: &Explore, why: &Why) {
        let room = ui.available_rect_before_wrap();
        let known = explore.shown.as_deref().and_then(|shown| Some((shown, why.church(shown)?)));
        let Some((shown, (church, is_current))) = known else {
            return tell(ui, room, explore.busy().unwrap_or("asking the net on a plane through the picture"));
        };
        if let Err(why) = &church.first {
            return drop(ui.add(egui::Label::new(why).wrap()));
        }
        let maps: Vec<&NetMap> = church.maps().collect();
        let colours = ClassColours::new(&church.legend, palette(ui));
        let layout = Layout::new(room, maps.len());
        // The cross moves with the slider, before the picture follows.
        let at = if church.is_one_step() { explore.view.eps } else { church.place(shown) };
        for (number, (map, kept)) in maps.iter().zip(&mut self.textures).enumerate() {
            let texture = kept.of(ui, map, &church.legend);
            let view = MapView { maps: &maps, number, texture, colours: &colours, at, is_current };
            let place = UiBuilder::new().max_rect(layout.map(number)).id_salt(("map", number));
            ui.scope_builder(place, |ui| view.show(ui));
        }
        let column = UiBuilder::new().max_rect(layout.legend(maps.len()));
        ui.scope_builder(column, |ui| legend(ui, church, &colours, &points(church)));
    }
}

fn tell(ui: &Ui, room: Rect, text: &str) {
    let (text, colour) = (format!("{text}…"), palette(ui).weak);
    ui.painter().text(room.center(), Align2::CENTER_CENTER, text, theme::body_font(), colour);
}

/// The maps are squares at the left, and the legend takes what is left.
struct Layout {
    room: Rect,
    side: f32,
    title: f32,
}

impl Layout {
    fn new(room: Rect, maps: usize) -> Self {
        let title = if maps > 1 { TITLE } else { 0.0 };
        let each = (room.width() - LEAST_LEGEND - SPACE_6) / maps as f32 - LEFT - SPACE_4;
        let side = (room.height() - BOTTOM - title - 4.0).min(each).max(40.0).floor();
        Self { room, side, title }
    }

    fn left(&self, number: usize) -> f32 {
        self.room.left() + number as f32 * (self.side + LEFT + SPACE_4)
    }

    fn map(&self, number: usize) -> Rect {
        let size = vec2(self.side + LEFT, self.side + BOTTOM + self.title + 4.0);
        Rect::from_min_size(pos2(self.left(number), self.room.top()), size)
    }

    fn legend(&self, maps: usize) -> Rect {
        let left = self.left(maps) + SPACE_2;
        let width = (self.room.right() - left).min(LEGEND + 60.0 * (maps as f32 - 1.0));
        Rect::from_min_size(pos2(left, self.room.top()), vec2(width, self.room.height()))
    }
}

/// This is one map as it is looked at.
struct MapView<'a> {
    maps: &'a [&'a NetMap],
    number: usize,
    texture: TextureId,
    colours: &'a ClassColours<'a>,
    /// The place of the picture on screen, along the direction of the attack.
    at: f32,
    is_current: bool,
}

impl MapView<'_> {
    fn show(&self, ui: &mut Ui) {
        ui.spacing_mut().item_spacing = Vec2::ZERO;
        let NetMap { title, map, .. } = self.maps[self.number];
        if self.maps.len() > 1 {
            let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), TITLE), Sense::hover());
            let weak = palette(ui).weak;
            let text = elided(ui.painter(), title, theme::strong_of(12.0), weak, rect.width() - LEFT);
            ui.painter().galley(rect.min + vec2(LEFT, 0.0), text, weak);
        }
        ui.add_space(4.0);
        let edge = f64::from(map.edge());
        let ends = Interval::new(-edge, edge);
        let axis = |label, room, apart| PlotAxis { label, room, apart, ..PlotAxis::new(AxisScale::Linear, ends) };
        let is_low = ui.available_height() - BOTTOM < LONG_NAMES_FROM;
        let along = if is_low { "ε, attack" } else { "ε along the attack's direction" };
        let across = match (self.number, is_low) {
            (0, true) => "ε, random",
            (0, false) => "ε along a random direction",
            _ => "",
        };
        let side = f64::from((ui.available_height() - BOTTOM).max(1.0));
        // The lowest number stays clear of those below the map.
        let ticks_from = -edge + 2.0 * edge * f64::from(TICK_CLEAR) / side;
        let (x, y) = (axis(along, BOTTOM, 52.0), PlotAxis { ticks_from, ..axis(across, LEFT, 30.0) });
        let plot = QuietPlot { has_grid: false, ..QuietPlot::new(ui, "church", x, y) };
        let tint = if self.is_current { Color32::WHITE } else { theme::faint_of(Color32::WHITE) };
        let size = Vec2::splat(2.0 * map.edge());
        let image = PlotImage::new("", self.texture, PlotPoint::new(0.0, 0.0), size).tint(tint);
        let transform = plot.show(ui, |plot| plot.image(image)).transform;
        let frame = *transform.frame();
        self.names(ui, frame);
        self.marks(ui, &transform);
        ui.painter().rect_stroke(frame, 0, Stroke::new(1.0, palette(ui).weak), egui::StrokeKind::Outside);
        let response = ui.interact(frame, ui.scope_id().with("church window"), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Image, true, self.words()));
        self.tell(response, &transform);
    }

    fn words(&self) -> String {
        let title = &self.maps[self.number].title;
        let named = |class: &MapClass| format!("{} on {}", class.name, per_cent(class.shares[self.number]));
        let shares: Vec<String> = self.colours.classes.iter().take(5).map(named).collect();
        format!("Church window of {title}: {}", shares.join(", "))
    }

    /// Writes the names of classes where there is room for them.
    fn names(&self, ui: &Ui, frame: Rect) {
        let NetMap { map, classes, names, .. } = self.maps[self.number];
        let cell = frame.width() / map.side as f32;
        for place in names {
            let name = &classes[place.class];
            let colour = self.colours.ink_on(name);
            let text = ui.painter().layout_no_wrap(name.clone(), theme::small_font(), colour);
            let size = Vec2::from(place.size.map(|side| side as f32 * cell));
            if text.size().x + 6.0 <= size.x && text.size().y <= size.y {
                let middle = frame.min + Vec2::from(place.middle.map(|at| at as f32 * cell));
                ui.painter().galley(middle - 0.5 * text.size(), text, colour);
            }
        }
    }

    /// Marks the untouched picture by a ring, and the one on screen by a cross.
    fn marks(&self, ui: &Ui, transform: &PlotTransform) {
        let palette = palette(ui);
        let at = |along: f32| transform.position_from_point(&PlotPoint::new(f64::from(along), 0.0));
        for (width, colour) in [(4.0, palette.cross_edge), (2.0, palette.cross)] {
            ui.painter().circle_stroke(at(0.0), 4.0, Stroke::new(width, colour));
        }
        let reach = self.maps[self.number].map.edge();
        if self.at > reach {
            return;
        }
        let middle = at(self.at);
        for (width, colour) in [(4.0, palette.cross_edge), (2.0, palette.cross)] {
            let stroke = Stroke::new(width, colour);
            let half = CROSS + 0.25 * width;
            ui.painter().hline(middle.x - half..=middle.x + half, middle.y, stroke);
            ui.painter().vline(middle.x, middle.y - half..=middle.y + half, stroke);
        }
    }

    fn tell(&self, response: Response, transform: &PlotTransform) {
        let Some(pointer) = response.hover_pos() else { return };
        let value = transform.value_from_position(pointer);
        let (along, across) = (value.x as f32, value.y as f32);
        response.on_hover_ui_at_pointer(|ui| {
            ui.spacing_mut().interact_size.y = 0.0;
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.label(theme::strong(format!("ε = {} along the attack", eps_text(along))));
            ui.label(theme::strong(format!("ε = {} along the random direction", eps_text(across))));
            let grid = Grid::new("answers at the pointer").num_columns(4).min_col_width(0.0);
            grid.spacing([SPACE_2, 2.0]).show(ui, |ui| {
                for map in self.maps {
                    let Some(cell) = map.map.at(along, across) else { continue };
                    let name = &map.classes[cell.class];
                    let (rect, _) = ui.allocate_exact_size(Vec2::splat(12.0), Sense::hover());
                    ui.painter().rect_filled(rect, 2, self.colours.of(name));
                    ui.label(name);
                    ui.label(theme::number(per_cent(cell.probability)));
                    if self.maps.len() > 1 {
                        ui.label(theme::weak(ui, map.title.as_str()));
                    }
                    ui.end_row();
                }
            });
        });
    }
}
