//! Figures are for papers: plots with their 95 % intervals, pictures in a row, matrices, maps and histograms, on white, with a
//! caption that says the settings and the command. One description is written as SVG, PDF or PNG; nothing here knows
//! the window.

mod animation;
pub mod axes;
pub mod canvas;
mod description;
pub mod font;
mod formats;
mod ink;
mod latex;
mod legend;
mod matrix;
mod of_attacks;
mod of_maps;
mod of_runs;
mod of_tests;
mod options;
mod pictures;
mod plot;
pub mod quantity;
mod report;
mod sweep_measure;
#[cfg(test)]
mod tests;

pub use animation::{AnimationFormat, animation_bytes, enlarged};
pub use description::{
    Axis, Caption, CaptionedPicture, Cell, Content, Field, FieldName, Figure, LegendEntry, Line, Mark, Matrix,
    PictureRows, Plot, PlotGrid, Sample, Spread,
};
pub use formats::{caption_path, write};
pub use ink::{Dash, Fill, Marker, Pen};
pub use latex::caption as latex_caption;
pub use of_attacks::{AttackFacts, ClassLine, Step, attack_in_words, attack_steps, attack_sum, eps_curve};
pub use of_maps::{MappedNet, PlaneFacts, church_window};
pub use of_runs::{FigureRun, first_layer, run_curves, sweep_grid, trade_off};
pub use of_tests::{
    AttackAt, Conditions, MeasuredCurve, confidences, confusion, counts, lengths, security_curves, transfer,
};
pub use options::{DPIS, FONT_SIZES, FigureOptions, Format, Width, parse_dpi, parse_font_size};
pub use report::{Report, Section, Table};
pub use sweep_measure::{Judged, SweepAttack, SweepMeasure};
