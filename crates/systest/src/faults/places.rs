//! Sources, cache and release at paths that programs misread, under strict umasks.

use std::path::PathBuf;

use base::exit::Failure;
use base::files::{self, FileError};
use build::plan::{Job, Step};
use jobs::source_files;

use super::child::{Dist, Namespace};
use super::{FaultTest, is_late};
use crate::cases::ensure;

/// A place that a checkout may lie in.
pub(super) struct Place {
    /// What the case is called.
    pub(super) case: &'static str,
    /// Its directory, below the suite's own.
    name: &'static str,
    /// The umask of the run.
    umask: &'static str,
    /// Whether mmdebstrap makes a root file system there too: its apt reads addresses, and takes half a minute.
    whole: bool,
}

/// What addresses give a meaning to, letters beyond ASCII, and a path of more than 200 bytes. The first place's directory is
/// closed to other users by its umask, as /root is.
pub(super) const PLACES: [Place; 2] = [
    Place {
        case: "with blanks, `#`, `%41` and foreign letters in a path of 200 bytes, umask 077: the same bytes",
        name: "a b\u{fc}\u{df}\u{6f22}#1 %41%20/\
               a-long-name-a-long-name-a-long-name-a-long-name-a-long-name-a-long-name-a-long-name/\
               a-long-name-a-long-name-a-long-name-a-long-name-a-long-name-a-long-name-a-long-name",
        umask: "077",
        whole: true,
    },
    Place {
        case: "at a path with a blank, umask 027: the same bytes",
        name: "my files",
        umask: "027",
        whole: false,
    },
];

impl FaultTest<'_> {
    /// Runs `dist` in a place, on a copy of the sources that lies there too.
    pub(super) fn at_place(
        &self,
        place: &Place,
        inside: Option<&Namespace>,
    ) -> Result<(), Failure> {
        let mut dist = self.dist(place.name, inside)?;
        dist.umask = Some(place.umask);
        let dir = self.scratch.join(place.name);
        let source = dir.join("source");
        files::create_dir(&source)?;
        source_files::copy(&self.pipeline.workspace, &source)?;
        dist.source = Some(source);
        let root = self.plan.jobs.iter().find(|job| is_python_root(job));
        let left_out = |job: &Job| {
            is_late(&job.step) || (place.whole && root.is_some_and(|root| root.id == job.id))
        };
        self.seed(&dist.cache, left_out)?;
        if let Some(root) = root.filter(|_| place.whole) {
            let only = Dist {
                only_jobs: vec![root.id.clone()],
                ..dist.clone()
            };
            only.run()?.ended_with(0, &[])?;
            let made = dist.cache.join("jobs").join(root.key.to_string());
            let is_link = made
                .symlink_metadata()
                .map_err(FileError::at("find", &made))?;
            ensure(!is_link.is_symlink(), || {
                format!("`{}` did not run there", root.id)
            })?;
        }
        dist.run()?.ended_with(0, &[])?;
        self.finished(&dist, &dist.cache, &dist.out)?;
        // Temporary links lead to the place from /tmp; they go with the run.
        let left = links_to(&dir)?;
        ensure(left.is_empty(), || format!("left behind: {left:?}"))
    }
}

/// The root file system with Python, the smallest that every plan makes.
fn is_python_root(job: &Job) -> bool {
    matches!(&job.step, Step::Rootfs { role, .. } if role == "python")
}

/// The links in directories of `/tmp` that lead below a directory.
fn links_to(dir: &std::path::Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir("/tmp").map_err(FileError::at("list", "/tmp"))?;
    let links = entries.flatten().map(|entry| entry.path().join("dir"));
    let to_place = |link: &PathBuf| link.read_link().is_ok_and(|to| to.starts_with(dir));
    Ok(links.filter(to_place).collect())
}
