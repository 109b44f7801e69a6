//! k-means: Lloyd's algorithm from k-means++ starts. (linfa-clustering runs it on rayon's threads, which a server process
//! must not start; smartcore's can't be interrupted.)

use pgml_core::model::Decision;
use serde_json::{Value, json};

use super::{Context, Label, LabelFit};
use crate::data::Data;
use crate::error::{Error, Result};
use crate::model::{classes, linear, values};
use crate::params::Params;
use crate::random::Random;

pub fn fit(context: &Context<'_>, data: &Data, _: &Label, params: &mut Params) -> Result<LabelFit> {
    let clusters = params.count("n_clusters", 8, 1)?;
    let starts = params.special("n_init", 1, "a whole number of 1 or more, or \"auto\"", |value| match value {
        Value::String(word) => (word == "auto").then_some(1),
        _ => value.as_u64().filter(|count| *count > 0),
    })?;
    let steps = params.count("max_iter", 300, 1)?;
    let tolerance = params.not_negative("tol", 1e-4)?;
    let mut random = Random::new(params.seed()?);
    if clusters > data.rows {
        return Err(Error::TooFewRows(format!("{} to train on, and n_clusters is {clusters}", data.rows)));
    }
    let tolerance = tolerance * spread(data);
    let mut best: Option<(Vec<f64>, f64)> = None;
    for _ in 0..starts {
        let found = lloyd(context, data, plus_plus(context, data, clusters, &mut random), steps, tolerance);
        if best.as_ref().is_none_or(|best| found.1 < best.1) {
            best = Some(found);
        }
    }
    let (centres, inertia) = best.ok_or_else(|| context.failed("no start was tried"))?;
    // The nearest centre c of a row x has the largest 2x·c - c·c: a linear model chooses it.
    let weights: Vec<f64> = centres.iter().map(|value| 2.0 * value).collect();
    let intercepts: Vec<f64> = centres.chunks_exact(data.features).map(|centre| -dot(centre, centre)).collect();
    let names: Vec<f64> = (0..clusters).map(|cluster| cluster as f64).collect();
    let (scores, finish) = match clusters {
        1 => (linear(data.features, vec![0.0; data.features], vec![0.0]), values()),
        _ => (linear(data.features, weights, intercepts), classes(&names, Decision::Largest, None)),
    };
    let mut one = LabelFit::new(scores, finish);
    one.metrics.insert("inertia".into(), json!(inertia));
    Ok(one)
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

fn squares(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(left, right)| (left - right) * (left - right)).sum()
}

/// The mean of the features' variances, to which scikit-learn's tolerance relates.
fn spread(data: &Data) -> f64 {
    let means = data.means();
    data.each_row().map(|row| squares(row, &means)).sum::<f64>() / data.x.len() as f64
}

/// Centres that are rows: each is chosen with a chance that grows with its distance to those before; the best of several.
fn plus_plus(context: &Context<'_>, data: &Data, clusters: usize, random: &mut Random) -> Vec<f64> {
    let tries = 2 + (clusters as f64).ln() as usize;
    let mut centres = data.row(random.below(data.rows)).to_vec();
    let mut nearest: Vec<f64> = data.each_row().map(|row| squares(row, &centres)).collect();
    for _ in 1..clusters {
        let total: f64 = nearest.iter().sum();
        let mut best: Option<(f64, usize, Vec<f64>)> = None;
        for _ in 0..tries {
            (context.interrupt)();
            let mut left = random.share() * total;
            let chosen = nearest.iter().position(|share| {
                left -= share;
                left < 0.0
            });
            let chosen = chosen.unwrap_or(data.rows - 1);
            let point = data.row(chosen);
            let then: Vec<f64> =
                data.each_row().zip(&nearest).map(|(row, nearest)| squares(row, point).min(*nearest)).collect();
            let sum = then.iter().sum();
            if best.as_ref().is_none_or(|best| sum < best.0) {
                best = Some((sum, chosen, then));
            }
        }
        if let Some((_, chosen, then)) = best {
            centres.extend_from_slice(data.row(chosen));
            nearest = then;
        }
    }
    centres
}

/// Move the centres to the means of their rows until they stay; also the sum of the squared distances.
fn lloyd(context: &Context<'_>, data: &Data, mut centres: Vec<f64>, steps: usize, tolerance: f64) -> (Vec<f64>, f64) {
    let width = data.features;
    let clusters = centres.len() / width;
    let mut own = vec![0usize; data.rows];
    let assign = |centres: &[f64], own: &mut [usize]| {
        let (mut inertia, mut changed) = (0.0, false);
        for (at, (row, own)) in data.each_row().zip(own).enumerate() {
            if at % 1024 == 0 {
                (context.interrupt)();
            }
            let mut best = (f64::INFINITY, 0);
            for (place, centre) in centres.chunks_exact(width).enumerate() {
                let distance = squares(row, centre);
                if distance < best.0 {
                    best = (distance, place);
                }
            }
            changed |= *own != best.1;
            *own = best.1;
            inertia += best.0;
        }
        (inertia, changed)
    };
    let mut inertia = assign(&centres, &mut own).0;
    for _ in 0..steps {
        let mut sums = vec![0.0; centres.len()];
        let mut counts = vec![0usize; clusters];
        for (row, place) in data.each_row().zip(&own) {
            counts[*place] += 1;
            sums[place * width..][..width].iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        for (place, count) in counts.iter().enumerate() {
            let sum = &mut sums[place * width..][..width];
            match count {
                // A centre without rows stays where it is.
                0 => sum.copy_from_slice(&centres[place * width..][..width]),
                _ => sum.iter_mut().for_each(|value| *value /= *count as f64),
            }
        }
        let moved = squares(&sums, &centres);
        centres = sums;
        let (now, changed) = assign(&centres, &mut own);
        inertia = now;
        if !changed || moved <= tolerance {
            break;
        }
    }
    (centres, inertia)
}
