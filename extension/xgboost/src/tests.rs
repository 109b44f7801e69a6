//! The border with the library: what crosses it, and what must not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// Rows of two features whose label is 2a + b.
fn rows() -> (Vec<f32>, Vec<f32>) {
    let x: Vec<f32> = (0..300).flat_map(|row| [(row % 7) as f32, ((row * 5) % 11) as f32]).collect();
    let y = x.chunks_exact(2).map(|row| 2.0 * row[0] + row[1]).collect();
    (x, y)
}

fn parameters(given: &[(&str, &str)]) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn begin(given: &[(&str, &str)], interrupt: Interrupt<'_>) -> Result<Training> {
    let (x, y) = rows();
    let rows = Rows { x: &x, y: &y, weights: &[] };
    let held = Rows { x: &x[..40], y: &y[..20], weights: &[] };
    let parameters = parameters(given);
    Training::new(Learned { rows, held, features: 2, feature_weights: &[], parameters: &parameters }, interrupt)
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("/proc").count()
}

/// Catches a model that learns nothing, and a thread that the library leaves behind.
#[test]
fn it_learns_in_this_thread() {
    let before = threads();
    let mut training = begin(&[("objective", "reg:squarederror"), ("nthread", "1")], &|| {}).expect("a training");
    let errors: Vec<f64> = (0..30)
        .map(|_| {
            training.step(&|| {}).expect("a round");
            training.evaluate(&|| {}).expect("metrics")[0].1
        })
        .collect();
    assert!(errors[29] < 0.1 * errors[0], "{errors:?}");
    let (_, y) = rows();
    let predicted = training.predict(30, false, &|| {}).expect("predictions");
    assert!(predicted.len() == 300 && predicted.iter().zip(&y).all(|(said, true_one)| (said - true_one).abs() < 0.5));
    assert_eq!(training.predict(30, true, &|| {}).expect("predictions").len(), 20);
    assert!(training.model().expect("a model").starts_with(b"{\"learner\":"));
    // Other tests of this process have threads of their own, which end.
    assert!(threads() <= before + 8, "{before} threads before, {} after", threads());
}

/// Catches a cancel that has to wait for a round's end, and an unwinding that crosses the library or is lost.
#[test]
fn what_unwinds_from_an_interrupt_goes_on_behind_the_library() {
    let asked = Cell::new(0);
    let interrupt = || {
        asked.set(asked.get() + 1);
        if asked.get() == 40 {
            std::panic::panic_any("cancelled");
        }
    };
    let many = [("num_parallel_tree", "50"), ("nthread", "1")];
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let mut training = begin(&many, &interrupt).expect("a training");
        training.step(&interrupt)
    }));
    let payload = unwound.expect_err("it unwinds inside of one round");
    assert_eq!(payload.downcast_ref(), Some(&"cancelled"));
    assert_eq!(asked.get(), 40);
    // The library is as it was.
    let mut training = begin(&many, &|| {}).expect("a training");
    training.step(&|| {}).expect("a round");
}

/// Catches an exception that gets out of the library, and a message that names its source files.
#[test]
fn an_exception_becomes_an_error() {
    let wrong = |given: &[(&str, &str)]| begin(given, &|| {}).err().expect("an error").to_string();
    let unknown = wrong(&[("objective", "reg:nonsense")]);
    assert!(unknown.contains("reg:nonsense") && !unknown.contains(".cc:"), "{unknown}");
    let text = wrong(&[("max_depth", "deep")]);
    assert!(text.contains("max_depth") && text.contains("deep"), "{text}");
    let (x, y) = rows();
    let rows = Rows { x: &x, y: &y[1..], weights: &[] };
    let learned = Learned { rows, held: Rows::default(), features: 2, feature_weights: &[], parameters: &[] };
    assert!(Training::new(learned, &|| {}).err().expect("other sizes").to_string().contains("600 values"));
    let mut infinite = x.clone();
    infinite[3] = f32::INFINITY;
    let learned = Learned { rows: Rows { x: &infinite, y: &y, weights: &[] }, ..learned };
    assert!(Training::new(learned, &|| {}).err().expect("an infinity").to_string().contains("inf"));
}

/// Catches words of the library that reach the server's output, or are lost.
#[test]
fn what_the_library_says_is_kept() {
    let mut training =
        begin(&[("nthread", "1"), ("no_such_thing", "1"), ("validate_parameters", "1")], &|| {}).expect("a training");
    training.step(&|| {}).expect("a round");
    let said = said();
    assert!(said.iter().any(|words| words.contains("no_such_thing")), "{said:?}");
    assert!(super::said().is_empty());
}

#[test]
fn messages_lose_the_place_in_the_librarys_source() {
    for (whole, message) in [
        ("[12:00:01] src/learner.cc:10: Check failed: it is wrong", "Check failed: it is wrong"),
        (
            "[12:00:01] WARNING: src/learner.cc:10: \nParameters: { \"a\" } are not used.",
            "Parameters: { \"a\" } are not used.",
        ),
        ("Invalid Parameter format", "Invalid Parameter format"),
    ] {
        assert_eq!(without_place(whole), message);
    }
}
