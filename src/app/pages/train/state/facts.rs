//! The settings of a run are only understood with facts from the disk.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};

use crate::engine::Error;
use crate::engine::data::{DataSource, Watch};
use crate::engine::model::{Catalogue, Input};
use crate::engine::train::{Config, NewNet};

/// This tells what is known of the data and the net of some settings.
pub struct DraftFacts {
    pub data: DataSource,
    pub model: String,
    /// The size and channels that the net takes in, where a person chose them.
    pub size: Option<[usize; 2]>,
    pub channels: Option<usize>,
    pub is_there: bool,
    pub net: Result<NetFacts, String>,
}

/// The parameters are counted here: drawing each frame must not.
pub struct NetFacts {
    pub parameters: usize,
    pub input: Input,
    pub classes: usize,
    /// This sentence says what the input follows from, where that was decided by a look at the pictures.
    pub note: Option<String>,
}

impl DraftFacts {
    /// Reads manifests and folders, which is slow; `None` where it was stopped.
    pub fn gather(config: &Config, watch: &mut Watch) -> Option<Self> {
        let net = match config.net(&Catalogue::from_environment(), watch) {
            Err(Error::Stopped) => return None,
            net => net,
        };
        let net = net.map(|NewNet { manifest, note }| NetFacts {
            parameters: manifest.parameter_count(),
            input: manifest.input,
            classes: manifest.classes.len(),
            note,
        });
        Some(Self {
            data: config.data.clone(),
            model: config.model.clone(),
            size: config.size,
            channels: config.channels,
            is_there: config.data.is_there(),
            net: net.map_err(|error| error.to_string()),
        })
    }

    pub fn are_of(&self, config: &Config) -> bool {
        let Self { data, model, size, channels, .. } = self;
        (data, model, size, channels) == (&config.data, &config.model, &config.size, &config.channels)
    }
}

/// This look at the data and the net of some settings is under way.
pub struct Look {
    pub config: Config,
    /// The share that is done, in thousandths.
    done: Arc<AtomicU32>,
    is_stopped: Arc<AtomicBool>,
}

impl Look {
    pub fn new(config: Config) -> Self {
        Self { config, done: Arc::default(), is_stopped: Arc::default() }
    }

    /// Returns what the thread that looks tells the share that is done; it answers whether to go on.
    pub fn watch(&self) -> impl FnMut(f32) -> bool + Send + 'static {
        let (done, is_stopped) = (self.done.clone(), self.is_stopped.clone());
        move |share| {
            done.store((share * 1000.0) as u32, Relaxed);
            !is_stopped.load(Relaxed)
        }
    }

    pub fn share(&self) -> f32 {
        self.done.load(Relaxed) as f32 / 1000.0
    }

    pub fn is_of(&self, config: &Config) -> bool {
        let Config { data, model, size, channels, .. } = &self.config;
        (data, model, size, channels) == (&config.data, &config.model, &config.size, &config.channels)
    }

    pub fn stop(&self) {
        self.is_stopped.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nets_and_pictures_are_there_or_missed() {
        let config = Config { model: "maxout:240x5,240x5".into(), ..Config::default() };
        let facts = DraftFacts::gather(&config, &mut |_| true).unwrap();
        let net = facts.net.as_ref().unwrap();
        assert_eq!(net.parameters, 785 * 1200 + 241 * 1200 + 2410);
        assert!(facts.is_there && facts.are_of(&config) && net.classes == 10);
        let data = DataSource::Folder("/no/such/folder".into());
        let unknown = Config { data, model: "no_such_net".into(), ..config };
        assert!(!facts.are_of(&unknown));
        let facts = DraftFacts::gather(&unknown, &mut |_| true).unwrap();
        assert!(!facts.is_there && facts.net.is_err_and(|why| why.contains("no_such_net")));
    }

    #[test]
    fn a_look_tells_how_far_it_is_and_is_stopped() {
        let folder = tempfile::tempdir().unwrap();
        for class in ["cat", "dog"] {
            std::fs::create_dir(folder.path().join(class)).unwrap();
            std::fs::write(folder.path().join(class).join("1.png"), "x").unwrap();
        }
        let data = DataSource::Folder(folder.path().to_owned());
        let config = Config { data, model: "maxout:8x2".into(), ..Config::default() };
        let look = Look::new(config.clone());
        assert!(look.watch()(0.25) && look.share() == 0.25 && look.is_of(&config));
        assert!(!look.is_of(&Config { model: "softmax".into(), ..config.clone() }));
        look.stop();
        assert!(DraftFacts::gather(&config, &mut look.watch()).is_none());
    }
}
