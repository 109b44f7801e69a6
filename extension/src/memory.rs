//! Refuses a training that would take more memory than the server may spend on one, before it takes it.
//!
//! Without this, the system kills the backend, and Postgres restarts for every session.

use std::ffi::CStr;
use std::path::Path;

use pgml_core::cgroup;
use pgml_core::matrix::Matrix;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting};

use crate::error::{Failure, Result};

/// In MB. Zero: all that the machine has, or the control group leaves; -1: no limit.
static LIMIT: GucSetting<i32> = GucSetting::<i32>::new(0);

/// How often a training holds its rows: as they are read, in the order of the split, and in the algorithm's own form.
const COPIES: u64 = 3;

/// The algorithms that compare each row with each.
const PAIRWISE: [&str; 2] = ["gaussian_process", "kernel_ridge"];

const WORDS: &CStr =
    c"A training whose estimate is higher fails before it starts. 0 is what the machine or the container has, -1 no limit.";

pub fn define_setting() {
    GucRegistry::define_int_guc(
        c"pgml.memory_limit",
        c"Memory that one training may take, by an estimate from its rows.",
        WORDS,
        &LIMIT,
        -1,
        i32::MAX,
        GucContext::Suset,
        GucFlags::UNIT_MB,
    );
}

/// What one training, or one evaluation, may take.
pub struct Budget {
    limit: Option<Limit>,
    work: Work,
}

/// What takes the memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Training,
    Evaluation,
}

/// A bound, and what sets it.
#[derive(Clone, Copy)]
struct Limit {
    bytes: u64,
    /// Whether it is the control group's, such as a container's, and not the setting's.
    of_group: bool,
}

impl Budget {
    /// Of a training, as the settings are now.
    pub fn now() -> Budget {
        Budget { limit: bound(), work: Work::Training }
    }

    /// Of an evaluation, which holds what was said about each row, and no row.
    pub fn of_scores() -> Budget {
        Budget { limit: bound(), work: Work::Evaluation }
    }

    /// Fail when a training on that many numbers takes more. Called for each row.
    pub fn check(&self, numbers: usize, name: &str) -> Result<()> {
        let bytes = (numbers as u64).saturating_mul(8 * COPIES);
        self.refuse(bytes, name, || {
            format!("{numbers} numbers of 8 bytes are held {COPIES} times: as they are read, split, and used.")
        })
    }

    fn refuse(&self, bytes: u64, name: &str, why: impl FnOnce() -> String) -> Result<()> {
        match self.limit.filter(|limit| bytes > limit.bytes) {
            None => Ok(()),
            Some(limit) => Err(refusal(self.work, bytes, limit, name, why()).into()),
        }
    }
}

/// Fail when an algorithm takes more than it may for its table of all pairs of rows.
pub fn check_fit(algorithm: &str, matrix: &Matrix, train: usize, name: &str) -> Result<()> {
    if !PAIRWISE.contains(&algorithm) {
        return Ok(());
    }
    let pairs = (train as u64).saturating_mul(train as u64 * 8);
    let bytes = pairs.saturating_add((matrix.x.len() + matrix.y.len()) as u64 * 8 * COPIES);
    Budget::now().refuse(bytes, name, || format!("{algorithm} compares each of {train} rows with each."))
}

fn refusal(work: Work, bytes: u64, limit: Limit, name: &str, why: String) -> Failure {
    let (who, hint) = allows(limit);
    let (needed, allowed) = (bytes.div_ceil(1 << 20), limit.bytes >> 20);
    let (doing, fewer) = match work {
        Work::Training => ("training on", "Train on fewer rows or columns"),
        Work::Evaluation => ("scoring the predictions for", "Evaluate on fewer rows"),
    };
    Failure::new("53400", format!("{doing} {name} would take at least {needed} MB, and {who} {allowed} MB"))
        .with_detail(why)
        .with_hint(format!("{fewer}, or {hint}."))
}

/// What to do where an algorithm got no memory; `None` when nothing limits a training.
pub fn advice() -> Option<String> {
    let limit = bound()?;
    let (who, more) = allows(limit);
    let allowed = limit.bytes >> 20;
    Some(format!("Here {who} {allowed} MB to a training. Train on fewer rows or columns, or {more}."))
}

/// Who sets a limit, and what raises it.
fn allows(limit: Limit) -> (&'static str, &'static str) {
    match limit.of_group {
        true => ("the server's control group (its container) leaves", "give the container more memory"),
        false => ("pgml.memory_limit allows", "let a superuser raise pgml.memory_limit"),
    }
}

/// The limit in bytes; none when nothing limits.
pub fn limit() -> Option<u64> {
    bound().map(|limit| limit.bytes)
}

/// What the setting allows, and at most what the control group leaves: the kernel ends a process of a group that takes more.
fn bound() -> Option<Limit> {
    let set = setting()?;
    let group = cgroup::allowed(Path::new("/")).map(|allowed| Limit { bytes: allowed.left(), of_group: true });
    let set = set.map(|bytes| Limit { bytes, of_group: false });
    set.into_iter().chain(group).min_by_key(|limit| limit.bytes)
}

/// What `pgml.memory_limit` allows, the machine's memory for 0, where that can be told; none when nothing is to limit.
fn setting() -> Option<Option<u64>> {
    match u64::try_from(LIMIT.get()) {
        Ok(0) => Some(machine()),
        Ok(megabytes) => Some(Some(megabytes << 20)),
        Err(_) => None,
    }
}

/// The most that the models of one session may take, whatever `pgml.model_cache` says: sessions are many, and a training has to find
/// room beside them.
pub fn most_for_models() -> Option<usize> {
    const SHARE: u64 = 4;
    let whole = setting()?;
    let group = cgroup::allowed(Path::new("/")).map(|allowed| allowed.limit);
    let most = whole.into_iter().chain(group).min()?;
    usize::try_from(most / SHARE).ok()
}

/// The memory of this machine, where it can be told.
fn machine() -> Option<u64> {
    // SAFETY: asks for two numbers.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    u64::try_from(pages).ok()?.checked_mul(u64::try_from(size).ok()?)
}
