//! k nearest neighbours: nothing is fitted, the rows are the model.

use pgml_core::model::{Decision, Neighbours, Probabilities, Scores};

use super::{Context, Label, LabelFit};
use crate::data::Data;
use crate::error::{Error, Result};
use crate::model::{classes as finish, values};
use crate::params::Params;

pub fn fit(_: &Context<'_>, data: &Data, label: &Label, params: &mut Params) -> Result<LabelFit> {
    let neighbours = params.count("n_neighbors", 5, 1)?;
    let by_distance = params.word("weights", &["uniform", "distance"])? == "distance";
    params.word("metric", &["minkowski", "euclidean"])?;
    params.special("p", (), "2 (euclidean distance)", |value| (value.as_f64() == Some(2.0)).then_some(()))?;
    if neighbours > data.rows {
        return Err(Error::TooFewRows(format!("{} to train on, and n_neighbors is {neighbours}", data.rows)));
    }
    let (values, width, finish) = match label {
        Label::Values(label) => (label.clone(), 1, values()),
        Label::Classes { classes, numbers } => {
            let votes = numbers.iter().flat_map(|number| (0..classes.len()).map(move |class| class == *number));
            let votes = votes.map(|vote| if vote { 1.0 } else { 0.0 }).collect();
            (votes, classes.len(), finish(classes, Decision::Largest, Some(Probabilities::Shares)))
        }
    };
    let kept = Neighbours::new(neighbours, by_distance, data.features, data.x.clone(), width, values);
    Ok(LabelFit::new(kept.map(Scores::Neighbours), finish))
}
