//! Here are softmax and the losses on logits. Probabilities never feed a loss.

use serde::{Deserialize, Serialize};

use super::{Error, Result};

/// This is the function of the logits whose slope an attack follows. `J = softplus(L)`, so `∇J = σ(L)·∇L` with a
/// positive factor: both have the same sign of the gradient, and differ by rounding where the net is very sure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// This is the cross-entropy `J = −log softmax(z)[label]`, its gradient `softmax(z) − onehot(label)` computed in
    /// `f32` as PyTorch and the attack libraries have it. Where the label's probability rounds to 1 (a logit gap of
    /// about 17) the label's own share of the gradient cancels to 0.
    #[default]
    CrossEntropy,
    /// This is the log-odds against the label, `L = log Σ_{k≠label} exp(z_k) − z_label`: ∇L does not vanish however
    /// sure the net is, where ∇J falls below the smallest `f32` at a logit gap of 90.
    LogOdds,
}

/// Returns the probabilities of a row of logits, from its largest one down so that nothing overflows.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exps: Vec<f64> = logits.iter().map(|&z| f64::from(z - max).exp()).collect();
    let sum: f64 = exps.iter().sum();
    exps.iter().map(|e| (e / sum) as f32).collect()
}

impl Loss {
    /// Returns the loss of every row of `logits` (labels × classes). Fails for another number of labels than of rows,
    /// and for a label that is not a class.
    pub fn values(self, logits: &[f32], labels: &[usize]) -> Result<Vec<f32>> {
        let rows = rows(logits, labels)?;
        Ok(rows
            .map(|(z, label)| {
                let log_odds = others(z, label).0 - f64::from(z[label]);
                match self {
                    Self::CrossEntropy => softplus(log_odds) as f32,
                    Self::LogOdds => log_odds as f32,
                }
            })
            .collect())
    }

    /// Returns the gradient of the loss of every row with respect to its logits, times `scale`.
    pub fn gradient(self, logits: &[f32], labels: &[usize], scale: f32) -> Result<Vec<f32>> {
        let mut gradient = Vec::with_capacity(logits.len());
        for (z, label) in rows(logits, labels)? {
            match self {
                Self::CrossEntropy => {
                    let p = log_softmax(z).map(f32::exp).enumerate();
                    gradient.extend(p.map(|(k, p)| if k == label { p * scale - scale } else { p * scale }));
                }
                Self::LogOdds => {
                    let shares = others(z, label).1.into_iter().enumerate();
                    gradient.extend(shares.map(|(k, p)| if k == label { -scale } else { p as f32 * scale }));
                }
            }
        }
        Ok(gradient)
    }
}

/// Returns the gradient of the cross-entropy as `σ(L)·∇L`: right also where the label's probability rounds to 1. For
/// training, whose clean pass the attack may share.
pub fn exact_cross_entropy_gradient(logits: &[f32], labels: &[usize], scale: f32) -> Result<Vec<f32>> {
    let mut gradient = Vec::with_capacity(logits.len());
    for (z, label) in rows(logits, labels)? {
        let (log_sum, shares) = others(z, label);
        let factor = f64::from(scale) / (1.0 + (f64::from(z[label]) - log_sum).exp());
        gradient.extend(
            shares.into_iter().enumerate().map(|(k, share)| (if k == label { -factor } else { share * factor }) as f32),
        );
    }
    Ok(gradient)
}

/// Returns the mean cross-entropy against targets of which a share `smoothing` is spread over all classes (Szegedy et
/// al., Rethinking the Inception Architecture, 2016, section 7), and its gradient times `weight`; without smoothing
/// the gradient of [`exact_cross_entropy_gradient`].
pub fn training_loss(logits: &[f32], labels: &[usize], smoothing: f32, weight: f32) -> Result<(f32, Vec<f32>)> {
    let mean = |losses: &[f32]| (losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / labels.len() as f64) as f32;
    let scale = weight / labels.len() as f32;
    let mut losses = Loss::CrossEntropy.values(logits, labels)?;
    if smoothing == 0.0 {
        return Ok((mean(&losses), exact_cross_entropy_gradient(logits, labels, scale)?));
    }
    let mut gradient = Vec::with_capacity(logits.len());
    for ((z, label), loss) in rows(logits, labels)?.zip(&mut losses) {
        // Against another class the loss is greater by the difference of the logits.
        let average = z.iter().map(|&z| f64::from(z)).sum::<f64>() / z.len() as f64;
        *loss += smoothing * (f64::from(z[label]) - average) as f32;
        let spread = smoothing / z.len() as f32;
        let target = |k: usize| if k == label { 1.0 - smoothing + spread } else { spread };
        gradient.extend(softmax(z).into_iter().enumerate().map(|(k, p)| (p - target(k)) * scale));
    }
    Ok((mean(&losses), gradient))
}

/// Returns TRADES' loss `mean J(x) + β·mean KL(f(x) ‖ f(x'))` of the logits of a batch x and, behind them, of x', and its
/// slopes with respect to all of them (Zhang et al., 2019, arXiv 1901.08573, equation 5). Fails for labels that are no
/// classes.
pub fn trades_loss(logits: &[f32], labels: &[usize], smoothing: f32, beta: f32) -> Result<(f32, Vec<f32>)> {
    let (clean, adversarial) = logits.split_at(logits.len() / 2);
    let (value, mut slopes) = training_loss(clean, labels, smoothing, 1.0)?;
    let classes = clean.len() / labels.len();
    let scale = f64::from(beta) / labels.len() as f64;
    let mut divergence = 0.0;
    let mut slopes_behind = Vec::with_capacity(adversarial.len());
    for (row, (z, z_behind)) in clean.chunks(classes).zip(adversarial.chunks(classes)).enumerate() {
        let [log_p, log_q] = [z, z_behind].map(precise_log_softmax);
        let apart: Vec<f64> = log_p.iter().zip(&log_q).map(|(p, q)| p - q).collect();
        let of_row: f64 = log_p.iter().zip(&apart).map(|(p, apart)| p.exp() * apart).sum();
        divergence += of_row;
        for (slope, (p, apart)) in slopes[row * classes..].iter_mut().zip(log_p.iter().zip(&apart)) {
            *slope += (scale * p.exp() * (apart - of_row)) as f32;
        }
        slopes_behind.extend(log_p.iter().zip(&log_q).map(|(p, q)| (scale * (q.exp() - p.exp())) as f32));
    }
    slopes.extend(slopes_behind);
    Ok((value + (scale * divergence) as f32, slopes))
}

/// Returns the slopes of `KL(f(x) ‖ f(x'))` with respect to the logits of x', row by row: the difference of the
/// probabilities.
pub fn divergence_gradient(clean: &[f32], logits: &[f32], classes: usize) -> Vec<f32> {
    let rows = clean.chunks(classes).zip(logits.chunks(classes));
    let slopes = rows.flat_map(|(clean, logits)| {
        let (p, q) = (softmax(clean), softmax(logits));
        q.into_iter().zip(p).map(|(q, p)| q - p).collect::<Vec<_>>()
    });
    slopes.collect()
}

/// Returns the logarithms of the probabilities in double precision, since TRADES takes differences of them.
fn precise_log_softmax(z: &[f32]) -> Vec<f64> {
    let max = f64::from(z.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = z.iter().map(|&z| (f64::from(z) - max).exp()).sum();
    z.iter().map(|&z| f64::from(z) - max - sum.ln()).collect()
}

fn rows<'a>(logits: &'a [f32], labels: &'a [usize]) -> Result<impl Iterator<Item = (&'a [f32], usize)>> {
    let classes = logits.len() / labels.len().max(1);
    if classes * labels.len() != logits.len() || classes < 2 || labels.iter().any(|&label| label >= classes) {
        return Err(Error::Argument(format!(
            "a loss of {} values got {} labels up to {:?}; expected one class for each row of at least two",
            logits.len(),
            labels.len(),
            labels.iter().max()
        )));
    }
    Ok(logits.chunks_exact(classes).zip(labels.iter().copied()))
}

/// Returns `log Σ_{k≠label} exp(z_k)` and the softmax over the classes other than the label (0 at the label itself).
fn others(z: &[f32], label: usize) -> (f64, Vec<f64>) {
    let rest = || z.iter().enumerate().filter(move |(k, _)| *k != label);
    let max = rest().map(|(_, &z)| z).fold(f32::NEG_INFINITY, f32::max);
    let mut shares: Vec<f64> = z.iter().map(|&z| f64::from(z - max).exp()).collect();
    shares[label] = 0.0;
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= sum);
    (f64::from(max) + sum.ln(), shares)
}

/// Returns `log(1 + exp(x))` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Returns `z − log Σ exp(z)` in `f32`, from the largest logit down.
fn log_softmax(z: &[f32]) -> impl Iterator<Item = f32> {
    let max = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let log_sum = z.iter().map(|&z| (z - max).exp()).sum::<f32>().ln();
    z.iter().map(move |&z| z - max - log_sum)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor, Var};

    use super::*;

    fn both(z: &[f32], label: usize, loss: Loss) -> (f32, Vec<f32>) {
        (loss.values(z, &[label]).unwrap()[0], loss.gradient(z, &[label], 1.0).unwrap())
    }

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs().max(1.0))
    }

    #[test]
    fn cross_entropy_matches_pytorch() {
        // z = torch.tensor([[1., -2., .5, 3.]], requires_grad=True)
        // J = torch.nn.functional.cross_entropy(z, torch.tensor([2])); J.backward(); print(J.item(), z.grad.tolist())
        // -> 2.702253580093384 [[0.11055373400449753, 0.005504147615283728, -0.9329457879066467, 0.8168878555297852]]
        let (loss, dz) = both(&[1.0, -2.0, 0.5, 3.0], 2, Loss::CrossEntropy);
        assert!((loss - 2.702_253_6).abs() < 1e-6, "{loss}");
        assert!(close(&dz, &[0.110_553_734, 0.005_504_147_6, -0.932_945_8, 0.816_887_86]), "{dz:?}");
    }

    #[test]
    fn cross_entropy_agrees_with_candles_own() {
        let logits: Vec<f32> = (0..54).map(|i| ((i * 29) % 31) as f32 / 3.0 - 5.0).collect();
        let labels = [0usize, 3, 8, 8, 1, 5];
        let var = Var::from_slice(&logits, (6, 9), &Device::Cpu).unwrap();
        let indices = Tensor::from_slice(&labels.map(|label| label as u32), 6, &Device::Cpu).unwrap();
        let theirs = candle_nn::loss::cross_entropy(&var, &indices).unwrap();
        let gradient = theirs.backward().unwrap().remove(&var).unwrap().flatten_all().unwrap();
        let ours = Loss::CrossEntropy.values(&logits, &labels).unwrap().iter().sum::<f32>() / 6.0;
        assert!((ours - theirs.to_scalar::<f32>().unwrap()).abs() < 1e-5);
        let gradient: Vec<f32> = gradient.to_vec1().unwrap();
        assert!(close(&Loss::CrossEntropy.gradient(&logits, &labels, 1.0 / 6.0).unwrap(), &gradient));
        assert!(close(&exact_cross_entropy_gradient(&logits, &labels, 1.0 / 6.0).unwrap(), &gradient));
    }

    #[test]
    fn only_the_log_odds_see_the_slope_of_a_saturated_net() {
        // z = torch.tensor([[60., 0., 5.]], requires_grad=True); F.cross_entropy(z, torch.tensor([0])).backward()
        // z.grad -> [[0.0, 8.756510958e-27, 1.299581504e-24]]: the label's own share is lost in float32 (and float64).
        let (_, dz) = both(&[60.0, 0.0, 5.0], 0, Loss::CrossEntropy);
        assert!(dz[0] == 0.0 && (dz[2] / 1.299_581_5e-24 - 1.0).abs() < 1e-5, "{dz:?}");
        // L = log(e^0 + e^5) − 60, its gradient −1 at the label and softmax(0, 5) elsewhere.
        let (log_odds, dz) = both(&[60.0, 0.0, 5.0], 0, Loss::LogOdds);
        assert!((log_odds - (5.006_715_3 - 60.0)).abs() < 1e-4, "{log_odds}");
        assert!(close(&dz, &[-1.0, 0.006_692_85, 0.993_307_1]), "{dz:?}");
        let (log_odds, dz) = both(&[1000.0, 0.0, 5.0], 0, Loss::LogOdds);
        assert!((log_odds + 995.0).abs() < 0.01 && dz[0] == -1.0 && dz[2] > 0.99, "{log_odds} {dz:?}");
    }

    #[test]
    fn softmax_does_not_overflow() {
        assert!(close(&softmax(&[1000.0, 1000.0]), &[0.5, 0.5]));
        assert!(close(&softmax(&[0.0, 3.0f32.ln()]), &[0.25, 0.75]));
    }

    #[test]
    fn gradients_match_finite_differences() {
        let z = [0.3f32, -1.2, 2.0, 0.9, -0.4];
        for loss in [Loss::CrossEntropy, Loss::LogOdds] {
            for label in 0..5 {
                let (_, dz) = both(&z, label, loss);
                for k in 0..5 {
                    let at = |h: f32| {
                        let mut z = z;
                        z[k] += h;
                        f64::from(both(&z, label, loss).0)
                    };
                    let numeric = (at(2e-3) - at(-2e-3)) / 4e-3;
                    assert!((numeric - f64::from(dz[k])).abs() < 1e-3, "{loss:?} {label} {k}: {numeric} {}", dz[k]);
                }
            }
        }
    }

    #[test]
    fn labels_must_exist() {
        let z = [1.0, 2.0, 3.0];
        assert!(Loss::CrossEntropy.values(&z, &[3]).is_err() && Loss::LogOdds.gradient(&z, &[0, 1], 1.0).is_err());
    }

    #[test]
    fn trades_gives_what_pytorch_gives() {
        // z = torch.tensor([[1., -2., .5], [0., 3., -1.]], requires_grad=True)
        // a = torch.tensor([[.2, -1., 1.5], [1., 2., -2.]], requires_grad=True)
        // j = F.cross_entropy(z, torch.tensor([2, 1])) \
        //     + 6/2*F.kl_div(F.log_softmax(a, 1), F.softmax(z, 1), reduction="sum"); j.backward()
        // print(j.item(), z.grad.tolist(), a.grad.tolist())
        // -> 2.194610118865967
        //    [[1.593749761581421, -0.08296985924243927, -1.510779857635498],
        //     [-0.24333298206329346, 0.22996345162391663, 0.013369741849601269]]
        //    [[-1.2076846361160278, 0.09161272644996643, 1.1160717010498047],
        //     [0.6563259363174438, -0.6445211172103882, -0.01180482842028141]]
        let logits = [1.0, -2.0, 0.5, 0.0, 3.0, -1.0, 0.2, -1.0, 1.5, 1.0, 2.0, -2.0];
        let (value, slopes) = trades_loss(&logits, &[2, 1], 0.0, 6.0).unwrap();
        let expected = [
            1.593_749_8,
            -0.082_969_86,
            -1.510_779_9,
            -0.243_332_98,
            0.229_963_45,
            0.013_369_742,
            -1.207_684_6,
            0.091_612_73,
            1.116_071_7,
            0.656_325_94,
            -0.644_521_1,
            -0.011_804_828,
        ];
        assert!((value - 2.194_61).abs() < 2e-6, "{value}");
        for (found, expected) in slopes.iter().zip(expected) {
            assert!((found - expected).abs() < 2e-6, "{slopes:?}");
        }
        // The attack climbs the divergence alone: one picture's share of it, without β.
        let climbed = divergence_gradient(&logits[..6], &logits[6..], 3);
        for (found, expected) in climbed.iter().zip(&expected[6..]) {
            assert!((found - expected / 3.0).abs() < 1e-6, "{climbed:?}");
        }
    }

    #[test]
    fn smoothed_targets_give_what_pytorch_gives() {
        // z = torch.tensor([[1., -2., .5], [0., 3., -1.]], requires_grad=True)
        // j = F.cross_entropy(z, torch.tensor([2, 1]), label_smoothing=.1); j.backward()
        // print(j.item(), z.grad.tolist())
        // -> 0.6852403879165649 [[0.2852077782154083, -0.0016372241079807281, -0.2835705578327179],
        //                        [0.006639644503593445, 0.001453101634979248, -0.008092756383121014]]
        let z = [1.0, -2.0, 0.5, 0.0, 3.0, -1.0];
        let (loss, gradient) = training_loss(&z, &[2, 1], 0.1, 1.0).unwrap();
        let expected = [0.285_207_8, -0.001_637_224, -0.283_570_56, 0.006_639_644_5, 0.001_453_101_6, -0.008_092_756];
        assert!((loss - 0.685_240_4).abs() < 1e-6, "{loss}");
        for (found, expected) in gradient.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-7, "{gradient:?}");
        }
        let (plain, exact) = training_loss(&z, &[2, 1], 0.0, 2.0).unwrap();
        assert_eq!(exact, exact_cross_entropy_gradient(&z, &[2, 1], 1.0).unwrap());
        assert!(plain < loss);
    }
}
