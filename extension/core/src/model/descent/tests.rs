//! Rows end where the format says, alone and several at once; what is no tree is refused.

use super::*;
use crate::model::forest::{Combine, Compare, Flag, Forest, Input, Parts};
use crate::model::{Finish, Link, Model, Part, Scores, Work};

const FEATURES: usize = 5;

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A tree with ways of different lengths. Its values are told apart by their places.
fn grow(nodes: &mut Vec<Node>, leaves: &mut u32, depth: u64, dice: &mut Dice) -> u32 {
    let place = u32::try_from(nodes.len()).unwrap();
    let leaf = depth == 0 || dice.below(4) == 0;
    let feature = if leaf { LEAF } else { u32::try_from(dice.below(FEATURES as u64)).unwrap() };
    let threshold = dice.below(9) as f64;
    nodes.push(Node { threshold, left: *leaves, right: 0, feature, missing_left: (dice.below(2) == 0).into() });
    if leaf {
        *leaves += 1;
    } else {
        let left = grow(nodes, leaves, depth - 1, dice);
        let right = grow(nodes, leaves, depth - 1, dice);
        let node = &mut nodes[place as usize];
        (node.left, node.right) = (left, right);
    }
    place
}

/// The way down as the model format tells it, node by node.
fn leaf_of(nodes: &[Node], root: u32, row: &[f64], compare: Compare) -> u32 {
    let mut node = &nodes[root as usize];
    while node.feature != LEAF {
        let value = row[node.feature as usize];
        let left = match compare {
            _ if value.is_nan() => node.missing_left.is_set(),
            Compare::Below => value < node.threshold,
            Compare::NotAbove => value <= node.threshold,
        };
        node = &nodes[if left { node.left } else { node.right } as usize];
    }
    node.left
}

#[test]
fn every_row_ends_where_the_format_says() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    // One tree, fewer and more than a block has, deep ones and such that are leaves.
    for (trees, depth) in [(1, 0), (1, 7), (7, 3), (8, 12), (21, 9)] {
        let (mut nodes, mut leaves) = (Vec::new(), 0);
        let roots: Vec<u32> = (0..trees).map(|_| grow(&mut nodes, &mut leaves, depth, &mut dice)).collect();
        let values: Vec<f64> = (0..leaves).map(f64::from).collect();
        for compare in [Compare::Below, Compare::NotAbove] {
            let combine = Combine::Sum { init: vec![0.0; trees], divisor: None, single: false };
            let forest = Forest::new(Parts {
                features: FEATURES,
                width: trees,
                input: Input::Float64Missing,
                compare,
                nodes: nodes.clone(),
                roots: roots.clone(),
                targets: Some((0..u32::try_from(trees).unwrap()).collect()),
                values: values.clone(),
                places: None,
                combine,
            });
            let part = Part::new(Scores::Forest(forest.unwrap()), Finish::Values(Link::Identity)).unwrap();
            let model = Model::new(FEATURES, vec![part]).unwrap();
            // Values on thresholds and between them, every third row with a missing one; more rows than whole blocks.
            let rows: Vec<f64> = (0..FEATURES * (3 * LANES + 2))
                .map(|place| match place % (3 * FEATURES) == 4 {
                    true => f64::NAN,
                    false => dice.below(18) as f64 / 2.0,
                })
                .collect();
            let expected: Vec<f64> = rows
                .chunks_exact(FEATURES)
                .flat_map(|row| roots.iter().map(|root| f64::from(leaf_of(&nodes, *root, row, compare))))
                .collect();
            let (mut work, mut one, mut all) = (Work::default(), Vec::new(), Vec::new());
            for row in rows.chunks_exact(FEATURES) {
                model.predict(row, &mut work, &mut one).unwrap();
            }
            model.predict_rows(&rows, &mut work, &mut all).unwrap();
            assert_eq!(one, expected, "{trees} trees, {compare:?}");
            assert_eq!(all, expected, "{trees} trees, {compare:?}, several rows at once");
            // A row that is cut off is no row.
            assert!(model.predict_rows(&rows[1..], &mut work, &mut all).is_err());
        }
    }
}

#[test]
fn ways_that_meet_are_no_trees() {
    let leaf = Node { threshold: 0.0, left: 0, right: 0, feature: LEAF, missing_left: Flag::NO };
    let node = |left, right| Node { threshold: 0.0, left, right, feature: 0, missing_left: Flag::NO };
    assert!(Descent::new(&[node(1, 2), leaf, leaf], &[0]).is_some());
    // Forty such levels would be a million million nodes.
    assert!(Descent::new(&[node(1, 1), leaf], &[0]).is_none());
    assert!(Descent::new(&[node(1, 2), leaf, leaf], &[0, 0]).is_none());
}
