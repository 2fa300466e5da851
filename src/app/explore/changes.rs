//! What a person changes. Each change marks the view as changed only if it did.

use std::time::Instant;

use super::{Carried, Explore, REST, named};
use crate::app::lessons::Scene;
use crate::app::playing::Playing;
use crate::app::view_file::Found;
use crate::engine::attack::{Attack, AttackSettings, Goal, Label, Loss};
use crate::engine::picture::{Background, Channel, Heatmap, PictureKind, Quantity, Region};
use crate::worker::{Mismatch, SheetWish, Source};

/// Steps of the attack that makes a doppelgänger: enough for any class of a thousand, and done within a second or two.
const DOPPELGANGER_STEPS: usize = 20;

impl Explore {
    pub fn set_model(&mut self, model: String) {
        if self.model == model {
            return;
        }
        let class = |index: usize| self.shown.as_ref().and_then(|s| s.model.classes.get(index).cloned());
        let label = if let Label::Given(index) = self.label { class(index) } else { None };
        let target = if let Goal::Targeted(index) = self.goal { class(index) } else { None };
        self.carried = Carried { label, target };
        self.label = Label::Predicted;
        self.goal = Goal::Untargeted;
        if let Some(kind) = self.kind_of(&model) {
            self.know_kind(kind);
        }
        self.model = model;
        self.let_picture_give_way();
        self.dirty = true;
    }

    /// Uses this net with this picture, whatever the one reads and the other is.
    pub fn keep_both(&mut self, model: String, picture: Source) {
        self.set_model(model);
        self.set_picture(picture);
        self.mismatch = Mismatch::Keep;
    }

    /// Makes the picture be taken for a class: the targeted attack of many steps, at an ε that nobody sees.
    pub fn make_it(&mut self, class: usize) {
        let mut attack = self.parameters("pgd");
        if self.attack.name() != attack.name()
            && let Some(steps) = attack.steps_mut()
        {
            *steps = DOPPELGANGER_STEPS;
        }
        self.set_attack(attack);
        self.set_goal(Goal::Targeted(class));
        if self.eps() == 0.0 {
            self.set_eps(self.usual_eps());
        }
        self.moving_until = None;
    }

    /// Back to the one step away from the label.
    pub fn start_over(&mut self) {
        self.use_attack("fgsm");
        self.set_goal(Goal::Untargeted);
        self.moving_until = None;
    }

    /// Goes back to what was shown last of a kind of picture.
    pub fn show_kind(&mut self, kind: PictureKind) {
        let picture = self.last.of(kind).picture.source();
        self.set_picture(picture);
    }

    pub(super) fn adopt_carried(&mut self, classes: &[String]) {
        let carried = std::mem::take(&mut self.carried);
        let index = |name: Option<String>| name.and_then(|name| classes.iter().position(|class| *class == name));
        if let Some(index) = index(carried.label) {
            self.set_label(Label::Given(index));
        }
        if let Some(index) = index(carried.target) {
            self.set_goal(Goal::Targeted(index));
        }
    }

    /// Another picture also drops a label that a person gave for the one before.
    pub fn set_picture(&mut self, picture: Source) {
        let redrawn = matches!((&self.picture, &picture), (Source::Memory { name: a, .. }, Source::Memory { name: b, .. }) if a == b);
        if !redrawn {
            self.label = Label::Predicted;
            self.carried.label = None;
            self.crop = picture.usual_crop();
        }
        self.picture = picture;
        self.let_net_give_way();
        self.dirty = true;
    }

    pub fn set_background(&mut self, background: Background) {
        self.dirty |= self.background != background;
        self.background = background;
    }

    pub fn set_crop(&mut self, crop: Option<Region>) {
        self.dirty |= self.crop != crop;
        self.crop = crop;
    }

    pub fn set_own_pixels(&mut self, own_pixels: Option<bool>) {
        self.dirty |= self.own_pixels != own_pixels;
        self.own_pixels = own_pixels;
    }

    pub fn set_label(&mut self, label: Label) {
        self.dirty |= self.label != label;
        self.label = label;
    }

    pub fn set_goal(&mut self, goal: Goal) {
        self.dirty |= self.goal != goal;
        self.goal = goal;
    }

    /// An attack with the parameters that it was left with.
    pub fn parameters(&self, name: &str) -> AttackSettings {
        let mut known = std::iter::once(&self.attack).chain(self.others.iter().rev());
        let left = known.find(|attack| attack.name() == name).cloned();
        left.or_else(|| AttackSettings::named(name)).unwrap_or_default()
    }

    /// Leaves an attack with these parameters, without going over to it.
    pub fn leave_parameters(&mut self, attack: AttackSettings) {
        if self.attack.name() == attack.name() {
            self.set_attack(attack);
        } else {
            self.others.retain(|other| other.name() != attack.name());
            self.others.push(attack);
        }
    }

    /// Goes over to another attack, as it was left.
    pub fn use_attack(&mut self, name: &str) {
        if self.attack.name() == name {
            return;
        }
        let left = self.others.iter().rposition(|other| other.name() == name);
        let Some(attack) = left.map(|at| self.others.swap_remove(at)).or_else(|| AttackSettings::named(name)) else {
            return;
        };
        self.others.retain(|other| other.name() != self.attack.name());
        self.others.push(std::mem::replace(&mut self.attack, attack));
        self.dirty = true;
    }

    /// Sets the parameters of an attack, and goes over to it.
    pub fn set_attack(&mut self, attack: AttackSettings) {
        self.use_attack(attack.name());
        self.dirty |= self.attack != attack;
        self.attack = attack;
    }

    pub fn set_eps(&mut self, eps: f32) {
        let (eps, norm) = (eps.clamp(0.0, self.largest_eps()), self.attack.norm());
        self.dirty |= self.eps() != eps;
        let has_film = self.shown.as_ref().is_some_and(|shown| shown.timeline.of > 1);
        if self.eps() != eps && has_film && self.attack.takes_eps() {
            self.moving_until = Some(Instant::now() + REST);
        }
        *self.lengths.in_norm(norm) = eps;
    }

    pub fn set_seed(&mut self, seed: u64) {
        self.dirty |= self.seed != seed;
        self.seed = seed;
    }

    pub fn set_eight_bit(&mut self, eight_bit: bool) {
        self.dirty |= self.eight_bit != eight_bit;
        self.eight_bit = eight_bit;
    }

    pub fn set_clip(&mut self, clip: bool) {
        self.dirty |= self.clip != clip;
        self.clip = clip;
    }

    pub fn set_loss(&mut self, loss: Loss) {
        self.dirty |= self.loss != loss;
        self.loss = loss;
    }

    pub fn set_heatmap(&mut self, heatmap: Heatmap) {
        self.dirty |= self.heatmap != heatmap;
        self.heatmap = heatmap;
    }

    /// Sets what a step of a lesson names, and the rest as usual: what a lesson says is true whatever was left here.
    pub fn set_scene(&mut self, scene: Scene) {
        let attack = scene.attack();
        if let Some(model) = scene.model {
            self.set_model(model);
        }
        if let Some(picture) = scene.picture {
            self.set_picture(named(picture));
        }
        self.crop = self.picture.usual_crop();
        self.set_attack(attack);
        let norm = self.attack.norm();
        *self.lengths.in_norm(norm) = scene.eps.unwrap_or(self.eps());
        self.kind = self.kind_of(&self.model);
        self.seed = scene.seed.unwrap_or_default();
        self.loss = scene.loss.unwrap_or_default();
        self.clip = scene.clip.unwrap_or(true);
        self.eight_bit = scene.eight_bit.unwrap_or_default();
        self.own_pixels = scene.own_pixels;
        self.mismatch = Mismatch::Keep;
        self.moving_until = None;
        let quantity = scene.show.map_or(Quantity::Perturbation, Into::into);
        self.heatmap = Heatmap { quantity, channel: Channel::Strongest, gain: 1.0 };
        self.playing = Playing::default();
        self.label = Label::Predicted;
        self.goal = Goal::Untargeted;
        self.dirty = true;
        // Empty names are no classes: the net's own answer, and away from the label.
        self.carry(Carried { label: scene.label, target: scene.target });
    }

    /// Sets everything that a file says of a view.
    pub fn set_view(&mut self, found: Found) {
        let Found { view, picture } = found;
        self.set_model(view.model);
        self.set_picture(match (picture, view.picture) {
            (Some(picture), _) => Source::Memory { name: "picture of the view".into(), picture },
            (None, Some(path)) => named(path),
            (None, None) => self.picture.clone(),
        });
        self.background = view.background;
        self.crop = view.crop;
        self.own_pixels = Some(view.own_pixels);
        self.mismatch = Mismatch::Keep;
        self.moving_until = None;
        self.set_attack(view.attack);
        *self.lengths.in_norm(self.attack.norm()) = view.eps;
        self.kind = self.kind_of(&self.model);
        (self.seed, self.loss, self.clip, self.eight_bit) = (view.seed, view.loss, view.clip, view.eight_bit);
        self.heatmap = view.heatmap;
        self.awaited_step = view.step;
        self.playing = Playing::default();
        self.label = Label::Predicted;
        self.goal = Goal::Untargeted;
        self.dirty = true;
        self.carry(Carried { label: view.label, target: view.target });
    }

    /// Shows a picture of a test set as it was measured there.
    pub fn set_measured(&mut self, picture: Source, label: usize, measured: SheetWish) {
        let SheetWish { net, attack, eps, rules, .. } = measured;
        self.set_model(net);
        self.set_picture(picture);
        self.set_attack(attack);
        if self.attack.takes_eps() {
            *self.lengths.in_norm(self.attack.norm()) = eps;
        }
        (self.seed, self.loss, self.eight_bit) = (rules.seed, rules.loss, rules.eight_bit);
        self.clip = rules.bounds.is_some();
        (self.crop, self.own_pixels) = (None, Some(false));
        self.mismatch = Mismatch::Keep;
        self.moving_until = None;
        (self.label, self.goal) = (Label::Given(label), Goal::Untargeted);
        self.carried = Carried::default();
        self.dirty = true;
    }

    /// Looks names up, now or when the net is there.
    fn carry(&mut self, carried: Carried) {
        self.carried = carried;
        let here = self.shown.as_ref().filter(|shown| shown.view.model == self.model);
        if let Some(classes) = here.map(|shown| shown.model.classes.clone()) {
            self.adopt_carried(&classes);
        }
    }
}
