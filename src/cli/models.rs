//! `doppelganger models` lists the models, with places and licences; it fetches, adds and removes them.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::data::ask;
use super::import::{ImportOptions, import};
use super::progress::watched;
use super::{print, print_json};
use crate::command_line::train_command;
use crate::engine::download::{Patience, host};
use crate::engine::model::import::Draft;
use crate::engine::model::{Accuracy, Catalogue, Entry, GraphRow, NetStore, WeightsPlace, user_models_folder};
use crate::engine::train::{Runs, Summary, runs_folder};
use crate::engine::units::{counted, megabytes};
use crate::engine::{Error, Result};

#[derive(Args)]
pub struct ModelsArgs {
    #[command(subcommand)]
    action: Option<ModelAction>,
    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum ModelAction {
    /// Fetch the weights of a model from the network into the user's data folder
    Fetch {
        /// A name from the list, such as resnet18
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Add a net of your own: an ONNX file, a manifest, or a training run (run:NAME or its folder); or weights to a
    /// model, for a machine without network
    Add {
        /// The name; may be left out for a manifest or a run, and for weights that fit one model alone
        #[arg(value_name = "NAME", num_args = 1..=2, value_names = ["NAME", "FILE|run:NAME"], required = true)]
        name_and_file: Vec<PathBuf>,
        #[command(flatten)]
        options: ImportOptions,
    },
    /// Print what the net of a model computes, operation by operation
    Show {
        /// A name, or the path of a manifest
        model: String,
        /// Print one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Write a model with its weights in half precision, which takes half the bytes: DIR/NAME.toml and
    /// DIR/NAME.safetensors
    Halve {
        /// A name, or the path of a manifest
        model: PathBuf,
        /// What to call it
        name: String,
        /// Where to write
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Remove what was fetched or added of a model
    Remove {
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Serialize)]
struct ModelReport {
    name: String,
    title: String,
    description: String,
    licence: String,
    /// The place is the path of the manifest, or "bundled" for one inside the binary.
    place: String,
    /// The path of the weights, or "bundled".
    weights: Option<String>,
    weights_bytes: Option<u64>,
    parameters: Option<usize>,
    accuracy: Option<Accuracy>,
    address: Option<String>,
    /// The reason why the model cannot be used; `null` when it can.
    problem: Option<String>,
}

impl ModelReport {
    fn new(entry: Entry) -> Self {
        let facts = entry.facts.as_ref();
        let (weights, weights_bytes) = match facts.map(|facts| &facts.weights) {
            Some(WeightsPlace::Bundled(bytes)) => (Some("bundled".into()), Some(*bytes)),
            Some(WeightsPlace::Disk { path, bytes }) => (Some(path.display().to_string()), Some(*bytes)),
            Some(WeightsPlace::Nowhere) | None => (None, None),
        };
        Self {
            weights,
            weights_bytes,
            parameters: facts.map(|facts| facts.parameters),
            accuracy: facts.and_then(|facts| facts.accuracy.clone()),
            address: facts.and_then(|facts| facts.remote.as_ref()?.0.mirrors.first().cloned()),
            name: entry.name,
            title: entry.title,
            description: entry.description,
            licence: entry.licence,
            place: entry.path.map_or_else(|| "bundled".into(), |path| path.display().to_string()),
            problem: entry.problem,
        }
    }
}

pub fn run(args: &ModelsArgs) -> Result<()> {
    let catalogue = Catalogue::from_environment();
    match &args.action {
        None => list(&catalogue, args.json),
        Some(ModelAction::Fetch { name, yes }) => fetch(&catalogue, name, *yes),
        Some(ModelAction::Add { name_and_file, options }) => match name_and_file.as_slice() {
            [name, file] => add(&catalogue, name.to_str(), file, options),
            [file] => add(&catalogue, None, file, options),
            _ => Ok(()),
        },
        Some(ModelAction::Show { model, json }) => show(&catalogue, model, args.json || *json),
        Some(ModelAction::Halve { model, name, out }) => {
            let path = catalogue.halve(&model.to_string_lossy(), out, name)?;
            print(&format!("wrote {}", path.display()))
        }
        Some(ModelAction::Remove { name, yes }) => remove(&catalogue, name, *yes),
    }
}

fn list(catalogue: &Catalogue, as_json: bool) -> Result<()> {
    let models: Vec<ModelReport> = catalogue.entries().into_iter().map(ModelReport::new).collect();
    if as_json {
        return print_json(&models);
    }
    for model in &models {
        let licence = if model.licence.is_empty() { "no licence stated" } else { &model.licence };
        print(&format!("{:<24} {}\n  {}\n  {licence}; {}", model.name, model.title, model.description, model.place))?;
        if let Some(Accuracy { top1, top5, of, .. }) = &model.accuracy {
            let top5 = top5.map(|top5| format!(", top-5 {:.1} %", top5 * 100.0)).unwrap_or_default();
            print(&format!("  top-1 {:.1} %{top5} of {of}", top1 * 100.0))?;
        }
        if let Some(problem) = &model.problem {
            print(&format!("  cannot be used: {problem}"))?;
        }
    }
    let own = user_models_folder().map_or_else(|| "(none)".into(), |folder| folder.display().to_string());
    print(&format!("\nManifests are looked for in {own}, in models/, and in the folders of DOPPELGANGER_MODELS"))?;
    print(&format!("Training runs (run:NAME) are looked for in {}", runs_folder().display()))
}

/// Prints the operations of a net as a table.
fn show(catalogue: &Catalogue, model: &str, as_json: bool) -> Result<()> {
    let manifest = catalogue.manifest(model)?;
    let rows = manifest.graph.rows();
    if as_json {
        return print_json(&rows);
    }
    let cells = |row: &GraphRow| {
        let parameters = if row.parameters == 0 { String::new() } else { row.parameters.to_string() };
        let (reads, shape) = (row.spelled_reads(), row.spelled_shape());
        [row.number.to_string(), row.kind.clone(), row.name.clone(), reads, shape, parameters, row.settings.clone()]
    };
    let head = ["no.", "operation", "name", "reads", "output", "parameters", "settings"].map(str::to_owned);
    let lines: Vec<[String; 7]> = std::iter::once(head).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    for [number, kind, name, reads, shape, parameters, settings] in &lines {
        let [w0, w1, w2, w3, w4, w5, _] = widths;
        let line =
            format!("{number:>w0$}  {kind:w1$}  {name:w2$}  {reads:w3$}  {shape:w4$}  {parameters:>w5$}  {settings}");
        print(line.trim_end())?;
    }
    let (count, parameters) = (rows.len().saturating_sub(1), manifest.parameter_count());
    print(&format!("{}: {}, {parameters} parameters", manifest.name, counted(count, "operation")))
}

pub(super) fn example(name: &str) -> String {
    format!("doppelganger attack PICTURE --model {name} --eps 8/255")
}

fn fetch(catalogue: &Catalogue, name: &str, yes: bool) -> Result<()> {
    // This error says which names are near.
    catalogue.manifest(name)?;
    let known = catalogue.entries().into_iter().find(|entry| entry.name == name);
    let unknown = || Error::Argument(format!("{name:?} is no name of a model; \"doppelganger models\" lists them"));
    let entry = known.ok_or_else(unknown)?;
    if entry.problem.is_none() {
        return print(&format!("{name} is there already: {}", example(name)));
    }
    let remote = entry.facts.and_then(|facts| facts.remote);
    if let (Some((remote, arrived)), Some(folder)) = (&remote, user_models_folder()) {
        let there = if *arrived > 0 { format!(", {} of it are there", megabytes(*arrived)) } else { String::new() };
        let from = remote.mirrors.first().map_or("", String::as_str);
        eprintln!("{}: {}{there}, from {}\n  {from}", entry.title, megabytes(remote.bytes), host(from));
        eprintln!("  licence: {}\n  into {}", entry.licence, folder.display());
        ask(yes, "nothing was fetched; --yes fetches without asking")?;
    }
    let of = remote.map_or(0, |(remote, _)| remote.bytes as usize);
    watched(|line| {
        catalogue.fetch(name, Patience::default(), &mut |bytes| line.draw(&megabytes(bytes), bytes as usize, of))
    })?;
    print(&format!("{name} is there: {}", example(name)))
}

fn add(catalogue: &Catalogue, name: Option<&str>, file: &Path, options: &ImportOptions) -> Result<()> {
    if let Some(run) = file.to_str().filter(|run| Runs::new(runs_folder()).claims(run)) {
        return keep_run(catalogue, name, run);
    }
    let is_known = |name: &str| catalogue.entries().iter().any(|entry| entry.name == name);
    if file.extension().is_none_or(|extension| extension != "toml") {
        let draft = Draft::open(file)?;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if draft.is_whole() || options.net.is_some() || name.is_some_and(|name| !is_known(name)) {
            return import(catalogue, name.unwrap_or(&stem), &draft, options);
        }
        let head = match name.map(|name| catalogue.manifest(name)).transpose()? {
            Some(manifest) => draft.with_head(manifest),
            None => None,
        };
        if let (Some(draft), Some(name)) = (head, name) {
            return import(catalogue, name, &draft, options);
        }
    }
    let added = catalogue.add(name, file)?;
    let name = &added.name;
    added.notes.iter().try_for_each(|note| print(&format!("note: {note}")))?;
    if added.wants_weights {
        return print(&format!("{name} is there, without weights: doppelganger models add {name} FILE"));
    }
    if added.other_weights {
        print("These are other weights than the manifest knew; \"doppelganger models remove\" brings it back.")?;
    }
    print(&format!("{name} is there: {}", example(name)))
}

/// Keeps the net of a training run as a model, which is called like the run where no other name is given.
fn keep_run(catalogue: &Catalogue, name: Option<&str>, run: &str) -> Result<()> {
    let own = catalogue.manifest(run)?.name;
    let command = |summary: &Summary| train_command(&summary.config, &summary.history);
    let name = catalogue.keep_run(run, name.unwrap_or(&own), command)?.name;
    print(&format!("{name} is there: {}", example(&name)))
}

fn remove(catalogue: &Catalogue, name: &str, yes: bool) -> Result<()> {
    if !yes {
        eprintln!("Removes what was fetched or added of {name} from disk.");
    }
    ask(yes, "nothing was removed; --yes removes without asking")?;
    catalogue.remove(name)?;
    print(&format!("{name} was removed"))
}
