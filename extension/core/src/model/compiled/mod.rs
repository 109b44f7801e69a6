//! Trees laid out for speed: every threshold is replaced by its place among the thresholds of its feature.
//!
//! A row's value is looked up once for each feature, and from then on a node compares two small integers ([`columns`]). That is
//! the same decision, whatever the numbers, so that nothing is rounded. Then
//!
//! - [`bits`] takes [`BLOCK`] rows at once down a tree without going down: each node crosses out the leaves on its left for the
//!   rows that go to the right, with one comparison for many rows, and the first leaf that is left is where a row ends;
//! - [`at_once`] compares all nodes of a small tree at once for one row;
//! - [`walk`] goes node by node, for trees that are too large for that.
//!
//! Every way the leaves of a row are added up in the order of the trees, as the library does it.

mod at_once;
mod bits;
mod columns;
mod leaves;
mod level;
mod walk;

use super::AskPython;
use super::forest::{Compare, Input, LEAF, Node};
use crate::slab::{Share, Slab};
use at_once::{Fan, Heap};
use bits::Bits;
use columns::Columns;
pub use leaves::{Adding, Leaves, Sums};
pub use level::Level;
use walk::Walk;

/// Rows that are taken at once.
pub const BLOCK: usize = 64;

/// The bytes of trees, and those of rows, that are gone through in turns: the cache of one core has room for both.
const CACHED: usize = 1 << 17;

/// Blocks that are taken at once, at most.
const MOST_BLOCKS: usize = 8;

/// The trees of a forest, for single rows and for blocks of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Compiled {
    columns: Columns,
    trees: Vec<Way>,
    bits: Bits,
    walk: Walk,
    /// How single rows are evaluated, tree after tree.
    runs: Runs,
    pub leaves: Leaves,
    /// Which of the columns' forms blocks need.
    needs_narrow: bool,
    needs_wide: bool,
}

/// How a block of rows is evaluated in one tree.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// By its number in [`Bits`].
    Bits(usize),
    /// Node by node.
    Walk,
}

/// So many trees one after the other that single rows are evaluated in by the same way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Run {
    Fans(usize),
    Heaps(usize),
    Walk(usize),
}

/// The trees of all runs.
#[derive(Debug, Clone, PartialEq, Default)]
struct Runs {
    runs: Vec<Run>,
    fans: Slab<Fan>,
    heaps: Slab<Heap>,
}

impl Runs {
    /// Add a tree to the last run if it can be one of its kind, else to a new one.
    fn add(&mut self, nodes: &[Node], shape: &Shape, columns: &Columns) {
        let Runs { runs, fans, heaps } = self;
        let fan = || Fan::new(nodes, shape, columns);
        let heap = || Heap::new(nodes, shape, columns);
        match runs.last_mut() {
            Some(Run::Fans(count)) if let Some(fan) = fan() => {
                *count += 1;
                return fans.push(fan);
            }
            Some(Run::Heaps(count)) if let Some(heap) = heap() => {
                *count += 1;
                return heaps.push(heap);
            }
            _ => {}
        }
        match (fan(), heap(), runs.last_mut()) {
            (Some(fan), _, _) => {
                runs.push(Run::Fans(1));
                fans.push(fan);
            }
            (_, Some(heap), _) => {
                runs.push(Run::Heaps(1));
                heaps.push(heap);
            }
            (_, _, Some(Run::Walk(count))) => *count += 1,
            _ => runs.push(Run::Walk(1)),
        }
    }
}

/// Memory that evaluations use again and again, and what they are done with.
#[derive(Debug, Default)]
pub struct Room {
    pub level: Level,
    wide: Vec<u32>,
    narrow: Vec<i8>,
}

/// A tree's nodes in the order of levels.
struct Shape {
    nodes: Vec<Placed>,
    depth: u32,
}

/// A node of a [`Shape`].
#[derive(Clone, Copy)]
struct Placed {
    /// Its place in the list of all nodes.
    old: u32,
    /// The place of its child to the left in the shape; the one to the right comes after it. None of a leaf.
    left: Option<u32>,
    /// The first leaf below, from the left.
    first: u32,
    /// How many there are below; of a leaf, 1.
    leaves: u32,
}

impl Shape {
    /// None when two ways meet in one node.
    fn new(nodes: &[Node], root: u32, seen: &mut [bool]) -> Option<Shape> {
        let mut shape = Shape { nodes: Vec::new(), depth: 0 };
        let mut order = vec![(root, 0u32)];
        while let Some((old, level)) = order.get(shape.nodes.len()).copied() {
            let node = nodes.get(old as usize)?;
            if std::mem::replace(&mut seen[old as usize], true) {
                return None;
            }
            shape.depth = shape.depth.max(level);
            let is_leaf = node.feature == LEAF;
            let left = if is_leaf { None } else { Some(u32::try_from(order.len()).ok()?) };
            shape.nodes.push(Placed { old, left, first: 0, leaves: 1 });
            if !is_leaf {
                order.extend([(node.left, level + 1), (node.right, level + 1)]);
            }
        }
        // Children come later: their leaves are counted before those of their parents, and numbered after them.
        for place in (0..shape.nodes.len()).rev() {
            if let Some(left) = shape.nodes[place].left {
                let below = |child: u32| shape.nodes[child as usize].leaves;
                shape.nodes[place].leaves = below(left) + below(left + 1);
            }
        }
        for place in 0..shape.nodes.len() {
            let Placed { left, first, .. } = shape.nodes[place];
            if let Some(left) = left {
                shape.nodes[left as usize].first = first;
                shape.nodes[left as usize + 1].first = first + shape.nodes[left as usize].leaves;
            }
        }
        Some(shape)
    }

    fn leaves(&self) -> usize {
        self.nodes[0].leaves as usize
    }
}

impl Compiled {
    /// None when the forest is too large for the layout, or two ways meet in one node: laid out, such trees could be larger
    /// than any memory.
    pub fn new(nodes: &[Node], roots: &[u32], compare: Compare, input: Input) -> Option<Compiled> {
        let columns = Columns::new(nodes, compare, input)?;
        let (mut bits, mut walk, mut leaves) = (Bits::default(), Walk::default(), Leaves::default());
        let mut trees = Vec::with_capacity(roots.len());
        let (mut seen, mut runs) = (vec![false; nodes.len()], Runs::default());
        for root in roots {
            let shape = Shape::new(nodes, *root, &mut seen)?;
            leaves.start();
            let first = leaves.places.len();
            leaves.places.edit(|places| {
                places.resize(first + shape.leaves(), 0);
                for placed in shape.nodes.iter().filter(|placed| placed.left.is_none()) {
                    places[first + placed.first as usize] = nodes[placed.old as usize].left;
                }
            });
            walk.add(nodes, &shape, &columns, u32::try_from(first).ok()?)?;
            let number = bits.add(nodes, &shape, &columns, Walk::cost(&shape));
            trees.push(number.map_or(Way::Walk, Way::Bits));
            runs.add(nodes, &shape, &columns);
        }
        let needs_narrow = trees.iter().any(|way| *way != Way::Walk);
        let needs_wide = trees.contains(&Way::Walk);
        Some(Compiled { columns, trees, bits, walk, runs, leaves, needs_narrow, needs_wide })
    }

    /// The bytes that are in none of [`Compiled::arrays`].
    pub fn unshared_bytes(&self) -> usize {
        let (runs, trees) = (&self.runs.runs[..], &self.trees[..]);
        size_of::<Compiled>() + size_of_val(runs) + size_of_val(trees) + self.columns.unshared_bytes()
    }

    pub fn arrays(&mut self, visit: &mut dyn FnMut(&mut dyn Share)) {
        self.columns.arrays(visit);
        self.bits.arrays(visit);
        self.walk.arrays(visit);
        visit(&mut self.runs.fans);
        visit(&mut self.runs.heaps);
        self.leaves.arrays(visit);
    }

    /// Whether the trees know what to do with every value of the rows; `Ok(true)` if some are missing.
    pub fn check(&self, rows: &[f64]) -> Result<bool, AskPython> {
        self.columns.check(rows)
    }

    /// Tell `take` the leaf of each tree, by its number among all leaves, for one row that was checked.
    pub fn row(&self, row: &[f64], room: &mut Room, mut take: impl FnMut(usize)) {
        self.columns.of_row(row, &mut room.wide);
        #[cfg(target_arch = "x86_64")]
        if room.level >= Level::Avx2 {
            // SAFETY: the processor has what the level says.
            return unsafe { self.row_avx2(&room.wide, take) };
        }
        self.walk.of_row(0..self.trees.len(), &room.wide, &mut take);
    }

    /// # Safety
    ///
    /// The processor needs AVX2.
    #[cfg(target_arch = "x86_64")]
    unsafe fn row_avx2(&self, wide: &[u32], mut take: impl FnMut(usize)) {
        let mut passed = [0; at_once::COLUMNS];
        self.columns.narrow_of(wide, &mut passed);
        let is_half = self.columns.narrow() <= at_once::COLUMNS / 2;
        let mut found = [0; at_once::TREES];
        let mut tree = 0;
        let (mut fans, mut heaps) = (&self.runs.fans[..], &self.runs.heaps[..]);
        for run in &self.runs.runs {
            let mut tell = |found: &[u8]| {
                for leaf in found {
                    take(self.leaves.first(tree) + usize::from(*leaf));
                    tree += 1;
                }
            };
            match run {
                Run::Fans(count) => take_first(&mut fans, *count).chunks(at_once::TREES).for_each(|trees| {
                    // SAFETY: the caller's.
                    unsafe {
                        match is_half {
                            true => at_once::avx2::fans::<2>(trees, &passed, &mut found),
                            false => at_once::avx2::fans::<4>(trees, &passed, &mut found),
                        }
                    }
                    tell(&found[..trees.len()]);
                }),
                Run::Heaps(count) => take_first(&mut heaps, *count).chunks(at_once::TREES).for_each(|trees| {
                    // SAFETY: the caller's.
                    unsafe {
                        match is_half {
                            true => at_once::avx2::heaps::<2>(trees, &passed, &mut found),
                            false => at_once::avx2::heaps::<4>(trees, &passed, &mut found),
                        }
                    }
                    tell(&found[..trees.len()]);
                }),
                Run::Walk(count) => {
                    self.walk.of_row(tree..tree + count, wide, &mut take);
                    tree += count;
                }
            }
        }
    }

    /// The number of rows that [`Compiled::rows`] takes well at once: some blocks of them.
    pub fn rows_at_once(&self) -> usize {
        let narrow = if self.needs_narrow { self.columns.narrow() } else { 0 };
        let wide = if self.needs_wide { self.columns.wide() * size_of::<u32>() } else { 0 };
        BLOCK * (CACHED / (BLOCK * (narrow + wide)).max(1)).clamp(1, MOST_BLOCKS)
    }

    /// Tell `adding` the leaves for rows of `features` values that were checked, at most [`Compiled::rows_at_once`] of them.
    pub fn rows(&self, rows: &[f64], features: usize, room: &mut Room, adding: &mut Adding<'_>) {
        let blocks = rows.chunks(features * BLOCK);
        let count = blocks.len();
        let narrow = if self.needs_narrow { self.columns.narrow() * BLOCK } else { 0 };
        let wide = if self.needs_wide { self.columns.wide() * BLOCK } else { 0 };
        room.narrow.resize(narrow * count, 0);
        room.wide.resize(wide * count, 0);
        for (place, block) in blocks.enumerate() {
            let of_narrow = &mut room.narrow[place * narrow..(place + 1) * narrow];
            let of_wide = &mut room.wide[place * wide..(place + 1) * wide];
            self.columns.of_block(block, features, of_narrow, of_wide);
        }
        for trees in self.chunks() {
            for place in 0..count {
                let passed = &room.narrow[place * narrow..(place + 1) * narrow];
                let passed_wide = &room.wide[place * wide..(place + 1) * wide];
                for tree in trees.clone() {
                    match self.trees[tree] {
                        Way::Bits(number) => {
                            adding.narrow(tree, place, &self.bits.leaves(number, passed, room.level));
                        }
                        Way::Walk => {
                            adding.wide(tree, place, &self.walk.of_block(tree, passed_wide, self.columns.wide()));
                        }
                    }
                }
            }
        }
    }

    /// The trees in runs that fit the cache.
    fn chunks(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let mut start = 0;
        std::iter::from_fn(move || {
            let (mut end, mut bytes) = (start, 0);
            while end < self.trees.len() && bytes < CACHED {
                bytes += match self.trees[end] {
                    Way::Bits(number) => self.bits.bytes(number),
                    Way::Walk => self.walk.bytes(end),
                };
                end += 1;
            }
            let chunk = start..end;
            start = end;
            (!chunk.is_empty()).then_some(chunk)
        })
    }
}

/// The first values of a slice, which are those of a run; the others stay.
#[cfg(target_arch = "x86_64")]
fn take_first<'a, T>(all: &mut &'a [T], count: usize) -> &'a [T] {
    // INVARIANT: `Runs::add` counted each tree that it added.
    let (first, rest) = all.split_at(count);
    *all = rest;
    first
}

#[cfg(test)]
mod tests;
