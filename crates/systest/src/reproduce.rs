//! The suite `reproduce`: plants differences into packages, which it builds with the product's own code here and in the
//! second build's surroundings. The comparison of digests has to find each difference, and diffoscope has to name it.

use std::path::{Path, PathBuf};

use base::digest::Digest;
use base::exit::Failure;
use base::files::{self, FileError};
use base::process::Program;
use base::progress::Listener;
use build::layout;
use debian::deb::blocks::{self, Cuts};
use debian::deb::build::{Package, Source};
use release::pipeline::Pipeline;
use release::publish::{Artifact, Kind};
use release::reproduce::compare::{Outcome, compare};
use release::reproduce::elsewhere::Elsewhere;
use release::reproduce::explain::difference;
use release::reproduce::variation::{State, Variation};

use crate::cases::{Case, Cases, ensure};

/// Something of the surroundings that gets into a package.
struct Plant {
    /// What the test says.
    case: &'static str,
    /// The package, and its one file.
    name: &'static str,
    file: &'static str,
    /// Makes the file `$1`; `$2` is a library, `$3` tells the two builds apart.
    script: &'static str,
    /// The circumstance that has to be varied for it to show.
    takes: Option<&'static str>,
    /// Words that diffoscope must say.
    named: &'static [&'static str],
}

const PLANTS: [Plant; 4] = [
    Plant {
        case: "a build time in the library is found, and diffoscope shows it",
        name: "planted-time",
        file: "pgml.so",
        // The day alone: the two builds are seconds apart, but for the second one's clock.
        script: "date '+built on %Y-%m-%d' > \"$1.note\"; objcopy --add-section .built=\"$1.note\" \"$2\" \"$1\"",
        takes: Some("clock"),
        named: &["pgml.so", ".built", "built on "],
    },
    Plant {
        case: "the order of a directory in an archive is found, and diffoscope shows it",
        name: "planted-order",
        file: "list.tar",
        // As two file systems list them.
        script: "cd \"$(dirname \"$1\")\"; for name in first second third; do echo $name > $name; done; \
                 if [ \"$3\" = first ]; then set -- \"$1\" first second third; else set -- \"$1\" third second first; fi; \
                 tar --create --mtime=@0 --owner=0 --group=0 --mode=644 --file=\"$@\"",
        takes: None,
        named: &["list.tar", "second", "third"],
    },
    Plant {
        case: "a host name in a file is found, and diffoscope shows it",
        name: "planted-host",
        file: "built-by",
        script: "cat /proc/sys/kernel/hostname > \"$1\"",
        takes: Some("host name"),
        named: &["built-by", "second-build"],
    },
    Plant {
        case: "the umask and the user do not get into a package, and equal packages are called equal",
        name: "nothing-planted",
        file: "built-under",
        script: "echo nothing > \"$1\"",
        takes: None,
        named: &[],
    },
];

/// The inputs of the suite.
pub struct ReproduceTest<'a> {
    /// The locks, the cache and the toolchain of this run.
    pub pipeline: &'a Pipeline,
    /// The builder's root file system.
    pub builder: &'a Path,
    /// The directory of a compiled library.
    pub compiled: &'a Path,
    /// A directory to work in.
    pub scratch: &'a Path,
    /// Where tools' output is kept.
    pub log: &'a Path,
}

impl ReproduceTest<'_> {
    /// Runs every case of the suite and returns the results.
    pub fn run(&self, listener: &dyn Listener) -> Result<Vec<Case>, Failure> {
        let mut cases = Cases::new("reproduce:", listener);
        files::remove_dir(self.scratch)?;
        let place = self.scratch.join("elsewhere");
        files::create_dir(&place)?;
        let elsewhere = Elsewhere::prepare(&place, self.pipeline, Some(self.builder), self.log)?;
        files::copy(
            &self.compiled.join(layout::STRIPPED),
            &elsewhere.host_path("tmp/library"),
        )?;
        let variations = elsewhere.variations(self.builder, self.log)?;
        if self.pipeline.host.root {
            // Catches a variation that silently stopped being one.
            cases.run("everything that root can vary is varied", || {
                all_varied(&variations)
            });
        } else {
            cases.not_run("everything that root can vary is varied", "only root can");
        }
        for plant in &PLANTS {
            let missing = variations.iter().find(|variation| {
                plant.takes == Some(variation.name.as_str())
                    && matches!(variation.state, State::NotVaried(_))
            });
            match missing {
                Some(variation) => cases.not_run(plant.case, variation.to_string()),
                None => {
                    cases.run(plant.case, || self.planted(plant, &elsewhere));
                }
            }
        }
        Ok(cases.done)
    }

    /// Builds a package here and there and compares.
    fn planted(&self, plant: &Plant, elsewhere: &Elsewhere) -> Result<(), Failure> {
        let here = self.scratch.join(plant.name);
        files::create_dir(&here)?;
        let file = here.join(plant.file);
        let library = elsewhere.host_path("tmp/library");
        let script = |program: Program, file: &Path, library: &Path, which: &str| {
            let program = program.args(["sh", "-euc", plant.script, "sh"]);
            program.args([file.into(), library.into(), which.into()] as [std::ffi::OsString; 3])
        };
        script(Program::new("env"), &file, &library, "first").run(self.log)?;
        let below = format!("tmp/{}", plant.name);
        files::create_dir(&elsewhere.host_path(&below))?;
        elsewhere.chown_to_builder(self.log)?;
        let name = format!("{below}/{}", plant.file);
        let there = script(
            elsewhere.program(["env"]),
            &elsewhere.mounted_path(&name),
            &elsewhere.mounted_path("tmp/library"),
            "second",
        );
        there.run(self.log)?;
        let first = self.package(plant, &file, "first")?;
        let second = self.package(plant, &elsewhere.host_path(&name), "second")?;
        let found = compare(&[artifact(&first)?], &[artifact(&second)?], true);
        let outcome = found.first().map(|compared| compared.outcome.clone());
        if plant.named.is_empty() {
            return ensure(outcome == Some(Outcome::Equal), || {
                format!("the packages should be equal: {found:?}")
            });
        }
        ensure(outcome == Some(Outcome::Different), || {
            format!("the difference was not found: {found:?}")
        })?;
        let text = difference(
            &first,
            &second,
            &self.scratch.join(plant.name).join("why.txt"),
        )?;
        let missing: Vec<_> = plant
            .named
            .iter()
            .filter(|word| !text.contains(**word))
            .collect();
        ensure(missing.is_empty(), || {
            format!("diffoscope does not name {missing:?}:\n{text}")
        })
    }

    fn package(&self, plant: &Plant, file: &Path, which: &str) -> Result<PathBuf, Failure> {
        let architecture = &self.pipeline.targets.first_architecture().name;
        let package = Package {
            name: plant.name.into(),
            version: "1".into(),
            architecture: architecture.clone(),
            control: format!(
                "Package: {}\nVersion: 1\nArchitecture: {architecture}\nMaintainer: x <x@example.org>\nDescription: x",
                plant.name
            ),
            control_files: Vec::new(),
            files: vec![(
                format!("/usr/lib/pgml/{}", plant.file),
                Source::File(file.to_owned()),
            )],
            links: Vec::new(),
            trees: Vec::new(),
            cuts: Cuts::Even,
        };
        let scratch = self.scratch.join("tree");
        let plain =
            package.build_uncompressed(self.builder, self.pipeline.epoch, &scratch, self.log)?;
        let deb = self.scratch.join(which).join(package.file_name());
        if let Some(dir) = deb.parent() {
            files::create_dir(dir)?;
        }
        // Nothing was compressed before.
        blocks::repack(&plain, &package.cuts, &scratch.join("shared"), &deb)?;
        Ok(deb)
    }
}

fn artifact(deb: &Path) -> Result<Artifact, Failure> {
    let (sha256, size) = Digest::of_file(deb).map_err(FileError::at("read", deb))?;
    Ok(Artifact {
        path: deb.file_name().unwrap_or_default().to_string_lossy().into(),
        kind: Kind::Extension,
        target: None,
        size,
        sha256,
    })
}

/// As root everything is varied, except what no machine can vary, and the processors where the machine has one.
fn all_varied(variations: &[Variation]) -> Result<(), Failure> {
    let alone = std::thread::available_parallelism().is_ok_and(|n| n.get() == 1);
    let excused = |variation: &&Variation| {
        let name = variation.name.as_str();
        release::reproduce::variation::never_varies(name)
            || (alone && name.starts_with("processors"))
    };
    let left: Vec<String> = variations
        .iter()
        .filter(|variation| matches!(variation.state, State::NotVaried(_)))
        .filter(|variation| !excused(variation))
        .map(ToString::to_string)
        .collect();
    ensure(left.is_empty() && variations.len() > 9, || left.join("; "))
}
