//! The columns of a row on their way through the operators before the model.

use std::collections::BTreeMap;
use std::rc::Rc;

use pgml_core::preprocess::{Categories, Column};

use super::attributes::Operator;
use super::unknown;
use crate::error::Result;
use crate::imported::words;
use crate::limits::{FILE_BYTES, FILE_FEATURES};

/// One number of a row, or a text, with what was done to it so far.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The column that it comes from.
    pub column: usize,
    text: bool,
    /// What the texts stand for: one map for all that an operator made.
    values: Option<Rc<BTreeMap<String, f64>>>,
    /// Which of so many categories it tells.
    one_hot: Option<(usize, usize)>,
    fill: Option<f64>,
    /// It is the number times the first, plus the second.
    scale: (f64, f64),
}

impl Lane {
    pub fn new(column: usize, text: bool) -> Lane {
        Lane { column, text, values: None, one_hot: None, fill: None, scale: (1.0, 0.0) }
    }

    pub fn is_text(&self) -> bool {
        self.text
    }

    pub fn is_touched(&self) -> bool {
        self.values.is_some() || self.fill.is_some() || self.scale != (1.0, 0.0)
    }

    /// Whether both come from their column by the same steps.
    fn is_like(&self, other: &Lane) -> bool {
        let maps = match (&self.values, &other.values) {
            (Some(one), Some(other)) => Rc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let several = self.one_hot.is_some() == other.one_hot.is_some();
        maps && several && self.text == other.text && self.fill == other.fill && self.scale == other.scale
    }

    /// Times `factor`, plus `term`.
    fn affine(&mut self, factor: f64, term: f64) -> bool {
        let (before, added) = self.scale;
        self.scale = (before * factor, added * factor + term);
        !self.text && self.one_hot.is_none() && factor != 0.0 && self.scale.0.is_finite() && self.scale.1.is_finite()
    }

    /// A column that gives such lanes.
    fn column(&self, name: &str, missing: bool) -> Column {
        let (factor, term) = self.scale;
        let scale = (self.scale != (1.0, 0.0)).then_some((0.0 - term / factor, 1.0 / factor));
        let one_hot = self.one_hot.map(|(_, count)| count);
        let categories =
            self.values.as_ref().map(|values| Categories { values: (**values).clone(), null: None, one_hot });
        let missing = missing && self.fill.is_none();
        Column { categories, fill: self.fill, scale, missing, ..Column::plain(name, 1) }
    }
}

/// A number for each lane from a list that has one, or one for each.
fn of(list: &[f64], lane: usize) -> Option<f64> {
    match list {
        [one] => Some(*one),
        list => list.get(lane).copied(),
    }
}

fn each(operator: &Operator<'_>, mut lanes: Vec<Lane>, change: impl Fn(usize, &mut Lane) -> bool) -> Result<Vec<Lane>> {
    for (place, lane) in lanes.iter_mut().enumerate() {
        if !change(place, lane) {
            return operator.unknown(format!("it can't be applied to number {} of its input", place + 1));
        }
    }
    Ok(lanes)
}

/// `Scaler`: less the offset, times the scale.
pub fn scaler(operator: &Operator<'_>, lanes: Vec<Lane>) -> Result<Vec<Lane>> {
    let (offset, scale) = (operator.floats("offset")?, operator.floats("scale")?);
    for (name, list) in [("offset", &offset), ("scale", &scale)] {
        if list.len() != 1 {
            operator.count(name, list.len(), lanes.len())?;
        }
    }
    each(operator, lanes, |place, lane| match (of(&offset, place), of(&scale, place)) {
        (Some(offset), Some(scale)) => lane.affine(scale, 0.0 - offset * scale),
        _ => false,
    })
}

/// `Add`, `Sub`, `Mul`, `Div` with numbers that do not change.
pub fn arithmetic(operator: &Operator<'_>, lanes: Vec<Lane>, numbers: &[f64]) -> Result<Vec<Lane>> {
    if numbers.len() != 1 {
        operator.count("the second input", numbers.len(), lanes.len())?;
    }
    each(operator, lanes, |place, lane| match (operator.node.op_type.as_str(), of(numbers, place)) {
        ("Add", Some(number)) => lane.affine(1.0, number),
        ("Sub", Some(number)) => lane.affine(1.0, -number),
        ("Mul", Some(number)) => lane.affine(number, 0.0),
        ("Div", Some(number)) => lane.affine(1.0 / number, 0.0),
        _ => false,
    })
}

/// `Imputer`: numbers that are missing become others.
pub fn imputer(operator: &Operator<'_>, lanes: Vec<Lane>) -> Result<Vec<Lane>> {
    if operator.float("replaced_value_float")?.is_some_and(|value| !value.is_nan()) {
        return operator.unknown("another value than NaN is replaced");
    }
    let values = operator.floats("imputed_value_floats")?;
    if values.len() != 1 {
        operator.count("imputed_value_floats", values.len(), lanes.len())?;
    }
    each(operator, lanes, |place, lane| {
        let (factor, term) = lane.scale;
        let value =
            of(&values, place).map(|value| if lane.scale == (1.0, 0.0) { value } else { (value - term) / factor });
        // What was filled already has no gap left.
        lane.fill = lane.fill.or(value);
        !lane.text && lane.one_hot.is_none() && lane.fill.is_some_and(f64::is_finite)
    })
}

/// Each column has a list of its own in the end: bound what a small file can ask for.
fn check_texts(operator: &Operator<'_>, texts: &[String], lanes: usize) -> Result<()> {
    let bytes: usize = texts.iter().map(|text| text.len() + 64).sum();
    match bytes.saturating_mul(lanes) <= FILE_BYTES {
        true => Ok(()),
        false => operator.unknown("it has too many texts for so many columns"),
    }
}

/// `LabelEncoder`: texts become numbers.
pub fn label_encoder(operator: &Operator<'_>, lanes: Vec<Lane>) -> Result<Vec<Lane>> {
    let keys = operator.strings("keys_strings")?;
    let numbers = match operator.has("values_floats") {
        true => operator.floats("values_floats")?,
        false => operator.ints("values_int64s")?.iter().map(|value| *value as f64).collect(),
    };
    if keys.is_empty() {
        return operator.unknown("it encodes no texts");
    }
    operator.count("values", numbers.len(), keys.len())?;
    let default = match operator.has("default_int64") {
        true => Some(operator.int("default_int64", -1)? as f64),
        false => operator.float("default_float")?,
    };
    check_texts(operator, &keys, lanes.len())?;
    let values: Rc<BTreeMap<String, f64>> = Rc::new(keys.into_iter().zip(numbers).collect());
    each(operator, lanes, |_, lane| {
        let fits = lane.text && lane.values.is_none();
        lane.values = Some(Rc::clone(&values));
        lane.fill = default.filter(|default| default.is_finite());
        lane.text = false;
        fits
    })
}

/// `OneHotEncoder`: texts become a number for each category.
pub fn one_hot(operator: &Operator<'_>, lanes: Vec<Lane>) -> Result<Vec<Lane>> {
    let categories = operator.strings("cats_strings")?;
    if categories.is_empty() {
        return operator.unknown("it encodes no texts");
    }
    let count = categories.len();
    check_texts(operator, &categories, lanes.len())?;
    let values: BTreeMap<String, f64> =
        categories.into_iter().enumerate().map(|(place, text)| (text, place as f64)).collect();
    let values = Rc::new(values);
    if values.len() != count {
        return operator.broken("a category is there twice");
    }
    // What is none of them is no category, or not allowed.
    let fill = (operator.int("zeros", 1)? != 0).then_some(-1.0);
    let mut made = Vec::with_capacity(lanes.len().saturating_mul(count));
    for lane in lanes {
        if !lane.text || lane.values.is_some() {
            return operator.unknown("its input is no text");
        }
        let each = |place| Lane {
            text: false,
            values: Some(Rc::clone(&values)),
            one_hot: Some((place, count)),
            fill,
            ..lane.clone()
        };
        if made.len().saturating_add(count) > FILE_FEATURES {
            return operator.unknown("it has too many categories");
        }
        made.extend((0..count).map(each));
    }
    Ok(made)
}

/// `ArrayFeatureExtractor`: some of the numbers.
pub fn extract(operator: &Operator<'_>, lanes: &[Lane], places: &[f64]) -> Result<Vec<Lane>> {
    let mut made = Vec::with_capacity(places.len());
    for place in places {
        match lanes.get(*place as usize).filter(|_| *place >= 0.0 && place.fract() == 0.0) {
            Some(lane) => made.push(lane.clone()),
            None => return operator.broken(format!("{place} is no place in its input of {}", lanes.len())),
        }
    }
    Ok(made)
}

/// The columns that give these lanes, and of each lane the place of its number among those of the columns.
pub fn columns(lanes: &[Lane], names: &[(String, bool)], missing: bool) -> Result<(Vec<Column>, Vec<usize>)> {
    let mut of_column: Vec<Option<&Lane>> = vec![None; names.len()];
    for lane in lanes {
        match of_column[lane.column] {
            Some(other) if !lane.is_like(other) => {
                let name = words(&names[lane.column].0);
                return Err(unknown(format!("input \"{name}\""), "it is prepared in two ways"));
            }
            _ => of_column[lane.column] = Some(lane),
        }
    }
    let mut made = Vec::with_capacity(names.len());
    let mut starts = Vec::with_capacity(names.len());
    let mut outputs = 0;
    for ((name, text), lane) in names.iter().zip(&of_column) {
        starts.push(outputs);
        let column = match lane {
            Some(lane) => lane.column(name, missing),
            // A text that the model does not look at is any text.
            None if *text => Column {
                categories: Some(Categories { values: BTreeMap::new(), null: Some(0.0), one_hot: None }),
                fill: Some(0.0),
                ..Column::plain(name, 1)
            },
            None => Column { missing, ..Column::plain(name, 1) },
        };
        outputs += column.outputs();
        made.push(column);
    }
    let place = |lane: &Lane| starts[lane.column] + lane.one_hot.map_or(0, |(place, _)| place);
    let places = lanes.iter().map(place).collect();
    Ok((made, places))
}
