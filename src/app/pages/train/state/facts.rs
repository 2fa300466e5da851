//! The settings of a run are only understood with facts from the disk.

use crate::engine::data::DataSource;
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
    /// Reads manifests and folders, which is slow.
    pub fn gather(config: &Config) -> Self {
        let net = config.net(&Catalogue::from_environment()).map(|NewNet { manifest, note }| NetFacts {
            parameters: manifest.parameter_count(),
            input: manifest.input,
            classes: manifest.classes.len(),
            note,
        });
        Self {
            data: config.data.clone(),
            model: config.model.clone(),
            size: config.size,
            channels: config.channels,
            is_there: config.data.is_there(),
            net: net.map_err(|error| error.to_string()),
        }
    }

    pub fn are_of(&self, config: &Config) -> bool {
        self.data == config.data
            && self.model == config.model
            && (self.size, self.channels) == (config.size, config.channels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nets_and_pictures_are_there_or_missed() {
        let config = Config { model: "maxout:240x5,240x5".into(), ..Config::default() };
        let facts = DraftFacts::gather(&config);
        let net = facts.net.as_ref().unwrap();
        assert_eq!(net.parameters, 785 * 1200 + 241 * 1200 + 2410);
        assert!(facts.is_there && facts.are_of(&config) && net.classes == 10);
        let data = DataSource::Folder("/no/such/folder".into());
        let unknown = Config { data, model: "no_such_net".into(), ..config };
        assert!(!facts.are_of(&unknown));
        let facts = DraftFacts::gather(&unknown);
        assert!(!facts.is_there && facts.net.is_err_and(|why| why.contains("no_such_net")));
    }
}
