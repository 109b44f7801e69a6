//! Expressions as texts; packaging/tests/to_sql.sql compares what Postgres makes of them with predictions.

use pgml_core::model::forest::{Combine, Compare, Flag, Input, LEAF, Node, Parts};
use pgml_core::model::{Decision, Finish, Forest, Linear, Link, Model, Part, Probabilities, Scores};
use pgml_core::preprocess::{Column, Preprocess};

use super::decide::last_not;
use super::*;

fn plain(names: &[&str]) -> Preprocess {
    Preprocess::new(names.iter().map(|name| Column::plain(name, 1)).collect(), None).expect("columns")
}

fn model(features: usize, scores: Scores, finish: Finish) -> Model {
    Model::new(features, vec![Part::new(scores, finish).expect("a part")]).expect("a model")
}

fn linear() -> Model {
    let scores = Linear::new(2, vec![2.0, -0.5], vec![1.0]).expect("sizes that fit");
    model(2, Scores::Linear(scores), Finish::Values(Link::Identity))
}

fn stumps(count: usize, input: Input) -> Model {
    let node = |feature, threshold, left, right| Node { threshold, left, right, feature, missing_left: Flag::NO };
    let mut nodes = Vec::new();
    for tree in 0..count as u32 {
        nodes.extend([node(0, 0.1, 3 * tree + 1, 3 * tree + 2), node(LEAF, 0.0, 0, 0), node(LEAF, 0.0, 1, 0)]);
    }
    let forest = Forest::new(Parts {
        features: 2,
        width: 1,
        input,
        compare: Compare::NotAbove,
        nodes,
        roots: (0..count as u32).map(|tree| 3 * tree).collect(),
        targets: Some(vec![0; count]),
        values: vec![1.0, 2.0],
        places: None,
        combine: Combine::Sum { init: vec![0.0], divisor: None, single: false },
    });
    model(2, Scores::Forest(forest.expect("trees")), Finish::Values(Link::Identity))
}

#[test]
fn names_are_quoted_and_numbers_keep_their_bits() {
    let sql = write(&linear(), &plain(&["a\"; DROP TABLE x; --", "b"]), &[]).expect("an expression");
    assert!(sql.contains("SELECT \"a\"\"; DROP TABLE x; --\"::float8 AS v1,"), "{sql}");
    assert!(sql.contains("2.0::float8 * v.v1 + (-0.5::float8) * v.v2"), "{sql}");
    assert_eq!(text::number(-0.0), "(-0.0::float8)");
    assert_eq!(text::number(1e300), "1e300::float8");
    assert_eq!(text::quote("it's\\"), "E'it''s\\\\'");
}

#[test]
fn thresholds_are_what_the_rounding_makes_of_them() {
    let threshold = |input| {
        let sql = write(&stumps(1, input), &plain(&["a", "b"]), &[]).expect("an expression");
        let (_, rest) = sql.split_once("v.v1 <= ").expect("a comparison");
        rest.split_once(' ').expect("a number").0.parse::<f64>().expect("a number")
    };
    assert_eq!(threshold(Input::Float64), 0.1);
    let last = threshold(Input::Float32);
    assert!(f64::from(last as f32) <= 0.1 && f64::from(last.next_up() as f32) > 0.1);
}

#[test]
fn the_last_number_is_found_among_all() {
    for wanted in [0.0, -0.0, 0.1, -1e-320, -1e300, f64::MAX] {
        assert_eq!(last_not(|value| value > wanted), Some(wanted));
    }
    assert_eq!(last_not(|_| true), None);
    // What is above one half by less than a rounding is one half.
    let likely = |score: f64| {
        let mut shares = Vec::new();
        Probabilities::LogisticF32.shares_of(&[score], &mut shares);
        shares[1] > 0.5
    };
    let last = last_not(likely).expect("a number");
    assert!(last > 0.0 && !likely(last) && likely(last.next_up()), "{last}");
}

#[test]
fn what_is_too_large_or_no_sum_is_refused() {
    let columns = plain(&["a", "b"]);
    assert!(write(&stumps(1000, Input::Float64), &columns, &[]).is_ok());
    let refused = write(&stumps(1001, Input::Float64), &columns, &[]);
    assert_eq!(
        refused.map_err(|error| error.to_string()),
        Err("a model can't be written as SQL: it has 1001 trees, and 1000 is the most".into())
    );
    let votes = Linear::new(2, vec![0.0; 6], vec![0.0; 3]).expect("sizes that fit");
    let finish = Finish::Classes { classes: vec![0.0, 1.0, 2.0], decision: Decision::Votes, probabilities: None };
    assert!(matches!(write(&model(2, Scores::Linear(votes), finish), &columns, &[]), Err(Error::Inexpressible { .. })));
}
