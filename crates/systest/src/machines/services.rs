//! What an Ubuntu machine reaches, served on loopback: its archive, and Debian's snapshot service.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base::exit::Failure;
use base::files::FileError;
use inputs::fetch::mirrors::Mirrors;
use loopback::{Answer, Loopback, Upstream};

use super::stand_in::MADE;
use crate::cases::unexpected;

/// The archives of this machine that have the packages behind both.
#[derive(Debug, Clone)]
pub struct Sources {
    debian: Upstream,
    security: Upstream,
}

impl Sources {
    /// Those that this machine's apt uses; in words why that can't be where they are not plain HTTP.
    pub fn of(mirrors: &Mirrors) -> Result<Self, String> {
        let upstream = |name: &str| {
            let base = mirrors.base(name);
            base.and_then(Upstream::parse).ok_or_else(|| {
                format!("this machine's apt does not reach the archive `{name}` by plain HTTP")
            })
        };
        Ok(Self {
            debian: upstream("debian")?,
            security: upstream("debian-security")?,
        })
    }

    /// What a path of a pool is answered with.
    fn pool(&self, path: &str) -> Answer {
        // Where Debian's security archive has its packages, and no other archive.
        match path.starts_with("pool/updates/") {
            true => Answer::Pass(self.security.clone(), path.to_owned()),
            false => Answer::Pass(self.debian.clone(), path.to_owned()),
        }
    }
}

/// Serves archives whose indexes are in directories below one, each under the name of its directory.
pub fn archives(root: &Path, sources: &Sources) -> Result<Loopback, Failure> {
    let (root, sources) = (root.to_owned(), sources.clone());
    let answer = move |path: &str| {
        let Some((archive, path)) = path.split_once('/') else {
            return Answer::Status(404);
        };
        let own = path.starts_with("dists/") || path.starts_with(MADE);
        match own {
            true if path.contains("..") || archive == ".." => Answer::Status(400),
            true => Answer::File(root.join(archive).join(path)),
            false => sources.pool(path),
        }
    };
    serve(answer)
}

/// How a snapshot service does its work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Temper {
    /// At once.
    #[default]
    Willing,
    /// At so many bytes a second.
    Slow(u64),
    /// Too busy for the request of this number, once.
    RefusesOnce(usize),
    /// Something else for paths with this in them.
    Lies(&'static str),
}

/// A snapshot service, whose temper can be changed while it runs.
pub struct Snapshot {
    /// The server.
    pub server: Loopback,
    temper: Arc<Mutex<(Temper, usize)>>,
}

impl Snapshot {
    /// Serves `NAME/TIME/PATH` of Debian's archives, as its snapshot service does.
    pub fn start(sources: &Sources) -> Result<Self, Failure> {
        let sources = sources.clone();
        let temper: Arc<Mutex<(Temper, usize)>> = Arc::default();
        let shared = temper.clone();
        let server = serve(move |path: &str| {
            let mut parts = path.splitn(3, '/');
            let (name, _time, rest) = (parts.next(), parts.next(), parts.next());
            let upstream = match name {
                Some("debian") => &sources.debian,
                Some("debian-security") => &sources.security,
                _ => return Answer::Status(404),
            };
            let mut state = shared.lock().unwrap_or_else(|e| e.into_inner());
            state.1 += 1;
            answer(&state, upstream, rest.unwrap_or_default())
        })?;
        Ok(Self { server, temper })
    }

    /// From now on it is of this temper, and counts its requests anew.
    pub fn becomes(&self, temper: Temper) {
        *self.temper.lock().unwrap_or_else(|e| e.into_inner()) = (temper, 0);
    }

    /// How many requests it had since.
    pub fn asked(&self) -> usize {
        self.temper.lock().unwrap_or_else(|e| e.into_inner()).1
    }
}

fn answer((temper, number): &(Temper, usize), upstream: &Upstream, path: &str) -> Answer {
    let (upstream, path) = (upstream.clone(), path.to_owned());
    match temper {
        Temper::RefusesOnce(at) if number == at => Answer::Status(503),
        Temper::Lies(part) if path.contains(part) => Answer::Bytes(b"something else".to_vec()),
        Temper::Slow(rate) => Answer::Slowly(upstream, path, *rate),
        _ => Answer::Pass(upstream, path),
    }
}

/// What `PGML_DIST_MIRRORS` says for the public service's place to be taken.
pub fn instead_of_public(service: &Snapshot) -> String {
    ["debian", "debian-security"]
        .map(|name| format!("{name}-snapshot={}/{{time}}", service.server.uri(name)))
        .join(" ")
}

/// The directory that a machine's archives are made in.
pub fn directory(scratch: &Path) -> PathBuf {
    scratch.join("archives")
}

fn serve(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Result<Loopback, Failure> {
    Loopback::start(answer).map_err(|error| {
        let error = FileError::at("serve", "127.0.0.1")(error);
        unexpected(error.to_string())
    })
}
