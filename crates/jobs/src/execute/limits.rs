//! What running jobs may take of the machine together.

use crate::job::Cost;

/// What a run may use of the machine, and whether it goes on after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many cores all running jobs may take.
    pub cores: usize,
    /// How many megabytes all running jobs may take.
    pub memory: u64,
    /// Whether jobs that don't need a failed one still start.
    pub keep_going: bool,
}

impl Limits {
    /// All that the machine has.
    pub fn of_machine() -> Self {
        Self::of_jobs(std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// This number of cores, and the memory that is free now.
    pub fn of_jobs(cores: usize) -> Self {
        let free = std::fs::read_to_string("/proc/meminfo")
            .ok()
            .and_then(|text| megabytes(&text, "MemAvailable:"));
        let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
            .ok()
            .and_then(|text| text.trim().parse::<u64>().ok())
            .map(|bytes| bytes / 1_000_000);
        Self {
            cores: cores.max(1),
            // Where the kernel gives no number, only the cores limit the jobs.
            memory: free.unwrap_or(u64::MAX).min(group.unwrap_or(u64::MAX)),
            keep_going: false,
        }
    }

    /// How many of the cores a job of this cost takes.
    fn cores_of(&self, cost: &Cost) -> usize {
        cost.cores.min(self.cores.saturating_sub(1).max(1))
    }

    /// Whether a job of this cost can start beside running ones. One that is larger than the machine runs alone.
    pub(super) fn have_room(&self, cost: &Cost, running: &[Cost]) -> bool {
        let apart = cost.alone_with.is_none()
            || running
                .iter()
                .all(|other| other.alone_with != cost.alone_with);
        let cores: usize = running.iter().map(|other| self.cores_of(other)).sum();
        let memory: u64 = running.iter().map(|other| other.memory).sum();
        let room = cores + self.cores_of(cost) <= self.cores
            && memory.saturating_add(cost.memory) <= self.memory;
        apart && (room || running.is_empty())
    }
}

/// A field of `/proc/meminfo`, which counts in units of 1024 bytes.
fn megabytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(field))?;
    let number: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(number * 1024 / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_memory_is_read() {
        let text = "MemTotal:       24000000 kB\nMemAvailable:   10000000 kB\n";
        assert_eq!(megabytes(text, "MemAvailable:"), Some(10_240));
        assert_eq!(megabytes("", "MemAvailable:"), None);
    }
}
