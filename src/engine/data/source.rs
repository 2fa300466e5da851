//! TEMP
use super::*;
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct DataSource(pub PathBuf);
impl std::fmt::Display for DataSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}
impl std::str::FromStr for DataSource {
    type Err = Error;
    fn from_str(t: &str) -> Result<Self> {
        Ok(Self(t.into()))
    }
}
impl DataSource {
    pub fn open(&self, split: Split, classes: &[String]) -> Result<Dataset> {
        Dataset::open(&self.0, split, classes)
    }
}
impl Dataset {
    pub fn batch_values(&self, indices: &[usize], input: &Input) -> Result<(Vec<f32>, Vec<usize>)> {
        let (x, l) = self.batch(indices, input)?;
        Ok((x.flatten_all()?.to_vec1()?, l))
    }
}
impl DataSource {
    pub fn absolute(&self) -> Result<Self> {
        Ok(Self(self.0.canonicalize().map_err(Error::io("find the data set", &self.0))?))
    }
    pub fn shape(&self) -> Result<(Input, Vec<String>)> {
        let input = Input {
            channels: 1,
            height: 28,
            width: 28,
            mean: vec![0.0],
            std: vec![1.0],
            fit: crate::engine::picture::Fit::Letterbox,
        };
        Ok((input, (0..10).map(|d| d.to_string()).collect()))
    }
}
