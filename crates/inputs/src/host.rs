//! What this machine is and has. Looked up once, at the start, and passed on.

pub mod advisories;
pub mod apt;
pub mod doctor;
pub mod emulation;
pub mod namespaces;
pub mod require;
mod select;
pub mod tools;

use std::fs;
use std::path::{Path, PathBuf};

pub use self::select::Choice;

/// The fields of `/etc/os-release` that choose a target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `ID`, such as `debian`.
    pub id: String,
    /// `12`; empty in testing and unstable.
    pub version: String,
    /// `VERSION_CODENAME`, such as `bookworm`.
    pub codename: String,
    /// What people call it.
    pub title: String,
}

impl OsRelease {
    /// Reads the format of os-release(5).
    pub fn parse(text: &str) -> Self {
        let value = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned())
                .unwrap_or_default()
        };
        Self {
            id: value("ID"),
            version: value("VERSION_ID"),
            codename: value("VERSION_CODENAME"),
            title: value("PRETTY_NAME"),
        }
    }

    /// `debian12`, `ubuntu22.04`: as targets are written.
    pub fn id_version(&self) -> String {
        format!("{}{}", self.id, self.version)
    }
}

/// The machine that this process runs on.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its operating system; empty fields where it has no os-release.
    pub os: OsRelease,
    /// What its kernel calls the processor: `x86_64`, `aarch64`.
    pub machine: String,
    /// Whether this process is root's.
    pub root: bool,
    /// The Postgres majors whose servers are installed, oldest first.
    pub postgres: Vec<u16>,
    /// The directories where programs are looked for.
    path: Vec<PathBuf>,
}

impl Host {
    /// Looks at the machine whose file system begins at `root`: `/`, or a directory that a test made.
    pub fn detect(root: &Path) -> Self {
        let os = ["etc/os-release", "usr/lib/os-release"]
            .iter()
            .find_map(|file| fs::read_to_string(root.join(file)).ok())
            .map(|text| OsRelease::parse(&text))
            .unwrap_or_default();
        let mut postgres: Vec<u16> = fs::read_dir(root.join("usr/lib/postgresql"))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.path().join("bin/postgres").exists())
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        postgres.sort_unstable();
        let path = [
            "usr/local/sbin",
            "usr/local/bin",
            "usr/sbin",
            "usr/bin",
            "sbin",
            "bin",
        ];
        Self {
            os,
            machine: std::env::consts::ARCH.to_owned(),
            root: rustix::process::geteuid().is_root(),
            postgres,
            path: path.iter().map(|dir| root.join(dir)).collect(),
        }
    }

    /// Where a program is, if it is installed.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        self.path
            .iter()
            .map(|dir| dir.join(name))
            .find(|file| file.is_file())
    }
}
