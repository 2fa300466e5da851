//! GoogLeNet (Szegedy et al., Going Deeper with Convolutions, 2014) with batch normalisation, and Inception v3
//! (Szegedy et al., Rethinking the Inception Architecture, 2015), with the names of torchvision.

use super::net::{Filter, Made, Net, identity};
use super::{Entry, HALF};

/// torchvision scales ImageNet's normalisation back inside both nets: their weights are for pixels from −1 to 1.
pub fn entries() -> Vec<Entry> {
    vec![
        Entry::new("googlenet", "GoogLeNet (Inception v1) with batch normalisation")
            .convention("torchvision", HALF, googlenet)
            .spare(&["aux1.", "aux2."]),
        Entry::new("inception-v3", "Inception v3")
            .alias("tf_inception_v3")
            .convention("torchvision and timm", HALF.of_side(299), inception_v3)
            .spare(&["AuxLogits."]),
    ]
}

/// The eps of all batch normalisations.
const EPS: f64 = 1e-3;

/// Convolutions in a row, each with its name, from what a branch begins with.
struct Branch {
    begin: fn(&mut Net<'_>) -> Made,
    convs: Vec<(&'static str, Filter)>,
}

fn plain<const N: usize>(convs: [(&'static str, Filter); N]) -> Branch {
    behind(identity, convs)
}

fn behind<const N: usize>(begin: fn(&mut Net<'_>) -> Made, convs: [(&'static str, Filter); N]) -> Branch {
    Branch { begin, convs: convs.into() }
}

/// Adds a convolution with batch normalisation and ReLU.
fn basic(net: &mut Net<'_>, name: &str, filter: Filter) -> Made {
    net.within(name, |net| net.conv_bn_relu("conv", "bn", filter).map(drop)).map(drop)
}

/// Joins the channels of branches.
fn branches(net: &mut Net<'_>, name: &str, branches: &[Branch]) -> Made {
    net.within(name, |net| {
        let x = net.value();
        let parts = branches.iter().map(|branch| {
            net.branch(x, |net| {
                (branch.begin)(net)?;
                branch.convs.iter().try_for_each(|(name, filter)| basic(net, name, *filter))
            })
        });
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        net.join(0, &parts).map(drop)
    })
    .map(drop)
}

/// The channels of GoogLeNet's modules (Szegedy et al. 2014, table 1), and whether a pool is behind one.
const MODULES: [(&str, [usize; 6], Option<usize>); 9] = [
    ("inception3a", [64, 96, 128, 16, 32, 32], None),
    ("inception3b", [128, 128, 192, 32, 96, 64], Some(3)),
    ("inception4a", [192, 96, 208, 16, 48, 64], None),
    ("inception4b", [160, 112, 224, 24, 64, 64], None),
    ("inception4c", [128, 128, 256, 24, 64, 64], None),
    ("inception4d", [112, 144, 288, 32, 64, 64], None),
    ("inception4e", [256, 160, 320, 32, 128, 128], Some(2)),
    ("inception5a", [256, 160, 320, 32, 128, 128], None),
    ("inception5b", [384, 192, 384, 48, 128, 128], None),
];

fn googlenet(net: &mut Net<'_>) -> Made {
    net.eps = EPS;
    basic(net, "conv1", Filter::new(64, 7).stride(2))?;
    net.max_pool_ceil(3, 2, 0)?;
    basic(net, "conv2", Filter::new(64, 1))?;
    basic(net, "conv3", Filter::new(192, 3))?;
    net.max_pool_ceil(3, 2, 0)?;
    let pool: fn(&mut Net<'_>) -> Made = |net| net.max_pool_ceil(3, 1, 1).map(drop);
    for (name, [one, before_three, three, before_five, five, pooled], next_pool) in MODULES {
        // The third branch has 3×3 kernels at torchvision, where the paper has 5×5.
        let parts = [
            plain([("branch1", Filter::new(one, 1))]),
            plain([("branch2.0", Filter::new(before_three, 1)), ("branch2.1", Filter::new(three, 3))]),
            plain([("branch3.0", Filter::new(before_five, 1)), ("branch3.1", Filter::new(five, 3))]),
            behind(pool, [("branch4.1", Filter::new(pooled, 1))]),
        ];
        branches(net, name, &parts)?;
        if let Some(kernel) = next_pool {
            net.max_pool_ceil(kernel, 2, 0)?;
        }
    }
    net.global_pool()?.flatten()?.dropout(0.8)?.classifier("fc").map(drop)
}

fn inception_v3(net: &mut Net<'_>) -> Made {
    net.eps = EPS;
    basic(net, "Conv2d_1a_3x3", Filter::new(32, 3).stride(2).padding(0))?;
    basic(net, "Conv2d_2a_3x3", Filter::new(32, 3).padding(0))?;
    basic(net, "Conv2d_2b_3x3", Filter::new(64, 3))?;
    net.max_pool(3, 2, 0)?;
    basic(net, "Conv2d_3b_1x1", Filter::new(80, 1))?;
    basic(net, "Conv2d_4a_3x3", Filter::new(192, 3).padding(0))?;
    net.max_pool(3, 2, 0)?;
    for (name, pooled) in [("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)] {
        module_a(net, name, pooled)?;
    }
    let double = [
        ("branch3x3dbl_1", Filter::new(64, 1)),
        ("branch3x3dbl_2", Filter::new(96, 3)),
        ("branch3x3dbl_3", Filter::new(96, 3).stride(2).padding(0)),
    ];
    let single = [("branch3x3", Filter::new(384, 3).stride(2).padding(0))];
    branches(net, "Mixed_6a", &[plain(single), plain(double), behind(halving_pool, [])])?;
    for (name, inner) in [("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)] {
        module_c(net, name, inner)?;
    }
    let single = [("branch3x3_1", Filter::new(192, 1)), ("branch3x3_2", Filter::new(320, 3).stride(2).padding(0))];
    let seven = [
        ("branch7x7x3_1", Filter::new(192, 1)),
        ("branch7x7x3_2", Filter::oblong(192, [1, 7])),
        ("branch7x7x3_3", Filter::oblong(192, [7, 1])),
        ("branch7x7x3_4", Filter::new(192, 3).stride(2).padding(0)),
    ];
    branches(net, "Mixed_7a", &[plain(single), plain(seven), behind(halving_pool, [])])?;
    for name in ["Mixed_7b", "Mixed_7c"] {
        net.within(name, module_e)?;
    }
    net.global_pool()?.flatten()?.dropout(0.5)?.classifier("fc").map(drop)
}

fn mean_pool(net: &mut Net<'_>) -> Made {
    net.avg_pool(3, 1, 1).map(drop)
}

fn halving_pool(net: &mut Net<'_>) -> Made {
    net.max_pool(3, 2, 0).map(drop)
}

fn module_a(net: &mut Net<'_>, name: &str, pooled: usize) -> Made {
    let double = [
        ("branch3x3dbl_1", Filter::new(64, 1)),
        ("branch3x3dbl_2", Filter::new(96, 3)),
        ("branch3x3dbl_3", Filter::new(96, 3)),
    ];
    let parts = [
        plain([("branch1x1", Filter::new(64, 1))]),
        plain([("branch5x5_1", Filter::new(48, 1)), ("branch5x5_2", Filter::new(64, 5))]),
        plain(double),
        behind(mean_pool, [("branch_pool", Filter::new(pooled, 1))]),
    ];
    branches(net, name, &parts)
}

fn module_c(net: &mut Net<'_>, name: &str, inner: usize) -> Made {
    let (wide, tall) = ([1, 7], [7, 1]);
    let seven = [
        ("branch7x7_1", Filter::new(inner, 1)),
        ("branch7x7_2", Filter::oblong(inner, wide)),
        ("branch7x7_3", Filter::oblong(192, tall)),
    ];
    let double = [
        ("branch7x7dbl_1", Filter::new(inner, 1)),
        ("branch7x7dbl_2", Filter::oblong(inner, tall)),
        ("branch7x7dbl_3", Filter::oblong(inner, wide)),
        ("branch7x7dbl_4", Filter::oblong(inner, tall)),
        ("branch7x7dbl_5", Filter::oblong(192, wide)),
    ];
    let parts = [
        plain([("branch1x1", Filter::new(192, 1))]),
        plain(seven),
        plain(double),
        behind(mean_pool, [("branch_pool", Filter::new(192, 1))]),
    ];
    branches(net, name, &parts)
}

/// The branches of the last modules part once more.
fn module_e(net: &mut Net<'_>) -> Made {
    let x = net.value();
    let forked = |net: &mut Net<'_>, [a, b]: [&str; 2]| -> Made {
        let x = net.value();
        let wide = net.branch(x, |net| basic(net, a, Filter::oblong(384, [1, 3])))?;
        let tall = net.branch(x, |net| basic(net, b, Filter::oblong(384, [3, 1])))?;
        net.join(0, &[wide, tall]).map(drop)
    };
    let parts = [
        net.branch(x, |net| basic(net, "branch1x1", Filter::new(320, 1)))?,
        net.branch(x, |net| {
            basic(net, "branch3x3_1", Filter::new(384, 1))?;
            forked(net, ["branch3x3_2a", "branch3x3_2b"])
        })?,
        net.branch(x, |net| {
            basic(net, "branch3x3dbl_1", Filter::new(448, 1))?;
            basic(net, "branch3x3dbl_2", Filter::new(384, 3))?;
            forked(net, ["branch3x3dbl_3a", "branch3x3dbl_3b"])
        })?,
        net.branch(x, |net| {
            mean_pool(net)?;
            basic(net, "branch_pool", Filter::new(192, 1))
        })?,
    ];
    net.join(0, &parts).map(drop)
}
