//! `publisher`: parses the command line, publishes or verifies, renders the failure. `cargo xtask publish` starts it.

mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(report) = failure.report {
                eprintln!("{report:?}");
            }
            ExitCode::from(failure.exit as u8)
        }
    }
}
