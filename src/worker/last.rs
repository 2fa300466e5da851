//! This keeps what was made last, because it is mostly wanted again.

use std::sync::Arc;

use crate::engine::Result;
use crate::engine::data::{DataSource, Dataset, Opening, Split, Watch};

/// This holds the value that was made last, with all that it was made from.
pub struct Last<K, V>(Option<(K, V)>);

impl<K, V> Default for Last<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: PartialEq, V> Last<K, V> {
    /// Returns the value, if it was made from this.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.as_ref().filter(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Returns the value and what it was made from.
    pub fn newest(&self) -> Option<&(K, V)> {
        self.0.as_ref()
    }

    pub fn set(&mut self, key: K, value: V) {
        self.0 = Some((key, value));
    }

    /// Takes the value out, if it was made from this; forgets any other.
    pub fn take(&mut self, key: &K) -> Option<V> {
        self.0.take().filter(|(known, _)| known == key).map(|(_, value)| value)
    }

    pub fn forget(&mut self) {
        self.0 = None;
    }
}

/// A shared value that equals itself alone. In the key of a [`Last`] it tells a value from one that was computed later.
#[derive(Debug)]
pub struct Same<T>(pub Arc<T>);

impl<T> Clone for Same<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> PartialEq for Same<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// This keeps the data set that was opened last, for nets with these classes.
pub type LastData = Last<(DataSource, Opening, Vec<String>), Arc<Dataset>>;

impl LastData {
    /// Opens a split of a data set, which must always be the same split here.
    pub fn open(
        &mut self,
        source: &DataSource,
        split: Split,
        classes: &[String],
        how: Opening,
        watch: &mut Watch,
    ) -> Result<Arc<Dataset>> {
        let key = (source.clone(), how, classes.to_vec());
        // Any other is dropped first, since two at once would take twice the memory.
        let data = match self.take(&key) {
            Some(known) => known,
            None => Arc::new(source.open_as(split, classes, how, watch)?),
        };
        self.set(key, data.clone());
        Ok(data)
    }
}
