//! `cargo xtask`: parses the command line, runs the command, renders its failure.

mod bar;
mod cli;
mod commands;
mod console;
mod heartbeat;
mod output;
mod publisher;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::of_process();
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
