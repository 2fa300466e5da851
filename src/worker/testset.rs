//! Nets on whole test sets: one survey at a time, on a thread of its own that comes after everything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::training::{patient_pool, step_back};
use super::{Event, Outbox};
use crate::engine::attack::{AttackSettings, Loss, Problem, Rules, finish, warnings};
use crate::engine::data::{DataSource, Dataset, Split};
use crate::engine::eval::{Answer, Evaluation, Plan, evaluate, transfer};
use crate::engine::loss::softmax;
use crate::engine::model::{Catalogue, Model, argmax};
use crate::engine::picture::{Picture, Planes, Rgba};
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
    /// Nothing is under way any more.
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
        let mut bench = Bench { catalogue, in_hand, outbox, models: Vec::new(), data: None };
        std::thread::Builder::new().name("test set".into()).spawn(move || {
            step_back();
            bench.serve(&receive, &pool);
        })?;
        Ok(Self { orders, numbers })
    }

    /// A survey takes the place of the one in hand. Never blocks.
    pub fn order(&self, order: TestOrder) {
        if !matches!(order, TestOrder::Sheet(_)) {
            self.stop();
        }
        let number = self.numbers.newest.fetch_add(1, Ordering::Relaxed) + 1;
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
        self.numbers.put_down.load(Ordering::Relaxed) >= self.number
    }

    fn is_newest(&self) -> bool {
        self.numbers.newest.load(Ordering::Relaxed) == self.number
    }
}

struct Bench {
    catalogue: Catalogue,
    in_hand: InHand,
    outbox: Arc<Outbox>,
    models: Vec<(String, Arc<Model>)>,
    /// The set that was opened last, for nets with these classes.
    data: Option<(DataSource, Arc<[String]>, Arc<Dataset>)>,
}

impl Bench {
    fn serve(&mut self, orders: &Receiver<(u64, TestOrder)>, pool: &rayon::ThreadPool) {
        while let Ok((number, order)) = orders.recv() {
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
            if self.in_hand.is_newest() {
                self.tell(TestEvent::Ended);
            }
        }
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
            let plan = Plan { rules: survey.rules, limit: Some(survey.n), ..Plan::new(attack.clone(), &survey.eps) };
            let mut told = Instant::now();
            let evaluation = evaluate(&model, &data, &plan, |done, n| {
                if told.elapsed() > TELLING {
                    told = Instant::now();
                    let share = (before as f32 + number as f32 + done as f32 / n.max(1) as f32) / of as f32;
                    let text = format!("{title} under {attack}: {done} of {n}");
                    let left = (share > 0.02).then(|| started.elapsed().mul_f32((1.0 - share) / share));
                    self.tell(TestEvent::Progress { share, text, left });
                }
                !self.in_hand.is_stopped()
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
                warnings: warnings(&curves).iter().map(|warning| in_window(&warning.to_string())).collect(),
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
            !self.in_hand.is_stopped()
        })?;
        let titles = models.iter().map(|model| model.manifest.name.clone()).collect();
        let n = data.len().min(survey.n);
        self.tell(TestEvent::Transferred(Box::new(Transferred { survey, eps, titles, n, right })));
        Ok(())
    }

    fn sheet(&mut self, wish: SheetWish) -> Result<()> {
        let model = self.model(&wish.net)?;
        let data = self.data(&wish.data, &model)?;
        let wanted: Vec<usize> = (wish.first..data.len().min(wish.first + wish.count)).collect();
        let (x, labels) = data.batch_values(&wanted, model.input())?;
        let problem = Problem::new(model.clone(), x, labels, wish.rules)?.numbered_from(wish.first);
        let problem = problem.with_eps(&[wish.eps])?;
        let adversarial = finish(&wish.attack, &problem, |_, _| !self.in_hand.is_stopped())?;
        let (before, after) = (problem.clean()?.logits.clone(), problem.logits(&adversarial)?);
        let (size, classes, input) = (problem.size(), problem.classes(), model.input());
        let answer = |logits: &[f32], i: usize| {
            let logits = &logits[i * classes..(i + 1) * classes];
            let says = argmax(logits);
            Answer { label: problem.labels[i], says, confidence: softmax(logits)[says] }
        };
        let planes = |values: &[f32], i: usize| Planes {
            channels: input.channels,
            height: input.height,
            width: input.width,
            values: values[i * size..(i + 1) * size].to_vec(),
        };
        let picture = |i: usize| SheetPicture {
            original: Arc::new(planes(&problem.x, i).to_picture()),
            adversarial: Rgba::from_planes(&planes(&adversarial, i)),
            before: answer(&before, i),
            after: answer(&after, i),
        };
        let pictures = (0..problem.len()).map(picture).collect();
        let (classes, of) = (model.classes.clone(), data.len());
        self.tell(TestEvent::Sheet(Box::new(Sheet { wish, classes, of, pictures })));
        Ok(())
    }
}

/// A warning in the words of the window, where the log-odds are a switch.
fn in_window(warning: &str) -> String {
    warning.replace("--loss log-odds follows it", "the log-odds follow it")
}

impl Curve {
    /// The command that measures the same without a window.
    pub fn command(&self) -> String {
        let survey = &self.survey;
        let eps: Vec<String> = survey.eps.iter().map(f32::to_string).collect();
        let mut words = vec![format!("doppelganger sweep --data {} --models {}", survey.data, self.net)];
        let plural = |word: String| if word == "--attack" { "--attacks".into() } else { word };
        words.extend(self.attack.options().into_iter().map(plural));
        words.push(format!("--eps {} --limit {}", eps.join(","), survey.n));
        if survey.rules.seed > 0 {
            words.push(format!("--seed {}", survey.rules.seed));
        }
        if survey.rules.bounds.is_none() {
            words.push("--no-clip".into());
        }
        if survey.rules.eight_bit {
            words.push("--8-bit".into());
        }
        if survey.rules.loss == Loss::LogOdds {
            words.push("--loss log-odds".into());
        }
        words.join(" ")
    }
}
