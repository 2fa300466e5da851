//! The form asks what is done to pixels before the net sees them: it lists what is likely, and takes other numbers.

use std::fmt::{Display, Formatter};

use egui::{self, Align2, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::app::commands::Command;
use crate::app::pages::models::commands::{Answer, ModelsCommand};
use crate::app::pages::models::state::import::Import;
use crate::app::theme::{self, SPACE_1, SPACE_2, palette};
use crate::app::widgets::about::about;
use crate::app::widgets::form::{Fields, named, note, text};
use crate::app::widgets::{elided, problem_line, segmented};
use crate::engine::model::import::{Preprocessing, Trial};
use crate::engine::units::per_cent;

const ROW: f32 = 28.0;
const NAME: f32 = 138.0;
const SURE: f32 = 92.0;
const OWN: &str = "own numbers";

/// The numbers of the channels, as they are typed.
#[derive(Clone, Debug, PartialEq)]
struct Numbers(Vec<f32>);

impl Display for Numbers {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let all_alike = self.0.windows(2).all(|pair| pair[0] == pair[1]);
        let shown = if all_alike { &self.0[..self.0.len().min(1)] } else { &self.0 };
        let texts: Vec<String> = shown.iter().map(|number| spelled(*number)).collect();
        f.write_str(&texts.join(", "))
    }
}

/// Writes a number with at most four decimals, and a fraction of 255 as one.
fn spelled(number: f32) -> String {
    if number != 0.0 && (number * 255.0 - 1.0).abs() < 1e-5 {
        return "1/255".into();
    }
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl Numbers {
    /// Reads one number for all channels, or one for each.
    fn parse(text: &str, channels: usize, what: &str, is_positive: bool) -> Result<Self, String> {
        let number = |text: &str| match text.split_once('/') {
            Some((above, below)) => Some(above.trim().parse::<f32>().ok()? / below.trim().parse::<f32>().ok()?),
            None => text.parse().ok(),
        };
        let parts = text.split([',', ';']).map(|part| number(part.trim()));
        let numbers: Option<Vec<f32>> = parts.collect();
        let fits = |number: &f32| number.is_finite() && (!is_positive || *number > 0.0);
        match numbers.filter(|numbers| numbers.iter().all(fits)) {
            Some(one) if one.len() == 1 => Ok(Self(vec![one[0]; channels])),
            Some(numbers) if numbers.len() == channels => Ok(Self(numbers)),
            _ => {
                let above = if is_positive { " above 0" } else { "" };
                let each = if channels == 1 { String::new() } else { format!(", or {channels} with commas between") };
                Err(format!("{what} is {text:?}; expected a number{above}{each}, pixels in [0, 1]."))
            }
        }
    }
}

pub fn show(ui: &mut Ui, import: &Import, fields: &mut Fields, out: &mut Vec<Command>) {
    ui.label(theme::caption(ui, "Pixels"));
    let Some(built) = import.net() else { return };
    match &built.net.normalisation {
        Some(_) => note(ui, "The file says itself what it does with pixels in [0, 1] before the net sees them."),
        None if import.is_tried() => note(
            ui,
            "The file does not say which mean is subtracted and by which std is divided. These were tried on the \
             bundled pictures, and the likeliest is first. At the right: how sure the net is on average; one that is \
             sure of everything got numbers that are far too large.",
        ),
        None => note(
            ui,
            "The file does not say which mean is subtracted and by which std is divided. These are being tried on the \
             bundled pictures; click one to take it at once.",
        ),
    }
    ui.add_space(SPACE_1);
    let chosen = import.preprocessing();
    let take = |preprocessing: &Preprocessing| ModelsCommand::Answer(Answer::Pixels(preprocessing.clone())).into();
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        let trial = |wanted: &Preprocessing| import.trials.iter().find(|trial| trial.preprocessing == *wanted);
        let mut shown: Vec<&Preprocessing> = built.candidates.iter().collect();
        if import.is_tried() {
            // The likeliest first, as they were sorted.
            let place = |wanted: &Preprocessing| import.trials.iter().position(|t| t.preprocessing == *wanted);
            shown.sort_by_key(|wanted| place(wanted).unwrap_or(usize::MAX));
        }
        shown.extend(chosen.filter(|chosen| !built.candidates.contains(chosen)));
        for preprocessing in shown {
            if row(ui, preprocessing, trial(preprocessing), chosen == Some(preprocessing)) {
                out.push(take(preprocessing));
            }
        }
    });
    let Some(chosen) = chosen else { return };
    ui.add_space(SPACE_2);
    numbers(ui, chosen, &built.candidates, fields, out);
}

/// Shows mean and standard deviation of what is chosen, to be typed over, and the order of the channels.
fn numbers(
    ui: &mut Ui,
    chosen: &Preprocessing,
    candidates: &[Preprocessing],
    fields: &mut Fields,
    out: &mut Vec<Command>,
) {
    let channels = chosen.mean.len();
    let (mut mean, mut std) = (Numbers(chosen.mean.clone()), Numbers(chosen.std.clone()));
    let tip = "One number, or one for red, green and blue, of pixels in [0, 1], whichever the net has first";
    text(ui, fields, about("Mean", tip), &mut mean, |text| Numbers::parse(text, channels, "the mean", false));
    text(ui, fields, about("Std", tip), &mut std, |text| Numbers::parse(text, channels, "the std", true));
    let mut is_bgr = chosen.is_bgr;
    if channels == 3 {
        named(ui, about("Order", "The order of the channels in which the net has learnt"), |ui| {
            let options = [
                ("Red first", "RGB, as nearly all nets have it"),
                ("Blue first", "BGR, as Caffe's and OpenCV's nets have it"),
            ];
            if let Some(index) = segmented(ui, "Order", &options, usize::from(is_bgr)) {
                is_bgr = index == 1;
            }
        });
    }
    let wanted = Preprocessing { name: OWN.into(), mean: mean.0, std: std.0, is_bgr };
    let is_alike = |other: &Preprocessing| Preprocessing { name: OWN.into(), ..other.clone() } == wanted;
    if !is_alike(chosen) {
        let known = candidates.iter().find(|candidate| is_alike(candidate)).cloned();
        out.push(ModelsCommand::Answer(Answer::Pixels(known.unwrap_or(wanted))).into());
    }
}

/// Shows one preprocessing with what came of its trial. Returns whether it was clicked.
fn row(ui: &mut Ui, preprocessing: &Preprocessing, trial: Option<&Trial>, is_chosen: bool) -> bool {
    let palette = palette(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    let sure = trial.map(|trial| per_cent(trial.confidence));
    let label = match &sure {
        Some(sure) => format!("Pixels: {}, {sure} sure on average", preprocessing.name),
        None => format!("Pixels: {}", preprocessing.name),
    };
    response.widget_info(|| WidgetInfo::selected(Role::RadioButton, ui.is_enabled(), is_chosen, &label));
    let painter = ui.painter();
    if is_chosen || response.hovered() {
        let fill = if is_chosen { palette.accent_soft } else { palette.raised };
        painter.rect_filled(rect, theme::SMALL_RADIUS, fill);
    }
    if is_chosen || response.has_focus() {
        painter.rect_stroke(rect, theme::SMALL_RADIUS, Stroke::new(1.0, palette.accent), StrokeKind::Inside);
    }
    let write = |left: f32, right: f32, text: &str, font, colour| {
        let galley = elided(painter, text, font, colour, right - left);
        painter.galley(pos2(left, rect.center().y - galley.size().y / 2.0), galley, colour);
    };
    let name_right = rect.left() + SPACE_2 + NAME;
    write(rect.left() + SPACE_2, name_right, &preprocessing.name, theme::body_font(), palette.text);
    let numbers = format!("mean {}, std {}", Numbers(preprocessing.mean.clone()), Numbers(preprocessing.std.clone()));
    let bar = Rect::from_min_max(pos2(rect.right() - SURE, rect.top() + 5.0), rect.right_bottom() - vec2(5.0, 5.0));
    write(name_right + SPACE_2, bar.left() - SPACE_2, &numbers, theme::small_font(), palette.weak);
    if let (Some(trial), Some(sure)) = (trial, &sure) {
        let share = trial.confidence.clamp(0.0, 1.0);
        painter.rect_filled(bar, theme::SMALL_RADIUS, palette.raised);
        let filled = Rect::from_min_size(bar.min, vec2(bar.width() * share, bar.height()));
        painter.rect_filled(filled, theme::SMALL_RADIUS, palette.bar);
        let at = bar.right_center() - vec2(6.0, 0.0);
        painter.text(at, Align2::RIGHT_CENTER, sure, theme::number_font(), palette.text);
    }
    response.on_hover_text(numbers).clicked()
}

/// Says why preprocessings could not be tried.
pub fn problem(ui: &mut Ui, import: &Import) {
    if let Some(why) = import.trial_problem() {
        problem_line(ui, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let read = |text| Numbers::parse(text, 3, "the mean", false).map(|numbers| numbers.0);
        assert_eq!(read("0.5"), Ok(vec![0.5; 3]));
        assert_eq!(read(" 0.485, 0.456 ,.406"), Ok(vec![0.485, 0.456, 0.406]));
        assert_eq!(read("1/255"), Ok(vec![1.0 / 255.0; 3]));
        for bad in ["", "a", "1, 2", "1,2,3,4", "1/0", "nan"] {
            assert!(read(bad).unwrap_err().contains(&format!("{bad:?}")), "{bad}");
        }
        assert!(Numbers::parse("0", 1, "the std", true).unwrap_err().contains("above 0"));
        assert_eq!(Numbers(vec![0.485, 0.456, 0.406]).to_string(), "0.485, 0.456, 0.406");
        assert_eq!(Numbers(vec![1.0 / 255.0; 3]).to_string(), "1/255");
        assert_eq!(Numbers(vec![0.0; 3]).to_string(), "0");
    }
}
