//! What the classes of a label are called, and in which order they stand.
//!
//! A model learns numbers. The classes of a numeric or boolean label are those numbers; those of every other label, and of integers that
//! a double can't tell apart, are places in a sorted list that is kept with the model.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::columns::Column;
use crate::time::{EPOCH_DAYS, iso_date};
use crate::{Error, Result};

/// The largest whole number up to which a double has each.
const EXACT: u64 = 1 << 53;

/// The classes of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Classes {
    /// 0 is false and 1 is true.
    Boolean,
    /// The numbers are the classes.
    Numbers {
        /// Whether `real` holds each of them.
        real: bool,
    },
    /// A number is the place of a class in this list.
    Texts { type_name: String, texts: Vec<String> },
}

impl Classes {
    /// Those of a label whose values are the numbers themselves.
    pub fn of_numbers(boolean: bool, values: impl Iterator<Item = f64>) -> Classes {
        if boolean {
            return Classes::Boolean;
        }
        let mut values = values;
        Classes::Numbers { real: values.all(|value| f64::from(value as f32) == value) }
    }

    /// What a number that the model gives is called.
    pub fn name(&self, value: f64) -> Cow<'_, str> {
        match self {
            Classes::Boolean => Cow::Borrowed(if value == 0.0 { "false" } else { "true" }),
            Classes::Numbers { .. } => Cow::Owned(number(value)),
            Classes::Texts { texts, .. } => match texts.get(value as usize) {
                Some(text) if value >= 0.0 => Cow::Borrowed(text),
                _ => Cow::Owned(number(value)),
            },
        }
    }

    /// The number of a class by its name, as JSON's keys give it; none for what can't be one.
    pub fn value(&self, name: &str) -> Option<f64> {
        match self {
            Classes::Boolean => match name {
                "true" | "t" | "1" => Some(1.0),
                "false" | "f" | "0" => Some(0.0),
                _ => None,
            },
            Classes::Numbers { .. } => name.parse().ok(),
            Classes::Texts { texts, .. } => texts.iter().position(|text| text == name).map(|place| place as f64),
        }
    }

    /// Why a number would say nothing about the class: what the label is instead.
    pub fn not_a_number(&self) -> Option<&str> {
        match self {
            Classes::Boolean | Classes::Numbers { real: true } => None,
            Classes::Numbers { real: false } => Some("numbers that real doesn't hold"),
            Classes::Texts { type_name, .. } => Some(type_name),
        }
    }

    /// Whether a model's numbers are places in a list.
    pub fn is_list(&self) -> bool {
        matches!(self, Classes::Texts { .. })
    }
}

/// A class that is a number, as text.
pub fn number(value: f64) -> String {
    // Zero has no sign.
    (value + 0.0).to_string()
}

/// What the query gives of a label whose values are looked at one by one.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    Text(&'a str),
    Whole(i64),
}

/// How the values of a label are sorted and called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Enum,
    Numeric,
    Integer,
    Date,
}

/// Collects the values of one label.
#[derive(Debug, Clone)]
pub struct Collector {
    column: Column,
    kind: Kind,
    texts: HashMap<String, usize>,
    wholes: HashMap<i64, usize>,
}

impl Collector {
    /// For a column whose values need a list, or may; none for one whose values are numbers.
    pub fn new(column: &Column) -> Option<Collector> {
        let kind = match column.element.as_str() {
            "text" | "uuid" => Kind::Text,
            "enum" => Kind::Enum,
            "numeric" => Kind::Numeric,
            "int8" => Kind::Integer,
            "date" => Kind::Date,
            _ => return None,
        };
        let (texts, wholes) = (HashMap::new(), HashMap::new());
        Some(Collector { column: column.clone(), kind, texts, wholes })
    }

    /// Whether the values are texts of numbers.
    pub fn is_numeric(&self) -> bool {
        self.kind == Kind::Numeric
    }

    /// The number that stands for a value until [`Collector::finish`].
    pub fn code(&mut self, value: Value<'_>) -> f64 {
        let next = self.texts.len() + self.wholes.len();
        let code = match value {
            Value::Text(text) => {
                // 1.0 and 1.00 are one number.
                let text = if self.kind == Kind::Numeric { trimmed(text) } else { text };
                match self.texts.get(text) {
                    Some(code) => *code,
                    None => *self.texts.entry(text.to_string()).or_insert(next),
                }
            }
            Value::Whole(whole) => *self.wholes.entry(whole).or_insert(next),
        };
        code as f64
    }

    /// The classes, and what each code becomes.
    pub fn finish(self) -> Result<(Classes, Vec<f64>)> {
        let Collector { column, kind, texts, wholes } = self;
        let mut texts: Vec<(String, usize)> = texts.into_iter().collect();
        let mut wholes: Vec<(i64, usize)> = wholes.into_iter().collect();
        wholes.sort_unstable();
        match kind {
            Kind::Text => texts.sort_unstable(),
            Kind::Enum => {
                let place = |text: &String| column.values.iter().position(|value| value == text);
                texts.sort_by_key(|(text, _)| place(text));
            }
            Kind::Numeric => {
                let whole = |text: &str| text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
                if texts.iter().any(|(text, _)| !whole(text)) {
                    return Err(Error::ContinuousClasses { column: column.name });
                }
                texts.sort_by(|a, b| by_size(&a.0, &b.0));
            }
            Kind::Integer | Kind::Date => {}
        }
        let small = match kind {
            Kind::Numeric => texts.iter().all(|(text, _)| text.parse::<i64>().is_ok_and(is_exact)),
            Kind::Integer => wholes.iter().all(|(whole, _)| is_exact(*whole)),
            Kind::Text | Kind::Enum | Kind::Date => false,
        };
        if small {
            let numbers = texts.iter().map(|(text, code)| (text.parse().unwrap_or(f64::NAN), *code));
            let numbers: Vec<(f64, usize)> =
                numbers.chain(wholes.iter().map(|(whole, code)| (*whole as f64, *code))).collect();
            let classes = Classes::of_numbers(false, numbers.iter().map(|(number, _)| *number));
            return Ok((classes, by_code(numbers.into_iter())));
        }
        let called = |whole: i64| if kind == Kind::Date { date(whole) } else { whole.to_string() };
        let all = texts.into_iter().chain(wholes.into_iter().map(|(whole, code)| (called(whole), code)));
        let (texts, codes): (Vec<String>, Vec<usize>) = all.unzip();
        let places = by_code(codes.into_iter().enumerate().map(|(place, code)| (place as f64, code)));
        Ok((Classes::Texts { type_name: column.type_name, texts }, places))
    }
}

fn is_exact(whole: i64) -> bool {
    whole.unsigned_abs() <= EXACT
}

/// The numbers in the order of the codes, which are 0, 1, …, once each.
fn by_code(numbers: impl Iterator<Item = (f64, usize)>) -> Vec<f64> {
    let mut numbers: Vec<(f64, usize)> = numbers.collect();
    numbers.sort_by_key(|(_, code)| *code);
    numbers.into_iter().map(|(number, _)| number).collect()
}

/// A date as Postgres stores it, in days since 2000; the first and the last of all are its infinities.
fn date(days: i64) -> String {
    match days {
        _ if days == i64::from(i32::MAX) => "infinity".to_string(),
        _ if days == i64::from(i32::MIN) => "-infinity".to_string(),
        _ => iso_date(days + EPOCH_DAYS),
    }
}

/// A numeric without the zeros behind its point.
fn trimmed(text: &str) -> &str {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.')
}

/// Whole numbers of any length.
fn by_size(a: &str, b: &str) -> std::cmp::Ordering {
    let key = |text: &'_ str| (text.len(), text.to_string());
    match (a.strip_prefix('-'), b.strip_prefix('-')) {
        (None, None) => key(a).cmp(&key(b)),
        (Some(a), Some(b)) => key(b).cmp(&key(a)),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(element: &str, values: &[&str]) -> Column {
        Column {
            name: "y".into(),
            type_name: element.into(),
            element: element.into(),
            array: false,
            nullable: true,
            values: values.iter().map(|value| value.to_string()).collect(),
        }
    }

    fn texts(element: &str, order: &[&str], values: &[&str]) -> (Classes, Vec<f64>) {
        let mut collector = Collector::new(&column(element, order)).expect("a list");
        let codes: Vec<f64> = values.iter().map(|value| collector.code(Value::Text(value))).collect();
        let (classes, places) = collector.finish().expect("classes");
        (classes, codes.iter().map(|code| places[*code as usize]).collect())
    }

    fn listed(classes: &Classes) -> Vec<String> {
        match classes {
            Classes::Texts { texts, .. } => texts.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn texts_are_sorted_by_their_bytes_and_enums_by_their_own_order() {
        let (classes, places) = texts("text", &[], &["no", "Yes", "no", "maybe"]);
        assert_eq!(listed(&classes), ["Yes", "maybe", "no"]);
        assert_eq!(places, [2.0, 0.0, 2.0, 1.0]);
        assert_eq!((classes.name(1.0).as_ref(), classes.value("no"), classes.value("NO")), ("maybe", Some(2.0), None));
        assert_eq!(classes.not_a_number(), Some("text"));
        let (classes, places) = texts("enum", &["sad", "ok", "happy"], &["happy", "sad", "ok"]);
        assert_eq!(listed(&classes), ["sad", "ok", "happy"]);
        assert_eq!(places, [2.0, 0.0, 1.0]);
    }

    fn wholes(element: &str, values: &[i64]) -> (Classes, Vec<f64>) {
        let mut collector = Collector::new(&column(element, &[])).expect("a list");
        let codes: Vec<f64> = values.iter().map(|value| collector.code(Value::Whole(*value))).collect();
        let (classes, places) = collector.finish().expect("classes");
        (classes, codes.iter().map(|code| places[*code as usize]).collect())
    }

    #[test]
    fn integers_that_a_double_confuses_stay_apart() {
        let (classes, places) = wholes("int8", &[9_007_199_254_740_993, 9_007_199_254_740_992, -5]);
        assert_eq!(listed(&classes), ["-5", "9007199254740992", "9007199254740993"]);
        assert_eq!(places, [2.0, 1.0, 0.0]);
        let (classes, places) = wholes("int8", &[7, -5, 16_777_217]);
        assert_eq!(classes, Classes::Numbers { real: false });
        assert_eq!(places, [7.0, -5.0, 16_777_217.0]);
        assert_eq!(wholes("int8", &[7, -5]).0, Classes::Numbers { real: true });
    }

    #[test]
    fn numerics_are_numbers_of_any_length() {
        let (classes, places) = texts("numeric", &[], &["1.0", "1", "-2"]);
        assert_eq!((classes, places), (Classes::Numbers { real: true }, vec![1.0, 1.0, -2.0]));
        let (classes, _) = texts("numeric", &[], &["100000000000000000000", "99999999999999999999", "-3"]);
        assert_eq!(listed(&classes), ["-3", "99999999999999999999", "100000000000000000000"]);
        let mut collector = Collector::new(&column("numeric", &[])).expect("a list");
        collector.code(Value::Text("0.5"));
        assert!(matches!(collector.finish(), Err(Error::ContinuousClasses { .. })));
    }

    #[test]
    fn dates_are_called_as_every_setting_reads_them() {
        let (classes, places) = wholes("date", &[i64::from(i32::MAX), 0, -1]);
        assert_eq!(listed(&classes), ["1999-12-31", "2000-01-01", "infinity"]);
        assert_eq!(places, [2.0, 1.0, 0.0]);
    }

    #[test]
    fn booleans_are_called_by_all_their_names() {
        let classes = Classes::of_numbers(true, [].into_iter());
        assert_eq!((classes.name(0.0), classes.name(1.0)), ("false".into(), "true".into()));
        assert_eq!((classes.value("t"), classes.value("0"), classes.value("yes")), (Some(1.0), Some(0.0), None));
    }
}
