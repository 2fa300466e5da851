//! ShuffleNet v2 (Ma et al., 2018), with the names of torchvision.

use super::net::{Filter, Made, Net};
use super::{Entry, IMAGENET};

/// The channels of the three stages and of the last convolution (Ma et al. 2018, table 5).
const NETS: [(&str, [usize; 4]); 4] = [
    ("x0-5", [48, 96, 192, 1024]),
    ("x1-0", [116, 232, 464, 1024]),
    ("x1-5", [176, 352, 704, 1024]),
    ("x2-0", [244, 488, 976, 2048]),
];

pub fn entries() -> Vec<Entry> {
    let net = |(size, channels)| {
        Entry::new(format!("shufflenet-v2-{size}"), "ShuffleNet v2")
            .convention("torchvision", IMAGENET, move |net| shufflenet(net, channels))
    };
    NETS.into_iter().map(net).collect()
}

fn shufflenet(net: &mut Net<'_>, [a, b, c, last]: [usize; 4]) -> Made {
    net.conv_bn_relu("conv1.0", "conv1.1", Filter::new(24, 3).stride(2))?.max_pool(3, 2, 1)?;
    for ((stage, channels), blocks) in (2..).zip([a, b, c]).zip([4, 8, 4]) {
        for at in 0..blocks {
            net.within(format!("stage{stage}.{at}"), |net| block(net, channels, at == 0))?;
        }
    }
    net.conv_bn_relu("conv5.0", "conv5.1", Filter::new(last, 1))?.global_pool()?.classifier("fc").map(drop)
}

/// The first block of a stage halves height and width in both branches; in others, half of the channels pass.
fn block(net: &mut Net<'_>, channels: usize, is_first: bool) -> Made {
    let (x, half, stride) = (net.value(), channels / 2, if is_first { 2 } else { 1 });
    let kept = net.branch(x, |net| {
        match is_first {
            true => net.within("branch1", |net| {
                net.depthwise("0", 3, stride)?.bn("1")?.conv_bn_relu("2", "3", Filter::new(half, 1)).map(drop)
            }),
            false => net.slice(0, 0, half, 1),
        }
        .map(drop)
    })?;
    let changed = net.branch(x, |net| {
        if !is_first {
            net.slice(0, half, channels, 1)?;
        }
        net.within("branch2", |net| {
            net.conv_bn_relu("0", "1", Filter::new(half, 1))?.depthwise("3", 3, stride)?.bn("4")?;
            net.conv_bn_relu("5", "6", Filter::new(half, 1)).map(drop)
        })
        .map(drop)
    })?;
    let [_, height, width] = net.join(0, &[kept, changed])?.planes()?;
    // Channels of the two branches come in turn.
    net.reshape(&[2, half, height, width])?.transpose(&[1, 0, 2, 3])?.reshape(&[channels, height, width]).map(drop)
}
