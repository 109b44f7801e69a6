//! The suite `nix`: the Nix expressions, evaluated without a network against a stand-in for nixpkgs.
//!
//! The suite checks only that the expressions evaluate with the stand-in's names. It builds nothing, and it can't check that
//! nixpkgs still has these names. docs/nix.md says so too.

use std::path::Path;

use serde_json::Value;

use base::exit::Failure;
use base::files;
use base::process::Program;
use inputs::host::tools::{GIT, NIX};

use crate::cases::{Case, Cases, ensure};
use crate::run::TestRun;

/// What the expressions read of the source tree.
const READ: [&str; 4] = ["extension", "nix", "packaging", "python"];
/// The system that is evaluated for.
const SYSTEM: &str = "x86_64-linux";

/// A copy of the sources that nix evaluates.
struct Copy<'a> {
    scratch: &'a Path,
    log: &'a Path,
}

impl TestRun<'_> {
    /// Parses every Nix expression, and evaluates the flake and its checks.
    pub fn nix(&self) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new("nix:", self.listener);
        let workspace = &self.pipeline.workspace;
        let log = workspace.log("test-nix");
        let host = &self.pipeline.host;
        if let Err(error) = host.require(&[NIX, GIT], &workspace.log("install"), self.listener) {
            cases.not_run("the flake evaluates", error.to_string());
            return Ok(cases.done);
        }
        let scratch = workspace.cache.join("systest/nix");
        files::remove_dir(&scratch)?;
        let copy = Copy {
            scratch: &scratch,
            log: &log,
        };
        copy.make(&workspace.root)?;
        cases.run("every expression parses", || {
            for file in files::files_below(&copy.tree().join("nix"))? {
                if file.extension().is_some_and(|extension| extension == "nix") {
                    let path = copy.tree().join("nix").join(file);
                    let parse = ["--parse".as_ref(), path.as_os_str()];
                    copy.nix("nix-instantiate").args(parse).run(&log)?;
                }
            }
            Ok(())
        });
        cases.run(
            "the flake and its checks evaluate, against a stand-in",
            || copy.check(),
        );
        let release = &self.pipeline.release.version;
        let majors = self.pipeline.targets.majors.iter();
        let majors: Vec<u16> = majors.map(|major| major.version).collect();
        cases.run("a package for every major, with the .deb's version and features", || {
            let packages = copy.packages()?;
            for major in &majors {
                let package = &packages[format!("postgresql-{major}-pgml")];
                let expected = serde_json::json!({ "version": release, "features": [format!("pg{major}"), "no-schema"] });
                ensure(*package == expected, || {
                    format!("PostgreSQL {major} has {package}, not {expected}")
                })?;
            }
            let count = packages.as_object().map_or(0, serde_json::Map::len);
            ensure(count == majors.len() + 1, || format!("{count} packages: {packages}"))
        });
        cases.run(
            "the example of a NixOS machine has the extension of its major",
            || {
                let path = "nixosConfigurations.example.config.system.build.toplevel.extensions";
                let words = copy.eval(path, "map (package: package.name)")?;
                let expected = format!("[\"postgresql-17-pgml-{release}\"]");
                ensure(words.trim() == expected, || format!("it has {words}"))
            },
        );
        copy.mistakes(&workspace.root, &mut cases);
        files::remove_dir(&scratch)?;
        Ok(cases.done)
    }
}

impl Copy<'_> {
    /// Planted mistakes that the checks must find: otherwise the other cases could never fail.
    fn mistakes(&self, root: &Path, cases: &mut Cases<'_>) {
        for (file, from, to) in [
            ("nix/extension.nix", "bindgenHook", "bindgenHok"),
            (
                "nix/extension.nix",
                "../python/pgml_runtime",
                "../python/runtime",
            ),
            ("nix/default.nix", "./shell.nix", "./shel.nix"),
        ] {
            cases.run(&format!("`{to}` in {file} is noticed"), || {
                self.make(root)?;
                let path = self.tree().join(file);
                let text = files::read_text(&path)?;
                ensure(text.contains(from), || {
                    format!("there is no `{from}` any more")
                })?;
                files::write(&path, text.replacen(from, to, 1))?;
                self.commit()?;
                let outcome = self.check();
                ensure(outcome.is_err(), || "the flake still evaluates".into())
            });
        }
    }

    fn tree(&self) -> std::path::PathBuf {
        self.scratch.join("tree")
    }

    /// Copies what is read. nix takes a flake in a directory of a tree from a git repository only.
    fn make(&self, root: &Path) -> Result<(), Failure> {
        files::remove_dir(&self.tree())?;
        for dir in READ {
            for file in files::files_below(&root.join(dir))? {
                let made = ["target", "__pycache__"]
                    .iter()
                    .any(|made| file.iter().any(|part| part == *made));
                if !made {
                    let file = Path::new(dir).join(file);
                    files::copy(&root.join(&file), &self.tree().join(&file))?;
                }
            }
        }
        files::create_dir(&self.scratch.join("home"))?;
        self.git(&["init", "--quiet"])?;
        self.commit()
    }

    fn commit(&self) -> Result<(), Failure> {
        self.git(&["add", "--all", "--force"])?;
        let identity = ["-c", "user.name=pgml", "-c", "user.email=pgml@example.org"];
        let commit = ["commit", "--quiet", "--no-verify", "--message", "copy"];
        self.git(&[&identity[..], &commit[..]].concat())
    }

    fn git(&self, args: &[&str]) -> Result<(), Failure> {
        let git = Program::new("git").env("HOME", self.scratch.join("home"));
        Ok(git
            .args(args.iter().copied())
            .dir(self.tree())
            .run(self.log)?)
    }

    /// nix with a store and a home of its own, and no network.
    fn nix(&self, program: &str) -> Program {
        Program::new(program)
            .env("HOME", self.scratch.join("home"))
            .env(
                "NIX_CONFIG",
                "build-users-group =\nexperimental-features = nix-command flakes\nsubstituters =",
            )
            .arg("--store")
            .arg(self.scratch.join("store"))
            .dir(self.scratch)
    }

    fn flake(&self, words: &[&str]) -> Program {
        let stand_in = format!("path:{}/nix/stand-in", self.tree().display());
        self.nix("nix")
            .args(words.iter().copied())
            .args([
                "--offline",
                "--no-write-lock-file",
                "--override-input",
                "nixpkgs",
            ])
            .arg(stand_in)
    }

    fn url(&self) -> String {
        format!("git+file://{}?dir=nix", self.tree().display())
    }

    fn check(&self) -> Result<(), Failure> {
        let program = self.flake(&["flake", "check", "--no-build"]);
        Ok(program.arg(self.url()).run(self.log)?)
    }

    /// Applies a function to what the flake has at a path, and returns the result as JSON.
    fn eval(&self, path: &str, function: &str) -> Result<String, Failure> {
        let program = self.flake(&["eval", "--json"]);
        let words = program
            .arg(format!("{}#{path}", self.url()))
            .args(["--apply", function])
            .output(self.log)?;
        Ok(String::from_utf8_lossy(&words).into_owned())
    }

    fn packages(&self) -> Result<Value, Failure> {
        let function = "builtins.mapAttrs (name: package: { version = package.version or null; \
                        features = package.buildFeatures or null; })";
        let words = self.eval(&format!("packages.{SYSTEM}"), function)?;
        Ok(serde_json::from_str(&words).unwrap_or_default()) // none of it is there then
    }
}
