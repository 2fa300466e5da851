//! Models: manifests, weights, and nets built from them.

use std::path::PathBuf;

use super::picture::Fit;

/// What a net takes in: planar pixels in [0, 1], then `(x − mean) / std` per channel as part of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
    pub fit: Fit,
}

/// A class with its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    pub index: usize,
    pub name: String,
    pub prob: f32,
}

/// A model that was found, loaded or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The manifest's file stem: the name that `--model` takes.
    pub name: String,
    /// The manifest's `name`, for people.
    pub title: String,
    pub description: String,
    pub licence: String,
    /// `None` for a model inside the binary.
    pub path: Option<PathBuf>,
    /// Ready, or why it cannot be used ("its weights squeezenet….safetensors were not found: …").
    pub problem: Option<String>,
}
