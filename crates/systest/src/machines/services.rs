//! Servers on loopback that stand in for an Ubuntu archive and for Debian's snapshot service.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base::exit::Failure;
use base::files::FileError;
use inputs::fetch::mirrors::Mirrors;
use loopback::{Answer, Loopback, Upstream};

use super::stand_in::STAND_IN_POOL;
use crate::cases::unexpected;

/// The archives of this machine that have the packages behind both.
#[derive(Debug, Clone)]
pub struct Sources {
    debian: Upstream,
    security: Upstream,
}

impl Sources {
    /// The archives that this machine's apt uses. The error is the reason where they are not plain HTTP.
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
        let own = path.starts_with("dists/") || path.starts_with(STAND_IN_POOL);
        match own {
            true if path.contains("..") || archive == ".." => Answer::Status(400),
            true => Answer::File(root.join(archive).join(path)),
            false => sources.pool(path),
        }
    };
    serve(answer)
}

/// How a snapshot service answers requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// It answers at once with the right bytes.
    #[default]
    Serves,
    /// It answers at this rate, in bytes per second.
    Slow(u64),
    /// It answers the request of this number with status 503.
    FailsOnce(usize),
    /// It sends other bytes for paths that contain this text.
    Corrupts(&'static str),
}

/// A snapshot service whose behaviour can be changed while it runs.
pub struct Snapshot {
    /// The HTTP server on the loopback interface, which stops when this is dropped.
    pub server: Loopback,
    behaviour: Arc<Mutex<(Behaviour, usize)>>,
}

impl Snapshot {
    /// Serves `NAME/TIME/PATH` of Debian's archives, as its snapshot service does.
    pub fn start(sources: &Sources) -> Result<Self, Failure> {
        let sources = sources.clone();
        let behaviour: Arc<Mutex<(Behaviour, usize)>> = Arc::default();
        let shared = behaviour.clone();
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
        Ok(Self { server, behaviour })
    }

    /// Sets how the service answers from now on, and sets the count of requests to zero.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap_or_else(|e| e.into_inner()) = (behaviour, 0);
    }

    /// The number of requests since the behaviour was set.
    pub fn asked(&self) -> usize {
        self.behaviour.lock().unwrap_or_else(|e| e.into_inner()).1
    }
}

fn answer((behaviour, number): &(Behaviour, usize), upstream: &Upstream, path: &str) -> Answer {
    let (upstream, path) = (upstream.clone(), path.to_owned());
    match behaviour {
        Behaviour::FailsOnce(at) if number == at => Answer::Status(503),
        Behaviour::Corrupts(part) if path.contains(part) => {
            Answer::Bytes(b"something else".to_vec())
        }
        Behaviour::Slow(rate) => Answer::Slowly(upstream, path, *rate),
        _ => Answer::Pass(upstream, path),
    }
}

/// The value of `PGML_DIST_MIRRORS` that puts this service in the place of the public one.
pub fn instead_of_public(service: &Snapshot) -> String {
    ["debian", "debian-security"]
        .map(|name| format!("{name}-snapshot={}/{{time}}", service.server.uri(name)))
        .join(" ")
}

/// The directory in which the archives of a machine are made.
pub fn directory(scratch: &Path) -> PathBuf {
    scratch.join("archives")
}

fn serve(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Result<Loopback, Failure> {
    Loopback::start(answer).map_err(|error| {
        let error = FileError::at("serve", "127.0.0.1")(error);
        unexpected(error.to_string())
    })
}
