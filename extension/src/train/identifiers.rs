//! Columns with a different value in nearly every row: ids, names, addresses. A model learns the rows by heart from them, and
//! nothing about others.

use std::collections::HashSet;

use pgml_core::Error;
use pgml_core::columns::Column;
use pgml_core::preprocess::{Encode, Plan};
use pgml_core::split::SplitRows;

use crate::error::Result;
use crate::text;

/// Fewer rows say nothing.
const ROWS: usize = 50;

/// A value that came before, in so many rows of a hundred, and a column is no identifier.
const REPEATED: usize = 5;

/// Warn of numbers that look like identifiers; fail for texts that do, whose categories no other row has, and for classes of a
/// label that do.
pub fn check(rows: &SplitRows, plan: &Plan) -> Result<()> {
    let matrix = &rows.matrix;
    if matrix.rows < ROWS {
        return Ok(());
    }
    for label in 0..matrix.classes.len() {
        let column = rows.layout.labels.get(label).map(|column| column.name.clone()).unwrap_or_default();
        let values = matrix.y.iter().skip(label).step_by(matrix.labels);
        if differs(values.clone(), matrix.rows) {
            let distinct = values.map(|value| value.to_bits()).collect::<HashSet<u64>>().len();
            return Err(Error::UniqueClasses { column, distinct, rows: matrix.rows }.into());
        }
    }
    let mut place = 0;
    for ((column, width), texts) in rows.layout.features.iter().zip(&matrix.widths).zip(&matrix.texts) {
        if column.is_text() {
            let distinct = texts.len();
            let listed = matches!(plan.steps(&column.name).encode, Encode::Ordinal(_));
            if !listed && is_nearly_unique(distinct, matrix.rows) {
                return Err(Error::NearlyUnique { column: column.name.clone(), distinct, rows: matrix.rows }.into());
            }
        } else if is_whole(column) && differs(matrix.x.iter().skip(place).step_by(matrix.features), matrix.rows) {
            let name = &column.name;
            text::warning(&format!(
                "column \"{name}\" has a different value in nearly every row: if it is an id, leave it out with exclude => ARRAY['{name}']"
            ));
        }
        place += width;
    }
    Ok(())
}

fn is_nearly_unique(distinct: usize, rows: usize) -> bool {
    (rows - distinct.min(rows)) * 100 < rows * REPEATED
}

/// Whether the column has whole numbers by its type; a fraction differs from row to row by its nature.
fn is_whole(column: &Column) -> bool {
    !column.array && ["int2", "int4", "int8"].contains(&column.element.as_str())
}

/// Whether nearly all values differ. Looks no further than to the last repetition that it may have.
fn differs<'a>(values: impl Iterator<Item = &'a f64>, rows: usize) -> bool {
    let mut seen = HashSet::with_capacity(rows.min(1 << 16));
    let mut repeated = 0;
    for value in values {
        if !seen.insert(value.to_bits()) {
            repeated += 1;
            if repeated * 100 >= rows * REPEATED {
                return false;
            }
        }
    }
    true
}
