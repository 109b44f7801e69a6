//! Every way to evaluate a forest says, bit for bit, what going down its trees says: on each level of instructions, for single
//! rows and for several, with missing values, several classes, sums in `float32`, medians, and trees of every size.

use super::*;
use crate::model::forest::{Combine, Flag, Forest, Parts};
use crate::model::shared::tests::mapped;
use crate::model::{Finish, Link, Model, Part, Places, Scores, Work};

/// Numbers that look random, and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// A number of which no bit is likely to be that of another one.
    fn number(&mut self) -> f64 {
        self.below(1 << 52) as f64 / (1u64 << 48) as f64 - 8.0
    }
}

/// What a forest is like.
#[derive(Debug, Clone, Copy)]
struct Like {
    trees: usize,
    depth: u64,
    features: usize,
    /// Thresholds are whole numbers below this one, or any numbers for 0.
    thresholds: u64,
}

const LIKES: [Like; 9] = [
    Like { trees: 1, depth: 0, features: 1, thresholds: 3 },
    Like { trees: 40, depth: 2, features: 3, thresholds: 5 },
    Like { trees: 70, depth: 4, features: 5, thresholds: 9 },
    Like { trees: 66, depth: 6, features: 20, thresholds: 0 },
    Like { trees: 70, depth: 5, features: 20, thresholds: 40 },
    Like { trees: 20, depth: 8, features: 2, thresholds: 0 },
    Like { trees: 5, depth: 12, features: 7, thresholds: 0 },
    Like { trees: 30, depth: 5, features: 300, thresholds: 0 },
    Like { trees: 25, depth: 7, features: 40, thresholds: 30 },
];

/// A tree with ways of different lengths; `leaf` gives what a leaf's `left` is.
fn grow(nodes: &mut Vec<Node>, like: Like, depth: u64, leaf: &mut impl FnMut() -> u32, dice: &mut Dice) -> u32 {
    let place = u32::try_from(nodes.len()).unwrap();
    if depth == 0 || dice.below(6) == 0 {
        nodes.push(Node { threshold: 0.0, left: leaf(), right: 0, feature: LEAF, missing_left: Flag::NO });
        return place;
    }
    let threshold = match like.thresholds {
        0 => dice.number(),
        below => dice.below(below) as f64 - (below / 2) as f64,
    };
    let feature = u32::try_from(dice.below(like.features as u64)).unwrap();
    nodes.push(Node { threshold, left: 0, right: 0, feature, missing_left: (dice.below(2) == 0).into() });
    let left = grow(nodes, like, depth - 1, leaf, dice);
    let right = grow(nodes, like, depth - 1, leaf, dice);
    (nodes[place as usize].left, nodes[place as usize].right) = (left, right);
    place
}

/// What becomes of the leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sum {
    Double,
    Single,
    Targets(usize),
    SingleTargets(usize),
    Rows(usize),
    Places(usize),
    Median,
}

const SUMS: [Sum; 7] =
    [Sum::Double, Sum::Single, Sum::Targets(3), Sum::SingleTargets(2), Sum::Rows(4), Sum::Places(9), Sum::Median];

fn forest(like: Like, sum: Sum, input: Input, compare: Compare, dice: &mut Dice) -> Parts {
    let (mut nodes, mut values, mut places) =
        (Vec::new(), Vec::new(), Places { starts: vec![0].into(), ..Places::default() });
    let width = match sum {
        Sum::Double | Sum::Single | Sum::Median => 1,
        Sum::Targets(width) | Sum::SingleTargets(width) | Sum::Rows(width) | Sum::Places(width) => width,
    };
    let mut roots = Vec::new();
    for _ in 0..like.trees {
        let seed = dice.below(u64::MAX) | 1;
        let mut leaf = || {
            let mut dice = Dice(seed ^ (values.len() as u64 + 1));
            let first = u32::try_from(values.len()).unwrap();
            match sum {
                Sum::Rows(width) => values.extend((0..width).map(|_| dice.number())),
                Sum::Places(width) => {
                    let leaf = places.starts.len() - 1;
                    for score in 0..width as u32 {
                        if dice.below(4) == 0 {
                            places.scores.push(score);
                            values.push(dice.number());
                        }
                    }
                    places.starts.push(u32::try_from(values.len()).unwrap());
                    return u32::try_from(leaf).unwrap();
                }
                Sum::Single | Sum::SingleTargets(_) => values.push(f64::from(dice.number() as f32)),
                _ => values.push(dice.number()),
            }
            first
        };
        roots.push(grow(&mut nodes, like, like.depth, &mut leaf, dice));
    }
    let targets = |width: usize| Some((0..like.trees).map(|tree| (tree % width) as u32).collect());
    let single = matches!(sum, Sum::Single | Sum::SingleTargets(_));
    let init = (0..width).map(|_| f64::from(dice.number() as f32)).collect();
    Parts {
        features: like.features,
        width,
        input,
        compare,
        nodes,
        targets: match sum {
            Sum::Targets(width) | Sum::SingleTargets(width) => targets(width),
            _ => None,
        },
        values,
        places: matches!(sum, Sum::Places(_)).then_some(places),
        combine: match sum {
            Sum::Median => Combine::Median { weights: roots.iter().map(|_| dice.below(9) as f64 + 1.0).collect() },
            _ => Combine::Sum { init, divisor: (dice.below(2) == 0).then_some(7.0), single },
        },
        roots,
    }
}

/// What the model format says about a row, tree by tree.
fn expected(parts: &Parts, row: &[f64]) -> Vec<f64> {
    let seen = |value: f64| match parts.input {
        Input::Float64 | Input::Float64Missing => value,
        Input::Float32 | Input::Float32Missing => f64::from(value as f32),
        Input::LightGbm => {
            if value.abs() <= f64::from(1e-35f32) {
                0.0
            } else {
                value
            }
        }
    };
    let leaves: Vec<usize> = parts
        .roots
        .iter()
        .map(|root| {
            let mut node = &parts.nodes[*root as usize];
            while node.feature != LEAF {
                let value = seen(row[node.feature as usize]);
                let left = match parts.compare {
                    _ if value.is_nan() => node.missing_left.is_set(),
                    Compare::Below => value < node.threshold,
                    Compare::NotAbove => value <= node.threshold,
                };
                node = &parts.nodes[if left { node.left } else { node.right } as usize];
            }
            node.left as usize
        })
        .collect();
    let (init, divisor, single) = match &parts.combine {
        Combine::Sum { init, divisor, single } => (init, divisor, *single),
        Combine::Median { weights } => {
            let mut pairs: Vec<(f64, f64)> =
                leaves.iter().map(|leaf| parts.values[*leaf]).zip(weights.iter().copied()).collect();
            pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
            let all: f64 = weights.iter().sum();
            let mut sum = 0.0;
            let found = pairs.iter().find(|pair| {
                sum += pair.1;
                sum >= 0.5 * all
            });
            return vec![found.unwrap().0];
        }
    };
    let mut scores = init.clone();
    for (tree, leaf) in leaves.into_iter().enumerate() {
        let said: Vec<(usize, f64)> = match (&parts.targets, &parts.places) {
            (Some(targets), _) => vec![(targets[tree] as usize, parts.values[leaf])],
            (_, Some(places)) => (places.starts[leaf]..places.starts[leaf + 1])
                .map(|place| (places.scores[place as usize] as usize, parts.values[place as usize]))
                .collect(),
            _ => (0..parts.width).map(|score| (score, parts.values[leaf + score])).collect(),
        };
        for (score, value) in said {
            let score = &mut scores[score];
            *score = if single { f64::from(*score as f32 + value as f32) } else { *score + value };
        }
    }
    scores.iter().map(|score| divisor.map_or(*score, |divisor| score / divisor)).collect()
}

/// Rows on thresholds, between and beyond them, with zeros of both signs and tiny numbers; some values are missing.
fn rows(parts: &Parts, like: Like, count: usize, missing: bool, dice: &mut Dice) -> Vec<f64> {
    let thresholds: Vec<f64> =
        parts.nodes.iter().filter(|node| node.feature != LEAF).map(|node| node.threshold).collect();
    (0..count * like.features)
        .map(|_| match dice.below(if missing { 12 } else { 10 }) {
            0..4 if !thresholds.is_empty() => thresholds[dice.below(thresholds.len() as u64) as usize],
            4 => [0.0, -0.0, 1e-36, -1e-40, 1e30, -1e30][dice.below(6) as usize],
            10.. => f64::NAN,
            _ => dice.number(),
        })
        .collect()
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Each level that is here, single rows and several at once, with arrays of its own and in a file; on one that is not, nothing is checked, which is said.
fn check(parts: Parts, like: Like, what: &str, dice: &mut Dice) {
    let misses = matches!(parts.input, Input::Float64Missing | Input::Float32Missing | Input::LightGbm);
    let tables = [(1, false), (67, misses), (200, false)].map(|(count, missing)| {
        let rows = rows(&parts, like, count, missing, dice);
        let expected: Vec<f64> = rows.chunks_exact(like.features).flat_map(|row| expected(&parts, row)).collect();
        (rows, expected)
    });
    let scores = Scores::Forest(Forest::new(parts).unwrap());
    let model = Model::new(like.features, vec![Part::new(scores, Finish::Values(Link::Identity)).unwrap()]).unwrap();
    let shared = mapped(&model);
    for level in Level::ALL {
        let Some(mut work) = Work::on(level) else {
            continue;
        };
        for ((rows, expected), model) in tables.iter().flat_map(|table| [(table, &model), (table, &shared)]) {
            let (mut one, mut all) = (Vec::new(), Vec::new());
            for row in rows.chunks_exact(like.features) {
                model.predict(row, &mut work, &mut one).unwrap();
            }
            model.predict_rows(rows, &mut work, &mut all).unwrap();
            assert_eq!(bits(&one), bits(expected), "{level:?}, one row, {what}");
            assert_eq!(bits(&all), bits(expected), "{level:?}, several rows, {what}");
        }
    }
}

#[test]
fn all_ways_say_the_same_on_all_levels() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let inputs = [Input::Float64, Input::Float64Missing, Input::Float32, Input::Float32Missing, Input::LightGbm];
    for like in LIKES {
        for (place, sum) in SUMS.into_iter().enumerate() {
            for (input, compare) in [
                (inputs[place % 5], Compare::NotAbove),
                (inputs[(place + 1) % 5], Compare::Below),
                (Input::LightGbm, Compare::NotAbove),
            ] {
                let parts = forest(like, sum, input, compare, &mut dice);
                check(parts, like, &format!("{like:?}, {sum:?}, {input:?}, {compare:?}"), &mut dice);
            }
        }
    }
    let missing: Vec<Level> = Level::ALL.into_iter().filter(|level| !level.is_here()).collect();
    // Shown with --nocapture; the suite on emulated processors runs this test there.
    println!("not checked, for this processor lacks them: {missing:?}");
}

/// Catches forests for which a way is never chosen, so that the test above says nothing about it.
#[test]
fn each_way_is_chosen_by_some_forest() {
    let mut dice = Dice(7);
    let mut made = |like: Like| {
        let parts = forest(like, Sum::Double, Input::Float64, Compare::NotAbove, &mut dice);
        Compiled::new(&parts.nodes, &parts.roots, parts.compare, parts.input).unwrap()
    };
    let all: Vec<Compiled> = LIKES.into_iter().map(&mut made).collect();
    assert!(all.iter().any(|one| one.needs_wide && !one.needs_narrow), "trees that are walked");
    assert!(all.iter().any(|one| one.needs_narrow && one.columns.narrow() > one.columns.wide()), "columns in parts");
    assert!(all.iter().any(|one| one.columns.narrow() > at_once::COLUMNS), "more columns than are picked from");
    let any_run = |is: fn(&Run) -> bool| all.iter().flat_map(|one| &one.runs.runs).any(is);
    assert!(any_run(|run| matches!(run, Run::Fans(_))) && any_run(|run| matches!(run, Run::Heaps(_))));
    assert!(any_run(|run| matches!(run, Run::Walk(_))));
}

/// Catches an array that grows with the trees and is left to each session.
#[test]
fn nearly_all_of_a_forest_can_be_shared() {
    for like in LIKES.into_iter().filter(|like| like.depth >= 4 && like.features <= 40) {
        let parts = forest(like, Sum::Double, Input::LightGbm, Compare::NotAbove, &mut Dice(11));
        let scores = Scores::Forest(Forest::new(parts).unwrap());
        let value = Part::new(scores, Finish::Values(Link::Identity)).unwrap();
        let mut model = Model::new(like.features, vec![value]).unwrap();
        let (shared, own) = (model.layout(b"").bytes, model.unshared_bytes());
        assert!(own * 8 < shared, "{own} bytes stay, and {shared} are shared: {like:?}");
    }
}

#[test]
fn ways_that_meet_are_no_trees() {
    let leaf = Node { threshold: 0.0, left: 0, right: 0, feature: LEAF, missing_left: Flag::NO };
    let node = |left, right| Node { threshold: 0.0, left, right, feature: 0, missing_left: Flag::NO };
    let new = |nodes: &[Node], roots: &[u32]| Compiled::new(nodes, roots, Compare::Below, Input::Float64);
    assert!(new(&[node(1, 2), leaf, leaf], &[0]).is_some());
    assert!(new(&[node(1, 1), leaf], &[0]).is_none());
    assert!(new(&[node(1, 2), leaf, leaf], &[0, 0]).is_none());
}

/// Rows that Python may refuse get no answer, alone and among others.
#[test]
fn values_that_no_tree_knows_are_refused() {
    let like = LIKES[1];
    for (input, value) in [
        (Input::Float64, f64::NAN),
        (Input::Float64, f64::INFINITY),
        (Input::Float64Missing, f64::NEG_INFINITY),
        (Input::Float32, 1e300),
        (Input::Float32Missing, -1e300),
        (Input::LightGbm, f64::INFINITY),
    ] {
        let parts = forest(like, Sum::Double, input, Compare::NotAbove, &mut Dice(3));
        let scores = Scores::Forest(Forest::new(parts).unwrap());
        let model = Model::new(3, vec![Part::new(scores, Finish::Values(Link::Identity)).unwrap()]).unwrap();
        let (mut work, mut out) = (Work::default(), Vec::new());
        let mut rows = vec![0.0; 3 * 70];
        assert!(model.predict_rows(&rows, &mut work, &mut out).is_ok());
        rows[3 * 66 + 1] = value;
        assert!(model.predict_rows(&rows, &mut work, &mut out).is_err(), "{input:?} {value}");
        assert!(model.predict(&rows[3 * 66..3 * 67], &mut work, &mut out).is_err(), "{input:?} {value}");
    }
}
