//! This module carries out the commands of the pane.

use crate::app::notices::Tone;
use crate::app::pages::explore::commands::why::{WhyCommand, WhyPart};
use crate::app::pages::explore::why::state::LeastSearch;
use crate::app::pages::explore::words;
use crate::app::shell::Shell;
use crate::worker::{ChurchWish, Least, SecondWish, View, Wish};

pub fn carry_out(command: WhyCommand, shell: &mut Shell) {
    let is_open = shell.is_why_open();
    let (look, why) = (&mut shell.settings.why, &mut shell.why);
    let is_of_a_part = matches!(
        command,
        WhyCommand::Map
            | WhyCommand::NextDirection
            | WhyCommand::NextSeed
            | WhyCommand::Second(Some(_))
            | WhyCommand::OwnAttack(_)
    );
    if is_of_a_part {
        // It may come from the list of commands, and is to be seen.
        look.open = Some(true);
    }
    match command {
        WhyCommand::Fold => match &mut why.in_lesson {
            Some(in_lesson) => *in_lesson = !is_open,
            None => look.open = Some(!is_open),
        },
        WhyCommand::Map => (look.has_map, look.part) = (!look.has_map, WhyPart::Curve),
        WhyCommand::NextDirection => {
            why.direction_seed += 1;
            (look.has_map, look.part) = (true, WhyPart::Curve);
        }
        WhyCommand::Values => look.has_logits = !look.has_logits,
        WhyCommand::Axis => look.is_log = !look.is_log,
        WhyCommand::Part(part) => look.part = part,
        WhyCommand::Second(model) => look.compare_with(model),
        WhyCommand::OwnAttack(_) if look.second.is_none() => {
            shell.notices.add_brief("Choose a net to compare with first: “Compare with…”.");
        }
        WhyCommand::OwnAttack(is_own) => (look.is_own, look.part) = (is_own, WhyPart::Second),
        WhyCommand::NextSeed => why.seed += 1,
        WhyCommand::FindLeast if why.search.is_some() => why.search = None,
        WhyCommand::FindLeast => {
            why.searches += 1;
            why.search = Some(LeastSearch { number: why.searches, share: 0.0, view: shell.explore.wanted() });
        }
    }
}

/// Tells the worker what is to be known beside the picture, if that is new.
pub fn study(shell: &mut Shell) {
    let is_open = shell.is_why_open();
    let (look, why, explore) = (&shell.settings.why, &mut shell.why, &shell.explore);
    // Where something else is attacked now, nobody waits for it.
    why.search.take_if(|search| {
        let View { eps, step, heatmap, .. } = search.view;
        View { eps, step, heatmap, ..explore.wanted() } != search.view
    });
    let other = look.second.clone().filter(|name| is_open && *name != explore.view.model);
    let church = ChurchWish { seed: why.direction_seed, second: other.clone() };
    let wish = Wish {
        curve: is_open,
        church: (is_open && look.has_map).then_some(church),
        controls: is_open.then_some(why.seed),
        second: other.map(|model| SecondWish { model, is_own: look.is_own }),
        least: why.search.as_ref().map(|search| search.number),
    };
    if wish != why.asked {
        why.asked = wish.clone();
        shell.worker.study(wish);
    }
}

/// Follows the search for the smallest ε, and goes there once it is found.
pub fn take_least(least: &Least, shell: &mut Shell) {
    let Some(search) = shell.why.search.as_mut().filter(|search| search.number == least.number) else { return };
    search.share = least.share;
    let Some(found) = least.found else { return };
    shell.why.search = None;
    let Some(shown) = shell.explore.shown.as_deref().filter(|shown| least.is_of(shown)) else { return };
    let text = words::least(shown, least.attack(), found);
    if let Some(eps) = found {
        shell.explore.set_attack(least.attack().clone());
        shell.explore.set_eps(eps);
        shell.notices.add_brief(text);
    } else {
        shell.notices.add(Tone::Caution, text);
    }
}
