//! The suite `lint`: formatting, lints, licences and sources, of both workspaces, of the Python side and of the scripts in
//! images.
//!
//! The extension is linted where it is compiled, in the builder: outside it there are no Postgres headers.

use std::path::{Path, PathBuf};

use base::files;
use base::process::Program;

use crate::cases::{Case, Cases, ensure};
use crate::packages::autopkgtest;
use crate::run::TestRun;
use crate::tools::{self, CARGO_DENY};

impl TestRun<'_> {
    /// Runs every formatter and linter over the source tree.
    pub fn lint(&self) -> Vec<Case> {
        let mut cases = Cases::new("lint:", self.listener);
        self.rustfmt(&mut cases);
        self.clippy(&mut cases);
        self.licences(&mut cases);
        self.shellcheck(&mut cases);
        self.ruff(&mut cases);
        self.zizmor(&mut cases);
        cases.done
    }

    fn lint_log(&self, name: &str) -> PathBuf {
        self.workspace().log(&format!("test-lint-{name}"))
    }

    fn cargo(&self, args: &[&str]) -> Program {
        tools::cargo(self.workspace()).args(args.iter().copied())
    }

    /// Formats of all Rust sources.
    fn rustfmt(&self, cases: &mut Cases<'_>) {
        cases.run("rustfmt: the tool", || {
            Ok(self
                .cargo(&["fmt", "--all", "--check"])
                .run(&self.lint_log("fmt"))?)
        });
        cases.run("rustfmt: the extension", || {
            let args = [
                "fmt",
                "--all",
                "--check",
                "--manifest-path",
                "extension/Cargo.toml",
            ];
            Ok(self.cargo(&args).run(&self.lint_log("fmt-extension"))?)
        });
        cases.run("rustfmt: the fuzz targets", || {
            let args = ["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"];
            Ok(self.cargo(&args).run(&self.lint_log("fmt-fuzz"))?)
        });
    }

    /// Lints of the tool, and of the extension for each major under test.
    fn clippy(&self, cases: &mut Cases<'_>) {
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
            Ok(self.cargo(&args).run(&self.lint_log("clippy"))?)
        });
        for major in self.majors() {
            cases.run(
                &format!("clippy: the extension for PostgreSQL {major}"),
                || self.clippy_extension(major, &self.lint_log("clippy-extension")),
            );
        }
    }

    /// Licences and origins of all dependencies.
    fn licences(&self, cases: &mut Cases<'_>) {
        let workspace = self.workspace();
        cases.run(
            "cargo deny: licences, bans and sources of all three",
            || {
                let program = CARGO_DENY.install(workspace)?;
                let manifests = [
                    "Cargo.toml",
                    "extension/Cargo.toml",
                    "packaging/sccache/Cargo.toml",
                ];
                for manifest in manifests {
                    // It runs cargo.
                    tools::as_cargo(Program::new(program.display().to_string()))
                        .args(["--all-features", "--locked", "--manifest-path", manifest])
                        .args(["check", "licenses", "bans", "sources"])
                        .dir(&workspace.root)
                        .run(&self.lint_log("deny"))?;
                }
                Ok(())
            },
        );
    }

    /// Checks the shell scripts of images and of tests.
    fn shellcheck(&self, cases: &mut Cases<'_>) {
        let workspace = self.workspace();
        cases.run("shellcheck: the scripts in images and of tests", || {
            let mut scripts = Vec::new();
            for file in files::files_below(&workspace.root.join("docker"))? {
                if file.extension().is_some_and(|extension| extension == "sh") {
                    scripts.push(Path::new("docker").join(file));
                }
            }
            let tests = Path::new(autopkgtest::TESTS);
            scripts.extend(autopkgtest::NAMES.map(|name| tests.join(name)));
            Ok(Program::new("shellcheck")
                .args(scripts)
                .dir(&workspace.root)
                .run(&self.lint_log("shellcheck"))?)
        });
    }

    /// Formats and lints of the Python side.
    fn ruff(&self, cases: &mut Cases<'_>) {
        let workspace = self.workspace();
        cases.run("ruff: the Python side", || {
            let tools = tools::python_tools(workspace, "lint", "requirements-lint.lock")?;
            for args in [
                &["check", "--no-cache"][..],
                &["format", "--no-cache", "--check"],
            ] {
                Program::new(tools.join("bin/ruff").display().to_string())
                    .args(args.iter().copied())
                    .args([".", "../packaging"])
                    .dir(workspace.root.join("python"))
                    .run(&self.lint_log("ruff"))?;
            }
            Ok(())
        });
    }

    /// The workflows of the forge.
    fn zizmor(&self, cases: &mut Cases<'_>) {
        let workspace = self.workspace();
        cases.run(
            "zizmor: the workflows, and a bad one that it refuses",
            || {
                let tools = tools::python_tools(workspace, "lint", "requirements-lint.lock")?;
                let zizmor = |path: &Path| {
                    Program::new(tools.join("bin/zizmor").display().to_string())
                        .args(["--offline", "--no-progress"])
                        .arg(path)
                        .run(&self.lint_log("zizmor"))
                };
                zizmor(&workspace.root.join(".github/workflows"))?;
                let bad = workspace.cache.join("systest/bad/.github/workflows/x.yml");
                files::write(&bad, BAD_WORKFLOW)?;
                ensure(zizmor(&bad).is_err(), || {
                    "it takes a template injection".into()
                })
            },
        );
    }
}

/// A workflow whose title of a pull request is run as a program.
const BAD_WORKFLOW: &str = "on: pull_request_target
jobs:
  x:
    runs-on: ubuntu-24.04
    steps:
      - run: echo ${{ github.event.pull_request.title }}
";
