//! Which C symbols an extension's SQL names: `CREATE FUNCTION … AS 'MODULE_PATHNAME', 'symbol' LANGUAGE c`.

use std::collections::BTreeSet;

/// The C symbols that the scripts of `pgml` among some files (path, text) declare functions on; none without a script. They
/// are those that `CREATE` and `ALTER EXTENSION` run (`pgml--1.0.sql`) and those that an administrator runs
/// (`pgml-adopt-1.0.sql`).
pub fn c_symbols_of_scripts<T: AsRef<str>>(
    files: impl IntoIterator<Item = (T, T)>,
) -> Option<BTreeSet<String>> {
    let mut symbols = None;
    for (path, text) in files {
        let name = path.as_ref().rsplit('/').next().unwrap_or_default();
        if name.starts_with("pgml-") && name.ends_with(".sql") {
            let found = c_symbols(text.as_ref());
            symbols.get_or_insert_with(BTreeSet::new).extend(found);
        }
    }
    symbols
}

/// The C symbols that SQL text declares functions on.
pub fn c_symbols(sql: &str) -> BTreeSet<String> {
    let tokens = tokens(sql);
    tokens
        .split(|token| *token == Token::Mark(';'))
        .filter_map(c_symbol)
        .collect()
}

/// The C symbol of one statement, if it declares a function in C.
fn c_symbol(statement: &[Token]) -> Option<String> {
    let word = |at: usize, text: &str| statement.get(at).is_some_and(|token| token.is_word(text));
    if !word(0, "create") {
        return None;
    }
    let kind = statement
        .iter()
        .take(4)
        .position(|token| token.is_word("function") || token.is_word("procedure"))?;
    let language = statement
        .iter()
        .position(|token| token.is_word("language"))?;
    match statement.get(language + 1)? {
        Token::Word(name) if name.eq_ignore_ascii_case("c") => {}
        Token::Text(name) if name.eq_ignore_ascii_case("c") => {}
        _ => return None,
    }
    // AS comes directly before the string, unlike in an argument's default.
    let body = (kind..statement.len())
        .find(|at| word(*at, "as") && matches!(statement.get(at + 1), Some(Token::Text(_))))?;
    if let (Some(Token::Mark(',')), Some(Token::Text(symbol))) =
        (statement.get(body + 2), statement.get(body + 3))
    {
        return Some(symbol.clone());
    }
    // Without a second string the symbol is the function's own name, without its schema.
    let mut at = kind + 1;
    while statement.get(at + 1) == Some(&Token::Mark('.')) {
        at += 2;
    }
    match statement.get(at)? {
        Token::Word(name) => Some(name.to_lowercase()),
        Token::Quoted(name) => Some(name.clone()),
        _ => None,
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Text(String),
    Mark(char),
}

impl Token {
    fn is_word(&self, text: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(text))
    }
}

fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let taken = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if c == '\'' || c == '"' {
            let (content, length) = quoted(rest, c);
            tokens.push(match c {
                '"' => Token::Quoted(content),
                _ => Token::Text(content),
            });
            length
        } else if let Some((content, length)) = dollar(rest) {
            tokens.push(Token::Text(content.to_owned()));
            length
        } else if c.is_alphanumeric() || c == '_' {
            let length = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
                .unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..length].to_owned()));
            length
        } else {
            if !c.is_whitespace() {
                tokens.push(Token::Mark(c));
            }
            c.len_utf8()
        };
        rest = rest.get(taken..).unwrap_or("");
    }
    tokens
}

/// The length of a comment, which may hold comments.
fn comment(text: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < text.len() {
        let here = &text.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The content of a quoted string or name, in which a doubled quote stands for one, and its length with quotes.
fn quoted(text: &str, quote: char) -> (String, usize) {
    let mut content = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            content.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            content.push(quote);
            chars.next();
        } else {
            return (content, at + 1);
        }
    }
    (content, text.len())
}

/// The content of a dollar-quoted string and its length with the tags.
fn dollar(text: &str) -> Option<(&str, usize)> {
    let after = text.strip_prefix('$')?;
    let tag = after.find('$')?;
    let name = &after[..tag];
    if name.starts_with(|c: char| c.is_ascii_digit())
        || !name.chars().all(|c| c.is_alphanumeric() || c == '_')
    {
        return None;
    }
    let tag = &text[..tag + 2];
    let body = &text[tag.len()..];
    let end = body.find(tag).unwrap_or(body.len());
    Some((&body[..end], (tag.len() * 2 + end).min(text.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_postgres_would_look_up() {
        let sql = r#"
            -- CREATE FUNCTION no() RETURNS int LANGUAGE c AS 'MODULE_PATHNAME', 'commented_out';
            /* nested /* comment */ CREATE FUNCTION no() LANGUAGE c AS 'M', 'also_commented'; */
            CREATE  FUNCTION pgml."train"("a" TEXT DEFAULT 'x; LANGUAGE c', "b" real[] DEFAULT '{}'::real[]) RETURNS TABLE (x int)
                STRICT LANGUAGE c /* Rust */ AS 'MODULE_PATHNAME', 'train_wrapper';
            CREATE OR REPLACE FUNCTION Vector_Add(a int) RETURNS int AS '$libdir/pgml' LANGUAGE 'C';
            CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $body$ BEGIN; RETURN 'AS', 'not_this'; END $body$;
            CREATE FUNCTION g() RETURNS text LANGUAGE sql AS 'SELECT 1, ''AS'', ''nor_this''';
            CREATE PROCEDURE "Mixed.Case"() LANGUAGE C AS $$MODULE_PATHNAME$$, $x$mixed$x$;
            CREATE CAST (a AS b) WITH FUNCTION h(a);
        "#;
        let found: Vec<String> = c_symbols(sql).into_iter().collect();
        assert_eq!(found, ["mixed", "train_wrapper", "vector_add"]);
    }

    #[test]
    fn never_panics_on_fragments() {
        let sql = "CREATE FUNCTION a.é.\"b\"(x) /* /* */ AS $t$ ' $t$, 'é''' LANGUAGE c; $1 $é$ '";
        for (start, _) in sql.char_indices() {
            for (end, _) in sql.char_indices().filter(|(end, _)| *end >= start) {
                c_symbols(&sql[start..end]);
            }
        }
    }
}
