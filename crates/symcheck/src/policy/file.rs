//! The layout of `policy.toml`, before it is validated.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::elf::Endian;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) version: Spanned<u32>,
    pub(super) libraries: FileLibraries,
    pub(super) blas: FileBlas,
    pub(super) exports: Exports,
    pub(super) versions: FileVersions,
    #[serde(default)]
    pub(super) server: FileServer,
    pub(super) openblas: OpenBlas,
    pub(super) python: FilePython,
    #[serde(default)]
    pub(super) resolution: FileResolution,
    #[serde(default)]
    pub(super) interposition: FileInterposition,
    #[serde(default)]
    pub(super) instructions: BTreeMap<String, Spanned<FileInstructions>>,
    pub(super) machines: BTreeMap<String, FileMachine>,
    #[serde(default)]
    pub(super) accepted_gaps: Vec<FileGap>,
    pub(super) loading: FileLoading,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileLibraries {
    pub(super) allowed: Vec<String>,
    pub(super) forbidden: Vec<FileForbidden>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileForbidden {
    pub(super) pattern: Spanned<String>,
    pub(super) cause: String,
    pub(super) remedy: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileBlas {
    pub(super) prefixes: Vec<String>,
    pub(super) suffixes: Vec<(String, String)>,
    pub(super) names: Vec<Spanned<String>>,
}

/// What Postgres looks up in a library.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exports {
    /// Names that Postgres knows.
    pub entry_points: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileVersions {
    #[serde(default)]
    pub(super) markers: Vec<FileMarker>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileMarker {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) since: Spanned<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct FileServer {
    /// Functions that every minor release has.
    #[serde(default)]
    pub(super) symbols: Vec<String>,
    #[serde(default)]
    pub(super) since: Vec<FileSince>,
}

/// Functions that minor releases brought.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSince {
    pub(super) symbols: Vec<Spanned<String>>,
    /// The first minor release of each major that has them.
    pub(super) minors: Vec<Spanned<String>>,
    /// The fault that they are part of the fix of.
    pub(super) fixes: Option<String>,
    pub(super) source: Spanned<String>,
}

/// The OpenBLAS that has to be inside.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenBlas {
    /// The version that its configuration string begins with.
    pub version: String,
    /// Words that its configuration string has.
    pub configuration: Vec<String>,
    /// Symbols that it has before strip.
    pub symbols: Vec<String>,
    /// Symbols that it has for each core; `{core}` stands for the core's name.
    pub kernel_symbols: Vec<String>,
    /// Symbols that only a threaded build has.
    pub threaded_symbols: Vec<String>,
    /// For each architecture the cores whose kernels have to be inside: spelling in symbols, spelling in the table of names.
    pub cores: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilePython {
    pub(super) prefixes: Vec<String>,
    pub(super) limited_api: Spanned<String>,
    pub(super) newest: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileMachine {
    pub(super) class: Spanned<u8>,
    pub(super) endian: Endian,
    pub(super) machine: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileGap {
    pub(super) rule: Spanned<String>,
    pub(super) part: String,
    pub(super) reason: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct FileResolution {
    #[serde(default)]
    pub(super) shared: Vec<FileShared>,
    #[serde(default)]
    pub(super) reserved: Vec<FileSame>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileLoading {
    pub(super) os_abi: Vec<u8>,
    pub(super) static_tls: u64,
    pub(super) glibc: Spanned<Vec<Spanned<String>>>,
    pub(super) beside: Vec<Spanned<String>>,
    pub(super) directories: Spanned<Vec<Spanned<String>>>,
    pub(super) packaged: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileShared {
    pub(super) symbols: Vec<Spanned<String>>,
    pub(super) providers: Vec<Spanned<String>>,
    pub(super) reason: Spanned<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct FileInterposition {
    #[serde(default)]
    pub(super) accepted: Vec<FileAccepted>,
    #[serde(default)]
    pub(super) same: Vec<FileSame>,
    #[serde(default)]
    pub(super) own: Vec<FileOwn>,
}

/// Symbols that a library of a wheel keeps, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileOwn {
    pub(super) library: Spanned<String>,
    pub(super) symbols: Vec<Spanned<String>>,
    pub(super) reason: Spanned<String>,
}

/// Symbols by their names, and why they are listed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSame {
    pub(super) symbols: Vec<Spanned<String>>,
    pub(super) reason: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileAccepted {
    pub(super) provider: Spanned<String>,
    pub(super) reason: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileInstructions {
    pub(super) baseline: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) tolerated: Vec<FileTolerated>,
    #[serde(default)]
    pub(super) dispatched: Vec<FileDispatched>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileTolerated {
    pub(super) mnemonic: Spanned<String>,
    pub(super) reason: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileDispatched {
    pub(super) functions: Vec<Spanned<String>>,
    pub(super) features: Vec<Spanned<String>>,
    pub(super) reason: Spanned<String>,
}
