//! A probe is a training of a few seconds with the settings of the next run, so that ε and α can be tuned by eye.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Outbox;
use super::job::{Failure, PatientThread, guarded};
use super::last::LastData;
use super::mailbox::Mailbox;
use super::protocol::Event;
use crate::engine::Result;
use crate::engine::data::{DataSource, Dataset, Split};
use crate::engine::model::{Architecture, Catalogue, Kind, Manifest};
use crate::engine::picture::{Heatmap, Planes, Rgba};
use crate::engine::train::{Config, EpochRecord, Example, SeenPicture, Stopping, Trainer, WorkDone};

/// The probe has this number of steps, in equal parts with a validation behind each.
const STEPS: usize = 300;
const PARTS: usize = 10;
/// This number of pictures is held out.
const HELD_OUT: usize = 500;
/// No probe takes more pictures for training.
const MOST_PICTURES: usize = 6000;
/// It ends with the part that is under way after this time.
const TIME: Duration = Duration::from_secs(4);
/// A net whose first part would take longer gives way to a small one.
const TIME_OF_A_PART: Duration = Duration::from_millis(1500);

/// This asks for a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeWish {
    /// The settings of the next run.
    pub config: Config,
    /// The number of the picture that is attacked, among those of the probe.
    pub picture: usize,
}

/// This is what a probe has come to so far.
#[derive(Clone, Debug)]
pub struct Probe {
    pub wish: ProbeWish,
    /// The probe was trained with these settings: fewer pictures and steps, and a small net where the run's is slow.
    pub config: Config,
    pub training_pictures: usize,
    pub steps: usize,
    pub of: usize,
    /// No more steps follow: all were taken, or time was up.
    pub is_over: bool,
    /// The errors on the pictures held out; they are there after the first part.
    pub record: Option<EpochRecord>,
    pub example: Option<ProbeExample>,
}

impl Probe {
    /// Returns whether a small net was trained in place of the one that the settings name.
    pub fn is_of_small_net(&self) -> bool {
        self.config.model != self.wish.config.model
    }
}

/// This is a picture of the data and what the adversary makes of it.
#[derive(Clone, Debug)]
pub struct ProbeExample {
    /// The example was attacked at this ε.
    pub eps: f32,
    pub label: String,
    pub clean: ProbeAnswer,
    pub adversarial: ProbeAnswer,
    /// The perturbation, with ε as its strongest colour.
    pub perturbation: Arc<Rgba>,
}

#[derive(Clone, Debug)]
pub struct ProbeAnswer {
    pub picture: Arc<Rgba>,
    pub class: String,
    pub probability: f32,
    pub is_right: bool,
}

#[derive(Clone, Debug)]
pub enum ProbeEvent {
    Found(Box<Probe>),
    /// There is no probe of these settings, for this reason.
    Failed(Box<ProbeWish>, String),
}

/// Starts the thread. Of the wishes that wait only the newest is fulfilled; `None` ends the probe in hand.
pub fn start(catalogue: Catalogue, outbox: Arc<Outbox>) -> std::io::Result<PatientThread<Option<ProbeWish>>> {
    PatientThread::start("probe", |wishes, pool| {
        let prober = Prober { catalogue, outbox, wishes, data: LastData::default(), last: None };
        pool.install(|| prober.serve());
    })
}

struct Prober {
    catalogue: Catalogue,
    outbox: Arc<Outbox>,
    wishes: Arc<Mailbox<Option<ProbeWish>>>,
    data: LastData,
    /// The net of the newest probe that has learnt something: it answers while ε moves.
    last: Option<Trainer>,
}

impl Prober {
    fn serve(mut self) {
        while let Some(wish) = self.wishes.next() {
            let Some(wish) = self.newest(wish) else { continue };
            let event = match guarded(|| self.probe(&wish)) {
                Ok(()) | Err(Failure::Stopped) => continue,
                Err(Failure::Panic) => {
                    // Its net may be half changed.
                    self.last = None;
                    Failure::Panic.message().unwrap_or_default()
                }
                Err(Failure::Error(why)) => why,
            };
            self.outbox.send(Event::Probe(ProbeEvent::Failed(Box::new(wish), event)));
        }
    }

    fn newest(&self, mut wish: Option<ProbeWish>) -> Option<ProbeWish> {
        while let Some(newer) = self.wishes.take(|_| true) {
            wish = newer;
        }
        wish
    }

    fn is_overtaken(&self) -> bool {
        is_overtaken(&self.wishes)
    }

    fn probe(&mut self, wish: &ProbeWish) -> Result<()> {
        self.preview(wish)?;
        let (trainer, step) = self.begin(wish, wish.config.model.clone())?;
        let steps = trainer.progress().steps as u32;
        let is_slow = step * steps > TIME_OF_A_PART;
        match small_net(&wish.config).filter(|_| is_slow) {
            Some(small) => {
                let (trainer, _) = self.begin(wish, small)?;
                self.train(wish, trainer)
            }
            None => self.train(wish, trainer),
        }
    }

    /// Shows the picture as the net of the probe before sees it, at the new ε.
    fn preview(&mut self, wish: &ProbeWish) -> Result<()> {
        let Some(mut last) = self.last.take() else { return Ok(()) };
        let Config { data, size, channels, .. } = &wish.config;
        let is_alike = (data, size, channels) == (&last.config().data, &last.config().size, &last.config().channels);
        if is_alike {
            self.report(wish, &mut last, None, false)?;
            self.last = Some(last);
        }
        Ok(())
    }

    /// Makes the trainer of a probe and takes its first two steps. Returns it with the time of the quicker one.
    fn begin(&mut self, wish: &ProbeWish, model: String) -> Result<(Trainer, Duration)> {
        let wanted = Config { model, ..wish.config.clone() };
        let manifest = wanted.net(&self.catalogue, &mut |_| !self.is_overtaken())?.manifest;
        let data = self.pictures(&wanted, &manifest)?;
        let config = shortened(&wanted, data.len());
        let mut trainer = Trainer::new(manifest, data, config)?;
        let mut step = || -> Result<Duration> {
            let begun = Instant::now();
            trainer.advance()?;
            Ok(begun.elapsed())
        };
        let quicker = step()?.min(step()?);
        Ok((trainer, quicker))
    }

    fn pictures(&mut self, config: &Config, manifest: &Manifest) -> Result<Arc<Dataset>> {
        let wanted = (config.batch * STEPS / PARTS).min(MOST_PICTURES) + HELD_OUT;
        let source = match &config.data {
            &DataSource::Drawn { count, seed } => DataSource::Drawn { count: count.min(wanted), seed },
            other => other.clone(),
        };
        let wishes = &self.wishes;
        let mut watch = |_| !is_overtaken(wishes);
        let all = self.data.open(&source, Split::Train, &manifest.classes, config.opening(), &mut watch)?;
        Ok(if all.len() > wanted { Arc::new(all.first(wanted)) } else { all })
    }

    fn train(&mut self, wish: &ProbeWish, mut trainer: Trainer) -> Result<()> {
        let begun = Instant::now();
        let mut is_over = false;
        while !is_over {
            while trainer.advance()? != WorkDone::Epoch {
                if self.is_overtaken() {
                    return Ok(());
                }
            }
            is_over = trainer.is_finished() || begun.elapsed() >= TIME;
            let record = trainer.history().last().copied();
            self.report(wish, &mut trainer, record, is_over)?;
        }
        self.last = Some(trainer);
        Ok(())
    }

    fn report(
        &self,
        wish: &ProbeWish,
        trainer: &mut Trainer,
        record: Option<EpochRecord>,
        is_over: bool,
    ) -> Result<()> {
        let progress = trainer.progress();
        let per_part = progress.steps;
        let picture = wish.picture % trainer.data_len();
        let example = trainer.example(picture, &wish.config)?;
        let found = Probe {
            config: trainer.config().clone(),
            training_pictures: trainer.data_len() - trainer.config().validation,
            steps: trainer.history().len() * per_part,
            of: trainer.config().epochs * per_part,
            is_over,
            record,
            example: Some(drawn(trainer.manifest(), example, wish.config.eps)),
            wish: wish.clone(),
        };
        self.outbox.send(Event::Probe(ProbeEvent::Found(Box::new(found))));
        Ok(())
    }
}

/// Tells whether the probe in hand is not wanted any more.
fn is_overtaken(wishes: &Mailbox<Option<ProbeWish>>) -> bool {
    wishes.is_closed() || wishes.holds(|_| true)
}

/// Returns the settings of a probe on this number of pictures.
fn shortened(config: &Config, pictures: usize) -> Config {
    let validation = HELD_OUT.min(pictures / 5);
    let batch = config.batch.min((pictures - validation) / 2).max(1);
    let steps = (pictures - validation).div_ceil(batch);
    Config {
        batch,
        epochs: STEPS.div_ceil(steps),
        validation,
        pgd_pictures: 0,
        stopping: Stopping::default(),
        // Whatever a run was begun with earlier.
        is_as_filed: false,
        ..config.clone()
    }
}

/// Returns a small net for the same pictures; `None` for one that is small already, or has trained weights.
fn small_net(config: &Config) -> Option<String> {
    let asked: Architecture = config.model.parse().ok()?;
    let kind = match asked.kind {
        Kind::Cnn { .. } => Kind::Cnn { channels: vec![8, 16], hidden: 64 },
        Kind::Maxout(_) => Kind::Maxout(vec![(64, 2)]),
        Kind::Mlp(_) => Kind::Mlp(vec![64]),
        Kind::Softmax => return None,
    };
    let small = Architecture { kind, ..asked }.to_string();
    (small != config.model).then_some(small)
}

fn drawn(manifest: &Manifest, example: Example, eps: f32) -> ProbeExample {
    let input = &manifest.input;
    let planes = |values: &[f32]| Planes {
        channels: input.channels,
        height: input.height,
        width: input.width,
        values: values.to_vec(),
    };
    let class = |class: usize| manifest.classes.get(class).cloned().unwrap_or_default();
    let answer = |seen: &SeenPicture| ProbeAnswer {
        picture: Arc::new(Rgba::from_planes(&planes(&seen.pixels))),
        class: class(seen.answer),
        probability: seen.probability,
        is_right: seen.answer == example.label,
    };
    let moved: Vec<f32> =
        example.adversarial.pixels.iter().zip(&example.clean.pixels).map(|(to, from)| to - from).collect();
    let (perturbation, _) = Heatmap::default().draw(&planes(&moved), &planes(&moved));
    ProbeExample {
        eps,
        label: class(example.label),
        clean: answer(&example.clean),
        adversarial: answer(&example.adversarial),
        perturbation: Arc::new(perturbation),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_has_its_steps_whatever_the_batch() {
        let config = Config { batch: 100, ..Config::default() };
        for (pictures, batch, validation, epochs) in [(3500, 100, 500, 10), (600, 100, 120, 60), (10, 4, 2, 150)] {
            let short = shortened(&config, pictures);
            assert_eq!((short.batch, short.validation, short.epochs), (batch, validation, epochs), "{pictures}");
            short.check(pictures).unwrap();
        }
    }

    #[test]
    fn slow_nets_have_a_small_one_of_their_kind() {
        let small = |model: &str| small_net(&Config { model: model.into(), ..Config::default() });
        assert_eq!(small("cnn:32,64,1024").as_deref(), Some("cnn:8,16,64"));
        assert_eq!(small("maxout:1600x5,1600x5").as_deref(), Some("maxout:64x2"));
        assert_eq!(small("maxout:64x2"), None);
        assert_eq!(small("softmax"), None);
        assert_eq!(small("digits_cnn"), None);
    }
}
