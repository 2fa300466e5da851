//! One line of progress on a terminal; nothing where standard error is a file or a pipe.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::interrupt;
use crate::engine::Result;
use crate::engine::data::{DataSource, Dataset, Split};

/// Opens a split of a data set with a line of progress; Ctrl-C stops it.
///
/// # Errors
/// Those of [`DataSource::open`].
pub fn open_data(source: &DataSource, split: Split, classes: &[String]) -> Result<Arc<Dataset>> {
    let mut line = ProgressLine::new(true);
    let data = source.open(split, classes, &mut |share| line.watch(&format!("reading {source}"), share));
    line.clear();
    data.map(Arc::new)
}

pub struct ProgressLine {
    started: Instant,
    drawn: Option<Instant>,
    visible: bool,
}

/// Often enough to look alive, seldom enough to cost nothing.
const INTERVAL: Duration = Duration::from_millis(100);

impl ProgressLine {
    pub fn new(wanted: bool) -> Self {
        Self { started: Instant::now(), drawn: None, visible: wanted && std::io::stderr().is_terminal() }
    }

    /// The same with a share of the whole; whether to go on.
    pub fn watch(&mut self, what: &str, share: f32) -> bool {
        self.draw(what, (share * 1000.0) as usize, 1000);
        !interrupt::requested()
    }

    /// Redraws the line with the share that is done and the time that is left.
    pub fn draw(&mut self, what: &str, done: usize, of: usize) {
        if !self.visible || self.drawn.is_some_and(|at| at.elapsed() < INTERVAL) {
            return;
        }
        self.drawn = Some(Instant::now());
        let share = done as f64 / of.max(1) as f64;
        let filled = (share * 24.0) as usize;
        let left = self.started.elapsed().as_secs_f64() * (1.0 - share) / share.max(1e-9);
        let bar = format!("{}{}", "█".repeat(filled), "░".repeat(24 - filled));
        let (minutes, seconds) = (left as u64 / 60, left as u64 % 60);
        eprint!("\r{bar} {:3.0} %  {minutes}:{seconds:02} left  {what}\x1b[K", share * 100.0);
        let _ = std::io::stderr().flush();
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if self.visible && self.drawn.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
