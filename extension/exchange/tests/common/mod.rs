//! What the tests against other programs share: their files, and tables of the documentation.

use std::path::PathBuf;

use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of references beside the tests.
pub fn reference(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join("tests").join(name)).expect("the file");
    serde_json::from_str(&text).expect("JSON")
}

/// Write a file of references.
pub fn write_reference(name: &str, value: &Value) {
    std::fs::write(folder().join("tests").join(name), value.to_string() + "\n").expect("a file that can be written");
}

pub fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().expect("a text");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

pub fn hex(bytes: &[u8]) -> Value {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}
