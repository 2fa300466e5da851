//! This study compares the attack with other perturbations of its length: random ones, another picture's, its opposite.

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{AnsweredView, LoadNet, Study, Wish};
use crate::engine::Result;
use crate::engine::attack::{AttackInput, Baseline, Control, Label, PIXELS, Rules, alignment, eps_curve};
use crate::engine::data::{Sample, samples};
use crate::engine::model::{Guess, argmax};
use crate::engine::picture::Planes;
use crate::worker::last::{Last, Same};
use crate::worker::{Event, Revision, Source, View};

/// This is the attack beside controls of the same ε.
#[derive(Clone, Debug)]
pub struct Controls {
    pub revision: Revision,
    /// The ε in L∞: that of the attack, or the largest change of a pixel where it keeps to none.
    pub eps: f32,
    pub seed: u64,
    /// The rows; the attack is the first.
    pub rows: Vec<ControlRow>,
    /// The picture whose gradient `Control::OtherPicture` follows; `None` where the photo's own pixels are attacked.
    pub other: Option<&'static str>,
    /// The net's answer to the attack's perturbation alone, on mid-grey.
    pub alone: Guess,
}

#[derive(Clone, Debug)]
pub struct ControlRow {
    /// The control; `None` for the attack itself.
    pub control: Option<Control>,
    pub answer: Guess,
    /// The probability of the label.
    pub label_prob: f32,
    /// The alignment `<δ, ∇J> / (ε·‖∇J‖₁)` before clipping, in the attack's direction.
    pub alignment: f32,
}

/// These are the directions of some controls: they hold while only ε moves.
struct Directions {
    /// The way that the attack goes: ∇J, or −∇J towards a target.
    way: Vec<f32>,
    controls: Vec<(Control, Vec<f32>)>,
    other: Option<&'static str>,
}

/// The study of the controls computes a row a piece.
#[derive(Default)]
pub struct Comparison {
    /// The directions for ∇ₓJ at the picture and a seed.
    directions: Last<(Same<Planes>, u64), Directions>,
    rows: Last<(Revision, u64), Rows>,
}

#[derive(Default)]
struct Rows {
    rows: Vec<ControlRow>,
    are_told: bool,
}

impl Study for Comparison {
    fn is_left(&self, of: &AnsweredView, wish: &Wish) -> bool {
        wish.controls.is_some_and(|seed| !self.rows.get(&(of.revision, seed)).is_some_and(|rows| rows.are_told))
    }

    /// Computes one row; tells all when they are there.
    fn advance(&mut self, of: &AnsweredView, wish: &Wish, _: &LoadNet<'_>) -> Result<Option<Event>> {
        let Some(seed) = wish.controls else { return Ok(None) };
        let Rows { mut rows, .. } = self.rows.take(&(of.revision, seed)).unwrap_or_default();
        let gradient = (Same(of.baseline.gradient.clone()), seed);
        let directions = match self.directions.take(&gradient) {
            Some(known) => known,
            None => Directions::new(of, seed)?,
        };
        let eps = of.eps();
        let mut told = None;
        match rows.len().checked_sub(1).map(|at| directions.controls.get(at)) {
            None => {
                // One step of the sign is measured before clipping, as the controls are.
                let perturbation = match of.view.is_fgsm() {
                    true => of.way().iter().map(|d| eps * d).collect(),
                    false => of.attacked.perturbation.values.clone(),
                };
                rows.push(row(of, None, &of.attacked.probabilities, &perturbation, &directions));
            }
            Some(Some((control, direction))) => {
                let found = eps_curve(&of.model, &of.baseline.input, direction, &[eps], of.view.rules())?;
                let perturbation: Vec<f32> = direction.iter().map(|d| eps * d).collect();
                rows.push(row(of, Some(*control), &found.probabilities[0], &perturbation, &directions));
            }
            Some(None) => {
                let (rows, other, alone) = (rows.clone(), directions.other, alone(of)?);
                let controls = Controls { revision: of.revision, eps, seed, rows, other, alone };
                told = Some(Event::Controls(Box::new(controls)));
            }
        }
        self.directions.set(gradient, directions);
        self.rows.set((of.revision, seed), Rows { rows, are_told: told.is_some() });
        Ok(told)
    }
}

impl Directions {
    fn new(of: &AnsweredView, seed: u64) -> Result<Self> {
        let baseline = &of.baseline;
        let toward = baseline.goal.direction();
        let turned = |gradient: &[f32]| -> Vec<f32> { gradient.iter().map(|g| toward * g).collect() };
        let way = turned(&baseline.gradient.values);
        let other = if baseline.input.is_photo() {
            None
        } else {
            let sample = other_sample(&of.view, of.model.input().channels);
            Some((sample.title, turned(&gradient_at(of, sample)?)))
        };
        let others = other.as_ref().map_or(&[][..], |(_, gradient)| gradient);
        let usable = |control: &Control| *control != Control::OtherPicture || other.is_some();
        let controls = Control::ALL.into_iter().enumerate().filter(|(_, control)| usable(control));
        let controls = controls.map(|(stream, control)| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream as u64);
            (control, control.direction(&way, others, &mut rng))
        });
        Ok(Self { controls: controls.collect(), other: other.as_ref().map(|(title, _)| *title), way })
    }
}

fn row(
    of: &AnsweredView,
    control: Option<Control>,
    probabilities: &[f32],
    perturbation: &[f32],
    Directions { way, .. }: &Directions,
) -> ControlRow {
    let answer = of.model.guess(probabilities, argmax(probabilities));
    let alignment = alignment(perturbation, way, of.eps());
    ControlRow { control, answer, label_prob: probabilities[of.baseline.label], alignment }
}

fn alone(of: &AnsweredView) -> Result<Guess> {
    let rules = Rules { bounds: Some(PIXELS), ..of.view.rules() };
    let grey = of.baseline.input.all_grey();
    let found = eps_curve(&of.model, &grey, &of.attacked.perturbation.values, &[1.0], rules)?;
    let probabilities = &found.probabilities[0];
    Ok(of.model.guess(probabilities, argmax(probabilities)))
}

/// Returns the bundled picture after the one of the view: a digit for grey nets, a photo for others.
fn other_sample(view: &View, channels: usize) -> &'static Sample {
    let kind: Vec<&Sample> = samples().iter().filter(|sample| sample.is_digit() == (channels == 1)).collect();
    let at = match &view.picture {
        Source::Sample(name) => kind.iter().position(|sample| sample.name == name),
        _ => None,
    };
    kind[at.map_or(0, |at| (at + 1) % kind.len())]
}

/// Returns the loss's gradient at another picture, of that picture's own label.
fn gradient_at(of: &AnsweredView, sample: &Sample) -> Result<Vec<f32>> {
    let picture = Arc::new(sample.picture()?);
    let lens = of.model.lens(&picture, None)?;
    let fitted = AttackInput::new(&picture, lens, false)?;
    let other = Baseline::new(&of.model, fitted, Label::Predicted, of.view.goal, of.view.loss)?;
    Ok(other.gradient.values.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_picture_is_another_one_of_the_same_kind() {
        let mut view = View { picture: Source::Sample("digit-9".into()), ..View::default() };
        assert_eq!(other_sample(&view, 1).name, "digit-0");
        assert!(!other_sample(&view, 3).name.starts_with("digit-"));
        for sample in samples() {
            view.picture = Source::Sample(sample.name.into());
            assert!([1, 3].iter().all(|channels| other_sample(&view, *channels).name != sample.name));
        }
    }
}
