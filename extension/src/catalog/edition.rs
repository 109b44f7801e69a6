//! What differs between the tables of the editions.
//!
//! The SQL of an edition names C functions of its own where this matters, so that nobody has to ask the server which
//! edition a database has. Predictions read only what all editions share.

/// An edition, by the layout of its tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// PostgresML 1.0's tables: plain text where later ones have enums, and a copy of the rows for each snapshot.
    V1,
    /// Those of edition 2.10.0: today's, without what 3.0.0 added to them.
    V2,
    /// Those of this release.
    Current,
}

impl Edition {
    /// The argument `$number` as a value of one of pgml's enums, which 1.0 keeps as text.
    pub fn value(self, number: usize, enumeration: &str) -> String {
        match self {
            Edition::V1 => format!("${number}"),
            Edition::V2 | Edition::Current => format!("${number}::pgml.{enumeration}"),
        }
    }

    /// The column of `pgml.models` that names the algorithm.
    pub fn algorithm(self) -> &'static str {
        match self {
            Edition::V1 => "algorithm_name",
            Edition::V2 | Edition::Current => "algorithm",
        }
    }
}
