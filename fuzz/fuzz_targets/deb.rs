//! No file makes the `.deb` reader panic, overflow, hang or use more than its limits allow.
#![no_main]

use debian::deb::reader::{self, Limits};
use libfuzzer_sys::fuzz_target;

/// Small, so that reaching a limit is cheap and going past it is noticed.
const LIMITS: Limits = Limits {
    archive: 1 << 20,
    file: 1 << 16,
    kept: 1 << 17,
    files: 100,
    text: 1 << 12,
    memory: 32 << 20,
};

fuzz_target!(|data: &[u8]| {
    let Ok(package) = reader::read(data, &LIMITS, |path, head| {
        path.ends_with(".so") || head.starts_with(b"\x7fELF")
    }) else {
        return;
    };
    let kept: usize = package
        .files
        .iter()
        .filter_map(|file| file.contents.as_ref())
        .map(Vec::len)
        .sum();
    assert!(
        kept as u64 <= LIMITS.kept && package.files.len() <= LIMITS.files,
        "a limit was passed"
    );
});
