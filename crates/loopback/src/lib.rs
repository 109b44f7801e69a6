//! A web server on this machine's loopback interface, for tests: a function of the path gives the answer.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// How long either side may be silent.
const SILENCE: Duration = Duration::from_secs(60);
/// How often a throttled answer pauses, in pauses a second.
const PAUSES: u64 = 10;

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The contents of a file; 404 where there is none.
    File(PathBuf),
    /// What the archive says at this path below its base.
    Pass(Upstream, String),
    /// The answer of another server, at this number of bytes a second.
    Slowly(Upstream, String, u64),
    /// Bytes, with status 200.
    Bytes(Vec<u8>),
    /// A status, and nothing else.
    Status(u16),
}

/// An archive behind the server, by its address `http://HOST[:PORT]/PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    authority: String,
    path: String,
}

impl Upstream {
    /// `None` if the archive is not reached by plain HTTP.
    pub fn parse(uri: &str) -> Option<Self> {
        let (authority, path) = uri.strip_prefix("http://")?.split_once('/')?;
        Some(Self {
            authority: authority.to_owned(),
            path: format!("/{}", path.trim_end_matches('/')),
        })
    }

    /// Asks for a path; the answer ends with the connection.
    fn ask(&self, path: &str) -> io::Result<TcpStream> {
        let mut stream = match self.authority.contains(':') {
            true => TcpStream::connect(&self.authority)?,
            false => TcpStream::connect((self.authority.as_str(), 80))?,
        };
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        write!(
            stream,
            "GET {}/{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.path, self.authority
        )?;
        Ok(stream)
    }
}

/// Serves until it is dropped.
pub struct Loopback {
    port: u16,
    asked: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Loopback {
    /// Answers each request by its path, percent-decoded, without the slash it begins with.
    pub fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let asked = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let (count, stopped) = (asked.clone(), stop.clone());
        let answer = Arc::new(answer);
        let server = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        count.fetch_add(1, Ordering::Relaxed);
                        let answer = answer.clone();
                        // A client that went away is not this side's failure.
                        thread::spawn(move || drop(serve(&stream, &*answer)));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Ok(Self {
            port,
            asked,
            stop,
            server: Some(server),
        })
    }

    /// Serves these files, by their paths, and nothing else.
    pub fn of_files(files: BTreeMap<String, PathBuf>) -> io::Result<Self> {
        Self::start(move |path| match files.get(path) {
            Some(file) => Answer::File(file.clone()),
            None => Answer::Status(404),
        })
    }

    /// The address of a directory that it serves.
    pub fn uri(&self, directory: &str) -> String {
        format!("http://127.0.0.1:{}/{directory}", self.port)
    }

    /// How many connections were made so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

/// Answers the request of a connection, one; the client opens another for the next.
fn serve(stream: &TcpStream, answer: &dyn Fn(&str) -> Answer) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(SILENCE))?;
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut to = stream;
    match answer(&decoded(path)) {
        Answer::File(file) => match std::fs::read(file) {
            Ok(body) => whole(to, 200, &body)?,
            Err(_) => whole(to, 404, b"")?,
        },
        Answer::Bytes(body) => whole(to, 200, &body)?,
        Answer::Status(status) => whole(to, status, b"")?,
        Answer::Pass(upstream, path) => {
            io::copy(&mut upstream.ask(&encoded(&path))?, &mut to)?;
        }
        Answer::Slowly(upstream, path, rate) => {
            throttled(&mut upstream.ask(&encoded(&path))?, &mut to, rate)?;
        }
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    to.read_to_end(&mut Vec::new()).map(drop)
}

fn whole(mut to: &TcpStream, status: u16, body: &[u8]) -> io::Result<()> {
    write!(
        to,
        "HTTP/1.1 {status} {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        if status == 200 { "OK" } else { "Refused" },
        body.len()
    )?;
    to.write_all(body)
}

/// Copies at so many bytes a second.
fn throttled(from: &mut impl Read, to: &mut impl Write, rate: u64) -> io::Result<()> {
    loop {
        if io::copy(&mut from.take(rate / PAUSES), to)? == 0 {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(1000 / PAUSES));
    }
}

/// What no request line may contain, and characters that a mirror may read as others when they are not coded.
const CODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'+').add(b'~');

fn encoded(path: &str) -> String {
    utf8_percent_encode(path, CODED).to_string()
}

fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ask(server: &Loopback, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        write!(stream, "GET /{path} HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn answers_with_files_and_with_what_another_server_says() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        std::fs::write(&file, "contents").unwrap();
        let archive = Loopback::start(move |path| match path {
            "mirror/pool/a+b.deb" => Answer::File(file.clone()),
            _ => Answer::Status(404),
        })
        .unwrap();
        assert!(ask(&archive, "mirror/pool/a%2bb.deb").ends_with("\r\n\r\ncontents"));
        assert!(ask(&archive, "mirror/other").starts_with("HTTP/1.1 404"));
        let upstream = Upstream::parse(&archive.uri("mirror")).unwrap();
        let mirror = Loopback::start(move |path| match path {
            "gone" => Answer::Status(410),
            "slow" => Answer::Slowly(upstream.clone(), "pool/a+b.deb".into(), 100),
            path => Answer::Pass(upstream.clone(), path.to_owned()),
        })
        .unwrap();
        assert!(ask(&mirror, "pool/a%2bb.deb").ends_with("\r\n\r\ncontents"));
        assert!(ask(&mirror, "slow").ends_with("\r\n\r\ncontents"));
        assert!(ask(&mirror, "gone").starts_with("HTTP/1.1 410"));
        assert_eq!(archive.asked(), 4, "what is refused is not asked for");
        assert!(Upstream::parse("https://x.example/d").is_none());
    }
}
