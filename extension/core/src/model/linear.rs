//! Scores that are weighted sums of the features.

use super::AskPython;
use crate::slab::Slab;

/// A row of weights and an intercept for each score.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    features: usize,
    pub(super) weights: Slab<f64>,
    pub(super) intercepts: Vec<f64>,
    /// Of each feature, the mean of the rows that were learned from; files of before version 3 have none.
    pub(super) means: Option<Vec<f64>>,
}

impl Linear {
    /// None when the sizes do not fit together.
    pub fn new(features: usize, weights: Vec<f64>, intercepts: Vec<f64>) -> Option<Linear> {
        let fits = !intercepts.is_empty() && features.checked_mul(intercepts.len()) == Some(weights.len());
        fits.then(|| Linear { features, weights: weights.into(), intercepts, means: None })
    }

    /// With the mean of each feature, from which contributions are counted; none when they are not as many, or no numbers.
    pub fn with_means(self, means: Vec<f64>) -> Option<Linear> {
        let fits = means.len() == self.features && means.iter().all(|mean| mean.is_finite());
        fits.then_some(Linear { means: Some(means), ..self })
    }

    pub fn width(&self) -> usize {
        self.intercepts.len()
    }

    pub(super) fn scores(&self, row: &[f64], scores: &mut Vec<f64>) -> Result<(), AskPython> {
        finite(row)?;
        scores.clear();
        scores.extend(self.of(row));
        Ok(())
    }

    /// The scores of a row, whatever its numbers are.
    pub(super) fn of(&self, row: &[f64]) -> impl Iterator<Item = f64> {
        let weights = self.weights.chunks_exact(self.features.max(1));
        weights.zip(&self.intercepts).map(|(weights, intercept)| dot(weights, row) + intercept)
    }
}

/// Refuse a row with a NaN or an infinity, as scikit-learn does.
pub(super) fn finite(row: &[f64]) -> Result<(), AskPython> {
    // Zero times anything finite is zero; one test for the row is quicker than one for each value.
    if row.iter().map(|value| value * 0.0).sum::<f64>() == 0.0 { Ok(()) } else { Err(AskPython) }
}

/// The sum of the products, in four sums, so that the processor doesn't wait for one addition after the other.
pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    let (left, left_rest) = left.as_chunks::<4>();
    let (right, right_rest) = right.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (left, right) in left.iter().zip(right) {
        for place in 0..4 {
            sums[place] += left[place] * right[place];
        }
    }
    let rest: f64 = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}
