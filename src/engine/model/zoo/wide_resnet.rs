//! Wide residual nets for CIFAR (Zagoruyko and Komodakis, Wide Residual Networks, 2016), the usual nets of adversarial
//! training.

use super::net::{Filter, Made, Net};
use super::{CIFAR_PLAIN, Entry, Usual};
use crate::kernels::Padding;
use crate::model::operations::CurveSpec;

/// The means and deviations that DeepMind's nets for CIFAR-10 apply to their pixels.
const DEEPMIND: Usual = Usual { side: 32, mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] };

pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("wrn", "wide ResNet for CIFAR, of a depth and a width")
            .alias("wide-resnet")
            .sized([28, 10])
            .convention("RobustBench", CIFAR_PLAIN, |net| wrn(net, &ROBUSTBENCH))
            .spare(&["sub_block1."]),
        Entry::new("dm-wrn", "wide ResNet for CIFAR with SiLU, DeepMind's").sized([28, 10]).convention(
            "DeepMind",
            DEEPMIND,
            |net| wrn(net, &DEEPMIND_SILU),
        ),
        Entry::new("dm-wrn-relu", "wide ResNet for CIFAR with ReLU, DeepMind's").sized([28, 10]).convention(
            "DeepMind",
            DEEPMIND,
            |net| wrn(net, &Variant { curve: CurveSpec::Relu {}, ..DEEPMIND_SILU }),
        ),
    ]
}

/// Ways of writing a wide ResNet differ in these.
struct Variant {
    curve: CurveSpec,
    /// Convolutions of stride 2 are padded at the bottom and at the right only.
    pads_after: bool,
    first: &'static str,
    /// The name of block `at` of a group from 0.
    block: fn(group: usize, at: usize) -> String,
    norms: [&'static str; 2],
    convs: [&'static str; 2],
    shortcut: &'static str,
    last: [&'static str; 2],
}

const ROBUSTBENCH: Variant = Variant {
    curve: CurveSpec::Relu {},
    pads_after: false,
    first: "conv1",
    block: |group, at| format!("block{}.layer.{at}", group + 1),
    norms: ["bn1", "bn2"],
    convs: ["conv1", "conv2"],
    shortcut: "convShortcut",
    last: ["bn1", "fc"],
};

const DEEPMIND_SILU: Variant = Variant {
    curve: CurveSpec::Silu {},
    pads_after: true,
    first: "init_conv",
    block: |group, at| format!("layer.{group}.block.{at}"),
    norms: ["batchnorm_0", "batchnorm_1"],
    convs: ["conv_0", "conv_1"],
    shortcut: "shortcut",
    last: ["batchnorm", "logits"],
};

fn wrn(net: &mut Net<'_>, variant: &Variant) -> Made {
    let [depth, width] = net.sizes;
    if depth < 10 || !(depth - 4).is_multiple_of(6) {
        return Err(format!("the depth is {depth}; expected 6·n + 4, such as 28 or 34"));
    }
    net.conv(variant.first, Filter::new(16, 3))?;
    for group in 0..3 {
        for at in 0..(depth - 4) / 6 {
            let stride = if group > 0 && at == 0 { 2 } else { 1 };
            net.within((variant.block)(group, at), |net| block(net, variant, (16 * width) << group, stride))?;
        }
    }
    let [norm, last] = variant.last;
    net.bn(norm)?.then(variant.curve.clone())?.global_pool()?.classifier(last).map(drop)
}

/// Where the number of channels changes, the shortcut is a convolution of what was normalised.
fn block(net: &mut Net<'_>, variant: &Variant, channels: usize, stride: usize) -> Made {
    let keeps = net.channels() == channels;
    let x = net.value();
    let ([bn1, bn2], [conv1, conv2]) = (variant.norms, variant.convs);
    let activated = net.bn(bn1)?.then(variant.curve.clone())?.value();
    let filter = Filter::new(channels, 3).stride(stride);
    let first = match stride {
        2 if variant.pads_after => filter.pad_sides(Padding { before: [0, 0], after: [1, 1] }),
        _ => filter,
    };
    let body = |net: &mut Net<'_>| {
        net.conv(conv1, first)?.bn(bn2)?.then(variant.curve.clone())?.conv(conv2, Filter::new(channels, 3)).map(drop)
    };
    let shortcut = |net: &mut Net<'_>| match keeps {
        true => {
            net.at(x);
            Ok(())
        }
        false => net.at(activated).conv(variant.shortcut, Filter::new(channels, 1).stride(stride)).map(drop),
    };
    net.residual(body, shortcut).map(drop)
}
