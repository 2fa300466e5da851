//! Lessons are files: TOML with a title and steps.

use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use serde::Deserialize;

use crate::app::format::{per_cent, short};
use crate::app::lessons::scene::LessonScene;
use crate::engine::files::read_text;
use crate::engine::model::{Catalogue, Guess};
use crate::engine::units::LEVELS;
use crate::worker::Shown;

const MOST_BYTES: u64 = 1 << 20;

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesson {
    pub title: String,
    pub about: String,
    #[serde(rename = "step")]
    pub steps: Vec<LessonStep>,
}

/// A step is a view with a text beside it. What it does not name stays as the step before had it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LessonStep {
    pub heading: String,
    /// The text may hold [`PLACES`]; empty lines part its paragraphs.
    pub text: String,
    /// These lines stand in larger type above the text, and may hold places too.
    #[serde(default)]
    pub formula: Vec<String>,
    /// This question is asked before the hidden things are revealed.
    pub ask: Option<String>,
    /// There are at most [`MOST_CHOICES`].
    #[serde(default)]
    pub choices: Vec<String>,
    /// This is the right choice, word for word; it is marked once the rest is revealed.
    pub right: Option<String>,
    /// This text appears once the rest is revealed.
    pub then: Option<String>,
    #[serde(default)]
    pub hide: Vec<Part>,
    pub minutes: Option<f32>,
    /// The lecturer sees these on request.
    pub notes: Option<String>,
    pub figure: Option<Figure>,
    /// The figure of directions has these classes beside the net's own answer.
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default)]
    pub table: Vec<Vec<String>>,
    /// This is a word for the person's own picture, which then stands in place of that of `view`.
    pub yours: Option<String>,
    /// The step asks for that picture, with buttons.
    #[serde(default)]
    pub invite: bool,
    #[serde(default, rename = "view")]
    pub scene: LessonScene,
}

const MOST_CHOICES: usize = 4;
const MOST_MINUTES: f32 = 120.0;
const MOST_LABELS: usize = 3;

/// A figure is a drawing that may stand in place of the pictures; most of them follow what is on screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    UpdateRules,
    Directions,
    EightBits,
    Signs,
    Objective,
    Cycle,
    Capacity,
    Run,
    Curve,
    Table,
    Score,
}

/// A step may hide these parts of the Explore page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    Perturbation,
    Adversarial,
    /// This is what the net says of the adversarial picture.
    Answer,
}

/// A place in a text is filled from what is on screen and α of the objective.
type TextPlace = (&'static str, fn(&Shown, f32) -> String);

const PLACES: [TextPlace; 13] = [
    ("{label}", |shown, _| shown.label.name.clone()),
    ("{before}", |shown, _| name(&shown.clean_top)),
    ("{before-share}", |shown, _| share(&shown.clean_top)),
    ("{after}", |shown, _| name(&shown.adversarial_top)),
    ("{after-share}", |shown, _| share(&shown.adversarial_top)),
    ("{label-before}", |shown, _| per_cent(shown.label_prob.0)),
    ("{label-after}", |shown, _| per_cent(shown.label_prob.1)),
    ("{eps}", |shown, _| short(shown.view.pixel_eps().unwrap_or(shown.linf))),
    ("{eps-levels}", |shown, _| short(shown.view.pixel_eps().unwrap_or(shown.linf) * LEVELS)),
    ("{alpha}", |_, alpha| short(alpha)),
    ("{cost-before}", |shown, _| cost_text(cost(shown.label_prob.0))),
    ("{cost-after}", |shown, _| cost_text(cost(shown.label_prob.1))),
    ("{cost}", |shown, alpha| cost_text(alpha * cost(shown.label_prob.0) + (1.0 - alpha) * cost(shown.label_prob.1))),
];

fn name(top: &[Guess]) -> String {
    top.first().map_or("…".into(), |guess| guess.name.clone())
}

fn share(top: &[Guess]) -> String {
    top.first().map_or("…".into(), |guess| per_cent(guess.prob))
}

pub fn cost_text(cost: f32) -> String {
    format!("{cost:.2}")
}

/// Returns the cross-entropy of a probability, in nats: `−ln p`.
pub fn cost(probability: f32) -> f32 {
    -probability.max(f32::MIN_POSITIVE).ln()
}

/// Writes what is on screen into the places of a text.
pub fn filled(text: &str, shown: Option<&Shown>, alpha: f32) -> String {
    let text = PLACES.iter().fold(text.to_owned(), |text, (place, value)| {
        text.replace(place, &shown.map_or("…".into(), |shown| value(shown, alpha)))
    });
    // A number stays with its sign.
    text.replace(" %", "\u{a0}%")
}

impl Lesson {
    /// Returns the scene of a step, with all that the steps before it have set.
    pub fn scene(&self, step: usize) -> LessonScene {
        self.steps.iter().take(step + 1).fold(LessonScene::default(), |earlier, step| step.scene.clone().over(earlier))
    }

    /// Reads a lesson, in which pictures are paths from `folder`; the error says where the text is wrong.
    pub fn parse(text: &str, folder: Option<&Path>) -> Result<Self, String> {
        let mut lesson: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map(|span| format!("{}: ", place(text, &span))).unwrap_or_default();
            format!("{place}{}", error.message())
        })?;
        if lesson.steps.is_empty() {
            return Err("there is no [[step]]; expected at least one with heading and text".into());
        }
        for (number, step) in lesson.steps.iter_mut().enumerate() {
            step.check().map_err(|why| step.problem(number, why))?;
            let is_file = |path: &&PathBuf| crate::engine::data::sample_unless_file(path).is_none();
            if let (Some(folder), Some(path)) = (folder, step.scene.picture.as_ref().filter(is_file)) {
                step.scene.picture = Some(folder.join(path));
            }
        }
        for (number, step) in lesson.steps.iter().enumerate() {
            let scene = lesson.scene(number);
            scene.check().map_err(|why| step.problem(number, why))?;
            if step.yours.is_some() && scene.picture.is_none() {
                let why = "yours has nothing to fall back on; expected a picture in this view or one before";
                return Err(step.problem(number, why));
            }
        }
        Ok(lesson)
    }

    /// Looks up every net, picture and class that the steps name, and spells classes as their net does.
    pub fn look_up(&mut self, catalogue: &Catalogue) -> Result<(), String> {
        for number in 0..self.steps.len() {
            let all = self.scene(number);
            let step = &mut self.steps[number];
            let found = step.scene.look_up(&all, catalogue);
            let labels = found.and_then(|()| all.classes(&step.labels, catalogue));
            step.labels = labels.map_err(|why| step.problem(number, why))?;
        }
        Ok(())
    }

    /// Reads a lesson file, and looks up what it names.
    pub fn open(path: &Path, catalogue: &Catalogue) -> Result<Self, String> {
        let read = || {
            let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
            if about.len() > MOST_BYTES {
                return Err(format!("it has {} bytes; expected a text of at most {MOST_BYTES}", about.len()));
            }
            let text = read_text(path).map_err(|error| match error.kind() {
                std::io::ErrorKind::InvalidData => "it is no text; expected TOML with a title and steps".into(),
                _ => error.to_string(),
            })?;
            let mut lesson = Self::parse(&text, path.parent())?;
            lesson.look_up(catalogue)?;
            Ok(lesson)
        };
        read().map_err(|why| format!("The lesson cannot be used: {why}\n{}", path.display()))
    }
}

impl LessonStep {
    fn problem(&self, number: usize, why: impl Display) -> String {
        format!("step {} ({}): {why}", number + 1, self.heading)
    }

    pub fn keeps_back(&self) -> bool {
        !self.hide.is_empty() || self.then.is_some()
    }

    pub fn right_choice(&self) -> Option<usize> {
        self.choices.iter().position(|choice| Some(choice) == self.right.as_ref())
    }

    fn check(&self) -> anyhow::Result<()> {
        self.check_question()?;
        self.check_figure()?;
        if let Some(minutes) = self.minutes {
            let is_short = minutes > 0.0 && minutes <= MOST_MINUTES;
            ensure!(is_short, "minutes is {minutes}; expected a number above 0 and up to {MOST_MINUTES}");
        }
        let is_used = !self.invite || self.yours.is_some();
        ensure!(is_used, "it invites to open a picture that nothing is done with; expected yours = \"photo\"");
        let texts = [Some(&self.text), self.then.as_ref(), self.ask.as_ref(), self.notes.as_ref()];
        let cells = self.table.iter().flatten();
        let places = PLACES.map(|(place, _)| place);
        for text in texts.into_iter().flatten().chain(&self.formula).chain(&self.choices).chain(cells) {
            let mut rest = places.iter().fold(text.clone(), |text, place| text.replace(place, ""));
            if let Some(at) = rest.find('{') {
                let unknown: String = rest.split_off(at).chars().take(20).collect();
                bail!("{unknown:?} stands for nothing; expected one of {}", places.join(" "));
            }
        }
        Ok(())
    }

    fn check_question(&self) -> anyhow::Result<()> {
        let Self { ask, choices, right, .. } = self;
        let hides = ask.is_none() || self.keeps_back();
        let nothing = "there is something to predict, but nothing is hidden";
        ensure!(hides, "{nothing}; expected hide = [\"answer\"], or then = \"…\"");
        ensure!(choices.is_empty() || ask.is_some(), "there are choices without a question; expected ask = \"…\"");
        let count = choices.len();
        ensure!(count <= MOST_CHOICES, "there are {count} choices; expected at most {MOST_CHOICES}");
        if let Some(right) = right {
            let is_choice = choices.contains(right);
            ensure!(is_choice, "right is {right:?}; expected one of the choices, word for word: {choices:?}");
        }
        Ok(())
    }

    fn check_figure(&self) -> anyhow::Result<()> {
        let (table, count) = (&self.table, self.labels.len());
        if self.figure == Some(Figure::Table) {
            ensure!(!table.is_empty(), "the figure has no table; expected table = [[\"…\"], …]");
            let columns = table[0].len();
            let is_even = columns > 0 && table.iter().all(|row| row.len() == columns);
            ensure!(is_even, "the rows of the table are not alike; expected as many cells in each");
            return Ok(());
        }
        ensure!(table.is_empty(), "there is a table that nothing shows; expected figure = \"table\"");
        if self.figure == Some(Figure::Directions) {
            let classes = format!("1 to {MOST_LABELS} classes, such as labels = [\"vulture\"]");
            ensure!((1..=MOST_LABELS).contains(&count), "there are {count} labels; expected {classes}");
            return Ok(());
        }
        ensure!(count == 0, "there are labels that nothing shows; expected figure = \"directions\"");
        Ok(())
    }
}

/// Returns whether a file is meant as a lesson, be it a broken one: a text of that kind with steps.
pub fn is_lesson(path: &Path) -> bool {
    if !may_be_lesson(path) || std::fs::metadata(path).map_or(0, |about| about.len()) > MOST_BYTES {
        return false;
    }
    let text = read_text(path).unwrap_or_default();
    text.lines().any(|line| line.replace(' ', "").starts_with("[[step]]"))
}

/// Returns whether a file could be a lesson, by its name.
pub fn may_be_lesson(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

fn place(text: &str, span: &Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("line {line}, column {column}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::attack_options;
    use crate::engine::attack::AttackSettings;

    const SHORT: &str = "title = \"T\"\nabout = \"A.\"\n[[step]]\nheading = \"One\"\ntext = \"x\"\n";

    #[test]
    fn a_broken_lesson_says_where() {
        for (more, says) in [
            ("view = { esp = 0.1 }", "line 6, column 10: unknown field `esp`, expected"),
            ("view = { eps = \"a lot\" }", "line 6, column 16: "),
            ("view = { eps = 2.0 }", "step 1 (One): eps is 2; expected 0 to 0.5"),
            ("view = { steps = 0 }", "expected 1 to"),
            ("view = { steps = 5 }", "step 1 (One): fgsm takes no steps"),
            ("view = { attack = \"bim\", norm = \"l1\" }", "norm is l1; expected one of those of bim: [linf, l2]"),
            ("view = { attack = \"pgd\", norm = \"l2\", eps = 1e4 }", "expected 0 to"),
            ("view = { loss = \"log\" }", "log-odds"),
            ("hide = [\"all\"]", "line 6, column 9: unknown variant `all`, expected one of `perturb"),
            ("ask = \"?\"", "nothing is hidden"),
            ("hide = [\"answer\"]\nchoices = [\"a\"]", "without a question"),
            ("hide = [\"answer\"]\nthen = \"{lable}\"", "{label}"),
            ("notes = \"{lable}\"", "{label}"),
            ("minutes = 0", "minutes is 0; expected a number above 0"),
            ("minutes = \"two\"", "line 6, column 11: "),
            ("ask = \"?\"\nthen = \"x\"\nchoices = [\"a\"]\nright = \"b\"", "word for word: [\"a\"]"),
            ("ask = \"?\"\nthen = \"x\"\nchoices = [\"1\", \"2\", \"3\", \"4\", \"5\"]", "expected at most 4"),
            ("figure = \"directons\"", "unknown variant `directons`, expected one of `update-rules`"),
            ("figure = \"directions\"", "0 labels; expected 1 to 3"),
            ("labels = [\"vulture\"]", "expected figure = \"directions\""),
            ("figure = \"table\"", "no table"),
            ("figure = \"table\"\ntable = [[\"a\"], [\"b\", \"c\"]]", "not alike"),
            ("table = [[\"a\"]]", "expected figure = \"table\""),
            ("invite = true", "expected yours"),
            ("yours = \"photo\"", "nothing to fall back on"),
        ] {
            let message = Lesson::parse(&format!("{SHORT}{more}"), None).unwrap_err();
            let is_there = if says.starts_with("line") { message.starts_with(says) } else { message.contains(says) };
            assert!(is_there, "{more}: {message}");
        }
        assert!(Lesson::parse("title = \"T\"\nabout = \"A\"\nstep = []", None).unwrap_err().contains("[[step]]"));
        assert!(Lesson::parse("title = \"T", None).unwrap_err().starts_with("line 1"));
    }

    #[test]
    fn names_that_nothing_has_are_told_with_the_nearest() {
        let catalogue = Catalogue::new(Vec::new());
        let says = |view: &str| {
            let two = format!("[[step]]\nheading = \"Two\"\ntext = \"y\"\nview = {{ {view} }}\n");
            let mut lesson = Lesson::parse(&format!("{SHORT}{two}"), Some(Path::new("/lessons"))).unwrap();
            lesson.look_up(&catalogue).map(|()| lesson.steps[1].scene.clone())
        };
        for (view, expected) in [
            ("model = \"digits_maxuot\"", "no model \"digits_maxuot\"; the nearest names are \"digits_maxout"),
            ("second = \"digits_cmn\"", "no model \"digits_cmn\"; the nearest names are \"digits_cnn"),
            (
                "picture = \"cofee\"",
                "no picture \"cofee\"; expected a bundled one, of which the nearest are [\"coffee\"",
            ),
            ("picture = \"cofee\"", "/lessons/cofee"),
            (
                "model = \"photos109\", target = \"tea pott\"",
                "photos109: the model has no class \"tea pott\"; the nearest names are \"teapot\"",
            ),
            (
                "model = \"photos109\" }\nfigure = \"directions\"\nlabels = [\"espreso\"]\nhide = [] #",
                "photos109: the model has no class \"espreso\"; the nearest names are \"espresso\"",
            ),
            (
                "model = \"digits_cnn\", label = \"10\"",
                "digits_cnn: there is no class 10; the model's classes are 0 to 9",
            ),
            ("label = \"3\"", "the class \"3\" is of no net"),
        ] {
            let message = says(view).unwrap_err();
            assert!(message.starts_with("step 2 (Two): ") && message.contains(expected), "{view}: {message}");
        }
        let found = says("model = \"photos109\", target = \"Teapot\", label = \"\", picture = \"coffee\"").unwrap();
        let names = (found.target.as_deref(), found.label.as_deref());
        assert_eq!(names, (Some("teapot"), Some("")), "as the net spells it");
    }

    #[test]
    fn a_class_must_be_one_of_every_net_that_it_meets() {
        let steps = "view = { model = \"digits_cnn\", label = \"3\" }\n[[step]]\nheading = \"Two\"\ntext = \"y\"\n";
        let read = |view: &str| {
            let mut lesson = Lesson::parse(&format!("{SHORT}{steps}view = {{ {view} }}"), None).unwrap();
            lesson.look_up(&Catalogue::new(Vec::new())).map(|()| lesson)
        };
        assert_eq!(read("model = \"digits_maxout\"").unwrap().scene(1).label.as_deref(), Some("3"));
        let message = read("model = \"photos109\", label = \"espreso\"").unwrap_err();
        assert!(message.contains("step 2 (Two): photos109") && message.contains("\"espresso\""), "{message}");
        assert_eq!(read("model = \"photos109\", label = \"\"").unwrap().scene(1).label.as_deref(), Some(""));
    }

    #[test]
    fn an_attack_comes_without_the_parameters_of_the_one_before() {
        let steps =
            "view = { attack = \"bim\", norm = \"l2\", steps = 7 }\n[[step]]\nheading = \"Two\"\ntext = \"y\"\n";
        let second = |view: &str| Lesson::parse(&format!("{SHORT}{steps}{view}"), None).unwrap().scene(1).attack();
        let usual = AttackSettings::named("pgd").unwrap();
        assert_eq!(second("view.attack = \"pgd\""), usual);
        assert_eq!(attack_options(&second("")), ["--attack", "bim", "--norm", "l2", "--steps", "7"]);
    }

    #[test]
    fn a_lesson_is_told_from_other_texts_even_when_it_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let is = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            is_lesson(&folder.path().join(name))
        };
        assert!(is("a.toml", SHORT) && is("b.TOML", "title = \n[[ step ]]\n"));
        assert!(!is("c.txt", SHORT) && !is("d.toml", "model = \"digits_cnn\"\neps = 0.1\n") && !is("e.toml", ""));
        assert!(!is_lesson(&folder.path().join("none.toml")));
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
