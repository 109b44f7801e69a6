//! What each feature of a row contributes to what a model says about it.
//!
//! The contributions are Shapley values, exact: of a linear model, weight × (value − mean of the rows that it learned from); of a
//! sum of trees, those of the path-dependent value, in which a feature that is not known goes both ways, weighed by the rows that
//! went there in training. What they are added to, the base, is what the model says when nothing is known.

mod quadrature;
mod trees;

use super::linear::finite;
use super::{AskPython, Finish, Model, Part, Scores};
use trees::Explained;

/// Why a model is not explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotExplained {
    #[error("it is {0}, and only linear models and sums of trees have exact contributions")]
    Kind(&'static str),
    #[error("it predicts several labels at once")]
    SeveralLabels,
    #[error("its file lacks what contributions are computed from: {0}")]
    Old(&'static str),
    #[error("a way down one of its trees asks for too many features")]
    Deep,
}

/// Explains the rows of one model. Made once for a model, and apart from it.
#[derive(Debug)]
pub struct Explainer {
    features: usize,
    kind: Kind,
    /// The classes of a classification; none for a value.
    classes: Option<usize>,
    width: usize,
}

#[derive(Debug)]
enum Kind {
    Linear { weights: Vec<f64>, means: Vec<f64>, bases: Vec<f64> },
    Trees(Explained),
}

/// The contributions of one row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contributions {
    /// What the model says when nothing is known of a row.
    pub base: f64,
    /// What each number of the row adds to that.
    pub of_features: Vec<f64>,
}

impl Explainer {
    /// For a model of one label. `interrupt` is called now and then, and may unwind.
    pub fn new(model: &Model, interrupt: &dyn Fn()) -> Result<Explainer, NotExplained> {
        let [part] = &model.parts[..] else { return Err(NotExplained::SeveralLabels) };
        let width = part.scores.width();
        let classes = match &part.finish {
            Finish::Values(_) if width != 1 => return Err(NotExplained::SeveralLabels),
            Finish::Values(_) => None,
            // A score for each class, or one whose sign tells two apart. Others, such as votes of pairs, belong to no class.
            Finish::Classes { classes, .. } if width == classes.len() || (width == 1 && classes.len() == 2) => {
                Some(classes.len())
            }
            Finish::Classes { .. } => return Err(NotExplained::Kind("a vote between pairs of classes")),
        };
        let kind = match &part.scores {
            Scores::Linear(linear) => {
                let means = linear.means.clone().ok_or(NotExplained::Old("the means of the features"))?;
                let bases = linear.of(&means).collect();
                Kind::Linear { weights: linear.weights.to_vec(), means, bases }
            }
            Scores::Forest(forest) => Kind::Trees(Explained::new(forest, model.features, interrupt)?),
            Scores::Machine(_) => return Err(NotExplained::Kind("a kernel machine")),
            Scores::Neighbours(_) => return Err(NotExplained::Kind("a mean of neighbours")),
        };
        Ok(Explainer { features: model.features, kind, classes, width })
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        match &self.kind {
            Kind::Linear { weights, .. } => size_of_val(&weights[..]),
            Kind::Trees(trees) => trees.bytes(),
        }
    }

    /// What adds up to the score of a row: of a value, or of a class by its place among the classes. Of two classes that one score
    /// tells apart, the first has its negative. `model` is the one that this was made for. `interrupt` is called now and then, and
    /// may unwind.
    pub fn explain(
        &self,
        model: &Model,
        row: &[f64],
        class: Option<usize>,
        interrupt: &dyn Fn(),
    ) -> Result<Contributions, AskPython> {
        if row.len() != self.features {
            return Err(AskPython);
        }
        let (score, negative) = match (class, self.classes) {
            (None, None) => (0, false),
            (Some(class), Some(classes)) if class < classes => match self.width {
                1 => (0, class == 0),
                _ => (class, false),
            },
            _ => return Err(AskPython),
        };
        let mut found = match &self.kind {
            Kind::Linear { weights, means, bases } => {
                finite(row)?;
                let weights = weights.iter().skip(score * self.features);
                let each = weights.zip(row.iter().zip(means)).map(|(weight, (value, mean))| weight * (value - mean));
                Contributions { base: bases[score], of_features: each.collect() }
            }
            Kind::Trees(trees) => match &model.parts[..] {
                [Part { scores: Scores::Forest(forest), .. }] => trees.explain(forest, row, score, interrupt)?,
                _ => return Err(AskPython),
            },
        };
        if negative {
            // Nothing stays nothing, without a sign.
            let negate = |value: &mut f64| *value = 0.0 - *value;
            negate(&mut found.base);
            found.of_features.iter_mut().for_each(negate);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
