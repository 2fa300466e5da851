//! These are the sentences that the window says of a result; nothing is drawn here.

use crate::app::format::{per_cent, short, signed, thousands};
use crate::app::pages::explore::camera::Pixel;
use crate::app::pages::train::state::is_net_of_run;
use crate::app::theme::Standing;
use crate::command_line::{attack_options, quoted};
use crate::engine::attack::{AttackSettings, Goal, Label, Loss, Measure, Norm, Verdict};
use crate::engine::data::sample;
use crate::engine::picture::{Background, PictureKind, Planes, Region};
use crate::engine::units::{self, LEVELS};
use crate::figure::attack_in_words;
use crate::worker::{Shown, Source, View};

pub struct Judgement {
    pub headline: &'static str,
    pub sentence: String,
    /// The remark says why one step was not enough.
    pub remark: Option<&'static str>,
    pub standing: Standing,
}

pub fn standing_before(shown: &Shown) -> Standing {
    let Some(answer) = shown.clean_top.first() else { return Standing::Own };
    let is_known = |name: &str| sample(name).and_then(|sample| sample.is_right(&answer.name)) == Some(true);
    match (shown.view.label, &shown.view.picture) {
        (Label::Given(_), _) if answer.index == shown.label.index => Standing::Right,
        (Label::Given(_), _) => Standing::Fooled,
        (Label::Predicted, Source::Sample(name)) if is_known(name) => Standing::Right,
        (Label::Predicted, _) => Standing::Own,
    }
}

const UNCOUNTABLE: [&str; 8] =
    ["guacamole", "consomme", "toilet tissue", "mashed potato", "eggnog", "ice cream", "meat loaf", "chocolate sauce"];

/// Writes "an espresso", "a 7" or "guacamole".
pub fn with_article(name: &str) -> String {
    if UNCOUNTABLE.contains(&name) {
        return name.to_owned();
    }
    let begins_with_a_vowel = name.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O', '8'])
        || (name.starts_with(['u', 'U']) && !name.to_lowercase().starts_with("uni"));
    format!("{} {name}", if begins_with_a_vowel { "an" } else { "a" })
}

/// Writes the one line above the pictures: what to do now, or what has come of it.
pub fn line(shown: &Shown) -> String {
    let judgement = judge(shown);
    let is_unseen = shown.linf > 0.0 && shown.linf * LEVELS <= UNSEEN_LEVELS;
    let asks = shown.view.attack.takes_eps() && shown.view.goal == Goal::Untargeted && shown.along_line.is_none();
    let far = if shown.reads == PictureKind::Photo { 6.0 / LEVELS } else { 0.3 };
    match shown.verdict {
        _ if shown.along_line.is_some() => format!("{} {ALONG_LINE}", judgement.sentence),
        Verdict::StillRight if asks && shown.view.pixel_eps().is_some_and(|eps| eps > far) => TOO_FAR.into(),
        Verdict::StillRight if asks && standing_before(shown) == Standing::Right => {
            format!("Drag ε until it is no longer {}.", with_article(&shown.label.name))
        }
        Verdict::StillRight if asks => {
            format!("The net's own answer is {}. Drag ε until it says something else.", shown.label.name)
        }
        Verdict::Fooled | Verdict::FooledAsAsked if is_unseen => {
            format!("Nobody sees the change. {}", judgement.sentence)
        }
        _ => judgement.sentence,
    }
}

const ALONG_LINE: &str = "This is the straight line to what was found; the attack runs again when ε rests.";
const TOO_FAR: &str =
    "One step does not fool the net here. Several steps do: press “Make it …”, or choose PGD under More.";
/// A change of a photograph's pixel by this many grey levels is not visible.
const UNSEEN_LEVELS: f32 = 2.51;

const NO_FILE: &str = "There is no command for this view yet: the picture is in no file. Save it first (“Save \
                       original…” in the menu at the right end of the top bar), open that file, and copy again.";
const NET_OF_RUN: &str = "There is no command for this view: the net is that of a run in the Train tab. Once the run \
                          is finished its folder holds model.toml, which commands take, and which the Models page \
                          can add.";
const ONE_STEP: &str = "One step rarely reaches a chosen class; several often do.";

pub fn judge(shown: &Shown) -> Judgement {
    let Some(now) = shown.adversarial_top.first() else {
        let sentence = "The net gave no class.".into();
        return Judgement { headline: "No answer", sentence, remark: None, standing: Standing::Own };
    };
    let before = shown.clean_top.first().map(|guess| guess.index);
    let says = format!("{} ({})", now.name, per_cent(now.prob));
    let label = &shown.label;
    let target = shown.view.goal.target().map(|class| shown.class_name(class));
    let (headline, sentence, standing) = match shown.verdict {
        Verdict::StillRight => ("Not fooled yet", format!("The net still says {says}."), standing_before(shown)),
        Verdict::FooledAsAsked => {
            ("Fooled as asked", format!("The net now says {says}, the class you chose."), Standing::AsAsked)
        }
        Verdict::Fooled if before == Some(now.index) && now.index != label.index => {
            let sentence = format!("The net says {says} before and after; the label is {}.", label.name);
            ("Wrong from the start", sentence, Standing::Fooled)
        }
        Verdict::Fooled => match (target, shown.target_prob) {
            (Some(target), Some((_, after))) => {
                let sentence = format!("The net now says {says}, but not {target} ({}).", per_cent(after));
                ("Fooled", sentence, Standing::Fooled)
            }
            _ => ("Fooled", format!("The net now says {says}, no longer {}.", label.name), Standing::Fooled),
        },
    };
    let missed = target.is_some() && shown.verdict != Verdict::FooledAsAsked;
    Judgement { headline, sentence, remark: (missed && shown.timeline.of <= 1).then_some(ONE_STEP), standing }
}

/// An obstacle is what keeps the attack itself from working; it says whether the log-odds would help.
pub struct Obstacle {
    pub brief: &'static str,
    pub text: String,
    pub log_odds_help: bool,
}

/// Finds a gradient that is zero, too short for η, or hidden by rounding.
pub fn obstacle(shown: &Shown) -> Option<Obstacle> {
    let log_odds_help = shown.view.loss == Loss::CrossEntropy;
    let follows_gradient = matches!(shown.view.attack, AttackSettings::Gradient(_));
    let (brief, text) = if shown.zero_gradient_fraction >= 1.0 {
        let text = "The gradient is zero at every pixel: nothing moves. That does not make the net robust.";
        ("The gradient is zero", text.into())
    } else if follows_gradient && shown.timeline.is_result && shown.linf * LEVELS < 0.5 {
        let largest = shown.gradient.values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        let text = format!("η is too small here: the gradient's largest value is {}.", short(largest));
        ("η is too small here", text)
    } else if shown.saturated && log_odds_help {
        let text = "The net is so sure that rounding hides most of the slope of the cross-entropy.";
        ("Rounding hides the slope", text.into())
    } else {
        return None;
    };
    Some(Obstacle { brief, text, log_odds_help })
}

/// Says what the search for the smallest ε found, and under which conditions.
pub fn least(shown: &Shown, attack: &AttackSettings, found: Option<f32>) -> String {
    let (title, largest) = (attack.info().title, attack.norm().largest_eps(shown.original.values.len()));
    let goal = match shown.view.goal {
        Goal::Untargeted => format!("away from {}", shown.label.name),
        Goal::Targeted(class) => format!("towards {}", shown.class_name(class)),
    };
    let clip = match (shown.view.clip, shown.view.eight_bit) {
        (true, false) => "clipped",
        (false, false) => "not clipped",
        (_, true) => "rounded to 8 bits",
    };
    match found {
        Some(0.0) => format!("The net does so without any perturbation: ε = 0 ({goal})."),
        Some(eps) if attack.norm() == Norm::Linf => {
            format!("The smallest ε that works is {eps:.5} = {}/255 ({title}, {goal}, {clip}).", short(eps * LEVELS))
        }
        Some(eps) => format!("The smallest ε that works is {eps:.4} ({attack}, {goal}, {clip})."),
        None => {
            let is_fgsm = matches!(attack, AttackSettings::Fgsm(_));
            let hint = if is_fgsm { " One step cannot do it; several may: PGD, or gradient steps." } else { "" };
            format!("No ε up to {} works ({title}, {goal}, {clip}; 49 values tried).{hint}", short(largest))
        }
    }
}

/// Lists what every number on screen rests on, as short tags.
pub fn tags(shown: &Shown) -> Vec<String> {
    let view = &shown.view;
    let label = match view.label {
        Label::Predicted => format!("label: the net's own answer ({})", shown.label.name),
        Label::Given(_) => format!("label: given ({})", shown.label.name),
    };
    let mut method = attack(&view.attack);
    if view.attack.takes_eps() {
        method += &format!(", ε = {:.4}", view.eps);
    }
    if view.attack.is_random() {
        method += &format!(", seed {}", view.seed);
    }
    if let Some(found_at) = shown.along_line {
        method += &format!(", on the straight line to the perturbation found at ε = {found_at:.4}");
    } else if !shown.timeline.is_result {
        method += &format!(", step {} of {}", shown.timeline.step, shown.timeline.of);
    }
    let input = &shown.model.input;
    let (width, height) = shown.picture_size;
    let is_fitted = (width, height) != (input.width, input.height) && !shown.is_inverted;
    let size = is_fitted.then(|| match shown.own_pixels {
        true => format!("attacked at {}×{} of {width}×{height}", shown.original.width, shown.original.height),
        false => {
            let part = (shown.crop.width.round() as usize, shown.crop.height.round() as usize);
            let part = if part == (width, height) { String::new() } else { format!("{}×{} of ", part.0, part.1) };
            format!("picture {part}{width}×{height}, fitted")
        }
    });
    let hidden = shown.zero_gradient_fraction;
    let tags = [
        Some(label),
        Some(format!("clipping {}", if view.clip { "on" } else { "off" })),
        view.eight_bit.then(|| "rounded to 8 bits".into()),
        Some(method),
        Some(format!("‖δ‖∞ {:.4}", shown.linf)),
        Some(format!("‖δ‖₂ {:.3}", shown.l2)),
        Some(format!("input {}×{}×{}", input.width, input.height, input.channels)),
        size,
        (view.loss == Loss::LogOdds).then(|| "slope of the log-odds".into()),
        (hidden > 0.0 && hidden < 1.0).then(|| format!("no gradient at {} of the values", per_cent(hidden))),
    ];
    let took = format!("took {:.0} ms", shown.took.as_secs_f64() * 1000.0);
    tags.into_iter().flatten().chain(shown.picture_notes.iter().cloned()).chain([took]).collect()
}

/// Says how long a perturbation is, in the measure of its attack, and how far a pixel moves.
pub fn length(shown: &Shown) -> String {
    let most = format!("largest change {}", units::grey_levels(shown.linf));
    match shown.view.attack.measure() {
        Measure::Count => format!("{:.0} of {} values, {most}", shown.length, thousands(shown.original.values.len())),
        Measure::Norm(norm) => format!("{} = {}, {most}", norm.symbol(), short(shown.length)),
    }
}

/// Names an attack with its parameters: "PGD in L∞, 40 steps, random start".
pub fn attack(attack: &AttackSettings) -> String {
    attack_in_words(attack)
}

pub fn saved_as(shown: &Shown) -> String {
    let (width, height) = shown.picture_size;
    match shown.own_pixels {
        true => format!("The whole photo, {width}×{height}, as PNG."),
        false => format!("A PNG of the size that the net sees, {}×{}.", shown.original.width, shown.original.height),
    }
}

/// Returns the command for what is on screen, with a remark where it gives something else.
///
/// # Errors
/// The message says why there is none, and what to do.
pub fn command_of(shown: &Shown) -> Result<(String, Option<String>), &'static str> {
    let (mut view, timeline) = (shown.view.clone(), &shown.timeline);
    let mut remark = None;
    if shown.has_crop && view.crop.is_none() {
        // The command would take the crop that the file was saved with.
        let (width, height) = shown.picture_size;
        view.crop = Some(Region { left: 0.0, top: 0.0, width: width as f64, height: height as f64 });
    }
    if view.step.is_some() && !timeline.is_result {
        // Of a long film not every step is kept: on screen is the last one before.
        let kept = timeline.moments.iter().map(|moment| moment.step).filter(|step| *step <= timeline.step);
        let step = kept.max().unwrap_or_default();
        if let Some(attack) = view.attack.stopped_at(step, view.eps) {
            view.attack = attack;
        } else {
            let goes_on = "It goes on to the end of the attack; on screen is";
            remark = Some(format!("{goes_on} step {step}, which has no command."));
        }
    }
    view.own_pixels = Some(shown.own_pixels);
    command_line(&view, &shown.model.classes).map(|line| (line, remark))
}

fn command_line(view: &View, classes: &[String]) -> Result<String, &'static str> {
    let picture = match &view.picture {
        Source::Sample(name) => name.clone(),
        Source::File(path) => std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string(),
        Source::Memory { .. } => return Err(NO_FILE),
    };
    if is_net_of_run(&view.model) {
        return Err(NET_OF_RUN);
    }
    let class = |index: usize| classes.get(index).map_or_else(|| index.to_string(), |name| quoted(name));
    let background = Some(view.background).filter(|background| *background != Background::default());
    let options = [
        view.attack.takes_eps().then(|| format!("--eps {}", view.eps)),
        (view.attack.is_random() && view.seed > 0).then(|| format!("--seed {}", view.seed)),
        view.goal.target().map(|index| format!("--target {}", class(index))),
        view.label.given().map(|index| format!("--label {}", class(index))),
        (view.loss == Loss::LogOdds).then(|| "--loss log-odds".into()),
        (!view.clip).then(|| "--no-clip".into()),
        view.eight_bit.then(|| "--8-bit".into()),
        (view.own_pixels == Some(true)).then(|| "--photo".into()),
        background.map(|background| format!("--background {}", quoted(&background.to_string()))),
        view.crop.map(|crop| format!("--crop {crop}")),
        (!view.invert.is_auto()).then(|| format!("--invert {}", view.invert)),
    ];
    let mut words = vec![format!("doppelganger attack {} --model {}", quoted(&picture), quoted(&view.model))];
    words.extend(attack_options(&view.attack));
    words.extend(options.into_iter().flatten());
    Ok(words.join(" "))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Pixel,
    Difference,
    Gradient,
}

/// Writes a line for each channel: the value in [0, 1] and in 0..255.
pub fn readout(name: &str, planes: &Planes, at: Pixel, reading: Reading) -> Vec<String> {
    let channels = if planes.channels == 3 { ["R ", "G ", "B "] } else { [""; 3] };
    let line = |(channel, letter): (usize, &str)| {
        let value = planes.get(channel, at.x, at.y)?;
        let numbers = match reading {
            Reading::Pixel => format!("{value:.4} = {:.1}/255", value * LEVELS),
            Reading::Difference => format!("{} = {}/255", signed(value, 4), signed(value * LEVELS, 1)),
            Reading::Gradient => format!("{value:+.3e}"),
        };
        Some(format!("{name} {letter}{numbers}"))
    };
    channels.into_iter().take(planes.channels).enumerate().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::data::Invert;

    #[test]
    fn the_command_line_says_what_the_window_shows() {
        let mut view = View {
            model: "digits_cnn".into(),
            picture: Source::Sample("digit-7".into()),
            own_pixels: Some(false),
            eps: 0.25,
            ..View::default()
        };
        let classes = ["cat".to_owned(), "Granny Smith's".to_owned()];
        assert_eq!(command_line(&view, &classes).unwrap(), "doppelganger attack digit-7 --model digits_cnn --eps 0.25");
        view.picture = Source::File("/a b.png".into());
        view.goal = Goal::Targeted(1);
        view.label = Label::Given(0);
        (view.clip, view.eight_bit) = (false, true);
        view.loss = Loss::LogOdds;
        view.own_pixels = Some(true);
        view.background = Background([0; 3]);
        view.crop = Some(Region { left: 1.5, top: 2.0, width: 30.0, height: 30.0 });
        view.invert = Invert::No;
        assert_eq!(
            command_line(&view, &classes).unwrap(),
            "doppelganger attack '/a b.png' --model digits_cnn --eps 0.25 --target 'Granny Smith'\\''s' --label cat \
             --loss log-odds --no-clip --8-bit --photo --background '#000000' --crop 1.5,2,30,30 --invert no"
        );
        view.picture = Source::File("here.png".into());
        let line = command_line(&view, &classes).unwrap();
        assert!(line.contains(&std::env::current_dir().unwrap().join("here.png").display().to_string()), "{line}");
        view.model = "run-0001:best".into();
        assert_eq!(command_line(&view, &classes), Err(NET_OF_RUN));
        view.model = "digits_cnn".into();
        let picture = std::sync::Arc::new(crate::engine::picture::Picture::new(1, 1, 1, vec![0]));
        view.picture = Source::Memory { name: "your drawing".into(), picture };
        assert_eq!(command_line(&view, &classes), Err(NO_FILE));
        view.picture = Source::Sample("cat".into());
        (view.attack, view.seed) = (AttackSettings::named("pgd").unwrap(), 4);
        (view.goal, view.label, view.crop) = (Goal::Untargeted, Label::Predicted, None);
        view.invert = Invert::Auto;
        assert_eq!(
            command_line(&view, &classes).unwrap(),
            "doppelganger attack cat --model digits_cnn --attack pgd --steps 40 --eps 0.25 --seed 4 --loss log-odds \
             --no-clip --8-bit --photo --background '#000000'"
        );
    }

    #[test]
    fn a_search_for_the_smallest_eps_has_a_name_of_its_own() {
        use crate::engine::attack::MinimalEps;
        let smallest = |name: &str| attack(&MinimalEps::new(AttackSettings::named(name).unwrap(), 0.3).into());
        assert_eq!(smallest("fgsm"), "Smallest ε of FGSM in L∞, up to 0.3");
        assert_eq!(smallest("pgd"), "Smallest ε of PGD in L∞, 40 steps, random start, up to 0.3");
        assert_eq!(attack(&AttackSettings::named("bim").unwrap()), "BIM in L∞, 10 steps");
    }

    #[test]
    fn classes_have_the_article_that_people_say() {
        let named = ["espresso", "7", "8", "unicycle", "umbrella", "fiddler crab", "guacamole"].map(with_article);
        let expected = ["an espresso", "a 7", "an 8", "a unicycle", "an umbrella", "a fiddler crab", "guacamole"];
        assert_eq!(named, expected);
    }

    #[test]
    fn a_readout_has_a_line_per_channel() {
        let planes = Planes { channels: 3, height: 1, width: 2, values: vec![0.0, 1.0, 0.0, 0.5, 0.0, -0.25] };
        assert_eq!(
            readout("δ", &planes, Pixel { x: 1, y: 0 }, Reading::Difference),
            ["δ R +1.0000 = +255.0/255", "δ G +0.5000 = +127.5/255", "δ B −0.2500 = −63.8/255"]
        );
        assert!(readout("x", &planes, Pixel { x: 2, y: 0 }, Reading::Pixel).is_empty());
        let grey = Planes { channels: 1, height: 1, width: 1, values: vec![128.0 / 255.0] };
        assert_eq!(readout("x", &grey, Pixel { x: 0, y: 0 }, Reading::Pixel), ["x 0.5020 = 128.0/255"]);
    }
}
