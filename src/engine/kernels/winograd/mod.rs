//! Convolutions of 3×3 taps and stride 1 with fewer multiplications: Winograd's minimal filtering, after Lavin & Gray,
//! Fast Algorithms for Convolutional Neural Networks, 2015 (arXiv 1509.09308). Tiles of the input and the filters are
//! brought into a domain where each product of a tile is a product of matrices, (tiles, inputs) · (inputs, outputs).

mod points;
mod tiles;
mod weight_gradient;

use std::ops::Range;

use rayon::prelude::*;

use self::points::{Four, MAX_TILE, Two};
use self::tiles::{Enter, Filter, INPUT, Output, Pixels, Products, TAPS, Transform};
use super::conv::Conv;
use super::simd::{Isa, Simd, Vectorised};
use super::tile::{self, Finish, PANEL, Run, Tile};
use super::values::{ConvWeights, Fused, FusedGradient, Map, Values, ValuesMut};
use super::{Scratch, SharedSlice};

/// The side of an output tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Two pixels: 16 products for 4 outputs, where plain taps take 36.
    Two,
    /// Four pixels: 36 products for 16 outputs, where plain taps take 144.
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

    /// Returns the number of products of a tile.
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

/// The number of channels from which on a convolution is worth the way into the domain and back.
const MIN_CHANNELS: usize = 16;

/// The number of tiles of 4×4 of a single picture from which on it is.
const MIN_TILES: usize = 9;

/// The bytes that a block of tiles takes in the domain: part of the second-level cache.
const BLOCK_BYTES: usize = 640 << 10;

/// The number of spare values between the products of a block, so that they do not all fall on the same lines of a
/// cache.
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

    /// Returns the picture of a tile and its first pixel.
    fn at(&self, tile: usize) -> (usize, [usize; 2]) {
        let (picture, rest) = (tile / (self.rows * self.columns), tile % (self.rows * self.columns));
        (picture, [rest / self.columns, rest % self.columns].map(|index| index * self.size.outputs()))
    }
}

/// A square of pixels, parts of which may lie outside of the picture.
#[derive(Clone, Copy)]
struct Square {
    corner: [isize; 2],
    side: usize,
}

impl Square {
    /// Calls `f(place in the square, row, column)` for the pixels that lie in a plane of this size.
    fn each_pixel(self, map: Map, mut f: impl FnMut(usize, isize, isize)) {
        for row in 0..self.side {
            for column in 0..self.side {
                let (y, x) = (self.corner[0] + row as isize, self.corner[1] + column as isize);
                if (0..map.height as isize).contains(&y) && (0..map.width as isize).contains(&x) {
                    f(row * self.side + column, y, x);
                }
            }
        }
    }

    /// Returns where the channels of each pixel are: those of `zeros` outside of the picture.
    fn pixels(self, values: Values<'_>, picture: usize, zeros: &[f32]) -> [*const f32; MAX_TILE] {
        let mut pixels = [zeros.as_ptr(); MAX_TILE];
        self.each_pixel(values.map, |place, row, column| {
            pixels[place] = values.from(picture, row, column)[..values.map.channels].as_ptr();
        });
        pixels
    }
}

/// A loop with the size of its tiles.
struct SizedTransform<T> {
    size: Size,
    transform: T,
}

impl<T: Transform> Vectorised for SizedTransform<T> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the contract of `Transform::run` is that of this function.
        unsafe {
            match self.size {
                Size::Two => self.transform.run::<S, Two>(),
                Size::Four => self.transform.run::<S, Four>(),
            }
        }
    }
}

impl Winograd {
    /// Runs a convolution in tiles of this size, if it is one of 3×3 taps with stride 1.
    pub fn new(conv: Conv, size: Size) -> Option<Self> {
        let fits = conv.kernel == [3, 3] && conv.stride == [1, 1] && conv.groups == 1;
        (fits && conv.padding.largest() <= 2).then_some(Self { conv, size })
    }

    /// Chooses the tiles in which a convolution to planes of this size is faster than tap by tap, if there are any:
    /// measured with `examples/kernel_rates.rs`, two to four times as fast from 16 channels on. In the domain weights
    /// take up to four times the memory, which for a single picture of few tiles costs more than the multiplications
    /// that it saves: `batches` says that there are always many pictures.
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
        self.filters(isa, packed, to, false);
    }

    /// Brings packed weights into the domain, for [`Self::input_gradient`].
    pub fn transform_turned(&self, isa: Isa, packed: &[f32], to: &mut Vec<f32>) {
        let mut transposed = Scratch::stale(self.conv.transposed_len());
        self.conv.transpose(packed, &mut transposed.0);
        self.filters(isa, &transposed.0, to, true);
    }

    fn filters(&self, isa: Isa, packed: &[f32], to: &mut Vec<f32>, turned: bool) {
        let (inputs, products) = (if turned { self.conv.outputs } else { self.conv.inputs }, self.size.products());
        to.resize(packed.len() / TAPS * products, 0.0);
        let panels = to.par_chunks_exact_mut(products * inputs * PANEL);
        panels.zip(packed.par_chunks_exact(TAPS * inputs * PANEL)).for_each(|(to, from)| {
            let filter = Filter { from: from.as_ptr(), to: to.as_mut_ptr(), inputs, turned };
            // SAFETY: `Winograd::run` asks for what `Filter` does: both chunks are as long as it says.
            unsafe { self.run(isa, filter) };
        });
    }

    /// Runs a loop over tiles of this size.
    ///
    /// # Safety
    /// What the loop asks of its fields holds.
    unsafe fn run(&self, isa: Isa, transform: impl Transform) {
        // SAFETY: `Isa::run` asks for what the loop asks of its fields: this function's contract.
        unsafe { isa.run(SizedTransform { size: self.size, transform }) }
    }

    /// Computes `y = clamp(conv(x) + bias + add)`, with weights of [`Self::transform`].
    pub fn forward(&self, isa: Isa, x: Values<'_>, weights: ConvWeights<'_>, y: ValuesMut<'_>, fused: Fused<'_>) {
        let pass = Pass {
            isa,
            winograd: *self,
            x,
            origin: self.conv.padding.before.map(|padding| -(padding as isize)),
            weights: weights.packed,
            bias: weights.bias,
            add: fused.add,
            gate: None,
            finish: Finish::clamp(fused.clamp),
        };
        pass.run(y, false);
    }

    /// Computes the gradient of the input, with weights of [`Self::transform_turned`].
    pub fn input_gradient(
        &self,
        isa: Isa,
        dy: Values<'_>,
        weights: &[f32],
        dx: ValuesMut<'_>,
        fused: FusedGradient<'_>,
    ) {
        let pass = Pass {
            isa,
            winograd: *self,
            x: dy,
            origin: self.conv.padding.before.map(|padding| padding as isize - 2),
            weights,
            bias: None,
            add: None,
            gate: fused.gate.map(|gate| gate.values),
            finish: Finish::gate(fused.gate.map(|gate| gate.upper)),
        };
        pass.run(dx, fused.add);
    }
}

/// Everything of a pass but its result.
struct Pass<'a> {
    isa: Isa,
    winograd: Winograd,
    x: Values<'a>,
    /// The place in x where the taps of the first pixel begin.
    origin: [isize; 2],
    /// (panels, products, inputs, panel).
    weights: &'a [f32],
    bias: Option<&'a [f32]>,
    add: Option<Values<'a>>,
    gate: Option<Values<'a>>,
    finish: Finish,
}

/// The result of a pass, and whether it is added to what is there.
#[derive(Clone, Copy)]
struct Target<'a> {
    data: SharedSlice<'a, f32>,
    map: Map,
    add: bool,
}

impl Pass<'_> {
    fn run(&self, y: ValuesMut<'_>, add: bool) {
        let (map, size) = (y.map, self.winograd.size);
        let (inputs, outputs, products) = (self.x.map.channels, map.channels, size.products());
        let panels = outputs.div_ceil(PANEL);
        assert!(self.weights.len() == panels * products * inputs * PANEL, "the weights do not fit");
        assert!(self.x.fits() && y.fits() && self.x.n == y.n, "a batch is too short");
        assert!(self.bias.is_none_or(|bias| bias.len() == outputs), "the bias does not fit");
        for other in self.add.iter().chain(&self.gate) {
            assert!(other.map.size() == map.size() && other.map.channels == outputs && other.n == y.n);
            assert!(other.fits(), "an operand is too short");
        }
        assert!(self.gate.is_some() || !matches!(self.finish, Finish::Gate { .. }), "no gate");
        let tiling = Tiling::new(map, size);
        let tiles = tiling.count(y.n);
        if tiles == 0 {
            return;
        }
        let rows = self.isa.max_rows();
        let per_block = (BLOCK_BYTES / (4 * products * (inputs + PANEL)) / rows * rows).max(rows);
        let blocks = tiles.div_ceil(per_block);
        let groups = (2 * rayon::current_num_threads()).div_ceil(blocks).min(panels);
        let y = Target { data: SharedSlice::new(y.data), map, add };
        (0..blocks * groups).into_par_iter().for_each(|task| {
            let (block, group) = (task / groups, task % groups);
            let range = block * tiles / blocks..(block + 1) * tiles / blocks;
            let panels = group * panels / groups..(group + 1) * panels / groups;
            self.block(tiling, range, panels, y);
        });
    }

    /// Computes some tiles in some panels of outputs.
    fn block(&self, tiling: Tiling, range: Range<usize>, panels: Range<usize>, y: Target<'_>) {
        let Self { isa, winograd, .. } = *self;
        let (inputs, products, count) = (self.x.map.channels, winograd.size.products(), range.len());
        let (in_step, out_step) = (count * inputs + GAP, count * PANEL + GAP);
        let mut scratch = Scratch::stale(products * (in_step + out_step) + GAP);
        let (from, to) = scratch.aligned().split_at_mut(products * in_step);
        let zeros = Scratch::zeros(inputs);
        for (i, tile) in range.clone().enumerate() {
            let (picture, first) = tiling.at(tile);
            let corner = [0, 1].map(|axis| first[axis] as isize + self.origin[axis]);
            let pixels = Square { corner, side: winograd.size.side() }.pixels(self.x, picture, &zeros.0);
            let to = Products { first: from[i * inputs..].as_mut_ptr(), step: in_step };
            // SAFETY: `Winograd::run` asks for what `Enter` does: every pixel has `inputs` channels, and `from` has
            // room for those of `count` tiles for each product.
            unsafe { winograd.run(isa, Enter::<INPUT> { pixels: &pixels, channels: inputs, to }) };
        }
        for panel in panels {
            let weights = &self.weights[panel * products * inputs * PANEL..][..products * inputs * PANEL];
            for product in 0..products {
                let weights = &weights[product * inputs * PANEL..][..inputs * PANEL];
                let from = Matrix { data: &from[product * in_step..], width: inputs };
                multiply(isa, count, from, weights, &mut to[product * out_step..]);
            }
            for (i, tile) in range.clone().enumerate() {
                let (picture, first) = tiling.at(tile);
                let channels = (y.map.channels - panel * PANEL).min(PANEL);
                let from = Products { first: to[i * PANEL..].as_ptr(), step: out_step };
                // SAFETY: the contracts of `targets` and `Winograd::run`, which asks for what `Output` does: the
                // pixels lie inside of their buffers, whose lengths `run` has checked, no other task has the same
                // pixels in the same panel, and `to` has a panel for each product.
                unsafe {
                    let pixels = self.targets(picture, first, panel * PANEL, y);
                    winograd.run(isa, Output { from, channels, pixels: &pixels });
                }
            }
        }
    }

    /// Returns the pixels of an output tile from a channel on.
    ///
    /// # Safety
    /// They lie inside the buffer of `y`, and no other thread uses them meanwhile.
    unsafe fn targets(&self, picture: usize, first: [usize; 2], channel: usize, y: Target<'_>) -> Pixels {
        let mut pixels = Pixels {
            to: [std::ptr::null_mut(); MAX_TILE],
            add: [std::ptr::null(); MAX_TILE],
            gate: [std::ptr::null(); MAX_TILE],
            bias: self.bias.map_or(std::ptr::null(), |bias| bias[channel..].as_ptr()),
            finish: self.finish,
        };
        let square = Square { corner: first.map(|index| index as isize), side: self.winograd.size.outputs() };
        square.each_pixel(y.map, |place, row, column| {
            // SAFETY: the contract of `SharedSlice::at` is this function's own.
            let to = unsafe { y.data.at(y.map.at(picture, row, column) + channel) };
            let beside = |values: Values<'_>| values.from(picture, row, column)[channel..].as_ptr();
            pixels.to[place] = to;
            pixels.add[place] = if y.add { to } else { self.add.map_or(std::ptr::null(), beside) };
            pixels.gate[place] = self.gate.map_or(std::ptr::null(), beside);
        });
        pixels
    }
}

/// Rows of values, each `width` after the one before.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    data: &'a [f32],
    width: usize,
}

/// Computes `to = from · weights`: (rows, inputs) · (inputs, [`PANEL`]).
fn multiply(isa: Isa, rows: usize, from: Matrix<'_>, weights: &[f32], to: &mut [f32]) {
    let inputs = from.width;
    assert!(from.data.len() >= rows * inputs && weights.len() == inputs * PANEL && to.len() >= rows * PANEL);
    let runs = [Run { a: 0, b: 0, len: inputs }];
    let tiles = rows.div_ceil(isa.max_rows());
    for tile in 0..tiles {
        let (start, end) = (tile * rows / tiles, (tile + 1) * rows / tiles);
        let mut tile = Tile { rows: end - start, columns: PANEL, runs: &runs, b: weights.as_ptr(), ..Tile::EMPTY };
        for m in 0..end - start {
            tile.a[m] = from.data[(start + m) * inputs..].as_ptr();
            tile.c[m] = to[(start + m) * PANEL..].as_mut_ptr();
        }
        // SAFETY: the contract of `tile::multiply`: all of it lies inside the slices, as asserted.
        unsafe { tile::multiply(isa, &tile) };
    }
}
