//! What the explorer is asked to do: one view, the newest, and a short list of other tasks.

use std::path::PathBuf;
use std::sync::Arc;

use super::Explorer;
use crate::engine::model::{Catalogue, Model};
use crate::worker::Outbox;
use crate::worker::job::{self, Failure, guarded};
use crate::worker::mailbox::Mailbox;
use crate::worker::protocol::{Event, Revision, View};
use crate::worker::study::Wish;

/// One thing to do.
pub enum Task {
    Show(Revision, Box<View>),
    Save(PathBuf),
    /// The files may have changed: the next view loads its model afresh.
    ForgetModel,
    ListModels,
    /// The file on screen may have changed.
    LookAgain,
    /// A net is known by this name from now on: one in training.
    Provide(String, Arc<Model>),
    /// This is to be worked out beside views from now on.
    Study(Wish),
}

impl Task {
    /// A view may want the very net that is being provided; other tasks come after the view that was asked for before
    /// them.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Provide(..) => 0,
            Self::Show(..) => 1,
            Self::Save(_) | Self::ForgetModel | Self::ListModels | Self::LookAgain | Self::Study(_) => 2,
        }
    }

    /// Makes the event that says why the task failed.
    fn failed(&self) -> impl FnOnce(String) -> Event + use<> {
        let (revision, path) = match self {
            Self::Show(revision, _) => (*revision, None),
            Self::Save(path) => (0, Some(path.clone())),
            Self::ForgetModel | Self::ListModels | Self::LookAgain | Self::Provide(..) | Self::Study(_) => (0, None),
        };
        move |message| match path {
            Some(path) => Event::SaveFailed { path, message },
            None => Event::Failed { revision, message },
        }
    }
}

/// The way to the explorer. Of views the newest alone is wanted.
pub type Inbox = Mailbox<Task>;

impl Inbox {
    /// Asks for a view, in place of one that waits.
    pub fn show(&self, view: View) -> Revision {
        let revision = self.overtake();
        self.take(|task| matches!(task, Task::Show(..)));
        self.push(Task::Show(revision, Box::new(view)));
        revision
    }

    /// Has the models looked for again, and the present one loaded afresh for the next view.
    pub fn refresh_models(&self) {
        self.push(Task::ForgetModel);
        self.push(Task::ListModels);
    }
}

/// Starts the thread, which begins with a list of the models.
///
/// # Errors
/// When the operating system gives no thread.
pub fn start(inbox: &Arc<Inbox>, catalogue: Catalogue, outbox: Arc<Outbox>) -> std::io::Result<()> {
    inbox.push(Task::ListModels);
    let explorer = Explorer::new(catalogue, inbox.clone(), outbox);
    job::start("worker", move || serve(explorer)).map(drop)
}

fn serve(mut explorer: Explorer) {
    let (inbox, outbox) = (explorer.inbox.clone(), explorer.outbox.clone());
    while let Some(task) = inbox.next() {
        let failed = task.failed();
        let is_whole = report(&outbox, guarded(|| explorer.carry_out(task)), failed)
            && report(&outbox, guarded(|| explorer.study()), |message| Event::Failed { revision: 0, message });
        if !is_whole {
            explorer = explorer.afresh();
        }
    }
}

/// Tells what went wrong; false after a panic, when whatever was half done has to be dropped.
fn report(outbox: &Outbox, done: Result<(), Failure>, event: impl FnOnce(String) -> Event) -> bool {
    let Err(failure) = done else { return true };
    let is_panic = matches!(failure, Failure::Panic);
    if let Some(message) = failure.message() {
        outbox.send(event(message));
    }
    !is_panic
}
