//! From bytes to a model. Nothing in the bytes is believed: every size, index and number is checked here, once.

use safetensors::{Dtype, SafeTensors};

use super::description::{
    CombineDescription, DESCRIPTION, Description, EXPLAINED, LEAVES_WITH_PLACES, NEWEST, OLDEST, SETS,
    ScoresDescription, Versioned,
};
use super::forest::{Combine, Forest, LEAF, Node, Parts};
use super::{Finish, Linear, Machine, Model, Neighbours, Part, Places, Scores, Sets};

/// More than any table of Postgres gives a row of, with arrays.
const MOST_FEATURES: usize = 1 << 24;

/// A file may say that it has many small parts; each costs memory of its own.
const MOST_PARTS: usize = 1 << 14;

/// Why bytes are no model.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("it is no safetensors file: {0}")]
    Container(#[from] safetensors::SafeTensorError),
    #[error("its metadata have no entry \"pgml\"")]
    NoDescription,
    #[error("its description can't be read: {0}")]
    Description(#[from] serde_json::Error),
    #[error("it has version {found}, and this release reads versions {OLDEST} to {NEWEST}")]
    Version { found: u32 },
    #[error("tensor \"{name}\" is missing, or has another type than {wanted:?}")]
    Tensor { name: String, wanted: Dtype },
    #[error("tensor \"{name}\" is there since version {since} only")]
    Early { name: String, since: u32 },
    #[error("part {part} is inconsistent: {what}")]
    Inconsistent { part: usize, what: &'static str },
}

impl Model {
    /// Read a model. What it takes in memory is a small multiple of the bytes.
    pub fn read(bytes: &[u8]) -> Result<Model, ReadError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let text = metadata.metadata().as_ref().and_then(|entries| entries.get(DESCRIPTION));
        let text = text.ok_or(ReadError::NoDescription)?;
        // The version first: another one may describe anything.
        let Versioned { version } = serde_json::from_str(text)?;
        if !(OLDEST..=NEWEST).contains(&version) {
            return Err(ReadError::Version { found: version });
        }
        let description: Description = serde_json::from_str(text)?;
        let tensors = SafeTensors::deserialize(bytes)?;
        let features = description.features;
        let wrong = |part, what| Err(ReadError::Inconsistent { part, what });
        if features == 0 || features > MOST_FEATURES {
            return wrong(0, "the number of features");
        }
        if description.parts.is_empty() || description.parts.len() > MOST_PARTS {
            return wrong(0, "the number of parts");
        }
        let mut parts = Vec::with_capacity(description.parts.len());
        for (place, part) in description.parts.into_iter().enumerate() {
            let tensors = PartTensors { all: &tensors, part: place, version };
            let finish = Finish::from(part.finish);
            let Some(scores) = scores(part.scores, features, &tensors)? else {
                return wrong(place, "sizes or indexes that don't fit together");
            };
            let Some(part) = Part::new(scores, finish) else {
                return wrong(place, "scores that can't be finished so");
            };
            parts.push(part);
        }
        Ok(Model { features, parts })
    }
}

impl Model {
    /// What trained the model, as its file says for people.
    pub fn made_by(bytes: &[u8]) -> Result<String, ReadError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let text = metadata.metadata().as_ref().and_then(|entries| entries.get(DESCRIPTION));
        let description: Description = serde_json::from_str(text.ok_or(ReadError::NoDescription)?)?;
        Ok(description.made_by)
    }

    /// What else is in a file, by its name.
    pub fn beside<'a>(bytes: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, ReadError> {
        let tensors = SafeTensors::deserialize(bytes)?;
        match tensors.tensor(name) {
            Ok(tensor) if tensor.dtype() == Dtype::U8 => Ok(Some(tensor.data())),
            Ok(_) => Err(ReadError::Tensor { name: name.to_string(), wanted: Dtype::U8 }),
            Err(_) => Ok(None),
        }
    }
}

/// The scores of a part; none when they are inconsistent.
fn scores(
    description: ScoresDescription,
    features: usize,
    tensors: &PartTensors<'_>,
) -> Result<Option<Scores>, ReadError> {
    Ok(match description {
        ScoresDescription::Linear => {
            let linear = Linear::new(features, tensors.f64("weights")?, tensors.f64("intercepts")?);
            let Some(means) = tensors.explained("means")? else { return Ok(linear.map(Scores::Linear)) };
            linear.and_then(|linear| linear.with_means(means)).map(Scores::Linear)
        }
        ScoresDescription::Kernel { kernel } => {
            let (points, weights) = (tensors.f64("points")?, tensors.f64("weights")?);
            Machine::new(kernel, features, points, weights, tensors.f64("intercepts")?).map(Scores::Machine)
        }
        ScoresDescription::Neighbours { neighbours, by_distance, width } => {
            let (points, values) = (tensors.f64("points")?, tensors.f64("values")?);
            Neighbours::new(neighbours, by_distance, features, points, width, values).map(Scores::Neighbours)
        }
        ScoresDescription::Trees { input, compare, width, combine } => {
            let Some(nodes) = nodes(tensors)? else {
                return Ok(None);
            };
            let combine = match combine {
                CombineDescription::Sum { divisor, single } => {
                    Combine::Sum { init: tensors.f64("init")?, divisor, single }
                }
                CombineDescription::Median => Combine::Median { weights: tensors.f64("weights")? },
            };
            let targets = if tensors.has("targets") { Some(tensors.u32("targets")?) } else { None };
            let places = match tensors.has("starts") {
                true if tensors.version < LEAVES_WITH_PLACES => return Ok(None),
                true => Some(Places { starts: tensors.u32("starts")?.into(), scores: tensors.u32("places")?.into() }),
                false => None,
            };
            let (roots, values) = (tensors.u32("roots")?, tensors.f64("values")?);
            let parts = Parts { features, width, input, compare, nodes, roots, targets, values, places, combine };
            let forest = Forest::new(parts);
            let forest = match tensors.sets()? {
                Some(sets) => forest.and_then(|forest| forest.with_sets(sets)),
                None => forest,
            };
            let Some(covers) = tensors.explained("covers")? else { return Ok(forest.map(Scores::Forest)) };
            forest.and_then(|forest| forest.with_covers(covers)).map(Scores::Forest)
        }
    })
}

/// The nodes of a part; none when the arrays have different lengths.
fn nodes(tensors: &PartTensors<'_>) -> Result<Option<Vec<Node>>, ReadError> {
    let (feature, threshold) = (tensors.u32("feature")?, tensors.f64("threshold")?);
    let (left, right) = (tensors.u32("left")?, tensors.u32("right")?);
    let missing = match tensors.has("missing_left") {
        true => tensors.bytes("missing_left", Dtype::U8)?.to_vec(),
        false => vec![0; feature.len()],
    };
    let count = feature.len();
    if [threshold.len(), left.len(), right.len(), missing.len()].iter().any(|length| *length != count) {
        return Ok(None);
    }
    let node = |place: usize| Node {
        threshold: threshold[place],
        left: left[place],
        right: if feature[place] == LEAF { 0 } else { right[place] },
        feature: feature[place],
        missing_left: (missing[place] != 0).into(),
    };
    Ok(Some((0..count).map(node).collect()))
}

/// The tensors of one part: `0.weights` is the weights of the first.
struct PartTensors<'a> {
    all: &'a SafeTensors<'a>,
    part: usize,
    /// The version of the file.
    version: u32,
}

impl<'a> PartTensors<'a> {
    fn name(&self, name: &str) -> String {
        format!("{}.{name}", self.part)
    }

    fn has(&self, name: &str) -> bool {
        self.all.tensor(&self.name(name)).is_ok()
    }

    fn bytes(&self, name: &str, wanted: Dtype) -> Result<&'a [u8], ReadError> {
        let name = self.name(name);
        match self.all.tensor(&name) {
            Ok(tensor) if tensor.dtype() == wanted => Ok(tensor.data()),
            _ => Err(ReadError::Tensor { name, wanted }),
        }
    }

    /// What contributions are computed from; none where the file has none.
    fn explained(&self, name: &str) -> Result<Option<Vec<f64>>, ReadError> {
        match self.has(name) {
            true if self.version < EXPLAINED => Err(ReadError::Early { name: self.name(name), since: EXPLAINED }),
            true => self.f64(name).map(Some),
            false => Ok(None),
        }
    }

    /// Reads the splits by categories. A file without such splits gives `None`.
    fn sets(&self) -> Result<Option<Sets>, ReadError> {
        match self.has("sets") {
            true if self.version < SETS => Err(ReadError::Early { name: self.name("sets"), since: SETS }),
            true => Ok(Some(Sets {
                of_nodes: self.u32("sets")?.into(),
                starts: self.u32("set_starts")?.into(),
                members: self.u32("set_members")?.into(),
            })),
            false => Ok(None),
        }
    }

    fn f64(&self, name: &str) -> Result<Vec<f64>, ReadError> {
        let (values, _) = self.bytes(name, Dtype::F64)?.as_chunks::<8>();
        Ok(values.iter().map(|value| f64::from_le_bytes(*value)).collect())
    }

    fn u32(&self, name: &str) -> Result<Vec<u32>, ReadError> {
        let (values, _) = self.bytes(name, Dtype::U32)?.as_chunks::<4>();
        Ok(values.iter().map(|value| u32::from_le_bytes(*value)).collect())
    }
}

#[cfg(test)]
mod tests;
