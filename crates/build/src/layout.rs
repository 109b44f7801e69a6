//! Where the results of jobs have their parts, and where a sandbox shows things.

use crate::runtime;

/// What a sandbox shows inside a root file system, which can't grow a mount point later.
pub const MOUNT_POINTS: [&str; 5] = ["/src", "/build", "/in", "/opt/rust", runtime::PREFIX];
