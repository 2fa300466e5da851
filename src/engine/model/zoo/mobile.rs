//! Nets of stages of inverted residual blocks: MobileNetV2 (Sandler et al., 2018), MNASNet (Tan et al., 2018) and
//! EfficientNet (Tan and Le, 2019).

use super::inverted::{Block, Names, Parts, TENSORFLOW, TIMM, TORCHVISION, inverted_residual};
use super::net::{Filter, Made, Net, multiple_of_8};
use super::{CIFAR, Entry, HALF, IMAGENET, Usual};
use crate::model::operations::CurveSpec;

const RELU: CurveSpec = CurveSpec::Relu {};
const RELU6: CurveSpec = CurveSpec::Relu6 {};
const SILU: CurveSpec = CurveSpec::Silu {};

/// The names of lukemelas' package for EfficientNets, and of those made after it.
const LUKEMELAS: Names = Names {
    stem: ["_conv_stem", "_bn0"],
    block: |_, _, index| format!("_blocks.{index}"),
    parts: |_, _| Parts {
        expand: ["_expand_conv", "_bn0"],
        depthwise: ["_depthwise_conv", "_bn1"],
        gate: ["_se_reduce", "_se_expand"],
        project: ["_project_conv", "_bn2"],
    },
    head: ["_conv_head", "_bn1"],
    last: "_fc",
    ..TENSORFLOW
};

/// torchvision's names of MobileNetV2.
const TORCHVISION_V2: Names = Names {
    block: |_, _, index| format!("features.{}", index + 1),
    parts: |expands, _| {
        let gate = ["", ""];
        if expands {
            let (expand, depthwise) = (["conv.0.0", "conv.0.1"], ["conv.1.0", "conv.1.1"]);
            return Parts { expand, depthwise, gate, project: ["conv.2", "conv.3"] };
        }
        Parts { expand: ["", ""], depthwise: ["conv.0.0", "conv.0.1"], gate, project: ["conv.1", "conv.2"] }
    },
    head: ["features.18.0", "features.18.1"],
    ..TORCHVISION
};

/// kuangliu's names of MobileNetV2.
const KUANGLIU: Names = Names {
    stem: ["conv1", "bn1"],
    block: |_, _, index| format!("layers.{index}"),
    parts: |_, _| Parts {
        expand: ["conv1", "bn1"],
        depthwise: ["conv2", "bn2"],
        gate: ["", ""],
        project: ["conv3", "bn3"],
    },
    head: ["conv2", "bn2"],
    last: "linear",
    ..TIMM
};

/// torchvision's names of MNASNet, whose stem and first block lie in one list with the stages.
const TORCHVISION_MNASNET: Names = Names {
    stem: ["layers.0", "layers.1"],
    block: |stage, at, _| if stage == 0 { "layers".into() } else { format!("layers.{}.{at}.layers", stage + 7) },
    parts: |expands, _| {
        let (first, second, third) = (["0", "1"], ["3", "4"], ["6", "7"]);
        let expand = if expands { first } else { ["", ""] };
        Parts { expand, depthwise: second, gate: ["", ""], project: third }
    },
    head: ["layers.14", "layers.15"],
    ..TORCHVISION
};

/// A stage of blocks. The first one has the stride.
#[derive(Clone, Copy)]
struct Stage {
    blocks: usize,
    kernel: usize,
    stride: usize,
    expansion: usize,
    outputs: usize,
}

const fn stage(blocks: usize, kernel: usize, stride: usize, expansion: usize, outputs: usize) -> Stage {
    Stage { blocks, kernel, stride, expansion, outputs }
}

/// MobileNetV2 (Sandler et al. 2018, table 2).
const MOBILENET_V2: [Stage; 7] = [
    stage(1, 3, 1, 1, 16),
    stage(2, 3, 2, 6, 24),
    stage(3, 3, 2, 6, 32),
    stage(4, 3, 2, 6, 64),
    stage(3, 3, 1, 6, 96),
    stage(3, 3, 2, 6, 160),
    stage(1, 3, 1, 6, 320),
];

/// MNASNet B1 (Tan et al. 2018, as torchvision and timm have it).
const MNASNET: [Stage; 7] = [
    stage(1, 3, 1, 1, 16),
    stage(3, 3, 2, 3, 24),
    stage(3, 5, 2, 3, 40),
    stage(3, 5, 2, 6, 80),
    stage(2, 3, 1, 6, 96),
    stage(4, 5, 2, 6, 192),
    stage(1, 3, 1, 6, 320),
];

/// EfficientNet-B0 (Tan and Le 2019, table 1).
const EFFICIENTNET: [Stage; 7] = [
    stage(1, 3, 1, 1, 16),
    stage(2, 3, 2, 6, 24),
    stage(2, 5, 2, 6, 40),
    stage(3, 3, 2, 6, 80),
    stage(3, 5, 1, 6, 112),
    stage(4, 5, 2, 6, 192),
    stage(1, 3, 1, 6, 320),
];

/// A net of such stages.
struct Sizes {
    stem: usize,
    stem_stride: usize,
    stages: [Stage; 7],
    head: usize,
    curve: CurveSpec,
    /// Gates have a quarter as many channels as come into their block.
    has_gates: bool,
    always_expands: bool,
}

fn mobile(net: &mut Net<'_>, names: &Names, sizes: &Sizes) -> Made {
    (net.eps, net.pads_like_tensorflow) = (names.eps, names.pads_like_tensorflow);
    let curve = || sizes.curve.clone();
    let [conv, bn] = names.stem;
    net.conv(conv, Filter::new(sizes.stem, 3).stride(sizes.stem_stride))?.bn(bn)?.then(curve())?;
    let mut index = 0;
    for (number, stage) in sizes.stages.into_iter().enumerate() {
        for at in 0..stage.blocks {
            let inputs = net.channels();
            let block = Block {
                expanded: inputs * stage.expansion,
                kernel: stage.kernel,
                stride: if at == 0 { stage.stride } else { 1 },
                outputs: stage.outputs,
                squeeze: sizes.has_gates.then_some((inputs / 4).max(1)),
                curve: curve(),
                gate: [SILU, CurveSpec::Sigmoid {}],
                always_expands: sizes.always_expands,
            };
            net.within((names.block)(number, at, index), |net| inverted_residual(net, names, block))?;
            index += 1;
        }
    }
    let [conv, bn] = names.head;
    net.conv(conv, Filter::new(sizes.head, 1))?.bn(bn)?.then(curve())?;
    net.global_pool()?.flatten()?.dropout(0.8)?.classifier(names.last).map(drop)
}

/// What EfficientNets are scaled by, in width and in depth (Tan and Le 2019, as in their published code), and the side
/// of their pictures: the paper's and that of timm's own weights.
const EFFICIENTNETS: [(&str, f64, f64, usize, usize); 8] = [
    ("b0", 1.0, 1.0, 224, 224),
    ("b1", 1.0, 1.1, 240, 240),
    ("b2", 1.1, 1.2, 260, 256),
    ("b3", 1.2, 1.4, 300, 288),
    ("b4", 1.4, 1.8, 380, 320),
    ("b5", 1.6, 2.2, 456, 448),
    ("b6", 1.8, 2.6, 528, 528),
    ("b7", 2.0, 3.1, 600, 600),
];

/// The same for the lite ones, with timm's sides.
const LITES: [(&str, f64, f64, usize); 5] = [
    ("lite0", 1.0, 1.0, 224),
    ("lite1", 1.0, 1.1, 240),
    ("lite2", 1.1, 1.2, 260),
    ("lite3", 1.2, 1.4, 300),
    ("lite4", 1.4, 1.8, 380),
];

/// Returns the sizes of a scaled EfficientNet. The lite ones have no gates, and their ends keep their sizes.
fn efficientnet(width: f64, depth: f64, is_lite: bool) -> Sizes {
    let widen = |channels: usize| multiple_of_8(channels as f64 * width);
    let last = EFFICIENTNET.len() - 1;
    let mut stages = EFFICIENTNET;
    for (at, stage) in stages.iter_mut().enumerate() {
        stage.outputs = widen(stage.outputs);
        if !is_lite || (1..last).contains(&at) {
            stage.blocks = (stage.blocks as f64 * depth).ceil() as usize;
        }
    }
    let (stem, head) = if is_lite { (32, 1280) } else { (widen(32), widen(1280)) };
    let curve = if is_lite { RELU6 } else { SILU };
    Sizes { stem, stem_stride: 2, stages, head, curve, has_gates: !is_lite, always_expands: false }
}

pub fn entries() -> Vec<Entry> {
    let mut list = vec![mobilenet_v2()];
    for (name, alpha) in [("0-5", 0.5), ("0-75", 0.75), ("1-0", 1.0), ("1-3", 1.3)] {
        let sizes = move || mnasnet(alpha);
        let mut entry =
            Entry::new(format!("mnasnet{name}"), "MNASNet B1")
                .convention("torchvision", IMAGENET, move |net| mobile(net, &TORCHVISION_MNASNET, &sizes()));
        if alpha == 1.0 {
            entry = entry.alias("mnasnet_100").convention("timm", IMAGENET, move |net| mobile(net, &TIMM, &sizes()));
        }
        list.push(entry);
    }
    for (name, width, depth, side, timm_side) in EFFICIENTNETS {
        let (usual, sizes) = (IMAGENET.of_side(side), move || efficientnet(width, depth, false));
        let eps = if ["b5", "b6", "b7"].contains(&name) { 1e-3 } else { 1e-5 };
        let names = Names { eps, ..TORCHVISION };
        // timm's present weights of B1 are the only ones with other means.
        let timm = if name == "b1" { HALF } else { IMAGENET };
        list.push(
            Entry::new(format!("efficientnet-{name}"), format!("EfficientNet-{}", name.to_uppercase()))
                .convention("torchvision", torchvision_usual(name, usual), move |net| mobile(net, &names, &sizes()))
                .convention("timm", timm.of_side(timm_side), move |net| mobile(net, &TIMM, &sizes()))
                .convention("lukemelas", usual, move |net| mobile(net, &LUKEMELAS, &sizes())),
        );
        list.push(tensorflow(name, usual, sizes));
    }
    for (name, width, depth, side) in LITES {
        let sizes = move || efficientnet(width, depth, true);
        list.push(
            Entry::new(format!("efficientnet-{name}"), format!("EfficientNet-{}, without gates", capital(name)))
                .convention("timm", IMAGENET.of_side(side), move |net| mobile(net, &TIMM, &sizes()))
                .convention("lukemelas", HALF.of_side(side), move |net| mobile(net, &LUKEMELAS, &sizes())),
        );
        list.push(tensorflow(name, HALF.of_side(side), sizes));
    }
    list
}

/// torchvision trained its B2 on larger pictures than the paper.
fn torchvision_usual(name: &str, usual: Usual) -> Usual {
    if name == "b2" { usual.of_side(288) } else { usual }
}

fn capital(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

/// Returns an EfficientNet with weights that were converted from TensorFlow. Their tensors are those of timm's own.
fn tensorflow(name: &str, usual: Usual, sizes: impl Fn() -> Sizes + Send + Sync + 'static) -> Entry {
    let about = format!("EfficientNet-{} with TensorFlow's padding and eps", capital(name));
    Entry::new(format!("tf-efficientnet-{name}"), about)
        .convention("timm", usual, move |net| mobile(net, &TENSORFLOW, &sizes()))
}

fn mobilenet_v2() -> Entry {
    let sizes = |curve: CurveSpec| Sizes {
        stem: 32,
        stem_stride: 2,
        stages: MOBILENET_V2,
        head: 1280,
        curve,
        has_gates: false,
        always_expands: false,
    };
    // For CIFAR's small pictures kuangliu drops two strides.
    let cifar = move || {
        let mut stages = MOBILENET_V2;
        stages[1].stride = 1;
        Sizes { stem_stride: 1, stages, always_expands: true, ..sizes(RELU) }
    };
    Entry::new("mobilenet-v2", "MobileNetV2")
        .alias("mobilenetv2_100")
        .convention("torchvision", IMAGENET, move |net| mobile(net, &TORCHVISION_V2, &sizes(RELU6)))
        .convention("timm", IMAGENET, move |net| mobile(net, &TIMM, &sizes(RELU6)))
        .convention("kuangliu", CIFAR, move |net| mobile(net, &KUANGLIU, &cifar()))
}

fn mnasnet(alpha: f64) -> Sizes {
    let scaled = |channels: usize| multiple_of_8(channels as f64 * alpha);
    let stages = MNASNET.map(|stage| Stage { outputs: scaled(stage.outputs), ..stage });
    let stem = scaled(32);
    Sizes { stem, stem_stride: 2, stages, head: 1280, curve: RELU, has_gates: false, always_expands: false }
}
