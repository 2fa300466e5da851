//! Long work draws one line of progress on a terminal (nothing where standard error is a file or a pipe), and stops at
//! its next step after Ctrl-C.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::engine::data::{DataSource, Dataset, Opening, Pace, Split};
use crate::engine::model::Manifest;
use crate::engine::{Error, Result};

static STOP: AtomicBool = AtomicBool::new(false);

/// Makes Ctrl-C set a flag; a second one ends the program at once.
pub fn watch_ctrl_c() {
    // Without a handler Ctrl-C just kills the program, which loses no more than the epoch in hand.
    let _ = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
}

/// Fails with [`Error::Stopped`] after Ctrl-C.
pub fn check_ctrl_c() -> Result<()> {
    if STOP.load(Ordering::SeqCst) { Err(Error::Stopped) } else { Ok(()) }
}

/// Does long work with a line of progress, on which `work` draws. Ctrl-C stops it.
pub fn watched<T>(work: impl FnOnce(&mut ProgressLine) -> Result<T>) -> Result<T> {
    watch_ctrl_c();
    work(&mut ProgressLine::new(true))
}

/// Opens a split of a data set with a line of progress; Ctrl-C stops it. What there is to say of the set is said where
/// people look, not among the results.
pub fn open_data(source: &DataSource, split: Split, classes: &[String], how: Opening) -> Result<Arc<Dataset>> {
    let what = format!("reading {source}");
    let data = watched(|line| source.open_as(split, classes, how, &mut |share| line.share(&what, share)))?;
    data.notes().iter().for_each(|note| say(note));
    Ok(Arc::new(data))
}

/// Says something about the data.
pub fn say(note: &str) {
    eprintln!("note: {note}");
}

/// Says which classes a limit leaves no pictures of, and whether the pictures are of another kind than the net reads.
pub fn say_what_is_doubtful(data: &Dataset, limit: Option<usize>, net: &Manifest) {
    let lacking = limit.and_then(|limit| data.lacking_in(0, limit.min(data.len()), &net.classes));
    lacking.iter().chain(&data.on_paper_for(net)).for_each(|note| say(note));
}

/// The line disappears when it is dropped.
pub struct ProgressLine {
    pace: Pace,
    drawn: Option<Instant>,
    is_visible: bool,
}

/// The line is redrawn at most so often: often enough to look alive, seldom enough to cost nothing.
const INTERVAL: Duration = Duration::from_millis(100);

impl ProgressLine {
    pub fn new(is_wanted: bool) -> Self {
        Self { pace: Pace::started(), drawn: None, is_visible: is_wanted && std::io::stderr().is_terminal() }
    }

    /// Redraws the line with a number of things that are done; returns whether to go on.
    pub fn draw(&mut self, what: &str, done: usize, of: usize) -> bool {
        self.share(what, done as f32 / of.max(1) as f32)
    }

    /// Redraws the line with the share that is done and the time that is left; returns whether to go on.
    pub fn share(&mut self, what: &str, share: f32) -> bool {
        if self.is_visible && self.drawn.is_none_or(|at| at.elapsed() >= INTERVAL) {
            self.drawn = Some(Instant::now());
            let filled = ((share * 24.0) as usize).min(24);
            let left = self.pace.left(share).as_secs();
            let bar = format!("{}{}", "█".repeat(filled), "░".repeat(24 - filled));
            let (minutes, seconds) = (left / 60, left % 60);
            eprint!("\r{bar} {:3.0} %  {minutes}:{seconds:02} left  {what}\x1b[K", share * 100.0);
            let _ = std::io::stderr().flush();
        }
        check_ctrl_c().is_ok()
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
