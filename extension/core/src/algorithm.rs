//! Names that are declared as algorithms, so that what mentions them still parses, and that nothing trains.

use crate::project::Task;
use crate::{Error, Result};

/// PostgresML 2.x declares these too, and never trained one of them.
const DECLARED: [&str; 6] = ["dbscan", "optics", "spectral", "spectral_bi", "spectral_co", "feature_agglomeration"];

/// Names of one algorithm: where a task is named the first is what models are recorded as, and the second is 2.x's default for
/// every task. Of the others either is recorded as it was asked for: 1.0's spelling, and 2.x's.
const SYNONYMS: [(Option<Task>, [&str; 2]); 3] = [
    (Some(Task::Clustering), ["kmeans", "linear"]),
    (Some(Task::Decomposition), ["pca", "linear"]),
    (None, ["orthogonal_matching_pursuit", "orthoganl_matching_pursuit"]),
];

/// What an algorithm that was asked for by this name is, for a task: `linear` clusters by k-means, and decomposes by PCA.
pub fn of_task(name: &str, task: Task) -> &str {
    let found = SYNONYMS.iter().find(|(of, names)| *of == Some(task) && names.contains(&name));
    found.map_or(name, |(_, names)| names[0])
}

/// All names under which models of an algorithm may be recorded, that name first.
pub fn names(name: &str, task: Task) -> Vec<&str> {
    let synonyms = SYNONYMS.iter().filter(|(of, names)| of.is_none_or(|of| of == task) && names.contains(&name));
    let mut all = vec![name];
    all.extend(synonyms.flat_map(|(_, names)| names).copied().filter(|other| *other != name));
    all
}

/// Refuse an algorithm that can't be trained by anybody here.
pub fn check(name: &str) -> Result<()> {
    if DECLARED.contains(&name) { Err(Error::DeclaredOnly(name.to_string())) } else { Ok(()) }
}

/// Whether there is no such algorithm in Python's runtime: nearest neighbours, which PostgresML 2.x declares and never
/// trained.
pub fn only_rust(name: &str) -> bool {
    name == "knn"
}

/// Whether the algorithm takes numbered texts as categories of its own, which are not in the order of their numbers.
pub fn takes_categories(name: &str) -> bool {
    name == "catboost"
}

/// Whether the algorithm takes missing values by itself, in every runtime that trains it.
pub fn takes_missing(name: &str) -> bool {
    ["xgboost", "xgboost_random_forest", "lightgbm", "hist_gradient_boosting", "catboost"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_is_the_usual_algorithm_of_its_task() {
        assert_eq!(of_task("linear", Task::Decomposition), "pca");
        assert_eq!(of_task("linear", Task::Clustering), "kmeans");
        assert_eq!(of_task("linear", Task::Regression), "linear");
        assert_eq!(of_task("pca", Task::Decomposition), "pca");
        assert_eq!(of_task("orthoganl_matching_pursuit", Task::Regression), "orthoganl_matching_pursuit");
    }

    #[test]
    fn an_algorithm_is_found_by_each_of_its_names() {
        assert_eq!(names("linear", Task::Decomposition), ["linear", "pca"]);
        assert_eq!(names("pca", Task::Decomposition), ["pca", "linear"]);
        assert_eq!(names("linear", Task::Regression), ["linear"]);
        assert_eq!(
            names("orthogonal_matching_pursuit", Task::Regression),
            ["orthogonal_matching_pursuit", "orthoganl_matching_pursuit"]
        );
    }

    #[test]
    fn what_nobody_trains_is_refused_by_name() {
        let error = check("dbscan").unwrap_err();
        assert_eq!(error.to_string(), "algorithm dbscan is only a name: no runtime trains it");
        assert_eq!(check("kmeans"), Ok(()));
        assert_eq!(check("catboost"), Ok(()));
    }
}
