//! Which columns of a relation are features and labels, and the query that reads them as plain numbers.
//!
//! A number comes as it is, the reader converts it; arrays of other numbers than `float8` are cast by the query.

use crate::labels;
use crate::literal::quote_ident;
use crate::time::Temporal;
use crate::{Error, Result};

/// A column as the catalog describes it; domains are already resolved to their base type.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    /// What `format_type` says, for messages and for the snapshot.
    pub type_name: String,
    /// The name of the element's type in `pg_type`, such as `float8`; the type's own when it is no array. `text` stands for
    /// every type of texts.
    pub element: String,
    pub array: bool,
    pub nullable: bool,
    /// Those of an enum, in their order.
    pub values: Vec<String>,
}

/// The columns of one training: features in the relation's order, labels in the order they were asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layout {
    pub features: Vec<Column>,
    pub labels: Vec<Column>,
    /// The column that weighs the rows.
    pub weight: Option<Column>,
    /// Whether the labels are classes whose values are looked at one by one.
    pub listed: bool,
}

/// What a layout is made by, beside the relation's own columns.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub labels: &'a [String],
    pub exclude: &'a [String],
    pub weight: Option<&'a str>,
    pub takes: Takes,
}

/// What the edition and the task take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Takes {
    /// Whether a text can be a feature.
    pub texts: bool,
    /// Whether a date or a time can be a feature.
    pub times: bool,
    pub labels: Labels,
}

/// What a label may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    Numbers,
    /// Numbers, and what has classes: texts, enums, dates.
    Classes,
    /// Either: nobody has said yet what is to be learned.
    Any,
}

impl Column {
    /// Whether its values are categories.
    pub fn is_text(&self) -> bool {
        !self.array && self.element == "text"
    }

    /// What its numbers count, when they are dates or times.
    pub fn temporal(&self) -> Option<Temporal> {
        if self.array { None } else { Temporal::of(&self.element) }
    }

    fn is_number(&self) -> bool {
        NUMERIC.contains(&self.element.as_str())
    }

    /// The error that the column's type can't have this role: `label`, `feature` or `weight`.
    pub fn refused(&self, role: &'static str) -> Error {
        Error::ColumnType { column: self.name.clone(), type_name: self.type_name.clone(), role }
    }

    /// Whether its values are classes of a label, be they numbers or not.
    pub fn has_classes(&self) -> bool {
        !self.array && (self.is_number() || labels::Collector::new(self).is_some())
    }
}

const NUMERIC: [&str; 7] = ["int2", "int4", "int8", "float4", "float8", "numeric", "bool"];

impl Layout {
    /// Divide a relation's columns into features, labels and a weight, and refuse what can be none of them.
    pub fn new(relation: &str, columns: Vec<Column>, wanted: Wanted<'_>) -> Result<Layout> {
        let Wanted { labels, exclude, weight, takes } = wanted;
        for (index, label) in labels.iter().enumerate() {
            if labels[..index].contains(label) {
                return Err(Error::LabelTwice(label.clone()));
            }
        }
        let find = |name: &str| find(relation, &columns, name);
        let mut found = Vec::with_capacity(labels.len());
        for label in labels {
            let column = find(label)?;
            let fits = match takes.labels {
                Labels::Numbers => !column.array && column.is_number(),
                Labels::Classes | Labels::Any => column.has_classes(),
            };
            if !fits {
                return Err(column.refused("label"));
            }
            found.push(column.clone());
        }
        for name in exclude {
            find(name)?;
            if labels.contains(name) || weight == Some(name) {
                let is = if labels.contains(name) { "the label" } else { "the weight" };
                return Err(Error::ExcludedTwice { column: name.clone(), is });
            }
        }
        let weight = weight.map(|name| weighs(find(name)?, labels)).transpose()?;
        let used = |column: &Column| labels.contains(&column.name) || exclude.contains(&column.name);
        let is_weight = |column: &Column| weight.as_ref().is_some_and(|weight| weight.name == column.name);
        let features: Vec<Column> =
            columns.iter().filter(|column| !used(column) && !is_weight(column)).cloned().collect();
        let fits = |column: &&Column| {
            column.is_number() || (takes.texts && column.is_text()) || (takes.times && column.temporal().is_some())
        };
        if let Some(column) = features.iter().find(|column| !fits(column)) {
            return Err(column.refused("feature"));
        }
        if features.is_empty() {
            return Err(Error::NoFeatures(relation.to_string()));
        }
        let listed = match takes.labels {
            Labels::Numbers => false,
            Labels::Classes => true,
            Labels::Any => found.iter().any(|column| !column.is_number()),
        };
        Ok(Layout { features, labels: found, weight, listed })
    }

    /// Whether a label, by its place, is one whose values are looked at one by one.
    pub fn collector(&self, label: usize) -> Option<labels::Collector> {
        self.labels.get(label).filter(|_| self.listed).and_then(labels::Collector::new)
    }

    /// A name for each number of a row: the column's, and in an array also the place, `image[1]`. `widths` says how many
    /// numbers each column gives.
    pub fn feature_names(&self, widths: &[usize]) -> Vec<String> {
        let mut names = Vec::with_capacity(widths.iter().sum());
        for (column, width) in self.features.iter().zip(widths) {
            match column.array {
                false => names.push(column.name.clone()),
                true => names.extend((1..=*width).map(|place| format!("{}[{place}]", column.name))),
            }
        }
        names
    }

    /// All columns as the query gives them: the features, the labels, the weight.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.features.iter().chain(&self.labels).chain(&self.weight)
    }

    /// The query over `relation`, which is already quoted.
    pub fn query(&self, relation: &str) -> String {
        let features = self.features.iter().map(|column| target(column, false));
        let labels = self.labels.iter().map(|column| target(column, self.listed));
        let weight = self.weight.iter().map(|column| target(column, false));
        let targets: Vec<String> = features.chain(labels).chain(weight).collect();
        format!("SELECT {} FROM {relation} AS r", targets.join(", "))
    }
}

fn find<'a>(relation: &str, columns: &'a [Column], name: &str) -> Result<&'a Column> {
    columns.iter().find(|column| column.name == name).ok_or_else(|| Error::NoColumn {
        relation: relation.to_string(),
        column: name.to_string(),
        available: columns.iter().map(|column| column.name.clone()).collect(),
    })
}

/// The column of the weights.
fn weighs(column: &Column, labels: &[String]) -> Result<Column> {
    if labels.contains(&column.name) {
        return Err(Error::ExcludedTwice { column: column.name.clone(), is: "the label" });
    }
    if column.array || column.element == "bool" || !column.is_number() {
        return Err(column.refused("weight"));
    }
    Ok(column.clone())
}

/// A column in the query. Booleans have no cast to a float, so arrays of them take a step over the integers. Classes that are
/// `listed` are texts, unless the reader takes their type as it is.
fn target(column: &Column, listed: bool) -> String {
    let cast = match (column.array, column.element.as_str()) {
        (false, "numeric" | "uuid" | "enum") if listed => "::pg_catalog.text",
        (false, "text") => "::pg_catalog.text",
        (false, _) | (true, "float8") => "",
        (true, "bool") => "::pg_catalog.int4[]::pg_catalog.float8[]",
        (true, _) => "::pg_catalog.float8[]",
    };
    format!("r.{}{cast}", quote_ident(&column.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: Takes = Takes { texts: true, times: true, labels: Labels::Numbers };

    fn layout(columns: Vec<Column>, labels: &[&str], takes: Takes) -> Result<Layout> {
        let labels: Vec<String> = labels.iter().map(|label| label.to_string()).collect();
        Layout::new("t", columns, Wanted { labels: &labels, exclude: &[], weight: None, takes })
    }

    fn column(name: &str, element: &str, array: bool) -> Column {
        let type_name = if array { format!("{element}[]") } else { element.to_string() };
        Column { name: name.into(), type_name, element: element.into(), array, nullable: true, values: Vec::new() }
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
        let layout = layout(columns, &["y"], NUMBERS).unwrap();
        assert_eq!(
            layout.query("\"s\".\"t\""),
            "SELECT r.\"a\", r.\"b\", r.\"image\"::pg_catalog.float8[], r.\"c\"\"d\", \
             r.\"flags\"::pg_catalog.int4[]::pg_catalog.float8[], r.\"vector\", r.\"y\" FROM \"s\".\"t\" AS r"
        );
    }

    #[test]
    fn without_labels_every_column_is_a_feature() {
        let layout = layout(vec![column("a", "int4", false)], &[], NUMBERS).unwrap();
        assert_eq!(layout.query("t"), "SELECT r.\"a\" FROM t AS r");
    }

    #[test]
    fn a_column_of_text_is_refused_by_name_and_type() {
        let columns = vec![column("name", "text", false), column("y", "int4", false)];
        let error = layout(columns.clone(), &["y"], Takes { texts: false, ..NUMBERS }).unwrap_err();
        assert_eq!(error.to_string(), "column \"name\" has type text, which cannot be a feature");
        let error = layout(columns, &["name"], NUMBERS).unwrap_err();
        assert_eq!(error.to_string(), "column \"name\" has type text, which cannot be a label");
    }

    #[test]
    fn an_array_cannot_be_a_label() {
        let columns = vec![column("a", "int4", false), column("y", "int4", true)];
        for labels in [Labels::Numbers, Labels::Classes, Labels::Any] {
            let refused = layout(columns.clone(), &["y"], Takes { labels, ..NUMBERS });
            assert!(matches!(refused, Err(Error::ColumnType { role: "label", .. })));
        }
    }

    #[test]
    fn labels_must_exist_once_and_leave_a_feature() {
        let columns = vec![column("a", "int4", false), column("y", "int4", false)];
        let layout = |labels: &[&str]| layout(columns.clone(), labels, NUMBERS);
        assert!(matches!(layout(&["z"]), Err(Error::NoColumn { available, .. }) if available == ["a", "y"]));
        assert!(matches!(layout(&["y", "y"]), Err(Error::LabelTwice(_))));
        assert!(matches!(layout(&["y", "a"]), Err(Error::NoFeatures(_))));
    }
    #[test]
    fn classes_may_be_of_many_types_and_are_read_as_what_they_are() {
        let columns = vec![column("a", "int4", false), column("kind", "enum", false), column("n", "numeric", false)];
        let takes = Takes { labels: Labels::Classes, ..NUMBERS };
        let found = layout(columns.clone(), &["kind", "n"], takes).unwrap();
        assert_eq!(
            found.query("t"),
            "SELECT r.\"a\", r.\"kind\"::pg_catalog.text, r.\"n\"::pg_catalog.text FROM t AS r"
        );
        assert!(matches!(layout(columns, &["n"], takes), Err(Error::ColumnType { role: "feature", .. })));
    }

    #[test]
    fn what_is_left_out_or_weighs_is_no_feature() {
        let columns = vec![
            column("id", "uuid", false),
            column("a", "date", false),
            column("w", "float8", false),
            column("y", "int4", false),
        ];
        let with = |exclude: &[&str], weight: Option<&str>| {
            let exclude: Vec<String> = exclude.iter().map(|name| name.to_string()).collect();
            let labels = ["y".to_string()];
            Layout::new("t", columns.clone(), Wanted { labels: &labels, exclude: &exclude, weight, takes: NUMBERS })
        };
        let found = with(&["id"], Some("w")).unwrap();
        assert_eq!(found.query("t"), "SELECT r.\"a\", r.\"y\", r.\"w\" FROM t AS r");
        assert!(matches!(with(&["y"], None), Err(Error::ExcludedTwice { is: "the label", .. })));
        assert!(matches!(with(&["id", "w"], Some("w")), Err(Error::ExcludedTwice { is: "the weight", .. })));
        assert!(matches!(with(&["nobody"], None), Err(Error::NoColumn { .. })));
        assert!(matches!(with(&["id"], Some("y")), Err(Error::ExcludedTwice { .. })));
        assert!(matches!(with(&[], Some("id")), Err(Error::ColumnType { role: "weight", .. })));
    }
}
