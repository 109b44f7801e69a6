//! The instructions of an architecture: which are its baseline, and which functions are chosen at run time.

use std::collections::BTreeSet;

use globset::GlobSet;
use iced_x86::{CpuidFeature, Mnemonic};
use toml::Spanned;

use super::PolicyError;
use super::file::FileInstructions;
use super::parse::Source;
use crate::instructions::{feature, mnemonic};

/// What may run where.
#[derive(Debug)]
pub struct Instructions {
    baseline: Vec<CpuidFeature>,
    tolerated: Vec<Mnemonic>,
    dispatched: Vec<(GlobSet, BTreeSet<usize>)>,
}

impl Instructions {
    pub(super) fn new(file: &FileInstructions, source: &Source<'_>) -> Result<Self, PolicyError> {
        let features = |names: &[Spanned<String>]| -> Result<Vec<CpuidFeature>, PolicyError> {
            let known = |name: &Spanned<String>| {
                let found = feature(name.get_ref());
                found.ok_or_else(|| {
                    source.wrong(name.span(), "there is no such feature of processors")
                })
            };
            names.iter().map(known).collect()
        };
        let mut tolerated = Vec::new();
        for entry in &file.tolerated {
            source.require_reason(&entry.reason)?;
            let name = &entry.mnemonic;
            let known = mnemonic(name.get_ref());
            tolerated.push(
                known.ok_or_else(|| source.wrong(name.span(), "there is no such instruction"))?,
            );
        }
        let mut dispatched = Vec::new();
        for entry in &file.dispatched {
            source.require_reason(&entry.reason)?;
            let may = features(&entry.features)?;
            let may = may.into_iter().map(|feature| feature as usize).collect();
            dispatched.push((source.patterns(&entry.functions)?, may));
        }
        Ok(Self {
            baseline: features(&file.baseline)?,
            tolerated,
            dispatched,
        })
    }

    /// Whether every processor of the architecture has a feature.
    pub fn is_baseline(&self, feature: CpuidFeature) -> bool {
        self.baseline.contains(&feature)
    }

    /// Whether an instruction does no harm on a processor that does not know it.
    pub fn is_tolerated(&self, mnemonic: Mnemonic) -> bool {
        self.tolerated.contains(&mnemonic)
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
        let found = CpuidFeature::values().find(|feature| *feature as usize == number)?;
        (!self.is_baseline(found)).then(|| format!("{found:?}"))
    }
}
