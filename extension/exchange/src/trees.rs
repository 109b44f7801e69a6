//! Trees of a file on their way into a forest: each node once, children after their parents, no deeper and no larger than
//! the limits allow.

use pgml_core::model::forest::{Combine, Compare, Flag, Input, LEAF, Node, Parts};
use pgml_core::model::{Forest, NO_SET, Places, Sets};

use crate::limits::{FILE_DEPTH, FILE_NODES};

/// What a file has at a node.
pub enum Found {
    Split {
        feature: usize,
        threshold: f64,
        left: usize,
        right: usize,
        missing_left: bool,
    },
    /// These categories go to the left; they ascend.
    Categories {
        feature: usize,
        members: Vec<u32>,
        left: usize,
        right: usize,
        missing_left: bool,
    },
    /// A number for the tree's score.
    Leaf(f64),
    /// Numbers for some of the scores, which ascend.
    Leaves(Vec<(u32, f64)>),
}

/// The node above, and whether it is to the left of it.
type Parent = Option<(usize, bool)>;

/// Trees that were planted.
pub struct Grove {
    features: usize,
    width: usize,
    nodes: Vec<Node>,
    roots: Vec<u32>,
    targets: Vec<u32>,
    values: Vec<f64>,
    places: Option<Places>,
    sets: Sets,
    /// Of each node, the weight of its rows; none when a tree did not tell.
    covers: Option<Vec<f64>>,
}

impl Grove {
    pub fn new(features: usize, width: usize) -> Grove {
        let (nodes, roots, targets, values) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (sets, covers) = (Sets { starts: vec![0].into(), ..Sets::default() }, Some(Vec::new()));
        Grove { features, width, nodes, roots, targets, values, places: None, sets, covers }
    }

    /// Add a tree of `count` nodes, with the weight of the rows that came to each where that is known; an error tells the node,
    /// and what is wrong with it.
    pub fn plant(
        &mut self,
        count: usize,
        root: usize,
        target: usize,
        covers: Option<&[f64]>,
        mut node: impl FnMut(usize) -> Result<Found, String>,
    ) -> Result<(), String> {
        if self.nodes.len().saturating_add(count) > FILE_NODES {
            return Err(format!("more than {FILE_NODES} nodes in all"));
        }
        if target >= self.width {
            return Err(format!("its score is {target}, and there are {}", self.width));
        }
        self.roots.push(self.nodes.len() as u32);
        self.targets.push(target as u32);
        if covers.is_none() {
            self.covers = None;
        }
        let mut seen = vec![false; count];
        let mut waiting: Vec<(usize, Parent, usize)> = vec![(root, None, 0)];
        while let Some((at, parent, depth)) = waiting.pop() {
            let wrong = |what: &str| Err(format!("node {at} {what}"));
            match seen.get_mut(at) {
                None => return wrong("is not there"),
                Some(seen) if *seen => return wrong("is the child of two nodes"),
                Some(seen) => *seen = true,
            }
            if depth > FILE_DEPTH {
                return wrong(&format!("is more than {FILE_DEPTH} levels deep"));
            }
            let place = self.nodes.len();
            if let (Some(all), Some(covers)) = (&mut self.covers, covers) {
                match covers.get(at) {
                    Some(cover) if cover.is_finite() && *cover >= 0.0 => all.push(*cover),
                    _ => return wrong("has a weight of its rows that is none"),
                }
            }
            match node(at)? {
                Found::Split { feature, .. } | Found::Categories { feature, .. } if feature >= self.features => {
                    return wrong(&format!("splits feature {feature}, and there are {}", self.features));
                }
                Found::Split { threshold, .. } if threshold.is_nan() => return wrong("splits at NaN"),
                Found::Categories { feature, members, left, right, missing_left } => {
                    self.set(&members)?;
                    self.split(feature, 0.0, missing_left);
                    waiting.extend([(right, Some((place, false)), depth + 1), (left, Some((place, true)), depth + 1)]);
                }
                Found::Split { feature, threshold, left, right, missing_left } => {
                    self.split(feature, threshold, missing_left);
                    waiting.extend([(right, Some((place, false)), depth + 1), (left, Some((place, true)), depth + 1)]);
                }
                Found::Leaf(value) if !value.is_finite() => return wrong("is a leaf that is no finite number"),
                Found::Leaves(values) if values.iter().any(|(_, value)| !value.is_finite()) => {
                    return wrong("is a leaf that is no finite number");
                }
                Found::Leaf(value) => {
                    let left = self.values.len();
                    self.values.push(value);
                    self.leaf(left);
                }
                Found::Leaves(values) => self.leaves(&values),
            }
            self.link(parent, place as u32);
        }
        Ok(())
    }

    /// Let a node know its child; a root has no parent.
    fn link(&mut self, parent: Parent, child: u32) {
        match parent {
            Some((parent, true)) => self.nodes[parent].left = child,
            Some((parent, false)) => self.nodes[parent].right = child,
            None => {}
        }
    }

    /// Give the next node a set of categories.
    fn set(&mut self, members: &[u32]) -> Result<(), String> {
        if self.sets.members.len().saturating_add(members.len()) > FILE_NODES {
            return Err(format!("more than {FILE_NODES} categories in all"));
        }
        self.sets.of_nodes.resize(self.nodes.len(), NO_SET);
        self.sets.of_nodes.push(self.sets.starts.len() as u32 - 1);
        self.sets.members.extend(members.iter().copied());
        self.sets.starts.push(self.sets.members.len() as u32);
        Ok(())
    }

    /// Add a node whose children come later.
    fn split(&mut self, feature: usize, threshold: f64, missing_left: bool) {
        let (feature, missing_left) = (feature as u32, missing_left.into());
        self.nodes.push(Node { threshold, left: 0, right: 0, feature, missing_left });
    }

    fn leaf(&mut self, left: usize) {
        self.nodes.push(Node { threshold: 0.0, left: left as u32, right: 0, feature: LEAF, missing_left: Flag::NO });
    }

    fn leaves(&mut self, values: &[(u32, f64)]) {
        let places = self.places.get_or_insert_with(|| Places { starts: vec![0].into(), ..Places::default() });
        places.scores.extend(values.iter().map(|(score, _)| *score));
        self.values.extend(values.iter().map(|(_, value)| *value));
        places.starts.push(self.values.len() as u32);
        let left = places.starts.len() - 2;
        self.leaf(left);
    }

    /// Give each leaf a value for every score, where leaving out zeros saves little; none where that is too much.
    fn fill(&mut self) -> Option<()> {
        let Some(places) = &self.places else { return Some(()) };
        let (leaves, width) = (places.starts.len() - 1, self.width);
        let filled = leaves.checked_mul(width)?;
        if filled > FILE_NODES || Places::are_worth_it(leaves, width, self.values.len()) {
            return Some(());
        }
        let mut values = vec![0.0; filled];
        for (leaf, bounds) in places.starts.windows(2).enumerate() {
            for place in bounds[0] as usize..bounds[1] as usize {
                *values.get_mut(leaf * width + places.scores[place] as usize)? = self.values[place];
            }
        }
        for node in self.nodes.iter_mut().filter(|node| node.feature == LEAF) {
            node.left = u32::try_from(node.left as usize * width).ok()?;
        }
        (self.values, self.places) = (values, None);
        Some(())
    }

    /// The forest; none when something in it leads nowhere.
    pub fn forest(mut self, input: Input, compare: Compare, combine: Combine) -> Option<Forest> {
        let several = self.places.is_some();
        self.fill()?;
        let Grove { features, width, nodes, roots, targets, values, places, mut sets, covers } = self;
        let targets = (!several).then_some(targets);
        sets.of_nodes.resize(nodes.len(), NO_SET);
        let mut forest =
            Forest::new(Parts { features, width, input, compare, nodes, roots, targets, values, places, combine })?;
        if sets.starts.len() > 1 {
            forest = forest.with_sets(sets)?;
        }
        match covers {
            Some(covers) => forest.with_covers(covers),
            None => Some(forest),
        }
    }
}

/// The numbers of the bits that are set in words of 32.
pub fn bits(words: &[u32]) -> Vec<u32> {
    let each = words.iter().enumerate().flat_map(|(place, word)| {
        (0..u32::BITS).filter(move |bit| word >> bit & 1 == 1).map(move |bit| place as u32 * u32::BITS + bit)
    });
    each.collect()
}
