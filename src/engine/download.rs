//! Files come from the network only when asked for, checked by size and SHA-256, and whole or not at all.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::Body;
use ureq::http::Response;

use super::{Error, Result};

/// This is a file and where to get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    pub name: String,
    pub bytes: u64,
    /// The most that `bytes` may be off by: 0 where the size is known.
    pub slack: u64,
    /// This is lower-case hexadecimal, perhaps only its first digits.
    pub sha256: String,
    /// These addresses are tried one after another.
    pub mirrors: Vec<String>,
}

impl Remote {
    fn may_have(&self, bytes: u64) -> bool {
        bytes.abs_diff(self.bytes) <= self.slack
    }

    fn most_bytes(&self) -> u64 {
        self.bytes + self.slack
    }

    fn size(&self) -> String {
        format!("{}{} bytes", if self.slack > 0 { "about " } else { "" }, self.bytes)
    }

    fn hash(&self) -> String {
        format!("SHA-256 {}{}", if self.sha256.len() < 64 { "beginning with " } else { "" }, self.sha256)
    }

    /// Returns where a part of it lies that arrived earlier.
    pub fn part(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.part", self.name))
    }
}

/// A download waits so long for an answer, and for the next bytes.
#[derive(Clone, Copy, Debug)]
pub struct Patience(pub Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(Duration::from_secs(20))
    }
}

/// The caller is asked so often whether to go on while nothing arrives.
const TICK: Duration = Duration::from_millis(100);

const REDIRECTS: u32 = 5;
/// A server answers this where it has none of the bytes asked for.
const RANGE_REFUSED: u16 = 416;
const CHUNK: usize = 1 << 16;

/// Fetches a file into a folder, which is made if need be, and gives its path. When the network fails or the caller
/// stops, what arrived is kept as `NAME.part`, and the next time goes on from there. `progress(bytes so far)` is called
/// several times a second; false stops.
///
/// # Errors
/// [`Error::Stopped`]; [`Error::Download`] when no mirror has the right file; [`Error::Io`] when it cannot be written.
pub fn fetch(
    file: &Remote,
    folder: &Path,
    patience: Patience,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<PathBuf> {
    let target = folder.join(&file.name);
    if is_whole(file, &target)? {
        return Ok(target);
    }
    std::fs::create_dir_all(folder).map_err(Error::io("make the folder for the download", folder))?;
    let mut part = PartFile::open(file.part(folder))?;
    if is_whole(file, &target)? {
        // Another program was quicker.
        return Ok(target);
    }
    let mut failures = Vec::new();
    for mirror in &file.mirrors {
        match part.fill(file, mirror, patience, progress) {
            Ok(()) => {
                part.file.sync_all().map_err(Error::io("write the download", &part.path))?;
                std::fs::rename(&part.path, &target).map_err(Error::io("keep the download", &target))?;
                return Ok(target);
            }
            Err(FetchFailure::Mirror(why)) => failures.push(format!("{}: {why}", host(mirror))),
            Err(FetchFailure::End(error)) => {
                let is_full = matches!(&error, Error::Io { source, .. } if source.kind() == ErrorKind::StorageFull);
                part.leave(is_full);
                return Err(error);
            }
        }
    }
    part.leave(false);
    let why = format!(
        "{} could not be fetched ({})\n  Try again later, or get the file yourself ({}, {}) and put it here",
        file.name,
        failures.join("; "),
        file.size(),
        file.hash()
    );
    Err(Error::Download { why, path: target })
}

fn is_whole(file: &Remote, path: &Path) -> Result<bool> {
    match std::fs::metadata(path) {
        Ok(found) if file.may_have(found.len()) => {
            let found = File::open(path).and_then(|mut file| sha256(&mut file));
            Ok(found.map_err(Error::io("read", path))?.starts_with(&file.sha256))
        }
        _ => Ok(false),
    }
}

fn sha256(reader: &mut File) -> std::io::Result<String> {
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// Tells whether somebody fetches into this `NAME.part`.
pub fn is_under_way(part: &Path) -> bool {
    File::open(part).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

pub fn host(address: &str) -> &str {
    address.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(address)
}

enum FetchFailure {
    /// Another mirror may have the file.
    Mirror(String),
    End(Error),
}

/// This is what has arrived so far.
struct PartFile {
    path: PathBuf,
    file: File,
    len: u64,
}

impl PartFile {
    fn open(path: PathBuf) -> Result<Self> {
        // Not for appending: some systems refuse to cut such a file.
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(Error::io("write the download", &path))?;
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            let why = "this file is being fetched already; wait until that is done, or stop it".into();
            return Err(Error::Download { path, why });
        }
        let len = file.metadata().map_err(Error::io("read the download", &path))?.len();
        Ok(Self { path, file, len })
    }

    fn io(&self, source: std::io::Error) -> FetchFailure {
        FetchFailure::End(Error::Io { doing: "write the download", path: self.path.clone(), source })
    }

    fn clear(&mut self) -> Result<(), FetchFailure> {
        if self.len > 0 {
            self.len = 0;
            self.file.set_len(0).map_err(|e| self.io(e))?;
        }
        self.file.seek(SeekFrom::Start(0)).map(drop).map_err(|e| self.io(e))
    }

    /// Ends without the whole file: what came is kept for the next time, unless it is nothing or keeps the disk full.
    fn leave(self, disk_is_full: bool) {
        if self.len == 0 || disk_is_full {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// Gets what is missing from a mirror, and checks the whole.
    fn fill(
        &mut self,
        wanted: &Remote,
        mirror: &str,
        patience: Patience,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), FetchFailure> {
        if self.len > wanted.most_bytes() {
            self.clear()?;
        }
        let was_begun = self.len > 0;
        // Of a file whose size is roughly known, a part that may be the whole of it is taken for that.
        if !wanted.may_have(self.len) {
            self.receive(wanted, mirror, patience, progress)?;
        }
        self.file.seek(SeekFrom::Start(0)).map_err(|e| self.io(e))?;
        let found = sha256(&mut self.file).map_err(|e| self.io(e))?;
        if found.starts_with(&wanted.sha256) {
            return Ok(());
        }
        self.clear()?;
        if was_begun {
            // What was there before may be to blame.
            return self.fill(wanted, mirror, patience, progress);
        }
        Err(FetchFailure::Mirror(format!("its bytes are others than expected, SHA-256 {}…", &found[..16])))
    }

    fn receive(
        &mut self,
        wanted: &Remote,
        mirror: &str,
        Patience(patience): Patience,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), FetchFailure> {
        self.file.seek(SeekFrom::Start(self.len)).map_err(|e| self.io(e))?;
        // On a thread of its own: looking up a host or waiting for bytes must not keep the caller from stopping.
        let (send, receive) = sync_channel(4);
        let (address, from, mut announced) = (mirror.to_owned(), self.len, None);
        let work = move || request(&address, from, patience, &send);
        std::thread::Builder::new().name("download".into()).spawn(work).map_err(|e| self.io(e))?;
        loop {
            match next(&receive, &mut || progress(self.len))? {
                Arrival::Begins { at, announced: length } => {
                    if at != 0 && at != self.len {
                        return Err(FetchFailure::Mirror(format!("it began at byte {at}, expected {}", self.len)));
                    }
                    announced = length.map(|length| at + length);
                    if let Some(whole) = announced.filter(|&whole| !wanted.may_have(whole)) {
                        return Err(FetchFailure::Mirror(format!("it has {whole} bytes, expected {}", wanted.size())));
                    }
                    if at == 0 {
                        self.clear()?;
                    }
                }
                Arrival::Bytes(bytes) => {
                    if self.len + bytes.len() as u64 > wanted.most_bytes() {
                        self.clear()?;
                        return Err(FetchFailure::Mirror(format!("it sent more than the expected {}", wanted.size())));
                    }
                    self.file.write_all(&bytes).map_err(|e| self.io(e))?;
                    self.len += bytes.len() as u64;
                }
                Arrival::Ends if announced.map_or(wanted.may_have(self.len), |whole| whole == self.len) => {
                    return Ok(());
                }
                Arrival::Ends => {
                    return Err(FetchFailure::Mirror(format!("it ended after {} of {}", self.len, wanted.size())));
                }
                Arrival::Fails(why) => return Err(FetchFailure::Mirror(why)),
            }
        }
    }
}

/// The thread of a request tells this.
enum Arrival {
    /// Bytes from place `at` on will come, and how many if the server says it.
    Begins {
        at: u64,
        announced: Option<u64>,
    },
    Bytes(Vec<u8>),
    Ends,
    Fails(String),
}

/// Returns the next arrival; asks whether to go on before it and while there is none.
fn next(receive: &Receiver<Arrival>, go_on: &mut dyn FnMut() -> bool) -> Result<Arrival, FetchFailure> {
    loop {
        if !go_on() {
            return Err(FetchFailure::End(Error::Stopped));
        }
        match receive.recv_timeout(TICK) {
            Ok(arrival) => return Ok(arrival),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(Arrival::Fails("the connection was lost".into())),
        }
    }
}

/// Asks for the bytes from `from` on and passes them along; ends when nobody takes them any more.
fn request(address: &str, from: u64, patience: Duration, send: &SyncSender<Arrival>) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_resolve(Some(patience))
        .timeout_connect(Some(patience))
        .timeout_recv_response(Some(patience))
        .timeout_per_read(Some(patience))
        .max_redirects(REDIRECTS)
        .user_agent(concat!("doppelganger/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let ask = |from: u64| match from {
        0 => agent.get(address).call(),
        _ => agent.get(address).header("Range", format!("bytes={from}-")).call(),
    };
    let number = |response: &Response<Body>, name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let begins = |response: &Response<Body>| -> Option<u64> {
        number(response, "content-range")?.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
    };
    let response = match ask(from) {
        // What was asked for is not to be had; all of it may be.
        Err(ureq::Error::StatusCode(RANGE_REFUSED)) if from > 0 => ask(0),
        Ok(response) if begins(&response).is_some_and(|at| at != from) => ask(0),
        response => response,
    };
    let mut response = match response {
        Ok(response) => response,
        Err(error) => return drop(send.send(Arrival::Fails(error.to_string()))),
    };
    // A server that knows nothing of ranges sends all of it.
    let at = if response.status() == 206 { begins(&response).unwrap_or(from) } else { 0 };
    let announced = number(&response, "content-length").and_then(|length| length.parse().ok());
    if send.send(Arrival::Begins { at, announced }).is_err() {
        return;
    }
    let mut reader = response.body_mut().as_reader();
    let mut buffer = vec![0; CHUNK];
    loop {
        let arrival = match reader.read(&mut buffer) {
            Ok(0) => Arrival::Ends,
            Ok(count) => Arrival::Bytes(buffer[..count].to_vec()),
            Err(error) => Arrival::Fails(error.to_string()),
        };
        let is_last = !matches!(arrival, Arrival::Bytes(_));
        if send.send(arrival).is_err() || is_last {
            return;
        }
    }
}
