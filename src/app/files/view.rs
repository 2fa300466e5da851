//! A view is kept as a text (TOML), or inside a PNG of the window, from which it can be opened again.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::app::files::page::PageFile;
use crate::app::lessons::file::{Lesson, is_lesson, may_be_lesson};
use crate::app::pages::explore::why::state::WhyLook;
use crate::engine::attack::{AttackSettings, Loss};
use crate::engine::data::Invert;
use crate::engine::files::text as text_of;
use crate::engine::model::Catalogue;
use crate::engine::picture::{Background, Heatmap, Picture, Region, decode, png_bytes, png_crop, png_texts};
use crate::worker::{Shown, Source, View};

/// The texts in a PNG have these keywords. A picture that no file holds is written as hexadecimal digits of a PNG.
const VIEW: &str = "Doppelganger view";
const PICTURE: &str = "Doppelganger picture";
const PAGE: &str = "Doppelganger page";
const MOST_BYTES: u64 = 1 << 20;

/// A view goes by names that hold on another machine too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewFile {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    pub model: String,
    /// The name of a bundled picture, or a path; without one the picture is in the file itself.
    pub picture: Option<PathBuf>,
    #[serde(default)]
    pub background: Background,
    pub crop: Option<Region>,
    #[serde(default, skip_serializing_if = "Invert::is_auto")]
    pub invert: Invert,
    #[serde(default)]
    pub own_pixels: bool,
    /// The name of a class; without one the label is the net's own answer.
    pub label: Option<String>,
    /// The name of a class; without one the attack leads away from the label.
    pub target: Option<String>,
    pub eps: f32,
    #[serde(default)]
    pub seed: u64,
    #[serde(default)]
    pub loss: Loss,
    #[serde(default = "yes")]
    pub clip: bool,
    #[serde(default)]
    pub eight_bit: bool,
    #[serde(default)]
    pub attack: AttackSettings,
    #[serde(default)]
    pub heatmap: Heatmap,
    /// The step of the attack on screen; without one it is the result.
    pub step: Option<usize>,
    pub controls_seed: Option<u64>,
    /// The seed of the random direction of the church window.
    pub direction_seed: Option<u64>,
    pub why: Option<WhyLook>,
}

fn yes() -> bool {
    true
}

#[derive(Debug)]
pub struct Found {
    pub view: ViewFile,
    pub picture: Option<Arc<Picture>>,
}

/// A file holds one of these, beside a picture of the window or alone.
#[derive(Debug)]
pub enum Content {
    View(Box<Found>),
    Page(PageFile),
    Lesson(Lesson),
    /// A picture may have been saved with a crop.
    Picture(Option<Region>),
}

impl ViewFile {
    pub fn of(shown: &Shown) -> Self {
        let view: &View = &shown.view;
        let class = |index: usize| shown.model.classes.get(index).cloned();
        Self {
            title: String::new(),
            model: view.model.clone(),
            picture: match &view.picture {
                Source::Sample(name) => Some(name.into()),
                Source::File(path) => Some(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
                Source::Memory { .. } => None,
            },
            background: view.background,
            crop: view.crop,
            invert: view.invert,
            own_pixels: shown.own_pixels,
            label: view.label.given().and_then(class),
            target: view.goal.target().and_then(class),
            eps: view.eps,
            seed: view.seed,
            loss: view.loss,
            clip: view.clip,
            eight_bit: view.eight_bit,
            attack: view.attack.clone(),
            heatmap: view.heatmap,
            step: view.step.filter(|_| !shown.timeline.is_result),
            controls_seed: None,
            direction_seed: None,
            why: None,
        }
    }

    /// Reads the text of a view; the error says where it is wrong and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| format!("the view in it cannot be used: {}", error.to_string().trim_end()))
    }
}

impl Content {
    /// Returns the texts for a PNG; only a view and a page need any.
    pub fn texts(&self) -> Result<Vec<(&'static str, String)>, String> {
        let (keyword, text) = match self {
            Self::View(found) => (VIEW, toml::to_string(&found.view)),
            Self::Page(page) => (PAGE, toml::to_string(page)),
            Self::Lesson(_) | Self::Picture(_) => return Ok(Vec::new()),
        };
        let mut texts = vec![(keyword, text.map_err(|error| error.to_string())?)];
        if let Self::View(found) = self
            && let Some(picture) = &found.picture
        {
            let bytes = png_bytes(picture, &[]).map_err(|error| error.to_string())?;
            texts.push((PICTURE, bytes.iter().map(|byte| format!("{byte:02x}")).collect()));
        }
        Ok(texts)
    }
}

/// A net takes these photographs for something absurd, at an ε that nobody sees.
const EXAMPLES: [&str; 5] = [
    include_str!("../../../assets/views/1-espresso-fiddler-crab.toml"),
    include_str!("../../../assets/views/2-astronaut-fiddler-crab.toml"),
    include_str!("../../../assets/views/3-cat-gibbon.toml"),
    include_str!("../../../assets/views/4-rocket-king-penguin.toml"),
    include_str!("../../../assets/views/5-espresso-toilet-tissue.toml"),
];

pub fn examples() -> Vec<ViewFile> {
    // A test reads them all: none is lost here.
    EXAMPLES.iter().filter_map(|text| ViewFile::parse(text).ok()).collect()
}

/// Tells by its name whether a file could hold a view, a page or a lesson.
pub fn may_hold_view(path: &Path) -> bool {
    may_be_lesson(path) || path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"))
}

/// Returns what is in a file: a view, a page, a lesson, or nothing but a picture, which may be an unreadable one.
pub fn read(path: &Path, catalogue: &Catalogue) -> Result<Content, String> {
    if is_lesson(path) {
        return Lesson::open(path, catalogue).map(Content::Lesson);
    }
    let named = |why: String| format!("{why}\n{}", path.display());
    if may_be_lesson(path) {
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| named(format!("The view cannot be read: {error}.")))?;
        let read = file.take(MOST_BYTES).read_to_end(&mut bytes).and_then(|_| text_of(bytes));
        let text = read.map_err(|error| named(format!("The view cannot be read: {error}; expected a text (TOML).")))?;
        let mut view = ViewFile::parse(&text).map_err(named)?;
        let is_file = |picture: &&PathBuf| crate::engine::data::sample_unless_file(picture).is_none();
        if let (Some(folder), Some(picture)) = (path.parent(), view.picture.as_ref().filter(is_file)) {
            view.picture = Some(folder.join(picture));
        }
        return Ok(Content::View(Box::new(Found { view, picture: None })));
    }
    let texts = png_texts(path).unwrap_or_default();
    let text = |keyword: &str| texts.iter().find(|(known, _)| known == keyword).map(|(_, text)| text.as_str());
    if let Some(page) = text(PAGE) {
        let page = toml::from_str(page).map(Content::Page);
        return page.map_err(|error| named(format!("the page in it cannot be used: {error}")));
    }
    let Some(view) = text(VIEW) else { return Ok(Content::Picture(png_crop(path))) };
    let view = ViewFile::parse(view).map_err(named)?;
    let picture = text(PICTURE).map(|digits| {
        let bytes = bytes_of(digits).ok_or("the picture in it is damaged")?;
        decode(&bytes, "the picture in it").map(Arc::new).map_err(|error| error.to_string())
    });
    let picture = picture.transpose().map_err(named)?;
    if picture.is_none() && view.picture.is_none() {
        return Err(named("The view in it names no picture.".into()));
    }
    Ok(Content::View(Box::new(Found { view, picture })))
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::commands::tab::Tab;
    use crate::app::pages::explore::commands::why::WhyPart;
    use crate::engine::picture::{Channel, HeatmapQuantity, save_png};

    fn nets() -> Catalogue {
        Catalogue::new(Vec::new())
    }

    fn view() -> ViewFile {
        ViewFile {
            title: String::new(),
            model: "digits_cnn".into(),
            picture: None,
            background: Background([1, 2, 3]),
            crop: Some(Region { left: 1.0, top: 2.0, width: 20.5, height: 20.5 }),
            invert: Invert::Yes,
            own_pixels: true,
            label: Some("3".into()),
            target: Some("8".into()),
            eps: 0.1,
            seed: 7,
            loss: Loss::LogOdds,
            clip: false,
            eight_bit: true,
            attack: AttackSettings::named("pgd").unwrap(),
            heatmap: Heatmap { quantity: HeatmapQuantity::Gradient, channel: Channel::One(2), gain: 3.0 },
            step: Some(12),
            controls_seed: Some(4),
            direction_seed: Some(9),
            why: Some(WhyLook {
                open: Some(true),
                has_logits: true,
                is_log: true,
                has_map: true,
                part: WhyPart::Second,
                second: Some("digits_maxout".into()),
                is_own: true,
            }),
        }
    }

    fn found(path: &Path) -> Found {
        match read(path, &nets()).unwrap() {
            Content::View(found) => *found,
            other => panic!("expected a view, found {other:?}"),
        }
    }

    fn picture() -> Picture {
        Picture::new(3, 2, 1, vec![0, 50, 100, 150, 200, 255])
    }

    #[test]
    fn a_view_comes_back_from_a_png_with_every_attack() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("view.png");
        for attack in AttackSettings::all() {
            let view = ViewFile { attack, ..view() };
            let content = Found { view: view.clone(), picture: Some(Arc::new(picture())) };
            let texts = Content::View(Box::new(content)).texts().unwrap();
            let texts: Vec<(&str, &str)> = texts.iter().map(|(keyword, text)| (*keyword, text.as_str())).collect();
            save_png(&picture(), &path, &texts).unwrap();
            let found = found(&path);
            assert_eq!(found.view, view);
            assert_eq!(found.picture.unwrap().bytes, picture().bytes);
        }
    }

    #[test]
    fn a_text_needs_only_what_is_not_as_usual() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("view.toml");
        std::fs::write(&path, "model = \"digits_cnn\"\npicture = \"digit-3\"\neps = 0.2\n").unwrap();
        let Found { view, .. } = found(&path);
        assert_eq!((view.attack, view.clip, view.picture), (AttackSettings::default(), true, Some("digit-3".into())));
        assert_eq!(view.invert, Invert::Auto);
        std::fs::write(&path, "model = \"digits_cnn\"\npicture = \"my.png\"\neps = 0.2\n").unwrap();
        assert_eq!(found(&path).view.picture, Some(folder.path().join("my.png")));
    }

    #[test]
    fn a_page_and_a_lesson_are_told_from_views() {
        let folder = tempfile::tempdir().unwrap();
        let (png, text) = (folder.path().join("page.png"), folder.path().join("lesson.toml"));
        let page = PageFile { tab: Tab::Models, settings: toml::Table::new() };
        let texts = Content::Page(page.clone()).texts().unwrap();
        save_png(&picture(), &png, &[(texts[0].0, texts[0].1.as_str())]).unwrap();
        assert!(matches!(read(&png, &nets()).unwrap(), Content::Page(read) if read == page));
        std::fs::write(&text, "title = \"T\"\nabout = \"A\"\n[[step]]\nheading = \"H\"\ntext = \"x\"\n").unwrap();
        assert!(matches!(read(&text, &nets()).unwrap(), Content::Lesson(lesson) if lesson.title == "T"));
        save_png(&picture(), &png, &[(PAGE, "tab = \"nowhere\"")]).unwrap();
        assert!(read(&png, &nets()).unwrap_err().contains("nowhere"));
    }

    #[test]
    fn the_examples_do_what_their_titles_say() {
        use crate::engine::attack::{AttackInput, Baseline, Goal, Label, PIXELS, Rules, Verdict};
        use crate::engine::data::sample;
        use crate::engine::model::find_class;
        let found = examples();
        assert_eq!(found.len(), EXAMPLES.len());
        let model = Arc::new(nets().load("efficientnet_lite0").unwrap());
        for view in found {
            assert_eq!(view.model, "efficientnet_lite0");
            let picture = Arc::new(sample(view.picture.unwrap().to_str().unwrap()).unwrap().picture().unwrap());
            let input = AttackInput::photo(picture.clone(), model.lens(&picture, view.crop).unwrap()).unwrap();
            let goal = Goal::Targeted(find_class(&model.classes, &view.target.unwrap()).unwrap());
            let baseline = Baseline::new(&model, input, Label::Predicted, goal, view.loss).unwrap();
            let rules = Rules { bounds: Some(PIXELS), eight_bit: view.eight_bit, ..Rules::default() };
            let problem = baseline.problem(&model, rules).unwrap().with_eps(&[view.eps]).unwrap();
            let attacked = baseline.attacked(&*view.attack, &problem).unwrap();
            assert_eq!(attacked.verdict, Verdict::FooledAsAsked, "{}", view.title);
            let (target, levels) = (attacked.probabilities[goal.class(0)], attacked.linf * 255.0);
            assert!(target >= 0.9 && levels <= 2.001, "{}: {target} at {levels} grey levels", view.title);
        }
    }

    #[test]
    fn what_is_no_view_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (text, png) = (folder.path().join("view.toml"), folder.path().join("view.png"));
        for (bad, part) in [
            ("model = 3", "line 1"),
            ("", "missing field"),
            ("model = \"a\"\neps = 1\nfoo = 2", "foo"),
            ("model = \"a\"\neps = 1\nwhy = { is_logs = true }", "is_logs"),
        ] {
            std::fs::write(&text, bad).unwrap();
            let message = read(&text, &nets()).unwrap_err();
            assert!(message.contains(part) && message.ends_with("view.toml"), "{message}");
        }
        assert!(read(&folder.path().join("none.toml"), &nets()).unwrap_err().contains("cannot be read"));
        // A plain picture, and none at all.
        std::fs::write(&png, png_bytes(&picture(), &[]).unwrap()).unwrap();
        assert!(matches!(read(&png, &nets()).unwrap(), Content::Picture(None)));
        std::fs::write(&png, b"no picture").unwrap();
        assert!(matches!(read(&png, &nets()).unwrap(), Content::Picture(None)));
        let no_picture = (VIEW, "model = \"a\"\neps = 0.1");
        for texts in [&[(VIEW, "eps = \"much\"")][..], &[no_picture], &[no_picture, (PICTURE, "zz")]] {
            std::fs::write(&png, png_bytes(&picture(), texts).unwrap()).unwrap();
            assert!(read(&png, &nets()).unwrap_err().ends_with("view.png"));
        }
    }
}
