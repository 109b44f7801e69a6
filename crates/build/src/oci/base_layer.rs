//! The lowest layer of an image: the distribution and Postgres, from the archive that mmdebstrap made of locked packages.
//!
//! One archive becomes two layers, the full one and the slim one without what its filter leaves out. The step changes three
//! things. The server's user gets the id that images have (Debian gives system users the next free one). Devices are left
//! out, because the container engine provides them. Files that differ between two runs are left out. Times stay as
//! mmdebstrap made them, none later than a constant: this layer must not change because a release has another date.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tar::{Archive, EntryType};

use base::exit::Failure;
use base::files::{self, FileError};
use debian::rootfs;

use super::OciError;
use super::filter::Filter;
use super::layer::{Entry, Kind, Layer, LayerWriter};

/// The layers' digests in a job's output.
pub const LAYERS: &str = "layers.json";
/// The directory in a job's output with what dpkg reads of a system: its database, and the accounts. Paths in it are those
/// of an image.
pub const SYSTEM: &str = "system";
/// dpkg's database in an image.
pub const DATABASE: &str = "var/lib/dpkg";
/// The directories in which Debian's packages make a cluster and its configuration when they are configured. A container
/// makes its own: a cluster in the image would have random contents, and all users would share it. [`rootfs`] keeps the
/// packages from making one.
const CLUSTERS: [&str; 2] = ["var/lib/postgresql/", "etc/postgresql/"];
/// The files that ssl-cert makes for the machine on which it is installed: a key, its certificate, and a link to that. They
/// must not be in an image either.
const OF_THE_MACHINE: &str = "ssl-cert-snakeoil";
/// The user that Debian's packages make for the server.
const USER: &str = "postgres";
/// The files with the ids of users and groups.
pub const ACCOUNTS: [&str; 2] = ["etc/passwd", "etc/group"];

/// apt makes this directory, with an owner and mode that depend on the caller. apt corrects them when it needs the
/// directory.
const PARTIAL: &str = "var/lib/apt/lists/partial";

/// Directories of packages that go with their contents when a root file system is made repeatable, with their modes; those
/// of the server's group are marked.
const EMPTIED: [(&str, u32, bool); 5] = [
    (PARTIAL, 0o700, false),
    ("var/cache/apt/archives", 0o755, false),
    ("var/cache/apt/archives/partial", 0o700, false),
    ("var/log/apt", 0o755, false),
    ("var/log/postgresql", 0o1775, true),
];

/// The two layers, as files of a job's output.
#[derive(Debug, Serialize, Deserialize)]
pub struct BaseLayers {
    /// The layer of the full image, which leaves no package file out.
    pub full: Layer,
    /// Without what the slim image leaves out.
    pub slim: Layer,
}

impl BaseLayers {
    /// The file of the full layer in a job's output.
    pub const FULL: &'static str = "full.tar.gz";
    /// The file of the slim layer in a job's output.
    pub const SLIM: &'static str = "slim.tar.gz";
}

/// Two ids that change places: the user that has the first one gets the second, and the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Swap(u64, u64);

impl Swap {
    fn of(self, id: u64) -> u64 {
        match id {
            _ if id == self.0 => self.1,
            _ if id == self.1 => self.0,
            _ => id,
        }
    }
}

/// The ids of the user in `/etc/passwd`.
fn ids(passwd: &str, user: &str) -> Option<(u64, u64)> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [name, _, uid, gid, ..] if name == user => Some((uid.parse().ok()?, gid.parse().ok()?)),
            _ => None,
        }
    })
}

/// `/etc/passwd` or `/etc/group` with the ids changed. The fields after the password are uid and gid in the one, and gid
/// in the other.
fn renumbered(text: &str, swaps: &[Swap]) -> String {
    let line = |line: &str| {
        let mut fields: Vec<String> = line.split(':').map(ToOwned::to_owned).collect();
        for (field, swap) in fields.iter_mut().skip(2).zip(swaps) {
            if let Ok(id) = field.parse() {
                *field = swap.of(id).to_string();
            }
        }
        fields.join(":") + "\n"
    };
    text.lines().map(line).collect()
}

/// Whether an image leaves a path out: devices and directories that the engine provides, and files that differ between two
/// runs.
fn is_left_out(path: &str) -> bool {
    path.starts_with("dev/")
        || path == "var/cache/ldconfig/aux-cache"
        || path == PARTIAL
        || CLUSTERS.iter().any(|dir| path.starts_with(dir))
        || (path.starts_with(DATABASE) && (path.ends_with("-old") || path.contains("/lock")))
        || ["etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-"].contains(&path)
}

/// What the first pass over the archive finds.
struct Contents {
    uid: Swap,
    gid: Swap,
    /// Everything that is not a directory.
    files: Vec<String>,
}

fn open(path: &Path) -> Result<Archive<BufReader<File>>, FileError> {
    let file = File::open(path).map_err(FileError::at("read", path))?;
    Ok(Archive::new(BufReader::with_capacity(1 << 20, file)))
}

/// Calls `act` with each entry that belongs into an image.
fn each(
    path: &Path,
    mut act: impl FnMut(Entry, &mut dyn Read) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut archive = open(path)?;
    let unreadable = |error| Failure::from(FileError::at("read", path)(error));
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let (found, xattr) = described(&mut entry).map_err(unreadable)?;
        let Some(found) = found? else { continue };
        if let Some(xattr) = xattr {
            let what = format!(
                "/{} has the extended attribute {xattr}, which would be lost",
                found.path
            );
            return Err(OciError::Base(what).into());
        }
        act(found, &mut entry)?;
    }
    Ok(())
}

/// An entry in our form, none where it is left out, and the name of an extended attribute that it has.
type Described = (Result<Option<Entry>, OciError>, Option<String>);

fn described(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<Described> {
    let path = entry.path()?.to_string_lossy().into_owned();
    let path = path.trim_start_matches("./").trim_matches('/').to_owned();
    let link = entry
        .link_name()?
        .map(|link| link.to_string_lossy().into_owned());
    let mut xattr = None;
    for extension in entry.pax_extensions()?.into_iter().flatten() {
        let key = String::from_utf8_lossy(extension?.key_bytes()).into_owned();
        if let Some(name) = key.strip_prefix("SCHILY.xattr.") {
            xattr = Some(name.to_owned());
        }
    }
    let header = entry.header();
    let link = link.unwrap_or_default();
    let is_directory = header.entry_type() == EntryType::Directory;
    if !is_directory && CLUSTERS.iter().any(|dir| path.starts_with(dir)) {
        let what = format!("/{path} is of a Postgres cluster, which no image may bring along");
        return Ok((Err(OciError::Base(what)), None));
    }
    if !is_directory
        && (path.contains(OF_THE_MACHINE) || link.contains(OF_THE_MACHINE))
        && path.starts_with("etc/")
    {
        let what = format!(
            "/{path} is of a certificate of the machine that builds, which no image may bring along"
        );
        return Ok((Err(OciError::Base(what)), None));
    }
    let kind = match header.entry_type() {
        _ if path.is_empty() || path == "." || is_left_out(&path) => return Ok((Ok(None), None)),
        EntryType::Directory => Kind::Directory,
        EntryType::Regular | EntryType::Continuous => Kind::File(entry.size()),
        EntryType::Symlink => Kind::Symlink(link),
        EntryType::Link => {
            Kind::Hardlink(link.trim_start_matches("./").trim_matches('/').to_owned())
        }
        other => {
            let what = format!("/{path} is a file of the kind {other:?}");
            return Ok((Err(OciError::Base(what)), None));
        }
    };
    let found = Entry {
        mode: header.mode()?,
        uid: header.uid()?,
        gid: header.gid()?,
        mtime: header.mtime()?,
        path,
        kind,
    };
    Ok((Ok(Some(found)), xattr))
}

/// Reads the facts that are needed before the first entry is written, and copies the files that dpkg reads into `system`.
fn survey(archive: &Path, id: u64, system: &Path) -> Result<Contents, Failure> {
    let mut found = Vec::new();
    let mut passwd = String::new();
    each(archive, |entry, contents| {
        let is_account = ACCOUNTS.contains(&entry.path.as_str());
        match entry.kind {
            Kind::File(_) if is_account || entry.path.starts_with(DATABASE) => {
                let mut bytes = Vec::new();
                contents
                    .read_to_end(&mut bytes)
                    .map_err(FileError::at("read", archive))?;
                if entry.path == ACCOUNTS[0] {
                    passwd = String::from_utf8_lossy(&bytes).into_owned();
                }
                files::write(&system.join(&entry.path), bytes)?;
            }
            Kind::Directory if entry.path.starts_with(DATABASE) => {
                files::create_dir(&system.join(&entry.path))?;
            }
            _ => {}
        }
        if entry.kind != Kind::Directory {
            found.push(entry.path);
        }
        Ok(())
    })?;
    let (uid, gid) = ids(&passwd, USER)
        .ok_or_else(|| OciError::Base(format!("it has no user `{USER}`; is Postgres in it?")))?;
    Ok(Contents {
        uid: Swap(uid, id),
        gid: Swap(gid, id),
        files: found,
    })
}

/// Writes one layer of the archive.
fn write_layer(
    archive: &Path,
    contents: &Contents,
    filter: &Filter,
    to: &Path,
) -> Result<Layer, Failure> {
    // A directory stays in the layer when anything below it does.
    let kept: BTreeSet<PathBuf> = contents
        .files
        .iter()
        .filter(|path| filter.includes(path))
        .flat_map(|path| Path::new(path).ancestors().skip(1).map(Path::to_owned))
        .collect();
    let mut layer = LayerWriter::create(to)?;
    each(archive, |mut entry, bytes| {
        let takes = match &entry.kind {
            Kind::Directory => {
                filter.includes(&entry.path) || kept.contains(Path::new(&entry.path))
            }
            _ => filter.includes(&entry.path),
        };
        if !takes {
            return Ok(());
        }
        if let Kind::Hardlink(target) = &entry.kind
            && !filter.includes(target)
        {
            let what = format!(
                "/{} is a link to /{target}, which the slim image leaves out",
                entry.path
            );
            return Err(OciError::Base(what).into());
        }
        entry.uid = contents.uid.of(entry.uid);
        entry.gid = contents.gid.of(entry.gid);
        if ACCOUNTS.contains(&entry.path.as_str()) {
            let mut text = String::new();
            bytes
                .read_to_string(&mut text)
                .map_err(FileError::at("read", archive))?;
            let text = match entry.path == ACCOUNTS[0] {
                true => renumbered(&text, &[contents.uid, contents.gid]),
                false => renumbered(&text, &[contents.gid]),
            };
            entry.kind = Kind::File(text.len() as u64);
            layer.add(&entry, text.as_bytes())?;
            return Ok(());
        }
        Ok(layer.add(&entry, bytes)?)
    })?;
    for (path, mode, of_server) in EMPTIED {
        let mut directory = Entry::of_root(path, Kind::Directory, mode, rootfs::EPOCH);
        if of_server {
            directory.gid = contents.gid.1;
        }
        layer.add(&directory, io::empty())?;
    }
    Ok(layer.finish()?)
}

/// Makes both layers of an archive in `out`, and puts the files that dpkg reads beside them. `id` is the server's uid and
/// gid.
pub fn make(archive: &Path, id: u64, slim: &Filter, out: &Path) -> Result<BaseLayers, Failure> {
    let contents = survey(archive, id, &out.join(SYSTEM))?;
    let contents = &contents;
    let everything = Filter::default();
    // Each on one thread, so that the bytes don't depend on how many there are; both at a time.
    let (full, slim) = std::thread::scope(|scope| {
        let write = |filter, name| write_layer(archive, contents, filter, &out.join(name));
        let other = scope.spawn(move || write(slim, BaseLayers::SLIM));
        let full = write(&everything, BaseLayers::FULL);
        let slim = other.join();
        (full, slim)
    });
    let slim = slim.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let layers = BaseLayers {
        full: full?,
        slim: slim?,
    };
    let json = base::json::pretty(&layers);
    files::write(&out.join(LAYERS), json)?;
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_user_changes_places_with_whoever_has_its_id() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:PostgreSQL:/var/lib/postgresql:/bin/bash\nother:x:999:998::/:/bin/sh\n";
        let (uid, gid) = ids(passwd, "postgres").unwrap();
        assert_eq!((uid, gid), (101, 104));
        let new = renumbered(passwd, &[Swap(uid, 999), Swap(gid, 999)]);
        assert!(new.contains("postgres:x:999:999:"), "{new}");
        assert!(new.contains("other:x:101:998:"), "{new}");
        let group = renumbered(
            "postgres:x:104:\nssl-cert:x:103:postgres\n",
            &[Swap(gid, 999)],
        );
        assert_eq!(group, "postgres:x:999:\nssl-cert:x:103:postgres\n");
        assert_eq!(ids("root:x:0:0::/:/bin/sh", "postgres"), None);
    }

    fn archive(dir: &Path, add: impl Fn(&mut tar::Builder<File>)) -> PathBuf {
        let path = dir.join("rootfs.tar");
        let mut tar = tar::Builder::new(File::create(&path).unwrap());
        add(&mut tar);
        tar.into_inner().unwrap();
        path
    }

    fn put(tar: &mut tar::Builder<File>, path: &str, kind: EntryType, uid: u64, bytes: &str) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_uid(uid);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_size(bytes.len() as u64);
        if kind == EntryType::Link {
            tar.append_link(&mut header, path, "./usr/share/doc/x/a")
                .unwrap();
        } else {
            tar.append_data(&mut header, path, bytes.as_bytes())
                .unwrap();
        }
    }

    fn paths(layer: &Path) -> Vec<(String, u64)> {
        let mut archive = Archive::new(flate2::read::MultiGzDecoder::new(
            File::open(layer).unwrap(),
        ));
        let entries = archive.entries().unwrap().map(|entry| entry.unwrap());
        entries
            .map(|entry| {
                let path = entry.path().unwrap().to_string_lossy().into_owned();
                (path, entry.header().uid().unwrap())
            })
            .collect()
    }

    const PASSWD: &str = "postgres:x:101:101::/:/bin/sh\n";

    #[test]
    fn an_archive_becomes_two_layers() {
        let dir = tempfile::tempdir().unwrap();
        let from = archive(dir.path(), |tar| {
            for (path, kind, bytes) in [
                ("./", EntryType::Directory, ""),
                ("./dev/null", EntryType::Char, ""),
                ("./etc/passwd", EntryType::Regular, PASSWD),
                ("./usr/share/doc/", EntryType::Directory, ""),
                ("./usr/share/doc/x/", EntryType::Directory, ""),
                ("./usr/share/doc/x/a", EntryType::Regular, "a"),
                ("./usr/share/doc/y/", EntryType::Directory, ""),
                ("./usr/share/doc/y/copyright", EntryType::Regular, "c"),
                ("./var/lib/postgresql/", EntryType::Directory, ""),
                ("./var/lib/postgresql/15/", EntryType::Directory, ""),
                ("./var/lib/dpkg/status", EntryType::Regular, "s"),
                ("./var/lib/dpkg/status-old", EntryType::Regular, "o"),
            ] {
                put(tar, path, kind, 101, bytes);
            }
        });
        let slim = Filter::slim(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
        let out = dir.path().join("out");
        files::create_dir(&out).unwrap();
        make(&from, 999, &slim, &out).unwrap();
        let full = paths(&out.join(BaseLayers::FULL));
        assert!(full.contains(&("etc/passwd".into(), 999)));
        let full: Vec<&str> = full.iter().map(|(path, _)| path.as_str()).collect();
        assert!(full.contains(&"usr/share/doc/x/a") && full.contains(&"var/lib/dpkg/status"));
        assert!(full.contains(&"var/lib/postgresql/") && !full.contains(&"var/lib/postgresql/15/"));
        assert!(!full.contains(&"dev/null") && !full.contains(&"var/lib/dpkg/status-old"));
        let slim = paths(&out.join(BaseLayers::SLIM));
        let slim: Vec<&str> = slim.iter().map(|(path, _)| path.as_str()).collect();
        assert!(slim.contains(&"usr/share/doc/y/") && slim.contains(&"usr/share/doc/y/copyright"));
        assert!(!slim.contains(&"usr/share/doc/x/") && !slim.contains(&"usr/share/doc/x/a"));
        assert_eq!(
            files::read_text(&out.join("system/var/lib/dpkg/status")).unwrap(),
            "s"
        );
    }

    #[test]
    fn what_a_layer_would_lose_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let slim = Filter::slim(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
        let refused = |add: &dyn Fn(&mut tar::Builder<File>)| {
            let from = archive(dir.path(), |tar| {
                put(tar, "./etc/passwd", EntryType::Regular, 0, PASSWD);
                add(tar);
            });
            let failure = make(&from, 999, &slim, dir.path()).unwrap_err();
            failure.report.unwrap().to_string()
        };
        assert!(refused(&|tar| put(tar, "run/x", EntryType::Fifo, 0, "")).contains("/run/x"));
        let cluster = "var/lib/postgresql/15/main/PG_VERSION";
        assert!(refused(&|tar| put(tar, cluster, EntryType::Regular, 0, "15")).contains(cluster));
        let certificate = "etc/ssl/certs/ssl-cert-snakeoil.pem";
        let made = refused(&|tar| put(tar, certificate, EntryType::Regular, 0, "c"));
        assert!(made.contains(certificate), "{made}");
        let named_by_the_host = refused(&|tar| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            tar.append_link(
                &mut header,
                "etc/ssl/certs/62742064.0",
                "ssl-cert-snakeoil.pem",
            )
            .unwrap();
        });
        assert!(
            named_by_the_host.contains("62742064"),
            "{named_by_the_host}"
        );
        // A link that stays while what it names goes would dangle.
        let link = refused(&|tar| {
            put(tar, "usr/share/doc/x/a", EntryType::Regular, 0, "a");
            put(tar, "usr/bin/a", EntryType::Link, 0, "");
        });
        assert!(link.contains("/usr/bin/a"), "{link}");
        let attribute = refused(&|tar| {
            tar.append_pax_extensions([("SCHILY.xattr.security.capability", &b"x"[..])])
                .unwrap();
            put(tar, "usr/bin/ping", EntryType::Regular, 0, "p");
        });
        assert!(attribute.contains("security.capability"), "{attribute}");
        let from = archive(dir.path(), |_| {});
        let failure = make(&from, 999, &slim, dir.path()).unwrap_err();
        assert!(failure.report.unwrap().to_string().contains("no user"));
    }
}
