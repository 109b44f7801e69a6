//! The links between pages: each leads to a file that is there, and to a heading that the page has.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    // INVARIANT: this crate lies in a directory of the source tree.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every page of the tree.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = ["README.md", "CHANGELOG.md", "crates/symcheck/README.md"]
        .iter()
        .map(|page| root().join(page))
        .collect();
    for dir in ["docs", "docs/sql", "extension/editions", "packaging"] {
        let Ok(entries) = fs::read_dir(root().join(dir)) else {
            continue;
        };
        let entries = entries.flatten().map(|entry| entry.path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|ext| ext == "md")));
    }
    pages.sort();
    pages
}

/// The lines of a page that are text: without blocks of code.
fn text(page: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    page.lines().filter(move |line| {
        let fence = line.starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

/// What a forge calls a heading in addresses: its letters, digits, `-` and `_` in lower case, with hyphens for blanks.
fn anchor(heading: &str) -> String {
    let kept = |c: char| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
        _ => None,
    };
    heading.trim().chars().filter_map(kept).collect()
}

/// The anchors of a page. A heading that comes again gets a number.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text(page) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let base = anchor(heading);
        let mut name = base.clone();
        let mut number = 0;
        while !found.insert(name) {
            number += 1;
            name = format!("{base}-{number}");
        }
    }
    found
}

/// The targets of a page's links, each with its line.
fn links(page: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for line in text(page) {
        for (place, _) in line.match_indices("](") {
            let rest = &line[place + 2..];
            if let Some(end) = rest.find(')') {
                found.push((&rest[..end], line));
            }
        }
    }
    found
}

/// Why a link of a page leads nowhere.
fn dead(page: &Path, link: &str) -> Option<String> {
    if link.starts_with("https://") || link.starts_with("http://") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let to = match file {
        "" => page.to_owned(),
        // INVARIANT: a page lies in a directory.
        file => page.parent().unwrap().join(file),
    };
    if !to.exists() {
        return Some("there is no such file".to_owned());
    }
    if anchor.is_empty() {
        return None;
    }
    let headings = anchors(&fs::read_to_string(&to).unwrap_or_default());
    (!headings.contains(anchor)).then(|| "the page has no such heading".to_owned())
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        let contents = fs::read_to_string(&page).unwrap();
        for (link, line) in links(&contents) {
            count += 1;
            if let Some(why) = dead(&page, link) {
                let name = page.strip_prefix(root()).unwrap().display();
                wrong.push(format!("{name}: {link}: {why}: {line}"));
            }
        }
    }
    assert!(count > 150, "only {count} links were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A page that no other leads to is found by nobody.
#[test]
fn every_page_is_in_an_index() {
    let mut missing = Vec::new();
    for (dir, index) in [
        ("docs", "docs/README.md"),
        ("docs/sql", "docs/sql/README.md"),
    ] {
        let contents = fs::read_to_string(root().join(index)).unwrap();
        for page in pages() {
            if page.parent() != Some(&root().join(dir)) {
                continue;
            }
            let name = page.file_name().unwrap().to_string_lossy().into_owned();
            let linked = links(&contents).iter().any(|(link, _)| *link == name);
            if !linked && name != "README.md" {
                missing.push(format!("{index} does not link to {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn dead_links_are_found() {
    let page = root().join("docs/README.md");
    assert!(dead(&page, "no-such-page.md").is_some());
    assert!(dead(&page, "security.md#no-such-heading").is_some());
    assert!(dead(&page, "security.md#what-to-grant").is_none());
    assert_eq!(
        anchor(" `pgml.drop_model(model_id, force)`"),
        "pgmldrop_modelmodel_id-force"
    );
    let page = "# A b\n```\n# not a heading\n[x](y)\n```\n## A b\n[c](d.md#e) and [f](#a-b)\n";
    assert_eq!(
        anchors(page),
        BTreeSet::from(["a-b".to_owned(), "a-b-1".to_owned()])
    );
    let found: Vec<&str> = links(page).into_iter().map(|(link, _)| link).collect();
    assert_eq!(found, ["d.md#e", "#a-b"]);
}
