//! Tables that pgml makes in its schema (data sets, the rows of snapshots) and the extension.
//!
//! They are no members of it: `pg_dump` leaves members to `CREATE EXTENSION`, which would make them without their rows. But
//! DROP EXTENSION has to take them along, as it takes schema `pgml`: left behind, they would stop it, or meet the extension when it
//! is made again.

use pgrx::pg_sys;

use crate::error::Result;
use crate::spi;

/// Let DROP EXTENSION drop the table, whose name is quoted.
pub fn goes_with_the_extension(table: &str) -> Result<()> {
    let found = spi::first(
        "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid, e.oid FROM pg_catalog.pg_extension AS e \
         WHERE e.extname OPERATOR(pg_catalog.=) 'pgml'",
        &[table.into()],
        |row| Ok(row.get::<pg_sys::Oid>(1).zip(row.get::<pg_sys::Oid>(2))),
    )?;
    // Without an extension there is nothing to be dropped with.
    let Some((table, extension)) = found.flatten() else { return Ok(()) };
    let address = |class: pg_sys::Oid, object: pg_sys::Oid| pg_sys::ObjectAddress {
        classId: class,
        objectId: object,
        objectSubId: 0,
    };
    let depender = address(pg_sys::RelationRelationId, table);
    let referenced = address(pg_sys::ExtensionRelationId, extension);
    // SAFETY: both objects exist, and the addresses live until the call returns.
    unsafe { pg_sys::recordDependencyOn(&depender, &referenced, pg_sys::DependencyType::DEPENDENCY_AUTO) };
    Ok(())
}
