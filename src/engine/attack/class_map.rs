//! A map of classes is what a net says at the points of a square, and how that is told: by colours, names and borders.

use std::collections::BTreeMap;

/// A letter of a name is about so wide, as a share of the height of a line.
const LETTER: f64 = 0.5;

/// This is the net's answer at a point of a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapCell {
    pub class: usize,
    /// The probability of that class, from 0 to 1.
    pub probability: f32,
}

/// This holds the answers at the points of a square, by rows from the top.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassMap {
    /// The number of points of each side, which is odd.
    pub side: usize,
    /// The square goes from −reach to +reach to both sides, in units of the pixel range.
    pub reach: f32,
    pub cells: Vec<MapCell>,
}

/// A name of a class may stand here on a map, in units of cells from the left upper corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NamePlace {
    pub class: usize,
    /// The middle of the place, across and down.
    pub middle: [f64; 2],
    /// The place has this width and height, and all of it is of the class.
    pub size: [f64; 2],
}

/// This is a class that occurs on one of several maps of the same square.
#[derive(Clone, Debug, PartialEq)]
pub struct MapClass {
    pub name: String,
    /// The number of its colour, which stays while the maps get finer; `None` for the label.
    pub rank: Option<usize>,
    /// The share of its points on each of the maps, from 0 to 1.
    pub shares: Vec<f32>,
}

impl ClassMap {
    /// Returns how far a column lies to the right of the middle, or a row below it.
    pub fn coordinate(&self, place: usize) -> f32 {
        let last = self.side.saturating_sub(1).max(1) as f32;
        self.reach * (2.0 * place as f32 - last) / last
    }

    /// Returns half of what the cells at the edge reach beyond the square, together with the square: cells have their
    /// points in their middles.
    pub fn edge(&self) -> f32 {
        self.reach * (1.0 + 1.0 / self.side.saturating_sub(1).max(1) as f32)
    }

    fn class(&self, row: usize, column: usize) -> usize {
        self.cells[row * self.side + column].class
    }

    /// Returns the answer at the point nearest to (along, across); `None` outside of all cells.
    pub fn at(&self, along: f32, across: f32) -> Option<MapCell> {
        let place = |value: f32| {
            let place = ((value / self.edge() + 1.0) / 2.0 * self.side as f32).floor();
            (0.0..self.side as f32).contains(&place).then_some(place as usize)
        };
        self.cells.get(place(-across)? * self.side + place(along)?).copied()
    }

    /// Returns the classes with the number of their points, the most frequent first; of equals the lower number.
    pub fn counts(&self) -> Vec<(usize, usize)> {
        self.counts_of_every(1)
    }

    fn counts_of_every(&self, apart: usize) -> Vec<(usize, usize)> {
        let mut counts = BTreeMap::new();
        for row in (0..self.side).step_by(apart) {
            for column in (0..self.side).step_by(apart) {
                *counts.entry(self.class(row, column)).or_insert(0) += 1;
            }
        }
        let mut counts: Vec<(usize, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(class, count)| (std::cmp::Reverse(*count), *class));
        counts
    }

    /// Returns the classes, each with the number of cells into which a side is cut on the coarsest map on which it occurs.
    fn appearances(&self) -> Vec<(usize, usize)> {
        let last = self.side.saturating_sub(1).max(1);
        let mut found: Vec<(usize, usize)> = Vec::new();
        let halved = std::iter::successors(Some(last), |apart| apart.is_multiple_of(2).then_some(apart / 2));
        for apart in halved {
            let new = self.counts_of_every(apart).into_iter().map(|(class, _)| (class, last / apart));
            let new: Vec<_> = new.filter(|(class, _)| found.iter().all(|(known, _)| known != class)).collect();
            found.extend(new);
        }
        found
    }

    /// Returns the borders between cells of different classes, and around nothing else, as straight pieces in units of
    /// cells from the left upper corner.
    pub fn borders(&self) -> Vec<[[f64; 2]; 2]> {
        let mut pieces = Vec::new();
        for line in 1..self.side {
            let differ = |place: usize, is_upright: bool| {
                let (one, other) = match is_upright {
                    true => (self.class(place, line - 1), self.class(place, line)),
                    false => (self.class(line - 1, place), self.class(line, place)),
                };
                one != other
            };
            for is_upright in [true, false] {
                let mut from = None;
                for place in 0..=self.side {
                    let is_border = place < self.side && differ(place, is_upright);
                    match (from, is_border) {
                        (None, true) => from = Some(place),
                        (Some(begin), false) => {
                            let [line, begin, end] = [line, begin, place].map(|at| at as f64);
                            pieces.push(if is_upright {
                                [[line, begin], [line, end]]
                            } else {
                                [[begin, line], [end, line]]
                            });
                            from = None;
                        }
                        _ => {}
                    }
                }
            }
        }
        pieces
    }

    /// Returns for each class the largest place for its name, whose letters are about half as wide as high. There is none
    /// on the line of the attack, where marks stand.
    pub fn name_places(&self, names: &[String]) -> Vec<NamePlace> {
        let letters = |class: usize| names.get(class).map_or(1, |name| name.chars().count().max(1));
        let shape = |class: usize| LETTER * letters(class) as f64;
        // The place of each class so far, with the height of the name that fits into it, and its area.
        let mut best: BTreeMap<usize, ([f64; 2], NamePlace)> = BTreeMap::new();
        // The number of cells to the left, with this one, that are of the same class.
        let runs: Vec<usize> = (0..self.side).flat_map(|row| self.runs(row)).collect();
        let is_free = |row: &usize| row.abs_diff(self.side / 2) >= (self.side / 16).max(1);
        for row in (0..self.side).filter(is_free) {
            for column in 0..self.side {
                let class = self.class(row, column);
                let mut narrowest = usize::MAX;
                // This cell is the right lower corner of the place.
                for top in (0..=row).rev().take_while(|top| self.class(*top, column) == class && is_free(top)) {
                    narrowest = narrowest.min(runs[top * self.side + column]);
                    let size = [narrowest as f64, (row + 1 - top) as f64];
                    // Of places for equally high names the largest is the one that the name is in the middle of.
                    let worth = [size[1].min(size[0] / shape(class)), size[0] * size[1]];
                    if best.get(&class).is_none_or(|(known, _)| worth > *known) {
                        let middle = [column as f64 + 1.0 - size[0] / 2.0, row as f64 + 1.0 - size[1] / 2.0];
                        best.insert(class, (worth, NamePlace { class, middle, size }));
                    }
                }
            }
        }
        best.into_values().map(|(_, place)| place).collect()
    }

    fn runs(&self, row: usize) -> Vec<usize> {
        let mut run = 0;
        let length = |column: usize| {
            run = if column > 0 && self.class(row, column) == self.class(row, column - 1) { run + 1 } else { 1 };
            run
        };
        (0..self.side).map(length).collect()
    }
}

/// Returns the classes of maps of the same square by their names, the most frequent first. Each map comes with the
/// names of its net's classes. The colours of classes are numbered in the order in which they occur while the maps get
/// finer, so that no colour changes meanwhile; the label has a colour of its own.
pub fn map_classes(maps: &[(&ClassMap, &[String])], label: &str) -> Vec<MapClass> {
    let name = |names: &[String], class: usize| names.get(class).cloned().unwrap_or_default();
    let of = |(map, names): &(&ClassMap, &[String])| -> Vec<(usize, String)> {
        map.appearances().into_iter().map(|(class, cuts)| (cuts, name(names, class))).collect()
    };
    let mut appearances: Vec<(usize, String)> = maps.iter().flat_map(of).collect();
    // Those of coarse maps first; of equally coarse ones those of the first net.
    appearances.sort_by_key(|(cuts, _)| *cuts);
    let mut classes: Vec<MapClass> = Vec::new();
    let mut free = 0;
    for (_, name) in appearances {
        if classes.iter().all(|class| class.name != name) {
            let rank = (name != label).then_some(free);
            free += usize::from(rank.is_some());
            classes.push(MapClass { name, rank, shares: vec![0.0; maps.len()] });
        }
    }
    for (number, (map, names)) in maps.iter().enumerate() {
        for (class, count) in map.counts() {
            let name = name(names, class);
            let found = classes.iter_mut().find(|class| class.name == name);
            found.into_iter().for_each(|class| class.shares[number] += count as f32 / map.cells.len() as f32);
        }
    }
    classes.sort_by(|a, b| b.shares.iter().sum::<f32>().total_cmp(&a.shares.iter().sum::<f32>()));
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(rows: &[&str]) -> ClassMap {
        let cell = |digit: char| MapCell { class: digit as usize - '0' as usize, probability: 0.5 };
        ClassMap { side: rows.len(), reach: 0.2, cells: rows.iter().flat_map(|row| row.chars().map(cell)).collect() }
    }

    fn names() -> Vec<String> {
        ["zero", "one", "two", "three"].map(String::from).to_vec()
    }

    #[test]
    fn points_lie_in_the_middles_of_their_cells() {
        let map = map(&["01222", "01222", "00022", "33333", "33333"]);
        assert_eq!([0, 2, 4].map(|place| map.coordinate(place)), [-0.2, 0.0, 0.2]);
        assert_eq!(map.edge(), 0.25);
        let class = |along, across| map.at(along, across).map(|cell| cell.class);
        assert_eq!([class(0.0, 0.0), class(-0.2, 0.2), class(-0.1, 0.1), class(0.2, -0.2)], [0, 0, 1, 3].map(Some));
        assert_eq!([class(-0.249, 0.249), class(0.249, -0.249)], [Some(0), Some(3)]);
        assert_eq!([class(0.26, 0.0), class(0.0, -0.26), class(f32::NAN, 0.0)], [None; 3]);
        assert_eq!(map.counts(), [(3, 10), (2, 8), (0, 5), (1, 2)]);
    }

    #[test]
    fn borders_lie_between_classes_alone() {
        assert_eq!(map(&["000", "000", "000"]).borders(), Vec::<[[f64; 2]; 2]>::new());
        let found = map(&["011", "011", "000"]).borders();
        assert_eq!(found, [[[1.0, 0.0], [1.0, 2.0]], [[1.0, 2.0], [3.0, 2.0]]]);
    }

    #[test]
    fn a_name_stands_where_its_class_has_most_room() {
        let map = map(&["0000111", "0000111", "0000111", "0000000", "2222222", "2222222", "2222223"]);
        let places = |name: &str| map.name_places(&vec![name.to_owned(); 4]);
        let short = places("ab");
        let of = |class| *short.iter().find(|place| place.class == class).unwrap();
        assert_eq!(of(1), NamePlace { class: 1, middle: [5.5, 1.5], size: [3.0, 3.0] });
        assert_eq!((of(0).size, of(3).size), ([4.0, 3.0], [1.0, 1.0]), "the middle row is for marks");
        // A long name wants a flat place.
        let long = places("a name of many letters");
        assert_eq!(long.iter().find(|place| place.class == 2).unwrap().size, [7.0, 2.0]);
    }

    #[test]
    fn colours_stay_while_a_map_gets_finer() {
        let fine = map(&["01020", "33333", "02010", "33333", "01020"]);
        let coarse = ClassMap {
            side: 3,
            cells: [0, 2, 4].into_iter().flat_map(|row| [0, 2, 4].map(|column| fine.cells[row * 5 + column])).collect(),
            ..fine.clone()
        };
        let names = names();
        let ranks = |map: &ClassMap| -> BTreeMap<String, Option<usize>> {
            map_classes(&[(map, &names)], "zero").into_iter().map(|class| (class.name, class.rank)).collect()
        };
        let (coarse, fine_ranks) = (ranks(&coarse), ranks(&fine));
        assert_eq!(coarse["zero"], None, "the label has a colour of its own");
        assert!(coarse.iter().all(|(name, rank)| fine_ranks[name] == *rank), "{coarse:?} {fine_ranks:?}");
        assert_eq!(fine_ranks.len(), 4);
        let classes = map_classes(&[(&fine, &names)], "zero");
        assert_eq!(classes[0].name, "three", "the most frequent one is first");
        assert!((classes.iter().map(|class| class.shares[0]).sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn classes_of_two_nets_go_by_their_names() {
        let (one, other) = (map(&["001", "001", "001"]), map(&["100", "100", "122"]));
        let others = ["one", "zero", "new"].map(String::from);
        let classes = map_classes(&[(&one, &names()), (&other, &others)], "zero");
        let of = |name: &str| classes.iter().find(|class| class.name == name).unwrap();
        assert_eq!(classes.len(), 3);
        assert_eq!((of("zero").rank, of("one").rank, of("new").rank), (None, Some(0), Some(1)));
        assert!((of("one").shares[0] - 3.0 / 9.0).abs() < 1e-6 && (of("one").shares[1] - 4.0 / 9.0).abs() < 1e-6);
        assert_eq!(of("new").shares[0], 0.0);
    }
}
