//! The parts of the window. Each draws itself from state that it may only read (and a little of its own, such as a
//! half-typed number) and returns commands.

mod attack_form;
mod canvas;
mod controls;
mod crop;
mod dialogs;
mod figures;
mod help;
mod lesson;
mod linear;
mod models;
mod more_menu;
mod net_band;
mod notices;
mod palette;
mod pictures;
pub mod plots;
mod results;
mod samples;
mod stage;
mod testset;
mod timeline;
mod top_bar;
mod train;
mod why;

pub use canvas::Canvas;
pub use controls::Controls;
pub use dialogs::{Dialogs, Question, typed_path};
pub use figures::{FigureWorld, Figures, figure_room};
pub use help::help;
pub use lesson::lesson;
pub use linear::LinearView;
pub use models::ModelsPage;
pub use net_band::net_band;
pub use notices::{Notices, Tone};
pub use palette::Palette;
pub use pictures::Pictures;
pub use plots::PlotLook;
pub use results::results;
pub use samples::{Samples, Thumbnail, make_thumbnails};
pub use stage::Stage;
pub use testset::TestSetPage;
pub use top_bar::top_bar;
pub use train::{Around, Questions, TrainTab};
pub use why::{Part, WhyLook, why, why_height};
