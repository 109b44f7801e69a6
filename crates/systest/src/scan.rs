//! Checks that a scanner finds the crates and OpenBLAS in the installed library, with the same versions as the release's
//! SBOM.
//!
//! The scanner is another project's program (rust-audit-info, of cargo-auditable's authors). A copy of the library without
//! the list checks that the scanner notices a missing list.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use base::exit::Failure;
use base::files;
use base::process::Program;
use build::package::packages;
use build::sbom::audit;

use crate::cases::{Cases, ensure};
use crate::install::InstallTest;
use crate::system::System;

/// The packages that a scanner found, as name and version.
type Names = BTreeSet<(String, String)>;

impl InstallTest<'_> {
    /// Scans the library that apt installed.
    pub(super) fn scan_library(&self, system: &System, cases: &mut Cases<'_>) {
        let place = packages::library_path(self.major);
        let installed = system.root().join(place.trim_start_matches('/'));
        cases.run(
            "a scanner finds OpenBLAS and every crate of the SBOM in the installed library",
            || {
                let found = self.scan(&installed)?;
                ensure(found.iter().any(|(name, _)| name == "openblas"), || {
                    format!("no OpenBLAS among {found:?}")
                })?;
                let declared = self.declared()?;
                let only = |a: &Names, b: &Names| a.difference(b).cloned().collect::<Vec<_>>();
                ensure(found == declared, || {
                    let (scanned, said) = (only(&found, &declared), only(&declared, &found));
                    format!("the scanner alone finds {scanned:?}, the SBOM alone has {said:?}")
                })
            },
        );
        cases.run("it finds nothing in a copy that lost its list", || {
            let copy = self.scratch.join("without-list.so");
            Program::new("objcopy")
                .args(["--remove-section", audit::SECTION])
                .args([&installed, &copy])
                .run(self.log)?;
            let found = self.scan(&copy);
            ensure(found.is_err(), || format!("it finds {found:?}"))
        });
    }

    fn scan(&self, library: &Path) -> Result<Names, Failure> {
        let words = Program::new(self.scanner.display().to_string())
            .arg(library)
            .output(self.log)?;
        let json: Value = serde_json::from_slice(&words).unwrap_or_default(); // none of it is found then
        Ok(names(&json["packages"], |_| true))
    }

    /// The libraries that the SBOM of the package names.
    fn declared(&self) -> Result<Names, Failure> {
        let name = format!("{}_", self.extension());
        let distribution = self.target.split('-').next().unwrap_or_default();
        for file in files::files_below(self.sboms)? {
            let file_name = file.to_string_lossy();
            if file_name.starts_with(&name) && file_name.contains(&format!("~{distribution}_")) {
                let json: Value = serde_json::from_slice(&files::read(&self.sboms.join(&file))?)
                    .unwrap_or_default(); // none of it is declared then
                return Ok(names(&json["components"], |part| part["type"] == "library"));
            }
        }
        Ok(Names::new())
    }
}

fn names(list: &Value, which: impl Fn(&Value) -> bool) -> Names {
    let parts = list
        .as_array()
        .into_iter()
        .flatten()
        .filter(|part| which(part));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    parts
        .map(|part| (text(&part["name"]), text(&part["version"])))
        .collect()
}
