//! What other perturbations of the same length come to: random ones, another picture's, and the attack's own turned
//! round.

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

/// The attack beside controls of the same ε.
#[derive(Clone, Debug)]
pub struct Controls {
    /// The view that they belong to.
    pub revision: Revision,
    /// The ε in L∞: that of the attack, or the largest change of a pixel where it keeps to none.
    pub eps: f32,
    /// The seed of the random ones.
    pub seed: u64,
    /// The attack is the first row.
    pub rows: Vec<ControlRow>,
    /// The picture whose gradient `Control::OtherPicture` follows; `None` where the photo's own pixels are attacked,
    /// which no other picture has.
    pub other: Option<&'static str>,
    /// What the net says of the attack's perturbation alone, on mid-grey.
    pub alone: Guess,
}

/// One perturbation and what came of it.
#[derive(Clone, Debug)]
pub struct ControlRow {
    /// The control; without one it is the attack itself.
    pub control: Option<Control>,
    pub answer: Guess,
    /// The probability of the label.
    pub label_prob: f32,
    /// `<δ, ∇J> / (ε·‖∇J‖₁)` before clipping, in the attack's direction.
    pub alignment: f32,
}

/// The directions of some controls: they hold while only ε moves.
struct Directions {
    /// ∇J, or −∇J towards a target: the way that the attack goes.
    way: Vec<f32>,
    controls: Vec<(Control, Vec<f32>)>,
    other: Option<&'static str>,
}

/// The study of the controls: a row a piece.
#[derive(Default)]
pub struct Comparison {
    /// The directions for ∇ₓJ at the picture and a seed.
    directions: Last<(Same<Planes>, u64), Directions>,
    /// The rows so far, of a view and a seed.
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
            None => rows.push(attack_row(of, &directions.way, eps)),
            Some(Some(control)) => rows.push(control_row(of, control, &directions.way, eps)?),
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

/// The attack's own row. One step of the sign is measured before clipping, as the controls are.
fn attack_row(of: &AnsweredView, way: &[f32], eps: f32) -> ControlRow {
    let perturbation = match of.view.is_fgsm() {
        true => of.way().iter().map(|d| eps * d).collect(),
        false => of.attacked.perturbation.values.clone(),
    };
    row(of, None, &of.attacked.probabilities, alignment(&perturbation, way, eps))
}

fn control_row(
    of: &AnsweredView,
    (control, direction): &(Control, Vec<f32>),
    way: &[f32],
    eps: f32,
) -> Result<ControlRow> {
    let found = eps_curve(&of.model, &of.baseline.input, direction, &[eps], of.view.rules())?;
    let perturbation: Vec<f32> = direction.iter().map(|d| eps * d).collect();
    Ok(row(of, Some(*control), &found.probabilities[0], alignment(&perturbation, way, eps)))
}

fn row(of: &AnsweredView, control: Option<Control>, probabilities: &[f32], alignment: f32) -> ControlRow {
    let answer = of.model.guess(probabilities, argmax(probabilities));
    ControlRow { control, answer, label_prob: probabilities[of.baseline.label], alignment }
}

/// The net's answer to δ on mid-grey.
fn alone(of: &AnsweredView) -> Result<Guess> {
    let rules = Rules { bounds: Some(PIXELS), ..of.view.rules() };
    let grey = of.baseline.input.all_grey();
    let found = eps_curve(&of.model, &grey, &of.attacked.perturbation.values, &[1.0], rules)?;
    let probabilities = &found.probabilities[0];
    Ok(of.model.guess(probabilities, argmax(probabilities)))
}

/// The bundled picture after the one of the view, of the kind that the net takes: a digit for grey nets, a photo for
/// others.
fn other_sample(view: &View, channels: usize) -> &'static Sample {
    let kind: Vec<&Sample> = samples().iter().filter(|sample| sample.is_digit() == (channels == 1)).collect();
    let at = match &view.picture {
        Source::Sample(name) => kind.iter().position(|sample| sample.name == name),
        _ => None,
    };
    kind[at.map_or(0, |at| (at + 1) % kind.len())]
}

/// The loss's gradient at another picture, of that picture's own label.
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
    use crate::engine::attack::{AttackSettings, Fgsm, Goal, Loss, Norm};
    use crate::engine::picture::{Background, Channel, Heatmap, Quantity};

    #[test]
    fn the_other_picture_is_another_one_of_the_same_kind() {
        let mut view = View {
            model: "digits_cnn".into(),
            picture: Source::Sample("digit-9".into()),
            background: Background::default(),
            crop: None,
            mismatch: crate::worker::Mismatch::Keep,
            own_pixels: Some(false),
            along_line: false,
            label: Label::Predicted,
            goal: Goal::Untargeted,
            attack: AttackSettings::Fgsm(Fgsm { norm: Norm::Linf }),
            eps: 0.1,
            seed: 0,
            step: None,
            loss: Loss::CrossEntropy,
            clip: true,
            eight_bit: false,
            heatmap: Heatmap { quantity: Quantity::Perturbation, channel: Channel::Strongest, gain: 1.0 },
        };
        assert_eq!(other_sample(&view, 1).name, "digit-0");
        assert!(!other_sample(&view, 3).name.starts_with("digit-"));
        for sample in samples() {
            view.picture = Source::Sample(sample.name.into());
            assert!([1, 3].iter().all(|channels| other_sample(&view, *channels).name != sample.name));
        }
    }
}
