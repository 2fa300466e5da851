//! Lessons: a text beside the window that sets the view, hides what is to be predicted, and goes on step by step.

mod file;
mod scene;
#[cfg(test)]
mod tests;

pub use file::{Lesson, PLACES, Part, Step, is_lesson, may_be_lesson};
pub use scene::Scene;

use super::explore::Hidden;
use super::words;
use crate::engine::units::LEVELS;
use crate::worker::Shown;

/// The lessons that come with the program.
const BUNDLED: [&str; 5] = [
    include_str!("../../../assets/lessons/1-pixels-instead-of-weights.toml"),
    include_str!("../../../assets/lessons/2-panda-and-gibbon.toml"),
    include_str!("../../../assets/lessons/3-away-from-the-label.toml"),
    include_str!("../../../assets/lessons/4-it-is-not-noise.toml"),
    include_str!("../../../assets/lessons/5-train-on-a-mix.toml"),
];

/// The lessons at hand and the one that is open.
pub struct Lessons {
    /// The bundled ones, and behind them those that were opened from files.
    pub known: Vec<Lesson>,
    open: Option<Open>,
}

/// Where in which lesson.
struct Open {
    lesson: usize,
    step: usize,
    is_revealed: bool,
    guess: Option<usize>,
}

impl Default for Lessons {
    fn default() -> Self {
        // A test reads them all: none is lost here.
        let known = BUNDLED.iter().filter_map(|text| Lesson::parse(text, None).ok()).collect();
        Self { known, open: None }
    }
}

impl Lessons {
    /// Opens a lesson at its first step, which sets this scene.
    pub fn begin(&mut self, lesson: usize) -> Option<Scene> {
        let first = self.known.get(lesson)?.scene(0);
        self.open = Some(Open { lesson, step: 0, is_revealed: false, guess: None });
        Some(first)
    }

    /// Takes in a lesson of a file, in place of an older one of the same title, and opens it.
    pub fn add(&mut self, lesson: Lesson) -> Option<Scene> {
        let at = self.known.iter().skip(BUNDLED.len()).position(|known| known.title == lesson.title);
        let at = match at {
            Some(at) => {
                self.known[BUNDLED.len() + at] = lesson;
                BUNDLED.len() + at
            }
            None => {
                self.known.push(lesson);
                self.known.len() - 1
            }
        };
        self.begin(at)
    }

    pub fn close(&mut self) {
        self.open = None;
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The lesson that is open, and the number of its step from 0 on.
    pub fn current(&self) -> Option<(&Lesson, usize)> {
        let open = self.open.as_ref()?;
        Some((self.known.get(open.lesson)?, open.step))
    }

    pub fn step(&self) -> Option<&Step> {
        let (lesson, step) = self.current()?;
        lesson.steps.get(step)
    }

    /// Whether something of the present step is still hidden.
    pub fn is_hiding(&self) -> bool {
        let is_revealed = self.open.as_ref().is_none_or(|open| open.is_revealed);
        !is_revealed && self.step().is_some_and(|step| !step.hide.is_empty())
    }

    pub fn hidden(&self) -> Hidden {
        let hides = |part| self.is_hiding() && self.step().is_some_and(|step| step.hide.contains(&part));
        Hidden {
            perturbation: hides(Part::Perturbation),
            adversarial: hides(Part::Adversarial),
            answer: hides(Part::Answer),
        }
    }

    /// Which of the choices was predicted.
    pub fn guess(&self) -> Option<usize> {
        self.open.as_ref()?.guess
    }

    pub fn predict(&mut self, guess: usize) {
        if let Some(open) = self.open.as_mut().filter(|open| !open.is_revealed) {
            open.guess = Some(guess);
        }
    }

    /// Reveals what is hidden, or else goes to the next step: its scene.
    pub fn go_on(&mut self) -> Option<Scene> {
        if self.is_hiding() {
            self.open.as_mut()?.is_revealed = true;
            return None;
        }
        self.go(1)
    }

    /// The scene of the step before.
    pub fn back(&mut self) -> Option<Scene> {
        self.go(-1)
    }

    fn go(&mut self, by: isize) -> Option<Scene> {
        let (lesson, step) = self.current()?;
        let next = step.checked_add_signed(by).filter(|next| *next < lesson.steps.len())?;
        let scene = lesson.scene(next);
        let open = self.open.as_mut()?;
        // What was revealed once is known.
        *open = Open { lesson: open.lesson, step: next, is_revealed: by < 0, guess: None };
        Some(scene)
    }
}

/// A text with what is on screen in its places.
pub fn filled(text: &str, shown: Option<&Shown>) -> String {
    let share = |share: f32| super::widgets::per_cent(share);
    let values: [String; PLACES.len()] = match shown {
        None => std::array::from_fn(|_| "…".into()),
        Some(shown) => {
            let name =
                |top: &[crate::engine::model::Guess]| top.first().map_or("…".into(), |guess| guess.name.clone());
            let prob =
                |top: &[crate::engine::model::Guess]| top.first().map_or("…".into(), |guess| share(guess.prob));
            let eps = shown.view.pixel_eps().unwrap_or(shown.linf);
            [
                shown.label.name.clone(),
                name(&shown.clean_top),
                prob(&shown.clean_top),
                name(&shown.adversarial_top),
                prob(&shown.adversarial_top),
                share(shown.label_prob.0),
                share(shown.label_prob.1),
                words::short(eps),
                words::short(eps * LEVELS),
            ]
        }
    };
    let text = PLACES.iter().zip(values).fold(text.to_owned(), |text, (place, value)| text.replace(place, &value));
    // A number stays with its sign.
    text.replace(" %", "\u{a0}%")
}
