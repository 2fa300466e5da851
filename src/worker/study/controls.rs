//! What other perturbations of the same length come to: random ones, another picture's, and the attack's own turned round.

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::Subject;
use crate::engine::Result;
use crate::engine::attack::{self, Baseline, Control, Goal, Label, PIXELS, Rules, alignment, eps_curve};
use crate::engine::data::{Sample, samples};
use crate::engine::model::{Guess, argmax};
use crate::engine::picture::{Planes, Region};
use crate::worker::{Revision, Source, View};

/// The attack beside controls of the same ε.
#[derive(Clone, Debug)]
pub struct Controls {
    /// The view that they belong to.
    pub revision: Revision,
    /// In L∞: that of the attack, or the largest change of a pixel where it keeps to none.
    pub eps: f32,
    /// Of the random ones.
    pub seed: u64,
    /// The attack first.
    pub rows: Vec<ControlRow>,
    /// Whose gradient `Control::OtherPicture` follows; `None` where the photo's own pixels are attacked, which no other
    /// picture has.
    pub other: Option<&'static str>,
    /// What the net says of the attack's perturbation alone, on mid-grey.
    pub alone: Guess,
}

/// One perturbation and what came of it.
#[derive(Clone, Debug)]
pub struct ControlRow {
    /// The attack itself without one.
    pub control: Option<Control>,
    pub answer: Guess,
    /// Probability of the label.
    pub label_prob: f32,
    /// `<δ, ∇J> / (ε·‖∇J‖₁)` before clipping, in the attack's direction.
    pub alignment: f32,
}

/// The directions of some controls: they hold while only ε moves.
struct Directions {
    gradient: Arc<Planes>,
    seed: u64,
    /// ∇J, or −∇J towards a target: the way that the attack goes.
    way: Vec<f32>,
    controls: Vec<(Control, Vec<f32>)>,
    other: Option<&'static str>,
}

/// Controls in the making.
pub struct Work {
    seed: u64,
    directions: Option<Directions>,
    /// Of the view in hand.
    revision: Option<Revision>,
    rows: Vec<ControlRow>,
    is_done: bool,
}

impl Work {
    pub fn new(seed: u64) -> Self {
        Self { seed, directions: None, revision: None, rows: Vec::new(), is_done: false }
    }

    pub fn is_done(&self, subject: &Subject, seed: u64) -> bool {
        self.is_done && self.revision == Some(subject.revision) && self.seed == seed
    }

    /// Computes one row; returns all when they are there.
    pub fn advance(&mut self, subject: &Subject, seed: u64) -> Result<Option<Controls>> {
        if self.revision != Some(subject.revision) || self.seed != seed {
            (self.revision, self.seed, self.is_done) = (Some(subject.revision), seed, false);
            self.rows.clear();
        }
        let known = self.directions.take();
        let known = known.filter(|d| Arc::ptr_eq(&d.gradient, &subject.baseline.gradient) && d.seed == seed);
        let directions = match known {
            Some(known) => known,
            None => Directions::new(subject, seed)?,
        };
        let eps = subject.eps();
        let mut found = None;
        match self.rows.len().checked_sub(1).map(|at| directions.controls.get(at)) {
            None => self.rows.push(attack_row(subject, &directions.way, eps)),
            Some(Some((control, direction))) => {
                let row = control_row(subject, (*control, direction), &directions.way, eps)?;
                self.rows.push(row);
            }
            Some(None) => {
                let (rows, other) = (self.rows.clone(), directions.other);
                let alone = alone(subject)?;
                found = Some(Controls { revision: subject.revision, eps, seed, rows, other, alone });
                self.is_done = true;
            }
        }
        self.directions = Some(directions);
        Ok(found)
    }
}

impl Directions {
    fn new(subject: &Subject, seed: u64) -> Result<Self> {
        let baseline = &subject.baseline;
        let toward = baseline.goal.direction();
        let turned = |gradient: &[f32]| -> Vec<f32> { gradient.iter().map(|g| toward * g).collect() };
        let way = turned(&baseline.gradient.values);
        let other = match &baseline.subject {
            attack::Subject::Fitted(_) => {
                let sample = other_sample(&subject.view, subject.model.input().channels);
                Some((sample.title, turned(&gradient_at(subject, sample)?)))
            }
            attack::Subject::Photo { .. } => None,
        };
        let others = other.as_ref().map_or(&[][..], |(_, gradient)| gradient);
        let usable = |control: &Control| *control != Control::OtherPicture || other.is_some();
        let controls = Control::ALL.into_iter().enumerate().filter(|(_, control)| usable(control));
        let controls = controls.map(|(stream, control)| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream as u64);
            (control, control.direction(&way, others, &mut rng))
        });
        Ok(Self {
            gradient: baseline.gradient.clone(),
            seed,
            controls: controls.collect(),
            other: other.as_ref().map(|(title, _)| *title),
            way,
        })
    }
}

/// The attack's own row. One step of the sign is measured before clipping, as the controls are.
fn attack_row(subject: &Subject, way: &[f32], eps: f32) -> ControlRow {
    let perturbation = match subject.view.is_fgsm() {
        true => subject.way().iter().map(|d| eps * d).collect(),
        false => subject.perturbation.values.clone(),
    };
    let (answer, label_prob) = (subject.answer.clone(), subject.label_prob);
    ControlRow { control: None, answer, label_prob, alignment: alignment(&perturbation, way, eps) }
}

fn control_row(
    subject: &Subject,
    (control, direction): (Control, &[f32]),
    way: &[f32],
    eps: f32,
) -> Result<ControlRow> {
    let found = eps_curve(&subject.model, &subject.baseline.subject, direction, &[eps], subject.view.rules())?;
    let probabilities = &found.probabilities[0];
    let perturbation: Vec<f32> = direction.iter().map(|d| eps * d).collect();
    Ok(ControlRow {
        control: Some(control),
        answer: subject.model.guess(probabilities, argmax(probabilities)),
        label_prob: probabilities[subject.baseline.label],
        alignment: alignment(&perturbation, way, eps),
    })
}

/// The net's answer to δ on mid-grey.
fn alone(subject: &Subject) -> Result<Guess> {
    let grey = subject.baseline.subject.all_grey();
    let found = eps_curve(
        &subject.model,
        &grey,
        &subject.perturbation.values,
        &[1.0],
        Rules { bounds: Some(PIXELS), ..subject.view.rules() },
    )?;
    let probabilities = &found.probabilities[0];
    Ok(subject.model.guess(probabilities, argmax(probabilities)))
}

/// The bundled picture after the one of the view, of the kind that the net takes: a digit for grey nets, a photo for others.
fn other_sample(view: &View, channels: usize) -> &'static Sample {
    let is_digit = |sample: &Sample| sample.name.starts_with("digit-");
    let kind: Vec<&Sample> = samples().iter().filter(|sample| is_digit(sample) == (channels == 1)).collect();
    let at = match &view.picture {
        Source::Sample(name) => kind.iter().position(|sample| sample.name == name),
        _ => None,
    };
    kind[at.map_or(0, |at| (at + 1) % kind.len())]
}

/// The loss's gradient at another picture, of that picture's own label.
fn gradient_at(subject: &Subject, sample: &Sample) -> Result<Vec<f32>> {
    let picture = Arc::new(sample.picture()?);
    let lens = subject.model.lens(&picture, None::<Region>)?;
    let fitted = attack::Subject::new(&picture, lens, false)?;
    let goal: Goal = subject.view.goal;
    let other = Baseline::new(&subject.model, fitted, Label::Predicted, goal, subject.view.loss)?;
    Ok(other.gradient.values.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attack::{AttackSettings, Fgsm, Loss, Norm};
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
