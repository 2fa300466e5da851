//! Swin transformers, whose attention stays in windows (Liu et al., 2021).

use super::net::{Filter, Made, Net, identity};
use super::vit::{attention, mlp};
use super::{Entry, IMAGENET};
use crate::model::graph::ValueId;
use crate::model::operations::{Axes, BinarySpec, CurveSpec, Expand, Gather, Pad, Reduce};

const EPS: f32 = 1e-5;

/// The side of a window in tokens.
const WINDOW: usize = 7;

/// The channels of the first stage, which double with each, and the blocks (Liu et al. 2021, section 3.3).
const NETS: [(&str, &str, usize, [usize; 4]); 3] =
    [("t", "tiny", 96, [2, 2, 6, 2]), ("s", "small", 96, [2, 2, 18, 2]), ("b", "base", 128, [2, 2, 18, 2])];

pub fn entries() -> Vec<Entry> {
    let net = |(size, long, width, blocks)| {
        Entry::new(format!("swin-{size}"), format!("Swin transformer, {long}, with windows of 7×7"))
            .alias(format!("swin_{long}_patch4_window7_224"))
            .convention("torchvision", IMAGENET, move |net| swin(net, width, blocks, &TORCHVISION))
            .convention("timm", IMAGENET, move |net| swin(net, width, blocks, &TIMM))
            .convention("microsoft", IMAGENET, move |net| swin(net, width, blocks, &MICROSOFT))
    };
    NETS.into_iter().map(net).collect()
}

/// The names of the parts.
struct Names {
    stem: [&'static str; 2],
    block: fn(stage: usize, at: usize) -> String,
    /// The prefix of the downsampling in front of stage `1` and later.
    merging: fn(stage: usize) -> String,
    mlp: [&'static str; 2],
    last: &'static str,
}

const TORCHVISION: Names = Names {
    stem: ["features.0.0", "features.0.2"],
    block: |stage, at| format!("features.{}.{at}", 2 * stage + 1),
    merging: |stage| format!("features.{}", 2 * stage),
    mlp: ["mlp.0", "mlp.3"],
    last: "head",
};

const TIMM: Names = Names {
    stem: ["patch_embed.proj", "patch_embed.norm"],
    block: |stage, at| format!("layers.{stage}.blocks.{at}"),
    merging: |stage| format!("layers.{stage}.downsample"),
    mlp: ["mlp.fc1", "mlp.fc2"],
    last: "head.fc",
};

/// The names of the authors' own code.
const MICROSOFT: Names = Names { merging: |stage| format!("layers.{}.downsample", stage - 1), last: "head", ..TIMM };

fn swin(net: &mut Net<'_>, width: usize, blocks: [usize; 4], names: &Names) -> Made {
    let [conv, norm] = names.stem;
    net.conv(conv, Filter::new(width, 4).stride(4).padding(0).bias())?.transpose(&[1, 2, 0])?.layer_norm(norm, EPS)?;
    for (stage, blocks) in blocks.into_iter().enumerate() {
        let channels = width << stage;
        if stage > 0 {
            net.within((names.merging)(stage), merge_patches)?;
        }
        for at in 0..blocks {
            net.within((names.block)(stage, at), |net| {
                let attend = |net: &mut Net<'_>| window_attention(net.layer_norm("norm1", EPS)?, at % 2 == 1);
                net.residual(attend, identity)?;
                net.residual(|net| mlp(net.layer_norm("norm2", EPS)?, names.mlp, 4 * channels), identity).map(drop)
            })?;
        }
    }
    let pixels = Axes { axes: vec![0, 1], keep: false };
    net.layer_norm("norm", EPS)?.then(Reduce::Mean(pixels))?.classifier(names.last).map(drop)
}

/// Joins the channels of 2×2 tokens, down first, and halves them.
fn merge_patches(net: &mut Net<'_>) -> Made {
    let [height, width, channels] = net.planes()?;
    net.reshape(&[height / 2, 2, width / 2, 2, channels])?.transpose(&[0, 2, 3, 1, 4])?;
    net.reshape(&[height / 2, width / 2, 4 * channels])?.layer_norm("norm", EPS)?;
    net.linear_without_bias("reduction", 2 * channels).map(drop)
}

/// Adds attention in windows, which every second block moves by half of their side. Tokens wrap around the edge then,
/// and do not attend to those from the other end.
fn window_attention(net: &mut Net<'_>, is_moved: bool) -> Made {
    let [height, width, channels] = net.planes()?;
    let sides = [height, width];
    if sides.iter().any(|side| !side.is_multiple_of(WINDOW)) {
        return Err(format!("{height}×{width} tokens are no whole windows of 7×7; expected an input such as 224×224"));
    }
    // Where one window covers all, there is nothing to move.
    let shifts = sides.map(|side| if is_moved && side > WINDOW { WINDOW / 2 } else { 0 });
    roll(net, shifts)?;
    let [down, across] = sides.map(|side| side / WINDOW);
    net.reshape(&[down, WINDOW, across, WINDOW, channels])?.transpose(&[0, 2, 1, 3, 4])?;
    net.reshape(&[down * across, WINDOW * WINDOW, channels])?.linear("attn.qkv", 3 * channels)?;
    // Each head has 32 channels in all of these nets.
    let heads = channels / 32;
    attention(net, heads, |net| add_bias(net, heads, [down, across], shifts))?;
    net.linear("attn.proj", channels)?.reshape(&[down, across, WINDOW, WINDOW, channels])?;
    net.transpose(&[0, 2, 1, 3, 4])?.reshape(&[height, width, channels])?;
    roll(net, [0, 1].map(|axis| (sides[axis] - shifts[axis]) % sides[axis]))
}

/// Moves rows up and columns to the left; what leaves comes in again at the other end.
fn roll(net: &mut Net<'_>, shifts: [usize; 2]) -> Made {
    for (axis, shift) in shifts.into_iter().enumerate().filter(|(_, shift)| *shift > 0) {
        let length = net.shape()[axis];
        net.then(Gather { axis, indices: (0..length).map(|at| (at + shift) % length).collect() })?;
    }
    Ok(())
}

/// Adds what depends on the distance of two tokens, and −100 where they come from different ends of the picture.
fn add_bias(net: &mut Net<'_>, heads: usize, windows: [usize; 2], shifts: [usize; 2]) -> Made {
    let (scores, tokens, span) = (net.value(), WINDOW * WINDOW, 2 * WINDOW - 1);
    let table = net.tensor("attn.relative_position_bias_table", &[span * span, heads])?.value();
    let places = (0..tokens * tokens).map(|pair| {
        let (a, b) = (pair / tokens, pair % tokens);
        let distance = |a: usize, b: usize| a + WINDOW - 1 - b;
        distance(a / WINDOW, b / WINDOW) * span + distance(a % WINDOW, b % WINDOW)
    });
    net.then(Gather { axis: 0, indices: places.collect() })?.reshape(&[tokens, tokens, heads])?;
    let distances = net.transpose(&[2, 0, 1])?.reshape(&[1, heads, tokens, tokens])?.value();
    net.push(BinarySpec::Add {}, &[scores, distances])?;
    if shifts == [0, 0] {
        return Ok(());
    }
    let scores = net.value();
    let [rows, columns] = [0, 1].map(|axis| same_end(net, table, windows[axis], shifts[axis]));
    let (rows, columns, [down, across]) = (rows?, columns?, windows);
    let rows = net.at(rows).reshape(&[down, 1, WINDOW, 1, WINDOW, 1])?.value();
    let columns = net.at(columns).reshape(&[1, across, 1, WINDOW, 1, WINDOW])?.value();
    net.push(BinarySpec::Multiply {}, &[rows, columns])?.reshape(&[down * across, 1, tokens, tokens])?;
    let mask = net.then(CurveSpec::Scale { scale: 100.0, offset: -100.0 })?.value();
    net.push(BinarySpec::Add {}, &[scores, mask]).map(drop)
}

/// Returns 1 for each two rows of a window that come from the same end of the picture, else 0: windows × rows × rows.
/// Only the last window has rows of both ends. The ones are `0·x + 1` of a number of the file, since a graph has no
/// constants.
fn same_end(net: &mut Net<'_>, numbers: ValueId, windows: usize, shift: usize) -> Result<ValueId, String> {
    net.at(numbers).slice(0, 0, 1, 1)?.slice(1, 0, 1, 1)?;
    let one = net.then(CurveSpec::Scale { scale: 0.0, offset: 1.0 })?.value();
    let ones = |net: &mut Net<'_>, shape: [usize; 3]| -> Result<ValueId, String> {
        Ok(net.at(one).reshape(&[1, 1, 1])?.then(Expand { shape: shape.to_vec() })?.value())
    };
    if shift == 0 {
        return ones(net, [windows, WINDOW, WINDOW]);
    }
    let kept = WINDOW - shift;
    let mut corner = |side: usize, before: usize, after: usize| -> Result<ValueId, String> {
        let ones = ones(net, [1, side, side])?;
        let (before, after) = (vec![0, before, before], vec![0, after, after]);
        Ok(net.at(ones).then(Pad { mode: Default::default(), value: 0.0, before, after })?.value())
    };
    let corners = [corner(kept, 0, shift)?, corner(shift, kept, 0)?];
    let last = net.push(BinarySpec::Add {}, &corners)?.value();
    let others = ones(net, [windows - 1, WINDOW, WINDOW])?;
    Ok(net.join(0, &[others, last])?.value())
}
