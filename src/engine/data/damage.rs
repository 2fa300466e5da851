//! Damaged picture files are found all at once, not one by one.

use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::{Dataset, Pictures, Watch};
use crate::{Error, Result};

/// So many pictures are looked at between two looks at the clock: one photo takes up to a second.
const AT_ONCE: usize = 16;
/// A message about a damaged picture waits so long for the others.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many are named.
const MOST_NAMED: usize = 20;

/// Messages about damaged pictures have this advice.
const LEAVE_OUT: &str = "leave them out with --skip-damaged (in the window: Skip damaged pictures)";

/// Tells whether a message is about damaged pictures, which can be left out.
pub fn tells_of_damaged(message: &str) -> bool {
    message.contains(LEAVE_OUT)
}

impl Dataset {
    /// Decodes all pictures and returns the damaged ones, each with the reason in one line. `goes_on` hears the share
    /// that is done, and may end it early.
    fn damaged(&self, mut goes_on: impl FnMut(f32) -> bool) -> (usize, Vec<(usize, String)>) {
        let Pictures::Files(files) = &self.pictures else { return (self.len(), Vec::new()) };
        let (mut looked_at, mut found) = (0, Vec::new());
        for chunk in files.chunks(AT_ONCE) {
            if !goes_on(looked_at as f32 / files.len() as f32) {
                break;
            }
            let why = |(i, file): (usize, &super::PictureFile)| {
                let why = match file.read().err()? {
                    Error::Picture { why, .. } => why,
                    error => error.to_string(),
                };
                Some((looked_at + i, why.lines().next().unwrap_or_default().to_owned()))
            };
            found.par_extend(chunk.par_iter().enumerate().filter_map(why));
            looked_at += chunk.len();
        }
        (looked_at, found)
    }

    fn named(&self, damaged: &[(usize, String)]) -> String {
        let named = damaged.iter().take(MOST_NAMED).map(|(i, why)| format!("\n  {}: {why}", self.name(*i)));
        let more = damaged.len().saturating_sub(MOST_NAMED);
        named.chain((more > 0).then(|| format!("\n  and {more} more"))).collect()
    }

    /// Leaves out damaged pictures, and says so in a note. Fails with [`Error::Stopped`], and where all are damaged.
    pub fn without_damaged(mut self, watch: &mut Watch) -> Result<Self> {
        let mut is_stopped = false;
        let (_, damaged) = self.damaged(|share| {
            is_stopped = !watch(share);
            !is_stopped
        });
        if is_stopped {
            return Err(Error::Stopped);
        }
        if damaged.is_empty() {
            return Ok(self);
        }
        let (count, of, named) = (damaged.len(), self.len(), self.named(&damaged));
        if count == of {
            return Err(Error::Argument(format!("all {of} pictures cannot be read:{named}")));
        }
        self.notes.push(format!("left out: {count} of {of} pictures, which cannot be read:{named}"));
        let mut damaged = damaged.into_iter().map(|(i, _)| i).peekable();
        let kept: Vec<usize> = (0..of).filter(|i| damaged.next_if_eq(i).is_none()).collect();
        Ok(self.picked(&kept))
    }

    /// Returns an error that names all damaged pictures, in place of that of the first one.
    pub(super) fn with_all_damaged(&self, first: Error) -> Error {
        if !matches!(first, Error::Picture { .. } | Error::Io { .. }) {
            return first;
        }
        let began = Instant::now();
        let (looked_at, damaged) = self.damaged(|_| began.elapsed() < PATIENCE);
        if damaged.is_empty() {
            return first;
        }
        let named = self.named(&damaged);
        let of = if looked_at == self.len() { "the".into() } else { format!("the first {looked_at} of the") };
        Error::Argument(format!(
            "{} of {of} {} pictures cannot be read; get them again, or {LEAVE_OUT}:{named}",
            damaged.len(),
            self.len()
        ))
    }
}
