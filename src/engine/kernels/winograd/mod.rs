//! Convolutions of 3×3 taps and stride 1 with fewer multiplications: Winograd's minimal filtering, after Lavin & Gray, Fast
//! Algorithms for Convolutional Neural Networks, 2015 (arXiv 1509.09308). Tiles of the input and the filters are brought
//! into a domain where each product of a tile is a product of matrices, (tiles, inputs) · (inputs, outputs).

mod points;
mod tiles;
mod weight_gradient;

use rayon::prelude::*;

use self::points::MAX_TILE;
use self::tiles::{Pixels, TAPS};
use super::conv::{Conv, Fused, Values};
use super::map::Map;
use super::simd::Isa;
use super::tile::{self, Finish, MAX_ROWS, PANEL, Rows, Run, Tile};
use super::{Scratch, SharedSlice};

/// The side of an output tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 16 products for 4 outputs, where plain taps take 36.
    Two,
    /// 36 products for 16 outputs, where plain taps take 144.
    Four,
}

impl Size {
    fn outputs(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    fn side(self) -> usize {
        self.outputs() + 2
    }

    /// Products of a tile.
    fn products(self) -> usize {
        self.side() * self.side()
    }
}

/// A convolution in Winograd's domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Winograd {
    conv: Conv,
    size: Size,
}

/// Channels from which on a convolution is worth the way into the domain and back.
const MIN_CHANNELS: usize = 16;

/// Tiles of 4×4 of a single picture from which on it is.
const MIN_TILES: usize = 9;

/// Bytes that a block of tiles takes in the domain: part of the second-level cache.
const BLOCK_BYTES: usize = 640 << 10;

/// Spare values between the products of a block, so that they do not all fall on the same lines of a cache.
const GAP: usize = 16;

/// The tiles of the planes of a batch.
#[derive(Clone, Copy)]
struct Tiling {
    rows: usize,
    columns: usize,
    size: Size,
}

impl Tiling {
    fn new(map: Map, size: Size) -> Self {
        Self { rows: map.height.div_ceil(size.outputs()), columns: map.width.div_ceil(size.outputs()), size }
    }

    fn count(&self, n: usize) -> usize {
        n * self.rows * self.columns
    }

    /// The picture of a tile and its first pixel.
    fn at(&self, tile: usize) -> (usize, [usize; 2]) {
        let (picture, rest) = (tile / (self.rows * self.columns), tile % (self.rows * self.columns));
        (picture, [rest / self.columns, rest % self.columns].map(|index| index * self.size.outputs()))
    }

    /// Calls `f(place in the tile, row, column)` for the pixels of a square of this side that lie in a plane of this size.
    fn each_pixel(first: [isize; 2], side: usize, map: Map, mut f: impl FnMut(usize, isize, isize)) {
        for row in 0..side {
            for column in 0..side {
                let (y, x) = (first[0] + row as isize, first[1] + column as isize);
                if (0..map.height as isize).contains(&y) && (0..map.width as isize).contains(&x) {
                    f(row * side + column, y, x);
                }
            }
        }
    }
}

impl Winograd {
    /// A convolution in tiles of this size, if it is one of 3×3 taps with stride 1.
    pub fn new(conv: Conv, size: Size) -> Option<Self> {
        let fits = conv.kernel == [3, 3] && conv.stride == [1, 1] && conv.groups == 1;
        (fits && conv.padding.largest() <= 2).then_some(Self { conv, size })
    }

    /// The tiles in which a convolution to planes of this size is faster than tap by tap, if there are any: measured with
    /// `examples/kernel_rates.rs`, two to four times as fast from 16 channels on. In the domain weights take up to four
    /// times the memory, which for a single picture of few tiles costs more than the multiplications that it saves:
    /// `batches` says that there are always many pictures.
    pub fn of(conv: Conv, [height, width]: [usize; 2], batches: bool) -> Option<Self> {
        let side = height.min(width);
        let few = height.div_ceil(4) * width.div_ceil(4) < MIN_TILES;
        if conv.inputs < MIN_CHANNELS || conv.outputs < MIN_CHANNELS || side < 2 || (few && !batches) {
            return None;
        }
        // An attack follows signs: small tiles round nearly as the definition does, large ones ten times as much.
        Self::new(conv, if side == 2 || !batches { Size::Two } else { Size::Four })
    }

    /// Brings packed weights into the domain, for [`Self::forward`].
    pub fn transform(&self, isa: Isa, packed: &[f32], to: &mut Vec<f32>) {
        self.filters(isa, packed, to, (self.conv.inputs, false));
    }

    /// The same for [`Self::input_gradient`].
    pub fn transform_turned(&self, isa: Isa, packed: &[f32], to: &mut Vec<f32>) {
        let mut transposed = Scratch::stale(self.conv.transposed_len());
        self.conv.transpose(packed, &mut transposed.0);
        self.filters(isa, &transposed.0, to, (self.conv.outputs, true));
    }

    fn filters(&self, isa: Isa, packed: &[f32], to: &mut Vec<f32>, (inputs, turned): (usize, bool)) {
        let products = self.size.products();
        to.resize(packed.len() / TAPS * products, 0.0);
        let panels = to.par_chunks_exact_mut(products * inputs * PANEL);
        panels.zip(packed.par_chunks_exact(TAPS * inputs * PANEL)).for_each(|(to, from)| {
            // SAFETY: both chunks are as long as they are said to be.
            unsafe { tiles::filter((isa, self.size), from.as_ptr(), to.as_mut_ptr(), inputs, turned) };
        });
    }

    /// `y = finish(conv(x) + bias + add)`.
    pub fn forward(
        &self,
        (isa, n): (Isa, usize),
        x: Values<'_>,
        (weights, bias): (&[f32], Option<&[f32]>),
        y: (&mut [f32], Map),
        fused: Fused<'_>,
    ) {
        let origin = self.conv.padding.before.map(|padding| -(padding as isize));
        let Fused { add, finish } = fused;
        Pass { isa, size: self.size, x, origin, weights, bias, add, gate: None, finish }.run(n, y, false);
    }

    /// The gradient of the input; with `in_place` added to what is there, then kept where `gate` lets it through.
    pub fn input_gradient(
        &self,
        (isa, n): (Isa, usize),
        dy: Values<'_>,
        weights: &[f32],
        dx: (&mut [f32], Map),
        (in_place, gate, finish): (bool, Option<Values<'_>>, Finish),
    ) {
        let origin = self.conv.padding.before.map(|padding| padding as isize - 2);
        let pass = Pass { isa, size: self.size, x: dy, origin, weights, bias: None, add: None, gate, finish };
        pass.run(n, dx, in_place);
    }
}

/// Everything of a pass but its result.
struct Pass<'a> {
    isa: Isa,
    size: Size,
    x: Values<'a>,
    /// Where the taps of the first pixel begin in x.
    origin: [isize; 2],
    /// (panels, products, inputs, panel).
    weights: &'a [f32],
    bias: Option<&'a [f32]>,
    add: Option<Values<'a>>,
    gate: Option<Values<'a>>,
    finish: Finish,
}

impl Pass<'_> {
    fn run(&self, n: usize, (y, map): (&mut [f32], Map), in_place: bool) {
        let (inputs, outputs, products) = (self.x.1.channels, map.channels, self.size.products());
        let panels = outputs.div_ceil(PANEL);
        assert!(self.weights.len() == panels * products * inputs * PANEL, "the weights do not fit");
        assert!(self.x.0.len() >= self.x.1.buffer_len(n) && y.len() >= map.buffer_len(n), "a batch is too short");
        assert!(self.bias.is_none_or(|bias| bias.len() == outputs), "the bias does not fit");
        for (values, other) in self.add.iter().chain(&self.gate) {
            assert!([other.height, other.width, other.channels] == [map.height, map.width, outputs]);
            assert!(values.len() >= other.buffer_len(n), "an operand is too short");
        }
        assert!(self.gate.is_some() || !matches!(self.finish, Finish::Gate { .. }), "no gate");
        let tiling = Tiling::new(map, self.size);
        let tiles = tiling.count(n);
        if tiles == 0 {
            return;
        }
        let rows = self.isa.max_rows();
        let per_block = (BLOCK_BYTES / (4 * products * (inputs + PANEL)) / rows * rows).max(rows);
        let blocks = tiles.div_ceil(per_block);
        let groups = (2 * rayon::current_num_threads()).div_ceil(blocks).min(panels);
        let y = SharedSlice::new(y);
        (0..blocks * groups).into_par_iter().for_each(|task| {
            let (block, group) = (task / groups, task % groups);
            let range = block * tiles / blocks..(block + 1) * tiles / blocks;
            let panels = group * panels / groups..(group + 1) * panels / groups;
            self.block(tiling, range, panels, (y, map, in_place));
        });
    }

    /// Some tiles in some panels of outputs.
    fn block(
        &self,
        tiling: Tiling,
        range: std::ops::Range<usize>,
        panels: std::ops::Range<usize>,
        (y, map, in_place): (SharedSlice, Map, bool),
    ) {
        let (inputs, products, count) = (self.x.1.channels, self.size.products(), range.len());
        let (in_step, out_step) = (count * inputs + GAP, count * PANEL + GAP);
        let mut scratch = Scratch::stale(products * (in_step + out_step) + GAP);
        let (from, to) = scratch.aligned().split_at_mut(products * in_step);
        let zeros = Scratch::zeros(inputs);
        for (i, tile) in range.clone().enumerate() {
            let (picture, first) = tiling.at(tile);
            let corner = [0, 1].map(|axis| first[axis] as isize + self.origin[axis]);
            let pixels = pixels(self.x, picture, (corner, self.size.side()), &zeros.0);
            // SAFETY: every pixel has `inputs` channels; `from` has room for those of `count` tiles for each product.
            unsafe {
                tiles::input((self.isa, self.size), &pixels, inputs, from[i * inputs..].as_mut_ptr(), in_step);
            }
        }
        for panel in panels {
            let weights = &self.weights[panel * products * inputs * PANEL..][..products * inputs * PANEL];
            for product in 0..products {
                let weights = &weights[product * inputs * PANEL..][..inputs * PANEL];
                multiply(self.isa, count, (&from[product * in_step..], inputs), weights, &mut to[product * out_step..]);
            }
            for (i, tile) in range.clone().enumerate() {
                let (picture, first) = tiling.at(tile);
                // SAFETY: the pixels lie inside of their buffers, whose lengths `run` has checked; no other task has the
                // same pixels in the same panel.
                unsafe {
                    let pixels = self.targets(picture, first, panel * PANEL, (y, map, in_place));
                    let channels = (map.channels - panel * PANEL).min(PANEL);
                    tiles::output((self.isa, self.size), to[i * PANEL..].as_ptr(), out_step, channels, &pixels);
                }
            }
        }
    }

    /// The pixels of an output tile from a channel on.
    unsafe fn targets(
        &self,
        picture: usize,
        first: [usize; 2],
        channel: usize,
        (y, map, in_place): (SharedSlice, Map, bool),
    ) -> Pixels {
        let mut pixels = Pixels {
            to: [std::ptr::null_mut(); MAX_TILE],
            add: [std::ptr::null(); MAX_TILE],
            gate: [std::ptr::null(); MAX_TILE],
            bias: self.bias.map_or(std::ptr::null(), |bias| bias[channel..].as_ptr()),
            finish: self.finish,
        };
        Tiling::each_pixel(first.map(|index| index as isize), self.size.outputs(), map, |place, row, column| {
            // SAFETY: the caller's promise.
            let to = unsafe { y.at(map.at(picture, row, column) + channel) };
            let beside = |(values, map): Values<'_>| values[map.at(picture, row, column) + channel..].as_ptr();
            pixels.to[place] = to;
            pixels.add[place] = if in_place { to } else { self.add.map_or(std::ptr::null(), beside) };
            pixels.gate[place] = self.gate.map_or(std::ptr::null(), beside);
        });
        pixels
    }
}

/// The pixels of a square whose first one is `corner`; `zeros` outside of the picture.
fn pixels(
    (values, map): Values<'_>,
    picture: usize,
    (corner, side): ([isize; 2], usize),
    zeros: &[f32],
) -> [*const f32; MAX_TILE] {
    let mut pixels = [zeros.as_ptr(); MAX_TILE];
    Tiling::each_pixel(corner, side, map, |place, row, column| {
        pixels[place] = values[map.at(picture, row, column)..][..map.channels].as_ptr();
    });
    pixels
}

/// `to = from · weights`: (rows, inputs) · (inputs, [`PANEL`]).
fn multiply(isa: Isa, rows: usize, (from, inputs): (&[f32], usize), weights: &[f32], to: &mut [f32]) {
    assert!(from.len() >= rows * inputs && weights.len() == inputs * PANEL && to.len() >= rows * PANEL);
    let runs = [Run { a: 0, b: 0, len: inputs }];
    let tiles = rows.div_ceil(isa.max_rows());
    for tile in 0..tiles {
        let (start, end) = (tile * rows / tiles, (tile + 1) * rows / tiles);
        let (mut a, mut c) = ([std::ptr::null(); MAX_ROWS], [std::ptr::null_mut(); MAX_ROWS]);
        for m in 0..end - start {
            a[m] = from[(start + m) * inputs..].as_ptr();
            c[m] = to[(start + m) * PANEL..].as_mut_ptr();
        }
        let tile = Tile {
            rows: end - start,
            columns: PANEL,
            runs: &runs,
            layout: Rows::Apart,
            b_step: PANEL,
            a,
            b: weights.as_ptr(),
            c,
            bias: std::ptr::null(),
            add: [std::ptr::null(); MAX_ROWS],
            gate: [std::ptr::null(); MAX_ROWS],
            finish: Finish::Plain,
        };
        // SAFETY: all of it lies inside the slices, as asserted.
        unsafe { tile::multiply(isa, &tile) };
    }
}
