//! `class_weight`: how much the rows of a class count.

use serde_json::Value;

use crate::data::Data;
use crate::error::{Error, Result};
use crate::params::Params;

/// What was asked for.
#[derive(Clone)]
enum Asked {
    Alike,
    /// As if each class had as many rows.
    Balanced,
    ByName(Vec<(String, f64)>),
}

/// Multiply the weight of each row by its class's; `weights` stays empty where all rows count alike.
pub fn of_classes(
    params: &mut Params,
    data: &Data,
    label: usize,
    classes: &[f64],
    numbers: &[usize],
    weights: &mut Vec<f64>,
) -> Result<()> {
    let wanted = "\"balanced\", null, or an object of classes and their weights, such as {\"yes\": 5, \"no\": 1}";
    let asked = params.special("class_weight", Asked::Alike, wanted, |value| match value {
        Value::Null => Some(Asked::Alike),
        Value::String(word) if word == "balanced" => Some(Asked::Balanced),
        Value::Object(given) => {
            let weight = |value: &Value| value.as_f64().filter(|weight| *weight >= 0.0);
            let each = given.iter().map(|(name, value)| Some((name.clone(), weight(value)?)));
            each.collect::<Option<_>>().map(Asked::ByName)
        }
        _ => None,
    })?;
    let of_class: Vec<f64> = match asked {
        Asked::Alike => return Ok(()),
        Asked::Balanced => {
            let mut rows = vec![0usize; classes.len()];
            numbers.iter().for_each(|number| rows[*number] += 1);
            rows.into_iter().map(|rows| data.rows as f64 / (classes.len() * rows) as f64).collect()
        }
        Asked::ByName(given) => {
            let mut of_class = vec![1.0; classes.len()];
            for (name, weight) in given {
                let value = data.class_value(label, &name);
                let place = value.and_then(|value| classes.iter().position(|class| *class == value));
                let Some(place) = place else {
                    let known = classes.iter().map(|class| data.class_name(label, *class)).collect();
                    return Err(Error::Unknown { what: "class in class_weight".into(), name, known });
                };
                of_class[place] = weight;
            }
            of_class
        }
    };
    if weights.is_empty() {
        *weights = vec![1.0; data.rows];
    }
    weights.iter_mut().zip(numbers).for_each(|(weight, number)| *weight *= of_class[*number]);
    Ok(())
}
