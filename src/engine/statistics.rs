//! Confidence intervals say how far a share that was counted can be trusted.

const Z: f64 = 1.959_963_984_540_054;

/// Returns the 95 % interval of a share of which `count` of `n` were seen: Wilson (1927), "Probable inference, the law
/// of succession, and statistical inference". It is 0 to 1 when nothing was seen.
pub fn wilson_interval(count: usize, n: usize) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (p, n) = (count as f64 / n as f64, n as f64);
    let spread = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let (centre, scale) = (p + Z * Z / (2.0 * n), 1.0 + Z * Z / n);
    let (low, high) = ((centre - spread) / scale, (centre + spread) / scale);
    // Exactly 0 and 1 at the ends, whatever rounding makes of them.
    (if count == 0 { 0.0 } else { low.max(0.0) }, if p == 1.0 { 1.0 } else { high.min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_match_scipy() {
        // for k, n in [(94, 10000), (0, 500), (5, 10)]:
        //     ci = scipy.stats.binomtest(k, n).proportion_ci(method="wilson"); print(k, n, ci.low, ci.high)
        let expected = [
            (94, 10_000, 0.007_688_088_248_246_492, 0.011_488_690_953_061_383),
            (0, 500, 0.0, 0.007_624_340_461_552_241),
            (5, 10, 0.236_593_090_512_564, 0.763_406_909_487_436_1),
        ];
        for (count, n, low, high) in expected {
            let found = wilson_interval(count, n);
            assert!((found.0 - low).abs() < 1e-9 && (found.1 - high).abs() < 1e-9, "{count} of {n}: {found:?}");
        }
        assert_eq!(wilson_interval(0, 0), (0.0, 1.0));
        assert_eq!((wilson_interval(0, 10).0, wilson_interval(10, 10).1), (0.0, 1.0));
    }
}
