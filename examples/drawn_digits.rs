//! Writes drawn digits: `cargo run --release --example drawn_digits -- FOLDER COUNT SEED`.
//!
//! The folder gets `images.bin` (COUNT pictures of 28×28 bytes, digits 0 to 9 in turn) and `sheet.png`, a contact sheet
//! of the first 200. The samples in assets/digits are pictures of such a run, chosen by eye.

use std::path::PathBuf;

use anyhow::{Context, Result};
use doppelganger::engine::data::{DIGIT_SIDE, draw_digit};
use doppelganger::engine::picture::{Picture, save_png};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const COLUMNS: usize = 20;
const ROWS: usize = 10;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, count, seed] = args.as_slice() else { anyhow::bail!("expected FOLDER COUNT SEED") };
    let folder = PathBuf::from(folder);
    let count: usize = count.parse().context("COUNT")?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed.parse().context("SEED")?);
    let digits: Vec<Picture> = (0..count).map(|i| draw_digit((i % 10) as u8, &mut rng)).collect();

    std::fs::create_dir_all(&folder)?;
    let bytes: Vec<u8> = digits.iter().flat_map(|digit| digit.bytes.iter().copied()).collect();
    std::fs::write(folder.join("images.bin"), bytes)?;

    let (width, height) = (COLUMNS * DIGIT_SIDE, ROWS * DIGIT_SIDE);
    let mut sheet = Picture::new(width, height, 1, vec![0; width * height]);
    for (i, digit) in digits.iter().take(COLUMNS * ROWS).enumerate() {
        let (left, top) = (i % COLUMNS * DIGIT_SIDE, i / COLUMNS * DIGIT_SIDE);
        for (y, row) in digit.bytes.chunks_exact(DIGIT_SIDE).enumerate() {
            sheet.bytes[(top + y) * width + left..][..DIGIT_SIDE].copy_from_slice(row);
        }
    }
    save_png(&sheet, &folder.join("sheet.png"), &[])?;
    Ok(())
}
