//! The suite `report`: checks the page in Chromium. It opens the page of the release, a page with every target, and a page
//! with a reference to another host, which the check must find.

mod picture;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base::digest::Digest;
use base::exit::Failure;
use base::files;
use base::process::Program;
use base::progress::Listener;
use release::outdated::Summary;
use release::publish::{self, Artifact, Kind, Manifest, State, TargetState};
use release::report::run::{JobRun, Ran, RunRecord};
use release::report::{self, Details, Previous, Size};

use crate::cases::{Case, Cases, ensure};

/// The width of a common screen.
const WIDTH: u32 = 1280;

/// The inputs of the suite.
pub struct ReportTest<'a> {
    /// The release under test.
    pub release: &'a Path,
    /// The names of all targets that there are.
    pub targets: &'a [String],
    /// A directory to work in; the pictures stay there, to be looked at.
    pub scratch: &'a Path,
    /// Where tools' output is kept.
    pub log: &'a Path,
    /// The source tree: its documentation has a picture of a report.
    pub source: &'a Path,
    /// Whether that picture is made anew.
    pub update: bool,
}

/// What Chromium made of a page.
struct Seen {
    dom: String,
    /// What it wrote to its console, a line each.
    console: Vec<String>,
}

impl ReportTest<'_> {
    /// Runs every case of the suite and returns the results.
    pub fn run(&self, listener: &dyn Listener) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new("report:", listener);
        files::remove_dir(self.scratch)?;
        files::create_dir(self.scratch)?;
        // Catches a page that was not made again, or that names what the manifest has not.
        cases.run(
            "the release's page names every target, and nothing outside",
            || {
                let names = publish::read_manifest(self.release).map(|m| m.targets);
                let names: Vec<String> = names.unwrap_or_default().into_keys().collect();
                self.check("release", self.release, &names)
            },
        );
        // Catches a page that one target fits into and all of them do not.
        cases.run("so does a page of every target that there is", || {
            let dir = self.scratch.join("all");
            let manifest = self.manifest_of_all();
            let details = self.details_of_all(&manifest);
            files::create_dir(&dir)?;
            report::publish(&dir, &manifest, &details)?;
            publish::write_manifest(&dir, &manifest)?;
            self.check("all", &dir, self.targets)
        });
        // Catches a picture that shows a page which looks otherwise by now.
        cases.run(
            "the documentation's picture is of the page as it is",
            || self.documented(),
        );
        // Catches checks that would not notice.
        cases.run(
            "a reference to somewhere else and a lost target are noticed",
            || {
                let page = files::read_text(&self.release.join(report::PAGE))?;
                let outside = "<img alt=\"\" src=\"http://127.0.0.1:9/x.png\"></main>";
                let page = page.replace("</main>", outside);
                ensure(!references(&page).is_empty(), || "it was not found".into())?;
                let dir = self.scratch.join("outside");
                files::write(&dir.join(report::PAGE), page)?;
                let seen = self.look("outside", &dir.join(report::PAGE))?;
                files::remove_dir(&dir)?;
                files::remove_dir(&self.home("outside"))?;
                ensure(!seen.console.is_empty(), || {
                    "Chromium's console says nothing of it".into()
                })?;
                let names = ["no-such-target".to_owned()];
                let lost = missing(&seen.dom, &names);
                ensure(lost.len() == 1, || "a lost target was not noticed".into())
            },
        );
        Ok(cases.done)
    }

    fn check(&self, name: &str, dir: &Path, targets: &[String]) -> Result<(), Failure> {
        let page = dir.join(report::PAGE);
        let references = references(&files::read_text(&page)?);
        ensure(references.is_empty(), || {
            format!("it refers to {references:?}")
        })?;
        let seen = self.look(name, &page)?;
        ensure(seen.console.is_empty(), || {
            format!("Chromium's console says: {}", seen.console.join("; "))
        })?;
        let missing = missing(&seen.dom, targets);
        ensure(!targets.is_empty() && missing.is_empty(), || {
            format!("of {} targets it lacks {missing:?}", targets.len())
        })?;
        let picture = self.picture(name, &page, 2400)?;
        files::remove_dir(&self.home(name))?;
        let size = png_size(&files::read(&picture)?);
        ensure(size.is_some_and(|(width, _)| width == WIDTH), || {
            format!("{} is no picture of it: {size:?}", picture.display())
        })
    }

    /// What the browser keeps of itself.
    fn home(&self, name: &str) -> PathBuf {
        self.scratch.join(format!("{name}.home"))
    }

    fn chromium(&self, name: &str) -> Program {
        let home = self.home(name);
        let program = Program::new("chromium")
            .env("HOME", &home)
            .args([
                "--headless",
                "--disable-gpu",
                "--no-first-run",
                "--hide-scrollbars",
            ])
            .args(["--disable-background-networking", "--disable-extensions"])
            .args(["--enable-logging=stderr", "--v=0"])
            // No host can be contacted, neither by the page nor by the browser.
            .arg("--host-resolver-rules=MAP * ~NOTFOUND")
            .arg(format!("--user-data-dir={}", home.display()))
            .arg("--disable-dev-shm-usage");
        match rustix::process::geteuid().is_root() {
            // Its own sandbox refuses to run as root; the pages are ours.
            true => program.arg("--no-sandbox"),
            false => program,
        }
    }

    fn look(&self, name: &str, page: &Path) -> Result<Seen, Failure> {
        let output = self
            .chromium(name)
            .arg("--dump-dom")
            .arg(format!("file://{}", page.display()))
            .command()
            .output()
            .map_err(files::FileError::at("run", "chromium"))?;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        files::write(self.log, &words)?;
        ensure(output.status.success(), || {
            format!(
                "Chromium ended with {}:\n{}",
                output.status,
                base::process::tail(&words)
            )
        })?;
        let of_console = |line: &&str| line.contains("CONSOLE");
        Ok(Seen {
            dom: String::from_utf8_lossy(&output.stdout).into_owned(),
            console: words.lines().filter(of_console).map(Into::into).collect(),
        })
    }

    fn picture(&self, name: &str, page: &Path, height: u32) -> Result<PathBuf, Failure> {
        let picture = self.scratch.join(format!("{name}.png"));
        let mut option = std::ffi::OsString::from("--screenshot=");
        option.push(&picture);
        self.chromium(name)
            .arg(option)
            .arg(format!("--window-size={WIDTH},{height}"))
            .arg(format!("file://{}", page.display()))
            .run(self.log)?;
        Ok(picture)
    }

    /// Every target, in one of each of the states that there are.
    fn manifest_of_all(&self) -> Manifest {
        let not = |why: &str| State::No(why.into());
        let states = [
            (State::Yes, State::Yes),
            (
                State::Yes,
                not("`cargo xtask test --suite install` was not run"),
            ),
            (
                not("archive not enabled: ubuntu"),
                not("archive not enabled: ubuntu"),
            ),
            (
                State::Failed("apt installs both packages".into()),
                not("the test before it failed"),
            ),
        ];
        let targets = self.targets.iter().enumerate().map(|(at, name)| {
            let (installed, run) = states[at % 11 % states.len()].clone();
            let loaded = match &installed {
                State::No(why) => State::No(why.clone()),
                _ => State::Yes,
            };
            let state = TargetState {
                built: State::Yes,
                verified: State::Yes,
                runtime: State::Yes,
                runtime_note: (at % 5 == 0).then(|| "byte-compiled elsewhere".into()),
                installed,
                run,
                loaded,
                loaded_note: None,
                image: State::Yes,
                stand_in: None,
                image_note: None,
                toolchain: None,
                development: (at % 7 == 0)
                    .then(|| "headers of a wheel".into())
                    .into_iter()
                    .collect(),
                server: None,
                unfixed: Vec::new(),
                ends: Vec::new(),
            };
            (name.clone(), state)
        });
        let artifacts = self.targets.iter().zip(0..).map(|(name, at)| Artifact {
            path: format!("{name}/postgresql-pgml_3.0.0-1~{name}_amd64.deb"),
            kind: Kind::Extension,
            target: Some(name.clone()),
            size: 2_300_000 + at * 1_000,
            sha256: Digest::of(name),
        });
        Manifest {
            version: publish::VERSION,
            release: "3.0.0-1".into(),
            releasable: false,
            epoch: 1_795_305_600,
            plan: Digest::of("all"),
            builder: Some("debian11".into()),
            outdated: Summary::default(),
            artifacts: artifacts.collect(),
            targets: targets.collect(),
        }
    }

    /// A run of two workers, a release before, and the symbols of the release's own library for every target.
    fn details_of_all(&self, manifest: &Manifest) -> Details {
        let own = Details::load(self.release).unwrap_or_default();
        let map = own.libraries.values().next().cloned();
        let libraries: BTreeMap<_, _> = manifest
            .targets
            .keys()
            .filter_map(|target| Some((target.clone(), map.clone()?)))
            .collect();
        let mut jobs = Vec::new();
        for (target, at) in self.targets.iter().zip(0_u32..) {
            let begin = f64::from(at / 2) * 9.0;
            let mut before: Option<String> = None;
            for (kind, offset, seconds) in [
                ("stamp", 0.0, 0.1),
                ("verify", 0.2, 1.0),
                ("package", 1.3, 7.5),
            ] {
                let id = format!("{kind}:{target}");
                jobs.push(JobRun {
                    needs: before.take().into_iter().collect(),
                    ran: (at % 5 != 4).then(|| Ran {
                        started: begin + offset,
                        seconds,
                        why: String::new(),
                    }),
                    made: "a package".into(),
                    id: id.clone(),
                });
                before = Some(id);
            }
        }
        let sizes = manifest.artifacts.iter().map(|artifact| Size {
            target: artifact.target.clone(),
            kind: artifact.kind,
            size: 2_310_000,
        });
        Details {
            previous: Some(Previous {
                release: "2.9.0-1".into(),
                sizes: sizes.skip(2).collect(),
            }),
            run: Some(RunRecord {
                version: 1,
                workers: 2,
                jobs,
            }),
            libraries,
            ..Details::default()
        }
    }
}

/// What a page loads or links to outside itself.
fn references(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for mark in [
        "src=\"",
        "href=\"",
        "url(",
        "@import",
        "action=\"",
        "srcset=\"",
    ] {
        for (at, _) in page.match_indices(mark) {
            let target: String = page[at + mark.len()..].chars().take(60).collect();
            let target = target
                .split(['"', ')'])
                .next()
                .unwrap_or_default()
                .to_owned();
            if !target.starts_with('#') && !target.starts_with("data:") {
                found.push(format!("{mark}{target}"));
            }
        }
    }
    found
}

/// The targets that a page does not have a link and a place for.
fn missing<'a>(dom: &str, targets: &'a [String]) -> Vec<&'a String> {
    let has = |target: &&String| {
        dom.contains(&format!("id=\"state-{target}\""))
            && dom.contains(&format!("id=\"library-{target}\""))
            && dom.contains(&format!("href=\"#state-{target}\""))
    };
    targets.iter().filter(|target| !has(target)).collect()
}

/// Width and height of a PNG picture (its IHDR chunk comes first).
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let header = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?.get(8..16)?;
    let number = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
    Some((number(0)?, number(4)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_elsewhere_are_found() {
        for bad in [
            "<script src=\"x.js\">",
            "<a href=\"https://example.org\">",
            "<a href=\"//example.org\">",
            "<style>@import 'x.css'</style>",
            "a { background: url(x.png) }",
        ] {
            assert_eq!(references(bad).len(), 1, "{bad}");
        }
        assert!(references("<a href=\"#x\"><img src=\"data:,\">").is_empty());
    }

    #[test]
    fn a_target_without_its_place_is_missing() {
        let names = ["a-pg1".to_owned()];
        let whole =
            "<a href=\"#state-a-pg1\"><tr id=\"state-a-pg1\"><details id=\"library-a-pg1\">";
        assert!(missing(whole, &names).is_empty());
        assert_eq!(missing("a-pg1", &names).len(), 1);
    }
}
