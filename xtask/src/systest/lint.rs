//! The suite `lint`: formatting, lints, licences and sources, of both workspaces, of the Python side and of the scripts in
//! images.
//!
//! The extension is linted where it is compiled, in the builder: outside it there are no Postgres headers.

use std::path::{Path, PathBuf};

use crate::exit::Failure;
use crate::files;
use crate::process::Program;
use crate::systest::cases::Cases;
use crate::systest::run::TestRun;
use crate::workspace::Workspace;

/// The cargo-deny that is installed where there is none. Its lock file pins what it is built from.
const CARGO_DENY: &str = "0.20.2";

impl TestRun<'_> {
    /// Runs every check.
    pub fn lint(&self, cases: &mut Cases<'_>) {
        let workspace = &self.pipeline.workspace;
        let log = |name: &str| workspace.log(&format!("test-lint-{name}"));
        let cargo = |args: &[&str]| cargo(workspace).args(args.iter().copied());
        cases.run("rustfmt: the tool", || {
            Ok(cargo(&["fmt", "--all", "--check"]).run(&log("fmt"))?)
        });
        cases.run("rustfmt: the extension", || {
            let args = [
                "fmt",
                "--all",
                "--check",
                "--manifest-path",
                "extension/Cargo.toml",
            ];
            Ok(cargo(&args).run(&log("fmt-extension"))?)
        });
        cases.run("rustfmt: the fuzz targets", || {
            let args = ["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"];
            Ok(cargo(&args).run(&log("fmt-fuzz"))?)
        });
        cases.run("clippy: the tool", || {
            let args = [
                "clippy",
                "--quiet",
                "--locked",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ];
            Ok(cargo(&args).run(&log("clippy"))?)
        });
        for major in self.majors() {
            cases.run(
                &format!("clippy: the extension for PostgreSQL {major}"),
                || self.clippy_extension(major, &log("clippy-extension")),
            );
        }
        cases.run("cargo deny: licences, bans and sources of both", || {
            let tools = install_cargo_deny(workspace, &log("deny-install"))?;
            for manifest in ["Cargo.toml", "extension/Cargo.toml"] {
                Program::new(tools.join("bin/cargo-deny").display().to_string())
                    .inherit_env("PATH")
                    .inherit_env("HOME")
                    .inherit_env("RUSTUP_HOME")
                    .inherit_env("CARGO_HOME")
                    .args(["--all-features", "--locked", "--manifest-path", manifest])
                    .args(["check", "licenses", "bans", "sources"])
                    .dir(&workspace.root)
                    .run(&log("deny"))?;
            }
            Ok(())
        });
        cases.run("shellcheck: the scripts in images", || {
            let docker = workspace.root.join("docker");
            let mut scripts = files::files_below(&docker)?;
            scripts.retain(|script| script.extension().is_some_and(|e| e == "sh"));
            Ok(Program::new("shellcheck")
                .args(scripts)
                .dir(docker)
                .run(&log("shellcheck"))?)
        });
        cases.run("ruff: the Python side", || {
            let tools = install_ruff(workspace, &log("ruff-install"))?;
            for args in [
                &["check", "--no-cache"][..],
                &["format", "--no-cache", "--check"],
            ] {
                Program::new(tools.join("bin/ruff").display().to_string())
                    .args(args.iter().copied())
                    .args([".", "../packaging/tests"])
                    .dir(workspace.root.join("python"))
                    .run(&log("ruff"))?;
            }
            Ok(())
        });
    }
}

fn cargo(workspace: &Workspace) -> Program {
    ["PATH", "HOME", "RUSTUP_HOME", "CARGO_HOME"]
        .iter()
        .fold(Program::new("cargo"), |program, name| {
            program.inherit_env(name)
        })
        .dir(&workspace.root)
}

/// Installs cargo-deny from the crate registry beside the cache, once.
fn install_cargo_deny(workspace: &Workspace, log: &Path) -> Result<PathBuf, Failure> {
    let tools = workspace
        .cache
        .join(format!("tools/cargo-deny-{CARGO_DENY}"));
    if !tools.join("bin/cargo-deny").exists() {
        // Optimising a program that runs for a second takes longer than it saves.
        cargo(workspace)
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_TARGET_DIR", workspace.cache.join("build/tools"))
            .args([
                "install",
                "--quiet",
                "--locked",
                "--version",
                CARGO_DENY,
                "--root",
            ])
            .arg(&tools)
            .arg("cargo-deny")
            .run(log)?;
    }
    Ok(tools)
}

/// Installs the pinned ruff from the Python registry beside the cache, once.
fn install_ruff(workspace: &Workspace, log: &Path) -> Result<PathBuf, Failure> {
    let tools = workspace.cache.join("tools/ruff");
    let lock = workspace.root.join("python/requirements-lint.lock");
    Program::new("python3")
        .inherit_env("HOME")
        .inherit_env("PATH")
        .inherit_env("PIP_INDEX_URL")
        .inherit_env("PIP_CERT")
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
        ])
        .args([
            "--only-binary",
            ":all:",
            "--no-deps",
            "--upgrade",
            "--root-user-action=ignore",
            "--target",
        ])
        .arg(&tools)
        .arg("--requirement")
        .arg(&lock)
        .run(log)?;
    Ok(tools)
}
