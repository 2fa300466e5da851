//! The window without a display, as tests open and drive it.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use doppelganger::app::{App, Start, StoragePaths};
use doppelganger::engine::model::Catalogue;
use doppelganger::worker::Shown;
use egui::accesskit::Role;
use egui::{DroppedFile, Key, Modifiers, Pos2, Vec2, vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, Node};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// The size of a window that nothing else is said of, in points.
pub const USUAL: Vec2 = vec2(1280.0, 800.0);
/// The time from one frame to the next, as the window sees it, in seconds.
const FRAME: f32 = 1.0 / 60.0;
/// What a click opens, such as a question, lies still after so many frames.
const FRAMES_OF_A_CLICK: usize = 8;
/// A wait that takes longer than this fails.
const PATIENCE: Duration = Duration::from_secs(180);

/// This says how a window is opened. By default it is the very first start: there are no settings yet, and no files
/// of one's own.
pub struct Opening {
    folder: TempDir,
    start: Start,
    settings: Map<String, Value>,
    catalogue: Option<Catalogue>,
    size: Vec2,
    scale: f32,
    may_lack_glyphs: bool,
}

impl Default for Opening {
    fn default() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            start: Start::default(),
            settings: Map::new(),
            catalogue: None,
            size: USUAL,
            scale: 1.0,
            may_lack_glyphs: false,
        }
    }
}

impl Opening {
    /// Begins with a drawn 7 and a net of digits, with all controls in sight and the pane of reasons open.
    pub fn on_a_digit() -> Self {
        let lengths = json!({ "linf": 0.25, "l2": 2.0, "l1": 20.0 });
        let digit =
            Self::default().setting("model", "digits_maxout").setting("picture", json!({ "sample": "digit-7" }));
        let digit = digit.setting("channels", 1).setting("eight_bit", false).setting("lengths", lengths);
        digit.setting("more", true).setting("why", json!({ "open": true }))
    }

    /// Returns the folder in which settings, runs (`runs`), measurements (`results`) and fetched models (`own`) lie, for as long as the window.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the place of the settings file.
    pub fn settings_file(&self) -> PathBuf {
        self.folder().join("settings.json")
    }

    /// Begins with a picture on the command line: a file, or the name of a bundled one.
    pub fn picture(mut self, picture: impl Into<PathBuf>) -> Self {
        self.start.picture = Some(picture.into());
        self
    }

    /// Begins with a net on the command line.
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.start.model = Some(model.into());
        self
    }

    /// Begins with a settings file in which this setting has this value; a file that is there by then stays as it is.
    pub fn setting(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    pub fn catalogue(self, catalogue: Catalogue) -> Self {
        Self { catalogue: Some(catalogue), ..self }
    }

    pub fn size(self, size: Vec2) -> Self {
        Self { size, ..self }
    }

    pub fn scale(self, scale: f32) -> Self {
        Self { scale, ..self }
    }

    /// Lets texts have signs for which the fonts have no glyph; otherwise they fail the test.
    pub fn may_lack_glyphs(self) -> Self {
        Self { may_lack_glyphs: true, ..self }
    }

    /// Opens the window and waits for its first picture.
    pub fn open(self) -> Window {
        let file = self.settings_file();
        if !self.settings.is_empty() && !file.exists() {
            std::fs::write(&file, Value::Object(self.settings.clone()).to_string()).unwrap();
        }
        let catalogue = self.catalogue.clone();
        let storage = StoragePaths {
            settings: Some(file),
            runs: self.folder().join("runs"),
            results: self.folder().join("results"),
            catalogue: catalogue.unwrap_or_else(|| Catalogue {
                own: Some(self.folder().join("own")),
                folders: Vec::new(),
                runs: None,
            }),
        };
        let mut once = Some((self.start.clone(), storage));
        let builder = Harness::builder().with_size(self.size).with_pixels_per_point(self.scale).with_step_dt(FRAME);
        let builder = if self.may_lack_glyphs { builder.allow_missing_glyphs() } else { builder };
        let harness = builder.build_ui_state(
            move |ui, app: &mut Option<App>| match app {
                Some(app) => {
                    app.tick(&ui.ctx().clone());
                    app.draw(ui);
                }
                None => {
                    let (start, storage) = once.take().expect("the window is made once");
                    *app = Some(App::with_storage(ui.ctx(), start, storage).expect("a window"));
                    // Fonts are there from the next frame on.
                    ui.ctx().request_repaint();
                }
            },
            None,
        );
        let mut window = Window { harness, opening: self };
        window.until("a first result", |app| app.shown().is_some());
        window
    }
}

/// Opens a window on a drawn 7.
pub fn fresh() -> Window {
    Opening::on_a_digit().open()
}

/// This is a window of the program that tests press, click and look at.
pub struct Window {
    harness: Harness<'static, Option<App>>,
    opening: Opening,
}

impl Deref for Window {
    type Target = Harness<'static, Option<App>>;

    fn deref(&self) -> &Self::Target {
        &self.harness
    }
}

impl DerefMut for Window {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.harness
    }
}

/// What the program says.
impl Window {
    pub fn app(&self) -> &App {
        self.state().as_ref().expect("built on the first frame")
    }

    pub fn shown(&self) -> &Shown {
        self.app().shown().expect("a result is on screen")
    }

    pub fn notices(&self) -> Vec<&str> {
        self.app().notice_texts()
    }

    pub fn folder(&self) -> &Path {
        self.opening.folder()
    }

    pub fn settings_file(&self) -> PathBuf {
        self.opening.settings_file()
    }

    /// Tells whether there is a widget of this name.
    pub fn has(&self, name: &str) -> bool {
        self.query_by_label(name).is_some()
    }

    /// Tells whether there is a widget with this in its name.
    pub fn has_part(&self, text: &str) -> bool {
        self.query_by_label_contains(text).is_some()
    }

    /// Returns a text field; its name may also stand before it.
    #[track_caller]
    pub fn field<'a>(&'a self, name: &'a str) -> Node<'a> {
        self.get_by_role_and_label(Role::TextInput, name)
    }

    /// Returns what stands in a text field.
    #[track_caller]
    pub fn value(&self, field: &str) -> String {
        self.field(field).value().unwrap_or_default()
    }

    /// Checks that no button reaches beyond the sides of the window.
    #[track_caller]
    pub fn assert_buttons_fit(&self, what: &str) {
        let room = self.ctx.content_rect();
        let mut count = 0;
        for button in self.query_all_by_role(Role::Button) {
            let (rect, name) = (button.rect(), button.accesskit_node().label());
            let is_inside = rect.left() >= room.left() && rect.right() <= room.right();
            assert!(is_inside, "{what} at {}: {name:?} at {rect:?}", room.size());
            count += 1;
        }
        assert!(count > 5, "{what}: {count} buttons only");
    }

    /// Tells whether one widget or several have this in their names.
    pub fn mentions(&self, text: &str) -> bool {
        self.query_all_by_label_contains(text).next().is_some()
    }
}

/// Waiting.
impl Window {
    /// Draws frames until something is so.
    #[track_caller]
    pub fn until(&mut self, what: &str, holds: impl Fn(&App) -> bool) {
        self.until_drawn(what, |window| holds(window.app()));
    }

    /// Draws frames until the result on screen is so.
    #[track_caller]
    pub fn until_shown(&mut self, what: &str, holds: impl Fn(&Shown) -> bool) {
        self.until(what, |app| app.shown().is_some_and(&holds));
    }

    /// Draws frames until a notice has this in it.
    #[track_caller]
    pub fn until_notice(&mut self, text: &str) {
        self.until(&format!("a notice of {text:?}"), |app| {
            app.notice_texts().iter().any(|notice| notice.contains(text))
        });
    }

    /// Draws frames until a widget of this name is there.
    #[track_caller]
    pub fn until_label(&mut self, name: &str) {
        self.until_drawn(name, |window| window.has(name));
    }

    /// Draws frames until a widget has this in its name.
    #[track_caller]
    pub fn until_part(&mut self, text: &str) {
        self.until_drawn(text, |window| window.has_part(text));
    }

    #[track_caller]
    fn until_drawn(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        loop {
            self.step();
            if holds(self) {
                // What was just taken in is drawn, and seen by the tree that tests query, a frame later.
                return self.run_steps(2);
            }
            if start.elapsed() > PATIENCE {
                let app = self.app();
                let explore = &app.shell.explore;
                panic!(
                    "waited in vain for {what}; notices {:?}, problems of the survey {:?}, picture {:?}, is waiting: \
                     {}",
                    app.notice_texts(),
                    app.tests().problems,
                    explore.view.picture,
                    explore.waiting(),
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Draws frames until the answer to the newest wish is on screen.
    #[track_caller]
    pub fn settle(&mut self) {
        self.step();
        self.until("the newest answer", |app| {
            let explore = &app.shell.explore;
            let is_here = app.shown().is_some_and(|shown| shown.view == explore.wanted());
            is_here && !explore.waiting() && !explore.is_moving()
        });
    }

    /// Draws frames until the attack on screen has come to its end.
    #[track_caller]
    pub fn finish(&mut self) {
        self.settle();
        self.until_shown("the end of the attack", |shown| shown.timeline.is_over);
    }

    /// Lets so many seconds of the window's own time pass.
    pub fn rest(&mut self, seconds: f32) {
        self.run_steps((seconds / FRAME).ceil() as usize);
    }
}

/// What a person does.
impl Window {
    /// Presses a key, and draws the frames in which what it leads to comes.
    pub fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.key_press_modifiers(modifiers, key);
        self.run_steps(3);
    }

    pub fn key(&mut self, key: Key) {
        self.press(Modifiers::NONE, key);
    }

    /// Presses a key with Ctrl (on a Mac, ⌘).
    pub fn command(&mut self, key: Key) {
        self.press(Modifiers::COMMAND, key);
    }

    #[track_caller]
    pub fn click(&mut self, name: &str) {
        self.get_by_label(name).click();
        self.run_steps(FRAMES_OF_A_CLICK);
    }

    /// Scrolls to a widget and clicks on it.
    #[track_caller]
    pub fn reach(&mut self, name: &str) {
        self.get_by_label(name).scroll_to_me();
        self.run_steps(6);
        self.click(name);
    }

    #[track_caller]
    pub fn focus(&mut self, name: &str) {
        self.get_by_label(name).focus();
        self.run_steps(2);
    }

    /// Types into the field that has the keyboard.
    #[track_caller]
    pub fn type_text(&mut self, field: &str, text: &str) {
        self.field(field).type_text(text);
        self.run_steps(3);
    }

    /// Replaces what stands in a text field.
    #[track_caller]
    pub fn retype(&mut self, field: &str, text: &str) {
        self.field(field).focus();
        self.step();
        self.command(Key::A);
        self.type_text(field, text);
    }

    /// Replaces what stands in a text field, and presses Enter.
    #[track_caller]
    pub fn enter(&mut self, field: &str, text: &str) {
        self.retype(field, text);
        self.key(Key::Enter);
    }

    /// Chooses something of the menu at the right end of the top bar.
    #[track_caller]
    pub fn menu(&mut self, name: &str) {
        self.click("Menu");
        self.check_accessibility();
        // The button of the bar may have the same name; the menu lies over it.
        self.get_all_by_label(name).last().unwrap().click();
        self.run_steps(FRAMES_OF_A_CLICK);
    }

    /// Draws frames until the nets are listed, which comes after the first view.
    #[track_caller]
    pub fn await_nets(&mut self) {
        self.until("the list of nets", |app| !app.shell.explore.catalogue.is_empty());
    }

    /// Carries out a command that is found by a part of its name.
    #[track_caller]
    pub fn find_command(&mut self, text: &str) {
        self.await_nets();
        self.command(Key::K);
        self.type_text("Find a command", text);
        self.check_accessibility();
        self.key(Key::Enter);
        assert!(!self.has("Find a command"), "it closes");
    }

    /// Opens a lesson from the list of lessons.
    #[track_caller]
    pub fn begin_lesson(&mut self, title: &str) {
        self.click("Lessons");
        self.click(&format!("Lesson: {title}"));
        self.settle();
    }

    /// Presses at the first of these points, goes on to the others, and lets go at the last.
    pub fn drag(&mut self, points: &[Pos2]) {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
        self.drag_at(*first);
        self.step();
        for point in &points[1..] {
            self.hover_at(*point);
            self.step();
        }
        self.drop_at(*last);
        self.step();
    }

    pub fn drop_file(&mut self, path: &Path) {
        self.input_mut().dropped_files.push(Arc::new(OnDisk(path.to_owned())));
    }

    /// Closes the window, which writes its settings.
    pub fn close(&mut self) {
        self.state_mut().as_mut().expect("built on the first frame").close();
    }

    /// Closes the window and opens it again with what it left, and with nothing on the command line.
    pub fn reopen(mut self) -> Self {
        self.close();
        let Self { harness, opening } = self;
        drop(harness);
        Opening { start: Start::default(), ..opening }.open()
    }
}

/// A file as the window system hands it over.
#[derive(Debug)]
struct OnDisk(PathBuf);

impl DroppedFile for OnDisk {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}
