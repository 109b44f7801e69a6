//! `pgml.snapshots`: which rows and columns a model was trained on, and how they were split.

use pgml_core::columns::{Column, Layout};
use pgml_core::matrix::Matrix;
use pgml_core::split::Sampling;
use serde_json::{Value, json};

use super::projects::Project;
use super::required;
use crate::error::Result;
use crate::spi;

#[derive(Debug, Clone)]
pub struct Snapshot {
    pub id: i64,
    pub relation: String,
    pub labels: Vec<String>,
    pub test_size: f32,
    pub sampling: String,
}

impl Snapshot {
    /// How the rows are split; a spelling of another edition falls back to the default.
    pub fn sampling(&self) -> Sampling {
        Sampling::parse(&self.sampling).unwrap_or(Sampling::Stratified)
    }
}

/// The snapshot of the project's last model.
pub fn last(project: &Project) -> Result<Option<Snapshot>> {
    spi::first(
        "SELECT s.id, s.relation_name, s.y_column_name, s.test_size, s.test_sampling::pg_catalog.text \
         FROM pgml.snapshots AS s JOIN pgml.models AS m ON m.snapshot_id OPERATOR(pg_catalog.=) s.id \
         WHERE m.project_id OPERATOR(pg_catalog.=) $1 ORDER BY m.id DESC LIMIT 1",
        &[project.id.into()],
        |row| {
            Ok(Snapshot {
                id: required(row.get(1))?,
                relation: required(row.get(2))?,
                labels: row.get(3).unwrap_or_default(),
                test_size: required(row.get(4))?,
                sampling: required(row.get(5))?,
            })
        },
    )
}

/// Record a new snapshot; returns its id.
pub fn create(snapshot: &Snapshot, layout: &Layout, matrix: &Matrix, test: usize) -> Result<i64> {
    let analysis = json!({
        "rows": matrix.rows,
        "train_rows": matrix.rows - test,
        "test_rows": test,
        "features": matrix.features,
    });
    let id = spi::first(
        "INSERT INTO pgml.snapshots \
         (relation_name, y_column_name, test_size, test_sampling, status, columns, analysis) \
         VALUES ($1, $2, $3, $4::pgml.sampling, 'successful', $5::pg_catalog.jsonb, $6::pg_catalog.jsonb) RETURNING id",
        &[
            snapshot.relation.as_str().into(),
            snapshot.labels.clone().into(),
            snapshot.test_size.into(),
            snapshot.sampling.as_str().into(),
            describe(layout, matrix).to_string().into(),
            analysis.to_string().into(),
        ],
        |row| required(row.get(1)),
    )?;
    required(id)
}

fn describe(layout: &Layout, matrix: &Matrix) -> Value {
    let one = |column: &Column, label: bool, position: usize, size: usize| {
        json!({
            "name": column.name,
            "pg_type": column.type_name,
            "nullable": column.nullable,
            "label": label,
            "position": position,
            "size": size,
            "array": column.array,
        })
    };
    let features = layout.features.iter().zip(&matrix.widths);
    let features = features.enumerate().map(|(place, (column, width))| one(column, false, place + 1, *width));
    let labels = layout.labels.iter().enumerate();
    let labels = labels.map(|(place, column)| one(column, true, layout.features.len() + place + 1, 1));
    Value::Array(features.chain(labels).collect())
}
