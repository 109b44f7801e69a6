//! Literals, and steps put together.

/// One step: a subquery with columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What the columns that it makes are qualified with.
    pub alias: String,
    /// The expression and the name of each column.
    pub columns: Vec<(String, String)>,
}

/// A double as a literal that gives the same bits.
pub fn number(value: f64) -> String {
    match value {
        _ if value.is_infinite() => format!("'{}Infinity'::float8", if value < 0.0 { "-" } else { "" }),
        _ if value < 0.0 || (value == 0.0 && value.is_sign_negative()) => format!("({value:?}::float8)"),
        _ => format!("{value:?}::float8"),
    }
}

/// A number in four bytes as a literal that gives the same bits.
pub fn single(value: f32) -> String {
    if value < 0.0 || value.is_sign_negative() { format!("({value:?}::float4)") } else { format!("{value:?}::float4") }
}

/// A text as a literal, whatever `standard_conforming_strings` says.
pub fn quote(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') { format!("E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

/// Doubles as an array.
pub fn array(values: impl Iterator<Item = f64>) -> String {
    let each: Vec<String> = values.map(|value| format!("{value:?}")).collect();
    format!("'{{{}}}'::float8[]", each.join(","))
}

/// The expression of all steps.
pub fn assemble(steps: &[Step], guard: &str, result: &str) -> String {
    let mut from = String::new();
    for (place, step) in steps.iter().enumerate() {
        let columns: Vec<String> = step.columns.iter().map(|(value, name)| format!("{value} AS {name}")).collect();
        let lateral = if place == 0 { "" } else { ", LATERAL " };
        from.push_str(&format!("{lateral}(SELECT {} OFFSET 0) AS {}\n", columns.join(",\n  "), step.alias));
    }
    format!("(SELECT CASE WHEN {guard} THEN {result} END\nFROM {from})")
}
