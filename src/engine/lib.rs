//! Everything that computes: no window, no threads of its own, every failure a [`Result`].

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo))]

pub mod attack;
pub mod curve_table;
pub mod data;
pub mod device;
pub mod download;
mod error;
pub mod eval;
pub mod file_kind;
pub mod files;
pub mod loss;
mod mapped;
pub mod model;
pub mod picture;
pub mod statistics;
pub mod threads;
pub mod train;
pub mod transfer_table;
pub mod units;

pub use doppelganger_kernels as kernels;
pub use error::{Error, Remedy, Result};
