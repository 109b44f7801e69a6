//! Whether a text can be the name of a relation, as Postgres reads one: `orders`, `sales.orders`, `"Flat Contracts"`.

/// Whether Postgres finds parts between points in it. What is none of these is an error of its parser, which says neither which
/// argument is at fault nor what to do.
pub fn is_well_formed(name: &str) -> bool {
    let mut rest = name.trim_start();
    loop {
        let Some(after) = behind_part(rest) else { return false };
        rest = after.trim_start();
        match rest.strip_prefix('.') {
            Some(after) => rest = after.trim_start(),
            None => return rest.is_empty(),
        }
    }
}

/// What comes behind the first part of a name; `None` if it has none.
fn behind_part(text: &str) -> Option<&str> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == '.' || c.is_ascii_whitespace()).unwrap_or(text.len());
        return (end > 0).then(|| &text[end..]);
    };
    let mut rest = quoted;
    loop {
        rest = &rest[rest.find('"')? + 1..];
        // Two quotes are one in the name.
        match rest.strip_prefix('"') {
            Some(after) => rest = after,
            None => return (quoted.len() - rest.len() > 1).then_some(rest),
        }
    }
}

/// What to do about a name that Postgres can't read.
pub fn advice(name: &str) -> String {
    let first = name.split_whitespace().next().unwrap_or_default();
    if ["select", "with", "values", "table"].contains(&first.to_lowercase().as_str()) && first.len() < name.len() {
        return "Make a view of the query, CREATE VIEW name AS …, and give its name.".into();
    }
    format!("A name with blanks or capital letters stands in double quotes: '\"{}\"'.", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_postgres_reads_as_one() {
        for name in ["a", " a ", "a.b", "a . b", "\"A b\"", "s.\"A \"\"b\"\"\"", "\"a.b\".c", "übung", "a-b", "1a"] {
            assert!(is_well_formed(name), "{name}");
        }
        for name in ["", " ", "Flat Contracts", "SELECT * FROM t", "\"a", "a.", ".a", "\"a\"b", "\"\"", "a..b"] {
            assert!(!is_well_formed(name), "{name}");
        }
    }

    #[test]
    fn a_query_is_told_from_a_name_with_blanks() {
        assert!(advice("select * from t").contains("CREATE VIEW"));
        assert!(advice("Selected Flats").contains("'\"Selected Flats\"'"));
    }
}
