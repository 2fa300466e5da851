//! An attack on one picture, with all that a person wants to know of it. The window and the command line share it.

use std::convert::identity;
use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use super::problem::{for_pixels, seen};
use super::{Attack, Clean, Goal, InputGradient, Label, Loss, Norm, Problem, Rules, Verdict, finish, input_gradient};
use crate::model::{Guess, Model, argmax};
use crate::picture::{CROP, Lens, Picture, Planes, Region, open, png_crop, save_png};
use crate::units::LEVELS;
use crate::{Error, Result};

/// The most pixels of a photo that are attacked at its own resolution: those of 1920×1080, and some more.
pub const MAX_PHOTO_PIXELS: usize = 1 << 21;

/// Returns the part of a photo to attack where a lens shows too much of it for its own resolution: the largest one in
/// the middle of that. `None` where it does not.
pub fn attackable_part(lens: &Lens) -> Option<Region> {
    let (_, _, width, height) = lens.support();
    (width * height > MAX_PHOTO_PIXELS).then(|| lens.middle(MAX_PHOTO_PIXELS))
}

/// The pixels that an attack moves.
#[derive(Clone)]
pub enum AttackInput {
    /// What the net sees: a picture that was fitted to it.
    Fitted(Arc<Planes>),
    /// A photo's own pixels, of which the net sees what the lens shows it.
    Photo { picture: Arc<Picture>, lens: Arc<Lens>, pixels: Arc<Planes> },
}

impl<P: Into<Arc<Planes>>> From<P> for AttackInput {
    fn from(fitted: P) -> Self {
        Self::Fitted(fitted.into())
    }
}

impl AttackInput {
    /// Returns what a lens shows of a picture: the picture's own pixels, or those of the net's input.
    ///
    /// # Errors
    /// As [`Self::photo`].
    pub fn new(picture: &Arc<Picture>, lens: Lens, own_pixels: bool) -> Result<Self> {
        if own_pixels { Self::photo(picture.clone(), lens) } else { Ok(lens.fit(picture)?.into()) }
    }

    /// Returns a photo at its own resolution.
    ///
    /// # Errors
    /// [`Error::Argument`] when the lens shows more than [`MAX_PHOTO_PIXELS`] of it, or is made for another shape.
    pub fn photo(picture: Arc<Picture>, lens: Lens) -> Result<Self> {
        let (_, _, width, height) = lens.support();
        if width * height > MAX_PHOTO_PIXELS {
            return Err(Error::Argument(format!(
                "the net sees {width}×{height} pixels of this photo, which is too much to attack at its own resolution; expected at \
                 most {:.1} megapixels: choose a smaller crop, or attack what the net sees",
                MAX_PHOTO_PIXELS as f32 / 1e6
            )));
        }
        let pixels = Arc::new(lens.cut(&picture)?);
        Ok(Self::Photo { picture, lens: Arc::new(lens), pixels })
    }

    /// Returns the pixels that move.
    pub fn pixels(&self) -> &Arc<Planes> {
        match self {
            Self::Fitted(pixels) | Self::Photo { pixels, .. } => pixels,
        }
    }

    /// Returns the same, but all of it mid-grey.
    pub fn all_grey(&self) -> Self {
        let grey = |pixels: &Planes| Arc::new(pixels.with_values(vec![0.5; pixels.values.len()]));
        match self {
            Self::Fitted(pixels) => Self::Fitted(grey(pixels)),
            Self::Photo { picture, lens, pixels } => {
                Self::Photo { picture: picture.clone(), lens: lens.clone(), pixels: grey(pixels) }
            }
        }
    }

    fn lens(&self) -> Option<&Arc<Lens>> {
        match self {
            Self::Fitted(_) => None,
            Self::Photo { lens, .. } => Some(lens),
        }
    }

    /// Returns the net's answer. It is shown photos fitted to 8 bits, so that a saved one gets the same answer.
    fn probabilities(&self, model: &Model, pixels: &Planes) -> Result<Vec<f32>> {
        match self {
            Self::Fitted(_) => model.probabilities(pixels),
            Self::Photo { lens, .. } => model.probabilities(&lens.see(pixels)?.on_grid()),
        }
    }

    /// Returns the logits of other versions of these pixels, all in one pass; of photos as [`Self::probabilities`]
    /// shows them.
    pub(super) fn logits(&self, model: &Model, versions: impl Iterator<Item = Vec<f32>>) -> Result<Vec<Vec<f32>>> {
        let (mut seen, mut count) = (Vec::new(), 0);
        // One after another: many versions of a large photo take gigabytes.
        for version in versions {
            count += 1;
            match self {
                Self::Fitted(_) => seen.extend(version),
                Self::Photo { lens, pixels, .. } => {
                    seen.extend(lens.see(&pixels.with_values(version))?.on_grid().values)
                }
            }
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        let input = model.input();
        let shape = (count, input.channels, input.height, input.width);
        Ok(model.logits(&Tensor::from_vec(seen, shape, &Device::Cpu)?)?.to_vec2()?)
    }

    /// Returns the loss's gradient for these pixels, and what else came of the pass.
    fn gradient(&self, model: &Model, pixels: &Planes, class: usize, loss: Loss) -> Result<(Planes, InputGradient)> {
        let lens = self.lens().map(Arc::as_ref);
        let passed = input_gradient(model, &seen(model, lens, &pixels.values, identity)?, &[class], loss)?;
        let gradient = for_pixels(model, lens, passed.gradient.flatten_all()?.to_vec1()?)?;
        Ok((pixels.with_values(gradient), passed))
    }

    /// Returns the whole picture with these pixels in it, as a file holds it.
    ///
    /// # Errors
    /// [`Error::Argument`] for pixels of another shape.
    pub fn whole(&self, pixels: Picture) -> Result<Picture> {
        match self {
            Self::Fitted(_) => Ok(pixels),
            Self::Photo { picture, lens, .. } => lens.paste(picture, &pixels),
        }
    }

    /// Returns the net's answer to a whole picture with the same crop.
    fn reread(&self, model: &Model, whole: &Picture) -> Result<Vec<f32>> {
        match self {
            Self::Fitted(_) => model.probabilities(&model.fit(whole)?),
            Self::Photo { lens, .. } => model.probabilities(&lens.fit(whole)?),
        }
    }
}

/// What does not depend on ε, computed once per picture, model, label and goal, then reused while ε moves.
pub struct Baseline {
    pub goal: Goal,
    pub loss: Loss,
    pub label: usize,
    pub input: AttackInput,
    pub original: Arc<Planes>,
    pub probabilities: Vec<f32>,
    /// ∇ₓ of the loss of the label or of the target, at the original.
    pub gradient: Arc<Planes>,
    /// The logits of the gradient's pass: of a photo, without the rounding to 8 bits that stands before
    /// `probabilities`.
    logits: Vec<f32>,
    /// The share of pixel values whose gradient is exactly zero.
    pub zero_gradient_fraction: f32,
    /// The net is so sure of the class that rounding hides most of the cross-entropy's gradient; [`Loss::LogOdds`]
    /// sees it.
    pub saturated: bool,
}

/// An adversarial picture.
pub struct Attacked {
    input: AttackInput,
    pub adversarial: Arc<Planes>,
    /// `adversarial − original`.
    pub perturbation: Arc<Planes>,
    pub probabilities: Vec<f32>,
    pub verdict: Verdict,
    /// max|δ| and ‖δ‖₂, in units of the pixel range.
    pub linf: f32,
    pub l2: f32,
}

/// What a net says of a saved picture when the file is opened again.
#[derive(Clone, Debug)]
pub struct Reread {
    /// With the crop that the file was saved with, as this program opens it.
    pub guess: Guess,
    /// Of the whole picture, where the file was saved with a crop.
    pub whole: Option<Guess>,
}

/// What is added to a number of grey levels before it is cut to a whole one: to the nearest (halves away from the
/// original), down, up. Differences of `f32` make 25.4999 of a half.
const ROUNDINGS: [f32; 3] = [0.5 + 1e-3, 1e-3, 1.0 - 1e-3];

impl Attacked {
    /// Returns the adversarial picture in 8 bits, for saving: of a photo, the whole photo. Every pixel moves by a
    /// whole number of grey levels, the same way for brighter and darker: rounding the sum instead would move up by
    /// 26 and down by 25 where ε is 25.5 levels. Of the roundings to the nearest, down and up it takes the first that
    /// gets the same answer as the unrounded picture.
    ///
    /// # Errors
    /// Those of the net.
    pub fn in_8_bits(&self, model: &Model) -> Result<Picture> {
        let answer = argmax(&self.probabilities);
        for rounding in ROUNDINGS {
            let picture = self.input.whole(self.rounded(rounding))?;
            if argmax(&self.input.reread(model, &picture)?) == answer {
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

    /// Saves the picture as PNG, the crop of a photo with it, opens the file again and asks the net about it: the
    /// answer is what anybody gets who opens the file.
    ///
    /// # Errors
    /// When the file cannot be written or read.
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
    /// Makes one forward and one backward pass.
    ///
    /// # Errors
    /// A label or target that the model does not have, or a net whose answers are not numbers.
    pub fn new(model: &Model, input: impl Into<AttackInput>, label: Label, goal: Goal, loss: Loss) -> Result<Self> {
        let input = input.into();
        let original = input.pixels().clone();
        let probabilities = input.probabilities(model, &original)?;
        let label = match label {
            Label::Predicted => argmax(&probabilities),
            Label::Given(index) => index,
        };
        let class = goal.class(label);
        if let Some(index) = [label, class].into_iter().find(|&index| index >= model.classes.len()) {
            let last = model.classes.len() - 1;
            return Err(Error::Argument(format!("there is no class {index}; the model's classes are 0 to {last}")));
        }
        let (gradient, passed) = input.gradient(model, &original, class, loss)?;
        if gradient.values.iter().any(|g| !g.is_finite()) {
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
            gradient: gradient.into(),
            input,
            original,
            probabilities,
        })
    }

    /// Returns the picture as attacks take it, with ε = 0. It knows the gradient already, and so its loss takes the
    /// place of that of the rules.
    ///
    /// # Errors
    /// A picture outside the bounds.
    pub fn problem(&self, model: &Arc<Model>, rules: Rules) -> Result<Problem> {
        let rules = Rules { loss: self.loss, ..rules };
        let pixels = self.original.values.clone();
        let lens = self.input.lens().cloned();
        let problem = Problem::through(lens, model.clone(), pixels, vec![self.label], rules)?;
        let problem = match self.goal {
            Goal::Untargeted => problem,
            Goal::Targeted(target) => problem.towards(vec![target])?,
        };
        let direction = self.goal.direction();
        Ok(problem.knowing(Clean {
            logits: self.logits.clone(),
            gradient: self.gradient.values.iter().map(|g| direction * g).collect(),
            saturated: vec![self.saturated],
        }))
    }

    /// Runs an attack on [`Self::problem`] to its end.
    ///
    /// # Errors
    /// Those of the attack and of the net.
    pub fn attacked(&self, attack: &dyn Attack, problem: &Problem) -> Result<Attacked> {
        let adversarial = finish(attack, problem, |_, _| true)?;
        self.judge(&problem.model, self.original.with_values(adversarial))
    }

    /// Returns what the net makes of a picture that an attack made of this one.
    ///
    /// # Errors
    /// Those of the net.
    pub fn judge(&self, model: &Model, adversarial: Planes) -> Result<Attacked> {
        let probabilities = self.probabilities_of(model, &adversarial)?;
        Ok(self.judged(adversarial.into(), probabilities))
    }

    /// Returns the net's answer to other values of the pixels.
    ///
    /// # Errors
    /// Those of the net.
    pub fn probabilities_of(&self, model: &Model, pixels: &Planes) -> Result<Vec<f32>> {
        self.input.probabilities(model, pixels)
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

    /// Returns the label with its probability on the untouched picture.
    pub fn label_guess(&self, model: &Model) -> Guess {
        model.guess(&self.probabilities, self.label)
    }
}
