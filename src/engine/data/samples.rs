//! These pictures are inside the binary, so that there is something to see at once.

use std::path::Path;

use crate::Result;
use crate::picture::{Fit, Lens, Picture, Planes, Region, decode};

#[derive(Debug)]
pub struct Sample {
    /// The name for people and the command line, such as "chelsea" or "digit-3".
    pub name: &'static str,
    pub title: &'static str,
    /// Every class of some net that is a right answer; empty where no net has one.
    pub shows: &'static [&'static str],
    pub credit: &'static str,
    /// The part to begin with, where it shows more than the whole.
    pub crop: Option<Region>,
    file: &'static [u8],
}

impl Sample {
    /// Tells whether this class is a right answer; none where no net has a class for what it shows.
    pub fn is_right(&self, class: &str) -> Option<bool> {
        (!self.shows.is_empty()).then(|| self.shows.iter().any(|right| right.eq_ignore_ascii_case(class)))
    }

    pub fn is_digit(&self) -> bool {
        self.name.starts_with("digit-")
    }

    pub fn picture(&self) -> Result<Picture> {
        decode(self.file, self.name)
    }
}

/// Returns all samples in the order in which to show them: the photos, then the digits.
pub fn samples() -> &'static [Sample] {
    SAMPLES
}

pub fn sample(name: &str) -> Option<&'static Sample> {
    SAMPLES.iter().find(|sample| sample.name == name)
}

/// Returns the samples that a net for pictures of these channels, height and width may be tried on.
pub fn trial_samples([channels, height, width]: [usize; 3]) -> impl Iterator<Item = &'static Sample> {
    let wants_digits = channels == 1 && height.max(width) <= 40;
    samples().iter().filter(move |sample| sample.is_digit() == wants_digits)
}

/// Returns what a net sees of them, the photos in parts as well, since there are few.
///
/// # Errors
/// The errors of decoding, which the tests rule out.
pub fn trial_pictures(axes: [usize; 3], fit: Fit) -> Result<Vec<Planes>> {
    let mut planes = Vec::new();
    for sample in trial_samples(axes) {
        let picture = sample.picture()?;
        planes.push(Lens::new(&picture, axes, fit, None)?.fit(&picture)?);
        let (width, height) = (picture.width as f64, picture.height as f64);
        let side = (0.75 * width.min(height)).floor();
        let corners = [[0.0, 0.0], [width - side, height - side]].into_iter().filter(|_| !sample.is_digit());
        for [left, top] in corners {
            let part = Region { left, top, width: side, height: side };
            planes.push(Lens::new(&picture, axes, fit, Some(part))?.fit(&picture)?);
        }
    }
    Ok(planes)
}

/// Returns the sample that a path on a command line means: the one of this name, unless there is such a file.
pub fn sample_unless_file(path: &Path) -> Option<&'static Sample> {
    path.to_str().and_then(sample).filter(|_| !path.exists())
}

/// These are drawn by [`super::draw_digit`] (see examples/drawn_digits.rs).
macro_rules! digit {
    ($digit:literal) => {
        Sample {
            name: concat!("digit-", $digit),
            title: concat!("A drawn ", $digit),
            shows: &[$digit],
            credit: "Drawn by this program; MIT OR Apache-2.0",
            crop: None,
            file: include_bytes!(concat!("../../../assets/digits/", $digit, ".png")),
        }
    };
}

static SAMPLES: &[Sample] = &[
    Sample {
        name: "coffee",
        title: "A cup of espresso",
        shows: &["espresso"],
        credit: "Rachel Michetti; CC0",
        // The cup fills it, and FGSM alone takes the espresso for a soup, by whatever ε from half a grey level on.
        crop: Some(Region { left: 160.0, top: 40.0, width: 320.0, height: 320.0 }),
        file: include_bytes!("../../../assets/pictures/coffee.png"),
    },
    Sample {
        name: "chelsea",
        title: "Chelsea, a cat",
        shows: &["tabby", "tabby cat", "tiger cat", "Egyptian cat"],
        credit: "Stefan van der Walt; CC0",
        crop: None,
        file: include_bytes!("../../../assets/pictures/chelsea.png"),
    },
    Sample {
        name: "rocket",
        title: "A Falcon 9 on its pad",
        shows: &["missile", "projectile"],
        credit: "SpaceX; public domain",
        // Of the whole, with its dark sky, the net says drilling platform.
        crop: Some(Region { left: 180.0, top: 60.0, width: 260.0, height: 260.0 }),
        file: include_bytes!("../../../assets/pictures/rocket.jpg"),
    },
    Sample {
        name: "astronaut",
        title: "Eileen Collins, astronaut",
        shows: &[],
        credit: "NASA; public domain",
        crop: None,
        file: include_bytes!("../../../assets/pictures/astronaut.png"),
    },
    digit!("0"),
    digit!("1"),
    digit!("2"),
    digit!("3"),
    digit!("4"),
    digit!("5"),
    digit!("6"),
    digit!("7"),
    digit!("8"),
    digit!("9"),
];
