//! Scores of a model on its test rows: what scikit-learn's functions of the same names give, and no NaN.
//!
//! A score that is undefined for these rows is null, and `notes` says why, by the score's name.

use std::cell::Cell;

use serde_json::{Map, Value, json};

use crate::Interrupt;
use crate::data::{Data, classes};

/// Classes that a note names.
const NAMED: usize = 10;

/// Rows up to which the silhouette takes all of them: it compares each with each.
const MOST_DISTANCES: usize = 10_000;

const NO_ROWS: &str = "there are no test rows";

type Scores = Map<String, Value>;

/// Steps after which an interrupt is looked for: some hundred microseconds.
const UNINTERRUPTED: u32 = 1 << 16;

/// Counts the steps of loops over rows, which may be millions, and looks for an interrupt now and then.
struct Steps<'a> {
    interrupt: Interrupt<'a>,
    done: Cell<u32>,
}

impl Steps<'_> {
    fn new(interrupt: Interrupt<'_>) -> Steps<'_> {
        Steps { interrupt, done: Cell::new(0) }
    }

    /// Count one step; the interrupt may unwind.
    fn step(&self) {
        self.done.set(self.done.get() + 1);
        if self.done.get() == UNINTERRUPTED {
            self.done.set(0);
            (self.interrupt)();
        }
    }

    /// The items, each a step.
    fn each<'s, T>(&'s self, items: impl Iterator<Item = T> + 's) -> impl Iterator<Item = T> + 's {
        items.inspect(|_| self.step())
    }
}

/// Scores that are collected with their reasons.
#[derive(Default)]
struct Card {
    scores: Scores,
    notes: Scores,
}

impl Card {
    fn add(&mut self, name: &str, score: Result<f64, &str>) {
        let score = score.and_then(|score| match score.is_finite() {
            true => Ok(score),
            false => Err("it is not a finite number for these predictions"),
        });
        match score {
            Ok(score) => self.scores.insert(name.into(), json!(score)),
            Err(why) => {
                self.notes.insert(name.into(), json!(why));
                self.scores.insert(name.into(), Value::Null)
            }
        };
    }

    fn finish(mut self) -> Scores {
        if !self.notes.is_empty() {
            self.scores.insert("notes".into(), Value::Object(self.notes));
        }
        self.scores
    }
}

/// Score predictions of one or several labels; several are averaged.
pub fn regression(truth: &[f64], predicted: &[f64], labels: usize, interrupt: Interrupt<'_>) -> Scores {
    let steps = Steps::new(interrupt);
    let mut card = Card::default();
    let rows = truth.len() / labels.max(1);
    let mean = |of: &dyn Fn(f64) -> f64| {
        let sum: f64 = steps.each(truth.iter().zip(predicted)).map(|(truth, predicted)| of(truth - predicted)).sum();
        if rows == 0 { Err(NO_ROWS) } else { Ok(sum / truth.len() as f64) }
    };
    card.add("mean_squared_error", mean(&|error| error * error));
    card.add("mean_absolute_error", mean(&f64::abs));
    let r2 = match rows {
        0 => Err(NO_ROWS),
        1 => Err("r2 needs at least two test rows"),
        _ => Ok((0..labels).map(|label| r2(truth, predicted, label, labels, &steps)).sum::<f64>() / labels as f64),
    };
    card.add("r2", r2);
    card.finish()
}

/// The share of a label's variance that the predictions explain; of a constant label, 1 when they are right and 0 else.
fn r2(truth: &[f64], predicted: &[f64], label: usize, labels: usize, steps: &Steps<'_>) -> f64 {
    let column =
        |values: &'_ [f64]| -> Vec<f64> { steps.each(values.iter().skip(label).step_by(labels).copied()).collect() };
    let (truth, predicted) = (column(truth), column(predicted));
    let mean = truth.iter().sum::<f64>() / truth.len() as f64;
    let left: f64 = truth.iter().zip(&predicted).map(|(truth, predicted)| (truth - predicted).powi(2)).sum();
    let all: f64 = truth.iter().map(|truth| (truth - mean).powi(2)).sum();
    match (left == 0.0, all == 0.0) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        (false, false) => 1.0 - left / all,
    }
}

/// Score one label's predicted classes. `shares` has a column for each of the classes that the model knows; the test rows may
/// lack some, or have others.
pub fn classification(
    truth: &[f64],
    predicted: &[f64],
    shares: Option<&[f64]>,
    known: &[f64],
    called: impl Fn(f64) -> String,
    interrupt: Interrupt<'_>,
) -> Scores {
    let mut card = Card::default();
    let steps = &Steps::new(interrupt);
    let rows = truth.len();
    let [f1, precision, recall] = weighted(truth, predicted, steps);
    let right = truth.iter().zip(predicted).filter(|(truth, predicted)| truth == predicted).count();
    let or_none = |score: f64| if rows == 0 { Err(NO_ROWS) } else { Ok(score) };
    card.add("f1", or_none(f1));
    card.add("precision", or_none(precision));
    card.add("recall", or_none(recall));
    card.add("accuracy", or_none(right as f64 / rows as f64));
    card.add("balanced_accuracy", or_none(balanced(truth, predicted, steps)));
    if let Some(shares) = shares {
        let present = classes(truth);
        let is_known = |class: &&f64| known.binary_search_by(|known| known.total_cmp(class)).is_ok();
        let unseen: Vec<f64> = present.iter().filter(|class| !is_known(class)).copied().collect();
        let named: Vec<String> = unseen.iter().take(NAMED).map(|class| called(*class)).collect();
        let more = if unseen.len() > NAMED { format!(" and {} more", unseen.len() - NAMED) } else { String::new() };
        let reason = format!("the test rows have classes that the training rows lack: {}{more}", named.join(", "));
        let (log_loss, roc_auc) = match (rows, &unseen[..], present.len()) {
            (0, ..) => (Err(NO_ROWS), Err(NO_ROWS)),
            (_, [_, ..], _) => (Err(&reason[..]), Err(&reason[..])),
            (_, [], 1) => (Ok(log_loss(truth, shares, known, steps)), Err("the test rows have one class only")),
            (_, [], _) => (Ok(log_loss(truth, shares, known, steps)), Ok(roc_auc(truth, shares, known, steps))),
        };
        card.add("log_loss", log_loss);
        card.add("roc_auc", roc_auc);
    }
    card.finish()
}

/// F1, precision and recall of each class, weighted by its rows; what would divide by zero is zero.
fn weighted(truth: &[f64], predicted: &[f64], steps: &Steps<'_>) -> [f64; 3] {
    let known = classes(truth);
    let place = |value: &f64| known.binary_search_by(|class| class.total_cmp(value)).ok();
    let (mut hits, mut there, mut guessed) = (vec![0.0; known.len()], vec![0.0; known.len()], vec![0.0; known.len()]);
    for (truth, guess) in steps.each(truth.iter().zip(predicted)) {
        let (truth, guess) = (place(truth), place(guess));
        truth.into_iter().for_each(|place| there[place] += 1.0);
        guess.into_iter().for_each(|place| guessed[place] += 1.0);
        truth.filter(|_| truth == guess).into_iter().for_each(|place| hits[place] += 1.0);
    }
    let mut sums = [0.0; 3];
    let share = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
    for ((hits, there), guessed) in hits.into_iter().zip(there).zip(guessed) {
        let each = [share(2.0 * hits, there + guessed), share(hits, guessed), share(hits, there)];
        sums.iter_mut().zip(each).for_each(|(sum, score)| *sum += score * there);
    }
    sums.map(|sum| sum / truth.len() as f64)
}

/// The mean of the classes' recalls: each class counts alike, whatever its size.
fn balanced(truth: &[f64], predicted: &[f64], steps: &Steps<'_>) -> f64 {
    let mut rows: Vec<(f64, bool)> =
        truth.iter().zip(predicted).map(|(truth, predicted)| (*truth, truth == predicted)).collect();
    rows.sort_by(|a, b| {
        steps.step();
        a.0.total_cmp(&b.0)
    });
    let recall = |class: &[(f64, bool)]| class.iter().filter(|row| row.1).count() as f64 / class.len() as f64;
    let recalls: Vec<f64> = rows.chunk_by(|a, b| a.0 == b.0).map(recall).collect();
    recalls.iter().sum::<f64>() / recalls.len() as f64
}

/// The place of each row's class among those that the model knows, which has all of them.
fn places(truth: &[f64], known: &[f64]) -> Vec<usize> {
    truth.iter().map(|value| known.partition_point(|class| class.total_cmp(value).is_lt())).collect()
}

/// The mean of what the true class's probability costs; no probability counts as smaller than a rounding error.
fn log_loss(truth: &[f64], shares: &[f64], known: &[f64], steps: &Steps<'_>) -> f64 {
    let cost = |(place, shares): (usize, &[f64])| {
        let share = shares[place] / shares.iter().sum::<f64>();
        -share.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    };
    let places = places(truth, known).into_iter();
    steps.each(places.zip(shares.chunks_exact(known.len()))).map(cost).sum::<f64>() / truth.len() as f64
}

/// The area under the curve: of two classes; of more, that of each pair, weighted by the pair's rows.
///
/// A class's scores are compared with those of all other classes at once: pairs are millions where classes are thousands.
fn roc_auc(truth: &[f64], shares: &[f64], known: &[f64], steps: &Steps<'_>) -> f64 {
    let places = places(truth, known);
    let mut rows = vec![0usize; known.len()];
    places.iter().for_each(|place| rows[*place] += 1);
    let column = |class: usize| shares.iter().skip(class).step_by(known.len()).copied();
    if known.len() == 2 {
        return areas(column(1), &places, 1, &rows, steps)[0];
    }
    let (mut sum, mut weight) = (0.0, 0.0);
    for class in (0..known.len()).filter(|class| rows[*class] > 0) {
        let areas = areas(column(class), &places, class, &rows, steps);
        for other in (0..known.len()).filter(|other| *other != class && rows[*other] > 0) {
            // A pair counts as often as it has rows, and each of its two classes gives one half.
            let pair = (rows[class] + rows[other]) as f64;
            sum += areas[other] * pair;
            weight += pair;
        }
    }
    sum / weight
}

/// For each class, the chance that a row of `class` has the higher score than one of it; equal scores count half.
fn areas(
    scores: impl Iterator<Item = f64>,
    places: &[usize],
    class: usize,
    rows: &[usize],
    steps: &Steps<'_>,
) -> Vec<f64> {
    let scored: Vec<(f64, usize)> = steps.each(scores.zip(places.iter().copied())).collect();
    let mut own: Vec<f64> = scored.iter().filter(|(_, place)| *place == class).map(|(score, _)| *score).collect();
    own.sort_unstable_by(|a, b| {
        steps.step();
        a.total_cmp(b)
    });
    let mut higher = vec![0.0; rows.len()];
    for (score, place) in steps.each(scored.into_iter()) {
        let lower = own.partition_point(|own| *own < score);
        let equal = own.partition_point(|own| *own <= score) - lower;
        higher[place] += (own.len() - lower - equal) as f64 + equal as f64 / 2.0;
    }
    let share = |(sum, rows): (f64, &usize)| sum / ((*rows).max(1) * own.len()) as f64;
    higher.into_iter().zip(rows).map(share).collect()
}

/// Average several labels' scores; one that is undefined for a label is undefined.
pub fn joint(mut each: Vec<Scores>) -> Scores {
    if each.len() == 1 {
        return each.remove(0);
    }
    let mut card = Card::default();
    for name in each[0].keys().filter(|name| *name != "notes") {
        let scores: Option<Vec<f64>> = each.iter().map(|one| one[name].as_f64()).collect();
        let mean = scores.map(|scores| scores.iter().sum::<f64>() / scores.len() as f64);
        card.add(name, mean.ok_or("undefined for one of the labels"));
    }
    card.finish()
}

/// How well the test rows fit their clusters: the mean over them of (b - a) / max(a, b), where a is the mean distance to the own
/// cluster's other rows and b that to the nearest other cluster's.
pub fn clustering(data: &Data, clusters: &[f64], interrupt: Interrupt<'_>) -> Scores {
    silhouette(data, clusters, MOST_DISTANCES, interrupt)
}

/// The same from `most` rows.
fn silhouette(data: &Data, clusters: &[f64], most: usize, interrupt: Interrupt<'_>) -> Scores {
    if data.rows > most {
        // Each row is compared with each: of many, only some are scored, taken evenly.
        let some: Vec<usize> = (0..most).map(|place| place * data.rows / most).collect();
        let clusters: Vec<f64> = some.iter().map(|row| clusters[*row]).collect();
        let mut scores = silhouette(&data.only(&some), &clusters, most, interrupt);
        if !scores.contains_key("notes") {
            let note = format!("of {most} of the {} test rows", data.rows);
            scores.insert("notes".into(), json!({ "silhouette": note }));
        }
        return scores;
    }
    let known = classes(clusters);
    let mut card = Card::default();
    let found = known.len();
    if data.rows == 0 {
        card.add("silhouette", Err(NO_ROWS));
        return card.finish();
    }
    if found < 2 || found >= data.rows {
        let rows = data.rows - 1;
        card.add("silhouette", Err(&format!("silhouette needs 2 to {rows} clusters among the test rows, not {found}")));
        return card.finish();
    }
    let places = crate::data::numbered(clusters, &known);
    let mut sizes = vec![0usize; known.len()];
    places.iter().for_each(|place| sizes[*place] += 1);
    let mut total = 0.0;
    let mut sums = vec![0.0; known.len()];
    for (at, row) in data.each_row().enumerate() {
        interrupt();
        sums.fill(0.0);
        for (other, place) in data.each_row().zip(&places) {
            let squares: f64 = row.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum();
            sums[*place] += squares.sqrt();
        }
        let own = places[at];
        if sizes[own] == 1 {
            continue;
        }
        let inside = sums[own] / (sizes[own] - 1) as f64;
        let others = (0..known.len()).filter(|place| *place != own).map(|place| sums[place] / sizes[place] as f64);
        let outside = others.fold(f64::INFINITY, f64::min);
        let larger = inside.max(outside);
        total += if larger == 0.0 { 0.0 } else { (outside - inside) / larger };
    }
    card.add("silhouette", Ok(total / data.rows as f64));
    card.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Interrupt<'static> = &|| {};

    fn number(scores: &Scores, name: &str) -> f64 {
        scores[name].as_f64().expect("a number")
    }

    // sklearn.metrics: r2_score([1,2,4],[1.5,2,3]), mean_squared_error, mean_absolute_error
    #[test]
    fn regressions_are_scored_as_scikit_learn_does() {
        let scores = regression(&[1.0, 2.0, 4.0], &[1.5, 2.0, 3.0], 1, CALM);
        assert!((number(&scores, "r2") - 0.7321428571428572).abs() < 1e-15);
        assert!((number(&scores, "mean_squared_error") - 0.4166666666666667).abs() < 1e-15);
        assert_eq!(number(&scores, "mean_absolute_error"), 0.5);
        assert_eq!(regression(&[], &[], 1, CALM)["notes"]["r2"], NO_ROWS);
    }

    // y = [0,0,1,1,2,2]; p = [0,1,1,1,2,0]
    // s = [[.7,.2,.1],[.3,.4,.3],[.1,.8,.1],[.2,.5,.3],[.1,.2,.7],[.5,.2,.3]]
    // sklearn.metrics: f1_score(y, p, average='weighted', zero_division=0), precision_score, recall_score,
    // accuracy_score, balanced_accuracy_score, log_loss(y, s), roc_auc_score(y, s, average='weighted', multi_class='ovo')
    #[test]
    fn classifications_are_scored_as_scikit_learn_does() {
        let truth = [0.0, 0.0, 1.0, 1.0, 2.0, 2.0];
        let guess = [0.0, 1.0, 1.0, 1.0, 2.0, 0.0];
        let shares = [0.7, 0.2, 0.1, 0.3, 0.4, 0.3, 0.1, 0.8, 0.1, 0.2, 0.5, 0.3, 0.1, 0.2, 0.7, 0.5, 0.2, 0.3];
        let scores = classification(&truth, &guess, Some(&shares), &[0.0, 1.0, 2.0], |class| class.to_string(), CALM);
        for (name, wanted) in [
            ("f1", 0.6555555555555556),
            ("precision", 0.7222222222222222),
            ("recall", 0.6666666666666666),
            ("accuracy", 0.6666666666666666),
            ("balanced_accuracy", 0.6666666666666666),
            ("log_loss", 0.6729310380672486),
            ("roc_auc", 0.9166666666666666),
        ] {
            assert!((number(&scores, name) - wanted).abs() < 1e-12, "{name}: {}", scores[name]);
        }
    }

    #[test]
    fn a_class_that_is_never_predicted_counts_as_zero() {
        let scores = classification(&[0.0, 1.0], &[0.0, 0.0], None, &[0.0, 1.0], |class| class.to_string(), CALM);
        assert!((number(&scores, "f1") - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn always_the_largest_class_is_no_better_than_chance() {
        let truth: Vec<f64> = (0..100).map(|row| f64::from(row < 2)).collect();
        let scores = classification(&truth, &[0.0; 100], None, &[0.0, 1.0], |class| class.to_string(), CALM);
        assert_eq!(number(&scores, "balanced_accuracy"), 0.5);
        assert!(number(&scores, "f1") > 0.96);
    }

    #[test]
    fn a_class_that_training_lacks_is_told() {
        let scores = classification(
            &[2.0, 1.0],
            &[0.0, 1.0],
            Some(&[0.5, 0.5, 0.2, 0.8]),
            &[0.0, 1.0],
            |class| class.to_string(),
            CALM,
        );
        assert_eq!(scores["log_loss"], Value::Null);
        assert_eq!(scores["notes"]["roc_auc"], "the test rows have classes that the training rows lack: 2");
    }
    #[test]
    fn pairs_of_classes_are_scored_as_one_by_one() {
        // Five classes, of which the test rows lack one; ties among the scores.
        let truth: Vec<f64> = (0..60).map(|row| f64::from([0, 2, 3, 7][row * 5 % 11 % 4])).collect();
        let known = [0.0, 1.0, 2.0, 3.0, 7.0];
        let shares: Vec<f64> = (0..300).map(|place| f64::from(place * 37 % 11) / 10.0).collect();
        let there = [0.0, 2.0, 3.0, 7.0];
        let area = |class: f64, other: f64| {
            let place = known.iter().position(|known| *known == class).expect("a class");
            let of = |wanted: f64| -> Vec<f64> {
                let rows = truth.iter().zip(shares.chunks_exact(5));
                rows.filter(|(truth, _)| **truth == wanted).map(|(_, shares)| shares[place]).collect()
            };
            let (own, others) = (of(class), of(other));
            let wins = own.iter().flat_map(|own| {
                others
                    .iter()
                    .map(move |other| f64::from(u8::from(own > other)) + 0.5 * f64::from(u8::from(own == other)))
            });
            (wins.sum::<f64>() / (own.len() * others.len()) as f64, (own.len() + others.len()) as f64)
        };
        let (mut sum, mut weight) = (0.0, 0.0);
        for (at, one) in there.iter().enumerate() {
            for other in &there[at + 1..] {
                let ((a, rows), (b, _)) = (area(*one, *other), area(*other, *one));
                sum += (a + b) / 2.0 * rows;
                weight += rows;
            }
        }
        assert!((roc_auc(&truth, &shares, &known, &Steps::new(CALM)) - sum / weight).abs() < 1e-12);
    }

    /// Catches an evaluation of millions of rows during whose scoring no cancel is seen.
    #[test]
    fn interrupts_are_looked_for_while_rows_are_scored() {
        let truth: Vec<f64> = (0..200_000).map(|row| f64::from(row % 2)).collect();
        let shares: Vec<f64> = (0..400_000).map(|place| f64::from(place * 37 % 1009) / 1009.0).collect();
        let asked = Cell::new(0);
        let count = || asked.set(asked.get() + 1);
        classification(&truth, &truth, Some(&shares), &[0.0, 1.0], |class| class.to_string(), &count);
        let of_classes = asked.replace(0);
        // The rows, their sorts, and each pass over the probabilities.
        assert!(of_classes > 30, "{of_classes}");
        regression(&truth, &truth, 1, &count);
        assert!(asked.get() > 8, "{}", asked.get());
    }

    #[test]
    fn thousands_of_classes_are_scored_in_no_time_and_many_rows_by_a_part() {
        let truth: Vec<f64> = (0..6000).map(|row| f64::from(row % 2000)).collect();
        let known: Vec<f64> = (0..2000).map(f64::from).collect();
        let shares = vec![1.0 / 2000.0; 6000 * 2000];
        let scores = classification(&truth, &truth, Some(&shares), &known, |class| class.to_string(), CALM);
        assert_eq!((number(&scores, "roc_auc"), number(&scores, "f1")), (0.5, 1.0));
        let x: Vec<f64> = (0..400).map(|row| f64::from(row / 200)).collect();
        let data = Data { rows: x.len(), features: 1, x: x.clone(), ..Data::default() };
        let scores = silhouette(&data, &x, 100, &|| {});
        assert_eq!(scores["notes"]["silhouette"], "of 100 of the 400 test rows");
        assert_eq!(number(&scores, "silhouette"), 1.0);
    }
}
