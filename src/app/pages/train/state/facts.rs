//! Facts must be looked up on disk before the settings of a run are understood.

use crate::engine::Result;
use crate::engine::data::DataSource;
use crate::engine::model::{Catalogue, Input};
use crate::engine::train::Config;

/// This tells what is known of the data and the net of some settings.
pub struct DraftFacts {
    pub data: DataSource,
    pub model: String,
    /// A look at the folder says that the pictures are there.
    pub is_there: bool,
    pub net: std::result::Result<NetFacts, String>,
}

pub struct NetFacts {
    pub parameters: usize,
    pub input: Input,
    pub classes: usize,
}

impl DraftFacts {
    /// Reads manifests and folders, which is too slow for the window's thread.
    pub fn gather(config: &Config) -> Self {
        let look = || -> Result<NetFacts> {
            let manifest = config.manifest(&Catalogue::from_environment())?;
            let (parameters, classes) = (manifest.parameter_count(), manifest.classes.len());
            Ok(NetFacts { parameters, input: manifest.input, classes })
        };
        Self {
            data: config.data.clone(),
            model: config.model.clone(),
            is_there: config.data.is_there(),
            net: look().map_err(|error| error.to_string()),
        }
    }

    pub fn are_of(&self, config: &Config) -> bool {
        self.data == config.data && self.model == config.model
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capacity_of_a_net_is_known() {
        let config = Config { model: "maxout:240x5,240x5".into(), ..Config::default() };
        let facts = DraftFacts::gather(&config);
        let net = facts.net.as_ref().unwrap();
        assert_eq!(net.parameters, 785 * 1200 + 241 * 1200 + 2410);
        assert!(facts.is_there && facts.are_of(&config) && net.classes == 10);
        assert!(!facts.are_of(&Config { model: "softmax".into(), ..config }));
    }

    #[test]
    fn what_is_not_there_is_told() {
        let config = Config { data: DataSource::Folder("/no/such/folder".into()), ..Config::default() };
        let facts = DraftFacts::gather(&config);
        assert!(!facts.is_there);
        let unknown = DraftFacts::gather(&Config { model: "no_such_net".into(), ..Config::default() });
        assert!(unknown.net.is_err_and(|why| why.contains("no_such_net")));
    }
}
