//! The window writes numbers and words in these ways.

use std::time::Duration;

pub use crate::command_line::quoted;
use crate::engine::units::LEVELS;
pub use crate::engine::units::{megabytes, per_cent, short};

pub fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Writes 1235496 as "1 235 496".
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join("\u{202F}")
}

/// Writes ε in L∞ as people name it: "2/255", "1.4/255", from a tenth on "0.25".
pub fn spelled_eps(eps: f32) -> String {
    if eps == 0.0 || eps >= 0.0995 {
        return short(eps);
    }
    let levels = eps * LEVELS;
    if (levels - levels.round()).abs() < 0.02 { format!("{levels:.0}/255") } else { format!("{levels:.1}/255") }
}

/// Returns grey levels in fewer letters: "2 levels", "<1 level".
pub fn brief_levels(levels: &str) -> String {
    levels.replace("less than one", "<1").replace("grey level", "level")
}

/// Writes a value with a sign, and with a true minus.
pub fn signed(value: f32, decimals: usize) -> String {
    let sign = if value < 0.0 { '−' } else { '+' };
    format!("{sign}{:.decimals$}", value.abs())
}

/// Writes how long ago something was: "just now", "5 min ago", "3 h ago", "12 days ago".
pub fn age(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match minutes {
        0 => "just now".into(),
        1..60 => format!("{minutes} min ago"),
        60..2880 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eps_is_named_in_levels_of_255_as_long_as_it_is_small() {
        let named = [0.0, 2.0 / 255.0, 1.4 / 255.0, 8.0 / 255.0, 0.1, 0.25].map(spelled_eps);
        assert_eq!(named, ["0", "2/255", "1.4/255", "8/255", "0.1", "0.25"]);
        assert_eq!(brief_levels("less than one grey level"), "<1 level");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(1_235_496), "1\u{202F}235\u{202F}496");
        assert_eq!(thousands(999), "999");
    }
}
