//! Lessons as files: TOML with a title and steps.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::app::explore::MAX_EPS;
use crate::app::settings::Tab;
use crate::engine::attack::{Attack, AttackSettings, MAX_STEPS};
use crate::engine::picture::Quantity;

/// The size of the largest lesson file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// A lesson: steps to go through, one view each.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    pub title: String,
    /// One sentence.
    pub about: String,
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

/// One view with a text beside it. What a step does not name stays as the step before had it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub heading: String,
    /// Paragraphs, with an empty line between them. `{label}`, `{before}`, `{after}`, `{eps}` and the like stand for what is on
    /// screen: see [`PLACES`].
    pub text: String,
    /// What to predict before the hidden things are revealed.
    pub ask: Option<String>,
    #[serde(default)]
    pub choices: Vec<String>,
    /// What is said once they are.
    pub then: Option<String>,
    #[serde(default)]
    pub hide: Vec<Part>,
    #[serde(default, rename = "view")]
    pub scene: Scene,
}

/// Parts of the Explore tab that a step may hide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    Perturbation,
    Adversarial,
    /// What the net says of the adversarial picture.
    Answer,
}

/// What a step sets: its `view`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scene {
    pub tab: Option<Tab>,
    /// A name of the catalogue.
    pub model: Option<String>,
    /// The name of a bundled picture, or a path from the lesson's file.
    pub picture: Option<PathBuf>,
    pub eps: Option<f32>,
    pub attack: Option<AttackName>,
    pub steps: Option<usize>,
    /// A class by name; the net's own answer with an empty name.
    pub label: Option<String>,
    /// A class by name; away from the label with an empty name.
    pub target: Option<String>,
    pub clip: Option<bool>,
    pub show: Option<Shown>,
}

/// The name of an attack, as on the command line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AttackName(pub String);

impl TryFrom<String> for AttackName {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        if AttackSettings::named(&name).is_some() {
            return Ok(Self(name));
        }
        let known: Vec<_> = AttackSettings::all().iter().map(Attack::name).collect();
        Err(format!("there is no attack {name:?}; expected one of {}", known.join(", ")))
    }
}

/// What the middle picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shown {
    Perturbation,
    Magnitude,
    Gradient,
}

impl From<Shown> for Quantity {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Perturbation => Self::Perturbation,
            Shown::Magnitude => Self::Magnitude,
            Shown::Gradient => Self::Gradient,
        }
    }
}

/// What stands for a number or a name that is on screen: the label; the answer before and after with its probability; the
/// label's probability before and after; ε, and ε in grey levels.
pub const PLACES: [&str; 9] = [
    "{label}",
    "{before}",
    "{before-share}",
    "{after}",
    "{after-share}",
    "{label-before}",
    "{label-after}",
    "{eps}",
    "{eps-levels}",
];

impl Scene {
    /// This scene where it says something, and `earlier` elsewhere.
    pub fn over(self, earlier: Self) -> Self {
        Self {
            tab: self.tab.or(earlier.tab),
            model: self.model.or(earlier.model),
            picture: self.picture.or(earlier.picture),
            eps: self.eps.or(earlier.eps),
            attack: self.attack.or(earlier.attack),
            steps: self.steps.or(earlier.steps),
            label: self.label.or(earlier.label),
            target: self.target.or(earlier.target),
            clip: self.clip.or(earlier.clip),
            show: self.show.or(earlier.show),
        }
    }
}

impl Lesson {
    /// The scene of a step, with all that the steps before it have set.
    pub fn scene(&self, step: usize) -> Scene {
        self.steps.iter().take(step + 1).fold(Scene::default(), |earlier, step| step.scene.clone().over(earlier))
    }

    /// Reads a lesson. Paths of pictures become paths from `folder`.
    ///
    /// # Errors
    /// A message for a person that says where the text is wrong and what was expected.
    pub fn parse(text: &str, folder: Option<&Path>) -> Result<Self, String> {
        let mut lesson: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map(|span| format!("{}: ", place(text, &span))).unwrap_or_default();
            format!("{place}{}", error.message())
        })?;
        if lesson.steps.is_empty() {
            return Err("there is no [[step]]; expected at least one with heading and text".into());
        }
        for (number, step) in lesson.steps.iter_mut().enumerate() {
            step.check().map_err(|why| format!("step {} ({}): {why}", number + 1, step.heading))?;
            let is_file = |path: &&PathBuf| crate::engine::data::sample_unless_file(path).is_none();
            if let (Some(folder), Some(path)) = (folder, step.scene.picture.as_ref().filter(is_file)) {
                step.scene.picture = Some(folder.join(path));
            }
        }
        Ok(lesson)
    }

    /// Reads a lesson file.
    ///
    /// # Errors
    /// As [`Self::parse`], and a file that cannot be read or is too large.
    pub fn open(path: &Path) -> Result<Self, String> {
        let read = || {
            let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
            if about.len() > MOST_BYTES {
                return Err(format!("it has {} bytes; expected a text of at most {MOST_BYTES}", about.len()));
            }
            let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
                std::io::ErrorKind::InvalidData => "it is no text; expected TOML with a title and steps".into(),
                _ => error.to_string(),
            })?;
            Self::parse(&text, path.parent())
        };
        read().map_err(|why| format!("The lesson cannot be used: {why}\n{}", path.display()))
    }
}

impl Step {
    fn check(&self) -> Result<(), String> {
        if let Some(eps) = self.scene.eps.filter(|eps| !(0.0..=MAX_EPS).contains(eps)) {
            return Err(format!("eps is {eps}; expected 0 to {MAX_EPS}"));
        }
        if let Some(steps) = self.scene.steps.filter(|steps| !(1..=MAX_STEPS).contains(steps)) {
            return Err(format!("steps is {steps}; expected 1 to {MAX_STEPS}"));
        }
        if self.hide.is_empty() && (self.then.is_some() || self.ask.is_some()) {
            return Err("there is something to predict, but nothing is hidden; expected hide = [\"answer\"]".into());
        }
        if !self.choices.is_empty() && self.ask.is_none() {
            return Err("there are choices without a question; expected ask = \"…\"".into());
        }
        let texts = [Some(&self.text), self.then.as_ref(), self.ask.as_ref()];
        for text in texts.into_iter().flatten() {
            let mut rest = PLACES.iter().fold(text.clone(), |text, place| text.replace(place, ""));
            if let Some(at) = rest.find('{') {
                let unknown: String = rest.split_off(at).chars().take(20).collect();
                return Err(format!("{unknown:?} stands for nothing; expected one of {}", PLACES.join(" ")));
            }
        }
        Ok(())
    }
}

/// "line 3, column 7".
fn place(text: &str, span: &Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("line {line}, column {column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &str = "title = \"T\"\nabout = \"A.\"\n[[step]]\nheading = \"One\"\ntext = \"x\"\n";

    #[test]
    fn a_broken_lesson_says_where() {
        let says = |more: &str| Lesson::parse(&format!("{SHORT}{more}"), None).unwrap_err();
        assert_eq!(
            says("view = { esp = 0.1 }").split(", expected").next(),
            Some("line 6, column 10: unknown field `esp`")
        );
        assert!(says("view = { eps = \"a lot\" }").starts_with("line 6, column 16: "));
        assert!(says("view = { eps = 2.0 }").contains("step 1 (One): eps is 2; expected 0 to 0.5"));
        assert!(says("view = { steps = 0 }").contains("expected 1 to"));
        assert!(
            says("hide = [\"all\"]").starts_with("line 6, column 9: unknown variant `all`, expected one of `perturb")
        );
        assert!(says("ask = \"?\"").contains("nothing is hidden"));
        assert!(says("hide = [\"answer\"]\nchoices = [\"a\"]").contains("without a question"));
        assert!(says("hide = [\"answer\"]\nthen = \"{lable}\"").contains("{label}"));
        assert!(Lesson::parse("title = \"T\"\nabout = \"A\"\nstep = []", None).unwrap_err().contains("[[step]]"));
        assert!(Lesson::parse("title = \"T", None).unwrap_err().starts_with("line 1"));
    }

    #[test]
    fn what_a_step_does_not_name_stays() {
        let two =
            "view = { eps = 0.1, picture = \"digit-3\" }\n[[step]]\nheading = \"Two\"\ntext = \"y\"\nview.eps = 0.2\n";
        let lesson = Lesson::parse(&format!("{SHORT}{two}"), Some(Path::new("/lessons"))).unwrap();
        let scene = lesson.scene(1);
        assert_eq!((scene.eps, scene.picture), (Some(0.2), Some("digit-3".into())));
        assert_eq!(lesson.scene(0).eps, Some(0.1));
        let own = Lesson::parse(&format!("{SHORT}view.picture = \"cat.png\""), Some(Path::new("/lessons"))).unwrap();
        assert_eq!(own.scene(0).picture, Some("/lessons/cat.png".into()));
    }
}
