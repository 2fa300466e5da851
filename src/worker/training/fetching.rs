//! A data set on its way from the network, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::protocol::TrainEvent;
use crate::engine::Error;
use crate::engine::data::DataSource;
use crate::worker::{Event, Outbox};

/// At most so often.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// A handle on the thread; dropping it stops the download within a moment.
pub struct Fetching {
    stop: Arc<AtomicBool>,
}

impl Fetching {
    /// Starts fetching; `None` for what cannot be fetched, which is reported.
    pub fn start(source: DataSource, outbox: Arc<Outbox>) -> Option<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let failed = {
            let (source, outbox) = (source.clone(), outbox.clone());
            move |message| outbox.send(Event::Training(TrainEvent::FetchFailed { source: source.clone(), message }))
        };
        let Some(offer) = source.offer() else {
            failed(Some(format!("the data set {source} cannot be fetched")));
            return None;
        };
        let report = failed.clone();
        let work = move || {
            let of = offer.bytes();
            let mut told: Option<Instant> = None;
            let result = offer.fetch(&mut |done| {
                if told.is_none_or(|told| told.elapsed() >= PROGRESS_EVERY) {
                    told = Some(Instant::now());
                    outbox.send(Event::Training(TrainEvent::Fetching { source: source.clone(), done, of }));
                }
                !stopped.load(Ordering::Relaxed)
            });
            match result {
                Ok(()) => outbox.send(Event::Training(TrainEvent::Fetched(source))),
                Err(Error::Stopped) => report(None),
                Err(error) => report(Some(error.to_string())),
            }
        };
        match std::thread::Builder::new().name("fetching".into()).spawn(work) {
            Ok(_) => Some(Self { stop }),
            Err(error) => {
                failed(Some(format!("the system gave no thread for the download: {error}")));
                None
            }
        }
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
