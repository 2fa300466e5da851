//! A group of plot items is cut into triangles once, and again only when they, or where they lie, have changed.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::sync::Arc;

use egui::epaint::{TessellationOptions, Tessellator};
use egui::{Color32, Id, Mesh, Rect, Shape, Ui};
use egui_plot::{PlotBounds, PlotGeometry, PlotItem, PlotItemBase, PlotTransform};

/// A group is one item of a plot that consists of several.
pub struct Group<'a> {
    base: PlotItemBase,
    items: Vec<Box<dyn PlotItem + 'a>>,
    /// Groups that show the same have the same `content`.
    content: Id,
    kept: &'a Triangles,
}

#[derive(Debug, Default)]
pub struct Triangles {
    newest: RefCell<Option<(MeshKey, Arc<Mesh>)>>,
}

#[derive(Debug, PartialEq)]
struct MeshKey {
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
        let key = MeshKey {
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
