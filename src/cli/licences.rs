//! `doppelganger licences` prints what the program contains of others, and the texts of the licences.

use super::print;
use crate::engine::Result;

const TEXTS: [(&str, &str); 4] = [
    ("NOTICE", include_str!("../../NOTICE")),
    ("Apache License 2.0: the program, and the weights of EfficientNet-Lite0", include_str!("../../LICENSE-APACHE")),
    ("MIT licence: the program", include_str!("../../LICENSE-MIT")),
    ("SIL Open Font License 1.1: Inter", include_str!("../../assets/fonts/Inter-LICENSE.txt")),
];

pub fn run() -> Result<()> {
    for (title, text) in TEXTS {
        print(&format!("{title}\n{}\n\n{}\n", "=".repeat(title.chars().count()), text.trim()))?;
    }
    print(
        "The libraries in it, which Cargo.lock names, are under licences of their own; deny.toml lists those that \
         occur.",
    )
}
