//! `pgml.snapshots`: which rows and columns a model was trained on, and how they were split.

use pgml_core::Error;
use pgml_core::columns::{Column, Layout};
use pgml_core::meaning::Meaning;
use pgml_core::preprocess::{Fitted, Plan};
use pgml_core::split::{Sampling, SplitRows};
use serde_json::{Map, Value, json};

use super::projects::Project;
use super::{Edition, required};
use crate::error::Result;
use crate::json::JsonB;
use crate::membership;
use crate::rights;
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
    /// Columns that are left out; `None` if nobody has said.
    pub exclude: Option<Vec<String>>,
    /// The column that weighs the rows.
    pub weight: Option<String>,
    /// What the relation's columns have to be, because the project predicts these.
    pub meaning: Option<Meaning>,
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
            exclude: None,
            weight: None,
            meaning: None,
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
        Edition::V1 => ("true", "true", "NULL::pg_catalog.jsonb, NULL::pg_catalog.jsonb"),
        Edition::V2 | Edition::Current => (
            "COALESCE(s.materialized, false)",
            "COALESCE(s.analysis OPERATOR(pg_catalog.?) 'in_order', false)",
            "s.columns, s.analysis",
        ),
    };
    format!(
        "s.id, s.relation_name, s.y_column_name, s.test_size, s.test_sampling::pg_catalog.text, {materialized}, \
         {in_order}, {columns} FROM pgml.snapshots AS s"
    )
}

fn fetched(row: &spi::Row<'_>) -> Result<Snapshot> {
    let analysis = row.get(9).map_or(Value::Null, |JsonB(analysis)| analysis);
    Ok(Snapshot {
        id: required(row.get(1))?,
        relation: required(row.get(2))?,
        labels: row.get(3).unwrap_or_default(),
        test_size: required(row.get(4))?,
        sampling: required(row.get(5))?,
        materialized: required(row.get(6))?,
        in_order: required(row.get(7))?,
        plan: row.get(8).map(|JsonB(columns)| Plan::of_snapshot(&columns)).unwrap_or_default(),
        exclude: serde_json::from_value(analysis["exclude"].clone()).ok(),
        weight: analysis["weight_column"].as_str().map(String::from),
        meaning: None,
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
pub fn create(snapshot: &Snapshot, rows: &SplitRows, fitted: Option<&Fitted>) -> Result<i64> {
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
            analysis(snapshot, rows).to_string().into(),
        ],
        |row| required(row.get(1)),
    )?;
    required(id)
}

/// Record a snapshot whose rows are about to be copied; returns its id.
pub fn start(edition: Edition, snapshot: &Snapshot) -> Result<i64> {
    let (columns, values) = match edition {
        Edition::V1 => ("status", "'new'"),
        Edition::V2 | Edition::Current => ("status, materialized", "'in_progress', true"),
    };
    let sampling = edition.value(4, "sampling");
    let id = free_id()?;
    spi::execute(
        &format!(
            "INSERT INTO pgml.snapshots (relation_name, y_column_name, test_size, test_sampling, {columns}, id) \
             VALUES ($1, $2, $3, {sampling}, {values}, $5)"
        ),
        &[
            snapshot.relation.as_str().into(),
            labels(snapshot),
            snapshot.test_size.into(),
            snapshot.sampling.as_str().into(),
            id.into(),
        ],
    )?;
    Ok(id)
}

/// Whether the snapshot's table is there.
fn relation_exists(id: i64) -> Result<bool> {
    let found =
        spi::first("SELECT pg_catalog.to_regclass($1) IS NOT NULL", &[format!("pgml.snapshot_{id}").into()], |row| {
            Ok(row.get(1))
        })?;
    Ok(found.flatten().unwrap_or(false))
}

/// The next number of a snapshot whose table does not exist: an earlier life of the extension may have left some.
fn free_id() -> Result<i64> {
    loop {
        let found = spi::first(
            "SELECT n.id, EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relnamespace OPERATOR(pg_catalog.=) \
             'pgml'::pg_catalog.regnamespace AND c.relname OPERATOR(pg_catalog.=) pg_catalog.concat('snapshot_', n.id)::pg_catalog.name) \
             FROM pg_catalog.nextval('pgml.snapshots_id_seq') AS n(id)",
            &[],
            |row| Ok((required(row.get::<i64>(1))?, required(row.get::<bool>(2))?)),
        )?;
        let (id, taken) = required(found)?;
        if !taken {
            return Ok(id);
        }
    }
}

/// The labels as they are stored: NULL for none.
fn labels(snapshot: &Snapshot) -> Argument {
    match snapshot.labels[..] {
        [] => Argument::null_texts(),
        _ => snapshot.labels.clone().into(),
    }
}

/// Record that the rows of a snapshot are copied, and what they are.
pub fn finish(edition: Edition, snapshot: &Snapshot, rows: &SplitRows) -> Result<()> {
    let (status, columns) = match edition {
        Edition::V1 => ("created", types(&rows.layout)),
        Edition::V2 | Edition::Current => ("successful", describe(rows, None)),
    };
    spi::execute(
        "UPDATE pgml.snapshots SET status = $2, columns = $3::pg_catalog.jsonb, \
         analysis = $4::pg_catalog.jsonb WHERE id OPERATOR(pg_catalog.=) $1",
        &[snapshot.id.into(), status.into(), columns.to_string().into(), analysis(snapshot, rows).to_string().into()],
    )
}

/// Record what is done with the columns of a snapshot whose rows are copied.
pub fn note(id: i64, rows: &SplitRows, fitted: &Fitted) -> Result<()> {
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
///
/// The table is the schema's owner's, so that nobody needs a right to make things in schema pgml, which would be one to put
/// functions in the place of pgml's. The rows are read with the caller's rights.
pub fn copy_rows(snapshot: &Snapshot, relation: &str) -> Result<()> {
    let order = match snapshot.sampling() {
        Sampling::Random if snapshot.in_order => " ORDER BY pg_catalog.md5(ROW(r.*)::pg_catalog.text)",
        _ => "",
    };
    let copy = snapshot.copy();
    let columns = spi::first(
        "SELECT pg_catalog.string_agg(pg_catalog.concat(pg_catalog.quote_ident(a.attname), ' ', \
         pg_catalog.format_type(a.atttypid, a.atttypmod), (SELECT pg_catalog.format(' COLLATE %I.%I', n.nspname, c.collname) \
         FROM pg_catalog.pg_collation AS c JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.collnamespace \
         WHERE c.oid OPERATOR(pg_catalog.=) a.attcollation)), ', ' ORDER BY a.attnum), \
         pg_catalog.format('GRANT ALL ON %s TO %I', $2, CURRENT_USER) \
         FROM pg_catalog.pg_attribute AS a WHERE a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1) \
         AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped",
        &[relation.into(), copy.as_str().into()],
        |row| Ok(row.get::<String>(1).zip(row.get::<String>(2))),
    )?;
    let (columns, grant) = required(columns.flatten())?;
    rights::as_role(rights::owner_of_schema()?, || {
        // The names and types of columns, and no expression of anybody's.
        spi::execute(&format!("CREATE TABLE {copy} ({columns})"), &[])?;
        spi::execute(&grant, &[])?;
        membership::goes_with_the_extension(&copy)
    })?;
    let query = format!("INSERT INTO {copy} SELECT r.* FROM {relation} AS r{order}");
    rights::of_readers(relation, || spi::execute(&query, &[]))
}

/// What the models of a project predict, and from which columns: as the last training that says so noted it.
pub fn meaning(project: &Project) -> Result<Option<Meaning>> {
    let columns = spi::first(
        "SELECT s.columns FROM pgml.snapshots AS s JOIN pgml.models AS m ON m.snapshot_id OPERATOR(pg_catalog.=) s.id \
         WHERE m.project_id OPERATOR(pg_catalog.=) $1 AND s.columns IS NOT NULL ORDER BY m.id DESC LIMIT 1",
        &[project.id.into()],
        |row| Ok(row.get::<JsonB>(1)),
    )?;
    Ok(columns.flatten().and_then(|JsonB(columns)| Meaning::of_snapshot(&project.name, &columns)))
}

/// What the snapshot of a model notes of its columns, as the calling statement sees it.
pub fn columns(model: i64) -> Result<Option<Value>> {
    let columns = spi::read(
        c"SELECT s.columns FROM pgml.snapshots AS s JOIN pgml.models AS m ON m.snapshot_id OPERATOR(pg_catalog.=) s.id \
          WHERE m.id OPERATOR(pg_catalog.=) $1",
        &[model.into()],
        |row| Ok(row.get::<JsonB>(1)),
    )?;
    Ok(columns.into_iter().flatten().next().map(|JsonB(columns)| columns))
}

/// The columns that a model was trained on, in its order; `None` if its snapshot doesn't tell.
pub fn feature_names(model: i64) -> Result<Option<Vec<String>>> {
    let columns = spi::first(
        "SELECT s.columns FROM pgml.snapshots AS s JOIN pgml.models AS m ON m.snapshot_id OPERATOR(pg_catalog.=) s.id \
         WHERE m.id OPERATOR(pg_catalog.=) $1",
        &[model.into()],
        |row| Ok(row.get::<JsonB>(1)),
    )?;
    Ok(columns.flatten().and_then(|JsonB(columns)| Meaning::of_snapshot("", &columns)).map(|meaning| meaning.features))
}

/// What a model was asked at its training.
pub struct Question {
    pub task: String,
    /// The columns that it predicts.
    pub labels: Vec<String>,
    /// The columns that it predicts from, in its order; `None` if the snapshot doesn't tell.
    pub features: Option<Vec<String>>,
    /// The relation whose rows it learned from; `None` of a model that was imported.
    pub relation: Option<String>,
}

/// What a model was asked, as the calling statement sees it. A model that was imported has the label of its project's last
/// training, or none.
pub fn question(model: i64) -> Result<Question> {
    let found = spi::read(
        c"SELECT p.task::pg_catalog.text, COALESCE(s.y_column_name, (SELECT t.y_column_name FROM pgml.models AS o \
          JOIN pgml.snapshots AS t ON t.id OPERATOR(pg_catalog.=) o.snapshot_id \
          WHERE o.project_id OPERATOR(pg_catalog.=) m.project_id ORDER BY o.id DESC LIMIT 1)), s.columns, s.relation_name \
          FROM pgml.models AS m JOIN pgml.projects AS p ON p.id OPERATOR(pg_catalog.=) m.project_id \
          LEFT JOIN pgml.snapshots AS s ON s.id OPERATOR(pg_catalog.=) m.snapshot_id \
          WHERE m.id OPERATOR(pg_catalog.=) $1 \
          AND (s.id IS NOT NULL OR m.metrics OPERATOR(pg_catalog.?) 'imported')",
        &[model.into()],
        |row| {
            let meaning = row.get(3).and_then(|JsonB(columns)| Meaning::of_snapshot("", &columns));
            Ok(Question {
                task: required(row.get(1))?,
                labels: row.get(2).unwrap_or_default(),
                features: meaning.map(|meaning| meaning.features),
                relation: row.get(4),
            })
        },
    )?;
    found.into_iter().next().ok_or_else(|| Error::NoSnapshot(model).into())
}

/// The snapshots that only models of this project were trained on.
pub fn only_of(project: &Project) -> Result<Vec<i64>> {
    spi::run(
        "SELECT DISTINCT m.snapshot_id FROM pgml.models AS m WHERE m.project_id OPERATOR(pg_catalog.=) $1 \
         AND m.snapshot_id IS NOT NULL AND NOT EXISTS (SELECT FROM pgml.models AS o \
         WHERE o.snapshot_id OPERATOR(pg_catalog.=) m.snapshot_id AND o.project_id OPERATOR(pg_catalog.<>) $1)",
        &[project.id.into()],
        |row| required(row.get(1)),
    )
}

/// Whether a model was trained on the snapshot.
pub fn is_used(id: i64) -> Result<bool> {
    let found = spi::first(
        "SELECT EXISTS (SELECT FROM pgml.models WHERE snapshot_id OPERATOR(pg_catalog.=) $1)",
        &[id.into()],
        |row| Ok(row.get(1)),
    )?;
    Ok(found.flatten().unwrap_or(false))
}

/// Delete a snapshot and the table with its rows, where it has one.
pub fn delete(id: i64) -> Result<()> {
    spi::execute("DELETE FROM pgml.snapshots WHERE id OPERATOR(pg_catalog.=) $1", &[id.into()])?;
    if !relation_exists(id)? {
        return Ok(());
    }
    // Its owner made the table, and who may delete the row may have it dropped.
    rights::as_role(rights::owner_of_schema()?, || spi::execute(&format!("DROP TABLE pgml.snapshot_{id}"), &[]))
}

fn analysis(snapshot: &Snapshot, rows: &SplitRows) -> Value {
    let SplitRows { matrix, test, .. } = rows;
    let mut analysis = json!({
        "rows": matrix.rows,
        "train_rows": rows.train(),
        "test_rows": test,
        "features": matrix.features,
    });
    if let Some(exclude) = &snapshot.exclude {
        analysis["exclude"] = json!(exclude);
    }
    if let Some(weight) = &snapshot.weight {
        analysis["weight_column"] = json!(weight);
    }
    analysis
}

/// The columns as PostgresML 2.x notes them; statistics only where a step needed them.
fn describe(rows: &SplitRows, fitted: Option<&Fitted>) -> Value {
    let SplitRows { layout, matrix, .. } = rows;
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
