//! Residual nets: ResNet (He et al., Deep Residual Learning for Image Recognition, 2015), ResNeXt (Xie et al., 2016),
//! wide ResNets for ImageNet (Zagoruyko and Komodakis, 2016) and pre-activation (He et al., Identity Mappings, 2016).

use super::net::{Filter, Made, Net, identity};
use super::{CIFAR, CIFAR_PLAIN, Entry, IMAGENET};
use crate::model::operations::Pad;

/// The sizes of a ResNet of four stages.
#[derive(Clone, Copy)]
struct Sizes {
    blocks: [usize; 4],
    /// Blocks are of three convolutions, and end in four times as many channels.
    is_deep: bool,
    groups: usize,
    /// The channels of the first group of bottlenecks: `width_per_group` of torchvision.
    group_width: usize,
}

/// How names are built: `downsample.0` and `fc` at torchvision and timm, `shortcut.0` and `linear` at kuangliu.
#[derive(Clone, Copy)]
struct Names {
    shortcut: &'static str,
    last: &'static str,
}

const TORCHVISION: Names = Names { shortcut: "downsample", last: "fc" };
const KUANGLIU: Names = Names { shortcut: "shortcut", last: "linear" };

const fn plain(blocks: [usize; 4], is_deep: bool) -> Sizes {
    Sizes { blocks, is_deep, groups: 1, group_width: 64 }
}

/// The numbers of blocks in each stage (He et al. 2015, table 1).
const DEPTHS: [(usize, [usize; 4], bool); 5] = [
    (18, [2, 2, 2, 2], false),
    (34, [3, 4, 6, 3], false),
    (50, [3, 4, 6, 3], true),
    (101, [3, 4, 23, 3], true),
    (152, [3, 8, 36, 3], true),
];

pub fn entries() -> Vec<Entry> {
    let mut list = Vec::new();
    for (depth, blocks, is_deep) in DEPTHS {
        let sizes = plain(blocks, is_deep);
        let entry = Entry::new(format!("resnet{depth}"), format!("ResNet with {depth} layers"))
            .convention("torchvision and timm", IMAGENET, move |net| resnet(net, sizes))
            .convention("kuangliu", CIFAR, move |net| cifar_resnet(net, sizes, KUANGLIU))
            .convention("torchvision, with a first layer of 3×3 for CIFAR", CIFAR, move |net| {
                cifar_resnet(net, sizes, TORCHVISION)
            });
        list.push(entry);
    }
    for (name, blocks, groups, group_width) in [
        ("resnext50-32x4d", [3, 4, 6, 3], 32, 4),
        ("resnext101-32x8d", [3, 4, 23, 3], 32, 8),
        ("resnext101-64x4d", [3, 4, 23, 3], 64, 4),
        ("wide-resnet50-2", [3, 4, 6, 3], 1, 128),
        ("wide-resnet101-2", [3, 4, 23, 3], 1, 128),
    ] {
        let sizes = Sizes { blocks, is_deep: true, groups, group_width };
        let about = if groups > 1 { "ResNeXt: ResNet with groups" } else { "ResNet with wider blocks" };
        list.push(Entry::new(name, about).convention("torchvision and timm", IMAGENET, move |net| resnet(net, sizes)));
    }
    for (depth, blocks, is_deep) in DEPTHS {
        let about = format!("ResNet with {depth} layers and pre-activation, for CIFAR");
        let (sizes, usual) = (plain(blocks, is_deep), CIFAR_PLAIN);
        list.push(Entry::new(format!("preact{depth}"), about).alias(format!("preactresnet{depth}")).convention(
            "kuangliu",
            usual,
            move |net| preact(net, sizes, Shortcut::Activated),
        ));
        if !is_deep {
            let about = format!("preact{depth} whose shortcuts read what was not normalised, as in RobustBench");
            list.push(
                Entry::new(format!("preact{depth}-raw"), about)
                    .convention("RobustBench", usual, move |net| preact(net, sizes, Shortcut::Raw)),
            );
        }
    }
    for depth in [20, 32, 44, 56, 110] {
        let blocks = (depth - 2) / 6;
        list.push(
            Entry::new(format!("resnet{depth}"), format!("ResNet with {depth} layers, for CIFAR"))
                .alias(format!("cifar10-resnet{depth}"))
                .alias(format!("cifar100-resnet{depth}"))
                .convention("akamaster", IMAGENET.of_side(32), move |net| thin(net, blocks, None, "linear"))
                .convention("akamaster, option B", IMAGENET.of_side(32), move |net| {
                    thin(net, blocks, Some("shortcut"), "linear")
                })
                .convention("chenyaofo", CIFAR, move |net| thin(net, blocks, Some("downsample"), "fc")),
        );
    }
    list
}

fn resnet(net: &mut Net<'_>, sizes: Sizes) -> Made {
    net.conv_bn_relu("conv1", "bn1", Filter::new(64, 7).stride(2))?.max_pool(3, 2, 1)?;
    stages(net, |net, stage, stride| block(net, sizes, stage, stride, TORCHVISION.shortcut), sizes)?;
    net.global_pool()?.classifier(TORCHVISION.last).map(drop)
}

/// A ResNet whose first layer keeps all pixels.
fn cifar_resnet(net: &mut Net<'_>, sizes: Sizes, names: Names) -> Made {
    net.conv_bn_relu("conv1", "bn1", Filter::new(64, 3))?;
    stages(net, |net, stage, stride| block(net, sizes, stage, stride, names.shortcut), sizes)?;
    net.global_pool()?.classifier(names.last).map(drop)
}

/// Adds `layer1.0` to `layer4.…`; the first block of each stage but the first halves height and width.
fn stages(net: &mut Net<'_>, block: impl Fn(&mut Net<'_>, usize, usize) -> Made, sizes: Sizes) -> Made {
    for (stage, blocks) in sizes.blocks.into_iter().enumerate() {
        for at in 0..blocks {
            let stride = if stage > 0 && at == 0 { 2 } else { 1 };
            net.within(format!("layer{}.{at}", stage + 1), |net| block(net, stage, stride))?;
        }
    }
    Ok(())
}

fn block(net: &mut Net<'_>, sizes: Sizes, stage: usize, stride: usize, shortcut: &str) -> Made {
    let planes = 64 << stage;
    let outputs = if sizes.is_deep { 4 * planes } else { planes };
    let keeps = stride == 1 && net.channels() == outputs;
    let width = planes * sizes.group_width / 64 * sizes.groups;
    let body = |net: &mut Net<'_>| {
        if sizes.is_deep {
            net.conv_bn_relu("conv1", "bn1", Filter::new(width, 1))?;
            net.conv_bn_relu("conv2", "bn2", Filter::new(width, 3).stride(stride).groups(sizes.groups))?;
            return net.conv("conv3", Filter::new(outputs, 1))?.bn("bn3").map(drop);
        }
        net.conv_bn_relu("conv1", "bn1", Filter::new(outputs, 3).stride(stride))?;
        net.conv("conv2", Filter::new(outputs, 3))?.bn("bn2").map(drop)
    };
    let projection = |net: &mut Net<'_>| if keeps { Ok(()) } else { project(net, shortcut, outputs, stride) };
    net.residual(body, projection)?.relu().map(drop)
}

fn project(net: &mut Net<'_>, name: &str, outputs: usize, stride: usize) -> Made {
    net.within(name, |net| net.conv("0", Filter::new(outputs, 1).stride(stride))?.bn("1").map(drop)).map(drop)
}

/// What the shortcut of a block with pre-activation reads where it is a convolution. No tensor tells.
#[derive(Clone, Copy, PartialEq)]
enum Shortcut {
    /// It reads the result of the first batch normalisation and ReLU.
    Activated,
    /// It reads the input of the block.
    Raw,
}

/// A ResNet with pre-activation, which RobustBench may end with a batch normalisation.
fn preact(net: &mut Net<'_>, sizes: Sizes, shortcut: Shortcut) -> Made {
    net.conv("conv1", Filter::new(64, 3))?;
    stages(net, |net, stage, stride| preact_block(net, sizes.is_deep, stage, stride, shortcut), sizes)?;
    if net.has("bn.weight") {
        net.bn("bn")?.relu()?;
    }
    net.global_pool()?.classifier("linear").map(drop)
}

fn preact_block(net: &mut Net<'_>, is_deep: bool, stage: usize, stride: usize, shortcut: Shortcut) -> Made {
    let planes = 64 << stage;
    let outputs = if is_deep { 4 * planes } else { planes };
    let x = net.value();
    let keeps = stride == 1 && net.channels() == outputs;
    let activated = net.bn("bn1")?.relu()?.value();
    let body = |net: &mut Net<'_>| {
        if is_deep {
            net.conv_bn_relu("conv1", "bn2", Filter::new(planes, 1))?;
            net.conv_bn_relu("conv2", "bn3", Filter::new(planes, 3).stride(stride))?;
            return net.conv("conv3", Filter::new(outputs, 1)).map(drop);
        }
        net.conv_bn_relu("conv1", "bn2", Filter::new(outputs, 3).stride(stride))?;
        net.conv("conv2", Filter::new(outputs, 3)).map(drop)
    };
    let projection = |net: &mut Net<'_>| match keeps {
        true => identity(net.at(x)),
        false => {
            let from = if shortcut == Shortcut::Raw { x } else { activated };
            net.at(from).conv("shortcut.0", Filter::new(outputs, 1).stride(stride)).map(drop)
        }
    };
    net.residual(body, projection).map(drop)
}

/// Adds a ResNet of three stages of 16, 32 and 64 channels. Its shortcuts are convolutions (option B); without a name
/// for them, they take every second pixel and put channels of zeros before and after (option A).
fn thin(net: &mut Net<'_>, blocks: usize, shortcut: Option<&str>, last: &str) -> Made {
    net.conv_bn_relu("conv1", "bn1", Filter::new(16, 3))?;
    for (stage, channels) in [16, 32, 64].into_iter().enumerate() {
        for at in 0..blocks {
            let stride = if stage > 0 && at == 0 { 2 } else { 1 };
            let body = |net: &mut Net<'_>| {
                net.conv_bn_relu("conv1", "bn1", Filter::new(channels, 3).stride(stride))?;
                net.conv("conv2", Filter::new(channels, 3))?.bn("bn2").map(drop)
            };
            let shortcut = |net: &mut Net<'_>| match (stride, shortcut) {
                (1, _) => Ok(()),
                (_, Some(name)) => project(net, name, channels, stride),
                (_, None) => pad_channels(net, channels / 4),
            };
            net.within(format!("layer{}.{at}", stage + 1), |net| net.residual(body, shortcut)?.relu().map(drop))?;
        }
    }
    net.global_pool()?.classifier(last).map(drop)
}

fn pad_channels(net: &mut Net<'_>, count: usize) -> Made {
    let [_, height, width] = net.planes()?;
    net.slice(1, 0, height, 2)?.slice(2, 0, width, 2)?;
    let sides = vec![count, 0, 0];
    net.then(Pad { mode: Default::default(), value: 0.0, before: sides.clone(), after: sides }).map(drop)
}
