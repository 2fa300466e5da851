//! The weights of a first layer are drawn as pictures, which show what each unit looks for.

use super::manifest::Manifest;
use super::operations::{Conv2d, Linear, Maxout, Operation};
use crate::picture::{Rgba, diverging};

/// At most `UNITS` units are shown, `ROW` of them side by side.
const UNITS: usize = 64;
const ROW: usize = 16;

/// This names the tensor of a net that is shown, and says how.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstLayer {
    pub tensor: String,
    /// The channels, rows and columns of a unit's picture.
    shape: [usize; 3],
    /// One in `stride` rows of the tensor is shown: of a maxout unit its first piece.
    stride: usize,
}

impl FirstLayer {
    /// Returns the first layer that has weights; `None` where these are no pictures.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let input = &manifest.input;
        let picture = [input.channels, input.height, input.width];
        let pixels = picture.iter().product::<usize>();
        let (name, shape, stride) = manifest.graph.nodes().iter().find_map(|node| match &node.operation {
            Operation::Conv2d(Conv2d { name, inputs, kernel: [h, w], groups, .. }) => {
                Some((name, [inputs / groups, *h, *w], 1))
            }
            Operation::Linear(Linear { name, inputs, .. }) if *inputs == pixels => Some((name, picture, 1)),
            Operation::Maxout(Maxout { name, inputs, pieces, .. }) if *inputs == pixels => {
                Some((name, picture, *pieces))
            }
            _ => None,
        })?;
        Some(Self { tensor: format!("{name}.weight"), shape, stride })
    }

    /// Draws a sheet of up to 64 units, 16 in a row with transparent gaps between them, from the tensor's values. Each
    /// is scaled to its own largest weight: colours of three channels around grey, others as a diverging map around
    /// white.
    pub fn sheet(&self, weights: &[f32]) -> Rgba {
        let Self { shape: [channels, height, width], stride, .. } = *self;
        let len = channels * height * width;
        let units: Vec<&[f32]> = weights.chunks_exact(len).step_by(stride).take(UNITS).collect();
        let (across, down) = (units.len().min(ROW), units.len().div_ceil(ROW));
        let gap = if width < 8 { 1 } else { 2 };
        let sheet_width = (across * (width + gap)).saturating_sub(gap);
        let sheet_height = (down * (height + gap)).saturating_sub(gap);
        let mut bytes = vec![0; 4 * sheet_width * sheet_height];
        for (number, unit) in units.iter().enumerate() {
            let largest = unit.iter().fold(0.0f32, |most, w| most.max(w.abs())).max(f32::MIN_POSITIVE);
            let (left, top) = ((number % ROW) * (width + gap), (number / ROW) * (height + gap));
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let at = |channel: usize| unit[(channel * height + y) * width + x] / largest;
                let [r, g, b] = if channels == 3 {
                    [at(0), at(1), at(2)].map(|w| (127.5 + 127.5 * w).round() as u8)
                } else {
                    diverging(at(0))
                };
                let place = 4 * ((top + y) * sheet_width + left + x);
                bytes[place..place + 4].copy_from_slice(&[r, g, b, 255]);
            }
        }
        Rgba { width: sheet_width, height: sheet_height, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Catalogue;

    #[test]
    fn a_maxout_net_shows_the_first_piece_of_each_unit() {
        let manifest = Catalogue::new(Vec::new()).manifest("digits_maxout").unwrap();
        let layer = FirstLayer::of(&manifest).unwrap();
        assert_eq!((layer.tensor.as_str(), layer.stride), ("hidden1.weight", 5));
        // Unit u's first piece has its largest weight at pixel u, all others are 0.
        let mut weights = vec![0.0; 1200 * 784];
        (0..240).for_each(|unit| weights[unit * 5 * 784 + unit] = if unit % 2 == 0 { 0.1 } else { -7.0 });
        let sheet = layer.sheet(&weights);
        assert_eq!((sheet.width, sheet.height), (16 * 30 - 2, 4 * 30 - 2));
        let pixel = |x: usize, y: usize| &sheet.bytes[4 * (y * sheet.width + x)..][..4];
        assert_eq!(pixel(0, 0)[..3], diverging(1.0));
        assert_eq!(pixel(30 + 1, 0)[..3], diverging(-1.0));
        assert_eq!(pixel(30 * 2, 30), [255, 255, 255, 255]);
        // Unit 34 stands third in the third row; its pixel 34 is the seventh of its second row.
        assert_eq!(pixel(2 * 30 + 6, 2 * 30 + 1)[..3], diverging(1.0));
        assert_eq!(pixel(28, 0)[3], 0, "the gap is transparent");
    }

    #[test]
    fn colour_kernels_are_shown_around_grey() {
        let text = r#"
            name = "c"
            weights = "w"
            input = { channels = 3, height = 8, width = 8, mean = [0, 0, 0], std = [1, 1, 1] }
            classes = ["a", "b"]
            layers = [{ kind = "conv2d", name = "c", in = 3, out = 2, kernel = 2 }, { kind = "global_avg_pool" }]
        "#;
        let manifest = Manifest::with_classes(text, std::path::Path::new("c.toml"), &[]).unwrap();
        let mut weights = vec![0.0; 24];
        weights[0] = 2.0;
        weights[4] = -2.0;
        let sheet = FirstLayer::of(&manifest).unwrap().sheet(&weights);
        assert_eq!((sheet.width, sheet.height), (5, 2));
        assert_eq!(sheet.bytes[..8], [255, 0, 128, 255, 128, 128, 128, 255]);
    }
}
