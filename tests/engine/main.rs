//! The engine and the worker, as a program without a window uses them.
//!
//! One test program for all of them: each more would be linked with the whole library again.

#[path = "../common/mod.rs"]
mod common;

mod attacks;
mod church_window;
mod conformance;
mod data;
mod data_sets;
mod download;
mod efficientnet;
mod library;
mod models;
mod onnx;
mod paper;
mod photo_resolution;
mod picture_formats;
mod pictures;
mod pytorch;
mod runs;
mod shared_data;
mod smallest_eps;
mod torchvision;
mod trainer;
mod training;
mod worker;
mod zoo;
