//! Models made by hand, what they predict, and bytes that must be refused.

use std::collections::HashMap;

use safetensors::tensor::{TensorView, serialize};

use super::*;
use crate::damage::damage;
use crate::model::check::{Difference, Sample, check};
use crate::model::forest::LEAF;
use crate::model::{AskPython, NO_SET, Work};

enum Data<'a> {
    F64(&'a [f64]),
    U32(&'a [u32]),
}

impl Data<'_> {
    fn again(&self) -> Data<'_> {
        match self {
            Data::F64(values) => Data::F64(values),
            Data::U32(values) => Data::U32(values),
        }
    }
}

fn file(description: &str, tensors: &[(&str, Data<'_>)]) -> Vec<u8> {
    let bytes: Vec<(&str, Dtype, usize, Vec<u8>)> = tensors
        .iter()
        .map(|(name, data)| match data {
            Data::F64(values) => {
                (*name, Dtype::F64, values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Data::U32(values) => {
                (*name, Dtype::U32, values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
        })
        .collect();
    let views =
        bytes.iter().map(|(name, dtype, count, bytes)| (*name, TensorView::new(*dtype, vec![*count], bytes).unwrap()));
    serialize(views, Some(HashMap::from([("pgml".into(), description.into())]))).unwrap()
}

fn description(features: usize, scores: &str, finish: &str) -> String {
    versioned(1, features, scores, finish)
}

fn versioned(version: u32, features: usize, scores: &str, finish: &str) -> String {
    format!(
        r#"{{"version": {version}, "made_by": "a test", "features": {features}, "parts": [{{"scores": {scores}, "finish": {finish}}}]}}"#
    )
}

const VALUES: &str = r#"{"kind": "values", "link": "identity"}"#;

fn linear(weights: &[f64], intercepts: &[f64]) -> Vec<u8> {
    let text = description(2, r#"{"kind": "linear"}"#, VALUES);
    file(&text, &[("0.weights", Data::F64(weights)), ("0.intercepts", Data::F64(intercepts))])
}

/// Two stumps on feature 1, at 0.5, with leaves -1 and 1, and 10 and 20.
fn trees(left: &[u32], feature: u32, input: &str) -> Vec<u8> {
    let scores = format!(
        r#"{{"kind": "trees", "input": "{input}", "compare": "not_above", "width": 1,
            "combine": {{"kind": "sum", "divisor": 2.0, "single": false}}}}"#
    );
    let tensors = [
        ("0.feature", Data::U32(&[feature, LEAF, LEAF, 1, LEAF, LEAF])),
        ("0.threshold", Data::F64(&[0.1, 0.0, 0.0, 0.1, 0.0, 0.0])),
        ("0.left", Data::U32(left)),
        ("0.right", Data::U32(&[2, 0, 0, 5, 0, 0])),
        ("0.values", Data::F64(&[-1.0, 1.0, 10.0, 20.0])),
        ("0.roots", Data::U32(&[0, 3])),
        ("0.targets", Data::U32(&[0, 0])),
        ("0.init", Data::F64(&[0.0])),
    ];
    file(&description(2, &scores, VALUES), &tensors)
}

const SHARES: &str =
    r#"{"kind": "classes", "classes": [1, 2, 3], "decision": "largest", "probabilities": {"name": "shares"}}"#;

/// Two stumps on feature 0 whose leaves have shares of three classes.
fn forest(version: u32, left: &[u32], combine: &str, leaves: &[(&str, Data<'_>)]) -> Vec<u8> {
    let scores = format!(
        r#"{{"kind": "trees", "input": "float64", "compare": "not_above", "width": 3, "combine": {{{combine}}}}}"#
    );
    let mut tensors = vec![
        ("0.feature", Data::U32(&[0, LEAF, LEAF, 0, LEAF, LEAF])),
        ("0.threshold", Data::F64(&[0.1, 0.0, 0.0, 0.7, 0.0, 0.0])),
        ("0.left", Data::U32(left)),
        ("0.right", Data::U32(&[2, 0, 0, 5, 0, 0])),
        ("0.roots", Data::U32(&[0, 3])),
        ("0.init", Data::F64(&[0.0; 3])),
        ("0.weights", Data::F64(&[1.0; 2])),
    ];
    tensors.extend(leaves.iter().map(|(name, data)| (*name, data.again())));
    file(&versioned(version, 2, &scores, SHARES), &tensors)
}

const SUM: &str = r#""kind": "sum", "divisor": 2.0, "single": false"#;

fn dense() -> Vec<u8> {
    let values = [0.0, 1.0, 0.0, 0.2, 0.0, 0.8, 0.0, 0.0, 0.0, 0.3, 0.7, 0.0];
    forest(1, &[1, 0, 3, 4, 6, 9], SUM, &[("0.values", Data::F64(&values))])
}

/// The same leaves, without their zeros.
fn sparse(starts: &[u32], places: &[u32]) -> Vec<u8> {
    let values = Data::F64(&[1.0, 0.2, 0.8, 0.3, 0.7]);
    let leaves = [("0.values", values), ("0.starts", Data::U32(starts)), ("0.places", Data::U32(places))];
    forest(2, &[1, 0, 1, 4, 2, 3], SUM, &leaves)
}

/// The leaves of [`sparse`] with something else.
fn leaves(more: Option<(&'static str, Data<'static>)>) -> Vec<(&'static str, Data<'static>)> {
    let leaves = [
        ("0.values", Data::F64(&[1.0, 0.2, 0.8, 0.3, 0.7])),
        ("0.starts", Data::U32(&STARTS)),
        ("0.places", Data::U32(&PLACES)),
    ];
    leaves.into_iter().chain(more).collect()
}

const STARTS: [u32; 5] = [0, 1, 3, 3, 5];
const PLACES: [u32; 5] = [1, 0, 2, 0, 1];

const LEFT: [u32; 6] = [1, 0, 1, 4, 2, 3];

fn predict(model: &Model, row: &[f64]) -> Result<Vec<f64>, AskPython> {
    let mut out = Vec::new();
    model.predict(row, &mut Work::default(), &mut out)?;
    Ok(out)
}

#[test]
fn a_line_is_a_weighted_sum() {
    let model = Model::read(&linear(&[2.0, 3.0, -1.0, 0.0], &[0.5, 1.0])).unwrap();
    assert_eq!(predict(&model, &[1.0, 10.0]), Ok(vec![32.5, 0.0]));
}

#[test]
fn a_row_that_python_may_refuse_is_left_to_it() {
    let model = Model::read(&linear(&[2.0, 0.0], &[0.5])).unwrap();
    for row in [&[1.0, f64::NAN][..], &[1.0, f64::INFINITY], &[1.0]] {
        assert_eq!(predict(&model, row), Err(AskPython), "{row:?}");
    }
    let model = Model::read(&trees(&LEFT, 1, "float32")).unwrap();
    // Beyond float32, although the trees never look at it.
    assert_eq!(predict(&model, &[1e300, 0.0]), Err(AskPython));
}

#[test]
fn values_are_rounded_before_they_are_compared_where_training_did_so() {
    // Above 0.1 by less than float32 can tell; 0.1 itself becomes larger when rounded.
    let row = [0.0, 0.1];
    assert_eq!(predict(&Model::read(&trees(&LEFT, 1, "float64")).unwrap(), &row), Ok(vec![4.5]));
    assert_eq!(predict(&Model::read(&trees(&LEFT, 1, "float32")).unwrap(), &row), Ok(vec![10.5]));
}

#[test]
fn trees_that_never_end_or_lead_nowhere_are_refused() {
    assert!(Model::read(&trees(&LEFT, 1, "float64")).is_ok());
    let inconsistent = |bytes: Vec<u8>| matches!(Model::read(&bytes), Err(ReadError::Inconsistent { .. }));
    assert!(inconsistent(trees(&[0, 0, 1, 4, 2, 3], 1, "float64")), "a node that is its own child");
    assert!(inconsistent(trees(&[1, 0, 1, 2, 2, 3], 1, "float64")), "a child before its parent");
    assert!(inconsistent(trees(&[6, 0, 1, 4, 2, 3], 1, "float64")), "a child beyond the last");
    assert!(inconsistent(trees(&[1, 4, 1, 4, 2, 3], 1, "float64")), "a leaf beyond the values");
    assert!(inconsistent(trees(&LEFT, 2, "float64")), "a feature beyond the last");
    assert!(inconsistent(linear(&[1.0, 2.0, 3.0], &[0.0])), "a weight too many");
    assert!(inconsistent(linear(&[], &[])), "no score at all");
}

#[test]
fn another_version_is_named() {
    let text = r#"{"version": 5, "whatever": []}"#;
    let error = Model::read(&file(text, &[])).unwrap_err();
    assert_eq!(error.to_string(), "it has version 5, and this release reads versions 1 to 4");
    assert!(matches!(Model::read(&file("{", &[])), Err(ReadError::Description(_))));
    assert!(matches!(Model::read(b"pickle"), Err(ReadError::Container(_))));
}

/// Catches leaves without zeros that say something else than those with them, in any bit.
#[test]
fn leaves_without_zeros_say_the_same() {
    let (whole, short) = (Model::read(&dense()).unwrap(), Model::read(&sparse(&STARTS, &PLACES)).unwrap());
    let rows: Vec<f64> = (0..40).map(|place| f64::from(place * 7 % 11) / 10.0).collect();
    let said = |model: &Model| {
        let (mut work, mut out) = (Work::default(), Vec::new());
        model.predict_rows(&rows, &mut work, &mut out).unwrap();
        rows.chunks_exact(2).for_each(|row| model.probabilities(row, &mut work, &mut out).unwrap());
        out.into_iter().map(f64::to_bits).collect::<Vec<u64>>()
    };
    assert_eq!(said(&whole), said(&short));
}

#[test]
fn leaves_that_name_no_scores_of_theirs_are_refused() {
    let refused = |starts: &[u32], places: &[u32]| {
        matches!(Model::read(&sparse(starts, places)), Err(ReadError::Inconsistent { .. }))
    };
    assert!(!refused(&STARTS, &PLACES));
    assert!(refused(&[], &PLACES), "no leaf");
    assert!(refused(&[0, 1, 3, 3], &PLACES), "a leaf too few");
    assert!(refused(&[1, 1, 3, 3, 5], &PLACES), "a value of no leaf before the first");
    assert!(refused(&[0, 1, 3, 3, 4], &PLACES), "a value of no leaf behind the last");
    assert!(refused(&[0, 1, 3, 3, 6], &PLACES), "a leaf beyond the values");
    assert!(refused(&[0, 3, 1, 3, 5], &PLACES), "a leaf that ends before it begins");
    assert!(refused(&STARTS, &[1, 0, 3, 0, 1]), "a score beyond the last");
    assert!(refused(&STARTS, &[1, 2, 2, 0, 1]), "a score twice");
    assert!(refused(&STARTS, &[1, 0, 2, 0]), "a value without a score");
    let inconsistent = |bytes: Vec<u8>| matches!(Model::read(&bytes), Err(ReadError::Inconsistent { .. }));
    let left = [1, 0, 1, 4, 2, 3];
    assert!(!inconsistent(forest(2, &left, SUM, &leaves(None))));
    assert!(inconsistent(forest(1, &left, SUM, &leaves(None))), "version 1 knows no such leaves");
    assert!(inconsistent(forest(2, &left, r#""kind": "median""#, &leaves(None))), "a median of such leaves");
    let targets = ("0.targets", Data::U32(&[0, 1]));
    assert!(inconsistent(forest(2, &left, SUM, &leaves(Some(targets)))), "trees of one score");
}

/// Catches a file that a release without such leaves could read, and is not told to.
#[test]
fn a_file_has_the_oldest_version_that_says_it() {
    let version = |bytes: &[u8]| {
        let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
        let text = metadata.metadata().as_ref().unwrap()[DESCRIPTION].clone();
        serde_json::from_str::<Versioned>(&text).unwrap().version
    };
    let plain = linear(&[1.0, 2.0], &[0.0]);
    for (bytes, wanted) in
        [(dense(), 1), (sparse(&STARTS, &PLACES), 2), (plain, 1), (with_means(3), 3), (with_covers(3, 6), 3)]
    {
        assert_eq!(version(&Model::read(&bytes).unwrap().write("a test").unwrap()), wanted);
    }
}

/// Two features; the first node sends categories 1 and 5 of the second to the left, the other compares with 0.5.
fn split_by_sets(version: u32, of_nodes: &[u32], starts: &[u32], members: &[u32]) -> Vec<u8> {
    let scores = r#"{"kind": "trees", "input": "light_gbm", "compare": "not_above", "width": 1,
        "combine": {"kind": "sum", "divisor": null, "single": false}}"#;
    let tensors = [
        ("0.feature", Data::U32(&[1, LEAF, 0, LEAF, LEAF])),
        ("0.threshold", Data::F64(&[0.0, 0.0, 0.5, 0.0, 0.0])),
        ("0.left", Data::U32(&[1, 0, 3, 1, 2])),
        ("0.right", Data::U32(&[2, 0, 4, 0, 0])),
        ("0.values", Data::F64(&[-1.0, 1.0, 10.0])),
        ("0.roots", Data::U32(&[0])),
        ("0.targets", Data::U32(&[0])),
        ("0.init", Data::F64(&[0.0])),
        ("0.covers", Data::F64(&[8.0, 2.0, 6.0, 4.0, 2.0])),
        ("0.sets", Data::U32(of_nodes)),
        ("0.set_starts", Data::U32(starts)),
        ("0.set_members", Data::U32(members)),
    ];
    file(&versioned(version, 2, scores, VALUES), &tensors)
}

const SET_OF_NODES: [u32; 5] = [0, NO_SET, NO_SET, NO_SET, NO_SET];
const SET_STARTS: [u32; 2] = [0, 2];
const SET_MEMBERS: [u32; 2] = [1, 5];

/// Catches a category that is taken for a number, and what LightGBM makes of values that are no categories.
#[test]
fn categories_go_to_the_side_of_their_set() {
    let bytes = split_by_sets(4, &SET_OF_NODES, &SET_STARTS, &SET_MEMBERS);
    let model = Model::read(&bytes).unwrap();
    for (value, wanted) in [(1.0, -1.0), (5.0, -1.0), (5.9, -1.0), (0.0, 1.0), (3.0, 1.0), (-1.0, 1.0), (1e18, 1.0)] {
        assert_eq!(predict(&model, &[0.5, value]), Ok(vec![wanted]), "{value}");
    }
    assert_eq!(predict(&model, &[0.6, f64::NAN]), Ok(vec![10.0]));
    let rows: Vec<f64> = (0..40).flat_map(|row| [f64::from(row % 2), f64::from(row % 7)]).collect();
    let mut at_once = Vec::new();
    model.predict_rows(&rows, &mut Work::default(), &mut at_once).unwrap();
    let each: Vec<f64> = rows.chunks(2).flat_map(|row| predict(&model, row).unwrap()).collect();
    assert_eq!(at_once, each);
    let written = model.write("a test").unwrap();
    assert_eq!(Model::read(&written).unwrap(), model);
    let text = String::from_utf8_lossy(&written).into_owned();
    assert!(text.contains(r#"\"version\":4"#), "{}", &text[..200]);
}

#[test]
fn sets_that_are_not_there_are_refused() {
    let read =
        |of_nodes: &[u32], starts: &[u32], members: &[u32]| Model::read(&split_by_sets(4, of_nodes, starts, members));
    assert!(read(&SET_OF_NODES, &SET_STARTS, &SET_MEMBERS).is_ok());
    let of_leaf = [0, 0, NO_SET, NO_SET, NO_SET];
    let beyond = [1, NO_SET, NO_SET, NO_SET, NO_SET];
    for (of_nodes, starts, members) in [
        (&of_leaf[..], &SET_STARTS[..], &SET_MEMBERS[..]),
        (&beyond, &SET_STARTS, &SET_MEMBERS),
        (&SET_OF_NODES[..4], &SET_STARTS, &SET_MEMBERS),
        (&SET_OF_NODES, &[], &SET_MEMBERS),
        (&SET_OF_NODES, &[0, 3], &SET_MEMBERS),
        (&SET_OF_NODES, &[1, 2], &SET_MEMBERS),
        (&SET_OF_NODES, &[0, 2, 1, 2], &SET_MEMBERS),
        (&SET_OF_NODES, &SET_STARTS, &[5, 1]),
        (&SET_OF_NODES, &SET_STARTS, &[1, 1]),
        (&SET_OF_NODES, &SET_STARTS, &[1, 1 << 31]),
    ] {
        assert!(matches!(read(of_nodes, starts, members), Err(ReadError::Inconsistent { part: 0, .. })));
    }
    let early = Model::read(&split_by_sets(3, &SET_OF_NODES, &SET_STARTS, &SET_MEMBERS)).unwrap_err().to_string();
    assert!(early.contains("since version 4 only"), "{early}");
}

fn with_means(version: u32) -> Vec<u8> {
    let numbers = Data::F64(&[1.0, 2.0]);
    let tensors = [("0.weights", numbers.again()), ("0.intercepts", Data::F64(&[0.0])), ("0.means", numbers.again())];
    file(&versioned(version, 2, r#"{"kind": "linear"}"#, VALUES), &tensors)
}

fn with_covers(version: u32, count: usize) -> Vec<u8> {
    let values = Data::F64(&[0.0, 1.0, 0.0, 0.2, 0.0, 0.8, 0.0, 0.0, 0.0, 0.3, 0.7, 0.0]);
    let covers = [9.0, 4.0, 5.0, 9.0, 9.0, 0.0];
    forest(version, &[1, 0, 3, 4, 6, 9], SUM, &[("0.values", values), ("0.covers", Data::F64(&covers[..count]))])
}

/// What contributions are computed from survives a reader and a writer, and no older version has it.
#[test]
fn what_contributions_are_computed_from_is_there_since_version_3() {
    for bytes in [with_means(3), with_covers(3, 6)] {
        let model = Model::read(&bytes).unwrap();
        assert_eq!(Model::read(&model.write("a test").unwrap()).unwrap(), model);
        assert!(crate::model::explain::Explainer::new(&model, &|| {}).is_ok());
    }
    for bytes in [with_means(2), with_covers(1, 6)] {
        assert!(matches!(Model::read(&bytes), Err(ReadError::Early { since: 3, .. })));
    }
    assert!(matches!(Model::read(&with_covers(3, 5)), Err(ReadError::Inconsistent { .. })), "a node without rows");
}

#[test]
fn a_decision_has_to_fit_the_scores() {
    let read = |decision: &str, probabilities: &str| {
        let finish = format!(
            r#"{{"kind": "classes", "classes": [3, 7], "decision": "{decision}", "probabilities": {probabilities}}}"#
        );
        let text = description(2, r#"{"kind": "linear"}"#, &finish);
        Model::read(&file(&text, &[("0.weights", Data::F64(&[1.0, -1.0])), ("0.intercepts", Data::F64(&[0.0]))]))
    };
    let model = read("positive", r#"{"name": "logistic"}"#).unwrap();
    assert_eq!(predict(&model, &[2.0, 1.0]), Ok(vec![7.0]));
    assert_eq!(predict(&model, &[1.0, 1.0]), Ok(vec![3.0]));
    let mut out = Vec::new();
    model.probabilities(&[1.0, 1.0], &mut Work::default(), &mut out).unwrap();
    assert_eq!(out, [0.5, 0.5]);
    for (decision, probabilities) in [("largest", "null"), ("likeliest", "null"), ("votes", "null")] {
        assert!(matches!(read(decision, probabilities), Err(ReadError::Inconsistent { .. })), "{decision}");
    }
}

#[test]
fn a_model_that_differs_is_refused() {
    let model = Model::read(&linear(&[2.0, 3.0], &[0.5])).unwrap();
    let with = |label: f64| {
        let labels = [label];
        check(&model, &Sample { rows: 1, features: &[1.0, 1.0], labels: &labels, probabilities: None })
    };
    assert_eq!(with(5.5 * (1.0 + 1e-10)), Ok(()));
    assert!(matches!(with(5.5 * (1.0 + 1e-8)), Err(Difference::Value { row: 1, .. })));
    // Trees add up the same numbers in the same order: there, the last bit counts.
    let model = Model::read(&trees(&LEFT, 1, "float64")).unwrap();
    let labels = [f64::from_bits(4.5f64.to_bits() + 1)];
    let sample = Sample { rows: 1, features: &[0.0, 0.0], labels: &labels, probabilities: None };
    assert!(matches!(check(&model, &sample), Err(Difference::Value { .. })));
}

#[test]
fn what_is_written_is_read_again() {
    for bytes in [linear(&[2.0, 3.0], &[0.5]), trees(&LEFT, 1, "light_gbm"), dense(), sparse(&STARTS, &PLACES)] {
        let model = Model::read(&bytes).unwrap();
        let written = model.write("a test").unwrap();
        assert_eq!(Model::read(&written).unwrap(), model);
    }
}

/// Catches a reader that believes what it reads: no change of a valid file makes it, or the model, panic or loop.
#[test]
fn changed_bytes_are_refused_or_read_but_never_a_panic() {
    let sets = split_by_sets(4, &SET_OF_NODES, &SET_STARTS, &SET_MEMBERS);
    let valid = [linear(&[2.0, 3.0], &[0.5]), trees(&LEFT, 1, "float32_missing"), sparse(&STARTS, &PLACES), sets];
    let (read, refused) = damage(&valid, 20_000, |bytes| match Model::read(bytes) {
        Ok(model) => {
            if model.features < 64 {
                let _ = predict(&model, &vec![0.3; model.features]);
                let _ = predict(&model, &vec![f64::NAN; model.features]);
            }
            true
        }
        Err(_) => false,
    });
    assert!(read > 500 && refused > 500, "{read} read, {refused} refused");
}
