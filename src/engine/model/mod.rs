//! Models are manifests, weights, and nets built from them.

mod architecture;
mod backward;
mod builder;
mod candle_net;
mod catalogue;
mod class_words;
mod classes;
mod derived;
pub(crate) mod embedded;
mod executor;
#[cfg(test)]
mod executor_tests;
mod first_layer;
mod graph;
pub mod import;
mod kernel_net;
mod layers;
mod library;
mod lifetimes;
mod manifest;
mod not_weights;
pub mod onnx;
mod operations;
mod origin;
mod parameters;
mod placement;
mod plan;
pub(crate) mod pytorch;
mod run;
mod schedule;
mod shape;
mod store;
mod tensor_names;
mod tensor_ops;
mod weights;
mod wordnet;
pub mod zoo;

pub use architecture::{Architecture, KeptShares, Kind};
pub use backward::{Wanted, WantedParameters};
pub use catalogue::{Catalogue, Entry, Facts, WeightsPlace, is_path, user_models_folder};
pub use class_words::class_words;
pub(crate) use classes::{ClassFinder, is_same_name};
pub use classes::{find_class, without_number};
pub use executor::{Executor, PixelGradients};
pub use first_layer::FirstLayer;
pub use graph::{Graph, GraphRow, Node, ValueId};
pub use library::{Added, check_name};
pub use manifest::{Input, Manifest};
pub use operations::Operation;
pub use origin::{Accuracy, Download};
pub use parameters::{Gradients, Layout, Parameters, Params, TensorSource};
pub use shape::Shape;
pub use store::{NetStore, RUN, name_of_run};
pub use weights::{Precision, as_f32, check_weights, read_weights, sha256_hex, weights_bytes};
pub(crate) use wordnet::{imagenet_class, imagenet_names, split_number};

use candle_core::{Device, Tensor};
use std::sync::Arc;

use super::device::Backend;
use super::picture::{Lens, Picture, Planes, Region};
use super::{Error, Result, loss};

/// A guess is a class with its probability.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Guess {
    pub index: usize,
    pub name: String,
    pub prob: f32,
}

/// A model is a net in evaluation mode with all that is needed to feed it pictures and to name its answers.
#[derive(Clone)]
pub struct Model {
    pub manifest: Manifest,
    pub classes: Arc<[String]>,
    /// Notes on its weights' file, such as a prefix of names that was left out.
    pub notes: Arc<[String]>,
    executor: Arc<dyn Executor>,
}

impl Model {
    /// Puts a net together from a manifest and its parameters, to run on our own kernels; refuses a parameter that is
    /// missing or has another shape than the manifest's layers ask for.
    pub fn new(manifest: Manifest, params: &dyn TensorSource) -> Result<Self> {
        Self::on(&Backend::Kernels, manifest, params)
    }

    /// Puts a net together to run where `backend` says; refuses what [`Self::new`] does, and a device without room.
    pub fn on(backend: &Backend, manifest: Manifest, params: &dyn TensorSource) -> Result<Self> {
        let executor = backend.executor(&manifest.graph, &manifest.input, params)?.into();
        Ok(Self { classes: manifest.classes.clone().into(), manifest, notes: Arc::default(), executor })
    }

    pub fn input(&self) -> &Input {
        &self.manifest.input
    }

    /// Computes logits of pictures whose pixels lie in [0, 1]: (n, channels, height, width) to (n, classes). Refuses
    /// pixels of another shape than the net's input.
    pub fn logits(&self, pixels: &Tensor) -> Result<Tensor> {
        let n = self.check_pixels(pixels)?;
        let logits = self.executor.logits(&pixels.flatten_all()?.to_vec1::<f32>()?)?;
        Ok(Tensor::from_vec(logits, (n, self.classes.len()), &Device::Cpu)?)
    }

    /// Computes logits, and the gradients of `count` sums `Σ logits · d` with respect to the pixels of each picture,
    /// (n, count, channels, height, width), where `d = of_logits(first picture, number of the sum, logits)`. Refuses
    /// pixels of another shape than the net's input.
    pub fn gradients(
        &self,
        pixels: &Tensor,
        count: usize,
        of_logits: impl Fn(usize, usize, &[f32]) -> Vec<f32> + Sync,
    ) -> Result<(Tensor, Tensor)> {
        let n = self.check_pixels(pixels)?;
        let d_logits = |first: usize, number: usize, logits: &[f32]| Ok(of_logits(first, number, logits));
        let found = self.executor.gradients(&pixels.flatten_all()?.to_vec1::<f32>()?, count, &d_logits)?;
        let Input { channels, height, width, .. } = *self.input();
        let logits = Tensor::from_vec(found.logits, (n, self.classes.len()), &Device::Cpu)?;
        Ok((logits, Tensor::from_vec(found.gradients, (n, count, channels, height, width), &Device::Cpu)?))
    }

    /// Returns the number of pictures.
    fn check_pixels(&self, pixels: &Tensor) -> Result<usize> {
        let Input { channels, height, width, .. } = self.input();
        match pixels.dims() {
            &[n, c, h, w] if (c, h, w) == (*channels, *height, *width) => Ok(n),
            dims => Err(Error::Argument(format!(
                "the net takes pictures of {channels}×{height}×{width}, got a batch of shape {dims:?}"
            ))),
        }
    }

    /// Fits a picture to the net's input.
    pub fn fit(&self, picture: &Picture) -> Result<Planes> {
        self.lens(picture, None)?.fit(picture)
    }

    /// Returns what the net sees of pictures of this one's shape, of a part of them if one is given; refuses an empty
    /// picture, and a part that is not inside it.
    pub fn lens(&self, picture: &Picture, region: Option<Region>) -> Result<Lens> {
        let input = self.input();
        Lens::new(picture, [input.channels, input.height, input.width], input.fit, region)
    }

    /// Computes the probabilities of one picture.
    pub fn probabilities(&self, pixels: &Planes) -> Result<Vec<f32>> {
        let logits = self.logits(&pixels.to_tensor()?)?.squeeze(0)?.to_vec1::<f32>()?;
        if logits.iter().any(|z| !z.is_finite()) {
            return Err(Error::Argument(format!(
                "the net {:?} answers with values that are not numbers; its weights are unusable for this picture",
                self.manifest.name
            )));
        }
        Ok(loss::softmax(&logits))
    }

    /// Returns the class at `index` with its probability.
    pub fn guess(&self, probabilities: &[f32], index: usize) -> Guess {
        Guess { index, name: self.classes[index].clone(), prob: probabilities[index] }
    }

    /// Returns the most probable classes first, at most `count`; of equal ones the lower index comes first.
    pub fn top(&self, probabilities: &[f32], count: usize) -> Vec<Guess> {
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]).then(a.cmp(&b)));
        order.truncate(count);
        order.into_iter().map(|index| self.guess(probabilities, index)).collect()
    }
}

/// Returns the place of the largest value; of equal ones the first.
pub fn argmax(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}
