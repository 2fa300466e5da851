//! Names in Chinese, Arabic, Devanagari and so on need fonts of the system. They are looked for when a text needs them,
//! on a thread of its own, since listing all fonts can take a second. Until then such letters are boxes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use egui::epaint::text::{FontPriority, InsertFontFamily};
use egui::{Context, FallbackRequest, FontData, FontFamily, FontInsert, FontProvider};
use fontique::{
    Collection, CollectionOptions, FallbackKey, GenericFamily, Language, Query, QueryFamily, QueryFont, QueryStatus,
    Script, SourceCache, SourceCacheOptions,
};
use unicode_script::UnicodeScript as _;

/// No font has all Chinese letters, so four are asked. Simplified Chinese goes by Singapore's name: for `zh-CN`,
/// fontique gives any of them.
const HAN_LANGUAGES: [&str; 4] = ["zh-SG", "ja", "zh-TW", "ko"];

/// The letter is needed in this family of fonts.
type MissingLetter = (FontFamily, char);

/// This notes which letters are missing, and gives the fonts that were found.
#[derive(Clone, Default)]
pub struct SystemFonts(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<KnownLetters>,
    listed: Mutex<Option<Listed>>,
}

#[derive(Default)]
struct KnownLetters {
    /// `None` is a letter that no font has.
    known: HashMap<MissingLetter, Option<FontInsert>>,
    wanted: Vec<MissingLetter>,
    is_looking: bool,
}

impl SystemFonts {
    pub fn install(&self, ctx: &Context) {
        ctx.set_font_providers(vec![self.0.clone()]);
    }

    /// Tells whether [`Self::look`] is to be called on another thread: a text lacks a font that nobody looks for yet.
    pub fn begin_to_look(&self) -> bool {
        let mut state = self.0.lock();
        let begins = !state.is_looking && !state.wanted.is_empty();
        state.is_looking |= begins;
        begins
    }

    /// Looks for what is wanted; returns whether there are new fonts. Then [`Self::install`] is to be called again, so
    /// that texts ask again.
    pub fn look(&self) -> bool {
        let mut listed = self.0.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = listed.get_or_insert_with(Listed::default);
        let mut are_there_new = false;
        loop {
            let mut state = self.0.lock();
            let wanted = std::mem::take(&mut state.wanted);
            state.is_looking = !wanted.is_empty();
            drop(state);
            if wanted.is_empty() {
                return are_there_new;
            }
            for (family, letter) in wanted {
                let found = listed.font_with(letter, &family);
                are_there_new |= found.is_some();
                self.0.lock().known.insert((family, letter), found);
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, KnownLetters> {
        // Nothing in here can be left half done, so a poisoned lock is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FontProvider for Shared {
    fn font_for(&self, request: &FallbackRequest<'_>) -> Option<FontInsert> {
        let wish = (request.family.clone(), request.cluster.chars().next()?);
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

struct Listed {
    collection: Collection,
    files: SourceCache,
    /// The person's language decides between fonts that write the same letters in different ways.
    language: Option<Language>,
}

impl Default for Listed {
    fn default() -> Self {
        Self {
            collection: Collection::new(CollectionOptions { shared: false, system_fonts: true }),
            files: SourceCache::new(SourceCacheOptions::default()),
            language: sys_locale::get_locale().and_then(|locale| Language::parse(&locale).ok()),
        }
    }
}

impl Listed {
    /// Returns a font that has a letter, in the style of a family of the window.
    fn font_with(&mut self, letter: char, family: &FontFamily) -> Option<FontInsert> {
        let style = match family {
            FontFamily::Monospace => GenericFamily::Monospace,
            FontFamily::Proportional | FontFamily::Name(_) => GenericFamily::SansSerif,
        };
        let font = match script_of(letter) {
            Some(script) => self.languages_of(script).iter().find_map(|language| {
                let mut query = self.collection.query(&mut self.files);
                query.set_families([QueryFamily::Generic(style)]);
                query.set_fallbacks(FallbackKey::new(script, language.as_ref()));
                first_with(&mut query, letter)
            }),
            // Signs that all scripts share.
            None => {
                let styles = [style, GenericFamily::SystemUi, GenericFamily::Math, GenericFamily::Serif];
                let mut query = self.collection.query(&mut self.files);
                query.set_families(styles.map(QueryFamily::Generic));
                first_with(&mut query, letter)
            }
        }?;
        let name = self.collection.family_name(font.family.0).unwrap_or_default();
        let name = format!("system: {name}, {}, {}", font.family.1, font.index);
        let (file, _) = font.blob.into_raw_parts();
        let families = vec![InsertFontFamily { family: family.clone(), priority: FontPriority::Lowest }];
        Some(FontInsert { name, data: FontData::from_blob(file, font.index), families })
    }

    /// Returns the languages whose fonts are searched: the person's first.
    fn languages_of(&self, script: Script) -> Vec<Option<Language>> {
        let mut languages = vec![self.language];
        if script == Script::from_bytes(*b"Hani") {
            let is_han = |language: &Language| matches!(language.language(), "zh" | "ja" | "ko");
            let is_bare_chinese = |language: &Language| language.language() == "zh" && language.region() == Some("CN");
            languages.retain(|language| language.as_ref().is_some_and(|l| is_han(l) && !is_bare_chinese(l)));
            languages.extend(HAN_LANGUAGES.map(|tag| Language::parse(tag).ok()));
        }
        languages
    }
}

/// Returns the script of a letter; `None` for what all scripts share.
fn script_of(letter: char) -> Option<Script> {
    use unicode_script::Script::{Common, Inherited, Unknown};
    match letter.script() {
        Common | Inherited | Unknown => None,
        script => Script::parse(script.short_name()).ok(),
    }
}

fn first_with(query: &mut Query<'_>, letter: char) -> Option<QueryFont> {
    let mut found = None;
    query.matches_with(|font| {
        let glyph = font.charmap().and_then(|letters| letters.map(letter));
        if glyph.is_some_and(|glyph| glyph != 0) {
            found = Some(font.clone());
            return QueryStatus::Stop;
        }
        QueryStatus::Continue
    });
    found
}
