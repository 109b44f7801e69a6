//! Hyperparameters by scikit-learn's names: each has a default, a meaning, and a message when it is not what it must be.
//!
//! An algorithm asks for every hyperparameter that it knows; what is left over at the end is an error. So the list of
//! known names in the message is the list of those that were asked for, and can't go stale.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// The hyperparameters of one fit.
pub struct Params {
    what: String,
    given: Map<String, Value>,
    known: Vec<&'static str>,
    /// Names that the caller gave as other ones.
    renamed: Vec<&'static str>,
    /// What is used, by name: the caller's and the defaults that decide the result.
    used: Map<String, Value>,
}

impl Params {
    pub fn new(algorithm: &str, given: &Map<String, Value>) -> Params {
        Params::named(format!("hyperparameter of {algorithm} in the rust runtime:"), given)
    }

    /// Settings of another kind, whose messages begin with `what`.
    pub fn named(what: String, given: &Map<String, Value>) -> Params {
        Params { what, given: given.clone(), known: Vec::new(), renamed: Vec::new(), used: given.clone() }
    }

    /// The caller's hyperparameters, with the seed that was used.
    pub fn finish(self) -> Result<Map<String, Value>> {
        let unknown = self.given.keys().find(|name| !self.known.contains(&name.as_str()));
        if let Some(name) = unknown {
            let mut known: Vec<String> = self.known.iter().map(|name| (*name).to_string()).collect();
            known.sort();
            return Err(Error::Unknown { what: self.what, name: name.clone(), known });
        }
        Ok(self.used)
    }

    /// Take `other` for `name`; it is an error to give both.
    pub fn rename(&mut self, other: &'static str, name: &'static str) -> Result<()> {
        if !self.known.contains(&other) {
            self.known.push(other);
        }
        let Some(value) = self.given.get(other).cloned() else { return Ok(()) };
        if self.given.contains_key(name) {
            return self.wrong(name, &format!("given once: \"{other}\" is another name of it"));
        }
        self.given.insert(name.to_string(), value);
        self.renamed.push(name);
        Ok(())
    }

    fn get(&mut self, name: &'static str) -> Option<&Value> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        self.given.get(name)
    }

    fn wrong<T>(&self, name: &str, wanted: &str) -> Result<T> {
        let found = self.given.get(name).map(Value::to_string).unwrap_or_default();
        let (what, name, wanted) = (self.what.clone(), name.to_string(), wanted.to_string());
        Err(Error::Value { what, name, wanted, found })
    }

    /// A finite number for which `fits` holds; `wanted` describes those.
    pub fn number(&mut self, name: &'static str, default: f64, wanted: &str, fits: fn(f64) -> bool) -> Result<f64> {
        match self.get(name).map(Value::as_f64) {
            None => Ok(default),
            Some(Some(value)) if value.is_finite() && fits(value) => Ok(value),
            Some(_) => self.wrong(name, wanted),
        }
    }

    /// A number that is above zero.
    pub fn positive(&mut self, name: &'static str, default: f64) -> Result<f64> {
        self.number(name, default, "a number above 0", |value| value > 0.0)
    }

    /// A number that is zero or above.
    pub fn not_negative(&mut self, name: &'static str, default: f64) -> Result<f64> {
        self.number(name, default, "a number of 0 or more", |value| value >= 0.0)
    }

    /// A whole number of at least `least`.
    pub fn count(&mut self, name: &'static str, default: usize, least: usize) -> Result<usize> {
        match self.get(name).map(Value::as_u64) {
            None => Ok(default),
            Some(Some(value)) if value >= least as u64 && value <= u64::from(u32::MAX) => Ok(value as usize),
            Some(_) => self.wrong(name, &format!("a whole number of {least} or more")),
        }
    }

    /// A whole number of at least `least`, or null.
    pub fn optional_count(&mut self, name: &'static str, least: usize) -> Result<Option<usize>> {
        match self.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.count(name, 0, least).map(Some),
        }
    }

    /// A number of steps; null and -1 are no limit.
    pub fn steps(&mut self, name: &'static str, default: Option<usize>) -> Result<Option<usize>> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Null) => Ok(None),
            Some(value) if value.as_i64() == Some(-1) => Ok(None),
            Some(_) => self.count(name, 0, 1).map(Some),
        }
    }

    /// A number of steps as libraries count them, where 0 is no limit; null is the default.
    pub fn steps_or_zero(&mut self, name: &'static str, default: usize) -> Result<usize> {
        Ok(self.optional_count(name, 0)?.unwrap_or(default))
    }

    pub fn flag(&mut self, name: &'static str, default: bool) -> Result<bool> {
        match self.get(name).map(Value::as_bool) {
            None => Ok(default),
            Some(Some(value)) => Ok(value),
            Some(None) => self.wrong(name, "true or false"),
        }
    }

    /// One of some words, the first of which is the default.
    pub fn word(&mut self, name: &'static str, words: &[&'static str]) -> Result<&'static str> {
        match self.get(name).map(|value| value.as_str()) {
            None => Ok(words[0]),
            Some(given) => match given.and_then(|given| words.iter().find(|word| **word == given)) {
                Some(word) => Ok(word),
                None => {
                    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                    self.wrong(name, &format!("one of {}", words.join(", ")))
                }
            },
        }
    }

    /// A value whose meaning the caller decides; `parse` gives none for what it can't be.
    pub fn special<T>(
        &mut self,
        name: &'static str,
        default: T,
        wanted: &str,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Result<T> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => match parse(value) {
                Some(value) => Ok(value),
                None => self.wrong(name, wanted),
            },
        }
    }

    /// The seed: 0 unless the caller names another one. It is among the hyperparameters that are recorded.
    pub fn seed(&mut self) -> Result<u64> {
        let seed = self.count("random_state", 0, 0)? as u64;
        if !self.renamed.contains(&"random_state") {
            self.used.insert("random_state".into(), json!(seed));
        }
        Ok(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(given: Value) -> Params {
        Params::new("ridge", given.as_object().expect("an object"))
    }

    #[test]
    fn what_was_not_asked_for_is_unknown_and_the_known_are_listed() {
        let mut given = params(json!({"alpha": 2, "alpa": 1}));
        assert_eq!(given.positive("alpha", 1.0), Ok(2.0));
        assert_eq!(given.flag("fit_intercept", true), Ok(true));
        let error = given.finish().expect_err("alpa");
        assert_eq!(error.to_string(), "unknown hyperparameter of ridge in the rust runtime: \"alpa\"");
        assert_eq!(error.hint().as_deref(), Some("Known are: alpha, fit_intercept."));
    }

    #[test]
    fn a_wrong_value_is_named() {
        let mut given = params(json!({"alpha": -1, "n": 1.5, "kernel": "cubic", "flag": 1}));
        let wrong = |error: Result<()>, text: &str| assert!(error.expect_err("wrong").to_string().ends_with(text));
        wrong(given.positive("alpha", 1.0).map(drop), "\"alpha\" must be a number above 0, not -1");
        wrong(given.count("n", 5, 1).map(drop), "\"n\" must be a whole number of 1 or more, not 1.5");
        wrong(given.word("kernel", &["rbf", "poly"]).map(drop), "must be one of \"rbf\", \"poly\", not \"cubic\"");
        wrong(given.flag("flag", true).map(drop), "must be true or false, not 1");
    }

    #[test]
    fn the_seed_is_recorded() {
        let mut given = params(json!({}));
        assert_eq!(given.seed(), Ok(0));
        assert_eq!(given.finish().expect("known"), *json!({"random_state": 0}).as_object().expect("an object"));
    }
}
