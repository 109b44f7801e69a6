//! How large a model may be that is read or written. The numbers are those of docs/sql/exchange.md.

/// Nodes of all trees that become an SQL expression: Postgres plans that many in about a second.
pub const SQL_NODES: usize = 100_000;

/// Trees that become an SQL expression.
pub const SQL_TREES: usize = 1_000;

/// Levels of a tree that becomes an SQL expression: each is a CASE inside of another.
pub const SQL_DEPTH: usize = 100;

/// Numbers of a row from which an SQL expression predicts; a query of Postgres has 1,664 columns at most.
pub const SQL_NUMBERS: usize = 1_600;

/// Bytes of a file.
pub const FILE_BYTES: usize = 256 << 20;

/// Nodes of all trees of a file.
pub const FILE_NODES: usize = 10_000_000;

/// Levels of a tree of a file.
pub const FILE_DEPTH: usize = 1_024;

/// Numbers of a row.
pub const FILE_FEATURES: usize = 1 << 20;

/// Classes, or values that are predicted at once.
pub const FILE_SCORES: usize = 1 << 16;

/// Bytes of an ONNX file: its numbers may take eight times as much memory.
pub const ONNX_BYTES: usize = 128 << 20;

/// Operators of an ONNX file.
pub const ONNX_OPERATORS: usize = 4_096;
