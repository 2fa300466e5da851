//! MobileNetV3 (Howard et al., Searching for MobileNetV3, 2019).

use super::inverted::{Block, Names, TENSORFLOW, TIMM, TORCHVISION, inverted_residual};
use super::net::{Filter, Made, Net, multiple_of_8};
use super::{Entry, HALF, IMAGENET};
use crate::model::operations::CurveSpec;

const RELU: CurveSpec = CurveSpec::Relu {};
const HARD_SWISH: CurveSpec = CurveSpec::HardSwish {};
const HARD_SIGMOID: CurveSpec = CurveSpec::HardSigmoid { slope: 1.0 / 6.0, offset: 0.5 };

pub fn entries() -> Vec<Entry> {
    let large = net("large", &LARGE, [960, 1280]);
    large.into_iter().chain(net("small", &SMALL, [576, 1024])).collect()
}

/// A block of MobileNetV3: its kernel, expanded channels and outputs, whether it has a gate, its curve and its stride.
type Row = (usize, usize, usize, bool, CurveSpec, usize);

/// The blocks of MobileNetV3, by stages of timm (Howard et al. 2019, tables 1 and 2).
const LARGE: [&[Row]; 6] = [
    &[(3, 16, 16, false, RELU, 1)],
    &[(3, 64, 24, false, RELU, 2), (3, 72, 24, false, RELU, 1)],
    &[(5, 72, 40, true, RELU, 2), (5, 120, 40, true, RELU, 1), (5, 120, 40, true, RELU, 1)],
    &[
        (3, 240, 80, false, HARD_SWISH, 2),
        (3, 200, 80, false, HARD_SWISH, 1),
        (3, 184, 80, false, HARD_SWISH, 1),
        (3, 184, 80, false, HARD_SWISH, 1),
    ],
    &[(3, 480, 112, true, HARD_SWISH, 1), (3, 672, 112, true, HARD_SWISH, 1)],
    &[(5, 672, 160, true, HARD_SWISH, 2), (5, 960, 160, true, HARD_SWISH, 1), (5, 960, 160, true, HARD_SWISH, 1)],
];

const SMALL: [&[Row]; 5] = [
    &[(3, 16, 16, true, RELU, 2)],
    &[(3, 72, 24, false, RELU, 2), (3, 88, 24, false, RELU, 1)],
    &[(5, 96, 40, true, HARD_SWISH, 2), (5, 240, 40, true, HARD_SWISH, 1), (5, 240, 40, true, HARD_SWISH, 1)],
    &[(5, 120, 48, true, HARD_SWISH, 1), (5, 144, 48, true, HARD_SWISH, 1)],
    &[(5, 288, 96, true, HARD_SWISH, 2), (5, 576, 96, true, HARD_SWISH, 1), (5, 576, 96, true, HARD_SWISH, 1)],
];

/// `ends` are the channels of the last convolution and of the layer before the classifier.
fn net(size: &'static str, stages: &'static [&'static [Row]], ends: [usize; 2]) -> [Entry; 2] {
    let torchvision = Names { block: |_, _, index| format!("features.{}", index + 1), eps: 1e-3, ..TORCHVISION };
    let make = move |net: &mut Net<'_>, names: &Names| trunk(net, names, stages);
    let [wide, hidden] = ends;
    let timm_head = move |net: &mut Net<'_>| {
        let place = format!("blocks.{}.0", stages.len());
        net.within(place, |net| net.conv("conv", Filter::new(wide, 1))?.bn("bn1")?.then(HARD_SWISH).map(drop))?;
        net.global_pool()?.conv("conv_head", Filter::new(hidden, 1).bias())?.then(HARD_SWISH)?;
        net.flatten()?.dropout(0.8)?.classifier("classifier").map(drop)
    };
    let tensorflow = format!("MobileNetV3, {size}, with TensorFlow's padding and eps");
    let tensorflow = Entry::new(format!("tf-mobilenet-v3-{size}"), tensorflow)
        .alias(format!("tf_mobilenetv3_{size}_100"))
        .convention("timm", HALF, move |net| {
            make(net, &TENSORFLOW)?;
            timm_head(net)
        });
    let own = Entry::new(format!("mobilenet-v3-{size}"), format!("MobileNetV3, {size}"))
        .alias(format!("mobilenetv3_{size}_100"))
        .convention("torchvision", IMAGENET, move |net| {
            make(net, &torchvision)?;
            let last = stages.iter().map(|stage| stage.len()).sum::<usize>() + 1;
            let [conv, bn] = [0, 1].map(|part| format!("features.{last}.{part}"));
            net.conv(&conv, Filter::new(wide, 1))?.bn(&bn)?.then(HARD_SWISH)?.global_pool()?.flatten()?;
            net.linear("classifier.0", hidden)?.then(HARD_SWISH)?.dropout(0.8)?.classifier("classifier.3").map(drop)
        })
        .convention("timm", IMAGENET, move |net| {
            make(net, &TIMM)?;
            timm_head(net)
        });
    [own, tensorflow]
}

fn trunk(net: &mut Net<'_>, names: &Names, stages: &[&[Row]]) -> Made {
    (net.eps, net.pads_like_tensorflow) = (names.eps, names.pads_like_tensorflow);
    let [conv, bn] = names.stem;
    net.conv(conv, Filter::new(16, 3).stride(2))?.bn(bn)?.then(HARD_SWISH)?;
    let mut index = 0;
    for (number, rows) in stages.iter().enumerate() {
        for (at, &(kernel, expanded, outputs, has_gate, ref curve, stride)) in rows.iter().enumerate() {
            let block = Block {
                expanded,
                kernel,
                stride,
                outputs,
                squeeze: has_gate.then(|| multiple_of_8(expanded as f64 / 4.0)),
                curve: curve.clone(),
                gate: [RELU, HARD_SIGMOID],
                always_expands: false,
            };
            net.within((names.block)(number, at, index), |net| inverted_residual(net, names, block))?;
            index += 1;
        }
    }
    Ok(())
}
