//! Which release of Postgres headers or a package are of.

use std::path::Path;

use crate::version::Version;
use base::files::{self, FileError};

/// The release of unpacked headers, from `pg_config.h` itself; `None` if they don't say.
pub fn of_headers(headers: &Path, major: u16) -> Result<Option<Version>, FileError> {
    let server = format!("usr/include/postgresql/{major}/server/pg_config.h");
    let config = files::read_text(&headers.join(server))?;
    let line = config
        .lines()
        .find_map(|line| line.strip_prefix("#define PG_VERSION \""));
    Ok(line.and_then(|line| Version::parse(line.trim_end_matches('"'))))
}

/// The release that a version of Debian's package has: `15.20` of `15.20-0+deb12u1`. A beta has none.
pub fn of_package(version: &str) -> Option<Version> {
    let upstream = version.rsplit_once('-').map_or(version, |(start, _)| start);
    Version::parse(upstream.split_once(':').map_or(upstream, |(_, rest)| rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_all_archives() {
        for (package, release) in [
            ("15.20-0+deb12u1", Some("15.20")),
            ("14.25-0ubuntu0.22.04.1", Some("14.25")),
            ("17.12-1.pgdg13+1", Some("17.12")),
            ("1:18.7-1", Some("18.7")),
            ("19~beta1-1", None),
            ("", None),
        ] {
            let found = of_package(package).map(|version| version.to_string());
            assert_eq!(found.as_deref(), release, "{package}");
        }
    }

    #[test]
    fn headers_say_it_themselves() {
        let dir = tempfile::tempdir().unwrap();
        let config = dir
            .path()
            .join("usr/include/postgresql/15/server/pg_config.h");
        let text = "#define PG_MAJORVERSION \"15\"\n#define PG_VERSION \"15.20\"\n";
        files::write(&config, text).unwrap();
        let found = of_headers(dir.path(), 15).unwrap().unwrap();
        assert_eq!(found.to_string(), "15.20");
        files::write(&config, "#define PG_VERSION \"18beta1\"\n").unwrap();
        assert_eq!(of_headers(dir.path(), 15).unwrap(), None);
        assert!(of_headers(dir.path(), 16).is_err());
    }
}
