//! The arrays of a model in a file that several sessions map.
//!
//! The file has the arrays one after the other and nothing that says what they are: a session reads the model as always, and then
//! knows their lengths. It uses an array of the file only where it has the same bytes as its own ([`Share::adopt`]).

use std::io::{self, Write};
use std::sync::Arc;

use super::forest::Combine;
use super::{Forest, Model, Part, Scores};
use crate::slab::{ALIGNED, Mapping, Share};

/// Counts the changes of what [`Model::arrays`] gives, so that two releases don't take each other's files for damaged ones.
const LAYOUT: u32 = 1;

/// Where the arrays of a model lie in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// What tells the file from those of other models: hexadecimal digits.
    pub name: String,
    /// The length of the file.
    pub bytes: usize,
}

impl Model {
    /// All large arrays, always in the same order.
    fn arrays(&mut self, visit: &mut dyn FnMut(&mut dyn Share)) {
        for part in &mut self.parts {
            match &mut part.scores {
                Scores::Linear(linear) => visit(&mut linear.weights),
                Scores::Machine(machine) => {
                    visit(&mut machine.points);
                    visit(&mut machine.weights);
                }
                Scores::Forest(forest) => forest.arrays(visit),
                Scores::Neighbours(neighbours) => {
                    visit(&mut neighbours.points);
                    visit(&mut neighbours.values);
                }
            }
        }
    }

    /// The layout of the model's file. `seal` is what stands for the bytes that the model was read from.
    pub fn layout(&mut self, seal: &[u8]) -> Layout {
        let mut name = blake3::Hasher::new();
        name.update(&LAYOUT.to_le_bytes());
        name.update(env!("CARGO_PKG_VERSION").as_bytes());
        name.update(seal);
        let mut bytes = 0;
        self.arrays(&mut |array| {
            let length = array.bytes().len();
            name.update(&(length as u64).to_le_bytes());
            bytes = end_of(bytes, length);
        });
        const DIGITS: usize = 32;
        Layout { name: name.finalize().to_hex()[..DIGITS].to_string(), bytes }
    }

    /// Write the model's file.
    pub fn write_arrays(&mut self, to: &mut dyn Write) -> io::Result<()> {
        let mut done = Ok(());
        self.arrays(&mut |array| {
            if done.is_ok() {
                let bytes = array.bytes();
                let gap = end_of(0, bytes.len()) - bytes.len();
                done = to.write_all(bytes).and_then(|()| to.write_all(&[0; ALIGNED][..gap]));
            }
        });
        done
    }

    /// Use the arrays of a file instead of the own ones; false where it has other bytes: then all arrays are the model's own.
    pub fn adopt(&mut self, mapping: &Arc<Mapping>) -> bool {
        let (mut place, mut are_equal) = (0, true);
        self.arrays(&mut |array| {
            let length = array.bytes().len();
            are_equal = are_equal && array.adopt(mapping, place);
            place = end_of(place, length);
        });
        let is_whole = are_equal && place == mapping.bytes().len();
        if !is_whole {
            self.arrays(&mut |array| array.leave());
        }
        is_whole
    }

    /// About the bytes of what [`Model::adopt`] leaves a model for itself.
    pub fn unshared_bytes(&self) -> usize {
        let own = |part: &Part| match &part.scores {
            Scores::Forest(forest) => forest.unshared_bytes(),
            Scores::Linear(_) | Scores::Machine(_) | Scores::Neighbours(_) => 0,
        };
        size_of_val(&self.parts[..]) + self.parts.iter().map(own).sum::<usize>()
    }
}

/// Where the next array begins.
fn end_of(place: usize, length: usize) -> usize {
    (place + length).next_multiple_of(ALIGNED)
}

impl Forest {
    fn unshared_bytes(&self) -> usize {
        let combine = match &self.combine {
            Combine::Sum { init, .. } => size_of_val(&init[..]),
            Combine::Median { weights } => size_of_val(&weights[..]),
        };
        combine + self.evaluation.unshared_bytes()
    }

    fn arrays(&mut self, visit: &mut dyn FnMut(&mut dyn Share)) {
        let Forest { nodes, roots, targets, values, places, covers, sets, evaluation, .. } = self;
        visit(nodes);
        visit(roots);
        visit(values);
        targets.iter_mut().for_each(|targets| visit(targets));
        covers.iter_mut().for_each(|covers| visit(covers));
        if let Some(places) = places {
            visit(&mut places.starts);
            visit(&mut places.scores);
        }
        if let Some(sets) = sets {
            visit(&mut sets.of_nodes);
            visit(&mut sets.starts);
            visit(&mut sets.members);
        }
        evaluation.arrays(visit);
    }
}

#[cfg(test)]
pub(super) mod tests;
