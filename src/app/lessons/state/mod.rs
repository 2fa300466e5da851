//! The lessons, the one that is open, and what was predicted in it are plain state.

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::app::lessons::file::{Lesson, LessonStep, Part};
use crate::app::lessons::scene::LessonScene;
use crate::app::pages::explore::state::{Hidden, named};
use crate::worker::{Source, View};

/// The talk comes first; each chapter leads to the next.
const BUNDLED: [&str; 6] = [
    include_str!("../../../../assets/lessons/0-the-deck-in-15-minutes.toml"),
    include_str!("../../../../assets/lessons/1-pixels-instead-of-weights.toml"),
    include_str!("../../../../assets/lessons/2-panda-and-gibbon.toml"),
    include_str!("../../../../assets/lessons/3-away-from-the-label.toml"),
    include_str!("../../../../assets/lessons/4-it-is-not-noise.toml"),
    include_str!("../../../../assets/lessons/5-train-on-a-mix.toml"),
];
const FIRST_CHAPTER: usize = 1;

const USUAL_ALPHA: f32 = 0.5;

pub struct Lessons {
    /// The bundled lessons come first, then those that were opened from files.
    pub known: Vec<Lesson>,
    open: Option<Open>,
    /// The person opened these pictures where a step invited to, each by the word of the step.
    pictures: HashMap<String, Source>,
    /// This is the share of the clean cost in the objective that a figure shows.
    pub alpha: f32,
    pub has_notes: bool,
    pub has_more_units: bool,
    /// Closing the lesson comes back to this view.
    pub before: Option<View>,
}

struct Open {
    lesson: usize,
    step: usize,
    ballots: Vec<Ballot>,
}

#[derive(Clone, Default)]
struct Ballot {
    is_revealed: bool,
    votes: Vec<usize>,
}

impl Ballot {
    fn counts(&self, choices: usize) -> Vec<usize> {
        (0..choices).map(|choice| self.votes.iter().filter(|vote| **vote == choice).count()).collect()
    }
}

/// The score counts the questions with a right choice that were voted on and revealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    pub questions: usize,
    /// The number of questions of which the right choice had the most votes.
    pub won: usize,
    pub votes: usize,
    pub right: usize,
}

impl Default for Lessons {
    fn default() -> Self {
        // A test reads them all: none is lost here.
        let known = BUNDLED.iter().filter_map(|text| Lesson::parse(text, None).ok()).collect();
        Self {
            known,
            open: None,
            pictures: HashMap::new(),
            alpha: USUAL_ALPHA,
            has_notes: false,
            has_more_units: false,
            before: None,
        }
    }
}

impl Lessons {
    pub fn begin(&mut self, lesson: usize) -> Option<LessonScene> {
        let known = self.known.get(lesson)?;
        self.open = Some(Open { lesson, step: 0, ballots: vec![Ballot::default(); known.steps.len()] });
        self.alpha = USUAL_ALPHA;
        Some(known.scene(0))
    }

    /// Takes in a lesson of a file, in place of an older one of the same title, and opens it.
    pub fn add(&mut self, lesson: Lesson) -> Option<LessonScene> {
        let at = self.known.iter().skip(BUNDLED.len()).position(|known| known.title == lesson.title);
        let at = at.map_or(self.known.len(), |at| BUNDLED.len() + at);
        match self.known.get_mut(at) {
            Some(known) => *known = lesson,
            None => self.known.push(lesson),
        }
        self.begin(at)
    }

    pub fn close(&mut self) {
        self.open = None;
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Returns the lesson that is open, and the number of its step from 0 on.
    pub fn current(&self) -> Option<(&Lesson, usize)> {
        let open = self.open.as_ref()?;
        Some((self.known.get(open.lesson)?, open.step))
    }

    pub fn step(&self) -> Option<&LessonStep> {
        let (lesson, step) = self.current()?;
        lesson.steps.get(step)
    }

    fn ballot(&self) -> Option<&Ballot> {
        let open = self.open.as_ref()?;
        open.ballots.get(open.step)
    }

    fn ballot_mut(&mut self) -> Option<&mut Ballot> {
        let open = self.open.as_mut()?;
        open.ballots.get_mut(open.step)
    }

    /// Returns the chapter behind the one that is open, at its last step.
    pub fn next_chapter(&self) -> Option<(usize, &Lesson)> {
        let open = self.open.as_ref()?;
        let next = open.lesson + 1;
        let is_chapter = (FIRST_CHAPTER..BUNDLED.len() - 1).contains(&open.lesson);
        (is_chapter && self.is_at_end()).then(|| Some((next, self.known.get(next)?)))?
    }

    /// Tells whether the last step of the lesson is on screen.
    pub fn is_at_end(&self) -> bool {
        self.current().is_some_and(|(lesson, step)| step + 1 == lesson.steps.len())
    }

    /// Returns whether something of the present step is still kept back.
    pub fn is_hiding(&self) -> bool {
        let is_revealed = self.ballot().is_none_or(|ballot| ballot.is_revealed);
        !is_revealed && self.step().is_some_and(LessonStep::keeps_back)
    }

    pub fn is_voting(&self) -> bool {
        self.is_hiding() && self.step().is_some_and(|step| !step.choices.is_empty())
    }

    pub fn hidden(&self) -> Hidden {
        let hides = |part| self.is_hiding() && self.step().is_some_and(|step| step.hide.contains(&part));
        Hidden {
            perturbation: hides(Part::Perturbation),
            adversarial: hides(Part::Adversarial),
            answer: hides(Part::Answer),
        }
    }

    pub fn votes(&self) -> Vec<usize> {
        let choices = self.step().map_or(0, |step| step.choices.len());
        self.ballot().map_or_else(|| vec![0; choices], |ballot| ballot.counts(choices))
    }

    /// Returns the choice with the most votes, if one has more than any other.
    pub fn guess(&self) -> Option<usize> {
        leader(&self.votes())
    }

    /// Chooses for one person, who may think again: a vote that stands alone moves.
    pub fn predict(&mut self, guess: usize) {
        if self.ballot().is_some_and(|ballot| ballot.votes.len() == 1) {
            self.take_back();
        }
        self.vote(guess);
    }

    /// Counts a raised hand, or the whole class as one.
    pub fn vote(&mut self, choice: usize) {
        let is_choice = self.is_voting() && self.step().is_some_and(|step| choice < step.choices.len());
        if let Some(ballot) = self.ballot_mut().filter(|_| is_choice) {
            ballot.votes.push(choice);
        }
    }

    pub fn take_back(&mut self) {
        let is_voting = self.is_voting();
        if let Some(ballot) = self.ballot_mut().filter(|_| is_voting) {
            ballot.votes.pop();
        }
    }

    pub fn score(&self) -> Score {
        let (Some(open), Some((lesson, _))) = (&self.open, self.current()) else { return Score::default() };
        let mut score = Score::default();
        for (step, ballot) in lesson.steps.iter().zip(&open.ballots) {
            let Some(right) = step.right_choice().filter(|_| ballot.is_revealed && !ballot.votes.is_empty()) else {
                continue;
            };
            let votes = ballot.counts(step.choices.len());
            score.questions += 1;
            score.won += usize::from(leader(&votes) == Some(right));
            score.votes += ballot.votes.len();
            score.right += votes[right];
        }
        score
    }

    /// Returns the minutes until here and of the whole lesson; `None` where no step says how long it takes.
    pub fn minutes(&self) -> Option<(f32, f32)> {
        let (lesson, step) = self.current()?;
        let sum = |steps: &[LessonStep]| steps.iter().filter_map(|step| step.minutes).sum::<f32>();
        let all = sum(&lesson.steps);
        (all > 0.0).then(|| (sum(&lesson.steps[..=step]), all))
    }

    /// Returns the picture of the person that the present step is about, if they opened one.
    pub fn yours(&self) -> Option<&Source> {
        self.pictures.get(self.step()?.yours.as_ref()?)
    }

    /// Notes the picture on screen where the step invites to open one; the one that it falls back on is none.
    pub fn note_picture(&mut self, picture: &Source) {
        let Some(step) = self.step().filter(|step| step.invite) else { return };
        let (Some(word), Some((lesson, number))) = (step.yours.clone(), self.current()) else { return };
        if lesson.scene(number).picture.map(named).as_ref() == Some(picture) {
            self.pictures.remove(&word);
        } else {
            self.pictures.insert(word, picture.clone());
        }
    }

    /// Reveals what is hidden, or else goes to the next step or chapter, and returns its scene.
    pub fn go_on(&mut self) -> Option<LessonScene> {
        if self.is_hiding() {
            self.ballot_mut()?.is_revealed = true;
            return None;
        }
        match self.next_chapter() {
            Some((chapter, _)) => self.begin(chapter),
            None => self.go(1),
        }
    }

    pub fn back(&mut self) -> Option<LessonScene> {
        self.go(-1)
    }

    fn go(&mut self, by: isize) -> Option<LessonScene> {
        let (lesson, step) = self.current()?;
        let next = step.checked_add_signed(by).filter(|next| *next < lesson.steps.len())?;
        let scene = lesson.scene(next);
        self.open.as_mut()?.step = next;
        Some(scene)
    }
}

/// Returns the place of the largest count, if no other is as large and it is not zero.
fn leader(votes: &[usize]) -> Option<usize> {
    let most = votes.iter().copied().max().filter(|most| *most > 0)?;
    let mut leaders = votes.iter().enumerate().filter(|(_, count)| **count == most);
    let first = leaders.next()?.0;
    leaders.next().is_none().then_some(first)
}
