//! What is learned of a column, and what it makes of values.

use super::*;
use crate::columns::Column;
use crate::matrix::Builder;
use crate::preprocess::Field;
use crate::time::Temporal;

type Row<'a> = (Option<&'a str>, Option<f64>, f64);

fn layout() -> Layout {
    let column = |name: &str, element: &str| Column {
        name: name.into(),
        type_name: element.into(),
        element: element.into(),
        array: false,
        nullable: true,
        values: Vec::new(),
    };
    Layout {
        features: vec![column("kind", "text"), column("size", "float8")],
        labels: vec![column("y", "float8")],
        ..Layout::default()
    }
}

fn matrix(plan: &Plan, rows: &[Row<'_>]) -> Matrix {
    let mut builder = Builder::new(&layout(), plan, false);
    for (kind, size, label) in rows {
        builder.text(0, *kind);
        builder.scalar(1, *size);
        builder.scalar(2, Some(*label));
        builder.end_row();
    }
    builder.finish("t").expect("rows")
}

/// The preprocessing of all rows but the last, and all rows after it.
fn learn(preprocess: &str, rows: &[Row<'_>]) -> Result<(Fitted, Matrix)> {
    let plan = Plan::parse(preprocess)?;
    plan.check("t", &layout())?;
    let mut matrix = matrix(&plan, rows);
    let fitted = fit(&plan, &layout(), &matrix, rows.len() - 1, Keep::default())?.expect("something to do");
    fitted.preprocess.transform(&mut matrix)?;
    // What prediction makes of a row is what training made of it.
    for (row, (kind, size, _)) in rows.iter().enumerate() {
        let kind = kind.map_or(Field::Null, |kind| Field::Text(kind.into()));
        let size = size.map_or(Field::Null, Field::Number);
        let mut out = Vec::new();
        fitted.preprocess.row(1, &[kind, size], &mut out)?;
        assert_eq!(out, matrix.row(row));
    }
    Ok((fitted, matrix))
}

const ROWS: [Row<'static>; 5] = [
    (Some("b"), Some(1.0), 10.0),
    (Some("a"), Some(3.0), 20.0),
    (Some("b"), Some(5.0), 40.0),
    (None, Some(7.0), 70.0),
    (Some("a"), Some(9.0), 0.0),
];

fn column(matrix: &Matrix, place: usize) -> Vec<f64> {
    (0..matrix.rows).map(|row| matrix.row(row)[place]).collect()
}

#[test]
fn texts_are_categories_without_being_asked() {
    let (fitted, matrix) = learn("{}", &ROWS).expect("steps");
    assert_eq!(column(&matrix, 0), [2.0, 1.0, 2.0, 0.0, 1.0]);
    assert_eq!(column(&matrix, 1), [1.0, 3.0, 5.0, 7.0, 9.0]);
    assert_eq!(fitted.preprocess.names(&[false, false]), ["kind", "size"]);
    assert_eq!(fitted.notes[0].statistics["categories"]["b"], json!({"value": 2.0, "members": 2}));
    assert_eq!(fitted.notes[0].statistics["categories"]["__NULL__"], json!({"value": 0.0, "members": 1}));
    assert_eq!(fitted.notes[1].statistics, Value::Null);
}

#[test]
fn categories_become_the_mean_of_the_training_rows_labels() {
    let (_, matrix) = learn(r#"{"kind": {"encode": "target"}}"#, &ROWS).expect("steps");
    assert_eq!(column(&matrix, 0), [25.0, 20.0, 25.0, 70.0, 20.0]);
}

#[test]
fn categories_become_columns() {
    let (fitted, matrix) = learn(r#"{"kind": {"encode": "one_hot", "scale": "standard"}}"#, &ROWS).expect("steps");
    assert_eq!(fitted.preprocess.names(&[false, false]), ["kind=a", "kind=b", "kind=NULL", "size"]);
    assert_eq!((matrix.features, matrix.widths.clone()), (4, vec![1, 1]));
    assert_eq!([column(&matrix, 0), column(&matrix, 1)], [[0.0, 1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0, 0.0]]);
    assert_eq!([column(&matrix, 2), column(&matrix, 3)], [[0.0, 0.0, 0.0, 1.0, 0.0], [1.0, 3.0, 5.0, 7.0, 9.0]]);
}

#[test]
fn more_columns_than_a_table_has_are_refused() {
    let texts: Vec<String> = (0..=MOST_COLUMNS + 1).map(|text| text.to_string()).collect();
    let rows: Vec<Row<'_>> = texts.iter().map(|text| (Some(text.as_str()), Some(1.0), 1.0)).collect();
    let error = learn(r#"{"kind": {"encode": "one_hot"}}"#, &rows).expect_err("too many");
    assert!(error.to_string().contains("one_hot would make 1601 columns of it"), "{error}");
}

#[test]
fn categories_become_places_in_a_list() {
    let (fitted, matrix) = learn(r#"{"kind": {"encode": {"ordinal": ["c", "b", "a"]}}}"#, &ROWS).expect("steps");
    assert_eq!(column(&matrix, 0), [2.0, 3.0, 2.0, 0.0, 3.0]);
    let mut out = Vec::new();
    let unseen = [Field::Text("c".into()), Field::Number(1.0)];
    assert_eq!(fitted.preprocess.row(1, &unseen, &mut out).map(|()| out), Ok(vec![1.0, 1.0]));
    let error = learn(r#"{"kind": {"encode": {"ordinal": ["a"]}}}"#, &ROWS).expect_err("b is not in the list");
    assert_eq!(error.to_string(), "column \"kind\" has 1 category that the list of \"ordinal\" lacks: \"b\"");
}

#[test]
fn what_training_rows_lack_is_imputed_or_refused() {
    let mut rows = ROWS;
    rows[4] = (Some("new"), Some(9.0), 0.0);
    let error = learn("{}", &rows).expect_err("a new category");
    assert_eq!(
        error.to_string(),
        "categories among the test rows that the rows to train on lack, in column \"kind\" (1 row)"
    );
    for (impute, wanted) in [("mode", 2.0), ("zero", 0.0), ("median", 1.5), ("max", 2.0)] {
        let (_, matrix) = learn(&format!(r#"{{"kind": {{"impute": "{impute}"}}}}"#), &rows).expect("steps");
        assert_eq!(column(&matrix, 0)[4], wanted, "{impute}");
    }
    let (_, matrix) = learn(r#"{"kind": {"encode": "one_hot", "impute": "zero"}}"#, &rows).expect("steps");
    assert_eq!(matrix.row(4), [0.0, 0.0, 0.0, 9.0]);
    let (_, matrix) = learn(r#"{"kind": {"encode": "one_hot", "impute": "mode"}}"#, &rows).expect("steps");
    assert_eq!(matrix.row(4), [0.0, 1.0, 0.0, 9.0]);
    // NULL is a category where the training rows have it, and a gap where they don't.
    let (_, matrix) = learn(r#"{"kind": {"encode": "target", "impute": "mean"}}"#, &rows).expect("steps");
    assert_eq!(matrix.row(4)[0], 35.0);
    let (mut rows, steps) = (ROWS, r#"{"kind": {"encode": "target"}}"#);
    (rows[3].0, rows[4].0) = (Some("a"), None);
    assert!(learn(steps, &rows).is_err());
}

#[test]
fn gaps_are_filled_with_what_the_training_rows_have() {
    let mut rows = ROWS;
    (rows[1].1, rows[4].1) = (None, Some(f64::NAN));
    // 1, 5, 7 are left, of which none is the most frequent.
    for (impute, wanted) in
        [("mean", 13.0 / 3.0), ("median", 5.0), ("mode", 5.0), ("min", 1.0), ("max", 7.0), ("zero", 0.0)]
    {
        let (fitted, matrix) = learn(&format!(r#"{{"size": {{"impute": "{impute}"}}}}"#), &rows).expect("steps");
        assert_eq!(column(&matrix, 1), [1.0, wanted, 5.0, 7.0, wanted], "{impute}");
        assert_eq!(fitted.notes[1].statistics["missing"], 1);
    }
    let mut rows = ROWS;
    rows.iter_mut().for_each(|row| row.1 = None);
    let error = learn(r#"{"size": {"impute": "mean"}}"#, &rows).expect_err("no mean");
    assert_eq!(error, Error::AllMissing("size".into()));
    assert!(learn(r#"{"size": {"impute": "zero"}}"#, &rows).is_ok());
}

// sklearn.preprocessing: StandardScaler, MinMaxScaler, MaxAbsScaler and RobustScaler, fitted to [1, 3, 5, 7]
#[test]
fn numbers_are_scaled_as_scikit_learn_does() {
    let spread = 5f64.sqrt();
    for (scale, wanted) in [
        ("standard", [-3.0 / spread, -1.0 / spread, 1.0 / spread, 3.0 / spread, 5.0 / spread]),
        ("min_max", [0.0, 2.0 / 6.0, 4.0 / 6.0, 1.0, 8.0 / 6.0]),
        ("max_abs", [1.0 / 7.0, 3.0 / 7.0, 5.0 / 7.0, 1.0, 9.0 / 7.0]),
        ("robust", [-1.0, -1.0 / 3.0, 1.0 / 3.0, 1.0, 5.0 / 3.0]),
        ("preserve", [1.0, 3.0, 5.0, 7.0, 9.0]),
    ] {
        let (_, matrix) = learn(&format!(r#"{{"size": {{"scale": "{scale}"}}}}"#), &ROWS).expect("steps");
        let found = column(&matrix, 1);
        assert!(found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-15), "{scale}: {found:?}");
    }
    let mut rows = ROWS;
    rows.iter_mut().for_each(|row| row.1 = Some(4.0));
    let (_, matrix) = learn(r#"{"size": {"scale": "standard"}}"#, &rows).expect("steps");
    assert_eq!(column(&matrix, 1), [0.0; 5]);
}

#[test]
fn rows_that_do_not_fit_are_refused_by_their_column() {
    let (fitted, _) = learn(r#"{"size": {"scale": "standard"}}"#, &ROWS).expect("steps");
    let refused = |fields: &[Field]| fitted.preprocess.row(7, fields, &mut Vec::new()).expect_err("a row").to_string();
    let kind = || Field::Text("a".into());
    assert_eq!(refused(&[kind()]), "model 7 takes 2 columns, and 1 were given");
    assert_eq!(refused(&[Field::Number(1.0), Field::Number(1.0)]), "column \"kind\" takes text");
    assert_eq!(refused(&[kind(), kind()]), "column \"size\" takes a number");
    assert_eq!(refused(&[kind(), Field::Null]), "column \"size\" is NULL, and the model fills no gaps of it");
    assert_eq!(refused(&[kind(), Field::Numbers(vec![])]), "column \"size\" takes 1 numbers, and 0 were given");
    let new = Field::Text("z".into());
    assert!(refused(&[new, Field::Number(1.0)]).starts_with("column \"kind\" has the category \"z\""));
    let error = fitted.preprocess.numbers(7, &[Some(1.0), Some(2.0)], &mut Vec::new()).expect_err("an array");
    assert!(error.hint().is_some_and(|hint| hint.contains("(\"kind\", \"size\")")), "{error}");
}

#[test]
fn no_two_numbers_have_one_name_whatever_categories_are_called() {
    let rows: [Row<'_>; 6] = [
        (Some("NULL"), Some(1.0), 1.0),
        (None, Some(2.0), 2.0),
        (Some("="), Some(3.0), 3.0),
        (Some("__NULL__"), Some(4.0), 4.0),
        (Some(""), Some(5.0), 5.0),
        (Some("="), Some(6.0), 6.0),
    ];
    let (fitted, _) = learn(r#"{"kind": {"encode": "one_hot"}}"#, &rows).expect("steps");
    let names = fitted.preprocess.names(&[false, false]);
    assert_eq!(names, ["kind=", "kind==", "kind=NULL", "kind=__NULL__", "kind IS NULL", "size"]);
    let categories = fitted.notes[0].statistics["categories"].as_object().expect("categories");
    assert_eq!(categories["__NULL__"]["value"], 3.0);
    assert_eq!(categories["__NULL___"], json!({"value": 4.0, "members": 1}));
    let unique = crate::preprocess::unique(["a", "a (2)", "a", "a"].map(String::from).to_vec());
    assert_eq!(unique, ["a", "a (2)", "a (3)", "a (4)"]);
}

#[test]
fn dates_are_numbers_or_their_parts_and_missing_ones_stay_missing() {
    let date = Column { element: "date".into(), ..layout().features[1].clone() };
    let mut layout = Layout { features: vec![date], ..layout() };
    layout.features[0].name = "day".into();
    for (preprocess, wanted) in
        [("{}", vec![19_782.0]), (r#"{"day": {"encode": "parts"}}"#, vec![2024.0, 2.0, 29.0, 4.0])]
    {
        let plan = Plan::parse(preprocess).expect("a plan");
        plan.check("t", &layout).expect("steps");
        let mut builder = Builder::new(&layout, &plan, true);
        for value in [Some(19_782.0), None, Some(0.0)] {
            builder.scalar(0, value);
            builder.scalar(1, Some(1.0));
            builder.end_row();
        }
        let mut matrix = builder.finish("t").expect("rows");
        let keep = Keep { always: true, missing: true };
        let fitted = fit(&plan, &layout, &matrix, 3, keep).expect("steps").expect("something to keep");
        let names = fitted.preprocess.names(&[false]);
        fitted.preprocess.transform(&mut matrix).expect("numbers");
        assert_eq!((matrix.row(0), names.len()), (&wanted[..], wanted.len()));
        assert!(matrix.row(1).iter().all(|number| number.is_nan()));
        let mut out = Vec::new();
        let time = |kind, value| Field::Time(kind, value);
        fitted.preprocess.row(1, &[time(Temporal::Date, 19_782.0)], &mut out).expect("numbers");
        assert_eq!(out, wanted);
        let refused = fitted.preprocess.row(1, &[time(Temporal::Timestamp, 19_782.0)], &mut out);
        assert!(matches!(refused, Err(Error::FieldType { expected: "a date", .. })));
    }
}

#[test]
fn a_missing_element_of_an_array_is_one_number() {
    let mut layout = layout();
    layout.features = vec![Column { array: true, ..layout.features[1].clone() }];
    let mut builder = Builder::new(&layout, &Plan::default(), true);
    for values in [[1.0, f64::NAN], [f64::NAN, 2.0]] {
        builder.array(0, Some(&values)).expect("an array");
        builder.scalar(1, Some(1.0));
        builder.end_row();
    }
    let matrix = builder.finish("t").expect("rows");
    let keep = Keep { always: true, missing: true };
    let fitted = fit(&Plan::default(), &layout, &matrix, 2, keep).expect("steps").expect("something to keep");
    let mut out = Vec::new();
    fitted.preprocess.row(1, &[Field::Numbers(vec![None, Some(2.0)])], &mut out).expect("numbers");
    assert!(out.len() == 2 && out[0].is_nan() && out[1] == 2.0);
}
