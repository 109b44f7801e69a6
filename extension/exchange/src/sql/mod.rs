//! A model as an expression of SQL over the names of its features, which any Postgres evaluates without the extension.
//!
//! The expression is a scalar subquery of several steps, each a subquery of its own that Postgres evaluates once (`OFFSET 0`
//! keeps it from being merged into the next): the columns as numbers, the preprocessing, the scores, the prediction. Sums are
//! written in the order in which the model adds them up, and the numbers that trees compare with are shifted to what the
//! model's rounding makes of them, so that the same operations on doubles give the same result. Where `pgml.predict` refuses
//! a row (NULL, NaN, an infinity), the expression is NULL.

mod columns;
mod decide;
mod scores;
mod text;

#[cfg(test)]
mod tests;

use pgml_core::labels::Classes;
use pgml_core::model::{Model, Scores};
use pgml_core::preprocess::Preprocess;

use crate::error::{Error, Result};
use columns::Inputs;
pub use decide::last_not;
pub use scores::{goes_left, last_left};

/// The form, as errors call it.
const FORM: &str = "SQL";

/// How a column of the training relation is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kind {
    /// Whether its elements are booleans, which Postgres casts to no float.
    pub boolean: bool,
    /// Whether it is an array, of whatever size.
    pub array: bool,
}

fn inexpressible(why: impl Into<String>) -> Error {
    Error::Inexpressible { form: FORM, why: why.into() }
}

fn check_size(what: &'static str, found: usize, limit: usize) -> Result<()> {
    if found <= limit { Ok(()) } else { Err(Error::TooLargeToWrite { form: FORM, what, found, limit }) }
}

/// The expression; `kinds` has an entry for each column of `preprocess`.
pub fn write(model: &Model, preprocess: &Preprocess, kinds: &[Kind]) -> Result<String> {
    if preprocess.is_single() {
        return Err(inexpressible("its preprocessing has PostgresML's arithmetic in four bytes"));
    }
    if preprocess.outputs() != model.features {
        return Err(inexpressible("its preprocessing gives another number of features than it takes"));
    }
    let inputs = Inputs::new(preprocess, kinds, model)?;
    let mut steps = inputs.steps();
    let mut scored = scores::Steps::new(&inputs);
    let mut results = Vec::new();
    for part in model.parts() {
        let scores = match part.scores() {
            Scores::Linear(linear) => scored.linear(linear, model.features),
            Scores::Forest(forest) => scored.forest(forest)?,
            Scores::Machine(_) => return Err(inexpressible("it is a kernel machine")),
            Scores::Neighbours(_) => return Err(inexpressible("it compares rows with those that training kept")),
        };
        results.extend(decide::results(part.finish(), &scores, preprocess.label())?);
    }
    steps.extend(scored.finish());
    let result = match &results[..] {
        [one] => one.clone(),
        several => format!("ARRAY[{}]", several.join(", ")),
    };
    Ok(text::assemble(&steps, inputs.guard(), &result))
}

/// What the value of a classification is in SQL: the number that `predict` gives, or the text that `predict_label` gives.
fn class_literal(class: f64, label: Option<&Classes>) -> String {
    match label {
        Some(label) if label.not_a_number().is_some() => text::quote(&label.name(class)),
        _ => text::number(class),
    }
}
