//! The files of this program that decide the result of a step: the step's own file, the files that it imports (read from the
//! sources when this crate is compiled), and its data files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::step::Step;

/// Each source file, and the files that it imports.
const IMPORTS: &[(&str, &[&str])] = include!(concat!(env!("OUT_DIR"), "/imports.rs"));

/// Files that a step imports and that can't change its result, with the reason. A name that ends with `/` means all files
/// below it.
const NO_BYTES: [(&str, &str); 11] = [
    ("crates/base/src/exit.rs", "how a failure ends the program"),
    (
        "crates/base/src/progress.rs",
        "messages for people; no step reads them",
    ),
    (
        "crates/base/src/store.rs",
        "what it holds is found by its hash",
    ),
    (
        "crates/base/src/workspace.rs",
        "where things are; no path reaches a result",
    ),
    (
        "crates/build/src/compile/shared_objects.rs",
        "a compiler's results, kept under the hash of what it was given",
    ),
    (
        "crates/build/src/plan/",
        "what the plan decides is an input of the job, by value",
    ),
    (
        "crates/build/src/steps/context.rs",
        "finds what the plan decided; what is found is an input of the job",
    ),
    (
        "crates/debian/src/apt/options.rs",
        "what the user decided, an input of the repository by value",
    ),
    (
        "crates/inputs/",
        "what it brings is checked against the hash in a lock, and that is an input",
    ),
    (
        "crates/jobs/",
        "runs jobs and keeps their results; no step's bytes pass through it",
    ),
    (
        "crates/targets/",
        "targets.toml and the locks as data: what a job takes of them is an input by value",
    ),
];

/// What a step is made with besides its own code.
const PACKAGING: [&str; 5] = [
    "CHANGELOG.md",
    "packaging/deb/libraries.toml",
    "packaging/deb/changelog.j2",
    "packaging/deb/copyright.j2",
    "packaging/native.toml",
];

/// The files of the source tree that can change a step's result: source files of this program, and data.
pub(super) fn recipe(step: &Step) -> Vec<&'static str> {
    let mut files: Vec<&str> = match code(step) {
        Some(code) => sources_of(code),
        None => Vec::new(),
    };
    files.extend(data(step));
    files
}

/// The file that carries out a step. `None` if a hash among the inputs checks the whole result.
fn code(step: &Step) -> Option<&'static str> {
    Some(match step {
        Step::FetchDebs { .. }
        | Step::FetchWheels { .. }
        | Step::FetchServer { .. }
        | Step::FetchFixture { .. }
        | Step::FetchCrates
        | Step::FetchLibrary { .. } => return None,
        Step::Source => "crates/build/src/steps/source.rs",
        Step::Rootfs { .. } | Step::Unpack { .. } | Step::UnpackServer { .. } => {
            "crates/build/src/steps/systems.rs"
        }
        Step::Toolchain { .. } => "crates/build/src/steps/toolchain.rs",
        Step::CompileLibrary { .. } => "crates/build/src/steps/cpp_library.rs",
        Step::Compile { .. } | Step::BlasClash { .. } => "crates/build/src/steps/compiling.rs",
        Step::SystemLibraries { .. } => "crates/build/src/steps/system_libraries.rs",
        Step::Compress { .. } | Step::CompressRuntime { .. } => {
            "crates/build/src/steps/compress.rs"
        }
        Step::Stamp { .. } => "crates/build/src/steps/stamp.rs",
        Step::Verify { .. } | Step::VerifyExtra { .. } => "crates/build/src/steps/verify.rs",
        Step::Runtime { .. }
        | Step::Fixture { .. }
        | Step::CrossRuntime { .. }
        | Step::SourceRuntime { .. } => "crates/build/src/steps/python.rs",
        Step::ExtensionPackages { .. } | Step::RuntimePackage { .. } => {
            "crates/build/src/steps/package.rs"
        }
        Step::Sbom { .. } => "crates/build/src/steps/sbom.rs",
        Step::AptRepository => "crates/build/src/steps/repository.rs",
        Step::ImageBase { .. } => "crates/build/src/steps/image_base.rs",
        Step::EmulatedRootfs { .. } | Step::EmulatedImageBase { .. } => {
            "crates/build/src/steps/emulated.rs"
        }
        Step::ImageRuntime { .. } => "crates/build/src/steps/image_runtime.rs",
        Step::ServerImages { .. } | Step::ExtensionImage { .. } => {
            "crates/build/src/steps/images.rs"
        }
        Step::PythonImage { .. } => "crates/build/src/steps/python_image.rs",
    })
}

/// The data files that a step reads out of the source tree, besides those that the plan adds.
fn data(step: &Step) -> Vec<&'static str> {
    let (own, shared): (&[&str], &[&str]) = match step {
        Step::Runtime { .. } | Step::CrossRuntime { .. } | Step::Fixture { .. } => {
            (&["packaging/byte_compile.py"], &[])
        }
        Step::Compile { .. } => (&["packaging/abi3-symbols.txt"], &PACKAGING[4..]),
        Step::SystemLibraries { .. } => (&["packaging/policy.toml"], &[]),
        Step::Verify { .. } | Step::VerifyExtra { .. } => (
            &["packaging/policy.toml", "packaging/abi3-symbols.txt"],
            &[],
        ),
        Step::ExtensionPackages { .. } => (
            &[
                "packaging/deb/manual.j2",
                "packaging/deb/extension.control.j2",
                "packaging/deb/dbgsym.control.j2",
                "packaging/deb/lintian-overrides-extension",
                "extension/pgml.control",
                "extension/src/settings.rs",
            ],
            &PACKAGING[..4],
        ),
        Step::RuntimePackage { .. } => (
            &[
                "packaging/deb/bundled.toml",
                "packaging/deb/runtime.control.j2",
                "packaging/deb/extra.control.j2",
                "packaging/deb/runtime.postinst.j2",
                "packaging/deb/runtime.prerm.j2",
                "packaging/deb/lintian-overrides-runtime",
                "packaging/deb/lintian-overrides-extra",
            ],
            &PACKAGING[..4],
        ),
        Step::Sbom { .. } => (&[], &PACKAGING[4..]),
        Step::ServerImages { .. } | Step::ExtensionImage { .. } => (&[], &PACKAGING[4..]),
        Step::PythonImage { .. } => (&["packaging/images.toml", "packaging/byte_compile.py"], &[]),
        Step::ImageBase { .. } | Step::EmulatedImageBase { .. } => (&["docker/slim.dpkg.cfg"], &[]),
        _ => (&[], &[]),
    };
    [own, shared].concat()
}

/// A source file and the files that it imports, directly or not, without those that can't change a byte.
fn sources_of(code: &str) -> Vec<&'static str> {
    static KNOWN: LazyLock<BTreeMap<&str, &[&str]>> =
        LazyLock::new(|| IMPORTS.iter().copied().collect());
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut left: Vec<&str> = KNOWN
        .get_key_value(code)
        .map(|(file, _)| *file)
        .into_iter()
        .collect();
    while let Some(file) = left.pop() {
        if found.insert(file) {
            let imported = KNOWN.get(file).copied().unwrap_or_default();
            left.extend(imported.iter().copied().filter(|file| !is_no_bytes(file)));
        }
    }
    found.into_iter().collect()
}

fn is_no_bytes(file: &str) -> bool {
    let is = |(name, _): &(&str, &str)| match name.ends_with('/') {
        true => file.starts_with(name),
        false => file == *name,
    };
    NO_BYTES.iter().any(is)
}

#[cfg(test)]
mod tests {
    use jobs::job::JobRef;

    use super::*;
    use crate::plan::{Compiling, Job, Packaging};

    fn read() -> JobRef {
        Job::new("x", "x", Step::Source, BTreeMap::new(), &[]).reference()
    }

    fn target() -> String {
        "debian12-pg15".into()
    }

    fn compile() -> Step {
        Step::Compile {
            major: 15,
            architecture: None,
            reads: Compiling {
                builder: read(),
                builder_of: "debian11".into(),
                headers: read(),
                openblas: read(),
                crates: read(),
                libraries: Vec::new(),
                toolchain: None,
            },
        }
    }

    fn extension_packages() -> Step {
        Step::ExtensionPackages {
            target: target(),
            reads: Packaging {
                compiled: read(),
                stamped: read(),
                verified: read(),
                compressed: read(),
                crates: read(),
                builder: read(),
            },
        }
    }

    /// Catches the six errors of the former lists: a file that decides bytes was missing, and a change of it left a stale
    /// result.
    #[test]
    fn what_a_step_imports_is_in_its_key() {
        let has = |step: Step, file: &str| {
            let files = recipe(&step);
            assert!(files.contains(&file), "{step:?} lacks {file}: {files:#?}");
        };
        let runtime = || Step::RuntimePackage {
            distribution: "debian12".into(),
            extra: None,
            runtime: read(),
            byte_code: true,
            compressed: read(),
            builder: read(),
        };
        has(runtime(), "crates/build/src/package/depends.rs");
        has(runtime(), "crates/base/src/sandbox.rs");
        has(extension_packages(), "crates/base/src/sandbox.rs");
        let libraries = Step::SystemLibraries {
            distribution: "debian12".into(),
        };
        has(libraries, "crates/debian/src/deb/reader/tar.rs");
        let image = Step::ExtensionImage { target: target() };
        has(image, "crates/debian/src/deb/reader.rs");
        has(compile(), "crates/symcheck/src/stamp.rs");
        has(compile(), "crates/symcheck/src/abi3.rs");
        has(Step::AptRepository, "crates/build/src/steps/repository.rs");
        has(Step::AptRepository, "crates/debian/src/apt/signing/key.rs");
    }

    /// Catches a better message, or another rule of the checker, that compiles everything again.
    #[test]
    fn what_can_not_change_a_byte_is_not() {
        let library = Step::CompileLibrary {
            library: "lightgbm".into(),
            architecture: None,
            builder: read(),
            sources: read(),
        };
        let stamp = Step::Stamp {
            target: target(),
            compiled: read(),
        };
        for step in [stamp, library] {
            let files = recipe(&step);
            assert!(files.len() < 12, "{step:?}: {files:#?}");
            assert!(!files.contains(&"crates/base/src/progress.rs"));
        }
        let rules = recipe(&compile());
        let rules = rules
            .iter()
            .find(|file| file.starts_with("crates/symcheck/src/rules/"));
        assert_eq!(rules, None);
    }

    /// Catches an exception for a file that was moved, and one without a reason.
    #[test]
    fn each_exception_is_about_files_that_are_there() {
        for (name, why) in NO_BYTES {
            let known = IMPORTS.iter().any(|(file, _)| file.starts_with(name));
            assert!(known && why.len() > 10, "{name}");
        }
    }
}
