//! `doppelganger models`: what is there, where, and under which licence.

use clap::Args;
use serde::Serialize;

use super::{print, print_json};
use crate::engine::Result;
use crate::engine::model::{Catalogue, user_models_folder};

#[derive(Args)]
pub struct ModelsArgs {
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct ModelReport {
    name: String,
    title: String,
    description: String,
    licence: String,
    /// The manifest, or "bundled" for one inside the binary.
    place: String,
    /// `null` when the model can be used.
    problem: Option<String>,
}

pub fn run(args: &ModelsArgs) -> Result<()> {
    let models: Vec<ModelReport> = Catalogue::from_environment()
        .entries()
        .into_iter()
        .map(|entry| ModelReport {
            name: entry.name,
            title: entry.title,
            description: entry.description,
            licence: entry.licence,
            place: entry.path.map_or_else(|| "bundled".into(), |path| path.display().to_string()),
            problem: entry.problem,
        })
        .collect();
    if args.json {
        return print_json(&models);
    }
    for model in &models {
        let licence = if model.licence.is_empty() { "no licence stated" } else { &model.licence };
        print(&format!("{:<24} {}\n  {}\n  {licence}; {}", model.name, model.title, model.description, model.place))?;
        if let Some(problem) = &model.problem {
            print(&format!("  cannot be used: {problem}"))?;
        }
    }
    let own = user_models_folder().map_or_else(|| "(none)".into(), |folder| folder.display().to_string());
    print(&format!("\nManifests are looked for in models/, in {own}, and in the folders of DOPPELGANGER_MODELS"))
}
