//! Each rule of the dynamic linker by libraries that the system's compiler makes, and all of them together by the dynamic
//! linker's own word (`LD_DEBUG=bindings`).
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::*;
use crate::policy::{Loading, Policy};

/// Libraries in a directory, which is found at the same path in the process.
struct Libraries(tempfile::TempDir);

/// What the policy of this source tree says of the dynamic linker.
fn loading() -> Loading {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
    Policy::load(&packaging.join("policy.toml"))
        .unwrap()
        .loading
}

impl Libraries {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0
            .path()
            .canonicalize()
            .unwrap()
            .join(name)
            .display()
            .to_string()
    }

    /// `flags` may name other libraries as `@name`.
    fn make(&self, name: &str, source: &str, flags: &[&str]) -> String {
        let c = self.path(&format!("{name}.c"));
        fs::write(&c, source).unwrap();
        let mut cc = Command::new("cc");
        cc.args([
            "-w",
            "-O0",
            "-fPIC",
            "-o",
            &self.path(name),
            &c,
            "-Wl,--no-as-needed",
        ]);
        if !flags.contains(&"-rdynamic") {
            cc.args(["-shared", "-nostdlib"]);
        }
        for flag in flags {
            match flag.strip_prefix('@') {
                Some(library) => cc.arg(self.path(library)),
                None => cc.arg(flag),
            };
        }
        let output = cc.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        self.path(name)
    }

    fn map(&self, text: &str) -> String {
        let path = self.path("version.map");
        fs::write(&path, text).unwrap();
        format!("-Wl,--version-script={path}")
    }

    fn files(&self) -> FileSystem {
        FileSystem::new(&loading()).directory("/", Path::new("/"))
    }
}

/// The file whose definition a file's reference gets.
fn provider(process: &Process<'_>, file: &str, symbol: &str) -> Option<String> {
    let found = process
        .bindings()
        .find(|binding| binding.file == file && binding.symbol == symbol);
    let found = found.unwrap_or_else(|| panic!("{file} does not refer to {symbol}"));
    found.provider.map(str::to_owned)
}

/// A library that defines `f` and calls it so that the call can be taken away.
const CALLER: &str = "int f(void) { return 1; } int use(void) { return f(); }";

#[test]
fn the_global_scope_comes_first_unless_bound_inside() {
    let libraries = Libraries::new();
    let global = libraries.make("global.so", "int f(void) { return 2; }", &[]);
    let plain = libraries.make("plain.so", CALLER, &[]);
    let symbolic = libraries.make("symbolic.so", CALLER, &["-Wl,-Bsymbolic"]);
    let protected = libraries.make(
        "protected.so",
        "__attribute__((visibility(\"protected\"))) int f(void) { return 1; } void *use(void) { return &f; }",
        &[],
    );
    let files = libraries.files();
    let mut process = Process::without_program(&files);
    process.open_global(&global).unwrap();
    for path in [&plain, &symbolic, &protected] {
        process.open_local(path, Lookup::GlobalFirst).unwrap();
    }
    assert_eq!(provider(&process, &plain, "f"), Some(global.clone()));
    let reference = process
        .references()
        .iter()
        .find(|reference| reference.own.is_some())
        .unwrap();
    assert_eq!(process.objects()[reference.own.unwrap().object].path, plain);
    // The linker binds inside already, so that nothing is left to look up.
    let looked_up: Vec<_> = process.bindings().map(|binding| binding.file).collect();
    assert_eq!(looked_up, [plain.as_str()]);

    let mut process = Process::without_program(&files);
    process.open_global(&global).unwrap();
    process.open_local(&plain, Lookup::OwnFirst).unwrap();
    assert_eq!(
        provider(&process, &plain, "f"),
        Some(plain),
        "RTLD_DEEPBIND"
    );
}

/// A server: definitions with two versions, with none, weak, and a library that a module brings again.
fn server(libraries: &Libraries) -> String {
    let v = libraries
        .map("V1 { global: first; both; local: *; }; V2 { global: both; second; hidden_one; } V1;");
    let versions = "
        __asm__(\".symver both_1, both@V1\\n.symver both_2, both@@V2\\n.symver hid, hidden_one@V2\");
        int both_1(void) { return 1; } int both_2(void) { return 2; } int hid(void) { return 3; }
        int first(void) { return 1; } int second(void) { return 2; }";
    libraries.make(
        "libversions.so.1",
        versions,
        &[&v, "-Wl,-soname,libversions.so.1"],
    );
    libraries.make("libplain.so.1", "int plain(void) { return 1; } __attribute__((weak)) int weak(void) { return 1; } int taken(void) { return 1; }", &["-Wl,-soname,libplain.so.1"]);
    let origin = "-Wl,-rpath,$ORIGIN";
    libraries.make(
        "main",
        "#include <dlfcn.h>\n#include <stdio.h>\n#include <stdlib.h>
         int exported(void) { return 1; }
         extern int plain(void);
         int main(int argc, char **argv) {
             plain();
             for (char **a = argv + 1; *a; a += 2)
                 if (!dlopen(a[1], RTLD_NOW | (**a == 'g' ? RTLD_GLOBAL : **a == 'd' ? RTLD_DEEPBIND : RTLD_LOCAL))) return puts(dlerror()), 1;
             return 0;
         }",
        &["-rdynamic", "-Wl,-z,now", origin, "@libversions.so.1", "@libplain.so.1", "-ldl"],
    )
}

/// An extension with a library that it brings.
fn extension(libraries: &Libraries) -> String {
    libraries.make("ext/libbrought.so.1", "int brought(void) { return 1; } int taken(void) { return 2; } int own_name(void) { return 2; }", &["-Wl,-soname,libbrought.so.1"]);
    libraries.make("ext/ext.so", "extern int brought(void), exported(void), missing(void) __attribute__((weak)); int e(void) { return brought() + exported() + (missing ? missing() : 0); }", &["-Wl,-rpath,$ORIGIN,--disable-new-dtags", "@ext/libbrought.so.1"])
}

/// Modules of Python with libraries that they bundle.
fn modules_with_bundled_libraries(libraries: &Libraries) -> [String; 2] {
    // One of them has the name of one that is loaded already.
    libraries.make(
        "mod/bundled/libbrought.so.1",
        "int brought(void) { return 3; } int only_bundled(void) { return 3; }",
        &["-Wl,-soname,libbrought.so.1"],
    );
    libraries.make("mod/bundled/libown.so", "
        int own_name(void) { return 3; } int taken(void) { return 3; } __attribute__((weak)) int weak(void) { return 3; }
        int inner(void) { return own_name() + taken() + weak(); }", &["-Wl,-soname,libown.so"]);
    let runpath = "-Wl,-rpath,$ORIGIN/bundled,--enable-new-dtags";
    let source = "
        extern int own_name(void), taken(void), weak(void), brought(void), plain(void), both(void), first(void), second(void);
        int mine(void) { return 1; }
        int m(void) { return own_name() + taken() + weak() + brought() + plain() + both() + first() + second() + mine(); }";
    let m1 = libraries.make(
        "mod/m1.so",
        source,
        &[
            runpath,
            "@mod/bundled/libown.so",
            "@mod/bundled/libbrought.so.1",
        ],
    );
    let m2 = libraries.make(
        "mod/m2.so",
        source,
        &[
            runpath,
            "-Wl,-Bsymbolic",
            "@mod/bundled/libown.so",
            "@libversions.so.1",
        ],
    );
    [m1, m2]
}

/// A module linked against another library, which has the versions under other names, or none at all.
fn module_linked_elsewhere(libraries: &Libraries) -> String {
    let v = libraries.map("V2 { global: both; hidden_one; };");
    libraries.make(
        "libother.so.1",
        "int both(void) { return 1; } int hidden_one(void) { return 1; }",
        &[&v, "-Wl,-soname,libversions.so.1"],
    );
    libraries.make(
        "mod/m3.so",
        "extern int both(void), hidden_one(void); int m(void) { return both() + hidden_one(); }",
        &["@libother.so.1"],
    )
}

/// A module that takes the addresses of its own functions, one of which is protected.
fn module_with_addresses(libraries: &Libraries) -> String {
    libraries.make("mod/m4.so", "
        int own_name(void) { return 4; } int taken(void) { return 4; } extern int both(void); extern int exported(void);
        __attribute__((visibility(\"protected\"))) int plain(void) { return 4; }
        static int (*volatile table[])(void) = { own_name, taken, both, plain };
        int m(void) { return table[0]() + own_name() + taken() + exported(); }", &[])
}

/// Two modules that define the same unique symbol.
fn modules_with_a_unique_symbol(libraries: &Libraries) -> [String; 2] {
    let unique = ".globl one_for_all\\n.type one_for_all, @gnu_unique_object\\n.data\\none_for_all: .quad 1\\n.size one_for_all, 8\\n.text\\n";
    let source = format!(
        "__asm__(\"{unique}\"); extern long one_for_all; long *m(void) {{ return &one_for_all; }}"
    );
    let u1 = libraries.make("mod/u1.so", &source, &[]);
    let u2 = libraries.make("mod/u2.so", &source, &[]);
    [u1, u2]
}

/// Who provides each symbol of the files below `here`, a line each, as the replay predicts it.
fn predicted(process: &Process<'_>, here: &str) -> BTreeSet<String> {
    process
        .bindings()
        .filter(|binding| binding.file.starts_with(here))
        .filter_map(|binding| {
            Some(format!(
                "{} {} {}",
                binding.file, binding.symbol, binding.provider?
            ))
        })
        .collect()
}

/// The same as the dynamic linker tells it while the program runs.
fn real(main: &str, opened: &[(&str, String)], here: &str) -> BTreeSet<String> {
    let output = Command::new(main)
        .args(opened.iter().flat_map(|(how, path)| [*how, path.as_str()]))
        .env("LD_DEBUG", "bindings")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}{stderr}",
        String::from_utf8_lossy(&output.stdout)
    );
    let canonical = |path: &str| {
        let found = Path::new(path).canonicalize();
        found.map_or(path.to_owned(), |path| path.display().to_string())
    };
    stderr
        .lines()
        .filter_map(|line| {
            let (_, line) = line.split_once("binding file ")?;
            let words: Vec<&str> = line.split_whitespace().collect();
            let symbol = words.get(7)?.trim_matches(['`', '\'']);
            Some(format!(
                "{} {symbol} {}",
                canonical(words[0]),
                canonical(words[3])
            ))
        })
        .filter(|line| line.starts_with(here))
        // The dynamic linker's own, told in the program's name: it takes over the program's allocator, and looks whether the
        // program has a copy of the structure that debuggers read (glibc 2.43 tells this one).
        .filter(|line| {
            !["malloc", "calloc", "realloc", "free", "_r_debug"]
                .iter()
                .any(|own| line.contains(&format!(" {own} ")))
        })
        .collect()
}

/// Everything at once, and then the dynamic linker is asked: versions in all forms, weak and unique definitions, symbolic
/// and protected ones, RPATH, RUNPATH, a second library of the same name, RTLD_DEEPBIND.
#[test]
fn the_dynamic_linker_says_the_same() {
    let libraries = Libraries::new();
    let dir = |name: &str| fs::create_dir(libraries.path(name)).unwrap();
    ["ext", "mod", "mod/bundled"].into_iter().for_each(dir);
    let main = server(&libraries);
    let ext = extension(&libraries);
    let [m1, m2] = modules_with_bundled_libraries(&libraries);
    let m3 = module_linked_elsewhere(&libraries);
    let m4 = module_with_addresses(&libraries);
    let [u1, u2] = modules_with_a_unique_symbol(&libraries);
    let opened = [
        ("g", ext),
        ("l", m1),
        ("l", m2),
        ("l", m3),
        ("d", m4),
        ("l", u1),
        ("l", u2),
    ];
    let files = libraries.files();
    let mut process = Process::start(&files, &main).unwrap();
    for (how, path) in &opened {
        match *how {
            "g" => process.open_global(path).unwrap(),
            "d" => process.open_local(path, Lookup::OwnFirst).unwrap(),
            _ => process.open_local(path, Lookup::GlobalFirst).unwrap(),
        };
    }
    let here = libraries.path("");
    let here = here.trim_end_matches('/');
    let (predicted, real) = (predicted(&process, here), real(&main, &opened, here));
    assert!(real.len() > 25, "{real:#?}");
    let (only_predicted, only_real): (Vec<_>, Vec<_>) = (
        predicted.difference(&real).collect(),
        real.difference(&predicted).collect(),
    );
    assert!(
        only_predicted.is_empty() && only_real.is_empty(),
        "predicted {only_predicted:#?}\nreal {only_real:#?}"
    );
    assert_eq!(process.replaced().len(), 1, "{:?}", process.replaced());
    assert_eq!(process.replaced()[0].name, "libbrought.so.1");
}

/// Some servers are linked to a fixed address; a library never is.
#[test]
fn a_program_at_a_fixed_address() {
    let libraries = Libraries::new();
    let program = libraries.make(
        "program",
        "void given(void) {} int main(void) { return 0; }",
        &["-rdynamic", "-no-pie"],
    );
    let library = libraries.make(
        "x.so",
        "void given(void); void take(void) { given(); }",
        &[],
    );
    let files = FileSystem::new(&loading()).directory("/", Path::new("/"));
    let mut process = Process::start(&files, &program).unwrap();
    process.open_global(&library).unwrap();
    let taken = process.bindings().find(|binding| binding.file == library);
    assert_eq!(
        taken.and_then(|binding| binding.provider),
        Some(program.as_str())
    );
    let mut nobody = Process::without_program(&files);
    assert!(matches!(
        nobody.open_global(&program),
        Err(ScopeError::Elf { .. })
    ));
}
