//! A lens is what a net sees of a photo, as a linear map and its adjoint.

use rayon::prelude::*;

use super::fit::Fit;
use super::resample::Resampler;
use super::{Picture, Planes, Region};
use crate::{Error, Result};

/// This is what a net sees of pictures of one shape: a linear map A from their pixels to the net's input (crop,
/// resampling, grey or colour). With its adjoint, gradients for the input become gradients for the photo's own pixels:
/// ∇ₓJ(A x) = Aᵀ ∇J.
#[derive(Clone, Debug, PartialEq)]
pub struct Lens {
    across: Axis,
    down: Axis,
    crop: Option<Region>,
    shown: Region,
    /// Left, top, width and height of the pixels that any pixel of the input draws on.
    support: (usize, usize, usize, usize),
    /// These are the width, the height and the channels of the pictures.
    from: [usize; 3],
    /// These are the channels, the height and the width of the input.
    to: [usize; 3],
}

impl Lens {
    /// Makes a lens for pictures of this one's shape, to an input of these channels, this height and width. Of the
    /// wanted region, or the whole, the input shows what `how` says.
    ///
    /// # Errors
    /// [`Error::Argument`] when the picture or the input is empty, when its channels are neither 1 nor 3, or when the
    /// region does not lie inside the picture.
    pub fn new(picture: &Picture, to: [usize; 3], how: Fit, wanted: Option<Region>) -> Result<Self> {
        let [_, height, width] = to;
        check(picture, to)?;
        let region = wanted.unwrap_or_else(|| Region::whole(picture));
        region.check(picture)?;
        let scales = [width as f64 / region.width, height as f64 / region.height];
        let span = |start: f64, length: f64, to: usize| match how {
            Fit::Squash => Span { start, length, to, offset: 0 },
            Fit::Crop => {
                let part = (to as f64 / f64::max(scales[0], scales[1])).min(length);
                Span { start: start + (length - part) / 2.0, length: part, to, offset: 0 }
            }
            Fit::Letterbox => {
                let size = ((length * f64::min(scales[0], scales[1])).round() as usize).clamp(1, to);
                Span { start, length, to: size, offset: (to - size) / 2 }
            }
        };
        let (across, down) = (span(region.left, region.width, width), span(region.top, region.height, height));
        let shown = Region { left: across.start, top: down.start, width: across.length, height: down.length };
        let (across, down) = (across.of(picture.width), down.of(picture.height));
        let (x, y) = (across.resampler.support(), down.resampler.support());
        let support = (x.start, y.start, x.len(), y.len());
        let from = [picture.width, picture.height, picture.channels];
        Ok(Self { across, down, crop: wanted, shown, support, from, to })
    }

    /// Returns what the net sees, on the 8-bit grid: what an 8-bit file of the fitted picture would hold.
    pub fn fit(&self, picture: &Picture) -> Result<Planes> {
        self.check_shape(picture)?;
        let [channels, height, width] = self.to;
        let mut planes = Planes { channels, height, width, values: vec![0.0; channels * height * width] };
        let mut wide = vec![0.0; picture.width * picture.channels];
        let mut narrow = vec![0.0; self.across.resampler.len() * picture.channels];
        for y in 0..self.down.resampler.len() {
            self.down.resampler.mix_rows(y, &picture.bytes, &mut wide);
            self.across.resampler.mix_pixels(&wide, picture.channels, &mut narrow);
            let start = (self.down.offset + y) * width + self.across.offset;
            for c in 0..channels {
                let plane = &mut planes.values[c * height * width + start..][..self.across.resampler.len()];
                for (value, pixel) in plane.iter_mut().zip(narrow.chunks_exact(picture.channels)) {
                    *value = on_grid(self.mix(c).iter().zip(pixel).map(|(weight, level)| weight * level).sum());
                }
            }
        }
        Ok(planes)
    }

    pub fn crop(&self) -> Option<Region> {
        self.crop
    }

    /// Returns the largest area of a crop, in pixels and with the proportions of what is shown, of which the input
    /// draws on at most `most_pixels` pixels, wherever it lies.
    pub fn largest_area(&self, most_pixels: usize) -> f64 {
        let Region { width, height, .. } = self.shown;
        // The filter reaches half a pixel of the input beyond each edge, and what it touches counts whole.
        let reach = |length: f64, axis: &Axis| length * (1.0 + 1.0 / axis.resampler.len() as f64);
        let (across, down, touched) = (reach(width, &self.across), reach(height, &self.down), 4.0);
        // (f·across + touched)·(f·down + touched) = most_pixels, solved for the factor f of the sides.
        let (a, b, c) = (across * down, touched * (across + down), touched * touched - most_pixels as f64);
        let factor = ((b * b - 4.0 * a * c).sqrt() - b) / (2.0 * a);
        factor * factor * width * height
    }

    /// Returns the largest such crop in the middle of what is shown.
    pub fn middle(&self, most_pixels: usize) -> Region {
        let area = self.shown.width * self.shown.height;
        self.shown.resized((self.largest_area(most_pixels) / area).sqrt())
    }

    /// Returns the part of the picture that the input shows.
    pub fn shown(&self) -> Region {
        self.shown
    }

    /// Returns the left, top, width and height of the pixels that the net sees anything of.
    pub fn support(&self) -> (usize, usize, usize, usize) {
        self.support
    }

    /// Returns the channels, the height and the width of [`Self::support`].
    pub fn pixels(&self) -> [usize; 3] {
        let (_, _, width, height) = self.support;
        [self.from[2], height, width]
    }

    /// Returns the pixels of [`Self::support`], in [0, 1].
    pub fn cut(&self, picture: &Picture) -> Result<Planes> {
        self.check_shape(picture)?;
        let (left, top, width, height) = self.support();
        let channels = picture.channels;
        let mut values = vec![0.0; channels * height * width];
        values.par_chunks_exact_mut(width).enumerate().for_each(|(line, row)| {
            let (c, y) = (line / height, top + line % height);
            let pixels = picture.bytes[(y * picture.width + left) * channels..].iter().skip(c).step_by(channels);
            row.iter_mut().zip(pixels).for_each(|(value, &byte)| *value = f32::from(byte) / 255.0);
        });
        Ok(Planes { channels, height, width, values })
    }

    /// Returns the picture with other pixels where [`Self::support`] is.
    pub fn paste(&self, picture: &Picture, part: &Picture) -> Result<Picture> {
        self.check_shape(picture)?;
        let (left, top, width, height) = self.support();
        if [part.channels, part.height, part.width] != self.pixels() {
            return Err(Error::Argument(format!("{part:?} does not fill {width}×{height} of {picture:?}")));
        }
        let mut whole = Picture { notes: Vec::new(), ..picture.clone() };
        let line = width * self.from[2];
        for (y, row) in part.bytes.chunks_exact(line).enumerate() {
            let start = ((top + y) * self.from[0] + left) * self.from[2];
            whole.bytes[start..][..line].copy_from_slice(row);
        }
        Ok(whole)
    }

    /// Computes A x: what the net sees of the pixels of [`Self::support`], not rounded.
    pub fn see(&self, pixels: &Planes) -> Result<Planes> {
        let (left, top, from_width, from_height) = self.support();
        check_planes(pixels, self.pixels())?;
        let [channels, height, width] = self.to;
        let (across, down) = (&self.across.resampler, &self.down.resampler);
        // Each channel of the picture, resampled.
        let mut narrow = vec![0.0; self.from[2] * down.len() * across.len()];
        narrow.par_chunks_exact_mut(across.len()).enumerate().for_each_init(
            || vec![0.0; from_width],
            |wide, (line, row)| {
                let (c, y) = (line / down.len(), line % down.len());
                wide.fill(0.0);
                let rows =
                    pixels.values[(c * from_height + down.first(y) - top) * from_width..].chunks_exact(from_width);
                for (from, &weight) in rows.zip(down.weights(y)) {
                    wide.iter_mut().zip(from).for_each(|(sum, value)| *sum += weight * value);
                }
                for (x, value) in row.iter_mut().enumerate() {
                    let near = &wide[across.first(x) - left..];
                    *value = across.weights(x).iter().zip(near).map(|(weight, value)| weight * value).sum();
                }
            },
        );
        let mut planes = Planes { channels, height, width, values: vec![0.0; channels * height * width] };
        let resampled = down.len() * across.len();
        for c in 0..channels {
            for (from, &weight) in narrow.chunks_exact(resampled).zip(self.mix(c)) {
                for (y, row) in from.chunks_exact(across.len()).enumerate() {
                    let start = (c * height + self.down.offset + y) * width + self.across.offset;
                    let to = &mut planes.values[start..][..across.len()];
                    to.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
                }
            }
        }
        Ok(planes)
    }

    /// Computes Aᵀ g: the gradient for the pixels of [`Self::support`], where `gradient` is that for the net's input.
    pub fn adjoint(&self, gradient: &Planes) -> Result<Planes> {
        check_planes(gradient, self.to)?;
        let (_, _, from_width, from_height) = self.support();
        let [channels, height, width] = self.to;
        let (columns, rows) = (self.across.resampler.columns(), self.down.resampler.columns());
        // Each channel of the picture: still as high as the input, but as wide as the support.
        let lines = self.down.resampler.len();
        let mut wide = vec![0.0; self.from[2] * lines * from_width];
        wide.par_chunks_exact_mut(from_width).enumerate().for_each_init(
            || vec![0.0; self.across.resampler.len()],
            |mixed, (line, row)| {
                let (from, y) = (line / lines, self.down.offset + line % lines);
                mixed.fill(0.0);
                for c in 0..channels {
                    let weight = self.mix(c)[from];
                    let values = &gradient.values[(c * height + y) * width + self.across.offset..];
                    mixed.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
                }
                for (value, taps) in row.iter_mut().zip(&columns) {
                    *value = taps.iter().map(|&(x, weight)| weight * mixed[x]).sum();
                }
            },
        );
        let mut values = vec![0.0; self.from[2] * from_height * from_width];
        values.par_chunks_exact_mut(from_width).enumerate().for_each(|(line, row)| {
            let (c, y) = (line / from_height, line % from_height);
            for &(from, weight) in &rows[y] {
                let from = &wide[(c * lines + from) * from_width..][..from_width];
                row.iter_mut().zip(from).for_each(|(sum, value)| *sum += weight * value);
            }
        });
        Ok(Planes { channels: self.from[2], height: from_height, width: from_width, values })
    }

    /// Returns the weights of a picture's channels in channel `c` of the input: luma by ITU-R BT.601 for grey.
    fn mix(&self, c: usize) -> &'static [f32] {
        const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
        const SAME: [[f32; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        match [self.from[2], self.to[0]] {
            [3, 1] => &LUMA,
            [1, _] => &SAME[0][..1],
            _ => &SAME[c],
        }
    }

    fn check_shape(&self, picture: &Picture) -> Result<()> {
        if [picture.width, picture.height, picture.channels] == self.from {
            return Ok(());
        }
        let [width, height, channels] = self.from;
        Err(Error::Argument(format!("{picture:?} is not of {width}×{height}×{channels}")))
    }
}

fn check_planes(planes: &Planes, [channels, height, width]: [usize; 3]) -> Result<()> {
    let found = [planes.channels, planes.height, planes.width];
    if found == [channels, height, width] {
        return Ok(());
    }
    let found = found.map(|size| size.to_string()).join("×");
    Err(Error::Argument(format!("planes of {found}; expected {channels}×{height}×{width}")))
}

fn check(picture: &Picture, [channels, height, width]: [usize; 3]) -> Result<()> {
    if !matches!(channels, 1 | 3) || height == 0 || width == 0 {
        return Err(Error::Argument(format!(
            "cannot fit a picture to {channels}×{height}×{width}; expected 1 or 3 channels and sides of at least 1"
        )));
    }
    let expected = picture.width.checked_mul(picture.height).and_then(|n| n.checked_mul(picture.channels));
    if !matches!(picture.channels, 1 | 3) || expected != Some(picture.bytes.len()) || picture.bytes.is_empty() {
        return Err(Error::Argument(format!("{picture:?} of {} bytes is no picture", picture.bytes.len())));
    }
    Ok(())
}

/// Returns a grey level as a value in [0, 1], rounded to whole levels.
fn on_grid(level: f32) -> f32 {
    level.round().clamp(0.0, 255.0) / 255.0
}

#[derive(Clone, Debug, PartialEq)]
struct Axis {
    resampler: Resampler,
    offset: usize,
}

/// This is a stretch of an axis, and where it comes to lie.
struct Span {
    start: f64,
    length: f64,
    to: usize,
    offset: usize,
}

impl Span {
    /// Makes the lens's axis from one of this many pixels.
    fn of(self, pixels: usize) -> Axis {
        let end = (self.start + self.length).min(pixels as f64);
        Axis { resampler: Resampler::new(pixels, self.start..end, self.to), offset: self.offset }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn noise(width: usize, height: usize, channels: usize, rng: &mut ChaCha8Rng) -> Picture {
        let bytes = (0..width * height * channels).map(|_| rng.random()).collect();
        Picture::new(width, height, channels, bytes)
    }

    fn dot(a: &Planes, b: &Planes) -> f64 {
        a.values.iter().zip(&b.values).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }

    /// Shapes that shrink, grow and stretch, grey and colour, whole pictures and parts with edges between pixels.
    fn lenses(rng: &mut ChaCha8Rng) -> Vec<(Picture, Lens)> {
        let part = Region { left: 3.25, top: 1.5, width: 17.5, height: 20.75 };
        let mut all = Vec::new();
        for (from, to) in [((3, 40), (3, 16)), ((3, 40), (1, 28)), ((1, 23), (3, 31)), ((1, 64), (1, 9))] {
            for how in [Fit::Squash, Fit::Crop, Fit::Letterbox] {
                for region in [None, Some(part)] {
                    let picture = noise(from.1, from.1 + 7, from.0, rng);
                    let lens = Lens::new(&picture, [to.0, to.1, to.1 + 3], how, region).unwrap();
                    all.push((picture, lens));
                }
            }
        }
        all
    }

    #[test]
    fn the_adjoint_is_the_adjoint() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (picture, lens) in lenses(&mut rng) {
            let x = lens.cut(&picture).unwrap();
            let seen = lens.see(&x).unwrap();
            let y = seen.with_values(seen.values.iter().map(|_| rng.random_range(-1.0..1.0)).collect());
            // <A x, y> = <x, Aᵀ y>
            let (left, right) = (dot(&seen, &y), dot(&x, &lens.adjoint(&y).unwrap()));
            let size = dot(&seen, &seen).sqrt() * dot(&y, &y).sqrt();
            assert!((left - right).abs() <= 1e-5 * size, "{left} {right} of {size}");
        }
    }

    #[test]
    fn what_is_seen_of_the_cut_part_is_the_fitted_picture_before_rounding() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for (picture, lens) in lenses(&mut rng) {
            let (fitted, seen) = (lens.fit(&picture).unwrap(), lens.see(&lens.cut(&picture).unwrap()).unwrap());
            for (a, b) in fitted.values.iter().zip(&seen.values) {
                assert!((a - b).abs() <= 0.5001 / 255.0, "{a} {b}");
            }
        }
    }

    #[test]
    fn the_largest_crop_in_the_middle_draws_on_as_many_pixels_as_it_may() {
        let region = Region { left: 10.0, top: 0.0, width: 3500.0, height: 2400.0 };
        for (width, height) in [(4000, 3000), (30_000, 300), (200, 40_000)] {
            let picture = Picture::new(width, height, 1, vec![0; width * height]);
            for how in [Fit::Squash, Fit::Crop, Fit::Letterbox] {
                for part in [None, Some(region).filter(|region| region.is_inside(width, height))] {
                    let most = 60_000;
                    let lens = Lens::new(&picture, [1, 28, 28], how, part).unwrap();
                    let (_, _, across, down) = lens.support();
                    if across * down <= most {
                        continue;
                    }
                    let middle = lens.middle(most);
                    let (_, _, across, down) = Lens::new(&picture, [1, 28, 28], how, Some(middle)).unwrap().support();
                    assert!(across * down <= most && 10 * across * down > 7 * most, "{across}×{down} {how:?}");
                    assert!((middle.width * middle.height - lens.largest_area(most)).abs() < 1e-3);
                }
            }
        }
    }

    #[test]
    fn a_pasted_part_replaces_what_was_cut_and_nothing_else() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for (picture, lens) in lenses(&mut rng) {
            assert_eq!(lens.paste(&picture, &lens.cut(&picture).unwrap().to_picture()).unwrap(), picture);
            let (left, top, width, height) = lens.support();
            let black = Picture { width, height, bytes: vec![0; width * height * picture.channels], ..picture.clone() };
            let pasted = lens.paste(&picture, &black).unwrap();
            for (i, (old, new)) in picture.bytes.iter().zip(&pasted.bytes).enumerate() {
                let (x, y) = (i / picture.channels % picture.width, i / picture.channels / picture.width);
                let inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
                assert_eq!(*new, if inside { 0 } else { *old });
            }
        }
    }

    #[test]
    fn a_region_of_whole_pixels_is_the_picture_of_those_pixels() {
        // Enlarged four times, only pixels of the region count, apart from those within half a pixel of its edge.
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        let picture = noise(20, 20, 3, &mut rng);
        let region = Region { left: 5.0, top: 6.0, width: 8.0, height: 8.0 };
        let lens = Lens::new(&picture, [3, 8, 8], Fit::Squash, Some(region)).unwrap();
        assert_eq!(lens.support(), (5, 6, 8, 8));
        assert_eq!(lens.fit(&picture).unwrap(), lens.cut(&picture).unwrap());
        for outside in [
            Region { left: 13.0, ..region },
            Region { top: -1.0, ..region },
            Region { width: 0.5, ..region },
            Region { height: f64::NAN, ..region },
        ] {
            let error = Lens::new(&picture, [3, 8, 8], Fit::Crop, Some(outside)).unwrap_err().to_string();
            assert!(error.contains("20×20"), "{error}");
        }
    }
}
