//! The attacks and their parameters on the command line, with options and help, are made from the engine's list.

use clap::builder::{PossibleValue, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use serde::Serialize;

use super::choice::{LOSSES, choice, choice_of};
use crate::command_line::with_options;
use crate::engine::attack::{Attack, AttackSettings, Loss, Measure, MinimalEps, Norm, PIXELS, Parameter, Rules, Value};
use crate::engine::units::check_pixel_eps;
use crate::engine::{Error, Result};

/// These options belong to every command that attacks pictures.
#[derive(Args)]
pub struct AttackingArgs {
    /// Whose slope to follow
    #[arg(long, value_parser = choice(&LOSSES), default_value = "cross-entropy")]
    loss: Loss,
    /// Let pixels leave [0, 1]
    #[arg(long)]
    no_clip: bool,
    /// Show the net every picture as a file of 8 bits holds it
    #[arg(long = "8-bit")]
    eight_bit: bool,
    /// Of all random choices
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub options: AttackOptions,
}

impl AttackingArgs {
    pub fn rules(&self) -> Rules {
        let bounds = (!self.no_clip).then_some(PIXELS);
        Rules { loss: self.loss, bounds, seed: self.seed, eight_bit: self.eight_bit }
    }
}

/// A report tells these rules; the seed stands apart.
#[derive(Serialize)]
pub struct RulesReport {
    pub loss: Loss,
    clip: bool,
    #[serde(rename = "8-bit")]
    eight_bit: bool,
}

impl From<Rules> for RulesReport {
    fn from(rules: Rules) -> Self {
        Self { loss: rules.loss, clip: rules.bounds.is_some(), eight_bit: rules.eight_bit }
    }
}

impl RulesReport {
    /// Says what becomes of the pixels: "clipping on, rounded to 8 bits".
    pub fn clipping(&self) -> String {
        let rounded = if self.eight_bit { ", rounded to 8 bits" } else { "" };
        format!("clipping {}{rounded}", if self.clip { "on" } else { "off" })
    }
}

/// Returns the text of a warning, in which a remedy is the option that brings it.
pub fn warning_text(warning: &str) -> String {
    warning.replace("the log-odds follow it", "--loss log-odds follows it")
}

/// Returns a parser for the name of an attack, which then has its usual parameters.
pub fn attack_name() -> impl TypedValueParser<Value = AttackSettings> {
    let value = |attack: AttackSettings| {
        let info = attack.info();
        (PossibleValue::new(info.names[0]).aliases(&info.names[1..]).help(with_options(info.brief)), attack)
    };
    choice_of(AttackSettings::all().into_iter().map(value).collect())
}

/// This holds the parameters of attacks that were given; an attack keeps its usual values of all others.
#[derive(Clone, Debug)]
pub struct AttackOptions {
    given: ArgMatches,
}

impl AttackOptions {
    /// Returns the attack, FGSM without one, with its parameters; --minimal searches up to the largest ε.
    pub fn settings(&self, attack: Option<&AttackSettings>, eps: &[f32]) -> Result<AttackSettings> {
        let (settings, unused) = self.apply(attack.unwrap_or(&AttackSettings::default()), eps)?;
        let Some(option) = unused.first() else { return Ok(settings) };
        Err(Error::Argument(format!("--{option} is no parameter of this attack, {settings}; see --help")))
    }

    /// Returns several attacks; a parameter has to belong to one of them at least.
    pub fn all_settings(&self, attacks: &[AttackSettings], eps: &[f32]) -> Result<Vec<AttackSettings>> {
        let applied = attacks.iter().map(|attack| self.apply(attack, eps));
        let (all, unused): (Vec<_>, Vec<_>) = applied.collect::<Result<Vec<_>>>()?.into_iter().unzip();
        let mut first = unused.first().into_iter().flatten();
        let Some(option) = first.find(|option| unused.iter().all(|unused| unused.contains(option))) else {
            return Ok(all);
        };
        Err(Error::Argument(format!("--{option} is no parameter of any of these attacks; see --help")))
    }

    /// Gives an attack the parameters that it has, and returns those that it does not have beside it.
    fn apply(&self, attack: &AttackSettings, eps: &[f32]) -> Result<(AttackSettings, Vec<String>)> {
        let mut attack = attack.clone();
        if self.given.get_flag(MINIMAL) {
            let missing = || Error::Argument("--minimal needs the largest ε to try; give it as --eps".into());
            let largest = eps.iter().copied().max_by(f32::total_cmp).ok_or_else(missing)?;
            attack = MinimalEps::new(attack, largest).into();
        }
        let ids = arguments().into_iter().map(|argument| argument.get_id().to_string());
        let mut unused: Vec<String> = ids.filter(|id| id != MINIMAL && self.given.contains_id(id)).collect();
        for parameter in attack.parameters() {
            unused.retain(|id| id != parameter.name);
            match parameter.value {
                Value::Norm(norm, _) => *norm = self.get(parameter.name).unwrap_or(*norm),
                Value::Switch(is_on) => *is_on = self.get(parameter.name).unwrap_or(*is_on),
                Value::Whole(whole, _) => *whole = self.get(parameter.name).unwrap_or(*whole),
                Value::Real(real, _) => *real = self.get(parameter.name).unwrap_or(*real),
                Value::OptionalLength(length, _) => *length = self.get(parameter.name).or(*length),
            }
        }
        Ok((attack, unused))
    }

    fn get<T: Clone + Send + Sync + 'static>(&self, name: &str) -> Option<T> {
        self.given.get_one(name).cloned()
    }
}

const MINIMAL: &str = "minimal";

/// Returns an option for each parameter of any attack, and those of the search for the smallest ε.
fn arguments() -> Vec<Arg> {
    let mut found: Vec<(Arg, &str, Vec<&str>)> = Vec::new();
    for mut attack in AttackSettings::all() {
        let name = attack.name();
        for parameter in attack.parameters() {
            match found.iter_mut().find(|(argument, ..)| argument.get_id() == parameter.name) {
                Some((_, _, attacks)) => attacks.push(name),
                None => found.push((argument(&parameter), parameter.help, vec![name])),
            }
        }
    }
    let with_help =
        |(argument, help, attacks): (Arg, _, Vec<_>)| argument.help(format!("{}: {help}", attacks.join(", ")));
    let mut arguments: Vec<Arg> = found.into_iter().map(with_help).collect();
    let help = "Look for the smallest ε with which the attack fools each picture, up to the largest --eps";
    arguments.push(Arg::new(MINIMAL).long(MINIMAL).action(ArgAction::SetTrue).help(help));
    let mut search = MinimalEps::new(AttackSettings::default(), 0.0);
    for parameter in search.parameters() {
        if !arguments.iter().any(|argument| argument.get_id() == parameter.name) {
            let help = format!("With --minimal: {}", parameter.help);
            arguments.push(argument(&parameter).requires(MINIMAL).help(help));
        }
    }
    arguments.into_iter().map(|argument| argument.help_heading("Parameters of attacks")).collect()
}

fn argument(parameter: &Parameter<'_>) -> Arg {
    let is_signed = matches!(&parameter.value, Value::Real(_, scale) if *scale.typed.start() < 0.0);
    let parser: ValueParser = match parameter.value {
        Value::Norm(..) => choice(&Norm::ALL.map(|norm| (norm.name(), "", norm))).into(),
        Value::Switch(_) => choice(&[("on", "", true), ("off", "", false)]).into(),
        Value::Whole(..) => value_parser!(usize).into(),
        Value::Real(..) | Value::OptionalLength(..) => value_parser!(f32).into(),
    };
    let argument = Arg::new(parameter.name).long(parameter.name).value_name(parameter.placeholder);
    argument.value_parser(parser).allow_hyphen_values(is_signed)
}

impl Args for AttackOptions {
    fn augment_args(command: Command) -> Command {
        command.args(arguments())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for AttackOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self { given: matches.clone() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.given = matches.clone();
        Ok(())
    }
}

/// Returns the values of ε to attack with, `None` once for an attack that takes none, or refuses what does not fit.
pub fn budgets(settings: &AttackSettings, eps: &[f32]) -> Result<Vec<Option<f32>>> {
    let is_search = matches!(settings, AttackSettings::MinimalEps(_));
    let why = match (settings.takes_eps(), eps.is_empty()) {
        (true, false) => {
            if settings.measure() == Measure::Norm(Norm::Linf) {
                eps.iter().try_for_each(|&eps| check_pixel_eps(eps))?;
            }
            return Ok(eps.iter().copied().map(Some).collect());
        }
        (true, true) => format!("--eps is missing: {settings} needs to know how far pixels may move"),
        (false, false) if !is_search => format!("{settings} takes no --eps: it goes as far as it needs to"),
        (false, _) => return Ok(vec![None]),
    };
    Err(Error::Argument(why))
}
