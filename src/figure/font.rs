//! Figures are written in Inter, which comes with the program; the few signs that it lacks are taken from Hack.

use std::sync::{Arc, LazyLock};

use resvg::usvg::fontdb::Database;
use ttf_parser::Face;

pub const INTER: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.otf");

/// Programs that have neither of the first two show a figure in what they have.
pub const FAMILIES: &str = "Inter, Hack, Helvetica, Arial, sans-serif";

const FILES: [&[u8]; 2] = [INTER, epaint_default_fonts::HACK_REGULAR];

static FACES: LazyLock<Vec<Face<'static>>> =
    LazyLock::new(|| FILES.iter().filter_map(|file| Face::parse(file, 0).ok()).collect());

/// Only these fonts are looked at, so that a figure looks the same on every machine.
static DATABASE: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut database = Database::new();
    FILES.iter().for_each(|file| database.load_font_data(file.to_vec()));
    database.set_sans_serif_family("Inter");
    Arc::new(database)
});

pub fn database() -> Arc<Database> {
    DATABASE.clone()
}

/// Returns how wide a text of one line is, in the unit of `size`.
pub fn width(text: &str, size: f64) -> f64 {
    text.chars().map(|letter| advance(letter).unwrap_or(0.6) * size).sum()
}

/// Returns the width of a letter at size 1 in the first font that has it.
fn advance(letter: char) -> Option<f64> {
    let in_face = |face: &Face<'_>| {
        let glyph = face.glyph_index(letter)?;
        Some(f64::from(face.glyph_hor_advance(glyph)?) / f64::from(face.units_per_em()))
    };
    FACES.iter().find_map(in_face)
}

/// Cuts a text into lines that are no wider than `room`, at most `most` of them; what is cut off is marked by "…".
pub fn wrapped(text: &str, size: f64, room: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size) <= room => *line = format!("{line} {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    if lines.len() > most {
        lines.truncate(most);
        lines.iter_mut().next_back().into_iter().for_each(|line| line.push('…'));
    }
    lines.into_iter().map(|line| cut(&line, size, room)).collect()
}

/// Shortens a text of one line to `room`.
pub fn cut(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut kept = text.trim_end_matches('…').to_owned();
    while !kept.is_empty() && width(&kept, size) + width("…", size) > room {
        kept.pop();
    }
    kept.trim_end().to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_of_figures_is_in_a_font() {
        assert_eq!(FACES.len(), 2);
        for sign in "εαδηη∇ₓJx′×−±≥≤≈∞‖₀₁₂·…–—%°µéäŁ/255".chars() {
            assert!(advance(sign).is_some(), "{sign}");
        }
    }

    #[test]
    fn texts_are_as_wide_as_their_letters_are_advanced() {
        // Inter's digits with its units of 2816 an em: a zero is 1744 units wide, a period 748.
        let zero = advance('0').unwrap();
        assert!((0.5..0.75).contains(&zero));
        assert!((width("00", 10.0) - 20.0 * zero).abs() < 1e-9);
    }

    #[test]
    fn long_texts_are_wrapped_and_cut() {
        let room = width("a small word", 8.0);
        assert_eq!(wrapped("a small word or two", 8.0, room, 3), ["a small word", "or two"]);
        let cut = wrapped("a small word or two and many more of them", 8.0, room, 2);
        assert!(cut.len() == 2 && cut[1].ends_with('…') && width(&cut[1], 8.0) <= room, "{cut:?}");
        assert!(wrapped("", 8.0, room, 2).is_empty());
        assert!(width(&super::cut("unbreakable-name-of-a-net", 8.0, room), 8.0) <= room);
    }
}
