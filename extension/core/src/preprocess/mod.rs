//! Columns on their way to a model: categories become numbers, gaps are filled, numbers are scaled.
//!
//! What was asked for is a [`Plan`]; the training rows make it a [`Preprocess`], which is stored with the model and gives
//! the numbers of a row in prediction by the same steps, in the same order, as in training. docs/model-format.md describes
//! the file.

mod adopted;
mod evaluate;
mod file;
mod fit;
mod plan;
mod statistics;

pub use evaluate::Field;
pub use file::{FileError, PATH};
pub use fit::{Fitted, fit};
pub use plan::{Encode, Impute, Plan, Scale, Steps};
pub use statistics::Statistics;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How the columns of a row become the numbers that a model takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocess {
    columns: Vec<Column>,
    /// Whether the arithmetic is that of PostgresML, in four bytes.
    single: bool,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    name: String,
    /// The numbers that it has in a row: 1, or an array's elements.
    size: usize,
    /// What its texts stand for; none for a column of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    categories: Option<Categories>,
    /// What a missing value becomes; none when it is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fill: Option<f64>,
    /// A number less `center`, divided by `divisor`; as it is without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scale: Option<(f64, f64)>,
}

/// What texts stand for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Categories {
    values: BTreeMap<String, f64>,
    /// NULL as a category; none when it is a missing value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    null: Option<f64>,
    /// The number of columns, of which the one at the value's place is 1 and the others are 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    one_hot: Option<usize>,
}

impl Preprocess {
    /// The numbers that the columns of a row have.
    pub fn inputs(&self) -> usize {
        self.columns.iter().map(|column| column.size).sum()
    }

    /// The numbers that the model takes.
    pub fn outputs(&self) -> usize {
        self.columns.iter().map(Column::outputs).sum()
    }

    /// A name for each number that the model takes: the column's; of an array also the place, of a category its text.
    pub fn names(&self, arrays: &[bool]) -> Vec<String> {
        let mut names = Vec::with_capacity(self.outputs());
        for (column, array) in self.columns.iter().zip(arrays) {
            match column.categories.as_ref().and_then(|categories| Some((categories, categories.one_hot?))) {
                Some((categories, count)) => names.extend((0..count).map(|place| {
                    let texts = categories.values.iter();
                    let text = texts.filter(|(_, value)| **value == place as f64).map(|(text, _)| text.as_str()).next();
                    format!("{}={}", column.name, text.unwrap_or("NULL"))
                })),
                None if *array => names.extend((1..=column.size).map(|place| format!("{}[{place}]", column.name))),
                None => names.push(column.name.clone()),
            }
        }
        names
    }
}

impl Column {
    fn outputs(&self) -> usize {
        match &self.categories {
            Some(Categories { one_hot: Some(count), .. }) => *count,
            _ => self.size,
        }
    }
}
