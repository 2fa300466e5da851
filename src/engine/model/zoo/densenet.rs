//! DenseNets: each layer reads the outputs of all layers before it (Huang et al., Densely Connected Convolutional
//! Networks, 2016).

use super::net::{Filter, Made, Net};
use super::{CIFAR, Entry, IMAGENET};

/// The depth, the channels that each layer adds, and the layers of each block (Huang et al. 2016, table 1).
const NETS: [(usize, usize, [usize; 4]); 4] =
    [(121, 32, [6, 12, 24, 16]), (161, 48, [6, 12, 36, 24]), (169, 32, [6, 12, 32, 32]), (201, 32, [6, 12, 48, 32])];

/// The names of a layer's parts. torchvision had another form before its version 0.2.
const LAYER: [&str; 4] = ["norm1", "conv1", "norm2", "conv2"];
const OLD_LAYER: [&str; 4] = ["norm.1", "conv.1", "norm.2", "conv.2"];
const KUANGLIU_LAYER: [&str; 4] = ["bn1", "conv1", "bn2", "conv2"];

pub fn entries() -> Vec<Entry> {
    let net = |(depth, growth, blocks)| {
        Entry::new(format!("densenet{depth}"), format!("DenseNet with {depth} layers"))
            .convention("torchvision and timm", IMAGENET, move |net| densenet(net, growth, blocks, LAYER))
            .convention("torchvision, of old", IMAGENET, move |net| densenet(net, growth, blocks, OLD_LAYER))
            .convention("kuangliu", CIFAR, move |net| cifar_densenet(net, growth, blocks))
    };
    NETS.into_iter().map(net).collect()
}

fn densenet(net: &mut Net<'_>, growth: usize, blocks: [usize; 4], names: [&str; 4]) -> Made {
    net.within("features", |net| {
        net.conv_bn_relu("conv0", "norm0", Filter::new(2 * growth, 7).stride(2))?.max_pool(3, 2, 1)?;
        for (block, layers) in (1..).zip(blocks) {
            for at in 1..=layers {
                net.within(format!("denseblock{block}.denselayer{at}"), |net| layer(net, growth, names, false))?;
            }
            if block < blocks.len() {
                net.within(format!("transition{block}"), |net| transition(net, "norm"))?;
            }
        }
        net.bn("norm5")?.relu()?.global_pool().map(drop)
    })?;
    net.classifier("classifier").map(drop)
}

fn cifar_densenet(net: &mut Net<'_>, growth: usize, blocks: [usize; 4]) -> Made {
    net.conv("conv1", Filter::new(2 * growth, 3))?;
    for (block, layers) in (1..).zip(blocks) {
        for at in 0..layers {
            net.within(format!("dense{block}.{at}"), |net| layer(net, growth, KUANGLIU_LAYER, true))?;
        }
        if block < blocks.len() {
            net.within(format!("trans{block}"), |net| transition(net, "bn"))?;
        }
    }
    net.bn("bn")?.relu()?.global_pool()?.classifier("linear").map(drop)
}

/// Joins what it read with `growth` more channels, which kuangliu puts first.
fn layer(net: &mut Net<'_>, growth: usize, names: [&str; 4], new_first: bool) -> Made {
    let [norm1, conv1, norm2, conv2] = names;
    let x = net.value();
    net.bn(norm1)?.relu()?.conv_bn_relu(conv1, norm2, Filter::new(4 * growth, 1))?;
    let new = net.conv(conv2, Filter::new(growth, 3))?.value();
    net.join(0, &if new_first { [new, x] } else { [x, new] }).map(drop)
}

/// Halves channels, height and width.
fn transition(net: &mut Net<'_>, norm: &str) -> Made {
    let half = net.channels() / 2;
    net.bn(norm)?.relu()?.conv("conv", Filter::new(half, 1))?.avg_pool(2, 2, 0).map(drop)
}
