//! A sweep trains a run for each ε with each α.

/// These are the two settings that runs of a sweep differ in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    pub eps: f32,
    pub alpha: f32,
}

/// Returns the runs of a sweep, in the order of the values. With α = 1 there is no adversarial part and ε changes nothing,
/// so such a run comes once, with the first ε. With TRADES, whose β is given, α changes nothing, and its first value stands
/// for all.
pub fn tunings(eps: &[f32], alpha: &[f32], trades: Option<f32>) -> Vec<Tuning> {
    let alpha = if trades.is_some() { &alpha[..alpha.len().min(1)] } else { alpha };
    let is_new = move |at: usize, alpha: f32| at == 0 || alpha != 1.0 || trades.is_some();
    let pairs = eps.iter().enumerate().flat_map(|(at, &eps)| {
        alpha.iter().filter(move |alpha| is_new(at, **alpha)).map(move |&alpha| Tuning { eps, alpha })
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_nothing_is_trained_once() {
        let pairs = |alpha: &[f32], trades| -> Vec<(f32, f32)> {
            tunings(&[0.1, 0.2], alpha, trades).iter().map(|tuning| (tuning.eps, tuning.alpha)).collect()
        };
        assert_eq!(pairs(&[0.5, 1.0, 0.0], None), [(0.1, 0.5), (0.1, 1.0), (0.1, 0.0), (0.2, 0.5), (0.2, 0.0)]);
        assert_eq!(pairs(&[1.0, 0.5], Some(6.0)), [(0.1, 1.0), (0.2, 1.0)]);
    }
}
