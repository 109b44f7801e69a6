//! A mirror on this machine that passes requests on to an archive, and withholds files as if they had left it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long either side may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// Passes requests on until it is dropped.
pub struct WithholdingMirror {
    port: u16,
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

/// The archive behind a mirror, from its address `http://HOST[:PORT]/PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Upstream {
    authority: String,
    path: String,
}

impl Upstream {
    fn parse(uri: &str) -> Option<Self> {
        let (authority, path) = uri.strip_prefix("http://")?.split_once('/')?;
        Some(Self {
            authority: authority.to_owned(),
            path: format!("/{}", path.trim_end_matches('/')),
        })
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = match self.authority.contains(':') {
            true => TcpStream::connect(&self.authority)?,
            false => TcpStream::connect((self.authority.as_str(), 80))?,
        };
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        Ok(stream)
    }
}

impl WithholdingMirror {
    /// Passes on what is asked below its base to the archive at `uri`, but for the paths that begin with one of `withheld`.
    /// None where the archive is not reached by plain HTTP.
    pub fn start(uri: &str, withheld: &[String]) -> io::Result<Option<Self>> {
        let Some(upstream) = Upstream::parse(uri) else {
            return Ok(None);
        };
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, withheld) = (stop.clone(), Arc::new(withheld.to_vec()));
        let server = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let (upstream, withheld) = (upstream.clone(), withheld.clone());
                        // A client that went away is not this side's failure.
                        thread::spawn(move || drop(answer(&stream, &upstream, &withheld)));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Ok(Some(Self {
            port,
            stop,
            server: Some(server),
        }))
    }

    /// The address below which the archive is.
    pub fn uri(&self) -> String {
        format!("http://127.0.0.1:{}/archive", self.port)
    }
}

impl Drop for WithholdingMirror {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

/// Answers the requests of a connection, one; the client opens another for the next.
fn answer(stream: &TcpStream, upstream: &Upstream, withheld: &[String]) -> io::Result<()> {
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
    let path = path.strip_prefix("/archive/").unwrap_or(path);
    let plain = path.replace("%2b", "+").replace("%7e", "~");
    let mut to = stream;
    if withheld.iter().any(|prefix| plain.starts_with(prefix)) {
        let nothing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        to.write_all(nothing.as_bytes())?;
    } else {
        let mut from = upstream.connect()?;
        // The answer ends with the connection, and is passed on as it is.
        write!(
            from,
            "GET {}/{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            upstream.path, upstream.authority
        )?;
        io::copy(&mut from, &mut to)?;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    to.read_to_end(&mut Vec::new()).map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::mirror::Mirror;
    use super::*;

    #[test]
    fn passes_on_what_is_there_and_withholds_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x");
        std::fs::write(&file, "contents").unwrap();
        let have = ["pool/a+b.deb", "pool/c.deb"].map(|path| (path.to_owned(), file.clone()));
        let archive = Mirror::start(BTreeMap::from(have)).unwrap();
        let withheld = ["pool/a+".to_owned()];
        let mirror = WithholdingMirror::start(&archive.uri(), &withheld);
        let mirror = mirror.unwrap().unwrap();
        let ask = |path: &str| {
            let mut stream = TcpStream::connect(("127.0.0.1", mirror.port)).unwrap();
            write!(stream, "GET /archive/{path} HTTP/1.1\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        assert!(ask("pool/c.deb").ends_with("\r\n\r\ncontents"));
        assert!(ask("pool/a%2bb.deb").starts_with("HTTP/1.1 404"));
        assert!(ask("pool/other").contains(" 404 "));
        assert_eq!(archive.asked(), 2, "what is withheld is not asked for");
        assert!(
            WithholdingMirror::start("https://x.example/d", &[])
                .unwrap()
                .is_none()
        );
    }
}
