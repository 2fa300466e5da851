//! These training passes run on candle's kernels, for devices other than the CPU. The optimiser runs on the CPU all the
//! same, so that weights and gradients travel at every step.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};
use rand::RngCore;

use super::{Batch, Collect, Passes, Seen, Wanted};
use crate::loss::{Loss, training_loss};
use crate::model::{Gradients, LayerSpec, Manifest, Mode, Parameters, Params, TensorNet, walk_layers};
use crate::{Error, Result};

/// This is a net of tensors, built anew when its weights change.
pub struct TensorPasses {
    manifest: Manifest,
    device: Device,
    net: Option<(TensorNet, BTreeMap<String, Var>)>,
}

impl TensorPasses {
    pub fn new(manifest: &Manifest, device: &Device) -> Self {
        Self { manifest: manifest.clone(), device: device.clone(), net: None }
    }

    fn net(&self) -> Result<&(TensorNet, BTreeMap<String, Var>)> {
        self.net.as_ref().ok_or_else(|| Error::Argument("a net without weights was asked for a pass".into()))
    }

    fn pixels(&self, pixels: &[f32]) -> Result<Tensor> {
        let (c, h, w) = (self.manifest.input.channels, self.manifest.input.height, self.manifest.input.width);
        Ok(Tensor::from_slice(pixels, (pixels.len() / (c * h * w), c, h, w), &self.device)?)
    }

    /// Returns the logits, as a tensor and as values, of normalised pixels.
    fn forward(&self, x: &Tensor, mode: &mut Mode<'_>) -> Result<(Tensor, Vec<f32>)> {
        let logits = self.net()?.0.forward(&self.manifest.input.normalise(x)?, mode)?;
        let values = logits.flatten_all()?.to_vec1()?;
        Ok((logits, values))
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

impl Passes for TensorPasses {
    fn are_shared(&self) -> bool {
        let mut shared = true;
        walk_layers(&self.manifest.layers, &mut |layer| {
            shared &= !matches!(layer, LayerSpec::BatchNorm2d { .. })
                && !matches!(layer, LayerSpec::Dropout { keep, .. } if *keep < 1.0);
        });
        shared
    }

    fn refresh(&mut self, parameters: &Parameters, _pixels: bool) -> Result<()> {
        let vars: BTreeMap<String, Var> = parameters
            .to_tensors()?
            .into_iter()
            .map(|(name, tensor)| Ok((name, Var::from_tensor(&tensor.to_device(&self.device)?)?)))
            .collect::<Result<_>>()?;
        let params: Params = vars.iter().map(|(name, var)| (name.clone(), var.as_tensor().clone())).collect();
        self.net = Some((TensorNet::build(&self.manifest.layers, &params)?, vars));
        Ok(())
    }

    fn train(
        &mut self,
        parameters: &Parameters,
        gradients: &mut Gradients,
        batch: Batch<'_>,
        wanted: Wanted<'_>,
        mut rng: &mut dyn RngCore,
    ) -> Result<(f32, Seen)> {
        let x = Var::from_tensor(&self.pixels(batch.pixels)?)?;
        let mut statistics = Vec::new();
        let mut mode = Mode::Train { rng: &mut rng, statistics: &mut statistics };
        let (logits, z) = self.forward(&x, &mut mode)?;
        let (loss, d) = training_loss(&z, batch.labels, wanted.smoothing, wanted.weight)?;
        let d = Tensor::from_vec(d, logits.shape(), &self.device)?;
        let found = (logits * d)?.sum_all()?.backward()?;
        if wanted.collect != Collect::Nothing {
            let of = |(name, var): (&String, &Var)| {
                let gradient = found.get(var).cloned().map_or_else(|| var.zeros_like(), Ok)?;
                Ok((name.clone(), gradient.to_device(&Device::Cpu)?))
            };
            let tensors = self.net()?.1.iter().map(of).collect::<Result<Params>>()?;
            let to = &mut gradients.values;
            let from = Parameters::from_tensors(&to.layout.clone(), &tensors)?;
            if wanted.collect == Collect::Add {
                to.values.iter_mut().zip(&from.values).for_each(|(to, from)| *to += from);
            } else {
                to.values = from.values;
            }
        }
        if let Some(pixels) = wanted.pixels {
            match found.get(&x) {
                Some(gradient) => pixels.copy_from_slice(&values(gradient)?),
                None => pixels.fill(0.0),
            }
        }
        // The layers of a shortcut come after those of the body here, and between them in the layout.
        let place = |name: &str| {
            let name = format!("{name}.running_mean");
            parameters.layout.slots.iter().position(|slot| slot.name == name)
        };
        statistics.sort_by_key(|(name, ..)| place(name));
        let seen = statistics.iter().map(|(_, mean, variance)| Ok((values(mean)?, values(variance)?)));
        Ok((loss, seen.collect::<Result<_>>()?))
    }

    fn logits(&mut self, _parameters: &Parameters, pixels: &[f32]) -> Result<Vec<f32>> {
        Ok(self.forward(&self.pixels(pixels)?, &mut Mode::Evaluate)?.1)
    }

    fn gradient(&mut self, _parameters: &Parameters, batch: Batch<'_>) -> Result<(Vec<f32>, Vec<f32>)> {
        let x = Var::from_tensor(&self.pixels(batch.pixels)?)?;
        let (logits, z) = self.forward(&x, &mut Mode::Evaluate)?;
        let d = Tensor::from_vec(Loss::LogOdds.gradient(&z, batch.labels, 1.0)?, logits.shape(), &self.device)?;
        let gradient = match (logits * d)?.sum_all()?.backward()?.remove(&x) {
            Some(gradient) => values(&gradient)?,
            None => vec![0.0; batch.pixels.len()],
        };
        Ok((z, gradient))
    }
}
