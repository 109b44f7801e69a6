//! What each column of a row contributes to what a model says about it.

use pgml_core::model::explain::{Explainer, NotExplained};
use pgml_core::model::{self, Work};
use pgml_core::preprocess::Part;
use pgml_core::project::Task;
use pgml_core::{Error, labels};

use super::model::Model;
use super::{Given, resolve};
use crate::arguments::Numbers;
use crate::catalog::models;
use crate::error::Result;
use crate::resolution::Wanted;
use crate::rights;
use crate::row::Record;

/// What the row of the base is called.
const BASE: &str = "(base)";

/// A line of an explanation.
pub struct Line {
    pub feature: String,
    /// The value of the row, as it was given; none for NULL, and for the base.
    pub value: Option<String>,
    pub contribution: f64,
}

/// The base, and the contribution of each column, the largest first; with `by_parts`, of each number that the model takes.
pub fn explain(wanted: Wanted<'_>, given: Given<'_>, label: Option<&str>, by_parts: bool) -> Result<Vec<Line>> {
    let model = resolve(wanted)?;
    let native = model.explained()?;
    let explainer = model.explainer(native)?;
    let (numbers, found) = model.with_row(given, |numbers| {
        let class = model.class_to_explain(native, numbers, label)?;
        let found = explainer.explain(native, numbers, class, &interrupt);
        Ok((numbers.to_vec(), found.map_err(|_| Error::RowRefused(model.id))?))
    })?;
    let number = |place: usize| Some(numbers[place]).filter(|value| !value.is_nan()).map(labels::number);
    let parts = model.parts(numbers.len());
    let mut lines: Vec<Line> = Vec::new();
    if by_parts {
        let each = parts.into_iter().zip(&found.of_features).enumerate();
        lines.extend(each.map(|(place, (part, contribution))| Line {
            feature: part.name,
            value: number(place),
            contribution: *contribution,
        }));
    } else {
        let values = model.shown(given, &parts)?;
        for (place, (part, contribution)) in parts.into_iter().zip(&found.of_features).enumerate() {
            match lines.get_mut(part.column) {
                Some(line) => line.contribution += contribution,
                None => {
                    let value = match &values {
                        Some(values) => values[part.column].clone(),
                        None => number(place),
                    };
                    lines.push(Line { feature: part.column_name, value, contribution: *contribution });
                }
            }
        }
    }
    // Of equals the one that stands first in the row.
    lines.sort_by(|a, b| b.contribution.abs().total_cmp(&a.contribution.abs()));
    lines.insert(0, Line { feature: BASE.into(), value: None, contribution: found.base });
    Ok(lines)
}

fn interrupt() {
    pgrx::check_for_interrupts!();
}

impl Model {
    /// The form of the model that can be explained, if it has one.
    fn explained(&self) -> Result<&model::Model> {
        let refused = |why: String| Error::NotExplained { model: self.id, why };
        let models::Origin { task, not_exported, .. } = rights::of_predictors(|| models::task_and_origin(self.id))?;
        if [Task::Clustering, Task::Decomposition].iter().any(|other| other.name() == task) {
            return Err(refused(format!("its task is {task}")).into());
        }
        let python = || match not_exported {
            Some(reason) => refused(format!("Python predicts with it, because {reason}")),
            None => refused("Python predicts with it".into()),
        };
        Ok(self.native.as_ref().ok_or_else(python)?)
    }

    /// Made when the model is first explained.
    fn explainer(&self, native: &model::Model) -> Result<&Explainer> {
        if let Some(explainer) = self.explainer.get() {
            return Ok(explainer);
        }
        let models::Origin { format, .. } = rights::of_predictors(|| models::task_and_origin(self.id))?;
        let explainer = Explainer::new(native, &interrupt).map_err(|why| match (why, format) {
            (NotExplained::Old(lacks), Some(format)) => Error::ImportedWithout { model: self.id, format, lacks },
            (NotExplained::Old(lacks), None) => Error::TooOldToExplain { model: self.id, lacks },
            (NotExplained::SeveralLabels, _) => Error::SeveralLabels { model: self.id, labels: native.labels() },
            (why, _) => Error::NotExplained { model: self.id, why: why.to_string() },
        })?;
        self.bytes.set(self.bytes.get() + explainer.bytes());
        Ok(self.explainer.get_or_init(|| explainer))
    }

    /// The class whose score is explained, by its place: the one that is named, or the one that is predicted; none of a value.
    fn class_to_explain(&self, native: &model::Model, numbers: &[f64], label: Option<&str>) -> Result<Option<usize>> {
        let Some(classes) = native.class_values() else {
            return match label {
                Some(_) => Err(Error::NoClasses(self.id).into()),
                None => Ok(None),
            };
        };
        let place = match label {
            Some(label) => classes.iter().position(|class| self.class_name(*class) == label).ok_or_else(|| {
                let known = classes.iter().map(|class| self.class_name(*class)).collect();
                Error::UnknownClass { model: self.id, class: label.to_string(), known }
            })?,
            None => {
                let mut said = Vec::with_capacity(1);
                let refused = |_| Error::RowRefused(self.id);
                native.predict(numbers, &mut Work::default(), &mut said).map_err(refused)?;
                // A prediction is one of the classes.
                classes.iter().position(|class| Some(class) == said.first()).unwrap_or(0)
            }
        };
        Ok(Some(place))
    }

    /// Of each number that the model takes, the column and what it is called. A model without names has numbers for them.
    fn parts(&self, numbers: usize) -> Vec<Part> {
        match &self.preprocess {
            Some(preprocess) => preprocess.parts(),
            None => {
                let name = |place: usize| format!("feature {}", place + 1);
                let part = |column| Part { column, column_name: name(column), name: name(column) };
                (0..numbers).map(part).collect()
            }
        }
    }

    /// The values of the columns as the row has them; none where the row has other columns.
    fn shown(&self, given: Given<'_>, parts: &[Part]) -> Result<Option<Vec<Option<String>>>> {
        let columns = parts.last().map_or(0, |part| part.column + 1);
        match given {
            Given::Array(array) | Given::Gaps(array) => Ok(self.shown_array(array, columns)),
            Given::Row(record) => self.shown_row(record, false, columns),
            Given::Named(record) => self.shown_row(record, true, columns),
        }
    }

    fn shown_array(&self, array: &Numbers<'_, f64>, columns: usize) -> Option<Vec<Option<String>>> {
        let sizes: Vec<usize> = match &self.preprocess {
            Some(preprocess) => preprocess.sizes().collect(),
            None => vec![1; columns],
        };
        let numbers = array.options();
        if sizes.iter().sum::<usize>() != numbers.len() {
            return None;
        }
        let mut rest = &numbers[..];
        let texts = sizes.into_iter().map(|size| {
            let (own, behind) = rest.split_at(size);
            rest = behind;
            match own {
                [one] => one.map(labels::number),
                many => {
                    let each = many.iter().map(|one| one.map_or("NULL".into(), labels::number));
                    Some(format!("{{{}}}", each.collect::<Vec<_>>().join(",")))
                }
            }
        });
        Some(texts.collect())
    }

    fn shown_row(&self, record: &Record, by_name: bool, columns: usize) -> Result<Option<Vec<Option<String>>>> {
        record.open(&self.last_row, |row| {
            let shape = row.shape();
            let places = match &self.preprocess {
                Some(preprocess) if by_name && shape.is_named() => self.places(shape, preprocess)?.columns.clone(),
                _ if shape.names().len() == columns => (0..columns).collect(),
                _ => return Ok(None),
            };
            Ok(Some(places.into_iter().map(|column| row.shown(column)).collect()))
        })
    }
}
