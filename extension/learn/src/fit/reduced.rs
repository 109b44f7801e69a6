//! Least squares without the rows: what `n` rows say about a linear model fits into as many rows as there are features.
//!
//! `|y - Xw|²` and `|Q'y - Rw|²` differ by a constant, where `X = QR`. The rows are taken in blocks, each factorised together
//! with the `R` so far, so that neither memory nor the time between two interrupts grows with the number of rows; what
//! linfa then solves is small, and its solution is that of all rows.

use linfa_linalg::qr::QRInto;
use linfa_linalg::svd::SVD;
use ndarray::{Array1, Array2, Axis, s};

use super::Context;
use crate::data::{Data, means};
use crate::error::Result;

/// The rows of a regression, centred and reduced.
pub struct Reduced {
    pub rows: usize,
    /// Features × features, upper triangular.
    pub r: Array2<f64>,
    /// A column for each label.
    pub y: Array2<f64>,
    pub x_means: Array1<f64>,
    pub y_means: Array1<f64>,
}

impl Reduced {
    /// `y` has `labels` values for each row. Without `centred`, nothing is subtracted and the means are zero.
    pub fn new(context: &Context<'_>, data: &Data, y: &[f64], labels: usize, centred: bool) -> Result<Reduced> {
        let features = data.features;
        let width = features + labels;
        let weights = &context.weights[..];
        let (x_means, y_means) = match centred {
            true if !weights.is_empty() => (
                weighted_means(data.each_row(), features, weights),
                weighted_means(y.chunks_exact(labels), labels, weights),
            ),
            true if labels == 0 => (data.means(), Vec::new()),
            true => (data.means(), means(y.chunks_exact(labels), labels, data.rows)),
            false => (vec![0.0; features], vec![0.0; labels]),
        };
        let block = (2 * width).max(1024);
        let mut r = Array2::zeros((width, width));
        for start in (0..data.rows).step_by(block) {
            (context.interrupt)();
            let count = block.min(data.rows - start);
            let mut stacked = Array2::zeros((width + count, width));
            stacked.slice_mut(s![..width, ..]).assign(&r);
            for (mut to, row) in stacked.axis_iter_mut(Axis(0)).skip(width).zip(start..start + count) {
                // A row that counts twice adds its squares twice.
                let root = weights.get(row).map_or(1.0, |weight| weight.sqrt());
                for (place, value) in data.row(row).iter().enumerate() {
                    to[place] = (value - x_means[place]) * root;
                }
                for label in 0..labels {
                    to[features + label] = (y[row * labels + label] - y_means[label]) * root;
                }
            }
            let factors = stacked.qr_into().map_err(|error| context.failed(error.to_string()))?;
            r = factors.into_r().slice(s![..width, ..]).to_owned();
        }
        Ok(Reduced {
            rows: data.rows,
            y: r.slice(s![..features, features..]).to_owned(),
            r: r.slice(s![..features, ..features]).to_owned(),
            x_means: x_means.into(),
            y_means: y_means.into(),
        })
    }

    /// The singular values of the centred rows, the largest first, and the right singular vectors, a row each.
    pub fn singular(&self, context: &Context<'_>) -> Result<(Array2<f64>, Array1<f64>, Array2<f64>)> {
        let (u, sizes, vt) = self.r.svd(true, true).map_err(|error| context.failed(error.to_string()))?;
        let (Some(u), Some(vt)) = (u, vt) else {
            return Err(context.failed("no singular vectors were found"));
        };
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by(|a, b| sizes[*b].total_cmp(&sizes[*a]));
        Ok((u.select(Axis(1), &order), sizes.select(Axis(0), &order), vt.select(Axis(0), &order)))
    }

    /// The intercept that belongs to weights of a label.
    pub fn intercept(&self, label: usize, weights: &[f64]) -> f64 {
        self.y_means[label] - self.x_means.iter().zip(weights).map(|(mean, weight)| mean * weight).sum::<f64>()
    }
}

/// The means of columns over rows of which some count more than others.
fn weighted_means<'a>(rows: impl Iterator<Item = &'a [f64]>, width: usize, weights: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for (row, weight) in rows.zip(weights) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
    }
    let all: f64 = weights.iter().sum();
    sums.iter_mut().for_each(|sum| *sum /= all);
    sums
}
