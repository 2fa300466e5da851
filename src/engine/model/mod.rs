//! Models: manifests, weights, and nets built from them.

mod catalogue;
mod classes;
mod embedded;
mod layer;
mod manifest;
mod net;
#[cfg(test)]
mod net_tests;
mod shape;
mod tensor_net;
#[cfg(test)]
mod tensor_net_tests;
pub mod tensor_ops;
mod weights;

pub use catalogue::{Catalogue, Entry, user_models_folder};
pub use classes::find_class;
pub use layer::{LayerSpec, is_running_statistic, walk as walk_layers};
pub use manifest::{Input, Manifest};
pub use net::{BatchStatistics, Mode, Net, Params};
pub use shape::Shape;
pub use tensor_net::TensorNet;
pub use weights::{as_f32, read_weights, save_weights, sha256_hex, weights_bytes};

use candle_core::Tensor;
use std::sync::Arc;

use super::picture::{Picture, Planes, fit};
use super::{Error, Result, ops};

/// A class with its probability.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Guess {
    pub index: usize,
    pub name: String,
    pub prob: f32,
}

/// A net in evaluation mode with all that is needed to feed it pictures and to name its answers.
#[derive(Clone)]
pub struct Model {
    pub manifest: Manifest,
    pub classes: Arc<[String]>,
    net: Net,
}

impl Model {
    /// Puts a net together from a manifest and its parameters.
    ///
    /// # Errors
    /// When a parameter is missing or has another shape than the manifest's layers ask for.
    pub fn new(manifest: Manifest, params: &Params) -> Result<Self> {
        let net = Net::build(&manifest.layers, params)?;
        Ok(Self { classes: manifest.classes.clone().into(), manifest, net })
    }

    pub fn input(&self) -> &Input {
        &self.manifest.input
    }

    /// Logits of pictures whose pixels lie in [0, 1]: (n, channels, height, width) to (n, classes). Evaluation mode:
    /// no dropout, batch statistics frozen.
    pub fn logits(&self, pixels: &Tensor) -> Result<Tensor> {
        Ok(self.net.forward(&self.input().normalise(pixels)?, &mut Mode::Evaluate)?)
    }

    /// Fits a picture to the net's input.
    pub fn fit(&self, picture: &Picture) -> Result<Planes> {
        let input = self.input();
        fit(picture, input.channels, input.height, input.width, input.fit)
    }

    /// Probabilities of one picture.
    pub fn probabilities(&self, pixels: &Planes) -> Result<Vec<f32>> {
        let logits = self.logits(&pixels.to_tensor()?)?.squeeze(0)?.to_vec1::<f32>()?;
        if logits.iter().any(|z| !z.is_finite()) {
            return Err(Error::Argument(format!(
                "the net {:?} answers with values that are not numbers; its weights are unusable for this picture",
                self.manifest.name
            )));
        }
        Ok(ops::softmax(&logits))
    }

    /// The class at `index` with its probability.
    pub fn guess(&self, probabilities: &[f32], index: usize) -> Guess {
        Guess { index, name: self.classes[index].clone(), prob: probabilities[index] }
    }

    /// The most probable classes first, at most `count`; of equal ones the lower index comes first.
    pub fn top(&self, probabilities: &[f32], count: usize) -> Vec<Guess> {
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]).then(a.cmp(&b)));
        order.truncate(count);
        order.into_iter().map(|index| self.guess(probabilities, index)).collect()
    }

    /// The number of trained values.
    pub fn parameter_count(&self) -> usize {
        let mut count = 0;
        walk_layers(&self.manifest.layers, &mut |layer| {
            let trained = layer.tensors().into_iter().filter(|(name, _)| !is_running_statistic(name));
            count += trained.map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>();
        });
        count
    }
}

/// The place of the largest value; of equal ones the first.
pub fn argmax(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}
