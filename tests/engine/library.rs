//! Models that are fetched from a server of the test's own, added from files, and removed.

use std::path::Path;
use std::time::Duration;

use crate::common::fixture;
use crate::common::server::{Answer, Server, serve, sha256};
use doppelganger::engine::Error;
use doppelganger::engine::download::Patience;
use doppelganger::engine::model::{Catalogue, Entry, WeightsPlace};

const PATIENCE: Patience = Patience(Duration::from_secs(3));

/// A folder with the manifest of the tiny net, to be fetched from a server, and an empty folder of the person's own.
struct Place {
    folder: tempfile::TempDir,
    catalogue: Catalogue,
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(fixture(&format!("pth/{name}.pth"))).unwrap()
}

fn place(more: &str) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    std::fs::create_dir(&models).unwrap();
    let text = std::fs::read_to_string(fixture("pth/tiny.toml")).unwrap();
    // Before the tables of TOML that could follow.
    std::fs::write(models.join("tiny.toml"), format!("{more}\n{text}")).unwrap();
    let catalogue = Catalogue { own: Some(folder.path().join("own")), folders: vec![models], runs: None };
    Place { folder, catalogue }
}

fn fetchable(server: &Server, content: &[u8]) -> Place {
    let (bytes, sha256) = (content.len(), sha256(content));
    place(&format!("sha256 = \"{sha256}\"\ndownload = {{ address = \"{}\", bytes = {bytes} }}", server.address))
}

impl Place {
    fn own(&self) -> Vec<String> {
        names(&self.folder.path().join("own"))
    }

    fn entry(&self, name: &str) -> Option<Entry> {
        self.catalogue.entries().into_iter().find(|entry| entry.name == name)
    }

    fn fetch(&self) -> Result<(), String> {
        self.catalogue.fetch("tiny", PATIENCE, &mut |_| true).map(drop).map_err(|error| error.to_string())
    }

    fn add(&self, name: Option<&str>, file: &str) -> Result<bool, String> {
        let added = self.catalogue.add(name, &fixture(file)).map_err(|error| error.to_string())?;
        Ok(added.other_weights)
    }

    fn is_usable(&self, name: &str) -> bool {
        self.entry(name).is_some_and(|entry| entry.problem.is_none()) && self.catalogue.load(name).is_ok()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_model_is_fetched_and_removed() {
    let content = file("tiny");
    let server = serve(content.clone(), &[Answer::Whole]);
    let place = fetchable(&server, &content);
    let before = place.entry("tiny").unwrap();
    let problem = before.problem.unwrap();
    assert!(problem.contains("Fetch it (") && problem.lines().count() <= 6, "{problem}");
    let facts = before.facts.unwrap();
    assert_eq!((facts.weights, facts.is_own, facts.remote.unwrap().1), (WeightsPlace::Nowhere, false, 0));
    place.fetch().unwrap();
    assert!(place.is_usable("tiny"));
    assert_eq!(place.own(), ["tiny.pth"]);
    let facts = place.entry("tiny").unwrap().facts.unwrap();
    let expected = WeightsPlace::Disk { path: place.folder.path().join("own/tiny.pth"), bytes: content.len() as u64 };
    assert_eq!((facts.weights, facts.is_own), (expected, true));
    place.catalogue.remove("tiny").unwrap();
    assert!(place.own().is_empty() && !place.is_usable("tiny"));
    assert!(place.catalogue.remove("tiny").unwrap_err().to_string().contains("nothing of \"tiny\""));
}

#[test]
fn what_broke_off_goes_on_and_what_was_stopped_is_kept() {
    let content = file("tiny");
    let server = serve(content.clone(), &[Answer::BreaksOffAfter(4000), Answer::Stalls, Answer::Whole]);
    let place = fetchable(&server, &content);
    assert!(place.fetch().unwrap_err().contains("could not be fetched"));
    let facts = || place.entry("tiny").unwrap().facts.unwrap();
    assert!(facts().remote.unwrap().1 > 0 && facts().is_own && place.own() == ["tiny.pth.part"]);
    // Not before the server has begun: a connection that comes later would take the answer meant for the next.
    let stopped = place.catalogue.fetch("tiny", PATIENCE, &mut |bytes| bytes <= 4000);
    assert!(matches!(stopped, Err(Error::Stopped)));
    place.fetch().unwrap();
    assert_eq!(place.own(), ["tiny.pth"]);
    assert!(place.is_usable("tiny") && server.ranges.lock().unwrap().iter().any(Option::is_some));
}

#[test]
fn bad_servers_and_bad_files_leave_nothing_that_looks_like_weights() {
    let content = file("tiny");
    for (answer, says) in [
        (Answer::WrongBytes, "others than expected"),
        (Answer::TooLong, "more than the expected"),
        (Answer::Redirects, "redirect"),
        (Answer::NotFound, "404"),
    ] {
        let place = fetchable(&serve(content.clone(), &[answer]), &content);
        let message = place.fetch().unwrap_err();
        assert!(message.contains(says) && message.lines().count() <= 6, "{message}");
        assert!(place.own().is_empty() && !place.is_usable("tiny"), "{:?}", place.own());
    }
    // Files that are what the manifest's hash says, and no weights.
    for (name, says) in
        [("code", "posix.system"), ("missing", "fc.bias"), ("nan", "finite"), ("bomb", "compressed parts")]
    {
        let place = fetchable(&serve(file(name), &[Answer::Whole]), &file(name));
        let message = place.fetch().unwrap_err();
        assert!(message.contains(says) && message.lines().count() <= 6, "{message}");
        assert!(place.own().is_empty(), "{:?}", place.own());
    }
}

#[test]
fn what_cannot_be_fetched_is_told() {
    let place = place("");
    assert!(place.fetch().unwrap_err().contains("no address to fetch from"));
    for name in ["no_such_model", "../tiny", "models/tiny.toml", "tiny.toml", ""] {
        let message = place.catalogue.fetch(name, PATIENCE, &mut |_| true).unwrap_err().to_string();
        assert!(message.contains("no model") || message.contains("no name of a model"), "{message}");
    }
    let nobody = Catalogue::new(vec![place.folder.path().join("models")]);
    assert!(
        nobody.add(Some("tiny"), &fixture("pth/tiny.pth")).unwrap_err().to_string().contains("DOPPELGANGER_OWN_MODELS")
    );
}

#[test]
fn weights_from_a_file_go_to_the_model_that_they_fit() {
    let known = sha256(&file("tiny"));
    let place = place(&format!("sha256 = \"{}\"", &known[..8]));
    assert_eq!(place.add(None, "pth/tiny.pth"), Ok(false), "found by its hash");
    assert!(place.is_usable("tiny") && place.own() == ["tiny.pth"]);
    // Others of the same shapes: they get a manifest of their own, and the old ones come back.
    assert_eq!(place.add(None, "pth/old.pth"), Ok(true));
    let hash = sha256(&file("old"));
    assert!(place.is_usable("tiny"));
    assert_eq!(place.own(), [format!("tiny-{}.pth", &hash[..8]), "tiny.pth".into(), "tiny.toml".into()]);
    let entry = place.entry("tiny").unwrap();
    assert_eq!(
        (entry.title.as_str(), entry.licence.as_str()),
        ("Tiny, other weights", "not stated (weights from old.pth)")
    );
    assert_eq!(place.add(Some("tiny"), "pth/half.pth"), Ok(true));
    assert_eq!(place.own().len(), 3, "those before are gone: {:?}", place.own());
    assert_eq!(place.entry("tiny").unwrap().title, "Tiny, other weights");
    place.catalogue.remove("tiny").unwrap();
    assert!(place.own() == ["tiny.pth"] && place.is_usable("tiny") && place.entry("tiny").unwrap().title == "Tiny");
}

#[test]
fn files_that_fit_nothing_or_too_much_change_nothing() {
    let place = place("");
    for (name, file, says) in [
        (Some("tiny"), "pth/wrong_shape.pth", "has shape [3, 7], expected [3, 6]"),
        (Some("tiny"), "pth/code.pth", "posix.system"),
        (None, "pth/wrong_shape.pth", "no model here"),
        (None, "pth/bomb.pth", "compressed"),
        (None, "pth/no_such_file.pth", "cannot read the weights"),
        (Some("digits_cnn"), "pth/tiny.pth", "conv1.weight"),
        (Some("no_such_model"), "pth/tiny.pth", "no model"),
        (None, "classes.tar.xz", "an xz file"),
    ] {
        let message = place.add(name, file).unwrap_err();
        assert!(message.contains(says) && message.lines().count() <= 6, "{message}");
        assert!(place.own().is_empty(), "{file}: {:?}", place.own());
    }
    std::fs::copy(place.folder.path().join("models/tiny.toml"), place.folder.path().join("models/twin.toml")).unwrap();
    let message = place.add(None, "pth/tiny.pth").unwrap_err();
    assert!(message.contains("tiny and twin") && place.own().is_empty(), "{message}");
    assert_eq!(place.add(Some("twin"), "pth/tiny.pth"), Ok(false));
}

#[test]
fn a_manifest_comes_with_what_lies_beside_it() {
    let place = place("");
    let desk = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(fixture("pth/tiny.toml")).unwrap();
    let mine = desk.path().join("mine.toml");
    let text = text.replace("classes = [\"crab\", \"gibbon\", \"panda\"]", "classes_file = \"names.txt\"");
    std::fs::write(&mine, text.replace("\"tiny.pth\"", "\"net.pth\"")).unwrap();
    std::fs::write(desk.path().join("names.txt"), "one\ntwo\nthree\n").unwrap();
    // Alone at first.
    let added = place.catalogue.add(None, &mine).unwrap();
    assert!(added.wants_weights && added.name == "mine" && place.own() == ["mine.toml"]);
    assert_eq!(place.add(Some("mine"), "pth/tiny.pth"), Ok(false));
    assert!(place.is_usable("mine"));
    let message = place.catalogue.add(None, &mine).unwrap_err().to_string();
    assert!(message.contains("already") && message.lines().count() <= 6, "{message}");
    place.catalogue.remove("mine").unwrap();
    assert!(place.own().is_empty());
    // With its weights.
    std::fs::copy(fixture("pth/tiny.pth"), desk.path().join("net.pth")).unwrap();
    assert!(!place.catalogue.add(None, &mine).unwrap().wants_weights);
    drop(desk);
    assert_eq!(place.catalogue.load("mine").unwrap().classes.to_vec(), ["one", "two", "three"]);
    assert_eq!(place.own().len(), 2);
}
