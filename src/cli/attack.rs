//! `doppelganger attack` attacks one picture with one or more values of ε.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use super::attack_animation::AnimationArgs;
use super::attack_figure::{AttackFigure, FigureOf, PlaneArgs};
use super::attack_options::{AttackingArgs, RulesReport, attack_name, budgets};
use super::choice::{INVERT, choice};
use super::figure_options::FigureArgs;
use super::{attack_figure, print, print_json};
use crate::engine::attack::{
    AttackInput, AttackSettings, Baseline, Goal, Label, Loss, MAX_PHOTO_PIXELS, Measure, Reread, Verdict,
    attackable_part,
};
use crate::engine::data::{Invert, Sample, digit_on_paper, reads_handwriting, sample_unless_file};
use crate::engine::model::{Catalogue, Guess, Model, argmax, find_class};
use crate::engine::picture::{Background, Picture, PictureKind, Region, open_over, png_crop};
use crate::engine::units::{parse_eps, per_cent};
use crate::engine::{Error, Result};

#[derive(Args)]
pub struct AttackArgs {
    /// A picture file, or the name of a bundled picture such as "digit-3"
    picture: PathBuf,
    /// A name from "doppelganger models" (run:NAME for a training run), or the path of a manifest or of a run
    #[arg(long, value_name = "NAME|MANIFEST")]
    model: String,
    /// ε in units of the pixel range [0, 1]: 0.007, or 8/255, or several with commas between
    #[arg(long, value_parser = parse_eps, value_delimiter = ',', allow_hyphen_values = true)]
    #[arg(required_unless_present = "attack")]
    eps: Vec<f32>,
    /// The attack; fgsm if not given
    #[arg(long, value_parser = attack_name(), value_name = "ATTACK")]
    attack: Option<AttackSettings>,
    /// Move towards this class (index or name) instead of away from the label
    #[arg(long, value_name = "CLASS")]
    target: Option<String>,
    /// What the picture is (index or name); without it, what the net says of it
    #[arg(long, value_name = "CLASS")]
    label: Option<String>,
    /// Attack the photo's own pixels, not those that are left when it is fitted to the net; --out then saves the whole
    /// photo
    #[arg(long)]
    photo: bool,
    /// Show the net this part of the picture: LEFT,TOP,WIDTH,HEIGHT in pixels; without it, the part that the file was
    /// saved with, and with --photo the middle of what is too large to be attacked
    #[arg(long, value_name = "L,T,W,H")]
    crop: Option<Region>,
    /// What shows through where the picture is transparent: white, black, grey or #rrggbb
    #[arg(long, value_name = "COLOUR", default_value_t)]
    background: Background,
    /// Invert the picture, and crop and centre it as MNIST has its digits
    #[arg(long, value_parser = choice(&INVERT), default_value = "auto")]
    invert: Invert,
    /// Save the adversarial picture of the last ε, read it back and classify it again
    #[arg(long, value_name = "FILE.png")]
    out: Option<PathBuf>,
    #[command(flatten)]
    common: AttackingArgs,
    /// What the figure shows
    #[arg(long, value_parser = attack_figure::parser(), default_value = "sum", requires = "figure")]
    #[arg(help_heading = "Figure", value_name = "WHAT")]
    figure_of: FigureOf,
    #[command(flatten)]
    figure: FigureArgs,
    #[command(flatten)]
    animation: AnimationArgs,
    #[command(flatten)]
    plane: PlaneArgs,
}

#[derive(Serialize)]
struct AttackReport {
    model: String,
    picture: String,
    attack: AttackSettings,
    label: ClassReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<ClassReport>,
    #[serde(flatten)]
    rules: RulesReport,
    pixels: [usize; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    crop: Option<String>,
    /// Tells whether the net was shown the inverted, cropped and centred picture.
    inverted: bool,
    /// The net does not say the label of the untouched picture, so that there is nothing to fool.
    wrong_before: bool,
    /// Tells whether the net is so sure that rounding hides most of the cross-entropy's gradient.
    saturated: bool,
    clean: Vec<Guess>,
    results: Vec<ResultReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out: Option<OutReport>,
}

#[derive(Serialize)]
struct ClassReport {
    index: usize,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
}

#[derive(Serialize)]
struct ResultReport {
    eps: Option<f32>,
    top: Vec<Guess>,
    fooled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_hit: Option<bool>,
    linf: f32,
    l2: f32,
    length: f32,
    zero_gradient_fraction: f32,
}

#[derive(Serialize)]
struct OutReport {
    path: String,
    eps: Option<f32>,
    reread: Guess,
    /// The answer to the whole file, where it was saved with a crop.
    #[serde(skip_serializing_if = "Option::is_none")]
    whole: Option<Guess>,
    /// Tells whether the file gets the same first answer as the picture before its values were rounded to 8 bits.
    agrees: bool,
}

pub fn run(args: &AttackArgs) -> Result<()> {
    args.figure.check()?;
    args.animation.check()?;
    args.plane.check(args.figure_of, args.figure.is_wanted())?;
    let model = Arc::new(Catalogue::from_environment().load(&args.model)?);
    let classes = &model.classes;
    let find = |class: &Option<String>| class.as_deref().map(|text| find_class(classes, text)).transpose();
    let (label, target) = (find(&args.label)?, find(&args.target)?);
    let (picture, saved_crop) = match sample_unless_file(&args.picture) {
        Some(sample) => (Arc::new(Sample::picture(sample)?), None),
        None => (Arc::new(open_over(&args.picture, args.background)?), png_crop(&args.picture)),
    };
    let (crop, crop_text) = match (args.crop, saved_crop) {
        (Some(crop), _) => Some((crop, format!(", crop {crop}"))),
        (None, Some(crop)) => Some((crop, format!(", with its crop {crop}"))),
        (None, None) if args.photo => attackable_part(&model.lens(&picture, None)?).map(|crop| {
            let most = MAX_PHOTO_PIXELS as f32 / 1e6;
            (crop, format!(", crop {crop}: {most:.1} megapixels of a photo are attacked at its own resolution"))
        }),
        (None, None) => None,
    }
    .unzip();
    let (from, goal) = (label.map_or(Label::Predicted, Label::Given), target.map_or(Goal::Untargeted, Goal::Targeted));
    let (digit, invert_note) = inverted(args, &model, &picture, crop)?;
    let (seen, part) = digit.as_ref().map_or((&picture, crop), |digit| (digit, None));
    let input = AttackInput::new(seen, model.lens(seen, part)?, args.photo)?;
    let rules = args.common.rules();
    let baseline = Baseline::new(&model, input, from, goal, rules.loss)?;
    let other = args.plane.other(&baseline.input)?;
    let settings = args.common.options.settings(args.attack.as_ref(), &args.eps)?;
    let problem = baseline.problem(&model, rules)?;
    let wrong_before = argmax(&baseline.probabilities) != baseline.label;
    let (mut results, mut found) = (Vec::new(), Vec::new());
    for eps in budgets(&settings, &args.eps)? {
        let attacked = baseline.attacked(&*settings, &problem.with_eps(&[eps.unwrap_or_default()])?)?;
        results.push(ResultReport {
            eps,
            top: model.top(&attacked.probabilities, 5),
            fooled: match attacked.verdict {
                Verdict::StillRight => false,
                Verdict::Fooled => !wrong_before,
                Verdict::FooledAsAsked => true,
            },
            target_hit: target.map(|target| argmax(&attacked.probabilities) == target),
            linf: attacked.linf,
            l2: attacked.l2,
            length: settings.measure().length(&attacked.perturbation.values),
            zero_gradient_fraction: baseline.zero_gradient_fraction,
        });
        found.push((eps, attacked));
    }
    let out = args.out.as_deref().zip(found.last()).map(|(path, &(eps, ref attacked))| -> Result<_> {
        check_name(path, &args.picture)?;
        let Reread { guess: reread, whole } = attacked.save(&model, path)?;
        let agrees = reread.index == argmax(&attacked.probabilities);
        Ok(OutReport { path: path.display().to_string(), eps, reread, whole, agrees })
    });
    let class = |index: usize| ClassReport { index, name: classes[index].clone(), source: None };
    let source = Some(if label.is_some() { "given" } else { "predicted" });
    let report = AttackReport {
        model: args.model.clone(),
        picture: args.picture.display().to_string(),
        attack: settings.clone(),
        label: ClassReport { source, ..class(baseline.label) },
        target: target.map(class),
        rules: rules.into(),
        pixels: [baseline.original.width, baseline.original.height],
        crop: crop.map(|crop| crop.to_string()),
        inverted: digit.is_some(),
        wrong_before,
        saturated: baseline.saturated,
        clean: model.top(&baseline.probabilities, 5),
        results,
        out: out.transpose()?,
    };
    let figure = AttackFigure {
        picture: args.picture.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        name: &args.model,
        model: &model,
        baseline: &baseline,
        settings: &settings,
        rules,
        plane: &args.plane,
        other,
        is_label_given: label.is_some(),
        attacked: &found,
    };
    let tried: Vec<Option<f32>> = found.iter().map(|(eps, _)| *eps).collect();
    let animate = |is_json| args.animation.write(&settings, &baseline, &problem, &tried, is_json);
    if args.common.json {
        print_json(&report)?;
        args.figure.write(|| figure.draw(args.figure_of), true)?;
        return animate(true);
    }
    let mut notes = model.notes.iter().chain(&picture.notes).chain(&invert_note);
    notes.try_for_each(|note| print(&format!("note: {note}")))?;
    print(&describe(&report, &crop_text.unwrap_or_default()))?;
    args.figure.write(|| figure.draw(args.figure_of), false)?;
    animate(false)
}

/// Returns the digit that the net is shown in place of a picture of paper, if it is, with a note.
fn inverted(
    args: &AttackArgs,
    model: &Model,
    picture: &Picture,
    crop: Option<Region>,
) -> Result<(Option<Arc<Picture>>, Option<String>)> {
    let net = &model.manifest;
    let refuse = |why: String| Err(Error::Argument(why));
    if args.invert == Invert::Yes && net.input.kind() == PictureKind::Photo {
        return refuse(format!("--invert yes is for nets of digits; {} takes photographs", args.model));
    }
    if args.photo {
        let kept = "Dark on light, and taken as it is: --photo attacks the photo's own pixels.";
        return match args.invert {
            Invert::Yes => refuse("--photo attacks the photo's own pixels, and --invert yes others; choose one".into()),
            Invert::Auto if reads_handwriting(net) => {
                Ok((None, digit_on_paper(picture, crop)?.map(|_| kept.to_owned())))
            }
            Invert::Auto | Invert::No => Ok((None, None)),
        };
    }
    let digit = args.invert.apply(picture, crop, net)?;
    if args.invert == Invert::Yes && digit.is_none() {
        return refuse("--invert yes finds nothing in this picture that is darker than what is around it".into());
    }
    let undo = if args.invert.is_auto() { " --invert no takes it as it is." } else { "" };
    let note = digit.as_ref().map(|digit| format!("{}{undo}", digit.notes.join(" ")));
    Ok((digit, note))
}

/// Refuses a name for the adversarial picture that is none of a PNG file, or that of the picture itself.
fn check_name(path: &Path, picture: &Path) -> Result<()> {
    let refuse = |why: &str| Err(Error::Argument(format!("{why}\n  {}", path.display())));
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        let expected = "expected a name that ends in .png (a JPEG would blur the perturbation)";
        return refuse(&format!("the picture would be saved as PNG; {expected}"));
    }
    if let (Ok(picture), Ok(out)) = (picture.canonicalize(), path.canonicalize())
        && picture == out
    {
        return refuse("the picture itself would be written over; expected another name for the adversarial one");
    }
    Ok(())
}

fn describe(report: &AttackReport, crop: &str) -> String {
    let answer = |guess: &Guess| format!("{} {}", guess.name, per_cent(guess.prob));
    let top = |guesses: &[Guess]| guesses.iter().map(answer).collect::<Vec<_>>().join(", ");
    let goal = match &report.target {
        Some(target) => format!("towards {:?}", target.name),
        None => format!("away from {:?}", report.label.name),
    };
    let [width, height] = report.pixels;
    let (attack, source, clipping) = (&report.attack, report.label.source.unwrap_or_default(), report.rules.clipping());
    let mut lines = vec![
        format!("{attack} {goal} (label {source}, {clipping}, on {width}×{height} pixels{crop})"),
        format!("{:<44} {}", "untouched", top(&report.clean)),
    ];
    let measure = attack.measure();
    for r in &report.results {
        let verdict = match (r.target_hit, r.fooled) {
            (Some(true), true) => "fooled as asked",
            (_, true) => "fooled",
            (_, false) if report.wrong_before => "wrong from the start",
            (_, false) => "not fooled",
        };
        let eps = r.eps.map_or("attacked".into(), |eps| measure.describe(eps));
        lines.push(format!("{eps:<44} {}", top(&r.top)));
        let count = (measure == Measure::Count).then(|| format!(", {}", measure.describe(r.length)));
        lines.push(format!("  {verdict}; max|δ| {:.4}, ‖δ‖₂ {:.3}{}", r.linf, r.l2, count.unwrap_or_default()));
        if r.zero_gradient_fraction == 1.0 {
            lines.push("  the gradient is zero everywhere: there is nothing to follow".into());
        }
    }
    if report.saturated && report.rules.loss == Loss::CrossEntropy && attack.follows_loss() {
        let why = "the net is so sure that rounding hides most of its loss's slope";
        lines.push(format!("{why}; --loss log-odds follows it all the same"));
    }
    if let Some(out) = &report.out {
        let agrees =
            if out.agrees { "as before" } else { "NOT as before: rounding to 8 bits undid it; try a larger ε" };
        let crop = if out.whole.is_some() { " with its crop" } else { "" };
        lines.push(format!("saved {}{crop}; the file itself is {}, {agrees}", out.path, answer(&out.reread)));
        let whole = out.whole.as_ref().map(answer);
        lines.extend(whole.map(|answer| format!("  without the crop, the whole of it is {answer}")));
    }
    lines.join("\n")
}
