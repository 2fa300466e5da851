//! A net that is being added: what its file leaves open, what was answered, and what came of it so far.

use std::path::PathBuf;

use crate::app::pages::models::commands::{Answer, ClassChoice};
use crate::app::pages::models::state::steps::{Built, CheckedPicture, Done, Opened, Step, Told, TrialPictures};
use crate::engine::model::import::{Answers, Description, Preprocessing, Trial, likeliest_first};
use crate::engine::model::zoo::Word;
use crate::engine::model::{Entry, check_name};
use crate::engine::picture::Fit;

/// Pictures of this size are proposed where a file leaves theirs open.
const USUAL_SIDE: usize = 224;

/// A net that is being added. Nothing of it is kept yet.
pub struct Import {
    /// The number of this net: results for another one are dropped.
    pub number: u64,
    pub path: PathBuf,
    pub name: String,
    pub channels: usize,
    /// Height and width, where the file leaves them open.
    pub size: [usize; 2],
    output: Option<String>,
    word: Option<Word>,
    pub classes: ClassChoice,
    pub fit: Fit,
    /// The preprocessing that a person chose; without one the likeliest is taken.
    chosen: Option<Preprocessing>,
    pub opened: Option<Told<Opened>>,
    pub built: Option<(Answers, Told<Built>)>,
    /// The net as earlier answers made it, which is to be freed beside the window.
    pub outdated: Option<Built>,
    names: Option<(PathBuf, Told<Vec<String>>)>,
    /// The likeliest comes first once all are there.
    pub trials: Vec<Trial>,
    /// The reason why preprocessings cannot be tried.
    untriable: Option<String>,
    pictures: Option<TrialPictures>,
    check: Option<(Checkable, Told<Vec<CheckedPicture>>)>,
    /// The check that is under way is of this.
    checking: Option<Checkable>,
    /// The work under way, in words, and the share of it that is done.
    pub doing: Option<(String, f32)>,
    pub is_keeping: bool,
    /// The reason why the net was not kept.
    pub problem: Option<String>,
}

/// The answers of a check depend on these.
#[derive(Clone, Debug, PartialEq)]
struct Checkable {
    classes: ClassChoice,
    preprocessing: Preprocessing,
    fit: Fit,
}

impl Import {
    /// Begins with a file, and with a name that no net has yet.
    pub fn new(number: u64, path: PathBuf, catalogue: &[Entry]) -> Self {
        Self {
            number,
            name: free_name(&path, catalogue),
            path,
            channels: 3,
            size: [USUAL_SIDE; 2],
            output: None,
            word: None,
            classes: ClassChoice::Known(0),
            fit: Fit::default(),
            chosen: None,
            opened: None,
            built: None,
            outdated: None,
            names: None,
            trials: Vec::new(),
            untriable: None,
            pictures: None,
            check: None,
            checking: None,
            doing: None,
            is_keeping: false,
            problem: None,
        }
    }

    pub fn answer(&mut self, answer: Answer) {
        self.problem = None;
        match answer {
            Answer::Name(name) => self.name = name,
            Answer::Channels(channels) => self.channels = channels,
            Answer::Size(size) => self.size = size,
            Answer::Output(output) => self.output = Some(output),
            Answer::Word(word) => self.word = Some(word),
            Answer::Classes(classes) => {
                // A file that is chosen again is read again.
                self.names = None;
                self.check = None;
                self.classes = classes;
            }
            Answer::Pixels(preprocessing) => self.chosen = Some(preprocessing),
            Answer::Fit(fit) => self.fit = fit,
        }
    }

    /// Returns the next piece of work, which is then taken to be under way.
    pub fn next_step(&mut self) -> Option<Step> {
        if self.doing.is_some() || self.is_keeping {
            return None;
        }
        let (step, doing, share) = self.wanted_step()?;
        self.doing = Some((doing, share));
        Some(step)
    }

    fn wanted_step(&mut self) -> Option<(Step, String, f32)> {
        let step = |step, doing: &str| Some((step, doing.to_owned(), 0.0));
        let Some(opened) = &self.opened else { return step(Step::Open(self.path.clone()), "Reading the file…") };
        let opened = opened.as_ref().ok()?;
        let answers = self.answers(opened);
        if answers.word.is_none() && self.words().is_some() {
            return None;
        }
        let built = match &self.built {
            Some((of, built)) if *of == answers => built.as_ref().ok()?,
            _ => return step(Step::Build(opened.draft.clone(), answers), "Building the net…"),
        };
        match (&self.classes, &self.names) {
            (ClassChoice::File(path), None) => {
                let count = built.net.class_count();
                return step(Step::ReadNames(path.clone(), count), "Reading the names of the classes…");
            }
            (ClassChoice::File(_), Some((_, Err(_)))) => return None,
            _ => {}
        }
        if let Some(wanted) = self.wanted_check()
            && self.check.as_ref().is_none_or(|(of, _)| *of != wanted)
        {
            let description = Box::new(self.description()?);
            let net = built.net.clone();
            self.checking = Some(wanted);
            return step(Step::Check(net, description), "Showing it three pictures…");
        }
        let (untried, count) = (self.untried()?.clone(), built.candidates.len());
        let done = self.trials.len();
        let doing = match done < count {
            true => format!("Trying what it wants of its pixels: {} of {count}…", done + 1),
            false => "Trying these numbers…".into(),
        };
        let share = (done as f32 / count as f32).min(1.0);
        Some((Step::Try(built.net.clone(), untried, self.pictures.clone()), doing, share))
    }

    /// Takes in what came of a step.
    pub fn take(&mut self, done: Done) {
        self.doing = None;
        match done {
            Done::Opened(opened) => self.take_opened(opened),
            Done::Built(answers, built) => self.take_built(answers, built),
            Done::Named(path, names) => {
                if self.classes == ClassChoice::File(path.clone()) {
                    self.names = Some((path, names));
                }
            }
            Done::Tried(Ok((trial, pictures))) => {
                self.pictures = Some(pictures);
                self.trials.push(trial);
                if self.is_tried() {
                    likeliest_first(&mut self.trials);
                }
            }
            Done::Tried(Err(why)) => self.untriable = Some(why),
            Done::Checked(checked) => self.check = self.checking.take().map(|of| (of, checked)),
        }
    }

    fn take_opened(&mut self, opened: Told<Opened>) {
        let usual = opened.as_ref().ok().and_then(|opened| opened.questions.usual);
        if let Some([channels, height, width]) = usual {
            (self.channels, self.size) = (channels, [height, width]);
        }
        self.opened = Some(opened);
    }

    fn take_built(&mut self, answers: Answers, built: Told<Built>) {
        let count = |built: &Told<Built>| built.as_ref().map_or(0, |built| built.net.class_count());
        let before = self.built.as_ref().map_or(0, |(_, built)| count(built));
        if before != count(&built) {
            (self.classes, self.names) = (ClassChoice::Known(0), None);
        }
        let axes = |built: &Built| built.net.axes()[0];
        let channels = |built: &Told<Built>| built.as_ref().map_or(0, axes);
        let is_other = |preprocessing: &Preprocessing| preprocessing.mean.len() != channels(&built);
        if self.chosen.as_ref().is_some_and(is_other) {
            self.chosen = None;
        }
        (self.trials, self.untriable, self.pictures, self.check) = (Vec::new(), None, None, None);
        self.outdated = self.built.replace((answers, built)).and_then(|(_, before)| before.ok());
    }

    fn answers(&self, opened: &Opened) -> Answers {
        let [channels, height, width] = opened.questions.axes;
        let axes = [channels.unwrap_or(self.channels), height.unwrap_or(self.size[0]), width.unwrap_or(self.size[1])];
        let is_chosen = opened.questions.outputs.len() > 1;
        let output = self.output().filter(|_| is_chosen).map(str::to_owned);
        Answers { axes: Some(axes), output, word: self.word() }
    }

    /// Returns the word for the net of weights alone: as chosen, or as the file says.
    pub fn word(&self) -> Option<Word> {
        let opened = self.opened.as_ref()?.as_ref().ok()?;
        self.word.or(opened.questions.said)
    }

    /// Returns the words to choose from, where the file holds weights alone.
    pub fn words(&self) -> Option<&[Word]> {
        let questions = &self.opened.as_ref()?.as_ref().ok()?.questions;
        (questions.asks_word && !questions.words.is_empty()).then_some(&questions.words)
    }

    /// Returns the output that is taken, where there are several.
    pub fn output(&self) -> Option<&str> {
        let opened = self.opened.as_ref()?.as_ref().ok()?;
        self.output.as_deref().or(opened.questions.outputs.first().map(String::as_str))
    }

    /// Returns the net, as the answers now make it.
    pub fn net(&self) -> Option<&Built> {
        let opened = self.opened.as_ref()?.as_ref().ok()?;
        let (of, built) = self.built.as_ref()?;
        built.as_ref().ok().filter(|_| *of == self.answers(opened))
    }

    /// Tells whether all likely preprocessings were tried.
    pub fn is_tried(&self) -> bool {
        let is_tried = |wanted: &Preprocessing| self.trials.iter().any(|trial| trial.preprocessing == *wanted);
        self.untriable.is_some() || self.net().is_some_and(|built| built.candidates.iter().all(is_tried))
    }

    /// Returns the preprocessing that nobody has tried yet: of those chosen and those that are likely.
    fn untried(&self) -> Option<&Preprocessing> {
        let built = self.net().filter(|_| self.untriable.is_none())?;
        let is_untried = |wanted: &&Preprocessing| self.trials.iter().all(|trial| trial.preprocessing != **wanted);
        built.candidates.iter().chain(&self.chosen).find(is_untried)
    }

    /// Returns what is done to the pixels: as chosen, or the likeliest once that is known.
    pub fn preprocessing(&self) -> Option<&Preprocessing> {
        let likeliest = || {
            let tried = self.trials.first().map(|trial| &trial.preprocessing);
            tried.or(self.net()?.candidates.first()).filter(|_| self.is_tried())
        };
        self.chosen.as_ref().or_else(likeliest)
    }

    /// Returns the names of the classes; `None` while they are read, and where they cannot be.
    pub fn class_names(&self) -> Option<&[String]> {
        match &self.classes {
            ClassChoice::Known(at) => self.net()?.lists.get(*at).map(|list| &*list.names),
            ClassChoice::File(_) => self.names.as_ref()?.1.as_deref().ok(),
        }
    }

    /// Returns why the file of class names cannot be used.
    pub fn class_problem(&self) -> Option<&str> {
        self.names.as_ref()?.1.as_ref().err().map(String::as_str)
    }

    /// Returns why the net cannot be added at all, or not with these answers.
    pub fn refusal(&self) -> Option<&str> {
        let opened = self.opened.as_ref()?.as_ref();
        let built = self.built.as_ref().and_then(|(_, built)| built.as_ref().err());
        opened.err().or(built).map(String::as_str)
    }

    /// Returns why preprocessings cannot be tried on the net.
    pub fn trial_problem(&self) -> Option<&str> {
        self.untriable.as_deref()
    }

    fn wanted_check(&self) -> Option<Checkable> {
        let (_, preprocessing) = (self.class_names()?, self.preprocessing()?.clone());
        Some(Checkable { classes: self.classes.clone(), preprocessing, fit: self.fit })
    }

    /// Returns what the net says of a few pictures, and whether that is of the answers as they are now.
    pub fn check(&self) -> Option<(Result<&[CheckedPicture], &str>, bool)> {
        let (of, checked) = self.check.as_ref()?;
        let is_current = self.wanted_check().as_ref() == Some(of);
        Some((checked.as_deref().map_err(String::as_str), is_current))
    }

    /// Returns what goes with the net into its manifest.
    pub fn description(&self) -> Option<Description> {
        Some(Description {
            title: self.name.clone(),
            file: self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            classes: self.class_names()?.to_vec(),
            preprocessing: self.preprocessing()?.clone(),
            fit: self.fit,
        })
    }

    /// Returns why the name cannot be had.
    pub fn name_problem(&self, catalogue: &[Entry]) -> Option<String> {
        if catalogue.iter().any(|entry| entry.name == self.name) {
            return Some("There is a model of this name already.".into());
        }
        check_name(&self.name).err().map(|_| "Expected letters, digits, - and _, such as resnet50.".into())
    }

    /// Tells whether the net was seen to work as it would be kept, and has a name.
    pub fn can_keep(&self, catalogue: &[Entry]) -> bool {
        let is_checked = matches!(self.check(), Some((Ok(_), true)));
        is_checked && !self.is_keeping && self.name_problem(catalogue).is_none()
    }
}

/// Makes a name of that of a file, which no net has yet.
fn free_name(path: &std::path::Path, catalogue: &[Entry]) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = stem.chars().map(plain).take(60).collect();
    let name = name.trim_start_matches(['.', '-']);
    let name = if name.is_empty() { "net" } else { name };
    let is_free = |name: &String| catalogue.iter().all(|entry| entry.name != *name);
    let others = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(others).find(is_free).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_free() {
        let taken = |name: &str| Entry { name: name.into(), ..Entry::default() };
        let catalogue = [taken("net"), taken("net-2")];
        for (file, name) in [
            ("/a/resnet50.onnx", "resnet50"),
            ("my net (1).onnx", "my-net--1-"),
            (".onnx", "onnx"),
            ("net.onnx", "net-3"),
            ("---.onnx", "net-3"),
            ("猫.onnx", "猫"),
        ] {
            let import = Import::new(1, file.into(), &catalogue);
            assert_eq!((&*import.name, import.name_problem(&catalogue)), (name, None), "{file}");
        }
        let mut import = Import::new(1, "a.onnx".into(), &catalogue);
        for bad in ["", "net", "a/b", "-x"] {
            import.answer(Answer::Name(bad.into()));
            assert!(import.name_problem(&catalogue).is_some() && !import.can_keep(&catalogue), "{bad}");
        }
    }

    #[test]
    fn one_step_is_under_way_at_a_time_and_a_file_that_is_none_ends_them() {
        let mut import = Import::new(1, "a.onnx".into(), &[]);
        assert!(matches!(import.next_step(), Some(Step::Open(_))) && import.next_step().is_none());
        import.take(Done::Opened(Err("it is a poem".into())));
        assert!(import.next_step().is_none() && import.doing.is_none());
        assert_eq!((import.refusal(), import.can_keep(&[])), (Some("it is a poem"), false));
    }
}
