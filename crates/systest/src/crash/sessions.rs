//! The expected result of each session, and the expected verdict of the checker on each library.

use std::path::Path;

use base::exit::Failure;
use base::workspace::Workspace;
use build::compile::blas_clash::WrongLink;
use build::layout;
use build::verify::judge;
use symcheck::expectation::{Expectation, Profile};
use symcheck::report::{Status, Verdict};
use symcheck::rules::Rule;
use symcheck::scope::Lookup;
use symcheck::surroundings::Environment;
use symcheck::{Judgement, Rulebook, verify_library};
use targets::Target;

use super::fixtures::{POISON, POISONED, POLLUTER, SHALLOW};
use super::scene::{Outcome, SHOWN, Scene, Session};
use super::{Libraries, replay};
use crate::cases::{Cases, ensure};

/// The suite on one system.
pub struct Suite<'a> {
    /// Where the SQL of the extension is.
    pub workspace: &'a Workspace,
    /// The target whose system and server the sessions run in.
    pub target: &'a Target,
    /// The architecture by Debian's name: `amd64`.
    pub architecture: &'a str,
    /// The servers in which the sessions run.
    pub scene: &'a Scene<'a>,
    /// The extension, rightly and wrongly linked.
    pub libraries: &'a Libraries,
    /// The directory with the fixtures.
    pub shown: &'a Path,
    /// What the checker judges by.
    pub book: &'a Rulebook,
}

/// A linear regression over exact data, after a call of our own BLAS.
const FIT: &str = "
    SELECT 'own BLAS gives ' || pgml.add(ARRAY[1.0,2.0], ARRAY[3.0,4.0])::text;
    CREATE TABLE points AS SELECT a::float8, b::float8, c::float8, 1 + 2 * a + 3 * b + 5 * c AS y
        FROM generate_series(0, 5) a, generate_series(0, 5) b, generate_series(0, 5) c;
    SELECT 'trained ' || algorithm FROM pgml.train('line', 'regression', 'points', 'y');
    WITH at AS (SELECT pgml.predict('line', ARRAY[0,0,0]::real[])::numeric AS o,
                       pgml.predict('line', ARRAY[1,0,0]::real[])::numeric AS a,
                       pgml.predict('line', ARRAY[0,1,0]::real[])::numeric AS b,
                       pgml.predict('line', ARRAY[0,0,1]::real[])::numeric AS c)
    SELECT concat_ws(' ', 'coefficients', round(o, 3), round(a - o, 3), round(b - o, 3), round(c - o, 3)) FROM at;";
/// What a right one prints.
const FITTED: &str = "own BLAS gives {4,6}\ntrained linear\ncoefficients 1.000 2.000 3.000 5.000";
/// The same without our own BLAS, for the library that has none that works.
const FIT_ALONE: &str = "
    CREATE TABLE points AS SELECT a::float8, 2.0 * a AS y FROM generate_series(0, 50) a;
    SELECT 'trained ' || algorithm FROM pgml.train('line', 'regression', 'points', 'y');";
/// The backend looks for dgelsd_, cblas_dgemm, gotoblas and blas_memory_alloc in its own global scope.
const LOOK: &str = "SELECT 'exposes nothing: ' || pgml.validate_shared_library();";

/// NumPy's and SciPy's modules with a bundled OpenBLAS, where the wheels of September 2022 have them.
const MODULES: [&str; 3] = [
    "numpy/core/_multiarray_umath.cpython-39-x86_64-linux-gnu.so",
    "scipy/linalg/_fblas.cpython-39-x86_64-linux-gnu.so",
    "scipy/linalg/_flapack.cpython-39-x86_64-linux-gnu.so",
];

const SEGMENTATION_FAULT: i32 = 11;

/// What a session is given besides its library.
#[derive(Default, Clone, Copy)]
struct With {
    /// Another extension with a BLAS comes first.
    polluter: bool,
    /// RTLD_DEEPBIND is ignored, by a preloaded `dlopen` that clears the flag.
    shallow: bool,
    /// The shared OpenBLAS is the poisoned one.
    poison: bool,
    /// The dynamic linker's record is kept.
    debug: bool,
}

impl Suite<'_> {
    /// The crash, where it happened first.
    pub fn crash(&self, cases: &mut Cases<'_>) {
        let shipped = &self.libraries.shipped;
        let shallow = With {
            shallow: true,
            ..With::default()
        };
        let prepared = cases.run(
            &format!("{}: a server with the extension", self.target),
            || self.scene.prepare(shipped),
        );
        if prepared.is_none() {
            return;
        }
        self.right(
            cases,
            "shipped: right coefficients",
            shipped,
            With::default(),
        );
        self.right(
            cases,
            "shipped, without RTLD_DEEPBIND: right, the link alone suffices",
            shipped,
            shallow,
        );
        let polluted = With {
            polluter: true,
            ..With::default()
        };
        self.right(
            cases,
            "shipped, beside an extension with a BLAS: right",
            shipped,
            polluted,
        );
        let unprotected = With {
            polluter: true,
            ..shallow
        };
        cases.run(
            "the same without RTLD_DEEPBIND fails, so that protection is needed",
            || not_right(&self.session(shipped, FIT, unprotected)?),
        );
        cases.run(
            "shipped: the backend finds no BLAS in its global scope",
            || {
                let outcome = self.session(shipped, LOOK, With::default())?;
                ensure(outcome.output == "exposes nothing: true", || {
                    outcome.transcript()
                })
            },
        );
        self.exposed(cases);
        cases.run(
            "shipped: the checker predicts that nothing is hijacked",
            || {
                let found = self.hijacked(shipped)?;
                ensure(found.is_empty(), || format!("{found:?}"))
            },
        );
        self.crashes(cases, shallow);
        self.right(
            cases,
            "dynamic, with RTLD_DEEPBIND: right, so the crash is a matter of scopes",
            &self.libraries.linked(WrongLink::Dynamic),
            With::default(),
        );
    }

    /// Checks which symbols each wrong variant exposes to libraries that are loaded later, and that the checker refuses it
    /// for them.
    fn exposed(&self, cases: &mut Cases<'_>) {
        for (wrong, exposed) in [
            (WrongLink::Dynamic, "dgelsd_"),
            (WrongLink::Ilp64, "dgelsd_"),
            (WrongLink::Exported, "gotoblas"),
            (WrongLink::ExportedOld, "gotoblas"),
        ] {
            let name = wrong.name();
            cases.run(&format!("{name}: the backend finds {exposed}"), || {
                let outcome = self.session(&self.libraries.linked(wrong), LOOK, With::default())?;
                let found = outcome.output.contains("ERROR") && outcome.output.contains(exposed);
                ensure(found, || outcome.transcript())
            });
            let refused = format!("{name}: the checker refuses it and names what it would hijack");
            if let Some(count) = cases.run(&refused, || self.refused(wrong)) {
                cases.note(&format!(
                    "{name}: {count} references of the wheels' libraries would be hijacked"
                ));
            }
        }
    }

    /// The wrong variants must fail: a test in which they work shows nothing about the right one.
    fn crashes(&self, cases: &mut Cases<'_>, shallow: With) {
        for wrong in [WrongLink::Dynamic, WrongLink::ExportedOld] {
            let name = format!("{}: ends the backend with signal 11", wrong.name());
            cases.run(&name, || {
                let outcome = self.session(&self.libraries.linked(wrong), FIT, shallow)?;
                ensure(outcome.ended_by_signal(SEGMENTATION_FAULT), || {
                    outcome.transcript()
                })
            });
        }
        cases.run(
            "ilp64: LAPACK refuses its arguments, or the backend ends",
            || {
                let outcome =
                    self.session(&self.libraries.linked(WrongLink::Ilp64), FIT, shallow)?;
                not_right(&outcome)
            },
        );
        // The same version's kernel tables have the same layout, so this one works by luck: count bindings instead.
        cases.run(
            "exported: NumPy's gotoblas is bound to the extension's",
            || {
                let library = self.libraries.linked(WrongLink::Exported);
                let outcome = self.session(
                    &library,
                    FIT,
                    With {
                        debug: true,
                        ..shallow
                    },
                )?;
                let files = replay::file_system(self.scene, &library, &self.book.policy);
                let record = replay::record(&outcome.debug, &files, &self.book.policy);
                let extension = replay::extension(self.scene);
                let bound = record.blas.iter().any(|((file, symbol), to)| {
                    file.contains("/numpy.libs/") && symbol == "gotoblas" && *to == extension
                });
                ensure(bound, || {
                    format!("none of {} bindings is that one", record.blas.len())
                })
            },
        );
        cases.run(
            "poison in place of libopenblas.so.0: SciPy's least squares calls into it",
            || {
                let with = With {
                    poison: true,
                    ..shallow
                };
                let outcome =
                    self.session(&self.libraries.linked(WrongLink::Dynamic), FIT_ALONE, with)?;
                ensure(
                    outcome.server.contains(&format!("{POISONED}dgelsd_")),
                    || outcome.transcript(),
                )
            },
        );
    }

    /// Checks that the dynamic linker binds the symbols as the checker predicts.
    pub fn linker_comparison(&self, cases: &mut Cases<'_>) {
        let (shipped, dynamic) = (
            &self.libraries.shipped,
            &self.libraries.linked(WrongLink::Dynamic),
        );
        let prepared = cases.run(
            &format!("{}: a server with the extension", self.target),
            || self.scene.prepare(shipped),
        );
        if prepared.is_none() {
            return;
        }
        let deep = With {
            debug: true,
            ..With::default()
        };
        let shallow = With {
            shallow: true,
            ..deep
        };
        let mut figures = Vec::new();
        for (name, library, with, hijacks) in [
            ("shipped", shipped, deep, false),
            ("shipped, without RTLD_DEEPBIND", shipped, shallow, false),
            ("dynamic", dynamic, deep, false),
            ("dynamic, without RTLD_DEEPBIND", dynamic, shallow, true),
        ] {
            cases.run(
                &format!(
                    "{}, {name}: every BLAS symbol is bound as predicted",
                    self.target
                ),
                || {
                    let outcome = self.session(library, FIT, with)?;
                    let lookup = match with.shallow {
                        true => Lookup::GlobalFirst,
                        false => Lookup::OwnFirst,
                    };
                    let (bound, taken) = replay::compare_bindings(
                        self.scene,
                        library,
                        &outcome.debug,
                        lookup,
                        &self.book.policy,
                    )?;
                    figures.push(format!("{name}: {bound} BLAS symbols bound, {taken} of wheels taken by others"));
                    ensure(bound > 1000 && (taken > 0) == hijacks, || {
                        format!("{bound} BLAS symbols were bound, {taken} of wheels were taken by others")
                    })?;
                    ensure(hijacks || outcome.output == FITTED, || outcome.transcript())
                },
            );
        }
        figures.iter().for_each(|line| cases.note(line));
    }

    fn right(&self, cases: &mut Cases<'_>, name: &str, library: &Path, with: With) {
        cases.run(name, || {
            let outcome = self.session(library, FIT, with)?;
            ensure(outcome.output == FITTED, || outcome.transcript())
        });
    }

    fn session(&self, library: &Path, sql: &str, with: With) -> Result<Outcome, Failure> {
        let mut environment = Vec::new();
        if with.shallow {
            environment.push(("LD_PRELOAD", format!("{SHOWN}/{SHALLOW}")));
        }
        if with.poison {
            environment.push(("LD_LIBRARY_PATH", format!("{SHOWN}/{POISON}")));
        }
        let first = match with.polluter {
            true => format!("LOAD '{SHOWN}/{POLLUTER}';"),
            false => String::new(),
        };
        self.scene.run(&Session {
            library,
            shown: self.shown,
            environment,
            sql: &format!("{first}{sql}"),
            debug: with.debug,
        })
    }

    fn hijacked(&self, library: &Path) -> Result<replay::Bindings, Failure> {
        let python = &self.target.distribution.python;
        let site = format!("{}/python{python}/site-packages", layout::PYTHON_PREFIX);
        let modules = MODULES.map(|module| format!("{site}/{module}"));
        let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
        replay::hijacked(self.scene, library, &modules, &self.book.policy)
    }

    /// Checks that the rules refuse the library and that the replay finds NumPy's `gotoblas` hijacked. Returns the number of
    /// hijacked references.
    fn refused(&self, wrong: WrongLink) -> Result<usize, Failure> {
        let library = self.libraries.linked(wrong);
        let expectation = Expectation {
            profile: Profile::Extension,
            architecture: self.architecture.to_owned(),
            server: None,
            sql_symbols: Some(judge::sql_symbols(self.workspace)?),
            ..judge::expectation(self.target)
        };
        let by = Judgement {
            book: self.book,
            expectation: &expectation,
            environment: &Environment::NotAsked(
                "the suite replays it with wheels of its own".into(),
            ),
            names: None,
        };
        let report = verify_library(&library, wrong.name(), &by)?;
        let failed: Vec<Rule> = report
            .rules
            .iter()
            .filter(|rule| rule.status == Status::Fail)
            .map(|rule| rule.rule)
            .collect();
        let expected: &[Rule] = match wrong {
            WrongLink::Dynamic | WrongLink::Ilp64 => &[Rule::S3, Rule::S4],
            WrongLink::Exported | WrongLink::ExportedOld => &[Rule::S4],
        };
        let all = expected.iter().all(|rule| failed.contains(rule));
        ensure(report.verdict != Verdict::Passed && all, || {
            format!("refused by {failed:?}, and not by all of {expected:?}")
        })?;
        let hijacked = self.hijacked(&library)?;
        let taken = hijacked
            .keys()
            .any(|(file, symbol)| file.contains("/numpy.libs/") && symbol == "gotoblas");
        ensure(taken, || {
            format!(
                "gotoblas of NumPy's OpenBLAS is not among the {} that are hijacked",
                hijacked.len()
            )
        })?;
        Ok(hijacked.len())
    }
}

/// Checks a session that must fail: the backend died, or the training failed.
fn not_right(outcome: &Outcome) -> Result<(), Failure> {
    let failed =
        outcome.ended_by_signal(SEGMENTATION_FAULT) || outcome.output.contains("ERROR:  training");
    ensure(
        failed && !outcome.output.contains("coefficients 1.000"),
        || outcome.transcript(),
    )
}
