//! Rows to learn from, as one block.

use pgml_core::labels::Classes;

/// Features and labels, row by row. Clustering and decomposition have no labels.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Data {
    pub rows: usize,
    pub features: usize,
    pub labels: usize,
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// How much each row counts; `None` if all count alike.
    pub weights: Vec<f64>,
    /// What the classes of each label are called; `None` if they are called by their numbers.
    pub classes: Vec<Classes>,
}

impl Data {
    pub fn row(&self, row: usize) -> &[f64] {
        &self.x[row * self.features..][..self.features]
    }

    /// The features row by row.
    pub fn each_row(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.x.chunks_exact(self.features)
    }

    pub fn label(&self, label: usize) -> Vec<f64> {
        self.y.iter().skip(label).step_by(self.labels.max(1)).copied().collect()
    }

    /// Some of the rows, in the order that is named.
    pub fn only(&self, rows: &[usize]) -> Data {
        let take = |from: &[f64], width: usize| {
            rows.iter().flat_map(|row| from[row * width..][..width].iter().copied()).collect()
        };
        let weights = if self.weights.is_empty() { Vec::new() } else { take(&self.weights, 1) };
        Data {
            rows: rows.len(),
            features: self.features,
            labels: self.labels,
            x: take(&self.x, self.features),
            y: take(&self.y, self.labels),
            weights,
            classes: self.classes.clone(),
        }
    }

    /// The same rows with one of their labels.
    pub fn with_label(&self, label: usize) -> Data {
        Data { labels: 1, y: self.label(label), ..self.clone() }
    }

    /// What a class of a label is called.
    pub fn class_name(&self, label: usize, value: f64) -> String {
        let classes = self.classes.get(label);
        classes.map_or_else(|| pgml_core::labels::number(value), |classes| classes.name(value).into_owned())
    }

    /// The number of a class of a label by its name.
    pub fn class_value(&self, label: usize, name: &str) -> Option<f64> {
        self.classes.get(label).map_or_else(|| name.parse().ok(), |classes| classes.value(name))
    }

    /// The mean of each feature.
    pub fn means(&self) -> Vec<f64> {
        means(self.each_row(), self.features, self.rows)
    }

    /// The variance of all values of the features together.
    pub fn variance(&self) -> f64 {
        let count = self.x.len() as f64;
        let mean = self.x.iter().sum::<f64>() / count;
        self.x.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count
    }
}

/// The means of columns.
pub fn means<'a>(rows: impl Iterator<Item = &'a [f64]>, width: usize, count: usize) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    sums.iter_mut().for_each(|sum| *sum /= count as f64);
    sums
}

/// The sorted values of a label: its classes.
pub fn classes(label: &[f64]) -> Vec<f64> {
    let mut classes = label.to_vec();
    classes.sort_by(f64::total_cmp);
    classes.dedup();
    classes
}

/// Each row's place in the classes.
pub fn numbered(label: &[f64], classes: &[f64]) -> Vec<usize> {
    // INVARIANT: `classes` are those of this very label.
    label.iter().map(|value| classes.partition_point(|class| class < value)).collect()
}
