//! The steps of an attack are a film: it plays, pauses, and goes from step to step.

use std::time::{Duration, Instant};

use crate::worker::Timeline;

/// A film lasts about so long, however many steps it has; the steps of a short one can be told apart.
const LENGTH: Duration = Duration::from_secs(4);
const QUICKEST: Duration = Duration::from_millis(40);
const SLOWEST: Duration = Duration::from_millis(300);

/// This says which step is to be shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Playing {
    /// Without a step it is the end: the result, and until it is there what the attack comes to.
    pub step: Option<usize>,
    next: Option<Instant>,
}

impl Playing {
    /// Returns whether the film runs, or the attack goes on by itself.
    pub fn is_running(&self, timeline: &Timeline) -> bool {
        self.next.is_some() || (self.step.is_none() && !timeline.is_over)
    }

    /// Pauses, or goes on; from the end, begins anew.
    pub fn toggle(&mut self, timeline: &Timeline, now: Instant) {
        if self.is_running(timeline) {
            *self = Self { step: Some(timeline.step), next: None };
        } else {
            let from = self.step.filter(|step| !(timeline.is_over && *step >= timeline.done)).unwrap_or(0);
            *self = Self { step: Some(from), next: Some(now) };
        }
    }

    /// Goes one step on or back, and pauses.
    pub fn step_by(&mut self, steps: isize, timeline: &Timeline) {
        // The answer to the step before may still be on its way.
        self.seek(self.step.unwrap_or(timeline.step).saturating_add_signed(steps), timeline);
    }

    /// Goes to a step, and pauses. Beyond the last one is the result.
    pub fn seek(&mut self, step: usize, timeline: &Timeline) {
        let is_end = timeline.is_over && step >= timeline.done;
        *self = Self { step: (!is_end).then_some(step.min(timeline.of.max(1))), next: None };
    }

    /// Goes on when the next step is due. Returns how long it may rest then, while the film runs.
    pub fn go_on(&mut self, timeline: &Timeline, now: Instant) -> Option<Duration> {
        let (next, step) = (self.next?, self.step?);
        if now < next {
            return Some(next - now);
        }
        let steps = if timeline.is_over { timeline.done } else { timeline.of }.max(1);
        let pause = (LENGTH / steps as u32).clamp(QUICKEST, SLOWEST);
        let stride = steps.div_ceil((LENGTH.as_millis() / QUICKEST.as_millis()) as usize);
        self.step = Some((step + stride).min(timeline.of.max(1)));
        self.next = Some(now + pause);
        if timeline.is_over && step + stride >= timeline.done {
            *self = Self::default();
            return None;
        }
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Operation {
        Toggle,
        StepBy(isize),
        Seek(usize),
        /// So many milliseconds pass, and a frame is drawn.
        GoOn(u64),
        /// The worker has taken this many more steps, and answers.
        Answer(usize),
    }

    fn operations() -> impl Strategy<Value = Vec<Operation>> {
        let operation = prop_oneof![
            Just(Operation::Toggle),
            (-20_isize..20).prop_map(Operation::StepBy),
            (0_usize..400).prop_map(Operation::Seek),
            (0_u64..500).prop_map(Operation::GoOn),
            (0_usize..30).prop_map(Operation::Answer),
        ];
        vec(operation, 0..60)
    }

    /// An attack of at most `of` steps that ends after `end` of them.
    struct Attack {
        of: usize,
        end: usize,
        done: usize,
    }

    impl Attack {
        /// Goes as far as the step that is wanted, or else `steps` farther, and says what there is then.
        fn answer(&mut self, wanted: Option<usize>, steps: usize) -> Timeline {
            self.done = wanted.unwrap_or(self.done + steps).max(self.done).min(self.end);
            let step = wanted.unwrap_or(self.done).min(self.done);
            Timeline { of: self.of, ..timeline(step, self.done, self.done == self.end) }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_film_keeps_its_rules(of in 1_usize..350, share in 0.0_f64..=1.0, operations in operations()) {
            let mut attack = Attack { of, end: ((share * of as f64) as usize).max(1), done: 0 };
            let (mut playing, mut now) = (Playing::default(), Instant::now());
            let mut there = attack.answer(None, 1);
            for operation in operations {
                let ran = playing.is_running(&there);
                match operation {
                    Operation::Toggle => {
                        let before = playing.step.filter(|step| !there.is_over || *step < there.done);
                        playing.toggle(&there, now);
                        prop_assert_eq!(playing.is_running(&there), !ran);
                        let step = if ran { there.step } else { before.unwrap_or(0) };
                        prop_assert_eq!(playing.step, Some(step), "where it is, or else anew");
                    }
                    Operation::StepBy(steps) => {
                        let to = playing.step.unwrap_or(there.step).saturating_add_signed(steps);
                        playing.step_by(steps, &there);
                        prop_assert!(playing.next.is_none(), "it pauses");
                        let is_result = there.is_over && to >= there.done;
                        prop_assert_eq!(playing.step, (!is_result).then_some(to.min(of)));
                    }
                    Operation::Seek(step) => {
                        playing.seek(step, &there);
                        prop_assert!(playing.next.is_none(), "it pauses");
                        let is_result = there.is_over && step >= there.done;
                        prop_assert_eq!(playing.step, (!is_result).then_some(step.min(of)));
                    }
                    Operation::GoOn(milliseconds) => {
                        now += Duration::from_millis(milliseconds);
                        let before = playing.clone();
                        let rest = playing.go_on(&there, now);
                        prop_assert_eq!(rest.is_some(), playing.next.is_some(), "it says when to look again");
                        prop_assert!(rest.is_none_or(|rest| rest <= SLOWEST && !rest.is_zero()), "{:?}", rest);
                        prop_assert!(before.next.is_some() || playing == before, "what is paused stays");
                        prop_assert!(playing.step.is_none() || playing.step >= before.step, "it does not go back");
                    }
                    Operation::Answer(steps) => there = attack.answer(playing.step, steps),
                }
                prop_assert!(playing.step.is_none_or(|step| step <= of), "{:?} of {of}", playing);
                prop_assert!(playing.next.is_none() || playing.step.is_some(), "{:?}", playing);
            }

            // Whatever was done to it, a film that is whole runs to the result, and not for long.
            there = attack.answer(Some(attack.end), 0);
            if playing.next.is_none() {
                playing.seek(0, &there);
                playing.toggle(&there, now);
            }
            let start = now;
            while let Some(rest) = playing.go_on(&there, now) {
                now += rest;
                prop_assert!(now - start <= LENGTH + SLOWEST, "it does not end");
            }
            prop_assert_eq!(playing, Playing::default());
        }
    }

    fn timeline(step: usize, done: usize, is_over: bool) -> Timeline {
        Timeline { step, done, of: 40, is_over, is_result: is_over && step == done, member: None, moments: [].into() }
    }

    #[test]
    fn a_film_runs_from_the_picture_to_the_result() {
        let (mut playing, mut now) = (Playing::default(), Instant::now());
        let over = |step| timeline(step, 40, true);
        playing.toggle(&over(40), now);
        let mut steps = vec![playing.step.unwrap()];
        while let Some(rest) = playing.go_on(&over(steps[steps.len() - 1]), now) {
            now += rest;
            steps.push(playing.step.unwrap());
        }
        assert_eq!(steps, (0..40).collect::<Vec<_>>());
        assert_eq!(playing, Playing::default(), "the result");
    }

    #[test]
    fn a_long_film_takes_no_longer() {
        let (start, mut playing) = (Instant::now(), Playing::default());
        let over = Timeline { of: 9000, ..timeline(1800, 1800, true) };
        let mut now = start;
        playing.toggle(&over, now);
        while let Some(rest) = playing.go_on(&over, now) {
            now += rest;
        }
        let took = now - start;
        assert!(took > LENGTH / 2 && took <= LENGTH, "{took:?}");
    }
}
