//! What the planner is told about a prediction: how many operators of Postgres one takes as long as.
//!
//! It is estimated from what the catalog tells, so that planning reads no model. The figures only decide between plans: within a
//! factor of two they are as good as the truth.
//!
//! They were measured on 2026-12-01, on a virtual machine of two x86-64 cores with AVX-512, over a table of 50,000 rows with an array
//! of 20 features, without parallel workers, as the best of five rounds less the time of the scan. Ten comparisons of integers in a
//! WHERE took 14 ns each, twelve additions of `float8` 11 ns each: an operator is 12 ns. A row of `predict` then took, in operators: 8
//! for a linear model; for LightGBM's trees of 31 leaves 70 (10 trees), 136 (100) and 844 (1,000); 241 for 100 of XGBoost's of depth
//! 6; for a forest of 100 trees 494 (depth 10, 6 MB) and 3,319 (any depth, 63 MB); 1,511 for a support vector machine of 18,000
//! numbers, 1,965 for nearest neighbours among 24,000.

/// Finding the model, reading the row, giving the result.
const CALL: f64 = 8.0;
/// Looking up the row's values, which trees then compare.
const LOOK_UP: f64 = 50.0;
/// A small tree, whose nodes are compared at once.
const SMALL_TREE: f64 = 0.8;
/// A step down in a larger tree, and where the trees are larger than the caches.
const STEP: f64 = 0.35;
const FAR_STEP: f64 = 2.1;
/// A number of models that use all that they have for each row.
const NUMBER: f64 = 0.08;

/// Nodes of a small tree: 32 leaves have 31 nodes above them.
const SMALL: f64 = 63.0;
/// Bytes of a file whose trees are larger than the caches.
const FAR: f64 = 16e6;
/// Bytes that a node takes in a model's file, and a number.
const NODE_BYTES: f64 = 33.0;
const NUMBER_BYTES: f64 = 8.0;

/// Algorithms whose models are trees, with the number of them when nothing is said about it.
const TREES: [(&str, f64); 10] = [
    ("ada_boost", 50.0),
    ("bagging", 10.0),
    ("catboost", 1000.0),
    ("extra_trees", 100.0),
    ("gradient_boosting_trees", 100.0),
    ("hist_gradient_boosting", 100.0),
    ("lightgbm", 100.0),
    ("random_forest", 100.0),
    ("xgboost", 100.0),
    ("xgboost_random_forest", 100.0),
];

/// What the catalog knows of a model that predicts without Python.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub algorithm: &'a str,
    /// The number of trees that was asked for.
    pub trees: Option<f64>,
    /// The size of its file.
    pub bytes: f64,
}

impl Known<'_> {
    /// The operators of Postgres that take as long as the prediction of one row.
    pub fn operators(&self) -> f64 {
        let Some((_, usual)) = TREES.iter().find(|(name, _)| *name == self.algorithm) else {
            return CALL + self.bytes.max(0.0) / NUMBER_BYTES * NUMBER;
        };
        // However many were asked for, each has a node.
        let nodes = (self.bytes / NODE_BYTES).max(1.0);
        let asked = self.trees.filter(|trees| trees.is_finite()).unwrap_or(*usual);
        let trees = asked.clamp(1.0, nodes);
        let step = if self.bytes > FAR { FAR_STEP } else { STEP };
        let tree = if nodes / trees <= SMALL { SMALL_TREE } else { step * (nodes / trees).log2() };
        CALL + LOOK_UP + trees * tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operators(algorithm: &str, trees: Option<f64>, bytes: f64) -> f64 {
        Known { algorithm, trees, bytes }.operators()
    }

    /// Catches trees that are not counted, and a depth that is not.
    #[test]
    fn more_trees_and_deeper_ones_cost_more() {
        let small = operators("xgboost", Some(10.0), 20_000.0);
        assert!(operators("xgboost", Some(1000.0), 2e6) > 10.0 * small);
        assert!(operators("xgboost", Some(10.0), 2e6) > small);
        assert_eq!(operators("xgboost", None, 2e6), operators("xgboost", Some(100.0), 2e6));
    }

    /// Catches figures that are far from what was measured.
    #[test]
    fn estimates_are_near_what_was_measured() {
        let measured = [
            ("linear", None, 776.0, 8.0),
            ("lightgbm", Some(10.0), 21_330.0, 70.0),
            ("lightgbm", Some(100.0), 203_604.0, 136.0),
            ("lightgbm", Some(1000.0), 2_026_136.0, 844.0),
            ("xgboost", Some(100.0), 392_768.0, 241.0),
            ("random_forest", Some(100.0), 6_475_416.0, 494.0),
            ("random_forest", Some(100.0), 62_580_060.0, 3319.0),
            ("svm", None, 146_512.0, 1511.0),
            ("knn", None, 189_448.0, 1965.0),
        ];
        for (algorithm, trees, bytes, took) in measured {
            let ratio = operators(algorithm, trees, bytes) / took;
            assert!((0.5..2.1).contains(&ratio), "{algorithm} {trees:?}: {ratio}");
        }
    }

    /// Catches a model whose size says how much is computed, and is taken for trees.
    #[test]
    fn models_without_trees_cost_what_they_hold() {
        assert!(operators("linear", None, 1000.0) < 3.0 * CALL);
        assert!(operators("svm", None, 8e6) > operators("svm", None, 8e5) * 5.0);
    }

    /// Catches a cost that the planner can't compare, whatever somebody wrote into the tables.
    #[test]
    fn nonsense_has_a_cost() {
        for trees in [None, Some(f64::NAN), Some(f64::INFINITY), Some(-1.0), Some(0.0), Some(1e300)] {
            for bytes in [-1.0, 0.0, 1.0, 1e9] {
                for algorithm in ["lightgbm", "linear", ""] {
                    let found = operators(algorithm, trees, bytes);
                    assert!(found.is_finite() && found >= CALL, "{algorithm} {trees:?} {bytes}: {found}");
                }
            }
        }
    }
}
