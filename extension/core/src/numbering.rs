//! The classes of rows in the numbers of a model that was trained on others.
//!
//! A text is a place in the list of the rows that it was read with. What a model calls class 2 may be class 1 of these rows, and
//! these rows may have classes that the model never saw.

use std::collections::HashMap;

use crate::labels::{self, Classes};

/// Puts classes of one list into the numbers of another.
pub struct Numbering<'a> {
    own: &'a Classes,
    model: &'a Classes,
    /// Of the model's texts, and of those that it lacks behind them, their places.
    places: HashMap<String, usize>,
    /// The texts that the model lacks.
    more: Vec<String>,
    /// What became of the numbers that were asked for.
    known: HashMap<u64, f64>,
}

impl<'a> Numbering<'a> {
    /// From the classes of rows to those of a model.
    pub fn new(model: &'a Classes, own: &'a Classes) -> Numbering<'a> {
        let texts = if let Classes::Texts { texts, .. } = model { &texts[..] } else { &[] };
        let places = texts.iter().enumerate().map(|(place, text)| (text.clone(), place)).collect();
        Numbering { own, model, places, more: Vec::new(), known: HashMap::new() }
    }

    /// The model's number for a class of the rows, or a new one for a class that it lacks; none where a model whose classes are
    /// numbers can't have such a class.
    pub fn number(&mut self, own: f64) -> Option<f64> {
        if let Some(number) = self.known.get(&own.to_bits()) {
            return Some(*number);
        }
        let number = match self.model {
            Classes::Texts { .. } => {
                let name = self.own.name(own).into_owned();
                let next = self.places.len();
                let more = &mut self.more;
                let place = self.places.entry(name).or_insert_with_key(|name| {
                    more.push(name.clone());
                    next
                });
                *place as f64
            }
            Classes::Boolean | Classes::Numbers { .. } if !self.own.is_list() => own,
            Classes::Boolean | Classes::Numbers { .. } => {
                // A whole number that a double does not hold would be another class.
                let name = self.own.name(own);
                let number = self.model.value(&name).or_else(|| name.parse().ok())?;
                let exact = matches!(self.model, Classes::Boolean) || labels::number(number) == name;
                (exact && number.is_finite()).then_some(number)?
            }
        };
        self.known.insert(own.to_bits(), number);
        Some(number)
    }

    /// What a class of the rows is called.
    pub fn called(&self, own: f64) -> String {
        self.own.name(own).into_owned()
    }

    /// What the model's classes are.
    pub fn expected(&self) -> &'static str {
        match self.model {
            Classes::Boolean => "true and false",
            Classes::Numbers { .. } => "numbers",
            Classes::Texts { .. } => "texts",
        }
    }

    /// The model's classes with those that it lacks.
    pub fn finish(self) -> Classes {
        match self.model {
            Classes::Texts { type_name, texts } => {
                Classes::Texts { type_name: type_name.clone(), texts: texts.iter().cloned().chain(self.more).collect() }
            }
            Classes::Boolean if self.known.values().any(|number| *number != 0.0 && *number != 1.0) => {
                Classes::Numbers { real: true }
            }
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Classes {
        Classes::Texts { type_name: "text".into(), texts: texts.iter().map(|text| text.to_string()).collect() }
    }

    #[test]
    fn texts_get_the_model_s_numbers_and_new_ones_stand_behind() {
        let (model, own) = (texts(&["a", "c", "d"]), texts(&["b", "c", "d"]));
        let mut numbering = Numbering::new(&model, &own);
        let numbers: Vec<_> = [0.0, 1.0, 2.0, 0.0].map(|own| numbering.number(own)).into();
        assert_eq!(numbers, [Some(3.0), Some(1.0), Some(2.0), Some(3.0)]);
        assert_eq!(numbering.finish(), texts(&["a", "c", "d", "b"]));
    }

    #[test]
    fn numbers_stay_and_texts_of_numbers_become_them() {
        let model = Classes::Numbers { real: true };
        let own = texts(&["7", "seven", "9007199254740993", "inf"]);
        let mut numbering = Numbering::new(&model, &own);
        let numbers: Vec<_> = [0.0, 1.0, 2.0, 3.0].map(|own| numbering.number(own)).into();
        assert_eq!(numbers, [Some(7.0), None, None, None]);
        assert_eq!((numbering.called(1.0).as_str(), numbering.expected()), ("seven", "numbers"));
        let own = Classes::Numbers { real: true };
        assert_eq!(Numbering::new(&model, &own).number(-3.0), Some(-3.0));
        assert_eq!(Numbering::new(&texts(&["3"]), &own).number(3.0), Some(0.0));
    }

    #[test]
    fn true_and_false_have_more_than_one_name() {
        let own = texts(&["f", "t", "x"]);
        let mut numbering = Numbering::new(&Classes::Boolean, &own);
        let numbers: Vec<_> = [0.0, 1.0, 2.0].map(|own| numbering.number(own)).into();
        assert_eq!(numbers, [Some(0.0), Some(1.0), None]);
        assert_eq!(numbering.finish(), Classes::Boolean);
    }
}
