//! The Train page describes runs in plain words here.

use std::time::Duration;

use crate::app::format::{per_cent, short, thousands};
use crate::app::pages::train::state::run::TrainingRun;
use crate::command_line::train_command;
use crate::engine::attack::Norm;
use crate::engine::data::DataSource;
use crate::engine::train::{Adversary, Config, Measured, Progress, Stage};
use crate::engine::units::counted;
use crate::worker::RunState;

/// Writes a time as "12 s", "3 min 20 s" or "2 h 05 min".
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Writes a time for a narrow column, as "0:12", "3:20" or "2:05:00".
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
}

pub fn state(state: &RunState) -> &'static str {
    match state {
        RunState::Queued => "queued",
        RunState::Preparing => "preparing",
        RunState::Running => "training",
        RunState::Paused(None) => "paused",
        RunState::Paused(Some(_)) => "needs you",
        RunState::Stopped => "stopped",
        RunState::Finished => "finished",
        RunState::Failed(_) => "failed",
    }
}

/// Names the state of a run, or says that the run came with the program.
pub fn state_of(run: &TrainingRun) -> &'static str {
    if run.info.is_shipped() { "shipped" } else { state(&run.info.state) }
}

/// Explains why a run cannot be taken up again; `None` means that it can, or is in hand.
pub fn not_resumable(run: &TrainingRun) -> Option<String> {
    let name = &run.info.run;
    match run.info.state {
        _ if run.info.is_shipped() => Some(format!(
            "{name} came with the program: its curves and its best net are there, but not what training needs to go \
             on. “Same settings” begins it anew."
        )),
        RunState::Finished => Some(format!("{name} is finished. “Same settings” begins another one like it.")),
        _ => None,
    }
}

/// Names a data set, such as "drawn digits, 10 000", "MNIST", or a folder.
pub fn data(data: &DataSource) -> String {
    match data {
        DataSource::Drawn { count, seed: 0 } => format!("drawn digits, {}", thousands(*count)),
        DataSource::Drawn { count, seed } => format!("drawn digits, {}, seed {seed}", thousands(*count)),
        DataSource::Mnist => "MNIST".into(),
        DataSource::FashionMnist => "Fashion-MNIST".into(),
        DataSource::Folder(path) => {
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
        }
    }
}

/// Names a data set for a narrow column.
pub fn data_in_short(source: &DataSource) -> String {
    match source {
        DataSource::Drawn { count, .. } => format!("drawn {}", thousands(*count)),
        other => data(other),
    }
}

/// Names the second part of the objective, such as "FGSM" or "PGD-7".
pub fn adversary(config: &Config) -> String {
    config.adversary_in_words().unwrap_or_else(|| "clean".into())
}

/// Names what makes the second part of the objective, in one line.
pub fn adversary_of(config: &Config) -> String {
    let clipped = if config.clip { ", clipped to [0, 1]" } else { ", not clipped" };
    match config.adversary {
        Adversary::None => "none: clean".into(),
        _ => format!("{}{clipped}", adversary(&Config { alpha: 0.0, eps: 1.0, ..config.clone() })),
    }
}

/// Writes the objective in symbols, and with the numbers of the settings.
pub fn objective(config: &Config) -> [String; 2] {
    let (a, b, e) = (short(config.alpha), short(1.0 - config.alpha), short(config.eps));
    let Some([symbols, numbers]) = moved_picture(config, &e) else {
        return ["J(x)".into(), "J(x): the clean loss alone".into()];
    };
    match config.trades {
        Some(beta) => {
            [format!("J(x) + β·KL(f(x) ‖ f({symbols}))"), format!("J(x) + {}·KL(f(x) ‖ f({numbers}))", short(beta))]
        }
        None => [format!("α·J(x) + (1−α)·J({symbols})"), format!("{a}·J(x) + {b}·J({numbers})")],
    }
}

/// Writes the picture that the adversary makes, in symbols, and with its numbers; none without an adversary.
fn moved_picture(config: &Config, e: &str) -> Option<[String; 2]> {
    let bars = if config.norm == Norm::L2 { ["‖", "‖₂"] } else { ["|", "|"] };
    let told = |by: &str, how: String| format!("x + δ; {}δ{} ≤ {by}, {how}", bars[0], bars[1]);
    let some = |symbols: String, numbers: String| Some([symbols, numbers]);
    match config.adversary {
        Adversary::None => None,
        Adversary::Fgsm if config.norm == Norm::L2 => some("x + ε·∇J/‖∇J‖₂".into(), format!("x + {e}·∇J/‖∇J‖₂")),
        Adversary::Fgsm => some("x + ε·sign ∇J".into(), format!("x + {e}·sign ∇J")),
        Adversary::RandomFgsm => {
            let numbers = format!("one step of {} from a random start", short(1.25 * config.eps));
            some(told("ε", "one step from a random start".into()), told(e, numbers))
        }
        Adversary::NoisyFgsm => some(
            "x + U(−2ε, 2ε) + ε·sign ∇J".into(),
            format!("x + U(−{0}, {0}) + {e}·sign ∇J", short(2.0 * config.eps)),
        ),
        Adversary::Pgd { steps } => {
            let (count, length) = (counted(steps, "step"), short(2.5 * config.eps / steps as f32));
            let numbers = format!("{count} of {length} from a random start");
            some(told("ε", "k steps from a random start".into()), told(e, numbers))
        }
        Adversary::Free { replays } => {
            let numbers = format!("moved by each of {}", counted(replays, "replay"));
            some(told("ε", "moved by each of k replays".into()), told(e, numbers))
        }
        Adversary::Signs => some("x ± ε".into(), format!("x ± {e}; signs by chance")),
        Adversary::Uniform => some("x + U(−ε, ε)".into(), format!("x + U(−{e}, {e})")),
    }
}

/// Writes "2.1 %".
pub fn error(measured: Measured) -> String {
    per_cent(measured.error() as f32)
}

/// Writes "21 of 1 000 wrong; 95 % interval 1.4 % to 3.2 %".
pub fn interval(measured: Measured) -> String {
    let (low, high) = measured.interval();
    let ([wrong, n], [low, high]) =
        ([measured.wrong, measured.n].map(thousands), [low as f32, high as f32].map(per_cent));
    format!("{wrong} of {n} wrong; 95 % interval {low} to {high}")
}

pub fn finished(run: &TrainingRun) -> String {
    let errors: Vec<String> = kept_errors(run).map(|(name, error, n)| format!("{name} {error} (n = {n})")).collect();
    let errors = if errors.is_empty() { String::new() } else { format!(" Validation error: {}.", errors.join(", ")) };
    format!("{} is finished.{errors}", run.info.run)
}

/// Returns the names, the errors and the numbers of pictures of the epoch that is kept.
fn kept_errors(run: &TrainingRun) -> impl Iterator<Item = (&'static str, String, String)> {
    let all = ["clean", "adversarial", "PGD"].into_iter().zip(run.errors());
    all.filter_map(|(name, measured)| measured.map(|measured| (name, error(measured), thousands(measured.n))))
}

/// Describes a run for assistive technology.
pub fn summary(run: &TrainingRun) -> String {
    let config = &run.info.config;
    let mut parts = vec![
        format!("{}, {}", run.info.run, state_of(run)),
        run.info.net.clone(),
        data(&config.data),
        format!("{}, ε {}, α {}", adversary(config), short(config.eps), short(config.alpha)),
        format!("seed {}", config.seed),
    ];
    parts.extend(kept_errors(run).map(|(name, error, n)| format!("{name} error {error} of {n}")));
    parts.join("; ")
}

/// Writes "Epoch 3 of 30" or "Retraining, epoch 2 of 11".
pub fn epoch(progress: &Progress) -> String {
    let number = (progress.epoch + 1).min(progress.epochs);
    match progress.stage {
        Stage::Selection => format!("Epoch {number} of {}", progress.epochs),
        Stage::Retraining => format!("Retraining, epoch {number} of {}", progress.epochs),
    }
}

pub fn step(progress: &Progress) -> String {
    if let Some((done, count)) = progress.validation {
        return format!("validating, batch {} of {count}", (done + 1).min(count));
    }
    let left = progress.epoch_left.filter(|left| left.as_secs() > 0);
    let left = left.map(|left| format!(", {} left", duration(left))).unwrap_or_default();
    format!("step {} of {}{left}", progress.step, progress.steps)
}

/// Returns the command that began a run; what was changed on the way follows as remarks.
pub fn command_line_of(run: &TrainingRun) -> String {
    train_command(&run.info.config, &run.info.history)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_two_units() {
        let told = |seconds: f64| duration(Duration::from_secs_f64(seconds));
        assert_eq!(
            [0.2, 59.4, 80.0, 3599.6, 7500.0].map(told),
            ["0 s", "59 s", "1 min 20 s", "1 h 00 min", "2 h 05 min"]
        );
        let read = |seconds: f64| clock(Duration::from_secs_f64(seconds));
        assert_eq!([0.2, 59.6, 80.0, 7500.0].map(read), ["0:00", "1:00", "1:20", "2:05:00"]);
    }

    #[test]
    fn the_objective_shows_the_numbers_of_today() {
        let config = Config { eps: 0.25, alpha: 0.4, ..Config::default() };
        let [symbols, numbers] = objective(&config);
        assert_eq!(symbols, "α·J(x) + (1−α)·J(x + ε·sign ∇J)");
        assert_eq!(numbers, "0.4·J(x) + 0.6·J(x + 0.25·sign ∇J)");
        let pgd = Config { adversary: Adversary::Pgd { steps: 10 }, ..config.clone() };
        assert!(objective(&pgd)[1].contains("10 steps of 0.0625"), "{:?}", objective(&pgd));
        assert_eq!(objective(&Config { adversary: Adversary::None, ..config })[0], "J(x)");
    }

    #[test]
    fn an_error_stands_with_its_number() {
        let measured = Measured { n: 1000, wrong: 21, ..Measured::default() };
        assert_eq!(error(measured), "2.1 %");
        assert!(interval(measured).starts_with("21 of 1\u{202F}000 wrong; 95 % interval 1.4 % to 3.2 %"));
    }
}
