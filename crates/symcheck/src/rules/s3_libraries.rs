//! S3: which libraries the dynamic linker brings along. Catches a BLAS that was linked dynamically after all.

use super::{Context, Doc, Outcome};

pub(super) const DOC: Doc = Doc {
    title: "libraries",
    holds_when: "every DT_NEEDED entry is on the policy's list; none is a BLAS, LAPACK, Fortran or OpenMP library, by name or by path; there is no filter library (DT_AUXILIARY, DT_FILTER)",
    why: "Postgres loads an extension with RTLD_GLOBAL, and its libraries with it. A shared OpenBLAS in the global scope takes over the BLAS calls of SciPy's and NumPy's wheels, which bring their own; where the two differ in version or integer size, the server process dies with signal 11 or computes wrong numbers.",
    remedy: "Link OpenBLAS from an archive outside /usr (pkg-config refuses static libraries of system directories, and openblas-src then links dynamically without a word). Any other new library must become a Depends of the package and an entry of [libraries] in packaging/policy.toml.",
};

pub(super) fn check(context: &Context) -> Outcome {
    let mut outcome = Outcome::default();
    let policy = context.policy();
    let mut unknown = Vec::new();
    for library in &context.facts.needed {
        if let Some(forbidden) = policy.forbidden(last_part(library)) {
            outcome.found(*library, format!("{}.", forbidden.cause), &forbidden.remedy);
        } else if policy.allowed_libraries.iter().any(|name| name == library)
            || is_libpython(library)
        {
            // S8 judges whether it is the right libpython.
        } else if context.is_extension() {
            outcome.found(
                *library,
                "the package does not depend on a package that has this library",
                "drop what needs it, link it statically, or add it to [libraries] in packaging/policy.toml and to the package's Depends",
            );
        } else {
            unknown.push(*library);
        }
    }
    for filter in &context.facts.filters {
        outcome.found(
            *filter,
            "a filter library: it is loaded as well, and asked for every symbol before this library is, though it is not in DT_NEEDED",
            "drop --auxiliary and --filter, and link it like any other library",
        );
    }
    opened_by_name(context, &mut outcome);
    if let Some(replay) = context.replay {
        for (name, by) in replay.brought_by_others() {
            if let Some(forbidden) = policy.forbidden(name) {
                let problem = format!(
                    "{by}, which the library needs, brings it: {}.",
                    forbidden.cause
                );
                outcome.found(name, problem, &forbidden.remedy);
            }
        }
        let missing = replay.missing();
        unknown.retain(|library| missing.contains(library));
    }
    if !unknown.is_empty() {
        outcome.not_checked(
            "libraries of libraries",
            format!(
                "what these bring into the global scope is not known here: {}",
                unknown.join(", ")
            ),
        );
    }
    outcome.saw(match context.facts.needed.as_slice() {
        [] => "needs no library".to_owned(),
        needed => format!("needs {}", needed.join(", ")),
    });
    outcome
}

/// What it would open by name while it runs: a note tells, or a text that is the name of a library and no more.
fn opened_by_name(context: &Context, outcome: &mut Outcome) {
    let opens = |name: &str| matches!(name, "dlopen" | "dlmopen");
    if !context.facts.undefined().any(|symbol| opens(symbol.name)) {
        return;
    }
    let noted = context.facts.opens.iter().map(String::as_str);
    let mut names: Vec<&str> = context
        .facts
        .texts()
        .filter(|text| is_soname(text))
        .chain(noted)
        .collect();
    names.sort_unstable();
    names.dedup();
    for name in &names {
        if let Some(forbidden) = context.policy().forbidden(last_part(name)) {
            let problem = format!(
                "it can open it while it runs (dlopen): {}.",
                forbidden.cause
            );
            outcome.found(*name, problem, &forbidden.remedy);
        }
    }
    if !names.is_empty() {
        outcome.saw(format!(
            "may open {} while it runs (dlopen)",
            names.join(", ")
        ));
    }
}

/// Whether a text is the name of a library and nothing else.
fn is_soname(text: &str) -> bool {
    let name = last_part(text);
    let named = name
        .strip_prefix("lib")
        .and_then(|name| name.split_once(".so"));
    named.is_some_and(|(stem, version)| {
        let version = version
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let stem = stem
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte));
        stem && version && !text.contains(' ')
    })
}

/// The name of a library that is needed by its path.
fn last_part(library: &str) -> &str {
    library.rsplit('/').next().unwrap_or(library)
}

fn is_libpython(library: &str) -> bool {
    library.starts_with("libpython3.")
}
