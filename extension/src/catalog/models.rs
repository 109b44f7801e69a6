//! `pgml.models` and `pgml.files`: what was trained, with which scores, and the bytes that predict.

use std::ffi::CStr;

use pgml_core::seal::{Reader, Sealing};
use pgml_core::{algorithm, preprocess};

use super::projects::Project;
use super::{Edition, required};
use crate::error::Result;
use crate::fit::{FittedModel, Request};
use crate::json::JsonB;
use crate::runtime::Runtime;
use crate::seal;
use crate::spi::{self, Argument};

/// The file that holds a model: a pickle of the fitted estimator.
const PATH: &str = "estimator.pkl";

/// The file that holds the same model in the form that needs no Python, when there is one.
pub const NATIVE_PATH: &str = "estimator.safetensors";

/// The file in which PostgresML 2.x holds a model.
const FOREIGN_PATH: &str = "estimator.rmp";

/// A value of Postgres ends at 1 GB, and is held in memory as a whole: long models are stored in several parts.
const PART: usize = 8 << 20;

/// A model that could be deployed.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub id: i64,
    pub algorithm: String,
    /// The metric that was asked for, when it is a number.
    pub score: Option<f64>,
}

/// Record a model that is about to be trained; returns its id.
pub fn start(
    edition: Edition,
    project: &Project,
    snapshot: i64,
    features: usize,
    request: &Request<'_>,
    runtime: Runtime,
) -> Result<i64> {
    let (columns, values) = match edition {
        Edition::V1 => ("algorithm_name, status", "$3, 'new'"),
        Edition::V2 | Edition::Current => {
            ("algorithm, status, num_features, runtime", "$3, 'in_progress', $8::pg_catalog.int4, $9::pgml.runtime")
        }
    };
    let mut arguments: Vec<Argument> = vec![
        project.id.into(),
        snapshot.into(),
        request.algorithm.into(),
        request.hyperparams.into(),
        request.search.into(),
        request.search_params.into(),
        request.search_args.into(),
    ];
    if edition != Edition::V1 {
        arguments.push((features as i32).into());
        arguments.push(runtime.name().into());
    }
    let id = spi::first(
        &format!(
            "INSERT INTO pgml.models (project_id, snapshot_id, {columns}, hyperparams, search, search_params, \
             search_args) VALUES ($1, $2, {values}, $4::pg_catalog.jsonb, $5, $6::pg_catalog.jsonb, \
             $7::pg_catalog.jsonb) RETURNING id"
        ),
        &arguments,
        |row| required(row.get(1)),
    )?;
    required(id)
}

/// Record what came of the training; `native` is the model in the form that needs no Python, or why there is none.
pub fn finish(
    id: i64,
    fitted: &FittedModel,
    native: &std::result::Result<&[u8], String>,
    read_seconds: f64,
) -> Result<()> {
    let mut more = serde_json::json!({ "predicted_by": "rust", "read_seconds": read_seconds });
    if let Err(reason) = native {
        more["predicted_by"] = "python".into();
        more["not_exported"] = reason.as_str().into();
    }
    spi::execute(
        "UPDATE pgml.models SET status = 'successful', \
         metrics = $2::pg_catalog.jsonb OPERATOR(pg_catalog.||) $4::pg_catalog.jsonb, \
         hyperparams = $3::pg_catalog.jsonb WHERE id OPERATOR(pg_catalog.=) $1",
        &[id.into(), fitted.metrics.as_str().into(), fitted.hyperparams.as_str().into(), more.to_string().into()],
    )?;
    if let Ok(file) = native {
        store(id, NATIVE_PATH, Reader::Native, file)?;
    }
    Ok(())
}

/// A model that was trained elsewhere.
pub struct Foreign<'a> {
    pub algorithm: &'a str,
    /// The numbers that it takes.
    pub features: usize,
    /// What `pgml.model_details` tells of its file.
    pub origin: &'a serde_json::Value,
}

/// Record a model that was trained elsewhere; returns its id.
pub fn import(project: &Project, foreign: Foreign<'_>) -> Result<i64> {
    let metrics = serde_json::json!({ "predicted_by": "rust", "imported": foreign.origin });
    let id = spi::first(
        "INSERT INTO pgml.models (project_id, algorithm, status, num_features, runtime, hyperparams, search_params, \
         search_args, metrics) VALUES ($1, $2, 'successful', $3, 'rust', '{}', '{}', '{}', $4::pg_catalog.jsonb) RETURNING id",
        &[project.id.into(), foreign.algorithm.into(), (foreign.features as i32).into(), metrics.to_string().into()],
        |row| required(row.get(1)),
    )?;
    required(id)
}

/// Store a file of a model, with its seal behind it.
pub fn store(id: i64, path: &str, reader: Reader, bytes: &[u8]) -> Result<()> {
    let mut writer = FileWriter::begin(id, path, reader)?;
    writer.add(bytes)?;
    writer.finish()
}

/// The pickle of a model, which comes while it is still being scored.
pub fn pickle(id: i64) -> Result<FileWriter> {
    FileWriter::begin(id, PATH, Reader::Python)
}

/// Stores a file of a model as its bytes come, a part at a time: of the rest there is no copy here.
pub struct FileWriter {
    model: i64,
    path: String,
    sealing: Sealing,
    /// What is not stored yet, less than a part.
    waiting: Vec<u8>,
    parts: i32,
}

impl FileWriter {
    fn begin(model: i64, path: &str, reader: Reader) -> Result<FileWriter> {
        let sealing = seal::begin(model, reader)?;
        Ok(FileWriter { model, path: path.to_string(), sealing, waiting: Vec::new(), parts: 0 })
    }

    /// Take the next of the bytes.
    pub fn add(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.sealing.add(bytes);
        while self.waiting.len() + bytes.len() >= PART {
            let (first, rest) = bytes.split_at(PART - self.waiting.len());
            self.waiting.extend(first);
            self.store()?;
            bytes = rest;
        }
        self.waiting.extend(bytes);
        Ok(())
    }

    /// Store what is left, and the seal behind it.
    pub fn finish(mut self) -> Result<()> {
        self.waiting.extend(self.sealing.seal());
        self.store()
    }

    fn store(&mut self) -> Result<()> {
        spi::execute(
            "INSERT INTO pgml.files (model_id, path, part, data) VALUES ($1, $2, $3, $4)",
            &[self.model.into(), self.path.as_str().into(), self.parts.into(), self.waiting[..].into()],
        )?;
        self.parts += 1;
        self.waiting.clear();
        Ok(())
    }
}

/// A stored file of a model, with its seal if it has one.
pub struct File {
    pub path: String,
    pub bytes: Vec<u8>,
}

/// Add to the end of a file; its rows stay.
pub fn append(id: i64, path: &str, more: &[u8]) -> Result<()> {
    spi::execute(
        "UPDATE pgml.files SET data = data OPERATOR(pg_catalog.||) $3 WHERE id OPERATOR(pg_catalog.=) \
         (SELECT id FROM pgml.files WHERE model_id OPERATOR(pg_catalog.=) $1 AND path OPERATOR(pg_catalog.=) $2 \
         ORDER BY part DESC LIMIT 1)",
        &[id.into(), path.into(), more.into()],
    )
}

/// Put other bytes in the place of a file.
pub fn replace(id: i64, path: &str, reader: Reader, bytes: &[u8]) -> Result<()> {
    spi::execute(
        "DELETE FROM pgml.files WHERE model_id OPERATOR(pg_catalog.=) $1 AND path OPERATOR(pg_catalog.=) $2",
        &[id.into(), path.into()],
    )?;
    store(id, path, reader, bytes)
}

/// A file of a model, as the calling statement sees it; none when it has no such file.
pub fn file(id: i64, path: &str) -> Result<Option<File>> {
    let parts: Vec<Vec<u8>> = spi::read(
        c"SELECT data FROM pgml.files WHERE model_id OPERATOR(pg_catalog.=) $1 AND path OPERATOR(pg_catalog.=) $2 \
          ORDER BY part",
        &[id.into(), path.into()],
        |row| required(row.get(1)),
    )?;
    Ok((!parts.is_empty()).then(|| File { path: path.to_string(), bytes: parts.concat() }))
}

/// The model for Python, as the calling statement sees it; none when it has no such file, or nothing is in it.
///
/// A model that PostgresML made has its file under another path, whichever that is; of several, the first by name.
pub fn bytes(id: i64) -> Result<Option<File>> {
    let parts: Vec<(String, Vec<u8>)> = spi::read(
        c"SELECT path, data FROM pgml.files WHERE model_id OPERATOR(pg_catalog.=) $1 AND path OPERATOR(pg_catalog.=) \
          (SELECT path FROM pgml.files WHERE model_id OPERATOR(pg_catalog.=) $1 AND path OPERATOR(pg_catalog.<>) ALL ($3) \
          ORDER BY path OPERATOR(pg_catalog.<>) $2, path LIMIT 1) ORDER BY part",
        &[id.into(), PATH.into(), vec![NATIVE_PATH, preprocess::PATH].into()],
        |row| Ok((required(row.get(1))?, required(row.get(2))?)),
    )?;
    let Some(path) = parts.first().map(|(path, _)| path.clone()) else { return Ok(None) };
    let bytes: Vec<&[u8]> = parts.iter().map(|(_, data)| data.as_slice()).collect();
    let bytes = bytes.concat();
    Ok((!bytes.is_empty()).then_some(File { path, bytes }))
}

/// How large a model is that predicts without Python.
pub struct Size {
    pub algorithm: String,
    /// The number of trees that was asked for, as it was written.
    pub trees: Option<String>,
    /// The size of its file.
    pub bytes: f64,
}

/// A query for the size of a model. A length of stored bytes is known without reading them.
macro_rules! size {
    ($algorithm:literal) => {
        concat!(
            "SELECT m.", $algorithm, "::pg_catalog.text, COALESCE(m.hyperparams OPERATOR(pg_catalog.->>) 'n_estimators', \
             m.hyperparams OPERATOR(pg_catalog.->>) 'num_boost_round', m.hyperparams OPERATOR(pg_catalog.->>) 'iterations', \
             m.hyperparams OPERATOR(pg_catalog.->>) 'max_iter'), \
             (SELECT pg_catalog.sum(pg_catalog.octet_length(f.data))::pg_catalog.float8 FROM pgml.files AS f \
             WHERE f.model_id OPERATOR(pg_catalog.=) m.id AND f.path OPERATOR(pg_catalog.=) $2) \
             FROM pgml.models AS m WHERE m.id OPERATOR(pg_catalog.=) $1"
        )
    };
}

const SIZE: &CStr = query!(size!("algorithm"));
const SIZE_IN_1_0: &CStr = query!(size!("algorithm_name"));

/// The size of a model, as the calling statement sees it; none for a model that only Python reads.
pub fn size(edition: Edition, id: i64) -> Result<Option<Size>> {
    let query = match edition {
        Edition::V1 => SIZE_IN_1_0,
        Edition::V2 | Edition::Current => SIZE,
    };
    let found = spi::read(query, &[id.into(), NATIVE_PATH.into()], |row| {
        let (algorithm, trees) = (required(row.get(1))?, row.get(2));
        Ok(row.get(3).map(|bytes| Size { algorithm, trees, bytes }))
    })?;
    Ok(found.into_iter().next().flatten())
}

/// What the snapshot of a model that PostgresML 2.x trained says of its columns; none for other models, whose predictions
/// need no right to read snapshots.
pub fn foreign_columns(id: i64) -> Result<Option<serde_json::Value>> {
    let theirs = spi::read(
        c"SELECT true FROM pgml.files WHERE model_id OPERATOR(pg_catalog.=) $1 AND path OPERATOR(pg_catalog.=) $2 LIMIT 1",
        &[id.into(), FOREIGN_PATH.into()],
        |row| Ok(row.get::<bool>(1)),
    )?;
    if theirs.is_empty() {
        return Ok(None);
    }
    let found = spi::read(
        c"SELECT s.columns FROM pgml.models AS m \
          JOIN pgml.snapshots AS s ON s.id OPERATOR(pg_catalog.=) m.snapshot_id \
          WHERE m.id OPERATOR(pg_catalog.=) $1 AND s.columns IS NOT NULL",
        &[id.into()],
        |row| Ok(row.get::<JsonB>(1)),
    )?;
    Ok(found.into_iter().flatten().next().map(|JsonB(columns)| columns))
}

/// The models of a project that are ready, the newest first, with their score by a metric.
pub fn candidates(
    edition: Edition,
    project: &Project,
    metric: &str,
    algorithm: Option<&str>,
) -> Result<Vec<Candidate>> {
    let column = edition.algorithm();
    let task = project.task()?;
    let names = algorithm.map(|name| algorithm::names(name, task));
    // Some databases of 1.0 note no success; what has bytes and scores was trained.
    let trained = match edition {
        Edition::V1 => {
            "(status OPERATOR(pg_catalog.=) 'successful' OR (metrics IS NOT NULL AND EXISTS (SELECT FROM pgml.files AS f \
             WHERE f.model_id OPERATOR(pg_catalog.=) models.id AND pg_catalog.length(f.data) OPERATOR(pg_catalog.>) 0)))"
        }
        Edition::V2 | Edition::Current => "status OPERATOR(pg_catalog.=) 'successful'",
    };
    spi::run(
        &format!(
            "SELECT id, {column}, CASE WHEN pg_catalog.jsonb_typeof(metrics OPERATOR(pg_catalog.->) $2) OPERATOR(pg_catalog.=) 'number' \
             THEN (metrics OPERATOR(pg_catalog.->>) $2)::pg_catalog.float8 END FROM pgml.models \
             WHERE project_id OPERATOR(pg_catalog.=) $1 AND {trained} \
             AND ($3 IS NULL OR {column} OPERATOR(pg_catalog.=) ANY ($3)) ORDER BY id DESC"
        ),
        &[project.id.into(), metric.into(), names.map_or_else(Argument::null_texts, Argument::from)],
        |row| {
            let score: Option<f64> = row.get(3);
            Ok(Candidate {
                id: required(row.get(1))?,
                algorithm: algorithm::of_task(&required::<String>(row.get(2))?, task).to_string(),
                score: score.filter(|score| !score.is_nan()),
            })
        },
    )
}

/// The algorithms of 1.0 whose models answer a row with a missing number.
const TAKE_GAPS: [&str; 4] = ["lightgbm", "xgboost", "xgboost_random_forest", "hist_gradient_boosting"];

/// Whether a model of edition 1.0 answers a row with a missing number.
pub fn takes_gaps(id: i64) -> Result<bool> {
    let found = find(Edition::V1, id)?;
    Ok(found.is_some_and(|(_, algorithm, _)| TAKE_GAPS.contains(&algorithm.as_str())))
}

/// The project's name, the algorithm and the status of one model.
pub fn find(edition: Edition, id: i64) -> Result<Option<(String, String, String)>> {
    let column = edition.algorithm();
    spi::first(
        &format!(
            "SELECT p.name, m.{column}, m.status FROM pgml.models AS m \
             JOIN pgml.projects AS p ON p.id OPERATOR(pg_catalog.=) m.project_id \
             WHERE m.id OPERATOR(pg_catalog.=) $1"
        ),
        &[id.into()],
        |row| Ok((required(row.get(1))?, required(row.get(2))?, required(row.get(3))?)),
    )
}

/// What a model is, and where it came from.
pub struct Origin {
    pub task: String,
    /// Why it has no form without Python.
    pub not_exported: Option<String>,
    /// The format of the file that it was imported from.
    pub format: Option<String>,
}

/// What a model is and where it came from, as the calling statement sees it.
pub fn task_and_origin(id: i64) -> Result<Origin> {
    let found = spi::read(
        c"SELECT p.task::pg_catalog.text, m.metrics OPERATOR(pg_catalog.->>) 'not_exported', \
          m.metrics OPERATOR(pg_catalog.#>>) '{imported,format}' FROM pgml.models AS m \
          JOIN pgml.projects AS p ON p.id OPERATOR(pg_catalog.=) m.project_id WHERE m.id OPERATOR(pg_catalog.=) $1",
        &[id.into()],
        |row| Ok(Origin { task: required(row.get(1))?, not_exported: row.get(2), format: row.get(3) }),
    )?;
    required(found.into_iter().next())
}

/// What a model was trained with, to train it again.
pub struct Recipe {
    pub algorithm: String,
    pub runtime: Option<String>,
    /// The text of a JSON object.
    pub hyperparams: String,
}

/// How a model was trained; `None` where that was elsewhere.
pub fn recipe(id: i64) -> Result<Option<Recipe>> {
    spi::first(
        "SELECT algorithm, runtime::pg_catalog.text, hyperparams::pg_catalog.text FROM pgml.models \
         WHERE id OPERATOR(pg_catalog.=) $1 AND NOT COALESCE(metrics OPERATOR(pg_catalog.?) 'imported', false)",
        &[id.into()],
        |row| Ok(Recipe { algorithm: required(row.get(1))?, runtime: row.get(2), hyperparams: required(row.get(3))? }),
    )
}

/// Delete a model with its files and deployments; tells the snapshot that it was trained on.
pub fn delete(id: i64) -> Result<Option<i64>> {
    let snapshot = spi::first(
        "DELETE FROM pgml.models WHERE id OPERATOR(pg_catalog.=) $1 RETURNING snapshot_id",
        &[id.into()],
        |row| Ok(row.get(1)),
    )?;
    Ok(snapshot.flatten())
}
