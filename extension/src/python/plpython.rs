//! Lets PL/Python, where a database has it, start the interpreter.
//!
//! PL/Python registers its module `plpy` as built in, which only works before the interpreter starts: started by us, its
//! functions would fail for the rest of the session, and from Python 3.12 on take the whole process down. Started by
//! PL/Python, both work. So before pgml's first use of Python, PL/Python is made to do nothing.

use pgrx::pg_sys;

use crate::error::Result;
use crate::spi;

/// Start the interpreter through PL/Python. Does nothing where the database has no such language.
pub fn start() -> Result<()> {
    let found = spi::read(
        c"SELECT oid, laninline FROM pg_catalog.pg_language WHERE lanname OPERATOR(pg_catalog.=) 'plpython3u'",
        &[],
        |row| Ok((row.get(1), row.get(2))),
    )?;
    let Some((Some(language), Some(handler))) = found.into_iter().next() else { return Ok(()) };
    if handler == pg_sys::InvalidOid {
        return Ok(());
    }
    // SAFETY: calls the function as DO does, with a block of code that Postgres keeps nothing of. (DO itself is for
    // those who may use the language; this code is ours and does nothing.) An ERROR becomes a panic of ours.
    unsafe {
        let size = size_of::<pg_sys::InlineCodeBlock>();
        let block = pg_sys::palloc0(size).cast::<pg_sys::InlineCodeBlock>();
        (*block).type_ = pg_sys::NodeTag::T_InlineCodeBlock;
        (*block).source_text = pg_sys::pstrdup(c"pass".as_ptr());
        (*block).langOid = language;
        (*block).langIsTrusted = false;
        (*block).atomic = true;
        pg_sys::OidFunctionCall1Coll(handler, pg_sys::InvalidOid, pg_sys::Datum::from(block));
    }
    Ok(())
}
