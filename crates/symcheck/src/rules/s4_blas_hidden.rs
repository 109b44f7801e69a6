//! S4: no BLAS name crosses the library's border. Catches a static OpenBLAS whose symbols stayed visible.

use super::super::report::SymbolRef;
use super::{Context, Doc, Outcome};

pub(super) const DOC: Doc = Doc {
    title: "BLAS hidden",
    holds_when: "no name of BLAS, LAPACK, CBLAS, LAPACKE or OpenBLAS is exported or undefined",
    why: "Linking OpenBLAS statically is only half of the cure. While its symbols are exported, the wheels' BLAS calls still bind to the extension's copy (7,202 symbols of SciPy 1.10's own OpenBLAS do). An undefined BLAS name is the same bug from the other side: the extension takes whichever BLAS came first.",
    remedy: "Exported: give the linker a version script that ends in `local: *` (`global: *` exports everything again), or --exclude-libs,ALL. Undefined: the archive is missing from the link, or comes before the objects that need it.",
};

pub(super) fn check(context: &Context) -> Outcome {
    let mut outcome = Outcome::default();
    let policy = context.policy();
    let exported: Vec<SymbolRef> = context
        .facts
        .exported()
        .filter(|symbol| policy.is_blas(symbol.name))
        .map(SymbolRef::from)
        .collect();
    let undefined: Vec<SymbolRef> = context
        .facts
        .undefined()
        .filter(|symbol| policy.is_blas(symbol.name))
        .map(SymbolRef::from)
        .collect();
    if !exported.is_empty() {
        outcome.found_symbols(
            format!("{} exported", exported.len()),
            "BLAS names are exported; loaded with RTLD_GLOBAL they take over the BLAS calls of SciPy's and NumPy's wheels",
            "link with a version script that ends in `local: *`, or with --exclude-libs,ALL",
            exported,
        );
    }
    if !undefined.is_empty() {
        outcome.found_symbols(
            format!("{} undefined", undefined.len()),
            "BLAS names are taken from another library, whichever the server process has first",
            "link OpenBLAS statically, after the objects that need it",
            undefined,
        );
    }
    outcome.saw(format!(
        "none among {} exported and {} undefined symbols",
        context.facts.exported().count(),
        context.facts.undefined().count()
    ));
    outcome
}
