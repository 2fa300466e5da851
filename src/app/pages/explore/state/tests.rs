//! These tests change the wanted view without a window and a worker.

use proptest::prelude::*;

use crate::app::pages::explore::state::*;
use crate::app::undo::tests::{Undoable, check, operations};
use crate::app::undo::{CanStep, HistoryStep};

impl Undoable for Explore {
    type State = View;

    fn state(&self) -> View {
        self.view.clone()
    }

    fn change(&mut self, to: u8) {
        match to % 6 {
            0 => self.set_eps(f32::from(to) / 100.0),
            1 => self.view.clip = to < 6,
            2 => self.view.seed = to.into(),
            3 => self.use_attack(if to < 6 { "fgsm" } else { "pgd" }),
            4 => self.set_picture(Source::Sample(format!("digit-{}", to % 10))),
            _ => self.set_model(if to < 6 { "digits_cnn" } else { "digits_maxout" }.into()),
        }
    }

    fn note(&mut self, seconds: f64) {
        Self::note(self, seconds);
    }

    fn step(&mut self, step: HistoryStep) {
        self.step_history(step);
    }

    fn can(&self) -> CanStep {
        self.can_step()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changes_of_the_view_are_taken_back_and_done_again(operations in operations()) {
        check(&mut Explore::new(&Settings::default(), None, None), &operations)?;
    }
}
