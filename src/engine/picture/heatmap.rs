//! Perturbations and gradients as pictures: a signed diverging map centred on 0.

use super::Planes;

/// What the middle pane shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// δ, signed.
    Perturbation,
    /// |δ|.
    Magnitude,
    /// ∇ₓJ, signed.
    Gradient,
}

/// Which colour plane a heatmap shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The plane with the largest magnitude at each pixel, sign kept.
    Strongest,
    One(usize),
}

/// How to draw the perturbation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heatmap {
    pub quantity: Quantity,
    pub channel: Channel,
    /// 1 puts the largest magnitude at full colour; 4 makes a quarter of it full colour.
    pub gain: f32,
}

/// A picture ready for a texture: `4 · width · height` bytes, opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgba {
    pub width: usize,
    pub height: usize,
    pub bytes: Vec<u8>,
}
