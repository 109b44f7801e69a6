//! Principal components, from the singular values of the centred rows.

use serde_json::{Value, json};

use super::reduced::Reduced;
use super::{Context, Label, LabelFit};
use crate::data::Data;
use crate::error::{Error, Result};
use crate::model::{linear, values};
use crate::params::Params;

/// How many components are kept.
#[derive(Clone, Copy)]
enum Kept {
    All,
    Count(usize),
    /// As many as explain more than this share of the variance.
    Share(f64),
}

pub fn fit(context: &Context<'_>, data: &Data, _: &Label, params: &mut Params) -> Result<LabelFit> {
    let wanted = "a whole number of 1 or more, a number between 0 and 1, or null";
    let kept = params.special("n_components", Kept::All, wanted, |value| match (value, value.as_u64()) {
        (Value::Null, _) => Some(Kept::All),
        (_, Some(count)) => (count > 0).then_some(Kept::Count(count as usize)),
        _ => value.as_f64().filter(|share| *share > 0.0 && *share < 1.0).map(Kept::Share),
    })?;
    let whiten = params.flag("whiten", false)?;
    params.seed()?;
    let reduced = Reduced::new(context, data, &[], 0, true)?;
    let (_, sizes, vectors) = reduced.singular(context)?;
    let most = data.features.min(data.rows);
    let variances: Vec<f64> = sizes.iter().take(most).map(|size| size * size / (data.rows - 1) as f64).collect();
    let total: f64 = variances.iter().sum();
    let explained = |count: usize| variances[..count].iter().sum::<f64>() / total;
    let count = match kept {
        Kept::All => most,
        Kept::Count(count) if count > most => {
            return Err(Error::Failed {
                algorithm: context.algorithm.to_string(),
                reason: format!(
                    "n_components is {count}, and {} rows of {} features have {most}",
                    data.rows, data.features
                ),
            });
        }
        Kept::Count(count) => count,
        Kept::Share(share) => (1..most).find(|count| explained(*count) > share).unwrap_or(most),
    };
    let (mut weights, mut intercepts) = (Vec::new(), Vec::new());
    for (vector, variance) in vectors.rows().into_iter().zip(&variances).take(count) {
        // Of a component and its opposite, the one whose largest number is positive, as scikit-learn chooses.
        let largest = vector.iter().fold(0.0f64, |best, value| if value.abs() > best.abs() { *value } else { best });
        let scale = largest.signum() / if whiten { variance.sqrt() } else { 1.0 };
        let row: Vec<f64> = vector.iter().map(|value| value * scale).collect();
        intercepts.push(-row.iter().zip(&reduced.x_means).map(|(weight, mean)| weight * mean).sum::<f64>());
        weights.extend(row);
    }
    let mut one = LabelFit::new(linear(data.features, weights, intercepts), values());
    let each: Vec<f64> = variances[..count].iter().map(|variance| variance / total).collect();
    one.metrics.insert("cumulative_explained_variance".into(), json!(explained(count)));
    one.metrics.insert("explained_variance_ratio".into(), json!(each));
    Ok(one)
}
