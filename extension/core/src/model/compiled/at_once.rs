//! One row in a small tree: all of its nodes are compared at once.
//!
//! What a row has passed in each column fits into two of the processor's vectors, from which each node's column is picked by its
//! number. The comparisons of all nodes become the bits of one number. Of a tree of up to 32 leaves, each leaf knows which bits
//! are those of its way, and what they are: [`Fan`]. In a tree of up to six levels, the bits lead down: [`Heap`].

use bytemuck::{Pod, Zeroable};

use super::super::forest::Node;
use super::columns::Columns;
use super::{Placed, Shape};

/// Columns that are picked from.
pub const COLUMNS: usize = 64;

/// What a row has passed in each narrow column.
pub type Passed = [i8; COLUMNS];

/// Trees that are evaluated by one call.
pub const TREES: usize = 64;

/// A tree of up to 32 leaves.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C, align(32))]
pub struct Fan {
    columns: [u8; 32],
    passed: [i8; 32],
    /// Of each leaf, the bits of its way; the leaves stand in the order in which the processor packs the comparisons.
    cares: [u32; 32],
    /// What those bits are.
    wants: [u32; 32],
}

/// The levels of a [`Heap`].
const LEVELS: u32 = 6;

/// A tree of up to [`LEVELS`] levels: the children of node `i` are nodes `2 i` and `2 i + 1`, and the first one is node 1.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C, align(32))]
pub struct Heap {
    columns: [u8; 64],
    passed: [i8; 64],
    /// The leaf at each place below the last level.
    leaves: [u8; 64],
}

/// A value that no row passes.
const NEVER: i8 = i8::MAX;

/// Where the processor's packing puts the comparison of the leaf with this number.
fn packed(leaf: usize) -> usize {
    let (half, vector, place) = (leaf / 16, leaf % 16 / 4, leaf % 4);
    vector * 8 + half * 4 + place
}

/// What a node compares; none where its column can't be picked.
fn asked(nodes: &[Node], placed: &Placed, columns: &Columns) -> Option<(u8, i8)> {
    let (column, passed) = columns.question(&nodes[placed.old as usize])?.narrow?;
    (usize::from(column) < COLUMNS).then_some((column as u8, passed))
}

impl Fan {
    /// None when the tree has more than 32 leaves.
    pub fn new(nodes: &[Node], shape: &Shape, columns: &Columns) -> Option<Fan> {
        if shape.leaves() > 32 {
            return None;
        }
        // A leaf that is not there wants a bit that it does not look at.
        let mut fan = Fan { columns: [0; 32], passed: [NEVER; 32], cares: [0; 32], wants: [1; 32] };
        let mut ways = vec![(0u32, 0u32); shape.nodes.len()];
        let mut bit = 0;
        for (place, placed) in shape.nodes.iter().enumerate() {
            let (care, want) = ways[place];
            let Some(left) = placed.left else {
                let leaf = packed(placed.first as usize);
                (fan.cares[leaf], fan.wants[leaf]) = (care, want);
                continue;
            };
            (fan.columns[bit], fan.passed[bit]) = asked(nodes, placed, columns)?;
            ways[left as usize] = (care | 1 << bit, want);
            ways[left as usize + 1] = (care | 1 << bit, want | 1 << bit);
            bit += 1;
        }
        Some(fan)
    }
}

impl Heap {
    /// None when the tree has more levels.
    pub fn new(nodes: &[Node], shape: &Shape, columns: &Columns) -> Option<Heap> {
        if shape.depth > LEVELS {
            return None;
        }
        let mut heap = Heap { columns: [0; 64], passed: [NEVER; 64], leaves: [0; 64] };
        let mut numbers = vec![(1usize, 0u32); shape.nodes.len()];
        for (place, placed) in shape.nodes.iter().enumerate() {
            let (number, level) = numbers[place];
            if let Some(left) = placed.left {
                (heap.columns[number], heap.passed[number]) = asked(nodes, placed, columns)?;
                numbers[left as usize] = (2 * number, level + 1);
                numbers[left as usize + 1] = (2 * number + 1, level + 1);
            } else {
                // All places below it, to which comparisons that mean nothing lead.
                let below = LEVELS - level;
                let first = (number << below) - (1 << LEVELS);
                heap.leaves[first..first + (1 << below)].fill(u8::try_from(placed.first).ok()?);
            }
        }
        Some(heap)
    }
}

#[cfg(target_arch = "x86_64")]
pub mod avx2 {
    //! `packaging/policy.toml` names these functions: they are called only where the processor has AVX2.

    use std::arch::x86_64::*;

    use super::*;

    /// The vectors that are picked from, each 16 columns twice.
    type Columns = [__m256i; COLUMNS / 16];

    #[inline]
    #[target_feature(enable = "avx2")]
    fn vectors(passed: &Passed) -> Columns {
        let mut all = [_mm256_setzero_si256(); COLUMNS / 16];
        for (vector, part) in all.iter_mut().zip(passed.as_chunks::<16>().0) {
            // SAFETY: 16 of 16 bytes are read.
            *vector = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(part.as_ptr().cast()) });
        }
        all
    }

    /// What stands in the columns; of the parts only the first `PARTS` are looked at.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn pick<const PARTS: usize>(from: &Columns, columns: __m256i) -> __m256i {
        let mut picked = _mm256_setzero_si256();
        for (part, from) in from.iter().enumerate().take(PARTS) {
            // A column of another part becomes 128 or more, for which nothing is picked.
            let own = _mm256_xor_si256(columns, _mm256_set1_epi8((part * 16) as i8));
            let own = _mm256_adds_epu8(own, _mm256_set1_epi8(0x70));
            picked = _mm256_or_si256(picked, _mm256_shuffle_epi8(*from, own));
        }
        picked
    }

    /// A bit for each of 32 nodes: whether the row goes to the right.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn compare<const PARTS: usize>(from: &Columns, columns: &[u8], passed: &[i8]) -> u32 {
        debug_assert!(columns.len() >= 32 && passed.len() >= 32);
        // SAFETY: both have 32 bytes.
        let (columns, passed) =
            unsafe { (_mm256_loadu_si256(columns.as_ptr().cast()), _mm256_loadu_si256(passed.as_ptr().cast())) };
        _mm256_movemask_epi8(_mm256_cmpgt_epi8(pick::<PARTS>(from, columns), passed)) as u32
    }

    /// The leaf of each tree.
    #[target_feature(enable = "avx2")]
    pub fn fans<const PARTS: usize>(trees: &[Fan], passed: &Passed, found: &mut [u8; TREES]) {
        let from = vectors(passed);
        for (tree, found) in trees.iter().zip(found) {
            let bits = _mm256_set1_epi32(compare::<PARTS>(&from, &tree.columns, &tree.passed) as i32);
            // SAFETY: each array has four vectors.
            let part = |part: usize| unsafe {
                let care = _mm256_load_si256(tree.cares.as_ptr().cast::<__m256i>().add(part));
                let want = _mm256_load_si256(tree.wants.as_ptr().cast::<__m256i>().add(part));
                _mm256_cmpeq_epi32(_mm256_and_si256(bits, care), want)
            };
            let first = _mm256_packs_epi32(part(0), part(1));
            let second = _mm256_packs_epi32(part(2), part(3));
            let leaves = _mm256_movemask_epi8(_mm256_packs_epi16(first, second)) as u32;
            // One leaf has its bits as it wants them.
            *found = leaves.trailing_zeros() as u8;
        }
    }

    /// The same for heaps.
    #[target_feature(enable = "avx2")]
    pub fn heaps<const PARTS: usize>(trees: &[Heap], passed: &Passed, found: &mut [u8; TREES]) {
        let from = vectors(passed);
        for (tree, found) in trees.iter().zip(found) {
            let low = compare::<PARTS>(&from, &tree.columns[..32], &tree.passed[..32]);
            let high = compare::<PARTS>(&from, &tree.columns[32..], &tree.passed[32..]);
            let bits = u64::from(high) << 32 | u64::from(low);
            let mut at = 1;
            for _ in 0..LEVELS {
                at = 2 * at + (bits >> (at & 63) & 1);
            }
            *found = tree.leaves[(at & 63) as usize];
        }
    }
}
