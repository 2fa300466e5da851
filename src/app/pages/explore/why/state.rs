//! What the window knows beside its pictures: why the attack works.

use crate::app::notices::Tone;
use crate::app::pages::explore::commands::why::WhyCommand;
use crate::app::pages::explore::why::pane::Part;
use crate::app::window::App;
use crate::app::words;
use crate::worker::{Along, Controls, Least, Second, SecondWish, Shown, View, Wish};

/// What the worker's study has told, and what it was asked for.
#[derive(Default)]
pub struct Why {
    along: Option<Box<Along>>,
    controls: Option<Box<Controls>>,
    second: Option<Box<Second>>,
    /// The search for the smallest ε that is under way.
    search: Option<Search>,
    searches: u64,
    /// Of the random controls.
    seed: u64,
    asked: Wish,
    /// Whether the pane is open beside a lesson that says so; it is not kept.
    pub in_lesson: Option<bool>,
}

struct Search {
    /// Of the wish.
    number: u64,
    share: f32,
    /// What it is for, whatever ε is.
    view: View,
}

impl Why {
    pub fn take_along(&mut self, along: Box<Along>) {
        self.along = Some(along);
    }

    pub fn take_controls(&mut self, controls: Box<Controls>) {
        self.controls = Some(controls);
    }

    pub fn take_second(&mut self, second: Box<Second>) {
        self.second = Some(second);
    }

    /// What the net to compare with said last, if that is the net that is wanted now.
    pub fn second(&self) -> Option<&Second> {
        self.second.as_deref().filter(|second| self.asked.second.as_ref() == Some(&second.wish))
    }

    /// The newest controls; while ε moves they may be those of a view before, and say of which ε.
    pub fn controls(&self) -> Option<&Controls> {
        self.controls.as_deref()
    }

    /// The newest curve of the net on screen, and whether it is that of the view; the one before is better than none for a moment.
    pub fn along(&self, shown: &Shown) -> Option<(&Along, bool)> {
        let along = self.along.as_deref().filter(|along| along.is_of_net(shown))?;
        Some((along, along.is_of(shown)))
    }

    /// Of the random controls.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// How far the search for the smallest ε is, while there is one.
    pub fn search(&self) -> Option<f32> {
        self.search.as_ref().map(|search| search.share)
    }

    /// The curve of the view on screen.
    pub fn current(&self, shown: &Shown) -> Option<&Along> {
        self.along(shown).and_then(|(along, is_current)| is_current.then_some(along))
    }
}

impl App {
    /// What is known of why the attack works.
    pub fn why(&self) -> &Why {
        &self.why
    }

    /// Whether the pane is open: as a lesson wants it or a person left it.
    pub fn is_why_open(&self) -> bool {
        self.why.in_lesson.or(self.settings.why.open).unwrap_or(false)
    }

    /// Tells the worker what is wanted, if that is new.
    pub fn ask_why(&mut self) {
        // Where something else is attacked now, nobody waits for it.
        self.why.search.take_if(|search| {
            let now = View {
                eps: search.view.eps,
                step: search.view.step,
                heatmap: search.view.heatmap,
                ..self.explore.view()
            };
            now != search.view
        });
        let is_open = self.is_why_open();
        let look = &self.settings.why;
        let other = look.second.clone().filter(|name| is_open && *name != self.explore.model);
        let wish = Wish {
            curve: is_open,
            controls: is_open.then_some(self.why.seed),
            second: other.map(|model| SecondWish { model, is_own: look.is_own }),
            least: self.why.search.as_ref().map(|search| search.number),
        };
        if wish != self.why.asked {
            self.why.asked = wish.clone();
            self.worker.study(wish);
        }
    }

    pub fn change_why(&mut self, command: WhyCommand) {
        let is_open = self.is_why_open();
        let look = &mut self.settings.why;
        if matches!(command, WhyCommand::Second(Some(_)) | WhyCommand::OwnAttack(_) | WhyCommand::NextSeed) {
            // It may come from the list of commands, and is to be seen.
            look.open = Some(true);
        }
        match command {
            WhyCommand::Fold => match &mut self.why.in_lesson {
                Some(in_lesson) => *in_lesson = !is_open,
                None => look.open = Some(!is_open),
            },
            WhyCommand::Values => look.has_logits = !look.has_logits,
            WhyCommand::Axis => look.is_log = !look.is_log,
            WhyCommand::Part(part) => look.part = part,
            WhyCommand::Second(model) => self.compare_with(model),
            WhyCommand::OwnAttack(_) if look.second.is_none() => {
                self.notices.add_brief("Choose a net to compare with first: “Compare with…”.");
            }
            WhyCommand::OwnAttack(is_own) => (look.is_own, look.part) = (is_own, Part::Second),
            WhyCommand::NextSeed => self.why.seed += 1,
            WhyCommand::FindLeast if self.why.search.is_some() => self.why.search = None,
            WhyCommand::FindLeast => {
                self.why.searches += 1;
                let (number, view) = (self.why.searches, self.explore.view());
                self.why.search = Some(Search { number, share: 0.0, view });
            }
        }
    }

    /// Compares with another net, or with none.
    pub fn compare_with(&mut self, model: Option<String>) {
        let look = &mut self.settings.why;
        // Where there is no room for everything, it is what is looked at now.
        look.part = if model.is_some() { Part::Second } else { Part::default() };
        look.second = model;
    }

    /// Follows the search for the smallest ε, and goes there once it is found.
    pub fn take_least(&mut self, least: &Least) {
        let Some(search) = self.why.search.as_mut().filter(|search| search.number == least.number) else { return };
        search.share = least.share;
        let Some(found) = least.found else { return };
        self.why.search = None;
        let Some(shown) = self.explore.shown.as_deref().filter(|shown| least.is_of(shown)) else { return };
        let text = words::least(shown, least.attack(), found);
        if let Some(eps) = found {
            self.explore.set_attack(least.attack().clone());
            self.explore.set_eps(eps);
            self.notices.add_brief(text);
        } else {
            self.notices.add(Tone::Caution, text);
        }
    }
}
