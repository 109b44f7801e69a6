//! The suite `fuzz`: no file makes the ELF reader, the rules, the `.deb` reader or a reader of models panic, hang or use
//! unbounded memory.
//!
//! libFuzzer drives the targets in `fuzz/` by the coverage that the compiler's own pass counts. That pass is a code
//! generation option of the pinned stable toolchain, so neither cargo-fuzz nor a nightly compiler is needed. The inputs that
//! reached new code are kept in the cache, and the next run starts from them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::exit::Failure;
use base::files;
use base::process::Program;
use base::progress::Listener;
use base::workspace::Workspace;

use crate::cases::{Case, Cases, ensure};

/// Each target in `fuzz/fuzz_targets/`, and the minimum of code places that it reaches from its seeds alone. Fewer means
/// that the coverage is not counted, or that the reader refuses the seeds at once.
const TARGETS: [(&str, u64); 5] = [
    ("elf", 1000),
    ("deb", 1000),
    ("lightgbm", 1000),
    ("xgboost", 1000),
    ("onnx", 1000),
];

/// Counts edges, with tables of where they are, and shows comparisons to the fuzzer.
const INSTRUMENTATION: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// With a target named, build scripts and macros stay as they are.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// What one run of a target saw, in libFuzzer's numbers.
#[derive(Debug, PartialEq, Eq)]
struct Figures {
    executions: u64,
    coverage: u64,
    corpus: u64,
}

/// Builds the targets and runs each for some seconds.
pub fn run(
    workspace: &Workspace,
    seconds: u64,
    listener: &dyn Listener,
) -> Result<Vec<Case>, Failure> {
    let mut cases = Cases::new("fuzz:", listener);
    let dir = workspace.cache.join("fuzz");
    let built = cases.run("the targets build with coverage (fuzz/)", || {
        build(workspace, &dir.join("target"))
    });
    if built.is_none() {
        return Ok(cases.done);
    }
    let log = workspace.log("test-fuzz-seeds");
    files::write(&log, "")?;
    for (target, least) in TARGETS {
        let seeds = dir.join("seeds").join(target);
        files::remove_dir(&seeds)?;
        files::create_dir(&seeds)?;
        match target {
            "elf" => elf_seeds(&seeds, &log)?,
            "deb" => deb_seeds(&seeds, &log)?,
            _ => model_seeds(workspace, &seeds, target)?,
        }
        cases.run(&format!("{target}, {seconds} s"), || {
            let figures = fuzz(workspace, &dir, target, &seeds, seconds)?;
            listener.note(&format!(
                "fuzz: {target}: {} executions, {} places in the code reached, {} inputs kept",
                figures.executions, figures.coverage, figures.corpus
            ));
            ensure(figures.coverage >= least, || {
                format!("only {} places in the code were reached", figures.coverage)
            })
        });
    }
    Ok(cases.done)
}

fn build(workspace: &Workspace, target_dir: &Path) -> Result<(), Failure> {
    Ok(Program::new("cargo")
        .inherit_env("PATH")
        .inherit_env("HOME")
        .inherit_env("RUSTUP_HOME")
        .inherit_env("CARGO_HOME")
        .env("RUSTFLAGS", INSTRUMENTATION)
        .args(["build", "--quiet", "--release", "--locked"])
        .args(["--manifest-path", "fuzz/Cargo.toml", "--target", PLATFORM])
        .args(["--target-dir".as_ref(), target_dir.as_os_str()])
        .dir(&workspace.root)
        .run(&workspace.log("test-fuzz-build"))?)
}

fn fuzz(
    workspace: &Workspace,
    dir: &Path,
    target: &str,
    seeds: &Path,
    seconds: u64,
) -> Result<Figures, Failure> {
    let corpus = dir.join("corpus").join(target);
    files::create_dir(&corpus)?;
    let found = dir.join("found").join(target);
    files::create_dir(&found)?;
    let program = dir
        .join("target")
        .join(PLATFORM)
        .join("release")
        .join(target);
    let log = workspace.log(&format!("test-fuzz-{target}"));
    files::write(&log, "")?;
    // An input that ends it is written below `found`, and its name is among the last lines of the failure.
    Program::new(program.display().to_string())
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .args([
            "-max_len=32768",
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-malloc_limit_mb=512",
        ])
        .args(["-print_final_stats=1", "-verbosity=1"])
        .args([corpus.as_os_str(), seeds.as_os_str()])
        .dir(dir)
        .run(&log)?;
    let text = files::read_text(&log)?;
    let figures = figures(&text);
    ensure(figures.is_some(), || {
        format!(
            "libFuzzer gives no figures; its output is in {}",
            log.display()
        )
    })?;
    Ok(figures.unwrap_or(Figures {
        executions: 0,
        coverage: 0,
        corpus: 0,
    }))
}

/// Reads libFuzzer's last status line and its final statistics.
fn figures(text: &str) -> Option<Figures> {
    let after = |line: &str, word: &str| -> Option<u64> {
        let rest = line.split_once(word)?.1.trim_start();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let status = text.lines().rfind(|line| line.contains(" cov: "))?;
    let executed = "stat::number_of_executed_units:";
    let executions = text.lines().rfind(|line| line.starts_with(executed))?;
    Some(Figures {
        executions: after(executions, executed)?,
        coverage: after(status, " cov: ")?,
        corpus: after(status, " corp: ")?,
    })
}

/// Small models as LightGBM, XGBoost, skl2onnx and pgml write them: `fuzz/seeds.json` has their bytes in hexadecimal.
fn model_seeds(workspace: &Workspace, dir: &Path, target: &str) -> Result<(), Failure> {
    let path = workspace.root.join("fuzz/seeds.json");
    let bad = || Failure::bug(format!("{} has no models for {target}", path.display()));
    let all: BTreeMap<String, Vec<String>> =
        serde_json::from_str(&files::read_text(&path)?).map_err(|_| bad())?;
    let seeds = all.get(target).ok_or_else(bad)?;
    for (place, seed) in seeds.iter().enumerate() {
        let byte = |at: usize| {
            let digits = seed.get(at..at + 2)?;
            u8::from_str_radix(digits, 16).ok()
        };
        let bytes: Option<Vec<u8>> = (0..seed.len()).step_by(2).map(byte).collect();
        files::write(&dir.join(place.to_string()), bytes.ok_or_else(bad)?)?;
    }
    Ok(())
}

/// Small libraries with each structure that the reader knows: versions needed and defined, RPATH, notes, a symbol table, and
/// the words that the rules look for.
fn elf_seeds(dir: &Path, log: &Path) -> Result<(), Failure> {
    const PLAIN: &str = "int f(void) { return 1; } int dgemm_(void) { return f(); }";
    const CALLS: &str = "extern int puts(const char *); extern int PyLong_AsLong(void *) __attribute__((weak)); \
         int f(void) { return puts(\"OpenBLAS 0.3.21 DYNAMIC_ARCH Haswell SINGLE_THREADED\"); } int g(void) { return f(); } \
         int gotoblas = 1; void *table[] = { &gotoblas, f, g, PyLong_AsLong };";
    let script = dir.with_extension("map");
    files::write(
        &script,
        "V_1 { global: f; gotoblas; local: *; }; V_2 { global: g; } V_1;",
    )?;
    let versions = format!("-Wl,--version-script={}", script.display());
    let variants: [(&str, &str, &[&str]); 5] = [
        ("plain", PLAIN, &["-nostdlib", "-s"]),
        ("symbols", PLAIN, &["-nostdlib"]),
        (
            "versions",
            CALLS,
            &["-s", "-Wl,-soname,libx.so.1,-rpath,/x", &versions],
        ),
        (
            "sysv",
            CALLS,
            &["-s", "-Wl,--hash-style=sysv,-z,execstack", &versions],
        ),
        (
            "packed",
            CALLS,
            &["-s", "-Wl,-z,now,-z,relro,-z,pack-relative-relocs"],
        ),
    ];
    for (name, source, options) in variants {
        let c = dir.with_extension("c");
        files::write(&c, source)?;
        Program::new("cc")
            .inherit_env("PATH")
            .args([
                "-shared",
                "-fPIC",
                "-w",
                "-Wl,-z,noseparate-code,-z,max-page-size=4096",
            ])
            .args(options.iter().copied())
            .args(["-o".as_ref(), dir.join(name).as_os_str(), c.as_os_str()])
            .run(log)?;
    }
    Ok(())
}

/// A package in each compression, with long names, links and a library.
fn deb_seeds(dir: &Path, log: &Path) -> Result<(), Failure> {
    let tree = dir.with_extension("tree");
    files::remove_dir(&tree)?;
    let control = "Package: x\nVersion: 1:2-3\nArchitecture: amd64\nMaintainer: x <x@example.org>\n\
         Description: short\n long\n .\n more\n";
    files::write(&tree.join("DEBIAN/control"), control)?;
    files::write(
        &tree.join("usr/lib/postgresql/15/lib/pgml.so"),
        "\x7fELF and no more",
    )?;
    let long: PathBuf = ["usr/lib", &"long/".repeat(40), "name"].iter().collect();
    files::write(&tree.join(long), "x")?;
    let link = tree.join("usr/lib/link.so");
    std::os::unix::fs::symlink("postgresql/15/lib/pgml.so", &link)
        .map_err(files::FileError::at("make the link", &link))?;
    let hard = tree.join("usr/lib/hard.so");
    std::fs::hard_link(tree.join("usr/lib/postgresql/15/lib/pgml.so"), &hard)
        .map_err(files::FileError::at("make the link", &hard))?;
    for compression in ["none", "gzip", "xz", "zstd"] {
        Program::new("dpkg-deb")
            .args(["--root-owner-group", "-Z", compression, "--build"])
            .args([tree.as_os_str(), dir.join(compression).as_os_str()])
            .run(log)?;
    }
    // What dpkg-deb no longer makes: other compressions, and tar's other formats.
    for (name, format, packer) in [("bz2", "pax", "bzip2"), ("lzma", "ustar", "lzma")] {
        let parts = dir.with_extension("parts");
        files::remove_dir(&parts)?;
        files::create_dir(&parts)?;
        files::write(&parts.join("debian-binary"), "2.0\n")?;
        for (member, place) in [("control", "DEBIAN"), ("data", "usr")] {
            Program::new("tar")
                .arg(format!("--format={format}"))
                .arg(format!("--use-compress-program={packer}"))
                .args(["--exclude=long", "--create", "--file"])
                .arg(parts.join(format!("{member}.tar.{name}")))
                .args(["--directory".as_ref(), tree.join(place).as_os_str()])
                .arg(".")
                .run(log)?;
        }
        Program::new("ar")
            .args(["rcD".as_ref(), dir.join(name).as_os_str()])
            .args([
                "debian-binary".to_owned(),
                format!("control.tar.{name}"),
                format!("data.tar.{name}"),
            ])
            .dir(&parts)
            .run(log)?;
        files::remove_dir(&parts)?;
    }
    Ok(files::remove_dir(&tree)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_libfuzzer() {
        let text = "#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0\n#9\tDONE   cov: 345 ft: 678 corp: 21/4Kb lim: 4\n\
                    stat::number_of_executed_units: 1234\nstat::average_exec_per_sec:     0\n";
        let expected = Figures {
            executions: 1234,
            coverage: 345,
            corpus: 21,
        };
        assert_eq!(figures(text), Some(expected));
        assert_eq!(figures("#2 INITED cov: 12 ft: 13 corp: 1/1b"), None);
    }
}
