//! How much each feature counts: a list among a model's scores, with the features' names.

use serde_json::{Value, json};

use super::required;
use crate::error::Result;
use crate::spi;

/// The scores, with the names of the features in their list of importances; what has none stays as it is.
pub fn named(metrics: &str, features: &[String]) -> String {
    let Ok(Value::Object(mut metrics)) = serde_json::from_str(metrics) else {
        return metrics.to_string();
    };
    match metrics.get_mut("feature_importances") {
        Some(Value::Array(importances)) if importances.len() == features.len() => {
            for (importance, feature) in importances.iter_mut().zip(features) {
                *importance = json!({ "feature": feature, "importance": importance.take() });
            }
        }
        _ => {
            metrics.shift_remove("feature_importances");
        }
    }
    Value::Object(metrics).to_string()
}

/// The features of a model with their shares, the largest first, as the calling statement sees them.
pub fn of_model(id: i64) -> Result<Vec<(String, f64)>> {
    spi::read(
        c"SELECT f.value OPERATOR(pg_catalog.->>) 'feature', \
          (f.value OPERATOR(pg_catalog.->>) 'importance')::pg_catalog.float8 FROM pgml.models AS m \
          CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(m.metrics OPERATOR(pg_catalog.->) 'feature_importances') \
          WITH ORDINALITY AS f(value, place) WHERE m.id OPERATOR(pg_catalog.=) $1 ORDER BY 2 DESC, f.place",
        &[id.into()],
        |row| Ok((required(row.get(1))?, required(row.get(2))?)),
    )
}

/// The model that answers for a project; none without one.
pub fn deployed(project: &str) -> Result<Option<i64>> {
    let found = spi::read(
        c"SELECT d.model_id FROM pgml.deployments AS d JOIN pgml.projects AS p ON p.id OPERATOR(pg_catalog.=) d.project_id \
          WHERE p.name OPERATOR(pg_catalog.=) $1 ORDER BY d.id DESC LIMIT 1",
        &[project.into()],
        |row| required(row.get(1)),
    )?;
    Ok(found.into_iter().next())
}
