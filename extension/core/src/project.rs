//! Tasks and deployment strategies: which exist, and which score decides.

use crate::{Error, Result};

/// What a project learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    Regression,
    Classification,
    Clustering,
    Decomposition,
}

impl Task {
    pub fn parse(name: &str) -> Result<Task> {
        match name {
            "regression" => Ok(Task::Regression),
            "classification" => Ok(Task::Classification),
            "clustering" => Ok(Task::Clustering),
            "decomposition" => Ok(Task::Decomposition),
            _ => Err(Error::UnknownTask(name.to_string())),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Task::Regression => "regression",
            Task::Classification => "classification",
            Task::Clustering => "clustering",
            Task::Decomposition => "decomposition",
        }
    }

    /// Whether there is a column to predict.
    pub fn has_labels(self) -> bool {
        matches!(self, Task::Regression | Task::Classification)
    }

    /// The metric that decides which model is better; more is better.
    pub fn key_metric(self) -> &'static str {
        match self {
            Task::Regression => "r2",
            Task::Classification => "f1",
            Task::Clustering => "silhouette",
            Task::Decomposition => "cumulative_explained_variance",
        }
    }
}

/// How a model is chosen for deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    BestScore,
    MostRecent,
    Rollback,
}

impl Strategy {
    /// The strategies that choose a model by themselves; `new_score` belongs to training, `specific` to a model's id.
    pub fn parse(name: &str) -> Result<Strategy> {
        match name {
            "best_score" => Ok(Strategy::BestScore),
            "most_recent" => Ok(Strategy::MostRecent),
            "rollback" => Ok(Strategy::Rollback),
            _ => Err(Error::StrategyNeedsModel(name.to_string())),
        }
    }
}

/// Whether a freshly trained model replaces the deployed one, whose score may be unknown or absent.
pub fn replaces(new: Option<f64>, deployed: Option<Option<f64>>) -> bool {
    match (new, deployed) {
        (_, None) => true,
        (Some(new), Some(Some(old))) => new > old,
        (Some(_), Some(None)) => true,
        (None, Some(_)) => false,
    }
}

/// The model to deploy. `candidates` are the project's trained models with their scores, the newest first; `history` the
/// models deployed so far, the current one first.
pub fn choose(strategy: Strategy, candidates: &[(i64, Option<f64>)], history: &[i64]) -> Option<i64> {
    match strategy {
        Strategy::MostRecent => candidates.first().map(|(id, _)| *id),
        Strategy::BestScore => {
            let mut best: Option<(i64, f64)> = None;
            for (id, score) in candidates.iter().filter_map(|(id, score)| score.map(|score| (*id, score))) {
                if best.is_none_or(|(_, highest)| score > highest) {
                    best = Some((id, score));
                }
            }
            best.map(|(id, _)| id)
        }
        Strategy::Rollback => {
            let current = history.first()?;
            let ready = |id: &i64| candidates.iter().any(|(candidate, _)| candidate == id);
            history.iter().find(|id| *id != current && ready(id)).copied()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_compare_as_numbers() {
        // As text, "9e-05" is greater than "0.5", and "-0.2" greater than "-0.1".
        assert!(!replaces(Some(9e-5), Some(Some(0.5))));
        assert!(replaces(Some(-0.1), Some(Some(-0.2))));
        assert!(!replaces(Some(0.5), Some(Some(0.5))));
    }

    #[test]
    fn the_first_model_is_deployed_whatever_its_score() {
        assert!(replaces(None, None));
        assert!(replaces(Some(-3.0), None));
        assert!(replaces(Some(0.1), Some(None)));
        assert!(!replaces(None, Some(Some(0.1))));
    }

    #[test]
    fn every_task_is_known_or_refused() {
        assert_eq!(Task::parse("regression"), Ok(Task::Regression));
        assert!(Task::parse("classification").is_ok_and(Task::has_labels));
        assert!(!Task::parse("clustering").is_ok_and(Task::has_labels));
        assert!(matches!(Task::parse("Regression"), Err(Error::UnknownTask(_))));
    }

    #[test]
    fn strategies_without_a_choice_are_refused() {
        assert_eq!(Strategy::parse("rollback"), Ok(Strategy::Rollback));
        for name in ["specific", "new_score", "x"] {
            assert!(matches!(Strategy::parse(name), Err(Error::StrategyNeedsModel(_))));
        }
    }

    #[test]
    fn best_score_compares_numbers_and_skips_models_without_one() {
        let candidates = [(4, None), (3, Some(9e-5)), (2, Some(0.5)), (1, Some(-2.0))];
        assert_eq!(choose(Strategy::BestScore, &candidates, &[]), Some(2));
        assert_eq!(choose(Strategy::BestScore, &[(4, None)], &[]), None);
    }

    #[test]
    fn most_recent_is_the_newest() {
        assert_eq!(choose(Strategy::MostRecent, &[(4, None), (3, Some(1.0))], &[3]), Some(4));
        assert_eq!(choose(Strategy::MostRecent, &[], &[]), None);
    }

    #[test]
    fn rollback_goes_to_the_last_other_model() {
        let candidates = [(3, None), (2, None), (1, None)];
        assert_eq!(choose(Strategy::Rollback, &candidates, &[3, 3, 1, 2]), Some(1));
        assert_eq!(choose(Strategy::Rollback, &candidates[..1], &[3, 1]), None);
        assert_eq!(choose(Strategy::Rollback, &candidates, &[3, 3]), None);
        assert_eq!(choose(Strategy::Rollback, &candidates, &[]), None);
    }
}
