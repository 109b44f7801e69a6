//! Scores that are weighted sums of a kernel between the row and the points that training kept.

use serde::{Deserialize, Serialize};

use super::AskPython;
use super::linear::{dot, finite};
use crate::slab::Slab;

/// How alike two rows are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name", deny_unknown_fields)]
pub enum Kernel {
    Linear,
    Rbf { gamma: f64 },
    Poly { gamma: f64, coef0: f64, degree: f64 },
    Sigmoid { gamma: f64, coef0: f64 },
}

/// Points with a weight for each score.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    pub(super) kernel: Kernel,
    features: usize,
    pub(super) points: Slab<f64>,
    /// One row for each score.
    pub(super) weights: Slab<f64>,
    pub(super) intercepts: Vec<f64>,
}

impl Machine {
    /// None when the sizes do not fit together.
    pub fn new(
        kernel: Kernel,
        features: usize,
        points: Vec<f64>,
        weights: Vec<f64>,
        intercepts: Vec<f64>,
    ) -> Option<Machine> {
        let count = points.len().checked_div(features)?;
        let fits = !intercepts.is_empty()
            && count > 0
            && count * features == points.len()
            && count.checked_mul(intercepts.len()) == Some(weights.len());
        fits.then(|| Machine { kernel, features, points: points.into(), weights: weights.into(), intercepts })
    }

    pub fn width(&self) -> usize {
        self.intercepts.len()
    }

    pub(super) fn scores(&self, row: &[f64], scores: &mut Vec<f64>) -> Result<(), AskPython> {
        finite(row)?;
        scores.clear();
        scores.extend_from_slice(&self.intercepts);
        let count = self.points.len() / self.features;
        for (place, point) in self.points.chunks_exact(self.features).enumerate() {
            let likeness = self.kernel.of(point, row);
            for (score, weights) in scores.iter_mut().zip(self.weights.chunks_exact(count)) {
                *score += weights[place] * likeness;
            }
        }
        Ok(())
    }
}

impl Kernel {
    /// How alike two rows of equal length are.
    pub fn of(self, left: &[f64], right: &[f64]) -> f64 {
        match self {
            Kernel::Linear => dot(left, right),
            Kernel::Rbf { gamma } => {
                let squares: f64 = left.iter().zip(right).map(|(left, right)| (left - right) * (left - right)).sum();
                (-gamma * squares).exp()
            }
            Kernel::Poly { gamma, coef0, degree } => (gamma * dot(left, right) + coef0).powf(degree),
            Kernel::Sigmoid { gamma, coef0 } => (gamma * dot(left, right) + coef0).tanh(),
        }
    }
}
