//! Runs the program as a person does, with an empty cache and no mirrors.

use std::process::Command;

/// Exit code, standard output, standard error.
pub fn xtask(args: &[&str]) -> (i32, String, String) {
    let cache = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(args)
        .env("NO_COLOR", "1")
        .env("PGML_DIST_CACHE", cache.path())
        .env_remove("PGML_DIST_MIRRORS")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}
