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
pub struct ControlTable {
    pub revision: Revision,
    /// This is the attack's ε in L∞, or the largest change of a pixel where it keeps to none.
    pub eps: f32,
    pub seed: u64,
    /// The attack is the first row.
    pub rows: Vec<ControlRow>,
    /// `Control::OtherPicture` follows the gradient of this picture; there is none where a photo's own pixels are
    /// attacked.
    pub other: Option<&'static str>,
    /// The net's answer to the attack's perturbation alone, on mid-grey.
    pub alone: Guess,
}

#[derive(Clone, Debug)]
pub struct ControlRow {
    /// The attack itself is no control.
    pub control: Option<Control>,
    pub answer: Guess,
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

#[derive(Default)]
pub struct ControlStudy {
    /// The directions belong to ∇ₓJ at the picture and a seed.
    directions: Last<(Same<Planes>, u64), Directions>,
    rows: Last<(Revision, u64), Vec<ControlRow>>,
    told: Option<(Revision, u64)>,
}

impl Study for ControlStudy {
    fn is_left(&self, of: &AnsweredView, wish: &Wish) -> bool {
        wish.controls.is_some_and(|seed| self.told != Some((of.revision, seed)))
    }

    /// Computes one row; tells all when they are there.
    fn advance(&mut self, of: &AnsweredView, wish: &Wish, _: &LoadNet<'_>) -> Result<Option<Event>> {
        let Some(seed) = wish.controls else { return Ok(None) };
        let wanted = (of.revision, seed);
        let mut rows = self.rows.take(&wanted).unwrap_or_default();
        let gradient = (Same(of.baseline.gradient.clone()), seed);
        let directions = match self.directions.take(&gradient) {
            Some(known) => known,
            None => Directions::new(of, seed)?,
        };
        let eps = of.eps();
        let mut event = None;
        match rows.len().checked_sub(1).map(|at| directions.controls.get(at)) {
            None => {
                // One step of the sign is measured before clipping, as the controls are.
                let perturbation = match of.view.is_fgsm() {
                    true => of.way().iter().map(|d| eps * d).collect(),
                    false => of.attacked.perturbation.values.clone(),
                };
                rows.push(directions.row(of, None, &of.attacked.probabilities, &perturbation));
            }
            Some(Some((control, direction))) => {
                let found = eps_curve(&of.model, &of.baseline.input, direction, &[eps], of.view.rules())?;
                let perturbation: Vec<f32> = direction.iter().map(|d| eps * d).collect();
                rows.push(directions.row(of, Some(*control), &found.probabilities[0], &perturbation));
            }
            Some(None) => {
                let (rows, other, alone) = (std::mem::take(&mut rows), directions.other, alone(of)?);
                let table = ControlTable { revision: of.revision, eps, seed, rows, other, alone };
                event = Some(Event::Controls(Box::new(table)));
                self.told = Some(wanted);
            }
        }
        self.directions.set(gradient, directions);
        self.rows.set(wanted, rows);
        Ok(event)
    }
}

impl Directions {
    fn new(of: &AnsweredView, seed: u64) -> Result<Self> {
        let baseline = &of.baseline;
        let turned =
            |gradient: &[f32]| -> Vec<f32> { gradient.iter().map(|g| baseline.goal.direction() * g).collect() };
        let way = turned(&baseline.gradient.values);
        let sample = (!baseline.input.is_photo()).then(|| other_sample(&of.view, of.model.input().channels));
        let others = sample.map(|sample| gradient_at(of, sample)).transpose()?.map(|gradient| turned(&gradient));
        let usable = |control: &Control| *control != Control::OtherPicture || others.is_some();
        let controls = Control::ALL.into_iter().enumerate().filter(|(_, control)| usable(control));
        let controls = controls.map(|(stream, control)| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream as u64);
            (control, control.direction(&way, others.as_deref().unwrap_or_default(), &mut rng))
        });
        Ok(Self { controls: controls.collect(), other: sample.map(|sample| sample.title), way })
    }

    fn row(&self, of: &AnsweredView, control: Option<Control>, probabilities: &[f32], change: &[f32]) -> ControlRow {
        let answer = of.model.guess(probabilities, argmax(probabilities));
        let alignment = alignment(change, &self.way, of.eps());
        ControlRow { control, answer, label_prob: probabilities[of.baseline.label], alignment }
    }
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
    let is_shown = |sample: &&Sample| matches!(&view.picture, Source::Sample(name) if name == sample.name);
    let next = kind.iter().position(is_shown).map_or(0, |at| at + 1);
    kind[next % kind.len()]
}

fn gradient_at(of: &AnsweredView, sample: &Sample) -> Result<Vec<f32>> {
    let picture = Arc::new(sample.picture()?);
    let fitted = AttackInput::new(&picture, of.model.lens(&picture, None)?, false)?;
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
