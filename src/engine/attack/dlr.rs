//! The difference of logits ratio is a loss that no scaling or shift of the logits changes. Croce, Hein, *Reliable
//! Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free Attacks*, 2020 (arXiv 2003.01690),
//! section 4.

use super::problem::difference;

/// A loss of one picture, and its slopes with respect to the logits.
pub(super) struct Slope {
    pub value: f32,
    pub of_logits: Vec<f32>,
}

/// Keeps the denominator from 0, as in the authors' code.
const TINY: f32 = 1e-12;

/// Returns `−(z_y − max_{k≠y} z_k)/(z_π1 − z_π3)`, equation 6, where `z_π1 ≥ z_π2 ≥ …`.
pub(super) fn dlr(logits: &[f32], label: usize) -> Slope {
    let order = descending(logits);
    let other = if order[0] == label { order[1] } else { order[0] };
    ratio(logits, [other, label], &spread(&order, &[2]))
}

/// Returns `−(z_y − z_t)/(z_π1 − (z_π3 + z_π4)/2)`, equation 7.
pub(super) fn dlr_towards(logits: &[f32], label: usize, target: usize) -> Slope {
    ratio(logits, [target, label], &spread(&descending(logits), &[2, 3]))
}

/// Returns the classes from the most probable one down; of equal ones the first comes first.
pub(super) fn descending(logits: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    order
}

/// Returns the slopes of `z_π1 − mean z_πk` over these ranks. With two classes nothing is left to measure by, and the
/// numerator is the loss; with three the last one serves as the fourth.
fn spread(order: &[usize], ranks: &[usize]) -> Vec<f32> {
    let mut slopes = vec![0.0; order.len()];
    if order.len() > 2 {
        slopes[order[0]] = 1.0;
        ranks.iter().for_each(|&rank| slopes[order[rank.min(order.len() - 1)]] -= 1.0 / ranks.len() as f32);
    }
    slopes
}

fn ratio(logits: &[f32], [up, down]: [usize; 2], spread: &[f32]) -> Slope {
    let rises = difference(logits.len(), up, down);
    let lead = logits[up] - logits[down];
    if logits.len() <= 2 {
        return Slope { value: lead, of_logits: rises };
    }
    let width = logits.iter().zip(spread).map(|(z, s)| z * s).sum::<f32>() + TINY;
    let value = lead / width;
    let of_logits = rises.iter().zip(spread).map(|(rise, s)| (rise - value * s) / width).collect();
    Slope { value, of_logits }
}

#[cfg(test)]
mod tests {
    use super::*;

    // z = torch.tensor([[1., -2., .5, 3., 2.25]], requires_grad=True); s = z.sort(dim=1)[0]
    const LOGITS: [f32; 5] = [1.0, -2.0, 0.5, 3.0, 2.25];

    fn close(slope: &Slope, value: f32, of_logits: [f32; 5]) {
        assert!((slope.value - value).abs() < 1e-6, "{}", slope.value);
        for (found, expected) in slope.of_logits.iter().zip(of_logits) {
            assert!((found - expected).abs() < 1e-6, "{:?}", slope.of_logits);
        }
    }

    #[test]
    fn the_ratio_is_that_of_pytorch() {
        // v = -(z[0, 3] - s[0, -2])/(s[0, -1] - s[0, -3] + 1e-12); v.backward(); print(v.item(), z.grad.tolist())
        // -> -0.375 [[-0.1875, 0.0, 0.0, -0.3125, 0.5]]
        close(&dlr(&LOGITS, 3), -0.375, [-0.1875, 0.0, 0.0, -0.3125, 0.5]);
        // Of a class that the net does not answer: v = -(z[0, 2] - s[0, -1])/(s[0, -1] - s[0, -3] + 1e-12)
        // -> 1.25 [[0.625, 0.0, -0.5, -0.125, 0.0]]
        close(&dlr(&LOGITS, 2), 1.25, [0.625, 0.0, -0.5, -0.125, 0.0]);
        // v = -(z[0, 3] - z[0, 1])/(s[0, -1] - .5*(s[0, -3] + s[0, -4]) + 1e-12)
        // -> -2.222222328186035 [[-0.4938271939754486, 0.4444444477558136, -0.4938271939754486, 0.5432099103927612, 0.0]]
        let expected = [-0.493_827_2, 0.444_444_45, -0.493_827_2, 0.543_209_9, 0.0];
        close(&dlr_towards(&LOGITS, 3, 1), -2.222_222_3, expected);
    }

    #[test]
    fn scale_and_shift_of_the_logits_change_nothing() {
        let other = LOGITS.map(|z| 7.0 * z - 3.0);
        assert!((dlr(&LOGITS, 3).value - dlr(&other, 3).value).abs() < 1e-6);
        assert!((dlr_towards(&LOGITS, 3, 0).value - dlr_towards(&other, 3, 0).value).abs() < 1e-6);
    }

    #[test]
    fn nets_with_few_classes_have_a_slope() {
        let two = dlr(&[1.0, 3.0], 1);
        assert_eq!((two.value, two.of_logits), (-2.0, vec![1.0, -1.0]));
        let three = dlr_towards(&[1.0, 3.0, 0.0], 1, 2);
        assert!((three.value + 1.0).abs() < 1e-6 && three.of_logits.iter().all(|slope| slope.is_finite()));
    }
}
