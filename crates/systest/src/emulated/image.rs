//! An image of another architecture, as an engine would run it: its layers, its environment, its user and its entry point.

use std::path::{Path, PathBuf};

use serde_json::Value;

use base::exit::Failure;
use base::files;
use base::process::Program;
use build::oci::Flavour;
use build::oci::config::ImageConfig;

use super::Suite;
use crate::cases::{Cases, ensure, unexpected};
use crate::system::System;

/// Starts the entry point with the image's environment (`$1`, a line for each variable) and waits for the server; the
/// password is asked for, and none is needed inside.
const START: &str = r#"
while read -r variable; do export "$variable"; done <<ENVIRONMENT
$1
ENVIRONMENT
export POSTGRES_PASSWORD=secret
docker-entrypoint.sh postgres </dev/null >/tmp/server.log 2>&1 &
tries=0
until pgml-healthcheck >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ]; then tail -n 20 /tmp/server.log >&2; exit 1; fi
    sleep 1
done
psql -XAtq -v ON_ERROR_STOP=1 -c "$2"
"#;

/// Trains in Rust, which both flavours can, and predicts; both are functions of one row.
const ASK: &str =
    "CREATE TABLE t AS SELECT n::float8 AS x, 2.0 * n AS y FROM generate_series(1, 100) AS n;
SELECT FROM pgml.train('line', 'regression', 't', 'y', runtime => 'rust');
SELECT round(pgml.predict('line', ARRAY[21]::float8[])::numeric, 6), version() ~ ";

impl Suite<'_> {
    /// Runs a case for each flavour with a server.
    pub(super) fn images(&self, cases: &mut Cases<'_>) -> Result<(), Failure> {
        let name = ImageConfig::load(&self.pipeline.workspace.root)?.name;
        for flavour in [Flavour::Full, Flavour::Slim] {
            let file = flavour.file_name(&name, self.target);
            let case = format!("the image {file} makes a cluster, trains and predicts");
            let archive = self.out.join("images").join(&file);
            match archive.exists() {
                true => {
                    cases.run(&case, || self.answers(&archive));
                }
                false => cases.not_run(&case, format!("there is no {}", archive.display())),
            }
        }
        Ok(())
    }

    fn answers(&self, archive: &Path) -> Result<(), Failure> {
        let target = self.target;
        let cache = &self.pipeline.workspace.cache;
        let scratch = cache.join(format!("systest/image-{target}"));
        files::remove_dir(&scratch)?;
        let layout = scratch.join("layout");
        unpack(archive, &layout, self.log)?;
        let (config, layers) = read(&layout)?;
        let architecture = &target.distribution.architecture;
        ensure(config["architecture"] == architecture.name.as_str(), || {
            format!("its configuration says {}", config["architecture"])
        })?;
        let tree = scratch.join("tree");
        for layer in &layers {
            unpack(layer, &tree, self.log)?;
        }
        let whole = scratch.join("whole.tar");
        Program::new("tar")
            .args(["--create".as_ref(), "--file".as_ref(), whole.as_os_str()])
            .args(["--directory".as_ref(), tree.as_os_str(), ".".as_ref()])
            .run(self.log)?;
        let at = scratch.join("system");
        let system = System::start_by(self.emulation, &whole, &at, &[], self.log)?;
        // What an engine mounts or makes: the place of sockets is in memory there, too.
        let sockets = "mkdir -p /run/postgresql; chown postgres:postgres /run/postgresql";
        system.script("root", sockets)?;
        let variables = config["config"]["Env"].as_array().into_iter().flatten();
        let variables: Vec<&str> = variables.filter_map(Value::as_str).collect();
        let ask = format!("{ASK}'{}'", architecture.machine);
        let start = [
            "/bin/bash",
            "-euc",
            START,
            "sh",
            &variables.join("\n"),
            &ask,
        ];
        let said = system.run("postgres", &start)?;
        ensure(said.trim() == "42.000000|t", || format!("it says {said}"))?;
        drop(system);
        Ok(files::remove_dir(&scratch)?)
    }
}

/// Unpacks an archive, compressed or not, into a directory, with its owners.
fn unpack(archive: &Path, to: &Path, log: &Path) -> Result<(), Failure> {
    files::create_dir(to)?;
    Program::new("tar")
        .args(["--extract", "--numeric-owner", "--same-permissions"])
        .args(["--file".as_ref(), archive.as_os_str()])
        .args(["--directory".as_ref(), to.as_os_str()])
        .run(log)?;
    Ok(())
}

/// The configuration of the image in a layout, and the files of its layers, the lowest first.
fn read(layout: &Path) -> Result<(Value, Vec<PathBuf>), Failure> {
    let blob = |digest: &Value| {
        let digest = digest
            .as_str()
            .and_then(|text| text.strip_prefix("sha256:"));
        let missing = || unexpected("a descriptor in the layout has no digest".into());
        Ok::<_, Failure>(
            layout
                .join("blobs/sha256")
                .join(digest.ok_or_else(missing)?),
        )
    };
    let json = |path: &Path| -> Result<Value, Failure> {
        let value = serde_json::from_slice(&files::read(path)?);
        value.map_err(|error| unexpected(format!("{}: {error}", path.display())))
    };
    let index = json(&layout.join("index.json"))?;
    let manifest = json(&blob(&index["manifests"][0]["digest"])?)?;
    let config = json(&blob(&manifest["config"]["digest"])?)?;
    let layers = manifest["layers"].as_array().into_iter().flatten();
    let layers = layers.map(|layer| blob(&layer["digest"]));
    Ok((config, layers.collect::<Result<_, _>>()?))
}
