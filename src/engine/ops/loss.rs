//! Softmax and the losses on logits. Probabilities never feed a loss.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::{operand, shaped, with_values};

/// Probabilities of each row of logits, computed from its largest one down so that nothing overflows.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exps: Vec<f64> = logits.iter().map(|&z| f64::from(z - max).exp()).collect();
    let sum: f64 = exps.iter().sum();
    exps.iter().map(|e| (e / sum) as f32).collect()
}

/// The cross-entropy `J = −log softmax(z)[label]` of every row: (n, classes) to (n).
///
/// Its gradient `softmax(z) − onehot(label)` is computed in `f32` as PyTorch computes it, so that attacks agree with
/// those of other libraries picture by picture. Where the label's probability rounds to 1 (a logit gap of about 17), the
/// label's own share of the gradient cancels to 0; [`log_odds_against`] has no such blind spot.
pub fn cross_entropy(logits: &Tensor, labels: &[usize]) -> Result<Tensor> {
    loss(logits, labels, Kind::CrossEntropy)
}

/// The log-odds against the label, `L = log Σ_{k≠label} exp(z_k) − z_label`, of every row: (n, classes) to (n).
///
/// `J = softplus(L)`, so `∇J = σ(L)·∇L` with a positive factor: ascending L and J is the same direction, but ∇L does
/// not vanish however sure the net is, where ∇J falls below the smallest `f32` at a logit gap of 90.
pub fn log_odds_against(logits: &Tensor, labels: &[usize]) -> Result<Tensor> {
    loss(logits, labels, Kind::LogOdds)
}

fn loss(logits: &Tensor, labels: &[usize], kind: Kind) -> Result<Tensor> {
    let (n, classes) = logits.dims2()?;
    if labels.len() != n || classes < 2 || labels.iter().any(|&label| label >= classes) {
        bail!("a loss of {n} rows of {classes} classes got {} labels up to {:?}", labels.len(), labels.iter().max());
    }
    logits.contiguous()?.apply_op1(Loss { labels: labels.to_vec(), kind })
}

#[derive(Clone, Copy)]
enum Kind {
    CrossEntropy,
    LogOdds,
}

struct Loss {
    labels: Vec<usize>,
    kind: Kind,
}

/// `log Σ_{k≠label} exp(z_k)` and the softmax over the classes other than the label (0 at the label itself).
fn others(z: &[f32], label: usize) -> (f64, Vec<f64>) {
    let rest = || z.iter().enumerate().filter(move |(k, _)| *k != label);
    let max = rest().map(|(_, &z)| z).fold(f32::NEG_INFINITY, f32::max);
    let mut shares: Vec<f64> = z.iter().map(|&z| f64::from(z - max).exp()).collect();
    shares[label] = 0.0;
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    (f64::from(max) + sum.ln(), shares)
}

/// `log(1 + exp(x))` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

impl CustomOp1 for Loss {
    fn name(&self) -> &'static str {
        "loss"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let z = operand(storage, layout)?;
        let classes = layout.dims()[1];
        let losses = z.chunks_exact(classes).zip(&self.labels).map(|(z, &label)| {
            let log_odds = others(z, label).0 - f64::from(z[label]);
            match self.kind {
                Kind::CrossEntropy => softplus(log_odds) as f32,
                Kind::LogOdds => log_odds as f32,
            }
        });
        Ok((CpuStorage::F32(losses.collect()), self.labels.len().into()))
    }

    fn bwd(&self, logits: &Tensor, _loss: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let classes = logits.dims()[1];
        let dz = with_values(logits, |z| {
            with_values(grad, |grad| {
                let mut dz = Vec::with_capacity(z.len());
                for ((z, &label), &grad) in z.chunks_exact(classes).zip(&self.labels).zip(grad) {
                    match self.kind {
                        Kind::CrossEntropy => {
                            let p = log_softmax(z).map(f32::exp);
                            dz.extend(p.enumerate().map(|(k, p)| if k == label { p * grad - grad } else { p * grad }));
                        }
                        Kind::LogOdds => {
                            let shares = others(z, label).1.into_iter().enumerate();
                            dz.extend(shares.map(|(k, share)| if k == label { -grad } else { share as f32 * grad }));
                        }
                    }
                }
                Ok(dz)
            })
        })?;
        Ok(Some(shaped(dz, logits)?))
    }
}

/// `z − log Σ exp(z)` in `f32`, from the largest logit down.
fn log_softmax(z: &[f32]) -> impl Iterator<Item = f32> {
    let max = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let log_sum = z.iter().map(|&z| (z - max).exp()).sum::<f32>().ln();
    z.iter().map(move |&z| z - max - log_sum)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;
    use crate::engine::ops::testing::{check_gradient, random};

    fn gradient(z: &[f32], label: usize, loss: fn(&Tensor, &[usize]) -> Result<Tensor>) -> (f32, Vec<f32>) {
        let z = Var::from_slice(z, (1, z.len()), &Device::Cpu).unwrap();
        let loss = loss(&z, &[label]).unwrap();
        let dz = loss.sum_all().unwrap().backward().unwrap().remove(&z).unwrap();
        (loss.to_vec1().unwrap()[0], dz.flatten_all().unwrap().to_vec1().unwrap())
    }

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs().max(1.0))
    }

    #[test]
    fn cross_entropy_matches_pytorch() {
        // z = torch.tensor([[1., -2., .5, 3.]], requires_grad=True)
        // J = torch.nn.functional.cross_entropy(z, torch.tensor([2])); J.backward(); print(J.item(), z.grad.tolist())
        // -> 2.702253580093384 [[0.11055373400449753, 0.005504147615283728, -0.9329457879066467, 0.8168878555297852]]
        let (loss, dz) = gradient(&[1.0, -2.0, 0.5, 3.0], 2, cross_entropy);
        assert!((loss - 2.702_253_6).abs() < 1e-6, "{loss}");
        assert!(close(&dz, &[0.110_553_734, 0.005_504_147_6, -0.932_945_8, 0.816_887_86]), "{dz:?}");
    }

    #[test]
    fn cross_entropy_agrees_with_candles_own() {
        let logits = Var::from_tensor(&(random(&[6, 9], 8) * 6.0).unwrap()).unwrap();
        let labels = [0, 3, 8, 8, 1, 5];
        let ours = cross_entropy(&logits, &labels).unwrap().mean_all().unwrap();
        let indices = Tensor::from_slice(&labels.map(|label| label as u32), 6, &Device::Cpu).unwrap();
        let theirs = candle_nn::loss::cross_entropy(&logits, &indices).unwrap();
        let gradient = |loss: &Tensor| -> Vec<f32> {
            let gradient = loss.backward().unwrap().remove(&logits).unwrap();
            gradient.flatten_all().unwrap().to_vec1().unwrap()
        };
        assert!((ours.to_scalar::<f32>().unwrap() - theirs.to_scalar::<f32>().unwrap()).abs() < 1e-5);
        assert!(close(&gradient(&ours), &gradient(&theirs)));
    }

    #[test]
    fn only_the_log_odds_see_the_slope_of_a_saturated_net() {
        // z = torch.tensor([[60., 0., 5.]], requires_grad=True); F.cross_entropy(z, torch.tensor([0])).backward()
        // z.grad -> [[0.0, 8.756510958e-27, 1.299581504e-24]]: the label's own share is lost in float32 (and float64).
        let (_, dz) = gradient(&[60.0, 0.0, 5.0], 0, cross_entropy);
        assert!(dz[0] == 0.0 && (dz[2] / 1.299_581_5e-24 - 1.0).abs() < 1e-5, "{dz:?}");
        // L = log(e^0 + e^5) − 60, its gradient −1 at the label and softmax(0, 5) elsewhere.
        let (log_odds, dz) = gradient(&[60.0, 0.0, 5.0], 0, log_odds_against);
        assert!((log_odds - (5.006_715_3 - 60.0)).abs() < 1e-4, "{log_odds}");
        assert!(close(&dz, &[-1.0, 0.006_692_85, 0.993_307_1]), "{dz:?}");
        let (log_odds, dz) = gradient(&[1000.0, 0.0, 5.0], 0, log_odds_against);
        assert!((log_odds + 995.0).abs() < 0.01 && dz[0] == -1.0 && dz[2] > 0.99, "{log_odds} {dz:?}");
    }

    #[test]
    fn softmax_does_not_overflow() {
        assert!(close(&softmax(&[1000.0, 1000.0]), &[0.5, 0.5]));
        assert!(close(&softmax(&[0.0, 3.0f32.ln()]), &[0.25, 0.75]));
    }

    #[test]
    fn gradients_match_finite_differences() {
        let labels = [0, 2, 4];
        check_gradient(&random(&[3, 5], 5), |z| cross_entropy(&(z * 3.0)?, &labels));
        check_gradient(&random(&[3, 5], 6), |z| log_odds_against(&(z * 3.0)?, &labels));
    }

    #[test]
    fn labels_must_exist() {
        let z = random(&[1, 3], 7);
        assert!(cross_entropy(&z, &[3]).is_err() && cross_entropy(&z, &[0, 1]).is_err());
    }
}
