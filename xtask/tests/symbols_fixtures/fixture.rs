//! Builds a fixture: the good library, with what makes it bad.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use symcheck::expectation::{Expectation, Libpython, Profile};
use symcheck::report::{Report, Verdict};
use symcheck::rules::Rule;
use symcheck::scope::{FileSystem, Process};
use symcheck::sql;
use symcheck::surroundings::{Environment, PythonRuntime, Runtime, ServerRelease, Surroundings};
use symcheck::version::Version;
use symcheck::{Judgement, Rulebook, verify_library};
use tempfile::TempDir;

pub const MAP: &str = "{ global: Pg_magic_func; _PG_init; good; pg_finfo_good; local: *; };";

const KERNELS: &str = "KERNEL(PRESCOTT) KERNEL(NEHALEM) KERNEL(SANDYBRIDGE) KERNEL(HASWELL) KERNEL(ZEN) KERNEL(SKYLAKEX)";
const NAMES: &str = r#""Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX","#;
/// What stands for the extension: entry points, one SQL function, a Python call, and all the evidence of an OpenBLAS that
/// the rules ask for, without its 40 MB.
const GOOD: &str = r#"
    #define KERNEL(core) \
        static const long gotoblas_##core[4] __attribute__((used)) = {1, 2, 3, 4}; \
        static void dgemm_kernel_##core(void) __asm__("dgemm_kernel_" #core) __attribute__((used)); \
        static void dgemm_kernel_##core(void) {}
    KERNEL(PRESCOTT) KERNEL(NEHALEM) KERNEL(SANDYBRIDGE) KERNEL(HASWELL) KERNEL(ZEN) KERNEL(SKYLAKEX)
    static const long *gotoblas __attribute__((used)) = gotoblas_HASWELL;
    static void gotoblas_init(void) __attribute__((used));
    static void gotoblas_init(void) {}
    extern void *malloc(unsigned long);
    extern void *PyLong_FromLong(long);
    static const char *const texts[] __attribute__((used)) = {
        CONFIGURATION, "Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX",
    };
    const void *Pg_magic_func(void) { return texts[0]; }
    void _PG_init(void) { PyLong_FromLong((long)malloc(1)); }
    const void *pg_finfo_good(void) { return gotoblas; }
    void good(void) {}
"#;

pub static BOOK: LazyLock<Rulebook> = LazyLock::new(|| {
    Rulebook::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")).unwrap()
});

/// What a fixture is built for, and by which compiler.
#[derive(Clone, Copy)]
pub struct Machine {
    /// Debian's name of the architecture.
    pub architecture: &'static str,
    /// The C compiler that makes libraries for it.
    pub compiler: &'static str,
    /// Where the dynamic linker finds libraries.
    pub libraries: &'static str,
    /// Where this machine has that architecture's libc.
    pub libc: &'static str,
}

/// What this machine itself compiles for.
pub const AMD64: Machine = Machine {
    architecture: "amd64",
    compiler: "cc",
    libraries: "/lib/x86_64-linux-gnu",
    libc: "/lib/x86_64-linux-gnu",
};

/// What Debian's cross compiler is for.
pub const ARM64: Machine = Machine {
    architecture: "arm64",
    compiler: "aarch64-linux-gnu-gcc",
    libraries: "/lib/aarch64-linux-gnu",
    libc: "/usr/aarch64-linux-gnu/lib",
};

/// A directory with a stub libpython and whatever the fixture adds.
pub struct Fixture {
    pub machine: Machine,
    pub dir: TempDir,
    pub source: String,
    pub map: String,
    pub flags: Vec<String>,
    pub libpython: &'static str,
    pub configuration: &'static str,
    /// The name of the library that the wheel bundles.
    pub bundled: &'static str,
    /// Whether the server is linked to a fixed address.
    pub fixed: bool,
    /// Which release the server is taken for.
    pub release: ServerRelease,
    /// What the server has besides, in C.
    pub server: String,
    /// A library of the fixture that the server has opened before.
    pub beside: Option<&'static str>,
}

impl Fixture {
    pub fn good() -> Self {
        Self {
            machine: AMD64,
            dir: TempDir::new().unwrap(),
            source: GOOD.to_owned(),
            map: MAP.to_owned(),
            flags: vec!["-Wl,-z,relro,-z,now,-z,noexecstack".to_owned()],
            libpython: "libpython3.11.so.1.0",
            configuration: "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFIN SINGLE_THREADED",
            bundled: "libbundled.so",
            fixed: false,
            release: ServerRelease::default(),
            server: String::new(),
            beside: None,
        }
    }

    /// The good one for AArch64, with the kernels that are asked for there.
    pub fn good_on_arm64() -> Self {
        let kernels = "KERNEL(ARMV8) KERNEL(CORTEXA53) KERNEL(CORTEXA57) KERNEL(CORTEXA72) KERNEL(NEOVERSEN1) \
                       KERNEL(THUNDERX2T99)";
        let names =
            r#""armv8", "cortexa53", "cortexa57", "cortexa72", "neoversen1", "thunderx2t99","#;
        let mut fixture = Self::good();
        fixture.machine = ARM64;
        for (amd64, arm64) in [
            (KERNELS, kernels),
            (NAMES, names),
            ("gotoblas_HASWELL", "gotoblas_NEOVERSEN1"),
        ] {
            assert!(fixture.source.contains(amd64), "{amd64}");
            fixture.source = fixture.source.replace(amd64, arm64);
        }
        fixture
    }

    /// Links a library of the machine.
    fn cc(&self, args: &[&str]) {
        compile(self.machine, args);
    }

    pub fn also(mut self, source: &str) -> Self {
        self.source.push_str(source);
        self
    }

    pub fn without(mut self, text: &str) -> Self {
        assert!(
            self.source.contains(text),
            "the fixture has nothing like `{text}` to leave out"
        );
        self.source = self.source.replace(text, "");
        self
    }

    pub fn exports(mut self, names: &str) -> Self {
        self.map = self.map.replace("local:", &format!("{names} local:"));
        self
    }

    pub fn flags<const N: usize>(mut self, flags: [&str; N]) -> Self {
        self.flags.extend(flags.map(str::to_owned));
        self
    }

    /// Makes a shared library beside it and links the fixture with it.
    pub fn with_library(mut self, soname: &str, source: &str, map: &str) -> Self {
        let path = self.library(soname, source, map);
        self.flags.push("-Wl,--no-as-needed".to_owned());
        self.flags.push(path.display().to_string());
        self
    }

    pub fn library(&self, soname: &str, source: &str, map: &str) -> PathBuf {
        let path = self.dir.path().join(soname);
        let (c, v) = (path.with_extension("c"), path.with_extension("map"));
        fs::write(&c, source).unwrap();
        fs::write(&v, map).unwrap();
        self.cc(&[
            "-o",
            path.to_str().unwrap(),
            c.to_str().unwrap(),
            "-nostdlib",
            &format!("-Wl,-soname,{soname},--version-script={}", v.display()),
        ]);
        path
    }

    pub fn build(&self) -> PathBuf {
        let dir = self.dir.path();
        let python = self.library(self.libpython, PYTHON, "{ global: *; };");
        let (c, map, out) = (
            dir.join("pgml.c"),
            dir.join("pgml.map"),
            dir.join("pgml.so"),
        );
        fs::write(
            &c,
            format!(
                "#define CONFIGURATION \"{}\"\n{}",
                self.configuration, self.source
            ),
        )
        .unwrap();
        fs::write(&map, &self.map).unwrap();
        let mut args = vec![
            "-o".to_owned(),
            out.display().to_string(),
            c.display().to_string(),
            format!("-Wl,--version-script={}", map.display()),
        ];
        args.extend(self.flags.iter().cloned());
        args.push(python.display().to_string());
        self.cc(&args.iter().map(String::as_str).collect::<Vec<_>>());
        out
    }

    pub fn judge(&self) -> Report {
        self.judge_with(&expectation())
    }

    pub fn judge_with(&self, expectation: &Expectation) -> Report {
        let path = self.build();
        self.judge_file(&path, expectation)
    }

    /// Judges a file in a server that stands for Postgres, with a runtime that stands for Python's. The server has what
    /// the fixture has put into its directory, and this machine's libc.
    pub fn judge_file(&self, path: &Path, expectation: &Expectation) -> Report {
        let dir = self.dir.path();
        if !dir.join("libpython3.11.so.1.0").exists() {
            self.library("libpython3.11.so.1.0", PYTHON, "{ global: *; };");
        }
        let server = self.server();
        let runtime = self.runtime();
        let mut names = FileSystem::new(&BOOK.policy.loading);
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            // This machine's own come first only where the fixture has none of that name.
            if name.starts_with("lib") && name.contains(".so") {
                let at = self.machine.libraries;
                names = names.file(&format!("{at}/{name}"), &entry.path());
            }
        }
        let files = names
            .directory("/fixture", dir)
            .directory(self.machine.libraries, Path::new(self.machine.libc));
        // The rest of this machine is its own architecture's.
        let files = match self.machine.architecture {
            "amd64" => files.directory("/", Path::new("/")),
            _ => files,
        };
        let process = Process::start(&files, &format!("/fixture/{server}")).unwrap();
        let mut surroundings = Surroundings::new(
            process,
            vec!["this machine's libc".to_owned()],
            PythonRuntime::Known(Runtime::new("a module and what it bundles", runtime)),
        )
        .of_release(self.release.clone());
        if let Some(library) = self.beside {
            surroundings
                .open_beside(&format!("/fixture/{library}"))
                .unwrap();
        }
        let environment = Environment::Known(Box::new(surroundings));
        let by = Judgement {
            book: &BOOK,
            expectation,
            environment: &environment,
            names: None,
        };
        verify_library(path, "pgml.so", &by).unwrap()
    }

    /// A program with one function that extensions call, and `twice`, which a library of the fixture may define again.
    fn server(&self) -> &'static str {
        let c = self.dir.path().join("server.c");
        fs::write(
            &c,
            format!(
                "extern int getpid(void); void *address(void) {{ return getpid; }} \
                 void ereport_(void) {{}} void twice(void) {{}} int main(void) {{ return 0; }} {}",
                self.server
            ),
        )
        .unwrap();
        let out = self.dir.path().join("server");
        let flags = match self.fixed {
            true => ["-no-pie", "-fno-pie"],
            false => ["-pie", "-fPIE"],
        };
        run(Command::new(self.machine.compiler)
            .args(["-w", "-rdynamic"])
            .args(flags)
            .arg("-o")
            .args([&out, &c]));
        "server"
    }

    /// A module of Python's with a BLAS of its own, which calls itself through exported names as real ones do.
    fn runtime(&self) -> Vec<String> {
        let root = self.dir.path().join("site-packages");
        for dir in ["scipy", "scipy.libs"] {
            fs::create_dir_all(root.join(dir)).unwrap();
        }
        let (blas, module) = (
            root.join("scipy.libs").join(self.bundled),
            root.join("scipy/module.so"),
        );
        let source = self.dir.path().join("runtime.c");
        let link = |out: &Path, text: &str, flags: &[&str]| {
            fs::write(&source, text).unwrap();
            let mut args = vec![
                "-o",
                out.to_str().unwrap(),
                source.to_str().unwrap(),
                "-nostdlib",
            ];
            args.extend(flags);
            self.cc(&args);
        };
        let text = "
            __attribute__((weak)) void standard(void) __asm__(\"_ZNSt1xEv\"); void standard(void) {}
            __attribute__((weak)) void user(void) __asm__(\"_ZN4user1xEv\"); void user(void) {}
            void *gotoblas; void dsyrk_(void) {} void entry(void) { dsyrk_(); gotoblas = 0; standard(); user(); }";
        link(&blas, text, &[&format!("-Wl,-soname,{}", self.bundled)]);
        let text = "extern void entry(void), dsyrk_(void); void PyInit_module(void) { entry(); dsyrk_(); }";
        link(
            &module,
            text,
            &["-Wl,-rpath,$ORIGIN/../scipy.libs", blas.to_str().unwrap()],
        );
        ["scipy/module.so", &format!("scipy.libs/{}", self.bundled)]
            .map(|path| format!("/fixture/site-packages/{path}"))
            .into()
    }
}

/// The part of libpython that the fixtures use.
const PYTHON: &str = "void *PyLong_FromLong(long x) { return 0; } void *_PyLong_New(long x) { return 0; } int _Py_IsFinalizing(void) { return 0; } void Py_NewRef(void) {}";

fn run(command: &mut Command) {
    let output = command
        .output()
        .expect("the fixtures need binutils, a C compiler, and gcc-aarch64-linux-gnu where they are for AArch64");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Links a library of this machine.
pub fn cc(args: &[&str]) {
    compile(AMD64, args);
}

fn compile(machine: Machine, args: &[&str]) {
    run(Command::new(machine.compiler)
        .args(["-shared", "-fPIC", "-O1", "-w"])
        .args(args));
}

pub fn expectation() -> Expectation {
    let floors = [
        ("GLIBC", "2.31"),
        ("GLIBCXX", "3.4.28"),
        ("CXXABI", "1.3.12"),
        ("GCC", "7.0.0"),
    ];
    Expectation {
        target: "debian12-pg15".to_owned(),
        profile: Profile::Extension,
        architecture: "amd64".to_owned(),
        floors: floors
            .map(|(name, version)| (name.to_owned(), Version::parse(version).unwrap()))
            .into(),
        server: None,
        libpython: Libpython::Exactly("libpython3.11.so.1.0".to_owned()),
        sql_symbols: Some(sql::c_symbols(
            "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'MODULE_PATHNAME', 'good';",
        )),
        before_strip: true,
    }
}

/// Refused by exactly these rules, and the findings say all of these things.
#[track_caller]
pub fn refused(report: &Report, rules: &[Rule], says: &[&str]) {
    let text = serde_json::to_string_pretty(report).unwrap();
    assert_eq!(report.broken(), rules, "{text}");
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(!report.passed());
    for words in says {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
}
