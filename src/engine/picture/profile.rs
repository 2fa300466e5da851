//! Colours are brought to sRGB: by the colour profile (ICC) in a file, or by what a PNG says of its colours.

use image::{DynamicImage, ImageBuffer};
use moxcms::{
    Chromaticity, CicpProfile, CmsError, ColorPrimaries, ColorProfile, DataColorSpace, Layout, MatrixCoefficients,
    ProfileText, ToneReprCurve, TransferCharacteristics, TransformExecutor, TransformOptions, XyY,
};
use rayon::prelude::*;

/// So many levels of 255 may a profile move a colour and still be taken for sRGB.
const SAME: u8 = 2;

/// These are the colours that the numbers of a picture stand for.
pub(super) enum Colours {
    Srgb,
    /// The bytes of an ICC profile.
    Icc(Vec<u8>),
    /// The chunks gAMA (the exponent that light was encoded with, 1/2.2 for most) and cHRM of a PNG.
    Png {
        gamma: Option<f32>,
        primaries: Option<Primaries>,
    },
    /// The chunk cICP of a PNG: primaries and transfer function by their numbers in ITU-T H.273.
    Cicp {
        primaries: u8,
        transfer: u8,
    },
}

/// These are the chromaticities x, y of white and of the three primaries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Primaries {
    pub white: [f32; 2],
    pub rgb: [[f32; 2]; 3],
}

impl Colours {
    /// Returns the picture in sRGB, and a sentence where that took a conversion or could not be done.
    pub(super) fn to_srgb(&self, image: DynamicImage) -> (DynamicImage, Option<String>) {
        match self {
            Self::Srgb => (image, None),
            Self::Icc(bytes) => match ColorProfile::new_from_slice(bytes) {
                Ok(profile) => with_profile(image, &profile, &icc_name(&profile)),
                Err(_) => (image, Some(format!("Its colour profile (ICC) is damaged; {AS_SRGB}"))),
            },
            Self::Png { gamma, primaries } => match png_profile(*gamma, *primaries, image.color().has_color()) {
                Some((profile, name)) => with_profile(image, &profile, &name),
                None => (image, Some(format!("What the PNG says of its colours (gAMA, cHRM) cannot be; {AS_SRGB}"))),
            },
            Self::Cicp { primaries, transfer } => cicp(image, *primaries, *transfer),
        }
    }
}

const AS_SRGB: &str = "it was passed over, and the colours are taken as sRGB.";

/// Returns the profile's name for itself, for a note.
fn icc_name(profile: &ColorProfile) -> String {
    let name = match &profile.description {
        Some(ProfileText::PlainString(text)) => text.as_str(),
        Some(ProfileText::Localizable(texts)) => texts.first().map_or("", |text| &text.value),
        Some(ProfileText::Description(text)) if text.ascii_string.is_empty() => &text.unicode_string,
        Some(ProfileText::Description(text)) => &text.ascii_string,
        None => "",
    };
    let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    match name.trim() {
        "" => "colour profile (ICC) without a name".into(),
        name => format!("colour profile (ICC) “{name}”"),
    }
}

fn with_profile(image: DynamicImage, profile: &ColorProfile, name: &str) -> (DynamicImage, Option<String>) {
    let wanted = if image.color().has_color() { DataColorSpace::Rgb } else { DataColorSpace::Gray };
    if profile.color_space != wanted {
        let why = format!("Its {name} is for {:?}, the picture is {wanted:?}; {AS_SRGB}", profile.color_space);
        return (image, Some(why));
    }
    match is_srgb(profile) {
        Ok(true) => (image, None),
        Ok(false) => match convert(image, profile) {
            Ok(image) => (image, Some(format!("Converted to sRGB by its {name}."))),
            Err((image, _)) => (image, Some(format!("Its {name} cannot be applied; {AS_SRGB}"))),
        },
        Err(_) => (image, Some(format!("Its {name} cannot be applied; {AS_SRGB}"))),
    }
}

/// Returns what a profile is converted to: sRGB, or grey with sRGB's curve.
fn target(of: DataColorSpace) -> ColorProfile {
    let srgb = ColorProfile::new_srgb();
    if of == DataColorSpace::Gray { grey(srgb.red_trc) } else { srgb }
}

/// Makes a profile of greys with this curve.
fn grey(curve: Option<ToneReprCurve>) -> ColorProfile {
    let mut profile = ColorProfile::new_gray_with_gamma(2.2);
    profile.gray_trc = curve;
    profile
}

/// Returns whether a profile leaves colours where they are: a grid of them, and all greys.
fn is_srgb(profile: &ColorProfile) -> Result<bool, CmsError> {
    let is_grey = profile.color_space == DataColorSpace::Gray;
    let layout = if is_grey { Layout::Gray } else { Layout::Rgb };
    let to = target(profile.color_space);
    let executor = profile.create_transform_8bit(layout, &to, layout, TransformOptions::default())?;
    let mut colours: Vec<u8> = if is_grey { (0..=255).collect() } else { (0..=255).flat_map(|v| [v; 3]).collect() };
    if !is_grey {
        let grid = || (0..=255_u8).step_by(51);
        colours.extend(grid().flat_map(|r| grid().flat_map(move |g| grid().flat_map(move |b| [r, g, b]))));
    }
    let mut converted = vec![0; colours.len()];
    executor.transform(&colours, &mut converted)?;
    Ok(colours.iter().zip(&converted).all(|(before, after)| before.abs_diff(*after) <= SAME))
}

/// Converts a picture; where that fails it comes back as it was.
fn convert(image: DynamicImage, profile: &ColorProfile) -> Result<DynamicImage, (DynamicImage, CmsError)> {
    let layout = match (image.color().has_color(), image.color().has_alpha()) {
        (false, false) => Layout::Gray,
        (false, true) => Layout::GrayAlpha,
        (true, false) => Layout::Rgb,
        (true, true) => Layout::Rgba,
    };
    let to = target(profile.color_space);
    let options = TransformOptions::default();
    let mut image = match image {
        DynamicImage::ImageRgb32F(_) => DynamicImage::ImageRgb16(image.into_rgb16()),
        DynamicImage::ImageRgba32F(_) => DynamicImage::ImageRgba16(image.into_rgba16()),
        other => other,
    };
    let channels = usize::from(image.color().channel_count());
    let eight = || profile.create_transform_8bit(layout, &to, layout, options);
    let sixteen = || profile.create_transform_16bit(layout, &to, layout, options);
    let done = match &mut image {
        DynamicImage::ImageLuma8(image) => eight().and_then(|executor| run(&*executor, image, channels)),
        DynamicImage::ImageLumaA8(image) => eight().and_then(|executor| run(&*executor, image, channels)),
        DynamicImage::ImageRgb8(image) => eight().and_then(|executor| run(&*executor, image, channels)),
        DynamicImage::ImageRgba8(image) => eight().and_then(|executor| run(&*executor, image, channels)),
        DynamicImage::ImageLuma16(image) => sixteen().and_then(|executor| run(&*executor, image, channels)),
        DynamicImage::ImageLumaA16(image) => sixteen().and_then(|executor| run(&*executor, image, channels)),
        DynamicImage::ImageRgb16(image) => sixteen().and_then(|executor| run(&*executor, image, channels)),
        DynamicImage::ImageRgba16(image) => sixteen().and_then(|executor| run(&*executor, image, channels)),
        _ => Err(CmsError::InvalidLayout),
    };
    match done {
        Ok(()) => Ok(image),
        Err(error) => Err((image, error)),
    }
}

/// Converts values in place, a piece at a time: a large picture is never there twice.
fn run<T: Copy + Default + Send + Sync>(
    executor: &(dyn TransformExecutor<T> + Send + Sync),
    values: &mut [T],
    channels: usize,
) -> Result<(), CmsError> {
    const PIECE: usize = 1 << 14;
    values.par_chunks_mut(PIECE * channels).try_for_each_init(Vec::new, |before: &mut Vec<T>, piece| {
        before.clear();
        before.extend_from_slice(piece);
        executor.transform(before, piece)
    })
}

/// Makes RGB of inks (cyan, magenta, yellow, black; 0 is none), by a profile for them where there is one.
pub(super) fn inks_to_rgb(inks: &[u8], width: u32, height: u32, icc: Option<&[u8]>) -> (DynamicImage, String) {
    let mut rgb = vec![0; inks.len() / 4 * 3];
    let note = match icc.map(ColorProfile::new_from_slice) {
        None => naive(inks, &mut rgb),
        Some(Ok(profile)) if profile.color_space == DataColorSpace::Cmyk => {
            let to = ColorProfile::new_srgb();
            let executor = profile.create_transform_8bit(Layout::Rgba, &to, Layout::Rgb, TransformOptions::default());
            match executor.and_then(|executor| executor.transform(inks, &mut rgb)) {
                Ok(()) => format!("CMYK, converted to sRGB by its {}.", icc_name(&profile)),
                Err(_) => format!("{} Its {} cannot be applied.", naive(inks, &mut rgb), icc_name(&profile)),
            }
        }
        Some(Ok(profile)) => {
            let name = icc_name(&profile);
            format!("{} Its {name} is for {:?}, not for CMYK.", naive(inks, &mut rgb), profile.color_space)
        }
        Some(Err(_)) => format!("{} The profile (ICC) in it is damaged.", naive(inks, &mut rgb)),
    };
    let image = ImageBuffer::from_raw(width, height, rgb).unwrap_or_default();
    (DynamicImage::ImageRgb8(image), note)
}

/// Takes every ink as a filter that lets through what is left of it.
fn naive(inks: &[u8], rgb: &mut [u8]) -> String {
    for (ink, rgb) in inks.chunks_exact(4).zip(rgb.chunks_exact_mut(3)) {
        let black = 255 - u32::from(ink[3]);
        for (value, ink) in rgb.iter_mut().zip(ink) {
            *value = (((255 - u32::from(*ink)) * black + 127) / 255) as u8;
        }
    }
    "CMYK, converted to RGB without a colour profile.".into()
}

/// Makes a profile of a PNG's gamma and primaries; none where they are no colours.
fn png_profile(gamma: Option<f32>, primaries: Option<Primaries>, has_color: bool) -> Option<(ColorProfile, String)> {
    let exponent = gamma.map(|gamma| 1.0 / gamma);
    if exponent.is_some_and(|exponent| !(0.1..=10.0).contains(&exponent)) {
        return None;
    }
    let name = match gamma {
        Some(gamma) if primaries.is_some() => format!("gamma (gAMA {gamma:.5}) and primaries (cHRM)"),
        Some(gamma) => format!("gamma (gAMA {gamma:.5})"),
        None => "primaries (cHRM)".into(),
    };
    // A gamma of 1/2.2 within five in a hundred means sRGB's curve, as libpng takes it.
    let exponent = exponent.filter(|exponent| (exponent / 2.2 - 1.0).abs() > 0.05);
    if !has_color {
        let grey = target(DataColorSpace::Gray);
        return Some((exponent.map_or(grey, ColorProfile::new_gray_with_gamma), name));
    }
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    if let Some(Primaries { white, rgb }) = primaries {
        if ![&[white], &rgb[..]].concat().iter().all(|[x, y]| (0.0..=1.0).contains(x) && (1e-4..=1.0).contains(y)) {
            return None;
        }
        let [red, green, blue] = rgb.map(|[x, y]| Chromaticity::new(x, y));
        let white = XyY::new(f64::from(white[0]), f64::from(white[1]), 1.0);
        profile.update_rgb_colorimetry(white, ColorPrimaries { red, green, blue });
        let all = [profile.red_colorant, profile.green_colorant, profile.blue_colorant];
        if !all.iter().all(|colorant| [colorant.x, colorant.y, colorant.z].iter().all(|v| v.is_finite())) {
            return None;
        }
    }
    if let Some(exponent) = exponent {
        let curve = Some(ToneReprCurve::Parametric(vec![exponent]));
        (profile.red_trc, profile.green_trc, profile.blue_trc) = (curve.clone(), curve.clone(), curve);
    }
    Some((profile, name))
}

fn cicp(image: DynamicImage, primaries: u8, transfer: u8) -> (DynamicImage, Option<String>) {
    let name = format!("colours (cICP {primaries}, {transfer})");
    // Perceptual quantiser and hybrid log-gamma: brighter than a screen's white.
    if matches!(transfer, 16 | 18) {
        return (image, Some(format!("Its {name} are those of HDR, which is not read; {AS_SRGB}")));
    }
    let profile = || -> Result<ColorProfile, CmsError> {
        let mut profile = ColorProfile::new_srgb();
        profile.cicp = None;
        // What this returns is always false; it keeps the code where it knows it.
        profile.update_rgb_colorimetry_from_cicp(CicpProfile {
            color_primaries: primaries.try_into()?,
            transfer_characteristics: TransferCharacteristics::try_from(transfer)?,
            matrix_coefficients: MatrixCoefficients::Identity,
            full_range: true,
        });
        profile.cicp.take().map(|_| profile).ok_or(CmsError::UnsupportedProfileConnection)
    };
    match profile() {
        Ok(profile) if image.color().has_color() => with_profile(image, &profile, &name),
        Ok(ColorProfile { red_trc, .. }) => with_profile(image, &grey(red_trc), &name),
        Err(_) => (image, Some(format!("Its {name} are not known; {AS_SRGB}"))),
    }
}
