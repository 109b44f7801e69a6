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
pub use fit::{Fitted, Keep, fit};
pub use plan::{Encode, Impute, Plan, Scale, Steps};
pub use statistics::Statistics;

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::labels::Classes;
use crate::time::Temporal;

/// How the columns of a row become the numbers that a model takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocess {
    columns: Vec<Column>,
    /// Whether the arithmetic is that of PostgresML, in four bytes.
    single: bool,
    /// What the classes of the label are called; `None` if the label has none, or nobody kept them.
    label: Option<Classes>,
}

/// What is done with one column of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    pub name: String,
    /// The numbers that it has in a row: 1, or an array's elements.
    pub size: usize,
    /// What its texts stand for; none for a column of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Categories>,
    /// What a missing value becomes; none when it is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<f64>,
    /// A number less `center`, divided by `divisor`; as it is without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<(f64, f64)>,
    /// What its numbers count, when they are dates or times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Temporal>,
    /// Whether its dates or times become their parts.
    #[serde(default, skip_serializing_if = "is_false")]
    pub parts: bool,
    /// Whether a value that is missing stays so, because the algorithm takes it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub missing: bool,
}

/// A number that the model takes, and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The place of its column.
    pub column: usize,
    pub column_name: String,
    pub name: String,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// What texts stand for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Categories {
    pub values: BTreeMap<String, f64>,
    /// NULL as a category; none when it is a missing value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null: Option<f64>,
    /// The number of columns, of which the one at the value's place is 1 and the others are 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_hot: Option<usize>,
}

impl Preprocess {
    /// Steps that were not learned here; an error names the column whose sizes or numbers can't be.
    pub fn new(columns: Vec<Column>, label: Option<Classes>) -> Result<Preprocess, FileError> {
        file::checked(columns, label)
    }

    /// What is done with each column.
    pub fn steps(&self) -> &[Column] {
        &self.columns
    }

    /// Whether the arithmetic is that of PostgresML, in four bytes.
    pub fn is_single(&self) -> bool {
        self.single
    }

    /// What the classes of the label are called.
    pub fn label(&self) -> Option<&Classes> {
        self.label.as_ref()
    }

    /// The names of the columns, in their order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// Whether the model takes the numbers of the columns as they are.
    pub fn is_plain(&self) -> bool {
        !self.single && self.columns.iter().all(Column::is_plain)
    }

    /// The names of the columns that the model does not take as they are.
    pub fn prepared_columns(&self) -> Vec<&str> {
        let prepared = self.columns.iter().filter(|column| !column.is_plain());
        prepared.map(|column| column.name.as_str()).collect()
    }

    /// Whether a column has dates or times.
    pub fn has_times(&self) -> bool {
        self.columns.iter().any(|column| column.time.is_some())
    }

    /// Whether a number may be missing.
    pub fn takes_missing(&self) -> bool {
        self.columns.iter().any(|column| column.missing)
    }

    /// The numbers that the columns of a row have.
    pub fn inputs(&self) -> usize {
        self.columns.iter().map(|column| column.size).sum()
    }

    /// The numbers that the model takes.
    pub fn outputs(&self) -> usize {
        self.columns.iter().map(Column::outputs).sum()
    }

    /// The numbers that each column has in a row.
    pub fn sizes(&self) -> impl Iterator<Item = usize> {
        self.columns.iter().map(|column| column.size)
    }

    /// Of each number that the model takes, the column that it is made of, and its own name.
    pub fn parts(&self) -> Vec<Part> {
        let arrays: Vec<bool> = self.columns.iter().map(|column| column.size > 1).collect();
        let columns = self.columns.iter().enumerate();
        let each = columns.flat_map(|(place, column)| (0..column.outputs()).map(move |_| (place, &column.name)));
        let named = each.zip(self.names(&arrays));
        named.map(|((column, of), name)| Part { column, column_name: of.clone(), name }).collect()
    }

    /// A name for each number that the model takes: the column's; of an array also the place, of a category its text, of a time
    /// its part. No two are alike, whatever columns and categories are called.
    pub fn names(&self, arrays: &[bool]) -> Vec<String> {
        let mut names = Vec::with_capacity(self.outputs());
        for (column, array) in self.columns.iter().zip(arrays) {
            let one_hot = column.categories.as_ref().and_then(|categories| Some((categories, categories.one_hot?)));
            match (one_hot, column.time.filter(|_| column.parts)) {
                (Some((categories, count)), _) => names.extend(categories.names(&column.name, count)),
                (None, Some(time)) => names.extend(time.parts().iter().map(|part| format!("{}.{part}", column.name))),
                (None, None) if *array => {
                    names.extend((1..=column.size).map(|place| format!("{}[{place}]", column.name)))
                }
                (None, None) => names.push(column.name.clone()),
            }
        }
        unique(names)
    }
}

impl Categories {
    /// The names of a column's categories that are columns: NULL is written like the text unless there is such a text.
    fn names(&self, column: &str, count: usize) -> Vec<String> {
        let mut names: Vec<Option<&str>> = vec![None; count];
        for (text, value) in &self.values {
            if let Some(name) = names.get_mut(*value as usize) {
                *name = Some(text);
            }
        }
        let null = if self.values.contains_key("NULL") { " IS NULL" } else { "=NULL" };
        let named = names.into_iter().map(|text| match text {
            Some(text) => format!("{column}={text}"),
            None => format!("{column}{null}"),
        });
        named.collect()
    }
}

/// Names of which those that stood before get a number behind them.
pub fn unique(names: Vec<String>) -> Vec<String> {
    let mut taken: HashSet<String> = names.iter().cloned().collect();
    let mut seen = HashSet::with_capacity(names.len());
    let renamed = names.into_iter().map(|name| {
        if seen.insert(name.clone()) {
            return name;
        }
        let mut number = 2;
        let mut other = format!("{name} ({number})");
        while !taken.insert(other.clone()) {
            number += 1;
            other = format!("{name} ({number})");
        }
        other
    });
    renamed.collect()
}

impl Column {
    /// A column whose numbers the model takes as they are.
    pub fn plain(name: &str, size: usize) -> Column {
        let name = name.to_string();
        Column { name, size, categories: None, fill: None, scale: None, time: None, parts: false, missing: false }
    }

    /// The numbers that the model takes for it.
    pub fn outputs(&self) -> usize {
        match &self.categories {
            Some(Categories { one_hot: Some(count), .. }) => *count,
            _ => self.time.filter(|_| self.parts).map_or(self.size, |time| time.parts().len()),
        }
    }

    fn is_plain(&self) -> bool {
        self.categories.is_none() && self.fill.is_none() && self.scale.is_none() && !self.parts
    }
}
