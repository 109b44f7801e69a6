//! Trees laid out for the way down: no jump depends on a row's values, and several ways are gone at once.
//!
//! A way down one tree waits at each node for the node's number and for the comparison; a processor that guesses the outcome
//! is wrong every other time. So a node's children lie side by side, the comparison's outcome is added to the place of the
//! left one, and [`LANES`] ways advance together, each waiting while the others are worked on. A leaf is a node whose
//! left child is itself and to which every value goes left: a way that has ended stays where it is.

use bytemuck::{Pod, Zeroable};

use super::forest::{LEAF, Node};
use crate::slab::{Share, Slab};

/// Ways that are gone at once.
pub const LANES: usize = 8;

/// A node: 16 bytes, four of them in a line of the processor's cache.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Step {
    threshold: f64,
    /// The child to the left; the one to the right comes after it.
    left: u32,
    /// The feature that is compared, with [`MISSING_LEFT`].
    feature: u32,
}

/// Set in a node's feature when missing values go to the left.
const MISSING_LEFT: u32 = 1 << 31;

/// The nodes and leaves of all trees, one after the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Descent {
    steps: Slab<Step>,
    /// Of each leaf, the place of its first value.
    values: Slab<u32>,
    roots: Slab<u32>,
    /// Of each tree, the steps of its longest way.
    depths: Slab<u32>,
}

/// How a value is compared, apart from the number that it is compared with.
pub trait Goes {
    /// Whether a row goes to the right.
    fn right(value: f64, threshold: f64, missing_left: bool) -> bool;
}

/// To the left when the value is below the threshold; no value is missing.
pub struct Below;
/// To the left when the value is not above the threshold; no value is missing.
pub struct NotAbove;
/// As the other, and a missing value goes where the node sends it.
pub struct OrMissing<T>(T);

impl Goes for Below {
    fn right(value: f64, threshold: f64, _: bool) -> bool {
        value >= threshold
    }
}

impl Goes for NotAbove {
    fn right(value: f64, threshold: f64, _: bool) -> bool {
        value > threshold
    }
}

impl<T: Goes> Goes for OrMissing<T> {
    fn right(value: f64, threshold: f64, missing_left: bool) -> bool {
        // No comparison holds for a NaN. `&` and `|` on purpose: there is nothing to be guessed.
        T::right(value, threshold, missing_left) | (value.is_nan() & !missing_left)
    }
}

impl Descent {
    /// Lay out trees whose children come after their parents. None when two ways meet in one node: laid out, such trees
    /// could be larger than any memory.
    pub fn new(nodes: &[Node], roots: &[u32]) -> Option<Descent> {
        let mut descent = Descent::default();
        let mut seen = vec![false; nodes.len()];
        for root in roots {
            descent.add(nodes, *root, &mut seen)?;
        }
        Some(descent)
    }

    /// Add one tree, level by level.
    fn add(&mut self, nodes: &[Node], root: u32, seen: &mut [bool]) -> Option<()> {
        let start = self.steps.len();
        // The nodes in the order of their new places, each with the steps that lead to it.
        let mut order = vec![(root, 0u32)];
        let mut depth = 0;
        while let Some((old, level)) = order.get(self.steps.len() - start).copied() {
            let node = nodes.get(old as usize)?;
            if std::mem::replace(&mut seen[old as usize], true) {
                return None;
            }
            depth = depth.max(level);
            let place = u32::try_from(self.steps.len()).ok()?;
            if node.feature == LEAF {
                self.steps.push(Step { threshold: f64::INFINITY, left: place, feature: MISSING_LEFT });
                self.values.push(node.left);
            } else {
                let left = u32::try_from(start + order.len()).ok()?;
                if node.feature & MISSING_LEFT != 0 {
                    return None;
                }
                let feature = node.feature | if node.missing_left.is_set() { MISSING_LEFT } else { 0 };
                self.steps.push(Step { threshold: node.threshold, left, feature });
                self.values.push(0);
                order.extend([(node.left, level + 1), (node.right, level + 1)]);
            }
        }
        self.roots.push(u32::try_from(start).ok()?);
        self.depths.push(depth);
        Some(())
    }

    pub(super) fn arrays(&mut self, visit: &mut dyn FnMut(&mut dyn Share)) {
        let Descent { steps, values, roots, depths } = self;
        visit(steps);
        [values, roots, depths].into_iter().for_each(|array| visit(array));
    }

    /// Add to `leaves`, tree by tree, where the values begin of the leaf in which the row ends.
    pub fn of_row<G: Goes>(&self, row: &[f64], leaves: &mut Vec<u32>) {
        for (roots, depths) in self.roots.chunks(LANES).zip(self.depths.chunks(LANES)) {
            let mut at = [roots[0]; LANES];
            at[..roots.len()].copy_from_slice(roots);
            let depth = depths.iter().copied().max().unwrap_or(0);
            self.go::<G>(&mut at, &[row; LANES], depth);
            leaves.extend(at[..roots.len()].iter().map(|leaf| self.values[*leaf as usize]));
        }
    }

    /// Take that many steps on each way.
    fn go<G: Goes>(&self, at: &mut [u32; LANES], rows: &[&[f64]; LANES], depth: u32) {
        // A row that ends early waits for the others, but not through all that is left of a deep tree.
        const UNASKED: u32 = 4;
        let mut left = depth;
        while left > 0 {
            let before = *at;
            for _ in 0..left.min(UNASKED) {
                for (at, row) in at.iter_mut().zip(rows) {
                    // INVARIANT: `add` made every place, and `Forest::new` saw to it that every feature is in a row.
                    let step = &self.steps[*at as usize];
                    let value = row[(step.feature & !MISSING_LEFT) as usize];
                    let right = G::right(value, step.threshold, step.feature & MISSING_LEFT != 0);
                    *at = step.left + u32::from(right);
                }
            }
            if before == *at {
                break;
            }
            left = left.saturating_sub(UNASKED);
        }
    }
}

#[cfg(test)]
mod tests;
