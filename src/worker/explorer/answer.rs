//! This makes the answer to a view, at whatever step its attack is.

use std::sync::Arc;
use std::time::Instant;

use super::inputs::LoadedPicture;
use super::prepared::Prepared;
use crate::engine::attack::{Attacked, MAX_PHOTO_PIXELS};
use crate::engine::model::Model;
use crate::engine::picture::{PictureKind, Rgba};
use crate::worker::Timeline;
use crate::worker::playback::{Frame, Playback};
use crate::worker::protocol::{ModelInfo, Revision, Shown, View};

/// This is everything about a view that is the same at every step of its attack.
pub struct Answer {
    pub revision: Revision,
    pub view: View,
    pub model: Arc<Model>,
    pub info: ModelInfo,
    pub loaded: LoadedPicture,
    pub prepared: Arc<Prepared>,
    pub started: Instant,
}

impl Answer {
    /// Returns the answer with the step of the attack that the view wants.
    pub fn at_step(&self, playback: &Playback) -> (Shown, Attacked) {
        self.shown(playback.at(self.view.step), playback.timeline(self.view.step), None)
    }

    /// Returns the answer with a frame of the attack, or of the straight line to what it found at the ε `along_line`.
    pub fn shown(&self, frame: &Frame, timeline: Timeline, along_line: Option<f32>) -> (Shown, Attacked) {
        let Self { view, model, loaded, prepared, .. } = self;
        let (baseline, picture) = (&prepared.baseline, &loaded.picture);
        let inverted_notes = prepared.inverted.iter().flat_map(|digit| &digit.notes);
        let is_inverted = prepared.inverted.is_some();
        let attacked = baseline.judged(frame.pixels.clone(), frame.probabilities.clone());
        let (heatmap, heatmap_limit) = view.heatmap.draw(&attacked.perturbation, &baseline.gradient);
        let before_and_after = |class: usize| (baseline.probabilities[class], attacked.probabilities[class]);
        let shown = Shown {
            revision: self.revision,
            view: view.clone(),
            reads: model.input().kind(),
            kind: if is_inverted { Some(PictureKind::Digit) } else { loaded.kind },
            own_pixels: prepared.own_pixels,
            is_inverted,
            along_line,
            model: self.info.clone(),
            picture_notes: model.notes.iter().chain(&picture.notes).chain(inverted_notes).cloned().collect(),
            picture_size: (picture.width, picture.height),
            has_crop: loaded.has_crop,
            is_transparent: picture.transparent,
            overview: loaded.overview.clone(),
            crop: prepared.shown_part(),
            largest_crop: prepared.lens.largest_area(MAX_PHOTO_PIXELS),
            original: baseline.original.clone(),
            perturbation: attacked.perturbation.clone(),
            gradient: baseline.gradient.clone(),
            adversarial: attacked.adversarial.clone(),
            original_rgba: prepared.original_rgba.clone(),
            heatmap_rgba: Arc::new(heatmap),
            heatmap_limit,
            adversarial_rgba: Arc::new(Rgba::from_planes(&attacked.adversarial)),
            label: model.guess(&baseline.probabilities, baseline.label),
            clean_top: model.top(&baseline.probabilities, 5),
            adversarial_top: model.top(&attacked.probabilities, 5),
            label_prob: before_and_after(baseline.label),
            target_prob: view.goal.target().map(before_and_after),
            verdict: attacked.verdict,
            linf: attacked.linf,
            l2: attacked.l2,
            length: view.attack.measure().length(&attacked.perturbation.values),
            zero_gradient_fraction: baseline.zero_gradient_fraction,
            saturated: baseline.saturated,
            timeline,
            linear: prepared.linear.clone(),
            took: self.started.elapsed(),
        };
        (shown, attacked)
    }
}
