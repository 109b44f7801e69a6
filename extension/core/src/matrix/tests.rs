//! What is collected, and what is refused by its column.

use super::*;

fn layout(features: &[(&str, bool)]) -> Layout {
    let column = |name: &str, array| Column {
        name: name.into(),
        type_name: "float8".into(),
        element: "float8".into(),
        array,
        nullable: true,
        values: Vec::new(),
    };
    Layout {
        features: features.iter().map(|(name, array)| column(name, *array)).collect(),
        labels: vec![column("y", false)],
        ..Layout::default()
    }
}

#[test]
fn columns_are_flattened_in_order() {
    let mut builder = Builder::new(&layout(&[("a", false), ("b", true)]), &Plan::default(), false);
    for row in 0..2 {
        builder.scalar(0, Some(row as f64));
        builder.array(1, Some(&[10.0, 20.0])).unwrap();
        builder.scalar(2, Some(7.0));
        builder.end_row();
    }
    let matrix = builder.finish("t").unwrap();
    assert_eq!((matrix.rows, matrix.features, matrix.labels), (2, 3, 1));
    assert_eq!(matrix.x, [0.0, 10.0, 20.0, 1.0, 10.0, 20.0]);
    assert_eq!(matrix.y, [7.0, 7.0]);
    assert_eq!(matrix.widths, [1, 2]);
}

#[test]
fn every_column_with_missing_values_is_counted() {
    let mut builder = Builder::new(&layout(&[("a", false), ("b", true)]), &Plan::default(), false);
    for row in 0..3 {
        builder.scalar(0, (row != 1).then_some(1.0));
        builder.array(1, None).unwrap();
        builder.scalar(2, Some(f64::NAN));
        builder.end_row();
    }
    let error = builder.finish("t").unwrap_err();
    assert_eq!(error.to_string(), "NULL in column \"a\" (1 row), column \"b\" (3 rows)");
}

#[test]
fn infinite_labels_are_refused() {
    let mut builder = Builder::new(&layout(&[("a", false)]), &Plan::default(), false);
    for _ in 0..2 {
        builder.scalar(0, Some(1.0));
        builder.scalar(1, Some(f64::INFINITY));
        builder.end_row();
    }
    let error = builder.finish("t").unwrap_err();
    assert_eq!(error.to_string(), "NaN or infinite values in column \"y\" (2 rows)");
}

#[test]
fn arrays_of_another_size_are_refused() {
    let mut builder = Builder::new(&layout(&[("a", true)]), &Plan::default(), false);
    builder.array(0, Some(&[1.0, 2.0])).unwrap();
    builder.scalar(1, Some(0.0));
    builder.end_row();
    let error = builder.array(0, Some(&[1.0])).unwrap_err();
    assert_eq!(error, Error::Ragged { column: "a".into(), expected: 2, found: 1, row: 2 });
}

#[test]
fn none_and_one_are_too_few() {
    assert!(matches!(
        Builder::new(&layout(&[("a", false)]), &Plan::default(), false).finish("t"),
        Err(Error::NoRows(_))
    ));
    let mut builder = Builder::new(&layout(&[("a", false)]), &Plan::default(), false);
    builder.scalar(0, Some(1.0));
    builder.scalar(1, Some(1.0));
    builder.end_row();
    assert!(matches!(builder.finish("t"), Err(Error::OneRow(_))));
}

#[test]
fn reordering_in_place_equals_a_copy() {
    let order = [3, 0, 2, 4, 1];
    let mut values: Vec<f64> = (0..10).map(f64::from).collect();
    let expected: Vec<f64> = order.iter().flat_map(|row| [values[row * 2], values[row * 2 + 1]]).collect();
    permute(&mut values, 2, &order);
    assert_eq!(values, expected);
}

#[test]
fn classes_are_whole_numbers_and_more_than_one() {
    let matrix = |y: &[f64]| Matrix {
        rows: y.len(),
        features: 1,
        labels: 1,
        x: vec![0.0; y.len()],
        y: y.to_vec(),
        widths: vec![1],
        texts: vec![Vec::new()],
        ..Matrix::default()
    };
    let names = ["y".to_string()];
    assert!(matrix(&[0.0, 1.0, 2.0]).check_classes(&names, 2).is_ok());
    assert!(matches!(matrix(&[0.0, 0.0, 1.0]).check_classes(&names, 2), Err(Error::OneClass { rows: 2, .. })));
    assert!(matches!(matrix(&[0.5, 1.0]).check_classes(&names, 2), Err(Error::ContinuousClasses { .. })));
}

#[test]
fn texts_are_numbered_in_their_own_order() {
    let mut layout = layout(&[("n", true), ("kind", false)]);
    layout.features[1].element = "text".into();
    let mut builder = Builder::new(&layout, &Plan::default(), false);
    for text in [Some("b"), None, Some("c"), Some("a"), Some("b")] {
        builder.array(0, Some(&[7.0, 8.0])).unwrap();
        builder.text(1, text);
        builder.scalar(2, Some(1.0));
        builder.end_row();
    }
    let matrix = builder.finish("t").unwrap();
    assert_eq!(matrix.texts, [vec![], vec!["a", "b", "c"]]);
    let codes: Vec<String> = (0..5).map(|row| matrix.row(row)[2].to_string()).collect();
    assert_eq!(codes, ["1", "NaN", "2", "0", "1"]);
}

#[test]
fn only_a_column_whose_gaps_are_filled_may_have_some() {
    let plan = Plan::parse(r#"{"a": {"impute": "zero"}}"#).unwrap();
    let mut builder = Builder::new(&layout(&[("a", false), ("b", false)]), &plan, false);
    for value in [None, Some(f64::NAN), Some(f64::INFINITY)] {
        builder.scalar(0, value);
        builder.scalar(1, value);
        builder.scalar(2, Some(1.0));
        builder.end_row();
    }
    let error = builder.clone().finish("t").unwrap_err();
    assert_eq!(error.to_string(), "NULL in column \"b\" (1 row)");
    builder.seen[1].nulls = 0;
    let error = builder.finish("t").unwrap_err();
    assert_eq!(error.to_string(), "NaN or infinite values in column \"a\" (1 row), column \"b\" (2 rows)");
}
#[test]
fn weights_move_with_their_rows_and_are_no_feature() {
    let mut layout = layout(&[("a", false)]);
    layout.weight = Some(Column { name: "w".into(), ..layout.features[0].clone() });
    let build = |weights: &[f64]| {
        let mut builder = Builder::new(&layout, &Plan::default(), false);
        for (row, weight) in weights.iter().enumerate() {
            builder.scalar(0, Some(row as f64));
            builder.scalar(1, Some(0.0));
            builder.scalar(2, Some(*weight));
            builder.end_row();
        }
        builder.finish("t")
    };
    let mut matrix = build(&[1.0, 0.0, 2.5]).unwrap();
    assert_eq!((matrix.features, &matrix.weights[..]), (1, &[1.0, 0.0, 2.5][..]));
    matrix.reorder(&[2, 0, 1]);
    assert_eq!((&matrix.x[..], &matrix.weights[..]), (&[2.0, 0.0, 1.0][..], &[2.5, 1.0, 0.0][..]));
    assert!(matches!(build(&[1.0, -1.0]), Err(Error::Weights { what: "negative in some rows", .. })));
    assert!(matches!(build(&[0.0, 0.0]), Err(Error::Weights { what: "zero in all rows", .. })));
}

#[test]
fn missing_values_stay_where_the_algorithm_takes_them() {
    let mut builder = Builder::new(&layout(&[("a", false)]), &Plan::default(), true);
    for value in [None, Some(1.0), Some(f64::NAN)] {
        builder.scalar(0, value);
        builder.scalar(1, Some(1.0));
        builder.end_row();
    }
    let matrix = builder.clone().finish("t").unwrap();
    assert!(matrix.x[0].is_nan() && matrix.x[1] == 1.0 && matrix.x[2].is_nan());
    builder.scalar(0, Some(1.0));
    builder.scalar(1, None);
    builder.end_row();
    let found = builder.clone().finish("t").unwrap_err();
    assert!(matches!(&found, Error::NoLabel { label, .. } if label == "y"), "{found:?}");
    assert!(found.hint().is_some_and(|hint| hint.contains("WHERE \"y\" IS NOT NULL")));
}
