//! `cargo xtask plan`

use std::time::{SystemTime, UNIX_EPOCH};

use base::day::Day;
use base::exit::Failure;
use base::json;
use base::workspace::Workspace;
use build::plan::Availability;
use build::plan::document::{Document, Planned};
use build::plan::github::Matrices;
use release::publish::table::{legend, note_mark};

use crate::commands::{Sources, TargetChoice};
use crate::output::{print, print_json};

/// Show all work without doing it: each job, whether its result is cached and why not, and what each target lacks here
#[derive(clap::Args)]
#[command(before_help = "Examples:
  cargo xtask plan                               what `dist` would do here, and why
  cargo xtask plan --all                         what can be done for every target
  cargo xtask plan --all --json")]
pub struct Args {
    #[command(flatten)]
    choice: TargetChoice,
    /// `json` is one document; its schema is docs/schema/plan.json
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// The same as --format json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    sources: Sources,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
    /// A matrix for GitHub Actions: compile on some runners, package on others
    Github,
}

/// Carries out `cargo xtask plan`: prints the jobs and builds nothing.
pub fn run(args: Args, workspace: &Workspace) -> Result<(), Failure> {
    let pipeline = args.sources.pipeline(workspace)?;
    let chosen = args.choice.select(&pipeline)?;
    let (plan, availability) = pipeline.survey(&chosen)?;
    if args.format == Format::Github {
        // One line, as a workflow's outputs want it.
        let matrices = Matrices::new(&plan, &chosen);
        let line = json::compact(&matrices);
        return print(&format!("{}\n", String::from_utf8_lossy(&line)));
    }
    let document = Document::new(&plan, &pipeline.cache(), availability);
    if args.json || args.format == Format::Json {
        return print_json(&document);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let today = Day::of(now.unwrap_or_default().as_secs());
    print(&table(&document, &today))
}

/// The tests that can run here for a target that can be built here.
fn buildable(planned: &Planned, today: &Day, notes: &mut Vec<String>) -> String {
    let mut words = "can be built here".to_owned();
    for end in planned.ends.iter().filter(|end| end.day < *today) {
        let note = format!("{} got its last fixes by {}", end.of, end.day);
        words.push_str(&format!(
            ", past its end of life {}",
            note_mark(&note, notes)
        ));
    }
    if let Some(toolchain) = &planned.toolchain
        && let Some(why) = &toolchain.why
    {
        let note = format!("compiled by {}: {why}", toolchain.version);
        words.push_str(&format!(", by another Rust {}", note_mark(&note, notes)));
    }
    for note in &planned.development {
        words.push_str(&format!(", not for a release {}", note_mark(note, notes)));
    }
    if let Some(other) = &planned.loadable_in {
        let tried = match &planned.not_installable {
            None => ", installed and run".to_owned(),
            Some(_) => format!(", loaded in {other}"),
        };
        words.push_str(&tried);
    }
    if let Some(why) = &planned.not_installable {
        words.push_str(&format!(", not installed {}", note_mark(why, notes)));
        // Both have one reason, except where an emulator makes an image.
        match &planned.no_image {
            None => words.push_str(", images made in an emulator"),
            Some(no) if no != why => {
                words.push_str(&format!(
                    ", no image with a server {}",
                    note_mark(no, notes)
                ));
            }
            Some(_) => {}
        }
    }
    words
}

/// The plan as text: the targets, the jobs and their number.
fn table(document: &Document, today: &Day) -> String {
    let mut text = String::new();
    let mut notes = Vec::new();
    let names = document.targets.keys().map(String::len);
    let width = names.max().unwrap_or(0).max(20);
    for (target, state) in &document.targets {
        let words = match state {
            Availability::Buildable => match document.planned.get(target) {
                Some(planned) => buildable(planned, today, &mut notes),
                None => "can be built here".to_owned(),
            },
            // All targets of an architecture lack the same, and much of them can be made all the same.
            Availability::Missing(what) if document.planned.contains_key(target) => {
                format!("can't be built whole here {}", note_mark(what, &mut notes))
            }
            Availability::Missing(what) => format!("can't be built here: {what}"),
        };
        text.push_str(&format!("{target:<width$} {words}\n"));
    }
    text.push_str(&legend(&notes));
    text.push('\n');
    let told = notes.len();
    let ids = document.jobs.iter().map(|job| job.id.len());
    let width = ids.max().unwrap_or(0);
    for job in &document.jobs {
        let state = match (&job.why, job.cached, &job.blocked) {
            (_, true, _) => "cached".to_owned(),
            (_, _, Some(why)) => format!("can't run here: {}", note_mark(why, &mut notes)),
            (Some(why), ..) => format!("to run:{why}"),
            (None, ..) => "to run".to_owned(),
        };
        text.push_str(&format!("{:<width$}  {:.12}  {state}\n", job.id, job.key));
    }
    if notes.len() > told {
        text.push('\n');
        let legend = legend(&notes);
        text.extend(legend.lines().skip(told).map(|line| format!("{line}\n")));
    }
    let cached = document.jobs.iter().filter(|job| job.cached).count();
    text.push_str(&format!(
        "\n{} jobs, {cached} cached\n",
        document.jobs.len()
    ));
    text
}
