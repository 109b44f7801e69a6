//! The labels of rows, in the numbers of the model that is scored.

use pgml_core::Error;
use pgml_core::columns::Layout;
use pgml_core::labels::{Classes, Collector};
use pgml_core::numbering::Numbering;

use crate::error::Result;
use crate::relation::Values;

/// The labels of rows while they are read.
pub struct Reader {
    labels: Vec<Label>,
    /// The place of the first label among the columns.
    first: usize,
    /// Row by row.
    values: Vec<f64>,
}

/// One label.
struct Label {
    name: String,
    /// What collects its classes, where they are no plain numbers.
    classes: Option<Collector>,
    boolean: bool,
    nulls: usize,
    not_finite: usize,
}

/// The labels of rows.
pub struct Truth {
    /// Row by row. A class that the model does not know is a number of its own.
    pub values: Vec<f64>,
    /// What the classes of each label are called; none for a value.
    pub names: Vec<Option<Classes>>,
}

impl Reader {
    pub fn new(layout: &Layout) -> Reader {
        let label = |(place, column): (usize, &pgml_core::columns::Column)| Label {
            name: column.name.clone(),
            classes: layout.collector(place),
            boolean: column.element == "bool",
            nulls: 0,
            not_finite: 0,
        };
        let labels = layout.labels.iter().enumerate().map(label).collect();
        Reader { labels, first: layout.features.len(), values: Vec::new() }
    }

    /// Take the labels of a row. What is wrong with them is told at the end.
    pub fn take(&mut self, row: &Values<'_>) {
        for (place, label) in self.labels.iter_mut().enumerate() {
            let column = self.first + place;
            let value = match &mut label.classes {
                Some(classes) => row.class(column, classes),
                None => row.number(column),
            };
            match value {
                None => label.nulls += 1,
                Some(value) if !value.is_finite() => label.not_finite += 1,
                Some(_) => {}
            }
            self.values.push(value.unwrap_or(f64::NAN));
        }
    }

    /// The labels, in the numbers of `model`, which are what the classes of its one label are called. Values of a regression stay.
    pub fn finish(self, model: Option<&Classes>, classes: bool) -> Result<Truth> {
        let Reader { labels, mut values, .. } = self;
        let count = |of: &dyn Fn(&Label) -> usize| -> Vec<(String, usize)> {
            let each = labels.iter().map(|label| (label.name.clone(), of(label)));
            each.filter(|(_, rows)| *rows > 0).collect()
        };
        let nulls = count(&|label| label.nulls);
        if !nulls.is_empty() {
            return Err(Error::BadValues { what: "NULL", columns: nulls, null: true }.into());
        }
        let not_finite = count(&|label| label.not_finite);
        if !not_finite.is_empty() {
            let what = "NaN or infinite values";
            return Err(Error::BadValues { what, columns: not_finite, null: false }.into());
        }
        let width = labels.len();
        let mut names = Vec::with_capacity(width);
        for (place, label) in labels.into_iter().enumerate() {
            if !classes {
                names.push(None);
                continue;
            }
            let column = || values.iter().skip(place).step_by(width).copied();
            let (own, codes) = match label.classes {
                None if column().any(|value| value.fract() != 0.0) => {
                    return Err(Error::ContinuousClasses { column: label.name }.into());
                }
                None => (Classes::of_numbers(label.boolean, column()), None),
                Some(collector) => {
                    let (classes, codes) = collector.finish()?;
                    (classes, Some(codes))
                }
            };
            let numbers = Classes::Numbers { real: true };
            let mut numbering = Numbering::new(model.unwrap_or(&numbers), &own);
            for value in values.iter_mut().skip(place).step_by(width) {
                let own = codes.as_ref().map_or(*value, |codes| codes[*value as usize]);
                *value = numbering.number(own).ok_or_else(|| Error::LabelClass {
                    column: label.name.clone(),
                    class: numbering.called(own),
                    classes: numbering.expected(),
                })?;
            }
            names.push(Some(numbering.finish()));
        }
        Ok(Truth { values, names })
    }
}
