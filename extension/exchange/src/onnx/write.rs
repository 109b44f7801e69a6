//! From a model to an ONNX file that predicts the same in any runtime of ONNX-ML.
//!
//! Trees that compare numbers of eight bytes keep them: such a file takes doubles. What is done with a number before it
//! reaches a tree is folded into the tree's numbers. Linear models and kernel machines are computed in four bytes by the
//! runtimes, whatever the file says.

use pgml_core::labels::Classes;
use pgml_core::model::{Finish, Link, Model, Scores};
use pgml_core::preprocess::{Column, Preprocess};
use prost::Message;

use super::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute, data,
};
use super::{linear, machine, trees_write as trees};
use crate::error::{Error, Result};

/// The format, as errors call it.
pub const FORM: &str = "ONNX";

/// Of ONNX-ML, the first with doubles in trees; of ONNX, one that has what is used here.
const OPSETS: [(&str, i64); 2] = [("ai.onnx.ml", 3), ("", 15)];

/// The version of the file format that came with them.
const IR_VERSION: i64 = 8;

pub fn inexpressible(why: impl Into<String>) -> Error {
    Error::Inexpressible { form: FORM, why: why.into() }
}

/// An operator while its attributes are added.
pub struct Making(pub NodeProto);

impl Making {
    pub fn new(op_type: &str, input: &str, outputs: &[&str]) -> Making {
        let domain = if ["Cast", "Concat", "Reshape"].contains(&op_type) { "" } else { "ai.onnx.ml" };
        Making(NodeProto {
            input: vec![input.to_string()],
            output: outputs.iter().map(|output| output.to_string()).collect(),
            name: outputs.first().map(|output| format!("{op_type}_{output}")).unwrap_or_default(),
            op_type: op_type.to_string(),
            attribute: Vec::new(),
            domain: domain.to_string(),
        })
    }

    fn add(mut self, name: &str, kind: i32, fill: impl FnOnce(&mut AttributeProto)) -> Making {
        let mut made = AttributeProto { name: name.to_string(), r#type: kind, ..AttributeProto::default() };
        fill(&mut made);
        self.0.attribute.push(made);
        self
    }

    pub fn floats(self, name: &str, values: impl Iterator<Item = f64>) -> Making {
        self.add(name, attribute::FLOATS, |made| made.floats = values.map(|value| value as f32).collect())
    }

    pub fn ints(self, name: &str, values: impl Iterator<Item = i64>) -> Making {
        self.add(name, attribute::INTS, |made| made.ints = values.collect())
    }

    pub fn strings(self, name: &str, values: impl Iterator<Item = String>) -> Making {
        self.add(name, attribute::STRINGS, |made| made.strings = values.map(String::into_bytes).collect())
    }

    pub fn word(self, name: &str, value: &str) -> Making {
        self.add(name, attribute::STRING, |made| made.s = value.as_bytes().to_vec())
    }

    pub fn int(self, name: &str, value: i64) -> Making {
        self.add(name, attribute::INT, |made| made.i = value)
    }

    pub fn float(self, name: &str, value: f64) -> Making {
        self.add(name, attribute::FLOAT, |made| made.f = value as f32)
    }

    /// Numbers of eight bytes where `double`, otherwise of four.
    pub fn numbers(self, name: &str, values: Vec<f64>, double: bool) -> Making {
        if !double {
            return self.floats(name, values.into_iter());
        }
        self.add(&format!("{name}_as_tensor"), attribute::TENSOR, |made| {
            made.t = Some(TensorProto {
                dims: vec![values.len() as i64],
                data_type: data::DOUBLE,
                double_data: values,
                ..TensorProto::default()
            });
        })
    }

    /// The labels of a classifier.
    pub fn classes(self, ints: &str, classes: &[f64], label: Option<&Classes>) -> Result<Making> {
        if let Some(label @ Classes::Texts { .. }) = label {
            return Ok(self.strings("classlabels_strings", classes.iter().map(|class| label.name(*class).into_owned())));
        }
        if classes.iter().any(|class| class.fract() != 0.0 || class.abs() > 9e15) {
            return Err(inexpressible("its classes are no whole numbers"));
        }
        Ok(self.ints(ints, classes.iter().map(|class| *class as i64)))
    }
}

/// What is made of the columns before the model sees them.
struct Prepared {
    nodes: Vec<NodeProto>,
    inputs: Vec<ValueInfoProto>,
    /// Shapes for operators that take one.
    shapes: Vec<TensorProto>,
    /// What the model's input is called.
    name: String,
}

/// The bytes of a model.
pub fn write(model: &Model, preprocess: &Preprocess) -> Result<Vec<u8>> {
    if preprocess.is_single() {
        return Err(inexpressible("its preprocessing has PostgresML's arithmetic in four bytes"));
    }
    let [part] = model.parts() else { return Err(inexpressible("it predicts several labels")) };
    if matches!(part.finish(), Finish::Values(Link::Exp)) {
        return Err(inexpressible("its predictions are exponentials of the sums"));
    }
    let steps = preprocess.steps();
    if steps.iter().any(|column| column.parts) {
        return Err(inexpressible("no operator divides dates and times into their parts"));
    }
    // Into the numbers of trees the steps are folded.
    let folds = matches!(part.scores(), Scores::Forest(_));
    let scaled = |column: &Column| column.scale.is_some() && column.categories.is_none();
    let double = match part.scores() {
        Scores::Forest(forest) => trees::is_double(forest) || steps.iter().any(scaled),
        _ => false,
    };
    let Prepared { mut nodes, inputs, shapes, name } = prepared(steps, folds, double)?;
    let label = preprocess.label();
    let node = match part.scores() {
        Scores::Linear(found) => linear::write(found, part.finish(), label, &name)?,
        Scores::Machine(found) => machine::write(found, part.finish(), label, &name)?,
        Scores::Forest(found) => trees::write(found, part.finish(), label, &name, &numbers_of(steps), double)?,
        Scores::Neighbours(_) => return Err(inexpressible("it compares rows with those that training kept")),
    };
    let is_classifier = node.0.output.len() == 2;
    nodes.push(node.0);
    let texts = matches!(label, Some(Classes::Texts { .. }));
    let outputs = match (is_classifier, texts) {
        (false, _) => vec![info("variable", data::FLOAT, None)],
        (true, texts) => {
            let kind = if texts { data::STRING } else { data::INT64 };
            vec![
                ValueInfoProto { name: "label".into(), r#type: tensor_of(kind, vec![0]) },
                info("probabilities", data::FLOAT, None),
            ]
        }
    };
    let graph = GraphProto { node: nodes, name: "pgml".into(), initializer: shapes, input: inputs, output: outputs };
    let opset = |(domain, version): (&str, i64)| OperatorSetIdProto { domain: domain.to_string(), version };
    let file = ModelProto {
        ir_version: IR_VERSION,
        producer_name: "pgml".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import: OPSETS.into_iter().map(opset).collect(),
    };
    Ok(file.encode_to_vec())
}

/// Of each number that the model takes, the column whose steps are folded into the trees.
fn numbers_of(steps: &[Column]) -> Vec<&Column> {
    steps.iter().flat_map(|column| std::iter::repeat_n(column, column.outputs())).collect()
}

fn tensor_of(kind: i32, dims: Vec<i64>) -> Option<TypeProto> {
    let dim = dims.into_iter().map(|dim_value| DimensionProto { dim_value }).collect();
    Some(TypeProto { tensor_type: Some(TensorTypeProto { elem_type: kind, shape: Some(TensorShapeProto { dim }) }) })
}

/// A table with any number of rows, and of columns where it is none.
fn info(name: &str, kind: i32, width: Option<usize>) -> ValueInfoProto {
    let dims = vec![0, width.map_or(0, |width| width as i64)];
    ValueInfoProto { name: name.to_string(), r#type: tensor_of(kind, dims) }
}

/// The inputs, and the operators on them: one table where all columns are numbers, otherwise an input for each column.
fn prepared(steps: &[Column], folds: bool, double: bool) -> Result<Prepared> {
    let number = if double { data::DOUBLE } else { data::FLOAT };
    let (inputs, shapes) = (Vec::new(), Vec::new());
    let mut made = Prepared { nodes: Vec::new(), inputs, shapes, name: "X".into() };
    if steps.iter().all(|column| column.categories.is_none()) {
        let width = steps.iter().map(|column| column.size).sum();
        made.inputs.push(info("X", number, Some(width)));
        if !folds {
            made.name = numbers(&mut made.nodes, steps, "X".into());
        }
        return Ok(made);
    }
    let mut names = Vec::with_capacity(steps.len());
    for (place, column) in steps.iter().enumerate() {
        let Some(categories) = &column.categories else {
            made.inputs.push(info(&column.name, number, Some(column.size)));
            let name = column.name.clone();
            names.push(if folds { name } else { numbers(&mut made.nodes, &steps[place..place + 1], name) });
            continue;
        };
        made.inputs.push(info(&column.name, data::STRING, Some(1)));
        let output = format!("encoded_{place}");
        let keys = || categories.values.iter();
        let node = match categories.one_hot {
            Some(count) => {
                let mut texts = vec![None; count];
                for (text, value) in keys() {
                    if let Some(slot) = texts.get_mut(*value as usize) {
                        *slot = Some(text.clone());
                    }
                }
                // A text has no NULL: the empty one stands for it.
                let texts = texts.into_iter().map(Option::unwrap_or_default);
                Making::new("OneHotEncoder", &column.name, &[&output]).strings("cats_strings", texts).int("zeros", 1)
            }
            None => {
                let null =
                    categories.null.filter(|_| !categories.values.contains_key("")).map(|null| (String::new(), null));
                let all: Vec<(String, f64)> = keys().map(|(text, value)| (text.clone(), *value)).chain(null).collect();
                let (center, divisor) = column.scale.filter(|_| !folds).unwrap_or((0.0, 1.0));
                let scaled = |value: f64| (value - center) / divisor;
                Making::new("LabelEncoder", &column.name, &[&output])
                    .strings("keys_strings", all.iter().map(|(text, _)| text.clone()))
                    .floats("values_floats", all.iter().map(|(_, value)| scaled(*value)))
                    .float("default_float", column.fill.map_or(f64::NAN, scaled))
            }
        };
        made.nodes.push(node.0);
        let output = match categories.one_hot {
            Some(count) => flat(&mut made, output, count),
            None => output,
        };
        names.push(match double {
            true => {
                let name = format!("double_{place}");
                made.nodes.push(Making::new("Cast", &output, &[&name]).int("to", i64::from(data::DOUBLE)).0);
                name
            }
            false => output,
        });
    }
    let mut concat = Making::new("Concat", "", &["row"]).int("axis", 1);
    concat.0.input = names;
    made.nodes.push(concat.0);
    made.name = "row".into();
    Ok(made)
}

/// The categories of a column of texts are a table in each row; make it a row.
fn flat(made: &mut Prepared, input: String, count: usize) -> String {
    let (shape, output) = (format!("{input}_shape"), format!("{input}_flat"));
    made.shapes.push(TensorProto {
        dims: vec![2],
        data_type: data::INT64,
        int64_data: vec![-1, count as i64],
        name: shape.clone(),
        ..TensorProto::default()
    });
    let mut node = Making::new("Reshape", &input, &[&output]);
    node.0.input.push(shape);
    made.nodes.push(node.0);
    output
}

/// `Imputer` and `Scaler` for columns of numbers, where they have something to do; returns what comes out.
fn numbers(nodes: &mut Vec<NodeProto>, columns: &[Column], input: String) -> String {
    let each = || columns.iter().flat_map(|column| std::iter::repeat_n(column, column.size));
    let mut name = input;
    if each().any(|column| column.fill.is_some()) {
        let output = format!("{name}_filled");
        let values = each().map(|column| column.fill.unwrap_or(f64::NAN));
        let node = Making::new("Imputer", &name, &[&output]).floats("imputed_value_floats", values);
        nodes.push(node.float("replaced_value_float", f64::NAN).0);
        name = output;
    }
    if each().any(|column| column.scale.is_some()) {
        let output = format!("{name}_scaled");
        let scale = |column: &Column| column.scale.unwrap_or((0.0, 1.0));
        let node = Making::new("Scaler", &name, &[&output]).floats("offset", each().map(|column| scale(column).0));
        nodes.push(node.floats("scale", each().map(|column| 1.0 / scale(column).1)).0);
        name = output;
    }
    name
}
