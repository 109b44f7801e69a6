//! The SQL of the documentation, executed: a fenced `sql` block that is followed by a `text` block must print it.

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
    let mut block: Option<(&str, usize, String)> = None;
    // Whether only blank lines came since the last SQL block: an output block belongs to the SQL right before it.
    let mut adjacent = false;
    for (number, line) in page.lines().enumerate() {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(language)) => block = Some((language.trim(), number + 2, String::new())),
            (Some(_), Some(_)) => {
                let Some((language, line, text)) = block.take() else {
                    continue;
                };
                match language {
                    "sql" => found.push(Example {
                        line,
                        sql: text,
                        output: None,
                    }),
                    "text" if adjacent => {
                        if let Some(example) = found.last_mut() {
                            example.output = Some(text);
                        }
                    }
                    _ => {}
                }
                adjacent = language == "sql";
            }
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) if !line.trim().is_empty() => adjacent = false,
            (None, None) => {}
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
}
