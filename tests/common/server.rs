//! A server of the test's own, which behaves in every way that servers do.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// How the server answers a request.
#[derive(Clone, Copy)]
pub enum Answer {
    /// As it should, ranges too.
    Whole,
    /// All of it, whatever range was asked for.
    WithoutRanges,
    /// All of it, but no part.
    RefusesRanges,
    /// Of a part something else.
    OtherRange,
    /// Says nothing of its length.
    WithoutLength,
    /// Announces all of it and hangs up after so many bytes.
    BreaksOffAfter(usize),
    /// Bytes that nobody announced, beyond the end.
    TooLong,
    /// Another length than expected in the header.
    LiesAboutLength,
    WrongBytes,
    /// Always elsewhere.
    Redirects,
    NotFound,
    /// Half of it, and then silence.
    Stalls,
}

/// A server that gives its answers in turn, the last one for ever; and the ranges that it was asked for.
pub struct Server {
    pub address: String,
    pub ranges: Arc<Mutex<Vec<Option<usize>>>>,
}

pub fn serve(content: Vec<u8>, answers: &[Answer]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/file.bin", listener.local_addr().unwrap());
    let (answers, ranges) = (answers.to_vec(), Arc::new(Mutex::new(Vec::new())));
    let (seen, content) = (ranges.clone(), Arc::new(content));
    std::thread::Builder::new()
        .spawn(move || {
            for (i, stream) in listener.incoming().enumerate() {
                let answer = answers[i.min(answers.len() - 1)];
                let (seen, content) = (seen.clone(), content.clone());
                // A client that hangs up is no concern of the server.
                let work = move || drop(respond(stream.unwrap(), answer, &content, &seen));
                std::thread::Builder::new().spawn(work).unwrap();
            }
        })
        .unwrap();
    Server { address, ranges }
}

fn respond(
    mut stream: TcpStream,
    answer: Answer,
    content: &[u8],
    seen: &Mutex<Vec<Option<usize>>>,
) -> std::io::Result<()> {
    let mut range = None;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?.to_lowercase();
        if let Some(from) = line.strip_prefix("range: bytes=") {
            range = from.trim_end_matches('-').parse().ok();
        }
        if line.is_empty() {
            break;
        }
    }
    seen.lock().unwrap().push(range);
    let all = |stream: &mut TcpStream, length: usize| {
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
    };
    match answer {
        Answer::Whole => match range {
            Some(from) => {
                let (length, last, of) = (content.len() - from, content.len() - 1, content.len());
                write!(stream, "HTTP/1.1 206 Partial Content\r\nContent-Length: {length}\r\n")?;
                write!(stream, "Content-Range: bytes {from}-{last}/{of}\r\nConnection: close\r\n\r\n")?;
                stream.write_all(&content[from..])
            }
            None => all(&mut stream, content.len()).and_then(|()| stream.write_all(content)),
        },
        Answer::RefusesRanges if range.is_some() => {
            write!(stream, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Answer::OtherRange if range.is_some() => {
            let (last, of) = (content.len() - 1, content.len());
            write!(stream, "HTTP/1.1 206 Partial Content\r\nContent-Length: 1\r\n")?;
            write!(stream, "Content-Range: bytes {last}-{last}/{of}\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&content[last..])
        }
        Answer::RefusesRanges | Answer::OtherRange | Answer::WithoutRanges => {
            all(&mut stream, content.len()).and_then(|()| stream.write_all(content))
        }
        Answer::WithoutLength => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            stream.write_all(content)
        }
        Answer::BreaksOffAfter(count) => {
            all(&mut stream, content.len())?;
            stream.write_all(&content[..count])
        }
        Answer::TooLong => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            stream.write_all(&[content, &[0; 100_000]].concat())
        }
        Answer::LiesAboutLength => all(&mut stream, 17).and_then(|()| stream.write_all(content)),
        Answer::WrongBytes => all(&mut stream, content.len()).and_then(|()| stream.write_all(&vec![7; content.len()])),
        Answer::Redirects => {
            write!(stream, "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Answer::NotFound => write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        Answer::Stalls => {
            all(&mut stream, content.len())?;
            stream.write_all(&content[..content.len() / 2])?;
            stream.flush()?;
            std::thread::sleep(Duration::from_secs(60));
            Ok(())
        }
    }
}

/// The SHA-256 of some bytes in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
