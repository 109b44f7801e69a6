//! What a user can do wrong: each case with its message, its SQLSTATE and what to do about it.
//!
//! All texts are here, so that they can be read side by side and stay in one voice.

use crate::literal::quote_ident;
use crate::relation_name;

/// A mistake in what was asked for, or in the data that was given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    #[error("relation \"{0}\" does not exist")]
    NoRelation(String),
    #[error("\"{0}\" is no name of a relation")]
    RelationName(String),
    #[error("column \"{column}\" of relation {relation} does not exist")]
    NoColumn { relation: String, column: String, available: Vec<String> },
    #[error("column \"{0}\" is named twice as a label")]
    LabelTwice(String),
    #[error("relation {0} has no column to learn from: all of its columns are labels or left out")]
    NoFeatures(String),
    #[error("column \"{column}\" is {is}, so it is no feature that could be left out or used in another way")]
    ExcludedTwice { column: String, is: &'static str },
    #[error("column \"{column}\" has type {type_name}, which cannot be one of several labels")]
    JointLabel { column: String, type_name: String },
    #[error("the weights in column \"{column}\" are {what}")]
    Weights { column: String, what: &'static str },
    #[error(
        "the label of project \"{project}\", column \"{column}\", has type {type_name}, which can be a class or a value: train() needs task"
    )]
    WhichTask { project: String, column: String, type_name: String },
    #[error("the label of model {model} is {is}, and a number says nothing about its classes")]
    LabelNotNumber { model: i64, is: String },
    #[error("model {0} is no classification, so it has no classes")]
    NoClasses(i64),
    #[error("model {model} can't be explained: {why}")]
    NotExplained { model: i64, why: String },
    #[error("model {model} can't be explained: it was stored without {lacks}")]
    TooOldToExplain { model: i64, lacks: &'static str },
    #[error("model {model} can't be explained: the {format} file that it was imported from does not tell {lacks}")]
    ImportedWithout { model: i64, format: String, lacks: &'static str },
    #[error("model {model} has no class \"{class}\"")]
    UnknownClass { model: i64, class: String, known: Vec<String> },
    #[error("model {0} is a decomposition, and no score says how well it decomposes other rows than its own")]
    NotEvaluated(i64),
    #[error("model {model} was imported, and nothing says which column of {relation} is its label")]
    WhichLabel { model: i64, relation: String, others: Vec<String> },
    #[error("label \"{column}\" has the class \"{class}\", and the classes of the model are {classes}")]
    LabelClass { column: String, class: String, classes: &'static str },
    #[error("the row has no column \"{column}\", which model {model} takes")]
    MissingColumn { model: i64, column: String, given: Vec<String> },
    #[error("column \"{column}\" has type {type_name}, which cannot be a {role}")]
    ColumnType { column: String, type_name: String, role: &'static str },
    #[error("relation {0} has no rows")]
    NoRows(String),
    #[error("relation {0} has one row, and training needs at least two")]
    OneRow(String),
    #[error("{what} in {}", list_counts(.columns))]
    BadValues { what: &'static str, columns: Vec<(String, usize)>, null: bool },
    #[error("NULL in {}", list_counts(.columns))]
    NoLabel { columns: Vec<(String, usize)>, label: String },
    #[error(
        "column \"{column}\" has arrays of different sizes: {expected} values in the first row, {found} in row {row}"
    )]
    Ragged { column: String, expected: usize, found: usize, row: usize },
    #[error("column \"{0}\" has empty arrays")]
    EmptyArrays(String),
    #[error("label \"{column}\" has only one class among the {rows} rows to train on")]
    OneClass { column: String, rows: usize },
    #[error("label \"{column}\" has values that are not whole numbers, so they cannot be classes")]
    ContinuousClasses { column: String },
    #[error("test_size {0} leaves nothing to train or test on")]
    TestSize(String),
    #[error("test_size {test} leaves no row to train on: relation {relation} has {rows} rows")]
    TestTooLarge { relation: String, test: String, rows: usize },
    #[error("unknown task \"{0}\"")]
    UnknownTask(String),
    #[error("task \"{0}\" cannot be trained in edition 1.0")]
    UnsupportedTask(String),
    #[error("unknown metric \"{name}\" for {task}")]
    UnknownMetric { name: String, task: &'static str, known: Vec<&'static str> },
    #[error("algorithm {0} is only a name: no runtime trains it")]
    DeclaredOnly(String),
    #[error("the python runtime does not train {0}")]
    NotInPython(String),
    #[error("the rust runtime does not train {algorithm} for {task}")]
    NotInRust { algorithm: String, task: &'static str },
    #[error("preprocess of column \"{column}\": {cause}")]
    Preprocess { column: String, cause: String },
    #[error("column \"{column}\" has {count} categor{} that the list of \"ordinal\" lacks: {}", if *.count == 1 { "y" } else { "ies" }, quoted(.values))]
    NotInList { column: String, values: Vec<String>, count: usize },
    #[error("column \"{0}\" has no value in the rows to train on")]
    AllMissing(String),
    #[error("categories among the test rows that the rows to train on lack, in {}", list_counts(.0))]
    NewCategories(Vec<(String, usize)>),
    #[error("column \"{column}\" has the category \"{value}\", which the rows to train on lacked")]
    NewCategory { column: String, value: String },
    #[error("column \"{column}\" is NULL, and the model fills no gaps of it")]
    MissingValue { column: String, text: bool },
    #[error("column \"{column}\" takes {expected}")]
    FieldType { column: String, expected: &'static str },
    #[error("column \"{column}\" takes {expected} numbers, and {found} were given")]
    FieldSize { column: String, expected: usize, found: usize },
    #[error("model {model} takes {} columns, and {found} were given", .columns.len())]
    ColumnCount { model: i64, columns: Vec<String>, found: usize },
    #[error("model {model} takes a row, because its column \"{column}\" is text")]
    NeedsRow { model: i64, column: String, columns: Vec<String> },
    #[error("column {place} of the row has type {type_name}, which is neither a number nor text")]
    FieldUnknown { place: usize, type_name: String },
    #[error("project \"{name}\" is for {is}, not for {asked}")]
    TaskChanged { name: String, is: String, asked: String },
    #[error("project \"{project}\" predicts {} from {}, and this training {}", quoted(.labels), quoted(.features), sentence(.differences))]
    MeaningChanged { project: String, labels: Vec<String>, features: Vec<String>, differences: Vec<String> },
    #[error(
        "column \"{column}\" is a text with a different value in nearly every row: {distinct} values in {rows} rows"
    )]
    NearlyUnique { column: String, distinct: usize, rows: usize },
    #[error("label \"{column}\" has a different class in nearly every row: {distinct} classes in {rows} rows")]
    UniqueClasses { column: String, distinct: usize, rows: usize },
    #[error("project \"{0}\" does not exist")]
    NoProject(String),
    #[error("project \"{0}\" exists already")]
    ProjectExists(String),
    #[error("model {id} is deployed: it answers for project \"{project}\"")]
    DropDeployed { id: i64, project: String },
    #[error("project \"{project}\" has a deployed model: model {id} answers for it")]
    DropProject { id: i64, project: String },
    #[error("project \"{project}\" is new, so train() needs {missing}")]
    Incomplete { project: String, missing: &'static str },
    #[error("{0} must not be NULL")]
    NullArgument(&'static str),
    #[error("{0} must not be empty")]
    EmptyArgument(&'static str),
    #[error("{name} must be a JSON object, not {found}")]
    NotAnObject { name: &'static str, found: &'static str },
    #[error("model {0} does not exist")]
    NoModel(i64),
    #[error("project \"{0}\" has no deployed model")]
    NothingDeployed(String),
    #[error("model {id} of project \"{project}\" cannot be deployed: its status is {status}")]
    ModelStatus { id: i64, project: String, status: String },
    #[error("project \"{project}\" has no trained model{}", for_algorithm(.algorithm))]
    NoCandidate { project: String, algorithm: Option<String> },
    #[error("project \"{0}\" has no earlier deployment to roll back to")]
    NoRollback(String),
    #[error("strategy \"{0}\" chooses no model by itself")]
    StrategyNeedsModel(String),
    #[error("unknown strategy \"{0}\"")]
    UnknownStrategy(String),
    #[error("unknown test_sampling \"{0}\"")]
    UnknownSampling(String),
    #[error("the rows of snapshot {0} are gone: table pgml.snapshot_{0} does not exist")]
    NoCopy(i64),
    #[error("model {0} has no snapshot")]
    NoSnapshot(i64),
    #[error("model {0} takes finite numbers only")]
    RowRefused(i64),
    #[error("the files of model {0} are missing")]
    NoFiles(i64),
    #[error("the snapshot of model {model} can't be used: {cause}")]
    SnapshotColumns { model: i64, cause: String },
    #[error("file \"{file}\" of model {model} can't be used: {cause}")]
    ModelFile { model: i64, file: &'static str, cause: String },
    #[error("model {model} takes {expected} features, and {found} were given")]
    FeatureCount { model: i64, expected: usize, found: usize },
    #[error("element {0} of the features is NULL")]
    NullFeature(usize),
    #[error("model {model} predicts {labels} labels at once")]
    SeveralLabels { model: i64, labels: usize },
    #[error("project \"{0}\" decomposes nothing: its task is {1}")]
    NotDecomposition(String, String),
    #[error("model {0} does not give probabilities")]
    NoProbabilities(i64),
    #[error("column {0} of the row is text, and the model takes numbers")]
    TextFeature(usize),
    #[error("{found} numbers are not rows of {expected}, which model {model} takes")]
    FlatBatch { model: i64, expected: usize, found: usize },
    #[error("features has {0} dimensions, and a batch has two")]
    BatchShape(usize),
    #[error("the vectors have different lengths: {0} and {1}")]
    VectorLengths(usize, usize),
    #[error("element {0} of the vector is NULL")]
    NullElement(usize),
    #[error("data set \"{0}\" has no subsets and takes no arguments")]
    PlainDataSet(String),
    #[error("\"limit\" must not be negative, and is {0}")]
    NegativeLimit(i32),
}

fn list_counts(columns: &[(String, usize)]) -> String {
    let each: Vec<String> = columns
        .iter()
        .map(|(name, rows)| format!("column \"{name}\" ({rows} row{})", if *rows == 1 { "" } else { "s" }))
        .collect();
    each.join(", ")
}

fn impute_categories(column: &str) -> String {
    format!(
        "Train with preprocess => '{{\"{column}\": {{\"impute\": \"mode\"}}}}', which takes the most frequent one instead."
    )
}

fn sentence(parts: &[String]) -> String {
    parts.join(", and ")
}

fn quoted(values: &[String]) -> String {
    let each: Vec<String> = values.iter().map(|value| format!("\"{value}\"")).collect();
    each.join(", ")
}

fn for_algorithm(algorithm: &Option<String>) -> String {
    algorithm.as_ref().map(|name| format!(" with algorithm \"{name}\"")).unwrap_or_default()
}

impl Error {
    /// The five characters of the SQLSTATE, from Postgres's own table.
    pub fn sqlstate(&self) -> &'static str {
        match self {
            Error::NoRelation(_) | Error::NoCopy(_) => "42P01",
            Error::RelationName(_) => "42602",
            Error::NoColumn { .. } => "42703",
            Error::LabelTwice(_) => "42701",
            Error::ColumnType { .. } | Error::JointLabel { .. } | Error::LabelNotNumber { .. } => "42804",
            Error::ExcludedTwice { .. } | Error::WhichTask { .. } => "22023",
            Error::Weights { .. } => "22000",
            Error::NoClasses(_) => "0A000",
            Error::MissingColumn { .. } => "42703",
            Error::NoRows(_) | Error::OneRow(_) | Error::NoFiles(_) | Error::NothingDeployed(_) => "02000",
            Error::NoSnapshot(_) => "02000",
            Error::ModelFile { .. } | Error::SnapshotColumns { .. } => "XX001",
            Error::BadValues { null: true, .. }
            | Error::NoLabel { .. }
            | Error::NullFeature(_)
            | Error::NullElement(_) => "22004",
            Error::RowRefused(_) => "22003",
            Error::BadValues { .. } | Error::NoFeatures(_) => "22000",
            Error::OneClass { .. } | Error::ContinuousClasses { .. } => "22000",
            Error::Ragged { .. } | Error::EmptyArrays(_) | Error::BatchShape(_) => "2202E",
            Error::VectorLengths(..) | Error::FeatureCount { .. } => "2202E",
            Error::NullArgument(_) => "22004",
            Error::TestSize(_) | Error::TestTooLarge { .. } | Error::EmptyArgument(_) => "22023",
            Error::UnknownMetric { .. } | Error::MeaningChanged { .. } => "22023",
            Error::NearlyUnique { .. } | Error::UniqueClasses { .. } => "22000",
            Error::ProjectExists(_) => "42710",
            Error::DropDeployed { .. } | Error::DropProject { .. } => "55006",
            Error::UnknownTask(_) | Error::TaskChanged { .. } | Error::Incomplete { .. } => "22023",
            Error::NotAnObject { .. } | Error::PlainDataSet(_) | Error::NegativeLimit(_) => "22023",
            Error::StrategyNeedsModel(_) | Error::UnknownStrategy(_) | Error::UnknownSampling(_) => "22023",
            Error::UnsupportedTask(_) | Error::SeveralLabels { .. } | Error::NoProbabilities(_) => "0A000",
            Error::NotDecomposition(..) | Error::NotEvaluated(_) | Error::NotExplained { .. } => "0A000",
            Error::TooOldToExplain { .. } | Error::ImportedWithout { .. } => "55000",
            Error::WhichLabel { .. } => "22023",
            Error::UnknownClass { .. } => "22023",
            Error::LabelClass { .. } => "42804",
            Error::DeclaredOnly(_) => "0A000",
            Error::NotInRust { .. } | Error::NotInPython(_) => "0A000",
            Error::Preprocess { .. } | Error::NotInList { .. } => "22023",
            Error::AllMissing(_) | Error::MissingValue { .. } => "22004",
            Error::NewCategories(_) | Error::NewCategory { .. } => "22000",
            Error::TextFeature(_) | Error::FieldType { .. } | Error::NeedsRow { .. } | Error::FieldUnknown { .. } => {
                "42804"
            }
            Error::FlatBatch { .. } | Error::FieldSize { .. } | Error::ColumnCount { .. } => "2202E",
            Error::NoProject(_) | Error::NoModel(_) | Error::NoCandidate { .. } | Error::NoRollback(_) => "42704",
            Error::ModelStatus { .. } => "55000",
        }
    }

    /// What to do about it. Every error has a hint; the functions below have one for each.
    pub fn hint(&self) -> Option<String> {
        self.hint_about_data().or_else(|| self.hint_about_training()).or_else(|| self.hint_about_models())
    }

    /// The hint where the relation, its columns or its rows are at fault.
    fn hint_about_data(&self) -> Option<String> {
        let hint = match self {
            Error::RelationName(name) => relation_name::advice(name),
            // Postgres reads it in small letters.
            Error::NoRelation(name) if name.contains(char::is_uppercase) && !name.contains('"') => relation_name::advice(name),
            Error::NoRelation(_) => "Name an existing table or view, with its schema when that is not in search_path.".into(),
            Error::NoColumn { available, .. } => format!("It has: {}.", available.join(", ")),
            Error::LabelTwice(_) => "Name each label once in y_column_name.".into(),
            Error::NoFeatures(_) => "Leave at least one column out of y_column_name and exclude.".into(),
            Error::ColumnType { role: "label", .. } => {
                "A label is numeric or boolean; editions 1.0 and 2.10.0 take numbers alone. With the task 'classification' it can also be a \
                 text, an enum, a uuid or a date. Train on a view that converts anything else."
                    .into()
            }
            Error::ColumnType { role: "weight", .. } => "Weights are numbers: name a numeric column in weight_column.".into(),
            Error::ColumnType { column, .. } => {
                format!(
                    "Features are numeric, boolean, text, dates and times, or arrays of numbers: train on a view that converts the \
                     column, or leave it out with exclude => ARRAY['{column}']."
                )
            }
            Error::ExcludedTwice { .. } => "Name the features to leave out in exclude, and another column in weight_column.".into(),
            Error::JointLabel { .. } => "Train a project for each label, with pgml.train().".into(),
            Error::Weights { .. } => "A weight is zero or above, and one row's at least is above zero.".into(),
            Error::NoRows(_) | Error::OneRow(_) => "Check the relation, or the conditions of the view.".into(),
            Error::BadValues { null: true, .. } => {
                "Train on a view that fills the missing values (coalesce) or leaves those rows out (IS NOT NULL), or with \
                 preprocess, which imputes features."
                    .into()
            }
            Error::BadValues { .. } => "Train on a view that leaves those rows out.".into(),
            Error::NoLabel { label, .. } => {
                format!("A row without a label has nothing to teach: use a view that leaves it out (WHERE {} IS NOT NULL).", quote_ident(label))
            }
            Error::Ragged { .. } => "Every row of a column needs an array of the same size.".into(),
            Error::EmptyArrays(_) => "Train on a view that leaves the column out.".into(),
            Error::OneClass { .. } => "Classification needs rows of two classes at least; check the data or the test_sampling.".into(),
            Error::ContinuousClasses { .. } => "Use the task 'regression', or a view that makes classes of the values.".into(),
            Error::TestSize(_) | Error::TestTooLarge { .. } => {
                "Give a share between 0 and 1, or a number of rows smaller than the relation's.".into()
            }
            Error::Preprocess { .. } => {
                "For each column: {\"encode\": \"native\" | \"target\" | \"one_hot\" | \"parts\" | {\"ordinal\": [\"low\", \"high\"]}, \
                 \"impute\": \"mean\", \"scale\": \"standard\"}."
                    .into()
            }
            Error::NotInList { .. } => "Put every category of the column into the list, in its order.".into(),
            Error::AllMissing(_) => "Leave the column out, or use impute \"zero\".".into(),
            Error::NewCategories(columns) => impute_categories(columns.first().map_or("", |(name, _)| name)),
            Error::NewCategory { column, .. } | Error::MissingValue { column, text: true } => impute_categories(column),
            Error::MissingValue { column, .. } => {
                format!("Give a number, or train with preprocess => '{{\"{column}\": {{\"impute\": \"mean\"}}}}'.")
            }
            Error::NearlyUnique { column, .. } => {
                format!("Ids, names and addresses tell a model nothing about other rows: leave it out with exclude => ARRAY['{column}'].")
            }
            Error::UniqueClasses { .. } => {
                "A classification needs several rows of each class: name another label, or for amounts the task 'regression'.".into()
            }
            Error::NoCopy(_) => "Name relation_name and y_column_name: they make a new snapshot.".into(),
            _ => return None,
        };
        Some(hint)
    }

    /// The hint where the arguments of a training, or the project, are.
    fn hint_about_training(&self) -> Option<String> {
        let hint = match self {
            Error::WhichTask { .. } => "Give task => 'classification' or task => 'regression'.".into(),
            Error::UnsupportedTask(_) => "Use 'regression' or 'classification', or a later edition.".into(),
            Error::UnknownTask(_) => {
                "Use 'regression', 'classification', 'clustering' or 'decomposition'.".into()
            }
            Error::DeclaredOnly(_) => "PostgresML declares it, too, and never trained it. Choose another algorithm.".into(),
            Error::NotInPython(_) => "Use runtime => 'rust', or leave runtime out.".into(),
            Error::NotInRust { .. } => {
                "Use runtime => 'python', with the package pgml-python installed, or leave runtime out.".into()
            }
            Error::TaskChanged { .. } => "Use another project name, or leave task out.".into(),
            Error::UnknownMetric { known, .. } => format!("Use {}.", known.join(", ")),
            Error::MeaningChanged { .. } => {
                "Train a relation with the same columns, use another project name, or give the project this meaning with \
                 redefine => true. (exclude replaces what an earlier training left out: name all columns.)"
                    .into()
            }
            Error::ProjectExists(_) => "Choose another name, or drop that project with pgml.drop_project().".into(),
            Error::DropDeployed { .. } => {
                "Deploy another model first with pgml.deploy(), or drop it all the same with force => true.".into()
            }
            Error::DropProject { .. } => "Drop it all the same with force => true: its predictions end.".into(),
            Error::NoProject(name) if name.parse::<i64>().is_ok() => {
                format!(
                    "A model is named by its id as a number: {name}::bigint. SELECT name FROM pgml.projects lists the projects."
                )
            }
            Error::NoProject(_) => "SELECT name FROM pgml.projects lists them; pgml.train() makes one.".into(),
            Error::Incomplete { .. } => {
                "The first training of a project names task, relation_name and y_column_name; later ones may leave them out."
                    .into()
            }
            Error::NullArgument(_) | Error::EmptyArgument(_) => "Give it a value; the arguments are in the documentation.".into(),
            Error::UnknownSampling(_) => "Use 'random', 'first' or 'last'.".into(),
            Error::NotAnObject { .. } => "Give an object such as '{\"max_depth\": 3}'.".into(),
            Error::PlainDataSet(_) => "Leave subset and kwargs out.".into(),
            Error::NegativeLimit(_) => "Give the largest number of rows to load, or leave it out.".into(),
            _ => return None,
        };
        Some(hint)
    }

    /// The hint where a deployment or a prediction is.
    fn hint_about_models(&self) -> Option<String> {
        let hint = match self {
            Error::LabelNotNumber { .. } => {
                "Use pgml.predict_label(), which gives the class, or pgml.predict_classes(), which gives each with its probability."
                    .into()
            }
            Error::NoClasses(_) => "Use pgml.predict().".into(),
            Error::NotExplained { .. } => {
                "Regressions and classifications of one label are explained, by linear models and sums of trees; \
                 docs/sql/evaluation.md has the algorithms."
                    .into()
            }
            Error::TooOldToExplain { .. } => "Train it again: this release stores what explanations need.".into(),
            Error::WhichLabel { others, .. } if others.is_empty() => {
                "Name a relation that has the label beside the columns that the model takes.".into()
            }
            Error::WhichLabel { others, .. } => format!(
                "Name a view of the columns that the model takes and its label, which is one of {}.",
                quoted(&others[..others.len().min(20)])
            ),
            Error::ImportedWithout { format, .. } if format == "onnx" => {
                "ONNX has no place for it: import the model as its library writes it (LightGBM's text, XGBoost's JSON).".into()
            }
            Error::ImportedWithout { .. } => "Import the file as the library that trained the model writes it.".into(),
            Error::UnknownClass { known, .. } => {
                const MOST: usize = 20;
                let more = if known.len() > MOST { format!(" and {} more", known.len() - MOST) } else { String::new() };
                format!("It has {}{more}.", quoted(&known[..known.len().min(MOST)]))
            }
            Error::NotEvaluated(_) => "The scores of its training are in pgml.models.".into(),
            Error::LabelClass { .. } => "Evaluate on a relation whose label has the type that it had in the training.".into(),
            Error::MissingColumn { given, .. } => {
                format!("It has: {}. A row with names is matched by name; an anonymous one, (a, b), by place.", given.join(", "))
            }
            Error::RowRefused(_) => {
                "A row with NaN or an infinity, or with a number that its training's precision can't hold, has no answer.".into()
            }
            Error::NotDecomposition(..) => "Use pgml.predict(), or train a project with the task 'decomposition'.".into(),
            Error::FieldType { .. } | Error::FieldSize { .. } | Error::FieldUnknown { .. } => {
                "Give the columns of the training relation, in its order and without the label, cast to their types.".into()
            }
            Error::ColumnCount { columns, .. } | Error::NeedsRow { columns, .. } => {
                let names = columns.iter().map(|column| quote_ident(column)).collect::<Vec<String>>().join(", ");
                format!("Give a row: pgml.predict(…, ({names})), or pgml.predict(…, t) with FROM relation AS t.")
            }
            Error::UnknownStrategy(_) => "Use 'best_score', 'most_recent' or 'rollback'.".into(),
            Error::NoModel(_) => "SELECT id, name, algorithm FROM pgml.trained_models lists them.".into(),
            Error::NothingDeployed(_) => "Train a model with automatic_deploy, or choose one with pgml.deploy().".into(),
            Error::ModelStatus { .. } => "Deploy a model whose status is successful.".into(),
            Error::NoCandidate { .. } => "Train one with pgml.train(), or name another algorithm.".into(),
            Error::NoRollback(_) => "A rollback needs two deployments of different models.".into(),
            Error::StrategyNeedsModel(_) => {
                "Use 'best_score', 'most_recent' or 'rollback', or pgml.deploy(model_id) for a specific model.".into()
            }
            Error::NoFiles(_) | Error::NoSnapshot(_) => "Train the model again.".into(),
            Error::ModelFile { .. } | Error::SnapshotColumns { .. } => "Restore it from a backup, or train the model again.".into(),
            Error::FeatureCount { .. } => {
                "Give the columns of the training relation, in its order and without the label, arrays flattened.".into()
            }
            Error::NullFeature(_) => "Fill the missing values the way the training data did.".into(),
            Error::SeveralLabels { .. } => "Use pgml.predict_joint().".into(),
            Error::NoProbabilities(_) => "Use pgml.predict(), or train a classification algorithm that estimates them.".into(),
            Error::TextFeature(_) => "Train on the column as text, or give its number.".into(),
            Error::BatchShape(_) | Error::FlatBatch { .. } => "Give an array of rows, such as ARRAY[[1, 2], [3, 4]].".into(),
            Error::VectorLengths(..) => "Both vectors need the same length.".into(),
            Error::NullElement(_) => "Replace it with array_replace(vector, NULL, 0) or array_remove(vector, NULL).".into(),
            _ => return None,
        };
        Some(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hints are in several functions, so the compiler does not see that a new error has none.
    #[test]
    fn every_error_has_a_hint() {
        let source = include_str!("error.rs");
        let between = |start: &str, end: &str| {
            let rest = source.split_once(start).expect(start).1;
            rest.split_once(end).expect(end).0
        };
        let hints = between("fn hint_about_data", "#[cfg(test)]");
        let declared = between("pub enum Error {", "\n}\n").lines().filter_map(|line| line.strip_prefix("    "));
        let names = declared.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
        let names: Vec<&str> = names.filter_map(|line| line.split([' ', '(', ',']).next()).collect();
        let without = names.iter().filter(|name| {
            let named = format!("Error::{name}");
            !hints.match_indices(&named).any(|(at, _)| !hints[at + named.len()..].starts_with(char::is_alphanumeric))
        });
        assert!(names.len() > 60, "{names:?}");
        assert_eq!(without.collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn bad_values_name_every_column_and_its_rows() {
        let error = Error::BadValues { what: "NULL", columns: vec![("age".into(), 1), ("pay".into(), 12)], null: true };
        assert_eq!(error.to_string(), "NULL in column \"age\" (1 row), column \"pay\" (12 rows)");
        assert_eq!(error.sqlstate(), "22004");
    }

    #[test]
    fn a_candidate_names_its_algorithm_only_when_asked_for() {
        let any = Error::NoCandidate { project: "p".into(), algorithm: None };
        assert_eq!(any.to_string(), "project \"p\" has no trained model");
        let one = Error::NoCandidate { project: "p".into(), algorithm: Some("svm".into()) };
        assert_eq!(one.to_string(), "project \"p\" has no trained model with algorithm \"svm\"");
    }
}
