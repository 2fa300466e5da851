//! An attack on a view begins with this: the picture fitted to the model, and the gradient for a label and a goal.

use std::sync::Arc;

use crate::engine::Result;
use crate::engine::attack::{AttackInput, Baseline, Problem, attackable_part, linear_rival};
use crate::engine::data::Invert;
use crate::engine::model::Model;
use crate::engine::picture::{Lens, Picture, Region, Rgba};
use crate::worker::protocol::{LinearFacts, View};

pub struct Prepared {
    view: View,
    model: Arc<Model>,
    picture: Arc<Picture>,
    /// This is the inverted, cropped and centred picture, where the net is shown it in place of the other.
    pub inverted: Option<Arc<Picture>>,
    /// The part of the picture that the net sees: photos too large for their own resolution are cropped.
    pub lens: Lens,
    pub own_pixels: bool,
    pub original_rgba: Arc<Rgba>,
    pub baseline: Arc<Baseline>,
    pub problem: Problem,
    pub linear: Option<Arc<LinearFacts>>,
}

impl Prepared {
    /// Returns what was known before as far as it holds for this view, and prepares the rest anew.
    pub fn updated(
        known: Option<Arc<Self>>,
        model: &Arc<Model>,
        picture: &Arc<Picture>,
        view: &View,
    ) -> Result<Arc<Self>> {
        let (inverted, lens, own_pixels, input, original_rgba) =
            match known.filter(|known| known.shows(model, picture, view)) {
                Some(known)
                    if (known.view.label, known.view.goal, known.view.loss) == (view.label, view.goal, view.loss) =>
                {
                    return Ok(known);
                }
                Some(known) => {
                    let Self { inverted, lens, own_pixels, baseline, original_rgba, .. } = &*known;
                    (inverted.clone(), lens.clone(), *own_pixels, baseline.input.clone(), original_rgba.clone())
                }
                None => {
                    // Who asks for the picture's own pixels does not want others in their place.
                    let is_asked_for = view.own_pixels == Some(true) && view.invert.is_auto();
                    let invert = if is_asked_for { Invert::No } else { view.invert };
                    let inverted = invert.apply(picture, view.crop, &model.manifest)?;
                    let (seen, crop) = inverted.as_ref().map_or((picture, view.crop), |digit| (digit, None));
                    let mut lens = model.lens(seen, crop)?;
                    let may_be_own = inverted.is_none();
                    let own_pixels = may_be_own && view.own_pixels.unwrap_or_else(|| is_larger(&lens, model));
                    if let Some(part) = attackable_part(&lens).filter(|_| own_pixels) {
                        lens = model.lens(seen, Some(part))?;
                    }
                    let input = AttackInput::new(seen, lens.clone(), own_pixels)?;
                    let original_rgba = Arc::new(Rgba::from_planes(&input.pixels));
                    (inverted, lens, own_pixels, input, original_rgba)
                }
            };
        let baseline = Baseline::new(model, input, view.label, view.goal, view.loss)?;
        Ok(Arc::new(Self {
            view: view.clone(),
            model: model.clone(),
            picture: picture.clone(),
            inverted,
            lens,
            own_pixels,
            original_rgba,
            linear: linear(model, &baseline)?,
            problem: baseline.problem(model, view.rules())?,
            baseline: Arc::new(baseline),
        }))
    }

    /// Tells whether the net sees the same of the same picture in a view, which may ask for the crop that was taken in
    /// place of the one that was asked for first.
    fn shows(&self, model: &Arc<Model>, picture: &Arc<Picture>, view: &View) -> bool {
        Arc::ptr_eq(&self.model, model)
            && Arc::ptr_eq(&self.picture, picture)
            && self.view.own_pixels == view.own_pixels
            && self.view.invert == view.invert
            && (self.view.crop == view.crop || self.crop() == view.crop)
    }

    /// Returns the part of the picture that was taken; `None` where the net chooses.
    pub fn crop(&self) -> Option<Region> {
        if self.inverted.is_some() { self.view.crop } else { self.lens.crop() }
    }

    /// Returns the part of the picture that the net is shown, or that the digit was looked for in.
    pub fn shown_part(&self) -> Region {
        match self.inverted {
            Some(_) => self.view.crop.unwrap_or_else(|| Region::whole(&self.picture)),
            None => self.lens.shown(),
        }
    }

    /// Returns the picture that the net is shown, by [`Self::lens`].
    pub fn seen(&self) -> &Arc<Picture> {
        self.inverted.as_ref().unwrap_or(&self.picture)
    }
}

/// Tells whether a lens shows more pixels than the net's input has, and no more than can be attacked.
fn is_larger(lens: &Lens, model: &Model) -> bool {
    let (_, _, width, height) = lens.support();
    let input = model.input();
    width * height > input.width * input.height && attackable_part(lens).is_none()
}

/// Returns the facts that hold exactly for a linear net, where its very pixels are attacked.
fn linear(model: &Model, baseline: &Baseline) -> Result<Option<Arc<LinearFacts>>> {
    let (original, input) = (&baseline.original, model.input());
    if (original.channels, original.height, original.width) != (input.channels, input.height, input.width) {
        return Ok(None);
    }
    let Some(rival) = linear_rival(model, original, baseline.label)? else { return Ok(None) };
    let (class, pictures) = (model.classes[rival.class].clone(), rival.pictures());
    Ok(Some(Arc::new(LinearFacts { class, pictures, rival })))
}
