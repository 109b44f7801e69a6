//! Names that are declared as algorithms, so that what mentions them still parses, and that nothing trains.

use crate::{Error, Result};

/// PostgresML 2.x declares these too, and never trained one of them.
const DECLARED: [&str; 6] = ["dbscan", "optics", "spectral", "spectral_bi", "spectral_co", "feature_agglomeration"];

/// Refuse an algorithm that can't be trained by anybody.
pub fn check(name: &str) -> Result<()> {
    if DECLARED.contains(&name) { Err(Error::DeclaredOnly(name.to_string())) } else { Ok(()) }
}

/// Whether there is no such algorithm in Python's runtime: nearest neighbours, which PostgresML 2.x declares and never
/// trained.
pub fn only_rust(name: &str) -> bool {
    name == "knn"
}

/// Whether the algorithm takes missing values by itself, in every runtime that trains it.
pub fn takes_missing(name: &str) -> bool {
    ["xgboost", "xgboost_random_forest", "lightgbm", "hist_gradient_boosting", "catboost"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_trains_is_refused_by_name() {
        let error = check("dbscan").unwrap_err();
        assert_eq!(error.to_string(), "algorithm dbscan is only a name: no runtime trains it");
        assert_eq!(check("kmeans"), Ok(()));
    }
}
