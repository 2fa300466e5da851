//! What was changed in a tab, to be taken back and done again.

use std::time::{Duration, Instant};

/// Changes that follow each other so quickly are one: a drag of the slider.
const ONE_CHANGE: Duration = Duration::from_millis(600);
const MOST: usize = 200;

/// States before and after the present one.
pub struct History<T> {
    now: Option<T>,
    past: Vec<T>,
    future: Vec<T>,
    changed: Option<Instant>,
}

impl<T> Default for History<T> {
    fn default() -> Self {
        Self { now: None, past: Vec::new(), future: Vec::new(), changed: None }
    }
}

impl<T: Clone + PartialEq> History<T> {
    /// Takes note of what is wanted now.
    pub fn note(&mut self, state: &T, at: Instant) {
        let Some(before) = self.now.as_ref().filter(|now| *now != state) else {
            self.now.get_or_insert_with(|| state.clone());
            return;
        };
        let goes_on = self.changed.is_some_and(|changed| at.saturating_duration_since(changed) < ONE_CHANGE);
        if !goes_on {
            if self.past.len() == MOST {
                self.past.remove(0);
            }
            self.past.push(before.clone());
        }
        self.future.clear();
        self.changed = Some(at);
        self.now = Some(state.clone());
    }

    pub fn can_undo(&self) -> bool {
        !self.past.is_empty()
    }

    pub fn can_redo(&self) -> bool {
        !self.future.is_empty()
    }

    /// The state before the last change.
    pub fn undo(&mut self) -> Option<T> {
        let state = self.past.pop()?;
        self.future.extend(self.now.replace(state.clone()));
        self.changed = None;
        Some(state)
    }

    /// The state after the change that was taken back last.
    pub fn redo(&mut self) -> Option<T> {
        let state = self.future.pop()?;
        self.past.extend(self.now.replace(state.clone()));
        self.changed = None;
        Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::pages::explore::state::Explore;
    use crate::app::settings::Settings;
    use crate::worker::View;

    fn view(eps: f32) -> View {
        View { eps, ..Explore::new(&Settings::default(), None, None).view() }
    }

    #[test]
    fn a_drag_is_one_change() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut history = History::default();
        history.note(&view(0.1), at(0));
        for step in 0..10 {
            history.note(&view(0.2 + 0.01 * step as f32), at(5000 + 50 * step));
        }
        history.note(&view(0.4), at(9000));
        assert_eq!(history.undo(), Some(view(0.29)));
        assert_eq!(history.undo(), Some(view(0.1)));
        assert_eq!(history.undo(), None);
        assert_eq!((history.redo(), history.redo()), (Some(view(0.29)), Some(view(0.4))));
        assert_eq!(history.redo(), None);
    }

    #[test]
    fn a_change_after_going_back_forgets_what_was_ahead() {
        let start = Instant::now();
        let mut history = History::default();
        for (i, eps) in [0.1, 0.2, 0.3].into_iter().enumerate() {
            history.note(&view(eps), start + Duration::from_secs(i as u64));
        }
        assert_eq!(history.undo(), Some(view(0.2)));
        // The window asks for what was restored; that is no change.
        history.note(&view(0.2), start + Duration::from_secs(8));
        history.note(&view(0.5), start + Duration::from_secs(9));
        assert_eq!((history.redo(), history.undo()), (None, Some(view(0.2))));
    }
}
