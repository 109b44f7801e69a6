//! Search for hyperparameters: every combination or some of them, each judged on folds of the training rows.
//!
//! The folds are scikit-learn's: consecutive blocks for a regression; for a classification, blocks in which every class has
//! its share.

use pgml_core::project::Task;
use serde_json::{Map, Value, json};

use crate::data::{Data, classes, numbered};
use crate::error::{Error, Result};
use crate::fit;
use crate::params::Params;
use crate::random::Random;
use crate::{Interrupt, Request, model, predict, read};

type Point = Map<String, Value>;

/// What a search does, whatever the rows are.
struct Plan {
    points: Vec<Point>,
    folds: usize,
}

/// Fails for everything that is wrong with a search whatever the rows are.
pub fn check(request: Request<'_>) -> Result<()> {
    plan(request).map(drop)
}

fn plan(request: Request<'_>) -> Result<Plan> {
    let search = request.search.unwrap_or("grid");
    if !["grid", "random"].contains(&search) {
        let known = vec!["grid".into(), "random".into()];
        return Err(Error::Unknown { what: "search".into(), name: search.into(), known });
    }
    if !request.task.has_labels() {
        let reason = "a search needs labels to judge by".into();
        return Err(Error::Failed { algorithm: request.algorithm.to_string(), reason });
    }
    let mut args = Params::named(format!("search_args name for search '{search}':"), request.search_args);
    let folds = args.count("cv", 5, 2)?;
    let (tries, seed) = match search {
        "random" => (Some(args.count("n_iter", 10, 1)?), args.seed()?),
        _ => (None, 0),
    };
    args.finish()?;
    Ok(Plan { points: points(search, request.search_params, tries, seed)?, folds })
}

/// The best hyperparameters, and what was seen of the others.
pub fn best(
    request: Request<'_>,
    data: &Data,
    interrupt: Interrupt<'_>,
    warnings: &mut Vec<String>,
) -> Result<(Point, Option<Value>)> {
    let Plan { points, folds } = plan(request)?;
    let folds = split(request.task, data, folds)?;
    let mut scores: Vec<Vec<f64>> = Vec::with_capacity(points.len());
    let mut failures: Vec<Error> = Vec::new();
    for point in &points {
        let mut hyperparams = request.hyperparams.clone();
        hyperparams.extend(point.clone());
        let judge = |fold: &Vec<usize>| match judge(request, &hyperparams, data, fold, interrupt, warnings) {
            Ok(score) => score,
            // A fold without a class, or a value that the algorithm refuses: no score, and the others go on.
            Err(error) => {
                failures.push(error);
                f64::NAN
            }
        };
        scores.push(folds.iter().map(judge).collect());
    }
    warnings.dedup();
    let Some(best) = highest(&scores) else {
        let reason = || "no candidate of the search has a score".into();
        return Err(failures
            .into_iter()
            .next()
            .unwrap_or_else(|| Error::Failed { algorithm: request.algorithm.to_string(), reason: reason() }));
    };
    if let Some(first) = failures.first() {
        let fits = points.len() * folds.len();
        warnings.push(format!("{} of {fits} fits of the search failed and have no score: {first}", failures.len()));
    }
    let mut hyperparams = request.hyperparams.clone();
    hyperparams.extend(points[best].clone());
    let means: Vec<f64> = scores.iter().map(|scores| mean(scores)).collect();
    Ok((hyperparams, Some(results(request.search_params, &points, &scores, &means))))
}

/// The candidate with the highest mean, among those that have a score on most folds; of equals, the first. `None` if no
/// candidate has any.
fn highest(scores: &[Vec<f64>]) -> Option<usize> {
    let key = |scores: &Vec<f64>| (scores.iter().filter(|score| score.is_finite()).count(), mean(scores));
    let mut best: Option<(usize, (usize, f64))> = None;
    for (place, key) in scores.iter().map(key).enumerate().filter(|(_, key)| key.0 > 0) {
        if best.is_none_or(|(_, before)| key > before) {
            best = Some((place, key));
        }
    }
    best.map(|(place, _)| place)
}

/// The mean of the scores that are numbers; NaN where none is.
fn mean(values: &[f64]) -> f64 {
    let scored: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    scored.iter().sum::<f64>() / scored.len() as f64
}

/// The combinations to try, the last name's values first, as scikit-learn orders them.
fn points(search: &str, space: &Point, tries: Option<usize>, seed: u64) -> Result<Vec<Point>> {
    if space.is_empty() {
        return Err(Error::NoSearchParams(search.to_string()));
    }
    let mut names: Vec<(&String, &Vec<Value>)> = Vec::new();
    for (name, values) in space {
        match values {
            Value::Array(values) if !values.is_empty() => names.push((name, values)),
            _ => {
                return Err(Error::Value {
                    what: "search_params of".into(),
                    name: name.clone(),
                    wanted: "a list of values to try".into(),
                    found: values.to_string(),
                });
            }
        }
    }
    names.sort_by_key(|(name, _)| *name);
    let mut points = vec![Point::new()];
    for (name, values) in names {
        let with = |point: &Point, value: &Value| {
            let mut point = point.clone();
            point.insert(name.clone(), value.clone());
            point
        };
        points = points.iter().flat_map(|point| values.iter().map(move |value| with(point, value))).collect();
    }
    if let Some(tries) = tries {
        Random::new(seed).shuffle(&mut points);
        points.truncate(tries);
    }
    Ok(points)
}

/// The test rows of each fold.
fn split(task: Task, data: &Data, folds: usize) -> Result<Vec<Vec<usize>>> {
    let too_few = |rows: usize, of: &str| Error::TooFewRows(format!("{rows} {of}, and cv is {folds}"));
    if data.rows < folds {
        return Err(too_few(data.rows, "to train on"));
    }
    let mut tested = vec![Vec::new(); folds];
    if task == Task::Regression || data.labels != 1 {
        let (each, more) = (data.rows / folds, data.rows % folds);
        let mut start = 0;
        for (fold, rows) in tested.iter_mut().enumerate() {
            let end = start + each + usize::from(fold < more);
            rows.extend(start..end);
            start = end;
        }
        return Ok(tested);
    }
    let label = data.label(0);
    let known = classes(&label);
    let numbers = numbered(&label, &known);
    // The rows, sorted by class (in the order in which the classes appear) and dealt out to the folds, tell how many rows of
    // each class a fold gets; the class's rows then go to the folds in their own order.
    let mut appeared: Vec<usize> = Vec::new();
    numbers.iter().for_each(|number| {
        if !appeared.contains(number) {
            appeared.push(*number);
        }
    });
    let place = |number: &usize| appeared.iter().position(|known| known == number).unwrap_or(0);
    let mut sorted: Vec<usize> = numbers.iter().map(place).collect();
    sorted.sort_unstable();
    let mut largest = 0;
    for (at, class) in appeared.iter().enumerate() {
        let rows: Vec<usize> = (0..data.rows).filter(|row| numbers[*row] == *class).collect();
        largest = largest.max(rows.len());
        let mut start = 0;
        for (fold, tested) in tested.iter_mut().enumerate() {
            let count = sorted.iter().skip(fold).step_by(folds).filter(|place| **place == at).count();
            tested.extend_from_slice(&rows[start..start + count]);
            start += count;
        }
    }
    if largest < folds {
        return Err(too_few(largest, "of the most frequent class"));
    }
    tested.iter_mut().for_each(|rows| rows.sort_unstable());
    Ok(tested)
}

/// The score of a model that was trained without a fold's rows, on those rows: r2, or the share of right classes.
fn judge(
    request: Request<'_>,
    hyperparams: &Point,
    data: &Data,
    fold: &[usize],
    interrupt: Interrupt<'_>,
    warnings: &mut Vec<String>,
) -> Result<f64> {
    let mut held = vec![false; data.rows];
    fold.iter().for_each(|row| held[*row] = true);
    let others: Vec<usize> = (0..data.rows).filter(|row| !held[*row]).collect();
    let fitted = fit::fit(request.algorithm, request.task, hyperparams, &data.only(&others), interrupt)?;
    warnings.extend(fitted.warnings);
    let model = read(request.algorithm, &model::write(request.algorithm, data.features, fitted.parts)?)?;
    let test = data.only(fold);
    let predicted = predict(&model, &test, interrupt)?;
    if request.task == Task::Regression {
        let scores = crate::metrics::regression(&test.y, &predicted, test.labels, interrupt);
        return Ok(scores["r2"].as_f64().unwrap_or(f64::NAN));
    }
    let right = test.y.iter().zip(&predicted).filter(|(truth, predicted)| truth == predicted).count();
    Ok(right as f64 / test.y.len() as f64)
}

/// What scikit-learn calls `cv_results_`.
fn results(space: &Point, points: &[Point], scores: &[Vec<f64>], means: &[f64]) -> Value {
    let mut results = Map::new();
    for name in space.keys() {
        let values: Vec<&Value> = points.iter().map(|point| &point[name]).collect();
        results.insert(format!("param_{name}"), json!(values));
    }
    results.insert("params".into(), json!(points));
    for fold in 0..scores[0].len() {
        let column: Vec<f64> = scores.iter().map(|scores| scores[fold]).collect();
        results.insert(format!("split{fold}_test_score"), json!(column));
    }
    let deviation = |(scores, center): (&Vec<f64>, &f64)| {
        mean(&scores.iter().map(|score| (score - center).powi(2)).collect::<Vec<_>>()).sqrt()
    };
    // What has no score comes last.
    let rank =
        |mean: &f64| 1 + means.iter().filter(|other| *other > mean || (mean.is_nan() && !other.is_nan())).count();
    results.insert("mean_test_score".into(), json!(means));
    results.insert("std_test_score".into(), json!(scores.iter().zip(means).map(deviation).collect::<Vec<_>>()));
    results.insert("rank_test_score".into(), json!(means.iter().map(rank).collect::<Vec<_>>()));
    Value::Object(results)
}

#[cfg(test)]
mod tests {
    use super::highest;

    #[test]
    fn a_candidate_without_a_score_is_never_the_best() {
        let nan = f64::NAN;
        assert_eq!(highest(&[vec![nan, nan], vec![0.1, 0.3], vec![0.2, 0.3]]), Some(2));
        // The first of equals, as scikit-learn has it.
        assert_eq!(highest(&[vec![0.5, 0.5], vec![0.5, 0.5]]), Some(0));
        assert_eq!(highest(&[vec![nan, nan], vec![nan, nan]]), None);
    }

    #[test]
    fn a_fold_on_which_all_fail_counts_for_none() {
        let nan = f64::NAN;
        assert_eq!(highest(&[vec![nan, 0.1], vec![nan, 0.2]]), Some(1));
        // One that fails where others don't is judged on less, and comes after them.
        assert_eq!(highest(&[vec![nan, 0.9], vec![0.4, 0.4]]), Some(1));
    }
}
