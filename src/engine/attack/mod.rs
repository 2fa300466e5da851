//! Attacks. All of them work in pixel space [0, 1], on a net in evaluation mode.

/// Which way to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Away from the label: climb J(x, label).
    Untargeted,
    /// Towards this class: descend J(x, class).
    Targeted(usize),
}

/// The label that an attack starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// What the net says of the untouched picture.
    Predicted,
    /// What a person says it is.
    Given(usize),
}

/// How to move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// One step of the sign: `x ± ε·sign(∇ₓJ)`, ε in units of the pixel range.
    Fgsm { eps: f32 },
    /// The deck's first slide: `steps` times `x ± η·∇ₓJ`.
    GradientSteps { eta: f32, steps: usize },
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The net still says the label.
    StillRight,
    /// It says something else.
    Fooled,
    /// It says the target.
    FooledAsAsked,
}
