//! The scripts in `extension/sql/` are what the recipes in `extension/editions/` compose. The format of a recipe is in
//! `extension/editions/README.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The command that writes the scripts again, from the repository's root.
const WRITE: &str = "cargo test --manifest-path extension/Cargo.toml --package pgml-core --test editions -- --ignored";
/// The longest chain of parts that include each other. A longer one is a circle.
const DEEPEST: usize = 5;

/// Recipes, parts or scripts by their names, without the suffix.
type Texts = BTreeMap<String, String>;

fn extension() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The files below a directory whose names end with `suffix`.
fn texts_below(directory: &Path, suffix: &str) -> Texts {
    let mut found = Texts::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(current) = pending.pop() {
        for entry in fs::read_dir(&current).unwrap_or_else(|error| panic!("{}: {error}", current.display())) {
            let path = entry.expect("a directory entry").path();
            let name = path.strip_prefix(directory).expect("a path below the directory");
            let name = name.to_str().expect("a name in UTF-8").strip_suffix(suffix);
            if path.is_dir() {
                pending.push(path);
            } else if let Some(name) = name {
                found.insert(name.to_owned(), read(&path));
            }
        }
    }
    found
}

/// Composes one script from its recipe and the parts.
struct Composer<'a> {
    parts: &'a Texts,
    /// The parts that were included so far.
    used: BTreeSet<String>,
    /// The values that `@set` gave.
    words: BTreeMap<String, String>,
}

impl<'a> Composer<'a> {
    fn new(parts: &'a Texts) -> Self {
        Self { parts, used: BTreeSet::new(), words: BTreeMap::new() }
    }

    /// The script of a recipe, or what is wrong with the recipe.
    fn compose(&mut self, recipe: &str) -> Result<String, String> {
        let mut script = String::new();
        for line in recipe.lines() {
            match directive(line)? {
                Some(("set", argument)) => {
                    let (word, value) = argument.split_once(' ').unwrap_or((argument, ""));
                    self.words.insert(word.to_owned(), value.to_owned());
                }
                Some(("replace", part)) => script.push_str(&or_replace(&self.part(part, 1)?)),
                Some((_, part)) => script.push_str(&self.part(part, 1)?),
                None => push_line(&mut script, line),
            }
        }
        Ok(script)
    }

    /// The text of a part, with the parts that it includes. `depth` is 1 for a part that a recipe includes.
    fn part(&mut self, name: &str, depth: usize) -> Result<String, String> {
        if depth > DEEPEST {
            return Err(format!("part `{name}` includes itself, or parts are nested more than {DEEPEST} deep"));
        }
        let parts = self.parts;
        let text = parts.get(name).ok_or_else(|| format!("there is no part `{name}`"))?;
        self.used.insert(name.to_owned());
        let mut composed = String::new();
        for line in text.lines() {
            match directive(line)? {
                Some(("include", part)) => composed.push_str(&self.part(part, depth + 1)?),
                Some((other, _)) => return Err(format!("part `{name}` has `@{other}`, which only recipes have")),
                None => push_line(&mut composed, &self.with_words(line, name)?),
            }
        }
        Ok(composed)
    }

    /// A line of a part with the values of its words.
    fn with_words(&self, line: &str, part: &str) -> Result<String, String> {
        let mut line = line.to_owned();
        for (word, value) in &self.words {
            line = line.replace(&format!("@{word}@"), value);
        }
        match word_in(&line) {
            Some(word) => Err(format!("part `{part}` needs `@set {word} VALUE` before it")),
            None => Ok(line),
        }
    }
}

/// The directive of a line and its argument; `None` if the line is SQL.
fn directive(line: &str) -> Result<Option<(&str, &str)>, String> {
    let rest = line.strip_prefix('@').filter(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic()));
    match rest.map(|rest| rest.split_once(' ')) {
        None => Ok(None),
        Some(Some((name @ ("include" | "replace" | "set"), argument))) => Ok(Some((name, argument))),
        Some(_) => Err(format!("`{line}` is no directive")),
    }
}

/// The first `@word@` of a line.
fn word_in(line: &str) -> Option<&str> {
    let pieces: Vec<&str> = line.split('@').collect();
    // The first piece has no `@` before it, the last one none behind it.
    let between = pieces.get(1..pieces.len() - 1)?;
    let is_word =
        |piece: &&str| !piece.is_empty() && piece.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    between.iter().copied().find(is_word)
}

/// The same statements, for a database that may have the objects.
fn or_replace(text: &str) -> String {
    let mut replaced = String::new();
    for line in text.lines() {
        let rest = line.strip_prefix("CREATE ");
        match rest.filter(|rest| ["FUNCTION ", "VIEW ", "AGGREGATE "].iter().any(|kind| rest.starts_with(kind))) {
            Some(rest) => push_line(&mut replaced, &format!("CREATE OR REPLACE {rest}")),
            None => push_line(&mut replaced, line),
        }
    }
    replaced
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// Every script, and the parts that none of them includes.
fn compose_all() -> (Texts, BTreeSet<String>) {
    let editions = extension().join("editions");
    let parts = texts_below(&editions.join("parts"), ".sql");
    let mut unused: BTreeSet<String> = parts.keys().cloned().collect();
    let mut scripts = Texts::new();
    for (name, recipe) in texts_below(&editions, ".sql.in") {
        let mut composer = Composer::new(&parts);
        let script = composer.compose(&recipe).unwrap_or_else(|wrong| panic!("editions/{name}.sql.in: {wrong}"));
        unused.retain(|part| !composer.used.contains(part));
        scripts.insert(name, script);
    }
    (scripts, unused)
}

/// The number of the first line in which two texts differ.
fn first_difference(one: &str, other: &str) -> usize {
    let mut others = other.split('\n');
    1 + one.split('\n').take_while(|line| others.next() == Some(*line)).count()
}

#[test]
fn committed_scripts_are_what_the_recipes_compose() {
    let (composed, _) = compose_all();
    let committed = texts_below(&extension().join("sql"), ".sql");
    let names: BTreeSet<&String> = composed.keys().chain(committed.keys()).collect();
    let mut wrong = Vec::new();
    for name in names {
        match (composed.get(name), committed.get(name)) {
            (Some(composed), Some(committed)) if composed == committed => {}
            (Some(composed), Some(committed)) => wrong.push(format!(
                "extension/sql/{name}.sql differs from its recipe from line {} on",
                first_difference(composed, committed)
            )),
            (Some(_), None) => wrong.push(format!("extension/sql/{name}.sql is missing")),
            (None, _) => wrong.push(format!("extension/editions/{name}.sql.in, the recipe of {name}.sql, is missing")),
        }
    }
    assert!(
        wrong.is_empty(),
        "\n{}\n\nChange the recipes and parts in extension/editions/, not the scripts. This writes the scripts again:\n\n    \
         {WRITE}\n",
        wrong.join("\n")
    );
}

#[test]
fn each_part_is_used() {
    let (_, unused) = compose_all();
    assert!(unused.is_empty(), "no recipe includes {unused:?}: remove these files from extension/editions/parts/");
}

/// Writes the scripts that differ from their recipes; this is what [`WRITE`] runs.
#[test]
#[ignore = "writes extension/sql/"]
fn write_the_scripts() {
    for (name, script) in compose_all().0 {
        let path = extension().join("sql").join(format!("{name}.sql"));
        if fs::read_to_string(&path).ok().as_ref() != Some(&script) {
            fs::write(&path, script).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}

/// Composes a recipe from a few short parts.
fn compose(recipe: &str) -> Result<String, String> {
    let parts = [
        ("vectors", "CREATE FUNCTION pgml.add();\n    CREATE FUNCTION inside;\n"),
        ("outer", "before\n@include vectors\n"),
        ("circle", "@include circle\n"),
        ("check", "RAISE '@release@ has {{1,2}} @> 1 @ 2';\n"),
        ("setting", "@set release 1\n"),
    ];
    let parts = parts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Composer::new(&parts).compose(recipe)
}

#[test]
fn directives_compose() {
    for (recipe, expected) in [
        ("a\n\n@ > b\n", "a\n\n@ > b\n"),
        ("@include outer\n", "before\nCREATE FUNCTION pgml.add();\n    CREATE FUNCTION inside;\n"),
        ("@replace outer\n", "before\nCREATE OR REPLACE FUNCTION pgml.add();\n    CREATE FUNCTION inside;\n"),
        ("@set release 3 0\n@include check\n", "RAISE '3 0 has {{1,2}} @> 1 @ 2';\n"),
        ("@set release 2\n@set release\n@include check\n", "RAISE ' has {{1,2}} @> 1 @ 2';\n"),
    ] {
        assert_eq!(compose(recipe).as_deref(), Ok(expected), "{recipe}");
    }
}

#[test]
fn mistakes_in_recipes_are_refused() {
    for (recipe, expected) in [
        ("@include nothing\n", "no part `nothing`"),
        ("@inculde vectors\n", "no directive"),
        ("@include\n", "no directive"),
        ("@include circle\n", "includes itself"),
        ("@include check\n", "`@set release VALUE`"),
        ("@include setting\n", "only recipes"),
    ] {
        let wrong = compose(recipe).expect_err(recipe);
        assert!(wrong.contains(expected), "{wrong}");
    }
}
