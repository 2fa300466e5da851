//! ConvNeXt (Liu et al., A ConvNet for the 2020s, 2022).

use super::net::{Filter, Made, Net, identity};
use super::{Entry, IMAGENET};
use crate::model::operations::{BinarySpec, CurveSpec};

/// The numbers of blocks, and the channels of the first stage, which double with each.
const NETS: [(&str, [usize; 4], usize); 4] = [
    ("tiny", [3, 3, 9, 3], 96),
    ("small", [3, 3, 27, 3], 96),
    ("base", [3, 3, 27, 3], 128),
    ("large", [3, 3, 27, 3], 192),
];

const EPS: f32 = 1e-6;

pub fn entries() -> Vec<Entry> {
    let net = |(size, blocks, width)| {
        Entry::new(format!("convnext-{size}"), format!("ConvNeXt, {size}"))
            .convention("torchvision", IMAGENET, move |net| convnext(net, blocks, width, &TORCHVISION))
            .convention("timm", IMAGENET, move |net| convnext(net, blocks, width, &TIMM))
            .convention("facebookresearch", IMAGENET, move |net| convnext(net, blocks, width, &FACEBOOK))
    };
    NETS.into_iter().map(net).collect()
}

/// The names of the parts.
struct Names {
    /// The first convolution with its normalisation.
    stem: [&'static str; 2],
    /// What stands in front of stage `1` and later: normalisation and convolution.
    between: fn(stage: usize) -> [String; 2],
    block: fn(stage: usize, at: usize) -> String,
    /// Depthwise convolution, normalisation, two linear layers.
    parts: [&'static str; 4],
    /// The scale of each channel.
    scale: &'static str,
    scale_has_pixels: bool,
    head: [&'static str; 2],
}

const TORCHVISION: Names = Names {
    stem: ["features.0.0", "features.0.1"],
    between: |stage| [0, 1].map(|part| format!("features.{}.{part}", 2 * stage)),
    block: |stage, at| format!("features.{}.{at}", 2 * stage + 1),
    parts: ["block.0", "block.2", "block.3", "block.5"],
    scale: "layer_scale",
    scale_has_pixels: true,
    head: ["classifier.0", "classifier.2"],
};

const TIMM: Names = Names {
    stem: ["stem.0", "stem.1"],
    between: |stage| [0, 1].map(|part| format!("stages.{stage}.downsample.{part}")),
    block: |stage, at| format!("stages.{stage}.blocks.{at}"),
    parts: ["conv_dw", "norm", "mlp.fc1", "mlp.fc2"],
    scale: "gamma",
    scale_has_pixels: false,
    head: ["head.norm", "head.fc"],
};

const FACEBOOK: Names = Names {
    stem: ["downsample_layers.0.0", "downsample_layers.0.1"],
    between: |stage| [0, 1].map(|part| format!("downsample_layers.{stage}.{part}")),
    block: |stage, at| format!("stages.{stage}.{at}"),
    parts: ["dwconv", "norm", "pwconv1", "pwconv2"],
    scale: "gamma",
    scale_has_pixels: false,
    head: ["norm", "head"],
};

fn convnext(net: &mut Net<'_>, blocks: [usize; 4], width: usize, names: &Names) -> Made {
    let [conv, norm] = names.stem;
    net.conv(conv, Filter::new(width, 4).stride(4).padding(0).bias())?;
    channels_last(net, |net| net.layer_norm(norm, EPS).map(drop))?;
    for (stage, blocks) in blocks.into_iter().enumerate() {
        let channels = width << stage;
        if stage > 0 {
            let [norm, conv] = (names.between)(stage);
            channels_last(net, |net| net.layer_norm(&norm, EPS).map(drop))?;
            net.conv(&conv, Filter::new(channels, 2).stride(2).padding(0).bias())?;
        }
        for at in 0..blocks {
            net.within((names.block)(stage, at), |net| net.residual(|net| body(net, names), identity).map(drop))?;
        }
    }
    let [norm, last] = names.head;
    net.global_pool()?.flatten()?.layer_norm(norm, EPS)?.classifier(last).map(drop)
}

fn body(net: &mut Net<'_>, names: &Names) -> Made {
    let [conv, norm, first, second] = names.parts;
    let channels = net.channels();
    net.conv(conv, Filter::new(channels, 7).groups(channels).bias())?;
    channels_last(net, |net| {
        net.layer_norm(norm, EPS)?.linear(first, 4 * channels)?.then(CurveSpec::Gelu { tanh: false })?;
        net.linear(second, channels).map(drop)
    })?;
    let x = net.value();
    // The scale as the file has it, then as planes of one pixel.
    let shape = [channels, 1, 1];
    net.tensor(names.scale, if names.scale_has_pixels { &shape } else { &shape[..1] })?;
    if !names.scale_has_pixels {
        net.reshape(&shape)?;
    }
    let scale = net.value();
    net.push(BinarySpec::Multiply {}, &[x, scale]).map(drop)
}

/// Adds operations on height × width × channels.
fn channels_last(net: &mut Net<'_>, make: impl FnOnce(&mut Net<'_>) -> Made) -> Made {
    make(net.transpose(&[1, 2, 0])?)?;
    net.transpose(&[2, 0, 1]).map(drop)
}
