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

/// A server with the volumes: trains with Python and in Rust, predicts, and takes over a database of the first edition.
const IN_VOLUMES: &str = r#"set -eu
bin=/usr/lib/postgresql/$MAJOR/bin
sql() { "$bin/psql" -X -q -v ON_ERROR_STOP=1 -h /tmp -U postgres -At "$@"; }
"$bin/initdb" --pgdata=/tmp/data --username=postgres >/tmp/log
{ echo "listen_addresses=''"; echo "unix_socket_directories='/tmp'"
  echo "extension_control_path='\$system:/extensions/pgml/share'"
  echo "dynamic_library_path='\$libdir:/extensions/pgml/lib'"; } >>/tmp/data/postgresql.conf
"$bin/pg_ctl" --pgdata=/tmp/data --wait --log=/tmp/log start >/tmp/started
sql -c 'CREATE EXTENSION pgml'
echo "dot $(sql -c 'SELECT pgml.dot_product(ARRAY[1.0,2.0], ARRAY[3.0,4.0])')"
sql -c "SELECT pgml.load_dataset('iris')" >/dev/null
predict="SELECT pgml.predict('flowers', ARRAY[5.1, 3.5, 1.4, 0.2])"
sql -c "SELECT * FROM pgml.train('flowers', 'classification', 'pgml.iris', 'target', 'svm')" >/dev/null
echo "python model $(sql -c "$predict")"
sql -c "SELECT * FROM pgml.train('flowers', 'classification', 'pgml.iris', 'target', 'linear', runtime => 'rust')" >/dev/null
echo "rust model $(sql -c "$predict")"
"$bin/createdb" -h /tmp -U postgres old
sql -d old -c "CREATE EXTENSION pgml VERSION '1.0'"
sql -d old -c "SELECT pgml.load_dataset('wine')" >/dev/null
sql -d old -c "SELECT * FROM pgml.train('cells', 'classification', 'pgml.wine', 'target')" >/dev/null
sql -d old -c 'ALTER EXTENSION pgml UPDATE'
echo "old model $(sql -d old -c 'SELECT count(*) FROM pgml.deployed_models')"
echo "updated $(sql -d old -c "SELECT extversion FROM pg_extension WHERE extname = 'pgml'")"
"$bin/pg_ctl" --pgdata=/tmp/data --wait stop >/tmp/stopped
"#;

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

    /// A server without our packages and without Python, with both images where CloudNativePG mounts them.
    pub(super) fn extension_volume(
        &self,
        containers: &Containers<'_>,
        base: &str,
    ) -> Result<(), Failure> {
        let script = format!(
            "rm -rf /usr/lib/*/libpython3* /usr/lib/python3*\n\
             export MAJOR={} LD_LIBRARY_PATH=/extensions/pgml-python/lib\n\
             exec setpriv --reuid=postgres --regid=postgres --init-groups sh -c \"$1\"",
            self.target.major
        );
        let server =
            containers.create(&["--user", "0", base, "sh", "-c", &script, "sh", IN_VOLUMES])?;
        for (flavour, place) in [
            (Flavour::Extension, "pgml"),
            (Flavour::Python, "pgml-python"),
        ] {
            let archive = self.archive(flavour);
            let (_, manifest) = manifest(&archive)?;
            let layer = blob(&archive, &manifest["layers"][0])?;
            let files = self.scratch.join("extensions").join(place);
            tar::Archive::new(flate2::read::MultiGzDecoder::new(&layer[..]))
                .unpack(&files)
                .map_err(FileError::at("unpack into", &files))?;
        }
        server.copy(&self.scratch.join("extensions"), "/extensions")?;
        server.start()?;
        let ended = server.wait_for_end()?;
        let wanted = [
            "dot 11",
            "python model 0",
            "rust model 0",
            "old model 1",
            "updated 3.0.0",
        ];
        ensure(ended.code == 0, || {
            format!("it ends with {}: {}", ended.code, ended.output)
        })?;
        ensure_says(&ended.output, &wanted)
    }

    fn contents(&self, layer: &[u8]) -> Result<BTreeMap<String, Digest>, Failure> {
        let unreadable = || FileError::at("read the layer of", self.archive(Flavour::Extension));
        let mut archive = tar::Archive::new(flate2::read::MultiGzDecoder::new(layer));
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
