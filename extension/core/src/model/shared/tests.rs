//! A model whose arrays lie in a file is the model that was read, and no byte of a file is taken for another one.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;
use crate::model::forest::{Combine, Compare, Flag, Input, LEAF, Node, Parts};
use crate::model::{Finish, Kernel, Linear, Link, Machine, NO_SET, Neighbours, Part, Places, Sets, Work};

/// The mapping of a file with these bytes, which is removed at once.
fn mapping(bytes: &[u8]) -> Arc<Mapping> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let name = format!("pgml-shared-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
    let path: PathBuf = std::env::temp_dir().join(name);
    fs::write(&path, bytes).expect("a file");
    let file = File::open(&path).expect("the file");
    fs::remove_file(&path).expect("the file");
    // SAFETY: nobody finds the file any more.
    Arc::new(unsafe { Mapping::new(&file, Box::new(())) }.expect("a mapping"))
}

fn arrays_of(model: &mut Model) -> Vec<u8> {
    let mut bytes = Vec::new();
    model.write_arrays(&mut bytes).expect("memory");
    assert_eq!(bytes.len(), model.layout(b"a seal").bytes);
    bytes
}

/// The same model with its arrays in a file.
pub fn mapped(model: &Model) -> Model {
    let mut shared = model.clone();
    let mapping = mapping(&arrays_of(&mut shared));
    assert!(shared.adopt(&mapping));
    mapping.forget_pages();
    let inside = mapping.bytes().as_ptr_range();
    shared.arrays(&mut |array| {
        assert!(
            array.bytes().is_empty() || inside.contains(&array.bytes().as_ptr()),
            "an array that is not in the file"
        );
    });
    assert_eq!(&shared, model);
    shared
}

fn model(scores: Scores) -> Model {
    Model::new(2, vec![Part::new(scores, Finish::Values(Link::Identity)).expect("values")]).expect("a model")
}

/// A tree of two features with everything that a forest may have.
fn tree(sets: bool) -> Forest {
    let leaf = |left| Node { threshold: 0.0, left, right: 0, feature: LEAF, missing_left: Flag::NO };
    let split = |feature, left, right| Node { threshold: 0.5, left, right, feature, missing_left: true.into() };
    let forest = Forest::new(Parts {
        features: 2,
        width: 2,
        input: Input::Float64,
        compare: Compare::NotAbove,
        nodes: vec![split(0, 1, 2), leaf(0), split(1, 3, 4), leaf(1), leaf(2)],
        roots: vec![0],
        targets: None,
        values: vec![1.0, -2.0, 3.0],
        places: Some(Places { starts: vec![0, 1, 2, 3].into(), scores: vec![0, 1, 0].into() }),
        combine: Combine::Sum { init: vec![0.5, 0.25], divisor: None, single: false },
    });
    let forest = forest.and_then(|forest| forest.with_covers(vec![5.0, 2.0, 3.0, 1.0, 2.0])).expect("a forest");
    let of_nodes = vec![NO_SET, NO_SET, 0, NO_SET, NO_SET];
    match sets {
        true => forest
            .with_sets(Sets { of_nodes: of_nodes.into(), starts: vec![0, 1].into(), members: vec![1].into() })
            .expect("sets"),
        false => forest,
    }
}

fn models() -> Vec<Model> {
    let machine = Machine::new(Kernel::Linear, 2, vec![1.0, 2.0, 3.0, 4.0], vec![0.5, -0.5], vec![1.0]);
    let kept = Neighbours::new(1, false, 2, vec![0.0, 0.0, 1.0, 1.0], 1, vec![7.0, 8.0]);
    vec![
        model(Scores::Linear(Linear::new(2, vec![2.0, -1.0], vec![0.5]).expect("a sum"))),
        model(Scores::Machine(machine.expect("a machine"))),
        model(Scores::Neighbours(kept.expect("neighbours"))),
        model(Scores::Forest(tree(false))),
        model(Scores::Forest(tree(true))),
    ]
}

fn predictions(model: &Model) -> Vec<u64> {
    let (mut work, mut out) = (Work::default(), Vec::new());
    let rows = [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.25, 2.0, 7.5, 1.0];
    model.predict_rows(&rows, &mut work, &mut out).expect("finite rows");
    rows.chunks_exact(2).for_each(|row| model.predict(row, &mut work, &mut out).expect("a finite row"));
    out.into_iter().map(f64::to_bits).collect()
}

/// Catches an array that is taken from the wrong place, and one that a kind of model forgets to share.
#[test]
fn a_shared_model_is_the_same_model() {
    for model in models() {
        let shared = mapped(&model);
        assert_eq!(predictions(&shared), predictions(&model));
        assert_eq!(shared.write("a test").expect("a file"), model.write("a test").expect("a file"));
        // A copy has memory of its own.
        assert_eq!(predictions(&shared.clone()), predictions(&model));
    }
}

/// Catches a file that is believed: each bit that differs within an array, and another length.
#[test]
fn a_file_with_another_byte_is_refused() {
    for model in models() {
        let mut own = model.clone();
        let bytes = arrays_of(&mut own);
        let mut within = Vec::new();
        let mut place = 0;
        own.arrays(&mut |array| {
            within.extend(place..place + array.bytes().len());
            place = end_of(place, array.bytes().len());
        });
        for at in within {
            let mut other = bytes.clone();
            other[at] ^= 1 << (at % 8);
            let mapping = mapping(&other);
            assert!(!own.adopt(&mapping), "byte {at}");
            assert_eq!(Arc::strong_count(&mapping), 1, "byte {at}: an array of the file is used");
            assert_eq!(own, model);
        }
        for other in [&bytes[..bytes.len() - 1], &bytes[..ALIGNED / 2], &[&bytes[..], &[0; ALIGNED]].concat()] {
            assert!(!model.clone().adopt(&mapping(other)), "{} bytes", other.len());
        }
        assert_eq!(predictions(&own), predictions(&model));
    }
}

/// Catches two models that take each other's file for their own.
#[test]
fn a_name_is_of_one_model() {
    let [linear, machine, ..] = &mut models()[..] else { panic!("INVARIANT: there are five") };
    let name = linear.layout(b"a seal").name;
    assert_eq!(name, linear.clone().layout(b"a seal").name);
    assert_ne!(name, linear.layout(b"another").name);
    assert_ne!(name, machine.layout(b"a seal").name);
    assert!(name.len() == 32 && name.bytes().all(|digit| digit.is_ascii_hexdigit()), "{name}");
}

/// Catches a change that reaches the file, or memory of before it.
#[test]
fn an_array_that_is_changed_is_a_copy() {
    let mut numbers: crate::slab::Slab<u32> = vec![1, 2, 3].into();
    let mapping = mapping(&[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]);
    assert!(!numbers.adopt(&mapping, 4), "beyond the end");
    assert!(numbers.adopt(&mapping, 0));
    numbers.push(4);
    assert_eq!(&numbers[..], [1, 2, 3, 4]);
    assert_eq!(mapping.bytes()[..4], [1, 0, 0, 0]);
}
