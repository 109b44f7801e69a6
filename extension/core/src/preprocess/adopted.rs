//! The preprocessing of a model that PostgresML 2.x trained: what its snapshot's `columns` say.
//!
//! Facts of release 2.10.0: numbers are `float4`; `robust` divides by the distance of the ventiles at places 5 and 15, from 0;
//! `one_hot` has a column for each category but the last, and what has none of them is all zeros; it is not scaled.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::plan::{Encode, Impute, Scale, Steps};
use super::{Categories, Column, Preprocess};

/// NULL among the categories.
pub(super) const NULL: &str = "__NULL__";

#[derive(Deserialize)]
struct Theirs {
    name: String,
    label: bool,
    size: usize,
    #[serde(default)]
    preprocessor: Steps,
    statistics: Option<Measures>,
}

/// JSON has no NaN: null is one.
#[derive(Deserialize)]
struct Measures {
    min: Option<f64>,
    max: Option<f64>,
    max_abs: Option<f64>,
    mean: Option<f64>,
    median: Option<f64>,
    mode: Option<f64>,
    std_dev: Option<f64>,
    #[serde(default)]
    ventiles: Vec<Option<f64>>,
    categories: Option<BTreeMap<String, Category>>,
}

#[derive(Deserialize)]
struct Category {
    value: Option<f64>,
}

impl Preprocess {
    /// The steps of a model that PostgresML trained; none when it has none.
    pub fn adopted(columns: Value) -> Result<Option<Preprocess>, String> {
        if !columns.is_array() {
            return Ok(None);
        }
        let theirs: Vec<Theirs> = serde_json::from_value(columns).map_err(|error| error.to_string())?;
        let features = theirs.into_iter().filter(|column| !column.label);
        let columns = features.map(Theirs::column).collect::<Result<Vec<_>, _>>()?;
        let something =
            columns.iter().any(|column| column.categories.is_some() || column.fill.is_some() || column.scale.is_some());
        Ok(something.then_some(Preprocess { columns, single: true, label: None }))
    }
}

impl Theirs {
    fn column(self) -> Result<Column, String> {
        let Theirs { name, size, preprocessor: steps, statistics, .. } = self;
        let lacks = |what: &str| format!("its statistics of column \"{name}\" have no {what}");
        let categories = statistics.as_ref().and_then(|statistics| statistics.categories.as_ref()).map(|all| {
            let one_hot = (steps.encode == Encode::OneHot).then(|| all.len().saturating_sub(1));
            let null = all.get(NULL).and_then(|category| category.value);
            let values = all.iter().filter(|(text, _)| *text != NULL);
            let values = values.filter_map(|(text, category)| Some((text.clone(), category.value?))).collect();
            Categories { values, null, one_hot }
        });
        let measure = |name: &'static str, of: fn(&Measures) -> Option<f64>| {
            statistics.as_ref().and_then(of).ok_or_else(|| lacks(name))
        };
        let fill = match steps.impute {
            Impute::Error => None,
            Impute::Zero => Some(0.0),
            Impute::Mean => Some(measure("mean", |found| found.mean)?),
            Impute::Median => Some(measure("median", |found| found.median)?),
            Impute::Mode => Some(measure("mode", |found| found.mode)?),
            Impute::Min => Some(measure("min", |found| found.min)?),
            Impute::Max => Some(measure("max", |found| found.max)?),
        };
        let one_hot = categories.as_ref().is_some_and(|categories| categories.one_hot.is_some());
        let scale = match steps.scale {
            _ if one_hot => None,
            Scale::Preserve => None,
            Scale::Standard => Some((measure("mean", |found| found.mean)?, measure("std_dev", |found| found.std_dev)?)),
            Scale::MinMax => {
                let (min, max) = (measure("min", |found| found.min)?, measure("max", |found| found.max)?);
                Some((min, f64::from(max as f32 - min as f32)))
            }
            Scale::MaxAbs => Some((0.0, measure("max_abs", |found| found.max_abs)?)),
            Scale::Robust => {
                let ventile = |found: &Measures, place: usize| found.ventiles.get(place).copied().flatten();
                let found = statistics.as_ref().ok_or_else(|| lacks("ventiles"))?;
                let ends = ventile(found, 5).zip(ventile(found, 15)).ok_or_else(|| lacks("ventiles"))?;
                Some((measure("median", |found| found.median)?, f64::from(ends.1 as f32 - ends.0 as f32)))
            }
        };
        Ok(Column { name, size: size.max(1), categories, fill, scale, time: None, parts: false, missing: false })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::preprocess::Field;

    fn column(name: &str, label: bool, preprocessor: Value, statistics: Value) -> Value {
        json!({ "name": name, "pg_type": "text", "nullable": true, "label": label, "position": 1, "size": 1,
            "array": false, "preprocessor": preprocessor, "statistics": statistics })
    }

    #[test]
    fn columns_without_steps_need_none() {
        let plain = column("a", false, json!({"encode": "native", "impute": "error", "scale": "preserve"}), json!({}));
        assert_eq!(Preprocess::adopted(json!([plain])), Ok(None));
        // Edition 1.0 notes types by name.
        assert_eq!(Preprocess::adopted(json!({"a": "int4"})), Ok(None));
        assert!(Preprocess::adopted(json!([{"label": 3}])).is_err());
    }

    #[test]
    fn rows_become_what_2_10_made_of_them() {
        let clouds = column(
            "clouds",
            false,
            json!({"encode": "one_hot", "impute": "error", "scale": "preserve"}),
            json!({"categories": {"__NULL__": {"value": 0.0, "members": 0}, "a": {"value": 1.0, "members": 3}, "b": {"value": 2.0, "members": 1}}}),
        );
        let target = column(
            "wind",
            false,
            json!({"encode": "target", "impute": "mean", "scale": "standard"}),
            json!({"mean": 4.0, "std_dev": 2.0, "categories": {"__NULL__": {"value": null, "members": 0}, "n": {"value": 8.0, "members": 1}}}),
        );
        let mut ventiles = vec![0.0; 19];
        (ventiles[5], ventiles[15]) = (1.0, 3.0);
        let rain = column(
            "rain",
            false,
            json!({"encode": "native", "impute": "median", "scale": "robust"}),
            json!({"median": 2.0, "ventiles": ventiles}),
        );
        let label = column("y", true, json!({"encode": "native", "impute": "error", "scale": "preserve"}), json!({}));
        let found = Preprocess::adopted(json!([clouds, target, rain, label])).expect("columns").expect("steps");
        assert!(!found.prepares_arrays());
        let text = |text: &str| Field::Text(text.into());
        let row = |fields: &[Field]| {
            let mut out = Vec::new();
            found.row(1, fields, &mut out).map(|()| out)
        };
        // The first column is NULL's, and the last category has none.
        assert_eq!(row(&[text("a"), text("n"), Field::Number(6.0)]), Ok(vec![0.0, 1.0, 2.0, 2.0]));
        assert_eq!(row(&[text("b"), text("?"), Field::Null]), Ok(vec![0.0, 0.0, 0.0, 0.0]));
        assert_eq!(
            row(&[Field::Null, Field::Null, Field::Number(0.1)]),
            Ok(vec![1.0, 0.0, 0.0, f64::from((0.1f32 - 2.0) / 2.0)])
        );
        assert!(row(&[text("c"), text("n"), Field::Null]).is_err());
    }
}
