//! Whether a build has room. How much there is, is an input: a report is the same wherever it is made from the same facts.

use std::path::Path;

use super::{Check, State};

/// How much room a build of everything needs, in bytes.
pub(super) const ROOM: u64 = 12_000_000_000;

/// What a build on this machine can use.
#[derive(Debug, Clone, Copy)]
pub struct Resources<'a> {
    /// The directory of downloads and builds. It need not exist yet.
    pub cache: &'a Path,
    /// How many bytes are free there, or why that is not known.
    pub room: rustix::io::Result<u64>,
    /// What the Rust toolchain can compile for, as Rust names targets.
    pub rust_targets: &'a [String],
}

impl<'a> Resources<'a> {
    /// Looks at the file system that `cache` is in, or will be.
    pub fn look(cache: &'a Path, rust_targets: &'a [String]) -> Resources<'a> {
        let facts = rustix::fs::statvfs(existing(cache));
        Resources {
            cache,
            room: facts.map(|facts| facts.f_bavail.saturating_mul(facts.f_frsize)),
            rust_targets,
        }
    }
}

/// The directory itself, or the nearest one above it that there is.
fn existing(dir: &Path) -> &Path {
    let mut above = dir.ancestors();
    above.find(|dir| dir.is_dir()).unwrap_or(Path::new("/"))
}

/// Whether the free room is enough for a build.
pub(super) fn check(Resources { cache, room, .. }: Resources<'_>) -> Check {
    let (enough, detail) = match room.map(|room| (room / 1_000_000_000, room >= ROOM)) {
        Ok((free, true)) => (true, format!("{free} GB free")),
        Ok((free, false)) => (
            false,
            format!("{free} GB free, a build needs {}", ROOM / 1_000_000_000),
        ),
        Err(error) => (false, error.to_string()),
    };
    Check {
        name: "keep downloads and builds".to_owned(),
        state: match enough {
            true => State::Ok,
            false => State::Missing,
        },
        optional: false,
        detail,
        fix: (!enough).then(|| {
            format!(
                "make room in {}, or choose another place with `--cache DIR`",
                existing(cache).display()
            )
        }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_room_of_a_directory_to_come_is_that_of_the_nearest_one() {
        let dir = tempfile::tempdir().unwrap();
        let to_come = dir.path().join("a/b");
        assert_eq!(existing(&to_come), dir.path());
        assert!(Resources::look(&to_come, &[]).room.is_ok());
    }
}
