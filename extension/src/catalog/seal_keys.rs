//! `pgml_private.seal_keys`: what tells the models that this database stored from bytes that somebody put there.
//!
//! Whoever trains or predicts needs the keys, and must not have them. So they are read in the name of the table's owner.

use super::required;
use crate::error::Result;
use crate::rights::as_role;
use crate::spi;

/// Every key, the oldest first. There are several after a dump was restored: the database's own, and the one that sealed
/// the models in the dump.
pub fn all() -> Result<Vec<Vec<u8>>> {
    let owner = spi::read(
        // Not by a cast to regclass: the caller may not look into that schema.
        c"SELECT c.relowner FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n \
          ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE n.nspname OPERATOR(pg_catalog.=) 'pgml_private' \
          AND c.relname OPERATOR(pg_catalog.=) 'seal_keys'",
        &[],
        |row| required(row.get(1)),
    )?;
    required(owner.into_iter().next()).and_then(|owner| {
        as_role(owner, || {
            spi::read(c"SELECT key FROM pgml_private.seal_keys ORDER BY created_at, key", &[], |row| {
                required(row.get(1))
            })
        })
    })
}
