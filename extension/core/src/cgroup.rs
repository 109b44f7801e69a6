//! The memory that a control group leaves to its processes: of a container, less than the machine has.
//!
//! A group, or one that it is in, has a limit; the smallest counts. In a container the path in `/proc/self/cgroup` is often the
//! host's, and the group itself is where the hierarchy is mounted: each directory from the mount to the group is looked at, as
//! far as it is there.

use std::fs;
use std::path::{Path, PathBuf};

/// What a version of control groups calls its files.
struct Version {
    /// In the third field of `/proc/self/cgroup`'s lines, with colons between; version 2 has none there.
    controller: &'static str,
    /// Where the hierarchy is mounted: systemd's layout, which container engines follow.
    mounts: &'static [&'static str],
    limit: &'static str,
    /// Keys of `memory.stat` that count what can't be given back.
    used: &'static [&'static str],
}

const VERSIONS: [Version; 2] = [
    Version {
        controller: "",
        mounts: &["sys/fs/cgroup", "sys/fs/cgroup/unified"],
        limit: "memory.max",
        used: &["anon", "shmem", "unevictable", "kernel_stack", "slab_unreclaimable"],
    },
    Version {
        controller: "memory",
        mounts: &["sys/fs/cgroup/memory"],
        limit: "memory.limit_in_bytes",
        used: &["total_rss", "total_shmem", "total_unevictable"],
    },
];

/// Version 1's word for none is the largest number that is a multiple of a page.
const NO_LIMIT: u64 = 1 << 60;

/// What the groups of this process allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// In bytes, for all processes of the group.
    pub limit: u64,
    /// Of these, what they hold now and can't give back.
    pub used: u64,
}

impl Allowed {
    pub fn left(self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// What the groups of this process allow; none without a limit. `root` is `/`.
pub fn allowed(root: &Path) -> Option<Allowed> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let each = VERSIONS.iter().flat_map(|version| {
        let path = group(&groups, version.controller).unwrap_or("/");
        version.mounts.iter().flat_map(move |mount| {
            directories(&root.join(mount), path).filter_map(|directory| read(&directory, version))
        })
    });
    each.min_by_key(|allowed| allowed.left())
}

/// The group's path in the lines `ID:CONTROLLERS:PATH`.
fn group<'a>(groups: &'a str, controller: &str) -> Option<&'a str> {
    groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        controllers.split(',').any(|one| one == controller).then_some(path)
    })
}

/// The directories from the mount down to the group.
fn directories(mount: &Path, group: &str) -> impl Iterator<Item = PathBuf> + use<> {
    let mut directory = mount.to_path_buf();
    let below = group.split('/').filter(|part| !part.is_empty() && *part != "..").map(str::to_string);
    let parts: Vec<String> = below.collect();
    std::iter::once(directory.clone()).chain(parts.into_iter().map(move |part| {
        directory.push(part);
        directory.clone()
    }))
}

fn read(directory: &Path, version: &Version) -> Option<Allowed> {
    // Version 2 writes `max` for none, version 1 a number larger than any machine has.
    let limit: u64 = fs::read_to_string(directory.join(version.limit)).ok()?.trim().parse().ok()?;
    if limit >= NO_LIMIT {
        return None;
    }
    let statistics = fs::read_to_string(directory.join("memory.stat")).unwrap_or_default();
    let used = statistics.lines().filter_map(|line| {
        let (key, value) = line.split_once(' ')?;
        version.used.contains(&key).then(|| value.parse::<u64>().ok())?
    });
    Some(Allowed { limit, used: used.sum::<u64>().min(limit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("pgml-cgroup-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, text).expect("a file");
        }
        root
    }

    fn found(name: &str, files: &[(&str, &str)]) -> Option<Allowed> {
        let root = root(name, files);
        let found = allowed(&root);
        fs::remove_dir_all(root).expect("removed");
        found
    }

    #[test]
    fn the_smallest_limit_above_the_group_counts() {
        let files = [
            ("proc/self/cgroup", "0::/system.slice/postgresql.service\n"),
            ("sys/fs/cgroup/system.slice/memory.max", "1000\n"),
            ("sys/fs/cgroup/system.slice/memory.stat", "anon 100\nfile 500\n"),
            ("sys/fs/cgroup/system.slice/postgresql.service/memory.max", "max\n"),
        ];
        assert_eq!(found("v2", &files), Some(Allowed { limit: 1000, used: 100 }));
    }

    #[test]
    fn a_container_of_version_2_has_its_group_at_the_mount() {
        let files = [("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "536870912\n")];
        assert_eq!(found("container2", &files).map(|allowed| allowed.limit), Some(512 << 20));
    }

    #[test]
    fn a_container_of_version_1_has_the_host_s_path_and_its_group_at_the_mount() {
        let files = [
            ("proc/self/cgroup", "4:cpu,cpuacct:/\n3:memory:/docker/0123\n0::/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"),
            ("sys/fs/cgroup/memory/memory.stat", "cache 9\nrss 5\ntotal_rss 7\n"),
        ];
        assert_eq!(found("container1", &files), Some(Allowed { limit: 512 << 20, used: 7 }));
    }

    #[test]
    fn without_a_limit_nothing_is_allowed_less() {
        assert_eq!(found("none", &[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/memory.max", "max\n")]), None);
        let files = [
            ("proc/self/cgroup", "3:memory:/\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ];
        assert_eq!(found("huge", &files), None);
        assert_eq!(found("nothing", &[("proc/self/cgroup", "")]), None);
    }
}
