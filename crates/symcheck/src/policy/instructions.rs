//! The instructions of an architecture: which are its baseline, and which functions are chosen at run time.

use std::collections::BTreeSet;
use std::ops::Range;

use globset::GlobSet;
use iced_x86::{CpuidFeature, Mnemonic};
use toml::Spanned;

use super::PolicyError;
use super::file::FileInstructions;
use crate::instructions::{feature, mnemonic};

/// Makes one set of many patterns.
type Patterns<'a> = dyn Fn(&[Spanned<String>]) -> Result<GlobSet, PolicyError> + 'a;

/// What may run where.
#[derive(Debug)]
pub struct Instructions {
    baseline: Vec<CpuidFeature>,
    tolerated: Vec<Mnemonic>,
    dispatched: Vec<(GlobSet, BTreeSet<usize>)>,
}

/// A mistake: already worded, or a place and what is wrong there.
type Mistake = Result<PolicyError, (Range<usize>, String)>;

impl Instructions {
    pub(super) fn new(file: FileInstructions, patterns: &Patterns<'_>) -> Result<Self, Mistake> {
        let features = |names: &[Spanned<String>]| -> Result<Vec<CpuidFeature>, Mistake> {
            let known = |name: &Spanned<String>| {
                feature(name.get_ref()).ok_or_else(|| {
                    Err((
                        name.span(),
                        "there is no such feature of processors".to_owned(),
                    ))
                })
            };
            names.iter().map(known).collect()
        };
        let mut tolerated = Vec::new();
        for entry in &file.tolerated {
            let name = &entry.mnemonic;
            let known = mnemonic(name.get_ref());
            tolerated
                .push(known.ok_or_else(|| {
                    Err((name.span(), "there is no such instruction".to_owned()))
                })?);
        }
        let mut dispatched = Vec::new();
        for entry in &file.dispatched {
            let may = features(&entry.features)?;
            let may = may.into_iter().map(|feature| feature as usize).collect();
            dispatched.push((patterns(&entry.functions).map_err(Ok)?, may));
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
