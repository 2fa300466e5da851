//! Layers with right gradients, as operations of candle's autograd.
//!
//! candle's own pools, ReLU and grouped convolutions have wrong, missing or slow gradients (see `clippy.toml` for the
//! list), and its generator cannot be seeded. Each operation here works on contiguous `f32` tensors on the CPU; an
//! operand that no gradient was asked for (a frozen weight, a plain picture) gets none computed.

mod activation;
mod channel_affine;
mod conv2d;
mod dropout;
#[cfg(test)]
mod goldens;
mod linear;
mod loss;
mod matrix;
mod maxout;
mod pool;
#[cfg(test)]
mod testing;

pub use activation::{relu, relu6};
pub use channel_affine::channel_affine;
pub use conv2d::{Conv2d, conv2d};
pub use dropout::dropout;
pub use linear::linear;
pub use loss::{cross_entropy, log_odds_against, softmax};
pub use maxout::maxout;
pub use pool::{Window, avg_pool2d, global_avg_pool, max_pool2d};

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

/// The values of an operand in the forward pass of a custom operation.
fn operand<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        (CpuStorage::F32(_), None) => bail!("expected a contiguous tensor"),
        _ => bail!("expected f32 values"),
    }
}

/// Calls `f` with the values of a tensor, made contiguous first where it is not.
fn with_values<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(operand(storage, layout)?),
        _ => bail!("expected a tensor on the CPU"),
    }
}

/// A tensor of the shape of `like`.
fn shaped(values: Vec<f32>, like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(values, like.shape(), like.device())
}
