//! Here are signs that a robust accuracy is not what it seems.
//!
//! They are those of Athalye, Carlini, Wagner, *Obfuscated Gradients Give a False Sense of Security*, 2018 (arXiv
//! 1802.00420), section 3.1.

use std::fmt;

use super::{AttackSettings, Norm};
use crate::statistics::wilson_interval;
use crate::units::{grey_levels, per_cent};

/// This is what an attack came to on a test set, for as many ε as were tried.
#[derive(Clone, Debug)]
pub struct Curve<'a> {
    pub attack: &'a AttackSettings,
    pub n: usize,
    pub classes: usize,
    pub clean_correct: usize,
    /// The number of pictures whose gradient is zero everywhere.
    pub without_gradient: usize,
    /// The number of pictures of which the net is so sure that rounding hides most of the slope.
    pub saturated: usize,
    /// The points in any order.
    pub points: Vec<Point>,
}

/// These are the right answers at one ε.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub eps: f32,
    pub correct: usize,
}

/// This is something to know before believing a number; its text is one sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// The gradients of some pictures are zero everywhere.
    NoGradient { count: usize, n: usize },
    /// Rounding hides the slope of a loss.
    Saturated { count: usize, n: usize },
    /// A larger ε finds fewer errors.
    Rises { attack: &'static str, from: Point, to: Point, n: usize },
    /// The net is right where hardly anything of the picture need be left.
    StaysHigh { attack: &'static str, at: Point, n: usize },
    /// There are as many right answers at the largest ε as without an attack.
    StaysFlat { attack: &'static str, at: Point, clean_correct: usize, n: usize },
    /// One step finds more errors than many.
    OneStepBeatsMany { many: &'static str, eps: f32, one_step: usize, many_steps: usize, n: usize },
    /// The net is robust to the one step that it was trained on, and to nothing else.
    OnlyOneStep { many: &'static str, eps: f32, one_step: usize, many_steps: usize, n: usize },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |correct: usize, n: usize| per_cent((correct as f64 / n.max(1) as f64) as f32);
        match self {
            Self::NoGradient { count, n } => write!(
                f,
                "for {count} of {n} pictures the gradient is zero everywhere: the attack has nothing to follow, which proves nothing about the net"
            ),
            Self::Saturated { count, n } => write!(
                f,
                "of {count} of {n} pictures the net is so sure that rounding hides most of its loss's slope; the log-odds follow it all the same"
            ),
            &Self::Rises { attack, from, to, n } => write!(
                f,
                "under {attack} the net is right more often at ε = {} ({}) than at {} ({}): the gradient misleads the attack, so a better one will find more errors",
                to.eps,
                percent(to.correct, n),
                from.eps,
                percent(from.correct, n)
            ),
            &Self::StaysHigh { attack, at: Point { eps, correct }, n } => write!(
                f,
                "at ε = {eps} ({}) a picture can be turned all grey, yet under {attack} the net stays right on {}: the attack fails, not the pictures (masked gradients)",
                grey_levels(eps),
                percent(correct, n)
            ),
            &Self::StaysFlat { attack, at: Point { eps, correct }, clean_correct, n } => write!(
                f,
                "under {attack} the net is right on {} at ε = {eps} and on {} of untouched pictures, which may be chance: masked gradients, an ε too small or pictures too few, or a net that truly withstands; check with more steps, random restarts, the slope of the log-odds, and pictures made on another net (transfer)",
                percent(correct, n),
                percent(clean_correct, n)
            ),
            &Self::OneStepBeatsMany { many, eps, one_step, many_steps, n } => write!(
                f,
                "at ε = {eps} one step leaves {} right but {many} {}: many steps should do at least as well, so the gradients mislead (or its steps are too few or too long)",
                percent(one_step, n),
                percent(many_steps, n)
            ),
            &Self::OnlyOneStep { many, eps, one_step, many_steps, n } => write!(
                f,
                "at ε = {eps} the net is right on {} under one step but on {} under {many}: it has learned to fool the one step (catastrophic overfitting), not to be robust",
                percent(one_step, n),
                percent(many_steps, n)
            ),
        }
    }
}

/// Finds all that is suspicious in some curves of one net on the same pictures.
pub fn warnings(curves: &[Curve<'_>]) -> Vec<Warning> {
    let mut found = Vec::new();
    for curve in curves.iter().filter(|curve| !matches!(curve.attack, AttackSettings::Noise(_))) {
        let (n, attack) = (curve.n, curve.attack.name());
        if curve.without_gradient > 0 {
            found.push(Warning::NoGradient { count: curve.without_gradient, n });
        }
        if curve.saturated > 0 {
            found.push(Warning::Saturated { count: curve.saturated, n });
        }
        let rise = curve.rise().map(|(from, to)| Warning::Rises { attack, from, to, n });
        let high = curve.stays_high().map(|at| Warning::StaysHigh { attack, at, n });
        // Either says more than that the curve is flat.
        let is_told = rise.is_some() || high.is_some();
        found.extend(rise.into_iter().chain(high));
        let flat = curve.stays_flat().filter(|_| !is_told);
        found.extend(flat.map(|at| Warning::StaysFlat { attack, at, clean_correct: curve.clean_correct, n }));
    }
    for one in curves.iter().filter(|curve| matches!(curve.attack, AttackSettings::Fgsm(_))) {
        for many in curves.iter().filter(|curve| curve.is_many_steps_of(one)) {
            found.extend(compare(one, many));
        }
    }
    let is_new = |(i, warning): &(usize, &Warning)| !found[..*i].contains(warning);
    found.iter().enumerate().filter(is_new).map(|(_, warning)| warning.clone()).collect()
}

fn compare(one: &Curve<'_>, many: &Curve<'_>) -> Option<Warning> {
    let (name, n) = (many.attack.name(), one.n);
    let pairs = one.points.iter().filter_map(|point| {
        let other = many.points.iter().find(|other| other.eps == point.eps && other.eps > 0.0)?;
        Some((point.eps, point.correct, other.correct))
    });
    let pairs: Vec<(f32, usize, usize)> = pairs.collect();
    let beaten = pairs.iter().filter(|(_, one_step, many_steps)| is_less(*one_step, *many_steps, n));
    if let Some(&(eps, one_step, many_steps)) = beaten.max_by_key(|(_, one_step, many_steps)| many_steps - one_step) {
        return Some(Warning::OneStepBeatsMany { many: name, eps, one_step, many_steps, n });
    }
    // Nearly as right as on untouched pictures under one step, less than half as often under many.
    let fooled = pairs.iter().filter(|(_, one_step, many_steps)| {
        *one_step as f64 >= 0.8 * one.clean_correct as f64
            && 2 * many_steps < *one_step
            && is_less(*many_steps, *one_step, n)
    });
    let &(eps, one_step, many_steps) = fooled.max_by_key(|(_, one_step, many_steps)| one_step - many_steps)?;
    Some(Warning::OnlyOneStep { many: name, eps, one_step, many_steps, n })
}

/// Tells whether a count is less than another beyond chance: their 95 % intervals are apart.
fn is_less(count: usize, other: usize, n: usize) -> bool {
    wilson_interval(count, n).1 < wilson_interval(other, n).0
}

impl Curve<'_> {
    fn climbs(&self) -> bool {
        self.attack.takes_eps() && self.attack.follows_loss()
    }

    fn is_many_steps_of(&self, one: &Self) -> bool {
        let is_many = self.climbs() && !matches!(self.attack, AttackSettings::Fgsm(_));
        is_many && self.attack.norm() == one.attack.norm() && self.n == one.n
    }

    fn rise(&self) -> Option<(Point, Point)> {
        let pairs = self.points.iter().flat_map(|low| self.points.iter().map(move |high| (low, high)));
        let rising = pairs.filter(|(low, high)| low.eps < high.eps && is_less(low.correct, high.correct, self.n));
        rising.max_by_key(|(low, high)| high.correct - low.correct).map(|(low, high)| (*low, *high))
    }

    /// Returns the point of the largest ε, if an attack that follows the slope finds no more errors there, beyond
    /// chance, than there are on untouched pictures, over a fourfold range of ε at least.
    fn stays_flat(&self) -> Option<Point> {
        let tried = || self.points.iter().filter(|point| point.eps.is_finite() && point.eps > 0.0);
        let last = tried().max_by(|a, b| a.eps.total_cmp(&b.eps))?;
        let is_wide = tried().any(|point| last.eps >= 4.0 * point.eps);
        (is_wide && self.climbs() && !is_less(last.correct, self.clean_correct, self.n)).then_some(*last)
    }

    /// Returns the point of the largest ε, if its accuracy is far above chance where ε is enough to turn all grey.
    fn stays_high(&self) -> Option<Point> {
        let last = self.points.iter().filter(|point| point.eps.is_finite()).max_by(|a, b| a.eps.total_cmp(&b.eps))?;
        let is_grey = self.attack.norm() == Norm::Linf && self.attack.takes_eps() && last.eps >= 0.5;
        let limit = (2.0 / self.classes as f64).min(0.75);
        let is_high = wilson_interval(last.correct, self.n).0 > limit;
        (is_grey && is_high).then_some(*last)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bim, Fgsm, Noise, NoiseKind};
    use super::*;

    const FGSM: AttackSettings = AttackSettings::Fgsm(Fgsm { norm: Norm::Linf });
    const BIM: AttackSettings = AttackSettings::Bim(Bim { norm: Norm::Linf, steps: 10, step_size: None });
    const NOISE: AttackSettings = AttackSettings::Noise(Noise { kind: NoiseKind::Signs });

    fn curve<'a>(attack: &'a AttackSettings, points: &[(f32, usize)]) -> Curve<'a> {
        let points = points.iter().map(|&(eps, correct)| Point { eps, correct }).collect();
        Curve { attack, n: 1000, classes: 10, clean_correct: 990, without_gradient: 0, saturated: 0, points }
    }

    #[test]
    fn an_honest_net_gets_no_warning() {
        let fgsm = curve(&FGSM, &[(0.0, 990), (0.1, 700), (0.2, 300), (0.5, 80)]);
        let bim = curve(&BIM, &[(0.0, 990), (0.1, 600), (0.2, 20), (0.5, 0)]);
        let noise = curve(&NOISE, &[(0.0, 990), (0.5, 900)]);
        assert_eq!(warnings(&[fgsm, bim, noise]), []);
    }

    #[test]
    fn each_sign_has_its_warning_of_one_sentence() {
        let rising = curve(&FGSM, &[(0.3, 500), (0.1, 200), (0.2, 210)]);
        let high = curve(&BIM, &[(0.1, 990), (0.5, 989)]);
        let flat = curve(&FGSM, &[(0.05, 985), (0.1, 984), (0.3, 980)]);
        let (one, many) = (curve(&FGSM, &[(0.1, 300)]), curve(&BIM, &[(0.1, 500)]));
        let (trained, broken) = (curve(&FGSM, &[(0.1, 950)]), curve(&BIM, &[(0.1, 10)]));
        let dead = Curve { without_gradient: 3, saturated: 40, ..curve(&FGSM, &[(0.1, 900)]) };
        let all = [vec![rising], vec![high], vec![one, many], vec![trained, broken], vec![dead], vec![flat]];
        let all = all.map(|curves| warnings(&curves));
        assert!(
            matches!(all[0][..], [Warning::Rises { from: Point { eps: 0.1, .. }, to: Point { eps: 0.3, .. }, .. }]),
            "{:?}",
            all[0]
        );
        assert!(matches!(all[1][..], [Warning::StaysHigh { at: Point { eps: 0.5, .. }, .. }]), "{:?}", all[1]);
        assert!(matches!(all[2][..], [Warning::OneStepBeatsMany { .. }]), "{:?}", all[2]);
        assert!(matches!(all[3][..], [Warning::OnlyOneStep { .. }]), "{:?}", all[3]);
        assert!(
            matches!(all[4][..], [Warning::NoGradient { count: 3, .. }, Warning::Saturated { .. }]),
            "{:?}",
            all[4]
        );
        assert!(matches!(all[5][..], [Warning::StaysFlat { at: Point { eps: 0.3, .. }, .. }]), "{:?}", all[5]);
        for warning in all.iter().flatten() {
            let text = warning.to_string();
            assert!(text.lines().count() == 1 && !text.contains(". ") && !text.ends_with('.'), "{text}");
        }
    }

    #[test]
    fn a_flat_curve_is_only_doubtful_where_it_ought_to_fall() {
        let falls = curve(&FGSM, &[(0.05, 985), (0.3, 900)]);
        let narrow = curve(&FGSM, &[(0.1, 990), (0.3, 989)]);
        let noise = curve(&NOISE, &[(0.01, 990), (0.3, 988)]);
        let counts = AttackSettings::named("jsma").unwrap();
        let counted = curve(&counts, &[(0.05, 990), (0.3, 990)]);
        assert_eq!(warnings(&[falls, narrow, noise, counted]), []);
    }

    #[test]
    fn differences_that_may_be_chance_are_none() {
        assert_eq!(warnings(&[curve(&FGSM, &[(0.1, 300), (0.2, 310)])]), []);
        assert_eq!(warnings(&[curve(&FGSM, &[(0.1, 300)]), curve(&BIM, &[(0.1, 310)])]), []);
    }
}
