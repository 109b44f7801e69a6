//! A container with less memory than its machine: a training that needs more is an error, and the server lives.

use base::exit::Failure;

use super::contract::{Row, ensure_equal};
use super::ensure_says;

/// 3,000,000 rows of 12 numbers: 864 MB by pgml's estimate, and nothing on the disk.
const TOO_MANY: &str = "CREATE VIEW rows AS SELECT n::float8 AS a, n::float8 AS b, n::float8 AS c, n::float8 AS d, \
    n::float8 AS e, n::float8 AS f, n::float8 AS g, n::float8 AS h, n::float8 AS i, n::float8 AS j, n::float8 AS k, \
    n::float8 AS y FROM generate_series(1, 3000000) AS n";

pub(super) fn limited(row: &Row<'_>) -> Result<(), Failure> {
    let options = ["--memory", "512m", "--memory-swap", "512m"];
    let server = row.containers.server(&options, &[])?;
    let started = server.sql("postgres", "SELECT pg_postmaster_start_time()")?;
    server.sql("postgres", TOO_MANY)?;
    for runtime in ["python", "rust"] {
        let train = format!(
            "psql --username postgres --command \"SELECT pgml.train('much', 'regression', 'rows', 'y', 'ridge', \
             runtime => '{runtime}')\" 2>&1 || true"
        );
        let said = server.exec(&["sh", "-c", &train])?;
        ensure_says(
            &said,
            &["ERROR:  training on public.rows would take at least", "MB"],
        )?;
    }
    let fits = "SELECT deployed FROM pgml.train('fits', 'regression', \
        (SELECT table_name FROM pgml.load_dataset('diabetes')), 'target', 'random_forest', '{\"n_estimators\": 5}')";
    ensure_equal(&server.sql("postgres", fits)?, "t")?;
    ensure_equal(
        &server.sql("postgres", "SELECT pg_postmaster_start_time()")?,
        &started,
    )
}
