//! The maintainer scripts of a `pgml-python` without byte code.

use base::exit::Failure;
use build::layout;
use build::package::documents;

use crate::cases::ensure;
use crate::install::InstallTest;
use crate::system::System;

impl InstallTest<'_> {
    /// What `pgml-python` does where no interpreter of its distribution byte-compiled it, with this distribution's Python.
    pub(super) fn maintainer_scripts(&self, system: &System) -> Result<(), Failure> {
        let packaging = self.source.join("packaging");
        for script in ["postinst", "prerm"] {
            let text =
                documents::runtime_script(&packaging, script, &self.python, "pgml-python", None)?;
            system.write(&format!("/srv/{script}"), &text)?;
        }
        let count = |what: &str| -> Result<u64, Failure> {
            let find = format!("find {} -name '{what}' | wc -l", layout::PYTHON_PREFIX);
            Ok(system.script("root", &find)?.trim().parse().unwrap_or(0))
        };
        let (sources, shipped) = (count("*.py")?, count("*.pyc")?);
        system.script("root", "sh /srv/prerm upgrade 3.0.0 2>&1")?;
        let removed = count("*.pyc")? + count("__pycache__")?;
        ensure(removed == 0 && shipped == sources && sources > 1000, || {
            format!("{sources} sources, {shipped} with byte code; {removed} left by prerm")
        })?;
        let words = system.script("root", "sh /srv/postinst configure 2>&1")?;
        let made = count("*.pyc")?;
        ensure(words.trim().is_empty() && made == sources, || {
            format!("postinst made byte code of {made} of {sources}: {words}")
        })?;
        self.new_database(system, "compiled")?;
        let trained = "SELECT pgml.load_dataset('iris') IS NOT NULL";
        self.psql(system, "compiled", trained).map(drop)
    }
}
