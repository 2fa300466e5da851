//! Here are signs that a robust accuracy is not what it seems.
//!
//! They are those of Athalye, Carlini, Wagner, *Obfuscated Gradients Give a False Sense of Security*, 2018 (arXiv
//! 1802.00420), section 3.1.

use super::{AttackSettings, Norm};
use crate::statistics::wilson_interval;
use crate::units::{grey_levels, per_cent};

/// This is what an attack came to on a test set, for as many ε as were tried.
#[derive(Clone, Debug)]
pub struct SecurityCurve<'a> {
    pub attack: &'a AttackSettings,
    pub n: usize,
    pub classes: usize,
    pub clean_correct: usize,
    /// The number of pictures whose gradient is zero everywhere.
    pub without_gradient: usize,
    /// The number of pictures of which the net is so sure that rounding hides most of the slope.
    pub saturated: usize,
    /// The points in any order.
    pub points: Vec<AccuracyPoint>,
}

/// These are the right answers at one ε.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AccuracyPoint {
    pub eps: f32,
    pub correct: usize,
}

/// Returns all that is suspicious in some curves of one net on the same pictures, in a sentence each.
pub fn warnings(curves: &[SecurityCurve<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    for curve in curves.iter().filter(|curve| !matches!(curve.attack, AttackSettings::Noise(_))) {
        let n = curve.n;
        let count = curve.without_gradient;
        if count > 0 {
            found.push(format!(
                "for {count} of {n} pictures the gradient is zero everywhere: the attack has nothing to follow, which \
                 proves nothing about the net"
            ));
        }
        let count = curve.saturated;
        if count > 0 {
            found.push(format!(
                "of {count} of {n} pictures the net is so sure that rounding hides most of its loss's slope; the \
                 log-odds follow it all the same"
            ));
        }
        let told = found.len();
        found.extend(curve.rise());
        found.extend(curve.stays_high());
        // Either says more than that the curve is flat.
        if found.len() == told {
            found.extend(curve.stays_flat());
        }
    }
    for one in curves.iter().filter(|curve| matches!(curve.attack, AttackSettings::Fgsm(_))) {
        for many in curves.iter().filter(|curve| curve.is_many_steps_of(one)) {
            found.extend(compare(one, many));
        }
    }
    let mut once: Vec<String> = Vec::with_capacity(found.len());
    for warning in found {
        if !once.contains(&warning) {
            once.push(warning);
        }
    }
    once
}

/// Tells where one step finds more errors than many, or where the net withstands the one step that it was trained on
/// and nothing else.
fn compare(one: &SecurityCurve<'_>, many: &SecurityCurve<'_>) -> Option<String> {
    let (name, n) = (many.attack.name(), one.n);
    let pairs = one.points.iter().filter_map(|point| {
        let other = many.points.iter().find(|other| other.eps == point.eps && other.eps > 0.0)?;
        Some((*point, other.correct))
    });
    let pairs: Vec<(AccuracyPoint, usize)> = pairs.collect();
    let beaten = pairs.iter().filter(|(one_step, many_steps)| is_less(one_step.correct, *many_steps, n));
    if let Some((AccuracyPoint { eps, correct }, many_steps)) = beaten.max_by_key(|(one, many)| many - one.correct) {
        return Some(format!(
            "at ε = {eps} one step leaves {} right but {name} {}: many steps should do at least as well, so the \
             gradients mislead (or its steps are too few or too long)",
            one.share(*correct),
            one.share(*many_steps)
        ));
    }
    // Nearly as right as on untouched pictures under one step, less than half as often under many.
    let fooled = pairs.iter().filter(|(AccuracyPoint { correct, .. }, many_steps)| {
        *correct as f64 >= 0.8 * one.clean_correct as f64
            && 2 * many_steps < *correct
            && is_less(*many_steps, *correct, n)
    });
    let (AccuracyPoint { eps, correct }, many_steps) = fooled.max_by_key(|(one, many)| one.correct - many)?;
    Some(format!(
        "at ε = {eps} the net is right on {} under one step but on {} under {name}: it has learned to fool the one \
         step (catastrophic overfitting), not to be robust",
        one.share(*correct),
        one.share(*many_steps)
    ))
}

/// Tells whether a count is less than another beyond chance: their 95 % intervals are apart.
fn is_less(count: usize, other: usize, n: usize) -> bool {
    wilson_interval(count, n).1 < wilson_interval(other, n).0
}

impl SecurityCurve<'_> {
    fn share(&self, correct: usize) -> String {
        per_cent((correct as f64 / self.n.max(1) as f64) as f32)
    }

    fn climbs(&self) -> bool {
        self.attack.takes_eps() && self.attack.follows_loss()
    }

    fn is_many_steps_of(&self, one: &Self) -> bool {
        let is_many = self.climbs() && !matches!(self.attack, AttackSettings::Fgsm(_));
        is_many && self.attack.norm() == one.attack.norm() && self.n == one.n
    }

    /// Returns the point of the largest ε that the attack was told.
    fn last(&self) -> Option<&AccuracyPoint> {
        self.points.iter().filter(|point| point.eps.is_finite()).max_by(|a, b| a.eps.total_cmp(&b.eps))
    }

    /// Tells where a larger ε finds fewer errors.
    fn rise(&self) -> Option<String> {
        let pairs = self.points.iter().flat_map(|low| self.points.iter().map(move |high| (low, high)));
        let rising = pairs.filter(|(low, high)| low.eps < high.eps && is_less(low.correct, high.correct, self.n));
        let (from, to) = rising.max_by_key(|(low, high)| high.correct - low.correct)?;
        Some(format!(
            "under {} the net is right more often at ε = {} ({}) than at {} ({}): the gradient misleads the attack, \
             so a better one will find more errors",
            self.attack.name(),
            to.eps,
            self.share(to.correct),
            from.eps,
            self.share(from.correct)
        ))
    }

    /// Tells whether an attack that follows the slope finds no more errors at the largest ε, beyond chance, than there
    /// are on untouched pictures, over a fourfold range of ε at least.
    fn stays_flat(&self) -> Option<String> {
        let &AccuracyPoint { eps, correct } = self.last()?;
        let is_wide = self.points.iter().any(|point| point.eps > 0.0 && eps >= 4.0 * point.eps);
        (is_wide && self.climbs() && !is_less(correct, self.clean_correct, self.n)).then(|| {
            format!(
                "under {} the net is right on {} at ε = {eps} and on {} of untouched pictures, which may be chance: \
                 masked gradients, an ε too small or pictures too few, or a net that truly withstands; check with \
                 more steps, random restarts, the slope of the log-odds, and pictures made on another net (transfer)",
                self.attack.name(),
                self.share(correct),
                self.share(self.clean_correct)
            )
        })
    }

    /// Tells whether the accuracy at the largest ε is far above chance where ε is enough to turn all grey.
    fn stays_high(&self) -> Option<String> {
        let &AccuracyPoint { eps, correct } = self.last()?;
        let is_grey = self.attack.norm() == Norm::Linf && self.attack.takes_eps() && eps >= 0.5;
        let limit = (2.0 / self.classes as f64).min(0.75);
        (is_grey && wilson_interval(correct, self.n).0 > limit).then(|| {
            format!(
                "at ε = {eps} ({}) a picture can be turned all grey, yet under {} the net stays right on {}: the \
                 attack fails, not the pictures (masked gradients)",
                grey_levels(eps),
                self.attack.name(),
                self.share(correct)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bim, Fgsm, Noise, NoiseKind};
    use super::*;

    const FGSM: AttackSettings = AttackSettings::Fgsm(Fgsm { norm: Norm::Linf });
    const BIM: AttackSettings = AttackSettings::Bim(Bim { norm: Norm::Linf, steps: 10, step_size: None });
    const NOISE: AttackSettings = AttackSettings::Noise(Noise { kind: NoiseKind::Signs });

    fn curve<'a>(attack: &'a AttackSettings, points: &[(f32, usize)]) -> SecurityCurve<'a> {
        let points = points.iter().map(|&(eps, correct)| AccuracyPoint { eps, correct }).collect();
        SecurityCurve { attack, n: 1000, classes: 10, clean_correct: 990, without_gradient: 0, saturated: 0, points }
    }

    #[test]
    fn an_honest_net_gets_no_warning() {
        let fgsm = curve(&FGSM, &[(0.0, 990), (0.1, 700), (0.2, 300), (0.5, 80)]);
        let bim = curve(&BIM, &[(0.0, 990), (0.1, 600), (0.2, 20), (0.5, 0)]);
        let noise = curve(&NOISE, &[(0.0, 990), (0.5, 900)]);
        assert!(warnings(&[fgsm, bim, noise]).is_empty());
    }

    #[test]
    fn each_sign_has_its_warning_of_one_sentence() {
        let rising = curve(&FGSM, &[(0.3, 500), (0.1, 200), (0.2, 210)]);
        let high = curve(&BIM, &[(0.1, 990), (0.5, 989)]);
        let flat = curve(&FGSM, &[(0.05, 985), (0.1, 984), (0.3, 980)]);
        let (one, many) = (curve(&FGSM, &[(0.1, 300)]), curve(&BIM, &[(0.1, 500)]));
        let (trained, broken) = (curve(&FGSM, &[(0.1, 950)]), curve(&BIM, &[(0.1, 10)]));
        let dead = SecurityCurve { without_gradient: 3, saturated: 40, ..curve(&FGSM, &[(0.1, 900)]) };
        let all = [vec![rising], vec![high], vec![one, many], vec![trained, broken], vec![dead], vec![flat]];
        let expected = [
            &["under fgsm the net is right more often at ε = 0.3 (50.0 %) than at 0.1 (20.0 %)"][..],
            &["at ε = 0.5 (127.5 grey levels) a picture can be turned all grey, yet under bim"],
            &["at ε = 0.1 one step leaves 30.0 % right but bim 50.0 %"],
            &["at ε = 0.1 the net is right on 95.0 % under one step but on 1.0 % under bim"],
            &["for 3 of 1000 pictures the gradient is zero", "of 40 of 1000 pictures the net is so sure"],
            &["under fgsm the net is right on 98.0 % at ε = 0.3 and on 99.0 % of untouched pictures"],
        ];
        for (curves, expected) in all.iter().zip(expected) {
            let found = warnings(curves);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (text, expected) in found.iter().zip(expected) {
                assert!(text.starts_with(expected), "{text}");
                assert!(text.lines().count() == 1 && !text.contains(". ") && !text.ends_with('.'), "{text}");
            }
        }
    }

    #[test]
    fn a_flat_curve_is_only_doubtful_where_it_ought_to_fall() {
        let falls = curve(&FGSM, &[(0.05, 985), (0.3, 900)]);
        let narrow = curve(&FGSM, &[(0.1, 990), (0.3, 989)]);
        let noise = curve(&NOISE, &[(0.01, 990), (0.3, 988)]);
        let counts = AttackSettings::named("jsma").unwrap();
        let counted = curve(&counts, &[(0.05, 990), (0.3, 990)]);
        assert!(warnings(&[falls, narrow, noise, counted]).is_empty());
    }

    #[test]
    fn differences_that_may_be_chance_are_none() {
        assert!(warnings(&[curve(&FGSM, &[(0.1, 300), (0.2, 310)])]).is_empty());
        assert!(warnings(&[curve(&FGSM, &[(0.1, 300)]), curve(&BIM, &[(0.1, 310)])]).is_empty());
    }
}
