//! `doppelganger data` lists the data sets that are known by name, and fetches them.

use std::io::{IsTerminal, Write};

use clap::{Args, Subcommand};
use serde_json::json;

use super::progress::watched;
use super::{print, print_json};
use crate::engine::data::{DataSource, Offer};
use crate::engine::units::megabytes;
use crate::engine::{Error, Result};

#[derive(Args)]
pub struct DataArgs {
    #[command(subcommand)]
    action: Option<DataAction>,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum DataAction {
    /// Fetch a data set from the network into the user's data folder
    Fetch {
        /// mnist or fashion-mnist
        set: DataSource,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub fn run(args: &DataArgs) -> Result<()> {
    match &args.action {
        None => list(args.json),
        Some(DataAction::Fetch { set, yes }) => fetch(set, *yes),
    }
}

fn list(as_json: bool) -> Result<()> {
    let sets = [DataSource::Mnist, DataSource::FashionMnist];
    let offers = sets.iter().filter_map(|set| Some((set, set.offer()?)));
    if as_json {
        let set = |(set, offer): (&DataSource, Offer)| {
            json!({
                "name": set.to_string(),
                "is_there": set.is_there(),
                "folder": offer.folder,
                "bytes": offer.bytes(),
                "licence": offer.licence,
                "hosts": offer.hosts(),
            })
        };
        return print_json(&offers.map(set).collect::<Vec<_>>());
    }
    print("drawn:COUNT      digits that the program draws itself; always there")?;
    for (set, offer) in offers {
        let state = if set.is_there() { "there" } else { "not there" };
        let (name, size, folder) = (set.to_string(), megabytes(offer.bytes()), offer.folder.display());
        print(&format!("{name:16} {state}, {size}, {}\n                 {folder}", offer.licence))?;
    }
    Ok(())
}

fn fetch(set: &DataSource, yes: bool) -> Result<()> {
    let Some(offer) = set.offer() else {
        return Err(Error::Argument(format!("{set} cannot be fetched; expected mnist or fashion-mnist")));
    };
    if set.is_there() {
        return print(&format!("{set} is there already: {}", offer.folder.display()));
    }
    let (hosts, folder) = (offer.hosts().join(" or "), offer.folder.display());
    eprintln!("{set}: {} from {hosts}\n  licence: {}\n  into {folder}", megabytes(offer.bytes()), offer.licence);
    ask(yes, "nothing was fetched; --yes fetches without asking")?;
    let of = offer.bytes() as usize;
    watched(|line| offer.fetch(&mut |bytes| line.draw(&format!("{:.1} MB", bytes as f64 / 1e6), bytes as usize, of)))?;
    print(&format!("{set} is there: doppelganger train --data {set} …"))
}

/// Asks on a terminal whether to go on if `yes` is not said already, and fails with `refusal` unless somebody agrees.
pub(super) fn ask(yes: bool, refusal: &str) -> Result<()> {
    let mut answer = String::new();
    if std::io::stdin().is_terminal() && !yes {
        eprint!("Go on? [y/N] ");
        let _ = std::io::stderr().flush();
        std::io::stdin().read_line(&mut answer).map_err(Error::io("read the answer", "standard input".as_ref()))?;
    }
    match answer.trim() {
        _ if yes => Ok(()),
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Error::Argument(refusal.into())),
    }
}
