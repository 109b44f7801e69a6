//! The instructions of an architecture: which are its baseline, and which functions are chosen at run time.

use std::collections::{BTreeMap, BTreeSet};

use globset::GlobSet;
use toml::Spanned;

use super::file::FileInstructions;
use super::parse::Source;
use super::{Machine, PolicyError};
use crate::machine_code::{Decoder, Known};

/// What may run where.
#[derive(Debug)]
pub struct Instructions {
    decoder: Decoder,
    known: Known,
    dispatched: Vec<(GlobSet, BTreeSet<usize>)>,
}

/// `[instructions.ARCHITECTURE]` of each architecture.
pub(super) fn read(
    section: &BTreeMap<String, Spanned<FileInstructions>>,
    machines: &BTreeMap<String, Machine>,
    source: &Source<'_>,
) -> Result<BTreeMap<String, Instructions>, PolicyError> {
    let mut read = BTreeMap::new();
    for (architecture, entry) in section {
        let machine = machines.get(architecture).map(|machine| machine.machine);
        let decoder = machine.and_then(Decoder::of).ok_or_else(|| {
            let what = format!("no decoder of the instructions of {architecture} is built in");
            source.wrong(entry.span(), what)
        })?;
        let instructions = Instructions::new(entry.get_ref(), decoder, source)?;
        read.insert(architecture.clone(), instructions);
    }
    Ok(read)
}

impl Instructions {
    fn new(
        file: &FileInstructions,
        decoder: Decoder,
        source: &Source<'_>,
    ) -> Result<Self, PolicyError> {
        let features = |names: &[Spanned<String>]| -> Result<BTreeSet<usize>, PolicyError> {
            let known = |name: &Spanned<String>| {
                let found = decoder.feature(name.get_ref());
                found.ok_or_else(|| {
                    source.wrong(name.span(), "there is no such feature of processors")
                })
            };
            names.iter().map(known).collect()
        };
        let mut tolerated = BTreeSet::new();
        for entry in &file.tolerated {
            source.require_reason(&entry.reason)?;
            let name = &entry.mnemonic;
            if !decoder.has_mnemonic(name.get_ref()) {
                return Err(source.wrong(name.span(), "there is no such instruction"));
            }
            tolerated.insert(name.get_ref().clone());
        }
        let mut dispatched = Vec::new();
        for entry in &file.dispatched {
            source.require_reason(&entry.reason)?;
            let may = features(&entry.features)?;
            dispatched.push((source.patterns(&entry.functions)?, may));
        }
        Ok(Self {
            decoder,
            known: Known {
                baseline: features(&file.baseline)?,
                tolerated,
            },
            dispatched,
        })
    }

    /// What decodes the architecture's code.
    pub fn decoder(&self) -> Decoder {
        self.decoder
    }

    /// What every processor of the architecture has, or takes no harm from.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// The features that a function may use because it is chosen at run time; `None` for one that is not known to be.
    pub fn dispatched(&self, function: &str) -> Option<&BTreeSet<usize>> {
        let mut entries = self.dispatched.iter();
        entries
            .find(|(functions, _)| functions.is_match(function))
            .map(|(_, features)| features)
    }

    /// All features that any function may use.
    pub fn dispatched_features(&self) -> BTreeSet<usize> {
        let features = self.dispatched.iter().flat_map(|(_, features)| features);
        features.copied().collect()
    }

    /// The name of a feature that is above the baseline; `None` for one of the baseline.
    pub fn feature_name(&self, number: usize) -> Option<String> {
        let above = !self.known.baseline.contains(&number);
        above.then(|| self.decoder.feature_name(number))
    }
}
