//! The columns of a row as the numbers that the model takes.

use pgml_core::literal::quote_ident;
use pgml_core::model::forest::Input;
use pgml_core::model::{Model, Scores};
use pgml_core::preprocess::{Categories, Column, Preprocess};
use pgml_core::time::Temporal;

use super::text::{Step, number, quote};
use super::{Kind, check_size, inexpressible};
use crate::error::Result;
use crate::limits::SQL_NUMBERS;

/// The numbers that the model takes, each with the column of a step in which it is.
pub struct Inputs {
    steps: Vec<Step>,
    numbers: Vec<String>,
    guard: String,
}

impl Inputs {
    pub fn new(preprocess: &Preprocess, kinds: &[Kind], model: &Model) -> Result<Inputs> {
        check_size("features", preprocess.outputs().max(preprocess.inputs()), SQL_NUMBERS)?;
        let mut made =
            Making { values: Vec::new(), numbers: Vec::new(), qualified: Vec::new(), conditions: Vec::new() };
        let limit = number(largest_input(model));
        for (place, column) in preprocess.steps().iter().enumerate() {
            let kind = kinds.get(place).cloned().unwrap_or_default();
            made.add(column, &kind, &limit)?;
        }
        let Making { values, numbers, qualified, conditions } = made;
        let mut steps = vec![Step { alias: "v".into(), columns: values }];
        if !numbers.is_empty() {
            steps.push(Step { alias: "x".into(), columns: numbers });
        }
        steps.push(Step { alias: "g".into(), columns: vec![(conditions.join("\n    AND "), "known".into())] });
        Ok(Inputs { steps, numbers: qualified, guard: "g.known".into() })
    }

    /// The number of a feature of the model.
    pub fn number(&self, feature: usize) -> &str {
        // INVARIANT: the model has as many features as the preprocessing gives, and the reader checked each one of a node.
        &self.numbers[feature]
    }

    pub fn steps(&self) -> Vec<Step> {
        self.steps.clone()
    }

    /// Whether `pgml.predict` answers the row.
    pub fn guard(&self) -> &str {
        &self.guard
    }
}

/// The largest number that the model takes: beyond, a rounding to four bytes would be an infinity.
fn largest_input(model: &Model) -> f64 {
    let single = |scores: &Scores| matches!(scores, Scores::Forest(forest) if matches!(forest.input(), Input::Float32 | Input::Float32Missing));
    // Half of the step above the largest number of four bytes, and a little less.
    let most = f64::from(f32::MAX) + f64::from(f32::MAX) * f64::from(f32::EPSILON) / 4.0;
    if model.parts().iter().any(|part| single(part.scores())) { most.next_down() } else { f64::MAX }
}

/// What comes of the columns, one after the other.
struct Making {
    /// The columns of the first step.
    values: Vec<(String, String)>,
    /// Those of the second, of columns that become several numbers.
    numbers: Vec<(String, String)>,
    /// Each of the model's features.
    qualified: Vec<String>,
    conditions: Vec<String>,
}

impl Making {
    fn add(&mut self, column: &Column, kind: &Kind, limit: &str) -> Result<()> {
        let array = kind.array || column.size > 1;
        if array {
            let name = quote_ident(&column.name);
            self.condition(format!("cardinality({name}) = {}", column.size), "arrays");
        }
        for element in 1..=column.size {
            let mut value = source(column, kind, array.then_some(element))?;
            if column.fill.is_some() || column.missing {
                value = format!("NULLIF({value}, 'NaN'::float8)");
            }
            if let Some(fill) = column.fill {
                value = format!("COALESCE({value}, {})", number(fill));
            }
            let one_hot = column.categories.as_ref().and_then(|categories| categories.one_hot);
            let several = one_hot.is_some() || column.parts;
            if let Some((center, divisor)) = column.scale.filter(|_| !several) {
                value = format!("({value} - {}) / {}", number(center), number(divisor));
            }
            let name = format!("v{}", self.values.len() + 1);
            self.values.push((value, name.clone()));
            let qualified = format!("v.{name}");
            let known = format!("{qualified} BETWEEN -{limit} AND {limit}");
            self.conditions.push(match column.missing {
                true => format!("({qualified} IS NULL OR {known})"),
                false => known,
            });
            match (one_hot, column.time) {
                (Some(count), _) => {
                    self.several((0..count).map(|place| format!("({qualified} = {place})::int4::float8")));
                }
                (None, Some(time)) if column.parts => self.several(parts(time, &qualified).into_iter()),
                _ => self.qualified.push(qualified),
            }
        }
        Ok(())
    }

    fn several(&mut self, numbers: impl Iterator<Item = String>) {
        for value in numbers {
            let name = format!("x{}", self.numbers.len() + 1);
            self.numbers.push((value, name.clone()));
            self.qualified.push(format!("x.{name}"));
        }
    }

    /// A condition about a column of the row itself, which only the first step sees.
    fn condition(&mut self, condition: String, what: &str) {
        let name = format!("{what}{}", self.values.len() + 1);
        self.values.push((condition, name.clone()));
        self.conditions.push(format!("v.{name}"));
    }
}

/// A column of the row as a double.
fn source(column: &Column, kind: &Kind, element: Option<usize>) -> Result<String> {
    let name = quote_ident(&column.name);
    if let Some(categories) = &column.categories {
        return Ok(code(&name, categories));
    }
    Ok(match (column.time, element) {
        (Some(_), Some(_)) => return Err(inexpressible("it has arrays of times")),
        (Some(Temporal::Date), None) => format!("({name} - DATE '1970-01-01')::float8"),
        (Some(_), None) => format!("date_part('epoch', {name})"),
        (None, Some(element)) if kind.boolean => format!("({name}::int4[]::float8[])[{element}]"),
        (None, Some(element)) => format!("({name}::float8[])[{element}]"),
        (None, None) if kind.boolean => format!("{name}::int4::float8"),
        (None, None) => format!("{name}::float8"),
    })
}

/// What a text stands for.
fn code(name: &str, categories: &Categories) -> String {
    let mut text = format!("CASE {name}::text COLLATE \"C\"");
    for (category, value) in &categories.values {
        text.push_str(&format!(" WHEN {} THEN {}", quote(category), number(*value)));
    }
    if categories.values.is_empty() {
        text.push_str(" WHEN NULL THEN NULL::float8");
    }
    text.push_str(" END");
    match categories.null {
        Some(null) => format!("CASE WHEN {name} IS NULL THEN {} ELSE {text} END", number(null)),
        None => text,
    }
}

/// The parts of a time that is a number.
fn parts(time: Temporal, value: &str) -> Vec<String> {
    const DAY: &str = "86400.0::float8";
    let mut all = Vec::new();
    let days = match time {
        Temporal::Date => format!("floor({value})"),
        _ => format!("floor({value} / {DAY})"),
    };
    if matches!(time, Temporal::Date | Temporal::Timestamp) {
        let day = format!("DATE '1970-01-01' + {days}::int4");
        // Postgres counts no year 0.
        all.push(format!("date_part('year', {day}) + (date_part('year', {day}) < 0)::int4"));
        all.push(format!("date_part('month', {day})"));
        all.push(format!("date_part('day', {day})"));
        all.push(format!("date_part('isodow', {day})"));
    }
    match time {
        Temporal::Timestamp => all.push(format!("floor(({value} - {days} * {DAY}) / 3600.0::float8)")),
        Temporal::Time => all.push(format!("floor({value} / 3600.0::float8)")),
        Temporal::Date | Temporal::Interval => {}
    }
    all
}
