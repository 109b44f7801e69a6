//! A host with other Python packages on every path: pgml sees none of them, and PL/Python sees all.

use base::exit::Failure;

use super::{CLUSTER, InstallTest, PORT};
use crate::cases::{Cases, ensure};
use crate::system::System;

/// The variables of the server's environment. With an invalid PYTHONHOME, PL/Python finds no standard library; pgml ignores
/// the variable.
const WAYS: [(&str, &str, bool); 3] = [
    (
        "packages of the host, alone",
        "PYTHONPATH = '/srv/hostile'",
        false,
    ),
    (
        "packages of the host, with PL/Python in both orders",
        "PYTHONPATH = '/srv/hostile'",
        true,
    ),
    (
        "packages of the host and a PYTHONHOME that is none",
        "PYTHONPATH = '/srv/hostile'\nPYTHONHOME = '/nonexistent'",
        false,
    ),
];

impl InstallTest<'_> {
    /// A case for each environment; afterwards the host is as it was.
    pub(super) fn hostile_packages(&self, system: &System, cases: &mut Cases<'_>) {
        for (name, environment, plpython) in WAYS {
            let other = match plpython {
                true => self.other_python(system),
                false => Ok(None),
            };
            match other {
                Ok(Some(why)) => cases.not_run(name, why),
                other => {
                    cases.run(name, || {
                        other?;
                        self.plant(system, "plant")?;
                        let tried = self.among_hostile(system, environment, plpython);
                        self.plant(system, "remove")?;
                        self.set_environment(system, "")?;
                        tried
                    });
                }
            }
        }
    }

    /// Why PL/Python cannot be in one process with the distribution's Python, if so: the archive of other majors may have been
    /// made for another release, whose packages are at hand.
    pub(super) fn other_python(&self, system: &System) -> Result<Option<String>, Failure> {
        let script = format!(
            "ldd /usr/lib/postgresql/{}/lib/plpython3.so | grep -o 'libpython3[^ ]*' | head -n 1",
            self.major
        );
        let linked = system.script("postgres", &script)?;
        let linked = linked.trim();
        ensure(!linked.is_empty(), || {
            "plpython3.so is linked to no libpython".into()
        })?;
        let own = format!("libpython{}.so", self.python);
        Ok((!linked.starts_with(&own)).then(|| {
            format!("PL/Python of this server is linked to {linked}, the distribution has {own}")
        }))
    }

    fn among_hostile(
        &self,
        system: &System,
        environment: &str,
        plpython: bool,
    ) -> Result<(), Failure> {
        self.set_environment(system, environment)?;
        self.bare_database(system, "hostile")?;
        let script = format!(
            "cd /tmp; psql -Xq -v plpython={plpython} -p {PORT} -d hostile -f /srv/tests/hostile/world.sql 2>&1"
        );
        let output = system.script("postgres", &script)?;
        ensure(output.contains("hostile: passed"), || output.clone())
    }

    /// Python without its own `site`: what is planted must not run here.
    fn plant(&self, system: &System, action: &str) -> Result<(), Failure> {
        let script = format!(
            "python3 -I -S -B /srv/tests/hostile/plant.py {action} {} 2>&1",
            self.python
        );
        system.script("root", &script).map(drop)
    }

    fn set_environment(&self, system: &System, environment: &str) -> Result<(), Failure> {
        let path = format!("/etc/postgresql/{}/{CLUSTER}/environment", self.major);
        system.write(&path, &format!("{environment}\n"))?;
        self.restart(system)
    }
}
