//! This study maps what the nets say on a plane through the picture: the church window of an attack, from coarse to fine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{AnsweredView, LoadNet, Study, Wish};
use crate::engine::Result;
use crate::engine::attack::{
    AttackInput, AttackSettings, ChurchWindow, ClassMap, MapClass, NamePlace, Norm, Plane, Rules, map_classes,
};
use crate::engine::model::Model;
use crate::engine::picture::Planes;
use crate::engine::units::LEVELS;
use crate::worker::last::{Last, Same};
use crate::worker::{Event, Shown, View};

/// The nets are given more and more pictures at once while they take less than this, and fewer where they take four
/// times as long: the next view waits for them.
const QUICK: Duration = Duration::from_millis(4);
const MOST_AT_ONCE: usize = 1024;
/// A finer map is left out where it would take longer than this.
const PATIENCE: Duration = Duration::from_secs(60);
/// Photographs are looked at as far as the slider goes at first, as a share of its whole length.
const PHOTO_SHARE: f32 = 32.0 / LEVELS;
/// In other norms than L∞ the answers change nearer to the picture.
const OTHER_SHARE: f32 = 0.25;

/// This says which plane to map, and for which nets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChurchWish {
    /// The seed of the random direction.
    pub seed: u64,
    /// The name in the catalogue of a net whose answers on the same plane are mapped, too.
    pub second: Option<String>,
}

/// These are the maps of one plane, as fine as they are by now.
#[derive(Clone, Debug)]
pub struct Church {
    key: Key,
    /// The classes of the net on screen.
    classes: Arc<[String]>,
    pub wish: ChurchWish,
    /// The net on screen has this map; where there is none, the text says why, for a person.
    pub first: std::result::Result<NetMap, String>,
    /// There is none yet, or nobody asks for one.
    pub second: Option<std::result::Result<NetMap, String>>,
    /// The classes of the maps by their names, the most frequent first.
    pub legend: Arc<[MapClass]>,
    /// The name of the label.
    pub label: String,
    /// Tells whether no finer maps follow.
    pub is_final: bool,
}

/// This is a map with the net that it is of.
#[derive(Clone, Debug)]
pub struct NetMap {
    /// The title is the `name` of its manifest.
    pub title: String,
    pub classes: Arc<[String]>,
    pub map: Arc<ClassMap>,
    pub names: Vec<NamePlace>,
}

impl Church {
    fn with_legend(self) -> Self {
        let maps: Vec<_> = self.maps().map(|net| (&*net.map, &*net.classes)).collect();
        let legend = map_classes(&maps, &self.label).into();
        Self { legend, ..self }
    }

    /// Tells whether the maps are those of a view.
    pub fn is_of(&self, shown: &Shown) -> bool {
        self.key == Key::shown(shown, self.wish.seed)
    }

    /// Tells whether these are the answers of the net of a view.
    pub fn is_of_net(&self, shown: &Shown) -> bool {
        Arc::ptr_eq(&self.classes, &shown.model.classes)
    }

    /// Returns the maps that there are.
    pub fn maps(&self) -> impl Iterator<Item = &NetMap> {
        self.first.as_ref().ok().into_iter().chain(self.second.as_ref().and_then(|second| second.as_ref().ok()))
    }

    /// Returns where the picture of a view lies on the plane, along the direction of the attack.
    pub fn place(&self, shown: &Shown) -> f32 {
        if self.key.is_one_step { shown.view.eps } else { self.key.norm.length(&shown.perturbation.values) }
    }

    pub fn norm(&self) -> Norm {
        self.key.norm
    }

    pub fn rules(&self) -> Rules {
        self.key.rules
    }

    /// Tells whether the plane lies along the step of one gradient.
    pub fn is_one_step(&self) -> bool {
        self.key.is_one_step
    }
}

/// The maps stay while this does: with one step of the gradient, whatever ε is.
#[derive(Clone, Debug, PartialEq)]
struct Key {
    is_one_step: bool,
    /// The gradient ∇ₓJ, or the adversarial picture in whose direction the plane lies.
    planes: Same<Planes>,
    norm: Norm,
    reach: f32,
    rules: Rules,
    seed: u64,
}

impl Key {
    fn new(view: &View, gradient: &Arc<Planes>, adversarial: &Arc<Planes>, reach: f32, seed: u64) -> Self {
        let is_one_step = matches!(view.attack, AttackSettings::Fgsm(_));
        let planes = Same(if is_one_step { gradient } else { adversarial }.clone());
        Self { is_one_step, planes, norm: view.attack.measure().norm(), reach, rules: view.rules(), seed }
    }

    fn of(of: &AnsweredView, seed: u64) -> Self {
        let (baseline, attacked) = (&of.baseline, &of.attacked);
        let length = || of.view.attack.measure().norm().length(&attacked.perturbation.values);
        let reach = reach(&of.view, length, of.model.input().channels, baseline.gradient.values.len());
        Self::new(&of.view, &baseline.gradient, &attacked.adversarial, reach, seed)
    }

    fn shown(shown: &Shown, seed: u64) -> Self {
        let length = || shown.view.attack.measure().norm().length(&shown.perturbation.values);
        let reach = reach(&shown.view, length, shown.model.input.channels, shown.gradient.values.len());
        Self::new(&shown.view, &shown.gradient, &shown.adversarial, reach, seed)
    }
}

/// Returns how far the plane goes. Where ε can be moved, it is as far as is usual, so that the plane stays while ε
/// moves; where ε is beyond, it is as far as the slider goes. Where an attack takes no ε, it is twice the length of its
/// perturbation, rounded up.
fn reach(view: &View, length: impl Fn() -> f32, channels: usize, values: usize) -> f32 {
    let norm = view.attack.measure().norm();
    if view.attack.takes_eps() { slider_reach(norm, view.eps, channels, values) } else { round_up(2.0 * length()) }
}

fn slider_reach(norm: Norm, eps: f32, channels: usize, values: usize) -> f32 {
    let largest = norm.largest_eps(values);
    let usual = match (norm, channels) {
        (Norm::Linf, 3) => PHOTO_SHARE * largest,
        (Norm::Linf, _) => largest,
        (Norm::L2 | Norm::L1, 3) => OTHER_SHARE * PHOTO_SHARE * largest,
        (Norm::L2 | Norm::L1, _) => OTHER_SHARE * largest,
    };
    // The slider ends on a grey level, which rounding may take it beyond.
    if eps <= usual * 1.0001 { usual } else { largest.max(eps) }
}

/// Returns the next number above, of one digit: 1, 2, 5, 10…
fn round_up(value: f32) -> f32 {
    if !(value.is_finite() && value > 0.0) {
        return 1.0;
    }
    let power = 10f32.powf(value.log10().floor());
    let found = [1.0, 2.0, 5.0].into_iter().map(|factor| factor * power).find(|round| *round >= value * 0.999);
    found.unwrap_or(10.0 * power)
}

/// One of the two windows, and how quickly its net answers.
struct Progress {
    window: ChurchWindow,
    model: Arc<Model>,
    input: AttackInput,
    batch: usize,
    points: u32,
    took: Duration,
    is_done: bool,
    newest: Option<NetMap>,
}

impl Progress {
    fn new(plane: &Arc<Plane>, key: &Key, model: Arc<Model>, input: AttackInput) -> Result<Self> {
        let window = ChurchWindow::new(plane.clone(), key.reach, key.rules)?;
        let (points, took) = (0, Duration::ZERO);
        Ok(Self { window, model, input, batch: 1, points, took, is_done: false, newest: None })
    }

    /// Computes some points; returns whether there is a finer map by them.
    fn advance(&mut self) -> Result<bool> {
        let (started, count) = (Instant::now(), self.batch.min(self.window.left()));
        let is_whole = self.window.advance(&self.model, &self.input, count)?;
        let took = started.elapsed();
        (self.points, self.took) = (self.points + count as u32, self.took + took);
        if took < QUICK {
            self.batch = (self.batch * 2).min(MOST_AT_ONCE);
        } else if took > 4 * QUICK {
            self.batch = (self.batch / 2).max(1);
        }
        if is_whole && let Some(map) = self.window.map() {
            let left = self.window.left() as u32;
            self.is_done = left == 0 || self.took / self.points * left > PATIENCE;
            self.newest = Some(NetMap::new(&self.model, map));
        }
        Ok(is_whole)
    }

    /// Returns the side of the newest map; 0 before there is one.
    fn side(&self) -> usize {
        self.newest.as_ref().map_or(0, |newest| newest.map.side)
    }
}

impl NetMap {
    fn new(model: &Model, map: ClassMap) -> Self {
        let classes = model.classes.clone();
        let names = map.name_places(&classes);
        Self { title: model.manifest.name.clone(), classes, map: Arc::new(map), names }
    }
}

/// This is what is known of a plane.
struct Known {
    plane: Arc<Plane>,
    first: Progress,
    /// The name of the second net, and its window or why it has none.
    second: Option<(String, std::result::Result<Progress, String>)>,
}

#[derive(Default)]
pub struct ChurchStudy {
    known: Last<Key, std::result::Result<Known, String>>,
    told: Option<(Key, ChurchWish)>,
}

impl Study for ChurchStudy {
    fn is_left(&self, of: &AnsweredView, wish: &Wish) -> bool {
        let is_told = |wish: &ChurchWish| {
            self.told.as_ref().is_some_and(|(key, known)| known == wish && *key == Key::of(of, wish.seed))
        };
        wish.church.as_ref().is_some_and(|wish| !is_told(wish))
    }

    /// Computes some points of the coarser map. Each map that is whole is told, and what keeps the nets from one.
    fn advance(&mut self, of: &AnsweredView, wish: &Wish, load: &LoadNet<'_>) -> Result<Option<Event>> {
        let Some(wish) = &wish.church else { return Ok(None) };
        let key = Key::of(of, wish.seed);
        let known = match self.known.take(&key) {
            Some(known) => known,
            None => Known::new(of, &key).map_err(|error| error.to_string()),
        };
        let mut is_new = false;
        let advanced = known.and_then(|mut known| {
            known.choose_second(of, &key, wish, load);
            is_new = known.advance().map_err(|error| error.to_string())?;
            Ok(known)
        });
        let is_final = advanced.as_ref().map_or(true, Known::is_done);
        let (first, second) = match &advanced {
            Ok(known) => (known.first.newest.clone().map(Ok), known.second()),
            Err(why) => (Some(Err(why.clone())), None),
        };
        let church = first.filter(|_| is_new || is_final).map(|first| {
            let (key, wish, classes) = (key.clone(), wish.clone(), of.model.classes.clone());
            let (label, legend) = (classes[of.baseline.label].clone(), Arc::default());
            let church = Church { key, classes, wish, first, second, legend, label, is_final };
            Event::Church(Box::new(church.with_legend()))
        });
        if is_final {
            self.told = Some((key.clone(), wish.clone()));
        }
        self.known.set(key, advanced);
        Ok(church)
    }

    fn forget_net(&mut self, name: &str) {
        let known = self.known.newest().and_then(|(_, known)| known.as_ref().ok());
        if known.and_then(|known| known.second.as_ref()).is_some_and(|(second, _)| second == name) {
            *self = Self::default();
        }
    }
}

impl Known {
    fn new(of: &AnsweredView, key: &Key) -> Result<Self> {
        let way = Plane::way(&of.view.attack, &of.baseline, &of.attacked);
        let plane = Arc::new(Plane::new(&way, key.norm, key.seed)?);
        let first = Progress::new(&plane, key, of.model.clone(), of.baseline.input.clone())?;
        Ok(Self { plane, first, second: None })
    }

    /// Begins the window of the second net, if that is another one than before.
    fn choose_second(&mut self, of: &AnsweredView, key: &Key, wish: &ChurchWish, load: &LoadNet<'_>) {
        let known = self.second.as_ref().map(|(name, _)| name);
        if known == wish.second.as_ref() {
            return;
        }
        self.second = wish.second.clone().map(|name| {
            let begun = load(&name).and_then(|model| {
                let input = of.baseline.input.seen_by(&model)?;
                Progress::new(&self.plane, key, model, input)
            });
            (name, begun.map_err(|error| error.to_string()))
        });
    }

    /// Goes on with the map that is less fine; returns whether there is a new one.
    fn advance(&mut self) -> Result<bool> {
        if let Some((_, second @ Ok(_))) = &mut self.second
            && let Ok(progress) = second
            && !progress.is_done
            && (self.first.is_done || progress.side() < self.first.side())
        {
            return Ok(progress.advance().unwrap_or_else(|error| {
                *second = Err(error.to_string());
                true
            }));
        }
        if self.first.is_done { Ok(false) } else { self.first.advance() }
    }

    fn is_done(&self) -> bool {
        let second = self.second.as_ref().and_then(|(_, second)| second.as_ref().ok());
        self.first.is_done && second.is_none_or(|second| second.is_done)
    }

    fn second(&self) -> Option<std::result::Result<NetMap, String>> {
        let (_, second) = self.second.as_ref()?;
        second.as_ref().map_or_else(|why| Some(Err(why.clone())), |second| second.newest.clone().map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plane_stays_while_epsilon_moves_as_usual() {
        let reach = |norm, eps, channels| slider_reach(norm, eps, channels, 100);
        for eps in [0.0, 2.0 / LEVELS, 16.0 / LEVELS] {
            assert!((reach(Norm::Linf, eps, 3) - 16.0 / LEVELS).abs() < 1e-6);
            assert_eq!(reach(Norm::Linf, eps, 1), 0.5);
        }
        assert_eq!([reach(Norm::Linf, 0.1, 3), reach(Norm::L2, 1.0, 1), reach(Norm::L2, 2.0, 1)], [0.5, 1.25, 5.0]);
        assert_eq!(reach(Norm::Linf, 0.7, 1), 0.7, "an ε that was typed may be beyond the slider");
    }

    #[test]
    fn a_length_is_rounded_up_to_one_digit() {
        for (value, round) in [(1.0, 1.0), (1.3, 2.0), (0.021, 0.05), (60.0, 100.0), (0.0, 1.0), (f32::NAN, 1.0)] {
            assert!((round_up(value) - round).abs() < 1e-6, "{value}: {}", round_up(value));
        }
    }
}
