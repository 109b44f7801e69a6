//! The text of a comparison for a terminal.

use std::fmt::Write as _;

use crate::bench::{Case, Document, OURS, median};

/// All cases as text, with the load of the machine first.
#[must_use]
pub fn table(document: &Document) -> String {
    let machine = &document.machine;
    let mut text = format!(
        "{}, {} cores, load {:.1} before and {:.1} after\n",
        document.target, machine.cores, machine.load_before, machine.load_after
    );
    for case in &document.cases {
        write_case(&mut text, case);
    }
    text
}

fn write_case(text: &mut String, case: &Case) {
    let _ = writeln!(text, "\n{}: {} (per {})", case.bench, case.case, case.per);
    let width = case
        .sides
        .iter()
        .map(|side| side.name.chars().count())
        .max()
        .unwrap_or(0);
    for side in &case.sides {
        let value =
            median(&side.values).map_or_else(|| "-".into(), |value| amount(value, &case.unit));
        let ratio = case.ratios.iter().find(|ratio| ratio.to == side.name);
        let ratio = match ratio {
            _ if side.name == OURS => "ours".into(),
            // Upside down below 1: nobody reads "0.01 times better".
            Some(ratio) if ratio.median < 1.0 => format!(
                "{} times better than ours ({} to {})",
                short(ratio.median.recip()),
                short(ratio.highest.recip()),
                short(ratio.lowest.recip())
            ),
            Some(ratio) => format!(
                "ours is {} times better ({} to {})",
                short(ratio.median),
                short(ratio.lowest),
                short(ratio.highest)
            ),
            None => "not compared".into(),
        };
        let _ = writeln!(text, "  {:width$}  {value:>12}  {ratio}", side.name);
    }
}

/// A value with three digits that count, in a unit of its size.
fn amount(value: f64, unit: &str) -> String {
    let units: &[(f64, &str)] = match unit {
        "s" => &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")],
        "B" => &[(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")],
        _ => &[(1.0, unit)],
    };
    let fitting = units
        .iter()
        .find(|(size, _)| value >= *size)
        .or(units.last());
    fitting.map_or_else(
        || short(value),
        |(size, name)| format!("{} {name}", short(value / size)),
    )
}

fn short(value: f64) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_in_a_unit_of_their_size() {
        assert_eq!(amount(0.000_000_34, "s"), "340 ns");
        assert_eq!(amount(0.004_28, "s"), "4.28 ms");
        assert_eq!(amount(97_300_000.0, "B"), "97.3 MB");
        assert_eq!(amount(12_345.6, "1/s"), "12346 1/s");
    }
}
