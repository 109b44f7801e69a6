//! The packages of the closed project, up to 2.10: apt has to replace them when ours are installed.

use base::exit::Failure;

use crate::cases::ensure;
use crate::install::InstallTest;
use crate::system::System;

/// The last version of these packages that was published.
const VERSION: &str = "2.10.0";

/// A package that stands in for one of them, empty but for a file at a place of theirs. Of its relations it has those to
/// Postgres and to each other; the others (`libopenblas-dev`, `build-essential`, …) decide nothing here.
struct Old {
    name: String,
    depends: String,
    file: String,
}

/// What `apt install postgresml-N` brought, the package that was asked for first. The Python packages serve every major.
fn old_of(major: u16, server: &str) -> [Old; 2] {
    [
        Old {
            name: format!("postgresml-{major}"),
            depends: format!("postgresml-python, postgresql-pgml-{major} (>= {VERSION})"),
            file: format!("/etc/postgresml/{major}.conf"),
        },
        Old {
            name: format!("postgresql-pgml-{major}"),
            depends: server.into(),
            file: format!("/usr/lib/postgresql/{major}/lib/pgml.so"),
        },
    ]
}

impl InstallTest<'_> {
    /// Their packages for two majors are installed as apt did it, and then ours for one of them. For that major nothing of
    /// theirs stays. The other major keeps its Python packages until it is removed and `autoremove` removes them.
    pub(super) fn take_over(&self, system: &System) -> Result<(), Failure> {
        let (extension, major) = (self.extension(), self.major);
        self.apt(system, &format!("purge {extension} pgml-python"))?;
        let other = major - 1;
        let old = old_of(major, &format!("postgresql-{major}"));
        // Its server is not here; that it is needed says nothing about ours.
        let old_other = old_of(other, "base-files");
        let python = Old {
            name: "postgresml-python".into(),
            depends: "base-files".into(),
            file: "/etc/postgresml-python/requirements.linux.txt".into(),
        };
        for package in old.iter().chain(&old_other).chain([&python]) {
            build(system, package)?;
        }
        system.script(
            "root",
            &format!(
                "apt-get install --yes /srv/old/*.deb 2>&1
                 apt-mark auto postgresql-pgml-{major} postgresql-pgml-{other} postgresml-python
                 apt-get install --yes {extension} 2>&1"
            ),
        )?;
        self.require_installed(system)?;
        let there = [
            format!("postgresml-{other}"),
            "postgresml-python".into(),
            format!("postgresql-pgml-{other}"),
        ];
        let left = installed_of_old(system)?;
        ensure(left == there, || {
            format!("of the old packages there are {left:?}, which should be {there:?}")
        })?;
        system.script(
            "root",
            &format!(
                "apt-get purge --yes postgresml-{other} 2>&1; apt-get autoremove --purge --yes 2>&1
                 dpkg --verify {extension} pgml-python"
            ),
        )?;
        self.require_installed(system)?;
        let left = installed_of_old(system)?;
        let places =
            format!("ls -d /etc/postgresml* /usr/lib/postgresql/{other} 2>/dev/null || true");
        let places = system.script("root", &places)?;
        ensure(left.is_empty() && places.trim().is_empty(), || {
            format!("of the old packages is left: {left:?} {places}")
        })
    }
}

fn build(system: &System, package: &Old) -> Result<(), Failure> {
    let Old {
        name,
        depends,
        file,
    } = package;
    let dir = format!("/srv/old/{name}");
    let control = format!(
        "Package: {name}\nVersion: {VERSION}\nArchitecture: amd64\nMaintainer: x <x@example.org>\n\
         Depends: {depends}\nDescription: stands in for the one of the closed project\n"
    );
    let make = format!("mkdir -p {dir}/DEBIAN {dir}$(dirname {file}); echo old > {dir}{file}");
    system.script("root", &make)?;
    system.write(&format!("{dir}/DEBIAN/control"), &control)?;
    let build = format!("dpkg-deb --build {dir} 2>&1");
    system.script("root", &build).map(drop)
}

/// Those that are there, whole or in part, by name.
fn installed_of_old(system: &System) -> Result<Vec<String>, Failure> {
    let list = "dpkg-query -W -f '${Package} ${db:Status-Abbrev}\\n' 'postgresml-*' 'postgresql-pgml-*' 2>/dev/null || true";
    let listed = system.script("root", list)?;
    let installed = listed.lines().filter_map(|line| line.split_once(" i"));
    Ok(installed.map(|(name, _)| name.to_owned()).collect())
}
