//! From scores to the prediction.

use pgml_core::labels::Classes;
use pgml_core::model::{Decision, Finish, Link, Probabilities};

use super::{class_literal, inexpressible, text};
use crate::error::Result;

/// The predictions that a part makes of its scores: an expression for each label.
pub fn results(finish: &Finish, scores: &[String], label: Option<&Classes>) -> Result<Vec<String>> {
    let (classes, decision, probabilities) = match finish {
        Finish::Values(Link::Identity) => return Ok(scores.to_vec()),
        Finish::Values(Link::Exp) => return Ok(scores.iter().map(|score| format!("exp({score})")).collect()),
        Finish::Classes { classes, decision, probabilities } => (classes, decision, probabilities),
    };
    let literals: Vec<String> = classes.iter().map(|class| class_literal(*class, label)).collect();
    let one = |condition: String| match &literals[..] {
        [first, second] => Ok(vec![format!("CASE WHEN {condition} THEN {second} ELSE {first} END")]),
        _ => Err(inexpressible("its decision has more than two classes and one score")),
    };
    match (decision, probabilities, scores) {
        (Decision::Positive, _, [score]) => one(format!("{score} > 0.0::float8")),
        (Decision::NotNegative, _, [score]) => one(format!("{score} >= 0.0::float8")),
        (Decision::AboveHalf, Some(Probabilities::Shares), [_, second]) => one(format!("{second} > 0.5::float8")),
        (Decision::AboveHalf | Decision::Likeliest, Some(kind), [score]) => {
            let likely = |score: f64| {
                let mut shares = Vec::with_capacity(2);
                kind.shares_of(&[score], &mut shares);
                match decision {
                    Decision::AboveHalf => shares[1] > 0.5,
                    _ => shares[1] > shares[0],
                }
            };
            // The same for all scores from one on: the rounding of the probability is in that number.
            one(match last_not(likely) {
                None => "true".into(),
                Some(last) => format!("{score} > {}", text::number(last)),
            })
        }
        (Decision::Largest | Decision::Likeliest, _, scores) if scores.len() == classes.len() => {
            Ok(vec![largest(&literals, scores)])
        }
        _ => Err(inexpressible("its decision needs the probabilities of several classes, or votes")),
    }
}

/// The class with the largest score; of several, the first.
fn largest(literals: &[String], scores: &[String]) -> String {
    let scores = scores.join(", ");
    format!("(ARRAY[{}])[array_position(ARRAY[{scores}], GREATEST({scores}))]", literals.join(", "))
}

/// The largest finite number for which a condition that holds for all larger ones doesn't hold.
pub fn last_not(holds: impl Fn(f64) -> bool) -> Option<f64> {
    let (mut below, mut above) = (place(f64::MIN), place(f64::MAX));
    if holds(number(below)) {
        return None;
    }
    if !holds(number(above)) {
        return Some(f64::MAX);
    }
    while below + 1 < above {
        let middle = below + (above - below) / 2;
        if holds(number(middle)) { above = middle } else { below = middle }
    }
    Some(number(below))
}

/// Doubles in their order, as whole numbers.
fn place(value: f64) -> i128 {
    let bits = i128::from(value.to_bits() & !(1 << 63));
    if value.is_sign_negative() { -1 - bits } else { bits }
}

fn number(place: i128) -> f64 {
    match u64::try_from(place) {
        Ok(bits) => f64::from_bits(bits),
        Err(_) => -f64::from_bits((-1 - place) as u64),
    }
}
