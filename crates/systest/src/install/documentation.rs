//! The examples of the documentation, run: each prints what its page says.

use base::exit::Failure;
use base::files;

use crate::cases::{Cases, ensure};
use crate::docs::{Example, database, examples, normalised};
use crate::install::{InstallTest, PORT};
use crate::system::System;

/// Members of the extension that have no comment; what a table or type brings along (row types, array types, toast) aside.
const WITHOUT_COMMENT: &str = "
    SELECT pg_describe_object(classid, objid, 0) FROM pg_depend
    WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
      AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgml')
      AND classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass)
      AND obj_description(objid, classid::regclass::name) IS NULL
      AND NOT (classid = 'pg_class'::regclass
               AND (SELECT relkind FROM pg_class WHERE oid = objid) IN ('S', 'i', 't'))
      AND NOT (classid = 'pg_type'::regclass
               AND (SELECT typrelid <> 0 OR typelem <> 0 FROM pg_type WHERE oid = objid))";

/// The editions that can be created, as versions of the extension.
const EDITIONS: &str =
    "SELECT version FROM pg_available_extension_versions WHERE name = 'pgml' ORDER BY version";

/// The names of the extension's functions that users call; trigger functions are not among them.
const FUNCTIONS: &str = "
    SELECT DISTINCT proname FROM pg_proc
    WHERE pronamespace = 'pgml'::regnamespace AND prorettype <> 'trigger'::regtype ORDER BY 1";

impl InstallTest<'_> {
    /// The README and every page below `docs`, each in a new database.
    pub(super) fn documentation(
        &self,
        system: &System,
        cases: &mut Cases<'_>,
    ) -> Result<(), Failure> {
        let mut pages = vec!["README.md".to_owned()];
        let below = files::files_below(&self.source.join("docs"))?;
        let markdown = below
            .iter()
            .filter(|page| page.extension().is_some_and(|ext| ext == "md"));
        pages.extend(markdown.map(|page| format!("docs/{}", page.display())));
        let mut words = String::new();
        for page in pages {
            let text = files::read_text(&self.source.join(&page))?;
            let found = examples(&text);
            if page == "README.md" || page.starts_with("docs/sql/") {
                words.push_str(&text);
            }
            if found.is_empty() {
                continue;
            }
            cases.run(&format!("{page}: {} examples", found.len()), || {
                // A page that makes the extension itself starts without it, one about an old database with that.
                match (text.contains("CREATE EXTENSION pgml"), database(&text)) {
                    (_, Some(file)) => {
                        self.bare_database(system, "docs")?;
                        self.run_file(system, "docs", file)?;
                    }
                    (true, None) => self.bare_database(system, "docs")?,
                    (false, None) => self.new_database(system, "docs")?,
                }
                found
                    .iter()
                    .try_for_each(|example| self.example(system, example))
            });
        }
        cases.run(
            "every SQL object of each edition has a comment and every function a page",
            || {
                let editions = self.psql(system, "postgres", EDITIONS)?;
                ensure(!editions.trim().is_empty(), || {
                    "the server knows no version of pgml".into()
                })?;
                editions.lines().try_for_each(|edition| {
                    self.bare_database(system, "docs")?;
                    let create = format!("CREATE EXTENSION pgml VERSION '{edition}'");
                    self.psql(system, "docs", &create)?;
                    let bare = self.psql(system, "docs", WITHOUT_COMMENT)?;
                    ensure(bare.trim().is_empty(), || {
                        format!("without a comment in edition {edition}: {bare}")
                    })?;
                    let functions = self.psql(system, "docs", FUNCTIONS)?;
                    let missing: Vec<&str> = functions
                        .lines()
                        .filter(|name| !words.contains(&format!("pgml.{name}(")))
                        .collect();
                    ensure(!functions.is_empty() && missing.is_empty(), || {
                        format!("no page of docs/sql calls: {}", missing.join(", "))
                    })
                })
            },
        );
        Ok(())
    }

    fn example(&self, system: &System, example: &Example) -> Result<(), Failure> {
        system.write("/srv/example.sql", &example.sql)?;
        let script = format!(
            "cd /tmp; psql -Xq -v ON_ERROR_STOP=1 -p {PORT} -d docs -f /srv/example.sql 2>/tmp/err || \
             {{ cat /tmp/err; exit 1; }}"
        );
        let output = system.script("postgres", &script)?;
        match &example.output {
            Some(expected) => ensure(normalised(&output) == normalised(expected), || {
                format!(
                    "line {}: the page says\n{expected}\nbut psql prints\n{output}",
                    example.line
                )
            }),
            None => Ok(()),
        }
    }
}
