//! `SVMRegressor` and `SVMClassifier`.

use pgml_core::labels::Classes;
use pgml_core::model::{Decision, Finish, Kernel, Link, Machine, Scores};

use super::attributes::Operator;
use super::read::{Predictor, classes};
use super::write::{Making, inexpressible};
use crate::error::Result;

fn kernel(operator: &Operator<'_>) -> Result<Kernel> {
    let params = operator.floats("kernel_params")?;
    let param = |place: usize| params.get(place).copied();
    let name = operator.word("kernel_type", "LINEAR")?;
    match (name.as_str(), param(0), param(1), param(2)) {
        ("LINEAR", ..) => Ok(Kernel::Linear),
        ("RBF", Some(gamma), ..) => Ok(Kernel::Rbf { gamma }),
        ("POLY", Some(gamma), Some(coef0), Some(degree)) => Ok(Kernel::Poly { gamma, coef0, degree }),
        ("SIGMOID", Some(gamma), Some(coef0), _) => Ok(Kernel::Sigmoid { gamma, coef0 }),
        _ => operator.unknown(format!("kernel \"{name}\" with {} parameters", params.len())),
    }
}

fn without_transform(operator: &Operator<'_>) -> Result<()> {
    let transform = operator.word("post_transform", "NONE")?;
    if transform == "NONE" { Ok(()) } else { operator.unknown(format!("post_transform \"{transform}\"")) }
}

fn machine(operator: &Operator<'_>, width: usize, weights: Vec<f64>, intercepts: Vec<f64>) -> Result<Scores> {
    let points = operator.floats("support_vectors")?;
    match Machine::new(kernel(operator)?, width, points, weights, intercepts) {
        Some(machine) => Ok(Scores::Machine(machine)),
        None => operator.broken(format!("its sizes don't fit together, or {width} numbers")),
    }
}

pub fn regressor(operator: &Operator<'_>, width: usize) -> Result<Predictor> {
    without_transform(operator)?;
    if operator.int("one_class", 0)? != 0 {
        return operator.unknown("one_class");
    }
    let weights = operator.floats("coefficients")?;
    operator.count("n_supports", usize::try_from(operator.int("n_supports", 0)?).unwrap_or(0), weights.len())?;
    let rho = operator.floats("rho")?;
    operator.count("rho", rho.len(), 1)?;
    let scores = machine(operator, width, weights, rho)?;
    let finish = Finish::Values(Link::Identity);
    Ok(Predictor { scores, finish, label: None, to_normalize: None, takes_missing: false })
}

/// A score for each pair of classes, from the vectors of those two.
pub fn classifier(operator: &Operator<'_>, width: usize) -> Result<Predictor> {
    without_transform(operator)?;
    let (classes, label) = classes(operator, "classlabels_ints")?;
    let count = classes.len();
    let sizes: Vec<usize> =
        operator.ints("vectors_per_class")?.iter().map(|size| usize::try_from(*size).unwrap_or(usize::MAX)).collect();
    operator.count("vectors_per_class", sizes.len(), count)?;
    let coefficients = operator.floats("coefficients")?;
    let all = sizes.iter().try_fold(0usize, |all, size| all.checked_add(*size)).unwrap_or(usize::MAX);
    operator.count("coefficients", coefficients.len(), all.saturating_mul(count - 1))?;
    let pairs: Vec<(usize, usize)> = (0..count).flat_map(|i| (i + 1..count).map(move |j| (i, j))).collect();
    let rho = operator.floats("rho")?;
    operator.count("rho", rho.len(), pairs.len())?;
    if pairs.len().saturating_mul(all) > crate::limits::FILE_NODES {
        return operator.unknown("so many pairs of classes with so many vectors");
    }
    let starts: Vec<usize> = sizes.iter().scan(0, |sum, size| Some(std::mem::replace(sum, *sum + size))).collect();
    let mut weights = vec![0.0; pairs.len() * all];
    for (row, (i, j)) in pairs.iter().enumerate() {
        for (class, other) in [(*i, j - 1), (*j, *i)] {
            for vector in starts[class]..starts[class] + sizes[class] {
                weights[row * all + vector] = coefficients[other * all + vector];
            }
        }
    }
    // The score speaks for the first of two classes; with two classes in all, ours speaks for the second.
    let (weights, rho, decision) = match count {
        2 => {
            let negative = |list: Vec<f64>| list.into_iter().map(|one| 0.0 - one).collect();
            (negative(weights), negative(rho), Decision::NotNegative)
        }
        _ => (weights, rho, Decision::Votes),
    };
    let scores = machine(operator, width, weights, rho)?;
    let finish = Finish::Classes { classes, decision, probabilities: None };
    Ok(Predictor { scores, finish, label: Some(label), to_normalize: None, takes_missing: false })
}

/// The same of numbers that stand in other places. One that the machine does not see would change its distances: it is 0 in
/// all points, and has to be so in the row.
pub fn moved(machine: &Machine, places: &[usize], features: usize) -> Option<Scores> {
    let mut seen = vec![false; features];
    for place in places {
        if std::mem::replace(seen.get_mut(*place)?, true) {
            return None;
        }
    }
    if seen.iter().any(|seen| !seen) {
        return None;
    }
    let mut points = vec![0.0; machine.points().len()];
    for (point, row) in machine.points().chunks(features).enumerate() {
        for (value, place) in row.iter().zip(places) {
            points[point * features + place] = *value;
        }
    }
    let (weights, intercepts) = (machine.weights().to_vec(), machine.intercepts().to_vec());
    Machine::new(machine.kernel(), features, points, weights, intercepts).map(Scores::Machine)
}

/// The operator of a kernel machine.
pub fn write(machine: &Machine, finish: &Finish, label: Option<&Classes>, input: &str) -> Result<Making> {
    let (name, params) = match machine.kernel() {
        Kernel::Linear => ("LINEAR", [0.0; 3]),
        Kernel::Rbf { gamma } => ("RBF", [gamma, 0.0, 3.0]),
        Kernel::Poly { gamma, coef0, degree } => ("POLY", [gamma, coef0, degree]),
        Kernel::Sigmoid { gamma, coef0 } => ("SIGMOID", [gamma, coef0, 3.0]),
    };
    let weights = machine.weights();
    let count = weights.len() / machine.intercepts().len();
    let with_kernel = |made: Making| {
        made.word("kernel_type", name).floats("kernel_params", params.into_iter()).word("post_transform", "NONE")
    };
    match finish {
        Finish::Values(_) if machine.intercepts().len() > 1 => Err(inexpressible("it predicts several values")),
        Finish::Values(_) => Ok(with_kernel(Making::new("SVMRegressor", input, &["variable"]))
            .floats("coefficients", weights.iter().copied())
            .floats("rho", machine.intercepts().iter().copied())
            .floats("support_vectors", machine.points().iter().copied())
            .int("n_supports", count as i64)),
        Finish::Classes { classes, decision: Decision::Positive | Decision::NotNegative, .. } => {
            // The runtime's score speaks for the first class; it does not ask from which class a vector is.
            let made = Making::new("SVMClassifier", input, &["label", "probabilities"]);
            with_kernel(made)
                .floats("coefficients", weights.iter().map(|weight| 0.0 - weight))
                .floats("rho", machine.intercepts().iter().map(|one| 0.0 - one))
                .floats("support_vectors", machine.points().iter().copied())
                .ints("vectors_per_class", [count as i64, 0].into_iter())
                .classes("classlabels_ints", classes, label)
        }
        Finish::Classes { classes, decision: Decision::Votes, .. } => {
            let Grouped { order, sizes, coefficients } = grouped(machine, classes.len())?;
            let features = machine.points().len() / count;
            let points = order.iter().flat_map(|vector| &machine.points()[vector * features..(vector + 1) * features]);
            let made = Making::new("SVMClassifier", input, &["label", "probabilities"]);
            with_kernel(made)
                .floats("coefficients", coefficients.into_iter())
                .floats("rho", machine.intercepts().iter().copied())
                .floats("support_vectors", points.copied())
                .ints("vectors_per_class", sizes.into_iter().map(|size| size as i64))
                .classes("classlabels_ints", classes, label)
        }
        Finish::Classes { .. } => Err(inexpressible("its decision is no vote of pairs of classes")),
    }
}

/// The vectors by their classes, and for each a coefficient against every other class.
struct Grouped {
    order: Vec<usize>,
    sizes: Vec<usize>,
    coefficients: Vec<f64>,
}

/// A vector has weights in the pairs of its own class alone: that is how its class is found.
fn grouped(machine: &Machine, classes: usize) -> Result<Grouped> {
    let pairs: Vec<(usize, usize)> = (0..classes).flat_map(|i| (i + 1..classes).map(move |j| (i, j))).collect();
    let count = machine.weights().len() / pairs.len();
    let weight = |pair: usize, vector: usize| machine.weights()[pair * count + vector];
    let mut of_class: Vec<Vec<usize>> = vec![Vec::new(); classes];
    for vector in 0..count {
        let mut used = pairs.iter().enumerate().filter(|(pair, _)| weight(*pair, vector) != 0.0).map(|(_, pair)| *pair);
        let Some((i, j)) = used.next() else { continue };
        let rest: Vec<(usize, usize)> = used.collect();
        let is = |class: usize| rest.iter().all(|(i, j)| *i == class || *j == class);
        match [i, j].into_iter().find(|class| is(*class)) {
            Some(class) => of_class[class].push(vector),
            None => return Err(inexpressible("a vector has weights for classes that are not its own")),
        }
    }
    let order: Vec<usize> = of_class.iter().flatten().copied().collect();
    let mut coefficients = vec![0.0; order.len() * (classes - 1)];
    let of: Vec<usize> =
        of_class.iter().enumerate().flat_map(|(class, all)| std::iter::repeat_n(class, all.len())).collect();
    for (place, (vector, class)) in order.iter().zip(of).enumerate() {
        for (pair, (i, j)) in pairs.iter().enumerate().filter(|(_, (i, j))| *i == class || *j == class) {
            let other = if *i == class { j - 1 } else { *i };
            coefficients[other * order.len() + place] = weight(pair, *vector);
        }
    }
    Ok(Grouped { order, sizes: of_class.iter().map(Vec::len).collect(), coefficients })
}
