//! The timeline of a run: when each job ran, what it waited for, and which chain of jobs decided how long the run took.

use std::collections::BTreeMap;

use serde::Serialize;

use super::run::{JobRun, RunRecord};

/// Width of the names, of the whole drawing, and height of a row, in the drawing's units.
const NAMES: f64 = 250.0;
const WIDTH: f64 = 1160.0;
const ROW: f64 = 20.0;
const TOP: f64 = 24.0;
/// Waiting that is too short to be worth a word, in seconds.
const NOTHING: f64 = 0.05;

/// What the page draws.
#[derive(Debug, Serialize)]
pub struct Timeline {
    /// The jobs that ran, in the order in which they started.
    pub bars: Vec<Bar>,
    /// The jobs whose results were in the cache.
    pub cached: Vec<String>,
    /// The marks of the axis.
    pub ticks: Vec<Tick>,
    /// The duration of the run, as text.
    pub total: String,
    /// How many jobs could run at once.
    pub workers: usize,
    /// The size of the drawing.
    pub width: f64,
    /// The size of the drawing.
    pub height: f64,
}

/// A job that ran.
#[derive(Debug, Serialize)]
pub struct Bar {
    /// The id of the job in the plan.
    pub id: String,
    /// The kind of work, which decides the colour.
    pub kind: String,
    /// The time from the start of the run to the start of the job, as text.
    pub started: String,
    /// The duration of the job, as text.
    pub took: String,
    /// Which job it waited for last.
    pub after: String,
    /// How long it then waited for a free worker, as text. Empty if it did not wait.
    pub queued: String,
    /// Why it ran although it had run before.
    pub why: String,
    /// What the job's step reported about its result.
    pub made: String,
    /// Whether a quicker one would have made the run shorter.
    pub critical: bool,
    /// The drawing: the bar, and the time in which it could have run.
    pub x: f64,
    /// The top edge of the bar, in units of the SVG.
    pub y: f64,
    /// The width of the bar, in units of the SVG.
    pub width: f64,
    /// Where the time begins in which it could have run.
    pub ready_x: f64,
}

/// A mark of the axis.
#[derive(Debug, Serialize)]
pub struct Tick {
    /// The horizontal place of the mark, in units of the SVG.
    pub x: f64,
    /// The time since the start of the run, as text.
    pub label: String,
}

/// A time span as text: `4.2 s`, `63 s`, `3 min 05 s`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 99.5 => format!("{s:.0} s"),
        s => format!(
            "{} min {:02} s",
            (s.round() as u64) / 60,
            (s.round() as u64) % 60
        ),
    }
}

fn end(job: &JobRun) -> Option<f64> {
    job.ran.as_ref().map(|ran| ran.started + ran.seconds)
}

/// The need that ended last of those that ran.
fn last_need<'a>(job: &JobRun, jobs: &BTreeMap<&str, &'a JobRun>) -> Option<&'a JobRun> {
    let needs = job.needs.iter().filter_map(|id| jobs.get(id.as_str()));
    let ran = needs.copied().filter(|need| need.ran.is_some());
    ran.max_by(|a, b| end(a).unwrap_or(0.0).total_cmp(&end(b).unwrap_or(0.0)))
}

impl Timeline {
    /// Computes the places of all bars and marks from the record of a run.
    pub fn of(run: &RunRecord) -> Self {
        let jobs: BTreeMap<&str, &JobRun> =
            run.jobs.iter().map(|job| (job.id.as_str(), job)).collect();
        let mut ran: Vec<&JobRun> = run.jobs.iter().filter(|job| job.ran.is_some()).collect();
        let start = |job: &JobRun| job.ran.as_ref().map_or(0.0, |ran| ran.started);
        ran.sort_by(|a, b| start(a).total_cmp(&start(b)));
        let total = ran.iter().filter_map(|job| end(job)).fold(0.0, f64::max);
        let mut critical: Vec<&str> = Vec::new();
        let by_end =
            |a: &&&JobRun, b: &&&JobRun| end(a).unwrap_or(0.0).total_cmp(&end(b).unwrap_or(0.0));
        let mut next = ran.iter().max_by(by_end).copied();
        while let Some(job) = next.filter(|job| !critical.contains(&job.id.as_str())) {
            critical.push(&job.id);
            next = last_need(job, &jobs);
        }
        let scale = (WIDTH - NAMES) / total.max(0.1);
        let bars = ran.iter().enumerate().filter_map(|(row, job)| {
            let times = job.ran.as_ref()?;
            let after = last_need(job, &jobs);
            let ready = after.and_then(end).unwrap_or(0.0).min(times.started);
            let queued = times.started - ready;
            Some(Bar {
                id: job.id.clone(),
                kind: job.id.split(':').next().unwrap_or_default().to_owned(),
                started: duration(times.started),
                took: duration(times.seconds),
                after: after.map(|need| need.id.clone()).unwrap_or_default(),
                queued: match queued > NOTHING {
                    true => duration(queued),
                    false => String::new(),
                },
                why: times.why.clone(),
                made: job.made.clone(),
                critical: critical.contains(&job.id.as_str()),
                x: NAMES + times.started * scale,
                y: TOP + row as f64 * ROW,
                width: (times.seconds * scale).max(1.5),
                ready_x: NAMES + ready * scale,
            })
        });
        let bars: Vec<Bar> = bars.collect();
        let cached = run.jobs.iter().filter(|job| job.ran.is_none());
        Self {
            height: TOP + bars.len() as f64 * ROW + 8.0,
            bars,
            cached: cached.map(|job| job.id.clone()).collect(),
            ticks: ticks(total, scale),
            total: duration(total),
            workers: run.workers,
            width: WIDTH,
        }
    }
}

/// Marks at round times, ten at the most.
fn ticks(total: f64, scale: f64) -> Vec<Tick> {
    let steps = [
        0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
    ];
    let step = steps.into_iter().find(|step| total / step <= 10.0);
    let step = step.unwrap_or(7200.0);
    let marks = (0..).map(|n| f64::from(n) * step);
    marks
        // The last one's label would not fit.
        .take_while(|at| NAMES + at * scale <= WIDTH - 36.0)
        .take(64)
        .map(|at| Tick {
            x: NAMES + at * scale,
            label: match step {
                step if step < 1.0 => format!("{at:.1} s"),
                // Minutes and seconds.
                _ if total >= 120.0 => format!("{}:{:02}", at as u64 / 60, at as u64 % 60),
                _ => format!("{at:.0} s"),
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::run::Ran;
    use super::*;

    fn job(id: &str, needs: &[&str], started: f64, seconds: f64) -> JobRun {
        JobRun {
            id: id.into(),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            ran: (seconds > 0.0).then(|| Ran {
                started,
                seconds,
                why: String::new(),
            }),
            made: String::new(),
        }
    }

    fn timeline() -> Timeline {
        Timeline::of(&RunRecord {
            version: 1,
            workers: 2,
            jobs: vec![
                job("fetch:a", &[], 0.0, 0.0),
                job("rootfs:a", &["fetch:a"], 0.0, 50.0),
                job("unpack:b", &[], 0.0, 1.0),
                job("compile:c", &["rootfs:a", "unpack:b"], 50.0, 100.0),
                job("verify:d", &["unpack:b"], 30.0, 5.0),
            ],
        })
    }

    #[test]
    fn says_what_was_waited_for_and_what_decided() {
        let timeline = timeline();
        let of = |id: &str| timeline.bars.iter().find(|bar| bar.id == id).unwrap();
        assert_eq!(timeline.cached, ["fetch:a"]);
        assert_eq!(timeline.total, "2 min 30 s");
        assert_eq!(of("compile:c").after, "rootfs:a");
        assert!(of("compile:c").critical && of("rootfs:a").critical);
        assert!(!of("verify:d").critical && !of("unpack:b").critical);
        // Ready at 1 s, started at 30 s: no worker was free.
        assert_eq!(of("verify:d").queued, "29 s");
        assert_eq!(of("compile:c").queued, "");
    }

    #[test]
    fn every_bar_lies_in_the_drawing() {
        let timeline = timeline();
        for bar in &timeline.bars {
            assert!(bar.ready_x <= bar.x && bar.x >= NAMES, "{}", bar.id);
            assert!(bar.x + bar.width <= WIDTH + 0.01, "{}", bar.id);
            assert!(bar.y + ROW <= timeline.height, "{}", bar.id);
        }
        assert!(timeline.ticks.len() <= 11);
    }
}
