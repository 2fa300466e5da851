//! Squares of channels go into Winograd's domain and back, on every instruction set.

use super::super::simd::{Simd, Vectorised};
use super::super::tile::{Beside, Finish};
use super::TileSize;
use super::points::{FILTER, Four, INPUT, MAX_SIDE, MAX_TILE, OUTPUT, Points, SPREAD, Two, along};

/// A filter has so many taps.
pub const TAPS: usize = 9;

/// A transform reads a square of places and writes one, both row by row, for so many channels at each place: tiles of
/// the input `Bᵀ·d·B`, of the output `Aᵀ·m·A`, of its gradient `A·y·Aᵀ`, filters `G·g·Gᵀ`, their gradients `Gᵀ·u·G`.
///
/// The channels are readable at every place of `from`, and writable at every place of `to`; places of an output that
/// are null are left out.
pub struct Transform<'a, const KIND: u8> {
    pub size: TileSize,
    pub from: &'a [*const f32; MAX_TILE],
    pub to: &'a [*mut f32; MAX_TILE],
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
        // SAFETY: the contracts of `Simd`, `Points` and `store`: what the fields promise, from a channel on.
        unsafe {
            for first in (0..self.channels).step_by(S::LANES) {
                let count = self.channels - first;
                let zero = S::splat(0.0);
                let bias = self.finishing.map_or(std::ptr::null(), |finishing| finishing.bias);
                let bias = if bias.is_null() { zero } else { S::load_first(bias.add(first), count) };
                let mut middle = [[zero; MAX_SIDE]; MAX_SIDE];
                for column in 0..from {
                    let values = std::array::from_fn(|row| {
                        if row < from { S::load_first(self.from[row * from + column].add(first), count) } else { zero }
                    });
                    for (row, value) in middle.iter_mut().zip(along::<S, P, KIND>(values)).take(to) {
                        row[column] = value;
                    }
                }
                for (row, &values) in middle.iter().enumerate().take(to) {
                    for (column, value) in along::<S, P, KIND>(values).into_iter().enumerate().take(to) {
                        let value = if KIND == OUTPUT { S::add(value, bias) } else { value };
                        self.store::<S>(row * to + column, first, value);
                    }
                }
            }
        }
    }

    /// # Safety
    /// As [`Self::along_both_axes`].
    #[inline(always)]
    unsafe fn store<S: Simd>(&self, place: usize, channel: usize, value: S::Vector) {
        let (to, count) = (self.to[place], self.channels - channel);
        // SAFETY: the contracts of `Simd` and `Beside::put`: what the fields promise, from a channel on.
        unsafe {
            if matches!(KIND, INPUT | SPREAD | FILTER) {
                return S::store_first(to.add(channel), count, value);
            }
            if to.is_null() {
                return;
            }
            let at = |from: *const f32| if from.is_null() { from } else { from.add(channel) };
            let beside = match self.finishing {
                Some(Finishing { add, gate, finish, .. }) => {
                    Beside { add: at(add[place]), gate: at(gate[place]), finish: *finish }
                }
                None => Beside { add: std::ptr::null(), gate: std::ptr::null(), finish: Finish::Plain },
            };
            beside.put::<S>(value, to.add(channel), count);
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
