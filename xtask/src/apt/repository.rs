//! Writes the repository's tree: `pool/` with the packages, `dists/<codename>/` with the signed indexes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::apt::kept::{DESCRIPTION, Kept};
use crate::apt::signing::SigningKey;
use crate::digest::Digest;
use crate::exit::Failure;
use crate::files;
use crate::process::Program;

/// The name of the public keyring in the repository's root.
pub const KEYRING: &str = "pgml-archive-keyring.gpg";

/// One suite: the packages of one distribution.
pub struct Suite {
    /// `bookworm`.
    pub codename: String,
    /// `Debian 12`, for the description.
    pub title: String,
    /// The architectures of the packages, Debian's names.
    pub architectures: Vec<String>,
    /// The packages.
    pub debs: Vec<PathBuf>,
}

/// Writes a repository of these suites below `root`, which is empty, with what an earlier one, `kept`, has besides. `epoch`
/// dates it.
///
/// Every file is reachable by its hash too (`by-hash`), so that a reader that fetched the index before a change can
/// still get what that index names.
pub fn write(
    root: &Path,
    mut suites: Vec<Suite>,
    kept: Option<&Path>,
    key: &SigningKey,
    epoch: u64,
    log: &Path,
) -> Result<(), Failure> {
    for suite in &suites {
        let pool = root.join("pool").join(&suite.codename);
        for deb in &suite.debs {
            if let Some(name) = deb.file_name() {
                files::link_or_copy_into(deb, &pool.join(name))?;
            }
        }
    }
    if let Some(kept) = kept {
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
    key.export(&root.join(KEYRING), log)
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
    format!(
        "# Put the repository's address at URIs and the keyring where Signed-By says.\n\
         Types: deb\nURIs: https://packages.example.org/pgml\nSuites: {codename}\nComponents: main\n\
         Architectures: {architectures}\nSigned-By: /usr/share/keyrings/{KEYRING}\n"
    )
}
