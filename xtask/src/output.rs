//! Standard output, for data alone.

use std::io;

use base::exit::Failure;
use base::{json, output};

/// Writes to standard output.
pub fn print(text: &str) -> Result<(), Failure> {
    output::write(io::stdout(), text)
}

/// Writes one JSON document.
pub fn print_json(document: &impl serde::Serialize) -> Result<(), Failure> {
    print(&json::document(document))
}
