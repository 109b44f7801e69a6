//! A mirror on this machine that has what the store has, and counts who asks.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Serves files until it is dropped.
pub struct Mirror {
    port: u16,
    asked: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl Mirror {
    /// Serves these files, by their path below the base.
    pub fn start(files: BTreeMap<String, PathBuf>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (asked, stop) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (count, stopped) = (asked.clone(), stop.clone());
        let server = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        count.fetch_add(1, Ordering::Relaxed);
                        // A client that was killed is not this side's failure.
                        let _ = serve(stream, &files);
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

    /// The address below which the files are.
    pub fn uri(&self) -> String {
        format!("http://127.0.0.1:{}/mirror", self.port)
    }

    /// How many connections were made so far.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

/// Answers one request; each has a connection of its own.
fn serve(stream: TcpStream, files: &BTreeMap<String, PathBuf>) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(&stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = decoded(path.strip_prefix("/mirror/").unwrap_or(path));
    let (status, body) = match files.get(&path).map(std::fs::read) {
        Some(Ok(body)) => ("200 OK", body),
        _ => ("404 Not Found", Vec::new()),
    };
    let mut to = &stream;
    write!(
        to,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    to.write_all(&body)?;
    stream.shutdown(std::net::Shutdown::Write)?;
    to.read_to_end(&mut Vec::new()).map(drop)
}

/// Without percent encoding.
fn decoded(path: &str) -> String {
    let mut parts = path.split('%');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..2)
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        match code {
            Some(code) => {
                text.push(char::from(code));
                text.push_str(&part[2..]);
            }
            None => text.push_str(part),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_it_has_and_counts() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        std::fs::write(&file, "contents").unwrap();
        let mirror = Mirror::start(BTreeMap::from([("pool/a+b.deb".to_owned(), file)])).unwrap();
        let ask = |path: &str| {
            let mut stream = TcpStream::connect(("127.0.0.1", mirror.port)).unwrap();
            write!(stream, "GET /mirror/{path} HTTP/1.1\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        assert!(ask("pool/a%2bb.deb").ends_with("\r\n\r\ncontents"));
        assert!(ask("pool/other").starts_with("HTTP/1.1 404"));
        assert_eq!(mirror.asked(), 2);
    }
}
