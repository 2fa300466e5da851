//! This net runs on candle's own kernels: the executor for a GPU, and on the CPU the oracle of the other one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Result as TensorResult, Tensor, Var};
use candle_nn::VarBuilder;
use rand::RngCore;

use super::backward::Wanted;
use super::executor::{DLogits, Executor, PixelGradients, approach, interleave};
use super::graph::Graph;
use super::manifest::Input;
use super::operations::{Operation, is_running_statistic};
use super::parameters::{Parameters, Params, TensorSource};
use crate::{Error, Result};

/// This says how to run a net of tensors.
pub enum Mode<'a> {
    Evaluate,
    Train {
        rng: &'a mut dyn RngCore,
        /// Batch normalisation adds what it saw: the mean and the unbiased variance of each channel.
        statistics: Params,
    },
}

/// This pass through layers runs on the device of the parameters.
pub struct TensorPass<'a> {
    /// The parameters by name. Gradients are computed for those that are variables.
    pub parameters: VarBuilder<'static>,
    pub mode: Mode<'a>,
    pub pictures: usize,
}

impl TensorPass<'_> {
    /// Begins a pass for evaluation with tensors of the CPU.
    pub fn of_params(params: &Params, pictures: usize) -> Self {
        let tensors = params.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        let parameters = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        Self { parameters, mode: Mode::Evaluate, pictures }
    }

    /// Runs a graph on pictures.
    pub fn run(&mut self, graph: &Graph, x: &Tensor) -> TensorResult<Tensor> {
        Ok(self.values(graph, x)?.swap_remove(graph.output))
    }

    /// Computes all values of a graph on pictures.
    pub fn values(&mut self, graph: &Graph, x: &Tensor) -> TensorResult<Vec<Tensor>> {
        let mut values = vec![x.clone()];
        for node in graph.nodes() {
            let inputs: Vec<Tensor> = node.inputs.iter().map(|&input| values[input].clone()).collect();
            values.push(node.forward(self, &inputs)?);
        }
        Ok(values)
    }
}

/// This net keeps its parameters on the CPU, where the optimiser runs: weights and gradients travel at every step of
/// training.
pub struct CandleNet {
    graph: Graph,
    input: Input,
    device: Device,
    parameters: Parameters,
    /// The parameters on the device, those that are trained as variables; `None` after a change.
    tensors: Mutex<Option<Arc<HashMap<String, Tensor>>>>,
    statistics: Params,
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

impl CandleNet {
    /// Makes a net of this graph; refuses what [`Backend::executor`](crate::device::Backend::executor) does.
    pub fn new(graph: &Graph, input: &Input, params: &dyn TensorSource, device: &Device) -> Result<Self> {
        let layout = super::builder::Plans::new(graph, input)?.training.layout;
        Ok(Self {
            graph: graph.clone(),
            input: input.clone(),
            device: device.clone(),
            parameters: Parameters::from_tensors(&layout, params)?,
            tensors: Mutex::default(),
            statistics: Params::new(),
        })
    }

    fn tensors(&self) -> Result<Arc<HashMap<String, Tensor>>> {
        let mut tensors = self.tensors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tensors) = &*tensors {
            return Ok(tensors.clone());
        }
        let on_device = |(name, tensor): (String, Tensor)| {
            let tensor = tensor.to_device(&self.device)?;
            let trained = !is_running_statistic(&name);
            Ok((name, if trained { Var::from_tensor(&tensor)?.into_inner() } else { tensor }))
        };
        let made = self.parameters.to_tensors()?.into_iter().map(on_device).collect::<Result<_>>()?;
        Ok(tensors.insert(Arc::new(made)).clone())
    }

    /// Begins a pass for evaluation, which computes no gradients of the parameters.
    fn evaluation(&self, pictures: usize) -> Result<TensorPass<'static>> {
        let tensors = self.tensors()?;
        let detached = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.detach())).collect();
        let parameters = VarBuilder::from_tensors(detached, DType::F32, &self.device);
        Ok(TensorPass { parameters, mode: Mode::Evaluate, pictures })
    }

    fn pictures(&self, pixels: &[f32]) -> Result<Tensor> {
        let Input { channels, height, width, .. } = self.input;
        let n = pixels.len() / (channels * height * width);
        Ok(Tensor::from_slice(pixels, (n, channels, height, width), &self.device)?)
    }

    /// Normalises pixels and runs the graph.
    fn forward(&self, pass: &mut TensorPass<'_>, pixels: &Tensor) -> Result<Tensor> {
        let (scale, shift) = self.input.scale_and_shift();
        let constant = |values: Vec<f32>| Tensor::from_vec(values, (1, self.input.channels, 1, 1), &self.device);
        let x = pixels.broadcast_mul(&constant(scale)?)?.broadcast_add(&constant(shift)?)?;
        Ok(pass.run(&self.graph, &x)?.flatten_from(1)?)
    }
}

impl Executor for CandleNet {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        *self.tensors.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        &mut self.parameters
    }

    fn trains_as_it_evaluates(&self) -> bool {
        self.graph.nodes().iter().all(|node| match &node.operation {
            Operation::BatchNorm2d(_) => false,
            Operation::Dropout(dropout) => dropout.keep >= 1.0,
            _ => true,
        })
    }

    fn logits(&self, pixels: &[f32]) -> Result<Vec<f32>> {
        values(&{
            let x = self.pictures(pixels)?;
            self.forward(&mut self.evaluation(x.dim(0)?)?, &x)?
        })
    }

    fn gradients(&self, pixels: &[f32], count: usize, d_logits: &DLogits<'_>) -> Result<PixelGradients> {
        let x = Var::from_tensor(&self.pictures(pixels)?)?;
        let of_logits = self.forward(&mut self.evaluation(x.dim(0)?)?, &x)?;
        let logits = values(&of_logits)?;
        let mut gradients = vec![0.0; count * pixels.len()];
        for number in 0..count {
            let d = Tensor::from_vec(d_logits(0, number, &logits)?, of_logits.shape(), &self.device)?;
            // A net may ignore its input altogether; then there is nothing to follow.
            if let Some(gradient) = (&of_logits * d)?.sum_all()?.backward()?.get(&x) {
                interleave(&values(gradient)?, &mut gradients, self.input.shape().count(), number, count);
            }
        }
        Ok(PixelGradients { logits, gradients })
    }

    fn train(
        &mut self,
        pixels: &[f32],
        d_logits: &mut dyn FnMut(&[f32]) -> Result<Vec<f32>>,
        wanted: Wanted<'_>,
        rng: &mut dyn RngCore,
    ) -> Result<()> {
        let tensors = self.tensors()?;
        let x = Var::from_tensor(&self.pictures(pixels)?)?;
        let mut pass = TensorPass {
            parameters: VarBuilder::from_tensors(HashMap::clone(&tensors), DType::F32, &self.device),
            mode: Mode::Train { rng, statistics: Params::new() },
            pictures: x.dim(0)?,
        };
        let logits = self.forward(&mut pass, &x)?;
        let d = Tensor::from_vec(d_logits(&values(&logits)?)?, logits.shape(), &self.device)?;
        let gradients = (logits * d)?.sum_all()?.backward()?;
        if let Some(wanted) = wanted.parameters {
            let of = |(name, tensor): (&String, &Tensor)| {
                let gradient = gradients.get(tensor).cloned().map_or_else(|| tensor.zeros_like(), Ok)?;
                Ok((name.clone(), gradient.to_device(&Device::Cpu)?))
            };
            let found = tensors.iter().map(of).collect::<Result<Params>>()?;
            let found = Parameters::from_tensors(&self.parameters.layout, &found)?;
            let to = &mut wanted.to.values.values;
            if wanted.add {
                to.iter_mut().zip(&found.values).for_each(|(to, found)| *to += found);
            } else {
                *to = found.values;
            }
        }
        if let Some(pixels) = wanted.pixels {
            match gradients.get(&x) {
                Some(gradient) => pixels.copy_from_slice(&values(gradient)?),
                None => pixels.fill(0.0),
            }
        }
        if let Mode::Train { statistics, .. } = pass.mode {
            self.statistics = statistics;
        }
        Ok(())
    }

    fn update_statistics(&mut self) -> Result<()> {
        for (name, seen) in std::mem::take(&mut self.statistics) {
            let Some(slot) = self.parameters.layout.slot(&name) else {
                return Err(Error::Argument(format!("the net has no tensor {name:?}")));
            };
            approach(self.parameters_mut().slot_mut(slot), &values(&seen)?);
        }
        Ok(())
    }
}
