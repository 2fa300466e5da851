//! Attention (Vaswani et al., Attention Is All You Need, 2017) where a file has it as one operator: ONNX from version
//! 23 on, and ONNX Runtime's own.

use candle_core::{DType, Device, Tensor};

use super::arguments::Cut;
use super::lower::{Arguments, Lowered, made};
use super::moves::shifted;
use super::{Computed, Importer, Value};
use crate::model::operations::{CurveSpec, Softmax};

/// Scores are lowered by this where a mask hides a token.
const HIDDEN: f32 = -1e30;

/// These are queries, keys and values, each (1, heads, tokens, depth).
struct Heads {
    queries: Computed,
    keys: Computed,
    values: Computed,
}

/// This is what an operator says of the scores.
struct Scores {
    /// They are multiplied by this before the softmax.
    scale: Option<f32>,
    /// A token sees none behind itself.
    is_causal: bool,
    /// The input that is added to them, or that says which are kept.
    mask: usize,
}

impl Importer<'_> {
    /// Adds ONNX's operator: `softmax(scale·Q·Kᵀ + mask)·V`.
    pub(super) fn attention(&mut self, of: &Arguments<'_>) -> Lowered {
        self.expect_absent(of, &[(4, "keys of before"), (5, "values of before"), (6, "lengths")])?;
        if of.float("softcap", 0.0) != 0.0 {
            return Err("caps its scores, which is not read".into());
        }
        let mut heads = [of.computed(0)?, of.computed(1)?, of.computed(2)?];
        let is_of_rows = heads[0].dims.len() == 3;
        if is_of_rows {
            let counts = ["q_num_heads", "kv_num_heads", "kv_num_heads"];
            for (x, name) in heads.iter_mut().zip(counts) {
                *x = self.in_heads(x, of.int(name, 0))?;
            }
        }
        let [queries, keys, values] = heads;
        let scores =
            Scores { scale: of.node.attributes.float("scale"), is_causal: of.int("is_causal", 0) != 0, mask: 3 };
        let result = self.attend(of, Heads { queries, keys, values }, scores)?;
        if is_of_rows { self.out_of_heads(&result) } else { Ok(result) }
    }

    /// Adds ONNX Runtime's operator that makes queries, keys and values of one input with one matrix.
    pub(super) fn packed_attention(&mut self, of: &Arguments<'_>) -> Lowered {
        self.expect_absent(of, &[(3, "a mask of tokens"), (4, "keys of before"), (6, "a length of before")])?;
        let x = of.computed(0)?;
        let (weight, bias) =
            (made(of.known(1, "weights")?.t())?, of.has(2).then(|| of.known(2, "a bias")).transpose()?);
        let width = weight.dims()[0];
        let id = self.linear(of, x.id, &weight, bias)?;
        let all = self.result(id, [&x.dims[..x.dims.len() - 1], &[width]].concat())?;
        let sizes = of.lengths("qkv_hidden_sizes")?.unwrap_or_else(|| vec![width / 3; 3]);
        let [_, _, _] = sizes[..] else { return Err(format!("has {} sizes; expected 3", sizes.len())) };
        if sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size)) != Some(width) {
            return Err(format!("splits {width} numbers into {sizes:?}"));
        }
        let mut start = 0;
        let mut parts = Vec::with_capacity(3);
        for len in sizes {
            let part = self.cut(&all, Cut { axis: all.dims.len() - 1, start, len, step: 1 })?;
            parts.push(self.in_heads(&part, of.int("num_heads", 0))?);
            start += len;
        }
        self.attend_rows(of, parts)
    }

    /// Adds ONNX Runtime's operator whose queries, keys and values were multiplied before.
    pub(super) fn multi_head_attention(&mut self, of: &Arguments<'_>) -> Lowered {
        self.expect_absent(of, &[(4, "a mask of tokens"), (6, "keys of before"), (7, "values of before")])?;
        let mut parts = Vec::with_capacity(3);
        let mut start = 0;
        for input in 0..3 {
            let mut x = of.computed(input)?;
            if of.has(3) {
                let (bias, len) = (of.known(3, "a bias")?, x.dims.last().copied().unwrap_or_default());
                let bias = made(bias.narrow(0, start, len))?;
                x = self.pair(of, "Add", &Value::Computed(x), &Value::Known(bias))?;
                start += len;
            }
            parts.push(self.in_heads(&x, of.int("num_heads", 0))?);
        }
        self.attend_rows(of, parts)
    }

    fn attend_rows(&mut self, of: &Arguments<'_>, parts: Vec<Computed>) -> Lowered {
        let scale = of.node.attributes.float("scale").filter(|scale| *scale != 0.0);
        let scores = Scores { scale, is_causal: of.int("unidirectional", 0) != 0, mask: 5 };
        let [queries, keys, values] = <[Computed; 3]>::try_from(parts).map_err(|_| "lacks an input")?;
        let result = self.attend(of, Heads { queries, keys, values }, scores)?;
        self.out_of_heads(&result)
    }

    fn expect_absent(&self, of: &Arguments<'_>, inputs: &[(usize, &str)]) -> Result<(), String> {
        let found = inputs.iter().find(|(input, _)| of.has(*input));
        let is_read = |name: &String| self.readers.contains_key(name.as_str());
        match found {
            Some((_, what)) => Err(format!("takes in {what}, which is not read")),
            None if of.node.outputs.iter().skip(1).any(is_read) => {
                Err("gives more than its result, which is not read".into())
            }
            None => Ok(()),
        }
    }

    /// Splits the last axis of (1, tokens, heads·depth) and brings the heads to the front.
    fn in_heads(&mut self, x: &Computed, heads: i64) -> Lowered {
        let ([1, tokens, width], Ok(heads @ 1..)) = (&x.dims[..], usize::try_from(heads)) else {
            return Err(format!("gets {:?} for {heads} heads; expected (1, tokens, numbers)", x.dims));
        };
        if !width.is_multiple_of(heads) {
            return Err(format!("splits {width} numbers among {heads} heads"));
        }
        let split = self.result(x.id, vec![1, *tokens, heads, width / heads])?;
        self.transpose(&split, &[0, 2, 1, 3])
    }

    fn out_of_heads(&mut self, x: &Computed) -> Lowered {
        let turned = self.transpose(x, &[0, 2, 1, 3])?;
        let dims = &turned.dims;
        let rows = vec![1, dims[1], dims[2] * dims[3]];
        self.result(turned.id, rows)
    }

    fn attend(&mut self, of: &Arguments<'_>, heads: Heads, options: Scores) -> Lowered {
        let Heads { queries, keys, values } = heads;
        let ([1, count, tokens, depth], [1, key_count, key_tokens, _]) = (&queries.dims[..], &keys.dims[..]) else {
            return Err(format!("gets {:?}; expected (1, heads, tokens, numbers)", queries.dims));
        };
        if count != key_count {
            return Err(format!("shares {key_count} heads of keys among {count} heads, which is not read"));
        }
        let (tokens, key_tokens) = (*tokens, *key_tokens);
        let scale = options.scale.unwrap_or(1.0 / (*depth as f32).sqrt());
        let queries = self.curves(&queries, &[CurveSpec::Scale { scale, offset: 0.0 }])?;
        let keys = self.transpose(&keys, &[0, 1, 3, 2])?;
        let mut scores = self.matmul(of, &Value::Computed(queries), &Value::Computed(keys))?;
        if of.has(options.mask) {
            let mask = match of.value(options.mask)? {
                Value::Known(tensor) => Value::Known(made(added(tensor))?),
                Value::Computed(x) => Value::Computed(x.clone()),
            };
            scores = self.pair(of, "Add", &Value::Computed(scores), &mask)?;
        }
        if options.is_causal {
            let hidden = |at: usize| if at % key_tokens > at / key_tokens { HIDDEN } else { 0.0 };
            let mask: Vec<f32> = (0..tokens * key_tokens).map(hidden).collect();
            let mask = made(Tensor::from_vec(mask, (tokens, key_tokens), &Device::Cpu))?;
            scores = self.pair(of, "Add", &Value::Computed(scores), &Value::Known(mask))?;
        }
        let axis = shifted(&[scores.dims.len() - 1], &scores.dims)?[0];
        let id = self.graph.push(Softmax { axis, log: false }, &[scores.id])?;
        let shares = Value::Computed(Computed { id, ..scores });
        self.matmul(of, &shares, &Value::Computed(values))
    }
}

/// Returns a mask as numbers that are added to scores.
fn added(mask: &Tensor) -> candle_core::Result<Tensor> {
    let is_of_numbers = matches!(mask.dtype(), DType::F16 | DType::BF16 | DType::F32 | DType::F64);
    let values = mask.to_dtype(DType::F32)?;
    // What is 1 is kept, what is 0 is hidden.
    if is_of_numbers { values.clamp(HIDDEN, -HIDDEN) } else { values.affine(f64::from(-HIDDEN), f64::from(HIDDEN)) }
}
