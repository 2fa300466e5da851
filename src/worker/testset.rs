//! Nets on whole test sets: one survey at a time, on a thread of its own that comes after everything else. Contact sheets are
//! made in between, so that they need not wait for its end.

mod command;
mod sheet;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::training::{patient_pool, step_back};
use super::{Event, Outbox};
use crate::engine::attack::{Attack, AttackSettings, Measure, Rules, warnings};
use crate::engine::data::{DataSource, Dataset, Split};
use crate::engine::eval::{Answer, Evaluation, Plan, evaluate, transfer};
use crate::engine::model::{Catalogue, Model};
use crate::engine::picture::{Picture, Rgba};
use crate::engine::transfer_table::Transfer;
use crate::engine::{Error, Result};

/// Orders that may wait.
const ORDERS: usize = 256;
/// How often progress is told.
const TELLING: Duration = Duration::from_millis(100);

/// What to measure: each net under each attack.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    pub data: DataSource,
    /// Names of the catalogue.
    pub nets: Vec<String>,
    pub attacks: Vec<AttackSettings>,
    /// In the norm of each attack, ascending.
    pub eps: Vec<f32>,
    /// The first so many pictures of the test split.
    pub n: usize,
    pub rules: Rules,
}

/// Some pictures of a survey, attacked.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetWish {
    pub data: DataSource,
    pub net: String,
    pub attack: AttackSettings,
    /// Of an attack that takes none: the longest perturbation that counts, infinite for any.
    pub eps: f32,
    pub rules: Rules,
    /// The number of the first picture in the test split, and how many.
    pub first: usize,
    pub count: usize,
}

/// What the window asks for.
#[derive(Clone, Debug)]
pub enum TestOrder {
    /// Puts down the survey in hand; what it has measured was told.
    Measure(Survey),
    Sheet(SheetWish),
    /// The nets of a survey on each other's pictures, under its first attack, at this ε.
    Transfer(Survey, f32),
}

/// What the window is told.
#[derive(Clone, Debug)]
pub enum TestEvent {
    Progress {
        /// From 0 to 1.
        share: f32,
        text: String,
        left: Option<Duration>,
    },
    /// A curve is there.
    Measured(Box<Curve>),
    Transferred(Box<Transferred>),
    Sheet(Box<Sheet>),
    /// A net, or all of it, could not be measured, and why.
    Failed(String),
    /// The survey is through, or was stopped, and no other was ordered.
    Ended,
}

/// A net under an attack.
#[derive(Clone, Debug)]
pub struct Curve {
    pub survey: Survey,
    pub net: String,
    /// The manifest's `name`.
    pub title: String,
    pub attack: AttackSettings,
    pub classes: Arc<[String]>,
    pub found: Evaluation,
    /// What makes the net's curves so far doubtful, a sentence each.
    pub warnings: Vec<String>,
    pub took: Duration,
}

/// Who is right on whose pictures.
#[derive(Clone, Debug)]
pub struct Transferred {
    pub survey: Survey,
    pub eps: f32,
    pub titles: Vec<String>,
    pub n: usize,
    /// Right answers: a row for the net that the pictures were made on, a column for the one that is asked.
    pub right: Vec<Vec<usize>>,
}

impl Transferred {
    /// As a table, with the names of the catalogue; none where the survey had no attack.
    pub fn table(&self) -> Option<Transfer<'_>> {
        let (nets, seed) = (&self.survey.nets, self.survey.rules.seed);
        let attack = self.survey.attacks.first()?;
        Some(Transfer { nets, attack, eps: self.eps, seed, n: self.n, right: &self.right })
    }
}

/// Attacked test pictures.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub wish: SheetWish,
    pub classes: Arc<[String]>,
    pub of: usize,
    pub pictures: Vec<SheetPicture>,
}

#[derive(Clone, Debug)]
pub struct SheetPicture {
    pub original: Arc<Picture>,
    pub adversarial: Rgba,
    /// Of the perturbation, in the measure of the attack.
    pub length: f32,
    pub before: Answer,
    pub after: Answer,
}

/// A handle on the thread.
pub struct TestSets {
    orders: SyncSender<(u64, TestOrder)>,
    numbers: Arc<Numbers>,
}

/// Of orders, from 1 on.
#[derive(Default)]
struct Numbers {
    newest: AtomicU64,
    /// Of surveys.
    newest_survey: AtomicU64,
    /// This one and all before are to be put down.
    put_down: AtomicU64,
}

impl TestSets {
    /// # Errors
    /// When the operating system gives no thread.
    pub fn spawn(catalogue: Catalogue, outbox: Arc<Outbox>) -> std::io::Result<Self> {
        let (orders, receive) = sync_channel(ORDERS);
        let numbers = Arc::<Numbers>::default();
        let pool = patient_pool("test set")?;
        let in_hand = InHand { number: 0, numbers: numbers.clone() };
        let (models, waiting) = (Vec::new(), VecDeque::new());
        let mut bench = Bench { catalogue, orders: receive, waiting, in_hand, outbox, models, data: None };
        std::thread::Builder::new().name("test set".into()).spawn(move || {
            step_back();
            bench.serve(&pool);
        })?;
        Ok(Self { orders, numbers })
    }

    /// A survey takes the place of the one in hand. Never blocks.
    pub fn order(&self, order: TestOrder) {
        let is_survey = !matches!(order, TestOrder::Sheet(_));
        if is_survey {
            self.stop();
        }
        let number = self.numbers.newest.fetch_add(1, Ordering::Relaxed) + 1;
        if is_survey {
            self.numbers.newest_survey.store(number, Ordering::Relaxed);
        }
        // The thread only ends with this handle, and what is in hand stops before so many orders are given.
        let _ = self.orders.try_send((number, order));
    }

    /// Puts down what is in hand, and what waits.
    pub fn stop(&self) {
        self.numbers.put_down.store(self.numbers.newest.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

impl Drop for TestSets {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The order in hand.
struct InHand {
    number: u64,
    numbers: Arc<Numbers>,
}

impl InHand {
    fn is_stopped(&self) -> bool {
        self.is_put_down(self.number)
    }

    fn is_put_down(&self, number: u64) -> bool {
        self.numbers.put_down.load(Ordering::Relaxed) >= number
    }

    fn is_newest_survey(&self) -> bool {
        self.numbers.newest_survey.load(Ordering::Relaxed) == self.number
    }
}

struct Bench {
    catalogue: Catalogue,
    orders: Receiver<(u64, TestOrder)>,
    /// Orders that came in while a survey was in hand.
    waiting: VecDeque<(u64, TestOrder)>,
    in_hand: InHand,
    outbox: Arc<Outbox>,
    models: Vec<(String, Arc<Model>)>,
    /// The set that was opened last, for nets with these classes.
    data: Option<(DataSource, Arc<[String]>, Arc<Dataset>)>,
}

impl Bench {
    fn serve(&mut self, pool: &rayon::ThreadPool) {
        while let Some((number, order)) = self.waiting.pop_front().or_else(|| self.orders.recv().ok()) {
            self.in_hand.number = number;
            let work = || pool.install(|| self.carry_out(order));
            let failed = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
                Ok(Ok(()) | Err(Error::Stopped)) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some("an internal error: please report what you were doing. The app goes on".into()),
            };
            if let Some(message) = failed {
                self.tell(TestEvent::Failed(message));
            }
            if self.in_hand.is_newest_survey() {
                self.tell(TestEvent::Ended);
            }
        }
    }

    /// Whether the survey in hand goes on. A sheet that was ordered meanwhile is made first, the newest of them.
    fn goes_on(&mut self) -> bool {
        let mut newest = None;
        while let Ok((number, order)) = self.orders.try_recv() {
            match order {
                TestOrder::Sheet(wish) => newest = Some((number, wish)),
                survey => self.waiting.push_back((number, survey)),
            }
        }
        if let Some((_, wish)) = newest.filter(|(number, _)| !self.in_hand.is_put_down(*number))
            && let Err(error) = self.sheet(wish)
            && !matches!(error, Error::Stopped)
        {
            self.tell(TestEvent::Failed(error.to_string()));
        }
        !self.in_hand.is_stopped()
    }

    fn tell(&self, event: TestEvent) {
        self.outbox.send(Event::TestSet(event));
    }

    fn carry_out(&mut self, order: TestOrder) -> Result<()> {
        match order {
            TestOrder::Measure(survey) => self.measure(&survey),
            TestOrder::Sheet(wish) => self.sheet(wish),
            TestOrder::Transfer(survey, eps) => self.transfer(survey, eps),
        }
    }

    fn model(&mut self, name: &str) -> Result<Arc<Model>> {
        if let Some((_, model)) = self.models.iter().find(|(known, _)| known == name) {
            return Ok(model.clone());
        }
        let model = Arc::new(self.catalogue.load(name)?);
        self.models.push((name.to_owned(), model.clone()));
        Ok(model)
    }

    fn data(&mut self, source: &DataSource, model: &Model) -> Result<Arc<Dataset>> {
        if let Some((known, classes, data)) = &self.data
            && (known, classes) == (source, &model.classes)
        {
            return Ok(data.clone());
        }
        let (in_hand, outbox) = (&self.in_hand, &self.outbox);
        let mut told = Instant::now();
        let data = source.open(Split::Test, &model.classes, &mut |share| {
            if told.elapsed() > TELLING {
                told = Instant::now();
                outbox.send(Event::TestSet(TestEvent::Progress {
                    share,
                    text: "preparing the pictures".into(),
                    left: None,
                }));
            }
            !in_hand.is_stopped()
        })?;
        let data = Arc::new(data);
        self.data = Some((source.clone(), model.classes.clone(), data.clone()));
        Ok(data)
    }

    fn measure(&mut self, survey: &Survey) -> Result<()> {
        // Files may have changed since the last survey.
        self.models.clear();
        let (started, of) = (Instant::now(), survey.nets.len() * survey.attacks.len());
        for (number, net) in survey.nets.iter().enumerate() {
            let done = number * survey.attacks.len();
            match self.measure_net(survey, net, (done, of), started) {
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => self.tell(TestEvent::Failed(format!("{net} was not measured: {error}"))),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn measure_net(
        &mut self,
        survey: &Survey,
        net: &str,
        (before, of): (usize, usize),
        started: Instant,
    ) -> Result<()> {
        let model = self.model(net)?;
        let data = self.data(&survey.data, &model)?;
        let title = model.manifest.name.clone();
        let mut found: Vec<(AttackSettings, Evaluation)> = Vec::new();
        for (number, attack) in survey.attacks.iter().enumerate() {
            let curve_started = Instant::now();
            // ε of a survey is a length; a number of changed values is something else.
            let eps = if attack.measure() == Measure::Count { &[][..] } else { &survey.eps };
            let plan = Plan { rules: survey.rules, limit: Some(survey.n), ..Plan::new(attack.clone(), eps) };
            let mut told = Instant::now();
            let evaluation = evaluate(&model, &data, &plan, |done, n| {
                if told.elapsed() > TELLING {
                    told = Instant::now();
                    let share = (before as f32 + number as f32 + done as f32 / n.max(1) as f32) / of as f32;
                    let text = format!("{title} under {attack}: {done} of {n}");
                    let left = (share > 0.02).then(|| started.elapsed().mul_f32((1.0 - share) / share));
                    self.tell(TestEvent::Progress { share, text, left });
                }
                self.goes_on()
            })?;
            found.push((attack.clone(), evaluation.clone()));
            let curves: Vec<_> = found.iter().map(|(attack, found)| found.curve(attack, survey.rules.loss)).collect();
            self.tell(TestEvent::Measured(Box::new(Curve {
                survey: survey.clone(),
                net: net.to_owned(),
                title: title.clone(),
                attack: attack.clone(),
                classes: model.classes.clone(),
                found: evaluation,
                warnings: warnings(&curves).iter().map(ToString::to_string).collect(),
                took: curve_started.elapsed(),
            })));
        }
        Ok(())
    }

    fn transfer(&mut self, survey: Survey, eps: f32) -> Result<()> {
        let models = survey.nets.iter().map(|net| self.model(net)).collect::<Result<Vec<_>>>()?;
        let (Some(first), Some(attack)) = (models.first(), survey.attacks.first()) else { return Ok(()) };
        let data = self.data(&survey.data, first)?;
        let plan = Plan { rules: survey.rules, limit: Some(survey.n), ..Plan::new(attack.clone(), &[eps]) };
        let (started, mut told) = (Instant::now(), Instant::now());
        let right = transfer(&models, &data, &plan, |done, n| {
            if told.elapsed() > TELLING {
                told = Instant::now();
                let share = done as f32 / n.max(1) as f32;
                let left = (share > 0.02).then(|| started.elapsed().mul_f32((1.0 - share) / share));
                self.tell(TestEvent::Progress { share, text: "each net on the pictures of the others".into(), left });
            }
            self.goes_on()
        })?;
        let titles = models.iter().map(|model| model.manifest.name.clone()).collect();
        let n = data.len().min(survey.n);
        self.tell(TestEvent::Transferred(Box::new(Transferred { survey, eps, titles, n, right })));
        Ok(())
    }
}
