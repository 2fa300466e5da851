//! Long work tells how far it is, and is stopped. One kind of work may come after another: the share then begins anew.

use std::io::{BufReader, Read};
use std::time::{Duration, Instant};

use flate2::bufread::MultiGzDecoder;

use crate::{Error, Result};

/// Hears how much of a data set is at hand, from 0 to 1, up to thousands of times; `false` stops the reading.
pub type Watch<'a> = dyn FnMut(f32) -> bool + Send + 'a;

/// So many bytes are read between two looks at the watch.
const AT_ONCE: u64 = 4 << 20;
/// No more memory is taken at once for what a header promises.
const MOST_PROMISED: u64 = 256 << 20;
/// Deflate packs at best so many bytes into one.
pub(super) const MOST_PACKED: usize = 1032;

/// Estimates how long work takes from the share that is done.
pub struct Pace {
    began: Instant,
    share: f32,
}

impl Pace {
    /// Returns the pace of work that begins now.
    pub fn started() -> Self {
        Self { began: Instant::now(), share: 0.0 }
    }

    /// Returns the time that is left when this share is done. A share below the one before begins the next piece of work.
    pub fn left(&mut self, share: f32) -> Duration {
        if share < self.share {
            self.began = Instant::now();
        }
        self.share = share;
        self.began.elapsed().mul_f32((1.0 - share).max(0.0) / share.max(1e-3))
    }
}

/// Does work that may fail in any way once the watch has said no: it ends with [`Error::Stopped`] then.
pub(super) fn stoppable<T>(watch: &mut Watch, work: impl FnOnce(&mut Watch) -> Result<T>) -> Result<T> {
    let mut is_stopped = false;
    let done = work(&mut |share| {
        is_stopped |= !watch(share);
        !is_stopped
    });
    if is_stopped { Err(Error::Stopped) } else { done }
}

/// Returns the watch of a part of some work, which is this share of it.
pub(super) fn part<'a>(watch: &'a mut Watch, from: f32, to: f32) -> impl FnMut(f32) -> bool + Send + 'a {
    move |share| watch(from + (to - from) * share)
}

/// Reads to the end, but no more than `most` bytes, where `expected` are promised. Fails when the watch says no.
pub(super) fn read_to_end(
    input: &mut dyn Read,
    expected: u64,
    most: u64,
    watch: &mut Watch,
) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(expected.min(most).min(MOST_PROMISED) as usize);
    loop {
        let left = most - bytes.len() as u64;
        if input.take(left.min(AT_ONCE)).read_to_end(&mut bytes)? == 0 {
            return Ok(bytes);
        }
        goes_on(watch, bytes.len() as f32 / expected.max(1) as f32)?;
    }
}

/// Unpacks gzip; the watch hears of the packed bytes.
pub(super) fn unpack_gzip(packed: &[u8], most: u64, watch: &mut Watch) -> std::io::Result<Vec<u8>> {
    // The file ends with the length of the last member's content.
    let length = packed.last_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length) as usize);
    let mut bytes = Vec::with_capacity(length.min(packed.len().saturating_mul(MOST_PACKED)));
    let watched = WatchedRead { file: packed, read: 0, of: packed.len() as u64, watch };
    let whole = BufReader::with_capacity(1 << 16, watched);
    MultiGzDecoder::new(whole).take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn goes_on(watch: &mut Watch, share: f32) -> std::io::Result<()> {
    if watch(share.min(1.0)) { Ok(()) } else { Err(std::io::Error::other("stopped")) }
}

/// A reader that tells how much of the file it has read.
pub(super) struct WatchedRead<'a, 'w, R> {
    pub(super) file: R,
    pub(super) read: u64,
    pub(super) of: u64,
    pub(super) watch: &'a mut Watch<'w>,
}

impl<R: Read> Read for WatchedRead<'_, '_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        goes_on(self.watch, self.read as f32 / self.of.max(1) as f32)?;
        let read = self.file.read(into)?;
        self.read += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_piece_of_work_has_a_time_of_its_own() {
        let mut pace = Pace { began: Instant::now() - Duration::from_secs(30), share: 0.5 };
        let left = pace.left(0.75).as_secs_f32();
        assert!((9.0..12.0).contains(&left), "{left}");
        assert!(pace.left(0.5) < Duration::from_secs(1), "the share begins anew, and so does the time");
    }

    #[test]
    fn reading_is_heard_of_and_stopped() {
        let packed: Vec<u8> = vec![7; 3 * AT_ONCE as usize];
        let mut heard = Vec::new();
        let read = read_to_end(&mut &packed[..], packed.len() as u64, 1 << 30, &mut |share| {
            heard.push(share);
            true
        });
        assert_eq!(read.unwrap(), packed);
        assert_eq!(heard, [1.0 / 3.0, 2.0 / 3.0, 1.0]);
        assert_eq!(read_to_end(&mut &packed[..], 10, 1000, &mut |_| true).unwrap().len(), 1000);
        let stopped = stoppable(&mut |_| false, |watch| {
            let read = read_to_end(&mut &packed[..], 10, 1 << 30, watch);
            read.map_err(|e| Error::Argument(e.to_string()))
        });
        assert!(matches!(stopped, Err(Error::Stopped)));
    }
}
