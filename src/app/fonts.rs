//! Fonts of the system, for texts that the window's own fonts cannot show: names in Chinese, Arabic, Devanagari and so on.
//!
//! They are looked for when a text on screen needs them, not before, and on a thread of their own: listing all fonts of a system can
//! take a second. Until then such letters are boxes, and where the system has no font for them, they stay so. Files are mapped
//! into memory, not read as a whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use eframe::egui::{Context, FallbackRequest, FontFamily, FontInsert, FontProvider};
use egui_system_font_provider::SystemFontProvider;

/// What text asked for: a letter in a family of fonts.
type Wish = (FontFamily, String);

/// Notes what is missing, and gives what was found.
#[derive(Clone, Default)]
pub struct SystemFonts(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// The list of the system's fonts, made on first use.
    system: OnceLock<SystemFontProvider>,
}

#[derive(Default)]
struct State {
    /// Of each letter that was looked for, the font that has it, if there is one.
    known: HashMap<Wish, Option<FontInsert>>,
    wanted: Vec<Wish>,
    is_looking: bool,
}

impl SystemFonts {
    /// Makes a window ask here.
    pub fn install(&self, ctx: &Context) {
        ctx.set_font_providers(vec![self.0.clone()]);
    }

    /// Whether a text lacks a font and nobody looks for it yet; if so, [`Self::look`] is to be called on another thread.
    pub fn begin_to_look(&self) -> bool {
        let mut state = self.0.lock();
        let begins = !state.is_looking && !state.wanted.is_empty();
        state.is_looking |= begins;
        begins
    }

    /// Looks for what is wanted until there is no more. Returns whether anything was found; if so, [`Self::install`] is to be called
    /// again, so that texts ask again.
    pub fn look(&self) -> bool {
        let mut found_any = false;
        loop {
            let wanted = {
                let mut state = self.0.lock();
                let wanted = std::mem::take(&mut state.wanted);
                if wanted.is_empty() {
                    state.is_looking = false;
                    return found_any;
                }
                wanted
            };
            let system = self.0.system.get_or_init(SystemFontProvider::new);
            for wish in wanted {
                let found = system.font_for(&FallbackRequest { cluster: &wish.1, family: &wish.0 });
                found_any |= found.is_some();
                self.0.lock().known.insert(wish, found);
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be left half done, so a poisoned lock is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FontProvider for Shared {
    fn font_for(&self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        let wish = (request.family.clone(), request.cluster.to_owned());
        let mut state = self.lock();
        if let Some(found) = state.known.get(&wish) {
            return found.clone();
        }
        // Asked again before the answer is there, it would be looked for twice.
        if !state.wanted.contains(&wish) {
            state.wanted.push(wish);
        }
        None
    }
}
