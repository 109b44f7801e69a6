//! The README's commands that install the packages, run as they stand.

use base::exit::Failure;
use base::files;
use debian::apt::repository::KEYRING;

use crate::cases::ensure;
use crate::docs;
use crate::install::InstallTest;
use crate::system::System;

/// Where the release is, as a user has it who has built it.
pub(super) const RELEASE: &str = "/srv/release/dist/apt";

/// apt asks nobody; what a person answers is no part of the page.
const ASSUME_YES: &str = "/etc/apt/apt.conf.d/99-yes";

impl InstallTest<'_> {
    /// The commands of the README that install, where they are those of this target.
    fn readme(&self) -> Result<Option<String>, Failure> {
        let page = files::read_text(&self.source.join("README.md"))?;
        let mut blocks = docs::blocks(&page).into_iter();
        let block = blocks.find(|block| block.as_it_stands && block.text.contains("apt install"));
        let text = block.map(|block| block.text).unwrap_or_default();
        ensure(!text.is_empty(), || {
            "README.md has no block that installs the packages".into()
        })?;
        let ours = [
            format!("Suites: {}\n", self.codename),
            format!("apt install {}\n", self.extension()),
        ];
        let of_target = ours.iter().all(|line| text.contains(line));
        Ok((of_target && !self.target.ends_with("-arm64")).then_some(text))
    }

    /// Installs as the README says, or in the same way where the README is about another target.
    pub(super) fn install_as_documented(&self, system: &System) -> Result<(), Failure> {
        let Some(commands) = self.readme()? else {
            return self.install(system);
        };
        self.add_mirror(system)?;
        system.write(ASSUME_YES, "APT::Get::Assume-Yes \"true\";\n")?;
        system.write("/srv/readme.sh", &commands)?;
        let script =
            format!("cd {RELEASE}/../.. && sh -eux /srv/readme.sh 2>&1 && rm {ASSUME_YES}");
        let output = system.script("root", &script)?;
        ensure(!output.contains("\nW:") && !output.contains("\nE:"), || {
            format!("apt warns: {output}")
        })?;
        self.require_installed(system)
    }

    /// The distribution's packages: an archive that a user has anyway.
    pub(super) fn add_mirror(&self, system: &System) -> Result<(), Failure> {
        let sources = format!(
            "Types: deb\nURIs: file:/srv/mirror\nSuites: ./\nSigned-By: /srv/mirror/{KEYRING}\n"
        );
        Ok(system.write("/etc/apt/sources.list.d/mirror.sources", &sources)?)
    }
}
