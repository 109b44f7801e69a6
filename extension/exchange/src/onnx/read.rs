//! From an ONNX file to a model: the operators in their order, from the inputs to the one that predicts, and behind it.

use std::collections::HashMap;

use pgml_core::labels::Classes;
use pgml_core::model::{Finish, Model, Part, Probabilities, Scores};

use super::attributes::Operator;
use super::lanes::{self, Lane};
use super::proto::{self, GraphProto, ValueInfoProto, data};
use super::{broken, ensemble, linear, machine, trees, unknown};
use crate::error::{Error, Result};
use crate::imported::{Imported, words};
use crate::limits::{FILE_FEATURES, FILE_SCORES, ONNX_BYTES, ONNX_OPERATORS};

/// Operators that skl2onnx puts behind a classifier without probabilities to make a decision function of its scores, which is
/// not read.
const OF_DECISIONS: [&str; 10] =
    ["Less", "Neg", "Sum", "Add", "Mul", "Div", "Abs", "Concat", "ArrayFeatureExtractor", "Sub"];

/// What a name stands for.
enum Value {
    /// Numbers or texts of the row.
    Lanes(Vec<Lane>),
    /// Numbers that do not change.
    Constant(Vec<f64>),
    /// What the model predicts: a value, or a class.
    Answer,
    Shares,
    /// Something made of the scores that is no probability.
    Other,
}

/// What predicts, of the numbers that it is given.
pub struct Predictor {
    pub scores: Scores,
    pub finish: Finish,
    pub label: Option<Classes>,
    /// Whether probabilities are so once they are divided by their sum.
    pub to_normalize: Option<Probabilities>,
    pub takes_missing: bool,
}

/// The classes of a classifier.
pub fn classes(operator: &Operator<'_>, ints: &str) -> Result<(Vec<f64>, Classes)> {
    let texts = operator.strings("classlabels_strings")?;
    let ints = operator.ints(ints)?;
    let count = texts.len().max(ints.len());
    if !(2..=FILE_SCORES).contains(&count) {
        return operator.unknown(format!("{count} classes"));
    }
    if !texts.is_empty() {
        let places = (0..count).map(|place| place as f64).collect();
        return Ok((places, Classes::Texts { type_name: "text".into(), texts }));
    }
    // Beyond, two whole numbers may be one.
    if ints.iter().any(|class| class.unsigned_abs() > 1 << 53) {
        return operator.unknown("a class beyond what a double can tell");
    }
    let numbers: Vec<f64> = ints.iter().map(|class| *class as f64).collect();
    let label = Classes::of_numbers(false, numbers.iter().copied());
    Ok((numbers, label))
}

/// Read a model.
pub fn read(bytes: &[u8]) -> Result<Imported> {
    if bytes.len() > ONNX_BYTES {
        return Err(Error::TooLarge { what: "bytes", found: bytes.len(), limit: ONNX_BYTES });
    }
    let file = proto::read(bytes)?;
    let graph = file.graph.as_ref().ok_or_else(|| broken("the file", "it has no graph"))?;
    if !file.opset_import.iter().any(|opset| opset.domain == "ai.onnx.ml") {
        return Err(unknown("the file", "it has no operators of ai.onnx.ml"));
    }
    if graph.node.len() > ONNX_OPERATORS {
        return Err(Error::TooLarge { what: "operators", found: graph.node.len(), limit: ONNX_OPERATORS });
    }
    let mut reading = Reading::new(graph)?;
    for (number, node) in graph.node.iter().enumerate() {
        reading.apply(&Operator::new(number, node))?;
    }
    let made_by = format!("{} {}", words(&file.producer_name), words(&file.producer_version));
    reading.finish(graph, made_by.trim().to_string())
}

struct Reading {
    values: HashMap<String, Value>,
    /// The names of the columns, and whether they are texts.
    names: Vec<(String, bool)>,
    predictor: Option<(Predictor, Vec<Lane>)>,
    /// Whether the scores of the model are probabilities, or may become some.
    has_shares: bool,
}

impl Reading {
    fn new(graph: &GraphProto) -> Result<Reading> {
        let mut reading = Reading { values: HashMap::new(), names: Vec::new(), predictor: None, has_shares: false };
        for tensor in &graph.initializer {
            // A text or an operator's list of shapes may be one, too: what is asked for must be numbers.
            let value = tensor.numbers().map_or(Value::Other, Value::Constant);
            reading.values.insert(tensor.name.clone(), value);
        }
        for input in &graph.input {
            if !reading.values.contains_key(&input.name) {
                reading.input(input)?;
            }
        }
        Ok(reading)
    }

    fn input(&mut self, input: &ValueInfoProto) -> Result<()> {
        let place = || format!("input \"{}\"", words(&input.name));
        let tensor = input.r#type.as_ref().and_then(|found| found.tensor_type.as_ref());
        let tensor = tensor.ok_or_else(|| unknown(place(), "it is no tensor"))?;
        let text = match tensor.elem_type {
            data::FLOAT | data::DOUBLE | data::INT32 | data::INT64 | data::BOOL => false,
            data::STRING => true,
            other => return Err(unknown(place(), format!("elements of the type {other}"))),
        };
        let dims: Vec<i64> = tensor.shape.iter().flat_map(|shape| &shape.dim).map(|dim| dim.dim_value).collect();
        let width = match dims[..] {
            [_] => 1,
            [_, width] if width > 0 => usize::try_from(width).unwrap_or(usize::MAX),
            _ => return Err(unknown(place(), format!("the shape {dims:?}, where [rows, columns] is expected"))),
        };
        let first = self.names.len();
        if first.saturating_add(width) > FILE_FEATURES {
            return Err(Error::TooLarge { what: "features", found: first.saturating_add(width), limit: FILE_FEATURES });
        }
        let name =
            |column: usize| if width == 1 { input.name.clone() } else { format!("{}_{}", input.name, column + 1) };
        self.names.extend((0..width).map(|column| (name(column), text)));
        let lanes = (first..first + width).map(|column| Lane::new(column, text)).collect();
        self.values.insert(input.name.clone(), Value::Lanes(lanes));
        Ok(())
    }

    fn apply(&mut self, operator: &Operator<'_>) -> Result<()> {
        let node = operator.node;
        if !["", "ai.onnx", "ai.onnx.ml"].contains(&node.domain.as_str()) {
            return operator.unknown(format!("the domain \"{}\"", words(&node.domain)));
        }
        let [first, rest @ ..] = &node.input[..] else { return operator.unknown("it has no input") };
        match self.values.get(first) {
            None => operator.broken(format!("nothing is called \"{}\"", words(first))),
            Some(Value::Lanes(_)) => self.of_lanes(operator, rest),
            Some(Value::Answer | Value::Shares | Value::Other) => self.behind(operator, first),
            Some(Value::Constant(_)) => operator.unknown("it changes what does not depend on the row"),
        }
    }

    /// An operator on numbers or texts of the row.
    fn of_lanes(&mut self, operator: &Operator<'_>, rest: &[String]) -> Result<()> {
        let node = operator.node;
        let lanes = self.lanes(operator, &node.input[0])?;
        let constant = || match rest.first().and_then(|name| self.values.get(name)) {
            Some(Value::Constant(numbers)) => Ok(numbers.as_slice()),
            _ => operator.unknown("its second input is no list of numbers"),
        };
        let made = match node.op_type.as_str() {
            "Identity" => lanes,
            "Cast" => cast(operator, lanes)?,
            // Behind categories, or of one column: a table with as many columns as there are numbers.
            "Reshape" if constant()?.last().is_some_and(|last| *last == lanes.len() as f64 || lanes.len() == 1) => {
                lanes
            }
            "Concat" => self.concat(operator)?,
            "Scaler" => lanes::scaler(operator, lanes)?,
            "Imputer" => lanes::imputer(operator, lanes)?,
            "LabelEncoder" => lanes::label_encoder(operator, lanes)?,
            "OneHotEncoder" => lanes::one_hot(operator, lanes)?,
            "ArrayFeatureExtractor" => lanes::extract(operator, &lanes, constant()?)?,
            "Add" | "Sub" | "Mul" | "Div" => lanes::arithmetic(operator, lanes, constant()?)?,
            _ => return self.predictor(operator, lanes),
        };
        if made.len() > FILE_FEATURES {
            return Err(Error::TooLarge { what: "features", found: made.len(), limit: FILE_FEATURES });
        }
        self.set(operator, [Value::Lanes(made)])
    }

    fn lanes(&self, operator: &Operator<'_>, name: &str) -> Result<Vec<Lane>> {
        match self.values.get(name) {
            Some(Value::Lanes(lanes)) => Ok(lanes.clone()),
            _ => operator.unknown(format!("its input \"{}\" is nothing of the row", words(name))),
        }
    }

    fn concat(&self, operator: &Operator<'_>) -> Result<Vec<Lane>> {
        let axis = operator.int("axis", 1)?;
        if axis != 1 && axis != -1 {
            return operator.unknown(format!("axis {axis}"));
        }
        let mut all = Vec::new();
        for name in &operator.node.input {
            all.extend(self.lanes(operator, name)?);
            if all.len() > FILE_FEATURES {
                return Err(Error::TooLarge { what: "features", found: all.len(), limit: FILE_FEATURES });
            }
        }
        Ok(all)
    }

    fn predictor(&mut self, operator: &Operator<'_>, lanes: Vec<Lane>) -> Result<()> {
        let width = lanes.len();
        let predictor = match operator.node.op_type.as_str() {
            "LinearRegressor" => linear::regressor(operator, width)?,
            "LinearClassifier" => linear::classifier(operator, width)?,
            "SVMRegressor" => machine::regressor(operator, width)?,
            "SVMClassifier" => machine::classifier(operator, width)?,
            "TreeEnsembleRegressor" | "TreeEnsembleClassifier" => trees::read(operator, width)?,
            "TreeEnsemble" => ensemble::read(operator, width)?,
            _ => return operator.unknown("no operator that is known"),
        };
        if self.predictor.is_some() {
            return operator.unknown("a second model");
        }
        if lanes.iter().any(Lane::is_text) {
            return operator.unknown("texts that are not encoded");
        }
        let has_shares = matches!(predictor.finish, Finish::Classes { probabilities: Some(_), .. });
        self.has_shares = has_shares || predictor.to_normalize.is_some();
        self.predictor = Some((predictor, lanes));
        self.set(operator, [Value::Answer, Value::Shares])
    }

    /// An operator on what the model says.
    fn behind(&mut self, operator: &Operator<'_>, first: &str) -> Result<()> {
        let kind = operator.node.op_type.as_str();
        let made = match (self.values.get(first), kind) {
            (Some(Value::Answer), "Cast" | "Identity" | "Reshape") => Value::Answer,
            (Some(Value::Shares), "Cast" | "Identity" | "ZipMap") => Value::Shares,
            (Some(Value::Shares), "Normalizer") => {
                let norm = operator.word("norm", "MAX")?;
                if norm != "L1" {
                    return operator.unknown(format!("norm \"{norm}\""));
                }
                if let Some((predictor, _)) = &mut self.predictor
                    && let Some(kind) = predictor.to_normalize.take()
                    && let Finish::Classes { probabilities, .. } = &mut predictor.finish
                {
                    *probabilities = Some(kind);
                }
                Value::Shares
            }
            (Some(Value::Shares | Value::Other), _) if !self.has_shares && OF_DECISIONS.contains(&kind) => Value::Other,
            (Some(Value::Other), "Cast" | "Identity" | "ZipMap") if !self.has_shares => Value::Other,
            _ => return operator.unknown("no operator that is known behind a model"),
        };
        self.set(operator, [made])
    }

    fn set<const N: usize>(&mut self, operator: &Operator<'_>, made: [Value; N]) -> Result<()> {
        for (name, value) in operator.node.output.iter().zip(made) {
            if !name.is_empty() && self.values.insert(name.clone(), value).is_some() {
                return operator.broken(format!("\"{}\" is made twice", words(name)));
            }
        }
        Ok(())
    }

    fn finish(self, graph: &GraphProto, made_by: String) -> Result<Imported> {
        let Reading { values, names, predictor, .. } = self;
        let (predictor, lanes) = predictor.ok_or_else(|| unknown("its operators", "none of them predicts"))?;
        let first = graph.output.first().and_then(|output| values.get(&output.name));
        if !matches!(first, Some(Value::Answer)) {
            return Err(unknown("its first output", "it is not what the model predicts"));
        }
        let Predictor { scores, finish, label, takes_missing, .. } = predictor;
        let (columns, places) = lanes::columns(&lanes, &names, takes_missing)?;
        let features = columns.iter().map(|column| column.outputs()).sum();
        let fits = || broken("its model", "sizes or indexes that don't fit together");
        let scores = moved(scores, &places, features).ok_or_else(fits)?;
        let part = Part::new(scores, finish).ok_or_else(fits)?;
        let model = Model::new(features, vec![part]).ok_or_else(fits)?;
        Ok(Imported { model, columns, is_named: true, label, made_by, algorithm: None })
    }
}

/// `Cast`: of texts to texts, and of numbers to numbers.
fn cast(operator: &Operator<'_>, lanes: Vec<Lane>) -> Result<Vec<Lane>> {
    let to = operator.int("to", 0)?;
    let to_text = to == i64::from(data::STRING);
    // Whole numbers would cut what is behind the point.
    let whole = [data::INT32, data::INT64, data::BOOL].map(i64::from).contains(&to);
    match lanes.iter().any(|lane| lane.is_text() != to_text) || (whole && lanes.iter().any(Lane::is_touched)) {
        true => operator.unknown(format!("it changes the type to {to}")),
        false => Ok(lanes),
    }
}

/// Scores of numbers that stand in other places.
fn moved(scores: Scores, places: &[usize], features: usize) -> Option<Scores> {
    if places.iter().copied().eq(0..features) {
        return Some(scores);
    }
    match scores {
        Scores::Linear(linear) => linear::moved(&linear, places, features),
        Scores::Machine(found) => machine::moved(&found, places, features),
        Scores::Forest(forest) => trees::moved(&forest, places, features),
        Scores::Neighbours(_) => None,
    }
}
