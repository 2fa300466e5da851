//! A problem is pictures to attack, and the rules.

use std::convert::identity;
use std::sync::{Arc, OnceLock};

use candle_core::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::dlr::{Slope, descending};
use super::{Bounds, Loss, PIXELS, input_gradient};
use crate::model::{Input, Model, argmax};
use crate::picture::{Lens, Planes, to_8_bits};
use crate::{Error, Result};

/// Every attack of a series keeps to these rules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    pub loss: Loss,
    pub bounds: Option<Bounds>,
    pub seed: u64,
    /// The net is shown pictures rounded to 8 bits, and these are what an attack comes to.
    pub eight_bit: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { loss: Loss::default(), bounds: Some(PIXELS), seed: 0, eight_bit: false }
    }
}

/// This is a batch of pictures with their labels, the net that they are to fool, and how far they may move. Copies are
/// cheap and share the gradient at the untouched pictures.
#[derive(Clone)]
pub struct Problem {
    pub model: Arc<Model>,
    lens: Option<Arc<Lens>>,
    /// The untouched pictures, (n, channels, height, width) in units of the pixel range.
    pub x: Arc<[f32]>,
    pub labels: Vec<usize>,
    /// The classes to move to; none moves away from the labels.
    pub targets: Option<Vec<usize>>,
    /// These are the longest perturbations ε of the pictures, in the norm of an attack that takes one.
    pub eps: Vec<f32>,
    pub rules: Rules,
    /// The streams of random numbers of the pictures, which do not depend on the batch.
    streams: Vec<u64>,
    pub(super) clean: Arc<OnceLock<Clean>>,
}

/// This is what the net makes of the untouched pictures.
pub struct Clean {
    pub logits: Vec<f32>,
    /// The way to go, as [`Problem::gradient`] returns it.
    pub gradient: Vec<f32>,
    /// For each picture, the net is so sure of its class that rounding hides most of the cross-entropy's gradient.
    pub saturated: Vec<bool>,
}

impl Problem {
    /// Returns pictures `x`, (n, channels, height, width), that move away from `labels`, with ε = 0. Fails for pictures
    /// of another size than the net's input or outside the bounds, and for a label that is not a class.
    pub fn new(model: Arc<Model>, x: Vec<f32>, labels: Vec<usize>, rules: Rules) -> Result<Self> {
        Self::through(None, model, x, labels, rules)
    }

    /// Returns the same of pictures that the net sees through a lens, where there is one.
    pub(super) fn through(
        lens: Option<Arc<Lens>>,
        model: Arc<Model>,
        x: Vec<f32>,
        labels: Vec<usize>,
        rules: Rules,
    ) -> Result<Self> {
        let [channels, height, width] = shape(&model, lens.as_deref());
        let size = channels * height * width;
        let (found, n) = (x.len(), labels.len());
        if found != n * size {
            let message = format!("{found} pixel values for {n} pictures of {size}; expected one label each");
            return Err(Error::Argument(message));
        }
        match rules.bounds {
            Some(bounds) => bounds.check(&x)?,
            None if x.iter().all(|x| x.is_finite()) => {}
            None => return Err(Error::Argument("the picture holds a value that is not a finite number".into())),
        }
        check_classes(&model, &labels)?;
        let (eps, streams) = (vec![0.0; n], (0..n as u64).collect());
        Ok(Self { model, lens, x: x.into(), labels, targets: None, eps, rules, streams, clean: Arc::default() })
    }

    /// Returns the same with this ε of at least 0 for all pictures, or one for each.
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

    /// Returns the same, but towards these classes, one for each picture.
    pub fn towards(&self, targets: Vec<usize>) -> Result<Self> {
        check_classes(&self.model, &targets)?;
        if targets.len() != self.len() {
            let (found, n) = (targets.len(), self.len());
            return Err(Error::Argument(format!("{found} targets for {n} pictures; expected one for each")));
        }
        Ok(Self { targets: Some(targets), clean: Arc::default(), ..self.clone() })
    }

    /// Returns the same as part of a larger set from picture `first` on, which decides the random choices.
    pub fn numbered_from(mut self, first: usize) -> Self {
        self.streams = (0..self.len()).map(|i| (first + i) as u64).collect();
        self
    }

    /// Returns the same pictures for another net that takes such.
    pub(crate) fn asking(&self, model: Arc<Model>) -> Self {
        Self { model, clean: Arc::default(), ..self.clone() }
    }

    pub(super) fn subset(&self, which: &[usize]) -> Self {
        let some = |values: &[usize]| which.iter().map(|&i| values[i]).collect();
        let clean = self.clean.get().map(|known| Clean {
            logits: gather(&known.logits, self.classes(), which),
            gradient: gather(&known.gradient, self.size(), which),
            saturated: which.iter().map(|&i| known.saturated[i]).collect(),
        });
        Self {
            model: self.model.clone(),
            lens: self.lens.clone(),
            x: gather(&self.x, self.size(), which).into(),
            labels: some(&self.labels),
            targets: self.targets.as_deref().map(some),
            eps: which.iter().map(|&i| self.eps[i]).collect(),
            rules: self.rules,
            streams: which.iter().map(|&i| self.streams[i]).collect(),
            clean: Arc::new(clean.map(OnceLock::from).unwrap_or_default()),
        }
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    pub fn size(&self) -> usize {
        self.axes().iter().product()
    }

    /// Returns channels, height and width of the pictures.
    pub fn axes(&self) -> [usize; 3] {
        shape(&self.model, self.lens.as_deref())
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

    pub fn generator(&self, i: usize) -> ChaCha8Rng {
        let mut generator = ChaCha8Rng::seed_from_u64(self.rules.seed);
        generator.set_stream(self.streams[i]);
        generator
    }

    /// Returns what the net makes of the untouched pictures; it is computed once.
    pub fn clean(&self) -> Result<&Clean> {
        if let Some(clean) = self.clean.get() {
            return Ok(clean);
        }
        let all: Vec<usize> = (0..self.len()).collect();
        let clean = self.follow(&self.x, &all)?;
        Ok(self.clean.get_or_init(|| clean))
    }

    /// Returns the pictures that do not fool the net as they are.
    pub(super) fn standing(&self) -> Result<Vec<usize>> {
        let logits = self.clean()?.logits.chunks(self.classes()).enumerate();
        Ok(logits.filter(|(i, logits)| !self.fooled(*i, logits)).map(|(i, _)| i).collect())
    }

    /// Returns those of them that have an ε to move in.
    pub(super) fn movable(&self) -> Result<Vec<usize>> {
        Ok(self.standing()?.into_iter().filter(|&i| self.eps[i] > 0.0).collect())
    }

    /// Returns the classes of each untouched picture from the most probable one down.
    pub(super) fn ranked(&self) -> Result<Vec<Vec<usize>>> {
        Ok(self.clean()?.logits.chunks(self.classes()).map(descending).collect())
    }

    /// Returns the way to go from `at` for the pictures `which`: up the label's loss, or down the target's.
    pub fn gradient(&self, at: &[f32], which: &[usize]) -> Result<Vec<f32>> {
        Ok(self.follow(at, which)?.gradient)
    }

    fn follow(&self, at: &[f32], which: &[usize]) -> Result<Clean> {
        let classes: Vec<usize> = which.iter().map(|&i| self.followed(i)).collect();
        let found = input_gradient(&self.model, &self.tensor(at, identity)?, &classes, self.rules.loss)?;
        let mut gradient = self.for_pixels(&found.gradient)?;
        let direction = if self.targets.is_some() { -1.0 } else { 1.0 };
        gradient.iter_mut().for_each(|g| *g = direction * finite(*g));
        Ok(Clean { logits: found.logits.flatten_all()?.to_vec1()?, gradient, saturated: found.saturated })
    }

    /// Returns the logits of pictures `at`, and `count` gradients of `Σ logits · d` for each, (rows, count, channels,
    /// height, width), where `d = of_logits(row, number, logits)`.
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
        let mut gradients = self.for_pixels(&gradients)?;
        gradients.iter_mut().for_each(|g| *g = finite(*g));
        Ok((logits.flatten_all()?.to_vec1()?, gradients))
    }

    pub fn shown(&self, at: &[f32]) -> Vec<f32> {
        let mut shown = at.to_vec();
        if self.rules.eight_bit {
            to_8_bits(&mut shown);
        }
        shown
    }

    /// Returns the logits of any number of pictures `at` as the net is shown them; photos are fitted to 8 bits.
    pub fn logits(&self, at: &[f32]) -> Result<Vec<f32>> {
        if at.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.model.logits(&self.tensor(&self.shown(at), Planes::on_grid)?)?.flatten_all()?.to_vec1()?)
    }

    fn for_pixels(&self, gradients: &Tensor) -> Result<Vec<f32>> {
        for_pixels(&self.model, self.lens.as_deref(), gradients.flatten_all()?.to_vec1()?)
    }

    fn tensor(&self, at: &[f32], shown: fn(Planes) -> Planes) -> Result<Tensor> {
        if self.lens.is_none() {
            let &Input { channels, height, width, .. } = self.model.input();
            return Ok(Tensor::from_slice(at, (at.len() / self.size(), channels, height, width), &Device::Cpu)?);
        }
        let pictures = at.chunks_exact(self.size()).map(<[f32]>::to_vec);
        seen(&self.model, self.lens.as_deref(), pictures, shown)
    }

    /// Returns what the problem's loss makes of the logits of picture `i`: up the label's, or down the target's.
    pub(super) fn slope(&self, i: usize, logits: &[f32]) -> Slope {
        let (class, direction) = ([self.followed(i)], if self.targets.is_some() { -1.0 } else { 1.0 });
        let Rules { loss, .. } = self.rules;
        // Only fails for classes that do not exist.
        let value = loss.values(logits, &class).map_or(f32::NAN, |values| direction * values[0]);
        let of_logits = loss.gradient(logits, &class, direction).unwrap_or_else(|_| vec![0.0; logits.len()]);
        Slope { value, of_logits }
    }

    /// Returns how far the net is from what the attack on picture `i` is after.
    pub(super) fn margin(&self, i: usize, logits: &[f32]) -> Margin {
        let class = self.followed(i);
        let others = (0..logits.len()).filter(|&k| k != class);
        let other = others.reduce(|best, k| if logits[k] > logits[best] { k } else { best }).unwrap_or(class);
        let (down, up) = if self.targets.is_some() { (other, class) } else { (class, other) };
        Margin { value: logits[down] - logits[up], down, up }
    }

    /// Tells for each of the pictures `which` whether it fools the net where `at`, which holds all pictures, has it.
    /// `logits` are those of the pictures as they are; where the net is shown them rounded, these decide.
    pub(super) fn fooling(&self, at: &[f32], which: &[usize], logits: &[f32]) -> Result<Vec<bool>> {
        let rows = which.iter().zip(logits.chunks(self.classes()));
        let fooled: Vec<bool> = rows.map(|(&i, logits)| self.fooled(i, logits)).collect();
        if !self.rules.eight_bit && self.lens.is_none() {
            return Ok(fooled);
        }
        let seem: Vec<usize> = which.iter().zip(&fooled).filter(|(_, fooled)| **fooled).map(|(&i, _)| i).collect();
        let not = self.not_fooled(at, &seem)?;
        Ok(which.iter().zip(fooled).map(|(i, fooled)| fooled && !not.contains(i)).collect())
    }

    /// Returns those of `which` that do not fool the net yet, where `at` holds all pictures.
    pub(super) fn not_fooled(&self, at: &[f32], which: &[usize]) -> Result<Vec<usize>> {
        let logits = self.logits(&gather(at, self.size(), which))?;
        let rows = which.iter().zip(logits.chunks(self.classes()));
        Ok(rows.filter(|(i, logits)| !self.fooled(**i, logits)).map(|(i, _)| *i).collect())
    }
}

/// This is `z_label − max others`, or `max others − z_target`: below 0 the net is fooled.
pub(super) struct Margin {
    pub value: f32,
    pub down: usize,
    pub up: usize,
}

/// Returns what a net sees of pictures; through a lens, as `shown` leaves each of them.
pub(super) fn seen(
    model: &Model,
    lens: Option<&Lens>,
    pictures: impl Iterator<Item = Vec<f32>>,
    shown: fn(Planes) -> Planes,
) -> Result<Tensor> {
    let ([channels, height, width], input) = (shape(model, lens), model.input());
    let (mut seen, mut count) = (Vec::new(), 0);
    // One after another: many versions of a large photo take gigabytes.
    for values in pictures {
        count += 1;
        seen.extend(match lens {
            None => values,
            Some(lens) => shown(lens.see(&Planes { channels, height, width, values })?).values,
        });
    }
    Ok(Tensor::from_vec(seen, (count, input.channels, input.height, input.width), &Device::Cpu)?)
}

/// Returns gradients for the net's input as gradients for the pixels of the pictures.
pub(super) fn for_pixels(model: &Model, lens: Option<&Lens>, gradients: Vec<f32>) -> Result<Vec<f32>> {
    let Some(lens) = lens else { return Ok(gradients) };
    let [channels, height, width] = shape(model, None);
    let mut all = Vec::new();
    for gradient in gradients.chunks_exact(channels * height * width) {
        all.extend(lens.adjoint(&Planes { channels, height, width, values: gradient.to_vec() })?.values);
    }
    Ok(all)
}

fn shape(model: &Model, lens: Option<&Lens>) -> [usize; 3] {
    let input = model.input();
    lens.map_or([input.channels, input.height, input.width], Lens::pixels)
}

pub(super) fn gather(values: &[f32], size: usize, which: &[usize]) -> Vec<f32> {
    which.iter().flat_map(|&i| &values[i * size..(i + 1) * size]).copied().collect()
}

/// Returns the slopes of `z_up − z_down` with respect to the logits.
pub(super) fn difference(classes: usize, up: usize, down: usize) -> Vec<f32> {
    let mut slopes = vec![0.0; classes];
    slopes[up] += 1.0;
    slopes[down] -= 1.0;
    slopes
}

/// Returns the slope; one that is not a number shows no way, and an infinite one is only very steep.
fn finite(g: f32) -> f32 {
    if g.is_nan() { 0.0 } else { g.clamp(f32::MIN, f32::MAX) }
}

pub(super) fn check_classes(model: &Model, classes: &[usize]) -> Result<()> {
    let count = model.classes.len();
    if let Some(class) = classes.iter().find(|class| **class >= count) {
        let last = count - 1;
        return Err(Error::Argument(format!("there is no class {class}; the model's classes are 0 to {last}")));
    }
    Ok(())
}
