//! Files by hand; packaging/tests/exchange.py has XGBoost's own.

use pgml_core::damage::damage;
use pgml_core::model::{Scores, Work};
use pgml_core::project::Task;
use serde_json::{Value, json};

use super::*;

fn file() -> Value {
    json!({
        "learner": {
            "attributes": {"best": "1"},
            "feature_names": ["width", "height"],
            "gradient_booster": {"name": "gbtree", "model": {"tree_info": [0], "trees": [{
                "left_children": [1, -1, 3, -1, -1], "right_children": [2, -1, 4, -1, -1],
                "split_indices": [1, 0, 0, 0, 0], "split_conditions": [0.5, 1.5, -2.0, 0.25, -1.0],
                "default_left": [1, 0, 0, 0, 0], "split_type": [0, 0, 0, 0, 0],
                "tree_param": {"size_leaf_vector": "1"}}]}},
            "learner_model_param": {"base_score": "[5E-1]", "num_class": "0", "num_feature": "2", "num_target": "1"},
            "objective": {"name": "reg:squarederror"},
        },
        "version": [3, 2, 0],
    })
}

/// UBJSON of a value; arrays of numbers in arrays of one type, as XGBoost writes them.
fn ubj(value: &Value, out: &mut Vec<u8>) {
    let length = |count: usize, out: &mut Vec<u8>| {
        out.push(b'L');
        out.extend((count as i64).to_be_bytes());
    };
    match value {
        Value::Array(list) if list.iter().all(Value::is_number) => {
            let whole = list.iter().all(Value::is_i64);
            out.extend([b'[', b'$', if whole { b'l' } else { b'd' }, b'#']);
            length(list.len(), out);
            list.iter().for_each(|one| match one.as_i64() {
                Some(number) if whole => out.extend((number as i32).to_be_bytes()),
                _ => out.extend((one.as_f64().unwrap_or(0.0) as f32).to_be_bytes()),
            });
        }
        Value::Array(list) => {
            out.extend([b'[', b'#']);
            length(list.len(), out);
            list.iter().for_each(|one| ubj(one, out));
        }
        Value::Object(entries) => {
            out.push(b'{');
            for (name, value) in entries {
                length(name.len(), out);
                out.extend(name.bytes());
                ubj(value, out);
            }
            out.push(b'}');
        }
        Value::String(text) => {
            out.push(b'S');
            length(text.len(), out);
            out.extend(text.bytes());
        }
        other => panic!("{other} is not in a model"),
    }
}

fn predict(bytes: &[u8], row: [f64; 2]) -> f64 {
    let (model, _) = read(bytes).and_then(|read| read.finish(Task::Regression, None, None)).expect("a model");
    let mut out = Vec::new();
    model.predict(&row, &mut Work::default(), &mut out).expect("a row");
    out[0]
}

#[test]
fn both_forms_say_the_same() {
    let text = file().to_string().into_bytes();
    let mut binary = Vec::new();
    ubj(&file(), &mut binary);
    for bytes in [&text, &binary] {
        assert_eq!(predict(bytes, [0.0, 0.4]), 2.0);
        assert_eq!(predict(bytes, [-3.0, 0.5]), 0.75);
        assert_eq!(predict(bytes, [f64::NAN, 0.5]), -0.5);
        assert_eq!(predict(bytes, [f64::NAN, f64::NAN]), 2.0);
        assert_eq!(read(bytes).expect("a model").made_by, "XGBoost 3.2.0");
    }
}

#[test]
fn what_is_written_is_read_again() {
    let text = file().to_string();
    let (model, preprocess) =
        read(text.as_bytes()).and_then(|read| read.finish(Task::Regression, None, None)).expect("a model");
    let written = write(&model, &preprocess, &["a".into(), "b".into()]).expect("a file");
    for row in [[0.0, 0.4], [-3.0, 0.5], [f64::NAN, 0.5], [f64::NAN, f64::NAN]] {
        assert_eq!(predict(written.as_bytes(), row), predict(text.as_bytes(), row));
    }
}

/// Found by the fuzzer: JSON has no infinity, and a file with one was read by nobody. (UBJSON has one.)
#[test]
fn numbers_beyond_four_bytes_are_neither_written_nor_leaves() {
    let with_infinity = |node: usize| {
        let mut file = file();
        file["learner"]["gradient_booster"]["model"]["trees"][0]["split_conditions"][node] = json!(1e39);
        let mut binary = Vec::new();
        ubj(&file, &mut binary);
        read(&binary).and_then(|read| read.finish(Task::Regression, None, None))
    };
    let (model, preprocess) = with_infinity(0).expect("a split at infinity");
    let refused = write(&model, &preprocess, &["a".into(), "b".into()]).expect_err("an infinity").to_string();
    assert!(refused.contains("beyond the range of four bytes"), "{refused}");
    let refused = with_infinity(1).expect_err("a leaf").to_string();
    assert!(refused.contains("tree 0: node 1 is a leaf that is no finite number"), "{refused}");
}

#[test]
fn an_error_names_the_place() {
    let changed = |pointer: &str, to: Value| {
        let mut file = file();
        let (object, name) = pointer.rsplit_once('/').expect(pointer);
        file.pointer_mut(object).expect(object)[name] = to;
        read(file.to_string().as_bytes()).expect_err(pointer).to_string()
    };
    const TREE: &str = "/learner/gradient_booster/model/trees/0";
    for (pointer, to, told) in [
        ("/learner/gradient_booster/name", json!("dart"), "gradient_booster: booster \"dart\""),
        ("/learner/objective/name", json!("rank:ndcg"), "objective: \"rank:ndcg\""),
        ("/learner/learner_model_param/num_feature", json!("-1"), "learner_model_param: num_feature is \"-1\""),
        ("/learner/learner_model_param/base_score", json!("[1,2]"), "learner_model_param: base_score is \"[1,2]\""),
        ("/learner/gradient_booster/model/tree_info", json!([0, 0]), "tree_info: 2 entries for 1 trees"),
        ("/learner/gradient_booster/model/tree_info", json!([1]), "tree 0: its score is 1, and there are 1"),
    ] {
        let error = changed(pointer, to);
        assert!(error.contains(told), "{error}");
    }
    for (name, to, told) in [
        ("left_children", json!([0, -1, 3, -1, -1]), "tree 0: node 0 is the child of two nodes"),
        ("left_children", json!([1, -1, 9, -1, -1]), "tree 0: node 9 is not there"),
        ("right_children", json!([-2, -1, 4, -1, -1]), "tree 0: node 0 has one child"),
        ("split_indices", json!([7, 0, 0, 0, 0]), "tree 0: node 0 splits feature 7, and there are 2"),
        ("split_indices", json!([1]), "tree 0: split_indices has 1 values, and left_children has 5"),
        ("split_type", json!([1, 0, 0, 0, 0]), "tree 0: a split by categories has none"),
        ("categories_nodes", json!([0]), "tree 0: the lists of categories differ in length"),
        ("sum_hessian", json!([1, 1]), "tree 0: sum_hessian has 2 values, and left_children has 5"),
        ("sum_hessian", json!([1, -1, 1, 1, 1]), "tree 0: node 1 has a weight of its rows that is none"),
        ("default_left", json!([2, 0, 0, 0, 0]), "line 1, column "),
    ] {
        let error = changed(&format!("{TREE}/{name}"), to);
        assert!(error.contains(told), "{error}");
    }
}

/// Catches a set that goes to the wrong side, and numbers that are no categories.
#[test]
fn splits_by_categories_are_read_and_written() {
    let mut file = file();
    let tree = &mut file["learner"]["gradient_booster"]["model"]["trees"][0];
    for (name, to) in [
        ("split_type", json!([1, 0, 0, 0, 0])),
        ("categories", json!([4, 2])),
        ("categories_nodes", json!([0])),
        ("categories_segments", json!([0])),
        ("categories_sizes", json!([2])),
        ("sum_hessian", json!([6, 2, 4, 1, 3])),
    ] {
        tree[name] = to;
    }
    let text = file.to_string();
    let mut binary = Vec::new();
    ubj(&file, &mut binary);
    let (model, preprocess) =
        read(text.as_bytes()).and_then(|read| read.finish(Task::Regression, None, None)).expect("a model");
    let Scores::Forest(forest) = model.parts()[0].scores() else { panic!("trees") };
    assert_eq!(forest.covers(), Some(&[6.0, 4.0, 1.0, 3.0, 2.0][..]));
    let written = write(&model, &preprocess, &["a".into(), "b".into()]).expect("a file");
    for bytes in [text.as_bytes(), &binary, written.as_bytes()] {
        for (category, wanted) in [(2.0, 0.75), (4.5, 0.75), (0.0, 2.0), (3.0, 2.0), (-0.5, 2.0), (1e30, 2.0)] {
            assert_eq!(predict(bytes, [-3.0, category]), wanted, "{category}");
        }
        // What is missing goes to the left, as before.
        assert_eq!(predict(bytes, [-3.0, f64::NAN]), 2.0);
    }
    let lie = |name: &str, to: Value| {
        let mut file = file.clone();
        file["learner"]["gradient_booster"]["model"]["trees"][0][name] = to;
        read(file.to_string().as_bytes()).expect_err(name).to_string()
    };
    assert!(lie("categories_sizes", json!([3])).contains("the categories of node 0 are not there"));
    assert!(lie("categories_segments", json!([u64::MAX])).contains("the categories of node 0 are not there"));
    assert!(lie("categories_nodes", json!([7])).contains("the categories of node 7 are of no split by categories"));
    assert!(lie("categories", json!([4, 1u32 << 31])).contains("its trees: they don't fit its objective"));
}

#[test]
fn lengths_that_lie_are_refused() {
    let mut binary = Vec::new();
    ubj(&file(), &mut binary);
    for cut in 0..binary.len() {
        assert!(read(&binary[..cut]).is_err(), "{cut}");
    }
    // A name of 2^62 bytes, an array of as many numbers, one of values without bytes, and arrays without end.
    let lie = [&b"{L"[..], &(1i64 << 62).to_be_bytes()].concat();
    assert!(read(&lie).expect_err("a lie").to_string().contains("byte 10: a length of 4611686018427387904"));
    let array = |kind: u8, count: i64| [&b"{i\x01a[$"[..], &[kind, b'#', b'L'], &count.to_be_bytes()].concat();
    for bytes in
        [array(b'd', i64::MAX), array(b'Z', 1 << 40), array(b'd', -1), [&b"{i\x01a"[..], &[b'['; 10_000]].concat()]
    {
        assert!(read(&bytes).is_err());
    }
}

/// Catches a reader that believes what it reads: no change of a valid file makes it, or the model, panic or loop.
#[test]
fn changed_bytes_are_refused_or_read_but_never_a_panic() {
    let mut binary = Vec::new();
    ubj(&file(), &mut binary);
    let valid = [file().to_string().into_bytes(), binary];
    let names = || Some(vec!["a".into(), "b".into()]);
    let (accepted, refused) = damage(&valid, 5_000, |bytes| {
        let read = read(bytes).and_then(|read| read.finish(Task::Regression, names(), None));
        read.map(|(model, _)| model.predict(&[0.3, f64::NAN], &mut Work::default(), &mut Vec::new())).is_ok()
    });
    assert!(accepted > 50 && refused > 500, "{accepted} accepted, {refused} refused");
}
