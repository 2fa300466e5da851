//! Training passes on our own kernels.

use std::sync::Arc;

use rand::RngCore;

use super::{Batch, Passes, Seen, Wanted};
use crate::Result;
use crate::loss::{Loss, training_loss};
use crate::model::{self, Folded, Layout, Manifest, Parameters, Pass, Plan, Transposed, Weights, Workspace};

/// A plan for training and one for evaluation; nothing is allocated anew from one step to the next.
pub struct KernelPasses {
    training: Plan,
    evaluation: Plan,
    folded: Folded,
    transposed: Transposed,
    /// Of the evaluation, where batch normalisation makes its weights others than those of the training.
    frozen: (Folded, Transposed),
    /// Whether `frozen` belongs to the present weights.
    is_fresh: bool,
    workspaces: (Workspace, Workspace),
}

impl KernelPasses {
    /// # Errors
    /// Layers that do not fit together.
    pub fn new(manifest: &Manifest) -> Result<Self> {
        Ok(Self {
            training: Plan::new(&manifest.layers, &manifest.input, Pass::Train)?,
            evaluation: Plan::new(&manifest.layers, &manifest.input, Pass::Evaluate)?,
            folded: Folded::default(),
            transposed: Transposed::default(),
            frozen: Default::default(),
            is_fresh: false,
            workspaces: Default::default(),
        })
    }

    /// Where the parameters of the net lie.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.training.layout
    }

    /// Brings what the evaluation derives from the weights up to date.
    fn freeze(&mut self, parameters: &Parameters) {
        if !self.is_fresh {
            let (folded, transposed) = &mut self.frozen;
            self.evaluation.fold(parameters, folded);
            self.evaluation.transpose(Weights { parameters, folded, transposed: None }, transposed, true);
            self.is_fresh = true;
        }
    }
}

impl Passes for KernelPasses {
    fn are_shared(&self) -> bool {
        self.training.is_the_same_in_evaluation()
    }

    fn refresh(&mut self, parameters: &Parameters, pixels: bool) -> Result<()> {
        self.training.fold(parameters, &mut self.folded);
        let weights = Weights { parameters, folded: &self.folded, transposed: None };
        self.training.transpose(weights, &mut self.transposed, pixels);
        self.is_fresh = false;
        Ok(())
    }

    fn train(
        &mut self,
        parameters: &Parameters,
        Batch { pixels, labels }: Batch<'_>,
        wanted: Wanted<'_>,
        rng: &mut dyn RngCore,
    ) -> Result<(f32, Seen)> {
        let weights = Weights { parameters, folded: &self.folded, transposed: Some(&self.transposed) };
        let workspace = &mut self.workspaces.0;
        let logits = self.training.forward(weights, pixels, workspace, Some(rng));
        let (loss, d_logits) = training_loss(&logits, labels, wanted.smoothing, wanted.weight)?;
        if wanted.parameters.is_some() || wanted.pixels.is_some() {
            let parameters = wanted.parameters.map(|(to, add)| model::WantedParameters { to, add });
            let wanted = model::Wanted { parameters, pixels: wanted.pixels };
            self.training.backward(weights, &d_logits, workspace, wanted);
        }
        let seen =
            self.training.statistics(workspace).map(|(_, seen)| (seen.mean.clone(), seen.unbiased_variance.clone()));
        Ok((loss, seen.collect()))
    }

    fn logits(&mut self, parameters: &Parameters, pixels: &[f32]) -> Result<Vec<f32>> {
        self.freeze(parameters);
        let weights = Weights { parameters, folded: &self.frozen.0, transposed: None };
        Ok(self.evaluation.forward(weights, pixels, &mut self.workspaces.1, None))
    }

    fn gradient(&mut self, parameters: &Parameters, batch: Batch<'_>) -> Result<(Vec<f32>, Vec<f32>)> {
        self.freeze(parameters);
        let (folded, transposed) = &self.frozen;
        let weights = Weights { parameters, folded, transposed: Some(transposed) };
        let workspace = &mut self.workspaces.1;
        let logits = self.evaluation.forward(weights, batch.pixels, workspace, None);
        let d_logits = Loss::LogOdds.gradient(&logits, batch.labels, 1.0)?;
        let mut gradient = vec![0.0; batch.pixels.len()];
        let wanted = model::Wanted { parameters: None, pixels: Some(&mut gradient) };
        self.evaluation.backward(weights, &d_logits, workspace, wanted);
        Ok((logits, gradient))
    }
}
