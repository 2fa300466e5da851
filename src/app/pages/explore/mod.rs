//! The Explore page shows a picture, its perturbation and its doppelgänger.

pub mod attack_form;
pub mod camera;
pub mod canvas;
pub mod columns;
pub mod commands;
pub mod controls;
pub mod crop;
pub mod doppelganger;
pub mod figures;
pub mod invert;
pub mod linear;
pub mod net_band;
pub mod nets;
pub mod opening;
pub mod page;
pub mod pictures;
pub mod presets;
pub mod results;
pub mod samples;
pub mod state;
pub mod timeline;
pub mod why;
pub mod words;
