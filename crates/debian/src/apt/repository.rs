//! Writes the repository's tree: `pool/` with the packages, `dists/<codename>/` with the signed indexes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::apt::kept::{DESCRIPTION, Kept};
use crate::apt::options::RepositoryOptions;
use crate::apt::place;
use crate::apt::reading;
use crate::apt::signing::SigningKey;
use base::digest::Digest;
use base::exit::Failure;
use base::files;
use base::process::Program;

/// The name of the public keyring in the repository's root.
pub const KEYRING: &str = "pgml-archive-keyring.gpg";

/// One suite: the packages of one distribution.
pub struct Suite {
    /// The suite's name in the sources of users, such as `bookworm`.
    pub codename: String,
    /// `Debian 12`, for the description.
    pub title: String,
    /// The architectures of the packages, Debian's names.
    pub architectures: Vec<String>,
    /// The files of the packages, of every architecture.
    pub debs: Vec<PathBuf>,
}

/// Writes a repository of these suites below `root`, which is empty, with what the earlier one of the options has besides.
/// `epoch` dates it.
///
/// Every file is reachable by its hash too (`by-hash`), so that a reader that fetched the index before a change can
/// still get what that index names. In the end apt reads it; the result is a sentence that names the readers that accepted it.
pub fn write(
    root: &Path,
    mut suites: Vec<Suite>,
    options: &RepositoryOptions,
    key: &SigningKey,
    epoch: u64,
    log: &Path,
) -> Result<&'static str, Failure> {
    for suite in &suites {
        let pool = root.join("pool").join(&suite.codename);
        for deb in &suite.debs {
            if let Some(name) = deb.file_name() {
                files::link_or_copy_into(deb, &pool.join(name))?;
            }
        }
    }
    if let Some(kept) = &options.keep {
        let kept = Kept::open(kept)?;
        kept.add_suites(&mut suites)?;
        kept.take_over(root)?;
    }
    for suite in &suites {
        let pool = format!("pool/{}", suite.codename);
        let dist = root.join("dists").join(&suite.codename);
        for architecture in &suite.architectures {
            let binary = dist.join("main").join(format!("binary-{architecture}"));
            index(root, &pool, architecture, &binary, log)?;
        }
        let architectures = suite.architectures.join(" ");
        let release = release(suite, &architectures, &dist, epoch, log)?;
        files::write(&dist.join("Release"), release)?;
        key.sign_release(&dist.join("Release"), epoch, log)?;
        files::write(
            &root.join(format!("pgml-{}.sources", suite.codename)),
            sources(&suite.codename, &architectures),
        )?;
    }
    files::write(&root.join("README"), readme(key))?;
    key.export_with(&options.key_files()?, &root.join(KEYRING), log)?;
    reading::read_back(root, &suites)
}

/// Writes the index of an architecture's packages in a pool.
fn index(
    root: &Path,
    pool: &str,
    architecture: &str,
    binary: &Path,
    log: &Path,
) -> Result<(), Failure> {
    // With --arch only packages of that name or of `all` are taken, by the end of their names.
    let packages = Program::new("apt-ftparchive")
        .args(["--arch", architecture, "packages", pool])
        .dir(root)
        .output(log)?;
    let mut indexes = BTreeMap::new();
    indexes.insert(
        "Packages.xz",
        Program::new("xz")
            .args(["-6", "--threads=1", "--stdout"])
            .pipe(&packages, log)?,
    );
    indexes.insert("Packages", packages);
    for (name, bytes) in indexes {
        files::write(
            &binary
                .join("by-hash/SHA256")
                .join(Digest::of(&bytes).to_string()),
            &bytes,
        )?;
        files::write(&binary.join(name), &bytes)?;
    }
    Ok(())
}

/// What somebody who finds the directory has to know.
fn readme(key: &SigningKey) -> String {
    format!(
        "An apt repository, as it is: in a directory (URIs: file:/srv/pgml), behind any web server or in an object store\n\
         (URIs: https://...). Copy {KEYRING} to /usr/share/keyrings/, and pgml-CODENAME.sources of\n\
         your distribution to /etc/apt/sources.list.d/ with the address at URIs; then `apt update`.\n\
         It is signed by the key {}.\n",
        key.fingerprint()
    )
}

/// The Release file. apt-ftparchive takes the date from the clock unless it is given one.
fn release(
    suite: &Suite,
    architectures: &str,
    dist: &Path,
    epoch: u64,
    log: &Path,
) -> Result<Vec<u8>, Failure> {
    let date = Program::new("date")
        .args([
            "--utc".into(),
            "--rfc-email".into(),
            format!("--date=@{epoch}"),
        ])
        .output(log)?;
    let date = String::from_utf8_lossy(&date)
        .trim()
        .replace("+0000", "UTC");
    let fields = [
        ("Origin", "pgml"),
        ("Label", "pgml"),
        ("Suite", &suite.codename),
        ("Codename", &suite.codename),
        ("Architectures", architectures),
        ("Components", "main"),
        ("Description", &format!("{DESCRIPTION}{}", suite.title)),
        ("Acquire-By-Hash", "yes"),
        ("Date", &date),
    ];
    let options = fields.iter().flat_map(|(name, value)| {
        [
            "-o".to_owned(),
            format!("APT::FTPArchive::Release::{name}={value}"),
        ]
    });
    Ok(Program::new("apt-ftparchive")
        .args(options)
        .args(["-o", "APT::FTPArchive::DoByHash=false", "release", "."])
        .dir(dist)
        .output(log)?)
}

/// The source entry that a user puts into `/etc/apt/sources.list.d/`, with the place of the repository left to fill in.
fn sources(codename: &str, architectures: &str) -> String {
    let entry = place::entry(
        "https://packages.example.org/pgml",
        codename,
        architectures,
        &format!("/usr/share/keyrings/{KEYRING}"),
    );
    format!("# Put the repository's address at URIs and the keyring where Signed-By says.\n{entry}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Builds an empty package.
    fn deb(dir: &Path, name: &str, architecture: &str) -> PathBuf {
        let tree = dir.join(format!("{name}-{architecture}"));
        let control = format!(
            "Package: {name}\nVersion: 1\nArchitecture: {architecture}\nMaintainer: x <x@example.org>\nDescription: x\n"
        );
        files::write(&tree.join("DEBIAN/control"), control).unwrap();
        let deb = dir.join(format!("{name}_1_{architecture}.deb"));
        Program::new("dpkg-deb")
            .args(["--build".as_ref(), tree.as_os_str(), deb.as_os_str()])
            .run(&dir.join("log"))
            .unwrap();
        deb
    }

    /// Catches an address that apt takes apart, and a repository that nobody tried to read.
    #[test]
    fn it_is_read_back_wherever_it_lies() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let key = SigningKey::local(&dir.path().join("key"), &log).unwrap();
        let write = |name: &str, epoch: u64| {
            let root = dir.path().join(name);
            files::create_dir(&root).unwrap();
            let suite = Suite {
                codename: "x".into(),
                title: "X".into(),
                architectures: vec!["amd64".into()],
                debs: vec![deb(dir.path(), "a", "amd64")],
            };
            write(&root, vec![suite], &Default::default(), &key, epoch, &log)
        };
        write("a b [c] ü%20", 1_000_000_000).unwrap();
        // apt names the index by the address, and no file has a name of so many bytes.
        let deep = ["ü".repeat(100), "a-long-name".repeat(20)].join("/");
        write(&deep, 1_000_000_000).unwrap();
        let readers = write("plain", 1_000_000_000).unwrap();
        assert!(readers.contains("apt"), "{readers}");
        // A byte of the index, and a word of what is signed.
        for file in ["main/binary-amd64/Packages.xz", "InRelease"] {
            let root = dir.path().join(format!("changed {}", file.len()));
            write(&root.display().to_string(), 1_000_000_000).unwrap();
            let changed = root.join("dists/x").join(file);
            let mut bytes = files::read(&changed).unwrap();
            let middle = bytes.len() / 4;
            bytes[middle] ^= 1;
            files::write(&changed, bytes).unwrap();
            files::remove_dir(&root.join("dists/x/main/binary-amd64/by-hash")).unwrap();
            let suite = Suite {
                codename: "x".into(),
                title: "X".into(),
                architectures: vec!["amd64".into()],
                debs: Vec::new(),
            };
            let failure = reading::read_back(&root, &[suite]).unwrap_err();
            assert_eq!(failure.exit, base::exit::Exit::CheckFailed, "{failure:?}");
        }
    }

    /// Catches an index that has another architecture's packages, and a repository that loses the architectures of the one
    /// that it goes on from.
    #[test]
    fn each_architecture_has_an_index_of_its_own_packages() {
        let dir = tempfile::tempdir().unwrap();
        let (dir, log) = (dir.path(), dir.path().join("log"));
        let key = SigningKey::local(&dir.join("key"), &log).unwrap();
        let write_one = |root: &Path, keep: Option<&Path>, architecture: &str| {
            let options = RepositoryOptions {
                keep: keep.map(Path::to_owned),
                ..RepositoryOptions::default()
            };
            files::create_dir(root).unwrap();
            let suite = Suite {
                codename: "x".into(),
                title: "X".into(),
                architectures: vec![architecture.into()],
                debs: vec![deb(dir, "a", architecture), deb(dir, "b", "all")],
            };
            write(root, vec![suite], &options, &key, 1_000_000_000, &log).unwrap();
        };
        let (first, second) = (dir.join("first"), dir.join("second"));
        write_one(&first, None, "amd64");
        write_one(&second, Some(&first), "arm64");
        let read = |name: &str| files::read_text(&second.join("dists/x").join(name)).unwrap();
        let packages = |architecture: &str| -> Vec<String> {
            let index = read(&format!("main/binary-{architecture}/Packages"));
            let lines = index.lines();
            let names = lines.filter_map(|line| line.strip_prefix("Filename: pool/x/"));
            names.map(str::to_owned).collect()
        };
        assert!(read("Release").contains("\nArchitectures: amd64 arm64\n"));
        assert_eq!(packages("amd64"), ["a_1_amd64.deb", "b_1_all.deb"]);
        assert_eq!(packages("arm64"), ["a_1_arm64.deb", "b_1_all.deb"]);
        let sources = files::read_text(&second.join("pgml-x.sources")).unwrap();
        assert!(
            sources.contains("\nArchitectures: amd64 arm64\n"),
            "{sources}"
        );
    }
}
