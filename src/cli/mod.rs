//! The command line opens the window, or runs the same engine without it. Exit code 0 is success, 1 a failure that a
//! message explains, 2 a malformed command line or a missing display, 130 a run stopped with Ctrl-C.

mod attack;
mod attack_animation;
mod attack_figure;
mod attack_options;
mod bench;
mod choice;
mod curves;
mod data;
mod eval;
mod figure;
mod figure_options;
mod import;
mod licences;
mod measure;
mod models;
mod progress;
mod reproduce;
mod sweep;
mod train;
mod training;
mod transfer;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use self::choice::{INVERT, choice};
use crate::command_line;
use crate::engine::data::Invert;
use crate::engine::{Error, Result, threads};

/// See, make and cure adversarial examples.
///
/// Without a command this opens the window, on PICTURE if one is given.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<HeadlessCommand>,
    #[command(flatten)]
    window: WindowArgs,
}

/// The window opens on this.
#[derive(Args, Clone, Debug, Default)]
pub struct WindowArgs {
    /// A picture file to open, or the name of a bundled picture such as "digit-3"
    pub picture: Option<PathBuf>,
    /// The model to attack: a name from "doppelganger models", the path of a manifest, or the folder of a training run
    #[arg(long, value_name = "NAME|MANIFEST")]
    pub model: Option<String>,
    /// Invert the picture, and crop and centre it as MNIST has its digits
    #[arg(long, value_parser = choice(&INVERT), default_value = "auto")]
    pub invert: Invert,
}

#[derive(Subcommand)]
enum HeadlessCommand {
    /// Attack one picture and say what the net makes of it
    Attack(attack::AttackArgs),
    /// Measure a net's errors on a set of pictures, clean and under attack
    Eval(eval::EvalArgs),
    /// Train a net, clean or with adversarial examples in its objective
    Train(train::TrainArgs),
    /// Accuracy against ε of some nets under some attacks; or train one net for every ε and α of a grid
    Sweep(Box<sweep::SweepArgs>),
    /// Make adversarial pictures on each of some nets and show them to the others
    Transfer(transfer::TransferArgs),
    /// Draw training runs as a figure for a paper, or as a report
    Figure(figure::FigureCommand),
    /// Measure the paper's numbers again: train its nets on MNIST and attack them
    Reproduce(reproduce::ReproduceArgs),
    /// List the data sets that are known by name, or fetch one
    Data(data::DataArgs),
    /// List the models that can be found; fetch one, or add one from a file
    Models(models::ModelsArgs),
    /// Time attacks and training steps on this machine
    Bench(bench::BenchArgs),
    /// Print what the program contains of others, and under which licences
    Licences,
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    if let Some(meant) = decimal_comma(std::env::args()) {
        eprintln!("error: --eps has a comma, which stands between several values; did you mean {meant}?");
        return ExitCode::from(2);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    if let Err(error) = threads::start(cli.command.is_none()) {
        eprintln!("doppelganger: {error}");
        return ExitCode::from(2);
    }
    let result = match cli.command {
        Some(HeadlessCommand::Attack(args)) => attack::run(&args),
        Some(HeadlessCommand::Eval(args)) => eval::run(&args),
        Some(HeadlessCommand::Train(args)) => train::run(&args),
        Some(HeadlessCommand::Sweep(args)) => sweep::run(&args),
        Some(HeadlessCommand::Transfer(args)) => transfer::run(&args),
        Some(HeadlessCommand::Figure(args)) => figure::run(&args),
        Some(HeadlessCommand::Reproduce(args)) => reproduce::run(&args),
        Some(HeadlessCommand::Data(args)) => data::run(&args),
        Some(HeadlessCommand::Models(args)) => models::run(&args),
        Some(HeadlessCommand::Bench(args)) => bench::run(&args),
        Some(HeadlessCommand::Licences) => licences::run(),
        None => return window(cli.window),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Stopped) => {
            eprintln!("stopped");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("doppelganger: {error}");
            if let Error::Missing { remedy, .. } = &error {
                eprintln!("  {}", command_line::remedy(remedy));
            }
            ExitCode::from(1)
        }
    }
}

/// Returns the number that was meant where ε is written with a decimal comma, as in `--eps 0,25`.
fn decimal_comma(arguments: impl Iterator<Item = String>) -> Option<String> {
    let mut is_eps = false;
    for argument in arguments {
        let value = if is_eps { Some(&argument[..]) } else { argument.strip_prefix("--eps=") };
        let parts = value.and_then(|value| value.split_once(','));
        if let Some(("0", decimals)) = parts
            && !decimals.is_empty()
            && decimals.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Some(format!("0.{decimals}"));
        }
        is_eps = argument == "--eps";
    }
    None
}

/// Prints help and version as they are, and a malformed command line's message in at most six lines without gaps.
fn explain(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return if error.print().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let text = error.to_string();
    text.lines().filter(|line| !line.trim().is_empty()).take(6).for_each(|line| eprintln!("{line}"));
    ExitCode::from(2)
}

#[cfg(feature = "gui")]
fn window(args: WindowArgs) -> ExitCode {
    // Both paths are kept for the next time, which may begin in another folder.
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let is_file = |path: &PathBuf| crate::engine::data::sample_unless_file(path).is_none();
    let picture = args.picture.map(|path| if is_file(&path) { absolute(path) } else { path });
    let holds_a_run = |model: &String| crate::engine::train::RunFolder::holds_a_run(model.as_ref());
    let is_path = |model: &String| crate::engine::model::is_path(model) || holds_a_run(model);
    let model = args.model.map(|name| if is_path(&name) { absolute(name.into()).display().to_string() } else { name });
    crate::app::run(crate::app::Start { picture, model, invert: args.invert })
}

#[cfg(not(feature = "gui"))]
fn window(_: WindowArgs) -> ExitCode {
    eprintln!(
        "doppelganger: this build has no window (the feature \"gui\" was left out).\n  \
         The headless commands work: doppelganger attack PICTURE --model digits_cnn --eps 0.1"
    );
    ExitCode::from(2)
}

/// Refuses a limit of no pictures at all; `what` is to be done with them.
fn check_limit(limit: Option<usize>, what: &str) -> Result<()> {
    match limit {
        Some(0) => Err(Error::Argument(format!("--limit is 0; expected at least 1 picture to {what}"))),
        _ => Ok(()),
    }
}

/// Prints text, or fails quietly where nobody reads any more (`doppelganger models | head -1`).
fn print(text: &str) -> Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Io { doing: "write the result", path: "standard output".into(), source: error })
        }
        _ => Ok(()),
    }
}

fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string(value).map_err(|e| Error::Argument(format!("the result as JSON: {e}")))?;
    print(&text)
}
