//! Splits by categories: a node whose values are no amounts sends some of them to the left, and all others to the right.

use super::forest::{Input, LEAF, Node};
use crate::slab::Slab;

/// The set of a node that compares with a number, and of a leaf.
pub const NO_SET: u32 = u32::MAX;

/// No library numbers a category so high; what is not below belongs to no set.
const MOST: f64 = (1u32 << 31) as f64;

/// Which categories go to the left at the nodes of a forest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sets {
    /// Of each node, its set; [`NO_SET`] of those without.
    pub of_nodes: Slab<u32>,
    /// Of each set, where its members begin; and where those of the last one end.
    pub starts: Slab<u32>,
    /// The categories that go to the left, ascending within a set.
    pub members: Slab<u32>,
}

impl Sets {
    /// Whether each node that has a set is a split, and each set is there.
    pub(super) fn fit(&self, nodes: &[Node]) -> bool {
        let Some((first, last)) = self.starts.first().zip(self.starts.last()) else { return false };
        let sets = self.starts.len() - 1;
        let whole = *first == 0 && *last as usize == self.members.len() && self.of_nodes.len() == nodes.len();
        let ascends = |bounds: &[u32]| {
            let members = self.members.get(bounds[0] as usize..bounds[1] as usize);
            let known = |member: Option<&u32>| member.is_none_or(|member| f64::from(*member) < MOST);
            members.is_some_and(|members| members.is_sorted_by(|a, b| a < b) && known(members.last()))
        };
        let is_split = |(set, node): (&u32, &Node)| *set == NO_SET || ((*set as usize) < sets && node.feature != LEAF);
        whole && self.starts.windows(2).all(ascends) && self.of_nodes.iter().zip(nodes).all(is_split)
    }

    /// Returns the set of a node, and `None` for a node that compares with a number.
    pub fn of_node(&self, node: u32) -> Option<u32> {
        self.of_nodes.get(node as usize).copied().filter(|set| *set != NO_SET)
    }

    /// The categories of a set, which go to the left.
    pub fn members_of(&self, set: u32) -> &[u32] {
        // INVARIANT: `fit` saw to it that each set has a start and an end within the members.
        &self.members[self.starts[set as usize] as usize..self.starts[set as usize + 1] as usize]
    }

    /// Whether a value is of a category in the set. LightGBM cuts off what is behind the point before it looks at the sign.
    pub(super) fn has(&self, set: u32, value: f64, input: Input) -> bool {
        let is_category = if input == Input::LightGbm { value > -1.0 } else { value >= 0.0 };
        is_category && value < MOST && self.members_of(set).binary_search(&(value as u32)).is_ok()
    }
}
