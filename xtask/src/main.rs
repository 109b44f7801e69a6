//! `cargo xtask`: parses the command line, runs the command, renders its failure.

mod cli;
mod commands;
mod console;
mod heartbeat;
mod output;
mod publisher;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(report) = failure.report {
                eprintln!("{report:?}");
            }
            ExitCode::from(failure.exit as u8)
        }
    }
}
