//! The window library keeps the history of changes.

use egui::util::undoer::{Settings, Undoer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryStep {
    Undo,
    Redo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CanStep {
    pub undo: bool,
    pub redo: bool,
}

/// A history of the changes of a page. Those that follow each other quickly, such as a drag of the slider, are one.
pub struct History<T>(Undoer<T>);

impl<T: Clone + PartialEq> Default for History<T> {
    fn default() -> Self {
        Self(Undoer::with_settings(Settings { max_undos: 200, stable_time: 0.6, ..Settings::default() }))
    }
}

impl<T: Clone + PartialEq> History<T> {
    /// Notes the present state in each frame, with the time in seconds.
    pub fn note(&mut self, seconds: f64, state: &T) {
        self.0.feed_state(seconds, state);
    }

    pub fn can(&self, state: &T) -> CanStep {
        CanStep { undo: self.0.has_undo(state), redo: self.0.has_redo(state) }
    }

    /// Returns the state before the present one or after it, if there is one.
    pub fn step(&mut self, step: HistoryStep, state: &T) -> Option<T> {
        match step {
            HistoryStep::Undo => self.0.undo(state),
            HistoryStep::Redo => self.0.redo(state),
        }
        .cloned()
    }
}

#[cfg(test)]
pub mod tests {
    //! Undo and redo are checked against a list of states with a place in it, whatever is changed.

    use std::fmt::Debug;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use crate::app::undo::{CanStep, HistoryStep};

    pub trait Undoable {
        type State: Clone + PartialEq + Debug;

        fn state(&self) -> Self::State;
        /// Changes something; equal numbers change it to the same.
        fn change(&mut self, to: u8);
        fn note(&mut self, seconds: f64);
        fn step(&mut self, step: HistoryStep);
        fn can(&self) -> CanStep;
    }

    #[derive(Clone, Debug)]
    pub enum HistoryOperation {
        /// One change after the other, too quick to be told apart.
        Change(Vec<u8>),
        /// Nothing changes for a while.
        Rest,
        Undo,
        Redo,
    }

    pub fn operations() -> impl Strategy<Value = Vec<HistoryOperation>> {
        let operation = prop_oneof![
            3 => vec(0_u8..12, 1..4).prop_map(HistoryOperation::Change),
            3 => Just(HistoryOperation::Rest),
            2 => Just(HistoryOperation::Undo),
            2 => Just(HistoryOperation::Redo),
        ];
        vec(operation, 0..40)
    }

    struct Expected<S> {
        states: Vec<S>,
        /// Where in them the page is, or was before the change that has not come to rest.
        at: usize,
        changing: Option<S>,
    }

    impl<S: Clone + PartialEq> Expected<S> {
        fn state(&self) -> &S {
            self.changing.as_ref().unwrap_or(&self.states[self.at])
        }

        fn change(&mut self, to: S) {
            self.changing = Some(to).filter(|to| *to != self.states[self.at]);
            if self.changing.is_some() {
                // What was ahead is forgotten.
                self.states.truncate(self.at + 1);
            }
        }

        /// Makes a change one to come back to. Tells whether there was any.
        fn keep(&mut self) -> bool {
            let changed = self.changing.take();
            self.states.extend(changed.clone());
            changed.is_some()
        }
    }

    /// Carries out the operations and checks after each of them that the page is where it should be.
    pub fn check(page: &mut impl Undoable, operations: &[HistoryOperation]) -> Result<(), TestCaseError> {
        let mut seconds = 0.0;
        page.note(seconds);
        let mut expected = Expected { states: vec![page.state()], at: 0, changing: None };
        for operation in operations {
            match operation {
                HistoryOperation::Change(steps) => {
                    for to in steps {
                        let before = page.state();
                        page.change(*to);
                        expected.change(page.state());
                        // While nothing changes it comes to rest.
                        seconds += if page.state() == before { 0.0 } else { 0.1 };
                        page.note(seconds);
                    }
                }
                HistoryOperation::Rest => {
                    seconds += 1.0;
                    expected.at += usize::from(expected.keep());
                }
                HistoryOperation::Undo => {
                    page.step(HistoryStep::Undo);
                    expected.at -= usize::from(!expected.keep() && expected.at > 0);
                }
                HistoryOperation::Redo => {
                    page.step(HistoryStep::Redo);
                    let is_back = expected.changing.is_none() && expected.at + 1 < expected.states.len();
                    expected.at += usize::from(is_back);
                }
            }
            page.note(seconds);
            prop_assert_eq!(&page.state(), expected.state(), "after {:?}", operation);
            let is_changing = expected.changing.is_some();
            let can = CanStep {
                undo: expected.at > 0 || is_changing,
                redo: expected.at + 1 < expected.states.len() && !is_changing,
            };
            prop_assert_eq!(page.can(), can, "after {:?}", operation);
        }
        // All the way back and all the way on again is where it was.
        page.note(seconds + 1.0);
        let (last, mut back) = (page.state(), 0);
        while page.can().undo {
            page.step(HistoryStep::Undo);
            back += 1;
        }
        prop_assert_eq!(&page.state(), &expected.states[0]);
        (0..back).for_each(|_| page.step(HistoryStep::Redo));
        prop_assert_eq!(page.state(), last);
        Ok(())
    }
}
