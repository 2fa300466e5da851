//! Usual values of ε have names.

use crate::engine::attack::Norm;
use crate::engine::picture::PictureKind;

const SLIDE: &str = "The slide prints 0.07 < 1/2⁷, but 1/2⁷ = .0078: the decimals slipped. The paper's value is .007.";

/// A preset has a name, a value, and a tooltip.
pub type Preset = (&'static str, f32, &'static str);

const PHOTOS: [Preset; 7] = [
    ("1/255 panda", 1.0 / 255.0, "One grey level of an 8-bit picture: the panda of the paper"),
    (".007 paper", 0.007, SLIDE),
    ("2/255", 2.0 / 255.0, "Nobody sees it, and most nets are fooled by several steps"),
    ("4/255", 4.0 / 255.0, "Usual for nets that were trained against attacks on ImageNet"),
    ("8/255", 8.0 / 255.0, "Usual in work on photographs"),
    ("16/255", 16.0 / 255.0, "The largest value in common use for photographs; visible"),
    (".07 slide", 0.07, SLIDE),
];
const DIGITS: [Preset; 6] = [
    ("8/255", 8.0 / 255.0, "Usual in work on photographs; little for digits"),
    (".07 slide", 0.07, SLIDE),
    (".1", 0.1, "Usual for digits; clearly visible"),
    (".2", 0.2, "Between the usual values for digits"),
    (".25", 0.25, "The paper's value for digits"),
    (".3", 0.3, "The largest value in common use for digits"),
];
const L2: [Preset; 4] = [
    (".5", 0.5, "Usual for small photographs"),
    ("1", 1.0, "Invisible on a photograph of 224×224 pixels"),
    ("2", 2.0, "Usual for digits"),
    ("3", 3.0, "Usual for photographs of 224×224 pixels"),
];
const L1: [Preset; 3] = [
    ("5", 5.0, "Five pixels from black to white, or as much spread over more"),
    ("10", 10.0, "Ten pixels from black to white, or as much spread over more"),
    ("20", 20.0, "Twenty pixels from black to white, or as much spread over more"),
];

/// Returns the usual values of ε in a norm, in L∞ for this kind of pictures.
pub fn eps_presets(norm: Norm, kind: PictureKind) -> &'static [Preset] {
    match (norm, kind) {
        (Norm::Linf, PictureKind::Photo) => &PHOTOS,
        (Norm::Linf, PictureKind::Digit) => &DIGITS,
        (Norm::L2, _) => &L2,
        (Norm::L1, _) => &L1,
    }
}
