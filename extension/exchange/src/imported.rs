//! A model that a file had, with what is still missing: names, and what its classes are called.

use pgml_core::labels::Classes;
use pgml_core::model::forest::{Combine, Input, LEAF};
use pgml_core::model::{Finish, Kernel, Model, Part, Scores};
use pgml_core::preprocess::{Column, Preprocess};
use pgml_core::project::Task;

use crate::error::{Error, Result};
use crate::limits::{FILE_DEPTH, FILE_NODES};

/// A model of a file.
#[derive(Debug)]
pub struct Imported {
    pub model: Model,
    /// The columns of a row; their names are the file's, or none of any use.
    pub columns: Vec<Column>,
    /// Whether the file names the columns.
    pub is_named: bool,
    /// What the classes are called, where the file tells.
    pub label: Option<Classes>,
    /// What made the file, for people.
    pub made_by: String,
    /// What trained the model, where the file tells.
    pub algorithm: Option<String>,
}

/// More bytes than this of a file's own words are not shown.
const MOST_WORDS: usize = 200;

impl Imported {
    /// Columns that the model takes as they are.
    pub fn plain(model: Model, names: Vec<String>, made_by: String) -> Imported {
        let is_named = names.len() == model.features;
        let missing = takes_missing(&model);
        let name = |place: usize| names.get(place).filter(|_| is_named).cloned().unwrap_or_default();
        let column = |place| Column { missing, ..Column::plain(&name(place), 1) };
        let columns = (0..model.features).map(column).collect();
        Imported { model, columns, is_named, label: None, made_by, algorithm: None }
    }

    /// The model and its columns, with the names that the caller gives.
    pub fn finish(
        self,
        task: Task,
        features: Option<Vec<String>>,
        classes: Option<Vec<String>>,
    ) -> Result<(Model, Preprocess)> {
        check_size(&self.model)?;
        check_numbers(&self.model, &self.columns)?;
        check_task(&self.model, task)?;
        let Imported { mut model, mut columns, is_named, mut label, .. } = self;
        match features {
            Some(names) if names.len() != columns.len() => {
                return Err(Error::FeatureNames { given: names.len(), columns: columns.len() });
            }
            Some(names) => columns.iter_mut().zip(names).for_each(|(column, name)| column.name = name),
            None if !is_named => return Err(Error::NoFeatureNames(columns.len())),
            None => {}
        }
        check_names("features", columns.iter().map(|column| column.name.as_str()))?;
        let known = model.class_values().map(<[f64]>::to_vec);
        match (known, classes) {
            (Some(known), Some(names)) => {
                check_names("classes", names.iter().map(String::as_str))?;
                if known.len() != names.len() {
                    return Err(Error::ClassNames { given: names.len(), classes: known.len() });
                }
                let (called, values) = named(names);
                model = with_classes(&model, &values).ok_or_else(|| broken("its classes don't fit its scores"))?;
                label = Some(called);
            }
            (None, Some(_)) => return Err(Error::ClassNamesOfNone),
            (Some(known), None) if label.is_none() && task == Task::Classification => {
                label = Some(Classes::of_numbers(false, known.into_iter()));
            }
            (_, None) => {}
        }
        let preprocess = Preprocess::new(columns, label).map_err(|error| broken(&error.to_string()))?;
        match preprocess.outputs() == model.features {
            true => Ok((model, preprocess)),
            false => Err(broken("its columns give another number of features than the model takes")),
        }
    }
}

fn broken(cause: &str) -> Error {
    Error::Broken { format: "model", place: "as a whole".into(), cause: cause.to_string() }
}

/// The words of a file about itself, shortened, and without what a terminal would not show.
pub fn words(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(MOST_WORDS).collect()
}

fn check_names<'a>(what: &'static str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if name.is_empty() || !seen.insert(name) {
            return Err(Error::Names { what, name: words(name) });
        }
    }
    Ok(())
}

/// Classes of these names: the truth, whole numbers, or texts, and the model's values for them.
fn named(names: Vec<String>) -> (Classes, Vec<f64>) {
    let places = || (0..names.len()).map(|place| place as f64).collect();
    if names == ["false", "true"] {
        return (Classes::Boolean, places());
    }
    let whole = |name: &String| name.parse::<i32>().ok().filter(|number| number.to_string() == *name).map(f64::from);
    match names.iter().map(whole).collect::<Option<Vec<f64>>>() {
        Some(numbers) => (Classes::of_numbers(false, numbers.iter().copied()), numbers),
        None => {
            let places = places();
            (Classes::Texts { type_name: "text".into(), texts: names }, places)
        }
    }
}

/// The model with other numbers for its classes.
pub fn with_classes(model: &Model, values: &[f64]) -> Option<Model> {
    let [part] = model.parts() else { return None };
    let Finish::Classes { decision, probabilities, .. } = part.finish() else { return None };
    let finish = Finish::Classes { classes: values.to_vec(), decision: *decision, probabilities: *probabilities };
    Model::new(model.features, vec![Part::new(part.scores().clone(), finish)?])
}

fn takes_missing(model: &Model) -> bool {
    model.parts().iter().all(|part| match part.scores() {
        Scores::Forest(forest) => {
            matches!(forest.input(), Input::Float64Missing | Input::Float32Missing | Input::LightGbm)
        }
        _ => false,
    })
}

/// The limits on trees, for the formats whose reader has none.
fn check_size(model: &Model) -> Result<()> {
    let mut all = 0;
    for part in model.parts() {
        let Scores::Forest(forest) = part.scores() else { continue };
        let nodes = forest.nodes();
        all += nodes.len();
        if all > FILE_NODES {
            return Err(Error::TooLarge { what: "nodes", found: all, limit: FILE_NODES });
        }
        // Children come after their parents.
        let mut levels = vec![0u32; nodes.len()];
        for (place, node) in nodes.iter().enumerate().filter(|(_, node)| node.feature != LEAF) {
            let level = levels[place] + 1;
            levels[node.left as usize] = level;
            levels[node.right as usize] = level;
        }
        let deepest = levels.into_iter().max().unwrap_or(0) as usize;
        if deepest > FILE_DEPTH {
            return Err(Error::TooLarge { what: "levels in a tree", found: deepest, limit: FILE_DEPTH });
        }
    }
    Ok(())
}

/// What is stored as JSON has to be finite: a file with another number could not be read again.
fn check_numbers(model: &Model, columns: &[Column]) -> Result<()> {
    let of_kernel = |part: &Part| match part.scores() {
        Scores::Machine(machine) => match machine.kernel() {
            Kernel::Linear => true,
            Kernel::Rbf { gamma } => gamma.is_finite(),
            Kernel::Poly { gamma, coef0, degree } => [gamma, coef0, degree].iter().all(|one| one.is_finite()),
            Kernel::Sigmoid { gamma, coef0 } => gamma.is_finite() && coef0.is_finite(),
        },
        _ => true,
    };
    let of_combination = |part: &Part| match part.scores() {
        Scores::Forest(forest) => match forest.combination() {
            Combine::Sum { init, divisor, .. } => init.iter().chain(divisor).all(|one| one.is_finite()),
            Combine::Median { .. } => true,
        },
        _ => true,
    };
    if !model.parts().iter().all(|part| of_kernel(part) && of_combination(part)) {
        return Err(broken("a number of its kernel or of its sums is not finite"));
    }
    let is_finite = |column: &&Column| {
        let values = column.categories.iter().flat_map(|categories| categories.values.values().copied());
        let scale = column.scale.into_iter().flat_map(|(center, divisor)| [center, divisor]);
        values.chain(scale).chain(column.fill).all(f64::is_finite)
    };
    match columns.iter().find(|column| !is_finite(column)) {
        Some(column) => Err(broken(&format!("a number of column \"{}\" is not finite", words(&column.name)))),
        None => Ok(()),
    }
}

fn check_task(model: &Model, task: Task) -> Result<()> {
    let classes = |part: &Part| matches!(part.finish(), Finish::Classes { .. });
    let fits = match task {
        Task::Regression | Task::Decomposition => !model.parts().iter().any(classes),
        Task::Classification => model.parts().iter().all(classes),
        Task::Clustering => model.labels() == 1,
    };
    if fits { Ok(()) } else { Err(Error::Task { task: task.name() }) }
}
