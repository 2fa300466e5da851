//! These methods change several fields of the wanted view together.

use std::time::Instant;

use super::{Carried, Explore, REST, named};
use crate::app::files::view::Found;
use crate::app::lessons::scene::LessonScene;
use crate::app::pages::explore::state::playing::Playing;
use crate::engine::attack::{AttackSettings, Goal, Label};
use crate::engine::data::Invert;
use crate::engine::picture::{Heatmap, HeatmapQuantity, PictureKind};
use crate::worker::{Mismatch, SheetWish, Source, View};

/// So many steps reach any class of a thousand, within a second or two.
const DOPPELGANGER_STEPS: usize = 20;

impl Explore {
    /// Attacks another net. Label and target go over to it by their names.
    pub fn set_model(&mut self, model: String) {
        if self.view.model == model {
            return;
        }
        let class = |index: usize| self.shown.as_ref().and_then(|s| s.model.classes.get(index).cloned());
        let label = self.view.label.given().and_then(class);
        self.carried = Carried { label, target: self.view.goal.target().and_then(class) };
        (self.view.label, self.view.goal) = (Label::Predicted, Goal::Untargeted);
        if let Some(kind) = self.kind_of(&model) {
            self.know_kind(kind);
        }
        self.view.model = model;
        self.let_picture_give_way();
    }

    pub fn keep_both(&mut self, model: String, picture: Source) {
        self.set_model(model);
        self.set_picture(picture);
        self.view.mismatch = Mismatch::Keep;
    }

    /// Makes the picture be taken for a class: the targeted attack of many steps, at an ε that nobody sees.
    pub fn make_it(&mut self, class: usize) {
        let mut attack = self.parameters("pgd");
        if let Some(steps) = attack.steps_mut().filter(|_| self.view.attack.name() != "pgd") {
            *steps = DOPPELGANGER_STEPS;
        }
        self.set_attack(attack);
        self.view.goal = Goal::Targeted(class);
        if self.view.eps == 0.0 {
            self.set_eps(self.usual_eps());
        }
        self.moving_until = None;
    }

    pub fn start_over(&mut self) {
        self.use_attack("fgsm");
        self.view.goal = Goal::Untargeted;
        self.moving_until = None;
    }

    pub fn show_kind(&mut self, kind: PictureKind) {
        let picture = self.last.of(kind).picture.clone();
        self.set_picture(picture);
    }

    /// Looks up the label and the target that were carried over from another net, by their names.
    pub(super) fn adopt_carried(&mut self, classes: &[String]) {
        let carried = std::mem::take(&mut self.carried);
        let index = |name: Option<String>| name.and_then(|name| classes.iter().position(|class| *class == name));
        if let Some(index) = index(carried.label) {
            self.view.label = Label::Given(index);
        }
        if let Some(index) = index(carried.target) {
            self.view.goal = Goal::Targeted(index);
        }
    }

    /// Shows another picture, which also drops a label that a person gave for the one before.
    pub fn set_picture(&mut self, picture: Source) {
        let is_redrawn = match (&self.view.picture, &picture) {
            (Source::Memory { name: old, .. }, Source::Memory { name: new, .. }) => old == new,
            _ => false,
        };
        if !is_redrawn {
            self.view.label = Label::Predicted;
            self.carried.label = None;
            self.view.crop = picture.usual_crop();
            self.view.invert = Invert::Auto;
        }
        self.view.picture = picture;
        self.let_net_give_way();
    }

    /// Returns an attack with the parameters that it was left with.
    pub fn parameters(&self, name: &str) -> AttackSettings {
        let here = Some(&self.view.attack).filter(|attack| attack.name() == name);
        let left = here.or_else(|| self.others.get(name)).cloned();
        left.or_else(|| AttackSettings::named(name)).unwrap_or_default()
    }

    /// Leaves an attack with these parameters, without going over to it.
    pub fn leave_parameters(&mut self, attack: AttackSettings) {
        if self.view.attack.name() == attack.name() {
            self.set_attack(attack);
        } else {
            self.others.insert(attack.name(), attack);
        }
    }

    /// Goes over to another attack, as it was left.
    pub fn use_attack(&mut self, name: &str) {
        if self.view.attack.name() != name && AttackSettings::named(name).is_some() {
            let attack = self.parameters(name);
            self.set_attack(attack);
        }
    }

    /// Sets the parameters of an attack, and goes over to it. ε is the one that was left in its norm.
    pub fn set_attack(&mut self, attack: AttackSettings) {
        self.lengths = self.lengths();
        self.view.eps = *self.lengths.in_norm(attack.norm());
        let before = std::mem::replace(&mut self.view.attack, attack);
        self.others.insert(before.name(), before);
    }

    /// Moves ε, within what the slider reaches.
    pub fn set_eps(&mut self, eps: f32) {
        let eps = eps.clamp(0.0, self.largest_eps());
        let has_film = self.shown.as_ref().is_some_and(|shown| shown.timeline.of > 1);
        if self.view.eps != eps && has_film && self.view.attack.takes_eps() {
            self.moving_until = Some(Instant::now() + REST);
        }
        self.view.eps = eps;
    }

    /// Sets what a step of a lesson names, and the rest as usual, whatever was left here.
    pub fn set_scene(&mut self, scene: LessonScene) {
        let attack = scene.attack();
        if let Some(model) = scene.model {
            self.set_model(model);
        }
        if let Some(picture) = scene.picture {
            self.set_picture(named(picture));
        }
        let quantity = scene.show.unwrap_or(HeatmapQuantity::Perturbation);
        self.set_attack(attack);
        self.show_whole(View {
            crop: self.view.picture.usual_crop(),
            invert: Invert::Auto,
            own_pixels: scene.own_pixels,
            eps: scene.eps.unwrap_or(self.view.eps),
            seed: scene.seed.unwrap_or_default(),
            loss: scene.loss.unwrap_or_default(),
            clip: scene.clip.unwrap_or(true),
            eight_bit: scene.eight_bit.unwrap_or_default(),
            heatmap: Heatmap { quantity, ..Heatmap::default() },
            ..self.view.clone()
        });
        // Empty names are no classes: the net's own answer, and away from the label.
        self.carry(Carried { label: scene.label, target: scene.target });
    }

    pub fn set_view(&mut self, found: Found) {
        let Found { view, picture } = found;
        self.set_model(view.model);
        self.set_picture(match (picture, view.picture) {
            (Some(picture), _) => Source::Memory { name: "picture of the view".into(), picture },
            (None, Some(path)) => named(path),
            (None, None) => self.view.picture.clone(),
        });
        self.set_attack(view.attack);
        self.show_whole(View {
            background: view.background,
            crop: view.crop,
            invert: view.invert,
            own_pixels: Some(view.own_pixels),
            eps: view.eps,
            seed: view.seed,
            loss: view.loss,
            clip: view.clip,
            eight_bit: view.eight_bit,
            heatmap: view.heatmap,
            ..self.view.clone()
        });
        self.awaited_step = view.step;
        self.carry(Carried { label: view.label, target: view.target });
    }

    pub fn set_measured(&mut self, picture: Source, label: usize, measured: SheetWish) {
        let SheetWish { net, attack, eps, rules, .. } = measured;
        self.set_model(net);
        self.set_picture(picture);
        self.set_attack(attack);
        self.show_whole(View {
            crop: None,
            invert: Invert::No,
            own_pixels: Some(false),
            eps: if self.view.attack.takes_eps() { eps } else { self.view.eps },
            seed: rules.seed,
            loss: rules.loss,
            clip: rules.bounds.is_some(),
            eight_bit: rules.eight_bit,
            ..self.view.clone()
        });
        self.view.label = Label::Given(label);
        self.carried = Carried::default();
    }

    /// Shows a view that was put together from elsewhere, from the beginning of its film; nothing gives way in it.
    fn show_whole(&mut self, view: View) {
        let (label, goal) = (Label::Predicted, Goal::Untargeted);
        self.view = View { mismatch: Mismatch::Keep, label, goal, ..view };
        self.kind = self.kind_of(&self.view.model);
        self.moving_until = None;
        self.playing = Playing::default();
    }

    fn carry(&mut self, carried: Carried) {
        self.carried = carried;
        let here = self.shown.as_ref().filter(|shown| shown.view.model == self.view.model);
        if let Some(classes) = here.map(|shown| shown.model.classes.clone()) {
            self.adopt_carried(&classes);
        }
    }
}
