//! A probe of the settings of the next run is asked for here, and what it found is kept.

use crate::engine::train::{Config, Stopping};
use crate::worker::{Probe, ProbeEvent, ProbeWish};

/// This is what the page knows of the newest probe.
#[derive(Default)]
pub struct Probing {
    /// The newest report. It may be of settings that were changed since.
    pub found: Option<Box<Probe>>,
    /// This is why there is no probe of the present settings.
    pub problem: Option<String>,
    /// The number of the picture that is attacked.
    pub picture: usize,
    asked: Option<ProbeWish>,
}

impl Probing {
    /// Returns the order to the worker that follows from these settings, if it is another one than the last time:
    /// without settings nothing is to be probed.
    pub fn order(&mut self, config: Option<&Config>) -> Option<Option<ProbeWish>> {
        let wish = config.map(|config| ProbeWish { config: decisive(config), picture: self.picture });
        if wish == self.asked {
            return None;
        }
        self.asked.clone_from(&wish);
        self.problem = None;
        Some(wish)
    }

    /// Asks anew at the next occasion, as where data has arrived.
    pub fn forget(&mut self) {
        self.asked = None;
    }

    pub fn take(&mut self, event: ProbeEvent) {
        match event {
            ProbeEvent::Found(mut probe) => {
                let before = self.found.take();
                // The errors stay until there are new ones.
                if probe.record.is_none() {
                    let before = before.filter(|before| before.wish.config.data == probe.wish.config.data);
                    (probe.record, probe.steps) = before.map_or((None, 0), |before| (before.record, before.steps));
                }
                self.found = Some(probe);
            }
            ProbeEvent::Failed(wish, why) if self.asked.as_ref() == Some(&*wish) => {
                self.found = None;
                self.problem = Some(why);
            }
            ProbeEvent::Failed(..) => {}
        }
    }

    /// Tells whether the errors are those of the ε and α that were asked for last.
    pub fn is_current(&self) -> bool {
        let record = self.found.as_ref().and_then(|found| found.record);
        let asked = self.asked.as_ref().map(|asked| &asked.config);
        record.zip(asked).is_some_and(|(record, asked)| (record.eps, record.alpha) == (asked.eps, asked.alpha))
    }
}

/// Returns the settings without those that change nothing about a probe.
fn decisive(config: &Config) -> Config {
    let Config { epochs, validation, pgd_pictures, .. } = Config::default();
    Config { epochs, validation, pgd_pictures, stopping: Stopping::default(), ..config.clone() }
}
