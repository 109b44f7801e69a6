//! No file makes the reader of LightGBM's text, the model that it gives, or a writer panic, overflow, hang or use unbounded memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgml_exchange::Format;

fuzz_target!(|data: &[u8]| fuzzed::model(Format::LightGbm, data));

#[path = "../fuzzed.rs"]
mod fuzzed;
