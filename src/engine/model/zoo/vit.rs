//! Vision transformers (Dosovitskiy et al., An Image Is Worth 16×16 Words, 2020), DeiT (Touvron et al., 2020) and the
//! MLP mixer (Tolstikhin et al., 2021).

use super::net::{Filter, Made, Net, identity};
use super::{Entry, HALF, IMAGENET};
use crate::model::graph::ValueId;
use crate::model::operations::{BinarySpec, CurveSpec, Matmul, Softmax};

const EPS: f32 = 1e-6;
const GELU: CurveSpec = CurveSpec::Gelu { tanh: false };

/// The sizes of a net on patches.
#[derive(Clone, Copy)]
struct Sizes {
    /// The side of a patch in pixels.
    patch: usize,
    width: usize,
    depth: usize,
    heads: usize,
}

/// The widths, depths and heads (Dosovitskiy et al. 2020, table 1; Touvron et al. 2020, table 1).
const SIZES: [(&str, &str, usize, usize, usize); 4] =
    [("ti", "tiny", 192, 12, 3), ("s", "small", 384, 12, 6), ("b", "base", 768, 12, 12), ("l", "large", 1024, 24, 16)];

pub fn entries() -> Vec<Entry> {
    let mut list = Vec::new();
    for (size, long, width, depth, heads) in SIZES {
        for patch in [16, 32] {
            let sizes = Sizes { patch, width, depth, heads };
            let about = format!("vision transformer, {long}, on patches of {patch}×{patch}");
            list.push(
                Entry::new(format!("vit-{size}-{patch}"), about)
                    .alias(format!("vit_{long}_patch{patch}_224"))
                    .convention("torchvision", IMAGENET, move |net| vit(net, sizes, &TORCHVISION))
                    .convention("timm", HALF, move |net| vit(net, sizes, &TIMM)),
            );
        }
        if size != "l" {
            let sizes = Sizes { patch: 16, width, depth, heads };
            list.push(
                Entry::new(format!("deit-{long}"), format!("DeiT, {long}, without distillation"))
                    .alias(format!("deit_{long}_patch16_224"))
                    .convention("timm", IMAGENET, move |net| vit(net, sizes, &TIMM)),
            );
        }
    }
    for (size, width, depth) in [("s", 512, 8), ("b", 768, 12), ("l", 1024, 24)] {
        for patch in [16, 32] {
            let sizes = Sizes { patch, width, depth, heads: 1 };
            list.push(
                Entry::new(format!("mixer-{size}{patch}"), format!("MLP mixer on patches of {patch}×{patch}"))
                    .alias(format!("mixer_{size}{patch}_224"))
                    .convention("timm", HALF, move |net| mixer(net, sizes)),
            );
        }
    }
    list
}

/// The names of a transformer's parts.
struct Names {
    patches: &'static str,
    class_token: &'static str,
    positions: &'static str,
    block: fn(usize) -> String,
    norms: [&'static str; 2],
    /// The layer that makes queries, keys and values: its weights and its bias.
    attention: [&'static str; 2],
    project: &'static str,
    mlp: [&'static str; 2],
    last: [&'static str; 2],
}

const TORCHVISION: Names = Names {
    patches: "conv_proj",
    class_token: "class_token",
    positions: "encoder.pos_embedding",
    block: |at| format!("encoder.layers.encoder_layer_{at}"),
    norms: ["ln_1", "ln_2"],
    attention: ["self_attention.in_proj_weight", "self_attention.in_proj_bias"],
    project: "self_attention.out_proj",
    mlp: ["mlp.0", "mlp.3"],
    last: ["encoder.ln", "heads.head"],
};

const TIMM: Names = Names {
    patches: "patch_embed.proj",
    class_token: "cls_token",
    positions: "pos_embed",
    block: |at| format!("blocks.{at}"),
    norms: ["norm1", "norm2"],
    attention: ["attn.qkv.weight", "attn.qkv.bias"],
    project: "attn.proj",
    mlp: ["mlp.fc1", "mlp.fc2"],
    last: ["norm", "head"],
};

/// Makes tokens × channels of a picture.
fn patches(net: &mut Net<'_>, name: &str, sizes: Sizes) -> Made {
    let [_, height, width] = net.planes()?;
    if !height.is_multiple_of(sizes.patch) || !width.is_multiple_of(sizes.patch) {
        return Err(format!("the input is {height}×{width}; expected sides that {} divides", sizes.patch));
    }
    net.conv(name, Filter::new(sizes.width, sizes.patch).stride(sizes.patch).padding(0).bias())?;
    let [channels, height, width] = net.planes()?;
    net.reshape(&[channels, height * width])?.transpose(&[1, 0]).map(drop)
}

fn vit(net: &mut Net<'_>, sizes: Sizes, names: &Names) -> Made {
    let width = sizes.width;
    patches(net, names.patches, sizes)?;
    let tokens = net.value();
    let class = net.tensor(names.class_token, &[1, 1, width])?.reshape(&[1, width])?.value();
    let count = net.join(0, &[class, tokens])?.channels();
    net.with_tensor(BinarySpec::Add {}, names.positions, &[1, count, width])?;
    let [norm1, norm2] = names.norms;
    for at in 0..sizes.depth {
        net.within((names.block)(at), |net| {
            let attend = |net: &mut Net<'_>| {
                net.layer_norm(norm1, EPS)?;
                queries_keys_values(net, names, width)?;
                attention(net, sizes.heads, |_| Ok(()))?;
                net.linear(names.project, width).map(drop)
            };
            net.residual(attend, identity)?;
            net.residual(|net| mlp(net.layer_norm(norm2, EPS)?, names.mlp, 4 * width), identity).map(drop)
        })?;
    }
    let [norm, last] = names.last;
    net.slice(1, 0, 1, 1)?.reshape(&[width])?.layer_norm(norm, EPS)?.classifier(last).map(drop)
}

/// Adds a layer whose weights have a name of their own. Where it is an ordinary one, it is added as such.
fn queries_keys_values(net: &mut Net<'_>, names: &Names, width: usize) -> Made {
    let [weight, bias] = names.attention;
    if let Some(name) = weight.strip_suffix(".weight") {
        return net.linear(name, 3 * width).map(drop);
    }
    let x = net.value();
    let weight = net.tensor(weight, &[3 * width, width])?.transpose(&[1, 0])?.value();
    net.push(Matmul::default(), &[x, weight])?.with_tensor(BinarySpec::Add {}, bias, &[3 * width]).map(drop)
}

/// Computes attention of each of some groups of tokens (Vaswani et al. 2017): from groups × tokens × queries, keys and
/// values of all heads to groups × tokens × channels. `bias` may change the scores, groups × heads × tokens × tokens,
/// before the softmax.
pub fn attention(net: &mut Net<'_>, heads: usize, bias: impl FnOnce(&mut Net<'_>) -> Made) -> Made {
    let [groups, tokens, three] = net.planes()?;
    let (width, depth) = (three / 3, three / 3 / heads);
    let all = net.reshape(&[groups, tokens, 3, heads, depth])?.transpose(&[2, 0, 3, 1, 4])?.value();
    let part = |net: &mut Net<'_>, at: usize| -> Result<ValueId, String> {
        Ok(net.at(all).slice(0, at, at + 1, 1)?.reshape(&[groups, heads, tokens, depth])?.value())
    };
    let [queries, keys, values] = [part(net, 0)?, part(net, 1)?, part(net, 2)?];
    let scale = (depth as f32).powf(-0.5);
    let queries = net.at(queries).then(CurveSpec::Scale { scale, offset: 0.0 })?.value();
    let keys = net.at(keys).transpose(&[0, 1, 3, 2])?.value();
    net.push(Matmul::default(), &[queries, keys])?;
    bias(net)?;
    let shares = net.then(Softmax { axis: 3, log: false })?.value();
    net.push(Matmul::default(), &[shares, values])?
        .transpose(&[0, 2, 1, 3])?
        .reshape(&[groups, tokens, width])
        .map(drop)
}

/// Adds two layers with GELU between them, which leave the shape.
pub fn mlp(net: &mut Net<'_>, [first, second]: [&str; 2], hidden: usize) -> Made {
    let width = net.shape().last().copied().unwrap_or_default();
    net.linear(first, hidden)?.then(GELU)?.linear(second, width).map(drop)
}

fn mixer(net: &mut Net<'_>, sizes: Sizes) -> Made {
    patches(net, "stem.proj", sizes)?;
    for at in 0..sizes.depth {
        net.within(format!("blocks.{at}"), |net| {
            let across = |net: &mut Net<'_>| {
                let names = ["mlp_tokens.fc1", "mlp_tokens.fc2"];
                mlp(net.layer_norm("norm1", EPS)?.transpose(&[1, 0])?, names, sizes.width / 2)?;
                net.transpose(&[1, 0]).map(drop)
            };
            net.residual(across, identity)?;
            let names = ["mlp_channels.fc1", "mlp_channels.fc2"];
            net.residual(|net| mlp(net.layer_norm("norm2", EPS)?, names, 4 * sizes.width), identity).map(drop)
        })?;
    }
    net.layer_norm("norm", EPS)?.mean(0)?.classifier("head").map(drop)
}
