//! The files of the source tree that a build may read, and a copy of them with other times and in another order.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use base::files::{self, FileError};
use base::workspace::Workspace;

/// Directories in the root of a source tree that are made from it.
const MADE: [&str; 4] = [".git", ".cache", "target", "dist"];

/// Files that together mark a directory that this program fills, which is not part of the sources: a release, a copy of its
/// apt repository, the signatures of its files.
const MARKS: [[&str; 2]; 3] = [
    ["manifest.json", "SHA256SUMS"],
    ["pgml-archive-keyring.gpg", "dists"],
    ["manifest.json.sig", "SHA256SUMS.sig"],
];

/// The key pair that `cosign generate-key-pair` writes into the directory in which it is called.
const KEYS: [&str; 2] = ["cosign.key", "cosign.pub"];

fn is_marked(dir: &Path) -> bool {
    let mut marks = MARKS.iter();
    marks.any(|mark| mark.iter().all(|name| dir.join(name).exists()))
}

/// The files of the tree in byte order, committed or not.
pub fn files(workspace: &Workspace) -> Result<Vec<PathBuf>, FileError> {
    let root = &workspace.root;
    let is_made = |path: &Path| {
        let relative = path.strip_prefix(root).unwrap_or(path);
        let made = MADE.iter().any(|name| relative == Path::new(name));
        made || relative == Path::new("extension/target")
            || relative.ends_with("__pycache__")
            || path == workspace.cache
            || is_marked(path)
            // A tool's cache, by the tag that such directories have (bford.info/cachedir).
            || path.join("CACHEDIR.TAG").exists()
    };
    let mut wanted: Vec<PathBuf> = Vec::new();
    for entry in WalkDir::new(root)
        .into_iter()
        .filter_entry(|entry| !(entry.file_type().is_dir() && is_made(entry.path())))
    {
        let entry = entry.map_err(|error| FileError::at("list", root)(error.into()))?;
        if let (false, Ok(relative)) = (entry.file_type().is_dir(), entry.path().strip_prefix(root))
        {
            wanted.push(relative.to_owned());
        }
    }
    // Not what is a file in one working tree only: `.git` is one in a tree beside another.
    let is_key = |path: &PathBuf| KEYS.iter().any(|key| path == Path::new(key));
    wanted.retain(|path| path != Path::new(".git") && !is_key(path) && root.join(path).is_file());
    wanted.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    Ok(wanted)
}

/// Copies the tree. The last name comes first, so that a directory's own order, which is that of creation on some file
/// systems, is another one.
pub fn copy(workspace: &Workspace, to: &Path) -> Result<(), FileError> {
    for relative in files(workspace)?.iter().rev() {
        files::copy(&workspace.root.join(relative), &to.join(relative))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_from_the_source_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("tree");
        let kept = [
            "Cargo.toml",
            "docs/schema/manifest.json",
            "extension/src/lib.rs",
            "packaging/x/target/y",
        ];
        let left = [
            ".git/config",
            ".cache/jobs/x",
            "target/debug/x",
            "extension/target/x",
            "python/__pycache__/x.pyc",
            "elsewhere/manifest.json",
            "elsewhere/SHA256SUMS",
            "published/apt/dists/x/InRelease",
            "published/apt/pgml-archive-keyring.gpg",
            "signatures/manifest.json.sig",
            "signatures/SHA256SUMS.sig",
            "signatures/debian12-pg15/x.deb.sig",
            "cosign.key",
            "cosign.pub",
            "other-cache/x",
            ".ruff_cache/CACHEDIR.TAG",
            ".ruff_cache/0.17.6/x",
        ];
        for name in kept.iter().chain(&left) {
            files::write(&root.join(name), name).unwrap();
        }
        let workspace = Workspace {
            cache: root.join("other-cache"),
            root,
        };
        let to = dir.path().join("copy");
        copy(&workspace, &to).unwrap();
        let found = files::files_below(&to).unwrap();
        assert_eq!(found, kept.map(PathBuf::from));
    }
}
