//! This draws one line of progress on a terminal, and nothing where standard error is a file or a pipe.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::interrupt;
use crate::engine::Result;
use crate::engine::data::{DataSource, Dataset, Split};

/// Does long work with a line of progress, on which `work` draws. Ctrl-C stops it.
pub fn watched<T>(work: impl FnOnce(&mut ProgressLine) -> Result<T>) -> Result<T> {
    interrupt::watch();
    let mut line = ProgressLine::new(true);
    let done = work(&mut line);
    line.clear();
    done
}

/// Opens a split of a data set with a line of progress; Ctrl-C stops it.
pub fn open_data(source: &DataSource, split: Split, classes: &[String]) -> Result<Arc<Dataset>> {
    let what = format!("reading {source}");
    watched(|line| source.open(split, classes, &mut |share| line.draw(&what, (share * 1000.0) as usize, 1000)))
        .map(Arc::new)
}

pub struct ProgressLine {
    started: Instant,
    drawn: Option<Instant>,
    visible: bool,
}

/// The line is redrawn at most so often: often enough to look alive, seldom enough to cost nothing.
const INTERVAL: Duration = Duration::from_millis(100);

impl ProgressLine {
    pub fn new(wanted: bool) -> Self {
        Self { started: Instant::now(), drawn: None, visible: wanted && std::io::stderr().is_terminal() }
    }

    /// Redraws the line with the share that is done and the time that is left; returns whether to go on.
    pub fn draw(&mut self, what: &str, done: usize, of: usize) -> bool {
        if self.visible && self.drawn.is_none_or(|at| at.elapsed() >= INTERVAL) {
            self.redraw(what, done, of);
        }
        !interrupt::requested()
    }

    fn redraw(&mut self, what: &str, done: usize, of: usize) {
        self.drawn = Some(Instant::now());
        let share = done as f64 / of.max(1) as f64;
        let filled = (share * 24.0) as usize;
        let left = self.started.elapsed().as_secs_f64() * (1.0 - share) / share.max(1e-9);
        let bar = format!("{}{}", "█".repeat(filled), "░".repeat(24 - filled));
        let (minutes, seconds) = (left as u64 / 60, left as u64 % 60);
        eprint!("\r{bar} {:3.0} %  {minutes}:{seconds:02} left  {what}\x1b[K", share * 100.0);
        let _ = std::io::stderr().flush();
    }

    pub fn clear(&mut self) {
        if self.visible && self.drawn.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }
}
