//! The pictures of the documentation: each is shown by a page, described for readers who can't see it, and names what there is.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod command;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use command::xtask;

fn docs() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

#[test]
fn the_flow_has_every_kind_of_job_and_no_other() {
    let (code, plan, words) = xtask(&["plan", "--all", "--json"]);
    assert_eq!(code, 0, "{words}");
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let jobs = plan["jobs"].as_array().unwrap();
    let kinds: BTreeSet<&str> = jobs
        .iter()
        .filter_map(|job| job["id"].as_str()?.split(':').next())
        .collect();
    let picture = fs::read_to_string(docs().join("flow.svg")).unwrap();
    let drawn: BTreeSet<&str> = picture
        .lines()
        .filter(|line| line.contains("class=\"job\""))
        .filter_map(|line| line.split_once('>')?.1.split_once('<'))
        .flat_map(|(names, _)| names.split(' '))
        .filter_map(|name| name.split(':').next())
        .collect();
    assert_eq!(drawn, kinds);
}

#[test]
fn every_picture_is_shown_and_described() {
    let entries = fs::read_dir(docs()).unwrap().flatten();
    let files: Vec<_> = entries.map(|entry| entry.path()).collect();
    let of = |ext: &str| {
        let ext = ext.to_owned();
        let wanted = move |path: &&std::path::PathBuf| path.extension().is_some_and(|e| *e == *ext);
        files.iter().filter(wanted)
    };
    let pages: String = of("md")
        .map(|page| fs::read_to_string(page).unwrap())
        .collect();
    for picture in of("png") {
        let name = picture.file_name().unwrap().to_string_lossy();
        assert!(pages.contains(&format!("({name})")), "no page shows {name}");
    }
    for picture in of("svg") {
        let name = picture.file_name().unwrap().to_string_lossy();
        assert!(pages.contains(&format!("({name})")), "no page shows {name}");
        let text = fs::read_to_string(picture).unwrap();
        assert!(text.contains("<title id=\"title\">"), "{name} has no title");
        assert!(
            text.contains("<desc id=\"desc\">"),
            "{name} is not described"
        );
    }
}
