//! `doppelganger attack … --animation` writes the adversarial picture as ε rises, or from step to step, as one file.

use std::path::{Path, PathBuf};

use clap::Args;

use super::choice::choice;
use super::print;
use crate::engine::Result;
use crate::engine::attack::{AttackSettings, Baseline, Problem, Step};
use crate::engine::files::write_atomically;
use crate::engine::picture::{Planes, Rgba};
use crate::engine::units::counted;
use crate::figure::{AnimationFormat, animation_bytes, enlarged};

/// ε rises in so many steps where one value is given.
const RISE: usize = 24;
/// Of a longer attack, so many steps are shown.
const MOST_FRAMES: usize = 60;
/// Smaller pictures are enlarged by a whole factor to about this side.
const SIDE: usize = 280;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Along {
    Eps,
    Steps,
}

const ALONG: [(&str, &str, Along); 2] = [
    ("eps", "ε: the values of --eps, or with one value 24 steps from 0 to it", Along::Eps),
    ("steps", "The steps of the attack at the last ε", Along::Steps),
];

#[derive(Args)]
#[command(next_help_heading = "Animation")]
pub struct AnimationArgs {
    /// Save the adversarial pictures alone, one after the other, as a GIF or an APNG
    #[arg(long, value_name = "FILE.gif|.apng|.png")]
    animation: Option<PathBuf>,
    /// What changes from picture to picture
    #[arg(long, value_parser = choice(&ALONG), default_value = "eps", requires = "animation")]
    animation_of: Along,
}

impl AnimationArgs {
    /// Refuses, before anything is computed, a name that no animation can have.
    pub fn check(&self) -> Result<()> {
        self.animation.as_deref().map_or(Ok(()), |path| AnimationFormat::of(path).map(drop))
    }

    /// Writes the animation where one is wanted, and says where it is; JSON is not disturbed by that.
    pub fn write(
        &self,
        settings: &AttackSettings,
        baseline: &Baseline,
        problem: &Problem,
        eps: &[Option<f32>],
        is_json: bool,
    ) -> Result<()> {
        let Some(path) = self.animation.as_deref() else { return Ok(()) };
        let last = eps.last().copied().flatten();
        let pictures = match self.animation_of {
            Along::Eps if last.is_some() => rising(settings, baseline, problem, eps)?,
            Along::Eps | Along::Steps => film(settings, baseline, problem, last)?,
        };
        let said = save(&pictures, path)?;
        if is_json {
            eprintln!("{said}");
            return Ok(());
        }
        print(&said)
    }
}

/// Returns the adversarial pictures of rising ε.
fn rising(
    settings: &AttackSettings,
    baseline: &Baseline,
    problem: &Problem,
    eps: &[Option<f32>],
) -> Result<Vec<Planes>> {
    let eps: Vec<f32> = match *eps {
        [Some(last)] => (0..=RISE).map(|step| last * step as f32 / RISE as f32).collect(),
        ref several => several.iter().flatten().copied().collect(),
    };
    let attacked = |eps| Ok(baseline.attacked(&**settings, &problem.with_eps(&[eps])?)?.adversarial.as_ref().clone());
    eps.into_iter().map(attacked).collect()
}

/// Returns the pictures that an attack goes through, from the untouched one to its result.
fn film(settings: &AttackSettings, baseline: &Baseline, problem: &Problem, eps: Option<f32>) -> Result<Vec<Planes>> {
    let problem = problem.with_eps(&[eps.unwrap_or_default()])?;
    let mut run = settings.start(&problem)?;
    let (mut pictures, mut stride) = (vec![baseline.original.as_ref().clone()], 1);
    while let Some(Step { number, pictures: at, .. }) = run.advance()? {
        if number % stride != 0 {
            continue;
        }
        pictures.push(baseline.original.with_values(problem.shown(at)));
        if pictures.len() > 2 * MOST_FRAMES {
            let mut kept = 0..;
            pictures.retain(|_| kept.next().is_some_and(|number: usize| number.is_multiple_of(2)));
            stride *= 2;
        }
    }
    pictures.push(baseline.original.with_values(problem.shown(run.result())));
    Ok(pictures)
}

fn save(pictures: &[Planes], path: &Path) -> Result<String> {
    let times = pictures.first().map_or(1, |first| (SIDE / first.width.max(first.height)).max(1));
    let frames: Vec<Rgba> = pictures.iter().map(|picture| enlarged(&Rgba::from_planes(picture), times)).collect();
    let bytes = animation_bytes(&frames, AnimationFormat::of(path)?)?;
    write_atomically(path, &bytes, "write the animation")?;
    let size = if times > 1 { format!(", each pixel {times}×{times}") } else { String::new() };
    Ok(format!("animation: {}, {}{size}", path.display(), counted(frames.len(), "picture")))
}
