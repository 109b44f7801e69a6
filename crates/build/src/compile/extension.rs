//! Compiles the extension for one Postgres major in the builder, against a stub libpython, and splits off its debug
//! symbols.
//!
//! Cargo's target directory is kept between runs and shared by all majors: only pgrx-pg-sys and the extension itself are
//! compiled again for another major. It must not change the result. Cargo decides from the inputs what to compile again.
//! Inputs that cargo does not look at are in the name of the directory ([`kept_dir`]) or of a file that cargo does look at.
//! `reproduce` compares the result with a build from an empty cache.
//!
//! For other architectures than the first, the step passes the target to cargo and calls each program of the compiler by the
//! name that begins with GNU's triplet. Cross compilers and native compilers both have these names, so that one recipe
//! serves on either machine.

mod declared_rust;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use base::process;
use base::sandbox::Sandbox;
use symcheck::abi3::{Abi3, Abi3Kind};
use symcheck::server_release;
use symcheck::stamp::STUB_SONAME;
use symcheck::version::Version;
use targets::Architecture;
use targets::lock::crates::CrateLock;

use crate::compile::shared_objects::{REPORT, Wrapper};
use crate::layout::{CRATE_TREE, CRATES, HEADERS, STRIPPED};
use crate::plan::Work;
use crate::sbom::audit;
use crate::sbom::crates::CrateTree;
use crate::sbom::native::Native;

/// The oldest Python that one library serves; the stub offers its limited API and nothing newer.
pub const OLDEST_PYTHON: (u8, u8) = (3, 8);

/// The release of the headers, from the output of a compile job.
pub fn headers_of(compiled: &Path) -> Result<Option<Version>, FileError> {
    Ok(Version::parse(&files::read_text(&compiled.join(HEADERS))?))
}

/// Where everything that a compile reads lies on the host.
pub struct Compile<'a> {
    /// The major version of PostgreSQL that is compiled for.
    pub major: u16,
    /// The architecture that is compiled for.
    pub architecture: &'a Architecture,
    /// The root of the source tree; only `extension/` and `python/` of it are shown to the compiler.
    pub source: &'a Path,
    /// The builder's root file system.
    pub builder: &'a Path,
    /// The directory of libclang in it.
    pub libclang: &'a str,
    /// The pinned Rust toolchain.
    pub toolchain: &'a Path,
    /// A cargo home that holds every crate of `extension/Cargo.lock`.
    pub cargo_home: &'a Path,
    /// The directory with the server headers, as `postgresql-server-dev-N` unpacks them.
    pub headers: &'a Path,
    /// What they were made from.
    pub headers_key: Option<&'a Digest>,
    /// The unpacked package of the static OpenBLAS archive.
    pub openblas: &'a Path,
    /// What is linked in besides crates.
    pub native: &'a [Native],
    /// The version of that OpenBLAS (`0.3.21`), for its `.pc` file.
    pub openblas_version: &'a str,
    /// The static archives of the libraries in C++, each in a directory.
    pub archives: &'a [PathBuf],
    /// The limited API of Python.
    pub abi3: &'a Abi3,
    /// Directories that stay between runs: cargo's target directory and the staged source.
    pub kept: &'a Path,
    /// Put before the compilers, where the user named a store.
    pub wrapper: Option<&'a Wrapper>,
}

/// The names of the inputs in the source tree: what a compile sees of it.
pub const SOURCES: [&str; 2] = ["extension", "python/pgml_runtime"];

/// Files below [`SOURCES`] that the compiler must not see.
pub fn is_not_source(relative: &Path) -> bool {
    ["target", "editions", "core/tests", "deny.toml"]
        .iter()
        .any(|made| relative.starts_with(made))
        || relative
            .components()
            .any(|part| part.as_os_str() == "__pycache__")
}

/// The files below one of [`SOURCES`] that the compiler may see, relative to it.
pub fn source_files(dir: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut files = files::files_below(dir)?;
    files.retain(|relative| !is_not_source(relative));
    Ok(files)
}

impl Compile<'_> {
    /// Compiles; [`UNSTRIPPED`], [`STRIPPED`], [`DEBUG`], [`CRATES`] and [`CRATE_TREE`] are the job's output.
    pub fn run(&self, work: &Work<'_>) -> Result<String, Failure> {
        self.build(&work.scratch, &work.out, &work.log)?;
        let size = |name: &str| {
            let path = work.out.join(name);
            path.metadata()
                .map(|meta| meta.len())
                .map_err(FileError::at("read", path))
        };
        let shared = self.wrapper.map(Wrapper::summary).transpose()?;
        Ok(format!(
            "pgml.so for PostgreSQL {}, {:.1} MB stripped{}",
            self.major,
            size(STRIPPED)? as f64 / 1e6,
            shared.unwrap_or_default()
        ))
    }

    /// The same, into `out`.
    pub fn build(&self, scratch: &Path, out: &Path, log: &Path) -> Result<(), Failure> {
        let list = self.list_crates(scratch, out, log)?;
        let inputs = scratch.join("list");
        files::write(&inputs.join("section"), &list)?;
        let sandbox = self.sandbox(scratch)?;
        let sandbox = match self.wrapper {
            Some(wrapper) => wrapper.before_compilers(sandbox),
            None => sandbox,
        };
        sandbox
            .read_only(&inputs, "/in/list")
            // Cargo decides from the arguments whether to link again, and does not look into files that they name.
            .env("LIST", Digest::of(&list).to_string())
            .writable(out, "/build/out")
            .script(&format!("{PREPARE}{RUSTC}{SPLIT}{REPORT}"))
            .run(log)?;
        Ok(())
    }

    /// Writes the list of crates that will be linked, and returns it in the form for the library's section.
    fn list_crates(&self, scratch: &Path, out: &Path, log: &Path) -> Result<Vec<u8>, Failure> {
        let lock = CrateLock::load(&self.source.join("extension/Cargo.lock"))?;
        let unpacked = self.cargo_home.join("registry/src");
        declared_rust::check(
            &self.source.join("extension/Cargo.toml"),
            &lock,
            &unpacked.join(registry_name(self.cargo_home)?),
        )?;
        self.sandbox(scratch)?
            .writable(scratch, "/build/out")
            .script(&format!("{PREPARE}{TREE}"))
            .run(log)?;
        let tree = CrateTree::parse(&files::read_text(&scratch.join("tree.txt"))?)?;
        files::write(&out.join(CRATES), tree.lines())?;
        files::write(&out.join(CRATE_TREE), tree.to_json())?;
        let release = server_release::of_headers(self.headers, self.major)?;
        let release = release.map_or_else(String::new, |release| release.to_string());
        files::write(&out.join(HEADERS), release)?;
        Ok(audit::contents(&tree, &lock, self.native)?)
    }

    /// Runs clippy where the extension is compiled, with warnings as errors.
    pub fn clippy(&self, scratch: &Path, log: &Path) -> Result<(), Failure> {
        Ok(self
            .sandbox(scratch)?
            .script(&format!("{PREPARE}{CLIPPY}"))
            .run(log)?)
    }

    /// The builder with the sources and all that their build scripts look for; a script in it begins with [`PREPARE`].
    pub fn sandbox(&self, scratch: &Path) -> Result<Sandbox, Failure> {
        let source = self.stage_source()?;
        let target = self.kept.join("target");
        files::create_dir(&target)?;
        let inputs = scratch.join("inputs");
        self.write_inputs(&inputs)?;
        let archives = inputs.join("archives");
        for dir in self.archives {
            for archive in files::files_below(dir)? {
                files::link_or_copy(&dir.join(&archive), &archives.join(&archive))?;
            }
        }
        let registry = registry_name(self.cargo_home)?;
        let c_flags =
            "-O2 -ffile-prefix-map=/in/cargo/registry/src=crates -ffile-prefix-map=/build=build";
        let sandbox = Sandbox::new(self.builder)
            .tmpfs("/in")
            .tmpfs("/build")
            .read_only(&source, "/src")
            .read_only(self.toolchain, "/opt/rust")
            .read_only(self.cargo_home, "/in/cargo")
            .read_only(self.headers, "/in/headers")
            .read_only(self.openblas, "/in/openblas")
            .read_only(&inputs, "/in/generated")
            .writable(&target, "/build/target")
            .env("STUB_SONAME", STUB_SONAME)
            .env("MAJOR", self.major.to_string())
            .env("CARGO_HOME", "/in/cargo")
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_BUILD_JOBS", process::jobs().to_string())
            .env(
                "CARGO_ENCODED_RUSTFLAGS",
                rust_flags(&registry).join("\u{1f}"),
            )
            .env("CFLAGS", c_flags)
            .env(
                "PGRX_PG_CONFIG_PATH",
                format!("/in/generated/{}", self.pg_config_name()),
            )
            .env("PYO3_CONFIG_FILE", "/in/generated/pyo3-config.txt")
            .env("PKG_CONFIG_PATH", "/in/generated/pkgconfig")
            .env("PGML_ARCHIVES", "/in/generated/archives")
            .env("LIBCLANG_PATH", self.libclang);
        Ok(self.for_target(sandbox))
    }

    /// Sets the target for cargo and the build scripts, where it is not the first architecture.
    fn for_target(&self, sandbox: Sandbox) -> Sandbox {
        let architecture = self.architecture;
        if architecture.suffix().is_empty() {
            return sandbox
                .env("BUILT", "/build/target/release")
                .env("TOOLS", "");
        }
        let (rust, gnu) = (&architecture.rust, &architecture.gnu);
        let tool = |name: &str| format!("{gnu}-{name}");
        let of_target = |name: &str| format!("{name}_{}", rust.replace('-', "_"));
        sandbox
            .env("BUILT", format!("/build/target/{rust}/release"))
            .env("TOOLS", tool(""))
            // Named on the architecture's own machine as well: cargo leaves the machine out of the crates' identities only
            // where a target is named, and these are in the names of symbols.
            .env("CARGO_BUILD_TARGET", rust)
            .env(&architecture.cargo_variable("LINKER"), tool("gcc"))
            .env(&of_target("CC"), tool("gcc"))
            .env(&of_target("CXX"), tool("g++"))
            .env(&of_target("AR"), tool("ar"))
            .env("PKG_CONFIG_ALLOW_CROSS", "1")
            // Where a cross compiler's C library has its headers; natively there is no such directory, and none is needed.
            .env(
                &of_target("BINDGEN_EXTRA_CLANG_ARGS"),
                format!("--target={rust} -isystem /usr/{gnu}/include"),
            )
    }

    /// Copies what the compiler may see into a separate directory. Unchanged files keep their times, because cargo decides
    /// by the times what to compile again.
    fn stage_source(&self) -> Result<PathBuf, FileError> {
        let staged = self.kept.join("src");
        for dir in SOURCES {
            let (from, to) = (self.source.join(dir), staged.join(dir));
            files::create_dir(&to)?;
            let wanted = source_files(&from)?;
            for relative in files::files_below(&to)? {
                if !wanted.contains(&relative) {
                    let gone = to.join(&relative);
                    fs::remove_file(&gone).map_err(FileError::at("remove", &gone))?;
                }
            }
            for relative in wanted {
                let contents = files::read(&from.join(&relative))?;
                let copy = to.join(&relative);
                if fs::read(&copy).ok().as_ref() != Some(&contents) {
                    files::write(&copy, contents)?;
                    files::set_mode(&copy, 0o644)?;
                }
            }
        }
        Ok(staged)
    }

    /// Bindings are made again when this name changes: pgrx-pg-sys watches it, and does not watch the headers.
    fn pg_config_name(&self) -> String {
        let key = self.headers_key.map(Digest::short);
        format!("{}/pg_config", key.unwrap_or_default())
    }

    /// Writes the small files that tell the crates' build scripts where things are inside the sandbox.
    fn write_inputs(&self, dir: &Path) -> Result<(), FileError> {
        let oldest = format!("{}.{}", OLDEST_PYTHON.0, OLDEST_PYTHON.1);
        files::write(&dir.join("stub.c"), stub_source(self.abi3))?;
        files::write(
            &dir.join("pyo3-config.txt"),
            format!(
                "implementation=CPython\nversion={oldest}\nshared=true\nabi3=true\nlib_name=python3.00\n\
                 lib_dir=/build/stub\npointer_width=64\nbuild_flags=\nsuppress_build_script_link_lines=false\n"
            ),
        )?;
        files::write(
            &dir.join("pkgconfig/openblas.pc"),
            openblas_pc(
                "/in/openblas",
                &self.architecture.gnu,
                self.openblas_version,
            ),
        )?;
        let script = dir.join(self.pg_config_name());
        files::write(&script, pg_config(self.major, &self.architecture.gnu))?;
        files::set_mode(&script, 0o755)
    }
}

/// What pkg-config says of the static OpenBLAS that is unpacked below `root`. That lies outside /usr on purpose: pkg-config
/// refuses to link archives of system directories statically; cargo then gets the shared library, and nothing fails.
pub fn openblas_pc(root: &str, gnu: &str, version: &str) -> String {
    format!(
        "libdir={root}/usr/lib/{gnu}/openblas-serial\n\
         includedir={root}/usr/include/{gnu}/openblas-serial\n\
         Name: openblas\nDescription: OpenBLAS, the serial build\nVersion: {version}\n\
         Libs: -L${{libdir}} -lopenblas\nCflags: -I${{includedir}}\n"
    )
}

/// Links the stub libpython and finds the toolchain.
pub const PREPARE: &str = r#"
mkdir /build/stub
"${TOOLS}gcc" -shared -nostdlib -fPIC -w -Wl,-soname,"$STUB_SONAME" /in/generated/stub.c -o /build/stub/libpython3.00.so
export PATH=/opt/rust/bin:$PATH RUSTC=/opt/rust/bin/rustc
cd /src/extension
"#;

/// With the release profile, whose dependencies the compile job may have left in the target directory.
const CLIPPY: &str = r#"
cargo clippy --quiet --release --locked --offline --ignore-rust-version --no-default-features --features "pg$MAJOR,no-schema" \
    --workspace --all-targets --target-dir /build/target -- -D warnings
"#;

/// The crates that will be linked: `cargo tree` resolves features as `cargo build` does, which `cargo metadata` does not (it
/// adds what build scripts alone switch on).
const TREE: &str = r#"
cargo tree --quiet --locked --offline --no-default-features --features "pg$MAJOR,no-schema" --edges normal,no-proc-macro \
    --prefix depth --format '|{p}|{l}' > /build/out/tree.txt
"#;

/// Compiles with the list of crates linked in.
///
/// `--undefined` keeps the list, to which nothing refers, from being dropped as dead; the symbol is hidden, so that the
/// library exports nothing for it. The linker's arguments are for this one crate (`cargo rustc`), not for build scripts.
/// [`declared_rust`] checks the oldest Rust that crates declare, instead of cargo.
pub const RUSTC: &str = r#"
mkdir /build/list
printf '%s\n' '.section .dep-v0,"a",@progbits' '.globl AUDITABLE_VERSION_INFO' '.hidden AUDITABLE_VERSION_INFO' \
    'AUDITABLE_VERSION_INFO:' '.incbin "/in/list/section"' '.section .note.GNU-stack,"",@progbits' > /build/list/list.s
"${TOOLS}gcc" -c /build/list/list.s -o "/build/list/$LIST.o"
cargo rustc --release --locked --offline --ignore-rust-version --no-default-features --features "pg$MAJOR,no-schema" \
    --target-dir /build/target --lib -- \
    "-Clink-arg=/build/list/$LIST.o" -Clink-arg=-Wl,--undefined=AUDITABLE_VERSION_INFO
"#;

/// Splits the debug symbols off and strips the library as Debian's dh_strip does it; no .gnu_debuglink is added, debuggers
/// find the symbols by build-id.
const SPLIT: &str = r#"
cp "$BUILT/libpgml.so" /build/out/pgml.unstripped.so
cd /build/out
chmod 644 pgml.unstripped.so
"${TOOLS}objcopy" --only-keep-debug --compress-debug-sections pgml.unstripped.so pgml.debug
"${TOOLS}strip" --strip-unneeded --remove-section=.comment --remove-section=.note -o pgml.so pgml.unstripped.so
chmod 644 pgml.so pgml.debug
"#;

/// Flags for every crate. The paths inside the sandbox are constants already; they are mapped to names that mean
/// something in a backtrace on a user's machine.
fn rust_flags(registry: &str) -> Vec<String> {
    vec![
        format!("--remap-path-prefix=/in/cargo/registry/src/{registry}=crates"),
        "--remap-path-prefix=/src=pgml".into(),
        "--remap-path-prefix=/build/target=target".into(),
        "--remap-path-prefix=/opt/rust=rust".into(),
        // By content, so that debug symbols find their library and equal builds have equal ids.
        "-Clink-arg=-Wl,--build-id=sha1".into(),
        "-Clink-arg=-Wl,-z,relro,-z,now,-z,noexecstack".into(),
        // A symbol that neither the limited API (the stub) nor libc has must not wait until a user's server finds out;
        // those of Postgres itself are only there when it runs, so they can't be required at link time (rule S1 can).
        "-Clink-arg=-Wl,-z,text".into(),
    ]
}

/// The one directory below `registry/src`: its name depends on where crates come from, and must not reach the library.
fn registry_name(cargo_home: &Path) -> Result<String, FileError> {
    let dir = cargo_home.join("registry/src");
    let at = || FileError::at("find the crates in", &dir);
    let entry = fs::read_dir(&dir).map_err(at())?.next();
    let entry = entry.ok_or_else(|| at()(std::io::ErrorKind::NotFound.into()))?;
    Ok(entry
        .map_err(at())?
        .file_name()
        .to_string_lossy()
        .into_owned())
}

/// Names of the limited API that a libpython may lack although the list has them: in 3.9's headers this one became a
/// macro over PyCFunction_NewEx, and Debian 11's library does not export it.
const ABSENT: [&str; 1] = ["PyCFunction_New"];

/// C source of a libpython with the limited API's names and no behaviour: only ever linked against, never loaded.
fn stub_source(abi3: &Abi3) -> String {
    let mut text = String::new();
    let symbols: BTreeMap<&str, Abi3Kind> = abi3.symbols_up_to(OLDEST_PYTHON).collect();
    for (name, kind) in symbols
        .into_iter()
        .filter(|(name, _)| !ABSENT.contains(name))
    {
        let _ = match kind {
            Abi3Kind::Function => writeln!(text, "void {name}(void) {{}}"),
            Abi3Kind::Data => writeln!(text, "char {name}[64];"),
        };
    }
    text
}

/// A `pg_config` that answers for the unpacked headers, not for a server of the host.
fn pg_config(major: u16, gnu: &str) -> String {
    format!(
        r#"#!/bin/sh
# Answers for the headers of PostgreSQL {major} that lie in this build's inputs.
server=/in/headers/usr/include/postgresql/{major}/server
value() {{
    case "$1" in
        --version) sed -n 's/^#define PG_VERSION_STR "\(PostgreSQL [^ ]*\).*/\1/p' "$server/pg_config.h" ;;
        --includedir) echo /in/headers/usr/include/postgresql ;;
        --includedir-server) echo "$server" ;;
        --libdir) echo /usr/lib/{gnu} ;;
        --pkglibdir) echo /usr/lib/postgresql/{major}/lib ;;
        --bindir) echo /usr/lib/postgresql/{major}/bin ;;
        --sharedir) echo /usr/share/postgresql/{major} ;;
        --cppflags) echo -D_GNU_SOURCE -I/in/headers/usr/include ;;
        --cflags | --ldflags | --libs | --configure) echo ;;
        *) echo "pg_config: $1 is not known in this build" >&2; exit 1 ;;
    esac
}}
for option; do value "$option"; done
"#
    )
}

/// The directory that is kept between runs. Its name changes with the builder, the toolchain and the linked archives: cargo
/// sees the same paths and would use objects that no longer fit. `made_by` has the keys of the jobs that make the builder
/// and the archives.
pub fn kept_dir(cache: &Path, made_by: &[Option<&Digest>], toolchain: &str) -> PathBuf {
    let name = Digest::of(format!("{made_by:?} {toolchain}"));
    cache.join("build").join(name.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches objects of another compiler or archive that are linked in because cargo sees nothing new.
    #[test]
    fn what_cargo_does_not_look_at_has_a_directory_of_its_own() {
        let (one, other) = (Digest::of("1"), Digest::of("2"));
        let dir = |made_by: &[Option<&Digest>], toolchain: &str| {
            kept_dir(Path::new("cache"), made_by, toolchain)
        };
        let first = dir(&[Some(&one), Some(&one)], "1.95");
        assert_eq!(first, dir(&[Some(&one), Some(&one)], "1.95"));
        assert_ne!(first, dir(&[Some(&other), Some(&one)], "1.95"));
        assert_ne!(first, dir(&[Some(&one), Some(&other)], "1.95"));
        assert_ne!(first, dir(&[Some(&one), None], "1.95"));
        assert_ne!(first, dir(&[Some(&one), Some(&one)], "1.96"));
    }
}
