//! A model over the rows of a relation: they come one by one, are predicted in blocks, and only what was said of them is kept.

use std::rc::Rc;

use pgml_core::labels::Classes;
use pgml_core::preprocess::{Field, Preprocess};

use super::model::Model;
use super::resolve;
use crate::error::Result;
use crate::resolution::Wanted;

/// Rows that are predicted at once.
pub const BLOCK: usize = 1024;

/// Rows times classes up to which probabilities are kept: 400 MB of numbers.
pub const MOST_PROBABILITIES: usize = 50_000_000;

/// A model and the rows that wait for it.
pub struct Stream {
    model: Rc<Model>,
    /// The numbers that the model takes, row by row.
    waiting: Vec<f64>,
    rows: usize,
}

/// What a model said about rows.
#[derive(Debug, Default)]
pub struct Said {
    pub rows: usize,
    /// The values of all labels, row by row.
    pub values: Vec<f64>,
    /// The probabilities of all classes, row by row, while they are asked for and not too many.
    pub shares: Option<Vec<f64>>,
    /// Whether they were asked for, and are more than are kept.
    pub too_many_shares: bool,
    /// The rows as the model takes them, where they are asked for.
    pub features: Option<Vec<f64>>,
}

impl Said {
    /// How many numbers it holds.
    pub fn numbers(&self) -> usize {
        let count = |numbers: &Option<Vec<f64>>| numbers.as_ref().map_or(0, Vec::len);
        self.values.len() + count(&self.shares) + count(&self.features)
    }
}

impl Stream {
    pub fn new(wanted: Wanted<'_>) -> Result<Stream> {
        Ok(Stream { model: resolve(wanted)?, waiting: Vec::new(), rows: 0 })
    }

    pub fn id(&self) -> i64 {
        self.model.id
    }

    /// The columns that the model takes; `None` if it doesn't tell.
    pub fn columns(&self) -> Option<Vec<String>> {
        self.model.preprocess.as_ref().map(|preprocess| preprocess.columns().map(String::from).collect())
    }

    /// What the classes of the one label are called.
    pub fn label(&self) -> Option<&Classes> {
        self.model.preprocess.as_ref().and_then(Preprocess::label)
    }

    /// The sorted classes of the one label; an error where the model has none, or several labels.
    pub fn known_classes(&self) -> Result<Vec<f64>> {
        self.model.known_classes()
    }

    /// Take a row as the model's columns. What waited is predicted when it is a block.
    pub fn push(&mut self, fields: Vec<Field>, said: &mut Said) -> Result<()> {
        if self.rows == BLOCK {
            self.predict(said)?;
        }
        let before = self.waiting.len();
        self.model.fields(fields, &mut self.waiting)?;
        self.model.check_features(self.waiting.len() - before)?;
        self.rows += 1;
        Ok(())
    }

    /// Predict what waits, and add what is said of it.
    pub fn predict(&mut self, said: &mut Said) -> Result<()> {
        let (model, rows) = (&self.model, &self.waiting);
        let Some(width) = rows.len().checked_div(self.rows) else { return Ok(()) };
        model.predict(rows, width, |values| said.values.extend_from_slice(values))?;
        if let Some(shares) = &mut said.shares {
            match model.all_probabilities(rows, width)? {
                Some(more) if shares.len() + more.len() <= MOST_PROBABILITIES => shares.extend(more),
                too_many => {
                    said.too_many_shares = too_many.is_some();
                    said.shares = None;
                }
            }
        }
        if let Some(features) = &mut said.features {
            features.extend_from_slice(rows);
        }
        said.rows += self.rows;
        self.waiting.clear();
        self.rows = 0;
        Ok(())
    }
}
