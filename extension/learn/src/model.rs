//! Fitted models on their way into the format that `docs/model-format.md` describes.

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, serialize};
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// The version of the format that is written.
const VERSION: u32 = 1;

/// What predicts one label, or several at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub scores: Scores,
    /// What becomes of the scores, as the format says it.
    pub finish: Value,
}

/// How a row becomes numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Scores {
    Linear { weights: Vec<f64>, intercepts: Vec<f64> },
    Kernel { kernel: Value, points: Vec<f64>, weights: Vec<f64>, intercepts: Vec<f64> },
    Trees(Trees),
    Neighbours { neighbours: usize, by_distance: bool, points: Vec<f64>, values: Vec<f64>, width: usize },
}

/// Decision trees, all nodes in one list.
#[derive(Debug, Clone, PartialEq)]
pub struct Trees {
    pub input: &'static str,
    pub compare: &'static str,
    pub width: usize,
    pub feature: Vec<u32>,
    pub threshold: Vec<f64>,
    pub left: Vec<u32>,
    pub right: Vec<u32>,
    pub missing_left: Vec<u8>,
    pub roots: Vec<u32>,
    /// The score that each tree adds to; none when a leaf has a value for each.
    pub targets: Option<Vec<u32>>,
    pub values: Vec<f64>,
    pub init: Vec<f64>,
    pub divisor: Option<f64>,
    pub single: bool,
}

/// The feature of a leaf.
pub const LEAF: u32 = u32::MAX;

impl Trees {
    /// No trees yet.
    pub fn new(input: &'static str, compare: &'static str, width: usize) -> Trees {
        Trees {
            input,
            compare,
            width,
            feature: Vec::new(),
            threshold: Vec::new(),
            left: Vec::new(),
            right: Vec::new(),
            missing_left: Vec::new(),
            roots: Vec::new(),
            targets: None,
            values: Vec::new(),
            init: vec![0.0; width],
            divisor: None,
            single: false,
        }
    }

    /// Add a node whose children are set later; returns its place.
    pub fn node(&mut self, feature: u32, threshold: f64, missing_left: bool) -> usize {
        self.feature.push(feature);
        self.threshold.push(threshold);
        self.left.push(0);
        self.right.push(0);
        self.missing_left.push(u8::from(missing_left));
        self.feature.len() - 1
    }

    /// Add a leaf with its values; returns its place.
    pub fn leaf(&mut self, values: &[f64]) -> usize {
        let place = self.node(LEAF, 0.0, false);
        self.left[place] = self.values.len() as u32;
        self.values.extend_from_slice(values);
        place
    }
}

/// The finish of a regression.
pub fn values() -> Value {
    json!({"kind": "values", "link": "identity"})
}

/// The finish of a classification.
pub fn classes(classes: &[f64], decision: &str, probabilities: Option<Value>) -> Value {
    json!({"kind": "classes", "classes": classes, "decision": decision, "probabilities": probabilities})
}

/// Tensors of a file, by their names.
#[derive(Default)]
struct Tensors(Vec<(String, Dtype, Vec<u8>)>);

impl Tensors {
    fn f64(&mut self, name: String, values: &[f64]) {
        self.0.push((name, Dtype::F64, values.iter().flat_map(|value| value.to_le_bytes()).collect()));
    }

    fn u32(&mut self, name: String, values: &[u32]) {
        self.0.push((name, Dtype::U32, values.iter().flat_map(|value| value.to_le_bytes()).collect()));
    }
}

/// The bytes of a model.
pub fn write(algorithm: &str, features: usize, parts: &[Part]) -> Result<Vec<u8>> {
    let mut tensors = Tensors::default();
    let described: Vec<Value> = parts
        .iter()
        .enumerate()
        .map(|(place, part)| json!({"scores": describe(&part.scores, place, &mut tensors), "finish": part.finish}))
        .collect();
    let description = json!({
        "version": VERSION,
        "made_by": format!("pgml {} (rust) {algorithm}", env!("CARGO_PKG_VERSION")),
        "features": features,
        "parts": described,
    });
    let metadata = HashMap::from([("pgml".to_string(), description.to_string())]);
    let failed = |error: safetensors::SafeTensorError| Error::Failed {
        algorithm: algorithm.to_string(),
        reason: format!("its model can't be written: {error}"),
    };
    let mut views = Vec::with_capacity(tensors.0.len());
    for (name, dtype, bytes) in &tensors.0 {
        let length = bytes.len() / width(*dtype);
        views.push((name, TensorView::new(*dtype, vec![length], bytes).map_err(failed)?));
    }
    serialize(views, Some(metadata)).map_err(failed)
}

/// The bytes of one element.
fn width(dtype: Dtype) -> usize {
    match dtype {
        Dtype::F64 => 8,
        Dtype::U32 => 4,
        _ => 1,
    }
}

fn describe(scores: &Scores, place: usize, tensors: &mut Tensors) -> Value {
    let name = |name: &str| format!("{place}.{name}");
    match scores {
        Scores::Linear { weights, intercepts } => {
            tensors.f64(name("weights"), weights);
            tensors.f64(name("intercepts"), intercepts);
            json!({"kind": "linear"})
        }
        Scores::Kernel { kernel, points, weights, intercepts } => {
            tensors.f64(name("points"), points);
            tensors.f64(name("weights"), weights);
            tensors.f64(name("intercepts"), intercepts);
            json!({"kind": "kernel", "kernel": kernel})
        }
        Scores::Neighbours { neighbours, by_distance, points, values, width } => {
            tensors.f64(name("points"), points);
            tensors.f64(name("values"), values);
            json!({"kind": "neighbours", "neighbours": neighbours, "by_distance": by_distance, "width": width})
        }
        Scores::Trees(trees) => {
            tensors.u32(name("feature"), &trees.feature);
            tensors.f64(name("threshold"), &trees.threshold);
            tensors.u32(name("left"), &trees.left);
            tensors.u32(name("right"), &trees.right);
            if trees.missing_left.contains(&1) {
                tensors.0.push((name("missing_left"), Dtype::U8, trees.missing_left.clone()));
            }
            tensors.u32(name("roots"), &trees.roots);
            if let Some(targets) = &trees.targets {
                tensors.u32(name("targets"), targets);
            }
            tensors.f64(name("values"), &trees.values);
            tensors.f64(name("init"), &trees.init);
            json!({
                "kind": "trees", "input": trees.input, "compare": trees.compare, "width": trees.width,
                "combine": {"kind": "sum", "divisor": trees.divisor, "single": trees.single},
            })
        }
    }
}
