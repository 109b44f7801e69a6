//! S5: the library exports what Postgres looks up and nothing else. Catches stray exports, SQL that names a function
//! which the library does not have, and functions that no SQL names.

use std::collections::BTreeSet;

use super::super::elf::DynamicSymbol;
use super::super::report::SymbolRef;
use super::{Context, Doc, Outcome};

const INFO: &str = "pg_finfo_";

pub(super) const DOC: Doc = Doc {
    title: "exports",
    holds_when: "the exports are Postgres's entry points and pairs `pg_finfo_X` and `X`; where the extension's SQL is known, exactly the functions that it names",
    why: "All exports of an extension share one namespace with the server, its other extensions and every library that they load. What is not exported can't clash; a BLAS symbol is only the case that has been seen to crash.",
    remedy: "Link with a version script that lists what Postgres needs and ends in `local: *`. A Rust cdylib exports each `#[no_mangle]` item, of dependencies too. Note that `cargo::rustc-cdylib-link-arg` works and `cargo:link-args=` is silently ignored.",
};

pub(super) fn check(context: &Context) -> Outcome {
    let exported: Vec<&DynamicSymbol> = context.facts.exported().collect();
    let names: BTreeSet<&str> = exported.iter().map(|symbol| symbol.name).collect();
    if !context.is_extension() && !names.contains("Pg_magic_func") {
        return Outcome::not_applicable("not a Postgres module: it has no Pg_magic_func");
    }
    let mut outcome = Outcome::default();
    if !names.contains("Pg_magic_func") {
        outcome.found(
            "Pg_magic_func",
            "Postgres refuses to load a library that does not export it",
            "is `pg_module_magic!` (in C: PG_MODULE_MAGIC) compiled in, and exported by the version script?",
        );
    }
    let functions = functions(context, &exported, &names, &mut outcome);
    match &context.expectation.sql_symbols {
        Some(sql) => {
            let sql = sql.iter().map(String::as_str).collect();
            compare_with_sql(&functions, &sql, &mut outcome);
        }
        None => outcome.saw(format!(
            "functions: {}, beside Postgres's entry points",
            functions.len()
        )),
    }
    outcome
}

/// The functions that SQL can call. Exports that are neither these nor Postgres's entry points are a finding.
fn functions<'f>(
    context: &Context<'_>,
    exported: &[&DynamicSymbol<'f>],
    names: &BTreeSet<&'f str>,
    outcome: &mut Outcome,
) -> BTreeSet<&'f str> {
    let policy = context.policy();
    let entry_points = &policy.exports.entry_points;
    let mut stray: Vec<SymbolRef> = Vec::new();
    let mut functions: BTreeSet<&str> = BTreeSet::new();
    for symbol in exported {
        let name = symbol.name;
        let described = name.strip_prefix(INFO);
        if entry_points.iter().any(|entry| entry == name) {
        } else if let Some(function) = described.filter(|function| names.contains(function)) {
            functions.insert(function);
        } else if names.contains(format!("{INFO}{name}").as_str()) {
            functions.insert(name);
        } else if !policy.is_blas(name) {
            stray.push(SymbolRef::from(*symbol)); // BLAS names are S4's
        }
    }
    if !stray.is_empty() {
        outcome.found_symbols(
            format!("{} stray", stray.len()),
            "exported, but nothing that Postgres looks up; every other library in the server process can bind to it",
            "list the exports in the linker's version script and end it in `local: *`",
            stray,
        );
    }
    functions
}

/// Compares the functions that are exported with those that the extension's SQL declares.
fn compare_with_sql(functions: &BTreeSet<&str>, sql: &BTreeSet<&str>, outcome: &mut Outcome) {
    let symbol = |name: &&str| SymbolRef {
        name: (*name).to_owned(),
        ..SymbolRef::default()
    };
    let missing: Vec<SymbolRef> = sql.difference(functions).map(symbol).collect();
    if !missing.is_empty() {
        outcome.found_symbols(
            format!("{} missing", missing.len()),
            "the extension's SQL declares functions on them, but the library does not export them with their pg_finfo_; CREATE EXTENSION fails",
            "regenerate the SQL from this library, or export them",
            missing,
        );
    }
    let unused: Vec<SymbolRef> = functions.difference(sql).map(symbol).collect();
    if !unused.is_empty() {
        outcome.found_symbols(
            format!("{} without SQL", unused.len()),
            "functions that no SQL of the extension declares",
            "regenerate the SQL from this library, or drop them",
            unused,
        );
    }
    outcome.saw(format!(
        "functions: {}, the ones that the SQL names",
        functions.len()
    ));
}
