//! Names as numbers: a runtime has a quarter of a million symbols, and most are looked up by name.

use std::collections::HashMap;
use std::sync::Arc;

/// A name, as a number that stands for it in one [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(u32);

impl Name {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The names of one process.
#[derive(Debug, Clone, Default)]
pub struct Names {
    numbers: HashMap<Arc<str>, Name>,
    texts: Vec<Arc<str>>,
}

impl Names {
    /// The number of a text.
    pub fn put(&mut self, text: &str) -> Name {
        match self.numbers.get(text) {
            Some(name) => *name,
            None => self.share(&text.into()),
        }
    }

    /// The number of a text of another process's, which both then share.
    fn share(&mut self, text: &Arc<str>) -> Name {
        if let Some(name) = self.numbers.get(text) {
            return *name;
        }
        let name = Name(u32::try_from(self.texts.len()).unwrap_or(u32::MAX)); // the readers' budgets are far below
        self.texts.push(Arc::clone(text));
        self.numbers.insert(Arc::clone(text), name);
        name
    }

    /// For each of these names its number among others, in order.
    pub(super) fn translated(&self, to: &mut Self) -> Vec<Name> {
        self.texts.iter().map(|text| to.share(text)).collect()
    }

    /// The number of a text that was put.
    pub fn find(&self, text: &str) -> Option<Name> {
        self.numbers.get(text).copied()
    }

    /// The text of a number.
    pub fn text(&self, name: Name) -> &str {
        self.texts.get(name.index()).map_or("", |text| text)
    }

    /// All texts, each with its name.
    pub fn all(&self) -> impl Iterator<Item = (Name, &str)> {
        (0..).map(Name).zip(self.texts.iter().map(|text| &**text))
    }
}
