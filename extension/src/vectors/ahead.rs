//! Asks for the next row's numbers while this row's are worked on.
//!
//! A sequential scan hands over one row of a page after the other, and Postgres fills a page from its end to its beginning: the
//! row that comes next lies just below this one, and as a rule is as long. Between two rows the executor follows
//! pointers for longer than the arithmetic takes, and each waits for memory; what is asked for now is there by then.
//!
//! Where the guess is wrong nothing happens: to ask for memory reads nothing, whatever the address.

/// Bytes that the processor fetches at once.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;
/// Arrays that lie further apart are in no common row: a row is at most as large as a page.
const PAGE: usize = 8192;
/// The header of a row, the headers of its arrays and what aligns them.
const HEADERS: usize = 96;

/// Two arrays of one row, the first of which lies lower.
pub fn fetch_row_below(left: &[f32], right: &[f32]) {
    let (from, to) = (left.as_ptr().addr(), right.as_ptr_range().end.addr());
    if let Some(length) = to.checked_sub(from).filter(|length| *length < PAGE) {
        fetch(left.as_ptr().cast(), length + HEADERS);
    }
}

/// Ask for `length` bytes below an address.
#[cfg(target_arch = "x86_64")]
fn fetch(below: *const i8, length: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for distance in (LINE..length + LINE).step_by(LINE) {
        // SAFETY: PREFETCHT0 raises no fault for any address (Intel's manual, volume 2), and is part of every x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(below.wrapping_sub(distance)) };
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn fetch(_: *const i8, _: usize) {}
