//! A tree without going down: nodes cross out leaves, and the first leaf that is left is where a row ends.
//!
//! The leaves are numbered from the left. A row that goes to the right at a node does not end in any leaf on the node's left.
//! Those that all nodes leave over begin with the one in which the row ends, whichever of the nodes are on its way
//! (QuickScorer, Lucchese et al. 2015; with a byte of leaves for many rows at once, RapidScorer, Ye et al. 2018).
//!
//! [`BLOCK`] rows are taken at once, eight leaves at a time: a node that crosses out some of the eight is a [`Crossing`]. There is
//! no jump and no address that depends on a row.

mod kernels;

use bytemuck::{Pod, Zeroable};

use super::super::forest::Node;
use super::columns::Columns;
use super::level::Level;
use super::{BLOCK, Shape};
use crate::slab::{Share, Slab};

/// The leaves of a tree are told by a byte.
const MOST_LEAVES: usize = 256;

/// Leaves that are crossed out together.
const LEAVES: u32 = 8;

/// A node that crosses out some of eight leaves for the rows that pass its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Crossing {
    /// The narrow column that it looks at.
    column: u16,
    passed: i8,
    /// A bit for each leaf that is crossed out.
    leaves: u8,
}

/// The nodes of all trees that are small enough, tree by tree and eight leaves by eight.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bits {
    crossings: Slab<Crossing>,
    /// Where the crossings of each eight leaves end.
    ends: Slab<u32>,
    /// Of each tree, how many crossings and ends come before its own.
    trees: Slab<[u32; 2]>,
}

impl Bits {
    /// Add a tree and return its number; none when it is too large, or when going down it costs less than `walking`.
    pub fn add(&mut self, nodes: &[Node], shape: &Shape, columns: &Columns, walking: f64) -> Option<usize> {
        let leaves = shape.leaves();
        if leaves > MOST_LEAVES {
            return None;
        }
        let number = self.trees.len();
        let eights = leaves.div_ceil(LEAVES as usize);
        let mut crossings: Vec<Vec<Crossing>> = vec![Vec::new(); eights];
        for placed in &shape.nodes {
            let Some(left) = placed.left else {
                continue;
            };
            let (column, passed) = columns.question(&nodes[placed.old as usize])?.narrow?;
            // The leaves on its left: from its own first one to before the first one of its right child.
            let (first, end) = (placed.first, shape.nodes[left as usize + 1].first);
            for eight in first / LEAVES..=(end - 1) / LEAVES {
                // INVARIANT: at most eight bits are set, which is what a byte has.
                let bits = |to: u32| ((1u32 << to.saturating_sub(eight * LEAVES).min(LEAVES)) - 1) as u8;
                let leaves = bits(end) & !bits(first);
                crossings[eight as usize].push(Crossing { column, passed, leaves });
            }
        }
        let count: usize = crossings.iter().map(Vec::len).sum();
        if cost(count, eights) > walking {
            return None;
        }
        self.trees.push([u32::try_from(self.crossings.len()).ok()?, u32::try_from(self.ends.len()).ok()?]);
        let mut end = 0;
        for mut eight in crossings {
            eight.sort_unstable_by_key(|crossing| crossing.column);
            end += u32::try_from(eight.len()).ok()?;
            self.crossings.extend(eight);
            self.ends.push(end);
        }
        Some(number)
    }

    fn tree(&self, number: usize) -> (&[Crossing], &[u32]) {
        let next = [self.crossings.len() as u32, self.ends.len() as u32];
        let (from, to) = (self.trees[number], self.trees.get(number + 1).copied().unwrap_or(next));
        (&self.crossings[from[0] as usize..to[0] as usize], &self.ends[from[1] as usize..to[1] as usize])
    }

    pub fn arrays(&mut self, visit: &mut dyn FnMut(&mut dyn Share)) {
        visit(&mut self.crossings);
        visit(&mut self.ends);
        visit(&mut self.trees);
    }

    /// The bytes that evaluating a tree reads, with its leaves.
    pub fn bytes(&self, number: usize) -> usize {
        let (crossings, ends) = self.tree(number);
        size_of_val(crossings) + ends.len() * LEAVES as usize * size_of::<f64>()
    }

    /// The number of the leaf in which each row ends, by what it has passed in each column: [`BLOCK`] bytes for each.
    pub fn leaves(&self, number: usize, passed: &[i8], level: Level) -> [u8; BLOCK] {
        let (crossings, ends) = self.tree(number);
        kernels::leaves(crossings, ends, passed, level)
    }
}

/// Instructions for a row, about.
fn cost(crossings: usize, eights: usize) -> f64 {
    const CROSSING: f64 = 8.0;
    const EIGHT: f64 = 20.0;
    (crossings as f64 * CROSSING + eights as f64 * EIGHT) / BLOCK as f64
}
