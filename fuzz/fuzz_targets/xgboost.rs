//! No file makes the reader of XGBoost's JSON and UBJSON, the model that it gives, or a writer panic, overflow, hang or use unbounded memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pgml_exchange::Format;

fuzz_target!(|data: &[u8]| fuzzed::model(Format::Xgboost, data));

#[path = "../fuzzed.rs"]
mod fuzzed;
