//! Whether an exported model predicts what Python predicts: asked right after training, on rows of the training's data.

use super::{Finish, Model, Part, Work};

/// What may differ where sums are rounded in another order, relative to the larger one.
const TOLERANCE: f64 = 1e-9;

/// Rows and what Python says about them.
pub struct Sample<'a> {
    pub rows: usize,
    pub features: &'a [f64],
    pub labels: &'a [f64],
    /// Of each class, when Python gives them.
    pub probabilities: Option<&'a [f64]>,
}

/// Why a model must not predict here.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Difference {
    #[error("the sample has another shape than the model")]
    Shape,
    #[error("row {row}: {what} is {here}, and Python says {python}")]
    Value { row: usize, what: &'static str, here: f64, python: f64 },
    #[error("row {row}: only Python can answer it")]
    Unanswered { row: usize },
}

/// Compare the model with Python: bit for bit where it adds up the numbers of trees, classes always.
pub fn check(model: &Model, sample: &Sample<'_>) -> Result<(), Difference> {
    let Sample { rows, features, labels, probabilities } = sample;
    let (width, classes) = (model.labels(), model.classes());
    if features.len() != rows * model.features || labels.len() != rows * width {
        return Err(Difference::Shape);
    }
    let exact = model.is_exact() || model.parts.iter().all(|part| matches!(part.finish, Finish::Classes { .. }));
    let mut work = Work::default();
    let mut out = Vec::with_capacity(width);
    let row_at = |row: usize| &features[row * model.features..(row + 1) * model.features];
    for row in 0..*rows {
        out.clear();
        model.predict(row_at(row), &mut work, &mut out).map_err(|_| Difference::Unanswered { row: row + 1 })?;
        compare(row + 1, "a prediction", &out, &labels[row * width..(row + 1) * width], exact)?;
    }
    let (Some(probabilities), Some(classes)) = (probabilities, classes) else {
        return Ok(());
    };
    if probabilities.len() != rows * classes {
        return Err(Difference::Shape);
    }
    let exact = model.parts.iter().all(Part::has_exact_probabilities);
    for row in 0..*rows {
        out.clear();
        model.probabilities(row_at(row), &mut work, &mut out).map_err(|_| Difference::Unanswered { row: row + 1 })?;
        compare(row + 1, "a probability", &out, &probabilities[row * classes..(row + 1) * classes], exact)?;
    }
    Ok(())
}

impl Part {
    fn has_exact_probabilities(&self) -> bool {
        match &self.finish {
            Finish::Classes { probabilities: Some(kind), .. } => kind.is_exact(),
            _ => false,
        }
    }
}

fn compare(row: usize, what: &'static str, here: &[f64], python: &[f64], exact: bool) -> Result<(), Difference> {
    for (here, python) in here.iter().zip(python) {
        let near = (here - python).abs() <= TOLERANCE * here.abs().max(python.abs());
        if here.to_bits() != python.to_bits() && (exact || !near) {
            return Err(Difference::Value { row, what, here: *here, python: *python });
        }
    }
    Ok(())
}
