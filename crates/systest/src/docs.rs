//! The blocks of code in the documentation: which SQL a suite runs and what it must print, and which test runs a command.
//!
//! A fenced `sql` block is run, and when a `text` block follows, psql must print that. A block of another kind has a comment
//! above it, `<!-- run by PATH, PATH -->` or `<!-- run as it stands by PATH -->`, or a paragraph behind it that says that
//! no suite runs it. `docs/tested.md` is the list.

/// What the paragraph behind a block says when nothing runs the block.
pub const NOT_RUN: &str = "No suite runs";

/// A fenced block of a Markdown page.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Line of the page on which the contents begin, from 1.
    pub line: usize,
    /// What stands behind the fence: `sql`, `sh`.
    pub language: String,
    /// The contents.
    pub text: String,
    /// The files and directories of the tests that run it, from the comment above.
    pub run_by: Vec<String>,
    /// Whether that test reads the block from the page and runs it.
    pub as_it_stands: bool,
    /// Whether the paragraph behind it says that nothing runs it.
    pub not_run: bool,
    /// Whether only blank lines are between it and the block before.
    pub adjacent: bool,
}

/// The blocks of a page, in order.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    let mut above = "";
    let mut adjacent = false;
    // Whether the lines that come now are the paragraph behind the last block.
    let mut behind = Behind::Blank;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                let (run_by, as_it_stands) = runners(above);
                open = Some(Block {
                    line: number + 2,
                    language: language.trim().to_owned(),
                    run_by,
                    as_it_stands,
                    adjacent,
                    ..Block::default()
                });
            }
            (Some(_), Some(_)) => {
                found.extend(open.take());
                (above, adjacent, behind) = ("", true, Behind::Blank);
            }
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {
                behind = behind.next(line);
                match found.last_mut() {
                    Some(block) if behind == Behind::Paragraph => {
                        block.not_run |= line.contains(NOT_RUN);
                    }
                    _ => {}
                }
                if !line.trim().is_empty() {
                    (above, adjacent) = (line, false);
                }
            }
        }
    }
    found
}

/// Where a line stands, counted from the end of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Blank,
    Paragraph,
    Further,
}

impl Behind {
    fn next(self, line: &str) -> Self {
        match (self, line.trim().is_empty()) {
            (Self::Blank, true) => Self::Blank,
            (Self::Blank | Self::Paragraph, false) => Self::Paragraph,
            _ => Self::Further,
        }
    }
}

/// What a comment names that runs the block below it, and whether it does so word for word.
fn runners(comment: &str) -> (Vec<String>, bool) {
    let text = comment.trim();
    let inner = text
        .strip_prefix("<!-- run ")
        .and_then(|rest| rest.strip_suffix(" -->"));
    let Some(inner) = inner else {
        return (Vec::new(), false);
    };
    let (paths, as_it_stands) = match inner.strip_prefix("as it stands by ") {
        Some(paths) => (paths, true),
        None => (inner.strip_prefix("by ").unwrap_or_default(), false),
    };
    let paths = paths.split(',').map(|path| path.trim().to_owned());
    (
        paths.filter(|path| !path.is_empty()).collect(),
        as_it_stands,
    )
}

/// The commands of a shell script, each as its words: without comments, variables that are set before a program, the text
/// of here-documents, and what the shell does with outputs.
pub fn commands(script: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let joined = script.replace("\\\n", " ");
    let mut lines = joined.lines();
    while let Some(line) = lines.next() {
        if let Some((_, end)) = line.split_once("<<") {
            let end = end.trim().trim_matches('\'').to_owned();
            lines.by_ref().find(|line| **line == end);
        }
        let mut command: Vec<String> = Vec::new();
        for word in words(line) {
            match word.as_str() {
                "|" | "&&" | ";" => found.push(std::mem::take(&mut command)),
                word if command.is_empty() && is_assignment(word) => {}
                _ => command.push(word),
            }
        }
        found.push(command);
    }
    found.retain(|command| !command.is_empty());
    found
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    })
}

/// The words of a line as a shell splits them; operators are words of their own.
fn words(line: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => quote = Some(c),
            (None, '#') if word.is_empty() => break,
            (None, '(' | ')') => {}
            (None, ';' | '|') | (None, '&') => {
                found.push(std::mem::take(&mut word));
                let twice = c == '&' && chars.next_if_eq(&'&').is_some();
                found.push(if twice {
                    "&&".to_owned()
                } else {
                    c.to_string()
                });
            }
            (None, c) if c.is_whitespace() => found.push(std::mem::take(&mut word)),
            (None, c) => word.push(c),
        }
    }
    found.push(word);
    found.retain(|word| !word.is_empty());
    found
}

/// An example: what is typed, and what psql prints.
#[derive(Debug, PartialEq, Eq)]
pub struct Example {
    /// Line of the page on which the SQL begins, from 1.
    pub line: usize,
    /// The SQL of the block, as it stands on the page.
    pub sql: String,
    /// The output; `None` if the page shows none.
    pub output: Option<String>,
}

/// The script below `packaging/tests` that makes the database of a page, named in a comment at its end.
pub fn database(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<!-- database: ")?;
    rest.split_once(" -->").map(|(file, _)| file)
}

/// The examples of a Markdown page, in order.
pub fn examples(page: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut after_sql = false;
    for block in blocks(page) {
        let output = after_sql && block.adjacent && block.language == "text";
        after_sql = block.language == "sql";
        match found.last_mut() {
            Some(example) if output => example.output = Some(block.text),
            _ if after_sql => found.push(Example {
                line: block.line,
                sql: block.text,
                output: None,
            }),
            _ => {}
        }
    }
    found
}

/// Output as compared: without the spaces that psql puts at line ends and without blank lines at the end.
pub fn normalised(output: &str) -> String {
    let lines: Vec<&str> = output.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_its_database() {
        let page = "# Old\n\ntext\n<!-- database: adoption/page.sql -->\n";
        assert_eq!(database(page), Some("adoption/page.sql"));
        assert_eq!(database("# New\n"), None);
    }

    #[test]
    fn output_belongs_to_the_sql_right_before_it() {
        let page = "# T\n\n```sql\nSELECT 1;\n```\n\n```text\n 1\n```\n\n```sql\nSELECT 2;\n```\n\nwords\n\n```text\nnot output\n```\n";
        let found = examples(page);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].line, found[0].sql.as_str()), (4, "SELECT 1;\n"));
        assert_eq!(found[0].output.as_deref(), Some(" 1\n"));
        assert_eq!(found[1].output, None);
    }

    #[test]
    fn a_block_has_its_runners_or_its_excuse() {
        let page = "<!-- run by a.rs, b -->\n```sh\nx\n```\n\nWords. No suite runs it.\n\n<!-- run as it stands by c.rs -->\n```sh\ny\n```\nword\n\nNo suite runs\n";
        let found = blocks(page);
        assert_eq!(found[0].run_by, ["a.rs", "b"]);
        assert!(found[0].not_run && !found[0].as_it_stands);
        assert_eq!(found[1].run_by, ["c.rs"]);
        assert!(found[1].as_it_stands && !found[1].not_run);
        // SQL that is shown and not run is no example.
        assert!(examples("```sql not run\nSELECT 1;\n```\n").is_empty());
    }

    #[test]
    fn commands_are_read_as_a_shell_reads_them() {
        let script = "A_B=c cargo xtask dev -c 'SELECT 1'   # psql\nx --a \\\n  --b | (cd y && z)\nm <<END\nno\nEND\n";
        let expected: [&[&str]; 5] = [
            &["cargo", "xtask", "dev", "-c", "SELECT 1"],
            &["x", "--a", "--b"],
            &["cd", "y"],
            &["z"],
            &["m", "<<END"],
        ];
        assert_eq!(commands(script), expected);
    }
}
