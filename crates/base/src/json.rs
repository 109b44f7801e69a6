//! Plain data as JSON, in one place that can't fail in silence.

use serde::Serialize;

/// Plain data in one line.
///
/// # Panics
///
/// Where the data can't be written as JSON: a map whose keys are no strings, or a `Serialize` that fails. That is a bug of this
/// program. An empty text in its place would be a key that all such values share, or an empty file.
pub fn compact(value: &impl Serialize) -> Vec<u8> {
    whole(serde_json::to_vec(value))
}

/// Plain data with line breaks, for people.
///
/// # Panics
///
/// As [`compact`] does.
pub fn pretty(value: &impl Serialize) -> Vec<u8> {
    whole(serde_json::to_vec_pretty(value))
}

fn whole(written: Result<Vec<u8>, serde_json::Error>) -> Vec<u8> {
    // INVARIANT: callers pass plain data.
    written.unwrap_or_else(|error| panic!("this is a bug: data can't be written as JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    #[should_panic(expected = "this is a bug")]
    fn what_is_no_json_is_told_and_not_passed_over() {
        compact(&BTreeMap::from([(vec![1], 1)]));
    }
}
