//! Links the archive of LightGBM.

#[path = "../link_archive.rs"]
mod link_archive;

fn main() -> std::process::ExitCode {
    link_archive::link("lightgbm")
}
