//! Which test runs what a page shows: each block of commands names its test, or its page says that no suite runs it, and
//! `docs/tested.md` lists all of them.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod command;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use command::xtask;
use systest::docs::{self, Block};
use systest::suites::Suite;

/// The list of all pages.
const TABLE: &str = "docs/tested.md";
const BEGIN: &str =
    "<!-- made by `cargo test --package xtask --test documentation -- --ignored` -->\n";
const END: &str = "<!-- end -->\n";

/// Languages that a block may have.
const LANGUAGES: [&str; 8] = [
    "sql",
    "sql not run",
    "text",
    "sh",
    "console",
    "ini",
    "dockerfile",
    "cron",
];

fn root() -> &'static Path {
    // INVARIANT: this crate lies in a directory of the source tree.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages with blocks that are looked at, by their paths.
fn pages() -> Vec<String> {
    let mut found = vec!["README.md".to_owned()];
    for dir in ["docs", "docs/sql"] {
        let mut names: Vec<String> = fs::read_dir(root().join(dir))
            .unwrap()
            .map(|entry| format!("{dir}/{}", entry.unwrap().file_name().to_string_lossy()))
            .filter(|name| name.ends_with(".md"))
            .collect();
        names.sort();
        found.extend(names);
    }
    found
}

/// The text of a file, or of all files below a directory.
fn contents(path: &Path) -> String {
    match fs::read_dir(path) {
        Ok(entries) => entries
            .map(|entry| contents(&entry.unwrap().path()))
            .collect(),
        Err(_) => fs::read_to_string(path).unwrap_or_default(),
    }
}

/// What a user types of a block.
fn typed(block: &Block) -> Vec<Vec<String>> {
    let lines = |prefix: &str| {
        let lines = block
            .text
            .lines()
            .filter_map(|line| line.strip_prefix(prefix));
        lines.flat_map(|line| [line, "\n"]).collect::<String>()
    };
    match block.language.as_str() {
        "sh" => docs::commands(&block.text),
        "console" => docs::commands(&lines("$ ")),
        "dockerfile" => docs::commands(&lines("RUN ")),
        // A setting is set by its name.
        "ini" => block
            .text
            .lines()
            .filter_map(|line| Some(vec![line.split_once('=')?.0.trim().to_owned()]))
            .collect(),
        _ => Vec::new(),
    }
}

/// The suites are run by themselves.
fn is_a_suite(command: &[String]) -> bool {
    command.starts_with(&["cargo".to_owned(), "xtask".to_owned(), "test".to_owned()])
}

/// The words of a command that a test which runs it has: the program or the command of the tool, and options.
fn marks(command: &[String]) -> Vec<&str> {
    let place = command
        .iter()
        .position(|word| word == "xtask")
        .filter(|_| command[0] == "cargo");
    let start = place.map_or(0, |place| place + 1);
    let name = command
        .get(start)
        .map(|word| word.rsplit('/').next().unwrap_or(word));
    let options = command[start..]
        .iter()
        .filter(|word| word.starts_with("--") && word.len() > 2);
    // Which targets a command is for is not what it does.
    let options = options.filter(|word| *word != "--all");
    name.into_iter()
        .chain(options.map(|word| word.split('=').next().unwrap_or(word)))
        .collect()
}

/// What a block of a page lacks.
fn faults(page: &str, block: &Block) -> Vec<String> {
    let at = format!("{page}:{}", block.line);
    let mut found = Vec::new();
    if !LANGUAGES.contains(&block.language.as_str()) {
        found.push(format!(
            "{at}: a block is one of {LANGUAGES:?}, not `{}`",
            block.language
        ));
    }
    let shown = matches!(block.language.as_str(), "sql" | "text");
    if shown && (block.not_run || !block.run_by.is_empty()) {
        found.push(format!(
            "{at}: SQL is run by the suite `install`, and output is no command"
        ));
    }
    let commands = typed(block);
    let alone = !commands.is_empty() && commands.iter().all(|command| is_a_suite(command));
    if !shown && !alone && !block.not_run && block.run_by.is_empty() {
        found.push(format!(
            "{at}: name the test in a comment above, `<!-- run by PATH -->`, or say behind it `{} …`",
            docs::NOT_RUN
        ));
    }
    if block.run_by.is_empty() {
        return found;
    }
    let mut tests = String::new();
    for path in &block.run_by {
        match root().join(path) {
            path if path.exists() => tests.push_str(&contents(&path)),
            _ => found.push(format!("{at}: there is no {path}")),
        }
    }
    if block.as_it_stands {
        // It reads this page, or all pages.
        if !tests.contains(page) && !tests.contains("docs::blocks") {
            found.push(format!("{at}: {:?} does not read this page", block.run_by));
        }
        return found;
    }
    let programs = commands
        .iter()
        .filter(|command| !is_a_suite(command) && command[0] != "cd");
    for command in programs {
        let missing: Vec<&str> = marks(command)
            .into_iter()
            .filter(|mark| !tests.contains(mark))
            .collect();
        if !missing.is_empty() {
            found.push(format!(
                "{at}: {:?} has no {missing:?}: {}",
                block.run_by,
                command.join(" ")
            ));
        }
    }
    found
}

/// Catches a command, a setting or an SQL statement of the documentation that no test runs, and of which no page says so.
#[test]
fn every_block_names_its_test_or_says_that_it_has_none() {
    let mut found = Vec::new();
    let mut count = 0;
    for page in pages() {
        let blocks = docs::blocks(&read(&page));
        count += blocks.len();
        found.extend(blocks.iter().flat_map(|block| faults(&page, block)));
    }
    assert!(count > 250, "only {count} blocks were found");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_block_without_a_test_and_a_wrong_name_are_found() {
    let of = |page: &str| {
        let blocks = docs::blocks(page);
        faults("docs/x.md", &blocks[0])
    };
    assert_eq!(of("```\nls\n```\n").len(), 2);
    assert_eq!(of("```sh\nls\n```\n").len(), 1);
    assert_eq!(of("<!-- run by no/such.rs -->\n```sh\nls\n```\n").len(), 2);
    assert_eq!(
        of("<!-- run by xtask/src -->\n```sh\nzcat --no-such-option\n```\n").len(),
        1
    );
    assert_eq!(
        of("<!-- run as it stands by xtask/src/main.rs -->\n```sh\nls\n```\n").len(),
        1
    );
    assert!(of("```sh\nls\n```\n\nNo suite runs this.\n").is_empty());
    assert!(of("```sh\ncargo xtask test --suite lint\n```\n").is_empty());
}

/// Catches the name of a suite that there is not.
#[test]
fn every_suite_that_a_page_names_is_one() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for page in pages() {
        let text = read(&page).replace('\n', " ");
        for begin in ["suite `", "suites `", "--suite "] {
            for (place, _) in text.match_indices(begin) {
                let name: String = text[place + begin.len()..]
                    .chars()
                    .take_while(char::is_ascii_lowercase)
                    .collect();
                match Suite::of(&name) {
                    Some(suite) => drop(seen.insert(suite)),
                    None => wrong.push(format!("{page}: {begin}{name}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() > 15, "{seen:?}");
}

/// Catches lines that a screen breaks; a row of a table and a comment are one line, and a block is what a program prints.
#[test]
fn lines_of_text_fit_a_screen() {
    let mut wrong = Vec::new();
    for page in pages() {
        let mut inside = false;
        for (number, line) in read(&page).lines().enumerate() {
            inside ^= line.starts_with("```");
            let one_line = line.starts_with('|') || line.starts_with("<!--");
            if !inside && !one_line && line.chars().count() > 120 {
                wrong.push(format!("{page}:{}", number + 1));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "more than 120 columns: {}",
        wrong.join(", ")
    );
}

/// The commands that change nothing but a cache run as a page shows them.
#[test]
fn commands_that_only_look_run_as_they_stand() {
    let mut ran = BTreeSet::new();
    for page in pages() {
        for command in docs::blocks(&read(&page)).iter().flat_map(typed) {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            let ["cargo", "xtask", args @ ..] = words.as_slice() else {
                continue;
            };
            let looks = match args {
                ["plan", ..] | ["cache", "prune", ..] => {
                    !args.iter().any(|word| word.contains(['$', 'N']))
                }
                ["lock"] | ["doctor"] => true,
                _ => false,
            };
            if looks && ran.insert(command.clone()) {
                let (code, _, words) = xtask(args);
                // 3: this machine lacks something, and the command says what.
                let able = code == 0 || args == ["doctor"] && code == 3;
                assert!(able, "{page}: {}: exit {code}\n{words}", command.join(" "));
            }
        }
    }
    assert!(ran.len() > 5, "{ran:?}");
}

/// Files of tests that read a page, or compare a part of it, by the page.
fn comparing() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for dir in [
        "xtask/tests",
        "extension/core/tests",
        "extension/exchange/tests",
        "extension/learn/tests",
        "crates/systest/src/pairs.rs",
        "crates/publisher/src/apt.rs",
    ] {
        for file in rust_files(&root().join(dir)) {
            let name = file.strip_prefix(root()).unwrap().display().to_string();
            let code = fs::read_to_string(&file).unwrap();
            let code: String = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            if name.ends_with("documentation.rs") || name.ends_with("links.rs") {
                continue;
            }
            for page in pages()
                .into_iter()
                .filter(|page| code.contains(page.as_str()) && page != "README.md")
            {
                found.entry(page).or_default().insert(name.clone());
            }
        }
    }
    found
}

fn rust_files(path: &Path) -> Vec<PathBuf> {
    match fs::read_dir(path) {
        Ok(entries) => entries
            .flat_map(|entry| rust_files(&entry.unwrap().path()))
            .collect(),
        Err(_) if path.extension().is_some_and(|ext| ext == "rs") => vec![path.to_owned()],
        Err(_) => Vec::new(),
    }
}

/// The rows of the list.
fn table() -> String {
    let compared = comparing();
    let mut rows = String::from(
        "| page | SQL examples, run by `install` | other blocks, run by | blocks that no suite runs | also read by |\n|---|---|---|---|---|\n",
    );
    for page in pages() {
        let text = read(&page);
        let blocks = docs::blocks(&text);
        let (mut tests, mut not_run) = (BTreeSet::new(), 0);
        for block in &blocks {
            let suites = typed(block)
                .into_iter()
                .filter(|command| is_a_suite(command));
            tests.extend(suites.map(|command| match command.get(4) {
                Some(suite) if command[3] == "--suite" => format!("suite `{suite}`"),
                _ => "all suites".to_owned(),
            }));
            match block.not_run {
                true => not_run += 1,
                false => tests.extend(block.run_by.iter().map(|path| format!("`{path}`"))),
            }
        }
        let number = |count: usize| {
            if count == 0 {
                String::new()
            } else {
                count.to_string()
            }
        };
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let also = compared
            .get(&page)
            .map(|names| names.iter().map(|name| format!("`{name}`")).collect());
        rows.push_str(&format!(
            "| {page} | {} | {} | {} | {} |\n",
            number(docs::examples(&text).len()),
            list(&tests),
            number(not_run),
            list(&also.unwrap_or_default()),
        ));
    }
    rows
}

/// The page with the list of today.
fn with_table() -> String {
    let page = read(TABLE);
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    format!("{before}{BEGIN}{}{END}{after}", table())
}

#[test]
fn the_list_of_pages_is_that_of_today() {
    assert!(
        with_table() == read(TABLE),
        "{TABLE} is stale; run: cargo test --package xtask --test documentation -- --ignored"
    );
}

#[test]
#[ignore = "writes docs/tested.md"]
fn write_the_list() {
    fs::write(root().join(TABLE), with_table()).unwrap();
}
