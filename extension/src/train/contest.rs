//! Which of two models answers: the new one or the deployed one, by their scores on the same rows.
//!
//! A score of last week was given on last week's rows. Where the world has changed since, the old model's is the higher one, and
//! says nothing. So the deployed model predicts the new test rows, too, before anything is decided.

use pgml_core::Error;
use pgml_core::labels::Classes;
use pgml_core::metric::Metric;
use pgml_core::preprocess::Field;
use pgml_core::project::Task;
use pgml_core::split::{Sampling, SplitRows};
use pgml_learn::{Answers, Data};
use serde_json::{Map, Value};

use crate::catalog::projects::{self, Project};
use crate::catalog::snapshots::{self, Snapshot};
use crate::catalog::{Edition, deployments, models};
use crate::error::Result;
use crate::predict::{self, PredictedRows};
use crate::preparation;
use crate::spi;
use crate::text;

/// Below every class that a number is, for classes that the new rows lack.
const STRANGE: f64 = -1e15;

/// The contest of a training, from the moment its rows were read.
pub struct Contest {
    task: Task,
    /// The one that the call names.
    metric: Option<Metric>,
    deploys: bool,
    /// How the rows were split.
    test_size: f32,
    sampling: Sampling,
    label: Vec<f64>,
    /// What the classes of the one label are called.
    classes: Option<Classes>,
    columns: Vec<FeatureColumn>,
    /// The features of the test rows as they were read, and how many numbers a row has.
    read: Vec<f64>,
    width: usize,
    /// The labels of the test rows; for a clustering also the features, as the new model takes them.
    test: Data,
}

/// A feature column as it was read.
struct FeatureColumn {
    name: String,
    array: bool,
    width: usize,
    /// What the numbers stand for, in a column of texts.
    texts: Vec<String>,
}

/// What came of it, and why.
pub struct Verdict {
    pub deployed: bool,
    pub metric: &'static str,
    pub score: Option<f64>,
    /// The deployed model's, on the same rows.
    pub deployed_score: Option<f64>,
    pub reason: String,
}

impl Verdict {
    /// Older editions tell no more than whether a model was deployed.
    pub fn of_older_editions(deployed: bool, task: Task) -> Verdict {
        let metric = task.key_metric();
        Verdict { deployed, metric, score: None, deployed_score: None, reason: String::new() }
    }
}

impl Contest {
    /// Keep the test rows, before the steps of the new model change them.
    pub fn of(rows: &SplitRows, snapshot: &Snapshot, task: Task, metric: Option<Metric>, deploys: bool) -> Contest {
        let matrix = &rows.matrix;
        let train = rows.train();
        let columns =
            rows.layout.features.iter().zip(&matrix.widths).zip(&matrix.texts).map(|((column, width), texts)| {
                FeatureColumn { name: column.name.clone(), array: column.array, width: *width, texts: texts.clone() }
            });
        let columns = columns.collect();
        let label = if matrix.labels == 1 { matrix.y.clone() } else { Vec::new() };
        let read = if deploys { matrix.x[train * matrix.features..].to_vec() } else { Vec::new() };
        let y = matrix.y[train * matrix.labels..].to_vec();
        let test = Data { rows: rows.test, features: 0, labels: matrix.labels, y, ..Data::default() };
        let classes = matrix.classes.first().filter(|_| matrix.labels == 1).cloned();
        let (test_size, sampling, width) = (snapshot.test_size, snapshot.sampling(), matrix.features);
        Contest { task, metric, deploys, test_size, sampling, label, classes, columns, read, width, test }
    }

    /// The rows as the new model takes them: clusters are compared by the distances in them.
    pub fn prepared(&mut self, rows: &SplitRows) {
        if self.task == Task::Clustering && self.deploys {
            let matrix = &rows.matrix;
            self.test.features = matrix.features;
            self.test.x = matrix.x[rows.train() * matrix.features..].to_vec();
        }
    }

    /// Deploy the new model when it is the better one, or there is nothing to compare it with.
    pub fn decide(self, name: &str, model: i64, metrics: &str, redefined: bool) -> Result<Verdict> {
        let project = deployments::decide(name)?;
        let metric = self.metric(&project)?;
        let metrics: Map<String, Value> = serde_json::from_str(metrics).unwrap_or_default();
        let score = metrics.get(metric.name).and_then(Value::as_f64);
        let verdict =
            |deployed, deployed_score, reason| Verdict { deployed, metric: metric.name, score, deployed_score, reason };
        if !self.deploys {
            return Ok(verdict(false, None, "automatic_deploy is false".into()));
        }
        let verdict = match deployments::history(&project)?.first().copied() {
            None => verdict(true, None, "nothing was deployed".into()),
            Some(old) if redefined => {
                let reason = format!("the project was redefined: model {old} predicts with another meaning");
                verdict(true, None, reason)
            }
            Some(old) => match self.deployed_score(&project, old, metric) {
                Err(error) => {
                    text::notice(&format!(
                        "model {model} is deployed: model {old} can't predict the new test rows: {error}"
                    ));
                    verdict(true, None, format!("model {old} can't predict the new test rows: {error}"))
                }
                Ok(deployed_score) => {
                    let better = match (score, deployed_score) {
                        (Some(new), Some(old)) => metric.better(new, old),
                        (new, _) => new.is_some(),
                    };
                    let mut against = self.against(score, deployed_score, old);
                    if self.task != Task::Decomposition && self.has_learned(old)? {
                        against +=
                            &format!(", some of which model {old} has learned from: they were split in another way");
                    }
                    verdict(better, deployed_score, against)
                }
            },
        };
        if verdict.deployed {
            deployments::create(Edition::Current, &project, model, "new_score")?;
        }
        Ok(verdict)
    }

    /// The score that decides: the one that the call names, or the project's, or what fits the classes. The first two stay the
    /// project's.
    fn metric(&self, project: &Project) -> Result<Metric> {
        if let Some(metric) = self.metric {
            projects::set_metric(project, metric)?;
            return Ok(metric);
        }
        if let Some(metric) = projects::metric(project)? {
            return Ok(metric);
        }
        let (metric, share) = Metric::fitting(self.task, &self.label);
        if let Some(share) = share {
            projects::set_metric(project, metric)?;
            text::notice(&format!(
                "the models of project \"{}\" are compared by {}: its smallest class has {:.2} % of the rows, and {} is \
                 high for a model that never predicts it (metric => '{}' asks for it all the same)",
                project.name,
                metric.name,
                share * 100.0,
                Metric::usual(self.task).name,
                Metric::usual(self.task).name
            ));
        }
        Ok(metric)
    }

    /// The score of the deployed model on the test rows; `None` if it is not defined for them.
    fn deployed_score(&self, project: &Project, id: i64, metric: Metric) -> Result<Option<f64>> {
        if self.task == Task::Decomposition {
            // What the components keep of the rows that they were fitted to: nothing that other rows could tell.
            let known = models::candidates(Edition::Current, project, metric.name, None)?;
            return Ok(known.into_iter().find(|candidate| candidate.id == id).and_then(|candidate| candidate.score));
        }
        let noted = match snapshots::feature_names(id)? {
            Some(names) => Some(names),
            // An imported model has no snapshot, and names its columns itself.
            None => spi::as_of_now(|| preparation::load(id))?.map(|steps| steps.columns().map(String::from).collect()),
        };
        let places = self.places(noted)?;
        let rows = self.read.chunks_exact(self.width).map(|row| self.fields(row, &places));
        let wants_shares = ["roc_auc", "log_loss"].contains(&metric.name) && self.test.labels == 1;
        let mut said = spi::as_of_now(|| predict::of_rows(id, rows, wants_shares))?;
        self.translate(&mut said);
        let answers =
            Answers { rows: &self.test, predicted: &said.values, shares: said.shares.as_deref(), known: &said.classes };
        let interrupt = || {
            pgrx::check_for_interrupts!();
        };
        let scores = pgml_learn::scores(self.task, answers, &interrupt);
        Ok(scores.get(metric.name).and_then(Value::as_f64))
    }

    /// Whether the deployed model was trained on some of the test rows, because its own were chosen in another way.
    fn has_learned(&self, id: i64) -> Result<bool> {
        let Some(its) = snapshots::of_model(Edition::Current, id)? else { return Ok(false) };
        // Of a smaller share than before, each was tested on then, too. The first rows become more as the table grows.
        Ok(its.sampling() != self.sampling || self.sampling == Sampling::First || self.test_size > its.test_size)
    }

    /// Write another model's classes as the numbers that they have here; a class that these rows lack is a number of its own.
    fn translate(&self, said: &mut PredictedRows) {
        let PredictedRows { values, classes, label: Some(theirs), .. } = said else { return };
        let Some(ours) = self.classes.as_ref().filter(|ours| *ours != theirs) else { return };
        let number = |value: f64| ours.value(&theirs.name(value)).unwrap_or(STRANGE - value);
        for value in values.iter_mut().chain(classes.iter_mut().flatten()) {
            *value = number(*value);
        }
    }

    /// Where the columns of another model's rows are in these rows; all as they are where it doesn't name them.
    fn places(&self, names: Option<Vec<String>>) -> Result<Vec<usize>> {
        let Some(names) = names else { return Ok((0..self.columns.len()).collect()) };
        let place = |name: &String| {
            let found = self.columns.iter().position(|column| column.name == *name);
            found.ok_or_else(|| Error::NoColumn {
                relation: "the new rows".into(),
                column: name.clone(),
                available: self.columns.iter().map(|column| column.name.clone()).collect(),
            })
        };
        Ok(names.iter().map(place).collect::<std::result::Result<_, Error>>()?)
    }

    /// Some columns of a row.
    fn fields(&self, row: &[f64], places: &[usize]) -> Vec<Field> {
        let mut rest = row;
        let each = self.columns.iter().map(|column| {
            let (values, behind) = rest.split_at(column.width);
            rest = behind;
            values
        });
        let values: Vec<&[f64]> = each.collect();
        places.iter().map(|place| self.columns[*place].field(values[*place])).collect()
    }

    /// "0.81 against 0.84 of model 12 on the same 2,500 rows".
    fn against(&self, score: Option<f64>, deployed: Option<f64>, old: i64) -> String {
        let rows = with_commas(self.test.rows);
        let (new, other) = match (score, deployed) {
            (Some(new), Some(old)) => with_distinct_digits(new, old),
            (new, old) => {
                let one = |score: Option<f64>| score.map_or("no score".to_string(), |score| format!("{score:.4}"));
                (one(new), one(old))
            }
        };
        match self.task {
            Task::Decomposition => format!("{new} against {other} of model {old}, each on its own rows"),
            _ => format!("{new} against {other} of model {old} on the same {rows} rows"),
        }
    }
}

impl FeatureColumn {
    fn field(&self, values: &[f64]) -> Field {
        let known = |value: f64| Some(value).filter(|value| !value.is_nan());
        match (self.array, values) {
            (false, [value]) => match (known(*value), &self.texts[..]) {
                (None, _) => Field::Null,
                (Some(value), []) => Field::Number(value),
                (Some(code), texts) => texts.get(code as usize).map_or(Field::Null, |text| Field::Text(text.clone())),
            },
            _ => Field::Numbers(values.iter().map(|value| known(*value)).collect()),
        }
    }
}

/// Two scores with as many digits as tell them apart, four at least.
fn with_distinct_digits(new: f64, old: f64) -> (String, String) {
    let texts = |digits: usize| (format!("{new:.digits$}"), format!("{old:.digits$}"));
    let differ = (4..12).map(texts).find(|(new, old)| new != old);
    differ.unwrap_or_else(|| texts(4))
}

/// A number with a comma between thousands: 2,500.
fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
