//! One byte of the repository is changed, file by file: apt must refuse each.

use base::exit::Failure;
use base::files;

use crate::cases::{Cases, ensure};
use crate::install::InstallTest;
use crate::system::System;

/// A second copy of the repository, which the cases damage; apt keeps lists of its own for it.
const PREPARE: &str = "
cp -r /srv/pgml /srv/damaged
mkdir -p /srv/apt/lists /srv/apt/cache /srv/apt/sources.d /srv/got
sed 's,URIs: .*,URIs: copy:/srv/damaged,' /etc/apt/sources.list.d/pgml.sources > /srv/apt/sources.d/damaged.sources
chmod -R a+rX /srv/damaged /srv/apt
";

/// apt with lists and sources of its own, and no patience.
pub(super) const APT: &str = "-o Dir::Etc::SourceParts=/srv/apt/sources.d -o Dir::Etc::SourceList=/dev/null \
    -o Dir::State::Lists=/srv/apt/lists -o Dir::Cache=/srv/apt/cache -o APT::Update::Error-Mode=any \
    -o APT::Sandbox::User=root";

/// Fetches everything from that copy again. The last line says whether apt refused a file, or got the same index as the
/// repository has.
const TAKE: &str = "
cd /srv/got; rm -rf /srv/got/* /srv/apt/lists/* /srv/apt/cache/*
apt-get $APT update 2>&1 && apt-get $APT download PACKAGES 2>&1 || { echo REFUSED; exit 0; }
cmp /srv/apt/lists/*_Packages /srv/pgml/dists/SUITE/main/binary-*/Packages && echo UNHARMED || echo HARMED
";

/// Flips all bits of the byte in a file's middle; done twice it is undone.
const FLIP: &str = r#"
size=$(stat -c %s "$file"); at=$((size / 2))
old=$(od -An -tu1 -j $at -N 1 "$file" | tr -d ' ')
printf "$(printf '\\%03o' $((255 - old)))" | dd of="$file" bs=1 seek=$at conv=notrunc 2>/dev/null
"#;

impl InstallTest<'_> {
    /// Of each file that apt reads a byte is flipped, the file put back, and apt asked again.
    pub(super) fn refused(&self, system: &System, cases: &mut Cases<'_>) -> Result<(), Failure> {
        let suite = format!("dists/{}", self.codename);
        let suite_of_pool = format!("pool/{}", self.codename);
        let all = files::files_below(self.repository)?;
        // All that the suite has: those of another major, too, where the run has it.
        let names = all.iter().filter(|path| path.starts_with(&suite_of_pool));
        let names = names.filter_map(|path| path.file_name()?.to_str()?.split('_').next());
        let packages: Vec<&str> = names.collect();
        let take = TAKE
            .replace("$APT", APT)
            .replace("PACKAGES", &packages.join(" "))
            .replace("SUITE", self.codename);
        let ready = cases.run("an unharmed copy of the repository is taken", || {
            system.script("root", PREPARE)?;
            let said = system.script("root", &take)?;
            ensure(said.trim_end().ends_with("UNHARMED"), || said.clone())
        });
        if ready.is_none() {
            return Ok(());
        }
        for path in &all {
            let name = path.display().to_string();
            let is_package = name.starts_with(&suite_of_pool) && name.ends_with(".deb");
            if !name.starts_with(&suite) && !is_package {
                // Another distribution's, or a file that apt is never shown: the README, and the `.buildinfo` of a package,
                // which rebuilders hold against SHA256SUMS.
                continue;
            }
            let file = format!("/srv/damaged/{name}");
            // A file that apt uses only when a better one is missing has to be tested without the better one.
            let better = match path.file_name().and_then(|name| name.to_str()) {
                Some("Release" | "Release.gpg") => format!("/srv/damaged/{suite}/InRelease"),
                _ => String::new(),
            };
            cases.run(&format!("a flipped byte in {name} is refused"), || {
                let hide = match better.as_str() {
                    "" => String::new(),
                    better => format!("mv {better} /srv/hidden"),
                };
                let show = match better.as_str() {
                    "" => String::new(),
                    better => format!("mv /srv/hidden {better}"),
                };
                let script = format!("file='{file}'\n{hide}\n{FLIP}\n({take})\n{FLIP}\n{show}");
                let said = system.script("root", &script)?;
                let end = said.trim_end();
                // The repository has an index in several forms, of which apt reads one. Clients must refuse a damaged one in
                // each form.
                let passed_by = name.contains("/binary-") && end.ends_with("UNHARMED");
                ensure(end.ends_with("REFUSED") || passed_by, || {
                    format!("apt took it: {said}")
                })
            });
        }
        let indexes = format!("find /srv/damaged/{suite}/main -type f");
        cases.run("an index that is damaged in every form is refused", || {
            let script = format!(
                "for file in $({indexes}); do {FLIP} done\n({take})\nfor file in $({indexes}); do {FLIP} done"
            );
            let said = system.script("root", &script)?;
            ensure(said.trim_end().ends_with("REFUSED"), || {
                format!("apt took it: {said}")
            })
        });
        Ok(())
    }
}
