//! The state of the Train page knows no window: commands and events come in, orders for the trainer go out.

pub mod draft;
pub mod facts;
pub mod names;
pub mod probing;
pub mod run;
#[cfg(test)]
mod tests;
pub mod words;

use crate::app::pages::train::commands::{NetMoment, SettingsOf, TrainCommand, TrainView};
use crate::app::pages::train::state::names::retitle;
use crate::app::pages::train::state::probing::Probing;
use crate::app::pages::train::state::run::TrainingRun;
use crate::app::undo::History;
use crate::engine::data::{DataSource, tells_of_damaged};
use crate::engine::train::{Config, Stage, Tuning, tunings};
use crate::worker::{DownloadEvent, MeasuringProgress, Order, RunId, RunInfo, RunState, TrainEvent};

/// An event may call for one of these beyond the page itself.
#[derive(Debug, PartialEq)]
pub enum TrainOutcome {
    Problem(String),
    /// The run in hand waits for a person to mend something; the page says so by itself.
    NeedsYou(String),
    Done(String),
    /// Explore can attack the net of this name, as was asked.
    Attack(String),
    Fetched(DataSource),
    /// There is something to say of the data of a run.
    Notes(String),
    /// A net has not begun to learn; the page says so by itself.
    Idle(String),
}

/// So many bytes of a data set have arrived, of how many.
pub struct DataFetching {
    pub data: DataSource,
    pub done: u64,
    pub of: u64,
}

pub struct Train {
    pub draft: Config,
    pub history: History<Config>,
    /// The oldest run comes first.
    pub runs: Vec<TrainingRun>,
    pub panel: SettingsOf,
    pub view: TrainView,
    pub fetching: Option<DataFetching>,
    pub probing: Probing,
    /// The runs of the sweep are being measured at one ε.
    pub measuring: Option<MeasuringProgress>,
    pub is_listed: bool,
    selected: Option<RunId>,
    /// Each run that begins is selected, as long as the run in hand is.
    follows: bool,
    /// This net is attacked once its run is offered.
    awaited: Option<(RunId, NetMoment)>,
}

/// Tells whether Explore knows the net of a run by this name.
pub fn is_net_of_run(name: &str) -> bool {
    name.starts_with("run-") && [":before", ":now", ":best"].iter().any(|moment| name.ends_with(moment))
}

impl Train {
    pub fn new(draft: Config) -> Self {
        Self {
            draft,
            history: History::default(),
            runs: Vec::new(),
            panel: SettingsOf::NextRun,
            view: TrainView::Curves,
            fetching: None,
            probing: Probing::default(),
            measuring: None,
            is_listed: false,
            selected: None,
            follows: true,
            awaited: None,
        }
    }

    pub fn run(&self, id: &RunId) -> Option<&TrainingRun> {
        self.runs.iter().find(|run| run.info.run == *id)
    }

    fn run_mut(&mut self, id: &RunId) -> Option<&mut TrainingRun> {
        self.runs.iter_mut().find(|run| run.info.run == *id)
    }

    pub fn selected(&self) -> Option<&TrainingRun> {
        self.run(self.selected.as_ref()?)
    }

    pub fn is_selected(&self, run: &TrainingRun) -> bool {
        self.selected.as_ref() == Some(&run.info.run)
    }

    /// Returns the run that is being trained or paused.
    pub fn in_hand(&self) -> Option<&TrainingRun> {
        self.runs.iter().find(|run| run.is_in_hand())
    }

    pub fn queued(&self) -> impl Iterator<Item = &TrainingRun> {
        self.runs.iter().filter(|run| run.info.state == RunState::Queued)
    }

    pub fn is_busy(&self) -> bool {
        self.in_hand().is_some_and(|run| !matches!(run.info.state, RunState::Paused(_)))
    }

    /// Returns whose settings are shown, and the run in hand.
    pub fn shown_panel(&self) -> (SettingsOf, Option<&TrainingRun>) {
        match (self.panel, self.in_hand()) {
            (SettingsOf::RunInHand, Some(run)) => (SettingsOf::RunInHand, Some(run)),
            (_, run) => (SettingsOf::NextRun, run),
        }
    }

    /// Returns the selected run and those that are ticked, oldest first.
    pub fn plotted(&self) -> Vec<&TrainingRun> {
        self.runs.iter().filter(|run| run.is_ticked || self.is_selected(run)).collect()
    }

    /// Returns the runs that differ from the selected one in ε and α alone, with itself, oldest first.
    pub fn siblings(&self) -> Vec<&TrainingRun> {
        let Some(selected) = self.selected() else { return Vec::new() };
        let as_selected = |run: &TrainingRun| Config {
            eps: selected.info.config.eps,
            alpha: selected.info.config.alpha,
            ..run.info.config.clone()
        };
        self.runs.iter().filter(|run| as_selected(run) == selected.info.config).collect()
    }

    /// Returns the run and the moment of the net that Explore knows by this name.
    pub fn net(&self, name: &str) -> Option<(&TrainingRun, NetMoment)> {
        self.runs.iter().find_map(|run| {
            let at = run.nets.as_ref()?.iter().position(|known| known == name)?;
            Some((run, NetMoment::ALL[at]))
        })
    }

    /// Returns the name by which Explore knows the net of a run at a moment, once it was offered.
    pub fn net_name(&self, run: &RunId, moment: NetMoment) -> Option<&str> {
        let nets = self.run(run)?.nets.as_ref()?;
        Some(&nets[moment as usize])
    }

    /// Carries out what a command changes here. Returns what to order of the trainer.
    pub fn obey(&mut self, command: &TrainCommand) -> Vec<Order> {
        match command {
            TrainCommand::Settings(config) => self.draft = (**config).clone(),
            TrainCommand::Panel(panel) => self.panel = *panel,
            TrainCommand::View(view) => self.view = *view,
            TrainCommand::Select(run) => self.select(run.clone()),
            TrainCommand::NextRun => self.step_selection(-1),
            TrainCommand::PreviousRun => self.step_selection(1),
            TrainCommand::Tick(run, is_ticked) => {
                if let Some(run) = self.run_mut(run) {
                    run.is_ticked = *is_ticked;
                }
            }
            TrainCommand::TickSelected => {
                if let Some(run) = self.selected.clone().and_then(|run| self.run_mut(&run)) {
                    run.is_ticked = !run.is_ticked;
                }
            }
            TrainCommand::Again => {
                if let Some(draft) = self.selected().map(|run| run.info.config.clone()) {
                    self.set_draft(draft);
                }
            }
            TrainCommand::ShowFirstLayer(run) => {
                if let Some(run) = self.run_mut(run).filter(|run| run.lacks_sheet()) {
                    run.is_sheet_wanted = true;
                    return vec![Order::FirstLayer(run.info.run.clone())];
                }
            }
            TrainCommand::UseNet(moment) => return self.offer(*moment).into_iter().collect(),
            TrainCommand::Resume => return self.resume().into_iter().collect(),
            TrainCommand::Withdraw => {
                let queued = self.selected().filter(|run| run.info.state == RunState::Queued);
                return queued.map(|run| Order::Withdraw(run.info.run.clone())).into_iter().collect();
            }
            TrainCommand::SkipDamaged => return self.skip_damaged(),
            TrainCommand::Label(run, label) => return vec![Order::Label(run.clone(), label.clone())],
            TrainCommand::Delete(run) => return vec![Order::Delete(run.clone())],
            TrainCommand::FetchData(data) => return vec![Order::Fetch(data.clone())],
            TrainCommand::NextExample => self.probing.picture += 1,
            TrainCommand::StopFetching => return vec![Order::CancelFetch],
            TrainCommand::Sweep { eps, alpha } => return self.sweep(eps, alpha),
            _ => return self.order_about_run_in_hand(command),
        }
        Vec::new()
    }

    fn order_about_run_in_hand(&mut self, command: &TrainCommand) -> Vec<Order> {
        if *command == TrainCommand::Start {
            return vec![self.start()];
        }
        let Some(run) = self.runs.iter_mut().find(|run| run.is_in_hand()) else {
            return if *command == TrainCommand::PlayPause { vec![self.start()] } else { Vec::new() };
        };
        match *command {
            TrainCommand::PlayPause if matches!(run.info.state, RunState::Paused(_)) => vec![Order::Play],
            TrainCommand::PlayPause => vec![Order::Pause],
            TrainCommand::OneStep => vec![Order::OneStep],
            TrainCommand::OneEpoch => vec![Order::OneEpoch],
            TrainCommand::Stop => vec![Order::Stop],
            TrainCommand::Retune { eps, alpha } => {
                let unchanged = (eps, alpha) == (run.info.config.eps, run.info.config.alpha);
                run.wish = (!unchanged).then_some((eps, alpha));
                vec![Order::Retune { eps, alpha }]
            }
            TrainCommand::Rate(rate) => {
                run.info.config.learning_rate = rate;
                vec![Order::LearningRate(rate)]
            }
            TrainCommand::HalveRate => {
                run.info.config.learning_rate /= 2.0;
                vec![Order::LearningRate(run.info.config.learning_rate), Order::Play]
            }
            _ => Vec::new(),
        }
    }

    fn resume(&mut self) -> Option<Order> {
        let run = self.selected().filter(|run| run.is_resumable())?.info.run.clone();
        self.follow();
        Some(Order::Resume(run))
    }

    /// Begins the run anew that met damaged pictures, without these. Where it has no epoch yet, it leaves nothing.
    fn skip_damaged(&mut self) -> Vec<Order> {
        let met = |run: &&TrainingRun| run.damage().is_some();
        let Some(run) = self.in_hand().filter(met).or(self.selected().filter(met)) else { return Vec::new() };
        let config = Config { skip_damaged: true, ..run.begun() };
        let stop = run.is_in_hand().then_some(Order::Stop);
        let delete = run.info.history.is_empty().then(|| Order::Delete(run.info.run.clone()));
        self.draft.skip_damaged |= self.draft.data == config.data;
        (self.follows, self.panel) = (true, SettingsOf::RunInHand);
        stop.into_iter().chain(delete).chain([Order::Start(Box::new(config))]).collect()
    }

    fn start(&mut self) -> Order {
        self.follow();
        Order::Start(Box::new(self.draft.clone()))
    }

    /// Shows the run that begins next, unless one is in hand.
    fn follow(&mut self) {
        if self.in_hand().is_none() {
            self.follows = true;
            self.panel = SettingsOf::RunInHand;
        }
    }

    fn sweep(&mut self, eps: &[f32], alpha: &[f32]) -> Vec<Order> {
        self.follows |= self.in_hand().is_none();
        self.view = TrainView::Sweep;
        let draft = &self.draft;
        let order = |Tuning { eps, alpha }| Order::Start(Box::new(Config { eps, alpha, ..draft.clone() }));
        tunings(eps, alpha, draft.trades).into_iter().map(order).collect()
    }

    fn offer(&mut self, moment: NetMoment) -> Option<Order> {
        let run = self.selected().filter(|run| run.has_net())?.info.run.clone();
        self.awaited = Some((run.clone(), moment));
        Some(Order::Offer(run))
    }

    fn select(&mut self, id: RunId) {
        self.follows = self.run(&id).is_some_and(TrainingRun::is_in_hand);
        self.selected = Some(id);
    }

    fn step_selection(&mut self, by: isize) {
        let Some(last) = self.runs.len().checked_sub(1) else { return };
        let at = self.runs.iter().position(|run| self.is_selected(run));
        let at = at.map_or(last, |at| at.saturating_add_signed(by).min(last));
        self.select(self.runs[at].info.run.clone());
    }

    pub fn take(&mut self, event: TrainEvent) -> Option<TrainOutcome> {
        let is_about_names = matches!(
            event,
            TrainEvent::Runs(_) | TrainEvent::Run(_) | TrainEvent::Deleted(_) | TrainEvent::Labelled { .. }
        );
        let outcome = self.take_any(event);
        if is_about_names {
            retitle(&mut self.runs);
        }
        outcome
    }

    fn take_any(&mut self, event: TrainEvent) -> Option<TrainOutcome> {
        match event {
            TrainEvent::Runs(infos) => {
                self.is_listed = true;
                self.runs = infos.into_iter().map(TrainingRun::new).collect();
                self.selected = self.runs.last().map(|run| run.info.run.clone());
            }
            TrainEvent::Run(info) => self.take_info(*info),
            TrainEvent::State { run, state } => return self.take_state(&run, state),
            TrainEvent::Preparing { run, share, left } => self.run_mut(&run)?.preparing = Some((share, left)),
            TrainEvent::Progress { run, progress } => self.run_mut(&run)?.progress = Some(progress),
            TrainEvent::Epoch { run, record } => {
                let run = self.run_mut(&run)?;
                run.info.history.push(record);
                // The retraining repeats the selection, whatever was asked for.
                if let Some(wish) = run.wish.take().filter(|_| record.stage == Stage::Selection) {
                    (run.info.config.eps, run.info.config.alpha) = wish;
                }
                if let Some(why) = run.info.not_begun().filter(|_| !run.is_idleness_told) {
                    run.is_idleness_told = true;
                    return Some(TrainOutcome::Idle(format!("{}: {why}", run.info.run)));
                }
            }
            TrainEvent::FirstLayer { run, sheet } => self.run_mut(&run)?.sheet = Some(sheet),
            TrainEvent::Offered { run, before, now, best } => {
                self.run_mut(&run)?.nets = Some([before, now, best]);
                let (_, moment) = self.awaited.take_if(|(awaited, _)| *awaited == run)?;
                return Some(TrainOutcome::Attack(self.net_name(&run, moment)?.to_owned()));
            }
            TrainEvent::Labelled { run, label } => self.run_mut(&run)?.info.label = label,
            TrainEvent::Measuring(progress) => self.measuring = progress,
            TrainEvent::Robust { run, robustness } => self.run_mut(&run)?.info.robustness = robustness,
            TrainEvent::Deleted(run) => self.forget(&run),
            TrainEvent::Download(data, DownloadEvent::Progress { done, of }) => {
                self.fetching = Some(DataFetching { data, done, of });
            }
            TrainEvent::Download(data, DownloadEvent::Done) => {
                self.fetching = None;
                return Some(TrainOutcome::Fetched(data));
            }
            TrainEvent::Download(_, DownloadEvent::Failed(message)) => {
                self.fetching = None;
                return message.map(TrainOutcome::Problem);
            }
            TrainEvent::Notes { run, notes } => {
                return Some(TrainOutcome::Notes(format!("{run}: {}", notes.join("\n"))));
            }
            TrainEvent::Problem(message) => {
                self.awaited = None;
                return Some(TrainOutcome::Problem(message));
            }
        }
        None
    }

    fn take_info(&mut self, info: RunInfo) {
        match self.run_mut(&info.run) {
            Some(run) => {
                if run.wish == Some((info.config.eps, info.config.alpha)) {
                    run.wish = None;
                }
                run.info = info;
            }
            None => {
                self.selected.get_or_insert_with(|| info.run.clone());
                self.runs.push(TrainingRun::new(info));
            }
        }
    }

    fn take_state(&mut self, id: &RunId, state: RunState) -> Option<TrainOutcome> {
        if state == RunState::Preparing && self.follows {
            self.selected = Some(id.clone());
        }
        let run = self.run_mut(id)?;
        run.info.state = state;
        run.preparing = None;
        if matches!(run.info.state, RunState::Stopped | RunState::Finished | RunState::Failed(_)) {
            run.wish = None;
        }
        match &run.info.state {
            RunState::Finished => {
                run.progress = None;
                Some(TrainOutcome::Done(words::finished(run)))
            }
            // The page lists the damaged pictures.
            RunState::Failed(why) if tells_of_damaged(why) => {
                let why = why.lines().next().unwrap_or_default();
                Some(TrainOutcome::Problem(format!("{id} could not go on: {}", why.trim_end_matches(':'))))
            }
            RunState::Failed(why) => Some(TrainOutcome::Problem(format!("{id} could not go on: {why}"))),
            RunState::Paused(Some(why)) => Some(TrainOutcome::NeedsYou(format!("{id} is paused: {why}"))),
            _ => None,
        }
    }

    fn forget(&mut self, id: &RunId) {
        let Some(at) = self.runs.iter().position(|run| run.info.run == *id) else { return };
        self.runs.remove(at);
        if self.selected.as_ref() == Some(id) {
            let neighbour = self.runs.get(at.min(self.runs.len().saturating_sub(1)));
            self.selected = neighbour.map(|run| run.info.run.clone());
        }
    }
}
