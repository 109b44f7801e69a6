//! Gives the second build its inputs: the files that locks pin, by digest, and the signing key. It gives it no job's result.

use std::collections::BTreeMap;
use std::path::Path;

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use base::process::Program;
use base::store::Store;
use build::plan::{Plan, Step};
use inputs::fetch::crates;
use targets::lock::crates::CrateLock;

use super::elsewhere::Elsewhere;
use crate::pipeline::Pipeline;

/// Puts every input of a plan into the places where the second build looks for inputs.
pub fn share(
    pipeline: &Pipeline,
    plan: &Plan,
    elsewhere: &Elsewhere,
    log: &Path,
) -> Result<(), Failure> {
    let cache = pipeline.cache();
    let workspace = &pipeline.workspace;
    let store = Store::new(elsewhere.host_path("cache/store"));
    for job in &plan.jobs {
        let from = cache.output(job);
        match &job.step {
            Step::FetchDebs { .. } | Step::FetchWheels { .. } | Step::FetchServer { .. } => {
                for file in files::files_below(&from)? {
                    let file = from.join(file);
                    // It is stored under the digest of its current contents: a file that has changed since is missing there.
                    let (digest, _) =
                        Digest::of_file(&file).map_err(FileError::at("read", &file))?;
                    let to = store.path(&digest);
                    if let (Some(dir), false) = (to.parent(), to.exists()) {
                        files::create_dir(dir)?;
                        files::link_or_copy(&file, &to)?;
                    }
                }
            }
            Step::FetchCrates => {
                let lock = workspace.root.join("extension/Cargo.lock");
                share_crates(&from, &lock, &elsewhere.host_path("cache/cargo"), log)?;
            }
            _ => {}
        }
    }
    files::write(
        &elsewhere.host_path("home/.cargo/config.toml"),
        crates::user_settings(),
    )?;
    // Equal signatures take the same key.
    let key = workspace.cache.join("signing-key");
    if key.exists() {
        Program::new("cp")
            .arg("--archive")
            .args([key, elsewhere.host_path("cache/signing-key")])
            .run(log)?;
    }
    Ok(())
}

/// Copies the crates that have the checksum of the lock, and the registry's index; cargo unpacks them anew. cargo itself
/// looks at a checksum only when it downloads.
fn share_crates(from: &Path, lock: &Path, home: &Path, log: &Path) -> Result<(), Failure> {
    let locked = CrateLock::load(lock)?;
    let checksums: BTreeMap<String, Digest> = locked
        .crates()
        .filter_map(|found| Some((found.file_name(), found.checksum?)))
        .collect();
    let cache = from.join("registry/cache");
    for file in files::files_below(&cache)? {
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let path = cache.join(&file);
        let (digest, _) = Digest::of_file(&path).map_err(FileError::at("read", &path))?;
        if checksums.get(&name) == Some(&digest) {
            files::copy(&path, &home.join("registry/cache").join(&file))?;
        }
    }
    let index = from.join("registry/index");
    if index.exists() {
        Program::new("cp")
            .arg("--archive")
            .args([index, home.join("registry/index")])
            .run(log)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_crates_with_the_checksum_of_the_lock_are_shared() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        for (name, contents) in [
            ("good-1.0.0", "1"),
            ("changed-1.0.0", "other"),
            ("new-2.0.0", "1"),
        ] {
            let file = from.join(format!("registry/cache/some-registry/{name}.crate"));
            files::write(&file, contents).unwrap();
        }
        let entry = |name: &str| {
            let sum = Digest::of("1");
            format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nchecksum = \"{sum}\"\n")
        };
        let local = "[[package]]\nname = \"pgml\"\nversion = \"3.0.0\"\n";
        let lock = dir.path().join("Cargo.lock");
        files::write(
            &lock,
            [entry("good"), entry("changed"), local.into()].concat(),
        )
        .unwrap();
        let home = dir.path().join("home");
        share_crates(&from, &lock, &home, &dir.path().join("log")).unwrap();
        let found = files::files_below(&home).unwrap();
        let good = Path::new("registry/cache/some-registry/good-1.0.0.crate");
        assert_eq!(found, [good]);
    }
}
