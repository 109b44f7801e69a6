//! Reads which files each source file of the tool imports; `plan/recipe.rs` derives from it what decides a step's result.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The crates that a step can be made of.
const CRATES: [&str; 7] = [
    "crates/base",
    "crates/build",
    "crates/debian",
    "crates/inputs",
    "crates/jobs",
    "crates/symcheck",
    "crates/targets",
];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../..");
    for dir in CRATES {
        println!(
            "cargo::rerun-if-changed={}",
            root.join(dir).join("src").display()
        );
    }
    let mut table = String::from("&[\n");
    for (file, imported) in imports::read(&root, &CRATES)? {
        let imported: Vec<String> = imported.into_iter().collect();
        let _ = writeln!(table, "    ({file:?}, &{imported:?}),"); // a String takes everything
    }
    table.push_str("]\n");
    let out = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&out).join("imports.rs"), table)
}
