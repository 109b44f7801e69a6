//! Validates the text of a policy, section by section. Each error points at the place that is wrong.

use std::collections::BTreeMap;
use std::ops::Range;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use toml::Spanned;

use super::file::{
    File, FileForbidden, FileGap, FileLoading, FileMachine, FileMarker, FileOwn, FilePython,
    FileSame, FileShared, OpenBlas,
};
use super::{
    Forbidden, Gap, Loading, MACHINES, Machine, Marker, Policy, PolicyError, Python,
    ServerFunctions, Shared, instructions, machine_number,
};
use crate::version::Version;

/// The version of the file's format.
const FORMAT: u32 = 1;

/// The text of a policy, which errors point into.
pub(super) struct Source<'t> {
    /// The file's name in errors.
    pub(super) name: &'t str,
    /// The whole file.
    pub(super) text: &'t str,
}

impl Source<'_> {
    /// Validates the whole policy.
    pub(super) fn policy(&self) -> Result<Policy, PolicyError> {
        let file = self.file()?;
        let machines = self.machines(file.machines)?;
        self.every_machine_has_cores(&machines, &file.openblas)?;
        let interposition = file.interposition;
        for accepted in &interposition.accepted {
            self.require_reason(&accepted.reason)?;
        }
        let takers: Vec<_> = interposition
            .accepted
            .into_iter()
            .map(|a| a.provider)
            .collect();
        Ok(Policy {
            forbidden_libraries: self
                .forbidden_libraries(file.libraries.forbidden, &file.libraries.allowed)?,
            allowed_libraries: file.libraries.allowed,
            blas: self.patterns(&file.blas.names)?,
            blas_prefixes: file.blas.prefixes,
            blas_suffixes: file.blas.suffixes,
            exports: file.exports,
            markers: self.markers(file.versions.markers)?,
            server: ServerFunctions::new(file.server).map_err(|(at, what)| self.wrong(at, what))?,
            openblas: file.openblas,
            python: self.python(file.python)?,
            shared: self.shared(file.resolution.shared)?,
            reserved: self.reasoned_symbols(file.resolution.reserved)?,
            loading: self.loading(file.loading)?,
            takers: self.patterns(&takers)?,
            same: self.reasoned_symbols(interposition.same)?,
            own: self.own_symbols(interposition.own)?,
            instructions: instructions::read(&file.instructions, &machines, self)?,
            machines,
            accepted_gaps: self.accepted_gaps(file.accepted_gaps)?,
        })
    }

    /// The layout, with unknown fields and other formats refused.
    fn file(&self) -> Result<File, PolicyError> {
        let file: File = toml::from_str(self.text)
            .map_err(|e| self.wrong(e.span().unwrap_or(0..0), e.message()))?;
        match *file.version.get_ref() {
            FORMAT => Ok(file),
            _ => {
                let what = format!("this tool reads format {FORMAT} of the policy");
                Err(self.wrong(file.version.span(), what))
            }
        }
    }

    /// `[[libraries.forbidden]]`: a pattern may not forbid what is allowed.
    fn forbidden_libraries(
        &self,
        entries: Vec<FileForbidden>,
        allowed: &[String],
    ) -> Result<Vec<Forbidden>, PolicyError> {
        let mut forbidden = Vec::new();
        for entry in entries {
            let matcher = self.pattern(&entry.pattern)?.compile_matcher();
            if let Some(both) = allowed.iter().find(|name| matcher.is_match(name)) {
                let what = format!("the pattern forbids `{both}`, which is allowed");
                return Err(self.wrong(entry.pattern.span(), what));
            }
            forbidden.push(Forbidden {
                matcher,
                cause: entry.cause,
                remedy: entry.remedy,
            });
        }
        Ok(forbidden)
    }

    /// `[[versions.markers]]`: each says since which version its name exists.
    fn markers(&self, entries: Vec<FileMarker>) -> Result<BTreeMap<String, Marker>, PolicyError> {
        let mut markers = BTreeMap::new();
        for marker in entries {
            let since = Version::parse(marker.since.get_ref())
                .ok_or_else(|| self.wrong(marker.since.span(), "this is not a version"))?;
            let namespace = marker.namespace;
            markers.insert(marker.name, Marker { namespace, since });
        }
        Ok(markers)
    }

    /// `[python]`: the newest version may not be older than the oldest.
    fn python(&self, section: FilePython) -> Result<Python, PolicyError> {
        let version = |text: &Spanned<String>| {
            let parts = text.get_ref().split_once('.');
            parts
                .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)))
                .ok_or_else(|| self.wrong(text.span(), "write it like `3.8`"))
        };
        let python = Python {
            limited_api: version(&section.limited_api)?,
            newest: version(&section.newest)?,
            prefixes: section.prefixes,
        };
        if python.newest < python.limited_api {
            let what = "the newest Python is older than the limited API's";
            return Err(self.wrong(section.newest.span(), what));
        }
        Ok(python)
    }

    /// `[machines.ARCHITECTURE]`: classes and machines that this tool knows.
    fn machines(
        &self,
        section: BTreeMap<String, FileMachine>,
    ) -> Result<BTreeMap<String, Machine>, PolicyError> {
        let mut machines = BTreeMap::new();
        for (architecture, machine) in section {
            if !matches!(machine.class.get_ref(), 32 | 64) {
                return Err(self.wrong(machine.class.span(), "the class is 32 or 64"));
            }
            let number = machine_number(machine.machine.get_ref()).ok_or_else(|| {
                let known: Vec<&str> = MACHINES.iter().map(|(name, _)| *name).collect();
                let what = format!("known machines are {}", known.join(", "));
                self.wrong(machine.machine.span(), what)
            })?;
            let machine = Machine {
                class: machine.class.into_inner(),
                endian: machine.endian,
                machine: number,
            };
            machines.insert(architecture, machine);
        }
        Ok(machines)
    }

    /// An architecture without cores would pass S7 with any OpenBLAS.
    fn every_machine_has_cores(
        &self,
        machines: &BTreeMap<String, Machine>,
        openblas: &OpenBlas,
    ) -> Result<(), PolicyError> {
        let has_none = |architecture: &&String| {
            let cores = openblas.cores.get(*architecture);
            cores.is_none_or(BTreeMap::is_empty)
        };
        match machines.keys().find(has_none) {
            Some(architecture) => {
                let what = format!("[openblas.cores] has no cores of {architecture}");
                Err(self.wrong(0..self.text.len().min(1), what))
            }
            None => Ok(()),
        }
    }

    /// `[loading]`: libc itself and a directory have to be named.
    fn loading(&self, section: FileLoading) -> Result<Loading, PolicyError> {
        if section.glibc.get_ref().is_empty() {
            return Err(self.wrong(section.glibc.span(), "name libc itself"));
        }
        if section.directories.get_ref().is_empty() {
            return Err(self.wrong(section.directories.span(), "name a directory"));
        }
        let directories = self.directories(section.directories.into_inner())?;
        let is_unknown = |dir: &&Spanned<String>| !directories.contains(dir.get_ref());
        if let Some(unknown) = section.packaged.iter().find(is_unknown) {
            let what = "the dynamic linker does not look there: it is not among `directories`";
            return Err(self.wrong(unknown.span(), what));
        }
        Ok(Loading {
            os_abi: section.os_abi,
            static_tls: section.static_tls,
            glibc: self.sonames(section.glibc.into_inner())?,
            beside: self.sonames(section.beside)?,
            packaged: self.directories(section.packaged)?,
            directories,
        })
    }

    /// Absolute paths of directories.
    fn directories(&self, paths: Vec<Spanned<String>>) -> Result<Vec<String>, PolicyError> {
        let is_absolute = |path: &str| path.starts_with('/') && !path.ends_with('/');
        let read = |path: Spanned<String>| match is_absolute(path.get_ref()) {
            true => Ok(path.into_inner()),
            false => Err(self.wrong(path.span(), "write it like `/usr/lib`")),
        };
        paths.into_iter().map(read).collect()
    }

    /// Names by which libraries are needed.
    fn sonames(&self, names: Vec<Spanned<String>>) -> Result<Vec<String>, PolicyError> {
        let is_soname = |name: &str| name.contains(".so") && !name.contains('/');
        let read = |name: Spanned<String>| match is_soname(name.get_ref()) {
            true => Ok(name.into_inner()),
            false => Err(self.wrong(name.span(), "write it like `libc.so.6`")),
        };
        names.into_iter().map(read).collect()
    }

    /// `[[resolution.shared]]`: each entry gives its reason.
    fn shared(&self, entries: Vec<FileShared>) -> Result<Vec<Shared>, PolicyError> {
        let mut shared = Vec::new();
        for entry in entries {
            self.require_reason(&entry.reason)?;
            shared.push(Shared {
                symbols: self.patterns(&entry.symbols)?,
                providers: self.patterns(&entry.providers)?,
            });
        }
        Ok(shared)
    }

    /// One set of all the symbols of entries that give their reasons.
    fn reasoned_symbols(&self, entries: Vec<FileSame>) -> Result<GlobSet, PolicyError> {
        let mut symbols = Vec::new();
        for entry in entries {
            self.require_reason(&entry.reason)?;
            symbols.extend(entry.symbols);
        }
        self.patterns(&symbols)
    }

    /// `[[interposition.own]]`.
    fn own_symbols(&self, entries: Vec<FileOwn>) -> Result<Vec<(GlobSet, GlobSet)>, PolicyError> {
        let own = entries.into_iter().map(|entry| {
            self.require_reason(&entry.reason)?;
            let library = self.patterns(&[entry.library])?;
            Ok((library, self.patterns(&entry.symbols)?))
        });
        own.collect()
    }

    /// `[[accepted_gaps]]`: each names a rule that exists.
    fn accepted_gaps(&self, entries: Vec<FileGap>) -> Result<Vec<Gap>, PolicyError> {
        let mut gaps = Vec::new();
        for gap in entries {
            let rule = gap.rule.get_ref().parse();
            gaps.push(Gap {
                rule: rule.map_err(|what: String| self.wrong(gap.rule.span(), what))?,
                part: gap.part,
                reason: gap.reason,
            });
        }
        Ok(gaps)
    }

    /// A glob pattern, in which `{,x}` may have an empty alternative.
    fn pattern(&self, pattern: &Spanned<String>) -> Result<Glob, PolicyError> {
        GlobBuilder::new(pattern.get_ref())
            .empty_alternates(true)
            .build()
            .map_err(|e| self.wrong(pattern.span(), e.to_string()))
    }

    /// One set of many patterns.
    pub(super) fn patterns(&self, patterns: &[Spanned<String>]) -> Result<GlobSet, PolicyError> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            set.add(self.pattern(pattern)?);
        }
        set.build().map_err(|e| self.wrong(0..0, e.to_string()))
    }

    /// An exception of a rule is for a reason, which its readers have to know.
    pub(super) fn require_reason(&self, reason: &Spanned<String>) -> Result<(), PolicyError> {
        match reason.get_ref().trim().is_empty() {
            true => Err(self.wrong(reason.span(), "give the reason")),
            false => Ok(()),
        }
    }

    /// An error that points at a place of the text.
    pub(super) fn wrong(&self, at: Range<usize>, what: impl Into<String>) -> PolicyError {
        PolicyError::wrong(self.name, self.text, at, what)
    }
}
