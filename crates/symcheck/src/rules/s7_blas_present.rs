//! S7: OpenBLAS is really inside. Catches a link that dropped it, the wrong version, a build for one processor only and
//! a threaded build.

use std::collections::BTreeMap;

use super::{Context, Doc, Outcome};

pub(super) const DOC: Doc = Doc {
    title: "BLAS present",
    holds_when: "the expected version of OpenBLAS is inside, serial, with kernels for each processor of the policy's list",
    why: "A library without any BLAS passes S3 and S4 with ease. One whose kernels are for the build machine only dies with an illegal instruction elsewhere, or is slow. Threads that OpenBLAS starts do not survive the fork of a server process: it hangs.",
    remedy: "Link the archive of Debian's libopenblas-serial-dev (built with DYNAMIC_ARCH), call openblas_get_config somewhere so that the version can be proven, and verify before strip, when the kernels still have names.",
};

const REMEDY: &str = "link the locked archive of libopenblas-serial-dev; see docs/verify.md#s7";

pub(super) fn check(context: &Context) -> Outcome {
    if !context.is_extension() {
        return Outcome::not_applicable("only the extension carries OpenBLAS");
    }
    let mut outcome = Outcome::default();
    check_configuration(context, &mut outcome);
    match &context.facts.symbols {
        Some(symbols) => {
            let names = symbols
                .iter()
                .map(|symbol| (&*symbol.name, symbol.has_bytes));
            check_symbols(context, &names.collect(), &mut outcome);
        }
        None if context.expectation.before_strip => outcome.found(
            "no symbol table",
            "it was stripped before it was verified, so nothing tells which kernels are inside",
            "verify first and strip then",
        ),
        None => check_core_names(context, &mut outcome),
    }
    outcome
}

/// The configuration string, which survives strip: `OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFIN SINGLE_THREADED`.
fn check_configuration(context: &Context, outcome: &mut Outcome) {
    let wanted = &context.policy().openblas;
    let found = context.facts.texts().find_map(|text| {
        let (_, after) = text.split_once("OpenBLAS ")?;
        after
            .starts_with(|c: char| c.is_ascii_digit())
            .then_some(after)
    });
    let Some(found) = found else {
        outcome.found(
            "configuration string",
            format!("no text `OpenBLAS {}` is inside: OpenBLAS is missing, or nothing refers to openblas_get_config, so its version can't be proven", wanted.version),
            REMEDY,
        );
        return;
    };
    let version = found.split(' ').next().unwrap_or(found);
    if version != wanted.version {
        let problem = format!(
            "OpenBLAS {version} is inside; the policy wants {}",
            wanted.version
        );
        outcome.found("version", problem, REMEDY);
    }
    for word in &wanted.configuration {
        if !found.contains(word.as_str())
            && !in_pieces(context, found, word)
            && !added_later(context, found, word)
        {
            let problem = format!(
                "OpenBLAS was built without {word}: its configuration is `OpenBLAS {found}`"
            );
            outcome.found(word, problem, REMEDY);
        }
    }
    outcome.saw(format!("OpenBLAS {version}"));
}

/// Whether a word of the configuration is there although the text ends after the version.
///
/// GCC copies the text with 16-byte loads, so that its pieces are constants of a mergeable section, and lld orders such
/// constants as it likes: `OpenBLAS 0.3.21 `, `NO_LAPACKE DYNAM` and `IC_ARCH NO_AFFIN` then lie apart. Both parts of a
/// word have to be there; that the word is true is judged by the symbols, before strip.
fn in_pieces(context: &Context, found: &str, word: &str) -> bool {
    const PIECE: usize = 16;
    if !("OpenBLAS ".len() + found.len()).is_multiple_of(PIECE) {
        return false;
    }
    let has = |part: &str| context.facts.texts().any(|text| text.contains(part));
    (0..word.len()).any(|at| {
        word.split_at_checked(at).is_some_and(|(left, right)| {
            left.len().max(right.len()) >= 6 && has(left) && has(right)
        })
    })
}

/// Whether a word is one that OpenBLAS adds when it is asked, after the name of the processor that it found: a text of its
/// own, and then the first one ends with the space before that name. AArch64's GCC keeps both whole; that the word is true is
/// judged by the symbols, before strip.
fn added_later(context: &Context, found: &str, word: &str) -> bool {
    let mut texts = context.facts.texts();
    found.ends_with(' ') && texts.any(|text| text.strip_prefix(' ') == Some(word))
}

/// Before strip: every kernel by its name. `names` tells for each whether it names bytes, or zeros as an absent table does.
fn check_symbols(context: &Context, names: &BTreeMap<&str, bool>, outcome: &mut Outcome) {
    let wanted = &context.policy().openblas;
    let missing: Vec<&str> = wanted
        .symbols
        .iter()
        .map(String::as_str)
        .filter(|name| !names.contains_key(name))
        .collect();
    if !missing.is_empty() {
        let problem = format!(
            "OpenBLAS's own symbols are not inside: {}",
            missing.join(", ")
        );
        outcome.found("OpenBLAS", problem, REMEDY);
    }
    let lacks = |core: &str| {
        let mut symbols = wanted.kernel_symbols.iter();
        symbols.any(|name| names.get(name.replace("{core}", core).as_str()) != Some(&true))
    };
    let cores = context.policy().cores(&context.expectation.architecture);
    let cores = cores.map(|(symbols, _)| symbols);
    let (absent, present): (Vec<&str>, Vec<&str>) = cores.partition(|core| lacks(core));
    if !absent.is_empty() {
        let problem = format!(
            "no kernels for {}: there it is slow, or dies with an illegal instruction",
            absent.join(", ")
        );
        outcome.found("kernels", problem, REMEDY);
    }
    let threaded = wanted.threaded_symbols.iter();
    let threaded: Vec<&str> = threaded
        .map(String::as_str)
        .filter(|name| names.contains_key(name))
        .collect();
    if !threaded.is_empty() {
        let problem = format!(
            "a threaded build is inside ({}); its threads do not survive fork",
            threaded.join(", ")
        );
        outcome.found("threads", problem, REMEDY);
    }
    outcome.saw(format!("kernels for {}", present.join(", ")));
}

/// After strip: the table of processor names, which only a build with kernels for several has.
fn check_core_names(context: &Context, outcome: &mut Outcome) {
    let cores = context.policy().cores(&context.expectation.architecture);
    let mut absent: Vec<&str> = cores
        .map(|(_, table)| table)
        .filter(|name| name.len() >= 5)
        .collect();
    for text in context.facts.texts() {
        absent.retain(|name| !text.contains(name));
        if absent.is_empty() {
            break;
        }
    }
    if !absent.is_empty() {
        let problem = format!(
            "OpenBLAS's table of processors does not name {}",
            absent.join(", ")
        );
        outcome.found("processors", problem, REMEDY);
    }
    outcome.not_checked(
        "kernels",
        "the library is stripped, so its kernels have no names",
    );
}
