//! How large a model may be that is read or written. The numbers are those of docs/sql/exchange.md.

/// Nodes of all trees that become an SQL expression: Postgres plans that many in about a second.
pub const SQL_NODES: usize = 100_000;

/// Trees that become an SQL expression.
pub const SQL_TREES: usize = 1_000;

/// Levels of a tree that becomes an SQL expression: each is a CASE inside of another.
pub const SQL_DEPTH: usize = 100;

/// Numbers of a row from which an SQL expression predicts; a query of Postgres has 1,664 columns at most.
pub const SQL_NUMBERS: usize = 1_600;
