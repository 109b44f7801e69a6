//! The suite `extras`: packages that `dist --extra NAME` makes are installed by apt beside the others, and used from SQL.
//!
//! For each there is a directory of names in `packaging/tests`: `extras/NAME-without.sql` runs before the package is
//! installed, `extras/NAME.sql` and `extras/NAME-2.10.sql` afterwards, and then `robust/NAME_extra.py`. What
//! `extras/NAME-table.sql` says of the models that `NAME.sql` trained is in the documentation.

use base::exit::Failure;
use base::progress::Listener;

use crate::cases::{Case, Cases, ensure};
use crate::install::{InstallTest, PORT};
use crate::pairs;
use crate::run::TestRun;
use crate::system::System;

impl TestRun<'_> {
    /// Installs each extra package of each target that can be installed here, and uses it. What it saw is in the
    /// documentation: it is compared with that, or written (`update`).
    pub fn extras(&self, update: bool) -> Result<Vec<Case>, Failure> {
        let mut done = Vec::new();
        let mut reports = Vec::new();
        for target in self.chosen {
            if let Some(why) = self.not_installable(target) {
                let mut cases = Cases::new(format!("{target} extras:"), self.listener);
                cases.not_run("apt installs the extra packages", why);
                done.extend(cases.done);
                continue;
            }
            for extra in &self.pipeline.extras {
                done.extend(self.in_clean_system(target, "extras", |test, to| {
                    test.extra(&extra.name, &extra.package(), &mut reports, to)
                })?);
            }
        }
        if !reports.is_empty() {
            let mut cases = Cases::new("extras:", self.listener);
            let root = &self.workspace().root;
            cases.run(&format!("{} says what the tests saw", pairs::PAGE), || {
                pairs::compare(root, pairs::Of::Extras, &reports, update)
            });
            done.extend(cases.done);
        }
        Ok(done)
    }
}

impl InstallTest<'_> {
    /// Tries one extra package.
    fn extra(
        &self,
        name: &str,
        package: &str,
        reports: &mut Vec<pairs::Report>,
        listener: &dyn Listener,
    ) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new(format!("{} extras: {name}:", self.target), listener);
        let system = self.start()?;
        let ready = cases.run("a server without the package", || {
            self.install(&system)?;
            self.create_cluster(&system)?;
            self.install_tools(&system)
        });
        if ready.is_none() {
            return Ok(cases.done);
        }
        cases.run("without it, an error names it", || {
            self.new_database(&system, "suite")?;
            self.run_file(&system, "suite", &format!("extras/{name}-without.sql"))
        });
        let installed = cases.run(
            "apt installs it, and every file passes dpkg --verify",
            || self.install_extra(&system, package),
        );
        if installed.is_some() {
            reports.extend(cases.run(
                "it trains and predicts, with nothing set and no restart",
                || {
                    self.new_database(&system, "suite")?;
                    self.run_file(&system, "suite", &format!("extras/{name}.sql"))?;
                    self.what_it_trained(&system, name)
                },
            ));
            cases.run("it trains and predicts in edition 2.10.0", || {
                self.bare_database(&system, "suite")?;
                self.run_file(&system, "suite", &format!("extras/{name}-2.10.sql"))
            });
            self.robust(&system, &format!("{name}_extra.py"), &mut cases)?;
        }
        cases.run(
            "purging it leaves nothing behind, and the runtime whole",
            || self.purge_extra(&system, package),
        );
        Ok(cases.done)
    }

    /// What the database says of the models that were trained in it.
    fn what_it_trained(&self, system: &System, name: &str) -> Result<pairs::Report, Failure> {
        let file = format!("/srv/tests/extras/{name}-table.sql");
        let psql = format!("psql -XAtq -v ON_ERROR_STOP=1 -p {PORT} -d suite -f {file}");
        pairs::parse(&system.script("postgres", &psql)?)
    }

    fn install_extra(&self, system: &System, package: &str) -> Result<(), Failure> {
        system.script("root", &format!("apt-get install --yes {package} 2>&1"))?;
        let wrong = system.script("root", &format!("dpkg --verify {package} pgml-python 2>&1"))?;
        ensure(wrong.trim().is_empty(), || {
            format!("dpkg --verify says: {wrong}")
        })
    }

    fn purge_extra(&self, system: &System, package: &str) -> Result<(), Failure> {
        let script = format!(
            "dpkg -L {package} | sort > /tmp/files; apt-get purge --yes {package} >/dev/null 2>&1
             while read -r path; do [ -d \"$path\" ] || [ ! -e \"$path\" ] || echo \"$path\"; done < /tmp/files
             dpkg --verify pgml-python 2>&1"
        );
        let left = system.script("root", &script)?;
        ensure(left.trim().is_empty(), || {
            format!("left or changed: {left}")
        })
    }
}
