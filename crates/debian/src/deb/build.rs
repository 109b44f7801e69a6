//! Builds a `.deb` from a list of files, the same bytes each time.
//!
//! Every mode, owner and time is set rather than inherited; dpkg-deb runs in the builder, so that neither the host's
//! dpkg nor its umask matters. xz at a fixed level: zstd's output depends on the number of threads, and Debian 11's
//! dpkg does not read it. What packages of several distributions share is compressed once ([`blocks`]).

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::deb::blocks::{self, Cuts};
use base::exit::Failure;
use base::files::{self, FileError};
use base::sandbox::Sandbox;

/// A file of a package.
pub enum Source {
    /// Contents that were made in memory.
    Bytes(Vec<u8>),
    /// The bytes of this file.
    File(PathBuf),
}

/// Where a package is built.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The package goes here.
    pub out: &'a Path,
    /// An empty directory for what is needed on the way.
    pub scratch: &'a Path,
    /// Where the output of the tools is kept.
    pub log: &'a Path,
}

/// A package that is ready to be built.
pub struct Package {
    /// `Package:` of the control file.
    pub name: String,
    /// `Version:` of the control file.
    pub version: String,
    /// `Architecture:` of the control file.
    pub architecture: String,
    /// The control file without `Installed-Size`, which is computed.
    pub control: String,
    /// Further files of the control archive: name, text, mode.
    pub control_files: Vec<(String, String, u32)>,
    /// Contents: absolute path on the user's system, and from where. All are made `rw-r--r--`.
    pub files: Vec<(String, Source)>,
    /// Symbolic links: absolute path on the user's system, and where it points.
    pub links: Vec<(String, String)>,
    /// Whole directories: absolute path on the user's system, and from where.
    pub trees: Vec<(String, PathBuf)>,
    /// Where its archive is cut into blocks.
    pub cuts: Cuts,
}

impl Package {
    /// The file name that Debian's archives give it.
    pub fn file_name(&self) -> String {
        format!("{}_{}_{}.deb", self.name, self.version, self.architecture)
    }

    /// Builds it into `place.out` and returns the file. `epoch` is the time of every file in it, seconds since 1970; `shared`
    /// has the blocks that were compressed already ([`blocks::share`]).
    pub fn build(
        &self,
        builder: &Path,
        epoch: u64,
        shared: &Path,
        place: &Place<'_>,
    ) -> Result<PathBuf, Failure> {
        let plain = self.build_uncompressed(builder, epoch, place.scratch, place.log)?;
        let package = place.out.join(self.file_name());
        blocks::repack(&plain, &self.cuts, shared, &package)?;
        std::fs::remove_file(&plain).map_err(FileError::at("remove", &plain))?;
        Ok(package)
    }

    /// Builds it into `scratch` without compressing it, and returns the file.
    pub fn build_uncompressed(
        &self,
        builder: &Path,
        epoch: u64,
        scratch: &Path,
        log: &Path,
    ) -> Result<PathBuf, Failure> {
        let out = scratch.join("plain");
        let tree = scratch.join(&self.name);
        files::remove_dir(&tree)?;
        for (path, source) in &self.files {
            let to = tree.join(path.trim_start_matches('/'));
            match source {
                Source::Bytes(bytes) => files::write(&to, bytes)?,
                Source::File(from) => files::copy(from, &to)?,
            }
        }
        for (path, from) in &self.trees {
            copy_tree(from, &tree.join(path.trim_start_matches('/')))?;
        }
        for (path, target) in &self.links {
            let link = tree.join(path.trim_start_matches('/'));
            if let Some(dir) = link.parent() {
                files::create_dir(dir)?;
            }
            symlink(target, &link).map_err(FileError::at("make the link", &link))?;
        }
        let size = installed_size(&tree)?;
        let control = format!("{}\nInstalled-Size: {size}\n", self.control.trim_end());
        files::write(&tree.join("DEBIAN/control"), control)?;
        for (name, text, mode) in &self.control_files {
            let path = tree.join("DEBIAN").join(name);
            files::write(&path, text)?;
            files::set_mode(&path, *mode)?;
        }
        files::create_dir(&out)?;
        Sandbox::new(builder)
            .tmpfs("/build")
            .writable(&tree, "/build/tree")
            .writable(&out, "/build/out")
            .env("SOURCE_DATE_EPOCH", epoch.to_string())
            .script(SCRIPT)
            .run(log)?;
        files::remove_dir(&tree)?;
        Ok(out.join("package.deb"))
    }
}

/// Times are set, not clamped: a file older than the release would otherwise carry its own. Compressing
/// is not dpkg-deb's here, see [`blocks`].
const SCRIPT: &str = r#"
cd /build/tree
find . -path ./DEBIAN -prune -o -type f -exec chmod 644 {} +
find . -type d -exec chmod 755 {} +
find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 -r md5sum > DEBIAN/md5sums
chmod 644 DEBIAN/md5sums DEBIAN/control
find . -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
dpkg-deb -Znone --root-owner-group --build . /build/out/package.deb
"#;

fn copy_tree(from: &Path, to: &Path) -> Result<(), FileError> {
    for relative in files::files_below(from)? {
        let target = to.join(&relative);
        // Never a hard link: modes and times are set below, and would change the other job's result too.
        files::copy(&from.join(&relative), &target)?;
    }
    Ok(())
}

/// KiB as dpkg-gencontrol counts them: each file rounded up to a KiB, one for each directory.
fn installed_size(tree: &Path) -> Result<u64, FileError> {
    let mut size = 0;
    for entry in walkdir::WalkDir::new(tree)
        .min_depth(1)
        .into_iter()
        .flatten()
    {
        let meta = entry
            .path()
            .symlink_metadata()
            .map_err(FileError::at("read", entry.path()))?;
        size += if meta.is_file() {
            meta.len().div_ceil(1024)
        } else {
            1
        };
    }
    Ok(size)
}
