//! The programs of others that commands need, and the packages that bring them.

use super::Host;
use base::process::Program;

/// How one sees that a tool is there.
#[derive(Debug, Clone, Copy)]
pub enum Sign {
    /// A program of this name is on the system's path.
    Program(&'static str),
    /// A file has this absolute path.
    File(&'static str),
    /// A program of this name is on the system's path, or this process is root's and does without.
    ProgramOfUsers(&'static str),
    /// This command ends well.
    Runs(&'static [&'static str]),
}

/// A program, a set of keys, …
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// What people call it.
    pub name: &'static str,
    /// The packages of Debian and Ubuntu that have it, in their different releases: the first that the machine's apt knows is
    /// installed.
    pub packages: &'static [&'static str],
    /// How one sees that it is there.
    pub sign: Sign,
}

const fn program(name: &'static str, packages: &'static [&'static str]) -> Tool {
    Tool {
        name,
        packages,
        sign: Sign::Program(name),
    }
}

/// Makes root file systems.
pub const MMDEBSTRAP: Tool = program("mmdebstrap", &["mmdebstrap"]);
/// Enters them without network.
pub const BWRAP: Tool = program("bwrap", &["bubblewrap"]);
/// Makes the indexes of apt repositories.
pub const APT_FTPARCHIVE: Tool = program("apt-ftparchive", &["apt-utils"]);
/// Signs the indexes of apt repositories.
pub const GPG: Tool = program("gpg", &["gnupg"]);
/// Unpacks and packs packages.
pub const DPKG_DEB: Tool = program("dpkg-deb", &["dpkg"]);
/// Resolves package sets, and fetches their packages.
pub const APT: Tool = Tool {
    name: "apt",
    packages: &["apt"],
    sign: Sign::File("/usr/lib/apt/apt-helper"),
};
/// Fetches wheels from the package index.
pub const PIP: Tool = Tool {
    name: "pip",
    packages: &["python3-pip"],
    sign: Sign::Runs(&["python3", "-m", "pip", "--version"]),
};
/// Compiles the fixtures of the symbol rules for arm64.
pub const GCC_AARCH64: Tool = program("aarch64-linux-gnu-gcc", &["gcc-aarch64-linux-gnu"]);
/// What they are linked with, which that package only recommends.
pub const LIBC_AARCH64: Tool = Tool {
    name: "the C library for arm64",
    packages: &["libc6-dev-arm64-cross"],
    sign: Sign::File("/usr/aarch64-linux-gnu/lib/libc.so"),
};
/// The second witness of the symbol rules.
pub const NM: Tool = program("nm", &["binutils"]);
/// The second witness of the ELF rules.
pub const READELF: Tool = program("readelf", &["binutils"]);
/// Compresses the repository's indexes.
pub const XZ: Tool = program("xz", &["xz-utils"]);
/// Runs pip, and test programs.
pub const PYTHON: Tool = program("python3", &["python3"]);
/// Verifies signatures by a keyring.
pub const GPGV: Tool = program("gpgv", &["gpgv"]);
/// Checks packages against Debian's policy.
pub const LINTIAN: Tool = program("lintian", &["lintian"]);
/// Installs and removes packages as Debian's archive does before it accepts them.
pub const PIUPARTS: Tool = program("piuparts", &["piuparts"]);
/// Keeps compiled objects for several machines.
pub const REDIS: Tool = program("redis-server", &["redis-server"]);
/// Runs the tests of installed packages.
pub const AUTOPKGTEST: Tool = program("autopkgtest", &["autopkgtest"]);
/// Reads JSON in the script that makes the assets of a release.
pub const JQ: Tool = program("jq", &["jq"]);
/// Copies a directory to an object store.
pub const AWS: Tool = program("aws", &["awscli"]);
/// Publishes a release directory on a server.
pub const RSYNC: Tool = program("rsync", &["rsync"]);
/// Finds debug symbols, to test that they fit.
pub const GDB: Tool = program("gdb", &["gdb"]);
/// A processor of the oldest kind.
pub const QEMU_USER: Tool = program("qemu-x86_64-static", &["qemu-user-static", "qemu-user"]);
/// Runs arm64's programs elsewhere.
pub const QEMU_AARCH64: Tool = program("qemu-aarch64-static", &["qemu-user-static", "qemu-user"]);
/// Reads shell scripts as an expert would.
pub const SHELLCHECK: Tool = program("shellcheck", &["shellcheck"]);
/// Explains how two packages differ.
pub const DIFFOSCOPE: Tool = program("diffoscope", &["diffoscope-minimal", "diffoscope"]);
/// Gives an ordinary user more than one user id in a namespace: `reproduce` becomes one.
pub const NEWUIDMAP: Tool = program("newuidmap", &["uidmap"]);
/// [`NEWUIDMAP`] for a process of an ordinary user, which makes root file systems in such a namespace. Root needs none.
pub const NEWUIDMAP_OF_USERS: Tool = Tool {
    name: "newuidmap",
    packages: &["uidmap"],
    sign: Sign::ProgramOfUsers("newuidmap"),
};
/// Evaluates the Nix expressions.
pub const NIX: Tool = program("nix", &["nix-bin"]);
/// What a flake is read through.
pub const GIT: Tool = program("git", &["git"]);
/// Looks at the report as a person's browser does.
pub const CHROMIUM: Tool = program("chromium", &["chromium"]);
/// Hands images over, and runs them.
pub const DOCKER: Tool = program("docker", &["docker.io"]);
/// Hands images over, and runs them.
pub const PODMAN: Tool = program("podman", &["podman"]);
/// Runs the services of docker/compose.yaml.
pub const DOCKER_COMPOSE: Tool = program("docker-compose", &["docker-compose"]);
/// Starts containers for podman where crun can't.
pub const RUNC: Tool = program("runc", &["runc"]);
/// Reads images, as registries' users do.
pub const SKOPEO: Tool = program("skopeo", &["skopeo"]);
/// Unpacks images by the specification's own library.
pub const UMOCI: Tool = program("umoci", &["umoci"]);

/// What `dist` and `test` can't do without.
pub const BUILD_TOOLS: [Tool; 12] = [
    APT,
    DPKG_DEB,
    MMDEBSTRAP,
    NEWUIDMAP_OF_USERS,
    BWRAP,
    APT_FTPARCHIVE,
    GPG,
    NM,
    READELF,
    XZ,
    PYTHON,
    PIP,
];

impl Tool {
    /// Whether a process on this machine uses it at all: root does without what only users need.
    pub fn is_used(&self, host: &Host) -> bool {
        !(host.root && matches!(self.sign, Sign::ProgramOfUsers(_)))
    }

    /// Whether this machine has it.
    pub fn present(&self, host: &Host) -> bool {
        match self.sign {
            Sign::Program(name) => host.program(name).is_some(),
            Sign::ProgramOfUsers(name) => host.root || host.program(name).is_some(),
            Sign::File(path) => std::path::Path::new(path).exists(),
            Sign::Runs([name, args @ ..]) => Program::new(*name)
                .args(args.iter().copied())
                .attempt()
                .is_ok_and(|output| output.status.success()),
            Sign::Runs([]) => false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// What packages bring that are essential in every release of Debian and Ubuntu (coreutils, tar, util-linux, …), and the Rust
    /// toolchain that compiled this program, with the compiler that it links by.
    const EVERYWHERE: [&str; 26] = [
        "cargo",
        "cc",
        "cp",
        "date",
        "dpkg",
        "env",
        "find",
        "gzip",
        "ls",
        "mount",
        "nsenter",
        "rm",
        "rustc",
        "setpriv",
        "sh",
        "sha256sum",
        "tar",
        "timeout",
        "true",
        "umount",
        "unshare",
        // apt's own, and what apt verifies with; a machine without apt is told so.
        "apt-cache",
        "apt-get",
        "/usr/lib/apt/apt-helper",
        "sqv",
        // gnupg brings it beside `gpg`.
        "gpgconf",
    ];

    /// The programs that the code starts by name, outside of tests.
    fn started() -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let sources = ["crates", "xtask/src"].map(|dir| walkdir::WalkDir::new(root.join(dir)));
        for entry in sources.into_iter().flatten() {
            let path = entry.unwrap().into_path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let in_tests = path.components().any(|part| part.as_os_str() == "tests");
            if !name.ends_with(".rs") || name == "tests.rs" || in_tests {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\n").next().unwrap();
            for start in ["Program::new(\"", "Command::new(\""] {
                for part in text.split(start).skip(1) {
                    found.insert(part.split('"').next().unwrap().to_owned());
                }
            }
        }
        found
    }

    /// Every tool that this module names.
    fn tools() -> Vec<Tool> {
        let all = [
            APT,
            APT_FTPARCHIVE,
            AUTOPKGTEST,
            AWS,
            BWRAP,
            CHROMIUM,
            DIFFOSCOPE,
            DOCKER,
            DOCKER_COMPOSE,
            DPKG_DEB,
            GCC_AARCH64,
            GDB,
            GIT,
            GPG,
            GPGV,
            JQ,
            LIBC_AARCH64,
            LINTIAN,
            MMDEBSTRAP,
            NEWUIDMAP,
            NEWUIDMAP_OF_USERS,
            NIX,
            NM,
            PIP,
            PIUPARTS,
            PODMAN,
            PYTHON,
            QEMU_AARCH64,
            QEMU_USER,
            READELF,
            REDIS,
            RSYNC,
            RUNC,
            SHELLCHECK,
            SKOPEO,
            UMOCI,
            XZ,
        ];
        all.to_vec()
    }

    /// Catches a `dist` that ends after six minutes because a small system lacks what nobody had looked for.
    #[test]
    fn every_program_that_the_code_starts_is_a_tool_that_is_looked_for() {
        let started = started();
        assert!(started.len() > 30 && started.contains("xz"), "{started:?}");
        let tools = tools();
        // Of one package with a tool: `ar` and `objcopy` are binutils', as `nm` is.
        let beside = [
            ("ar", NM),
            ("objcopy", NM),
            ("aarch64-linux-gnu-gcc", GCC_AARCH64),
        ];
        let known = |name: &String| {
            EVERYWHERE.contains(&name.as_str())
                || beside.iter().any(|(other, _)| other == name)
                || tools.iter().any(|tool| tool.name == name)
        };
        let unknown: Vec<&String> = started.iter().filter(|name| !known(name)).collect();
        assert!(unknown.is_empty(), "no tool of host/tools.rs: {unknown:?}");
    }

    /// Catches a tool that `dist` needs and `doctor` does not look for.
    #[test]
    fn doctor_looks_for_all_that_dist_needs() {
        let needed = super::super::doctor::needed();
        let missing: Vec<&str> = BUILD_TOOLS
            .iter()
            .map(|tool| tool.name)
            .filter(|name| !needed.contains(name))
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
