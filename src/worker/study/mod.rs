//! Studies are worked out beside a view once it is answered, while nothing else waits.

mod along;
mod church;
mod controls;
mod least;
mod second;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

pub use along::{Along, ClassLine};
pub use church::{Church, ChurchWish, NetMap};
pub use controls::{ControlRow, ControlTable};
pub use least::Least;
pub use second::{Second, SecondAnswers, SecondWish};

use super::last::Last;
use super::protocol::{Event, Revision, View};
use crate::engine::Result;
use crate::engine::attack::{Attacked, Baseline, Norm};
use crate::engine::model::Model;
use crate::engine::picture::{Picture, Region};

/// The window wants to know this beside its pictures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Tells whether to compute the net's answers along the attack's direction.
    pub curve: bool,
    /// The seed of the controls, which are random perturbations of the same ε; `None` where nobody asks for them.
    pub controls: Option<u64>,
    pub second: Option<SecondWish>,
    pub church: Option<ChurchWish>,
    /// The number of the search for the smallest ε with which the attack works; a new number searches anew.
    pub least: Option<u64>,
}

/// After a view that takes longer than `SLOW`, studies wait for `REST`: ε may be moving, and the next view must not
/// wait.
const SLOW: Duration = Duration::from_millis(6);
const REST: Duration = Duration::from_millis(60);

/// The studies need this of a view that was answered.
#[derive(Clone)]
pub struct AnsweredView {
    pub revision: Revision,
    pub view: View,
    pub model: Arc<Model>,
    /// This is the picture that the net is shown, of which it sees this part.
    pub picture: Arc<Picture>,
    pub crop: Option<Region>,
    pub own_pixels: bool,
    pub baseline: Arc<Baseline>,
    pub attacked: Arc<Attacked>,
    pub took: Duration,
}

impl AnsweredView {
    /// Returns how far any pixel may move, or, where the attack keeps to nothing of the kind, how far one does.
    fn eps(&self) -> f32 {
        self.view.pixel_eps().unwrap_or(self.attacked.linf)
    }

    /// Returns the way of the attack, no pixel of which is longer than 1: the sign of the gradient, which holds for all
    /// ε, or the straight line to where another attack came.
    fn way(&self) -> Vec<f32> {
        if self.view.is_fgsm() {
            let direction = self.baseline.goal.direction();
            return Norm::Linf.steepest(&self.baseline.gradient.values).iter().map(|d| direction * d).collect();
        }
        let scale = if self.attacked.linf > 0.0 { 1.0 / self.attacked.linf } else { 0.0 };
        self.attacked.perturbation.values.iter().map(|d| scale * d).collect()
    }
}

pub type LoadNet<'a> = dyn Fn(&str) -> Result<Arc<Model>> + 'a;

/// A study is worked out beside a view, piece by piece, so that the next view waits for a piece at most.
trait Study: Send {
    /// Tells whether the person wishes for it and it is not all there yet for this view.
    fn is_left(&self, of: &AnsweredView, wish: &Wish) -> bool;

    /// Computes one piece while something is left, and returns what there is to tell after it.
    fn advance(&mut self, of: &AnsweredView, wish: &Wish, load: &LoadNet<'_>) -> Result<Option<Event>>;

    /// Forgets the net of this name, which is another one from now on.
    fn forget_net(&mut self, _name: &str) {}
}

pub struct Studies {
    pub wish: Wish,
    pub newest: Option<AnsweredView>,
    studies: [Box<dyn Study>; 5],
    /// The studies that ask a second net share it.
    second_net: RefCell<Last<String, Arc<Model>>>,
}

impl Studies {
    pub fn new(wish: Wish) -> Self {
        // The person waits for the smallest ε. The second net and the controls change with every ε, the curve does not,
        // and the maps take longest.
        let studies: [Box<dyn Study>; 5] = [
            Box::<least::LeastStudy>::default(),
            Box::<second::SecondStudy>::default(),
            Box::<controls::ControlStudy>::default(),
            Box::<along::AlongStudy>::default(),
            Box::<church::ChurchStudy>::default(),
        ];
        Self { wish, newest: None, studies, second_net: RefCell::default() }
    }

    /// Makes studies that know nothing of views so far, with the same wish: the nets behind the names are others.
    pub fn afresh(&mut self) -> Self {
        Self::new(std::mem::take(&mut self.wish))
    }

    pub fn forget_net(&mut self, name: &str) {
        let net = self.second_net.get_mut();
        if net.get(&name.to_owned()).is_some() {
            net.forget();
        }
        self.studies.iter_mut().for_each(|study| study.forget_net(name));
    }

    /// Goes on piece by piece until all is done or something else is to be done; what failed is not tried again.
    /// `rests` waits that long for another task and says whether none came.
    pub fn go_on(&mut self, rests: impl Fn(Duration) -> bool, load: &LoadNet<'_>, send: impl Fn(Event)) -> Result<()> {
        let Some(of) = &self.newest else { return Ok(()) };
        let load = |name: &str| {
            let name = name.to_owned();
            if let Some(model) = self.second_net.borrow().get(&name) {
                return Ok(model.clone());
            }
            let model = load(&name)?;
            self.second_net.borrow_mut().set(name, model.clone());
            Ok(model)
        };
        let mut pause = if of.took > SLOW { REST } else { Duration::ZERO };
        while let Some(study) = self.studies.iter_mut().find(|study| study.is_left(of, &self.wish)) {
            if !rests(pause) {
                return Ok(());
            }
            pause = Duration::ZERO;
            match study.advance(of, &self.wish, &load) {
                Ok(event) => event.into_iter().for_each(&send),
                Err(error) => {
                    self.newest = None;
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}
