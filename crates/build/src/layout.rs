//! Where the results of jobs have their parts, and where a sandbox shows things.

/// What a sandbox shows inside a root file system, which can't grow a mount point later.
pub const MOUNT_POINTS: [&str; 5] = ["/src", "/build", "/in", "/opt/rust", PYTHON_PREFIX];
/// The place of the runtime on a user's system. Only the extension adds it to its interpreter's path, so that it never
/// shadows the system's own Python packages.
pub const PYTHON_PREFIX: &str = "/usr/lib/pgml";
/// The directory in a runtime job's output that becomes [`PREFIX`].
pub const PYTHON_TREE: &str = "tree";
/// The runtime's contents: `name version|licence`, a line each.
pub const WHEELS: &str = "wheels.txt";
/// The library as compiled, with its symbol table and debug symbols.
pub const UNSTRIPPED: &str = "pgml.unstripped.so";
/// The library as packaged, but for the stamp.
pub const STRIPPED: &str = "pgml.so";
/// Its debug symbols alone.
pub const DEBUG: &str = "pgml.debug";
/// The crates that are linked in: `name version|licence`, a line each.
pub const CRATES: &str = "crates.txt";
/// The same with what each needs, as [`CrateTree`] writes it.
pub const CRATE_TREE: &str = "crates.json";
/// The file with the release of Postgres whose headers the library was compiled with: `15.20`. It is empty where the headers
/// don't name their release.
pub const HEADERS: &str = "headers.txt";
/// The directory with an unpacked root file system in the output of a rootfs job.
pub const ROOTFS: &str = "rootfs";
/// The archive of a root file system in the output of a rootfs job.
pub const ROOTFS_ARCHIVE: &str = "rootfs.tar";
