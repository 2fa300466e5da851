use egui::ColorImage;

use crate::app::theme::THUMB;
use crate::engine::data::samples;

pub struct Thumbnail {
    pub index: usize,
    pub image: ColorImage,
}

/// Decodes and shrinks all samples; slow, so never on the window's thread.
pub fn make_thumbnails(mut tell: impl FnMut(Thumbnail)) {
    for (index, sample) in samples().iter().enumerate() {
        // A sample that cannot be decoded keeps an empty frame; choosing it says why.
        let Ok(picture) = sample.picture() else { continue };
        let (width, height) = (picture.width, picture.height);
        let rgb = |i: usize| match picture.channels {
            3 => [picture.bytes[3 * i], picture.bytes[3 * i + 1], picture.bytes[3 * i + 2]],
            _ => [picture.bytes[i]; 3],
        };
        // A square from the middle, averaged over blocks.
        let side = width.min(height);
        let (left, top) = ((width - side) / 2, (height - side) / 2);
        let small = side.min(2 * THUMB as usize);
        let mut bytes = Vec::with_capacity(small * small * 3);
        for y in 0..small {
            for x in 0..small {
                let span = |i: usize| (i * side / small)..((i + 1) * side / small);
                let block = || span(y).flat_map(|v| span(x).map(move |u| (top + v) * width + left + u));
                let count = block().count().max(1);
                for channel in 0..3 {
                    let sum: usize = block().map(|i| usize::from(rgb(i)[channel])).sum();
                    bytes.push((sum / count) as u8);
                }
            }
        }
        tell(Thumbnail { index, image: ColorImage::from_rgb([small, small], &bytes) });
    }
}
