//! Checks of the image archives: their contents, and how other programs read them.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tar::Archive;

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use base::process::Program;
use build::oci::Flavour;
use build::package::packages;

use super::{ImageTest, ensure_says};
use crate::cases::{Cases, ensure};

/// A file of an archive, by its name there.
pub(super) fn member(archive: &Path, name: &str) -> Result<Vec<u8>, Failure> {
    let unreadable = || FileError::at("read", archive);
    let file = File::open(archive).map_err(unreadable())?;
    for entry in Archive::new(file).entries().map_err(unreadable())? {
        let mut entry = entry.map_err(unreadable())?;
        if entry.path().map_err(unreadable())? == Path::new(name) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(unreadable())?;
            return Ok(bytes);
        }
    }
    ensure(false, || format!("{} has no {name}", archive.display()))?;
    Ok(Vec::new())
}

/// A blob that a descriptor names.
pub(super) fn blob(archive: &Path, descriptor: &Value) -> Result<Vec<u8>, Failure> {
    let digest = descriptor["digest"].as_str().unwrap_or_default();
    member(archive, &format!("blobs/{}", digest.replace(':', "/")))
}

fn json(bytes: &[u8]) -> Result<Value, Failure> {
    let value = serde_json::from_slice(bytes);
    ensure(value.is_ok(), || {
        "a document of the archive is not JSON".into()
    })?;
    Ok(value.unwrap_or_default())
}

/// The digest and the manifest of an archive's image.
pub(super) fn manifest(archive: &Path) -> Result<(String, Value), Failure> {
    let index = json(&member(archive, "index.json")?)?;
    let entry = &index["manifests"][0];
    let digest = entry["digest"].as_str().unwrap_or_default().to_owned();
    Ok((digest, json(&blob(archive, entry)?)?))
}

impl ImageTest<'_> {
    pub(super) fn archives(&self, cases: &mut Cases<'_>) {
        let largest = self.config.largest(&self.target.distribution.id);
        let largest = largest.map(|it| [(Flavour::Full, it.full), (Flavour::Slim, it.slim)]);
        for (flavour, limit) in largest.into_iter().flatten() {
            let name = format!("the {} image has at most {limit} MB", flavour.name());
            cases.run(&name, || {
                let (_, manifest) = manifest(&self.archive(flavour))?;
                let layers = manifest["layers"].as_array().into_iter().flatten();
                let size: u64 = layers.filter_map(|layer| layer["size"].as_u64()).sum();
                ensure(size > 0 && size <= limit * 1_000_000, || {
                    format!("its layers have {size} bytes")
                })
            });
        }
        let names = [
            (
                "skopeo",
                "skopeo reads both archives and names the same digests",
            ),
            (
                "umoci",
                "umoci unpacks the slim image, with the package's own library in it",
            ),
            (
                "podman",
                "podman runs the slim image, with the same library in it",
            ),
        ];
        let tests: [&dyn Fn() -> Result<(), Failure>; 3] =
            [&|| self.skopeo(), &|| self.umoci(), &|| self.podman()];
        for ((tool, name), test) in names.into_iter().zip(tests) {
            match (self.tools)(tool) {
                Err(why) => cases.not_run(name, why),
                // Not every machine lets podman run containers: a sandbox may forbid what it needs.
                Ok(()) if tool == "podman" => match self.podman_cannot() {
                    Some(why) => cases.not_run(name, why),
                    None => drop(cases.run(name, test)),
                },
                Ok(()) => drop(cases.run(name, test)),
            }
        }
    }

    fn skopeo(&self) -> Result<(), Failure> {
        for flavour in [Flavour::Full, Flavour::Slim] {
            let archive = self.archive(flavour);
            let [tag, _] = flavour.tags(self.target);
            let (digest, _) = manifest(&archive)?;
            let output = Program::new("skopeo")
                .inherit_env("HOME")
                .arg("inspect")
                .arg(format!("oci-archive:{}:{tag}", archive.display()))
                .output(self.log)?;
            let found = json(&output)?;
            ensure(found["Digest"] == digest.as_str(), || {
                format!("{found} instead of {digest}")
            })?;
            ensure_says(
                &found["Labels"].to_string(),
                &["org.opencontainers.image.version"],
            )?;
        }
        Ok(())
    }

    /// The slim image as a directory, which is what umoci reads.
    fn layout(&self) -> Result<PathBuf, Failure> {
        let dir = self.scratch.join("layout");
        files::create_dir(&dir)?;
        Program::new("tar")
            .args([
                "--extract".as_ref(),
                "--file".as_ref(),
                self.archive(Flavour::Slim).as_os_str(),
            ])
            .args(["--directory".as_ref(), dir.as_os_str()])
            .run(self.log)?;
        Ok(dir)
    }

    fn library(&self) -> String {
        format!("usr/lib/postgresql/{}/lib/pgml.so", self.target.major)
    }

    /// The digest of the library in the package.
    pub(super) fn packaged_library(&self) -> Result<Digest, Failure> {
        let dir = self.release.join(self.target.to_string());
        let prefix = format!("{}_", packages::extension_name(self.target.major));
        let debs = files::files_below(&dir)?;
        let deb = debs
            .iter()
            .find(|deb| deb.to_string_lossy().starts_with(&prefix));
        let path = self.library();
        let package = debian::deb::reader::read_path(
            &dir.join(deb.cloned().unwrap_or_default()),
            &debian::deb::reader::Limits::default(),
            |file, _| file == path,
        )?;
        let contents = package.files.into_iter().find_map(|file| file.contents);
        Ok(Digest::of(contents.unwrap_or_default()))
    }

    fn umoci(&self) -> Result<(), Failure> {
        let layout = self.layout()?;
        let bundle = self.scratch.join("bundle");
        let [tag, _] = Flavour::Slim.tags(self.target);
        let mut program = Program::new("umoci").inherit_env("HOME").arg("unpack");
        if !rustix::process::geteuid().is_root() {
            program = program.arg("--rootless");
        }
        program
            .arg("--image")
            .arg(format!("{}:{tag}", layout.display()))
            .arg(&bundle)
            .run(self.log)?;
        let library = bundle.join("rootfs").join(self.library());
        let (found, _) = Digest::of_file(&library).map_err(FileError::at("read", &library))?;
        let packaged = self.packaged_library()?;
        ensure(found == packaged, || {
            format!("{found} instead of {packaged}")
        })
    }

    /// podman with a storage of its own, on runc: crun does not start on some machines' control groups.
    fn podman_program(&self) -> Program {
        let storage = self.scratch.join("podman");
        Program::new("timeout")
            .inherit_env("HOME")
            .args([
                "--kill-after=5",
                "120",
                "podman",
                "--runtime=runc",
                "--storage-driver=vfs",
            ])
            .args(["--cgroup-manager=cgroupfs", "--root"])
            .arg(storage.join("root"))
            .arg("--runroot")
            .arg(storage.join("run"))
    }

    /// `podman run`. Its own limits, and `--ulimit=host` too, are higher than those of a process that may not raise them.
    fn podman_run(&self) -> Program {
        self.podman_program()
            .args(["run", "--rm", "--network=none"])
            .args(["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"])
    }

    /// The reason why podman can't run any container here, tried with an image of a plain root file system.
    fn podman_cannot(&self) -> Option<String> {
        let empty = self.scratch.join("empty.tar");
        let tried = Program::new("tar")
            .args(["--create", "--file"])
            .arg(&empty)
            .args([
                "--directory=/",
                "--dereference",
                "bin/true",
                "lib64",
                "lib/x86_64-linux-gnu/libc.so.6",
            ])
            .run(self.log)
            .and_then(|()| {
                self.podman_program()
                    .arg("import")
                    .arg(&empty)
                    .arg("pgml-test-empty")
                    .run(self.log)
            })
            .and_then(|()| {
                let run = self.podman_run();
                run.args(["pgml-test-empty", "/bin/true"]).run(self.log)
            });
        let error = tried.err()?;
        Some(format!("podman can't run a container here: {error}"))
    }

    fn podman(&self) -> Result<(), Failure> {
        let archive = self.archive(Flavour::Slim);
        self.podman_program()
            .args(["load", "--quiet", "--input"])
            .arg(&archive)
            .run(self.log)?;
        let image = format!("localhost/{}", self.name(Flavour::Slim));
        let output = self
            .podman_run()
            .args(["--entrypoint=sha256sum", &image])
            .arg(format!("/{}", self.library()))
            .output(self.log);
        // Its files are root's and in a place of their own; the image goes with the scratch directory.
        let output = String::from_utf8_lossy(&output?).into_owned();
        ensure_says(&output, &[&self.packaged_library()?.to_string()])
    }
}
