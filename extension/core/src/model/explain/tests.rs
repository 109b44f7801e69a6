//! Contributions against Shapley's own definition: the mean, over all orders, of what a feature changes when it becomes known.

use super::*;
use crate::model::forest::{Combine, Compare, Flag, Forest, Input, LEAF, Node, Parts};
use crate::model::{Decision, Linear, Link, NO_SET, Places, Probabilities, Sets, Work};

const FEATURES: usize = 5;

/// Nobody interrupts.
const CALM: &dyn Fn() = &|| {};

/// Numbers that look random, the same ones each time.
struct Chance(u64);

impl Chance {
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        (self.share() * count as f64) as usize
    }
}

/// Trees with their rows while they grow; leaves have `width` values.
struct Grown {
    nodes: Vec<Node>,
    covers: Vec<f64>,
    values: Vec<f64>,
    roots: Vec<u32>,
}

impl Grown {
    fn new(chance: &mut Chance, trees: usize, depth: usize, width: usize) -> Grown {
        let mut grown = Grown { nodes: Vec::new(), covers: Vec::new(), values: Vec::new(), roots: Vec::new() };
        for _ in 0..trees {
            let root = grown.node(chance, depth, width, 1000.0);
            grown.roots.push(root);
        }
        grown
    }

    fn node(&mut self, chance: &mut Chance, depth: usize, width: usize, cover: f64) -> u32 {
        let place = self.nodes.len();
        self.covers.push(cover);
        let leaf = depth == 0 || chance.share() < 0.15;
        let feature = if leaf { LEAF } else { chance.below(FEATURES) as u32 };
        let (threshold, missing_left) = (chance.share(), chance.share() < 0.5);
        self.nodes.push(Node {
            threshold,
            left: self.values.len() as u32,
            right: 0,
            feature,
            missing_left: missing_left.into(),
        });
        if leaf {
            self.values.extend((0..width).map(|_| chance.share() - 0.5));
        } else {
            // A child without rows is possible, too.
            let left = if chance.share() < 0.1 { 0.0 } else { (cover * chance.share()).floor() };
            self.nodes[place].left = self.node(chance, depth - 1, width, left);
            self.nodes[place].right = self.node(chance, depth - 1, width, cover - left);
        }
        place as u32
    }

    fn forest(&self, compare: Compare, targets: Option<Vec<u32>>, width: usize, divisor: Option<f64>) -> Forest {
        let init = (0..width).map(|score| score as f64 / 8.0).collect();
        let parts = Parts {
            features: FEATURES,
            width,
            input: Input::Float64Missing,
            compare,
            nodes: self.nodes.clone(),
            roots: self.roots.clone(),
            targets,
            values: self.values.clone(),
            places: None,
            combine: Combine::Sum { init, divisor, single: false },
        };
        Forest::new(parts).and_then(|forest| forest.with_covers(self.covers.clone())).expect("a forest")
    }
}

/// What a tree says about one score when the features of a set are known.
fn value(forest: &Forest, node: u32, row: &[f64], known: u32, score: usize) -> f64 {
    let Node { threshold, left, right, feature, missing_left } = forest.nodes[node as usize];
    let set = forest.sets.as_ref().and_then(|sets| Some((sets, sets.of_node(node)? as usize)));
    if feature == LEAF {
        return forest.value(left, score);
    }
    let [a, b] = [left, right].map(|child| value(forest, child, row, known, score));
    if known & 1 << feature != 0 {
        let of_row = row[feature as usize];
        let goes_left = match (set, forest.compare) {
            (Some((sets, set)), _) => {
                let members = &sets.members[sets.starts[set] as usize..sets.starts[set + 1] as usize];
                members.iter().any(|member| f64::from(*member) == of_row)
            }
            (None, Compare::Below) => of_row < threshold,
            (None, Compare::NotAbove) => of_row <= threshold,
        };
        return if if of_row.is_nan() { missing_left.is_set() } else { goes_left } { a } else { b };
    }
    let covers = forest.covers.as_ref().expect("covers");
    let (x, y) = (covers[left as usize], covers[right as usize]);
    if x + y > 0.0 { (x * a + y * b) / (x + y) } else { (a + b) / 2.0 }
}

fn whole(forest: &Forest, row: &[f64], known: u32, score: usize) -> f64 {
    let Combine::Sum { init, divisor, .. } = &forest.combine else { panic!("a sum") };
    let mut sum = init[score];
    for (tree, root) in forest.roots.iter().enumerate() {
        if forest.targets.as_ref().is_none_or(|targets| targets[tree] as usize == score) {
            sum += value(forest, *root, row, known, score);
        }
    }
    sum / divisor.unwrap_or(1.0)
}

/// The base and the contributions by the definition.
fn defined(forest: &Forest, row: &[f64], score: usize) -> Contributions {
    let factorial = |n: u32| (1..=u64::from(n)).product::<u64>() as f64;
    let all = FEATURES as u32;
    let of_feature = |feature: u32| {
        let others = (0..1u32 << all).filter(|set| set & 1 << feature == 0);
        let each = others.map(|set| {
            let size = set.count_ones();
            let weight = factorial(size) * factorial(all - size - 1) / factorial(all);
            weight * (whole(forest, row, set | 1 << feature, score) - whole(forest, row, set, score))
        });
        each.sum()
    };
    Contributions { base: whole(forest, row, 0, score), of_features: (0..all).map(of_feature).collect() }
}

fn rows(chance: &mut Chance, count: usize) -> Vec<Vec<f64>> {
    let number = |chance: &mut Chance| if chance.share() < 0.1 { f64::NAN } else { chance.share() };
    (0..count).map(|_| (0..FEATURES).map(|_| number(chance)).collect()).collect()
}

fn model(scores: Scores, finish: Finish) -> Model {
    Model::new(FEATURES, vec![Part::new(scores, finish).expect("a part")]).expect("a model")
}

fn same(found: &Contributions, wanted: &Contributions) {
    let pairs = || [found.base].into_iter().chain(found.of_features.iter().copied());
    let other = [wanted.base].into_iter().chain(wanted.of_features.iter().copied());
    for (found, wanted) in pairs().zip(other) {
        assert!((found - wanted).abs() < 1e-13, "{found} instead of {wanted}");
    }
    assert_eq!(found.of_features.len(), wanted.of_features.len());
}

#[test]
fn they_are_shapley_s_values_of_every_form_of_a_forest() {
    let mut chance = Chance(7);
    for round in 0..60 {
        let compare = if round % 2 == 0 { Compare::Below } else { Compare::NotAbove };
        let depth = 1 + round % 9;
        // Trees of one score each, or leaves with all scores.
        let (width, by_tree) = [(1, true), (3, true), (3, false)][round % 3];
        let grown = Grown::new(&mut chance, 4, depth, if by_tree { 1 } else { width });
        let targets = by_tree.then(|| (0..4).map(|tree| tree % width as u32).collect());
        let forest = grown.forest(compare, targets, width, [None, Some(4.0)][round / 3 % 2]);
        let finish = match width {
            1 => Finish::Values(Link::Identity),
            _ => Finish::Classes { classes: vec![1.0, 2.0, 5.0], decision: Decision::Largest, probabilities: None },
        };
        let classes = width > 1;
        let model = model(Scores::Forest(forest.clone()), finish);
        let explainer = Explainer::new(&model, CALM).expect("an explainer");
        for row in rows(&mut chance, 3) {
            for score in 0..width {
                let found = explainer.explain(&model, &row, classes.then_some(score), CALM).expect("a row");
                same(&found, &defined(&forest, &row, score));
                let sum = found.base + found.of_features.iter().sum::<f64>();
                assert!((sum - whole(&forest, &row, u32::MAX, score)).abs() < 1e-13);
            }
        }
    }
}

#[test]
fn leaves_without_zeros_contribute_the_same() {
    let mut chance = Chance(1);
    let mut grown = Grown::new(&mut chance, 3, 4, 3);
    grown.values.iter_mut().step_by(2).for_each(|value| *value = 0.0);
    let dense = grown.forest(Compare::NotAbove, None, 3, None);
    let mut places = Places { starts: vec![0].into(), ..Places::default() };
    let mut values = Vec::new();
    for leaf in grown.values.chunks_exact(3) {
        for (score, value) in leaf.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            places.scores.push(score as u32);
            values.push(*value);
        }
        places.starts.push(values.len() as u32);
    }
    grown.nodes.iter_mut().filter(|node| node.feature == LEAF).for_each(|node| node.left /= 3);
    let (combine, roots) = (dense.combine.clone(), dense.roots.to_vec());
    let sparse = Forest::new(Parts {
        features: FEATURES,
        width: 3,
        input: Input::Float64Missing,
        compare: Compare::NotAbove,
        nodes: grown.nodes.clone(),
        roots,
        targets: None,
        values,
        places: Some(places),
        combine,
    });
    let sparse = sparse.and_then(|forest| forest.with_covers(grown.covers.clone())).expect("a forest");
    let finish = || Finish::Classes {
        classes: vec![0.0, 1.0, 2.0],
        decision: Decision::Largest,
        probabilities: Some(Probabilities::Shares),
    };
    let [dense, sparse] = [dense, sparse].map(|forest| model(Scores::Forest(forest), finish()));
    let [first, second] = [&dense, &sparse].map(|model| Explainer::new(model, CALM).expect("an explainer"));
    for row in rows(&mut chance, 20) {
        for class in 0..3 {
            let wanted = first.explain(&dense, &row, Some(class), CALM).expect("a row");
            assert_eq!(second.explain(&sparse, &row, Some(class), CALM).expect("a row"), wanted);
        }
    }
}

/// Catches a category that is explained as if it were an amount, several questions for one feature among them.
#[test]
fn categories_are_explained_by_the_definition() {
    let mut chance = Chance(11);
    let grown = Grown::new(&mut chance, 6, 5, 1);
    let mut sets = Sets { starts: vec![0].into(), ..Sets::default() };
    for node in &grown.nodes {
        let has_set = node.feature != LEAF && node.feature < 3;
        sets.of_nodes.push(if has_set { sets.starts.len() as u32 - 1 } else { NO_SET });
        if has_set {
            sets.members.extend((0..6).filter(|_| chance.share() < 0.5));
            sets.starts.push(sets.members.len() as u32);
        }
    }
    for compare in [Compare::Below, Compare::NotAbove] {
        let forest = grown.forest(compare, Some(vec![0; 6]), 1, None).with_sets(sets.clone()).expect("sets");
        let model = model(Scores::Forest(forest.clone()), Finish::Values(Link::Identity));
        let explainer = Explainer::new(&model, CALM).expect("an explainer");
        for mut row in rows(&mut chance, 40) {
            row[..3].iter_mut().for_each(|value| *value = (*value * 7.0).floor());
            let found = explainer.explain(&model, &row, None, CALM).expect("a row");
            same(&found, &defined(&forest, &row, 0));
            let mut said = Vec::new();
            model.predict(&row, &mut Work::default(), &mut said).expect("a row");
            assert!((said[0] - whole(&forest, &row, 31, 0)).abs() < 1e-12);
        }
    }
}

/// Catches points that are too few for ways that ask for many features, and what is lost on long ways.
#[test]
fn long_ways_with_many_features_add_up() {
    const LENGTH: usize = 60;
    let mut chance = Chance(3);
    let (mut nodes, mut covers, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for level in 0..LENGTH {
        let place = nodes.len() as u32;
        let cover = 1e9 * 0.7f64.powi(level as i32);
        nodes.push(Node {
            threshold: 0.5,
            left: place + 1,
            right: place + 2,
            feature: level as u32,
            missing_left: Flag::NO,
        });
        nodes.push(Node { threshold: 0.0, left: values.len() as u32, right: 0, feature: LEAF, missing_left: Flag::NO });
        covers.extend([cover, cover * 0.3]);
        values.push(chance.share());
    }
    nodes.push(Node { threshold: 0.0, left: values.len() as u32, right: 0, feature: LEAF, missing_left: Flag::NO });
    covers.push(1e9 * 0.7f64.powi(LENGTH as i32));
    values.push(1e6);
    let combine = Combine::Sum { init: vec![0.0], divisor: None, single: false };
    let (roots, targets) = (vec![0], Some(vec![0]));
    let (input, compare) = (Input::Float64, Compare::NotAbove);
    let parts =
        Parts { features: LENGTH, width: 1, input, compare, nodes, roots, targets, values, places: None, combine };
    let forest = Forest::new(parts).and_then(|forest| forest.with_covers(covers)).expect("a forest");
    let part = Part::new(Scores::Forest(forest), Finish::Values(Link::Identity)).expect("a part");
    let model = Model::new(LENGTH, vec![part]).expect("a model");
    let explainer = Explainer::new(&model, CALM).expect("an explainer");
    for right in [0, 1, 20, 59, 60] {
        let row: Vec<f64> = (0..LENGTH).map(|place| f64::from(u8::from(place < right))).collect();
        let found = explainer.explain(&model, &row, None, CALM).expect("a row");
        let mut said = Vec::new();
        model.predict(&row, &mut Work::default(), &mut said).expect("a row");
        let sum = found.base + found.of_features.iter().sum::<f64>();
        assert!((sum - said[0]).abs() < 1e-12 * said[0].abs().max(1e6), "{sum} instead of {}", said[0]);
        assert!(found.of_features.iter().all(|one| one.is_finite()));
    }
}

#[test]
fn linear_models_count_from_the_mean_and_one_score_tells_two_classes_apart() {
    let weights = vec![2.0, -1.0, 0.0, 0.5, 4.0];
    let means = vec![1.0, 2.0, 3.0, 4.0, 5.0];
    let linear = || Linear::new(FEATURES, weights.clone(), vec![0.25]).expect("a model");
    let finish = || Finish::Classes { classes: vec![0.0, 1.0], decision: Decision::Positive, probabilities: None };
    let old = model(Scores::Linear(linear()), finish());
    assert_eq!(Explainer::new(&old, CALM).unwrap_err(), NotExplained::Old("the means of the features"));
    assert!(linear().with_means(vec![0.0; 4]).is_none() && linear().with_means(vec![f64::NAN; 5]).is_none());
    let model = model(Scores::Linear(linear().with_means(means).expect("means")), finish());
    let explainer = Explainer::new(&model, CALM).expect("an explainer");
    let row = [2.0, 2.0, 9.0, 0.0, 5.5];
    let yes = explainer.explain(&model, &row, Some(1), CALM).expect("a row");
    assert_eq!(yes, Contributions { base: 22.25, of_features: vec![2.0, 0.0, 0.0, -2.0, 2.0] });
    let no = explainer.explain(&model, &row, Some(0), CALM).expect("a row");
    assert_eq!(no, Contributions { base: -22.25, of_features: vec![-2.0, 0.0, 0.0, 2.0, -2.0] });
    for refused in [Some(2), None] {
        assert_eq!(explainer.explain(&model, &row, refused, CALM), Err(AskPython));
    }
    assert_eq!(explainer.explain(&model, &[f64::NAN; FEATURES], Some(1), CALM), Err(AskPython));
}

#[test]
fn what_has_no_exact_contributions_is_refused_with_the_reason() {
    let mut chance = Chance(5);
    let grown = Grown::new(&mut chance, 2, 3, 1);
    let forest = grown.forest(Compare::Below, Some(vec![0, 0]), 1, None);
    let (nodes, roots, values) = (forest.nodes.to_vec(), forest.roots.to_vec(), forest.values.to_vec());
    let combine = Combine::Median { weights: vec![1.0, 1.0] };
    let (input, compare, targets, places) = (Input::Float64, Compare::Below, None, None);
    let parts = Parts { features: FEATURES, width: 1, input, compare, nodes, roots, targets, values, places, combine };
    let median = Forest::new(parts).and_then(|forest| forest.with_covers(grown.covers.clone())).expect("a forest");
    let values = || Finish::Values(Link::Identity);
    let refusal = |model: &Model| Explainer::new(model, CALM).unwrap_err().to_string();
    assert!(refusal(&model(Scores::Forest(median), values())).contains("a median of trees"));
    let mut old = forest.clone();
    old.covers = None;
    assert!(refusal(&model(Scores::Forest(old), values())).contains("the rows that came to each node"));
    let part = || Part::new(Scores::Forest(forest.clone()), values()).expect("a part");
    assert!(refusal(&Model::new(FEATURES, vec![part(), part()]).expect("a model")).contains("several labels"));
    for covers in [vec![1.0], vec![-1.0; grown.nodes.len()], vec![f64::INFINITY; grown.nodes.len()]] {
        assert!(forest.clone().with_covers(covers).is_none());
    }
}

/// Catches a large forest during whose walk no cancel is seen.
#[test]
fn interrupts_are_looked_for_while_a_large_forest_is_walked() {
    let mut chance = Chance(9);
    let grown = Grown::new(&mut chance, 400, 11, 1);
    assert!(grown.nodes.len() > 100_000, "{}", grown.nodes.len());
    let forest = grown.forest(Compare::Below, Some(vec![0; 400]), 1, None);
    let model = model(Scores::Forest(forest), Finish::Values(Link::Identity));
    let asked = std::cell::Cell::new(0);
    let count = || asked.set(asked.get() + 1);
    let explainer = Explainer::new(&model, &count).expect("an explainer");
    assert!(asked.replace(0) >= 400);
    explainer.explain(&model, &[0.5; FEATURES], None, &count).expect("a row");
    assert!(asked.get() > 0);
    let cancel = || panic!("cancelled");
    let walk = std::panic::AssertUnwindSafe(|| explainer.explain(&model, &[0.5; FEATURES], None, &cancel));
    assert!(std::panic::catch_unwind(walk).is_err());
}
