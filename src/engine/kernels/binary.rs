//! Operations on two values each, such as sums and products. Views broadcast them.

use super::simd::{Isa, Simd, Vectorised};
use super::strided::{Strided, StridedMut, combine};

/// A function of two numbers a and b.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// `a^b`, of a above 0.
    Power,
    Maximum,
    Minimum,
    /// `a` above 0, `a·b` below (He et al., Delving Deep into Rectifiers, 2015).
    Prelu,
}

/// An operand is the one of the two inputs that a gradient is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    A,
    B,
}

impl Binary {
    /// Computes `y = f(a, b)`; all views have one shape.
    pub fn forward(self, isa: Isa, [a, b]: [Strided<'_>; 2], y: StridedMut<'_>) {
        combine(isa, y, [a, b], false, |y, [a, b]| {
            // SAFETY: `Isa::run` asks that the processor has the instructions, which an `Isa` says, and that the fields
            // are as the loop needs them: it needs nothing of them.
            unsafe { isa.run(Values { binary: self, a, b, y }) };
        });
    }

    /// Computes the gradient of an input, or adds it to what is there; along the axes on which it was broadcast the sum
    /// is added.
    pub fn backward(self, isa: Isa, operand: Operand, [a, b, dy]: [Strided<'_>; 3], to: StridedMut<'_>, add: bool) {
        match (self, operand) {
            (Self::Add, _) | (Self::Subtract, Operand::A) => {
                combine(isa, to, [dy], add, |to, [dy]| to.copy_from_slice(dy));
            }
            _ => combine(isa, to, [a, b, dy], add, |to, [a, b, dy]| {
                // SAFETY: as in `forward`.
                unsafe { isa.run(Slopes { binary: self, operand, a, b, dy, to }) };
            }),
        }
    }
}

struct Values<'a> {
    binary: Binary,
    a: &'a [f32],
    b: &'a [f32],
    y: &'a mut [f32],
}

impl Vectorised for Values<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { binary, a, b, y } = self;
        // A macro, since closures would not always be compiled with the caller's instructions.
        macro_rules! each {
            ($a:ident, $b:ident => $value:expr) => {
                y.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (&$a, &$b))| *y = $value)
            };
        }
        match binary {
            Binary::Add => each!(a, b => a + b),
            Binary::Subtract => each!(a, b => a - b),
            Binary::Multiply => each!(a, b => a * b),
            Binary::Divide => each!(a, b => a / b),
            Binary::Power => each!(a, b => a.powf(b)),
            // NaN is not hidden.
            Binary::Maximum => each!(a, b => if (a > b) | a.is_nan() { a } else { b }),
            Binary::Minimum => each!(a, b => if (a < b) | a.is_nan() { a } else { b }),
            Binary::Prelu => each!(a, b => if a > 0.0 { a } else { a * b }),
        }
    }
}

struct Slopes<'a> {
    binary: Binary,
    operand: Operand,
    a: &'a [f32],
    b: &'a [f32],
    dy: &'a [f32],
    to: &'a mut [f32],
}

impl Vectorised for Slopes<'_> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { binary, operand, a, b, dy, to } = self;
        macro_rules! each {
            ($a:ident, $b:ident => $slope:expr) => {
                to.iter_mut().zip(dy).zip(a.iter().zip(b)).for_each(|((to, dy), (&$a, &$b))| *to = dy * $slope)
            };
        }
        match (binary, operand) {
            (Binary::Add, _) | (Binary::Subtract, Operand::A) => each!(_a, _b => 1.0),
            (Binary::Subtract, Operand::B) => each!(_a, _b => -1.0),
            (Binary::Multiply, Operand::A) => each!(_a, b => b),
            (Binary::Multiply, Operand::B) => each!(a, _b => a),
            (Binary::Divide, Operand::A) => each!(_a, b => 1.0 / b),
            (Binary::Divide, Operand::B) => each!(a, b => -a / (b * b)),
            (Binary::Power, Operand::A) => each!(a, b => b * a.powf(b - 1.0)),
            (Binary::Power, Operand::B) => each!(a, b => a.powf(b) * a.ln()),
            (Binary::Maximum, Operand::A) | (Binary::Minimum, Operand::B) => each!(a, b => share(a, b)),
            (Binary::Maximum, Operand::B) | (Binary::Minimum, Operand::A) => each!(a, b => share(b, a)),
            (Binary::Prelu, Operand::A) => each!(a, b => if a > 0.0 { 1.0 } else { b }),
            (Binary::Prelu, Operand::B) => each!(a, _b => if a > 0.0 { 0.0 } else { a }),
        }
    }
}

/// Returns 1 where a is the larger one and 0 where b is; of equal numbers each gets half, as in PyTorch.
#[inline(always)]
fn share(a: f32, b: f32) -> f32 {
    let above = if a > b { 1.0 } else { 0.0 };
    if a == b { 0.5 } else { above }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strided::View;

    const ALL: [Binary; 8] = [
        Binary::Add,
        Binary::Subtract,
        Binary::Multiply,
        Binary::Divide,
        Binary::Power,
        Binary::Maximum,
        Binary::Minimum,
        Binary::Prelu,
    ];

    /// ```python
    /// a = torch.tensor([[0.5, 2, 3], [1, 0.25, 2]], dtype=torch.float64).requires_grad_()
    /// b = torch.tensor([[2.0], [0.25]], dtype=torch.float64).requires_grad_()
    /// w = torch.arange(1, 7, dtype=torch.float64).reshape(2, 3)
    /// for f in (torch.add, torch.sub, torch.mul, torch.div, torch.pow, torch.maximum, torch.minimum,
    ///           lambda a, b: torch.where(a - 1 > 0, a - 1, (a - 1) * b)):
    ///     y = f(a, b)
    ///     print(y.tolist(), *(g.tolist() for g in torch.autograd.grad((y * w).sum(), (a, b))))
    /// ```
    /// The last one is PReLU of a − 1.
    #[test]
    #[expect(clippy::approx_constant, reason = "the digits are those that PyTorch printed")]
    fn values_and_slopes_are_those_of_pytorch() {
        let printed: [([f32; 6], [f32; 6], [f32; 2]); 8] = [
            ([2.5, 4.0, 5.0, 1.25, 0.5, 2.25], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [6.0, 15.0]),
            ([-1.5, 0.0, 1.0, 0.75, 0.0, 1.75], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [-6.0, -15.0]),
            ([1.0, 4.0, 6.0, 0.25, 0.0625, 0.5], [2.0, 4.0, 6.0, 1.0, 1.25, 1.5], [13.5, 17.25]),
            ([0.25, 1.0, 1.5, 4.0, 1.0, 8.0], [0.5, 1.0, 1.5, 16.0, 20.0, 24.0], [-3.375, -276.0]),
            (
                [0.25, 4.0, 9.0, 1.0, 0.7071068, 1.189207],
                [1.0, 8.0, 18.0, 1.0, 3.535534, 0.8919053],
                [35.03442, 0.04448264],
            ),
            ([2.0, 2.0, 3.0, 1.0, 0.25, 2.0], [0.0, 1.0, 3.0, 4.0, 2.5, 6.0], [2.0, 2.5]),
            ([0.5, 2.0, 2.0, 0.25, 0.25, 0.25], [1.0, 1.0, 0.0, 0.0, 2.5, 0.0], [4.0, 12.5]),
            ([-1.0, 1.0, 2.0, 0.0, -0.1875, 1.0], [2.0, 2.0, 3.0, 1.0, 1.25, 6.0], [-0.5, -3.75]),
        ];
        let shape = [2, 3];
        let (dense, column) = (View::dense(&shape), View::dense(&[2, 1]).broadcast(&shape).expect("broadcasts"));
        let (b, dy, isa) = ([2.0, 0.25], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], Isa::current());
        for (binary, (values, slopes_a, slopes_b)) in ALL.into_iter().zip(printed) {
            let less = if binary == Binary::Prelu { 1.0 } else { 0.0 };
            let a = [0.5, 2.0, 3.0, 1.0, 0.25, 2.0].map(|a| a - less);
            let (mut y, mut da, mut db) = ([0.0; 6], [0.0; 6], [0.0; 2]);
            let [a, b, of_dy] =
                [(&a[..], &dense), (&b, &column), (&dy, &dense)].map(|(data, view)| Strided { data, view });
            binary.forward(isa, [a, b], StridedMut { data: &mut y, view: &dense });
            let inputs = [a, b, of_dy];
            binary.backward(isa, Operand::A, inputs, StridedMut { data: &mut da, view: &dense }, false);
            binary.backward(isa, Operand::B, inputs, StridedMut { data: &mut db, view: &column }, false);
            let pairs = y.iter().zip(&values).chain(da.iter().zip(&slopes_a)).chain(db.iter().zip(&slopes_b));
            for (ours, theirs) in pairs {
                assert!((ours - theirs).abs() <= 1e-6 * theirs.abs().max(1.0), "{binary:?}: {ours}, PyTorch {theirs}");
            }
        }
    }
}
