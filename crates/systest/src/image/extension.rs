//! The image with the extension's files alone. Its contents are checked without an engine, and a server of PostgreSQL 18 has
//! to find the files where they are mounted.

use std::collections::BTreeMap;
use std::io::Read as _;

use base::digest::Digest;
use base::exit::Failure;
use base::files::FileError;
use build::oci::Flavour;

use super::archive::{blob, manifest};
use super::container::Containers;
use super::{ImageTest, ensure_says};
use crate::cases::{Cases, ensure};

impl ImageTest<'_> {
    pub(super) fn extension_image(&self, cases: &mut Cases<'_>) {
        cases.run(
            "the extension's own image has the package's files where Postgres looks",
            || {
                let archive = self.archive(Flavour::Extension);
                let (_, manifest) = manifest(&archive)?;
                let layers = manifest["layers"].as_array().map_or(0, Vec::len);
                ensure(layers == 1, || format!("it has {layers} layers"))?;
                let layer = blob(&archive, &manifest["layers"][0])?;
                let files = self.contents(&layer)?;
                let library = files.get("lib/pgml.so");
                let packaged = self.packaged_library()?;
                ensure(library == Some(&packaged), || {
                    format!("{library:?} instead of {packaged}")
                })?;
                let names: Vec<&str> = files.keys().map(String::as_str).collect();
                let release = format!("share/extension/pgml--{}.sql", env!("CARGO_PKG_VERSION"));
                let wanted = [
                    "share/extension/pgml.control",
                    &release,
                    "licenses/pgml/copyright",
                ];
                ensure_says(&names.join(" "), &wanted)
            },
        );
    }

    /// A server without our packages, with the image's files at the place where CloudNativePG mounts them.
    pub(super) fn extension_volume(
        &self,
        containers: &Containers<'_>,
        base: &str,
    ) -> Result<(), Failure> {
        let archive = self.archive(Flavour::Extension);
        let (_, manifest) = manifest(&archive)?;
        let layer = blob(&archive, &manifest["layers"][0])?;
        let files = self.scratch.join("extension");
        tar::Archive::new(flate2::read::GzDecoder::new(&layer[..]))
            .unpack(&files)
            .map_err(FileError::at("unpack into", &files))?;
        let uid = self.config.uid.to_string();
        let script = format!(
            "set -eu; bin=/usr/lib/postgresql/{}/bin; sql() {{ \"$bin/psql\" -h /tmp -U postgres -Atc \"$1\"; }}
            \"$bin/initdb\" --pgdata=/tmp/data --username=postgres >/tmp/log
            {{ echo listen_addresses=\\'\\'; echo unix_socket_directories=\\'/tmp\\'
              echo extension_control_path=\\''$system:/mnt/pgml/share'\\'
              echo dynamic_library_path=\\''$libdir:/mnt/pgml/lib'\\'; }} >>/tmp/data/postgresql.conf
            \"$bin/pg_ctl\" --pgdata=/tmp/data --wait --log=/tmp/log start >/tmp/started
            sql 'CREATE EXTENSION pgml' >&2
            sql 'SELECT pgml.dot_product(ARRAY[1.0,2.0], ARRAY[3.0,4.0])'
            \"$bin/pg_ctl\" --pgdata=/tmp/data --wait stop >/tmp/stopped",
            self.target.major
        );
        let server = containers.create(&["--user", &uid, base, "sh", "-c", &script])?;
        server.copy(&files, "/mnt/pgml")?;
        server.start()?;
        let ended = server.wait_for_end()?;
        ensure(
            ended.code == 0 && ended.output.lines().any(|line| line == "11"),
            || format!("it ends with {}: {}", ended.code, ended.output),
        )
    }

    fn contents(&self, layer: &[u8]) -> Result<BTreeMap<String, Digest>, Failure> {
        let unreadable = || FileError::at("read the layer of", self.archive(Flavour::Extension));
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(layer));
        let mut found = BTreeMap::new();
        for entry in archive.entries().map_err(unreadable())? {
            let mut entry = entry.map_err(unreadable())?;
            let path = entry
                .path()
                .map_err(unreadable())?
                .to_string_lossy()
                .into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(unreadable())?;
            found.insert(path, Digest::of(bytes));
        }
        Ok(found)
    }
}
