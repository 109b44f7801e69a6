//! What the build scripts of the crates that link C++ share: the archive that the plan's job made, and the static libstdc++ of
//! the compiler that made it. Both stay hidden: the library exports what Postgres asks for and nothing else (rule S5).

use std::process::{Command, ExitCode};

/// Where the archives are.
const ARCHIVES: &str = "PGML_ARCHIVES";

/// Tell cargo to link `lib<name>.a`.
pub fn link(name: &str) -> ExitCode {
    println!("cargo::rerun-if-env-changed={ARCHIVES}");
    let Some(archives) = std::env::var_os(ARCHIVES) else {
        println!(
            "cargo::error={ARCHIVES} is not set: it names the directory of lib{name}.a, which `cargo xtask` makes"
        );
        return ExitCode::FAILURE;
    };
    println!("cargo::rerun-if-changed={}/lib{name}.a", archives.display());
    // A cross build names the compiler of its target as crates that compile C++ look for it.
    let target = std::env::var("TARGET").unwrap_or_default().replace('-', "_");
    let named = format!("CXX_{target}");
    println!("cargo::rerun-if-env-changed={named}");
    let compiler = std::env::var_os(named).unwrap_or_else(|| "g++".into());
    let found = Command::new(compiler).arg("-print-file-name=libstdc++.a").output();
    let found = found.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let Some((runtime, _)) = found.as_deref().and_then(|path| path.trim().rsplit_once('/')) else {
        println!("cargo::error=g++ does not say where its libstdc++.a is");
        return ExitCode::FAILURE;
    };
    println!("cargo::rustc-link-search=native={}", archives.display());
    println!("cargo::rustc-link-search=native={runtime}");
    println!("cargo::rustc-link-lib=static:-bundle={name}");
    println!("cargo::rustc-link-lib=static:-bundle=stdc++");
    ExitCode::SUCCESS
}
