//! The leaves of trees that tell many scores: of each leaf, only the scores that it adds something to.
//!
//! A forest's leaf has a share for each class, and of thousands of classes all but a few are zero. Zero is what a sum does not
//! need to hear: the scores are, bit for bit, what they are when it is added.

use crate::slab::Slab;

/// Which scores the values of each leaf belong to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Places {
    /// Of each leaf, where its values begin; and where those of the last one end.
    pub starts: Slab<u32>,
    /// Of each value, its score.
    pub scores: Slab<u32>,
}

/// The sparse form has to be this many times smaller than the dense one: for few scores the dense form adds up faster.
const WORTH: usize = 4;

impl Places {
    /// Whether so many leaves with a value for each of `width` scores are better told by their `filled` values that are not zero.
    pub fn are_worth_it(leaves: usize, width: usize, filled: usize) -> bool {
        let (place, value) = (size_of::<u32>(), size_of::<f64>());
        let told = leaves.saturating_mul(place).saturating_add(filled.saturating_mul(place + value));
        told.saturating_mul(WORTH) <= leaves.saturating_mul(width).saturating_mul(value)
    }

    /// How many leaves there are; none unless every leaf has its values, each for another score.
    pub(super) fn leaves(&self, width: usize, values: usize) -> Option<usize> {
        let (first, last) = (self.starts.first()?, self.starts.last()?);
        let whole = *first == 0 && *last as usize == values && self.scores.len() == values;
        let leaf = |bounds: &[u32]| {
            let scores = self.scores.get(bounds[0] as usize..bounds[1] as usize);
            scores.is_some_and(|scores| {
                scores.is_sorted_by(|a, b| a < b) && scores.last().is_none_or(|last| (*last as usize) < width)
            })
        };
        (whole && self.starts.windows(2).all(leaf)).then(|| self.starts.len() - 1)
    }

    /// Add what a leaf says to the scores.
    pub(super) fn add(&self, leaf: u32, values: &[f64], scores: &mut [f64]) {
        // INVARIANT: `Forest::new` saw to it that each leaf has a start and an end within the values, and scores that exist.
        let leaf = leaf as usize;
        let range = self.starts[leaf] as usize..self.starts[leaf + 1] as usize;
        for (score, value) in self.scores[range.clone()].iter().zip(&values[range]) {
            scores[*score as usize] += value;
        }
    }

    /// What a leaf says about one score.
    pub(super) fn value(&self, leaf: u32, values: &[f64], score: usize) -> f64 {
        let range = self.starts[leaf as usize] as usize..self.starts[leaf as usize + 1] as usize;
        // INVARIANT: as in `add`; a leaf's scores ascend.
        let found = self.scores[range.clone()].binary_search_by(|other| (*other as usize).cmp(&score));
        found.map_or(0.0, |place| values[range.start + place])
    }
}
