//! These layers are made of lists of layers.

use candle_core::{Result as TensorResult, Tensor};
use serde::Deserialize;

use super::{Builder, Fusion, Layer, LayerSpec, Members, NodeId, Shape, StepTarget, TensorPass};
use crate::Result;

/// This computes `body(x) + shortcut(x)`; an empty shortcut is x itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    pub body: Vec<LayerSpec>,
    #[serde(default)]
    pub shortcut: Vec<LayerSpec>,
}

/// This puts the branches' outputs one after the other along the channels.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concat {
    pub branches: Vec<Vec<LayerSpec>>,
}

impl Layer for Residual {
    fn members(&self) -> Vec<Members<'_>> {
        let named = |name: &str, layers| Members { name: name.to_owned(), layers };
        vec![named("body", &self.body), named("shortcut", &self.shortcut)]
    }

    fn output(&self, _: Shape, members: &[Shape]) -> Result<Shape, String> {
        let (body, shortcut) = (members[0], members[1]);
        if body == shortcut {
            return Ok(body);
        }
        Err(format!("adds {body} from its body to {shortcut} from its shortcut, expected equal shapes"))
    }

    fn fusion(&self) -> Fusion {
        Fusion { norm: false, sum: false, clamp: true }
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        builder.sequence(&self.body, x, target, Some(&self.shortcut))
    }

    fn forward(&self, pass: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        pass.run(&self.body, x)? + pass.run(&self.shortcut, x)?
    }
}

impl Layer for Concat {
    fn check(&self) -> Result<(), String> {
        if self.branches.is_empty() {
            return Err("concat has no branches; expected at least one".into());
        }
        Ok(())
    }

    fn members(&self) -> Vec<Members<'_>> {
        let branches = self.branches.iter().enumerate();
        branches.map(|(i, layers)| Members { name: format!("branches[{i}]"), layers }).collect()
    }

    fn output(&self, _: Shape, members: &[Shape]) -> Result<Shape, String> {
        let joined = members.iter().copied().map(Some).reduce(|sum, shape| match (sum?, shape?) {
            (Shape::Planes { channels, height, width }, Shape::Planes { channels: more, height: h, width: w })
                if (height, width) == (h, w) =>
            {
                Some(Shape::Planes { channels: channels + more, height, width })
            }
            (Shape::Features(count), Shape::Features(more)) => Some(Shape::Features(count + more)),
            _ => None,
        });
        let expected = "gets branches of different sizes, expected them to differ in channels only";
        joined.flatten().ok_or(expected.into())
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: StepTarget<'_>) -> Result<NodeId> {
        builder.concat(self, x, target)
    }

    fn forward(&self, pass: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        let outputs: TensorResult<Vec<Tensor>> = self.branches.iter().map(|branch| pass.run(branch, x)).collect();
        Tensor::cat(&outputs?, 1)
    }
}
