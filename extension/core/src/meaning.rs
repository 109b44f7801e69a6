//! What a project's models predict, and from which columns. It stays the same from training to training.

use serde_json::Value;

use crate::columns::Layout;
use crate::{Error, Result};

/// The columns of a project, by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    pub project: String,
    /// In the order in which they are predicted.
    pub labels: Vec<String>,
    /// In the order in which the model takes them.
    pub features: Vec<String>,
}

impl Meaning {
    /// From a snapshot's `columns`; `None` if they are noted in another way, as PostgresML 1.0 did.
    pub fn of_snapshot(project: &str, columns: &Value) -> Option<Meaning> {
        let mut meaning = Meaning { project: project.to_string(), labels: Vec::new(), features: Vec::new() };
        for column in columns.as_array()? {
            let name = column.get("name")?.as_str()?.to_string();
            match column.get("label")?.as_bool()? {
                true => meaning.labels.push(name),
                false => meaning.features.push(name),
            }
        }
        (!meaning.features.is_empty()).then_some(meaning)
    }

    /// Fail when a training has other labels or features; their order makes no difference to features.
    pub fn check(&self, layout: &Layout) -> Result<()> {
        let names = |columns: &[crate::columns::Column]| -> Vec<String> {
            columns.iter().map(|column| column.name.clone()).collect()
        };
        let (labels, features) = (names(&layout.labels), names(&layout.features));
        let lacking = |from: &[String], these: &[String]| -> Vec<String> {
            these.iter().filter(|name| !from.contains(name)).map(|name| format!("\"{name}\"")).collect()
        };
        let mut differences = Vec::new();
        if labels != self.labels {
            let asked: Vec<String> = labels.iter().map(|name| format!("\"{name}\"")).collect();
            differences
                .push(format!("predicts {}", if asked.is_empty() { "nothing".into() } else { asked.join(", ") }));
        }
        let (missing, extra) = (lacking(&features, &self.features), lacking(&self.features, &features));
        if !missing.is_empty() {
            differences.push(format!("lacks {}", missing.join(", ")));
        }
        if !extra.is_empty() {
            differences.push(format!("has {} besides", extra.join(", ")));
        }
        self.unless_none(differences)
    }

    /// Fail when a model that was trained elsewhere takes other features.
    pub fn check_features(&self, names: &[String]) -> Result<()> {
        let lacking = |from: &[String], these: &[String]| -> Vec<String> {
            these.iter().filter(|name| !from.contains(name)).map(|name| format!("\"{name}\"")).collect()
        };
        let each = [("lacks", lacking(names, &self.features)), ("has besides", lacking(&self.features, names))];
        let told = each.iter().filter(|(_, names)| !names.is_empty());
        self.unless_none(told.map(|(what, names)| format!("{what} {}", names.join(", "))).collect())
    }

    fn unless_none(&self, differences: Vec<String>) -> Result<()> {
        if differences.is_empty() {
            return Ok(());
        }
        let Meaning { project, labels, features } = self.clone();
        Err(Error::MeaningChanged { project, labels, features, differences })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::Column;
    use serde_json::json;

    fn layout(features: &[&str], label: &str) -> Layout {
        let column = |name: &&str| Column {
            name: name.to_string(),
            type_name: "int".into(),
            element: "int4".into(),
            array: false,
            nullable: true,
            values: Vec::new(),
        };
        Layout { features: features.iter().map(column).collect(), labels: vec![column(&label)], ..Layout::default() }
    }

    fn meaning() -> Meaning {
        let columns =
            json!([{"name": "a", "label": false}, {"name": "b", "label": false}, {"name": "y", "label": true}]);
        Meaning::of_snapshot("p", &columns).expect("columns")
    }

    #[test]
    fn the_order_of_features_is_no_meaning() {
        assert_eq!(meaning().check(&layout(&["b", "a"], "y")), Ok(()));
    }

    #[test]
    fn each_difference_is_named() {
        let told = |features: &[&str], label: &str| {
            meaning().check(&layout(features, label)).expect_err("another meaning").to_string()
        };
        assert_eq!(
            told(&["a", "c"], "y"),
            "project \"p\" predicts \"y\" from \"a\", \"b\", and this training lacks \"b\", and has \"c\" besides"
        );
        assert!(told(&["a", "b"], "z").ends_with("and this training predicts \"z\""));
    }

    #[test]
    fn what_1_0_noted_says_nothing() {
        assert_eq!(Meaning::of_snapshot("p", &json!({"a": "int"})), None);
    }
}
