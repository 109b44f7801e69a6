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

/// Plain data with line breaks, as a document that ends with one.
///
/// # Panics
///
/// As [`compact`] does.
pub fn document(value: &impl Serialize) -> String {
    let mut text = whole(serde_json::to_string_pretty(value));
    text.push('\n');
    text
}

/// Plain data as a value, for callers that look into it.
///
/// # Panics
///
/// As [`compact`] does.
pub fn value(value: &impl Serialize) -> serde_json::Value {
    whole(serde_json::to_value(value))
}

fn whole<T>(written: Result<T, serde_json::Error>) -> T {
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
