//! From a plan and the training rows to the steps that the model needs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::plan::{Encode, Impute, Plan, Scale, Steps};
use super::{Categories, Column, Preprocess, Statistics};
use crate::columns::Layout;
use crate::matrix::Matrix;
use crate::{Error, Result};

/// The columns that a table of Postgres can have; each takes as much memory as a column of the relation.
const MOST_COLUMNS: usize = 1600;

/// Texts that an error names.
const NAMED: usize = 5;

/// Steps that were learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    pub preprocess: Preprocess,
    /// For each feature column what a snapshot notes of it.
    pub notes: Vec<Note>,
}

/// What a snapshot notes of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    pub steps: Steps,
    /// Of the numbers that the column has after encoding and before gaps are filled; null where no step needed them.
    pub statistics: Value,
}

/// One column's numbers over the training rows, and what its texts stand for.
struct Encoded {
    numbers: Vec<f64>,
    categories: Option<Categories>,
    /// The training rows of each category.
    members: BTreeMap<String, usize>,
    nulls: usize,
}

/// What is kept with a model beside the steps that were asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keep {
    /// The columns' names and the label's classes, even where there are no steps.
    pub always: bool,
    /// Values that are missing, because the algorithm takes them.
    pub missing: bool,
}

/// Learn the steps from the first `train` rows; none when there is nothing to keep.
pub fn fit(plan: &Plan, layout: &Layout, matrix: &Matrix, train: usize, keep: Keep) -> Result<Option<Fitted>> {
    if !keep.always && plan.is_empty() && !layout.features.iter().any(crate::columns::Column::is_text) {
        return Ok(None);
    }
    let (mut columns, mut notes) = (Vec::new(), Vec::new());
    let mut offset = 0;
    for (index, (column, size)) in layout.features.iter().zip(&matrix.widths).enumerate() {
        let steps = plan.steps(&column.name);
        let place = Place { matrix, train, index, offset, size: *size };
        let encoded = match column.is_text() {
            true => place.texts(&column.name, &steps.encode)?,
            false => place.numbers(steps),
        };
        let statistics = Statistics::of(encoded.numbers.clone());
        let mut learned = learned(&column.name, *size, steps, &encoded, statistics.as_ref())?;
        learned.time = column.temporal();
        learned.parts = steps.encode == Encode::Parts;
        learned.missing = keep.missing && learned.fill.is_none();
        columns.push(learned);
        notes.push(Note { steps: steps.clone(), statistics: noted(&encoded, statistics) });
        offset += size;
    }
    // Of several labels none is kept: none of them has a list.
    let label = matrix.classes.first().filter(|_| keep.always && matrix.labels == 1).cloned();
    Ok(Some(Fitted { preprocess: Preprocess { columns, single: false, label }, notes }))
}

/// Where a column is in the training rows.
struct Place<'a> {
    matrix: &'a Matrix,
    train: usize,
    index: usize,
    offset: usize,
    size: usize,
}

impl Place<'_> {
    fn row(&self, row: usize) -> &[f64] {
        &self.matrix.row(row)[self.offset..][..self.size]
    }

    /// The numbers of a column that has some; nobody asks for those of a column without steps.
    fn numbers(&self, steps: &Steps) -> Encoded {
        let wanted = if *steps == Steps::default() { 0 } else { self.train };
        let numbers = (0..wanted).flat_map(|row| self.row(row)).copied().collect();
        Encoded { numbers, categories: None, members: BTreeMap::new(), nulls: 0 }
    }

    fn texts(&self, name: &str, encode: &Encode) -> Result<Encoded> {
        let texts = &self.matrix.texts[self.index];
        let code = |row: usize| Some(self.row(row)[0]).filter(|code| !code.is_nan()).map(|code| code as usize);
        let mut counts = vec![0usize; texts.len()];
        let mut sums = vec![0.0; texts.len()];
        let (mut nulls, mut null_sum) = (0usize, 0.0);
        for row in 0..self.train {
            // Of several labels the first one counts, as in PostgresML.
            let label = self.matrix.label(row).first().copied().unwrap_or(0.0);
            let (count, sum) = match code(row) {
                Some(code) => (&mut counts[code], &mut sums[code]),
                None => (&mut nulls, &mut null_sum),
            };
            *count += 1;
            *sum += label;
        }
        let known: Vec<usize> = (0..texts.len()).filter(|code| counts[*code] > 0).collect();
        let rank = |from: usize| known.iter().enumerate().map(move |(place, code)| (*code, (place + from) as f64));
        let (values, null, one_hot): (BTreeMap<usize, f64>, _, _) = match encode {
            // Times have parts, not categories: the plan was checked.
            Encode::Native | Encode::Parts => (rank(1).collect(), Some(0.0), None),
            Encode::Ordinal(list) => {
                let place = |code: &usize| list.iter().position(|text| *text == texts[*code]);
                let strange: Vec<String> =
                    known.iter().filter(|code| place(code).is_none()).map(|code| texts[*code].clone()).collect();
                if !strange.is_empty() {
                    let count = strange.len();
                    let values = strange.into_iter().take(NAMED).collect();
                    return Err(Error::NotInList { column: name.to_string(), values, count });
                }
                // Also what the training rows lack: the list says what there can be.
                let categories = list.iter().enumerate();
                let values = categories.map(|(place, text)| (text.clone(), (place + 1) as f64)).collect();
                let categories = Categories { values, null: Some(0.0), one_hot: None };
                return Ok(self.encoded(texts, categories, &counts, nulls));
            }
            Encode::Target => {
                let mean = |code: &usize| (*code, sums[*code] / counts[*code] as f64);
                (known.iter().map(mean).collect(), (nulls > 0).then(|| null_sum / nulls as f64), None)
            }
            Encode::OneHot => {
                let count = known.len() + usize::from(nulls > 0);
                if count > MOST_COLUMNS {
                    let cause = format!("one_hot would make {count} columns of it, and {MOST_COLUMNS} is the most");
                    return Err(Error::Preprocess { column: name.to_string(), cause });
                }
                (rank(0).collect(), (nulls > 0).then_some(known.len() as f64), Some(count))
            }
        };
        let values = values.into_iter().map(|(code, value)| (texts[code].clone(), value)).collect();
        Ok(self.encoded(texts, Categories { values, null, one_hot }, &counts, nulls))
    }

    fn encoded(&self, texts: &[String], categories: Categories, counts: &[usize], nulls: usize) -> Encoded {
        let missing = f64::NAN;
        let values: Vec<f64> =
            texts.iter().map(|text| categories.values.get(text).copied().unwrap_or(missing)).collect();
        let null = categories.null.unwrap_or(missing);
        let number = |row: usize| {
            let code = self.row(row)[0];
            if code.is_nan() { null } else { values[code as usize] }
        };
        let numbers = (0..self.train).map(number).collect();
        let members = texts.iter().cloned().zip(counts.iter().copied()).filter(|(_, count)| *count > 0).collect();
        Encoded { numbers, categories: Some(categories), members, nulls }
    }
}

/// A column with its steps; `statistics` are none where the training rows have no number.
fn learned(
    name: &str,
    size: usize,
    steps: &Steps,
    encoded: &Encoded,
    statistics: Option<&Statistics>,
) -> Result<Column> {
    let one_hot = encoded.categories.as_ref().is_some_and(|categories| categories.one_hot.is_some());
    let known = || statistics.ok_or_else(|| Error::AllMissing(name.to_string()));
    let fill = match steps.impute {
        Impute::Error => None,
        // No column's place: all of them are zero.
        Impute::Zero if one_hot => Some(-1.0),
        Impute::Zero => Some(0.0),
        Impute::Mean => Some(known()?.mean),
        Impute::Median if one_hot => Some(known()?.median.floor()),
        Impute::Median => Some(known()?.median),
        Impute::Mode => Some(known()?.mode),
        Impute::Min => Some(known()?.min),
        Impute::Max => Some(known()?.max),
    };
    let scale = match steps.scale {
        _ if one_hot => None,
        Scale::Preserve => None,
        Scale::Standard => Some((known()?.mean, known()?.std_dev)),
        Scale::MinMax => Some((known()?.min, known()?.max - known()?.min)),
        Scale::MaxAbs => Some((0.0, known()?.max_abs)),
        Scale::Robust => Some((known()?.median, known()?.quartiles.1 - known()?.quartiles.0)),
    };
    // A constant column becomes zeros, as scikit-learn's scalers make it.
    let scale = scale.map(|(center, divisor)| (center, if divisor == 0.0 { 1.0 } else { divisor }));
    let all = [fill, scale.map(|scale| scale.0), scale.map(|scale| scale.1)];
    if all.iter().flatten().any(|number| !number.is_finite()) {
        return Err(Error::Preprocess {
            column: name.to_string(),
            cause: "its numbers are too large to be scaled".into(),
        });
    }
    let categories = encoded.categories.clone();
    Ok(Column { name: name.to_string(), size, categories, fill, scale, time: None, parts: false, missing: false })
}

fn noted(encoded: &Encoded, statistics: Option<Statistics>) -> Value {
    let mut noted = json!(statistics);
    if let (Some(noted), Some(categories)) = (noted.as_object_mut(), &encoded.categories) {
        let category = |text: &String, value: f64| json!({ "value": value, "members": encoded.members.get(text).copied().unwrap_or(0) });
        let all: BTreeMap<&str, Value> =
            categories.values.iter().map(|(text, value)| (text.as_str(), category(text, *value))).collect();
        if let Some(value) = categories.null {
            // As PostgresML writes it, and longer where a text is called so.
            let mut name = super::adopted::NULL.to_string();
            while categories.values.contains_key(&name) {
                name.push('_');
            }
            let mut named: BTreeMap<String, Value> =
                all.into_iter().map(|(text, category)| (text.to_string(), category)).collect();
            named.insert(name, json!({ "value": value, "members": encoded.nulls }));
            noted.insert("categories".into(), json!(named));
            return Value::Object(std::mem::take(noted));
        }
        noted.insert("categories".into(), json!(all));
    }
    noted
}

impl Preprocess {
    /// Put the numbers that the model takes in the place of the columns' own, in all rows.
    pub fn transform(&self, matrix: &mut Matrix) -> Result<()> {
        if self.is_plain() {
            return Ok(());
        }
        let codes: Vec<Vec<Option<f64>>> =
            self.columns.iter().zip(&matrix.texts).map(|(column, texts)| column.values(texts)).collect();
        let mut strange = vec![0usize; self.columns.len()];
        let mut x = Vec::with_capacity(matrix.rows * self.outputs());
        for row in 0..matrix.rows {
            let mut numbers = matrix.row(row).iter().copied();
            for (index, column) in self.columns.iter().enumerate() {
                for number in numbers.by_ref().take(column.size) {
                    let value = match &column.categories {
                        None => Some(number),
                        Some(categories) if number.is_nan() => categories.null,
                        Some(_) => codes[index][number as usize],
                    };
                    if !column.add(value, self.single, &mut x) {
                        strange[index] += 1;
                    }
                }
            }
        }
        let named = self.columns.iter().zip(strange).map(|(column, rows)| (column.name.clone(), rows));
        let strange: Vec<(String, usize)> = named.filter(|(_, rows)| *rows > 0).collect();
        if !strange.is_empty() {
            return Err(Error::NewCategories(strange));
        }
        matrix.features = self.outputs();
        matrix.x = x;
        Ok(())
    }
}

impl Column {
    /// What each of some texts stands for.
    fn values(&self, texts: &[String]) -> Vec<Option<f64>> {
        let value = |text| self.categories.as_ref().and_then(|categories| categories.values.get(text).copied());
        texts.iter().map(value).collect()
    }
}

#[cfg(test)]
mod tests;
