//! Marks are connected patches of ink; the digit is one of them with what lies close to it.

use std::f32::consts::FRAC_PI_4;
use std::ops::Range;

use super::ground::{Ink, transposed};

/// Ink is at least half as dark, beside the paper, as the darkest of it.
const INK_FROM: f32 = 0.5;
/// The lines of ruled and squared paper are at least as dark as this share of the ink. They go from edge to edge, with
/// gaps that leave this share of their length, are as thick as this share of the picture at most, and no steeper than
/// this.
const FAINTEST_LINE: f32 = 0.1;
const LEAST_OF_LINE: f32 = 0.8;
const THICKEST_LINE: f32 = 0.03;
const STEEPEST_LINE: f32 = 0.12;
/// A stroke lies on a line where the line is darker than it usually is by this factor.
const DARKER_THAN_LINE: f32 = 1.4;
/// Lines are looked for in pictures whose shorter side has so many pixels: smaller ones have no lines as thin.
const LINES_FROM: usize = 100;
/// A mark within this share of the digit's size belongs to it, if it holds this share of its ink.
const NEAR: f32 = 0.25;
const LEAST_PART: f32 = 0.02;

/// This is the digit among the marks of a picture.
pub(super) struct Marks {
    /// Tells for each pixel whether it belongs to the digit.
    pub mask: Vec<bool>,
    /// These are the first column and row, and those behind the last.
    pub left: usize,
    pub top: usize,
    pub right: usize,
    pub bottom: usize,
    /// The digit has this share of all ink that does not run out of the picture.
    pub share: f32,
    /// It consists of so many marks.
    pub parts: usize,
    /// This share of the variance of darkness, lines apart, lies between ink and paper rather than within them.
    pub separation: f32,
    /// Its strokes have this mean thickness, in pixels.
    pub thickness: f32,
}

struct Mark {
    pixels: Vec<usize>,
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
    mass: f32,
    is_cut: bool,
}

impl Marks {
    /// Finds the digit; `None` without ink.
    pub(super) fn of(ink: &Ink) -> Option<Self> {
        let darker_than = |share: f32| -> Vec<bool> {
            let threshold = ink.level(share);
            ink.values.iter().map(|&dark| dark > threshold).collect()
        };
        let faint = darker_than(FAINTEST_LINE);
        let kept = if ink.width.min(ink.height) >= LINES_FROM { without_ruling(&faint, ink) } else { faint.clone() };
        let mask: Vec<bool> =
            darker_than(INK_FROM).iter().zip(&kept).map(|(is_ink, is_kept)| is_ink & is_kept).collect();
        let is_line = |i: usize| faint[i] && !kept[i];
        let separation = separation(ink.values.iter().enumerate().filter(|(i, _)| !is_line(*i)).map(|(_, dark)| *dark));
        let mut marks = marks(&mask, ink);
        // Pages end and shadows begin at the edge; a digit alone may touch it as well.
        if marks.iter().any(|mark| !mark.is_cut && mark.pixels.len() >= 4) {
            marks.retain(|mark| !mark.is_cut);
        }
        let all: f32 = marks.iter().map(|mark| mark.mass).sum();
        let largest = (0..marks.len()).max_by(|&a, &b| marks[a].mass.total_cmp(&marks[b].mass))?;
        let mut digit = marks.swap_remove(largest);
        let (least, mut parts) = (LEAST_PART * digit.mass, 1);
        marks.retain(|mark| mark.mass >= least);
        while let Some(near) = marks.iter().position(|mark| digit.is_near(mark)) {
            digit.join(marks.swap_remove(near));
            parts += 1;
        }
        let Mark { left, top, right, bottom, mass, .. } = digit;
        let area = digit.pixels.len();
        let mut mask = vec![false; ink.values.len()];
        digit.pixels.into_iter().for_each(|pixel| mask[pixel] = true);
        let thickness = thickness(&mask, ink.width, area);
        Some(Self { left, top, right, bottom, share: mass / all, parts, separation, thickness, mask })
    }

    /// Returns the longer side, in pixels.
    pub(super) fn side(&self) -> f32 {
        (self.right - self.left).max(self.bottom - self.top) as f32
    }
}

/// Returns which share of the variance of values lies between those above and those below the threshold that tells
/// them apart best (Otsu, "A threshold selection method from gray-level histograms", 1979).
fn separation(values: impl Iterator<Item = f32>) -> f32 {
    let mut sorted: Vec<f32> = values.collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let (count, sum) = (sorted.len() as f64, sorted.iter().map(|&value| f64::from(value)).sum::<f64>());
    let variance: f64 = sorted.iter().map(|&value| (f64::from(value) - sum / count).powi(2)).sum();
    let (mut below, mut between) = (0.0, 0.0f64);
    for (i, &value) in sorted.iter().enumerate().take(sorted.len().saturating_sub(1)) {
        below += f64::from(value);
        let (lower, upper) = ((i + 1) as f64, count - (i + 1) as f64);
        between = between.max(lower * upper / count * (below / lower - (sum - below) / upper).powi(2));
    }
    (between / variance.max(f64::MIN_POSITIVE)) as f32
}

/// Returns the mean thickness of strokes: twice their area over their outline. An outline of pixel edges is 4/π times
/// too long on average.
fn thickness(mask: &[bool], width: usize, area: usize) -> f32 {
    let edges = |mask: &[bool], width: usize| -> usize {
        let inside = |row: &[bool]| row.windows(2).filter(|pair| pair[0] != pair[1]).count();
        mask.chunks_exact(width).map(|row| inside(row) + usize::from(row[0]) + usize::from(row[width - 1])).sum()
    };
    let outline = edges(mask, width) + edges(&transposed(mask, width), mask.len() / width);
    2.0 * area as f32 / (FRAC_PI_4 * outline as f32)
}

impl Mark {
    fn is_near(&self, other: &Self) -> bool {
        let side = (self.right - self.left).max(self.bottom - self.top) as f32;
        let across = self.left.max(other.left).saturating_sub(self.right.min(other.right));
        let down = self.top.max(other.top).saturating_sub(self.bottom.min(other.bottom));
        (across.max(down) as f32) <= NEAR * side
    }

    fn join(&mut self, other: Self) {
        (self.left, self.top) = (self.left.min(other.left), self.top.min(other.top));
        (self.right, self.bottom) = (self.right.max(other.right), self.bottom.max(other.bottom));
        self.mass += other.mass;
        self.is_cut |= other.is_cut;
        self.pixels.extend(other.pixels);
    }
}

/// Returns the patches of pixels that touch each other, by their sides or corners.
fn marks(mask: &[bool], ink: &Ink) -> Vec<Mark> {
    let (width, height) = (ink.width, ink.height);
    let mut left_over = mask.to_vec();
    let mut found = Vec::new();
    for start in 0..mask.len() {
        if !std::mem::take(&mut left_over[start]) {
            continue;
        }
        let (x, y) = (start % width, start / width);
        let mut mark = Mark { pixels: vec![start], left: x, top: y, right: x, bottom: y, mass: 0.0, is_cut: false };
        let mut next = 0;
        while let Some(&pixel) = mark.pixels.get(next) {
            next += 1;
            let (x, y) = (pixel % width, pixel / width);
            (mark.left, mark.top) = (mark.left.min(x), mark.top.min(y));
            (mark.right, mark.bottom) = (mark.right.max(x + 1), mark.bottom.max(y + 1));
            mark.mass += ink.values[pixel];
            let around = |at: usize, len: usize| at.saturating_sub(1)..=(at + 1).min(len - 1);
            let touching = around(y, height).flat_map(|y| around(x, width).map(move |x| y * width + x));
            mark.pixels.extend(touching.filter(|&pixel| std::mem::take(&mut left_over[pixel])));
        }
        mark.is_cut = mark.left == 0 || mark.top == 0 || mark.right == width || mark.bottom == height;
        found.push(mark);
    }
    found
}

/// Takes out the lines of ruled and squared paper.
fn without_ruling(mask: &[bool], ink: &Ink) -> Vec<bool> {
    let level = without_level_lines(mask, &ink.values, ink.width);
    let turned = transposed(&ink.values, ink.width);
    let upright = without_level_lines(&transposed(&level, ink.width), &turned, ink.height);
    transposed(&upright, ink.height)
}

/// Takes out lines that are nearly level and go from edge to edge, where no stroke crosses or covers them. Lines of
/// every slope and offset are counted (Hough, US patent 3 069 654, 1962).
fn without_level_lines(mask: &[bool], darkness: &[f32], width: usize) -> Vec<bool> {
    let height = mask.len() / width;
    let at = |i: usize| (i % width, i / width);
    let ink: Vec<(usize, usize)> = mask.iter().enumerate().filter(|(_, is_ink)| **is_ink).map(|(i, _)| at(i)).collect();
    let most = (STEEPEST_LINE * width as f32) as usize;
    let thickest = (THICKEST_LINE * width.min(height) as f32).max(2.0) as usize;
    let mut out = mask.to_vec();
    for fall in 0..=2 * most {
        // The line falls from `most` rows above its middle offset to as many below.
        let shift: Vec<usize> = (0..width).map(|x| most + x * fall / width - x * most / width).collect();
        let mut counts = vec![0u32; height + 2 * most + 1];
        ink.iter().for_each(|&(x, y)| counts[y + 2 * most - shift[x]] += 1);
        for (offset, &count) in counts.iter().enumerate() {
            if (count as f32) < LEAST_OF_LINE * width as f32 {
                continue;
            }
            let row = |x: usize| (offset + shift[x]).checked_sub(2 * most);
            let runs: Vec<Run> = (0..width).filter_map(|x| Run::through(mask, darkness, width, [x, row(x)?])).collect();
            let usual = median(runs.iter().map(|run| run.rows.len()).collect());
            let dark = median(runs.iter().map(|run| (run.darkest * 1e6) as usize).collect()) as f32 / 1e6;
            if usual > thickest {
                continue;
            }
            let is_line =
                |run: &&Run| run.rows.len() <= usual + usual / 2 + 1 && run.darkest <= DARKER_THAN_LINE * dark;
            for run in runs.iter().filter(is_line) {
                run.rows.clone().for_each(|y| out[y * width + run.x] = false);
            }
        }
    }
    out
}

/// These pixels of a column follow each other in a mask.
struct Run {
    x: usize,
    rows: Range<usize>,
    darkest: f32,
}

impl Run {
    /// Returns the run that a pixel belongs to.
    fn through(mask: &[bool], darkness: &[f32], width: usize, [x, y]: [usize; 2]) -> Option<Self> {
        let height = mask.len() / width;
        let is_ink = |y: &usize| *y < height && mask[y * width + x];
        let top = (0..=y).rev().take_while(is_ink).last()?;
        let bottom = (y..height).take_while(is_ink).last()? + 1;
        let darkest = (top..bottom).map(|y| darkness[y * width + x]).fold(0.0, f32::max);
        Some(Self { x, rows: top..bottom, darkest })
    }
}

/// Returns the middle one of values in their order; 0 of none.
fn median(mut values: Vec<usize>) -> usize {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
