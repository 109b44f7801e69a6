//! The page that lists the algorithms says of each whether it is trained here.

use std::collections::BTreeSet;

use pgml_core::project::Task;
use pgml_learn::algorithms;

/// Read when the test runs: where clippy compiles it, only the extension is to be seen.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sql/algorithms.md");

/// Needs an archive that this test is not built with.
const LINKED: [&str; 3] = ["lightgbm", "xgboost", "xgboost_random_forest"];

#[test]
fn the_column_of_the_rust_runtime_is_what_it_trains() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("| algorithm | task | class | Rust |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|line| line.split('|').map(str::trim).skip(1).take(4).collect::<Vec<_>>());
    let mut said: BTreeSet<(String, &str)> = BTreeSet::new();
    let mut listed = BTreeSet::new();
    for row in cells {
        let [name, task, _, rust] = row[..] else { panic!("a row of {} cells", row.len()) };
        listed.insert(name.trim_matches('`').to_string());
        if rust == "yes" && !LINKED.contains(&name.trim_matches('`')) {
            said.insert((name.trim_matches('`').to_string(), task));
        }
    }
    assert!(listed.len() > 25 && said.len() > 8, "{listed:?} {said:?}");
    let trains = |task: Task| {
        let names = algorithms(task).into_iter().filter(|name| listed.contains(*name) && !LINKED.contains(name));
        names.map(move |name| (name.to_string(), task.name()))
    };
    let trained: BTreeSet<_> = trains(Task::Regression).chain(trains(Task::Classification)).collect();
    assert_eq!(said, trained);
}
