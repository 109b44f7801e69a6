//! What a runtime is asked to fit and what it gives back, whichever runtime it is: Python's libraries or `pgml-learn`.
//!
//! Only types, which every other module may use; of those this one uses the errors.

use pgml_core::labels::Classes;

/// What to train. The texts of hyperparameters and of a search's settings are JSON objects.
pub struct Request<'a> {
    pub algorithm: &'a str,
    pub task: &'a str,
    pub hyperparams: &'a str,
    pub search: Option<&'a str>,
    pub search_params: &'a str,
    pub search_args: &'a str,
    pub names: &'a Names,
}

/// What the features and the classes are called.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub features: Vec<String>,
    /// The places of the features that number texts in no order of theirs, for algorithms that take categories.
    pub categories: Vec<usize>,
    /// The classes of each label of a classification; empty where nothing but their numbers is known.
    pub classes: Vec<Classes>,
}

impl Names {
    /// The names as a JSON object, which is how Python reads them.
    pub fn json(&self) -> String {
        serde_json::json!({ "features": self.features, "categories": self.categories, "classes": self.classes })
            .to_string()
    }
}

/// Takes the pickle of a model, piece by piece, while the model is scored. Nobody calls it where the Rust runtime trains.
pub type Store<'a> = &'a mut dyn FnMut(&[u8]) -> crate::error::Result<()>;

/// A model that was trained and scored, and whose pickle is stored.
pub struct FittedModel {
    /// The text of a JSON object.
    pub metrics: String,
    /// The text of a JSON object: the hyperparameters that were used; after a search, the best.
    pub hyperparams: String,
    /// The form that needs no Python, or why there is none.
    pub export: std::result::Result<Export, String>,
}

/// A model in the form that needs no Python, which nothing has checked yet, with the rows to check it by.
pub struct Export {
    /// The file in the format of `pgml_core::model`.
    pub file: Vec<u8>,
    /// The number of rows to check it by; 0 where there is no other form to compare it with.
    pub rows: usize,
    pub features: Vec<f64>,
    /// What the other form of the model predicts for the rows.
    pub predictions: Vec<f64>,
    pub probabilities: Option<Vec<f64>>,
}
