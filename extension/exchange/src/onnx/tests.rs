//! Files made here; packaging/tests/onnx.py compares with skl2onnx and ONNX Runtime.

use pgml_core::damage::damage;
use pgml_core::labels::Classes;
use pgml_core::model::forest::{Combine, Compare, Input, LEAF, Node, Parts};
use pgml_core::model::{
    Decision, Finish, Forest, Kernel, Linear, Link, Machine, Model, Part, Probabilities, Scores, Work,
};
use pgml_core::preprocess::{Categories, Column, Preprocess};
use pgml_core::project::Task;
use prost::Message;

use super::proto::{AttributeProto, ModelProto, NodeProto, TensorProto, attribute, data};
use super::*;

fn model(features: usize, scores: Scores, finish: Finish) -> Model {
    Model::new(features, vec![Part::new(scores, finish).expect("a part")]).expect("a model")
}

/// Two stumps of log odds, on the second number.
fn odds() -> Model {
    let node = |feature, threshold, left, right| Node { threshold, left, right, feature, missing_left: true.into() };
    let nodes = vec![
        node(1, 0.1, 1, 2),
        node(LEAF, 0.0, 0, 0),
        node(LEAF, 0.0, 1, 0),
        node(0, -2.0, 4, 5),
        node(LEAF, 0.0, 2, 0),
        node(LEAF, 0.0, 3, 0),
    ];
    let forest = Forest::new(Parts {
        features: 2,
        width: 1,
        input: Input::LightGbm,
        compare: Compare::NotAbove,
        nodes,
        roots: vec![0, 3],
        targets: Some(vec![0, 0]),
        values: vec![0.3, 1.25, 0.5, 2.0],
        places: None,
        combine: Combine::Sum { init: vec![0.25], divisor: None, single: false },
    });
    let finish = Finish::Classes {
        classes: vec![0.0, 1.0],
        decision: Decision::Likeliest,
        probabilities: Some(Probabilities::Logistic),
    };
    model(2, Scores::Forest(forest.expect("trees")), finish)
}

fn columns() -> Preprocess {
    let label = Classes::Texts { type_name: "text".into(), texts: vec!["no".into(), "yes".into()] };
    let scaled = Column { scale: Some((1.0, 4.0)), missing: true, ..Column::plain("b", 1) };
    Preprocess::new(vec![Column { missing: true, ..Column::plain("a", 1) }, scaled], Some(label)).expect("columns")
}

fn shares(model: &Model, preprocess: &Preprocess, row: [f64; 2]) -> Vec<f64> {
    let (mut numbers, mut out) = (Vec::new(), Vec::new());
    let row = row.map(|value| Some(value).filter(|value| !value.is_nan()));
    preprocess.numbers(1, &row, &mut numbers).expect("a row");
    model.probabilities(&numbers, &mut Work::default(), &mut out).expect("a row");
    out
}

#[test]
fn trees_of_doubles_are_written_and_read_again() {
    let (model, preprocess) = (odds(), columns());
    let file = write(&model, &preprocess).expect("a file");
    let read = read(&file).and_then(|read| read.finish(Task::Classification, Some(vec!["a".into(), "b".into()]), None));
    let (again, steps) = read.expect("a model");
    assert_eq!(steps.label(), preprocess.label());
    // 1.4 is the last number that is 0.1 when it is scaled.
    for row in [[0.0, 1.4], [0.0, 1.4f64.next_up().next_up()], [-3.0, 9.0], [f64::NAN, f64::NAN], [-2.0, -7.0]] {
        let (wanted, found) = (shares(&model, &preprocess, row), shares(&again, &steps, row));
        assert!((wanted[1] - found[1]).abs() < 1e-12, "{row:?}: {wanted:?} {found:?}");
    }
}

#[test]
fn texts_and_gaps_are_written_and_read_again() {
    let values = [("x".to_string(), 0.0), ("y'z".to_string(), 1.0)].into_iter().collect();
    let kind = Column {
        categories: Some(Categories { values, null: None, one_hot: Some(2) }),
        fill: Some(-1.0),
        ..Column::plain("kind", 1)
    };
    let size = Column { fill: Some(0.5), scale: Some((2.0, 4.0)), ..Column::plain("size", 1) };
    let preprocess = Preprocess::new(vec![kind, size], None).expect("columns");
    let scores = Linear::new(3, vec![1.0, 10.0, 100.0], vec![0.5]).expect("sizes that fit");
    let model = model(3, Scores::Linear(scores), Finish::Values(Link::Identity));
    let file = write(&model, &preprocess).expect("a file");
    let (again, steps) = read(&file).and_then(|read| read.finish(Task::Regression, None, None)).expect("a model");
    assert_eq!(steps.columns().collect::<Vec<_>>(), ["kind", "size"]);
    assert_eq!(steps.steps(), preprocess.steps());
    assert_eq!(again, model);
}

/// Found by the fuzzer: such a model was stored, and could not be read again.
#[test]
fn numbers_that_are_not_finite_are_refused() {
    let machine = |gamma| {
        let machine = Machine::new(Kernel::Rbf { gamma }, 1, vec![1.0], vec![2.0], vec![0.5]).expect("sizes that fit");
        let preprocess = Preprocess::new(vec![Column::plain("a", 1)], None).expect("a column");
        let file =
            write(&model(1, Scores::Machine(machine), Finish::Values(Link::Identity)), &preprocess).expect("a file");
        read(&file).and_then(|read| read.finish(Task::Regression, Some(vec!["a".into()]), None))
    };
    assert!(machine(0.5).is_ok());
    let refused = machine(f64::INFINITY).expect_err("an infinity").to_string();
    assert!(refused.contains("a number of its kernel or of its sums is not finite"), "{refused}");
}

fn changed(change: impl FnOnce(&mut ModelProto)) -> String {
    let mut file = ModelProto::decode(&write(&odds(), &columns()).expect("a file")[..]).expect("a file");
    change(&mut file);
    let read = read(&file.encode_to_vec()).and_then(|read| read.finish(Task::Classification, None, None).map(|_| ()));
    read.expect_err("a change").to_string()
}

#[test]
fn an_error_names_the_operator() {
    let node = |file: &mut ModelProto, change: fn(&mut proto::NodeProto)| {
        file.graph.iter_mut().flat_map(|graph| &mut graph.node).for_each(change)
    };
    let told = changed(|file| node(file, |node| node.op_type = "Loop".into()));
    assert_eq!(told, "the ONNX model has what can't be imported: operator 1 (Loop): no operator that is known");
    let told = changed(|file| node(file, |node| node.domain = "com.example".into()));
    assert!(told.contains("operator 1 (TreeEnsembleClassifier): the domain \"com.example\""), "{told}");
    let attribute = |name: &'static str, change: fn(&mut proto::AttributeProto)| {
        changed(|file| {
            let nodes = file.graph.iter_mut().flat_map(|graph| &mut graph.node);
            nodes.flat_map(|node| &mut node.attribute).filter(|one| one.name == name).for_each(change)
        })
    };
    for (name, change, told) in [
        (
            "nodes_treeids",
            (|one| one.ints.truncate(3)) as fn(&mut proto::AttributeProto),
            "\"nodes_treeids\" has 3 values instead of 8",
        ),
        ("nodes_truenodeids", |one| one.ints[0] = 7, "tree 0: node 1 is a second root"),
        ("nodes_truenodeids", |one| one.ints[0] = 2, "tree 0: node 1 is a second root"),
        ("nodes_falsenodeids", |one| one.ints[0] = 1, "tree 0: node 2 is a second root"),
        ("nodes_featureids", |one| one.ints[0] = 2, "splits feature 2, and there are 2"),
        ("nodes_nodeids", |one| one.ints[1] = 0, "tree 0: node 0 is there twice"),
        ("nodes_modes", |one| one.strings[0] = b"BRANCH_EQ".to_vec(), "node 0 has the mode \"BRANCH_EQ\""),
        ("class_nodeids", |one| one.ints[0] = 5, "a weight of node 5, which is not there"),
        ("post_transform", |one| one.s = b"PROBIT".to_vec(), "post_transform \"PROBIT\""),
        ("post_transform", |one| one.r#type = attribute::INT, "attribute \"post_transform\" has the type 2"),
        (
            "nodes_values_as_tensor",
            |one| {
                one.t = one.t.take().map(|mut t| {
                    t.dims = vec![2, i64::MAX];
                    t
                })
            },
            "and the shape [2, 9223372036854775807]",
        ),
    ] {
        let error = attribute(name, change);
        assert!(error.contains(told), "{name}: {error}");
    }
}

/// Reads a file whose only node is an ensemble of version 5 with these attributes.
fn read_ensemble(attribute: Vec<AttributeProto>) -> crate::Result<(Model, Preprocess)> {
    let mut file = ModelProto::decode(&write(&odds(), &columns()).expect("a file")[..]).expect("a file");
    let graph = file.graph.as_mut().expect("a graph");
    graph.output.truncate(1);
    graph.output[0].name = "y".into();
    let (input, output) = (graph.node[0].input.clone(), vec!["y".into()]);
    let (op_type, domain) = ("TreeEnsemble".into(), "ai.onnx.ml".into());
    graph.node = vec![NodeProto { input, output, op_type, domain, attribute, ..NodeProto::default() }];
    let names = Some(vec!["a".into(), "b".into()]);
    read(&file.encode_to_vec()).and_then(|read| read.finish(Task::Regression, names, None))
}

/// Catches a reader that takes a mode or a leaf of the new operator for another.
#[test]
fn the_operator_of_version_5_is_read_or_refused_by_name() {
    let ints = |name: &str, ints: &[i64]| AttributeProto {
        name: name.into(),
        r#type: attribute::INTS,
        ints: ints.to_vec(),
        ..AttributeProto::default()
    };
    let tensor = |name: &str, t: TensorProto| AttributeProto {
        name: name.into(),
        r#type: attribute::TENSOR,
        t: Some(t),
        ..AttributeProto::default()
    };
    let floats = |name: &str, floats: &[f32]| {
        let (dims, float_data) = (vec![floats.len() as i64], floats.to_vec());
        tensor(name, TensorProto { data_type: data::FLOAT, dims, float_data, ..TensorProto::default() })
    };
    let modes = |raw: &[u8]| {
        let (dims, raw_data) = (vec![raw.len() as i64], raw.to_vec());
        tensor("nodes_modes", TensorProto { data_type: data::UINT8, dims, raw_data, ..TensorProto::default() })
    };
    // Two trees: a < 0.5 leads to leaf 0 or to b > 1 with the leaves 1 and 2; the other is leaf 0 on both sides.
    let valid = || {
        vec![
            ints("tree_roots", &[0, 2]),
            ints("nodes_featureids", &[0, 1, 0]),
            floats("nodes_splits", &[0.5, 1.0, 0.0]),
            modes(&[1, 3, 0]),
            ints("nodes_truenodeids", &[0, 1, 0]),
            ints("nodes_trueleafs", &[1, 1, 1]),
            ints("nodes_falsenodeids", &[1, 2, 0]),
            ints("nodes_falseleafs", &[0, 1, 1]),
            ints("leaf_targetids", &[0, 0, 0]),
            floats("leaf_weights", &[1.0, 10.0, 100.0]),
        ]
    };
    let (model, _) = read_ensemble(valid()).expect("a model");
    for (row, wanted) in [([0.4, 0.0], 2.0), ([0.5, 1.5], 11.0), ([0.5, 1.0], 101.0)] {
        let mut found = Vec::new();
        model.predict(&row, &mut Work::default(), &mut found).expect("a row");
        assert_eq!(found, [wanted], "{row:?}");
    }
    for (place, to, told) in [
        (0, ints("tree_roots", &[0, 7]), "node 7 is not there"),
        (0, ints("tree_roots", &[0, 1]), "node 1 is the child of two nodes, or a second root"),
        (1, ints("nodes_featureids", &[0, 9, 0]), "splits feature 9, and there are 2"),
        (2, floats("nodes_splits", &[0.5]), "\"nodes_splits\" has 1 values instead of 3"),
        (3, modes(&[6, 3, 0]), "has the mode \"BRANCH_MEMBER\""),
        (3, modes(&[1, 9, 0]), "node 1 has the mode 9"),
        (4, ints("nodes_truenodeids", &[5, 1, 0]), "leaf 5 is not there"),
        (8, ints("leaf_targetids", &[0, 3, 0]), "a weight is of a score that is not there"),
        (9, floats("leaf_weights", &[1.0, f32::NAN, 2.0]), "is a leaf that is no finite number"),
    ] {
        let mut attributes = valid();
        attributes[place] = to;
        let error = read_ensemble(attributes).expect_err(told).to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn lengths_that_lie_are_refused() {
    let file = write(&odds(), &columns()).expect("a file");
    assert!(read(&file).is_ok());
    for cut in 0..file.len() {
        // The last four bytes are the version of operators that are not in the file.
        assert!(read(&file[..cut]).is_err() || cut == file.len() - 4, "{cut}");
    }
    // A graph of 2^62 bytes.
    let lie = [0x3a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40];
    let error = read(&lie).expect_err("a lie").to_string();
    assert_eq!(error, "the file is no whole ONNX model: byte 0: a field is longer than what it is in");
    // A million operators of two bytes each, as many attributes, and graphs inside of graphs.
    let graph = |inside: Vec<u8>| {
        let mut file = vec![0x3a];
        prost::encoding::encode_varint(inside.len() as u64, &mut file);
        file.extend(inside);
        file
    };
    assert!(matches!(read(&graph([0x0a, 0x00].repeat(1_000_000))), Err(Error::TooLarge { .. })));
    let mut node = vec![0x0a];
    prost::encoding::encode_varint(2_000_000, &mut node);
    node.extend([0x2a, 0x00].repeat(1_000_000));
    assert!(matches!(read(&graph(node)), Err(Error::TooLarge { .. })));
}

/// Catches a reader that believes what it reads: no change of a valid file makes it, or the model, panic or loop.
#[test]
fn changed_bytes_are_refused_or_read_but_never_a_panic() {
    let valid = write(&odds(), &columns()).expect("a file");
    let names = || Some(vec!["a".into(), "b".into()]);
    let (accepted, refused) = damage(&[valid], 20_000, |bytes| {
        let read = read(bytes).and_then(|read| read.finish(Task::Classification, names(), None));
        read.map(|(model, _)| model.predict(&[0.3, f64::NAN], &mut Work::default(), &mut Vec::new())).is_ok()
    });
    assert!(accepted > 50 && refused > 500, "{accepted} accepted, {refused} refused");
}
