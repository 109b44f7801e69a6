//! ONNX's messages, as its schema `onnx.proto3` numbers their fields: those that a model of ONNX-ML has, and no others.
//!
//! prost skips fields that it is not told of. [`check`] walks the bytes before, and bounds how many messages and texts
//! there are: an empty one takes two bytes in a file and hundreds in memory.

use prost::Message;

use super::{broken, unknown};
use crate::error::{Error, Result};
use crate::limits::FILE_NODES;

#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(string, tag = "3")]
    pub producer_version: String,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    pub domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(float, tag = "2")]
    pub f: f32,
    #[prost(int64, tag = "3")]
    pub i: i64,
    #[prost(bytes = "vec", tag = "4")]
    pub s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub floats: Vec<f32>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub strings: Vec<Vec<u8>>,
    #[prost(int32, tag = "20")]
    pub r#type: i32,
}

/// `AttributeProto.AttributeType`.
pub mod attribute {
    pub const FLOAT: i32 = 1;
    pub const INT: i32 = 2;
    pub const STRING: i32 = 3;
    pub const TENSOR: i32 = 4;
    pub const FLOATS: i32 = 6;
    pub const INTS: i32 = 7;
    pub const STRINGS: i32 = 8;
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

/// `TensorProto.DataType`.
pub mod data {
    pub const FLOAT: i32 = 1;
    pub const UINT8: i32 = 2;
    pub const INT32: i32 = 6;
    pub const INT64: i32 = 7;
    pub const STRING: i32 = 8;
    pub const BOOL: i32 = 9;
    pub const DOUBLE: i32 = 11;
}

#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
}

/// `TypeProto.Tensor`.
#[derive(Clone, PartialEq, Message)]
pub struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<DimensionProto>,
}

/// `TensorShapeProto.Dimension`; a name instead of a number is skipped.
#[derive(Clone, PartialEq, Message)]
pub struct DimensionProto {
    #[prost(int64, tag = "1")]
    pub dim_value: i64,
}

impl TensorProto {
    /// Its numbers; an error where they are no numbers, or not as many as its shape says.
    pub fn numbers(&self) -> Result<Vec<f64>> {
        let place = || format!("tensor \"{}\"", crate::imported::words(&self.name));
        if self.data_location != 0 {
            return Err(unknown(place(), "its numbers are in another file"));
        }
        let raw = &self.raw_data[..];
        let each = |size: usize| raw.chunks_exact(size);
        let found: Vec<f64> = match (self.data_type, raw.is_empty()) {
            (data::FLOAT, true) => self.float_data.iter().map(|one| f64::from(*one)).collect(),
            (data::FLOAT, false) => each(4).map(|one| f64::from(f32::from_le_bytes(array(one)))).collect(),
            (data::DOUBLE, true) => self.double_data.clone(),
            (data::DOUBLE, false) => each(8).map(|one| f64::from_le_bytes(array(one))).collect(),
            (data::INT64, true) => self.int64_data.iter().map(|one| *one as f64).collect(),
            (data::INT64, false) => each(8).map(|one| i64::from_le_bytes(array(one)) as f64).collect(),
            (data::INT32, true) => self.int32_data.iter().map(|one| f64::from(*one)).collect(),
            (data::INT32, false) => each(4).map(|one| f64::from(i32::from_le_bytes(array(one)))).collect(),
            (data::UINT8, true) => self.int32_data.iter().map(|one| f64::from(*one)).collect(),
            (data::UINT8, false) => raw.iter().map(|one| f64::from(*one)).collect(),
            (other, _) => return Err(unknown(place(), format!("numbers of the type {other}"))),
        };
        let size = match self.data_type {
            data::DOUBLE | data::INT64 => 8,
            data::UINT8 => 1,
            _ => 4,
        };
        let product = self.dims.iter().try_fold(1usize, |all, dim| all.checked_mul(usize::try_from(*dim).ok()?));
        match product == Some(found.len()) && raw.len().is_multiple_of(size) {
            true => Ok(found),
            false => Err(broken(place(), format!("{} numbers, and the shape {:?}", found.len(), self.dims))),
        }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    // INVARIANT: `chunks_exact` gives slices of that length.
    bytes.try_into().unwrap_or([0; N])
}

/// Read a file.
pub fn read(bytes: &[u8]) -> Result<ModelProto> {
    let mut walk = Walk { start: bytes.as_ptr() as usize, left: FILE_NODES };
    walk.message(bytes, Kind::Model)?;
    ModelProto::decode(bytes).map_err(|error| broken("its messages", error.to_string()))
}

/// What a message is, as far as the walk goes into it.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Info,
    Type,
    TensorType,
    Shape,
    /// A message whose fields are counted.
    Other,
    /// Bytes.
    Leaf,
}

impl Kind {
    fn field(self, tag: u64) -> Kind {
        match (self, tag) {
            (Kind::Model, 7) => Kind::Graph,
            (Kind::Model, 8) | (Kind::Attribute | Kind::Graph, 5) | (Kind::Shape, 1) => Kind::Other,
            (Kind::Graph, 1) => Kind::Node,
            (Kind::Graph, 11 | 12) => Kind::Info,
            (Kind::Info, 2) => Kind::Type,
            (Kind::Type, 1) => Kind::TensorType,
            (Kind::TensorType, 2) => Kind::Shape,
            (Kind::Node, 5) => Kind::Attribute,
            _ => Kind::Leaf,
        }
    }

    /// About how many times as much memory a field takes as a number does.
    fn weight(self) -> usize {
        match self {
            Kind::Leaf => 1,
            _ => 16,
        }
    }
}

/// Walks through messages and counts their fields.
struct Walk {
    start: usize,
    left: usize,
}

impl Walk {
    fn message(&mut self, mut bytes: &[u8], kind: Kind) -> Result<()> {
        while !bytes.is_empty() {
            let at = bytes.as_ptr() as usize - self.start;
            let lies = || broken(format!("byte {at}"), "a field is longer than what it is in");
            let key = number(&mut bytes).ok_or_else(lies)?;
            let field = kind.field(key >> 3);
            let too_many = Error::TooLarge { what: "fields and more", found: FILE_NODES, limit: FILE_NODES };
            self.left = self.left.checked_sub(field.weight()).ok_or(too_many)?;
            let length = match key & 7 {
                0 => {
                    number(&mut bytes).ok_or_else(lies)?;
                    0
                }
                1 => 8,
                2 => number(&mut bytes).ok_or_else(lies)?,
                5 => 4,
                other => return Err(broken(format!("byte {at}"), format!("a field of the wire type {other}"))),
            };
            let length = usize::try_from(length).ok().filter(|length| *length <= bytes.len()).ok_or_else(lies)?;
            let (inside, behind) = bytes.split_at(length);
            if key & 7 == 2 && !matches!(field, Kind::Leaf) {
                self.message(inside, field)?;
            }
            bytes = behind;
        }
        Ok(())
    }
}

/// A whole number of variable length.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
