//! The manual page of the extension, made from its sources: its functions, relations and settings, with the descriptions
//! that `\df+` and `pg_settings` show.

use miette::Diagnostic;
use serde::Serialize;
use thiserror::Error;

use base::exit::{Exit, ExitKind};

/// The sources say something that the manual can't be made of.
#[derive(Debug, Error, Diagnostic)]
#[error("{file}: {what}")]
#[diagnostic(help(
    "the manual page is made from these files; see crates/build/src/package/manual.rs for what it looks for"
))]
pub struct ManualError {
    file: String,
    what: String,
}

impl ExitKind for ManualError {
    fn exit(&self) -> Exit {
        Exit::CheckFailed
    }
}

/// One thing that users name, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// How it is written, ready for roff.
    pub usage: String,
    /// What it does, ready for roff.
    pub does: String,
}

/// What the manual lists.
#[derive(Debug, Serialize)]
pub struct Contents {
    /// Functions and aggregates, in the order of the SQL file.
    pub functions: Vec<Entry>,
    /// Tables and views, in the order of the SQL file.
    pub relations: Vec<Entry>,
    /// Server settings of the extension, as `pg_settings` lists them.
    pub settings: Vec<Entry>,
}

/// Reads the SQL of the current edition and the declarations of the settings.
pub fn contents(sql: &str, settings: &str) -> Result<Contents, ManualError> {
    let contents = Contents {
        functions: functions(sql)?,
        relations: relations(sql)?,
        settings: declared(settings)?,
    };
    let found = [&contents.functions, &contents.relations, &contents.settings];
    match found.iter().any(|entries| entries.is_empty()) {
        true => Err(wrong(
            "extension",
            "no functions, relations or settings are found",
        )),
        false => Ok(contents),
    }
}

fn wrong(file: &str, what: impl Into<String>) -> ManualError {
    ManualError {
        file: file.to_owned(),
        what: what.into(),
    }
}

/// The functions and aggregates, in the order in which they are made; what a trigger calls is left out.
fn functions(sql: &str) -> Result<Vec<Entry>, ManualError> {
    let mut found = Vec::new();
    for kind in ["FUNCTION", "AGGREGATE"] {
        for (at, head) in sql.match_indices(&format!("CREATE {kind} pgml.")) {
            let usage = signature(&sql[at + "CREATE ".len() + kind.len() + 1..]);
            let name = usage.split('(').next().unwrap_or_default();
            let comment = format!("COMMENT ON {kind} {name}(");
            let comment = sql[at..].find(&comment).map(|offset| at + offset);
            let does = comment.and_then(|at| text_of_comment(&sql[at..]));
            let does =
                does.ok_or_else(|| wrong("extension/sql", format!("{head}{name} has no comment")))?;
            if !does.starts_with("Trigger") {
                let entry = Entry {
                    usage: roff(&usage),
                    does: roff(&does),
                };
                found.push((at, entry));
            }
        }
    }
    found.sort_by_key(|(at, _)| *at);
    Ok(found.into_iter().map(|(_, entry)| entry).collect())
}

/// The tables and views that have a comment.
fn relations(sql: &str) -> Result<Vec<Entry>, ManualError> {
    let mut found = Vec::new();
    for kind in ["TABLE", "VIEW"] {
        for (at, head) in sql.match_indices(&format!("COMMENT ON {kind} ")) {
            let rest = &sql[at + head.len()..];
            let usage = rest.split_whitespace().next().unwrap_or_default();
            let no_end = || {
                wrong(
                    "extension/sql",
                    format!("the comment on {usage} has no end"),
                )
            };
            let does = text_of_comment(rest).ok_or_else(no_end)?;
            found.push(Entry {
                usage: roff(usage),
                does: roff(&does),
            });
        }
    }
    Ok(found)
}

/// The settings, with the first text that each is declared with.
fn declared(settings: &str) -> Result<Vec<Entry>, ManualError> {
    let mut found = Vec::new();
    for (at, _) in settings.match_indices("GucRegistry::define_") {
        let mut literals = settings[at..].split("c\"").skip(1);
        let mut literal = || literals.next()?.split('"').next();
        let (Some(name), Some(does)) = (literal(), literal()) else {
            let what = "a setting without a name or text";
            return Err(wrong("extension/src/settings.rs", what));
        };
        found.push(Entry {
            usage: roff(name),
            does: roff(does),
        });
    }
    Ok(found)
}

/// From a function's name to the end of what it returns, on one line.
fn signature(text: &str) -> String {
    let mut depth = 0_i32;
    let mut end = text.len();
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            '\n' if depth == 0 => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let words: Vec<&str> = text[..end].split_whitespace().collect();
    let line = words.join(" ").replace("( ", "(").replace(" )", ")");
    line.trim_end_matches(" (").to_owned()
}

/// The text after `IS '`, with doubled quotes undone.
fn text_of_comment(text: &str) -> Option<String> {
    let begin = text.find(" IS '")? + " IS '".len();
    let mut end = begin;
    loop {
        end += text[end..].find('\'')?;
        match text[end + 1..].starts_with('\'') {
            true => end += 2,
            false => return Some(text[begin..end].replace("''", "'")),
        }
    }
}

/// Text as roff wants it: no line begins with a command, and minus signs can be copied.
fn roff(text: &str) -> String {
    let text = text
        .replace('\\', "\\e")
        .replace('-', "\\-")
        .replace('"', "\\(dq");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQL: &str = "CREATE FUNCTION pgml.f(\n    a text,\n    b int DEFAULT 1\n) RETURNS TABLE (x text)\n    LANGUAGE c;\n\
                       COMMENT ON FUNCTION pgml.f(text, int) IS 'Makes what isn''t there';\n\
                       CREATE FUNCTION pgml.t() RETURNS trigger\n LANGUAGE c;\nCOMMENT ON FUNCTION pgml.t() IS 'Trigger: x';\n\
                       COMMENT ON VIEW pgml.v IS 'All';\n";
    const SETTINGS: &str =
        "GucRegistry::define_int_guc(\n c\"pgml.n\",\n c\"How many-fold.\",\n X,";

    #[test]
    fn functions_relations_and_settings_are_found() {
        let contents = contents(SQL, SETTINGS).unwrap();
        let entry = |usage: &str, does: &str| Entry {
            usage: usage.into(),
            does: does.into(),
        };
        assert_eq!(
            contents.functions,
            [entry(
                "pgml.f(a text, b int DEFAULT 1) RETURNS TABLE (x text)",
                "Makes what isn't there"
            )]
        );
        assert_eq!(contents.relations, [entry("pgml.v", "All")]);
        assert_eq!(contents.settings, [entry("pgml.n", "How many\\-fold.")]);
    }

    #[test]
    fn what_has_no_words_is_refused() {
        assert!(contents("CREATE FUNCTION pgml.f() RETURNS int\n", SETTINGS).is_err());
        assert!(contents(SQL, "").is_err());
    }

    #[test]
    fn the_real_sources_make_a_manual() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
        let settings = read("extension/src/settings.rs");
        let version = env!("CARGO_PKG_VERSION");
        let contents = contents(
            &read(&format!("extension/sql/pgml--{version}.sql")),
            &settings,
        )
        .unwrap();
        for name in ["train", "predict", "deploy", "version"] {
            let usage = format!("pgml.{name}(");
            assert!(
                contents
                    .functions
                    .iter()
                    .any(|f| f.usage.starts_with(&usage)),
                "{name}"
            );
        }
        assert_eq!(
            contents.settings.len(),
            settings.matches("c\"pgml.").count()
        );
    }
}
