//! The number of threads that the engine computes on is decided once, when the program starts.

use super::{Error, Result};

pub const VARIABLE: &str = "DOPPELGANGER_THREADS";

const MAX_THREADS: usize = 256;

/// Starts as many threads as [`VARIABLE`] says, otherwise one a core; with a window one less from three cores on, so
/// that drawing never waits for arithmetic. Results do not depend on the number. Fails for anything but a number from 1
/// to 256.
pub fn start(window: bool) -> Result<()> {
    let asked = std::env::var(VARIABLE).ok();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let count = count(asked.as_deref(), cores, window)?;
    // Fails where they run already, in tests; then they are left as they are.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(count);
    let _ = pool.thread_name(|number| format!("engine-{number}")).build_global();
    Ok(())
}

/// Runs a piece of work on one of the engine's threads, so that the others only have to join in: from outside each of
/// many small parallel regions would wake one thread more and wait for it.
pub fn on_the_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| work())
}

fn count(asked: Option<&str>, cores: usize, window: bool) -> Result<usize> {
    match asked {
        Some(text) => match text.trim().parse() {
            Ok(count) if (1..=MAX_THREADS).contains(&count) => Ok(count),
            _ => Err(Error::Argument(format!(
                "{VARIABLE} is {text:?}; expected a number of threads, 1 to {MAX_THREADS}"
            ))),
        },
        None if window && cores > 2 => Ok((cores - 1).min(MAX_THREADS)),
        None => Ok(cores.min(MAX_THREADS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_keeps_a_core_where_there_are_some() {
        assert_eq!([1, 2, 3, 16].map(|cores| count(None, cores, true).unwrap()), [1, 2, 2, 15]);
        assert_eq!([1, 2, 3, 16].map(|cores| count(None, cores, false).unwrap()), [1, 2, 3, 16]);
        assert_eq!(count(Some("5"), 2, true).unwrap(), 5);
        for bad in ["0", "many", "-1", "257"] {
            assert!(count(Some(bad), 2, false).unwrap_err().to_string().contains(bad));
        }
    }
}
