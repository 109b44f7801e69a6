//! Texts by hand; packaging/tests/exchange.py has LightGBM's own.

use pgml_core::damage::damage;
use pgml_core::model::{Scores, Work};
use pgml_core::project::Task;

use super::*;
use crate::error::Error;

const TEXT: &str = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\nobjective=binary sigmoid:1\n\
    feature_names=width height\n\nTree=0\nnum_leaves=3\nnum_cat=0\nsplit_feature=1 0\nthreshold=0.5 -2\ndecision_type=2 10\n\
    left_child=1 -1\nright_child=-2 -3\nleaf_value=1 2 -3\nis_linear=0\n\nTree=1\nnum_leaves=1\nleaf_value=0.25\n\n\
    end of trees\nfeature_importances:\nwidth=1\n";

fn predict(text: &str, row: [f64; 2]) -> Vec<f64> {
    let (model, _) =
        read(text.as_bytes()).and_then(|read| read.finish(Task::Classification, None, None)).expect("a model");
    let mut out = Vec::new();
    model.probabilities(&row, &mut Work::default(), &mut out).expect("a row");
    out
}

#[test]
fn trees_names_and_missing_values_are_read() {
    let read = read(TEXT.as_bytes()).expect("a model");
    assert_eq!(read.columns.iter().map(|column| &column.name).collect::<Vec<_>>(), ["width", "height"]);
    assert!(read.columns.iter().all(|column| column.missing));
    let likely = |score: f64| 1.0 / (1.0 + (-score).exp());
    assert_eq!(predict(TEXT, [-3.0, 0.5])[1], likely(1.25));
    assert_eq!(predict(TEXT, [0.0, 0.9])[1], likely(2.25));
    // NaN counts as zero in the first split, and goes to the left in the second.
    assert_eq!(predict(TEXT, [f64::NAN, f64::NAN])[1], likely(1.25));
}

#[test]
fn what_is_written_is_read_again() {
    let (model, preprocess) =
        read(TEXT.as_bytes()).and_then(|read| read.finish(Task::Classification, None, None)).expect("a model");
    let written = write(&model, &preprocess, &["a b".into(), "c".into()]).expect("a text");
    let again = read(written.as_bytes()).expect("a model");
    assert_eq!(again.columns[0].name, "a_b");
    for row in [[-3.0, 0.5], [0.0, 0.9], [f64::NAN, f64::NAN], [1.0, -1.0]] {
        assert_eq!(predict(&written, row), predict(TEXT, row), "{row:?}");
    }
}

/// Catches a set that goes to the wrong side, and values that are no categories.
#[test]
fn splits_by_categories_are_read_and_written() {
    // Of the second number, 1 and 33 go to the left.
    let text = TEXT
        .replace("num_cat=0", "num_cat=1\ncat_boundaries=0 2\ncat_threshold=2 2\ninternal_count=6 4\nleaf_count=1 2 3")
        .replace("threshold=0.5 -2", "threshold=0 -2")
        .replace("decision_type=2 10", "decision_type=1 10");
    let imported = read(text.as_bytes()).and_then(|read| read.finish(Task::Classification, None, None));
    let (model, preprocess) = imported.expect("a model");
    let Scores::Forest(forest) = model.parts()[0].scores() else { panic!("trees") };
    assert_eq!(forest.covers(), Some(&[6.0, 4.0, 1.0, 3.0, 2.0, 1.0][..]));
    let written = write(&model, &preprocess, &["a".into(), "b".into()]).expect("a text");
    let likely = |score: f64| 1.0 / (1.0 + (-score).exp());
    for text in [&text, &written] {
        for (category, left) in
            [(1.0, true), (33.9, true), (0.0, false), (2.0, false), (-1.0, false), (f64::NAN, false)]
        {
            let wanted = if left { 1.25 } else { 2.25 };
            assert_eq!(predict(text, [-3.0, category])[1], likely(wanted), "{category}");
        }
    }
    let again = read(written.as_bytes()).and_then(|read| read.finish(Task::Classification, None, None));
    let (again, _) = again.expect("a model");
    let Scores::Forest(forest) = again.parts()[0].scores() else { panic!("trees") };
    assert_eq!(forest.covers(), Some(&[6.0, 4.0, 1.0, 3.0, 2.0, 1.0][..]), "covers are written, too");
}

/// Catches a reader that believes what it reads: no change of a valid file makes it, or the model, panic or loop.
#[test]
fn changed_bytes_are_refused_or_read_but_never_a_panic() {
    let valid = TEXT.replace("num_cat=0", "num_cat=1\ncat_boundaries=0 1\ncat_threshold=6").replace("=2 10", "=2 1");
    let (accepted, refused) = damage(&[TEXT.into(), valid.replace("0.5 -2", "0.5 0").into()], 5_000, |bytes| {
        let read = read(bytes).and_then(|read| read.finish(Task::Classification, None, None));
        read.map(|(model, _)| model.predict(&[0.3, f64::NAN], &mut Work::default(), &mut Vec::new())).is_ok()
    });
    assert!(accepted > 50 && refused > 500, "{accepted} accepted, {refused} refused");
}

#[test]
fn an_error_names_the_place() {
    for (from, to, told) in [
        ("left_child=1 -1", "left_child=1 0", "tree 0: node 0 is the child of two nodes"),
        ("left_child=1 -1", "left_child=1 -9", "tree 0: node 10 is not there"),
        ("left_child=1 -1", "left_child=7 -1", "tree 0: node 5 is not there"),
        ("split_feature=1 0", "split_feature=1 7", "tree 0: node 1 splits feature 7, and there are 2"),
        ("threshold=0.5 -2", "threshold=0.5", "tree 0: threshold has 1 values instead of 2"),
        ("threshold=0.5 -2", "threshold=0.5 x", "tree 0: value 2 of threshold is \"x\""),
        ("threshold=0.5 -2", "threshold=0.5 nan", "tree 0: node 1 splits at NaN"),
        ("decision_type=2 10", "decision_type=1 2", "tree 0: node 0 has a set of categories that is not there"),
        ("decision_type=2 10", "decision_type=6 10", "tree 0: zeros that count as missing"),
        ("num_cat=0", "num_cat=2", "tree 0: cat_boundaries has 0 values instead of 3"),
        ("num_cat=0", "num_cat=1\ncat_boundaries=0 9", "tree 0: cat_threshold has 0 values instead of 9"),
        ("num_cat=0", "num_cat=1\ncat_boundaries=1 0", "tree 0: cat_boundaries do not ascend"),
        ("num_cat=0", "num_cat=18446744073709551615", "tree 0: cat_boundaries do not ascend"),
        ("is_linear=0", "is_linear=1", "tree 0: linear leaves"),
        ("num_cat=0", "internal_count=9 4\nleaf_count=1 2", "tree 0: leaf_count has 2 values instead of 3"),
        ("num_cat=0", "internal_count=9 -4\nleaf_count=1 2 3", "tree 0: node 1 has a weight of its rows that is none"),
        ("Tree=1\nnum_leaves=1", "Tree=1\nnum_leaves=0", "tree 1: leaf_value has 1 values instead of 0"),
        ("binary sigmoid:1", "lambdarank", "its head: objective \"lambdarank\""),
        ("version=v4", "version=v4\naverage_output", "its head: average_output"),
        ("end of trees", "the end", "its end: \"end of trees\" is missing"),
        ("tree\n", "pickle\n", "line 1: it does not begin with \"tree\""),
        ("max_feature_idx=1", "max_feature_idx=99999999999", "the model has 100000000000 features"),
    ] {
        let error = read(TEXT.replacen(from, to, 1).as_bytes()).expect_err(to).to_string();
        assert!(error.contains(told), "{to}: {error}");
    }
    assert!(matches!(read(b"tree\n\xff"), Err(Error::Broken { .. })));
}
