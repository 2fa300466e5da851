//! RegNets X and Y (Radosavovic et al., Designing Network Design Spaces, 2020). Y has squeeze-and-excitation.

use super::inverted::{Gate, squeeze_excite};
use super::net::{Filter, Made, Net};
use super::{Entry, IMAGENET};
use crate::model::operations::CurveSpec;

/// The sizes of a net: blocks and channels of the four stages, channels of a group.
#[derive(Clone, Copy)]
struct Sizes {
    blocks: [usize; 4],
    channels: [usize; 4],
    group: usize,
    is_y: bool,
}

/// A net has a name at torchvision and at timm, and sizes (Radosavovic et al. 2020, figures 16 and 17).
type Row = (&'static str, &'static str, [usize; 4], [usize; 4], usize);

/// The nets whose channels timm rounds in another way. Those of torchvision's have names of their own there, as
/// `regnetx_004_tv`.
const TIMM_CHANNELS: [(&str, [usize; 4]); 3] =
    [("regnetx_004", [32, 64, 160, 384]), ("regnety_008", [64, 128, 320, 768]), ("regnety_080", [168, 448, 896, 2016])];

const X: [Row; 6] = [
    ("400mf", "004", [1, 2, 7, 12], [32, 64, 160, 400], 16),
    ("800mf", "008", [1, 3, 7, 5], [64, 128, 288, 672], 16),
    ("1-6gf", "016", [2, 4, 10, 2], [72, 168, 408, 912], 24),
    ("3-2gf", "032", [2, 6, 15, 2], [96, 192, 432, 1008], 48),
    ("8gf", "080", [2, 5, 15, 1], [80, 240, 720, 1920], 120),
    ("16gf", "160", [2, 6, 13, 1], [256, 512, 896, 2048], 128),
];

const Y: [Row; 6] = [
    ("400mf", "004", [1, 3, 6, 6], [48, 104, 208, 440], 8),
    ("800mf", "008", [1, 3, 8, 2], [64, 144, 320, 784], 16),
    ("1-6gf", "016", [2, 6, 17, 2], [48, 120, 336, 888], 24),
    ("3-2gf", "032", [2, 5, 13, 1], [72, 216, 576, 1512], 24),
    ("8gf", "080", [2, 4, 10, 1], [224, 448, 896, 2016], 56),
    ("16gf", "160", [2, 4, 11, 1], [224, 448, 1232, 3024], 112),
];

pub fn entries() -> Vec<Entry> {
    let rows = X.into_iter().map(|row| ("x", row)).chain(Y.into_iter().map(|row| ("y", row)));
    let net = |(kind, (size, timm, blocks, channels, group)): (&str, Row)| {
        let sizes = Sizes { blocks, channels, group, is_y: kind == "y" };
        let timm_name = format!("regnet{kind}_{timm}");
        let entry = Entry::new(
            format!("regnet-{kind}-{size}"),
            format!("RegNet{} of {} GFLOPs", kind.to_uppercase(), gflops(timm)),
        )
        .alias(&timm_name)
        .alias(format!("{timm_name}_tv"))
        .convention("torchvision", IMAGENET, move |net| torchvision(net, sizes));
        let own = TIMM_CHANNELS.into_iter().find(|(name, _)| *name == timm_name);
        let Some((_, channels)) = own else {
            return entry.convention("timm", IMAGENET, move |net| timm_net(net, sizes));
        };
        entry.convention("timm", IMAGENET, move |net| timm_net(net, Sizes { channels, ..sizes })).convention(
            "timm, torchvision's sizes",
            IMAGENET,
            move |net| timm_net(net, sizes),
        )
    };
    rows.map(net).collect()
}

/// Returns the number of timm's names, which count tenths.
fn gflops(timm: &str) -> f64 {
    timm.parse::<f64>().unwrap_or_default() / 10.0
}

/// The names of a block's parts: convolution and batch normalisation of the shortcut and of the body, and the gate's.
struct Names {
    shortcut: [&'static str; 2],
    body: [[&'static str; 2]; 3],
    gate: [&'static str; 2],
}

const TORCHVISION: Names = Names {
    shortcut: ["proj.0", "proj.1"],
    body: [["f.a.0", "f.a.1"], ["f.b.0", "f.b.1"], ["f.c.0", "f.c.1"]],
    gate: ["f.se.fc1", "f.se.fc2"],
};

const TIMM: Names = Names {
    shortcut: ["downsample.conv", "downsample.bn"],
    body: [["conv1.conv", "conv1.bn"], ["conv2.conv", "conv2.bn"], ["conv3.conv", "conv3.bn"]],
    gate: ["se.fc1", "se.fc2"],
};

fn torchvision(net: &mut Net<'_>, sizes: Sizes) -> Made {
    let place = |stage: usize, at: usize| format!("trunk_output.block{stage}.block{stage}-{at}");
    regnet(net, sizes, ["stem.0", "stem.1"], place, &TORCHVISION)?;
    net.classifier("fc").map(drop)
}

fn timm_net(net: &mut Net<'_>, sizes: Sizes) -> Made {
    regnet(net, sizes, ["stem.conv", "stem.bn"], |stage, at| format!("s{stage}.b{}", at + 1), &TIMM)?;
    net.classifier("head.fc").map(drop)
}

fn regnet(
    net: &mut Net<'_>,
    sizes: Sizes,
    [conv, bn]: [&str; 2],
    place: impl Fn(usize, usize) -> String,
    names: &Names,
) -> Made {
    net.conv_bn_relu(conv, bn, Filter::new(32, 3).stride(2))?;
    for (stage, (blocks, channels)) in (1..).zip(sizes.blocks.into_iter().zip(sizes.channels)) {
        for at in 0..blocks {
            net.within(place(stage, at), |net| block(net, sizes, channels, at == 0, names))?;
        }
    }
    net.global_pool().map(drop)
}

fn block(net: &mut Net<'_>, sizes: Sizes, channels: usize, is_first: bool, names: &Names) -> Made {
    let (stride, inputs) = (if is_first { 2 } else { 1 }, net.channels());
    let [[conv1, bn1], [conv2, bn2], [conv3, bn3]] = names.body;
    // A stage that is narrower than a group is one group.
    let groups = channels / sizes.group.min(channels);
    let body = |net: &mut Net<'_>| {
        net.conv_bn_relu(conv1, bn1, Filter::new(channels, 1))?;
        net.conv_bn_relu(conv2, bn2, Filter::new(channels, 3).stride(stride).groups(groups))?;
        if sizes.is_y {
            // A quarter of the channels that come into the block, rounded half to even.
            let squeeze = (inputs as f64 / 4.0).round_ties_even() as usize;
            let gate = Gate { names: names.gate, squeeze, inner: CurveSpec::Relu {}, outer: CurveSpec::Sigmoid {} };
            squeeze_excite(net, gate)?;
        }
        net.conv(conv3, Filter::new(channels, 1))?.bn(bn3).map(drop)
    };
    let shortcut = |net: &mut Net<'_>| match is_first {
        true => {
            let [conv, bn] = names.shortcut;
            net.conv(conv, Filter::new(channels, 1).stride(stride))?.bn(bn).map(drop)
        }
        false => Ok(()),
    };
    net.residual(body, shortcut)?.relu().map(drop)
}
