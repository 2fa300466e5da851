//! In the colour space OKLab equal distances look about equally large.

/// Returns an sRGB colour of lightness `l` in [0, 1], chroma `c` (0 is grey) and `hue` in degrees, clipped per channel.
///
/// Björn Ottosson, "A perceptual color space for image processing" (2020), matrices of 2021-01-25.
pub(super) fn oklch_to_srgb(l: f32, c: f32, hue: f32) -> [u8; 3] {
    let (sin, cos) = hue.to_radians().sin_cos();
    let (a, b) = (c * cos, c * sin);
    let long = (l + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let medium = (l - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let short = (l - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short,
        -1.268_438 * long + 2.609_757_4 * medium - 0.341_319_4 * short,
        -0.004_196_086_3 * long - 0.703_418_6 * medium + 1.707_614_7 * short,
    ]
    .map(encode)
}

/// Converts linear light to an 8-bit sRGB value.
fn encode(linear: f32) -> u8 {
    (encoded(linear) * 255.0).round() as u8
}

/// Converts linear light to an sRGB value in [0, 1] (IEC 61966-2-1).
pub(super) fn encoded(linear: f32) -> f32 {
    let linear = linear.clamp(0.0, 1.0);
    if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}
