//! Shapes flow through a list of layers.

/// The shape of one picture's values at a place in the net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Planes { channels: usize, height: usize, width: usize },
    Features(usize),
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Planes { channels, height, width } => write!(f, "{channels}×{height}×{width}"),
            Self::Features(count) => write!(f, "{count} features"),
        }
    }
}

impl Shape {
    pub fn channels(self) -> usize {
        match self {
            Self::Planes { channels, .. } => channels,
            Self::Features(count) => count,
        }
    }

    /// Returns the height and width.
    pub fn size(self) -> [usize; 2] {
        match self {
            Self::Planes { height, width, .. } => [height, width],
            Self::Features(_) => [1, 1],
        }
    }

    /// Returns the number of values.
    pub fn count(self) -> usize {
        self.channels() * self.size().iter().product::<usize>()
    }
}
