//! This takes the settings of a run from the command line, and drives one without a window.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::choice::choice;
use super::print;
use super::progress::{ProgressLine, check_ctrl_c, open_data, say, watched};
use crate::engine::attack::Norm;
use crate::engine::data::{DataSource, Dataset, Split};
use crate::engine::model::{Catalogue, Manifest};
use crate::engine::train::{
    Adversary, Algorithm, Augment, Config, EpochRecord, Measured, Momentum, NewNet, Rule, RunFolder, Schedule, Stage,
    Stopping, Trainer, WorkDone, parse_size,
};
use crate::engine::units::parse_eps;
use crate::engine::{Error, Result};

/// These settings decide how a run goes, beside ε and α.
#[derive(Args, Clone)]
pub struct TrainingArgs {
    /// A folder with one folder of pictures per class or with the files of MNIST, its kin or CIFAR; a .tar, .tar.gz,
    /// .tar.xz or .zip of such; a .npz, .mat or .csv of pictures; or a set by name: drawn:20000 (digits that the
    /// program draws itself), mnist, fashion-mnist
    #[arg(long, value_name = "PATH|SET", required = true)]
    pub data: Option<DataSource>,
    /// Look for damaged pictures first, and leave them out
    #[arg(long)]
    pub skip_damaged: bool,
    /// What a net by its sizes takes in, such as 32 or 48x64 (height, width); without it, what suits the pictures, up
    /// to 64
    #[arg(long, value_name = "SIDE|HEIGHTxWIDTH", value_parser = |text: &str| parse_size(text).map(Size))]
    size: Option<Size>,
    /// 1 for grey, 3 for colour; without it, colour if any picture of a sample is in colour
    #[arg(long, value_name = "1|3")]
    channels: Option<usize>,
    /// The net: a name from "doppelganger models", the path of a manifest (its weights are not needed), or its sizes,
    /// such as maxout:240x5,240x5+dropout, cnn:32,64,1024, mlp:1200,1200 or softmax
    #[arg(long, value_name = "NAME|MANIFEST|SIZES", required = true)]
    pub model: Option<String>,
    /// Begin with the trained weights of that net instead of fresh ones: adversarial training cures a net in a few
    /// epochs
    #[arg(long)]
    fine_tune: bool,
    #[arg(long, default_value_t = 10)]
    epochs: usize,
    /// Pictures per step
    #[arg(long, default_value_t = 100)]
    batch: usize,
    #[arg(long, value_parser = choice(&OPTIMISERS), default_value = "sgd")]
    optimiser: Algorithm,
    /// The largest learning rate [default: 0.05]
    #[arg(long)]
    pub lr: Option<f32>,
    /// How the learning rate goes on from there
    #[arg(long, value_parser = choice(&SCHEDULES), default_value = "cosine")]
    schedule: Schedule,
    /// With --schedule decay: what the rate is divided by at every step [default: 1.000004]
    #[arg(long, value_name = "FACTOR")]
    lr_decay: Option<f64>,
    #[arg(long, default_value_t = 0.9)]
    momentum: f32,
    /// The momentum changes to this one, in equal parts over --momentum-epochs
    #[arg(long, value_name = "MOMENTUM", requires = "momentum_epochs")]
    momentum_end: Option<f32>,
    #[arg(long, value_name = "N", requires = "momentum_end")]
    momentum_epochs: Option<usize>,
    /// Nesterov's form of the momentum
    #[arg(long)]
    nesterov: bool,
    #[arg(long, default_value_t = 0.0)]
    weight_decay: f32,
    /// The largest norm of the incoming weights of a unit
    #[arg(long)]
    max_norm: Option<f32>,
    /// First weights from U(-INIT, INIT), instead of a range that fits each layer
    #[arg(long)]
    init: Option<f32>,
    /// Share of the target that is spread over all classes
    #[arg(long, default_value_t = 0.0)]
    label_smoothing: f32,
    /// Mirror half of the training pictures
    #[arg(long)]
    flip: bool,
    /// Shift training pictures by up to this many pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    shift: usize,
    /// Zoom into random parts of the training pictures, of at least this share of their area
    #[arg(long, value_name = "SHARE", default_value_t = 1.0)]
    zoom: f32,
    /// What the second part of the objective is made of: fgsm, random-fgsm, noisy-fgsm, pgd-STEPS, free-REPLAYS, signs,
    /// uniform, or none
    #[arg(long, default_value_t = Adversary::Fgsm)]
    adversary: Adversary,
    /// The norm that adversarial examples are measured in
    #[arg(long, value_parser = choice(&NORMS), default_value = "linf")]
    adversary_norm: Norm,
    /// TRADES in place of the mix with --alpha: J(x) + BETA·KL(f(x) ‖ f(x'))
    #[arg(long, value_name = "BETA")]
    pub trades: Option<f32>,
    /// Keep, validate and save an average of the weights that decays like this at each step, such as 0.999
    #[arg(long, value_name = "DECAY")]
    ema: Option<f32>,
    /// Let the pixels of adversarial examples leave [0, 1]
    #[arg(long)]
    pub no_clip: bool,
    /// Pictures held out for validation, spread over the classes; a sixth of the training split if not given
    #[arg(long, value_name = "N")]
    validation: Option<usize>,
    /// Of those, the first N are attacked with ten steps of projected gradient descent too
    #[arg(long, value_name = "N", default_value_t = 500)]
    pgd_pictures: usize,
    /// The validation error that selects the epoch whose weights are kept; the adversarial one if there is one
    #[arg(long, value_parser = choice(&RULES))]
    stop: Option<Rule>,
    /// Stop after so many epochs without a lower error
    #[arg(long, value_name = "EPOCHS")]
    patience: Option<usize>,
    /// Then train a fresh net on all pictures for as many epochs as were best
    #[arg(long)]
    retrain: bool,
    /// Seed of weights, order and dropout: the same seed gives the same net
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// These are ε and α of one run.
#[derive(Args, Clone)]
pub struct TuningArgs {
    /// ε of the adversarial examples, in the objective and in the validation, such as 0.25 or 8/255; 0 trains clean
    #[arg(long, default_value = "0", value_parser = parse_eps, allow_hyphen_values = true)]
    pub eps: f32,
    /// Share of the clean loss in the objective α·J(x) + (1−α)·J(x + ε·sign ∇J)
    #[arg(long, default_value_t = 0.5)]
    pub alpha: f32,
}

const OPTIMISERS: [(&str, &str, Algorithm); 2] = [
    (
        "sgd",
        "Stochastic gradient descent with momentum μ as in PyTorch: `v ← μ·v + g`, `w ← w − rate·v`",
        Algorithm::Sgd,
    ),
    ("adam", "Kingma & Ba, Adam, 2015, algorithm 1, with β₁ = 0.9, β₂ = 0.999, ε = 1e-8", Algorithm::Adam),
];

const SCHEDULES: [(&str, &str, Schedule); 4] = [
    ("cosine", "To zero along half a cosine", Schedule::Cosine),
    ("constant", "", Schedule::Constant),
    ("one-cycle", "Up over the first fifth, then down to zero", Schedule::OneCycle),
    ("decay", "Divided by --lr-decay at every step", Schedule::Decay(Schedule::USUAL_DECAY)),
];

const NORMS: [(&str, &str, Norm); 2] =
    [("linf", "ε is the largest move of a pixel", Norm::Linf), ("l2", "ε is the length ‖δ‖₂", Norm::L2)];

const RULES: [(&str, &str, Rule); 3] =
    [("off", "", Rule::Off), ("clean", "", Rule::Clean), ("adversarial", "", Rule::Adversarial)];

/// A height and a width.
#[derive(Clone, Copy, Debug)]
struct Size([usize; 2]);

pub struct PreparedRun {
    pub manifest: Manifest,
    pub data: Arc<Dataset>,
    pub config: Config,
}

impl TrainingArgs {
    /// Finds the net, opens the data, and puts the settings together.
    pub fn prepare(&self, TuningArgs { eps, alpha }: &TuningArgs) -> Result<PreparedRun> {
        let missing = |what: &str| Error::Argument(format!("{what} is missing; see doppelganger train --help"));
        let source = self.data.clone().ok_or_else(|| missing("--data"))?;
        let model = self.model.clone().ok_or_else(|| missing("--model"))?;
        let rule = self.stop.unwrap_or(if *eps > 0.0 { Rule::Adversarial } else { Rule::Clean });
        if rule == Rule::Adversarial && *eps == 0.0 {
            let why = "--stop adversarial needs an ε above 0: give --eps, such as --eps 0.25";
            return Err(Error::Argument(why.into()));
        }
        let mut config = Config {
            data: source.absolute()?,
            skip_damaged: self.skip_damaged,
            is_as_filed: false,
            size: self.size.map(|Size(size)| size),
            channels: self.channels,
            model,
            fine_tune: self.fine_tune,
            epochs: self.epochs,
            batch: self.batch,
            optimiser: self.optimiser,
            learning_rate: self.lr.unwrap_or(Config::default().learning_rate),
            schedule: match (self.schedule, self.lr_decay) {
                (Schedule::Decay(_), Some(factor)) => Schedule::Decay(factor),
                (schedule, _) => schedule,
            },
            momentum: Momentum {
                start: self.momentum,
                end: self.momentum_end.unwrap_or(self.momentum),
                epochs: self.momentum_epochs.unwrap_or(1),
            },
            nesterov: self.nesterov,
            weight_decay: self.weight_decay,
            max_norm: self.max_norm,
            init: self.init,
            label_smoothing: self.label_smoothing,
            augment: Augment { flip: self.flip, shift: self.shift, zoom: self.zoom },
            adversary: self.adversary,
            norm: self.adversary_norm,
            eps: *eps,
            alpha: *alpha,
            trades: self.trades,
            averaging: self.ema,
            clip: !self.no_clip,
            validation: self.validation.unwrap_or(0),
            pgd_pictures: self.pgd_pictures,
            stopping: Stopping { rule, patience: self.patience, retrain: self.retrain },
            seed: self.seed,
        };
        let what = format!("looking at {}", config.data);
        let look =
            |line: &mut ProgressLine| config.net(&Catalogue::from_environment(), &mut |share| line.share(&what, share));
        let NewNet { manifest, note } = watched(look)?;
        note.iter().for_each(|note| say(note));
        let data = open_data(&config.data, Split::Train, &manifest.classes, config.opening())?;
        config.validation = self.validation.unwrap_or(data.len() / 6);
        let held_out = data.len().saturating_sub(config.validation)..data.len();
        if config.validation > 0
            && let Some(lacking) = data.lacking_in(held_out.start, held_out.end, &manifest.classes)
        {
            say(&format!("held out for validation: {lacking}"));
        }
        Ok(PreparedRun { manifest, data, config })
    }

    /// Refuses settings that would do nothing. (In a sweep, ε = 0 is the clean net beside the others.)
    pub fn check_together(&self, eps: f32) -> Result<()> {
        let adversary = &self.adversary;
        let why = if eps == 0.0 && !matches!(adversary, Adversary::None | Adversary::Fgsm) {
            format!("--adversary {adversary} needs an ε above 0: give --eps, such as --eps 0.25")
        } else if self.trades.is_some() && eps == 0.0 {
            "--trades needs an ε above 0: give --eps, such as --eps 0.25".into()
        } else if self.patience.is_some() && self.stop == Some(Rule::Off) {
            "--patience waits for a lower error, and with --stop off none decides; leave one of them out".into()
        } else if self.lr_decay.is_some() && !matches!(self.schedule, Schedule::Decay(_)) {
            "--lr-decay needs --schedule decay".into()
        } else {
            return Ok(());
        };
        Err(Error::Argument(why))
    }
}

impl PreparedRun {
    /// Takes up the run in a folder, or begins it there; refuses a run of other settings. `what` names the run.
    pub fn run_in(self, path: &Path, what: &str) -> Result<(RunFolder, Trainer)> {
        let Self { manifest, data, config } = self;
        match RunFolder::summary(path) {
            Ok(summary) if summary.config == config => RunFolder::resume(path, |_, _| Ok(data)),
            // One of an earlier version holds out other pictures, and goes on with them.
            Ok(summary) if summary.config == Config { is_as_filed: true, ..config.clone() } => {
                RunFolder::resume(path, |config, classes| {
                    open_data(&config.data, Split::Train, classes, config.opening())
                })
            }
            Ok(_) => {
                let message = format!("another {what} with other settings is here; give another --out");
                Err(Error::Argument(format!("{message}\n  {}", path.display())))
            }
            Err(_) => RunFolder::begin(path, manifest, data, config),
        }
    }
}

/// This much is printed of each epoch.
#[derive(Clone, Copy, PartialEq)]
pub enum EpochReport {
    Text,
    Json,
    /// Only the progress line is drawn.
    Nothing,
}

impl EpochReport {
    pub fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Trains what is left, with checkpoints, and writes the net. Ctrl-C keeps the state and stops.
pub fn drive(folder: &mut RunFolder, trainer: &mut Trainer, report: EpochReport) -> Result<()> {
    let attacked = trainer.config().trains_on_an_attack();
    let mut told_not_begun = false;
    let mut line = ProgressLine::new(report != EpochReport::Json);
    let path = folder.path().display();
    let advice = format!("What was kept before stays. Free some space, then: doppelganger train --resume {path}");
    let kept = |kept: Result<()>| kept.map_err(|error| Error::Argument(format!("{error}\n  {advice}")));
    while !trainer.is_finished() {
        match trainer.advance() {
            Ok(WorkDone::Epoch) => {
                line = ProgressLine::new(report != EpochReport::Json);
                kept(folder.keep(trainer))?;
                let not_begun = trainer.not_begun();
                if let Some(record) = trainer.history().last() {
                    match report {
                        EpochReport::Text => print(&describe(record, attacked))?,
                        EpochReport::Json => print(&as_json(record, attacked, not_begun.as_deref()).to_string())?,
                        EpochReport::Nothing => {}
                    }
                }
                match &not_begun {
                    Some(why) if !told_not_begun => say(why),
                    None if told_not_begun => say("the net has begun to learn"),
                    Some(_) | None => {}
                }
                told_not_begun = not_begun.is_some();
            }
            Ok(WorkDone::Step | WorkDone::Validation) => {
                kept(folder.keep_now_and_then(trainer))?;
                draw(&mut line, trainer);
            }
            Err(error) => {
                folder.keep(trainer)?;
                return Err(error);
            }
        }
        if !trainer.is_finished()
            && let Err(stopped) = check_ctrl_c()
        {
            folder.keep(trainer)?;
            return Err(stopped);
        }
    }
    kept(folder.write_net(trainer))
}

fn draw(line: &mut ProgressLine, trainer: &Trainer) {
    let p = trainer.progress();
    let doing = match (p.validation.is_some(), p.stage) {
        (true, _) => "validating",
        (false, Stage::Selection) => "epoch",
        (false, Stage::Retraining) => "retraining, epoch",
    };
    let loss = p.loss.map(|loss| format!(", loss {loss:.4}")).unwrap_or_default();
    let speed = p.images_per_second.map(|speed| format!(", {speed:.0} pictures/s")).unwrap_or_default();
    let run = p.run_left.map(|left| format!(", run {} min left", left.as_secs() / 60)).unwrap_or_default();
    line.draw(&format!("{doing} {} of {}{loss}{speed}{run}", p.epoch + 1, p.epochs), p.step, p.steps);
}

/// Returns one line for programs; errors are shares of the pictures named beside them.
fn as_json(record: &EpochRecord, attacked: bool, not_begun: Option<&str>) -> serde_json::Value {
    let error = |measured: Option<Measured>| measured.map(|measured| measured.error());
    let confidence = |measured: Option<Measured>| measured.and_then(|measured| measured.confidence_on_mistakes);
    json!({
        "stage": record.stage,
        "epoch": record.epoch,
        "eps": record.eps,
        "alpha": record.alpha,
        "rate": record.rate,
        "loss": record.loss,
        "clean_error": error(record.clean),
        "adversarial_error": error(record.adversarial),
        "pgd_error": error(record.pgd),
        "clean_confidence_on_mistakes": confidence(record.clean),
        "adversarial_confidence_on_mistakes": confidence(record.adversarial),
        "validation_pictures": record.clean.map(|measured| measured.n),
        "pgd_pictures": record.pgd.map(|measured| measured.n),
        "overfits_the_attack": attacked && record.overfits_the_attack(),
        "not_begun": not_begun,
        "seconds": record.seconds,
    })
}

/// Describes an epoch; `attacked` tells whether the net trains on an attack at all, since only then can it overfit one.
fn describe(record: &EpochRecord, attacked: bool) -> String {
    let percent = |what: &str, measured: Option<Measured>| {
        measured.map(|m| format!("  {what} {:.2} %", m.error() * 100.0)).unwrap_or_default()
    };
    let stage = if record.stage == Stage::Retraining { "retraining " } else { "" };
    format!(
        "{stage}epoch {:>3}  loss {:.5}{}{}{}  {:.1} s{}",
        record.epoch,
        record.loss,
        percent("clean validation error", record.clean),
        percent("FGSM", record.adversarial),
        percent("PGD", record.pgd),
        record.seconds,
        if attacked && record.overfits_the_attack() { "  (FGSM and PGD part: catastrophic overfitting)" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        training: TrainingArgs,
        #[command(flatten)]
        tuning: TuningArgs,
    }

    #[test]
    fn settings_become_a_command_line_and_come_back() {
        let plain = Config {
            data: "drawn:300".parse().unwrap(),
            model: "maxout:8x2".into(),
            fine_tune: false,
            validation: 40,
            ..Config::default()
        };
        let all = Config {
            model: "digits_cnn".into(),
            fine_tune: true,
            epochs: 3,
            batch: 7,
            optimiser: Algorithm::Adam,
            learning_rate: 0.002,
            schedule: Schedule::Decay(1.000_004),
            momentum: Momentum { start: 0.5, end: 0.7, epochs: 250 },
            nesterov: true,
            weight_decay: 5e-4,
            max_norm: Some(1.9365),
            init: Some(0.005),
            label_smoothing: 0.1,
            augment: Augment { flip: true, shift: 2, zoom: 0.5 },
            adversary: Adversary::Pgd { steps: 7 },
            norm: Norm::L2,
            eps: 8.0 / 255.0,
            alpha: 0.25,
            trades: Some(6.0),
            averaging: Some(0.995),
            clip: false,
            pgd_pictures: 11,
            stopping: Stopping { rule: Rule::Clean, patience: Some(5), retrain: true },
            seed: 12,
            skip_damaged: true,
            ..plain.clone()
        };
        for config in [plain, all] {
            let line = std::iter::once("train".to_owned()).chain(crate::command_line::train_arguments(&config));
            let line = Line::try_parse_from(line).unwrap();
            assert_eq!(line.training.prepare(&line.tuning).unwrap().config, config);
        }
    }
}
