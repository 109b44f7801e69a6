//! `pgml.models` and `pgml.files`: what was trained, with which scores, and the bytes that predict.

use pgrx::datum::DatumWithOid;

use super::projects::Project;
use super::required;
use crate::error::Result;
use crate::python::{Fitted, Request};
use crate::spi;

/// The file that holds a model: a pickle of the fitted estimator.
const PATH: &str = "estimator.pkl";

/// A value of Postgres ends at 1 GB, and is held in memory as a whole: long models are stored in several parts.
const PART: usize = 8 << 20;

/// A model that could be deployed.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub id: i64,
    pub algorithm: String,
    /// The project's key metric, when it is a number.
    pub score: Option<f64>,
}

/// Record a model that is about to be trained; returns its id.
pub fn start(project: &Project, snapshot: i64, features: usize, request: &Request<'_>) -> Result<i64> {
    let search: DatumWithOid<'_> = match request.search {
        Some(search) => search.into(),
        None => DatumWithOid::null::<String>(),
    };
    let id = spi::first(
        "INSERT INTO pgml.models (project_id, snapshot_id, num_features, algorithm, runtime, hyperparams, status, \
         search, search_params, search_args) \
         VALUES ($1, $2, $3, $4, 'python', $5::pg_catalog.jsonb, 'in_progress', $6, $7::pg_catalog.jsonb, \
         $8::pg_catalog.jsonb) RETURNING id",
        &[
            project.id.into(),
            snapshot.into(),
            (features as i32).into(),
            request.algorithm.into(),
            request.hyperparams.into(),
            search,
            request.search_params.into(),
            request.search_args.into(),
        ],
        |row| required(row.get(1)),
    )?;
    required(id)
}

/// Record what came of the training.
pub fn finish(id: i64, fitted: &Fitted) -> Result<()> {
    spi::execute(
        "UPDATE pgml.models SET status = 'successful', metrics = $2::pg_catalog.jsonb, \
         hyperparams = $3::pg_catalog.jsonb WHERE id OPERATOR(pg_catalog.=) $1",
        &[id.into(), fitted.metrics.as_str().into(), fitted.hyperparams.as_str().into()],
    )?;
    for (part, data) in fitted.bytes.chunks(PART).enumerate() {
        spi::execute(
            "INSERT INTO pgml.files (model_id, path, part, data) VALUES ($1, $2, $3, $4)",
            &[id.into(), PATH.into(), (part as i32).into(), data.into()],
        )?;
    }
    Ok(())
}

/// The bytes of a model, as the calling statement sees them; empty when there are none.
pub fn bytes(id: i64) -> Result<Vec<u8>> {
    let parts: Vec<Vec<u8>> = spi::read(
        c"SELECT data FROM pgml.files WHERE model_id OPERATOR(pg_catalog.=) $1 AND path OPERATOR(pg_catalog.=) $2 ORDER BY part",
        &[id.into(), PATH.into()],
        |row| required(row.get(1)),
    )?;
    Ok(parts.concat())
}

/// The models of a project that are ready, the newest first.
pub fn candidates(project: &Project, algorithm: Option<&str>) -> Result<Vec<Candidate>> {
    let algorithm: DatumWithOid<'_> = match algorithm {
        Some(algorithm) => algorithm.into(),
        None => DatumWithOid::null::<String>(),
    };
    spi::run(
        "SELECT id, algorithm, (metrics OPERATOR(pg_catalog.->>) $2)::pg_catalog.float8 FROM pgml.models \
         WHERE project_id OPERATOR(pg_catalog.=) $1 AND status OPERATOR(pg_catalog.=) 'successful' \
         AND ($3 IS NULL OR algorithm OPERATOR(pg_catalog.=) $3) ORDER BY id DESC",
        &[project.id.into(), project.task()?.key_metric().into(), algorithm],
        |row| {
            let score: Option<f64> = row.get(3);
            Ok(Candidate {
                id: required(row.get(1))?,
                algorithm: required(row.get(2))?,
                score: score.filter(|score| !score.is_nan()),
            })
        },
    )
}

/// The project's name, the algorithm and the status of one model.
pub fn find(id: i64) -> Result<Option<(String, String, String)>> {
    spi::first(
        "SELECT p.name, m.algorithm, m.status FROM pgml.models AS m \
         JOIN pgml.projects AS p ON p.id OPERATOR(pg_catalog.=) m.project_id WHERE m.id OPERATOR(pg_catalog.=) $1",
        &[id.into()],
        |row| Ok((required(row.get(1))?, required(row.get(2))?, required(row.get(3))?)),
    )
}
