//! The church window of an attack becomes a figure: the classes that one net or two say on a plane through a picture.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::axes::{Interval, plain};
use super::description::{Axis, Content, Field, FieldName, Figure, LegendEntry, Line, Plot, PlotGrid, Sample, Spread};
use super::ink::{BLACK, Dash, Fill, Marker, Pen};
use super::of_attacks::AttackFacts;
use crate::engine::attack::{ClassMap, MapClass, NamePlace, Norm, map_classes};
use crate::engine::picture::Rgba;
use crate::engine::units::{per_cent, short};

/// The legend names so many classes at most.
const MOST_NAMES: usize = 12;
const SOURCE: &str = "Warde-Farley and Goodfellow, Adversarial Perturbations of Deep Neural Networks, 2016";

/// The plane of a church window and what it rests on.
#[derive(Clone, Debug)]
pub struct PlaneFacts {
    pub attack: AttackFacts,
    pub norm: Norm,
    /// The seed of the random direction.
    pub seed: u64,
    /// The name of the label.
    pub label: String,
    /// The picture that the attack came to lies here along its direction.
    pub at: f32,
}

/// A map with the net that it is of.
#[derive(Clone, Debug)]
pub struct MappedNet {
    pub name: String,
    pub classes: Arc<[String]>,
    pub map: Arc<ClassMap>,
    pub places: Vec<NamePlace>,
}

impl PlaneFacts {
    fn caption(&self, nets: &[MappedNet]) -> String {
        let sign = match self.attack.fgsm_sign {
            Some(sign) if self.norm == Norm::Linf => format!("{}sign ∇ₓJ", if sign < 0 { "−" } else { "" }),
            Some(_) => format!("the steepest direction in {}", self.norm.title()),
            None => "the direction of δ".to_owned(),
        };
        let random = if self.norm == Norm::Linf { "random signs" } else { "Gaussian noise" };
        let names: Vec<&str> = nets.iter().map(|net| net.name.as_str()).collect();
        let side = nets.first().map_or(0, |net| net.map.side);
        format!(
            "Church window of {picture}: what {names} say{s} at x + a·u + b·v, where u is {sign} and v is {random} (seed \
             {seed}) at a right angle to it, both of length 1 in {norm}, pixels being in [0, 1]. The ring is the untouched \
             picture, the cross the attack at ε = {at}. {conditions}. n = {side} × {side} points. {SOURCE}.",
            picture = self.attack.picture,
            s = if nets.len() > 1 { "" } else { "s" },
            names = names.join(" (left) and ") + if nets.len() > 1 { " (right)" } else { "" },
            seed = self.seed,
            norm = self.norm.title(),
            at = short(self.at),
            conditions = self.attack.conditions(),
        )
    }
}

/// Shows the maps of nets on one plane side by side; there is at least one.
pub fn church_window(facts: &PlaneFacts, nets: &[MappedNet]) -> Figure {
    let maps: Vec<_> = nets.iter().map(|net| (&*net.map, &*net.classes)).collect();
    let classes = map_classes(&maps, &facts.label);
    let is_alone = nets.len() == 1;
    let unit = if is_alone { format!(" ({}, pixels in [0, 1])", facts.norm.title()) } else { String::new() };
    let along = if is_alone { "ε along the attack's direction" } else { "ε along the attack" };
    let plot = |net: &MappedNet| {
        let edge = f64::from(net.map.edge());
        let axis = |name: &str| Axis::linear(name, Interval::new(-edge, edge), plain);
        let lines = vec![point(Marker::Ring, 0.0), point(Marker::Plus, facts.at)];
        let inside = lines.into_iter().filter(|line| line.stretches[0][0][0] <= edge);
        Plot {
            title: if is_alone { String::new() } else { net.name.clone() },
            lines: inside.collect(),
            field: Some(field(net, &classes)),
            ..Plot::new(axis(&format!("{along}{unit}")), axis("ε along a random direction"))
        }
    };
    let plots: Vec<Plot> = nets.iter().map(plot).collect();
    let grid = PlotGrid { columns: plots.len().max(1), plots, shares_axes: true, aspect: 1.0 };
    let caption = facts.attack.caption(facts.caption(nets));
    Figure { legend: legend(&classes, &facts.label), ..Figure::new(Content::Plots(grid), caption) }
}

fn point(marker: Marker, along: f32) -> Line {
    let pen = Pen { colour: BLACK, dash: Dash::Solid, marker: Some(marker) };
    let stretches = vec![vec![[f64::from(along), 0.0]]];
    Line { pen, stretches, intervals: Vec::new(), spread: Spread::Band, is_joined: false }
}

fn field(net: &MappedNet, classes: &[MapClass]) -> Field {
    let fill = |class: usize| {
        let known = classes.iter().find(|known| known.name == net.classes[class]);
        Fill::of(known.and_then(|known| known.rank))
    };
    let fills: BTreeMap<usize, Fill> = net.map.counts().into_iter().map(|(class, _)| (class, fill(class))).collect();
    let pixel = |class: usize| {
        let [red, green, blue] = fills[&class].rgb();
        [red, green, blue, 255]
    };
    let bytes = net.map.cells.iter().flat_map(|cell| pixel(cell.class)).collect();
    let name = |place: &NamePlace| FieldName {
        text: net.classes[place.class].clone(),
        middle: place.middle,
        size: place.size,
        fill: fills[&place.class],
    };
    let side = net.map.side;
    Field {
        picture: Arc::new(Rgba { width: side, height: side, bytes }),
        borders: net.map.borders(),
        names: net.places.iter().map(name).collect(),
    }
}

/// Names the classes with their shares, the most frequent first.
fn legend(classes: &[MapClass], label: &str) -> Vec<LegendEntry> {
    let named = if classes.len() > MOST_NAMES { MOST_NAMES - 1 } else { classes.len() };
    let entry = |class: &MapClass| {
        let shares: Vec<String> = class.shares.iter().map(|share| per_cent(*share)).collect();
        let role = if class.name == label { ", the label" } else { "" };
        let name = format!("{}{role} ({})", class.name, shares.join(", "));
        LegendEntry { name, sample: Sample::Patch(Fill::of(class.rank)) }
    };
    let mut legend: Vec<LegendEntry> = classes[..named].iter().map(entry).collect();
    let others = classes.len() - named;
    if others > 0 {
        let name = format!("and {others} other class{}", if others == 1 { "" } else { "es" });
        legend.push(LegendEntry { name, sample: Sample::Patch(Fill::OTHERS) });
    }
    legend
}

/// Figures of maps for the tests of all figures.
#[cfg(test)]
pub mod examples {
    use super::*;
    use crate::engine::attack::MapCell;

    /// Returns the church window of some nets.
    pub fn church(attack: AttackFacts, nets: &[&str]) -> Figure {
        let label = "Egyptian cat".to_owned();
        let facts = PlaneFacts { attack, norm: Norm::Linf, seed: 3, label, at: 8.0 / 255.0 };
        let nets: Vec<MappedNet> = nets.iter().enumerate().map(|(number, net)| mapped(net, 9 * number)).collect();
        church_window(&facts, &nets)
    }

    /// Returns a map of rings around a corner.
    fn mapped(net: &str, shift: usize) -> MappedNet {
        let mut classes: Vec<String> = (0..16).map(|class| format!("class {class}")).collect();
        classes[0] = "Egyptian cat".into();
        let side = 33;
        let class = |row: usize, column: usize| (row * row + (column + shift) * (column + shift)) / 150 % 16;
        let cell = |at: usize| MapCell { class: class(at / side, at % side), probability: 0.7 };
        let map = ClassMap { side, reach: 0.0625, cells: (0..side * side).map(cell).collect() };
        let places = map.name_places(&classes);
        MappedNet { name: net.into(), classes: classes.into(), map: map.into(), places }
    }
}
