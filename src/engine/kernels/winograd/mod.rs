//! Winograd's minimal filtering takes fewer multiplications for convolutions of 3×3 taps and stride 1, after Lavin &
//! Gray, Fast Algorithms for Convolutional Neural Networks, 2015 (arXiv 1509.09308). Tiles of the input and the filters
//! are brought into a domain where a product of a tile is a product of matrices, (tiles, inputs) · (inputs, outputs).

mod points;
mod tiles;
mod weight_gradient;

use std::ops::Range;

use rayon::prelude::*;

use self::points::{FILTER, INPUT, MAX_TILE, OUTPUT};
use self::tiles::{Finishing, TAPS, Transform};
use super::cache::second_level;
use super::conv::Conv;
use super::simd::Isa;
use super::tile::{Finish, PANEL, Product, TermRun};
use super::values::{ConvWeights, Fused, FusedGradient, Map, Values, ValuesMut};
use super::{Scratch, SharedSlice, part};

/// Output tiles have sides of this many pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileSize {
    /// A tile takes 16 products for 4 outputs, where plain taps take 36.
    Two,
    /// A tile takes 36 products for 16 outputs, where plain taps take 144.
    Four,
}

impl TileSize {
    fn outputs(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    /// Returns the fewest inputs, and outputs, of which convolutions in such tiles are faster than tap by tap. They are
    /// the same for AVX2 and AVX-512.
    fn least_channels(self) -> usize {
        match self {
            Self::Two => 32,
            Self::Four => 16,
        }
    }

    fn side(self) -> usize {
        self.outputs() + 2
    }

    fn products(self) -> usize {
        self.side() * self.side()
    }
}

/// A convolution runs in Winograd's domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Winograd {
    conv: Conv,
    size: TileSize,
}

/// With fewer pairs of an input and an output the way into the domain and back costs more than it saves.
const MIN_PAIRS: usize = 1024;

/// A single picture of fewer tiles of 4×4 is, too.
const MIN_TILES: usize = 9;

/// So many spare values between the products of a block keep them from all falling on the same lines of a cache.
const GAP: usize = 16;

/// The planes of a batch are cut into tiles.
#[derive(Clone, Copy)]
struct Tiling {
    rows: usize,
    columns: usize,
    size: TileSize,
}

impl Tiling {
    fn new(map: Map, size: TileSize) -> Self {
        Self { rows: map.height.div_ceil(size.outputs()), columns: map.width.div_ceil(size.outputs()), size }
    }

    fn count(&self, n: usize) -> usize {
        n * self.rows * self.columns
    }

    /// Returns the picture of a tile and its first pixel.
    fn at(&self, tile: usize) -> (usize, [isize; 2]) {
        let (picture, rest) = (tile / (self.rows * self.columns), tile % (self.rows * self.columns));
        (picture, [rest / self.columns, rest % self.columns].map(|index| (index * self.size.outputs()) as isize))
    }
}

/// Calls `f(place in the square, row, column)` for the pixels of a square that lie in a plane of this size.
fn each_pixel(corner: [isize; 2], side: usize, map: Map, mut f: impl FnMut(usize, isize, isize)) {
    for (row, y) in (corner[0]..).take(side).enumerate() {
        for (column, x) in (corner[1]..).take(side).enumerate() {
            if (0..map.height as isize).contains(&y) && (0..map.width as isize).contains(&x) {
                f(row * side + column, y, x);
            }
        }
    }
}

/// Tiles of a batch enter the domain: of the input with [`INPUT`], of the gradient of the output with `SPREAD`.
struct Entrance<'a, const KIND: u8> {
    isa: Isa,
    tiling: Tiling,
    values: Values<'a>,
    /// The first tile begins at this pixel.
    origin: [isize; 2],
    /// These stand for the channels of a pixel outside of the picture.
    zeros: &'a [f32],
}

impl<const KIND: u8> Entrance<'_, KIND> {
    /// Writes product k of a tile to `products + k·step`.
    ///
    /// # Safety
    /// The channels of every product are writable, and no other thread uses them meanwhile.
    unsafe fn enter(&self, tile: usize, products: *mut f32, step: usize) {
        let (size, Values { map, .. }) = (self.tiling.size, self.values);
        let (picture, first) = self.tiling.at(tile);
        let corner = [first[0] + self.origin[0], first[1] + self.origin[1]];
        let side = if KIND == INPUT { size.side() } else { size.outputs() };
        let channels = map.channels;
        let mut places = [self.zeros[..channels].as_ptr().cast_mut(); MAX_TILE];
        each_pixel(corner, side, map, |place, row, column| {
            places[place] = self.values.from(picture, row, column)[..channels].as_ptr().cast_mut();
        });
        let transform = Transform::<KIND> { size, places: &places, products, step, channels, finishing: None };
        // SAFETY: the contract of `Isa::run`, what `Transform` promises: every pixel has its channels, and the caller
        // answers for the products.
        unsafe { self.isa.run(transform) };
    }
}

impl Winograd {
    /// Runs a convolution in tiles of this size, if it is one of 3×3 taps with stride 1.
    pub fn new(conv: Conv, size: TileSize) -> Option<Self> {
        let fits = conv.kernel == [3, 3] && conv.stride == [1, 1] && conv.groups == 1 && !conv.is_dilated();
        (fits && conv.padding.largest() <= 2).then_some(Self { conv, size })
    }

    /// Chooses the tiles in which a convolution to planes of this size is faster than tap by tap, if there are any:
    /// measured with `examples/kernel_rates.rs`, up to three times as fast. In the domain weights
    /// take up to four times the memory, which for a single picture of few tiles costs more than the multiplications
    /// that it saves: `batches` says that there are always many pictures.
    pub fn of(conv: Conv, [height, width]: [usize; 2], batches: bool) -> Option<Self> {
        let side = height.min(width);
        let few = height.div_ceil(4) * width.div_ceil(4) < MIN_TILES;
        // An attack follows signs: small tiles round nearly as the definition does, large ones ten times as much.
        let size = if side == 2 || !batches { TileSize::Two } else { TileSize::Four };
        let channels = conv.inputs.min(conv.outputs) >= size.least_channels();
        let worth_it = channels && conv.inputs * conv.outputs >= MIN_PAIRS && side >= 2 && (batches || !few);
        worth_it.then(|| Self::new(conv, size)).flatten()
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

    fn filters(&self, isa: Isa, packed: &[f32], filters: &mut Vec<f32>, turned: bool) {
        let (inputs, products) = (if turned { self.conv.outputs } else { self.conv.inputs }, self.size.products());
        let len = inputs * PANEL;
        filters.resize(packed.len() / TAPS * products, 0.0);
        let panels = filters.par_chunks_exact_mut(products * len);
        panels.zip(packed.par_chunks_exact(TAPS * len)).for_each(|(filters, packed)| {
            let places = std::array::from_fn(|tap| {
                let tap = tap.min(TAPS - 1);
                packed[if turned { TAPS - 1 - tap } else { tap } * len..].as_ptr().cast_mut()
            });
            let (size, products) = (self.size, filters.as_mut_ptr());
            let transform =
                Transform::<FILTER> { size, places: &places, products, step: len, channels: len, finishing: None };
            // SAFETY: the contract of `Isa::run`, what `Transform` promises: the chunks hold all taps and products.
            unsafe { isa.run(transform) };
        });
    }

    /// Computes `y = clamp(conv(x) + bias + add)`, with weights of [`Self::transform`].
    pub fn forward(&self, isa: Isa, x: Values<'_>, weights: ConvWeights<'_>, y: ValuesMut<'_>, fused: Fused<'_>) {
        let pass = WinogradPass {
            isa,
            tiling: Tiling::new(y.map, self.size),
            x,
            origin: self.conv.padding.before.map(|padding| -(padding as isize)),
            weights: weights.packed,
            y: y.map,
            bias: weights.bias,
            add: fused.add,
            gate: None,
            finish: Finish::clamp(fused.clamp),
            accumulate: false,
        };
        pass.run(y);
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
        let pass = WinogradPass {
            isa,
            tiling: Tiling::new(dx.map, self.size),
            x: dy,
            origin: self.conv.padding.before.map(|padding| padding as isize - 2),
            weights,
            y: dx.map,
            bias: None,
            add: None,
            gate: fused.gate.map(|gate| gate.values),
            finish: Finish::gate(fused.gate.map(|gate| gate.upper)),
            accumulate: fused.add,
        };
        pass.run(dx);
    }
}

struct WinogradPass<'a> {
    isa: Isa,
    /// The planes of y are cut into these tiles.
    tiling: Tiling,
    x: Values<'a>,
    /// The taps of the first pixel begin at this pixel of x.
    origin: [isize; 2],
    /// The weights lie as (panels, products, inputs, panel).
    weights: &'a [f32],
    y: Map,
    bias: Option<&'a [f32]>,
    add: Option<Values<'a>>,
    gate: Option<Values<'a>>,
    finish: Finish,
    /// Whether the result is added to what is there of y.
    accumulate: bool,
}

impl WinogradPass<'_> {
    fn run(&self, y: ValuesMut<'_>) {
        let (inputs, outputs, products) = (self.x.map.channels, y.map.channels, self.tiling.size.products());
        let panels = outputs.div_ceil(PANEL);
        assert!(self.weights.len() == panels * products * inputs * PANEL, "the weights do not fit");
        assert!(self.x.fits() && y.fits() && self.x.n == y.n, "a batch is too short");
        assert!(self.bias.is_none_or(|bias| bias.len() == outputs), "the bias does not fit");
        for other in self.add.iter().chain(&self.gate) {
            assert!(other.map.size() == y.map.size() && other.map.channels == outputs && other.n == y.n);
            assert!(other.fits(), "an operand is too short");
        }
        assert!(self.gate.is_some() || !matches!(self.finish, Finish::Gate { .. }), "no gate");
        let tiles = self.tiling.count(y.n);
        if tiles == 0 {
            return;
        }
        let rows = self.isa.max_rows();
        // A block of tiles in the domain takes up this much of the second-level cache.
        let block_bytes = second_level() / 8 * 5;
        let per_block = (block_bytes / (4 * products * (inputs + PANEL)) / rows * rows).max(rows);
        let blocks = tiles.div_ceil(per_block);
        let groups = (2 * rayon::current_num_threads()).div_ceil(blocks).min(panels);
        let out = SharedSlice::new(y.data);
        (0..blocks * groups).into_par_iter().for_each(|task| {
            self.block(part(task / groups, blocks, tiles), part(task % groups, groups, panels), out);
        });
    }

    /// Computes some tiles in some panels of outputs.
    fn block(&self, range: Range<usize>, panels: Range<usize>, out: SharedSlice<'_, f32>) {
        let Self { isa, tiling, x, origin, .. } = *self;
        let (inputs, products, count) = (x.map.channels, tiling.size.products(), range.len());
        let (in_step, out_step) = (count * inputs + GAP, count * PANEL + GAP);
        let mut scratch = Scratch::stale(products * (in_step + out_step) + GAP);
        let (from, to) = scratch.aligned().split_at_mut(products * in_step);
        let zeros = Scratch::zeros(inputs);
        let entrance = Entrance::<INPUT> { isa, tiling, values: x, origin, zeros: &zeros.0 };
        for (i, tile) in range.clone().enumerate() {
            // SAFETY: the contract of `enter`: `from` has room for `count` tiles of every product.
            unsafe { entrance.enter(tile, from[i * inputs..].as_mut_ptr(), in_step) };
        }
        let runs = [TermRun { a: 0, b: 0, len: inputs }];
        for panel in panels {
            let weights = self.weights[panel * products * inputs * PANEL..].chunks_exact(inputs * PANEL);
            for (product, b) in weights.take(products).enumerate() {
                let (a, to) = (&from[product * in_step..], &mut to[product * out_step..]);
                let product = Product { rows: count, runs: &runs, a, row_step: inputs, b, ..Product::default() };
                product.compute(isa, to, PANEL);
            }
            for (i, tile) in range.clone().enumerate() {
                // SAFETY: the contract of `leave`: `to` has a panel for each product, and no other task has the same
                // pixels in the same panel.
                unsafe { self.leave(tile, panel * PANEL, &to[i * PANEL..], out_step, out) };
            }
        }
    }

    /// Writes the pixels of an output tile from its products, in a panel of channels from one on.
    ///
    /// # Safety
    /// The channels are readable at every product, and no other thread uses those of the pixels meanwhile.
    unsafe fn leave(&self, tile: usize, channel: usize, from: &[f32], step: usize, out: SharedSlice<'_, f32>) {
        let mut places = [std::ptr::null_mut(); MAX_TILE];
        let none = [std::ptr::null(); MAX_TILE];
        let bias = self.bias.map_or(std::ptr::null(), |bias| bias[channel..].as_ptr());
        let mut finishing = Finishing { bias, add: none, gate: none, finish: self.finish };
        let (picture, corner) = self.tiling.at(tile);
        each_pixel(corner, self.tiling.size.outputs(), self.y, |place, row, column| {
            // SAFETY: the contract of `SharedSlice::at`: the pixel lies in y, whose length `run` has checked.
            places[place] = unsafe { out.at(self.y.at(picture, row, column) + channel) };
            let beside = |values: Values<'_>| values.from(picture, row, column)[channel..].as_ptr();
            finishing.add[place] =
                if self.accumulate { places[place] } else { self.add.map_or(std::ptr::null(), beside) };
            finishing.gate[place] = self.gate.map_or(std::ptr::null(), beside);
        });
        let transform = Transform::<OUTPUT> {
            size: self.tiling.size,
            places: &places,
            products: from.as_ptr().cast_mut(),
            step,
            channels: (self.y.channels - channel).min(PANEL),
            finishing: Some(&finishing),
        };
        // SAFETY: the contract of `Isa::run`, what `Transform` promises: every operand is as long as `run` has checked.
        unsafe { self.isa.run(transform) };
    }
}
