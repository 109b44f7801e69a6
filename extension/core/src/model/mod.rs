//! Trained models that predict without Python: what `docs/model-format.md` describes, read once and evaluated many times.
//!
//! The reader ([`Model::read`]) trusts nothing in the bytes; the evaluation trusts what the reader checked. Neither may
//! panic, whatever the bytes, and no row may be answered otherwise than Python would: a row that Python might refuse (a NaN
//! or an infinity, a number beyond `float32`) gets no answer here, and [`check`] refuses a model that differs.

pub mod check;
mod compiled;
mod decide;
mod descent;
mod description;
mod evaluation;
pub mod explain;
pub mod forest;
mod kernel;
mod leaves;
mod linear;
mod neighbours;
mod read;
mod sets;
mod shared;
mod view;
mod write;

pub use compiled::Level;
pub use decide::{Decision, Finish, Link, Probabilities};
pub use forest::Forest;
pub use kernel::{Kernel, Machine};
pub use leaves::Places;
pub use linear::Linear;
pub use neighbours::Neighbours;
pub use read::ReadError;
pub use sets::{NO_SET, Sets};
pub use shared::Layout;
pub use write::WriteError;

/// A model in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Features of a row.
    pub features: usize,
    parts: Vec<Part>,
}

/// What predicts one label, or several at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    scores: Scores,
    finish: Finish,
}

/// How a row becomes numbers. (A model has one for each label: their size does not matter.)
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant)]
pub enum Scores {
    Linear(Linear),
    Machine(Machine),
    Forest(Forest),
    Neighbours(Neighbours),
}

/// Memory that evaluations use again and again.
#[derive(Debug, Default)]
pub struct Work {
    row: Vec<f64>,
    scores: Vec<f64>,
    probabilities: Vec<f64>,
    pairs: Vec<(f64, f64)>,
    leaves: Vec<u32>,
    /// Scores in `float32`.
    singles: Vec<f32>,
    /// The scores of several rows.
    gathered: Vec<f64>,
    room: compiled::Room,
}

impl Work {
    /// Memory for evaluations with the instructions of a level that is here. All levels give the same answers.
    pub fn on(level: Level) -> Option<Work> {
        let mut work = Work::default();
        work.room.level = level;
        level.is_here().then_some(work)
    }
}

/// The row is one that Python has to see, because it may refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskPython;

impl Model {
    /// A model of parts that each take rows of `features` values; none without parts.
    pub fn new(features: usize, parts: Vec<Part>) -> Option<Model> {
        (features > 0 && !parts.is_empty()).then_some(Model { features, parts })
    }

    /// The values that [`Model::predict`] gives for a row.
    pub fn labels(&self) -> usize {
        self.parts.iter().map(Part::labels).sum()
    }

    /// The values that [`Model::probabilities`] gives for a row; none when only Python can tell.
    pub fn classes(&self) -> Option<usize> {
        match &self.parts[..] {
            [Part { finish: Finish::Classes { classes, probabilities: Some(_), .. }, .. }] => Some(classes.len()),
            _ => None,
        }
    }

    /// The classes of the one label, in the order of the probabilities; none for a regression and for several labels.
    pub fn class_values(&self) -> Option<&[f64]> {
        match &self.parts[..] {
            [Part { finish: Finish::Classes { classes, .. }, .. }] => Some(classes),
            _ => None,
        }
    }

    /// Predict one row, which has [`Model::features`] values; the labels are added to `out`.
    pub fn predict(&self, row: &[f64], work: &mut Work, out: &mut Vec<f64>) -> Result<(), AskPython> {
        if row.len() != self.features {
            return Err(AskPython);
        }
        for part in &self.parts {
            part.scores.of(row, work)?;
            part.finish.label(&work.scores, &mut work.probabilities, out);
        }
        Ok(())
    }

    /// Predict rows, one after the other in `rows`; their labels are added to `out`. Trees take several at once.
    pub fn predict_rows(&self, rows: &[f64], work: &mut Work, out: &mut Vec<f64>) -> Result<(), AskPython> {
        if !rows.len().is_multiple_of(self.features) {
            return Err(AskPython);
        }
        let [Part { scores: Scores::Forest(forest), finish }] = &self.parts[..] else {
            return rows.chunks_exact(self.features).try_for_each(|row| self.predict(row, work, out));
        };
        for some in rows.chunks(self.features * forest.rows_at_once()) {
            forest.scores_of(some, self.features, work)?;
            for scores in work.scores.chunks_exact(forest.width()) {
                finish.label(scores, &mut work.probabilities, out);
            }
        }
        Ok(())
    }

    /// The probability of each class for one row, added to `out`.
    pub fn probabilities(&self, row: &[f64], work: &mut Work, out: &mut Vec<f64>) -> Result<(), AskPython> {
        match &self.parts[..] {
            [Part { scores, finish: Finish::Classes { probabilities: Some(kind), .. } }]
                if row.len() == self.features =>
            {
                scores.of(row, work)?;
                kind.of(&work.scores, out);
                Ok(())
            }
            _ => Err(AskPython),
        }
    }

    /// Whether predictions are sums of the very numbers that training gave, in the same order: no rounding may differ.
    fn is_exact(&self) -> bool {
        let exact =
            |part: &Part| matches!((&part.scores, &part.finish), (Scores::Forest(_), Finish::Values(Link::Identity)));
        self.parts.iter().all(exact)
    }
}

impl Part {
    /// None when such scores can't be finished so.
    pub fn new(scores: Scores, finish: Finish) -> Option<Part> {
        finish.fits(scores.width()).then_some(Part { scores, finish })
    }

    fn labels(&self) -> usize {
        match &self.finish {
            Finish::Values(_) => self.scores.width(),
            Finish::Classes { .. } => 1,
        }
    }
}

impl Scores {
    fn width(&self) -> usize {
        match self {
            Scores::Linear(linear) => linear.width(),
            Scores::Machine(machine) => machine.width(),
            Scores::Forest(forest) => forest.width(),
            Scores::Neighbours(neighbours) => neighbours.width(),
        }
    }

    /// Compute the scores of a row into `work.scores`.
    fn of(&self, row: &[f64], work: &mut Work) -> Result<(), AskPython> {
        match self {
            Scores::Linear(linear) => linear.scores(row, &mut work.scores),
            Scores::Machine(machine) => machine.scores(row, &mut work.scores),
            Scores::Forest(forest) => forest.scores(row, work),
            Scores::Neighbours(neighbours) => neighbours.scores(row, work),
        }
    }
}

/// The place of the largest value; of several, the first. NumPy's `argmax`.
fn largest(values: &[f64]) -> usize {
    let mut best = 0;
    for (place, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = place;
        }
    }
    best
}
