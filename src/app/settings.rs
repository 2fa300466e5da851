//! One small JSON file is kept between starts: versioned, written whole or not at all.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::app::commands::tab::Tab;
use crate::app::pages::explore::state::Lengths;
use crate::app::pages::explore::why::state::WhyLook;
use crate::app::pages::test_sets::state::choices::Choices;
use crate::app::plots::scene::PlotLook;
use crate::engine::attack::{AttackSettings, Loss, MAX_STEPS, Norm};
use crate::engine::files::{read_text, write_atomically};
use crate::engine::picture::PictureKind;
use crate::engine::train::Config;
use crate::engine::{self, Error};
use crate::figure::FigureOptions;
use crate::worker::Source;

const VERSION: u32 = 1;
/// This variable names the folder in place of the user's own configuration folder.
pub const FOLDER_VARIABLE: &str = "DOPPELGANGER_CONFIG_DIR";
const RECENT: usize = 8;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ThemeChoice {
    #[default]
    System,
    Dark,
    Light,
}

/// Choosing a kind of picture brings back what was used last with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastOfKind {
    pub net: String,
    pub picture: Source,
    pub lengths: Lengths,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastOfKinds {
    pub photo: LastOfKind,
    pub digit: LastOfKind,
}

impl Default for LastOfKinds {
    fn default() -> Self {
        let last = |net: &str, sample: &str, channels| LastOfKind {
            net: net.into(),
            picture: Source::Sample(sample.into()),
            lengths: Lengths::usual(channels),
        };
        Self { photo: last("efficientnet_lite0", "coffee", 3), digit: last("digits_maxout", "digit-7", 1) }
    }
}

impl LastOfKinds {
    pub fn of(&self, kind: PictureKind) -> &LastOfKind {
        match kind {
            PictureKind::Photo => &self.photo,
            PictureKind::Digit => &self.digit,
        }
    }

    pub fn of_mut(&mut self, kind: PictureKind) -> &mut LastOfKind {
        match kind {
            PictureKind::Photo => &mut self.photo,
            PictureKind::Digit => &mut self.digit,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub version: u32,
    pub tab: Tab,
    pub theme: ThemeChoice,
    pub large_type: bool,
    /// The inner size is in points.
    pub window: Option<[f32; 2]>,
    /// The upper left corner of the frame is in points from that of the first screen.
    pub corner: Option<[f32; 2]>,
    pub maximized: bool,
    pub model: String,
    pub picture: Source,
    #[serde(deserialize_with = "if_understood")]
    pub last: LastOfKinds,
    pub more: bool,
    #[serde(deserialize_with = "if_understood")]
    pub attack: AttackSettings,
    #[serde(deserialize_with = "if_understood")]
    pub lengths: Lengths,
    /// The number of channels of the net that ε was last set for.
    pub channels: usize,
    pub target: Option<String>,
    pub clip: bool,
    pub eight_bit: bool,
    pub loss: Loss,
    pub recent: Vec<PathBuf>,
    /// Unchanged settings of the next run are not kept, and those of another version of the program are forgotten.
    #[serde(deserialize_with = "if_understood")]
    pub train: Option<Config>,
    /// Settings of the next run are probed as they are changed.
    pub probe: bool,
    #[serde(deserialize_with = "if_understood")]
    pub plots: PlotLook,
    #[serde(deserialize_with = "if_understood")]
    pub why: WhyLook,
    #[serde(deserialize_with = "if_understood")]
    pub tests: Choices,
    #[serde(deserialize_with = "if_understood")]
    pub figure: FigureOptions,
}

fn if_understood<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: VERSION,
            tab: Tab::Explore,
            theme: ThemeChoice::System,
            large_type: false,
            window: None,
            corner: None,
            maximized: false,
            model: LastOfKinds::default().photo.net,
            picture: LastOfKinds::default().photo.picture,
            last: LastOfKinds::default(),
            more: false,
            attack: AttackSettings::default(),
            lengths: Lengths::usual(3),
            channels: 3,
            target: None,
            clip: true,
            eight_bit: true,
            loss: Loss::default(),
            recent: Vec::new(),
            train: None,
            probe: true,
            plots: PlotLook::default(),
            why: WhyLook::default(),
            tests: Choices::default(),
            figure: FigureOptions::default(),
        }
    }
}

impl Settings {
    pub fn remember_file(&mut self, path: &Path) {
        self.forget_file(path);
        self.recent.insert(0, path.to_owned());
        self.recent.truncate(RECENT);
    }

    pub fn forget_file(&mut self, path: &Path) {
        self.recent.retain(|p| p != path);
    }

    /// Replaces values that a person could have edited into nonsense by the defaults.
    fn sane(mut self) -> Self {
        let fresh = Self::default();
        // No picture has more values than this one, in which ε would be half of the way for each.
        for (norm, most) in [Norm::Linf, Norm::L2, Norm::L1].map(|norm| (norm, norm.largest_eps(3 << 21))) {
            let eps = self.lengths.in_norm(norm);
            if !(0.0..=most).contains(eps) {
                *eps = *fresh.lengths.clone().in_norm(norm);
            }
        }
        if let Some(steps) = self.attack.steps_mut() {
            *steps = (*steps).clamp(1, MAX_STEPS);
        }
        self.window = self.window.filter(|size| size.iter().all(|s| (200.0..=16_000.0).contains(s)));
        self.corner = self.corner.filter(|corner| corner.iter().all(|c| (-32_000.0..=32_000.0).contains(c)));
        self.recent.truncate(RECENT);
        self.plots = self.plots.sane();
        self.tests = self.tests.sane();
        self.figure = self.figure.sane();
        self.version = VERSION;
        self
    }
}

/// Returns the file, or `None` where the system names no configuration folder.
pub fn file() -> Option<PathBuf> {
    let folder = match std::env::var_os(FOLDER_VARIABLE) {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => directories::ProjectDirs::from("", "", "doppelganger")?.config_dir().to_owned(),
    };
    Some(folder.join("settings.json"))
}

/// Reads the settings. A file that cannot be used is set aside, and the message says so; it is never fatal.
pub fn load(path: Option<&Path>) -> (Settings, Option<String>) {
    let Some(path) = path else { return (Settings::default(), None) };
    let read = match read_text(path) {
        Ok(text) => serde_json::from_str::<Settings>(&text).map_err(|e| e.to_string()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return (Settings::default(), None),
        Err(e) => Err(e.to_string()),
    };
    let why = match read {
        Ok(settings) if settings.version <= VERSION => return (settings.sane(), None),
        Ok(Settings { version, .. }) => format!("version {version} is newer than this program's {VERSION}"),
        Err(why) => why,
    };
    (Settings::default(), Some(set_aside(path, &why)))
}

/// Reads the settings for where the window is, before there is one that could show a problem.
pub fn load_quietly() -> Option<Settings> {
    let text = read_text(&file()?).ok()?;
    Some(serde_json::from_str::<Settings>(&text).ok()?.sane())
}

fn set_aside(path: &Path, why: &str) -> String {
    let aside = path.with_extension("broken.json");
    let where_to = match std::fs::rename(path, &aside) {
        Ok(()) => format!("The old file is kept as\n{}", aside.display()),
        Err(e) => format!("The old file could not be moved ({e}) and will be replaced:\n{}", path.display()),
    };
    format!("The settings could not be read ({why}), so this is a fresh start. {where_to}")
}

fn write(path: &Path, settings: &Settings) -> engine::Result<()> {
    let doing = "save the settings";
    let mut text = serde_json::to_string_pretty(settings).map_err(|error| Error::io(doing, path)(error.into()))?;
    text.push('\n');
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(Error::io(doing, path))?;
    write_atomically(path, text.as_bytes(), doing)
}

/// The keeper writes settings on a thread, so that a slow disk never holds up the window.
pub struct Keeper {
    /// Without a path nothing is kept.
    pub path: Option<PathBuf>,
    pub writing: Option<JoinHandle<engine::Result<()>>>,
}

impl Keeper {
    /// Begins to write settings; `false`, to be tried again, while an earlier write goes on or without a thread.
    pub fn keep(&mut self, settings: &Settings) -> bool {
        let Some(path) = self.path.clone() else { return true };
        if self.writing.is_some() {
            return false;
        }
        let settings = settings.clone();
        let thread = std::thread::Builder::new().name("settings".into());
        self.writing = thread.spawn(move || write(&path, &settings)).ok();
        self.writing.is_some()
    }

    /// Returns what went wrong with a write that has come to its end.
    pub fn problem(&mut self) -> Option<String> {
        let written = self.writing.take_if(|thread| thread.is_finished())?.join().ok()?;
        written.err().map(|error| error.to_string())
    }

    /// Writes for the last time and waits until it is done.
    pub fn finish(&mut self, settings: &Settings) {
        // What went wrong with the last write cannot be shown any more.
        let _ = self.writing.take().map(JoinHandle::join);
        if let Some(path) = &self.path {
            let _ = write(path, settings);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attack::Bim;

    #[test]
    fn what_is_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/settings.json");
        let settings = Settings {
            attack: AttackSettings::named("pgd").unwrap(),
            lengths: Lengths { linf: 0.07, ..Lengths::default() },
            large_type: true,
            theme: ThemeChoice::Light,
            tab: Tab::Train,
            train: Some(Config { alpha: 0.3, ..Config::default() }),
            plots: PlotLook {
                smoothing: 0.6,
                is_log: true,
                hidden: [false, true, false, false],
                ..PlotLook::default()
            },
            why: WhyLook { open: Some(false), is_log: true, ..WhyLook::default() },
            tests: Choices { smallest: vec!["bim".into()], n: 70, clip: false, ..Choices::default() },
            ..Settings::default()
        };
        let mut keeper = Keeper { path: Some(path.clone()), writing: None };
        assert!(keeper.keep(&Settings::default()));
        keeper.finish(&settings);
        assert_eq!(load(Some(&path)), (settings, None));
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_broken_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        for bad in ["{ not json", "{\"version\": 99}", "{\"clip\": \"much\"}", "3"] {
            std::fs::write(&path, bad).unwrap();
            let (settings, message) = load(Some(&path));
            assert_eq!(settings, Settings::default(), "{bad}");
            assert!(message.unwrap().contains("settings.broken.json"), "{bad}");
            assert!(!path.exists());
            assert_eq!(std::fs::read_to_string(folder.path().join("settings.broken.json")).unwrap(), bad);
        }
    }

    #[test]
    fn what_cannot_be_used_falls_back_and_takes_nothing_with_it() {
        let attack = AttackSettings::Bim(Bim { norm: Norm::Linf, steps: 1, step_size: None });
        let lengths = Lengths { l1: 3.0, ..Settings::default().lengths };
        let plots = PlotLook { is_log: true, ..PlotLook::default() };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        for (text, expected) in [
            (
                r#"{"lengths": {"linf": 7.0, "l2": -1.0, "l1": 3.0}, "window": [0, 1e9], "corner": [-1e9, 3], "clip": false,
                "attack": {"name": "bim", "norm": "linf", "steps": 0}}"#,
                Settings { attack, lengths, clip: false, ..Settings::default() },
            ),
            (
                r#"{"model": "a", "train": {"batch": "many"}, "plots": {"hidden": [true]},
                "attack": {"name": "magic"}}"#,
                Settings { model: "a".into(), ..Settings::default() },
            ),
            (r#"{"plots": {"is_log": true, "smoothing": 7}}"#, Settings { plots, ..Settings::default() }),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(load(Some(&path)), (expected, None));
        }
    }

    #[test]
    fn recent_files_are_few_and_newest_first() {
        let mut settings = Settings::default();
        for i in 0..20 {
            settings.remember_file(Path::new(&format!("{}.png", i % 12)));
        }
        assert_eq!(settings.recent.len(), RECENT);
        assert_eq!(settings.recent[0], Path::new("7.png"));
    }
}
