//! Which suites over a release run at the same time, and in which order.
//!
//! A suite is mostly one process at a time: a server and its client, or apt. Two lanes of such suites fill two cores. What
//! fills them by itself, and what needs the results of the others, runs alone.

use std::num::NonZero;

use base::exit::Failure;

use crate::suites::Suite;

/// What a suite may run beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing: it comes before the lanes.
    Before,
    /// The suites of the other lane.
    Lane(usize),
    /// Nothing: it comes after the lanes.
    After,
}

/// How many lanes there are.
const LANES: usize = 2;

/// The place of a suite. Suites of one lane share something, such as the engine of containers or a system's directory.
fn place(suite: Suite) -> Place {
    match suite {
        // cargo and clippy use all cores.
        Suite::Lint => Place::Before,
        Suite::Install | Suite::Server => Place::Lane(0),
        Suite::Faults
        | Suite::Reproduce
        | Suite::Image
        | Suite::Python
        | Suite::Lintian
        | Suite::Nix => Place::Lane(1),
        // Those on request measure times or fill the machine; the report shows what the others saw.
        _ => Place::After,
    }
}

/// The suites in the order in which they run: each inner list is a group of lanes that begin together.
pub fn groups(wanted: &[Suite], cores: usize) -> Vec<Vec<Vec<Suite>>> {
    let of = |searched: Place| -> Vec<Suite> {
        let there = wanted.iter().copied();
        there.filter(|suite| place(*suite) == searched).collect()
    };
    if cores < LANES {
        return wanted.iter().map(|suite| vec![vec![*suite]]).collect();
    }
    let lanes: Vec<Vec<Suite>> = (0..LANES).map(|lane| of(Place::Lane(lane))).collect();
    vec![vec![of(Place::Before)], lanes, vec![of(Place::After)]]
}

/// The cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Runs each lane's suites one after the other, and the lanes at the same time; returns the results in the order of suites. Of
/// several failures, the first lane's is returned, after every lane has ended.
pub fn run<T: Send>(
    lanes: &[Vec<Suite>],
    suite: &(dyn Fn(Suite) -> Result<T, Failure> + Sync),
) -> Result<Vec<(Suite, T)>, Failure> {
    let one = |lane: &[Suite]| -> Result<Vec<(Suite, T)>, Failure> {
        let each = lane.iter().map(|name| Ok((*name, suite(*name)?)));
        each.collect()
    };
    let ended: Vec<Result<Vec<(Suite, T)>, Failure>> = std::thread::scope(|scope| {
        let begun: Vec<_> = lanes.iter().map(|lane| scope.spawn(|| one(lane))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            let panicked = |panic| std::panic::resume_unwind(panic);
            thread.join().unwrap_or_else(panicked)
        };
        begun.into_iter().map(join).collect()
    });
    let mut all = Vec::new();
    for lane in ended {
        all.extend(lane?);
    }
    all.sort_by_key(|(suite, _)| *suite);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    /// Catches a suite that is left out, or that runs twice.
    #[test]
    fn each_suite_runs_once_however_many_cores_there_are() {
        for cores in [1, 2, 64] {
            let mut ran: Vec<Suite> = groups(&Suite::ALL, cores)
                .into_iter()
                .flatten()
                .flatten()
                .collect();
            ran.sort();
            assert_eq!(ran, Suite::ALL, "{cores} cores");
        }
    }

    #[test]
    fn one_core_runs_one_suite_at_a_time() {
        let groups = groups(&[Suite::Python, Suite::Install], 1);
        assert_eq!(groups, [[[Suite::Python]], [[Suite::Install]]]);
    }

    /// Catches lanes that run one after the other: each waits for the other here.
    #[test]
    fn lanes_run_at_the_same_time_and_results_are_in_order() {
        let both = Barrier::new(2);
        let lanes = [vec![Suite::Install], vec![Suite::Image]];
        let ran = run(&lanes, &|suite| {
            both.wait();
            Ok(suite.name())
        });
        let expected = [(Suite::Image, "image"), (Suite::Install, "install")];
        assert_eq!(ran.ok().as_deref(), Some(&expected[..]));
    }

    #[test]
    fn a_failure_ends_its_lane_and_is_returned() {
        let lanes = [vec![Suite::Python, Suite::Image], vec![Suite::Install]];
        let ran = run(&lanes, &|suite| match suite {
            Suite::Install => Ok(()),
            Suite::Python => Err(Failure::bug("the first")),
            _ => Err(Failure::bug("its lane went on")),
        });
        let said = ran.err().map(|failure| format!("{failure:?}"));
        assert!(
            said.as_ref().is_some_and(|said| said.contains("the first")),
            "{said:?}"
        );
    }
}
