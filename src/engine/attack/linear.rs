//! For a net without a kink some things are exactly so: section 3 of arXiv 1412.6572, "The linear explanation".
//!
//! Its logits are z = Wx + b. A perturbation of at most ε per pixel takes no more than ε‖w_rival − w_label‖₁ from the
//! lead of the label over a rival, and ε·sign(w_rival − w_label) takes just that.

use super::Norm;
use super::problem::difference;
use crate::model::{Model, Node, Operation};
use crate::picture::{Channel, Heatmap, HeatmapQuantity, Planes, Rgba};
use crate::{Error, Result};

/// This is the class that is nearest to the label of a picture, in the net's own linear terms.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearRival {
    /// The class that a perturbation reaches with the least ε.
    pub class: usize,
    /// This is z_label − z_class at the untouched picture.
    pub lead: f32,
    /// This is w_class − w_label, of the pixels' shape.
    pub weights: Planes,
}

impl LinearRival {
    /// Returns ‖w_class − w_label‖₁, which a perturbation takes from the lead for each unit of ε.
    pub fn slope(&self) -> f32 {
        Norm::L1.length(&self.weights.values)
    }

    /// Returns the lead that ε·sign(w_class − w_label) leaves where nothing is clipped. No perturbation leaves less.
    pub fn lead_at(&self, eps: f32) -> f32 {
        self.lead - eps * self.slope()
    }

    /// Returns the ε at which the two classes draw level: below it no attack of any kind turns the answer.
    pub fn least_eps(&self) -> f32 {
        self.lead.max(0.0) / self.slope()
    }

    /// Returns the weights, full colour at the largest, and their signs.
    pub fn pictures(&self) -> [Rgba; 2] {
        let heatmap = Heatmap { quantity: HeatmapQuantity::Perturbation, channel: Channel::Strongest, gain: 1.0 };
        let signs = Planes { values: Norm::Linf.steepest(&self.weights.values), ..self.weights };
        [&self.weights, &signs].map(|planes| heatmap.draw(planes, planes).0)
    }
}

/// Returns the rival of `label`; none where the net is not linear or its pixels have more than one channel. Fails for a
/// picture of another shape, a label that is no class, and a net with one class.
pub fn linear_rival(model: &Model, picture: &Planes, label: usize) -> Result<Option<LinearRival>> {
    let is_linear =
        |node: &Node| matches!(node.operation, Operation::Flatten(_) | Operation::Linear(_) | Operation::Dropout(_));
    if picture.channels != 1 || !model.manifest.graph.nodes().iter().all(is_linear) {
        return Ok(None);
    }
    let classes = model.classes.len();
    if label >= classes || classes < 2 {
        return Err(Error::Argument(format!("label {label} of {classes} classes; expected one of at least 2")));
    }
    let rivals: Vec<usize> = (0..classes).filter(|&class| class != label).collect();
    let of_logits = |_: usize, number: usize, _: &[f32]| difference(classes, rivals[number], label);
    let (logits, slopes) = model.gradients(&picture.to_tensor()?, rivals.len(), of_logits)?;
    let (z, slopes): (Vec<f32>, Vec<f32>) = (logits.flatten_all()?.to_vec1()?, slopes.flatten_all()?.to_vec1()?);
    let all = rivals.iter().zip(slopes.chunks(picture.values.len())).map(|(&class, weights)| LinearRival {
        class,
        lead: z[label] - z[class],
        weights: Planes { values: weights.to_vec(), ..*picture },
    });
    Ok(all.min_by(|a, b| a.least_eps().total_cmp(&b.least_eps()).then(a.lead.total_cmp(&b.lead))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::{Rules, eps_curve};
    use crate::data::sample;
    use crate::model::{Catalogue, argmax};

    fn seven(model: &Model) -> Planes {
        model.fit(&sample("digit-7").unwrap().picture().unwrap()).unwrap()
    }

    #[test]
    fn no_other_step_does_it_with_less_and_this_one_does() {
        let model = Catalogue::new(Vec::new()).load("digits_softmax").unwrap();
        let x = seven(&model);
        let label = argmax(&model.probabilities(&x).unwrap());
        let rival = linear_rival(&model, &x, label).unwrap().unwrap();
        let least = rival.least_eps();
        assert!(least > 0.0 && rival.lead > 0.0, "{rival:?}");
        let answers = |direction: &[f32], eps: &[f32]| {
            let curve =
                eps_curve(&model, &x.clone().into(), direction, eps, Rules { bounds: None, ..Rules::default() })
                    .unwrap();
            (curve.logits.iter().map(|z| argmax(z)).collect::<Vec<_>>(), curve.logits)
        };
        let signs = Norm::Linf.steepest(&rival.weights.values);
        let eps = [0.0, 0.98 * least, 1.02 * least];
        let (found, logits) = answers(&signs, &eps);
        assert_eq!(found, [label, label, rival.class]);
        for (eps, z) in eps.into_iter().zip(&logits) {
            let lead = z[label] - z[rival.class];
            assert!((lead - rival.lead_at(eps)).abs() < 1e-3, "{lead} against {}", rival.lead_at(eps));
        }
        // Any sign pattern that is not this one leaves the label more.
        for seed in 0..50_u32 {
            let mut other = signs.clone();
            for (i, value) in other.iter_mut().enumerate() {
                if (i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(40_503)) % 3 == 0 {
                    *value = -*value;
                }
            }
            assert_eq!(answers(&other, &[least]).0, [label], "seed {seed}");
        }
    }

    #[test]
    fn nets_with_kinks_have_no_such_formula() {
        let model = Catalogue::new(Vec::new()).load("digits_maxout").unwrap();
        assert_eq!(linear_rival(&model, &seven(&model), 7).unwrap(), None);
    }
}
