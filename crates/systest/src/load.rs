//! Loads stamped libraries into servers where apt can't install their packages: the distribution lacks the major, or its
//! archive is not enabled. The server comes from a wheel or from another distribution. The Python has the soname that was
//! stamped.
//!
//! One system per distribution; each library in a cluster of its own.

use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files;
use base::progress::Listener;
use debian::apt::mirror::signed_mirror;
use debian::apt::repository::KEYRING;
use debian::apt::signing::SigningKey;

use crate::cases::{Case, Cases, ensure};
use crate::system::System;

/// A library and the server that it is loaded into.
pub struct Load {
    /// The name of the target: `debian12-pg14`.
    pub target: String,
    /// The major version of the PostgreSQL server.
    pub major: u16,
    /// The package with the library.
    pub package: PathBuf,
    /// The wheel with the server; the distribution's own where there is none.
    pub server: Option<WheelServer>,
}

/// A server in an unpacked wheel, whose programs find their libraries by their place in it.
pub struct WheelServer {
    /// The directory with the contents of the wheel.
    pub wheel: PathBuf,
    /// The directory in it that has `bin`, `lib` and `share`.
    pub root: String,
}

/// What load tests in one distribution are given.
pub struct LoadTest<'a> {
    /// The distribution's title, for people.
    pub title: &'a str,
    /// The code name of the distribution, for apt's sources.
    pub codename: &'a str,
    /// Its package of libpython.
    pub libpython: &'a str,
    /// The libraries to load, each with its server.
    pub loads: Vec<Load>,
    /// The archive of a clean root file system.
    pub base: &'a Path,
    /// Directories of the locked `.deb`s that apt may need.
    pub mirror: &'a [&'a Path],
    /// The directory with the distribution's `pgml-python`.
    pub runtime: &'a Path,
    /// The directory `packaging/tests` of the source tree.
    pub tests: &'a Path,
    /// The key that signs the private mirror.
    pub key: &'a SigningKey,
    /// A directory to work in.
    pub scratch: &'a Path,
    /// Where the output of tools is kept.
    pub log: &'a Path,
}

/// The result for one library.
pub struct Loaded {
    /// The target whose library was loaded.
    pub target: String,
    /// The server and the distribution, for people.
    pub place: String,
    /// The result of each check of this library.
    pub cases: Vec<Case>,
}

/// Trains a model and predicts with it; the division fails where the prediction is none of the classes.
const TRAINING: &str = "SET client_min_messages = warning; \
    SELECT pgml.load_dataset('iris'); \
    SELECT pgml.train('flowers', 'classification', 'pgml.iris', 'target'); \
    SELECT 1 / (count(*) > 140)::int FROM pgml.iris \
    WHERE pgml.predict('flowers', ARRAY[sepal_length, sepal_width, petal_length, petal_width]) = target";

impl LoadTest<'_> {
    /// Loads all of them.
    pub fn run(&self, listener: &dyn Listener) -> Result<Vec<Loaded>, Failure> {
        files::remove_dir(self.scratch)?;
        let mirror = self.scratch.join("mirror");
        signed_mirror(&mirror, self.mirror, self.codename, self.key, self.log)?;
        let servers: Vec<(PathBuf, String)> = self
            .loads
            .iter()
            .filter_map(|load| {
                Some((
                    load.server.as_ref()?.wheel.clone(),
                    wheel_inside(load.major),
                ))
            })
            .collect();
        let packages: Vec<(&Path, String)> = self
            .loads
            .iter()
            .map(|load| {
                (
                    load.package.as_path(),
                    format!("/srv/packages/{}", load.target),
                )
            })
            .collect();
        let mut shown = vec![
            (mirror.as_path(), "/srv/mirror"),
            (self.runtime, "/srv/runtime"),
            (self.tests, "/srv/tests"),
        ];
        shown.extend(servers.iter().map(|(dir, at)| (dir.as_path(), at.as_str())));
        shown.sort();
        shown.dedup();
        let system = System::start(self.base, self.scratch, &shown, self.log)?;
        for (package, inside) in &packages {
            files::copy(package, &system.root().join(inside.trim_start_matches('/')))?;
        }
        self.prepare(&system)?;
        let mut found = Vec::new();
        for load in &self.loads {
            let mut cases = Cases::new(format!("{} load:", load.target), listener);
            let place = self.place(load);
            let started = cases.run(&format!("{place} starts with the library"), || {
                self.start(&system, load)
            });
            if started.is_some() {
                cases.run("the vector functions (vectors.sql)", || {
                    self.psql(&system, load, "-f /srv/tests/vectors.sql")
                        .map(drop)
                });
                cases.run("a model is trained and predicts", || {
                    self.psql(&system, load, &format!("-c \"{TRAINING}\""))
                        .map(drop)
                });
            }
            self.stop(&system, load)?;
            found.push(Loaded {
                target: load.target.clone(),
                place,
                cases: cases.done,
            });
        }
        Ok(found)
    }

    fn place(&self, load: &Load) -> String {
        let of = match load.server {
            Some(_) => "of its wheel",
            None => "of the distribution",
        };
        format!("PostgreSQL {} {of} on {}", load.major, self.title)
    }

    /// What every cluster needs: a user, libpython by the name that was stamped, the runtime, and the distribution's own
    /// server where one is asked for.
    fn prepare(&self, system: &System) -> Result<(), Failure> {
        system.write(
            "/etc/apt/sources.list.d/mirror.sources",
            &format!(
                "Types: deb\nURIs: file:/srv/mirror\nSuites: ./\nSigned-By: /srv/mirror/{KEYRING}\n"
            ),
        )?;
        let own = self.loads.iter().find(|load| load.server.is_none());
        let own = own.map_or(String::new(), |load| format!("postgresql-{}", load.major));
        system.script(
            "root",
            &format!(
                "apt-get update 2>&1\n\
                 apt-get install --yes --no-install-recommends {} {own} /srv/runtime/*.deb 2>&1\n\
                 id postgres >/dev/null 2>&1 || {{\n\
                 echo postgres:x:999: >>/etc/group\n\
                 echo postgres:x:999:999::/tmp:/bin/sh >>/etc/passwd; }}",
                self.libpython
            ),
        )?;
        Ok(())
    }

    /// The directory of a library's server, inside.
    fn server(&self, load: &Load) -> String {
        match &load.server {
            Some(server) => format!("/srv/server/{}/{}", load.target, server.root),
            None => format!("/usr/lib/postgresql/{}", load.major),
        }
    }

    /// Puts the library and its SQL where the server looks for them, and starts it in a new cluster with the extension.
    fn start(&self, system: &System, load: &Load) -> Result<(), Failure> {
        let (target, major, server) = (&load.target, load.major, self.server(load));
        // A wheel's own `pg_config` tells where that server looks; Debian's is in another package, and its places are known.
        let places = match load.server {
            Some(_) => format!(
                "mkdir -p /srv/server; cp -a {} /srv/server/{target}\n\
                 lib=$({server}/bin/pg_config --pkglibdir); share=$({server}/bin/pg_config --sharedir)",
                wheel_inside(major)
            ),
            None => format!("lib={server}/lib; share=/usr/share/postgresql/{major}"),
        };
        system.script(
            "root",
            &format!(
                "{places}\n\
                 mkdir -p /srv/files\n\
                 dpkg-deb --extract /srv/packages/{target} /srv/files/{target}\n\
                 cp /srv/files/{target}/usr/lib/postgresql/{major}/lib/pgml.so \"$lib/\"\n\
                 cp /srv/files/{target}/usr/share/postgresql/{major}/extension/* \"$share/extension/\"\n\
                 install -d -o postgres /srv/cluster"
            ),
        )?;
        system.script(
            "postgres",
            &format!(
                "cd /tmp; {server}/bin/initdb --pgdata=/srv/cluster/{target} --auth=trust --locale=C.UTF-8 >/tmp/{target}.log 2>&1 \
                 || {{ cat /tmp/{target}.log; exit 1; }}\n\
                 {server}/bin/pg_ctl --pgdata=/srv/cluster/{target} --wait --log=/tmp/{target}.log \
                 --options='-k /tmp -c listen_addresses=' start >/dev/null 2>&1 || {{ cat /tmp/{target}.log; exit 1; }}"
            ),
        )?;
        let version = self.psql(
            system,
            load,
            "-c 'CREATE EXTENSION pgml' -c 'SHOW server_version_num'",
        )?;
        ensure(version.trim().starts_with(&major.to_string()), || {
            format!("the server says it is version {version}")
        })
    }

    fn psql(&self, system: &System, load: &Load, what: &str) -> Result<String, Failure> {
        let server = self.server(load);
        let script = format!(
            "cd /tmp; {server}/bin/psql -XAtq -v ON_ERROR_STOP=1 -h /tmp -d postgres {what} 2>/tmp/psql.err \
             || {{ tail -n 20 /tmp/psql.err; exit 1; }}"
        );
        system.script("postgres", &script)
    }

    fn stop(&self, system: &System, load: &Load) -> Result<(), Failure> {
        let (target, server) = (&load.target, self.server(load));
        // The server may not have started, which is reported already.
        system.script(
            "postgres",
            &format!(
                "cd /tmp; {server}/bin/pg_ctl --pgdata=/srv/cluster/{target} --mode=immediate stop >/dev/null 2>&1 || true"
            ),
        )?;
        system.script(
            "root",
            &format!("rm -rf /srv/server/{target} /srv/files/{target}"),
        )?;
        Ok(())
    }
}

fn wheel_inside(major: u16) -> String {
    format!("/srv/wheel/{major}")
}
