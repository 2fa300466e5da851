//! Nets without shortcuts: AlexNet (Krizhevsky, One Weird Trick, 2014), VGG (Simonyan and Zisserman, 2014) and
//! SqueezeNet (Iandola et al., 2016).

use super::net::{Filter, Made, Net};
use super::{CIFAR, Entry, IMAGENET};
use crate::model::operations::AdaptiveAvgPool2d;

/// The numbers of convolutions in each of the five stages of a VGG (Simonyan and Zisserman 2014, table 1).
const VGG: [(usize, [usize; 5]); 4] =
    [(11, [1, 1, 2, 2, 2]), (13, [2, 2, 2, 2, 2]), (16, [2, 2, 3, 3, 3]), (19, [2, 2, 4, 4, 4])];

pub fn entries() -> Vec<Entry> {
    let mut list = vec![Entry::new("alexnet", "AlexNet").convention("torchvision", IMAGENET, alexnet)];
    for (depth, stages) in VGG {
        for has_norm in [false, true] {
            let end = if has_norm { "-bn" } else { "" };
            let norm = if has_norm { " and batch normalisation" } else { "" };
            let heads = [[0, 3, 6], [1, 4, 6]];
            let mut entry = Entry::new(format!("vgg{depth}{end}"), format!("VGG with {depth} layers{norm}"))
                .convention("torchvision", IMAGENET, move |net| vgg(net, stages, has_norm))
                .convention("timm", IMAGENET, move |net| timm_vgg(net, stages, has_norm))
                .convention("kuangliu", CIFAR, move |net| cifar_vgg(net, stages, has_norm, None));
            for (whose, head) in ["chenyaofo", "chengyangfu"].into_iter().zip(heads) {
                entry = entry.convention(whose, CIFAR, move |net| cifar_vgg(net, stages, has_norm, Some(head)));
            }
            list.push(entry.alias(format!("cifar10-vgg{depth}{end}")).alias(format!("cifar100-vgg{depth}{end}")));
        }
    }
    list.push(Entry::new("squeezenet1-0", "SqueezeNet 1.0").convention("torchvision", IMAGENET, squeezenet1_0));
    list.push(Entry::new("squeezenet1-1", "SqueezeNet 1.1").convention("torchvision", IMAGENET, squeezenet1_1));
    list
}

fn alexnet(net: &mut Net<'_>) -> Made {
    let filters = [
        ("0", Filter::new(64, 11).stride(4).padding(2), true),
        ("3", Filter::new(192, 5), true),
        ("6", Filter::new(384, 3), false),
        ("8", Filter::new(256, 3), false),
        ("10", Filter::new(256, 3), true),
    ];
    net.within("features", |net| {
        filters.into_iter().try_for_each(|(name, filter, has_pool)| {
            net.conv(name, filter.bias())?.relu()?;
            if has_pool { net.max_pool(3, 2, 0).map(drop) } else { Ok(()) }
        })
    })?;
    adaptive_pool(net, 6)?;
    net.flatten()?.dropout(0.5)?.linear("classifier.1", 4096)?.relu()?.dropout(0.5)?;
    net.linear("classifier.4", 4096)?.relu()?.classifier("classifier.6").map(drop)
}

/// Makes planes of `side × side` pixels, if they are not so already.
fn adaptive_pool(net: &mut Net<'_>, side: usize) -> Made {
    let [_, height, width] = net.planes()?;
    if [height, width] == [side, side] { Ok(()) } else { net.then(AdaptiveAvgPool2d { size: [side, side] }).map(drop) }
}

/// Adds the convolutions; names are numbers of modules, of which ReLU and pools are some.
fn vgg_features(net: &mut Net<'_>, stages: [usize; 5], has_norm: bool) -> Made {
    let mut module = 0;
    net.within("features", |net| {
        for (stage, convs) in stages.into_iter().enumerate() {
            for _ in 0..convs {
                net.conv(&module.to_string(), Filter::new((64 << stage).min(512), 3).bias())?;
                if has_norm {
                    net.bn(&(module + 1).to_string())?;
                }
                net.relu()?;
                module += if has_norm { 3 } else { 2 };
            }
            net.max_pool(2, 2, 0)?;
            module += 1;
        }
        Ok(())
    })
    .map(drop)
}

fn vgg(net: &mut Net<'_>, stages: [usize; 5], has_norm: bool) -> Made {
    vgg_features(net, stages, has_norm)?;
    adaptive_pool(net, 7)?;
    net.flatten()?.linear("classifier.0", 4096)?.relu()?.dropout(0.5)?;
    net.linear("classifier.3", 4096)?.relu()?.dropout(0.5)?.classifier("classifier.6").map(drop)
}

/// timm keeps the first fully connected layers as convolutions.
fn timm_vgg(net: &mut Net<'_>, stages: [usize; 5], has_norm: bool) -> Made {
    vgg_features(net, stages, has_norm)?;
    net.conv("pre_logits.fc1", Filter::new(4096, 7).padding(0).bias())?.relu()?;
    net.conv("pre_logits.fc2", Filter::new(4096, 1).bias())?.relu()?;
    net.global_pool()?.classifier("head.fc").map(drop)
}

/// A VGG that ends in 512 features: with one linear layer, or with three that have these numbers.
fn cifar_vgg(net: &mut Net<'_>, stages: [usize; 5], has_norm: bool, head: Option<[usize; 3]>) -> Made {
    vgg_features(net, stages, has_norm)?;
    net.flatten()?;
    let Some([first, second, last]) = head else { return net.classifier("classifier").map(drop) };
    net.within("classifier", |net| {
        net.linear(&first.to_string(), 512)?.relu()?.linear(&second.to_string(), 512)?.relu()?;
        net.classifier(&last.to_string()).map(drop)
    })
    .map(drop)
}

fn squeezenet1_0(net: &mut Net<'_>) -> Made {
    net.conv("features.0", Filter::new(96, 7).stride(2).padding(0).bias())?.relu()?;
    squeezenet(net, [3, 4, 5, 7, 8, 9, 10, 12], &[3, 7, 12])
}

fn squeezenet1_1(net: &mut Net<'_>) -> Made {
    net.conv("features.0", Filter::new(64, 3).stride(2).padding(0).bias())?.relu()?;
    squeezenet(net, [3, 4, 6, 7, 9, 10, 11, 12], &[3, 6, 9])
}

/// Adds the fire modules of these numbers, some behind a pool, and the head, which is a convolution.
fn squeezenet(net: &mut Net<'_>, modules: [usize; 8], pooled: &[usize]) -> Made {
    for (module, squeeze) in modules.into_iter().zip([16, 16, 32, 32, 48, 48, 64, 64]) {
        if pooled.contains(&module) {
            net.max_pool_ceil(3, 2, 0)?;
        }
        net.within(format!("features.{module}"), |net| {
            let x = net.conv("squeeze", Filter::new(squeeze, 1).bias())?.relu()?.value();
            let expand = |kernel: usize| {
                move |net: &mut Net<'_>| {
                    let filter = Filter::new(4 * squeeze, kernel).bias();
                    net.conv(&format!("expand{kernel}x{kernel}"), filter)?.relu().map(drop)
                }
            };
            let parts = [net.branch(x, expand(1))?, net.branch(x, expand(3))?];
            net.join(0, &parts).map(drop)
        })?;
    }
    let classes = net.classes("classifier.1");
    net.dropout(0.5)?.conv("classifier.1", Filter::new(classes, 1).bias())?.relu()?.global_pool()?.flatten().map(drop)
}
