//! Downloads from a server of the test's own, which behaves in every way that servers do.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::common;
use crate::common::server::{Answer, Server, sha256};
use doppelganger::engine::Error;
use doppelganger::engine::download::{Patience, Remote, fetch, is_under_way};

fn content() -> Vec<u8> {
    (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn serve(answers: &[Answer]) -> Server {
    common::server::serve(content(), answers)
}

fn remote(servers: &[&Server]) -> Remote {
    let mirrors = servers.iter().map(|server| server.address.clone()).collect();
    Remote { name: "file.bin".into(), bytes: content().len() as u64, slack: 0, sha256: sha256(&content()), mirrors }
}

const PATIENCE: Patience = Patience(Duration::from_millis(700));

/// Fetches without stopping; the names in the folder afterwards.
fn get(folder: &Path, remote: &Remote) -> (Result<(), String>, Vec<String>) {
    let result = fetch(remote, folder, PATIENCE, &mut |_| true);
    if let Ok(path) = &result {
        assert!(std::fs::read(path).unwrap() == content(), "other bytes under the final name");
    }
    (result.map(drop).map_err(|error| error.to_string()), names(folder))
}

fn names(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_whole_file_lands_and_is_not_fetched_twice() {
    let folder = tempfile::tempdir().unwrap();
    let deeper = folder.path().join("made/for/it");
    let server = serve(&[Answer::Whole]);
    let mut seen = Vec::new();
    fetch(&remote(&[&server]), &deeper, PATIENCE, &mut |bytes| {
        seen.push(bytes);
        true
    })
    .unwrap();
    assert!(seen.is_sorted() && seen[0] == 0 && *seen.last().unwrap() > 0);
    assert_eq!(get(&deeper, &remote(&[&server])), (Ok(()), vec!["file.bin".to_owned()]));
    assert_eq!(server.ranges.lock().unwrap().len(), 1);
}

#[test]
fn what_broke_off_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&[Answer::BreaksOffAfter(100_000), Answer::Whole]);
    let (result, names) = get(folder.path(), &remote(&[&server]));
    let message = result.unwrap_err();
    assert!(message.contains("file.bin could not be fetched") && message.contains("300000 bytes"), "{message}");
    assert!(message.lines().count() <= 6 && names == ["file.bin.part"], "{message} {names:?}");
    assert_eq!(get(folder.path(), &remote(&[&server])), (Ok(()), vec!["file.bin".to_owned()]));
    let ranges = server.ranges.lock().unwrap();
    assert!(ranges[0].is_none() && ranges[1].is_some_and(|from| from > 0 && from <= 100_000), "{ranges:?}");
}

#[test]
fn a_second_mirror_goes_on_where_the_first_broke_off() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (serve(&[Answer::BreaksOffAfter(150_000)]), serve(&[Answer::Whole]));
    assert_eq!(get(folder.path(), &remote(&[&first, &second])), (Ok(()), vec!["file.bin".to_owned()]));
    assert!(second.ranges.lock().unwrap()[0].is_some());
}

#[test]
fn a_server_without_ranges_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    for answer in [Answer::WithoutRanges, Answer::RefusesRanges, Answer::OtherRange] {
        let _ = std::fs::remove_file(folder.path().join("file.bin"));
        std::fs::write(folder.path().join("file.bin.part"), &content()[..5000]).unwrap();
        let server = serve(&[answer]);
        assert_eq!(get(folder.path(), &remote(&[&server])), (Ok(()), vec!["file.bin".to_owned()]));
    }
}

#[test]
fn a_part_that_is_wrong_or_too_long_is_thrown_away() {
    for part in [vec![9; 4000], vec![9; 400_000], vec![9; 300_000]] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file.bin.part"), part).unwrap();
        let server = serve(&[Answer::Whole]);
        assert_eq!(get(folder.path(), &remote(&[&server])), (Ok(()), vec!["file.bin".to_owned()]));
    }
}

#[test]
fn bad_servers_are_passed_over_for_a_good_one_and_named_without() {
    for (bad, says) in [
        (Answer::TooLong, "more than the expected 300000 bytes"),
        (Answer::LiesAboutLength, "it has 17 bytes, expected 300000"),
        (Answer::WrongBytes, "others than expected"),
        (Answer::Redirects, "redirect"),
        (Answer::NotFound, "404"),
        (Answer::Stalls, "timeout"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (bad, good) = (serve(&[bad]), serve(&[Answer::Whole]));
        let (result, names) = get(folder.path(), &remote(&[&bad]));
        let message = result.unwrap_err();
        assert!(message.contains(says) && message.contains("127.0.0.1"), "{message}, expected {says}");
        assert!(message.contains("get the file yourself") && message.lines().count() <= 6, "{message}");
        assert!(!names.contains(&"file.bin".to_owned()));
        assert_eq!(get(folder.path(), &remote(&[&bad, &good])), (Ok(()), vec!["file.bin".to_owned()]));
    }
}

#[test]
fn stopping_takes_less_than_a_second_and_keeps_what_came() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&[Answer::Stalls]);
    let mut stopping = None;
    let result = fetch(&remote(&[&server]), folder.path(), Patience::default(), &mut |bytes| {
        if bytes > 0 {
            stopping.get_or_insert_with(Instant::now);
        }
        bytes == 0
    });
    assert!(matches!(result, Err(Error::Stopped)));
    assert!(stopping.unwrap().elapsed() < Duration::from_secs(1));
    assert!(std::fs::metadata(folder.path().join("file.bin.part")).unwrap().len() > 0);
}

#[test]
fn a_mirror_of_the_wrong_length_leaves_what_came_before() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file.bin.part"), &content()[..5000]).unwrap();
    let (bad, good) = (serve(&[Answer::LiesAboutLength]), serve(&[Answer::Whole]));
    assert_eq!(get(folder.path(), &remote(&[&bad, &good])), (Ok(()), vec!["file.bin".to_owned()]));
    assert_eq!(*good.ranges.lock().unwrap(), [Some(5000)]);
}

#[test]
fn two_fetches_of_one_file_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let server = serve(&[Answer::Stalls, Answer::Whole]);
    let remote = remote(&[&server]);
    let mut second = None;
    let first = fetch(&remote, folder.path(), Patience::default(), &mut |bytes| {
        if bytes > 0 && second.is_none() {
            assert!(is_under_way(&folder.path().join("file.bin.part")));
            second = Some(fetch(&remote, folder.path(), PATIENCE, &mut |_| true));
        }
        second.is_none()
    });
    assert!(matches!(first, Err(Error::Stopped)));
    assert!(!is_under_way(&folder.path().join("file.bin.part")));
    assert!(second.unwrap().unwrap_err().to_string().contains("being fetched already"));
    assert_eq!(get(folder.path(), &remote), (Ok(()), vec!["file.bin".to_owned()]));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("file.bin.part")).unwrap();
    let server = serve(&[Answer::Whole]);
    let message = get(folder.path(), &remote(&[&server])).0.unwrap_err();
    assert!(message.contains("cannot write the download: No space left") && message.lines().count() <= 3, "{message}");
    assert_eq!(server.ranges.lock().unwrap().len(), 1);
}

#[test]
fn a_folder_that_cannot_be_written_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    std::fs::write(&taken, "a file where the folder should be").unwrap();
    let server = serve(&[Answer::Whole]);
    let message = fetch(&remote(&[&server]), &taken, PATIENCE, &mut |_| true).unwrap_err().to_string();
    assert!(message.contains("taken") && message.lines().count() <= 6, "{message}");
    assert!(server.ranges.lock().unwrap().is_empty(), "nothing was asked for that could not be kept");
}

#[test]
fn a_file_of_which_little_is_known_is_checked_by_that() {
    let about = |server: &Server, bytes, digits: usize| Remote {
        bytes,
        slack: 1000,
        sha256: sha256(&content())[..digits].to_owned(),
        ..remote(&[server])
    };
    for answer in [Answer::Whole, Answer::WithoutRanges, Answer::WithoutLength] {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(&[answer]);
        assert_eq!(get(folder.path(), &about(&server, 299_500, 8)), (Ok(()), vec!["file.bin".to_owned()]));
        assert_eq!(get(folder.path(), &about(&server, 300_400, 8)).0, Ok(()), "it is there already");
        assert_eq!(server.ranges.lock().unwrap().len(), 1);
    }
    // Broken off so late that what came may be the whole, or early.
    for count in [299_800, 100_000] {
        let folder = tempfile::tempdir().unwrap();
        let server = serve(&[Answer::BreaksOffAfter(count), Answer::Whole]);
        assert!(get(folder.path(), &about(&server, 300_000, 8)).0.is_err());
        assert_eq!(get(folder.path(), &about(&server, 300_000, 8)), (Ok(()), vec!["file.bin".to_owned()]));
    }
    for (bytes, answer, says) in [
        (250_000, Answer::Whole, "it has 300000 bytes, expected about 250000 bytes"),
        (250_000, Answer::WithoutLength, "more than the expected about 250000 bytes"),
        (350_000, Answer::WithoutLength, "it ended after 300000 of about 350000 bytes"),
        (300_000, Answer::WrongBytes, "others than expected"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let message = get(folder.path(), &about(&serve(&[answer]), bytes, 8)).0.unwrap_err();
        assert!(message.contains(says) && message.contains("SHA-256 beginning with "), "{message}, expected {says}");
        assert!(!folder.path().join("file.bin").exists());
    }
}
