//! The suite `lint`: formatting, lints, licences and sources, of both workspaces and of the Python side.
//!
//! The extension is linted where it is compiled, in the builder: outside it there are no Postgres headers.

use crate::process::Program;
use crate::systest::cases::Cases;
use crate::systest::run::TestRun;
use crate::systest::tools::{self, CARGO_DENY};

impl TestRun<'_> {
    /// Runs every check.
    pub fn lint(&self, cases: &mut Cases<'_>) {
        let workspace = &self.pipeline.workspace;
        let log = |name: &str| workspace.log(&format!("test-lint-{name}"));
        let cargo = |args: &[&str]| tools::cargo(workspace).args(args.iter().copied());
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
            let program = CARGO_DENY.install(workspace)?;
            for manifest in ["Cargo.toml", "extension/Cargo.toml"] {
                Program::new(program.display().to_string())
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
        cases.run("ruff: the Python side", || {
            let tools = tools::python_tools(workspace, "ruff", "requirements-lint.lock")?;
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
