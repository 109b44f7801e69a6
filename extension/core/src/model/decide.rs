//! From scores to what is predicted: values, a class, probabilities.

use serde::{Deserialize, Serialize};

use super::largest;

/// What becomes of a part's scores.
#[derive(Debug, Clone, PartialEq)]
pub enum Finish {
    /// Each score is a value of a regression.
    Values(Link),
    /// The scores choose one of the classes.
    Classes { classes: Vec<f64>, decision: Decision, probabilities: Option<Probabilities> },
}

/// How a regression's value follows from its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    Identity,
    Exp,
}

/// How scores choose a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The second of two classes when the one score is above zero.
    Positive,
    /// The second of two classes when the one score is not below zero.
    NotNegative,
    /// The class with the largest score.
    Largest,
    /// The class with the largest probability.
    Likeliest,
    /// The second of two classes when its probability is above one half.
    AboveHalf,
    /// Each score decides between two classes, in the order (0, 1), (0, 2), …, (1, 2), …: the first one when it is above
    /// zero. The class with most votes.
    Votes,
}

/// How scores become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name", deny_unknown_fields)]
pub enum Probabilities {
    /// The scores are probabilities already.
    Shares,
    /// The logistic function of one score.
    Logistic,
    /// The logistic function of each score, divided by their sum.
    LogisticShares,
    /// Softmax of the scores times `scale`.
    Softmax { scale: f64 },
    /// Softmax of the one score's negative and itself.
    SoftmaxPair,
    /// One score, cut to -1 to 1, becomes 0 to 1; of several, their shares.
    Clipped,
    /// `Logistic` in the arithmetic of XGBoost: `float32`.
    LogisticF32,
    /// `Softmax` in the arithmetic of XGBoost.
    SoftmaxF32,
}

impl Finish {
    /// Whether a part with so many scores can be finished so.
    pub fn fits(&self, width: usize) -> bool {
        let Finish::Classes { classes, decision, probabilities } = self else {
            return true;
        };
        let count = classes.len();
        let decided = match decision {
            Decision::Positive | Decision::NotNegative => count == 2 && width == 1,
            Decision::AboveHalf => count == 2 && probabilities.is_some(),
            Decision::Largest => width == count,
            Decision::Likeliest => probabilities.is_some(),
            Decision::Votes => count > 2 && count.checked_mul(count - 1) == width.checked_mul(2),
        };
        let probable = match probabilities {
            None => true,
            Some(Probabilities::Logistic | Probabilities::LogisticF32 | Probabilities::SoftmaxPair) => {
                count == 2 && width == 1
            }
            Some(Probabilities::Clipped) => width == count || (count == 2 && width == 1),
            Some(_) => width == count,
        };
        count >= 2 && decided && probable
    }

    /// The labels that the scores give, added to `out`. `scratch` is used for probabilities.
    pub(super) fn label(&self, scores: &[f64], scratch: &mut Vec<f64>, out: &mut Vec<f64>) {
        match self {
            Finish::Values(Link::Identity) => out.extend_from_slice(scores),
            Finish::Values(Link::Exp) => out.extend(scores.iter().map(|score| score.exp())),
            Finish::Classes { classes, decision, probabilities } => {
                if let (Decision::Likeliest | Decision::AboveHalf, Some(kind)) = (decision, probabilities) {
                    scratch.clear();
                    kind.of(scores, scratch);
                }
                let place = match decision {
                    Decision::Positive => usize::from(scores[0] > 0.0),
                    Decision::NotNegative => usize::from(scores[0] >= 0.0),
                    Decision::Largest => largest(scores),
                    Decision::Likeliest => largest(scratch),
                    Decision::AboveHalf => usize::from(scratch[1] > 0.5),
                    Decision::Votes => votes(scores, classes.len(), scratch),
                };
                // INVARIANT: `fits` was checked when the model was read, so that every decision names a class.
                out.push(classes[place]);
            }
        }
    }
}

fn votes(scores: &[f64], classes: usize, count: &mut Vec<f64>) -> usize {
    count.clear();
    count.resize(classes, 0.0);
    let pairs = (0..classes).flat_map(|first| (first + 1..classes).map(move |second| (first, second)));
    for ((first, second), score) in pairs.zip(scores) {
        count[if *score > 0.0 { first } else { second }] += 1.0;
    }
    largest(count)
}

fn logistic(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

impl Probabilities {
    /// Whether they are quotients and sums only, which leave no room for rounding in another way.
    pub(super) fn is_exact(self) -> bool {
        matches!(self, Probabilities::Shares)
    }

    /// The probabilities that the scores give, added to `out`.
    pub(super) fn of(self, scores: &[f64], out: &mut Vec<f64>) {
        match self {
            Probabilities::Shares => out.extend_from_slice(scores),
            Probabilities::Logistic => {
                let likely = logistic(scores[0]);
                out.extend([1.0 - likely, likely]);
            }
            Probabilities::LogisticShares => shares(scores.iter().map(|score| logistic(*score)), out),
            Probabilities::Softmax { scale } => softmax(scores.iter().map(|score| score * scale), out),
            Probabilities::SoftmaxPair => softmax([-scores[0], scores[0]].into_iter(), out),
            Probabilities::Clipped => {
                let clipped = |score: &f64| (score.clamp(-1.0, 1.0) + 1.0) / 2.0;
                if let [score] = scores {
                    let likely = clipped(score);
                    out.extend([1.0 - likely, likely]);
                } else if scores.iter().all(|score| clipped(score) == 0.0) {
                    out.extend(scores.iter().map(|_| 1.0 / scores.len() as f64));
                } else {
                    shares(scores.iter().map(clipped), out);
                }
            }
            Probabilities::LogisticF32 => {
                let score = (-(scores[0] as f32)).min(88.7);
                let likely = 1.0f32 / (score.exp() + 1.0 + 1e-16);
                out.extend([f64::from(1.0 - likely), f64::from(likely)]);
            }
            Probabilities::SoftmaxF32 => {
                let top = scores.iter().map(|score| *score as f32).fold(f32::MIN, f32::max);
                let each = || scores.iter().map(|score| (*score as f32 - top).exp());
                let sum = each().map(f64::from).sum::<f64>() as f32;
                out.extend(each().map(|value| f64::from(value / sum)));
            }
        }
    }
}

/// Each value divided by the sum of all.
fn shares(values: impl Iterator<Item = f64>, out: &mut Vec<f64>) {
    let start = out.len();
    out.extend(values);
    let sum: f64 = out[start..].iter().sum();
    out[start..].iter_mut().for_each(|value| *value /= sum);
}

/// The exponentials' shares, with the largest value taken off first so that none overflows.
fn softmax(values: impl Iterator<Item = f64> + Clone, out: &mut Vec<f64>) {
    let top = values.clone().fold(f64::MIN, f64::max);
    shares(values.map(|value| (value - top).exp()), out);
}
