//! This thread measures.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Instant;

use super::{
    Curve, Numbered, Provenance, Results, Sheet, SheetPicture, SheetWish, Survey, TestEvent, TestOrder, Transferred,
};
use crate::engine::attack::{AttackSettings, Measure, Problem, finish, warnings};
use crate::engine::data::{DataSource, Dataset, Opening, Pace, Split, tells_of_damaged};
use crate::engine::eval::{EvalPlan, Evaluation, Prediction, evaluate, transfer};
use crate::engine::model::{Catalogue, Input, Model};
use crate::engine::picture::{Planes, Rgba};
use crate::engine::{Error, Result};
use crate::worker::job::{Failure, PatientThread, Throttle, guarded};
use crate::worker::last::LastData;
use crate::worker::mailbox::Mailbox;
use crate::worker::{Event, Outbox, TrainEvent};

pub(super) struct Bench {
    catalogue: Catalogue,
    orders: Arc<Mailbox<Numbered>>,
    in_hand: u64,
    pub(super) outbox: Arc<Outbox>,
    /// Each net has the SHA-256 of its weights with it.
    pub(super) models: BTreeMap<String, (Arc<Model>, String)>,
    results: Results,
    data: LastData,
    pub(super) progress: Throttle,
}

pub fn start(catalogue: Catalogue, results: Results, outbox: Arc<Outbox>) -> std::io::Result<PatientThread<Numbered>> {
    let serve = |orders, pool| {
        let (models, data, progress) = (BTreeMap::new(), LastData::default(), Throttle::later(Throttle::PROGRESS));
        Bench { catalogue, orders, in_hand: 0, outbox, models, results, data, progress }.serve(&pool);
    };
    Ok(PatientThread::start("test set", serve)?.detached())
}

impl Bench {
    fn serve(mut self, pool: &rayon::ThreadPool) {
        self.tell(TestEvent::Kept(Box::new(self.results.read())));
        while let Some(next) = self.orders.next() {
            self.in_hand = next.number;
            let (is_survey, is_common) = (next.is_survey(), next.is_common());
            self.progress = Throttle::later(Throttle::PROGRESS);
            let done = guarded(|| {
                pool.install(|| match next.order {
                    TestOrder::Measure { survey, known } => self.measure(&survey, &known),
                    TestOrder::Common(survey) => self.measure_runs(&survey),
                    TestOrder::Compare(nets) => self.compare(nets),
                    TestOrder::Sheet(wish) => self.sheet(wish),
                    TestOrder::Transfer(survey, eps) => self.transfer(survey, eps),
                })
            });
            if is_common {
                self.tell_of_runs_failure(done);
                if !self.orders.holds(Numbered::is_common) {
                    self.tell_of_runs(TrainEvent::Measuring(None));
                }
                continue;
            }
            self.tell_failure(done);
            if is_survey && !self.orders.holds(Numbered::is_survey) {
                self.tell(TestEvent::Ended);
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.orders.is_overtaken(self.in_hand)
    }

    /// Tells whether the survey in hand goes on. A sheet that was ordered meanwhile is made first, the newest of them.
    pub(super) fn goes_on(&mut self) -> bool {
        let mut sheet = None;
        while let Some(next) = self.orders.take(Numbered::is_sheet) {
            sheet = Some(next);
        }
        if let Some(Numbered { number, order: TestOrder::Sheet(wish) }) = sheet
            && !self.orders.is_overtaken(number)
        {
            let made = self.sheet(wish).map_err(Failure::from);
            self.tell_failure(made);
        }
        !self.is_stopped()
    }

    fn tell(&self, event: TestEvent) {
        self.outbox.send(Event::TestSet(event));
    }

    fn tell_failure(&self, done: Result<(), Failure>) {
        if let Some(message) = done.err().and_then(Failure::message) {
            self.tell(TestEvent::Failed(message));
        }
    }

    /// Says that what was measured is only on screen.
    fn tell_unkept(&self, kept: Result<()>) {
        if let Err(error) = kept {
            self.tell(TestEvent::Failed(format!("What was measured is on screen, but not on disk: {error}")));
        }
    }

    fn tell_progress(&mut self, share: f32, started: Instant, text: impl FnOnce() -> String) {
        if self.progress.is_due() {
            let left = (share > 0.02).then(|| started.elapsed().mul_f32((1.0 - share) / share));
            self.tell(TestEvent::Progress { share, text: text(), left });
        }
    }

    /// Loads a net, with the SHA-256 of its weights.
    pub(super) fn model(&mut self, name: &str) -> Result<(Arc<Model>, String)> {
        Ok(match self.models.entry(name.to_owned()) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                let (model, digest) = self.catalogue.load_with_digest(name)?;
                unknown.insert((Arc::new(model), digest)).clone()
            }
        })
    }

    /// Tells which weights these nets have now.
    fn compare(&mut self, nets: Vec<String>) -> Result<()> {
        let digests = nets.into_iter().map(|net| {
            let digest = self.catalogue.digest(&net).ok();
            // A sheet must not be made by weights of before.
            self.models.retain(|name, (_, known)| *name != net || Some(&*known) == digest.as_ref());
            (net, digest)
        });
        let digests = digests.collect();
        self.tell(TestEvent::Digests(digests));
        Ok(())
    }

    pub(super) fn data(&mut self, source: &DataSource, skips_damaged: bool, model: &Model) -> Result<Arc<Dataset>> {
        let Self { data, orders, in_hand, outbox, progress, .. } = self;
        let how = Opening { skips_damaged, ..Opening::default() };
        let mut pace = Pace::started();
        data.open(source, Split::Test, &model.classes, how, &mut |share| {
            if progress.is_due() {
                let (text, left) = ("preparing the pictures".into(), Some(pace.left(share)));
                outbox.send(Event::TestSet(TestEvent::Progress { share, text, left }));
            }
            !orders.is_overtaken(*in_hand)
        })
    }

    fn measure(&mut self, survey: &Survey, known: &[Curve]) -> Result<()> {
        // Files may have changed since the last survey.
        self.models.clear();
        let started = Instant::now();
        for number in 0..survey.nets.len() {
            match self.measure_net(survey, known, number, started) {
                Ok(()) => {}
                Err(Error::Stopped) => return Err(Error::Stopped),
                // They are so for every net.
                Err(error) if tells_of_damaged(&error.to_string()) => return Err(error),
                Err(error) => {
                    self.tell(TestEvent::Failed(format!("{} was not measured: {error}", survey.nets[number])))
                }
            }
        }
        Ok(())
    }

    /// Measures the net of this number under all attacks.
    fn measure_net(&mut self, survey: &Survey, known: &[Curve], number: usize, started: Instant) -> Result<()> {
        let Survey { nets, attacks, rules, .. } = survey;
        let (model, digest) = self.model(&nets[number])?;
        let data = self.data(&survey.data, survey.skip_damaged, &model)?;
        let lacking = data.lacking_in(0, survey.n.min(data.len()), &model.classes);
        for note in data.notes().iter().cloned().chain(lacking).chain(data.on_paper_for(&model.manifest)) {
            self.tell(TestEvent::Note(note));
        }
        let title = model.manifest.name.clone();
        let mut found: Vec<(AttackSettings, Evaluation)> = Vec::new();
        for (attack, before) in attacks.iter().zip(number * attacks.len()..) {
            let is_known = |curve: &&Curve| {
                (&curve.net, &curve.attack, curve.digest()) == (&nets[number], attack, digest.as_str())
            };
            if let Some(curve) = known.iter().find(is_known) {
                found.push((attack.clone(), curve.found.clone()));
                continue;
            }
            let curve_started = Instant::now();
            // ε of a survey is a length; a number of changed values is something else.
            let eps = if attack.measure() == Measure::Count { &[][..] } else { &survey.eps };
            let plan = EvalPlan { rules: *rules, limit: Some(survey.n), ..EvalPlan::new(attack.clone(), eps) };
            let evaluation = evaluate(&model, &data, &plan, |reached| {
                let done = reached.done as f32 / reached.n.max(1) as f32;
                let share = (before as f32 + done) / (nets.len() * attacks.len()) as f32;
                self.tell_progress(share, started, || format!("{title} under {attack}: {reached}"));
                self.goes_on()
            })?;
            found.push((attack.clone(), evaluation.clone()));
            let curves: Vec<_> = found.iter().map(|(attack, found)| found.curve(attack, rules.loss)).collect();
            let curve = Curve {
                survey: survey.clone(),
                net: nets[number].clone(),
                title: title.clone(),
                attack: attack.clone(),
                classes: model.classes.clone(),
                found: evaluation,
                warnings: warnings(&curves),
                took: curve_started.elapsed(),
                provenance: Provenance::now(vec![digest.clone()]),
            };
            let kept = self.results.keep_curve(&curve);
            self.tell(TestEvent::Measured(Box::new(curve)));
            self.tell_unkept(kept);
        }
        Ok(())
    }

    fn transfer(&mut self, survey: Survey, eps: f32) -> Result<()> {
        let loaded = survey.nets.iter().map(|net| self.model(net)).collect::<Result<Vec<_>>>()?;
        let (models, digests): (Vec<_>, Vec<_>) = loaded.into_iter().unzip();
        let (Some(first), Some(attack)) = (models.first(), survey.attacks.first()) else { return Ok(()) };
        let data = self.data(&survey.data, survey.skip_damaged, first)?;
        let plan = EvalPlan { rules: survey.rules, limit: Some(survey.n), ..EvalPlan::new(attack.clone(), &[eps]) };
        let started = Instant::now();
        let right = transfer(&models, &data, &plan, |done, n| {
            let text = || "each net on the pictures of the others".into();
            self.tell_progress(done as f32 / n.max(1) as f32, started, text);
            self.goes_on()
        })?;
        let (n, titles) = (data.len().min(survey.n), models.iter().map(|model| model.manifest.name.clone()).collect());
        let transferred = Transferred { survey, eps, titles, n, right, provenance: Provenance::now(digests) };
        let kept = self.results.keep_transfer(&transferred);
        self.tell(TestEvent::Transferred(Box::new(transferred)));
        self.tell_unkept(kept);
        Ok(())
    }

    /// Makes a contact sheet, and counts as the survey does: of an attack that takes no ε, a perturbation that is
    /// longer than the ε looked at leaves the picture as it is.
    fn sheet(&mut self, wish: SheetWish) -> Result<()> {
        let (model, _) = self.model(&wish.net)?;
        let data = self.data(&wish.data, wish.skip_damaged, &model)?;
        let wanted: Vec<usize> = (wish.first..data.len().min(wish.first + wish.count)).collect();
        let (x, labels) = data.batch_values(&wanted, model.input())?;
        let problem = Problem::new(model.clone(), x, labels, wish.rules)?.numbered_from(wish.first);
        let problem = if wish.attack.takes_eps() { problem.with_eps(&[wish.eps])? } else { problem };
        let mut adversarial = finish(&*wish.attack, &problem, |_| !self.is_stopped())?;
        let (size, classes) = (problem.size(), problem.classes());
        let mut lengths = Vec::with_capacity(problem.len());
        for (at, x) in adversarial.chunks_mut(size).zip(problem.x.chunks(size)) {
            let moved: Vec<f32> = at.iter().zip(x).map(|(at, x)| at - x).collect();
            let length = wish.attack.measure().length(&moved);
            let counts = wish.attack.takes_eps() || length <= wish.eps;
            lengths.push(if counts { length } else { 0.0 });
            if !counts {
                at.copy_from_slice(x);
            }
        }
        let (before, after) = (problem.clean()?.logits.clone(), problem.logits(&adversarial)?);
        let answer =
            |logits: &[f32], i: usize| Prediction::new(problem.labels[i], &logits[i * classes..(i + 1) * classes]);
        let &Input { channels, height, width, .. } = model.input();
        let planes = |values: &[f32], i: usize| {
            let values = values[i * size..(i + 1) * size].to_vec();
            Planes { channels, height, width, values }
        };
        let picture = |i: usize| SheetPicture {
            original: Arc::new(planes(&problem.x, i).to_picture()),
            adversarial: Rgba::from_planes(&planes(&adversarial, i)),
            length: lengths[i],
            before: answer(&before, i),
            after: answer(&after, i),
        };
        let pictures = (0..problem.len()).map(picture).collect();
        let (classes, of) = (model.classes.clone(), data.len());
        self.tell(TestEvent::Sheet(Box::new(Sheet { wish, classes, of, pictures })));
        Ok(())
    }
}
