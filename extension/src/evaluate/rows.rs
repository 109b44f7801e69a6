//! Reads the rows of a relation as a model takes them, and has it predict them.

use pgml_core::Error;
use pgml_core::columns::{Column, Labels, Layout, Takes, Wanted as Columns};
use pgml_core::project::Task;

use super::truth::{Reader, Truth};
use crate::catalog::snapshots::{self, Question};
use crate::error::Result;
use crate::memory::Budget;
use crate::predict::stream::{Said, Stream};
use crate::progress::Progress;
use crate::relation::{self, Relation};
use crate::resolution::Wanted;
use crate::rights;
use crate::text;

/// What a model said about the rows of a relation, and their labels.
pub struct Scored {
    pub model: i64,
    pub task: Task,
    /// The sorted classes of the one label of a classification.
    pub known: Vec<Vec<f64>>,
    pub said: Said,
    pub truth: Truth,
}

/// Predict all rows of a relation with all that scores need.
pub fn score(wanted: Wanted<'_>, relation: &str) -> Result<Scored> {
    read(wanted, relation, true)
}

/// Predict the classes of all rows; an error where the model is no classification of one label.
pub fn score_classes(wanted: Wanted<'_>, relation: &str) -> Result<Scored> {
    read(wanted, relation, false)
}

fn read(wanted: Wanted<'_>, name: &str, all: bool) -> Result<Scored> {
    let mut stream = Stream::new(wanted)?;
    let model = stream.id();
    let mut question = rights::of_evaluators(|| snapshots::question(model))?;
    let task = Task::parse(&question.task)?;
    if task == Task::Decomposition {
        return Err(Error::NotEvaluated(model).into());
    }
    let relation = relation::find(name)?;
    if question.relation.is_none() && question.labels.is_empty() && task != Task::Clustering {
        question.labels = vec![only_other(model, &relation, &stream)?];
    }
    let one_label = task == Task::Classification && question.labels.len() == 1;
    let known = if one_label || !all { vec![stream.known_classes()?] } else { Vec::new() };
    let mut said = Said {
        shares: (all && one_label).then(Vec::new),
        features: (all && task == Task::Clustering).then(Vec::new),
        ..Said::default()
    };
    warn_of_own_rows(model, &question, &relation);
    let layout = layout(&relation, &question, stream.columns(), task)?;
    let mut truth = Reader::new(&layout);
    predict(&relation, &layout, &mut stream, &mut truth, &mut said)?;
    if said.rows == 0 {
        return Err(Error::NoRows(relation.name).into());
    }
    let truth = truth.finish(stream.label(), task == Task::Classification)?;
    Ok(Scored { model, task, known, said, truth })
}

/// Read all rows and have them predicted.
fn predict(
    relation: &Relation,
    layout: &Layout,
    stream: &mut Stream,
    truth: &mut Reader,
    said: &mut Said,
) -> Result<()> {
    let features = layout.features.len();
    let (budget, progress) = (Budget::of_scores(), Progress::start());
    let mut rows = 0usize;
    relation::each_row(relation, layout, |row| {
        truth.take(row);
        stream.push((0..features).map(|place| row.field(place)).collect(), said)?;
        rows += 1;
        if rows.is_multiple_of(1024) {
            budget.check(said.numbers() + rows * layout.labels.len(), &relation.name)?;
            progress.tell(|seconds| format!("{rows} rows of {} are predicted after {seconds} s", relation.name));
        }
        Ok(())
    })?;
    stream.predict(said)
}

/// The columns of a relation that the model takes, in its order, and its labels. Others are passed over.
fn layout(relation: &Relation, question: &Question, features: Option<Vec<String>>, task: Task) -> Result<Layout> {
    let columns = relation::columns(relation)?;
    let labels = if task == Task::Classification { Labels::Classes } else { Labels::Numbers };
    let takes = Takes { texts: true, times: true, labels };
    // Snapshots of PostgresML 1.0 don't tell: the model takes all columns then.
    let features = features.or_else(|| question.features.clone()).unwrap_or_else(|| {
        columns.iter().map(|column| column.name.clone()).filter(|name| !question.labels.contains(name)).collect()
    });
    let find = |name: &String| -> Result<Column> {
        let found = columns.iter().find(|column| column.name == *name).cloned();
        Ok(found.ok_or_else(|| Error::NoColumn {
            relation: relation.name.clone(),
            column: name.clone(),
            available: columns.iter().map(|column| column.name.clone()).collect(),
        })?)
    };
    let wanted: Vec<Column> = features.iter().chain(question.labels.iter()).map(find).collect::<Result<_>>()?;
    let columns = Columns { labels: &question.labels, exclude: &[], weight: None, takes };
    Ok(Layout::new(&relation.name, wanted, columns)?)
}

/// The label of a model that was imported: the one column that it does not take.
fn only_other(model: i64, relation: &Relation, stream: &Stream) -> Result<String> {
    let takes = stream.columns().unwrap_or_default();
    let columns = relation::columns(relation)?.into_iter().map(|column| column.name);
    let mut others: Vec<String> = columns.filter(|name| !takes.contains(name)).collect();
    match others.pop() {
        Some(label) if others.is_empty() => Ok(label),
        last => {
            others.extend(last);
            Err(Error::WhichLabel { model, relation: relation.name.clone(), others }.into())
        }
    }
}

/// A model knows the rows that it learned from.
fn warn_of_own_rows(model: i64, question: &Question, relation: &Relation) {
    if question.relation.as_ref() == Some(&relation.name) {
        text::warning(&format!(
            "model {model} was trained on {}: scores on rows that it learned from are too good",
            relation.name
        ));
    }
}
