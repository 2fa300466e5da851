//! The parts of the window. Each draws itself from state that it may only read (and a little of its own, such as a
//! half-typed number) and returns commands.

mod attack_form;
pub mod canvas;
mod controls;
mod crop;
mod dialogs;
mod doppelganger;
mod help;
mod lesson;
mod linear;
mod models;
mod more_menu;
mod net_band;
mod nets;
mod notices;
mod palette;
mod path_field;
mod pictures;
pub mod plots;
mod results;
mod samples;
mod testset;
mod timeline;
mod top_bar;
mod train;
mod why;

pub use canvas::Canvas;
pub use controls::Controls;
pub use dialogs::{Dialogs, Question};
pub use help::help;
pub use lesson::lesson;
pub use linear::LinearView;
pub use models::ModelsPage;
pub use net_band::net_band;
pub use notices::{Action, Notices, Tone};
pub use palette::Palette;
pub use path_field::{Listing, typed_path};
pub use pictures::Pictures;
pub use plots::PlotLook;
pub use results::{Look, conditions, line};
pub use samples::{Samples, Thumbnail, make_thumbnails};
pub use testset::TestSetPage;
pub use top_bar::top_bar;
pub use train::{Around, Questions, TrainTab};
pub use why::{Part, WhyLook, why, why_height};
