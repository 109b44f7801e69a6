//! Links the OpenBLAS that pkg-config names: statically where its archive lies outside the system's directories.

use std::process::ExitCode;

fn main() -> ExitCode {
    match pkg_config::Config::new().statik(true).probe("openblas") {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error=there is no OpenBLAS to link: {}", error.to_string().replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}
