//! Which columns of a relation are features and labels, and the query that reads them as plain numbers.
//!
//! A number that Postgres keeps in a register's worth of bits comes as it is, the reader converts it; `numeric` and arrays of
//! other numbers are cast by the query.

use crate::literal::quote_ident;
use crate::{Error, Result};

/// A column as the catalog describes it; domains are already resolved to their base type.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    /// What `format_type` says, for messages and for the snapshot.
    pub type_name: String,
    /// The name of the element's type in `pg_type`, such as `float8`; the type's own when it is no array.
    pub element: String,
    pub array: bool,
    pub nullable: bool,
}

/// The columns of one training: features in the relation's order, labels in the order they were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    pub features: Vec<Column>,
    pub labels: Vec<Column>,
}

const NUMERIC: [&str; 7] = ["int2", "int4", "int8", "float4", "float8", "numeric", "bool"];

impl Layout {
    /// Divide a relation's columns into features and labels, and refuse what cannot be a number.
    pub fn new(relation: &str, columns: Vec<Column>, labels: &[String]) -> Result<Layout> {
        for (index, label) in labels.iter().enumerate() {
            if labels[..index].contains(label) {
                return Err(Error::LabelTwice(label.clone()));
            }
        }
        let mut found = Vec::with_capacity(labels.len());
        for label in labels {
            let column = columns.iter().find(|column| column.name == *label).ok_or_else(|| Error::NoColumn {
                relation: relation.to_string(),
                column: label.clone(),
                available: columns.iter().map(|column| column.name.clone()).collect(),
            })?;
            if column.array || !NUMERIC.contains(&column.element.as_str()) {
                return Err(refuse(column, "label"));
            }
            found.push(column.clone());
        }
        let features: Vec<Column> = columns.into_iter().filter(|column| !labels.contains(&column.name)).collect();
        if let Some(column) = features.iter().find(|column| !NUMERIC.contains(&column.element.as_str())) {
            return Err(refuse(column, "feature"));
        }
        if features.is_empty() {
            return Err(Error::NoFeatures(relation.to_string()));
        }
        Ok(Layout { features, labels: found })
    }

    /// All columns as the query gives them: the features, then the labels.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.features.iter().chain(&self.labels)
    }

    /// The query over `relation`, which is already quoted.
    pub fn query(&self, relation: &str) -> String {
        let targets: Vec<String> = self.columns().map(target).collect();
        format!("SELECT {} FROM {relation} AS r", targets.join(", "))
    }
}

fn refuse(column: &Column, role: &'static str) -> Error {
    Error::ColumnType { column: column.name.clone(), type_name: column.type_name.clone(), role }
}

/// A column in the query. Booleans have no cast to a float, so arrays of them take a step over the integers.
fn target(column: &Column) -> String {
    let cast = match (column.array, column.element.as_str()) {
        (false, "numeric") => "::pg_catalog.float8",
        (false, _) | (true, "float8") => "",
        (true, "bool") => "::pg_catalog.int4[]::pg_catalog.float8[]",
        (true, _) => "::pg_catalog.float8[]",
    };
    format!("r.{}{cast}", quote_ident(&column.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, element: &str, array: bool) -> Column {
        let type_name = if array { format!("{element}[]") } else { element.to_string() };
        Column { name: name.into(), type_name, element: element.into(), array, nullable: true }
    }

    #[test]
    fn only_what_the_reader_can_not_convert_is_cast() {
        let columns = vec![
            column("a", "int4", false),
            column("b", "bool", false),
            column("image", "int2", true),
            column("c\"d", "numeric", false),
            column("flags", "bool", true),
            column("vector", "float8", true),
            column("y", "float4", false),
        ];
        let layout = Layout::new("t", columns, &["y".into()]).unwrap();
        assert_eq!(
            layout.query("\"s\".\"t\""),
            "SELECT r.\"a\", r.\"b\", r.\"image\"::pg_catalog.float8[], r.\"c\"\"d\"::pg_catalog.float8, \
             r.\"flags\"::pg_catalog.int4[]::pg_catalog.float8[], r.\"vector\", r.\"y\" FROM \"s\".\"t\" AS r"
        );
    }

    #[test]
    fn without_labels_every_column_is_a_feature() {
        let layout = Layout::new("t", vec![column("a", "int4", false)], &[]).unwrap();
        assert_eq!(layout.query("t"), "SELECT r.\"a\" FROM t AS r");
    }

    #[test]
    fn a_column_of_text_is_refused_by_name_and_type() {
        let columns = vec![column("name", "text", false), column("y", "int4", false)];
        let error = Layout::new("t", columns.clone(), &["y".into()]).unwrap_err();
        assert_eq!(error.to_string(), "column \"name\" has type text, which cannot be a feature");
        let error = Layout::new("t", columns, &["name".into()]).unwrap_err();
        assert_eq!(error.to_string(), "column \"name\" has type text, which cannot be a label");
    }

    #[test]
    fn an_array_cannot_be_a_label() {
        let columns = vec![column("a", "int4", false), column("y", "int4", true)];
        assert!(matches!(Layout::new("t", columns, &["y".into()]), Err(Error::ColumnType { role: "label", .. })));
    }

    #[test]
    fn labels_must_exist_once_and_leave_a_feature() {
        let columns = vec![column("a", "int4", false), column("y", "int4", false)];
        let layout = |labels: &[&str]| {
            let labels: Vec<String> = labels.iter().map(|label| label.to_string()).collect();
            Layout::new("t", columns.clone(), &labels)
        };
        assert!(matches!(layout(&["z"]), Err(Error::NoColumn { available, .. }) if available == ["a", "y"]));
        assert!(matches!(layout(&["y", "y"]), Err(Error::LabelTwice(_))));
        assert!(matches!(layout(&["y", "a"]), Err(Error::NoFeatures(_))));
    }
}
