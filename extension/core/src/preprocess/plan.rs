//! What was asked for: of each column, how it is encoded, what fills its gaps, and how it is scaled. The words are
//! PostgresML 2.x's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::columns::{Column, Layout};
use crate::{Error, Result};

/// How a category becomes a number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encode {
    /// Its place among the categories.
    #[default]
    Native,
    /// The mean of the label over its rows.
    Target,
    /// A column of its own.
    OneHot,
    /// Its place in this list.
    Ordinal(Vec<String>),
    /// Of a date or a time: year, month, day, weekday and hour.
    Parts,
}

/// What takes the place of a missing value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impute {
    #[default]
    Error,
    Mean,
    Median,
    Mode,
    Min,
    Max,
    Zero,
}

/// To what range numbers are brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    #[default]
    Preserve,
    /// A mean of 0 and a variance of 1.
    Standard,
    /// The range from 0 to 1.
    MinMax,
    /// The largest size is 1.
    MaxAbs,
    /// Median 0, and 1 from the first quartile to the third.
    Robust,
}

/// The steps of one column.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Steps {
    pub encode: Encode,
    pub impute: Impute,
    pub scale: Scale,
}

static NOTHING: Steps = Steps { encode: Encode::Native, impute: Impute::Error, scale: Scale::Preserve };

/// The steps of the columns that have some, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan(BTreeMap<String, Steps>);

impl Plan {
    /// The argument `preprocess` of a training.
    pub fn parse(preprocess: &str) -> Result<Plan> {
        let columns: BTreeMap<String, Value> = serde_json::from_str(preprocess)
            .map_err(|_| Error::NotAnObject { name: "preprocess", found: "something else" })?;
        let mut plan = BTreeMap::new();
        for (name, steps) in columns {
            if !steps.is_object() {
                let cause = format!("{steps} is no object such as {{\"encode\": \"one_hot\"}}");
                return Err(Error::Preprocess { column: name, cause });
            }
            let steps: Steps = serde_json::from_value(steps)
                .map_err(|error| Error::Preprocess { column: name.clone(), cause: error.to_string() })?;
            plan.insert(name, steps);
        }
        Ok(Plan(plan))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The steps of a column.
    pub fn steps(&self, column: &str) -> &Steps {
        self.0.get(column).unwrap_or(&NOTHING)
    }

    /// The steps as an earlier training noted them in its snapshot's `columns`.
    pub fn of_snapshot(columns: &Value) -> Plan {
        let columns = columns.as_array().into_iter().flatten();
        let steps = columns.filter_map(|column| {
            let steps: Steps = serde_json::from_value(column.get("preprocessor")?.clone()).ok()?;
            Some((column.get("name")?.as_str()?.to_string(), steps)).filter(|(_, steps)| *steps != NOTHING)
        });
        Plan(steps.collect())
    }

    /// Refuse steps for what is no feature, and steps that make no sense for their column.
    pub fn check(&self, relation: &str, layout: &Layout) -> Result<()> {
        for (name, steps) in &self.0 {
            if layout.labels.iter().any(|label| label.name == *name) {
                return Err(wrong(name, "it is the label, and predictions are in the label's own unit"));
            }
            let column = layout.features.iter().find(|column| column.name == *name).ok_or_else(|| Error::NoColumn {
                relation: relation.to_string(),
                column: name.clone(),
                available: layout.features.iter().map(|column| column.name.clone()).collect(),
            })?;
            check_steps(column, steps)?;
        }
        let labelled = !layout.labels.is_empty();
        let target = self.0.iter().find(|(_, steps)| steps.encode == Encode::Target && !labelled);
        match target {
            Some((name, _)) => Err(wrong(name, "encode \"target\" needs a label")),
            None => Ok(()),
        }
    }
}

fn check_steps(column: &Column, steps: &Steps) -> Result<()> {
    let name = &column.name;
    if let (Some(kind), Encode::Parts) = (column.temporal(), &steps.encode) {
        return match (kind.parts(), steps.impute, steps.scale) {
            ([], ..) => Err(wrong(name, "an interval has no parts")),
            (_, Impute::Error, Scale::Preserve) => Ok(()),
            _ => Err(wrong(name, "\"parts\" are made of the values as they are: without impute and scale")),
        };
    }
    if !column.is_text() {
        return match steps.encode {
            Encode::Native => Ok(()),
            Encode::Parts => Err(wrong(name, "encode \"parts\" is for dates and times")),
            _ => Err(wrong(name, "encode is for columns of text, and this one has numbers")),
        };
    }
    match &steps.encode {
        Encode::Ordinal(values) => {
            if values.is_empty() {
                return Err(wrong(name, "the list of \"ordinal\" is empty"));
            }
            if let Some((_, twice)) = values.iter().enumerate().find(|(place, value)| values[..*place].contains(value))
            {
                return Err(wrong(name, &format!("the list of \"ordinal\" has \"{twice}\" twice")));
            }
        }
        Encode::Native | Encode::Target | Encode::OneHot => {}
        Encode::Parts => return Err(wrong(name, "encode \"parts\" is for dates and times")),
    }
    if steps.impute == Impute::Mean && steps.encode != Encode::Target {
        return Err(wrong(name, "categories have no mean unless encode is \"target\""));
    }
    Ok(())
}

fn wrong(column: &str, cause: &str) -> Error {
    Error::Preprocess { column: column.to_string(), cause: cause.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, element: &str) -> Column {
        Column {
            name: name.into(),
            type_name: element.into(),
            element: element.into(),
            array: false,
            nullable: true,
            values: Vec::new(),
        }
    }

    fn layout() -> Layout {
        Layout {
            features: vec![column("kind", "text"), column("size", "float8")],
            labels: vec![column("y", "int4")],
            ..Layout::default()
        }
    }

    fn refused(preprocess: &str) -> String {
        let checked = Plan::parse(preprocess).and_then(|plan| plan.check("t", &layout()));
        checked.expect_err(preprocess).to_string()
    }

    #[test]
    fn the_words_are_those_of_2_x() {
        let plan = Plan::parse(
            r#"{"kind": {"encode": {"ordinal": ["a", "b"]}, "impute": "mode"}, "size": {"impute": "mean", "scale": "min_max"}}"#,
        )
        .expect("a plan");
        assert_eq!(plan.steps("kind").encode, Encode::Ordinal(vec!["a".into(), "b".into()]));
        assert_eq!(*plan.steps("size"), Steps { encode: Encode::Native, impute: Impute::Mean, scale: Scale::MinMax });
        assert_eq!(*plan.steps("other"), NOTHING);
        assert_eq!(plan.check("t", &layout()), Ok(()));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_column() {
        assert!(
            refused(r#"{"kind": {"encode": "hash"}}"#).contains("unknown variant `hash`, expected one of `native`")
        );
        assert!(refused(r#"{"kind": {"encoding": "target"}}"#).contains("unknown field `encoding`"));
        assert!(refused(r#"{"kind": "target"}"#).contains("column \"kind\""));
        assert!(refused(r#"{"y": {"scale": "standard"}}"#).contains("it is the label"));
        assert!(
            refused(r#"{"colour": {"impute": "zero"}}"#).contains("column \"colour\" of relation t does not exist")
        );
        assert!(refused(r#"{"size": {"encode": "one_hot"}}"#).contains("this one has numbers"));
        assert!(refused(r#"{"kind": {"impute": "mean"}}"#).contains("no mean"));
        assert!(refused(r#"{"kind": {"encode": {"ordinal": []}}}"#).contains("is empty"));
        assert!(refused(r#"{"kind": {"encode": {"ordinal": ["a", "a"]}}}"#).contains("\"a\" twice"));
        let unlabelled = Layout { labels: Vec::new(), ..layout() };
        let plan = Plan::parse(r#"{"kind": {"encode": "target"}}"#).expect("a plan");
        assert!(plan.check("t", &unlabelled).is_err_and(|error| error.to_string().contains("needs a label")));
    }
}
