//! How long jobs take, by what each took the last time in this cache: for the order of jobs, and for what is left of a run.
//!
//! A job that never ran here is taken to last as long as those with the same kind of step. Where there is none of those
//! either, its time is not known, and nothing is made up for it.

use std::collections::{BTreeMap, HashMap};
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use super::cache::Cache;
use super::limits::Limits;
use crate::job::{Cost, Job, Step};
use base::progress::Left;

/// The seconds that jobs took, by their names.
pub(super) struct Times<'a>(BTreeMap<&'a str, f64>);

impl<'a> Times<'a> {
    /// The times of these jobs, as far as the cache has any. Without jobs, as in a run with nothing to do, nothing is read.
    pub(super) fn of<S: Step>(cache: &Cache, jobs: &[&'a Job<S>]) -> Self {
        if jobs.is_empty() {
            return Self(BTreeMap::new());
        }
        let mut own = BTreeMap::new();
        let mut kinds: HashMap<Discriminant<S>, Vec<f64>> = HashMap::new();
        for record in cache.last_records::<S>() {
            let kind = discriminant(&record.job.step);
            kinds.entry(kind).or_default().push(record.seconds);
            own.insert(record.job.id, record.seconds);
        }
        let of_kind = |job: &Job<S>| kinds.get(&discriminant(&job.step)).map(|all| median(all));
        let known = |job: &&'a Job<S>| {
            let seconds = own.get(&job.id).copied().or_else(|| of_kind(job))?;
            Some((job.id.as_str(), seconds))
        };
        Self(jobs.iter().filter_map(known).collect())
    }

    /// How long a job takes, in seconds.
    pub(super) fn of_job(&self, id: &str) -> Option<f64> {
        self.0.get(id).copied()
    }
}

/// The middle one of some numbers, of which there is at least one.
fn median(all: &[f64]) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// A job that has not ended.
pub(super) struct Unfinished<'a> {
    /// Its name.
    pub(super) id: &'a str,
    /// What it takes of the machine.
    pub(super) cost: Cost,
    /// The jobs that it waits for, finished ones among them.
    pub(super) needs: &'a [String],
    /// How long it still takes; `None` if that is not known.
    pub(super) seconds: Option<f64>,
    /// Whether it runs already.
    pub(super) runs: bool,
}

/// How long it takes until all of these jobs have ended, which start in their order as soon as they can. `None` if nothing
/// is known of any of them.
pub(super) fn left(jobs: &[Unfinished<'_>], limits: &Limits) -> Option<Left> {
    let known = jobs.iter().filter(|job| job.seconds.is_some()).count();
    if known == 0 {
        return None;
    }
    Some(Left {
        time: Duration::from_secs_f64(replay(jobs, limits)),
        at_least: known < jobs.len(),
    })
}

/// Plays the schedule through, and returns the second in which the last job ends.
fn replay(jobs: &[Unfinished<'_>], limits: &Limits) -> f64 {
    let at: BTreeMap<&str, usize> = jobs
        .iter()
        .enumerate()
        .map(|(n, job)| (job.id, n))
        .collect();
    let mut waits_for: Vec<usize> = Vec::new();
    let mut wakes: Vec<Vec<usize>> = vec![Vec::new(); jobs.len()];
    for (number, job) in jobs.iter().enumerate() {
        let needs = job.needs.iter().filter_map(|need| at.get(need.as_str()));
        let needs: Vec<usize> = needs.copied().collect();
        waits_for.push(needs.len());
        needs.iter().for_each(|need| wakes[*need].push(number));
    }
    let seconds = |number: usize| jobs[number].seconds.unwrap_or(0.0);
    let of = |runs: bool| (0..jobs.len()).filter(move |number| jobs[*number].runs == runs);
    let mut running: Vec<(f64, usize)> = of(true).map(|number| (seconds(number), number)).collect();
    let mut ready: Vec<usize> = of(false).filter(|number| waits_for[*number] == 0).collect();
    let mut now = 0.0;
    loop {
        let mut costs: Vec<Cost> = running.iter().map(|(_, job)| jobs[*job].cost).collect();
        while let Some(place) = ready
            .iter()
            .position(|number| limits.have_room(&jobs[*number].cost, &costs))
        {
            let number = ready.remove(place);
            costs.push(jobs[number].cost);
            running.push((now + seconds(number), number));
        }
        let ends = running.iter().enumerate();
        let Some((first, _)) = ends.min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0)) else {
            return now;
        };
        let (end, number) = running.swap_remove(first);
        now = end;
        for next in &wakes[number] {
            waits_for[*next] -= 1;
            if waits_for[*next] == 0 {
                ready.push(*next);
            }
        }
        ready.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::testing::{Job, Size};
    use base::digest::Digest;

    const TWO: Limits = Limits {
        cores: 2,
        memory: 10_000,
        keep_going: false,
    };

    fn job(id: &str, step: Size, input: &str) -> Job {
        let inputs = BTreeMap::from([("source".to_owned(), Digest::of(input))]);
        Job::new(id, id, step, inputs, &[])
    }

    /// Lets a job have run for some seconds.
    fn ran(dir: &Path, job: &Job, seconds: f64) {
        let cache = Cache::new(dir);
        let work = cache.start(job).unwrap();
        let made = cache.finish(job, &work, 0.0, seconds, "made".into());
        made.unwrap();
    }

    #[test]
    fn a_job_takes_its_own_last_time_or_that_of_its_kind() {
        let dir = tempfile::tempdir().unwrap();
        let fresh = job("small:3", Size::Small, "x");
        let unknown = job("huge:1", Size::Huge, "x");
        let again = job("small:2", Size::Small, "changed");
        let jobs = [&fresh, &unknown, &again];
        let times = |dir: &Path| Times::of(&Cache::new(dir), &jobs).0;
        assert!(times(dir.path()).is_empty(), "nothing ran yet");
        for (id, seconds) in [("small:0", 5.0), ("small:1", 7.0), ("small:2", 60.0)] {
            ran(dir.path(), &job(id, Size::Small, "x"), seconds);
        }
        let known = times(dir.path());
        assert_eq!(known, BTreeMap::from([("small:3", 7.0), ("small:2", 60.0)]));
    }

    fn unfinished<'a>(id: &'a str, seconds: Option<f64>, needs: &'a [String]) -> Unfinished<'a> {
        Unfinished {
            id,
            cost: crate::job::Step::cost(&Size::Small),
            needs,
            seconds,
            runs: false,
        }
    }

    fn seconds(jobs: &[Unfinished<'_>], cores: usize) -> f64 {
        let limits = Limits { cores, ..TWO };
        left(jobs, &limits).unwrap().time.as_secs_f64()
    }

    #[test]
    fn what_is_left_follows_cores_and_needs() {
        let none: [String; 0] = [];
        let needs = ["a".to_owned(), "finished".to_owned()];
        let pair = || {
            [
                unfinished("a", Some(10.0), &none),
                unfinished("b", Some(4.0), &none),
            ]
        };
        assert_eq!(seconds(&pair(), 1), 14.0);
        assert_eq!(seconds(&pair(), 2), 10.0);
        let chain = [
            unfinished("a", Some(10.0), &none),
            unfinished("b", Some(4.0), &needs),
        ];
        assert_eq!(seconds(&chain, 8), 14.0);
        // Two that share a directory take turns on any machine.
        let alone = pair().map(|job| Unfinished {
            cost: crate::job::Step::cost(&Size::Huge),
            ..job
        });
        assert_eq!(seconds(&alone, 8), 14.0);
        // One that runs is counted first, wherever it stands.
        let [a, b] = pair();
        assert_eq!(seconds(&[a, Unfinished { runs: true, ..b }], 1), 14.0);
    }

    #[test]
    fn nothing_is_made_up_for_what_never_ran() {
        let none: [String; 0] = [];
        let known = || unfinished("a", Some(10.0), &none);
        let unknown = || unfinished("b", None, &none);
        assert_eq!(left(&[unknown()], &TWO), None);
        assert_eq!(left(&[], &TWO), None);
        assert!(!left(&[known()], &TWO).unwrap().at_least);
        assert!(left(&[known(), unknown()], &TWO).unwrap().at_least);
    }
}
