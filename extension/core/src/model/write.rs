//! From a model to the bytes that the reader reads: for models that are trained in Rust.

use std::collections::HashMap;

use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};

use super::description::{
    CombineDescription, DESCRIPTION, Description, EXPLAINED, FinishDescription, LEAVES_WITH_PLACES, OLDEST,
    PartDescription, SETS, ScoresDescription,
};
use super::forest::{Combine, Forest};
use super::{Model, Part, Scores};

/// Why a model can't be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("its numbers can't be stored: {0}")]
    Container(#[from] safetensors::SafeTensorError),
    #[error("its description can't be written: {0}")]
    Description(#[from] serde_json::Error),
}

/// Numbers with their name, type and count.
struct Tensor {
    name: String,
    dtype: Dtype,
    count: usize,
    bytes: Vec<u8>,
}

/// The tensors of one part.
struct Tensors<'a> {
    part: usize,
    all: &'a mut Vec<Tensor>,
}

impl Tensors<'_> {
    fn f64(&mut self, name: &str, values: &[f64]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.add(name, Dtype::F64, values.len(), bytes);
    }

    fn u32(&mut self, name: &str, values: impl Iterator<Item = u32>) {
        let bytes: Vec<u8> = values.flat_map(u32::to_le_bytes).collect();
        self.add(name, Dtype::U32, bytes.len() / size_of::<u32>(), bytes);
    }

    fn add(&mut self, name: &str, dtype: Dtype, count: usize, bytes: Vec<u8>) {
        self.all.push(Tensor { name: format!("{}.{name}", self.part), dtype, count, bytes });
    }
}

impl Model {
    /// The model as a file; `made_by` says, for people, what trained it.
    pub fn write(&self, made_by: &str) -> Result<Vec<u8>, WriteError> {
        self.write_beside(made_by, &[])
    }

    /// The same with bytes of others in the file, each by its name; [`Model::beside`] reads them.
    pub fn write_beside(&self, made_by: &str, beside: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, WriteError> {
        let mut all = Vec::new();
        for (name, bytes) in beside {
            all.push(Tensor { name: name.to_string(), dtype: Dtype::U8, count: bytes.len(), bytes: bytes.clone() });
        }
        let mut parts = Vec::with_capacity(self.parts.len());
        for (place, part) in self.parts.iter().enumerate() {
            let scores = part.scores.write(&mut Tensors { part: place, all: &mut all });
            parts.push(PartDescription { scores, finish: FinishDescription::from(&part.finish) });
        }
        let made_by = made_by.to_string();
        let description = Description { version: self.version(), made_by, features: self.features, parts };
        let text = serde_json::to_string(&description)?;
        let views = all
            .iter()
            .map(|tensor| Ok((&tensor.name, TensorView::new(tensor.dtype, vec![tensor.count], &tensor.bytes)?)));
        let views = views.collect::<Result<Vec<_>, WriteError>>()?;
        Ok(serialize(views, Some(HashMap::from([(DESCRIPTION.to_string(), text)])))?)
    }
}

impl Model {
    /// The oldest version of the format that has what is in the model.
    fn version(&self) -> u32 {
        let oldest = |part: &Part| match &part.scores {
            Scores::Forest(forest) if forest.sets.is_some() => SETS,
            Scores::Forest(forest) if forest.covers.is_some() => EXPLAINED,
            Scores::Linear(linear) if linear.means.is_some() => EXPLAINED,
            Scores::Forest(forest) if forest.places.is_some() => LEAVES_WITH_PLACES,
            _ => OLDEST,
        };
        self.parts.iter().map(oldest).max().unwrap_or(OLDEST)
    }
}

impl Scores {
    fn write(&self, tensors: &mut Tensors<'_>) -> ScoresDescription {
        match self {
            Scores::Linear(linear) => {
                tensors.f64("weights", &linear.weights);
                tensors.f64("intercepts", &linear.intercepts);
                if let Some(means) = &linear.means {
                    tensors.f64("means", means);
                }
                ScoresDescription::Linear
            }
            Scores::Machine(machine) => {
                tensors.f64("points", &machine.points);
                tensors.f64("weights", &machine.weights);
                tensors.f64("intercepts", &machine.intercepts);
                ScoresDescription::Kernel { kernel: machine.kernel }
            }
            Scores::Forest(forest) => write_forest(forest, tensors),
            Scores::Neighbours(neighbours) => {
                tensors.f64("points", &neighbours.points);
                tensors.f64("values", &neighbours.values);
                ScoresDescription::Neighbours {
                    neighbours: neighbours.count,
                    by_distance: neighbours.by_distance,
                    width: neighbours.width,
                }
            }
        }
    }
}

fn write_forest(forest: &Forest, tensors: &mut Tensors<'_>) -> ScoresDescription {
    let nodes = &forest.nodes;
    tensors.u32("feature", nodes.iter().map(|node| node.feature));
    tensors.f64("threshold", &nodes.iter().map(|node| node.threshold).collect::<Vec<f64>>());
    tensors.u32("left", nodes.iter().map(|node| node.left));
    tensors.u32("right", nodes.iter().map(|node| node.right));
    let missing = nodes.iter().map(|node| u8::from(node.missing_left.is_set())).collect();
    tensors.add("missing_left", Dtype::U8, nodes.len(), missing);
    tensors.u32("roots", forest.roots.iter().copied());
    tensors.f64("values", &forest.values);
    if let Some(places) = &forest.places {
        tensors.u32("starts", places.starts.iter().copied());
        tensors.u32("places", places.scores.iter().copied());
    }
    if let Some(sets) = &forest.sets {
        tensors.u32("sets", sets.of_nodes.iter().copied());
        tensors.u32("set_starts", sets.starts.iter().copied());
        tensors.u32("set_members", sets.members.iter().copied());
    }
    if let Some(covers) = &forest.covers {
        tensors.f64("covers", covers);
    }
    if let Some(targets) = &forest.targets {
        tensors.u32("targets", targets.iter().copied());
    }
    let combine = match &forest.combine {
        Combine::Sum { init, divisor, single } => {
            tensors.f64("init", init);
            CombineDescription::Sum { divisor: *divisor, single: *single }
        }
        Combine::Median { weights } => {
            tensors.f64("weights", weights);
            CombineDescription::Median
        }
    };
    ScoresDescription::Trees { input: forest.input, compare: forest.compare, width: forest.width, combine }
}
