//! This is an attack on one picture, with all that a person wants to know of it.

use std::convert::identity;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::problem::{check_classes, for_pixels, seen};
use super::{Attack, Clean, Goal, Label, Loss, Norm, Problem, Rules, Verdict, finish, input_gradient};
use crate::model::{Guess, Model, argmax};
use crate::picture::{CROP, Lens, Picture, Planes, Region, open, png_crop, save_png};
use crate::units::LEVELS;
use crate::{Error, Result};

/// A photo of more pixels is not attacked at its own resolution: those of 1920×1080, and some more.
pub const MAX_PHOTO_PIXELS: usize = 1 << 21;

/// Returns the largest middle part of a photo that can be attacked, where a lens shows too much of it.
pub fn attackable_part(lens: &Lens) -> Option<Region> {
    let (_, _, width, height) = lens.support();
    (width * height > MAX_PHOTO_PIXELS).then(|| lens.middle(MAX_PHOTO_PIXELS))
}

/// These are the pixels that an attack moves: what the net sees, or a photo's own.
#[derive(Clone)]
pub struct AttackInput {
    pub pixels: Arc<Planes>,
    photo: Option<Photo>,
}

#[derive(Clone)]
struct Photo {
    picture: Arc<Picture>,
    lens: Arc<Lens>,
}

impl<P: Into<Arc<Planes>>> From<P> for AttackInput {
    fn from(fitted: P) -> Self {
        Self { pixels: fitted.into(), photo: None }
    }
}

impl AttackInput {
    /// Returns what a lens shows of a picture: the picture's own pixels, or those of the net's input.
    pub fn new(picture: &Arc<Picture>, lens: Lens, own_pixels: bool) -> Result<Self> {
        if own_pixels { Self::photo(picture.clone(), lens) } else { Ok(lens.fit(picture)?.into()) }
    }

    /// Returns a photo at its own resolution. Fails where the lens shows more than [`MAX_PHOTO_PIXELS`] of it, or is
    /// made for another shape.
    pub fn photo(picture: Arc<Picture>, lens: Lens) -> Result<Self> {
        let (_, _, width, height) = lens.support();
        if width * height > MAX_PHOTO_PIXELS {
            return Err(Error::Argument(format!(
                "the net sees {width}×{height} pixels of this photo, which is too much to attack at its own \
                 resolution; expected at most {:.1} megapixels: choose a smaller crop, or attack what the net sees",
                MAX_PHOTO_PIXELS as f32 / 1e6
            )));
        }
        let pixels = Arc::new(lens.cut(&picture)?);
        Ok(Self { pixels, photo: Some(Photo { picture, lens: lens.into() }) })
    }

    pub fn is_photo(&self) -> bool {
        self.photo.is_some()
    }

    /// Returns the same, but all of it mid-grey.
    pub fn all_grey(&self) -> Self {
        let grey = self.pixels.with_values(vec![0.5; self.pixels.values.len()]);
        Self { pixels: grey.into(), photo: self.photo.clone() }
    }

    /// Returns the same pixels as another net is shown them. Fails where it sees other pixels than these.
    pub fn seen_by(&self, model: &Model) -> Result<Self> {
        let (other, is_same) = match &self.photo {
            Some(Photo { picture, lens }) => {
                let other = Self::photo(picture.clone(), model.lens(picture, lens.crop())?)?;
                let is_same = other.pixels.values == self.pixels.values;
                (other, is_same)
            }
            None => {
                let (input, pixels) = (model.input(), &self.pixels);
                let shape = [pixels.channels, pixels.height, pixels.width];
                (self.clone(), [input.channels, input.height, input.width] == shape)
            }
        };
        if is_same {
            return Ok(other);
        }
        let name = &model.manifest.name;
        Err(Error::Argument(format!(
            "{name} sees other pixels than the first net, so that the same plane does not fit it"
        )))
    }

    fn lens(&self) -> Option<&Arc<Lens>> {
        self.photo.as_ref().map(|photo| &photo.lens)
    }

    /// Returns the net's answer to other pixels. It is shown photos fitted to 8 bits, as a saved one is.
    pub fn probabilities(&self, model: &Model, pixels: &Planes) -> Result<Vec<f32>> {
        match self.lens() {
            None => model.probabilities(pixels),
            Some(lens) => model.probabilities(&lens.see(pixels)?.on_grid()),
        }
    }

    /// Returns the logits of other versions of these pixels, as [`Self::probabilities`] shows them.
    pub(super) fn logits(&self, model: &Model, versions: impl Iterator<Item = Vec<f32>>) -> Result<Vec<Vec<f32>>> {
        let lens = self.lens().map(Arc::as_ref);
        Ok(model.logits(&seen(model, lens, versions, Planes::on_grid)?)?.to_vec2()?)
    }

    /// Returns the whole picture with these pixels in it, as a file holds it.
    pub fn whole(&self, pixels: Picture) -> Result<Picture> {
        match &self.photo {
            None => Ok(pixels),
            Some(Photo { picture, lens }) => lens.paste(picture, &pixels),
        }
    }
}

/// This does not depend on ε: it is computed once per picture, model, label and goal, then reused while ε moves.
pub struct Baseline {
    pub goal: Goal,
    pub loss: Loss,
    pub label: usize,
    pub input: AttackInput,
    pub original: Arc<Planes>,
    pub probabilities: Vec<f32>,
    /// The gradient ∇ₓ of the loss of the label or of the target, at the original.
    pub gradient: Arc<Planes>,
    /// These are the logits of the gradient's pass, in which a photo is not rounded to 8 bits.
    logits: Vec<f32>,
    /// The share of pixel values whose gradient is exactly zero.
    pub zero_gradient_fraction: f32,
    /// The net is so sure of the class that rounding hides most of the cross-entropy's gradient.
    pub saturated: bool,
}

pub struct Attacked {
    input: AttackInput,
    pub adversarial: Arc<Planes>,
    /// This is `adversarial − original`.
    pub perturbation: Arc<Planes>,
    pub probabilities: Vec<f32>,
    pub verdict: Verdict,
    /// The lengths max|δ| and ‖δ‖₂, in units of the pixel range.
    pub linf: f32,
    pub l2: f32,
}

/// This is what a net says of a saved picture when the file is opened again.
#[derive(Clone, Debug)]
pub struct Reread {
    /// The answer with the crop that the file was saved with, as this program opens it.
    pub guess: Guess,
    /// The answer to the whole picture, where the file was saved with a crop.
    pub whole: Option<Guess>,
}

/// This is added to a number of grey levels before it is cut to a whole one: to the nearest (halves away from the
/// original), down, up. Differences of `f32` make 25.4999 of a half.
const ROUNDINGS: [f32; 3] = [0.5 + 1e-3, 1e-3, 1.0 - 1e-3];

impl Attacked {
    /// Returns the adversarial picture in 8 bits, for saving: of a photo, the whole photo. Every pixel moves by a whole
    /// number of grey levels, the same way for brighter and darker: rounding the sum would move up by 26 and down by 25
    /// where ε is 25.5 levels. The first of the roundings that gets the answer of the unrounded picture is taken.
    pub fn in_8_bits(&self, model: &Model) -> Result<Picture> {
        let answer = argmax(&self.probabilities);
        for rounding in ROUNDINGS {
            let picture = self.input.whole(self.rounded(rounding))?;
            let fitted = match self.input.lens() {
                None => model.fit(&picture)?,
                Some(lens) => lens.fit(&picture)?,
            };
            if argmax(&model.probabilities(&fitted)?) == answer {
                return Ok(picture);
            }
        }
        self.input.whole(self.rounded(ROUNDINGS[0]))
    }

    fn rounded(&self, rounding: f32) -> Picture {
        let moved = self.adversarial.values.iter().zip(&self.perturbation.values).map(|(&a, &d)| {
            let levels = (d.abs() * LEVELS + rounding).floor().copysign(d);
            (((a - d) * LEVELS).round() + levels) / LEVELS
        });
        self.adversarial.with_values(moved.collect()).to_picture()
    }

    /// Saves the picture as PNG, the crop of a photo with it, opens the file again and asks the net about it.
    pub fn save(&self, model: &Model, path: &Path) -> Result<Reread> {
        let crop = self.input.lens().and_then(|lens| lens.crop()).map(|crop| crop.to_string());
        let texts: Vec<_> = crop.iter().map(|crop| (CROP, crop.as_str())).collect();
        save_png(&self.in_8_bits(model)?, path, &texts)?;
        let picture = open(path)?;
        let says = |crop| -> Result<Guess> {
            let probabilities = model.probabilities(&model.lens(&picture, crop)?.fit(&picture)?)?;
            Ok(model.guess(&probabilities, argmax(&probabilities)))
        };
        let crop = png_crop(path);
        Ok(Reread { guess: says(crop)?, whole: crop.map(|_| says(None)).transpose()? })
    }
}

impl Baseline {
    /// Makes one forward and one backward pass. Fails for classes that the model does not have, and for answers that
    /// are not numbers.
    pub fn new(model: &Model, input: impl Into<AttackInput>, label: Label, goal: Goal, loss: Loss) -> Result<Self> {
        let input = input.into();
        let original = input.pixels.clone();
        let probabilities = input.probabilities(model, &original)?;
        let label = match label {
            Label::Predicted => argmax(&probabilities),
            Label::Given(index) => index,
        };
        let class = goal.class(label);
        check_classes(model, &[label, class])?;
        let (lens, pixels) = (input.lens().map(Arc::as_ref), std::iter::once(original.values.clone()));
        let passed = input_gradient(model, &seen(model, lens, pixels, identity)?, &[class], loss)?;
        let gradient = for_pixels(model, lens, passed.gradient.flatten_all()?.to_vec1()?)?;
        if gradient.iter().any(|g| !g.is_finite()) {
            return Err(Error::Argument(
                "the gradient holds values that are not numbers; the net's weights are unusable for this picture"
                    .into(),
            ));
        }
        Ok(Self {
            goal,
            loss,
            label,
            zero_gradient_fraction: passed.zero_fractions()?[0],
            saturated: passed.saturated[0],
            logits: passed.logits.flatten_all()?.to_vec1()?,
            gradient: original.with_values(gradient).into(),
            input,
            original,
            probabilities,
        })
    }

    /// Returns the picture as attacks take it, with ε = 0. Its loss takes the place of that of the rules.
    pub fn problem(&self, model: &Arc<Model>, rules: Rules) -> Result<Problem> {
        let rules = Rules { loss: self.loss, ..rules };
        let pixels = self.original.values.clone();
        let lens = self.input.lens().cloned();
        let problem = Problem::through(lens, model.clone(), pixels, vec![self.label], rules)?;
        let mut problem = match self.goal {
            Goal::Untargeted => problem,
            Goal::Targeted(target) => problem.towards(vec![target])?,
        };
        let direction = self.goal.direction();
        problem.clean = Arc::new(OnceLock::from(Clean {
            logits: self.logits.clone(),
            gradient: self.gradient.values.iter().map(|g| direction * g).collect(),
            saturated: vec![self.saturated],
        }));
        Ok(problem)
    }

    /// Runs an attack on [`Self::problem`] to its end.
    pub fn attacked(&self, attack: &dyn Attack, problem: &Problem) -> Result<Attacked> {
        let adversarial = finish(attack, problem, |_| true)?;
        self.judge(&problem.model, self.original.with_values(adversarial))
    }

    pub fn judge(&self, model: &Model, adversarial: Planes) -> Result<Attacked> {
        let probabilities = self.input.probabilities(model, &adversarial)?;
        Ok(self.judged(adversarial.into(), probabilities))
    }

    /// Returns what came of an attack, when the net's answer is known.
    pub fn judged(&self, adversarial: Arc<Planes>, probabilities: Vec<f32>) -> Attacked {
        let difference = adversarial.values.iter().zip(&self.original.values).map(|(a, x)| a - x);
        let perturbation = adversarial.with_values(difference.collect());
        Attacked {
            input: self.input.clone(),
            verdict: Verdict::of(self.label, self.goal, argmax(&probabilities)),
            linf: Norm::Linf.length(&perturbation.values),
            l2: Norm::L2.length(&perturbation.values),
            adversarial,
            perturbation: perturbation.into(),
            probabilities,
        }
    }
}
