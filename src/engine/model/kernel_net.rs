//! This net runs on our own kernels: many pictures at a time in evaluation, a batch in training.

use std::sync::{Mutex, OnceLock, PoisonError};

use rand::RngCore;
use rayon::prelude::*;

use super::backward::Wanted;
use super::builder::Plans;
use super::derived::{FoldedConv, Weights};
use super::executor::{DLogits, Executor, PixelGradients, approach, interleave};
use super::graph::Graph;
use super::manifest::Input;
use super::parameters::{Parameters, TensorSource};
use super::plan::{Op, Plan};
use super::run::Workspace;
use crate::Result;
use crate::kernels::Map;
use crate::threads::on_the_pool;

/// This net keeps what it derives from its parameters, and the memory of its passes.
pub struct KernelNet {
    parameters: Parameters,
    evaluation: Plan,
    folded: Derived<Vec<FoldedConv>>,
    transposed: Derived<Vec<Vec<f32>>>,
    /// The workspaces of passes for evaluation that are over.
    workspaces: Mutex<Vec<Workspace>>,
    training: Training,
}

/// Passes for training need this; nothing is allocated anew from one to the next.
struct Training {
    plan: Plan,
    folded: Vec<FoldedConv>,
    transposed: Vec<Vec<f32>>,
    /// `None` after a change of the parameters; true when the weights are turned round for gradients of pixels, too.
    derived: Option<bool>,
    workspace: Workspace,
}

/// This value is derived from the parameters when it is first asked for. Its memory serves for the next parameters.
#[derive(Default)]
struct Derived<T> {
    value: OnceLock<T>,
    spare: Mutex<T>,
}

impl<T: Default> Derived<T> {
    fn get(&self, derive: impl FnOnce(&mut T)) -> &T {
        self.value.get_or_init(|| {
            let mut value = std::mem::take(&mut *self.spare.lock().unwrap_or_else(PoisonError::into_inner));
            derive(&mut value);
            value
        })
    }

    fn forget(&mut self) {
        if let Some(value) = self.value.take() {
            *self.spare.get_mut().unwrap_or_else(PoisonError::into_inner) = value;
        }
    }
}

/// The number of values of all planes that the pictures of one pass take together at most, unless one picture alone
/// takes more: 16 MB, so that what a step writes is still in the cache when the next one reads it.
const VALUES_PER_PASS: usize = 4 << 20;

const MAX_PICTURES: usize = 64;

impl KernelNet {
    /// Makes a net of these layers; refuses what [`Backend::executor`](crate::device::Backend::executor) does.
    pub fn new(graph: &Graph, input: &Input, params: &dyn TensorSource) -> Result<Self> {
        let Plans { training, evaluation } = Plans::new(graph, input)?;
        Ok(Self {
            parameters: Parameters::from_tensors(&training.layout, params)?,
            evaluation,
            folded: Derived::default(),
            transposed: Derived::default(),
            workspaces: Mutex::default(),
            training: Training {
                plan: training,
                folded: Vec::new(),
                transposed: Vec::new(),
                derived: None,
                workspace: Workspace::default(),
            },
        })
    }

    /// Returns what passes for evaluation run on.
    fn weights(&self) -> Weights<'_> {
        let folded = self.folded.get(|folded| self.evaluation.fold(&self.parameters, folded));
        Weights { parameters: &self.parameters, folded, transposed: &[] }
    }

    fn values_per_input(&self) -> usize {
        self.evaluation.nodes[self.evaluation.input].shape.count().max(1)
    }

    /// Runs `f(pixels, number of the first picture, workspace)` on a few pictures at a time and joins what it gives.
    fn passes(
        &self,
        pixels: &[f32],
        f: impl Fn(&[f32], usize, &mut Workspace) -> Result<PixelGradients> + Sync,
    ) -> Result<PixelGradients> {
        let of_all_planes: usize = self.evaluation.buffers.iter().map(Map::picture).sum();
        let per_pass = (VALUES_PER_PASS / of_all_planes.max(1)).clamp(1, MAX_PICTURES);
        let run = |(pass, pixels): (usize, &[f32])| {
            let spare = || self.workspaces.lock().unwrap_or_else(PoisonError::into_inner);
            let mut workspace = spare().pop().unwrap_or_default();
            let result = f(pixels, pass * per_pass, &mut workspace);
            spare().push(workspace);
            result
        };
        let pixels_per_pass = per_pass * self.values_per_input();
        let parts: Result<Vec<_>> = on_the_pool(|| pixels.par_chunks(pixels_per_pass).enumerate().map(run).collect());
        // Mostly there is one part, which nothing is added to.
        let mut parts = parts?.into_iter();
        let mut joined = parts.next().unwrap_or_default();
        for part in parts {
            joined.logits.extend(part.logits);
            joined.gradients.extend(part.gradients);
        }
        Ok(joined)
    }
}

impl Executor for KernelNet {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        self.folded.forget();
        self.transposed.forget();
        self.training.derived = None;
        &mut self.parameters
    }

    fn trains_as_it_evaluates(&self) -> bool {
        let steps = &self.training.plan.steps;
        !steps.iter().any(|step| matches!(step.op, Op::BatchNorm(_) | Op::Dropout { .. }))
    }

    fn logits(&self, pixels: &[f32]) -> Result<Vec<f32>> {
        let weights = self.weights();
        let found = self.passes(pixels, |pixels, _, workspace| {
            let logits = self.evaluation.logits(weights, pixels, workspace);
            Ok(PixelGradients { logits, gradients: Vec::new() })
        })?;
        Ok(found.logits)
    }

    /// Runs one pass forwards and `count` back.
    fn gradients(&self, pixels: &[f32], count: usize, d_logits: &DLogits<'_>) -> Result<PixelGradients> {
        let weights = self.weights();
        let transposed = self.transposed.get(|transposed| self.evaluation.transpose(weights, transposed, true));
        let weights = Weights { transposed, ..weights };
        self.passes(pixels, |pixels, first, workspace| {
            let logits = self.evaluation.forward(weights, pixels, workspace, None);
            let mut back = |number: usize, gradient: &mut [f32]| -> Result<()> {
                let wanted = Wanted { parameters: None, pixels: Some(gradient) };
                self.evaluation.backward(weights, &d_logits(first, number, &logits)?, workspace, wanted);
                Ok(())
            };
            let mut gradients = vec![0.0; count * pixels.len()];
            if count == 1 {
                back(0, &mut gradients)?;
                return Ok(PixelGradients { logits, gradients });
            }
            let mut gradient = vec![0.0; pixels.len()];
            for number in 0..count {
                back(number, &mut gradient)?;
                interleave(&gradient, &mut gradients, self.values_per_input(), number, count);
            }
            Ok(PixelGradients { logits, gradients })
        })
    }

    fn train(
        &mut self,
        pixels: &[f32],
        d_logits: &mut dyn FnMut(&[f32]) -> Result<Vec<f32>>,
        wanted: Wanted<'_>,
        rng: &mut dyn RngCore,
    ) -> Result<()> {
        let Training { plan, folded, transposed, derived, workspace } = &mut self.training;
        let parameters = &self.parameters;
        let pixels_too = wanted.pixels.is_some();
        if derived.is_none_or(|reaches_pixels| pixels_too && !reaches_pixels) {
            plan.fold(parameters, folded);
            plan.transpose(Weights { parameters, folded, transposed: &[] }, transposed, pixels_too);
            *derived = Some(pixels_too);
        }
        let weights = Weights { parameters, folded, transposed };
        let logits = plan.forward(weights, pixels, workspace, Some(rng));
        let d = d_logits(&logits)?;
        if wanted.parameters.is_some() || wanted.pixels.is_some() {
            plan.backward(weights, &d, workspace, wanted);
        }
        Ok(())
    }

    fn update_statistics(&mut self) -> Result<()> {
        let Training { plan, workspace, .. } = &self.training;
        // The weights of training do not depend on these.
        for (step, notes) in plan.steps.iter().zip(&workspace.notes) {
            let Op::BatchNorm(norm) = &step.op else { continue };
            approach(self.parameters.slot_mut(norm.mean), &notes.statistics.mean);
            approach(self.parameters.slot_mut(norm.var), &notes.statistics.unbiased_variance);
            self.folded.forget();
            self.transposed.forget();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    use crate::model::Catalogue;
    use crate::train::initial_params;

    #[test]
    fn memory_of_gradients_serves_again() {
        let manifest = Catalogue::new(Vec::new()).manifest("digits_cnn").unwrap();
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
        let params = initial_params(&manifest.graph, None, &mut rng).unwrap();
        let net = KernelNet::new(&manifest.graph, &manifest.input, &params).unwrap();
        let x = vec![0.5; 2 * net.values_per_input()];
        net.gradients(&x, 1, &|_, _, z: &[f32]| Ok(z.to_vec())).unwrap();
        let spares = net.workspaces.lock().unwrap().pop().unwrap();
        let values: usize = spares.values.iter().map(Vec::len).sum();
        assert!(spares.spares.len() < values / 2, "{} for gradients, {values} for values", spares.spares.len());
    }
}
