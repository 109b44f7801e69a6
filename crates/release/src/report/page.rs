//! From manifest, details and verify reports to HTML.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use miette::Diagnostic;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use base::day::Day;
use base::exit::{Exit, ExitKind, Failure};
use build::verify::step::REPORT;

use super::timeline::Timeline;
use super::{Details, is_package};
use crate::publish::table::stand_in;
use crate::publish::{Kind, Manifest, State, TargetState};

/// Its name decides that values are escaped for HTML.
const NAME: &str = "report.html";
const TEMPLATE: &str = include_str!("report.html.j2");

/// What is done for a target, in order of how much it shows.
const STEPS: [&str; 7] = [
    "built",
    "verified",
    "runtime",
    "image",
    "loaded",
    "installed",
    "run",
];

/// The template and what it is given do not fit.
#[derive(Debug, Error, Diagnostic)]
#[error("can't make the report: {0}")]
#[diagnostic(help("correct crates/release/src/report/report.html.j2"))]
struct TemplateError(String);

impl ExitKind for TemplateError {
    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// What was done, or not, for one target: `verified`, `yes`.
#[derive(Debug, Serialize)]
struct Step {
    name: &'static str,
    /// `yes`, `no` or `failed`; also the class of the page's style.
    state: &'static str,
    why: String,
}

/// A target in the matrix.
#[derive(Debug, Serialize)]
struct Cell {
    target: String,
    /// The last step that holds, or that failed, and its mark.
    word: &'static str,
    mark: &'static str,
    state: &'static str,
    steps: Vec<Step>,
    /// The inputs for development only, which a release refuses.
    development: String,
    /// The servers that it installs beside, and what it goes without.
    server: String,
    unfixed: String,
    /// Until when Postgres and the distribution are kept up, and whether that was before the release.
    ends: Vec<(String, bool)>,
}

#[derive(Debug, Serialize)]
struct Row {
    distribution: String,
    cells: Vec<Option<Cell>>,
}

/// The total size of all packages, here and in the earlier release.
#[derive(Debug, Serialize)]
struct Sum {
    size: String,
    before: Option<String>,
    change: Option<String>,
}

#[derive(Debug, Serialize)]
struct Package {
    name: String,
    target: String,
    kind: &'static str,
    size: String,
    before: String,
    change: String,
    /// `larger`, `smaller` or `same`; empty where there is nothing to compare with.
    direction: &'static str,
}

/// All that the template shows.
#[derive(Debug, Serialize)]
struct Page<'a> {
    release: &'a str,
    day: Day,
    plan: String,
    targets: usize,
    steps: [&'static str; STEPS.len()],
    counts: [(&'static str, usize); STEPS.len()],
    releasable: bool,
    /// The release that compiled.
    builder: Option<&'a str>,
    /// The outdated packages of the locks, in one line.
    outdated: String,
    /// Its packages that users get.
    out_of_date: Vec<OutOfDate>,
    failed: usize,
    majors: Vec<String>,
    rows: Vec<Row>,
    packages: Vec<Package>,
    sum: Sum,
    previous: Option<&'a str>,
    timeline: Option<Timeline>,
    libraries: Vec<Value>,
}

/// A locked package that users get and that its archive has a newer version of.
#[derive(Debug, Serialize)]
struct OutOfDate {
    distribution: String,
    name: String,
    locked: String,
    offered: String,
    security: bool,
}

fn out_of_date(manifest: &Manifest) -> Vec<OutOfDate> {
    let checked = manifest.outdated.checked.iter();
    let each = checked.flat_map(|one| one.packages.iter().map(move |package| (one, package)));
    each.filter(|(_, package)| package.shipped)
        .map(|(one, package)| OutOfDate {
            distribution: one.distribution.clone(),
            name: package.name.clone(),
            locked: package.locked.clone(),
            offered: package.offered.clone(),
            security: package.security,
        })
        .collect()
}

/// The verify reports beside the manifest, by target.
pub fn reports(manifest: &Manifest, out: &Path) -> BTreeMap<String, Value> {
    let found = manifest.targets.keys().filter_map(|target| {
        let bytes = std::fs::read(out.join(target).join(REPORT)).ok()?;
        Some((target.clone(), serde_json::from_slice(&bytes).ok()?))
    });
    found.collect()
}

/// Renders the report as one HTML page without external files.
pub fn render(
    manifest: &Manifest,
    details: &Details,
    reports: &BTreeMap<String, Value>,
) -> Result<String, Failure> {
    let day = Day::of(manifest.epoch);
    let cells: Vec<Cell> = manifest
        .targets
        .iter()
        .map(|(target, state)| cell(target, state, &day))
        .collect();
    let counts = STEPS.map(|name| (name, count(&cells, name)));
    let failed = cells.iter().filter(|cell| cell.state == "failed").count();
    let (majors, rows) = matrix(cells);
    let libraries = manifest.targets.keys();
    let page = Page {
        release: &manifest.release,
        day,
        plan: manifest.plan.short(),
        targets: manifest.targets.len(),
        steps: STEPS,
        counts,
        releasable: manifest.releasable,
        builder: manifest.builder.as_deref(),
        outdated: manifest.outdated.line(),
        out_of_date: out_of_date(manifest),
        failed,
        majors,
        rows,
        packages: packages(manifest, details),
        sum: sum(manifest, details),
        previous: details
            .previous
            .as_ref()
            .map(|before| before.release.as_str()),
        timeline: details.run.as_ref().map(Timeline::of),
        libraries: libraries
            .map(|target| library(target, details, reports))
            .collect(),
    };
    Ok(fill(page).map_err(|error| TemplateError(format!("{error:#}")))?)
}

fn fill(page: Page<'_>) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).build()?;
    environment.set_syntax(syntax);
    environment.add_template(NAME, TEMPLATE)?;
    environment
        .get_template(NAME)?
        .render(minijinja::Value::from(Serde(page)))
}

fn count(cells: &[Cell], step: &str) -> usize {
    let has = |cell: &&Cell| {
        let mut steps = cell.steps.iter();
        steps.any(|s| s.name == step && s.state == "yes")
    };
    cells.iter().filter(has).count()
}

fn cell(target: &str, entry: &TargetState, day: &Day) -> Cell {
    let step = |name, state: &State, note: &Option<String>| {
        let (state, why) = match state {
            State::Yes => ("yes", note.clone().unwrap_or_default()),
            State::StandIn(whose) => ("stand-in", stand_in(whose)),
            State::No(why) => ("no", why.clone()),
            State::Failed(why) => ("failed", why.clone()),
        };
        Step { name, state, why }
    };
    let steps = vec![
        step("built", &entry.built, &None),
        step("verified", &entry.verified, &None),
        step("runtime", &entry.runtime, &entry.runtime_note),
        step("image", &entry.image, &entry.image_note),
        step("loaded", &entry.loaded, &entry.loaded_note),
        step("installed", &entry.installed, &None),
        step("run", &entry.run, &None),
    ];
    let failed = steps.iter().find(|step| step.state == "failed");
    // The states of the runtime and of the images say nothing about the library.
    let beside = ["runtime", "image"];
    let mut reached = steps
        .iter()
        .rev()
        .filter(|step| !beside.contains(&step.name));
    let last = reached.find(|step| ["yes", "stand-in"].contains(&step.state));
    let (state, mark, word) = match (failed, last) {
        (Some(step), _) => match step.name {
            "built" | "runtime" => ("failed", "✕", "build failed"),
            "verified" => ("failed", "✕", "rules broken"),
            "loaded" => ("failed", "✕", "load failed"),
            "installed" => ("failed", "✕", "install failed"),
            "image" => ("failed", "✕", "image failed"),
            _ => ("failed", "✕", "run failed"),
        },
        (None, Some(step)) if step.state == "stand-in" => ("stand-in", "◌", "stand-in"),
        (None, Some(step)) => match step.name {
            "run" => ("run", "●", "runs"),
            "installed" => ("installed", "◕", "installs"),
            "loaded" => ("loaded", "◑", "loads"),
            name => (name, "◔", name),
        },
        (None, None) => ("no", "–", "nothing"),
    };
    Cell {
        target: target.to_owned(),
        word,
        mark,
        state,
        steps,
        development: entry.development.join("; "),
        server: match &entry.server {
            Some(oldest) => format!("{oldest} or newer"),
            None => "any minor release".to_owned(),
        },
        unfixed: entry.unfixed.join("; "),
        ends: entry
            .ends
            .iter()
            .map(|end| (end.to_string(), end.day < *day))
            .collect(),
    }
}

/// Distributions down, majors across. A name that is not of that form has a row of its own.
fn matrix(cells: Vec<Cell>) -> (Vec<String>, Vec<Row>) {
    let split = |target: &str| -> (String, String) {
        let (distribution, major) = target.rsplit_once("-pg").unwrap_or((target, "?"));
        (distribution.to_owned(), major.to_owned())
    };
    let majors: BTreeSet<String> = cells.iter().map(|cell| split(&cell.target).1).collect();
    let mut by_place: BTreeMap<String, BTreeMap<String, Cell>> = BTreeMap::new();
    for cell in cells {
        let (distribution, major) = split(&cell.target);
        by_place
            .entry(distribution)
            .or_default()
            .insert(major, cell);
    }
    let rows = by_place.into_iter().map(|(distribution, mut row)| Row {
        distribution,
        cells: majors.iter().map(|major| row.remove(major)).collect(),
    });
    (majors.iter().cloned().collect(), rows.collect())
}

fn packages(manifest: &Manifest, details: &Details) -> Vec<Package> {
    let artifacts = manifest.artifacts.iter().filter(|a| is_package(a.kind));
    let package = |artifact: &crate::publish::Artifact| {
        let sizes = details.previous.iter().flat_map(|previous| &previous.sizes);
        let before = sizes
            .filter(|size| size.kind == artifact.kind && size.target == artifact.target)
            .map(|size| size.size)
            .next();
        let direction = match before {
            None => "",
            Some(before) if before < artifact.size => "larger",
            Some(before) if before > artifact.size => "smaller",
            Some(_) => "same",
        };
        Package {
            name: artifact.path.rsplit('/').next().unwrap_or_default().into(),
            target: artifact.target.clone().unwrap_or_default(),
            kind: match artifact.kind {
                Kind::DebugSymbols => "debug symbols",
                Kind::PythonRuntime => "Python runtime",
                _ => "extension",
            },
            size: size(artifact.size),
            before: before.map(size).unwrap_or_default(),
            change: before
                .map(|before| change(before, artifact.size))
                .unwrap_or_default(),
            direction,
        }
    };
    artifacts.map(package).collect()
}

fn sum(manifest: &Manifest, details: &Details) -> Sum {
    let artifacts = manifest.artifacts.iter().filter(|a| is_package(a.kind));
    let now: u64 = artifacts.map(|artifact| artifact.size).sum();
    let before = details.previous.as_ref();
    let before = before.map(|before| before.sizes.iter().map(|size| size.size).sum::<u64>());
    Sum {
        size: size(now),
        before: before.map(size),
        change: before.map(|before| change(before, now)),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..100_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.2} MB", bytes as f64 / 1e6),
    }
}

fn change(before: u64, now: u64) -> String {
    if before == now {
        return "±0".into();
    }
    let difference = now as f64 - before as f64;
    let sign = if difference < 0.0 { "−" } else { "+" };
    let percent = 100.0 * difference.abs() / (before as f64).max(1.0);
    format!(
        "{sign}{} ({sign}{percent:.1} %)",
        size(difference.abs() as u64)
    )
}

/// The facts about a target's library: the verdicts on the packaged library, and its symbols.
fn library(target: &str, details: &Details, reports: &BTreeMap<String, Value>) -> Value {
    let packaged = reports
        .get(target)
        .and_then(|report| report.get("libraries")?.get(0))
        .cloned();
    serde_json::json!({
        "target": target,
        "report": packaged,
        "map": details.libraries.get(target),
    })
}

#[cfg(test)]
mod tests {
    use base::digest::Digest;

    use super::*;
    use crate::publish::Artifact;

    fn done() -> TargetState {
        TargetState {
            built: State::Yes,
            verified: State::Yes,
            runtime: State::Yes,
            runtime_note: None,
            installed: State::Yes,
            run: State::Yes,
            loaded: State::Yes,
            loaded_note: None,
            image: State::Yes,
            image_note: None,
            stand_in: None,
            toolchain: None,
            development: Vec::new(),
            server: None,
            unfixed: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn manifest(why: &str) -> Manifest {
        let state = |run| TargetState { run, ..done() };
        Manifest {
            version: crate::publish::VERSION,
            releasable: true,
            release: "3.0.0-1".into(),
            epoch: 1_795_305_600,
            plan: Digest::of("plan"),
            builder: Some("debian11".into()),
            outdated: crate::outdated::Summary::default(),
            artifacts: vec![Artifact {
                path: "debian12-pg15/x.deb".into(),
                kind: Kind::Extension,
                target: Some("debian12-pg15".into()),
                size: 1_500_000,
                sha256: Digest::of("x"),
            }],
            targets: BTreeMap::from([
                ("debian12-pg15".into(), state(State::Yes)),
                ("debian13-pg17".into(), state(State::Failed(why.into()))),
                ("ubuntu26.04-pg18".into(), state(State::StandIn("x".into()))),
            ]),
        }
    }

    #[test]
    fn what_is_not_known_is_said_and_nothing_breaks() {
        let page = render(&manifest("x"), &Details::default(), &BTreeMap::new()).unwrap();
        for words in [
            "debian12-pg15",
            "debian13-pg17",
            "◌ stand-in: from a stand-in archive",
            "no run is recorded",
            "no verify report",
            "no symbol map",
            "no earlier release",
        ] {
            assert!(page.contains(words), "{words}");
        }
    }

    #[test]
    fn what_others_wrote_is_text() {
        let page = render(
            &manifest("<script>alert('x')</script>"),
            &Details::default(),
            &BTreeMap::new(),
        );
        let page = page.unwrap();
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("&lt;script&gt;"));
    }

    #[test]
    fn a_failure_is_never_hidden_by_a_later_step() {
        let state = TargetState {
            installed: State::Failed("x".into()),
            ..done()
        };
        assert_eq!(cell("debian12-pg15", &state, &Day::of(0)).state, "failed");
        assert_eq!(cell("debian12-pg15", &done(), &Day::of(0)).word, "runs");
        let run = State::StandIn("packages of Debian 14".into());
        let state = TargetState { run, ..done() };
        assert_eq!(cell("x", &state, &Day::of(0)).word, "stand-in");
        // A runtime of its own says nothing of the library.
        let no = || State::No("x".into());
        let state = TargetState {
            verified: no(),
            installed: no(),
            run: no(),
            loaded: no(),
            ..done()
        };
        assert_eq!(cell("debian12-pg15", &state, &Day::of(0)).word, "built");
    }

    #[test]
    fn sizes_are_compared_with_those_before() {
        assert_eq!(change(1_000_000, 1_000_000), "±0");
        assert_eq!(change(1_000_000, 1_500_000), "+0.50 MB (+50.0 %)");
        assert_eq!(change(2_000_000, 1_000_000), "−1.00 MB (−50.0 %)");
    }
}
