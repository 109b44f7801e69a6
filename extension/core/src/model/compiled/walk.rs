//! Down a tree node by node, several ways at once.
//!
//! A way waits at each node for the node's number and for the comparison, and a processor that guesses the outcome is wrong
//! every other time. So a node's children lie side by side, the outcome is added to the place of the left one, and [`LANES`] ways
//! advance together. A leaf is a node whose left child is itself, and whose threshold nobody passes: a way that has ended stays.

use bytemuck::{Pod, Zeroable};

use super::super::forest::Node;
use super::columns::Columns;
use super::{BLOCK, Shape};
use crate::slab::{Share, Slab};

/// Ways that are gone at once.
const LANES: usize = 8;

/// Steps after which it is asked whether all ways have ended.
const UNASKED: u32 = 4;

/// A node in 8 bytes: the column (16 bits), the child to the left (24), the thresholds that have to be passed (24).
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(transparent)]
struct Step(u64);

const COLUMN: u32 = 16;
const PLACE: u32 = 24;

impl Step {
    fn new(column: u16, left: u32, passed: u32) -> Option<Step> {
        let fits = left >> PLACE == 0 && passed >> PLACE == 0;
        fits.then_some(Step(u64::from(column) | u64::from(left) << COLUMN | u64::from(passed) << (COLUMN + PLACE)))
    }

    fn column(self) -> usize {
        (self.0 & ((1 << COLUMN) - 1)) as usize
    }

    fn left(self) -> u32 {
        (self.0 >> COLUMN) as u32 & ((1 << PLACE) - 1)
    }

    fn passed(self) -> u32 {
        (self.0 >> (COLUMN + PLACE)) as u32
    }
}

/// The nodes and leaves of all trees, tree by tree.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Walk {
    steps: Slab<Step>,
    /// Of each leaf, its number among the leaves of all trees.
    leaves: Slab<u32>,
    trees: Slab<Tree>,
}

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Tree {
    start: u32,
    depth: u32,
}

impl Walk {
    /// Instructions for a row in a tree, about.
    pub fn cost(shape: &Shape) -> f64 {
        const STEP: f64 = 8.0;
        f64::from(shape.depth) * STEP
    }

    /// Add a tree whose leaves are counted from `first`; none when it is too large.
    pub fn add(&mut self, nodes: &[Node], shape: &Shape, columns: &Columns, first: u32) -> Option<()> {
        let start = u32::try_from(self.steps.len()).ok()?;
        for (place, placed) in (0u32..).zip(&shape.nodes) {
            let step = match placed.left {
                Some(left) => {
                    let question = columns.question(&nodes[placed.old as usize])?;
                    Step::new(question.column, left, question.passed)?
                }
                // A column has fewer thresholds than this.
                None => Step::new(0, place, (1 << PLACE) - 1)?,
            };
            self.steps.push(step);
            self.leaves.push(first.checked_add(placed.first)?);
        }
        self.trees.push(Tree { start, depth: shape.depth });
        Some(())
    }

    pub fn arrays(&mut self, visit: &mut dyn FnMut(&mut dyn Share)) {
        let Walk { steps, leaves, trees } = self;
        visit(steps);
        visit(leaves);
        visit(trees);
    }

    /// Bytes that going down a tree reads.
    pub fn bytes(&self, tree: usize) -> usize {
        let end = self.trees.get(tree + 1).map_or(self.steps.len(), |next| next.start as usize);
        (end - self.trees[tree].start as usize) * (size_of::<Step>() + size_of::<u32>())
    }

    /// Tell `take` the leaf of each of some trees for one row, by what it has passed in each column.
    pub fn of_row(&self, trees: std::ops::Range<usize>, passed: &[u32], take: &mut impl FnMut(usize)) {
        for trees in self.trees[trees].chunks(LANES) {
            let mut starts = [trees[0].start; LANES];
            starts.iter_mut().zip(trees).for_each(|(start, tree)| *start = tree.start);
            let depth = trees.iter().map(|tree| tree.depth).max().unwrap_or(0);
            let mut at = [0; LANES];
            self.go(&mut at, depth, |lane| (starts[lane], passed));
            for (at, tree) in at.iter().zip(trees) {
                take(self.leaves[(tree.start + at) as usize] as usize);
            }
        }
    }

    /// The leaves of a [`BLOCK`] of rows in one tree.
    pub fn of_block(&self, tree: usize, passed: &[u32], columns: usize) -> [u32; BLOCK] {
        let Tree { start, depth } = self.trees[tree];
        let mut leaves = [0; BLOCK];
        for (lanes, leaves) in leaves.chunks_exact_mut(LANES).enumerate() {
            let mut at = [0; LANES];
            self.go(&mut at, depth, |lane| (start, &passed[(lanes * LANES + lane) * columns..][..columns]));
            for (leaf, at) in leaves.iter_mut().zip(&at) {
                *leaf = self.leaves[(start + at) as usize];
            }
        }
        leaves
    }

    /// Go down on each way; `way` gives where its tree begins and what its row has passed.
    #[inline(always)]
    fn go<'a>(&self, at: &mut [u32; LANES], depth: u32, way: impl Fn(usize) -> (u32, &'a [u32])) {
        let ways: [(u32, &[u32]); LANES] = std::array::from_fn(way);
        let mut left = depth;
        while left > 0 {
            let before = *at;
            for _ in 0..left.min(UNASKED) {
                for (at, (start, passed)) in at.iter_mut().zip(&ways) {
                    // SAFETY: `add` took each child's place from a tree that has it, and each column from `Columns`, whose number
                    // `passed` has.
                    unsafe {
                        let step = *self.steps.get_unchecked((start + *at) as usize);
                        let passed = *passed.get_unchecked(step.column());
                        *at = step.left() + u32::from(passed > step.passed());
                    }
                }
            }
            if before == *at {
                break;
            }
            left = left.saturating_sub(UNASKED);
        }
    }
}
