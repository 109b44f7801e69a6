//! Another place to build in: another path, user, umask, locale, time zone, host name, clock and number of processors,
//! as far as this process may make them.
//!
//! As root, all of it happens in namespaces of the second build: the machine is not changed, and nothing is left when the
//! build ends. For an ordinary user only those things vary that need no namespace.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files::{self, FileError};
use base::process::Program;
use base::sandbox::Sandbox;

use crate::pipeline::Pipeline;

/// The second build's user: no user of this machine.
const USER: u32 = 4217;
/// The name of that user in the second build.
const USER_NAME: &str = "somebody";
/// The host's name there.
const HOSTNAME: &str = "second-build.example";
/// A locale whose rules for upper and lower case and for numbers are not those of C.
const LOCALE: &str = "tr_TR.UTF-8";
/// A time zone in which it is another day for half of each day.
const ZONE: &str = "Pacific/Kiritimati";
/// How far the clock is ahead: another year, month, day and hour.
pub const AHEAD: u64 = 400 * 24 * 3600 + 11 * 3600;
/// Directories that an empty one may be mounted over in a namespace.
const BASES: [&str; 3] = ["/mnt", "/srv", "/media"];
/// The path below, deeper than a source tree usually lies.
const BELOW: &str = "elsewhere/than/before";
/// Where the clock lies in a sandbox, which has an empty `/run`.
const CLOCK_INSIDE: &str = "/run/clock.so";
const CLOCK: &str = include_str!("clock.c");

/// A place to build in.
pub struct Elsewhere {
    dir: PathBuf,
    at: PathBuf,
    toolchain: PathBuf,
    namespaces: Option<Namespaces>,
    user: Result<u32, String>,
    clock: Result<(), String>,
    processors: Result<String, String>,
}

/// What the second build needs to run in namespaces of its own, which only root may make.
struct Namespaces {
    base: PathBuf,
    bwrap: PathBuf,
}

impl Elsewhere {
    /// Makes the place in `dir`, which does not exist. The clock is compiled in `builder`; without one it is not varied.
    pub fn prepare(
        dir: &Path,
        pipeline: &Pipeline,
        builder: Option<&Path>,
        log: &Path,
    ) -> Result<Self, Failure> {
        for name in ["bin", "home", "tmp", "toolchain", "out"] {
            files::create_dir(&dir.join(name))?;
        }
        // `out` is what the second build makes.
        files::remove_dir(&dir.join("out"))?;
        let toolchain = pipeline.toolchain.sysroot.clone();
        let namespaces = namespaces(pipeline, dir, &toolchain);
        let root_only = || "only root can make it another".to_owned();
        let mut place = Self {
            dir: dir.to_owned(),
            at: match &namespaces {
                Some(namespaces) => namespaces.base.join(BELOW),
                None => dir.to_owned(),
            },
            toolchain,
            user: Err(root_only()),
            clock: Err(root_only()),
            processors: fewer_processors(),
            namespaces,
        };
        if place.namespaces.is_some() {
            place.clock = match builder {
                Some(builder) => place.make_clock(builder, log),
                None => Err("there is no builder to compile it in".into()),
            };
            place.user = place.try_user(log);
        }
        Ok(place)
    }

    /// A path of the place, as the second build sees it.
    pub fn mounted_path(&self, name: &str) -> PathBuf {
        self.at.join(name)
    }

    /// The same path, as this process sees it.
    pub fn host_path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The reason why something is not varied, where it is known before the measurement.
    pub(super) fn reasons(&self) -> [(&'static str, Option<&str>); 3] {
        fn reason<T>(varied: &Result<T, String>) -> Option<&str> {
            varied.as_ref().err().map(String::as_str)
        }
        [
            ("user", reason(&self.user)),
            ("clock", reason(&self.clock)),
            ("processors", reason(&self.processors)),
        ]
    }

    /// A program that runs in the second build's surroundings. Its environment is the second build's; of this process's it
    /// has only the proxies.
    pub fn program<A: Into<OsString>>(&self, command: impl IntoIterator<Item = A>) -> Program {
        let system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let toolchain = match self.namespaces {
            Some(_) => self.mounted_path("toolchain"),
            None => self.toolchain.clone(),
        };
        let program = match &self.namespaces {
            Some(namespaces) => {
                let unshare = Program::new("unshare")
                    .args(["--mount", "--uts", "--net", "--propagation", "private"])
                    .args(["--fork", "--kill-child=KILL", "sh", "-euc", ENTER, "sh"])
                    .args([
                        namespaces.base.as_path(),
                        &self.dir,
                        &self.at,
                        &self.toolchain,
                    ])
                    .arg(&namespaces.bwrap)
                    .args([HOSTNAME, USER_NAME, &USER.to_string(), ZONE]);
                match &self.user {
                    Ok(user) => unshare
                        .args(["setpriv", "--clear-groups"])
                        .args([format!("--reuid={user}"), format!("--regid={user}")]),
                    Err(_) => unshare,
                }
            }
            None => Program::new("sh").args(["-euc", "umask 077; exec \"$@\"", "sh"]),
        };
        let program = match &self.processors {
            Ok(list) => program.args(["taskset", "--cpu-list", list]),
            Err(_) => program,
        };
        inputs::fetch::with_proxies(program)
            .args(command)
            .env("PATH", format!("{}/bin:{system}", toolchain.display()))
            .env("HOME", self.mounted_path("home"))
            .env("TMPDIR", self.mounted_path("tmp"))
            .env("USER", USER_NAME)
            .env("LOGNAME", USER_NAME)
            .env("LC_ALL", LOCALE)
            .env("LANG", LOCALE)
            .env("TZ", ZONE)
            .env("NO_COLOR", "1")
    }

    /// Makes the user of the second build the owner of its files. Files that are shared with this cache keep their owner.
    pub fn chown_to_builder(&self, log: &Path) -> Result<(), Failure> {
        if let Ok(user) = self.user {
            Program::new("find")
                .arg(&self.dir)
                .args(["(", "-type", "d", "-o", "-links", "1", ")", "-exec"])
                .args([
                    "chown",
                    "--no-dereference",
                    &format!("{user}:{user}"),
                    "{}",
                    "+",
                ])
                .run(log)?;
        }
        Ok(())
    }

    /// Compiles the library that moves the clock, and the wrapper of bubblewrap that preloads it in sandboxes.
    fn make_clock(&self, builder: &Path, log: &Path) -> Result<(), String> {
        let said = |error: &dyn std::fmt::Display| format!("it could not be made: {error}");
        let source = self.host_path("tmp/clock.c");
        files::write(&source, CLOCK).map_err(|error| said(&error))?;
        Sandbox::new(builder)
            .tmpfs("/build")
            .read_only(&source, "/build/clock.c")
            .writable(&self.host_path("bin"), "/build/bin")
            .script(&format!(
                "gcc -shared -fPIC -O2 -Wall -Werror -DAHEAD={AHEAD} -o /build/bin/clock.so /build/clock.c"
            ))
            .run(log)
            .map_err(|error| said(&error))?;
        let real = self.mounted_path("bin/bwrap.real");
        let clock = self.mounted_path("bin/clock.so");
        let script = format!(
            "#!/bin/sh\n\
             # The clock goes into each sandbox, right before the command.\n\
             seen=\n\
             for argument; do\n\
             \tshift\n\
             \tif [ \"$argument\" = -- ] && [ -z \"$seen\" ]; then\n\
             \t\tseen=yes\n\
             \t\tset -- \"$@\" --ro-bind {} {CLOCK_INSIDE} --setenv LD_PRELOAD {CLOCK_INSIDE}\n\
             \tfi\n\
             \tset -- \"$@\" \"$argument\"\n\
             done\n\
             exec {} \"$@\"\n",
            clock.display(),
            real.display()
        );
        let write = |name: &str, text: &str| -> Result<(), FileError> {
            let path = self.host_path(name);
            files::write(&path, text)?;
            files::set_mode(&path, 0o755)
        };
        write("bin/bwrap", &script)
            .and_then(|()| write("bin/bwrap.real", ""))
            .map_err(|error| said(&error))
    }

    /// Whether another user can do what a build does: make user namespaces with more than one user.
    fn try_user(&mut self, log: &Path) -> Result<u32, String> {
        self.user = Ok(USER);
        let unshare = ["unshare", "--user", "--map-root-user", "--map-auto", "true"];
        match self.program(unshare).output(log) {
            Ok(_) => Ok(USER),
            Err(error) => Err(format!(
                "an ordinary user can't make user namespaces here: {error}"
            )),
        }
    }
}

/// The namespaces that root can make; none for others, and where the kernel refuses.
fn namespaces(pipeline: &Pipeline, dir: &Path, toolchain: &Path) -> Option<Namespaces> {
    let try_out = || {
        let unshare = Program::new("unshare").args(["--mount", "--uts", "--net", "true"]);
        unshare
            .command()
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let hides = |base: &Path| dir.starts_with(base) || toolchain.starts_with(base);
    let bases = BASES.iter().map(PathBuf::from);
    let base = bases
        .into_iter()
        .find(|base| base.is_dir() && !hides(base))?;
    let bwrap = pipeline.host.program("bwrap")?;
    (pipeline.host.root && try_out()).then_some(Namespaces { base, bwrap })
}

/// All processors that this process may use but the last.
fn fewer_processors() -> Result<String, String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let allowed = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .map(processors)
        .unwrap_or_default();
    match allowed.split_last() {
        Some((_, rest)) if !rest.is_empty() => {
            let names: Vec<String> = rest.iter().map(ToString::to_string).collect();
            Ok(names.join(","))
        }
        _ => Err("this process may use one only".into()),
    }
}

/// The numbers of a list such as `0-3,6`.
fn processors(list: &str) -> Vec<u32> {
    let ranges = list.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}

/// Enters the place and runs the rest of the arguments there. `/etc` is a copy that has the user, the time zone and what
/// preloads the clock; it is in memory and gone with the namespace.
const ENTER: &str = r#"
base=$1 dir=$2 at=$3 toolchain=$4 bwrap=$5 host=$6 name=$7 user=$8 zone=$9
shift 9
umask 022
mount -t tmpfs -o mode=0755 tmpfs "$base"
mkdir -p "$at" "$base/etc"
mount --bind "$dir" "$at"
mount --bind "$toolchain" "$at/toolchain"
mount -o remount,bind,ro "$at/toolchain"
cp -a /etc/. "$base/etc"
echo "$name:x:$user:$user::$at/home:/bin/sh" >> "$base/etc/passwd"
echo "$name:x:$user:" >> "$base/etc/group"
echo "$name:1000000:65536" > "$base/etc/subuid"
echo "$name:1000000:65536" > "$base/etc/subgid"
echo "$host" > "$base/etc/hostname"
ln -sf "/usr/share/zoneinfo/$zone" "$base/etc/localtime"
if [ -e "$at/bin/clock.so" ]; then
    echo "$at/bin/clock.so" > "$base/etc/ld.so.preload"
    mount --bind "$bwrap" "$at/bin/bwrap.real"
    mount --bind "$at/bin/bwrap" "$bwrap"
fi
echo "$host" > /proc/sys/kernel/hostname
mount --bind "$base/etc" /etc
umask 077
exec "$@"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_read() {
        assert_eq!(processors("\t0-3,6\n"), [0, 1, 2, 3, 6]);
        assert_eq!(processors("5"), [5]);
        assert_eq!(processors(""), [0; 0]);
    }
}
