//! How much each feature counts: a list among a model's scores, with the features' names.

use serde_json::{Value, json};

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
