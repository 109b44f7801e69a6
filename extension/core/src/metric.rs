//! The scores by which the models of a project are compared, and which of two is better.

use crate::project::Task;
use crate::{Error, Result};

/// A score that a training notes, under this name, in a model's `metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    /// Whether less is better, as of an error.
    pub less_is_better: bool,
}

/// The scores of each task, the usual one first.
const METRICS: [(Task, &[Metric]); 4] = [
    (Task::Regression, &[more("r2"), less("mean_squared_error"), less("mean_absolute_error")]),
    (
        Task::Classification,
        &[
            more("f1"),
            more(BALANCED),
            more("accuracy"),
            more("precision"),
            more("recall"),
            more("roc_auc"),
            less("log_loss"),
        ],
    ),
    (Task::Clustering, &[more("silhouette")]),
    (Task::Decomposition, &[more("cumulative_explained_variance")]),
];

/// The score of classes that are far apart in size: always the largest one scores no better than chance.
const BALANCED: &str = "balanced_accuracy";

/// Classes are far apart in size when the largest has so many times the rows of the smallest.
const FAR_APART: usize = 5;

/// Two scores that differ by less, relative to their size, are the same: sums were taken in another order.
const NOISE: f64 = 1e-9;

const fn more(name: &'static str) -> Metric {
    Metric { name, less_is_better: false }
}

const fn less(name: &'static str) -> Metric {
    Metric { name, less_is_better: true }
}

impl Metric {
    fn all(task: Task) -> &'static [Metric] {
        METRICS.iter().find(|(of, _)| *of == task).map_or(&[], |(_, metrics)| metrics)
    }

    /// The one that a project has when nobody asked for another.
    pub fn usual(task: Task) -> Metric {
        Metric { name: task.key_metric(), less_is_better: false }
    }

    /// The usual one, unless the classes of `label` are far apart in size: then also the share of its rows that the smallest
    /// has.
    pub fn fitting(task: Task, label: &[f64]) -> (Metric, Option<f64>) {
        match smallest_share(label).filter(|_| task == Task::Classification) {
            Some(share) => (more(BALANCED), Some(share)),
            None => (Metric::usual(task), None),
        }
    }

    /// The score that a caller names.
    pub fn parse(task: Task, name: &str) -> Result<Metric> {
        let all = Metric::all(task);
        all.iter().find(|metric| metric.name == name).copied().ok_or_else(|| Error::UnknownMetric {
            name: name.to_string(),
            task: task.name(),
            known: all.iter().map(|metric| metric.name).collect(),
        })
    }

    /// Whether the first score is better than the second.
    pub fn better(self, new: f64, old: f64) -> bool {
        let gain = if self.less_is_better { old - new } else { new - old };
        gain > NOISE * new.abs().max(old.abs())
    }

    /// The score so that more is better.
    pub fn ascending(self, score: f64) -> f64 {
        if self.less_is_better { -score } else { score }
    }
}

/// The share of the rows that the smallest class has, where classes are far apart in size.
fn smallest_share(label: &[f64]) -> Option<f64> {
    let mut sorted = label.to_vec();
    sorted.sort_by(f64::total_cmp);
    let sizes = sorted.chunk_by(|a, b| a == b).map(<[f64]>::len);
    let (smallest, largest) = sizes.fold((usize::MAX, 0), |(least, most), size| (least.min(size), most.max(size)));
    (largest > 0 && largest >= smallest.saturating_mul(FAR_APART)).then(|| smallest as f64 / label.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_score_of_each_task_is_its_first() {
        for (task, metrics) in METRICS {
            assert_eq!(Some(&Metric::usual(task)), metrics.first());
        }
    }

    #[test]
    fn classes_far_apart_in_size_are_compared_by_balanced_accuracy() {
        let label = |rare: usize| -> Vec<f64> { (0..100).map(|row| f64::from(row < rare)).collect() };
        assert_eq!(Metric::fitting(Task::Classification, &label(2)), (more(BALANCED), Some(0.02)));
        assert_eq!(Metric::fitting(Task::Classification, &label(40)), (Metric::usual(Task::Classification), None));
        // The values of a regression are no classes.
        assert_eq!(Metric::fitting(Task::Regression, &label(2)), (Metric::usual(Task::Regression), None));
        assert_eq!(Metric::fitting(Task::Classification, &[]), (Metric::usual(Task::Classification), None));
    }

    #[test]
    fn of_an_error_less_is_better() {
        let loss = Metric::parse(Task::Classification, "log_loss").expect("a metric");
        assert!(loss.better(0.1, 0.2) && !loss.better(0.2, 0.1) && !loss.better(0.2, 0.2));
        assert!(loss.ascending(0.1) > loss.ascending(0.2));
        let r2 = Metric::usual(Task::Regression);
        assert!(r2.better(-0.1, -0.2) && !r2.better(0.5, 0.5));
        // As text, "9e-05" is greater than "0.5".
        assert!(!r2.better(9e-5, 0.5));
    }

    #[test]
    fn the_order_of_a_sum_makes_no_model_better() {
        assert!(!Metric::usual(Task::Regression).better(0.1 + 0.2, 0.3));
    }

    #[test]
    fn a_score_of_another_task_is_refused() {
        let error = Metric::parse(Task::Regression, "roc_auc").expect_err("no score of a regression");
        assert_eq!(error.to_string(), "unknown metric \"roc_auc\" for regression");
        assert_eq!(error.hint(), Some("Use r2, mean_squared_error, mean_absolute_error.".into()));
    }
}
