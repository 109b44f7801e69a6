//! What counts as an import, on small workspaces.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use super::*;

/// The imports of `a/src/lib.rs`, in a workspace of these files.
fn of_lib(files: &[(&str, &str)]) -> Vec<String> {
    let all = imports(files);
    all["a/src/lib.rs"].iter().cloned().collect()
}

fn imports(files: &[(&str, &str)]) -> Imports {
    let dir = tempfile::tempdir().unwrap();
    let mut crates = BTreeSet::new();
    for (path, text) in files {
        let path_of = dir.path().join(path);
        std::fs::create_dir_all(path_of.parent().unwrap()).unwrap();
        std::fs::write(path_of, text).unwrap();
        crates.insert(path.split('/').next().unwrap());
    }
    read(dir.path(), &crates.into_iter().collect::<Vec<_>>()).unwrap()
}

#[test]
fn by_use_by_path_and_by_macro() {
    let others = [
        ("a/src/x.rs", ""),
        ("a/src/x/y.rs", ""),
        ("a/src/z/mod.rs", ""),
        ("b/src/lib.rs", ""),
        ("b/src/deep.rs", ""),
        ("b/src/deep/er.rs", ""),
    ];
    let lib = |text| of_lib(&[&[("a/src/lib.rs", text)], &others[..]].concat());
    assert_eq!(
        lib("use crate::x::{self, y::Y};"),
        ["a/src/x.rs", "a/src/x/y.rs"]
    );
    assert_eq!(lib("use b::Thing; use std::fs;"), ["b/src/lib.rs"]);
    assert_eq!(lib("fn f() { b::deep::er::g() }"), ["b/src/deep/er.rs"]);
    assert_eq!(
        lib("fn f() { println!(\"{}\", crate::z::g()) }"),
        ["a/src/z/mod.rs"]
    );
    assert_eq!(
        lib("use b::deep as d; fn f() { d::er::g() }"),
        ["b/src/deep.rs", "b/src/deep/er.rs"]
    );
    assert_eq!(lib("mod x; fn f() { x::y::g() }"), ["a/src/x/y.rs"]);
    assert_eq!(
        lib("// use crate::x;\nconst A: &str = \"crate::x::y\";"),
        [""; 0]
    );
    assert_eq!(lib("#[cfg(test)]\nmod tests { use crate::x::Y; }"), [""; 0]);
}

#[test]
fn a_text_that_is_compiled_in_is_an_import() {
    let files = [(
        "a/src/lib.rs",
        "const A: &str = include_str!(\"../more/a.j2\");",
    )];
    assert_eq!(of_lib(&files), ["a/more/a.j2"]);
}

#[test]
fn a_re_export_leads_to_where_the_item_stands() {
    let files = [
        ("a/src/lib.rs", "use b::Thing;"),
        (
            "b/src/lib.rs",
            "mod inner; mod other; pub use self::inner::Thing; use self::other::Big;",
        ),
        ("b/src/inner.rs", "pub struct Thing;"),
        ("b/src/other.rs", ""),
    ];
    assert_eq!(of_lib(&files), ["b/src/inner.rs"]);
}

#[test]
fn methods_in_a_child_belong_to_the_parents_type() {
    let files = [
        (
            "a/src/lib.rs",
            "mod more; mod own; pub struct Thing<'a>(&'a str);",
        ),
        (
            "a/src/more.rs",
            "use super::Thing; impl<'a> Thing<'a> { fn f(&self) {} }",
        ),
        (
            "a/src/own.rs",
            "struct Own; impl Own {} impl std::fmt::Debug for Own {}",
        ),
    ];
    assert_eq!(of_lib(&files), ["a/src/more.rs"]);
}

#[test]
fn a_closure_is_followed_up_to_where_it_stops() {
    let files = [
        ("a/src/lib.rs", "use crate::x::X;"),
        ("a/src/x.rs", "use crate::y::Y;"),
        ("a/src/y.rs", "use crate::z::Z;"),
        ("a/src/z.rs", ""),
    ];
    let all = imports(&files);
    let found = closure(&all, ["a/src/lib.rs"], |file| file == "a/src/z.rs");
    let found: Vec<&str> = found.into_iter().collect();
    assert_eq!(found, ["a/src/lib.rs", "a/src/x.rs", "a/src/y.rs"]);
}
