//! S9: the flags that make a library's memory harder to misuse, and that keep it from being looked for elsewhere.

use super::super::elf::{Facts, Stack};
use super::{Context, Doc, Outcome};

pub(super) const DOC: Doc = Doc {
    title: "hardening",
    holds_when: "full RELRO (PT_GNU_RELRO and bind now), no text relocations, no executable stack, no RPATH or RUNPATH, no library needed by its path, no audit library, no segment both writable and executable",
    why: "The library runs inside a database server. An executable stack makes the stack of the whole process executable when it is loaded (and newer glibc refuses to load it); a text relocation needs writable code; an RPATH of a build directory lets whoever owns that path later put code into the server.",
    remedy: "Link with -z relro -z now -z noexecstack; assemble .S files with a .note.GNU-stack section; compile everything with -fPIC; pass no -rpath.",
};

pub(super) fn check(context: &Context) -> Outcome {
    let mut outcome = Outcome::default();
    check_linking(context.facts, &mut outcome);
    check_search(context.facts, &mut outcome);
    if context.facts.writable_code {
        outcome.found(
            "writable code",
            "a segment is writable and executable at once",
            "look for a linker script or -z execstack, -N, --omagic",
        );
    }
    outcome.saw("full RELRO, no text relocations, plain stack, no RPATH");
    outcome
}

/// What the linker's flags make of its memory: RELRO, text relocations, the stack.
fn check_linking(facts: &Facts<'_>, outcome: &mut Outcome) {
    match (facts.relro, facts.bind_now) {
        (true, true) => {}
        (true, false) => outcome.found(
            "partial RELRO",
            "the table of function addresses stays writable, since symbols are bound when they are first called",
            "link with -z now",
        ),
        (false, _) => outcome.found(
            "no RELRO",
            "the tables that relocation fills in stay writable",
            "link with -z relro -z now",
        ),
    }
    if facts.text_relocations {
        outcome.found(
            "text relocation",
            "its code has to be made writable to be loaded",
            "compile every object with -fPIC; link with -z text to see which one is not",
        );
    }
    match facts.stack {
        Stack::Plain => {}
        Stack::Executable => outcome.found(
            "executable stack",
            "loading it makes the stack of the server process executable, or fails (glibc 2.41 and newer)",
            "an assembler file without .note.GNU-stack is the usual cause; link with -z noexecstack",
        ),
        Stack::Unstated => outcome.found(
            "unstated stack",
            "it has no PT_GNU_STACK, which the kernel takes for an executable stack",
            "link with -z noexecstack",
        ),
    }
}

/// Where it has libraries looked for: nowhere but in the system's directories.
fn check_search(facts: &Facts<'_>, outcome: &mut Outcome) {
    for (tag, value) in [("RPATH", facts.rpath), ("RUNPATH", facts.runpath)] {
        if let Some(value) = value {
            let problem = format!("its libraries are looked for in `{value}` first");
            outcome.found(
                tag,
                problem,
                "drop -rpath; the system's directories have all that it needs",
            );
        }
    }
    for needed in facts.needed.iter().filter(|name| name.contains('/')) {
        outcome.found(
            "needed by path",
            format!("the dynamic linker opens `{needed}`, that very file, and looks nowhere else"),
            "give that library a soname, and link again",
        );
    }
    for audit in &facts.audits {
        outcome.found(
            "audit library",
            format!(
                "it asks for `{audit}`, which would see and redirect every symbol of the process"
            ),
            "drop --audit and --depaudit",
        );
    }
}
