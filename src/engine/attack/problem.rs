//! Pictures to attack, and the rules.

use std::convert::identity;
use std::sync::{Arc, OnceLock};

use candle_core::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::step::to_8_bits;
use super::{Bounds, Loss, PIXELS, input_gradient};
use crate::model::{Model, argmax};
use crate::picture::{Lens, Planes};
use crate::{Error, Result};

/// The rules that every attack of a series keeps to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The loss whose slope is followed, by the attacks that follow one.
    pub loss: Loss,
    /// The range that pixels stay in.
    pub bounds: Option<Bounds>,
    /// The seed of all random choices.
    pub seed: u64,
    /// The net is shown pictures as a file of 8 bits holds them, and these are what an attack comes to. The slope that
    /// it follows is that at its own, finer pixels.
    pub eight_bit: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { loss: Loss::default(), bounds: Some(PIXELS), seed: 0, eight_bit: false }
    }
}

/// A batch of pictures with their labels, the net that they are to fool, and how far they may move. Copies are cheap
/// and share the gradient at the untouched pictures.
#[derive(Clone)]
pub struct Problem {
    pub model: Arc<Model>,
    /// The lens through which the net sees the pictures; it sees them as they are without one.
    lens: Option<Arc<Lens>>,
    /// The untouched pictures, (n, channels, height, width) in units of the pixel range.
    pub x: Arc<[f32]>,
    pub labels: Vec<usize>,
    /// The classes to move to; without them the pictures move away from their labels.
    pub targets: Option<Vec<usize>>,
    /// ε of each picture: the longest perturbation, in the norm of an attack that takes one.
    pub eps: Vec<f32>,
    pub rules: Rules,
    /// The stream of random numbers of each picture, so that they do not depend on the batch.
    streams: Vec<u64>,
    clean: Arc<OnceLock<Clean>>,
}

/// What the net makes of the untouched pictures.
pub struct Clean {
    /// The logits, (n, classes).
    pub logits: Vec<f32>,
    /// The way to go: see [`Problem::gradient`].
    pub gradient: Vec<f32>,
    /// The net is so sure of the class that is followed that rounding hides most of the cross-entropy's gradient.
    pub saturated: Vec<bool>,
}

impl Problem {
    /// Returns `x` (n, channels, height, width) away from `labels`, with ε = 0.
    ///
    /// # Errors
    /// Pictures of another size than the net's input or outside the bounds, or a label that is not a class.
    pub fn new(model: Arc<Model>, x: Vec<f32>, labels: Vec<usize>, rules: Rules) -> Result<Self> {
        Self::through(None, model, x, labels, rules)
    }

    /// Returns the same problem of pictures that the net sees through a lens, where there is one.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn through(
        lens: Option<Arc<Lens>>,
        model: Arc<Model>,
        x: Vec<f32>,
        labels: Vec<usize>,
        rules: Rules,
    ) -> Result<Self> {
        let (channels, height, width) = shape(&model, lens.as_deref());
        let size = channels * height * width;
        if x.len() != labels.len() * size {
            let found = x.len();
            let message =
                format!("{found} pixel values for {} pictures of {size}; expected one label each", labels.len());
            return Err(Error::Argument(message));
        }
        match rules.bounds {
            Some(bounds) => bounds.check(&x)?,
            None if x.iter().all(|x| x.is_finite()) => {}
            None => return Err(Error::Argument("the picture holds a value that is not a finite number".into())),
        }
        check_classes(&model, &labels)?;
        let n = labels.len();
        let streams = (0..n as u64).collect();
        Ok(Self {
            model,
            lens,
            x: x.into(),
            labels,
            targets: None,
            eps: vec![0.0; n],
            rules,
            streams,
            clean: Arc::default(),
        })
    }

    /// Returns the same with this ε, one for all pictures or one for each.
    ///
    /// # Errors
    /// ε below 0 or not a number, or a wrong number of them.
    pub fn with_eps(&self, eps: &[f32]) -> Result<Self> {
        if let Some(bad) = eps.iter().find(|eps| !(eps.is_finite() && **eps >= 0.0)) {
            let message = format!("ε is {bad}; expected a number of at least 0 in units of the pixel range");
            return Err(Error::Argument(message));
        }
        let eps = match eps {
            &[eps] => vec![eps; self.len()],
            _ if eps.len() == self.len() => eps.to_vec(),
            _ => {
                let (found, n) = (eps.len(), self.len());
                return Err(Error::Argument(format!("{found} values of ε for {n} pictures; expected 1 or {n}")));
            }
        };
        Ok(Self { eps, ..self.clone() })
    }

    /// Returns the same, but towards these classes.
    ///
    /// # Errors
    /// A wrong number of targets, or one that is not a class.
    pub fn towards(&self, targets: Vec<usize>) -> Result<Self> {
        check_classes(&self.model, &targets)?;
        if targets.len() != self.len() {
            let (found, n) = (targets.len(), self.len());
            return Err(Error::Argument(format!("{found} targets for {n} pictures; expected one for each")));
        }
        Ok(Self { targets: Some(targets), clean: Arc::default(), ..self.clone() })
    }

    /// Returns the same as part of a larger set, whose picture number `first` is the first one here: random choices
    /// are those of that number.
    pub fn numbered_from(mut self, first: usize) -> Self {
        self.streams = (0..self.len()).map(|i| (first + i) as u64).collect();
        self
    }

    /// Returns the same, where what the net makes of the untouched pictures is known already.
    pub(super) fn knowing(self, clean: Clean) -> Self {
        Self { clean: Arc::new(OnceLock::from(clean)), ..self }
    }

    /// Returns the same pictures for another net that takes such.
    pub(crate) fn asking(&self, model: Arc<Model>) -> Self {
        Self { model, clean: Arc::default(), ..self.clone() }
    }

    /// Returns some of the pictures.
    pub(super) fn subset(&self, which: &[usize]) -> Self {
        let some = |values: &[usize]| which.iter().map(|&i| values[i]).collect();
        let clean = OnceLock::new();
        if let Some(known) = self.clean.get() {
            let _ = clean.set(Clean {
                logits: gather(&known.logits, self.classes(), which),
                gradient: gather(&known.gradient, self.size(), which),
                saturated: which.iter().map(|&i| known.saturated[i]).collect(),
            });
        }
        Self {
            model: self.model.clone(),
            lens: self.lens.clone(),
            x: gather(&self.x, self.size(), which).into(),
            labels: some(&self.labels),
            targets: self.targets.as_deref().map(some),
            eps: which.iter().map(|&i| self.eps[i]).collect(),
            rules: self.rules,
            streams: which.iter().map(|&i| self.streams[i]).collect(),
            clean: Arc::new(clean),
        }
    }

    /// Returns the number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values of one picture.
    pub fn size(&self) -> usize {
        let (channels, height, width) = shape(&self.model, self.lens.as_deref());
        channels * height * width
    }

    pub fn classes(&self) -> usize {
        self.model.classes.len()
    }

    /// Returns the class whose loss is followed: the target or the label.
    pub fn followed(&self, i: usize) -> usize {
        self.targets.as_ref().map_or(self.labels[i], |targets| targets[i])
    }

    /// Tells whether these logits are what the attack on picture `i` is after.
    pub fn fooled(&self, i: usize, logits: &[f32]) -> bool {
        let says = argmax(logits);
        let wanted = self.targets.as_ref().map_or(says != self.labels[i], |targets| says == targets[i]);
        wanted && logits.iter().all(|z| !z.is_nan())
    }

    /// Returns the generator of the random choices for picture `i`.
    pub fn generator(&self, i: usize) -> ChaCha8Rng {
        let mut generator = ChaCha8Rng::seed_from_u64(self.rules.seed);
        generator.set_stream(self.streams[i]);
        generator
    }

    /// Returns what the net makes of the untouched pictures; computed once.
    ///
    /// # Errors
    /// Those of the net.
    pub fn clean(&self) -> Result<&Clean> {
        if let Some(clean) = self.clean.get() {
            return Ok(clean);
        }
        let all: Vec<usize> = (0..self.len()).collect();
        let clean = self.follow(&self.x, &all)?;
        Ok(self.clean.get_or_init(|| clean))
    }

    /// Returns the way to go from `at` for the pictures `which`: up the loss of their labels, or down that of their
    /// targets.
    ///
    /// # Errors
    /// Those of the net.
    pub fn gradient(&self, at: &[f32], which: &[usize]) -> Result<Vec<f32>> {
        Ok(self.follow(at, which)?.gradient)
    }

    fn follow(&self, at: &[f32], which: &[usize]) -> Result<Clean> {
        let classes: Vec<usize> = which.iter().map(|&i| self.followed(i)).collect();
        let found = input_gradient(&self.model, &self.tensor(at, identity)?, &classes, self.rules.loss)?;
        let mut gradient = self.for_pixels(found.gradient.flatten_all()?.to_vec1()?)?;
        let direction = if self.targets.is_some() { -1.0 } else { 1.0 };
        gradient.iter_mut().for_each(|g| *g = direction * finite(*g));
        Ok(Clean { logits: found.logits.flatten_all()?.to_vec1()?, gradient, saturated: found.saturated })
    }

    /// Returns the logits of pictures `at`, and `count` gradients for each, (rows, count, channels, height, width):
    /// those of `Σ logits · d` with respect to its pixels, where `d = of_logits(row, number, logits)`.
    ///
    /// # Errors
    /// Those of the net.
    pub fn gradients(
        &self,
        at: &[f32],
        count: usize,
        of_logits: impl Fn(usize, usize, &[f32]) -> Vec<f32> + Sync,
    ) -> Result<(Vec<f32>, Vec<f32>)> {
        let classes = self.classes();
        let of_rows = |first: usize, number: usize, logits: &[f32]| -> Vec<f32> {
            let rows = logits.chunks(classes).enumerate();
            rows.flat_map(|(row, logits)| of_logits(first + row, number, logits)).collect()
        };
        let (logits, gradients) = self.model.gradients(&self.tensor(at, identity)?, count, of_rows)?;
        let mut gradients = self.for_pixels(gradients.flatten_all()?.to_vec1()?)?;
        gradients.iter_mut().for_each(|g| *g = finite(*g));
        Ok((logits.flatten_all()?.to_vec1()?, gradients))
    }

    /// Returns pictures as the net is shown them: rounded to 8 bits, if the rules say so.
    pub fn shown(&self, at: &[f32]) -> Vec<f32> {
        let mut shown = at.to_vec();
        if self.rules.eight_bit {
            to_8_bits(&mut shown);
        }
        shown
    }

    /// Returns the logits of pictures `at`, as many as there are, as the net is shown them.
    ///
    /// # Errors
    /// Those of the net.
    pub fn logits(&self, at: &[f32]) -> Result<Vec<f32>> {
        if at.is_empty() {
            return Ok(Vec::new());
        }
        // A net is shown photos fitted to 8 bits.
        Ok(self.model.logits(&self.tensor(&self.shown(at), Planes::on_grid)?)?.flatten_all()?.to_vec1()?)
    }

    /// Returns what the net sees of pictures `at`; through a lens, as `shown` leaves it.
    fn tensor(&self, at: &[f32], shown: fn(Planes) -> Planes) -> Result<Tensor> {
        seen(&self.model, self.lens.as_deref(), at, shown)
    }

    fn for_pixels(&self, gradients: Vec<f32>) -> Result<Vec<f32>> {
        for_pixels(&self.model, self.lens.as_deref(), gradients)
    }

    /// Returns those of `which` that `at` does not fool yet; `at` holds all pictures.
    pub(super) fn not_fooled(&self, at: &[f32], which: &[usize]) -> Result<Vec<usize>> {
        let logits = self.logits(&gather(at, self.size(), which))?;
        let rows = which.iter().zip(logits.chunks(self.classes()));
        Ok(rows.filter(|(i, logits)| !self.fooled(**i, logits)).map(|(i, _)| *i).collect())
    }
}

/// Returns what a net sees of pictures `at`, (n, channels, height, width); through a lens, as `shown` leaves it.
pub(super) fn seen(model: &Model, lens: Option<&Lens>, at: &[f32], shown: fn(Planes) -> Planes) -> Result<Tensor> {
    let (channels, height, width) = shape(model, lens);
    let size = channels * height * width;
    let input = model.input();
    let shape = (at.len() / size, input.channels, input.height, input.width);
    let Some(lens) = lens else { return Ok(Tensor::from_slice(at, shape, &Device::Cpu)?) };
    let mut seen = Vec::with_capacity(shape.0 * shape.1 * shape.2 * shape.3);
    for pixels in at.chunks_exact(size) {
        seen.extend(shown(lens.see(&Planes { channels, height, width, values: pixels.to_vec() })?).values);
    }
    Ok(Tensor::from_vec(seen, shape, &Device::Cpu)?)
}

/// Returns gradients for the net's input as gradients for the pictures' pixels.
pub(super) fn for_pixels(model: &Model, lens: Option<&Lens>, gradients: Vec<f32>) -> Result<Vec<f32>> {
    let Some(lens) = lens else { return Ok(gradients) };
    let (channels, height, width) = shape(model, None);
    let mut all = Vec::new();
    for gradient in gradients.chunks_exact(channels * height * width) {
        all.extend(lens.adjoint(&Planes { channels, height, width, values: gradient.to_vec() })?.values);
    }
    Ok(all)
}

/// Returns the channels, the height and the width of a picture.
fn shape(model: &Model, lens: Option<&Lens>) -> (usize, usize, usize) {
    let input = model.input();
    lens.map_or((input.channels, input.height, input.width), Lens::pixels)
}

/// Returns rows `which` of an array with rows of `size` values.
pub(super) fn gather(values: &[f32], size: usize, which: &[usize]) -> Vec<f32> {
    which.iter().flat_map(|&i| &values[i * size..(i + 1) * size]).copied().collect()
}

/// Returns a slope that is not a number shows no way; an infinite one is only very steep.
fn finite(g: f32) -> f32 {
    if g.is_nan() { 0.0 } else { g.clamp(f32::MIN, f32::MAX) }
}

fn check_classes(model: &Model, classes: &[usize]) -> Result<()> {
    match classes.iter().find(|&&class| class >= model.classes.len()) {
        Some(class) => {
            let last = model.classes.len() - 1;
            Err(Error::Argument(format!("there is no class {class}; the model's classes are 0 to {last}")))
        }
        None => Ok(()),
    }
}
