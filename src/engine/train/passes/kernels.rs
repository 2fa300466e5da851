//! These training passes run on our own kernels.

use std::sync::Arc;

use rand::RngCore;

use super::{Batch, Collect, Passes, Seen, Wanted};
use crate::Result;
use crate::kernels::Isa;
use crate::loss::{Loss, training_loss};
use crate::model::{self, Folded, Gradients, Layout, Manifest, Parameters, Pass, Plan, Transposed, Weights, Workspace};

/// It holds a plan for training and one for evaluation; nothing is allocated anew from one step to the next.
pub struct KernelPasses {
    training: Plan,
    evaluation: Plan,
    folded: Folded,
    transposed: Transposed,
    /// The weights as the evaluation needs them; batch normalisation makes them others than those of the training.
    frozen: (Folded, Transposed),
    is_fresh: bool,
    workspaces: (Workspace, Workspace),
    isa: Isa,
}

impl KernelPasses {
    pub fn new(manifest: &Manifest) -> Result<Self> {
        Ok(Self {
            training: Plan::new(&manifest.layers, &manifest.input, Pass::Train)?,
            evaluation: Plan::new(&manifest.layers, &manifest.input, Pass::Evaluate)?,
            folded: Folded::default(),
            transposed: Transposed::default(),
            frozen: Default::default(),
            is_fresh: false,
            workspaces: Default::default(),
            isa: Isa::detect(),
        })
    }

    pub fn layout(&self) -> &Arc<Layout> {
        &self.training.layout
    }

    fn freeze(&mut self, parameters: &Parameters) {
        if !self.is_fresh {
            let (folded, transposed) = &mut self.frozen;
            self.evaluation.fold(self.isa, parameters, folded);
            self.evaluation.transpose(self.isa, (parameters, folded), transposed, true);
            self.is_fresh = true;
        }
    }
}

impl Passes for KernelPasses {
    fn are_shared(&self) -> bool {
        self.training.masks == 0 && self.training.norms == 0
    }

    fn refresh(&mut self, parameters: &Parameters, pixels: bool) -> Result<()> {
        self.training.fold(self.isa, parameters, &mut self.folded);
        self.training.transpose(self.isa, (parameters, &self.folded), &mut self.transposed, pixels);
        self.is_fresh = false;
        Ok(())
    }

    fn train(
        &mut self,
        parameters: &Parameters,
        gradients: &mut Gradients,
        Batch { pixels, labels }: Batch<'_>,
        wanted: Wanted<'_>,
        rng: &mut dyn RngCore,
    ) -> Result<(f32, Seen)> {
        let weights = Weights { parameters, folded: &self.folded, transposed: Some(&self.transposed) };
        let workspace = &mut self.workspaces.0;
        let logits = self.training.forward(self.isa, weights, pixels, workspace, Some(rng));
        let (loss, d_logits) = training_loss(&logits, labels, wanted.smoothing, wanted.weight)?;
        if wanted.collect != Collect::Nothing || wanted.pixels.is_some() {
            let parameters =
                (wanted.collect != Collect::Nothing).then_some((gradients, wanted.collect == Collect::Add));
            let wanted = model::Wanted { parameters, pixels: wanted.pixels };
            self.training.backward(self.isa, weights, &d_logits, workspace, wanted);
        }
        let seen = workspace.statistics.iter().map(|seen| (seen.mean.clone(), seen.unbiased_variance.clone()));
        Ok((loss, seen.collect()))
    }

    fn logits(&mut self, parameters: &Parameters, pixels: &[f32]) -> Result<Vec<f32>> {
        self.freeze(parameters);
        let weights = Weights { parameters, folded: &self.frozen.0, transposed: None };
        Ok(self.evaluation.forward(self.isa, weights, pixels, &mut self.workspaces.1, None))
    }

    fn gradient(&mut self, parameters: &Parameters, batch: Batch<'_>) -> Result<(Vec<f32>, Vec<f32>)> {
        self.freeze(parameters);
        let (folded, transposed) = &self.frozen;
        let weights = Weights { parameters, folded, transposed: Some(transposed) };
        let workspace = &mut self.workspaces.1;
        let logits = self.evaluation.forward(self.isa, weights, batch.pixels, workspace, None);
        let d_logits = Loss::LogOdds.gradient(&logits, batch.labels, 1.0)?;
        let mut gradient = vec![0.0; batch.pixels.len()];
        let wanted = model::Wanted { parameters: None, pixels: Some(&mut gradient) };
        self.evaluation.backward(self.isa, weights, &d_logits, workspace, wanted);
        Ok((logits, gradient))
    }
}
