//! What the leaves of trees say, by their numbers: each tree's from the left, one tree after the other.

use super::BLOCK;
use crate::slab::{Share, Slab};

/// The leaves of all trees.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Leaves {
    /// Of each tree, the number of its first leaf.
    starts: Slab<usize>,
    /// Of each leaf, where its values begin in the forest, or its number among `Places`.
    pub places: Slab<u32>,
}

impl Leaves {
    /// Begin a tree.
    pub fn start(&mut self) {
        self.starts.push(self.places.len());
    }

    pub fn arrays(&mut self, visit: &mut dyn FnMut(&mut dyn Share)) {
        visit(&mut self.starts);
        visit(&mut self.places);
    }

    /// The number of a tree's first leaf.
    pub fn first(&self, tree: usize) -> usize {
        self.starts[tree]
    }
}

/// Where leaves are added up, for blocks of rows. Each row has `width` scores.
pub struct Adding<'a> {
    pub leaves: &'a Leaves,
    pub width: usize,
    /// The score that each tree adds to, of several.
    pub targets: Option<&'a [u32]>,
    pub sums: Sums<'a>,
}

/// What becomes of the leaves of the rows.
pub enum Sums<'a> {
    /// A value of each leaf is added to one score.
    Double { values: &'a [f64], scores: &'a mut [f64] },
    /// The same in `float32`.
    Single { values: &'a [f32], scores: &'a mut [f32] },
    /// A leaf has values for all scores.
    Rows { values: &'a [f64], scores: &'a mut [f64] },
    /// They are kept, tree by tree, for as many rows as there is room for.
    Kept { rows: usize, places: &'a mut [u32] },
}

impl Adding<'_> {
    /// The leaves of a block's rows in a tree, counted from the tree's first.
    pub fn narrow(&mut self, tree: usize, block: usize, index: &[u8; BLOCK]) {
        let first = self.leaves.first(tree);
        self.add(tree, block, |row| first + usize::from(index[row]));
    }

    /// The same, counted from the first leaf of all.
    pub fn wide(&mut self, tree: usize, block: usize, index: &[u32; BLOCK]) {
        self.add(tree, block, |row| index[row] as usize);
    }

    #[inline(always)]
    fn add(&mut self, tree: usize, block: usize, leaf: impl Fn(usize) -> usize) {
        let width = self.width;
        let own = block * BLOCK * width..(block + 1) * BLOCK * width;
        let target = self.targets.map_or(0, |targets| targets[tree] as usize);
        match &mut self.sums {
            Sums::Double { values, scores } => {
                add_one(&mut scores[own], width, target, values, leaf);
            }
            Sums::Single { values, scores } => {
                add_one(&mut scores[own], width, target, values, leaf);
            }
            Sums::Rows { values, scores } => {
                for (row, scores) in scores[own].chunks_exact_mut(width).enumerate() {
                    let place = self.leaves.places[leaf(row)] as usize;
                    scores.iter_mut().zip(&values[place..place + width]).for_each(|(score, value)| *score += value);
                }
            }
            Sums::Kept { rows, places } => {
                let own = &mut places[tree * *rows + block * BLOCK..][..BLOCK];
                for (row, place) in own.iter_mut().enumerate() {
                    *place = self.leaves.places[leaf(row)];
                }
            }
        }
    }
}

/// Add a value of each row's leaf to one of its `width` scores.
#[inline(always)]
fn add_one<T: Copy + std::ops::AddAssign>(
    scores: &mut [T],
    width: usize,
    target: usize,
    values: &[T],
    leaf: impl Fn(usize) -> usize,
) {
    if width == 1 {
        for (row, score) in scores.iter_mut().enumerate() {
            // SAFETY: the layouts give numbers of leaves only, and each leaf has a value here.
            *score += unsafe { *values.get_unchecked(leaf(row)) };
        }
    } else {
        for (row, scores) in scores.chunks_exact_mut(width).enumerate() {
            // SAFETY: as above.
            scores[target] += unsafe { *values.get_unchecked(leaf(row)) };
        }
    }
}
