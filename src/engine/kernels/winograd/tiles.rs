//! Squares of channels go into Winograd's domain and back, on every instruction set.

use super::super::simd::{Simd, Vectorised};
use super::super::tile::{Beside, Finish};
use super::TileSize;
use super::points::{FILTER, Four, INPUT, MAX_SIDE, MAX_TILE, OUTPUT, Points, SPREAD, Two, UNFILTER, along};

/// The number of taps of a filter.
pub const TAPS: usize = 9;

/// A transform takes the values of a square into the domain or back: tiles of the input `Bᵀ·d·B`, of the output
/// `Aᵀ·m·A`, of its gradient `A·y·Aᵀ`, filters `G·g·Gᵀ`, their gradients `Gᵀ·u·G`.
///
/// There must be room for the channels at every place outside of the domain, row by row, and at every product `k`,
/// which begins at `products + k·step`. Where products are read, and everywhere for a filter, there must be room for
/// whole panels. Places of an output that are null are left out.
pub struct Transform<'a, const KIND: u8> {
    pub size: TileSize,
    pub places: &'a [*mut f32; MAX_TILE],
    pub products: *mut f32,
    pub step: usize,
    pub channels: usize,
    pub finishing: Option<&'a Finishing>,
}

/// The values of a square are finished with what lies at these places; `bias` and each of `add` may be null.
pub struct Finishing {
    pub bias: *const f32,
    pub add: [*const f32; MAX_TILE],
    pub gate: [*const f32; MAX_TILE],
    pub finish: Finish,
}

impl<const KIND: u8> Transform<'_, KIND> {
    /// # Safety
    /// The processor has the instructions of `S`, and the fields hold what they promise.
    #[inline(always)]
    unsafe fn along_both_axes<S: Simd, P: Points>(&self) {
        let [from, to] = match KIND {
            INPUT => [P::SIDE, P::SIDE],
            OUTPUT => [P::SIDE, P::OUT],
            SPREAD => [P::OUT, P::SIDE],
            FILTER => [3, P::SIDE],
            _ => [P::SIDE, 3],
        };
        // SAFETY: the contract of `vector` is that of this function.
        unsafe {
            // A panel of filters has room for whole vectors.
            let panels = matches!(KIND, FILTER | UNFILTER);
            let whole = if panels { self.channels } else { S::whole(self.channels) };
            for first in (0..whole).step_by(S::LANES) {
                self.vector::<S, P>(first, S::LANES, [from, to]);
            }
            for first in (whole..self.channels).step_by(S::LANES) {
                self.vector::<S, P>(first, self.channels - first, [from, to]);
            }
        }
    }

    /// Transforms the first `count` channels from one on, or a vector of them where there are more, between squares with
    /// these sides.
    ///
    /// # Safety
    /// The contract is that of [`Self::along_both_axes`].
    #[inline(always)]
    unsafe fn vector<S: Simd, P: Points>(&self, first: usize, count: usize, [from, to]: [usize; 2]) {
        // SAFETY: the contracts of `Simd`, `Points` and `leave`: what the fields promise, from a channel on.
        unsafe {
            let zero = S::splat(0.0);
            let bias = self.finishing.map_or(std::ptr::null(), |finishing| finishing.bias);
            let bias = if bias.is_null() { zero } else { S::load_first(bias.add(first), count) };
            let mut middle = [[zero; MAX_SIDE]; MAX_SIDE];
            for column in 0..from {
                let mut values = [zero; MAX_SIDE];
                for (row, value) in values.iter_mut().enumerate().take(from) {
                    *value = self.load::<S>(row * from + column, first, count);
                }
                for (row, value) in middle.iter_mut().zip(along::<S, P, KIND>(values)).take(to) {
                    row[column] = value;
                }
            }
            for (row, &values) in middle.iter().enumerate().take(to) {
                for (column, value) in along::<S, P, KIND>(values).into_iter().enumerate().take(to) {
                    let place = row * to + column;
                    match KIND {
                        OUTPUT => self.leave::<S>(place, first, count, S::add(value, bias)),
                        UNFILTER => self.leave::<S>(place, first, count, value),
                        _ => S::store_first(self.products.add(place * self.step + first), count, value),
                    }
                }
            }
        }
    }

    /// Reads a vector of values, from outside of the domain or from inside.
    ///
    /// # Safety
    /// The contract is that of [`Self::along_both_axes`].
    #[inline(always)]
    unsafe fn load<S: Simd>(&self, place: usize, first: usize, count: usize) -> S::Vector {
        // SAFETY: the contract of `Simd`: what the fields promise, from a channel on.
        unsafe {
            match KIND {
                OUTPUT | UNFILTER => S::load(self.products.add(place * self.step + first)),
                _ => S::load_first(self.places[place].add(first), count),
            }
        }
    }

    /// Finishes a vector of values outside of the domain.
    ///
    /// # Safety
    /// The contract is that of [`Self::along_both_axes`].
    #[inline(always)]
    unsafe fn leave<S: Simd>(&self, place: usize, first: usize, count: usize, value: S::Vector) {
        let to = self.places[place];
        if to.is_null() {
            return;
        }
        // SAFETY: the contracts of `Simd` and `Beside::put`: what the fields promise, from a channel on.
        unsafe {
            let Some(Finishing { add, gate, finish, .. }) = self.finishing else {
                return S::store_first(to.add(first), count, value);
            };
            let at = |from: *const f32| if from.is_null() { from } else { from.add(first) };
            let beside = Beside { add: at(add[place]), gate: at(gate[place]), finish: *finish };
            beside.put::<S>(value, to.add(first), count);
        }
    }
}

impl<const KIND: u8> Vectorised for Transform<'_, KIND> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the contract of `along_both_axes` is that of this function.
        unsafe {
            match self.size {
                TileSize::Two => self.along_both_axes::<S, Two>(),
                TileSize::Four => self.along_both_axes::<S, Four>(),
            }
        }
    }
}
