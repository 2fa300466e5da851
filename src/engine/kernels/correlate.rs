//! A correlation sums over the neighbourhood of every pixel of a grid: this computes convolutions, their input
//! gradients, and (with planes of one pixel) matrix products.

use std::ops::Range;

use rayon::prelude::*;

use super::cache::second_level;
use super::depthwise::{self, Taps};
use super::simd::Isa;
use super::tile::{Finish, PANEL, TermRun, Tile};
use super::values::Map;
use super::{SharedSlice, part, tile};

/// A grid of pixels lies inside a map: its pixel (i, j) is the map's (origin + i·step), per axis.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    pub map: Map,
    pub origin: [isize; 2],
    pub step: [usize; 2],
}

impl Grid {
    pub fn all(map: Map) -> Self {
        Self { map, origin: [0, 0], step: [1, 1] }
    }

    pub fn at(&self, picture: usize, [i, j]: [usize; 2]) -> usize {
        let along = |axis: usize, index: usize| self.origin[axis] + (index * self.step[axis]) as isize;
        self.map.at(picture, along(0, i), along(1, j))
    }

    /// Returns the distance of neighbours in a row of the grid.
    pub fn apart(&self) -> usize {
        self.step[1] * self.map.stride
    }

    /// Tells whether offsets up to `reach` from any pixel of the grid stay inside a buffer of this length.
    pub fn fits(&self, n: usize, [rows, columns]: [usize; 2], reach: usize, len: usize) -> bool {
        let halo = self.map.halo as isize;
        n == 0
            || rows * columns == 0
            || (self.origin.iter().all(|&o| o >= -halo) && self.at(n - 1, [rows - 1, columns - 1]) + reach <= len)
    }
}

#[derive(Clone, Copy)]
pub struct GridValues<'a> {
    pub data: &'a [f32],
    pub grid: Grid,
}

/// A correlation computes `y[p] = finish(bias + add[p] + Σ_r x[p + r]·w[r])` for every pixel p of a grid, in `n`
/// pictures.
pub struct Correlation<'a> {
    pub n: usize,
    /// The rows and columns of the grid.
    pub size: [usize; 2],
    pub x: GridValues<'a>,
    /// Their offsets count in x from a pixel of its grid, and in one panel of the weights.
    pub runs: &'a [TermRun],
    /// These are panels of [`PANEL`] output channels, each `panel_len` long; (taps, channels) of a depthwise
    /// convolution, where each channel is its own group.
    pub weights: &'a [f32],
    pub panel_len: usize,
    pub depthwise: bool,
    pub y: Grid,
    pub bias: Option<&'a [f32]>,
    pub add: Option<GridValues<'a>>,
    pub gate: Option<GridValues<'a>>,
    pub finish: Finish,
    /// Whether the result is added to what is there of y.
    pub accumulate: bool,
}

/// A task goes through this many tiles for a panel of weights before it takes the next: their pixels stay in the
/// second-level cache.
const TILES_PER_TASK: usize = 16;
/// A large product is split into at least this many tasks, so that every thread finds some.
const MIN_TASKS: usize = 8;
/// Products below this many multiplications are not worth waking another thread for.
const MIN_PARALLEL: usize = 60_000;

impl Correlation<'_> {
    /// Computes the pixels of the grid in `y`.
    ///
    /// # Panics
    /// When a grid does not fit its buffer: an error in this crate, never of its input.
    pub fn run(&self, isa: Isa, y: &mut [f32]) {
        let outputs = self.y.map.channels;
        self.check(y);
        let pixels = self.n * self.size[0] * self.size[1];
        let terms: usize = self.runs.iter().map(|run| run.len).sum();
        if pixels == 0 {
            return;
        }
        let taps = self.depthwise.then(|| Taps::new(self.runs, self.x.grid.apart()));
        // The pixels of a tile may lie anywhere, but those of a depthwise convolution in one row.
        let (row, most) = if self.depthwise { (self.size[1], depthwise::MAX_ROWS) } else { (pixels, isa.max_rows()) };
        let per_row = row.div_ceil(most);
        let tiles = pixels / row * per_row;
        let panels = outputs.div_ceil(PANEL);
        let chunks = tiles.div_ceil(TILES_PER_TASK);
        let groups = MIN_TASKS.div_ceil(chunks).min(panels);
        let out = SharedSlice::new(y);
        let task = |index: usize| {
            let (tile_range, panel_range) = (part(index / groups, chunks, tiles), part(index % groups, groups, panels));
            // The weights of a few panels stay in the cache while the pixels pass by; many panels take turns instead.
            let few = self.depthwise || panel_range.len() * self.panel_len * 4 <= second_level() / 4;
            let one = |tile: usize, panels: Range<usize>| {
                let columns = panels.start * PANEL..outputs.min(panels.end * PANEL);
                let (first, within) = (tile / per_row * row, part(tile % per_row, per_row, row));
                let pixels = first + within.start..first + within.end;
                // SAFETY: the contract of `tile`: `check` has seen that every offset lies inside its buffer, and a
                // task writes only the pixels of its own tiles in the channels of its own panels.
                unsafe { self.tile(isa, pixels, taps.as_ref(), columns, out) }
            };
            if few {
                tile_range.for_each(|tile| one(tile, panel_range.clone()));
            } else {
                panel_range.for_each(|panel| tile_range.clone().for_each(|tile| one(tile, panel..panel + 1)));
            }
        };
        let tasks = chunks * groups;
        if tasks == 1 || pixels * terms * outputs < MIN_PARALLEL {
            (0..tasks).for_each(task);
        } else {
            (0..tasks).into_par_iter().for_each(task);
        }
    }

    fn check(&self, y: &[f32]) {
        let (x, outputs) = (self.x, self.y.map.channels);
        let panels = outputs.div_ceil(PANEL);
        let step = if self.depthwise { 1 } else { PANEL };
        let reach = self.runs.iter().map(|run| run.a + run.len).max().unwrap_or(0);
        let depth = self.runs.iter().map(|run| run.b + run.len * step).max().unwrap_or(0);
        if self.depthwise {
            assert!(self.runs.iter().all(|run| run.len == 1) && depth + outputs <= self.weights.len() + 1);
            assert!(x.grid.fits(self.n, self.size, reach + outputs, x.data.len() + 1), "x is too short");
        } else {
            let fits = depth <= self.panel_len && panels * self.panel_len <= self.weights.len();
            assert!(fits, "the weights are too short");
            assert!(x.grid.fits(self.n, self.size, reach, x.data.len()), "x is too short");
        }
        assert!(self.y.fits(self.n, self.size, outputs, y.len()), "the output does not fit");
        assert!(self.bias.is_none_or(|bias| bias.len() >= outputs), "the bias is too short");
        for GridValues { data, grid } in self.add.iter().chain(&self.gate) {
            assert!(grid.fits(self.n, self.size, outputs, data.len()), "an operand does not fit");
        }
        assert!(self.gate.is_some() || !matches!(self.finish, Finish::Gate { .. }), "no gate");
    }

    /// Computes some pixels (at most the rows of a tile) in some channels, of which the first begins a panel.
    ///
    /// # Safety
    /// Every pixel and channel lies inside its buffer, and no other thread writes to those of the output.
    unsafe fn tile(
        &self,
        isa: Isa,
        pixels: Range<usize>,
        taps: Option<&Taps>,
        columns: Range<usize>,
        out: SharedSlice<'_, f32>,
    ) {
        let column = columns.start;
        let mut tile = Tile {
            rows: pixels.len(),
            columns: columns.len(),
            runs: self.runs,
            bias: self.bias.map_or(std::ptr::null(), |bias| bias[column..].as_ptr()),
            finish: self.finish,
            ..Tile::EMPTY
        };
        let [rows, width] = self.size;
        let (mut picture, rest) = (pixels.start / (rows * width), pixels.start % (rows * width));
        let (mut i, mut j) = (rest / width, rest % width);
        let mut m = 0;
        // SAFETY: the contracts of `add`, `SharedSlice::at` and both `multiply`: this function's own.
        unsafe {
            while m < tile.rows {
                // Pixels in a row of the grid lie equally far apart.
                let (pixel, count) = ([i, j], (width - j).min(tile.rows - m));
                let row = m..m + count;
                let from = |values: GridValues<'_>, channel: usize| {
                    values.data.as_ptr().add(values.grid.at(picture, pixel) + channel)
                };
                place(&mut tile.a[row.clone()], from(self.x, 0), self.x.grid.apart());
                let to = out.at(self.y.at(picture, pixel) + column);
                for (k, c) in tile.c[row.clone()].iter_mut().enumerate() {
                    *c = to.wrapping_add(k * self.y.apart());
                }
                if self.accumulate {
                    place(&mut tile.add[row.clone()], to, self.y.apart());
                } else if let Some(add) = self.add {
                    place(&mut tile.add[row.clone()], from(add, column), add.grid.apart());
                }
                if let Some(gate) = self.gate {
                    place(&mut tile.gate[row], from(gate, column), gate.grid.apart());
                }
                (m, j) = (m + count, j + count);
                if j == width {
                    (i, j) = (i + 1, 0);
                }
                if i == rows {
                    (picture, i) = (picture + 1, 0);
                }
            }
            if let Some(taps) = taps {
                tile.b = self.weights.as_ptr().add(column);
                tile.a.iter_mut().take(tile.rows).for_each(|a| *a = a.add(column));
                if taps.are_reversed() {
                    tile.reverse();
                }
                depthwise::multiply(isa, &tile, taps);
            } else {
                tile.b = self.weights.as_ptr().add(column / PANEL * self.panel_len);
                for first in columns.clone().step_by(PANEL) {
                    tile.columns = (columns.end - first).min(PANEL);
                    tile::multiply(isa, &tile);
                    tile.go_to_next_panel(self.panel_len);
                }
            }
        }
    }
}

/// Points the first row to `from`, the others `apart` from one another.
fn place(rows: &mut [*const f32], from: *const f32, apart: usize) {
    for (k, row) in rows.iter_mut().enumerate() {
        *row = from.wrapping_add(k * apart);
    }
}
