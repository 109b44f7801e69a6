//! The manifests for CloudNativePG: every field is one that its custom resources have, and they agree with what is built.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::path::Path;

/// The fields of the manifests, each with what it is below: those of the custom resources of CloudNativePG 1.30
/// (`postgresql.cnpg.io/v1`: Cluster, Database, ImageCatalog), as far as the manifests use them.
const FIELDS: [(&str, &[&str]); 17] = [
    ("", &["apiVersion", "kind", "metadata", "spec"]),
    ("metadata", &["name"]),
    (
        "Cluster spec",
        &[
            "instances",
            "imageCatalogRef",
            "storage",
            "postgresql",
            "resources",
        ],
    ),
    (
        "Cluster spec imageCatalogRef",
        &["apiGroup", "kind", "name", "major"],
    ),
    ("Cluster spec storage", &["size"]),
    (
        "Cluster spec postgresql",
        &["extensions", "parameters", "shared_preload_libraries"],
    ),
    (
        "Cluster spec postgresql extensions",
        &["name", "image", "ld_library_path"],
    ),
    ("Cluster spec postgresql parameters", &["pgml.memory_limit"]),
    ("Cluster spec resources", &["requests", "limits"]),
    ("Cluster spec resources requests", &["memory"]),
    ("Cluster spec resources limits", &["memory"]),
    ("Database spec", &["name", "owner", "cluster", "extensions"]),
    ("Database spec cluster", &["name"]),
    ("Database spec extensions", &["name", "version"]),
    ("ImageCatalog spec", &["images"]),
    (
        "ImageCatalog spec images",
        &["major", "image", "extensions"],
    ),
    (
        "ImageCatalog spec images extensions",
        &["name", "image", "ld_library_path"],
    ),
];

fn manifest(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/kubernetes");
    fs::read_to_string(path.join(name)).unwrap()
}

/// The keys of a manifest, each with the path above it. YAML as these files write it: blocks, two spaces a level.
fn keys(text: &str) -> Vec<(String, String)> {
    let mut above: Vec<(usize, String)> = Vec::new();
    let mut found = Vec::new();
    for line in text.lines() {
        let content = line.trim_start().trim_start_matches("- ");
        let Some((key, _)) = content
            .split_once(": ")
            .or(content.strip_suffix(':').map(|key| (key, "")))
        else {
            continue;
        };
        if content.starts_with('#') {
            continue;
        }
        let depth = line.len() - content.len();
        above.retain(|(other, _)| *other < depth);
        let path: Vec<&str> = above.iter().map(|(_, key)| key.as_str()).collect();
        found.push((path.join(" "), key.to_owned()));
        above.push((depth, key.to_owned()));
    }
    found
}

#[test]
fn every_field_is_one_of_the_custom_resources() {
    for name in ["catalog.yaml", "cluster.yaml", "database.yaml"] {
        let text = manifest(name);
        let kind = text
            .lines()
            .find_map(|line| line.strip_prefix("kind: "))
            .unwrap();
        let mut seen = 0;
        for (path, key) in keys(&text) {
            let place = match path.as_str() {
                path if path.starts_with("spec") => format!("{kind} {path}"),
                path => path.to_owned(),
            };
            if place.ends_with(" image") {
                assert_eq!(key, "reference", "{name}: {place}");
                continue;
            }
            let known = FIELDS.iter().find(|(known, _)| *known == place);
            let known = known
                .unwrap_or_else(|| panic!("{name}: nothing is known below `{place}`"))
                .1;
            assert!(
                known.contains(&key.as_str()),
                "{name}: {place} has no {key}"
            );
            seen += 1;
        }
        assert!(seen > 8, "{name}: {seen}");
    }
    // The test can fail.
    let (path, key) = keys("spec:\n  postgresql:\n    extension:\n      - name: x\n").remove(3);
    assert_eq!(
        (path.as_str(), key.as_str()),
        ("spec postgresql extension", "name")
    );
}

#[test]
fn the_manifests_agree_with_each_other_and_with_the_release() {
    let (catalog, cluster, database) = (
        manifest("catalog.yaml"),
        manifest("cluster.yaml"),
        manifest("database.yaml"),
    );
    let version = env!("CARGO_PKG_VERSION");
    for image in ["pgml-extension", "pgml-python"] {
        let reference = format!("/{image}:18-{version}-debian13");
        assert!(catalog.contains(&reference), "{reference}");
    }
    assert!(database.contains(&format!("version: {version}")));
    for name in ["pgml", "pgml-python"] {
        let entry = format!("- name: {name}\n");
        assert!(
            catalog.contains(&entry) && cluster.contains(&entry),
            "{entry}"
        );
    }
    assert!(
        catalog.contains("  name: postgresql-with-pgml\n")
            && cluster.contains("    name: postgresql-with-pgml\n")
    );
    assert!(cluster.contains("  name: models\n") && database.contains("    name: models\n"));
}
