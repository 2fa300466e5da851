//! The inverted residual block of MobileNetV2 (Sandler et al., 2018) and its successors: a 1×1 convolution to more
//! channels, a depthwise one, perhaps squeeze-and-excitation, and a 1×1 convolution to fewer channels.

use super::net::{Filter, Made, Net, identity};
use crate::model::operations::{BinarySpec, CurveSpec};

/// Squeeze-and-excitation (Hu et al., 2017): two layers turn the means of all channels into a factor for each.
pub struct Gate {
    /// The names of the two layers, which are convolutions of one pixel.
    pub names: [&'static str; 2],
    /// The number of channels between them.
    pub squeeze: usize,
    /// The curve between them.
    pub inner: CurveSpec,
    /// The curve behind them.
    pub outer: CurveSpec,
}

pub fn squeeze_excite(net: &mut Net<'_>, gate: Gate) -> Made {
    let (x, channels, [first, second]) = (net.value(), net.channels(), gate.names);
    net.global_pool()?.conv(first, Filter::new(gate.squeeze, 1).bias())?.then(gate.inner)?;
    let scale = net.conv(second, Filter::new(channels, 1).bias())?.then(gate.outer)?.value();
    net.push(BinarySpec::Multiply {}, &[x, scale]).map(drop)
}

/// The names of a block's convolutions, each with its batch normalisation, and of the two layers of its gate.
pub struct Parts {
    pub expand: [&'static str; 2],
    pub depthwise: [&'static str; 2],
    pub gate: [&'static str; 2],
    pub project: [&'static str; 2],
}

/// The convention says how names are built, and what the weights were trained with.
#[derive(Clone, Copy)]
pub struct Names {
    pub stem: [&'static str; 2],
    /// The name of a block: its stage, its place there, and its place among all.
    pub block: fn(stage: usize, at: usize, index: usize) -> String,
    /// The names of the parts of a block that expands or does not, with a gate or without.
    pub parts: fn(expands: bool, has_gate: bool) -> Parts,
    /// The last convolution with its batch normalisation.
    pub head: [&'static str; 2],
    pub last: &'static str,
    pub eps: f64,
    pub pads_like_tensorflow: bool,
}

/// timm's names.
pub const TIMM: Names = Names {
    stem: ["conv_stem", "bn1"],
    block: |stage, at, _| format!("blocks.{stage}.{at}"),
    parts: |expands, _| {
        let gate = ["se.conv_reduce", "se.conv_expand"];
        if expands {
            let (expand, depthwise) = (["conv_pw", "bn1"], ["conv_dw", "bn2"]);
            return Parts { expand, depthwise, gate, project: ["conv_pwl", "bn3"] };
        }
        Parts { expand: ["", ""], depthwise: ["conv_dw", "bn1"], gate, project: ["conv_pw", "bn2"] }
    },
    head: ["conv_head", "bn2"],
    last: "classifier",
    eps: 1e-5,
    pads_like_tensorflow: false,
};

/// timm's names for weights that were converted from TensorFlow.
pub const TENSORFLOW: Names = Names { eps: 1e-3, pads_like_tensorflow: true, ..TIMM };

/// torchvision's names of EfficientNets and MobileNetV3.
pub const TORCHVISION: Names = Names {
    stem: ["features.0.0", "features.0.1"],
    block: |stage, at, _| format!("features.{}.{at}", stage + 1),
    parts: |expands, has_gate| {
        const CONVS: [[&str; 2]; 4] = [
            ["block.0.0", "block.0.1"],
            ["block.1.0", "block.1.1"],
            ["block.2.0", "block.2.1"],
            ["block.3.0", "block.3.1"],
        ];
        let [depthwise, project] = match (expands, has_gate) {
            (true, true) => [CONVS[1], CONVS[3]],
            (true, false) => [CONVS[1], CONVS[2]],
            (false, true) => [CONVS[0], CONVS[2]],
            (false, false) => [CONVS[0], CONVS[1]],
        };
        let gate = if expands { ["block.2.fc1", "block.2.fc2"] } else { ["block.1.fc1", "block.1.fc2"] };
        Parts { expand: CONVS[0], depthwise, gate, project }
    },
    head: ["features.8.0", "features.8.1"],
    last: "classifier.1",
    ..TIMM
};

/// The sizes of a block.
pub struct Block {
    /// The number of channels of the depthwise convolution.
    pub expanded: usize,
    pub kernel: usize,
    pub stride: usize,
    pub outputs: usize,
    /// The number of channels inside the gate.
    pub squeeze: Option<usize>,
    pub curve: CurveSpec,
    /// The curves of the gate.
    pub gate: [CurveSpec; 2],
    /// The first convolution is there even where it does not expand, and shortcuts may be convolutions.
    pub always_expands: bool,
}

pub fn inverted_residual(net: &mut Net<'_>, names: &Names, block: Block) -> Made {
    let inputs = net.channels();
    let Block { expanded, kernel, stride, outputs, squeeze, curve, gate: [inner, outer], always_expands } = block;
    let expands = always_expands || expanded != inputs;
    let Parts { expand, depthwise, gate, project } = (names.parts)(expands, squeeze.is_some());
    let body = |net: &mut Net<'_>| {
        if expands {
            net.conv(expand[0], Filter::new(expanded, 1))?.bn(expand[1])?.then(curve.clone())?;
        }
        net.depthwise(depthwise[0], kernel, stride)?.bn(depthwise[1])?.then(curve)?;
        if let Some(squeeze) = squeeze {
            squeeze_excite(net, Gate { names: gate, squeeze, inner, outer })?;
        }
        net.conv(project[0], Filter::new(outputs, 1))?.bn(project[1]).map(drop)
    };
    match (stride, inputs == outputs) {
        (1, true) => net.residual(body, identity).map(drop),
        (1, false) if always_expands => {
            let shortcut =
                |net: &mut Net<'_>| net.conv("shortcut.0", Filter::new(outputs, 1))?.bn("shortcut.1").map(drop);
            net.residual(body, shortcut).map(drop)
        }
        _ => body(net),
    }
}
