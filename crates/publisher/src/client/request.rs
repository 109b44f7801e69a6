//! One request and its answer: with what the registry granted before, once more after it asked who we are, and again
//! after a connection broke or the registry had too much to do.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::thread;
use std::time::Duration;

use ureq::SendBody;

use super::Registry;
use super::auth::Authorization;
use super::error::RegistryError;

/// How often a request is sent before its failure counts.
const ATTEMPTS: u32 = 4;
/// The pause after the first failure; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
/// The largest answer that is read where nothing else is said.
const SMALL: u64 = 1 << 20;

/// What a request carries.
#[derive(Debug, Clone)]
pub enum Body<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// A part of a file.
    Part {
        /// The file.
        file: &'a Path,
        /// Where the part begins.
        offset: u64,
        /// Its bytes.
        size: u64,
    },
}

/// A request; most of it is the same for all.
pub struct Request<'a> {
    method: &'static str,
    /// Below the registry's address, or a whole address that the registry gave.
    place: &'a str,
    repository: &'a str,
    headers: Vec<(&'static str, &'a str)>,
    body: Option<Body<'a>>,
    limit: u64,
}

/// An answer, whose body was read.
pub struct Answer {
    /// The status.
    pub status: u16,
    headers: ureq::http::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What a registry says of an error, as far as it keeps to the protocol.
    pub fn said(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let errors = json["errors"].as_array().into_iter().flatten();
        let words = errors.map(|error| {
            let part = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
            format!("{} {}", part("code"), part("message"))
                .trim()
                .to_owned()
        });
        words.collect::<Vec<_>>().join("; ")
    }
}

impl<'a> Request<'a> {
    /// A request about a repository.
    pub fn new(method: &'static str, place: &'a str, repository: &'a str) -> Self {
        Self {
            method,
            place,
            repository,
            headers: Vec::new(),
            body: None,
            limit: SMALL,
        }
    }

    /// What is accepted as an answer.
    pub fn accept(mut self, types: &'a str) -> Self {
        self.headers.push(("accept", types));
        self
    }

    /// What the body is.
    pub fn content_type(mut self, media_type: &'a str) -> Self {
        self.headers.push(("content-type", media_type));
        self
    }

    /// The body.
    pub fn body(mut self, body: Body<'a>) -> Self {
        self.body = Some(body);
        self
    }

    /// The largest answer that is read.
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }
}

/// Reads an answer of at most so many bytes.
pub fn read(response: ureq::http::Response<ureq::Body>, limit: u64) -> Result<Answer, ureq::Error> {
    let (parts, mut body) = response.into_parts();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.with_config().limit(limit).read_to_vec()?,
    })
}

impl Registry {
    /// Sends a request.
    pub(super) fn send(&self, request: &Request<'_>) -> Result<Answer, RegistryError> {
        let known = self.granted_for(request.repository);
        let answer = self.send_with(request, known.as_ref())?;
        let asked = answer.header("www-authenticate").unwrap_or_default();
        if answer.status != 401 || asked.is_empty() {
            return Ok(answer);
        }
        match self.authorize(asked, request.repository)? {
            Some(granted) if Some(&granted) != known.as_ref() => {
                let again = self.send_with(request, Some(&granted))?;
                let mut all = self.granted.lock().unwrap_or_else(|e| e.into_inner());
                all.insert(request.repository.to_owned(), granted);
                Ok(again)
            }
            _ => Ok(answer),
        }
    }

    fn granted_for(&self, repository: &str) -> Option<Authorization> {
        let all = self.granted.lock().unwrap_or_else(|e| e.into_inner());
        all.get(repository).cloned()
    }

    /// The same until there is an answer that another attempt would not change.
    fn send_with(
        &self,
        request: &Request<'_>,
        authorization: Option<&Authorization>,
    ) -> Result<Answer, RegistryError> {
        let mut pause = PAUSE;
        for attempt in 1.. {
            let answer = self.attempt(request, authorization);
            let again = match &answer {
                Ok(answer) => matches!(answer.status, 429 | 500 | 502 | 503 | 504),
                Err(RegistryError::Unreachable { .. }) => true,
                Err(_) => false,
            };
            if !again || attempt >= ATTEMPTS {
                return answer;
            }
            thread::sleep(pause);
            pause *= 2;
        }
        Err(self.malformed("was never asked")) // the loop has no other end
    }

    fn attempt(
        &self,
        request: &Request<'_>,
        authorization: Option<&Authorization>,
    ) -> Result<Answer, RegistryError> {
        let address = match request.place.starts_with('/') {
            true => format!("{}{}", self.base, request.place),
            false => request.place.to_owned(),
        };
        let mut builder = ureq::http::Request::builder()
            .method(request.method)
            .uri(&address);
        for (name, value) in &request.headers {
            builder = builder.header(*name, *value);
        }
        // Storage behind a registry has signed addresses of its own; a token is for the registry alone.
        let own = address.starts_with(&format!("{}/", self.base));
        if let Some(granted) = authorization.filter(|_| own) {
            builder = builder.header("authorization", granted.value());
        }
        let unreachable = |reason: String| RegistryError::Unreachable {
            host: self.host.clone(),
            reason,
        };
        let invalid = |_| self.malformed("answers with an address that is none");
        let sent = match &request.body {
            None => self.agent.run(builder.body(()).map_err(invalid)?),
            Some(Body::Bytes(bytes)) => self.agent.run(builder.body(*bytes).map_err(invalid)?),
            Some(Body::Part { file, offset, size }) => {
                let part =
                    open(file, *offset, *size).map_err(|reason| RegistryError::Unreadable {
                        file: file.display().to_string(),
                        reason,
                    })?;
                let body = SendBody::from_owned_reader(part);
                let builder = builder.header("content-length", *size);
                self.agent.run(builder.body(body).map_err(invalid)?)
            }
        };
        let response = sent.map_err(|error| unreachable(words(&error)))?;
        read(response, request.limit).map_err(|error| unreachable(words(&error)))
    }
}

/// An error of the connection, without the address, which may have a signature in it.
fn words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::BadUri(_) => "it gave an address that is none".to_owned(),
        other => other.to_string(),
    }
}

fn open(file: &Path, offset: u64, size: u64) -> io::Result<impl Read + 'static> {
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(offset))?;
    Ok(file.take(size))
}
