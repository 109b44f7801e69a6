//! The repository as it is published: copied by rsync in the two steps that docs/publish.md gives, and read from a web
//! server.

use base::exit::Failure;
use base::files;
use base::process::Program;

use crate::cases::ensure;
use crate::install::InstallTest;
use crate::packages::refused::APT;
use crate::system::System;

/// Serves the copy on the loopback while apt reads it with lists of its own; the last line is from the server's log.
const READ: &str = r#"
python3 -m http.server --bind 127.0.0.1 --directory /srv/published 8099 >/srv/served.log 2>&1 & server=$!
trap 'kill $server' EXIT
tries=0
until python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8099)).close()' 2>/dev/null; do
    tries=$((tries + 1)); [ $tries -lt 300 ]; sleep 0.2
done
mkdir -p /srv/apt/sources.d /srv/apt/lists /srv/apt/cache /srv/got
rm -rf /srv/got/* /srv/apt/lists/* /srv/apt/cache/* /srv/apt/sources.d/*
sed 's,URIs: .*,URIs: http://127.0.0.1:8099,' /etc/apt/sources.list.d/pgml.sources > /srv/apt/sources.d/served.sources
cd /srv/got
said=$(apt-get $APT update 2>&1)
case $said in *W:*|*E:*) echo "$said"; exit 1;; esac
apt-get $APT download PACKAGES 2>&1
cmp /srv/got/*-dbgsym_*.deb /srv/pgml/pool/SUITE/*-pg*-dbgsym_*.deb
grep -c by-hash /srv/served.log
"#;

impl InstallTest<'_> {
    pub(super) fn served(&self, system: &System) -> Result<(), Failure> {
        let to = system.root().join("srv/published");
        files::create_dir(&to)?;
        let rsync = |options: &[&str]| {
            let rsync = Program::new("rsync").arg("--archive").args(options);
            let mut from = self.repository.as_os_str().to_owned();
            from.push("/");
            rsync.arg(from).arg(&to).run(self.log)
        };
        rsync(&["--exclude=/dists/*/*Release*"])?;
        let early = to
            .join("dists")
            .join(self.codename)
            .join("InRelease")
            .exists();
        ensure(!early, || {
            "the first step already published the index".into()
        })?;
        rsync(&[])?;
        let name = self.extension();
        let script = READ
            .replace("$APT", APT)
            .replace("PACKAGES", &format!("{name} {name}-dbgsym pgml-python"))
            .replace("*-pg*-dbgsym_*", &format!("{name}-dbgsym_*"))
            .replace("SUITE", self.codename);
        let said = system.script("root", &script)?;
        let by_hash = said
            .lines()
            .last()
            .and_then(|line| line.trim().parse().ok());
        files::remove_dir(&to)?;
        ensure(by_hash.is_some_and(|count: u32| count > 0), || {
            format!("apt asked for no index by its hash: {said}")
        })
    }
}
