//! Layers that are made of lists of layers.

use candle_core::{Result as TensorResult, Tensor};
use serde::Deserialize;

use super::{Builder, Fusion, Layer, LayerSpec, NodeId, Shape, Target, TensorPass, output_shape};
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
    fn kind(&self) -> &'static str {
        "residual"
    }

    fn members(&self) -> Vec<&[LayerSpec]> {
        vec![&self.body, &self.shortcut]
    }

    fn output(&self, shape: Shape, place: &str) -> Result<Shape, String> {
        let out = output_shape(&self.body, shape, &format!("{place}.body"))?;
        let around = output_shape(&self.shortcut, shape, &format!("{place}.shortcut"))?;
        if out == around {
            return Ok(out);
        }
        Err(format!("{place}: residual adds {out} from its body to {around} from its shortcut, expected equal shapes"))
    }

    fn fusion(&self) -> Fusion {
        Fusion { norm: false, sum: false, clamp: true }
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: Target<'_>) -> Result<NodeId> {
        builder.residual(&self.body, &self.shortcut, x, target)
    }

    fn forward(&self, pass: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        pass.run(&self.body, x)? + pass.run(&self.shortcut, x)?
    }
}

impl Concat {
    /// Returns the shapes of the branches' outputs.
    pub fn shapes(&self, shape: Shape, place: &str) -> Result<Vec<Shape>, String> {
        let branches = self.branches.iter().enumerate();
        branches.map(|(i, branch)| output_shape(branch, shape, &format!("{place}.branches[{i}]"))).collect()
    }
}

impl Layer for Concat {
    fn kind(&self) -> &'static str {
        "concat"
    }

    fn check(&self) -> Result<(), String> {
        if self.branches.is_empty() {
            return Err("concat has no branches; expected at least one".into());
        }
        Ok(())
    }

    fn members(&self) -> Vec<&[LayerSpec]> {
        self.branches.iter().map(Vec::as_slice).collect()
    }

    fn output(&self, shape: Shape, place: &str) -> Result<Shape, String> {
        let shapes = self.shapes(shape, place)?.into_iter().map(Some);
        let joined = shapes.reduce(|sum, shape| match (sum?, shape?) {
            (Shape::Planes { channels, height, width }, Shape::Planes { channels: more, height: h, width: w })
                if (height, width) == (h, w) =>
            {
                Some(Shape::Planes { channels: channels + more, height, width })
            }
            (Shape::Features(count), Shape::Features(more)) => Some(Shape::Features(count + more)),
            _ => None,
        });
        joined.flatten().ok_or_else(|| {
            format!("{place}: concat gets branches of different sizes, expected them to differ in channels only")
        })
    }

    fn add_steps(&self, builder: &mut Builder, x: NodeId, target: Target<'_>) -> Result<NodeId> {
        builder.concat(self, x, target)
    }

    fn forward(&self, pass: &mut TensorPass<'_>, x: &Tensor) -> TensorResult<Tensor> {
        let outputs: TensorResult<Vec<Tensor>> = self.branches.iter().map(|branch| pass.run(branch, x)).collect();
        Tensor::cat(&outputs?, 1)
    }
}
