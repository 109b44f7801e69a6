//! The schemas of the documents that commands print or write: each is committed and up to date.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use schemars::{JsonSchema, schema_for};

/// The command that writes what is stale.
const REGENERATE: &str = "UPDATE_SCHEMA=1 cargo test --package xtask --test schemas";

fn check<Document: JsonSchema>(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/schema")
        .join(name);
    let fresh = serde_json::to_string_pretty(&schema_for!(Document)).unwrap() + "\n";
    let stale = std::fs::read_to_string(&path).ok().as_deref() != Some(&fresh);
    if stale && std::env::var_os("UPDATE_SCHEMA").is_some() {
        return std::fs::write(&path, fresh).unwrap();
    }
    assert!(!stale, "docs/schema/{name} is stale; run: {REGENERATE}");
}

#[test]
fn doctor() {
    check::<inputs::host::doctor::Report>("doctor.json");
}

#[test]
fn manifest() {
    check::<release::publish::Manifest>("manifest.json");
}

#[test]
fn outdated() {
    check::<release::outdated::Report>("outdated.json");
}

#[test]
fn plan() {
    check::<build::plan::document::Document>("plan.json");
}

#[test]
fn verify() {
    check::<symcheck::report::Document>("verify.json");
}

#[test]
fn reproduce() {
    check::<release::reproduce::Document>("reproduce.json");
}

#[test]
fn report() {
    check::<release::report::Details>("report.json");
}

#[test]
fn provenance() {
    check::<release::provenance::check::Document>("provenance.json");
}

#[test]
fn publish() {
    check::<publisher::publish::Document>("publish.json");
}

#[test]
fn advisories() {
    check::<inputs::host::advisories::Advisories>("advisories.json");
}

#[test]
fn bench() {
    check::<systest::bench::Document>("bench.json");
}

#[test]
fn bench_build() {
    check::<systest::bench::build::Document>("bench-build.json");
}
