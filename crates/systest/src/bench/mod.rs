//! `cargo xtask bench`: how much quicker this release is than the alternatives, measured side by side.
//!
//! Each bench is an SQL script in `packaging/bench/` that runs in a clean system with the packages installed, and prints a
//! line of JSON for each case. Both sides of a case run in turns, in one session and on the same rows. Other load slows both
//! sides down, so that their ratio is more stable than either time.

pub mod build;
mod run;
mod text;
mod trees;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use run::{BenchError, Benches};
pub use text::table;
pub use trees::Others;

/// The version of [`Document`].
pub const VERSION: u32 = 1;

/// The side that is ours.
pub const OURS: &str = "pgml";

/// A bench, and the script that measures it.
pub struct Bench {
    /// Its name on the command line, and in what its script prints.
    pub name: &'static str,
    /// The script, without `.sql`; of [`TREES`] the directory of its programs.
    pub script: &'static str,
}

/// All benches, in the order in which they run.
pub const BENCHES: [Bench; 10] = [
    bench("dot", "dot"),
    bench("predict", "predict"),
    bench("rows", "rows"),
    bench("first", "first"),
    bench("memory", "first"),
    bench("read", "read"),
    bench("pgbench", "pgbench"),
    bench("fit", "fit"),
    bench("explain", "explain"),
    bench(TREES, TREES),
];

/// The bench of tree evaluators. It trains for minutes and fetches wheels, so that it runs only when it is asked for.
pub const TREES: &str = "trees";

const fn bench(name: &'static str, script: &'static str) -> Bench {
    Bench { name, script }
}

/// What `bench --json` prints.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// The version of this format.
    pub version: u32,
    /// The target whose packages were measured.
    pub target: String,
    /// How busy the machine was: other work makes times longer and ratios less certain.
    pub machine: Machine,
    /// The libraries that `trees` compared with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<Version>,
    /// The comparisons, in the order in which they were measured.
    pub cases: Vec<Case>,
}

/// A library that pgml was compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    /// Its name in the package index; `gcc` is the compiler of what is compiled.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The machine while it measured.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Machine {
    /// The number of processors of the machine.
    pub cores: usize,
    /// Processes that ran or waited for a processor in the minute before the first bench.
    pub load_before: f64,
    /// The same in the minute before the end; one of them is the bench itself.
    pub load_after: f64,
}

/// The values of several sides for one measured thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Case {
    /// The bench that it belongs to.
    pub bench: String,
    /// The name of what was measured within the bench.
    pub case: String,
    /// The unit of all values: `s`, `B` or `1/s`.
    pub unit: String,
    /// What a value is for: a row, a query.
    pub per: String,
    /// The values of each side, a value for each round.
    pub sides: Vec<Side>,
    /// Each other side compared with ours.
    #[serde(default)]
    pub ratios: Vec<Ratio>,
    /// How each other side's predictions compare with ours, where that was looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agreements: Vec<Agreement>,
}

/// Whether another side predicts what `pgml` predicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agreement {
    /// The name of the other side.
    pub to: String,
    /// The rows that both predicted.
    pub rows: u64,
    /// Those for which the prediction is equal, bit for bit.
    pub equal: u64,
    /// The largest difference, relative to the larger of both numbers.
    pub largest: f64,
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Side {
    /// Whose way it is; `pgml` is ours.
    pub name: String,
    /// A value for each round.
    pub values: Vec<f64>,
}

/// How many times better `pgml` is; below 1 it is worse. Both values are of the same round, so that a round in which the
/// machine was busy counts for both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ratio {
    /// The name of the side that `pgml` is compared with.
    pub to: String,
    /// The middle one of all rounds.
    pub median: f64,
    /// The lowest of all rounds.
    pub lowest: f64,
    /// The highest ratio of all rounds.
    pub highest: f64,
}

/// The middle value; of an even number the lower one.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

impl Case {
    /// Compares each side with `pgml`. For the unit `1/s` a higher value is better, for the others a lower one.
    fn compare(&mut self) {
        let Some(ours) = self.sides.iter().find(|side| side.name == OURS) else {
            return;
        };
        let more_is_better = self.unit.starts_with('1');
        let others = self.sides.iter().filter(|side| side.name != OURS);
        self.ratios = others
            .filter_map(|other| {
                let pairs = other.values.iter().zip(&ours.values);
                let ratios: Vec<f64> = pairs
                    .map(|(other, ours)| {
                        if more_is_better {
                            ours / other
                        } else {
                            other / ours
                        }
                    })
                    .collect();
                Some(Ratio {
                    to: other.name.clone(),
                    median: median(&ratios)?,
                    lowest: ratios.iter().copied().reduce(f64::min)?,
                    highest: ratios.iter().copied().reduce(f64::max)?,
                })
            })
            .collect();
    }
}

/// Reads the cases of the benches in `wanted` from a script's output. A case that is printed in parts is put together.
pub fn cases(printed: &str, wanted: &[&str]) -> Result<Vec<Case>, serde_json::Error> {
    let mut found: Vec<Case> = Vec::new();
    for line in printed.lines().filter(|line| line.starts_with('{')) {
        let case: Case = serde_json::from_str(line)?;
        if !wanted.contains(&case.bench.as_str()) {
            continue;
        }
        let known = found
            .iter_mut()
            .find(|known| known.bench == case.bench && known.case == case.case);
        match known {
            Some(known) => {
                for side in case.sides {
                    match known.sides.iter_mut().find(|known| known.name == side.name) {
                        Some(known) => known.values.extend(side.values),
                        None => known.sides.push(side),
                    }
                }
            }
            None => found.push(case),
        }
    }
    found.iter_mut().for_each(Case::compare);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bench: &str, side: &str, values: &str, unit: &str) -> String {
        format!(
            r#"{{"bench":"{bench}","case":"c","unit":"{unit}","per":"row","sides":[{{"name":"{side}","values":[{values}]}}]}}"#
        )
    }

    /// Catches ratios of values that don't belong to the same round, and ratios the wrong way round.
    #[test]
    fn sides_are_compared_round_by_round() {
        let printed = [
            line("dot", "SQL", "10, 30, 20", "s"),
            line("dot", "pgml", "1, 2, 4", "s"),
            line("other", "pgml", "1", "s"),
            "a notice".into(),
        ];
        let found = cases(&printed.join("\n"), &["dot"]).unwrap();
        assert_eq!(found.len(), 1);
        let wanted = Ratio {
            to: "SQL".into(),
            median: 10.0,
            lowest: 5.0,
            highest: 15.0,
        };
        assert_eq!(found[0].ratios, [wanted]);
        let printed = [
            line("pgbench", "1.0", "10", "1/s"),
            line("pgbench", "pgml", "40", "1/s"),
        ];
        let found = cases(&printed.join("\n"), &["pgbench"]).unwrap();
        assert_eq!(found[0].ratios[0].median, 4.0);
    }

    #[test]
    fn a_line_that_is_no_case_is_an_error() {
        assert!(cases("{\"bench\": 3}", &["dot"]).is_err());
    }

    #[test]
    fn the_median_is_a_value_that_was_measured() {
        assert_eq!(median(&[3.0, 1.0, 2.0, 9.0]), Some(2.0));
        assert_eq!(median(&[]), None);
    }
}
