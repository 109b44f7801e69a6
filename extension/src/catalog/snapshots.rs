//! `pgml.snapshots`: which rows and columns a model was trained on, and how they were split.

use pgml_core::Error;
use pgml_core::columns::{Column, Layout};
use pgml_core::matrix::Matrix;
use pgml_core::preprocess::{Fitted, Plan};
use pgml_core::split::Sampling;
use serde_json::{Map, Value, json};

use super::projects::Project;
use super::{Edition, required};
use crate::error::Result;
use crate::json::JsonB;
use crate::rows::Rows;
use crate::spi::{self, Argument};

#[derive(Debug, Clone)]
pub struct Snapshot {
    pub id: i64,
    pub relation: String,
    pub labels: Vec<String>,
    pub test_size: f32,
    pub sampling: String,
    /// Whether the rows are kept in a table of their own.
    pub materialized: bool,
    /// Whether they were put there in the order in which they are split.
    pub in_order: bool,
    /// What is done with the columns before a model sees them.
    pub plan: Plan,
}

impl Snapshot {
    /// A snapshot of what a call names. What may be left out, a relation and labels, is empty then.
    pub fn new(
        relation: Option<String>,
        labels: Option<Vec<String>>,
        test_size: Option<f32>,
        sampling: Option<String>,
    ) -> Result<Snapshot> {
        Ok(Snapshot {
            id: 0,
            relation: relation.unwrap_or_default(),
            labels: labels.unwrap_or_default(),
            test_size: test_size.ok_or(Error::NullArgument("test_size"))?,
            sampling: sampling.ok_or(Error::NullArgument("test_sampling"))?,
            materialized: false,
            in_order: false,
            plan: Plan::default(),
        })
    }

    /// How the rows are split; a spelling of another edition falls back to the default.
    pub fn sampling(&self) -> Sampling {
        Sampling::parse(&self.sampling).unwrap_or(Sampling::Stratified)
    }

    /// The table that keeps the rows.
    pub fn copy(&self) -> String {
        format!("pgml.snapshot_{}", self.id)
    }
}

/// The columns of a snapshot, as `fetched` takes them.
fn selected(edition: Edition) -> String {
    let (materialized, in_order, columns) = match edition {
        Edition::V1 => ("true", "true", "NULL::pg_catalog.jsonb"),
        Edition::Current => (
            "COALESCE(s.materialized, false)",
            "COALESCE(s.analysis OPERATOR(pg_catalog.?) 'in_order', false)",
            "s.columns",
        ),
    };
    format!(
        "s.id, s.relation_name, s.y_column_name, s.test_size, s.test_sampling::pg_catalog.text, {materialized}, \
         {in_order}, {columns} FROM pgml.snapshots AS s"
    )
}

fn fetched(row: &spi::Row<'_>) -> Result<Snapshot> {
    Ok(Snapshot {
        id: required(row.get(1))?,
        relation: required(row.get(2))?,
        labels: row.get(3).unwrap_or_default(),
        test_size: required(row.get(4))?,
        sampling: required(row.get(5))?,
        materialized: required(row.get(6))?,
        in_order: required(row.get(7))?,
        plan: row.get(8).map(|JsonB(columns)| Plan::of_snapshot(&columns)).unwrap_or_default(),
    })
}

/// The snapshot of the project's last model.
pub fn last(edition: Edition, project: &Project) -> Result<Option<Snapshot>> {
    let query = format!(
        "SELECT {} JOIN pgml.models AS m ON m.snapshot_id OPERATOR(pg_catalog.=) s.id \
         WHERE m.project_id OPERATOR(pg_catalog.=) $1 ORDER BY m.id DESC LIMIT 1",
        selected(edition)
    );
    spi::first(&query, &[project.id.into()], fetched)
}

/// The snapshot that a model was trained on.
pub fn of_model(edition: Edition, model: i64) -> Result<Option<Snapshot>> {
    let query = format!(
        "SELECT {} JOIN pgml.models AS m ON m.snapshot_id OPERATOR(pg_catalog.=) s.id \
         WHERE m.id OPERATOR(pg_catalog.=) $1",
        selected(edition)
    );
    spi::first(&query, &[model.into()], fetched)
}

/// Record a new snapshot; returns its id.
pub fn create(snapshot: &Snapshot, rows: &Rows, fitted: Option<&Fitted>) -> Result<i64> {
    let id = spi::first(
        "INSERT INTO pgml.snapshots \
         (relation_name, y_column_name, test_size, test_sampling, status, columns, analysis) \
         VALUES ($1, $2, $3, $4::pgml.sampling, 'successful', $5::pg_catalog.jsonb, $6::pg_catalog.jsonb) RETURNING id",
        &[
            snapshot.relation.as_str().into(),
            labels(snapshot),
            snapshot.test_size.into(),
            snapshot.sampling.as_str().into(),
            describe(rows, fitted).to_string().into(),
            analysis(&rows.matrix, rows.test).to_string().into(),
        ],
        |row| required(row.get(1)),
    )?;
    required(id)
}

/// Record a snapshot whose rows are about to be copied; returns its id.
pub fn start(edition: Edition, snapshot: &Snapshot) -> Result<i64> {
    let (columns, values) = match edition {
        Edition::V1 => ("status", "'new'"),
        Edition::Current => ("status, materialized", "'in_progress', true"),
    };
    let sampling = edition.value(4, "sampling");
    let id = spi::first(
        &format!(
            "INSERT INTO pgml.snapshots (relation_name, y_column_name, test_size, test_sampling, {columns}) \
             VALUES ($1, $2, $3, {sampling}, {values}) RETURNING id"
        ),
        &[
            snapshot.relation.as_str().into(),
            labels(snapshot),
            snapshot.test_size.into(),
            snapshot.sampling.as_str().into(),
        ],
        |row| required(row.get(1)),
    )?;
    required(id)
}

/// The labels as they are stored: NULL for none.
fn labels(snapshot: &Snapshot) -> Argument {
    match snapshot.labels[..] {
        [] => Argument::null_texts(),
        _ => snapshot.labels.clone().into(),
    }
}

/// Record that the rows of a snapshot are copied, and what they are.
pub fn finish(edition: Edition, id: i64, rows: &Rows) -> Result<()> {
    let (status, columns) = match edition {
        Edition::V1 => ("created", types(&rows.layout)),
        Edition::Current => ("successful", describe(rows, None)),
    };
    spi::execute(
        "UPDATE pgml.snapshots SET status = $2, columns = $3::pg_catalog.jsonb, \
         analysis = $4::pg_catalog.jsonb WHERE id OPERATOR(pg_catalog.=) $1",
        &[id.into(), status.into(), columns.to_string().into(), analysis(&rows.matrix, rows.test).to_string().into()],
    )
}

/// Record what is done with the columns of a snapshot whose rows are copied.
pub fn note(id: i64, rows: &Rows, fitted: &Fitted) -> Result<()> {
    spi::execute(
        "UPDATE pgml.snapshots SET columns = $2::pg_catalog.jsonb WHERE id OPERATOR(pg_catalog.=) $1",
        &[id.into(), describe(rows, Some(fitted)).to_string().into()],
    )
}

/// The columns as 1.0 notes them: the type of each by its name.
fn types(layout: &Layout) -> Value {
    let all = layout.features.iter().chain(&layout.labels);
    let columns: Map<String, Value> =
        all.map(|column| (column.name.clone(), column.type_name.clone().into())).collect();
    Value::from(columns)
}

/// Copy the rows of `relation`, whose name is quoted, into the snapshot's own table: as they come, or shuffled once where
/// their order is to decide the split.
///
/// The shuffle looks at the rows' values only, so that the same rows are split in the same way wherever they lie.
pub fn copy_rows(snapshot: &Snapshot, relation: &str) -> Result<()> {
    let order = match snapshot.sampling() {
        Sampling::Random if snapshot.in_order => " ORDER BY pg_catalog.md5(ROW(r.*)::pg_catalog.text)",
        _ => "",
    };
    spi::execute(&format!("CREATE TABLE {} AS SELECT r.* FROM {relation} AS r{order}", snapshot.copy()), &[])
}

fn analysis(matrix: &Matrix, test: usize) -> Value {
    json!({
        "rows": matrix.rows,
        "train_rows": matrix.rows - test,
        "test_rows": test,
        "features": matrix.features,
    })
}

/// The columns as PostgresML 2.x notes them; statistics only where a step needed them.
fn describe(rows: &Rows, fitted: Option<&Fitted>) -> Value {
    let Rows { layout, matrix, .. } = rows;
    let one = |column: &Column, label: bool, position: usize, size: usize| {
        let note = fitted.filter(|_| !label).and_then(|fitted| fitted.notes.get(position - 1));
        let mut described = json!({
            "name": column.name,
            "pg_type": column.type_name,
            "nullable": column.nullable,
            "label": label,
            "position": position,
            "size": size,
            "array": column.array,
            "preprocessor": note.map(|note| note.steps.clone()).unwrap_or_default(),
        });
        if let Some(note) = note.filter(|note| !note.statistics.is_null()) {
            described["statistics"] = note.statistics.clone();
        }
        described
    };
    let features = layout.features.iter().zip(&matrix.widths);
    let features = features.enumerate().map(|(place, (column, width))| one(column, false, place + 1, *width));
    let labels = layout.labels.iter().enumerate();
    let labels = labels.map(|(place, column)| one(column, true, layout.features.len() + place + 1, 1));
    Value::Array(features.chain(labels).collect())
}
