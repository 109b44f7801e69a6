//! Small libraries that the sessions need, compiled in the builder.

use std::fmt::Write as _;
use std::path::Path;

use base::exit::Failure;
use base::files;
use base::sandbox::Sandbox;
use symcheck::VerifyError;
use symcheck::elf::Facts;

use crate::cases::ensure;

/// Removes RTLD_DEEPBIND from every dlopen: the only way to run the shipped library without that protection.
pub const SHALLOW: &str = "shallow.so";
/// Stands for another project's extension, linked to the OpenBLAS with 64-bit integers.
pub const POLLUTER: &str = "polluter.so";
/// The directory with a `libopenblas.so.0` whose functions say their name and abort.
pub const POISON: &str = "poison";
/// What those functions say before their name.
pub const POISONED: &str = "poisoned: ";

/// What they are made from.
pub struct Sources<'a> {
    /// The builder's root file system.
    pub builder: &'a Path,
    /// The unpacked headers of the server.
    pub headers: &'a Path,
    /// The major version of the server that loads the fixtures.
    pub major: u16,
    /// The unpacked packages of the shared builds of OpenBLAS.
    pub shared: &'a Path,
}

/// Compiles them into a directory.
pub fn make(sources: &Sources<'_>, dir: &Path, log: &Path) -> Result<(), Failure> {
    files::write(&dir.join("shallow.c"), SHALLOW_C)?;
    files::write(&dir.join("polluter.c"), POLLUTER_C)?;
    files::write(&dir.join("poison.c"), poison(sources.shared)?)?;
    files::create_dir(&dir.join(POISON))?;
    let program = Sandbox::new(sources.builder)
        .tmpfs("/in")
        .read_only(sources.headers, "/in/headers")
        .read_only(sources.shared, "/in/shared")
        .writable(dir, "/build")
        .env("MAJOR", sources.major.to_string())
        .script(COMPILE);
    Ok(program.run(log)?)
}

const COMPILE: &str = r#"
cd /build
gcc -O1 -Wall -Werror -shared -fPIC -o shallow.so shallow.c -ldl
gcc -O1 -Wall -shared -fPIC -I"/in/headers/usr/include/postgresql/$MAJOR/server" -o polluter.so polluter.c \
    /in/shared/usr/lib/x86_64-linux-gnu/openblas64-pthread/libopenblas64.so.0
gcc -O1 -w -shared -fPIC -Wl,-soname,libopenblas.so.0 -o poison/libopenblas.so.0 poison.c
"#;

const SHALLOW_C: &str = r"
#define _GNU_SOURCE
#include <dlfcn.h>

void *dlopen(const char *file, int mode)
{
    void *(*real)(const char *, int) = (void *(*)(const char *, int)) dlsym(RTLD_NEXT, __func__);
    return real(file, mode & ~RTLD_DEEPBIND);
}
";

const POLLUTER_C: &str = r"
#include <postgres.h>
#include <fmgr.h>

PG_MODULE_MAGIC;

extern void dgelsd_(void);
/* A reference, so that the library is needed. */
void (*polluter_keeps)(void) = dgelsd_;
";

/// A library with the names of OpenBLAS's interface and none of its behaviour.
fn poison(shared: &Path) -> Result<String, Failure> {
    let path = shared.join("usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so.0");
    let bytes = files::read(&path)?;
    let facts = Facts::read(&bytes).map_err(|source| VerifyError::Elf {
        file: path.display().to_string(),
        source,
    })?;
    let mut text = format!(
        "#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n\
         static void end(const char *name) {{ write(2, \"{POISONED}\", {}); write(2, name, strlen(name)); \
         write(2, \"\\n\", 1); abort(); }}\n",
        POISONED.len()
    );
    let mut count = 0;
    for symbol in facts.exported() {
        let name = symbol.name;
        let interface = name.starts_with("cblas_")
            || name.starts_with("openblas_")
            || (name.ends_with('_') && !name.starts_with('_'));
        if interface {
            count += 1;
            // OpenBLAS calls its own ones while it is loaded; what SciPy calls is BLAS and LAPACK.
            let body = match name.starts_with("openblas_") {
                true => String::new(),
                false => format!("end(\"{name}\");"),
            };
            let _ = writeln!(text, "void {name}(void) {{ {body} }}");
        }
    }
    ensure(count > 500, || {
        format!(
            "{} has only {count} names of BLAS's interface",
            path.display()
        )
    })?;
    Ok(text)
}
