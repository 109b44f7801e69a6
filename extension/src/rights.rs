//! Errors about a right say which grant is missing, and what needs more than the caller's rights is done with the owner's.
//!
//! Postgres names the object that was refused, and leaves open what else the function needs. docs/security.md has a block of grants
//! for each kind of user; the hints name those of it that the caller lacks.

use std::ffi::CStr;
use std::panic::AssertUnwindSafe;

use pgrx::pg_sys::panic::{CaughtError, ErrorReport};
use pgrx::{PgLogLevel, PgSqlErrorCode, PgTryBuilder, pg_sys};

use crate::catalog::required;
use crate::error::Result;
use crate::spi;

/// The grants of a trainer that the current user lacks, as statements; NULL when none is missing.
const LACKING_OF_TRAINER: &CStr = c"
    SELECT pg_catalog.string_agg(pg_catalog.format('GRANT %s ON %s TO %I', n.rights, n.objects, CURRENT_USER), '; ' ORDER BY n.place)
    FROM (VALUES
        (1, 'SELECT, INSERT, UPDATE', 'pgml.projects, pgml.models, pgml.snapshots', '{projects,models,snapshots}'::pg_catalog.text[]),
        (2, 'SELECT, INSERT', 'pgml.deployments, pgml.files', '{deployments,files}'),
        (3, 'USAGE', 'ALL SEQUENCES IN SCHEMA pgml', '{}')
    ) AS n(place, rights, objects, tables)
    WHERE EXISTS (
        SELECT FROM pg_catalog.unnest(n.tables) AS t(name), pg_catalog.regexp_split_to_table(n.rights, ', ') AS r(one)
        WHERE NOT pg_catalog.has_table_privilege(pg_catalog.concat('pgml.', t.name), r.one)
    ) OR (n.place OPERATOR(pg_catalog.=) 3 AND EXISTS (
        SELECT FROM pg_catalog.unnest('{projects,models,snapshots,deployments,files}'::pg_catalog.text[]) AS t(name)
        WHERE NOT pg_catalog.has_sequence_privilege(pg_catalog.concat('pgml.', t.name, '_id_seq'), 'USAGE')
    ))";

/// Run the work of a training or a deployment.
pub fn of_trainers<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let lacking = spi::read(LACKING_OF_TRAINER, &[], |row| Ok(row.get::<String>(1)))?.into_iter().flatten().next();
    let role = role();
    hinted(
        move || match lacking {
            Some(grants) => format!("{grants}. What each kind of user needs is in docs/security.md."),
            None => {
                format!("Let {role} use what the message names; docs/security.md has what each kind of user needs.")
            }
        },
        work,
    )
}

/// Run the work of a prediction.
pub fn of_predictors<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let role = role();
    let hint = move || format!("GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files TO {role}");
    hinted(hint, work)
}

/// Read a model and what its snapshot notes.
pub fn of_exporters<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let role = role();
    let hint = move || format!("GRANT SELECT ON pgml.projects, pgml.models, pgml.files, pgml.snapshots TO {role}");
    hinted(hint, work)
}

/// Run the work of an evaluation, which also asks what the model was trained on.
pub fn of_evaluators<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let role = role();
    let hint = move || {
        format!("GRANT SELECT ON pgml.projects, pgml.deployments, pgml.models, pgml.files, pgml.snapshots TO {role}")
    };
    hinted(hint, work)
}

/// Read a relation of the caller's, whose name is quoted.
pub fn of_readers<T>(relation: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let role = role();
    let hint =
        || format!("GRANT SELECT ON {relation} TO {role}; of a view, its owner needs the rights on what it reads");
    hinted(hint, work)
}

/// Look a relation up by a name.
pub fn of_users_of_schemas<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let role = role();
    hinted(move || format!("GRANT USAGE ON the schema that the message names: GRANT USAGE ON SCHEMA … TO {role}"), work)
}

/// Make a table in schema pgml with the caller's rights.
pub fn of_makers<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let role = role();
    let hint = move || {
        format!(
            "GRANT CREATE ON SCHEMA pgml TO {role}, who can then make functions there, too; or let the extension's owner do it"
        )
    };
    hinted(hint, work)
}

/// Delete projects and models.
pub fn of_owners<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let role = role();
    let hint = move || {
        format!(
            "GRANT SELECT, UPDATE, DELETE ON pgml.projects, pgml.models, pgml.snapshots TO {role}; \
             GRANT SELECT ON pgml.deployments TO {role}"
        )
    };
    hinted(hint, work)
}

/// The current user's name, quoted where it needs to be.
fn role() -> String {
    // SAFETY: asks for a number and for the name of a role that exists; both strings are of the current memory context.
    let name = unsafe {
        let name = pg_sys::GetUserNameFromId(pg_sys::GetUserId(), true);
        if name.is_null() {
            return "the current user".to_string();
        }
        CStr::from_ptr(pg_sys::quote_identifier(name))
    };
    name.to_string_lossy().into_owned()
}

/// Run `work`; a refusal by Postgres that has no hint gets this one.
fn hinted<T>(hint: impl FnOnce() -> String, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let mut hint = Some(AssertUnwindSafe(hint));
    PgTryBuilder::new(AssertUnwindSafe(work))
        .catch_when(PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE, move |error| match error {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) if report.hint().is_none() => {
                let hint = hint.take().map(|AssertUnwindSafe(hint)| hint()).unwrap_or_default();
                let mut told = ErrorReport::new(report.sql_error_code(), report.message().to_string(), "pgml");
                if let Some(detail) = report.detail() {
                    told = told.set_detail(detail);
                }
                told.set_hint(hint).report(PgLogLevel::ERROR);
                // INVARIANT: a report of this level raises an ERROR.
                unreachable!("an ERROR was reported and not raised")
            }
            other => other.rethrow(),
        })
        .execute()
}

/// The owner of schema pgml. (Not by a cast to regnamespace: that depends on rights.)
pub fn owner_of_schema() -> Result<pg_sys::Oid> {
    let owner = spi::read(
        c"SELECT nspowner FROM pg_catalog.pg_namespace WHERE nspname OPERATOR(pg_catalog.=) 'pgml'",
        &[],
        |row| required(row.get(1)),
    )?;
    required(owner.into_iter().next())
}

/// Run `work` with the rights of a role, as Postgres runs the queries of a SECURITY DEFINER function. Nothing in it may be a user's:
/// no view, function or type of another owner may be executed.
pub fn as_role<T>(role: pg_sys::Oid, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let (mut before, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: both are filled. When an ERROR is raised in between, the abort of the transaction, or of the
    // subtransaction, puts both back.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut before, &mut context);
        let restricted = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION;
        pg_sys::SetUserIdAndSecContext(role, context | restricted as i32);
    }
    let result = work();
    // SAFETY: as they were.
    unsafe { pg_sys::SetUserIdAndSecContext(before, context) };
    result
}
