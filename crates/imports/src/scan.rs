//! One file's tokens: which paths it names, which modules it declares, what it re-exports.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::str::FromStr;

use proc_macro2::{Delimiter, LexError, TokenStream, TokenTree, token_stream};

/// What a file says of others.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Paths of two names and more, and those of `use`.
    pub paths: BTreeSet<Vec<String>>,
    /// The modules that it declares (`mod x;`).
    pub children: BTreeSet<String>,
    /// Names that it imports, and what they stand for.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// Names that it exports from elsewhere (`pub use`), and from where.
    pub exports: BTreeMap<String, Vec<String>>,
    /// The files of `include_str!` and `include_bytes!`.
    pub included: BTreeSet<String>,
    /// Whether the file implements something for a type that it does not define: then the parent's type depends on this
    /// file.
    pub extends_parent: bool,
}

/// Reads a file's text.
pub fn scan(text: &str) -> Result<Scanned, LexError> {
    let mut scanner = Scanner::default();
    scanner.tokens(TokenStream::from_str(text)?);
    let Scanner {
        mut found,
        defined,
        implemented,
    } = scanner;
    found.extends_parent = implemented.iter().any(|name| !defined.contains(name));
    Ok(found)
}

#[derive(Default)]
struct Scanner {
    found: Scanned,
    /// The types and traits that the file defines.
    defined: BTreeSet<String>,
    /// The types that it has an `impl` for.
    implemented: BTreeSet<String>,
}

type Tokens = Peekable<token_stream::IntoIter>;

impl Scanner {
    fn tokens(&mut self, stream: TokenStream) {
        let mut tokens = stream.into_iter().peekable();
        let mut public = false;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if is_test(tokens.peek()) {
                        tokens.next();
                        skip_item(&mut tokens);
                    }
                }
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    // `pub(super) use`: the group belongs to `pub`.
                    public &= group.delimiter() == Delimiter::Parenthesis;
                }
                TokenTree::Ident(word) => {
                    let word = word.to_string();
                    self.word(&word, public, &mut tokens);
                    public = word == "pub";
                }
                _ => public = false,
            }
        }
    }

    fn word(&mut self, word: &str, public: bool, tokens: &mut Tokens) {
        match word {
            "use" => self.import(Vec::new(), public, tokens),
            "mod" => self.module(tokens),
            "struct" | "enum" | "trait" | "type" | "union" => {
                if let Some(TokenTree::Ident(name)) = tokens.peek() {
                    self.defined.insert(name.to_string());
                }
            }
            "impl" => self.implementation(tokens),
            "include_str" | "include_bytes" => self.include(tokens),
            _ => {
                let path = path(word, tokens);
                if path.len() > 1 {
                    self.found.paths.insert(path);
                }
            }
        }
    }

    fn module(&mut self, tokens: &mut Tokens) {
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return;
        };
        if matches!(tokens.peek(), Some(TokenTree::Punct(end)) if end.as_char() == ';') {
            self.found.children.insert(name.to_string());
        }
    }

    /// `use a::{b, c as d, e::*};`, up to its end.
    fn import(&mut self, prefix: Vec<String>, public: bool, tokens: &mut Tokens) {
        let mut path = prefix.clone();
        let mut alias = None;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    alias = tokens.next().map(|name| name.to_string());
                }
                TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) => {
                    let mut inside = group.stream().into_iter().peekable();
                    while inside.peek().is_some() {
                        self.import(path.clone(), public, &mut inside);
                    }
                    path.clear();
                }
                TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';') => break,
                _ => {}
            }
        }
        if path.is_empty() {
            return;
        }
        let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
        if public {
            self.found.exports.insert(name.clone(), path.clone());
        }
        self.found.aliases.insert(name, path.clone());
        self.found.paths.insert(path);
    }

    /// `impl<T> Trait for Type<T> {`, up to the block.
    fn implementation(&mut self, tokens: &mut Tokens) {
        let mut depth = 0_usize;
        let mut last = None;
        let mut before = ' ';
        while let Some(token) = tokens.peek() {
            match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
                TokenTree::Punct(punct) => {
                    match punct.as_char() {
                        '<' => depth += 1,
                        '>' if before != '-' => depth = depth.saturating_sub(1),
                        ';' => break,
                        _ => {}
                    }
                    before = punct.as_char();
                }
                TokenTree::Ident(word) if word == "where" => break,
                TokenTree::Ident(word) if depth == 0 => {
                    let word = word.to_string();
                    tokens.next();
                    let path = path(&word, tokens);
                    last = path.last().cloned();
                    if path.len() > 1 {
                        self.found.paths.insert(path);
                    }
                    continue;
                }
                TokenTree::Ident(word) => {
                    let word = word.to_string();
                    tokens.next();
                    let path = path(&word, tokens);
                    if path.len() > 1 {
                        self.found.paths.insert(path);
                    }
                    continue;
                }
                _ => {}
            }
            tokens.next();
        }
        self.implemented.extend(last);
    }

    fn include(&mut self, tokens: &mut Tokens) {
        tokens.next(); // `!`
        if let Some(TokenTree::Group(arguments)) = tokens.next()
            && let Some(TokenTree::Literal(file)) = arguments.stream().into_iter().next()
        {
            let file = file.to_string();
            self.found
                .included
                .insert(file.trim_matches('"').to_owned());
        }
    }
}

/// A path that begins with a word: `a::b::c`.
fn path(word: &str, tokens: &mut Tokens) -> Vec<String> {
    let mut path = vec![word.to_owned()];
    loop {
        let mut ahead = tokens.clone();
        let colon = |token: Option<TokenTree>| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
        if !(colon(ahead.next()) && colon(ahead.next())) {
            return path;
        }
        let Some(TokenTree::Ident(name)) = ahead.next() else {
            return path;
        };
        path.push(name.to_string());
        *tokens = ahead;
    }
}

/// Whether an attribute is `[cfg(test)]`.
fn is_test(token: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(attribute)) = token else {
        return false;
    };
    attribute.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// Skips the item behind an attribute: up to its block, or its semicolon.
fn skip_item(tokens: &mut Tokens) {
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
            TokenTree::Punct(end) if end.as_char() == ';' => return,
            _ => {}
        }
    }
}
