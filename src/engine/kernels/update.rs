//! These are steps of optimisers: parameters are changed in place, in one pass over them.

use super::Isa;

/// This is a step of stochastic gradient descent with momentum μ.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    pub rate: f32,
    /// This is μ: `v ← μ·v + g`.
    pub momentum: f32,
    /// Tells whether `w ← w − rate·(g + μ·v)`, in place of `w ← w − rate·v`.
    pub nesterov: bool,
    /// The multiple of the parameters that is added to their gradients.
    pub weight_decay: f32,
}

impl Sgd {
    /// Changes parameters `w` and their velocities `v` by gradients `g`; all have the same length.
    pub fn step(self, isa: Isa, w: &mut [f32], g: &[f32], v: &mut [f32]) {
        let Self { rate, momentum, nesterov, weight_decay } = self;
        isa.vectorised(|| {
            for ((w, g), v) in w.iter_mut().zip(g).zip(v) {
                let g = g + weight_decay * *w;
                *v = momentum * *v + g;
                *w -= rate * if nesterov { g + momentum * *v } else { *v };
            }
        });
    }
}

/// This is a step of Adam (Kingma and Ba 2015, arXiv 1412.6980, algorithm 1).
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// The step size α, divided by `1 − β₁ᵗ`.
    pub rate: f32,
    /// This is `1/√(1 − β₂ᵗ)`, which the root of the second moment is multiplied by.
    pub correction: f32,
    pub weight_decay: f32,
}

impl Adam {
    pub const BETA1: f32 = 0.9;
    pub const BETA2: f32 = 0.999;
    const EPSILON: f32 = 1e-8;

    /// Changes parameters `w`, their first moments `mean` and second moments `square` by gradients `g`; all have the same
    /// length.
    pub fn step(self, isa: Isa, [w, mean, square]: [&mut [f32]; 3], g: &[f32]) {
        isa.vectorised(|| {
            for (((w, g), mean), square) in w.iter_mut().zip(g).zip(mean).zip(square) {
                let g = g + self.weight_decay * *w;
                *mean = Self::BETA1 * *mean + (1.0 - Self::BETA1) * g;
                *square = Self::BETA2 * *square + (1.0 - Self::BETA2) * g * g;
                *w -= self.rate * *mean / (square.sqrt() * self.correction + Self::EPSILON);
            }
        });
    }
}
