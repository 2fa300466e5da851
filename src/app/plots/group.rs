//! Items of a plot that are cut into triangles once, and again only when they, or where they lie, have changed: a
//! frame in which nothing has changed hands the triangles on.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::sync::Arc;

use eframe::egui::epaint::{TessellationOptions, Tessellator};
use eframe::egui::{Color32, Id, Mesh, Rect, Shape, Ui};
use egui_plot::{PlotBounds, PlotGeometry, PlotItem, PlotItemBase, PlotTransform};

/// Some items that are one item of a plot.
pub struct Group<'a> {
    base: PlotItemBase,
    items: Vec<Box<dyn PlotItem + 'a>>,
    /// What the items show: the same for items that are the same.
    content: Id,
    kept: &'a Triangles,
}

/// The triangles of the frame before.
#[derive(Debug, Default)]
pub struct Triangles {
    newest: RefCell<Option<(Key, Arc<Mesh>)>>,
}

/// What triangles are made of.
#[derive(Debug, PartialEq)]
struct Key {
    content: Id,
    frame: Rect,
    bounds: PlotBounds,
    pixels_per_point: f32,
    is_dark: bool,
}

impl<'a> Group<'a> {
    pub fn new(content: Id, items: Vec<Box<dyn PlotItem + 'a>>, kept: &'a Triangles) -> Self {
        Self { base: PlotItemBase::new(String::new()), items, content, kept }
    }

    fn draw(&self, ui: &Ui, transform: &PlotTransform) -> Arc<Mesh> {
        let mut shapes = Vec::new();
        self.items.iter().for_each(|item| item.shapes(ui, transform, &mut shapes));
        // Without the discs of the font's texture, whose places change when new letters come.
        let mut tessellator =
            Tessellator::new(ui.pixels_per_point(), TessellationOptions::default(), [1, 1], Vec::new());
        let mut mesh = Mesh::default();
        shapes.into_iter().for_each(|shape| tessellator.tessellate_shape(shape, &mut mesh));
        Arc::new(mesh)
    }
}

impl PlotItem for Group<'_> {
    fn shapes(&self, ui: &Ui, transform: &PlotTransform, shapes: &mut Vec<Shape>) {
        let key = Key {
            content: self.content,
            frame: *transform.frame(),
            bounds: *transform.bounds(),
            pixels_per_point: ui.pixels_per_point(),
            is_dark: ui.visuals().dark_mode,
        };
        let mut newest = self.kept.newest.borrow_mut();
        let mesh = match newest.take() {
            Some((old, mesh)) if old == key => mesh,
            _ => self.draw(ui, transform),
        };
        shapes.push(Shape::Mesh(Arc::clone(&mesh)));
        *newest = Some((key, mesh));
    }

    fn initialize(&mut self, _: RangeInclusive<f64>) {}

    fn color(&self) -> Color32 {
        Color32::TRANSPARENT
    }

    fn geometry(&self) -> PlotGeometry<'_> {
        PlotGeometry::None
    }

    fn bounds(&self) -> PlotBounds {
        PlotBounds::NOTHING
    }

    fn base(&self) -> &PlotItemBase {
        &self.base
    }

    fn base_mut(&mut self) -> &mut PlotItemBase {
        &mut self.base
    }
}
